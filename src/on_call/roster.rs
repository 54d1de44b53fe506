//! The roster: everybody, every schedule, and who is on call at an instant.

use std::collections::BTreeMap;

use super::person::Person;
use crate::model::{AddressMark, Instant, PersonName};

/// Everybody who can be told. [`Roster::default`] is nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    people: BTreeMap<PersonName, Person>,
}

/// Who is on call at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnCall {
    /// In the schedule's order; empty when nobody is.
    pub people: Vec<PersonName>,
    /// The earliest instant at which this can be otherwise; `None` = never by itself.
    pub until: Option<Instant>,
}

/// One schedule goes from some people to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// Which schedule.
    pub schedule: String,
    /// Who comes on.
    pub coming: Vec<PersonName>,
    /// Who goes off.
    pub going: Vec<PersonName>,
    /// Until when those who come are on; `None` = not known.
    pub until: Option<Instant>,
}

impl Roster {
    /// Of these people.
    #[must_use]
    pub fn new(people: impl IntoIterator<Item = Person>) -> Self {
        Self { people: people.into_iter().map(|person| (person.name.clone(), person)).collect() }
    }

    /// One of them.
    #[must_use]
    pub fn person(&self, name: &PersonName) -> Option<&Person> {
        self.people.get(name)
    }

    /// All of them, by name.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// Whose address this is; a shared phone has several.
    #[must_use]
    pub fn people_with(&self, mark: &AddressMark) -> Vec<&Person> {
        self.people.values().filter(|person| person.contacts.iter().any(|contact| contact.mark == *mark)).collect()
    }

    /// Who is on call by a schedule at an instant; nobody by one that does not exist.
    #[must_use]
    pub fn on_call(&self, schedule: &str, at: Instant) -> OnCall {
        let _ = (schedule, at);
        OnCall::default()
    }

    /// The next change of any schedule after an instant, with every schedule that changes then.
    #[must_use]
    pub fn next_handoff(&self, after: Instant) -> Option<(Instant, Vec<Handoff>)> {
        let _ = after;
        None
    }
}
