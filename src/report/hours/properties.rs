//! Any office: the sums against a recomputation that goes minute by minute and shares nothing with them, and the matching against
//! the mirror's.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Datelike as _, NaiveDate, TimeDelta, Weekday};
use proptest::prelude::*;

use super::{
    Given,
    matching::Places,
    rows::{PlannedRow, VisitRow},
    sum_up,
    terms::{Period, Terms},
};
use crate::{
    mirror::{
        NaiveClock,
        settings::NaiveReading,
        shifts::{ShiftEntry, Shifts},
        visits::match_shift,
    },
    model::{Instant, Shift, ShiftKey, ShiftRef, ShiftStatus, Visit, VisitTime},
};

const ZONE: chrono_tz::Tz = chrono_tz::America::New_York;

/// A fortnight around a change of the clocks, or around none.
fn begins() -> impl Strategy<Value = NaiveDate> {
    prop_oneof![Just("2026-03-01"), Just("2026-10-25"), Just("2026-06-07")].prop_map(|day| day.parse().unwrap())
}

#[derive(Debug, Clone)]
struct Office {
    period: Period,
    terms: Terms,
    now: Instant,
    shifts: Vec<PlannedRow>,
    visits: Vec<VisitRow>,
}

fn office() -> impl Strategy<Value = Office> {
    let seconds = 14 * 86_400_i64;
    let shift = (0_u8..4, 0_u8..4, 0_u8..5, 0..seconds, 0_i64..14 * 3_600, 0_u8..8);
    let visit = (0_u8..5, 0_u8..5, 0_u8..6, 0..seconds, -3_600_i64..30 * 3_600, 0_u8..8);
    let terms = (0_u8..7, 10_i64..50, proptest::option::of(4_i64..12));
    (
        begins(),
        0_i64..12,
        0_i64..8,
        terms,
        proptest::collection::vec(shift, 0..8),
        proptest::collection::vec(visit, 0..12),
        // Beyond everything that could still run.
        16 * 86_400..18 * 86_400_i64,
    )
        .prop_map(|(first, skip, length, (week, weekly, daily), shifts, visits, now)| {
            let zero = crate::model::local_time::start_of_day(ZONE, first);
            let at = |seconds: i64| zero + TimeDelta::seconds(seconds);
            let from = first + TimeDelta::days(skip);
            let id = |kind: &str, n: u8| (n > 0).then(|| format!("{kind}{n}"));
            let mut terms = Terms::new(ZONE);
            terms.week_starts = Weekday::try_from(week).unwrap();
            terms.overtime_after = weekly * 60;
            terms.daily_overtime_after = daily.map(|hours| hours * 60);
            Office {
                period: Period::new(from, from + TimeDelta::days(length)).unwrap(),
                terms,
                now: at(now),
                shifts: shifts
                    .into_iter()
                    .map(|(client, caregiver, shift, start, length, odd)| PlannedRow {
                        client: format!("c{client}").as_str().into(),
                        id: id("s", shift).map(|id| id.as_str().into()),
                        start: at(start),
                        end: at(start + length),
                        caregiver: id("g", caregiver).map(|id| id.as_str().into()),
                        cancelled: odd == 0,
                    })
                    .collect(),
                visits: visits
                    .into_iter()
                    .enumerate()
                    .map(|(n, (client, caregiver, shift, start, length, odd))| VisitRow {
                        id: format!("v{n}").as_str().into(),
                        client: id("c", client).map(|id| id.as_str().into()),
                        caregiver: id("g", caregiver).map(|id| id.as_str().into()),
                        shift: id("s", shift).map(|id| id.as_str().into()),
                        check_in: (odd != 1).then(|| at(start)),
                        check_out: (odd != 2).then(|| at(start + length)),
                        unsettled: (odd == 3).then(|| at(start + 18_000)),
                        edited: None,
                    })
                    .collect(),
            }
        })
}

/// The minutes of a stretch, one by one.
fn each_minute(from: Instant, until: Instant) -> Vec<i64> {
    (from.timestamp().div_euclid(60)..until.timestamp().div_euclid(60)).collect()
}

/// The day a wall clock shows in a minute.
fn day_of(minute: i64) -> NaiveDate {
    chrono::DateTime::from_timestamp(minute * 60, 0).unwrap().with_timezone(&ZONE).date_naive()
}

fn week_of(day: NaiveDate, starts: Weekday) -> NaiveDate {
    let mut first = day;
    while first.weekday() != starts {
        first = first.pred_opt().unwrap();
    }
    first
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn hours_are_what_a_count_minute_by_minute_gives(office in office()) {
        let Office { period, terms, now, shifts, visits } = office.clone();
        let hours = sum_up(Given {
            agency: "main".into(), terms, period, now, shifts: shifts.clone(), visits: visits.clone(),
            wanted: HashMap::new(), missing: Vec::new(),
        });
        let inside = |minute: &i64| period.from <= day_of(*minute) && day_of(*minute) <= period.to;

        let mut scheduled: BTreeMap<String, i64> = BTreeMap::new();
        for shift in shifts.iter().filter(|shift| !shift.cancelled) {
            let n = each_minute(shift.start, shift.end).iter().filter(|minute| inside(minute)).count();
            *scheduled.entry(shift.client.to_string()).or_default() += i64::try_from(n).unwrap();
        }
        let mut worked: BTreeMap<Option<String>, i64> = BTreeMap::new();
        let mut by_week: BTreeMap<(Option<String>, NaiveDate), i64> = BTreeMap::new();
        let mut minutes: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
        for visit in &visits {
            // Running visits have a test of their own.
            let (Some(from), Some(until), None) = (visit.check_in, visit.check_out, visit.unsettled) else { continue };
            for minute in each_minute(from, until) {
                if let Some(caregiver) = &visit.caregiver {
                    minutes.entry(caregiver.to_string()).or_default().insert(minute);
                }
                if inside(&minute) {
                    let client = visit.client.as_ref().map(ToString::to_string);
                    *worked.entry(client.clone()).or_default() += 1;
                    *by_week.entry((client, week_of(day_of(minute), terms.week_starts))).or_default() += 1;
                }
            }
        }
        prop_assert_eq!(hours.total.n_running, 0);

        for client in &hours.clients {
            let planned = client.client.as_ref().and_then(|id| scheduled.get(id)).copied().unwrap_or(0);
            prop_assert_eq!(client.sums.scheduled_minutes, planned);
            prop_assert_eq!(client.sums.worked_minutes, worked.get(&client.client).copied().unwrap_or(0));
            for week in &client.weeks {
                let counted = by_week.get(&(client.client.clone(), week.starts)).copied().unwrap_or(0);
                prop_assert_eq!(week.worked_minutes, counted);
            }
        }
        prop_assert_eq!(hours.total.scheduled_minutes, scheduled.values().sum::<i64>());
        prop_assert_eq!(hours.total.worked_minutes, worked.values().sum::<i64>());
        let of_caregivers: i64 = hours.caregivers.iter().map(|one| one.sums.worked_minutes).sum();
        prop_assert_eq!(of_caregivers, hours.total.worked_minutes);
        let planned: i64 = hours.caregivers.iter().map(|one| one.sums.scheduled_minutes).sum();
        prop_assert_eq!(planned, hours.total.scheduled_minutes);

        for caregiver in hours.caregivers.iter().filter(|one| one.caregiver.is_some()) {
            let none = BTreeSet::new();
            let all = minutes.get(caregiver.caregiver.as_ref().unwrap()).unwrap_or(&none);
            let (mut payable, mut overtime) = (0, 0);
            let mut of_day: BTreeMap<NaiveDate, i64> = BTreeMap::new();
            let mut of_week: BTreeMap<NaiveDate, i64> = BTreeMap::new();
            for minute in all {
                let day = day_of(*minute);
                let in_day = of_day.entry(day).or_default();
                *in_day += 1;
                let by_day = terms.daily_overtime_after.is_some_and(|limit| *in_day > limit);
                let in_week = of_week.entry(week_of(day, terms.week_starts)).or_default();
                if !by_day {
                    *in_week += 1;
                }
                let beyond = by_day || *in_week > terms.overtime_after;
                if inside(minute) {
                    payable += 1;
                    overtime += i64::from(beyond);
                }
            }
            prop_assert_eq!(caregiver.payable_minutes, payable);
            prop_assert_eq!(caregiver.overtime_minutes, overtime);
            prop_assert_eq!(caregiver.overlap_minutes, caregiver.sums.worked_minutes - payable);
        }
    }

    #[test]
    fn a_period_is_the_sum_of_its_days(office in office()) {
        let Office { period, terms, now, shifts, visits } = office;
        let sum = |period| {
            let (shifts, visits) = (shifts.clone(), visits.clone());
            sum_up(Given {
                agency: "main".into(), terms, period, now, shifts, visits, wanted: HashMap::new(), missing: Vec::new(),
            })
        };
        let whole = sum(period);
        let days: Vec<_> = period.days().map(|day| sum(Period::new(day, day).unwrap())).collect();
        let of = |pick: fn(&super::answer::Hours) -> i64| (pick(&whole), days.iter().map(pick).sum::<i64>());
        for (whole, parts) in [
            of(|hours| hours.total.scheduled_minutes),
            of(|hours| hours.total.worked_minutes),
            of(|hours| hours.total.unbillable_minutes),
            of(|hours| hours.caregivers.iter().map(|one| one.payable_minutes).sum()),
            of(|hours| hours.caregivers.iter().map(|one| one.overtime_minutes).sum()),
            of(|hours| i64::try_from(hours.exceptions.iter().filter(|one| one.at.is_some()).count()).unwrap()),
        ] {
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn visits_find_the_shift_that_the_mirror_finds(office in office()) {
        let mut shifts = office.shifts;
        shifts.sort_by(|a, b| (&a.client, a.start, &a.id).cmp(&(&b.client, b.start, &b.id)));
        shifts.dedup_by(|a, b| (&a.client, a.start, &a.id) == (&b.client, b.start, &b.id));
        shifts.retain(|shift| shift.id.is_some());
        let mut mirrored = Shifts::default();
        for row in &shifts {
            mirrored.put(ShiftEntry {
                shift: Shift {
                    key: ShiftKey { start: row.start, client: row.client.clone(), id: ShiftRef::Vendor(row.id.clone().unwrap()) },
                    end: row.end,
                    caregiver: row.caregiver.clone(),
                    status: if row.cancelled { ShiftStatus::Cancelled } else { ShiftStatus::Active(None) },
                },
                seen_at: row.start, first_seen_at: row.start, appeared: false, missed_at: None, changed_at: None,
                visits: Vec::new(),
            });
        }
        let places = Places::of(&shifts);
        let clock = NaiveClock::new(NaiveReading::Auto, None);
        for row in office.visits.iter().filter(|row| row.unsettled.is_none()) {
            let visit = Visit {
                id: row.id.clone(), client: row.client.clone(), caregiver: row.caregiver.clone(), shift: row.shift.clone(),
                check_in: row.check_in.map(VisitTime::Instant), check_out: row.check_out.map(VisitTime::Instant), status: None,
            };
            let by_mirror = match_shift(&visit, &mirrored, &clock, ZONE).map(|key| (key.client, key.start));
            let ours = places.of_visit(row).map(|place| (shifts[place].client.clone(), shifts[place].start));
            prop_assert_eq!(ours, by_mirror, "{:?}", row);
        }
    }
}
