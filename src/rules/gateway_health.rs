//! Whether messages leave, as the sending half knows it.

use crate::model::Instant;

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayHealth {
    /// `email`, `sms/<gateway>`, `webhook`.
    pub name: String,
    /// Since when every attempt fails; `None` while the last one went well.
    pub failing_since: Option<Instant>,
}
