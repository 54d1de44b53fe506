//! The loops' pulse: when each last finished a pass, so that one that hangs is seen from outside it.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;

use crate::model::{Instant, local_time};

/// The loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    /// Reads the vendor.
    Poll,
    /// Judges and decides.
    Tick,
    /// Sends.
    Send,
}

impl Loop {
    /// Every loop.
    pub const ALL: [Self; 3] = [Self::Poll, Self::Tick, Self::Send];

    /// The `loop` label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Tick => "tick",
            Self::Send => "send",
        }
    }

    /// How long the loop may go without a finished pass before it counts as stuck, real time.
    ///
    /// Every loop passes at least once a second when idle; a pass of the poll loop may wait for one slow answer (60 s
    /// time-out, contract §1.7), the others wait for the store, which gives up long before.
    const fn stuck_after(self) -> TimeDelta {
        match self {
            Self::Poll => TimeDelta::seconds(180),
            Self::Tick | Self::Send => TimeDelta::seconds(60),
        }
    }
}

/// When each loop last finished a pass, in real time: a loop that hangs cannot publish that it hangs.
#[derive(Debug)]
pub struct Pulses {
    since: Instant,
    beats: [AtomicI64; Loop::ALL.len()],
}

impl Pulses {
    /// No loop has passed yet; counted as alive from `real_now` on.
    #[must_use]
    pub fn new(real_now: Instant) -> Self {
        Self { since: real_now, beats: std::array::from_fn(|_| AtomicI64::new(i64::MIN)) }
    }

    /// A pass ended well.
    pub fn beat(&self, which: Loop, real_now: Instant) {
        self.beats[which as usize].store(local_time::to_micros(real_now), Ordering::Relaxed);
    }

    /// The last good pass; `None` before the first.
    #[must_use]
    pub fn last(&self, which: Loop) -> Option<Instant> {
        let micros = self.beats[which as usize].load(Ordering::Relaxed);
        (micros != i64::MIN).then(|| local_time::from_micros(micros))
    }

    /// Loops that have not passed for too long, with their silence.
    #[must_use]
    pub fn stuck(&self, real_now: Instant) -> Vec<(Loop, TimeDelta)> {
        Loop::ALL
            .into_iter()
            .map(|which| (which, real_now - self.last(which).unwrap_or(self.since)))
            .filter(|(which, silence)| *silence > which.stuck_after())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::noon;

    #[test]
    fn a_loop_counts_as_stuck_only_past_its_limit() {
        let start = noon();
        let pulses = Pulses::new(start);
        assert!(pulses.stuck(start + TimeDelta::seconds(60)).is_empty(), "a start has its time");
        let late = pulses.stuck(start + TimeDelta::seconds(61));
        assert_eq!(late.iter().map(|(which, _)| *which).collect::<Vec<_>>(), [Loop::Tick, Loop::Send]);
        pulses.beat(Loop::Tick, start + TimeDelta::seconds(61));
        pulses.beat(Loop::Send, start + TimeDelta::seconds(61));
        assert!(pulses.stuck(start + TimeDelta::seconds(121)).is_empty());
        assert_eq!(pulses.last(Loop::Poll), None);
        assert_eq!(pulses.last(Loop::Tick), Some(start + TimeDelta::seconds(61)));
    }
}
