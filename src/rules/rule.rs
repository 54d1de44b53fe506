//! One rule as configured, and the kinds there are.

use std::{sync::Arc, time::Duration};

use super::{finding::RuleId, where_clause::Where};
use crate::alerts::alert::Labels;

/// One `alert:` of a rule file, checked and ready.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Identity.
    pub id: RuleId,
    /// The group's `name`.
    pub group: String,
    /// The `alertname` label.
    pub alert: String,
    /// The condition.
    pub kind: Kind,
    /// How long it must hold before it fires; zero = at once.
    pub for_: Duration,
    /// The rule's own labels (`severity`, `team`, …).
    pub labels: Labels,
    /// Annotation templates (minijinja source), by name.
    pub annotations: Labels,
    /// Which subjects it picks; `None` = all.
    pub where_: Option<Arc<Where>>,
    /// How old evidence may be at a window's opening; `None` = the agency's `detect_within` + 1 m.
    pub max_data_age: Option<Duration>,
}

/// The typed conditions.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// No usable caregiver in `[start − within, end)`; `within: 0s` = started.
    UncoveredShift {
        /// How long before the start. Bands that nest are separate rules.
        within: Duration,
        /// As written (`4h`), for the metric label.
        written: String,
    },
    /// A covered shift without a matching visit in `[start + after, end)`.
    MissedCheckIn {
        /// Grace after the start.
        after: Duration,
    },
    /// As above, said when it counts as a no-show.
    NoShow {
        /// How long after the start.
        after: Duration,
    },
    /// A matched visit still open from the planned end + `after`.
    MissedCheckOut {
        /// Grace after the end.
        after: Duration,
    },
    /// A visit open `after` past its planned end, or `longest` in all.
    RunawayVisit {
        /// Past the planned end.
        after: Duration,
        /// In all, from the check-in.
        longest: Duration,
    },
    /// A quantile of request durations above a limit, per endpoint.
    ApiLatency {
        /// 0 < q < 1.
        quantile: f64,
        /// The limit.
        above: Duration,
        /// Over how long.
        over: Duration,
    },
    /// The share of failed requests above a limit, per endpoint.
    ApiErrors {
        /// 0..=1.
        ratio: f64,
        /// Over how long.
        over: Duration,
    },
    /// No successful request for so long while some were tried, per endpoint.
    ApiDown {
        /// How long.
        after: Duration,
    },
    /// Edges passed without evidence, or nothing read at all.
    Blind {
        /// How long past an edge.
        after: Duration,
        /// How long without any successful read.
        idle: Duration,
    },
    /// The source contradicts itself (all empty, canary, a row set aside).
    SourceAnomaly,
    /// Messages of a channel do not leave.
    DeliveryFailing {
        /// For how long.
        after: Duration,
    },
    /// A schedule that a policy needs has nobody, or will have nobody soon.
    NobodyOnCall {
        /// How long before; zero = now.
        within: Duration,
    },
    /// A page may not find its people: a calendar, a policy or an address is not what it should be.
    OnCallFault,
    /// Nobody has ever answered from a person's number.
    UnverifiedNumber,
    /// Always.
    Watchdog,
}
