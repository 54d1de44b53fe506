//! The loop that reads what the watch does without: task logs and care activities, one at a time.
//!
//! It asks for at most one request in ten of the agency's rate, and for none while the watch's own reads are behind their
//! plan. What fails is tried again later, and nothing of the watch waits for it.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;

use super::{Floor, Post, complaints::Complaint, told_to, wait};
use crate::{
    clock,
    details::{
        DetailSection,
        plan::{self, DetailRead, OverVisit},
        rows::{DetailRow, ShiftTasksBody},
    },
    mirror::MirrorRow,
    model::{Instant, ShiftKey},
    source::client::Source,
    watch::Watch,
};

/// One request in so many may be one of these.
const SHARE: f64 = 10.0;
/// What is due is looked for so often; between two looks at most [`AT_ONCE`] reads are made.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 50;

/// Reads one agency's details until stopped.
pub async fn details_loop(floor: Floor, post: Arc<Post>) {
    let Some(source) = post.source.clone() else { return };
    let mut stop = floor.stop.clone();
    let (sections, rate) = {
        let watch = post.watch.lock().await;
        (watch.settings.wellsky.sections.clone(), watch.settings.wellsky.requests_per_second)
    };
    if !sections.asks() {
        return told_to(&mut stop).await;
    }
    let pause = Duration::from_secs_f64(SHARE / rate.max(0.001));
    while !floor.is_stopping() {
        let now = floor.clock.now();
        let visits = over_visits(&*post.watch.lock().await);
        let due = {
            let mut book = post.details.lock().unwrap_or_else(PoisonError::into_inner);
            book.forget(now - TimeDelta::days(10));
            plan::due(&sections, &visits, &book, now)
        };
        for read in due.into_iter().take(AT_ONCE) {
            let behind = {
                let planner = post.planner.lock().await;
                planner.behind(floor.clock.now()) > planner.settings().detect_within
            };
            if !behind {
                read_one(&floor, &post, &source, &read).await;
            }
            tokio::select! {
                () = wait(pause) => {}
                () = told_to(&mut stop) => return,
            }
            if behind {
                break;
            }
        }
        tokio::select! {
            () = wait(LOOK_EVERY.min(pause * 2)) => {}
            () = told_to(&mut stop) => return,
        }
    }
}

/// The visits in memory that are over, and since when.
fn over_visits(watch: &Watch) -> Vec<OverVisit> {
    let visits = watch.mirror.visits().iter().filter_map(|entry| {
        let check_out = entry.visit.check_out?;
        // While nobody knows what a time without an offset means, the first sight of the visit has to do.
        let ended = watch.mirror.visit_instant(entry, check_out);
        Some(OverVisit { id: entry.visit.id.clone(), over_at: ended.unwrap_or(entry.first_seen_at) })
    });
    visits.collect()
}

async fn read_one(floor: &Floor, post: &Post, source: &Source, read: &DetailRead) {
    let fetched = source.fetch_detail(read, floor.clock.now(), &floor.clock).await;
    for request in &fetched.requests {
        floor.metrics.request(&post.name, request);
    }
    floor.api_book.record(&post.name, &fetched.requests);
    let section = read.section().as_str();
    match fetched.outcome {
        Ok(row) => match floor.store.put_details(&post.name, vec![row.clone()]).await {
            Ok(()) => post.details.lock().unwrap_or_else(PoisonError::into_inner).note(&row),
            Err(fault) => {
                tracing::error!(agency = %post.name, section, error = %fault, "store: details could not be kept; they will be read again");
                floor.store_refuses(&fault);
                failed(post, read, floor.clock.now(), fault.to_string());
            }
        },
        Err(fault) => {
            let mut complaints = post.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(n) = complaints.about(Complaint::Read(section), clock::real_now()) {
                tracing::warn!(agency = %post.name, section, n, error = %fault, "source: details could not be read; they are asked for again in 15 minutes");
            }
            drop(complaints);
            failed(post, read, floor.clock.now(), fault.to_string());
        }
    }
}

fn failed(post: &Post, read: &DetailRead, at: Instant, fault: String) {
    post.details.lock().unwrap_or_else(PoisonError::into_inner).failed(read, at, fault);
}

/// Stores the tasks of shifts that came with a read, those that changed.
pub(super) async fn keep_tasks(floor: &Floor, post: &Post, tasks: &[(ShiftKey, ShiftTasksBody)], read_at: Instant) {
    if tasks.is_empty() {
        return;
    }
    let rows: Vec<DetailRow> = {
        let mut book = post.details.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = tasks.iter().map(|(shift, body)| (MirrorRow::key_of(shift), mark(body), body));
        rows.filter(|(key, mark, _)| book.sees(key, *mark, read_at))
            .map(|(key, _, body)| DetailRow::of(DetailSection::ShiftTasks, key, read_at, body))
            .collect()
    };
    if rows.is_empty() {
        return;
    }
    let keys: Vec<String> = rows.iter().map(|row| row.key.clone()).collect();
    if let Err(fault) = floor.store.put_details(&post.name, rows).await {
        tracing::error!(agency = %post.name, error = %fault, "store: tasks of shifts could not be kept; they are kept with the next read");
        floor.store_refuses(&fault);
        let mut book = post.details.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            book.unsee(&key);
        }
    }
}

fn mark(body: &ShiftTasksBody) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(body).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}
