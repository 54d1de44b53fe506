//! RingCentral's log of calls, and the texts of its message store, as they are read for the record.
//!
//! Given: a stretch of time. Gives: every call and text of it, each once, or that it holds more than one reading takes.
//! Does not: give a part of a stretch for the whole: a page that is refused costs the stretch, which is read again. Calls are
//! in the Heavy group, ten requests a minute; faxes are no calls.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use reqwest::RequestBuilder;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    EXTENSION, RingCentral,
    limiter::Group,
    wire::{Id, List, Navigation, Record},
};
use crate::{
    model::{Instant, Phi},
    notify::{
        calls::{PhoneRecord, Wanted},
        sms::{Silence, e164},
    },
};

/// Pages of a hundred in one reading: fewer than a minute allows.
const PAGES: usize = 8;
const PER_PAGE: usize = 100;
/// Questions about delivery come after replies; so does this.
const KEPT_FOR_REPLIES: u32 = 15;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Calls {
    records: Option<Vec<Call>>,
    navigation: Option<Navigation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Call {
    id: Option<Id>,
    start_time: Option<String>,
    duration: Option<f64>,
    direction: Option<String>,
    result: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    from: Option<Side>,
    to: Option<Side>,
    extension: Option<Which>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Side {
    phone_number: Option<String>,
    extension_number: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Which {
    id: Option<Id>,
}

impl RingCentral {
    /// Every call and text of a stretch of time, by when it began; `None` when that is more than one reading takes: a shorter
    /// stretch may do.
    pub(in crate::notify) async fn calls(&self, wanted: Wanted) -> Result<Option<Vec<PhoneRecord>>, Silence> {
        let whose = if wanted.account { "/restapi/v1.0/account/~" } else { EXTENSION };
        let url = self.extension.url(&format!("{whose}/call-log"));
        let calls = self.pages(Group::Heavy, &url, &[("view", "Simple")], wanted, |page: Calls| {
            (page.records.unwrap_or_default(), page.navigation)
        });
        let Some(calls) = calls.await? else { return Ok(None) };
        let mut all: BTreeMap<String, PhoneRecord> =
            calls.into_iter().filter_map(of_call).map(|one| (one.id.clone(), one)).collect();
        if wanted.texts {
            let url = self.extension.url(&format!("{EXTENSION}/message-store"));
            let texts = self.pages(Group::Light, &url, &[("messageType", "SMS")], wanted, |page: List| {
                (page.records.unwrap_or_default(), page.navigation)
            });
            let Some(texts) = texts.await? else { return Ok(None) };
            all.extend(texts.iter().flat_map(of_text).map(|one| (one.id.clone(), one)));
        }
        let mut all: Vec<PhoneRecord> = all.into_values().collect();
        all.retain(|one| wanted.from <= one.at && one.at < wanted.until);
        all.sort_by_key(|one| one.at);
        Ok(Some(all))
    }

    /// All pages of a list; `None` when there are too many.
    async fn pages<P: DeserializeOwned, R>(
        &self,
        group: Group,
        url: &str,
        query: &[(&str, &str)],
        wanted: Wanted,
        open: impl Fn(P) -> (Vec<R>, Option<Navigation>),
    ) -> Result<Option<Vec<R>>, Silence> {
        let stamp = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let (from, until, per_page) = (stamp(wanted.from), stamp(wanted.until), PER_PAGE.to_string());
        let mut rows = Vec::new();
        for page in 1..=PAGES {
            let number = page.to_string();
            let fill = |request: RequestBuilder| {
                let span = [("dateFrom", from.as_str()), ("dateTo", until.as_str())];
                request.query(query).query(&span).query(&[("perPage", per_page.as_str()), ("page", number.as_str())])
            };
            let keep = if group == Group::Light { KEPT_FOR_REPLIES } else { 0 };
            let (records, navigation) = open(self.read_as::<P>(group, url, keep, fill).await?);
            let any = !records.is_empty();
            rows.extend(records);
            // Whether there is more is the list's to say.
            if !any || navigation.and_then(|navigation| navigation.next_page).is_none() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

/// A call whose other side is a number; those between extensions have none.
fn of_call(call: Call) -> Option<PhoneRecord> {
    if call.kind.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("Voice")) {
        return None;
    }
    let at = DateTime::parse_from_rfc3339(call.start_time.as_deref()?).ok()?.to_utc();
    let inbound = match call.direction.as_deref() {
        Some(it) if it.eq_ignore_ascii_case("Inbound") => true,
        Some(it) if it.eq_ignore_ascii_case("Outbound") => false,
        _ => return None,
    };
    let (from, to) = (call.from.unwrap_or_default(), call.to.unwrap_or_default());
    let (theirs, ours) = if inbound { (from, to) } else { (to, from) };
    let other = theirs.phone_number.as_deref().and_then(e164)?;
    let of_extension = || call.extension.as_ref()?.id.as_ref().map(written);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length of time, not negative")]
    let seconds = call.duration.filter(|it| it.is_finite() && (0.0..1e6).contains(it)).map(|it| it as u64);
    Some(PhoneRecord {
        id: format!("call/{}", written(call.id.as_ref()?)),
        at,
        is_call: true,
        inbound,
        seconds,
        result: call.result.filter(|word| is_plain(word)),
        by: ours.extension_number.filter(|number| is_plain(number)).or_else(of_extension),
        other: Phi::new(other),
    })
}

/// A text, once for each number it went to or came from.
fn of_text(record: &Record) -> Vec<PhoneRecord> {
    let (Some(id), Some(at)) = (record.id(), record.created_at()) else { return Vec::new() };
    let inbound = match record.direction.as_deref() {
        Some(it) if it.eq_ignore_ascii_case("Inbound") => true,
        Some(it) if it.eq_ignore_ascii_case("Outbound") => false,
        _ => return Vec::new(),
    };
    let others: Vec<String> = if inbound {
        record.sender().into_iter().collect()
    } else {
        record.to.iter().flatten().filter_map(super::wire::Party::number).collect()
    };
    let text = |(n, other): (usize, String)| PhoneRecord {
        id: if n == 0 { format!("text/{id}") } else { format!("text/{id}/{n}") },
        at,
        is_call: false,
        inbound,
        seconds: None,
        result: None,
        by: None,
        other: Phi::new(other),
    };
    others.into_iter().enumerate().map(text).collect()
}

fn written(id: &Id) -> String {
    match id {
        Id::Number(n) => n.to_string(),
        Id::Text(text) => {
            text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').take(64).collect()
        }
    }
}

/// A word or two, nothing that could be somebody's number or name in full.
fn is_plain(word: &str) -> bool {
    (1..=30).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b" -_".contains(&b))
        && word.bytes().filter(u8::is_ascii_digit).count() <= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(json: &str) -> Option<PhoneRecord> {
        of_call(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_call_is_with_the_other_side_and_by_our_extension() {
        let inbound = call(
            r#"{"id": "AbC-1", "startTime": "2026-11-24T17:00:00.000Z", "duration": 65, "direction": "Inbound", "type": "Voice",
                "result": "Accepted", "from": {"phoneNumber": "+12025550111", "name": "somebody"},
                "to": {"phoneNumber": "+12025550101", "extensionNumber": "101"}, "new": [1]}"#,
        )
        .unwrap();
        assert_eq!((inbound.id.as_str(), inbound.inbound, inbound.seconds), ("call/AbC-1", true, Some(65)));
        assert_eq!((inbound.by.as_deref(), inbound.result.as_deref()), (Some("101"), Some("Accepted")));
        assert_eq!(inbound.other.reveal(crate::model::PhiGrant::COMPARE), "+12025550111");
        let out = call(
            r#"{"id": 7, "startTime": "2026-11-24T17:00:00Z", "direction": "Outbound", "to": {"phoneNumber": "2025550111"},
                "extension": {"id": 555}}"#,
        )
        .unwrap();
        assert_eq!(
            (out.id.as_str(), out.inbound, out.seconds, out.by.as_deref()),
            ("call/7", false, None, Some("555"))
        );
        for of_no_use in [
            "{}",
            r#"{"id": 1, "startTime": "soon", "direction": "Inbound", "from": {"phoneNumber": "+12025550111"}}"#,
            r#"{"id": 1, "startTime": "2026-11-24T17:00:00Z", "direction": "Inbound", "from": {"extensionNumber": "102"}}"#,
            r#"{"id": 1, "startTime": "2026-11-24T17:00:00Z", "direction": "Inbound", "type": "Fax", "from": {"phoneNumber": "+12025550111"}}"#,
        ] {
            assert!(call(of_no_use).is_none(), "{of_no_use}");
        }
        let odd = r#"{"id": 1, "startTime": "2026-11-24T17:00:00Z", "direction": "Inbound", "duration": -3,
            "from": {"phoneNumber": "+12025550111"}, "result": "to +1 202 555 0111"}"#;
        assert_eq!(call(odd).map(|one| (one.seconds, one.result)), Some((None, None)), "nothing but a plain word");
    }
}
