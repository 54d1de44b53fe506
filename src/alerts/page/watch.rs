//! The word to whoever comes on call: their watch begins, and what is open. It is also the daily trial of the whole way.
//!
//! Given: the roster at an instant, what became of the words that went out. Gives: a page that is over from its beginning,
//! so that nobody escalates, owns or answers it, and which remembers (schedule, instant) for a day: a restart tells
//! nobody twice. A way that failed gives place to the next; who is out of ways is told of to whoever goes off.
//! Does not: wait for quiet hours: who comes on is on call.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    super::{
        alert::{Alert, Labels},
        draft::Draft,
        flush::urgency,
        group::GroupKey,
        notice::Says,
        severity::rank,
        step::Why,
    },
    Arrived, KEPT, Page, PageKey, PageState, PageTold, Turn, WatchOn,
    tell::{Said, Way, notice},
};
use crate::{
    model::{Instant, PersonName, local_time::to_micros},
    on_call::{Roster, Schedule},
};

/// A hand-over is still told so long after it.
const LATE: TimeDelta = TimeDelta::hours(1);
/// Schedules are looked at so often at least: a calendar may have changed.
const LOOKED_AT: TimeDelta = TimeDelta::minutes(5);
/// A word that another way may take the place of is useful for so long.
const USEFUL: TimeDelta = TimeDelta::minutes(15);
/// The last one.
const USEFUL_ALONE: TimeDelta = TimeDelta::hours(4);
/// The route and receiver of these words.
const WATCH_ON: &str = "watch-on";

/// The hand-over behind an instant: when, who came, who went. `None` when it was long ago, and when nobody new came.
fn handed_over(schedule: &Schedule, now: Instant) -> Option<(Instant, Vec<PersonName>, Vec<PersonName>)> {
    let since = schedule.since(now).filter(|since| now - *since < LATE)?;
    let (before, after) = (schedule.people_at(since - TimeDelta::microseconds(1)), schedule.people_at(since));
    let coming: Vec<PersonName> = after.iter().filter(|person| !before.contains(person)).cloned().collect();
    let going = before.into_iter().filter(|person| !after.contains(person)).collect();
    (!coming.is_empty()).then_some((since, coming, going))
}

/// When the next hand-over is looked at; `None` where nobody is told of any.
pub(in super::super) fn next_look(draft: &Draft<'_>) -> Option<Instant> {
    let spoken = draft.spoken_schedules();
    let at = |name: &String| draft.policy.paging.roster.schedule(name)?.next_change(draft.now);
    let next = spoken.iter().filter_map(at).min();
    (!spoken.is_empty()).then(|| next.map_or(draft.now + LOOKED_AT, |next| next.min(draft.now + LOOKED_AT)))
}

/// Begins the watches that began: each once.
pub(in super::super) fn begin(draft: &mut Draft<'_>) {
    for name in draft.spoken_schedules() {
        let roster = &draft.policy.paging.roster;
        let Some(schedule) = roster.schedule(&name) else { continue };
        let Some((at, coming, going)) = handed_over(schedule, draft.now) else { continue };
        let until = schedule.next_change(draft.now);
        let labels = Labels::from([("schedule".to_owned(), name.clone())]);
        let (agency, route) = (draft.book.agency().clone(), WATCH_ON.to_owned());
        let group = GroupKey { agency, route: route.clone(), receiver: route, labels };
        let generation = u64::try_from(to_micros(at)).unwrap_or(0);
        let key = PageKey { group, generation, policy: WATCH_ON.to_owned() };
        if draft.page(&key).is_some() {
            continue;
        }
        let mut page = Page::new(key, BTreeSet::new(), draft.now);
        page.state = PageState::Closed { at: draft.now, owner: None, alerts: Vec::new() };
        draft.turn(&page.key, Turn::WatchBegan, coming.iter().map(ToString::to_string));
        page.watch = Some(WatchOn { schedule: name, until, coming, going, unreached: Vec::new() });
        draft.put_page(page);
    }
}

/// Looks at a watch that began: who was not reached is tried by the next way. Gives when it is forgotten.
pub(super) fn look(draft: &mut Draft<'_>, page: &mut Page) -> Option<Instant> {
    let mut watch = page.watch.clone()?;
    let roster = draft.policy.paging.roster.clone();
    for person in watch.coming.clone() {
        let ways = ways_of(draft, &roster, &person);
        let theirs: Vec<&PageTold> = page.told.iter().filter(|told| told.person == person).collect();
        let failed = theirs.iter().all(|told| matches!(told.arrived, Arrived::Failed { .. } | Arrived::Withdrawn));
        if !failed || watch.unreached.contains(&person) {
            continue;
        }
        let used = |way: &Way| theirs.iter().any(|told| told.via == way.via && told.mark == way.mark);
        let mut rest = ways.into_iter().filter(|way| !used(way));
        if let Some(way) = rest.next() {
            let has_next = rest.next().is_some();
            let open = open_alerts(draft);
            let says = Says::WatchOn { schedule: watch.schedule.clone(), until: watch.until, open };
            say(draft, page, &way, says, has_next);
            continue;
        }
        watch.unreached.push(person.clone());
        draft.turn(&page.key, Turn::Unreached, [person.to_string()]);
        for going in &watch.going {
            let Some(way) = ways_of(draft, &roster, going).into_iter().next() else { continue };
            let says = Says::Unreached { schedule: watch.schedule.clone(), who: person.clone() };
            say(draft, page, &way, says, false);
        }
    }
    page.watch = Some(watch);
    Some(page.opened_at + KEPT)
}

/// The addresses of a person that take something, in their own order.
fn ways_of(draft: &Draft<'_>, roster: &Roster, person: &PersonName) -> Vec<Way> {
    let contacts = roster.person(person).map(|person| &person.contacts[..]).unwrap_or_default();
    let good = contacts.iter().filter(|contact| !draft.is_bad(&contact.mark, contact.via));
    good.map(|contact| Way { person: person.clone(), via: contact.via, mark: contact.mark.clone() }).collect()
}

fn say(draft: &mut Draft<'_>, page: &mut Page, way: &Way, says: Says, has_next: bool) {
    let now = draft.now;
    let useful_until = now + if has_next { USEFUL } else { USEFUL_ALONE };
    let said = Said { says, why: Why::Routine, useful_until, follows: Vec::new() };
    let message = notice(draft, page, way, &[], said);
    page.told.push(way.told(message, now));
}

/// What pages at present, the most urgent first.
fn open_alerts(draft: &Draft<'_>) -> Vec<Alert> {
    let all = draft.every_alert();
    let pages = |alert: &&Alert| {
        alert.is_firing() && rank(&alert.labels) <= 1 && !draft.is_inhibited(alert) && !draft.is_silenced(alert)
    };
    let mut open: Vec<Alert> = all.iter().filter_map(|key| draft.alert(key)).filter(pages).cloned().collect();
    open.sort_by_cached_key(urgency);
    open.truncate(OPEN_KEPT);
    open
}

/// So many of what is open are told of at most.
const OPEN_KEPT: usize = 500;
