//! The list: name, labels and help of every metric. A name or label here is public; see the changelog before a change.

/// What Prometheus calls the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only up.
    Counter,
    /// Buckets.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in the order values are given.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Family =
                Family { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*
        /// Every metric there is.
        pub const ALL: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    // What is watched. All of it is absent while the agent is not sure of it.
    SHIFTS = Gauge "shiftwatch_shifts" ["agency", "location", "state"]
        "Shifts of the agency's present day by state: covered, uncovered, running, done, missed, cancelled. Absent while unknown.";
    UNCOVERED = Gauge "shiftwatch_uncovered_shifts" ["agency", "location", "within"]
        "Shifts without a caregiver that start within the band (bands nest). Absent while unknown; a known zero is 0.";
    MISSED_CHECK_INS = Gauge "shiftwatch_missed_check_ins" ["agency", "location"]
        "Shifts past their check-in grace without a visit. Absent while unknown.";
    OPEN_VISITS = Gauge "shiftwatch_open_visits" ["agency", "location"]
        "Visits checked in and not checked out. Absent while unknown.";
    SCHEDULED = Gauge "shiftwatch_scheduled_seconds" ["agency", "location"]
        "Care planned for the agency's present day. Absent while unknown.";
    WORKED = Gauge "shiftwatch_worked_seconds" ["agency", "location"]
        "Care given on the agency's present day, running visits at their scheduled length. Absent while unknown.";
    UNBILLABLE = Gauge "shiftwatch_unbillable_seconds" ["agency", "location"]
        "Planned care of the present day's shifts that are over, had a caregiver, and of which no complete visit tells. Absent while unknown.";

    // The office's key figures of the last seven days, counted every five minutes. What is not known is absent.
    FILL_RATIO = Gauge "shiftwatch_fill_ratio" ["agency", "location"]
        "Share of the shifts of the last 7 days to which somebody came.";
    MISSED_RATIO = Gauge "shiftwatch_missed_visit_ratio" ["agency", "location"]
        "Share of the shifts of the last 7 days to which nobody came.";
    ON_TIME = Gauge "shiftwatch_on_time_check_in_ratio" ["agency", "location", "within"]
        "Share of the check-ins of the last 7 days that lie within so long of the planned start, by within: 7m, 15m.";
    OPEN_RATIO = Gauge "shiftwatch_open_shift_ratio" ["agency", "location", "within"]
        "Share of the coming shifts that nobody is on, by within: 24h, 72h.";
    AT_RISK = Gauge "shiftwatch_at_risk_seconds" ["agency", "location", "within"]
        "Care planned for coming shifts that nobody is on, by within: 24h, 72h.";
    PLANNED_CARE = Gauge "shiftwatch_visited_scheduled_seconds" ["agency", "location"]
        "Care that was planned for the shifts of the last 7 days whose visits are known from beginning to end.";
    GIVEN_CARE = Gauge "shiftwatch_visited_worked_seconds" ["agency", "location"]
        "Care that was given on those shifts.";
    CONTINUITY = Gauge "shiftwatch_caregivers_per_client" ["agency", "location"]
        "Different caregivers that a client had in the last 30 days, on average.";
    OVERTIME = Gauge "shiftwatch_overtime_seconds" ["agency"]
        "Time beyond 40 hours of the present week, worked and planned, summed over caregivers.";
    FILL_MEDIAN = Gauge "shiftwatch_time_to_fill_median_seconds" ["agency"]
        "From a call-out to somebody else on the shift: half of those filled in the last 7 days took no longer.";
    FILL_P90 = Gauge "shiftwatch_time_to_fill_p90_seconds" ["agency"]
        "From a call-out to somebody else on the shift: nine in ten took no longer.";
    FILLED_LATE = Gauge "shiftwatch_filled_late_ratio" ["agency"]
        "Share of the call-outs filled in the last 7 days that were filled less than 4 hours before the start.";
    MANUAL_EDITS = Gauge "shiftwatch_manual_edit_ratio" ["agency"]
        "Share of the visits of the last 30 days that were read again whose times had changed after they were complete.";
    PRECISION = Gauge "shiftwatch_alert_precision_ratio" ["alertname"]
        "Share of the alerts of the last 7 days that somebody was told of and that somebody took or said what became of.";
    RULE_TIMES = Gauge "shiftwatch_rule_duration_seconds" ["alertname", "what", "percentile"]
        "How long the alerts of the last 7 days took, by what: detect (from the edge to sight), acknowledge and resolve (from firing); percentile 50 or 90.";
    PERSON_TIMES = Gauge "shiftwatch_person_duration_seconds" ["person", "what", "percentile"]
        "The same of the alerts that somebody took, by who that was; what: acknowledge, resolve.";
    EXCEPTIONS = Gauge "shiftwatch_exceptions_waiting" ["agency", "kind"]
        "Exceptions of the last 7 days of which nobody has said what became, by kind of rule.";

    // Who is on call. Absent without a schedule.
    ON_CALL = Gauge "shiftwatch_on_call" ["schedule"]
        "How many people the schedule has on call. Absent while its calendar was never read; a known nobody is 0.";
    ON_CALL_GAP = Gauge "shiftwatch_on_call_gap_seconds" ["schedule"]
        "How long in the next 14 days nobody is on call where a policy needs somebody.";
    ON_CALL_CALENDAR_AGE = Gauge "shiftwatch_on_call_calendar_age_seconds" ["schedule"]
        "How long ago the schedule's calendar was last known to be as it is read. Absent before its first read.";
    ON_CALL_FINDINGS = Gauge "shiftwatch_on_call_findings" ["kind"]
        "What could leave a page without anybody, by kind: gap, silent, last_step_empty, never_read, stale, nameless, unread, opted_out, unverified.";

    // How sure it is.
    DATA_AGE = Gauge "shiftwatch_data_age_seconds" ["agency", "section"]
        "Age of the oldest evidence the section stands on. Absent before its first read.";
    UNJUDGED = Gauge "shiftwatch_unjudged_subjects" ["agency"]
        "Subjects past a rule's edge without the evidence to judge them.";
    BLIND = Gauge "shiftwatch_blind" ["agency"]
        "1 while the agency's schedule cannot be seen well enough, else 0. Absent before the first read.";
    COVERAGE_KNOWN = Gauge "shiftwatch_coverage_known" ["agency"]
        "1 while the counts of the agency's shifts are known, else 0; they are absent then.";
    CATCHING_UP = Gauge "shiftwatch_catching_up" ["agency"]
        "1 while everything is judged before anybody is told (first start, recovery), else 0.";
    PROMISE = Gauge "shiftwatch_detection_promise_seconds" ["agency"]
        "How soon a call-out inside a rule's window is seen at the configured request rate. Absent before it is known.";
    DETECT_WITHIN = Gauge "shiftwatch_detect_within_seconds" ["agency"]
        "How soon a call-out inside a rule's window is to be seen, as configured (detect_within).";
    SWEEP = Gauge "shiftwatch_sweep_seconds" ["agency"]
        "How long the last full sweep over all clients took. Absent before the first.";

    // The vendor's API.
    API_REQUESTS = Counter "shiftwatch_api_requests_total" ["agency", "endpoint", "code"]
        "Requests to the vendor by endpoint and status, timeout, connect or protocol.";
    API_REQUEST_ERRORS = Counter "shiftwatch_api_request_errors_total" ["agency", "endpoint"]
        "Requests to the vendor that count as its errors: 5xx, throttled, refused, timed out, not connected or no answer of the API.";
    API_REQUEST_SECONDS = Histogram "shiftwatch_api_request_duration_seconds" ["agency", "endpoint"]
        "Duration of requests to the vendor, from sending to the last byte.";
    API_UP = Gauge "shiftwatch_api_up" ["agency", "endpoint"]
        "1 when the endpoint answered the last request well and is being called, else 0. Absent before the first request.";
    BUDGET_WAIT = Histogram "shiftwatch_budget_wait_seconds" ["agency"]
        "How long a request waited for the request budget.";
    REJECTED_ROWS = Counter "shiftwatch_rejected_rows_total" ["agency", "endpoint"]
        "Rows from the vendor that made no sense and were left out.";

    // Alerts and telling.
    ALERTS = Gauge "shiftwatch_alerts" ["agency", "rule", "severity", "state"]
        "Live alerts by rule and state: pending, firing, acknowledged. Alerts posted from outside have the rule posted.";
    SILENCES = Gauge "shiftwatch_silences" ["state"]
        "Silences by state: active, pending, expired. Expired ones are kept for five days.";
    DECISIONS = Counter "shiftwatch_decisions_total" ["why"]
        "Decisions to tell somebody, or to stay quiet at a step, by reason.";
    PAGE_TURNS = Counter "shiftwatch_page_turns_total" ["turn"]
        "What happened to pages: opened, stepped, skipped, everybody (the last step had nobody), nobody, owned, passed, closed, …";
    MESSAGES = Counter "shiftwatch_messages_total" ["channel", "outcome"]
        "News of messages: sent, delivered, undelivered, retried, uncertain, refused, expired.";
    DUPLICATES = Counter "shiftwatch_duplicate_messages_total" ["channel"]
        "Messages that may have arrived twice because the provider could not say.";
    SENT_BY_CLOCK = Counter "shiftwatch_scheduled_total" ["what", "outcome"]
        "Briefings and reports that were due, by what became of them: sent, late (up to six hours), failed (tried again).";
    SENT_ON = Counter "shiftwatch_alertmanager_notifications_total" ["outcome"]
        "Alerts sent on to other Alertmanagers: sent, failed (sent again), dropped (too many ends waited).";
    INBOUND_TEXTS = Counter "shiftwatch_inbound_texts_total" ["gateway", "outcome"]
        "Texts that came in, by what they were: reply, not_a_reply, unknown_sender, duplicate, forged.";
    HOOKS = Counter "shiftwatch_hooks_total" ["outcome"]
        "Hooks of the vendor, by what became of them: read, repeat, too_many, ignored (nothing we read), forged.";
    REMINDERS = Counter "shiftwatch_reminders_total" ["moment", "outcome"]
        "Reminders to caregivers (before, check_in, check_out): sent, opted_out, no_phone, withdrawn; of check_in also cleared, not_cleared.";
    REMINDER_CLEARED = Gauge "shiftwatch_reminder_cleared_ratio" []
        "Share of reminded check-ins that came within ten minutes, since the start. Absent before the first.";
    GATEWAY_PENALTY = Gauge "shiftwatch_gateway_penalty_seconds" ["gateway"]
        "How much longer a gateway takes nothing from us, 0 when it does. Absent for gateways without such a rule.";
    OUTBOX = Gauge "shiftwatch_outbox_messages" ["channel", "state"]
        "Messages decided and not finished. Absent when the store cannot be asked.";
    OUTBOX_OLDEST = Gauge "shiftwatch_outbox_oldest_seconds" []
        "Age of the oldest message not finished, 0 when there is none. Absent when the store cannot be asked.";
    DETECT = Histogram "shiftwatch_detect_seconds" []
        "From the instant something was true or due until the agent knew.";
    DELIVER = Histogram "shiftwatch_deliver_seconds" ["channel"]
        "From an alert's firing until the gateway took its message.";
    ACKNOWLEDGE = Histogram "shiftwatch_acknowledge_seconds" []
        "From an alert's firing until somebody owned it.";
    TEMPLATE_FALLBACKS = Counter "shiftwatch_template_fallbacks_total" []
        "Templates that failed at run time and were replaced by the built-in text.";
    WHERE_ERRORS = Counter "shiftwatch_where_errors_total" []
        "Rule where clauses that failed or gave no bool, and counted as true.";

    // The agent itself.
    PASS = Histogram "shiftwatch_pass_duration_seconds" ["loop"]
        "Duration of a loop's pass.";
    MISSED_TICKS = Counter "shiftwatch_missed_ticks_total" ["loop"]
        "Passes that were due while the one before still ran.";
    LAST_SUCCESS = Gauge "shiftwatch_last_success_timestamp_seconds" ["loop"]
        "When the loop last finished a pass well, Unix time; of the poll loops the agency furthest behind. Absent before the first.";
    READY = Gauge "shiftwatch_ready" []
        "1 when the configuration is read and the store takes writes, else 0.";
    RELOADS = Counter "shiftwatch_config_reloads_total" ["outcome"]
        "Reloads of the configuration: ok or refused.";
    RELOAD_OK = Gauge "shiftwatch_config_last_reload_successful" []
        "1 when the newest configuration on disk is in use, 0 when it was refused.";
    RELOAD_AT = Gauge "shiftwatch_config_last_reload_success_timestamp_seconds" []
        "When the configuration in use was read, Unix time.";
    BUILD = Gauge "shiftwatch_build_info" ["version"]
        "Always 1; the version is the label.";
    ALERTMANAGER_BUILD = Gauge "alertmanager_build_info" ["branch", "goarch", "goos", "goversion", "revision", "version"]
        "Always 1; the version of the Alertmanager API that is spoken here, for tools that choose their dialect by it.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "Total user and system CPU time spent in seconds.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" []
        "Resident memory size in bytes.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "Start time of the process since unix epoch in seconds.";
}
