//! What can be promised: the oldest the data of a hot client can get, given how many there are and the cap. Pure.

use std::time::Duration;

use super::tier::Tier;

/// Reads are made a little before they are due, so that latency and pacing do not break the promise.
pub(super) const EARLY: f64 = 0.82;
/// Above this sweep, polling does not do the job. Design §4.
pub const SWEEP_MAX: Duration = Duration::from_secs(2000);

/// What the planner can promise at present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    /// The oldest a hot client's data gets (`shiftwatch_detection_promise_seconds`).
    pub within: Duration,
    /// True when that is no more than `detect_within`.
    pub kept: bool,
    /// Requests per second needed to keep `detect_within`.
    pub needed_per_second: f64,
    /// One naive sweep over all clients at the cap (`shiftwatch_sweep_seconds`).
    pub sweep: Duration,
    /// True when the sweep is longer than polling is good for ([`SWEEP_MAX`]).
    pub hopeless: bool,
}

/// The promise for so many clients a tier, with `other_per_second` requests going elsewhere (rosters, visits, far
/// reads), under a cap.
#[must_use]
pub fn promise(clients: [usize; 6], other_per_second: f64, detect_within: Duration, cap: f64) -> Promise {
    let periods = Tier::ALL.map(|tier| tier.period(detect_within).as_secs_f64() * EARLY);
    let demand = |stretch: f64| -> f64 {
        let each = Tier::ALL.iter().zip(periods).zip(clients);
        each.map(|((tier, period), n)| count(n) / (stretch / tier.weight()).max(period)).sum()
    };
    let total: usize = clients.iter().sum();
    let sweep = Duration::try_from_secs_f64(count(total) / cap).unwrap_or(Duration::MAX);
    let needed_per_second = demand(0.0) + other_per_second;
    let hopeless = sweep > SWEEP_MAX;
    if needed_per_second <= cap {
        return Promise { within: detect_within, kept: true, needed_per_second, sweep, hopeless };
    }
    // Other reads keep at most three of four slots.
    let left = (cap - other_per_second).max(cap / 4.0);
    let (mut short, mut long) = (0.0, count(total.max(1)) / left);
    for _ in 0..60 {
        let middle = f64::midpoint(short, long);
        if demand(middle) > left { short = middle } else { long = middle }
    }
    let hot = Tier::ALL
        .iter()
        .zip(clients)
        .filter(|(tier, n)| *n > 0 && matches!(tier, Tier::Urgent | Tier::Hot))
        .map(|(tier, _)| long / tier.weight())
        .fold(long, f64::max);
    let within = Duration::try_from_secs_f64(hot / EARLY).unwrap_or(Duration::MAX).max(detect_within);
    Promise { within, kept: within <= detect_within, needed_per_second, sweep, hopeless }
}

fn count(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_MINUTES: Duration = Duration::from_mins(5);

    #[test]
    fn the_promise_is_kept_as_long_as_the_cap_allows() {
        let example = promise([0, 20, 20, 180, 60, 20], 0.02, FIVE_MINUTES, 2.0);
        assert!(example.kept && example.within == FIVE_MINUTES, "the contract's example of 300 clients");
        assert!((0.3..0.6).contains(&example.needed_per_second), "{}", example.needed_per_second);
        assert_eq!(example.sweep, Duration::from_secs(150));

        let many = promise([0, 1500, 3500, 5000, 0, 0], 0.2, FIVE_MINUTES, 2.0);
        assert!(!many.kept && many.hopeless);
        assert!(many.within > Duration::from_secs(1000), "{:?}", many.within);

        let none = promise([0; 6], 0.0, FIVE_MINUTES, 2.0);
        assert!(none.kept && none.sweep == Duration::ZERO);
    }

    #[test]
    fn more_clients_or_a_lower_cap_never_promise_more() {
        let mut last = Duration::ZERO;
        for n in (0..5000).step_by(100) {
            let now = promise([0, n, n, n, n, n], 0.1, FIVE_MINUTES, 2.0).within;
            assert!(now >= last, "{n}");
            assert!(promise([0, n, n, n, n, n], 0.1, FIVE_MINUTES, 1.0).within >= now, "{n}");
            last = now;
        }
    }
}
