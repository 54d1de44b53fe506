use proptest::prelude::*;

use super::{sheet::BadCell, *};
use crate::{
    mirror::fixture::{DAY, HOUR, Reading, at, caregiver, client, mirror, shift, visit},
    mirror::{
        past_line::{PastLine, PastState},
        row::ARCHIVED_SHIFT,
    },
    model::{Caregiver, Client, Phi, ShiftKey},
};

/// Tuesday 13:00 UTC, 07:00 in Denver: the shift nobody has is tomorrow 09:00 to 13:00 there.
const NOW: i64 = DAY;
const START: i64 = 2 * DAY + 2 * HOUR;

struct Office {
    mirror: Mirror,
    terms: Terms,
    past: Past,
}

/// An office of two clients; `busy`: shifts of g1 besides (start, hours, client).
fn office(sheet: &str, busy: &[(i64, i64, &str)], change: impl FnOnce(&mut Caregiver, &mut Client)) -> Office {
    let mut mirror = mirror();
    let (mut g1, mut c1) = (caregiver("g1"), client("c1", Some(true), Some(true)));
    change(&mut g1, &mut c1);
    Reading::clients(NOW, vec![c1, client("c2", Some(true), Some(true))]).into(&mut mirror);
    Reading::caregivers(NOW, vec![g1]).into(&mut mirror);
    let theirs = |of: &str| -> Vec<_> {
        let all = busy.iter().enumerate().filter(|(_, (.., client))| *client == of);
        all.map(|(n, (start, hours, client))| shift(&format!("b{n}"), client, *start, *hours, Some("g1"))).collect()
    };
    let open = shift("open", "c1", START, 4, None);
    Reading::shifts("c1", NOW, [theirs("c1"), vec![open]].concat()).into(&mut mirror);
    Reading::shifts("c2", NOW, theirs("c2")).into(&mut mirror);
    let (sheet, bad) = sheet::read(sheet);
    assert_eq!(bad, []);
    let requires = vec![("respite".to_owned(), vec!["lift".to_owned()])];
    Office {
        mirror,
        terms: Terms { sheet, requires, radius_miles: Some(20.0), ..Terms::default() },
        past: Past::default(),
    }
}

fn key() -> ShiftKey {
    crate::mirror::fixture::key("open", "c1", START)
}

fn covered(office: &Office) -> CoverAnswer {
    let entry = office.mirror.shift(&key()).unwrap();
    cover(&office.mirror, &office.terms, &office.past, entry, at(NOW)).shown(None)
}

const TRAINED: &str = "kind,id,credentials\ncaregiver,g1,Lift;cpr\n";

#[test]
fn what_forbids_it_is_said() {
    type Change = fn(&mut Caregiver, &mut Client);
    type Case<'a> = (&'a str, &'a [(i64, i64, &'a str)], Change, &'a [&'a str]);
    let plain: Change = |_, _| {};
    let cases: &[Case<'_>] = &[
        (TRAINED, &[], plain, &[]),
        ("kind,id\n", &[], plain, &["lacks lift, which this client needs"]),
        (TRAINED, &[], |g, _| g.active = Some(false), &["not active"]),
        (TRAINED, &[], |g, _| g.hired = Some(false), &["not hired"]),
        (TRAINED, &[], |g, _| g.hired = None, &[]),
        (TRAINED, &[(START + HOUR, 1, "c2")], plain, &["has the shift b0 Wed 10:00-11:00 then"]),
        (
            TRAINED,
            &[(START + 4 * HOUR, 2, "c2")],
            plain,
            &["0 min from or to the shift b0 Wed 13:00-15:00, travel is given 30"],
        ),
        (TRAINED, &[(START + 4 * HOUR, 2, "c1")], plain, &[]),
        (TRAINED, &[(START + 4 * HOUR + 1800, 2, "c2")], plain, &[]),
        ("kind,id,credentials,do_not_send\ncaregiver,g1,lift,c9;c1\n", &[], plain, &["by the caregiver's row"]),
        ("kind,id,credentials,do_not_send\ncaregiver,g1,lift,\"c9, c1\"\n", &[], plain, &["by the caregiver's row"]),
        (
            "kind,id,credentials,do_not_send\ncaregiver,g1,lift,\nclient,c1,,g7;g1\n",
            &[],
            plain,
            &["by the client's row"],
        ),
        ("kind,id,credentials,do_not_send\ncaregiver,g1,lift,\nclient,c1,,g1\n", &[], plain, &["by the client's row"]),
        (
            "kind,id,credentials,availability\ncaregiver,g1,lift,mon-fri 08:00-12:00\n",
            &[],
            plain,
            &["not available then"],
        ),
        ("kind,id,credentials,availability\ncaregiver,g1,lift,wed 08:00-12:00; wed 12:00-13:00\n", &[], plain, &[]),
        ("kind,id,credentials,time_off\ncaregiver,g1,lift,2026-07-08\n", &[], plain, &["has time off"]),
        ("kind,id,credentials,time_off\ncaregiver,g1,lift,2026-07-09..2026-07-10\n", &[], plain, &[]),
        (
            "kind,id,credentials,lat,lon\ncaregiver,g1,lift,39.7,-105.0\nclient,c1,,40.7,-105.0\n",
            &[],
            plain,
            &["lives 69 miles away, at most 20"],
        ),
    ];
    for (sheet, busy, change, why) in cases {
        let answer = covered(&office(sheet, busy, change));
        let found: Vec<String> = answer.forbidden.iter().flat_map(|one| one.why.clone()).collect();
        assert_eq!(found.len(), why.len(), "{sheet} {busy:?}: {found:?}");
        assert!(found.iter().zip(*why).all(|(found, why)| found.contains(why)), "{sheet} {busy:?}: {found:?}");
        assert_eq!(answer.ranked.len(), usize::from(why.is_empty()), "{sheet}");
    }
}

#[test]
fn nobody_works_longer_than_is_allowed_in_a_day_or_a_week() {
    let mut office = office(TRAINED, &[(START + 5 * HOUR, 4, "c2"), (START + DAY, 10, "c2")], |_, _| {});
    office.terms.max_day = Some(chrono::TimeDelta::hours(7));
    office.terms.max_week = Some(chrono::TimeDelta::hours(17));
    let why = covered(&office).forbidden[0].why.clone();
    assert_eq!(why, ["would work 8 h 00 that day, at most 7 h 00", "would work 18 h 00 that week, at most 17 h 00"]);
}

#[test]
fn a_shift_over_midnight_counts_on_both_days_and_in_both_weeks() {
    let night = 13 * HOUR;
    for (start, then, day, week, forbidden, shows) in [
        (
            START + night,
            START + DAY,
            16,
            60,
            Some("would work 20 h 00 that day, at most 16 h 00"),
            "the day it ends in",
        ),
        (START + night, START + DAY, 20, 60, None, "just so long"),
        (
            START + 3 * DAY + night,
            START + 5 * DAY,
            16,
            19,
            Some("would work 20 h 00 that week, at most 19 h 00"),
            "from Saturday into the next week",
        ),
        (START + 3 * DAY + night, START + 5 * DAY, 16, 20, None, "just so much"),
    ] {
        let mut office = office("kind,id\n", &[], |_, _| {});
        // From 22:00 to 08:00; and twelve hours from 09:00.
        Reading::shifts("c1", NOW, vec![shift("night", "c1", start, 10, None)]).into(&mut office.mirror);
        Reading::shifts("c2", NOW, vec![shift("long", "c2", then, 12, Some("g1"))]).into(&mut office.mirror);
        office.terms.requires.clear();
        office.terms.week_starts = chrono::Weekday::Sun;
        office.terms.max_day = Some(chrono::TimeDelta::hours(day));
        office.terms.max_week = Some(chrono::TimeDelta::hours(week));
        let entry = office.mirror.shift(&crate::mirror::fixture::key("night", "c1", start)).unwrap();
        let answer = cover(&office.mirror, &office.terms, &office.past, entry, at(NOW)).shown(None);
        let why: Vec<&str> = answer.forbidden.iter().flat_map(|one| one.why.iter().map(String::as_str)).collect();
        assert_eq!(why, forbidden.into_iter().collect::<Vec<_>>(), "{shows}");
    }
}

fn says(answer: &CoverAnswer) -> Vec<(&str, u32)> {
    answer.ranked[0].reasons.iter().map(|reason| (reason.says.as_str(), reason.points)).collect()
}

#[test]
fn what_speaks_for_somebody_is_said_and_what_is_not_known() {
    let bare = covered(&office(TRAINED, &[], |_, _| {}));
    assert_eq!(
        says(&bare),
        [
            ("no visit with this client known since 29 Jun, none planned", 0),
            ("distance not known", 0),
            ("4 h 00 that week with this shift", 9),
            ("punctuality not known", 5),
            ("availability not known", 0),
        ]
    );
    let sheet = "kind,id,credentials,hours_wanted,availability,asked_for\ncaregiver,g1,lift,20,daily 00:00-24:00,\nclient,c1,,,,g1\n";
    let known = covered(&office(sheet, &[(-HOUR, 4, "c1"), (3 * DAY, 6, "c1")], |g, _| {
        g.person.postal_code = Phi::new("00000".to_owned());
    }));
    assert_eq!(
        says(&known),
        [
            ("1 more visit is planned with this client", 30),
            ("the client asked for them", 20),
            ("same zip", 12),
            ("14 h 00 that week with this shift", 6),
            ("punctuality not known", 5),
            ("wants 20 h 00 a week", 5),
        ]
    );
    assert_eq!(known.ranked[0].score, 78);
    let far = covered(&office(TRAINED, &[(START + DAY, 20, "c2"), (START + 2 * DAY, 19, "c2")], |_, _| {}));
    assert!(says(&far).contains(&("overtime: 43 h 00 that week with this shift", 0)), "{far:?}");
}

#[test]
fn who_comes_on_time_is_known_by_their_visits() {
    let mut office = office(TRAINED, &[(NOW - 5 * HOUR, 2, "c2")], |_, _| {});
    let came = visit("v1", Some("b0"), "c2", NOW - 5 * HOUR + 600, Some(NOW - 3 * HOUR));
    Reading::visits(None, NOW, vec![came]).into(&mut office.mirror);
    assert!(says(&covered(&office)).contains(&("on time 0 of 1 times since 29 Jun", 0)));
}

#[test]
fn a_sheet_says_where_it_is_wrong() {
    for (text, bad) in [
        ("", vec![(1, 1, "empty")]),
        ("id,colour\n", vec![(1, 4, "\"colour\""), (1, 1, "no column kind")]),
        ("kind,id,id\n", vec![(1, 9, "twice")]),
        ("kind,id\nclient,1,2\n", vec![(2, 1, "3 cells")]),
        ("kind,id\ndog,1\n,\nclient,\n", vec![(2, 1, "neither"), (4, 1, "empty")]),
        ("kind,id\nclient,1\nclient,1\n", vec![(3, 8, "second time")]),
        ("kind,id,lat,lon\nclient,1,91,x\n", vec![(2, 10, "lat"), (2, 13, "lon")]),
        (
            "kind,id,availability\ncaregiver,1,\"mon 8-9; someday 08:00-09:00\"\n",
            vec![(2, 13, "availability"), (2, 13, "availability")],
        ),
        ("kind,id,time_off\ncaregiver,1,2026-12-26..2026-12-24\n", vec![(2, 13, "time off")]),
        (
            "kind,id\nclient,7.0E+06\ncaregiver,=1+1\nclient,#7\n",
            vec![(2, 8, "no id"), (3, 11, "no id"), (4, 8, "no id")],
        ),
        ("kind,id,do_not_send\ncaregiver,1,7000103.0\nclient,2,Somebody\n", vec![(2, 13, "no id"), (3, 10, "no id")]),
        ("kind,id,do_not_send\nclient,1,\"2;3\ncaregiver,2,\n", vec![(2, 10, "never closed")]),
        ("kind,id,availability\nclient,1,mon 08:00-12:00\n", vec![(2, 10, "availability is said of")]),
        ("kind,id,gender_wanted\nclient,1,femal\n", vec![(2, 10, "no gender")]),
        ("kind,id,hours_wanted\ncaregiver,1,lots\n", vec![(2, 13, "hours_wanted")]),
        ("kind,id,answers_texts\ncaregiver,1,101\n", vec![(2, 13, "answers_texts")]),
        ("kind,id,gender,gender_wanted\nclient,1,f,\ncaregiver,2,,f\n", vec![(2, 10, "caregiver"), (3, 14, "client")]),
    ] {
        let found = sheet::read(text).1;
        let places: Vec<(u32, u32)> = found.iter().map(|bad| (bad.line, bad.column)).collect();
        assert_eq!(
            places,
            bad.iter().map(|(line, column, _)| (*line, *column)).collect::<Vec<_>>(),
            "{text}: {found:?}"
        );
        assert!(
            found.iter().zip(&bad).all(|(found, (.., says)): (&BadCell, _)| found.what.contains(says)),
            "{found:?}"
        );
    }
    let (sheet, bad) = sheet::read("\u{feff}ID,Kind,do_not_send\r\n7,Client,\" g1 ; g2 \"\r\n\r\n");
    assert_eq!(bad, []);
    assert_eq!(sheet.clients[&"7".into()].do_not_send, ["g1", "g2"]);
}

#[test]
fn whoever_is_not_to_be_sent_counts_or_the_sheet_is_refused() {
    let read =
        |cell: &str| sheet::read(&format!("kind,id,do_not_send\ncaregiver,8000201,{cell}\ncaregiver,8000202,\n"));
    for cell in ["7000103; 7000104", "\"7000103, 7000104\"", "\"7000103\n7000104\"", "\"7000103\" ;7000104"] {
        let (sheet, bad) = read(cell);
        if cell.ends_with(";7000104") {
            assert_eq!((bad[0].line, bad[0].column), (2, 19), "{bad:?}");
            continue;
        }
        assert_eq!(bad, [], "{cell}");
        assert_eq!(sheet.caregivers[&"8000201".into()].do_not_send, ["7000103", "7000104"], "{cell}");
    }
    for cell in
        ["7000103 7000104", "7000103/7000104", "Quinn Sample", "7000103.0", "#7000103", "7.0E+06", "=1+1", "\"7000103"]
    {
        let (_, bad) = read(cell);
        assert_eq!(bad.iter().map(|one| (one.line, one.column)).collect::<Vec<_>>(), [(2, 19)], "{cell}: {bad:?}");
    }
    for id in ["8000201.0", "8.0E+06", "'8000201", "=1+1", "\"1;2\""] {
        let (sheet, bad) = sheet::read(&format!("kind,id\ncaregiver,{id}\n"));
        assert_eq!((bad.len(), bad[0].line, bad[0].column, sheet.caregivers.len()), (1, 2, 11, 0), "{id}: {bad:?}");
    }
}

proptest! {
    /// Whoever is forbidden is never ranked, everybody is one of the two, and the order is the same each time.
    #[test]
    fn nobody_forbidden_is_ever_ranked(
        people in proptest::collection::vec((any::<Option<bool>>(), any::<Option<bool>>(), any::<bool>(), any::<bool>(), -3_i64..8), 1..12),
    ) {
        let mut mirror = mirror();
        let mut sheet = String::from("kind,id,do_not_send,credentials\n");
        let mut shifts = vec![shift("open", "c1", START, 4, None)];
        let mut all = Vec::new();
        let mut barred = Vec::new();
        for (n, (active, hired, refused, trained, offset)) in people.iter().enumerate() {
            let id = format!("g{n}");
            let mut one = caregiver(&id);
            (one.active, one.hired) = (*active, *hired);
            all.push(one);
            let (refuses, has) = (if *refused { "c1" } else { "" }, if *trained { "lift" } else { "" });
            sheet.extend(["caregiver,", &id, ",", refuses, ",", has, "\n"]);
            shifts.push(shift(&format!("s{n}"), "c2", START + offset * HOUR, 2, Some(&id)));
            let overlaps = (-2..=4).contains(offset);
            barred.push(*active == Some(false) || *hired == Some(false) || *refused || !trained || overlaps);
        }
        Reading::clients(NOW, vec![client("c1", Some(true), Some(true)), client("c2", Some(true), Some(true))]).into(&mut mirror);
        Reading::caregivers(NOW, all).into(&mut mirror);
        let (of_c1, of_c2): (Vec<_>, Vec<_>) = shifts.into_iter().partition(|one| one.key.client == "c1".into());
        Reading::shifts("c1", NOW, of_c1).into(&mut mirror);
        Reading::shifts("c2", NOW, of_c2).into(&mut mirror);
        let requires = vec![("respite".to_owned(), vec!["lift".to_owned()])];
        let office = Office { mirror, terms: Terms { sheet: sheet::read(&sheet).0, requires, ..Terms::default() }, past: Past::default() };
        let answer = covered(&office);
        prop_assert_eq!(answer.ranked.len() + answer.n_forbidden, people.len());
        for one in &answer.ranked {
            let n: usize = one.caregiver.as_str()[1..].parse().unwrap();
            prop_assert!(!barred[n], "{:?}", one);
        }
        for one in &answer.forbidden {
            let n: usize = one.caregiver.as_str()[1..].parse().unwrap();
            prop_assert!(barred[n] && !one.why.is_empty(), "{:?}", one);
        }
        prop_assert!(answer.ranked.is_sorted_by(|a, b| a.score >= b.score));
        prop_assert_eq!(covered(&office), answer);
    }
}

#[test]
fn the_past_that_is_kept_counts_beside_memory_and_says_since_when() {
    let mut office = office(TRAINED, &[(NOW - 5 * HOUR, 2, "c1")], |_, _| {});
    let came = visit("v1", Some("b0"), "c1", NOW - 5 * HOUR + 60, Some(NOW - 3 * HOUR));
    Reading::visits(None, NOW, vec![came]).into(&mut office.mirror);
    let line = |key: &str, n: i64, late: i64| PastLine {
        key: key.to_owned(),
        start: Some(at(NOW - n * DAY + late)),
        ends: Some(at(NOW - n * DAY + HOUR)),
        naive_start: false,
        naive_ends: false,
        client: Some("c1".into()),
        caregiver: Some("g1".into()),
        shift: Some(format!("s{n}").as_str().into()),
        state: PastState::Stands,
    };
    let mut lines = Vec::new();
    for (n, late) in [(100, 0), (50, 1_200), (20, 0)] {
        lines.push(line(&format!("{ARCHIVED_SHIFT}{n}"), n, 0));
        lines.push(line(&format!("v-{n}"), n, late));
    }
    // What memory holds as well is counted once.
    lines.push(line("v1", 0, -5 * HOUR + 60));
    office.past.absorb((at(NOW - 200 * DAY), at(NOW - 8 * DAY)), &lines, &|time, _| match time {
        crate::model::VisitTime::Instant(at) => Some(at),
        crate::model::VisitTime::Naive(_) => None,
    });
    let answer = covered(&office);
    let says = says(&answer);
    assert_eq!(says[0], ("4 visits with this client since Mar 2026", 30));
    assert_eq!(says[1], ("the last less than a day ago", 5));
    assert!(says.contains(&("on time 3 of 4 times since Mar 2026", 7)), "{says:?}");
}

#[test]
fn what_the_client_wants_forbids_where_it_is_known_and_is_said_where_it_is_not() {
    let sheet = |theirs: &str, wanted: &str| {
        format!(
            "kind,id,credentials,gender,languages,payers,branches,gender_wanted,languages_wanted,payer\n\
             caregiver,g1,lift,{theirs},,,\nclient,c1,,,,,,{wanted}\n"
        )
    };
    for (theirs, wanted, bar, reason) in [
        ("m,,,", "female,,", Some(Bar::Gender), ""),
        ("F,,,", "woman,,", None, "of the gender that the client asked for"),
        (",,,", "female,,", None, "gender (the client asked for one) not known"),
        (",english; Français,,", ",français,", None, "speaks a language that the client asked for"),
        (",english,,", ",spanish; tagalog,", Some(Bar::Language), ""),
        (",,,", ",spanish,", None, "languages (the client asked for some) not known"),
        (",,private; va,", ",,VA", None, "may work for this client's payer"),
        (",,private,", ",,medicaid", Some(Bar::Payer), ""),
        (",,,", ",,medicaid", None, "leave to work for this client's payer not known"),
        (",,,north", ",,", Some(Bar::Branch), ""),
    ] {
        let mut office = office(&sheet(theirs, wanted), &[], |_, client| client.location = Some("77".into()));
        office.terms.radius_miles = None;
        let answer = covered(&office);
        assert_eq!(answer.barred.first().map(|one| one.by), bar, "{theirs} {wanted}: {answer:?}");
        if bar.is_none() {
            assert!(says(&answer).iter().any(|(says, _)| *says == reason), "{theirs} {wanted}: {:?}", says(&answer));
        }
    }
}

#[test]
fn who_must_not_is_counted_once_by_the_first_reason() {
    let office = office("kind,id,time_off\ncaregiver,g1,2026-07-08\n", &[(START + HOUR, 1, "c2")], |_, _| {});
    let answer = covered(&office);
    assert_eq!(answer.barred.iter().map(|one| (one.n, one.says.as_str())).collect::<Vec<_>>(), [(1, "overlap")]);
    assert_eq!((answer.n_ranked, answer.n_forbidden, answer.forbidden[0].why.len()), (0, 1, 3));
    assert_eq!(office.terms.bar_words(Bar::LongWeek), "over 60 h that week");
}

#[test]
fn a_mail_says_what_speaks_for_somebody_before_what_is_not_known() {
    let reason = |says: &str, points| Reason { says: says.to_owned(), points };
    let reasons = [
        reason("distance not known", 0),
        reason("wants 20 h 00 a week", 0),
        reason("same zip", 12),
        reason("punctuality not known", 5),
    ];
    assert_eq!(one_line(&reasons), "same zip; wants 20 h 00 a week; not known: distance, punctuality");
    assert_eq!(one_line(&[]), "");
}
