//! Which read goes next: what is due beside what is swept, and how fast the sweep goes.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    AWAITED_WEIGHT, Due, FAR_COST, FAR_EVERY, FAR_WEIGHT, Kind, Next, Planner, Sweep, WAIT_MAX, float, promise::EARLY,
    seconds, tier::Tier, time,
};
use crate::{
    model::{ClientId, Instant},
    source::{
        fetched::{Read, Span},
        request::{far_span, hot_span, visit_span},
        status::EncounterScope,
    },
};

impl Planner {
    pub(super) fn first_due(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Due> {
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
    pub(super) fn first_sweep(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Sweep> {
        let chore = self.chores.first(&may).filter(|(due_at, _)| *due_at <= now).map(|(_, chore)| Sweep::Chore(chore));
        if chore.is_some() && !self.chore_was_last {
            return chore;
        }
        self.first_client(now, may).or(chore)
    }

    /// Whoever has the greatest age × √risk among those due.
    pub(super) fn first_client(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Sweep> {
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

    pub(super) fn hand_due(&mut self, due: &Due, now: Instant, may: impl Fn(&Read) -> bool) -> Next {
        match *due {
            Due::Deadline(index) => self.hand_visits(index, now),
            Due::Wanted => match self.wants.take(now, may) {
                Some(read) => self.hand_out(read, Kind::Wanted, 1.0, now),
                None => Next::Wait(self.wake_at(now)),
            },
        }
    }

    pub(super) fn hand_sweep(&mut self, sweep: &Sweep, now: Instant) -> Next {
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

    pub(super) fn hand_visits(&mut self, index: u32, now: Instant) -> Next {
        self.clients[index as usize].reading_visits = true;
        let client = self.leave_queues(index);
        let read = Read::Visits { client: Some(client), span: visit_span(now, self.settings.zone), confirming: false };
        self.hand_out(read, Kind::Visits(index), 1.0, now)
    }

    pub(super) fn hand_out(&mut self, read: Read, kind: Kind, cost: f64, now: Instant) -> Next {
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
    pub(super) fn pace_gap(&mut self, now: Instant) -> TimeDelta {
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

    pub(super) fn wake_at(&self, now: Instant) -> Instant {
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
}
