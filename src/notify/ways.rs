//! How much each way out can take now: a pure account of what is on it and how it has been answering.
//!
//! Given: starts and ends of sends, with what they said about the way. Gives: room, pauses, back-off.
//! Does not: know messages, or decide what a failure was.
//!
//! A way that fails is paused, then probed by one message; each success doubles what it takes, up to its share. So a
//! dead or hanging server is neither hammered nor allowed to hold up the others, and is found again within the
//! longest pause.

use std::{collections::HashMap, time::Duration};

use rand::{RngExt as _, rngs::StdRng};

use super::channel::{Moment, Scope};
use crate::model::Instant;

/// Sends that may be unrecorded at once, in all: after a kill no more than these can go out twice (design, outbox).
pub const IN_FLIGHT: usize = 32;
/// The share of one healthy way: the rest stays free for the others.
pub const SHARE: usize = 28;
/// The first pause of a way, and a message's first wait.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest pause of a way that is down: with the time-outs it is found within ten seconds of coming back.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The longest pause of a way that refuses us as such; a person has to act first.
const LONGEST_ACCOUNT_WAIT: Duration = Duration::from_secs(30);

/// Every way that was used.
#[derive(Debug, Default)]
pub struct Ways {
    ways: HashMap<String, Way>,
}

#[derive(Debug)]
struct Way {
    n_in_flight: usize,
    window: usize,
    n_failures: u32,
    paused_until: Option<Instant>,
}

impl Default for Way {
    fn default() -> Self {
        Self { n_in_flight: 0, window: SHARE, n_failures: 0, paused_until: None }
    }
}

impl Ways {
    /// A send begins on this way.
    pub fn begin(&mut self, way: &str) {
        self.ways.entry(way.to_owned()).or_default().n_in_flight += 1;
    }

    /// A send on this way ended, well or without saying anything about it.
    pub fn end(&mut self, way: &str, worked: bool) {
        let way = self.ways.entry(way.to_owned()).or_default();
        way.n_in_flight = way.n_in_flight.saturating_sub(1);
        if worked {
            way.window = (way.window * 2).min(SHARE);
            way.n_failures = 0;
            way.paused_until = None;
        }
    }

    /// A send on this way failed because of the way. Gives when it may be tried again.
    pub fn fail(
        &mut self,
        name: &str,
        scope: Scope,
        retry_after: Option<Duration>,
        moment: Moment,
        rng: &mut StdRng,
    ) -> Instant {
        self.end(name, false);
        let way = self.ways.entry(name.to_owned()).or_default();
        // Those that were under way together failed together: one failure.
        let already = way.paused_until.filter(|until| *until > moment.now);
        if already.is_none() {
            way.n_failures = way.n_failures.saturating_add(1);
        }
        way.window = 1;
        let longest = if scope == Scope::Account { LONGEST_ACCOUNT_WAIT } else { LONGEST_WAIT };
        let wait = retry_after.unwrap_or_else(|| back_off(way.n_failures, longest, rng));
        let until = moment.after(wait);
        let until = match (already, retry_after) {
            (Some(known), None) => known,
            (Some(known), Some(_)) => known.max(until),
            (None, _) => until,
        };
        way.paused_until = Some(until);
        until
    }

    /// How many more sends this way takes now.
    #[must_use]
    pub fn room(&self, way: &str, now: Instant) -> usize {
        match self.ways.get(way) {
            None => SHARE,
            Some(way) if way.paused_until.is_some_and(|until| now < until) => 0,
            Some(way) => way.window.saturating_sub(way.n_in_flight),
        }
    }

    /// Whether this way is being tried again after a failure, and does not take its full share yet.
    #[must_use]
    pub fn is_careful(&self, way: &str) -> bool {
        self.ways.get(way).is_some_and(|way| way.window < SHARE)
    }

    /// Until when this way is paused, if it is.
    #[must_use]
    pub fn paused_until(&self, way: &str, now: Instant) -> Option<Instant> {
        self.ways.get(way)?.paused_until.filter(|until| now < *until)
    }

    /// The next end of a pause after `now`.
    #[must_use]
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        self.ways.values().filter_map(|way| way.paused_until).filter(|until| now < *until).min()
    }

    /// Every way that was used and is not at its full share now.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        self.ways.keys().map(String::as_str)
    }
}

/// Exponential with jitter: between a tenth and the whole of 0.5 s, 1 s, 2 s, …, `longest`.
#[must_use]
pub fn back_off(n_failures: u32, longest: Duration, rng: &mut StdRng) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << n_failures.saturating_sub(1).min(16)).min(longest);
    whole.mul_f64(rng.random_range(0.1..=1.0))
}

/// How long one message waits after its `attempt`th failure that was its own.
#[must_use]
pub fn message_wait(attempt: u32, rng: &mut StdRng) -> Duration {
    back_off(attempt, LONGEST_WAIT, rng)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use rand::SeedableRng as _;

    use super::*;
    use crate::model::local_time::from_micros;

    fn at(seconds: i64) -> Moment {
        let now = from_micros((1_800_000_000 + seconds) * 1_000_000);
        Moment { now, real: now, speed: 1 }
    }

    #[test]
    fn waits_grow_to_their_bound_and_never_past_it() {
        let mut rng = StdRng::seed_from_u64(1);
        for (n, whole) in [(1, 0.5), (2, 1.0), (4, 4.0), (5, 8.0), (6, 8.0), (u32::MAX, 8.0)] {
            for _ in 0..100 {
                let wait = back_off(n, LONGEST_WAIT, &mut rng).as_secs_f64();
                assert!((whole * 0.099..=whole).contains(&wait), "{n}: {wait}");
            }
        }
    }

    #[test]
    fn a_failing_way_is_paused_then_probed_then_opened_by_halves() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut ways = Ways::default();
        assert_eq!(ways.room("sms/a", at(0).now), SHARE);
        for _ in 0..3 {
            ways.begin("sms/a");
        }
        let until = ways.fail("sms/a", Scope::Way, Some(Duration::from_secs(7)), at(0), &mut rng);
        assert_eq!(until, at(7).now, "Retry-After is kept to");
        assert_eq!(
            ways.fail("sms/a", Scope::Way, None, at(1), &mut rng),
            at(7).now,
            "the rest of a batch adds nothing"
        );
        ways.end("sms/a", false);
        assert_eq!(ways.room("sms/a", at(6).now), 0);
        assert_eq!(ways.next_at(at(6).now), Some(at(7).now));
        assert_eq!(ways.room("sms/a", at(7).now), 1, "one probe");
        ways.begin("sms/a");
        assert_eq!(ways.room("sms/a", at(7).now), 0);
        ways.end("sms/a", true);
        assert_eq!(ways.room("sms/a", at(7).now), 2);
        for _ in 0..5 {
            ways.begin("sms/a");
            ways.end("sms/a", true);
        }
        assert_eq!(ways.room("sms/a", at(7).now), SHARE);
        assert_eq!(ways.room("email/x:25", at(6).now), SHARE, "the others never noticed");
    }

    #[test]
    fn a_way_that_comes_back_is_tried_within_ten_seconds() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut ways = Ways::default();
        let mut now = at(0);
        for n in 0..500 {
            ways.begin("w");
            let until = ways.fail("w", Scope::Way, None, now, &mut rng);
            assert!(until - now.now <= TimeDelta::seconds(8), "after {n} failures");
            now = Moment { now: until, ..now };
        }
    }
}
