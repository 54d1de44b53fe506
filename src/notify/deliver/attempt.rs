//! One attempt: the provider is asked first where an earlier one may have left, and the waits between attempts.
//!
//! Given: a claim, the channels, the store of ids that are taken. Gives: what became of it.
//! Does not: record anything.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;

use super::{ASKS_APART, COPIES, Ended, Flight, SILENCE};
use crate::{
    alerts::step::Why,
    clock::Clock,
    model::Instant,
    notify::{
        channel::{Asked, Channels, Moment},
        message::{Channel, Message},
    },
    store::{Attempted, Claim, Outcome, Store},
};

/// Since when somebody could have been told what this message says: for news of an alert since it fired; for an end, a
/// repeat or an acknowledgement that ran out since that was decided, whenever the alert began.
pub(super) fn began_at(message: &Message) -> Instant {
    match message.why {
        Why::FirstFiring | Why::NewInGroup | Why::CaughtUp if message.follows.is_empty() => message.fired_at,
        _ => message.created_at,
    }
}

/// A wait of our own choice never runs past the useful time while one more try fits in before it; one that the
/// provider asked for is kept to.
pub(super) fn useful(moment: Moment, at: Instant, useful_until: Instant, asked_for: bool) -> Instant {
    let last = useful_until - (moment.after(Duration::from_secs(1)) - moment.now);
    if at >= useful_until && !asked_for && last > moment.now { last } else { at }
}

/// The outcome of a send that never came back.
pub(super) fn unknown(flight: Flight, now: Instant, why: &str) -> Attempted {
    Attempted {
        id: flight.id,
        attempt: flight.attempt,
        gateway: flight.gateway,
        at: now,
        outcome: Outcome::Uncertain { ask_at: Some(now), sent: true, why: why.to_owned() },
        doubles: false,
        way: flight.way,
        way_ok: None,
        to: flight.to,
    }
}

/// When a provider has been silent about a message for too long: later with every copy that may have left, and never
/// after the last one.
pub(super) fn silence_ends(claim: &Claim, since: Instant, clock: &Clock) -> Instant {
    const TIMES: [i32; 4] = [1, 2, 5, 15];
    // A note on a record is never written again on the chance that it is not there.
    if claim.n_copies >= COPIES || claim.message.channel == Channel::Record {
        return Instant::MAX_UTC;
    }
    let half = (claim.message.useful_until - claim.message.created_at) / 2;
    let silence = TimeDelta::from_std(SILENCE * clock.speed()).unwrap_or(half);
    since + silence.min(half) * by_copies(&TIMES, claim.n_copies)
}

/// The value for so many copies; the last one stands for all beyond.
pub(super) fn by_copies<T: Copy>(values: &[T; 4], n_copies: u32) -> T {
    values[(n_copies.saturating_sub(1) as usize).min(3)]
}

/// One attempt: the question first if an earlier one may have left, then the request. The flag says whether it went
/// out although the earlier one may have.
pub(super) async fn attempt(
    channels: &Channels,
    store: &Store,
    clock: &Clock,
    bound: &Mutex<HashSet<String>>,
    claim: &Claim,
    gateway: Option<&str>,
    paused_until: Option<Instant>,
) -> (Ended, bool) {
    let mut doubles = false;
    if let Some(since) = claim.uncertain_since {
        let moment = Moment::of(clock);
        let silent_too_long = moment.now >= silence_ends(claim, since, clock);
        let moved_on = silent_too_long && gateway != claim.gateway.as_deref();
        if let Some(paused_until) = paused_until {
            return (Ended::Unanswered { why: "its way is paused".into(), ask_at: Some(paused_until) }, false);
        }
        if moved_on {
            doubles = true;
        } else {
            match asked(channels, store, bound, claim, moment).await {
                Asked::Matches(sids) => match sids.into_iter().next() {
                    Some((gateway, sid)) => return (Ended::Found { gateway, sid }, false),
                    None if !twice_not_there(claim, moment) => return (Ended::NotThere, false),
                    None => {}
                },
                Asked::NoAnswer { why } if !silent_too_long => {
                    return (Ended::Unanswered { why, ask_at: None }, false);
                }
                Asked::CannotTell if claim.message.channel == Channel::Record => {
                    let why = "it cannot be looked for, so it is not written again".to_owned();
                    return (Ended::Unanswered { why, ask_at: Some(claim.message.useful_until) }, false);
                }
                Asked::NoAnswer { .. } | Asked::CannotTell => doubles = true,
            }
        }
    }
    (Ended::Sent(channels.send(claim, gateway, Moment::of(clock)).await), doubles)
}

pub(super) fn twice_not_there(claim: &Claim, moment: Moment) -> bool {
    claim.not_there_at.is_some_and(|first| moment.real_between(first, moment.now) >= ASKS_APART)
}

/// Asks those who may have it, the latest first, until one has; keeps only an id that no other message has. It is bound
/// before anybody else can take it. A gateway that never had it is not asked, and one that is silent keeps nobody
/// else's answer from counting.
pub(super) async fn asked(
    channels: &Channels,
    store: &Store,
    bound: &Mutex<HashSet<String>>,
    claim: &Claim,
    moment: Moment,
) -> Asked {
    if !matches!(claim.message.channel, Channel::Sms | Channel::Call | Channel::Record) {
        return Asked::CannotTell;
    }
    let (mut silent, mut cannot_tell) = (None, false);
    for name in claim.may_have_it() {
        match channels.ask(claim, name, moment).await {
            Asked::Matches(found) if found.is_empty() => {}
            Asked::Matches(found) => match free(store, bound, found).await {
                Asked::Matches(found) if found.is_empty() => {}
                other => return other,
            },
            Asked::NoAnswer { why } => silent = silent.or(Some(why)),
            // One that cannot be asked leaves a doubt only where it surely had the message.
            Asked::CannotTell => {
                cannot_tell |= claim.unsure.contains(name) || claim.gateway.as_ref().is_none_or(|tried| tried == name);
                // A note whose first way was refused went on by its second, whatever was still written down of that.
                cannot_tell |= claim.message.channel == Channel::Record && !claim.refused_by.is_empty();
            }
        }
    }
    match silent {
        Some(why) => Asked::NoAnswer { why },
        None if cannot_tell => Asked::CannotTell,
        None => Asked::Matches(Vec::new()),
    }
}

/// The first of these that no other message has.
async fn free(store: &Store, bound: &Mutex<HashSet<String>>, found: Vec<(String, String)>) -> Asked {
    match store.unbound(found.iter().map(|(_, sid)| sid.clone()).collect()).await {
        Ok(free) => {
            let mut bound = bound.lock().unwrap_or_else(PoisonError::into_inner);
            let mut found = found.into_iter().filter(|(_, sid)| free.contains(sid));
            Asked::Matches(found.find(|(_, sid)| bound.insert(sid.clone())).into_iter().collect())
        }
        Err(_) => Asked::NoAnswer { why: "the store could not be read".into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{AgencyName, Phi, local_time::from_micros},
        notify::message::{Content, MessageId},
    };

    #[test]
    fn the_time_to_tell_begins_with_the_news() {
        let (fired_at, created_at) = (from_micros(0), from_micros(9));
        let first = || vec![MessageId::from_stored("first".into())];
        let cases = [
            (Why::FirstFiring, Vec::new(), fired_at, "news of an alert"),
            (Why::NewInGroup, Vec::new(), fired_at, "news of one more"),
            (Why::NewInGroup, first(), created_at, "the end of another, told with it"),
            (Why::CaughtUp, Vec::new(), fired_at, "found late"),
            (Why::Resolved, first(), created_at, "an end"),
            (Why::Resolved, Vec::new(), created_at, "an end by the clock"),
            (Why::Repeated, Vec::new(), created_at, "a repeat"),
            (Why::AcknowledgementExpired, Vec::new(), created_at, "nobody looked after it"),
        ];
        for (why, follows, began, shows) in cases {
            let message = Message {
                id: MessageId::from_stored("m".into()),
                agency: AgencyName::new("main"),
                receiver: String::new(),
                recipient: String::new(),
                channel: Channel::Sms,
                gateways: Vec::new(),
                address: Phi::new(String::new()),
                content: Phi::new(Content::Sms { text: String::new() }),
                why,
                urgency: 1,
                created_at,
                useful_until: created_at,
                fired_at,
                follows,
            };
            assert_eq!(began_at(&message), began, "{shows}");
        }
    }
}
