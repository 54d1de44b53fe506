//! Hours and what was billed of them: hours without a charge, charges without hours, and where the two differ.
//!
//! Given: the visits of a stretch of days, and the charges of the weeks around them, as far as they were read.
//! Gives: [`Charges`]. Does not: call a charge missing where not all charges of that client and week were read, or take a
//! quantity that is not known for 0.
//!
//! The rules, in one place:
//!
//! - A charge belongs to the visits of its client that it lies over: of its caregiver, where both name one; else, if that finds
//!   none, of whoever went. It lies over a visit where half of the shorter of the two is common; else over the one with which it
//!   has most in common. Several charges of one visit, and one charge of several visits, are compared together.
//! - Both are counted where the first of their visits begins, whole, also over the edge of a period; a charge without a visit
//!   where it begins itself.
//! - They agree when the quantity is the visits' exact minutes, or their rounded ones.
//! - A charge's times without an offset are read as UTC or as the client's wall clock, whichever lets more charges lie over visits.

mod compare;
mod groups;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::terms::Minute;
use crate::{
    details::charges::ClientCharges,
    model::{ClientId, Instant},
};

pub use compare::compare;

/// Hours and charges, and where they do not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Charges)]
pub struct Charges {
    /// When the oldest of the charges was read; `null` = none were. Bills are written late: what was not billed by then is not
    /// here.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
    /// Whether every week of every client with a shift or a visit was wholly read.
    pub complete: bool,
    /// Those that were not: no hours of them are said to be without a charge.
    pub unread: Vec<UnreadCharges>,
    /// Rows of the vendor that could not be read.
    pub rejected: Vec<RejectedCharge>,
    /// How times without an offset were read: `utc` or `local`; `null` = there were none.
    pub naive_times: Option<String>,
    /// Minutes of the visits that were compared; `null` = none were, for charges were not read.
    pub worked_minutes: Option<Minute>,
    /// Minutes that were billed; `null` = charges were not read.
    pub charged_minutes: Option<Minute>,
    /// Charges whose quantity is not known: they are not in `charged_minutes`.
    pub n_quantity_unknown: u32,
    /// Minutes of visits without a charge.
    pub without_charge_minutes: Minute,
    /// Billed minutes without a visit.
    pub without_hours_minutes: Minute,
    /// Charges of days whose visits were not wholly read, and visits that nobody can bill yet: not compared.
    pub n_not_compared: u32,
    /// What does not meet, by time.
    pub differences: Vec<ChargeDifference>,
}

/// A client's week of charges that was not wholly read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::UnreadCharges)]
pub struct UnreadCharges {
    /// Whose.
    pub client: String,
    /// The week's first day; the vendor is asked for seven.
    #[schema(value_type = String, format = Date)]
    pub first: NaiveDate,
    /// `not read`, `not complete` or `rows could not be read`.
    pub why: String,
}

/// A row of charges that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::RejectedCharge)]
pub struct RejectedCharge {
    /// Whose charges were asked for.
    pub client: String,
    /// The vendor's id; `null` of a row without one.
    pub charge: Option<String>,
    /// What was wrong with it.
    pub reason: String,
}

/// How hours and charges fail to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = hours::ChargeDifferenceKind)]
pub enum ChargeDifferenceKind {
    /// Worked, and no charge.
    WithoutCharge,
    /// Billed, and no visit.
    WithoutHours,
    /// Another number of minutes was billed than worked, exact or rounded.
    Quantity,
    /// There is a charge, and its quantity is not known.
    QuantityUnknown,
    /// There is a charge, and the visit is open or its times are not known.
    HoursUnknown,
}

impl ChargeDifferenceKind {
    /// As JSON and CSV write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WithoutCharge => "without_charge",
            Self::WithoutHours => "without_hours",
            Self::Quantity => "quantity",
            Self::QuantityUnknown => "quantity_unknown",
            Self::HoursUnknown => "hours_unknown",
        }
    }

    /// For a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::WithoutCharge => "worked, no charge",
            Self::WithoutHours => "charged, no visit",
            Self::Quantity => "charged otherwise than worked",
            Self::QuantityUnknown => "charged, quantity not known",
            Self::HoursUnknown => "charged, hours not known",
        }
    }
}

/// Visits and charges that belong together and do not meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::ChargeDifference)]
pub struct ChargeDifference {
    /// How.
    pub kind: ChargeDifferenceKind,
    /// The first check-in; without a visit, where the charge begins.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Whose.
    pub client: String,
    /// Who went; without a visit, whom the charge names.
    pub caregiver: Option<String>,
    /// Whom the charge names, where that is somebody else.
    pub charged_caregiver: Option<String>,
    /// The vendor's ids of the visits.
    pub visits: Vec<String>,
    /// The vendor's ids of the charges that have one.
    pub charges: Vec<String>,
    /// Worked; `null` = not known, or there is no visit.
    pub worked_minutes: Option<Minute>,
    /// The same, each visit rounded.
    pub rounded_minutes: Option<Minute>,
    /// Billed; `null` = not known, or there is no charge.
    pub charged_minutes: Option<Minute>,
    /// Billed − worked; `null` where one of them is not known.
    pub difference_minutes: Option<Minute>,
}

/// What was read of charges.
#[derive(Debug, Clone, Default)]
pub struct ChargesRead {
    /// The weeks that were.
    pub weeks: Vec<ClientCharges>,
    /// Zones of clients whose clocks are not the agency's.
    pub zones: HashMap<ClientId, Tz>,
    /// Whether visits' times without an offset are wall clocks: then charges' are, where nothing tells.
    pub local_rather: bool,
}
