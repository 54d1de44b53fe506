//! What the tick shows: the picture for readers, the send loop's counts in the metrics, and a store that stays small.

use std::sync::{Arc, Mutex as PlainMutex, PoisonError};

use chrono::TimeDelta;

use super::frame;
use crate::{
    clock,
    config::Config,
    lifecycle::Floor,
    metrics::MessageOutcome,
    model::Instant,
    notify::telling::Telling as SendCounts,
    picture,
    view::{ConfigView, ViewWriter},
};

/// The picture is taken anew so often when nothing changed, real time.
const PICTURE_EVERY: TimeDelta = TimeDelta::seconds(2);
/// Messages and history older than this leave the store.
const MESSAGES_KEPT: TimeDelta = TimeDelta::days(90);
const HISTORY_KEPT: TimeDelta = TimeDelta::days(400);

/// Publishes the picture, moves the counts of the send loop into the metrics, and keeps the store small.
pub(super) struct Publisher {
    pub(super) config: Arc<Config>,
    pub(super) view_of_config: ConfigView,
    pub(super) refused_at: Arc<PlainMutex<Option<Instant>>>,
    pub(super) writer: Arc<ViewWriter>,
    pub(super) counts: Arc<SendCounts>,
    pub(super) counted: Vec<(crate::notify::message::Channel, &'static str, u64)>,
    pub(super) doubled: Vec<(crate::notify::message::Channel, u64)>,
    pub(super) started_at: Instant,
    pub(super) taken_at: Option<Instant>,
    pub(super) pruned_at: Option<Instant>,
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
        let frame = frame(&self.config, &view_of_config, self.started_at, outbox, floor.readiness(real_now), now);
        let view = picture::take(&floor.posts, frame).await;
        self.writer.send_replace(Arc::new(view));
        if self.pruned_at.is_none_or(|pruned| now - pruned > TimeDelta::hours(6)) {
            self.pruned_at = Some(now);
            if let Err(fault) = floor.store.prune(now - MESSAGES_KEPT, now - HISTORY_KEPT).await {
                tracing::warn!(error = %fault, "store: old rows could not be removed; trying again in six hours");
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
        for (channel, took) in self.counts.take_latencies() {
            floor.metrics.delivered_after(channel, took);
        }
    }
}
