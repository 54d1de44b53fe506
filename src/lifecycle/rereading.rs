//! Once a night the last weeks are read again, with what the watch leaves over: hours are edited late.
//!
//! Whether this night's is done or begun stands in the store, so that a restart neither repeats nor forgets it.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{Days, NaiveDate};

use super::{
    Floor, Post,
    past_book::{WishedDay, memory_from},
    told_to, wait,
};
use crate::model::{
    Instant,
    local_time::{instant_of, local_date, start_of_day},
};

/// How often the clock is looked at: of the agent's own time, but not more often than twice a second.
const LOOK_EVERY: Duration = Duration::from_secs(20);
const LOOK_EVERY_MIN: Duration = Duration::from_millis(500);

/// A night in which an agency's last days are to be read again.
pub(super) struct Night {
    /// The agency's present day: those before it are read.
    pub(super) today: NaiveDate,
    /// So many of them.
    pub(super) n_days: u32,
    /// Since when.
    pub(super) due_at: Instant,
}

impl Night {
    /// This night, once its hour has come and unless it was begun.
    pub(super) async fn due(post: &Post, now: Instant, begun: Option<NaiveDate>) -> Option<Self> {
        let (zone, n_days, at) = {
            let watch = post.watch.lock().await;
            let hours = &watch.settings.hours;
            (watch.settings.timezone, hours.reread_days, hours.reread_at)
        };
        let today = local_date(zone, now);
        let due_at = instant_of(zone, today.and_time(at));
        (n_days > 0 && now >= due_at && begun != Some(today)).then_some(Self { today, n_days, due_at })
    }
}

/// Reads one agency's last weeks again each night, until stopped.
pub async fn reread_loop(floor: Floor, post: Arc<Post>) {
    let mut stop = floor.stop.clone();
    let mut begun: Option<NaiveDate> = None;
    let look_every = (LOOK_EVERY / floor.clock.speed().max(1)).max(LOOK_EVERY_MIN);
    while !floor.is_stopping() {
        tokio::select! {
            () = wait(look_every) => {}
            () = told_to(&mut stop) => return,
        }
        let now = floor.clock.now();
        let Some(Night { today, n_days, due_at }) = Night::due(&post, now, begun).await else { continue };
        match was_read(&floor, &post, today, due_at).await {
            Some(false) => {}
            Some(true) => {
                begun = Some(today);
                continue;
            }
            // The store could not be asked: the next look asks again.
            None => continue,
        }
        if begin(&floor, &post, today, n_days, now).await {
            begun = Some(today);
        }
    }
}

/// Whether yesterday was read in this night already.
async fn was_read(floor: &Floor, post: &Post, today: NaiveDate, due_at: Instant) -> Option<bool> {
    let yesterday = today - Days::new(1);
    let days = floor.store.past_days(&post.name, yesterday, yesterday).await.ok()?;
    Some(days.iter().any(|day| day.section == "visits" && day.at >= due_at))
}

/// Takes the days on; false while nobody is known yet.
async fn begin(floor: &Floor, post: &Post, today: NaiveDate, n_days: u32, now: Instant) -> bool {
    let (zone, watched) = {
        let watch = post.watch.lock().await;
        let watched: BTreeSet<_> = watch.mirror.watched_clients(now).cloned().collect();
        (watch.settings.timezone, watched)
    };
    if watched.is_empty() {
        return false;
    }
    let from = today - Days::new(u64::from(n_days));
    // Whoever was a client then and is none now is read as well.
    let lines = floor.store.past_lines(&post.name, start_of_day(zone, from), start_of_day(zone, today)).await;
    let lines = lines.unwrap_or_else(|fault| {
        tracing::warn!(agency = %post.name, error = %fault, "store: who was a client in the last days could not be looked up; those who are now are read");
        Vec::new()
    });
    let then = lines.into_iter().filter_map(|line| line.client);
    let clients: Vec<_> = watched.into_iter().chain(then).collect::<BTreeSet<_>>().into_iter().collect();
    let days = from.iter_days().take_while(|day| *day < today);
    let wished = days.flat_map(|day| ["visits", "shifts"].map(|section| (section, day)));
    let wished = wished.map(|(section, day)| WishedDay { section, day, clients: clients.clone() }).collect();
    let scope = post.planner.lock().await.encounter_scope();
    let job = post.past.lock().unwrap_or_else(PoisonError::into_inner).begin(
        (from, today - Days::new(1)),
        wished,
        scope,
        zone,
        memory_from(now, zone),
    );
    tracing::info!(agency = %post.name, n_days, n_reads = job.n_reads, "hours: the last days are read again, with what the watch leaves over");
    post.poll.notify_one();
    true
}
