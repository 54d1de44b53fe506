//! Looking things up while no agent runs: in the store itself, as old as it is.
//!
//! The store is opened as an agent opens it (its lock, its tables brought up to date), because each look at a name is
//! written down there first.

use std::sync::Arc;

use anyhow::Context as _;
use futures::future::BoxFuture;

use crate::{
    app::lookup::{cover_of, finish, gather, index_of, rosters, shifts_of, together},
    config::Config,
    http::{
        Audit, Lookup,
        audit::ROWS_MAX,
        lookup::{FoundPeople, ShiftsWish},
        orders::StoreFault,
        records::RecordsFault,
    },
    mirror::Mirror,
    model::Instant,
    report::{
        audit::{AuditLog, AuditRow},
        cover::{FoundCover, Terms},
        lookup::{Kind, index::Index, profile::FoundProfile, shifts::FoundShifts},
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

    fn shifts(&self, wish: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        let all = self.mirrors(wish.agency.as_deref()).map(|(mirror, _)| shifts_of(mirror, &wish, self.now)).collect();
        Box::pin(std::future::ready(together(all)))
    }

    fn cover<'a>(&'a self, agency: Option<&'a str>, shift: &'a str) -> BoxFuture<'a, Option<FoundCover>> {
        let all = self.agencies.iter().zip(&self.terms);
        let mut asked =
            all.filter(|((mirror, _), _)| agency.is_none_or(|name| mirror.settings().agency.as_str() == name));
        let found = asked.find_map(|((mirror, _), terms)| cover_of(mirror, terms, shift, self.now));
        Box::pin(std::future::ready(found))
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
