//! An alert as API v2 shows it.

use chrono::TimeDelta;
use serde::Serialize;

use super::stamp;
use crate::{alerts::alert::Labels, model::Instant, view::AlertView};

/// How far ahead `endsAt` lies for our own alerts: as if a sender had just refreshed them (`resolve_timeout`'s default).
const REFRESHED: TimeDelta = TimeDelta::minutes(5);

/// `gettableAlert`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GettableAlert<'view> {
    pub(super) labels: &'view Labels,
    annotations: &'view Labels,
    receivers: Vec<Receiver<'view>>,
    fingerprint: &'view str,
    starts_at: String,
    updated_at: String,
    ends_at: String,
    status: Status<'view>,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'view str,
}

/// `receiver`.
#[derive(Debug, Serialize)]
pub(super) struct Receiver<'view> {
    pub(super) name: &'view str,
}

/// `alertStatus`. An owned alert stays `active`; mute times are not shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'view> {
    state: &'static str,
    silenced_by: &'view [&'view str],
    inhibited_by: &'view [String],
    muted_by: [&'view str; 0],
}

impl<'view> GettableAlert<'view> {
    /// The alert at `now`, and which silences mute it.
    pub(super) fn of(view: &'view AlertView, silenced_by: &'view [&'view str], now: Instant) -> Self {
        let alert = &*view.alert;
        let (starts_at, ends_at, generator_url) = match &alert.posted {
            Some(posted) => (posted.starts_at, posted.ends_at, posted.generator_url.as_str()),
            None => (alert.fired_at().unwrap_or(alert.active_at), now + REFRESHED, ""),
        };
        let suppressed = !silenced_by.is_empty() || !view.inhibited_by.is_empty();
        Self {
            labels: &alert.labels,
            annotations: &alert.annotations,
            receivers: view.receivers.iter().map(|name| Receiver { name }).collect(),
            fingerprint: &view.fingerprint,
            starts_at: stamp(starts_at),
            updated_at: stamp(alert.updated_at),
            ends_at: stamp(ends_at),
            status: Status {
                state: if suppressed { "suppressed" } else { "active" },
                silenced_by,
                inhibited_by: &view.inhibited_by,
                muted_by: [],
            },
            generator_url,
        }
    }
}
