//! Twilio's Messages API: a form in, JSON out.
//!
//! Given: a text and a number.
//! Gives: whether Twilio took it, whether it has it, what became of it.
//! Does not: retry. There is no idempotency key on create, so after a lost answer the list is asked (public API
//! description `twilio_api_v2010`, 2026-04; error pages under twilio.com/docs/api/errors).

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use reqwest::{RequestBuilder, StatusCode, header::AUTHORIZATION};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::{
    model::{Instant, PhiGrant},
    notify::{
        channel::{Again, Delivery, Http, Moment, Scope, Verdict, basic, http_failure, retry_after},
        message::Message,
    },
};

/// What Twilio puts before every text of an account that has not paid yet.
const TRIAL_PREFIX: &str = "Sent from your Twilio trial account - ";
/// Twilio stamps a message when it takes it; its clock and ours may differ by this much.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Pages of a hundred that are read while looking for one text. Five hundred texts to one number within the minute
/// before an attempt do not happen.
const PAGES: usize = 5;
/// Bounds of `ValidityPeriod`, seconds.
const VALIDITY: std::ops::RangeInclusive<u64> = 1..=36_000;

/// Where texts come from.
#[derive(Debug, Clone, Default)]
pub struct Sender {
    /// A number, E.164.
    pub from: Option<String>,
    /// A messaging service, `MG…`.
    pub messaging_service_sid: Option<String>,
}

/// One account.
#[derive(Debug)]
pub struct Twilio {
    http: Http,
    base_url: String,
    messages: String,
    authorization: SecretString,
    sender: Sender,
    timeout: Duration,
}

/// A text, as create and read give it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    sid: Option<String>,
    status: Option<String>,
    error_code: Option<Code>,
}

/// What comes instead of a text when the request is refused. Its `status` is the HTTP status, a number, and is not
/// read: the two bodies share a name and nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Complaint {
    code: Option<Code>,
}

/// Codes come as numbers, from other implementations as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Code {
    Number(i64),
    Text(String),
}

impl Code {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

#[derive(Deserialize)]
struct Listed {
    /// A row without one is none that can be bound.
    sid: Option<String>,
    body: Option<String>,
    to: Option<String>,
    direction: Option<String>,
    date_created: Option<String>,
}

#[derive(Deserialize)]
struct List {
    messages: Vec<Listed>,
    next_page_uri: Option<String>,
}

impl Twilio {
    pub(in crate::notify) fn new(
        http: Http,
        base_url: &str,
        account_sid: &str,
        auth_token: &SecretString,
        sender: Sender,
        timeout: Duration,
    ) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let messages = format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages");
        let authorization = basic(account_sid, auth_token);
        Self { http, base_url, messages, authorization, sender, timeout }
    }

    pub(in crate::notify) async fn send(&self, message: &Message, text: &str, moment: Moment) -> Verdict {
        let useful = moment.real_between(moment.now, message.useful_until).as_secs();
        let validity = useful.clamp(*VALIDITY.start(), *VALIDITY.end()).to_string();
        let mut form = vec![
            ("To", message.address.reveal(PhiGrant::SEND).as_str()),
            ("Body", text),
            ("ValidityPeriod", validity.as_str()),
        ];
        if let Some(service) = &self.sender.messaging_service_sid {
            form.push(("MessagingServiceSid", service));
        }
        if let Some(from) = &self.sender.from {
            form.push(("From", from));
        }
        let url = format!("{}.json", self.messages);
        let request = self.signed(self.http.client(&url).post(&url)).form(&form).timeout(self.timeout);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return http_failure(&error),
        };
        let status = response.status();
        let retry_after = retry_after(response.headers(), moment.real);
        match response.bytes().await {
            Ok(body) => verdict(status, &body, retry_after),
            // The status line came; a success whose body is lost still is one, but its id is not known.
            Err(_) if status.is_success() => Verdict::MayHaveLeft { why: "the answer broke off".into() },
            Err(_) => verdict(status, b"", retry_after),
        }
    }

    /// Every message that may be this one: same body, same number, taken after `since` (less a margin), oldest first.
    /// `Err` says why there was no answer.
    pub(in crate::notify) async fn ask(
        &self,
        message: &Message,
        text: &str,
        since: Instant,
    ) -> Result<Vec<String>, String> {
        let to = message.address.reveal(PhiGrant::SEND);
        let mut url = format!("{}.json", self.messages);
        let mut query = vec![("To", to.as_str())];
        // A messaging service picks the number itself.
        if let (Some(from), None) = (&self.sender.from, &self.sender.messaging_service_sid) {
            query.push(("From", from));
        }
        query.push(("PageSize", "100"));
        let (mut found, mut looked_at_all) = (Vec::new(), false);
        for page in 0..PAGES {
            let mut request = self.http.client(&url).get(&url).timeout(self.timeout);
            if page == 0 {
                request = request.query(&query);
            }
            let list: List = match self.signed(request).send().await {
                Ok(response) if response.status().is_success() => match response.json().await {
                    Ok(list) => list,
                    Err(_) => return Err("the list cannot be read".into()),
                },
                Ok(response) => return Err(format!("HTTP {} to the list", response.status().as_u16())),
                Err(_) => return Err("the list was not answered".into()),
            };
            let mut reached_older = list.messages.is_empty();
            for listed in list.messages {
                let created_at = listed.date_created.as_deref().and_then(read_date);
                if created_at.is_some_and(|at| at < since - CLOCK_MARGIN) {
                    reached_older = true;
                } else if listed.matches(text, to)
                    && let Some(sid) = listed.sid.filter(|sid| is_sid(sid))
                {
                    found.push((created_at, sid));
                }
            }
            match list.next_page_uri.filter(|_| !reached_older) {
                Some(next) if next.starts_with('/') => url = format!("{}{next}", self.base_url),
                _ => {
                    looked_at_all = true;
                    break;
                }
            }
        }
        if found.is_empty() && !looked_at_all {
            return Err("the list is longer than can be read".into());
        }
        found.sort();
        Ok(found.into_iter().map(|(_, sid)| sid).collect())
    }

    pub(in crate::notify) async fn delivery(&self, sid: &str) -> Delivery {
        let url = format!("{}/{sid}.json", self.messages);
        let request = self.signed(self.http.client(&url).get(&url)).timeout(self.timeout);
        let Ok(response) = request.send().await else { return Delivery::NoAnswer };
        if response.status() == StatusCode::NOT_FOUND {
            return Delivery::Unknown;
        }
        if !response.status().is_success() {
            return Delivery::NoAnswer;
        }
        match response.json::<Answer>().await {
            Ok(answer) => delivery_of(&answer),
            Err(_) => Delivery::NoAnswer,
        }
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, self.authorization.expose_secret())
    }
}

impl Listed {
    fn matches(&self, text: &str, to: &str) -> bool {
        let ours = self.direction.as_ref().is_none_or(|direction| direction.starts_with("outbound"));
        let there = self.to.as_ref().is_none_or(|listed| listed == to);
        let body = self.body.as_deref().unwrap_or_default();
        ours && there && (body == text || body.strip_prefix(TRIAL_PREFIX) == Some(text))
    }
}

/// Twilio writes RFC 2822; others that speak its API write RFC 3339.
fn read_date(text: &str) -> Option<Instant> {
    DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text)).ok().map(|at| at.to_utc())
}

/// An id that can be asked for again. Whatever else stands there did not come from the gateway.
fn is_sid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A success counts when it carries the text's id. One without (a proxy's page, an empty body) says only that
/// somebody answered: whether the text left, the list is asked.
fn verdict(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Verdict {
    if !status.is_success() {
        let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
        return of_code(complaint.code.as_ref().and_then(Code::number), status, retry_after);
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    let failed = matches!(answer.status.as_deref(), Some("failed" | "undelivered" | "canceled"));
    match (answer.error_code.as_ref().and_then(Code::number).filter(|_| failed), answer.sid) {
        (Some(code), _) => of_code(Some(code), status, retry_after),
        (None, Some(sid)) if is_sid(&sid) => Verdict::Sent { provider_id: Some(sid) },
        _ => Verdict::MayHaveLeft { why: format!("HTTP {} without a message id", status.as_u16()) },
    }
}

/// The error table. Codes without a row are judged by their HTTP status.
fn of_code(code: Option<i64>, status: StatusCode, retry_after: Option<Duration>) -> Verdict {
    let why = match code {
        Some(code) => format!("HTTP {}, error {code}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    };
    let not_sent = |scope| Verdict::NotSent { why: why.clone(), scope, retry_after };
    match code {
        Some(20_429 | 30_001 | 30_002 | 30_022) => not_sent(Scope::Way),
        Some(30_003 | 30_008) => not_sent(Scope::Message),
        Some(20_404 | 21_611) => not_sent(Scope::Account),
        Some(code) if is_the_senders(code) => not_sent(Scope::Account),
        Some(21_211 | 21_214 | 21_610 | 21_612 | 21_614 | 21_635 | 30_004..=30_006) => Verdict::Refused { why },
        _ => match status.as_u16() {
            401 | 403 | 404 => not_sent(Scope::Account),
            408 | 425 | 429 => not_sent(Scope::Way),
            400..=499 => Verdict::Refused { why },
            // 5xx, and redirects, which the API never sends.
            _ => not_sent(Scope::Way),
        },
    }
}

/// Codes that speak of our account, our number or its registration: every text fails the same way until a person has
/// put it right. Credentials and account (20003, 20005), the number we send from (21212, 21603, 21606, 21659, 21660),
/// the messaging service (21703, 21705), a region that is not enabled (21408), a trial account (21608), filtering
/// (30007), unregistered or suspended campaigns and toll-free numbers (30032..=30035).
const fn is_the_senders(code: i64) -> bool {
    matches!(
        code,
        20_003
            | 20_005
            | 21_212
            | 21_408
            | 21_603
            | 21_606
            | 21_608
            | 21_659
            | 21_660
            | 21_703
            | 21_705
            | 30_007
            | 30_032..=30_035
    )
}

fn delivery_of(answer: &Answer) -> Delivery {
    match answer.status.as_deref() {
        Some("delivered" | "read") => Delivery::Delivered,
        Some("undelivered" | "failed" | "canceled") => {
            let code = answer.error_code.as_ref().and_then(Code::number);
            let again = match code {
                Some(30_003 | 30_008) => Again::Once,
                Some(30_001 | 30_002 | 30_022 | 30_036) => Again::WhileUseful,
                Some(code) if is_the_senders(code) => Again::Elsewhere,
                _ => Again::Never,
            };
            Delivery::Undelivered { code: code.map(|code| code.to_string()).unwrap_or_default(), again }
        }
        _ => Delivery::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Verdict {
        verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None)
    }

    fn scope(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Sent { .. } => "sent",
            Verdict::NotSent { scope: Scope::Message, .. } => "message",
            Verdict::NotSent { scope: Scope::Way, .. } => "way",
            Verdict::NotSent { scope: Scope::Account, .. } => "account",
            Verdict::MayHaveLeft { .. } => "uncertain",
            Verdict::Refused { .. } => "refused",
        }
    }

    #[test]
    fn answers_are_judged_by_the_table() {
        let cases = [
            ("taken", 201, r#"{"sid": "SM1", "status": "queued"}"#, "sent"),
            ("taken, by a server that says 200", 200, r#"{"sid": "SM1"}"#, "sent"),
            (
                "taken and failed at once, opted out",
                201,
                r#"{"sid": "SM1", "status": "failed", "error_code": 21610}"#,
                "refused",
            ),
            ("too fast", 429, r#"{"code": 20429}"#, "way"),
            ("too fast, without a body", 429, "", "way"),
            ("down", 503, "<html>", "way"),
            ("credentials, without a body", 401, "", "account"),
            ("opted out, code as text", 400, r#"{"code": "21610"}"#, "refused"),
            ("a proxy's page", 200, "<html>welcome</html>", "uncertain"),
            ("an empty success", 201, "", "uncertain"),
            ("a success without an id", 201, r#"{"sid": null, "status": "queued"}"#, "uncertain"),
            ("an id that is a path", 201, r#"{"sid": "../Calls", "status": "queued"}"#, "uncertain"),
            ("a list of something", 200, "[]", "uncertain"),
        ];
        for (shows, status, body, expected) in cases {
            assert_eq!(scope(&judged(status, body)), expected, "{shows}");
        }
    }

    /// The bodies as Twilio writes them: `status` is a number in them.
    #[test]
    fn every_code_of_the_table_is_read_from_a_real_body() {
        let cases: [(&str, u16, &[i64]); 7] = [
            ("way", 429, &[20_429]),
            ("way", 400, &[30_001, 30_002, 30_022]),
            ("message", 400, &[30_003, 30_008]),
            ("account", 401, &[20_003]),
            ("account", 400, &[20_005, 21_212, 21_408, 21_603, 21_606, 21_608, 21_611, 21_659, 21_660, 30_007, 30_034]),
            ("account", 404, &[20_404]),
            ("refused", 400, &[21_211, 21_214, 21_610, 21_612, 21_614, 21_617, 21_635, 30_004, 30_005, 30_006]),
        ];
        for (expected, status, codes) in cases {
            for code in codes {
                let body = format!(
                    r#"{{"code":{code},"message":"The 'From' number +12025550100 is not valid","more_info":"https://www.twilio.com/docs/errors/{code}","status":{status}}}"#
                );
                assert_eq!(scope(&judged(status, &body)), expected, "{code}");
            }
        }
    }

    #[test]
    fn reasons_hold_codes_and_nothing_the_provider_wrote() {
        let body = r#"{"code": 21211, "message": "The 'To' number +12025550111 is not valid", "status": 400}"#;
        assert_eq!(judged(400, body), Verdict::Refused { why: "HTTP 400, error 21211".into() });
    }

    #[test]
    fn delivery_states() {
        let of = |json: &str| delivery_of(&serde_json::from_str(json).unwrap());
        assert_eq!(of(r#"{"status": "delivered"}"#), Delivery::Delivered);
        for pending in ["accepted", "queued", "sending", "sent", "something new"] {
            assert_eq!(of(&format!(r#"{{"status": "{pending}"}}"#)), Delivery::Pending, "{pending}");
        }
        let undelivered = |code: &str, again| Delivery::Undelivered { code: code.into(), again };
        assert_eq!(of(r#"{"status": "undelivered", "error_code": 30003}"#), undelivered("30003", Again::Once));
        assert_eq!(of(r#"{"status": "undelivered", "error_code": 30036}"#), undelivered("30036", Again::WhileUseful));
        assert_eq!(of(r#"{"status": "failed", "error_code": 30006}"#), undelivered("30006", Again::Never));
        assert_eq!(of(r#"{"status": "failed", "error_code": null}"#), undelivered("", Again::Never));
        for code in ["30007", "30032", "30034"] {
            let answer = format!(r#"{{"status": "undelivered", "error_code": {code}}}"#);
            assert_eq!(of(&answer), undelivered(code, Again::Elsewhere), "{code}");
        }
    }

    #[test]
    fn a_listed_text_matches_whole_or_not_at_all() {
        let listed = |body: &str, direction: Option<&str>| Listed {
            sid: Some("SM1".into()),
            body: Some(body.into()),
            to: Some("+12025550111".into()),
            direction: direction.map(Into::into),
            date_created: None,
        };
        let is = |listed: Listed| listed.matches("CCA: K7", "+12025550111");
        assert!(is(listed("CCA: K7", Some("outbound-api"))));
        assert!(is(listed("CCA: K7", None)), "some servers leave the direction out");
        assert!(is(listed("Sent from your Twilio trial account - CCA: K7", None)));
        assert!(!is(listed("CCA: K77", None)));
        assert!(!is(listed("CCA: K7", Some("inbound"))), "an echo from the recipient");
        assert!(!listed("CCA: K7", None).matches("CCA: K7", "+12025550112"), "somebody else's");
    }
}
