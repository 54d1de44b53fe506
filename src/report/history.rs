//! How alerts went over a span of days, by rule: how many, how they ended, and how long each part took.
//!
//! Given: what is stored of each alert that fired in the span ([`LifeRow`]), in any order, and the newest of them whole.
//! Gives: [`History`]. Does not: count what never fired, or guess a time that was not written down.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{life::Life, times::Times, words};
use crate::model::Instant;

/// How many of the latest alerts are listed.
pub const LATEST_MAX: usize = 200;
/// At most so many alerts are summed up; the newest count.
pub const SUMMED_MAX: usize = 100_000;

/// How far back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Span {
    /// The last 24 hours.
    #[serde(rename = "24h")]
    Day,
    /// The last 7 days.
    #[default]
    #[serde(rename = "7d")]
    Week,
    /// The last 30 days.
    #[serde(rename = "30d")]
    Month,
    /// The last 90 days.
    #[serde(rename = "90d")]
    Quarter,
}

impl Span {
    /// Every span, shortest first.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// As it is written: `24h`, `7d`, `30d`, `90d`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    /// By its text; `None` when it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == text)
    }

    /// Its length.
    #[must_use]
    pub const fn length(self) -> TimeDelta {
        match self {
            Self::Day => TimeDelta::hours(24),
            Self::Week => TimeDelta::days(7),
            Self::Month => TimeDelta::days(30),
            Self::Quarter => TimeDelta::days(90),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer of `GET /api/v1/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct History {
    /// How far back.
    pub span: Span,
    /// Alerts that fired from here,
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// up to here.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// By rule, in name order; a rule that did not fire is not listed.
    pub rules: Vec<RuleHistory>,
    /// The latest alerts, newest first, at most [`LATEST_MAX`].
    pub latest: Vec<LatestAlert>,
    /// How many more fired in the span than are listed.
    pub n_latest_left_out: u64,
    /// How many of the oldest are not summed up, because there are more than [`SUMMED_MAX`].
    pub n_not_summed: u64,
}

/// How the alerts of one name went.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RuleHistory {
    /// The `alertname` label.
    pub alertname: String,
    /// How many fired.
    pub n_alerts: u64,
    /// Of how many somebody was told, as far as messages are kept (90 days).
    pub n_told: u64,
    /// How many somebody took.
    pub n_acknowledged: u64,
    /// Of how many somebody was told and did something: took it, or said what became of it.
    #[serde(default)]
    pub n_acted_on: u64,
    /// How many are not over.
    pub n_open: u64,
    /// How many ended for each reason.
    pub closed: BTreeMap<String, u64>,
    /// From the known edge to the agent's sight of it. Not of alerts without an edge, nor of those found by a first look,
    /// nor where the shift changed after its edge: when that happened is not known.
    pub detect: Times,
    /// From firing to the first gateway's (or mail server's) yes.
    pub send: Times,
    /// From firing to the first delivery that was reported.
    pub deliver: Times,
    /// From firing to the first acknowledgement. Not of alerts whose shift was owned before they fired.
    pub acknowledge: Times,
    /// From firing to the end.
    pub resolve: Times,
}

/// One of the latest alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LatestAlert {
    /// Its id in every API.
    pub fingerprint: String,
    /// The `alertname` label.
    pub alertname: String,
    /// The `severity` label; may be empty.
    pub severity: String,
    /// The agency whose alert it is.
    pub agency: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// The `shift` label, where it is about a shift.
    pub shift: Option<String>,
    /// Since when its condition was true.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// When it fired.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fired_at: Option<Instant>,
    /// When somebody first took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
    /// When it ended; `null` while it lives.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Why it ended, one word.
    pub reason: Option<String>,
    /// That, as a person says it.
    pub reason_words: Option<String>,
}

/// What is summed up of one alert that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeRow {
    /// Whose it is.
    pub agency: String,
    /// The `alertname` label.
    pub alertname: String,
    /// When it fired.
    pub fired_at: Instant,
    /// See [`Life::edge_at`].
    pub edge_at: Option<Instant>,
    /// See [`Life::seen_at`].
    pub seen_at: Option<Instant>,
    /// When the shift it is about last changed (appeared, lost its caregiver, moved) before it was seen.
    pub changed_at: Option<Instant>,
    /// Whether a message about it was decided.
    pub told: bool,
    /// When a gateway first took one that says it fires.
    pub sent_at: Option<Instant>,
    /// When one that says it fires was first reported as delivered.
    pub delivered_at: Option<Instant>,
    /// When somebody first took it.
    pub acknowledged_at: Option<Instant>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
    /// Whether somebody said what became of it.
    pub said: bool,
    /// When it ended.
    pub resolved_at: Option<Instant>,
    /// Why.
    pub reason: Option<String>,
}

/// The durations of one rule, before they are summed up.
#[derive(Debug, Default)]
struct Spans {
    counts: RuleHistory,
    detect: Vec<TimeDelta>,
    send: Vec<TimeDelta>,
    deliver: Vec<TimeDelta>,
    acknowledge: Vec<TimeDelta>,
    resolve: Vec<TimeDelta>,
}

/// Takes rows in, slice by slice, and sums them up at the end.
#[derive(Debug, Default)]
pub struct Tally {
    rules: BTreeMap<String, Spans>,
    people: BTreeMap<String, Taken>,
    n: u64,
}

/// What one person took.
#[derive(Debug, Default)]
struct Taken {
    n: u64,
    acknowledge: Vec<TimeDelta>,
    resolve: Vec<TimeDelta>,
}

impl Tally {
    /// Takes one row in.
    pub fn take(&mut self, row: &LifeRow) {
        self.n += 1;
        if !self.rules.contains_key(&row.alertname) {
            self.rules.insert(row.alertname.clone(), Spans::default());
        }
        let Some(rule) = self.rules.get_mut(&row.alertname) else { return };
        let counts = &mut rule.counts;
        counts.n_alerts += 1;
        counts.n_told += u64::from(row.told);
        counts.n_acknowledged += u64::from(row.acknowledged_at.is_some());
        counts.n_acted_on += u64::from(row.told && (row.acknowledged_at.is_some() || row.said));
        match (&row.reason, row.resolved_at) {
            (_, None) => counts.n_open += 1,
            (reason, Some(_)) => *counts.closed.entry(reason.clone().unwrap_or_default()).or_default() += 1,
        }
        let since_fired = |at: Option<Instant>| at.map(|at| at - row.fired_at);
        rule.detect.extend(row.detected_after());
        rule.send.extend(since_fired(row.sent_at));
        rule.deliver.extend(since_fired(row.delivered_at));
        rule.acknowledge.extend(since_fired(row.acknowledged_at.filter(|at| *at >= row.fired_at)));
        rule.resolve.extend(since_fired(row.resolved_at));
        if let Some(person) = &row.acknowledged_by {
            let person = self.people.entry(person.clone()).or_default();
            person.n += 1;
            person.acknowledge.extend(since_fired(row.acknowledged_at.filter(|at| *at >= row.fired_at)));
            person.resolve.extend(since_fired(row.resolved_at));
        }
    }

    /// How many were taken in.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Takes what is known of people out: each with how many they took, how long that took, and how long until the end.
    #[must_use]
    pub fn people(&mut self) -> Vec<(String, u64, Times, Times)> {
        let people = std::mem::take(&mut self.people).into_iter();
        people.map(|(name, one)| (name, one.n, Times::of(one.acknowledge), Times::of(one.resolve))).collect()
    }

    /// By rule, in name order.
    #[must_use]
    pub fn rules(self) -> Vec<RuleHistory> {
        let rules = self.rules.into_iter().map(|(alertname, spans)| RuleHistory {
            alertname,
            detect: Times::of(spans.detect),
            send: Times::of(spans.send),
            deliver: Times::of(spans.deliver),
            acknowledge: Times::of(spans.acknowledge),
            resolve: Times::of(spans.resolve),
            ..spans.counts
        });
        rules.collect()
    }

    /// The history of a span that ends at `until`; `latest` newest first, `n_fired` = how many fired in the span.
    #[must_use]
    pub fn sum_up(self, span: Span, until: Instant, latest: &[Life], n_fired: u64) -> History {
        let n_summed = self.n;
        let latest: Vec<LatestAlert> = latest.iter().take(LATEST_MAX).map(LatestAlert::of).collect();
        History {
            span,
            from: until - span.length(),
            until,
            rules: self.rules(),
            n_latest_left_out: n_fired.saturating_sub(latest.len() as u64),
            latest,
            n_not_summed: n_fired.saturating_sub(n_summed),
        }
    }
}

impl History {
    /// The names of everything that fired, for a page's filter.
    #[must_use]
    pub fn alertnames(&self) -> BTreeSet<&str> {
        self.rules.iter().map(|rule| rule.alertname.as_str()).collect()
    }
}

impl LifeRow {
    /// From its edge to the agent's sight; `None` where nobody can know.
    fn detected_after(&self) -> Option<TimeDelta> {
        let (edge_at, seen_at) = self.edge_at.zip(self.seen_at)?;
        // It lost its caregiver, or came into being, after the edge: somewhere between two reads.
        let changed_later = self.changed_at.is_some_and(|at| at > edge_at);
        (!changed_later).then(|| seen_at - edge_at)
    }
}

impl LatestAlert {
    fn of(life: &Life) -> Self {
        let label = |name: &str| life.label(name).to_owned();
        Self {
            fingerprint: life.fingerprint.clone(),
            alertname: label("alertname"),
            severity: label("severity"),
            agency: life.agency.to_string(),
            location: label("location"),
            shift: life.labels.get("shift").cloned(),
            active_at: life.active_at,
            fired_at: life.fired_at,
            acknowledged_at: life.acknowledged_at,
            acknowledged_by: life.acknowledged_by.clone(),
            resolved_at: life.resolved_at,
            reason: life.reason.clone(),
            reason_words: life.reason.as_deref().map(words::reason),
        }
    }
}

#[cfg(test)]
mod tests;
