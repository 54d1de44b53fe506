//! `late_check_in {by}`: somebody checked in, `by` after the start or later.
//!
//! A fact of the past: it stands until it is corrected, and is listed for a day after the shift. While the vendor's times
//! are not understood nobody is called late. Whoever stayed on from the shift before was there.

use std::time::Duration;

use super::{LISTED, delta, shift::Scene};
use crate::{
    model::{Instant, Section},
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// The window of a shift that somebody came to.
#[must_use]
pub fn look(by: Duration, scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    if entry.visits.is_empty() || mirror.carried_into(entry).is_some() {
        return Look::never(Closing::Recovered);
    }
    let mut first: Option<Instant> = None;
    for visit in mirror.visits_of(entry) {
        let Some(check_in) = visit.visit.check_in else { continue };
        let Some(at) = mirror.visit_instant(visit, check_in) else { return Look::unsettled(Section::Visits) };
        first = Some(first.map_or(at, |first| first.min(at)));
    }
    match first {
        Some(first) if first >= entry.shift.start() + delta(by) => {
            let closes_at = Some(first.max(entry.shift.end) + LISTED);
            Look::certain(Window { opens_at: first, closes_at }, first)
        }
        _ => Look::never(Closing::Recovered),
    }
}
