//! The book: every live alert and every group of one agency.
//!
//! Given: what was stored, then each committed [`Delta`]. Gives: look-ups that cost the same in a big book as in a
//! small one. Does not: decide anything; a step borrows it, and only a commit changes it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::TimeDelta;

use super::{
    alert::{Alert, AlertKey, AlertState, Confirm, Labels},
    fingerprint::fingerprint,
    group::{Group, GroupKey},
    inhibit::{Inhibition, Speakers, roles},
    page::{Page, PageKey},
    page_index::Pages,
    policy::Policy,
    route::Route,
    step::{CatchUp, Delta},
};
use crate::{
    agenda::{Wake, WakeAt},
    model::{
        AddressMark, AgencyName, ClientId, Instant, ShiftId, ShiftKey, ShiftRef, Subject, local_time::from_micros,
    },
    notify::message::MessageId,
    on_call::Roster,
    rules::finding::{Closing, Finding, RuleId, Verdict},
};

/// How long the first start waits at most for everything to have been read once before it tells anybody.
///
/// Two hundred clients at two requests a second are read in under two minutes; ten minutes is how long `Blind`
/// waits by default, after which silence would be worse than an early word.
pub const FIRST_CATCH_UP_MAX: TimeDelta = TimeDelta::minutes(10);

/// The same after a blindness ended. Shorter: what was known before stays told, and a fresh page must not wait long.
pub const RECOVERY_CATCH_UP_MAX: TimeDelta = TimeDelta::minutes(2);

/// Everything known about one agency's alerts.
#[derive(Debug, Clone)]
pub struct Book {
    agency: AgencyName,
    policy: Arc<Policy>,
    alerts: HashMap<AlertKey, Arc<Alert>>,
    groups: HashMap<GroupKey, Group>,
    members: HashMap<GroupKey, BTreeSet<AlertKey>>,
    of_subject: HashMap<Subject, BTreeSet<AlertKey>>,
    /// By client and the vendor's id: a shift that was moved, or a recurring one, has several subjects.
    of_id: HashMap<(ClientId, ShiftId), BTreeSet<AlertKey>>,
    by_fingerprint: HashMap<String, BTreeSet<AlertKey>>,
    told_by: HashMap<MessageId, BTreeSet<AlertKey>>,
    pages: Pages,
    counts: BTreeMap<(RuleId, &'static str), usize>,
    pub(super) inhibition: Inhibition,
    catch_up: CatchUp,
    /// Restored, perhaps under another policy, and no step has looked at it since.
    unseen: bool,
}

impl Book {
    /// The book as it was stored. `catch_up: None` is a first start: everything is judged before anything is told.
    ///
    /// Also the way a new policy comes in: restore from [`Self::alerts`], [`Self::groups`] and [`Self::catch_up`]. The
    /// first step after it looks at every alert, so that routes and receivers as they are now get to tell.
    #[must_use]
    pub fn restore(
        agency: AgencyName,
        policy: Arc<Policy>,
        alerts: Vec<Alert>,
        groups: Vec<Group>,
        catch_up: Option<CatchUp>,
        now: Instant,
    ) -> Self {
        let mut book = Self {
            agency,
            policy,
            alerts: HashMap::with_capacity(alerts.len()),
            groups: HashMap::with_capacity(groups.len()),
            members: HashMap::new(),
            of_subject: HashMap::new(),
            of_id: HashMap::new(),
            by_fingerprint: HashMap::new(),
            told_by: HashMap::new(),
            pages: Pages::default(),
            counts: BTreeMap::new(),
            inhibition: Inhibition::default(),
            catch_up: catch_up.unwrap_or(CatchUp::Running { since: now, until: now + FIRST_CATCH_UP_MAX }),
            unseen: !alerts.is_empty(),
        };
        for alert in alerts {
            book.put(alert);
        }
        for group in groups {
            book.groups.insert(group.key.clone(), group);
        }
        book
    }

    /// The same book under another policy: routes, receivers and inhibition are worked out anew.
    #[must_use]
    pub fn with_policy(&self, policy: Arc<Policy>, now: Instant) -> Self {
        let alerts = self.alerts.values().map(|alert| Alert::clone(alert)).collect();
        let groups = self.groups.values().cloned().collect();
        let pages = self.pages.all().map(|page| Page::clone(page)).collect();
        Self::restore(self.agency.clone(), policy, alerts, groups, Some(self.catch_up), now).with_pages(pages)
    }

    /// With the pages that were stored.
    #[must_use]
    pub fn with_pages(mut self, pages: Vec<Page>) -> Self {
        self.unseen |= !pages.is_empty();
        for page in pages {
            self.pages.put(page);
        }
        self
    }

    /// The latest roster. Who is on call decides who is told next, and nothing of what was decided.
    pub fn set_roster(&mut self, roster: &Arc<Roster>) {
        if !Arc::ptr_eq(&self.policy.paging.roster, roster) {
            Arc::make_mut(&mut self.policy).paging.roster = Arc::clone(roster);
        }
    }

    /// Nobody looked for a while: as after a blindness, what is read now is taken in before anything new is told. Kept
    /// in memory only: a restart looks at everything anyway.
    pub fn recover(&mut self, now: Instant) {
        if self.catch_up == CatchUp::Done {
            self.catch_up = CatchUp::Running { since: now, until: now + RECOVERY_CATCH_UP_MAX };
        }
    }

    /// Takes a committed change in.
    pub fn absorb(&mut self, delta: &Delta) {
        self.unseen = false;
        for key in &delta.alerts_gone {
            self.forget(key);
        }
        for alert in &delta.alerts {
            self.put(alert.clone());
        }
        for key in &delta.groups_gone {
            self.groups.remove(key);
        }
        for group in &delta.groups {
            self.groups.insert(group.key.clone(), group.clone());
        }
        delta.pages_gone.iter().for_each(|key| self.pages.forget(key));
        delta.pages.iter().for_each(|page| self.pages.put(page.clone()));
        if let Some(catch_up) = delta.catch_up {
            self.catch_up = catch_up;
        }
    }

    /// Whose book it is.
    #[must_use]
    pub const fn agency(&self) -> &AgencyName {
        &self.agency
    }

    /// How it is told.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether everything is still being judged before anything is told.
    #[must_use]
    pub const fn catch_up(&self) -> CatchUp {
        self.catch_up
    }

    /// Whether no step has looked at it since it was restored: the policy may be another one.
    #[must_use]
    pub const fn is_unseen(&self) -> bool {
        self.unseen
    }

    /// Whether a verdict on this (rule, subject) would meet an alert: pending, firing or acknowledged. The judge asks.
    #[must_use]
    pub fn is_open(&self, rule: &RuleId, subject: &Subject) -> bool {
        let key = AlertKey { agency: self.agency.clone(), rule: rule.clone(), subject: subject.clone() };
        self.alerts.get(&key).is_some_and(|alert| !matches!(alert.state, AlertState::Resolved { .. }))
    }

    /// One alert.
    #[must_use]
    pub fn alert(&self, key: &AlertKey) -> Option<&Arc<Alert>> {
        self.alerts.get(key)
    }

    /// Every alert, those that are over but not yet told over among them, in no order.
    pub fn alerts(&self) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.values()
    }

    /// The alerts with this fingerprint; more than one only when a hash collides or two rules give equal labels.
    pub fn by_fingerprint(&self, fingerprint: &str) -> impl Iterator<Item = &Arc<Alert>> {
        self.by_fingerprint.get(fingerprint).into_iter().flatten().filter_map(|key| self.alerts.get(key))
    }

    /// The alerts about a subject.
    pub fn about(&self, subject: &Subject) -> impl Iterator<Item = &Arc<Alert>> {
        self.of_subject.get(subject).into_iter().flatten().filter_map(|key| self.alerts.get(key))
    }

    /// The alerts about the same client's shifts of the same id at another time.
    pub(super) fn about_other_times(&self, subject: &Subject) -> impl Iterator<Item = &AlertKey> {
        let found = vendor_id(subject).and_then(|id| self.of_id.get(&id));
        found.into_iter().flatten().filter(move |key| key.subject != *subject)
    }

    /// The alerts of which somebody was told by this message.
    pub(super) fn told_by(&self, message: &MessageId) -> impl Iterator<Item = &AlertKey> {
        self.told_by.get(message).into_iter().flatten()
    }

    /// One group.
    #[must_use]
    pub fn group(&self, key: &GroupKey) -> Option<&Group> {
        self.groups.get(key)
    }

    /// Every group, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// One page.
    #[must_use]
    pub fn page(&self, key: &PageKey) -> Option<&Arc<Page>> {
        self.pages.get(key)
    }

    /// Every page: those that are open, and those that are over and may still be answered. In no order.
    pub fn pages(&self) -> impl Iterator<Item = &Arc<Page>> {
        self.pages.all()
    }

    /// The pages of a group that are not over.
    pub(super) fn pages_in(&self, group: &GroupKey) -> impl Iterator<Item = &PageKey> {
        self.pages.in_group(group)
    }

    /// The pages of a group that are over and not yet forgotten.
    pub(super) fn closed_pages_in(&self, group: &GroupKey) -> impl Iterator<Item = &PageKey> {
        self.pages.closed_in(group)
    }

    /// The pages that tell of an alert and are not over.
    pub fn pages_of(&self, alert: &AlertKey) -> impl Iterator<Item = &PageKey> {
        self.pages.of_alert(alert)
    }

    /// The pages that a phone has a code of.
    pub(super) fn pages_on(&self, phone: &AddressMark) -> impl Iterator<Item = &PageKey> {
        self.pages.on_phone(phone)
    }

    /// The pages that told somebody by this message: several when they came in one.
    pub(super) fn pages_told_by(&self, message: &MessageId) -> impl Iterator<Item = &PageKey> {
        self.pages.told_by(message)
    }

    /// The pages of which something waits for a phone.
    pub(super) fn pages_waiting_for(&self, phone: &AddressMark) -> impl Iterator<Item = &PageKey> {
        self.pages.waiting_for(phone)
    }

    /// The lists of standing gaps, open or over.
    pub(super) fn lists(&self) -> impl Iterator<Item = &PageKey> {
        self.pages.lists()
    }

    /// The page whose notices have this topic.
    #[must_use]
    pub fn page_of_topic(&self, topic: &str) -> Option<&PageKey> {
        self.pages.of_topic(topic)
    }

    /// The page and the link that a token's hash belongs to.
    #[must_use]
    pub fn page_of_link(&self, hash: &str) -> Option<&Arc<Page>> {
        self.pages.of_link(hash).and_then(|key| self.pages.get(key))
    }

    /// The alerts that a group tells of: firing, acknowledged, or over and not yet told over.
    pub fn members(&self, key: &GroupKey) -> impl Iterator<Item = &AlertKey> {
        self.members.get(key).into_iter().flatten()
    }

    /// How many alerts each rule has in each state, for the metric.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<(RuleId, &'static str), usize> {
        &self.counts
    }

    /// Whether a worse alert speaks for this one at the moment, for API and pages.
    #[must_use]
    pub fn is_inhibited(&self, alert: &Alert) -> bool {
        roles(&self.policy.inhibit_rules, &alert.labels).iter().any(|role| {
            role.target && self.inhibition.sources.get(&role.scope).is_some_and(|sources| sources.mute(role.source))
        })
    }

    /// Who speaks for whom at present: made once for many questions.
    #[must_use]
    pub fn speakers(&self) -> Speakers<'_> {
        Speakers::of(&self.policy.inhibit_rules, self.alerts.values().map(AsRef::as_ref))
    }

    /// An alert that speaks for this one, when one does.
    #[must_use]
    pub fn who_speaks_for<'a>(&'a self, alert: &Alert, speakers: &Speakers<'a>) -> Option<&'a Alert> {
        speakers.who_speaks_for(&self.policy.inhibit_rules, alert)
    }

    /// The groups an alert with these labels belongs to, in the order of the routing tree.
    #[must_use]
    pub fn groups_of(&self, labels: &Labels) -> Vec<GroupKey> {
        self.routes_of(labels).into_iter().map(|(_, key)| key).collect()
    }

    /// The same with the route node of each.
    pub(super) fn routes_of(&self, labels: &Labels) -> Vec<(&Route, GroupKey)> {
        let with_group = |route: &'_ Route| route.group_of(&self.agency, labels);
        self.policy.route.matches(labels).into_iter().map(|route| (route, with_group(route))).collect()
    }

    /// Findings that close every alert whose rule is no longer loaded; hand them to the first step after a reload.
    pub fn without_rule(&self, is_loaded: impl Fn(&RuleId) -> bool) -> Vec<Finding> {
        self.closing_of(|alert| alert.posted.is_none() && !is_loaded(&alert.key.rule))
    }

    /// Findings that close every alert, posted ones too: of an agency that nobody watches any more.
    #[must_use]
    pub fn unwatched(&self) -> Vec<Finding> {
        self.closing_of(|_| true)
    }

    fn closing_of(&self, picked: impl Fn(&Alert) -> bool) -> Vec<Finding> {
        let mut keys: Vec<_> =
            self.alerts.values().filter(|alert| picked(alert)).map(|alert| alert.key.clone()).collect();
        keys.sort();
        let verdict = Verdict::Fine(Closing::RuleRemoved);
        keys.into_iter().map(|key| Finding { rule: key.rule, subject: key.subject, verdict: verdict.clone() }).collect()
    }

    /// The agenda's entries for everything in the book, to rebuild it at a start, a reload or a clock step.
    #[must_use]
    pub fn wakes(&self) -> Vec<WakeAt> {
        let timeout = self.policy.confirm_timeout;
        // Restored alerts are due at once, whatever else they wait for.
        let wake_of = |alert: &Alert| {
            let at = alert_wake(alert, timeout);
            if self.unseen { Some(at.map_or(alert.updated_at, |at| at.min(alert.updated_at))) } else { at }
        };
        let alerts = self.alerts.values().map(|alert| (Wake::Alert(alert.key.clone()), wake_of(alert)));
        // A group that a reload left without alerts is due at once, and so forgotten.
        let flush_at = |group: &Group| match self.members.get(&group.key) {
            Some(_) => group.flush_at,
            None => Some(from_micros(i64::try_from(group.generation).unwrap_or(0))),
        };
        let groups = self.groups.values().map(|group| (Wake::Group(group.key.clone()), flush_at(group)));
        let catch_up = match self.catch_up {
            CatchUp::Done => None,
            CatchUp::Running { since, .. } => Some((Wake::CatchUp, Some(since))),
        };
        let pages = self.pages.all().map(|page| (Wake::Page(page.key.clone()), page.next_at));
        let phones: BTreeSet<&AddressMark> = self.pages.all().flat_map(|page| page.waits_for()).collect();
        let long_ago = from_micros(0);
        let phones = phones.into_iter().map(|mark| (Wake::Person(mark.clone()), Some(long_ago)));
        // Whether a list is due is looked at at once.
        let zone = self.policy.paging.zones.get(&self.agency);
        let standing = zone.map(|_| (Wake::Standing, Some(long_ago)));
        let spoken = self.policy.paging.watch_on.values().any(|agency| *agency == self.agency);
        let handoff = spoken.then_some((Wake::Handoff, Some(long_ago)));
        let groups = groups.chain(standing).chain(handoff);
        alerts.chain(groups).chain(phones).chain(pages).chain(catch_up).filter(|(_, at)| at.is_some()).collect()
    }

    fn put(&mut self, alert: Alert) {
        self.forget(&alert.key);
        let key = alert.key.clone();
        self.of_subject.entry(key.subject.clone()).or_default().insert(key.clone());
        if let Some(id) = vendor_id(&key.subject) {
            self.of_id.entry(id).or_default().insert(key.clone());
        }
        self.by_fingerprint.entry(fingerprint(&alert.labels)).or_default().insert(key.clone());
        for told in &alert.told {
            self.told_by.entry(told.message.clone()).or_default().insert(key.clone());
        }
        *self.counts.entry((key.rule.clone(), alert.state_name())).or_default() += 1;
        if alert.is_firing() {
            let policy = Arc::clone(&self.policy);
            self.inhibition.count(&policy.inhibit_rules, &alert, 1);
        }
        if !matches!(alert.state, AlertState::Pending { .. }) {
            for group in self.groups_of(&alert.labels) {
                self.members.entry(group).or_default().insert(key.clone());
            }
        }
        self.alerts.insert(key, Arc::new(alert));
    }

    fn forget(&mut self, key: &AlertKey) {
        let Some(alert) = self.alerts.remove(key) else { return };
        remove_from(&mut self.of_subject, &key.subject, key);
        if let Some(id) = vendor_id(&key.subject) {
            remove_from(&mut self.of_id, &id, key);
        }
        remove_from(&mut self.by_fingerprint, &fingerprint(&alert.labels), key);
        for told in &alert.told {
            remove_from(&mut self.told_by, &told.message, key);
        }
        let count = (key.rule.clone(), alert.state_name());
        if let Some(n) = self.counts.get_mut(&count) {
            *n -= 1;
            if *n == 0 {
                self.counts.remove(&count);
            }
        }
        if alert.is_firing() {
            let policy = Arc::clone(&self.policy);
            self.inhibition.count(&policy.inhibit_rules, &alert, -1);
        }
        for group in self.groups_of(&alert.labels) {
            remove_from(&mut self.members, &group, key);
        }
    }
}

fn vendor_id(subject: &Subject) -> Option<(ClientId, ShiftId)> {
    match subject {
        Subject::Shift(ShiftKey { client, id: ShiftRef::Vendor(id), .. }) => Some((client.clone(), id.clone())),
        _ => None,
    }
}

fn remove_from<K: std::hash::Hash + Eq, V: Ord>(index: &mut HashMap<K, BTreeSet<V>>, at: &K, value: &V) {
    if let Some(set) = index.get_mut(at) {
        set.remove(value);
        if set.is_empty() {
            index.remove(at);
        }
    }
}

/// The earliest instant at which time alone changes an alert; `None` when only evidence or an order can.
pub(super) fn alert_wake(alert: &Alert, confirm_timeout: Duration) -> Option<Instant> {
    let confirm = match alert.confirm {
        Confirm::Awaited { since } if alert.is_firing() => Some(since + confirm_timeout),
        _ => None,
    };
    let own = match &alert.state {
        // While nobody can judge it, its `for` cannot run out either; the next verdict looks again.
        AlertState::Pending { .. } if alert.unjudged_since.is_some() => None,
        AlertState::Pending { fires_at } => Some(*fires_at),
        AlertState::Acknowledged { ack, .. } => Some(ack.until),
        AlertState::Firing { .. } | AlertState::Resolved { .. } => None,
    };
    let posted = alert.posted.as_ref().filter(|_| alert.is_firing()).map(|posted| posted.ends_at);
    [confirm, own, posted].into_iter().flatten().min()
}
