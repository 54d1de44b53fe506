//! How it stands with who is on call, as plain values: what the rules about it judge by.

use crate::model::{Instant, Subject};

/// One schedule, policy or person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCallHealth {
    /// Which.
    pub subject: Subject,
    /// The stretch without anybody that runs, or else the next one in sight.
    pub gap: Option<(Instant, Instant)>,
    /// Since when there are `faults`.
    pub since: Instant,
    /// What else is wrong, in sentences.
    pub faults: Vec<String>,
    /// No answer ever came from its number.
    pub unverified: bool,
}
