//! `source_anomaly`: the source contradicts itself (all empty, the canaries went quiet, a row that cannot be read).

use crate::model::{Section, Subject};
use crate::{
    mirror::{Anomaly, Mirror},
    rules::{
        finding::{Closing, Tells, Window},
        look::{Look, Particulars},
    },
};

/// How many anomalies are spelt out; the rest is a number.
const SPELT_OUT: usize = 5;

/// Broken while there is any. Some are not stored: after a start an open alert stays until everything due was read.
#[must_use]
pub fn look(anomalies: &[Anomaly], mirror: &Mirror, is_open: bool) -> Look {
    match anomalies.first() {
        Some(first) => Look::certain(
            Window { opens_at: first.since, closes_at: None },
            mirror.last_ok_at().unwrap_or(first.since).max(first.since),
        ),
        None if is_open && !(mirror.has_caught_up() && has_read_shifts(mirror)) => Look::unsettled(Section::Shifts),
        None => Look::never(Closing::Recovered),
    }
}

/// Whether this process has read shifts, if anybody ever has.
fn has_read_shifts(mirror: &Mirror) -> bool {
    mirror.section(Section::Shifts).read_at.is_none_or(|at| at >= mirror.began_at())
}

/// What its alert tells.
#[must_use]
pub fn particulars(anomalies: &[Anomaly]) -> Particulars {
    let mut particulars = Particulars::of(&Subject::Agency, Tells::Summary);
    let mut cause: Vec<&str> = anomalies.iter().take(SPELT_OUT).map(|anomaly| anomaly.what.as_str()).collect();
    let more = anomalies.len().saturating_sub(SPELT_OUT);
    let more_text = format!("and {more} more");
    if more > 0 {
        cause.push(&more_text);
    }
    let mut sections: Vec<&str> = anomalies.iter().map(|anomaly| anomaly.section.as_str()).collect();
    sections.sort_unstable();
    sections.dedup();
    particulars.annotations = vec![
        ("cause".to_owned(), cause.join("; ")),
        ("sections".to_owned(), sections.join(", ")),
        ("counts".to_owned(), anomalies.len().to_string()),
    ];
    particulars
}
