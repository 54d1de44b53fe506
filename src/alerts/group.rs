//! A group: the alerts that one receiver is told about together.

use serde::{Deserialize, Serialize};

use super::alert::{AlertKey, Labels};
use crate::model::{AgencyName, Instant};

/// What makes a group: the route's node, its receiver, and the values of `group_by` (always with the agency).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// Whose alerts.
    pub agency: AgencyName,
    /// The route node's place in the tree, stable over reloads that do not move it: `{}/{severity="page"}/…`.
    pub route: String,
    /// The receiver's name.
    pub receiver: String,
    /// The group labels.
    pub labels: Labels,
}

/// A group's memory: enough to decide what is new, what repeats, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Identity.
    pub key: GroupKey,
    /// Counts how often the group emptied and began anew; part of every message id.
    pub generation: u64,
    /// Counts its flushes within the generation; part of every message id.
    pub flush: u64,
    /// When it is looked at next; `None` when nothing is waiting.
    pub flush_at: Option<Instant>,
    /// The last flush that told somebody.
    pub notified_at: Option<Instant>,
    /// The alerts that were firing in that notice.
    pub notified: Vec<AlertKey>,
}
