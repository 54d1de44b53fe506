//! Who could take a shift, for the mails of one step: from the mirror, at once, each shift once.

use std::{cell::RefCell, collections::HashMap};

use super::Watch;
use crate::{
    model::{Instant, ShiftKey},
    notify::cover_list::{Covers, Found},
    report::cover,
};

/// So many shifts of one step are looked at: a first look at a broken day tells of hundreds, and the tick goes on.
const SHIFTS_MAX: usize = 20;

/// Asks a watch who could take its shifts. Lives for one step.
#[derive(Debug)]
pub struct Takers<'a> {
    watch: &'a Watch,
    now: Instant,
    found: RefCell<HashMap<ShiftKey, Option<Found>>>,
}

impl<'a> Takers<'a> {
    /// For one step.
    #[must_use]
    pub fn new(watch: &'a Watch, now: Instant) -> Self {
        Self { watch, now, found: RefCell::default() }
    }
}

impl Covers for Takers<'_> {
    fn could_take(&self, shift: &ShiftKey) -> Option<Found> {
        let mut found = self.found.borrow_mut();
        if let Some(known) = found.get(shift) {
            return known.clone();
        }
        if found.len() >= SHIFTS_MAX {
            return Some(Found::Unknown("not worked out for so many at once: see the board, or shiftwatch cover."));
        }
        let Watch { mirror, settings, past, .. } = self.watch;
        let now_found = cover::found(mirror, &settings.cover, past, shift, self.now);
        found.insert(shift.clone(), now_found.clone());
        now_found
    }
}
