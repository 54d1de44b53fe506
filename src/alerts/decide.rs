//! The step: one pass over what was found and what came due, in a fixed order.
//!
//! Given: the book, findings, orders and receipts, due wakes, the rules, and an instant.
//! Gives: a [`Step`]; made twice from the same things it is the same step.
//! Does not: change the book. The caller commits, then lets book and agenda absorb; a refused commit costs nothing.
//!
//! The order matters. Orders come first, since they are the oldest news; findings before due times, so that an alert
//! that is fine by now does not fire because its `for` ran out in the same second; telling comes last, when every
//! alert is as it will be. The cost follows what was found and what is due, never the size of the book.

use std::collections::BTreeSet;

use super::{
    alert::{Alert, AlertKey, AlertState, Confirm, Facts, Labels},
    book::Book,
    bundle, catch_up,
    draft::Draft,
    flush, life,
    orders::Inputs,
    page::{self, LinkKey, PageKey},
    phones::Phones,
    severity::rank,
    silence::Silences,
    standing,
    step::{Quiet, Step},
    time_interval::mute_verdict,
};
use crate::{
    agenda::Wake,
    model::Instant,
    rules::{
        finding::{Finding, RuleId, Verdict},
        rule::Rule,
    },
};

/// How many transitions one step carries at most: a commit stays short, and the rest follows in the next one.
pub const TRANSITIONS_MAX: usize = 5_000;

/// What the step asks of the loaded rules.
pub trait Rules {
    /// The rule with this id; `None` when it is not loaded (any more).
    fn rule(&self, id: &RuleId) -> Option<&Rule>;

    /// The rule's annotation templates, rendered for an alert. Never PHI; a template that fails gives its plain text.
    fn annotations(&self, rule: &Rule, key: &AlertKey, labels: &Labels, facts: &Facts) -> Labels;

    /// The labels that an alert about a shift will carry when somebody is paged for it, if it comes to that: its own when
    /// it pages, else those of the milder one of the rules about uncovered shifts that do. `None` = it never pages.
    fn paging_labels(&self, alert: &Alert) -> Option<Labels> {
        (rank(&alert.labels) <= 1).then(|| alert.labels.clone())
    }
}

/// Everything a step is made from besides the book.
#[derive(Clone)]
pub struct Given<'a> {
    /// What the rules said; those left over from the last step (`Step::later`) first.
    pub findings: Vec<Finding>,
    /// Orders and receipts not yet consumed.
    pub inputs: &'a Inputs,
    /// The due wakes; those about subjects are the judge's and are passed over.
    pub due: &'a [Wake],
    /// The loaded rules.
    pub rules: &'a dyn Rules,
    /// The installation's silences. A set that differs from the last step's comes with [`Wake::Silences`] in `due`.
    pub silences: &'a Silences,
    /// Every phone there is, over all agencies.
    pub phones: &'a Phones,
    /// What links are made with; `None` where nobody could open one.
    pub link_key: Option<&'a LinkKey>,
    /// Everything that is watched was read at or after this instant; `None` while something never was.
    pub all_read_since: Option<Instant>,
    /// The instant of the pass.
    pub now: Instant,
}

/// Decides one pass. See the module's page for the order.
#[must_use]
pub fn step(book: &Book, given: Given<'_>) -> Step {
    let mut draft = Draft::new(book, given.silences, given.now);
    (draft.phones, draft.link_key) = (Some(given.phones), given.link_key);
    if book.is_unseen() {
        life::look_again(&mut draft);
    }
    life::take_orders(&mut draft, given.inputs);
    life::take_receipts(&mut draft, &given.inputs.receipts);
    page::take_news(&mut draft, &given.inputs.receipts);
    let due_pages = given.due.iter().filter_map(|wake| match wake {
        Wake::Page(key) => Some(key.clone()),
        _ => None,
    });
    page::ask_owners(&mut draft, due_pages);
    take_findings(&mut draft, given.findings, given.rules);
    for wake in given.due {
        match wake {
            Wake::Alert(key) if draft.transitions.len() < TRANSITIONS_MAX => life::pass_time(&mut draft, key),
            Wake::Group(key) => {
                draft.touched.insert(key.clone());
            }
            Wake::Silences => look_at_silenced(&mut draft),
            Wake::Page(key) => {
                draft.pages_touched.insert(key.clone());
            }
            Wake::Alert(_) | Wake::Subject(_) | Wake::CatchUp | Wake::Person(_) | Wake::Standing | Wake::Handoff => {}
        }
    }
    for key in draft.muted_otherwise() {
        flush::touch(&mut draft, &key);
    }
    if catch_up::is_over(&draft, given.all_read_since) {
        catch_up::end(&mut draft);
    }
    flush::flush_due(&mut draft);
    flush::tell_closings_now(&mut draft);
    if given.due.contains(&Wake::Standing) {
        standing::make_lists(&mut draft, given.rules);
    }
    if given.due.contains(&Wake::Handoff) {
        page::begin_watches(&mut draft);
    }
    let looked_at = look_at_pages(&mut draft);
    bundle::shape(&mut draft, given.due, &looked_at);
    draft.intents.sort_by_cached_key(|intent| {
        let most_urgent = intent.firing.iter().chain(&intent.resolved).map(|alert| rank(&alert.labels)).min();
        (most_urgent, intent.firing.is_empty(), intent.group.clone(), intent.flush)
    });
    say_why_quiet(&mut draft);
    draft.finish(given.due)
}

/// A silence began, ended or changed: whatever is silenced or was since it fires is looked at. One look too many changes
/// nothing.
fn look_at_silenced(draft: &mut Draft<'_>) {
    if draft.silences.is_empty() {
        return;
    }
    for key in draft.every_alert() {
        let concerns =
            |alert: &Alert| alert.is_firing() && (draft.is_silenced(alert) || draft.silence_ended(alert).is_some());
        if draft.alert(&key).is_some_and(concerns) {
            flush::touch(draft, &key);
            draft.looked_at.insert(key);
        }
    }
}

/// Looks at every page that something of this pass concerns, each once, when all alerts are as they will be. Gives which.
fn look_at_pages(draft: &mut Draft<'_>) -> BTreeSet<PageKey> {
    let mut looked_at = BTreeSet::new();
    // What a page decides may concern another one of the same shift.
    for round in 0..PAGE_ROUNDS_MAX {
        let pages = draft.take_pages_to_look_at(round == 0);
        if pages.is_empty() {
            break;
        }
        for key in pages {
            page::look(draft, &key);
            draft.pages_touched.remove(&key);
            looked_at.insert(key);
        }
    }
    looked_at
}

/// How often pages may concern each other in one step.
const PAGE_ROUNDS_MAX: usize = 3;

fn take_findings(draft: &mut Draft<'_>, mut findings: Vec<Finding>, rules: &dyn Rules) {
    if findings.len() > TRANSITIONS_MAX {
        findings.sort_by_cached_key(|finding| match &finding.verdict {
            Verdict::Broken(_) => rules.rule(&finding.rule).map_or(3, |rule| rank(&rule.labels)),
            Verdict::Fine(_) => 4,
            Verdict::Unjudged { .. } => 5,
        });
    }
    let mut findings = findings.into_iter();
    while draft.transitions.len() < TRANSITIONS_MAX {
        let Some(finding) = findings.next() else { return };
        life::take_finding(draft, finding, rules);
    }
    draft.later = findings.collect();
}

/// Gives every alert that was looked at and is in no intent its reason.
fn say_why_quiet(draft: &mut Draft<'_>) {
    let spoken: BTreeSet<AlertKey> = draft
        .intents
        .iter()
        .flat_map(|intent| intent.firing.iter().chain(&intent.resolved))
        .chain(draft.notices.iter().flat_map(|notice| notice.says.alerts()))
        .map(|alert| alert.key.clone())
        .collect();
    let looked_at: Vec<_> = draft.looked_at.difference(&spoken).cloned().collect();
    for key in looked_at {
        if let Some(reason) = draft.alert(&key).map(|alert| why_quiet(draft, alert)) {
            draft.quiet.insert(key, reason);
        }
    }
}

fn why_quiet(draft: &Draft<'_>, alert: &Alert) -> Quiet {
    match &alert.state {
        AlertState::Pending { .. } if alert.unjudged_since.is_some() => return Quiet::Unjudged,
        AlertState::Pending { .. } => return Quiet::Pending,
        AlertState::Acknowledged { .. } => return Quiet::Acknowledged,
        AlertState::Resolved { .. } => return Quiet::Grouping,
        AlertState::Firing { .. } => {}
    }
    let routes = draft.told_routes(&alert.labels);
    let told = |key| draft.group(key).is_some_and(|group| group.has_told(&alert.key));
    let muted = |route| mute_verdict(route, draft.policy, draft.now).0;
    if routes.is_empty() {
        Quiet::NoReceiver
    } else if draft.is_silenced(alert) {
        Quiet::Silenced
    } else if draft.is_inhibited(alert) {
        Quiet::Inhibited
    } else if draft.is_held_back(alert) {
        Quiet::CatchingUp
    } else if alert.unjudged_since.is_some() {
        Quiet::Unjudged
    } else if draft.is_paged(&alert.key) {
        if standing::sleeps(draft, alert) {
            Quiet::Standing
        } else if draft.flaps(alert) {
            Quiet::Flapping
        } else {
            Quiet::Paged
        }
    } else if routes.iter().all(|(_, key)| told(key)) {
        Quiet::TooSoon
    } else if matches!(alert.confirm, Confirm::Awaited { .. }) {
        Quiet::Confirming
    } else if routes.iter().any(|(route, _)| muted(route)) {
        Quiet::Muted
    } else {
        Quiet::Grouping
    }
}
