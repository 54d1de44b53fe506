use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chrono::{NaiveDate, TimeDelta};

use super::{
    GatewayHealth, Judged, Ledger, Ruleset, Scope,
    finding::{Broken, Closing, Opened, RuleId, Tells, Verdict},
    judge, judge_all, needs, next_edge,
    on_call_health::OnCallHealth,
    rule::{Kind, Rule},
    where_clause::Where,
};
use crate::{
    agenda::Agenda,
    mirror::{
        Mirror,
        changes::Changes,
        fixture::{DAY, HOUR, Reading, at, client, key, mirror, shift, visit},
    },
    model::{Endpoint, Instant, Section, ShiftStatus, Subject, local_time::instant_of},
    source::fetched::{Read, RequestRecord, Span},
};

mod exceptions;

const MIN: i64 = 60;

fn rule(name: &str, kind: Kind) -> Rule {
    Rule {
        id: RuleId::new(name),
        group: "test".to_owned(),
        alert: name.to_owned(),
        kind,
        for_: Duration::ZERO,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        where_: None,
        max_data_age: None,
    }
}

fn uncovered(name: &str, hours: u64) -> Rule {
    rule(name, Kind::UncoveredShift { within: Duration::from_hours(hours), written: format!("{hours}h") })
}

fn minutes(n: u64) -> Duration {
    Duration::from_mins(n)
}

/// The agent around the judge, without alerts' life: what is broken is an open alert until it is fine.
struct Story {
    mirror: Mirror,
    ruleset: Ruleset,
    ledger: Ledger,
    agenda: Agenda,
    changes: Changes,
    open: BTreeSet<(RuleId, Subject)>,
    gateways: Vec<GatewayHealth>,
    on_call: Vec<OnCallHealth>,
}

impl Story {
    fn new(rules: Vec<Rule>) -> Self {
        Self {
            mirror: mirror(),
            ruleset: Ruleset::new(rules),
            ledger: Ledger::default(),
            agenda: Agenda::new(),
            changes: Changes::default(),
            open: BTreeSet::new(),
            gateways: Vec::new(),
            on_call: Vec::new(),
        }
    }

    fn read(&mut self, reading: Reading) -> &mut Self {
        let applied = reading.into(&mut self.mirror);
        self.changes.absorb(applied.changes);
        self
    }

    /// One pass.
    fn tick(&mut self, when: Instant) -> Judged {
        let open = |rule: &RuleId, subject: &Subject| self.open.contains(&(rule.clone(), subject.clone()));
        let scope = Scope {
            ruleset: &self.ruleset,
            mirror: &self.mirror,
            ledger: &self.ledger,
            gateways: &self.gateways,
            on_call: &self.on_call,
            open: &open,
            now: when,
        };
        let due: Vec<Subject> = self.agenda.due_subjects(when).cloned().collect();
        let judged = judge(&scope, &self.changes, &due);
        self.changes = Changes::default();
        self.absorb(&judged);
        judged
    }

    fn restart(&mut self, when: Instant) -> Judged {
        let open = |rule: &RuleId, subject: &Subject| self.open.contains(&(rule.clone(), subject.clone()));
        self.ledger = Ledger::default();
        self.agenda.clear_subjects();
        let scope = Scope {
            ruleset: &self.ruleset,
            mirror: &self.mirror,
            ledger: &self.ledger,
            gateways: &self.gateways,
            on_call: &self.on_call,
            open: &open,
            now: when,
        };
        let judged = judge_all(&scope, self.open.iter().map(|(_, subject)| subject.clone()).collect::<Vec<_>>());
        self.absorb(&judged);
        judged
    }

    fn absorb(&mut self, judged: &Judged) {
        for finding in &judged.findings {
            let key = (finding.rule.clone(), finding.subject.clone());
            match finding.verdict {
                Verdict::Broken(_) => self.open.insert(key),
                Verdict::Fine(_) => self.open.remove(&key),
                Verdict::Unjudged { .. } => false,
            };
        }
        for wake in &judged.wakes {
            self.agenda.set(wake.clone());
        }
        self.ledger.absorb(judged.ledger.clone());
    }

    /// Ticks at every agenda entry up to and with `until`; what was said, in order.
    fn run(&mut self, until: i64) -> Vec<String> {
        let mut said = Vec::new();
        while let Some(next) = self.agenda.next().filter(|next| *next <= at(until)) {
            said.extend(words(&self.tick(next), next));
        }
        said
    }

    fn words(&mut self, when: i64) -> Vec<String> {
        let judged = self.tick(at(when));
        words(&judged, at(when))
    }
}

fn words(judged: &Judged, when: Instant) -> Vec<String> {
    judged
        .findings
        .iter()
        .map(|finding| {
            let what = match &finding.verdict {
                Verdict::Broken(_) => "broken".to_owned(),
                Verdict::Fine(closing) => closing.as_str().to_owned(),
                Verdict::Unjudged { because } => format!("unjudged {}", because.section),
            };
            format!("{} {} {what}", (when - at(0)).num_minutes(), finding.rule)
        })
        .collect()
}

fn broken<'a>(judged: &'a Judged, rule: &str) -> Option<&'a Broken> {
    judged.findings.iter().find(|finding| finding.rule.as_str() == rule).and_then(|finding| match &finding.verdict {
        Verdict::Broken(broken) => Some(&**broken),
        _ => None,
    })
}

#[test]
fn bands_open_one_after_the_other_and_close_together_when_covered() {
    let mut story = Story::new(vec![uncovered("24h", 24), uncovered("4h", 4), uncovered("started", 0)]);
    story.read(Reading::shifts("c1", -25 * HOUR, vec![shift("1", "c1", 0, 4, None)]));
    assert_eq!(story.words(-25 * HOUR), [""; 0]);
    // Somebody reads often enough.
    let mut said = Vec::new();
    for minute in -25 * 60..=20 {
        story.read(Reading::shifts("c1", minute * MIN, vec![shift("1", "c1", 0, 4, None)]));
        for word in story.words(minute * MIN) {
            if said.last() != Some(&word)
                && !said.iter().any(|old: &String| old.split(' ').nth(1) == word.split(' ').nth(1))
            {
                said.push(word);
            }
        }
    }
    assert_eq!(said, ["-1440 24h broken", "-240 4h broken", "0 started broken"]);
    story.read(Reading::shifts("c1", 21 * MIN, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    assert_eq!(story.words(21 * MIN), ["21 24h covered", "21 4h covered", "21 started covered"]);
    assert!(story.open.is_empty());
}

#[test]
fn a_gap_says_whether_somebody_called_out_or_nobody_ever_came() {
    let mut story = Story::new(vec![uncovered("24h", 24), uncovered("4h", 4)]);
    let opened = |story: &mut Story, now: i64, caregiver: Option<&str>| {
        story.read(Reading::shifts("c1", now, vec![shift("1", "c1", 0, 4, caregiver)]));
        let judged = story.tick(at(now));
        ["24h", "4h"].map(|rule| broken(&judged, rule).and_then(|broken| broken.opened))
    };
    // Seen without one for the first time long before any window: the office knows.
    assert_eq!(opened(&mut story, -60 * HOUR, None), [None, None]);
    assert_eq!(opened(&mut story, -24 * HOUR, None), [Some(Opened::Standing), None]);
    // Covered, and lost again inside the one window and long before the other.
    assert_eq!(opened(&mut story, -20 * HOUR, Some("g1")), [None, None]);
    assert_eq!(opened(&mut story, -18 * HOUR, None), [Some(Opened::Callout), None]);
    let mut later = Story::new(vec![uncovered("24h", 24), uncovered("4h", 4)]);
    assert_eq!(opened(&mut later, -18 * HOUR, None), [Some(Opened::Callout), None]);
    assert_eq!(opened(&mut later, -4 * HOUR, None)[1], Some(Opened::Standing));
    // Lost eleven hours before a window: somebody called out.
    assert_eq!(opened(&mut story, -16 * HOUR, Some("g1")), [None, None]);
    assert_eq!(opened(&mut story, -15 * HOUR, None), [Some(Opened::Callout), None]);
    assert_eq!(opened(&mut story, -3 * HOUR, None)[1], Some(Opened::Callout));
}

#[test]
fn what_an_uncovered_alert_tells() {
    let mut story = Story::new(vec![uncovered("4h", 4)]);
    story.read(Reading::clients(-HOUR, vec![client("c1", Some(true), Some(true))]));
    story.read(Reading::shifts("c1", -HOUR, vec![shift("90010001", "c1", 0, 4, None)]));
    let judged = story.tick(at(-HOUR));
    let told = broken(&judged, "4h").unwrap();
    assert_eq!(told.window.opens_at, at(-4 * HOUR));
    assert_eq!(told.window.closes_at, Some(at(4 * HOUR)));
    assert_eq!((told.deadline, told.starts_at, told.ends_at), (Some(at(0)), Some(at(0)), Some(at(4 * HOUR))));
    assert_eq!(told.evidence_at, at(-HOUR));
    assert_eq!(told.location, "north");
    assert_eq!(told.subject_labels, [("shift", "90010001@2026-07-06T13:00:00Z".to_owned())]);
    assert_eq!(told.client, Some("c1".into()));
    assert_eq!(told.tells, Tells::Uncovered);
    // Once started, finding cover helps until the end.
    story.read(Reading::shifts("c1", -1, vec![shift("90010001", "c1", 0, 4, None)]));
    story.tick(at(-1));
    let judged = story.tick(at(0));
    assert_eq!(broken(&judged, "4h").unwrap().deadline, Some(at(4 * HOUR)));
    // Another client with the same id and start: now both labels name the client.
    story.read(Reading::shifts("c2", 10, vec![shift("90010001", "c2", 0, 4, None)]));
    let judged = story.tick(at(10));
    let labels: BTreeSet<String> = judged
        .findings
        .iter()
        .filter_map(|finding| match &finding.verdict {
            Verdict::Broken(broken) => broken.subject_labels.first().map(|(_, label)| label.clone()),
            _ => None,
        })
        .collect();
    let expected = ["90010001@2026-07-06T13:00:00Z/c1", "90010001@2026-07-06T13:00:00Z/c2"].map(str::to_owned);
    assert_eq!(labels, BTreeSet::from(expected));
}

#[test]
fn a_missed_check_in_needs_eyes_after_the_deadline() {
    let check_in = || rule("check-in", Kind::MissedCheckIn { after: minutes(10) });
    let mut story = Story::new(vec![check_in()]);
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    story.read(Reading::visits(None, 0, Vec::new()));
    story.tick(at(0));
    // Evidence from 07:00 is ten minutes old at 07:10: older than the six that are allowed.
    let judged = story.tick(at(10 * MIN));
    assert_eq!(judged.findings, []);
    assert_eq!(story.ledger.n_unjudged(), 1);
    let wanted: Vec<&Read> = judged.reads_wanted.iter().collect();
    assert!(matches!(wanted[..], [Read::Visits { client: Some(_), confirming: false, .. }]), "{wanted:?}");
    // The visits are read, the shift is not: that it still stands is not known.
    story.read(Reading::visits(None, 11 * MIN, Vec::new()));
    let judged = story.tick(at(11 * MIN));
    assert_eq!(judged.findings, []);
    assert!(matches!(judged.reads_wanted.first(), Some(Read::Shifts { .. })));
    story.read(Reading::shifts("c1", 12 * MIN, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    let judged = story.tick(at(12 * MIN));
    let told = broken(&judged, "check-in").unwrap();
    assert_eq!(told.evidence_at, at(11 * MIN), "the visits' reading is what a second look confirms");
    assert_eq!((told.tells.clone(), told.deadline), (Tells::NoCheckIn, Some(at(10 * MIN))));
    assert_eq!(story.ledger.n_unjudged(), 0);
    // A second look gives newer evidence.
    story.read(Reading::visits(Some("c1"), 13 * MIN, Vec::new()));
    assert_eq!(broken(&story.tick(at(13 * MIN)), "check-in").unwrap().evidence_at, at(13 * MIN));
    // And then somebody comes.
    story.read(Reading::visits(Some("c1"), 20 * MIN, vec![visit("v", Some("1"), "c1", 18 * MIN, None)]));
    let judged = story.tick(at(20 * MIN));
    assert_eq!(judged.findings[0].verdict, Verdict::Fine(Closing::Arrived { at: Some(at(18 * MIN)), late: true }));
}

#[test]
fn how_alerts_on_a_shift_close() {
    let base = || shift("1", "c1", 0, 4, None);
    let mut cancelled = base();
    cancelled.status = ShiftStatus::Cancelled;
    let tomorrow = || shift("2", "c1", DAY, 4, Some("g1"));
    let moved = || shift("1", "c1", 2 * HOUR, 4, None);
    let rows =
        |rows: Vec<crate::model::Shift>| vec![Reading::shifts("c1", 60, rows.clone()), Reading::shifts("c1", 62, rows)];
    let cases: [(&str, Vec<Reading>, Closing); 6] = [
        ("somebody is found", rows(vec![shift("1", "c1", 0, 4, Some("g1")), tomorrow()]), Closing::Covered),
        ("cancelled", rows(vec![cancelled, tomorrow()]), Closing::Cancelled),
        ("moved", rows(vec![moved(), tomorrow()]), Closing::Moved { to: at(2 * HOUR) }),
        ("removed", rows(vec![tomorrow()]), Closing::Removed),
        (
            "the client left",
            vec![Reading::clients(60, vec![client("c1", Some(false), Some(false))])],
            Closing::ClientInactive,
        ),
        (
            "somebody went all the same",
            vec![Reading::visits(None, 60, vec![visit("v", Some("1"), "c1", -60, None)])],
            Closing::Arrived { at: Some(at(-60)), late: false },
        ),
    ];
    for (what, reads, closing) in cases {
        let mut story = Story::new(vec![uncovered("4h", 4)]);
        story.read(Reading::shifts("c1", 0, vec![base(), tomorrow()]));
        story.tick(at(0));
        assert_eq!(story.open.len(), 1, "{what}");
        let mut verdicts = Vec::new();
        for read in reads {
            story.read(read);
            let judged = story.tick(at(62));
            verdicts.extend(judged.findings.into_iter().filter(|f| f.subject == Subject::Shift(key("1", "c1", 0))));
        }
        assert!(verdicts.iter().any(|f| f.verdict == Verdict::Fine(closing.clone())), "{what}: {verdicts:?}");
        assert!(!story.open.iter().any(|(_, subject)| *subject == Subject::Shift(key("1", "c1", 0))), "{what}");
    }
}

#[test]
fn a_window_that_ends_by_the_clock_is_over_and_not_well() {
    let mut story =
        Story::new(vec![uncovered("started", 0), rule("check-in", Kind::MissedCheckIn { after: minutes(10) })]);
    story.read(Reading::shifts("c1", 60, vec![shift("1", "c1", 0, 4, None)]));
    assert_eq!(story.words(60), ["1 started broken"]);
    assert_eq!(story.words(4 * HOUR - 1), [""; 0], "one second before");
    assert_eq!(story.run(4 * HOUR), ["240 started expired"]);
    assert_eq!(story.agenda.next().filter(|next| *next < at(2 * DAY)), None, "and nothing is due any more");
}

#[test]
fn an_open_alert_whose_subject_cannot_be_judged_is_held() {
    let mut story = Story::new(vec![uncovered("4h", 4)]);
    // Read three minutes before the window opens: young enough for six minutes.
    story.read(Reading::shifts("c1", -4 * HOUR - 3 * MIN, vec![shift("1", "c1", 0, 4, None)]));
    story.tick(at(-4 * HOUR - 3 * MIN));
    assert_eq!(story.run(0)[..2], ["-240 4h broken", "-237 4h unjudged shifts"]);
    assert_eq!(story.open.len(), 1, "held");
    // One complete read lacks it: neither fine nor broken until the second.
    story.read(Reading::shifts("c1", MIN, vec![shift("1", "c1", 0, 4, None), shift("2", "c1", DAY, 1, None)]));
    assert_eq!(story.words(MIN), ["1 4h broken"]);
    story.read(Reading::shifts("c1", 2 * MIN, vec![shift("2", "c1", DAY, 1, None)]));
    assert_eq!(story.words(2 * MIN), ["2 4h unjudged shifts"]);
    story.read(Reading::shifts("c1", 3 * MIN, vec![shift("2", "c1", DAY, 1, None)]));
    assert_eq!(story.words(3 * MIN), ["3 4h removed"]);
}

#[test]
fn check_in_kinds_leave_uncovered_shifts_alone() {
    let mut story = Story::new(vec![
        uncovered("started", 0),
        rule("check-in", Kind::MissedCheckIn { after: minutes(10) }),
        rule("no-show", Kind::NoShow { after: minutes(30) }),
    ]);
    let row = |caregiver| vec![shift("1", "c1", 0, 4, caregiver)];
    story.read(Reading::shifts("c1", 11 * MIN, row(None))).read(Reading::visits(None, 11 * MIN, Vec::new()));
    assert_eq!(story.words(11 * MIN), ["11 started broken"]);
    story.read(Reading::shifts("c1", 20 * MIN, row(Some("g1")))).read(Reading::visits(None, 20 * MIN, Vec::new()));
    assert_eq!(story.words(20 * MIN), ["20 started covered", "20 check-in broken"]);
    // Read at 07:26: at 07:30 that is young enough to say so.
    story.read(Reading::shifts("c1", 26 * MIN, row(Some("g1")))).read(Reading::visits(None, 26 * MIN, Vec::new()));
    story.tick(at(26 * MIN));
    assert!(story.run(30 * MIN).contains(&"30 no-show broken".to_owned()));
}

#[test]
fn a_missing_check_out_and_a_runaway() {
    let rules = vec![
        rule("check-out", Kind::MissedCheckOut { after: minutes(30) }),
        rule("runaway", Kind::RunawayVisit { after: minutes(240), longest: minutes(16 * 60) }),
    ];
    let mut story = Story::new(rules);
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    let open = visit("v", Some("1"), "c1", 60, None);
    let late = 4 * HOUR + 30 * MIN;
    story.read(Reading::visits(None, late - MIN, vec![open.clone()]));
    story.tick(at(late - MIN));
    let judged = story.tick(at(late));
    let told = broken(&judged, "check-out").unwrap();
    assert_eq!((told.tells.clone(), told.window.closes_at), (Tells::NoCheckOut, None));
    story.read(Reading::visits(None, 8 * HOUR, vec![open]));
    let judged = story.tick(at(8 * HOUR));
    let told = broken(&judged, "runaway").unwrap();
    assert_eq!(told.subject_labels, [("visit", "v".to_owned())]);
    assert_eq!(told.location, "");
    story.read(Reading::visits(None, 9 * HOUR, vec![visit("v", Some("1"), "c1", 60, Some(8 * HOUR + 60))]));
    let judged = story.tick(at(9 * HOUR));
    let closing = Verdict::Fine(Closing::CheckedOut { at: Some(at(8 * HOUR + 60)) });
    assert_eq!(judged.findings.iter().filter(|finding| finding.verdict == closing).count(), 2);
    assert!(story.open.is_empty());
}

#[test]
fn a_runaway_without_a_shift_counts_from_its_check_in() {
    let mut story =
        Story::new(vec![rule("runaway", Kind::RunawayVisit { after: minutes(240), longest: minutes(16 * 60) })]);
    story.read(Reading::visits(None, 60, vec![visit("v", None, "c7", 0, None)]));
    story.tick(at(60));
    assert_eq!(story.agenda.due_subjects(at(16 * HOUR - 1)).count(), 0);
    story.read(Reading::visits(None, 16 * HOUR - 1, vec![visit("v", None, "c7", 0, None)]));
    story.tick(at(16 * HOUR - 1));
    assert!(story.run(16 * HOUR).contains(&"960 runaway broken".to_owned()));
}

#[test]
fn shifts_across_midnight_and_both_clock_changes_last_as_long_as_they_last() {
    let denver = chrono_tz::America::Denver;
    // 22:00 to 06:00 on the wall: eight hours, seven in spring, nine in autumn.
    for (month, day, hours) in [(7, 6, 8), (3, 7, 7), (10, 31, 9)] {
        let evening = NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        let start = instant_of(denver, evening.and_hms_opt(22, 0, 0).unwrap());
        let end = instant_of(denver, evening.succ_opt().unwrap().and_hms_opt(6, 0, 0).unwrap());
        assert_eq!((end - start).num_hours(), hours);
        let offset = (start - at(0)).num_seconds();
        let row = || vec![shift("1", "c1", offset, hours, Some("g1"))];
        let read = |when: i64| Reading::shifts("c1", when, row()).within(offset - DAY, offset + 2 * DAY);
        let visits = |when: i64| Reading::visits(None, when, Vec::new()).within(offset - DAY, offset + 2 * DAY);
        let mut story = Story::new(vec![rule("check-in", Kind::MissedCheckIn { after: minutes(15) })]);
        let opens = offset + 15 * MIN;
        story.read(read(opens - 1)).read(visits(opens - 1));
        assert_eq!(story.tick(at(opens - 1)).findings, []);
        assert!(broken(&story.tick(at(opens)), "check-in").is_some(), "{evening}");
        let last = offset + hours * HOUR;
        story.read(read(last - 1)).read(visits(last - 1));
        assert!(broken(&story.tick(at(last - 1)), "check-in").is_some(), "{evening}: one second before the end");
        let judged = story.tick(at(last));
        assert_eq!(judged.findings[0].verdict, Verdict::Fine(Closing::Expired), "{evening}");
    }
}

#[test]
fn who_stays_on_for_the_next_shift_has_come_and_leaves_at_its_end() {
    let rules = || {
        vec![
            rule("check-in", Kind::MissedCheckIn { after: minutes(15) }),
            rule("check-out", Kind::MissedCheckOut { after: minutes(30) }),
            rule("runaway", Kind::RunawayVisit { after: minutes(60), longest: Duration::from_hours(16) }),
        ]
    };
    // 07:00 to 11:00 and on to 15:00, one check-in for both.
    let run = |second: i64, caregiver: &str, out: Option<i64>| {
        let mut story = Story::new(rules());
        let mut said = Vec::new();
        for minute in (0..=9 * 60).step_by(5) {
            let when = minute * MIN;
            let rows = vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", second, 4, Some(caregiver))];
            story.read(Reading::shifts("c1", when, rows));
            let out = out.filter(|out| *out <= when);
            story.read(Reading::visits(None, when, vec![visit("v", Some("1"), "c1", 0, out)]));
            for word in story.words(when) {
                if !said.iter().any(|old: &String| old.split(' ').nth(1) == word.split(' ').nth(1)) {
                    said.push(word);
                }
            }
        }
        said
    };
    assert_eq!(
        run(4 * HOUR, "g1", None),
        ["510 check-out broken", "540 runaway broken"],
        "there for both, left at none"
    );
    assert_eq!(run(4 * HOUR + 15 * MIN, "g1", Some(8 * HOUR)), [""; 0], "a quarter between them, left at the end");
    assert_eq!(run(4 * HOUR, "g1", Some(4 * HOUR))[0], "255 check-in broken", "left at the end of the first");
    assert_eq!(run(4 * HOUR + 20 * MIN, "g1", None)[0], "270 check-out broken", "twenty minutes are a break");
    let said = run(4 * HOUR, "g2", None);
    assert_eq!(said[0], "255 check-in broken", "somebody else is expected");
}

#[test]
fn a_long_planned_shift_is_no_runaway() {
    let mut story = Story::new(vec![rule(
        "runaway",
        Kind::RunawayVisit { after: minutes(120), longest: Duration::from_hours(16) },
    )]);
    let mut at_16 = None;
    for hour in 0..=26 {
        story.read(Reading::shifts("c1", hour * HOUR, vec![shift("1", "c1", 0, 24, Some("g1"))]));
        story.read(Reading::visits(None, hour * HOUR, vec![visit("v", Some("1"), "c1", 0, None)]));
        if !story.words(hour * HOUR).is_empty() {
            at_16.get_or_insert(hour);
        }
    }
    assert_eq!(at_16, Some(26), "two hours after its end");
}

fn blind() -> Rule {
    rule("blind", Kind::Blind { after: minutes(10), idle: minutes(60) })
}

#[test]
fn blind_counts_what_it_cannot_see_and_says_why() {
    let mut story = Story::new(vec![uncovered("4h", 4), blind()]);
    story.mirror.begin_again(at(-DAY));
    let at_seven: Vec<_> = (0..6).map(|i| shift(&format!("s{i}"), "c1", 0, 4, Some("g1"))).collect();
    story.read(Reading::shifts("c1", -4 * HOUR - 10 * MIN, at_seven.clone()));
    story.read(Reading::shifts(
        "c2",
        -4 * HOUR - 10 * MIN,
        (0..2).map(|i| shift(&format!("t{i}"), "c2", 0, 4, Some("g2"))).collect(),
    ));
    story.tick(at(-4 * HOUR - 10 * MIN));
    // The edge passes at 03:00 with evidence that is ten minutes old; only c2 is read again.
    for minute in -240..=-230 {
        story.read(Reading::shifts("c1", minute * MIN, Vec::new()).failing());
        story.read(Reading::shifts(
            "c2",
            minute * MIN,
            (0..2).map(|i| shift(&format!("t{i}"), "c2", 0, 4, Some("g2"))).collect(),
        ));
        let said = story.words(minute * MIN);
        if minute < -230 {
            assert_eq!(said, [""; 0], "minute {minute}");
            assert_eq!(story.ledger.n_unjudged(), 6, "covered ones too: they may have called out");
        } else {
            assert_eq!(said, ["-230 blind broken"]);
        }
    }
    story.changes.change(Subject::Agency);
    let judged = story.tick(at(-229 * MIN));
    let told = broken(&judged, "blind").unwrap();
    let Tells::Blind { since, n_shifts, until } = told.tells else { panic!("{:?}", told.tells) };
    assert_eq!((since, n_shifts, until), (at(-240 * MIN), 6, at(0)));
    let annotation = |name: &str| told.annotations.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str());
    assert_eq!(annotation("counts"), Some("6 of 8 shifts"));
    assert_eq!(annotation("sections"), Some("shifts"));
    assert_eq!(annotation("cause"), Some("appointment fails (500)"));
    assert_eq!(annotation("clients_unreadable"), Some("1"));
    story.read(Reading::shifts("c1", -228 * MIN, at_seven));
    assert_eq!(story.words(-228 * MIN), ["-228 blind recovered"]);
    assert_eq!(story.ledger.n_unjudged(), 0);
}

#[test]
fn one_client_of_many_that_cannot_be_read_is_blindness_too() {
    let mut story = Story::new(vec![uncovered("4h", 4), blind()]);
    story.read(Reading::clients(0, vec![client("c1", Some(true), Some(true)), client("c2", Some(true), Some(true))]));
    story.read(Reading::shifts("c1", 0, Vec::new()).failing());
    story.read(Reading::shifts("c2", 0, vec![shift("1", "c2", DAY, 4, Some("g1"))]));
    assert_eq!(story.words(0), [""; 0]);
    for minute in 1..10 {
        story.read(Reading::shifts("c2", minute * MIN, vec![shift("1", "c2", DAY, 4, Some("g1"))]));
        story.tick(at(minute * MIN));
    }
    assert_eq!(story.run(10 * MIN), ["10 blind broken"], "never read at all: it has no edges of its own");
}

#[test]
fn nothing_read_for_an_hour_is_blindness() {
    let mut story = Story::new(vec![blind()]);
    story.read(Reading::clients(0, vec![client("c1", Some(true), Some(true))]));
    story.tick(at(0));
    assert_eq!(story.run(HOUR - 1), [""; 0]);
    assert_eq!(story.run(HOUR), ["60 blind broken"]);
    story.read(Reading::clients(HOUR + 5, vec![client("c1", Some(true), Some(true))]));
    assert_eq!(story.words(HOUR + 5), ["60 blind recovered"]);
}

#[test]
fn edges_from_before_the_start_make_nobody_blind_at_once() {
    let mut story = Story::new(vec![uncovered("4h", 4), blind()]);
    story.read(Reading::shifts("c1", -20 * HOUR, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    story.mirror.begin_again(at(0));
    let judged = story.restart(at(0));
    assert_eq!(words(&judged, at(0)), [""; 0], "the window opened four hours ago, we only began to watch");
    assert_eq!(judged.reads_wanted.len(), 1, "it is read first");
    assert_eq!(story.run(10 * MIN), ["10 blind broken"]);
}

#[test]
fn visits_that_cannot_be_read_blind_only_where_somebody_waits_for_them() {
    let mut story = Story::new(vec![rule("check-in", Kind::MissedCheckIn { after: minutes(15) }), blind()]);
    story.read(Reading::clients(0, vec![client("c1", Some(true), Some(true)), client("c2", Some(true), Some(true))]));
    let running = || Reading::shifts("c1", 14 * MIN, vec![shift("1", "c1", 0, 4, Some("g1"))]);
    story.read(running());
    story.read(Reading::visits(Some("c2"), 14 * MIN, Vec::new()).failing());
    story.tick(at(14 * MIN));
    story.read(Reading::visits(Some("c1"), 14 * MIN, vec![visit("v", Some("1"), "c1", 0, None)]));
    story.tick(at(14 * MIN));
    assert_eq!(story.run(60 * MIN), [""; 0], "nobody waits for the visits of c2");

    let mut story = Story::new(vec![rule("check-in", Kind::MissedCheckIn { after: minutes(15) }), blind()]);
    story.read(running());
    story.read(Reading::visits(Some("c1"), 14 * MIN, Vec::new()).failing());
    story.tick(at(14 * MIN));
    assert_eq!(story.run(25 * MIN), ["25 blind broken"], "for those of c1 somebody does");
    story.read(Reading::visits(None, 26 * MIN, vec![visit("v", Some("1"), "c1", 0, None)]));
    assert_eq!(story.mirror.failing().count(), 0, "it was read along with everybody");
    assert_eq!(story.words(26 * MIN), ["26 blind recovered"]);
}

#[test]
fn a_restart_is_no_recovery() {
    let mut story = Story::new(vec![uncovered("4h", 4), blind(), rule("anomaly", Kind::SourceAnomaly)]);
    story.mirror.begin_again(at(-DAY));
    let row = || vec![shift("1", "c1", 2 * HOUR, 4, Some("g1"))];
    story.read(Reading::clients(-2 * HOUR - 20 * MIN, vec![client("c1", Some(true), Some(true))]));
    story.read(Reading::shifts("c1", -2 * HOUR - 20 * MIN, row()));
    story.tick(at(-2 * HOUR - 20 * MIN));
    assert_eq!(story.run(-HOUR - 50 * MIN), ["-110 blind broken"]);
    story.open.insert((RuleId::new("anomaly"), Subject::Agency));
    story.mirror.begin_again(at(0));
    let judged = story.restart(at(0));
    assert_eq!(words(&judged, at(0)), ["0 blind unjudged shifts", "0 anomaly unjudged shifts"], "nothing was read yet");
    story.read(Reading::clients(5, vec![client("c1", Some(true), Some(true))]));
    assert_eq!(story.words(5), ["0 blind unjudged shifts", "0 anomaly unjudged shifts"], "the roster shows no shifts");
    story.read(Reading::shifts("c1", 6, Vec::new()).failing());
    assert_eq!(story.words(6)[0], "0 blind unjudged shifts", "nor does a failure");
    story.read(Reading::shifts("c1", 60, row()));
    assert_eq!(story.words(60), ["1 blind recovered", "1 anomaly recovered"]);

    let mut story = Story::new(vec![uncovered("4h", 4), blind()]);
    story.read(Reading::shifts("c1", -2 * HOUR - 20 * MIN, row()));
    story.open.insert((RuleId::new("blind"), Subject::Agency));
    story.mirror.begin_again(at(0));
    story.restart(at(0));
    assert!(story.run(10 * MIN).contains(&"10 blind broken".to_owned()), "it goes on, counted from the start");
}

#[test]
fn an_api_alert_survives_a_restart_until_there_are_answers() {
    let rules = || {
        vec![
            rule("latency", Kind::ApiLatency { quantile: 0.95, above: Duration::from_secs(5), over: minutes(10) }),
            rule("errors", Kind::ApiErrors { ratio: 0.1, over: minutes(10) }),
            rule("down", Kind::ApiDown { after: minutes(3) }),
        ]
    };
    let restarted = || {
        let mut story = Story::new(rules());
        story.mirror.begin_again(at(0));
        for name in ["latency", "errors", "down"] {
            story.open.insert((RuleId::new(name), Subject::Endpoint(Endpoint::Appointment)));
        }
        let held = ["0 latency unjudged shifts", "0 errors unjudged shifts", "0 down unjudged shifts"];
        assert_eq!(words(&story.restart(at(0)), at(0)), held);
        story
    };
    let mut story = restarted();
    story.read(requests(1, 2, 1, false));
    assert!(story.words(1).iter().all(|word| word.contains("unjudged")));
    assert!(story.run(4 * MIN).contains(&"3 down broken".to_owned()), "it still fails");

    let mut story = restarted();
    story.read(requests(1, 1, 1, true));
    let said = story.words(1);
    assert_eq!(said, ["0 latency unjudged shifts", "0 errors unjudged shifts", "0 down recovered"], "one good answer");
    story.read(requests(5, 9, 1, true));
    assert_eq!(story.words(5), ["0 latency recovered", "0 errors recovered"], "ten say something about a share");

    let mut story = restarted();
    story.read(requests(1, 1, 1, true));
    story.tick(at(1));
    let said = story.run(10 * MIN);
    assert_eq!(said.last().map(String::as_str), Some("10 errors recovered"), "few, and nothing bad for as long");
}

#[test]
fn where_is_evaluated_on_change_and_errs_towards_alerting() {
    let mut picky = uncovered("4h", 4);
    picky.where_ = Some(Arc::new(Where::compile(r#"!client.tags.exists(t, t == "respite")"#).unwrap()));
    let mut faulty = uncovered("faulty", 4);
    faulty.where_ = Some(Arc::new(Where::compile("caregiver.hired").unwrap()));
    let mut story = Story::new(vec![picky, faulty]);
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, None)]));
    let judged = story.tick(at(0));
    assert_eq!(words(&judged, at(0)), ["0 4h broken", "0 faulty broken"]);
    assert_eq!(judged.n_where_faults, 1);
    story.read(Reading::shifts("c1", 60, vec![shift("1", "c1", 0, 4, None)]));
    assert_eq!(story.tick(at(60)).n_where_faults, 0, "seen again, not changed: not evaluated");
    story.read(Reading::clients(90, vec![client("c1", Some(true), Some(true))]));
    let judged = story.tick(at(90));
    assert_eq!(
        words(&judged, at(90)),
        ["1 4h rule_removed", "1 faulty broken"],
        "the client's new tag touches its shifts"
    );
    assert_eq!(judged.n_where_faults, 1);
}

#[test]
fn ways_out_that_fail() {
    let mut story = Story::new(vec![rule("delivery", Kind::DeliveryFailing { after: minutes(5) })]);
    let health = |failing: Option<i64>, waiting: Option<i64>| {
        vec![GatewayHealth {
            name: "sms/twilio".to_owned(),
            failing_since: failing.map(at),
            oldest_waiting: waiting.map(at),
        }]
    };
    story.gateways = health(Some(0), None);
    assert_eq!(story.words(5 * MIN - 1), [""; 0]);
    assert_eq!(story.run(5 * MIN), ["5 delivery broken"]);
    story.gateways = health(None, Some(100));
    assert_eq!(story.words(6 * MIN), ["6 delivery recovered"], "it works again, the oldest waits four minutes");
    story.gateways = health(None, Some(0));
    let judged = story.tick(at(7 * MIN));
    assert_eq!(broken(&judged, "delivery").unwrap().subject_labels, [("gateway", "sms/twilio".to_owned())]);
    story.gateways = health(None, None);
    assert_eq!(story.words(8 * MIN), ["8 delivery recovered"]);
}

fn requests(when: i64, n: usize, took: u64, ok: bool) -> Reading {
    let request = RequestRecord {
        endpoint: Endpoint::Appointment,
        code: if ok { "200" } else { "500" }.to_owned(),
        at: at(when),
        took: Duration::from_secs(took),
        ok,
        waited: Duration::ZERO,
    };
    let mut reading = Reading::clients(when, Vec::new());
    reading.0.requests = vec![request; n];
    reading
}

#[test]
fn the_api_kinds_come_and_go_with_their_buckets() {
    let mut story = Story::new(vec![
        rule("latency", Kind::ApiLatency { quantile: 0.95, above: Duration::from_secs(5), over: minutes(10) }),
        rule("errors", Kind::ApiErrors { ratio: 0.1, over: minutes(10) }),
        rule("down", Kind::ApiDown { after: minutes(3) }),
    ]);
    story.read(requests(0, 9, 9, false));
    assert_eq!(story.words(0), [""; 0], "nine say nothing about a share");
    story.read(requests(1, 1, 9, false));
    assert_eq!(story.words(1), ["0 latency broken", "0 errors broken"]);
    assert!(story.run(3 * MIN).contains(&"3 down broken".to_owned()));
    story.read(requests(4 * MIN, 1, 1, true));
    let said = story.words(4 * MIN);
    assert!(said.contains(&"4 down recovered".to_owned()), "{said:?}");
    assert_eq!(story.open.len(), 2);
    let since = broken(&story.tick(at(4 * MIN)), "latency").map(|broken| broken.window.opens_at);
    assert_eq!(since, None, "nothing changed, nothing is said");
    assert!(story.run(10 * MIN + 9).iter().all(|word| word.ends_with("broken")));
    let said = story.run(10 * MIN + 10);
    assert_eq!(said, ["10 latency recovered", "10 errors recovered"], "their bucket left the span");
}

#[test]
fn anomalies_and_the_watchdog() {
    let mut story = Story::new(vec![rule("anomaly", Kind::SourceAnomaly), rule("watchdog", Kind::Watchdog)]);
    for when in [0, 60, 120] {
        story.read(Reading::shifts("c1", when, vec![shift("1", "c1", HOUR, 4, None)]).rejecting("77", None));
    }
    let judged = story.tick(at(120));
    assert_eq!(words(&judged, at(120)), ["2 anomaly broken", "2 watchdog broken"]);
    let told = broken(&judged, "anomaly").unwrap();
    assert!(told.annotations.iter().any(|(name, text)| name == "cause" && text.contains("77")));
    story.read(Reading::shifts("c1", 180, vec![shift("1", "c1", HOUR, 4, None)]));
    assert!(story.words(180).contains(&"3 anomaly recovered".to_owned()));
}

#[test]
fn verdicts_past_a_bad_row_say_so() {
    let mut story = Story::new(vec![uncovered("4h", 4)]);
    for when in [0, 60, 120] {
        story.read(Reading::shifts("c1", when, vec![shift("1", "c1", HOUR, 4, None)]).rejecting("77", None));
        let judged = story.tick(at(when));
        assert_eq!(broken(&judged, "4h").unwrap().past_bad_rows, when == 120, "{when}");
    }
}

#[test]
fn a_tick_looks_only_at_what_changed_or_is_due() {
    let mut story = Story::new(vec![uncovered("4h", 4)]);
    for i in 0..50 {
        let id = format!("c{i}");
        story.read(Reading::shifts(&id, -6 * HOUR, vec![shift("1", &id, HOUR * i64::from(i), 4, None)]));
    }
    story.tick(at(-6 * HOUR));
    assert_eq!(story.tick(at(-5 * HOUR)).n_judged, 0);
    assert_eq!(
        story.tick(at(-4 * HOUR)).n_judged,
        2,
        "the shift whose window opens, and the agency that cannot see it"
    );
}

#[test]
fn a_restart_finds_what_closed_meanwhile() {
    let mut story = Story::new(vec![uncovered("4h", 4)]);
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, None), shift("2", "c1", DAY, 4, None)]));
    story.tick(at(0));
    for when in [60, 70] {
        story.read(Reading::shifts("c1", when, vec![shift("2", "c1", DAY, 4, None)]));
    }
    // The process ends before the tick; the alert is still in the book.
    let judged = story.restart(at(80));
    assert_eq!(words(&judged, at(80)), ["1 4h removed"]);
}

#[test]
fn the_planner_learns_edges_and_deadlines() {
    let ruleset = Ruleset::new(vec![
        uncovered("24h", 24),
        uncovered("4h", 4),
        rule("check-in", Kind::MissedCheckIn { after: minutes(10) }),
        rule("check-out", Kind::MissedCheckOut { after: minutes(30) }),
    ]);
    let mut mirror = mirror();
    let c1 = "c1".into();
    let _ = Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", DAY, 4, None)])
        .into(&mut mirror);
    let facts = needs(&ruleset, &mirror, &c1, at(60));
    assert_eq!(facts.shifts.len(), 2);
    assert_eq!(facts.edges, [at(10 * MIN), at(DAY - 4 * HOUR)]);
    assert_eq!(facts.deadlines, [at(10 * MIN), at(4 * HOUR + 30 * MIN)]);
    let from_to = |from, until| Some(Span { from: at(from), until: at(until) });
    assert_eq!(facts.awaiting_visit, from_to(10 * MIN, 8 * HOUR + 30 * MIN), "known before it begins");
    assert!(facts.shifts_within_30_days);
    assert_eq!(next_edge(&ruleset, &mirror, &c1, at(60)), Some(at(10 * MIN)));
    let late = needs(&ruleset, &mirror, &c1, at(20 * MIN)).awaiting_visit;
    assert_eq!(late, from_to(10 * MIN, 8 * HOUR + 30 * MIN));
    let _ = Reading::visits(None, 20 * MIN, vec![visit("v", Some("1"), "c1", 0, None)]).into(&mut mirror);
    let facts = needs(&ruleset, &mirror, &c1, at(21 * MIN));
    assert_eq!(facts.deadlines, [at(4 * HOUR + 30 * MIN)], "who came is not asked about again until the end");
    let due = 4 * HOUR + 30 * MIN;
    assert_eq!(facts.awaiting_visit, from_to(due, due + 48 * HOUR), "the check-out, from when it is late");
    assert_eq!(next_edge(&ruleset, &mirror, &c1, at(21 * MIN)), Some(at(4 * HOUR + 30 * MIN)));
    assert_eq!(TimeDelta::from_std(ruleset.api_span()).unwrap(), TimeDelta::minutes(10));
    assert_eq!(ruleset.bands().iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["24h", "4h"]);
    assert_eq!(mirror.section(Section::Visits).read_at, Some(at(20 * MIN)));
}

#[test]
fn after_a_start_the_visits_of_shifts_that_ended_are_looked_for_once() {
    let ruleset = Ruleset::new(vec![rule("check-out", Kind::MissedCheckOut { after: minutes(30) })]);
    let mut mirror = mirror();
    let c1 = "c1".into();
    let _ = Reading::shifts("c1", 5 * HOUR, vec![shift("1", "c1", 0, 4, Some("g1"))]).into(&mut mirror);
    let due = 4 * HOUR + 30 * MIN;
    let awaiting = |mirror: &Mirror, now| needs(&ruleset, mirror, &c1, at(now)).awaiting_visit;
    let looked_for = Some(Span { from: at(due), until: at(due + 4 * HOUR) });
    assert_eq!(awaiting(&mirror, due - 1), looked_for, "its end is a deadline still ahead");
    assert_eq!(awaiting(&mirror, 5 * HOUR), looked_for, "a visit may stand open");
    assert_eq!(awaiting(&mirror, due + 4 * HOUR), None, "too long ago");
    let _ = Reading::visits(None, 5 * HOUR, Vec::new()).into(&mut mirror);
    assert_eq!(awaiting(&mirror, 5 * HOUR), None, "nobody came, as was seen");
}

#[test]
fn blindness_counts_from_when_there_was_anything_to_ask() {
    let mut story = Story::new(vec![
        rule("check-in", Kind::MissedCheckIn { after: minutes(10) }),
        rule("blind", Kind::Blind { after: minutes(10), idle: Duration::from_hours(1) }),
    ]);
    // Nobody was on it until half an hour after its start, so nobody had asked who came.
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, None)]));
    assert_eq!(story.words(20 * MIN), [""; 0]);
    story.read(Reading::shifts("c1", 30 * MIN, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    assert_eq!(story.words(30 * MIN), [""; 0], "unjudged, and not blind at once");
    assert_eq!(story.ledger.n_unjudged(), 1);
    assert_eq!(story.words(40 * MIN), ["40 blind broken"], "ten minutes later it is");
}

#[test]
fn a_row_that_one_read_lacks_makes_nobody_blind() {
    let mut story = Story::new(vec![
        uncovered("4h", 4),
        rule("blind", Kind::Blind { after: minutes(10), idle: Duration::from_hours(1) }),
    ]);
    // Uncovered and inside its band for an hour; then a read lacks it, and the second look is still to come.
    story.read(Reading::shifts("c1", -HOUR, vec![shift("1", "c1", 2 * HOUR, 2, None), shift("2", "c1", DAY, 4, None)]));
    assert_eq!(story.words(-HOUR), ["-60 4h broken"]);
    story.read(Reading::shifts("c1", 0, vec![shift("2", "c1", DAY, 4, None)]));
    assert_eq!(story.words(0), ["0 4h unjudged shifts"], "held, and nothing is said of blindness");
    assert_eq!(story.ledger.n_unjudged(), 1);
    assert!(story.words(10 * MIN).contains(&"10 blind broken".to_owned()), "unless nobody looks for ten minutes");
}

#[test]
fn rules_of_the_installation_are_not_an_agencys() {
    let rules = [
        uncovered("4h", 4),
        rule("watchdog", Kind::Watchdog),
        rule("out", Kind::DeliveryFailing { after: minutes(5) }),
    ];
    let names = |installation| {
        let set = Ruleset::of_agency(&rules, installation);
        set.rules().iter().map(|rule| rule.alert.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["4h"]);
    assert_eq!(names(true), ["watchdog", "out"]);
}

#[test]
fn a_hole_opens_before_it_comes_and_a_fault_closes_when_it_is_gone() {
    let mut story = Story::new(vec![
        rule("now", Kind::NobodyOnCall { within: Duration::ZERO }),
        rule("ahead", Kind::NobodyOnCall { within: Duration::from_hours(24) }),
        rule("fault", Kind::OnCallFault),
        rule("unverified", Kind::UnverifiedNumber),
    ]);
    let health = |gap: Option<(i64, i64)>, faults: &[&str], unverified| OnCallHealth {
        subject: Subject::Schedule("nights".to_owned()),
        gap: gap.map(|(from, until)| (at(from), at(until))),
        since: at(0),
        faults: faults.iter().map(ToString::to_string).collect(),
        unverified,
    };
    let day = 24 * 3600;
    let said = |story: &mut Story, seconds: i64| {
        let judged = story.tick(at(seconds));
        let mut said: Vec<String> = judged
            .findings
            .iter()
            .map(|finding| match &finding.verdict {
                Verdict::Broken(broken) => {
                    format!("{} broken {:?}", finding.rule, broken.subject_labels.first().map(|label| &label.1))
                }
                Verdict::Fine(closing) => format!("{} {}", finding.rule, closing.as_str()),
                Verdict::Unjudged { .. } => format!("{} unjudged", finding.rule),
            })
            .collect();
        said.sort();
        said
    };
    story.on_call = vec![health(Some((day + 100, day + 200)), &[], false)];
    assert!(said(&mut story, 99).is_empty(), "a second before");
    assert_eq!(said(&mut story, 100), ["ahead broken Some(\"nights\")"]);
    assert_eq!(said(&mut story, day + 100), ["ahead broken Some(\"nights\")", "now broken Some(\"nights\")"]);
    story.on_call = vec![health(None, &["a calendar is stale"], true)];
    assert_eq!(
        said(&mut story, day + 201),
        ["ahead recovered", "fault broken Some(\"nights\")", "now recovered", "unverified broken Some(\"nights\")"]
    );
    story.on_call = vec![health(None, &[], false)];
    assert_eq!(said(&mut story, day + 300), ["fault recovered", "unverified recovered"]);
    assert!(said(&mut story, day + 301).is_empty());
}
