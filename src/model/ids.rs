//! One type per kind of id, so that a client's id can never be passed where a caregiver's belongs.
//!
//! The vendor sends ids as strings or as numbers; the source turns both into these. Ids are opaque text:
//! never parsed, never compared by number. They are not PHI and may appear in logs and labels of alerts.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it came.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }
    };
}

id!(
    /// The `agency` label: the `name` of an entry under `agencies:`, or [`AgencyName::installation`].
    AgencyName
);
id!(
    /// A client's id at the vendor (Patient).
    ClientId
);
id!(
    /// A caregiver's id at the vendor (Practitioner). Only usable ids become one: never empty, never zero.
    CaregiverId
);
id!(
    /// A shift's id at the vendor (Appointment). Occurrences of a recurring shift share it; see [`super::ShiftKey`].
    ShiftId
);
id!(
    /// A visit's id at the vendor (Encounter). A different id space from [`ShiftId`].
    VisitId
);
id!(
    /// A location's id at the vendor (`locationId` tag).
    LocationId
);
id!(
    /// A profile tag's id at the vendor.
    TagId
);
id!(
    /// A person's `name` under `people:`: chosen by the agency, shown in texts, logs and labels; never an address.
    PersonName
);

impl AgencyName {
    /// The pseudo-agency that owns alerts which belong to no agency (posted without an `agency` label).
    #[must_use]
    pub fn installation() -> Self {
        Self::new("installation")
    }
}
