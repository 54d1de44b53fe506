//! `alertmanagers`: where our alerts are sent on to.

use std::{fmt, sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{
    HttpClient, http_client,
    reading::{Fields, Reading},
    receivers::{read_authorization, read_outside_url},
    secret,
    tree::Node,
};
use crate::model::Phi;

/// `send_interval`, when nobody says: Prometheus' resend delay.
const SEND_INTERVAL: Duration = Duration::from_mins(1);
/// More often would be an attack, less often would let alerts end between two looks.
const SEND_INTERVAL_MIN: Duration = Duration::from_secs(1);
const SEND_INTERVAL_MAX: Duration = Duration::from_hours(1);
/// `timeout`, when nobody says, as Prometheus has it.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One entry of `alertmanagers`.
#[derive(Clone)]
pub struct Alertmanager {
    /// Its root, `path_prefix` included, no trailing slash; `/api/v2/alerts` is under it. May hold a password.
    pub url: Phi<String>,
    /// The `Authorization` header, when it wants one.
    pub authorization: Option<SecretString>,
    /// `tls_config`; `None` = the system's authorities.
    pub tls: Option<Arc<HttpClient>>,
    /// How often what fires is sent again; it ends there by itself after four times this.
    pub send_interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
}

impl fmt::Debug for Alertmanager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alertmanager").field("send_interval", &self.send_interval).finish_non_exhaustive()
    }
}

/// What Prometheus' `alerting: alertmanagers:` knows besides, and what to do here.
const ELSEWHERE: [(&str, &str); 9] = [
    ("static_configs", "write url"),
    ("scheme", "write it in url"),
    ("api_version", "v2 is spoken: remove it"),
    ("targets", "write url, one entry each"),
    ("relabel_configs", "labels are sent as they are: remove it"),
    ("alert_relabel_configs", "labels are sent as they are: remove it"),
    ("proxy_url", "proxies are not used: remove it"),
    ("follow_redirects", "redirects are never followed: remove it"),
    ("oauth2", "it is not spoken: use authorization or basic_auth"),
];

/// Reads `alertmanagers:`.
pub fn read_list(node: &Node, cx: &mut Reading<'_>) -> Vec<Alertmanager> {
    let Some(items) = cx.list(node, "alertmanagers") else { return Vec::new() };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("alertmanagers[{n}]"), cx)).collect()
}

fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Alertmanager> {
    let mut fields = Fields::of(node, path, cx)?;
    let url = fields.need("url", "write its root, as http://127.0.0.1:9093", cx).and_then(|node| {
        let text = secret::value(node, &format!("{path}.url"), cx)?;
        if text.contains(['?', '#']) {
            cx.error(node.at, format!("{path}.url has a ? or #"), "write the root: /api/v2/alerts is added");
            return None;
        }
        let text = read_outside_url(&text, &format!("{path}.url"), node.at, cx)?;
        let root = text.trim_end_matches('/');
        if root.ends_with("/api/v2/alerts") || root.ends_with("/api/v2") {
            cx.error(node.at, format!("{path}.url leads to the API itself"), "write the root: /api/v2/alerts is added");
            return None;
        }
        Some(root.to_owned())
    });
    let prefix = fields.word("path_prefix", cx).unwrap_or_default();
    let tls = fields.get("tls_config").map(|node| {
        let mut client = HttpClient::default();
        http_client::read_tls(node, &mut client, cx);
        Arc::new(client)
    });
    let authorization = read_authorization(&mut fields, cx);
    let send_interval = fields
        .get("send_interval")
        .and_then(|node| cx.duration(node, &format!("{path}.send_interval"), SEND_INTERVAL_MIN, SEND_INTERVAL_MAX));
    let timeout = fields.positive("timeout", cx);
    fields.finish(&ELSEWHERE, cx);
    let prefix = prefix.trim_matches('/');
    let url = url.map(|url| if prefix.is_empty() { url } else { format!("{url}/{prefix}") });
    Some(Alertmanager {
        url: Phi::new(url?),
        authorization,
        tls,
        send_interval: send_interval.unwrap_or(SEND_INTERVAL),
        timeout: timeout.unwrap_or(TIMEOUT),
    })
}
