//! What one read changed: the mirror's word to the judge and to the store.

use std::collections::BTreeSet;

use super::row::MirrorDelta;
use crate::{
    model::{ClientId, Subject},
    source::fetched::Read,
};

/// Whom a read touched. The judge looks at these and at what is due, and at nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Subjects whose state is different: a `where:` is evaluated again and every rule judged.
    pub changed: BTreeSet<Subject>,
    /// Subjects that were read again and are as they were: newer evidence, the same state.
    pub seen: BTreeSet<Subject>,
    /// Clients whose plan of reading may differ.
    pub clients: BTreeSet<ClientId>,
}

/// What came of applying one read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// For the judge.
    pub changes: Changes,
    /// For the store; empty after a read that failed, but for the fault's stamp.
    pub delta: MirrorDelta,
    /// Second looks that would settle what this read left open (a row that is missing for the first time).
    pub reads_wanted: BTreeSet<Read>,
}

impl Changes {
    /// True when nobody was touched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.seen.is_empty() && self.clients.is_empty()
    }

    /// Adds another read's changes, for a pass that judges several at once.
    pub fn absorb(&mut self, other: Self) {
        self.changed.extend(other.changed);
        self.seen.extend(other.seen);
        self.clients.extend(other.clients);
        self.seen.retain(|subject| !self.changed.contains(subject));
    }

    /// The subject's state is different.
    pub fn change(&mut self, subject: Subject) {
        self.plan(&subject);
        self.seen.remove(&subject);
        self.changed.insert(subject);
    }

    /// The subject was read again.
    pub fn see(&mut self, subject: Subject) {
        if !self.changed.contains(&subject) {
            self.seen.insert(subject);
        }
    }

    fn plan(&mut self, subject: &Subject) {
        match subject {
            Subject::Shift(key) if !self.clients.contains(&key.client) => {
                self.clients.insert(key.client.clone());
            }
            Subject::Client(client) => {
                self.clients.insert(client.clone());
            }
            _ => {}
        }
    }
}
