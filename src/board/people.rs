//! The names that a page may show to somebody who signed in.
//!
//! Given: ids. Gives: what a person is called and where they are reached, as text for one page.
//! Does not: keep anything. Whoever looks names up holds the grant ([`PhiGrant::SIGNED_IN_PAGE`]).
//!
//! [`PhiGrant::SIGNED_IN_PAGE`]: crate::model::PhiGrant::SIGNED_IN_PAGE

use std::{collections::HashMap, fmt};

use crate::model::{AgencyName, CaregiverId, ClientId};

/// Somebody whose name a page would show.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// A client of an agency.
    Client(AgencyName, ClientId),
    /// A caregiver of an agency.
    Caregiver(AgencyName, CaregiverId),
}

impl Who {
    /// What they are and their id, as the audit names them; never a name.
    #[must_use]
    pub fn as_id(&self) -> String {
        match self {
            Self::Client(agency, id) => format!("client {id} of {agency}"),
            Self::Caregiver(agency, id) => format!("caregiver {id} of {agency}"),
        }
    }
}

/// One person, as a page shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// As the vendor writes it; empty when it sent none.
    pub name: String,
    /// Phone numbers.
    pub phones: Vec<String>,
    /// In one line; empty when there is none.
    pub address: String,
}

/// Those who were found.
#[derive(Clone, Default)]
pub struct Names(HashMap<Who, Person>);

impl Names {
    /// Adds somebody.
    pub fn put(&mut self, who: Who, person: Person) {
        self.0.insert(who, person);
    }

    /// Somebody, when they were found.
    #[must_use]
    pub fn get(&self, who: &Who) -> Option<&Person> {
        self.0.get(who)
    }

    /// Somebody's name; `None` when it is not known or may not be shown.
    #[must_use]
    pub fn name(&self, who: &Who) -> Option<String> {
        self.get(who).map(|person| person.name.clone()).filter(|name| !name.trim().is_empty())
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(crate::model::phi::REDACTED)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} people", self.0.len())
    }
}
