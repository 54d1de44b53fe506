//! One Alertmanager that our alerts are sent on to: the request.
//!
//! Given: a batch from [`super::send_on`]. Gives: whether it was taken, in a few words if not.
//! Does not: try again, log, or put an address into a reason.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret as _, SecretString};

use super::{
    channel::{ChannelError, Http},
    send_on::Posting,
};
use crate::{
    config::Alertmanager as Settings,
    model::PhiGrant,
    tls::client::{self, Trust},
};

/// The way to it.
#[derive(Debug)]
pub struct Alertmanager {
    http: reqwest::Client,
    settings: Settings,
}

impl Alertmanager {
    /// With the configured address, login and TLS.
    ///
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn new(settings: Settings) -> Result<Self, ChannelError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = settings.url.reveal(PhiGrant::SEND);
        let http = match settings.tls.as_deref() {
            None => Http::new().map_err(ChannelError::Http)?.client(url).clone(),
            Some(how) => {
                let trust = match (how.insecure_skip_verify, &how.authorities) {
                    (true, _) => Some(Trust::Anybody),
                    (false, authorities) => authorities.clone().map(Trust::Authorities),
                };
                let identity = how.identity.as_ref().map(|(chain, key)| (chain.clone(), key.clone_key()));
                let tls = trust.map(|trust| client::build(trust, identity)).transpose().map_err(ChannelError::Tls)?;
                Http::of(url, tls).map_err(ChannelError::Http)?
            }
        };
        Ok(Self { http, settings })
    }

    /// How often what fires is sent again.
    #[must_use]
    pub const fn send_interval(&self) -> std::time::Duration {
        self.settings.send_interval
    }

    /// Posts a batch.
    ///
    /// # Errors
    /// It was not taken, or nobody knows: what happened, codes only.
    pub async fn post(&self, alerts: &[Posting]) -> Result<(), String> {
        let url = format!("{}/api/v2/alerts", self.settings.url.reveal(PhiGrant::SEND));
        let body = serde_json::to_string(alerts).map_err(|_| "the alerts cannot be written as JSON".to_owned())?;
        let mut request = self.http.post(url).header(CONTENT_TYPE, "application/json").timeout(self.settings.timeout);
        if let Some(authorization) = &self.settings.authorization {
            request = request.header(AUTHORIZATION, SecretString::expose_secret(authorization));
        }
        match request.body(body).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("HTTP {}", response.status().as_u16())),
            Err(error) if error.is_connect() => Err("no connection".into()),
            Err(error) if error.is_timeout() => Err("no answer in time".into()),
            Err(_) => Err("the connection broke before the answer".into()),
        }
    }
}
