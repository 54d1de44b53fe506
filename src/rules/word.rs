//! One rule's word on one subject, with the instant at which it can differ without new input.

use super::finding::{Broken, Closing, Unjudged, Verdict};
use crate::model::Instant;

/// A verdict, and until when it stands by itself.
#[derive(Debug, Clone, Default)]
pub struct Word {
    /// `None`: there is nothing to say, not even to an open alert's closing.
    pub verdict: Option<Verdict>,
    /// The earliest instant at which it can change by time alone.
    pub wake_at: Option<Instant>,
}

impl Word {
    /// Broken.
    #[must_use]
    pub fn broken(broken: Broken, wake_at: Option<Instant>) -> Self {
        Self { verdict: Some(Verdict::Broken(Box::new(broken))), wake_at }
    }

    /// Fine, for this reason.
    #[must_use]
    pub const fn fine(closing: Closing, wake_at: Option<Instant>) -> Self {
        Self { verdict: Some(Verdict::Fine(closing)), wake_at }
    }

    /// Not to be said.
    #[must_use]
    pub const fn unjudged(because: Unjudged, wake_at: Option<Instant>) -> Self {
        Self { verdict: Some(Verdict::Unjudged { because }), wake_at }
    }
}
