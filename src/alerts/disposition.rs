//! What became of a shift that was told of, as somebody says it: the last word of the on-call log.
//!
//! Given: an order. Gives: what the commit stores beside the book. Does not: change an alert; only evidence closes one.

use serde::{Deserialize, Serialize};

use crate::model::{Instant, PersonName};

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    /// Somebody else took the shift.
    Covered,
    /// The caregiver came.
    Arrived,
    /// The client refused the visit.
    Refused,
    /// Nobody came; somebody approved of that.
    Unstaffed,
    /// The schedule was wrong.
    DataError,
    /// The visit was put off.
    Rescheduled,
    /// A visit was linked to its shift.
    Linked,
    /// The shift or the visit was corrected in WellSky.
    Edited,
    /// It is as it should be: agreed upon, or allowed.
    Approved,
}

impl Disposition {
    /// Each of them.
    pub const ALL: [Self; 9] = [
        Self::Covered,
        Self::Arrived,
        Self::Refused,
        Self::Unstaffed,
        Self::DataError,
        Self::Rescheduled,
        Self::Linked,
        Self::Edited,
        Self::Approved,
    ];

    /// The word for APIs and the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Arrived => "arrived",
            Self::Refused => "refused",
            Self::Unstaffed => "unstaffed",
            Self::DataError => "data-error",
            Self::Rescheduled => "rescheduled",
            Self::Linked => "linked",
            Self::Edited => "edited",
            Self::Approved => "approved",
        }
    }

    /// As a person says it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Arrived => "the caregiver arrived",
            Self::Refused => "the client refused",
            Self::Unstaffed => "went unstaffed",
            Self::DataError => "an error in the schedule",
            Self::Rescheduled => "rescheduled",
            Self::Linked => "linked to its shift",
            Self::Edited => "corrected in WellSky",
            Self::Approved => "approved as it is",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Whether somebody must have approved of it.
    #[must_use]
    pub const fn needs_approver(self) -> bool {
        matches!(self, Self::Unstaffed)
    }

    /// What the reason of an alert's end says by itself: what was read in WellSky.
    #[must_use]
    pub fn read_from(reason: &str) -> Option<Self> {
        match reason {
            "covered" => Some(Self::Covered),
            "arrived" | "checked_out" => Some(Self::Arrived),
            _ => None,
        }
    }
}

/// Somebody said what became of one life of an alert. The latest word counts; all are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Said {
    /// The alert, 16 hex digits.
    pub fingerprint: String,
    /// Which of its lives: since when its condition was true.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// By whom.
    pub by: String,
    /// What.
    pub disposition: Disposition,
    /// Who approved of it.
    pub approver: Option<String>,
    /// By whom the shift was covered.
    pub covered_by: Option<String>,
    /// What else they wrote; may be empty.
    pub note: String,
}

/// A shift of the night of which nobody has said what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Unsaid {
    /// The last alert about it, by its rule's name.
    pub alertname: String,
    /// The vendor's id of the shift.
    pub shift: String,
    /// When it started.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Instant>,
    /// Where; may be empty.
    pub location: String,
}

/// The list of one morning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MorningList {
    /// How many shifts somebody was told of.
    pub n_shifts: usize,
    /// How many of them need a word.
    pub n_open: usize,
    /// Those, the earliest first; of many only the first.
    pub open: Vec<Unsaid>,
    /// Whom it concerns: who was told or had one of them.
    #[schema(value_type = Vec<String>)]
    pub people: Vec<PersonName>,
}
