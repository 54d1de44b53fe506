//! Our alerts in somebody else's Alertmanager: what has to be sent there now.
//!
//! Given: what fires, as the picture shows it, and the machine's clock. Gives: the alerts to send, in batches, as
//! Alertmanager's API takes them. What fires is sent again every `send_interval` and ends there by itself after four
//! times that; what ended is sent as ended, again for a quarter of an hour, as Prometheus does.
//! Does not: send, keep anything over a restart, or know of routes, silences and owners: those are the other's own. Alerts
//! that were posted to us are left out, or two that feed each other would keep an alert alive for ever.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use serde::Serialize;

use super::template::stamp;
use crate::{
    alerts::alert::{Alert, Labels},
    model::Instant,
};

/// How many alerts go with one request.
pub const BATCH_MAX: usize = 256;
/// For so long an end is said again: the other may have been down.
const ENDED_KEPT: TimeDelta = TimeDelta::minutes(15);
/// So many ends wait for an Alertmanager that is down; beyond, the oldest are forgotten and end there by themselves.
const ENDED_MAX: usize = 10_000;

/// One that fires.
#[derive(Debug, Clone)]
pub struct Firing<'a> {
    /// The labels' fingerprint.
    pub fingerprint: &'a str,
    /// The alert.
    pub alert: &'a Arc<Alert>,
    /// Since when, machine clock.
    pub since: Instant,
}

/// An alert as `POST /api/v2/alerts` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Posting {
    /// Labels.
    pub labels: Labels,
    /// Annotations.
    pub annotations: Labels,
    /// RFC 3339.
    pub starts_at: String,
    /// RFC 3339: when it ended, or when it is to end unless it is sent again.
    pub ends_at: String,
    /// Our page about it; empty without an `external_url`.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
}

/// What one Alertmanager was told.
#[derive(Debug)]
pub struct SendOn {
    interval: TimeDelta,
    external_url: Option<String>,
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    alert: Arc<Alert>,
    since: Instant,
    ended_at: Option<Instant>,
    /// When it was taken last, as it is now.
    sent_at: Option<Instant>,
    /// The other knows of it, in whatever state.
    arrived: bool,
}

impl SendOn {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(interval: TimeDelta, external_url: Option<String>) -> Self {
        Self { interval, external_url, known: BTreeMap::new() }
    }

    /// Takes in what fires now. The number of ends that are forgotten because too many wait.
    pub fn see<'a>(&mut self, firing: impl Iterator<Item = Firing<'a>>, now: Instant) -> usize {
        let mut there: BTreeMap<&str, Firing<'a>> = BTreeMap::new();
        for one in firing.filter(|one| one.alert.is_firing() && one.alert.posted.is_none()) {
            there.insert(one.fingerprint, one);
        }
        self.known.retain(|fingerprint, known| {
            if there.contains_key(fingerprint.as_str()) {
                return true;
            }
            if known.ended_at.is_none() {
                (known.ended_at, known.sent_at) = (Some(now), None);
            }
            // Whoever never heard of it needs no end.
            known.arrived && known.ended_at.is_none_or(|ended| now < ended + ENDED_KEPT)
        });
        for (fingerprint, one) in there {
            let known = self.known.entry(fingerprint.to_owned()).or_insert_with(|| Known {
                alert: Arc::clone(one.alert),
                since: one.since,
                ended_at: None,
                sent_at: None,
                arrived: false,
            });
            let again = known.ended_at.take().is_some();
            if again || known.alert.annotations != one.alert.annotations {
                known.sent_at = None;
            }
            if again {
                known.since = one.since;
            }
            known.alert = Arc::clone(one.alert);
        }
        self.forget_oldest_ends()
    }

    fn forget_oldest_ends(&mut self) -> usize {
        let mut ends: Vec<(Instant, String)> = Vec::new();
        for (fingerprint, known) in &self.known {
            ends.extend(known.ended_at.map(|at| (at, fingerprint.clone())));
        }
        let too_many = ends.len().saturating_sub(ENDED_MAX);
        if too_many > 0 {
            ends.sort();
            for (_, fingerprint) in &ends[..too_many] {
                self.known.remove(fingerprint);
            }
        }
        too_many
    }

    /// The next batch: what was never sent as it is now, else what waited longest. Empty when nothing is due.
    #[must_use]
    pub fn due(&self, now: Instant) -> Vec<(String, Posting)> {
        let is_due = |known: &Known| known.sent_at.is_none_or(|sent| now < sent || now - sent >= self.interval);
        let mut due: Vec<(&String, &Known)> = self.known.iter().filter(|(_, known)| is_due(known)).collect();
        due.sort_by_key(|(fingerprint, known)| (known.sent_at, known.ended_at.is_some(), fingerprint.as_str()));
        due.truncate(BATCH_MAX);
        due.into_iter()
            .map(|(fingerprint, known)| (fingerprint.clone(), self.posting(fingerprint, known, now)))
            .collect()
    }

    fn posting(&self, fingerprint: &str, known: &Known, now: Instant) -> Posting {
        let ends_at = known.ended_at.unwrap_or(now + self.interval * 4);
        let page = |root: &String| format!("{root}/alerts/{fingerprint}");
        Posting {
            labels: known.alert.labels.iter().filter(|(_, value)| !value.is_empty()).map(pair).collect(),
            annotations: known.alert.annotations.iter().map(pair).collect(),
            starts_at: stamp(known.since.min(ends_at)),
            ends_at: stamp(ends_at),
            generator_url: self.external_url.as_ref().map(page).unwrap_or_default(),
        }
    }

    /// These were taken.
    pub fn taken(&mut self, fingerprints: impl Iterator<Item = String>, now: Instant) {
        for fingerprint in fingerprints {
            if let Some(known) = self.known.get_mut(&fingerprint) {
                (known.sent_at, known.arrived) = (Some(now), true);
            }
        }
    }
}

fn pair((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alerts::alert::{AlertKey, AlertState, Confirm, Facts, Posted},
        model::{AgencyName, Subject, local_time::from_micros},
        rules::finding::{RuleId, Tells, Window},
    };

    fn t(seconds: i64) -> Instant {
        from_micros((1_796_119_200 + seconds) * 1_000_000)
    }

    fn alert(name: &str) -> Arc<Alert> {
        Arc::new(Alert {
            key: AlertKey {
                agency: AgencyName::from("main"),
                rule: RuleId::new(name),
                subject: Subject::Posted(name.to_owned()),
            },
            labels: [("alertname", name), ("agency", "main"), ("location", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            annotations: Labels::new(),
            state: AlertState::Firing { fired_at: t(0) },
            active_at: t(0),
            updated_at: t(0),
            facts: Facts {
                window: Window { opens_at: t(0), closes_at: None },
                starts_at: None,
                ends_at: None,
                deadline: None,
                location: String::new(),
                client: None,
                caregiver: None,
                tells: Tells::Summary,
            },
            confirm: Confirm::NotNeeded,
            unjudged_since: None,
            told: Vec::new(),
            posted: None,
        })
    }

    fn memory() -> SendOn {
        SendOn::new(TimeDelta::seconds(60), Some("https://watch.example.com".into()))
    }

    fn see(memory: &mut SendOn, alerts: &[&Arc<Alert>], now: Instant) {
        let firing = alerts.iter().map(|alert| Firing { fingerprint: &alert.labels["alertname"], alert, since: t(0) });
        assert_eq!(memory.see(firing, now), 0);
    }

    /// Everything due is taken; gives (name, ends at, seconds).
    fn send(memory: &mut SendOn, now: Instant) -> Vec<(String, i64)> {
        let due = memory.due(now);
        memory.taken(due.iter().map(|(fingerprint, _)| fingerprint.clone()), now);
        let ends =
            |posting: &Posting| posting.ends_at.parse::<Instant>().unwrap().signed_duration_since(t(0)).num_seconds();
        due.iter().map(|(fingerprint, posting)| (fingerprint.clone(), ends(posting))).collect()
    }

    #[test]
    fn an_alert_is_sent_each_minute_while_it_fires_and_for_a_quarter_of_an_hour_as_ended() {
        let (mut memory, a) = (memory(), alert("a"));
        see(&mut memory, &[&a], t(0));
        assert_eq!(send(&mut memory, t(0)), [("a".to_owned(), 240)], "at once, to end after four intervals");
        see(&mut memory, &[&a], t(59));
        assert_eq!(send(&mut memory, t(59)), [], "not yet again");
        assert_eq!(send(&mut memory, t(60)), [("a".to_owned(), 300)], "again each minute");
        see(&mut memory, &[], t(70));
        assert_eq!(send(&mut memory, t(70)), [("a".to_owned(), 70)], "its end, at once");
        assert_eq!(send(&mut memory, t(129)), []);
        assert_eq!(send(&mut memory, t(130)), [("a".to_owned(), 70)], "the end again, in case it got lost");
        see(&mut memory, &[], t(70 + 15 * 60));
        assert_eq!(send(&mut memory, t(70 + 15 * 60)), [], "no more after a quarter of an hour");
        assert!(memory.known.is_empty());
    }

    #[test]
    fn what_changes_goes_at_once_and_what_never_arrived_needs_no_end() {
        let (mut memory, a) = (memory(), alert("a"));
        see(&mut memory, &[&a], t(0));
        see(&mut memory, &[], t(1));
        assert_eq!(send(&mut memory, t(1)), [], "it never arrived there");
        see(&mut memory, &[&a], t(2));
        send(&mut memory, t(2));
        let mut owned = Alert::clone(&a);
        owned.annotations.insert("acknowledged_by".into(), "night-1".into());
        see(&mut memory, &[&Arc::new(owned)], t(3));
        assert_eq!(memory.due(t(3))[0].1.annotations["acknowledged_by"], "night-1");
        see(&mut memory, &[], t(4));
        send(&mut memory, t(4));
        see(&mut memory, &[&a], t(5));
        assert_eq!(send(&mut memory, t(5)), [("a".to_owned(), 245)], "it fires again");
        assert_eq!(send(&mut memory, t(-100)).len(), 1, "a clock that was set back silences nothing");
    }

    #[test]
    fn posted_and_closed_alerts_stay_here_and_batches_are_small() {
        let mut memory = memory();
        let posted = Posted { generator_url: String::new(), starts_at: t(0), ends_at: t(9) };
        let theirs = Arc::new(Alert { posted: Some(posted), ..Alert::clone(&alert("theirs")) });
        let pending =
            Arc::new(Alert { state: AlertState::Pending { fires_at: t(9) }, ..Alert::clone(&alert("pending")) });
        see(&mut memory, &[&theirs, &pending], t(0));
        assert_eq!(send(&mut memory, t(0)), []);
        let many: Vec<Arc<Alert>> = (0..600).map(|n| alert(&format!("n{n}"))).collect();
        see(&mut memory, &many.iter().collect::<Vec<_>>(), t(1));
        let sizes: Vec<usize> = (0..4).map(|_| send(&mut memory, t(1)).len()).collect();
        assert_eq!(sizes, [256, 256, 88, 0]);
    }

    #[test]
    fn it_reads_as_alertmanagers_api_wants_it() {
        let (mut memory, a) = (memory(), alert("a"));
        see(&mut memory, &[&a], t(0));
        let written = serde_json::to_value(&memory.due(t(0))[0].1).unwrap();
        let wanted = serde_json::json!({
            "labels": { "alertname": "a", "agency": "main" },
            "annotations": {},
            "startsAt": stamp(t(0)),
            "endsAt": stamp(t(240)),
            "generatorURL": "https://watch.example.com/alerts/a",
        });
        assert_eq!(written, wanted);
    }
}
