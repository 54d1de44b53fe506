//! Shifts and visits as the vendor keeps them, and what the people in a shift are going to do.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// What people will do in a shift by themselves, as offsets in seconds.
///
/// The default is that nothing happens: in a quiet world only what a test states comes to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conduct {
    /// Check-in, seconds after the scheduled start (negative = early); `None` = never.
    pub arrive_s: Option<i64>,
    /// Check-out, seconds after the scheduled end; `None` = never.
    pub leave_s: Option<i64>,
    /// Who checks in, when it is not the caregiver on the schedule.
    pub by: Option<String>,
    /// Leaves and comes back, both in seconds after the start: the shift gets two visits.
    pub away_s: Option<(i64, i64)>,
}

impl Conduct {
    /// Checks in at the start and out at the end, to the second.
    pub fn punctual() -> Self {
        Self { arrive_s: Some(0), leave_s: Some(0), ..Self::default() }
    }
}

/// A shift as the vendor keeps it: one occurrence. Occurrences of a recurring shift share `id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The vendor's id, shared by the occurrences of a recurring shift.
    pub id: String,
    /// Whose shift.
    pub client: String,
    /// Who is to come; `None` = nobody, an open shift.
    #[serde(default)]
    pub caregiver: Option<String>,
    /// Scheduled start.
    pub start: Instant,
    /// Scheduled end.
    pub end: Instant,
    /// Cancelled: the row stays with a cancelled status, or goes, as the switch `cancel_shape` says.
    #[serde(default)]
    pub cancelled: bool,
    /// A status text to send instead of the usual one; `None` = `SCHEDULED`.
    #[serde(default)]
    pub status: Option<String>,
    /// What the people in it will do by themselves.
    #[serde(default)]
    pub conduct: Conduct,
    /// Deleted rows are never sent.
    #[serde(skip)]
    pub(crate) deleted: bool,
    /// Raised when the plan changes, so that acts planned before are void.
    #[serde(skip)]
    pub(crate) plan: u32,
}

impl Appointment {
    /// A shift without a caregiver, in which nothing happens by itself.
    pub fn new(id: impl Into<String>, client: impl Into<String>, start: Instant, end: Instant) -> Self {
        Self {
            id: id.into(),
            client: client.into(),
            caregiver: None,
            start,
            end,
            cancelled: false,
            status: None,
            conduct: Conduct::default(),
            deleted: false,
            plan: 0,
        }
    }

    /// A shift of so many hours.
    pub fn hours(id: impl Into<String>, client: impl Into<String>, start: Instant, hours: i64) -> Self {
        Self::new(id, client, start, start + TimeDelta::hours(hours))
    }

    /// The same with this caregiver.
    #[must_use]
    pub fn with(mut self, caregiver: impl Into<String>) -> Self {
        self.caregiver = Some(caregiver.into());
        self
    }

    /// The same with people who do this by themselves.
    #[must_use]
    pub fn who(mut self, conduct: Conduct) -> Self {
        self.conduct = conduct;
        self
    }
}

/// A visit as the vendor keeps it: what really happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encounter {
    /// The vendor's id; another id space than the shifts'.
    pub id: String,
    /// Whose visit.
    pub client: String,
    /// Who came; `None` leaves `participant` empty.
    pub caregiver: Option<String>,
    /// The shift's id; `None` = a care log without a schedule.
    pub shift: Option<String>,
    /// The shift's scheduled start.
    #[serde(default)]
    pub shift_start: Option<Instant>,
    /// Check-in.
    pub start: Instant,
    /// Check-out; `None` = still there, or forgotten.
    pub end: Option<Instant>,
    /// When the vendor learned of the check-in.
    pub recorded_at: Instant,
    /// When the vendor learned of the check-out.
    pub closed_at: Option<Instant>,
    /// Deleted rows are never sent.
    #[serde(skip)]
    pub(crate) deleted: bool,
}

/// Which occurrence of a shift is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftPick {
    /// The vendor's id.
    pub id: String,
    /// Its scheduled start; `None` = the occurrence nearest to the world's present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Instant>,
}

impl From<&str> for ShiftPick {
    fn from(id: &str) -> Self {
        Self { id: id.to_owned(), start: None }
    }
}

impl From<(&str, Instant)> for ShiftPick {
    fn from((id, start): (&str, Instant)) -> Self {
        Self { id: id.to_owned(), start: Some(start) }
    }
}

impl From<&Appointment> for ShiftPick {
    fn from(shift: &Appointment) -> Self {
        Self { id: shift.id.clone(), start: Some(shift.start) }
    }
}
