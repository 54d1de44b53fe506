//! The requests the loops make, on their way into the store: one log an agency, written about once a minute.
//!
//! Given: requests as reads end. Gives: the record, of what is stored and what is not yet. A store that refuses keeps
//! nothing waiting and loses nothing but what does not fit the log's bounds.

use std::{
    collections::BTreeMap,
    sync::{Mutex as PlainMutex, MutexGuard, PoisonError},
};

use chrono::TimeDelta;
use tokio::sync::Mutex;

use crate::{
    model::{AgencyName, Instant},
    report::{
        api_log::{ApiLog, Unkept},
        api_record::{ApiRecord, ApiRows},
    },
    source::fetched::RequestRecord,
    store::{Store, StoreError},
};

/// How often what is new is written, real time. What a crash loses is unknown afterwards, not up.
const KEEP_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Outlives reloads.
#[derive(Debug, Default)]
pub struct ApiBook {
    logs: PlainMutex<BTreeMap<AgencyName, ApiLog>>,
    kept_at: PlainMutex<Option<Instant>>,
    /// Held while something is on its way into the store, so that nobody reads it twice or not at all.
    on_its_way: Mutex<()>,
}

impl ApiBook {
    /// Takes in requests that ended.
    pub fn record(&self, agency: &AgencyName, requests: &[RequestRecord]) {
        if !requests.is_empty() {
            self.logs().entry(agency.clone()).or_default().record(requests);
        }
    }

    /// Writes what is new, if that is due at `real_now`. `now` by the agent's clock.
    pub async fn keep_when_due(&self, store: &Store, now: Instant, real_now: Instant) -> Result<(), StoreError> {
        {
            let mut kept_at = self.kept_at.lock().unwrap_or_else(PoisonError::into_inner);
            if kept_at.is_some_and(|at| (real_now - at).abs() < KEEP_EVERY) {
                return Ok(());
            }
            *kept_at = Some(real_now);
        }
        self.keep(store, now).await
    }

    /// Writes what is new.
    pub async fn keep(&self, store: &Store, now: Instant) -> Result<(), StoreError> {
        let _on_its_way = self.on_its_way.lock().await;
        let new: Vec<(AgencyName, Unkept)> = {
            let mut logs = self.logs();
            let logs = logs.iter_mut().map(|(agency, log)| {
                log.pass_time(now);
                (agency.clone(), log.take())
            });
            logs.filter(|(_, unkept)| !unkept.is_empty()).collect()
        };
        let mut said = Ok(());
        for (agency, unkept) in new {
            if let Err(fault) = store.add_api(&agency, unkept.clone()).await {
                self.logs().entry(agency).or_default().put_back(unkept);
                said = Err(fault);
            }
        }
        said
    }

    /// The record of an agency's API at `now`.
    pub async fn read(&self, store: &Store, agency: &AgencyName, now: Instant) -> Result<ApiRecord, StoreError> {
        let rows: ApiRows = {
            let _on_its_way = self.on_its_way.lock().await;
            let stored = store.api_rows(agency, now).await?;
            let mut logs = self.logs();
            match logs.get_mut(agency) {
                Some(log) => {
                    log.pass_time(now);
                    stored.with(log.unkept())
                }
                None => stored,
            }
        };
        Ok(ApiRecord::of(agency, &rows, now))
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<AgencyName, ApiLog>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
