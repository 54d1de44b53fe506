//! What cannot be judged, since which edge: the memory that `Blind` reads. Derived, never stored.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{RuleId, Unjudged};
use crate::model::{Instant, Section, Subject};

/// Every (rule, subject) past an edge without the evidence it needs.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: BTreeMap<(Subject, RuleId), Entry>,
    by_edge: BTreeSet<(Instant, Subject, RuleId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    edge: Instant,
    section: Section,
}

/// A change to the ledger: the pair is unjudged for this reason, or judged.
pub type LedgerChange = (Subject, RuleId, Option<Unjudged>);

impl Ledger {
    /// Takes changes in, after the commit.
    pub fn absorb(&mut self, changes: Vec<LedgerChange>) {
        for (subject, rule, unjudged) in changes {
            let key = (subject, rule);
            if let Some(old) = self.entries.remove(&key) {
                self.by_edge.remove(&(old.edge, key.0.clone(), key.1.clone()));
            }
            if let Some(unjudged) = unjudged {
                self.by_edge.insert((unjudged.edge, key.0.clone(), key.1.clone()));
                self.entries.insert(key, Entry { edge: unjudged.edge, section: unjudged.section });
            }
        }
    }

    /// Whether this pair is unjudged.
    #[must_use]
    pub fn holds(&self, subject: &Subject, rule: &RuleId) -> bool {
        self.entries.contains_key(&(subject.clone(), rule.clone()))
    }

    /// The earliest edge that waits.
    #[must_use]
    pub fn earliest(&self) -> Option<Instant> {
        self.by_edge.first().map(|(edge, ..)| *edge)
    }

    /// The subjects whose edge passed before `limit`, each once.
    #[must_use]
    pub fn subjects_before(&self, limit: Instant) -> BTreeSet<&Subject> {
        self.by_edge.iter().take_while(|(edge, ..)| *edge <= limit).map(|(_, subject, _)| subject).collect()
    }

    /// The sections that are too old, each once.
    #[must_use]
    pub fn sections(&self) -> BTreeSet<Section> {
        self.entries.values().map(|entry| entry.section).collect()
    }

    /// How many subjects cannot be judged.
    #[must_use]
    pub fn n_subjects(&self) -> usize {
        self.by_edge.iter().map(|(_, subject, _)| subject).collect::<BTreeSet<_>>().len()
    }
}
