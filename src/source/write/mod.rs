//! The writes to the vendor: nothing here runs unless somebody named it.
//!
//! Given: a credential, and one thing to change. Gives: whether the vendor took it, refused it, or nobody knows.
//! Does not: decide what is written, or send anything twice by itself. The agent's reads do not pass through here, and
//! without a write that is switched on by name no [`Writer`] is made.

use std::sync::Arc;

use reqwest::{
    Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::{
    access::{Access, Answer, JSON, Trace, WriteSent},
    auth::After401,
    classify::{Asked, Class, classify},
    fetched::ReadFault,
    wire::value,
};
use crate::{
    clock::{Clock, real_now},
    config::Wellsky,
};

pub mod notes;

pub mod subscriptions;

/// A vendor's explanation longer than this is no explanation.
const SAYS_CHARS_MAX: usize = 200;

/// Why nothing was changed, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// Nothing left: no connection, no token, or a pause.
    #[error("nothing was sent ({why}); try again later")]
    NotSent {
        /// In words; no PHI.
        why: String,
    },
    /// The vendor read it and does not want it.
    #[error("the vendor refuses it ({status}{})", says.as_ref().map_or_else(String::new, |says| format!(": {says}")))]
    Refused {
        /// The answer's status.
        status: u16,
        /// What it says. It may repeat what was sent: for a terminal, never for a log.
        says: Option<String>,
    },
    /// It may have arrived: a time-out, a broken connection, a failure at the vendor.
    #[error("nobody knows whether it arrived ({code})")]
    Uncertain {
        /// The answer's status, or `timeout`.
        code: String,
    },
    /// What came back cannot be read.
    #[error("the vendor's answer cannot be read")]
    Unreadable,
}

/// Writes on one credential.
#[derive(Debug, Clone)]
pub struct Writer {
    access: Arc<Access>,
    clock: Clock,
    agency_id: Option<SecretString>,
}

impl Writer {
    /// A writer for an agency. Sends nothing yet.
    #[must_use]
    pub fn new(wellsky: &Wellsky, access: Arc<Access>, clock: Clock) -> Self {
        Self { access, clock, agency_id: wellsky.agency_id.clone() }
    }

    /// The agency's id at the vendor, which every new resource has to carry.
    pub(super) fn agency_id(&self) -> Option<&str> {
        self.agency_id.as_ref().map(ExposeSecret::expose_secret)
    }

    /// Sends one request. `path` is what stands under the host, ids in `segments` are escaped and each end in a slash.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, WriteFault> {
        let not_sent = |why: &str| WriteFault::NotSent { why: why.to_owned() };
        let mut trace = Trace::new(&self.clock);
        for again in [false, true] {
            let loan = self.access.loan(&mut trace).await.map_err(|fault| not_sent(&fault.to_string()))?;
            let mut url =
                Url::parse(&format!("{}{path}", self.access.base)).map_err(|_| not_sent("base_url is no address"))?;
            if !segments.is_empty() {
                let mut into = url.path_segments_mut().map_err(|()| not_sent("base_url is no address"))?;
                into.pop_if_empty().extend(segments).push("");
            }
            if !query.is_empty() {
                url.query_pairs_mut().extend_pairs(query);
            }
            let mut request = Request::new(method.clone(), url);
            let mut bearer = HeaderValue::from_str(&format!("Bearer {}", loan.token.expose_secret()))
                .map_err(|_| not_sent("the token cannot stand in a header"))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, bearer);
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static(JSON));
            if let Some(body) = body {
                request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
                *request.body_mut() = Some(body.to_string().into());
            }
            let sent = self.access.send_write(request, &self.clock).await.map_err(|fault| match fault {
                ReadFault::Throttled { .. } => not_sent("the vendor asked for a pause"),
                other => not_sent(&other.to_string()),
            })?;
            let answer = match sent {
                WriteSent::Answered(answer) => answer,
                WriteSent::Never => return Err(not_sent("no connection")),
                WriteSent::Perhaps => return Err(WriteFault::Uncertain { code: "timeout".to_owned() }),
            };
            let class = classify(answer.status, answer.retry_after.as_deref(), &answer.body, Asked::One, real_now());
            match class {
                Class::Ok => {
                    self.access.token.lock().await.accepted(loan.generation);
                    let body = read(&answer)?;
                    return if method != Method::GET && says_no(&body) { Err(refused(&answer)) } else { Ok(body) };
                }
                Class::Token if !again => {
                    let verdict =
                        self.access.token.lock().await.rejected(loan.generation, false, self.access.budget.now());
                    if verdict == After401::Stop {
                        return Err(refused(&answer));
                    }
                }
                Class::Throttle { retry_after } => {
                    self.access.throttled(retry_after, &self.clock).await;
                    return Err(not_sent("the vendor asked for a pause"));
                }
                // A failure behind the gateway may come after the change was made.
                Class::Transient { .. } => {
                    return Err(WriteFault::Uncertain { code: answer.status.to_string() });
                }
                Class::Token | Class::Route | Class::Permission | Class::Forbidden | Class::Gone | Class::Request => {
                    return Err(refused(&answer));
                }
            }
        }
        Err(not_sent("the vendor takes no token"))
    }
}

/// The answer as JSON; an empty one is none.
fn read(answer: &Answer) -> Result<Value, WriteFault> {
    if answer.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&answer.body).map_err(|_| WriteFault::Unreadable)
}

/// Whether an answer with a good status says in its body that nothing was changed.
fn says_no(body: &Value) -> bool {
    let is = |value: Option<&Value>, word: &str| value.and_then(Value::as_str) == Some(word);
    let no = body.get("success").is_some_and(|it| value::truth(Some(it)) == Some(false));
    // A resource may carry a note of an earlier error of its own.
    let error = body.get("resourceType").is_none()
        && body.get("error").is_some_and(|it| !matches!(it, Value::Null | Value::Bool(false)) && *it != "");
    let issues = body.get("issue").and_then(Value::as_array).into_iter().flatten();
    let outcome = is(body.get("resourceType"), "OperationOutcome")
        && issues.into_iter().any(|it| ["error", "fatal"].iter().any(|word| is(it.get("severity"), word)));
    no || error || outcome
}

fn refused(answer: &Answer) -> WriteFault {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let says = body.as_ref().and_then(|body| body.get("error").or_else(|| body.get("message"))).and_then(Value::as_str);
    let says = says.map(|says| says.chars().filter(|c| !c.is_control()).take(SAYS_CHARS_MAX).collect());
    WriteFault::Refused { status: answer.status, says }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_good_status_may_still_say_no() {
        let outcome =
            |severity: &str| json!({ "resourceType": "OperationOutcome", "issue": [{ "severity": severity }] });
        let rows = [
            (json!({ "success": false, "message": "Visit is locked" }), true, "said plainly"),
            (json!({ "success": "false" }), true, "as text"),
            (json!({ "error": "Visit is locked" }), true, "an error"),
            (json!({ "error": { "code": 7 } }), true, "an error of several parts"),
            (outcome("error"), true, "FHIR's way"),
            (outcome("information"), false, "FHIR's way of saying that it went well"),
            (json!({ "success": true, "error": null }), false, "no error"),
            (json!({ "success": true, "error": "" }), false, "an empty one"),
            (json!({ "resourceType": "Subscription", "id": 321, "error": "410 once" }), false, "the resource's own"),
            (Value::Null, false, "nothing"),
        ];
        for (body, no, shows) in rows {
            assert_eq!(says_no(&body), no, "{shows}");
        }
    }
}
