//! What stands before the endpoints: scripted faults, throttling, routes, tokens, content types.

use chrono::TimeDelta;
use serde_json::json;

use super::Vendor;
use crate::{
    model::Instant,
    sim::{
        edge::{Call, Reply},
        switches::{ContentTypes, Endpoint, ExpiredAnswer, FaultAnswer, RetryAfter},
        world::later,
    },
};

impl Vendor {
    /// The scripted fault this request meets, if any.
    pub(super) fn fault(&mut self, call: &Call, endpoint: Endpoint) -> Option<FaultAnswer> {
        let faults = &self.switches.faults;
        self.fault_hits.resize(faults.len(), 0);
        for (fault, hits) in faults.iter().zip(&mut self.fault_hits) {
            if !matches(&fault.on, call, endpoint)
                || (!fault.about.is_empty() && !names(call, &fault.about))
                || (fault.later_pages && !call.query().iter().any(|(key, _)| key == "_page"))
            {
                continue;
            }
            let exhausted = fault.times.is_some_and(|times| *hits >= times.saturating_add(fault.after));
            if exhausted {
                continue;
            }
            *hits = hits.saturating_add(1);
            if *hits > fault.after {
                return Some(fault.answer.clone());
            }
        }
        None
    }

    /// What the lists of paths (`route_403` and its siblings) answer.
    pub(super) fn listed_fault(&self, call: &Call, endpoint: Endpoint) -> Option<Reply> {
        let on = |list: &[String]| list.iter().any(|pattern| matches(pattern, call, endpoint));
        let switches = &self.switches;
        if on(&switches.route_403) {
            Some(no_route(call))
        } else if on(&switches.agency_403) {
            Some(wrong_agency())
        } else if on(&switches.not_allowed) {
            Some(Reply::json(405, &json!({ "message": "Method Not Allowed" })))
        } else if on(&switches.invalid) {
            Some(invalid("Validation failed"))
        } else if on(&switches.html_500) {
            Some(Reply::html(500))
        } else {
            None
        }
    }

    /// A 429, when too many requests arrived.
    pub(super) fn throttled(&mut self, real: Instant) -> Option<Reply> {
        let throttle = self.switches.throttle.clone()?;
        while self.arrivals.front().is_some_and(|at| real - *at >= TimeDelta::seconds(1)) {
            self.arrivals.pop_front();
        }
        let penalty = match throttle.retry_after {
            RetryAfter::Absent => None,
            RetryAfter::Seconds(s) | RetryAfter::Date(s) => Some(i64::try_from(s).unwrap_or(i64::MAX)),
        };
        let in_penalty = self.refuses_until.is_some_and(|until| real < until);
        let too_many = self.arrivals.len() >= usize::try_from(throttle.per_second).unwrap_or(usize::MAX);
        if !in_penalty && !too_many {
            self.arrivals.push_back(real);
            return None;
        }
        if let Some(penalty) = penalty
            && (!in_penalty || throttle.restarts)
        {
            self.refuses_until = Some(later(real, penalty));
        }
        Some(too_many_requests(throttle.retry_after, real))
    }

    /// What a request without a living token is answered.
    pub(super) fn refused(&self, call: &Call, real: Instant) -> Option<Reply> {
        let Some(authorization) = call.header("authorization") else {
            return Some(fault(401, "Invalid access token", "oauth.v2.InvalidAccessToken"));
        };
        let Some(text) = authorization.strip_prefix("Bearer ") else {
            return Some(fault(401, "Invalid access token", "oauth.v2.InvalidAccessToken"));
        };
        let Some(token) = self.tokens.iter().find(|it| it.text == text) else {
            return Some(fault(401, "Invalid Access Token", "keymanagement.service.invalid_access_token"));
        };
        if self.switches.auth.revoked || real >= token.dies_at {
            let status = match self.switches.auth.expired {
                ExpiredAnswer::Unauthorized => 401,
                ExpiredAnswer::Forbidden => 403,
            };
            return Some(fault(status, "Access Token expired", "keymanagement.service.access_token_expired"));
        }
        None
    }

    pub(super) fn wrong_content_type(&self, call: &Call) -> Option<Reply> {
        if call.method != "POST" {
            return None;
        }
        let content_type = call.content_type();
        let is_json = content_type == "application/json";
        let is_fhir = content_type == "application/fhir+json";
        match self.switches.content_type {
            ContentTypes::Json if !is_json => Some(Reply::json(415, &json!({ "error": "Unsupported media type" }))),
            ContentTypes::Fhir if !is_fhir => Some(Reply::json(403, &json!({ "message": "Forbidden" }))),
            ContentTypes::Both if !is_json && !is_fhir => {
                Some(Reply::json(415, &json!({ "error": "Unsupported media type" })))
            }
            _ => None,
        }
    }
}

/// Whether a pattern (`*`, an endpoint's name, `/path`, `METHOD /path`) means this request.
fn matches(pattern: &str, call: &Call, endpoint: Endpoint) -> bool {
    if pattern == "*" || pattern == endpoint.name() {
        return true;
    }
    let on_path = |path: &str| match path.split_once('*') {
        Some((before, after)) => call.path.starts_with(before) && call.path.ends_with(after),
        None => call.path.starts_with(path),
    };
    match pattern.split_once(' ') {
        Some((method, path)) => call.method == method && on_path(path),
        None => pattern.starts_with('/') && call.path.starts_with(pattern),
    }
}

/// Whether a request names this client or caregiver, in a filter or in its path.
fn names(call: &Call, id: &str) -> bool {
    let body: serde_json::Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let in_body = ["clientId", "caregiverId"].iter().any(|key| match body.get(key) {
        Some(serde_json::Value::String(text)) => text == id,
        Some(value) => value.as_u64().is_some_and(|number| id.parse() == Ok(number)),
        None => false,
    });
    in_body
        || call.query().iter().any(|(key, value)| (key == "clientId" || key == "caregiverId") && value == id)
        || call.path.split('/').any(|segment| segment == id)
}

/// What a scripted fault answers.
pub(super) fn fault_reply(answer: &FaultAnswer, real: Instant) -> Reply {
    match answer {
        FaultAnswer::Route403 => Reply::json(403, &json!({ "message": INVALID_KEY })),
        FaultAnswer::Agency403 => wrong_agency(),
        FaultAnswer::Expired401 => fault(401, "Access Token expired", "keymanagement.service.access_token_expired"),
        FaultAnswer::Status(status) => Reply::json(*status, &json!({ "error": "Scripted failure" })),
        FaultAnswer::Html(status) => Reply::html(*status),
        FaultAnswer::Throttled(retry_after) => too_many_requests(*retry_after, real),
        FaultAnswer::Empty => Reply::json(200, &json!({ "resourceType": "Bundle", "entry": [] })),
        FaultAnswer::NotABundle => Reply::json(200, &json!({ "status": "ok" })),
        FaultAnswer::Wire(_) => Reply::json(200, &json!({})),
    }
}

const INVALID_KEY: &str = "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'bm90LWEtcmVhbC1oYXNoLW9mLWFueXRoaW5nKys9'.";

/// The gateway's answer to a route it does not have. It says nothing about the token, whatever its words.
pub(super) fn no_route(call: &Call) -> Reply {
    let message = if call.header("authorization").is_some() { INVALID_KEY } else { "Missing Authentication Token" };
    Reply::json(403, &json!({ "message": message }))
}

pub(super) fn wrong_agency() -> Reply {
    Reply::json(403, &json!({ "error": "Access denied. Invalid agencyId." }))
}

pub(super) fn invalid(why: &str) -> Reply {
    Reply::json(422, &json!({ "error": why }))
}

fn fault(status: u16, text: &str, code: &str) -> Reply {
    Reply::json(status, &json!({ "fault": { "faultstring": text, "detail": { "errorcode": code } } }))
}

fn too_many_requests(retry_after: RetryAfter, real: Instant) -> Reply {
    let reply = Reply::json(429, &json!({ "message": "Too Many Requests" }));
    match retry_after {
        RetryAfter::Absent => reply,
        RetryAfter::Seconds(s) => reply.with_header("retry-after", s.to_string()),
        RetryAfter::Date(s) => {
            let at = later(real, i64::try_from(s).unwrap_or(i64::MAX));
            reply.with_header("retry-after", at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
        }
    }
}
