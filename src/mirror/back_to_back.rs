//! Shifts of one client and caregiver that follow one another: who stays for both often checks in and out once.
//!
//! The visit belongs to the shift it was matched to. Whoever asks about the next one learns here that its caregiver
//! was already there, and whoever asks about the first one how long they are expected to stay.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{Mirror, changes::Applied, shifts::ShiftEntry, visits::VisitEntry};
use crate::model::{ClientId, Instant, Subject};

/// So much time between two shifts is none: nobody leaves for it.
const BREAK_MAX: TimeDelta = TimeDelta::minutes(15);
/// Nobody looks back for a shift that lasted longer.
const LONGEST: TimeDelta = TimeDelta::hours(25);
/// A chain of more shifts than this is no chain; more than a day of eight-hour shifts by one person is a typing error.
const CHAIN_MAX: usize = 6;

impl Mirror {
    /// The visit of an earlier shift in whose course this one began: it was seen open since then, or ended later.
    #[must_use]
    pub fn carried_into<'a>(&'a self, entry: &'a ShiftEntry) -> Option<&'a VisitEntry> {
        let start = entry.shift.start();
        let mut first = entry;
        for _ in 0..CHAIN_MAX {
            first = self.before(first)?;
            let visit = self.visits_of(first).find(|visit| {
                visit.visit.caregiver == entry.shift.caregiver
                    && match visit.visit.check_out {
                        None => visit.missed_at.is_none() && visit.seen_at >= start,
                        Some(out) => self.visit_instant(visit, out).is_some_and(|out| out > start),
                    }
            });
            if visit.is_some() {
                return visit;
            }
        }
        None
    }

    /// The end of the last shift that a visit to this one may last for: its own, unless its caregiver is expected to
    /// stay on and has not checked in anew.
    #[must_use]
    pub fn stays_until(&self, entry: &ShiftEntry) -> Instant {
        let mut last = entry;
        for _ in 0..CHAIN_MAX {
            let Some(next) = self.after(last).filter(|next| next.visits.is_empty()) else { break };
            last = next;
        }
        last.shift.end
    }

    fn before<'a>(&'a self, next: &'a ShiftEntry) -> Option<&'a ShiftEntry> {
        let start = next.shift.start();
        self.shifts.beside(&next.shift.key, start - LONGEST - BREAK_MAX, start).find(|before| follows(before, next))
    }

    fn after<'a>(&'a self, before: &'a ShiftEntry) -> Option<&'a ShiftEntry> {
        let end = before.shift.end;
        let until = end + BREAK_MAX + TimeDelta::microseconds(1);
        self.shifts.beside(&before.shift.key, end, until).find(|next| follows(before, next))
    }

    /// What is said of a shift depends on its neighbours: they are looked at with it.
    pub(super) fn see_neighbours(&self, out: &mut Applied) {
        let shifts = |subjects: &BTreeSet<Subject>| -> Vec<_> {
            let keys = subjects.iter().filter_map(|subject| match subject {
                Subject::Shift(key) => Some(key.clone()),
                _ => None,
            });
            keys.collect()
        };
        let changed: BTreeSet<ClientId> = shifts(&out.changes.changed).into_iter().map(|key| key.client).collect();
        for client in changed {
            for entry in self.shifts.of_client(&client) {
                out.changes.see(Subject::Shift(entry.shift.key.clone()));
                for visit in &entry.visits {
                    out.changes.see(Subject::Visit(visit.clone()));
                }
            }
        }
        for key in shifts(&out.changes.seen) {
            let Some(mut last) = self.shifts.get(&key).filter(|entry| !entry.visits.is_empty()) else { continue };
            for _ in 0..CHAIN_MAX {
                let Some(next) = self.after(last) else { break };
                out.changes.see(Subject::Shift(next.shift.key.clone()));
                last = next;
            }
        }
    }
}

/// Whether one caregiver is expected to stay on from one shift into the next.
fn follows(before: &ShiftEntry, next: &ShiftEntry) -> bool {
    let between = next.shift.start() - before.shift.end;
    before.shift.key.start < next.shift.key.start
        && (TimeDelta::zero()..=BREAK_MAX).contains(&between)
        && before.shift.caregiver.is_some()
        && before.shift.caregiver == next.shift.caregiver
        && !before.shift.is_cancelled()
        && !next.shift.is_cancelled()
}
