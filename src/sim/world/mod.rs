//! The agency behind the simulated vendor: its people, its schedule, and what happens as the clock passes.
//!
//! Given: a zone, and either a seed (see [`seeded`]) or explicit facts (`World::empty(zone)` and the `add_…`,
//! `check_in`, `unassign` … calls), perhaps a [`Script`](super::script::Script).
//! Gives: rows for `wellsky` to serve. [`World::advance`] carries out everything planned up to an instant, each act
//! at its own instant and in order, so one long step and many short ones end in the same world.
//! Does not: read a clock, speak HTTP, or know how rows are written on the wire.

mod acts;
mod index;
mod people;
pub mod seeded;
mod shift;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use serde_json::Value;

use self::{acts::Act, index::Table};
use crate::model::Instant;

pub use self::{
    people::{Patient, Phone, Practitioner},
    shift::{Appointment, Conduct, Encounter, ShiftPick},
};

/// What a call on the world could not find or refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// No shift of that id, or none that starts then.
    #[error("the simulated world has no shift {0}; add it first, or name the start of one of its occurrences")]
    NoShift(String),
    /// No client of that id.
    #[error("the simulated world has no client {0}; add the client first")]
    NoClient(String),
    /// No caregiver of that id.
    #[error("the simulated world has no caregiver {0}; add the caregiver first")]
    NoCaregiver(String),
    /// Nobody has checked in to that shift, or everybody has checked out again.
    #[error("the simulated world has no open visit for shift {0}; check in first")]
    NoVisit(String),
    /// A shift that nobody is assigned to.
    #[error("shift {0} of the simulated world has no caregiver; name who checks in")]
    NobodyAssigned(String),
}

/// What the world did that others than its rows may care about.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A script changes the switches: a JSON merge patch for them.
    Switches(Value),
    /// Something a vendor webhook tells about.
    Hook {
        /// The subscription criteria, `encounter.clockout.changed`.
        criteria: &'static str,
        /// The resource type of the body.
        resource: &'static str,
        /// The id in the body.
        id: String,
    },
    /// A named moment of a script has come.
    Beat {
        /// Its name.
        name: String,
        /// When.
        at: Instant,
    },
}

/// An office of the agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The vendor's id, as in the tag `locationId`.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A charge.
#[derive(Debug, Clone, PartialEq)]
pub struct Bill {
    /// The vendor's id.
    pub id: String,
    /// Whose.
    pub client: String,
    /// Whose work; `None` leaves `performer` empty.
    pub caregiver: Option<String>,
    /// From when.
    pub start: Instant,
    /// Until when.
    pub end: Instant,
    /// The quantity, in hours.
    pub hours: f64,
}

/// The simulated agency.
pub struct World {
    zone: Tz,
    agency: String,
    marker: String,
    now: Option<Instant>,
    patients: Table<Patient>,
    practitioners: Table<Practitioner>,
    shifts: index::Shifts,
    visits: index::Visits,
    locations: Vec<Location>,
    bills: Vec<Bill>,
    acts: BTreeMap<(Instant, u64), Act>,
    n_acts: u64,
    n_visits: u64,
    script: Vec<super::script::Step>,
    seeded: Option<Box<seeded::Plan>>,
    outcomes: Vec<Outcome>,
}

impl World {
    /// An agency without anybody, in which nothing happens but what it is told. Its agency id is `9999`, its
    /// locations are 501 "North" and 502 "South".
    pub fn empty(zone: Tz) -> Self {
        Self {
            zone,
            agency: "9999".into(),
            marker: String::new(),
            now: None,
            patients: Table::default(),
            practitioners: Table::default(),
            shifts: index::Shifts::default(),
            visits: index::Visits::default(),
            locations: vec![
                Location { id: "501".into(), name: "North".into() },
                Location { id: "502".into(), name: "South".into() },
            ],
            bills: Vec::new(),
            acts: BTreeMap::new(),
            n_acts: 0,
            n_visits: 0,
            script: Vec::new(),
            seeded: None,
            outcomes: Vec::new(),
        }
    }

    /// The same, and everybody added from now on carries `marker` at the front of every text about them: names,
    /// streets, towns, mail addresses. (Phones and birth dates have a fixed form and can't carry it.)
    #[must_use]
    pub fn marked(mut self, marker: &str) -> Self {
        marker.clone_into(&mut self.marker);
        self
    }

    /// The agency's zone.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The agency's id, as in the tag `agencyId`.
    pub fn agency(&self) -> &str {
        &self.agency
    }

    /// The string planted in names and addresses; empty when none is.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The instant the world was last advanced to; the epoch before that.
    pub fn now(&self) -> Instant {
        self.now.unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The offices.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// Adds an office.
    pub fn add_location(&mut self, id: &str, name: &str) {
        self.locations.push(Location { id: id.to_owned(), name: name.to_owned() });
    }

    /// Adds or replaces a client. `world.add_client("7000101")` invents everything but the id.
    pub fn add_client(&mut self, patient: impl Into<Patient>) {
        let mut patient = patient.into();
        patient.mark(&self.marker);
        patient.created_at = patient.created_at.or(self.now);
        patient.updated_at = patient.updated_at.or(self.now);
        let id = patient.id.clone();
        if self.patients.put(patient.id.clone(), patient) {
            self.outcomes.push(Outcome::Hook { criteria: "patient.created", resource: "Patient", id });
        }
    }

    /// Adds or replaces a caregiver.
    pub fn add_caregiver(&mut self, practitioner: impl Into<Practitioner>) {
        let mut practitioner = practitioner.into();
        practitioner.mark(&self.marker);
        practitioner.created_at = practitioner.created_at.or(self.now);
        practitioner.updated_at = practitioner.updated_at.or(self.now);
        let id = practitioner.id.clone();
        if self.practitioners.put(practitioner.id.clone(), practitioner) {
            self.outcomes.push(Outcome::Hook { criteria: "practitioner.created", resource: "Practitioner", id });
        }
    }

    /// Adds a shift. Its client and caregiver need not exist: a row may name somebody whom no list shows.
    pub fn add_shift(&mut self, shift: Appointment) -> ShiftPick {
        let pick = ShiftPick::from(&shift);
        let n = self.shifts.push(shift);
        self.plan_conduct(n);
        pick
    }

    /// Changes a client's record in place and stamps it as updated.
    pub fn edit_client(&mut self, id: &str, edit: impl FnOnce(&mut Patient)) -> Result<(), WorldError> {
        let now = self.now;
        let patient = self.patients.get_mut(id).ok_or_else(|| WorldError::NoClient(id.to_owned()))?;
        edit(patient);
        patient.updated_at = now.or(patient.updated_at);
        Ok(())
    }

    /// Changes a caregiver's record in place and stamps it as updated.
    pub fn edit_caregiver(&mut self, id: &str, edit: impl FnOnce(&mut Practitioner)) -> Result<(), WorldError> {
        let now = self.now;
        let found = self.practitioners.get_mut(id).ok_or_else(|| WorldError::NoCaregiver(id.to_owned()))?;
        edit(found);
        found.updated_at = now.or(found.updated_at);
        Ok(())
    }

    /// The client is no longer served: `active` goes false.
    pub fn deactivate_client(&mut self, id: &str) -> Result<(), WorldError> {
        self.edit_client(id, |patient| patient.active = false)?;
        self.outcomes.push(Outcome::Hook {
            criteria: "patient.deactivated.changed",
            resource: "Patient",
            id: id.to_owned(),
        });
        Ok(())
    }

    /// The caregiver has left: `active` and `isHired` go false. Their shifts keep naming them.
    pub fn deactivate_caregiver(&mut self, id: &str) -> Result<(), WorldError> {
        self.edit_caregiver(id, |practitioner| {
            practitioner.active = false;
            practitioner.is_hired = practitioner.is_hired.map(|_| false);
        })?;
        self.outcomes.push(Outcome::Hook {
            criteria: "practitioner.deactivated.changed",
            resource: "Practitioner",
            id: id.to_owned(),
        });
        Ok(())
    }

    /// Takes the caregiver off a shift: it is open from now on.
    pub fn unassign(&mut self, pick: impl Into<ShiftPick>) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.assign(n, None);
        Ok(())
    }

    /// Gives a shift to a caregiver.
    pub fn assign(&mut self, pick: impl Into<ShiftPick>, caregiver: &str) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.assign(n, Some(caregiver.to_owned()));
        self.plan_conduct(n);
        Ok(())
    }

    /// Moves a shift to another time; the id stays, as the vendor keeps it.
    pub fn move_to(&mut self, pick: impl Into<ShiftPick>, start: Instant, end: Instant) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.reschedule(n, start, end);
        self.plan_conduct(n);
        Ok(())
    }

    /// Cancels a shift; how that looks is the switch `cancel_shape`.
    pub fn cancel(&mut self, pick: impl Into<ShiftPick>) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.edit(n, |shift| shift.cancelled = true);
        Ok(())
    }

    /// Deletes a shift: its row is gone.
    pub fn delete(&mut self, pick: impl Into<ShiftPick>) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.edit(n, |shift| shift.deleted = true);
        Ok(())
    }

    /// Sends this status text with a shift instead of the usual one.
    pub fn set_status(&mut self, pick: impl Into<ShiftPick>, status: &str) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.edit(n, |shift| shift.status = Some(status.to_owned()));
        Ok(())
    }

    /// Decides anew what the people in a shift will do by themselves.
    pub fn set_conduct(&mut self, pick: impl Into<ShiftPick>, conduct: Conduct) -> Result<(), WorldError> {
        let n = self.find(&pick.into())?;
        self.shifts.edit(n, |shift| shift.conduct = conduct);
        self.plan_conduct(n);
        Ok(())
    }

    /// The assigned caregiver checks in at `at`. Gives the visit's id.
    pub fn check_in(&mut self, pick: impl Into<ShiftPick>, at: Instant) -> Result<String, WorldError> {
        let pick = pick.into();
        let n = self.find(&pick)?;
        let caregiver =
            self.shifts.get(n).and_then(|shift| shift.caregiver.clone()).ok_or(WorldError::NobodyAssigned(pick.id))?;
        Ok(self.open_visit(n, caregiver, at))
    }

    /// Somebody checks in at `at`, on the schedule or not. Gives the visit's id.
    pub fn check_in_by(
        &mut self,
        pick: impl Into<ShiftPick>,
        caregiver: &str,
        at: Instant,
    ) -> Result<String, WorldError> {
        let n = self.find(&pick.into())?;
        Ok(self.open_visit(n, caregiver.to_owned(), at))
    }

    /// Whoever is checked in to a shift checks out at `at`.
    pub fn check_out(&mut self, pick: impl Into<ShiftPick>, at: Instant) -> Result<(), WorldError> {
        let pick = pick.into();
        let n = self.find(&pick)?;
        let open = self.shifts.get(n).and_then(|shift| self.visits.open_of(shift));
        let visit = open.ok_or(WorldError::NoVisit(pick.id))?;
        self.close_visit(visit, at);
        Ok(())
    }

    /// Checks out of the visit with this id at `at`.
    pub fn check_out_visit(&mut self, visit: &str, at: Instant) -> Result<(), WorldError> {
        let n = self.visits.find(visit).ok_or_else(|| WorldError::NoVisit(visit.to_owned()))?;
        self.close_visit(n, at);
        Ok(())
    }

    /// A visit with no shift behind it. Gives its id.
    pub fn unscheduled_visit(&mut self, client: &str, caregiver: &str, at: Instant) -> String {
        self.record_visit(client.to_owned(), Some(caregiver.to_owned()), None, at)
    }

    /// Bills something.
    pub fn bill(&mut self, bill: Bill) {
        self.bills.push(bill);
    }

    /// Bills a visit that is over, by its minutes. Gives the charge's id; `None` where there is no such visit.
    pub fn bill_visit(&mut self, visit: &str) -> Option<String> {
        let row = self.visit(visit)?;
        let end = row.end?;
        let minute = |at: Instant| at.timestamp().div_euclid(60);
        let minutes = i32::try_from(minute(end) - minute(row.start)).ok()?;
        let id = format!("66{visit}");
        let bill = Bill {
            id: id.clone(),
            client: row.client.clone(),
            caregiver: row.caregiver.clone(),
            start: row.start,
            end,
            hours: f64::from(minutes) / 60.0,
        };
        self.bill(bill);
        Some(id)
    }

    /// Everything that was billed, in the order it was.
    pub fn bills(&self) -> impl Iterator<Item = &Bill> {
        self.bills.iter()
    }

    /// Deletes a visit: its row is gone.
    pub fn delete_visit(&mut self, visit: &str) -> Result<(), WorldError> {
        let n = self.visits.find(visit).ok_or_else(|| WorldError::NoVisit(visit.to_owned()))?;
        self.visits.edit(n, |visit| visit.deleted = true);
        Ok(())
    }

    /// Every shift that is not deleted, in no particular order.
    pub fn shifts(&self) -> impl Iterator<Item = &Appointment> {
        self.shifts.all().filter(|shift| !shift.deleted)
    }

    /// Every visit that is not deleted, in the order they were recorded.
    pub fn visits(&self) -> impl Iterator<Item = &Encounter> {
        self.visits.all().filter(|visit| !visit.deleted)
    }

    /// Every patient record, in the order they were added.
    pub fn patients(&self) -> impl Iterator<Item = &Patient> {
        self.patients.all()
    }

    /// Every caregiver record, in the order they were added.
    pub fn practitioners(&self) -> impl Iterator<Item = &Practitioner> {
        self.practitioners.all()
    }

    /// The client of this id.
    pub fn patient(&self, id: &str) -> Option<&Patient> {
        self.patients.get(id)
    }

    /// The caregiver of this id.
    pub fn practitioner(&self, id: &str) -> Option<&Practitioner> {
        self.practitioners.get(id)
    }

    /// The shift meant by `pick`.
    pub fn shift(&self, pick: impl Into<ShiftPick>) -> Option<&Appointment> {
        self.find(&pick.into()).ok().and_then(|n| self.shifts.get(n))
    }

    /// The visit of this id.
    pub fn visit(&self, id: &str) -> Option<&Encounter> {
        self.visits.find(id).and_then(|n| self.visits.get(n)).filter(|visit| !visit.deleted)
    }

    /// A client's shifts that are not deleted, by start. Cost follows this client's shifts only.
    pub fn shifts_of(&self, client: &str) -> impl Iterator<Item = &Appointment> {
        self.shifts.of_client(client).filter(|shift| !shift.deleted)
    }

    /// The shifts a caregiver is assigned to, by start.
    pub fn shifts_by(&self, caregiver: &str) -> impl Iterator<Item = &Appointment> {
        self.shifts.of_caregiver(caregiver).filter(|shift| !shift.deleted)
    }

    /// A client's visits that are not deleted, as recorded.
    pub fn visits_of(&self, client: &str) -> impl Iterator<Item = &Encounter> {
        self.visits.of_client(client).filter(|visit| !visit.deleted)
    }

    /// Takes what happened since this was last asked.
    pub fn take_outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    fn find(&self, pick: &ShiftPick) -> Result<usize, WorldError> {
        self.shifts.find(&pick.id, pick.start, self.now()).ok_or_else(|| WorldError::NoShift(pick.id.clone()))
    }
}

/// The instant so many seconds after `at` (before it when negative); unchanged when that is beyond the calendar.
pub(crate) fn later(at: Instant, seconds: i64) -> Instant {
    TimeDelta::try_seconds(seconds).and_then(|by| at.checked_add_signed(by)).unwrap_or(at)
}

/// The instant a wall clock in `zone` shows `local`: in the hour shown twice the earlier one, in the hour that is
/// skipped the instant it would have been without the jump.
pub fn wall(zone: Tz, local: NaiveDateTime) -> Instant {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.to_utc(),
        LocalResult::None => {
            let earlier = zone.from_local_datetime(&(local - TimeDelta::hours(3))).earliest();
            earlier.map_or_else(|| local.and_utc(), |at| at.to_utc() + TimeDelta::hours(3))
        }
    }
}
