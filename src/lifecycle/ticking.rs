//! The tick: judges and decides for every agency, stores, nudges the send loop, publishes.

use std::sync::atomic::Ordering;

use chrono::TimeDelta;

use super::{Floor, Post, seconds, told_to, wait};
use crate::{
    alerts::{alert::AlertState, orders::Inputs},
    clock, limits,
    model::Instant,
    pipeline::{self, Ticked},
    pulse::Loop,
    rules::{finding::Tells, gateway_health::GatewayHealth},
};

/// Judges and decides for every agency, once a second of the agent's clock or when nudged, until stopped.
/// `after` is called with what each pass did and publishes the picture.
pub async fn tick_loop(floor: Floor, mut publish: impl AsyncFnMut(&Floor, bool)) {
    let mut stop = floor.stop.clone();
    let mut read_inputs_at = None::<Instant>;
    let mut gateways = None::<Vec<GatewayHealth>>;
    let mut due_at = None::<Instant>;
    loop {
        let stopping = floor.is_stopping();
        let began = clock::real_now();
        let now = floor.clock.now();
        if let Some(due_at) = due_at {
            floor.metrics.missed_ticks(Loop::Tick, ticks_between(due_at, now));
        }
        due_at = Some(now + seconds(limits::TICK));
        // Receipts are stored by the send loop, which nudges nobody: they are looked for once a second.
        let asked = floor.nudges.inputs.swap(false, Ordering::AcqRel);
        let read_inputs = asked || read_inputs_at.is_none_or(|at| (began - at).abs() >= TimeDelta::seconds(1));
        let mut round = None;
        if read_inputs {
            read_inputs_at = Some(began);
            round = Some(floor.nudges.rounds.begin());
        }
        if read_inputs && let Some(health) = gateway_health(&floor).await {
            gateways = Some(health);
        }
        let (mut changed, mut written, mut refused) = (false, false, false);
        for post in floor.posts.iter() {
            match (&gateways, &post.source) {
                // A way out that nobody could ask about is not one that works.
                (None, None) => {}
                (health, _) => {
                    let health = health.as_deref().unwrap_or_default();
                    match tick_pass(&floor, post, read_inputs, health, now).await {
                        Passed::Idle => {}
                        Passed::Decided => (changed, written) = (true, true),
                        Passed::Refused => refused = true,
                    }
                }
            }
        }
        if !refused {
            floor.store_takes(written, now).await;
        }
        floor.metrics.pass(Loop::Tick, (clock::real_now() - began).to_std().unwrap_or_default());
        if refused {
            floor.pulses.went_round(Loop::Tick, clock::real_now());
        } else {
            floor.pulses.beat(Loop::Tick, clock::real_now());
        }
        publish(&floor, changed).await;
        if let Some(round) = round {
            floor.nudges.rounds.shown(round);
        }
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
            floor.store_refuses(&fault);
            tracing::error!(error = %fault, "store: whether messages leave could not be read");
            None
        }
    }
}

/// How many ticks of the agent's clock were due and not made, when the one due at `due_at` is made at `now`.
fn ticks_between(due_at: Instant, now: Instant) -> u64 {
    let late = (now - due_at).num_milliseconds();
    u64::try_from(late / seconds(limits::TICK).num_milliseconds()).unwrap_or(0)
}

/// What came of one agency's pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    /// There was nothing to decide, and so nothing to store.
    Idle,
    /// Something was decided and stored.
    Decided,
    /// The store refused.
    Refused,
}

/// One agency's pass.
async fn tick_pass(floor: &Floor, post: &Post, read_inputs: bool, gateways: &[GatewayHealth], now: Instant) -> Passed {
    let mut watch = post.watch.lock().await;
    let inputs = if read_inputs {
        match floor.store.pending_inputs(&post.name).await {
            Ok(inputs) => inputs,
            Err(fault) => {
                floor.store_refuses(&fault);
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
            let passed = if ticked.is_idle() { Passed::Idle } else { Passed::Decided };
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
            if ticked.n_template_faults > 0 {
                floor.metrics.templates_fell_back(ticked.n_template_faults);
            }
            passed
        }
        Err(fault) => {
            drop(watch);
            tracing::error!(agency = %post.name, error = %fault, "store: a step was refused; nothing of it is sent, it is made again");
            floor.store_refuses(&fault);
            Passed::Refused
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
