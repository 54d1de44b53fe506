//! A page's life: what joins it, when it escalates, when ownership ends, when it is over.
//!
//! Given: a page, and its alerts as they are after this step. Gives: the page as it is after it, and when it is looked at
//! next. Every look at the same page and the same alerts at the same instant says the same.

use std::{collections::BTreeSet, time::Duration};

use chrono::TimeDelta;

use super::{
    super::{
        alert::{Acknowledgement, Alert, AlertKey, AlertState, Confirm},
        draft::Draft,
        flush::{is_held_open, settles_at, urgency},
        notice::PageAsk,
        orders::{News, Receipt},
        owner,
        severity::rank,
        standing,
        time_interval::mute_verdict,
    },
    Arrived, Began, KEPT, Ownership, Page, PageKey, PageState, STILL_YOURS, Turn, Word,
    act::own_with,
    flap, steps,
    tell::{
        Way, close_to, due_words, ends_of, let_go, list_to, owned_to, quiet_way, take_held, tell, tell_closed, withdraw,
    },
    watch,
};
use crate::{
    model::{Instant, PersonName, Subject},
    rules::finding::{Closing, Tells},
};

/// Takes note of what became of messages to people.
pub(in super::super) fn take_news(draft: &mut Draft<'_>, receipts: &[Receipt]) {
    for receipt in receipts {
        let keys: Vec<PageKey> = draft.book.pages_told_by(&receipt.message).cloned().collect();
        for key in keys {
            let Some(mut page) = draft.page(&key).cloned() else { continue };
            for told in page.told.iter_mut().filter(|told| told.message == receipt.message) {
                told.arrived = arrived(told.arrived, receipt);
            }
            draft.put_page(page);
        }
    }
}

/// What is known of a message after news of it. News may come twice, and late.
fn arrived(before: Arrived, receipt: &Receipt) -> Arrived {
    let at = receipt.at;
    match (receipt.news, before) {
        (_, Arrived::Delivered { .. })
        | (News::Sent, Arrived::Sent { .. } | Arrived::Failed { .. })
        | (News::Undelivered | News::Refused | News::OptedOut | News::Expired, Arrived::Failed { .. })
        | (News::Uncertain, _) => before,
        (News::Delivered, _) => Arrived::Delivered { at },
        (News::Sent, _) => Arrived::Sent { at },
        (News::Undelivered | News::Refused | News::OptedOut | News::Expired, _) => Arrived::Failed { at },
        (News::Cancelled, _) => Arrived::Withdrawn,
    }
}

/// Owners whose time is up are asked whether it is still theirs, and have it a little longer. Comes before anything else
/// could see that the time is up.
pub(in super::super) fn ask_owners(draft: &mut Draft<'_>, due: impl Iterator<Item = PageKey>) {
    let now = draft.now;
    for key in due {
        let Some(mut page) = draft.page(&key).cloned() else { continue };
        let PageState::Owned(ownership) = &page.state else { continue };
        let asks = ownership.asked_at.is_none() && ownership.ack.until <= now;
        let Some(person) = ownership.person.clone().filter(|_| asks) else { continue };
        let firing = firing_of(draft, &page);
        if firing.is_empty() {
            continue;
        }
        // Who cannot be asked is not waited for.
        let Some(way) = quiet_way(draft, &page, &person) else { continue };
        let until = now + STILL_YOURS;
        let ack = Acknowledgement { until, ..ownership.ack.clone() };
        page.state = PageState::Owned(Ownership { ack: ack.clone(), asked_at: Some(now), ..ownership.clone() });
        page.epoch += 1;
        owner::prolong(draft, &page.alerts, &ack);
        let step = page.step.saturating_sub(1);
        tell(draft, &mut page, &way, step, PageAsk::StillYours { until }, &firing, true);
        draft.put_page(page);
    }
}

/// The alerts of a page that fire, somebody's or nobody's, the most urgent first.
pub(in super::super) fn firing_of(draft: &Draft<'_>, page: &Page) -> Vec<Alert> {
    page.firing(|key| draft.alert(key))
}

/// Looks at a page: once a step, when every alert is as it will be.
pub(in super::super) fn look(draft: &mut Draft<'_>, key: &PageKey) {
    let Some(mut page) = draft.page(key).cloned() else { return };
    if page.watch.is_some() {
        if page.opened_at + KEPT <= draft.now {
            return draft.drop_page(key);
        }
        page.next_at = watch::look(draft, &mut page);
        return draft.put_page(page);
    }
    if !page.is_open() {
        return look_at_closed(draft, page);
    }
    let joins_at = join(draft, &mut page);
    let firing = firing_of(draft, &page);
    page.next_at = if page.drill.is_some() {
        look_at_drill(draft, &mut page)
    } else if page.list.is_some() {
        standing::look_at_list(draft, &mut page)
    } else if firing.is_empty() {
        if is_over(draft, &page) {
            return close(draft, page);
        }
        None
    } else {
        look_at_open(draft, &mut page, firing)
    };
    if page.is_open() {
        let firing = if page.held.is_empty() { Vec::new() } else { firing_of(draft, &page) };
        let held_at = take_held(draft, &mut page, &firing);
        page.next_at = [page.next_at, joins_at, held_at].into_iter().flatten().min();
    }
    draft.put_page(page);
}

/// Takes in what fires in the page's group and was not told by it: after `group_wait`, and at once where the page speaks
/// anyway or would be over without it. Gives when the next one joins by time alone.
fn join(draft: &mut Draft<'_>, page: &mut Page) -> Option<Instant> {
    let now = draft.now;
    let group = &page.key.group;
    let route = draft.policy.route.find(&group.route)?;
    let (muted, border) = mute_verdict(route, draft.policy, now);
    let new: Vec<AlertKey> = draft.members(group).into_iter().filter(|key| !page.alerts.contains(key)).collect();
    if new.is_empty() {
        return None;
    }
    if muted {
        return border;
    }
    let alone = firing_of(draft, page).is_empty();
    let wait = TimeDelta::from_std(route.group_wait).unwrap_or_default();
    let mut next = None::<Instant>;
    let mut joined = Vec::new();
    for key in new {
        let Some(alert) = draft.alert(&key).filter(|alert| alert.is_firing()) else { continue };
        if is_muted(draft, alert) || matches!(alert.confirm, Confirm::Awaited { .. }) {
            continue;
        }
        let fired_at = alert.fired_at().unwrap_or(now);
        let at = settles_at(draft, alert).unwrap_or(fired_at + wait);
        if at <= now || (alone && settles_at(draft, alert).is_none()) {
            joined.push(key);
        } else {
            next = Some(next.map_or(at, |before| before.min(at)));
        }
    }
    let worst_before =
        page.alerts.iter().filter_map(|key| draft.alert(key)).map(|alert| rank(&alert.labels)).min().unwrap_or(u8::MAX);
    let news: Vec<Alert> = joined.iter().filter_map(|key| draft.alert(key)).cloned().collect();
    page.alerts.extend(joined);
    let is_worse = news.iter().any(|alert| rank(&alert.labels) < worst_before);
    match &page.state {
        _ if news.is_empty() || page.told.is_empty() => {}
        PageState::Owned(Ownership { person: Some(owner), .. }) => {
            let owner = owner.clone();
            tell_more(draft, page, std::slice::from_ref(&owner));
        }
        PageState::Open if is_worse => {
            let people: Vec<PersonName> = page.people().into_iter().map(|(person, _)| person).collect();
            tell_more(draft, page, &people);
        }
        _ => {}
    }
    next
}

/// Says to those who know the page that there is more of it.
fn tell_more(draft: &mut Draft<'_>, page: &mut Page, people: &[PersonName]) {
    let firing = firing_of(draft, page);
    for person in people {
        if let Some(way) = quiet_way(draft, page, person) {
            let step = page.step.saturating_sub(1);
            tell(draft, page, &way, step, PageAsk::More, &firing, false);
        }
    }
}

/// Whether nobody is told of an alert for now, whatever it is.
pub(in super::super) fn is_muted(draft: &Draft<'_>, alert: &Alert) -> bool {
    draft.is_inhibited(alert) || draft.is_held_back(alert) || draft.is_silenced(alert)
}

/// Whether all of a page is over: nothing of it fires, and no alert of the group that waits for its second look would
/// go on where it ends.
fn is_over(draft: &Draft<'_>, page: &Page) -> bool {
    let awaited = |key: &AlertKey| {
        draft.alert(key).is_some_and(|alert| {
            alert.is_firing() && !is_muted(draft, alert) && matches!(alert.confirm, Confirm::Awaited { .. })
        })
    };
    let held = page.alerts.iter().filter_map(|key| draft.alert(key)).any(|alert| is_held_open(draft, alert));
    !held && !draft.members(&page.key.group).iter().any(awaited)
}

/// A page with something that fires. Gives when it is looked at next.
fn look_at_open(draft: &mut Draft<'_>, page: &mut Page, mut firing: Vec<Alert>) -> Option<Instant> {
    let now = draft.now;
    if let PageState::Owned(ownership) = page.state.clone() {
        let elsewhere = ownership.handled && caregiver_changed(&firing, &ownership);
        if ownership.ack.until > now && !elsewhere {
            owner::cover(draft, &page.alerts.clone(), &ownership.ack, true);
            return Some(ownership.ack.until);
        }
        page.state = PageState::Open;
        page.epoch += 1;
        if elsewhere {
            owner::release(draft, &page.alerts.clone(), "another caregiver is to come");
        }
        firing = firing_of(draft, page);
        draft.turn(&page.key, Turn::Expired, [ownership.ack.by]);
        steps::begin_round(draft, page, Began::Expired);
    }
    let mine = |alert: &Alert| match &alert.state {
        AlertState::Acknowledged { ack, .. } => Some(ack.clone()),
        _ => None,
    };
    // Owned by the shift, through another page, or by an order on each of its alerts.
    let acks: Option<Vec<Acknowledgement>> = firing.iter().map(mine).collect();
    if let Some(ack) = acks.and_then(|acks| acks.into_iter().max_by_key(|ack| ack.until)) {
        own_with(draft, page, ack.clone(), false, None);
        return Some(ack.until);
    }
    let telling: Vec<Alert> =
        firing.into_iter().filter(|alert| matches!(alert.state, AlertState::Firing { .. })).collect();
    let audible: Vec<&Alert> = telling.iter().filter(|alert| !is_muted(draft, alert)).collect();
    if audible.is_empty() {
        let_go(page);
        return None;
    }
    if page.unstaffed {
        return None;
    }
    if let Some(at) = waited_for(&audible, draft.policy.confirm_timeout) {
        if page.told.is_empty() {
            return None;
        }
        if at > now {
            return Some(at);
        }
    }
    if let Some(at) = standing::page_sleeps_until(draft, page, audible.iter().copied()) {
        return Some(at);
    }
    if let Some(at) = flap::quiet_until(page, audible.iter().copied(), now) {
        return Some(at);
    }
    let ends: Option<Vec<Instant>> = telling.iter().map(|alert| alert.facts.ends_at).collect();
    let ends_at = ends.and_then(|ends| ends.into_iter().max()).filter(|_| !page.told.is_empty());
    if ends_at.is_some_and(|at| at <= now && at > page.opened_at) {
        page.unstaffed = true;
        ask_unstaffed(draft, page, &telling);
        return None;
    }
    let next = steps::advance(draft, page, &telling);
    [next, ends_at.filter(|at| *at > now)].into_iter().flatten().min()
}

/// When nobody can judge any of it: until when that is waited for. `None` as soon as one alert is judged.
///
/// Of what nobody was told yet, nothing is said without a look. But that the vendor cannot be read is no reason to leave a
/// page with somebody who did not answer: after `confirm_timeout` it goes on, and says `Unconfirmed`.
fn waited_for(audible: &[&Alert], confirm_timeout: Duration) -> Option<Instant> {
    let waits: Option<Vec<Instant>> =
        audible.iter().map(|alert| alert.unjudged_since.map(|since| since + confirm_timeout)).collect();
    waits?.into_iter().min()
}

/// Whether somebody else is to come than when it was called handled.
fn caregiver_changed(firing: &[Alert], ownership: &Ownership) -> bool {
    let before = |alert: &Alert| ownership.coming.iter().find(|(key, _)| *key == alert.key).map(|(_, coming)| coming);
    firing.iter().any(|alert| before(alert).is_some_and(|coming| *coming != alert.facts.caregiver))
}

/// The shift is over and nobody owned it: the last step's people are asked what became of it.
/// Gives whom.
fn ask_unstaffed(draft: &mut Draft<'_>, page: &mut Page, firing: &[Alert]) -> Vec<PersonName> {
    let told = page.told.iter().filter(|told| told.is_step() && told.may_know());
    let last = told.clone().map(|told| (told.round, told.step)).max();
    let mut ways: Vec<Way> = Vec::new();
    for told in told.filter(|told| Some((told.round, told.step)) == last) {
        if !ways.iter().any(|way| way.person == told.person) && told.via != crate::on_call::Via::Call {
            ways.push(Way { person: told.person.clone(), via: told.via, mark: told.mark.clone() });
        }
    }
    let step = page.step.saturating_sub(1);
    for way in &ways {
        tell(draft, page, way, step, PageAsk::WentUnstaffed, firing, false);
    }
    draft.turn(&page.key, Turn::WentUnstaffed, ways.iter().map(|way| way.person.to_string()));
    ways.into_iter().map(|way| way.person).collect()
}

/// Whether a shift came to its end without a caregiver or a check-in, as far as is known.
fn ran_out(alert: &Alert) -> bool {
    matches!(alert.key.subject, Subject::Shift(_))
        && matches!(alert.facts.tells, Tells::Uncovered | Tells::NoCheckIn | Tells::NoShow)
        && matches!(alert.state, AlertState::Resolved { closing: Closing::Expired, .. })
}

/// A trial goes through its steps and ends by itself when somebody takes it, or when nobody did for long.
fn look_at_drill(draft: &mut Draft<'_>, page: &mut Page) -> Option<Instant> {
    const LASTS: Duration = Duration::from_hours(1);
    let ends_at = page.opened_at + LASTS;
    if page.ownership().is_some() || ends_at <= draft.now {
        let owner = page.ownership().map(|ownership| ownership.ack.by.clone());
        draft.turn(&page.key, Turn::Closed, owner.clone());
        withdraw(draft, page);
        page.state = PageState::Closed { at: draft.now, owner, alerts: Vec::new() };
        return Some(draft.now + KEPT);
    }
    let next = steps::advance(draft, page, &[]);
    [next, Some(ends_at)].into_iter().flatten().min()
}

/// All of it is over: whoever was told hears of it.
fn close(draft: &mut Draft<'_>, mut page: Page) {
    let now = draft.now;
    let alerts = page.alerts.iter().filter_map(|key| draft.alert(key));
    let mut over: Vec<Alert> =
        alerts.filter(|alert| matches!(alert.state, AlertState::Resolved { .. })).cloned().collect();
    over.sort_by_cached_key(urgency);
    let of_alerts = over.iter().find_map(|alert| match &alert.state {
        AlertState::Resolved { owner, .. } => owner.clone(),
        _ => None,
    });
    let owner = page.ownership().map(|ownership| ownership.ack.by.clone()).or(of_alerts);
    // Nobody ever had it, and the shift is over: whoever was told last is asked what became of it, in the closing's stead.
    let unowned = owner.is_none() && !page.unstaffed && !page.told.is_empty();
    if unowned && !over.is_empty() && over.iter().all(ran_out) {
        page.unstaffed = true;
        withdraw(draft, &mut page);
        let subjects: BTreeSet<Subject> = over.iter().map(|alert| alert.key.subject.clone()).collect();
        let asked = ask_unstaffed(draft, &mut page, &over);
        let both = |person: PersonName| subjects.iter().map(move |subject| (person.clone(), subject.clone()));
        draft.closed_to.extend(asked.into_iter().flat_map(both));
    }
    if !over.is_empty() {
        tell_closed(draft, &mut page, &over, owner.as_deref());
    }
    draft.turn(&page.key, Turn::Closed, owner.clone());
    flap::put_off(draft, &page);
    page.state = PageState::Closed { at: now, owner, alerts: ends_of(&over) };
    page.next_at = closed_next(&page);
    draft.put_page(page);
    for alert in over.into_iter().filter(|alert| alert.told.is_empty()) {
        // Unless another page still holds it.
        draft.forget(&alert.key);
    }
}

pub(super) fn closed_next(page: &Page) -> Option<Instant> {
    let PageState::Closed { at, .. } = &page.state else { return None };
    let held = page.held.iter().map(|held| held.at).min();
    Some(held.unwrap_or(*at + KEPT).max(*at))
}

/// A page that is over: closings that waited go when their time comes; then it is forgotten.
fn look_at_closed(draft: &mut Draft<'_>, mut page: Page) {
    let now = draft.now;
    let PageState::Closed { at, owner, alerts } = page.state.clone() else { return };
    let mut due = due_words(&mut page, now);
    if let Some(at) = flap::goes_on(draft, &page) {
        page.held.extend(due.drain(..).map(|closing| super::QuietWord { at, ..closing }));
    }
    for closing in due {
        let way = Way { person: closing.person, via: closing.via, mark: closing.mark };
        match (closing.word, &page.list, &owner, alerts.first()) {
            (Word::Closed, ..) => close_to(draft, &mut page, &way, &alerts, owner.as_deref(), closing.follows),
            (Word::Owned, Some(list), Some(by), Some(alert)) => {
                let had = (by.clone(), list.until);
                owned_to(draft, &mut page, &way, alert, had, closing.follows);
            }
            (Word::Listed, Some(_), ..) => {
                let open = firing_of(draft, &page);
                if !open.is_empty() {
                    list_to(draft, &mut page, &way, &open);
                }
            }
            _ => {}
        }
    }
    if page.held.is_empty() && at + KEPT <= now {
        draft.drop_page(&page.key);
        return;
    }
    page.next_at = closed_next(&page);
    draft.put_page(page);
}
