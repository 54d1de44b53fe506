//! What the vendor's hooks name, and which of them are worth a read.
//!
//! Given: the body of a hook, and when it came (real time). Gives: the one [`Read`] of what it names, or why there is none.
//! Does not: believe anything of a body but its type and its id. Whoever knows the secret may still lie, and a hook costs
//! a request: so the same name counts once in `REPEAT_WITHIN`, all together get a tenth of the rate, and names that
//! nobody has heard of a third of that. What is passed over is read in its own time, as if there were no hooks.

use std::{collections::VecDeque, time::Duration};

use chrono::TimeDelta;
use serde_json::Value;

use super::fetched::Read;
use crate::model::{CaregiverId, ClientId, Instant, VisitId};

/// The vendor may say a thing twice, and saves of several fields come as several hooks.
const REPEAT_WITHIN: TimeDelta = TimeDelta::seconds(10);
/// The span that the share of the rate is counted over.
const MINUTE: TimeDelta = TimeDelta::minutes(1);
/// The share of the requests that hooks may cause.
const SHARE: f64 = 0.1;
/// Ids are short; a longer text is none.
const ID_CHARS_MAX: usize = 32;

/// What a hook names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A client or prospect.
    Client(ClientId),
    /// A caregiver or applicant.
    Caregiver(CaregiverId),
    /// A visit.
    Visit(VisitId),
}

impl Named {
    /// Reads type and id off a body; `None`: it names nothing that is read here.
    #[must_use]
    pub fn in_body(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let id = match body.get("id")? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) if number.is_u64() => number.to_string(),
            _ => return None,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if id.is_empty() || id == "0" || id.len() > ID_CHARS_MAX || !id.chars().all(plain) {
            return None;
        }
        match body.get("resourceType")?.as_str()? {
            "Patient" => Some(Self::Client(ClientId::new(id))),
            "Practitioner" => Some(Self::Caregiver(CaregiverId::new(id))),
            "Encounter" => Some(Self::Visit(VisitId::new(id))),
            _ => None,
        }
    }

    /// The read that shows how it is now.
    #[must_use]
    pub fn read(&self) -> Read {
        match self {
            Self::Client(id) => Read::Client(id.clone()),
            Self::Caregiver(id) => Read::Caregiver(id.clone()),
            Self::Visit(id) => Read::Visit(id.clone()),
        }
    }
}

/// Whether a hook goes further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admits {
    /// It does.
    Yes,
    /// The same was named just before.
    Repeat,
    /// Enough were named in this minute.
    TooMany,
}

/// Keeps one agency's hooks to what they may cost.
#[derive(Debug)]
pub struct Door {
    per_minute: usize,
    strangers_per_minute: usize,
    named: VecDeque<(Instant, Named)>,
    strangers: VecDeque<Instant>,
}

impl Door {
    /// For an agency that is read at so many requests a second.
    #[must_use]
    pub fn new(requests_per_second: f64) -> Self {
        let share = Duration::from_secs_f64((requests_per_second * 60.0 * SHARE).clamp(6.0, 60.0));
        let per_minute = usize::try_from(share.as_secs()).unwrap_or(6);
        Self {
            per_minute,
            strangers_per_minute: (per_minute / 3).max(2),
            named: VecDeque::new(),
            strangers: VecDeque::new(),
        }
    }

    /// A hook that proved itself named this at `now`, real time. What is admitted counts.
    pub fn admit(&mut self, named: &Named, now: Instant) -> Admits {
        // A clock that stepped back leaves stamps from the future; they are of no use.
        self.named.retain(|(at, _)| *at <= now && now < *at + MINUTE);
        if self.named.iter().any(|(at, known)| known == named && now < *at + REPEAT_WITHIN) {
            return Admits::Repeat;
        }
        if self.named.len() >= self.per_minute {
            return Admits::TooMany;
        }
        self.named.push_back((now, named.clone()));
        Admits::Yes
    }

    /// Whether an admitted name that is on no list may be read. It may be new; it may be made up.
    pub fn admit_stranger(&mut self, now: Instant) -> bool {
        self.strangers.retain(|at| *at <= now && now < *at + MINUTE);
        let may = self.strangers.len() < self.strangers_per_minute;
        if may {
            self.strangers.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn only_type_and_id_of_a_body_are_believed() {
        let rows: &[(&str, Option<Read>, &str)] = &[
            (r#"{"resourceType":"Patient","id":7000101}"#, Some(Read::Client("7000101".into())), "a number"),
            (r#"{"resourceType":"Practitioner","id":"8"}"#, Some(Read::Caregiver("8".into())), "a text"),
            (r#"{"resourceType":"Encounter","id":5,"status":"x"}"#, Some(Read::Visit("5".into())), "more is ignored"),
            (r#"{"resourceType":"AdminTask","id":5}"#, None, "nothing we read"),
            (r#"{"resourceType":"Patient","id":"../practitioners/8"}"#, None, "no id"),
            (r#"{"resourceType":"Patient","id":""}"#, None, "none"),
            (r#"{"resourceType":"Patient","id":0}"#, None, "no usable one"),
            (r#"{"resourceType":"Patient","id":-7}"#, None, "negative"),
            (r#"{"resourceType":"Patient","id":7.5}"#, None, "a fraction"),
            (r#"{"resourceType":["Patient"],"id":7}"#, None, "not a type"),
            (r#"{"id":7}"#, None, "no type"),
            ("[]", None, "no object"),
            ("", None, "nothing"),
            ("\u{0}\u{1}", None, "noise"),
        ];
        for (body, read, shows) in rows {
            assert_eq!(Named::in_body(body.as_bytes()).map(|named| named.read()), *read, "{shows}");
        }
        let long = format!(r#"{{"resourceType":"Patient","id":"{}"}}"#, "7".repeat(33));
        assert_eq!(Named::in_body(long.as_bytes()), None, "too long for an id");
    }

    #[test]
    fn the_same_name_counts_once_within_ten_seconds() {
        let mut door = Door::new(2.0);
        let (client, visit) = (Named::Client("7".into()), Named::Visit("7".into()));
        assert_eq!(door.admit(&client, at(0)), Admits::Yes);
        assert_eq!(door.admit(&client, at(9)), Admits::Repeat);
        assert_eq!(door.admit(&visit, at(9)), Admits::Yes, "the same id of another kind");
        assert_eq!(door.admit(&client, at(10)), Admits::Yes);
        assert_eq!(door.admit(&client, at(-5)), Admits::Yes, "a clock that stepped back stops nothing");
    }

    #[test]
    fn a_flood_gets_a_tenth_of_the_rate_and_strangers_a_third_of_that() {
        for (rate, most, strangers) in [(2.0, 12, 4), (0.1, 6, 2), (10.0, 60, 20)] {
            let mut door = Door::new(rate);
            let name = |n: usize| Named::Client(ClientId::new(n.to_string()));
            let admitted = (1..=1000).filter(|n| door.admit(&name(*n), at(0)) == Admits::Yes).count();
            assert_eq!(admitted, most, "{rate}");
            assert_eq!((0..1000).filter(|_| door.admit_stranger(at(0))).count(), strangers, "{rate}");
            assert_eq!(door.admit(&name(0), at(59)), Admits::TooMany);
            assert_eq!(door.admit(&name(0), at(60)), Admits::Yes);
            assert!(door.admit_stranger(at(60)));
            assert!(door.named.len() <= most, "what is remembered is bounded");
        }
    }
}
