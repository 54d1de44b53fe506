//! The library: who is looked up in which agency, by an index that is kept beside each.
//!
//! An index is made anew when the list of people changed, which the mirror counts; not with every pass. A question about
//! who somebody is waits for no pass: while one holds the mirror, the index of before answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex as PlainMutex, PoisonError},
};

use chrono::Days;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::desk::Desk;
use crate::{
    clock::Clock,
    http::{
        Lookup,
        lookup::{CANDIDATES_MAX, Day, FoundPeople, ShiftsWish},
    },
    lifecycle::Post,
    mirror::{Mirror, settings::Settings},
    model::{
        AgencyName, Instant, Section,
        local_time::{local_date, start_of_day},
    },
    report::cover::{FoundCover, Terms, cover},
    report::lookup::{
        Freshness, Kind,
        index::{Hit, Index},
        profile::{self, FoundProfile},
        shifts::{self, FoundShifts, ROWS_MAX, Wish},
    },
    watch::Watch,
};

/// Looks up in the running agent's mirrors.
pub(super) struct Library {
    pub(super) desk: Arc<Desk>,
    pub(super) clock: Clock,
    pub(super) shelves: PlainMutex<HashMap<AgencyName, Shelf>>,
}

/// One agency's index, and what it was made from.
#[derive(Clone)]
pub(super) struct Shelf {
    watch: Arc<Mutex<Watch>>,
    people_version: u64,
    index: Arc<Index>,
    roster: Freshness,
    settings: Arc<Settings>,
}

impl Shelf {
    fn of(watch: &Arc<Mutex<Watch>>, mirror: &Mirror) -> Self {
        Self {
            watch: Arc::clone(watch),
            people_version: mirror.people_version(),
            index: Arc::new(index_of(mirror)),
            roster: rosters(mirror),
            settings: Arc::new(mirror.settings().clone()),
        }
    }
}

impl Library {
    /// The agencies that are asked: one, or all that are read.
    fn posts(&self, agency: Option<&str>) -> Vec<Arc<Post>> {
        let asked = |post: &&Arc<Post>| post.source.is_some() && agency.is_none_or(|name| post.name.as_str() == name);
        self.desk.posts().iter().filter(asked).cloned().collect()
    }

    async fn shelf(&self, post: &Post) -> Shelf {
        let known = self.shelves.lock().unwrap_or_else(PoisonError::into_inner).get(&post.name).cloned();
        let known = known.filter(|shelf| Arc::ptr_eq(&shelf.watch, &post.watch));
        let shelf = match (known, post.watch.try_lock()) {
            (Some(shelf), Err(_)) => return shelf,
            (Some(shelf), Ok(watch)) if shelf.people_version == watch.mirror.people_version() => {
                Shelf { roster: rosters(&watch.mirror), settings: shelf.settings, ..shelf }
            }
            (_, Ok(watch)) => Shelf::of(&post.watch, &watch.mirror),
            (None, Err(_)) => Shelf::of(&post.watch, &post.watch.lock().await.mirror),
        };
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner).insert(post.name.clone(), shelf.clone());
        shelf
    }
}

impl Lookup for Library {
    fn find<'a>(&'a self, agency: Option<&'a str>, asked: &'a str, ids_only: bool) -> BoxFuture<'a, FoundPeople> {
        Box::pin(async move {
            let mut found = FoundPeople::default();
            for post in self.posts(agency) {
                let shelf = self.shelf(&post).await;
                gather(&mut found, &shelf.index, &shelf.settings, shelf.roster, asked, ids_only);
            }
            finish(found)
        })
    }

    fn profile<'a>(&'a self, agency: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(async move {
            for post in self.posts(agency) {
                let watch = post.watch.lock().await;
                if let Some(found) = FoundProfile::of(&watch.mirror, kind, id, self.clock.now()) {
                    return Some(found);
                }
            }
            None
        })
    }

    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        Box::pin(async move {
            let mut found = Vec::new();
            for post in self.posts(wish.agency.as_deref()) {
                let watch = post.watch.lock().await;
                found.push(shifts_of(&watch.mirror, &wish, self.clock.now()));
            }
            together(found)
        })
    }

    fn cover<'a>(&'a self, agency: Option<&'a str>, shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        Box::pin(async move {
            for post in self.posts(agency) {
                let watch = post.watch.lock().await;
                let found = cover_of(&watch.mirror, &watch.settings.cover, shift, self.clock.now());
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }
}

/// Who could take a shift of one agency.
pub(crate) fn cover_of(mirror: &Mirror, terms: &Terms, shift: &str, now: Instant) -> Option<FoundCover> {
    shifts::one(mirror, shift, now).map(|entry| cover(mirror, terms, entry, now))
}

/// The index of a mirror's people.
pub(crate) fn index_of(mirror: &Mirror) -> Index {
    Index::of(mirror.client_ids().filter_map(|id| mirror.client(id)), mirror.caregivers())
}

/// How fresh the lists of people are, the older of the two.
pub(crate) fn rosters(mirror: &Mirror) -> Freshness {
    oldest(profile::roster(mirror, Section::Clients), profile::roster(mirror, Section::Caregivers))
}

fn oldest(a: Freshness, b: Freshness) -> Freshness {
    Freshness { as_of: a.as_of.min(b.as_of), complete: a.complete && b.complete }
}

/// Adds who fits in one agency.
pub(crate) fn gather(
    found: &mut FoundPeople,
    index: &Index,
    settings: &Settings,
    roster: Freshness,
    asked: &str,
    ids_only: bool,
) {
    let (hits, n): (Vec<Hit>, usize) = if ids_only {
        let hits = index.by_id(asked);
        let n = hits.len();
        (hits, n)
    } else {
        index.find(asked, CANDIDATES_MAX)
    };
    found.n += n;
    found.roster = Some(found.roster.map_or(roster, |other| oldest(other, roster)));
    found.people.extend(
        hits.into_iter().map(|hit| (settings.agency.clone(), settings.location_label(hit.location.as_ref()), hit)),
    );
}

/// All agencies' candidates together, the best first.
pub(crate) fn finish(mut found: FoundPeople) -> FoundPeople {
    found.people.sort_by(|(_, _, a), (_, _, b)| b.score.total_cmp(&a.score));
    found.people.truncate(CANDIDATES_MAX);
    found
}

/// The shifts of one agency that were asked for: of a day, of today, or of somebody's weeks around now.
pub(crate) fn shifts_of(mirror: &Mirror, asked: &ShiftsWish, now: Instant) -> FoundShifts {
    let zone = mirror.settings().timezone;
    let is_of_somebody = asked.client.is_some() || asked.caregiver.is_some();
    let (from, until) = match asked.day {
        None if is_of_somebody => (now - profile::BACK, now + profile::AHEAD),
        day => {
            let today = local_date(zone, now);
            let date = match day.unwrap_or(Day::After(0)) {
                Day::On(date) => date,
                Day::After(n) if n < 0 => today - Days::new(n.unsigned_abs()),
                Day::After(n) => today + Days::new(n.unsigned_abs()),
            };
            (start_of_day(zone, date), start_of_day(zone, date.succ_opt().unwrap_or(date)))
        }
    };
    let (client, caregiver, states) = (asked.client.clone(), asked.caregiver.clone(), asked.states.clone());
    shifts::find(mirror, &Wish { client, caregiver, from, until, states }, now)
}

/// All agencies' shifts together, by start.
pub(crate) fn together(all: Vec<FoundShifts>) -> FoundShifts {
    let none = Freshness { as_of: None, complete: false };
    let freshness = all.iter().map(|found| found.freshness).reduce(oldest).unwrap_or(none);
    let n = all.iter().map(|found| found.n).sum();
    let mut shifts: Vec<_> = all.into_iter().flat_map(|found| found.shifts).collect();
    shifts.sort_by(|a, b| a.key.cmp(&b.key));
    shifts.truncate(ROWS_MAX);
    FoundShifts { shifts, n, freshness }
}
