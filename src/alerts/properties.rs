//! Properties of the step, over generated histories.
//!
//! - The law: stepping only when the agenda or an input asks for it says the same as stepping every second.
//! - A restart at any moment changes nothing.
//! - Who is told that an alert fires is told once that it is over, and nobody else is.
//! - Nothing is told twice without a reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::TimeDelta;
use proptest::{prelude::*, test_runner::TestRunner};

use super::{
    alert::AlertState,
    notice::{PageAsk, Says},
    orders::{Ask, Inputs, News, Order, Receipt},
    page::{Page, parse_reply},
    policy::Policy,
    stage::*,
    step::{CatchUp, Delta, Step, Why},
    time_interval::{CalendarPart, TimeInterval},
};
use crate::{
    agenda::Wake,
    model::{Instant, PersonName, Subject},
    notify::message::Channel,
    on_call::{EscalationPolicy, Via},
    rules::finding::{Closing, Finding},
};

const LENGTH: i64 = 600;

/// One thing that happens in a history.
#[derive(Debug, Clone)]
enum Turn {
    Broken {
        rule: usize,
        subject: u32,
        second_look: bool,
    },
    Fine {
        rule: usize,
        subject: u32,
        closing: usize,
    },
    Unjudged {
        rule: usize,
        subject: u32,
    },
    Ack {
        rule: usize,
        subject: u32,
        secs: i64,
    },
    Post {
        name: usize,
        starts: i64,
        ends: Option<i64>,
    },
    Read,
    Restart,
    /// A text back from somebody's phone, about the page that opened last.
    Reply {
        person: usize,
        says: usize,
    },
    /// News of the latest message to somebody.
    News {
        person: usize,
        news: usize,
    },
}

const PEOPLE: [&str; 2] = ["night-1", "night-2"];
const RULES: [&str; 4] = ["Warn", "Page", "Critical", "Slow"];

fn turn() -> impl Strategy<Value = Turn> {
    let (rule, subject) = (0..RULES.len(), 0..4_u32);
    prop_oneof![
        6 => (rule.clone(), subject.clone(), any::<bool>())
            .prop_map(|(rule, subject, second_look)| Turn::Broken { rule, subject, second_look }),
        4 => (rule.clone(), subject.clone(), 0..3_usize)
            .prop_map(|(rule, subject, closing)| Turn::Fine { rule, subject, closing }),
        1 => (rule.clone(), subject.clone()).prop_map(|(rule, subject)| Turn::Unjudged { rule, subject }),
        2 => (rule, subject, 1..200_i64).prop_map(|(rule, subject, secs)| Turn::Ack { rule, subject, secs }),
        2 => (0..2_usize, -100..10_i64, prop::option::of(-20..200_i64))
            .prop_map(|(name, starts, ends)| Turn::Post { name, starts, ends }),
        1 => Just(Turn::Read),
        1 => Just(Turn::Restart),
        3 => (0..2_usize, 0..5_usize).prop_map(|(person, says)| Turn::Reply { person, says }),
        3 => (0..2_usize, 0..4_usize).prop_map(|(person, news)| Turn::News { person, news }),
    ]
}

fn history() -> impl Strategy<Value = Vec<(i64, Turn)>> {
    prop::collection::vec((0..LENGTH, turn()), 1..40).prop_map(|mut turns| {
        turns.sort_by_key(|(at, _)| *at);
        turns
    })
}

/// Short waits, so that ten minutes hold many of each; a mute time; a mailbox without closings; a webhook.
fn brisk(mute: bool) -> Policy {
    let mut policy = policy();
    let mut tree = route("office", "", &["location"], [30, 60, 200]);
    let mut urgent = route("on-call", "severity=~\"page|critical\"", &["shift"], [10, 40, 150]);
    urgent.continue_ = true;
    tree.routes = vec![urgent, route("hook", "severity=critical", &["agency"], [0, 20, 100])];
    if mute {
        let part = CalendarPart { times: vec![(12 * 60 + 2, 12 * 60 + 4)], ..CalendarPart::default() };
        policy.time_intervals.insert("quiet".to_owned(), TimeInterval { name: "quiet".to_owned(), parts: vec![part] });
        tree.routes[0].mute_time_intervals = vec!["quiet".to_owned()];
    }
    let hook = crate::notify::receiver::Receiver {
        name: "hook".to_owned(),
        webhook: vec![webhook()],
        email: vec![email()],
        sms: vec![],
        page: vec![],
    };
    policy.receivers.insert("hook".to_owned(), hook);
    policy.receivers.get_mut("office").unwrap().email[0].send_resolved = false;
    let on_call = policy.receivers.get_mut("on-call").unwrap();
    on_call.sms.push(sms(2));
    on_call.page = paging().receivers["on-call"].page.clone();
    let escalation = EscalationPolicy {
        repeat: Duration::from_mins(2),
        unconfirmed_after: Duration::from_secs(25),
        ack_expires: Duration::from_secs(70),
        ack_expires_uncovered: Duration::from_secs(90),
        steps: vec![
            escalation_step(&["night-1"], &[Via::Sms, Via::Call], 0),
            escalation_step(&["nobody"], &[Via::Sms], 40),
            escalation_step(&["night-2"], &[Via::Email, Via::Sms], 80),
        ],
        ..paging().paging.escalation["coverage"].clone()
    };
    policy.paging = paging().paging;
    policy.paging.escalation = BTreeMap::from([("coverage".to_owned(), escalation)]);
    policy.route = tree;
    policy.confirm_timeout = Duration::from_secs(20);
    policy.resolve_timeout = Duration::from_secs(90);
    policy
}

fn shift_label(n: u32) -> String {
    match shift(n) {
        Subject::Shift(key) => key.label(false),
        _ => String::new(),
    }
}

fn subject(n: u32) -> Subject {
    // Two rules' worth of one shift, and one subject that is no shift: its blindness starts a catch-up when it ends.
    if n == 3 { Subject::Agency } else { shift(n) }
}

/// Plays a turn's findings and orders into the stage; a pass is made by the caller.
fn play(stage: &mut Stage, turn: &Turn) -> (Vec<Finding>, Vec<Order>, Vec<Receipt>) {
    let mut receipts = Vec::new();
    let now = stage.now;
    let secs = (now - noon()).num_seconds();
    let mut orders = Vec::new();
    let mut order = |stage: &mut Stage, ask| {
        stage.n += 1;
        orders.push(Order { n: stage.n, at: now, ask });
    };
    let closings = [Closing::Covered, Closing::Recovered, Closing::Expired];
    let findings = match turn {
        Turn::Broken { subject: 3, .. } => vec![blind()],
        Turn::Broken { rule, subject: n, second_look: true } => vec![to_confirm(RULES[*rule], subject(*n), secs)],
        Turn::Broken { rule, subject: n, .. } => vec![broken(RULES[*rule], subject(*n))],
        Turn::Fine { subject: 3, closing, .. } => vec![fine("Page", Subject::Agency, closings[*closing].clone())],
        Turn::Fine { rule, subject: n, closing } => vec![fine(RULES[*rule], subject(*n), closings[*closing].clone())],
        Turn::Unjudged { rule, subject: n } => vec![unjudged(RULES[*rule], subject(*n))],
        Turn::Ack { rule, subject: n, secs } => {
            let key = stage.key(RULES[*rule], subject(*n));
            let until = now + TimeDelta::seconds(*secs);
            order(stage, Ask::Acknowledge { key, by: "night-1".to_owned(), note: String::new(), until });
            vec![]
        }
        Turn::Post { name, starts, ends } => {
            let name = ["Disk", "Link"][*name];
            let pairs = [("alertname", name), ("agency", "main"), ("severity", "page")];
            let ends = ends.map(|secs| now + TimeDelta::seconds(secs));
            order(stage, post(&pairs, now + TimeDelta::seconds(*starts), ends));
            vec![]
        }
        Turn::Read => {
            stage.all_read_since = Some(now);
            vec![]
        }
        Turn::Reply { person, says } => {
            let phone = stage.phone(PEOPLE[*person]);
            let pages = stage.book.pages().filter(|page| page.codes.contains_key(&phone));
            let last = pages.max_by_key(|page| (page.opened_at, page.key.clone()));
            let text = ["1 K7", "2 K7 1", "3 K7", "4 K7", "1"][*says];
            let code = last.map_or_else(|| "X99".to_owned(), |page| page.codes[&phone].clone());
            let reply = parse_reply(&text.replace("K7", &code)).unwrap();
            let speakers = vec![PersonName::new(PEOPLE[*person])];
            order(stage, Ask::Reply { phone, speakers, reply, heard: format!("twilio/{secs}"), written_at: None });
            vec![]
        }
        Turn::News { person, news } => {
            let agency = stage.book.agency().clone();
            let last = stage.notices.iter().rev().find(|notice| notice.to.as_str() == PEOPLE[*person]);
            let message = last.map(|notice| notice.message(&agency));
            let news = [News::Sent, News::Delivered, News::Undelivered, News::OptedOut][*news];
            if let Some(message) = message {
                stage.n += 1;
                receipts.push(Receipt { n: stage.n, message, channel: Channel::Sms, at: now, news });
            }
            vec![]
        }
        Turn::Restart => vec![],
    };
    (findings, orders, receipts)
}

#[derive(Clone, Copy, PartialEq)]
enum Passes {
    /// Only when the agenda or an input asks.
    AtEntries,
    /// As above, but restarts are real.
    WithRestarts,
    /// Every second, looking at everything.
    EverySecond,
}

/// Runs a history; gives every step that decided something.
fn run(history: &[(i64, Turn)], policy: Policy, first: bool, passes: Passes) -> (Stage, Vec<(Instant, Step)>) {
    run_deaf(history, policy, first, passes, |_| false)
}

/// The same with an agenda that drops some entries.
fn run_deaf(
    history: &[(i64, Turn)],
    policy: Policy,
    first: bool,
    passes: Passes,
    deaf_to: fn(&Wake) -> bool,
) -> (Stage, Vec<(Instant, Step)>) {
    let catch_up = if first { None } else { Some(CatchUp::Done) };
    let mut stage = Stage::starting(policy, catch_up);
    stage.twice = passes == Passes::AtEntries;
    stage.deaf_to = deaf_to;
    stage.silence("1", &[("alertname", "Warn")], 50, 170);
    stage.silence("2", &[("severity", "page"), ("shift", &shift_label(1))], 200, 260);
    stage.silence("3", &[("alertname", "Disk")], 100, 400);
    stage.silence("4", &[("severity", "critical")], 300, 330);
    stage.restart();
    let mut steps = Vec::new();
    let mut rest = history;
    let mut note = |stage: &Stage, step: Step| {
        if !step.is_empty() {
            steps.push((stage.now, step));
        }
    };
    for secs in 0..=LENGTH {
        let now = noon() + TimeDelta::seconds(secs);
        let n = rest.iter().take_while(|(at, _)| *at <= secs).count();
        let (turns, after) = rest.split_at(n);
        rest = after;
        if n == 0 && passes != Passes::EverySecond && stage.agenda.next().is_none_or(|next| next > now) {
            continue;
        }
        stage.now = now;
        let (mut findings, mut inputs) = (Vec::new(), Inputs::default());
        for (_, turn) in turns {
            if matches!(turn, Turn::Restart) && passes == Passes::WithRestarts {
                stage.restart();
            }
            let (found, mut orders, mut receipts) = play(&mut stage, turn);
            findings.extend(found);
            inputs.orders.append(&mut orders);
            inputs.receipts.append(&mut receipts);
        }
        let made = if passes == Passes::EverySecond {
            let alerts = stage.book.alerts().map(|alert| Wake::Alert(alert.key.clone()));
            let groups = stage.book.groups().map(|group| Wake::Group(group.key.clone()));
            let pages = stage.book.pages().map(|page| Wake::Page(page.key.clone()));
            let waiting = stage.book.pages().flat_map(|page| page.waits_for()).cloned().map(Wake::Person);
            let always = [Wake::CatchUp, Wake::Silences];
            let mut due: Vec<Wake> = alerts.chain(groups).chain(pages).chain(waiting).chain(always).collect();
            due.sort();
            due.dedup();
            stage.pass_due(findings, &inputs, &due)
        } else {
            stage.pass_with(findings, &inputs)
        };
        note(&stage, made);
    }
    (stage, steps)
}

/// Whether two runs said the same: intents, alerts and their history. When a group looks again is its own affair.
fn same(left: &[(Instant, Step)], right: &[(Instant, Step)]) -> Result<(), TestCaseError> {
    let said = |steps: &[(Instant, Step)]| -> Vec<(Instant, Step)> {
        let only = |(at, step): &(Instant, Step)| {
            let Step { delta, intents, notices, page_turns, cancels, reads_wanted, .. } = step.clone();
            let Delta { alerts, alerts_gone, pages_gone, transitions, catch_up, orders_done, .. } = delta;
            let delta =
                Delta { alerts, alerts_gone, pages_gone, transitions, catch_up, orders_done, ..Delta::default() };
            (*at, Step { delta, intents, notices, page_turns, cancels, reads_wanted, ..Step::default() })
        };
        steps.iter().map(only).filter(|(_, step)| !step.is_empty()).collect()
    };
    let (left, right) = (said(left), said(right));
    for (left, right) in left.iter().zip(&right) {
        if left != right {
            // The whole of both fills screens; the first line that differs tells.
            let (ours, theirs) = (format!("{left:#?}"), format!("{right:#?}"));
            let line = ours.lines().zip(theirs.lines()).position(|(ours, theirs)| ours != theirs).unwrap_or_default();
            let near = |text: &str| text.lines().skip(line.saturating_sub(12)).take(30).collect::<Vec<_>>().join("\n");
            prop_assert!(false, "at {}:\n{}\n--- against ---\n{}", left.0, near(&ours), near(&theirs));
        }
    }
    prop_assert_eq!(left.len(), right.len());
    Ok(())
}

fn pages(stage: &Stage) -> Vec<Page> {
    let mut pages: Vec<Page> = stage.book.pages().map(|page| Page::clone(page)).collect();
    pages.sort_by_key(|page| page.key.clone());
    pages
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: prop::test_runner::RngSeed::Fixed(20_261_124),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn waking_at_entries_says_what_every_second_says(history in history(), mute: bool, first: bool) {
        let (sparse, at_entries) = run(&history, brisk(mute), first, Passes::AtEntries);
        let (dense, every_second) = run(&history, brisk(mute), first, Passes::EverySecond);
        same(&at_entries, &every_second)?;
        prop_assert_eq!(pages(&sparse), pages(&dense));
        let (restarted, with_restarts) = run(&history, brisk(mute), first, Passes::WithRestarts);
        same(&at_entries, &with_restarts)?;
        prop_assert_eq!(sparse.book.counts(), restarted.book.counts());
        prop_assert_eq!(pages(&sparse), pages(&restarted));
        prop_assert_eq!(sparse.agenda.next(), restarted.agenda.next());
    }
}

/// Every kind of agenda entry is needed: without it the law does not hold. This is also the proof that the property
/// above could fail.
#[test]
fn the_law_fails_when_a_kind_of_entry_is_left_out() {
    type Deaf = fn(&Wake) -> bool;
    let kinds: [(&str, Deaf); 6] = [
        ("phones", |wake| matches!(wake, Wake::Person(_))),
        ("pages", |wake| matches!(wake, Wake::Page(_))),
        ("alerts", |wake| matches!(wake, Wake::Alert(_))),
        ("groups", |wake| matches!(wake, Wake::Group(_))),
        ("silences", |wake| matches!(wake, Wake::Silences)),
        ("the catch-up", |wake| matches!(wake, Wake::CatchUp)),
    ];
    for (what, deaf_to) in kinds {
        let mut runner = TestRunner::new(ProptestConfig { max_shrink_iters: 0, ..config(200) });
        let found = runner.run(&(history(), any::<bool>()), |(history, first)| {
            let (_, every_second) = run(&history, brisk(false), first, Passes::EverySecond);
            let (_, deaf) = run_deaf(&history, brisk(false), first, Passes::AtEntries, deaf_to);
            same(&deaf, &every_second)
        });
        assert!(found.is_err(), "without entries for {what} nothing was missed");
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn a_page_never_falls_silent_and_whoever_was_told_hears_of_its_end(history in history(), mute: bool) {
        let (mut stage, mut steps) = run(&history, brisk(mute), false, Passes::AtEntries);
        let catching_up = stage.book.catch_up() != CatchUp::Done;
        for page in stage.book.pages().filter(|page| page.is_open() && !catching_up) {
            let alerts: Vec<_> = page.alerts.iter().filter_map(|key| stage.book.alert(key)).collect();
            let speaks = alerts.iter().any(|alert| {
                matches!(alert.state, AlertState::Firing { .. })
                    && alert.unjudged_since.is_none()
                    && !stage.book.is_inhibited(alert)
            });
            prop_assert!(!speaks || page.next_at.is_some() || page.unstaffed, "it fires and nothing is due: {page:#?}");
            prop_assert!(!speaks || !page.told.is_empty(), "nobody was told: {page:#?}");
        }
        let mut findings = Vec::new();
        for rule in RULES {
            findings.extend((0..3).map(|n| fine(rule, shift(n), Closing::Covered)));
        }
        findings.push(fine("Page", Subject::Agency, Closing::Recovered));
        stage.now = noon() + TimeDelta::seconds(LENGTH + 1);
        let made = stage.pass(findings);
        steps.push((stage.now, made));
        while let Some(next) = stage.agenda.next().filter(|next| *next < noon() + TimeDelta::hours(30)) {
            stage.now = next;
            let made = stage.pass(vec![]);
            steps.push((stage.now, made));
        }
        prop_assert_eq!((stage.book.pages().count(), stage.book.alerts().count(), stage.agenda.len()), (0, 0, 0));

        // By the notices alone: of each page, who was told that something fires is told that it is over, once.
        let mut believe: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut failed: BTreeSet<String> = BTreeSet::new();
        let mut ids = BTreeSet::new();
        let mut whose: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        let mut by_code: BTreeMap<(String, String), String> = BTreeMap::new();
        let mut owners: BTreeSet<(String, String)> = BTreeSet::new();
        for (_, step) in &steps {
            for page in &step.delta.pages {
                let owner = page.ownership().map(|ownership| ownership.ack.by.clone());
                owners.extend(owner.map(|owner| (page.key.topic(), owner)));
                let codes = page.codes.iter().map(|(mark, code)| (mark.as_str().to_owned(), code.clone()));
                by_code.extend(codes.map(|on_phone| (on_phone, page.key.topic())));
                let lost = page.told.iter().filter(|told| !told.may_know());
                failed.extend(lost.map(|told| told.message.as_str().to_owned()));
            }
            for notice in &step.notices {
                let id = notice.message(stage.book.agency());
                prop_assert!(ids.insert(id.clone()), "an id is used once: {notice:?}");
                let who = (notice.topic.clone(), notice.to.to_string());
                match &notice.says {
                    // What became of a shift that is over is asked in the closing's stead.
                    Says::Page { ask: PageAsk::WentUnstaffed, alerts, .. } if alerts.iter().all(|alert| matches!(alert.state, AlertState::Resolved { .. })) => {
                        prop_assert!(believe.remove(&who).is_some(), "{who:?} is asked about what they never heard of");
                    }
                    Says::Page { .. } => {
                        *believe.entry(who.clone()).or_default() += 1;
                        whose.entry(id.as_str().to_owned()).or_default().push(who);
                    }
                    Says::Bundle(all) => {
                        let topic = |code: &str| by_code[&(notice.mark.as_str().to_owned(), code.to_owned())].clone();
                        for page in &all.open {
                            let who = (topic(&page.code), notice.to.to_string());
                            *believe.entry(who.clone()).or_default() += 1;
                            whose.entry(id.as_str().to_owned()).or_default().push(who);
                        }
                        for page in &all.closed {
                            let who = (topic(&page.code), notice.to.to_string());
                            prop_assert!(believe.remove(&who).is_some() || owners.contains(&who), "{who:?} hears of an end and heard of no beginning");
                        }
                    }
                    Says::Closed { .. } => {
                        prop_assert!(believe.remove(&who).is_some() || owners.contains(&who), "{who:?} was told that it is over, but not that it began");
                    }
                    _ => {}
                }
            }
        }
        for id in &failed {
            for who in whose.get(id).into_iter().flatten() {
                if let Some(n) = believe.get_mut(who) {
                    *n -= 1;
                }
            }
        }
        believe.retain(|_, n| *n > 0);
        prop_assert!(believe.is_empty(), "never told that it is over: {believe:?}");
    }
}

/// Who has been told that something fires and not yet that it is over, by the intents alone.
#[derive(Default)]
struct Ears {
    /// (recipient, alert)
    believe: BTreeSet<(String, String)>,
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn who_hears_it_fires_hears_it_is_over_and_nobody_else(history in history(), mute: bool, first: bool) {
        let policy = brisk(mute);
        let (mut stage, mut steps) = run(&history, policy, first, Passes::AtEntries);
        // In the end everything is fine, and an hour later nobody may still believe otherwise.
        let mut findings = Vec::new();
        for rule in RULES {
            findings.extend((0..3).map(|n| fine(rule, shift(n), Closing::Covered)));
        }
        findings.push(fine("Page", Subject::Agency, Closing::Recovered));
        stage.now = noon() + TimeDelta::seconds(LENGTH + 1);
        let made = stage.pass(findings);
        steps.push((stage.now, made));
        // Longer than a day: pages that are over are remembered for so long.
        while let Some(next) = stage.agenda.next().filter(|next| *next < noon() + TimeDelta::hours(30)) {
            stage.now = next;
            let made = stage.pass(vec![]);
            steps.push((stage.now, made));
        }

        let mut ears = Ears::default();
        let mut last_told: BTreeMap<(String, String), Instant> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for (at, step) in &steps {
            for intent in &step.intents {
                prop_assert!(ids.insert((intent.group.clone(), intent.generation, intent.flush)), "a flush is told once");
                let receiver = &intent.group.receiver;
                prop_assert_eq!(intent.firing.is_empty(), intent.why == Why::Resolved, "a closing repeats nothing");
                if intent.why != Why::Resolved {
                    for alert in &intent.firing {
                        prop_assert!(matches!(alert.state, AlertState::Firing { .. }), "only what fires and nobody owns is told");
                        for told in alert.told.iter().filter(|told| told.receiver == *receiver) {
                            let who = format!("{}/{}/{}/{}", told.receiver, told.channel, told.integration, told.recipient);
                            ears.believe.insert((who.clone(), name(alert)));
                            if intent.why == Why::Repeated {
                                let before = last_told.get(&(who.clone(), name(alert)));
                                prop_assert!(before.is_some_and(|before| (*at - *before).num_seconds() >= 20), "a repeat is no echo");
                            }
                            last_told.insert((who, name(alert)), *at);
                        }
                    }
                }
                for alert in &intent.resolved {
                    prop_assert!(!alert.told.is_empty(), "{}: a closing is for somebody", name(alert));
                    for told in &alert.told {
                        let who = format!("{}/{}/{}/{}", told.receiver, told.channel, told.integration, told.recipient);
                        prop_assert!(ears.believe.remove(&(who.clone(), name(alert))), "{who} was not told that {} fires", name(alert));
                    }
                }
            }
        }
        let wanted: Vec<_> = ears.believe.iter().filter(|(who, _)| !who.starts_with("office/")).collect();
        prop_assert!(wanted.is_empty(), "never told that it is over: {wanted:?}");
        prop_assert_eq!(stage.book.alerts().count(), 0);
        prop_assert_eq!(stage.book.groups().count(), 0);
        prop_assert_eq!(stage.agenda.len(), 0);
    }
}
