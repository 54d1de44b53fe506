//! The subscription by which RingCentral tells us of texts at once.
//!
//! Given: where it can reach us. Gives: a subscription that stands, made anew when it is gone or was blacklisted: a
//! provider that could not reach us for a while gives up for good.
//! Does not: matter much: what it tells is asked for besides.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RingCentral, limiter::Group};
use crate::{clock::real_now, notify::sms::Silence};

const SUBSCRIPTIONS: &str = "/restapi/v1.0/subscription";
const FILTER: &str = "/restapi/v1.0/account/~/extension/~/message-store/instant?type=SMS";
/// A week.
const LIFE_S: u64 = 604_800;
/// It is renewed when less than this is left.
const RENEWED_BEFORE: TimeDelta = TimeDelta::hours(36);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listed {
    records: Option<Vec<Subscription>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subscription {
    id: Option<String>,
    status: Option<String>,
    expiration_time: Option<String>,
    delivery_mode: Option<DeliveryMode>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DeliveryMode {
    address: Option<String>,
}

impl RingCentral {
    /// Sees to it that texts are told to `address`, with `token` in each request.
    pub(in crate::notify) async fn subscribe(&self, address: &str, token: &str) -> Result<(), Silence> {
        let listed = self.subscription(Method::GET, SUBSCRIPTIONS, None).await?;
        let listed: Listed = serde_json::from_value(listed).unwrap_or_default();
        let ours = listed
            .records
            .unwrap_or_default()
            .into_iter()
            .filter(|known| known.delivery_mode.as_ref().and_then(|mode| mode.address.as_deref()) == Some(address));
        let body = json!({
            "eventFilters": [FILTER],
            "deliveryMode": { "transportType": "WebHook", "address": address, "validationToken": token },
            "expiresIn": LIFE_S,
        });
        let mut stands = false;
        for known in ours {
            let Some(id) = known.id.filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) else {
                continue;
            };
            let one = format!("{SUBSCRIPTIONS}/{id}");
            let active = known.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case("Active"));
            if !active || stands {
                self.subscription(Method::DELETE, &one, None).await?;
                continue;
            }
            let ends = known.expiration_time.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
            if ends.is_some_and(|ends| ends.to_utc() - real_now() < RENEWED_BEFORE) {
                self.subscription(Method::PUT, &one, Some(&body)).await?;
            }
            stands = true;
        }
        if !stands {
            self.subscription(Method::POST, SUBSCRIPTIONS, Some(&body)).await?;
        }
        Ok(())
    }

    async fn subscription(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Silence> {
        let url = self.extension.url(path);
        let fill = |request: RequestBuilder| match body {
            Some(body) => request.json(body),
            None => request,
        };
        // Making one waits for our answer to the handshake.
        let within = self.timeout.max(Duration::from_secs(8));
        let asked = self.extension.ask(Group::Medium, 5, within, method, &url, fill).await;
        let response = asked.map_err(|fault| {
            let (why, ask_after) = fault.said();
            Silence { why, ask_after }
        })?;
        let status = response.status();
        if !status.is_success() {
            return Err(Silence::from(format!("HTTP {} to a subscription", status.as_u16())));
        }
        Ok(response.json().await.unwrap_or(Value::Null))
    }
}
