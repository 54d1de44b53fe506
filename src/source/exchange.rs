//! One question, asked until it is answered or there is no point: token, budget, tries, alternate ways.
//!
//! Given: an endpoint and what to ask.
//! Gives: the answer's body as read, or the fault that the classes of [`super::classify`] and the contract's §9.5
//! lead to. Every request that left is recorded.
//! Does not: page, parse rows, or decide what is read. Sleeps and time-outs here are real time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::SecondsFormat;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{
    Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Host, Url};

use super::{
    auth::{After401, Blocked, BodyForm, Loan, Plan, TokenState},
    breaker::{Breaker, Outcome, State, Why, WireTime},
    budget::{Budget, Priority},
    classify::{Asked, Class, classify},
    fetched::{ReadFault, RequestRecord},
    paging::PageBase,
    request::{TOKEN_PATH, list_path, one_path, search_path},
    wire::bundle::ProtocolFault,
};
use crate::{
    clock::{Clock, real_now},
    config::Wellsky,
    model::{AgencyName, Endpoint, Instant},
};

/// Contract §1.7.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Tries of a request that fails in passing. Contract §9.5.
const TRIES_MAX: u32 = 3;
/// The longest wait between two tries, in units of the first. Contract §9.5: 1 to 30 s.
const RETRY_DELAY_MAX: u32 = 30;
/// A page of 100 rows takes some 200 KiB; past this the answer is no page of ours.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Times one request may be sent again over its token (the token may be killed by another's refresh meanwhile).
const TOKEN_RETRIES_MAX: u32 = 3;

/// Some servers open their JSON with it; JSON's readers refuse it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const JSON: &str = "application/json";
const FHIR_JSON: &str = "application/fhir+json";

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
    base: String,
    http: reqwest::Client,
    client_id: SecretString,
    client_secret: SecretString,
    pub(super) budget: Arc<Budget>,
    token: tokio::sync::Mutex<TokenState>,
    chance: Mutex<StdRng>,
    pub(super) timings: Timings,
}

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
        })
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
    async fn loan(&self, trace: &mut Trace<'_>) -> Result<Loan, ReadFault> {
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
                        Class::Throttle { retry_after } => return Err(self.throttled(retry_after, trace.clock)),
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
    async fn send(
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

    fn throttled(&self, retry_after: Option<Duration>, clock: &Clock) -> ReadFault {
        let until = self.budget.throttled(retry_after, self.chance());
        let now = self.budget.now();
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

struct Answer {
    status: u16,
    retry_after: Option<String>,
    body: Vec<u8>,
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

    fn last_ok(&mut self, ok: bool) {
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

    fn relabel(&mut self, code: &str) {
        if let Some(last) = self.requests.last_mut() {
            code.clone_into(&mut last.code);
        }
    }
}

/// A way of asking an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// `POST …/_search/` with a JSON body under this content type.
    Post { fhir: bool },
    /// `GET` of the list, filters in the query.
    Get,
    /// The search path with a slash more, for locations.
    PostSlash,
}

impl Way {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Post { fhir: false } => "POST application/json",
            Self::Post { fhir: true } => "POST application/fhir+json",
            Self::Get => "GET",
            Self::PostSlash => "POST with a slash",
        }
    }
}

/// What is remembered of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointState {
    pub breaker: Breaker,
    pub page_base: Option<PageBase>,
    pub way: Way,
    /// True once a search was refused with `_sort` and answered without.
    pub sort_refused: bool,
    /// Until when a read that does not add up is not read twice: it did not help last time.
    pub no_reread_until: WireTime,
}

/// What to ask, apart from where.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// A search: filters and the query's paging.
    Search { filters: &'a [(&'static str, String)], query: &'a [(&'static str, String)] },
    /// One row.
    One { id: &'a str },
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub endpoint: Endpoint,
    pub target: Target<'a>,
    pub priority: Priority,
    /// Tells one client's trouble from everybody's, for the breaker.
    pub whose: u64,
    /// True for whole lists, whose pages may take longer.
    pub patient: bool,
    /// True for the start-up probe: its refusal is an answer, not a failure of the endpoint.
    pub probe: bool,
}

/// What asking needs besides the access: how this agency asks, and what is remembered of its endpoints.
pub(super) struct Asker<'a> {
    pub agency: &'a AgencyName,
    pub access: &'a Access,
    pub endpoints: &'a Mutex<HashMap<Endpoint, EndpointState>>,
    /// Sent as `agencyId` where the configuration wants that.
    pub agency_id: Option<&'a SecretString>,
    /// The configured content type is the FHIR one.
    pub fhir: bool,
}

impl Asker<'_> {
    /// Asks until there is an answer that `read` understands, or no point in asking again.
    pub async fn ask<T>(
        &self,
        question: Question<'_>,
        trace: &mut Trace<'_>,
        read: impl Fn(&[u8]) -> Result<T, ProtocolFault>,
    ) -> Result<T, ReadFault> {
        let Question { endpoint, whose, .. } = question;
        let budget = &self.access.budget;
        if !question.probe {
            self.with(endpoint, |state| state.breaker.admit(budget.now())).map_err(|until| ReadFault::BreakerOpen {
                endpoint,
                until: agent_instant(trace.clock, budget.now(), until),
            })?;
        }
        let answered = self.try_ways(question, trace, read).await;
        let outcome = match &answered {
            Ok(_) | Err(ReadFault::Gone) => Some(Outcome::Fine { whose }),
            Err(ReadFault::Transient { endpoint: failed, .. }) if *failed != Endpoint::Token => {
                Some(Outcome::Failed { whose })
            }
            // That an optional list is not offered is an answer; its next read is hours away.
            Err(fault) if is_not_offered(endpoint, fault) => Some(Outcome::Fine { whose }),
            Err(ReadFault::Request { .. }) => Some(Outcome::TurnedAway { why: Why::Request, whose }),
            Err(ReadFault::Route { .. }) => Some(Outcome::TurnedAway { why: Why::Route, whose }),
            Err(ReadFault::Permission { .. }) => Some(Outcome::TurnedAway { why: Why::Permission, whose }),
            // Without a token, or throttled: nothing was learned about the endpoint.
            Err(
                ReadFault::Transient { .. }
                | ReadFault::Credentials { .. }
                | ReadFault::Throttled { .. }
                | ReadFault::BreakerOpen { .. },
            ) => None,
        };
        if !question.probe {
            self.with(endpoint, |state| match outcome {
                Some(outcome) => {
                    let before = state.breaker.state();
                    state.breaker.saw(outcome, budget.now());
                    if before != state.breaker.state() {
                        log_breaker(self.agency, endpoint, state.breaker.state(), budget.now(), trace.clock);
                    }
                }
                // Nothing was learned about the endpoint: a probe that ended here is free again.
                None => state.breaker.unheard(budget.now()),
            });
        }
        answered
    }

    async fn try_ways<T>(
        &self,
        question: Question<'_>,
        trace: &mut Trace<'_>,
        read: impl Fn(&[u8]) -> Result<T, ProtocolFault>,
    ) -> Result<T, ReadFault> {
        let Question { endpoint, .. } = question;
        let access = self.access;
        let asked = if matches!(question.target, Target::One { .. }) { Asked::One } else { Asked::List };
        let timings = access.timings;
        let limit = if question.patient { timings.page } else { timings.request };
        let mut ways = self.ways(endpoint, asked);
        let mut way = ways.remove(0);
        let began = access.budget.now();
        let mut n_tries = 0;
        let mut n_token = 0;
        loop {
            let loan = access.loan(trace).await?;
            let request = self.request(question, way, &loan)?;
            let sent = access.send(request, endpoint, question.priority, limit, trace).await?;
            let (class, code) = match &sent {
                Ok(answer) => (
                    classify(answer.status, answer.retry_after.as_deref(), &answer.body, asked, real_now()),
                    answer.status.to_string(),
                ),
                Err(code) => (Class::Transient { retry_after: None }, (*code).to_owned()),
            };
            if !matches!(class, Class::Token | Class::Transient { .. } | Class::Throttle { .. } | Class::Forbidden) {
                access.token.lock().await.accepted(loan.generation);
            }
            let (retry_after, code) = match (class, sent) {
                (Class::Ok, Ok(answer)) => match read(&answer.body) {
                    Ok(value) => {
                        trace.last_ok(true);
                        if asked == Asked::List {
                            self.with(endpoint, |state| state.way = way);
                        }
                        return Ok(value);
                    }
                    Err(fault) => {
                        tracing::debug!(endpoint = endpoint.as_str(), %fault, "source: an answer is of no use");
                        trace.relabel("protocol");
                        (None, "protocol".to_owned())
                    }
                },
                (Class::Gone, _) => {
                    trace.last_ok(true);
                    return Err(ReadFault::Gone);
                }
                (Class::Throttle { retry_after }, _) => return Err(access.throttled(retry_after, trace.clock)),
                (Class::Token, _) => {
                    n_token += 1;
                    let verdict = access.token.lock().await.rejected(loan.generation, n_token > 1, access.budget.now());
                    if verdict == After401::Stop || n_token > TOKEN_RETRIES_MAX {
                        return Err(ReadFault::Credentials { code });
                    }
                    continue;
                }
                (Class::Forbidden, _) => {
                    n_token += 1;
                    let refresh = access.token.lock().await.refresh_for_403(loan.generation, access.budget.now());
                    if refresh && n_token <= TOKEN_RETRIES_MAX {
                        continue;
                    }
                    // Nobody knows what an unclear 403 means; it was once seen after a change of content type.
                    if let Some(other) = ways.iter().position(|other| matches!(other, Way::Post { .. })) {
                        way = ways.remove(other);
                        continue;
                    }
                    return Err(ReadFault::Permission { endpoint, code });
                }
                (Class::Permission, _) => return Err(ReadFault::Permission { endpoint, code }),
                (Class::Route, _) => {
                    if ways.is_empty() {
                        return Err(ReadFault::Route { endpoint, code });
                    }
                    way = ways.remove(0);
                    continue;
                }
                (Class::Request, sent) => {
                    // Only the content type is worth another try; everything else would be the same mistake.
                    let other = ways.iter().position(|other| matches!(other, Way::Post { .. }));
                    if let (Some(other), Ok(Answer { status: 415, .. })) = (other, &sent) {
                        way = ways.remove(other);
                        continue;
                    }
                    return Err(ReadFault::Request { endpoint, code });
                }
                (Class::Transient { retry_after }, _) => (retry_after, code),
                // A failed sending is transient by construction.
                (Class::Ok, Err(code)) => (None, code.to_owned()),
            };
            n_tries += 1;
            let delay = retry_delay(timings.retry, n_tries, retry_after, access.chance());
            if n_tries >= TRIES_MAX || access.budget.now() + delay > began + timings.trying {
                return Err(ReadFault::Transient { endpoint, code });
            }
            tokio::time::sleep_until(tokio::time::Instant::now() + delay).await;
        }
    }

    /// The ways to try, the one that worked last first, each once.
    fn ways(&self, endpoint: Endpoint, asked: Asked) -> Vec<Way> {
        if asked == Asked::One {
            return vec![Way::Get];
        }
        let usual = Way::Post { fhir: self.fhir };
        let mut ways = vec![self.with(endpoint, |state| state.way), usual];
        ways.extend(list_path(endpoint).map(|_| Way::Get));
        if endpoint == Endpoint::Locations {
            ways.push(Way::PostSlash);
        }
        ways.push(Way::Post { fhir: !self.fhir });
        let mut once: Vec<Way> = Vec::with_capacity(ways.len());
        for way in ways {
            if !once.contains(&way) {
                once.push(way);
            }
        }
        once
    }

    fn request(&self, question: Question<'_>, way: Way, loan: &Loan) -> Result<Request, ReadFault> {
        let endpoint = question.endpoint;
        let ours = || ReadFault::Request { endpoint, code: "protocol".to_owned() };
        let path = match (question.target, way) {
            (Target::One { .. }, _) => one_path(endpoint).map(|(path, _)| path.to_owned()).ok_or_else(ours)?,
            (Target::Search { .. }, Way::Get) => list_path(endpoint).ok_or_else(ours)?.to_owned(),
            (Target::Search { .. }, Way::PostSlash) => format!("{}/", search_path(endpoint)),
            (Target::Search { .. }, Way::Post { .. }) => search_path(endpoint).to_owned(),
        };
        let mut url = Url::parse(&format!("{}{path}", self.access.base)).map_err(|_| ours())?;
        let mut request = match question.target {
            Target::One { id } => {
                // The slash at the end stays; ids are the vendor's text and are escaped as one segment.
                url.path_segments_mut().map_err(|()| ours())?.pop_if_empty().push(id).push("");
                Request::new(Method::GET, url)
            }
            Target::Search { filters, query } => {
                let agency_id = self.agency_id.map(|id| ("agencyId", id.expose_secret().to_owned()));
                let get_filters = if way == Way::Get { filters } else { &[] };
                let pairs = query.iter().chain(agency_id.iter()).chain(get_filters);
                url.query_pairs_mut().extend_pairs(pairs.map(|(name, value)| (*name, value.as_str())));
                if way == Way::Get {
                    Request::new(Method::GET, url)
                } else {
                    let body: serde_json::Map<String, Value> =
                        filters.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
                    let mut request = Request::new(Method::POST, url);
                    *request.body_mut() = Some(Value::Object(body).to_string().into());
                    let fhir = matches!(way, Way::Post { fhir: true });
                    request
                        .headers_mut()
                        .insert(CONTENT_TYPE, HeaderValue::from_static(if fhir { FHIR_JSON } else { JSON }));
                    request
                }
            }
        };
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", loan.token.expose_secret())).map_err(|_| ours())?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static(JSON));
        Ok(request)
    }

    pub fn with<T>(&self, endpoint: Endpoint, look: impl FnOnce(&mut EndpointState) -> T) -> T {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        look(endpoints.entry(endpoint).or_insert_with(|| EndpointState {
            breaker: Breaker::default(),
            page_base: None,
            way: Way::Post { fhir: self.fhir },
            sort_refused: false,
            no_reread_until: WireTime::ZERO,
        }))
    }
}

/// Whether a fault says no more than that an agency has no locations list, which not every server offers (contract
/// §3.6).
pub(super) const fn is_not_offered(endpoint: Endpoint, fault: &ReadFault) -> bool {
    matches!(endpoint, Endpoint::Locations)
        && matches!(fault, ReadFault::Route { .. } | ReadFault::Permission { .. } | ReadFault::Request { .. })
}

/// One line when an endpoint's breaker opens or closes.
fn log_breaker(agency: &AgencyName, endpoint: Endpoint, state: State, wire_now: WireTime, clock: &Clock) {
    let endpoint = endpoint.as_str();
    match state {
        State::Closed => tracing::info!(%agency, endpoint, "source: answers again; reading goes on"),
        State::Open { until, why } => {
            let tried_again_at = agent_instant(clock, wire_now, until).to_rfc3339_opts(SecondsFormat::Secs, true);
            let pause_s = until.saturating_sub(wire_now).as_secs();
            tracing::warn!(%agency, endpoint, why = why.as_str(), %tried_again_at, pause_s, "source: not called for now; keeping what was known");
        }
        State::Probing { .. } => {}
    }
}

/// Exponential from `unit` with full jitter; a `Retry-After` is kept to within the same limits.
fn retry_delay(unit: Duration, n_tries: u32, retry_after: Option<Duration>, chance: f64) -> Duration {
    if let Some(asked) = retry_after {
        return asked.clamp(unit, unit * RETRY_DELAY_MAX);
    }
    let widest = unit * (1 << n_tries.min(5)).min(RETRY_DELAY_MAX);
    unit + widest.saturating_sub(unit).mul_f64(chance.clamp(0.0, 1.0))
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
