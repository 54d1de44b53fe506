//! What RingCentral's answers mean: its shapes and its table of errors.
//!
//! Given: a status and a body. Gives: a verdict, a delivery, texts. Every field but the id may be missing, and unknown
//! ones do not matter. Does not: put anything the provider wrote but codes into a reason.

use std::time::Duration;

use chrono::DateTime;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::{
    model::Instant,
    notify::{
        channel::{Again, Delivery, Scope, Verdict, is_a_gates},
        message::BadAddress,
        sms::{digits, e164},
    },
};

/// A text in the message store.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Record {
    pub(super) id: Option<Id>,
    pub(super) from: Option<Party>,
    pub(super) to: Option<Vec<Party>>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) creation_time: Option<String>,
    pub(super) direction: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) message_status: Option<String>,
    pub(super) delivery_error_code: Option<String>,
}

/// Ids are numbers, written as text by some of the calls.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(u64),
    Text(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Party {
    phone_number: Option<String>,
}

impl Party {
    /// Their number, E.164.
    pub(super) fn number(&self) -> Option<String> {
        self.phone_number.as_deref().and_then(e164)
    }
}

/// The numbers of an extension.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Numbers {
    pub(super) records: Option<Vec<Number>>,
}

/// One of them, and what it may be used for.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Number {
    pub(super) phone_number: Option<String>,
    pub(super) features: Option<Vec<String>>,
}

/// A page of the message store.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct List {
    pub(super) records: Option<Vec<Record>>,
    pub(super) navigation: Option<Navigation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Navigation {
    pub(super) next_page: Option<Place>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    pub(super) uri: Option<String>,
}

/// What comes instead when a request is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    #[serde(rename = "errorCode")]
    error_code: Option<String>,
    error: Option<String>,
    #[serde(rename = "permissionName")]
    permission_name: Option<String>,
    errors: Option<Vec<Self>>,
}

impl Complaint {
    /// The code that says most: of the list if there is one.
    pub(super) fn code(&self) -> Option<String> {
        let listed = self.errors.iter().flatten().find_map(Self::code);
        let own = self.error_code.as_ref().or(self.error.as_ref());
        // Nothing but a code goes into a log.
        let is_code = |code: &String| {
            (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        listed.or_else(|| own.cloned()).filter(is_code)
    }

    /// Whether all that is missing is leave to text abroad: everybody at home is reached.
    fn is_international(&self) -> bool {
        let named = self.permission_name.as_deref().is_some_and(|name| name.contains("International"));
        named || self.errors.iter().flatten().any(Self::is_international)
    }
}

impl Record {
    /// Its id, as it can be asked for again.
    pub(super) fn id(&self) -> Option<String> {
        match self.id.as_ref()? {
            Id::Number(n) => Some(n.to_string()),
            Id::Text(text) => {
                (!text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')).then(|| text.clone())
            }
        }
    }

    pub(super) fn created_at(&self) -> Option<Instant> {
        DateTime::parse_from_rfc3339(self.creation_time.as_deref()?).ok().map(|at| at.to_utc())
    }

    pub(super) fn is(&self, direction: &str) -> bool {
        let of_kind = self.kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case("SMS"));
        of_kind && self.direction.as_ref().is_none_or(|is| is.eq_ignore_ascii_case(direction))
    }

    /// Whether it is this text, to this number.
    pub(super) fn matches(&self, text: &str, to: &str) -> bool {
        let there =
            self.to.iter().flatten().any(|party| party.number().is_some_and(|number| digits(&number) == digits(to)));
        self.is("Outbound") && there && self.subject.as_deref().map(str::trim_end) == Some(text.trim_end())
    }

    /// Whom it is from, E.164.
    pub(super) fn sender(&self) -> Option<String> {
        self.from.as_ref()?.number()
    }

    pub(super) fn delivery(&self) -> Delivery {
        match self.message_status.as_deref() {
            Some("Delivered") => Delivery::Delivered,
            Some("DeliveryFailed" | "SendingFailed") => {
                let code = self.delivery_error_code.clone().unwrap_or_default();
                let again = match class_of(&code) {
                    Class::Later => Again::WhileUseful,
                    Class::Sender => Again::Elsewhere,
                    // Nobody knows what became of it; the next channel is surer than a copy.
                    Class::Unknown | Class::Content | Class::Number(_) => Again::Never,
                };
                let bad = if let Class::Number(bad) = class_of(&code) { Some(bad) } else { None };
                Delivery::Undelivered { code, again, bad }
            }
            _ => Delivery::Pending,
        }
    }
}

/// What an error code speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The carrier or the provider, for now.
    Later,
    /// The number, for good.
    Number(BadAddress),
    /// This text.
    Content,
    /// Our number, our account, its registration.
    Sender,
    /// Not in the table.
    Unknown,
}

/// The table (RingCentral's guides to SMS errors and delivery codes).
fn class_of(code: &str) -> Class {
    match code {
        "SMS-UP-500" | "SMS-CAR-412" | "SMS-CAR-500" | "SMS-RC-500" | "CMN-301" => Class::Later,
        "SMS-UP-431" | "SMS-UP-414" | "SMS-CAR-431" | "SMS-CAR-414" | "SMS-RC-403" | "SMS-RC-503" | "SMS-RC-504"
        | "MSG-240" | "MSG-242" | "MSG-304" | "MSG-314" | "MSG-367" | "MSG-384" | "CMN-408" => Class::Sender,
        "MSG-243" | "MSG-245" | "MSG-246" | "MSG-247" => Class::Number(BadAddress::Unusable),
        _ => match code.strip_prefix("SMS-").and_then(|rest| rest.rsplit_once('-')).map(|(_, number)| number) {
            Some("410" | "411") => Class::Number(BadAddress::Unusable),
            Some("413") => Class::Number(BadAddress::OptedOut),
            Some("430" | "432" | "433") => Class::Content,
            _ => Class::Unknown,
        },
    }
}

/// What an answer to a text means.
pub(super) fn verdict(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Verdict {
    if status.is_success() {
        let record: Record = serde_json::from_slice(body).unwrap_or_default();
        let failed = matches!(record.message_status.as_deref(), Some("SendingFailed" | "DeliveryFailed"));
        let code = failed.then(|| record.delivery_error_code.clone()).flatten();
        return match (code.filter(|code| matches!(class_of(code), Class::Number(_))), record.id()) {
            (Some(code), _) => of_code(Some(&code), status, retry_after),
            // Failed or not, it was taken. What became of it is asked for, and a text like it only then sent again.
            (None, Some(id)) => Verdict::Sent { provider_id: Some(id) },
            (None, None) => Verdict::MayHaveLeft { why: format!("HTTP {} without a message id", status.as_u16()) },
        };
    }
    let complaint: Complaint = serde_json::from_slice(body).unwrap_or_default();
    if complaint.is_international() && !is_a_gates(status) {
        return Verdict::Refused { why: format!("HTTP {}, international", status.as_u16()), bad: None };
    }
    of_code(complaint.code().as_deref(), status, retry_after)
}

fn of_code(code: Option<&str>, status: StatusCode, retry_after: Option<Duration>) -> Verdict {
    let why = match code {
        Some(code) => format!("HTTP {}, error {code}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    };
    let not_sent = |scope| Verdict::NotSent { why: why.clone(), scope, retry_after };
    if is_a_gates(status) {
        return Verdict::MayHaveLeft { why };
    }
    if matches!(status.as_u16(), 408 | 425 | 429) {
        return not_sent(Scope::Way);
    }
    match code.map_or(Class::Unknown, class_of) {
        Class::Later => not_sent(Scope::Way),
        Class::Sender => not_sent(Scope::Account),
        Class::Number(bad) => Verdict::Refused { why, bad: Some(bad) },
        Class::Content => Verdict::Refused { why, bad: None },
        Class::Unknown => match status.as_u16() {
            401..=404 => not_sent(Scope::Account),
            // Of this text or this number: another gateway may take it.
            400..=499 => Verdict::Refused { why, bad: None },
            // 5xx and redirects.
            _ => not_sent(Scope::Way),
        },
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
            ("taken", 200, r#"{"id": 402406985008, "messageStatus": "Queued"}"#, "sent"),
            ("the least there may be", 200, r#"{"id": 1}"#, "sent"),
            ("an id as text, and much besides", 200, r#"{"id": "17", "new": {"a": [1]}, "direction": null}"#, "sent"),
            ("an id that is a path", 200, r#"{"id": "../sms"}"#, "uncertain"),
            ("a proxy's page", 200, "<html>", "uncertain"),
            (
                "taken and failed at once: opted out",
                200,
                r#"{"id": 1, "messageStatus": "SendingFailed", "deliveryErrorCode": "SMS-UP-413"}"#,
                "opted out",
            ),
            ("too many", 429, r#"{"errorCode": "CMN-301", "message": "Request rate exceeded"}"#, "way"),
            (
                "taken and failed, for what nobody knows: its report says",
                200,
                r#"{"id": 1, "messageStatus": "DeliveryFailed", "deliveryErrorCode": "SMS-CAR-104"}"#,
                "sent",
            ),
            ("down", 503, "", "way"),
            ("broken inside", 500, "", "way"),
            ("a gate whose time was up", 504, "", "uncertain"),
            ("a gate that lost the answer", 502, r#"{"errorCode": "CMN-301"}"#, "uncertain"),
            ("no credit", 402, "", "account"),
            (
                "no leave to text abroad: of this number only",
                403,
                r#"{"errorCode": "CMN-408", "permissionName": "InternationalSMS"}"#,
                "refused",
            ),
            ("token, twice", 401, r#"{"errorCode": "OAU-213"}"#, "account"),
            ("no permission", 403, r#"{"errorCode": "CMN-408", "permissionName": "SMS"}"#, "account"),
            ("not our number", 400, r#"{"errorCode": "MSG-304", "errors": [{"errorCode": "MSG-304"}]}"#, "account"),
            ("not a number that takes texts", 400, r#"{"errorCode": "MSG-246"}"#, "bad number"),
            (
                "a field we got wrong",
                400,
                r#"{"errorCode": "CMN-101", "message": "Parameter [to] is invalid"}"#,
                "refused",
            ),
            ("content", 400, r#"{"errors": [{"errorCode": "SMS-UP-430"}]}"#, "refused"),
            ("wrong path", 404, r#"{"errorCode": "CMN-102"}"#, "account"),
        ];
        for (shows, status, body, expected) in cases {
            assert_eq!(word_of(&judged(status, body)), expected, "{shows}");
        }
    }

    #[test]
    fn reasons_hold_codes_and_nothing_the_provider_wrote() {
        let body = r#"{"errorCode": "to +12025550111", "message": "+12025550111"}"#;
        assert_eq!(judged(400, body), Verdict::Refused { why: "HTTP 400".into(), bad: None });
    }

    #[test]
    fn delivery_states() {
        let of = |status: &str, code: &str| {
            let json = format!(r#"{{"id": 1, "messageStatus": "{status}", "deliveryErrorCode": "{code}"}}"#);
            serde_json::from_str::<Record>(&json).unwrap().delivery()
        };
        assert_eq!(of("Delivered", ""), Delivery::Delivered);
        for pending in ["Queued", "Sent", "Received", "Something"] {
            assert_eq!(of(pending, ""), Delivery::Pending, "{pending}");
        }
        let failed = |code: &str, again, bad| Delivery::Undelivered { code: code.into(), again, bad };
        for (code, again, bad) in [
            ("SMS-CAR-412", Again::WhileUseful, None),
            ("SMS-UP-500", Again::WhileUseful, None),
            ("SMS-CAR-413", Again::Never, Some(BadAddress::OptedOut)),
            ("SMS-UP-410", Again::Never, Some(BadAddress::Unusable)),
            ("SMS-UP-430", Again::Never, None),
            ("SMS-UP-431", Again::Elsewhere, None),
            ("SMS-CAR-199", Again::Never, None),
            ("", Again::Never, None),
        ] {
            assert_eq!(of("DeliveryFailed", code), failed(code, again, bad), "{code}");
        }
        assert_eq!(of("SendingFailed", "SMS-RC-503"), failed("SMS-RC-503", Again::Elsewhere, None));
        assert_eq!(serde_json::from_str::<Record>("{}").unwrap().delivery(), Delivery::Pending);
    }

    #[test]
    fn a_stored_text_matches_whole_or_not_at_all() {
        let record = |json: &str| serde_json::from_str::<Record>(json).unwrap();
        let ours = r#"{"id": 1, "direction": "Outbound", "type": "SMS", "subject": "CCA: K7", "to": [{"phoneNumber": "+12025550111"}]}"#;
        assert!(record(ours).matches("CCA: K7", "+12025550111"));
        assert!(!record(ours).matches("CCA: K77", "+12025550111"));
        assert!(!record(ours).matches("CCA: K7", "+12025550112"));
        assert!(!record(&ours.replace("Outbound", "Inbound")).matches("CCA: K7", "+12025550111"));
        let national = ours.replace("+12025550111", "2025550111");
        assert!(record(&national).matches("CCA: K7", "+12025550111"), "without the country");
    }
}
