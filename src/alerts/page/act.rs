//! What people do about pages: a reply, a link, a key, an order; and what they are answered.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    super::{
        alert::{Acknowledgement, Alert},
        draft::Draft,
        notice::{Answer, Notice, Says},
        orders::{Action, Reply},
        owner,
        step::Why,
    },
    List, Ownership, Page, PageKey, PageState, Turn, Used,
    look::firing_of,
    steps,
    tell::{Way, answer, code_on, tell_owned, withdraw},
};
use crate::{
    model::{AddressMark, Instant, PersonName},
    on_call::{Target, Via},
    rules::finding::Tells,
};

/// Who owns a handled page that is about no shift has it for so long.
const HANDLED_WITHOUT_AN_END: TimeDelta = TimeDelta::hours(12);
/// A gateway stamps whole seconds, and its clock is not ours. Whoever answers a page in fewer is asked which one.
const STAMPS_DIFFER: TimeDelta = TimeDelta::seconds(2);
/// Whoever owns an uncovered shift is asked again so long before it starts.
const BEFORE_THE_START: TimeDelta = TimeDelta::hours(1);

/// Somebody owns a page: what waits is withdrawn, its alerts are theirs, the others are told.
pub(in super::super) fn own_with(
    draft: &mut Draft<'_>,
    page: &mut Page,
    ack: Acknowledgement,
    handled: bool,
    person: Option<PersonName>,
) {
    let before = page.ownership().map(|ownership| ownership.ack.by.clone());
    let roster = &draft.policy.paging.roster;
    let person = person.or_else(|| roster.person(&PersonName::new(ack.by.as_str())).map(|person| person.name.clone()));
    withdraw(draft, page);
    let coming = firing_of(draft, page).into_iter().filter(|_| handled);
    let coming = coming.map(|alert| (alert.key, alert.facts.caregiver)).collect();
    let ownership = Ownership { ack: ack.clone(), person: person.clone(), handled, asked_at: None, coming };
    page.state = PageState::Owned(ownership);
    page.next_at = Some(ack.until);
    owner::cover(draft, &page.alerts.clone(), &ack, false);
    if before.as_ref() != Some(&ack.by) {
        draft.turn(&page.key, Turn::Owned, [ack.by]);
        let firing = firing_of(draft, page);
        tell_owned(draft, page, &firing, person.as_ref());
    }
}

/// A text came back from a phone that the roster knows.
pub(in super::super) fn reply(
    draft: &mut Draft<'_>,
    phone: &AddressMark,
    speakers: &[PersonName],
    (reply, written_at): (&Reply, Option<Instant>),
    heard: &str,
    at: Instant,
) {
    let pages = pages_meant(draft, phone, reply, written_at);
    let Some(pages) = pages else {
        // Nothing of this phone's is meant: say what could be.
        let open = draft.open_codes(phone);
        let says = match &reply.code {
            Some(code) => Answer::NoSuchCode { code: code.clone(), open },
            // Also of one alone, when it was told after this was written.
            None if !open.is_empty() => Answer::WhichOne { open },
            None => Answer::NothingOpen,
        };
        let Some(person) = speakers.first().cloned() else { return };
        return answer_alone(draft, phone, person, says, heard);
    };
    let (mut taken, mut until_last) = (Vec::new(), None::<(Instant, bool)>);
    let n_pages = pages.len();
    for key in pages {
        let Some(mut page) = draft.page(&key).cloned() else { continue };
        let Some(person) = speaker(draft, &page, speakers) else { return };
        let way = Way { person: person.clone(), via: Via::Sms, mark: phone.clone() };
        let code = code_on(draft, &mut page, phone);
        let did = act(draft, &mut page, &person, reply.action, at);
        if n_pages > 1
            && let Did::Owns { until, handled, .. } = &did
        {
            taken.push(code);
            until_last = Some((until_last.map_or(*until, |(before, _)| before.min(*until)), *handled));
            draft.put_page(page);
            continue;
        }
        let about = shown(draft, &page);
        let says = match did {
            Did::Owns { .. } if page.drill.is_some() => Answer::Tested { code },
            did => did.answer(code),
        };
        answer(draft, &mut page, &way, &about, says);
        draft.put_page(page);
    }
    if let (Some((until, handled)), Some(person)) = (until_last, speakers.first()) {
        let says = if handled { Answer::Handled { codes: taken } } else { Answer::Mine { codes: taken, until } };
        answer_alone(draft, phone, person.clone(), says, heard);
    }
}

/// The pages a reply is about; `None` when that is none, or not clear which. Without a code it is about none that this
/// phone was not told of when it was written: a text may be heard long after.
fn pages_meant(
    draft: &Draft<'_>,
    phone: &AddressMark,
    reply: &Reply,
    written_at: Option<Instant>,
) -> Option<Vec<PageKey>> {
    let pages = draft.pages_on(phone);
    let told_first = |page: &Page| page.told.iter().filter(|told| told.mark == *phone).map(|told| told.at).min();
    let known_then = |page: &&Page| {
        let written_by = written_at.map(|at| at + STAMPS_DIFFER);
        written_by.is_none_or(|written| told_first(page).is_none_or(|told| told <= written))
    };
    let open = || pages.iter().filter(|page| page.is_open()).filter(known_then);
    let meant: Vec<PageKey> = if let Some(code) = &reply.code {
        pages.iter().filter(|page| page.codes.get(phone) == Some(code)).map(|page| page.key.clone()).collect()
    } else if reply.all {
        let on_phone =
            |page: &&&Page| page.told.iter().filter(|told| told.mark == *phone).filter_map(|told| told.bundle).max();
        let last = open().filter_map(|page| on_phone(&&page)).max();
        let bundled = |page: &&&Page| page.told.iter().any(|told| told.mark == *phone && told.bundle == last);
        open().filter(|page| last.is_none() || bundled(&page)).map(|page| page.key.clone()).collect()
    } else if draft.open_codes(phone).len() == 1 {
        // The only one that is open now.
        open().map(|page| page.key.clone()).collect()
    } else {
        Vec::new()
    };
    (!meant.is_empty()).then_some(meant)
}

/// Who speaks on a phone that several share: whoever is on call by the page's policy, else whoever was told, else the
/// first.
fn speaker(draft: &Draft<'_>, page: &Page, speakers: &[PersonName]) -> Option<PersonName> {
    let paging = &draft.policy.paging;
    let targets = paging.escalation.get(&page.key.policy).into_iter().flat_map(|policy| &policy.steps);
    let schedules: BTreeSet<&String> = targets
        .flat_map(|step| &step.notify)
        .filter_map(|target| match target {
            Target::Schedule(schedule) => Some(schedule),
            Target::Person(_) => None,
        })
        .collect();
    let on_call: Vec<PersonName> =
        schedules.into_iter().flat_map(|schedule| paging.roster.on_call(schedule, draft.now).people).collect();
    let told = |person: &&PersonName| page.told.iter().any(|told| told.person == **person);
    let found = speakers.iter().find(|person| on_call.contains(person));
    found.or_else(|| speakers.iter().find(told)).or_else(|| speakers.first()).cloned()
}

/// A link was used, or a key pressed.
pub(in super::super) fn press(
    draft: &mut Draft<'_>,
    topic: &str,
    person: &PersonName,
    action: Action,
    proof: &str,
    at: Instant,
) {
    let Some(mut page) = draft.page_of_topic(topic) else { return };
    let by_call = page.told.iter().any(|told| told.message.as_str() == proof && told.person == *person);
    let same = |used: &Used| used.action == action;
    if let Some(link) = page.links.iter_mut().find(|link| link.hash == proof && link.person == *person) {
        if link.used.iter().any(same) {
            return;
        }
        link.used.push(Used { action, at });
    } else if !by_call {
        return;
    }
    if page.is_open() {
        act(draft, &mut page, person, action, at);
    }
    draft.put_page(page);
}

/// What came of what somebody did.
enum Did {
    Owns { until: Instant, handled: bool, from: Option<String> },
    Passed { to: Vec<PersonName> },
    NobodyElse,
    Theirs { by: String, until: Instant },
    Over { alert: Option<Box<Alert>> },
}

impl Did {
    fn answer(self, code: String) -> Answer {
        match self {
            Self::Owns { until, from: Some(from), .. } => Answer::TakenFrom { code, from, until },
            Self::Owns { handled: true, .. } => Answer::Handled { codes: vec![code] },
            Self::Owns { until, .. } => Answer::Mine { codes: vec![code], until },
            Self::Passed { to } => Answer::Passed { code, to },
            Self::NobodyElse => Answer::NobodyElse { code },
            Self::Theirs { by, until } => Answer::Theirs { code, by, until },
            Self::Over { alert } => Answer::Over { code, alert },
        }
    }
}

fn act(draft: &mut Draft<'_>, page: &mut Page, person: &PersonName, action: Action, at: Instant) -> Did {
    if let (PageState::Closed { owner: Some(by), .. }, Some(List { until, .. })) = (&page.state, &page.list) {
        let (until, by) = (*until, by.clone());
        if by == person.as_str() {
            return Did::Owns { until, handled: false, from: None };
        }
        return Did::Theirs { by, until };
    }
    if let PageState::Closed { alerts, .. } = &page.state {
        return Did::Over { alert: alerts.first().cloned().map(Box::new) };
    }
    let firing = firing_of(draft, page);
    let owner = page.ownership().map(|ownership| (ownership.ack.by.clone(), ownership.ack.until));
    let from = owner.as_ref().map(|(by, _)| by.clone()).filter(|by| by != person.as_str());
    let list_until = page.list.as_ref().map(|list| list.until);
    let (until, handled) = match action {
        Action::Mine { .. } | Action::Handled if list_until.is_some() => (list_until.unwrap_or(draft.now), false),
        Action::Mine { minutes } => (mine_until(draft, page, &firing, minutes), false),
        Action::Handled => (handled_until(draft, &firing), true),
        Action::Pass => return pass(draft, page, person, &firing, owner.as_ref()),
    };
    let ack = Acknowledgement { by: person.to_string(), note: String::new(), at, until };
    own_with(draft, page, ack, handled, Some(person.clone()));
    Did::Owns { until, handled, from }
}

/// The next step now. Whoever owned it has it no more, unless there is nobody else.
fn pass(
    draft: &mut Draft<'_>,
    page: &mut Page,
    person: &PersonName,
    firing: &[Alert],
    owner: Option<&(String, Instant)>,
) -> Did {
    if let Some((by, until)) = owner.cloned().filter(|(by, _)| by != person.as_str()) {
        return Did::Theirs { by, until };
    }
    let to = steps::pass_on(draft, page, firing);
    if to.is_empty() {
        return Did::NobodyElse;
    }
    draft.turn(&page.key, Turn::Passed, [person.to_string()]);
    if owner.is_some() {
        page.state = PageState::Open;
        page.epoch += 1;
        owner::release(draft, &page.alerts.clone(), &format!("{person} passed it on"));
    }
    Did::Passed { to }
}

/// Until when a page is somebody's who says "mine".
fn mine_until(draft: &Draft<'_>, page: &Page, firing: &[Alert], minutes: Option<u32>) -> Instant {
    let now = draft.now;
    if let Some(minutes) = minutes {
        return now + TimeDelta::minutes(i64::from(minutes.max(1)));
    }
    let uncovered = firing.iter().any(|alert| alert.facts.tells == Tells::Uncovered);
    let until = now + steps::ack_lasts(draft, page, uncovered);
    let start = firing
        .iter()
        .filter(|alert| alert.facts.tells == Tells::Uncovered)
        .filter_map(|alert| alert.facts.starts_at)
        .filter(|start| *start > now)
        .min();
    match start {
        None => until,
        Some(start) if start - BEFORE_THE_START > now => until.min(start - BEFORE_THE_START),
        // Inside the last hour it is asked about as anything else is, and at the start at the latest.
        Some(start) => (now + steps::ack_lasts(draft, page, false)).min(until).min(start),
    }
}

/// Until when a page is somebody's who says "handled": the end of its shifts.
fn handled_until(draft: &Draft<'_>, firing: &[Alert]) -> Instant {
    let ends = firing.iter().filter_map(|alert| alert.facts.ends_at).filter(|at| *at > draft.now);
    ends.max().unwrap_or(draft.now + HANDLED_WITHOUT_AN_END)
}

/// What an answer speaks of.
fn shown(draft: &Draft<'_>, page: &Page) -> Vec<Alert> {
    page.shown(|key| draft.alert(key))
}

/// An answer that belongs to no one page.
fn answer_alone(draft: &mut Draft<'_>, phone: &AddressMark, to: PersonName, says: Answer, heard: &str) {
    const USEFUL: TimeDelta = TimeDelta::minutes(15);
    let now = draft.now;
    draft.notices.push(Notice {
        topic: format!("reply/{heard}"),
        n: 0,
        to,
        via: Via::Sms,
        mark: phone.clone(),
        says: Says::Answer(says),
        why: Why::Answered,
        urgency: 1,
        useful_until: now + USEFUL,
        fired_at: now,
        follows: Vec::new(),
    });
}
