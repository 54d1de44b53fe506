//! What the operating system says of this process: processor time, memory, start. Absent where it does not say.

use std::fs;

use super::{family as f, page::Page};

/// Ticks a second in `/proc/self/stat`; the kernel has shown 100 to every program since 2.6.
const TICKS_PER_SECOND: f64 = 100.0;

/// Writes the process families.
pub(super) fn write(page: &mut Page) {
    let stat = fs::read_to_string("/proc/self/stat").ok();
    page.family(&f::PROCESS_CPU).maybe(&[], stat.as_deref().and_then(cpu_seconds));
    let status = fs::read_to_string("/proc/self/status").ok();
    page.family(&f::PROCESS_MEMORY).maybe(&[], status.as_deref().and_then(resident_bytes));
    let boot = fs::read_to_string("/proc/stat").ok();
    let started = stat.as_deref().and_then(start_ticks).zip(boot.as_deref().and_then(boot_seconds));
    page.family(&f::PROCESS_START).maybe(&[], started.map(|(ticks, boot)| boot + ticks / TICKS_PER_SECOND));
}

/// The fields after the command's closing bracket, from the third (`state`) on.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(number - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_ticks(stat: &str) -> Option<f64> {
    field(stat, 22)
}

fn boot_seconds(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn resident_bytes(status: &str) -> Option<f64> {
    let kib: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "17 (a (strange) name) S 1 17 17 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 3 0 4200 1 2 3";

    #[test]
    fn fields_are_counted_after_the_last_bracket() {
        assert_eq!(cpu_seconds(STAT), Some(2.0));
        assert_eq!(start_ticks(STAT), Some(4200.0));
        assert_eq!(boot_seconds("cpu 1 2\nbtime 1790000000\n"), Some(1_790_000_000.0));
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
    }

    #[test]
    fn strange_answers_are_no_answer() {
        for stat in ["", ")", "1 (x) S", "1 (x) S a b c d e f g h i j k l m"] {
            assert_eq!(cpu_seconds(stat), None, "{stat}");
        }
        assert_eq!(resident_bytes("VmRSS: many"), None);
    }
}
