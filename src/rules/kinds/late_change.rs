//! `late_change {within}`: the schedule changed less than `within` before the start, or while the shift ran: another
//! caregiver, another end, a cancellation, a shift that was not there before.
//!
//! When it changed is when it was seen different, never when a row came into view for the first time.

use std::time::Duration;

use super::{delta, shift::Scene};
use crate::{
    mirror::shifts::ShiftEntry,
    model::Instant,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// The window of a shift that changed: from the last change until the planned end.
#[must_use]
pub fn look(within: Duration, scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    let shift = &entry.shift;
    if mirror.is_inactive(&shift.key.client) {
        return Look::never(Closing::ClientInactive);
    }
    let Some((at, _)) = last_change(entry).filter(|(at, _)| *at > shift.start() - delta(within) && *at < shift.end)
    else {
        return Look::never(Closing::Recovered);
    };
    Look::certain(Window { opens_at: at, closes_at: Some(shift.end) }, at)
}

/// When the row last changed, and what did.
#[must_use]
pub fn last_change(entry: &ShiftEntry) -> Option<(Instant, &'static str)> {
    let first = entry.first_seen_at;
    let changed = entry.changed();
    let status = if entry.shift.is_cancelled() { "cancelled" } else { "status" };
    let added = entry.appeared.then_some((first, "added"));
    [(changed.end, "end"), (changed.status, status), (changed.caregiver, "caregiver")]
        .into_iter()
        .filter(|(at, _)| *at > first)
        .chain(added)
        .max_by_key(|(at, _)| *at)
}
