//! The token's life, as a state machine without I/O. One token for all tasks; [`super::exchange`] keeps this
//! behind one lock, so that a refresh happens once whoever needs it.
//!
//! Given: what the token address and the API answered, on the wire's own clock.
//! Gives: whether to use the held token, ask for a new one, or leave the vendor alone.
//! Does not: believe `issued_at`, `token_type` or `status`: only how long the token lives, from when it came.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde_json::Value;

use super::{breaker::WireTime, wire::value};

/// Assumed when the answer does not say how long the token lives. Contract §1.3: about an hour.
const LIFE_DEFAULT: Duration = Duration::from_hours(1);
/// The longest margin before the end at which the token is renewed; for short lives a tenth. Contract §1.3.
const MARGIN_MAX: Duration = Duration::from_mins(5);
/// Pauses after the first, second, and every further refusal. Contract §1.3: refusing in a loop may lock us out.
const REFUSED_PAUSES: [Duration; 3] = [Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(15)];
/// The longest pause while the token address fails in passing.
const FAILING_PAUSE_MAX: Duration = Duration::from_mins(1);
/// A 403 that might mean an expired token refreshes it at most so often. Contract §8 no. 22.
const FORBIDDEN_REFRESH_EVERY: Duration = Duration::from_mins(10);

/// How the token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// A JSON object.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl BodyForm {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Json => Self::Form,
            Self::Form => Self::Json,
        }
    }
}

/// A token on loan to one request.
#[derive(Clone)]
pub struct Loan {
    /// The token.
    pub token: SecretString,
    /// Which one it is; given back when the API refuses it, so that nobody throws away a newer one.
    pub generation: u64,
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loan({})", self.generation)
    }
}

/// What to do for somebody who needs a token.
#[derive(Debug)]
pub enum Plan {
    /// Use this one.
    Use(Loan),
    /// Ask for one, with this body.
    Ask(BodyForm),
    /// Send nothing.
    Blocked(Blocked),
}

/// Why and until when nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Wire time.
    pub until: WireTime,
    /// The `code` label.
    pub code: String,
    /// True when the credential was refused; false when the token address fails in passing.
    pub refused: bool,
}

/// What to do about a request the API refused with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After401 {
    /// Send it again, with whatever token is current.
    Again,
    /// A fresh token was refused as well: stop calling.
    Stop,
}

/// The state.
#[derive(Debug)]
pub struct TokenState {
    held: Option<Held>,
    form: BodyForm,
    generation: u64,
    blocked: Option<Blocked>,
    n_refused: usize,
    n_failing: u32,
    refreshed_for_403: Option<WireTime>,
}

#[derive(Debug)]
struct Held {
    loan: Loan,
    renew_at: WireTime,
    dies_at: WireTime,
    /// True once the API has answered anything but 401 with it.
    proven: bool,
}

impl Default for TokenState {
    fn default() -> Self {
        Self {
            held: None,
            form: BodyForm::Json,
            generation: 0,
            blocked: None,
            n_refused: 0,
            n_failing: 0,
            refreshed_for_403: None,
        }
    }
}

impl TokenState {
    /// What somebody who needs a token at `now` should do.
    #[must_use]
    pub fn plan(&self, now: WireTime) -> Plan {
        let blocked = self.blocked.as_ref().filter(|blocked| now < blocked.until);
        let held = self.held.as_ref();
        match (blocked, held) {
            (Some(blocked), _) if blocked.refused => Plan::Blocked(blocked.clone()),
            (_, Some(held)) if now < held.renew_at => Plan::Use(held.loan.clone()),
            // The address fails, the old token still lives: better than nothing.
            (Some(_), Some(held)) if now < held.dies_at => Plan::Use(held.loan.clone()),
            (Some(blocked), _) => Plan::Blocked(blocked.clone()),
            (None, _) => Plan::Ask(self.form),
        }
    }

    /// Takes in a 200 of the token address. `chance` (0..1) moves the renewal a little, so that many agents do
    /// not renew together. False when there was no token in it.
    pub fn granted(&mut self, body: &[u8], form: BodyForm, now: WireTime, chance: f64) -> bool {
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        let Some(token) = answer.as_ref().and_then(|answer| value::text(answer.get("access_token"))) else {
            return false;
        };
        let life = answer
            .as_ref()
            .and_then(|answer| value::text(answer.get("expires_in")))
            .and_then(|text| text.parse::<f64>().ok())
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(1.0)).ok())
            .unwrap_or(LIFE_DEFAULT);
        let margin = MARGIN_MAX.min(life / 10);
        let margin = margin.mul_f64(1.0 + chance.clamp(0.0, 1.0) / 5.0);
        self.generation += 1;
        self.held = Some(Held {
            loan: Loan { token: SecretString::from(token), generation: self.generation },
            renew_at: now + life.saturating_sub(margin),
            dies_at: now + life,
            proven: false,
        });
        self.form = form;
        self.blocked = None;
        self.n_failing = 0;
        true
    }

    /// The token address refused the credential (400, 401, 403, 404, …), in both body forms where that was tried.
    pub fn refused(&mut self, code: String, now: WireTime) {
        let pause = REFUSED_PAUSES[self.n_refused.min(REFUSED_PAUSES.len() - 1)];
        self.n_refused += 1;
        self.held = None;
        self.blocked = Some(Blocked { until: now + pause, code, refused: true });
    }

    /// The token address failed in passing (5xx, time-out, no token in a 200).
    pub fn failed(&mut self, code: String, now: WireTime) {
        let pause = Duration::from_secs(1 << self.n_failing.min(6)).min(FAILING_PAUSE_MAX);
        self.n_failing += 1;
        self.blocked = Some(Blocked { until: now + pause, code, refused: false });
    }

    /// The API answered 401 to a request with token `generation`. `again` says that the request had been sent
    /// again before for this reason.
    pub fn rejected(&mut self, generation: u64, again: bool, now: WireTime) -> After401 {
        let Some(held) = self.held.as_ref().filter(|held| held.loan.generation == generation) else {
            // A newer token came meanwhile (it may have killed the old one): use that.
            return After401::Again;
        };
        if again && !held.proven {
            self.refused("401".to_owned(), now);
            return After401::Stop;
        }
        self.held = None;
        After401::Again
    }

    /// The API took token `generation`.
    pub fn accepted(&mut self, generation: u64) {
        if let Some(held) = self.held.as_mut().filter(|held| held.loan.generation == generation) {
            held.proven = true;
            self.n_refused = 0;
        }
    }

    /// Whether a 403 that explains nothing may refresh the token now. If so, the token is gone.
    pub fn refresh_for_403(&mut self, generation: u64, now: WireTime) -> bool {
        if self.held.as_ref().is_some_and(|held| held.loan.generation != generation) {
            return true;
        }
        if self.refreshed_for_403.is_some_and(|at| now < at + FORBIDDEN_REFRESH_EVERY) {
            return false;
        }
        self.refreshed_for_403 = Some(now);
        self.held = None;
        true
    }

    /// When the held token will be renewed, and with which body it was got.
    #[must_use]
    pub fn held(&self) -> Option<(WireTime, BodyForm)> {
        self.held.as_ref().map(|held| (held.renew_at, self.form))
    }

    /// What blocks the credential at `now`.
    #[must_use]
    pub fn blocked(&self, now: WireTime) -> Option<&Blocked> {
        self.blocked.as_ref().filter(|blocked| now < blocked.until)
    }
}

#[cfg(test)]
#[expect(clippy::unchecked_time_subtraction, reason = "instants in order")]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> WireTime {
        Duration::from_secs(seconds)
    }

    fn granted(body: &str, now: WireTime, chance: f64) -> TokenState {
        let mut state = TokenState::default();
        assert!(state.granted(body.as_bytes(), BodyForm::Json, now, chance));
        state
    }

    #[test]
    fn the_margin_is_five_minutes_or_a_tenth_of_the_life() {
        let rows: &[(&str, f64, &str)] = &[
            (r#"{"access_token":"a","expires_in":"3599"}"#, 3299.0, "text, as the vendor sends it"),
            (r#"{"access_token":"a","expires_in":3600}"#, 3300.0, "a number"),
            (r#"{"access_token":"a","expires_in":"100"}"#, 90.0, "a short life: a tenth"),
            (r#"{"access_token":"a","expires_in":20}"#, 18.0, "shorter still"),
            (r#"{"access_token":"a"}"#, 3300.0, "no life: an hour"),
            (r#"{"access_token":"a","expires_in":"soon"}"#, 3300.0, "unreadable: an hour"),
            (r#"{"access_token":"a","expires_in":"0"}"#, 0.9, "zero is a second, so that nothing loops"),
        ];
        for (body, renew, shows) in rows {
            let state = granted(body, s(0), 0.0);
            let (renew_at, _) = state.held().unwrap();
            assert!((renew_at.as_secs_f64() - renew).abs() < 1e-6, "{shows}: {renew_at:?}");
        }
        let earlier = granted(r#"{"access_token":"a","expires_in":"3600"}"#, s(0), 1.0).held().unwrap().0;
        assert_eq!(earlier, s(3240), "the jitter renews earlier, never later");
    }

    #[test]
    fn a_200_without_a_token_is_no_token() {
        for body in ["", "<html>", "{}", r#"{"access_token":null}"#, r#"{"access_token":" "}"#, "[]"] {
            assert!(!TokenState::default().granted(body.as_bytes(), BodyForm::Json, s(0), 0.0), "{body}");
        }
    }

    #[test]
    fn refusals_pause_one_five_and_fifteen_minutes() {
        let mut state = TokenState::default();
        let mut now = s(0);
        let mut pauses = Vec::new();
        for _ in 0..5 {
            assert!(matches!(state.plan(now), Plan::Ask(BodyForm::Json)));
            state.refused("401".into(), now);
            let until = state.blocked(now).unwrap().until;
            assert!(matches!(state.plan(until - s(1)), Plan::Blocked(_)));
            pauses.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(pauses, [60, 300, 900, 900, 900]);
    }

    #[test]
    fn one_refresh_for_a_401_then_stop() {
        let mut state = granted(r#"{"access_token":"a"}"#, s(0), 0.0);
        state.accepted(1);
        assert_eq!(state.rejected(1, false, s(10)), After401::Again);
        assert!(matches!(state.plan(s(10)), Plan::Ask(_)));
        assert_eq!(state.rejected(1, false, s(10)), After401::Again, "a second task with the old token");
        state.granted(br#"{"access_token":"b"}"#, BodyForm::Json, s(11), 0.0);
        assert_eq!(state.rejected(1, false, s(11)), After401::Again, "a straggler does not throw the new one away");
        assert!(matches!(state.plan(s(11)), Plan::Use(Loan { generation: 2, .. })));
        assert_eq!(state.rejected(2, true, s(12)), After401::Stop, "the new one is refused as well");
        assert!(matches!(state.plan(s(13)), Plan::Blocked(Blocked { refused: true, .. })));
        assert!(matches!(state.plan(s(72)), Plan::Ask(_)), "after a minute it is tried again");
    }

    #[test]
    fn a_fresh_token_refused_again_and_again_backs_off_although_the_token_address_grants() {
        let mut state = TokenState::default();
        let mut now = s(0);
        let mut pauses = Vec::new();
        for _ in 0..3 {
            state.granted(br#"{"access_token":"a"}"#, BodyForm::Json, now, 0.0);
            let generation = state.generation;
            state.rejected(generation, true, now);
            let until = state.blocked(now).unwrap().until;
            pauses.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(pauses, [60, 300, 900]);
    }

    #[test]
    fn an_unexplained_403_refreshes_once_in_ten_minutes() {
        let mut state = granted(r#"{"access_token":"a"}"#, s(0), 0.0);
        assert!(state.refresh_for_403(1, s(0)));
        state.granted(br#"{"access_token":"b"}"#, BodyForm::Json, s(1), 0.0);
        assert!(state.refresh_for_403(1, s(2)), "another task's old token: just use the new one");
        assert!(!state.refresh_for_403(2, s(599)));
        assert!(state.refresh_for_403(2, s(600)));
    }

    #[test]
    fn while_the_token_address_fails_the_old_token_serves_until_it_dies() {
        let mut state = granted(r#"{"access_token":"a","expires_in":100}"#, s(0), 0.0);
        assert!(matches!(state.plan(s(89)), Plan::Use(_)));
        assert!(matches!(state.plan(s(90)), Plan::Ask(_)));
        for _ in 0..7 {
            state.failed("500".into(), s(90));
        }
        assert!(matches!(state.plan(s(99)), Plan::Use(_)));
        assert!(matches!(state.plan(s(100)), Plan::Blocked(Blocked { refused: false, .. })));
        assert!(matches!(state.plan(s(150)), Plan::Ask(_)));
    }

    #[test]
    fn the_body_that_worked_is_remembered() {
        let mut state = TokenState::default();
        state.granted(br#"{"access_token":"a","expires_in":10}"#, BodyForm::Form, s(0), 0.0);
        assert!(matches!(state.plan(s(100)), Plan::Ask(BodyForm::Form)));
        assert!(!format!("{state:?}").contains("\"a\""), "a token is never printed");
    }
}
