//! How the source is doing, for the metrics, `doctor` and the board. Plain values; nothing here acts.

use std::time::Duration;

use super::{breaker, paging::PageBase};
use crate::model::{Endpoint, Instant};

/// A snapshot of the source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceStatus {
    /// Each endpoint, in label order.
    pub endpoints: Vec<EndpointStatus>,
    /// The token.
    pub token: TokenStatus,
    /// Until when the whole credential pauses after a 429, agent clock.
    pub throttled_until: Option<Instant>,
    /// Requests per second allowed at present; below the configured rate for a while after a 429.
    pub requests_per_second: f64,
    /// Requests under way.
    pub n_in_flight: usize,
    /// Requests waiting for the budget.
    pub n_waiting: usize,
    /// How long the last request had waited for the budget, real time (`shiftwatch_budget_wait_seconds`).
    pub budget_wait: Duration,
    /// Whether visits can be read for the whole agency at once.
    pub encounter_scope: EncounterScope,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointStatus {
    /// Which.
    pub endpoint: Endpoint,
    /// Its breaker.
    pub breaker: BreakerStatus,
    /// The page base, once learned or pinned.
    pub page_base: Option<PageBase>,
    /// The way of asking that works: `POST application/json` unless something else had to be found.
    pub way: &'static str,
}

/// A breaker as seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerStatus {
    /// Calls go out.
    Closed,
    /// No calls.
    Open {
        /// Next probe, agent clock.
        until: Instant,
        /// Why.
        why: breaker::Why,
    },
    /// One call is out to see.
    Probing {
        /// Why it had opened.
        why: breaker::Why,
    },
}

/// The token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenStatus {
    /// None yet.
    None,
    /// One is held.
    Held {
        /// When it will be replaced, agent clock.
        renew_at: Instant,
        /// `json` or `form`: which body the token address takes.
        body: &'static str,
    },
    /// The credential was refused; nothing is sent before this.
    Refused {
        /// Agent clock.
        until: Instant,
        /// The `code` label of the last refusal.
        code: String,
    },
    /// The token address does not answer.
    Failing {
        /// Next try, agent clock.
        until: Instant,
        /// As above.
        code: String,
    },
}

/// What the start-up probe found out about visit searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncounterScope {
    /// Not probed, or the probe did not get through.
    Unknown,
    /// A search without an id answers rows: one read covers the agency.
    AgencyWide,
    /// It needs an id, or answered nothing while there should be something.
    PerClient,
}
