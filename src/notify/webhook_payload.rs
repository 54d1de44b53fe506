//! Alertmanager's webhook payload, version 4, as every receiver of that ecosystem reads it.

use serde::Serialize;

use super::{template::stamp, voice::Telling};
use crate::alerts::{
    alert::{Alert, AlertState, Labels},
    fingerprint::fingerprint,
    step::Intent,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    receiver: &'a str,
    status: &'static str,
    alerts: Vec<Entry<'a>>,
    group_labels: &'a Labels,
    common_labels: Labels,
    common_annotations: Labels,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    status: &'static str,
    labels: &'a Labels,
    annotations: &'a Labels,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: String,
}

/// The JSON body for these alerts of an intent; at most `max_alerts` of them (0 = all).
#[must_use]
pub fn payload(intent: &Intent, alerts: &[&Alert], max_alerts: u64, telling: &Telling) -> String {
    let keep = usize::try_from(max_alerts).ok().filter(|max| *max > 0).unwrap_or(alerts.len()).min(alerts.len());
    let firing = alerts.iter().any(|alert| alert.is_firing());
    let payload = Payload {
        receiver: &intent.group.receiver,
        status: if firing { "firing" } else { "resolved" },
        alerts: alerts.iter().take(keep).map(|alert| entry(alert)).collect(),
        group_labels: &intent.group.labels,
        common_labels: common(alerts.iter().map(|alert| &alert.labels)),
        common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
        external_url: telling.external_url.as_deref().unwrap_or_default(),
        version: "4",
        group_key: group_key(intent),
        truncated_alerts: (alerts.len() - keep) as u64,
    };
    // A map of strings always serialises.
    serde_json::to_string(&payload).unwrap_or_default()
}

/// The group's name on the wire: `{}/{severity="page"}:{agency="main"}`.
#[must_use]
pub fn group_key(intent: &Intent) -> String {
    let labels: Vec<String> = intent.group.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}:{{{}}}", intent.group.route, labels.join(", "))
}

/// The pairs that all sets share.
pub fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(first) = sets.next() else { return Labels::new() };
    let mut shared = first.clone();
    for set in sets {
        shared.retain(|name, value| set.get(name) == Some(value));
    }
    shared
}

fn entry(alert: &Alert) -> Entry<'_> {
    let (status, ends_at) = match &alert.state {
        AlertState::Resolved { resolved_at, .. } => ("resolved", stamp(*resolved_at)),
        _ => ("firing", "0001-01-01T00:00:00Z".to_owned()),
    };
    Entry {
        status,
        labels: &alert.labels,
        annotations: &alert.annotations,
        starts_at: stamp(alert.active_at),
        ends_at,
        generator_url: alert.posted.as_ref().map_or("", |posted| posted.generator_url.as_str()),
        fingerprint: fingerprint(&alert.labels),
    }
}
