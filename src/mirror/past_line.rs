//! A row of the past in a few columns, so that a report reads a month without taking every row apart.

use super::{
    restore::{ShiftBody, VisitBody},
    row::{ARCHIVED_SHIFT, MirrorRow},
};
use crate::model::{CaregiverId, ClientId, Instant, ShiftId, ShiftRef, VisitTime};

/// How a row of the past stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PastState {
    /// As it is.
    Stands,
    /// The vendor said that it was cancelled.
    Cancelled,
    /// It left the schedule.
    Left,
}

/// A shift or visit of the past, as an index of the archive holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastLine {
    /// The archive's key.
    pub key: String,
    /// A shift's planned start, a visit's check-in; written without an offset, as though it were UTC.
    pub start: Option<Instant>,
    /// The planned end, the check-out; as `start`.
    pub ends: Option<Instant>,
    /// Whether `start` was written without an offset.
    pub naive_start: bool,
    /// Whether `ends` was.
    pub naive_ends: bool,
    /// Whose.
    pub client: Option<ClientId>,
    /// Who went, or was to go.
    pub caregiver: Option<CaregiverId>,
    /// The vendor's id of the shift; of a visit, the one it refers to.
    pub shift: Option<ShiftId>,
    /// How it stands.
    pub state: PastState,
}

impl PastLine {
    /// Of a row as the archive keeps it; `None` of one that cannot be read. `left`: it left the schedule.
    #[must_use]
    pub fn of(row: &MirrorRow, left: bool) -> Option<Self> {
        if row.key.starts_with(ARCHIVED_SHIFT) {
            let shift = serde_json::from_str::<ShiftBody>(&row.body).ok()?.shift;
            let state = match (left, shift.is_cancelled()) {
                (_, true) => PastState::Cancelled,
                (true, false) => PastState::Left,
                (false, false) => PastState::Stands,
            };
            let id = match shift.key.id {
                ShiftRef::Vendor(id) => Some(id),
                ShiftRef::Ordinal { .. } => None,
            };
            return Some(Self {
                key: row.key.clone(),
                start: Some(shift.key.start),
                ends: Some(shift.end),
                naive_start: false,
                naive_ends: false,
                client: Some(shift.key.client),
                caregiver: shift.caregiver,
                shift: id,
                state,
            });
        }
        let visit = serde_json::from_str::<VisitBody>(&row.body).ok()?.visit;
        Some(Self {
            key: row.key.clone(),
            start: visit.check_in.map(as_utc),
            ends: visit.check_out.map(as_utc),
            naive_start: is_naive(visit.check_in),
            naive_ends: is_naive(visit.check_out),
            client: visit.client,
            caregiver: visit.caregiver,
            shift: visit.shift,
            state: PastState::Stands,
        })
    }

    /// Whether it is a shift.
    #[must_use]
    pub fn is_shift(&self) -> bool {
        self.key.starts_with(ARCHIVED_SHIFT)
    }

    /// The visit's times as the vendor wrote them.
    #[must_use]
    pub fn times(&self) -> (Option<VisitTime>, Option<VisitTime>) {
        (self.start.map(|at| written(at, self.naive_start)), self.ends.map(|at| written(at, self.naive_ends)))
    }
}

fn written(at: Instant, naive: bool) -> VisitTime {
    if naive { VisitTime::Naive(at.naive_utc()) } else { VisitTime::Instant(at) }
}

/// What was written, a time without an offset as though it were UTC.
#[must_use]
pub fn as_utc(time: VisitTime) -> Instant {
    match time {
        VisitTime::Instant(at) => at,
        VisitTime::Naive(naive) => naive.and_utc(),
    }
}

const fn is_naive(time: Option<VisitTime>) -> bool {
    matches!(time, Some(VisitTime::Naive(_)))
}
