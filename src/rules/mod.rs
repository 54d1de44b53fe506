//! Rules: a subject's present state becomes the windows in which a rule is broken.
//!
//! Given: the mirror, what changed, what is due, and an instant.
//! Gives: findings, the instants at which any of them can change by time alone, and the reads that would settle
//! what cannot be judged.
//! Does not: read a clock, do I/O, or keep anything: what it would remember is a delta of the [`ledger::Ledger`].

pub mod exception;
pub mod finding;
pub mod gateway_health;
pub mod judge;
pub mod kinds;
pub mod ledger;
pub mod look;
pub mod on_call_health;
pub mod plan;
pub mod rule;
pub mod ruleset;
pub mod samples;
pub mod where_clause;

#[cfg(test)]
mod law;
#[cfg(test)]
mod tests;

pub use self::{
    gateway_health::GatewayHealth,
    judge::{Judged, Scope, judge, judge_all},
    ledger::Ledger,
    plan::{Needs, needs, next_edge},
    ruleset::Ruleset,
};
