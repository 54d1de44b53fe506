//! The on-call log: every page with who was told, who took it after how long, how it ended and what became of it; and the
//! list of a morning, made from the same.
//!
//! Given: pages, lives and dispositions as stored. Gives: [`OnCallLog`], the newest page first, and [`MorningList`]. Does
//! not: hold a phone, an address or a client's name.

use std::collections::BTreeMap;

use chrono::DateTime;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    life::Life,
    page_report::{PageReport, PageToldReport},
    words,
};
use crate::{
    alerts::{
        alert::AlertKey,
        disposition::{Disposition, MorningList, Said, Unsaid},
        page::{Page, PageState},
        severity::rank,
    },
    model::{Instant, PersonName},
};

/// Of a page about many alerts, so many are kept with it.
pub const ALERTS_KEPT: usize = 20;
/// So many pages are listed at most.
pub const PAGES_MAX: u32 = 500;
/// The longest span that is asked for, days.
pub const DAYS_MAX: u32 = 400;
/// So many shifts are named in the list of a morning.
pub const NAMED_MAX: usize = 20;

/// A page, as it is kept when the page itself is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptPage {
    /// 16 hex digits.
    pub id: String,
    /// By which escalation policy.
    pub policy: String,
    /// When it opened.
    pub opened_at: Instant,
    /// When it was over.
    pub closed_at: Option<Instant>,
    /// True for a trial.
    pub drill: bool,
    /// Who was told, oldest first.
    pub told: Vec<PageToldReport>,
    /// What it tells of, at most [`ALERTS_KEPT`].
    pub alerts: Vec<AlertKey>,
    /// Of how many alerts it tells.
    pub n_alerts: usize,
}

impl KeptPage {
    /// Of a page as it is.
    #[must_use]
    pub fn of(page: &Page) -> Self {
        let PageReport { id, policy, opened_at, closed_at, drill, told, .. } = PageReport::of(page, Vec::new());
        let alerts = page.alerts.iter().take(ALERTS_KEPT).cloned().collect();
        Self { id, policy, opened_at, closed_at, drill, told, alerts, n_alerts: page.alerts.len() }
    }

    /// Who has a page or had it, and since when, as far as the page knows.
    #[must_use]
    pub fn owner_of(page: &Page) -> (Option<Instant>, Option<String>) {
        match &page.state {
            PageState::Owned(ownership) => (Some(ownership.ack.at), Some(ownership.ack.by.clone())),
            PageState::Closed { owner, .. } => (None, owner.clone()),
            PageState::Open => (None, None),
        }
    }
}

/// A page of the log with everything that is kept about it.
#[derive(Debug, Clone, PartialEq)]
pub struct PageRow {
    /// Whose.
    pub agency: String,
    /// The page.
    pub page: KeptPage,
    /// When somebody first took it.
    pub acknowledged_at: Option<Instant>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
    /// The lives it told of, each with the last word on it.
    pub lives: Vec<(Life, Option<Said>)>,
}

/// The answer of `GET /api/v1/on-call/log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OnCallLog {
    /// From when on pages are listed, by when they opened.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// The newest first, at most [`PAGES_MAX`].
    pub pages: Vec<LoggedPage>,
    /// How many older pages of the span are not listed.
    pub n_left_out: u64,
}

/// One page of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoggedPage {
    /// 16 hex digits.
    pub id: String,
    /// Whose.
    pub agency: String,
    /// By which escalation policy.
    pub policy: String,
    /// True for a trial.
    pub drill: bool,
    /// When it opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Instant,
    /// When it was over; `null` while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Instant>,
    /// Who took it first; `null` when nobody did.
    pub acknowledged_by: Option<String>,
    /// When that was; `null` where it is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
    /// How many minutes after it opened, rounded down.
    pub acknowledged_after_minutes: Option<i64>,
    /// Who was told, oldest first.
    pub told: Vec<PageToldReport>,
    /// What it told of, the most severe first; of many not all.
    pub alerts: Vec<LoggedAlert>,
    /// Of how many alerts it told.
    pub n_alerts: usize,
}

/// One alert of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoggedAlert {
    /// 16 hex digits.
    pub fingerprint: String,
    /// Which of its lives.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// The `alertname` label.
    pub alertname: String,
    /// The `severity` label; may be empty.
    pub severity: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// The vendor's id of the shift, where it is about one.
    pub shift: Option<String>,
    /// When that shift starts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Instant>,
    /// When it ended; `null` while it lives.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Why, one word.
    pub reason: Option<String>,
    /// That, as a person says it.
    pub reason_words: Option<String>,
    /// What became of it: the last word.
    pub disposition: Option<DispositionReport>,
    /// What its end says by itself, where nobody said anything.
    pub suggested: Option<Disposition>,
}

/// Somebody said what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DispositionReport {
    /// `covered`, `arrived`, `refused`, `unstaffed`, `data-error`, `rescheduled`, `linked`, `edited` or `approved`.
    pub disposition: Disposition,
    /// As a person says it.
    pub words: String,
    /// Who said so.
    pub by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Who approved of it.
    pub approver: Option<String>,
    /// By whom the shift was covered.
    pub covered_by: Option<String>,
    /// What else they wrote; may be empty.
    pub note: String,
}

impl OnCallLog {
    /// The log of what is stored; `rows` come newest first.
    #[must_use]
    pub fn of(from: Instant, until: Instant, rows: Vec<PageRow>, n_left_out: u64) -> Self {
        Self { from, until, pages: rows.into_iter().map(LoggedPage::of).collect(), n_left_out }
    }
}

impl LoggedPage {
    fn of(row: PageRow) -> Self {
        let PageRow { agency, page, acknowledged_at, acknowledged_by, mut lives } = row;
        lives.sort_by_key(|(life, _)| rank(&life.labels));
        Self {
            id: page.id,
            agency,
            policy: page.policy,
            drill: page.drill,
            opened_at: page.opened_at,
            closed_at: page.closed_at,
            acknowledged_by,
            acknowledged_at,
            acknowledged_after_minutes: acknowledged_at.map(|at| (at - page.opened_at).num_minutes().max(0)),
            told: page.told,
            alerts: lives.into_iter().map(|(life, said)| LoggedAlert::of(life, said)).collect(),
            n_alerts: page.n_alerts,
        }
    }
}

impl LoggedAlert {
    /// A life, with the last word on it.
    #[must_use]
    pub fn of(life: Life, said: Option<Said>) -> Self {
        let shift = life.labels.get("shift").map(String::as_str).and_then(shift_of);
        let suggested = life.reason.as_deref().and_then(Disposition::read_from).filter(|_| said.is_none());
        Self {
            alertname: life.label("alertname").to_owned(),
            severity: life.label("severity").to_owned(),
            location: life.label("location").to_owned(),
            starts_at: shift.as_ref().map(|(_, at)| *at),
            shift: shift.map(|(id, _)| id).or_else(|| life.labels.get("shift").cloned()),
            fingerprint: life.fingerprint,
            active_at: life.active_at,
            resolved_at: life.resolved_at,
            reason_words: life.reason.as_deref().map(words::reason),
            reason: life.reason,
            disposition: said.map(DispositionReport::of),
            suggested,
        }
    }
}

impl LoggedAlert {
    /// Whether somebody is asked what became of it: it was about a shift, is over, and neither somebody nor its end has
    /// said it.
    #[must_use]
    pub const fn needs_a_word(&self) -> bool {
        self.shift.is_some() && self.resolved_at.is_some() && self.disposition.is_none() && self.suggested.is_none()
    }
}

impl DispositionReport {
    /// Of a word as stored.
    #[must_use]
    pub fn of(said: Said) -> Self {
        let Said { at, by, disposition, approver, covered_by, note, .. } = said;
        let by_whom = covered_by.as_ref().map_or_else(String::new, |who| format!(" by {who}"));
        let approved = approver.as_ref().map_or_else(String::new, |who| format!(", approved by {who}"));
        let words = format!("{}{by_whom}{approved}", disposition.words());
        Self { disposition, words, by, at, approver, covered_by, note }
    }
}

/// The vendor's id and the start in a `shift` label: `90010001@2026-11-24T14:55:00Z`, with a client's id or without.
/// The vendor's id and the start that a `shift` label holds.
pub(super) fn shift_of(label: &str) -> Option<(String, Instant)> {
    let (id, rest) = label.split_once('@')?;
    let start = rest.split('/').next()?;
    Some((id.to_owned(), DateTime::parse_from_rfc3339(start).ok()?.to_utc()))
}

/// What became of the night is asked: of the alerts that page and ended in it, those about shifts of which neither
/// somebody nor the schedule said what became. `people` are those who were told or had one.
#[must_use]
pub fn morning(lives: Vec<(Life, Option<Said>)>, people: Vec<PersonName>) -> MorningList {
    struct Night {
        last: Life,
        said: bool,
    }
    let mut by_shift: BTreeMap<String, Night> = BTreeMap::new();
    for (life, said) in lives {
        let pages = matches!(life.label("severity"), "page" | "critical");
        let (Some(shift), true) = (life.labels.get("shift").cloned(), pages && life.fired_at.is_some()) else {
            continue;
        };
        let said = said.is_some();
        match by_shift.get_mut(&shift) {
            None => drop(by_shift.insert(shift, Night { last: life, said })),
            Some(night) => {
                night.said |= said;
                if night.last.resolved_at < life.resolved_at {
                    night.last = life;
                }
            }
        }
    }
    let n_shifts = by_shift.len();
    let needs_a_word =
        |night: &&Night| !night.said && night.last.reason.as_deref().and_then(Disposition::read_from).is_none();
    let mut open: Vec<Unsaid> = by_shift
        .values()
        .filter(needs_a_word)
        .map(|night| {
            let label = night.last.label("shift");
            let (shift, starts_at) =
                shift_of(label).map_or_else(|| (label.to_owned(), None), |(id, at)| (id, Some(at)));
            let alertname = night.last.label("alertname").to_owned();
            Unsaid { alertname, shift, starts_at, location: night.last.label("location").to_owned() }
        })
        .collect();
    open.sort_by_key(|one| one.starts_at);
    let n_open = open.len();
    open.truncate(NAMED_MAX);
    MorningList { n_shifts, n_open, open, people }
}

/// When a stored instant was, on the wall clock of the place: `Tue 2026-11-24 08:10`.
#[must_use]
pub fn local(at: Instant, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests;
