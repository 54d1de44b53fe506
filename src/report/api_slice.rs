//! What was seen of one endpoint in one slice of time: additive, so that slices of any length are summed up alike.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;

use crate::{
    model::{
        Endpoint, Instant,
        local_time::{from_micros, to_micros},
    },
    source::fetched::RequestRecord,
};

/// Upper bounds of the latency classes, milliseconds; what took longer than the last is one more class.
///
/// Closer together where people feel it: a step is at most two thirds of its bound, so a percentile is at most that far
/// above the truth. Kept rows with another number of classes lose their latencies and nothing else.
pub const BOUNDS_MS: [u32; 23] = [
    10, 25, 50, 100, 150, 250, 400, 600, 800, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 10_000, 15_000,
    20_000, 30_000, 60_000,
];
/// How many classes there are.
pub const CLASSES: usize = BOUNDS_MS.len() + 1;

/// How long a slice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Length {
    /// For "the last hour"; kept for a few hours.
    FiveMinutes,
    /// For everything longer; kept for 400 days.
    Hour,
}

impl Length {
    /// In whole minutes, as it is stored.
    #[must_use]
    pub const fn minutes(self) -> i64 {
        match self {
            Self::FiveMinutes => 5,
            Self::Hour => 60,
        }
    }

    /// The length itself.
    #[must_use]
    pub const fn delta(self) -> TimeDelta {
        TimeDelta::minutes(self.minutes())
    }

    /// The beginning of the slice that an instant lies in; slices begin with the hours of UTC.
    #[must_use]
    pub fn floor(self, at: Instant) -> Instant {
        let length = self.minutes() * 60_000_000;
        from_micros(to_micros(at).div_euclid(length) * length)
    }
}

/// One endpoint in one slice of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiSlice {
    /// How much of it was observed; the rest is unknown, not up.
    pub observed: Duration,
    /// How much of that the endpoint answered.
    pub up: Duration,
    /// Requests that were made.
    pub n_requests: u64,
    /// Those that count as errors of the API, by class: `timeout`, `connect`, `protocol`, `4xx`, `5xx`.
    pub errors: BTreeMap<String, u64>,
    /// Requests by how long they took: [`BOUNDS_MS`].
    pub took: Latencies,
}

/// One slice and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRow {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// How long it is.
    pub length: Length,
    /// Where it begins.
    pub from: Instant,
    /// What was seen.
    pub slice: ApiSlice,
}

/// Requests by latency class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latencies(pub [u64; CLASSES]);

impl Default for Latencies {
    fn default() -> Self {
        Self([0; CLASSES])
    }
}

impl ApiSlice {
    /// Counts a request.
    pub fn count(&mut self, request: &RequestRecord) {
        self.n_requests += 1;
        if !request.ok {
            *self.errors.entry(class_of(&request.code).to_owned()).or_default() += 1;
        }
        self.took.count(request.took);
    }

    /// Adds another slice.
    pub fn add(&mut self, other: &Self) {
        self.observed += other.observed;
        self.up += other.up;
        self.n_requests += other.n_requests;
        for (class, n) in &other.errors {
            *self.errors.entry(class.clone()).or_default() += n;
        }
        for (sum, n) in self.took.0.iter_mut().zip(other.took.0) {
            *sum += n;
        }
    }

    /// Requests that count as errors of the API.
    #[must_use]
    pub fn n_errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The share of the observed time in which it answered; `None` when nothing was observed.
    #[must_use]
    pub fn uptime(&self) -> Option<f64> {
        (!self.observed.is_zero()).then(|| (self.up.as_secs_f64() / self.observed.as_secs_f64()).min(1.0))
    }
}

impl Latencies {
    /// Counts one.
    pub fn count(&mut self, took: Duration) {
        let ms = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        self.0[BOUNDS_MS.partition_point(|bound| *bound < ms)] += 1;
    }

    /// The nearest-rank percentile, told by the upper bound of its class, seconds; what took longer than the last bound is
    /// told as that bound. `None` without requests.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let n: u64 = self.0.iter().sum();
        let rank = (n * percent).div_ceil(100);
        if rank == 0 {
            return None;
        }
        let mut below = 0;
        let class = self.0.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        let bound = BOUNDS_MS.get(class).or(BOUNDS_MS.last())?;
        Some(f64::from(*bound) / 1000.0)
    }
}

/// The class of a failed request's code.
#[must_use]
pub fn class_of(code: &str) -> &'static str {
    match code {
        "timeout" => "timeout",
        "connect" => "connect",
        code if code.starts_with('5') => "5xx",
        code if code.starts_with('4') => "4xx",
        _ => "protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_classes_are_their_upper_bounds() {
        for (ms, percent, seconds, why) in [
            (vec![], 50, None, "nothing is not fast"),
            (vec![7], 50, Some(0.01), "in the first class"),
            (vec![10], 99, Some(0.01), "a bound belongs to its class"),
            (vec![11], 50, Some(0.025), "and no further"),
            (vec![5, 5, 5, 900], 75, Some(0.01), "three of four"),
            (vec![5, 5, 5, 900], 76, Some(1.0), "and the fourth"),
            (vec![90_000], 50, Some(60.0), "beyond the last bound: at least that"),
        ] {
            let mut took = Latencies::default();
            for ms in ms {
                took.count(Duration::from_millis(ms));
            }
            assert_eq!(took.percentile(percent), seconds, "{why}");
        }
    }

    #[test]
    fn codes_have_few_classes() {
        for (code, class) in [
            ("500", "5xx"),
            ("503", "5xx"),
            ("404", "4xx"),
            ("429", "4xx"),
            ("timeout", "timeout"),
            ("connect", "connect"),
            ("protocol", "protocol"),
            ("200", "protocol"),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }

    #[test]
    fn what_was_not_observed_is_not_up() {
        assert_eq!(ApiSlice::default().uptime(), None);
        let half = ApiSlice { observed: Duration::from_secs(10), up: Duration::from_secs(5), ..ApiSlice::default() };
        assert_eq!(half.uptime(), Some(0.5));
    }
}
