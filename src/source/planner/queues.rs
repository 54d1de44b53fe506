//! Who stands in which queue: by what is known of a client, by what its reads brought, and by the time.

use chrono::TimeDelta;

use super::{
    AGAIN_MAX, DEADLINE_TOO_OLD, Entry, FAR_EVERY, Fares, HOLD_MAX, HOLD_MIN, Kind, Paused, Planner, REFUSED_PAUSE,
    TURNED_AWAY_HOLD_MAX, TURNED_AWAY_HOLD_MIN,
    promise::EARLY,
    scaled,
    tier::{ClientPlan, Tier},
    wants::{endpoint, span},
};
use crate::{
    limits::CLOCK_SLACK,
    model::{ClientId, Endpoint, Instant},
    source::{
        breaker::DOWN_AFTER,
        fetched::{Fetched, Read, ReadFault, Span},
        request::{far_span, hot_span, visit_span},
        status::EncounterScope,
    },
};

impl Planner {
    /// The clock stepped back to `now`. What is stamped later was never read, nobody waits for a pause that was reckoned
    /// by the other clock, and the lists are due.
    pub(super) fn step_back(&mut self, now: Instant) {
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
    pub(super) fn turn(&mut self, now: Instant) {
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
    pub(super) fn enqueue(&mut self, index: u32, now: Instant) {
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

    pub(super) fn dequeue(&mut self, index: u32) {
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
    pub(super) fn leave_queues(&mut self, index: u32) -> ClientId {
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
    pub(super) fn note(&mut self, index: u32, kind: Kind, fetched: &Fetched) {
        let at = fetched.started_at;
        let hot = hot_span(at, self.settings.zone);
        let far = far_span(at, self.settings.zone);
        let visits = visit_span(at, self.settings.zone);
        let entry = &mut self.clients[index as usize];
        match kind {
            Kind::Hot(_) => entry.reading_shifts = false,
            Kind::Far(_) => entry.reading_far = false,
            Kind::Visits(_) => entry.reading_visits = false,
            Kind::Chore(_) | Kind::Wanted | Kind::Spare => {}
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

    /// An endpoint that was closed to everybody answers again: what was turned away meanwhile is asked again at once,
    /// and so are the other endpoints that were closed (their breakers say what they think of it).
    pub(super) fn heard_again(&mut self, endpoint: Endpoint, now: Instant) {
        let n_failed = self.paused.n_failed.remove(&endpoint).unwrap_or(0);
        let was_paused = self.paused.unheard.remove(&endpoint);
        if was_paused || n_failed >= DOWN_AFTER {
            for until in self.paused.endpoints.values_mut() {
                *until = (*until).min(now);
            }
        }
        if !was_paused {
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

    pub(super) fn pause_for(&mut self, fault: &ReadFault, at: Instant) {
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
            ReadFault::Transient { endpoint, .. } => *self.paused.n_failed.entry(*endpoint).or_default() += 1,
            // What concerns everybody opens the breaker, which says until when; the rest holds one client back.
            ReadFault::Route { .. } | ReadFault::Permission { .. } | ReadFault::Request { .. } | ReadFault::Gone => {}
        }
    }

    pub(super) fn index_of(&mut self, id: &ClientId, now: Instant) -> u32 {
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
}
