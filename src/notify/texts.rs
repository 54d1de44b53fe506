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
    let counts = counts(alerts);
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
            let name = words::name(first);
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
    let closed = words::closed(&concerns, first, telling);
    // An agency knows what closed by its shifts; of other subjects the text already says which.
    let reference = match &first.key.subject {
        Subject::Shift(_) => sentence(&words::reference(first)),
        _ => String::new(),
    };
    let after = words::afterwards(first);
    let whole = format!("{} CLOSED: {closed}.{owner} {after}{reference}{more}", voice.title);
    if gsm7::septets(&gsm7::transliterate(&whole)).is_some_and(|cost| cost <= SEPTETS_MAX) {
        return gsm7::transliterate(&whole);
    }
    gsm7::cut(&format!("{} CLOSED: {closed}.{reference}{more}", voice.title), SEPTETS_MAX)
}

/// `3 no caregiver, 5 no check-in, 1 ApiDown`, the most frequent first.
#[must_use]
pub fn counts(alerts: &[&Alert]) -> String {
    let mut counted: Vec<(String, usize)> = Vec::new();
    for alert in alerts {
        // Ours are in capitals; a rule's own name is left as somebody wrote it.
        let name = match alert.facts.tells {
            Tells::Blind { .. } | Tells::Summary => words::name(alert),
            _ => words::name(alert).to_lowercase(),
        };
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use chrono::{TimeDelta, TimeZone, Utc};

    use super::*;
    use crate::{
        alerts::alert::{AlertKey, Confirm, Facts, Labels, Posted},
        model::{AgencyName, ShiftKey, ShiftRef},
        notify::voice::Voice,
        rules::finding::{Closing, RuleId, Tells, Window},
    };

    /// Tue 2026-11-24, 07:00 in Denver.
    fn seven() -> Instant {
        Utc.with_ymd_and_hms(2026, 11, 24, 14, 0, 0).unwrap()
    }

    fn telling(clock_12h: bool) -> Telling {
        let voice = Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: HashMap::from([("south".into(), chrono_tz::America::Chicago)]),
            clock_12h,
        };
        let voices = HashMap::from([(AgencyName::from("main"), voice.clone())]);
        Telling { voices, installation: voice, external_url: None, shadow: None }
    }

    fn alert(tells: Tells, state: AlertState, location: &str) -> Alert {
        let (start, end) = (seven(), seven() + TimeDelta::hours(4));
        let about_shift = !matches!(tells, Tells::Blind { .. } | Tells::Summary);
        let key = ShiftKey { start, client: "7000101".into(), id: ShiftRef::Vendor("90010001".into()) };
        Alert {
            key: AlertKey {
                agency: "main".into(),
                rule: RuleId::new("coverage/X{}"),
                subject: if about_shift { Subject::Shift(key) } else { Subject::Agency },
            },
            labels: Labels::from([("alertname".into(), "ApiDown".into()), ("severity".into(), "page".into())]),
            annotations: Labels::from([(
                "summary".into(),
                "WellSky's encounter search has not answered for 3 min.".into(),
            )]),
            state,
            active_at: start,
            updated_at: start,
            facts: Facts {
                window: Window { opens_at: start, closes_at: Some(end) },
                starts_at: about_shift.then_some(start),
                ends_at: about_shift.then_some(end),
                deadline: Some(start),
                location: location.into(),
                client: Some("7000101".into()),
                caregiver: None,
                tells,
            },
            confirm: Confirm::Confirmed { at: start },
            unjudged_since: None,
            told: Vec::new(),
            posted: None,
        }
    }

    fn open(tells: Tells) -> Alert {
        alert(tells, AlertState::Firing { fired_at: seven() }, "north")
    }

    fn over(tells: Tells, closing: Closing, owner: Option<&str>) -> Alert {
        let owner = owner.map(ToOwned::to_owned);
        alert(tells, AlertState::Resolved { fired_at: Some(seven()), resolved_at: seven(), closing, owner }, "north")
    }

    #[test]
    fn every_text_says_what_where_by_when_and_what_to_do() {
        let minutes = |m| seven() + TimeDelta::minutes(m);
        let blind = Tells::Blind { since: minutes(-260), n_shifts: 6, until: minutes(60) };
        let mut unconfirmed = open(Tells::NoCheckIn);
        unconfirmed.annotations.insert("unconfirmed".into(), "no second look".into());
        let rows: [(Alert, Instant, &str); 10] = [
            (
                open(Tells::Uncovered),
                minutes(-235),
                "CCA: NO CAREGIVER Tue 07:00-11:00, North, starts in 3h55. Find cover. Shift 90010001.",
            ),
            (
                open(Tells::Uncovered),
                minutes(20),
                "CCA: NO CAREGIVER Tue 07:00-11:00, North, started 20 min ago. Call client. Find cover. Shift 90010001.",
            ),
            (
                open(Tells::Uncovered),
                minutes(0),
                "CCA: NO CAREGIVER Tue 07:00-11:00, North, starts now. Call client. Find cover. Shift 90010001.",
            ),
            (
                open(Tells::Uncovered),
                minutes(-4131),
                "CCA: NO CAREGIVER Tue 07:00-11:00, North, starts in 2 d 20 h. Find cover. Shift 90010001.",
            ),
            (
                open(Tells::NoShow),
                minutes(30),
                "CCA: NO-SHOW Tue 07:00-11:00, North, 30 min late. Call client now, then caregiver. Shift 90010001.",
            ),
            (
                open(Tells::NoCheckIn),
                minutes(15),
                "CCA: NO CHECK-IN Tue 07:00-11:00, North, 15 min late. Call caregiver, then client. Shift 90010001.",
            ),
            (
                unconfirmed,
                minutes(15),
                "CCA: NO CHECK-IN Tue 07:00-11:00, North, 15 min late. Call caregiver, then client. Unconfirmed. Shift 90010001.",
            ),
            (
                open(Tells::NoCheckOut),
                minutes(270),
                "CCA: NO CHECK-OUT Tue 07:00-11:00, North, ended 30 min ago. Ask the caregiver to check out. Shift 90010001.",
            ),
            (
                open(blind),
                minutes(0),
                "CCA: CAN'T SEE WellSky since 02:40 North. 6 shifts start by 08:00 unwatched: check them in WellSky.",
            ),
            (
                open(Tells::Summary),
                minutes(0),
                "CCA: ApiDown North. WellSky's encounter search has not answered for 3 min.",
            ),
        ];
        for (alert, now, want) in rows {
            assert_eq!(firing(&[&alert], &telling(false), now), want);
        }
    }

    #[test]
    fn closings_say_how_it_ended_and_an_expiry_is_no_all_clear() {
        let at = seven() + TimeDelta::minutes(31);
        let rows = [
            (
                over(Tells::NoCheckIn, Closing::Arrived { at: Some(at), late: true }, Some("night-1")),
                "CCA CLOSED: Tue 07:00-11:00, North: arrived late, 07:31. night-1 had it. Nothing more to do. Shift 90010001.",
            ),
            (
                over(Tells::NoCheckIn, Closing::Arrived { at: None, late: false }, None),
                "CCA CLOSED: Tue 07:00-11:00, North: arrived. Nothing more to do. Shift 90010001.",
            ),
            (
                over(Tells::Uncovered, Closing::Moved { to: seven() + TimeDelta::hours(2) }, None),
                "CCA CLOSED: Tue 07:00-11:00, North: moved to Tue 09:00. It is watched at its new time. Shift 90010001.",
            ),
            (
                over(Tells::NoCheckIn, Closing::Expired, None),
                "CCA CLOSED: Tue 07:00-11:00, North is over, nobody checked in. Find out what happened to the client. Shift 90010001.",
            ),
        ];
        for (alert, want) in rows {
            assert_eq!(closing(&[&alert], &telling(false)), want);
        }
        let mut posted = over(Tells::Summary, Closing::Expired, None);
        posted.facts.location = String::new();
        posted.posted = Some(Posted { generator_url: String::new(), starts_at: seven(), ends_at: seven() });
        assert_eq!(
            closing(&[&posted], &telling(false)),
            "CCA CLOSED: ApiDown: no longer reported. Check where it came from."
        );
        let mut unnumbered = over(Tells::Uncovered, Closing::Covered, None);
        if let Subject::Shift(key) = &mut unnumbered.key.subject {
            key.id = ShiftRef::Ordinal { end: seven(), n: 0 };
        }
        let said = closing(&[&unnumbered], &telling(false));
        assert_eq!(said, "CCA CLOSED: Tue 07:00-11:00, North: covered. Nothing more to do.", "no number to find it by");
        let blind = Tells::Blind { since: seven(), n_shifts: 6, until: seven() };
        let mut blind = over(blind, Closing::Recovered, None);
        blind.facts.location = String::new();
        if let AlertState::Resolved { resolved_at, .. } = &mut blind.state {
            *resolved_at = seven() + TimeDelta::minutes(233);
        }
        assert_eq!(
            closing(&[&blind], &telling(false)),
            "CCA CLOSED: CAN'T SEE WellSky: it answers again, 10:53. What is still wrong follows."
        );
    }

    #[test]
    fn nothing_is_longer_than_one_text_and_the_shift_is_always_named() {
        let long = "Łódź and a very long location name that nobody can read";
        for tells in [Tells::Uncovered, Tells::NoCheckIn, Tells::NoShow, Tells::NoCheckOut, Tells::Runaway] {
            let mut one = alert(tells, AlertState::Firing { fired_at: seven() }, long);
            one.annotations.insert("unconfirmed".into(), "no second look".into());
            let text = firing(&[&one, &one, &one], &telling(true), seven() - TimeDelta::minutes(4270));
            assert!(gsm7::septets(&text).is_some_and(|cost| cost <= SEPTETS_MAX), "{text}");
            assert!(text.contains("Shift 90010001") && text.contains("+2 more"), "{text}");
        }
    }

    #[test]
    fn a_summary_counts_and_names_the_first() {
        let (a, b) = (open(Tells::Uncovered), open(Tells::NoCheckIn));
        let mut named = open(Tells::Summary);
        named.labels.insert("alertname".into(), "N2".into());
        assert_eq!(counts(&[&named, &a]), "1 N2, 1 no caregiver", "a name stays as it was written");
        let text = summary(&[&a, &b, &b], &telling(false), seven() - TimeDelta::hours(1));
        assert_eq!(
            text,
            "CCA: 3 alerts now: 2 no check-in, 1 no caregiver. First: NO CAREGIVER Tue 07:00-11:00, North, starts in 1h. Shift 90010001."
        );
    }
}
