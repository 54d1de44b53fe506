//! The on-call log as a part of *On call*: every page of the last days, and of which nobody has said what became.

use serde::Serialize;

use super::alert::{Stamp, arrived};
use crate::{
    model::{AgencyName, Instant},
    notify::voice::Voice,
    report::on_call_log::{DispositionReport, LoggedAlert, LoggedPage, OnCallLog},
    view::{View, words},
};

/// So many days stand on the page.
pub const DAYS: u32 = 3;
/// So many pages of them.
const PAGES_SHOWN: usize = 60;
/// So many alerts of a page.
const ALERTS_SHOWN: usize = 3;

/// The log, or why it cannot be told.
#[derive(Debug, Clone, Serialize)]
pub struct Log {
    days: u32,
    fault: Option<String>,
    pages: Vec<Page>,
    n_open: usize,
    n_left_out: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Page {
    id: String,
    drill: bool,
    /// `firing` while somebody waits for something: it is open and nobody has it, or a word is missing.
    tone: &'static str,
    opened: Stamp,
    closed: bool,
    owner: Option<String>,
    after: Option<String>,
    alerts: Vec<Alert>,
    n_more: usize,
    told: Vec<Told>,
}

#[derive(Debug, Clone, Serialize)]
struct Alert {
    fingerprint: String,
    name: String,
    concerns: String,
    ended: Option<String>,
    said: Option<DispositionReport>,
    needs: bool,
}

#[derive(Debug, Clone, Serialize)]
struct Told {
    local: String,
    person: String,
    via: String,
    step: usize,
    says: &'static str,
    tone: &'static str,
}

impl Log {
    /// The log as of `now`.
    #[must_use]
    pub fn of(view: &View, log: Result<&OnCallLog, String>, now: Instant) -> Self {
        let log = match log {
            Ok(log) => log,
            Err(fault) => return Self { days: DAYS, fault: Some(fault), pages: Vec::new(), n_open: 0, n_left_out: 0 },
        };
        let n_open = log.pages.iter().filter(|page| page.alerts.iter().any(LoggedAlert::needs_a_word)).count();
        let pages = log.pages.iter().take(PAGES_SHOWN).map(|page| Page::of(page, view, now)).collect();
        let n_left_out = log.n_left_out + log.pages.len().saturating_sub(PAGES_SHOWN) as u64;
        Self { days: DAYS, fault: None, pages, n_open, n_left_out }
    }
}

impl Page {
    fn of(page: &LoggedPage, view: &View, now: Instant) -> Self {
        let voice = view.telling.voice(&AgencyName::from(page.agency.as_str()));
        let place = page.alerts.first().map_or("", |alert| alert.location.as_str());
        let zone = voice.zone_of(place);
        let stamp = |at: Instant| Stamp::of(at, now, zone, voice.clock_12h);
        let waits = (page.closed_at.is_none() && page.acknowledged_by.is_none())
            || page.alerts.iter().any(LoggedAlert::needs_a_word);
        let after = page.acknowledged_after_minutes.map(|minutes| match minutes {
            0 => "within a minute".to_owned(),
            minutes => format!("after {minutes} min"),
        });
        Self {
            id: page.id.clone(),
            drill: page.drill,
            tone: match (waits && !page.drill, page.closed_at) {
                (true, _) => "firing",
                (false, None) => "acknowledged",
                (false, Some(_)) => "resolved",
            },
            opened: stamp(page.opened_at),
            closed: page.closed_at.is_some(),
            owner: page.acknowledged_by.clone(),
            after,
            alerts: page.alerts.iter().take(ALERTS_SHOWN).map(|alert| Alert::of(alert, voice, now)).collect(),
            n_more: page.n_alerts.saturating_sub(page.alerts.len().min(ALERTS_SHOWN)),
            told: page
                .told
                .iter()
                .map(|told| {
                    let (says, tone) = arrived(&told.arrived);
                    Told {
                        local: words::weekday_clock(told.at, now, zone, voice.clock_12h),
                        person: told.person.clone(),
                        via: told.via.clone(),
                        step: told.step,
                        says,
                        tone,
                    }
                })
                .collect(),
        }
    }
}

impl Alert {
    fn of(alert: &LoggedAlert, voice: &Voice, now: Instant) -> Self {
        let when =
            alert.starts_at.map(|at| words::weekday_clock(at, now, voice.zone_of(&alert.location), voice.clock_12h));
        let shift = alert.shift.as_ref().filter(|_| when.is_none()).map(|shift| format!("shift {shift}"));
        let place = Some(alert.location.clone()).filter(|place| !place.is_empty());
        Self {
            fingerprint: alert.fingerprint.clone(),
            name: alert.alertname.clone(),
            concerns: [when, shift, place].into_iter().flatten().collect::<Vec<_>>().join(", "),
            ended: alert.reason_words.clone(),
            said: alert.disposition.clone(),
            needs: alert.needs_a_word(),
        }
    }
}
