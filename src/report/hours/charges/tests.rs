//! Days whose charges were laid beside their visits by hand. Denver: UTC-7, in summer UTC-6; the clocks go forward on 8 March 2026
//! at 02:00 and back on 1 November 2026 at 02:00.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDateTime;

use super::*;
use crate::{
    details::charges::{Charge, ChargeFault, windows},
    model::{
        VisitTime,
        local_time::{instant_of, local_date},
    },
    report::hours::{
        answer::Missing,
        rows::VisitRow,
        terms::{Period, Rounding, Terms},
    },
};

const ZONE: Tz = chrono_tz::America::Denver;

fn naive(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
}

/// A wall clock in Denver.
fn at(text: &str) -> Instant {
    instant_of(ZONE, naive(text))
}

fn visit(id: &str, caregiver: &str, from: &str, until: &str) -> VisitRow {
    VisitRow {
        id: id.into(),
        client: Some("c".into()),
        caregiver: (!caregiver.is_empty()).then(|| caregiver.into()),
        shift: None,
        check_in: Some(at(from)),
        check_out: (!until.is_empty()).then(|| at(until)),
        unsettled: None,
        edited: None,
    }
}

/// A charge whose times have an offset.
fn charge(id: &str, caregiver: &str, from: &str, until: &str, minutes: impl Into<Option<i64>>) -> Charge {
    Charge {
        id: Some(id.into()),
        caregiver: (!caregiver.is_empty()).then(|| caregiver.into()),
        start: VisitTime::Instant(at(from)),
        end: (!until.is_empty()).then(|| VisitTime::Instant(at(until))),
        minutes: minutes.into(),
    }
}

fn period(from: &str, to: &str) -> Period {
    Period::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

/// Every week around the period was read on the last day of the year.
fn read(period: Period, charges: Vec<Charge>) -> ChargesRead {
    let firsts: BTreeSet<NaiveDate> =
        period.days().flat_map(|day| windows(day, "2026-12-31".parse().unwrap())).collect();
    let mut charges = Some(charges);
    let weeks = firsts.into_iter().map(|first| ClientCharges {
        client: "c".into(),
        first,
        read_at: at("2026-12-31 08:00"),
        complete: true,
        charges: charges.take().unwrap_or_default(),
        faults: Vec::new(),
    });
    ChargesRead { weeks: weeks.collect(), zones: HashMap::new(), local_rather: false }
}

fn told_with(read: &ChargesRead, visits: &[VisitRow], period: Period, rounding: Rounding) -> Charges {
    let terms = Terms { rounding, ..Terms::new(ZONE) };
    compare(read, &[], visits, &[], &terms, period, at("2026-12-31 12:00"))
}

fn told(visits: &[VisitRow], charges: Vec<Charge>) -> Charges {
    let days: Vec<Instant> = visits.iter().filter_map(|visit| visit.check_in).collect();
    let day = local_date(ZONE, days.first().copied().unwrap_or_else(|| at("2026-11-10 12:00")));
    let period = Period::new(day, day + chrono::Days::new(1)).unwrap();
    told_with(&read(period, charges), visits, period, Rounding::None)
}

/// `kind: worked, charged, difference` of each.
fn short(told: &Charges) -> Vec<String> {
    let number = |n: Option<i64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
    told.differences
        .iter()
        .map(|one| {
            let numbers = [one.worked_minutes, one.charged_minutes, one.difference_minutes].map(number);
            format!("{}: {}", one.kind.as_str(), numbers.join(", "))
        })
        .collect()
}

/// Visits, charges, what is said, why.
type Row = (Vec<VisitRow>, Vec<Charge>, &'static [&'static str], &'static str);

#[test]
fn hours_and_charges_meet_or_it_says_how_not() {
    let nine_to_one = || visit("v1", "g", "2026-11-10 09:00", "2026-11-10 13:00");
    let afternoon = || visit("v2", "g", "2026-11-10 14:00", "2026-11-10 16:00");
    let rows: Vec<Row> = vec![
        (vec![nine_to_one()], vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)], &[], "the same"),
        (vec![nine_to_one()], vec![], &["without_charge: 240, ?, -240"], "no charge"),
        (
            vec![],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)],
            &["without_hours: ?, 240, 240"],
            "no visit",
        ),
        (
            vec![nine_to_one()],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 239)],
            &["quantity: 240, 239, -1"],
            "a minute is a minute",
        ),
        (
            vec![nine_to_one()],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", None)],
            &["quantity_unknown: 240, ?, ?"],
            "not 0",
        ),
        (
            vec![nine_to_one()],
            vec![
                charge("1", "g", "2026-11-10 09:00", "2026-11-10 11:00", 120),
                charge("2", "g", "2026-11-10 11:00", "2026-11-10 13:00", 120),
            ],
            &[],
            "two charges of one visit",
        ),
        (
            vec![nine_to_one()],
            vec![
                charge("1", "g", "2026-11-10 09:00", "2026-11-10 11:00", 120),
                charge("2", "g", "2026-11-10 11:00", "2026-11-10 13:00", 90),
            ],
            &["quantity: 240, 210, -30"],
            "two charges that are too few",
        ),
        (
            vec![nine_to_one(), afternoon()],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 16:00", 360)],
            &[],
            "one charge of a split visit",
        ),
        (
            vec![nine_to_one(), afternoon()],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)],
            &["without_charge: 120, ?, -120"],
            "the other one has none",
        ),
        (
            vec![nine_to_one()],
            vec![charge("1", "h", "2026-11-10 09:00", "2026-11-10 13:00", 240)],
            &[],
            "billed for somebody else: the minutes meet",
        ),
        (
            vec![nine_to_one(), visit("v3", "h", "2026-11-10 09:00", "2026-11-10 13:00")],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)],
            &["without_charge: 240, ?, -240"],
            "two at once: the one who is billed is the one",
        ),
        (vec![nine_to_one()], vec![charge("1", "", "2026-11-10 09:00", "", 240)], &[], "neither caregiver nor end"),
        (
            vec![nine_to_one()],
            vec![charge("1", "g", "2026-11-10 20:00", "2026-11-10 22:00", 120)],
            &["without_charge: 240, ?, -240", "without_hours: ?, 120, 120"],
            "another time is another thing",
        ),
        (
            vec![nine_to_one()],
            vec![
                charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240),
                charge("2", "g", "2026-11-10 09:00", "2026-11-10 13:00", -240),
            ],
            &["quantity: 240, 0, -240"],
            "a credit takes it back",
        ),
        (
            vec![],
            vec![
                charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240),
                charge("2", "g", "2026-11-10 09:00", "2026-11-10 13:00", -240),
            ],
            &[],
            "a credit without a visit, too",
        ),
        (
            vec![visit("v1", "g", "2026-11-10 09:00", "")],
            vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)],
            &["hours_unknown: ?, 240, ?"],
            "an open visit has no minutes",
        ),
        (vec![visit("v1", "g", "2026-11-10 09:00", "")], vec![], &[], "and needs no charge yet"),
        (vec![visit("v1", "g", "2026-11-10 09:00", "2026-11-10 09:00")], vec![], &[], "nothing was worked"),
        (
            vec![visit("v1", "g", "2026-11-10 22:00", "2026-11-11 06:00")],
            vec![charge("1", "g", "2026-11-10 22:00", "2026-11-11 06:00", 480)],
            &[],
            "over midnight",
        ),
        (
            vec![visit("v1", "g", "2026-11-10 22:00", "2026-11-11 06:00")],
            vec![charge("1", "g", "2026-11-10 22:00", "2026-11-10 06:00", 480)],
            &[],
            "its end on the wrong day",
        ),
        (
            vec![visit("v1", "g", "2026-11-10 22:00", "2026-11-11 06:00")],
            vec![
                charge("1", "g", "2026-11-10 22:00", "2026-11-11 00:00", 120),
                charge("2", "g", "2026-11-11 00:00", "2026-11-11 06:00", 360),
            ],
            &[],
            "a charge a day",
        ),
        // 23:00 to 07:00 on the wall: an hour less in March, an hour more in November.
        (
            vec![visit("v1", "g", "2026-03-07 23:00", "2026-03-08 07:00")],
            vec![charge("1", "g", "2026-03-07 23:00", "2026-03-08 07:00", 420)],
            &[],
            "the short night",
        ),
        (
            vec![visit("v1", "g", "2026-03-07 23:00", "2026-03-08 07:00")],
            vec![charge("1", "g", "2026-03-07 23:00", "2026-03-08 07:00", 480)],
            &["quantity: 420, 480, 60"],
            "billed by the wall",
        ),
        (
            vec![visit("v1", "g", "2026-10-31 23:00", "2026-11-01 07:00")],
            vec![charge("1", "g", "2026-10-31 23:00", "2026-11-01 07:00", 540)],
            &[],
            "the long night",
        ),
        (
            vec![visit("v1", "g", "2026-10-31 23:00", "2026-11-01 07:00")],
            vec![charge("1", "g", "2026-10-31 23:00", "2026-11-01 07:00", 480)],
            &["quantity: 540, 480, -60"],
            "an hour short",
        ),
    ];
    for (visits, charges, expected, shows) in rows {
        assert_eq!(short(&told(&visits, charges)), expected, "{shows}");
    }
}

#[test]
fn back_to_back_visits_keep_their_own_charges() {
    // The second comes two minutes early, the first is billed to the hour.
    let visits = [
        visit("v1", "g", "2026-11-10 09:00", "2026-11-10 11:58"),
        visit("v2", "g", "2026-11-10 11:58", "2026-11-10 15:00"),
    ];
    let charges = vec![
        charge("1", "g", "2026-11-10 09:00", "2026-11-10 12:00", 180),
        charge("2", "g", "2026-11-10 12:00", "2026-11-10 15:00", 182),
    ];
    let told = told(&visits, charges);
    assert_eq!(short(&told), ["quantity: 178, 180, 2"]);
    assert_eq!((told.worked_minutes, told.charged_minutes), (Some(360), Some(362)));
    assert_eq!(
        (&told.differences[0].visits[..], &told.differences[0].charges[..]),
        (&["v1".to_owned()][..], &["1".to_owned()][..])
    );
}

#[test]
fn a_bill_may_be_rounded_as_the_agency_rounds() {
    let visits = [visit("v1", "g", "2026-11-10 09:00", "2026-11-10 12:58")];
    let days = period("2026-11-10", "2026-11-10");
    let quarter = |minutes: i64| {
        let read = read(days, vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", minutes)]);
        short(&told_with(&read, &visits, days, Rounding::Fifteen))
    };
    assert_eq!(quarter(240), Vec::<String>::new(), "3:58 is billed as four hours");
    assert_eq!(quarter(238), Vec::<String>::new(), "or exactly");
    assert_eq!(quarter(225), ["quantity: 238, 225, -13"]);
}

#[test]
fn somebody_else_is_named() {
    let told = told(
        &[visit("v1", "g", "2026-11-10 09:00", "2026-11-10 13:00")],
        vec![charge("1", "h", "2026-11-10 09:00", "2026-11-10 13:00", 180)],
    );
    let one = &told.differences[0];
    assert_eq!((one.caregiver.as_deref(), one.charged_caregiver.as_deref()), (Some("g"), Some("h")));
}

#[test]
fn times_without_an_offset_are_read_as_they_fit() {
    let naive_charge = |from: &str, until: &str| Charge {
        start: VisitTime::Naive(naive(from)),
        end: Some(VisitTime::Naive(naive(until))),
        ..charge("1", "g", "2026-11-10 09:00", "", 240)
    };
    let visits = [visit("v1", "g", "2026-11-10 09:00", "2026-11-10 13:00")];
    // 09:00 in Denver is 16:00 by UTC.
    for (from, until, times) in
        [("2026-11-10 09:00", "2026-11-10 13:00", "local"), ("2026-11-10 16:00", "2026-11-10 20:00", "utc")]
    {
        let told = told(&visits, vec![naive_charge(from, until)]);
        assert_eq!((short(&told).len(), told.naive_times.as_deref()), (0, Some(times)));
    }
    let days = period("2026-11-10", "2026-11-10");
    for local_rather in [false, true] {
        let read =
            ChargesRead { local_rather, ..read(days, vec![naive_charge("2026-11-10 02:00", "2026-11-10 03:00")]) };
        let told = told_with(&read, &visits, days, Rounding::None);
        assert_eq!(
            told.naive_times.as_deref(),
            Some(if local_rather { "local" } else { "utc" }),
            "nothing tells: as visits are"
        );
    }
}

#[test]
fn what_was_not_read_is_not_said_to_be_missing() {
    let days = period("2026-11-10", "2026-11-10");
    let visits = [visit("v1", "g", "2026-11-10 09:00", "2026-11-10 13:00")];
    let nothing = told_with(&ChargesRead::default(), &visits, days, Rounding::None);
    assert_eq!((nothing.as_of, nothing.charged_minutes, nothing.worked_minutes), (None, None, None), "null, not 0");
    assert_eq!((nothing.complete, short(&nothing).len(), nothing.n_not_compared), (false, 0, 1));
    assert_eq!((nothing.unread[0].client.as_str(), nothing.unread[0].why.as_str()), ("c", "not read"));

    let spoil = |spoil: fn(&mut ClientCharges)| {
        let mut read = read(days, Vec::new());
        read.weeks.iter_mut().for_each(spoil);
        told_with(&read, &visits, days, Rounding::None)
    };
    let short_one = spoil(|week| week.complete = false);
    assert_eq!((short_one.unread[0].why.as_str(), short(&short_one).len()), ("not complete", 0));
    let faulty = spoil(|week| {
        week.faults.push(ChargeFault { id: Some("66".into()), reason: "it does not say when it began".into() });
    });
    assert_eq!(
        (faulty.unread[0].why.as_str(), short(&faulty).len()),
        ("rows could not be read", 0),
        "it may be the one"
    );
    assert_eq!((faulty.rejected[0].charge.as_deref(), faulty.complete), (Some("66"), false));
    let early = spoil(|week| week.read_at = at("2026-11-10 12:59"));
    assert_eq!((short(&early).len(), early.n_not_compared), (0, 1), "read before the visit was over");
    // Of a week that was not wholly read, too few minutes prove nothing, and too many do.
    for (minutes, n) in [(180, 0), (300, 1)] {
        let mut read = read(days, vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", minutes)]);
        read.weeks.iter_mut().for_each(|week| week.complete = false);
        assert_eq!(told_with(&read, &visits, days, Rounding::None).differences.len(), n, "{minutes}");
    }
    let whole = spoil(|_| {});
    assert_eq!((whole.complete, short(&whole)), (true, vec!["without_charge: 240, ?, -240".to_owned()]));
    assert_eq!(whole.without_charge_minutes, 240);
}

#[test]
fn a_charge_of_a_day_that_nobody_looked_at_is_not_without_hours() {
    let days = period("2026-11-10", "2026-11-10");
    let read = read(days, vec![charge("1", "g", "2026-11-10 09:00", "2026-11-10 13:00", 240)]);
    for (clients, n) in [(None, 0), (Some(vec!["c".to_owned()]), 0), (Some(vec!["d".to_owned()]), 1)] {
        let missing = [Missing { day: days.from, section: "visits".into(), clients }];
        let told = compare(&read, &[], &[], &missing, &Terms::new(ZONE), days, at("2026-12-31 12:00"));
        assert_eq!(told.differences.len(), n);
    }
    let ahead = compare(&read, &[], &[], &[], &Terms::new(ZONE), days, at("2026-11-09 12:00"));
    assert_eq!((ahead.differences.len(), ahead.n_not_compared), (0, 1), "billed ahead");
}

#[test]
fn what_lies_over_the_edge_counts_where_it_begins() {
    let visits = [visit("v1", "g", "2026-11-10 22:00", "2026-11-11 06:00")];
    let charges = || vec![charge("1", "g", "2026-11-10 22:00", "2026-11-11 06:00", 470)];
    let tenth = period("2026-11-10", "2026-11-10");
    assert_eq!(short(&told_with(&read(tenth, charges()), &visits, tenth, Rounding::None)), ["quantity: 480, 470, -10"]);
    let eleventh = period("2026-11-11", "2026-11-11");
    let other = told_with(&read(eleventh, charges()), &visits, eleventh, Rounding::None);
    assert_eq!((short(&other).len(), other.charged_minutes), (0, Some(0)), "and is not counted twice");
}
