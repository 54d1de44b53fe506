//! How soon a client is due: facts from the mirror in, a tier and the instant it can change out. Pure.

use std::time::Duration;

use chrono::TimeDelta;

use crate::{model::Instant, source::fetched::Span};

/// A window edge or a start this close makes a client hot. `outside.md`, Source.
const NEAR: TimeDelta = TimeDelta::hours(4);
/// A shift this close is read every quarter of an hour: two days, and that quarter.
const SOON: TimeDelta = TimeDelta::minutes(48 * 60 + 15);

/// What the planner needs to know of one client. The mirror fills it in whenever a read or a rule changes it;
/// time alone needs no update.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientPlan {
    /// Shifts that are not cancelled and not over, `[start, end)`: all that start within 48 h 15 min and at least
    /// the next one after that.
    pub shifts: Vec<Span>,
    /// Coming instants at which a window of any loaded rule opens for a shift of this client, at least those of
    /// the next 48 hours. Past ones do no harm.
    pub edges: Vec<Instant>,
    /// Any shift within 30 days before or after.
    pub shifts_within_30_days: bool,
    /// Instants at which a rule needs to know whether somebody checked in or out (start + grace, end + grace), for
    /// shifts whose answer is not known yet.
    pub deadlines: Vec<Instant>,
    /// Within this, visits are read every `detect_within`: a deadline passed, or will have, and the answer is still
    /// awaited (an open alert, a runaway visit). `None` = nothing is awaited.
    pub awaiting_visit: Option<Span>,
    /// The last complete reads, as stored: what a restart begins with. Later reads the planner sees itself.
    pub shifts_read_at: Option<Instant>,
    /// As above, months ahead.
    pub far_read_at: Option<Instant>,
    /// As above, visits.
    pub visits_read_at: Option<Instant>,
}

/// How often a client's shifts are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Never read, or not since the store was made: unknown is worse than old.
    Unread,
    /// A shift starts within 4 h, or has started and was not read since: here a call-out hurts.
    Urgent,
    /// A window edge within 4 h, or a shift running.
    Hot,
    /// A shift within 48 h 15 min.
    Soon,
    /// Shifts within 30 days.
    Later,
    /// None.
    Idle,
}

impl Tier {
    /// Every tier, most urgent first.
    pub const ALL: [Self; 6] = [Self::Unread, Self::Urgent, Self::Hot, Self::Soon, Self::Later, Self::Idle];

    /// Oldest age its data may have.
    #[must_use]
    pub const fn period(self, detect_within: Duration) -> Duration {
        match self {
            Self::Unread | Self::Urgent | Self::Hot => detect_within,
            Self::Soon => Duration::from_mins(15),
            Self::Later => Duration::from_hours(1),
            Self::Idle => Duration::from_hours(6),
        }
    }

    /// What a second of age weighs when not everybody can have their turn: the square root of the risk that a
    /// call-out is missed in it. With reads handed out by age × this weight, each tier's interval goes with its
    /// inverse, which is the allocation that loses least.
    #[must_use]
    pub const fn weight(self) -> f64 {
        match self {
            Self::Unread | Self::Urgent => 1.0,
            Self::Hot => 0.3,
            Self::Soon => 0.15,
            Self::Later => 0.04,
            Self::Idle => 0.01,
        }
    }
}

impl ClientPlan {
    /// The tier at `now`, as the facts say, and the next instant at which it can be another one. `read_at` is the
    /// last read of its shifts: a shift that began since may have lost its caregiver just before, unseen.
    #[must_use]
    pub fn tier(&self, now: Instant, read_at: Option<Instant>) -> (Tier, Option<Instant>) {
        let starts_in =
            |within: TimeDelta| self.shifts.iter().any(|shift| now < shift.from && shift.from <= now + within);
        let mut running = self.shifts.iter().filter(|shift| shift.contains(now)).peekable();
        let is_running = running.peek().is_some();
        let unseen = running.any(|shift| read_at.is_none_or(|at| at < shift.from));
        let edge_near = self.edges.iter().any(|edge| now <= *edge && *edge <= now + NEAR);
        let tier = if starts_in(NEAR) || unseen {
            Tier::Urgent
        } else if is_running || edge_near {
            Tier::Hot
        } else if starts_in(SOON) {
            Tier::Soon
        } else if self.shifts_within_30_days || !self.shifts.is_empty() {
            Tier::Later
        } else {
            Tier::Idle
        };
        let after_edge = TimeDelta::microseconds(1);
        let turns =
            self.shifts.iter().flat_map(|shift| [shift.from - SOON, shift.from - NEAR, shift.from, shift.until]);
        let turns = turns.chain(self.edges.iter().flat_map(|edge| [*edge - NEAR, *edge + after_edge]));
        (tier, turns.filter(|turn| *turn > now).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn at(minutes: i64) -> Instant {
        from_micros(minutes * 60_000_000)
    }

    fn shift(from: i64, until: i64) -> Span {
        Span { from: at(from), until: at(until) }
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "a table's row")]
    fn the_tier_follows_the_nearest_shift_and_edge() {
        let day = 24 * 60;
        let rows: &[(Vec<Span>, Vec<Instant>, i64, Tier, Option<i64>, &str)] = &[
            (vec![], vec![], 0, Tier::Idle, None, "no shifts"),
            (vec![shift(5 * day, 5 * day + 60)], vec![], 0, Tier::Later, Some(5 * day - 2895), "five days off"),
            (vec![shift(2895, 3000)], vec![], -1, Tier::Later, Some(0), "a minute short of 48 h 15"),
            (vec![shift(2895, 3000)], vec![], 0, Tier::Soon, Some(2655), "at 48 h 15"),
            (vec![shift(240, 300)], vec![], -1, Tier::Soon, Some(0), "a minute short of four hours"),
            (vec![shift(240, 300)], vec![], 0, Tier::Urgent, Some(240), "at four hours"),
            (vec![shift(240, 300)], vec![], 239, Tier::Urgent, Some(240), "a minute before"),
            (vec![shift(240, 300)], vec![], 240, Tier::Hot, Some(300), "running"),
            (vec![shift(240, 300)], vec![], 300, Tier::Later, None, "over"),
            (vec![shift(2000, 2060)], vec![at(600)], 359, Tier::Soon, Some(360), "before an edge is near"),
            (vec![shift(2000, 2060)], vec![at(600)], 360, Tier::Hot, None, "an edge within four hours"),
            (vec![shift(2000, 2060)], vec![at(600)], 600, Tier::Hot, None, "at the edge"),
            (vec![shift(2000, 2060)], vec![at(600)], 601, Tier::Soon, Some(1760), "past it"),
        ];
        for (shifts, edges, now, tier, turn, shows) in rows {
            let plan = ClientPlan {
                shifts_within_30_days: !shifts.is_empty(),
                shifts: shifts.clone(),
                edges: edges.clone(),
                ..ClientPlan::default()
            };
            let got = plan.tier(at(*now), Some(at(*now)));
            assert_eq!(got.0, *tier, "{shows}");
            if let Some(turn) = turn {
                assert_eq!(got.1, Some(at(*turn)), "{shows}");
            }
        }
    }

    #[test]
    fn a_tier_never_changes_before_the_instant_it_names() {
        let plan = ClientPlan {
            shifts: vec![shift(1000, 1100), shift(4000, 4240)],
            edges: vec![at(700), at(1015), at(3760)],
            shifts_within_30_days: true,
            ..ClientPlan::default()
        };
        let mut now = at(-5000);
        let mut looked = plan.tier(now, Some(now));
        while now < at(5000) {
            now += TimeDelta::minutes(1);
            let seen = plan.tier(now, Some(now));
            if looked.1.is_none_or(|turn| now < turn) {
                assert_eq!(seen.0, looked.0, "{now}");
            }
            looked = seen;
        }
    }

    #[test]
    fn a_shift_that_began_unseen_stays_urgent_until_it_is_read() {
        let plan = ClientPlan { shifts: vec![shift(100, 400)], ..ClientPlan::default() };
        for (read_at, tier) in
            [(None, Tier::Urgent), (Some(99), Tier::Urgent), (Some(100), Tier::Hot), (Some(101), Tier::Hot)]
        {
            assert_eq!(plan.tier(at(150), read_at.map(at)).0, tier, "{read_at:?}");
        }
    }

    #[test]
    fn those_who_are_probably_no_clients_are_read_slowly_until_a_shift_is_seen() {
        let mut plan = ClientPlan::default();
        assert_eq!(plan.tier(at(0), None).0, Tier::Idle);
        plan.shifts = vec![shift(600, 660)];
        assert_eq!(plan.tier(at(0), None).0, Tier::Soon);
    }
}
