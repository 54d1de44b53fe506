//! The library: who is looked up in which agency, by an index that is kept beside each.
//!
//! An index is made anew when the list of people changed, which the mirror counts; not with every pass. A question about
//! who somebody is waits for no pass: while one holds the mirror, the index of before answers.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex as PlainMutex, PoisonError},
};

use chrono::{Days, NaiveDate, TimeDelta};
use chrono_tz::Tz;
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
    mirror::{Mirror, past_line::PastLine, settings::Settings},
    model::{
        AgencyName, CaregiverId, ClientId, Instant, Section,
        local_time::{local_date, start_of_day},
    },
    report::cover::{FoundCover, Past, Terms, cover},
    report::lookup::{
        Freshness, Kind,
        index::{Hit, Index},
        past::{self, PastRows, REMEMBERED, ReadDay},
        profile::{self, FoundProfile},
        shifts::{self, FoundShifts, ROWS_MAX, Wish},
    },
    store::{Store, StoreError, Whose},
    watch::Watch,
};

/// Nobody's past is looked at further back.
const PAST_MAX: TimeDelta = TimeDelta::days(400);
/// A shift that runs into the time asked for, and a visit's time without an offset, may lie so far outside.
const PAST_REACH: TimeDelta = TimeDelta::days(2);

/// Looks up in the running agent's mirrors.
pub(super) struct Library {
    pub(super) store: Store,
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

    fn past<'a>(
        &'a self,
        agency: &'a str,
        kind: Kind,
        id: &'a str,
        since: NaiveDate,
    ) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(async move {
            let post = self.posts(Some(agency)).into_iter().next()?;
            let now = self.clock.now();
            let (zone, since) = {
                let watch = post.watch.lock().await;
                let zone = watch.mirror.settings().timezone;
                (zone, start_of_day(zone, since).max(now - PAST_MAX))
            };
            let wish = wish_of(kind, id, since, now);
            let rows = past_rows(&self.store, &post.name, zone, &wish).await;
            let watch = post.watch.lock().await;
            profile_with_past(&watch.mirror, (kind, id), &rows, &wish, now)
        })
    }

    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        Box::pin(async move {
            let (mut found, now) = (Vec::new(), self.clock.now());
            for post in self.posts(wish.agency.as_deref()) {
                let zone = post.watch.lock().await.mirror.settings().timezone;
                let before = before_memory(zone, &wish, now);
                let rows = match &before {
                    Some(before) => past_rows(&self.store, &post.name, zone, before).await,
                    None => PastRows::default(),
                };
                let watch = post.watch.lock().await;
                found.push(shifts_with_past(&watch.mirror, &wish, before.as_ref(), &rows, now));
            }
            together(found)
        })
    }

    fn cover<'a>(&'a self, agency: Option<&'a str>, shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        Box::pin(async move {
            for post in self.posts(agency) {
                let watch = post.watch.lock().await;
                let found = cover_of(&watch.mirror, &watch.settings.cover, &watch.past, shift, self.clock.now());
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }
}

/// Who could take a shift of one agency.
pub(crate) fn cover_of(mirror: &Mirror, terms: &Terms, past: &Past, shift: &str, now: Instant) -> Option<FoundCover> {
    shifts::one(mirror, shift, now).map(|entry| cover(mirror, terms, past, entry, now))
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

/// What was asked for, in instants: a day, some days, today, or somebody's weeks around now.
fn span(zone: Tz, asked: &ShiftsWish, now: Instant) -> (Instant, Instant) {
    let is_of_somebody = asked.client.is_some() || asked.caregiver.is_some();
    let ends = |date: NaiveDate| start_of_day(zone, date.succ_opt().unwrap_or(date));
    let around = (now - profile::BACK, now + profile::AHEAD);
    match (asked.day, asked.from, asked.to) {
        (None, None, None) if is_of_somebody => around,
        (None, from, to) if from.is_some() || to.is_some() => {
            let begins = from.map_or(around.0, |date| start_of_day(zone, date));
            (begins, to.map_or(around.1, ends))
        }
        (day, ..) => {
            let today = local_date(zone, now);
            let date = match day.unwrap_or(Day::After(0)) {
                Day::On(date) => date,
                Day::After(n) if n < 0 => today - Days::new(n.unsigned_abs()),
                Day::After(n) => today + Days::new(n.unsigned_abs()),
            };
            (start_of_day(zone, date), ends(date))
        }
    }
}

/// What of it lies before memory begins; `None` = nothing.
pub(crate) fn before_memory(zone: Tz, asked: &ShiftsWish, now: Instant) -> Option<Wish> {
    let (from, until) = span(zone, asked, now);
    let until = until.min(now - REMEMBERED);
    let (client, caregiver, states) = (asked.client.clone(), asked.caregiver.clone(), asked.states.clone());
    (from < until).then_some(Wish { client, caregiver, from, until, states })
}

/// The shifts of one agency that were asked for, as memory has them.
#[cfg(test)]
pub(crate) fn shifts_of(mirror: &Mirror, asked: &ShiftsWish, now: Instant) -> FoundShifts {
    shifts_with_past(mirror, asked, None, &PastRows::default(), now)
}

/// The shifts of one agency that were asked for: those of memory, and those before it by what was read of the archive.
pub(crate) fn shifts_with_past(
    mirror: &Mirror,
    asked: &ShiftsWish,
    before: Option<&Wish>,
    rows: &PastRows,
    now: Instant,
) -> FoundShifts {
    let (from, until) = span(mirror.settings().timezone, asked, now);
    let (client, caregiver, states) = (asked.client.clone(), asked.caregiver.clone(), asked.states.clone());
    let Some(before) = before else {
        return shifts::find(mirror, &Wish { client, caregiver, from, until, states }, now);
    };
    let past = past::find(mirror, rows, before);
    let mut found = vec![FoundShifts { shifts: past.shifts, n: past.n, freshness: past.shifts_freshness }];
    if until > before.until {
        found.push(shifts::find(mirror, &Wish { client, caregiver, from: before.until, until, states }, now));
    }
    together(found)
}

/// Somebody's past before memory begins.
pub(crate) fn wish_of(kind: Kind, id: &str, since: Instant, now: Instant) -> Wish {
    let (client, caregiver) = match kind {
        Kind::Client => (Some(ClientId::new(id)), None),
        Kind::Caregiver => (None, Some(CaregiverId::new(id))),
    };
    Wish { client, caregiver, from: since, until: now - REMEMBERED, states: Vec::new() }
}

/// Somebody's profile with shifts and visits since `wish.from`.
pub(crate) fn profile_with_past(
    mirror: &Mirror,
    (kind, id): (Kind, &str),
    rows: &PastRows,
    wish: &Wish,
    now: Instant,
) -> Option<FoundProfile> {
    let found = FoundProfile::since(mirror, kind, id, wish.from, now)?;
    let past = (wish.from < wish.until).then(|| past::find(mirror, rows, wish));
    Some(match past {
        Some(past) => found.with_past(wish.from, past),
        None => found,
    })
}

/// What the archive holds of it. Where it cannot be read nothing is known, and the answer says that it is not complete.
pub(crate) async fn past_rows(store: &Store, agency: &AgencyName, zone: Tz, wish: &Wish) -> PastRows {
    let read = async {
        let (from, until) = (wish.from - PAST_REACH, wish.until + PAST_REACH);
        let lines = match (&wish.client, &wish.caregiver) {
            (Some(client), _) => store.past_lines_of(agency, Whose::Client(client), from, until).await?,
            (None, Some(caregiver)) => lines_of_caregiver(store, agency, caregiver, (from, until)).await?,
            (None, None) => store.past_lines(agency, from, until).await?,
        };
        let (first, last) = (local_date(zone, wish.from), local_date(zone, wish.until));
        let days = store.past_days(agency, first, last).await?.into_iter();
        let days =
            days.map(|day| ReadDay { shifts: day.section == "shifts", day: day.day, at: day.at, missing: day.missing });
        Ok::<_, StoreError>(PastRows { lines, days: days.collect() })
    };
    read.await.unwrap_or_else(|error| {
        tracing::warn!(%agency, %error, "look-up: the past could not be read; what is answered says that it is not complete");
        PastRows::default()
    })
}

/// A caregiver's shifts with the visits to them, whoever made these, and their own visits.
async fn lines_of_caregiver(
    store: &Store,
    agency: &AgencyName,
    caregiver: &CaregiverId,
    (from, until): (Instant, Instant),
) -> Result<Vec<PastLine>, StoreError> {
    let mut lines = store.past_lines_of(agency, Whose::Caregiver(caregiver), from, until).await?;
    let clients: BTreeSet<ClientId> = lines.iter().filter_map(|line| line.client.clone()).collect();
    let mut known: HashSet<String> = lines.iter().map(|line| line.key.clone()).collect();
    for client in clients {
        let theirs = store.past_lines_of(agency, Whose::Client(&client), from, until).await?;
        lines.extend(theirs.into_iter().filter(|line| known.insert(line.key.clone())));
    }
    Ok(lines)
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
