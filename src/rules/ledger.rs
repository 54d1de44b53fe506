//! What the judge remembers from pass to pass. It can be lost: judging everything again rebuilds it.
//!
//! Who waits for evidence since which edge (this feeds `Blind`), since when a measured condition holds, and which
//! subjects each `where:` picks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{finding::RuleId, ruleset::Ruleset};
use crate::model::{Instant, Section, ShiftKey, Subject};

/// The memory.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    waiting: BTreeMap<Subject, Waiting>,
    by_edge: BTreeSet<(Instant, Subject)>,
    holds_since: BTreeMap<(RuleId, Subject), Instant>,
    picks: HashMap<Subject, Picks>,
    /// Pairs of shifts that a rule has a window for, by each of the two.
    pairs: BTreeMap<ShiftKey, BTreeSet<Subject>>,
}

/// A subject that at least one rule cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The earliest edge that waits, not before this process began to watch.
    pub edge: Instant,
    /// What is too old.
    pub section: Section,
}

/// Which of the ruleset's expressions hold for a subject: bit n is the nth rule that has one.
pub type Picks = u64;

/// What one pass would have the ledger remember.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerDelta {
    /// Subjects that wait, or no longer do.
    pub waiting: BTreeMap<Subject, Option<Waiting>>,
    /// Measured conditions that began or ended.
    pub holds_since: Vec<(RuleId, Subject, Option<Instant>)>,
    /// Expressions evaluated; `None` for a subject that is no more.
    pub picks: Vec<(Subject, Option<Picks>)>,
    /// Pairs of shifts that got a window, or have none any more.
    pub pairs: Vec<(Subject, bool)>,
}

impl Ledger {
    /// Takes over what a committed pass found.
    pub fn absorb(&mut self, delta: LedgerDelta) {
        for (subject, waiting) in delta.waiting {
            if let Some(old) = self.waiting.remove(&subject) {
                self.by_edge.remove(&(old.edge, subject.clone()));
            }
            if let Some(waiting) = waiting {
                self.by_edge.insert((waiting.edge, subject.clone()));
                self.waiting.insert(subject, waiting);
            }
        }
        for (rule, subject, since) in delta.holds_since {
            match since {
                Some(since) => self.holds_since.insert((rule, subject), since),
                None => self.holds_since.remove(&(rule, subject)),
            };
        }
        for (subject, holds) in delta.pairs {
            let Subject::ShiftPair(keys) = &subject else { continue };
            for key in [&keys.0, &keys.1] {
                if holds {
                    self.pairs.entry(key.clone()).or_default().insert(subject.clone());
                } else if let Some(pairs) = self.pairs.get_mut(key) {
                    pairs.remove(&subject);
                    if pairs.is_empty() {
                        self.pairs.remove(key);
                    }
                }
            }
        }
        for (subject, picks) in delta.picks {
            match picks {
                Some(picks) => self.picks.insert(subject, picks),
                None => self.picks.remove(&subject),
            };
        }
    }

    /// The memory under another ruleset. What `where:` picked goes, and who waits on a subject that no rule is about
    /// any more; since when a measured condition holds stays.
    #[must_use]
    pub fn under(self, ruleset: &Ruleset) -> Self {
        let Self { mut waiting, mut by_edge, mut holds_since, picks: _, pairs } = self;
        waiting.retain(|subject, _| !ruleset.of(subject).is_empty());
        by_edge.retain(|(_, subject)| waiting.contains_key(subject));
        holds_since.retain(|(rule, _), _| ruleset.get(rule).is_some());
        Self { waiting, by_edge, holds_since, picks: HashMap::new(), pairs }
    }

    /// How many subjects cannot be judged.
    #[must_use]
    pub fn n_unjudged(&self) -> usize {
        self.waiting.len()
    }

    /// Subjects that cannot be judged, by kind order.
    pub fn unjudged(&self) -> impl Iterator<Item = (&Subject, &Waiting)> {
        self.waiting.iter()
    }

    /// Whether this subject waits.
    #[must_use]
    pub fn waits(&self, subject: &Subject) -> Option<&Waiting> {
        self.waiting.get(subject)
    }

    pub(super) fn holds_since(&self, rule: &RuleId, subject: &Subject) -> Option<Instant> {
        // The key is looked up by value: endpoints are few and this runs once a request, not once a shift.
        self.holds_since.get(&(rule.clone(), subject.clone())).copied()
    }

    /// The pairs that a shift was in when it was last looked at.
    pub(super) fn pairs_of(&self, key: &ShiftKey) -> impl Iterator<Item = &Subject> {
        self.pairs.get(key).into_iter().flatten()
    }

    /// Every such pair, each twice.
    pub(super) fn pairs(&self) -> impl Iterator<Item = &Subject> {
        self.pairs.values().flatten()
    }

    pub(super) fn picks(&self, subject: &Subject) -> Option<Picks> {
        self.picks.get(subject).copied()
    }
}

/// The ledger as it would be with a pass's delta, for `Blind`, which is judged last.
pub(super) struct After<'a> {
    pub ledger: &'a Ledger,
    pub delta: &'a LedgerDelta,
}

impl After<'_> {
    /// The earliest edge that waits, and for what.
    pub fn first(&self) -> Option<(Instant, Section)> {
        let kept = self.ledger.by_edge.iter().find(|(_, subject)| !self.delta.waiting.contains_key(subject));
        let kept = kept.map(|(edge, subject)| {
            (*edge, self.ledger.waiting.get(subject).map_or(Section::Shifts, |waiting| waiting.section))
        });
        let new = self.delta.waiting.values().flatten().map(|waiting| (waiting.edge, waiting.section)).min();
        match (kept, new) {
            (Some(kept), Some(new)) => Some(kept.min(new)),
            (kept, new) => kept.or(new),
        }
    }

    /// Every subject that waits. Only asked while blind.
    pub fn all(&self) -> impl Iterator<Item = (&Subject, &Waiting)> {
        let kept = self.ledger.waiting.iter().filter(|(subject, _)| !self.delta.waiting.contains_key(*subject));
        kept.chain(self.delta.waiting.iter().filter_map(|(subject, waiting)| Some((subject, waiting.as_ref()?))))
    }

    /// The shifts among them.
    pub fn shifts(&self) -> impl Iterator<Item = &ShiftKey> {
        self.all().filter_map(|(subject, _)| match subject {
            Subject::Shift(key) => Some(key),
            _ => None,
        })
    }
}
