//! What the tick shows: the picture for readers, the send loop's counts in the metrics, and a store that stays small.

use std::sync::{Arc, Mutex as PlainMutex, PoisonError};

use chrono::TimeDelta;
use tokio::sync::watch as channel;

use super::frame;
use crate::{
    clock,
    config::Config,
    lifecycle::Floor,
    metrics::MessageOutcome,
    model::Instant,
    notify::{channel::Channels, inbound::Ears, telling::Telling as SendCounts},
    picture,
    store::Old,
    view::{ConfigView, ViewWriter},
};

/// The picture is taken anew so often when nothing changed, real time.
const PICTURE_EVERY: TimeDelta = TimeDelta::seconds(2);
/// Orders and receipts that a step has consumed, messages, and history older than this leave the store.
const INPUTS_KEPT: TimeDelta = TimeDelta::hours(1);
const MESSAGES_KEPT: TimeDelta = TimeDelta::days(90);
const HISTORY_KEPT: TimeDelta = TimeDelta::days(400);
/// How often old rows are looked for. Somebody who posts a hundred alerts each minute leaves as many orders.
const PRUNE_EVERY: TimeDelta = TimeDelta::minutes(15);
/// The same for history, which has no index by age and grows slowly.
const HISTORY_EVERY: TimeDelta = TimeDelta::hours(6);

/// Publishes the picture, moves the counts of the send loop into the metrics, and keeps the store small.
pub(super) struct Publisher {
    pub(super) config: Arc<Config>,
    pub(super) view_of_config: ConfigView,
    pub(super) refused_at: Arc<PlainMutex<Option<Instant>>>,
    pub(super) writer: Arc<ViewWriter>,
    pub(super) counts: Arc<SendCounts>,
    pub(super) counted: Vec<(crate::notify::message::Channel, &'static str, u64)>,
    pub(super) doubled: Vec<(crate::notify::message::Channel, u64)>,
    pub(super) ears: Arc<Ears>,
    pub(super) channels: channel::Receiver<Arc<Channels>>,
    pub(super) started_at: Instant,
    pub(super) taken_at: Option<Instant>,
    pub(super) pruned_at: Option<Instant>,
    pub(super) history_at: Option<Instant>,
    /// What is still being forgotten, a slice with each picture.
    pub(super) forgetting: Option<Old>,
}

impl Publisher {
    pub(super) async fn publish(&mut self, floor: &Floor, changed: bool) {
        let real_now = clock::real_now();
        if !changed && self.taken_at.is_some_and(|taken| (real_now - taken).abs() < PICTURE_EVERY) {
            return;
        }
        self.taken_at = Some(real_now);
        self.count(floor);
        let now = floor.clock.now();
        let mut view_of_config = self.view_of_config.clone();
        view_of_config.refused_at = *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
        let outbox = floor.store.outbox_stats().await.ok();
        let frame = frame(
            &self.config,
            &view_of_config,
            self.started_at,
            outbox,
            floor.on_call.borrow().clone(),
            floor.readiness(real_now),
            now,
        );
        let frame = picture::Frame { silences: floor.silences.get(), ..frame };
        let view = picture::take(&floor.posts, frame).await;
        self.writer.send_replace(Arc::new(view));
        self.forget(floor, now).await;
        if let Err(fault) = floor.api_book.keep_when_due(&floor.store, now, real_now).await {
            tracing::warn!(error = %fault, "store: what was seen of the API could not be kept; trying again in a minute");
        }
    }

    /// Forgets one slice of what is old, so that no writer waits for long; the rest with the next picture.
    async fn forget(&mut self, floor: &Floor, now: Instant) {
        if self.pruned_at.is_none_or(|pruned| now - pruned > PRUNE_EVERY) {
            self.pruned_at = Some(now);
            let with_history = self.history_at.is_none_or(|at| now - at > HISTORY_EVERY);
            if with_history {
                self.history_at = Some(now);
            }
            self.forgetting = Some(Old {
                inputs: Some(now - INPUTS_KEPT),
                messages: Some(now - MESSAGES_KEPT),
                history: with_history.then_some(now - HISTORY_KEPT),
            });
        }
        let Some(old) = self.forgetting else { return };
        match floor.store.prune(old).await {
            Ok(0) => self.forgetting = None,
            Ok(_) => {}
            Err(fault) => {
                self.forgetting = None;
                tracing::warn!(error = %fault, "store: old rows could not be removed; trying again in a while");
            }
        }
    }

    fn count(&mut self, floor: &Floor) {
        let counted = self.counts.messages();
        for (channel, outcome, n) in &counted {
            let before = self.counted.iter().find(|(c, o, _)| c == channel && o == outcome).map_or(0, |(.., n)| *n);
            for _ in before..*n {
                if let Some(outcome) = MessageOutcome::named(outcome) {
                    floor.metrics.message(*channel, outcome);
                }
            }
        }
        self.counted = counted;
        let doubled = self.counts.doubled();
        for (channel, n) in &doubled {
            let before = self.doubled.iter().find(|(c, _)| c == channel).map_or(0, |(_, n)| *n);
            for _ in before..*n {
                floor.metrics.duplicate(*channel);
            }
        }
        self.doubled = doubled;
        let channels = Arc::clone(&self.channels.borrow());
        for gateway in channels.listened_to() {
            for outcome in Ears::OUTCOMES.into_iter().filter(|outcome| *outcome != "forged") {
                floor.metrics.inbound_texts(&gateway, outcome, 0);
            }
        }
        for (gateway, outcome, n) in self.ears.take_counts() {
            floor.metrics.inbound_texts(&gateway, outcome, n);
        }
        for (gateway, left) in channels.penalties() {
            floor.metrics.gateway_penalty(gateway, left);
        }
        for (channel, took) in self.counts.take_latencies() {
            floor.metrics.delivered_after(channel, took);
        }
    }
}
