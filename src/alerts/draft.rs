//! A step in the making: the book as it is, with the changes of this step laid over it.
//!
//! Given: a book. Gives: look-ups that see the changes, and at the end the [`Step`]. Does not: touch the book.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    alert::{Alert, AlertKey, AlertState, Labels},
    book::{Book, alert_wake},
    group::{Group, GroupKey},
    inhibit::{Scope, Sources, roles},
    notice::Notice,
    policy::Policy,
    route::Route,
    step::{CatchUp, Delta, Intent, Quiet, Step, Transition},
};
use crate::{
    agenda::Wake,
    model::{Instant, Subject, local_time::to_micros},
    notify::message::MessageId,
    rules::finding::{Finding, Tells},
    source::fetched::Read,
};

/// The changes of a step.
pub(super) struct Draft<'a> {
    pub book: &'a Book,
    pub policy: &'a Policy,
    pub now: Instant,
    alerts: BTreeMap<AlertKey, Option<Alert>>,
    groups: BTreeMap<GroupKey, Group>,
    joined: HashMap<GroupKey, BTreeSet<AlertKey>>,
    new_about: HashMap<Subject, BTreeSet<AlertKey>>,
    sources: HashMap<Scope, Sources>,
    new_targets: HashMap<Scope, BTreeSet<AlertKey>>,
    pub catch_up: Option<CatchUp>,
    pub transitions: Vec<Transition>,
    pub intents: Vec<Intent>,
    pub notices: Vec<Notice>,
    pub cancels: BTreeSet<MessageId>,
    pub quiet: BTreeMap<AlertKey, Quiet>,
    reads_wanted: Vec<Read>,
    reads_seen: BTreeSet<Read>,
    /// Alerts of which something was heard or whose time came.
    pub looked_at: BTreeSet<AlertKey>,
    /// Alerts that are over and may have closings to tell now.
    pub closed: BTreeSet<AlertKey>,
    /// Shifts at the time to which one moved whose end is told in this step.
    pub moved_here: BTreeSet<Subject>,
    /// Alerts whose acknowledgement ran out in this step.
    pub ack_expired: BTreeSet<AlertKey>,
    /// Groups to look at: due, or something about a member changed. Their agenda entry is renewed.
    pub touched: BTreeSet<GroupKey>,
    /// When a touched group is looked at again, where that is not its `flush_at`.
    pub group_wakes: BTreeMap<GroupKey, Instant>,
    pub later: Vec<Finding>,
    pub orders_done: Option<i64>,
    pub receipts_done: Option<i64>,
}

impl<'a> Draft<'a> {
    pub fn new(book: &'a Book, now: Instant) -> Self {
        Self {
            book,
            policy: book.policy(),
            now,
            alerts: BTreeMap::new(),
            groups: BTreeMap::new(),
            joined: HashMap::new(),
            new_about: HashMap::new(),
            sources: HashMap::new(),
            new_targets: HashMap::new(),
            catch_up: None,
            transitions: Vec::new(),
            intents: Vec::new(),
            notices: Vec::new(),
            cancels: BTreeSet::new(),
            quiet: BTreeMap::new(),
            reads_wanted: Vec::new(),
            reads_seen: BTreeSet::new(),
            looked_at: BTreeSet::new(),
            closed: BTreeSet::new(),
            moved_here: BTreeSet::new(),
            ack_expired: BTreeSet::new(),
            touched: BTreeSet::new(),
            group_wakes: BTreeMap::new(),
            later: Vec::new(),
            orders_done: None,
            receipts_done: None,
        }
    }

    /// An alert as it will be after this step.
    pub fn alert(&self, key: &AlertKey) -> Option<&Alert> {
        match self.alerts.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.book.alert(key).map(AsRef::as_ref),
        }
    }

    /// Writes an alert, joins it to its groups once it has fired, and counts it as source or target of inhibition.
    pub fn put(&mut self, alert: Alert) {
        self.count_firing(&alert.key, Some(&alert));
        // An alert that comes back may carry other labels, and then belongs elsewhere.
        let moved = self.alert(&alert.key).is_none_or(|before| before.labels != alert.labels);
        if !matches!(alert.state, AlertState::Pending { .. }) && (moved || !self.is_member(&alert.key)) {
            for key in self.book.groups_of(&alert.labels) {
                self.joined.entry(key).or_default().insert(alert.key.clone());
            }
        }
        if self.book.alert(&alert.key).is_none() {
            self.new_about.entry(alert.key.subject.clone()).or_default().insert(alert.key.clone());
        }
        self.alerts.insert(alert.key.clone(), Some(alert));
    }

    /// Forgets an alert that is over and fully told. Should it come back, it is news.
    pub fn forget(&mut self, key: &AlertKey) {
        self.count_firing(key, None);
        let groups = self.alert(key).map(|alert| self.book.groups_of(&alert.labels)).unwrap_or_default();
        for group in groups {
            self.untell(&group, key);
            self.touched.insert(group);
        }
        self.alerts.insert(key.clone(), None);
    }

    /// Counts an alert as news again in a group.
    pub fn untell(&mut self, group: &GroupKey, key: &AlertKey) {
        if self.group(group).is_some_and(|group| group.has_told(key)) {
            self.group_mut(group).drop_told([key]);
        }
    }

    fn is_member(&self, key: &AlertKey) -> bool {
        self.alert(key).is_some_and(|alert| !matches!(alert.state, AlertState::Pending { .. }))
            && !matches!(self.alerts.get(key), Some(None))
    }

    fn count_firing(&mut self, key: &AlertKey, new: Option<&Alert>) {
        let was = self.alert(key).is_some_and(Alert::is_firing);
        let is = new.is_some_and(Alert::is_firing);
        let by = i64::from(is) - i64::from(was);
        if by == 0 {
            return;
        }
        let Some(labels) = new.or_else(|| self.alert(key)).map(|alert| alert.labels.clone()) else { return };
        for role in roles(&self.policy.inhibit_rules, &labels) {
            if role.source {
                self.sources.entry(role.scope.clone()).or_default().count(&role, by);
            }
            if role.target && by > 0 {
                self.new_targets.entry(role.scope).or_default().insert(key.clone());
            }
        }
    }

    /// Whether a worse alert speaks for this one.
    pub fn is_inhibited(&self, alert: &Alert) -> bool {
        roles(&self.policy.inhibit_rules, &alert.labels)
            .iter()
            .any(|role| role.target && self.sources_of(&role.scope).mute(role.source))
    }

    fn sources_of(&self, scope: &Scope) -> Sources {
        let before = self.book.inhibition.sources.get(scope).copied().unwrap_or_default();
        before.plus(self.sources.get(scope).copied().unwrap_or_default())
    }

    /// Alerts that were muted before this step and are not now, or the other way round: their groups look again.
    pub fn muted_otherwise(&self) -> BTreeSet<AlertKey> {
        let mut alerts = BTreeSet::new();
        for scope in self.sources.keys() {
            let before = self.book.inhibition.sources.get(scope).copied().unwrap_or_default();
            let after = self.sources_of(scope);
            if [true, false].into_iter().any(|two_sided| before.mute(two_sided) != after.mute(two_sided)) {
                let old = self.book.inhibition.targets.get(scope).into_iter().flatten();
                let new = self.new_targets.get(scope).into_iter().flatten();
                alerts.extend(old.chain(new).cloned());
            }
        }
        alerts
    }

    /// Alerts about a subject, as they will be.
    pub fn about<'s>(&'s self, subject: &'s Subject) -> impl Iterator<Item = &'s Alert> {
        let new = self.new_about.get(subject).into_iter().flatten();
        let old = self.book.about(subject).map(|alert| &alert.key);
        old.chain(new).filter_map(|key| self.alert(key))
    }

    /// Every alert, as it will be. Costs the whole book: for a catch-up only.
    pub fn every_alert(&self) -> Vec<AlertKey> {
        let old = self.book.alerts().map(|alert| alert.key.clone());
        let new = self.alerts.keys().cloned();
        let all: BTreeSet<_> = old.chain(new).filter(|key| self.alert(key).is_some()).collect();
        all.into_iter().collect()
    }

    /// The alerts a group tells of, as they will be.
    pub fn members(&self, key: &GroupKey) -> Vec<AlertKey> {
        let joined = self.joined.get(key).into_iter().flatten();
        let all: BTreeSet<&AlertKey> = self.book.members(key).chain(joined).collect();
        all.into_iter().filter(|key| self.is_member(key)).cloned().collect()
    }

    fn has_members(&self, key: &GroupKey) -> bool {
        let joined = self.joined.get(key).into_iter().flatten();
        self.book.members(key).chain(joined).any(|key| self.is_member(key))
    }

    /// A group as it will be.
    pub fn group(&self, key: &GroupKey) -> Option<&Group> {
        self.groups.get(key).or_else(|| self.book.group(key))
    }

    /// A group to change, a new one when there is none. It counts as touched.
    pub fn group_mut(&mut self, key: &GroupKey) -> &mut Group {
        self.touched.insert(key.clone());
        self.groups.entry(key.clone()).or_insert_with(|| {
            self.book.group(key).cloned().unwrap_or_else(|| Group {
                key: key.clone(),
                // Never below zero: the clock is past 1970.
                generation: u64::try_from(to_micros(self.now)).unwrap_or(0),
                flush: 0,
                flush_at: None,
                notified_at: None,
                notified: Vec::new(),
            })
        })
    }

    /// The groups of an alert that have somebody to tell, each with its route.
    pub fn told_routes(&self, labels: &Labels) -> Vec<(&'a Route, GroupKey)> {
        let mut found: Vec<(&'a Route, GroupKey)> = self.book.routes_of(labels);
        found.retain(|(_, key)| self.policy.receivers.get(&key.receiver).is_some_and(|to| !to.is_nobody()));
        found
    }

    pub fn catch_up(&self) -> CatchUp {
        self.catch_up.unwrap_or_else(|| self.book.catch_up())
    }

    pub fn is_catching_up(&self) -> bool {
        matches!(self.catch_up(), CatchUp::Running { .. })
    }

    /// Whether an alert waits for the end of a catch-up. That nobody can see is told all the same: it is what keeps the
    /// catch-up from ending.
    pub fn is_held_back(&self, alert: &Alert) -> bool {
        self.is_catching_up() && !matches!(alert.facts.tells, Tells::Blind { .. })
    }

    pub fn want_read(&mut self, read: Read) {
        if self.reads_seen.insert(read.clone()) {
            self.reads_wanted.push(read);
        }
    }

    pub fn transition(&mut self, key: &AlertKey, from: Option<&str>, to: &str, reason: impl Into<String>) {
        let from = from.map(str::to_owned);
        let (to, reason) = (to.to_owned(), reason.into());
        self.transitions.push(Transition { at: self.now, key: key.clone(), from, to, reason, note: None });
    }

    /// The latest transition comes with what somebody wrote.
    pub fn annotate_transition(&mut self, note: &str) {
        if let Some(last) = self.transitions.last_mut() {
            last.note = Some(note.to_owned()).filter(|note| !note.is_empty());
        }
    }

    /// The step these changes make.
    pub fn finish(mut self, due: &[Wake]) -> Step {
        let mut wakes: BTreeMap<Wake, Option<Instant>> = BTreeMap::new();
        for key in self.alerts.keys().chain(&self.looked_at) {
            let at = self.alert(key).and_then(|alert| alert_wake(alert, self.policy.confirm_timeout));
            wakes.insert(Wake::Alert(key.clone()), at);
        }
        let mut delta = Delta {
            catch_up: self.catch_up.filter(|catch_up| *catch_up != self.book.catch_up()),
            orders_done: self.orders_done,
            receipts_done: self.receipts_done,
            ..Delta::default()
        };
        for key in &self.touched {
            if self.has_members(key) {
                let group = self.group(key);
                let at = self.group_wakes.get(key).copied().or_else(|| group.and_then(|group| group.flush_at));
                wakes.insert(Wake::Group(key.clone()), at);
                if let Some(group) = group.filter(|group| self.book.group(key) != Some(*group)) {
                    delta.groups.push(group.clone());
                }
            } else {
                wakes.insert(Wake::Group(key.clone()), None);
                if self.book.group(key).is_some() {
                    delta.groups_gone.push(key.clone());
                }
            }
        }
        if let CatchUp::Running { until, .. } = self.catch_up() {
            // The sweep is not ours to foresee: look again every tick.
            wakes.insert(Wake::CatchUp, Some(until.min(self.now + chrono::TimeDelta::seconds(1))));
        } else if self.catch_up.is_some() || due.contains(&Wake::CatchUp) {
            wakes.insert(Wake::CatchUp, None);
        }
        for (key, alert) in std::mem::take(&mut self.alerts) {
            let before = self.book.alert(&key).map(AsRef::as_ref);
            match alert {
                Some(alert) if before != Some(&alert) => delta.alerts.push(alert),
                None if before.is_some() => delta.alerts_gone.push(key),
                _ => {}
            }
        }
        delta.transitions = self.transitions;
        Step {
            delta,
            intents: self.intents,
            notices: self.notices,
            cancels: self.cancels.into_iter().collect(),
            reads_wanted: self.reads_wanted,
            quiet: self.quiet.into_iter().collect(),
            wakes: wakes.into_iter().collect(),
            later: self.later,
        }
    }
}
