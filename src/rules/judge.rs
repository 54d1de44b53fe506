//! The judge: touched and due subjects against every rule about them.
//!
//! Given: the rules, what changed, what is due, the mirror, the ledger, and an instant.
//! Gives: findings, the ledger's changes, new places in the agenda, reads that would settle what is unjudged.
//! Does not: look at anything that neither changed nor is due, move the ledger or the agenda, or read a clock.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    api, blind,
    finding::{Finding, RuleId, Verdict},
    gateway_health::GatewayHealth,
    ledger::{Ledger, LedgerChange},
    rule::Kind,
    ruleset::{About, Ruleset},
    shift, visit,
    word::Word,
};
use crate::{
    agenda::{Wake, WakeAt},
    mirror::{Changes, Mirror},
    model::{Endpoint, Instant, Subject},
    source::fetched::Read,
};

/// What one pass found.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// A word for each (rule, subject) that is broken, unjudged with an open alert, or fine with an open alert.
    pub findings: Vec<Finding>,
    /// What the ledger should hold after the commit.
    pub ledger: Vec<LedgerChange>,
    /// New places in the agenda.
    pub wakes: Vec<WakeAt>,
    /// Reads to make first.
    pub reads_wanted: Vec<Read>,
}

/// Everything the judge looks at.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The rules.
    pub ruleset: &'a Ruleset,
    /// The agency.
    pub mirror: &'a Mirror,
    /// What could not be judged so far.
    pub ledger: &'a Ledger,
    /// How messages leave.
    pub gateways: &'a [GatewayHealth],
    /// Whether an alert of (rule, subject) is open.
    pub is_open: &'a dyn Fn(&RuleId, &Subject) -> bool,
    /// The instant of the pass.
    pub now: Instant,
}

/// Judges what changed and what is due.
#[must_use]
pub fn judge(bench: Bench<'_>, changes: &Changes, due: &[Wake]) -> Judged {
    let mut subjects: BTreeSet<Subject> = changes.subjects.iter().cloned().collect();
    subjects.extend(due.iter().filter_map(|wake| match wake {
        Wake::Subject(subject) => Some(subject.clone()),
        _ => None,
    }));
    judge_subjects(bench, subjects)
}

/// Judges everything there is: at a start, after a reload, when the clock stepped.
#[must_use]
pub fn judge_all(bench: Bench<'_>) -> Judged {
    let mut subjects: BTreeSet<Subject> = BTreeSet::new();
    subjects.extend(bench.mirror.shift_records().map(|record| Subject::Shift(record.shift.key.clone())));
    subjects.extend(bench.mirror.visit_records().map(|record| Subject::Visit(record.visit.id.clone())));
    subjects.extend(Endpoint::ALL.map(Subject::Endpoint));
    subjects.extend(bench.gateways.iter().map(|gateway| Subject::Gateway(gateway.name.clone())));
    subjects.insert(Subject::Agency);
    judge_subjects(bench, subjects)
}

fn judge_subjects(bench: Bench<'_>, mut subjects: BTreeSet<Subject>) -> Judged {
    let mut made = Judged::default();
    let agency = subjects.remove(&Subject::Agency);
    let mut ledger_changed = false;
    for subject in &subjects {
        let before = made.ledger.len();
        judge_one(bench, subject, &mut made);
        ledger_changed |= made.ledger.len() > before;
    }
    if agency || ledger_changed {
        // Blindness is judged last: it looks at what this pass could not judge.
        let ledger = if ledger_changed {
            let mut ledger = bench.ledger.clone();
            ledger.absorb(made.ledger.clone());
            Some(ledger)
        } else {
            None
        };
        let bench = Bench { ledger: ledger.as_ref().unwrap_or(bench.ledger), ..bench };
        judge_one(bench, &Subject::Agency, &mut made);
    }
    made.reads_wanted.sort();
    made.reads_wanted.dedup();
    made
}

fn judge_one(bench: Bench<'_>, subject: &Subject, made: &mut Judged) {
    let about = match subject {
        Subject::Shift(_) => About::Shift,
        Subject::Visit(_) => About::Visit,
        Subject::Endpoint(_) => About::Endpoint,
        Subject::Gateway(_) => About::Gateway,
        Subject::Agency => About::Agency,
        Subject::Client(_) | Subject::Caregiver(_) | Subject::Section(_) | Subject::Posted(_) => return,
    };
    let mut wake_at: Option<Instant> = None;
    for rule in bench.ruleset.about(about) {
        let open = (bench.is_open)(&rule.id, subject);
        let word = match (&rule.kind, subject) {
            (
                Kind::UncoveredShift { .. }
                | Kind::MissedCheckIn { .. }
                | Kind::NoShow { .. }
                | Kind::MissedCheckOut { .. },
                Subject::Shift(key),
            ) => shift::word(bench, rule, key, open),
            (Kind::RunawayVisit { after, longest }, Subject::Visit(id)) => {
                visit::word(bench, rule, id, *after, *longest)
            }
            (Kind::ApiLatency { .. } | Kind::ApiErrors { .. } | Kind::ApiDown { .. }, Subject::Endpoint(endpoint)) => {
                api::word(bench.mirror, &rule.kind, *endpoint, bench.now)
            }
            (Kind::Blind { after, idle }, Subject::Agency) => blind::word(bench, *after, *idle),
            (Kind::SourceAnomaly, Subject::Agency) => blind::anomaly(bench.mirror),
            (Kind::Watchdog, Subject::Agency) => blind::watchdog(bench.mirror),
            (Kind::DeliveryFailing { after }, Subject::Gateway(name)) => {
                let after = TimeDelta::from_std(*after).unwrap_or(TimeDelta::MAX);
                api::delivery(bench.gateways, name, after, bench.now)
            }
            _ => continue,
        };
        let Word { verdict, wake_at: at } = word;
        wake_at = wake_at.into_iter().chain(at).min();
        let was_unjudged = bench.ledger.holds(subject, &rule.id);
        match verdict {
            Some(Verdict::Unjudged { because }) => {
                made.reads_wanted.extend(because.wants.clone());
                made.ledger.push((subject.clone(), rule.id.clone(), Some(because.clone())));
                if open {
                    let verdict = Verdict::Unjudged { because };
                    made.findings.push(Finding { rule: rule.id.clone(), subject: subject.clone(), verdict });
                }
            }
            other => {
                if was_unjudged {
                    made.ledger.push((subject.clone(), rule.id.clone(), None));
                }
                if let Some(verdict) = other.filter(|verdict| open || matches!(verdict, Verdict::Broken(_))) {
                    made.findings.push(Finding { rule: rule.id.clone(), subject: subject.clone(), verdict });
                }
            }
        }
    }
    made.wakes.push((Wake::Subject(subject.clone()), wake_at));
}
