//! The demo's people: whose phone is whose, and what they text back.
//!
//! Given: the texts so far, and the time. Gives: replies, each once. Does not: send them.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::{model::Instant, sim::Text};

/// The agency's number; all numbers are invented.
pub(super) const GATEWAY: &str = "+12025550100";
/// Who is on call for the south, and sleeps through it.
pub(super) const NIGHT_SOUTH: &str = "+12025550111";
/// Who is on call for the north.
pub(super) const NIGHT_NORTH: &str = "+12025550112";
/// The backup, who answers.
pub(super) const LEAD: &str = "+12025550113";
/// A phone at the office that only listens.
pub(super) const DESK: &str = "+12025550114";

/// From a text to the thumb.
const THINKS: TimeDelta = TimeDelta::seconds(4);

/// Whose phone it is.
pub(super) fn who(phone: &str) -> &'static str {
    match phone {
        NIGHT_SOUTH => "night-1",
        NIGHT_NORTH => "night-2",
        LEAD => "office-lead",
        DESK => "the desk",
        _ => "somebody",
    }
}

/// A text from a person.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) phone: &'static str,
    pub(super) text: String,
}

/// What they have answered.
#[derive(Debug, Default)]
pub(super) struct People {
    answered: BTreeSet<String>,
}

impl People {
    /// What is texted back now. Only the backup answers, and takes whatever asks.
    pub(super) fn hear(&mut self, texts: &[Text], now: Instant) -> Vec<Reply> {
        let read = texts.iter().filter(|text| text.to == LEAD && now >= text.at + THINKS);
        let codes = read.filter_map(|text| text.body.split_once("Reply 1 ")?.1.split([' ', ',', '.']).next());
        let mut replies = Vec::new();
        for code in codes {
            if self.answered.insert(code.to_owned()) {
                replies.push(Reply { phone: LEAD, text: format!("1 {code}") });
            }
        }
        replies
    }
}
