//! When the next request of an extension may leave: pure bookkeeping over instants.
//!
//! Given: what left, and what the answers' headers and refusals said. Gives: leave to go, or how long to wait.
//! Does not: send, or read a clock.
//!
//! After a 429 everything stops until the time it named, at least half a minute when it named none: each request inside
//! the penalty would begin it anew (RingCentral's guide to rate limits).

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// The penalty when an answer does not say how long.
pub(super) const PENALTY: Duration = Duration::from_secs(30);

/// Requests are counted by these groups, for each user and minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Reading.
    Light,
    /// Texts, subscriptions.
    Medium,
    /// Tokens.
    Auth,
    /// The log of calls.
    Heavy,
}

/// What an answer's `X-Rate-Limit-…` headers say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) limit: Option<u32>,
    pub(super) remaining: Option<u32>,
    pub(super) window: Option<Duration>,
}

#[derive(Debug)]
struct Count {
    limit: u32,
    window: Duration,
    left: VecDeque<Instant>,
    /// The provider says that nothing is left before then.
    none_until: Option<Instant>,
}

/// One extension's account of itself.
#[derive(Debug)]
pub(super) struct Limiter {
    penalty_until: Option<Instant>,
    counts: [Count; 4],
}

impl Default for Limiter {
    fn default() -> Self {
        let count = |limit| Count { limit, window: Duration::from_mins(1), left: VecDeque::new(), none_until: None };
        Self { penalty_until: None, counts: [count(50), count(40), count(5), count(10)] }
    }
}

impl Limiter {
    /// Takes leave for one request; of the group's limit, `keep` stay for others. `Err` says how long to wait.
    pub(super) fn take(&mut self, group: Group, keep: u32, now: Instant) -> Result<(), Duration> {
        if let Some(until) = self.penalty_until.filter(|until| now < *until) {
            return Err(until - now);
        }
        self.penalty_until = None;
        let count = &mut self.counts[group as usize];
        if let Some(until) = count.none_until.filter(|until| now < *until) {
            return Err(until - now);
        }
        count.none_until = None;
        while count.left.front().is_some_and(|at| now.duration_since(*at) >= count.window) {
            count.left.pop_front();
        }
        let allowed = count.limit.saturating_sub(keep).max(1) as usize;
        if count.left.len() >= allowed {
            let first = count.left.get(count.left.len() - allowed).copied().unwrap_or(now);
            return Err((first + count.window).saturating_duration_since(now).max(Duration::from_millis(1)));
        }
        count.left.push_back(now);
        Ok(())
    }

    /// Notes what an answer said.
    pub(super) fn heard(&mut self, group: Group, said: Said, now: Instant) {
        let count = &mut self.counts[group as usize];
        if let Some(limit) = said.limit.filter(|limit| *limit > 0) {
            count.limit = limit;
        }
        if let Some(window) = said.window.filter(|window| !window.is_zero()) {
            count.window = window;
        }
        if said.remaining == Some(0) {
            count.none_until = Some(now + count.window);
        }
    }

    /// A 429 came: nothing leaves before its time is over.
    pub(super) fn refused(&mut self, retry_after: Option<Duration>, now: Instant) -> Duration {
        let until = now + retry_after.unwrap_or(PENALTY).max(Duration::from_secs(1));
        let until = self.penalty_until.map_or(until, |known| known.max(until));
        self.penalty_until = Some(until);
        until - now
    }

    /// How much of a penalty is left.
    pub(super) fn penalty(&self, now: Instant) -> Option<Duration> {
        self.penalty_until.filter(|until| now < *until).map(|until| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_minute_holds_so_many_and_the_next_waits_for_the_first_to_be_a_minute_old() {
        let (mut limiter, t0) = (Limiter::default(), Instant::now());
        for n in 0..40 {
            assert_eq!(limiter.take(Group::Medium, 0, t0 + SECOND * n), Ok(()), "{n}");
        }
        assert_eq!(limiter.take(Group::Medium, 0, t0 + SECOND * 40), Err(SECOND * 20));
        assert_eq!(limiter.take(Group::Light, 0, t0 + SECOND * 40), Ok(()), "another group has its own");
        assert_eq!(limiter.take(Group::Medium, 0, t0 + SECOND * 60), Ok(()));
        assert_eq!(limiter.take(Group::Medium, 0, t0 + SECOND * 60), Err(SECOND));
    }

    #[test]
    fn what_can_wait_leaves_room_for_what_cannot() {
        let (mut limiter, t0) = (Limiter::default(), Instant::now());
        for _ in 0..40 {
            assert_eq!(limiter.take(Group::Light, 10, t0), Ok(()));
        }
        assert_eq!(limiter.take(Group::Light, 10, t0), Err(SECOND * 60));
        assert_eq!(limiter.take(Group::Light, 0, t0), Ok(()), "replies are still heard");
    }

    #[test]
    fn a_penalty_stops_everything_and_a_later_one_lengthens_it() {
        let (mut limiter, t0) = (Limiter::default(), Instant::now());
        assert_eq!(limiter.refused(Some(SECOND * 7), t0), SECOND * 7);
        for group in [Group::Light, Group::Medium, Group::Auth] {
            assert_eq!(limiter.take(group, 0, t0 + SECOND * 6), Err(SECOND));
        }
        assert_eq!(limiter.refused(Some(SECOND), t0 + SECOND), SECOND * 6, "the longer one counts");
        assert_eq!(limiter.refused(None, t0 + SECOND), PENALTY, "none named");
        assert_eq!(limiter.take(Group::Light, 0, t0 + SECOND + PENALTY), Ok(()));
    }

    #[test]
    fn the_headers_are_believed() {
        let (mut limiter, t0) = (Limiter::default(), Instant::now());
        let said = Said { limit: Some(2), remaining: Some(1), window: Some(SECOND * 10) };
        assert_eq!(limiter.take(Group::Medium, 0, t0), Ok(()));
        limiter.heard(Group::Medium, said, t0);
        assert_eq!(limiter.take(Group::Medium, 0, t0), Ok(()));
        assert_eq!(limiter.take(Group::Medium, 0, t0), Err(SECOND * 10));
        limiter.heard(Group::Light, Said { remaining: Some(0), ..Said::default() }, t0);
        assert_eq!(limiter.take(Group::Light, 0, t0), Err(SECOND * 60), "others used it up");
    }
}
