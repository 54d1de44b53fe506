//! The built-in SMS texts: at most 160 GSM-7 septets, no PHI, weekday always, what to do always.
//!
//! When a text is too long, the action gives way: first its second sentence, then all of it; of an alert in its own
//! words, the end of them. Headline, time, and the shift's id stay: they make the text findable and the shift too.

use super::{
    gsm7::{self, SEPTETS_MAX},
    voice::Telling,
    words::{self, Words},
};
use crate::{
    alerts::alert::{Alert, AlertState},
    model::{Instant, Subject},
    rules::finding::Tells,
};

/// The text for a group that fires, the most severe alert first.
#[must_use]
pub fn firing(alerts: &[&Alert], telling: &Telling, now: Instant) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let words = words::firing(first, telling, now);
    let with = |action: &str| firing_with(alerts, telling, &words, action);
    // An alert in its own words says nothing without them: they are cut, not dropped.
    let rest = |w: &Words| match first.facts.tells {
        Tells::Summary => {
            let taken = gsm7::septets(&gsm7::transliterate(&with(""))).unwrap_or(SEPTETS_MAX);
            gsm7::cut(&w.action, SEPTETS_MAX.saturating_sub(taken + 1))
        }
        _ => String::new(),
    };
    fit(
        &[&|w: &Words| with(&w.action), &|w: &Words| with(first_sentence(&w.action)), &|w: &Words| with(&rest(w))],
        &words,
    )
}

/// What [`firing`] would say if a text had no end: the action in full, however long.
#[must_use]
pub fn firing_whole(alerts: &[&Alert], telling: &Telling, now: Instant) -> String {
    let Some(first) = alerts.first() else { return String::new() };
    let words = words::firing(first, telling, now);
    gsm7::transliterate(&firing_with(alerts, telling, &words, &words.action))
}

fn firing_with(alerts: &[&Alert], telling: &Telling, words: &Words, action: &str) -> String {
    let title = alerts.first().map_or("", |first| telling.voice(&first.key.agency).title.as_str());
    let action = if action.is_empty() { String::new() } else { format!(" {action}") };
    let unconfirmed = if words.unconfirmed { " Unconfirmed." } else { "" };
    let more = match alerts.len().saturating_sub(1) {
        0 => String::new(),
        n => format!(" +{n} more."),
    };
    format!("{title}: {}{}.{action}{unconfirmed}{}{more}", words.headline, tail(words), sentence(&words.reference))
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
