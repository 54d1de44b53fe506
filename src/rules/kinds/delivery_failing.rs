//! `delivery_failing {after}`: messages of a way out do not leave.

use std::time::Duration;

use super::delta;
use crate::rules::{
    finding::{Closing, Window},
    gateway_health::GatewayHealth,
    look::Look,
};

/// The window of a way out that is stuck; `None` health = it is no longer configured.
#[must_use]
pub fn look(after: Duration, health: Option<&GatewayHealth>) -> Look {
    match health.and_then(GatewayHealth::stuck_since) {
        Some(since) => Look::certain(Window { opens_at: since + delta(after), closes_at: None }, since),
        None => Look::never(Closing::Recovered),
    }
}
