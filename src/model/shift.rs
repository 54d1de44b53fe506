//! A shift: one planned occurrence of care (the vendor's Appointment).

use std::{fmt, sync::Arc};

use chrono::SecondsFormat;
use serde::{Deserialize, Serialize};

use super::{CaregiverId, ClientId, Instant, ShiftId};

/// What tells one occurrence from every other: (id, start, client).
///
/// The vendor gives all occurrences of a recurring shift one id, so the id alone is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShiftKey {
    /// The planned start. First, so that keys sort by time.
    pub start: Instant,
    /// The client it is for.
    pub client: ClientId,
    /// The vendor's id, or our ordinal where a row had none.
    pub id: ShiftRef,
}

/// How a row names itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ShiftRef {
    /// The vendor's id.
    Vendor(ShiftId),
    /// A row without an id: the `n`th (from 0) with this client, start and end in its read.
    Ordinal {
        /// The planned end.
        end: Instant,
        /// Which of the otherwise equal rows, from 0, in the order they came.
        n: u32,
    },
}

/// One shift as last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Identity, with start and client.
    pub key: ShiftKey,
    /// The planned end; never before the start (a row where it is, is rejected).
    pub end: Instant,
    /// The usable caregiver; `None` for every shape of "nobody" (absent, null, empty, zero).
    pub caregiver: Option<CaregiverId>,
    /// The vendor's status.
    pub status: ShiftStatus,
}

/// The vendor's status text and the one thing we take from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShiftStatus {
    /// Anything but a known cancellation, unknown text included: unknown fails towards active.
    Active(Option<Arc<str>>),
    /// `CANCELLED`, `CANCELED` in any case.
    Cancelled,
}

impl Shift {
    /// True when nobody is there to go: no usable caregiver and not cancelled.
    #[must_use]
    pub const fn is_uncovered(&self) -> bool {
        self.caregiver.is_none() && !self.is_cancelled()
    }

    /// True when the vendor says it was cancelled.
    #[must_use]
    pub const fn is_cancelled(&self) -> bool {
        matches!(self.status, ShiftStatus::Cancelled)
    }

    /// When it is planned to start.
    #[must_use]
    pub const fn start(&self) -> Instant {
        self.key.start
    }
}

impl ShiftKey {
    /// The value of the `shift` label: `<vendor id>@<start, UTC, RFC 3339>`.
    ///
    /// `shared` adds `/<client id>`, for the rare case that two clients have a shift with this id and start.
    #[must_use]
    pub fn label(&self, shared: bool) -> String {
        let start = self.start.to_rfc3339_opts(SecondsFormat::Secs, true);
        match &self.id {
            ShiftRef::Vendor(id) if shared => format!("{id}@{start}/{}", self.client),
            ShiftRef::Vendor(id) => format!("{id}@{start}"),
            ShiftRef::Ordinal { n, .. } => format!("unnumbered-{n}@{start}/{}", self.client),
        }
    }
}

impl fmt::Display for ShiftRef {
    /// The vendor's id, so that a scheduler can find it; `unnumbered-<n>` for a row without one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vendor(id) => id.fmt(f),
            Self::Ordinal { n, .. } => write!(f, "unnumbered-{n}"),
        }
    }
}
