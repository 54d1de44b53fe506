//! The past beside memory: what the archive holds of shifts and visits, in the same picture as what has not left memory yet.
//!
//! Given: an agency, a store, how many days back. Gives: shifts up to the first day that memory holds whole, each with who
//! came; later ones are the mirror's to tell. Does not: hold a watch for longer than it takes to copy its rows.

use std::{collections::HashMap, sync::Arc};

use chrono::{Days, NaiveDate, TimeDelta};

use super::hours::{Remembered, add_archive, missing, with_evening};
use crate::{
    lifecycle::{Post, past_book::memory_from},
    model::{ClientId, Instant, local_time},
    report::{
        hours::terms::Period,
        past_shifts::{Edits, PastShift, Seen, find},
    },
    store::{Store, StoreError},
};

/// A check-in without an offset may mean another instant by this much, and a shift's first visit may come early.
const SLACK: TimeDelta = TimeDelta::days(2);

/// What is known from before the days that memory holds.
pub(super) struct Past {
    /// Shifts that start before `seam`, by start.
    pub(super) shifts: Vec<PastShift>,
    /// The `location` label of each client that is still known.
    places: HashMap<ClientId, Arc<str>>,
    nowhere: Arc<str>,
    /// Visits that were changed after they were complete, of all days up to now.
    pub(super) edits: Option<Edits>,
    /// Days before today that were not wholly read.
    pub(super) unread: Vec<NaiveDate>,
    /// Where it ends, and memory goes on.
    pub(super) seam: Instant,
}

impl Past {
    /// The `location` label of a client; empty when nothing is known of them any more.
    pub(super) fn place(&self, client: &ClientId) -> Arc<str> {
        Arc::clone(self.places.get(client).unwrap_or(&self.nowhere))
    }
}

/// The last `n_days` whole days of an agency's calendar, up to the first day that memory holds.
pub(super) async fn before_memory(post: &Post, store: &Store, n_days: u64, now: Instant) -> Result<Past, StoreError> {
    let (mut remembered, places, nowhere, zone, period, from, seam) = {
        let watch = post.watch.lock().await;
        let mirror = &watch.mirror;
        let zone = mirror.settings().timezone;
        let today = local_time::local_date(zone, now);
        let first = today - Days::new(n_days);
        let seam_day = memory_from(now, zone).max(first);
        let from = local_time::start_of_day(zone, first);
        let seam = local_time::start_of_day(zone, seam_day);
        let yesterday = today - Days::new(1);
        let Some(period) = Period::new(first, yesterday.max(first)) else {
            return Ok(Past {
                shifts: Vec::new(),
                places: HashMap::new(),
                nowhere: "".into(),
                edits: None,
                unread: Vec::new(),
                seam: from,
            });
        };
        let mut labels: HashMap<String, Arc<str>> = HashMap::new();
        let places = mirror.client_ids().map(|id| {
            let label = labels.entry(mirror.location_of(id)).or_insert_with_key(|label| label.as_str().into());
            (id.clone(), Arc::clone(label))
        });
        let places: HashMap<ClientId, Arc<str>> = places.collect();
        let nowhere: Arc<str> = "".into();
        let remembered = Remembered::of(mirror, zone, from - SLACK, now, with_evening(period), now);
        (remembered, places, nowhere, zone, period, from, seam)
    };
    let lines = store.past_lines(&post.name, from - SLACK, seam + SLACK).await?;
    let edits = store.visit_edits(&post.name, from - SLACK, now).await?;
    let days = store.past_days(&post.name, period.from, period.to).await?;
    let watched_since = store.watched_since(&post.name).await?;
    let unread = missing(&remembered, &days, period.from).into_iter();
    let unread = unread.map(|one| one.day).filter(|day| *day >= period.from).collect();
    let reckoned = tokio::task::spawn_blocking(move || {
        add_archive(&mut remembered, lines, edits, zone);
        let mut seen = Seen::new(zone);
        for day in days.into_iter().filter(|day| day.section == "visits") {
            seen.day(day.day, day.missing);
        }
        for (day, read) in &remembered.read {
            let read = remembered.clients.iter().zip(read).filter(|(_, (_, visits))| *visits);
            for (client, _) in read {
                seen.client(*day, client.clone());
            }
        }
        // Of the first day watched nobody knows what it was before.
        let edits = watched_since.and_then(|since| Edits::of(&remembered.visits, &seen, since.max(from), now));
        let shifts = find(remembered.shifts, &remembered.visits, &seen, (from, seam));
        (shifts, edits)
    });
    let (shifts, edits) = reckoned.await.unwrap_or_default();
    Ok(Past { shifts, places, nowhere, edits, unread, seam })
}
