//! What the vendor sends, read tolerantly into model types.
//!
//! Given: one answer's bytes ([`bundle`]) or one row ([`people`], [`appointment`], [`encounter`], [`location`], [`detail`], [`charge`]).
//! Gives: model types, or one [`RejectedRow`] for a row that makes no sense.
//! Does not: drop a row silently, keep a field nobody needs (`ssn`, notes, rates and positions end here), or let
//! a bad row cost its page.

pub mod appointment;
pub mod bundle;
pub mod charge;
pub mod detail;
pub mod encounter;
pub mod location;
pub mod people;
pub mod time;
pub mod value;

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::fetched::RejectedRow;
use crate::model::{ClientId, Endpoint};

/// A refusal of `row`, naming what could be read of it.
pub(super) fn reject(endpoint: Endpoint, row: &Value, client: Option<ClientId>, reason: &'static str) -> RejectedRow {
    let caregiver = match endpoint {
        Endpoint::Practitioners => value::id(row.get("id")).map(|id| crate::model::CaregiverId::new(id.as_str())),
        Endpoint::Appointment => value::reference(row.get("caregiver"), "Practitioner"),
        _ => None,
    };
    RejectedRow { endpoint, id: value::id(row.get("id")), client, caregiver, reason }
}
