//! A step in the making: the book as it is, with the changes of this step laid over it.
//!
//! Given: a book. Gives: look-ups that see the changes, and at the end the [`Step`]. Does not: touch the book.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    alert::{Alert, AlertKey, AlertState, Labels},
    book::{Book, alert_wake},
    disposition::Said,
    group::{Group, GroupKey},
    inhibit::{Scope, Sources, roles},
    notice::Notice,
    page::{self, LinkKey, Page, PageKey, PageTurn, Turn},
    phones::Phones,
    policy::Policy,
    route::Route,
    silence::Silences,
    standing,
    step::{CatchUp, Delta, Intent, Quiet, Step, Transition},
};
use crate::{
    agenda::Wake,
    model::{AddressMark, Instant, PersonName, Subject, local_time::to_micros},
    notify::message::MessageId,
    on_call::Via,
    rules::finding::{Finding, Tells},
    source::fetched::Read,
};

/// The changes of a step.
pub(super) struct Draft<'a> {
    pub book: &'a Book,
    pub policy: &'a Policy,
    pub silences: &'a Silences,
    pub now: Instant,
    alerts: BTreeMap<AlertKey, Option<Alert>>,
    groups: BTreeMap<GroupKey, Group>,
    joined: HashMap<GroupKey, BTreeSet<AlertKey>>,
    new_about: HashMap<Subject, BTreeSet<AlertKey>>,
    sources: HashMap<Scope, Sources>,
    new_targets: HashMap<Scope, BTreeSet<AlertKey>>,
    pub catch_up: Option<CatchUp>,
    pub transitions: Vec<Transition>,
    pub said: Vec<Said>,
    pub intents: Vec<Intent>,
    pub notices: Vec<Notice>,
    /// Every phone; `None` in tests that have none.
    pub phones: Option<&'a Phones>,
    /// What links are made with.
    pub link_key: Option<&'a LinkKey>,
    pages: BTreeMap<PageKey, Option<Page>>,
    /// Open pages of this step, by what they tell of and by their group.
    new_pages_of: HashMap<AlertKey, BTreeSet<PageKey>>,
    new_pages_in: HashMap<GroupKey, BTreeSet<PageKey>>,
    /// Phones that got many pages in one text in this step.
    pub stormed: BTreeSet<(AddressMark, Via)>,
    new_lists: BTreeSet<PageKey>,
    new_codes: HashMap<AddressMark, BTreeSet<String>>,
    /// Pages to look at beside those that a changed alert or a touched group concerns.
    pub pages_touched: BTreeSet<PageKey>,
    /// Alerts that changed since pages were last looked at.
    fresh: BTreeSet<AlertKey>,
    page_turns: Vec<PageTurn>,
    /// When phones for which something waits are looked at again; `None` = nothing waits any more.
    pub person_wakes: BTreeMap<AddressMark, Option<Instant>>,
    /// Who was told that a shift's page is over, in this step.
    pub closed_to: BTreeSet<(PersonName, Subject)>,
    /// Who was told in this step who has an alert.
    pub owned_to: BTreeSet<(PersonName, AlertKey)>,
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
    pub fn new(book: &'a Book, silences: &'a Silences, now: Instant) -> Self {
        Self {
            book,
            policy: book.policy(),
            silences,
            now,
            alerts: BTreeMap::new(),
            groups: BTreeMap::new(),
            joined: HashMap::new(),
            new_about: HashMap::new(),
            sources: HashMap::new(),
            new_targets: HashMap::new(),
            catch_up: None,
            transitions: Vec::new(),
            said: Vec::new(),
            intents: Vec::new(),
            notices: Vec::new(),
            phones: None,
            link_key: None,
            pages: BTreeMap::new(),
            new_pages_of: HashMap::new(),
            new_pages_in: HashMap::new(),
            stormed: BTreeSet::new(),
            new_lists: BTreeSet::new(),
            new_codes: HashMap::new(),
            pages_touched: BTreeSet::new(),
            fresh: BTreeSet::new(),
            page_turns: Vec::new(),
            person_wakes: BTreeMap::new(),
            closed_to: BTreeSet::new(),
            owned_to: BTreeSet::new(),
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
        self.fresh.insert(alert.key.clone());
        self.alerts.insert(alert.key.clone(), Some(alert));
    }

    /// Forgets an alert that is over and fully told. Should it come back, it is news.
    ///
    /// While a page tells of it, it stays, with nobody else to tell.
    pub fn forget(&mut self, key: &AlertKey) {
        if self.is_paged(key) {
            if let Some(mut alert) = self.alert(key).filter(|alert| !alert.told.is_empty()).cloned() {
                alert.told.clear();
                self.put(alert);
            }
            return;
        }
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

    /// Whether a silence mutes it now.
    pub fn is_silenced(&self, alert: &Alert) -> bool {
        self.silences.mutes(&alert.labels, self.now).is_some()
    }

    /// When the last silence ended that kept a firing alert from being told; `None` while one does, and when none did.
    pub fn silence_ended(&self, alert: &Alert) -> Option<Instant> {
        let fired_at = alert.fired_at()?;
        self.silences.ended(&alert.labels, fired_at, self.now)
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

    /// A page as it will be.
    pub fn page(&self, key: &PageKey) -> Option<&Page> {
        match self.pages.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.book.page(key).map(AsRef::as_ref),
        }
    }

    /// Writes a page.
    pub fn put_page(&mut self, page: Page) {
        for alert in &page.alerts {
            self.new_pages_of.entry(alert.clone()).or_default().insert(page.key.clone());
        }
        if page.list.is_some() {
            self.new_lists.insert(page.key.clone());
        }
        self.new_pages_in.entry(page.key.group.clone()).or_default().insert(page.key.clone());
        self.pages_touched.insert(page.key.clone());
        self.pages.insert(page.key.clone(), Some(page));
    }

    /// The lists of standing gaps, those that are over and not yet forgotten among them.
    pub fn lists(&self) -> impl Iterator<Item = &Page> {
        let old = self.book.lists().filter(|key| !self.new_lists.contains(*key));
        old.chain(&self.new_lists).filter_map(|key| self.page(key))
    }

    /// The agency's zone; `None` of the installation, which has no schedule.
    pub fn zone(&self) -> Option<chrono_tz::Tz> {
        self.policy.paging.zones.get(self.book.agency()).copied()
    }

    /// The schedules at whose hand-overs this agency speaks.
    pub fn spoken_schedules(&self) -> Vec<String> {
        let all = self.policy.paging.watch_on.iter().filter(|(_, agency)| *agency == self.book.agency());
        all.map(|(schedule, _)| schedule.clone()).collect()
    }

    /// Forgets a page.
    pub fn drop_page(&mut self, key: &PageKey) {
        self.pages.insert(key.clone(), None);
    }

    /// Notes what happened to a page.
    pub fn turn(&mut self, key: &PageKey, what: Turn, people: impl IntoIterator<Item = String>) {
        let people = people.into_iter().collect();
        self.page_turns.push(PageTurn { page: key.id(), is_drill: key.is_drill(), what, people });
    }

    fn is_open_page(&self, key: &PageKey) -> bool {
        self.page(key).is_some_and(Page::is_open)
    }

    /// The pages of a group that are not over.
    pub fn open_pages_of(&self, group: &GroupKey) -> BTreeSet<PageKey> {
        let new = self.new_pages_in.get(group).into_iter().flatten();
        self.book.pages_in(group).chain(new).filter(|key| self.is_open_page(key)).cloned().collect()
    }

    /// The pages of a group that are over and not yet forgotten.
    pub fn closed_pages_of(&self, group: &GroupKey) -> BTreeSet<PageKey> {
        let new = self.new_pages_in.get(group).into_iter().flatten();
        let is_over = |key: &&PageKey| self.page(key).is_some_and(|page| !page.is_open());
        self.book.closed_pages_in(group).chain(new).filter(is_over).cloned().collect()
    }

    fn pages_of<'d>(&'d self, alert: &'d AlertKey) -> impl Iterator<Item = &'d PageKey> {
        let new = self.new_pages_of.get(alert).into_iter().flatten();
        let tells =
            move |key: &&PageKey| self.page(key).is_some_and(|page| page.is_open() && page.alerts.contains(alert));
        self.book.pages_of(alert).chain(new).filter(tells)
    }

    /// Whether a page that is not over tells of an alert.
    pub fn is_paged(&self, alert: &AlertKey) -> bool {
        self.pages_of(alert).next().is_some()
    }

    /// Whether every page that tells of an alert keeps quiet because it opened and closed so often.
    pub fn flaps(&self, alert: &Alert) -> bool {
        let quiet = |key: &PageKey| {
            let alone = std::iter::once(alert);
            self.page(key).is_some_and(|page| page::flaps_until(page, alone, self.now).is_some())
        };
        self.pages_of(&alert.key).all(quiet)
    }

    /// The pages that tell of any of these and are not over.
    pub fn pages_telling(&self, alerts: &BTreeSet<AlertKey>) -> BTreeSet<PageKey> {
        alerts.iter().flat_map(|alert| self.pages_of(alert)).cloned().collect()
    }

    /// The pages that a phone has a code of.
    pub fn pages_on(&self, phone: &AddressMark) -> Vec<Page> {
        let new = self.pages.keys();
        let keys: BTreeSet<&PageKey> = self.book.pages_on(phone).chain(new).collect();
        let on_phone = |page: &&Page| page.codes.contains_key(phone);
        keys.into_iter().filter_map(|key| self.page(key)).filter(on_phone).cloned().collect()
    }

    /// The pages of which something waits for a phone, as they will be.
    pub fn pages_waiting_for<'d>(&'d self, phone: &'d AddressMark) -> impl Iterator<Item = &'d Page> {
        let unchanged = self.book.pages_waiting_for(phone).filter(|key| !self.pages.contains_key(*key));
        let changed = self.pages.values().flatten().filter(move |page| page.waits_for().any(|mark| mark == phone));
        unchanged.filter_map(|key| self.book.page(key)).map(AsRef::as_ref).chain(changed)
    }

    /// The pages that this step changed.
    pub fn changed_pages(&self) -> impl Iterator<Item = &PageKey> {
        self.pages.iter().filter(|(_, page)| page.is_some()).map(|(key, _)| key)
    }

    /// Changes a page, if it is still there.
    pub fn change_page(&mut self, key: &PageKey, change: impl FnOnce(&mut Page)) {
        if let Some(mut page) = self.page(key).cloned() {
            change(&mut page);
            self.put_page(page);
        }
    }

    /// The page with a topic.
    pub fn page_of_topic(&self, topic: &str) -> Option<Page> {
        let new = self.pages.keys().find(|key| key.topic() == topic);
        self.page(new.or_else(|| self.book.page_of_topic(topic))?).cloned()
    }

    /// The codes of what is open on a phone, of all agencies.
    pub fn open_codes(&self, phone: &AddressMark) -> Vec<String> {
        let agency = self.book.agency();
        let mut codes: BTreeSet<String> = BTreeSet::new();
        for (code, known) in self.phones.into_iter().flat_map(|phones| phones.known(phone)) {
            if known.open && known.agency != *agency {
                codes.insert(code.clone());
            }
        }
        let ours = self.pages_on(phone);
        codes.extend(ours.iter().filter(|page| page.is_open()).filter_map(|page| page.codes.get(phone)).cloned());
        codes.into_iter().collect()
    }

    /// Whether a phone knows a code already.
    pub fn knows_code(&self, phone: &AddressMark, code: &str) -> bool {
        self.phones.is_some_and(|phones| phones.knows(phone, code))
            || self.new_codes.get(phone).is_some_and(|codes| codes.contains(code))
    }

    /// A phone knows a code from now on.
    pub fn take_code(&mut self, phone: &AddressMark, code: &str) {
        self.new_codes.entry(phone.clone()).or_default().insert(code.to_owned());
    }

    /// Whether an address takes nothing for good.
    pub fn is_bad(&self, mark: &AddressMark, via: Via) -> bool {
        self.phones.is_some_and(|phones| phones.bad().contains(&(mark.clone(), via)))
    }

    /// The receiver's own template of a page's text.
    pub fn page_text(&self, key: &PageKey) -> Option<String> {
        let configs = &self.policy.receivers.get(&key.group.receiver)?.page;
        let own = configs.iter().find(|config| config.policy == key.policy).or_else(|| configs.first());
        own.and_then(|config| config.text.clone())
    }

    /// Whether a receiver tells people by pages and nobody otherwise.
    pub fn tells_by_pages_only(&self, receiver: &str) -> bool {
        self.policy.receivers.get(receiver).is_some_and(|to| {
            !to.page.is_empty()
                && to.webhook.is_empty()
                && to.sms.iter().all(|config| config.to.is_empty())
                && to.email.iter().all(|config| config.to.is_empty())
        })
    }

    /// Every page is looked at in this step.
    pub fn touch_every_page(&mut self) {
        self.pages_touched.extend(self.book.pages().map(|page| page.key.clone()));
    }

    /// The pages that something of this step concerns, `first` by everything so far, then by what changed since.
    pub fn take_pages_to_look_at(&mut self, first: bool) -> BTreeSet<PageKey> {
        let mut pages = std::mem::take(&mut self.pages_touched);
        let fresh = std::mem::take(&mut self.fresh);
        pages.extend(self.pages_telling(&fresh));
        if first {
            pages.extend(self.pages_telling(&self.looked_at));
            let groups: Vec<&GroupKey> = self.touched.iter().collect();
            pages.extend(groups.into_iter().flat_map(|group| self.open_pages_of(group)));
        }
        pages
    }

    pub fn catch_up(&self) -> CatchUp {
        self.catch_up.unwrap_or_else(|| self.book.catch_up())
    }

    pub fn is_catching_up(&self) -> bool {
        matches!(self.catch_up(), CatchUp::Running { .. })
    }

    /// Whether an alert waits for the end of a catch-up. That nobody can see is told all the same: it is what keeps the
    /// catch-up from ending. So is what was posted: no read of ours makes it truer, and it may be about the very outage.
    pub fn is_held_back(&self, alert: &Alert) -> bool {
        self.is_catching_up() && alert.posted.is_none() && !matches!(alert.facts.tells, Tells::Blind { .. })
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
        for (key, page) in std::mem::take(&mut self.pages) {
            let before = self.book.page(&key).map(AsRef::as_ref);
            wakes.insert(Wake::Page(key.clone()), page.as_ref().and_then(|page| page.next_at));
            match page {
                Some(page) if before != Some(&page) => delta.pages.push(page),
                None if before.is_some() => delta.pages_gone.push(key),
                _ => {}
            }
        }
        for (mark, at) in std::mem::take(&mut self.person_wakes) {
            wakes.insert(Wake::Person(mark), at);
        }
        if let CatchUp::Running { until, .. } = self.catch_up() {
            // The sweep is not ours to foresee: look again every tick.
            wakes.insert(Wake::CatchUp, Some(until.min(self.now + chrono::TimeDelta::seconds(1))));
        } else if self.catch_up.is_some() || due.contains(&Wake::CatchUp) {
            wakes.insert(Wake::CatchUp, None);
        }
        if due.contains(&Wake::Standing) {
            wakes.insert(Wake::Standing, standing::next_look(&self));
        }
        if due.contains(&Wake::Handoff) {
            wakes.insert(Wake::Handoff, page::next_handoff(&self));
        }
        if due.contains(&Wake::Silences) {
            wakes.insert(Wake::Silences, self.silences.next_change(self.now));
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
        delta.said = self.said;
        Step {
            delta,
            intents: self.intents,
            notices: self.notices,
            page_turns: self.page_turns,
            cancels: self.cancels.into_iter().collect(),
            reads_wanted: self.reads_wanted,
            quiet: self.quiet.into_iter().collect(),
            wakes: wakes.into_iter().collect(),
            later: self.later,
        }
    }
}
