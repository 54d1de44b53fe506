//! A briefing's parts, one by one.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta, Weekday};
use chrono_tz::Tz;

use super::{
    Ahead, Briefing, Coverage, Kind, LISTED, Named, OnCall, OpenShift, Pages, SilenceEnding, Stretch, System,
    Uncovered, Visits,
    given::{Came, Care, Given},
    overtime, risks, trend,
};
use crate::{
    model::{
        Instant,
        local_time::{instant_of, local_date, start_of_day},
    },
    report::{
        on_call_log::{LoggedAlert, LoggedPage},
        past_shifts::Edits,
    },
};

/// Later than this after the planned start is late, and not on time.
pub(super) const LATE: TimeDelta = TimeDelta::minutes(15);
/// A visit without a check-out for so long after the planned end is one that somebody has to look at.
const OPEN_MAX: TimeDelta = TimeDelta::minutes(30);
/// When the office closes: what is told of in the morning began after it.
const EVENING: NaiveTime = NaiveTime::from_hms_opt(16, 30, 0).unwrap();
/// When it opens.
const MORNING: NaiveTime = NaiveTime::from_hms_opt(7, 0, 0).unwrap();

/// The briefing of one agency.
#[must_use]
pub fn make(given: &Given) -> Briefing {
    let full = !given.kind.is_check();
    let seen = given.is_known || given.blind_since.is_some();
    let seen = seen && given.as_of.is_some();
    let known = |wanted: bool| wanted && seen;
    Briefing {
        kind: given.kind,
        agency: given.agency.to_string(),
        title: given.title.clone(),
        at: given.now,
        timezone: given.zone.name().to_owned(),
        clock_12h: given.clock_12h,
        due_at: None,
        as_of: given.as_of,
        complete: given.complete,
        blind_since: given.blind_since,
        coverage: known(full).then(|| coverage(given)),
        ahead: known(!full).then(|| ahead(given)),
        pages: given.pages.as_ref().ok().filter(|_| full).map(|pages| night(pages, given)),
        visits: known(full).then(|| visits(given)),
        risks: known(full).then(|| risks::risks(given)),
        overtime: known(full).then(|| overtime::overtime(given)),
        edited_share: given.edits.as_ref().filter(|_| full).map(Edits::ratio),
        edited_since: given.edits.as_ref().filter(|_| full).map(|edits| edits.since),
        credentials_ending: None,
        on_call: given
            .watchers
            .iter()
            .map(|one| OnCall {
                schedule: one.schedule.clone(),
                now: one.now.clone(),
                until: one.until,
                next: one.next.clone(),
                gap: one.gap.map(|(from, until)| Stretch { from, until }),
                n_gaps: one.n_gaps,
            })
            .collect(),
        system: System {
            last_read_at: given.machinery.last_read_at,
            failing: given.machinery.failing.iter().map(|(name, _)| name.clone()).collect(),
            n_unsent: given.machinery.n_unsent,
            unsent_since: given.machinery.unsent_since,
            n_unreached: given.machinery.n_unreached,
            silences: given
                .machinery
                .silences
                .iter()
                .map(|(about, ends_at)| SilenceEnding { about: about.clone(), ends_at: *ends_at })
                .collect(),
        },
        trend: if full { trend::trend(given) } else { Vec::new() },
    }
}

pub(super) fn is_uncovered(care: &Care) -> bool {
    care.caregiver.is_none() && !care.cancelled
}

/// The first instant of the day `n` days after the agency's day at `now`.
pub(super) fn day_start(zone: Tz, now: Instant, n: i64) -> Instant {
    start_of_day(zone, local_date(zone, now) + TimeDelta::days(n))
}

pub(super) fn hours(span: TimeDelta) -> f64 {
    // To a hundredth, which is more than anybody plans in.
    (span.as_seconds_f64() / 36.0).round() / 100.0
}

fn money(hours: f64, given: &Given) -> Option<f64> {
    given.hourly_rate.map(|rate| (hours * rate).round())
}

/// The zone of a location whose clocks hang in another than the agency's.
pub(super) fn zone_of(location: &str, given: &Given) -> Option<String> {
    given.zones.get(location).filter(|zone| **zone != given.zone).map(|zone| zone.name().to_owned())
}

fn open_shift(care: &Care, given: &Given) -> OpenShift {
    OpenShift {
        shift: care.key.id.to_string(),
        starts_at: care.key.start,
        ends_at: care.end,
        location: care.location.to_string(),
        timezone: zone_of(&care.location, given),
        client: Named::of(care.key.client.clone()),
    }
}

fn coverage(given: &Given) -> Coverage {
    let now = given.now;
    let midnight = day_start(given.zone, now, 1);
    let mut all = Uncovered::default();
    let mut places: BTreeMap<&str, (Uncovered, TimeDelta)> = BTreeMap::new();
    let mut missing = TimeDelta::zero();
    let mut first = Vec::new();
    let soon = |care: &&Care| !care.cancelled && care.end > now && care.key.start < now + TimeDelta::hours(72);
    let mut n_shifts = 0;
    for care in given.care.iter().filter(soon) {
        n_shifts += 1;
        if !is_uncovered(care) || has_come(care) {
            continue;
        }
        let lacks = care.end - care.key.start.max(now);
        missing += lacks;
        let (place, place_lacks) = places.entry(&care.location).or_default();
        *place_lacks += lacks;
        for count in [&mut all, place] {
            count.today += u64::from(care.key.start < midnight);
            count.within_24h += u64::from(care.key.start < now + TimeDelta::hours(24));
            count.within_72h += 1;
        }
        if first.len() < LISTED {
            first.push(open_shift(care, given));
        }
    }
    all.hours = hours(missing);
    all.money = money(all.hours, given);
    let mut locations: Vec<Uncovered> = places
        .into_iter()
        .map(|(location, (count, lacks))| {
            let hours = hours(lacks);
            Uncovered { location: location.to_owned(), hours, money: money(hours, given), ..count }
        })
        .collect();
    locations.sort_by(|a, b| b.within_72h.cmp(&a.within_72h).then_with(|| a.location.cmp(&b.location)));
    Coverage { all, locations, first, n_shifts: Some(n_shifts) }
}

pub(super) const fn has_come(care: &Care) -> bool {
    matches!(care.came, Came::Left | Came::Open | Came::StayedOn)
}

/// Tomorrow; or the next Saturday and Sunday, on these days themselves what is left of them.
pub(super) fn days_of(kind: Kind, today: NaiveDate) -> (NaiveDate, NaiveDate) {
    if kind != Kind::Weekend {
        let tomorrow = today + Days::new(1);
        return (tomorrow, tomorrow);
    }
    let to_sunday = (7 - today.weekday().num_days_from_monday()) - 1;
    let sunday = today + Days::new(u64::from(to_sunday));
    let saturday = sunday - Days::new(1);
    if today.weekday() == Weekday::Sun { (today, sunday) } else { (saturday, sunday) }
}

fn ahead(given: &Given) -> Ahead {
    let (from, until) = days_of(given.kind, local_date(given.zone, given.now));
    let (begin, end) = (start_of_day(given.zone, from), start_of_day(given.zone, until + Days::new(1)));
    let begin = begin.max(given.now);
    let (mut n_shifts, mut n_uncovered, mut missing, mut first) = (0, 0, TimeDelta::zero(), Vec::new());
    let there = |care: &&Care| !care.cancelled && begin <= care.key.start && care.key.start < end;
    for care in given.care.iter().filter(there) {
        n_shifts += 1;
        if is_uncovered(care) {
            n_uncovered += 1;
            missing += care.end - care.key.start;
            if first.len() < LISTED {
                first.push(open_shift(care, given));
            }
        }
    }
    let hours = hours(missing);
    Ahead { what: given.kind, from, until, n_shifts, n_uncovered, hours, money: money(hours, given), first }
}

/// From when on a briefing tells of pages: the close of the office on the day before; of a handoff, its opening today.
fn since(given: &Given) -> Instant {
    let today = local_date(given.zone, given.now);
    match given.kind {
        Kind::Handoff => instant_of(given.zone, today.and_time(MORNING)),
        _ => instant_of(given.zone, (today - Days::new(1)).and_time(EVENING)),
    }
}

fn night(pages: &[LoggedPage], given: &Given) -> Pages {
    let from = since(given);
    let pages: Vec<&LoggedPage> =
        pages.iter().filter(|page| page.opened_at >= from && page.opened_at <= given.now && !page.drill).collect();
    let mut taken_by: BTreeMap<&str, u64> = BTreeMap::new();
    for page in &pages {
        if let Some(who) = &page.acknowledged_by {
            *taken_by.entry(who).or_default() += 1;
        }
    }
    let mut taken_by: Vec<(String, u64)> = taken_by.into_iter().map(|(who, n)| (who.to_owned(), n)).collect();
    taken_by.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Pages {
        from,
        n: pages.len() as u64,
        n_taken: pages.iter().filter(|page| page.acknowledged_by.is_some()).count() as u64,
        n_open: pages.iter().filter(|page| page.acknowledged_by.is_none() && page.closed_at.is_none()).count() as u64,
        taken_by,
        minutes_to_ack: trend::median(pages.iter().filter_map(|page| page.acknowledged_after_minutes).collect()),
        n_need_a_word: pages.iter().filter(|page| page.alerts.iter().any(LoggedAlert::needs_a_word)).count() as u64,
    }
}

pub(super) fn is_late(care: &Care) -> bool {
    care.came_at.is_some_and(|at| at - care.key.start > LATE)
}

fn is_short(care: &Care) -> bool {
    let (Some(from), Some(until)) = (care.came_at, care.left_at) else { return false };
    (until - from) * 5 < (care.end - care.key.start) * 4
}

fn visits(given: &Given) -> Visits {
    let day = local_date(given.zone, given.now) - Days::new(u64::from(given.kind != Kind::Handoff));
    let (from, until) = (start_of_day(given.zone, day), start_of_day(given.zone, day + Days::new(1)));
    let mut part = Visits {
        day,
        n_shifts: 0,
        n_not_over: 0,
        n_made: 0,
        n_missed: 0,
        n_unseen: 0,
        n_late: 0,
        n_short: 0,
        missed: Vec::new(),
        n_without_check_out: 0,
        without_check_out: Vec::new(),
    };
    for care in given.care.iter().filter(|care| !care.cancelled) {
        if care.came == Came::Open && given.now - care.end >= OPEN_MAX {
            part.n_without_check_out += 1;
            if part.without_check_out.len() < LISTED {
                part.without_check_out.push(open_shift(care, given));
            }
        }
        if care.key.start < from || until <= care.key.start {
            continue;
        }
        if care.end > given.now {
            part.n_not_over += 1;
            continue;
        }
        part.n_shifts += 1;
        match care.came {
            Came::Left | Came::Open | Came::StayedOn => part.n_made += 1,
            Came::Unseen => part.n_unseen += 1,
            Came::Nobody => {
                part.n_missed += 1;
                if part.missed.len() < LISTED {
                    part.missed.push(open_shift(care, given));
                }
            }
        }
        part.n_late += u64::from(is_late(care));
        part.n_short += u64::from(is_short(care));
    }
    part
}
