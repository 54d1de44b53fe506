//! The loops' pulse: when each last finished a pass, so that one that hangs is seen from outside it.

use std::{
    collections::BTreeMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use chrono::TimeDelta;

use crate::model::{AgencyName, Instant, local_time};

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
///
/// Two things are told apart. A loop is *alive* when it goes round, whatever it meets; one that is not is stuck. It
/// *succeeds* when a pass ended well: something was read, a step was stored. There is a poll loop for each agency, and
/// each has a pulse of its own, so that none hides behind another's.
#[derive(Debug)]
pub struct Pulses {
    since: Instant,
    tick: Pulse,
    send: Pulse,
    polls: RwLock<BTreeMap<AgencyName, Pulse>>,
}

/// One loop's, real time in microseconds; [`NEVER`] before the first.
#[derive(Debug)]
struct Pulse {
    alive: AtomicI64,
    well: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl Pulse {
    const fn new() -> Self {
        Self { alive: AtomicI64::new(NEVER), well: AtomicI64::new(NEVER) }
    }

    fn went_round(&self, real_now: Instant) {
        self.alive.store(local_time::to_micros(real_now), Ordering::Relaxed);
    }

    fn succeeded(&self, real_now: Instant) {
        self.well.store(local_time::to_micros(real_now), Ordering::Relaxed);
    }

    fn at(stamp: &AtomicI64) -> Option<Instant> {
        let micros = stamp.load(Ordering::Relaxed);
        (micros != NEVER).then(|| local_time::from_micros(micros))
    }
}

impl Pulses {
    /// No loop has passed yet; each counts as alive from `real_now` on.
    #[must_use]
    pub fn new(real_now: Instant) -> Self {
        Self { since: real_now, tick: Pulse::new(), send: Pulse::new(), polls: RwLock::default() }
    }

    /// The agencies that are read from now on, each counted as alive at `real_now`. What is known of one that was read
    /// before stays.
    pub fn watch(&self, agencies: impl IntoIterator<Item = AgencyName>, real_now: Instant) {
        let mut polls = self.polls.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *polls);
        *polls = agencies
            .into_iter()
            .map(|name| {
                let pulse = before.remove(&name).unwrap_or_else(Pulse::new);
                pulse.went_round(real_now);
                (name, pulse)
            })
            .collect();
    }

    /// The tick or the send loop passed, and well.
    pub fn beat(&self, which: Loop, real_now: Instant) {
        if let Some(pulse) = self.alone(which) {
            pulse.went_round(real_now);
            pulse.succeeded(real_now);
        }
    }

    /// The tick or the send loop went round, and not all went well.
    pub fn went_round(&self, which: Loop, real_now: Instant) {
        if let Some(pulse) = self.alone(which) {
            pulse.went_round(real_now);
        }
    }

    /// An agency's poll loop went round.
    pub fn polled(&self, agency: &AgencyName, real_now: Instant) {
        if let Some(pulse) = self.polls.read().unwrap_or_else(PoisonError::into_inner).get(agency) {
            pulse.went_round(real_now);
        }
    }

    /// Something of an agency was read and stored.
    pub fn read(&self, agency: &AgencyName, real_now: Instant) {
        if let Some(pulse) = self.polls.read().unwrap_or_else(PoisonError::into_inner).get(agency) {
            pulse.succeeded(real_now);
        }
    }

    /// The last pass that ended well; of the poll loops that of the agency furthest behind. `None` before the first.
    #[must_use]
    pub fn last(&self, which: Loop) -> Option<Instant> {
        self.earliest(which, |pulse| &pulse.well)
    }

    /// How long ago the loop last went round, whatever it met; of the poll loops that of the agency furthest behind.
    #[must_use]
    pub fn silence(&self, which: Loop, real_now: Instant) -> TimeDelta {
        real_now - self.earliest(which, |pulse| &pulse.alive).unwrap_or(self.since)
    }

    /// Loops that have not gone round for too long, with their silence.
    #[must_use]
    pub fn stuck(&self, real_now: Instant) -> Vec<(Loop, TimeDelta)> {
        Loop::ALL
            .into_iter()
            .map(|which| (which, self.silence(which, real_now)))
            .filter(|(which, silence)| *silence > which.stuck_after())
            .collect()
    }

    fn earliest(&self, which: Loop, stamp: impl Fn(&Pulse) -> &AtomicI64) -> Option<Instant> {
        if let Some(pulse) = self.alone(which) {
            return Pulse::at(stamp(pulse));
        }
        let polls = self.polls.read().unwrap_or_else(PoisonError::into_inner);
        polls.values().filter_map(|pulse| Pulse::at(stamp(pulse))).min()
    }

    const fn alone(&self, which: Loop) -> Option<&Pulse> {
        match which {
            Loop::Poll => None,
            Loop::Tick => Some(&self.tick),
            Loop::Send => Some(&self.send),
        }
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

    #[test]
    fn a_loop_that_goes_round_in_vain_is_alive_and_has_no_success() {
        let start = noon();
        let later = start + TimeDelta::seconds(300);
        let pulses = Pulses::new(start);
        pulses.beat(Loop::Tick, start);
        pulses.went_round(Loop::Tick, later);
        assert_eq!(pulses.last(Loop::Tick), Some(start));
        assert!(pulses.stuck(later).iter().all(|(which, _)| *which != Loop::Tick));
    }

    #[test]
    fn no_agency_hides_behind_another() {
        let start = noon();
        let later = start + TimeDelta::seconds(181);
        let (one, other) = (AgencyName::from("one"), AgencyName::from("other"));
        let pulses = Pulses::new(start);
        pulses.watch([one.clone(), other.clone()], start);
        pulses.read(&one, start);
        pulses.read(&other, start + TimeDelta::seconds(9));
        pulses.polled(&one, later);
        assert_eq!(pulses.last(Loop::Poll), Some(start), "the one furthest behind");
        assert!(pulses.stuck(later).iter().any(|(which, _)| *which == Loop::Poll), "the other one hangs");
        pulses.watch([one.clone()], later);
        assert!(pulses.stuck(later).iter().all(|(which, _)| *which != Loop::Poll), "it is read no more");
        assert_eq!(pulses.last(Loop::Poll), Some(start), "a reload forgets nothing");
        pulses.watch([one, other], later);
        assert!(pulses.stuck(later).iter().all(|(which, _)| *which != Loop::Poll), "a new one has its time");
    }
}
