//! `missed_check_in {after}`: a covered shift without a matching visit, in `[start + after, end)`.
//!
//! That a visit exists is enough: its time need not be understood. A substitute who refers to the shift has come.

use std::time::Duration;

use super::{
    delta,
    shift::{Scene, row_evidence},
};
use crate::rules::{
    finding::{Closing, Window},
    look::{Look, State},
};

/// The window of a shift with a usable caregiver. Without one the uncovered kind speaks, and an open alert closes
/// only on evidence: the visit, or somebody else on the shift; see below.
#[must_use]
pub fn look(after: Duration, scene: &Scene<'_>) -> Look {
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    if let Some(closing) = scene.arrived() {
        return Look::never(closing);
    }
    let shift = &scene.entry.shift;
    if shift.caregiver.is_none() {
        // Nobody is expected any more: this rule no longer picks the shift, the uncovered kind does.
        return Look::never(Closing::RuleRemoved);
    }
    let visits = scene.check_in_evidence();
    Look {
        window: Some(Window { opens_at: shift.start() + delta(after), closes_at: Some(shift.end) })
            .filter(|window| window.closes_at > Some(window.opens_at)),
        state: State::Bad,
        // The alert is confirmed by a second look at the visits; that the shift still stands must be fresh too.
        evidence_at: visits.at,
        evidence: [Some(visits), Some(row_evidence(scene.entry))],
        edge: None,
    }
}
