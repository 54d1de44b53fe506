//! The reads that are not about one client: rosters, locations, and visits of the whole agency.

use std::time::Duration;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{scaled, wants::span};
use crate::{
    model::Instant,
    source::{
        fetched::{Extent, Fetched, Read, ReadFault, Span},
        request::visit_span,
    },
};

/// Contract §8 no. 29: watermarks may have gaps, so all of it once a day.
const CLIENTS_FULL_EVERY: TimeDelta = TimeDelta::hours(23);
/// Where the filter for what was updated is refused, all of it so often.
const CLIENTS_FULL_INSTEAD_EVERY: TimeDelta = TimeDelta::hours(1);
/// Contract §9.2.
const CLIENTS_UPDATED_EVERY: TimeDelta = TimeDelta::minutes(15);
/// Contract §9.2.
const CAREGIVERS_EVERY: TimeDelta = TimeDelta::hours(1);
/// A list that failed is asked for again so soon; locations are optional and can wait.
const AFTER_FAILURE: TimeDelta = TimeDelta::seconds(30);
const LOCATIONS_AFTER_FAILURE: TimeDelta = TimeDelta::hours(6);
/// A list with rows that could not be read is asked for again this often before its usual time: a row met three times
/// running is set aside, and until then the list counts as unknown.
const SPOILT_AGAIN_MAX: u8 = 2;
/// Agency-wide visits: a pass at least so often (contract §9.4) and never closer than this.
const VISITS_EVERY_MAX: TimeDelta = TimeDelta::minutes(2);
const VISITS_EVERY_MIN: TimeDelta = TimeDelta::seconds(10);
/// So long before a deadline the agency-wide read is made.
const BEFORE_DEADLINE: TimeDelta = TimeDelta::seconds(5);
/// While all of yesterday to tomorrow takes no more requests than this, it is read whole each time.
const WHOLE_REQUESTS_MAX: usize = 6;
/// For larger agencies it is read whole so often, and from shortly before the last read otherwise.
const WHOLE_EVERY: TimeDelta = TimeDelta::minutes(30);
/// Spans of successive reads overlap by this much, for check-ins that arrive late.
const OVERLAP: TimeDelta = TimeDelta::minutes(30);

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Chore {
    ClientsFull,
    ClientsUpdated,
    Caregivers,
    Locations,
    AgencyVisits,
}

#[derive(Debug)]
struct Entry {
    due_at: Instant,
    in_flight: bool,
    done_at: Option<Instant>,
    /// How many reads running had rows that could not be read.
    n_spoilt: u8,
}

/// The lists and when each is due.
#[derive(Debug)]
pub(super) struct Chores {
    zone: Tz,
    visits_every: TimeDelta,
    locations_every: TimeDelta,
    entries: [(Chore, Entry); 5],
    whole_at: Option<Instant>,
    whole_requests: usize,
    /// The vendor does not take the filter for what was updated.
    updated_refused: bool,
}

impl Chores {
    /// Everything is due at `now`, except what needs something first.
    pub fn new(zone: Tz, detect_within: TimeDelta, locations_every: Option<Duration>, now: Instant) -> Self {
        let entry = |due_at| Entry { due_at, in_flight: false, done_at: None, n_spoilt: 0 };
        let never = Instant::MAX_UTC;
        Self {
            zone,
            locations_every: locations_every.map_or(TimeDelta::MAX, span),
            visits_every: (detect_within * 9 / 10).clamp(VISITS_EVERY_MIN, VISITS_EVERY_MAX),
            entries: [
                (Chore::ClientsFull, entry(now)),
                (Chore::Caregivers, entry(now)),
                (Chore::ClientsUpdated, entry(never)),
                (Chore::AgencyVisits, entry(never)),
                (Chore::Locations, entry(locations_every.map_or(never, |_| now + TimeDelta::minutes(1)))),
            ],
            whole_at: None,
            whole_requests: 0,
            updated_refused: false,
        }
    }

    /// A roster that a restart brought along needs no full read at once. Older news than what is known changes nothing.
    pub fn clients_known(&mut self, full_at: Instant) {
        if self.entry(Chore::ClientsFull).done_at.is_some_and(|done_at| done_at >= full_at) {
            return;
        }
        let refused = self.updated_refused;
        if !refused {
            let updated = self.entry(Chore::ClientsUpdated);
            updated.done_at = Some(full_at);
            updated.due_at = full_at + CLIENTS_UPDATED_EVERY;
        }
        let full = self.entry(Chore::ClientsFull);
        full.done_at = Some(full_at);
        full.due_at = full_at + if refused { CLIENTS_FULL_INSTEAD_EVERY } else { CLIENTS_FULL_EVERY };
    }

    /// Turns the agency-wide visit read on or off.
    pub fn agency_visits(&mut self, on: bool, now: Instant) {
        let entry = self.entry(Chore::AgencyVisits);
        entry.due_at = match (on, entry.due_at == Instant::MAX_UTC) {
            (true, true) => now,
            (true, false) => entry.due_at,
            (false, _) => Instant::MAX_UTC,
        };
    }

    /// Whether the agency-wide visit read is on.
    pub fn agency_visits_on(&self) -> bool {
        self.entries.iter().any(|(chore, entry)| *chore == Chore::AgencyVisits && entry.due_at < Instant::MAX_UTC)
    }

    /// A hook named a person: the roster is read early.
    pub fn hurry_roster(&mut self, now: Instant) {
        let list = if self.updated_refused { Chore::ClientsFull } else { Chore::ClientsUpdated };
        let entry = self.entry(list);
        if entry.done_at.is_some() {
            entry.due_at = entry.due_at.min(now);
        }
        let entry = self.entry(Chore::Caregivers);
        entry.due_at = entry.due_at.min(now);
    }

    /// The chore due first among those that `may` go, with its due instant.
    pub fn first(&self, may: impl Fn(&Read) -> bool) -> Option<(Instant, Chore)> {
        self.entries
            .iter()
            .filter(|(chore, entry)| {
                !entry.in_flight && entry.due_at < Instant::MAX_UTC && may(&self.read(*chore, entry.due_at))
            })
            .map(|(chore, entry)| (entry.due_at, *chore))
            .min_by_key(|(due_at, _)| *due_at)
    }

    /// Brings the agency-wide read forward to just before a deadline.
    pub fn before_deadline(&mut self, deadline: Option<Instant>) {
        let entry = self.entry(Chore::AgencyVisits);
        if let (Some(deadline), Some(done_at)) = (deadline, entry.done_at)
            && entry.due_at < Instant::MAX_UTC
        {
            let at = (deadline - BEFORE_DEADLINE).max(done_at + VISITS_EVERY_MIN);
            entry.due_at = entry.due_at.min(at);
        }
    }

    /// When the agency-wide visits were last read.
    pub fn visits_done_at(&mut self) -> Option<Instant> {
        self.entry(Chore::AgencyVisits).done_at
    }

    /// Hands the read out.
    pub fn take(&mut self, chore: Chore, now: Instant) -> Read {
        let read = self.read(chore, now);
        self.entry(chore).in_flight = true;
        read
    }

    /// The read was cut short: it is as due as before.
    pub fn cut_short(&mut self, chore: Chore) {
        self.entry(chore).in_flight = false;
    }

    /// How many requests it will take, by what it took before.
    pub fn cost(&self, chore: Chore) -> usize {
        if chore == Chore::AgencyVisits { self.whole_requests.clamp(1, WHOLE_REQUESTS_MAX) } else { 1 }
    }

    /// The clock stepped back to `now`: what is on is due, and what was done later was never done.
    pub fn step_back(&mut self, now: Instant) {
        self.whole_at = self.whole_at.filter(|at| *at <= now);
        for (chore, entry) in &mut self.entries {
            entry.done_at = entry.done_at.filter(|at| *at <= now);
            // Locations are looked at in their own time.
            let due_at = if *chore == Chore::Locations { now + TimeDelta::minutes(1) } else { now };
            if entry.due_at < Instant::MAX_UTC {
                entry.due_at = entry.due_at.min(due_at);
            }
        }
    }

    /// Takes in what came. `chance` (0..1) spreads the next one.
    pub fn done(&mut self, chore: Chore, fetched: &Fetched, chance: f64) {
        let ok = fetched.outcome.as_ref().is_ok_and(|rows| rows.complete);
        let (every, after_failure) = match chore {
            Chore::ClientsFull if self.updated_refused => (CLIENTS_FULL_INSTEAD_EVERY, AFTER_FAILURE),
            Chore::ClientsFull => (CLIENTS_FULL_EVERY, AFTER_FAILURE),
            Chore::ClientsUpdated => (CLIENTS_UPDATED_EVERY, AFTER_FAILURE),
            Chore::Caregivers => (CAREGIVERS_EVERY, AFTER_FAILURE),
            Chore::Locations => (self.locations_every, LOCATIONS_AFTER_FAILURE.min(self.locations_every)),
            Chore::AgencyVisits => (self.visits_every, VISITS_EVERY_MIN),
        };
        if chore == Chore::AgencyVisits && ok && Self::is_whole(&fetched.read) {
            self.whole_at = Some(fetched.started_at);
            self.whole_requests = fetched.requests.len();
        }
        let on = self.agency_visits_on();
        let entry = self.entry(chore);
        entry.in_flight = false;
        if chore == Chore::AgencyVisits && !on {
            return;
        }
        let spoilt =
            chore != Chore::AgencyVisits && fetched.outcome.as_ref().is_ok_and(|rows| !rows.rejected.is_empty());
        entry.n_spoilt = if spoilt { entry.n_spoilt.saturating_add(1) } else { 0 };
        let again = (1..=SPOILT_AGAIN_MAX).contains(&entry.n_spoilt);
        let wait = if ok && !again { every } else { after_failure };
        let spread = scaled(wait, 0.1 * chance);
        entry.due_at = fetched.finished_at + wait - spread;
        if ok {
            entry.done_at = Some(fetched.started_at);
        }
        if chore == Chore::ClientsUpdated && Self::is_filter_refused(fetched) {
            self.updated_refused = true;
            self.entry(Chore::ClientsUpdated).due_at = Instant::MAX_UTC;
            let full = self.entry(Chore::ClientsFull);
            full.due_at = full.due_at.min(fetched.finished_at);
            return;
        }
        if chore == Chore::ClientsFull && ok && !self.updated_refused {
            let updated = self.entry(Chore::ClientsUpdated);
            updated.done_at = Some(fetched.started_at);
            updated.due_at = fetched.finished_at + CLIENTS_UPDATED_EVERY;
        }
    }

    fn is_filter_refused(fetched: &Fetched) -> bool {
        matches!(fetched.read, Read::Clients(Extent::UpdatedSince(_)))
            && matches!(fetched.outcome, Err(ReadFault::Request { .. }))
    }

    fn is_whole(read: &Read) -> bool {
        matches!(read, Read::Visits { client: None, span, .. } if span.until - span.from > TimeDelta::hours(50))
    }

    fn read(&self, chore: Chore, now: Instant) -> Read {
        match chore {
            Chore::ClientsFull => Read::Clients(Extent::Full),
            Chore::ClientsUpdated => {
                let since = self.entries.iter().find(|(other, _)| *other == chore).and_then(|(_, entry)| entry.done_at);
                Read::Clients(since.map_or(Extent::Full, Extent::UpdatedSince))
            }
            Chore::Caregivers => Read::Caregivers(Extent::Full),
            Chore::Locations => Read::Locations,
            Chore::AgencyVisits => {
                let whole = visit_span(now, self.zone);
                let last = self.entries.iter().find(|(other, _)| *other == chore).and_then(|(_, entry)| entry.done_at);
                let recent = self.whole_at.is_some_and(|at| now < at + WHOLE_EVERY);
                let span = match last {
                    Some(last) if recent && self.whole_requests > WHOLE_REQUESTS_MAX => {
                        Span { from: (last - OVERLAP).max(whole.from), until: whole.until }
                    }
                    _ => whole,
                };
                Read::Visits { client: None, span, confirming: false }
            }
        }
    }

    fn entry(&mut self, chore: Chore) -> &mut Entry {
        let place = self.entries.iter().position(|(other, _)| *other == chore).unwrap_or(0);
        &mut self.entries[place].1
    }
}
