//! Clients and caregivers as the vendor keeps them, in the vendor's own words: Patient and Practitioner.
//!
//! Given: what a test states, or what the seed made up.
//! Gives: records that `wire` turns into JSON.
//! Does not: print anybody. `Debug` shows the id only, since leak tests plant their markers here.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// A phone as the vendor stores it: ten digits, for work perhaps with an extension (`2025550144x12`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// `home`, `mobile` or `work`; empty leaves `use` out of the row.
    #[serde(rename = "use", default)]
    pub slot: String,
    /// Ten digits, no country code.
    pub number: String,
}

/// A client, prospect, former client or contact: all of them are rows of `/v1/patients/`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Patient {
    /// The vendor's id.
    pub id: String,
    /// First name; empty leaves `given` an empty list.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Phones, in order.
    pub phones: Vec<Phone>,
    /// Mail address; empty means none.
    pub email: String,
    /// Street and number.
    pub street: String,
    /// Town.
    pub city: String,
    /// `female`, `male`, or empty.
    pub gender: String,
    /// Birth date.
    pub born: Option<NaiveDate>,
    /// The resource's `active` flag.
    pub active: bool,
    /// The tag `isClient`; `None` leaves the tag out.
    pub is_client: Option<bool>,
    /// The tag `status` as its number, 80 = care started.
    pub status: u32,
    /// The tag `locationId`; `None` leaves the tag out.
    pub location: Option<String>,
    /// The tag `profileTags`: ids of labels the agency gave this client.
    pub tags: Vec<String>,
    /// When the record was made.
    pub created_at: Option<Instant>,
    /// When it last changed.
    pub updated_at: Option<Instant>,
}

impl Default for Patient {
    fn default() -> Self {
        Self {
            id: String::new(),
            given: "Avery".into(),
            family: "Sample".into(),
            phones: vec![Phone { slot: "home".into(), number: "2025550143".into() }],
            email: "avery@example.com".into(),
            street: "1 Test Way".into(),
            city: "Exampleton".into(),
            gender: "female".into(),
            born: NaiveDate::from_ymd_opt(1940, 1, 1),
            active: true,
            is_client: Some(true),
            status: 80,
            location: Some("501".into()),
            tags: Vec::new(),
            created_at: None,
            updated_at: None,
        }
    }
}

impl Patient {
    /// A current client with this id, everything else invented.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// The same with another name.
    #[must_use]
    pub fn named(mut self, given: &str, family: &str) -> Self {
        given.clone_into(&mut self.given);
        family.clone_into(&mut self.family);
        self
    }

    /// The same at this location; an empty id means none.
    #[must_use]
    pub fn at_location(mut self, location: &str) -> Self {
        self.location = (!location.is_empty()).then(|| location.to_owned());
        self
    }

    /// The same with these tag ids.
    #[must_use]
    pub fn tagged(mut self, tags: &[&str]) -> Self {
        self.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self
    }

    /// First and family name.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given, self.family).trim().to_owned()
    }

    /// Puts `marker` before every field that can hold text about a person.
    pub(crate) fn mark(&mut self, marker: &str) {
        for field in [&mut self.given, &mut self.family, &mut self.email, &mut self.street, &mut self.city] {
            plant(field, marker);
        }
    }
}

impl From<&str> for Patient {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A caregiver or applicant: a row of `/v1/practitioners/`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Practitioner {
    /// The vendor's id.
    pub id: String,
    /// First name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Phones, in order.
    pub phones: Vec<Phone>,
    /// Mail address; empty means none.
    pub email: String,
    /// Town.
    pub city: String,
    /// The resource's `active` flag.
    pub active: bool,
    /// The tag `isHired`; `None` leaves the tag out.
    pub is_hired: Option<bool>,
    /// The tag `status` as its number, 100 = hired.
    pub status: u32,
    /// The tag `locationId`; `None` leaves the tag out.
    pub location: Option<String>,
    /// The tag `profileTags`.
    pub tags: Vec<String>,
    /// Language code, `en-us`.
    pub language: String,
    /// When the record was made.
    pub created_at: Option<Instant>,
    /// When it last changed.
    pub updated_at: Option<Instant>,
}

impl Default for Practitioner {
    fn default() -> Self {
        Self {
            id: String::new(),
            given: "Jordan".into(),
            family: "Placeholder".into(),
            phones: vec![Phone { slot: "mobile".into(), number: "2025550160".into() }],
            email: "jordan@example.com".into(),
            city: "Exampleton".into(),
            active: true,
            is_hired: Some(true),
            status: 100,
            location: Some("501".into()),
            tags: Vec::new(),
            language: "en-us".into(),
            created_at: None,
            updated_at: None,
        }
    }
}

impl Practitioner {
    /// A hired caregiver with this id, everything else invented.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// The same with another name.
    #[must_use]
    pub fn named(mut self, given: &str, family: &str) -> Self {
        given.clone_into(&mut self.given);
        family.clone_into(&mut self.family);
        self
    }

    /// The same at this location; an empty id means none.
    #[must_use]
    pub fn at_location(mut self, location: &str) -> Self {
        self.location = (!location.is_empty()).then(|| location.to_owned());
        self
    }

    /// First and family name.
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given, self.family).trim().to_owned()
    }

    /// Puts `marker` before every field that can hold text about a person.
    pub(crate) fn mark(&mut self, marker: &str) {
        for field in [&mut self.given, &mut self.family, &mut self.email, &mut self.city] {
            plant(field, marker);
        }
    }
}

impl From<&str> for Practitioner {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl fmt::Debug for Practitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Practitioner").field("id", &self.id).finish_non_exhaustive()
    }
}

fn plant(field: &mut String, marker: &str) {
    if !marker.is_empty() && !field.is_empty() && !field.starts_with(marker) {
        field.insert_str(0, marker);
    }
}
