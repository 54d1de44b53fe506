//! The next instant at which anything can change by time alone: one ordered set of `(instant, Wake)`.
//!
//! Every decider returns its verdict with the earliest instant at which that verdict can change without new
//! input; this replaces the wake's one entry. The agenda is derived, never stored: it is rebuilt at start, on
//! reload and when the clock steps. A wake too many changes nothing; a wake too few is a bug that the law's
//! property test finds. Because only due entries are looked at, a pass costs what changed plus what is due.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    alerts::{alert::AlertKey, group::GroupKey, page::PageKey},
    model::{AddressMark, Instant, Subject},
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
    /// A silence begins or ends.
    Silences,
    /// A page's next step or way, the end of its ownership, a closing that waits, or its being forgotten.
    Page(PageKey),
    /// A phone for which something waits may be texted or called again.
    Person(AddressMark),
    /// A list of standing gaps is due.
    Standing,
    /// A schedule hands over.
    Handoff,
}

impl Wake {
    /// What it lets the judge look at.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Subject(subject) => Some(subject),
            Self::Alert(_)
            | Self::Group(_)
            | Self::CatchUp
            | Self::Page(_)
            | Self::Silences
            | Self::Person(_)
            | Self::Standing
            | Self::Handoff => None,
        }
    }
}

/// A change to the agenda: the wake's entry becomes `at`, or goes.
pub type WakeAt = (Wake, Option<Instant>);

/// The ordered set, at most one entry per wake. Both sides share one copy of the wake.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    order: BTreeSet<(Instant, Arc<Wake>)>,
    at: HashMap<Arc<Wake>, Instant>,
}

impl Agenda {
    /// An empty agenda.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the wake's entry.
    pub fn set(&mut self, (wake, at): WakeAt) {
        let known = self.at.get_key_value(&wake).map(|(wake, old)| (Arc::clone(wake), *old));
        let wake = match known {
            Some((_, old)) if Some(old) == at => return,
            Some((shared, old)) => {
                self.at.remove(&shared);
                let entry = (old, shared);
                self.order.remove(&entry);
                entry.1
            }
            None if at.is_none() => return,
            None => Arc::new(wake),
        };
        if let Some(at) = at {
            self.at.insert(Arc::clone(&wake), at);
            self.order.insert((at, wake));
        }
    }

    /// Every wake due at `now`, earliest first. They stay until replaced: a refused commit finds them again.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = &Wake> {
        self.order.iter().take_while(move |(at, _)| *at <= now).map(|(_, wake)| &**wake)
    }

    /// The subjects due at `now`, for the judge.
    pub fn due_subjects(&self, now: Instant) -> impl Iterator<Item = &Subject> {
        self.due(now).filter_map(Wake::subject)
    }

    /// The earliest entry's instant.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// When a wake is due.
    #[must_use]
    pub fn get(&self, wake: &Wake) -> Option<Instant> {
        self.at.get(wake).copied()
    }

    /// Forgets every subject's entry, before everything is judged again after a reload.
    pub fn clear_subjects(&mut self) {
        self.order.retain(|(_, wake)| !matches!(**wake, Wake::Subject(_)));
        self.at.retain(|wake, _| !matches!(**wake, Wake::Subject(_)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn at(s: i64) -> Instant {
        from_micros(s * 1_000_000)
    }

    fn wake(client: &str) -> Wake {
        Wake::Subject(Subject::Client(client.into()))
    }

    #[test]
    fn one_entry_a_wake_due_at_its_instant_and_not_before() {
        let mut agenda = Agenda::new();
        agenda.set((wake("a"), Some(at(10))));
        agenda.set((wake("b"), Some(at(5))));
        agenda.set((wake("a"), Some(at(7))));
        assert_eq!(agenda.len(), 2, "replaced, not added");
        assert_eq!(agenda.next(), Some(at(5)));
        assert_eq!(agenda.due(at(4)).count(), 0);
        assert_eq!(agenda.due(at(5)).collect::<Vec<_>>(), [&wake("b")]);
        assert_eq!(agenda.due(at(7)).collect::<Vec<_>>(), [&wake("b"), &wake("a")], "earliest first");
        assert_eq!(agenda.due(at(7)).count(), 2, "they stay until replaced");
        agenda.set((wake("b"), None));
        agenda.set((wake("c"), None));
        assert_eq!(agenda.len(), 1);
        agenda.set((Wake::CatchUp, Some(at(1))));
        agenda.clear_subjects();
        assert_eq!(agenda.due(at(100)).collect::<Vec<_>>(), [&Wake::CatchUp]);
        assert_eq!(agenda.get(&wake("a")), None);
    }
}
