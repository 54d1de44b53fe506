//! Whether an endpoint may be called: one breaker each, so that a broken one costs neither requests nor the others.
//!
//! Given: what came of each read, at an instant of the wire's own clock.
//! Gives: leave to call, or the instant of the next probe.
//! Does not: know about throttling or credentials, which stop everything and are kept elsewhere.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

/// Time since the source was made, real and monotonic: the wire never lives on the agent's clock.
pub type WireTime = Duration;

/// How long an endpoint without a route, or without leave to read it, is left alone. Contract §9.5.
pub const ROUTE_PAUSE: Duration = Duration::from_mins(15);
/// The stretch over which failures are counted. Contract §9.5.
const WINDOW: Duration = Duration::from_mins(5);
/// More than this share of failures opens the breaker. Contract §9.5.
const FAILED_SHARE: f64 = 0.2;
/// Below so many reads a share says nothing.
const SAMPLES_MIN: usize = 5;
/// So many failures on end open it whatever the share: waiting for the share to move would cost minutes.
const FAILED_IN_A_ROW: usize = 5;
/// So many failures on end are an endpoint that is down, as far as others may hope when it answers again.
pub const DOWN_AFTER: usize = 2;
/// Refused requests (our mistake) in a row that open it. Contract §9.5.
const REFUSED_IN_A_ROW: u32 = 3;
/// So many clients in a row without a route or without leave open it.
const TURNED_AWAY_IN_A_ROW: u32 = 2;
/// First pause after passing failures; doubles up to [`PAUSE_MAX`]. Short, because being blind is what hurts and
/// one probe costs nothing.
const PAUSE_MIN: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_mins(1);
/// Outcomes kept at most; older ones go first.
const KEPT_MAX: usize = 512;

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// No such route.
    Route,
    /// No leave to read.
    Permission,
    /// Our requests are refused.
    Request,
    /// Too many passing failures.
    Failures,
}

/// What came of one read, as far as the breaker cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It worked, or failed for a reason of its own (an id that is gone).
    Fine {
        /// As for failures.
        whose: u64,
    },
    /// It failed after all tries; `whose` tells one client's trouble from everybody's.
    Failed {
        /// Any number that is the same for the same client.
        whose: u64,
    },
    /// It was turned away: asking the same again would be answered the same.
    ///
    /// Departs from the contract's §9.5, by which the first one without a route or leave pauses the endpoint: one
    /// client whom the vendor will not show would hide everybody else's shifts for a quarter of an hour. It opens on
    /// a read that is about nobody in particular, and on several clients in a row without a good answer between. A
    /// client who was turned away before counts once, however often: that is its own trouble.
    TurnedAway {
        /// What was said: [`Why::Route`], [`Why::Permission`] or [`Why::Request`].
        why: Why,
        /// As for failures; 0 = about nobody in particular.
        whose: u64,
    },
}

/// What a breaker looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Calls go out.
    Closed,
    /// No calls until the instant.
    Open {
        /// Next probe, wire time.
        until: WireTime,
        /// Why.
        why: Why,
    },
    /// One call is out to see whether it works again.
    Probing {
        /// Why it had opened.
        why: Why,
    },
}

/// One endpoint's breaker.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    recent: VecDeque<(WireTime, Option<u64>)>,
    /// Turned away since the last good answer: lists each time, a client when it was not before.
    n_turned_away: u32,
    /// The clients who were turned away last.
    turned_away: HashSet<u64>,
    pause: Duration,
    probe_began: WireTime,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            recent: VecDeque::new(),
            n_turned_away: 0,
            turned_away: HashSet::new(),
            pause: PAUSE_MIN,
            probe_began: WireTime::ZERO,
        }
    }
}

impl Why {
    /// What is wrong, for logs and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Route => "there is no route",
            Self::Permission => "the account may not read it",
            Self::Request => "our requests are refused",
            Self::Failures => "too many reads failed",
        }
    }
}

impl Breaker {
    /// Leave to call at `now`, or when to ask again. Leave given while open is for one probe.
    pub fn admit(&mut self, now: WireTime) -> Result<(), WireTime> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until, .. } if now < until => Err(until),
            State::Open { why, .. } => {
                self.state = State::Probing { why };
                self.probe_began = now;
                Ok(())
            }
            // A probe whose outcome never came (its read was dropped) does not close the road for ever.
            State::Probing { .. } if now >= self.probe_began + 2 * PAUSE_MAX => {
                self.probe_began = now;
                Ok(())
            }
            State::Probing { .. } => Err(now + PAUSE_MIN),
        }
    }

    /// Takes in what came of an admitted read. True when that shows that the endpoint works again: it was open, or the
    /// last reads had failed.
    pub fn saw(&mut self, outcome: Outcome, now: WireTime) -> bool {
        let was_down = self.state != State::Closed || self.n_failed_on_end() >= DOWN_AFTER;
        match outcome {
            Outcome::Fine { whose } => self.fine(whose, now),
            Outcome::Failed { whose } => self.failed(whose, now),
            Outcome::TurnedAway { why, whose } => self.turned_away(why, whose, now),
        }
        was_down && matches!(outcome, Outcome::Fine { .. })
    }

    /// An admitted read ended without a word about the endpoint (no token, throttled): a probe stays due.
    pub fn unheard(&mut self, now: WireTime) {
        if let State::Probing { why } = self.state {
            self.state = State::Open { until: now + PAUSE_MIN, why };
        }
    }

    /// Another endpoint of the same vendor, that had failed too, works again: what closed this one is most likely over,
    /// and the next call is the probe. A missing route or leave is not mended by that.
    pub const fn hopes(&mut self, now: WireTime) {
        if let State::Open { why: Why::Failures, .. } = self.state {
            self.state = State::Open { until: now, why: Why::Failures };
        }
    }

    /// The state, for status pages.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    fn fine(&mut self, whose: u64, now: WireTime) {
        self.n_turned_away = 0;
        self.turned_away.remove(&whose);
        if self.state == State::Closed {
            self.keep(now, None);
        } else {
            self.state = State::Closed;
            self.recent.clear();
        }
        // The pause shrinks only after a calm stretch, so that flapping does not hammer.
        if !self.recent.is_empty()
            && self.recent.iter().all(|(_, failed)| failed.is_none())
            && self.recent.len() >= SAMPLES_MIN
        {
            self.pause = PAUSE_MIN;
        }
    }

    fn turned_away(&mut self, why: Why, whose: u64, now: WireTime) {
        let is_news = whose == 0 || self.turned_away.insert(whose);
        if !is_news {
            // A probe that asked about such a client has shown nothing: another one is made soon.
            self.unheard(now);
            return;
        }
        self.n_turned_away += 1;
        let enough = match why {
            Why::Request => REFUSED_IN_A_ROW,
            _ if whose == 0 => 1,
            _ => TURNED_AWAY_IN_A_ROW,
        };
        if self.n_turned_away >= enough || matches!(self.state, State::Probing { .. }) {
            self.open(why, now, ROUTE_PAUSE);
        }
    }

    fn failed(&mut self, whose: u64, now: WireTime) {
        if self.state == State::Closed {
            self.keep(now, Some(whose));
            if !self.is_failing() {
                return;
            }
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        self.open(Why::Failures, now, pause);
    }

    /// More than a fifth of the reads of the last minutes failed, and not all for the same client; or so many on
    /// end that nothing works.
    fn is_failing(&self) -> bool {
        let failed = self.recent.iter().filter_map(|(_, failed)| *failed);
        if self.n_failed_on_end() >= FAILED_IN_A_ROW {
            return true;
        }
        let n_failed = failed.clone().count();
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
        let share = n_failed as f64 / self.recent.len().max(1) as f64;
        self.recent.len() >= SAMPLES_MIN && share > FAILED_SHARE && failed.collect::<HashSet<_>>().len() >= 2
    }

    fn n_failed_on_end(&self) -> usize {
        self.recent.iter().rev().take_while(|(_, failed)| failed.is_some()).count()
    }

    fn keep(&mut self, now: WireTime, failed: Option<u64>) {
        self.recent.push_back((now, failed));
        while self.recent.len() > KEPT_MAX || self.recent.front().is_some_and(|(at, _)| *at + WINDOW < now) {
            self.recent.pop_front();
        }
    }

    fn open(&mut self, why: Why, now: WireTime, pause: Duration) {
        self.state = State::Open { until: now + pause, why };
        self.recent.clear();
        self.n_turned_away = 0;
    }
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "instants in order")]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> WireTime {
        Duration::from_secs(seconds)
    }

    const FINE: Outcome = Outcome::Fine { whose: 9 };

    const fn turned_away(why: Why, whose: u64) -> Outcome {
        Outcome::TurnedAway { why, whose }
    }

    #[test]
    fn a_missing_route_pauses_a_quarter_of_an_hour_and_probes_once() {
        let mut breaker = Breaker::default();
        assert_eq!(breaker.admit(s(0)), Ok(()));
        breaker.saw(turned_away(Why::Route, 0), s(1));
        assert_eq!(breaker.admit(s(2)), Err(s(901)));
        assert_eq!(breaker.admit(s(900)), Err(s(901)), "a second before");
        assert_eq!(breaker.admit(s(901)), Ok(()), "the probe");
        assert!(breaker.admit(s(901)).is_err(), "only one");
        breaker.saw(turned_away(Why::Route, 0), s(902));
        assert_eq!(breaker.admit(s(903)), Err(s(1802)), "still none: another quarter");
        assert_eq!(breaker.admit(s(1802)), Ok(()));
        breaker.saw(FINE, s(1803));
        assert_eq!(breaker.admit(s(1803)), Ok(()));
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn when_another_endpoint_works_again_failures_are_probed_at_once_and_refusals_are_not() {
        let mut breaker = Breaker::default();
        for n in 1..=5 {
            breaker.saw(Outcome::Failed { whose: n }, s(1));
        }
        assert_eq!(breaker.admit(s(2)), Err(s(6)), "open");
        breaker.hopes(s(3));
        assert_eq!(breaker.admit(s(3)), Ok(()), "the probe");
        breaker.hopes(s(3));
        assert!(breaker.admit(s(3)).is_err(), "only one");
        breaker.saw(Outcome::Failed { whose: 1 }, s(4));
        assert_eq!(breaker.admit(s(5)), Err(s(14)), "it was not over: the pause goes on growing");
        let mut refused = Breaker::default();
        refused.saw(turned_away(Why::Route, 0), s(1));
        refused.hopes(s(2));
        assert_eq!(refused.admit(s(3)), Err(s(901)));
        let mut closed = Breaker::default();
        closed.hopes(s(1));
        assert_eq!(closed.state(), State::Closed);
        assert!(!closed.saw(FINE, s(2)), "it worked before");
        closed.saw(Outcome::Failed { whose: 1 }, s(3));
        assert!(!closed.saw(FINE, s(4)), "one failure is none of the endpoint's");
        closed.saw(Outcome::Failed { whose: 1 }, s(5));
        assert!(!closed.saw(Outcome::Failed { whose: 2 }, s(6)));
        assert!(closed.saw(FINE, s(7)), "it had not worked");
    }

    #[test]
    fn three_refusals_in_a_row_open_it_two_do_not() {
        let mut breaker = Breaker::default();
        breaker.saw(turned_away(Why::Request, 0), s(1));
        breaker.saw(turned_away(Why::Request, 0), s(2));
        breaker.saw(FINE, s(3));
        breaker.saw(turned_away(Why::Request, 0), s(4));
        breaker.saw(turned_away(Why::Request, 0), s(5));
        assert_eq!(breaker.admit(s(5)), Ok(()), "a good one between starts the count again");
        breaker.saw(turned_away(Why::Request, 0), s(6));
        assert_eq!(breaker.state(), State::Open { until: s(906), why: Why::Request });
    }

    #[test]
    fn one_client_turned_away_alone_costs_nobody_else_their_reads() {
        use Why::{Permission, Request, Route};
        let rows: &[(Why, &[u64], bool, &str)] = &[
            (Permission, &[1], false, "the first of one client"),
            (Permission, &[1, 1, 1, 1], false, "the same client again and again"),
            (Permission, &[1, 2], true, "a second client"),
            (Permission, &[1, 9, 2], false, "a second client, but others are read"),
            (Permission, &[1, 2, 9, 1, 2, 1, 2], true, "two at the start"),
            (Permission, &[0], true, "a list, which is about everybody"),
            (Route, &[1, 1, 1], false, "no route for one client"),
            (Route, &[1, 2], true, "nor for another"),
            (Route, &[0], true, "nor for a list"),
            (Request, &[1, 1, 1, 1], false, "one client's request is wrong each time"),
            (Request, &[1, 2], false, "two clients'"),
            (Request, &[1, 2, 3], true, "three clients'"),
            (Request, &[0, 0], false, "a list's twice"),
            (Request, &[0, 0, 0], true, "and once more"),
        ];
        for (why, whose, opens, shows) in rows {
            let mut breaker = Breaker::default();
            for whose in *whose {
                breaker.saw(if *whose == 9 { FINE } else { turned_away(*why, *whose) }, s(1));
                if breaker.state() != State::Closed {
                    break;
                }
            }
            let expected = if *opens { State::Open { until: s(901), why: *why } } else { State::Closed };
            assert_eq!(breaker.state(), expected, "{shows}");
        }
    }

    #[test]
    fn clients_who_are_always_turned_away_close_the_road_once() {
        let mut breaker = Breaker::default();
        breaker.saw(turned_away(Why::Permission, 1), s(0));
        breaker.saw(turned_away(Why::Permission, 2), s(1));
        assert_eq!(breaker.admit(s(901)), Ok(()));
        breaker.saw(turned_away(Why::Permission, 1), s(901));
        assert_eq!(breaker.state(), State::Open { until: s(906), why: Why::Permission }, "that was known: ask another");
        assert_eq!(breaker.admit(s(906)), Ok(()));
        breaker.saw(FINE, s(906));
        for n in 0..10 {
            breaker.saw(turned_away(Why::Permission, 1 + n % 2), s(910 + n));
            assert_eq!(breaker.state(), State::Closed, "both are no news");
        }
        breaker.saw(Outcome::Fine { whose: 1 }, s(930));
        breaker.saw(turned_away(Why::Permission, 1), s(931));
        breaker.saw(turned_away(Why::Permission, 3), s(932));
        assert!(matches!(breaker.state(), State::Open { .. }), "one who was read since, and a new one");
    }

    #[test]
    fn a_probe_without_leave_opens_it_again_whoever_was_asked_about() {
        let mut breaker = Breaker::default();
        breaker.saw(turned_away(Why::Permission, 0), s(0));
        assert_eq!(breaker.admit(s(900)), Ok(()));
        breaker.saw(turned_away(Why::Permission, 7), s(900));
        assert_eq!(breaker.state(), State::Open { until: s(1800), why: Why::Permission });
    }

    #[test]
    fn more_than_a_fifth_of_failures_opens_it_exactly_a_fifth_does_not() {
        let mut breaker = Breaker::default();
        for n in 0..8 {
            breaker.saw(FINE, s(n));
        }
        breaker.saw(Outcome::Failed { whose: 1 }, s(10));
        breaker.saw(Outcome::Failed { whose: 2 }, s(11));
        assert_eq!(breaker.state(), State::Closed, "2 of 10");
        breaker.saw(Outcome::Failed { whose: 3 }, s(12));
        assert!(matches!(breaker.state(), State::Open { why: Why::Failures, .. }), "3 of 11");
    }

    #[test]
    fn failures_older_than_five_minutes_are_forgotten() {
        let mut breaker = Breaker::default();
        for n in 0..5 {
            breaker.saw(FINE, s(n));
        }
        breaker.saw(Outcome::Failed { whose: 1 }, s(5));
        for n in 0..6 {
            breaker.saw(FINE, s(310 + n));
        }
        breaker.saw(Outcome::Failed { whose: 2 }, s(320));
        assert_eq!(breaker.state(), State::Closed, "1 of 7 within the window");
    }

    #[test]
    fn one_client_that_always_fails_does_not_blind_the_others() {
        let mut breaker = Breaker::default();
        for n in 0..100 {
            breaker.saw(if n % 3 == 0 { Outcome::Failed { whose: 7 } } else { FINE }, s(n));
        }
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn nothing_but_failures_opens_it_and_pauses_double_up_to_a_minute() {
        let mut breaker = Breaker::default();
        for n in 0..5 {
            breaker.saw(Outcome::Failed { whose: 1 }, s(n));
        }
        let mut pauses = Vec::new();
        let mut now = s(4);
        for _ in 0..6 {
            let State::Open { until, .. } = breaker.state() else { panic!("open") };
            pauses.push((until - now).as_secs());
            now = until;
            assert_eq!(breaker.admit(now), Ok(()));
            breaker.saw(Outcome::Failed { whose: 1 }, now);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        breaker.admit(now + s(60)).unwrap();
        breaker.saw(FINE, now + s(60));
        assert_eq!(breaker.state(), State::Closed);
    }

    #[test]
    fn a_probe_that_was_dropped_is_made_again() {
        let mut breaker = Breaker::default();
        breaker.saw(turned_away(Why::Route, 0), s(0));
        assert_eq!(breaker.admit(s(900)), Ok(()));
        assert!(breaker.admit(s(1000)).is_err());
        assert_eq!(breaker.admit(s(1020)), Ok(()));
    }
}
