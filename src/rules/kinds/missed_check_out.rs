//! `missed_check_out {after}`: a matched visit is still open `after` the planned end. Only evidence ends it.
//!
//! Uses the planned end, so the meaning of the vendor's times does not matter. Of a split visit every part must
//! be closed. Who stays on for the next shift leaves when that one ends.

use std::time::Duration;

use super::{
    delta,
    shift::{Scene, visit_evidence},
};
use crate::rules::{
    finding::{Closing, Window},
    look::{Look, State},
};

/// The window of a shift that somebody checked in to.
#[must_use]
pub fn look(after: Duration, scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    if entry.visits.is_empty() {
        // Nobody came as far as we know: nobody is late in leaving.
        return Look::never(Closing::Recovered);
    }
    // The open part whose reading is oldest: all of them must be known to be open or closed.
    let open = mirror
        .visits_of(entry)
        .filter(|visit| visit.visit.check_out.is_none())
        .min_by_key(|visit| (visit.missed_at.is_none(), visit.seen_at));
    let Some(open) = open else {
        let at = mirror.visits_of(entry).filter_map(|visit| mirror.visit_instant(visit, visit.visit.check_out?)).max();
        return Look::never(Closing::CheckedOut { at });
    };
    let evidence = visit_evidence(open);
    Look {
        window: Some(Window { opens_at: mirror.stays_until(entry) + delta(after), closes_at: None }),
        state: State::Bad,
        evidence_at: evidence.at,
        evidence: [Some(evidence), None],
        edge: None,
    }
}
