//! One question, asked until it is answered or there is no point: token, tries, alternate ways.
//!
//! Given: an endpoint and what to ask.
//! Gives: the answer's body as read, or the fault that the classes of [`super::classify`] and the contract's §9.5
//! lead to. Every request that left is recorded.
//! Does not: page, parse rows, or decide what is read. Sleeps and time-outs here are real time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::SecondsFormat;
use reqwest::{
    Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{
    access::{Access, Answer, JSON, Trace, agent_instant},
    auth::{After401, Loan},
    breaker::{Breaker, Outcome, State, Why, WireTime},
    budget::Priority,
    classify::{Asked, Class, classify},
    fetched::ReadFault,
    paging::PageBase,
    request::{list_path, one_path, search_path},
    wire::bundle::ProtocolFault,
};
use crate::{
    clock::{Clock, real_now},
    model::{AgencyName, Endpoint},
};

/// Tries of a request that fails in passing. Contract §9.5.
const TRIES_MAX: u32 = 3;
/// The longest wait between two tries, in units of the first. Contract §9.5: 1 to 30 s.
const RETRY_DELAY_MAX: u32 = 30;
/// Times one request may be sent again over its token (the token may be killed by another's refresh meanwhile).
const TOKEN_RETRIES_MAX: u32 = 3;

const FHIR_JSON: &str = "application/fhir+json";

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
    /// What hangs under one row: `…/{id}/{name}/`.
    Under { id: &'a str, name: &'static str },
    /// A list that is only given by GET, its filters in the query.
    Listed { query: &'a [(&'static str, String)] },
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
            let works_again = self.with(endpoint, |state| {
                let Some(outcome) = outcome else {
                    // Nothing was learned about the endpoint: a probe that ended here is free again.
                    state.breaker.unheard(budget.now());
                    return false;
                };
                let before = state.breaker.state();
                let works_again = state.breaker.saw(outcome, budget.now());
                let after = state.breaker.state();
                if before != after {
                    log_breaker(self.agency, endpoint, after, budget.now(), trace.clock);
                }
                works_again
            });
            if works_again {
                self.endpoints
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .values_mut()
                    .for_each(|state| state.breaker.hopes(budget.now()));
            }
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
        let asked = match question.target {
            Target::One { .. } | Target::Under { .. } => Asked::One,
            Target::Search { .. } | Target::Listed { .. } => Asked::List,
        };
        let is_search = matches!(question.target, Target::Search { .. });
        let timings = access.timings;
        let limit = if question.patient { timings.page } else { timings.request };
        let mut ways = if is_search { self.ways(endpoint) } else { vec![Way::Get] };
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
                        if is_search {
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
                (Class::Throttle { retry_after }, _) => {
                    return Err(access.throttled(retry_after, trace.clock).await);
                }
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
                    if let Some(other) = take_other_post(&mut ways) {
                        way = other;
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
                    if let Ok(Answer { status: 415, .. }) = &sent
                        && let Some(other) = take_other_post(&mut ways)
                    {
                        way = other;
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
    fn ways(&self, endpoint: Endpoint) -> Vec<Way> {
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
            (Target::One { .. } | Target::Under { .. }, _) => {
                one_path(endpoint).map(|(path, _)| path.to_owned()).ok_or_else(ours)?
            }
            (Target::Search { .. }, Way::Get) => list_path(endpoint).ok_or_else(ours)?.to_owned(),
            (Target::Search { .. }, Way::PostSlash) => format!("{}/", search_path(endpoint)),
            (Target::Listed { .. }, _) | (Target::Search { .. }, Way::Post { .. }) => search_path(endpoint).to_owned(),
        };
        let mut url = Url::parse(&format!("{}{path}", self.access.base)).map_err(|_| ours())?;
        let mut request = match question.target {
            Target::One { id } => {
                // The slash at the end stays; ids are the vendor's text and are escaped as one segment.
                url.path_segments_mut().map_err(|()| ours())?.pop_if_empty().push(id).push("");
                Request::new(Method::GET, url)
            }
            Target::Under { id, name } => {
                url.path_segments_mut().map_err(|()| ours())?.pop_if_empty().push(id).push(name).push("");
                Request::new(Method::GET, url)
            }
            Target::Listed { query } => {
                url.query_pairs_mut().extend_pairs(query.iter().map(|(name, value)| (*name, value.as_str())));
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
                    let body: serde_json::Map<String, Value> = filters
                        .iter()
                        .map(|(name, value)| ((*name).to_owned(), filter_value(endpoint, value)))
                        .collect();
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

/// A filter as the endpoint takes it: text, and of charges whole numbers (contract §3.3).
fn filter_value(endpoint: Endpoint, value: &str) -> Value {
    match value.parse::<u64>() {
        Ok(number) if endpoint == Endpoint::ChargeItem => Value::from(number),
        _ => Value::from(value),
    }
}

/// The way that differs in its content type alone, taken off those still to try.
fn take_other_post(ways: &mut Vec<Way>) -> Option<Way> {
    let place = ways.iter().position(|way| matches!(way, Way::Post { .. }))?;
    Some(ways.remove(place))
}

/// Whether a fault says no more than that an agency has none of what the watch does without: not every server offers it
/// (contract §3.6).
pub(super) const fn is_not_offered(endpoint: Endpoint, fault: &ReadFault) -> bool {
    // Charges are asked for client by client: one refusal stands for all of them, and the breaker is to say so.
    endpoint.is_optional()
        && !matches!(endpoint, Endpoint::ChargeItem)
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
