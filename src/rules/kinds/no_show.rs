//! `no_show {after}`: a missed check-in that has lasted so long that nobody is coming.

use std::time::Duration;

use super::{missed_check_in, shift::Scene};
use crate::rules::look::Look;

/// As a missed check-in; the kind differs in what it is called and how bad it is.
#[must_use]
pub fn look(after: Duration, scene: &Scene<'_>) -> Look {
    missed_check_in::look(after, scene)
}
