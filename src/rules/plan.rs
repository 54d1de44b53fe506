//! What the rules need to know of a client, and when: facts for whoever plans the reads.

use chrono::TimeDelta;

use super::{
    kinds::shift::Scene,
    look::State,
    rule::Kind,
    ruleset::{Ruleset, shift_look},
};
use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{ClientId, Instant},
    source::fetched::Span,
};

/// How far ahead edges and deadlines are told.
const AHEAD: TimeDelta = TimeDelta::hours(49);
/// How long a check-out that did not come is still looked for.
const CHECK_OUT_LOOKED_FOR: TimeDelta = TimeDelta::hours(48);

/// How long after it was due a check-out is looked for of which not even a check-in was seen: the length of a shift.
const VISIT_LOOKED_FOR: TimeDelta = TimeDelta::hours(4);

/// Facts about one client's schedule, as the planner wants them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Shifts that are not cancelled and not over, by start.
    pub shifts: Vec<Span>,
    /// Coming instants at which a window opens, each once, earliest first.
    pub edges: Vec<Instant>,
    /// Any shift within 30 days either way.
    pub shifts_within_30_days: bool,
    /// Coming instants at which somebody's check-in or check-out must be known, where the answer is not known yet.
    pub deadlines: Vec<Instant>,
    /// While this lies ahead, an answer that is late is awaited.
    pub awaiting_visit: Option<Span>,
}

impl Needs {
    /// From `from` until `until` a visit's row is waited for. Said before `from` too: nothing else may change by then.
    fn await_visit(&mut self, from: Instant, until: Instant, now: Instant) {
        if until > now && from <= now + AHEAD {
            let known = self.awaiting_visit.unwrap_or(Span { from, until });
            self.awaiting_visit = Some(Span { from: known.from.min(from), until: known.until.max(until) });
        }
    }
}

/// What the rules need to know of a client.
#[must_use]
pub fn needs(ruleset: &Ruleset, mirror: &Mirror, client: &ClientId, now: Instant) -> Needs {
    let mut needs = Needs::default();
    for entry in mirror.shifts().of_client(client) {
        let shift = &entry.shift;
        needs.shifts_within_30_days |= (shift.start() - now).abs() <= TimeDelta::days(30);
        if shift.is_cancelled() {
            continue;
        }
        if shift.end > now {
            needs.shifts.push(Span { from: shift.start(), until: shift.end });
        }
        let scene = Scene::of(entry, mirror);
        for rule in ruleset.shift_rules() {
            add(&rule.kind, &scene, now, &mut needs);
        }
    }
    for list in [&mut needs.edges, &mut needs.deadlines] {
        list.sort_unstable();
        list.dedup();
    }
    needs
}

fn add(kind: &Kind, scene: &Scene<'_>, now: Instant, needs: &mut Needs) {
    let Scene { entry, mirror, .. } = *scene;
    let Some(look) = shift_look(kind, scene) else { return };
    let coming = |at: Instant| now < at && at <= now + AHEAD;
    if let Some(window) = look.window.filter(|window| coming(window.opens_at)) {
        needs.edges.push(window.opens_at);
    }
    match kind {
        Kind::MissedCheckIn { .. } | Kind::NoShow { .. } => {
            let Some(window) = look.window.filter(|_| look.state == State::Bad) else { return };
            if coming(window.opens_at) {
                needs.deadlines.push(window.opens_at);
            }
            if let Some(closes_at) = window.closes_at {
                needs.await_visit(window.opens_at, closes_at, now);
            }
        }
        // Who came how late is read where it is not known by then whether somebody came.
        Kind::LateCheckIn { by } => {
            let expected = scene.out_of_question.is_none() && entry.shift.caregiver.is_some();
            if expected && entry.visits.is_empty() && scene.arrived().is_none() {
                let late_at = entry.shift.start() + super::kinds::delta(*by);
                if coming(late_at) {
                    needs.deadlines.push(late_at);
                }
                needs.await_visit(late_at, entry.shift.end, now);
            }
        }
        Kind::MissedCheckOut { after } => {
            // Also of a visit that has not begun: by then it will have, and its end must be asked for.
            let deadline = mirror.stays_until(entry) + super::kinds::delta(*after);
            let open = look.state == State::Bad || (entry.visits.is_empty() && entry.shift.caregiver.is_some());
            if open && coming(deadline) {
                needs.deadlines.push(deadline);
            }
            if look.state == State::Bad {
                needs.await_visit(deadline, deadline + CHECK_OUT_LOOKED_FOR, now);
            } else if nobody_looked(entry, mirror, deadline) {
                needs.await_visit(deadline, deadline + VISIT_LOOKED_FOR, now);
            }
        }
        _ => {}
    }
}

/// Whether somebody should have been there, and the visits were not read since the check-out was due: after a start
/// or an outage a visit may stand open that nobody knows of.
fn nobody_looked(entry: &ShiftEntry, mirror: &Mirror, deadline: Instant) -> bool {
    entry.visits.is_empty()
        && entry.shift.caregiver.is_some()
        && mirror.check_ins_read_at(entry).is_none_or(|at| at < deadline)
}

/// The next instant after `now` at which a window of this client's shifts opens.
#[must_use]
pub fn next_edge(ruleset: &Ruleset, mirror: &Mirror, client: &ClientId, now: Instant) -> Option<Instant> {
    let edges = mirror.shifts().of_client(client).flat_map(|entry| {
        let scene = Scene::of(entry, mirror);
        ruleset.shift_rules().filter_map(move |rule| Some(shift_look(&rule.kind, &scene)?.window?.opens_at))
    });
    edges.filter(|at| *at > now).min()
}
