//! Inhibition: a worse alert speaks for its milder ones, inside one agency.
//!
//! Given: which alerts fire. Gives: whether an alert is muted, in one look-up, and whom a change of a source sets
//! free. Sources are counted by the values of the `equal` labels, so ten thousand alerts need no pairing.
//! As in Alertmanager, an alert that matches both sides of a rule is not muted by another that does.

use std::collections::{BTreeSet, HashMap};

use super::{
    alert::{Alert, AlertKey, Labels},
    matcher::Matcher,
};

/// One entry of `inhibit_rules`.
#[derive(Debug, Clone)]
pub struct InhibitRule {
    /// The alert that mutes.
    pub source_matchers: Vec<Matcher>,
    /// The alert that is muted.
    pub target_matchers: Vec<Matcher>,
    /// Labels that must be equal in both (missing equals empty).
    pub equal: Vec<String>,
}

/// A rule's place in the list and the values of its `equal` labels.
pub(super) type Scope = (usize, Vec<String>);

/// What an alert is to one rule.
pub(super) struct Role {
    pub scope: Scope,
    pub source: bool,
    pub target: bool,
}

/// How many firing sources a scope has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sources {
    /// All.
    pub all: i64,
    /// Those that are not targets of the same rule.
    pub one_sided: i64,
}

/// Who mutes and who could be muted, of all alerts that fire.
#[derive(Debug, Clone, Default)]
pub(super) struct Inhibition {
    pub sources: HashMap<Scope, Sources>,
    pub targets: HashMap<Scope, BTreeSet<AlertKey>>,
}

/// What an alert with these labels is to each rule that concerns it.
pub(super) fn roles(rules: &[InhibitRule], labels: &Labels) -> Vec<Role> {
    let all = |matchers: &[Matcher]| matchers.iter().all(|matcher| matcher.matches(labels));
    let concerns = |(n, rule): (usize, &InhibitRule)| {
        let (source, target) = (all(&rule.source_matchers), all(&rule.target_matchers));
        (source || target).then(|| {
            let values = rule.equal.iter().map(|name| labels.get(name).cloned().unwrap_or_default()).collect();
            Role { scope: (n, values), source, target }
        })
    };
    rules.iter().enumerate().filter_map(concerns).collect()
}

impl Sources {
    pub fn count(&mut self, role: &Role, by: i64) {
        self.all += by;
        if !role.target {
            self.one_sided += by;
        }
    }

    pub const fn plus(self, other: Self) -> Self {
        Self { all: self.all + other.all, one_sided: self.one_sided + other.one_sided }
    }

    /// Whether a target is muted by them; a two-sided one only by one-sided sources, so never by itself.
    pub const fn mute(self, target_is_source: bool) -> bool {
        if target_is_source { self.one_sided > 0 } else { self.all > 0 }
    }
}

impl Inhibition {
    /// Takes a firing alert in (`by` = 1) or out (−1).
    pub fn count(&mut self, rules: &[InhibitRule], alert: &Alert, by: i64) {
        for role in roles(rules, &alert.labels) {
            if role.source {
                let sources = self.sources.entry(role.scope.clone()).or_default();
                sources.count(&role, by);
                if *sources == Sources::default() {
                    self.sources.remove(&role.scope);
                }
            }
            if role.target {
                let targets = self.targets.entry(role.scope.clone()).or_default();
                if by > 0 {
                    targets.insert(alert.key.clone());
                } else {
                    targets.remove(&alert.key);
                }
                if targets.is_empty() {
                    self.targets.remove(&role.scope);
                }
            }
        }
    }
}

/// For each scope with a firing source one that mutes: a one-sided one where there is one. Made for one look at many
/// alerts; costs all that fire once.
#[derive(Debug, Default)]
pub struct Speakers<'a> {
    by_scope: HashMap<Scope, (bool, &'a Alert)>,
}

impl<'a> Speakers<'a> {
    /// Of these alerts.
    pub(super) fn of(rules: &[InhibitRule], alerts: impl Iterator<Item = &'a Alert>) -> Self {
        let mut by_scope: HashMap<Scope, (bool, &Alert)> = HashMap::new();
        for alert in alerts.filter(|alert| alert.is_firing()) {
            for role in roles(rules, &alert.labels).into_iter().filter(|role| role.source) {
                let new = (role.target, alert);
                let old = by_scope.entry(role.scope).or_insert(new);
                if (new.0, &new.1.key) < (old.0, &old.1.key) {
                    *old = new;
                }
            }
        }
        Self { by_scope }
    }

    /// An alert that speaks for this one, when one does.
    pub(super) fn who_speaks_for(&self, rules: &[InhibitRule], alert: &Alert) -> Option<&'a Alert> {
        let targets = roles(rules, &alert.labels).into_iter().filter(|role| role.target);
        targets
            .filter_map(|role| {
                self.by_scope.get(&role.scope).map(|(two_sided, speaker)| (role.source, *two_sided, *speaker))
            })
            .find(|(target_is_source, two_sided, _)| !(*target_is_source && *two_sided))
            .map(|(.., speaker)| speaker)
    }
}
