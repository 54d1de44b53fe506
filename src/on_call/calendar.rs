//! A copy of a calendar: whom it has on call when, and what in it could not be made sense of.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::model::{Instant, PersonName};

/// One good copy of a calendar, its recurring events spread out over about a year.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    /// When this was last known to be what the calendar says.
    pub fetched_at: Instant,
    /// So old a copy is not to be trusted any more.
    pub stale_after: TimeDelta,
    /// By their start.
    pub events: Vec<CalendarEvent>,
    /// The starts of events that name nobody we know.
    pub nameless: Vec<Instant>,
    /// How many events could not be read at all.
    pub n_unread: usize,
}

/// One occurrence that names somebody: `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalendarEvent {
    /// Its first instant.
    pub from: Instant,
    /// The first instant after it.
    pub until: Instant,
    /// Whom it names, each once.
    pub people: Vec<PersonName>,
}

impl Calendar {
    /// Everybody whose event runs at an instant, each once, the one whose event began first in front.
    #[must_use]
    pub fn people_at(&self, at: Instant) -> Vec<PersonName> {
        let mut met = BTreeSet::new();
        let running = self.events.iter().take_while(|event| event.from <= at).filter(|event| at < event.until);
        running.flat_map(|event| &event.people).filter(|name| met.insert((*name).clone())).cloned().collect()
    }

    /// Adds every instant in `[from, until)` at which an event begins or ends.
    pub(super) fn borders(&self, from: Instant, until: Instant, into: &mut Vec<Instant>) {
        let edges = self.events.iter().flat_map(|event| [event.from, event.until]);
        into.extend(edges.filter(|at| from <= *at && *at < until));
    }

    /// Everybody it names, each once.
    pub fn people(&self) -> impl Iterator<Item = &PersonName> {
        let people: BTreeSet<&PersonName> = self.events.iter().flat_map(|event| &event.people).collect();
        people.into_iter()
    }

    /// Whether the copy is too old to be trusted.
    #[must_use]
    pub fn is_stale(&self, now: Instant) -> bool {
        now - self.fetched_at >= self.stale_after
    }
}
