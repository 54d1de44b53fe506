//! What to read next: `(plan, now, budget) -> next read`. Pure; no clock, no network.
//!
//! Given: facts about each client ([`ClientPlan`], from the mirror), wishes (confirming and unjudged reads), and
//! what came of every read.
//! Gives: the next [`Read`], or how long to wait; what can be promised; how far behind the plan is.
//! Does not: send, or know the vendor's real time; the budget in `source` is the last word on the rate.
//!
//! The order: confirming reads at once; then, three slots of four while both kinds wait, what is known to be due
//! (check-in deadlines, unjudged subjects); in the other slot the sweep, by age × √risk. While the cap does not
//! bind, everything is read just before its tier's period ends, paced evenly, so the rate is the lowest that
//! keeps `detect_within`. Each operation is O(log clients).

mod choosing;
mod chores;
mod deadlines;
mod promise;
mod queues;
mod tier;
mod wants;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use chrono::TimeDelta;
use chrono_tz::Tz;

use self::{
    chores::{Chore, Chores},
    deadlines::Deadlines,
    promise::EARLY,
    wants::{Wants, endpoint, span},
};
pub use self::{
    promise::{Promise, SWEEP_MAX, promise},
    tier::{ClientPlan, Tier},
};
use super::{
    fetched::{Fetched, Read, ReadFault},
    request::bounded,
    status::EncounterScope,
};
use crate::{
    details::LOCATIONS_EVERY,
    limits::CLOCK_SLACK,
    model::{ClientId, Endpoint, Instant},
};

/// This month and the next are read so often. Design §4.
const FAR_EVERY: TimeDelta = TimeDelta::hours(6);
/// The weight of a far read's age; see [`Tier::weight`].
const FAR_WEIGHT: f64 = 0.01;
/// Two months are two calls.
const FAR_COST: f64 = 2.0;
/// The weight of an awaited check-in's age: the alert is out, the closing waits.
const AWAITED_WEIGHT: f64 = 0.7;
/// After a failed read a client waits this long, doubling up to [`HOLD_MAX`].
const HOLD_MIN: TimeDelta = TimeDelta::seconds(5);
const HOLD_MAX: TimeDelta = TimeDelta::seconds(120);
/// A client whose read was turned away (400, 403, 404, 422) would be again: it misses a turn, then waits three times as
/// long up to [`TURNED_AWAY_HOLD_MAX`]. The others are read on; it is counted as unreadable meanwhile.
const TURNED_AWAY_HOLD_MIN: TimeDelta = TimeDelta::minutes(5);
const TURNED_AWAY_HOLD_MAX: TimeDelta = TimeDelta::hours(1);
/// An incomplete read is repeated early so often; then the tier's own interval must do.
const AGAIN_MAX: u32 = 3;
/// While the credential is refused the source answers without sending; asking it is cheap but pointless.
const REFUSED_PAUSE: TimeDelta = TimeDelta::seconds(5);
/// Longest wait handed out, so that a wrong wake-up costs a minute at most.
const WAIT_MAX: TimeDelta = TimeDelta::seconds(60);
/// Deadlines this old are of no use to anybody.
const DEADLINE_TOO_OLD: TimeDelta = TimeDelta::hours(12);

/// What the planner is told once.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSettings {
    /// The promise.
    pub detect_within: Duration,
    /// The cap, requests per *agent* second: the configured rate divided by the clock's speed.
    pub requests_per_second: f64,
    /// How old visit evidence may be at a deadline (the rules' `max_data_age`, by default `detect_within` + 1 m).
    pub evidence_lead: Duration,
    /// How often the locations are read; `None` = never.
    pub locations_every: Option<Duration>,
    /// The agency's zone.
    pub zone: Tz,
    /// Feeds the jitter.
    pub seed: u64,
}

impl PlanSettings {
    /// Settings with the default lead.
    #[must_use]
    pub fn new(detect_within: Duration, requests_per_second: f64, zone: Tz, seed: u64) -> Self {
        let evidence_lead = detect_within + Duration::from_mins(1);
        Self {
            detect_within,
            requests_per_second: requests_per_second.max(1e-6),
            evidence_lead,
            locations_every: Some(LOCATIONS_EVERY),
            zone,
            seed,
        }
    }
}

/// The planner's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Read this now.
    Read(Read),
    /// Nothing to read before this instant, unless something is wanted or changes.
    Wait(Instant),
}

/// The plan.
#[derive(Debug)]
pub struct Planner {
    settings: PlanSettings,
    clients: Vec<Entry>,
    by_id: HashMap<ClientId, u32>,
    sweep: [BTreeSet<(Instant, u32)>; Tier::ALL.len()],
    far: BTreeSet<(Instant, u32)>,
    awaited: BTreeSet<(Instant, u32)>,
    turns: BTreeSet<(Instant, u32)>,
    deadlines: Deadlines,
    wants: Wants,
    chores: Chores,
    in_flight: HashMap<Read, Kind>,
    paused: Paused,
    paused_all: Option<Instant>,
    scope: EncounterScope,
    free_at: Instant,
    paced_at: Instant,
    /// The latest instant it was asked at, to notice a clock that stepped back.
    asked_at: Instant,
    /// The sweep's last slot went to a list.
    chore_was_last: bool,
    n_slots: u64,
    draws: u64,
}

#[derive(Debug)]
struct Entry {
    id: ClientId,
    plan: ClientPlan,
    present: bool,
    /// When it joined the plan: what was never read ages from here.
    joined_at: Instant,
    queued: Option<(Tier, Instant)>,
    far: Option<Instant>,
    awaited: Option<Instant>,
    turn: Option<Instant>,
    deadline: Option<(Instant, Instant)>,
    shifts_read_at: Option<Instant>,
    far_read_at: Option<Instant>,
    visits_read_at: Option<Instant>,
    /// How the reads of its shifts fare, and of its visits: what is wrong with one says nothing of the other.
    shifts: Fares,
    visits: Fares,
    reading_shifts: bool,
    reading_far: bool,
    reading_visits: bool,
}

/// How reads of one kind fare for one client.
#[derive(Debug, Clone, Copy, Default)]
struct Fares {
    /// After a failure: not before this.
    hold_until: Option<Instant>,
    /// After an incomplete read: already at this.
    again_at: Option<Instant>,
    n_failed: u32,
}

/// What is not to be asked for a while.
#[derive(Debug, Clone, Default)]
struct Paused {
    /// Whole endpoints, until when.
    endpoints: HashMap<Endpoint, Instant>,
    /// Clients who were turned away alone, until when.
    clients: HashMap<(ClientId, Endpoint), Instant>,
    /// Endpoints that were paused and have not answered well since.
    unheard: HashSet<Endpoint>,
    /// Reads that failed on end, by endpoint.
    n_failed: HashMap<Endpoint, usize>,
}

impl Paused {
    /// A confirming read is made whatever came of the client's last one: its message waits for it.
    fn lets(&self, read: &Read, now: Instant) -> bool {
        let endpoint = endpoint(read);
        let is_over = |until: &Instant| now >= *until;
        self.endpoints.get(&endpoint).is_none_or(is_over)
            && (self.clients.is_empty()
                || wants::is_confirming(read)
                || client_of(read)
                    .is_none_or(|client| self.clients.get(&(client.clone(), endpoint)).is_none_or(is_over)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hot(u32),
    Far(u32),
    Visits(u32),
    Chore(Chore),
    Wanted,
    /// Of the past, with what the watch left over.
    Spare,
}

enum Due {
    Deadline(u32),
    Wanted,
}

enum Sweep {
    Hot(u32),
    Far(u32),
    Awaited(u32),
    Chore(Chore),
}

impl Planner {
    /// A plan that knows nobody yet: the rosters come first.
    #[must_use]
    pub fn new(settings: PlanSettings, now: Instant) -> Self {
        let detect_within = span(settings.detect_within);
        let pause = (settings.detect_within / 4).clamp(Duration::from_secs(2), Duration::from_secs(30));
        Self {
            chores: Chores::new(settings.zone, detect_within, settings.locations_every, now),
            wants: Wants::new(pause),
            settings,
            clients: Vec::new(),
            by_id: HashMap::new(),
            sweep: Default::default(),
            far: BTreeSet::new(),
            awaited: BTreeSet::new(),
            turns: BTreeSet::new(),
            deadlines: Deadlines::default(),
            in_flight: HashMap::new(),
            paused: Paused::default(),
            paused_all: None,
            scope: EncounterScope::Unknown,
            free_at: now,
            paced_at: now,
            asked_at: now,
            n_slots: 0,
            chore_was_last: false,
            draws: 0,
        }
    }

    /// Whether visits are read for the whole agency or client by client. Unknown counts as client by client.
    pub fn set_encounter_scope(&mut self, scope: EncounterScope, now: Instant) {
        self.scope = scope;
        self.chores.agency_visits(scope == EncounterScope::AgencyWide, now);
    }

    /// The roster survived a restart; its last full read is not repeated at once.
    pub fn clients_read_at(&mut self, full_at: Instant) {
        self.chores.clients_known(full_at);
    }

    /// The rosters are read early.
    pub fn hurry_roster(&mut self, now: Instant) {
        self.chores.hurry_roster(now);
    }

    /// New facts about a client, who joins the plan if need be.
    pub fn update_client(&mut self, id: &ClientId, plan: ClientPlan, now: Instant) {
        let index = self.index_of(id, now);
        let entry = &mut self.clients[index as usize];
        if !entry.present {
            entry.present = true;
            entry.joined_at = now;
        }
        let past = |at: Option<Instant>| at.filter(|at| *at <= now + CLOCK_SLACK);
        entry.shifts_read_at = entry.shifts_read_at.max(past(plan.shifts_read_at));
        entry.far_read_at = entry.far_read_at.max(past(plan.far_read_at));
        entry.visits_read_at = entry.visits_read_at.max(past(plan.visits_read_at));
        entry.plan = plan;
        self.enqueue(index, now);
    }

    /// The client is read no more.
    pub fn remove_client(&mut self, id: &ClientId) {
        if let Some(&index) = self.by_id.get(id) {
            self.dequeue(index);
            self.clients[index as usize].present = false;
            self.clients[index as usize].plan = ClientPlan::default();
        }
    }

    /// This client's shifts are due now (a hook, an alert that opened).
    pub fn hurry(&mut self, id: &ClientId, now: Instant) {
        let Some(&index) = self.by_id.get(id) else { return };
        let entry = &mut self.clients[index as usize];
        if let Some((tier, at)) = entry.queued {
            self.sweep[tier as usize].remove(&(at, index));
            entry.queued = Some((tier, at.min(now)));
            self.sweep[tier as usize].insert((at.min(now), index));
        }
    }

    /// Asks for a read: a confirming one goes before everything, any other one with the known deadlines.
    /// Asking again for what waits, or was just served, changes nothing.
    pub fn want(&mut self, read: Read, now: Instant) {
        self.wants.put(bounded(read), now);
    }

    /// Asks for a read that shows nothing new before `not_before`.
    pub fn want_for(&mut self, read: Read, not_before: Instant, now: Instant) {
        self.wants.put_for(bounded(read), not_before, now);
    }

    /// A hook named this: read again, also when it was read just before.
    pub fn named(&mut self, read: Read, now: Instant) {
        self.wants.put_back(read, now);
    }

    /// The next read, which counts as under way until [`Planner::done`].
    pub fn next(&mut self, now: Instant) -> Next {
        self.turn(now);
        if let Some(until) = self.paused_all.filter(|until| now < *until) {
            return Next::Wait(until.min(now + WAIT_MAX));
        }
        let paused = self.paused.clone();
        let may = |read: &Read| paused.lets(read, now);
        if let Some(read) = self.wants.take_confirming(now, may) {
            return self.hand_out(read, Kind::Wanted, 1.0, now);
        }
        if now < self.free_at {
            return Next::Wait(self.free_at);
        }
        let due = self.first_due(now, may);
        let sweep = self.first_sweep(now, may);
        self.n_slots += 1;
        let sweep_turn = self.n_slots.is_multiple_of(4);
        match (due, sweep) {
            (Some(due), None) => self.hand_due(&due, now, may),
            (Some(due), Some(_)) if !sweep_turn => self.hand_due(&due, now, may),
            (_, Some(sweep)) => self.hand_sweep(&sweep, now),
            (None, None) => {
                self.n_slots -= 1;
                Next::Wait(self.wake_at(now))
            }
        }
    }

    /// Whether a read of the past may go now: right after [`Planner::next`] had nothing, and as long as its endpoint answers.
    /// Then it counts as under way.
    pub fn spare(&mut self, read: &Read, now: Instant) -> bool {
        let paused = self.paused_all.is_some_and(|until| now < until) || !self.paused.lets(read, now);
        if paused || now < self.free_at || self.in_flight.contains_key(read) {
            return false;
        }
        self.hand_out(read.clone(), Kind::Spare, 1.0, now);
        true
    }

    /// Whether visits are read for the whole agency or client by client.
    #[must_use]
    pub const fn encounter_scope(&self) -> EncounterScope {
        self.scope
    }

    /// What it was told at its making.
    #[must_use]
    pub const fn settings(&self) -> &PlanSettings {
        &self.settings
    }

    /// The reads under way were cut short by a reload: each counts as not handed out.
    pub fn cut_short(&mut self, now: Instant) {
        for (read, kind) in std::mem::take(&mut self.in_flight) {
            match kind {
                Kind::Hot(index) | Kind::Far(index) | Kind::Visits(index) => {
                    let entry = &mut self.clients[index as usize];
                    match kind {
                        Kind::Hot(_) => entry.reading_shifts = false,
                        Kind::Far(_) => entry.reading_far = false,
                        _ => entry.reading_visits = false,
                    }
                    self.enqueue(index, now);
                }
                Kind::Chore(chore) => self.chores.cut_short(chore),
                Kind::Wanted => self.wants.put_back(read, now),
                // Whoever asked for it asks again.
                Kind::Spare => {}
            }
        }
    }

    /// Takes in what came of a read.
    pub fn done(&mut self, fetched: &Fetched) {
        let at = fetched.finished_at;
        let kind = self.in_flight.remove(&fetched.read).unwrap_or(Kind::Wanted);
        match &fetched.outcome {
            Ok(_) => self.heard_again(endpoint(&fetched.read), at),
            Err(fault) => self.pause_for(fault, at),
        }
        if let Kind::Chore(chore) = kind {
            let chance = self.chance();
            self.chores.done(chore, fetched, chance);
            return;
        }
        if kind == Kind::Spare {
            return;
        }
        let client = match (&fetched.read, kind) {
            (_, Kind::Hot(index) | Kind::Far(index) | Kind::Visits(index)) => Some(index),
            (Read::Shifts { client, .. } | Read::Visits { client: Some(client), .. }, _) => {
                self.by_id.get(client).copied()
            }
            _ => None,
        };
        if kind == Kind::Wanted && is_unsent(&fetched.outcome) {
            self.wants.put_back(fetched.read.clone(), at);
        }
        let Some(index) = client else { return };
        self.note(index, kind, fetched);
        if self.clients[index as usize].present {
            self.enqueue(index, at);
        }
    }

    /// What can be promised at present.
    #[must_use]
    pub fn promise(&self) -> Promise {
        let clients = [0, 1, 2, 3, 4, 5].map(|tier: usize| self.n_in(tier));
        promise(clients, self.other_per_second(), self.settings.detect_within, self.settings.requests_per_second)
    }

    /// How far the reads are behind their plan: the longest overdue one. Zero when all is in time.
    #[must_use]
    pub fn behind(&self, now: Instant) -> Duration {
        let swept = self.sweep.iter().filter_map(|queue| queue.first().map(|(at, _)| *at)).min();
        let due = self.deadlines.first().map(|(deadline, _)| deadline);
        let oldest = swept.into_iter().chain(due).min();
        oldest.and_then(|at| (now - at).to_std().ok()).unwrap_or_default()
    }

    /// How many clients are in the plan, by tier, most urgent first.
    #[must_use]
    pub fn tiers(&self) -> [(Tier, usize); 6] {
        Tier::ALL.map(|tier| (tier, self.n_in(tier as usize)))
    }

    /// How many reads are wanted and not yet made, and how many deadlines lie ahead or wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.wants.len(), self.deadlines.len())
    }

    fn n_in(&self, tier: usize) -> usize {
        self.sweep[tier].len()
    }

    /// Requests per second that go elsewhere than the sweep: rosters, far reads, deadlines, awaited visits.
    fn other_per_second(&self) -> f64 {
        let far = float(self.far.len()) * FAR_COST / seconds(FAR_EVERY);
        let awaited = float(self.awaited.len()) / (self.settings.detect_within.as_secs_f64() * EARLY);
        let deadlines = float(self.deadlines.len()) / (4.0 * 3600.0);
        far + awaited + deadlines + 0.01
    }

    /// The same number in 0..1 for the same client, purpose and moment: phases are stable, and repeatable by seed.
    fn draw(&self, id: &ClientId, salt: u8, moment: i64) -> f64 {
        unit(&(self.settings.seed, id, salt, moment))
    }

    /// The next number in 0..1 of this planner's sequence.
    fn chance(&mut self) -> f64 {
        self.draws += 1;
        unit(&(self.settings.seed, self.draws))
    }
}

/// Whose shifts or visits a read asks for.
const fn client_of(read: &Read) -> Option<&ClientId> {
    match read {
        Read::Shifts { client, .. } | Read::Visits { client: Some(client), .. } => Some(client),
        _ => None,
    }
}

/// True when a read never left, so that a wish for it still stands.
fn is_unsent(outcome: &Result<super::fetched::Rows, ReadFault>) -> bool {
    matches!(outcome, Err(ReadFault::Throttled { .. } | ReadFault::BreakerOpen { .. } | ReadFault::Credentials { .. }))
}

fn unit(what: &impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    let bits = u32::try_from(hasher.finish() >> 32).unwrap_or(0);
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

fn float(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

fn seconds(span: TimeDelta) -> f64 {
    span.as_seconds_f64()
}

fn time(seconds: f64) -> TimeDelta {
    span(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
}

fn scaled(span: TimeDelta, by: f64) -> TimeDelta {
    time(seconds(span) * by)
}
