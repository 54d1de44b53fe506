//! Confirm before paging: which reads make the second look at what an alert says.

use chrono::TimeDelta;

use super::alert::Facts;
use crate::{
    model::Instant,
    rules::finding::Tells,
    source::fetched::{Read, Span},
};

/// How far around a shift a confirming read looks: far enough to see where it moved to (within a day either way).
const CONFIRM_AROUND: TimeDelta = TimeDelta::hours(25);

/// The reads that make the second look at what an alert says; none for what is not read from the schedule.
pub(super) fn reads_to_confirm(facts: &Facts, now: Instant) -> Vec<Read> {
    let Some(client) = &facts.client else { return Vec::new() };
    let (starts_at, ends_at) = (facts.starts_at.unwrap_or(now), facts.ends_at.or(facts.starts_at).unwrap_or(now));
    let span = Span { from: starts_at - CONFIRM_AROUND, until: ends_at.max(starts_at) + CONFIRM_AROUND };
    let shifts = Read::Shifts { client: client.clone(), span, confirming: true };
    let visits = Read::Visits { client: Some(client.clone()), span, confirming: true };
    match facts.tells {
        Tells::Uncovered => vec![shifts],
        // The vendor may say either way that nobody is missed: a check-in, or a shift that is gone.
        Tells::NoCheckIn | Tells::NoShow => vec![visits, shifts],
        Tells::NoCheckOut | Tells::Runaway => vec![visits],
        Tells::Blind { .. } | Tells::Summary => Vec::new(),
    }
}
