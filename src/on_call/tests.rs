use std::sync::Arc;

use chrono::{NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{calendar::CalendarEvent, *};
use crate::model::{Instant, PersonName};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn names(names: &[&str]) -> Vec<PersonName> {
    names.iter().map(|name| PersonName::from(*name)).collect()
}

fn rotation(people: &[&str], every: TimeDelta, start: &str, only: Vec<Only>) -> Rotation {
    Rotation { people: names(people), every, start: start.parse().unwrap(), only }
}

fn schedule(timezone: Tz, rotations: Vec<Rotation>, overrides: Vec<Override>) -> Schedule {
    Schedule {
        name: "on-call".to_owned(),
        timezone,
        rota: Rota::Rotations(rotations),
        overrides,
        may_be_empty: false,
        watch_on: None,
    }
}

fn only(days: &str, from: u16, to: u16) -> Only {
    let mut named = [false; 7];
    for day in days.chars() {
        named[day.to_digit(10).unwrap() as usize] = true;
    }
    Only { days: named, from: from * 60, to: to * 60 }
}

/// The office by day, the night person otherwise, a stand-in over the holiday.
fn office_and_nights() -> Schedule {
    schedule(
        chrono_tz::America::Denver,
        vec![
            rotation(&["night-1", "night-2"], TimeDelta::weeks(1), "2026-11-30T17:00:00", Vec::new()),
            rotation(&["office"], TimeDelta::weeks(1), "2026-11-30T08:00:00", vec![only("01234", 8, 17)]),
        ],
        vec![Override {
            person: "backup".into(),
            start: at("2026-12-25T00:00:00-07:00"),
            end: at("2026-12-26T00:00:00-07:00"),
        }],
    )
}

fn said(on_call: &OnCall) -> String {
    let people: Vec<&str> = on_call.people.iter().map(PersonName::as_str).collect();
    let until =
        on_call.until.map(|until| until.with_timezone(&chrono_tz::America::Denver).format(" until %a %d %H:%M"));
    format!("{}{}", people.join("+"), until.map_or_else(String::new, |until| until.to_string()))
}

#[test]
fn later_rotations_lie_over_earlier_ones_and_overrides_over_all() {
    let roster = Roster::default().with_schedules([office_and_nights()]);
    for (when, is, why) in [
        ("2026-11-30T07:59:59-07:00", " until Mon 30 08:00", "nobody before the first start"),
        ("2026-11-30T08:00:00-07:00", "office until Mon 30 17:00", "the office begins"),
        ("2026-11-30T17:00:00-07:00", "night-1 until Tue 01 08:00", "the first night"),
        ("2026-12-05T12:00:00-07:00", "night-1 until Mon 07 08:00", "no office on Saturday"),
        ("2026-12-07T16:59:59-07:00", "office until Mon 07 17:00", "Monday"),
        ("2026-12-07T17:00:00-07:00", "night-2 until Tue 08 08:00", "the next week's night"),
        ("2026-12-24T23:59:59-07:00", "night-2 until Fri 25 00:00", "Christmas Eve"),
        ("2026-12-25T10:00:00-07:00", "backup until Sat 26 00:00", "the stand-in, also by day"),
        ("2026-12-26T00:00:00-07:00", "night-2 until Mon 28 08:00", "and back"),
    ] {
        assert_eq!(said(&roster.on_call("on-call", at(when))), is, "{why}");
    }
    assert_eq!(roster.on_call("nights", at("2026-12-01T00:00:00Z")), OnCall::default(), "there is no such schedule");
}

#[test]
fn a_hand_over_says_who_comes_and_who_goes() {
    let other = Schedule { name: "second".to_owned(), ..office_and_nights() };
    let roster = Roster::default().with_schedules([office_and_nights(), other]);
    let (when, handoffs) = roster.next_handoff(at("2026-12-07T10:00:00-07:00")).unwrap();
    assert_eq!(when, at("2026-12-07T17:00:00-07:00"));
    let expected = |schedule: &str| Handoff {
        schedule: schedule.to_owned(),
        coming: names(&["night-2"]),
        going: names(&["office"]),
        until: Some(at("2026-12-08T08:00:00-07:00")),
    };
    assert_eq!(handoffs, [expected("on-call"), expected("second")]);
    let (next, _) = roster.next_handoff(when).unwrap();
    assert_eq!(next, at("2026-12-08T08:00:00-07:00"), "after, not at");
    assert_eq!(Roster::default().next_handoff(when), None);
}

#[test]
fn gaps_are_where_nobody_is() {
    let days = vec![rotation(&["a", "b"], TimeDelta::days(1), "2026-11-30T08:00:00", vec![only("0123456", 8, 20)])];
    let roster = Roster::default().with_schedules([schedule(chrono_tz::America::Denver, days, Vec::new())]);
    let gaps = roster.gaps("on-call", at("2026-11-30T12:00:00-07:00"), at("2026-12-02T12:00:00-07:00"));
    let said: Vec<(Instant, Instant)> = gaps.iter().map(|gap| (gap.from, gap.until)).collect();
    assert_eq!(
        said,
        [
            (at("2026-11-30T20:00:00-07:00"), at("2026-12-01T08:00:00-07:00")),
            (at("2026-12-01T20:00:00-07:00"), at("2026-12-02T08:00:00-07:00")),
        ]
    );
    assert!(roster.gaps("on-call", at("2026-12-02T12:00:00Z"), at("2026-12-02T12:00:00Z")).is_empty());
}

#[test]
fn everybody_whose_event_overlaps_is_on_call() {
    let event = |from: &str, until: &str, people: &[&str]| CalendarEvent {
        from: at(from),
        until: at(until),
        people: names(people),
    };
    let calendar = Calendar {
        fetched_at: at("2026-12-01T00:00:00Z"),
        stale_after: TimeDelta::hours(1),
        events: vec![
            event("2026-12-01T00:00:00Z", "2026-12-01T12:00:00Z", &["a"]),
            event("2026-12-01T08:00:00Z", "2026-12-01T20:00:00Z", &["b", "a"]),
        ],
        nameless: Vec::new(),
        n_unread: 0,
    };
    let unread = Schedule { rota: Rota::Calendar(None), ..office_and_nights() };
    let roster = Roster::default().with_schedules([unread]);
    assert_eq!(roster.on_call("on-call", at("2026-12-01T09:00:00Z")).people, names(&[]), "never read");
    let roster = roster.with_calendar("on-call", Arc::new(calendar)).with_calendar(
        "no-such",
        Arc::new(Calendar {
            fetched_at: at("2026-12-01T00:00:00Z"),
            stale_after: TimeDelta::hours(1),
            events: Vec::new(),
            nameless: Vec::new(),
            n_unread: 0,
        }),
    );
    for (when, who, until) in [
        ("2026-12-01T00:00:00Z", &["a"][..], Some("2026-12-01T08:00:00Z")),
        ("2026-12-01T08:00:00Z", &["a", "b"], Some("2026-12-01T12:00:00Z")),
        ("2026-12-01T12:00:00Z", &["b", "a"], Some("2026-12-01T20:00:00Z")),
        ("2026-12-01T20:00:00Z", &[], Some("2026-12-25T07:00:00Z")),
    ] {
        let on_call = roster.on_call("on-call", at(when));
        assert_eq!((on_call.people, on_call.until), (names(who), until.map(at)), "{when}");
    }
    assert_eq!(roster.people_of("on-call"), names(&["backup", "a", "b"]));
}

/// The slow way round: a schedule asked minute by minute over a year says what its stretches say, both clock changes
/// included, and `until` is where the next stretch begins.
fn agrees(schedule: &Schedule, from: Instant, until: Instant) -> Result<(), TestCaseError> {
    let spans = schedule.spans(from, until);
    prop_assert_eq!(spans.first().map(|span| span.from), Some(from));
    prop_assert_eq!(spans.last().map(|span| span.until), Some(until));
    for pair in spans.windows(2) {
        prop_assert_eq!(pair[0].until, pair[1].from);
        prop_assert_ne!(&pair[0].people, &pair[1].people);
    }
    let mut spans = spans.into_iter();
    let mut span = spans.next().unwrap();
    let mut now = from;
    while now < until {
        if now >= span.until {
            span = spans.next().unwrap();
        }
        prop_assert!(span.from <= now && now < span.until);
        prop_assert_eq!(&schedule.people_at(now), &span.people, "{}", now);
        now += TimeDelta::minutes(1);
    }
    Ok(())
}

#[test]
fn a_year_minute_by_minute() {
    let schedule = office_and_nights();
    agrees(&schedule, at("2026-10-01T00:00:00Z"), at("2027-10-01T00:00:00Z")).unwrap();
}

fn any_only() -> impl Strategy<Value = Only> {
    (proptest::array::uniform7(any::<bool>()), 0..96_u16, 1..=96_u16).prop_map(|(days, from, to)| Only {
        days,
        from: from * 15,
        to: to * 15,
    })
}

fn any_rotation() -> impl Strategy<Value = Rotation> {
    let every = prop_oneof![Just(168), Just(24), Just(12), Just(8), Just(36), Just(1)];
    (1..4_usize, every, 0..400_i64, 0..96_i64, proptest::collection::vec(any_only(), 0..3)).prop_map(
        |(n_people, hours, day, quarter, only)| {
            let people = ["a", "b", "c"][..n_people].iter().map(|name| PersonName::from(*name)).collect();
            let first: NaiveDateTime = "2026-01-01T00:00:00".parse().unwrap();
            let start = first + TimeDelta::days(day) + TimeDelta::minutes(15 * quarter);
            Rotation { people, every: TimeDelta::hours(hours), start, only }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any schedule, a fortnight around each clock change in zones that jump by an hour, by half an hour and not at all.
    #[test]
    fn stretches_say_what_the_instants_say(
        rotations in proptest::collection::vec(any_rotation(), 1..4),
        overrides in proptest::collection::vec((0..20_000_i64, 1..5_000_i64), 0..3),
        zone in 0..4_usize,
        spring in any::<bool>(),
    ) {
        let zone = [chrono_tz::America::Denver, chrono_tz::America::Chicago, chrono_tz::America::Phoenix, chrono_tz::Australia::Lord_Howe][zone];
        let from = at(match (zone, spring) {
            (chrono_tz::Australia::Lord_Howe, true) => "2026-09-28T00:00:00Z",
            (chrono_tz::Australia::Lord_Howe, false) => "2026-03-30T00:00:00Z",
            (_, true) => "2027-03-07T00:00:00Z",
            (_, false) => "2026-10-25T00:00:00Z",
        });
        let overrides = overrides.into_iter().map(|(start, length)| Override {
            person: "d".into(),
            start: from + TimeDelta::minutes(start),
            end: from + TimeDelta::minutes(start + length),
        });
        let schedule = schedule(zone, rotations, overrides.collect());
        agrees(&schedule, from, from + TimeDelta::days(14))?;
        let next = schedule.next_change(from);
        let first = schedule.spans(from, from + TimeDelta::days(8)).first().map(|span| span.until);
        if let Some(next) = next.filter(|next| *next < from + TimeDelta::days(8)) {
            prop_assert_eq!(Some(next), first);
        }
    }
}
