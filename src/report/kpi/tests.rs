use proptest::prelude::*;

use super::*;
use crate::model::local_time::from_micros;

fn at(hours: i64) -> Instant {
    from_micros(1_783_342_800_000_000) + TimeDelta::hours(hours)
}

fn shift(start: i64, lasts: i64, caregiver: Option<&str>) -> ShiftFact {
    ShiftFact {
        location: "north".into(),
        client: "c1".into(),
        caregiver: caregiver.map(Into::into),
        start: at(start),
        end: at(start + lasts),
        cancelled: false,
        came: None,
        who: Vec::new(),
        came_at: None,
        worked: None,
    }
}

fn visited(start: i64, lasts: i64, who: &str, late_minutes: i64, worked_minutes: i64) -> ShiftFact {
    ShiftFact {
        came: Some(true),
        who: vec![who.into()],
        came_at: Some(at(start) + TimeDelta::minutes(late_minutes)),
        worked: Some(TimeDelta::minutes(worked_minutes)),
        ..shift(start, lasts, Some(who))
    }
}

fn line(hour: i64, what: &str) -> Happened {
    let shift = "1@2026-07-07T13:00:00Z/c1".to_owned();
    Happened { at: at(hour), shift, what: what.to_owned() }
}

fn facts<'a>(shifts: &'a [ShiftFact], history: &'a [Happened], edits: Option<Edits>) -> Facts<'a> {
    let week = (at(-24 * 7), at(24 * 7));
    let exceptions_waiting = BTreeMap::new();
    Facts { agency: "main", complete: true, shifts, week, history, exceptions_waiting, edits, reminders: None }
}

fn count(shifts: &[ShiftFact], history: &[Happened]) -> AgencyKpis {
    AgencyKpis::of(facts(shifts, history, None), 7, at(0))
}

#[test]
fn of_nothing_nothing_is_known() {
    let kpis = count(&[], &[]);
    assert_eq!(kpis.all, Figures::default());
    assert_eq!((kpis.overtime_hours, kpis.filled_late_ratio, kpis.time_to_fill.p50_seconds), (None, None, None));
    let json = serde_json::to_value(&kpis.all).unwrap();
    assert_eq!(json["fill_ratio"], serde_json::Value::Null);
}

#[test]
fn what_reminders_cleared_is_a_share_of_those_known() {
    let ratio = |cleared, not_cleared| Reminded::of(9, cleared, not_cleared).cleared_ratio;
    assert_eq!((ratio(0, 0), ratio(3, 1), ratio(0, 2)), (None, Some(0.75), Some(0.0)));
}

#[test]
fn shares_are_of_what_is_known() {
    let south = ShiftFact { location: "south".into(), came: Some(false), ..shift(-20, 4, Some("g3")) };
    let cancelled = ShiftFact { cancelled: true, ..shift(-30, 4, None) };
    let kpis = count(
        &[
            visited(-10, 4, "g1", 7, 240),
            visited(-50, 4, "g2", -15, 180),
            shift(-9, 4, Some("g1")),
            shift(-24 * 9, 4, Some("g1")),
            south,
            cancelled,
            shift(10, 4, None),
            shift(30, 2, None),
            shift(40, 2, Some("g1")),
            shift(100, 2, None),
        ],
        &[],
    );
    let north = &kpis.locations["north"];
    assert_eq!((north.n_shifts, north.n_unknown), (3, 1));
    assert_eq!((north.fill_ratio, north.missed_ratio), (Some(1.0), Some(0.0)));
    assert_eq!((north.on_time_7m_ratio, north.on_time_15m_ratio), (Some(0.5), Some(1.0)));
    assert_eq!((north.scheduled_hours, north.worked_hours, north.variance_hours), (Some(8.0), Some(7.0), Some(-1.0)));
    assert_eq!(north.caregivers_per_client, Some(2.0));
    assert_eq!((north.open_24h_ratio, north.at_risk_24h_hours), (Some(1.0), Some(4.0)));
    assert_eq!((north.open_72h_ratio.map(|share| share * 3.0), north.at_risk_72h_hours), (Some(2.0), Some(6.0)));
    assert_eq!((kpis.locations["south"].missed_ratio, kpis.locations["south"].open_24h_ratio), (Some(1.0), None));
    assert_eq!(kpis.all.missed_ratio.map(|share| (share * 3.0).round()), Some(1.0));
}

#[test]
fn a_few_known_visits_say_nothing_of_many_shifts() {
    let known = |n_known: i64, n: i64| {
        let visited = (0..n_known).map(|i| visited(-10 - i, 4, "g1", 0, 240));
        let all: Vec<ShiftFact> = visited.chain((n_known..n).map(|i| shift(-10 - i, 4, Some("g1")))).collect();
        count(&all, &[]).all
    };
    for (n_known, n, says) in [(13, 106, false), (4, 9, false), (5, 10, true), (10, 10, true), (0, 3, false)] {
        let all = known(n_known, n);
        assert_eq!((all.n_shifts, all.n_unknown), (n.unsigned_abs(), (n - n_known).unsigned_abs()));
        let shares = [all.fill_ratio, all.missed_ratio, all.on_time_15m_ratio].map(|share| all.told(share));
        assert_eq!(shares, if says { [Some(1.0), Some(0.0), Some(1.0)] } else { [None; 3] }, "{n_known} of {n}");
    }
}

#[test]
fn a_gap_is_filled_from_its_call_out_to_its_cover() {
    // The shift starts 24 hours from the base.
    let history = [line(10, "appeared"), line(12, "uncovered"), line(13, "uncovered"), line(15, "covered")];
    let kpis = count(&[], &history);
    assert_eq!((kpis.time_to_fill.n, kpis.time_to_fill.p50_seconds), (1, Some(3.0 * 3_600.0)));
    assert_eq!(kpis.filled_late_ratio, Some(0.0));
    let late = count(&[], &[line(12, "uncovered"), line(21, "covered")]);
    assert_eq!(late.filled_late_ratio, Some(1.0), "three hours before the start");
    let gone = count(&[], &[line(12, "uncovered"), line(13, "cancelled"), line(14, "covered")]);
    assert_eq!(gone.time_to_fill.n, 0);
    assert_eq!(count(&[], &[line(5, "appeared"), line(6, "covered")]).time_to_fill.n, 0, "since when is not known");
}

#[test]
fn overtime_is_what_a_caregiver_has_beyond_forty_hours() {
    let long = |start| shift(start, 10, Some("g1"));
    assert_eq!(count(&[long(-100), long(-80), long(-60), long(-40)], &[]).overtime_hours, Some(0.0));
    let five = [long(-100), long(-80), long(-60), long(-40), shift(-20, 4, Some("g2")), long(50)];
    assert_eq!(count(&five, &[]).overtime_hours, Some(10.0));
}

#[test]
fn continuity_is_counted_over_thirty_days_whatever_the_span() {
    let of = |client: &str, shift: ShiftFact| ShiftFact { client: client.into(), ..shift };
    let shifts = [
        of("c1", visited(-24 * 2, 4, "g1", 0, 240)),
        of("c1", visited(-24 * 20, 4, "g2", 0, 240)),
        of("c1", visited(-24 * 29, 4, "g3", 0, 240)),
        of("c1", visited(-24 * 31, 4, "g4", 0, 240)),
        of("c2", visited(-24 * 5, 4, "g1", 0, 240)),
        of("c2", visited(-24 * 12, 4, "g1", 0, 240)),
        // Of this one nobody knows who came.
        of("c3", shift(-24 * 3, 4, Some("g9"))),
    ];
    let kpis = count(&shifts, &[]);
    assert_eq!(kpis.all.caregivers_per_client, Some(2.0), "three of c1 and one of c2, over two clients");
    assert_eq!(kpis.all.n_shifts, 3, "of seven days");
    assert_eq!(kpis.known_from, Some(at(-24 * 31)));
    let month = AgencyKpis::of(facts(&shifts, &[], None), 30, at(0));
    assert_eq!((month.all.n_shifts, month.all.n_unknown, month.all.fill_ratio), (6, 1, Some(1.0)));
}

#[test]
fn the_share_of_edited_visits_is_of_those_that_were_read_again() {
    assert_eq!(count(&[], &[]).manual_edit_ratio, None, "nothing was read again");
    let edits = Edits { since: at(-24 * 20), n_visits: 40, n_edited: 3 };
    let kpis = AgencyKpis::of(facts(&[], &[], Some(edits)), 7, at(0));
    assert_eq!((kpis.manual_edit_ratio, kpis.manual_edits), (Some(0.075), Some(edits)));
}

#[test]
fn time_to_fill_is_of_each_call_out() {
    // Shifts that start 24, 24 and 24 hours from the base; called out and filled after 1, 2 and 10 hours.
    let one = |id: &str, hour: i64, what: &str| Happened {
        at: at(hour),
        shift: format!("{id}@2026-07-07T13:00:00Z/c1"),
        what: what.to_owned(),
    };
    let history = [
        one("a", 10, "uncovered"),
        one("b", 10, "uncovered"),
        one("a", 11, "covered"),
        one("b", 12, "covered"),
        one("c", 13, "uncovered"),
        one("c", 23, "covered"),
    ];
    let kpis = count(&[], &history);
    let hours = |seconds: Option<f64>| seconds.map(|seconds| seconds / 3_600.0);
    assert_eq!(kpis.time_to_fill.n, 3);
    assert_eq!((hours(kpis.time_to_fill.p50_seconds), hours(kpis.time_to_fill.p90_seconds)), (Some(2.0), Some(10.0)));
    assert_eq!(kpis.filled_late_ratio, Some(1.0 / 3.0), "one of three less than four hours before its start");
}

/// A shift by whole hours and minutes.
#[derive(Debug, Clone)]
struct Drawn {
    client: u8,
    caregiver: Option<u8>,
    start: i64,
    lasts: i64,
    cancelled: bool,
    #[expect(clippy::option_option, reason = "nobody has looked, nobody came, or who did")]
    came: Option<Option<(u8, i64, Option<i64>)>>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let came = proptest::option::of(proptest::option::of((0_u8..4, -40_i64..40, proptest::option::of(0_i64..600))));
    (0_u8..3, proptest::option::of(0_u8..4), -24 * 40_i64..24 * 4, 1_i64..10, proptest::bool::weighted(0.1), came)
        .prop_map(|(client, caregiver, start, lasts, cancelled, came)| Drawn {
            client,
            caregiver,
            start,
            lasts,
            cancelled,
            came,
        })
}

fn fact(drawn: &Drawn) -> ShiftFact {
    let visit = drawn.came.flatten();
    ShiftFact {
        client: format!("c{}", drawn.client).as_str().into(),
        cancelled: drawn.cancelled,
        came: drawn.came.map(|came| came.is_some()),
        who: visit.iter().map(|(who, ..)| format!("g{who}").as_str().into()).collect(),
        came_at: visit.map(|(_, late, _)| at(drawn.start) + TimeDelta::minutes(late)),
        worked: visit.and_then(|(.., worked)| worked).map(TimeDelta::minutes),
        ..shift(drawn.start, drawn.lasts, drawn.caregiver.map(|n| format!("g{n}")).as_deref())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Counted once more from what was drawn, in whole minutes, shift by shift.
    #[test]
    fn another_count_comes_to_the_same(all in proptest::collection::vec(drawn(), 0..40), days in 1_u32..31) {
        let facts_of: Vec<ShiftFact> = all.iter().map(fact).collect();
        let figures = AgencyKpis::of(facts(&facts_of, &[], None), days, at(0)).all;
        let (mut n, mut unknown, mut made, mut missed) = (0_u64, 0_u64, 0_u32, 0_u32);
        let (mut timed, mut seven, mut fifteen) = (0_u32, 0_u32, 0_u32);
        let (mut planned, mut worked, mut whole) = (0_i64, 0_i64, false);
        let (mut coming, mut open, mut open_hours) = (0_u32, 0_u32, 0_i64);
        let mut pairs = BTreeSet::new();
        for one in all.iter().filter(|one| !one.cancelled) {
            let end = one.start + one.lasts;
            if (-24 * i64::from(days)..=0).contains(&end) {
                n += 1;
                match one.came {
                    None => unknown += 1,
                    Some(None) => missed += 1,
                    Some(Some((_, late, stayed))) => {
                        made += 1;
                        timed += 1;
                        seven += u32::from(late.abs() <= 7);
                        fifteen += u32::from(late.abs() <= 15);
                        if let Some(stayed) = stayed {
                            (planned, worked, whole) = (planned + one.lasts * 60, worked + stayed, true);
                        }
                    }
                }
            }
            if (-24 * 30..=0).contains(&end)
                && let Some(Some((who, ..))) = one.came
            {
                pairs.insert((one.client, who));
            }
            if one.start > 0 && one.start <= 72 {
                coming += 1;
                if one.caregiver.is_none() {
                    (open, open_hours) = (open + 1, open_hours + one.lasts);
                }
            }
        }
        let of = |part: u32, whole: u32| (whole > 0).then(|| f64::from(part) / f64::from(whole));
        let near = |a: Option<f64>, b: Option<f64>| a.is_some() == b.is_some() && a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-6);
        let clients: BTreeSet<u8> = pairs.iter().map(|(client, _)| *client).collect();
        let count = |n: usize| u32::try_from(n).unwrap();
        prop_assert_eq!((figures.n_shifts, figures.n_unknown), (n, unknown));
        prop_assert!(near(figures.fill_ratio, of(made, made + missed)));
        prop_assert!(near(figures.missed_ratio, of(missed, made + missed)));
        prop_assert!(near(figures.on_time_7m_ratio, of(seven, timed)));
        prop_assert!(near(figures.on_time_15m_ratio, of(fifteen, timed)));
        let hours = |minutes: i64| f64::from(i32::try_from(minutes).unwrap()) / 60.0;
        prop_assert!(near(figures.scheduled_hours, whole.then(|| hours(planned))));
        prop_assert!(near(figures.variance_hours, whole.then(|| hours(worked - planned))));
        prop_assert!(near(figures.caregivers_per_client, of(count(pairs.len()), count(clients.len()))));
        prop_assert!(near(figures.open_72h_ratio, of(open, coming)));
        prop_assert!(near(figures.at_risk_72h_hours, (coming > 0).then(|| hours(open_hours * 60))));
    }
}
