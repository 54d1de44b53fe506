//! People, their schedules, and who is on call at an instant.
//!
//! Given: what the configuration and calendars say, and an instant.
//! Gives: who is on call, until when, and where nobody is.
//! Does not: read a clock or a file, or tell anybody anything.

pub mod calendar;
pub mod escalation;
pub mod ical;
pub mod ics;
pub mod lint;
pub mod person;
pub mod picture;
pub mod report;
pub mod roster;
pub mod rotation;
pub mod schedule;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use escalation::{EscalationPolicy, EscalationStep, Target};
pub use lint::{Finding, Marks};
pub use person::{Contact, Person, QuietHours, Via};
pub use report::OnCallReport;
pub use roster::{Handoff, OnCall, Roster};
pub use rotation::{Only, Rotation};
pub use schedule::{Override, Rota, Schedule, Span};
