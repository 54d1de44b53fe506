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
    page,
    recipient::{Half, Recipient, place_of, recipients, sends_resolved},
    route::Route,
    severity::rank,
    step::{Intent, Why},
    time_interval::mute_verdict,
};
use crate::{
    model::{Instant, Subject, local_time::to_micros},
    notify::message::{AddressMark, Channel, MessageId},
    rules::finding::Closing,
};

/// Who was texted within this time hears of the end at once: they may be on their way.
pub const CLOSING_AT_ONCE: TimeDelta = TimeDelta::minutes(60);

/// How far a shift is looked for that was moved, as in the mirror.
const MOVE_REACH: TimeDelta = TimeDelta::hours(24);
/// How long a first notice waits for the second look at the shift that it may have been: that read is under way.
const MOVE_SETTLES: TimeDelta = TimeDelta::seconds(10);
/// How long after the end of the one the other is told: the send loop takes what was stored first.
const AFTER_ITS_END: TimeDelta = TimeDelta::seconds(1);

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
            if draft.is_held_back(alert) || draft.is_inhibited(alert) || draft.is_silenced(alert) {
                None
            } else if group.is_some_and(|group| group.has_told(&alert.key)) {
                notified_at.filter(|_| alert.unjudged_since.is_none()).map(|at| at + route.repeat_interval)
            } else {
                let first = *fired_at + route.group_wait;
                let usual = notified_at.map_or(first, |at| at + route.group_interval);
                let unsilenced = unsilenced_at(draft, route, alert).map(|at| at.max(first));
                Some(unsilenced.map_or(usual, |at| at.min(usual)))
            }
        }
        AlertState::Resolved { .. } => {
            let told = alert.told.iter().any(|told| told.receiver == key.receiver);
            (told && !is_held_open(draft, alert)).then(|| notified_at.map_or(draft.now, |at| at + route.group_interval))
        }
        AlertState::Pending { .. } | AlertState::Acknowledged { .. } => None,
    }
}

/// When a firing alert that a silence kept back can be told for the first time since that ended: at once, unless a second
/// look or a mute time holds it still. The time in the silence counts as waited.
fn unsilenced_at(draft: &Draft<'_>, route: &Route, alert: &Alert) -> Option<Instant> {
    let ended_at = draft.silence_ended(alert)?;
    let looked_at = match (alert.confirm, settles_at(draft, alert)) {
        (Confirm::Awaited { since }, _) => Some(since + draft.policy.confirm_timeout),
        (_, settled) => settled,
    };
    let (muted, border) = mute_verdict(route, draft.policy, draft.now);
    let unmuted_at = if muted { border } else { None };
    [Some(ended_at), looked_at, unmuted_at].into_iter().flatten().max()
}

/// Whether a closing must wait, because an alert as bad or worse still fires for the same shift: the shift is not
/// fine, and nobody should read that it is.
pub(super) fn is_held_open(draft: &Draft<'_>, alert: &Alert) -> bool {
    matches!(alert.key.subject, Subject::Shift(_))
        && draft.about(&alert.key.subject).any(|other| other.is_firing() && rank(&other.labels) <= rank(&alert.labels))
}

/// Until when a shift's first notice waits for the word on another shift that it may be: the same client's, of the same
/// id, within a day of it, told and now missing once, so perhaps moved here. Who reads of both reads of the end first,
/// else the last thing read denies the page.
pub(super) fn settles_at(draft: &Draft<'_>, alert: &Alert) -> Option<Instant> {
    let near = |other: &Alert| match (alert.facts.starts_at, other.facts.starts_at) {
        (Some(start), Some(other)) => (start - other).abs() <= MOVE_REACH,
        _ => false,
    };
    let is_missing = |other: &Alert| other.is_firing() && other.unjudged_since.is_some() && !other.told.is_empty();
    if draft.moved_here.contains(&alert.key.subject) {
        return Some(draft.now + AFTER_ITS_END);
    }
    let mut others = draft.book.about_other_times(&alert.key.subject).filter_map(|key| draft.alert(key));
    let missing = others.any(|other| is_missing(other) && near(other));
    let since = match alert.confirm {
        Confirm::Confirmed { at } => at,
        _ => alert.fired_at().unwrap_or(draft.now),
    };
    missing.then_some(since + MOVE_SETTLES).filter(|at| *at > draft.now)
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
    /// When those of them that a silence kept back speak, whatever the group waits for.
    unsilenced: Vec<Instant>,
}

fn listen(draft: &mut Draft<'_>, route: &Route, group: &Group) -> Voices {
    let mut voices = Voices::default();
    for key in draft.members(&group.key) {
        let Some(alert) = draft.alert(&key) else { continue };
        match &alert.state {
            AlertState::Firing { .. }
                if draft.is_inhibited(alert) || draft.is_held_back(alert) || draft.is_silenced(alert) => {}
            AlertState::Firing { .. } if group.has_told(&key) => voices.firing.push(alert.clone()),
            AlertState::Firing { .. } => {
                let looked_at = match (alert.confirm, settles_at(draft, alert)) {
                    (Confirm::Awaited { since }, _) => Some(since + draft.policy.confirm_timeout),
                    (_, settled) => settled,
                };
                match looked_at {
                    Some(at) => {
                        voices.confirming.push(at);
                        voices.unsilenced.extend(unsilenced_at(draft, route, alert));
                    }
                    None => voices.firing.push(alert.clone()),
                }
            }
            AlertState::Resolved { .. } if !is_held_open(draft, alert) => {
                let groups = groups_of(draft, alert);
                let told = alert.told.iter().filter(|told| told.is_of(&group.key, &groups)).cloned();
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

/// Most urgent first: severity, then the nearer deadline, then the key. What has no deadline is due since it is true.
#[must_use]
pub(super) fn urgency(alert: &Alert) -> (u8, Instant, AlertKey) {
    (rank(&alert.labels), alert.facts.deadline.unwrap_or(alert.active_at), alert.key.clone())
}

/// Lets one group speak if it has something to say, and sets when it is looked at again.
pub(super) fn flush(draft: &mut Draft<'_>, key: &GroupKey, caught_up: bool) {
    let now = draft.now;
    let Some(route) = draft.policy.route.find(&key.route) else { return };
    let group = draft.group_mut(key).clone();
    let voices = listen(draft, route, &group);
    let (muted, border) = mute_verdict(route, draft.policy, now);
    let may_fire = !muted;
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
    let unmuted = |alert: &Alert| !group.has_told(&alert.key) && draft.silence_ended(alert).is_some();
    let unsilenced = voices.firing.iter().any(unmuted);
    let why = if may_fire && news {
        Some(match group.notified_at {
            _ if caught_up => Why::CaughtUp,
            _ if expired => Why::AcknowledgementExpired,
            _ if unsilenced => Why::SilenceEnded,
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
    let company = (!voices.confirming.is_empty()).then(|| {
        notified_at.map_or_else(|| now + draft.policy.confirm_timeout, |at| (at + route.group_interval).max(now))
    });
    let company = company.filter(|_| !muted).or_else(|| border.filter(|_| muted && !voices.confirming.is_empty()));
    let unsilenced = voices.unsilenced.iter().copied().min().map(|at| at.max(now));
    draft.group_mut(key).flush_at = [repeat, unmute, company, unsilenced].into_iter().flatten().min();
}

/// Makes the intent of one flush and remembers who was told what.
fn speak(draft: &mut Draft<'_>, group: &Group, why: Why, firing: &[Alert], resolved: Vec<Alert>) {
    if why != Why::Resolved {
        page::open(draft, &group.key, firing);
        let told = Audience::of(draft, &group.key.receiver, Some(&group.key), |to| to.message_of(group, Half::Firing));
        for alert in firing {
            let mut alert = alert.clone();
            told.remember(draft, &mut alert);
            draft.put(alert);
        }
        draft.group_mut(&group.key).add_told(firing.iter().map(|alert| alert.key.clone()));
    }
    forget_told(draft, &resolved);
    draft.group_mut(&group.key).drop_told(resolved.iter().map(|alert| &alert.key));
    let (generation, flush) = (group.generation, group.flush);
    draft.group_mut(&group.key).flush += 1;
    // As the alerts will be, but with who is to hear of a closing still on it.
    if draft.tells_by_pages_only(&group.key.receiver) {
        return;
    }
    let firing = firing.iter().filter_map(|alert| draft.alert(&alert.key)).cloned().collect();
    let still = if why == Why::Resolved { still_firing(draft, &group.key) } else { Vec::new() };
    let group = group.key.clone();
    draft.intents.push(Intent { group, generation, flush, why, firing, resolved, still, summary: false });
}

/// What a group told of that goes on firing, somebody's or nobody's, and speaks for itself.
fn still_firing(draft: &Draft<'_>, key: &GroupKey) -> Vec<Alert> {
    let Some(group) = draft.group(key) else { return Vec::new() };
    let members = draft.members(key);
    let told = members.iter().filter(|key| group.has_told(key)).filter_map(|key| draft.alert(key));
    let mut firing: Vec<Alert> =
        told.filter(|alert| alert.is_firing() && !draft.is_inhibited(alert)).cloned().collect();
    firing.sort_by_cached_key(urgency);
    firing
}

/// Everybody a receiver tells now, each with the message that tells them.
pub(super) struct Audience<'a> {
    receiver: &'a str,
    /// The group that tells them; `None` for a word on several.
    group: Option<&'a GroupKey>,
    recipients: Vec<Recipient>,
    /// In the order of the recipients: the message, and whether they are to hear of the end.
    messages: Vec<(MessageId, bool)>,
}

impl<'a> Audience<'a> {
    pub fn of(
        draft: &Draft<'_>,
        receiver: &'a str,
        group: Option<&'a GroupKey>,
        message: impl Fn(&Recipient) -> MessageId,
    ) -> Self {
        let Some(config) = draft.policy.receivers.get(receiver) else {
            return Self { receiver, group, recipients: Vec::new(), messages: Vec::new() };
        };
        let recipients = recipients(config);
        let messages =
            recipients.iter().map(|to| (message(to), sends_resolved(config, to.channel, to.integration))).collect();
        Self { receiver, group, recipients, messages }
    }

    /// Notes on the alert that all of them were told. Who was told before keeps the first message: it is the one that
    /// the closing follows.
    pub fn remember(&self, draft: &Draft<'_>, alert: &mut Alert) {
        let Self { receiver, group, recipients, messages } = self;
        // Told before by a receiver that no route leads to any more: they hear of the end from this one, once.
        let routes = draft.told_routes(&alert.labels);
        let left_behind = |told: &Told| !routes.iter().any(|(_, group)| group.receiver == told.receiver);
        for told in alert.told.iter_mut().filter(|told| left_behind(told)) {
            if recipients.iter().any(|to| to.is_whom(told)) {
                (*receiver).clone_into(&mut told.receiver);
            }
        }
        let groups: Vec<GroupKey> = routes.into_iter().map(|(_, group)| group).collect();
        for (to, (message, wants_closing)) in recipients.iter().zip(messages) {
            let own = group.filter(|_| to.channel == Channel::Webhook);
            let is_they = |told: &&mut Told| {
                told.receiver == *receiver
                    && own.is_none_or(|own| told.is_of(own, &groups))
                    && place_of(recipients, told) == Some(to)
            };
            let Recipient { channel, integration, recipient, .. } = *to;
            match alert.told.iter_mut().find(is_they) {
                Some(before) => {
                    (before.integration, before.recipient) = (integration, recipient);
                    (before.wants_closing, before.at) = (*wants_closing, draft.now);
                    if before.group.is_some() {
                        before.group = own.cloned();
                    }
                }
                None => alert.told.push(Told {
                    receiver: (*receiver).to_owned(),
                    integration,
                    channel,
                    recipient,
                    to: to.to.clone(),
                    wants_closing: *wants_closing,
                    message: message.clone(),
                    at: draft.now,
                    group: own.cloned(),
                }),
            }
        }
        alert.told.sort();
    }
}

/// Who an entry is about, in whatever place the configuration has them.
type Whom = (Channel, AddressMark);

fn whom(told: &Told) -> Whom {
    (told.channel, told.to.clone())
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
    let mut at_once: BTreeSet<(&GroupKey, Whom)> = BTreeSet::new();
    for (alert, homes) in ready.iter().zip(&homes) {
        for (told, home) in alert.told.iter().zip(homes) {
            let lately = told.channel == Channel::Sms && draft.now - told.at <= CLOSING_AT_ONCE;
            if lately || home.route == TOLD_BEFORE {
                at_once.insert((home, whom(told)));
            }
        }
    }
    let mut by_group: BTreeMap<(GroupKey, u64, u64), Vec<Alert>> = BTreeMap::new();
    let fresh = u64::try_from(to_micros(draft.now)).unwrap_or(0);
    for (alert, homes) in ready.iter().zip(&homes) {
        for (told, home) in alert.told.iter().zip(homes) {
            if !at_once.contains(&(home, whom(told))) {
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
        draft.intents.push(Intent {
            still: still_firing(draft, &key),
            group: key,
            generation,
            flush,
            why: Why::Resolved,
            firing: Vec::new(),
            resolved,
            summary: false,
        });
    }
}

/// The route of closings to those who were told by a route that a reload took away.
const TOLD_BEFORE: &str = "told-before";

fn is_over(draft: &Draft<'_>, alert: &Alert) -> bool {
    matches!(alert.state, AlertState::Resolved { .. }) && !is_held_open(draft, alert)
}

/// The groups of an alert, by the routes as they are now.
fn groups_of(draft: &Draft<'_>, alert: &Alert) -> Vec<GroupKey> {
    draft.told_routes(&alert.labels).into_iter().map(|(_, group)| group).collect()
}

/// The group that somebody hears of an alert in.
fn home_of(draft: &Draft<'_>, alert: &Alert, told: &Told) -> GroupKey {
    let groups = groups_of(draft, alert);
    let home = groups.iter().find(|key| told.is_of(key, &groups)).cloned();
    home.unwrap_or_else(|| GroupKey {
        agency: alert.key.agency.clone(),
        route: TOLD_BEFORE.to_owned(),
        receiver: told.receiver.clone(),
        labels: alert.labels.clone(),
    })
}
