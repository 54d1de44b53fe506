//! The story: the passes. Each calls its stages in order and holds no decision of its own.
//!
//! - [`apply`]: what a read brought goes into the mirror and is stored.
//! - [`tick`]: what changed and what is due is judged, decided, rendered and committed; only then does memory move.
//! - The send pass is [`crate::notify::deliver::pass`]: it begins where the commit ends.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::{
    agenda::Wake,
    alerts::{
        alert::Alert,
        closed,
        decide::{self, Given},
        disposition::Said,
        fingerprint::fingerprint,
        orders::{Ask, Inputs},
        step::{CatchUp, Step},
    },
    mirror::{changes::Changes, row::MirrorDelta},
    model::{Instant, Subject},
    notify::{
        message::Mention,
        notice, record_note,
        render::{self, Rendered},
        voice::Telling,
    },
    remind::{self, Looked},
    rules::{
        finding::{Finding, RuleId},
        gateway_health::GatewayHealth,
        judge::{self, Judged, Scope},
    },
    source::fetched::{Fetched, Read},
    store::{Commit, CommitError, ReminderRow, Store, StoreError},
    watch::{Spoken, Watch, takers::Takers},
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
    /// An edge from here on was waited for; `None` when it was a first look, or one that catches up after a blindness:
    /// what it found may have begun long before.
    pub edges_from: Option<Instant>,
    /// How many people were told that something fires and cannot be told that it is over.
    pub n_out_of_reach: u64,
    /// How often a `where:` failed; each counted as true.
    pub n_where_faults: u64,
    /// How often a template failed and the built-in text went instead.
    pub n_template_faults: u64,
    /// What became of reminders to caregivers.
    pub reminders: Vec<(remind::Moment, remind::Outcome)>,
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
    let (reads_wanted, delta) = take_in(watch, fetched, now);
    let saved = store.save_mirror(&watch.settings.name, delta, now).await;
    (reads_wanted, saved)
}

/// The same without the store: the second looks that would settle what the read left open, and the rows to store.
pub fn take_in(watch: &mut Watch, fetched: &Fetched, now: Instant) -> (BTreeSet<Read>, MirrorDelta) {
    let applied = watch.mirror.apply(fetched, now);
    watch.changes.absorb(applied.changes);
    (applied.reads_wanted, applied.delta)
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
    let Thought { judged, step, rendered, n_template_faults, reminded } = think(watch, telling, inputs, gateways, now);
    let Rendered { messages, mentions, n_out_of_reach, .. } = rendered;

    let caught_up = watch.unseen || matches!(watch.book.catch_up(), CatchUp::Running { .. });
    let edges_from = (!caught_up).then_some(watch.mirror.began_at());
    let n_messages = messages.len();
    let settled = reminded.iter().flat_map(|looked| &looked.settled);
    let rows: Vec<ReminderRow> = settled.map(reminder_row).collect();
    if !step.is_empty() || n_messages > 0 || !rows.is_empty() {
        let n = watch.n + 1;
        let agency = watch.settings.name.clone();
        let (delta, cancels) = (step.delta.clone(), step.cancels.clone());
        let commit = Commit {
            agency: agency.clone(),
            fence: 0,
            n,
            at: now,
            delta,
            messages,
            cancels,
            mentions,
            reminders: rows,
            edges_from,
        };
        match store.commit(commit).await {
            Ok(()) => {}
            Err(CommitError::Unknown { .. }) if store.last_commit(&agency).await.is_ok_and(|stored| stored == n) => {}
            Err(fault) => return Err(fault),
        }
        watch.n = n;
    }

    let n_where_faults = judged.n_where_faults;
    let reminders = reminded.as_ref().map(|looked| looked.outcomes.clone()).unwrap_or_default();
    let reads_wanted = move_on(watch, judged, &step, reminded);
    Ok(Ticked {
        step,
        reads_wanted,
        n_messages,
        edges_from,
        n_out_of_reach,
        n_where_faults,
        n_template_faults,
        reminders,
    })
}

/// What is known of a reminder, as the store keeps it.
fn reminder_row(one: &remind::Settled) -> ReminderRow {
    ReminderRow {
        message: one.id.clone(),
        caregiver: one.caregiver.to_string(),
        shift: one.shift.clone(),
        moment: one.moment.as_str().to_owned(),
        at: one.at,
        outcome: one.outcome.as_str().to_owned(),
    }
}

/// One pass as far as it goes without the store: nothing of it has happened yet.
#[derive(Debug)]
pub struct Thought {
    judged: Judged,
    /// What was decided.
    pub step: Step,
    /// What it says.
    pub rendered: Rendered,
    /// How often a template failed and the built-in text went instead.
    pub n_template_faults: u64,
    /// What was looked at for reminders, when it was time to.
    pub reminded: Option<Looked>,
}

impl Thought {
    /// The pass did happen, in a world without a store. Gives the reads wanted before anything else.
    pub fn happens(self, watch: &mut Watch) -> Vec<Read> {
        move_on(watch, self.judged, &self.step, self.reminded)
    }
}

/// The pure middle: judge, decide, render. Of the watch only its sense of time moves.
pub fn think(
    watch: &mut Watch,
    telling: &Telling,
    inputs: &Inputs,
    gateways: &[GatewayHealth],
    now: Instant,
) -> Thought {
    watch.pass_time(now);
    let mut due: Vec<Wake> = watch.agenda.due(now).cloned().collect();
    if watch.silences_seen != Some(watch.silences.version()) && !due.contains(&Wake::Silences) {
        due.push(Wake::Silences);
    }
    let mut judged = judge_pass(watch, gateways, &due, now);

    let mut findings = watch.later.clone();
    findings.append(&mut judged.findings);
    let (mut step, mut rendered, n_template_faults) = decide_and_render(watch, telling, findings, inputs, &due, now);
    let mut reminded = remind(watch, telling, now);
    if let Some(looked) = &mut reminded {
        rendered.messages.append(&mut looked.messages);
        step.cancels.append(&mut looked.cancels);
    }
    Thought { judged, step, rendered, n_template_faults, reminded }
}

/// Reminders to caregivers, where they are wanted. Nobody is reminded of anything before everything was looked at once.
fn remind(watch: &Watch, telling: &Telling, now: Instant) -> Option<Looked> {
    let settings = watch.settings.reminders.as_ref()?;
    if watch.book.catch_up() != CatchUp::Done {
        return None;
    }
    let within = TimeDelta::from_std(watch.settings.wellsky.detect_within).unwrap_or(TimeDelta::MAX / 4);
    let given = remind::Given {
        agency: &watch.settings.name,
        settings,
        mirror: &watch.mirror,
        phones: &watch.reach.phones(),
        telling,
        gateways: &watch.book.policy().paging.sms_gateways,
        data_age_max: within + TimeDelta::minutes(1),
        now,
    };
    remind::look(given, &watch.reminders)
}

/// Memory follows what was stored. Gives the reads wanted before anything else.
fn move_on(watch: &mut Watch, judged: Judged, step: &Step, reminded: Option<Looked>) -> Vec<Read> {
    let mut reads_wanted: Vec<Read> =
        judged.reads_wanted.into_iter().chain(step.reads_wanted.iter().cloned()).collect();
    if let Some(looked) = reminded {
        reads_wanted.extend(looked.reads_wanted);
        watch.reminders = looked.memory;
    }
    watch.changes = Changes::default();
    watch.unseen = false;
    watch.silences_seen = Some(watch.silences.version());
    watch.ledger.absorb(judged.ledger);
    watch.book.absorb(&step.delta);
    watch.said.extend(step.delta.said.iter().map(|said| ((said.fingerprint.clone(), said.active_at), said.clone())));
    if !(step.is_empty() || watch.said.is_empty()) {
        let book = &watch.book;
        let lives = |fingerprint: &str, at| book.by_fingerprint(fingerprint).any(|alert| alert.active_at == at);
        watch.said.retain(|(fingerprint, at), _| lives(fingerprint, *at));
    }
    watch.reach.absorb(&watch.settings.name, &step.delta);
    watch.later.clone_from(&step.later);
    for wake in judged.wakes.into_iter().chain(step.wakes.iter().cloned()) {
        watch.agenda.set(wake);
    }
    remember_quiet(watch, step);
    reads_wanted
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
    let phones = watch.reach.phones();
    let given = Given {
        findings,
        inputs,
        due,
        rules: &spoken,
        silences: &watch.silences,
        phones: &phones,
        link_key: watch.reach.link_key().filter(|_| telling.external_url.is_some()),
        all_read_since: if catching_up { watch.mirror.all_read_since(now) } else { None },
        now,
    };
    let step = decide::step(&watch.book, given);
    let policy = watch.book.policy();
    let covers = Takers::new(watch, now);
    let given = render::Given { policy, former: &watch.former, telling, people: &watch.mirror, covers: &covers, now };
    let mut rendered = render::render(&step.intents, given);
    rendered.absorb(notice::render(&step.notices, &watch.settings.name, given));
    rendered.absorb(notes(watch, telling, inputs, &step, now));
    let n_template_faults = spoken.n_template_faults() + rendered.n_template_faults;
    (step, rendered, n_template_faults)
}

/// What became of alerts, as notes for the vendor's record, where that is switched on.
fn notes(watch: &Watch, telling: &Telling, inputs: &Inputs, step: &Step, now: Instant) -> Rendered {
    let write = &watch.settings.wellsky.write;
    if !write.is_on() {
        return Rendered::default();
    }
    let visit = |subject: &Subject| {
        let Subject::Shift(key) = subject else { return None };
        let shift = watch.mirror.shift(key)?;
        watch.mirror.visits_of(shift).map(|entry| entry.visit.id.clone()).last()
    };
    let closed = closed::closed(&watch.book, &step.delta);
    let said = |alert: &Alert| {
        let is_it = |said: &&Said| said.fingerprint == fingerprint(&alert.labels) && said.active_at == alert.active_at;
        step.delta.said.iter().rev().chain(watch.said.values()).find(is_it).cloned()
    };
    let given = record_note::Given { write, telling, visit: &visit, said: &said, now };
    let mut rendered = record_note::render(&closed, given);
    // Only of what this step has taken.
    for order in inputs.orders.iter().filter(|order| step.delta.orders_done.is_some_and(|done| order.n <= done)) {
        if let Ask::DisposeNoted { said, note } = &order.ask
            && let Some(message) = record_note::addendum(watch.book.agency(), said, note, given)
        {
            rendered.mentions.push(Mention {
                message: message.id.clone(),
                fingerprint: said.fingerprint.clone(),
                active_at: said.active_at,
                fires: false,
            });
            rendered.messages.push(message);
        }
    }
    rendered
}

/// Everything after a start, a standstill, and when the clock went back; else what changed and what is due.
fn judge_pass(watch: &Watch, gateways: &[GatewayHealth], due: &[Wake], now: Instant) -> Judged {
    let open = |rule: &RuleId, subject: &Subject| watch.book.is_open(rule, subject);
    let scope = Scope {
        ruleset: &watch.ruleset,
        mirror: &watch.mirror,
        ledger: &watch.ledger,
        gateways,
        on_call: &watch.on_call,
        open: &open,
        now,
    };
    if watch.unseen {
        return judge::judge_all(&scope, watch.book.alerts().map(|alert| alert.key.subject.clone()));
    }
    judge::judge(&scope, &watch.changes, due.iter().filter_map(Wake::subject))
}

/// Of the alerts that are in the book: why a shift without an alert is quiet is the ledger's to say.
fn remember_quiet(watch: &mut Watch, step: &Step) {
    for alert in step.intents.iter().flat_map(|intent| &intent.firing) {
        watch.quiet.remove(&alert.key);
    }
    for key in &step.delta.alerts_gone {
        watch.quiet.remove(key);
    }
    let book = &watch.book;
    watch.quiet.extend(step.quiet.iter().filter(|(key, _)| book.alert(key).is_some()).cloned());
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::{
        alerts::{
            alert::{AlertKey, Labels},
            orders::{Ask, Order},
            step::{Delta, Quiet},
        },
        config::Config,
        model::{AgencyName, local_time::from_micros},
        notify::voice::Voice,
        rules::ruleset::Ruleset,
    };

    fn now() -> Instant {
        from_micros(1_800_000_000_000_000)
    }

    fn telling() -> Telling {
        let voice =
            Voice { title: "CCA".into(), zone: chrono_tz::UTC, location_zones: HashMap::new(), clock_12h: false };
        Telling { voices: HashMap::new(), installation: voice, external_url: None, shadow: None }
    }

    async fn watch(store: &Store) -> Watch {
        let env = |name: &str| match name {
            "SHIFTWATCH_TIMEZONE" => Some("UTC".to_owned()),
            "WELLSKY_CLIENT_ID" | "WELLSKY_CLIENT_SECRET" | "WELLSKY_AGENCY_ID" => Some("1".to_owned()),
            _ => None,
        };
        let (config, _) = Config::load(None, &env).unwrap();
        let loaded = store.load(&config.agencies[0].name).await.unwrap();
        Watch::restore(&config.agencies[0], loaded, Arc::new(Ruleset::default()), config.policy, now())
    }

    fn posted() -> Inputs {
        let labels = Labels::from([("alertname".to_owned(), "Disk".to_owned())]);
        let ask = Ask::Post {
            labels,
            annotations: Labels::new(),
            starts_at: now(),
            ends_at: None,
            generator_url: String::new(),
        };
        Inputs { orders: vec![Order { n: 1, at: now(), ask }], receipts: Vec::new() }
    }

    #[tokio::test]
    async fn a_step_that_was_stored_without_our_knowing_is_read_again() {
        let store = Store::in_memory().await.unwrap();
        let mut watch = watch(&store).await;
        let agency: AgencyName = watch.settings.name.clone();
        // What an unknown outcome leaves behind: the store is one step ahead of memory.
        let (delta, messages, cancels) = (Delta::default(), Vec::new(), Vec::new());
        store
            .commit(Commit {
                agency: agency.clone(),
                fence: 0,
                n: 1,
                at: now(),
                delta,
                messages,
                cancels,
                mentions: Vec::new(),
                reminders: Vec::new(),
                edges_from: Some(Instant::UNIX_EPOCH),
            })
            .await
            .unwrap();
        for _ in 0..2 {
            let refused = tick(&mut watch, &store, &telling(), &posted(), &[], now()).await.unwrap_err();
            assert!(matches!(refused, CommitError::OutOfOrder { stored: 1, .. }), "{refused}");
        }
        watch.read_again(store.load(&agency).await.unwrap(), now());
        tick(&mut watch, &store, &telling(), &posted(), &[], now()).await.unwrap();
        assert_eq!((watch.n, watch.book.alerts().count()), (2, 1));
    }

    #[tokio::test]
    async fn why_something_is_quiet_is_kept_for_alerts_alone() {
        let mut watch = watch(&Store::in_memory().await.unwrap()).await;
        let key = AlertKey {
            agency: watch.settings.name.clone(),
            rule: RuleId::new("coverage/ShiftUncovered"),
            subject: Subject::Agency,
        };
        remember_quiet(&mut watch, &Step { quiet: vec![(key, Quiet::Unjudged)], ..Step::default() });
        assert!(watch.quiet.is_empty(), "it would never be forgotten");
    }
}
