//! What the planner needs to know about a client: who is one, and how near its shifts are.

use std::time::Duration;

use chrono::TimeDelta;

use super::{ClientEntry, Mirror};
use crate::{
    model::{
        ClientId, Instant, ShiftKey,
        local_time::{local_date, start_of_day},
    },
    source::fetched::Span,
};

/// How long somebody who went inactive is still read now and then. Contract §8 no. 11.
const INACTIVE_LINGERS: TimeDelta = TimeDelta::days(30);
/// Whose shifts make a client: any within this. Contract §8 no. 11.
const SHIFT_REACH: TimeDelta = TimeDelta::days(30);
/// A shift this near puts a client in the second tier. Outside.md, "Source".
const NEAR_SHIFT: TimeDelta = TimeDelta::minutes(48 * 60 + 15);
/// A start this near, or a running shift, puts a client in the first tier.
const NEXT_EDGE: TimeDelta = TimeDelta::hours(4);

/// How surely somebody on the vendor's list is a client. No single flag decides (contract §8 no. 11): reading one
/// too many costs a request, reading one too few hides a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClientTier {
    /// A client: marked so and not inactive, or not marked and active, or with a shift within ±30 days.
    Normal,
    /// Perhaps one: the flags contradict each other, or say nothing, or it went inactive less than 30 days ago. It
    /// is read after the clients, and nobody waits for it.
    Slow,
    /// None of these: not read.
    Dropped,
}

/// One client as the planner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFacts {
    /// Whether it is read at all, and how eagerly.
    pub tier: ClientTier,
    /// The next start after `now`.
    pub next_start: Option<Instant>,
    /// Whether a shift runs now.
    pub running: bool,
    /// Whether a shift starts within 48 h 15 min or runs.
    pub near: bool,
    /// Whether there is any shift within ±30 days.
    pub any: bool,
    /// The newest shift read that counted.
    pub read_at: Option<Instant>,
    /// The newest complete shift read of any span.
    pub complete_at: Option<Instant>,
    /// Shifts that run, have a usable caregiver and no check-in yet.
    pub unmatched: Vec<ShiftKey>,
}

impl ClientFacts {
    /// How old this client's data may get in quiet times: the tiers of outside.md, "Source". A window edge within
    /// 4 h is the rules' knowledge and comes on top ([`crate::rules::next_edge`]).
    #[must_use]
    pub fn period(&self, detect_within: Duration, now: Instant) -> Duration {
        if self.running || self.next_start.is_some_and(|at| at - now <= NEXT_EDGE) {
            detect_within
        } else if self.near {
            Duration::from_mins(15).max(detect_within)
        } else if self.any {
            Duration::from_hours(1).max(detect_within)
        } else {
            Duration::from_hours(6).max(detect_within)
        }
    }
}

impl Mirror {
    /// How surely this is a client.
    #[must_use]
    pub fn tier(&self, id: &ClientId, now: Instant) -> ClientTier {
        let Some(entry) = self.clients.get(id) else { return ClientTier::Dropped };
        let shift_near = self.shifts.of_client(id).any(|entry| (entry.shift.start() - now).abs() <= SHIFT_REACH);
        if shift_near {
            return ClientTier::Normal;
        }
        tier_by_roster(entry, now)
    }

    /// True when nothing speaks for this being a client any more: every flag that is there says no, or the roster
    /// lost it and no shift was seen since.
    #[must_use]
    pub fn is_inactive(&self, id: &ClientId) -> bool {
        let Some(entry) = self.clients.get(id) else { return false };
        if let Some(gone_at) = entry.gone_at {
            return !self.shifts.of_client(id).any(|shift| shift.seen_at > gone_at);
        }
        entry.client.as_ref().is_some_and(|client| client.active == Some(false) && client.is_client == Some(false))
    }

    /// What the planner needs to know.
    #[must_use]
    pub fn plan(&self, id: &ClientId, now: Instant) -> ClientFacts {
        let entry = self.clients.get(id);
        let mut facts = ClientFacts {
            tier: self.tier(id, now),
            next_start: None,
            running: false,
            near: false,
            any: false,
            read_at: entry.and_then(|entry| entry.read_at),
            complete_at: entry.and_then(|entry| entry.shift_reads.newest()),
            unmatched: Vec::new(),
        };
        for shift in self.shifts.of_client(id) {
            let start = shift.shift.start();
            facts.any |= (start - now).abs() <= SHIFT_REACH;
            if shift.shift.is_cancelled() {
                continue;
            }
            if start <= now && now < shift.shift.end {
                facts.running = true;
                facts.near = true;
                if shift.shift.caregiver.is_some() && shift.visits.is_empty() {
                    facts.unmatched.push(shift.shift.key.clone());
                }
            } else if start > now {
                facts.near |= start - now <= NEAR_SHIFT;
                facts.next_start = Some(facts.next_start.map_or(start, |at: Instant| at.min(start)));
            }
        }
        facts
    }

    /// The stretch that one read of a client's shifts or visits around `at` should ask for: whole days of the
    /// client's wall clock, the day before to the day after.
    #[must_use]
    pub fn days_around(&self, client: &ClientId, at: Instant) -> Span {
        let zone = self.zone_of(client);
        let day = local_date(zone, at);
        let from = day.pred_opt().unwrap_or(day);
        let until = day.succ_opt().and_then(|day| day.succ_opt()).unwrap_or(day);
        Span { from: start_of_day(zone, from), until: start_of_day(zone, until) }
    }
}

fn tier_by_roster(entry: &ClientEntry, now: Instant) -> ClientTier {
    let Some(client) = &entry.client else { return ClientTier::Slow };
    if entry.gone_at.is_some() {
        return ClientTier::Dropped;
    }
    let lingers = entry.inactive_at.is_some_and(|at| now - at < INACTIVE_LINGERS);
    match (client.is_client, client.active) {
        (Some(true), None | Some(true)) | (None, Some(true)) => ClientTier::Normal,
        (Some(true), Some(false)) | (Some(false), Some(true)) | (None | Some(false), None) => ClientTier::Slow,
        (None | Some(false), Some(false)) if lingers => ClientTier::Slow,
        (None | Some(false), Some(false)) => ClientTier::Dropped,
    }
}
