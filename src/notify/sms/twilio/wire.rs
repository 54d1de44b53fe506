//! What Twilio's answers mean: its shapes and its table of errors.
//!
//! Given: a status and a body. Gives: a verdict, a delivery. Every field may be missing, and unknown ones do not matter.
//! Does not: put anything the provider wrote but codes into a reason.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::{
    model::Instant,
    notify::{
        channel::{Again, Delivery, Scope, Verdict, is_a_gates},
        message::BadAddress,
    },
};

/// What Twilio puts before every text of an account that has not paid yet.
const TRIAL_PREFIX: &str = "Sent from your Twilio trial account - ";

/// A text or a call, as create and read give it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::notify) struct Answer {
    sid: Option<String>,
    pub(in crate::notify) status: Option<String>,
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

/// A text or a call in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::notify) struct Listed {
    /// A row without one is none that can be bound.
    pub(in crate::notify) sid: Option<String>,
    pub(super) body: Option<String>,
    pub(in crate::notify) to: Option<String>,
    pub(super) from: Option<String>,
    pub(in crate::notify) direction: Option<String>,
    pub(in crate::notify) date_created: Option<String>,
    pub(super) status: Option<String>,
    error_code: Option<Code>,
}

/// A page of a list: of texts or of calls.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::notify) struct List {
    messages: Option<Vec<Listed>>,
    calls: Option<Vec<Listed>>,
    pub(in crate::notify) next_page_uri: Option<String>,
}

impl List {
    /// Its rows; `None` when this is no list.
    pub(in crate::notify) fn rows(self) -> Option<Vec<Listed>> {
        self.messages.or(self.calls)
    }
}

impl Listed {
    /// What became of it.
    pub(super) fn delivery(&self) -> Delivery {
        delivery(self.status.as_deref(), self.error_code.as_ref().and_then(Code::number))
    }

    pub(super) fn matches(&self, text: &str, to: &str) -> bool {
        let body = self.body.as_deref().unwrap_or_default();
        self.is_ours_to(to) && (body == text || body.strip_prefix(TRIAL_PREFIX) == Some(text))
    }

    /// Whether it went from us to this number, as far as it says.
    pub(in crate::notify) fn is_ours_to(&self, to: &str) -> bool {
        let ours = self.direction.as_ref().is_none_or(|direction| direction.starts_with("outbound"));
        ours && self.to.as_ref().is_none_or(|listed| listed == to)
    }

    pub(in crate::notify) fn created_at(&self) -> Option<Instant> {
        self.date_created.as_deref().and_then(read_date)
    }
}

/// Twilio writes RFC 2822; others that speak its API write RFC 3339.
fn read_date(text: &str) -> Option<Instant> {
    DateTime::parse_from_rfc2822(text).or_else(|_| DateTime::parse_from_rfc3339(text)).ok().map(|at| at.to_utc())
}

/// An id that can be asked for again. Whatever else stands there did not come from the gateway.
pub(in crate::notify) fn is_sid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A success counts when it carries the text's id. One without (a proxy's page, an empty body) says only that
/// somebody answered: whether the text left, the list is asked.
pub(in crate::notify) fn verdict(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Verdict {
    if !status.is_success() {
        let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
        return of_code(complaint.code.as_ref().and_then(Code::number), status, retry_after);
    }
    let answer: Answer = serde_json::from_slice(body).unwrap_or_default();
    let failed = matches!(answer.status.as_deref(), Some("failed" | "undelivered" | "canceled"));
    let code = answer.error_code.as_ref().and_then(Code::number).filter(|_| failed);
    match (code.filter(|code| the_numbers(*code).is_some()), answer.sid.filter(|sid| is_sid(sid))) {
        (Some(code), _) => of_code(Some(code), status, retry_after),
        // Failed or not, it was taken. What became of it is asked for, and a text like it only then sent again.
        (None, Some(sid)) => Verdict::Sent { provider_id: Some(sid) },
        (None, None) => Verdict::MayHaveLeft { why: format!("HTTP {} without a message id", status.as_u16()) },
    }
}

/// The error table. Codes without a row are judged by their HTTP status.
fn of_code(code: Option<i64>, status: StatusCode, retry_after: Option<Duration>) -> Verdict {
    let why = match code {
        Some(code) => format!("HTTP {}, error {code}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    };
    let not_sent = |scope| Verdict::NotSent { why: why.clone(), scope, retry_after };
    if is_a_gates(status) {
        return Verdict::MayHaveLeft { why };
    }
    match code {
        Some(20_429 | 30_001 | 30_002 | 30_022) => not_sent(Scope::Way),
        Some(30_003 | 30_008) => not_sent(Scope::Message),
        Some(20_404 | 21_611) => not_sent(Scope::Account),
        Some(code) if is_the_senders(code) => not_sent(Scope::Account),
        Some(code) if is_from_here(code) => Verdict::Refused { why, bad: None },
        Some(code) if the_numbers(code).is_some() => Verdict::Refused { why, bad: the_numbers(code) },
        _ => match status.as_u16() {
            401..=404 => not_sent(Scope::Account),
            408 | 425 | 429 => not_sent(Scope::Way),
            // Of this text or this number: another gateway may take it.
            400..=499 => Verdict::Refused { why, bad: None },
            // 5xx, and redirects, which the API never sends.
            _ => not_sent(Scope::Way),
        },
    }
}

/// Codes that speak of the recipient's number for good: opted out (21610), blocked there (30004); not a number (21211,
/// 21214), not one that takes texts (21614, 21635, 30006), not reachable from ours (21612), not in use (30005).
const fn the_numbers(code: i64) -> Option<BadAddress> {
    match code {
        21_610 | 30_004 => Some(BadAddress::OptedOut),
        21_211 | 21_214 | 21_612 | 21_614 | 21_635 | 30_005 | 30_006 => Some(BadAddress::Unusable),
        _ => None,
    }
}

/// Codes that speak of our account, our number or its registration: every text fails the same way until a person has
/// put it right. Credentials and account (20003, 20005), the number we send from (21212, 21603, 21606, 21659, 21660),
/// calls from it (21210, 21213, 13223, 13225), the messaging service (21703, 21705), filtering (30007), unregistered or
/// suspended campaigns and toll-free numbers (30032..=30035).
const fn is_the_senders(code: i64) -> bool {
    matches!(
        code,
        13_223
            | 13_225
            | 20_003
            | 20_005
            | 21_210
            | 21_212
            | 21_213
            | 21_603
            | 21_606
            | 21_659
            | 21_660
            | 21_703
            | 21_705
            | 30_007
            | 30_032..=30_035
    )
}

/// Codes by which our account takes nothing for this one number, and everything for others: a region that is not enabled
/// (21408, 21215), a number that a trial account may not reach (21608, 21219).
const fn is_from_here(code: i64) -> bool {
    matches!(code, 21_215 | 21_219 | 21_408 | 21_608)
}

/// What a text's status says, from an answer or from a callback.
pub(in crate::notify) fn delivery(status: Option<&str>, code: Option<i64>) -> Delivery {
    match status {
        Some("delivered" | "read") => Delivery::Delivered,
        Some("undelivered" | "failed" | "canceled") => {
            let again = match code {
                Some(30_003 | 30_008) => Again::Once,
                Some(30_001 | 30_002 | 30_022 | 30_036) => Again::WhileUseful,
                Some(code) if is_the_senders(code) || is_from_here(code) => Again::Elsewhere,
                _ => Again::Never,
            };
            let bad = code.and_then(the_numbers);
            Delivery::Undelivered { code: code.map(|code| code.to_string()).unwrap_or_default(), again, bad }
        }
        _ => Delivery::Pending,
    }
}

impl Answer {
    pub(super) fn delivery(&self) -> Delivery {
        delivery(self.status.as_deref(), self.error_code.as_ref().and_then(Code::number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sms::word_of;

    fn judged(status: u16, body: &str) -> Verdict {
        verdict(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None)
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
                "opted out",
            ),
            ("too fast", 429, r#"{"code": 20429}"#, "way"),
            ("too fast, without a body", 429, "", "way"),
            (
                "taken and failed at once, for what nobody knows: its report says",
                201,
                r#"{"sid": "SM1", "status": "failed", "error_code": 30009}"#,
                "sent",
            ),
            (
                "taken and failed at once, the carrier's: its report says",
                201,
                r#"{"sid": "SM1", "status": "undelivered", "error_code": 30001}"#,
                "sent",
            ),
            ("failed, and no id to ask for", 201, r#"{"status": "failed", "error_code": 30009}"#, "uncertain"),
            ("down", 503, "<html>", "way"),
            ("broken inside", 500, "", "way"),
            ("a gate whose time was up", 504, "<html>", "uncertain"),
            ("a gate that lost the answer", 502, r#"{"code": 20500}"#, "uncertain"),
            ("no credit", 402, "", "account"),
            ("credentials, without a body", 401, "", "account"),
            ("opted out, code as text", 400, r#"{"code": "21610"}"#, "opted out"),
            ("a proxy's page", 200, "<html>welcome</html>", "uncertain"),
            ("an empty success", 201, "", "uncertain"),
            ("a success without an id", 201, r#"{"sid": null, "status": "queued"}"#, "uncertain"),
            ("an id that is a path", 201, r#"{"sid": "../Calls", "status": "queued"}"#, "uncertain"),
            ("a list of something", 200, "[]", "uncertain"),
        ];
        for (shows, status, body, expected) in cases {
            assert_eq!(word_of(&judged(status, body)), expected, "{shows}");
        }
    }

    /// The bodies as Twilio writes them: `status` is a number in them.
    #[test]
    fn every_code_of_the_table_is_read_from_a_real_body() {
        let cases: [(&str, u16, &[i64]); 9] = [
            ("way", 429, &[20_429]),
            ("way", 400, &[30_001, 30_002, 30_022]),
            ("message", 400, &[30_003, 30_008]),
            ("account", 401, &[20_003]),
            ("account", 400, &[20_005, 21_212, 21_603, 21_606, 21_611, 21_659, 21_660, 30_007, 30_034]),
            ("account", 404, &[20_404]),
            ("refused", 400, &[21_215, 21_219, 21_408, 21_608, 21_617, 21_704]),
            ("opted out", 400, &[21_610, 30_004]),
            ("bad number", 400, &[21_211, 21_214, 21_612, 21_614, 21_635, 30_005, 30_006]),
        ];
        for (expected, status, codes) in cases {
            for code in codes {
                let body = format!(
                    r#"{{"code":{code},"message":"The 'From' number +12025550100 is not valid","more_info":"https://www.twilio.com/docs/errors/{code}","status":{status}}}"#
                );
                assert_eq!(word_of(&judged(status, &body)), expected, "{code}");
            }
        }
    }

    #[test]
    fn reasons_hold_codes_and_nothing_the_provider_wrote() {
        let body = r#"{"code": 21211, "message": "The 'To' number +12025550111 is not valid", "status": 400}"#;
        assert_eq!(
            judged(400, body),
            Verdict::Refused { why: "HTTP 400, error 21211".into(), bad: Some(BadAddress::Unusable) }
        );
    }

    #[test]
    fn delivery_states() {
        let of = |json: &str| serde_json::from_str::<Answer>(json).unwrap().delivery();
        assert_eq!(of(r#"{"status": "delivered"}"#), Delivery::Delivered);
        for pending in ["accepted", "queued", "sending", "sent", "something new"] {
            assert_eq!(of(&format!(r#"{{"status": "{pending}"}}"#)), Delivery::Pending, "{pending}");
        }
        let failed = |code: &str, again, bad| Delivery::Undelivered { code: code.into(), again, bad };
        let undelivered = |code: &str, again| failed(code, again, None);
        assert_eq!(of(r#"{"status": "undelivered", "error_code": 30003}"#), undelivered("30003", Again::Once));
        assert_eq!(of(r#"{"status": "undelivered", "error_code": 30036}"#), undelivered("30036", Again::WhileUseful));
        assert_eq!(
            of(r#"{"status": "failed", "error_code": 30006}"#),
            failed("30006", Again::Never, Some(BadAddress::Unusable))
        );
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
            from: None,
            direction: direction.map(Into::into),
            date_created: None,
            status: None,
            error_code: None,
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
