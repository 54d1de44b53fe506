//! The loops around the passes: when each runs, how they nudge each other, how they stop.
//!
//! Three loops, joined only by the store and a data-less nudge: `poll` (one per agency), `tick` (all agencies), and
//! `send` ([`crate::notify::deliver`]). A reload stops them after their present pass, builds the parts anew from the
//! store and the new configuration, and starts them again; nothing is lost, because nothing lives only in a loop.

use std::{
    sync::{
        Arc, Mutex as PlainMutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::TimeDelta;
use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, watch as channel},
    task::JoinSet,
};

use crate::{
    alerts::{alert::AlertState, orders::Inputs},
    clock::{self, Clock},
    limits,
    metrics::Metrics,
    model::{AgencyName, Instant, Section},
    notify::voice::Telling,
    pipeline::{self, Ticked},
    rules::{finding::Tells, gateway_health::GatewayHealth},
    source::{
        client::Source,
        fetched::{Fetched, Read},
        planner::{Next, Planner},
        status::EncounterScope,
    },
    store::{CommitError, Store},
    view::{Loop, Pulses},
    watch::Watch,
};

/// "Run now": carries no data, so a lost one costs a tick's time and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Nudges {
    /// The tick has something to look at.
    pub tick: Arc<Notify>,
    /// The outbox has something to send.
    pub send: Arc<Notify>,
    /// Orders were stored since the last tick that read them.
    pub inputs: Arc<AtomicBool>,
}

impl Nudges {
    /// Something for the tick to read from the store.
    pub fn inputs_stored(&self) {
        self.inputs.store(true, Ordering::Release);
        self.tick.notify_one();
    }
}

/// One agency and what its loops share.
#[derive(Debug)]
pub struct Post {
    /// Its name.
    pub name: AgencyName,
    /// The passes' state; held for the length of one pass, never across a request to the vendor.
    pub watch: Mutex<Watch>,
    /// What to read next; its own lock, so that a tick never waits for a planner or the other way round.
    pub planner: Mutex<Planner>,
    /// Wakes this agency's poll loop: a read that cannot wait.
    pub poll: Notify,
    /// The vendor; `None` for the pseudo-agency.
    pub source: Option<Arc<Source>>,
}

/// Everything the loops need.
#[derive(Debug, Clone)]
pub struct Floor {
    /// The agent's clock.
    pub clock: Clock,
    /// The store.
    pub store: Store,
    /// The agencies, the pseudo-agency last.
    pub posts: Arc<Vec<Arc<Post>>>,
    /// Titles, zones, links, shadow.
    pub telling: Arc<Telling>,
    /// How the loops wake each other.
    pub nudges: Nudges,
    /// True asks every loop to stop after its present pass.
    pub stop: channel::Receiver<bool>,
    /// When each last succeeded.
    pub pulses: Arc<Pulses>,
    /// Series that count.
    pub metrics: Arc<Metrics>,
    /// Since when the store refuses; `None` while it takes.
    pub refused: Arc<PlainMutex<Option<(Instant, String)>>>,
}

impl Floor {
    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Notes what the store said, for the readiness check.
    fn store_said<E: std::fmt::Display>(&self, said: Result<(), E>) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match said {
            Ok(()) => *refused = None,
            Err(fault) => {
                refused.get_or_insert_with(|| (clock::real_now(), fault.to_string()));
            }
        }
    }

    /// Why the agent is not ready, if the store has refused for too long.
    pub fn readiness(&self) -> Result<(), String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.as_ref() {
            Some((since, fault)) if clock::real_now() - *since >= seconds(limits::STORE_REFUSED_MAX) => Err(format!(
                "the store refuses since {since}: {fault}; nothing that is not stored is sent; free the disk"
            )),
            _ => Ok(()),
        }
    }
}

fn seconds(span: Duration) -> TimeDelta {
    TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX)
}

/// Returns once a stop was asked for.
pub async fn told_to(stop: &mut channel::Receiver<bool>) {
    // A closed channel means that whoever could ask is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Waits in real time.
#[expect(clippy::disallowed_methods, reason = "the one place where the loops wait on real time")]
pub async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}

/// Reads one agency, as the planner says, until stopped.
pub async fn poll_loop(floor: Floor, post: Arc<Post>) {
    let Some(source) = post.source.clone() else { return };
    let mut stop = floor.stop.clone();
    let probe = tokio::select! {
        probe = probe_scope(&floor, &post, &source) => probe,
        () = told_to(&mut stop) => return,
    };
    post.planner.lock().await.set_encounter_scope(probe, floor.clock.now());

    let in_flight = Arc::new(Semaphore::new(limits::READS_IN_FLIGHT_MAX));
    let mut reads = JoinSet::new();
    while !floor.is_stopping() {
        let slot = tokio::select! {
            slot = in_flight.clone().acquire_owned() => slot,
            () = told_to(&mut stop) => break,
        };
        let Ok(slot) = slot else { break };
        let next = post.planner.lock().await.next(floor.clock.now());
        floor.pulses.beat(Loop::Poll, clock::real_now());
        match next {
            Next::Read(read) => {
                reads.spawn(poll_pass(floor.clone(), Arc::clone(&post), Arc::clone(&source), read, slot));
            }
            Next::Wait(until) => {
                drop(slot);
                // A second at most: the plan may change under us.
                let pause = floor.clock.until(until).clamp(Duration::from_millis(5), Duration::from_secs(1));
                tokio::select! {
                    () = wait(pause) => {}
                    () = post.poll.notified() => {}
                    () = told_to(&mut stop) => {}
                }
            }
        }
        while reads.try_join_next().is_some() {}
    }
    // A read is cut short: it is evidence that nobody has seen, and will be made again.
    reads.shutdown().await;
}

async fn probe_scope(floor: &Floor, post: &Post, source: &Source) -> EncounterScope {
    let probe = source.probe_encounter_scope(floor.clock.now(), &floor.clock).await;
    for request in &probe.requests {
        floor.metrics.request(&post.name, request);
    }
    probe.scope
}

/// One read: ask, apply, store, tell the planner and the tick.
async fn poll_pass(floor: Floor, post: Arc<Post>, source: Arc<Source>, read: Read, slot: OwnedSemaphorePermit) {
    let fetched = source.fetch(&read, floor.clock.now(), &floor.clock).await;
    drop(slot);
    count_read(&floor, &post, &fetched);
    let now = floor.clock.now();
    let ((wanted, saved), plans, roster_at) = {
        let mut watch = post.watch.lock().await;
        let applied = pipeline::apply(&mut watch, &floor.store, &fetched, now).await;
        let plans = watch.plans(&watch.changes.clients, now);
        watch.changes.clients.clear();
        (applied, plans, watch.mirror.section(Section::Clients).full_at)
    };
    if let Err(fault) = &saved {
        tracing::error!(agency = %post.name, error = %fault, "store: what was read could not be kept; it will be read again after a restart");
    }
    floor.store_said(saved);
    {
        let mut planner = post.planner.lock().await;
        planner.done(&fetched);
        for (client, plan) in plans {
            match plan {
                Some(plan) => planner.update_client(&client, plan, now),
                None => planner.remove_client(&client),
            }
        }
        for read in wanted {
            planner.want(read, now);
        }
        if let Some(full_at) = roster_at {
            planner.clients_read_at(full_at);
        }
    }
    post.poll.notify_one();
    floor.nudges.tick.notify_one();
}

fn count_read(floor: &Floor, post: &Post, fetched: &Fetched) {
    for request in &fetched.requests {
        floor.metrics.request(&post.name, request);
    }
    match &fetched.outcome {
        Ok(rows) => {
            for row in &rows.rejected {
                floor.metrics.rejected_rows(&post.name, row.endpoint, 1);
                tracing::warn!(agency = %post.name, endpoint = %row.endpoint, row = row.id.as_deref().unwrap_or("without id"), reason = row.reason, "source: a row makes no sense and was left out");
            }
        }
        Err(fault) => {
            let section = fetched.read.section().map_or("locations", Section::as_str);
            tracing::warn!(agency = %post.name, section, error = %fault, "source: a read failed; keeping what was known");
        }
    }
}

/// Judges and decides for every agency, once a second of the agent's clock or when nudged, until stopped.
/// `after` is called with what each pass did and publishes the picture.
pub async fn tick_loop(floor: Floor, mut publish: impl AsyncFnMut(&Floor, bool)) {
    let mut stop = floor.stop.clone();
    let mut read_inputs_at = None::<Instant>;
    let mut gateways = None::<Vec<GatewayHealth>>;
    loop {
        let stopping = floor.is_stopping();
        let began = clock::real_now();
        let now = floor.clock.now();
        // Receipts are stored by the send loop, which nudges nobody: they are looked for once a second.
        let asked = floor.nudges.inputs.swap(false, Ordering::AcqRel);
        let read_inputs = asked || read_inputs_at.is_none_or(|at| (began - at).abs() >= TimeDelta::seconds(1));
        if read_inputs {
            read_inputs_at = Some(began);
        }
        if read_inputs && let Some(health) = gateway_health(&floor).await {
            gateways = Some(health);
        }
        let mut changed = false;
        for post in floor.posts.iter() {
            match (&gateways, &post.source) {
                // A way out that nobody could ask about is not one that works.
                (None, None) => {}
                (health, _) => {
                    let health = health.as_deref().unwrap_or_default();
                    changed |= tick_pass(&floor, post, read_inputs, health, now).await;
                }
            }
        }
        floor.metrics.pass(Loop::Tick, (clock::real_now() - began).to_std().unwrap_or_default());
        floor.pulses.beat(Loop::Tick, clock::real_now());
        publish(&floor, changed).await;
        if stopping {
            return;
        }
        let pause = floor.clock.until(now + seconds(limits::TICK));
        tokio::select! {
            () = wait(pause.max(limits::NUDGED_TICK_MIN)) => {}
            () = floor.nudges.tick.notified() => wait(limits::NUDGED_TICK_MIN).await,
            () = told_to(&mut stop) => {}
        }
    }
}

/// How the ways out are doing; `None` when the store could not be asked.
async fn gateway_health(floor: &Floor) -> Option<Vec<GatewayHealth>> {
    match floor.store.gateway_health().await {
        Ok(health) => Some(
            health
                .into_iter()
                .map(|one| GatewayHealth { name: one.gateway, failing_since: one.failing_since, oldest_waiting: None })
                .collect(),
        ),
        Err(fault) => {
            floor.store_said(Err(&fault));
            tracing::error!(error = %fault, "store: whether messages leave could not be read");
            None
        }
    }
}

/// One agency's pass. True when it decided anything.
async fn tick_pass(floor: &Floor, post: &Post, read_inputs: bool, gateways: &[GatewayHealth], now: Instant) -> bool {
    let mut watch = post.watch.lock().await;
    let inputs = if read_inputs {
        match floor.store.pending_inputs(&post.name).await {
            Ok(inputs) => inputs,
            Err(fault) => {
                floor.store_said(Err(&fault));
                tracing::error!(agency = %post.name, error = %fault, "store: orders could not be read; trying again in a second");
                floor.nudges.inputs.store(true, Ordering::Release);
                Inputs::default()
            }
        }
    } else {
        Inputs::default()
    };
    match pipeline::tick(&mut watch, &floor.store, &floor.telling, &inputs, gateways, now).await {
        Ok(ticked) => {
            drop(watch);
            floor.store_said(Ok::<(), CommitError>(()));
            let changed = !ticked.step.is_empty();
            if ticked.n_where_faults > 0 {
                floor.metrics.where_failed(ticked.n_where_faults);
            }
            report(floor, post, &ticked, now);
            if ticked.n_messages > 0 || !ticked.step.cancels.is_empty() {
                floor.nudges.send.notify_one();
            }
            if !ticked.reads_wanted.is_empty() {
                let mut planner = post.planner.lock().await;
                for read in ticked.reads_wanted {
                    planner.want(read, now);
                }
                post.poll.notify_one();
            }
            changed
        }
        Err(fault) => {
            drop(watch);
            tracing::error!(agency = %post.name, error = %fault, "store: a step was refused; nothing of it is sent, it is made again");
            floor.store_said(Err(&fault));
            false
        }
    }
}

/// Logs and counts what a step decided, each decision with its reason.
fn report(floor: &Floor, post: &Post, ticked: &Ticked, now: Instant) {
    for transition in &ticked.step.delta.transitions {
        tracing::info!(
            agency = %post.name, rule = %transition.key.rule, from = transition.from.as_deref().unwrap_or("none"),
            to = %transition.to, reason = %transition.reason, "alerts: an alert changed"
        );
    }
    for alert in &ticked.step.delta.alerts {
        match &alert.state {
            AlertState::Firing { fired_at } if *fired_at == now && alert.facts.tells != Tells::Summary => {
                floor.metrics.detected_after((now - alert.facts.window.opens_at).to_std().unwrap_or_default());
            }
            AlertState::Acknowledged { fired_at, ack } if alert.updated_at == now => {
                floor.metrics.acknowledged_after((ack.at - *fired_at).to_std().unwrap_or_default());
            }
            _ => {}
        }
    }
    for intent in &ticked.step.intents {
        floor.metrics.told(intent.why);
        tracing::info!(
            agency = %post.name, receiver = %intent.group.receiver, why = intent.why.as_str(), n_firing = intent.firing.len(),
            n_closed = intent.resolved.len(), "alerts: somebody is told"
        );
    }
    for (key, quiet) in &ticked.step.quiet {
        floor.metrics.kept_quiet(*quiet);
        tracing::debug!(agency = %post.name, rule = %key.rule, quiet = quiet.as_str(), "alerts: nobody is told, for now");
    }
}
