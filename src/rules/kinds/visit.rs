//! What the kinds about visits share: what an alert about one tells.

use crate::{
    mirror::{Mirror, visits::VisitEntry},
    model::Section,
    rules::{finding::Tells, look::Particulars},
};

/// What an alert about a visit tells.
#[must_use]
pub fn particulars(entry: &VisitEntry, mirror: &Mirror, tells: Tells) -> Particulars {
    let shift = entry.shift.as_ref().and_then(|key| mirror.shift(key));
    let client = entry.visit.client.clone().or_else(|| shift.map(|shift| shift.shift.key.client.clone()));
    let mut annotations = Vec::new();
    if let Some(shift) = shift {
        annotations.push(("shift_ref".to_owned(), shift.shift.key.id.to_string()));
    }
    Particulars {
        deadline: None,
        starts_at: shift
            .map(|shift| shift.shift.start())
            .or_else(|| entry.visit.check_in.and_then(|at| mirror.visit_instant(entry, at))),
        ends_at: shift.map(|shift| shift.shift.end),
        location: client.as_ref().map(|client| mirror.location_of(client)).unwrap_or_default(),
        subject_labels: vec![("visit", entry.visit.id.to_string())],
        past_bad_rows: client.as_ref().is_some_and(|c| mirror.past_bad_rows(Section::Visits, c)),
        client,
        // Who a runaway visit waits for is asked of its shift.
        caregiver: matches!(tells, Tells::Exception(_)).then(|| entry.visit.caregiver.clone()).flatten(),
        tells,
        annotations,
        lost_at: None,
    }
}
