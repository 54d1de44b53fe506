//! A caregiver: the person who goes.

use super::{CaregiverId, LocationId, Person, TagId};

/// A caregiver as last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caregiver {
    /// The vendor's id.
    pub id: CaregiverId,
    /// The resource's own `active`; `None` when the row had none.
    pub active: Option<bool>,
    /// The `isHired` tag; `None` when it was missing or unreadable.
    pub hired: Option<bool>,
    /// The `status` tag as it came (100 = hired).
    pub status: Option<String>,
    /// The `locationId` tag.
    pub location: Option<LocationId>,
    /// The `profileTags` tag's ids, in order.
    pub tags: Vec<TagId>,
    /// Protected.
    pub person: Person,
}
