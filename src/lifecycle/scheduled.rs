//! What is sent by the clock: briefings and reports, each once for each time it is due.
//!
//! Given: the plans with their timetables, what is decided as stored, somebody who writes them. Gives: the decision with its
//! messages, stored in one transaction; a restart neither doubles nor loses one. Does not: write a briefing or a file.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;
use futures::future::BoxFuture;

use super::{Floor, told_to, wait};
use crate::{
    clock,
    model::Instant,
    notify::message::Message,
    report::schedule::{Due, LATE_MAX, Timetable},
    store::{Scheduled, StoreError, WayWent},
};

/// How often is looked, real time.
const LOOKED: Duration = Duration::from_secs(1);
/// After a failure it is tried again after so long, and then after twice as long each time.
const AGAIN_FIRST: TimeDelta = TimeDelta::seconds(30);
const AGAIN_MAX: TimeDelta = TimeDelta::minutes(10);
/// How soon is looked again whether enough is known.
const WAITS: TimeDelta = TimeDelta::seconds(5);

/// One thing that is sent by the clock.
#[derive(Debug, Clone)]
pub struct Planned {
    /// `briefing/morning`, `report/weekly`.
    pub name: String,
    /// When.
    pub table: Timetable,
}

/// What came of writing one.
#[derive(Debug, Default)]
pub struct Written {
    /// What is to be sent.
    pub messages: Vec<Message>,
    /// How the way went that is no outbox's.
    pub way: Option<WayWent>,
}

/// It could not be written; it is tried again.
#[derive(Debug)]
pub struct NotWritten {
    /// Why, for a person; no PHI.
    pub why: String,
    /// The way that failed, when it was one.
    pub way: Option<WayWent>,
    /// Nothing is wrong: after a start nothing is known yet.
    pub waits: bool,
}

impl NotWritten {
    /// It failed, and not because of a way.
    #[must_use]
    pub const fn failed(why: String) -> Self {
        Self { why, way: None, waits: false }
    }
}

/// Writes what is due.
pub trait Writes: Send + Sync + 'static {
    /// Everything that is planned.
    fn plans(&self) -> Vec<Planned>;

    /// Writes one.
    fn write<'a>(&'a self, name: &'a str, due: Due, now: Instant) -> BoxFuture<'a, Result<Written, NotWritten>>;
}

/// What failed, and when it is tried again.
#[derive(Debug, Clone, Copy)]
struct Again {
    fire_at: Instant,
    at: Instant,
    pause: TimeDelta,
}

/// What is decided, as far as this process knows.
#[derive(Debug, Default)]
struct Clockwork {
    decided: Option<BTreeMap<String, Scheduled>>,
    again: BTreeMap<String, Again>,
}

/// Looks once a second what is due, until stopped.
pub async fn scheduled_loop(floor: Floor, writer: std::sync::Arc<dyn Writes>) {
    let mut stop = floor.stop.clone();
    let mut work = Clockwork::default();
    loop {
        if let Err(fault) = work.look(&floor, writer.as_ref(), floor.clock.now()).await {
            floor.store_refuses(&fault);
            tracing::error!(error = %fault, "store: what is sent by the clock could not be decided; trying again in a second");
        }
        tokio::select! {
            () = wait(LOOKED) => {}
            () = told_to(&mut stop) => return,
        }
    }
}

impl Clockwork {
    async fn look(&mut self, floor: &Floor, writer: &dyn Writes, now: Instant) -> Result<(), StoreError> {
        let plans = writer.plans();
        if plans.is_empty() {
            return Ok(());
        }
        let decided = match &mut self.decided {
            Some(decided) => decided,
            None => self.decided.insert(floor.store.scheduled().await?),
        };
        for plan in plans {
            let timetable = plan.table.written();
            let known = decided.get(&plan.name).filter(|one| one.timetable == timetable);
            let Some(known) = known else {
                // What lies before its first sight was never promised.
                let noted = row(&plan, now, now, "noted");
                floor.store.put_scheduled(noted.clone(), Vec::new(), None).await?;
                decided.insert(plan.name.clone(), noted);
                continue;
            };
            let Some(due) = plan.table.due(known.until, now) else { continue };
            if self.again.get(&plan.name).is_some_and(|again| again.fire_at == due.fire_at && now < again.at) {
                continue;
            }
            match writer.write(&plan.name, due, now).await {
                Ok(written) => {
                    let outcome = if due.is_late { "late" } else { "sent" };
                    let done = row(&plan, due.fire_at, now, outcome);
                    let n_messages = written.messages.len();
                    if floor.store.put_scheduled(done.clone(), written.messages, written.way).await? {
                        floor.store_health.took(clock::real_now());
                        floor.metrics.scheduled(kind_of(&plan.name), outcome);
                        floor.nudges.send.notify_one();
                        tracing::info!(
                            name = plan.name, due_at = %due.fire_at, late = due.is_late.then_some(true), n_messages,
                            "scheduled: a briefing or report was made"
                        );
                    }
                    self.again.remove(&plan.name);
                    decided.insert(plan.name.clone(), done);
                }
                Err(fault) if fault.waits => {
                    tracing::debug!(name = plan.name, why = fault.why, "scheduled: a briefing waits");
                    let again = Again { fire_at: due.fire_at, at: now + WAITS, pause: AGAIN_FIRST / 2 };
                    self.again.insert(plan.name.clone(), again);
                }
                Err(fault) => {
                    floor.metrics.scheduled(kind_of(&plan.name), "failed");
                    if let Some(way) = fault.way {
                        floor.store.mark_way(way, now).await?;
                    }
                    let before = self.again.get(&plan.name).filter(|again| again.fire_at == due.fire_at);
                    let pause = before.map_or(AGAIN_FIRST, |again| (again.pause * 2).min(AGAIN_MAX));
                    self.again.insert(plan.name.clone(), Again { fire_at: due.fire_at, at: now + pause, pause });
                    tracing::error!(
                        name = plan.name, due_at = %due.fire_at, again_s = pause.num_seconds(), error = fault.why,
                        "scheduled: a briefing or report could not be made; it is tried again until {} hours after it was due",
                        LATE_MAX.num_hours()
                    );
                }
            }
        }
        Ok(())
    }
}

fn row(plan: &Planned, until: Instant, at: Instant, outcome: &str) -> Scheduled {
    Scheduled { name: plan.name.clone(), timetable: plan.table.written(), until, at, outcome: outcome.to_owned() }
}

fn kind_of(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}
