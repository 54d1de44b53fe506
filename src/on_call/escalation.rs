//! Escalation policies: who is told after whom.

use std::time::Duration;

use super::{Roster, person::Via};
use crate::model::{Instant, PersonName};

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

impl EscalationStep {
    /// Who it asks at an instant, each once, in file order. Nobody = it is skipped.
    #[must_use]
    pub fn people(&self, roster: &Roster, at: Instant) -> Vec<PersonName> {
        let mut people = Vec::new();
        for target in &self.notify {
            match target {
                Target::Person(name) => push_new(&mut people, name),
                Target::Schedule(name) => {
                    roster.on_call(name, at).people.iter().for_each(|person| push_new(&mut people, person));
                }
            }
        }
        people
    }
}

impl EscalationPolicy {
    /// The schedules it needs, each once, in the order its steps name them.
    #[must_use]
    pub fn schedules(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for target in self.steps.iter().flat_map(|step| &step.notify) {
            if let Target::Schedule(name) = target
                && !names.contains(&name.as_str())
            {
                names.push(name);
            }
        }
        names
    }

    /// Who is asked when no step finds anybody: the people its steps name and those its schedules ever name; where
    /// that is nobody with a phone, every person who has one.
    #[must_use]
    pub fn fallback(&self, roster: &Roster) -> Vec<PersonName> {
        let mut people = Vec::new();
        for target in self.steps.iter().flat_map(|step| &step.notify) {
            match target {
                Target::Person(name) => push_new(&mut people, name),
                Target::Schedule(name) => {
                    roster.people_of(name).iter().for_each(|person| push_new(&mut people, person));
                }
            }
        }
        let has_phone = |name: &PersonName| roster.person(name).is_some_and(super::Person::has_phone);
        if !people.iter().any(has_phone) {
            roster.people().filter(|person| person.has_phone()).for_each(|person| push_new(&mut people, &person.name));
        }
        people
    }
}

fn push_new(people: &mut Vec<PersonName>, name: &PersonName) {
    if !people.contains(name) {
        people.push(name.clone());
    }
}
