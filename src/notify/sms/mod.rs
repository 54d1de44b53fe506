//! Text gateways: Twilio, RingCentral, and any provider that takes a text in one HTTP request.
//!
//! Given: a text and a number. Gives: what the gateway made of it, what it says became of it, and what people texted to
//! it. Does not: retry, or choose between gateways; the send loop does.

pub mod http;
pub mod ringcentral;
pub mod twilio;

use std::{collections::BTreeMap, time::Duration};

use self::{http::HttpSms, ringcentral::RingCentral, twilio::Twilio};
use super::{
    channel::{Delivery, Http, Moment, Verdict},
    inbound::Text,
    message::Message,
    receiver::{SmsGateway, SmsGatewayKind},
};
use crate::model::{Instant, Phi};

/// One gateway, whatever it speaks.
#[derive(Debug)]
pub(super) enum Gateway {
    Twilio(Twilio),
    RingCentral(RingCentral),
    Http(HttpSms),
}

impl Gateway {
    pub(super) fn new(http: &Http, gateway: SmsGateway, hooks: Option<&str>, timeout: Duration) -> Self {
        match gateway.kind {
            SmsGatewayKind::Twilio(account) => Self::Twilio(Twilio::new(http.clone(), account, hooks, timeout)),
            SmsGatewayKind::RingCentral(extension) => Self::RingCentral(RingCentral::new(http, &extension, timeout)),
            SmsGatewayKind::Http(settings) => Self::Http(HttpSms::new(http.clone(), settings, timeout)),
        }
    }

    pub(super) async fn send(&self, message: &Message, text: &str, moment: Moment) -> Verdict {
        match self {
            Self::Twilio(gateway) => gateway.send(message, text, moment).await,
            Self::RingCentral(gateway) => gateway.send(message, text, moment).await,
            Self::Http(gateway) => gateway.send(message, text, moment).await,
        }
    }

    /// Every text that may be this one, by the gateway's ids, oldest first; `None` when it cannot be asked. `Err` says
    /// why there was no answer.
    pub(super) async fn ask(
        &self,
        message: &Message,
        text: &str,
        since: Instant,
    ) -> Option<Result<Vec<String>, String>> {
        match self {
            Self::Twilio(gateway) => Some(gateway.ask(message, text, since).await),
            Self::RingCentral(gateway) => Some(gateway.ask(message, text, since).await),
            Self::Http(_) => None,
        }
    }

    pub(super) async fn delivery(&self, id: &str, to: &Phi<String>) -> Delivery {
        match self {
            Self::Twilio(gateway) => gateway.delivery(id).await,
            Self::RingCentral(gateway) => gateway.delivery(id).await,
            Self::Http(gateway) => gateway.delivery(id, to).await,
        }
    }

    /// What became of the texts that it took since then, as far as one list tells, by its ids; `None` when it has no list.
    pub(super) async fn deliveries(&self, since: Instant) -> Option<Result<BTreeMap<String, Delivery>, Silence>> {
        match self {
            Self::Twilio(gateway) => Some(gateway.deliveries(since).await),
            Self::RingCentral(gateway) => Some(gateway.deliveries(since).await),
            Self::Http(_) => None,
        }
    }

    /// The texts that people sent to it since then, oldest first; `None` when it cannot hear. `Err` says why there was no
    /// answer, and when to ask again if it said so.
    pub(super) async fn heard(&self, since: Instant) -> Option<Result<Vec<Text>, Silence>> {
        match self {
            Self::Twilio(gateway) => Some(gateway.heard(since).await),
            Self::RingCentral(gateway) => Some(gateway.heard(since).await),
            Self::Http(_) => None,
        }
    }
}

/// Why a gateway did not say what people texted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// What happened: codes only.
    pub why: String,
    /// When to ask again, if it said so.
    pub ask_after: Option<Duration>,
}

impl From<String> for Silence {
    fn from(why: String) -> Self {
        Self { why, ask_after: None }
    }
}

/// What an answer means, by its body. The status line came: a success whose body is lost still is one, but the id that the
/// gateway gave it is not known.
pub(super) async fn judged(response: reqwest::Response, verdict: impl FnOnce(&[u8]) -> Verdict) -> Verdict {
    let taken = response.status().is_success();
    match response.bytes().await {
        Ok(body) => verdict(&body),
        Err(_) if taken => Verdict::MayHaveLeft { why: "the answer broke off".into() },
        Err(_) => verdict(b""),
    }
}

/// A number as other numbers are held against it: providers leave out the plus, or write spaces.
pub(super) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// A provider's number as a configuration writes it; `None` for a short code, a name, or nothing.
pub(super) fn e164(number: &str) -> Option<String> {
    let digits = digits(number);
    let plain = number.chars().all(|c| c.is_ascii_digit() || "+ ()-.".contains(c));
    (plain && (7..=15).contains(&digits.len())).then(|| match digits.len() {
        // RingCentral writes numbers of its own country without the country.
        10 if !number.trim_start().starts_with('+') => format!("+1{digits}"),
        _ => format!("+{digits}"),
    })
}

/// A verdict in a word, for the tables of the gateways' answers.
#[cfg(test)]
fn word_of(verdict: &Verdict) -> &'static str {
    use super::{channel::Scope, message::BadAddress};
    match verdict {
        Verdict::Sent { .. } => "sent",
        Verdict::NotSent { scope: Scope::Message, .. } => "message",
        Verdict::NotSent { scope: Scope::Way, .. } => "way",
        Verdict::NotSent { scope: Scope::Account, .. } => "account",
        Verdict::MayHaveLeft { .. } => "uncertain",
        Verdict::Refused { bad: None, .. } => "refused",
        Verdict::Refused { bad: Some(BadAddress::OptedOut), .. } => "opted out",
        Verdict::Refused { bad: Some(BadAddress::Unusable), .. } => "bad number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_known_however_they_are_written() {
        for (text, number) in [
            ("+12025550111", Some("+12025550111")),
            ("12025550111", Some("+12025550111")),
            ("(202) 555-0111", Some("+12025550111")),
            ("+44 20 7946 0111", Some("+442079460111")),
            ("72975", None),
            ("RINGCENTRAL", None),
            ("", None),
        ] {
            assert_eq!(e164(text).as_deref(), number, "{text}");
        }
    }
}
