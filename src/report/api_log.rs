//! What the loops see of one agency's API, on its way into the store: requests become slices of time, and outages.
//!
//! Given: requests as they end, and now and then the instant. Gives: what is new since it was last taken ([`Unkept`]).
//! Does not: know what is stored already. Slices are added to what is there, and an outage is opened or closed only
//! where the store says so; a restart in an outage neither ends it nor begins another.
//!
//! **What counts as observed.** After a good answer an endpoint counts as up until the next request, but no longer than
//! [`UP_HOLDS`]: nobody has looked since. After a failure it counts as down until the next request, but no longer than
//! [`DOWN_HOLDS`], because it is asked rarely *because* it failed. Before the first request, and while the agent does not
//! run, nothing is observed. Time is cut at the instants requests left.
//!
//! **What is an outage.** At least two failures in a row, from the first of them to the next good answer.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::api_slice::{ApiSlice, Length, SliceRow};
use crate::{
    model::{Endpoint, Instant},
    source::fetched::RequestRecord,
};

/// How long a good answer says that an endpoint is up: as long as a client near a window edge may go unread as shipped.
pub const UP_HOLDS: TimeDelta = TimeDelta::minutes(5);
/// How long a failure says that it is down: `Retry-After` and the breaker's pauses are shorter.
pub const DOWN_HOLDS: TimeDelta = TimeDelta::hours(1);
/// At most so many slices wait for a store that refuses; the oldest are dropped, which makes them unknown.
const WAITING_MAX: usize = 6 * 12 * 24;
/// At most so many outage notices wait.
const OUTAGES_WAITING_MAX: usize = 1_000;

/// One agency's requests that are not stored yet.
#[derive(Debug, Clone, Default)]
pub struct ApiLog {
    endpoints: BTreeMap<Endpoint, EndpointLog>,
    unkept: Unkept,
}

/// What is to be added to the store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unkept {
    /// By endpoint and beginning, five minutes each.
    slices: BTreeMap<(Endpoint, Instant), ApiSlice>,
    /// In the order they came.
    pub outages: Vec<OutageNews>,
}

/// An outage began or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutageNews {
    /// It fails since then; nothing to do where an outage is open already.
    Began {
        /// Which.
        endpoint: Endpoint,
        /// The first failure.
        since: Instant,
        /// Its code.
        code: String,
    },
    /// It answered then; nothing to do where no outage is open.
    Ended {
        /// Which.
        endpoint: Endpoint,
        /// The first good answer.
        until: Instant,
    },
}

/// What is known of one endpoint now.
#[derive(Debug, Clone, Default)]
struct EndpointLog {
    /// The latest request: when it left, and whether it was answered well.
    last: Option<(Instant, bool)>,
    /// Up to here time is accounted for.
    accounted_to: Option<Instant>,
    failures: Failures,
}

/// Failures without a good answer between.
#[derive(Debug, Clone, Default)]
enum Failures {
    /// No request yet: an outage of before the start may still be open.
    #[default]
    Unknown,
    /// The latest request was answered well.
    None,
    /// One so far.
    One { since: Instant, code: String },
    /// An outage, and told so.
    Many,
}

impl ApiLog {
    /// Takes in requests that ended.
    pub fn record(&mut self, requests: &[RequestRecord]) {
        for request in requests {
            let Self { endpoints, unkept } = self;
            let endpoint = endpoints.entry(request.endpoint).or_default();
            unkept.slice(request.endpoint, request.at).count(request);
            // Of two in flight, the one that left later says how it stands now.
            if endpoint.last.is_some_and(|(at, _)| at > request.at) {
                continue;
            }
            endpoint.account(request.endpoint, request.at, unkept);
            endpoint.last = Some((request.at, request.ok));
            endpoint.accounted_to = endpoint.accounted_to.max(Some(request.at));
            if let Some(news) = endpoint.failures.turn(request)
                && unkept.outages.len() < OUTAGES_WAITING_MAX
            {
                unkept.outages.push(news);
            }
        }
        self.unkept.bound();
    }

    /// Time has passed up to `now`. After a clock that stepped back, what was ahead is forgotten.
    pub fn pass_time(&mut self, now: Instant) {
        for (endpoint, log) in &mut self.endpoints {
            if log.accounted_to.is_some_and(|to| to > now) {
                log.last = log.last.filter(|(at, _)| *at <= now);
                log.accounted_to = log.last.map(|_| now);
                continue;
            }
            log.account(*endpoint, now, &mut self.unkept);
        }
        self.unkept.bound();
    }

    /// What is new since it was last taken. Whoever cannot store it puts it back.
    pub fn take(&mut self) -> Unkept {
        std::mem::take(&mut self.unkept)
    }

    /// The same, and it stays.
    #[must_use]
    pub const fn unkept(&self) -> &Unkept {
        &self.unkept
    }

    /// It could not be stored.
    pub fn put_back(&mut self, older: Unkept) {
        let newer = std::mem::replace(&mut self.unkept, older);
        for (key, slice) in newer.slices {
            self.unkept.slices.entry(key).or_default().add(&slice);
        }
        self.unkept.outages.extend(newer.outages);
        self.unkept.bound();
    }
}

impl EndpointLog {
    /// Accounts for the time up to `to` by what the latest request said.
    fn account(&mut self, endpoint: Endpoint, to: Instant, unkept: &mut Unkept) {
        let Some((at, ok)) = self.last else { return };
        let mut from = self.accounted_to.unwrap_or(at).max(at);
        let end = to.min(at + if ok { UP_HOLDS } else { DOWN_HOLDS });
        while from < end {
            let begin = Length::FiveMinutes.floor(from);
            let until = end.min(begin + Length::FiveMinutes.delta());
            let slice = unkept.slice(endpoint, from);
            let length = (until - from).to_std().unwrap_or_default();
            slice.observed += length;
            if ok {
                slice.up += length;
            }
            from = until;
        }
        self.accounted_to = self.accounted_to.max(Some(from));
    }
}

impl Failures {
    /// What a request makes of them; the news, if it is any.
    fn turn(&mut self, request: &RequestRecord) -> Option<OutageNews> {
        let endpoint = request.endpoint;
        if request.ok {
            let was = std::mem::replace(self, Self::None);
            return matches!(was, Self::Unknown | Self::Many)
                .then_some(OutageNews::Ended { endpoint, until: request.at });
        }
        match std::mem::replace(self, Self::Many) {
            Self::Unknown | Self::None => {
                *self = Self::One { since: request.at, code: request.code.clone() };
                None
            }
            Self::One { since, code } => Some(OutageNews::Began { endpoint, since, code }),
            Self::Many => None,
        }
    }
}

impl Unkept {
    /// True when there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty() && self.outages.is_empty()
    }

    /// The slices of both lengths: each five minutes, and the hours they add up to.
    #[must_use]
    pub fn rows(&self) -> Vec<SliceRow> {
        let mut hours: BTreeMap<(Endpoint, Instant), ApiSlice> = BTreeMap::new();
        for ((endpoint, from), slice) in &self.slices {
            hours.entry((*endpoint, Length::Hour.floor(*from))).or_default().add(slice);
        }
        let row = |length| {
            move |((endpoint, from), slice): ((Endpoint, Instant), ApiSlice)| SliceRow { endpoint, length, from, slice }
        };
        let short = self.slices.clone().into_iter().map(row(Length::FiveMinutes));
        short.chain(hours.into_iter().map(row(Length::Hour))).collect()
    }

    fn slice(&mut self, endpoint: Endpoint, at: Instant) -> &mut ApiSlice {
        self.slices.entry((endpoint, Length::FiveMinutes.floor(at))).or_default()
    }

    fn bound(&mut self) {
        while self.slices.len() > WAITING_MAX {
            let oldest = self.slices.keys().min_by_key(|(_, from)| *from).copied();
            oldest.map(|key| self.slices.remove(&key));
        }
        self.outages.truncate(OUTAGES_WAITING_MAX);
    }
}

#[cfg(test)]
mod tests;
