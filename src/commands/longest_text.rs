//! The longest text each agency's rules can send: what of it a phone would not show.
//!
//! Given: a configuration. Gives: a warning for each rule whose text, in the worst case of its agency, does not fit
//! into one SMS and so loses its end or its advice, for a title or location that a text can't spell, and for a
//! receiver's own text that is either, shown for a sample shift.
//! Does not: send, or look at texts that never leave: rules whose alerts reach no phone are passed over.

use std::{
    collections::{BTreeSet, HashMap},
    slice::from_ref,
};

use chrono::{TimeDelta, TimeZone};

use crate::{
    alerts::{
        alert::{Alert, AlertKey, AlertState, Confirm, Facts, Labels},
        notice::PageAsk,
        route::Route,
    },
    config::{Agency, Config, fault::Fault, tree::Place},
    model::{ClientId, Endpoint, Instant, ShiftId, ShiftKey, ShiftRef, Subject, VisitId},
    notify::{
        gsm7::{self, SEPTETS_MAX},
        page_texts::{self, Kept, Page, Speaker},
        render::shift_facts,
        template, texts,
        voice::{Telling, Voice, place},
        words,
    },
    rules::{
        finding::{Tells, Window},
        rule::{Kind, Rule},
    },
};

/// A shift over the night and the next morning: its end is written with its weekday. In minutes.
const MINUTES: i64 = 24 * 60 + 30;
/// Late or early by so much: two digits of hours. In minutes.
const OFF: TimeDelta = TimeDelta::minutes(14 * 60 + 44);
/// Ten digits: longer than the ids seen.
const ID: &str = "9000000000";
/// A code and a link's token, as long as they are.
const CODE: &str = "K7";
const TOKEN: &str = "Ab3dE9xQr2Lm5TzW";
/// More shifts than these start unwatched nowhere.
const SHIFTS: u32 = 999;

/// A warning for each text that does not fit.
pub(super) fn warnings(config: &Config) -> Vec<Fault> {
    let file = config.file.as_ref().map_or_else(|| "environment".to_owned(), |file| file.display().to_string());
    let mut said = BTreeSet::new();
    let mut faults = Vec::new();
    let mut warn = |what: String, instead: String| {
        if said.insert(what.clone()) {
            faults.push(Fault::warning(&file, Place::NOWHERE, what, instead));
        }
    };
    let telling = telling(config);
    let own = config.receivers.iter().flat_map(|receiver| receiver.sms.iter().map(move |sms| (receiver, sms)));
    for (receiver, source) in own.filter_map(|(receiver, sms)| Some((receiver, sms.text.as_ref()?))) {
        for status in ["firing", "resolved"] {
            let Some(text) = template::sample_message(source, status, &telling.installation) else { continue };
            let (text, shown) = (text.trim(), gsm7::cut(text.trim(), SEPTETS_MAX));
            let spelt = gsm7::transliterate(text);
            if spelt.matches('?').count() > text.matches('?').count() {
                warn(
                    format!(
                        "the text of receiver {} holds what a text can't spell: it says \"{shown}\"",
                        receiver.name
                    ),
                    "write it without emoji and in Latin letters".into(),
                );
            }
            if let Some(n) = gsm7::septets(&spelt).filter(|n| *n > SEPTETS_MAX) {
                warn(
                    format!(
                        "the text of receiver {} has {n} characters for a usual shift; it is cut to \"{shown}\"",
                        receiver.name
                    ),
                    format!("write a shorter one: one SMS has {SEPTETS_MAX}"),
                );
            }
        }
    }
    for agency in &config.agencies {
        let has_texts = config.receivers.iter().any(|receiver| !receiver.sms.is_empty());
        let spelt =
            [("title", &agency.title)].into_iter().chain(agency.locations.iter().map(|l| ("location", &l.name)));
        for (what, text) in spelt.filter(|_| has_texts) {
            if gsm7::transliterate(text).contains('?') && !text.contains('?') {
                let shown = gsm7::transliterate(text);
                warn(
                    format!("a text can't spell the {what} \"{text}\" of {}: it says \"{shown}\"", agency.name),
                    format!("write the {what} in Latin letters"),
                );
            }
        }
        for rule in config.rules.iter() {
            let Worst { alert, now } = worst(agency, rule, &telling);
            let routes = config.policy.route.matches(&alert.labels);
            if routes.iter().any(|route| pages_by_built_in(config, route)) {
                let speaker = Speaker { telling: &telling, agency: &agency.name, now };
                let link = telling.external_url.is_some().then_some(TOKEN);
                let page = Page { code: CODE, link, alerts: from_ref(&alert), told_before: &[], ask: PageAsk::First };
                let (shown, kept) = page_texts::page(page, speaker);
                let own = words::firing(&alert, &telling, now).action;
                if kept == Kept::NoLink && link.is_some() {
                    warn(
                        format!("a page of {} in {} has no room for its link: \"{shown}\"", rule.alert, agency.name),
                        "write a shorter title, location or external_url".into(),
                    );
                } else if alert.facts.tells == Tells::Summary && !shown.contains(&gsm7::transliterate(&own)) {
                    warn(
                        format!("a page of {} in {} is cut to \"{shown}\"", rule.alert, agency.name),
                        "write a shorter summary".into(),
                    );
                }
            }
            if !config.policy.route.matches(&alert.labels).into_iter().any(|route| texts_by_built_in(config, route)) {
                continue;
            }
            let whole = texts::firing_whole(&[&alert], &telling, now);
            let Some(n) = gsm7::septets(&whole).filter(|n| *n > SEPTETS_MAX) else { continue };
            let shown = texts::firing(&[&alert], &telling, now);
            warn(
                format!(
                    "the longest text of {} in {} has {n} characters; it is shortened to \"{shown}\"",
                    rule.alert, agency.name
                ),
                format!(
                    "write a shorter {}: one SMS has {SEPTETS_MAX}",
                    if matches!(alert.facts.tells, Tells::Summary) { "summary" } else { "title or location" }
                ),
            );
        }
    }
    faults
}

/// Whether a route leads to a phone that gets the built-in text.
fn texts_by_built_in(config: &Config, route: &Route) -> bool {
    let receiver = config.policy.receivers.get(&route.receiver);
    receiver.is_some_and(|receiver| receiver.sms.iter().any(|sms| sms.text.is_none()))
}

/// Whether a route leads to people who are paged with the built-in text.
fn pages_by_built_in(config: &Config, route: &Route) -> bool {
    let receiver = config.policy.receivers.get(&route.receiver);
    receiver.is_some_and(|receiver| receiver.page.iter().any(|page| page.text.is_none()))
}

/// The alert of a rule that takes the most room to say.
struct Worst {
    alert: Alert,
    now: Instant,
}

fn exception(kind: &Kind) -> Tells {
    kind.exception().map_or(Tells::Summary, Tells::Exception)
}

fn worst(agency: &Agency, rule: &Rule, telling: &Telling) -> Worst {
    // Both hours have two digits, whatever the clock.
    let start = agency.timezone.with_ymd_and_hms(2026, 11, 4, 10, 0, 0).earliest();
    let start = start.map_or(Instant::UNIX_EPOCH, |start| start.to_utc());
    let end = start + TimeDelta::minutes(MINUTES);
    let location = agency.locations.iter().map(|location| location.name.as_str());
    let location = location.max_by_key(|name| gsm7::septets(&gsm7::transliterate(&place(name)))).unwrap_or_default();
    let shift = ShiftKey { start, client: ClientId::new(ID), id: ShiftRef::Vendor(ShiftId::new(ID)) };
    let (subject, tells, now) = match &rule.kind {
        Kind::UncoveredShift { within, .. } if within.is_zero() => {
            (Subject::Shift(shift), Tells::Uncovered, start + OFF)
        }
        Kind::UncoveredShift { .. } => (Subject::Shift(shift), Tells::Uncovered, start - OFF),
        Kind::MissedCheckIn { .. } => (Subject::Shift(shift), Tells::NoCheckIn, start + OFF),
        Kind::NoShow { .. } => (Subject::Shift(shift), Tells::NoShow, start + OFF),
        Kind::MissedCheckOut { .. } => (Subject::Shift(shift), Tells::NoCheckOut, end + OFF),
        Kind::RunawayVisit { .. } => (Subject::Visit(VisitId::new(ID)), Tells::Runaway, end),
        Kind::LateCheckIn { .. }
        | Kind::ShortVisit { .. }
        | Kind::Overrun { .. }
        | Kind::InactiveCaregiverAssigned
        | Kind::LateChange { .. } => (Subject::Shift(shift), exception(&rule.kind), start),
        Kind::DoubleBooked { .. } | Kind::TightTurnaround { .. } => {
            (Subject::pair(shift.clone(), shift), exception(&rule.kind), start)
        }
        Kind::UnscheduledVisit | Kind::CaregiverMismatch => {
            (Subject::Visit(VisitId::new(ID)), exception(&rule.kind), end)
        }
        Kind::OvertimeAhead { .. } => (
            Subject::CaregiverWeek(crate::model::CaregiverId::new(ID), start.date_naive()),
            exception(&rule.kind),
            start,
        ),
        Kind::ClientWithoutShifts { .. } => (Subject::Client(ClientId::new(ID)), exception(&rule.kind), start),
        Kind::ApiLatency { .. } | Kind::ApiErrors { .. } | Kind::ApiDown { .. } => {
            (Subject::Endpoint(Endpoint::Practitioners), Tells::Summary, start)
        }
        Kind::Blind { .. } => (Subject::Agency, Tells::Blind { since: start, n_shifts: SHIFTS, until: end }, start),
        Kind::DeliveryFailing { .. } => (Subject::Gateway("sms/a-gateway".into()), Tells::Summary, start),
        Kind::NobodyOnCall { .. } | Kind::OnCallFault => {
            (Subject::Schedule("a-long-schedule".into()), Tells::Summary, start)
        }
        Kind::UnverifiedNumber => (Subject::Person("a-long-person".into()), Tells::Summary, start),
        Kind::SourceAnomaly | Kind::Watchdog => (Subject::Agency, Tells::Summary, start),
    };
    let timed = matches!(subject, Subject::Shift(_) | Subject::Visit(_) | Subject::ShiftPair(_));
    let mut labels = rule.labels.clone();
    labels.insert("alertname".into(), rule.alert.clone());
    labels.insert("agency".into(), agency.name.to_string());
    let about = match &subject {
        Subject::Shift(key) => Some(("shift", key.label(false))),
        Subject::ShiftPair(pair) => Some(("shift", pair.1.label(false))),
        Subject::CaregiverWeek(id, _) => Some(("caregiver", id.to_string())),
        Subject::Client(id) => Some(("client", id.to_string())),
        Subject::Visit(id) => Some(("visit", id.to_string())),
        Subject::Endpoint(endpoint) => Some(("endpoint", endpoint.to_string())),
        Subject::Gateway(name) => Some(("gateway", name.clone())),
        Subject::Schedule(name) => Some(("schedule", name.clone())),
        Subject::Person(name) => Some(("person", name.to_string())),
        _ => None,
    };
    labels.extend(about.map(|(name, value)| (name.to_owned(), value)));
    let location = if timed { location.to_owned() } else { String::new() };
    labels.insert("location".into(), location.clone());
    let facts = Facts {
        window: Window { opens_at: start, closes_at: None },
        starts_at: timed.then_some(start),
        ends_at: timed.then_some(end),
        deadline: None,
        location,
        client: None,
        caregiver: None,
        tells,
    };
    let mut alert = Alert {
        key: AlertKey { agency: agency.name.clone(), rule: rule.id.clone(), subject },
        labels,
        annotations: Labels::new(),
        state: AlertState::Firing { fired_at: now },
        active_at: now,
        updated_at: now,
        facts,
        confirm: Confirm::TimedOut,
        unjudged_since: None,
        told: Vec::new(),
        posted: None,
    };
    let voice = telling.voice(&agency.name);
    alert.annotations = template::annotations(&rule.annotations, &shift_facts(&alert), &alert.labels, voice).0;
    if timed {
        alert.annotations.insert("unconfirmed".into(), String::new());
    }
    Worst { alert, now }
}

fn telling(config: &Config) -> Telling {
    let voice = |agency: &Agency| Voice {
        title: agency.title.clone(),
        zone: agency.timezone,
        location_zones: agency.locations.iter().filter_map(|one| Some((one.name.clone(), one.timezone?))).collect(),
        clock_12h: agency.clock_12h,
    };
    Telling {
        voices: config.agencies.iter().map(|agency| (agency.name.clone(), voice(agency))).collect(),
        installation: config.agencies.first().map_or_else(
            || Voice {
                title: String::new(),
                zone: chrono_tz::Tz::UTC,
                location_zones: HashMap::new(),
                clock_12h: false,
            },
            voice,
        ),
        external_url: config.web.external_url.clone(),
        shadow: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(agency: &str, more: &str) -> Vec<String> {
        let receivers = "receivers: [ { name: r, sms_configs: [ { to: '+12025550110' } ] } ]";
        said_by(agency, &format!("{receivers}\n{more}"))
    }

    fn said_by(agency: &str, more: &str) -> Vec<String> {
        let dir = tempfile::tempdir().expect("a folder");
        let text = format!(
            "agencies: [ {{ name: main, timezone: America/Denver, {agency}, wellsky: {{ client_id: a, client_secret: {{ env: S }} }} }} ]
sms_gateways: [ {{ name: t, twilio: {{ account_sid: AC1, auth_token: {{ env: S }}, from: '+12025550100' }} }} ]
route: {{ receiver: r }}
{more}
"
        );
        let path = dir.path().join("c.yml");
        std::fs::write(&path, text).expect("a file");
        std::fs::write(dir.path().join("r.yml"), RULES).expect("a file");
        let (config, _) =
            Config::load(Some(&path), &|name| (name == "S").then(|| "planted-secret".into())).expect("it loads");
        warnings(&config).iter().map(ToString::to_string).collect()
    }

    const RULES: &str = r#"groups:
  - name: g
    rules:
      - alert: ShortEnough
        watchdog: {}
        labels: { severity: page }
        annotations: { summary: "short" }
      - alert: FarTooLong
        api_down: {}
        labels: { severity: page }
        annotations: { summary: "The endpoint {{ labels.endpoint }} of the scheduling API does not answer, and has not answered for some time, so that somebody should look at it and find out why that is" }
"#;

    #[test]
    fn the_shipped_rules_fit_with_the_longest_title_and_location() {
        for clock in ["12h", "24h"] {
            let agency = format!("title: WWWWWWWWWW, clock: {clock}, locations: [ {{ id: '1', name: Wwwwwwwwwwww }} ]");
            assert_eq!(said(&agency, ""), Vec::<String>::new(), "{clock}");
        }
    }

    #[test]
    fn a_page_keeps_its_link_in_the_longest_case_and_a_long_summary_is_named() {
        let pages = |host: &str| {
            format!(
                "web: {{ external_url: 'https://{host}' }}
people: [ {{ name: night-1, phone: '+12025550111' }} ]
escalation_policies: [ {{ name: p, steps: [ {{ notify: [ {{ person: night-1 }} ], via: [sms] }} ] }} ]
receivers: [ {{ name: r, page_configs: [ {{ policy: p }} ] }} ]"
            )
        };
        let longest = "title: WWWWWWWWWW, clock: 12h, locations: [ { id: '1', name: Wwwwwwwwwwww } ]";
        assert_eq!(said_by(longest, &pages("watch.care.example.x")), Vec::<String>::new());
        let far = said_by(longest, &pages(&format!("{}.example.com", "x".repeat(60))));
        assert!(far.iter().any(|line| line.contains("a page of NoShow in main has no room for its link")), "{far:?}");
        let wordy = said_by("title: CCA", &format!("{}\nrule_files: [r.yml]", pages("watch.example.com")));
        assert_eq!(wordy.len(), 1, "{wordy:?}");
        assert!(wordy[0].contains("a page of FarTooLong in main is cut to"), "{wordy:?}");
    }

    #[test]
    fn a_summary_that_does_not_fit_is_named_with_what_a_phone_would_show() {
        let said = said("title: CCA", "rule_files: [r.yml]");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("c.yml: warning: the longest text of FarTooLong in main has 1"), "{said:?}");
        assert!(
            said[0].contains("The endpoint practitioners of") && said[0].contains("..\"; write a shorter summary"),
            "{said:?}"
        );
    }

    #[test]
    fn a_text_that_reaches_no_phone_is_passed_over() {
        let nobody = "inhibit_rules: []\nrule_files: [r.yml]";
        assert_eq!(said("title: CCA", nobody).len(), 1);
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("c.yml");
        let text = "agencies: [ { name: main, timezone: UTC, wellsky: { client_id: a, client_secret: { env: S } } } ]\nrule_files: [r.yml]\n";
        std::fs::write(&path, text).expect("a file");
        std::fs::write(dir.path().join("r.yml"), RULES).expect("a file");
        let (config, _) =
            Config::load(Some(&path), &|name| (name == "S").then(|| "planted-secret".into())).expect("it loads");
        assert!(warnings(&config).is_empty());
    }

    #[test]
    fn a_text_of_the_receivers_own_is_looked_at_too() {
        let own = |text: &str| {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("c.yml");
            let text = format!(
                "agencies: [ {{ name: main, timezone: UTC, wellsky: {{ client_id: a, client_secret: {{ env: S }} }} }} ]
sms_gateways: [ {{ name: t, twilio: {{ account_sid: AC1, auth_token: {{ env: S }}, from: '+12025550100' }} }} ]
route: {{ receiver: r }}
receivers: [ {{ name: r, sms_configs: [ {{ to: '+12025550110', text: '{text}' }} ] }} ]
"
            );
            std::fs::write(&path, text).expect("a file");
            let env = |name: &str| (name == "S").then(|| "planted-secret".into());
            let (config, _) = Config::load(Some(&path), &env).expect("it loads");
            warnings(&config).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(own("{{ status }}: {{ shift.ref }}"), Vec::<String>::new());
        let long = own(&"x".repeat(200));
        assert_eq!(long.len(), 1, "{long:?}");
        assert!(long[0].contains("the text of receiver r has 200 characters"), "{long:?}");
        let emoji = own("🚨 {{ shift.ref }}");
        assert_eq!(emoji.len(), 1, "{emoji:?}");
        assert!(emoji[0].contains("can't spell: it says \"? 90010001\""), "{emoji:?}");
    }

    #[test]
    fn a_title_that_a_text_cannot_spell_is_named() {
        let said = said("title: 東京, locations: [ { id: '1', name: Łódź } ]", "rule_files: []");
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(r#"can't spell the title "東京" of main: it says "??""#), "{said:?}");
    }
}
