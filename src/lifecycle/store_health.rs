//! Whether the store takes what it is given: since when it refuses, and what shows that it takes again.
//!
//! A full disk refuses what is large while something small still fits, so one write that was taken says little while
//! others are refused. What ends a refusal is a real write some seconds after the last one; the small write that is
//! tried where there is nothing to store counts only after a longer while in which nothing was refused.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;

use super::seconds;
use crate::{limits, model::Instant};

/// Without a refusal for this long, a small write that is taken shows that the store is well again.
const QUIET: TimeDelta = TimeDelta::seconds(30);
/// The same for something that had to be stored. A step that is refused is made again each second.
const SETTLED: TimeDelta = TimeDelta::seconds(5);

/// Shared by everybody who writes. Instants are real time: a disk does not know a drill.
#[derive(Debug, Default)]
pub struct StoreHealth {
    refusal: Mutex<Option<Refusal>>,
}

#[derive(Debug, Clone)]
struct Refusal {
    since: Instant,
    last_at: Instant,
    why: String,
}

impl StoreHealth {
    /// Something was refused.
    pub fn refused(&self, why: &dyn std::fmt::Display, real_now: Instant) {
        let mut held = self.refusal();
        match held.as_mut() {
            Some(refusal) => refusal.last_at = real_now,
            None => *held = Some(Refusal { since: real_now, last_at: real_now, why: why.to_string() }),
        }
    }

    /// Something that had to be stored was taken.
    pub fn took(&self, real_now: Instant) {
        self.refusal().take_if(|refusal| (real_now - refusal.last_at).abs() >= SETTLED);
    }

    /// Whether a small write is worth a try: something was refused, and nothing for a while.
    pub fn asks_for_a_probe(&self, real_now: Instant) -> bool {
        self.refusal().as_ref().is_some_and(|refusal| (real_now - refusal.last_at).abs() >= QUIET)
    }

    /// Why the agent is not ready, if the store has refused for too long.
    pub fn readiness(&self, real_now: Instant) -> Result<(), String> {
        match self.refusal().as_ref() {
            Some(Refusal { since, why, .. }) if real_now - *since >= seconds(limits::STORE_REFUSED_MAX) => {
                Err(format!(
                    "the store refuses since {}: {why}; nothing that is not stored is sent; free the disk",
                    since.format("%Y-%m-%d %H:%M:%S UTC")
                ))
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self) -> std::sync::MutexGuard<'_, Option<Refusal>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tests::noon;

    fn t(seconds: i64) -> Instant {
        noon() + TimeDelta::seconds(seconds)
    }

    #[test]
    fn thirty_seconds_of_refusals_are_too_long_whatever_small_write_fits_between() {
        let store = StoreHealth::default();
        for s in (0..=40).step_by(5) {
            store.refused(&"the disk is full", t(s));
            assert!(!store.asks_for_a_probe(t(s + 4)), "{s} s: what fits says nothing while refusals go on");
            assert_eq!(store.readiness(t(s)).is_ok(), s < 30, "{s} s");
        }
        let why = store.readiness(t(41)).unwrap_err();
        assert!(why.starts_with("the store refuses since 2026-12-01 10:02:03 UTC: the disk is full"), "{why}");
        store.took(t(44));
        assert!(store.readiness(t(44)).is_err(), "something was refused just now");
        store.took(t(45));
        assert_eq!(store.readiness(t(45)), Ok(()), "a real write was taken, and nothing refused lately");
    }

    #[test]
    fn one_refusal_long_ago_is_settled_by_a_probe() {
        let store = StoreHealth::default();
        assert!(!store.asks_for_a_probe(t(0)), "nothing was refused");
        store.refused(&"busy", t(0));
        assert!(!store.asks_for_a_probe(t(29)));
        assert!(store.asks_for_a_probe(t(30)));
        assert!(store.readiness(t(30)).is_err(), "until it is taken");
        store.took(t(30));
        assert_eq!(store.readiness(t(30)), Ok(()));
        store.refused(&"busy", t(100));
        assert!(store.asks_for_a_probe(t(-100)), "a clock that went back does not keep it for ever");
    }
}
