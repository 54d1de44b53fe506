//! Rehearsals: rules tried on an invented agency, or on the past, before anybody is woken by them.
//!
//! Given: a test file (who, which shifts, what happens, what is expected), or rows of the past; and the rules, routes and
//! receivers of a configuration.
//! Gives: what the agent would have decided and said, by the agent's own passes on a clock that jumps; and whether that
//! is what was expected.
//! Does not: read, store, send, or tell the time. Who calls it reads the files and prints.

pub mod alert_pick;
pub mod expect;
pub mod file;
mod names;
pub mod office;
pub mod past;
pub mod play;
pub mod record;
pub mod replay;
pub mod script;
mod sentence;
pub mod theatre;
pub mod when;

/// The configuration that tests play with when they name none.
pub const STANDARD: &str = include_str!("standard.yml");
