//! The records: what pages and programs ask about the past, read from the store.
//!
//! Does not: write, wait for a pass, or hold one up. One history and one other question are answered at a time, and a
//! history is read slice by slice, so that of the store's reading connections one is always free for the loops. What was
//! just read is given again: a page that is open on two hundred phones asks the store once.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, atomic::Ordering},
};

use chrono::TimeDelta;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::{desk::Desk, office};
use crate::{
    clock::{self, Clock},
    http::{Records, records::RecordsFault},
    lifecycle::ApiBook,
    model::{AgencyName, Instant},
    report::{
        alert_story::AlertStory,
        api_record::ApiRecord,
        exceptions::Exceptions,
        history::{History, LATEST_MAX, SUMMED_MAX, Span, Tally},
        kpi::Kpis,
        life::Life,
        on_call_log::{DAYS_MAX, OnCallLog, PAGES_MAX},
    },
    store::{Store, StoreError},
    view::ViewReader,
};

/// Alerts of a long span that are read at once.
const SLICE: u32 = 1_000;
/// How long an answer is given again, real time.
const GIVEN_AGAIN: TimeDelta = TimeDelta::seconds(2);

/// Reads what was kept.
pub(super) struct Shelf {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) desk: Arc<Desk>,
    pub(super) api_book: Arc<ApiBook>,
    /// For alerts of which nothing is kept yet.
    pub(super) view: ViewReader,
    /// One history at a time.
    pub(super) histories: Mutex<Recent<Span, History>>,
    /// One log at a time.
    pub(super) logs: Mutex<Recent<(u32, u64), OnCallLog>>,
    /// One other question at a time.
    pub(super) api_records: Mutex<Recent<AgencyName, ApiRecord>>,
}

/// The latest answers, and when they were read.
pub(super) struct Recent<K, T>(HashMap<K, (Instant, T)>);

impl<K, T> Default for Recent<K, T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, T: Clone> Recent<K, T> {
    fn get(&self, key: &K, real_now: Instant) -> Option<T> {
        let (at, answer) = self.0.get(key)?;
        ((real_now - *at).abs() < GIVEN_AGAIN).then(|| answer.clone())
    }

    fn put(&mut self, key: K, answer: &T, real_now: Instant) {
        self.0.retain(|_, (at, _)| (real_now - *at).abs() < GIVEN_AGAIN);
        self.0.insert(key, (real_now, answer.clone()));
    }
}

impl Shelf {
    /// A live alert of which nothing was written down yet: it was open before lives were, and nothing has happened since.
    fn live(&self, fingerprint: &str) -> Option<Life> {
        let view = Arc::clone(&self.view.borrow());
        view.alerts.iter().find(|one| one.fingerprint == fingerprint).map(|one| Life::of(&one.alert, None, false))
    }

    async fn sum_up(&self, span: Span) -> Result<History, StoreError> {
        let until = self.clock.now();
        let from = until - span.length();
        let (latest, n_fired) = self.store.latest_fired(from, u32::try_from(LATEST_MAX).unwrap_or(u32::MAX)).await?;
        let mut tally = Tally::default();
        let mut place = None;
        while tally.n() < SUMMED_MAX as u64 {
            let (rows, next) = self.store.fired(from, place, SLICE).await?;
            for row in &rows {
                tally.take(row);
            }
            place = next;
            if place.is_none() || rows.len() < SLICE as usize {
                break;
            }
        }
        Ok(tally.sum_up(span, until, &latest, n_fired))
    }
}

impl Records for Shelf {
    fn alert_story<'a>(&'a self, fingerprint: &'a str) -> BoxFuture<'a, Result<Option<AlertStory>, RecordsFault>> {
        Box::pin(async move {
            let _alone = self.api_records.lock().await;
            let mut rows = self.store.alert_rows(fingerprint).await.map_err(|error| fault(&error))?;
            if rows.lives.is_empty() {
                rows.lives.extend(self.live(fingerprint));
            }
            Ok(AlertStory::tell(fingerprint, rows))
        })
    }

    fn history(&self, span: Span) -> BoxFuture<'_, Result<History, RecordsFault>> {
        Box::pin(async move {
            let mut recent = self.histories.lock().await;
            if let Some(history) = recent.get(&span, clock::real_now()) {
                return Ok(history);
            }
            let history = self.sum_up(span).await.map_err(|error| fault(&error))?;
            recent.put(span, &history, clock::real_now());
            Ok(history)
        })
    }

    fn on_call_log(&self, days: u32) -> BoxFuture<'_, Result<OnCallLog, RecordsFault>> {
        Box::pin(async move {
            let mut recent = self.logs.lock().await;
            let key = (days, self.desk.n_said.load(Ordering::Acquire));
            if let Some(log) = recent.get(&key, clock::real_now()) {
                return Ok(log);
            }
            let until = self.clock.now();
            let from = until - TimeDelta::days(i64::from(days.min(DAYS_MAX)));
            let (rows, n_left_out) = self.store.page_log(from, PAGES_MAX).await.map_err(|error| fault(&error))?;
            let log = OnCallLog::of(from, until, rows, n_left_out);
            recent.put(key, &log, clock::real_now());
            Ok(log)
        })
    }

    fn exceptions(&self, days: u32) -> BoxFuture<'_, Result<Exceptions, RecordsFault>> {
        Box::pin(async move {
            let _alone = self.histories.lock().await;
            let list = office::exceptions(&self.desk.posts(), &self.store, days, self.clock.now()).await;
            list.map_err(|error| fault(&error))
        })
    }

    fn kpis(&self, days: u32) -> BoxFuture<'_, Result<Kpis, RecordsFault>> {
        Box::pin(async move {
            let _alone = self.histories.lock().await;
            let kpis = office::kpis(&self.desk.posts(), &self.store, days, self.clock.now()).await;
            kpis.map_err(|error| fault(&error))
        })
    }

    fn api_record<'a>(&'a self, agency: &'a str) -> BoxFuture<'a, Result<Option<ApiRecord>, RecordsFault>> {
        Box::pin(async move {
            let is_read =
                |name: &AgencyName| self.desk.posts().iter().any(|post| post.name == *name && post.source.is_some());
            let agency = AgencyName::new(agency);
            if !is_read(&agency) {
                return Ok(None);
            }
            let mut recent = self.api_records.lock().await;
            if let Some(record) = recent.get(&agency, clock::real_now()) {
                return Ok(Some(record));
            }
            let record =
                self.api_book.read(&self.store, &agency, self.clock.now()).await.map_err(|error| fault(&error))?;
            recent.put(agency, &record, clock::real_now());
            Ok(Some(record))
        })
    }
}

fn fault(fault: &StoreError) -> RecordsFault {
    tracing::warn!(error = %fault, "store: what was kept could not be read; whoever asked was told so");
    RecordsFault { why: fault.to_string() }
}
