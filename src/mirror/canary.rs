//! "All empty" is a fault of the source, not a schedule without shifts (contract §8 no. 2, §9.3 no. 7).
//!
//! A complete read that shows none of a client's known shifts is *suspect*. It counts as evidence only while
//! another client's read, made since, brought rows, and while neither the clients with the most shifts (the
//! canaries) nor more than 30 % of all clients went to zero. Until then nothing is taken for removed; a read of
//! somebody else who has shifts is wanted at once, because in a small agency it may be an hour off.
//!
//! In an agency with shifts of a single client nobody can vouch for an empty read: it never counts, its windows
//! end by the clock, and the anomaly says why.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use crate::{
    model::{ClientId, Instant},
    source::fetched::Span,
};

/// How many clients with the most shifts are watched.
const CANARIES: usize = 3;
/// Fewer clients are not many, whatever their share: two of six may well lose their only shift on one day. They are
/// vouched for, or not, one by one.
const MANY_MIN: usize = 3;
/// How many clients with nothing at all make a first start suspicious.
const EMPTY_AT_START: usize = 3;
/// How long a client that lost its shifts for good still counts towards the 30 %: one slow sweep.
const SWEEP: TimeDelta = TimeDelta::hours(1);

#[derive(Debug, Clone, Copy)]
struct Zero {
    since: Instant,
    n_reads: u32,
    /// The newest empty read that does not count yet.
    unvouched: Option<(Span, Instant)>,
}

/// An empty read that counts after all, because another client's read showed rows since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whose it was.
    pub client: ClientId,
    /// What it covered.
    pub span: Span,
    /// When it began.
    pub as_of: Instant,
}

/// Who went to zero, and who still brings rows.
#[derive(Debug, Clone, Default)]
pub struct Canary {
    zeroed: BTreeMap<ClientId, Zero>,
    /// The two clients whose reads last brought rows.
    alive: [Option<(ClientId, Instant)>; 2],
    empty_at_start: BTreeSet<ClientId>,
    frozen_since: Option<Instant>,
}

/// Whether a read that showed nothing may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It counts like any complete read.
    Counts,
    /// It does not; the client keeps what it had.
    Suspect,
}

impl Canary {
    /// A client's read brought rows. True when a freeze may have ended.
    pub fn rows(&mut self, client: &ClientId, as_of: Instant) -> bool {
        self.empty_at_start.clear();
        match &mut self.alive {
            [Some((first, at)), _] if first == client => *at = (*at).max(as_of),
            [first, second] => {
                *second = first.take();
                *first = Some((client.clone(), as_of));
            }
        }
        self.zeroed.remove(client).is_some()
    }

    /// A complete read showed none of the `held` shifts that the mirror knows of this client. `counts` gives every
    /// client with its number of live shifts.
    pub fn zero<'a>(
        &mut self,
        client: &ClientId,
        as_of: Instant,
        counts: impl Iterator<Item = (&'a ClientId, usize)>,
    ) -> Word {
        let zero = self.zeroed.entry(client.clone()).or_insert(Zero { since: as_of, n_reads: 0, unvouched: None });
        zero.n_reads += 1;
        let since = zero.since;
        self.weigh(as_of, counts);
        if self.frozen_since.is_none() && self.vouched(client, since) { Word::Counts } else { Word::Suspect }
    }

    /// Keeps a suspect read until somebody vouches for it.
    pub fn keep(&mut self, client: &ClientId, span: Span, as_of: Instant) {
        if let Some(zero) = self.zeroed.get_mut(client) {
            zero.unvouched = Some((span, as_of));
        }
    }

    /// What this client's read with rows vouches for: empty reads of others that began before it. Each once.
    pub fn vouch(&mut self, by: &ClientId, as_of: Instant) -> Vec<Vouched> {
        if self.frozen_since.is_some() {
            return Vec::new();
        }
        let others = self.zeroed.iter_mut().filter(|(client, _)| *client != by);
        others
            .filter_map(|(client, zero)| {
                let (span, at) = zero.unvouched.take_if(|(_, at)| *at <= as_of)?;
                Some(Vouched { client: client.clone(), span, as_of: at })
            })
            .collect()
    }

    /// A complete first read of a client brought nothing, while the mirror holds no shift at all.
    pub fn empty_start(&mut self, client: &ClientId) {
        if self.empty_at_start.len() < EMPTY_AT_START {
            self.empty_at_start.insert(client.clone());
        }
    }

    /// Looks again at whether removals are frozen. True when that changed.
    pub fn weigh<'a>(&mut self, now: Instant, counts: impl Iterator<Item = (&'a ClientId, usize)>) -> bool {
        let mut top: Vec<(usize, &ClientId)> = Vec::new();
        let mut n_holding = 0_usize;
        let mut holding_zeroed = 0_usize;
        for (client, n) in counts {
            if n == 0 {
                continue;
            }
            n_holding += 1;
            holding_zeroed += usize::from(self.zeroed.contains_key(client));
            top.push((n, client));
            top.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
            top.truncate(CANARIES);
        }
        let canaries_dead = top.len() >= 2 && top.iter().all(|(_, client)| self.zeroed.contains_key(*client));
        let n_zeroed = self.zeroed.len();
        let n_all = n_holding + (n_zeroed - holding_zeroed);
        let many = n_zeroed >= MANY_MIN && n_zeroed * 10 > n_all * 3;
        let was = self.frozen_since.is_some();
        if canaries_dead || many {
            self.frozen_since.get_or_insert(now);
        } else {
            self.frozen_since = None;
        }
        was != self.frozen_since.is_some()
    }

    /// Forgets clients that lost their shifts for good some time ago.
    pub fn forget(&mut self, now: Instant, holds: impl Fn(&ClientId) -> bool) {
        self.zeroed.retain(|client, zero| holds(client) || now - zero.since < SWEEP);
    }

    /// Whether everything it knows was seen by `limit`.
    #[must_use]
    pub fn is_past(&self, limit: Instant) -> bool {
        let zeroed = self.zeroed.values().map(|zero| zero.since);
        let alive = self.alive.iter().flatten().map(|(_, at)| *at);
        zeroed.chain(alive).chain(self.frozen_since).all(|at| at <= limit)
    }

    fn vouched(&self, client: &ClientId, since: Instant) -> bool {
        self.alive.iter().flatten().any(|(other, at)| other != client && *at >= since)
    }

    /// Since when removals are frozen agency-wide.
    #[must_use]
    pub const fn frozen_since(&self) -> Option<Instant> {
        self.frozen_since
    }

    /// Clients that went to zero and are not vouched for after two reads: since when the first did, and how many.
    #[must_use]
    pub fn suspect(&self) -> Option<(Instant, usize)> {
        let unvouched =
            self.zeroed.iter().filter(|(client, zero)| zero.n_reads >= 2 && !self.vouched(client, zero.since));
        let (since, n) = unvouched.fold((None::<Instant>, 0), |(since, n), (_, zero)| {
            (Some(since.map_or(zero.since, |s| s.min(zero.since))), n + 1)
        });
        since.map(|since| (since, n))
    }

    /// Whether a client's last read was an empty one that contradicts what is known.
    #[must_use]
    pub fn is_zeroed(&self, client: &ClientId) -> bool {
        self.zeroed.contains_key(client)
    }

    /// Clients whose last read was an empty one.
    pub fn zeroed(&self) -> impl Iterator<Item = &ClientId> {
        self.zeroed.keys()
    }

    /// Whether a first start found several clients and not one shift.
    #[must_use]
    pub fn nothing_at_start(&self) -> bool {
        self.empty_at_start.len() >= EMPTY_AT_START
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn at(s: i64) -> Instant {
        from_micros(s * 1_000_000)
    }

    fn ids(n: usize) -> Vec<ClientId> {
        (0..n).map(|i| ClientId::new(format!("c{i}"))).collect()
    }

    #[test]
    fn one_client_gone_quiet_counts_once_another_vouches() {
        let clients = ids(10);
        let counts = || clients.iter().map(|c| (c, 5));
        let mut canary = Canary::default();
        assert_eq!(canary.zero(&clients[7], at(0), counts()), Word::Suspect, "nobody vouches yet");
        canary.rows(&clients[7], at(1));
        canary.rows(&clients[8], at(2));
        assert_eq!(canary.zero(&clients[7], at(1), counts()), Word::Counts, "another client's read since brought rows");
    }

    #[test]
    fn rows_from_before_vouch_for_nothing() {
        let clients = ids(10);
        let mut canary = Canary::default();
        canary.rows(&clients[8], at(0));
        assert_eq!(canary.zero(&clients[7], at(1), clients.iter().map(|c| (c, 5))), Word::Suspect);
        assert_eq!(canary.suspect(), None, "one read is no pattern");
        canary.zero(&clients[7], at(2), clients.iter().map(|c| (c, 5)));
        assert_eq!(canary.suspect(), Some((at(1), 1)));
    }

    #[test]
    fn the_canaries_together_freeze() {
        let clients = ids(40);
        let counts = || clients.iter().enumerate().map(|(i, c)| (c, 100 - i));
        let mut canary = Canary::default();
        for client in &clients[..2] {
            canary.zero(client, at(0), counts());
            assert_eq!(canary.frozen_since(), None, "two of three");
        }
        canary.rows(&clients[20], at(1));
        assert_eq!(canary.zero(&clients[2], at(1), counts()), Word::Suspect);
        assert_eq!(canary.frozen_since(), Some(at(1)));
        canary.rows(&clients[2], at(2));
        assert!(canary.weigh(at(2), counts()));
        assert_eq!(canary.frozen_since(), None, "one canary is back");
    }

    #[test]
    fn more_than_thirty_percent_freeze_and_exactly_thirty_do_not() {
        let clients = ids(10);
        // The canaries are the last three, so only the share speaks.
        let counts = || clients.iter().enumerate().map(|(i, c)| (c, i + 1));
        let mut canary = Canary::default();
        for client in &clients[..3] {
            canary.zero(client, at(0), counts());
        }
        assert_eq!(canary.frozen_since(), None, "three of ten");
        canary.zero(&clients[3], at(1), counts());
        assert_eq!(canary.frozen_since(), Some(at(1)), "four of ten");
    }

    #[test]
    fn a_start_without_a_single_shift_is_suspicious_until_one_comes() {
        let mut canary = Canary::default();
        for client in &ids(3) {
            assert!(!canary.nothing_at_start());
            canary.empty_start(client);
        }
        assert!(canary.nothing_at_start());
        canary.rows(&"c9".into(), at(1));
        assert!(!canary.nothing_at_start());
    }
}
