//! How urgent an alert is, from its `severity` label.

use super::alert::Labels;

/// 0 = critical, 1 = page, 2 = warning, 3 = info, anything else or nothing: low numbers first.
#[must_use]
pub fn rank(labels: &Labels) -> u8 {
    match labels.get("severity").map_or("", String::as_str) {
        "critical" => 0,
        "page" => 1,
        "warning" => 2,
        _ => 3,
    }
}
