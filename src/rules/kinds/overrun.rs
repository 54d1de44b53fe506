//! `overrun {by}`: a visit lasts, or lasted, `by` longer than its shift.
//!
//! An open one must have been seen open since; of a closed one the check-out says it, once the vendor's times are
//! understood. Who stays on for the next shift leaves when that one ends.

use std::time::Duration;

use super::{
    LISTED, delta,
    shift::{Scene, visit_evidence},
};
use crate::{
    model::{Instant, Section},
    rules::{
        finding::{Closing, Window},
        look::{Look, State},
    },
};

/// The window of a shift that somebody came to.
#[must_use]
pub fn look(by: Duration, scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    if entry.visits.is_empty() {
        return Look::never(Closing::Recovered);
    }
    let opens_at = mirror.stays_until(entry) + delta(by);
    let open = mirror
        .visits_of(entry)
        .filter(|visit| visit.visit.check_out.is_none())
        .min_by_key(|visit| (visit.missed_at.is_none(), visit.seen_at));
    if let Some(open) = open {
        let evidence = visit_evidence(open);
        return Look {
            window: Some(Window { opens_at, closes_at: None }),
            state: State::Bad,
            evidence_at: evidence.at,
            evidence: [Some(evidence), None],
            edge: None,
        };
    }
    let mut last: Option<Instant> = None;
    for visit in mirror.visits_of(entry) {
        let Some(check_out) = visit.visit.check_out else { continue };
        let Some(at) = mirror.visit_instant(visit, check_out) else { return Look::unsettled(Section::Visits) };
        last = last.max(Some(at));
    }
    match last {
        Some(last) if last >= opens_at => Look::certain(Window { opens_at, closes_at: Some(last + LISTED) }, last),
        _ => Look::never(Closing::Recovered),
    }
}
