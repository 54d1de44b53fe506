//! Look-up: clients and caregivers by what somebody remembers of them, and what is known of each.
//!
//! Given: an agency's people ([`index`]), and its mirror ([`profile`], [`shifts`]). Gives: who fits, a person's profile, shifts
//! by whom, when and how they stand; each with how fresh it is.
//! Does not: show a name. What is protected stays so until somebody with a grant asks for the answer's shown form.

pub mod answer;
pub mod distance;
pub mod fold;
pub mod index;
pub mod past;
pub mod phone;
pub mod profile;
pub mod shifts;

use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// Whether somebody is a client or a caregiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = lookup::Kind)]
pub enum Kind {
    /// Cared for.
    Client,
    /// Cares.
    Caregiver,
}

impl Kind {
    /// The kind's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Caregiver => "caregiver",
        }
    }
}

/// How fresh a part of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::Freshness)]
pub struct Freshness {
    /// The oldest read that it rests on; `None` = it was never read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
    /// Whether nothing is known to be missing from it.
    pub complete: bool,
}
