//! Asks what became of texts: sent is not delivered.
//!
//! Given: texts that a gateway took. Gives: delivery reports in the store, and receipts for the step.
//! Does not: wait for callbacks (they may never come), or hurry: few questions at once, fewer and fewer for each text.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{sync::watch, time};

use super::{
    channel::{Again, Channels, Delivery, Moment},
    deliver::DelivererParts,
    message::Channel,
    ways::back_off,
};
use crate::{
    alerts::orders::News,
    model::Instant,
    store::{Poll, Report, StoreError},
};

/// Questions at once.
const AT_ONCE: usize = 4;
/// Texts taken in one round.
const ROUND: u32 = 200;
/// So many texts of one gateway are asked for one by one; of more, its list is read.
const ONE_BY_ONE: usize = 8;
/// Waits between questions about one text; the last one repeats.
const WAITS: [u64; 5] = [5, 10, 20, 40, 60];
/// How long after a text was taken a round begins.
const FIRST_ROUND: Duration = Duration::from_secs(5);
/// How long a text that helps nobody any more is still asked for. Carriers report within minutes or never.
const AFTERWARDS: Duration = Duration::from_mins(10);
/// How long until an undelivered text whose phone may have been off is tried again.
const PHONE_OFF: Duration = Duration::from_mins(1);
/// Sends of one text at most, when what came back says that another can help.
const SENDS: u32 = 5;
/// The longest sleep: texts may have been sent by another hand.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Asks until `stop` says so.
pub async fn run(parts: DelivererParts, mut stop: watch::Receiver<bool>) {
    let mut rng = StdRng::seed_from_u64(parts.seed ^ 0x706f_6c6c);
    while !*stop.borrow() {
        let wait = match round(&parts, &mut rng).await {
            Ok(Some(next_at)) => parts.clock.until(next_at).min(LONGEST_SLEEP),
            Ok(None) => LONGEST_SLEEP,
            Err(error) => {
                tracing::warn!(error = %error, "deliver: delivery reports cannot be stored; asking again in a minute");
                LONGEST_SLEEP
            }
        };
        tokio::select! {
            () = time::sleep_until(time::Instant::now() + wait.max(Duration::from_millis(50))) => {}
            () = parts.texts_sent.notified() => {
                // Nothing is due before a text is so old; meanwhile a burst may go on, and asks for one round only.
                let _ = time::timeout(FIRST_ROUND, stop.changed()).await;
            }
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}

/// One round: every text that is due, once. Gives when the next is.
pub async fn round(parts: &DelivererParts, rng: &mut StdRng) -> Result<Option<Instant>, StoreError> {
    let moment = Moment::of(&parts.clock);
    let (polls, next_at) = parts.store.polls(moment.now, ROUND).await?;
    let full = polls.len() >= ROUND as usize;
    let channels: Arc<Channels> = Arc::clone(&parts.channels.borrow());
    let (mut asked, polls) = by_lists(&channels, polls, moment).await;
    let one_by_one: Vec<(Poll, Delivery)> = stream::iter(polls)
        .map(|poll| {
            let channels = Arc::clone(&channels);
            async move {
                let delivery = channels.delivery(&poll).await;
                (poll, delivery)
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    asked.extend(one_by_one);
    let mut later = Vec::new();
    for (poll, delivery) in asked {
        let again_at = again_at(&poll, &delivery, moment, rng);
        if !note(parts, &poll, &delivery, again_at, moment).await? {
            let next = if delivery == Delivery::Unknown { None } else { next_question(&poll, moment) };
            later.push((poll.id, next));
        }
    }
    let soonest = later.iter().filter_map(|(_, at)| *at).min();
    parts.store.poll_later(later).await?;
    let more_at = full.then_some(moment.now);
    Ok([next_at, soonest, more_at].into_iter().flatten().min())
}

/// Reads the list of each gateway that has many texts open, so that a storm costs a page a hundred texts and not a request
/// each. Gives what became of those that are in a list, and which are still to be asked for: those that are in none, so
/// many at a time. The rest is not known yet.
async fn by_lists(channels: &Channels, polls: Vec<Poll>, moment: Moment) -> (Vec<(Poll, Delivery)>, Vec<Poll>) {
    let mut by_gateway: BTreeMap<String, Vec<Poll>> = BTreeMap::new();
    let (mut asked, mut singly) = (Vec::new(), Vec::new());
    for poll in polls {
        match poll.channel {
            Channel::Sms => by_gateway.entry(poll.gateway.clone()).or_default().push(poll),
            _ => singly.push(poll),
        }
    }
    for (gateway, polls) in by_gateway {
        let oldest = polls.iter().map(|poll| poll.sent_at).min().filter(|_| polls.len() > ONE_BY_ONE);
        let listed = match oldest {
            Some(sent_at) => channels.deliveries(&gateway, sent_at.min(moment.real_at(sent_at))).await,
            None => None,
        };
        let Some(listed) = listed else {
            singly.extend(polls);
            continue;
        };
        let mut n_missing = 0;
        for poll in polls {
            match listed.get(&poll.provider_id) {
                Some(delivery) => asked.push((poll, delivery.clone())),
                None if n_missing < ONE_BY_ONE => {
                    n_missing += 1;
                    singly.push(poll);
                }
                None => asked.push((poll, Delivery::NoAnswer)),
            }
        }
    }
    (asked, singly)
}

/// When an undelivered text is sent once more; `None` = never.
pub fn again_at(poll: &Poll, delivery: &Delivery, moment: Moment, rng: &mut StdRng) -> Option<Instant> {
    let Delivery::Undelivered { again, .. } = delivery else { return None };
    match again {
        Again::Once if poll.attempts < 2 => Some(moment.after(PHONE_OFF)),
        Again::WhileUseful if poll.attempts < SENDS => Some(moment.after(back_off(poll.attempts + 3, PHONE_OFF, rng))),
        Again::Elsewhere if poll.attempts < SENDS && poll.n_gateways > 1 => Some(moment.now),
        _ => None,
    }
}

/// Stores what a gateway says became of a text or a call, asked or not; false while it says nothing final.
pub async fn note(
    parts: &DelivererParts,
    poll: &Poll,
    delivery: &Delivery,
    again_at: Option<Instant>,
    moment: Moment,
) -> Result<bool, StoreError> {
    let (news, bad, senders_fault) = match delivery {
        Delivery::Delivered => (News::Delivered, None, false),
        Delivery::Undelivered { again, bad, .. } => (News::Undelivered, *bad, *again == Again::Elsewhere),
        Delivery::Pending | Delivery::NoAnswer | Delivery::Unknown => return Ok(false),
    };
    let report = Report { id: poll.id.clone(), news, at: moment.now, again_at, senders_fault, bad };
    if !parts.store.report(report).await? {
        return Ok(true);
    }
    if let Delivery::Undelivered { code, .. } = delivery {
        parts.telling.count(poll.channel, "undelivered", 1);
        tracing::warn!(
            message = %poll.id, channel = poll.channel.as_str(), gateway = poll.gateway, code,
            again = again_at.is_some_and(|at| at < poll.useful_until), "deliver: it was not delivered"
        );
        parts.nudge.notify_one();
    } else {
        parts.telling.count(poll.channel, "delivered", 1);
    }
    Ok(true)
}

/// When a text is asked for next; `None` once it no longer matters.
fn next_question(poll: &Poll, moment: Moment) -> Option<Instant> {
    let wait = WAITS.get(poll.polls as usize).or(WAITS.last()).copied().unwrap_or(60);
    let at = moment.after(Duration::from_secs(wait));
    let afterwards = moment.after(AFTERWARDS) - moment.now;
    let end = poll.useful_until.max(poll.sent_at) + afterwards;
    (at < end).then_some(at)
}
