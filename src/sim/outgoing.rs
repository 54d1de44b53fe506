//! What the simulated vendors send by themselves: the scheduling vendor's webhooks, the gateway's callbacks.
//!
//! One after the other, once, 15 s each: nobody knows whether the vendor tries again, so this one does not.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{edge::Handshake, ringcentral::Notification, switches::WebhookManner, twilio::Callback, wellsky::Vendor};

const VALIDATION_TOKEN: &str = "validation-token";

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    /// It waits for the next one and goes after it.
    after_next: bool,
    /// The subscription that is given up when this fails.
    subscription: Option<String>,
}

impl From<Callback> for Outgoing {
    fn from(callback: Callback) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&callback.params).finish();
        Self {
            url: callback.url,
            headers: vec![
                ("content-type".into(), "application/x-www-form-urlencoded; charset=UTF-8".into()),
                ("x-twilio-signature".into(), callback.signature),
            ],
            body,
            after_next: false,
            subscription: None,
        }
    }
}

impl From<Notification> for Outgoing {
    fn from(notification: Notification) -> Self {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if !notification.token.is_empty() {
            headers.push((VALIDATION_TOKEN.into(), notification.token));
        }
        Self {
            url: notification.url,
            headers,
            body: notification.body,
            after_next: false,
            subscription: Some(notification.subscription),
        }
    }
}

/// The webhooks that tell about a change, as the switches say.
pub(crate) fn hooks(vendor: &Vendor, criteria: &str, resource: &str, id: &str) -> Vec<Outgoing> {
    let webhook = &vendor.switches.webhook;
    let mut to: Vec<(&str, &str)> = Vec::new();
    let wanted = webhook.criteria.is_empty() || webhook.criteria.iter().any(|it| it == criteria);
    if !webhook.url.is_empty() && wanted {
        to.push((&webhook.url, &webhook.header));
    }
    to.extend(vendor.subscriptions.to(criteria));
    let id = id.parse::<u64>().map_or_else(|_| serde_json::json!(id), |id| serde_json::json!(id));
    let body = serde_json::json!({ "resourceType": resource, "id": id }).to_string();
    let times = match webhook.manner {
        WebhookManner::Drop => 0,
        WebhookManner::Duplicate => 2,
        WebhookManner::Send | WebhookManner::Reorder | WebhookManner::WrongSecret => 1,
    };
    let one = |(url, header): (&str, &str)| {
        let mut headers = vec![("content-type".to_owned(), "application/fhir+json".to_owned())];
        if let Some((name, value)) = header.split_once(':') {
            let value = match webhook.manner {
                WebhookManner::WrongSecret => "Bearer wrong",
                _ => value.trim(),
            };
            headers.push((name.trim().to_ascii_lowercase(), value.to_owned()));
        }
        let after_next = webhook.manner == WebhookManner::Reorder;
        Outgoing { url: url.to_owned(), headers, body: body.clone(), after_next, subscription: None }
    };
    to.into_iter().flat_map(|target| std::iter::repeat_n(one(target), times)).collect()
}

/// What sends them.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(15)).build()
}

/// Whether the other side repeats the token as it has to: within three seconds, with 200, JSON, at most 1 024 bytes.
pub(crate) async fn shake(client: &reqwest::Client, handshake: &Handshake) -> bool {
    let request = client.post(&handshake.url).header(VALIDATION_TOKEN, &handshake.token);
    let Ok(answer) = request.timeout(Duration::from_secs(3)).send().await else { return false };
    let header = |name: &str| answer.headers().get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned();
    let (token, kind) = (header(VALIDATION_TOKEN), header("content-type"));
    let is_ok = answer.status().as_u16() == 200;
    let length = answer.bytes().await.map_or(usize::MAX, |body| body.len());
    is_ok && token == handshake.token && kind.starts_with("application/json") && length <= 1_024
}

/// Sends what comes in, until the simulator is gone. `failed` hears of each subscription whose request failed.
pub(crate) async fn run(
    client: reqwest::Client,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    failed: impl Fn(&str) + Send,
) {
    let mut held: Option<Outgoing> = None;
    while let Some(mut next) = queue.recv().await {
        if next.after_next && held.is_none() {
            next.after_next = false;
            held = Some(next);
            continue;
        }
        for one in std::iter::once(next).chain(held.take()) {
            let subscription = one.subscription.clone();
            let arrived = send(&client, one).await;
            if let Some(subscription) = subscription.filter(|_| !arrived) {
                failed(&subscription);
            }
        }
    }
}

async fn send(client: &reqwest::Client, outgoing: Outgoing) -> bool {
    let mut request = client.post(&outgoing.url).body(outgoing.body);
    for (name, value) in outgoing.headers {
        request = request.header(name, value);
    }
    request.send().await.is_ok_and(|answer| answer.status().is_success())
}
