//! One limiter for one credential: how many requests may leave, and who goes first.
//!
//! Given: the configured rate, and what the vendor said about it (429).
//! Gives: permits, confirming reads first; at most [`IN_FLIGHT_MAX`] at a time.
//! Does not: use the agent's clock. The vendor lives in real time, also during a drill.
//!
//! The rule is one line: the `k`-th last request left at least `k / rate` ago and a little more (`MARGIN`), with `k`
//! one second's worth (at least 1). After a pause `k` may leave at once, and no second in which the vendor counts
//! what arrives holds more than `k`, though one request travels faster than another.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant as RealInstant};

use super::breaker::WireTime;

/// Requests under way at once. Contract §1.7 and §9.2.
pub const IN_FLIGHT_MAX: usize = 4;
/// How much wider than the rate asks requests are spaced: 60 ms in a second, for what the way does to their distance.
const MARGIN: f64 = 1.06;
/// The longest pause one `Retry-After` can ask for. Contract §9.5.
pub const RETRY_AFTER_MAX: Duration = Duration::from_mins(15);
/// The longest pause of our own making, when a 429 does not say how long.
const BLIND_PAUSE_MAX: Duration = Duration::from_mins(1);
/// After a 429 the rate comes back in steps of a twentieth, one each half minute without another.
const RECOVERY_STEPS: f64 = 20.0;
const RECOVERY_EVERY: Duration = Duration::from_secs(30);
/// The rate is never halved below this share of the configured one.
const RATE_SHARE_MIN: f64 = 1.0 / 16.0;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Token requests: everybody waits for them.
    Token,
    /// The one read between a verdict and its first message.
    Confirming,
    /// What the watch needs.
    Normal,
    /// What it does without: goes when nothing else waits.
    Spare,
}

/// The arithmetic, without waiting.
#[derive(Debug)]
pub struct Limiter {
    configured: f64,
    rate: f64,
    left: VecDeque<WireTime>,
    paused_until: WireTime,
    changed_at: WireTime,
    n_blind: u32,
    took_over: bool,
}

impl Limiter {
    /// A limiter for so many requests per second (0 < x ≤ 10; anything else is brought into that range).
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let configured = if per_second.is_finite() { per_second.clamp(0.001, 10.0) } else { 1.0 };
        Self {
            configured,
            rate: configured,
            left: VecDeque::new(),
            paused_until: WireTime::ZERO,
            changed_at: WireTime::ZERO,
            n_blind: 0,
            took_over: false,
        }
    }

    /// Takes over from a process that spoke for the same credential and ended at an unknown moment before `now`: its
    /// last second may hold as many requests as one may, so this one begins with nothing left of it; and what is left of
    /// a pause that the vendor asked for holds on, at the halved rate. Counts once, before the first request.
    pub fn take_over(&mut self, now: WireTime, pause_left: Option<Duration>) {
        if self.took_over || !self.left.is_empty() {
            return;
        }
        self.took_over = true;
        self.left.extend(std::iter::repeat_n(now, self.burst()));
        if let Some(left) = pause_left.filter(|left| !left.is_zero()) {
            self.throttled(now, Some(left), 0.0);
        }
    }

    /// Another configured rate. A pause stands, and a rate that a 429 lowered is not raised by it.
    pub fn reconfigure(&mut self, per_second: f64) {
        let configured = Self::new(per_second).configured;
        let lowered = self.rate < self.configured;
        self.rate = if lowered { self.rate.min(configured) } else { configured };
        self.configured = configured;
    }

    /// How many may leave at once after a pause.
    fn burst(&self) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0.001 to 10")]
        let burst = self.configured.floor().max(1.0) as usize;
        burst
    }

    /// The earliest instant the next request may leave.
    #[must_use]
    pub fn ready_at(&self) -> WireTime {
        let burst = self.burst();
        let spaced = match self.left.len().checked_sub(burst).and_then(|n| self.left.get(n)) {
            #[expect(clippy::cast_precision_loss, reason = "at most 10")]
            Some(kth_last) => *kth_last + Duration::from_secs_f64(MARGIN * burst as f64 / self.rate),
            None => WireTime::ZERO,
        };
        spaced.max(self.paused_until)
    }

    /// Counts a request that leaves at `now`.
    pub fn leave(&mut self, now: WireTime) {
        self.recover(now);
        self.left.push_back(now);
        while self.left.len() > self.burst() {
            self.left.pop_front();
        }
    }

    /// A 429: nobody leaves until `retry_after` (at most 15 minutes) is over, and the rate is halved. Without a
    /// `Retry-After` the pause doubles from one second, by `chance` (0..1) between half and all of it. Requests
    /// that were under way when the pause began halve nothing more. Gives the pause's end.
    pub fn throttled(&mut self, now: WireTime, retry_after: Option<Duration>, chance: f64) -> WireTime {
        let already = now < self.paused_until;
        let pause = retry_after.map_or_else(
            || {
                if !already {
                    self.n_blind = (self.n_blind + 1).min(10);
                }
                let whole = Duration::from_secs(1 << self.n_blind).min(BLIND_PAUSE_MAX);
                whole.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
            },
            |asked| asked.clamp(Duration::from_secs(1), RETRY_AFTER_MAX),
        );
        if !already {
            self.rate = (self.rate / 2.0).max(self.configured * RATE_SHARE_MIN);
        }
        self.paused_until = self.paused_until.max(now + pause);
        self.changed_at = self.paused_until;
        self.paused_until
    }

    /// Until when everything pauses, if it does at `now`.
    #[must_use]
    pub fn paused(&self, now: WireTime) -> Option<WireTime> {
        (now < self.paused_until).then_some(self.paused_until)
    }

    /// Requests per second allowed at present.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    fn recover(&mut self, now: WireTime) {
        while self.rate < self.configured && now >= self.changed_at + RECOVERY_EVERY {
            self.changed_at += RECOVERY_EVERY;
            self.rate = (self.rate + self.configured / RECOVERY_STEPS).min(self.configured);
            self.n_blind = 0;
        }
    }
}

/// The limiter that tasks wait on.
#[derive(Debug)]
pub struct Budget {
    epoch: RealInstant,
    line: Mutex<Line>,
    moved: Notify,
}

#[derive(Debug)]
struct Line {
    limiter: Limiter,
    waiting: BTreeSet<(Priority, u64)>,
    next_ticket: u64,
    n_in_flight: usize,
    waited: Duration,
}

/// The credential is paused; nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paused {
    /// Until when, wire time.
    pub until: WireTime,
}

/// Leave for one request; it is over when this is dropped.
#[derive(Debug)]
pub struct Permit<'a> {
    budget: &'a Budget,
    /// How long it was waited for.
    pub waited: Duration,
}

struct Ticket<'a> {
    budget: &'a Budget,
    place: (Priority, u64),
}

impl Budget {
    /// A budget of so many requests per second.
    #[must_use]
    pub fn new(per_second: f64) -> Self {
        let line = Line {
            limiter: Limiter::new(per_second),
            waiting: BTreeSet::new(),
            next_ticket: 0,
            n_in_flight: 0,
            waited: Duration::ZERO,
        };
        Self { epoch: RealInstant::now(), line: Mutex::new(line), moved: Notify::new() }
    }

    /// Wire time now.
    #[must_use]
    pub fn now(&self) -> WireTime {
        self.epoch.elapsed()
    }

    /// Waits for leave to send one request. During a pause nobody waits: the caller is told until when.
    pub async fn acquire(&self, priority: Priority) -> Result<Permit<'_>, Paused> {
        let came_at = self.now();
        let ticket = self.join(priority);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let wake_at = {
                let mut line = self.line();
                let now = self.now();
                if let Some(until) = line.limiter.paused(now) {
                    return Err(Paused { until });
                }
                let is_first = line.waiting.first() == Some(&ticket.place);
                let ready_at = line.limiter.ready_at();
                if is_first && line.n_in_flight < IN_FLIGHT_MAX && ready_at <= now {
                    line.limiter.leave(now);
                    line.n_in_flight += 1;
                    let waited = now.saturating_sub(came_at);
                    line.waited = waited;
                    return Ok(Permit { budget: self, waited });
                }
                (is_first && line.n_in_flight < IN_FLIGHT_MAX).then_some(ready_at)
            };
            match wake_at {
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(self.epoch + at) => {}
                        () = moved => {}
                    }
                }
                None => moved.await,
            }
        }
    }

    /// Takes in a 429; see [`Limiter::throttled`].
    pub fn throttled(&self, retry_after: Option<Duration>, chance: f64) -> WireTime {
        let now = self.now();
        let until = self.line().limiter.throttled(now, retry_after, chance);
        self.moved.notify_waiters();
        until
    }

    /// See [`Limiter::take_over`].
    pub fn take_over(&self, pause_left: Option<Duration>) {
        let now = self.now();
        self.line().limiter.take_over(now, pause_left);
        self.moved.notify_waiters();
    }

    /// Another configured rate; see [`Limiter::reconfigure`].
    pub fn reconfigure(&self, per_second: f64) {
        self.line().limiter.reconfigure(per_second);
        self.moved.notify_waiters();
    }

    /// Until when the credential is paused, if it is.
    #[must_use]
    pub fn paused(&self) -> Option<WireTime> {
        let now = self.now();
        self.line().limiter.paused(now)
    }

    /// How long the next request has to wait, if nobody is before it.
    #[cfg(test)]
    pub(crate) fn ready_in(&self) -> Duration {
        let ready_at = self.line().limiter.ready_at();
        ready_at.saturating_sub(self.now())
    }

    /// Rate now, requests under way, requests waiting, and how long the last one had waited.
    #[must_use]
    pub fn figures(&self) -> (f64, usize, usize, Duration) {
        let line = self.line();
        (line.limiter.rate(), line.n_in_flight, line.waiting.len(), line.waited)
    }

    fn join(&self, priority: Priority) -> Ticket<'_> {
        let mut line = self.line();
        let place = (priority, line.next_ticket);
        line.next_ticket += 1;
        line.waiting.insert(place);
        Ticket { budget: self, place }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.budget.line().waiting.remove(&self.place);
        self.budget.moved.notify_waiters();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.budget.line().n_in_flight -= 1;
        self.budget.moved.notify_waiters();
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::unchecked_time_subtraction, reason = "small numbers, in order")]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> WireTime {
        Duration::from_millis(millis)
    }

    /// Sends as fast as it may for `span` and gives the instants.
    fn rush(limiter: &mut Limiter, from: WireTime, span: Duration) -> Vec<WireTime> {
        let mut left = Vec::new();
        let mut now = from;
        loop {
            now = now.max(limiter.ready_at());
            if now > from + span {
                return left;
            }
            limiter.leave(now);
            left.push(now);
        }
    }

    #[test]
    fn no_stretch_of_time_sees_more_than_rate_and_burst() {
        for rate in [0.2, 0.5, 1.0, 2.0, 2.5, 5.0, 9.9, 10.0] {
            let mut limiter = Limiter::new(rate);
            let mut left = rush(&mut limiter, ms(0), ms(10_000));
            left.extend(rush(&mut limiter, ms(25_000), ms(10_000)));
            let burst = rate.floor().max(1.0);
            for (i, from) in left.iter().enumerate() {
                for (j, until) in left.iter().enumerate().skip(i) {
                    let n = (j - i + 1) as f64;
                    let allowed = rate * (*until - *from).as_secs_f64() + burst;
                    assert!(n <= allowed + 1e-6, "{n} in {:?} at {rate}", *until - *from);
                }
            }
            let expected = rate * 10.0 / MARGIN;
            let n_first = left.iter().filter(|at| **at <= ms(10_000)).count() as f64;
            assert!(n_first >= expected.floor(), "the rate is used: {n_first} of {expected}");
        }
    }

    #[test]
    fn no_second_over_a_restart_sees_more_than_the_rate_and_a_pause_holds_on() {
        for rate in [0.2, 0.5, 1.0, 5.0, 10.0] {
            for killed_at in [0, 1, 400, 999, 1_000, 3_333] {
                let mut left = rush(&mut Limiter::new(rate), ms(0), ms(killed_at));
                // The next process begins at once, on a clock of its own.
                let mut next = Limiter::new(rate);
                next.take_over(ms(0), None);
                next.take_over(ms(500), None);
                left.extend(rush(&mut next, ms(0), ms(20_000)).iter().map(|at| *at + ms(killed_at)));
                let most = rate.floor().max(1.0);
                for from in &left {
                    let n = left.iter().filter(|at| *from <= **at && **at < *from + ms(1_000)).count() as f64;
                    assert!(n <= most, "{n} in a second from {from:?} at {rate}, killed at {killed_at} ms");
                }
                assert!(left.iter().any(|at| *at > ms(killed_at)), "it goes on");
            }
        }
        let mut next = Limiter::new(2.0);
        next.take_over(ms(0), Some(ms(7_000)));
        assert_eq!((next.paused(ms(6_999)), next.ready_at()), (Some(ms(7_000)), ms(7_000)));
        assert!((next.rate() - 1.0).abs() < 1e-9, "as slow as it was");
        let mut used = Limiter::new(2.0);
        used.leave(ms(0));
        used.take_over(ms(100), Some(ms(7_000)));
        assert_eq!(used.paused(ms(100)), None, "whoever sends already takes nothing over");
    }

    #[test]
    fn a_429_stops_everything_halves_the_rate_and_recovers_in_steps() {
        let mut limiter = Limiter::new(2.0);
        limiter.leave(ms(0));
        let until = limiter.throttled(ms(100), Some(ms(7_000)), 0.0);
        assert_eq!(until, ms(7_100));
        assert_eq!(limiter.paused(ms(7_099)), Some(until));
        assert_eq!(limiter.paused(ms(7_100)), None);
        assert_eq!(limiter.ready_at(), until);
        assert!((limiter.rate() - 1.0).abs() < 1e-9);
        limiter.throttled(ms(200), Some(ms(1_000)), 0.0);
        assert!((limiter.rate() - 1.0).abs() < 1e-9, "a request that was under way does not halve it again");
        assert_eq!(limiter.ready_at(), until, "nor shorten the pause");
        limiter.leave(ms(7_100 + 30_000));
        assert!((limiter.rate() - 1.1).abs() < 1e-9, "one step after half a minute");
        limiter.leave(ms(7_100 + 600_000));
        assert!((limiter.rate() - 2.0).abs() < 1e-9, "and never above what is configured");
    }

    #[test]
    fn pauses_are_clamped_and_grow_when_the_vendor_does_not_say() {
        let mut limiter = Limiter::new(2.0);
        assert_eq!(limiter.throttled(ms(0), Some(Duration::from_hours(24)), 0.0), RETRY_AFTER_MAX);
        let mut limiter = Limiter::new(2.0);
        assert_eq!(limiter.throttled(ms(0), Some(ms(0)), 0.0), ms(1_000), "zero is a second");
        let mut limiter = Limiter::new(2.0);
        let first = limiter.throttled(ms(0), None, 1.0);
        let second = limiter.throttled(first, None, 1.0) - first;
        let third = limiter.throttled(first + second, None, 1.0) - first - second;
        assert_eq!((first, second, third), (ms(2_000), ms(4_000), ms(8_000)));
        for _ in 0..20 {
            let now = limiter.ready_at();
            assert!(limiter.throttled(now, None, 1.0) - now <= BLIND_PAUSE_MAX);
        }
        assert!(limiter.rate() >= 2.0 * RATE_SHARE_MIN);
    }

    #[tokio::test]
    async fn confirming_reads_go_first_and_four_are_under_way_at_most() {
        let budget = Budget::new(10.0);
        let mut permits = Vec::new();
        for _ in 0..IN_FLIGHT_MAX {
            permits.push(budget.acquire(Priority::Normal).await.unwrap());
        }
        let order = Mutex::new(Vec::new());
        let normal = async {
            let permit = budget.acquire(Priority::Normal).await.unwrap();
            order.lock().unwrap().push("normal");
            drop(permit);
        };
        let confirming = async {
            let permit = budget.acquire(Priority::Confirming).await.unwrap();
            order.lock().unwrap().push("confirming");
            drop(permit);
        };
        let free = async {
            tokio::task::yield_now().await;
            assert_eq!(budget.figures().2, 2, "both wait while four are under way");
            permits.clear();
        };
        tokio::join!(normal, confirming, free);
        assert_eq!(*order.lock().unwrap(), ["confirming", "normal"]);
    }

    #[tokio::test]
    async fn a_pause_answers_at_once_also_those_who_wait() {
        let budget = Budget::new(1.0);
        drop(budget.acquire(Priority::Normal).await.unwrap());
        let waiting = budget.acquire(Priority::Normal);
        let throttle = async {
            tokio::task::yield_now().await;
            budget.throttled(Some(Duration::from_secs(30)), 0.0)
        };
        let (waiting, until) = tokio::join!(waiting, throttle);
        assert_eq!(waiting.unwrap_err(), Paused { until });
        assert_eq!(budget.figures().2, 0, "nobody is left in the line");
    }
}
