//! The next instant at which anything can change by time alone: one ordered set of `(instant, Wake)`.
//!
//! Every decider returns its verdict with the earliest instant at which that verdict can change without new
//! input; this replaces the wake's one entry. The agenda is derived, never stored: it is rebuilt at start, on
//! reload and when the clock steps. A wake too many changes nothing; a wake too few is a bug that the law's
//! property test finds. Because only due entries are looked at, a pass costs what changed plus what is due.

use std::collections::{BTreeSet, HashMap};

use crate::{
    alerts::{alert::AlertKey, group::GroupKey},
    model::{Instant, Subject},
};

/// Something that time alone can change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wake {
    /// A window edge, a freshness limit or a look-back limit of any rule on this subject.
    Subject(Subject),
    /// An alert's `for`, acknowledgement expiry, confirm time-out, or a posted alert's `endsAt`.
    Alert(AlertKey),
    /// A group's wait, interval or repeat, or the end of a mute time that holds it.
    Group(GroupKey),
    /// The end of a catch-up.
    CatchUp,
}

/// A change to the agenda: the wake's entry becomes `at`, or goes.
pub type WakeAt = (Wake, Option<Instant>);

/// The ordered set, at most one entry per wake.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    order: BTreeSet<(Instant, Wake)>,
    at: HashMap<Wake, Instant>,
}

impl Agenda {
    /// An empty agenda.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the wake's entry.
    pub fn set(&mut self, (wake, at): WakeAt) {
        if let Some(old) = self.at.remove(&wake) {
            self.order.remove(&(old, wake.clone()));
        }
        if let Some(at) = at {
            self.at.insert(wake.clone(), at);
            self.order.insert((at, wake));
        }
    }

    /// Every wake due at `now`, earliest first. They stay until replaced: a refused commit finds them again.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = &Wake> {
        self.order.iter().take_while(move |(at, _)| *at <= now).map(|(_, wake)| wake)
    }

    /// The earliest entry's instant.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// True without entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
