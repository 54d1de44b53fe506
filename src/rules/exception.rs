//! The exceptions of home care: what is not as it was planned, and what will not be. Nobody is woken for one as shipped.

use serde::{Deserialize, Serialize};

/// What is not as planned; which built-in text says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exception {
    /// The caregiver came late.
    LateCheckIn,
    /// The visit was shorter than it should have been.
    ShortVisit,
    /// The visit lasts, or lasted, longer than planned.
    Overrun,
    /// Somebody went where nothing was planned.
    UnscheduledVisit,
    /// Somebody else went than was planned.
    CaregiverMismatch,
    /// Two shifts of one caregiver, or of one client, at one time.
    DoubleBooked,
    /// Too little time to get from one client to the next.
    TightTurnaround,
    /// A caregiver's week comes to too many hours.
    OvertimeAhead,
    /// A caregiver who no longer works is on a shift.
    InactiveCaregiver,
    /// The schedule changed shortly before the start, or after it.
    LateChange,
    /// Nothing is planned for a client.
    NoShifts,
}

impl Exception {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::LateCheckIn,
        Self::ShortVisit,
        Self::Overrun,
        Self::UnscheduledVisit,
        Self::CaregiverMismatch,
        Self::DoubleBooked,
        Self::TightTurnaround,
        Self::OvertimeAhead,
        Self::InactiveCaregiver,
        Self::LateChange,
        Self::NoShifts,
    ];

    /// In capitals, as a text begins.
    #[must_use]
    pub const fn headline(self) -> &'static str {
        match self {
            Self::LateCheckIn => "LATE CHECK-IN",
            Self::ShortVisit => "SHORT VISIT",
            Self::Overrun => "OVERRUN",
            Self::UnscheduledVisit => "UNSCHEDULED VISIT",
            Self::CaregiverMismatch => "OTHER CAREGIVER",
            Self::DoubleBooked => "DOUBLE BOOKED",
            Self::TightTurnaround => "TIGHT TURNAROUND",
            Self::OvertimeAhead => "OVERTIME AHEAD",
            Self::InactiveCaregiver => "INACTIVE CAREGIVER",
            Self::LateChange => "LATE CHANGE",
            Self::NoShifts => "NO SHIFTS PLANNED",
        }
    }

    /// As a person says it aloud.
    #[must_use]
    pub const fn spoken(self) -> &'static str {
        match self {
            Self::LateCheckIn => "A late check in",
            Self::ShortVisit => "A short visit",
            Self::Overrun => "A visit runs over",
            Self::UnscheduledVisit => "A visit that was not scheduled",
            Self::CaregiverMismatch => "Another caregiver went",
            Self::DoubleBooked => "Two shifts at one time",
            Self::TightTurnaround => "A tight turnaround",
            Self::OvertimeAhead => "Overtime ahead",
            Self::InactiveCaregiver => "An inactive caregiver is assigned",
            Self::LateChange => "A late change",
            Self::NoShifts => "A client without shifts",
        }
    }

    /// What somebody can do about it.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::LateCheckIn | Self::ShortVisit => "Ask the caregiver, or correct the times.",
            Self::Overrun => "Ask the caregiver; mind overtime.",
            Self::UnscheduledVisit => "Link it to its shift, or enter one.",
            Self::CaregiverMismatch => "Correct the shift's caregiver in WellSky.",
            Self::DoubleBooked => "Move or reassign one of the two.",
            Self::TightTurnaround => "Check the way between the two clients.",
            Self::OvertimeAhead => "Hand on a shift, or approve the hours.",
            Self::InactiveCaregiver => "Assign somebody who works.",
            Self::LateChange => "See that client and caregiver know of it.",
            Self::NoShifts => "Plan visits, or set the client inactive.",
        }
    }

    /// Whether it is a plan that is wrong, so that it can still be put right before anybody goes.
    #[must_use]
    pub const fn is_ahead(self) -> bool {
        matches!(
            self,
            Self::DoubleBooked | Self::TightTurnaround | Self::OvertimeAhead | Self::InactiveCaregiver | Self::NoShifts
        )
    }
}
