//! The poll loop of one agency: the planner says what, the source reads, the mirror takes it in.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use futures::FutureExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{
    Floor, Post,
    complaints::Complaint,
    details::keep_tasks,
    past_book::{PastFault, memory_from},
    told_to, wait,
};
use crate::{
    clock, limits,
    mirror::{SECOND_LOOK, past, row::ArchiveDelta},
    model::{Endpoint, Instant, Section, local_time::local_date},
    pipeline,
    pulse::Loop,
    source::{
        client::Source,
        fetched::{Batch, Fetched, Read, ReadFault, Rows, Span},
        planner::Next,
        status::EncounterScope,
    },
    store::Whose,
};

/// Reads one agency, as the planner says, until stopped.
pub async fn poll_loop(floor: Floor, post: Arc<Post>) {
    let Some(source) = post.source.clone() else { return };
    let mut stop = floor.stop.clone();
    let mut scope = source.encounter_scope();
    // What was found out before a reload need not be asked again.
    if scope == EncounterScope::Unknown {
        scope = tokio::select! {
            scope = probe_scope(&floor, &post, &source) => scope,
            () = told_to(&mut stop) => return,
        };
    }
    post.planner.lock().await.set_encounter_scope(scope, floor.clock.now());

    let in_flight = Arc::new(Semaphore::new(limits::READS_IN_FLIGHT_MAX));
    let mut reads = JoinSet::new();
    while !floor.is_stopping() {
        floor.pulses.polled(&post.name, clock::real_now());
        let slot = tokio::select! {
            slot = in_flight.clone().acquire_owned() => slot,
            // Answers may take their time-out; the loop itself is well.
            () = wait(Duration::from_secs(1)) => continue,
            () = told_to(&mut stop) => break,
        };
        let Ok(slot) = slot else { break };
        let next = post.planner.lock().await.next(floor.clock.now());
        match next {
            Next::Read(read) => {
                reads.spawn(poll_pass(floor.clone(), Arc::clone(&post), Arc::clone(&source), read, slot));
            }
            Next::Wait(until) => {
                // What the watch leaves over goes to the past.
                let spare = post.past.lock().unwrap_or_else(PoisonError::into_inner).next().cloned();
                if let Some(read) = spare
                    && post.planner.lock().await.spare(&read, floor.clock.now())
                    && let Some(read) = post.past.lock().unwrap_or_else(PoisonError::into_inner).take()
                {
                    reads.spawn(past_pass(floor.clone(), Arc::clone(&post), Arc::clone(&source), read, slot));
                    continue;
                }
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
        while let Some(read) = reads.try_join_next() {
            if read.is_err() {
                // A mistake in the program, logged where it happened; what it left behind is not to be trusted. The
                // loop ends unasked, and with it the program.
                return;
            }
        }
    }
    // A read is cut short: it is evidence that nobody has seen, and will be made again.
    reads.shutdown().await;
}

async fn probe_scope(floor: &Floor, post: &Post, source: &Source) -> EncounterScope {
    let probe = source.probe_encounter_scope(floor.clock.now(), &floor.clock).await;
    for request in &probe.requests {
        floor.metrics.request(&post.name, request);
    }
    floor.api_book.record(&post.name, &probe.requests);
    probe.scope
}

/// One read of the past: what memory still holds goes through the mirror, the rest straight into the archive.
async fn past_pass(floor: Floor, post: Arc<Post>, source: Arc<Source>, read: Read, slot: OwnedSemaphorePermit) {
    let fetched = fetch(&floor, &post, &source, read).await;
    drop(slot);
    count_read(&floor, &post, &fetched);
    let outcome = match (&fetched.read, &fetched.outcome) {
        (_, Err(fault)) => Err(PastFault::of(fault)),
        (Read::Shifts { span, .. } | Read::Visits { span, .. }, Ok(rows)) => {
            let zone = post.planner.lock().await.settings().zone;
            if local_date(zone, span.from) >= memory_from(floor.clock.now(), zone) {
                let whole = rows.complete && rows.rejected.is_empty();
                take_in(&floor, &post, &fetched, clock::real_now()).await;
                whole.then_some(()).ok_or_else(|| PastFault::because("the answer was not complete"))
            } else {
                post.planner.lock().await.done(&fetched);
                archive(&floor, &post, &fetched, rows, *span).await
            }
        }
        _ => Ok(()),
    };
    if fetched.outcome.is_err() {
        post.planner.lock().await.done(&fetched);
    }
    let now = floor.clock.now();
    if let (Read::Visits { client: None, .. }, Ok(Rows { batch: Batch::Visits(visits), .. })) =
        (&fetched.read, &fetched.outcome)
    {
        let zone = post.planner.lock().await.settings().zone;
        let mut book = post.past.lock().unwrap_or_else(PoisonError::into_inner);
        book.met(visits.iter().filter_map(|visit| visit.client.as_ref()), zone, memory_from(now, zone));
    }
    let settled = post.past.lock().unwrap_or_else(PoisonError::into_inner).done(outcome, fetched.started_at);
    if !settled.is_empty()
        && let Err(fault) = floor.store.save_past(&post.name, ArchiveDelta::default(), settled, now).await
    {
        tracing::error!(agency = %post.name, error = %fault, "store: that a day was read could not be kept; it will be read again when somebody asks");
    }
    post.poll.notify_one();
}

async fn archive(floor: &Floor, post: &Post, fetched: &Fetched, rows: &Rows, span: Span) -> Result<(), PastFault> {
    let (from, until) = (span.from - TimeDelta::days(1), span.until + TimeDelta::days(1));
    let known = match &fetched.read {
        Read::Shifts { client, .. } | Read::Visits { client: Some(client), .. } => {
            floor.store.past_lines_of(&post.name, Whose::Client(client), from, until).await
        }
        _ => floor.store.past_lines(&post.name, from, until).await,
    };
    let kept = match known {
        Ok(known) => {
            let (delta, told) = past::take_in(known, &fetched.read, rows, fetched.started_at);
            let saved = floor.store.save_past(&post.name, delta, Vec::new(), floor.clock.now()).await;
            saved.map(|()| told)
        }
        Err(fault) => Err(fault),
    };
    match kept {
        Ok(told) => told.map_err(PastFault::because),
        Err(fault) => {
            tracing::error!(agency = %post.name, error = %fault, "store: what was read of the past could not be kept");
            Err(PastFault::because(fault.to_string()))
        }
    }
}

/// One read: ask, apply, store, tell the planner and the tick.
async fn poll_pass(floor: Floor, post: Arc<Post>, source: Arc<Source>, read: Read, slot: OwnedSemaphorePermit) {
    let began = clock::real_now();
    let fetched = fetch(&floor, &post, &source, read).await;
    drop(slot);
    count_read(&floor, &post, &fetched);
    take_in(&floor, &post, &fetched, began).await;
}

async fn take_in(floor: &Floor, post: &Post, fetched: &Fetched, began: Instant) {
    let now = floor.clock.now();
    let ((wanted, saved), plans) = {
        let mut watch = post.watch.lock().await;
        let applied = pipeline::apply(&mut watch, &floor.store, fetched, now).await;
        let plans = watch.plans(&watch.changes.clients, now);
        watch.changes.clients.clear();
        (applied, plans)
    };
    if let Err(fault) = &saved {
        tracing::error!(agency = %post.name, error = %fault, "store: what was read could not be kept; it will be read again after a restart");
        floor.store_refuses(fault);
    } else if fetched.outcome.is_ok() {
        floor.pulses.read(&post.name, clock::real_now());
        floor.store_health.took(clock::real_now());
    }
    keep_tasks(floor, post, &fetched.shift_tasks, fetched.started_at).await;
    {
        let mut planner = post.planner.lock().await;
        planner.done(fetched);
        for (client, plan) in plans {
            match plan {
                Some(plan) => planner.update_client(&client, plan, now),
                None => planner.remove_client(&client),
            }
        }
        for read in wanted {
            planner.want_for(read, fetched.started_at + SECOND_LOOK, now);
        }
    }
    floor.metrics.pass(Loop::Poll, (clock::real_now() - began).to_std().unwrap_or_default());
    post.poll.notify_one();
    floor.nudges.tick.notify_one();
}

/// Asks. A mistake of ours in reading the answer counts as a failed read of this one client: the others are read on,
/// and this one is told of as any that cannot be read.
async fn fetch(floor: &Floor, post: &Post, source: &Source, read: Read) -> Fetched {
    let began_at = floor.clock.now();
    let fetching = AssertUnwindSafe(source.fetch(&read, began_at, &floor.clock)).catch_unwind();
    let Ok(fetched) = fetching.await else {
        let endpoint = match read.section() {
            Some(Section::Clients) => Endpoint::Patients,
            Some(Section::Caregivers) => Endpoint::Practitioners,
            Some(Section::Shifts) => Endpoint::Appointment,
            Some(Section::Visits) => Endpoint::Encounter,
            None => Endpoint::Locations,
        };
        return Fetched {
            agency: post.name.clone(),
            read,
            started_at: began_at,
            finished_at: floor.clock.now(),
            outcome: Err(ReadFault::Transient { endpoint, code: "protocol".to_owned() }),
            shift_tasks: Vec::new(),
            requests: Vec::new(),
        };
    };
    fetched
}

fn count_read(floor: &Floor, post: &Post, fetched: &Fetched) {
    for request in &fetched.requests {
        floor.metrics.request(&post.name, request);
    }
    floor.api_book.record(&post.name, &fetched.requests);
    let mut complaints = post.complaints.lock().unwrap_or_else(PoisonError::into_inner);
    match &fetched.outcome {
        Ok(rows) => {
            for row in &rows.rejected {
                floor.metrics.rejected_rows(&post.name, row.endpoint, 1);
                if let Some(n) = complaints.about(Complaint::Row(row.endpoint), clock::real_now()) {
                    tracing::warn!(agency = %post.name, endpoint = %row.endpoint, row = row.id.as_deref().unwrap_or("without id"), reason = row.reason, n, "source: a row makes no sense and was left out");
                }
            }
        }
        Err(fault) => {
            let section = fetched.read.section().map_or("locations", Section::as_str);
            if let Some(n) = complaints.about(Complaint::Read(section), clock::real_now()) {
                tracing::warn!(agency = %post.name, section, n, error = %fault, "source: reads fail; keeping what was known");
            }
        }
    }
}
