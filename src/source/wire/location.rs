//! Locations: an id and a name.

use serde_json::Value;

use super::{
    reject,
    value::{text, usable_id},
};
use crate::{model::Endpoint, source::fetched::RejectedRow};

/// A row of the locations list: id and trimmed name (empty when there is none).
pub fn location(row: &Value) -> Result<(String, String), RejectedRow> {
    let id = usable_id(row.get("id"))
        .ok_or_else(|| reject(Endpoint::Locations, row, None, "the location has no readable id"))?;
    Ok((id, text(row.get("name")).unwrap_or_default()))
}
