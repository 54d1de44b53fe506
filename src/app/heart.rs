//! The heartbeat: a sign outside this machine that the whole way through still works.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    lifecycle::{self, Floor},
    model::Instant,
    notify::heartbeat::Heartbeat,
    pulse::Loop,
};

/// A beat after each complete cycle: something was read, the tick passed, the outbox is drained.
pub(super) async fn heartbeat_loop(floor: Floor, mut heartbeat: Heartbeat) {
    let mut stop = floor.stop.clone();
    let mut beaten_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = lifecycle::wait(Duration::from_secs(1)) => {}
            () = lifecycle::told_to(&mut stop) => return,
        }
        let now = floor.clock.now();
        if !heartbeat.is_due(now) || floor.readiness().is_err() || floor.pulses.last(Loop::Tick).is_none() {
            continue;
        }
        let mut all_read = true;
        for post in floor.posts.iter().filter(|post| post.source.is_some()) {
            let read_at = post.watch.lock().await.mirror.last_ok_at();
            all_read &= read_at.is_some_and(|read_at| beaten_at.is_none_or(|beaten| read_at > beaten));
        }
        let drained = floor
            .store
            .outbox_stats()
            .await
            .is_ok_and(|stats| stats.oldest_at.is_none_or(|oldest| now - oldest < TimeDelta::minutes(1)));
        if all_read && drained {
            beaten_at = Some(now);
            heartbeat.beat(now).await;
        }
    }
}
