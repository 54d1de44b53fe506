//! Calendars on the network, before anybody looks at them: asked for now, or as the agent stored them last.
//!
//! Given: a configuration. Gives: the text of each that is at hand, or why it is not.
//! Does not: say anything about an address but the schedule it is for; change the store.

use std::{collections::BTreeMap, path::Path};

use crate::{
    app::{calendar_mark, calendar_now},
    config::{CalendarAt, Config, StoreUrl},
    model::{Instant, Phi},
    store::Store,
};

/// What is at hand, by schedule.
#[derive(Debug, Default)]
pub struct Calendars(BTreeMap<String, Held>);

/// One calendar.
#[derive(Debug)]
pub(super) struct Held {
    /// Its text, or why there is none.
    pub(super) text: Result<Phi<String>, String>,
    /// When the agent read it; `None` = just now.
    pub(super) as_of: Option<Instant>,
}

impl Calendars {
    pub(super) fn of(&self, schedule: &str) -> Option<&Held> {
        self.0.get(schedule)
    }
}

/// Every calendar on the network that a configuration names: asked for when `fetch`, else as it was stored last. A
/// configuration with faults has none; whoever checks it says so.
pub async fn at_hand(path: Option<&Path>, env: &dyn Fn(&str) -> Option<String>, fetch: bool) -> Calendars {
    let Ok((config, _)) = Config::load(path, env) else { return Calendars::default() };
    let urls = config.calendars.iter().filter_map(|source| match &source.at {
        CalendarAt::Url(url) => Some((source, url)),
        CalendarAt::File(_) => None,
    });
    let urls: Vec<_> = urls.collect();
    if urls.is_empty() {
        return Calendars::default();
    }
    let mut held = BTreeMap::new();
    if fetch {
        for (source, url) in urls {
            held.insert(source.schedule.clone(), Held { text: calendar_now(url).await, as_of: None });
        }
        return Calendars(held);
    }
    let StoreUrl::Sqlite(file) = &config.store;
    if !file.exists() {
        return Calendars::default();
    }
    // A store that cannot be looked at is not what was asked about; the calendar is then not known, and said so.
    let Ok(store) = Store::open_read_only(&config.store).await else { return Calendars::default() };
    for copy in store.calendars().await.unwrap_or_default() {
        let is_its = |source: &crate::config::CalendarSource| {
            source.schedule == copy.schedule && calendar_mark(&source.at) == copy.source
        };
        if urls.iter().any(|(source, _)| is_its(source)) {
            held.insert(copy.schedule, Held { text: Ok(copy.body), as_of: Some(copy.fetched_at) });
        }
    }
    store.close().await;
    Calendars(held)
}
