//! The built-in SMS texts: at most 160 GSM-7 septets, no PHI, weekday always, what to do always.
//!
//! When a text is too long the parts give way in this order: the second sentence of the action, the location, the
//! urgency. Headline, time, and the shift's id stay: they make the text findable and the shift too.

use super::{
    gsm7::{self, SEPTETS_MAX},
    voice::Telling,
    words::{self, Words},
};
use crate::{
    alerts::alert::{Alert, AlertState},
    model::{Instant, Subject},
};

/// The text for a group that fires, the most severe alert first.
#[must_use]
pub fn firing(alerts: &[&Alert], telling: &Telling, now: Instant) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let title = &telling.voice(&first.key.agency).title;
    let words = words::firing(first, telling, now);
    let more = match alerts.len() - 1 {
        0 => String::new(),
        n => format!(" +{n} more."),
    };
    let unconfirmed = if words.unconfirmed { " Unconfirmed." } else { "" };
    fit(
        &[
            &|w: &Words| {
                format!("{title}: {}{}. {}{unconfirmed}{}{more}", w.headline, tail(w), w.action, sentence(&w.reference))
            },
            &|w: &Words| {
                format!(
                    "{title}: {}{}. {}{unconfirmed}{}{more}",
                    w.headline,
                    tail(w),
                    first_sentence(&w.action),
                    sentence(&w.reference)
                )
            },
            &|w: &Words| format!("{title}: {}{}.{unconfirmed}{}{more}", w.headline, tail(w), sentence(&w.reference)),
        ],
        &words,
    )
}

/// The one text that sums up what was found after a catch-up, the most severe alert first.
#[must_use]
pub fn summary(alerts: &[&Alert], telling: &Telling, now: Instant) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let title = &telling.voice(&first.key.agency).title;
    let words = words::firing(first, telling, now);
    let counts = counts(alerts, telling, now);
    let n = alerts.len();
    fit(
        &[
            &|w: &Words| {
                format!(
                    "{title}: {n} alerts now: {counts}. First: {}{}.{}",
                    w.headline,
                    tail(w),
                    sentence(&w.reference)
                )
            },
            &|w: &Words| {
                format!("{title}: {n} alerts now. First: {}{}.{}", w.headline, tail(w), sentence(&w.reference))
            },
        ],
        &words,
    )
}

/// The text that closes a group's alerts for somebody who was told of them.
#[must_use]
pub fn closing(alerts: &[&Alert], telling: &Telling) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let voice = telling.voice(&first.key.agency);
    let concerns = match words::concerns(first, voice) {
        text if text.is_empty() || first.facts.starts_at.is_none() => {
            let name = first.labels.get("alertname").cloned().unwrap_or_default();
            if text.is_empty() { name } else { format!("{name}, {text}") }
        }
        text => text,
    };
    let owner = match &first.state {
        AlertState::Resolved { owner: Some(owner), .. } => format!(" {owner} had it."),
        _ => String::new(),
    };
    let more = match alerts.len() - 1 {
        0 => String::new(),
        n => format!(" +{n} more closed."),
    };
    let why = words::closing(first, telling);
    let why = if why.starts_with("is ") { format!(" {why}") } else { format!(": {why}") };
    let reference = match &first.key.subject {
        Subject::Shift(key) => format!(" Shift {}.", key.id),
        _ => String::new(),
    };
    let after = words::afterwards(first);
    let whole = format!("{} CLOSED: {concerns}{why}.{owner} {after}{reference}{more}", voice.title);
    if gsm7::septets(&gsm7::transliterate(&whole)).is_some_and(|cost| cost <= SEPTETS_MAX) {
        return gsm7::transliterate(&whole);
    }
    gsm7::cut(&format!("{} CLOSED: {concerns}{why}.{reference}{more}", voice.title), SEPTETS_MAX)
}

/// `3 no caregiver, 5 no check-in, 1 ApiDown`, the most frequent first.
#[must_use]
pub fn counts(alerts: &[&Alert], telling: &Telling, now: Instant) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for alert in alerts {
        let name = words::firing(alert, telling, now).headline;
        let name = if name.chars().any(char::is_lowercase) { name } else { name.to_lowercase() };
        match counted.iter_mut().find(|(seen, _)| *seen == name) {
            Some((_, n)) => *n += 1,
            None => counted.push((name, 1)),
        }
    }
    counted.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counted.iter().map(|(name, n)| format!("{n} {name}")).collect::<Vec<_>>().join(", ")
}

fn tail(words: &Words) -> String {
    let mut tail = String::new();
    if !words.concerns.is_empty() {
        tail.push(' ');
        tail.push_str(&words.concerns);
    }
    if !words.urgency.is_empty() {
        tail.push_str(", ");
        tail.push_str(&words.urgency);
    }
    tail
}

fn sentence(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {text}.") }
}

fn first_sentence(text: &str) -> &str {
    text.split_inclusive(". ").next().unwrap_or(text).trim_end()
}

/// The first shape that fits; the last one is cut.
fn fit(shapes: &[&dyn Fn(&Words) -> String], words: &Words) -> String {
    let mut last = String::new();
    for shape in shapes {
        last = gsm7::transliterate(&shape(words));
        if gsm7::septets(&last).is_some_and(|cost| cost <= SEPTETS_MAX) {
            return last;
        }
    }
    gsm7::cut(&last, SEPTETS_MAX)
}
