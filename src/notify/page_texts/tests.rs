//! Every text to a person, as it arrives.

use std::collections::{BTreeMap, HashMap};

use chrono::{TimeDelta, TimeZone, Utc};

use super::*;
use crate::{
    alerts::{
        alert::{AlertKey, Confirm, Facts, Labels},
        notice::BundledPage,
    },
    model::{ShiftKey, ShiftRef, Subject},
    rules::finding::{Closing, RuleId, Window},
};

/// Tue 2026-11-24, 07:00 in Denver.
pub(in crate::notify) fn seven() -> Instant {
    Utc.with_ymd_and_hms(2026, 11, 24, 14, 0, 0).unwrap()
}

pub(in crate::notify) fn minutes(m: i64) -> Instant {
    seven() + TimeDelta::minutes(m)
}

pub(in crate::notify) fn telling(title: &str, clock_12h: bool, host: Option<&str>) -> Telling {
    let voice =
        Voice { title: title.into(), zone: chrono_tz::America::Denver, location_zones: HashMap::new(), clock_12h };
    Telling {
        voices: HashMap::new(),
        installation: voice,
        external_url: host.map(|host| format!("https://{host}")),
        shadow: None,
    }
}

/// An alert about the shift of Tuesday, 07:00-11:00, or about the agency.
pub(in crate::notify) fn alert(tells: Tells, location: &str) -> Alert {
    let about_shift = !matches!(tells, Tells::Blind { .. } | Tells::Summary);
    let key = ShiftKey { start: seven(), client: "7000101".into(), id: ShiftRef::Vendor("90010001".into()) };
    Alert {
        key: AlertKey {
            agency: "main".into(),
            rule: RuleId::new("coverage/X{}"),
            subject: if about_shift { Subject::Shift(key) } else { Subject::Agency },
        },
        labels: Labels::from([("alertname".into(), "Custom".into()), ("severity".into(), "page".into())]),
        annotations: BTreeMap::from([("summary".into(), "The boiler room of the office is under water.".into())]),
        state: AlertState::Firing { fired_at: seven() },
        active_at: seven(),
        updated_at: seven(),
        facts: Facts {
            window: Window { opens_at: seven(), closes_at: Some(minutes(240)) },
            starts_at: about_shift.then(seven),
            ends_at: about_shift.then(|| minutes(240)),
            deadline: None,
            location: location.into(),
            client: None,
            caregiver: None,
            tells,
        },
        confirm: Confirm::NotNeeded,
        unjudged_since: None,
        told: Vec::new(),
        posted: None,
    }
}

pub(in crate::notify) fn over(mut alert: Alert, closing: Closing) -> Alert {
    alert.state = AlertState::Resolved { fired_at: Some(seven()), resolved_at: minutes(31), closing, owner: None };
    alert
}

const TOKEN: &str = "Ab3dE9xQr2Lm5TzW";

fn says(alerts: Vec<Alert>, told: &[(&str, i64)], ask: PageAsk) -> Says {
    Says::Page {
        code: "K7".into(),
        link: Some(TOKEN.into()),
        alerts,
        told_before: told.iter().map(|(name, at)| (PersonName::from(*name), minutes(*at))).collect(),
        ask,
        text: None,
    }
}

fn at(says: &Says, telling: &Telling, minute: i64) -> String {
    let agency = "main".into();
    let text = text(says, Speaker { telling, agency: &agency, now: minutes(minute) });
    assert!(cost(&text) <= SEPTETS_MAX, "{text}");
    text
}

fn cca() -> Telling {
    telling("CCA", false, Some("watch.example.com"))
}

#[test]
fn a_page_says_what_where_by_when_what_to_do_and_what_to_reply() {
    let blind = Tells::Blind { since: minutes(-260), n_shifts: 6, until: minutes(60) };
    let link = "https://watch.example.com/a/Ab3dE9xQr2Lm5TzW";
    let rows: [(Alert, i64, &str, &str); 7] = [
        (
            alert(Tells::Uncovered, "north"),
            -235,
            "CCA: NO CAREGIVER Tue 07:00-11:00, North, starts in 3h55. Find cover. Reply 1 K7 mine, 4 K7 next person.",
            "as agreed",
        ),
        (
            alert(Tells::NoCheckIn, "north"),
            15,
            "CCA: NO CHECK-IN Tue 07:00-11:00, North, 15 min late. Call caregiver, then client. Reply 1 K7 mine, 3 K7 all OK.",
            "as agreed",
        ),
        (
            alert(blind, ""),
            0,
            "CCA: CAN'T SEE WellSky since 02:40. 6 shifts start by 08:00 unwatched: check them in WellSky. Reply 1 K7 mine.",
            "as agreed",
        ),
        (
            alert(Tells::NoShow, "north"),
            30,
            "CCA: NO-SHOW Tue 07:00-11:00, North, 30 min late. Call client now, then caregiver. Reply 1 K7 mine, 3 K7 all OK.",
            "the action fits just",
        ),
        (
            alert(Tells::NoCheckOut, "north"),
            270,
            "CCA: NO CHECK-OUT Tue 07:00-11:00, North, ended 30 min ago. Reply 1 K7 mine, 3 K7 done.",
            "the action gave way",
        ),
        (
            alert(Tells::Summary, ""),
            0,
            "CCA: Custom. The boiler room of the office is under water. Reply 1 K7 mine.",
            "in its own words",
        ),
        (
            alert(Tells::Uncovered, "north"),
            20,
            "CCA: NO CAREGIVER Tue 07:00-11:00, North, started 20 min ago. Call client. Reply 1 K7 mine, 4 K7 next person.",
            "without room for the action",
        ),
    ];
    for (alert, minute, want, shows) in rows {
        assert_eq!(at(&says(vec![alert], &[], PageAsk::First), &cca(), minute), format!("{want} {link}"), "{shows}");
    }
    let no_link = telling("CCA", false, None);
    assert_eq!(
        at(&says(vec![alert(Tells::NoCheckIn, "north")], &[], PageAsk::First), &no_link, 15),
        "CCA: NO CHECK-IN Tue 07:00-11:00, North, 15 min late. Call caregiver, then client. Reply 1 K7 mine, 3 K7 all OK. Shift 90010001.",
        "without an address that a phone can open, the shift's id"
    );
}

#[test]
fn whoever_comes_next_reads_who_was_told_before() {
    let page = |told: &[(&str, i64)], ask| says(vec![alert(Tells::NoCheckIn, "north")], told, ask);
    for (told, ask, want) in [
        (
            &[("night-1", 15)][..],
            PageAsk::Escalated,
            "CCA: NO CHECK-IN Tue 07:00-11:00, North, 25 min late. night-1 was told at 07:15. Reply 1 K7 mine, 3 K7 all OK. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
        (
            &[("night-1", 15), ("night-2", 20)][..],
            PageAsk::Escalated,
            "CCA: NO CHECK-IN Tue 07:00-11:00, North, 25 min late. night-1 told 07:15, 1 more. Reply 1 K7 mine, 3 K7 all OK. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
        (
            &[("night-1", 10)][..],
            PageAsk::Repeated,
            "CCA: STILL NO CHECK-IN Tue 07:00-11:00, North, 25 min late. Nobody has it. Reply 1 K7 mine, 3 K7 all OK. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
        (
            &[][..],
            PageAsk::Expired,
            "CCA: NO CHECK-IN Tue 07:00-11:00, North, 25 min late. Nobody has it any more. Reply 1 K7 mine, 3 K7 all OK. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
        (
            &[][..],
            PageAsk::StillYours { until: minutes(40) },
            "CCA: K7 still yours? NO CHECK-IN Tue 07:00-11:00, North. Reply 1 K7 by 07:40 to keep it, else others are told. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
        (
            &[][..],
            PageAsk::Changing { n: 4, since: minutes(-290) },
            "CCA: NO CHECK-IN Tue 07:00-11:00, North, 25 min late. Keeps changing (4 times since 02:10). Reply 1 K7. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW",
        ),
    ] {
        assert_eq!(at(&page(told, ask), &cca(), 25), want);
    }
    let more = says(vec![alert(Tells::NoShow, "north"), alert(Tells::NoCheckIn, "north")], &[], PageAsk::More);
    assert_eq!(
        at(&more, &cca(), 30),
        "CCA: more on K7: NO-SHOW Tue 07:00-11:00, North, 30 min late. +1 more. Reply 1 K7 mine, 3 K7 all OK. https://watch.example.com/a/Ab3dE9xQr2Lm5TzW"
    );
    let unstaffed = says(vec![alert(Tells::Uncovered, "north")], &[], PageAsk::WentUnstaffed);
    assert_eq!(
        at(&unstaffed, &telling("CCA", false, None), 240),
        "CCA: nobody took K7: NO CAREGIVER Tue 07:00-11:00, North. It is over. Went unstaffed? Find out how the client is."
    );
    assert_eq!(
        at(&says(Vec::new(), &[], PageAsk::Drill), &cca(), 0),
        "CCA: TEST page K7. Nothing is wrong. Reply 1 K7 to show that it reached you."
    );
}

#[test]
fn the_others_hear_who_has_it_and_how_it_ended() {
    let no_check_in = alert(Tells::NoCheckIn, "north");
    let owned = Says::Owned {
        code: "K7".into(),
        alert: Box::new(no_check_in.clone()),
        by: "night-2".into(),
        until: minutes(100),
    };
    assert_eq!(at(&owned, &cca(), 20), "CCA: night-2 has K7 until 08:40. NO CHECK-IN Tue 07:00-11:00, North.");
    let closed = |closing, owner: Option<&str>| Says::Closed {
        code: "K7".into(),
        alerts: vec![over(no_check_in.clone(), closing)],
        owner: owner.map(Into::into),
    };
    let arrived = Closing::Arrived { at: Some(minutes(31)), late: true };
    assert_eq!(
        at(&closed(arrived, Some("night-1")), &cca(), 31),
        "CCA CLOSED K7: Tue 07:00-11:00, North: arrived late, 07:31. night-1 had it. Nothing more to do."
    );
    assert_eq!(
        at(&closed(Closing::Expired, None), &cca(), 240),
        "CCA CLOSED K7: Tue 07:00-11:00, North is over, nobody checked in. Find out what happened to the client."
    );
    let empty = Says::Closed { code: "K7".into(), alerts: Vec::new(), owner: None };
    assert_eq!(at(&empty, &cca(), 0), "CCA CLOSED K7: the test is over.");
}

#[test]
fn a_bundle_names_the_most_severe_and_counts_the_rest() {
    let page = |code: &str, tells| BundledPage { code: code.into(), alert: alert(tells, "north") };
    let pages = vec![
        page("K7", Tells::NoShow),
        page("M4", Tells::NoCheckIn),
        page("P9", Tells::NoCheckIn),
        page("R3", Tells::Uncovered),
    ];
    assert_eq!(
        at(&Says::Bundle(Bundle { open: pages.clone(), n_more: 1996, ..Bundle::default() }), &cca(), 0),
        "CCA: 2000 open: K7 NO-SHOW Tue 07:00, North; M4 NO CHECK-IN Tue 07:00, North; P9 NO CHECK-IN Tue 07:00, North. +1997 more. Reply 1 ALL for all, 1 K7 for one."
    );
    assert_eq!(
        at(&Says::Bundle(Bundle { open: pages[..2].to_vec(), ..Bundle::default() }), &cca(), 0),
        "CCA: 2 open: K7 NO-SHOW Tue 07:00, North; M4 NO CHECK-IN Tue 07:00, North. Reply 1 ALL for all, 1 K7 for one."
    );
    let asked = Bundle { open: pages[..2].to_vec(), still_yours: Some(minutes(5)), ..Bundle::default() };
    assert_eq!(
        at(&Says::Bundle(asked), &cca(), 0),
        "CCA: still yours? K7 NO-SHOW Tue 07:00, North; M4 NO CHECK-IN Tue 07:00, North. Reply 1 ALL to keep all, else others are told."
    );
    let ended =
        |code: &str| BundledPage { code: code.into(), alert: over(alert(Tells::NoCheckIn, "north"), Closing::Covered) };
    let closed = Bundle { closed: vec![ended("R3"), ended("T4"), ended("W2")], ..Bundle::default() };
    assert_eq!(
        at(&Says::Bundle(closed.clone()), &cca(), 0),
        "CCA: CLOSED: R3 Tue 07:00, North: covered; T4 Tue 07:00, North: covered; W2 Tue 07:00, North: covered."
    );
    let owned = (0..9).map(|n| (format!("A{n}"), "night-2".to_owned())).collect();
    assert_eq!(
        at(&Says::Bundle(Bundle { open: pages[..1].to_vec(), owned, ..closed }), &cca(), 0),
        "CCA: 1 open: K7 NO-SHOW Tue 07:00, North. night-2 has A0, A1, A2 and 6 more. CLOSED: R3, T4, W2. Reply 1 ALL for all, 1 K7 for one."
    );
}

#[test]
fn answers_are_short_and_plain() {
    let codes = |list: &[&str]| list.iter().map(|code| (*code).to_owned()).collect::<Vec<_>>();
    for (answer, want) in [
        (
            Answer::Mine { codes: codes(&["K7"]), until: minutes(100) },
            "CCA: K7 is yours until 08:40. Reply 3 K7 when it is handled.",
        ),
        (
            Answer::Mine { codes: codes(&["K7", "M4", "P9", "R3", "T4"]), until: minutes(100) },
            "CCA: K7, M4, P9 and 2 more are yours until 08:40.",
        ),
        (Answer::Tested { code: "K7".into() }, "CCA: TEST page K7 reached you. Thank you, that is all."),
        (
            Answer::Handled { codes: codes(&["K7"]) },
            "CCA: K7 is noted as handled, yours until its shift ends or its caregiver changes.",
        ),
        (
            Answer::Passed { code: "K7".into(), to: vec!["night-2".into(), "office-lead".into()] },
            "CCA: K7 goes to night-2 and office-lead now.",
        ),
        (Answer::NobodyElse { code: "K7".into() }, "CCA: nobody else can be told of K7. Reply 1 K7 to take it."),
        (
            Answer::Over {
                code: "K7".into(),
                alert: Some(Box::new(over(
                    alert(Tells::NoCheckIn, "north"),
                    Closing::Arrived { at: Some(minutes(31)), late: true },
                ))),
            },
            "CCA: K7 is over. Tue 07:00-11:00, North: arrived late, 07:31.",
        ),
        (Answer::Over { code: "K7".into(), alert: None }, "CCA: K7 is over."),
        (
            Answer::Theirs { code: "K7".into(), by: "night-1".into(), until: minutes(100) },
            "CCA: night-1 has K7 until 08:40, and passes it on if need be.",
        ),
        (
            Answer::TakenFrom { code: "K7".into(), from: "night-1".into(), until: minutes(100) },
            "CCA: K7 is yours until 08:40. night-1 had it and is told.",
        ),
        (
            Answer::NoSuchCode { code: "K9".into(), open: codes(&["K7", "M4"]) },
            "CCA: no page K9 here. Open: K7 and M4. Reply 1 K7 to take it.",
        ),
        (Answer::NoSuchCode { code: "K9".into(), open: Vec::new() }, "CCA: no page K9 here, and nothing is open."),
        (
            Answer::WhichOne { open: codes(&["K7", "M4"]) },
            "CCA: which one? Open: K7 and M4. Reply 1 K7 for one, 1 ALL for all.",
        ),
        (Answer::NothingOpen, "CCA: nothing is open for you."),
    ] {
        assert_eq!(at(&Says::Answer(answer), &cca(), 20), want);
    }
}

#[test]
fn routine_texts_say_how_things_stand() {
    let on = |open: Vec<Alert>| Says::WatchOn { schedule: "on-call".into(), until: Some(minutes(600)), open };
    assert_eq!(at(&on(Vec::new()), &cca(), 0), "CCA: your watch begins (on-call until Tue 17:00). Nothing open.");
    assert_eq!(
        at(&on(vec![alert(Tells::NoShow, "north"), alert(Tells::Uncovered, "south")]), &cca(), 0),
        "CCA: your watch begins (on-call until Tue 17:00). 2 open: NO-SHOW Tue 07:00, North; NO CAREGIVER Tue 07:00, South."
    );
    let standing = Says::Standing {
        code: "K7".into(),
        link: None,
        alerts: vec![alert(Tells::Uncovered, "north"), alert(Tells::Uncovered, "south")],
        until: minutes(180),
    };
    assert_eq!(
        at(&standing, &cca(), -600),
        "CCA: 2 shifts have no caregiver up to Tue 10:00: Tue 07:00-11:00, North; Tue 07:00-11:00, South. Find cover. Reply 1 K7 mine."
    );
    let open = |n: usize| Says::Morning { n_shifts: 3, n_open: n, open: vec![not_said(); n] };
    assert_eq!(
        at(&open(1), &cca(), 30),
        "CCA: 3 pages in the night, 1 needs a word: NoShow Tue 07:00, North. What became of it? Say it: https://watch.example.com/on-call"
    );
    assert_eq!(
        at(&open(3), &cca(), 30),
        "CCA: 3 pages in the night, 3 need a word: NoShow Tue 07:00, North. +2 more. What became of it? Say it: https://watch.example.com/on-call"
    );
    let ends = Says::SilenceEnds { id: "3f2a9c1b-0000".into(), ends_at: minutes(60), n_muted: 3 };
    assert_eq!(
        at(&ends, &cca(), 0),
        "CCA: silence 3f2a9c1b ends at 08:00 and still mutes 3 alerts. Extend it on the board, or they are told."
    );
}

fn not_said() -> Unsaid {
    Unsaid {
        alertname: "NoShow".into(),
        shift: "90010001".into(),
        starts_at: Some(minutes(0)),
        location: "north".into(),
    }
}

/// Everything a text may say, with the longest title, location, host and names that are allowed.
fn everything() -> Vec<Says> {
    let place = "Wwwwwwwwwwww";
    let blind = Tells::Blind { since: minutes(-260), n_shifts: 999, until: minutes(60) };
    let kinds =
        [Tells::Uncovered, Tells::NoCheckIn, Tells::NoShow, Tells::NoCheckOut, Tells::Runaway, blind, Tells::Summary];
    let asks = [
        PageAsk::First,
        PageAsk::Escalated,
        PageAsk::Repeated,
        PageAsk::More,
        PageAsk::Expired,
        PageAsk::StillYours { until: minutes(700) },
        PageAsk::WentUnstaffed,
        PageAsk::Changing { n: 44, since: minutes(-290) },
        PageAsk::Drill,
    ];
    let told = [("a-person-with-a-very-long-name", 10), ("another-with-a-longer-one", 20), ("x", 30)];
    let mut all = Vec::new();
    for tells in kinds {
        let mut long = alert(tells, place);
        long.facts.ends_at = long.facts.starts_at.map(|start| start + TimeDelta::minutes(1470));
        long.annotations.insert("unconfirmed".into(), String::new());
        long.annotations.insert("summary".into(), "words ".repeat(60));
        for ask in asks {
            all.push(says(vec![long.clone(); 3], &told, ask));
        }
        all.push(Says::Owned {
            code: "K7".into(),
            alert: Box::new(long.clone()),
            by: "a-person-with-a-very-long-name".into(),
            until: minutes(5000),
        });
        for closing in [Closing::Expired, Closing::Moved { to: minutes(900) }, Closing::ClientInactive] {
            all.push(Says::Closed {
                code: "K7".into(),
                alerts: vec![over(long.clone(), closing); 4],
                owner: Some("a-person-with-a-very-long-name".into()),
            });
        }
        all.push(Says::Bundle(Bundle {
            open: vec![BundledPage { code: "K7".into(), alert: long.clone() }; 4],
            n_more: 1996,
            still_yours: None,
            owned: vec![("K7".into(), "a-person-with-a-very-long-name".into()); 40],
            closed: vec![BundledPage { code: "K7".into(), alert: over(long.clone(), Closing::Expired) }; 400],
        }));
        all.push(Says::WatchOn {
            schedule: "a-schedule-with-a-very-long-name".into(),
            until: Some(minutes(9000)),
            open: vec![long.clone(); 9],
        });
        let unsaid = Unsaid { location: place.into(), alertname: "A_Rule_With_A_Long_Name".repeat(4), ..not_said() };
        all.push(Says::Morning { n_shifts: 99, n_open: 44, open: vec![unsaid; 20] });
        all.push(Says::Standing { code: "K7".into(), link: None, alerts: vec![long.clone(); 9], until: minutes(900) });
    }
    all
}

#[test]
fn the_longest_of_each_fits_and_keeps_code_time_and_location() {
    for clock_12h in [false, true] {
        let telling = telling("WWWWWWWWWW", clock_12h, Some("watch.care.example.x"));
        for one in everything() {
            let text = at(&one, &telling, 884);
            assert!(text.starts_with("WWWWWWWWWW"), "{text}");
            let is_drill = matches!(one, Says::Page { ask: PageAsk::Drill, .. });
            if let Says::Page { alerts, .. } = &one {
                assert!(text.contains("K7"), "{text}");
                assert!(is_drill || text.contains("Wwwwwwwwwwww"), "{text}");
                let start = if clock_12h { "Tue 7:00am" } else { "Tue 07:00" };
                assert!(is_drill || alerts[0].facts.starts_at.is_none() || text.contains(start), "{text}");
            }
            if let Says::Page { ask: PageAsk::First | PageAsk::Escalated | PageAsk::Repeated, .. } = &one {
                assert!(text.contains(&format!("https://watch.care.example.x/a/{TOKEN}")), "{text}");
            }
        }
    }
}

/// Words that a carrier or a gateway takes for a wish to opt out or in, or for a question to itself.
const SWALLOWED: [&str; 16] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "CANCEL",
    "START",
    "SUBSCRIBE",
    "RESUME",
    "CONTINUE",
    "UNSTOP",
    "YES",
    "HELP",
    "INFO",
];

#[test]
fn no_text_begins_with_or_asks_for_a_word_that_carriers_swallow() {
    for one in everything() {
        let text = at(&one, &cca(), 20);
        let words: Vec<String> =
            text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_uppercase).collect();
        assert!(!SWALLOWED.contains(&words[0].as_str()), "{text}");
        for pair in words.windows(2) {
            let asks = pair[0] == "REPLY" || matches!(pair[0].as_str(), "1" | "2" | "3" | "4");
            assert!(!(asks && SWALLOWED.contains(&pair[1].as_str())), "{text}");
        }
        for shout in text.split(|c: char| !c.is_alphanumeric()) {
            assert!(!SWALLOWED.contains(&shout), "{shout} in {text}");
        }
    }
}
