//! The doctor's own few calls to the vendor: the reads of the contract's smallest set, paced, and nothing else.

use std::time::Duration;

use chrono::DateTime;
use reqwest::{Client, Method, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{clock::real_now, config::Wellsky, model::Instant};

/// Time limits of the contract (§1.7): connect 5 s, a page 60 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_mins(1);
/// The largest answer read: a page of a hundred rows is some hundred kilobytes.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Search {
    Clients,
    Caregivers,
    Shifts,
    Visits,
    Locations,
    LocationsWithSlash,
}

impl Search {
    const fn path(self) -> &'static str {
        match self {
            Self::Clients => "/v1/patients/_search/",
            Self::Caregivers => "/v1/practitioners/_search/",
            Self::Shifts => "/v1/appointment/_search/",
            Self::Visits => "/v1/encounter/_search/",
            Self::Locations => "/v1/locations/_search",
            Self::LocationsWithSlash => "/v1/locations/_search/",
        }
    }

    /// The list that takes the same filters in its query; `None` where none is known.
    const fn list(self) -> Option<&'static str> {
        match self {
            Self::Clients => Some("/v1/patients/"),
            Self::Caregivers => Some("/v1/practitioners/"),
            Self::Shifts => Some("/v1/appointment/"),
            Self::Visits | Self::Locations | Self::LocationsWithSlash => None,
        }
    }
}

/// One answer, or why there is none.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The status; `None` when nothing came back.
    pub status: Option<u16>,
    /// The body, when it was JSON.
    pub body: Option<Value>,
    /// The `Date` header.
    pub date: Option<Instant>,
    /// When it left and when it was there.
    pub between: (Instant, Instant),
    /// `connect`, `timeout` or `protocol` when something went wrong below HTTP.
    pub fault: Option<&'static str>,
}

impl Reply {
    pub(super) fn is_ok(&self) -> bool {
        self.status == Some(200)
    }

    /// What a failure means, for a person; from status and the kind of body, never its text.
    pub(super) fn meaning(&self) -> String {
        let body = self.body.as_ref();
        let message = body.and_then(|body| body.get("message")).and_then(Value::as_str).unwrap_or_default();
        let no_route =
            message.starts_with("Invalid key=value pair") || message.starts_with("Missing Authentication Token");
        let text = match (self.status, self.fault) {
            (None, Some("connect")) => "no connection; check the address, the network and its firewall",
            (None, Some("timeout")) => "no answer in time; try again, or ask the vendor",
            (None, _) => "the answer broke off; try again",
            (Some(200), _) if body.is_none() => "answered, but not with JSON; something in between (a proxy?) answers",
            (Some(200), _) => "answered, but with no list; something else answers at this address",
            (Some(401), _) => "401: not let in; check client_id and client_secret",
            (Some(403), _) if no_route => {
                "403: the vendor's gateway has no such route; check base_url, then ask the vendor to enable it"
            }
            (Some(403), _) => "403: not permitted; ask the vendor to permit it for this account",
            (Some(404 | 405), _) => "no such route; check base_url (the host alone), then ask the vendor",
            (Some(429), _) => "429: throttled; another program uses this account, or requests_per_second is too high",
            (Some(415), _) => "this Content-Type is not taken; set content_type: application/fhir+json",
            (Some(400 | 422), _) => "the request is not accepted in this form",
            (Some(500..), _) => "the vendor fails; try again later",
            _ => "an unexpected answer",
        };
        match self.status {
            Some(status) if !text.starts_with(char::is_numeric) => format!("{status}: {text}"),
            _ => text.to_owned(),
        }
    }
}

/// The calls, one at a time and no faster than configured.
pub(super) struct Probe<'agency> {
    settings: &'agency Wellsky,
    http: Client,
    pace: Interval,
    token: Option<SecretString>,
    uses_lists: bool,
}

impl<'agency> Probe<'agency> {
    /// Ready to call; `None` when the machine's TLS cannot be set up.
    pub(super) fn new(settings: &'agency Wellsky) -> Option<Self> {
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .ok()?;
        let mut pace = interval(Duration::from_secs_f64(1.0 / settings.requests_per_second.max(0.01)));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self { settings, http, pace, token: None, uses_lists: false })
    }

    /// Asks for a token with a JSON body or a form, and keeps it.
    pub(super) async fn ask_token(&mut self, form: bool) -> Reply {
        let fields = json!({
            "grant_type": "client_credentials",
            "client_id": self.settings.client_id.expose_secret(),
            "client_secret": self.settings.client_secret.expose_secret(),
        });
        let request = self.http.post(format!("{}/oauth/accesstoken", self.settings.base_url));
        let request = if form { request.form(&fields) } else { request.json(&fields) };
        let mut reply = self.send(request).await;
        // The token goes to its own place, so that no line can show it by accident.
        let token = reply.body.as_mut().and_then(|body| body.as_object_mut()?.remove("access_token"));
        self.token = token.and_then(|token| Some(SecretString::from(token.as_str()?.to_owned())));
        reply
    }

    /// Whether a token is held.
    pub(super) const fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Searches; when the route is closed to POST, the list with the same filters is tried once and kept to.
    pub(super) async fn search(&mut self, what: Search, filters: &Value, query: &[(&str, &str)]) -> Reply {
        let token = self.token.clone();
        if let (true, Some(list)) = (self.uses_lists && what == Search::Shifts, what.list()) {
            return self.list(list, filters, query).await;
        }
        let reply = self.call(Method::POST, what.path(), Some(filters), query, token.as_ref()).await;
        if let (Some(403..=405), Some(list)) = (reply.status, what.list()) {
            let second = self.list(list, filters, query).await;
            if second.is_ok() {
                self.uses_lists |= what == Search::Shifts;
                return second;
            }
        }
        reply
    }

    /// Whether shifts are read by the list because the search is closed.
    pub(super) const fn uses_lists(&self) -> bool {
        self.uses_lists
    }

    /// The same first page of clients with a token that never was.
    pub(super) async fn with_wrong_token(&mut self) -> Reply {
        let wrong = SecretString::from("00000000000000000000000000000000");
        self.call(Method::POST, Search::Clients.path(), Some(&json!({})), &[("_count", "1")], Some(&wrong)).await
    }

    async fn list(&mut self, path: &'static str, filters: &Value, query: &[(&str, &str)]) -> Reply {
        let mut all: Vec<(String, String)> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for (name, value) in filters.as_object().into_iter().flatten() {
            all.push((name.clone(), value.as_str().unwrap_or_default().to_owned()));
        }
        let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let token = self.token.clone();
        self.call(Method::GET, path, None, &all, token.as_ref()).await
    }

    async fn call(
        &mut self,
        method: Method,
        path: &'static str,
        body: Option<&Value>,
        query: &[(&str, &str)],
        token: Option<&SecretString>,
    ) -> Reply {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.settings.base_url))
            .query(query)
            .header("accept", "application/json");
        if let (true, Some(agency)) = (self.settings.send_agency_id, &self.settings.agency_id) {
            request = request.query(&[("agencyId", agency.expose_secret())]);
        }
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
            request = request.header("content-type", &self.settings.content_type).body(body.to_string());
        }
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Reply {
        self.pace.tick().await;
        let began = real_now();
        let reply = |status, body, date, fault| Reply { status, body, date, between: (began, real_now()), fault };
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let fault = if error.is_timeout() {
                    "timeout"
                } else if error.is_connect() {
                    "connect"
                } else {
                    "protocol"
                };
                return reply(None, None, None, Some(fault));
            }
        };
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| Some(DateTime::parse_from_rfc2822(date).ok()?.to_utc()));
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_MAX_BYTES => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Ok(Some(_)) | Err(_) => return reply(None, None, date, Some("protocol")),
            }
        }
        reply(Some(status), serde_json::from_slice(&bytes).ok(), date, None)
    }
}
