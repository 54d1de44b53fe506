//! Escalation policies: who is told after whom.

use std::time::Duration;

use super::person::Via;
use crate::model::PersonName;

/// Steps that are taken until somebody owns a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationPolicy {
    /// Its name.
    pub name: String,
    /// From step one until it begins again, while nobody owns the page. 15 m.
    pub repeat: Duration,
    /// How long a way may stay without a delivery report before the next one is used. 2 m.
    pub unconfirmed_after: Duration,
    /// How long an acknowledgement lasts when nobody says. 20 m.
    pub ack_expires: Duration,
    /// The same for uncovered shifts. 60 m.
    pub ack_expires_uncovered: Duration,
    /// In order; never empty.
    pub steps: Vec<EscalationStep>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// Who.
    pub notify: Vec<Target>,
    /// By which ways, the preferred first.
    pub via: Vec<Via>,
    /// All ways at once instead of the next when one fails.
    pub via_all: bool,
    /// Counted from the first step.
    pub after: Duration,
}

/// Whom a step tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever is on call by this schedule.
    Schedule(String),
    /// This person.
    Person(PersonName),
}
