//! What an outcome makes of a stored message: a pure function from (row, outcome) to the row's next state.
//!
//! Given: the row as stored and what came of its latest attempt, or the fact that its time is over.
//! Gives: the new state, when it is due next, the receipt to write, and what becomes of a message that waits for it.
//! Does not: read or write anything. The back-off itself was chosen by the send loop.

use chrono::TimeDelta;

use super::Outcome;
use crate::{
    alerts::orders::News,
    model::Instant,
    notify::message::{Channel, MessageId},
};

/// How soon after a text was taken its delivery is first asked for. Carriers mostly report within a few seconds.
const FIRST_POLL: TimeDelta = TimeDelta::seconds(5);

/// The state of a stored message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MessageFate {
    /// Never tried, or known not to have left.
    Queued,
    /// Waits for a message it follows.
    Held,
    /// A send is under way.
    Claimed,
    /// It may have left.
    Uncertain,
    /// The provider has it.
    Sent,
    /// The provider says it arrived.
    Delivered,
    /// The provider says it did not.
    Undelivered,
    /// The provider refused it for good.
    Refused,
    /// Its useful time passed first.
    Expired,
    /// It was withdrawn, or what it follows never left.
    Cancelled,
}

impl MessageFate {
    /// Every state, in the order of a message's life.
    pub const ALL: [Self; 10] = [
        Self::Queued,
        Self::Held,
        Self::Claimed,
        Self::Uncertain,
        Self::Sent,
        Self::Delivered,
        Self::Undelivered,
        Self::Refused,
        Self::Expired,
        Self::Cancelled,
    ];

    /// The `state` label's value, and the stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Held => "held",
            Self::Claimed => "claimed",
            Self::Uncertain => "uncertain",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fate| fate.as_str() == word)
    }

    /// True while something may still happen to it by itself.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Held | Self::Claimed | Self::Uncertain)
    }
}

/// The parts of a stored message that change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: MessageId,
    pub(super) agency: String,
    pub(super) channel: Channel,
    pub(super) fate: MessageFate,
    pub(super) ready: Ready,
    pub(super) attempt: u32,
    pub(super) gateways: Vec<String>,
    pub(super) gateway: Option<String>,
    pub(super) useful_until: Instant,
    pub(super) claimed_at: Option<Instant>,
    pub(super) uncertain_since: Option<Instant>,
    pub(super) not_there_at: Option<Instant>,
    pub(super) provider_id: Option<String>,
    pub(super) ended_at: Option<Instant>,
    pub(super) poll_at: Option<Instant>,
    pub(super) withdrawn: bool,
    pub(super) copies: u32,
}

/// Whether it may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// Not by time alone.
    No,
    /// Now.
    Now,
    /// From then on.
    At(Instant),
}

/// What becomes of a message that waits for this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followers {
    /// Still waits.
    Wait,
    /// May go: this one went, or may have.
    Go,
    /// Is dropped: this one never left.
    Drop,
}

/// The verdict on one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) row: Row,
    pub(super) news: Option<News>,
    pub(super) followers: Followers,
}

impl Row {
    fn with(mut self, fate: MessageFate, ready: Ready) -> Self {
        self.fate = fate;
        self.ready = ready;
        self
    }

    /// Over for good at `at`, having left.
    fn over(mut self, fate: MessageFate, at: Instant, news: News) -> Settled {
        self.ended_at = Some(at);
        self.poll_at = None;
        Settled { row: self.with(fate, Ready::No), news: Some(news), followers: Followers::Go }
    }

    /// Over for good at `at`, without its provider having said that it took it. If no attempt can have left, `news` says
    /// how it ended, the recipient was not told and whatever follows is dropped. Else nobody knows, and that is all the
    /// receipt may say: the recipient may believe what they read until they hear that it is over.
    fn ended(self, fate: MessageFate, at: Instant, news: News) -> Settled {
        if self.uncertain_since.is_some() {
            self.over(fate, at, News::Uncertain)
        } else {
            Settled { followers: Followers::Drop, ..self.over(fate, at, news) }
        }
    }

    pub(super) fn next_gateway(&self) -> Option<String> {
        let place = self.gateways.iter().position(|name| Some(name) == self.gateway.as_ref())?;
        self.gateways.get((place + 1) % self.gateways.len()).cloned()
    }
}

/// The row after an attempt's outcome; `None` when the outcome is stale (a later attempt or a final state is stored).
pub(super) fn after_attempt(
    mut row: Row,
    attempt: u32,
    doubles: bool,
    at: Instant,
    outcome: &Outcome,
) -> Option<Settled> {
    if let Outcome::Reported { news } = outcome {
        return after_report(row, at, *news);
    }
    let late_success = matches!(outcome, Outcome::Sent { .. }) && row.fate == MessageFate::Expired;
    let awaited = matches!(row.fate, MessageFate::Claimed | MessageFate::Uncertain);
    if row.attempt != attempt || !(awaited || late_success) {
        return None;
    }
    // An earlier attempt that was sent over, unanswered, may still have left whatever this one came to.
    let earlier_may_have_left = doubles && row.uncertain_since.is_some();
    if matches!(outcome, Outcome::Retry { .. } | Outcome::RefusedHere { .. } | Outcome::Refused { .. }) {
        row.not_there_at = None;
        if !earlier_may_have_left {
            row.uncertain_since = None;
            row.copies = 0;
        }
    }
    Some(match outcome {
        Outcome::Sent { provider_id } => {
            row.provider_id.clone_from(provider_id);
            row.uncertain_since = None;
            row.not_there_at = None;
            let asks = matches!(row.channel, Channel::Sms | Channel::Call) && provider_id.is_some();
            let mut sent = row.over(MessageFate::Sent, at, News::Sent);
            sent.row.poll_at = asks.then(|| at + FIRST_POLL);
            sent
        }
        Outcome::Retry { at: retry_at, next_gateway, .. } => {
            retried(row, at, *retry_at, *next_gateway, earlier_may_have_left)
        }
        Outcome::RefusedHere { at: retry_at, .. } => retried(row, at, *retry_at, true, earlier_may_have_left),
        Outcome::Uncertain { ask_at, sent, .. } => {
            let first = row.uncertain_since.is_none();
            row.copies += u32::from(*sent);
            row.uncertain_since = row.uncertain_since.or(row.claimed_at).or(Some(at));
            row.not_there_at = None;
            if row.withdrawn {
                row.ended(MessageFate::Cancelled, at, News::Uncertain)
            } else {
                // Not repeated any more: it went or it did not, and the closing need not wait for its time to be over.
                let (ready, followers) =
                    ask_at.map_or((Ready::No, Followers::Go), |at| (Ready::At(at), Followers::Wait));
                Settled {
                    row: row.with(MessageFate::Uncertain, ready),
                    news: first.then_some(News::Uncertain),
                    followers,
                }
            }
        }
        Outcome::NotThere { ask_at } => {
            row.not_there_at = row.not_there_at.or(Some(at));
            // The second question would come with a send.
            if row.withdrawn {
                return Some(row.ended(MessageFate::Cancelled, at, News::Cancelled));
            }
            Settled {
                row: row.with(MessageFate::Uncertain, Ready::At(*ask_at)),
                news: None,
                followers: Followers::Wait,
            }
        }
        Outcome::Refused { bad: Some(_), .. } => row.ended(MessageFate::Refused, at, News::OptedOut),
        Outcome::Refused { bad: None, .. } => row.ended(MessageFate::Refused, at, News::Refused),
        Outcome::Reported { .. } => return None,
    })
}

/// The row of a message that is tried again at `retry_at`.
fn retried(mut row: Row, at: Instant, retry_at: Instant, next_gateway: bool, earlier_may_have_left: bool) -> Settled {
    if next_gateway && let Some(next) = row.next_gateway() {
        row.gateway = Some(next);
    }
    if row.withdrawn {
        row.ended(MessageFate::Cancelled, at, News::Cancelled)
    } else if retry_at >= row.useful_until {
        row.ended(MessageFate::Expired, at, News::Expired)
    } else {
        let ready = if retry_at <= at { Ready::Now } else { Ready::At(retry_at) };
        let fate = if earlier_may_have_left { MessageFate::Uncertain } else { MessageFate::Queued };
        Settled { row: row.with(fate, ready), news: None, followers: Followers::Wait }
    }
}

/// The row after a delivery report. Reports come out of order: what is final stays.
fn after_report(row: Row, at: Instant, news: News) -> Option<Settled> {
    let fate = match news {
        News::Delivered => MessageFate::Delivered,
        News::Undelivered | News::OptedOut => MessageFate::Undelivered,
        _ => return None,
    };
    (row.fate == MessageFate::Sent).then(|| row.over(fate, at, news))
}

/// The row once its useful time is over; `None` when that no longer matters.
pub(super) fn after_expiry(row: Row, at: Instant) -> Option<Settled> {
    let open = matches!(row.fate, MessageFate::Queued | MessageFate::Held | MessageFate::Uncertain);
    (open && row.useful_until <= at).then(|| row.ended(MessageFate::Expired, at, News::Expired))
}

/// The row of a send whose outcome was never recorded: the process stopped, or the lease passed. Never `queued`.
pub(super) fn after_lapse(mut row: Row, at: Instant) -> Option<Settled> {
    if row.fate != MessageFate::Claimed {
        return None;
    }
    let first = row.uncertain_since.is_none();
    row.uncertain_since = row.uncertain_since.or(row.claimed_at).or(Some(at));
    row.not_there_at = None;
    Some(if row.withdrawn {
        row.ended(MessageFate::Cancelled, at, News::Uncertain)
    } else {
        Settled {
            row: row.with(MessageFate::Uncertain, Ready::Now),
            news: first.then_some(News::Uncertain),
            followers: Followers::Wait,
        }
    })
}

/// The row of a message that is withdrawn.
pub(super) fn after_withdrawal(mut row: Row, at: Instant) -> Option<Settled> {
    match row.fate {
        MessageFate::Queued | MessageFate::Held | MessageFate::Uncertain => {
            Some(row.ended(MessageFate::Cancelled, at, News::Cancelled))
        }
        // It is on the wire; its outcome decides, but it is not tried again.
        MessageFate::Claimed => {
            row.withdrawn = true;
            Some(Settled { row, news: None, followers: Followers::Wait })
        }
        _ => None,
    }
}

/// What several messages together mean for one that follows them all: it goes once one of them went, or may have, and
/// is dropped only when none did.
pub(super) fn after_all(followed: impl IntoIterator<Item = Followers>) -> Followers {
    let (mut any, mut waits) = (false, false);
    for one in followed {
        any = true;
        match one {
            Followers::Go => return Followers::Go,
            Followers::Wait => waits = true,
            Followers::Drop => {}
        }
    }
    match (any, waits) {
        (false, _) => Followers::Go,
        (true, true) => Followers::Wait,
        (true, false) => Followers::Drop,
    }
}

/// The row of a message that waited, once the one it follows is settled.
pub(super) fn after_followed(row: Row, at: Instant, followers: Followers) -> Option<Settled> {
    if row.fate != MessageFate::Held {
        return None;
    }
    match followers {
        Followers::Wait => None,
        Followers::Go => {
            Some(Settled { row: row.with(MessageFate::Queued, Ready::Now), news: None, followers: Followers::Wait })
        }
        Followers::Drop => Some(row.ended(MessageFate::Cancelled, at, News::Cancelled)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn t(seconds: i64) -> Instant {
        from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
    }

    fn claimed() -> Row {
        Row {
            id: MessageId::from_stored("m".into()),
            agency: "main".into(),
            channel: Channel::Sms,
            fate: MessageFate::Claimed,
            ready: Ready::No,
            attempt: 2,
            gateways: vec!["a".into(), "b".into()],
            gateway: Some("a".into()),
            useful_until: t(100),
            claimed_at: Some(t(1)),
            uncertain_since: None,
            not_there_at: None,
            provider_id: None,
            ended_at: None,
            poll_at: None,
            withdrawn: false,
            copies: 0,
        }
    }

    fn retry(at: i64) -> Outcome {
        Outcome::Retry { at: t(at), next_gateway: false, why: String::new() }
    }

    /// What it shows, row, sent over an uncertain one, outcome at t(5), fate, ready, news, followers.
    type Case = (&'static str, Row, bool, Outcome, MessageFate, Ready, Option<News>, Followers);

    #[test]
    fn each_outcome_has_its_next_state() {
        let unsure = || Row { uncertain_since: Some(t(0)), ..claimed() };
        let withdrawn = || Row { withdrawn: true, ..claimed() };
        let sent = Outcome::Sent { provider_id: Some("SM1".into()) };
        let unknown = Outcome::Uncertain { ask_at: Some(t(6)), sent: true, why: String::new() };
        let next = Outcome::Retry { at: t(5), next_gateway: true, why: String::new() };
        let cases: Vec<Case> = vec![
            ("taken", claimed(), false, sent.clone(), MessageFate::Sent, Ready::No, Some(News::Sent), Followers::Go),
            ("later", claimed(), false, retry(9), MessageFate::Queued, Ready::At(t(9)), None, Followers::Wait),
            ("at once", claimed(), false, next, MessageFate::Queued, Ready::Now, None, Followers::Wait),
            ("just in time", claimed(), false, retry(99), MessageFate::Queued, Ready::At(t(99)), None, Followers::Wait),
            (
                "never beyond",
                claimed(),
                false,
                retry(100),
                MessageFate::Expired,
                Ready::No,
                Some(News::Expired),
                Followers::Drop,
            ),
            (
                "unknown",
                claimed(),
                false,
                unknown.clone(),
                MessageFate::Uncertain,
                Ready::At(t(6)),
                Some(News::Uncertain),
                Followers::Wait,
            ),
            (
                "unknown too often: not repeated, and the closing need not wait",
                unsure(),
                true,
                Outcome::Uncertain { ask_at: None, sent: true, why: String::new() },
                MessageFate::Uncertain,
                Ready::No,
                None,
                Followers::Go,
            ),
            (
                "unknown again says nothing new",
                unsure(),
                false,
                unknown.clone(),
                MessageFate::Uncertain,
                Ready::At(t(6)),
                None,
                Followers::Wait,
            ),
            (
                "asked, not there, so it did not leave",
                unsure(),
                false,
                retry(9),
                MessageFate::Queued,
                Ready::At(t(9)),
                None,
                Followers::Wait,
            ),
            (
                "sent over, failed: the first may have left",
                unsure(),
                true,
                retry(9),
                MessageFate::Uncertain,
                Ready::At(t(9)),
                None,
                Followers::Wait,
            ),
            (
                "sent over, refused: the closing still goes",
                unsure(),
                true,
                Outcome::Refused { why: String::new(), bad: None },
                MessageFate::Refused,
                Ready::No,
                Some(News::Uncertain),
                Followers::Go,
            ),
            (
                "sent over, no time left: whoever read the first still hears the end",
                unsure(),
                true,
                retry(100),
                MessageFate::Expired,
                Ready::No,
                Some(News::Uncertain),
                Followers::Go,
            ),
            (
                "asked, not there, then refused: it never left",
                unsure(),
                false,
                Outcome::Refused { why: String::new(), bad: None },
                MessageFate::Refused,
                Ready::No,
                Some(News::Refused),
                Followers::Drop,
            ),
            (
                "refused",
                claimed(),
                false,
                Outcome::Refused { why: String::new(), bad: None },
                MessageFate::Refused,
                Ready::No,
                Some(News::Refused),
                Followers::Drop,
            ),
            (
                "refused by this gateway: the next one is asked",
                claimed(),
                false,
                Outcome::RefusedHere { at: t(5), why: String::new() },
                MessageFate::Queued,
                Ready::Now,
                None,
                Followers::Wait,
            ),
            (
                "withdrawn, did not leave",
                withdrawn(),
                false,
                retry(9),
                MessageFate::Cancelled,
                Ready::No,
                Some(News::Cancelled),
                Followers::Drop,
            ),
            (
                "withdrawn, may have left",
                withdrawn(),
                false,
                unknown,
                MessageFate::Cancelled,
                Ready::No,
                Some(News::Uncertain),
                Followers::Go,
            ),
            (
                "withdrawn while it was asked for: not sent again",
                Row { uncertain_since: Some(t(0)), ..withdrawn() },
                false,
                Outcome::NotThere { ask_at: t(15) },
                MessageFate::Cancelled,
                Ready::No,
                Some(News::Uncertain),
                Followers::Go,
            ),
            (
                "withdrawn too late",
                withdrawn(),
                false,
                sent,
                MessageFate::Sent,
                Ready::No,
                Some(News::Sent),
                Followers::Go,
            ),
        ];
        for (shows, row, doubles, outcome, fate, ready, news, followers) in cases {
            let settled = after_attempt(row, 2, doubles, t(5), &outcome).unwrap_or_else(|| panic!("{shows}: ignored"));
            assert_eq!(
                (settled.row.fate, settled.row.ready, settled.news, settled.followers),
                (fate, ready, news, followers),
                "{shows}"
            );
        }
    }

    #[test]
    fn uncertainty_begins_when_the_request_left_and_ends_when_the_provider_denied_it() {
        let unknown = Outcome::Uncertain { ask_at: Some(t(6)), sent: true, why: String::new() };
        let row = after_attempt(claimed(), 2, false, t(5), &unknown).unwrap().row;
        assert_eq!((row.uncertain_since, row.copies), (Some(t(1)), 1), "the claim, not the time-out");
        let row = after_attempt(row, 2, false, t(7), &Outcome::NotThere { ask_at: t(17) }).unwrap().row;
        assert_eq!((row.not_there_at, row.fate), (Some(t(7)), MessageFate::Uncertain));
        let row = after_attempt(row, 2, false, t(17), &retry(17)).unwrap().row;
        assert_eq!((row.uncertain_since, row.not_there_at, row.fate), (None, None, MessageFate::Queued));
        assert_eq!(row.copies, 0, "what was denied is no copy");
    }

    #[test]
    fn stale_outcomes_change_nothing() {
        assert_eq!(after_attempt(claimed(), 1, false, t(5), &retry(9)), None, "an older attempt");
        let sent = Row { fate: MessageFate::Sent, ..claimed() };
        assert_eq!(after_attempt(sent.clone(), 2, false, t(5), &retry(9)), None, "recorded twice");
        assert_eq!(after_expiry(sent, t(500)), None, "what is sent cannot expire");
        let delivered = Row { fate: MessageFate::Delivered, ..claimed() };
        let report = Outcome::Reported { news: News::Undelivered };
        assert_eq!(after_attempt(delivered, 2, false, t(5), &report), None, "never back from delivered");
        let expired = Row { fate: MessageFate::Expired, ..claimed() };
        let sent = Outcome::Sent { provider_id: None };
        assert_eq!(after_attempt(expired, 2, false, t(5), &sent).unwrap().row.fate, MessageFate::Sent, "truth wins");
    }

    #[test]
    fn gateways_take_turns_and_wrap_around() {
        let next = Outcome::Retry { at: t(5), next_gateway: true, why: String::new() };
        let row = after_attempt(claimed(), 2, false, t(5), &next).unwrap().row;
        assert_eq!(row.gateway.as_deref(), Some("b"));
        let row = Row { fate: MessageFate::Claimed, ..row };
        assert_eq!(after_attempt(row, 2, false, t(5), &next).unwrap().row.gateway.as_deref(), Some("a"));
    }

    #[test]
    fn a_lapsed_send_is_uncertain_never_queued() {
        let settled = after_lapse(claimed(), t(50)).unwrap();
        assert_eq!((settled.row.fate, settled.row.ready), (MessageFate::Uncertain, Ready::Now));
        assert_eq!(settled.row.uncertain_since, Some(t(1)));
        assert_eq!(after_lapse(Row { fate: MessageFate::Queued, ..claimed() }, t(50)), None);
    }

    #[test]
    fn expiry_takes_what_waits_at_its_instant_and_not_before() {
        let queued = Row { fate: MessageFate::Queued, ..claimed() };
        assert_eq!(after_expiry(queued.clone(), t(99)), None);
        let gone = after_expiry(queued, t(100)).unwrap();
        assert_eq!((gone.news, gone.followers), (Some(News::Expired), Followers::Drop));
        let unsure = Row { fate: MessageFate::Uncertain, uncertain_since: Some(t(1)), ..claimed() };
        let gone = after_expiry(unsure, t(100)).unwrap();
        assert_eq!(gone.row.fate, MessageFate::Expired);
        assert_eq!(
            (gone.news, gone.followers),
            (Some(News::Uncertain), Followers::Go),
            "it may have left: say it is over"
        );
        assert_eq!(after_expiry(claimed(), t(100)), None, "on the wire: its outcome decides");
    }
}
