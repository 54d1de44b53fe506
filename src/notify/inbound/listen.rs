//! Asks each gateway what people texted: always, so that replies need no public address, and a hook that is lost costs
//! a minute and not a reply.
//!
//! Given: the gateways, since when each was listened to. Gives: each text to [`super::Replies`], oldest first.
//! Does not: hurry while nobody is waited for, ask inside a penalty, or take texts from before the first start for
//! replies.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use tokio::{sync::watch, time};

use super::{Ears, Heard, HeardWas, Replies};
use crate::{
    clock::Clock,
    model::Instant,
    notify::channel::{Channels, Moment},
    store::{Store, StoreError},
};

/// How often a gateway is asked while somebody is waited for; and how often it is seen whether somebody is.
const WAITED_FOR: Duration = Duration::from_secs(12);
/// How often while nobody is.
const IDLE: Duration = Duration::from_mins(1);
/// How often while somebody is waited for and the gateway itself tells: a way in that broke costs half a minute.
const TOLD_WAITED_FOR: Duration = Duration::from_secs(30);
/// How often while nobody is and the gateway itself tells.
const TOLD: Duration = Duration::from_mins(2);
/// A gateway that told of something so lately is believed to tell.
const TELLS_FOR: Duration = Duration::from_hours(1);
/// How long after a text to somebody in `people` a reply is waited for. A page that stays open is told again sooner.
const REPLY_WITHIN: TimeDelta = TimeDelta::minutes(30);
/// What was asked for already is asked for again: lists lag, and clocks differ.
const OVERLAP: TimeDelta = TimeDelta::minutes(5);
/// Texts older than this were not heard in time by anybody.
const LONGEST_AGO: TimeDelta = TimeDelta::hours(24);
/// How often it is written down until when a gateway was listened to.
const NOTED: TimeDelta = TimeDelta::minutes(1);
/// How often it is looked at whether a gateway still tells us, where it was asked to.
const LOOK_AT_SUBSCRIPTION: Duration = Duration::from_mins(15);
/// The longest wait that a gateway can ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// What listening takes.
#[derive(Clone)]
pub struct Listening {
    /// Where it is kept until when each gateway was listened to.
    pub store: Store,
    /// The gateways.
    pub channels: watch::Receiver<Arc<Channels>>,
    /// The agent's clock.
    pub clock: Clock,
    /// Who understands.
    pub replies: Arc<dyn Replies>,
    /// What was heard so far.
    pub ears: Arc<Ears>,
}

/// Listens to every gateway until `stop` says so.
pub async fn run(listening: Listening, mut stop: watch::Receiver<bool>) {
    let names = listening.channels.borrow().listened_to();
    let each = names.into_iter().map(|name| listen(&listening, name, stop.clone()));
    stream::iter(each).for_each_concurrent(None, |one| one).await;
    // Where no gateway can hear, there is nothing to do until then; a loop that ends by itself is taken for a fault.
    let _whoever_could_ask_is_gone = stop.wait_for(|stop| *stop).await;
}

/// A gateway that is listened to.
#[derive(Debug)]
pub struct Ear {
    gateway: String,
    /// Everything up to here was heard, and [`OVERLAP`] before it is asked for again.
    until: Instant,
    noted: Instant,
    silent: bool,
}

impl Ear {
    /// Takes up where the last run ended; the first time, now.
    pub async fn open(store: &Store, clock: &Clock, gateway: String) -> Result<Self, StoreError> {
        let now = gateways_now(clock);
        let until = if let Some(until) = store.listened(&gateway).await? {
            until.max(now - LONGEST_AGO)
        } else {
            // So that what lies before the first start is never asked for, however soon the next one comes.
            let until = now + OVERLAP;
            store.listening(&gateway, until).await?;
            until
        };
        Ok(Self { gateway, until, noted: until, silent: false })
    }

    /// Asks once, and hands on what is new. Gives how long the gateway wants to be left alone, if it said so.
    pub async fn ask(&mut self, listening: &Listening) -> Result<Option<Duration>, StoreError> {
        let asked_at = gateways_now(&listening.clock);
        let channels = Arc::clone(&listening.channels.borrow());
        let texts = match channels.heard(&self.gateway, self.until - OVERLAP).await {
            Some(Ok(texts)) => texts,
            Some(Err(silence)) => {
                if !self.silent {
                    tracing::warn!(
                        gateway = self.gateway,
                        why = silence.why,
                        "inbound: the gateway does not say who replied; asking again"
                    );
                }
                self.silent = true;
                return Ok(silence.ask_after);
            }
            None => return Ok(Some(LONGEST_WAIT)),
        };
        if self.silent {
            tracing::info!(gateway = self.gateway, "inbound: the gateway says again who replied");
            self.silent = false;
        }
        for text in texts {
            let heard = Heard {
                gateway: self.gateway.clone(),
                provider_id: text.provider_id,
                from: text.from,
                text: text.text,
                at: listening.clock.now(),
                written_at: text.at.filter(|_| is_plain(&listening.clock)),
            };
            if listening.ears.hear(&listening.store, &*listening.replies, heard).await == HeardWas::StoreFault {
                // It comes again with the next question.
                return Ok(None);
            }
        }
        self.until = self.until.max(asked_at);
        if self.until - self.noted >= NOTED {
            listening.store.listening(&self.gateway, self.until).await?;
            self.noted = self.until;
        }
        Ok(None)
    }
}

/// The present as a gateway stamps it. On a drill's clock nothing but this machine is spoken to, and its texts carry that
/// clock's time; of the two the earlier one misses nothing.
fn gateways_now(clock: &Clock) -> Instant {
    let moment = Moment::of(clock);
    moment.real.min(moment.now)
}

/// Whether the agent's clock is the one that gateways stamp by. On a drill's clock the two cannot be compared.
fn is_plain(clock: &Clock) -> bool {
    let moment = Moment::of(clock);
    moment.speed == 1 && (moment.now - moment.real).abs() < TimeDelta::seconds(60)
}

/// How long until the next question, by whether the gateway tells by itself and whether somebody is waited for. A gateway
/// that told an hour ago may have stopped.
const fn pace(tells: bool, awaited: bool) -> Duration {
    match (tells, awaited) {
        (true, true) => TOLD_WAITED_FOR,
        (true, false) => TOLD,
        (false, true) => WAITED_FOR,
        (false, false) => IDLE,
    }
}

async fn listen(listening: &Listening, gateway: String, mut stop: watch::Receiver<bool>) {
    // On a faster clock nothing but this machine is spoken to (`SHIFTWATCH_CLOCK`).
    let faster = |wait: Duration| (wait / listening.clock.speed().max(1)).max(Duration::from_millis(200));
    let mut turn = Turn::default();
    while !*stop.borrow() {
        if let Err(error) = turn.take(listening, &gateway, faster).await {
            tracing::warn!(error = %error, gateway, "inbound: the store could not be asked; trying again");
        }
        tokio::select! {
            () = time::sleep_until(time::Instant::now() + faster(WAITED_FOR)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// When a gateway was asked last, and may be asked again.
#[derive(Default)]
struct Turn {
    ear: Option<Ear>,
    asked_at: Option<time::Instant>,
    not_before: Option<time::Instant>,
    subscribed_until: Option<time::Instant>,
}

impl Turn {
    /// Asks the gateway if it is time.
    async fn take(
        &mut self,
        listening: &Listening,
        gateway: &str,
        faster: impl Fn(Duration) -> Duration,
    ) -> Result<(), StoreError> {
        let now = time::Instant::now();
        if self.not_before.is_some_and(|at| now < at) {
            return Ok(());
        }
        if self.subscribed_until.is_none_or(|at| now >= at) {
            let channels = Arc::clone(&listening.channels.borrow());
            let wait = channels.subscribe(gateway).await.unwrap_or(LOOK_AT_SUBSCRIPTION);
            self.subscribed_until = Some(now + wait.max(WAITED_FOR));
        }
        if self.ear.is_none() {
            self.ear = Some(Ear::open(&listening.store, &listening.clock, gateway.to_owned()).await?);
        }
        let Some(ear) = &mut self.ear else { return Ok(()) };
        let tells = listening.ears.hooked_at(gateway).is_some_and(|at| now.duration_since(at) < TELLS_FOR);
        let awaited = listening.store.awaits_reply(listening.clock.now() - REPLY_WITHIN).await?;
        let pace = pace(tells, awaited);
        // A wait that was a little shorter than it should be is no reason to wait once more.
        if self.asked_at.is_some_and(|at| now.duration_since(at) < faster(pace).mul_f64(0.9)) {
            return Ok(());
        }
        self.asked_at = Some(now);
        let wait = ear.ask(listening).await?;
        self.not_before = wait.map(|wait| time::Instant::now() + wait.min(LONGEST_WAIT));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_waited_for_is_heard_within_half_a_minute_whatever_tells() {
        for tells in [false, true] {
            assert!(pace(tells, true) <= Duration::from_secs(30));
            assert!(pace(tells, false) > pace(tells, true));
        }
    }
}
