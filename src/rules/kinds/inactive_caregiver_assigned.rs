//! `inactive_caregiver_assigned`: the caregiver of a shift that is not over is not active, or not hired.
//!
//! Of a caregiver whose row was never read nothing is known, and nothing is said.

use super::shift::Scene;
use crate::{
    model::Section,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// The window of a shift that somebody is on.
#[must_use]
pub fn look(scene: &Scene<'_>) -> Look {
    let Scene { entry, mirror, .. } = *scene;
    if let Some(closing) = &scene.out_of_question {
        return Look::never(closing.clone());
    }
    let Some(id) = &entry.shift.caregiver else { return Look::never(Closing::Recovered) };
    let Some(caregiver) = mirror.caregiver(id) else { return Look::unsettled(Section::Caregivers) };
    if caregiver.active != Some(false) && caregiver.hired != Some(false) {
        return Look::never(Closing::Recovered);
    }
    let opens_at = entry.known_at();
    Look::certain(Window { opens_at, closes_at: Some(entry.shift.end) }, opens_at)
}
