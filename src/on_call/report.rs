//! Who is on call, as people and programs are told: now, next, the days ahead, and what could go wrong.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    EscalationPolicy, Finding, Roster, Rota, Span, Target, Via,
    lint::{self, About, Marks, What},
    schedule::Schedule,
};
use crate::model::{Instant, PersonName};

/// Everything about who is on call, as of one instant.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OnCallReport {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Every schedule, by name.
    pub schedules: Vec<ScheduleReport>,
    /// Every escalation policy, by name.
    pub policies: Vec<PolicyReport>,
    /// What could leave a page without anybody; empty = nothing known of.
    pub findings: Vec<FindingReport>,
}

/// One schedule.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleReport {
    /// Its name.
    pub name: String,
    /// Its zone, IANA.
    pub timezone: String,
    /// Who is on call now, by their ids; empty = nobody, or unknown where `calendar.fetched_at` is null.
    pub on_call: Vec<String>,
    /// Since when; null = since longer ago than is looked at.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Instant>,
    /// Until when; null = no change in sight.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Instant>,
    /// The fortnight ahead, without holes between the stretches; those with nobody are gaps.
    pub shifts: Vec<SpanReport>,
    /// The policies that need it.
    pub needed_by: Vec<String>,
    /// Where its people come from, when that is a calendar.
    pub calendar: Option<CalendarReport>,
}

/// A stretch with the same people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SpanReport {
    /// Included.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// Excluded.
    #[schema(value_type = String, format = DateTime)]
    pub until: Instant,
    /// By their ids; empty = nobody.
    pub people: Vec<String>,
    /// True where nobody is, and a policy needs somebody.
    pub is_gap: bool,
}

/// The copy of a calendar.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CalendarReport {
    /// When it was last known to be what the calendar says; null = never read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fetched_at: Option<Instant>,
    /// True when it is too old to be trusted.
    pub stale: bool,
}

/// One policy, in words.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// What each step does.
    pub steps: Vec<String>,
    /// What happens after the last.
    pub then: String,
}

/// One finding, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FindingReport {
    /// About what: `schedule`, `policy` or `person`.
    pub about: String,
    /// Its name.
    pub name: String,
    /// What it is, in a word: `gap`, `silent`, `last_step_empty`, `never_read`, `stale`, `nameless`, `unread`,
    /// `opted_out`, `unverified`.
    pub kind: String,
    /// Since when, or from when on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Instant>,
    /// What is wrong, in a sentence, and what to do.
    pub says: String,
}

impl OnCallReport {
    /// As of an instant. Without `marks` nothing is said of addresses.
    #[must_use]
    pub fn of(
        roster: &Roster,
        policies: &BTreeMap<String, EscalationPolicy>,
        marks: Option<&Marks>,
        now: Instant,
    ) -> Self {
        let findings = lint::findings(roster, policies, marks, now);
        Self {
            at: now,
            schedules: roster.schedules().map(|schedule| schedule_report(schedule, roster, policies, now)).collect(),
            policies: policies.values().map(policy_report).collect(),
            findings: findings.iter().map(|finding| finding_report(finding, roster)).collect(),
        }
    }
}

fn names(people: &[PersonName]) -> Vec<String> {
    people.iter().map(ToString::to_string).collect()
}

fn schedule_report(
    schedule: &Schedule,
    roster: &Roster,
    policies: &BTreeMap<String, EscalationPolicy>,
    now: Instant,
) -> ScheduleReport {
    let until = now + lint::AHEAD;
    let gaps = lint::needed_gaps(schedule, roster, policies, now, until);
    let is_gap =
        |span: &Span| span.people.is_empty() && gaps.iter().any(|gap| gap.from < span.until && span.from < gap.until);
    let needs = |policy: &&EscalationPolicy| policy.schedules().contains(&schedule.name.as_str());
    ScheduleReport {
        name: schedule.name.clone(),
        timezone: schedule.timezone.name().to_owned(),
        on_call: names(&schedule.people_at(now)),
        since: schedule.since(now),
        until: schedule.next_change(now),
        shifts: schedule
            .spans(now, until)
            .iter()
            .map(|span| SpanReport {
                from: span.from,
                until: span.until,
                people: names(&span.people),
                is_gap: is_gap(span),
            })
            .collect(),
        needed_by: policies.values().filter(needs).map(|policy| policy.name.clone()).collect(),
        calendar: match &schedule.rota {
            Rota::Rotations(_) => None,
            Rota::Calendar(copy) => Some(CalendarReport {
                fetched_at: copy.as_ref().map(|copy| copy.fetched_at),
                stale: copy.as_ref().is_some_and(|copy| copy.is_stale(now)),
            }),
        },
    }
}

/// A policy in words.
#[must_use]
pub fn policy_report(policy: &EscalationPolicy) -> PolicyReport {
    let steps = policy.steps.iter().map(|step| {
        let whom: Vec<String> = step
            .notify
            .iter()
            .map(|target| match target {
                Target::Schedule(name) => format!("whoever is on call by {name}"),
                Target::Person(name) => name.to_string(),
            })
            .collect();
        let ways: Vec<&str> = step
            .via
            .iter()
            .map(|via| match via {
                Via::Sms => "text",
                Via::Call => "call",
                Via::Email => "mail",
            })
            .collect();
        let when =
            if step.after.is_zero() { "At once".to_owned() } else { format!("After {}", span_words(step.after)) };
        let ways = if step.via_all { ways.join(" and ") } else { ways.join(", else ") };
        format!("{when}: {}, by {ways}", whom.join(" and "))
    });
    PolicyReport {
        name: policy.name.clone(),
        steps: steps.collect(),
        then: format!(
            "Again from the first step every {}, until somebody owns it or it is over.",
            span_words(policy.repeat)
        ),
    }
}

fn span_words(span: std::time::Duration) -> String {
    length(TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX))
}

/// `45 min`, `8 h`, `3 days`.
fn length(span: TimeDelta) -> String {
    match span.num_seconds() {
        seconds if seconds < 60 => format!("{seconds} s"),
        seconds if seconds < 7200 => format!("{} min", seconds / 60),
        seconds if seconds < 172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

fn finding_report(finding: &Finding, roster: &Roster) -> FindingReport {
    let (about, name) = match &finding.about {
        About::Schedule(name) => ("schedule", name.clone()),
        About::Policy(name) => ("policy", name.clone()),
        About::Person(name) => ("person", name.to_string()),
    };
    FindingReport {
        about: about.to_owned(),
        kind: finding.what.as_str().to_owned(),
        from: finding.what.from(),
        says: says(finding, roster),
        name,
    }
}

/// A finding in a sentence, with what to do. Times are on the schedule's wall clock.
#[must_use]
pub fn says(finding: &Finding, roster: &Roster) -> String {
    let zone = match &finding.about {
        About::Schedule(name) => roster.schedule(name).map(|schedule| schedule.timezone),
        About::Policy(_) | About::Person(_) => None,
    };
    let zone = zone.or_else(|| roster.schedules().next().map(|schedule| schedule.timezone)).unwrap_or(Tz::UTC);
    let local = |at: Instant| at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M").to_string();
    let name = match &finding.about {
        About::Schedule(name) | About::Policy(name) => name.as_str(),
        About::Person(name) => name.as_str(),
    };
    match &finding.what {
        What::Gap { from, until, n } => {
            let more = match n.saturating_sub(1) {
                0 => String::new(),
                1 => ", and once more in the next 14 days".to_owned(),
                more => format!(", and {more} more times in the next 14 days"),
            };
            format!(
                "nobody is on call by {name} from {} to {} ({}){more}; add a rotation or an override, or may_be_empty: true where that is meant",
                local(*from),
                local(*until),
                length(*until - *from)
            )
        }
        What::Silent { from, until } => format!(
            "no step of {name} finds anybody from {} to {}: everybody it ever names would be told; fill the schedules, or add a step that names a person",
            local(*from),
            local(*until)
        ),
        What::LastStepEmpty { from, until } => format!(
            "the last step of {name} finds nobody from {} to {}; let it name a person",
            local(*from),
            local(*until)
        ),
        What::NeverRead => {
            format!("the calendar of {name} was never read, so who is on call is unknown; see the log for why")
        }
        What::Stale { since } => format!(
            "the calendar of {name} could not be read for long, and is not to be trusted since {}; see the log for why",
            local(*since)
        ),
        What::Nameless { first, n } => {
            let more = if *n > 1 { format!(", and {} more", n - 1) } else { String::new() };
            format!(
                "the event that begins {} in the calendar of {name} names nobody in people{more}; write a person's name in its title, or invite their mail address",
                local(*first)
            )
        }
        What::Unread { n } => format!(
            "{n} {} in the calendar of {name} could not be read; look for events without an end or with an odd rule",
            if *n == 1 { "event" } else { "events" }
        ),
        What::OptedOut { via, since } => format!(
            "the {} of {name} refuses what we send since {}; have them text START to the number they are texted from, or give another",
            if *via == Via::Email { "mail address" } else { "number" },
            local(*since)
        ),
        What::Unverified => {
            format!("no answer ever came from the number of {name}; run `shiftwatch doctor --text {name}`")
        }
    }
}
