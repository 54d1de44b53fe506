//! `source_anomaly`: the source contradicts itself (all empty, the canaries went quiet, a row that cannot be read).

use crate::model::Subject;
use crate::{
    mirror::{Anomaly, Mirror},
    rules::{
        finding::{Closing, Tells, Window},
        look::{Look, Particulars},
    },
};

/// How many anomalies are spelt out; the rest is a number.
const SPELT_OUT: usize = 5;

/// Broken while there is any.
#[must_use]
pub fn look(anomalies: &[Anomaly], mirror: &Mirror) -> Look {
    match anomalies.first() {
        Some(first) => Look::certain(
            Window { opens_at: first.since, closes_at: None },
            mirror.last_ok_at().unwrap_or(first.since).max(first.since),
        ),
        None => Look::never(Closing::Recovered),
    }
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
