//! Steps: whom the policy tells next, by which way, and what happens when a way fails.
//!
//! A step whose people cannot be told is skipped at once; a last step with nobody tells everybody. A way that failed,
//! or that nothing is heard of in time, gives place to the next one; when all of a step's people are out of ways, the
//! next step is due.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;

use super::{
    super::{alert::Alert, draft::Draft, notice::PageAsk},
    Arrived, Began, Page, PageTold, QuietWord, Turn, Word,
    open::policy_for,
    tell::{Way, holds_until, tell},
};
use crate::{
    model::{Instant, PersonName},
    on_call::{EscalationPolicy, EscalationStep, Person, Roster, Target, Via},
};

/// What is due next in a page's rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Step,
    Round,
}

/// A page whose policy the configuration lost, with none in its place, tells everybody again after so long.
const LOST_POLICY_REPEATS: Duration = Duration::from_mins(15);

fn span(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::days(365))
}

/// Takes every step that is due, and every next way. Gives when it is looked at again.
pub(in super::super) fn advance(draft: &mut Draft<'_>, page: &mut Page, firing: &[Alert]) -> Option<Instant> {
    let policy = policy_of(draft, page);
    loop {
        let ways = try_next_ways(draft, page, &policy, firing);
        if ways.all_out && page.step < policy.steps.len() {
            take(draft, page, &policy, firing);
            continue;
        }
        match next_due(page, &policy) {
            Some((Due::Step, at)) if at <= draft.now => {
                take(draft, page, &policy, firing);
            }
            Some((Due::Round, at)) if page.list.is_some() => {
                return Some(ways.next_at.map_or(at, |next| next.min(at)));
            }
            Some((Due::Round, at)) if at <= draft.now => {
                draft.turn(&page.key, Turn::Repeated, []);
                begin_round(draft, page, Began::Repeated);
            }
            next => return [ways.next_at, next.map(|(_, at)| at)].into_iter().flatten().min(),
        }
    }
}

/// When the round is through and the next one would begin; `None` while steps are to come, and where the policy does not
/// repeat.
pub(super) fn round_ends_at(draft: &Draft<'_>, page: &Page) -> Option<Instant> {
    match next_due(page, &policy_of(draft, page))? {
        (Due::Round, at) => Some(at),
        (Due::Step, at) => Some(at.max(draft.now) + TimeDelta::minutes(1)),
    }
}

/// The next step now, whatever its time. Gives whom it told.
pub(super) fn pass_on(draft: &mut Draft<'_>, page: &mut Page, firing: &[Alert]) -> Vec<PersonName> {
    let policy = policy_of(draft, page);
    while page.step < policy.steps.len() {
        let told = take(draft, page, &policy, firing);
        if !told.is_empty() {
            return told;
        }
    }
    Vec::new()
}

/// The steps begin again from the first.
pub(super) fn begin_round(draft: &Draft<'_>, page: &mut Page, began: Began) {
    page.round += 1;
    page.round_at = draft.now;
    page.began = began;
    page.step = 0;
    page.stepped_at = None;
}

/// The page's policy. Where the configuration lost it, the one that the group's receiver names now; where there is none
/// either, everybody. A page that is open goes on until somebody has it.
fn policy_of(draft: &Draft<'_>, page: &Page) -> EscalationPolicy {
    let paging = &draft.policy.paging;
    let alone = page.drill.as_ref().and_then(|drill| drill.person.clone());
    let one = |notify: Vec<Target>| EscalationPolicy {
        name: page.key.policy.clone(),
        repeat: LOST_POLICY_REPEATS,
        unconfirmed_after: Duration::from_mins(2),
        ack_expires: draft.policy.ack_expires,
        ack_expires_uncovered: draft.policy.ack_expires_uncovered,
        steps: vec![EscalationStep { notify, via: Via::ALL.to_vec(), via_all: false, after: Duration::ZERO }],
    };
    if let Some(person) = alone {
        return one(vec![Target::Person(person)]);
    }
    let known = paging.escalation.get(&page.key.policy).or_else(|| named_now(draft, page));
    known.cloned().unwrap_or_else(|| one(Vec::new()))
}

/// What the receiver of a page's group names for it now.
fn named_now<'p>(draft: &'p Draft<'_>, page: &Page) -> Option<&'p EscalationPolicy> {
    let receiver = draft.policy.receivers.get(&page.key.group.receiver)?;
    let alert = page.alerts.iter().find_map(|key| draft.alert(key))?;
    receiver.page.iter().find_map(|config| draft.policy.paging.escalation.get(policy_for(draft, config, alert)))
}

/// How long an acknowledgement lasts by the page's policy, when nobody says.
pub(super) fn ack_lasts(draft: &Draft<'_>, page: &Page, uncovered: bool) -> TimeDelta {
    let policy = draft.policy.paging.escalation.get(&page.key.policy);
    span(match (policy, uncovered) {
        (Some(policy), true) => policy.ack_expires_uncovered,
        (Some(policy), false) => policy.ack_expires,
        (None, true) => draft.policy.ack_expires_uncovered,
        (None, false) => draft.policy.ack_expires,
    })
}

/// The next step by its time, or the next round. After a step that came late, the gaps between steps stay as they are.
fn next_due(page: &Page, policy: &EscalationPolicy) -> Option<(Due, Instant)> {
    let after = |step: usize| policy.steps.get(step).map(|step| span(step.after));
    if page.step == 0 {
        return (!policy.steps.is_empty()).then_some((Due::Step, page.round_at));
    }
    let last = after(page.step - 1).unwrap_or_default();
    let stepped_at = page.stepped_at.unwrap_or(page.round_at);
    if let Some(next) = after(page.step) {
        let at = (page.round_at + next).max(stepped_at + (next - last).max(TimeDelta::zero()));
        // Taken early, the last step does not put the next one off.
        let at = if stepped_at < page.round_at + last { page.round_at + next } else { at };
        return Some((Due::Step, at));
    }
    let repeat = span(policy.repeat);
    if repeat.is_zero() || page.drill.is_some() {
        return None;
    }
    let by_round = page.round_at + repeat;
    let gap = if repeat > last { repeat - last } else { repeat };
    let by_step = if stepped_at <= page.round_at + last { by_round } else { stepped_at + gap };
    let at = by_round.max(by_step);
    Some((Due::Round, if at > stepped_at { at } else { stepped_at + repeat }))
}

/// Whom a step names at an instant, each once.
pub(super) fn people_of(step: &EscalationStep, roster: &Roster, at: Instant) -> Vec<PersonName> {
    let mut people: Vec<PersonName> = Vec::new();
    for target in &step.notify {
        let named = match target {
            Target::Person(person) => vec![person.clone()],
            Target::Schedule(schedule) => roster.on_call(schedule, at).people,
        };
        for person in named {
            if !people.contains(&person) {
                people.push(person);
            }
        }
    }
    people
}

/// Everybody who could hear it, for a last step that has nobody: those in the policy, else all.
fn everybody(draft: &Draft<'_>, policy: &EscalationPolicy) -> Vec<PersonName> {
    let roster = &draft.policy.paging.roster;
    let mut people: Vec<PersonName> = Vec::new();
    for person in policy.steps.iter().flat_map(|step| people_of(step, roster, draft.now)) {
        if !people.contains(&person) {
            people.push(person);
        }
    }
    let reachable = |person: &PersonName| !ways_of(draft, person, &Via::ALL).is_empty();
    people.retain(reachable);
    if people.is_empty() {
        people = roster.people().map(|person| person.name.clone()).filter(reachable).collect();
    }
    people
}

/// The addresses of a person that take something, in the order of the ways.
fn ways_of(draft: &Draft<'_>, person: &PersonName, via: &[Via]) -> Vec<Way> {
    let Some(Person { contacts, .. }) = draft.policy.paging.roster.person(person) else { return Vec::new() };
    let by = |via: &Via| contacts.iter().filter(|contact| contact.via == *via).collect::<Vec<_>>();
    let all = via.iter().flat_map(by).filter(|contact| !draft.is_bad(&contact.mark, contact.via));
    let mut ways: Vec<Way> = Vec::new();
    for contact in all {
        let way = Way { person: person.clone(), via: contact.via, mark: contact.mark.clone() };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// By which ways a step tells: those it names, and for everybody all there are.
fn ways_for(draft: &Draft<'_>, person: &PersonName, step: &EscalationStep) -> Vec<Way> {
    let ways = ways_of(draft, person, &step.via);
    // Somebody who cannot be reached as the step says is reached otherwise only when they would be left out.
    if ways.is_empty() && step.via.is_empty() { ways_of(draft, person, &Via::ALL) } else { ways }
}

/// Those of a round that a step told, with the messages of each in order.
fn of_round<'p>(page: &'p Page, person: &PersonName) -> Vec<&'p PageTold> {
    let is_theirs = |told: &&PageTold| told.round == page.round && told.is_step() && told.person == *person;
    page.told.iter().filter(is_theirs).collect()
}

/// Takes the next step. Gives whom it told: nobody when nobody of it can be told.
fn take(draft: &mut Draft<'_>, page: &mut Page, policy: &EscalationPolicy, firing: &[Alert]) -> Vec<PersonName> {
    let n = page.step;
    let Some(step) = policy.steps.get(n) else { return Vec::new() };
    let is_last = n + 1 == policy.steps.len();
    let people = people_of(step, &draft.policy.paging.roster, draft.now);
    let mut told_before = false;
    let mut told = Vec::new();
    for person in people {
        let ways = ways_for(draft, &person, step);
        let Some(first) = ways.first() else { continue };
        // Who has heard it in this round by this very way is not told twice.
        if of_round(page, &person).iter().any(|told| told.via == first.via && told.mark == first.mark) {
            told_before = true;
            continue;
        }
        // A list wakes nobody beside those it is for.
        let is_copy = page.list.is_some() && n > 0;
        if let Some(at) = holds_until(draft, &person).filter(|_| is_copy) {
            if !page.held.iter().any(|held| held.person == person) {
                let Way { person, via, mark } = first.clone();
                page.held.push(QuietWord { person, via, mark, at, follows: Vec::new(), word: Word::Listed });
            }
            told.push(person);
            continue;
        }
        tell_by(draft, page, &ways, n, step.via_all, !is_last, firing);
        told.push(person);
    }
    page.step = n + 1;
    page.stepped_at = Some(draft.now);
    let names = |people: &[PersonName]| people.iter().map(ToString::to_string).collect::<Vec<_>>();
    if !told.is_empty() {
        draft.turn(&page.key, Turn::Stepped(n), names(&told));
    } else if is_last && !told_before {
        for person in everybody(draft, policy) {
            let mut ways = ways_of(draft, &person, &step.via);
            let others = ways_of(draft, &person, &Via::ALL);
            ways.extend(others.into_iter().filter(|way| !step.via.contains(&way.via)));
            if of_round(page, &person).is_empty() {
                tell_by(draft, page, &ways, n, step.via_all, false, firing);
                told.push(person);
            } else {
                told_before = true;
            }
        }
        let what = if told.is_empty() && !told_before { Turn::Nobody } else { Turn::Everybody };
        draft.turn(&page.key, what, names(&told));
    } else {
        draft.turn(&page.key, Turn::Skipped(n), []);
        if !is_last {
            // Nobody waits for somebody who is not there.
            return take(draft, page, policy, firing);
        }
    }
    told
}

/// Tells somebody by the first way, or by all; a mail is never confirmed, so the way after it is used beside it.
fn tell_by(
    draft: &mut Draft<'_>,
    page: &mut Page,
    ways: &[Way],
    step: usize,
    all: bool,
    has_next_step: bool,
    firing: &[Alert],
) {
    let of_earlier = |told: &PageTold| told.round == page.round && told.is_step() && told.step < step;
    let ask = match (page.drill.is_some(), page.told.iter().any(of_earlier), page.began) {
        (true, ..) => PageAsk::Drill,
        (_, true, _) => PageAsk::Escalated,
        (_, _, Began::Opened) => match &page.flap {
            Some(flap) => PageAsk::Changing { n: flap.n, since: flap.since },
            None => PageAsk::First,
        },
        (_, _, Began::Repeated) => PageAsk::Repeated,
        (_, _, Began::Expired) => PageAsk::Expired,
    };
    for (i, way) in ways.iter().enumerate() {
        let has_next = has_next_step || (!all && i + 1 < ways.len());
        tell(draft, page, way, step, ask, firing, has_next);
        if !all && way.via != Via::Email {
            break;
        }
    }
}

/// What came of the ways of a round.
#[derive(Default)]
struct Tried {
    /// Everybody whom the last step told is out of ways.
    all_out: bool,
    /// When a way that waits for word is given up.
    next_at: Option<Instant>,
}

/// Uses the next way of everybody whose last one failed or is not confirmed in time.
fn try_next_ways(draft: &mut Draft<'_>, page: &mut Page, policy: &EscalationPolicy, firing: &[Alert]) -> Tried {
    let Some(current) = page.step.checked_sub(1) else { return Tried::default() };
    let now = draft.now;
    let people: BTreeSet<PersonName> = page
        .told
        .iter()
        .filter(|told| told.round == page.round && told.is_step())
        .map(|told| told.person.clone())
        .collect();
    let mut tried = Tried::default();
    let (mut n_current, mut n_out) = (0, 0);
    for person in people {
        let is_current = of_round(page, &person).iter().any(|told| told.step == current);
        n_current += usize::from(is_current);
        loop {
            let heard = of_round(page, &person);
            if heard.iter().any(|told| matches!(told.arrived, Arrived::Delivered { .. })) {
                break;
            }
            let Some(last) = heard.last().copied().cloned() else { break };
            let next = next_way(draft, page, policy, &person, &heard);
            let given_up_at = match last.arrived {
                Arrived::Failed { at } => Some(at),
                Arrived::Waiting | Arrived::Withdrawn => Some(last.at + span(policy.unconfirmed_after)),
                Arrived::Sent { at } => Some(at.max(last.at) + span(policy.unconfirmed_after)),
                Arrived::Held | Arrived::Delivered { .. } => None,
            };
            // A mail that left is as much as a mail can do.
            let is_mail = last.via == Via::Email && !matches!(last.arrived, Arrived::Failed { .. });
            let Some(given_up_at) = given_up_at.filter(|_| !is_mail || next.is_some()) else { break };
            let wanted = next.is_some() || (is_current && page.step < policy.steps.len());
            if given_up_at > now {
                if wanted {
                    tried.next_at = Some(tried.next_at.map_or(given_up_at, |at| at.min(given_up_at)));
                }
                break;
            }
            let Some((way, has_more)) = next else {
                n_out += usize::from(is_current);
                break;
            };
            let has_next = has_more || page.step < policy.steps.len();
            tell(draft, page, &way, last.step, last.ask, firing, has_next);
        }
    }
    tried.all_out = n_current > 0 && n_out == n_current;
    tried
}

/// The next way of somebody that was not used in this round, and whether one comes after it.
fn next_way(
    draft: &Draft<'_>,
    page: &Page,
    policy: &EscalationPolicy,
    person: &PersonName,
    heard: &[&PageTold],
) -> Option<(Way, bool)> {
    let step = policy.steps.get(heard.last()?.step)?;
    let named = people_of(step, &draft.policy.paging.roster, page.round_at).contains(person)
        || people_of(step, &draft.policy.paging.roster, draft.now).contains(person);
    let mut ways = ways_of(draft, person, &step.via);
    if !named {
        let others = ways_of(draft, person, &Via::ALL);
        ways.extend(others.into_iter().filter(|way| !step.via.contains(&way.via)));
    }
    let used = |way: &Way| heard.iter().any(|told| told.via == way.via && told.mark == way.mark);
    let mut rest = ways.into_iter().filter(|way| !used(way));
    let next = rest.next()?;
    Some((next, rest.next().is_some()))
}
