//! The tick: judges and decides for every agency, stores, nudges the send loop, publishes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

use chrono::TimeDelta;

use super::{EndsSoon, Floor, Post, morning::Mornings, seconds, told_to, wait};
use crate::{
    alerts::{
        alert::{Alert, AlertKey, AlertState},
        fingerprint::fingerprint,
        notice::channel_of,
        orders::Inputs,
        page::{PageTurn, Turn},
    },
    clock, limits,
    model::{Instant, Subject},
    notify::message::Channel,
    on_call::Via,
    pipeline::{self, Ticked},
    pulse::Loop,
    rules::{finding::Tells, gateway_health::GatewayHealth},
    store::CommitError,
    watch::{Watch, rota::Rota},
};

/// Judges and decides for every agency, once a second of the agent's clock or when nudged, until stopped.
/// `after` is called with what each pass did and publishes the picture.
pub async fn tick_loop(floor: Floor, mut publish: impl AsyncFnMut(&Floor, bool)) {
    let mut stop = floor.stop.clone();
    let mut read_inputs_at = None::<Instant>;
    let mut gateways = None::<Vec<GatewayHealth>>;
    let mut due_at = None::<Instant>;
    let mut rota = Rota::default();
    let mut mornings = Mornings::default();
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
        if read_inputs && let Some(health) = gateway_health(&floor, now).await {
            gateways = Some(health);
        }
        if read_inputs {
            look_at_phones(&floor, now).await;
        }
        let (mut changed, mut written, mut refused) = (false, false, false);
        rota.look(&floor.on_call.borrow().clone(), now);
        for post in floor.posts.iter() {
            rota.tell(&mut *post.watch.lock().await, post.source.is_none());
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
        for post in floor.posts.iter() {
            refused |= mornings.look(&floor, post, now).await;
        }
        match floor.silences.look(&floor.posts, now).await {
            Ok((soon, silences_changed)) => {
                for EndsSoon { silence, n_muted } in &soon {
                    let (id, ends_at) = (&silence.id, silence.ends_at);
                    tracing::warn!(silence = %id, %ends_at, n_muted, "silences: one ends soon and still mutes alerts; make it longer, or see to them");
                    floor.nudges.inputs_stored();
                }
                (changed, written) = (changed || silences_changed, written || silences_changed);
            }
            Err(fault) => {
                refused = true;
                floor.store_refuses(&fault);
                tracing::error!(error = %fault, "store: a silence could not be changed; trying again with the next tick");
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

/// Which addresses take nothing for good, and which texts count no more.
async fn look_at_phones(floor: &Floor, now: Instant) {
    match floor.store.bad_contacts().await {
        Ok(bad) => floor.reach.change(|phones| {
            let via = |channel: Channel| Via::ALL.into_iter().find(|via| channel_of(*via) == channel);
            let bad = bad.into_iter().filter_map(|one| Some((one.mark, via(one.via)?)));
            phones.set_bad(bad.collect());
            phones.forget_before(now);
        }),
        Err(fault) => {
            floor.store_refuses(&fault);
            tracing::error!(error = %fault, "store: which addresses take nothing could not be read");
        }
    }
}

/// How the ways out are doing; `None` when the store could not be asked.
async fn gateway_health(floor: &Floor, now: Instant) -> Option<Vec<GatewayHealth>> {
    match floor.store.gateway_health(now).await {
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
    watch.silences = floor.silences.get();
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
            for (moment, outcome) in &ticked.reminders {
                floor.metrics.reminder(*moment, *outcome);
            }
            if ticked.n_where_faults > 0 {
                floor.metrics.where_failed(ticked.n_where_faults);
            }
            report(floor, post, &ticked, now);
            if ticked.n_out_of_reach > 0 {
                tracing::warn!(
                    agency = %post.name, n_people = ticked.n_out_of_reach,
                    "notify: people who were told that something fires are not told that it is over: their addresses left the configuration, and so did the way to reach them"
                );
            }
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
            if matches!(fault, CommitError::OutOfOrder { .. }) {
                read_again(floor, post, &mut watch, now).await;
            }
            drop(watch);
            tracing::error!(agency = %post.name, error = %fault, "store: a step was refused; nothing of it is sent, it is made again");
            floor.store_refuses(&fault);
            Passed::Refused
        }
    }
}

/// Memory is not what is stored, for a step was stored whose outcome nobody could learn: the stored book counts.
async fn read_again(floor: &Floor, post: &Post, watch: &mut Watch, now: Instant) {
    match floor.store.load(&post.name).await {
        Ok(loaded) => {
            watch.read_again(loaded, now);
            tracing::warn!(agency = %post.name, n = watch.n, "store: an earlier step was stored after all; the agency's alerts were read again");
        }
        Err(fault) => {
            tracing::error!(agency = %post.name, error = %fault, "store: the agency's alerts could not be read again; trying again with the next tick");
        }
    }
}

/// Logs and counts what a step decided, each decision with its reason.
fn report(floor: &Floor, post: &Post, ticked: &Ticked, now: Instant) {
    let by_key: BTreeMap<&AlertKey, &Alert> =
        ticked.step.delta.alerts.iter().map(|alert| (&alert.key, alert)).collect();
    for transition in &ticked.step.delta.transitions {
        // An alert that is forgotten in the same step has only its key left.
        let fingerprint = by_key.get(&transition.key).map(|alert| fingerprint(&alert.labels));
        tracing::info!(
            agency = %post.name, rule = %transition.key.rule, subject = subject(&transition.key.subject), fingerprint,
            from = transition.from.as_deref(), to = %transition.to,
            reason = Some(transition.reason.as_str()).filter(|reason| !reason.is_empty()), "alerts: an alert changed"
        );
    }
    for alert in &ticked.step.delta.alerts {
        match &alert.state {
            // What a first look finds, and what opened before there was one, says nothing about how soon we see.
            AlertState::Firing { fired_at }
                if *fired_at == now
                    && alert.facts.tells != Tells::Summary
                    && ticked.edges_from.is_some_and(|from| alert.facts.window.opens_at >= from) =>
            {
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
        let n_of = |alerts: &[Alert]| Some(alerts.len()).filter(|n| *n > 0);
        let shown = |alerts: &[Alert]| {
            let subjects: BTreeSet<String> = alerts.iter().filter_map(|alert| subject(&alert.key.subject)).collect();
            let named: Vec<String> = subjects.into_iter().take(SUBJECTS_NAMED).collect();
            (!named.is_empty()).then(|| named.join(" "))
        };
        let fingerprints: Vec<String> = intent
            .firing
            .iter()
            .chain(&intent.resolved)
            .take(SUBJECTS_NAMED)
            .map(|alert| fingerprint(&alert.labels))
            .collect();
        tracing::info!(
            agency = %post.name, receiver = %intent.group.receiver, why = intent.why.as_str(),
            n_firing = n_of(&intent.firing), firing = shown(&intent.firing), n_closed = n_of(&intent.resolved),
            closed = shown(&intent.resolved), fingerprints = fingerprints.join(" "), "alerts: somebody is told"
        );
    }
    report_pages(floor, post, ticked);
    for (key, quiet) in &ticked.step.quiet {
        floor.metrics.kept_quiet(*quiet);
        tracing::debug!(
            agency = %post.name, rule = %key.rule, subject = subject(&key.subject), quiet = quiet.as_str(),
            "alerts: nobody is told, for now"
        );
    }
}

/// The same for pages: people by their names in the configuration, which are ids.
fn report_pages(floor: &Floor, post: &Post, ticked: &Ticked) {
    for PageTurn { page, is_drill, what, people } in &ticked.step.page_turns {
        if !is_drill {
            floor.metrics.page_turned(*what);
        }
        let drill = is_drill.then_some(true);
        let step = match what {
            Turn::Stepped(n) | Turn::Skipped(n) => Some(n + 1),
            _ => None,
        };
        let (agency, what_word) = (&post.name, what.as_str());
        let people = Some(people.join(", ")).filter(|people| !people.is_empty());
        match what {
            Turn::Everybody => {
                tracing::warn!(%agency, page, drill, turn = what_word, people, "pages: the last step had nobody, so everybody was told; see `shiftwatch check`");
            }
            Turn::Nobody => {
                tracing::error!(%agency, page, drill, turn = what_word, "pages: NOBODY can be told of a page: nobody has an address that takes anything; see `shiftwatch check`");
            }
            Turn::Unreached => {
                tracing::warn!(%agency, page, turn = what_word, people, "pages: whoever came on call could not be told by any way; whoever went off was told so");
            }
            Turn::WentUnstaffed => {
                tracing::warn!(%agency, page, turn = what_word, people, "pages: a shift ended and nobody owned its page");
            }
            _ => tracing::info!(%agency, page, drill, turn = what_word, step, people, "pages: a page went on"),
        }
    }
    for notice in &ticked.step.notices {
        floor.metrics.told(notice.why);
        tracing::info!(
            agency = %post.name, topic = %notice.topic, person = %notice.to, via = notice.via.as_str(),
            why = notice.why.as_str(), "pages: somebody is told"
        );
    }
}

/// At most so many alerts are named in one line.
const SUBJECTS_NAMED: usize = 10;

/// What an alert is about, as its label says it: the vendor's ids, never a name.
fn subject(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Shift(key) => Some(format!("shift {}", key.label(false))),
        Subject::Visit(id) => Some(format!("visit {id}")),
        Subject::Client(id) => Some(format!("client {id}")),
        Subject::Caregiver(id) => Some(format!("caregiver {id}")),
        Subject::CaregiverWeek(id, week) => Some(format!("caregiver {id} in the week of {week}")),
        Subject::ShiftPair(pair) => Some(format!("shifts {} and {}", pair.0.label(false), pair.1.label(false))),
        Subject::Endpoint(endpoint) => Some(format!("endpoint {}", endpoint.as_str())),
        Subject::Gateway(name) => Some(format!("gateway {name}")),
        Subject::Schedule(name) => Some(format!("schedule {name}")),
        Subject::Policy(name) => Some(format!("policy {name}")),
        Subject::Person(name) => Some(format!("person {name}")),
        Subject::Agency | Subject::Section(_) | Subject::Posted(_) => None,
    }
}
