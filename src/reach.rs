//! What the agencies' passes share about reaching people: every phone, and the secret that links are made with.
//!
//! Each pass reads it and, once its step is stored, adds what the step decided. It is derived: a start makes it anew from
//! the stored pages.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::{
    alerts::{
        page::{LinkKey, Page},
        phones::Phones,
        step::Delta,
    },
    model::AgencyName,
};

/// Shared by every agency of the installation.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    phones: Arc<RwLock<Phones>>,
    link_key: Option<Arc<LinkKey>>,
}

impl Reach {
    /// With the installation's secret for links.
    #[must_use]
    pub fn new(link_key: LinkKey) -> Self {
        Self { phones: Arc::default(), link_key: Some(Arc::new(link_key)) }
    }

    /// What links are made with.
    #[must_use]
    pub fn link_key(&self) -> Option<&LinkKey> {
        self.link_key.as_deref()
    }

    /// Every phone, as it is now.
    pub fn phones(&self) -> RwLockReadGuard<'_, Phones> {
        self.phones.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known of the phones.
    pub fn change(&self, change: impl FnOnce(&mut Phones)) {
        change(&mut self.phones.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes a stored step in.
    pub fn absorb(&self, agency: &AgencyName, delta: &Delta) {
        if !delta.pages.is_empty() || !delta.pages_gone.is_empty() {
            self.change(|phones| phones.absorb(agency, &delta.pages, &delta.pages_gone));
        }
    }

    /// Takes an agency's pages in as they were stored.
    pub fn join<'p>(&self, agency: &AgencyName, pages: impl Iterator<Item = &'p Arc<Page>>) {
        let pages: Vec<Page> = pages.map(|page| Page::clone(page)).collect();
        self.change(|phones| phones.absorb(agency, &pages, &[]));
    }
}
