//! What one phone hears in one step: at most one text, or the few that a person reads with ease.
//!
//! Given: the notices of this step, what waited for its phone, and when each phone was texted or called lately.
//! Gives: the notices that go now, several matters in one where they are many; the rest waits, in the pages that are
//! stored with the step, and the phone's wake says when it is looked at again. Nothing is dropped: what waited for a page
//! that somebody has by then, or that is over, is said as that.
//! Does not: hold answers, trials or lists. They are few, and somebody waits for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;

use super::{
    alert::{Alert, AlertState},
    draft::Draft,
    flush::urgency,
    limits::{self, Pace},
    notice::{Bundle, BundledPage, Notice, PageAsk, Says},
    page::{Arrived, HeldWord, Page, PageKey, PageState, SaidWord, Way, Word, firing_of, is_muted, look, says_page},
    severity::rank,
    step::Why,
};
use crate::{
    agenda::Wake,
    model::{AddressMark, Instant, PersonName, local_time::to_micros},
    notify::message::MessageId,
    on_call::Via,
};

/// From so many pages in one text on, a phone is in a storm for an hour.
const STORM: usize = 3;
/// So many words on who has it, and on what is over, are still read one by one.
const WORDS_ALONE: usize = 3;
/// So many mails in one step are not put together.
const MAILS_ALONE: usize = 3;
/// What one text speaks of is kept with it up to this number; the rest is counted.
const KEPT: usize = 500;
/// A text of what waited is useful for so long at least.
const USEFUL: TimeDelta = TimeDelta::minutes(15);
/// How often what is said in a step may lead to more.
const ROUNDS_MAX: usize = 3;
/// A bundle of ends follows the messages it answers, so many at most.
const FOLLOWS_MAX: usize = 100;

/// One way to one address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    mark: AddressMark,
    via: Via,
}

/// Shapes what people are told in this step. Comes last: every page is as it will be.
///
/// A phone for which something of a page in `looked_at` waits is looked at too: what waits may be more urgent by now.
pub(super) fn shape(draft: &mut Draft<'_>, due: &[Wake], looked_at: &BTreeSet<PageKey>) {
    let marks = due.iter().filter_map(|wake| match wake {
        Wake::Person(mark) => Some(mark.clone()),
        _ => None,
    });
    let mut marks: BTreeSet<AddressMark> = marks.collect();
    for mark in &marks {
        draft.person_wakes.entry(mark.clone()).or_insert(None);
    }
    let pages = looked_at.iter().filter_map(|key| draft.page(key));
    marks.extend(pages.flat_map(Page::waits_for).cloned());
    let mut said = Vec::new();
    let mut sent = Sent::default();
    for _ in 0..ROUNDS_MAX {
        draft.pages_touched.clear();
        shape_round(draft, std::mem::take(&mut marks), &mut said, &mut sent);
        // What waits, or was told in another way, may change when a page is looked at next.
        for key in std::mem::take(&mut draft.pages_touched) {
            look(draft, &key);
        }
        if draft.notices.is_empty() {
            break;
        }
    }
    said.append(&mut draft.notices);
    draft.notices = said;
}

/// The lines that were used in this step.
type Sent = BTreeSet<Line>;

fn shape_round(draft: &mut Draft<'_>, marks: BTreeSet<AddressMark>, said: &mut Vec<Notice>, sent: &mut Sent) {
    let mut by_line: BTreeMap<Line, Vec<(usize, Notice)>> = BTreeMap::new();
    let mut placed: Vec<(usize, Notice)> = Vec::new();
    for (place, notice) in std::mem::take(&mut draft.notices).into_iter().enumerate() {
        if is_limited(&notice) {
            by_line.entry(Line { mark: notice.mark.clone(), via: notice.via }).or_default().push((place, notice));
        } else {
            placed.push((place, notice));
        }
    }
    // Both ways to a person have one wake, so both are looked at.
    let told = by_line.keys().filter(|line| line.via != Via::Email).map(|line| line.mark.clone());
    let marks: BTreeSet<AddressMark> = told.chain(marks).collect();
    for mark in marks {
        for via in [Via::Sms, Via::Call] {
            by_line.entry(Line { mark: mark.clone(), via }).or_default();
        }
    }
    if by_line.is_empty() {
        said.extend(placed.into_iter().map(|(_, notice)| notice));
        return;
    }
    let topics: HashMap<String, PageKey> = draft.changed_pages().map(|key| (key.topic(), key.clone())).collect();
    for (line, notices) in by_line {
        let first = notices.first().map_or(usize::MAX, |(place, _)| *place);
        let places: HashMap<MessageId, usize> =
            notices.iter().map(|(place, notice)| (notice.message(draft.book.agency()), *place)).collect();
        let matters = notices.into_iter().map(|(_, notice)| Matter::of(notice, &topics)).collect();
        shape_line(draft, &line, matters, sent.contains(&line));
        if !draft.notices.is_empty() {
            sent.insert(line);
        }
        for notice in std::mem::take(&mut draft.notices) {
            let place = places.get(&notice.message(draft.book.agency())).copied().unwrap_or(first);
            placed.push((place, notice));
        }
    }
    // In the order in which they were decided.
    placed.sort_by_key(|(place, _)| *place);
    said.extend(placed.into_iter().map(|(_, notice)| notice));
}

fn is_limited(notice: &Notice) -> bool {
    match &notice.says {
        Says::Page { ask, .. } => *ask != PageAsk::Drill,
        Says::Owned { .. } | Says::Closed { .. } => true,
        _ => false,
    }
}

/// A notice and the page it is about.
struct Matter {
    notice: Notice,
    page: Option<PageKey>,
}

impl Matter {
    fn of(notice: Notice, topics: &HashMap<String, PageKey>) -> Self {
        let page = topics.get(&notice.topic).cloned();
        Self { notice, page }
    }

    fn is_page(&self) -> bool {
        matches!(self.notice.says, Says::Page { .. })
    }

    fn is_urgent(&self) -> bool {
        match &self.notice.says {
            Says::Page { ask: PageAsk::StillYours { .. }, .. } => true,
            Says::Page { .. } => self.notice.urgency == 0,
            _ => false,
        }
    }
}

/// What waited for a line, as it is now.
#[derive(Default)]
struct Waiting {
    /// Pages that nobody has, or that are asked about, with what is asked.
    open: Vec<(PageKey, PageAsk, Alert)>,
    /// Pages of which something else is to be said.
    words: Vec<(PageKey, Word, Vec<MessageId>)>,
    /// Pages whose word came too late.
    stale: Vec<PageKey>,
    /// Several pages in one text came to it lately.
    storm: bool,
}

fn waiting_on(draft: &Draft<'_>, line: &Line) -> Waiting {
    let mut waiting = Waiting::default();
    for page in draft.pages_waiting_for(&line.mark) {
        let ours = || page.told.iter().filter(|told| told.mark == line.mark && told.via == line.via);
        if let Some(held) = ours().rev().find(|told| told.arrived == Arrived::Held) {
            let asked = matches!(held.ask, PageAsk::StillYours { .. } | PageAsk::More | PageAsk::WentUnstaffed);
            let wanted = page.state == PageState::Open || (asked && page.is_open());
            let first = firing_of(draft, page).into_iter().find(|alert| !is_muted(draft, alert));
            // What is asked of a shift that is over is asked after the page's end.
            let ended = match &page.state {
                PageState::Closed { alerts, .. } if held.ask == PageAsk::WentUnstaffed => alerts.first().cloned(),
                _ => None,
            };
            match first.filter(|_| wanted).or(ended) {
                Some(alert) => waiting.open.push((page.key.clone(), held.ask, alert)),
                None => waiting.stale.push(page.key.clone()),
            }
        }
        let words = page.waiting.iter().filter(|word| word.mark == line.mark && word.via == line.via);
        waiting.words.extend(words.map(|word| (page.key.clone(), word.word, word.follows.clone())));
    }
    let lately = draft.phones.is_some_and(|phones| phones.had_several(&line.mark, line.via, STORM, draft.now));
    let now = draft.stormed.contains(&(line.mark.clone(), line.via));
    waiting.storm = lately || now || waiting.open.len() >= STORM;
    waiting
}

/// `used`: it was used in this step already.
fn shape_line(draft: &mut Draft<'_>, line: &Line, new: Vec<Matter>, used: bool) {
    let now = draft.now;
    if line.via == Via::Email {
        if new.len() <= MAILS_ALONE {
            draft.notices.extend(new.into_iter().map(|matter| matter.notice));
        } else {
            bundle(draft, line, &new, Waiting::default());
        }
        return;
    }
    let mut waiting = waiting_on(draft, line);
    for key in std::mem::take(&mut waiting.stale) {
        draft.change_page(&key, |page| settle_held(page, line, None));
    }
    let mut times: Vec<Instant> =
        draft.phones.map(|phones| phones.lately(&line.mark, line.via, now).collect()).unwrap_or_default();
    times.extend(used.then_some(now));
    let (pages, words): (Vec<Matter>, Vec<Matter>) = new.into_iter().partition(Matter::is_page);
    // What is told anew needs not be told as it was before.
    let anew: BTreeSet<&PageKey> = pages.iter().filter_map(|matter| matter.page.as_ref()).collect();
    for (key, _, _) in waiting.open.iter().filter(|(key, _, _)| anew.contains(key)) {
        draft.change_page(key, |page| settle_held(page, line, None));
    }
    waiting.open.retain(|(key, _, _)| !anew.contains(key));
    let urgent = pages.iter().any(Matter::is_urgent)
        || waiting
            .open
            .iter()
            .any(|(_, ask, alert)| matches!(ask, PageAsk::StillYours { .. }) || rank(&alert.labels) == 0);
    let page_pace = if urgent { Pace::Urgent } else { Pace::Ordinary };
    if waiting.storm {
        // One text with everything.
        let n = pages.len() + words.len() + waiting.open.len() + waiting.words.len();
        let at = limits::next_at(&times, page_pace, true, now);
        if n == 0 {
            return;
        }
        if at <= now && n == 1 && words.len() + waiting.words.len() == 0 {
            // One page is told as itself, with all its words.
            draft.notices.extend(pages.into_iter().map(|matter| matter.notice));
            for (key, ask, _) in waiting.open {
                tell_alone(draft, line, &key, ask);
            }
        } else if at <= now {
            let all: Vec<Matter> = pages.into_iter().chain(words).collect();
            bundle(draft, line, &all, waiting);
        } else {
            hold(draft, line, pages.into_iter().chain(words).collect());
            wake(draft, line, at);
        }
        return;
    }
    let words_at = limits::next_at(&times, Pace::Prompt, false, now);
    if words.len() + waiting.words.len() > 0 {
        let lately = times.iter().filter(|at| now - **at < TimeDelta::minutes(1)).count();
        let alone = waiting.words.is_empty() && words.len() + lately <= WORDS_ALONE;
        if words_at > now {
            hold(draft, line, words);
            wake(draft, line, words_at);
        } else if alone {
            times.extend((!words.is_empty()).then_some(now));
            for Matter { notice, page } in words {
                note_word(draft, line, page.as_ref());
                draft.notices.push(notice);
            }
        } else {
            let said = Waiting { words: std::mem::take(&mut waiting.words), ..Waiting::default() };
            bundle(draft, line, &words, said);
            times.push(now);
        }
    }
    if pages.len() + waiting.open.len() == 0 {
        return;
    }
    let at = limits::next_at(&times, page_pace, false, now);
    if at > now {
        hold(draft, line, pages);
        wake(draft, line, at);
    } else if pages.len() + waiting.open.len() == 1 {
        draft.notices.extend(pages.into_iter().map(|matter| matter.notice));
        for (key, ask, _) in waiting.open {
            tell_alone(draft, line, &key, ask);
        }
    } else {
        bundle(draft, line, &pages, Waiting { words: Vec::new(), ..waiting });
    }
}

fn wake(draft: &mut Draft<'_>, line: &Line, at: Instant) {
    let entry = draft.person_wakes.entry(line.mark.clone()).or_insert(None);
    *entry = Some(entry.map_or(at, |before| before.min(at)));
}

/// Keeps notices for later, in their pages.
fn hold(draft: &mut Draft<'_>, line: &Line, matters: Vec<Matter>) {
    let agency = draft.book.agency().clone();
    for Matter { notice, page } in matters {
        let Some(key) = page else {
            // Of no page that is known: it can't wait anywhere.
            draft.notices.push(notice);
            continue;
        };
        let message = notice.message(&agency);
        let word = match &notice.says {
            Says::Owned { .. } => Some(Word::Owned),
            Says::Closed { .. } => Some(Word::Closed),
            _ => None,
        };
        draft.change_page(&key, |page| match word {
            Some(word) => {
                page.waiting.retain(|waits| waits.mark != line.mark || waits.via != line.via);
                page.waiting.push(HeldWord {
                    person: notice.to.clone(),
                    via: line.via,
                    mark: line.mark.clone(),
                    word,
                    follows: notice.follows.clone(),
                });
            }
            None => {
                for told in page.told.iter_mut().filter(|told| told.message == message) {
                    told.arrived = Arrived::Held;
                }
            }
        });
    }
}

/// What was told in place of what waited: by which message and in which bundle. `None`: nothing was, and it is withdrawn.
struct Instead {
    message: MessageId,
    bundle: Option<u64>,
    at: Instant,
}

fn settle_held(page: &mut Page, line: &Line, instead: Option<&Instead>) {
    for told in &mut page.told {
        if told.mark != line.mark || told.via != line.via || told.arrived != Arrived::Held {
            continue;
        }
        match instead {
            Some(Instead { message, bundle, at }) => {
                told.arrived = Arrived::Waiting;
                (told.message, told.bundle, told.at) = (message.clone(), *bundle, *at);
            }
            None => told.arrived = Arrived::Withdrawn,
        }
    }
}

/// The one page that waited, as itself.
fn tell_alone(draft: &mut Draft<'_>, line: &Line, key: &PageKey, ask: PageAsk) {
    let Some(mut page) = draft.page(key).cloned() else { return };
    let Some(person) = held_by(&page, line) else { return };
    let now = draft.now;
    let firing = match &page.state {
        PageState::Closed { alerts, .. } => alerts.clone(),
        _ => firing_of(draft, &page),
    };
    let way = Way { person: person.clone(), via: line.via, mark: line.mark.clone() };
    let says = says_page(draft, &mut page, &way, ask, &firing);
    let n = page.n_notices;
    page.n_notices += 1;
    let notice = Notice {
        topic: page.key.topic(),
        n,
        to: person,
        via: line.via,
        mark: line.mark.clone(),
        says,
        why: why_of(ask),
        urgency: firing.first().map_or(3, |alert| rank(&alert.labels)),
        useful_until: now + USEFUL,
        fired_at: fired_at(&firing, now),
        follows: Vec::new(),
    };
    let message = notice.message(draft.book.agency());
    settle_held(&mut page, line, Some(&Instead { message, bundle: None, at: now }));
    draft.notices.push(notice);
    draft.put_page(page);
}

/// Everything in one.
fn bundle(draft: &mut Draft<'_>, line: &Line, new: &[Matter], waiting: Waiting) {
    let now = draft.now;
    let n = u64::try_from(to_micros(now)).unwrap_or(0);
    let agency = draft.book.agency().clone();
    let mut all = Gathered::default();
    for Matter { notice, page } in new {
        all.useful_until = all.useful_until.max(Some(notice.useful_until));
        all.why.get_or_insert(notice.why);
        all.to.get_or_insert_with(|| notice.to.clone());
        match &notice.says {
            Says::Page { code, alerts, ask, .. } => {
                if let Some(first) = alerts.first() {
                    all.open(code.clone(), first.clone(), *ask);
                }
                all.told.extend(page.clone().map(|key| (key, Some(notice.message(&agency)))));
            }
            Says::Owned { code, by, .. } => {
                all.owned.push((code.clone(), by.clone()));
                all.follow(&notice.follows);
                all.words.extend(page.clone());
            }
            Says::Closed { code, alerts, .. } => {
                all.words.extend(page.clone());
                if let Some(first) = alerts.first() {
                    all.closed.push(BundledPage { code: code.clone(), alert: first.clone() });
                }
                all.follow(&notice.follows);
            }
            _ => {}
        }
    }
    for (key, ask, alert) in waiting.open {
        let Some(page) = draft.page(&key) else { continue };
        let Some(code) = page.codes.get(&line.mark).cloned() else { continue };
        if let Some(person) = held_by(page, line) {
            all.to.get_or_insert(person);
        }
        all.why.get_or_insert(why_of(ask));
        all.told.push((key, None));
        all.open(code, alert, ask);
    }
    for (key, word, follows) in waiting.words {
        gather_word(draft, line, &key, word, &follows, &mut all);
    }
    let (told, words) = (std::mem::take(&mut all.told), std::mem::take(&mut all.words));
    let Some(notice) = all.notice(line, n, now) else { return };
    let instead = Instead { message: notice.message(&agency), bundle: Some(n), at: now };
    if told.len() >= STORM {
        draft.stormed.insert((line.mark.clone(), line.via));
    }
    for (key, message) in told {
        let Some(mut page) = draft.page(&key).cloned() else { continue };
        if let Some(message) = message {
            for told in page.told.iter_mut().filter(|told| told.message == message) {
                (told.message, told.bundle) = (instead.message.clone(), instead.bundle);
            }
        }
        settle_held(&mut page, line, Some(&instead));
        draft.put_page(page);
    }
    // One of them is enough to count the text by.
    note_word(draft, line, words.first());
    draft.notices.push(notice);
}

/// Remembers that a phone was told something of a page.
fn note_word(draft: &mut Draft<'_>, line: &Line, page: Option<&PageKey>) {
    let now = draft.now;
    if let Some(key) = page {
        draft.change_page(key, |page| {
            page.words.retain(|word| now - word.at <= limits::HOUR);
            page.words.push(SaidWord { via: line.via, mark: line.mark.clone(), at: now });
        });
    }
}

/// A word that waited, as it is by now: of a page that is over it is the end.
fn gather_word(
    draft: &mut Draft<'_>,
    line: &Line,
    key: &PageKey,
    word: Word,
    follows: &[MessageId],
    all: &mut Gathered,
) {
    let Some(page) = draft.page(key) else { return };
    let code = page.codes.get(&line.mark).cloned().unwrap_or_default();
    let to = page.waiting.iter().find(|waits| waits.mark == line.mark).map(|waits| waits.person.clone());
    match (&page.state, word) {
        (PageState::Closed { alerts, .. }, Word::Closed) => {
            if let Some(first) = alerts.first() {
                all.closed.push(BundledPage { code, alert: first.clone() });
                all.follow(follows);
                all.why.get_or_insert(Why::Resolved);
            }
        }
        (PageState::Owned(ownership), Word::Owned) => {
            all.owned.push((code, ownership.ack.by.clone()));
            all.follow(follows);
            all.why.get_or_insert(Why::Owned);
        }
        // Nobody has it any more, or its end comes by itself.
        _ => {}
    }
    if let Some(to) = to {
        all.to.get_or_insert(to);
    }
    all.words.push(key.clone());
    draft.change_page(key, |page| page.waiting.retain(|waits| waits.mark != line.mark || waits.via != line.via));
}

/// What a bundle is made of.
#[derive(Default)]
struct Gathered {
    open: Vec<(BundledPage, PageAsk)>,
    owned: Vec<(String, String)>,
    closed: Vec<BundledPage>,
    told: Vec<(PageKey, Option<MessageId>)>,
    /// The pages of which something else is said.
    words: Vec<PageKey>,
    to: Option<PersonName>,
    why: Option<Why>,
    useful_until: Option<Instant>,
    follows: BTreeSet<MessageId>,
    /// Something of it waits for no other message.
    at_once: bool,
}

impl Gathered {
    fn open(&mut self, code: String, alert: Alert, ask: PageAsk) {
        self.at_once = true;
        if ask == PageAsk::WentUnstaffed && matches!(alert.state, AlertState::Resolved { .. }) {
            self.closed.push(BundledPage { code, alert });
            return;
        }
        if !self.open.iter().any(|(page, _)| page.code == code) {
            self.open.push((BundledPage { code, alert }, ask));
        }
    }

    fn follow(&mut self, follows: &[MessageId]) {
        self.at_once |= follows.is_empty();
        self.follows.extend(follows.iter().cloned());
    }

    fn notice(mut self, line: &Line, n: u64, now: Instant) -> Option<Notice> {
        let to = self.to?;
        self.open.sort_by_cached_key(|(page, _)| urgency(&page.alert));
        self.closed.sort_by_cached_key(|page| urgency(&page.alert));
        let asked = self.open.iter().map(|(_, ask)| match ask {
            PageAsk::StillYours { until } => Some(*until),
            _ => None,
        });
        let still_yours = asked.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().min());
        let first =
            self.open.first().map(|(page, _)| &page.alert).or_else(|| self.closed.first().map(|page| &page.alert));
        let urgency = first.map_or(1, |alert| rank(&alert.labels));
        let about = self.open.iter().map(|(page, _)| &page.alert).chain(self.closed.iter().map(|page| &page.alert));
        let fired_at = about.map(|alert| alert.fired_at().unwrap_or(alert.active_at)).min().unwrap_or(now);
        let n_more = self.open.len().saturating_sub(KEPT);
        let mut bundle = Bundle {
            open: self.open.into_iter().map(|(page, _)| page).take(KEPT).collect(),
            n_more,
            still_yours,
            owned: self.owned,
            closed: self.closed,
        };
        bundle.closed.truncate(KEPT);
        if bundle.open.is_empty() && bundle.owned.is_empty() && bundle.closed.is_empty() {
            return None;
        }
        let follows = if self.at_once { Vec::new() } else { self.follows.into_iter().take(FOLLOWS_MAX).collect() };
        Some(Notice {
            topic: "bundle".to_owned(),
            n,
            to,
            via: line.via,
            mark: line.mark.clone(),
            says: Says::Bundle(bundle),
            why: self.why.unwrap_or(Why::FirstFiring),
            urgency,
            useful_until: self.useful_until.unwrap_or(now).max(now + USEFUL),
            fired_at,
            follows,
        })
    }
}

fn held_by(page: &Page, line: &Line) -> Option<PersonName> {
    let is_held =
        |told: &&super::page::PageTold| told.mark == line.mark && told.via == line.via && told.arrived == Arrived::Held;
    page.told.iter().find(is_held).map(|told| told.person.clone())
}

const fn why_of(ask: PageAsk) -> Why {
    match ask {
        PageAsk::First | PageAsk::Changing { .. } => Why::FirstFiring,
        PageAsk::Escalated | PageAsk::WentUnstaffed => Why::Escalated,
        PageAsk::Repeated => Why::Repeated,
        PageAsk::More => Why::MoreOfIt,
        PageAsk::Expired => Why::AcknowledgementExpired,
        PageAsk::StillYours { .. } | PageAsk::Drill => Why::Routine,
    }
}

fn fired_at(firing: &[Alert], now: Instant) -> Instant {
    firing.iter().map(|alert| alert.fired_at().unwrap_or(alert.active_at)).min().unwrap_or(now)
}
