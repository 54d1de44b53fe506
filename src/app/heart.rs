//! The heartbeat: a sign outside this machine that the whole way through still works.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{
    clock,
    lifecycle::{self, Floor},
    mirror::Mirror,
    model::{Instant, Section},
    notify::heartbeat::Heartbeat,
    pulse::{Loop, Pulses},
};

/// A message that waits longer than this shows that the outbox does not drain.
const WAITING_MAX: TimeDelta = TimeDelta::minutes(1);

/// However quiet it is, the client list's news are asked for every quarter of an hour (contract §9.2).
const READ_EVERY_MAX: TimeDelta = TimeDelta::minutes(20);

/// When the last beat was, by both clocks; before the first, when there was nobody to beat yet.
#[derive(Debug, Clone, Copy)]
struct Beaten {
    at: Instant,
    real_at: Instant,
}

/// A beat after each complete cycle: every agency is read as it should be, the tick passed, the outbox is drained.
pub(super) async fn heartbeat_loop(floor: Floor, mut heartbeat: Heartbeat) {
    let mut stop = floor.stop.clone();
    let mut beaten = Beaten { at: floor.clock.now(), real_at: clock::real_now() };
    loop {
        tokio::select! {
            () = lifecycle::wait(Duration::from_secs(1)) => {}
            () = lifecycle::told_to(&mut stop) => return,
        }
        let (now, real_now) = (floor.clock.now(), clock::real_now());
        if !heartbeat.is_due(now) || floor.readiness(real_now).is_err() || !passed(&floor.pulses, beaten, real_now) {
            continue;
        }
        let mut all_read = true;
        for post in floor.posts.iter().filter(|post| post.source.is_some()) {
            all_read &= is_read(&post.watch.lock().await.mirror, beaten.at, now);
        }
        let drained = floor
            .store
            .outbox_stats()
            .await
            .is_ok_and(|stats| stats.oldest_at.is_none_or(|oldest| now - oldest < WAITING_MAX));
        if all_read && drained {
            beaten = Beaten { at: now, real_at: real_now };
            tokio::select! {
                _ = heartbeat.beat(now) => {}
                () = lifecycle::told_to(&mut stop) => return,
            }
        }
    }
}

/// Whether the agency's part of the cycle is done: something was read since the last beat; or nothing had to be, for at
/// night most clients are asked about once an hour, and no read failed since the last good one.
fn is_read(mirror: &Mirror, beaten_at: Instant, now: Instant) -> bool {
    let fails = Section::ALL.iter().any(|section| mirror.section(*section).fault.is_some());
    mirror.last_ok_at().is_some_and(|read_at| read_at > beaten_at || (!fails && now - read_at < READ_EVERY_MAX))
}

/// Whether the tick and the send loop both passed well since the last beat, and no loop hangs.
fn passed(pulses: &Pulses, beaten: Beaten, real_now: Instant) -> bool {
    let since = |which| pulses.last(which).is_some_and(|at| at > beaten.real_at);
    since(Loop::Tick) && since(Loop::Send) && pulses.stuck(real_now).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::noon;

    #[test]
    fn a_beat_needs_every_loop_since_the_last_one() {
        let t = |seconds: i64| noon() + TimeDelta::seconds(seconds);
        let cases = [
            (Some(61), Some(61), 61, true, "both passed"),
            (None, Some(61), 61, false, "the tick never passed"),
            (Some(60), Some(61), 61, false, "the tick has not passed since the last beat"),
            (Some(61), Some(60), 61, false, "the send loop has not"),
            (Some(61), None, 61, false, "the send loop never passed"),
            (Some(61), Some(61), 122, false, "both passed once and hang now"),
            (Some(61), Some(61), 121, true, "at their limit"),
        ];
        for (tick, send, now, beats, why) in cases {
            let pulses = Pulses::new(t(0));
            pulses.watch(["main".into()], t(now));
            for (which, at) in [(Loop::Tick, tick), (Loop::Send, send)] {
                if let Some(at) = at {
                    pulses.beat(which, t(at));
                }
            }
            let beaten = Beaten { at: t(60), real_at: t(60) };
            assert_eq!(passed(&pulses, beaten, t(now)), beats, "{why}");
        }
    }

    #[test]
    fn one_agency_that_is_read_no_more_stops_the_heart() {
        let t = |seconds: i64| noon() + TimeDelta::seconds(seconds);
        let pulses = Pulses::new(t(0));
        pulses.watch(["main".into(), "north".into()], t(0));
        for which in [Loop::Tick, Loop::Send] {
            pulses.beat(which, t(200));
        }
        pulses.polled(&"main".into(), t(200));
        assert!(!passed(&pulses, Beaten { at: t(100), real_at: t(100) }, t(200)));
    }
}
