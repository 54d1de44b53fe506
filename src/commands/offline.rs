//! Looking things up while no agent runs: in the store itself, as old as it is.
//!
//! The store is opened as an agent opens it (its lock, its tables brought up to date), because each look at a name is
//! written down there first.

use std::sync::Arc;

use anyhow::Context as _;
use chrono::NaiveDate;
use futures::future::BoxFuture;

use crate::{
    app::cover_past::{Clocks, gather as gather_past},
    app::lookup::{
        before_memory, cover_of, finish, gather, index_of, past_rows, profile_with_past, rosters, shifts_with_past,
        together, wish_of,
    },
    config::Config,
    http::{
        Audit, Lookup,
        audit::ROWS_MAX,
        lookup::{FoundPeople, ShiftsWish},
        orders::StoreFault,
        records::RecordsFault,
    },
    mirror::Mirror,
    model::{Instant, local_time::start_of_day},
    report::{
        audit::{AuditLog, AuditRow},
        cover::{FoundCover, Past, Terms},
        lookup::{
            Kind,
            index::Index,
            past::PastRows,
            profile::FoundProfile,
            shifts::{FoundShifts, one},
        },
    },
    rules::ruleset::Ruleset,
    store::Store,
    watch::mirror_settings,
};

/// What the store holds of every configured agency.
#[derive(Debug)]
pub struct Offline {
    store: Store,
    agencies: Vec<(Mirror, Index)>,
    terms: Vec<Arc<Terms>>,
    now: Instant,
}

impl Offline {
    /// Opens the store.
    ///
    /// # Errors
    /// It cannot be opened, another process has it, or it cannot be read.
    pub async fn open(config: &Config, now: Instant) -> anyhow::Result<Self> {
        let store = Store::open(&config.store, now).await.context("opening the store")?;
        let mut agencies = Vec::new();
        for agency in &config.agencies {
            let loaded = store.load(&agency.name).await.with_context(|| format!("reading {}", agency.name))?;
            let settings = mirror_settings(agency, &Ruleset::of_agency(&config.rules, false));
            let mirror = Mirror::restore(settings, loaded.mirror, now);
            let index = index_of(&mirror);
            agencies.push((mirror, index));
        }
        let terms = config.agencies.iter().map(|agency| Arc::clone(&agency.cover)).collect();
        Ok(Self { store, agencies, terms, now })
    }

    /// When anything was last read into it.
    #[must_use]
    pub fn as_of(&self) -> Option<Instant> {
        self.agencies.iter().filter_map(|(mirror, _)| mirror.last_ok_at()).max()
    }

    /// Frees the store.
    pub async fn close(&self) {
        self.store.close().await;
    }

    fn mirrors<'a>(&'a self, agency: Option<&'a str>) -> impl Iterator<Item = (&'a Mirror, &'a Index)> {
        let is_asked = move |mirror: &Mirror| agency.is_none_or(|name| mirror.settings().agency.as_str() == name);
        self.agencies.iter().filter(move |(mirror, _)| is_asked(mirror)).map(|(mirror, index)| (mirror, index))
    }
}

impl Lookup for Offline {
    fn find<'a>(&'a self, agency: Option<&'a str>, asked: &'a str, ids_only: bool) -> BoxFuture<'a, FoundPeople> {
        let mut found = FoundPeople::default();
        for (mirror, index) in self.mirrors(agency) {
            gather(&mut found, index, mirror.settings(), rosters(mirror), asked, ids_only);
        }
        Box::pin(std::future::ready(finish(found)))
    }

    fn profile<'a>(&'a self, agency: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        let found = self.mirrors(agency).find_map(|(mirror, _)| FoundProfile::of(mirror, kind, id, self.now));
        Box::pin(std::future::ready(found))
    }

    fn past<'a>(
        &'a self,
        agency: &'a str,
        kind: Kind,
        id: &'a str,
        since: NaiveDate,
    ) -> BoxFuture<'a, Option<FoundProfile>> {
        Box::pin(async move {
            let (mirror, _) = self.mirrors(Some(agency)).next()?;
            let zone = mirror.settings().timezone;
            let wish = wish_of(kind, id, start_of_day(zone, since), self.now);
            let rows = past_rows(&self.store, &mirror.settings().agency, zone, &wish).await;
            profile_with_past(mirror, (kind, id), &rows, &wish, self.now)
        })
    }

    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        Box::pin(async move {
            let mut all = Vec::new();
            for (mirror, _) in self.mirrors(wish.agency.as_deref()) {
                let (agency, zone) = (&mirror.settings().agency, mirror.settings().timezone);
                let before = before_memory(zone, &wish, self.now);
                let rows = match &before {
                    Some(before) => past_rows(&self.store, agency, zone, before).await,
                    None => PastRows::default(),
                };
                all.push(shifts_with_past(mirror, &wish, before.as_ref(), &rows, self.now));
            }
            together(all)
        })
    }

    fn cover<'a>(&'a self, agency: Option<&'a str>, shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        Box::pin(async move {
            for ((mirror, _), terms) in self.agencies.iter().zip(&self.terms) {
                let name = &mirror.settings().agency;
                if agency.is_some_and(|asked| name.as_str() != asked) || one(mirror, shift, self.now).is_none() {
                    continue;
                }
                let past = gather_past(&self.store, name, &Clocks::of(mirror), None, self.now).await;
                let past = past.unwrap_or_else(|error| {
                    tracing::warn!(%error, "cover: the past could not be read; who was with whom is known from the last days alone");
                    Past::default()
                });
                return cover_of(mirror, terms, &past, shift, self.now);
            }
            None
        })
    }
}

impl Audit for Offline {
    fn write(&self, rows: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move { self.store.audit(rows).await.map_err(|fault| StoreFault { why: fault.to_string() }) })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        Box::pin(async move {
            let rows = self.store.audit_log(from, until, ROWS_MAX).await;
            let rows = rows.map_err(|fault| RecordsFault { why: fault.to_string() })?;
            Ok(AuditLog { from, until, complete: rows.len() < ROWS_MAX as usize, rows })
        })
    }

    fn now(&self) -> Instant {
        self.now
    }
}
