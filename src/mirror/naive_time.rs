//! What a visit time without an offset means: UTC or the client's wall clock. Nobody says, so it is measured.
//!
//! Over at least 20 visits with a known shift, the median distance from the planned start is taken under both
//! readings; the one near zero is right (contract §8 no. 7). Until then times are not settled: that a check-in
//! exists is enough, and nothing says when it was.

use std::collections::VecDeque;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::settings::NaiveReading;
use crate::model::{Instant, VisitTime, local_time::instant_of};

/// How many visits are needed before a reading is settled. Contract §8 no. 7.
const SAMPLES_MIN: usize = 20;
/// How many of the latest visits are looked at, so that a vendor who changes is noticed within a day's visits.
const SAMPLES_MAX: usize = 40;
/// How near to the planned start the median must lie. People come early and late, rarely by more than this.
const NEAR: TimeDelta = TimeDelta::minutes(45);

/// A settled reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Naive means UTC.
    Utc,
    /// Naive means the client's wall clock.
    Local,
}

/// The measurement.
#[derive(Debug, Clone)]
pub struct NaiveClock {
    settled: Option<Reading>,
    auto: bool,
    samples: VecDeque<(TimeDelta, TimeDelta)>,
}

impl NaiveClock {
    /// As configured; `measured` is what an earlier run had settled on, used only where the setting is `auto`.
    #[must_use]
    pub fn new(setting: NaiveReading, measured: Option<Reading>) -> Self {
        let settled = match setting {
            NaiveReading::Auto => measured,
            NaiveReading::Utc => Some(Reading::Utc),
            NaiveReading::Local => Some(Reading::Local),
        };
        Self { settled, auto: setting == NaiveReading::Auto, samples: VecDeque::new() }
    }

    /// The settled reading; `None` until it was measured.
    #[must_use]
    pub const fn settled(&self) -> Option<Reading> {
        self.settled
    }

    /// The instant of a visit time; `None` while its meaning is not settled.
    #[must_use]
    pub fn at(&self, time: VisitTime, zone: Tz) -> Option<Instant> {
        match (time, self.settled) {
            (VisitTime::Instant(at), _) => Some(at),
            (VisitTime::Naive(naive), Some(Reading::Utc)) => Some(naive.and_utc()),
            (VisitTime::Naive(naive), Some(Reading::Local)) => Some(instant_of(zone, naive)),
            (VisitTime::Naive(_), None) => None,
        }
    }

    /// Every instant the time can mean, for matching: one when it is settled, else both.
    #[must_use]
    pub fn guesses(&self, time: VisitTime, zone: Tz) -> [Instant; 2] {
        match (self.at(time, zone), time) {
            (Some(at), _) | (None, VisitTime::Instant(at)) => [at, at],
            (None, VisitTime::Naive(naive)) => [naive.and_utc(), instant_of(zone, naive)],
        }
    }

    /// Adds one visit with the planned start of its shift. True when the settled reading changed.
    pub fn sample(&mut self, time: VisitTime, planned: Instant, zone: Tz) -> bool {
        let VisitTime::Naive(naive) = time else { return false };
        if !self.auto {
            return false;
        }
        self.samples.push_back((naive.and_utc() - planned, instant_of(zone, naive) - planned));
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
        let before = self.settled;
        if self.samples.len() >= SAMPLES_MIN {
            let utc = median(self.samples.iter().map(|(utc, _)| *utc)).abs();
            let local = median(self.samples.iter().map(|(_, local)| *local)).abs();
            let reading = if utc <= local { Reading::Utc } else { Reading::Local };
            // Where both are near (a zone without an offset) either reading is right.
            if utc.min(local) <= NEAR {
                self.settled = Some(reading);
            }
        }
        self.settled != before
    }
}

fn median(values: impl Iterator<Item = TimeDelta>) -> TimeDelta {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn visits(clock: &mut NaiveClock, n: i64, local: bool, late: i64) -> bool {
        let zone = chrono_tz::America::Denver;
        let mut changed = false;
        for i in 0..n {
            let planned = from_micros((1_790_000_000 + i * 86_400) * 1_000_000);
            let at = planned + TimeDelta::minutes(late);
            let naive = if local { at.with_timezone(&zone).naive_local() } else { at.naive_utc() };
            changed |= clock.sample(VisitTime::Naive(naive), planned, zone);
        }
        changed
    }

    #[test]
    fn nineteen_visits_settle_nothing_and_twenty_do() {
        let mut clock = NaiveClock::new(NaiveReading::Auto, None);
        assert!(!visits(&mut clock, 19, false, 4));
        assert_eq!(clock.settled(), None);
        assert!(visits(&mut clock, 1, false, 4));
        assert_eq!(clock.settled(), Some(Reading::Utc));
    }

    #[test]
    fn wall_clock_times_are_told_from_utc() {
        let mut clock = NaiveClock::new(NaiveReading::Auto, None);
        visits(&mut clock, 20, true, -3);
        assert_eq!(clock.settled(), Some(Reading::Local));
        visits(&mut clock, 40, false, 0);
        assert_eq!(clock.settled(), Some(Reading::Utc), "a vendor who changes is followed");
    }

    #[test]
    fn times_that_fit_neither_reading_settle_nothing() {
        let mut clock = NaiveClock::new(NaiveReading::Auto, None);
        visits(&mut clock, 30, false, 180);
        assert_eq!(clock.settled(), None);
    }

    #[test]
    fn a_configured_reading_is_never_measured() {
        let mut clock = NaiveClock::new(NaiveReading::Utc, Some(Reading::Local));
        visits(&mut clock, 30, true, 0);
        assert_eq!(clock.settled(), Some(Reading::Utc));
    }
}
