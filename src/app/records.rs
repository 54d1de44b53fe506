//! The records: what pages and programs ask about the past, read from the store.
//!
//! Does not: write, or hold up a pass. One history and one other question are answered at a time, and a history is read
//! slice by slice, so that of the store's reading connections one is always free for the loops.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::desk::Desk;
use crate::{
    alerts::fingerprint::fingerprint as fingerprint_of,
    clock::Clock,
    http::{Records, records::RecordsFault},
    lifecycle::ApiBook,
    model::AgencyName,
    report::{
        alert_story::AlertStory,
        api_record::ApiRecord,
        history::{History, LATEST_MAX, SUMMED_MAX, Span, Tally},
        life::Life,
    },
    store::{Store, StoreError},
};

/// Alerts of a long span that are read at once.
const SLICE: u32 = 1_000;

/// Reads what was kept.
pub(super) struct Shelf {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) desk: Arc<Desk>,
    pub(super) api_book: Arc<ApiBook>,
    /// One history at a time.
    pub(super) histories: Mutex<()>,
    /// One other question at a time.
    pub(super) others: Mutex<()>,
}

impl Shelf {
    /// A live alert of which nothing was written down yet: it was open before lives were, and nothing has happened since.
    async fn live(&self, fingerprint: &str) -> Option<Life> {
        for post in self.desk.posts().iter() {
            let watch = post.watch.lock().await;
            if let Some(alert) =
                watch.book.by_fingerprint(fingerprint).find(|it| fingerprint_of(&it.labels) == fingerprint)
            {
                return Some(Life::of(alert, None, false));
            }
        }
        None
    }

    async fn sum_up(&self, span: Span) -> Result<History, StoreError> {
        let until = self.clock.now();
        let from = until - span.length();
        let (latest, n_fired) = self.store.latest_fired(from, u32::try_from(LATEST_MAX).unwrap_or(u32::MAX)).await?;
        let mut tally = Tally::default();
        let mut place = None;
        while tally.n() < SUMMED_MAX as u64 {
            let (rows, next) = self.store.fired(from, place, SLICE).await?;
            rows.iter().for_each(|row| tally.take(row));
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
            let _alone = self.others.lock().await;
            let mut rows = self.store.alert_rows(fingerprint).await.map_err(fault)?;
            if rows.lives.is_empty() {
                rows.lives.extend(self.live(fingerprint).await);
            }
            Ok(AlertStory::tell(fingerprint, rows))
        })
    }

    fn history(&self, span: Span) -> BoxFuture<'_, Result<History, RecordsFault>> {
        Box::pin(async move {
            let _alone = self.histories.lock().await;
            self.sum_up(span).await.map_err(fault)
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
            let _alone = self.others.lock().await;
            self.api_book.read(&self.store, &agency, self.clock.now()).await.map(Some).map_err(fault)
        })
    }
}

fn fault(fault: StoreError) -> RecordsFault {
    tracing::error!(error = %fault, "store: the records could not be read");
    RecordsFault { why: fault.to_string() }
}
