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

mod chores;
mod deadlines;
mod promise;
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
    fetched::{Fetched, Read, ReadFault, Span},
    request::{bounded, far_span, hot_span, visit_span},
    status::EncounterScope,
};
use crate::model::{ClientId, Endpoint, Instant};

/// A clock that is corrected by so little has not stepped; as in the mirror.
const CLOCK_SLACK: TimeDelta = TimeDelta::seconds(5);

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
        Self { detect_within, requests_per_second: requests_per_second.max(1e-6), evidence_lead, zone, seed }
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
            chores: Chores::new(settings.zone, detect_within, now),
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

    /// A hook spoke of a person: the rosters are read early.
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

    // ---- choosing ----

    fn first_due(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Due> {
        let wanted = self.wants.first(now, &may);
        let visits_open = may(&Read::Visits {
            client: None,
            span: Span { from: Instant::MIN_UTC, until: Instant::MIN_UTC },
            confirming: false,
        });
        let deadline = self.deadlines.first().filter(|_| visits_open && self.scope != EncounterScope::AgencyWide);
        match (deadline, wanted) {
            (Some((deadline, _)), Some(wanted)) if wanted < deadline => Some(Due::Wanted),
            (Some((_, index)), _) => Some(Due::Deadline(index)),
            (None, Some(_)) => Some(Due::Wanted),
            (None, None) => None,
        }
    }

    /// The sweep's candidate: a chore that is due, else a client. Two chores never go one after the other while a
    /// client waits, so that no list, whatever is wrong with it, keeps the schedules from being read.
    fn first_sweep(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Sweep> {
        let chore = self.chores.first(&may).filter(|(due_at, _)| *due_at <= now).map(|(_, chore)| Sweep::Chore(chore));
        if chore.is_some() && !self.chore_was_last {
            return chore;
        }
        self.first_client(now, may).or(chore)
    }

    /// Whoever has the greatest age × √risk among those due.
    fn first_client(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Sweep> {
        if now < self.paced_at {
            return None;
        }
        let nothing = Span { from: Instant::MIN_UTC, until: Instant::MIN_UTC };
        let nobody = || ClientId::from("");
        let shifts_open = may(&Read::Shifts { client: nobody(), span: nothing, confirming: false });
        let visits_open = may(&Read::Visits { client: None, span: nothing, confirming: false });
        let mut best: Option<(f64, Sweep)> = None;
        let mut offer = |queue: &BTreeSet<(Instant, u32)>, period: f64, weight: f64, make: fn(u32) -> Sweep| {
            let Some(&(eligible_at, index)) = queue.first().filter(|(at, _)| *at <= now) else { return };
            let score = (period * EARLY + seconds(now - eligible_at)) * weight;
            if best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, make(index)));
            }
        };
        if shifts_open {
            for tier in Tier::ALL {
                let period = tier.period(self.settings.detect_within).as_secs_f64();
                offer(&self.sweep[tier as usize], period, tier.weight(), Sweep::Hot);
            }
            offer(&self.far, seconds(FAR_EVERY), FAR_WEIGHT, Sweep::Far);
        }
        if visits_open && self.scope != EncounterScope::AgencyWide {
            let period = self.settings.detect_within.as_secs_f64();
            offer(&self.awaited, period, AWAITED_WEIGHT, Sweep::Awaited);
        }
        best.map(|(_, sweep)| sweep)
    }

    fn hand_due(&mut self, due: &Due, now: Instant, may: impl Fn(&Read) -> bool) -> Next {
        match *due {
            Due::Deadline(index) => self.hand_visits(index, now),
            Due::Wanted => match self.wants.take(now, may) {
                Some(read) => self.hand_out(read, Kind::Wanted, 1.0, now),
                None => Next::Wait(self.wake_at(now)),
            },
        }
    }

    fn hand_sweep(&mut self, sweep: &Sweep, now: Instant) -> Next {
        let zone = self.settings.zone;
        self.chore_was_last = matches!(sweep, Sweep::Chore(_));
        if !self.chore_was_last {
            self.paced_at = now + self.pace_gap(now);
        }
        match *sweep {
            Sweep::Hot(index) => {
                self.clients[index as usize].reading_shifts = true;
                let client = self.leave_queues(index);
                self.hand_out(
                    Read::Shifts { client, span: hot_span(now, zone), confirming: false },
                    Kind::Hot(index),
                    1.0,
                    now,
                )
            }
            Sweep::Far(index) => {
                self.clients[index as usize].reading_far = true;
                let client = self.leave_queues(index);
                let read = Read::Shifts { client, span: far_span(now, zone), confirming: false };
                self.hand_out(read, Kind::Far(index), FAR_COST, now)
            }
            Sweep::Awaited(index) => self.hand_visits(index, now),
            Sweep::Chore(chore) => {
                let cost = f64::from(u32::try_from(self.chores.cost(chore)).unwrap_or(1));
                let read = self.chores.take(chore, now);
                self.hand_out(read, Kind::Chore(chore), cost, now)
            }
        }
    }

    fn hand_visits(&mut self, index: u32, now: Instant) -> Next {
        self.clients[index as usize].reading_visits = true;
        let client = self.leave_queues(index);
        let read = Read::Visits { client: Some(client), span: visit_span(now, self.settings.zone), confirming: false };
        self.hand_out(read, Kind::Visits(index), 1.0, now)
    }

    fn hand_out(&mut self, read: Read, kind: Kind, cost: f64, now: Instant) -> Next {
        let gap = cost / self.settings.requests_per_second;
        self.free_at = self.free_at.max(now) + time(gap * (0.9 + 0.2 * self.chance()));
        // The same question may be under way twice, once because it was wanted: the plan's own entry counts.
        if kind == Kind::Wanted {
            self.in_flight.entry(read.clone()).or_insert(kind);
        } else {
            self.in_flight.insert(read.clone(), kind);
        }
        Next::Read(read)
    }

    /// The gap to the next sweep read: as wide as keeps the periods, down to the cap's as the sweep falls behind.
    fn pace_gap(&mut self, now: Instant) -> TimeDelta {
        let cap = self.settings.requests_per_second;
        let detect_within = self.settings.detect_within.as_secs_f64();
        if !self.sweep[Tier::Unread as usize].is_empty() {
            return TimeDelta::zero();
        }
        let clients = [0, 1, 2, 3, 4, 5].map(|tier: usize| self.n_in(tier));
        let periods = Tier::ALL.map(|tier| tier.period(self.settings.detect_within).as_secs_f64() * EARLY);
        let swept: f64 = clients.iter().zip(periods).map(|(n, period)| float(*n) / period).sum();
        // However little there is to do, nobody waits for the pace longer than a fiftieth of the promise.
        let needed = ((swept + self.other_per_second()) * 1.1).max(50.0 / detect_within).min(cap);
        let late = self.sweep.iter().filter_map(|queue| queue.first().map(|(at, _)| *at)).min();
        let late = late.map_or(0.0, |at| seconds(now - at).max(0.0));
        let urgency = (late / (detect_within * 0.1)).min(1.0);
        let pace = needed + (cap - needed) * urgency;
        time((0.8 + 0.4 * self.chance()) / pace)
    }

    fn wake_at(&self, now: Instant) -> Instant {
        let paced = |at: Instant| at.max(self.paced_at);
        let swept = self.sweep.iter().chain([&self.far, &self.awaited]).filter_map(|queue| queue.first());
        let swept = swept.map(|(at, _)| paced(*at)).min();
        let chore = self.chores.first(|_| true).map(|(at, _)| at);
        let turn = self.turns.first().map(|(at, _)| *at);
        let resumed = self.paused.endpoints.values().copied().chain(self.paused_all).filter(|until| *until > now).min();
        let times = [swept, chore, turn, self.deadlines.next_from(), self.wants.next_from(now), resumed];
        let soonest = times.into_iter().flatten().filter(|at| *at > now).min();
        soonest.unwrap_or(now + WAIT_MAX).clamp(now + TimeDelta::milliseconds(1), now + WAIT_MAX)
    }

    // ---- keeping the queues ----

    /// The clock stepped back to `now`. What is stamped later was never read, nobody waits for a pause that was reckoned
    /// by the other clock, and the lists are due.
    fn step_back(&mut self, now: Instant) {
        let past = |at: Option<Instant>| at.filter(|at| *at <= now);
        self.free_at = now;
        self.paced_at = now;
        self.paused = Paused::default();
        self.paused_all = None;
        self.wants.step_back(now);
        self.chores.step_back(now);
        for index in 0..self.clients.len() {
            let entry = &mut self.clients[index];
            entry.joined_at = entry.joined_at.min(now);
            entry.shifts_read_at = past(entry.shifts_read_at);
            entry.far_read_at = past(entry.far_read_at);
            entry.visits_read_at = past(entry.visits_read_at);
            entry.shifts = Fares::default();
            entry.visits = Fares::default();
            self.enqueue(u32::try_from(index).unwrap_or(u32::MAX), now);
        }
    }

    /// Moves what time alone moves: tiers, deadlines, the agency-wide read before a deadline.
    fn turn(&mut self, now: Instant) {
        if now + CLOCK_SLACK < self.asked_at {
            self.step_back(now);
            self.asked_at = now;
        }
        self.asked_at = self.asked_at.max(now);
        while let Some(&(at, index)) = self.turns.first() {
            if at > now {
                break;
            }
            self.enqueue(index, now);
        }
        self.deadlines.turn(now);
        self.paused.endpoints.retain(|_, until| now < *until);
        self.paused.clients.retain(|_, until| now < *until);
        if self.scope == EncounterScope::AgencyWide {
            let after = self.chores.visits_done_at().unwrap_or(now) + TimeDelta::seconds(15);
            let deadline = self.deadlines.earliest_after(after.max(now));
            self.chores.before_deadline(deadline);
        }
    }

    /// Puts a client where its facts say, in every queue.
    fn enqueue(&mut self, index: u32, now: Instant) {
        self.dequeue(index);
        let entry = &self.clients[index as usize];
        if !entry.present {
            return;
        }
        // Edges cluster on the hour. Everybody turns hot up to `detect_within` early, each by its own measure, so
        // that the reads do not; nobody cools down early.
        let ahead = scaled(span(self.settings.detect_within), self.draw(&entry.id, 4, 0));
        let (tier_now, turn_now) = entry.plan.tier(now, entry.shifts_read_at);
        let (tier_ahead, turn_ahead) = entry.plan.tier(now + ahead, entry.shifts_read_at);
        let by_facts = tier_now.min(tier_ahead);
        let turn_ahead = turn_ahead.map(|turn| (turn - ahead).max(now + TimeDelta::milliseconds(1)));
        let turn = turn_now.into_iter().chain(turn_ahead).min();
        let tier = if entry.shifts_read_at.is_none() { Tier::Unread } else { by_facts };
        let held = |fares: Fares| fares.hold_until.filter(|until| *until > now);
        let (held_shifts, held_visits) = (held(entry.shifts), held(entry.visits));
        let period = span(tier.period(self.settings.detect_within));
        let lead = span(self.settings.evidence_lead);
        let early = |period: TimeDelta, salt: u8| scaled(period, EARLY - 0.08 + 0.16 * self.draw(&entry.id, salt, 0));
        let shifts_at = entry.shifts_read_at.map_or(entry.joined_at, |at| at + early(period, 0));
        let far_at = match entry.far_read_at {
            Some(at) => at + early(FAR_EVERY, 1),
            // After the first hot reads, over an hour, so that a start is not four sweeps at once.
            None => entry.joined_at + scaled(TimeDelta::hours(1), 0.05 + 0.95 * self.draw(&entry.id, 1, 1)),
        };
        let awaiting = entry.plan.awaiting_visit.filter(|span| span.until > now);
        let turn = turn.into_iter().chain(awaiting.map(|span| span.from).filter(|from| *from > now)).min();
        let awaited_at = awaiting.filter(|span| span.from <= now).map(|_| {
            let period = span(self.settings.detect_within);
            entry.visits_read_at.map_or(entry.joined_at, |at| at + early(period, 2))
        });
        let open = |deadline: &Instant| {
            *deadline > now - DEADLINE_TOO_OLD && entry.visits_read_at.is_none_or(|at| at + lead < *deadline)
        };
        let deadline = entry.plan.deadlines.iter().copied().filter(open).min();
        let deadline = deadline.map(|deadline| {
            let spread = 0.1 + 0.85 * self.draw(&entry.id, 3, deadline.timestamp());
            (deadline - scaled(lead, spread), deadline)
        });
        let shifts_at = entry.shifts.again_at.map_or(shifts_at, |at| shifts_at.min(at));
        let shifts_at = held_shifts.map_or(shifts_at, |until| shifts_at.max(until));
        let far_at = held_shifts.map_or(far_at, |until| far_at.max(until));
        let deadline = deadline.map(|(from, deadline)| (held_visits.map_or(from, |until| from.max(until)), deadline));
        let awaited_at = awaited_at.map(|at| held_visits.map_or(at, |until| at.max(until)));

        let entry = &mut self.clients[index as usize];
        if !entry.reading_shifts {
            entry.queued = Some((tier, shifts_at));
            self.sweep[tier as usize].insert((shifts_at, index));
        }
        if !entry.reading_far && tier != Tier::Unread {
            entry.far = Some(far_at);
            self.far.insert((far_at, index));
        }
        if !entry.reading_visits {
            if let Some(at) = awaited_at {
                entry.awaited = Some(at);
                self.awaited.insert((at, index));
            }
            if let Some((from, deadline)) = deadline {
                entry.deadline = Some((from, deadline));
                self.deadlines.put(index, from, deadline);
            }
        }
        if let Some(turn) = turn {
            entry.turn = Some(turn);
            self.turns.insert((turn, index));
        }
    }

    fn dequeue(&mut self, index: u32) {
        let entry = &mut self.clients[index as usize];
        if let Some((tier, at)) = entry.queued.take() {
            self.sweep[tier as usize].remove(&(at, index));
        }
        if let Some(at) = entry.far.take() {
            self.far.remove(&(at, index));
        }
        if let Some(at) = entry.awaited.take() {
            self.awaited.remove(&(at, index));
        }
        if let Some(at) = entry.turn.take() {
            self.turns.remove(&(at, index));
        }
        if let Some((from, deadline)) = entry.deadline.take() {
            self.deadlines.take(index, from, deadline);
        }
    }

    /// Takes a client out of the queues of what it is being read for; the others are rebuilt when it is done.
    fn leave_queues(&mut self, index: u32) -> ClientId {
        let entry = &mut self.clients[index as usize];
        if entry.reading_shifts
            && let Some((tier, at)) = entry.queued.take()
        {
            self.sweep[tier as usize].remove(&(at, index));
        }
        if entry.reading_far
            && let Some(at) = entry.far.take()
        {
            self.far.remove(&(at, index));
        }
        if entry.reading_visits {
            if let Some(at) = entry.awaited.take() {
                self.awaited.remove(&(at, index));
            }
            if let Some((from, deadline)) = entry.deadline.take() {
                self.deadlines.take(index, from, deadline);
            }
        }
        entry.id.clone()
    }

    /// What a read says about its client's ages.
    fn note(&mut self, index: u32, kind: Kind, fetched: &Fetched) {
        let at = fetched.started_at;
        let hot = hot_span(at, self.settings.zone);
        let far = far_span(at, self.settings.zone);
        let visits = visit_span(at, self.settings.zone);
        let entry = &mut self.clients[index as usize];
        match kind {
            Kind::Hot(_) => entry.reading_shifts = false,
            Kind::Far(_) => entry.reading_far = false,
            Kind::Visits(_) => entry.reading_visits = false,
            Kind::Chore(_) | Kind::Wanted => {}
        }
        let covers = |read: &Span, of: &Span| read.from <= of.from && read.until >= of.until;
        let fares = match fetched.read {
            Read::Visits { .. } => &mut entry.visits,
            _ => &mut entry.shifts,
        };
        match &fetched.outcome {
            Ok(rows) => {
                // Incomplete rows are evidence too, so the read counts; but it is repeated soon, a few times.
                fares.hold_until = None;
                fares.n_failed = if rows.complete { 0 } else { fares.n_failed + 1 };
                let again = (1..=AGAIN_MAX).contains(&fares.n_failed);
                fares.again_at = again.then(|| fetched.finished_at + HOLD_MIN * (1 << fares.n_failed));
                self.paused.clients.remove(&(entry.id.clone(), endpoint(&fetched.read)));
                match &fetched.read {
                    Read::Shifts { span, .. } => {
                        if covers(span, &hot) {
                            entry.shifts_read_at = entry.shifts_read_at.max(Some(at));
                        }
                        if covers(span, &far) {
                            entry.far_read_at = entry.far_read_at.max(Some(at));
                        }
                    }
                    Read::Visits { span, .. } if span.from <= visits.from && span.until > at => {
                        entry.visits_read_at = entry.visits_read_at.max(Some(at));
                    }
                    _ => {}
                }
            }
            Err(ReadFault::Transient { .. } | ReadFault::Gone) => {
                let hold = HOLD_MIN * (1 << fares.n_failed.min(5));
                fares.n_failed += 1;
                fares.hold_until = Some(fetched.finished_at + hold.min(HOLD_MAX));
            }
            // One client may be turned away alone, while the endpoint's breaker stays shut.
            Err(ReadFault::Request { .. } | ReadFault::Route { .. } | ReadFault::Permission { .. }) => {
                let hold = TURNED_AWAY_HOLD_MIN * 3_i32.pow(fares.n_failed.min(3));
                fares.n_failed += 1;
                let until = fetched.finished_at + hold.min(TURNED_AWAY_HOLD_MAX);
                fares.hold_until = Some(until);
                self.paused.clients.insert((entry.id.clone(), endpoint(&fetched.read)), until);
            }
            // Nothing was asked, or nothing about this client in particular: its turn comes when the road is open.
            Err(_) => {}
        }
    }

    /// An endpoint that was closed to everybody answers again: what was turned away meanwhile is asked again at once.
    fn heard_again(&mut self, endpoint: Endpoint, now: Instant) {
        if !self.paused.unheard.remove(&endpoint) {
            return;
        }
        let clients: Vec<ClientId> =
            self.paused.clients.extract_if(|(_, of), _| *of == endpoint).map(|((client, _), _)| client).collect();
        for index in clients.iter().filter_map(|client| self.by_id.get(client).copied()).collect::<Vec<_>>() {
            let entry = &mut self.clients[index as usize];
            let fares = if endpoint == Endpoint::Encounter { &mut entry.visits } else { &mut entry.shifts };
            fares.hold_until = None;
            self.enqueue(index, now);
        }
    }

    fn pause_for(&mut self, fault: &ReadFault, at: Instant) {
        match fault {
            ReadFault::Throttled { until } => self.paused_all = self.paused_all.max(Some(*until)),
            ReadFault::Credentials { .. } | ReadFault::Transient { endpoint: Endpoint::Token, .. } => {
                self.paused_all = self.paused_all.max(Some(at + REFUSED_PAUSE));
            }
            ReadFault::BreakerOpen { endpoint, until } => {
                let entry = self.paused.endpoints.entry(*endpoint).or_insert(*until);
                *entry = (*entry).max(*until);
                self.paused.unheard.insert(*endpoint);
            }
            // What concerns everybody opens the breaker, which says until when; the rest holds one client back.
            ReadFault::Route { .. }
            | ReadFault::Permission { .. }
            | ReadFault::Transient { .. }
            | ReadFault::Request { .. }
            | ReadFault::Gone => {}
        }
    }

    fn index_of(&mut self, id: &ClientId, now: Instant) -> u32 {
        if let Some(&index) = self.by_id.get(id) {
            return index;
        }
        let index = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        self.by_id.insert(id.clone(), index);
        self.clients.push(Entry {
            id: id.clone(),
            plan: ClientPlan::default(),
            present: false,
            joined_at: now,
            queued: None,
            far: None,
            awaited: None,
            turn: None,
            deadline: None,
            shifts_read_at: None,
            far_read_at: None,
            visits_read_at: None,
            shifts: Fares::default(),
            visits: Fares::default(),
            reading_shifts: false,
            reading_far: false,
            reading_visits: false,
        });
        index
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
