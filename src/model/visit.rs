//! A visit: what really happened (the vendor's Encounter).

use chrono::NaiveDateTime;
use serde::{Deserialize, Serialize};

use super::{CaregiverId, ClientId, Instant, ShiftId, VisitId};

/// One visit as last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// The vendor's id.
    pub id: VisitId,
    /// Whom it was for; `None` when the row's subject was missing.
    pub client: Option<ClientId>,
    /// Who went; the first readable participant.
    pub caregiver: Option<CaregiverId>,
    /// The shift id it refers to; recurring shifts share ids, so this alone is not a match.
    pub shift: Option<ShiftId>,
    /// The check-in; `None` when the period has no start.
    pub check_in: Option<VisitTime>,
    /// The check-out; `None` while the visit is open.
    pub check_out: Option<VisitTime>,
    /// The vendor's status text.
    pub status: Option<String>,
}

/// A visit's time as the vendor wrote it.
///
/// Naive times are UTC or the agency's zone, nobody knows until it was measured
/// (`encounter_naive_tz`); the mirror holds the reading that has been settled on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VisitTime {
    /// Written with an offset: certain.
    Instant(Instant),
    /// Written without one.
    Naive(NaiveDateTime),
}
