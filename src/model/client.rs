//! A client: the person cared for.

use super::{ClientId, LocationId, Person, TagId};

/// A client as last read. The vendor's list mixes clients, prospects, ex-clients and contacts, so no single
/// flag decides who is one; the planner weighs them (contract: "who is a current client?").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The vendor's id.
    pub id: ClientId,
    /// The resource's own `active`; `None` when the row had none.
    pub active: Option<bool>,
    /// The `isClient` tag; `None` when it was missing or unreadable.
    pub is_client: Option<bool>,
    /// The `status` tag as it came (`"80"`, `"None"`, …).
    pub status: Option<String>,
    /// The `locationId` tag.
    pub location: Option<LocationId>,
    /// The `profileTags` tag's ids, in order.
    pub tags: Vec<TagId>,
    /// The `agencyId` tag; used only when a token spans several agencies.
    pub vendor_agency: Option<String>,
    /// Protected.
    pub person: Person,
}
