//! The names of a test: clients, caregivers, shifts, people, ways out. A name that is none is answered with the nearest.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::when::Wrong;
use crate::config::suggest::nearest;

/// What a test may name.
#[derive(Debug, Clone)]
pub struct Names {
    /// Clients, with the zone of their location.
    pub clients: BTreeMap<String, Tz>,
    /// Caregivers.
    pub caregivers: BTreeSet<String>,
    /// Shifts, with their clients.
    pub shifts: BTreeMap<String, String>,
    /// `people` of the configuration.
    pub people: BTreeSet<String>,
    /// `schedules` of the configuration.
    pub schedules: BTreeSet<String>,
    /// Its `escalation_policies`.
    pub policies: BTreeSet<String>,
    /// Ways out: `sms/twilio`, `email/mail.example.com:587`.
    pub ways: BTreeSet<String>,
    /// Names of alerts that the rules give.
    pub alerts: BTreeSet<String>,
    /// Receivers of the configuration.
    pub receivers: BTreeSet<String>,
    /// The agency's zone.
    pub zone: Tz,
}

impl Names {
    /// A client of the test.
    pub fn client(&self, name: &str) -> Result<String, Wrong> {
        known("client", name, self.clients.keys(), "list it under clients")
    }

    /// A caregiver of the test.
    pub fn caregiver(&self, name: &str) -> Result<String, Wrong> {
        known("caregiver", name, &self.caregivers, "list it under caregivers")
    }

    /// A shift of the test.
    pub fn shift(&self, name: &str) -> Result<String, Wrong> {
        known("shift", name, self.shifts.keys(), "write it under shifts")
    }

    /// One of `people`.
    pub fn person(&self, name: &str) -> Result<String, Wrong> {
        known("person", name, &self.people, "name one of the configuration's people")
    }

    /// One of `schedules`.
    pub fn schedule(&self, name: &str) -> Result<String, Wrong> {
        known("schedule", name, &self.schedules, "name one of the configuration's schedules")
    }

    /// A way out.
    pub fn way(&self, name: &str) -> Result<String, Wrong> {
        known("way to send", name, &self.ways, "name one of the configuration's gateways")
    }

    /// A receiver or a person.
    pub fn told(&self, name: &str) -> Result<String, Wrong> {
        let all = self.receivers.iter().chain(&self.people);
        known("receiver or person", name, all, "name one of the configuration's")
    }

    /// An alert that some rule gives.
    pub fn alert(&self, name: &str) -> Result<String, Wrong> {
        known("alert", name, &self.alerts, "write the name that a rule gives after alert:")
    }

    /// Where a shift's wall clock hangs.
    #[must_use]
    pub fn zone_of_shift(&self, shift: &str) -> Tz {
        self.shifts.get(shift).and_then(|client| self.clients.get(client)).copied().unwrap_or(self.zone)
    }
}

fn known<'k>(
    what: &str,
    name: &str,
    all: impl IntoIterator<Item = &'k String> + Clone,
    instead: &str,
) -> Result<String, Wrong> {
    if all.clone().into_iter().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    let instead = if let Some(near) = nearest(name, all.clone().into_iter().map(String::as_str)) {
        format!("did you mean {near}?")
    } else {
        let all: Vec<&str> = all.into_iter().map(String::as_str).take(20).collect();
        if all.is_empty() { instead.to_owned() } else { format!("known here: {}", all.join(", ")) }
    };
    Err((format!("no {what} is called \"{name}\""), instead))
}
