//! What is read beside the watch: tasks of shifts, logs of visits, the list of care activities, and what was billed.
//!
//! Given: which of these sections the configuration wants, the visits in memory, what was read before.
//! Gives: what to read next ([`plan`]), and rows of text to store ([`rows`]).
//! Does not: judge, or hold up a read that the watch needs. Each section has its own pace and its own age; none has a rule,
//! and none is needed.

pub mod charges;
pub mod plan;
pub mod rows;
mod section;

pub use section::{Activities, ChargeItems, DetailSection, LOCATIONS_EVERY, Sections, ShiftTasks, TaskLogs};
