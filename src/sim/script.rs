//! Incidents on a timeline, as data: what goes wrong, and when.
//!
//! Given: YAML or JSON (through serde), or the builder [`Script::at_s`].
//! Gives: steps that [`World::follow`](super::world::World::follow) plans and carries out.
//! Does not: decide anything. A step that names something the world does not have does nothing.
//!
//! ```json
//! { "steps": [
//!   { "at": 60,  "do": "unassign", "shift": { "id": "90010001" }, "beat": "a call-out" },
//!   { "at": 60,  "do": "switches", "set": { "all_empty": true } },
//!   { "at": 120, "do": "switches", "set": { "all_empty": false } },
//!   { "at": "2026-11-24T13:00:00Z", "do": "check_in", "shift": { "id": "90010002" } } ] }
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::world::{Appointment, Patient, Practitioner, ShiftPick, later};
use crate::model::Instant;

/// When a step is due: seconds after the script began, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum When {
    /// Seconds after the script began; in an incident's own fields, after the incident.
    After(i64),
    /// An instant, RFC 3339.
    At(Instant),
}

impl When {
    /// The instant, when seconds count from `from`.
    pub fn instant(self, from: Instant) -> Instant {
        match self {
            Self::After(seconds) => later(from, seconds),
            Self::At(at) => at,
        }
    }
}

impl From<Instant> for When {
    fn from(at: Instant) -> Self {
        Self::At(at)
    }
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Incident {
    /// The caregiver is taken off: the shift is open.
    Unassign {
        /// Which shift.
        shift: ShiftPick,
    },
    /// The shift gets this caregiver.
    Reassign {
        /// Which shift.
        shift: ShiftPick,
        /// Who takes it.
        caregiver: String,
    },
    /// The shift moves; its id stays.
    Move {
        /// Which shift.
        shift: ShiftPick,
        /// Its new start.
        to: When,
        /// Its new end; absent keeps its length.
        #[serde(default)]
        until: Option<When>,
    },
    /// The shift is cancelled.
    Cancel {
        /// Which shift.
        shift: ShiftPick,
    },
    /// The shift's row is gone.
    Delete {
        /// Which shift.
        shift: ShiftPick,
    },
    /// A client more.
    AddClient {
        /// The record.
        client: Patient,
    },
    /// A caregiver more.
    AddCaregiver {
        /// The record.
        caregiver: Practitioner,
    },
    /// A shift more.
    AddShift {
        /// The row, with what its people will do.
        shift: Appointment,
    },
    /// A client is no longer served.
    DeactivateClient {
        /// Which.
        id: String,
    },
    /// A caregiver has left.
    DeactivateCaregiver {
        /// Which.
        id: String,
    },
    /// Somebody checks in now.
    CheckIn {
        /// To which shift.
        shift: ShiftPick,
        /// Who; absent = the assigned caregiver.
        #[serde(default)]
        by: Option<String>,
    },
    /// Whoever is there checks out now.
    CheckOut {
        /// Of which shift.
        shift: ShiftPick,
    },
    /// The check-in will come so many minutes after the start.
    CheckInLate {
        /// Of which shift.
        shift: ShiftPick,
        /// Minutes after the start.
        minutes: i64,
    },
    /// Nobody will check in.
    CheckInNever {
        /// To which shift.
        shift: ShiftPick,
    },
    /// Somebody not on the schedule will check in.
    CheckInBySubstitute {
        /// To which shift.
        shift: ShiftPick,
        /// Who comes.
        caregiver: String,
    },
    /// The caregiver will leave and come back: two visits.
    SplitVisit {
        /// Of which shift.
        shift: ShiftPick,
        /// Leaves so many minutes after the start.
        away_minutes: i64,
        /// Is back so many minutes after the start.
        back_minutes: i64,
    },
    /// Nobody will check out.
    CheckOutNever {
        /// Of which shift.
        shift: ShiftPick,
    },
    /// The check-out will come so many minutes after the end.
    CheckOutLate {
        /// Of which shift.
        shift: ShiftPick,
        /// Minutes after the end.
        minutes: i64,
    },
    /// A visit nobody scheduled begins.
    UnscheduledVisit {
        /// At whose home.
        client: String,
        /// Who came.
        caregiver: String,
    },
    /// Switches change: a JSON merge patch (`{"all_empty": true}`).
    Switches {
        /// The patch.
        set: Value,
    },
    /// Nothing; for a beat alone.
    Nothing,
}

/// An incident at an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: When,
    /// What.
    #[serde(flatten)]
    pub incident: Incident,
    /// A name for this moment, for whoever tells the story; absent = not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<String>,
}

/// A timeline.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// The steps; order does not matter, their instants do.
    pub steps: Vec<Step>,
}

impl Script {
    /// A script in which nothing happens.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an incident `seconds` after the script began.
    #[must_use]
    pub fn at_s(mut self, seconds: i64, incident: Incident) -> Self {
        self.steps.push(Step { at: When::After(seconds), incident, beat: None });
        self
    }

    /// Adds an incident at an instant.
    #[must_use]
    pub fn at(mut self, at: Instant, incident: Incident) -> Self {
        self.steps.push(Step { at: When::At(at), incident, beat: None });
        self
    }

    /// Adds a switch change `seconds` after the script began.
    #[must_use]
    pub fn switch_s(self, seconds: i64, patch: Value) -> Self {
        self.at_s(seconds, Incident::Switches { set: patch })
    }

    /// Names the moment of the step added last.
    #[must_use]
    pub fn beat(mut self, name: &str) -> Self {
        if let Some(step) = self.steps.last_mut() {
            step.beat = Some(name.to_owned());
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Incident, Script, Step, When};

    #[test]
    fn a_script_reads_from_json_and_writes_the_same() {
        let script: Script = serde_json::from_value(json!({ "steps": [
            { "at": 60, "do": "unassign", "shift": { "id": "90010001" }, "beat": "a call-out" },
            { "at": "2026-11-24T13:00:00Z", "do": "check_in", "shift": { "id": "1", "start": "2026-11-24T12:00:00Z" } },
            { "at": 5, "do": "add_client", "client": { "id": "7000101" } },
            { "at": 9, "do": "switches", "set": { "all_empty": true } },
        ] }))
        .expect("a script");
        assert_eq!(script.steps.len(), 4);
        assert_eq!(script.steps[0].at, When::After(60));
        assert_eq!(script.steps[0].beat.as_deref(), Some("a call-out"));
        assert!(matches!(&script.steps[2].incident, Incident::AddClient { client } if client.active));
        let again: Script = serde_json::from_value(serde_json::to_value(&script).expect("json")).expect("again");
        assert_eq!(again, script);
    }

    #[test]
    fn an_unknown_incident_is_refused() {
        assert!(serde_json::from_value::<Step>(json!({ "at": 1, "do": "explode" })).is_err());
    }
}
