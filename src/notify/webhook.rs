//! Webhooks: Alertmanager's payload, posted.
//!
//! At least once: a receiver whose answer was lost gets the same payload again, with the same `Idempotency-Key`.

use std::{collections::HashMap, time::Duration};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    channel::{ANSWER_TIMEOUT, Http, Scope, Verdict, http_failure, retry_after},
    message::Message,
    receiver::Receiver,
};
use crate::{clock::real_now, model::PhiGrant};

/// Every configured webhook.
#[derive(Debug)]
pub struct Webhooks {
    http: Http,
    /// By receiver and URL.
    settings: HashMap<(String, String), Settings>,
}

#[derive(Debug)]
struct Settings {
    authorization: Option<SecretString>,
    timeout: Duration,
}

impl Webhooks {
    pub(super) fn new(http: Http, receivers: &[Receiver]) -> Self {
        let settings = receivers
            .iter()
            .flat_map(|receiver| receiver.webhook.iter().map(move |config| (receiver, config)))
            .map(|(receiver, config)| {
                let timeout = if config.timeout.is_zero() { ANSWER_TIMEOUT } else { config.timeout };
                let key = (receiver.name.clone(), config.url.reveal(PhiGrant::SEND).clone());
                (key, Settings { authorization: config.authorization.clone(), timeout })
            })
            .collect();
        Self { http, settings }
    }

    pub(super) async fn send(&self, message: &Message, body: &str) -> Verdict {
        let url = message.address.reveal(PhiGrant::SEND);
        let settings = self.settings.get(&(message.receiver.clone(), url.clone()));
        let mut request = self
            .http
            .client(url)
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", message.id.as_str())
            .timeout(settings.map_or(ANSWER_TIMEOUT, |settings| settings.timeout))
            .body(body.to_owned());
        if let Some(authorization) = settings.and_then(|settings| settings.authorization.as_ref()) {
            request = request.header(AUTHORIZATION, authorization.expose_secret());
        }
        match request.send().await {
            Ok(response) => {
                let why = format!("HTTP {}", response.status().as_u16());
                let retry_after = retry_after(response.headers(), real_now());
                let not_sent = |scope| Verdict::NotSent { why: why.clone(), scope, retry_after };
                let verdict = match response.status().as_u16() {
                    200..=299 => Verdict::Sent { provider_id: None },
                    401 | 403 | 407 => not_sent(Scope::Account),
                    408 | 425 | 429 | 500..=599 => not_sent(Scope::Way),
                    _ => Verdict::Refused { why, bad: None },
                };
                // Read to its end, the connection serves the next one; whatever it says is not used.
                let _ = response.bytes().await;
                verdict
            }
            Err(error) => http_failure(&error),
        }
    }
}
