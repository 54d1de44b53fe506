//! Where `now` comes from. Only loops and edges hold a clock; everything that decides is handed an instant.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::{TimeDelta, Utc};

use crate::model::Instant;

/// A source of instants.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A shifted, perhaps faster clock, for drills and the demo.
    Drill {
        /// What this clock showed when it was made.
        began_at: Instant,
        /// The machine's clock then.
        real_began_at: Instant,
        /// How many of its seconds pass in one real second; at least 1.
        speed: u32,
    },
    /// Stands still until it is set; for tests.
    Manual(Arc<Mutex<Instant>>),
}

impl Clock {
    /// A drill clock that shows `at` now and runs `speed` times as fast as the machine's.
    #[must_use]
    pub fn drill(at: Instant, speed: u32) -> Self {
        Self::Drill { began_at: at, real_began_at: real_now(), speed: speed.max(1) }
    }

    /// A clock that stands at `at`.
    #[must_use]
    pub fn manual(at: Instant) -> Self {
        Self::Manual(Arc::new(Mutex::new(at)))
    }

    /// The present instant, whole microseconds.
    #[must_use]
    pub fn now(&self) -> Instant {
        match self {
            Self::System => real_now(),
            Self::Drill { began_at, real_began_at, speed } => {
                let passed = (real_now() - *real_began_at).num_microseconds().unwrap_or(i64::MAX);
                *began_at + TimeDelta::microseconds(passed.saturating_mul(i64::from(*speed)))
            }
            Self::Manual(at) => *at.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        }
    }

    /// How long to wait in real time until this clock shows `at`; zero when that is past. A manual clock answers
    /// zero: whoever sets it also runs the passes.
    #[must_use]
    pub fn until(&self, at: Instant) -> Duration {
        let ahead = (at - self.now()).to_std().unwrap_or(Duration::ZERO);
        match self {
            Self::System => ahead,
            Self::Drill { speed, .. } => ahead / (*speed).max(1),
            Self::Manual(_) => Duration::ZERO,
        }
    }

    /// How many of its seconds pass in one real second.
    #[must_use]
    pub const fn speed(&self) -> u32 {
        match self {
            Self::Drill { speed, .. } => *speed,
            Self::System | Self::Manual(_) => 1,
        }
    }
}

/// The machine's clock, cut to microseconds, as instants are stored.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
pub fn real_now() -> Instant {
    let now = Utc::now();
    crate::model::local_time::from_micros(crate::model::local_time::to_micros(now))
}
