//! What the JSON API answers and the command line reads: the view as flat, public values.
//!
//! Both sides use the same types, so `status` against an agent and `status --output json` cannot disagree. Fields are
//! only ever added. Instants are RFC 3339, UTC; what is unknown is `null`.

use serde::{Deserialize, Serialize};

pub mod silence;

use super::{AgencyView, AlertView, RemindersView, View, readiness, sentence, words};
use crate::pulse::{Loop, Pulses};
use crate::{
    alerts::alert::{AlertState, Confirm, Labels},
    model::Instant,
};

/// The answer of `GET /api/v1/status`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatusReport {
    /// The agent's version.
    pub version: String,
    /// The agent's clock when it answered.
    #[schema(value_type = String, format = DateTime)]
    pub now: Instant,
    /// When the picture behind the answer was made.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// When the process started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Instant,
    /// The one line for a person.
    pub sentence: String,
    /// Who is told, and what a person should know about the agent itself; one sentence each.
    pub remarks: Vec<String>,
    /// Whether it is ready.
    pub ready: bool,
    /// Why not, when it is not.
    pub not_ready_because: Option<String>,
    /// Receivers that reach somebody.
    pub telling: Vec<String>,
    /// Each agency.
    pub agencies: Vec<AgencyReport>,
    /// Alerts that fire, nobody owns, and that page; and the other counts.
    pub alerts: AlertCounts,
    /// Messages that wait; `null` when the store could not be asked.
    pub outbox_waiting: Option<u64>,
    /// When each loop last finished a pass, by the machine's clock; empty for a stored picture.
    pub loops: Vec<LoopReport>,
    /// The configuration file.
    pub config_file: Option<String>,
    /// When a later version of it was refused, while that stands.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub config_refused_at: Option<Instant>,
}

/// One loop in a [`StatusReport`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LoopReport {
    /// `poll`, `tick` or `send`.
    pub name: String,
    /// Its last good pass; `null` before the first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Instant>,
}

/// One agency in a [`StatusReport`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgencyReport {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Its zone.
    pub timezone: String,
    /// Watched clients.
    pub clients: Option<u64>,
    /// Shifts that still start or run today.
    pub shifts_left_today: Option<u64>,
    /// The last successful read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_read_at: Option<Instant>,
    /// Ages.
    pub sections: Vec<SectionReport>,
    /// Subjects without the evidence they need.
    pub unjudged: u64,
    /// Blind since.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub blind_since: Option<Instant>,
    /// Everything is judged before anything is told, since.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub catching_up_since: Option<Instant>,
    /// `detect_within` in seconds.
    pub detect_within_seconds: f64,
    /// What can be kept, in seconds.
    pub promise_seconds: Option<f64>,
    /// Uncovered shifts by location and band; `null` while unknown.
    pub uncovered: Option<Vec<UncoveredReport>>,
    /// Endpoints.
    pub endpoints: Vec<EndpointReport>,
    /// Reminders to caregivers.
    #[serde(default)]
    pub reminders: RemindersReport,
}

/// Reminders to caregivers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RemindersReport {
    /// Whether they are on.
    pub on: bool,
    /// How many people asked for them.
    pub people: u64,
    /// Texts of which it is not known yet whether they leave in time, or helped.
    pub waiting: u64,
    /// Texts that were sent, over the last ninety days at least.
    pub sent: u64,
    /// Missed check-ins that came within ten minutes of the text about them.
    pub cleared: u64,
    /// Those that did not.
    pub not_cleared: u64,
    /// The share that was cleared; `null` before the first.
    pub cleared_ratio: Option<f64>,
}

impl RemindersReport {
    #[expect(clippy::cast_precision_loss, reason = "counts of texts")]
    fn of(view: Option<RemindersView>) -> Self {
        let Some(view) = view else { return Self::default() };
        let n_judged = view.n_cleared + view.n_not_cleared;
        Self {
            on: true,
            people: view.n_people as u64,
            waiting: view.n_waiting as u64,
            sent: view.n_sent,
            cleared: view.n_cleared,
            not_cleared: view.n_not_cleared,
            cleared_ratio: (n_judged > 0).then(|| view.n_cleared as f64 / n_judged as f64),
        }
    }

    /// `Reminders: 12 people asked, 3 texts wait; 5 of 7 missed check-ins came after the text.`
    #[must_use]
    pub fn words(&self) -> Option<String> {
        let n_judged = self.cleared + self.not_cleared;
        self.on.then(|| {
            format!(
                "Reminders: {} asked for them, {} sent, {} open; {} of {n_judged} missed check-ins came within ten minutes of the text.",
                self.people, self.sent, self.waiting, self.cleared
            )
        })
    }
}

/// One section of an [`AgencyReport`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SectionReport {
    /// Its name.
    pub section: String,
    /// Its age's start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
    /// Whether the read was complete.
    pub complete: bool,
}

/// One count of an [`AgencyReport`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UncoveredReport {
    /// Where.
    pub location: String,
    /// As written in the rules.
    pub within: String,
    /// How many.
    pub shifts: u64,
}

/// One endpoint of an [`AgencyReport`].
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndpointReport {
    /// Its label.
    pub endpoint: String,
    /// Whether it answers.
    pub up: bool,
    /// Its last success.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success_at: Option<Instant>,
    /// Not called until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub paused_until: Option<Instant>,
}

/// How many alerts there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertCounts {
    /// Firing, nobody owns them, `page` or `critical`, not inhibited.
    pub need_you: u64,
    /// Owned; an alert for which a worse one speaks is not counted beside it.
    pub owned: u64,
    /// Firing, not owned, of another severity, `info` apart.
    pub warnings: u64,
    /// Pending.
    pub pending: u64,
}

/// One alert in the answer of `GET /api/v1/alerts`.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertReport {
    /// Its id in every API.
    pub fingerprint: String,
    /// `pending`, `firing`, `acknowledged` or `resolved`.
    pub state: String,
    /// True while it waits for a person: firing, unowned, not inhibited, `page` or `critical`.
    pub needs_you: bool,
    /// The `alertname` label.
    pub alertname: String,
    /// The `severity` label; may be empty.
    pub severity: String,
    /// The `agency` label.
    pub agency: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// When its subject is, on the wall clock there: `Tue 07:00-11:00`.
    pub when: Option<String>,
    /// By when somebody should have acted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline: Option<Instant>,
    /// That, as a person says it at the moment of the answer: `in 3 h 55`.
    pub deadline_in: Option<String>,
    /// What to say of it in one line: the summary annotation, else the alertname.
    pub summary: String,
    /// All labels.
    pub labels: Labels,
    /// All annotations.
    pub annotations: Labels,
    /// When the condition became true.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// When it fired.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fired_at: Option<Instant>,
    /// The last change.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Instant,
    /// When it closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Why it closed: one word.
    pub reason: Option<String>,
    /// Who has it.
    pub owner: Option<OwnerReport>,
    /// Since when the data cannot tell.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub unjudged_since: Option<Instant>,
    /// True when the second look could not be had in time.
    pub unconfirmed: bool,
    /// The receivers of its route.
    pub receivers: Vec<String>,
    /// Who was told that it fires.
    pub told: Vec<ToldReport>,
    /// When its pages try the next way or person, unless somebody owns it first; `null` when none waits for a time.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_step_at: Option<Instant>,
    /// Fingerprints of the alerts that speak for it.
    pub inhibited_by: Vec<String>,
    /// Why nobody is told at present, one word.
    pub quiet: Option<String>,
}

/// Who has an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OwnerReport {
    /// Who.
    pub by: String,
    /// What they wrote; may be empty.
    pub note: String,
    /// Since.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Until.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// That, on the wall clock of the alert's place.
    pub until_local: String,
}

/// One telling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToldReport {
    /// Which receiver.
    pub receiver: String,
    /// By which way.
    pub channel: String,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Set when a page told a person, whose name is `receiver`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ToldByPage>,
}

/// How a page told somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ToldByPage {
    /// The page's code on that phone; it counts from no other.
    pub code: String,
    /// At which step, from 1.
    pub step: usize,
    /// `held`, `waiting`, `sent` (not confirmed), `delivered` or `failed`.
    pub arrived: String,
}

impl StatusReport {
    /// The report on a view, at `now` by the agent's clock and `real_now` by the machine's.
    #[must_use]
    pub fn of(view: &View, pulses: &Pulses, now: Instant, real_now: Instant) -> Self {
        let loops = Loop::ALL.into_iter();
        let loops = loops.map(|one| LoopReport { name: one.as_str().to_owned(), last_success_at: pulses.last(one) });
        Self { loops: loops.collect(), ..Self::with(view, readiness(view, pulses, real_now), now) }
    }

    /// The report on a view whose readiness is already known (a stored one is as ready as it says).
    #[must_use]
    pub fn with(view: &View, ready: Result<(), String>, now: Instant) -> Self {
        let counts = AlertCounts::of(view);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now,
            as_of: view.at,
            started_at: view.started_at,
            sentence: sentence::line(view, &counts, now),
            remarks: sentence::remarks(view, &ready, now),
            ready: ready.is_ok(),
            not_ready_because: ready.err(),
            telling: view.told.clone(),
            agencies: view.agencies.iter().map(AgencyReport::of).collect(),
            alerts: counts,
            outbox_waiting: view.outbox.as_ref().map(|outbox| outbox.waiting.iter().map(|count| count.n).sum()),
            loops: Vec::new(),
            config_file: view.config.file.clone(),
            config_refused_at: view.config.refused_at,
        }
    }
}

impl AgencyReport {
    fn of(agency: &AgencyView) -> Self {
        Self {
            reminders: RemindersReport::of(agency.reminders),
            name: agency.name.to_string(),
            title: agency.title.clone(),
            timezone: agency.timezone.name().to_owned(),
            clients: agency.n_clients,
            shifts_left_today: agency.n_shifts_left_today,
            last_read_at: agency.last_read_at,
            sections: agency
                .sections
                .iter()
                .map(|one| SectionReport {
                    section: one.section.as_str().to_owned(),
                    as_of: one.as_of,
                    complete: one.complete,
                })
                .collect(),
            unjudged: agency.n_unjudged,
            blind_since: agency.blind_since,
            catching_up_since: agency.catching_up_since,
            detect_within_seconds: agency.detect_within.as_secs_f64(),
            promise_seconds: agency.promise.map(|promise| promise.as_secs_f64()),
            uncovered: agency.coverage.as_ref().map(|locations| {
                locations
                    .iter()
                    .flat_map(|one| {
                        one.uncovered.iter().map(|band| UncoveredReport {
                            location: one.location.clone(),
                            within: band.within.clone(),
                            shifts: band.n,
                        })
                    })
                    .collect()
            }),
            endpoints: agency
                .endpoints
                .iter()
                .map(|one| EndpointReport {
                    endpoint: one.endpoint.as_str().to_owned(),
                    up: one.up,
                    last_success_at: one.last_success_at,
                    paused_until: one.paused_until,
                })
                .collect(),
        }
    }
}

impl AlertCounts {
    /// Counts a view's alerts.
    #[must_use]
    pub fn of(view: &View) -> Self {
        let mut counts = Self::default();
        for one in &view.alerts {
            match one.alert.state {
                AlertState::Pending { .. } => counts.pending += 1,
                // One shift's bands are owned together, and are one thing to do.
                AlertState::Acknowledged { .. } if one.inhibited_by.is_empty() => counts.owned += 1,
                AlertState::Firing { .. } if one.needs_you() => counts.need_you += 1,
                AlertState::Firing { .. } if one.inhibited_by.is_empty() && one.label("severity") != "info" => {
                    counts.warnings += 1;
                }
                AlertState::Firing { .. } | AlertState::Acknowledged { .. } | AlertState::Resolved { .. } => {}
            }
        }
        counts
    }
}

impl AlertView {
    /// A label's value; empty when it is missing.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.alert.labels.get(name).map_or("", String::as_str)
    }

    /// Whether it waits for a person: firing, nobody owns it, no worse alert speaks for it, and it pages.
    #[must_use]
    pub fn needs_you(&self) -> bool {
        matches!(self.alert.state, AlertState::Firing { .. })
            && self.inhibited_by.is_empty()
            && matches!(self.label("severity"), "page" | "critical")
    }

    /// When its subject is, on the wall clock there.
    #[must_use]
    pub fn when(&self, now: Instant) -> Option<String> {
        let facts = &self.alert.facts;
        facts.starts_at.map(|from| words::stretch(from, facts.ends_at, now, self.timezone, self.clock_12h))
    }
}

impl AlertReport {
    /// The report on one alert, at `now`.
    #[must_use]
    pub fn of(view: &AlertView, now: Instant) -> Self {
        let alert = &*view.alert;
        let (resolved_at, reason) = match &alert.state {
            AlertState::Resolved { resolved_at, closing, .. } => {
                (Some(*resolved_at), Some(closing.as_str().to_owned()))
            }
            _ => (None, None),
        };
        let owner = match &alert.state {
            AlertState::Acknowledged { ack, .. } => Some(OwnerReport {
                by: ack.by.clone(),
                note: ack.note.clone(),
                at: ack.at,
                until: ack.until,
                until_local: words::weekday_clock(ack.until, now, view.timezone, view.clock_12h),
            }),
            _ => None,
        };
        let deadline = alert.facts.deadline;
        Self {
            fingerprint: view.fingerprint.clone(),
            state: alert.state_name().to_owned(),
            needs_you: view.needs_you(),
            alertname: view.label("alertname").to_owned(),
            severity: view.label("severity").to_owned(),
            agency: view.label("agency").to_owned(),
            location: view.label("location").to_owned(),
            when: view.when(now),
            deadline,
            deadline_in: deadline.map(|at| words::relative(at, now)),
            summary: alert.annotations.get("summary").cloned().unwrap_or_else(|| view.label("alertname").to_owned()),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            active_at: alert.active_at,
            fired_at: alert.fired_at(),
            updated_at: alert.updated_at,
            resolved_at,
            reason,
            owner,
            unjudged_since: alert.unjudged_since,
            unconfirmed: matches!(alert.confirm, Confirm::TimedOut),
            receivers: view.receivers.clone(),
            told: alert
                .told
                .iter()
                .map(|told| ToldReport {
                    receiver: told.receiver.clone(),
                    channel: told.channel.as_str().to_owned(),
                    at: told.at,
                    page: None,
                })
                .chain(view.paged.iter().map(|told| ToldReport {
                    receiver: told.person.clone(),
                    channel: told.via.to_owned(),
                    at: told.at,
                    page: Some(ToldByPage {
                        code: told.code.clone(),
                        step: told.step,
                        arrived: told.arrived.as_str().to_owned(),
                    }),
                }))
                .collect(),
            next_step_at: view.next_step_at,
            inhibited_by: view.inhibited_by.clone(),
            quiet: view.quiet.map(|quiet| quiet.as_str().to_owned()),
        }
    }

    /// Every alert of a view, the most pressing first: those that need a person, then by severity, then by deadline.
    #[must_use]
    pub fn all(view: &View, now: Instant) -> Vec<Self> {
        let mut reports: Vec<Self> = view.alerts.iter().map(|one| Self::of(one, now)).collect();
        reports.sort_by(|a, b| a.rank().cmp(&b.rank()));
        reports
    }

    /// What has no deadline is due since it is true.
    fn rank(&self) -> (u8, u8, Instant, Instant, &str) {
        let state = match self.state.as_str() {
            _ if self.needs_you => 0,
            "firing" => 1,
            "acknowledged" => 2,
            "pending" => 3,
            _ => 4,
        };
        let due = self.deadline.unwrap_or(self.active_at);
        (state, severity_rank(&self.severity), due, self.active_at, &self.fingerprint)
    }
}

/// 0 = critical … 4 = none or unknown.
#[must_use]
pub fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "page" => 1,
        "warning" => 2,
        "info" => 3,
        _ => 4,
    }
}

#[cfg(test)]
pub(crate) mod tests;
