//! What happens by itself as the clock passes: check-ins, check-outs, call-outs, covers, a script's incidents.
//!
//! Every act is planned for an instant and looks at the world again when it comes: an arrival planned for a shift
//! that has since been cancelled, moved or left without a caregiver does not happen.

use chrono::TimeDelta;

use super::{Conduct, Encounter, Outcome, ShiftPick, World, WorldError, later};
use crate::{
    model::Instant,
    sim::script::{Incident, Script, Step},
};

/// Something that will happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// The caregiver of a shift checks in, if the shift's plan is still this one.
    Arrive { shift: usize, plan: u32 },
    /// They check out.
    Leave { shift: usize, plan: u32 },
    /// The caregiver calls out: the shift is open.
    CallOut { shift: usize },
    /// Somebody else takes it.
    Cover { shift: usize, caregiver: String },
    /// The office cancels the shift.
    Cancel { shift: usize },
    /// The step of the script with this number.
    Script { step: usize },
    /// The seeded schedule grows by a day.
    Grow,
}

impl World {
    /// Lets the world pass up to and including `now`. A `now` before the last one changes nothing.
    pub fn advance(&mut self, now: Instant) {
        while let Some(entry) = self.acts.first_entry() {
            let (at, _) = *entry.key();
            if at > now {
                break;
            }
            let act = entry.remove();
            // An act may be planned in the past (an incident posted late): the present never runs backwards.
            self.now = Some(self.now.map_or(at, |before| before.max(at)));
            self.perform(act, at);
        }
        self.now = Some(self.now.map_or(now, |before| before.max(now)));
    }

    /// Follows a script whose relative instants count from `began_at`.
    pub fn follow(&mut self, script: &Script, began_at: Instant) {
        for step in &script.steps {
            let n = self.script.len();
            self.script.push(step.clone());
            self.plan(step.at.instant(began_at), Act::Script { step: n });
        }
    }

    pub(super) fn plan(&mut self, at: Instant, act: Act) {
        self.acts.insert((at, self.n_acts), act);
        self.n_acts += 1;
    }

    /// Plans what a shift's conduct says, and voids what was planned for it before. What should have happened by now
    /// happens at the next step, except for an arrival at a shift somebody has checked in to already.
    pub(super) fn plan_conduct(&mut self, n: usize) {
        self.shifts.edit(n, |shift| shift.plan += 1);
        let Some(shift) = self.shifts.get(n) else { return };
        let (start, end, plan) = (shift.start, shift.end, shift.plan);
        let conduct = shift.conduct.clone();
        if let Some(arrive_s) = conduct.arrive_s
            && !self.visits.any_of(shift)
        {
            let mut at = later(start, arrive_s);
            if let Some(now) = self.now
                && at < now
                && shift.caregiver.is_some()
                && self.seeded.is_some()
                && now < end
            {
                // Whoever takes a shift that has begun needs a while to get there.
                at = now + TimeDelta::minutes(20);
            }
            self.plan(at, Act::Arrive { shift: n, plan });
        }
        if let Some((out_s, back_s)) = conduct.away_s {
            self.plan(later(start, out_s), Act::Leave { shift: n, plan });
            self.plan(later(start, back_s), Act::Arrive { shift: n, plan });
        }
        if let Some(leave_s) = conduct.leave_s {
            self.plan(later(end, leave_s), Act::Leave { shift: n, plan });
        }
    }

    fn perform(&mut self, act: Act, at: Instant) {
        match act {
            Act::Arrive { shift, plan } => self.arrive(shift, plan, at),
            Act::Leave { shift, plan } => {
                let open = self.shifts.get(shift).filter(|it| it.plan == plan).and_then(|it| self.visits.open_of(it));
                if let Some(visit) = open {
                    self.close_visit(visit, at);
                }
            }
            Act::CallOut { shift } => {
                if self.shifts.get(shift).is_some_and(|it| !it.deleted && !self.visits.any_of(it)) {
                    self.shifts.assign(shift, None);
                }
            }
            Act::Cover { shift, caregiver } => {
                if self.shifts.get(shift).is_some_and(|it| !it.deleted && it.caregiver.is_none()) {
                    self.shifts.assign(shift, Some(caregiver));
                    self.plan_conduct(shift);
                }
            }
            Act::Cancel { shift } => {
                if self.shifts.get(shift).is_some_and(|it| !self.visits.any_of(it)) {
                    self.shifts.edit(shift, |it| it.cancelled = true);
                }
            }
            Act::Script { step } => {
                if let Some(step) = self.script.get(step).cloned() {
                    self.perform_step(&step, at);
                }
            }
            Act::Grow => self.grow(),
        }
    }

    fn arrive(&mut self, n: usize, plan: u32, at: Instant) {
        let Some(shift) = self.shifts.get(n) else { return };
        if shift.plan != plan || shift.deleted || shift.cancelled || self.visits.open_of(shift).is_some() {
            return;
        }
        let Some(caregiver) = shift.conduct.by.clone().or_else(|| shift.caregiver.clone()) else { return };
        if shift.caregiver.is_some() {
            self.open_visit(n, caregiver, at);
        }
    }

    pub(super) fn open_visit(&mut self, n: usize, caregiver: String, at: Instant) -> String {
        let of = self.shifts.get(n).map(|shift| (shift.client.clone(), shift.id.clone(), shift.start));
        let Some((client, shift, start)) = of else { return String::new() };
        self.record_visit(client, Some(caregiver), Some((shift, start)), at)
    }

    pub(super) fn record_visit(
        &mut self,
        client: String,
        caregiver: Option<String>,
        shift: Option<(String, Instant)>,
        at: Instant,
    ) -> String {
        self.n_visits += 1;
        let id = (55_000_000 + self.n_visits).to_string();
        let (shift, shift_start) = shift.unzip();
        let recorded_at = self.now.unwrap_or(at);
        self.visits.push(Encounter {
            id: id.clone(),
            client,
            caregiver,
            shift,
            shift_start,
            start: at,
            end: None,
            recorded_at,
            closed_at: None,
            deleted: false,
        });
        id
    }

    pub(super) fn close_visit(&mut self, n: usize, at: Instant) {
        let closed_at = self.now.unwrap_or(at);
        self.visits.edit(n, |visit| {
            visit.end = Some(at.max(visit.start));
            visit.closed_at = Some(closed_at);
        });
        if let Some(visit) = self.visits.get(n) {
            let id = visit.id.clone();
            self.outcomes.push(Outcome::Hook { criteria: "encounter.clockout.changed", resource: "Encounter", id });
        }
    }

    fn perform_step(&mut self, step: &Step, at: Instant) {
        if let Some(name) = &step.beat {
            self.outcomes.push(Outcome::Beat { name: name.clone(), at });
        }
        // A script may name what is not there (any more): that step then does nothing, as a person's slip would.
        let _missed = self.incident(&step.incident, at);
    }

    /// Carries out one incident at `at`.
    pub fn incident(&mut self, incident: &Incident, at: Instant) -> Result<(), WorldError> {
        match incident {
            Incident::Unassign { shift } => self.unassign(shift.clone()),
            Incident::Reassign { shift, caregiver } => self.assign(shift.clone(), caregiver),
            Incident::Move { shift, to, until } => {
                let length = self.shift(shift.clone()).map(|it| it.end - it.start).unwrap_or_default();
                let start = to.instant(at);
                self.move_to(shift.clone(), start, until.as_ref().map_or(start + length, |until| until.instant(at)))
            }
            Incident::Cancel { shift } => self.cancel(shift.clone()),
            Incident::Delete { shift } => self.delete(shift.clone()),
            Incident::AddClient { client } => {
                self.add_client(client.clone());
                Ok(())
            }
            Incident::AddCaregiver { caregiver } => {
                self.add_caregiver(caregiver.clone());
                Ok(())
            }
            Incident::AddShift { shift } => {
                self.add_shift(shift.clone());
                Ok(())
            }
            Incident::DeactivateClient { id } => self.deactivate_client(id),
            Incident::DeactivateCaregiver { id } => self.deactivate_caregiver(id),
            Incident::CheckIn { shift, by } => match by {
                Some(by) => self.check_in_by(shift.clone(), by, at).map(drop),
                None => self.check_in(shift.clone(), at).map(drop),
            },
            Incident::CheckOut { shift } => self.check_out(shift.clone(), at),
            Incident::CheckInLate { shift, minutes } => {
                self.amend(shift, |conduct| conduct.arrive_s = Some(minutes.saturating_mul(60)))
            }
            Incident::CheckInNever { shift } => self.amend(shift, |conduct| {
                conduct.arrive_s = None;
                conduct.away_s = None;
            }),
            Incident::CheckInBySubstitute { shift, caregiver } => self.amend(shift, |conduct| {
                conduct.arrive_s = conduct.arrive_s.or(Some(0));
                conduct.by = Some(caregiver.clone());
            }),
            Incident::SplitVisit { shift, away_minutes, back_minutes } => self.amend(shift, |conduct| {
                conduct.arrive_s = conduct.arrive_s.or(Some(0));
                conduct.leave_s = conduct.leave_s.or(Some(0));
                conduct.away_s = Some((away_minutes.saturating_mul(60), back_minutes.saturating_mul(60)));
            }),
            Incident::CheckOutNever { shift } => self.amend(shift, |conduct| conduct.leave_s = None),
            Incident::CheckOutLate { shift, minutes } => {
                self.amend(shift, |conduct| conduct.leave_s = Some(minutes.saturating_mul(60)))
            }
            Incident::UnscheduledVisit { client, caregiver } => {
                self.unscheduled_visit(client, caregiver, at);
                Ok(())
            }
            Incident::Switches { set } => {
                self.outcomes.push(Outcome::Switches(set.clone()));
                Ok(())
            }
            Incident::Nothing => Ok(()),
        }
    }

    fn amend(&mut self, pick: &ShiftPick, edit: impl FnOnce(&mut Conduct)) -> Result<(), WorldError> {
        let mut conduct = self.shift(pick.clone()).ok_or_else(|| WorldError::NoShift(pick.id.clone()))?.conduct.clone();
        edit(&mut conduct);
        self.set_conduct(pick.clone(), conduct)
    }
}
