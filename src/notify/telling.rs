//! What the send loop counts, for the metrics.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::message::Channel;

/// Latencies kept until somebody reads them; older ones are dropped first.
const SAMPLES: usize = 20_000;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Telling {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    messages: BTreeMap<(Channel, &'static str), u64>,
    doubled: BTreeMap<Channel, u64>,
    latencies: Vec<(Channel, Duration)>,
}

impl Telling {
    /// The values of the `outcome` label.
    pub const OUTCOMES: [&'static str; 7] =
        ["sent", "delivered", "undelivered", "retried", "uncertain", "refused", "expired"];

    /// Counts an outcome.
    pub fn count(&self, channel: Channel, outcome: &'static str, n: u64) {
        *self.lock().messages.entry((channel, outcome)).or_insert(0) += n;
    }

    /// Counts a message that went out although an earlier attempt may have left.
    pub fn count_doubled(&self, channel: Channel) {
        *self.lock().doubled.entry(channel).or_insert(0) += 1;
    }

    /// Notes how long it took from the first true moment to the gateway.
    pub fn took(&self, channel: Channel, latency: Duration) {
        let mut counts = self.lock();
        if counts.latencies.len() >= SAMPLES {
            counts.latencies.drain(..SAMPLES / 2);
        }
        counts.latencies.push((channel, latency));
    }

    /// `shiftwatch_messages_total{channel,outcome}`.
    #[must_use]
    pub fn messages(&self) -> Vec<(Channel, &'static str, u64)> {
        self.lock().messages.iter().map(|((channel, outcome), n)| (*channel, *outcome, *n)).collect()
    }

    /// `shiftwatch_duplicate_messages_total{channel}`: possible duplicates.
    #[must_use]
    pub fn doubled(&self) -> Vec<(Channel, u64)> {
        self.lock().doubled.iter().map(|(channel, n)| (*channel, *n)).collect()
    }

    /// The latencies since the last call, on the agent's clock, for `shiftwatch_deliver_seconds{channel}`.
    #[must_use]
    pub fn take_latencies(&self) -> Vec<(Channel, Duration)> {
        std::mem::take(&mut self.lock().latencies)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
