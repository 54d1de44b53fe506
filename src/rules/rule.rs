//! One rule as configured, and the kinds there are.

use std::{sync::Arc, time::Duration};

use super::{
    exception::Exception,
    finding::RuleId,
    kinds::{double_booked::Of, short_visit::Below},
    where_clause::Where,
};
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
    /// Somebody checked in, late.
    LateCheckIn {
        /// How long after the start, or later.
        by: Duration,
    },
    /// A visit is over and was too short.
    ShortVisit {
        /// Than what.
        below: Below,
    },
    /// A visit lasts, or lasted, longer than planned.
    Overrun {
        /// By how much.
        by: Duration,
    },
    /// A visit that no shift belongs to.
    UnscheduledVisit,
    /// A visit by somebody else than was planned.
    CaregiverMismatch,
    /// Two shifts at one time.
    DoubleBooked {
        /// Of whom.
        of: Of,
    },
    /// Too little time between two clients.
    TightTurnaround {
        /// Less than this.
        under: Duration,
    },
    /// A caregiver's week comes to too much.
    OvertimeAhead {
        /// More hours than these.
        weekly_hours: f64,
    },
    /// The caregiver of a shift is not active, or not hired.
    InactiveCaregiverAssigned,
    /// The schedule changed shortly before the start, or after it.
    LateChange {
        /// How long before.
        within: Duration,
    },
    /// A client for whom nothing is planned.
    ClientWithoutShifts {
        /// For how long.
        for_: Duration,
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

impl Kind {
    /// Which exception it finds; `None` for kinds that find something else.
    #[must_use]
    pub const fn exception(&self) -> Option<Exception> {
        Some(match self {
            Self::LateCheckIn { .. } => Exception::LateCheckIn,
            Self::ShortVisit { .. } => Exception::ShortVisit,
            Self::Overrun { .. } => Exception::Overrun,
            Self::UnscheduledVisit => Exception::UnscheduledVisit,
            Self::CaregiverMismatch => Exception::CaregiverMismatch,
            Self::DoubleBooked { .. } => Exception::DoubleBooked,
            Self::TightTurnaround { .. } => Exception::TightTurnaround,
            Self::OvertimeAhead { .. } => Exception::OvertimeAhead,
            Self::InactiveCaregiverAssigned => Exception::InactiveCaregiver,
            Self::LateChange { .. } => Exception::LateChange,
            Self::ClientWithoutShifts { .. } => Exception::NoShifts,
            _ => return None,
        })
    }

    /// The key it has in a rule file.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::UncoveredShift { .. } => "uncovered_shift",
            Self::MissedCheckIn { .. } => "missed_check_in",
            Self::NoShow { .. } => "no_show",
            Self::MissedCheckOut { .. } => "missed_check_out",
            Self::RunawayVisit { .. } => "runaway_visit",
            Self::LateCheckIn { .. } => "late_check_in",
            Self::ShortVisit { .. } => "short_visit",
            Self::Overrun { .. } => "overrun",
            Self::UnscheduledVisit => "unscheduled_visit",
            Self::CaregiverMismatch => "caregiver_mismatch",
            Self::DoubleBooked { .. } => "double_booked",
            Self::TightTurnaround { .. } => "tight_turnaround",
            Self::OvertimeAhead { .. } => "overtime_ahead",
            Self::InactiveCaregiverAssigned => "inactive_caregiver_assigned",
            Self::LateChange { .. } => "late_change",
            Self::ClientWithoutShifts { .. } => "client_without_shifts",
            Self::ApiLatency { .. } => "api_latency",
            Self::ApiErrors { .. } => "api_errors",
            Self::ApiDown { .. } => "api_down",
            Self::Blind { .. } => "blind",
            Self::SourceAnomaly => "source_anomaly",
            Self::DeliveryFailing { .. } => "delivery_failing",
            Self::NobodyOnCall { .. } => "nobody_on_call",
            Self::OnCallFault => "on_call_fault",
            Self::UnverifiedNumber => "unverified_number",
            Self::Watchdog => "watchdog",
        }
    }

    /// Whether what it finds stands in the office's list of exceptions: what was not as planned, and what will not be.
    /// A shift without a caregiver is no exception yet: it has a list of its own.
    #[must_use]
    pub const fn is_listed(&self) -> bool {
        self.exception().is_some()
            || matches!(
                self,
                Self::MissedCheckIn { .. }
                    | Self::NoShow { .. }
                    | Self::MissedCheckOut { .. }
                    | Self::RunawayVisit { .. }
            )
    }
}
