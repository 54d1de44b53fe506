//! `short_visit {below}`: a visit is over, and was shorter than a share of what was planned, or than so many minutes.
//!
//! The parts of a split visit count together, and nothing is said before the planned end: there may be another part.
//! Who stays on for the next shift is measured against both.

use std::time::Duration;

use chrono::TimeDelta;

use super::{LISTED, delta, shift::Scene};
use crate::{
    model::Section,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// What is too short.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Below {
    /// Less than this share of the scheduled length, 0 < share ≤ 1.
    Share(f64),
    /// Shorter than this, whatever was scheduled.
    Length(Duration),
}

impl Below {
    /// The least that is long enough.
    fn of(self, planned: TimeDelta) -> TimeDelta {
        match self {
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "seconds of one shift")]
            Self::Share(share) => TimeDelta::seconds((planned.num_seconds() as f64 * share).round() as i64),
            Self::Length(length) => delta(length).min(planned),
        }
    }
}

/// The window of a shift whose visits are all closed.
#[must_use]
pub fn look(below: Below, scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    if entry.visits.is_empty() {
        return Look::never(Closing::Recovered);
    }
    let (start, end) = (entry.shift.start(), mirror.stays_until(entry));
    let mut last = end;
    let mut worked = TimeDelta::zero();
    for visit in mirror.visits_of(entry) {
        let Some(check_out) = visit.visit.check_out else { return Look::never(Closing::Recovered) };
        let times = visit.visit.check_in.and_then(|at| mirror.visit_instant(visit, at));
        let Some((came, left)) = times.zip(mirror.visit_instant(visit, check_out)) else {
            return Look::unsettled(Section::Visits);
        };
        worked += (left - came).max(TimeDelta::zero());
        last = last.max(left);
    }
    if let Some(carried) = mirror.carried_into(entry) {
        let Some(check_out) = carried.visit.check_out else { return Look::never(Closing::Recovered) };
        let Some(left) = mirror.visit_instant(carried, check_out) else { return Look::unsettled(Section::Visits) };
        worked += (left.min(end) - start).max(TimeDelta::zero());
    }
    if worked >= below.of(end - start) {
        return Look::never(Closing::Recovered);
    }
    Look::certain(Window { opens_at: last, closes_at: Some(last + LISTED) }, last)
}
