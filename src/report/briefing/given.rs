//! What a briefing is made from: plain values, taken from the mirror, the picture and the store by whoever asks.

use std::{collections::BTreeMap, sync::Arc};

use chrono::Weekday;
use chrono_tz::Tz;

use super::Kind;
use crate::{
    model::{AgencyName, CaregiverId, Instant, ShiftKey},
    report::{on_call_log::LoggedPage, past_shifts::Edits},
};

/// One shift and what is known of who came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Care {
    /// Identity, with start and client.
    pub key: Arc<ShiftKey>,
    /// The planned end.
    pub end: Instant,
    /// The usable caregiver.
    pub caregiver: Option<CaregiverId>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The `location` label; may be empty.
    pub location: Arc<str>,
    /// Whether the client carries the tag that the configuration calls `critical`.
    pub critical: bool,
    /// Who came.
    pub came: Came,
    /// The first check-in, where its time is understood.
    pub came_at: Option<Instant>,
    /// The last check-out, when nobody is there any more and its time is understood.
    pub left_at: Option<Instant>,
}

/// Who came to a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// Somebody, and left.
    Left,
    /// Somebody, who has not checked out.
    Open,
    /// A caregiver who stayed on from the shift before, with one visit for both.
    StayedOn,
    /// Nobody: a read of the visits since shows none.
    Nobody,
    /// Nobody has looked.
    Unseen,
}

/// Who is on call by one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// The schedule.
    pub schedule: String,
    /// Who is, by their ids; empty = nobody. `None` = not known.
    pub now: Option<Vec<String>>,
    /// Until when; `None` = no change in sight.
    pub until: Option<Instant>,
    /// Who comes then.
    pub next: Vec<String>,
    /// The first stretch of the next 14 days with nobody, where somebody is needed.
    pub gap: Option<(Instant, Instant)>,
    /// How many such stretches there are.
    pub n_gaps: usize,
}

/// How the agent and the vendor's API are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machinery {
    /// The latest successful read of anything.
    pub last_read_at: Option<Instant>,
    /// Endpoints that fail now, by their label, with since when.
    pub failing: Vec<(String, Option<Instant>)>,
    /// Messages that are not sent yet; `None` = the store could not be asked.
    pub n_unsent: Option<u64>,
    /// Since when the oldest of them waits.
    pub unsent_since: Option<Instant>,
    /// How many ways out, or people, cannot be reached.
    pub n_unreached: usize,
    /// Silences that end within a day: what they are about, and when.
    pub silences: Vec<(String, Instant)>,
}

/// Everything about one agency that a briefing is made from.
#[derive(Debug, Clone)]
pub struct Given {
    /// Which briefing.
    pub kind: Kind,
    /// Whose.
    pub agency: AgencyName,
    /// What opens its texts.
    pub title: String,
    /// Where its wall clocks hang.
    pub zone: Tz,
    /// The zones of its locations that hang their clocks elsewhere, by what they are called.
    pub zones: BTreeMap<String, Tz>,
    /// True for `clock: 12h`.
    pub clock_12h: bool,
    /// On which day its week begins.
    pub week_starts: Weekday,
    /// What an hour of care is billed at, where that is configured.
    pub hourly_rate: Option<f64>,
    /// The instant it is made for.
    pub now: Instant,
    /// Since when nothing of WellSky can be seen.
    pub blind_since: Option<Instant>,
    /// Whether the counts of shifts are worth anything.
    pub is_known: bool,
    /// As of when the shifts are: the oldest stamp any of them stands on.
    pub as_of: Option<Instant>,
    /// Whether that read was complete.
    pub complete: bool,
    /// Shifts by start: from `reaches_from` to the end of what is looked at.
    pub care: Vec<Care>,
    /// From when on past shifts are known; `None` = none are.
    pub reaches_from: Option<Instant>,
    /// What is known of edited visits of that time.
    pub edits: Option<Edits>,
    /// The pages of the last four weeks, the newest first; or why they cannot be had.
    pub pages: Result<Vec<LoggedPage>, String>,
    /// From when on they are all there; `None` = of the whole time.
    pub pages_from: Option<Instant>,
    /// Who is on call, by the schedules that a policy needs.
    pub watchers: Vec<Watcher>,
    /// How the agent is.
    pub machinery: Machinery,
}
