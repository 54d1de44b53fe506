//! The answers of a look-up, as the JSON API, the commands and the board have them.

use serde::{Deserialize, Serialize};

use super::{Freshness, Kind, index::By, profile::ProfileAnswer, shifts::ShiftAnswer};
use crate::{
    model::Instant,
    report::{audit::NamesShown, cover::CoverAnswer},
};

/// Who fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::FoundAnswer)]
pub struct FoundAnswer {
    /// Whether names are shown, and why not.
    pub names: NamesShown,
    /// The best first, bounded.
    pub candidates: Vec<CandidateAnswer>,
    /// How many fit in all.
    pub n: usize,
    /// How fresh the lists of people are.
    pub roster: Freshness,
    /// Of whoever was meant beyond doubt.
    pub profile: Option<PersonAnswer>,
    /// The agent's clock when it answered: ages count from it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
}

/// Somebody who fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::CandidateAnswer)]
pub struct CandidateAnswer {
    /// A client or a caregiver.
    pub kind: Kind,
    /// The vendor's id.
    pub id: String,
    /// What they are called.
    pub name: Option<String>,
    /// The `agency` label.
    pub agency: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// False when the vendor says that they left.
    pub current: bool,
    /// How well they fit, from 0 to 1.
    pub score: f64,
    /// By what.
    pub by: By,
    /// Just as it is written.
    pub exact: bool,
}

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::PersonAnswer)]
pub struct PersonAnswer {
    /// Whether names are shown, and why not.
    pub names: NamesShown,
    /// Who it is, with shifts and visits.
    #[serde(flatten)]
    pub profile: ProfileAnswer,
    /// Live alerts about them or their shifts; `null` where no agent runs.
    pub alerts: Option<Vec<AlertBrief>>,
}

/// A live alert in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::AlertBrief)]
pub struct AlertBrief {
    /// Its id in every API.
    pub fingerprint: String,
    /// The rule.
    pub alertname: String,
    /// The `severity` label.
    pub severity: String,
    /// `pending`, `firing`, `acknowledged` or `resolved`.
    pub state: String,
    /// In one line; ids only.
    pub summary: String,
    /// When the condition became true.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// The `shift` label, where it is about one.
    pub shift: Option<String>,
}

/// Shifts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::ShiftsAnswer)]
pub struct ShiftsAnswer {
    /// Whether names are shown, and why not.
    pub names: NamesShown,
    /// By start.
    pub shifts: Vec<ShiftAnswer>,
    /// How many there are in all.
    pub n: usize,
    /// How fresh they are, all together.
    #[serde(flatten)]
    pub freshness: Freshness,
    /// The agent's clock when it answered: ages count from it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
}

/// Who could take a shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::ShownCover)]
pub struct ShownCover {
    /// Whether names are shown, and why not.
    pub names: NamesShown,
    /// Who could, and who must not.
    #[serde(flatten)]
    pub cover: CoverAnswer,
    /// The agent's clock when it answered: ages count from it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Instant>,
}
