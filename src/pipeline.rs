//! The story: the passes. Each calls its stages in order and holds no decision of its own.
//!
//! - [`apply`]: what a read brought goes into the mirror and is stored.
//! - [`tick`]: what changed and what is due is judged, decided, rendered and committed; only then does memory move.
//! - The send pass is [`crate::notify::deliver::pass`]: it begins where the commit ends.

use std::collections::BTreeSet;

use crate::{
    agenda::Wake,
    alerts::{
        decide::{self, Given},
        orders::Inputs,
        step::{CatchUp, Step},
    },
    mirror::changes::Changes,
    model::{Instant, Subject},
    notify::{
        render::{self, Rendered},
        voice::Telling,
    },
    rules::{
        finding::{Finding, RuleId},
        gateway_health::GatewayHealth,
        judge::{self, Judged, Scope},
    },
    source::fetched::{Fetched, Read},
    store::{Commit, CommitError, Store, StoreError},
    watch::{Spoken, Watch},
};

/// What one tick did, for the log, the metrics and the planner.
#[derive(Debug, Default)]
pub struct Ticked {
    /// The step that was committed.
    pub step: Step,
    /// The reads wanted before anything else.
    pub reads_wanted: Vec<Read>,
    /// How many messages were stored.
    pub n_messages: usize,
    /// How many people were told that something fires and cannot be told that it is over.
    pub n_out_of_reach: u64,
    /// How often a `where:` failed; each counted as true.
    pub n_where_faults: u64,
    /// How often a template failed and the built-in text went instead.
    pub n_template_faults: u64,
}

impl Ticked {
    /// Nothing was decided, so nothing was stored.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.step.is_empty() && self.n_messages == 0
    }
}

/// Brings a read into the mirror and stores what it changed. Gives the second looks that would settle what it left
/// open, and what the store said.
///
/// The mirror moves first: it can be read again from the vendor, so a store that refuses costs nothing but the
/// memory of it over a restart. The error is for the readiness check; the read's evidence counts either way.
pub async fn apply(
    watch: &mut Watch,
    store: &Store,
    fetched: &Fetched,
    now: Instant,
) -> (BTreeSet<Read>, Result<(), StoreError>) {
    let applied = watch.mirror.apply(fetched, now);
    watch.changes.absorb(applied.changes);
    let saved = store.save_mirror(&watch.settings.name, applied.delta, now).await;
    (applied.reads_wanted, saved)
}

/// One pass over one agency: judge, decide, render, commit, and only then move.
///
/// A refused commit leaves everything as it was: the next tick makes the same step again. When the outcome of a
/// commit is unknown, the stored number tells whether it happened.
pub async fn tick(
    watch: &mut Watch,
    store: &Store,
    telling: &Telling,
    inputs: &Inputs,
    gateways: &[GatewayHealth],
    now: Instant,
) -> Result<Ticked, CommitError> {
    watch.pass_time(now);
    let due: Vec<Wake> = watch.agenda.due(now).cloned().collect();
    let judged = judge_pass(watch, gateways, &due, now);

    let mut findings = watch.later.clone();
    findings.extend(judged.findings);
    let (step, rendered, n_template_faults) = decide_and_render(watch, telling, findings, inputs, &due, now);
    let Rendered { messages, n_out_of_reach, .. } = rendered;

    let n_messages = messages.len();
    if !step.is_empty() || n_messages > 0 {
        let n = watch.n + 1;
        let agency = watch.settings.name.clone();
        let (delta, cancels) = (step.delta.clone(), step.cancels.clone());
        let commit = Commit { agency: agency.clone(), fence: 0, n, at: now, delta, messages, cancels };
        match store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::Unknown { .. }) if store.last_commit(&agency).await.is_ok_and(|stored| stored == n) => {}
            Err(fault) => return Err(fault),
        }
        watch.n = n;
    }

    let reads_wanted = judged.reads_wanted.into_iter().chain(step.reads_wanted.iter().cloned()).collect();
    watch.changes = Changes::default();
    watch.unseen = false;
    watch.ledger.absorb(judged.ledger);
    watch.book.absorb(&step.delta);
    watch.later.clone_from(&step.later);
    for wake in judged.wakes.into_iter().chain(step.wakes.iter().cloned()) {
        watch.agenda.set(wake);
    }
    remember_quiet(watch, &step);
    let n_where_faults = judged.n_where_faults;
    Ok(Ticked { step, reads_wanted, n_messages, n_out_of_reach, n_where_faults, n_template_faults })
}

/// The two pure stages in the middle, and how many templates failed in them.
fn decide_and_render(
    watch: &Watch,
    telling: &Telling,
    findings: Vec<Finding>,
    inputs: &Inputs,
    due: &[Wake],
    now: Instant,
) -> (Step, Rendered, u64) {
    let catching_up = matches!(watch.book.catch_up(), CatchUp::Running { .. });
    let spoken = Spoken::new(&watch.ruleset, telling);
    let given = Given {
        findings,
        inputs,
        due,
        rules: &spoken,
        all_read_since: if catching_up { watch.mirror.all_read_since(now) } else { None },
        now,
    };
    let step = decide::step(&watch.book, given);
    let policy = watch.book.policy();
    let given = render::Given { policy, former: &watch.former, telling, people: &watch.mirror, now };
    let rendered = render::render(&step.intents, given);
    let n_template_faults = spoken.n_template_faults() + rendered.n_template_faults;
    (step, rendered, n_template_faults)
}

/// Everything after a start, a standstill, and when the clock went back; else what changed and what is due.
fn judge_pass(watch: &Watch, gateways: &[GatewayHealth], due: &[Wake], now: Instant) -> Judged {
    let open = |rule: &RuleId, subject: &Subject| watch.book.is_open(rule, subject);
    let scope =
        Scope { ruleset: &watch.ruleset, mirror: &watch.mirror, ledger: &watch.ledger, gateways, open: &open, now };
    if watch.unseen {
        return judge::judge_all(&scope, watch.book.alerts().map(|alert| alert.key.subject.clone()));
    }
    let subjects = due.iter().filter_map(|wake| match wake {
        Wake::Subject(subject) => Some(subject),
        Wake::Alert(_) | Wake::Group(_) | Wake::CatchUp => None,
    });
    judge::judge(&scope, &watch.changes, subjects)
}

fn remember_quiet(watch: &mut Watch, step: &Step) {
    for alert in step.intents.iter().flat_map(|intent| &intent.firing) {
        watch.quiet.remove(&alert.key);
    }
    for key in &step.delta.alerts_gone {
        watch.quiet.remove(key);
    }
    watch.quiet.extend(step.quiet.iter().cloned());
}
