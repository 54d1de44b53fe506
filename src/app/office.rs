//! The office's figures: the list of exceptions and the key figures, read from the mirror and from what was kept.
//!
//! Does not: hold up a pass. A watch is looked at for as long as it takes to copy a few days' shifts, and the archive is read
//! for what lies before them; for the metrics that is done every five minutes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::past;
use crate::{
    clock,
    lifecycle::{self, Floor, Post},
    mirror::{Mirror, shifts::ShiftEntry},
    model::{Instant, local_time::local_date, week},
    remind,
    report::{
        exceptions::{Exceptions, READ_MAX},
        history::{SUMMED_MAX, Tally},
        kpi::{AgencyKpis, CONTINUITY_DAYS, DAYS, Facts, Happened, Kpis, PersonKpis, Reminded, RuleKpis, ShiftFact},
    },
    store::{Store, StoreError},
};

/// How often the metrics are counted anew; the first time soon after a start.
const EVERY: TimeDelta = TimeDelta::minutes(5);
/// So long after a start they are counted more often.
const SOON: TimeDelta = TimeDelta::minutes(2);
/// Least time between two counts.
const LOOKED: TimeDelta = TimeDelta::seconds(5);
/// Shifts this far ahead are looked at, so that the present week is whole.
const AHEAD: TimeDelta = TimeDelta::days(8);
/// As many alerts are summed up at once.
const SLICE: u32 = 1_000;

/// The names of the rules whose alerts the list holds, each with the key of its kind.
async fn kinds(posts: &[Arc<Post>]) -> BTreeMap<String, &'static str> {
    let mut kinds = BTreeMap::new();
    for post in posts {
        let watch = post.watch.lock().await;
        let rules = watch.ruleset.rules().iter().filter(|rule| rule.kind.is_listed());
        kinds.extend(rules.map(|rule| (rule.alert.clone(), rule.kind.key())));
    }
    kinds
}

/// The list of exceptions of the last days.
pub(super) async fn exceptions(
    posts: &[Arc<Post>],
    store: &Store,
    days: u32,
    now: Instant,
) -> Result<Exceptions, StoreError> {
    let from = now - TimeDelta::days(i64::from(days));
    let kinds = kinds(posts).await;
    let names: Vec<String> = kinds.keys().cloned().collect();
    let (lives, n_left_out) = store.lives_named(&names, from, READ_MAX).await?;
    Ok(Exceptions::of(from, now, &kinds, lives, n_left_out))
}

/// The key figures of the last days.
pub(super) async fn kpis(posts: &[Arc<Post>], store: &Store, days: u32, now: Instant) -> Result<Kpis, StoreError> {
    let from = now - TimeDelta::days(i64::from(days));
    let (listed, list) = (kinds(posts).await, exceptions(posts, store, days, now).await?);
    let mut agencies = Vec::new();
    for post in posts.iter().filter(|post| post.source.is_some()) {
        let name = post.name.as_str();
        let history = store.shift_history(&post.name, from - TimeDelta::days(7)).await?;
        let history: Vec<Happened> =
            history.into_iter().map(|line| Happened { at: line.at, shift: line.shift, what: line.what }).collect();
        let mut past = past::before_memory(post, store, u64::from(days.max(CONTINUITY_DAYS)) + 1, now).await?;
        let reminded = remind::Counts::of(&store.reminders_since(&post.name, from).await?);
        let (mut shifts, complete, week, zone, reminds) = {
            let watch = post.watch.lock().await;
            let mirror = &watch.mirror;
            let (zone, starts) = (mirror.settings().timezone, mirror.settings().week_starts);
            let all = mirror.shifts().starting(past.seam, now + AHEAD);
            let shifts: Vec<ShiftFact> = all.map(|entry| fact(entry, mirror, now)).collect();
            let week = week::bounds(zone, week::week_of(zone, starts, now));
            (shifts, mirror.all_read_since(now).is_some(), week, zone, watch.settings.reminders.is_some())
        };
        let before = std::mem::take(&mut past.shifts).into_iter();
        shifts.extend(before.map(|shift| {
            let place = past.place(&shift.row.client);
            shift.fact(place)
        }));
        // A known zero is a zero.
        let mut waiting: BTreeMap<String, u64> = listed.values().map(|kind| ((*kind).to_owned(), 0)).collect();
        for row in list.exceptions.iter().filter(|row| row.waits && row.agency == name) {
            *waiting.entry(row.kind.clone()).or_insert(0) += 1;
        }
        let facts = Facts {
            agency: name,
            complete,
            shifts: &shifts,
            week,
            history: &history,
            exceptions_waiting: waiting,
            edits: past.edits.take(),
            reminders: (reminds || reminded.sent > 0)
                .then(|| Reminded::of(reminded.sent, reminded.cleared, reminded.not_cleared)),
        };
        let mut kpis = AgencyKpis::of(facts, days, now);
        // Whoever was not asked for a day since then may have had shifts on it.
        let known_from = kpis.known_from.map(|at| local_date(zone, at));
        kpis.complete &= !known_from.is_some_and(|from| past.unread.iter().any(|day| *day >= from));
        agencies.push(kpis);
    }
    let mut tally = Tally::default();
    let mut place = None;
    while tally.n() < SUMMED_MAX as u64 {
        let (rows, next) = store.fired(from, place, SLICE).await?;
        for row in &rows {
            tally.take(row);
        }
        place = next;
        if place.is_none() || rows.len() < SLICE as usize {
            break;
        }
    }
    let people = tally.people().into_iter();
    let people =
        people.map(|(person, n_taken, acknowledge, resolve)| PersonKpis { person, n_taken, acknowledge, resolve });
    let people = people.collect();
    let rules = tally.rules().into_iter().map(RuleKpis::of).collect();
    Ok(Kpis { as_of: now, days, agencies, rules, people })
}

fn fact(entry: &ShiftEntry, mirror: &Mirror, now: Instant) -> ShiftFact {
    let shift = &entry.shift;
    let visits: Vec<_> = mirror.visits_of(entry).collect();
    let carried = mirror.carried_into(entry);
    let looked = mirror.check_ins_read_at(entry).is_some_and(|at| at >= shift.end.min(now));
    let came = if visits.is_empty() && carried.is_none() { looked.then_some(false) } else { Some(true) };
    let time = |visit: &&crate::mirror::visits::VisitEntry, time| mirror.visit_instant(visit, time);
    let times = visits.iter().map(|visit| {
        let (came, left) = visit.visit.check_in.zip(visit.visit.check_out)?;
        Some((time(visit, left)? - time(visit, came)?).max(TimeDelta::zero()))
    });
    // One visit over two shifts is worked on both; how much on each nobody entered.
    let alone = carried.is_none() && mirror.stays_until(entry) == shift.end;
    let worked = if visits.is_empty() || !alone { None } else { times.sum::<Option<TimeDelta>>() };
    let mut who: Vec<_> = visits.iter().filter_map(|visit| visit.visit.caregiver.clone()).collect();
    who.extend(carried.and_then(|visit| visit.visit.caregiver.clone()));
    ShiftFact {
        location: mirror.location_of(&shift.key.client).into(),
        client: shift.key.client.clone(),
        caregiver: shift.caregiver.clone(),
        start: shift.start(),
        end: shift.end,
        cancelled: shift.is_cancelled() || mirror.is_inactive(&shift.key.client),
        came,
        who,
        came_at: visits
            .iter()
            .filter(|_| carried.is_none())
            .filter_map(|visit| time(visit, visit.visit.check_in?))
            .min(),
        worked,
    }
}

/// So long until they are counted again. Soon after a start most is not read yet and each reading brings much: then as often
/// as costs next to nothing.
fn pause_after(running: TimeDelta, took: TimeDelta) -> TimeDelta {
    if running < SOON { (took * 40).clamp(LOOKED, EVERY) } else { EVERY }
}

/// Counts the figures for the metrics, now and then. While the store cannot be asked they are absent.
pub(super) async fn figures_loop(floor: Floor) {
    let mut stop = floor.stop.clone();
    let began = clock::real_now();
    let mut counted_at: Option<Instant> = None;
    let mut pause = EVERY;
    loop {
        let now = floor.clock.now();
        let due = counted_at.is_none_or(|at| now - at >= pause || now < at);
        if due {
            let asked_at = clock::real_now();
            let kpis = kpis(&floor.posts, &floor.store, DAYS, now).await;
            if let Err(error) = &kpis {
                tracing::warn!(%error, "key figures: they could not be counted and are absent until they can be");
            }
            floor.metrics.figures(kpis.ok());
            counted_at = Some(now);
            pause = pause_after(clock::real_now() - began, clock::real_now() - asked_at);
        }
        tokio::select! {
            () = lifecycle::wait(Duration::from_secs(5)) => {}
            () = lifecycle::told_to(&mut stop) => return,
        }
    }
}
