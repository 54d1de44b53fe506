//! What a rule can be about.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{CaregiverId, ClientId, PersonName, ShiftKey, VisitId};

/// The one thing an alert is about. Together with agency and rule it is the alert's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// One shift.
    Shift(ShiftKey),
    /// Two shifts that get in each other's way, the earlier one first.
    ShiftPair(Box<(ShiftKey, ShiftKey)>),
    /// One visit.
    Visit(VisitId),
    /// One client.
    Client(ClientId),
    /// One caregiver.
    Caregiver(CaregiverId),
    /// One caregiver's week, by its first day ([`super::week`]).
    CaregiverWeek(CaregiverId, NaiveDate),
    /// One endpoint of the vendor's API.
    Endpoint(Endpoint),
    /// One section of the mirror.
    Section(Section),
    /// A way out: a channel or an SMS gateway, by name (`email`, `sms/twilio`, `webhook`).
    Gateway(String),
    /// An on-call schedule, by name.
    Schedule(String),
    /// An escalation policy, by name.
    Policy(String),
    /// A person who may be told.
    Person(PersonName),
    /// The agency as a whole.
    Agency,
    /// An alert posted by somebody else (Prometheus), by its label fingerprint, 16 hex digits.
    Posted(String),
}

/// The vendor endpoints shiftwatch calls; the `endpoint` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// `POST /oauth/accesstoken`
    Token,
    /// Clients.
    Patients,
    /// Caregivers.
    Practitioners,
    /// Shifts.
    Appointment,
    /// Visits.
    Encounter,
    /// Locations.
    Locations,
    /// Task logs of visits; read only where the configuration wants them.
    TaskLog,
    /// The list of care activities; read only where the configuration wants it.
    CarePlan,
    /// What was billed; read only where the configuration wants it.
    ChargeItem,
}

/// A kind of row in the mirror, each with its own age; the `section` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// Clients.
    Clients,
    /// Caregivers.
    Caregivers,
    /// Shifts.
    Shifts,
    /// Visits.
    Visits,
}

impl Subject {
    /// Two shifts, whichever is the earlier one.
    #[must_use]
    pub fn pair(one: ShiftKey, other: ShiftKey) -> Self {
        Self::ShiftPair(Box::new(if one <= other { (one, other) } else { (other, one) }))
    }
}

impl Endpoint {
    /// Every endpoint, in label order.
    pub const ALL: [Self; 9] = [
        Self::Token,
        Self::Patients,
        Self::Practitioners,
        Self::Appointment,
        Self::Encounter,
        Self::Locations,
        Self::TaskLog,
        Self::CarePlan,
        Self::ChargeItem,
    ];

    /// Whether the watch does without it: nobody is called because it is silent.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Locations | Self::TaskLog | Self::CarePlan | Self::ChargeItem)
    }

    /// What cannot be read while it does not answer; without a token not even the clients.
    #[must_use]
    pub const fn section(self) -> Section {
        match self {
            Self::Token | Self::Patients | Self::Locations => Section::Clients,
            Self::Practitioners => Section::Caregivers,
            Self::Appointment => Section::Shifts,
            Self::Encounter | Self::TaskLog | Self::CarePlan | Self::ChargeItem => Section::Visits,
        }
    }

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Patients => "patients",
            Self::Practitioners => "practitioners",
            Self::Appointment => "appointment",
            Self::Encounter => "encounter",
            Self::Locations => "locations",
            Self::TaskLog => "tasklog",
            Self::CarePlan => "careplan",
            Self::ChargeItem => "chargeitem",
        }
    }
}

impl Section {
    /// Every section, in label order.
    pub const ALL: [Self; 4] = [Self::Clients, Self::Caregivers, Self::Shifts, Self::Visits];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Caregivers => "caregivers",
            Self::Shifts => "shifts",
            Self::Visits => "visits",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
