//! Telling: what a group says, when, and to whom.
//!
//! Given: alerts as they are after this step. Gives: intents, and the memory (`Group`, `Told`) that keeps the same
//! thing from being said twice and makes sure that who heard it fires hears that it is over.
//! Does not: write texts or know addresses.
//!
//! As Alertmanager: a new group waits `group_wait` from its first alert's start, news of a known group waits
//! `group_interval`, an unchanged one is repeated after `repeat_interval`. Unlike it, a group has no ticking grid: it
//! wakes when something can be said. Closings to phones that were texted in the last hour go at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::{
    alert::{Alert, AlertKey, AlertState, Confirm, Told},
    draft::Draft,
    group::{Group, GroupKey},
    recipient::{Half, Recipient, recipients},
    route::Route,
    severity::rank,
    step::{Intent, Why},
    time_interval::mute_verdict,
};
use crate::{
    model::{Instant, Subject, local_time::to_micros},
    notify::message::{Channel, MessageId},
    rules::finding::Closing,
};

/// Who was texted within this time hears of the end at once: they may be on their way.
pub const CLOSING_AT_ONCE: TimeDelta = TimeDelta::minutes(60);

/// Something about an alert changed: its groups may have to speak sooner.
pub(super) fn touch(draft: &mut Draft<'_>, key: &AlertKey) {
    let Some(alert) = draft.alert(key).filter(|alert| !matches!(alert.state, AlertState::Pending { .. })).cloned()
    else {
        return;
    };
    for (route, group_key) in draft.told_routes(&alert.labels) {
        let Some(at) = speaks_at(draft, route, &group_key, &alert) else {
            if draft.group(&group_key).is_some() || alert.is_firing() {
                draft.group_mut(&group_key);
            }
            continue;
        };
        let group = draft.group_mut(&group_key);
        group.flush_at = Some(group.flush_at.map_or(at, |before| before.min(at)));
    }
}

/// When a group wants to speak for this alert's sake; `None` when it does not.
fn speaks_at(draft: &Draft<'_>, route: &Route, key: &GroupKey, alert: &Alert) -> Option<Instant> {
    let group = draft.group(key);
    let notified_at = group.and_then(|group| group.notified_at);
    match &alert.state {
        AlertState::Firing { fired_at } => {
            if draft.is_catching_up() || draft.is_inhibited(alert) {
                None
            } else if group.is_some_and(|group| group.has_told(&alert.key)) {
                notified_at.filter(|_| alert.unjudged_since.is_none()).map(|at| at + route.repeat_interval)
            } else {
                Some(notified_at.map_or(*fired_at + route.group_wait, |at| at + route.group_interval))
            }
        }
        AlertState::Resolved { .. } => {
            let told = alert.told.iter().any(|told| told.receiver == key.receiver);
            (told && !is_held_open(draft, alert)).then(|| notified_at.map_or(draft.now, |at| at + route.group_interval))
        }
        AlertState::Pending { .. } | AlertState::Acknowledged { .. } => None,
    }
}

/// Whether a closing must wait, because an alert as bad or worse still fires for the same shift: the shift is not
/// fine, and nobody should read that it is.
fn is_held_open(draft: &Draft<'_>, alert: &Alert) -> bool {
    matches!(alert.key.subject, Subject::Shift(_))
        && draft.about(&alert.key.subject).any(|other| other.is_firing() && rank(&other.labels) <= rank(&alert.labels))
}

/// Lets every touched group that is due speak.
pub(super) fn flush_due(draft: &mut Draft<'_>) {
    let due = |draft: &Draft<'_>, key: &GroupKey| {
        draft.group(key).and_then(|group| group.flush_at).is_some_and(|at| at <= draft.now)
    };
    let keys: Vec<GroupKey> = draft.touched.iter().filter(|key| due(draft, key)).cloned().collect();
    for key in keys {
        flush(draft, &key, false);
    }
}

/// What a group's members say at a flush.
#[derive(Default)]
struct Voices {
    firing: Vec<Alert>,
    resolved: Vec<Alert>,
    /// When each second look that is still awaited runs out.
    confirming: Vec<Instant>,
}

fn listen(draft: &mut Draft<'_>, group: &Group) -> Voices {
    let mut voices = Voices::default();
    for key in draft.members(&group.key) {
        let Some(alert) = draft.alert(&key) else { continue };
        match &alert.state {
            AlertState::Firing { .. } if draft.is_inhibited(alert) => {}
            AlertState::Firing { .. } => match alert.confirm {
                Confirm::Awaited { since } if !group.has_told(&key) => {
                    voices.confirming.push(since + draft.policy.confirm_timeout);
                }
                _ => voices.firing.push(alert.clone()),
            },
            AlertState::Resolved { .. } if !is_held_open(draft, alert) => {
                let told = alert.told.iter().filter(|told| told.receiver == group.key.receiver).cloned();
                let told: Vec<Told> = told.collect();
                if !told.is_empty() {
                    voices.resolved.push(Alert { told, ..alert.clone() });
                }
            }
            _ => {}
        }
        draft.looked_at.insert(key);
    }
    voices.firing.sort_by_cached_key(urgency);
    voices.resolved.sort_by_cached_key(urgency);
    voices
}

/// Most urgent first: severity, then the nearer deadline, then the key.
pub(super) fn urgency(alert: &Alert) -> (u8, Instant, AlertKey) {
    (rank(&alert.labels), alert.facts.deadline.unwrap_or(Instant::MAX_UTC), alert.key.clone())
}

/// Lets one group speak if it has something to say, and sets when it is looked at again.
pub(super) fn flush(draft: &mut Draft<'_>, key: &GroupKey, caught_up: bool) {
    let now = draft.now;
    let Some(route) = draft.policy.route.find(&key.route) else { return };
    let group = draft.group_mut(key).clone();
    let voices = listen(draft, &group);
    let (muted, border) = mute_verdict(route, draft.policy, now);
    let may_fire = !muted && !draft.is_catching_up();
    let expired = voices.firing.iter().any(|alert| draft.ack_expired.contains(&alert.key));
    let news = voices.firing.iter().any(|alert| !group.has_told(&alert.key));

    if may_fire && !caught_up && !expired && !voices.confirming.is_empty() {
        // Company is on its way: wait for the second looks, but no longer than one of them may take.
        let latest = group.flush_at.unwrap_or(now) + draft.policy.confirm_timeout;
        if now < latest {
            let next = voices.confirming.iter().copied().chain(border).min().map_or(latest, |next| next.min(latest));
            draft.group_wakes.insert(key.clone(), next);
            return;
        }
    }
    let repeat_due = group.notified_at.is_some_and(|at| at + route.repeat_interval <= now)
        && voices.firing.iter().any(|alert| alert.unjudged_since.is_none());
    let why = if may_fire && news {
        Some(match group.notified_at {
            _ if caught_up => Why::CaughtUp,
            _ if expired => Why::AcknowledgementExpired,
            None => Why::FirstFiring,
            Some(_) => Why::NewInGroup,
        })
    } else if may_fire && repeat_due {
        Some(Why::Repeated)
    } else {
        (!voices.resolved.is_empty()).then_some(Why::Resolved)
    };
    if let Some(why) = why {
        // An end is news to those who heard the beginning; what goes on firing beside it is no news to anybody.
        let firing: &[Alert] = if why == Why::Resolved { &[] } else { &voices.firing };
        speak(draft, &group, why, firing, voices.resolved);
        draft.group_mut(key).notified_at = Some(now);
    }

    let notified_at = draft.group_mut(key).notified_at;
    let judged = voices.firing.iter().any(|alert| alert.unjudged_since.is_none());
    let repeat = notified_at.filter(|_| may_fire && judged).map(|at| at + route.repeat_interval);
    let unmute = border.filter(|_| muted && !voices.firing.is_empty());
    let company = (!voices.confirming.is_empty() && !draft.is_catching_up()).then(|| {
        notified_at.map_or_else(|| now + draft.policy.confirm_timeout, |at| (at + route.group_interval).max(now))
    });
    let company = company.filter(|_| !muted).or_else(|| border.filter(|_| muted && !voices.confirming.is_empty()));
    draft.group_mut(key).flush_at = [repeat, unmute, company].into_iter().flatten().min();
}

/// Makes the intent of one flush and remembers who was told what.
fn speak(draft: &mut Draft<'_>, group: &Group, why: Why, firing: &[Alert], resolved: Vec<Alert>) {
    if why != Why::Resolved {
        let ids = recipients_of(draft, &group.key.receiver)
            .into_iter()
            .map(|recipient| (recipient, recipient.message_of(group, Half::Firing)))
            .collect::<Vec<_>>();
        for alert in firing {
            let mut alert = alert.clone();
            for (recipient, message) in &ids {
                remember(&mut alert.told, &group.key.receiver, *recipient, message, draft.now);
            }
            draft.put(alert);
        }
        draft.group_mut(&group.key).add_told(firing.iter().map(|alert| alert.key.clone()));
    }
    forget_told(draft, &resolved);
    draft.group_mut(&group.key).drop_told(resolved.iter().map(|alert| &alert.key));
    let (generation, flush) = (group.generation, group.flush);
    draft.group_mut(&group.key).flush += 1;
    // As the alerts will be, but with who is to hear of a closing still on it.
    let firing = firing.iter().filter_map(|alert| draft.alert(&alert.key)).cloned().collect();
    draft.intents.push(Intent { group: group.key.clone(), generation, flush, why, firing, resolved, summary: false });
}

pub(super) fn recipients_of(draft: &Draft<'_>, receiver: &str) -> Vec<Recipient> {
    draft.policy.receivers.get(receiver).map(recipients).unwrap_or_default()
}

/// Notes that somebody was told. The first message stays the one that the closing follows.
pub(super) fn remember(told: &mut Vec<Told>, receiver: &str, recipient: Recipient, message: &MessageId, at: Instant) {
    if let Some(before) = told.iter_mut().find(|told| recipient.is(receiver, told)) {
        before.at = at;
        return;
    }
    let Recipient { channel, integration, recipient } = recipient;
    told.push(Told { receiver: receiver.to_owned(), integration, channel, recipient, message: message.clone(), at });
    told.sort();
}

/// Takes those who hear of the closings now off the alerts; an alert goes when nobody is left.
///
/// A firing message that tells of nothing else any more is withdrawn, in case it has not left yet; not when the window
/// ran out unmended, for then the firing news is still news. The closing follows every message it answers, and is
/// dropped only when none of them left.
fn forget_told(draft: &mut Draft<'_>, resolved: &[Alert]) {
    let mut answered = BTreeSet::new();
    let mut ran_out = BTreeSet::new();
    for over in resolved {
        let Some(mut alert) = draft.alert(&over.key).cloned() else { continue };
        alert.told.retain(|told| !over.told.contains(told));
        for told in &over.told {
            answered.insert(told.message.clone());
            if matches!(&alert.state, AlertState::Resolved { closing: Closing::Expired, .. }) {
                ran_out.insert(told.message.clone());
            }
        }
        if alert.told.is_empty() {
            draft.forget(&alert.key);
        } else {
            draft.put(alert);
        }
    }
    for message in answered {
        if !ran_out.contains(&message) && !draft.cancels.contains(&message) && !is_needed(draft, &message) {
            draft.cancels.insert(message);
        }
    }
}

/// Whether a message also tells of an alert that still fires, or that ran out.
fn is_needed(draft: &Draft<'_>, message: &MessageId) -> bool {
    let mut others = draft.book.told_by(message).filter_map(|key| draft.alert(key));
    others.any(|other| {
        let ran_out = matches!(&other.state, AlertState::Resolved { closing: Closing::Expired, .. });
        other.is_firing() || ran_out
    })
}

/// Closings that do not wait for their group: to phones texted lately, and to whoever was told by a route that a
/// reload took away.
pub(super) fn tell_closings_now(draft: &mut Draft<'_>) {
    let closed = std::mem::take(&mut draft.closed);
    let ready: Vec<Alert> =
        closed.iter().filter_map(|key| draft.alert(key)).filter(|alert| is_over(draft, alert)).cloned().collect();
    let homes: Vec<Vec<GroupKey>> =
        ready.iter().map(|alert| alert.told.iter().map(|told| home_of(draft, alert, told)).collect()).collect();
    // A phone that hears of one end now hears of its group's other ends in the same text.
    let mut at_once: BTreeSet<(&GroupKey, Recipient)> = BTreeSet::new();
    for (alert, homes) in ready.iter().zip(&homes) {
        for (told, home) in alert.told.iter().zip(homes) {
            let lately = told.channel == Channel::Sms && draft.now - told.at <= CLOSING_AT_ONCE;
            if lately || home.route == TOLD_BEFORE {
                at_once.insert((home, Recipient::of(told)));
            }
        }
    }
    let mut by_group: BTreeMap<(GroupKey, u64, u64), Vec<Alert>> = BTreeMap::new();
    let fresh = u64::try_from(to_micros(draft.now)).unwrap_or(0);
    for (alert, homes) in ready.iter().zip(&homes) {
        for (told, home) in alert.told.iter().zip(homes) {
            if !at_once.contains(&(home, Recipient::of(told))) {
                continue;
            }
            let (generation, flush) = draft.group(home).map_or((fresh, 0), |group| (group.generation, group.flush));
            let alerts = by_group.entry((home.clone(), generation, flush)).or_default();
            match alerts.last_mut().filter(|last| last.key == alert.key) {
                Some(last) => last.told.push(told.clone()),
                None => alerts.push(Alert { told: vec![told.clone()], ..alert.clone() }),
            }
        }
    }
    for ((key, generation, flush), mut resolved) in by_group {
        resolved.sort_by_cached_key(urgency);
        forget_told(draft, &resolved);
        if draft.group(&key).is_some() {
            let group = draft.group_mut(&key);
            group.flush += 1;
            group.drop_told(resolved.iter().map(|alert| &alert.key));
        }
        let why = Why::Resolved;
        draft.intents.push(Intent { group: key, generation, flush, why, firing: Vec::new(), resolved, summary: false });
    }
}

/// The route of closings to those who were told by a route that a reload took away.
const TOLD_BEFORE: &str = "told-before";

fn is_over(draft: &Draft<'_>, alert: &Alert) -> bool {
    matches!(alert.state, AlertState::Resolved { .. }) && !is_held_open(draft, alert)
}

/// The group that somebody hears of an alert in.
fn home_of(draft: &Draft<'_>, alert: &Alert, told: &Told) -> GroupKey {
    let routes = draft.told_routes(&alert.labels);
    let home = routes.into_iter().find(|(_, group)| group.receiver == told.receiver).map(|(_, group)| group);
    home.unwrap_or_else(|| GroupKey {
        agency: alert.key.agency.clone(),
        route: TOLD_BEFORE.to_owned(),
        receiver: told.receiver.clone(),
        labels: alert.labels.clone(),
    })
}
