//! A believable agency out of a seed: who there is, the week they live in, and what goes wrong in it.
//!
//! Given: a seed, sizes, habits, and the instant around which the schedule is laid.
//! Gives: a [`World`] whose people act by themselves. Shifts follow weekly patterns (mornings, middays, evenings,
//! nights, a few clients around the clock in three shifts); the occurrences of a pattern share one id, several in a
//! week. The schedule reaches from `days_back` before to `days_ahead` after and grows by a day each night.
//! Does not: keep a random stream. Every throw belongs to a pattern and a date (see `dice`).

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Appointment, Conduct, Patient, Phone, Practitioner, World, acts::Act, wall};
use crate::{
    model::Instant,
    sim::{dice::Dice, names},
};

/// How often things go other than planned, in shifts of a thousand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Habits {
    /// The caregiver calls out 1 to 20 h before the start.
    pub call_out: u32,
    /// Of those, how many are covered again within three hours.
    pub covered_again: u32,
    /// No caregiver when the shift enters the schedule; most find one up to two hours before.
    pub open: u32,
    /// Cancelled a day or less before.
    pub cancelled: u32,
    /// Another caregiver than usual.
    pub swapped: u32,
    /// Checks in 8 to 40 minutes late.
    pub late: u32,
    /// Never checks in.
    pub forgets_in: u32,
    /// Somebody not on the schedule checks in.
    pub substitute: u32,
    /// Never checks out, until the office enters it at ten the next morning.
    pub forgets_out: u32,
    /// Leaves for an hour in the middle: two visits.
    pub split: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            call_out: 15,
            covered_again: 800,
            open: 12,
            cancelled: 8,
            swapped: 30,
            late: 60,
            forgets_in: 10,
            substitute: 8,
            forgets_out: 25,
            split: 5,
        }
    }
}

impl Habits {
    /// Everybody comes, on time, and everything stays as planned.
    pub const fn flawless() -> Self {
        Self {
            call_out: 0,
            covered_again: 0,
            open: 0,
            cancelled: 0,
            swapped: 0,
            late: 0,
            forgets_in: 0,
            substitute: 0,
            forgets_out: 0,
            split: 0,
        }
    }
}

/// What a world is grown from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeding {
    /// The same seed gives the same world.
    pub seed: u64,
    /// Current clients; prospects and former clients come on top, about three for two.
    pub clients: usize,
    /// Hired caregivers; applicants and leavers come on top.
    pub caregivers: usize,
    /// How often things go wrong.
    pub habits: Habits,
    /// Days of schedule before today.
    pub days_back: u32,
    /// Days of schedule after today.
    pub days_ahead: u32,
    /// Planted in front of every text about a person; empty = nothing.
    pub marker: String,
}

impl Default for Seeding {
    fn default() -> Self {
        Self {
            seed: 1,
            clients: 200,
            caregivers: 90,
            habits: Habits::default(),
            days_back: 8,
            days_ahead: 33,
            marker: String::new(),
        }
    }
}

/// What the schedule of every day is made from.
pub(super) struct Plan {
    seed: u64,
    habits: Habits,
    patterns: Vec<Pattern>,
    next_date: NaiveDate,
}

/// One recurring shift.
struct Pattern {
    number: u64,
    id: String,
    client: String,
    /// Monday first.
    days: [bool; 7],
    /// Minutes after local midnight.
    start_min: i64,
    length_min: i64,
    caregiver: Option<String>,
    /// Who may stand in: the hired caregivers of the location.
    pool: std::sync::Arc<[String]>,
}

/// (per mille of clients with care, the shapes of their week: (days, earliest start in quarter hours, latest, minutes)).
type Shape = (&'static str, i64, i64, i64);

const WEEKS: &[(u32, &[Shape])] = &[
    (270, &[("mwf----", 28, 36, 240)]),
    (180, &[("-t-t---", 28, 52, 180)]),
    (120, &[("mtwtf--", 44, 56, 120)]),
    (130, &[("mtwtfss", 28, 34, 150)]),
    (90, &[("mtwtfss", 28, 32, 90), ("mtwtfss", 70, 78, 90)]),
    (90, &[("mtwtf--", 68, 76, 180)]),
    (50, &[("-----ss", 32, 40, 360)]),
    (45, &[("mtwtf--", 84, 90, 540)]),
    (15, &[("mtwtfss", 24, 24, 480), ("mtwtfss", 56, 56, 480), ("mtwtfss", 88, 88, 480)]),
    (10, &[("--w----", 40, 40, 60)]),
];

const QUARTER_MIN: i64 = 15;
const MINUTES_A_DAY: i64 = 24 * 60;

impl World {
    /// The agency of a seed, as it is at `now`. The week before has already happened.
    pub fn seeded(zone: Tz, now: Instant, seeding: &Seeding) -> Self {
        let mut world = Self::empty(zone).marked(&seeding.marker);
        let hired = world.hire(seeding, now);
        let patterns = world.take_clients(seeding, &hired, now);
        let today = now.with_timezone(&zone).date_naive();
        let first = today.checked_sub_days(Days::new(u64::from(seeding.days_back))).unwrap_or(today);
        world.seeded =
            Some(Box::new(Plan { seed: seeding.seed, habits: seeding.habits.clone(), patterns, next_date: first }));
        for _ in 0..=(seeding.days_back + seeding.days_ahead) {
            world.lay_day();
        }
        let tomorrow = today.succ_opt().unwrap_or(today);
        world.plan(wall(zone, tomorrow.and_time(NaiveTime::MIN)) + TimeDelta::hours(3), Act::Grow);
        world.advance(now);
        let _the_past_is_no_news = world.take_outcomes();
        world
    }

    /// Hires the caregivers; gives the ids of the hired ones by location.
    fn hire(&mut self, seeding: &Seeding, now: Instant) -> [Vec<String>; 2] {
        let mut hired = [Vec::new(), Vec::new()];
        let mut number = 8_000_200_u64;
        for n in 0..seeding.caregivers {
            let mut dice = Dice::keyed(seeding.seed, &[1, n as u64]);
            let north = dice.chance(600);
            let location = if north { "501" } else { "502" };
            number += 1;
            let mut row = practitioner(number, location, now, &mut dice);
            row.is_hired = Some(true);
            hired[usize::from(!north)].push(row.id.clone());
            self.add_caregiver(row);
            if dice.chance(350) {
                number += 1;
                let mut row = practitioner(number, location, now, &mut dice);
                row.is_hired = Some(false);
                row.active = dice.chance(500);
                row.status = u32::try_from(10 * dice.between(1, 9)).unwrap_or(10);
                self.add_caregiver(row);
            }
        }
        hired
    }

    /// Takes on the clients, with prospects and former ones among them; gives the patterns of their weeks.
    fn take_clients(&mut self, seeding: &Seeding, hired: &[Vec<String>; 2], now: Instant) -> Vec<Pattern> {
        let pools: [std::sync::Arc<[String]>; 2] = [hired[0].clone().into(), hired[1].clone().into()];
        let mut patterns = Vec::new();
        let mut busy: std::collections::HashMap<String, Vec<(i64, i64)>> = std::collections::HashMap::new();
        let mut number = 7_000_100_u64;
        for n in 0..seeding.clients {
            let mut dice = Dice::keyed(seeding.seed, &[2, n as u64]);
            let north = dice.chance(600);
            let location = if north { "501" } else { "502" };
            number += 1;
            let mut row = patient(number, location, now, &mut dice);
            if dice.chance(20) {
                row.is_client = None;
            }
            if dice.chance(20) {
                row.location = None;
            }
            let client = row.id.clone();
            self.add_client(row);
            let pool = &pools[usize::from(!north)];
            if dice.chance(870) {
                for shape in week(&mut dice) {
                    let pattern = lay_pattern(patterns.len() as u64, &client, *shape, pool, &mut busy, &mut dice);
                    patterns.push(pattern);
                }
            }
            if dice.chance(600) {
                number += 1;
                let mut prospect = patient(number, location, now, &mut dice);
                prospect.is_client = Some(false);
                prospect.status = u32::try_from(10 * dice.between(1, 7)).unwrap_or(10);
                self.add_client(prospect);
            }
            if dice.chance(900) {
                number += 1;
                let mut former = patient(number, location, now, &mut dice);
                former.active = false;
                former.status = 100;
                self.add_client(former);
            }
        }
        patterns
    }

    /// The night has come in which the schedule grows by a day.
    pub(super) fn grow(&mut self) {
        self.lay_day();
        let now = self.now();
        let zone = self.zone;
        let tomorrow = now.with_timezone(&zone).date_naive().succ_opt();
        if let Some(tomorrow) = tomorrow {
            self.plan(wall(zone, tomorrow.and_time(NaiveTime::MIN)) + TimeDelta::hours(3), Act::Grow);
        }
    }

    /// Lays the next day's shifts.
    fn lay_day(&mut self) {
        let Some(mut plan) = self.seeded.take() else { return };
        let date = plan.next_date;
        let weekday = usize::try_from(date.weekday().num_days_from_monday()).unwrap_or(0);
        for pattern in &plan.patterns {
            if pattern.days[weekday] {
                self.lay_shift(plan.seed, &plan.habits, pattern, date);
            }
        }
        plan.next_date = date.succ_opt().unwrap_or(date);
        self.seeded = Some(plan);
    }

    fn lay_shift(&mut self, seed: u64, habits: &Habits, pattern: &Pattern, date: NaiveDate) {
        let day = u64::from(date.num_days_from_ce().unsigned_abs());
        let mut dice = Dice::keyed(seed, &[3, pattern.number, day]);
        let midnight = date.and_time(NaiveTime::MIN);
        let start = wall(self.zone, midnight + TimeDelta::minutes(pattern.start_min));
        let end = wall(self.zone, midnight + TimeDelta::minutes(pattern.start_min + pattern.length_min));
        let mut shift = Appointment::new(pattern.id.clone(), pattern.client.clone(), start, end);
        shift.caregiver.clone_from(&pattern.caregiver);
        if dice.chance(habits.swapped) {
            shift.caregiver = dice.pick(&pattern.pool).cloned();
        }
        shift.conduct = conduct(habits, pattern, self.zone, end, &mut dice);
        let opens = dice.chance(habits.open);
        if opens {
            shift.caregiver = None;
        }
        let assigned = shift.caregiver.is_some();
        let n = self.shifts.push(shift);
        self.plan_conduct(n);
        let someone = dice.pick(&pattern.pool).cloned();
        if opens && dice.chance(700) {
            if let Some(caregiver) = someone {
                self.plan(start - TimeDelta::minutes(dice.between(120, 72 * 60)), Act::Cover { shift: n, caregiver });
            }
        } else if assigned && dice.chance(habits.call_out) {
            let at = start - TimeDelta::minutes(dice.between(60, 20 * 60));
            self.plan(at, Act::CallOut { shift: n });
            if let Some(caregiver) = someone.filter(|_| dice.chance(habits.covered_again)) {
                self.plan(at + TimeDelta::minutes(dice.between(20, 180)), Act::Cover { shift: n, caregiver });
            }
        } else if dice.chance(habits.cancelled) {
            self.plan(start - TimeDelta::minutes(dice.between(30, MINUTES_A_DAY)), Act::Cancel { shift: n });
        }
    }
}

/// What the people in an occurrence will do.
fn conduct(habits: &Habits, pattern: &Pattern, zone: Tz, end: Instant, dice: &mut Dice) -> Conduct {
    let mut conduct = Conduct {
        arrive_s: Some(dice.between(-5 * 60, 7 * 60)),
        leave_s: Some(dice.between(-5 * 60, 10 * 60)),
        ..Conduct::default()
    };
    if dice.chance(habits.late) {
        conduct.arrive_s = Some(dice.between(8 * 60, 40 * 60));
    }
    if dice.chance(habits.forgets_in) {
        conduct.arrive_s = None;
    }
    if dice.chance(habits.substitute) {
        conduct.by = dice.pick(&pattern.pool).cloned();
    }
    if dice.chance(habits.forgets_out) {
        let next = end.with_timezone(&zone).date_naive().succ_opt();
        let office = next.and_then(|date| date.and_hms_opt(10, 0, 0)).map(|local| wall(zone, local));
        conduct.leave_s = office.map(|at| (at - end).num_seconds());
    }
    if pattern.length_min >= 180 && dice.chance(habits.split) {
        conduct.away_s = Some((60 * 60, 2 * 60 * 60));
    }
    conduct
}

fn week(dice: &mut Dice) -> &'static [Shape] {
    let mut roll = u32::try_from(dice.below(1000)).unwrap_or(0);
    for (weight, shapes) in WEEKS {
        if roll < *weight {
            return shapes;
        }
        roll -= weight;
    }
    WEEKS.first().map_or(&[], |(_, shapes)| shapes)
}

fn lay_pattern(
    number: u64,
    client: &str,
    (days, earliest, latest, length_min): Shape,
    pool: &std::sync::Arc<[String]>,
    busy: &mut std::collections::HashMap<String, Vec<(i64, i64)>>,
    dice: &mut Dice,
) -> Pattern {
    let mut on = [false; 7];
    for (day, letter) in on.iter_mut().zip(days.bytes()) {
        *day = letter != b'-';
    }
    let start_min = dice.between(earliest, latest) * QUARTER_MIN;
    let spans: Vec<(i64, i64)> = (0_i64..)
        .zip(on)
        .filter(|(_, on)| *on)
        .map(|(day, _)| (day * MINUTES_A_DAY + start_min, day * MINUTES_A_DAY + start_min + length_min))
        .collect();
    let mut caregiver = None;
    for _ in 0..40 {
        let Some(candidate) = dice.pick(pool) else { break };
        let taken = busy.entry(candidate.clone()).or_default();
        if spans.iter().all(|(from, to)| taken.iter().all(|(start, end)| to <= start || end <= from)) {
            taken.extend(&spans);
            caregiver = Some(candidate.clone());
            break;
        }
    }
    // An agency too small for its week: somebody has to do two things at once.
    let caregiver = caregiver.or_else(|| dice.pick(pool).cloned());
    Pattern {
        number,
        id: (90_010_001 + number).to_string(),
        client: client.to_owned(),
        days: on,
        start_min,
        length_min,
        caregiver,
        pool: pool.clone(),
    }
}

fn patient(number: u64, location: &str, now: Instant, dice: &mut Dice) -> Patient {
    let (given, family) = names::person(dice);
    let mut phones = vec![Phone { slot: "home".into(), number: names::phone(dice) }];
    if dice.chance(300) {
        phones.push(Phone { slot: "work".into(), number: format!("{}x{}", names::phone(dice), dice.between(1, 9999)) });
    }
    if dice.chance(100) {
        phones.push(Phone { slot: String::new(), number: names::phone(dice) });
    }
    let born = NaiveDate::from_ymd_opt(1925, 1, 1)
        .and_then(|first| first.checked_add_days(Days::new(dice.below(12_000) as u64)));
    Patient {
        id: number.to_string(),
        given,
        family,
        phones,
        email: if dice.chance(500) { format!("client-{number}@example.com") } else { String::new() },
        street: names::street(dice),
        city: names::town(dice),
        gender: if dice.chance(620) { "female".into() } else { "male".into() },
        born,
        tags: if dice.chance(150) { vec!["41".into()] } else { Vec::new() },
        created_at: Some(days_ago(now, 900, dice)),
        updated_at: Some(days_ago(now, 90, dice)),
        ..Patient::new("").at_location(location)
    }
}

fn practitioner(number: u64, location: &str, now: Instant, dice: &mut Dice) -> Practitioner {
    let (given, family) = names::person(dice);
    Practitioner {
        id: number.to_string(),
        given,
        family,
        phones: vec![Phone { slot: "mobile".into(), number: names::phone(dice) }],
        email: format!("caregiver-{number}@example.com"),
        city: names::town(dice),
        tags: if dice.chance(300) { vec!["41".into(), "42".into()] } else { Vec::new() },
        language: if dice.chance(250) { "es".into() } else { "en-us".into() },
        created_at: Some(days_ago(now, 900, dice)),
        updated_at: Some(days_ago(now, 90, dice)),
        ..Practitioner::new("").at_location(location)
    }
}

fn days_ago(now: Instant, days: i64, dice: &mut Dice) -> Instant {
    now - TimeDelta::seconds(dice.between(3600, days * 24 * 3600))
}
