//! The briefing of a day: what stands open, what the night was, what to watch today; one screen.
//!
//! Given: [`given::Given`], an agency as plain values. Gives: [`Briefing`], and it as text ([`text`]), HTML ([`html`]) and a
//! chart ([`chart`]). Quiet parts say so; what nobody can know is `None`, never 0.
//! Does not: read anything, look at a clock, or hold a name: [`Briefing::name_with`] writes names in where somebody may see
//! them.

use std::{fmt, mem};

use chrono::{DateTime, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::model::{CaregiverId, ClientId, Instant};

pub mod chart;
pub mod given;
pub mod html;
mod make;
mod overtime;
mod risks;
pub mod text;
mod trend;

pub use make::make;

#[cfg(test)]
mod tests;

/// Which briefing.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[schema(as = briefing::Kind)]
pub enum Kind {
    /// 07:00: the night, and the day ahead.
    #[default]
    Morning,
    /// 16:30: the day, and the night ahead.
    Handoff,
    /// 16:00: whether tomorrow is covered.
    Tomorrow,
    /// Thursday 15:00: whether Saturday and Sunday are covered.
    Weekend,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Morning, Self::Handoff, Self::Tomorrow, Self::Weekend];

    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Morning => "morning",
            Self::Handoff => "handoff",
            Self::Tomorrow => "tomorrow",
            Self::Weekend => "weekend",
        }
    }

    /// By its text; `None` when it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it is only about who is missing on certain days.
    #[must_use]
    pub const fn is_check(self) -> bool {
        matches!(self, Self::Tomorrow | Self::Weekend)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Somebody, by id; with a name where somebody may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Named<Id> {
    /// The vendor's id.
    pub id: Id,
    /// What they are called; `null` for those who may not know.
    pub name: Option<String>,
}

impl<Id> Named<Id> {
    /// By id alone.
    pub const fn of(id: Id) -> Self {
        Self { id, name: None }
    }
}

/// The answer of `GET /api/v1/briefing`, one an agency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Briefing)]
pub struct Briefing {
    /// Which.
    pub kind: Kind,
    /// Whose.
    pub agency: String,
    /// What opens its texts.
    pub title: String,
    /// For which instant it was made.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// The agency's zone, IANA; days are days of its wall clock.
    pub timezone: String,
    /// True where its wall clocks show twelve hours.
    pub clock_12h: bool,
    /// Set when it is sent late: when it was due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Instant>,
    /// As of when the shifts are; `null` = never read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
    /// Whether that read was complete.
    pub complete: bool,
    /// Since when WellSky cannot be seen: what follows is as of `as_of`. `null` while it can.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub blind_since: Option<Instant>,
    /// Shifts without a caregiver; `null` = not known.
    pub coverage: Option<Coverage>,
    /// Shifts of the days that a check is about; `null` in other kinds, and while not known.
    pub ahead: Option<Ahead>,
    /// The pages since the evening before (of a handoff: since the morning); `null` = not known.
    pub pages: Option<Pages>,
    /// The visits of yesterday (of a handoff: of today); `null` = not known.
    pub visits: Option<Visits>,
    /// What to watch today (of a handoff: until tomorrow's midday); `null` = not known.
    pub risks: Option<Risks>,
    /// Who works too long this week; `null` = not known.
    pub overtime: Option<Overtime>,
    /// Of the complete visits of the last four weeks that were read again, the share whose times had changed, 0 to 1; `null` = none
    /// was read again.
    pub edited_share: Option<f64>,
    /// Since when changes are known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_since: Option<Instant>,
    /// Credentials that end soon. Neither WellSky's API nor `cover.file` says when one ends.
    pub credentials_ending: Option<u64>,
    /// Who is on call, by schedule.
    pub on_call: Vec<OnCall>,
    /// How the agent and the vendor's API are.
    pub system: System,
    /// The last twenty-eight whole days, the oldest first.
    pub trend: Vec<Day>,
}

/// Shifts without a caregiver that are not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Coverage)]
pub struct Coverage {
    /// In all locations.
    pub all: Uncovered,
    /// By location, those with any; the most first.
    pub locations: Vec<Uncovered>,
    /// The first of them, at most [`LISTED`].
    pub first: Vec<OpenShift>,
    /// Shifts that start, or run, within 72 h, with somebody or nobody, cancelled ones apart; `null` = not counted.
    #[serde(default)]
    pub n_shifts: Option<u64>,
}

/// How many shifts have nobody.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Uncovered)]
pub struct Uncovered {
    /// The location; empty for all of them, and for clients without one.
    pub location: String,
    /// That start, or run, until midnight.
    pub today: u64,
    /// That start, or run, within 24 h.
    pub within_24h: u64,
    /// That start, or run, within 72 h.
    pub within_72h: u64,
    /// Hours of care that are missing within 72 h.
    pub hours: f64,
    /// What they are worth; `null` without a rate.
    pub money: Option<f64>,
}

/// A shift with nobody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::OpenShift)]
pub struct OpenShift {
    /// The vendor's id.
    pub shift: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Instant,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Instant,
    /// Its location; may be empty.
    pub location: String,
    /// The zone that its location's clocks hang in, IANA, where that is another than the agency's: texts tell its times in it.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Whom it is for.
    pub client: Named<ClientId>,
}

/// The days that a check is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Ahead)]
pub struct Ahead {
    /// `tomorrow` or `weekend`.
    pub what: Kind,
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    pub until: NaiveDate,
    /// Shifts that start on them, cancelled ones apart.
    pub n_shifts: u64,
    /// Of them, those with nobody.
    pub n_uncovered: u64,
    /// Hours of care that are missing.
    pub hours: f64,
    /// What they are worth; `null` without a rate.
    pub money: Option<f64>,
    /// The first of them, at most [`LISTED`].
    pub first: Vec<OpenShift>,
}

/// The pages of a stretch, trials apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Pages)]
pub struct Pages {
    /// From when.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// How many.
    pub n: u64,
    /// How many somebody took.
    pub n_taken: u64,
    /// How many nobody has, and that are not over.
    pub n_open: u64,
    /// Who took how many, the most first.
    pub taken_by: Vec<(String, u64)>,
    /// Half of those taken were taken within so many minutes.
    pub minutes_to_ack: Option<i64>,
    /// Of how many nobody has said what became.
    pub n_need_a_word: u64,
}

/// The visits of a day that is over, or so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Visits)]
pub struct Visits {
    /// The day.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// Shifts that are over, cancelled ones apart.
    pub n_shifts: u64,
    /// Shifts of the day that run or are to come, cancelled ones apart.
    #[serde(default)]
    pub n_not_over: u64,
    /// Somebody came.
    pub n_made: u64,
    /// Nobody came.
    pub n_missed: u64,
    /// Nobody has looked who came.
    pub n_unseen: u64,
    /// Came more than a quarter of an hour late.
    pub n_late: u64,
    /// Stayed less than four fifths of what was planned.
    pub n_short: u64,
    /// Shifts to which nobody came, at most [`LISTED`].
    pub missed: Vec<OpenShift>,
    /// Visits of any day that are over by the plan for half an hour or more and have no check-out: they hold up payroll.
    pub n_without_check_out: u64,
    /// Their shifts, at most [`LISTED`].
    pub without_check_out: Vec<OpenShift>,
}

/// What to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Risks)]
pub struct Risks {
    /// How many things.
    pub n: u64,
    /// By start, at most [`LISTED`].
    pub first: Vec<Risk>,
    /// From when on past shifts are known, which is what new clients and caregivers are told by; `null` = too short a
    /// time, so nothing is said of them.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub new_since: Option<Instant>,
}

/// One thing to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Risk)]
pub struct Risk {
    /// Why.
    pub why: RiskWhy,
    /// The vendor's id of the shift.
    pub shift: String,
    /// When it starts.
    #[schema(value_type = String, format = DateTime)]
    pub starts_at: Instant,
    /// Its location; may be empty.
    pub location: String,
    /// The zone that its location's clocks hang in, IANA, where that is another than the agency's: texts tell its times in it.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Whom it is for.
    pub client: Named<ClientId>,
    /// Who goes; `null` = nobody yet.
    pub caregiver: Option<Named<CaregiverId>>,
    /// `late 3 times in 14 days`, `10 min after shift 9001`; may be empty.
    pub detail: String,
}

/// Why something is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = briefing::RiskWhy)]
pub enum RiskWhy {
    /// A client whom nothing can be missed for.
    CriticalClient,
    /// Nobody was at this client's before.
    NewClient,
    /// This caregiver was nowhere before.
    NewCaregiver,
    /// A caregiver who came late at least twice in 14 days.
    OftenLate,
    /// A caregiver who has no time for the way from the client before.
    NoTravelTime,
}

impl RiskWhy {
    /// As a person says it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CriticalClient => "critical client",
            Self::NewClient => "first visit of a new client",
            Self::NewCaregiver => "first shift of a new caregiver",
            Self::OftenLate => "caregiver often late",
            Self::NoTravelTime => "no time to travel",
        }
    }
}

/// Who works too long this week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Overtime)]
pub struct Overtime {
    /// The first day of the week.
    #[schema(value_type = String, format = Date)]
    pub week: NaiveDate,
    /// How many will have more than 40 h.
    pub n_over_40: u64,
    /// How many will have more than 38 h, and not more than 40.
    pub n_over_38: u64,
    /// The most first, at most [`LISTED`].
    pub first: Vec<Week>,
}

/// One caregiver's week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Week)]
pub struct Week {
    /// Who.
    pub caregiver: Named<CaregiverId>,
    /// Worked so far, hours.
    pub worked: f64,
    /// With what is planned until the week ends, hours.
    pub projected: f64,
}

/// Who is on call by one schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::OnCall)]
pub struct OnCall {
    /// The schedule.
    pub schedule: String,
    /// Who is, by their ids; empty = nobody, `null` = not known.
    pub now: Option<Vec<String>>,
    /// Until when; `null` = no change in sight.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
    /// Who comes then.
    pub next: Vec<String>,
    /// The first stretch in 14 days with nobody where somebody is needed.
    pub gap: Option<Stretch>,
    /// How many there are.
    pub n_gaps: usize,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Stretch)]
pub struct Stretch {
    /// Included.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// Excluded.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
}

/// How the agent and the vendor's API are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::System)]
pub struct System {
    /// The latest successful read; `null` = none yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_read_at: Option<Instant>,
    /// Endpoints that fail now.
    pub failing: Vec<String>,
    /// Messages that wait to be sent; `null` = not known.
    pub n_unsent: Option<u64>,
    /// Since when the oldest of them waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub unsent_since: Option<Instant>,
    /// How many ways out, or people, cannot be reached.
    pub n_unreached: usize,
    /// Silences that end within a day.
    pub silences: Vec<SilenceEnding>,
}

/// A silence that ends soon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::SilenceEnding)]
pub struct SilenceEnding {
    /// What it is about, as matchers.
    pub about: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Instant,
}

/// One whole day in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = briefing::Day)]
pub struct Day {
    /// Which.
    #[schema(value_type = String, format = Date)]
    pub day: NaiveDate,
    /// Shifts, cancelled ones apart; `null` = that day is not known.
    pub n_shifts: Option<u64>,
    /// Of those of which it is known, the share that somebody came to, 0 to 1; `null` where it is known of fewer than half.
    pub made: Option<f64>,
    /// Of those that somebody came to, the share within a quarter of an hour of the start, 0 to 1; `null` like `made`.
    pub on_time: Option<f64>,
    /// To how many nobody came.
    pub n_missed: Option<u64>,
    /// How many pages opened.
    pub n_pages: Option<u64>,
    /// Half of those taken were taken within so many minutes.
    pub minutes_to_ack: Option<i64>,
}

/// So many shifts, things or people are named of each list.
pub const LISTED: usize = 8;

/// Says what people are called.
pub trait Naming {
    /// A client's name; `None` when it is not known.
    fn client(&self, id: &ClientId) -> Option<String>;
    /// A caregiver's name; `None` when it is not known.
    fn caregiver(&self, id: &CaregiverId) -> Option<String>;
}

impl Briefing {
    /// Writes names beside the ids, for somebody who may see them.
    pub fn name_with(&mut self, names: &dyn Naming) {
        let covers =
            [self.coverage.as_mut().map(|part| &mut part.first), self.ahead.as_mut().map(|part| &mut part.first)];
        let visits = self.visits.iter_mut().flat_map(|part| part.missed.iter_mut().chain(&mut part.without_check_out));
        for one in covers.into_iter().flatten().flatten().chain(visits) {
            one.client.name = names.client(&one.client.id);
        }
        for one in self.risks.iter_mut().flat_map(|part| &mut part.first) {
            one.client.name = names.client(&one.client.id);
            if let Some(caregiver) = &mut one.caregiver {
                caregiver.name = names.caregiver(&caregiver.id);
            }
        }
        for one in self.overtime.iter_mut().flat_map(|part| &mut part.first) {
            one.caregiver.name = names.caregiver(&one.caregiver.id);
        }
    }

    /// Whose names it would show, each once.
    #[must_use]
    pub fn people(&self) -> (Vec<ClientId>, Vec<CaregiverId>) {
        struct Heard(std::cell::RefCell<(Vec<ClientId>, Vec<CaregiverId>)>);
        impl Naming for Heard {
            fn client(&self, id: &ClientId) -> Option<String> {
                self.0.borrow_mut().0.push(id.clone());
                None
            }
            fn caregiver(&self, id: &CaregiverId) -> Option<String> {
                self.0.borrow_mut().1.push(id.clone());
                None
            }
        }
        let heard = Heard(std::cell::RefCell::default());
        self.clone().name_with(&heard);
        let (mut clients, mut caregivers) = mem::take(&mut *heard.0.borrow_mut());
        clients.sort();
        clients.dedup();
        caregivers.sort();
        caregivers.dedup();
        (clients, caregivers)
    }

    /// The zone its times are shown in.
    #[must_use]
    pub fn zone(&self) -> chrono_tz::Tz {
        self.timezone.parse().unwrap_or(chrono_tz::UTC)
    }

    fn local(&self, at: Instant) -> DateTime<chrono_tz::Tz> {
        at.with_timezone(&self.zone())
    }

    /// By a location's clocks; by the agency's where they hang no others.
    fn local_in(&self, at: Instant, zone: Option<&str>) -> DateTime<chrono_tz::Tz> {
        at.with_timezone(&zone.and_then(|zone| zone.parse().ok()).unwrap_or_else(|| self.zone()))
    }
}

/// `A.M.` of a whole name: what a granted mail says of who somebody is. `None` of an empty one.
#[must_use]
pub fn initials(name: &str) -> Option<String> {
    let letters: String = name
        .split(|c: char| c.is_whitespace() || c == ',' || c == '-')
        .filter_map(|part| part.chars().find(|c| c.is_alphabetic()))
        .take(4)
        .flat_map(|letter| letter.to_uppercase().chain(['.']))
        .collect();
    Some(letters).filter(|letters| !letters.is_empty())
}
