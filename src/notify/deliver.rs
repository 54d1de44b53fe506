//! The send loop: claim, send, record, in groups.
//!
//! Given: the store's outbox, the channels, a clock, a seed for jitter.
//! Gives: messages at their gateways, each with its outcome recorded; [`PassReport`]s and counts.
//! Does not: decide who is told. A claim is on the disk before its request leaves; at most [`IN_FLIGHT`] sends are
//! unrecorded at any time; one that ends unrecorded is asked for, not repeated (see [`super::channel::Asked`]).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::{Notify, watch},
    task::{Id, JoinSet},
    time,
};

use super::{
    channel::{Channels, Moment, Scope, Verdict},
    message::{Channel, Message, MessageId},
    telling::Telling,
    ways::{IN_FLIGHT, SHARE, Ways, message_wait},
};
use crate::{
    clock::{Clock, real_now},
    model::Instant,
    pulse::{Loop, Pulses},
    store::{Attempted, Claim, Outcome, Room, Store, StoreError, lane_of, way_to},
};

mod attempt;

use attempt::{attempt, began_at, by_copies, silence_ends, unknown, useful};

/// A claim without an outcome for so long counts as uncertain even while the process lives. Longer than any send.
const LEASE: Duration = Duration::from_mins(3);
/// No send takes longer than this; then nobody knows.
const SEND_TIMEOUT: Duration = Duration::from_mins(2);
/// How soon the provider is first asked after an answer was lost.
const FIRST_ASK: Duration = Duration::from_secs(1);
/// "Not there" counts when it was said twice, at least this far apart.
const ASKS_APART: Duration = Duration::from_secs(10);
/// How long a provider may stay silent about a text before it is sent again; half its useful time if that is less.
const SILENCE: Duration = Duration::from_mins(1);
/// Between questions that were not answered, by the copies that may have left.
const ASK_AGAIN: [Duration; 4] =
    [Duration::from_secs(3), Duration::from_secs(10), Duration::from_secs(30), Duration::from_mins(1)];
/// The same about a note: nobody waits for it, and each question is a request less for the watch.
const RECORD_ASKS: Duration = Duration::from_mins(1);
/// Copies of a message whose answers were lost: no more are sent after so many. A provider that takes each and answers
/// none would otherwise fill a mailbox until the alert is old.
const COPIES: u32 = 5;
/// How long until the next copy where nobody can be asked, by the copies that may have left.
const COPY_WAITS: [Duration; 4] =
    [Duration::from_secs(8), Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(15)];
/// How long sends in flight may take to end when the program ends.
const GRACE: Duration = Duration::from_millis(8_500);
/// After a write was refused: how long until the same outcomes are offered again.
const STORE_WAIT: Duration = Duration::from_secs(1);
/// The longest sleep, so that a clock that jumped is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PassReport {
    /// Messages claimed.
    pub n_claimed: usize,
    /// Taken by a provider.
    pub n_sent: usize,
    /// To be tried again.
    pub n_retried: usize,
    /// Perhaps left; the provider will be asked.
    pub n_uncertain: usize,
    /// Refused for good.
    pub n_refused: usize,
    /// Sent although an earlier attempt may have left.
    pub n_doubled: usize,
}

/// The parts a send loop is made of.
#[derive(Debug, Clone)]
pub struct DelivererParts {
    /// Where the outbox is.
    pub store: Store,
    /// The ways out; replaced on reload.
    pub channels: watch::Receiver<Arc<Channels>>,
    /// The agent's clock.
    pub clock: Clock,
    /// Where outcomes are counted.
    pub telling: Arc<Telling>,
    /// Notified after each commit that may have stored messages.
    pub nudge: Arc<Notify>,
    /// Notified by the loop after texts were taken, so that their delivery is asked for.
    pub texts_sent: Arc<Notify>,
    /// Beaten by the loop after each turn that the store took.
    pub pulses: Arc<Pulses>,
    /// For jitter.
    pub seed: u64,
}

/// The send loop.
#[derive(Debug)]
pub struct Deliverer {
    parts: DelivererParts,
    rng: StdRng,
    ways: Ways,
    /// Where each lane that was met leads: a text's to its gateways, a mail's to the server that is configured now.
    lanes: HashMap<String, Vec<String>>,
    flying: JoinSet<Done>,
    flights: HashMap<Id, Flight>,
    /// Outcomes that the store has not taken yet.
    unrecorded: Vec<Attempted>,
    /// Provider ids of this run, so that two messages never take the same one.
    bound: Arc<Mutex<HashSet<String>>>,
    next_at: Option<Instant>,
    report: PassReport,
}

/// A send under way, for the case that it never comes back.
#[derive(Debug, Clone)]
struct Flight {
    id: MessageId,
    attempt: u32,
    gateway: Option<String>,
    way: String,
    to: String,
    channel: Channel,
}

/// A send that came back.
#[derive(Debug)]
struct Done {
    claim: Claim,
    gateway: Option<String>,
    way: String,
    doubles: bool,
    ended: Ended,
}

#[derive(Debug)]
enum Ended {
    Sent(Verdict),
    /// Asked: this gateway has it under this id.
    Found {
        gateway: String,
        sid: String,
    },
    /// Asked: it does not have it, for the first time or too soon after.
    NotThere,
    /// Asked in vain, or not yet.
    Unanswered {
        why: String,
        ask_at: Option<Instant>,
    },
}

/// One pass over the outbox: sends what is due and records it. For tests and commands; the program runs a
/// [`Deliverer`].
pub async fn pass(parts: DelivererParts) -> Result<PassReport, StoreError> {
    Deliverer::new(parts).pass().await
}

impl Deliverer {
    /// A loop that has not begun. Call [`Store::recover`] before.
    #[must_use]
    pub fn new(parts: DelivererParts) -> Self {
        Self {
            rng: StdRng::seed_from_u64(parts.seed),
            parts,
            ways: Ways::default(),
            lanes: HashMap::new(),
            flying: JoinSet::new(),
            flights: HashMap::new(),
            unrecorded: Vec::new(),
            bound: Arc::default(),
            next_at: None,
            report: PassReport::default(),
        }
    }

    /// Sends everything that is due now, and returns when nothing is in flight any more.
    pub async fn pass(&mut self) -> Result<PassReport, StoreError> {
        self.report = PassReport::default();
        loop {
            self.turn(true).await?;
            if self.flying.is_empty() {
                return Ok(self.report);
            }
            self.land().await;
        }
    }

    /// When there is something to do next without a nudge.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        let pause = self.ways.next_at(self.parts.clock.now());
        [self.next_at, pause].into_iter().flatten().min()
    }

    /// Runs until `stop` says so, then lets the sends in flight end and records them.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut refused = false;
        let names = self.parts.channels.borrow().names().clone();
        if let Err(error) = self.parts.store.keep_ways(names).await {
            tracing::warn!(error = %error, "deliver: ways that are gone could not be forgotten; they may be told of");
        }
        while !*stop.borrow() {
            let turned = self.turn(true).await;
            if let Err(error) = &turned {
                if !refused {
                    tracing::error!(
                        error = %error, n_unrecorded = self.unrecorded.len(),
                        "deliver: the store refuses; nothing is sent until it takes outcomes again"
                    );
                }
                refused = true;
                let wait = time::sleep_until(time::Instant::now() + STORE_WAIT);
                tokio::select! {
                    () = wait => {}
                    _ = stop.changed() => {}
                }
                continue;
            }
            if refused {
                tracing::info!("deliver: the store takes outcomes again");
                refused = false;
            }
            self.parts.pulses.beat(Loop::Send, real_now());
            let wait = self.next_at().map_or(LONGEST_SLEEP, |at| self.parts.clock.until(at).min(LONGEST_SLEEP));
            // A due entry that could not be claimed (its way is busy) must not spin.
            let wait = wait.max(Duration::from_millis(5));
            let nudge = Arc::clone(&self.parts.nudge);
            let any_flying = !self.flying.is_empty();
            tokio::select! {
                () = self.land(), if any_flying => {}
                () = nudge.notified() => {}
                () = time::sleep_until(time::Instant::now() + wait) => {}
                changed = stop.changed() => if changed.is_err() { break },
            }
        }
        self.stop().await;
    }

    /// Lets the sends in flight end, then records everything.
    async fn stop(&mut self) {
        let deadline = time::Instant::now() + GRACE;
        while !self.flying.is_empty() && time::timeout_at(deadline, self.land()).await.is_ok() {}
        self.flying.abort_all();
        let now = self.parts.clock.now();
        let lost: Vec<Flight> = self.flights.drain().map(|(_, flight)| flight).collect();
        self.unrecorded.extend(lost.into_iter().map(|flight| unknown(flight, now, "stopped before the answer")));
        while !self.unrecorded.is_empty() {
            match time::timeout_at(deadline + STORE_WAIT, self.parts.store.finish(self.unrecorded.clone())).await {
                Ok(Ok(())) => self.unrecorded.clear(),
                Ok(Err(_)) if time::Instant::now() < deadline => {
                    time::sleep_until(time::Instant::now() + Duration::from_millis(100)).await;
                }
                // They stay claimed, and are found uncertain at the next start.
                _ => {
                    tracing::error!(
                        n_unrecorded = self.unrecorded.len(),
                        "deliver: outcomes could not be recorded; the next start asks the providers"
                    );
                    return;
                }
            }
        }
    }

    /// Records what came back, claims what there is room for, and lets it go.
    async fn turn(&mut self, claims: bool) -> Result<(), StoreError> {
        let moment = Moment::of(&self.parts.clock);
        let room = if claims { self.room(moment.now) } else { Room::default() };
        let attempted = std::mem::take(&mut self.unrecorded);
        let lease_until = moment.after(LEASE);
        let turned = self.parts.store.finish_and_claim(attempted.clone(), moment.now, room, lease_until).await;
        let claimed = match turned {
            Ok(claimed) => claimed,
            Err(error) => {
                self.unrecorded = attempted;
                return Err(error);
            }
        };
        self.next_at = claimed.next_at;
        for (channel, n) in claimed.expired {
            self.parts.telling.count(channel, "expired", n);
            tracing::warn!(channel = channel.as_str(), n, "deliver: messages expired before they could be sent");
        }
        self.report.n_claimed += claimed.claims.len();
        let channels = Arc::clone(&self.parts.channels.borrow());
        for claim in claimed.claims {
            self.launch(&channels, claim, moment);
        }
        Ok(())
    }

    /// What each lane can take: what its ways can.
    fn room(&self, now: Instant) -> Room {
        let total = IN_FLIGHT.saturating_sub(self.flying.len());
        let room = |ways: &Vec<String>| ways.iter().map(|way| self.ways.room(way, now)).sum::<usize>();
        let mut lanes: Vec<(String, usize)> =
            self.lanes.iter().map(|(lane, ways)| (lane.clone(), room(ways))).collect();
        // A server that was met on another's lane; a gateway is no lane by itself unless it is the only one of a text's.
        let unmet = self.ways.known().filter(|way| !self.lanes.contains_key(*way));
        lanes.extend(unmet.map(|way| (way.to_owned(), self.ways.room(way, now))));
        let careful = |ways: &Vec<String>| ways.iter().any(|way| self.ways.is_careful(way));
        let careful = self.lanes.iter().filter(|(_, ways)| careful(ways)).map(|(lane, _)| lane.clone()).collect();
        Room { total, per_lane: total.min(SHARE), lanes, careful }
    }

    fn launch(&mut self, channels: &Arc<Channels>, claim: Claim, moment: Moment) {
        let gateway = self.gateway(channels, &claim, moment.now);
        let way = channels.way(&claim.message, gateway.as_deref());
        self.meet(&claim.message, &way);
        self.ways.begin(&way);
        let flight = Flight {
            id: claim.message.id.clone(),
            attempt: claim.attempt,
            gateway: gateway.clone(),
            way: way.clone(),
            to: way_to(&claim.message),
            channel: claim.message.channel,
        };
        let paused_until = claim.uncertain_since.and(self.ways.paused_until(&way, moment.now));
        let channels = Arc::clone(channels);
        let (store, clock, bound) = (self.parts.store.clone(), self.parts.clock.clone(), Arc::clone(&self.bound));
        let handle = self.flying.spawn(async move {
            let sending = attempt(&channels, &store, &clock, &bound, &claim, gateway.as_deref(), paused_until);
            let (ended, doubles) = match time::timeout(SEND_TIMEOUT, sending).await {
                Ok(ended) => ended,
                Err(_) => (Ended::Sent(Verdict::MayHaveLeft { why: "it took too long".into() }), false),
            };
            Done { claim, gateway, way, doubles, ended }
        });
        self.flights.insert(handle.id(), flight);
    }

    /// Notes where this message's lane leads.
    fn meet(&mut self, message: &Message, way: &str) {
        let ways = match message.channel {
            Channel::Sms => message.gateways.iter().map(|name| format!("sms/{name}")).collect(),
            Channel::Call => message.gateways.iter().map(|name| format!("call/{name}")).collect(),
            Channel::Email | Channel::Webhook | Channel::Record => vec![way.to_owned()],
        };
        self.lanes.insert(lane_of(message), ways);
    }

    /// The first gateway, from the stored one on, that is not paused. What may have left is asked of the one that had
    /// it, unless its time for answers is over.
    fn gateway(&self, channels: &Channels, claim: &Claim, now: Instant) -> Option<String> {
        let stored = claim.gateway.clone()?;
        let asks = claim.uncertain_since.is_some_and(|since| now < silence_ends(claim, since, &self.parts.clock));
        if asks {
            return Some(stored);
        }
        let (order, channel) = (&claim.message.gateways, claim.message.channel);
        let first = order.iter().position(|name| *name == stored).unwrap_or(0);
        let may = |name: &&String| !claim.refused_by.contains(name);
        let usable = |name: &&String| {
            may(name)
                && channels.has_gateway(name)
                && self.ways.paused_until(&format!("{channel}/{name}"), now).is_none()
        };
        let turns = || order.iter().cycle().skip(first).take(order.len());
        turns().find(usable).or_else(|| turns().find(may)).cloned().or(Some(stored))
    }

    /// Waits for a send to come back, and takes every other one that is back too.
    async fn land(&mut self) {
        let Some(first) = self.flying.join_next_with_id().await else { return };
        let mut next = Some(first);
        let moment = Moment::of(&self.parts.clock);
        while let Some(result) = next {
            match result {
                Ok((id, done)) => {
                    self.flights.remove(&id);
                    let attempted = self.judge(done, moment);
                    self.unrecorded.push(attempted);
                }
                Err(error) => {
                    if let Some(flight) = self.flights.remove(&error.id()) {
                        tracing::error!(message = %flight.id, "deliver: a send broke off inside the program");
                        self.ways.end(&flight.way, false);
                        self.parts.telling.count(flight.channel, "uncertain", 1);
                        self.unrecorded.push(unknown(flight, moment.now, "broke off"));
                    }
                }
            }
            next = self.flying.try_join_next_with_id();
        }
    }

    /// What came back, as it is recorded: when it is tried or asked again.
    fn judge(&mut self, done: Done, moment: Moment) -> Attempted {
        let Done { claim, mut gateway, way, doubles, ended } = done;
        let message = &claim.message;
        let (outcome, way_ok) = match ended {
            Ended::Found { gateway: found, sid } => {
                self.ways.end(&way, true);
                gateway = Some(found);
                (Outcome::Sent { provider_id: Some(sid) }, Some(true))
            }
            Ended::NotThere => {
                self.ways.end(&way, true);
                let apart = moment.after(ASKS_APART) - moment.now;
                // Questions are answered, but that brings nothing to anybody: a way that takes no text goes on failing.
                (Outcome::NotThere { ask_at: claim.not_there_at.unwrap_or(moment.now) + apart }, None)
            }
            Ended::Unanswered { why, ask_at } => {
                self.ways.end(&way, false);
                let apart = if message.channel == Channel::Record {
                    RECORD_ASKS
                } else {
                    by_copies(&ASK_AGAIN, claim.n_copies)
                };
                let ask_at = ask_at.unwrap_or_else(|| moment.after(apart));
                (Outcome::Uncertain { ask_at: Some(ask_at), sent: false, why }, None)
            }
            Ended::Sent(Verdict::Sent { provider_id }) => {
                self.ways.end(&way, true);
                if let Some(sid) = &provider_id {
                    self.bind(sid);
                }
                (Outcome::Sent { provider_id }, Some(true))
            }
            Ended::Sent(Verdict::Refused { why, bad }) => {
                self.ways.end(&way, true);
                // The way answered, but it brought nothing to anybody: the refusal is the recipient's. One that says
                // nothing of the number itself is this gateway's word alone.
                let mut refused_by = claim.refused_by.clone();
                refused_by.extend(gateway.clone());
                let next_at = self.first_gateway_at(message, &refused_by, moment.now).filter(|_| bad.is_none());
                match next_at {
                    Some(at) => (Outcome::RefusedHere { at, why }, None),
                    None => (Outcome::Refused { why, bad }, None),
                }
            }
            Ended::Sent(Verdict::MayHaveLeft { why }) => {
                let until = self.ways.fail(&way, Scope::Way, None, moment, &mut self.rng);
                let n_copies = claim.n_copies + 1;
                let ask_at = match message.channel {
                    Channel::Sms | Channel::Call => Some(moment.after(FIRST_ASK)),
                    Channel::Email | Channel::Webhook => {
                        let at = moment.after(by_copies(&COPY_WAITS, n_copies)).max(until);
                        (n_copies < COPIES).then_some(at)
                    }
                    // The record is asked; what cannot be asked for is never written twice.
                    Channel::Record => Some(moment.after(FIRST_ASK).max(until)),
                };
                (Outcome::Uncertain { ask_at, sent: true, why }, Some(false))
            }
            Ended::Sent(Verdict::NotSent { why, scope: Scope::Message, retry_after }) => {
                self.ways.end(&way, true);
                let wait = retry_after.unwrap_or_else(|| message_wait(claim.attempt, &mut self.rng));
                let at = useful(moment, moment.after(wait), message.useful_until, retry_after.is_some());
                (Outcome::Retry { at, next_gateway: false, why }, Some(true))
            }
            Ended::Sent(Verdict::NotSent { why, scope, retry_after }) => {
                let until = self.ways.fail(&way, scope, retry_after, moment, &mut self.rng);
                // That the vendor could not be reached makes a note no other note.
                let next_gateway = message.gateways.len() > 1 && message.channel != Channel::Record;
                let first = self.first_gateway_at(message, &claim.refused_by, moment.now);
                let at = first.filter(|_| next_gateway).unwrap_or(until);
                let at = useful(moment, at, message.useful_until, retry_after.is_some());
                (Outcome::Retry { at, next_gateway, why }, Some(false))
            }
        };
        self.note(&claim, gateway.as_deref(), doubles, &outcome, moment);
        // A note that fails wakes nobody: its local copy says so.
        let way_ok = way_ok.filter(|_| message.channel != Channel::Record);
        Attempted {
            id: message.id.clone(),
            attempt: claim.attempt,
            gateway,
            at: moment.now,
            outcome,
            doubles,
            way,
            way_ok,
            to: way_to(message),
        }
    }

    /// When the first of its gateways that do not refuse it can be tried; `None` when there is none.
    fn first_gateway_at(&self, message: &Message, refused_by: &[String], now: Instant) -> Option<Instant> {
        let channels = self.parts.channels.borrow();
        let is_way = |name: &String| message.channel == Channel::Record || channels.has_gateway(name);
        let may = |name: &&String| !refused_by.contains(name) && is_way(name);
        let paused_until = |name| self.ways.paused_until(&format!("{}/{name}", message.channel), now);
        message.gateways.iter().filter(may).map(|name| paused_until(name).unwrap_or(now)).min()
    }

    fn bind(&self, sid: &str) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        // What was recorded long ago is known to the store.
        if bound.len() > 10_000 {
            bound.clear();
        }
        bound.insert(sid.to_owned());
    }

    /// Counts and logs an outcome. Codes and ids only.
    fn note(&mut self, claim: &Claim, gateway: Option<&str>, doubles: bool, outcome: &Outcome, moment: Moment) {
        let message = &claim.message;
        let telling = &self.parts.telling;
        let (word, why) = match outcome {
            Outcome::Sent { .. } => ("sent", ""),
            Outcome::Retry { at, why, .. } if *at >= message.useful_until => ("expired", why.as_str()),
            Outcome::Retry { why, .. } | Outcome::RefusedHere { why, .. } => ("retried", why.as_str()),
            Outcome::Uncertain { why, .. } => ("uncertain", why.as_str()),
            Outcome::NotThere { .. } => ("uncertain", "the provider does not have it yet"),
            Outcome::Refused { why, .. } => ("refused", why.as_str()),
            Outcome::Reported { .. } => return,
        };
        // A question that leaves things as they are is not another uncertain message.
        if word != "uncertain" || claim.uncertain_since.is_none() {
            telling.count(message.channel, word, 1);
        }
        if doubles {
            telling.count_doubled(message.channel);
            self.report.n_doubled += 1;
        }
        match outcome {
            Outcome::Sent { .. } => {
                self.report.n_sent += 1;
                telling.took(message.channel, (moment.now - began_at(message)).to_std().unwrap_or_default());
                if matches!(message.channel, Channel::Sms | Channel::Call) {
                    self.parts.texts_sent.notify_one();
                }
            }
            Outcome::Retry { .. } | Outcome::RefusedHere { .. } => self.report.n_retried += 1,
            Outcome::Refused { .. } => self.report.n_refused += 1,
            _ => self.report.n_uncertain += 1,
        }
        let (channel, gateway) = (message.channel.as_str(), gateway.unwrap_or_default());
        let (id, agency) = (&message.id, &message.agency);
        if word == "sent" {
            tracing::info!(
                message = %id, %agency, receiver = message.receiver, recipient = message.recipient, channel, gateway,
                attempt = claim.attempt, why = message.why.as_str(), doubles, "deliver: sent"
            );
        } else {
            tracing::warn!(
                message = %id, %agency, receiver = message.receiver, recipient = message.recipient, channel, gateway,
                attempt = claim.attempt, outcome = word, why, doubles, "deliver: not sent yet or never"
            );
        }
    }
}
