//! What people are told of a page: the page itself, who has it, that it is over, and the answers to what they wrote.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    super::{
        alert::{Alert, AlertState},
        draft::Draft,
        flush::urgency,
        notice::{Answer, Notice, PageAsk, Says},
        severity::rank,
        step::Why,
    },
    Arrived, Page, PageLink, PageTold, QuietWord, TOLD_LATELY, Word, code, flap, link_hash,
};
use crate::{
    model::{AddressMark, Instant, PersonName, Subject},
    notify::message::MessageId,
    on_call::Via,
    rules::finding::Closing,
};

/// What nobody says an end of is useful for so long.
const USEFUL_OTHERWISE: TimeDelta = TimeDelta::hours(24);
/// A page that somebody else will hear of is useful for so long.
const USEFUL_WITH_A_NEXT: TimeDelta = TimeDelta::minutes(15);
/// An answer, and the word on who has it.
const USEFUL_ANSWER: TimeDelta = TimeDelta::minutes(15);
/// At most so many alerts are kept with a page that is over.
const ENDS_KEPT: usize = 5;

/// One address of one person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Way {
    pub person: PersonName,
    pub via: Via,
    pub mark: AddressMark,
}

impl Way {
    /// The note that they were told this way: by the first step of a page, unless said otherwise.
    pub(super) fn told(&self, message: MessageId, at: Instant) -> PageTold {
        PageTold {
            person: self.person.clone(),
            via: self.via,
            mark: self.mark.clone(),
            message,
            at,
            round: 0,
            step: 0,
            ask: PageAsk::First,
            arrived: Arrived::Waiting,
            bundle: None,
        }
    }
}

/// The page's code on a phone, made when it has none.
pub(super) fn code_on(draft: &mut Draft<'_>, page: &mut Page, mark: &AddressMark) -> String {
    if let Some(code) = page.codes.get(mark) {
        return code.clone();
    }
    let code = code::pick(&page.key.id(), mark, |code| draft.knows_code(mark, code));
    draft.take_code(mark, &code);
    page.codes.insert(mark.clone(), code.clone());
    code
}

/// The token of a person's link; `None` where links cannot be opened.
fn link_for(draft: &Draft<'_>, page: &mut Page, person: &PersonName) -> Option<String> {
    let key = draft.link_key?;
    let token = key.token(&format!("{}/{}/{}", page.key.topic(), page.epoch, person));
    if !page.links.iter().any(|link| link.person == *person && link.epoch == page.epoch) {
        let (hash, at) = (link_hash(&token), draft.now);
        page.links.push(PageLink { person: person.clone(), epoch: page.epoch, hash, at, used: Vec::new() });
    }
    Some(token)
}

/// What a notice is made of besides whom it is for.
pub(super) struct Said {
    pub says: Says,
    pub why: Why,
    pub useful_until: Instant,
    pub follows: Vec<MessageId>,
}

pub(super) fn notice(draft: &mut Draft<'_>, page: &mut Page, way: &Way, alerts: &[Alert], said: Said) -> MessageId {
    let Said { says, why, useful_until, follows } = said;
    let n = page.n_notices;
    page.n_notices += 1;
    let notice = Notice {
        topic: page.key.topic(),
        n,
        to: way.person.clone(),
        via: way.via,
        mark: way.mark.clone(),
        says,
        why,
        urgency: alerts.iter().map(|alert| rank(&alert.labels)).min().unwrap_or(if page.drill.is_some() {
            1
        } else {
            3
        }),
        useful_until,
        fired_at: alerts
            .iter()
            .map(|alert| alert.fired_at().unwrap_or(alert.active_at))
            .min()
            .unwrap_or(page.opened_at),
        follows,
    };
    let message = notice.message(&page.key.group.agency);
    draft.notices.push(notice);
    message
}

/// What somebody reads of the page.
pub(in super::super) fn says_page(
    draft: &mut Draft<'_>,
    page: &mut Page,
    way: &Way,
    ask: PageAsk,
    firing: &[Alert],
) -> Says {
    let now = draft.now;
    let code = code_on(draft, page, &way.mark);
    let link = if way.via == Via::Call { None } else { link_for(draft, page, &way.person) };
    let earlier = |(person, at): &(PersonName, Instant)| *person != way.person && *at < now;
    let told_before = page.people().into_iter().filter(earlier).collect();
    if let Some(list) = &page.list {
        return Says::Standing { code, link, alerts: firing.to_vec(), until: list.until };
    }
    let text = draft.page_text(&page.key);
    // What a worse one of the same mutes is no second trouble.
    let mut alerts: Vec<Alert> = firing.iter().filter(|alert| !draft.is_inhibited(alert)).cloned().collect();
    if alerts.is_empty() {
        alerts = firing.to_vec();
    }
    Says::Page { code, link, alerts, told_before, ask, text }
}

/// Tells somebody of the page. `has_next`: somebody else, or another way, comes after it.
pub(super) fn tell(
    draft: &mut Draft<'_>,
    page: &mut Page,
    way: &Way,
    step: usize,
    ask: PageAsk,
    firing: &[Alert],
    has_next: bool,
) {
    let now = draft.now;
    let says = says_page(draft, page, way, ask, firing);
    let ends = firing.iter().map(|alert| alert.facts.window.closes_at.unwrap_or(now + USEFUL_OTHERWISE)).max();
    let mut useful_until = ends.unwrap_or(now + USEFUL_OTHERWISE).max(now + TimeDelta::minutes(1));
    if has_next {
        useful_until = useful_until.min(now + USEFUL_WITH_A_NEXT);
    }
    if ask == PageAsk::WentUnstaffed {
        useful_until = now + USEFUL_OTHERWISE;
    }
    if let PageAsk::StillYours { until } = ask {
        useful_until = until;
    }
    let why = match ask {
        PageAsk::First | PageAsk::Changing { .. } => Why::FirstFiring,
        PageAsk::Escalated | PageAsk::WentUnstaffed => Why::Escalated,
        PageAsk::Repeated => Why::Repeated,
        PageAsk::More => Why::MoreOfIt,
        PageAsk::Expired => Why::AcknowledgementExpired,
        PageAsk::StillYours { .. } | PageAsk::Drill => Why::Routine,
    };
    let message = notice(draft, page, way, firing, Said { says, why, useful_until, follows: Vec::new() });
    page.told.push(PageTold { round: page.round, step, ask, ..way.told(message, now) });
}

/// Answers a reply, on the phone it came from.
pub(super) fn answer(draft: &mut Draft<'_>, page: &mut Page, way: &Way, alerts: &[Alert], answer: Answer) {
    let useful_until = draft.now + USEFUL_ANSWER;
    let says = Says::Answer(answer);
    notice(draft, page, way, alerts, Said { says, why: Why::Answered, useful_until, follows: Vec::new() });
}

/// The way by which somebody is told what is no page: the text they can read, else the mail, else nothing.
pub(super) fn quiet_way(draft: &Draft<'_>, page: &Page, person: &PersonName) -> Option<Way> {
    let contacts = draft.policy.paging.roster.person(person).map(|person| &person.contacts[..]).unwrap_or_default();
    // Whoever is no longer among the people, or left that address, is told nothing there.
    let is_theirs = |told: &&PageTold| contacts.iter().any(|contact| contact.mark == told.mark);
    let told = page.told.iter().filter(|told| told.person == *person && told.may_know()).filter(is_theirs);
    let told: Vec<&PageTold> = told.collect();
    let by = |via: Via| {
        let arrived = |told: &&&PageTold| told.via == via && matches!(told.arrived, Arrived::Delivered { .. });
        told.iter().find(arrived).or_else(|| told.iter().find(|told| told.via == via))
    };
    let known = by(Via::Sms).or_else(|| by(Via::Email));
    if let Some(told) = known {
        return Some(Way { person: person.clone(), via: told.via, mark: told.mark.clone() });
    }
    // Called only, or not told at all: what the roster knows of them.
    let good = |via: Via| contacts.iter().find(|contact| contact.via == via && !draft.is_bad(&contact.mark, via));
    let contact = good(Via::Sms).or_else(|| good(Via::Email))?;
    Some(Way { person: person.clone(), via: contact.via, mark: contact.mark.clone() })
}

/// The messages that somebody may have of this page.
fn heard_by(page: &Page, person: &PersonName) -> Vec<MessageId> {
    let told = page.told.iter().filter(|told| told.person == *person && told.may_know() && told.is_step());
    // One that is known to have left is enough to follow; else whichever leaves.
    let all: Vec<&PageTold> = told.collect();
    match all.iter().find(|told| told.has_left()) {
        Some(left) => vec![left.message.clone()],
        None => all.iter().map(|told| told.message.clone()).collect(),
    }
}

/// Tells those who were told before who has it now.
pub(super) fn tell_owned(draft: &mut Draft<'_>, page: &mut Page, firing: &[Alert], owner: Option<&PersonName>) {
    let Some(ownership) = page.ownership().cloned() else { return };
    let Some(alert) = firing.first().cloned() else { return };
    let now = draft.now;
    for (person, _) in page.people() {
        if Some(&person) == owner {
            continue;
        }
        let lately =
            page.told.iter().any(|told| told.person == person && told.may_know() && now - told.at <= TOLD_LATELY);
        let Some(way) = quiet_way(draft, page, &person) else { continue };
        // Two pages of one alert are somebody's together: that is said once.
        if !draft.owned_to.insert((person.clone(), alert.key.clone())) {
            continue;
        }
        let follows = heard_by(page, &person);
        page.held.retain(|held| held.person != person || held.word != Word::Owned);
        // They are asleep again, and hear who has it when their quiet hours are over, if it is not over itself by then.
        if let Some(at) = holds_until(draft, &person).filter(|_| !lately) {
            let Way { person, via, mark } = way;
            page.held.push(QuietWord { person, via, mark, at, follows, word: Word::Owned });
            continue;
        }
        let (by, until) = (ownership.ack.by.clone(), ownership.ack.until);
        owned_to(draft, page, &way, &alert, (by, until), follows);
    }
}

/// Tells one person who has it, and until when.
pub(super) fn owned_to(
    draft: &mut Draft<'_>,
    page: &mut Page,
    way: &Way,
    alert: &Alert,
    (by, until): (String, Instant),
    follows: Vec<MessageId>,
) {
    let code = code_on(draft, page, &way.mark);
    let says = Says::Owned { code, alert: Box::new(alert.clone()), by, until };
    let useful_until = until.min(draft.now + TimeDelta::hours(1)).max(draft.now + USEFUL_ANSWER);
    let alerts = std::slice::from_ref(alert);
    notice(draft, page, way, alerts, Said { says, why: Why::Owned, useful_until, follows });
}

/// Until when somebody's quiet hours hold what is no page; `None` when they don't, and for whoever is on call.
pub(super) fn holds_until(draft: &Draft<'_>, person: &PersonName) -> Option<Instant> {
    let until = quiet_until(draft, person)?;
    let roster = &draft.policy.paging.roster;
    (!roster.schedules().any(|schedule| schedule.people_at(draft.now).contains(person))).then_some(until)
}

/// Takes off a page what waited for quiet hours that are over.
pub(super) fn due_words(page: &mut Page, now: Instant) -> Vec<QuietWord> {
    let (due, held) = std::mem::take(&mut page.held).into_iter().partition(|held| held.at <= now);
    page.held = held;
    due
}

/// Words of a page that is not over whose quiet hours are. Gives when the next one's are.
pub(super) fn take_held(draft: &mut Draft<'_>, page: &mut Page, firing: &[Alert]) -> Option<Instant> {
    for QuietWord { person, via, mark, follows, word, .. } in due_words(page, draft.now) {
        let way = Way { person, via, mark };
        match (word, page.ownership().cloned(), firing.first()) {
            (Word::Owned, Some(owned), Some(alert)) => {
                owned_to(draft, page, &way, alert, (owned.ack.by, owned.ack.until), follows);
            }
            (Word::Listed, ..) if !firing.is_empty() => list_to(draft, page, &way, firing),
            // Nobody has it any more, or nothing is left of it.
            _ => {}
        }
    }
    page.held.iter().map(|held| held.at).min()
}

/// Tells one person what is on a list, later than the others.
pub(super) fn list_to(draft: &mut Draft<'_>, page: &mut Page, way: &Way, open: &[Alert]) {
    let says = says_page(draft, page, way, PageAsk::Escalated, open);
    let useful_until = draft.now + USEFUL_OTHERWISE;
    notice(draft, page, way, open, Said { says, why: Why::Routine, useful_until, follows: Vec::new() });
}

fn quiet_until(draft: &Draft<'_>, person: &PersonName) -> Option<Instant> {
    draft.policy.paging.roster.person(person)?.quiet_hours?.until(draft.now)
}

/// Withdraws what was decided and has not left.
pub(super) fn withdraw(draft: &mut Draft<'_>, page: &mut Page) {
    // What came with others in one text tells of them too.
    let waiting = page.told.iter().filter(|told| told.arrived == Arrived::Waiting && told.bundle.is_none());
    draft.cancels.extend(waiting.map(|told| told.message.clone()));
    let_go(page);
}

/// What waits for a phone's limit to ask for somebody is not said any more: the page has somebody, or speaks to nobody for
/// now. Not left to the phone's next turn, by which time the page may have changed again.
pub(super) fn let_go(page: &mut Page) {
    let asks =
        |told: &PageTold| !matches!(told.ask, PageAsk::StillYours { .. } | PageAsk::More | PageAsk::WentUnstaffed);
    for told in page.told.iter_mut().filter(|told| told.arrived == Arrived::Held && asks(told)) {
        told.arrived = Arrived::Withdrawn;
    }
}

/// Tells everybody who was told that it is over: those who may be on their way at once, the others when their quiet
/// hours end.
pub(super) fn tell_closed(draft: &mut Draft<'_>, page: &mut Page, over: &[Alert], owner: Option<&str>) {
    let now = draft.now;
    let ran_out =
        over.iter().all(|alert| matches!(&alert.state, AlertState::Resolved { closing: Closing::Expired, .. }));
    if !ran_out {
        withdraw(draft, page);
    }
    // Who has it is no news any more.
    page.held.retain(|held| held.word == Word::Closed);
    let owns = page.ownership().and_then(|ownership| ownership.person.clone());
    let mut people: Vec<PersonName> = page.people().into_iter().map(|(person, _)| person).collect();
    if let Some(owns) = &owns
        && !people.contains(owns)
    {
        people.push(owns.clone());
    }
    let subjects: BTreeSet<_> = over.iter().map(|alert| alert.key.subject.clone()).collect();
    for person in people {
        // Of a shift that two routes paged, one closing is enough.
        let heard = !subjects.is_empty()
            && subjects.iter().all(|subject| draft.closed_to.contains(&(person.clone(), subject.clone())));
        if heard {
            continue;
        }
        draft.closed_to.extend(subjects.iter().map(|subject| (person.clone(), subject.clone())));
        let called = || {
            let told = page.told.iter().find(|told| told.person == person && told.may_know())?;
            Some(Way { person: person.clone(), via: told.via, mark: told.mark.clone() })
        };
        let Some(way) = quiet_way(draft, page, &person).or_else(called) else { continue };
        let follows = if ran_out { Vec::new() } else { heard_by(page, &person) };
        let texted = |told: &&PageTold| told.person == person && told.via != Via::Email && told.may_know();
        let lately = page.told.iter().filter(texted).any(|told| now - told.at <= TOLD_LATELY);
        let asleep = quiet_until(draft, &person).filter(|_| !lately && owns.as_ref() != Some(&person));
        let held = asleep.max(flap::told_at(page, now));
        if let Some(at) = held {
            let Way { person, via, mark } = way;
            page.held.push(QuietWord { person, via, mark, at, follows, word: Word::Closed });
        } else {
            close_to(draft, page, &way, over, owner, follows);
        }
    }
}

/// Tells one person that it is over.
pub(super) fn close_to(
    draft: &mut Draft<'_>,
    page: &mut Page,
    way: &Way,
    over: &[Alert],
    owner: Option<&str>,
    follows: Vec<MessageId>,
) {
    let code = code_on(draft, page, &way.mark);
    let mut subjects = BTreeSet::new();
    // A shift is over once, whatever was said of it.
    let mut alerts = over.to_vec();
    alerts
        .retain(|alert| !matches!(alert.key.subject, Subject::Shift(_)) || subjects.insert(alert.key.subject.clone()));
    let says = Says::Closed { code, alerts, owner: owner.map(str::to_owned) };
    let useful_until = draft.now + USEFUL_OTHERWISE;
    notice(draft, page, way, over, Said { says, why: Why::Resolved, useful_until, follows });
}

/// What is kept of the alerts of a page that is over.
pub(super) fn ends_of(over: &[Alert]) -> Vec<Alert> {
    let mut over = over.to_vec();
    over.sort_by_cached_key(urgency);
    over.truncate(ENDS_KEPT);
    over
}
