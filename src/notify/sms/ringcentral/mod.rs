//! RingCentral: texts of one user extension.
//!
//! Given: a text and a number.
//! Gives: whether RingCentral took it, whether it has it, what became of it, and what people texted to the number.
//! Does not: retry. There is no idempotency key, so after a lost answer the message store is asked. Everything goes
//! through one `extension`, which stops completely inside a penalty.

mod call_log;
mod extension;
mod lent;
mod limiter;
mod subscription;
mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{SecondsFormat, TimeDelta};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;

use self::{
    extension::Extension,
    limiter::Group,
    wire::{List, Numbers, Record},
};
use super::{Silence, e164, judged};
use crate::{
    clock::real_now,
    model::{Instant, Phi, PhiGrant},
    notify::{
        channel::{Delivery, Http, Moment, Verdict, retry_after},
        inbound::Text,
        message::Message,
        receiver::RingCentralExtension,
    },
    store::Store,
};

/// UTF-16 units of one text at most.
const TEXT_MAX: usize = 1_000;
/// RingCentral's clock and ours may differ by this much.
const CLOCK_MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Pages of a hundred that are read while looking for one text, or for what was heard.
const PAGES: usize = 5;
/// Requests of a minute that questions about delivery leave for hearing replies and settling doubts.
const KEPT_FOR_REPLIES: u32 = 15;
const EXTENSION: &str = "/restapi/v1.0/account/~/extension/~";

/// One number of one extension.
#[derive(Debug)]
pub struct RingCentral {
    extension: Arc<Extension>,
    from: String,
    timeout: Duration,
}

impl RingCentral {
    pub(in crate::notify) fn new(http: &Http, settings: &RingCentralExtension, timeout: Duration) -> Self {
        Self { extension: Extension::of(http, settings), from: settings.from.clone(), timeout }
    }

    /// From now on the extension's token and penalty are kept there.
    pub(in crate::notify) fn keep_in(&self, store: &Store) {
        self.extension.keep_in(store);
    }

    /// How much of a penalty is left.
    pub(in crate::notify) fn penalty(&self) -> Option<Duration> {
        self.extension.penalty()
    }

    pub(in crate::notify) async fn send(&self, message: &Message, text: &str, moment: Moment) -> Verdict {
        let to = message.address.reveal(PhiGrant::SEND);
        // One number, for several would see each other.
        let body = json!({
            "from": { "phoneNumber": self.from },
            "to": [{ "phoneNumber": to }],
            "text": fitting(text),
        });
        let url = self.extension.url(&format!("{EXTENSION}/sms"));
        let fill = |request: RequestBuilder| request.json(&body);
        let response = match self.extension.ask(Group::Medium, 0, self.timeout, Method::POST, &url, fill).await {
            Ok(response) => response,
            Err(fault) => return fault.verdict(),
        };
        let status = response.status();
        let wait = if status == StatusCode::TOO_MANY_REQUESTS {
            self.extension.penalty()
        } else {
            retry_after(response.headers(), moment.real)
        };
        judged(response, |body| wire::verdict(status, body, wait)).await
    }

    /// Every message that may be this one: same text, same number, taken after `since` (less a margin), oldest first.
    pub(in crate::notify) async fn ask(
        &self,
        message: &Message,
        text: &str,
        since: Instant,
    ) -> Result<Vec<String>, String> {
        let to = message.address.reveal(PhiGrant::SEND);
        let (text, since) = (fitting(text), since - CLOCK_MARGIN);
        let query = [("direction", "Outbound"), ("messageType", "SMS"), ("phoneNumber", to.as_str())];
        let records = self.list(&query, since, 0).await.map_err(|silence| silence.why)?;
        let mut found: Vec<(Option<Instant>, String)> = records
            .iter()
            .filter(|record| record.matches(&text, to) && record.created_at().is_none_or(|at| at >= since))
            .filter_map(|record| Some((record.created_at(), record.id()?)))
            .collect();
        found.sort();
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    pub(in crate::notify) async fn delivery(&self, id: &str) -> Delivery {
        let url = self.extension.url(&format!("{EXTENSION}/message-store/{id}"));
        let asked = self.extension.ask(Group::Light, KEPT_FOR_REPLIES, self.timeout, Method::GET, &url, |it| it).await;
        let Ok(response) = asked else { return Delivery::NoAnswer };
        match response.status() {
            StatusCode::NOT_FOUND => Delivery::Unknown,
            status if !status.is_success() => Delivery::NoAnswer,
            _ => match response.json::<Record>().await {
                Ok(record) => record.delivery(),
                Err(_) => Delivery::NoAnswer,
            },
        }
    }

    /// What became of the texts that were sent since then, as far as the message store's list tells, by id.
    pub(in crate::notify) async fn deliveries(&self, since: Instant) -> Result<BTreeMap<String, Delivery>, Silence> {
        let query = [("direction", "Outbound"), ("messageType", "SMS")];
        let records = self.list(&query, since - CLOCK_MARGIN, KEPT_FOR_REPLIES).await?;
        Ok(records.iter().filter_map(|record| Some((record.id()?, record.delivery()))).collect())
    }

    /// What people texted to this number since then, oldest first.
    pub(in crate::notify) async fn heard(&self, since: Instant) -> Result<Vec<Text>, Silence> {
        let records = self.list(&[("direction", "Inbound"), ("messageType", "SMS")], since, 0).await?;
        let ours = |record: &Record| {
            // A text to another number of the same extension is not for us.
            let to = record.to.iter().flatten().filter_map(wire::Party::number).collect::<Vec<_>>();
            record.is("Inbound") && (to.is_empty() || to.contains(&self.from))
        };
        let mut texts: Vec<Text> = records.iter().rev().filter(|record| ours(record)).filter_map(text_of).collect();
        texts.retain(|text| text.at.is_none_or(|at| at >= since));
        texts.sort_by_key(|text| text.at);
        Ok(texts)
    }

    /// Whether the number is this user's and may send texts.
    pub(in crate::notify) async fn may_send(&self) -> Result<bool, Silence> {
        let url = self.extension.url(&format!("{EXTENSION}/phone-number"));
        let list: Numbers = self.read(&url, 0, |request| request.query(&[("perPage", "100")])).await?;
        Ok(list.records.unwrap_or_default().iter().any(|number| {
            let sends = number.features.as_ref().is_none_or(|known| known.iter().any(|it| it == "SmsSender"));
            sends && number.phone_number.as_deref().and_then(e164).as_ref() == Some(&self.from)
        }))
    }

    /// The message store since then, as far as it can be read.
    async fn list(&self, query: &[(&str, &str)], since: Instant, keep: u32) -> Result<Vec<Record>, Silence> {
        let from = since.to_rfc3339_opts(SecondsFormat::Millis, true);
        let first = self.extension.url(&format!("{EXTENSION}/message-store"));
        let (mut records, mut url) = (Vec::new(), first.clone());
        for page in 0..PAGES {
            let fill = |request: RequestBuilder| {
                if page == 0 {
                    request.query(query).query(&[("dateFrom", from.as_str()), ("perPage", "100")])
                } else {
                    request
                }
            };
            let list: List = self.read(&url, keep, fill).await?;
            records.extend(list.records.unwrap_or_default());
            let next = list.navigation.and_then(|navigation| navigation.next_page).and_then(|place| place.uri);
            match next.and_then(|next| self.own(&next)) {
                Some(next) if next != url => url = next,
                _ => return Ok(records),
            }
        }
        // Newest first: what is missing is the oldest.
        Ok(records)
    }

    /// A page's address if it is one of this extension's; nothing else is ever asked with its token.
    fn own(&self, uri: &str) -> Option<String> {
        let path = uri.split_once(EXTENSION_START).map(|(_, rest)| format!("{EXTENSION_START}{rest}"))?;
        Some(self.extension.url(&path))
    }

    async fn read<T: DeserializeOwned>(
        &self,
        url: &str,
        keep: u32,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, Silence> {
        self.read_as(Group::Light, url, keep, fill).await
    }

    async fn read_as<T: DeserializeOwned>(
        &self,
        group: Group,
        url: &str,
        keep: u32,
        fill: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<T, Silence> {
        let asked = self.extension.ask(group, keep, self.timeout, Method::GET, url, fill).await;
        let response = asked.map_err(|fault| {
            let (why, ask_after) = fault.said();
            Silence { why, ask_after }
        })?;
        let status = response.status();
        if !status.is_success() {
            let ask_after = match status {
                StatusCode::TOO_MANY_REQUESTS => self.extension.penalty(),
                _ => retry_after(response.headers(), real_now()),
            };
            return Err(Silence { why: format!("HTTP {} to the list", status.as_u16()), ask_after });
        }
        response.json().await.map_err(|_| Silence::from("the list cannot be read".to_owned()))
    }
}

/// Where the path of every call begins.
const EXTENSION_START: &str = "/restapi/v1.0/";

/// A text as it came in.
fn text_of(record: &Record) -> Option<Text> {
    Some(Text {
        provider_id: record.id()?,
        from: Phi::new(record.sender()?),
        text: Phi::new(record.subject.clone()?),
        at: record.created_at(),
    })
}

/// The text as far as the provider takes it.
fn fitting(text: &str) -> String {
    if text.encode_utf16().count() <= TEXT_MAX {
        return text.to_owned();
    }
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= TEXT_MAX - 3
    };
    text.chars().take_while(fits).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_too_long_is_cut_where_it_fits() {
        assert_eq!(fitting("short"), "short");
        assert_eq!(fitting(&"a".repeat(1_000)).len(), 1_000);
        let cut = fitting(&"🙂".repeat(600));
        assert!(cut.ends_with("...") && cut.encode_utf16().count() <= 1_000, "{}", cut.encode_utf16().count());
    }
}
