//! What a call says: the same words as a text, made to be heard. Public words only; said once here, the gateway repeats.

use chrono::{Datelike, TimeDelta, Timelike, Weekday};
use chrono_tz::Tz;

use super::page_texts::{self, Page, Speaker};
use crate::{
    alerts::{
        alert::Alert,
        notice::{PageAsk, Says},
    },
    model::Instant,
    notify::{voice::place, words},
    rules::finding::Tells,
};

/// Names in one call; the rest is counted.
const TOLD_MAX: usize = 2;

/// What a call says of a notice.
#[must_use]
pub fn spoken(says: &Says, speaker: Speaker<'_>) -> String {
    let title = &speaker.voice().title;
    let words = match says {
        Says::Page { code, link, alerts, told_before, ask, .. } => {
            page(Page { code, link: link.as_deref(), alerts, told_before, ask: *ask }, speaker)
        }
        Says::Bundle(all) => {
            let n = all.open.len() + all.n_more;
            let first = all.open.first().map_or_else(String::new, |first| {
                format!("The most urgent: {} Its code is {}.", matter(&first.alert, speaker), letters(&first.code))
            });
            let closed = match all.closed.len() {
                0 => String::new(),
                1 => "1 page is closed.".to_owned(),
                n => format!("{n} pages are closed."),
            };
            format!("{n} pages are open. {first} {closed}")
        }
        Says::Owned { code, alert, by, until } => {
            let zone = speaker.voice().zone_of(&alert.facts.location);
            format!("{by} has page {} until {}. {}", letters(code), time(*until, zone), matter(alert, speaker))
        }
        Says::Closed { code, alerts, .. } => {
            let how = alerts.first().map_or_else(String::new, |alert| {
                let why = words::closing(alert, speaker.telling);
                format!("{} {}. {}", matter(alert, speaker), clause(&why), words::afterwards(alert))
            });
            format!("Page {} is closed. {how}", letters(code))
        }
        Says::Answer(_)
        | Says::WatchOn { .. }
        | Says::Unreached { .. }
        | Says::Standing { .. }
        | Says::Morning { .. }
        | Says::SilenceEnds { .. } => {
            let text = page_texts::text(says, speaker);
            text.strip_prefix(title.as_str()).unwrap_or(&text).trim_start_matches(':').trim().to_owned()
        }
    };
    // A sentence may end in a time, which brings its own full stop.
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ").replace(".m..", ".m.");
    format!("This is {title}. {words}")
}

fn page(page: Page<'_>, speaker: Speaker<'_>) -> String {
    let code = letters(page.code);
    let Some(first) = page.alerts.first().filter(|_| page.ask != PageAsk::Drill) else {
        return format!("This is a test. Nothing is wrong. The code is {code}.");
    };
    let zone = speaker.voice().zone_of(&first.facts.location);
    let told: Vec<String> = page
        .told_before
        .iter()
        .take(TOLD_MAX)
        .map(|(name, at)| format!("{name} was told at {}.", time(*at, zone)))
        .collect();
    let why = match page.ask {
        PageAsk::First | PageAsk::Escalated | PageAsk::Drill => told.join(" "),
        PageAsk::Repeated => "Nobody has it yet.".to_owned(),
        PageAsk::Expired => "Nobody has it any more.".to_owned(),
        PageAsk::More => "This is more on a page that you were told of.".to_owned(),
        PageAsk::StillYours { until } => {
            format!("Is it still yours? Without an answer by {}, others are told.", time(until, zone))
        }
        PageAsk::WentUnstaffed => "It is over, and nobody took it. Find out how the client is.".to_owned(),
        PageAsk::Changing { n, since } => format!("It keeps changing, {n} times since {}.", time(since, zone)),
    };
    let more = match page.alerts.len() - 1 {
        0 => String::new(),
        1 => "There is 1 more.".to_owned(),
        n => format!("There are {n} more."),
    };
    let urgency = urgency(first, speaker.now);
    let words::Words { action, unconfirmed, .. } = words::firing(first, speaker.telling, speaker.now);
    let unconfirmed = if unconfirmed { "It is not confirmed." } else { "" };
    format!("{} {urgency} {why} {action} {unconfirmed} {more} The code is {code}.", matter(first, speaker))
}

/// `No check in. Tuesday 7 a.m. to 11 a.m., North.`
fn matter(alert: &Alert, speaker: Speaker<'_>) -> String {
    let voice = speaker.voice();
    let zone = voice.zone_of(&alert.facts.location);
    let name = match &alert.facts.tells {
        Tells::Uncovered => "No caregiver".to_owned(),
        Tells::NoCheckIn => "No check in".to_owned(),
        Tells::NoShow => "No show".to_owned(),
        Tells::NoCheckOut => "No check out".to_owned(),
        Tells::Runaway => "A visit is still open".to_owned(),
        Tells::Blind { since, .. } => format!("We cannot see WellSky since {}", time(*since, zone)),
        Tells::Exception(what) => what.spoken().to_owned(),
        Tells::Summary => words::name(alert),
    };
    let place = place(&alert.facts.location);
    let when = alert.facts.starts_at.map(|start| {
        let end = alert.facts.ends_at.map_or_else(String::new, |end| {
            let day =
                if end - start >= TimeDelta::hours(24) { format!("{} ", weekday(end, zone)) } else { String::new() };
            format!(" to {day}{}", time(end, zone))
        });
        format!("{} {}{end}", weekday(start, zone), time(start, zone))
    });
    let concerns: Vec<String> = when.into_iter().chain((!place.is_empty()).then_some(place)).collect();
    if concerns.is_empty() { format!("{name}.") } else { format!("{name}. {}.", concerns.join(", ")) }
}

fn urgency(alert: &Alert, now: Instant) -> String {
    let facts = &alert.facts;
    match (&facts.tells, facts.starts_at, facts.ends_at) {
        (Tells::Uncovered, Some(start), _) if start > now => format!("It starts in {}.", length(start - now)),
        (Tells::Uncovered, Some(start), _) => format!("It started {} ago.", length(now - start)),
        (Tells::NoCheckIn | Tells::NoShow, Some(start), _) => format!("{} late.", length(now - start)),
        (Tells::NoCheckOut, _, Some(end)) => format!("It ended {} ago.", length(now - end)),
        _ => String::new(),
    }
}

/// `K, 7`: apart, so that it is heard as written.
fn letters(code: &str) -> String {
    code.chars().map(String::from).collect::<Vec<_>>().join(", ")
}

/// `7 15 a.m.`, `7 a.m.`, `7 oh 5 a.m.`.
fn time(at: Instant, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let (pm, hour) = local.hour12();
    let half = if pm { "p.m." } else { "a.m." };
    match local.minute() {
        0 => format!("{hour} {half}"),
        minute @ 1..10 => format!("{hour} oh {minute} {half}"),
        minute => format!("{hour} {minute} {half}"),
    }
}

fn weekday(at: Instant, zone: Tz) -> &'static str {
    match at.with_timezone(&zone).weekday() {
        Weekday::Mon => "Monday",
        Weekday::Tue => "Tuesday",
        Weekday::Wed => "Wednesday",
        Weekday::Thu => "Thursday",
        Weekday::Fri => "Friday",
        Weekday::Sat => "Saturday",
        Weekday::Sun => "Sunday",
    }
}

fn length(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    let of = |n: i64, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => of(minutes, "minute"),
        (0, hours, 0) => of(hours, "hour"),
        (0, hours, minutes) => format!("{} {}", of(hours, "hour"), of(minutes, "minute")),
        (days, 0, _) => of(days, "day"),
        (days, hours, _) => format!("{} {}", of(days, "day"), of(hours, "hour")),
    }
}

/// With a large first letter.
fn clause(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;

    #[test]
    fn times_and_lengths_are_words() {
        let at = |h, m| Utc.with_ymd_and_hms(2026, 11, 24, h, m, 0).unwrap();
        for (at, want) in [
            (at(7, 0), "7 a.m."),
            (at(7, 5), "7 oh 5 a.m."),
            (at(7, 15), "7 15 a.m."),
            (at(0, 30), "12 30 a.m."),
            (at(12, 0), "12 p.m."),
            (at(19, 45), "7 45 p.m."),
        ] {
            assert_eq!(time(at, chrono_tz::UTC), want);
        }
        for (minutes, want) in [
            (0, "0 minutes"),
            (1, "1 minute"),
            (60, "1 hour"),
            (235, "3 hours 55 minutes"),
            (1440, "1 day"),
            (4270, "2 days 23 hours"),
        ] {
            assert_eq!(length(TimeDelta::minutes(minutes)), want);
        }
        assert_eq!(letters("K7"), "K, 7");
        assert_eq!(clause("covered"), "Covered");
    }
}
