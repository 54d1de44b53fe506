//! `api_down {after}`: no good answer of an endpoint for so long, while at least two requests were tried.
//!
//! A restart forgets the answers: until there is a good one an open alert stays.

use std::time::Duration;

use super::delta;
use crate::{
    mirror::api_stats::EndpointStats,
    model::Section,
    rules::{
        finding::{Closing, Window},
        look::{Look, State},
    },
};

/// The window of an endpoint that fails.
#[must_use]
pub fn look(after: Duration, section: Section, stats: &EndpointStats) -> Look {
    let answered = stats.last_ok_at().is_some();
    let Some((since, second)) = stats.failing() else {
        return if answered { Look::never(Closing::Recovered) } else { Look::unsettled(section) };
    };
    let window = Window { opens_at: (since + delta(after)).max(second), closes_at: None };
    let state = if answered { State::Bad } else { State::Unsettled(section) };
    Look { state, ..Look::certain(window, second) }
}
