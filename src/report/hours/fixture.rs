//! Weeks whose minutes were worked out by hand, with the arithmetic in words. Denver: UTC-7, in summer UTC-6; the clocks go forward
//! on 8 March 2026 at 02:00 (a day of 23 hours) and back on 1 November 2026 at 02:00 (a day of 25).

use std::collections::HashMap;

use chrono::{NaiveDate, NaiveDateTime, Weekday};

use super::{
    Given,
    answer::{CaregiverHours, ExceptionKind, Hours, Missing},
    closing,
    rows::{Edited, PlannedRow, VisitRow},
    sum_up,
    terms::{Period, Rounding, Terms},
};
use crate::model::{Instant, local_time::instant_of};

const ZONE: chrono_tz::Tz = chrono_tz::America::Denver;

/// A wall clock in Denver: `2026-11-10 09:00`.
fn at(text: &str) -> Instant {
    instant_of(ZONE, NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap())
}

fn days(from: &str, to: &str) -> Period {
    Period::new(from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

fn shift(id: &str, client: &str, caregiver: &str, from: &str, until: &str) -> PlannedRow {
    PlannedRow {
        client: client.into(),
        id: Some(id.into()),
        start: at(from),
        end: at(until),
        caregiver: (!caregiver.is_empty()).then(|| caregiver.into()),
        cancelled: false,
    }
}

fn visit(id: &str, shift: &str, client: &str, caregiver: &str, from: &str, until: &str) -> VisitRow {
    VisitRow {
        id: id.into(),
        client: Some(client.into()),
        caregiver: Some(caregiver.into()),
        shift: (!shift.is_empty()).then(|| shift.into()),
        check_in: Some(at(from)),
        check_out: (!until.is_empty()).then(|| at(until)),
        unsettled: None,
        edited: None,
    }
}

fn given(period: Period, shifts: Vec<PlannedRow>, visits: Vec<VisitRow>) -> Given {
    Given {
        agency: "main".into(),
        terms: Terms::new(ZONE),
        period,
        now: at("2026-12-31 12:00"),
        shifts,
        visits,
        wanted: HashMap::new(),
        missing: Vec::new(),
    }
}

fn caregiver<'a>(hours: &'a Hours, id: &str) -> &'a CaregiverHours {
    hours.caregivers.iter().find(|one| one.caregiver.as_deref() == Some(id)).expect(id)
}

/// Every shift and visit of the fixture.
fn office() -> (Vec<PlannedRow>, Vec<VisitRow>) {
    let shifts = vec![
        shift("spring", "c1", "g1", "2026-03-07 22:00", "2026-03-08 06:00"),
        shift("autumn", "c1", "g1", "2026-10-31 22:00", "2026-11-01 06:00"),
        shift("split", "c2", "g2", "2026-11-10 09:00", "2026-11-10 13:00"),
        shift("left", "c1", "g3", "2026-11-11 09:00", "2026-11-11 12:00"),
        shift("right", "c2", "g3", "2026-11-11 11:30", "2026-11-11 14:00"),
    ];
    let visits = vec![
        visit("v1", "spring", "c1", "g1", "2026-03-07 22:05", "2026-03-08 06:10"),
        visit("v2", "autumn", "c1", "g1", "2026-10-31 22:00", "2026-11-01 06:00"),
        visit("v3", "split", "c2", "g2", "2026-11-10 09:02", "2026-11-10 10:30"),
        visit("v4", "split", "c2", "g2", "2026-11-10 10:45", "2026-11-10 13:05"),
        visit("v5", "left", "c1", "g3", "2026-11-11 09:00", "2026-11-11 12:00"),
        visit("v6", "right", "c2", "g3", "2026-11-11 11:30", "2026-11-11 14:00"),
    ];
    (shifts, visits)
}

#[test]
fn minutes_worked_out_by_hand() {
    // from, to, scheduled, worked, the arithmetic
    let rows: &[(&str, &str, i64, i64, &str)] = &[
        (
            "2026-03-07",
            "2026-03-08",
            420,
            425,
            "the night the clocks go forward: 22:00 to midnight is 120, midnight to 06:00 is five hours, 300; worked 115 before \
             midnight and five hours and ten minutes, 310, after it",
        ),
        ("2026-03-07", "2026-03-07", 120, 115, "its Saturday alone: two hours, and two hours less five minutes"),
        ("2026-03-08", "2026-03-08", 300, 310, "its Sunday alone: six on the clock are five hours; ten minutes over"),
        (
            "2026-10-31",
            "2026-11-01",
            540,
            540,
            "the night the clocks go back: 120 before midnight, then six on the clock are seven hours, 420",
        ),
        ("2026-11-01", "2026-11-01", 420, 420, "its Sunday alone: seven hours"),
        (
            "2026-11-10",
            "2026-11-10",
            240,
            228,
            "a visit in two: 09:02 to 10:30 is 88, 10:45 to 13:05 is 140; twelve short of four hours is as planned",
        ),
        (
            "2026-11-11",
            "2026-11-11",
            330,
            330,
            "two at once: three hours, 180, for one client and two and a half, 150, for the other; both are billed",
        ),
        ("2026-11-10", "2026-11-11", 570, 558, "both days: 240 and 330; 228 and 330"),
        ("2026-03-01", "2026-11-30", 1_530, 1_523, "all of it: 420, 540, 240 and 330; 425, 540, 228 and 330"),
    ];
    let (shifts, visits) = office();
    for (from, to, scheduled, worked, why) in rows {
        let hours = sum_up(given(days(from, to), shifts.clone(), visits.clone()));
        let total = hours.total;
        assert_eq!((total.scheduled_minutes, total.worked_minutes), (*scheduled, *worked), "{why}");
        assert_eq!(total.variance_minutes, worked - scheduled, "{why}");
        let clients: i64 = hours.clients.iter().map(|one| one.sums.worked_minutes).sum();
        let caregivers: i64 = hours.caregivers.iter().map(|one| one.sums.worked_minutes).sum();
        assert_eq!((clients, caregivers), (*worked, *worked), "clients and caregivers add up: {why}");
        assert!(hours.exceptions.iter().all(|one| one.kind == ExceptionKind::Overlap), "{why}: {:?}", hours.exceptions);
    }
}

#[test]
fn nobody_is_paid_twice_for_a_minute_and_a_week_ends_at_its_midnight() {
    let (shifts, visits) = office();
    let hours = sum_up(given(days("2026-03-01", "2026-11-30"), shifts, visits));
    // 11:30 to 12:00 is claimed by both visits: 330 worked, 300 payable.
    let both = caregiver(&hours, "g3");
    assert_eq!((both.sums.worked_minutes, both.payable_minutes, both.overlap_minutes), (330, 300, 30));
    let overlap: Vec<_> = hours.exceptions.iter().map(|one| (one.kind, one.visit.as_deref(), one.minutes)).collect();
    assert_eq!(overlap, [(ExceptionKind::Overlap, Some("v6"), Some(30))]);
    // Weeks from Sunday: the spring night belongs to two weeks, 115 and 310; the autumn night to two more, 120 and 420.
    let night: Vec<_> =
        caregiver(&hours, "g1").weeks.iter().map(|week| (week.starts.to_string(), week.payable_minutes)).collect();
    let expected = [("2026-03-01", 115), ("2026-03-08", 310), ("2026-10-25", 120), ("2026-11-01", 420)];
    assert_eq!(night, expected.map(|(day, minutes)| (day.to_owned(), minutes)));
}

/// Visits of so many hours on so many days from Sunday, 22 November 2026, each from 08:00.
fn week_of(hours: u32, n_days: u32) -> Vec<VisitRow> {
    (0..n_days)
        .map(|n| {
            let day = 22 + n;
            let (from, until) = (format!("2026-11-{day} 08:00"), format!("2026-11-{day} {:02}:00", 8 + hours));
            visit(&format!("w{n}"), "", "c1", "g1", &from, &until)
        })
        .collect()
}

/// Which days, how long a day, how many days, the day's limit in hours, the overtime, and why.
type OvertimeCase<'a> = (Period, u32, u32, Option<i64>, i64, &'a str);

#[test]
fn overtime_is_what_goes_beyond_the_day_then_beyond_the_week() {
    let whole = days("2026-11-22", "2026-11-28");
    let rows: &[OvertimeCase<'_>] = &[
        (whole, 8, 5, None, 0, "forty hours are not beyond forty"),
        (whole, 9, 5, None, 300, "45 hours: five beyond"),
        (whole, 9, 5, Some(8), 300, "an hour a day beyond eight; the forty that are left are within the week"),
        (whole, 10, 3, Some(8), 360, "thirty hours, two a day beyond eight"),
        (whole, 9, 6, Some(8), 360 + 480, "six hours by the day, and eight of the 48 that are left by the week"),
        (days("2026-11-27", "2026-11-27"), 8, 6, None, 480, "the sixth day alone is all beyond forty"),
        (days("2026-11-26", "2026-11-27"), 9, 6, None, 300 + 540, "the fifth from its fifth hour on, the sixth whole"),
        (days("2026-11-22", "2026-11-24"), 9, 6, None, 0, "the first three days are within, whatever comes later"),
    ];
    for (period, hours, n_days, daily, overtime, why) in rows {
        let mut given = given(*period, Vec::new(), week_of(*hours, *n_days));
        given.terms.daily_overtime_after = daily.map(|hours| hours * 60);
        let hours = sum_up(given);
        let pay = caregiver(&hours, "g1");
        assert_eq!(pay.overtime_minutes, *overtime, "{why}");
        assert_eq!(pay.regular_minutes + pay.overtime_minutes, pay.payable_minutes, "{why}");
    }
    // The same five days of nine hours from Sunday, in weeks from Wednesday: 27 hours belong to the week before, 18 to the next.
    let mut given = given(whole, Vec::new(), week_of(9, 5));
    given.terms.week_starts = Weekday::Wed;
    assert_eq!(caregiver(&sum_up(given), "g1").overtime_minutes, 0);
}

#[test]
fn what_is_not_as_planned_is_listed_and_counts_what_it_can() {
    let shifts = vec![
        shift("a", "c1", "g1", "2026-11-10 09:00", "2026-11-10 11:00"),
        shift("b", "c2", "g1", "2026-11-10 12:00", "2026-11-10 14:00"),
        shift("c", "c3", "g2", "2026-11-10 09:00", "2026-11-10 11:00"),
        shift("d", "c4", "", "2026-11-10 09:00", "2026-11-10 10:00"),
        shift("e", "c5", "g3", "2026-11-10 09:00", "2026-11-10 10:00"),
        shift("f", "c6", "g4", "2026-11-10 08:00", "2026-11-10 09:00"),
        PlannedRow { cancelled: true, ..shift("x", "c7", "g5", "2026-11-10 08:00", "2026-11-10 09:00") },
    ];
    let mut edited = visit("v6", "f", "c6", "g4", "2026-11-10 08:00", "2026-11-10 09:00");
    edited.edited = Some(Edited { at: at("2026-11-12 10:00"), was_minutes: Some(50) });
    let mut backwards = visit("v8", "", "c9", "g8", "2026-11-10 10:00", "2026-11-10 09:00");
    backwards.caregiver = None;
    let mut unsettled = visit("v9", "", "c9", "g8", "2026-11-10 10:00", "2026-11-10 12:00");
    unsettled.unsettled = Some(at("2026-11-10 17:00"));
    let visits = vec![
        visit("v1", "a", "c1", "g1", "2026-11-10 09:00", "2026-11-10 10:44"), // 104 of 120: sixteen short
        visit("v2", "b", "c2", "g9", "2026-11-10 12:00", "2026-11-10 14:16"), // 136 of 120, by somebody else
        visit("v3", "c", "c3", "g2", "2026-11-10 09:00", ""),                 // left open
        edited,
        visit("v7", "zz", "c8", "g6", "2026-11-10 09:00", "2026-11-11 09:30"), // 1470 minutes, its shift is not there
        backwards,
        unsettled,
        visit("v10", "", "c9", "g7", "2026-11-10 15:00", "2026-11-10 15:30"),
    ];
    let hours = sum_up(given(days("2026-11-10", "2026-11-11"), shifts, visits));
    let listed: Vec<(ExceptionKind, &str, Option<i64>)> = hours
        .exceptions
        .iter()
        .map(|one| (one.kind, one.visit.as_deref().or(one.shift.as_deref()).unwrap_or(""), one.minutes))
        .collect();
    let mut expected = vec![
        (ExceptionKind::Edited, "v6", Some(10)),
        (ExceptionKind::Short, "v1", Some(-16)),
        (ExceptionKind::Open, "v3", None),
        (ExceptionKind::Uncovered, "d", Some(-60)),
        (ExceptionKind::MissingVisit, "e", Some(-60)),
        (ExceptionKind::NoMatch, "v7", Some(1_470)),
        (ExceptionKind::Long, "v7", Some(30)),
        (ExceptionKind::Backwards, "v8", None),
        (ExceptionKind::TimeUnknown, "v9", None),
        (ExceptionKind::Over, "v2", Some(16)),
        (ExceptionKind::OtherCaregiver, "v2", None),
        (ExceptionKind::Unscheduled, "v10", Some(30)),
    ];
    let mut sorted = listed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    let total = hours.total;
    // 120, 120, 120, 60, 60 and 60; the cancelled hour is not planned.
    assert_eq!(total.scheduled_minutes, 540);
    // 104, 136, 60, 1470 and 30.
    assert_eq!(total.worked_minutes, 1_800);
    // Of the shift that was left open and of the one without a visit: 120 and 60. Nobody was to go to the uncovered one.
    assert_eq!(total.unbillable_minutes, 180);
    assert_eq!((total.n_visits, total.n_open, total.n_edited, total.n_unknown), (5, 1, 1, 2));
}

#[test]
fn who_stays_on_for_the_next_shift_and_who_is_still_there() {
    let shifts = vec![
        shift("a", "c1", "g1", "2026-11-10 09:00", "2026-11-10 11:00"),
        shift("b", "c1", "g1", "2026-11-10 11:00", "2026-11-10 13:00"),
        shift("c", "c2", "g2", "2026-11-10 12:00", "2026-11-10 16:00"),
        shift("d", "c3", "g3", "2026-11-10 20:00", "2026-11-10 22:00"),
    ];
    let visits = vec![
        // Four hours for two shifts of two hours: one check-in.
        visit("v1", "a", "c1", "g1", "2026-11-10 09:00", "2026-11-10 13:00"),
        visit("v2", "c", "c2", "g2", "2026-11-10 12:00", ""),
    ];
    let mut given = given(days("2026-11-10", "2026-11-10"), shifts, visits);
    given.now = at("2026-11-10 14:00");
    given.wanted = HashMap::from([("g2".into(), 7 * 240)]);
    let hours = sum_up(given);
    let kinds: Vec<_> = hours.exceptions.iter().map(|one| (one.kind, one.shift.as_deref())).collect();
    assert_eq!(
        kinds,
        [(ExceptionKind::Over, Some("a"))],
        "the first is longer than planned, the second is not missing"
    );
    let total = hours.total;
    // Planned 120, 120, 240 and 120; due by two o'clock 120, 120 and 120; worked 240 and the 120 until now.
    assert_eq!((total.scheduled_minutes, total.due_minutes, total.worked_minutes), (600, 360, 360));
    assert_eq!((total.n_running, total.n_open, total.unbillable_minutes, total.variance_minutes), (1, 0, 0, 0));
    let running = caregiver(&hours, "g2");
    // 120 of the 240 that are wanted a day.
    assert_eq!((running.utilisation, running.utilisation_of.as_str()), (Some(0.5), "wanted"));
    assert_eq!(caregiver(&hours, "g1").utilisation, Some(1.0));
    assert_eq!(caregiver(&hours, "g3").utilisation, None, "nothing was due yet");
}

#[test]
fn rounding_stands_beside_the_exact_minutes() {
    let (shifts, visits) = office();
    for (rounding, rounded, why) in [
        (Rounding::None, 228, "as they are"),
        (Rounding::Six, 90 + 138, "88 is nearest to 90, 140 to 138"),
        (Rounding::Fifteen, 90 + 135, "88 is nearest to 90, 140 to 135"),
    ] {
        let mut given = given(days("2026-11-10", "2026-11-10"), shifts.clone(), visits.clone());
        given.terms.rounding = rounding;
        let hours = sum_up(given);
        assert_eq!((hours.total.worked_minutes, hours.total.rounded_minutes), (228, rounded), "{why}");
    }
}

#[test]
fn a_closed_period_stays_as_it_was_and_later_edits_stand_beside_it() {
    let (shifts, mut visits) = office();
    let terms = Terms::new(ZONE);
    let period = days("2026-11-08", "2026-11-14");
    let kept = closing::keep(&visits, &period, &terms);
    let hours = sum_up(given(period, shifts, visits.clone()));
    assert_eq!(kept.values().filter_map(|visit| visit.minutes).sum::<i64>(), hours.total.worked_minutes);
    let closed = closing::ClosedPeriod {
        from: period.from,
        to: period.to,
        at: at("2026-11-16 09:00"),
        by: "office".into(),
        total: hours.total,
        digest: closing::digest(&kept),
    };
    let frozen = closing::Frozen { period: closed, hours, visits: kept.clone() };
    assert_eq!(closing::adjustments(&frozen, &kept), []);
    // v3 is given ten minutes more, v5 turns out never to have been, v7 is entered.
    visits[2].check_out = Some(at("2026-11-10 10:40"));
    visits.remove(4);
    visits.push(visit("v7", "", "c2", "g2", "2026-11-12 09:00", "2026-11-12 09:30"));
    let now = closing::keep(&visits, &period, &terms);
    let changed: Vec<_> = closing::adjustments(&frozen, &now)
        .into_iter()
        .map(|one| (one.visit, one.was.is_some(), one.is.is_some(), one.difference_minutes))
        .collect();
    let expected = [("v3", true, true, 10), ("v5", true, false, -180), ("v7", false, true, 30)];
    assert_eq!(changed, expected.map(|(id, was, is, by)| (id.to_owned(), was, is, by)));
    assert_ne!(closing::digest(&now), frozen.period.digest);
    let _: NaiveDate = frozen.period.from;
    let mut shown = frozen.hours.clone();
    shown.closed = vec![frozen.period];
    assert_eq!(shown.where_adjustments_are(), "beside the sums");
    shown.to = "2026-11-15".parse().unwrap();
    assert_eq!(shown.where_adjustments_are(), "in the sums already", "a day more is summed up anew");
}

#[test]
fn what_is_not_read_or_still_runs_is_not_closed() {
    let period = days("2026-11-10", "2026-11-10");
    // Fifty-one minutes past the midnight at which the period ended.
    let shifts = vec![shift("night", "c1", "g1", "2026-11-10 22:00", "2026-11-11 06:00")];
    let at_night = |until: &str, now: &str, missing: Vec<Missing>| {
        let visits = vec![visit("v1", "night", "c1", "g1", "2026-11-10 22:00", until)];
        let hours = sum_up(Given { now: at(now), missing, ..given(period, shifts.clone(), visits) });
        (hours.total.worked_minutes, closing::too_early(&hours))
    };
    let (worked, why) = at_night("", "2026-11-11 00:51", Vec::new());
    assert_eq!(worked, 120);
    assert!(why.is_some_and(|why| why.starts_with("1 of its visits still run")), "it is counted, and not known");
    assert_eq!(at_night("2026-11-11 06:02", "2026-11-11 06:10", Vec::new()), (120, None), "checked out");
    assert_eq!(at_night("", "2026-11-11 10:00", Vec::new()), (0, None), "left open: it counts nothing, as it is kept");
    let mut unsettled = visit("v1", "night", "c1", "g1", "2026-11-10 22:00", "2026-11-11 06:02");
    unsettled.unsettled = Some(at("2026-11-11 05:00"));
    let hours = sum_up(given(period, shifts.clone(), vec![unsettled]));
    assert!(closing::too_early(&hours).is_some_and(|why| why.starts_with("1 of its visits have times without")));
    let unread = Missing { day: period.from, section: "visits".into(), clients: None };
    let (_, why) = at_night("2026-11-11 06:02", "2026-11-11 06:10", vec![unread]);
    assert!(why.is_some_and(|why| why.contains("(2026-11-10): read it first")));
}

#[test]
fn where_nobody_looked_nothing_is_unbillable() {
    let missing = |section: &str, day: &str, clients: Option<&[&str]>| Missing {
        day: day.parse().unwrap(),
        section: section.into(),
        clients: clients.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect()),
    };
    for (missing, minutes, shows) in [
        (vec![], 480, "read, and nobody came"),
        (vec![missing("visits", "2026-11-10", None)], 0, "nobody looked"),
        (vec![missing("visits", "2026-11-11", Some(&["c9", "c1"]))], 0, "nobody looked at the morning it ends in"),
        (vec![missing("visits", "2026-11-10", Some(&["c9"]))], 480, "somebody else was not looked at"),
        (vec![missing("visits", "2026-11-12", None)], 480, "another day"),
        (vec![missing("shifts", "2026-11-10", None)], 480, "there may be more shifts, not more visits"),
    ] {
        let night = shift("night", "c1", "g1", "2026-11-10 22:00", "2026-11-11 06:00");
        let hours = sum_up(Given { missing, ..given(days("2026-11-10", "2026-11-11"), vec![night], Vec::new()) });
        assert_eq!(hours.total.unbillable_minutes, minutes, "{shows}");
        assert_eq!(hours.exceptions.len(), usize::from(minutes > 0), "{shows}");
        assert_eq!(hours.total.due_minutes, 480, "{shows}: what was planned is known");
    }
}
