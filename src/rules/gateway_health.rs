//! How the ways out are doing, as the sender loop knows it.

use crate::model::Instant;

/// One channel or gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayHealth {
    /// `email`, `webhook`, `sms/<gateway>`: the subject's name.
    pub name: String,
    /// When the first of an unbroken row of failed attempts was; `None` while the last one went well.
    pub failing_since: Option<Instant>,
    /// Since when the oldest message that may be sent waits; `None` when none does.
    pub oldest_waiting: Option<Instant>,
}

impl GatewayHealth {
    /// Since when messages do not leave.
    #[must_use]
    pub fn stuck_since(&self) -> Option<Instant> {
        match (self.failing_since, self.oldest_waiting) {
            (Some(failing), Some(waiting)) => Some(failing.min(waiting)),
            (failing, waiting) => failing.or(waiting),
        }
    }
}
