//! `api_down {after}`: no good answer of an endpoint for so long, while at least two requests were tried.

use std::time::Duration;

use super::delta;
use crate::{
    mirror::api_stats::EndpointStats,
    rules::{
        finding::{Closing, Window},
        look::Look,
    },
};

/// The window of an endpoint that fails.
#[must_use]
pub fn look(after: Duration, stats: &EndpointStats) -> Look {
    match stats.failing() {
        Some((since, second)) => {
            Look::certain(Window { opens_at: (since + delta(after)).max(second), closes_at: None }, second)
        }
        None => Look::never(Closing::Recovered),
    }
}
