//! Who is on call, as the running agent knows it: the configuration's roster with the latest copies of its calendars,
//! and what is known of addresses. One value for everybody who asks.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{TimeDelta, Timelike};

use super::{
    EscalationPolicy, Marks, OnCallReport, Roster, Rota,
    lint::{self, About, What},
    report,
    schedule::Schedule,
};
use crate::model::{Instant, PersonName};

/// How far back the beginning of a hole is looked for.
const BACK: TimeDelta = TimeDelta::days(7);

/// Everything that says who is on call.
#[derive(Debug, Clone, Default)]
pub struct OnCallPicture {
    /// People and schedules.
    pub roster: Arc<Roster>,
    /// The policies that need them.
    pub escalation: Arc<BTreeMap<String, EscalationPolicy>>,
    /// What is known of addresses; `None` until the store was asked.
    pub marks: Option<Arc<Marks>>,
}

/// What rules may say of one schedule, policy or person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Of which.
    pub about: About,
    /// The hole that runs, or else the next one in sight: from when to when.
    pub gap: Option<(Instant, Instant)>,
    /// Since when there are `faults`; `None` = for as long as is known.
    pub since: Option<Instant>,
    /// What else is wrong, in sentences.
    pub faults: Vec<String>,
    /// No answer ever came from its number.
    pub unverified: bool,
}

impl OnCallPicture {
    /// Everything for people and programs.
    #[must_use]
    pub fn report(&self, now: Instant) -> OnCallReport {
        OnCallReport::of(&self.roster, &self.escalation, self.marks.as_deref(), now)
    }

    /// `night-1 on call`, for a line about everything; `None` without a schedule that a policy needs.
    #[must_use]
    pub fn sentence(&self, now: Instant) -> Option<String> {
        let is_needed = |name: &str| self.escalation.values().any(|policy| policy.schedules().contains(&name));
        let needed: Vec<&Schedule> = self.roster.schedules().filter(|schedule| is_needed(&schedule.name)).collect();
        let several = needed.len() > 1;
        let parts = needed.iter().map(|schedule| {
            let people = schedule.people_at(now);
            let who = match &people[..] {
                [] if matches!(schedule.rota, Rota::Calendar(None)) => "who is on call is unknown".to_owned(),
                [] if schedule.may_be_empty => "nobody on call".to_owned(),
                [] => "NOBODY on call".to_owned(),
                people => {
                    let people: Vec<&str> = people.iter().map(PersonName::as_str).collect();
                    format!("{} on call", people.join(" and "))
                }
            };
            if several { format!("{who} ({})", schedule.name) } else { who }
        });
        let parts: Vec<String> = parts.collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Each schedule that a policy needs, and whatever else something is wrong with; and until when that can stay so
    /// without news.
    #[must_use]
    pub fn health(&self, now: Instant) -> (Vec<Health>, Instant) {
        let mut until = now + TimeDelta::minutes(1);
        let mut all: BTreeMap<About, Health> = BTreeMap::new();
        let new = |about: &About| Health {
            about: about.clone(),
            gap: None,
            since: None,
            faults: Vec::new(),
            unverified: false,
        };
        // A hole's beginning must not move as it is looked at.
        let back = (now - BACK).with_nanosecond(0).and_then(|at| at.with_second(0)).and_then(|at| at.with_minute(0));
        let back = back.and_then(|at| at.with_hour(0)).unwrap_or(now);
        for schedule in self.roster.schedules() {
            if !self.escalation.values().any(|policy| policy.schedules().contains(&schedule.name.as_str())) {
                continue;
            }
            let about = About::Schedule(schedule.name.clone());
            // A hole that begins in sight is looked at to its end.
            let (ahead, end) = (now + lint::AHEAD, now + lint::AHEAD + BACK);
            let gaps = lint::needed_gaps(schedule, &self.roster, &self.escalation, back, end);
            let gap = gaps.iter().find(|gap| gap.until > now && gap.from < ahead).map(|gap| (gap.from, gap.until));
            until =
                gap.iter().flat_map(|(from, until)| [*from, *until]).filter(|at| *at > now).fold(until, Instant::min);
            all.insert(about.clone(), Health { gap, ..new(&about) });
        }
        let findings = lint::findings(&self.roster, &self.escalation, self.marks.as_deref(), now);
        let has_gap = all.values().any(|health| health.gap.is_some());
        for finding in &findings {
            let health = all.entry(finding.about.clone()).or_insert_with(|| new(&finding.about));
            match finding.what {
                What::Gap { .. } => {}
                What::Silent { .. } if has_gap => {}
                What::Unverified => health.unverified = true,
                _ => {
                    health.faults.push(report::says(finding, &self.roster));
                    let since = finding.what.from().filter(|from| *from <= now);
                    health.since = health.since.into_iter().chain(since).min();
                }
            }
        }
        (all.into_values().collect(), until)
    }
}
