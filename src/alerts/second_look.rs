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
    let starts_at = facts.starts_at.unwrap_or(now);
    let around = |last: Instant| Span { from: starts_at - CONFIRM_AROUND, until: last + CONFIRM_AROUND };
    // A row is read by its start; a check-in can have come until now, or until the shift was over.
    let came_by = facts.ends_at.unwrap_or(starts_at).min(now).max(starts_at);
    let shifts = Read::Shifts { client: client.clone(), span: around(starts_at), confirming: true };
    let visits = Read::Visits { client: Some(client.clone()), span: around(came_by), confirming: true };
    match facts.tells {
        Tells::Uncovered => vec![shifts],
        // The vendor may say either way that nobody is missed: a check-in, or a shift that is gone.
        Tells::NoCheckIn | Tells::NoShow => vec![visits, shifts],
        Tells::NoCheckOut | Tells::Runaway => vec![visits],
        // What is not as planned was read, not missed; and nobody is woken for it.
        Tells::Blind { .. } | Tells::Exception(_) | Tells::Summary => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::local_time::from_micros, rules::finding::Window};

    fn at(hours: i64) -> Instant {
        from_micros(1_790_000_000_000_000) + TimeDelta::hours(hours)
    }

    fn spans(tells: Tells, ends_at: Instant, now: Instant) -> Vec<(i64, i64)> {
        let facts = Facts {
            window: Window { opens_at: now, closes_at: None },
            starts_at: Some(at(0)),
            ends_at: Some(ends_at),
            deadline: None,
            location: String::new(),
            client: Some("c1".into()),
            caregiver: None,
            tells,
        };
        let hours = |instant: Instant| (instant - at(0)).num_hours();
        let reads = reads_to_confirm(&facts, now);
        reads
            .iter()
            .map(|read| match read {
                Read::Shifts { span, .. } | Read::Visits { span, .. } => (hours(span.from), hours(span.until)),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_second_look_reaches_around_the_start_and_for_check_ins_up_to_now() {
        let year_9999 = from_micros(253_402_300_799_000_000);
        let rows = [
            (Tells::Uncovered, at(4), at(-4), vec![(-25, 25)], "before the start"),
            (Tells::Uncovered, year_9999, at(1), vec![(-25, 25)], "a far end is not read up to"),
            (Tells::NoCheckIn, at(4), at(1), vec![(-25, 26), (-25, 25)], "check-ins until now"),
            (Tells::NoCheckIn, year_9999, at(1), vec![(-25, 26), (-25, 25)], "also with a far end"),
            (Tells::NoCheckOut, at(4), at(40), vec![(-25, 29)], "or until the shift was over"),
        ];
        for (tells, ends_at, now, expected, shows) in rows {
            assert_eq!(spans(tells, ends_at, now), expected, "{shows}");
        }
    }
}
