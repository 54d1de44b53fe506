//! Adds up: lays each visit on its shift, counts minutes per client and per caregiver, week by week.

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate, TimeDelta, Weekday};
use chrono_tz::Tz;

use super::{
    answer::{CaregiverHours, CaregiverWeek, ClientHours, ClientWeek, Hours, Missing, Sums},
    exceptions,
    matching::Places,
    overtime::{self, Calendar},
    rows::{PlannedRow, VisitRow},
    terms::{Minute, Period, Terms, day_starts, minute_of},
};
use crate::model::{CaregiverId, ClientId, Instant, local_time::local_date};

/// A visit without a check-out still runs until so long after its shift ended; beyond, it was left open.
const STAYS_ON: TimeDelta = TimeDelta::hours(4);
/// The same for one without a shift, from its check-in.
const RUNS_AT_MOST: TimeDelta = TimeDelta::hours(16);

/// Everything a report is made from.
#[derive(Debug, Clone)]
pub struct Given {
    /// Whose.
    pub agency: String,
    /// What was agreed.
    pub terms: Terms,
    /// Which days.
    pub period: Period,
    /// Up to when.
    pub now: Instant,
    /// Every shift that reaches into the whole weeks of the period, and the day before; in any order.
    pub shifts: Vec<PlannedRow>,
    /// Every visit that does; in any order.
    pub visits: Vec<VisitRow>,
    /// What caregivers want to work in a week, in minutes, where it is known.
    pub wanted: HashMap<CaregiverId, Minute>,
    /// What of the period was not wholly read.
    pub missing: Vec<Missing>,
}

/// Whether a visit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// With all of its minutes.
    Complete,
    /// Up to now.
    Running,
    /// Not at all: it was left open.
    Open,
    /// Not at all: it ended before it began.
    Backwards,
    /// Not at all: its times are not known.
    Unknown,
}

/// A visit laid on its shift.
#[derive(Debug)]
pub(super) struct Laid<'a> {
    pub(super) row: &'a VisitRow,
    /// The place of its shift.
    pub(super) shift: Option<usize>,
    pub(super) counted: Counted,
    from: Option<Minute>,
    pub(super) until: Option<Minute>,
}

impl<'a> Laid<'a> {
    fn new(row: &'a VisitRow, places: &Places<'_>, shifts: &[PlannedRow], now: Instant) -> Self {
        let shift = places.of_visit(row);
        let from = row.check_in.map(minute_of);
        let laid = |counted, until| Self { row, shift, counted, from, until };
        let (Some(check_in), None) = (row.check_in, row.unsettled) else { return laid(Counted::Unknown, None) };
        match row.check_out {
            Some(out) if out < check_in => laid(Counted::Backwards, None),
            Some(out) => laid(Counted::Complete, Some(minute_of(out))),
            None => {
                let over = shift.map_or(check_in + RUNS_AT_MOST, |place| shifts[place].end + STAYS_ON);
                let runs = check_in <= now && now < over.max(check_in + STAYS_ON);
                if runs { laid(Counted::Running, Some(minute_of(now))) } else { laid(Counted::Open, None) }
            }
        }
    }

    /// The minute it began in.
    pub(super) const fn begins(&self) -> Option<Minute> {
        self.from
    }

    /// Its minutes, where they count.
    pub(super) fn stretch(&self) -> Option<(Minute, Minute)> {
        Some((self.from?, self.until?))
    }

    /// How many.
    pub(super) fn minutes(&self) -> Option<Minute> {
        self.stretch().map(|(from, until)| until - from)
    }

    /// How many of them lie in `[from, until)`.
    pub(super) fn overlap(&self, from: Minute, until: Minute) -> Minute {
        self.stretch().map_or(0, |stretch| common(stretch, (from, until)))
    }
}

fn common(a: (Minute, Minute), b: (Minute, Minute)) -> Minute {
    (a.1.min(b.1) - a.0.max(b.0)).max(0)
}

#[derive(Default)]
struct OfClient {
    sums: Sums,
    weeks: BTreeMap<NaiveDate, (Minute, Minute)>,
}

#[derive(Default)]
struct OfCaregiver {
    sums: Sums,
    weeks: BTreeMap<NaiveDate, (Minute, Minute)>,
    /// Everything worked in the whole weeks.
    stretches: Vec<(Minute, Minute)>,
}

/// The days whose visits were not wholly read: what nobody saw there may have been.
pub(super) struct Unseen<'a> {
    zone: Tz,
    days: HashMap<NaiveDate, Vec<Option<&'a [String]>>>,
}

impl<'a> Unseen<'a> {
    fn of(missing: &'a [Missing], zone: Tz) -> Self {
        let mut days: HashMap<NaiveDate, Vec<Option<&[String]>>> = HashMap::new();
        for one in missing.iter().filter(|one| one.section == "visits") {
            days.entry(one.day).or_default().push(one.clients.as_deref());
        }
        Self { zone, days }
    }

    /// Whether a visit of this shift may have been there unseen.
    pub(super) fn hides(&self, shift: &PlannedRow) -> bool {
        let of_theirs = |ids: &[String]| ids.iter().any(|id| id == shift.client.as_str());
        [shift.start, shift.end]
            .iter()
            .filter_map(|at| self.days.get(&local_date(self.zone, *at)))
            .any(|day| day.iter().any(|whose| whose.is_none_or(of_theirs)))
    }
}

/// The hours of a period.
#[must_use]
pub fn sum_up(given: Given) -> Hours {
    let Given { agency, terms, period, now, mut shifts, mut visits, wanted, missing } = given;
    by_client(&mut shifts, |row| Some(&row.client), |a, b| (a.start, &a.id).cmp(&(b.start, &b.id)));
    by_client(&mut visits, |row| row.client.as_ref(), |a, b| (a.check_in, &a.id).cmp(&(b.check_in, &b.id)));
    let places = Places::of(&shifts);
    let laid: Vec<Laid<'_>> = visits.iter().map(|row| Laid::new(row, &places, &shifts, now)).collect();
    let within = period.minutes(terms.zone);
    let now_minute = minute_of(now);
    let calendar = calendar(period, &terms);
    let unseen = Unseen::of(&missing, terms.zone);

    let mut clients: HashMap<Option<&ClientId>, OfClient> = HashMap::new();
    let mut caregivers: HashMap<Option<&CaregiverId>, OfCaregiver> = HashMap::new();
    let mut told = vec![false; shifts.len()];
    for one in &laid {
        if let (Counted::Complete, Some(place)) = (one.counted, one.shift) {
            told[place] = true;
        }
    }
    for (place, shift) in shifts.iter().enumerate().filter(|(_, shift)| !shift.cancelled) {
        let stretch = (minute_of(shift.start), minute_of(shift.end));
        let scheduled = common(stretch, within);
        if scheduled == 0 {
            continue;
        }
        let over = stretch.1 <= now_minute;
        let unbillable = over
            && shift.caregiver.is_some()
            && !told[place]
            && !unseen.hides(shift)
            && !exceptions::carried(shift, &laid, stretch.0, stretch.1);
        let due_minutes = common(stretch, (within.0, within.1.min(now_minute)));
        let sums = Sums {
            scheduled_minutes: scheduled,
            due_minutes,
            variance_minutes: -due_minutes,
            unbillable_minutes: if unbillable { scheduled } else { 0 },
            n_shifts: 1,
            ..Sums::default()
        };
        let client = clients.entry(Some(&shift.client)).or_default();
        let caregiver = caregivers.entry(shift.caregiver.as_ref()).or_default();
        client.sums.add(&sums);
        caregiver.sums.add(&sums);
        for (day, from, until) in calendar.cut(stretch.0.max(within.0), stretch.1.min(within.1)) {
            let week = terms.week_of(day);
            client.weeks.entry(week).or_default().0 += until - from;
            caregiver.weeks.entry(week).or_default().0 += until - from;
        }
    }
    for one in &laid {
        let begins_within = one.begins().is_none_or(|from| within.0 <= from && from < within.1);
        let counts = |counted| u32::from(one.counted == counted && begins_within);
        let worked = one.overlap(within.0, within.1);
        let sums = Sums {
            worked_minutes: worked,
            rounded_minutes: terms.rounding.round(worked),
            variance_minutes: worked,
            n_visits: u32::from(worked > 0 || (counts(Counted::Complete) == 1 && one.minutes() == Some(0))),
            n_running: u32::from(one.counted == Counted::Running && worked > 0),
            n_open: counts(Counted::Open),
            n_edited: u32::from(one.row.edited.is_some() && begins_within),
            n_unknown: counts(Counted::Unknown) + counts(Counted::Backwards),
            ..Sums::default()
        };
        let stretch = one.stretch();
        if sums != Sums::default() {
            clients.entry(one.row.client.as_ref()).or_default().sums.add(&sums);
            caregivers.entry(one.row.caregiver.as_ref()).or_default().sums.add(&sums);
        }
        let Some((from, until)) = stretch else { continue };
        if one.row.caregiver.is_some() {
            // What was worked in the week before the period counts towards its overtime.
            caregivers.entry(one.row.caregiver.as_ref()).or_default().stretches.push((from, until));
        }
        if worked > 0 {
            let client = clients.entry(one.row.client.as_ref()).or_default();
            let caregiver = caregivers.entry(one.row.caregiver.as_ref()).or_default();
            for (day, from, until) in calendar.cut(from.max(within.0), until.min(within.1)) {
                let week = terms.week_of(day);
                client.weeks.entry(week).or_default().1 += until - from;
                caregiver.weeks.entry(week).or_default().1 += until - from;
            }
        }
    }

    let mut total = Sums::default();
    let clients: Vec<ClientHours> = by_id(clients)
        .into_iter()
        .map(|(client, of)| {
            total.add(&of.sums);
            ClientHours {
                client: client.map(ToString::to_string),
                name: None,
                sums: of.sums,
                weeks: of
                    .weeks
                    .into_iter()
                    .map(|(starts, (scheduled_minutes, worked_minutes))| ClientWeek {
                        starts,
                        scheduled_minutes,
                        worked_minutes,
                    })
                    .collect(),
            }
        })
        .collect();
    let caregivers = by_id(caregivers)
        .into_iter()
        .filter_map(|(caregiver, of)| {
            let wanted = caregiver.and_then(|caregiver| wanted.get(caregiver)).copied();
            pay(caregiver, of, within, &calendar, &terms, wanted.map(|week| week * period.n_days() / 7))
        })
        .collect();
    let exceptions = exceptions::list(&shifts, &laid, &unseen, &terms, within, now_minute);
    Hours {
        agency,
        zone: terms.zone.name().to_owned(),
        from: period.from,
        to: period.to,
        as_of: now,
        complete: missing.is_empty(),
        names: String::new(),
        missing,
        edits_known_since: None,
        not_asked: Vec::new(),
        week_starts: weekday_word(terms.week_starts).to_owned(),
        overtime_after_minutes: terms.overtime_after,
        daily_overtime_after_minutes: terms.daily_overtime_after,
        rounding: terms.rounding.as_str().to_owned(),
        total,
        clients,
        caregivers,
        exceptions,
        adjustments: Vec::new(),
        closed: Vec::new(),
        charges: None,
    }
}

/// Sorts rows by client, then as `then` says. Clients are compared by their places: comparing their texts for each pair of rows
/// would cost more than all the adding up.
fn by_client<R>(
    rows: &mut Vec<R>,
    client: impl Fn(&R) -> Option<&ClientId>,
    then: impl Fn(&R, &R) -> std::cmp::Ordering,
) {
    let places: Vec<usize> = {
        let mut places: HashMap<Option<&ClientId>, usize> = rows.iter().map(|row| (client(row), 0)).collect();
        let mut all: Vec<Option<&ClientId>> = places.keys().copied().collect();
        all.sort_unstable();
        places.extend(all.into_iter().enumerate().map(|(place, id)| (id, place)));
        rows.iter().map(|row| places[&client(row)]).collect()
    };
    let mut placed: Vec<(usize, R)> = places.into_iter().zip(rows.drain(..)).collect();
    placed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| then(&a.1, &b.1)));
    rows.extend(placed.into_iter().map(|(_, row)| row));
}

fn by_id<K: Ord, V>(of: HashMap<K, V>) -> Vec<(K, V)> {
    let mut all: Vec<(K, V)> = of.into_iter().collect();
    all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The days of the whole weeks.
fn calendar(period: Period, terms: &Terms) -> Calendar {
    let weeks = period.whole_weeks(terms);
    let starts = weeks.days().map(|day| (day_starts(terms.zone, day), day)).collect();
    Calendar::new(starts, day_starts(terms.zone, weeks.to + Days::new(1)))
}

/// `None` for somebody who only worked in a week that reaches into the period, and not in it.
fn pay(
    caregiver: Option<&CaregiverId>,
    of: OfCaregiver,
    within: (Minute, Minute),
    calendar: &Calendar,
    terms: &Terms,
    wanted_minutes: Option<Minute>,
) -> Option<CaregiverHours> {
    let OfCaregiver { sums, weeks, stretches } = of;
    if sums == Sums::default() {
        return None;
    }
    let pay = match caregiver {
        Some(_) => overtime::weeks(&overtime::union(stretches), within, calendar, terms),
        // Visits that name nobody pay nobody.
        None => BTreeMap::new(),
    };
    let (mut payable, mut overtime) = (0, 0);
    for week in pay.values() {
        payable += week.payable;
        overtime += week.overtime;
    }
    let weeks = weeks
        .into_iter()
        .map(|(starts, (scheduled_minutes, worked_minutes))| {
            let pay = pay.get(&starts).copied().unwrap_or_default();
            CaregiverWeek {
                starts,
                scheduled_minutes,
                worked_minutes,
                payable_minutes: pay.payable,
                overtime_minutes: pay.overtime,
            }
        })
        .collect();
    let of_minutes = wanted_minutes.unwrap_or(sums.due_minutes);
    Some(CaregiverHours {
        caregiver: caregiver.map(ToString::to_string),
        name: None,
        sums,
        payable_minutes: payable,
        overlap_minutes: if caregiver.is_some() { sums.worked_minutes - payable } else { 0 },
        regular_minutes: payable - overtime,
        overtime_minutes: overtime,
        wanted_minutes,
        utilisation: (of_minutes > 0 && caregiver.is_some()).then(|| share(payable, of_minutes)),
        utilisation_of: if wanted_minutes.is_some() { "wanted" } else { "scheduled" }.to_owned(),
        weeks,
    })
}

fn share(of: Minute, all: Minute) -> f64 {
    let float = |minutes: Minute| f64::from(i32::try_from(minutes).unwrap_or(i32::MAX));
    (float(of) / float(all) * 1_000.0).round() / 1_000.0
}

/// As the configuration writes it.
#[must_use]
pub const fn weekday_word(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "monday",
        Weekday::Tue => "tuesday",
        Weekday::Wed => "wednesday",
        Weekday::Thu => "thursday",
        Weekday::Fri => "friday",
        Weekday::Sat => "saturday",
        Weekday::Sun => "sunday",
    }
}
