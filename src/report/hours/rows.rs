//! What a report is made from: shifts and visits, without anything that it does not need.

use crate::model::{CaregiverId, ClientId, Instant, ShiftId, VisitId};

/// A shift as it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRow {
    /// Whose.
    pub client: ClientId,
    /// The vendor's id; `None` for a row that had none.
    pub id: Option<ShiftId>,
    /// The planned start.
    pub start: Instant,
    /// The planned end.
    pub end: Instant,
    /// Who was to go.
    pub caregiver: Option<CaregiverId>,
    /// Cancelled shifts count nothing, and a visit may still refer to one.
    pub cancelled: bool,
}

/// A visit as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitRow {
    /// The vendor's id.
    pub id: VisitId,
    /// Whom it was for.
    pub client: Option<ClientId>,
    /// Who went.
    pub caregiver: Option<CaregiverId>,
    /// The shift it refers to.
    pub shift: Option<ShiftId>,
    /// When somebody came.
    pub check_in: Option<Instant>,
    /// When they left; `None` while it is open.
    pub check_out: Option<Instant>,
    /// The check-in by the other reading, while nobody knows what a time without an offset means: then its minutes are not known
    /// either, and it counts nothing.
    pub unsettled: Option<Instant>,
    /// What it said before somebody changed it after it was complete.
    pub edited: Option<Edited>,
}

/// A change of a visit that was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited {
    /// When it was seen.
    pub at: Instant,
    /// How many minutes it had before.
    pub was_minutes: Option<i64>,
}
