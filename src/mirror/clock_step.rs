//! The clock stepped back, or the store was written by a clock that ran ahead: some stamps lie in the future.
//!
//! Kept, they would refuse every newer row as an older one until the clock caught up with them, and pass for fresh
//! evidence all the while. Nobody knows when what carries such a stamp was really read, so it counts as never read:
//! rows keep their values and have no age.

use chrono::TimeDelta;

use super::{Mirror, canary::Canary};
use crate::{
    limits::CLOCK_SLACK,
    model::{Instant, ShiftKey, VisitId},
    source::fetched::Fetched,
};

/// Stands for a reading of which nobody knows when it was made.
const NEVER: Instant = Instant::UNIX_EPOCH;

impl Mirror {
    /// Takes every stamp later than `now` for what it is. The caller judges everything again afterwards.
    pub fn disbelieve_after(&mut self, now: Instant) {
        let limit = now + CLOCK_SLACK;
        let is_past = |at: &Instant| *at <= limit;
        let past = |at: Option<Instant>| at.filter(is_past);
        let known = |at: Instant| if at <= limit { at } else { NEVER };
        self.began_at = self.began_at.min(now);
        self.pruned_at = past(self.pruned_at);
        self.last_ok_at = past(self.last_ok_at);
        for stamps in &mut self.sections {
            stamps.read_at = past(stamps.read_at);
            stamps.complete_at = past(stamps.complete_at);
            stamps.full_at = past(stamps.full_at);
            stamps.fault = stamps.fault.take().filter(|(at, _)| *at <= limit);
        }
        self.visit_reads.forget_read_after(limit);
        for client in self.clients.values_mut() {
            client.seen_at = client.seen_at.map(known);
            client.missed_at = past(client.missed_at);
            client.gone_at = past(client.gone_at);
            client.inactive_at = client.inactive_at.map(|at| at.min(now));
            client.read_at = past(client.read_at);
            client.visits_spoilt_at = client.visits_spoilt_at.map(|at| at.min(now));
            client.shift_reads.forget_read_after(limit);
            client.visit_reads.forget_read_after(limit);
        }
        for caregiver in self.caregivers.values_mut() {
            caregiver.seen_at = known(caregiver.seen_at);
        }
        let keys: Vec<ShiftKey> = self.shifts.iter().map(|entry| entry.shift.key.clone()).collect();
        for key in keys {
            if let Some(entry) = self.shifts.get_mut(&key) {
                entry.seen_at = known(entry.seen_at);
                entry.first_seen_at = entry.first_seen_at.min(now);
                entry.missed_at = past(entry.missed_at);
                if let Some(changed) = entry.changed_at.as_deref_mut() {
                    for at in [&mut changed.caregiver, &mut changed.status, &mut changed.end] {
                        *at = (*at).min(now);
                    }
                }
            }
        }
        let ids: Vec<VisitId> = self.visits.iter().map(|entry| entry.visit.id.clone()).collect();
        for id in ids {
            if let Some(entry) = self.visits.get_mut(&id) {
                entry.seen_at = known(entry.seen_at);
                entry.first_seen_at = entry.first_seen_at.min(now);
                entry.missed_at = past(entry.missed_at);
            }
        }
        for (at, _) in self.gone.values_mut() {
            *at = (*at).min(now);
        }
        if !self.canary.is_past(limit) {
            self.canary = Canary::default();
        }
        self.rejects.seen_by(now);
        self.api.forget_after(limit);
        for failing in self.failing.values_mut() {
            failing.since = failing.since.min(now);
            failing.at = failing.at.min(now);
        }
    }
}

/// When a read began by today's clock. One that was under way while the clock stepped back was stamped before: it
/// began as long ago as it took.
pub(super) fn began_at(fetched: &Fetched, now: Instant) -> Instant {
    if fetched.started_at <= now + CLOCK_SLACK {
        return fetched.started_at;
    }
    now - (fetched.finished_at - fetched.started_at).max(TimeDelta::zero())
}
