//! `uncovered_shift {within}`: nobody usable is on the shift, in `[start − within, end)`.

use std::time::Duration;

use super::{
    delta,
    shift::{Scene, row_evidence},
};
use crate::{
    mirror::shifts::ShiftEntry,
    model::Instant,
    rules::{
        finding::{Closing, Window},
        look::{Look, State},
    },
};

/// The window of every shift that is not out of the question: also a covered one needs fresh evidence as its
/// window opens, because a caregiver may have called out since it was read.
#[must_use]
pub fn look(within: Duration, scene: &Scene<'_>) -> Look {
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    let shift = &scene.entry.shift;
    if shift.caregiver.is_none()
        && let Some(closing) = scene.arrived()
    {
        // Nobody was assigned, and somebody went all the same.
        return Look::never(closing);
    }
    let row = row_evidence(scene.entry);
    Look {
        window: Some(Window { opens_at: shift.start() - delta(within), closes_at: Some(shift.end) }),
        state: if shift.caregiver.is_none() { State::Bad } else { State::Good(Closing::Covered) },
        evidence_at: row.at,
        evidence: [Some(row), None],
        edge: Some(shift.start()),
    }
}

/// Finding cover helps until the start; once started, until the end.
#[must_use]
pub fn deadline(entry: &ShiftEntry, now: Instant) -> Instant {
    if now < entry.shift.start() { entry.shift.start() } else { entry.shift.end }
}
