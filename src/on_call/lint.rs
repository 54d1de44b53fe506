//! What could leave a page without anybody: holes in schedules, calendars that cannot be trusted, addresses that may
//! not work.
//!
//! Given: the roster, the policies that need it, what is known of addresses, an instant. Gives: findings, the worst
//! first. Does not: say anything of a schedule that no policy names, or of a person whom none can ask.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    EscalationPolicy, EscalationStep, Roster, Rota, Target, Via,
    schedule::{Schedule, Span},
};
use crate::model::{AddressMark, Instant, PersonName};

/// How far ahead holes are looked for.
pub const AHEAD: TimeDelta = TimeDelta::days(14);

/// Every kind of finding, in a word; see [`What::as_str`].
pub const KINDS: [&str; 9] =
    ["gap", "silent", "last_step_empty", "never_read", "stale", "nameless", "unread", "opted_out", "unverified"];

/// What is known of addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// From which a test was answered.
    pub verified: BTreeSet<AddressMark>,
    /// Which refuse for good, since when.
    pub opted_out: BTreeMap<AddressMark, Instant>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum About {
    /// A schedule.
    Schedule(String),
    /// A policy.
    Policy(String),
    /// A person.
    Person(PersonName),
}

/// One thing that could leave a page without anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// About what.
    pub about: About,
    /// What it is.
    pub what: What,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nobody is on call where a policy needs somebody.
    Gap {
        /// The first stretch.
        from: Instant,
        /// Its end, or how far was looked.
        until: Instant,
        /// How many there are in the days ahead.
        n: usize,
    },
    /// No step of a policy finds anybody: everybody it ever names is told instead.
    Silent {
        /// The first stretch.
        from: Instant,
        /// Its end.
        until: Instant,
    },
    /// The last step of a policy finds nobody.
    LastStepEmpty {
        /// The first stretch.
        from: Instant,
        /// Its end.
        until: Instant,
    },
    /// A calendar of which no copy was ever read.
    NeverRead,
    /// A calendar whose copy is too old.
    Stale {
        /// Since when it is.
        since: Instant,
    },
    /// Events of a calendar that name nobody we know.
    Nameless {
        /// When the first of them begins.
        first: Instant,
        /// How many there are in the days ahead.
        n: usize,
    },
    /// Events of a calendar that could not be read.
    Unread {
        /// How many.
        n: usize,
    },
    /// An address that refuses for good.
    OptedOut {
        /// By which way.
        via: Via,
        /// Since when.
        since: Instant,
    },
    /// A number from which nobody has ever answered.
    Unverified,
}

impl What {
    /// A word for it, for machines.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Silent { .. } => "silent",
            Self::LastStepEmpty { .. } => "last_step_empty",
            Self::NeverRead => "never_read",
            Self::Stale { .. } => "stale",
            Self::Nameless { .. } => "nameless",
            Self::Unread { .. } => "unread",
            Self::OptedOut { .. } => "opted_out",
            Self::Unverified => "unverified",
        }
    }

    /// Whether `check` fails for it: somebody could be missed, and the configuration or a calendar is where to mend it.
    #[must_use]
    pub const fn fails_a_check(&self) -> bool {
        !matches!(self, Self::OptedOut { .. } | Self::Unverified)
    }

    /// Since when it is so, or from when on it will be; `None` = for as long as is known.
    #[must_use]
    pub const fn from(&self) -> Option<Instant> {
        match self {
            Self::Gap { from, .. } | Self::Silent { from, .. } | Self::LastStepEmpty { from, .. } => Some(*from),
            Self::Stale { since } | Self::OptedOut { since, .. } => Some(*since),
            Self::Nameless { first, .. } => Some(*first),
            Self::NeverRead | Self::Unread { .. } | Self::Unverified => None,
        }
    }
}

/// Everything found, policies without anybody first. Without `marks` nothing is said of addresses.
#[must_use]
pub fn findings(
    roster: &Roster,
    policies: &BTreeMap<String, EscalationPolicy>,
    marks: Option<&Marks>,
    now: Instant,
) -> Vec<Finding> {
    let until = now.checked_add_signed(AHEAD).unwrap_or(now);
    let mut found = Vec::new();
    for policy in policies.values() {
        of_policy(policy, roster, now, until, &mut found);
    }
    for schedule in roster.schedules() {
        of_schedule(schedule, roster, policies, now, until, &mut found);
    }
    if let Some(marks) = marks {
        let mut asked: BTreeSet<PersonName> = BTreeSet::new();
        for step in policies.values().flat_map(|policy| &policy.steps) {
            for target in &step.notify {
                match target {
                    Target::Person(name) => asked.extend([name.clone()]),
                    Target::Schedule(name) => asked.extend(roster.people_of(name)),
                }
            }
        }
        for name in asked {
            of_person(&name, roster, marks, &mut found);
        }
    }
    found
}

/// The stretches in which somebody is missing on a schedule: it has nobody, a step that names it has nobody else, and
/// the schedule is not one that may be empty.
#[must_use]
pub fn needed_gaps(
    schedule: &Schedule,
    roster: &Roster,
    policies: &BTreeMap<String, EscalationPolicy>,
    from: Instant,
    until: Instant,
) -> Vec<Span> {
    if schedule.may_be_empty {
        return Vec::new();
    }
    let names = |step: &&EscalationStep| {
        step.notify.iter().any(|target| matches!(target, Target::Schedule(name) if *name == schedule.name))
    };
    let steps = policies.values().flat_map(|policy| &policy.steps).filter(names);
    let mut gaps: Vec<Span> = Vec::new();
    for step in steps {
        for gap in step_gaps(step, roster, from, until) {
            match gaps.iter().position(|known| known.from <= gap.until && gap.from <= known.until) {
                Some(known) => {
                    gaps[known].from = gaps[known].from.min(gap.from);
                    gaps[known].until = gaps[known].until.max(gap.until);
                }
                None => gaps.push(gap),
            }
        }
    }
    gaps.sort_by_key(|gap| gap.from);
    gaps
}

/// When a step finds nobody.
fn step_gaps(step: &EscalationStep, roster: &Roster, from: Instant, until: Instant) -> Vec<Span> {
    let mut gaps = vec![Span { from, until, people: Vec::new() }];
    for target in &step.notify {
        match target {
            Target::Person(_) => return Vec::new(),
            Target::Schedule(name) => gaps = both(&gaps, &roster.gaps(name, from, until)),
        }
    }
    gaps
}

/// What lies in a stretch of each list.
fn both(a: &[Span], b: &[Span]) -> Vec<Span> {
    let common = a.iter().flat_map(|a| {
        b.iter().map(|b| Span { from: a.from.max(b.from), until: a.until.min(b.until), people: Vec::new() })
    });
    common.filter(|span| span.from < span.until).collect()
}

fn of_policy(policy: &EscalationPolicy, roster: &Roster, now: Instant, until: Instant, found: &mut Vec<Finding>) {
    let mut silent = vec![Span { from: now, until, people: Vec::new() }];
    let mut last = Vec::new();
    for step in &policy.steps {
        last = step_gaps(step, roster, now, until);
        silent = both(&silent, &last);
    }
    let about = || About::Policy(policy.name.clone());
    if let Some(first) = silent.first() {
        found.push(Finding { about: about(), what: What::Silent { from: first.from, until: first.until } });
    } else if let Some(first) = last.first() {
        found.push(Finding { about: about(), what: What::LastStepEmpty { from: first.from, until: first.until } });
    }
}

fn of_schedule(
    schedule: &Schedule,
    roster: &Roster,
    policies: &BTreeMap<String, EscalationPolicy>,
    now: Instant,
    until: Instant,
    found: &mut Vec<Finding>,
) {
    if !policies.values().any(|policy| policy.schedules().contains(&schedule.name.as_str())) {
        return;
    }
    let mut add = |what| found.push(Finding { about: About::Schedule(schedule.name.clone()), what });
    let calendar = match &schedule.rota {
        Rota::Rotations(_) => None,
        Rota::Calendar(None) => {
            add(What::NeverRead);
            return;
        }
        Rota::Calendar(Some(calendar)) => Some(calendar),
    };
    let gaps = needed_gaps(schedule, roster, policies, now, until);
    if let Some(first) = gaps.first() {
        add(What::Gap { from: first.from, until: first.until, n: gaps.len() });
    }
    let Some(calendar) = calendar else { return };
    if calendar.is_stale(now) {
        add(What::Stale { since: calendar.fetched_at + calendar.stale_after });
    }
    let nameless: Vec<Instant> =
        calendar.nameless.iter().copied().filter(|at| now - TimeDelta::days(1) < *at && *at < until).collect();
    if let Some(first) = nameless.first() {
        add(What::Nameless { first: *first, n: nameless.len() });
    }
    if calendar.n_unread > 0 {
        add(What::Unread { n: calendar.n_unread });
    }
}

fn of_person(name: &PersonName, roster: &Roster, marks: &Marks, found: &mut Vec<Finding>) {
    let Some(person) = roster.person(name) else { return };
    let mut add = |what| found.push(Finding { about: About::Person(name.clone()), what });
    let mut met = BTreeSet::new();
    let mut unverified = false;
    for contact in &person.contacts {
        if !met.insert(&contact.mark) {
            continue;
        }
        if let Some(since) = marks.opted_out.get(&contact.mark) {
            add(What::OptedOut { via: contact.via, since: *since });
        } else {
            unverified |= contact.via != Via::Email && !marks.verified.contains(&contact.mark);
        }
    }
    if unverified {
        add(What::Unverified);
    }
}

#[cfg(test)]
mod tests;
