//! People, their schedules, and who is on call at an instant.
//!
//! Given: what the configuration and calendars say, and an instant.
//! Gives: who is on call, until when, and where nobody is.
//! Does not: read a clock or a file, or tell anybody anything.

pub mod escalation;
pub mod person;
pub mod roster;

pub use escalation::{EscalationPolicy, EscalationStep, Target};
pub use person::{Contact, Person, QuietHours, Via};
pub use roster::{Handoff, OnCall, Roster};
