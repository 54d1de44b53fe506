//! One life of one alert, from the moment its condition was true to its end: what is kept of it for 400 days.

use crate::{
    alerts::{
        alert::{Alert, AlertKey, AlertState, Labels},
        fingerprint::fingerprint,
    },
    model::{AgencyName, Instant, Subject},
    rules::finding::Tells,
};

/// One life, as the store keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// Whose.
    pub agency: AgencyName,
    /// 16 hex digits; the same in every life of an alert.
    pub fingerprint: String,
    /// The labels it fired with. No PHI.
    pub labels: Labels,
    /// Since when its condition was true.
    pub active_at: Instant,
    /// The known edge that passed (a window's opening); `None` where there is none (alerts about measured conditions,
    /// posted ones) or where nobody can know: found by a first look, or kept by a version that did not write it down.
    pub edge_at: Option<Instant>,
    /// When the agent saw it; `None` when it was kept by a version that did not write it down.
    pub seen_at: Option<Instant>,
    /// When it fired; `None` = never.
    pub fired_at: Option<Instant>,
    /// When somebody first took it.
    pub acknowledged_at: Option<Instant>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
    /// When it ended; `None` while it lives.
    pub resolved_at: Option<Instant>,
    /// Why: a `Closing` word.
    pub reason: Option<String>,
}

impl Life {
    /// Of an alert as it is, first seen at `seen_at`. `knows_edge` is false in a first look, which finds what may have
    /// begun long before.
    #[must_use]
    pub fn of(alert: &Alert, seen_at: Option<Instant>, knows_edge: bool) -> Self {
        let (acknowledged, resolved) = match &alert.state {
            AlertState::Acknowledged { ack, .. } => (Some((ack.at, ack.by.clone())), None),
            AlertState::Resolved { resolved_at, closing, .. } => {
                (None, Some((*resolved_at, closing.as_str().to_owned())))
            }
            AlertState::Pending { .. } | AlertState::Firing { .. } => (None, None),
        };
        let has_edge = alert.facts.tells != Tells::Summary && alert.posted.is_none();
        Self {
            agency: alert.key.agency.clone(),
            fingerprint: fingerprint(&alert.labels),
            labels: alert.labels.clone(),
            active_at: alert.active_at,
            edge_at: (has_edge && knows_edge && seen_at.is_some()).then_some(alert.facts.window.opens_at),
            seen_at,
            fired_at: alert.fired_at(),
            acknowledged_at: acknowledged.as_ref().map(|(at, _)| *at),
            acknowledged_by: acknowledged.map(|(_, by)| by),
            resolved_at: resolved.as_ref().map(|(at, _)| *at),
            reason: resolved.map(|(_, reason)| reason),
        }
    }

    /// A label's value; empty when it is missing.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// From when on what happened to the alert belongs to this life.
    #[must_use]
    pub fn begins_at(&self) -> Instant {
        self.seen_at.unwrap_or(self.active_at)
    }

    /// `pending`, `firing`, `acknowledged` or `resolved`, as far as the row tells.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        match (self.resolved_at, self.acknowledged_at, self.fired_at) {
            (Some(_), ..) => "resolved",
            (None, Some(_), _) => "acknowledged",
            (None, None, Some(_)) => "firing",
            (None, None, None) => "pending",
        }
    }
}

/// What the shift of an alert is called in the history of shifts; empty for other subjects.
#[must_use]
pub fn shift_of(key: &AlertKey) -> String {
    match &key.subject {
        Subject::Shift(key) => key.label(true),
        _ => String::new(),
    }
}
