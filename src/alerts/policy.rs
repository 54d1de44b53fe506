//! Everything from the configuration that a step needs, as one value.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono_tz::Tz;

use super::{inhibit::InhibitRule, route::Route, time_interval::TimeInterval};
use crate::{
    model::AgencyName,
    notify::receiver::PersonalMail,
    on_call::{EscalationPolicy, Roster},
};

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
    /// Who people are and in which order they are told.
    pub paging: Paging,
}

/// What pages need to know.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// Everybody, and who is on call.
    pub roster: Arc<Roster>,
    /// Escalation policies by name.
    pub escalation: BTreeMap<String, EscalationPolicy>,
    /// A location's own policy, by agency and the location's label.
    pub location_policies: BTreeMap<(AgencyName, String), String>,
    /// Each agency's zone: when its lists of standing gaps are made. Without one there are none.
    pub zones: BTreeMap<AgencyName, Tz>,
    /// The schedules at whose hand-overs whoever comes on is told, each with the agency that speaks.
    pub watch_on: BTreeMap<String, AgencyName>,
    /// Gateways for texts to people, in the order to try.
    pub sms_gateways: Vec<String>,
    /// The same for calls: those that can.
    pub call_gateways: Vec<String>,
    /// How people are mailed; `None` while `global` names no server.
    pub mail: Option<PersonalMail>,
}
