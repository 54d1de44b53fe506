//! Everything from the configuration that a step needs, as one value.

use std::{collections::HashMap, time::Duration};

use super::{inhibit::InhibitRule, route::Route, time_interval::TimeInterval};

/// The rules of telling.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The routing tree's root.
    pub route: Route,
    /// Inhibition rules.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Time intervals by name.
    pub time_intervals: HashMap<String, TimeInterval>,
    /// `global.resolve_timeout`: how long a posted alert without `endsAt` lives. 5 m.
    pub resolve_timeout: Duration,
    /// How long the first message waits for the confirming read. 60 s.
    pub confirm_timeout: Duration,
    /// How long an acknowledgement lasts when nobody says. 20 m.
    pub ack_expires: Duration,
    /// The same for uncovered shifts. 60 m.
    pub ack_expires_uncovered: Duration,
    /// More alerts than this for one recipient after a catch-up become one summary. 5.
    pub catch_up_limit: usize,
    /// What each receiver holds, so that a step knows who is told: (channel, how many recipients each integration
    /// has, send_resolved).
    pub receivers: HashMap<String, crate::notify::receiver::Receiver>,
}
