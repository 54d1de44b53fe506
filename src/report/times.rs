//! How long something took, over many times: nearest-rank percentiles.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// Durations summed up, in seconds. Without any, everything but `n` is unknown, never 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Times {
    /// How many durations are known.
    pub n: u64,
    /// Half of them took no longer.
    pub p50_seconds: Option<f64>,
    /// Nine in ten took no longer.
    pub p90_seconds: Option<f64>,
    /// The longest.
    pub max_seconds: Option<f64>,
}

impl Times {
    /// Of these durations, in any order. Negative ones (a clock that stepped back) count as zero.
    #[must_use]
    pub fn of(mut took: Vec<TimeDelta>) -> Self {
        took.sort_unstable();
        Self {
            n: took.len() as u64,
            p50_seconds: nearest_rank(&took, 50).map(seconds),
            p90_seconds: nearest_rank(&took, 90).map(seconds),
            max_seconds: took.last().copied().map(seconds),
        }
    }
}

/// The smallest of the sorted values that at least `percent` in a hundred do not exceed; `None` of nothing.
fn nearest_rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn seconds(took: TimeDelta) -> f64 {
    took.max(TimeDelta::zero()).as_seconds_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        for (took, p50, p90, max, why) in [
            (vec![], None, None, None, "nothing is not zero"),
            (vec![7], Some(7.0), Some(7.0), Some(7.0), "one is all of them"),
            (vec![2, 1], Some(1.0), Some(2.0), Some(2.0), "half of two is one"),
            (vec![3, 1, 2], Some(2.0), Some(3.0), Some(3.0), "the middle of three"),
            ((1..=10).collect(), Some(5.0), Some(9.0), Some(10.0), "the ninth of ten"),
            ((1..=11).collect(), Some(6.0), Some(10.0), Some(11.0), "rounded up"),
            (vec![-4, 5], Some(0.0), Some(5.0), Some(5.0), "a clock that stepped back"),
        ] {
            let n = took.len() as u64;
            let times = Times::of(took.into_iter().map(TimeDelta::seconds).collect());
            assert_eq!(times, Times { n, p50_seconds: p50, p90_seconds: p90, max_seconds: max }, "{why}");
        }
    }
}
