//! How the vendor's API behaves: ten-second buckets per endpoint, and since when it fails.

use std::{collections::VecDeque, time::Duration};

use chrono::TimeDelta;

use crate::{model::Instant, source::fetched::RequestRecord};

/// Seconds a bucket holds.
pub const BUCKET_SECS: i64 = 10;
/// Buckets kept: two hours, more than any rule may look back.
const BUCKETS_MAX: usize = 720;
/// Upper bounds of the latency classes, milliseconds; the last class is everything above.
const BOUNDS_MS: [u64; 19] = [
    25, 50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000, 30_000,
    60_000,
];

/// One endpoint's recent past.
#[derive(Debug, Clone, Default)]
pub struct EndpointStats {
    buckets: VecDeque<Bucket>,
    /// The last request that went well.
    pub ok_at: Option<Instant>,
    /// The first failure since then; `None` while the last request went well.
    pub failing_since: Option<Instant>,
}

#[derive(Debug, Clone)]
struct Bucket {
    /// Its start, in units of ten seconds since 1970.
    slot: i64,
    n_ok: u32,
    n_failed: u32,
    classes: [u32; BOUNDS_MS.len() + 1],
}

/// The sum over a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    /// Requests that went well.
    pub n_ok: u64,
    /// Requests that did not.
    pub n_failed: u64,
    /// When the oldest bucket leaves the span: the earliest moment the sum can change by time alone.
    pub changes_at: Option<Instant>,
}

impl EndpointStats {
    /// Counts a request.
    pub fn add(&mut self, request: &RequestRecord) {
        let slot = request.at.timestamp().div_euclid(BUCKET_SECS);
        if self.buckets.back().is_none_or(|last| last.slot < slot) {
            self.buckets.push_back(Bucket { slot, n_ok: 0, n_failed: 0, classes: [0; BOUNDS_MS.len() + 1] });
        }
        // An answer that comes late counts where its request belongs, if that is still held.
        if let Some(bucket) = self.buckets.iter_mut().rev().find(|bucket| bucket.slot <= slot) {
            let took = u64::try_from(request.took.as_millis()).unwrap_or(u64::MAX);
            let class = BOUNDS_MS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS_MS.len());
            bucket.classes[class] += 1;
            if request.ok {
                bucket.n_ok += 1;
            } else {
                bucket.n_failed += 1;
            }
        }
        while self.buckets.len() > BUCKETS_MAX {
            self.buckets.pop_front();
        }
        if request.ok {
            self.ok_at = self.ok_at.max(Some(request.at));
            if self.failing_since.is_some_and(|since| since <= request.at) {
                self.failing_since = None;
            }
        } else if self.failing_since.is_none() && self.ok_at.is_none_or(|ok| ok < request.at) {
            self.failing_since = Some(request.at);
        }
    }

    /// The counts of `(now − over, now]`, in whole buckets.
    #[must_use]
    pub fn sum(&self, over: Duration, now: Instant) -> Sum {
        let over = TimeDelta::from_std(over).unwrap_or(TimeDelta::hours(2));
        let mut sum = Sum { n_ok: 0, n_failed: 0, changes_at: None };
        for bucket in self.within(over, now) {
            sum.n_ok += u64::from(bucket.n_ok);
            sum.n_failed += u64::from(bucket.n_failed);
            sum.changes_at.get_or_insert_with(|| bucket.leaves_at(over));
        }
        sum
    }

    /// The upper bound of the class in which the `quantile` of all requests lies; `None` without requests.
    #[must_use]
    pub fn quantile(&self, quantile: f64, over: Duration, now: Instant) -> Option<Duration> {
        let over = TimeDelta::from_std(over).unwrap_or(TimeDelta::hours(2));
        let mut classes = [0_u64; BOUNDS_MS.len() + 1];
        for bucket in self.within(over, now) {
            for (sum, n) in classes.iter_mut().zip(bucket.classes) {
                *sum += u64::from(n);
            }
        }
        let n: u64 = classes.iter().sum();
        if n == 0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among counted requests"
        )]
        let rank = ((n as f64) * quantile).ceil().max(1.0) as u64;
        let mut seen = 0;
        let class = classes.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        let bound = class.and_then(|class| BOUNDS_MS.get(class)).copied().unwrap_or(120_000);
        Some(Duration::from_millis(bound))
    }

    fn within(&self, over: TimeDelta, now: Instant) -> impl Iterator<Item = &Bucket> {
        self.buckets.iter().filter(move |bucket| bucket.leaves_at(over) > now)
    }
}

impl Bucket {
    fn leaves_at(&self, over: TimeDelta) -> Instant {
        crate::model::local_time::from_micros((self.slot + 1) * BUCKET_SECS * 1_000_000) + over
    }
}
