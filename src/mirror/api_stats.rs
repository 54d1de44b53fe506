//! How the vendor's API answers: 10 s buckets per endpoint, for the API kinds and the metrics.
//!
//! Bounded: buckets older than the longest span of any rule are dropped as new requests come.

use std::{collections::VecDeque, time::Duration};

use chrono::TimeDelta;

use crate::{
    model::{
        Endpoint, Instant,
        local_time::{from_micros, to_micros},
    },
    source::fetched::RequestRecord,
};

/// Upper bounds of the latency classes, milliseconds; beyond the last is one more class.
const BOUNDS_MS: [u32; 23] = [
    10, 25, 50, 100, 150, 250, 400, 600, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 10_000, 15_000,
    20_000, 30_000, 60_000,
];
/// One bucket's length. Design §5.
pub const BUCKET: TimeDelta = TimeDelta::seconds(10);

#[derive(Debug, Clone)]
struct Bucket {
    from: Instant,
    n_ok: u32,
    n_failed: u32,
    took: [u16; BOUNDS_MS.len() + 1],
}

/// One endpoint's recent answers.
#[derive(Debug, Clone, Default)]
pub struct EndpointStats {
    buckets: VecDeque<Bucket>,
    last_ok_at: Option<Instant>,
    failing_since: Option<Instant>,
    second_failure_at: Option<Instant>,
}

/// Every endpoint's.
#[derive(Debug, Clone, Default)]
pub struct ApiStats {
    endpoints: [EndpointStats; Endpoint::ALL.len()],
}

/// Counts over a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// Requests that were answered well.
    pub n_ok: u64,
    /// Requests that count as errors of the API.
    pub n_failed: u64,
}

impl ApiStats {
    /// Adds requests; forgets what is older than `span` before the newest of them.
    pub fn record(&mut self, requests: &[RequestRecord], span: Duration) {
        for request in requests {
            self.endpoints[request.endpoint as usize].record(request, span);
        }
    }

    /// Forgets endpoints with answers from after `limit`: the clock stepped back, and counts over time mean nothing.
    pub fn forget_after(&mut self, limit: Instant) {
        for endpoint in &mut self.endpoints {
            let newest = endpoint.buckets.back().map(|bucket| bucket.from);
            let stamps = [newest, endpoint.last_ok_at, endpoint.failing_since, endpoint.second_failure_at];
            if stamps.into_iter().flatten().any(|at| at > limit) {
                *endpoint = EndpointStats::default();
            }
        }
    }

    /// One endpoint's.
    #[must_use]
    pub const fn endpoint(&self, endpoint: Endpoint) -> &EndpointStats {
        &self.endpoints[endpoint as usize]
    }
}

impl EndpointStats {
    fn record(&mut self, request: &RequestRecord, span: Duration) {
        if request.ok {
            if self.last_ok_at.is_none_or(|at| at < request.at) {
                self.last_ok_at = Some(request.at);
            }
            if self.failing_since.is_some_and(|since| since <= request.at) {
                self.failing_since = None;
                self.second_failure_at = None;
            }
        } else if self.last_ok_at.is_none_or(|at| at < request.at) {
            match (self.failing_since, self.second_failure_at) {
                (None, _) => self.failing_since = Some(request.at),
                (Some(_), None) => self.second_failure_at = Some(request.at),
                _ => {}
            }
        }
        let from = bucket_of(request.at);
        let place = self.buckets.iter().rposition(|bucket| bucket.from <= from);
        let i = match place {
            Some(i) if self.buckets[i].from == from => i,
            _ => {
                let i = place.map_or(0, |i| i + 1);
                self.buckets.insert(i, Bucket { from, n_ok: 0, n_failed: 0, took: [0; BOUNDS_MS.len() + 1] });
                i
            }
        };
        let bucket = &mut self.buckets[i];
        if request.ok {
            bucket.n_ok += 1;
        } else {
            bucket.n_failed += 1;
        }
        let ms = u32::try_from(request.took.as_millis()).unwrap_or(u32::MAX);
        let class = BOUNDS_MS.partition_point(|bound| *bound < ms);
        bucket.took[class] = bucket.took[class].saturating_add(1);
        let newest = self.buckets.back().map_or(from, |bucket| bucket.from);
        let oldest = newest - TimeDelta::from_std(span).unwrap_or(TimeDelta::hours(1)) - BUCKET;
        while self.buckets.front().is_some_and(|bucket| bucket.from < oldest) {
            self.buckets.pop_front();
        }
    }

    fn within(&self, over: Duration, now: Instant) -> impl Iterator<Item = &Bucket> {
        let over = TimeDelta::from_std(over).unwrap_or(TimeDelta::hours(1));
        self.buckets.iter().filter(move |bucket| bucket.from + BUCKET + over > now && bucket.from <= now)
    }

    /// Requests whose bucket lies in the last `over`.
    #[must_use]
    pub fn answers(&self, over: Duration, now: Instant) -> Answers {
        self.within(over, now).fold(Answers::default(), |sum, bucket| Answers {
            n_ok: sum.n_ok + u64::from(bucket.n_ok),
            n_failed: sum.n_failed + u64::from(bucket.n_failed),
        })
    }

    /// The `quantile` of durations over the last `over`, interpolated inside its class; `None` without requests.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn quantile(&self, quantile: f64, over: Duration, now: Instant) -> Option<Duration> {
        let mut took = [0_u64; BOUNDS_MS.len() + 1];
        for bucket in self.within(over, now) {
            for (sum, n) in took.iter_mut().zip(bucket.took) {
                *sum += u64::from(n);
            }
        }
        let n: u64 = took.iter().sum();
        if n == 0 {
            return None;
        }
        let rank = quantile * n as f64;
        let mut below = 0_u64;
        for (class, count) in took.iter().enumerate() {
            if *count > 0 && (below + count) as f64 >= rank {
                let lower = class.checked_sub(1).map_or(0, |i| BOUNDS_MS[i]);
                let upper = BOUNDS_MS.get(class).copied().unwrap_or(BOUNDS_MS[BOUNDS_MS.len() - 1] * 2);
                let share = ((rank - below as f64) / *count as f64).clamp(0.0, 1.0);
                let ms = f64::from(lower) + f64::from(upper - lower) * share;
                return Some(Duration::from_secs_f64(ms / 1000.0));
            }
            below += count;
        }
        None
    }

    /// The next instant at which the counts over `over` change by time alone: a bucket leaves the span.
    #[must_use]
    pub fn next_change(&self, over: Duration, now: Instant) -> Option<Instant> {
        let over = TimeDelta::from_std(over).unwrap_or(TimeDelta::hours(1));
        self.buckets.iter().map(|bucket| bucket.from + BUCKET + over).find(|at| *at > now)
    }

    /// When the endpoint last answered well.
    #[must_use]
    pub const fn last_ok_at(&self) -> Option<Instant> {
        self.last_ok_at
    }

    /// Since when it fails, once it failed at least twice without a good answer between; with the second failure.
    #[must_use]
    pub fn failing(&self) -> Option<(Instant, Instant)> {
        self.failing_since.zip(self.second_failure_at)
    }

    /// Since when no request was answered well; `None` while the newest one was.
    #[must_use]
    pub const fn failing_since(&self) -> Option<Instant> {
        self.failing_since
    }

    /// How many buckets are held.
    #[must_use]
    pub fn n_buckets(&self) -> usize {
        self.buckets.len()
    }
}

fn bucket_of(at: Instant) -> Instant {
    from_micros(to_micros(at).div_euclid(10_000_000) * 10_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Instant {
        from_micros((1_790_000_000 + s) * 1_000_000)
    }

    fn request(s: i64, ms: u64, ok: bool) -> RequestRecord {
        RequestRecord {
            endpoint: Endpoint::Appointment,
            code: if ok { "200" } else { "500" }.to_owned(),
            at: at(s),
            took: Duration::from_millis(ms),
            ok,
            waited: Duration::ZERO,
        }
    }

    #[test]
    fn a_bucket_leaves_the_span_at_its_edge_and_not_before() {
        let mut api = ApiStats::default();
        let over = Duration::from_mins(1);
        api.record(&[request(3, 100, false), request(15, 100, true)], Duration::from_mins(10));
        let stats = api.endpoint(Endpoint::Appointment);
        assert_eq!(stats.answers(over, at(69)), Answers { n_ok: 1, n_failed: 1 });
        assert_eq!(stats.next_change(over, at(20)), Some(at(70)));
        assert_eq!(stats.answers(over, at(70)), Answers { n_ok: 1, n_failed: 0 });
        assert_eq!(stats.next_change(over, at(70)), Some(at(80)));
        assert_eq!(stats.next_change(over, at(80)), None);
    }

    #[test]
    fn quantiles_are_interpolated_and_absent_without_requests() {
        let mut api = ApiStats::default();
        let over = Duration::from_mins(1);
        assert_eq!(api.endpoint(Endpoint::Token).quantile(0.95, over, at(0)), None);
        let all: Vec<_> = (0..100).map(|i| request(1, if i < 90 { 700 } else { 9_000 }, true)).collect();
        api.record(&all, Duration::from_mins(10));
        let stats = api.endpoint(Endpoint::Appointment);
        assert!(stats.quantile(0.5, over, at(2)).unwrap() < Duration::from_secs(1));
        assert!(stats.quantile(0.95, over, at(2)).unwrap() > Duration::from_secs(8));
    }

    #[test]
    fn down_needs_two_failures_since_the_last_good_answer() {
        let mut api = ApiStats::default();
        api.record(&[request(0, 1, true), request(5, 1, false)], Duration::from_mins(10));
        assert_eq!(api.endpoint(Endpoint::Appointment).failing(), None);
        api.record(&[request(7, 1, false)], Duration::from_mins(10));
        assert_eq!(api.endpoint(Endpoint::Appointment).failing(), Some((at(5), at(7))));
        api.record(&[request(9, 1, true)], Duration::from_mins(10));
        assert_eq!(api.endpoint(Endpoint::Appointment).failing(), None);
        assert_eq!(api.endpoint(Endpoint::Appointment).last_ok_at(), Some(at(9)));
    }

    #[test]
    fn memory_is_bounded_by_the_span() {
        let mut api = ApiStats::default();
        for s in 0..10_000 {
            api.record(&[request(s, 1, true)], Duration::from_mins(10));
        }
        assert!(api.endpoint(Endpoint::Appointment).n_buckets() <= 62);
    }
}
