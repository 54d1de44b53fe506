//! What the rules need to know of a client, and when: facts for whoever plans the reads.

use chrono::TimeDelta;

use super::{
    rule::Kind,
    ruleset::{About, Ruleset},
    shift::window,
};
use crate::{
    mirror::Mirror,
    model::{ClientId, Instant},
    source::fetched::Span,
};

/// Facts about one client's schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Standing shifts that are not over.
    pub shifts: Vec<Span>,
    /// Coming instants at which a window opens.
    pub edges: Vec<Instant>,
    /// Any shift within 30 days either way.
    pub shifts_within_30_days: bool,
    /// Instants at which somebody's check-in or check-out must be known.
    pub deadlines: Vec<Instant>,
    /// While this lies ahead, an answer that is late is awaited.
    pub awaiting_visit_until: Option<Instant>,
}

/// How far ahead edges and deadlines are told.
const AHEAD: TimeDelta = TimeDelta::hours(49);

/// What the rules need to know of a client.
#[must_use]
pub fn needs(ruleset: &Ruleset, mirror: &Mirror, client: &ClientId, now: Instant) -> Needs {
    let mut needs = Needs::default();
    for record in mirror.shifts_of(client).filter(|record| record.stands()) {
        let shift = &record.shift;
        let (start, end) = (shift.start(), shift.end);
        needs.shifts_within_30_days |= (start - now).abs() <= TimeDelta::days(30);
        if end > now {
            needs.shifts.push(Span { from: start, until: end });
        }
        let visits: Vec<_> = mirror.visits_of(&shift.key).collect();
        let open = visits.iter().any(|visit| visit.visit.check_out.is_none());
        for rule in ruleset.about(About::Shift) {
            let Some(window) = window(&rule.kind, start, end) else { continue };
            if now <= window.opens_at && window.opens_at <= now + AHEAD {
                needs.edges.push(window.opens_at);
            }
            let wanted = match rule.kind {
                Kind::MissedCheckIn { .. } | Kind::NoShow { .. } => visits.is_empty() && shift.caregiver.is_some(),
                Kind::MissedCheckOut { .. } => open || (visits.is_empty() && shift.caregiver.is_some() && now < start),
                _ => false,
            };
            if wanted && window.opens_at <= now + AHEAD {
                if window.opens_at > now {
                    needs.deadlines.push(window.opens_at);
                } else if let Some(closes_at) = window.closes_at.filter(|closes_at| *closes_at > now) {
                    needs.awaiting_visit_until = needs.awaiting_visit_until.max(Some(closes_at));
                }
            }
        }
    }
    needs.edges.sort();
    needs.edges.dedup();
    needs.deadlines.sort();
    needs.deadlines.dedup();
    needs
}
