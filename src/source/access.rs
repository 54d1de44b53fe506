//! One credential: the token everybody shares, the budget everybody keeps to, and the one place that sends.
//!
//! Given: a request to the vendor, with its priority. Gives: the answer's status and body, recorded.
//! Does not: know what was asked, or ask twice; that is [`super::exchange`]. Time-outs here are real time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{
    Request,
    header::{ACCEPT, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

use super::{
    auth::{Blocked, BodyForm, Loan, Plan, TokenState},
    breaker::WireTime,
    budget::{Budget, Priority},
    classify::{Asked, Class, classify},
    fetched::{ReadFault, RequestRecord},
    request::TOKEN_PATH,
};
use crate::{
    clock::{Clock, real_now},
    config::Wellsky,
    model::{Endpoint, Instant},
};

/// Contract §1.7.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A page of 100 rows takes some 200 KiB; past this the answer is no page of ours.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Some servers open their JSON with it; JSON's readers refuse it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) const JSON: &str = "application/json";

/// How long the wire is waited for. Only tests use other values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timings {
    /// One request, body included. Contract §1.7.
    pub request: Duration,
    /// A full page of a list takes longer. Contract §1.7.
    pub page: Duration,
    /// The shortest wait between two tries.
    pub retry: Duration,
    /// No further try begins so long after the first: a poll loop has other reads to make.
    pub trying: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(30),
            page: Duration::from_mins(1),
            retry: Duration::from_secs(1),
            trying: Duration::from_secs(45),
        }
    }
}

/// Why a source can't be built.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The base address is none.
    #[error("wellsky.base_url is not an address; write the host root, for example https://connect.clearcareonline.com")]
    Address,
    /// Plain http to somewhere else.
    #[error(
        "wellsky.base_url must be https: client data and the credential would travel in the clear (http is allowed to loopback only)"
    )]
    PlainHttp,
    /// The HTTP client could not be made (TLS roots, resolver).
    #[error("the HTTP client for wellsky could not be set up; check the system's TLS certificates")]
    HttpClient(#[source] reqwest::Error),
}

/// One credential: its token and its budget, shared by everything that uses it.
pub struct Access {
    pub(super) base: String,
    http: reqwest::Client,
    client_id: SecretString,
    client_secret: SecretString,
    pub(super) budget: Arc<Budget>,
    pub(super) token: tokio::sync::Mutex<TokenState>,
    chance: Mutex<StdRng>,
    pub(super) timings: Timings,
    keeper: Mutex<Option<Keeper>>,
}

/// Told of each pause that the vendor asks for, with its end by the machine's clock; whoever keeps it does so before the
/// request that met it is over.
pub type Keeper = Arc<dyn Fn(Instant) -> BoxFuture<'static, ()> + Send + Sync>;

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Access {
    /// For one agency's credential. `seed` feeds the jitter.
    pub fn new(wellsky: &Wellsky, seed: u64) -> Result<Self, SourceError> {
        let base = Url::parse(&wellsky.base_url).map_err(|_| SourceError::Address)?;
        let loopback = is_loopback(&base);
        match base.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(SourceError::PlainHttp),
            _ => return Err(SourceError::Address),
        }
        Ok(Self {
            base: wellsky.base_url.trim_end_matches('/').to_owned(),
            http: http_client(loopback)?,
            client_id: wellsky.client_id.clone(),
            client_secret: wellsky.client_secret.clone(),
            budget: Arc::new(Budget::new(wellsky.requests_per_second)),
            token: tokio::sync::Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            timings: Timings::default(),
            keeper: Mutex::default(),
        })
    }

    /// What the vendor knows this caller by, as a name under which something of it can be kept. No secret.
    #[must_use]
    pub fn name(&self) -> String {
        let mut hash = Sha256::new();
        for part in [self.base.as_str(), self.client_id.expose_secret()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// From now on `keeper` is told of pauses.
    pub fn keep_pauses(&self, keeper: Keeper) {
        *self.keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
    }

    /// Another process spoke for this credential before; see [`super::budget::Limiter::take_over`]. Does nothing once a
    /// request has left.
    pub fn take_over(&self, pause_left: Option<Duration>) {
        self.budget.take_over(pause_left);
    }

    /// How long the next request has to wait.
    #[cfg(test)]
    pub(crate) fn ready_in(&self) -> Duration {
        self.budget.ready_in()
    }

    /// As after a 429.
    #[cfg(test)]
    pub(crate) async fn throttle(&self, pause: Duration) {
        self.throttled(Some(pause), &Clock::drill(real_now(), 1)).await;
    }

    /// One [`Access`] for each agency, in order; agencies with the same host and client id share one, because the
    /// vendor sees one caller. The first one's rate counts.
    ///
    /// `held` are those of the configuration before: what the vendor said to a credential stands over a reload. Its
    /// pause and its pace are taken over, and its token too unless the secret is another one.
    pub fn for_all<'a>(
        agencies: impl IntoIterator<Item = &'a Wellsky>,
        seed: u64,
        held: &[Arc<Self>],
    ) -> Result<Vec<Arc<Self>>, SourceError> {
        let mut shared: HashMap<(String, String), Arc<Self>> = HashMap::new();
        agencies
            .into_iter()
            .map(|wellsky| {
                let key = (wellsky.base_url.clone(), wellsky.client_id.expose_secret().to_owned());
                if let Some(access) = shared.get(&key) {
                    return Ok(Arc::clone(access));
                }
                let seed = seed.wrapping_add(shared.len() as u64);
                let before = held.iter().find(|held| held.is_of(wellsky));
                let access = match before {
                    Some(before) if before.client_secret.expose_secret() == wellsky.client_secret.expose_secret() => {
                        Arc::clone(before)
                    }
                    Some(before) => Arc::new(Self { budget: Arc::clone(&before.budget), ..Self::new(wellsky, seed)? }),
                    None => Arc::new(Self::new(wellsky, seed)?),
                };
                access.budget.reconfigure(wellsky.requests_per_second);
                shared.insert(key, Arc::clone(&access));
                Ok(access)
            })
            .collect()
    }

    /// Whether the vendor would see the same caller.
    fn is_of(&self, wellsky: &Wellsky) -> bool {
        self.base == wellsky.base_url.trim_end_matches('/')
            && self.client_id.expose_secret() == wellsky.client_id.expose_secret()
    }

    /// A number in 0..1 for jitter.
    pub(super) fn chance(&self) -> f64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).random_range(0.0..1.0)
    }

    /// The token's state for status pages; `None` while a refresh is under way.
    pub(super) fn token_view<T>(&self, look: impl FnOnce(&TokenState, WireTime) -> T) -> Option<T> {
        self.token.try_lock().ok().map(|state| look(&state, self.budget.now()))
    }

    /// A token: the held one, or a new one. Whoever comes while one is asked for waits for that one.
    pub(super) async fn loan(&self, trace: &mut Trace<'_>) -> Result<Loan, ReadFault> {
        let mut state = self.token.lock().await;
        let mut form = match state.plan(self.budget.now()) {
            Plan::Use(loan) => return Ok(loan),
            Plan::Blocked(blocked) => return Err(Self::blocked(&blocked)),
            Plan::Ask(form) => form,
        };
        for tried_other in [false, true] {
            let request = self.token_request(form)?;
            let sent = self.send(request, Endpoint::Token, Priority::Token, self.timings.request, trace).await?;
            let now = self.budget.now();
            let failing = |state: &mut TokenState, code: String| state.failed(code, now);
            match sent {
                Err(code) => failing(&mut state, code.to_owned()),
                Ok(answer) => {
                    let code = answer.status.to_string();
                    let class =
                        classify(answer.status, answer.retry_after.as_deref(), &answer.body, Asked::List, real_now());
                    match class {
                        Class::Ok if state.granted(&answer.body, form, now, self.chance()) => trace.last_ok(true),
                        Class::Ok => {
                            trace.relabel("protocol");
                            failing(&mut state, "protocol".to_owned());
                        }
                        Class::Throttle { retry_after } => return Err(self.throttled(retry_after, trace.clock).await),
                        Class::Transient { .. } => failing(&mut state, code),
                        Class::Request if matches!(answer.status, 400 | 415) && !tried_other => {
                            form = form.other();
                            continue;
                        }
                        _ => state.refused(code, now),
                    }
                }
            }
            break;
        }
        match state.plan(self.budget.now()) {
            Plan::Use(loan) => Ok(loan),
            Plan::Blocked(blocked) => {
                tracing::warn!(
                    code = blocked.code,
                    refused = blocked.refused,
                    "source: no token; nothing is read for {} s",
                    blocked.until.saturating_sub(self.budget.now()).as_secs()
                );
                Err(Self::blocked(&blocked))
            }
            // Only when the pause after a refusal ended while we looked.
            Plan::Ask(_) => Err(ReadFault::Transient { endpoint: Endpoint::Token, code: "protocol".to_owned() }),
        }
    }

    fn token_request(&self, form: BodyForm) -> Result<Request, ReadFault> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.client_id.expose_secret()),
            ("client_secret", self.client_secret.expose_secret()),
        ];
        let post = self.http.post(format!("{}{TOKEN_PATH}", self.base)).header(ACCEPT, JSON);
        let post = match form {
            BodyForm::Json => {
                let body: serde_json::Map<String, Value> =
                    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
                post.json(&body)
            }
            BodyForm::Form => post.form(&fields),
        };
        post.build().map_err(|_| ReadFault::Request { endpoint: Endpoint::Token, code: "protocol".to_owned() })
    }

    /// Sends one request within the budget and reads its body. `Err(fault)` when nothing could be sent, otherwise
    /// the answer or the `code` of its failure.
    pub(super) async fn send(
        &self,
        request: Request,
        endpoint: Endpoint,
        priority: Priority,
        limit: Duration,
        trace: &mut Trace<'_>,
    ) -> Result<Result<Answer, &'static str>, ReadFault> {
        let permit = self.budget.acquire(priority).await.map_err(|paused| {
            let until = agent_instant(trace.clock, self.budget.now(), paused.until);
            ReadFault::Throttled { until }
        })?;
        let at = trace.clock.now();
        trace.began(at);
        let left_at = self.budget.now();
        let outcome = tokio::time::timeout(limit, self.exchange(request)).await.unwrap_or(Err("timeout"));
        let took = self.budget.now().saturating_sub(left_at);
        let code = match &outcome {
            Ok(answer) => answer.status.to_string(),
            Err(code) => (*code).to_owned(),
        };
        trace.requests.push(RequestRecord { endpoint, code, at, took, ok: false, waited: permit.waited });
        Ok(outcome)
    }

    async fn exchange(&self, request: Request) -> Result<Answer, &'static str> {
        let mut response = self.http.execute(request).await.map_err(|error| failure_code(&error))?;
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| body_failure_code(&error))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err("protocol");
            }
            body.extend_from_slice(&chunk);
        }
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Answer { status, retry_after, body })
    }

    /// Sends one request that changes something at the vendor, once, within the budget. `Err(fault)` when nothing could
    /// be sent.
    pub(super) async fn send_write(&self, request: Request, clock: &Clock) -> Result<WriteSent, ReadFault> {
        let _permit = self.budget.acquire(Priority::Normal).await.map_err(|paused| {
            let until = agent_instant(clock, self.budget.now(), paused.until);
            ReadFault::Throttled { until }
        })?;
        let sent = async {
            let mut response = match self.http.execute(request).await {
                Ok(response) => response,
                // Only a connection that never was proves that nothing arrived.
                Err(error) if error.is_connect() => return WriteSent::Never,
                Err(_) => return WriteSent::Perhaps,
            };
            let status = response.status().as_u16();
            let retry_after =
                response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
            let mut body = Vec::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                if body.len() + chunk.len() > BODY_BYTES_MAX {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            WriteSent::Answered(Answer { status, retry_after, body })
        };
        Ok(tokio::time::timeout(self.timings.request, sent).await.unwrap_or(WriteSent::Perhaps))
    }

    pub(super) async fn throttled(&self, retry_after: Option<Duration>, clock: &Clock) -> ReadFault {
        let until = self.budget.throttled(retry_after, self.chance());
        let now = self.budget.now();
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(keeper) = keeper {
            keeper(real_now() + until.saturating_sub(now)).await;
        }
        tracing::warn!(pause_s = until.saturating_sub(now).as_secs(), "source: the vendor throttles; all reads pause");
        ReadFault::Throttled { until: agent_instant(clock, now, until) }
    }

    /// The pause's end is in the status; the fault names the cause.
    fn blocked(blocked: &Blocked) -> ReadFault {
        let code = blocked.code.clone();
        if blocked.refused {
            ReadFault::Credentials { code }
        } else {
            ReadFault::Transient { endpoint: Endpoint::Token, code }
        }
    }
}

/// Whether a request that writes arrived.
pub(super) enum WriteSent {
    /// It was answered. The body is as much of it as came.
    Answered(Answer),
    /// It never left: there was no connection.
    Never,
    /// Nobody knows.
    Perhaps,
}

/// What came back, read to its end.
pub(super) struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Vec<u8>,
}

/// What one read has sent so far.
pub(super) struct Trace<'a> {
    pub clock: &'a Clock,
    /// When the first request left that brought rows; until one has, the latest. Agent clock.
    pub started_at: Option<Instant>,
    pub requests: Vec<RequestRecord>,
}

impl<'a> Trace<'a> {
    pub const fn new(clock: &'a Clock) -> Self {
        Self { clock, started_at: None, requests: Vec::new() }
    }

    /// Evidence is dated by the first request that brought rows; one that failed showed nothing, and a token is none.
    fn began(&mut self, at: Instant) {
        let brought_rows = |request: &RequestRecord| request.ok && request.endpoint != Endpoint::Token;
        if !self.requests.iter().any(brought_rows) {
            self.started_at = Some(at);
        }
    }

    pub fn last_ok(&mut self, ok: bool) {
        if let Some(last) = self.requests.last_mut() {
            last.ok = ok;
        }
    }

    /// What was asked of an endpoint so far was answered, whatever the answer was.
    pub fn answered(&mut self, endpoint: Endpoint) {
        for request in self.requests.iter_mut().filter(|request| request.endpoint == endpoint) {
            request.ok = true;
        }
    }

    pub fn relabel(&mut self, code: &str) {
        if let Some(last) = self.requests.last_mut() {
            code.clone_into(&mut last.code);
        }
    }
}

/// An instant of the wire's clock on the agent's.
pub(super) fn agent_instant(clock: &Clock, wire_now: WireTime, at: WireTime) -> Instant {
    let ahead = at.saturating_sub(wire_now) * clock.speed();
    clock.now() + chrono::TimeDelta::from_std(ahead).unwrap_or_default()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn http_client(loopback: bool) -> Result<reqwest::Client, SourceError> {
    // Fails when somebody installed a provider before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("shiftwatch/", env!("CARGO_PKG_VERSION")));
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| SourceError::HttpClient(error.without_url()))
}

fn failure_code(error: &reqwest::Error) -> &'static str {
    if error.is_connect() {
        "connect"
    } else if error.is_timeout() {
        "timeout"
    } else if error.is_request() {
        // The connection broke before an answer began.
        "connect"
    } else {
        "protocol"
    }
}

fn body_failure_code(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() { "timeout" } else { "protocol" }
}
