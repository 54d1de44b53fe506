//! Rules: a subject's present state becomes the windows in which a rule is broken, and a word at an instant.
//!
//! Given: the mirror, what changed, what is due, an instant.
//! Gives: findings, what cannot be judged and which read would settle it, and when to look again.
//! Does not: read a clock, know of alerts' lives, or draw a verdict from evidence that is too old.

mod api;
mod blind;
pub mod finding;
pub mod gateway_health;
pub mod judge;
pub mod ledger;
pub mod plan;
pub mod rule;
pub mod ruleset;
pub mod shift;
mod visit;
pub mod where_clause;
pub mod word;
