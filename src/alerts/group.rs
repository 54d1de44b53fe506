//! A group: the alerts that one receiver is told about together.

use std::collections::BTreeSet;

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
    /// When the group began, microseconds since 1970: a group that emptied and began anew has another one, also when
    /// nothing of the old one was kept. Part of every message id.
    pub generation: u64,
    /// Counts its flushes within the generation; part of every message id.
    pub flush: u64,
    /// When it is looked at next; `None` when nothing is waiting.
    pub flush_at: Option<Instant>,
    /// The last flush that told somebody, closings that went out of turn apart: what `group_interval` and
    /// `repeat_interval` count from.
    pub notified_at: Option<Instant>,
    /// The alerts that it told as firing and has not told over: those that are no news. In order.
    pub notified: Vec<AlertKey>,
}

impl Group {
    /// Whether this alert is no news: told as firing and not told over.
    #[must_use]
    pub fn has_told(&self, key: &AlertKey) -> bool {
        self.notified.binary_search(key).is_ok()
    }

    /// Counts alerts as told.
    pub(super) fn add_told(&mut self, keys: impl IntoIterator<Item = AlertKey>) {
        self.notified.extend(keys);
        self.notified.sort();
        self.notified.dedup();
    }

    /// Counts alerts as news again.
    pub(super) fn drop_told<'k>(&mut self, keys: impl IntoIterator<Item = &'k AlertKey>) {
        let keys: BTreeSet<&AlertKey> = keys.into_iter().collect();
        self.notified.retain(|told| !keys.contains(told));
    }
}
