//! The routing tree: which receiver hears of an alert, grouped how, after which waits.

use std::time::Duration;

use super::matcher::Matcher;

/// A node of the tree with everything inherited already filled in.
#[derive(Debug, Clone)]
pub struct Route {
    /// The node's stable name: its matchers from the root, as `{}/{severity="page"}`, with `/<n>` for equal siblings.
    pub id: String,
    /// Receiver name.
    pub receiver: String,
    /// Labels to group by.
    pub group_by: GroupBy,
    /// How long a new group waits for company.
    pub group_wait: Duration,
    /// How long after a notice news of the same group waits.
    pub group_interval: Duration,
    /// How long until an unchanged notice is said again.
    pub repeat_interval: Duration,
    /// All must match; empty matches everything.
    pub matchers: Vec<Matcher>,
    /// Names of time intervals in which firing notices are held.
    pub mute_time_intervals: Vec<String>,
    /// Names of time intervals outside of which firing notices are held.
    pub active_time_intervals: Vec<String>,
    /// Whether siblings after a match are tried too.
    pub continue_: bool,
    /// Children, in file order.
    pub routes: Vec<Route>,
}

/// What `group_by` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// These labels (and always `agency`).
    Labels(Vec<String>),
    /// `...`: every alert alone.
    All,
}
