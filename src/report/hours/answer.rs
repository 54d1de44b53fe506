//! The answer: what `hours`, the JSON API and the page show. All times of the day are instants in UTC; days are the agency's own.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{closing::Adjustment, terms::Minute};
use crate::model::Instant;

/// The hours of a period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Hours)]
pub struct Hours {
    /// Whose.
    pub agency: String,
    /// The zone whose days are meant.
    pub zone: String,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// The instant up to which running visits and due shifts count.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// Whether every day of it that is over was wholly read after it ended.
    pub complete: bool,
    /// Why names are left out; empty where they are not.
    #[serde(default)]
    pub names: String,
    /// What was not: minutes may be missing there.
    pub missing: Vec<Missing>,
    /// Since when the agent has watched this agency, as far back as is kept: a change made to a visit before it was first read is
    /// not known; `null` = it never has.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edits_known_since: Option<Instant>,
    /// People on the vendor's list who are no clients now and were not asked for: they may have had hours in a time before the
    /// agent watched. Empty where visits are read for the whole agency.
    #[serde(default)]
    pub not_asked: Vec<String>,
    /// The day weeks begin with, as `sunday`.
    pub week_starts: String,
    /// Payable minutes of a week beyond this are overtime.
    pub overtime_after_minutes: Minute,
    /// Payable minutes of a day beyond this are overtime; `null` = days do not count.
    pub daily_overtime_after_minutes: Option<Minute>,
    /// How `rounded_minutes` come about: `none`, `6m`, `15m`; each visit to the nearest step, half a step up.
    pub rounding: String,
    /// All of it. Equal to the sum of the clients and to the sum of the caregivers.
    pub total: Sums,
    /// Per client, by id; `client: null` = visits that name none.
    pub clients: Vec<ClientHours>,
    /// Per caregiver, by id; `caregiver: null` = shifts without one, and visits that name none.
    pub caregivers: Vec<CaregiverHours>,
    /// What is not as planned, by time.
    pub exceptions: Vec<Exception>,
    /// What changed since a period was closed. Where `closed` has just these days the sums are without it; else they hold it already.
    #[serde(default)]
    pub adjustments: Vec<Adjustment>,
    /// When the period, or a part of it, was closed.
    #[serde(default)]
    pub closed: Vec<super::closing::ClosedPeriod>,
    /// Hours without a charge, charges without hours, and where they differ; `null` = charges are not read
    /// (`wellsky.sections.chargeitems`).
    #[serde(default)]
    pub charges: Option<super::charges::Charges>,
}

impl Hours {
    /// Whether the sums hold the adjustments, in words. The sums of just the days that were closed are those of then; any others
    /// are made of the visits as they are now.
    #[must_use]
    pub fn where_adjustments_are(&self) -> &'static str {
        let is_frozen = self.closed.iter().any(|one| one.from == self.from && one.to == self.to);
        if is_frozen { "beside the sums" } else { "in the sums already" }
    }
}

/// Minutes and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Sums)]
pub struct Sums {
    /// Planned, cancelled shifts not counted.
    pub scheduled_minutes: Minute,
    /// Planned up to `as_of`.
    pub due_minutes: Minute,
    /// Worked: complete visits, and running ones up to `as_of`.
    pub worked_minutes: Minute,
    /// The same, each visit rounded.
    pub rounded_minutes: Minute,
    /// `worked_minutes` − `due_minutes`.
    pub variance_minutes: Minute,
    /// Planned minutes of shifts that are over and had a caregiver, and of which no complete visit tells. Days whose visits
    /// were not wholly read (`missing`) add nothing.
    pub unbillable_minutes: Minute,
    /// Shifts with a minute in the period.
    pub n_shifts: u32,
    /// Visits that counted.
    pub n_visits: u32,
    /// Of those, visits that still run.
    pub n_running: u32,
    /// Visits that began in the period and were left open: their minutes are not known and not counted.
    pub n_open: u32,
    /// Visits that began in the period and were changed after they were complete.
    pub n_edited: u32,
    /// Visits whose times are not known: none, or written without a zone that anybody could tell.
    pub n_unknown: u32,
}

impl Sums {
    pub(super) const fn add(&mut self, other: &Self) {
        self.scheduled_minutes += other.scheduled_minutes;
        self.due_minutes += other.due_minutes;
        self.worked_minutes += other.worked_minutes;
        self.rounded_minutes += other.rounded_minutes;
        self.variance_minutes += other.variance_minutes;
        self.unbillable_minutes += other.unbillable_minutes;
        self.n_shifts += other.n_shifts;
        self.n_visits += other.n_visits;
        self.n_running += other.n_running;
        self.n_open += other.n_open;
        self.n_edited += other.n_edited;
        self.n_unknown += other.n_unknown;
    }
}

/// One client's hours, for the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::ClientHours)]
pub struct ClientHours {
    /// The vendor's id.
    pub client: Option<String>,
    /// The name, for whoever may see it.
    pub name: Option<String>,
    /// In the period.
    #[serde(flatten)]
    pub sums: Sums,
    /// Week by week, as far as the period holds them.
    pub weeks: Vec<ClientWeek>,
}

/// One client's week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::ClientWeek)]
pub struct ClientWeek {
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    pub starts: NaiveDate,
    /// Planned.
    pub scheduled_minutes: Minute,
    /// Worked.
    pub worked_minutes: Minute,
}

/// One caregiver's hours, for the pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::CaregiverHours)]
pub struct CaregiverHours {
    /// The vendor's id.
    pub caregiver: Option<String>,
    /// The name, for whoever may see it.
    pub name: Option<String>,
    /// In the period.
    #[serde(flatten)]
    pub sums: Sums,
    /// Worked minutes, each minute once.
    pub payable_minutes: Minute,
    /// `worked_minutes` − `payable_minutes`: minutes that several visits claim.
    pub overlap_minutes: Minute,
    /// Payable and within the limits.
    pub regular_minutes: Minute,
    /// Payable and beyond them.
    pub overtime_minutes: Minute,
    /// What they want to work in so many days; `null` = not known.
    pub wanted_minutes: Option<Minute>,
    /// Payable ÷ `utilisation_of`; `null` = divided by nothing.
    pub utilisation: Option<f64>,
    /// `wanted` or `scheduled` (up to `as_of`).
    pub utilisation_of: String,
    /// Week by week, as far as the period holds them.
    pub weeks: Vec<CaregiverWeek>,
}

/// One caregiver's week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::CaregiverWeek)]
pub struct CaregiverWeek {
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    pub starts: NaiveDate,
    /// Planned.
    pub scheduled_minutes: Minute,
    /// Worked.
    pub worked_minutes: Minute,
    /// Payable.
    pub payable_minutes: Minute,
    /// Of these, overtime.
    pub overtime_minutes: Minute,
}

/// What is not as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = hours::ExceptionKind)]
pub enum ExceptionKind {
    /// A shift that is over, had a caregiver, and nobody checked in.
    MissingVisit,
    /// A shift that is over and never had a caregiver.
    Uncovered,
    /// A visit that was left open.
    Open,
    /// The visits of a shift come to less than planned, beyond the agreed variance.
    Short,
    /// They come to more.
    Over,
    /// A visit that refers to no shift and lies over none.
    Unscheduled,
    /// A visit that refers to a shift which is not there.
    NoMatch,
    /// Somebody else went than was planned.
    OtherCaregiver,
    /// Two visits of one caregiver at once.
    Overlap,
    /// A visit of more than 24 hours.
    Long,
    /// A visit that ended before it began.
    Backwards,
    /// A visit whose times are not known.
    TimeUnknown,
    /// A visit that was changed after it was complete.
    Edited,
}

impl ExceptionKind {
    /// As JSON and CSV write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MissingVisit => "missing_visit",
            Self::Uncovered => "uncovered",
            Self::Open => "open",
            Self::Short => "short",
            Self::Over => "over",
            Self::Unscheduled => "unscheduled",
            Self::NoMatch => "no_match",
            Self::OtherCaregiver => "other_caregiver",
            Self::Overlap => "overlap",
            Self::Long => "long",
            Self::Backwards => "backwards",
            Self::TimeUnknown => "time_unknown",
            Self::Edited => "edited",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::MissingVisit => "nobody checked in",
            Self::Uncovered => "never had a caregiver",
            Self::Open => "no check-out",
            Self::Short => "shorter than planned",
            Self::Over => "longer than planned",
            Self::Unscheduled => "not scheduled",
            Self::NoMatch => "its shift is not there",
            Self::OtherCaregiver => "another caregiver went",
            Self::Overlap => "overlaps another visit of this caregiver",
            Self::Long => "longer than 24 hours",
            Self::Backwards => "ended before it began",
            Self::TimeUnknown => "times not known",
            Self::Edited => "changed after it was complete",
        }
    }
}

/// One thing that is not as planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Exception)]
pub struct Exception {
    /// What.
    pub kind: ExceptionKind,
    /// The planned start, else the check-in; `null` = no time is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
    /// Whose.
    pub client: Option<String>,
    /// Who went, or was to go.
    pub caregiver: Option<String>,
    /// The vendor's id of the shift.
    pub shift: Option<String>,
    /// The vendor's id of the visit; of the first, where a shift has several.
    pub visit: Option<String>,
    /// Planned.
    pub scheduled_minutes: Option<Minute>,
    /// Worked.
    pub worked_minutes: Option<Minute>,
    /// By how much it is off: worked − planned, the overlap, or by how much it was changed.
    pub minutes: Option<Minute>,
}

/// A day that was not wholly read; the one before the first counts, too: what began that evening reaches in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Missing)]
pub struct Missing {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// `shifts` or `visits`.
    pub section: String,
    /// Whose; `null` = everybody's.
    pub clients: Option<Vec<String>>,
}
