//! What is in a step and in the book, restarts, and shifts that move.

use super::*;

#[test]
fn a_rule_that_is_gone_closes_its_alerts() {
    let mut stage = Stage::new(policy());
    let disk = [("alertname", "Disk"), ("agency", "main"), ("severity", "warning")];
    stage.order(post(&disk, noon(), Some(noon() + TimeDelta::hours(9))));
    stage.pass(vec![broken("Page", shift(1)), broken("Warn", shift(2))]);
    at(&mut stage, 100).said();
    let page = crate::rules::finding::RuleId::new("Page");
    stage.rules.0.remove(&page);
    let gone = stage.book.without_rule(|id| stage.rules.0.contains_key(id));
    let made = stage.pass(gone);
    assert_eq!(made.delta.transitions.len(), 1, "posted alerts have no rule to lose");
    assert_eq!(made.delta.transitions[0].reason, "rule_removed");
    assert_eq!(stage.said(), ["+100 sms/0/0 on-call over: Page/0001"]);
}

#[test]
fn a_burst_is_taken_in_portions_the_most_urgent_first() {
    let mut stage = Stage::new(policy());
    let found = (0..6_000).map(|n| broken(if n % 10 == 9 { "Critical" } else { "Warn" }, shift(n))).collect();
    let made = stage.pass(found);
    assert_eq!((made.delta.transitions.len(), made.later.len()), (5_000, 1_000));
    assert_eq!(made.delta.transitions.iter().filter(|row| row.key.rule.as_str() == "Critical").count(), 600);
    let made = stage.pass(vec![]);
    assert_eq!((made.delta.transitions.len(), made.later.len()), (1_000, 0));
    assert_eq!(stage.book.alerts().count(), 6_000);
}

#[test]
fn alerts_that_come_back_before_the_end_was_told_say_nothing() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 400).said();
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    at(&mut stage, 500).pass(vec![broken("Warn", shift(1))]);
    stage.until(10_000);
    assert_eq!(stage.said(), NOTHING, "they believe it fires, and it does");
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+10000 email/0/0 office over: Warn/0001"]);
}

#[test]
fn no_receiver_is_a_reason_too() {
    let mut stage = Stage::new(policy());
    let made = stage.pass(vec![broken("Info", shift(1))]);
    assert_eq!(Stage::quiet(&made), [("Info/0001".to_owned(), Quiet::NoReceiver)]);
    assert!(made.delta.groups.is_empty(), "a group that nobody hears is not kept");
}

#[test]
fn labels_and_annotations_are_complete() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    let alert = stage.alert("Page", shift(1)).unwrap();
    assert_eq!(
        alert.labels,
        labels(&[
            ("agency", "main"),
            ("alertname", "Page"),
            ("location", "north"),
            ("severity", "page"),
            ("shift", "90010001@2026-11-24T16:00:00Z"),
        ])
    );
    assert_eq!(
        alert.annotations,
        labels(&[("deadline", "2026-11-24T16:00:00Z"), ("starts_at", "2026-11-24T16:00:00Z"), ("summary", "Page"),])
    );
    stage.ack("Page", shift(1), 60);
    let alert = stage.alert("Page", shift(1)).unwrap();
    assert_eq!(alert.annotations["acknowledged_by"], "night-1");
    assert_eq!(alert.annotations["acknowledged_until"], "2026-11-24T12:01:00Z");
    stage.until(60);
    assert!(!stage.alert("Page", shift(1)).unwrap().annotations.contains_key("acknowledged_by"));
    stage.until(100);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(made.intents[0].resolved[0].annotations["reason"], "covered");
    assert_eq!(made.intents[0].why, Why::Resolved);
}

#[test]
fn a_restart_changes_nothing() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), to_confirm("Page", shift(2), 0), broken("Slow", shift(3))]);
    for secs in [5, 15, 65, 119, 200, 430] {
        stage.until(secs);
        stage.restart();
    }
    stage.until(1_000);
    assert_eq!(
        stage.said(),
        [
            "+10 sms/0/0 on-call first_firing: Page/0001",
            "+10 email/0/0 on-call first_firing: Page/0001",
            "+60 sms/0/0 on-call first_firing: Page/0002",
            "+60 email/0/0 on-call first_firing: Page/0002",
            "+420 email/0/0 office first_firing: Slow/0003",
        ]
    );
}

#[test]
fn a_quiet_tick_makes_an_empty_step() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), broken("Page", Subject::Endpoint(Endpoint::Token))]);
    stage.until(100);
    let made = stage.pass(vec![]);
    assert!(made.is_empty() && made.wakes.is_empty() && made.quiet.is_empty());
    let stale =
        [Wake::Alert(stage.key("Page", shift(77))), Wake::Group(stage.book.groups().next().unwrap().key.clone())];
    let made = stage.pass_due(vec![], &crate::alerts::orders::Inputs::default(), &stale);
    assert!(made.is_empty(), "a wake too many changes nothing");
}

/// Alertmanager's table for "does this group need a notice" (notify, `TestDedupStageNeedsUpdate`), in our words.
#[test]
fn a_group_speaks_when_alertmanager_would() {
    // Told before (shift numbers), firing at the flush, over since, hours since the last notice; the reason.
    type Row = (&'static [u32], &'static [u32], &'static [u32], i64, Option<Why>, &'static str);
    let rows: [Row; 10] = [
        (&[], &[1, 2], &[], 0, Some(Why::FirstFiring), "never told, firing"),
        (&[], &[], &[1], 0, None, "never told, over: nobody needs to know"),
        (&[1, 2], &[1, 2], &[], 2, None, "told, nothing new, before the repeat"),
        (&[1, 2], &[1, 2, 3], &[], 2, Some(Why::NewInGroup), "told, one more"),
        (&[1, 2], &[1], &[2], 2, Some(Why::Resolved), "told, one less"),
        (&[1, 2], &[1, 3], &[2], 2, Some(Why::NewInGroup), "one less and one more: one notice of both"),
        (&[1, 2], &[], &[1, 2], 2, Some(Why::Resolved), "told, all over"),
        (&[1, 2], &[1, 2], &[], 23, None, "just before the repeat"),
        (&[1, 2], &[1, 2], &[], 24, Some(Why::Repeated), "the repeat"),
        (&[1, 2], &[1], &[2], 24, Some(Why::Repeated), "the repeat, one less: one notice of both"),
    ];
    for (told, firing, over, hours, want, why) in rows {
        let mut stage = Stage::new(policy());
        if !told.is_empty() {
            stage.pass(told.iter().map(|n| broken("Warn", shift(*n))).collect());
            stage.until(300);
        }
        // The agenda is not asked in between: this is about one flush.
        stage.now = noon() + TimeDelta::seconds(300) + TimeDelta::hours(hours);
        let new = firing.iter().filter(|n| !told.contains(n)).map(|n| broken("Warn", shift(*n)));
        let never_told = over.iter().filter(|n| !told.contains(n)).map(|n| broken("Warn", shift(*n)));
        let ended = over.iter().map(|n| fine("Warn", shift(*n), Closing::Covered));
        let made = stage.pass(new.chain(never_told).chain(ended).collect());
        let mut intents = made.intents;
        if told.is_empty() {
            stage.now += TimeDelta::seconds(300);
            intents.extend(stage.pass(vec![]).intents);
        }
        assert_eq!(intents.iter().map(|intent| intent.why).collect::<Vec<_>>(), Vec::from_iter(want), "{why}");
        if let [intent] = &intents[..] {
            let n_firing = if intent.why == Why::Resolved { 0 } else { firing.len() };
            assert_eq!((intent.firing.len(), intent.resolved.len()), (n_firing, over.len()), "{why}");
        }
    }
}

#[test]
fn the_way_a_worse_alert_mutes() {
    // What else fires, the alert in question, whether it is muted, what the row shows.
    type Row = (&'static [(&'static str, u32)], &'static str, bool, &'static str);
    let rows: [Row; 6] = [
        (&[("Page", 1)], "Warn", true, "a worse one of the same shift"),
        (&[("Page", 2)], "Warn", false, "of another shift"),
        (&[("Warn", 1)], "Page", false, "the milder does not mute the worse"),
        (&[("Page", 1)], "Page", false, "nothing mutes itself"),
        (&[("Critical", 1), ("Page", 1)], "Page", true, "a source is muted by a worse source"),
        (&[("Critical", 1), ("Page", 1)], "Warn", true, "and mutes still"),
    ];
    for (others, rule, want, why) in rows {
        let mut stage = Stage::new(policy());
        stage.pass(others.iter().map(|(rule, n)| broken(rule, shift(*n))).chain([broken(rule, shift(1))]).collect());
        let alert = stage.alert(rule, shift(1)).unwrap();
        assert_eq!(stage.book.is_inhibited(alert), want, "{why}");
    }

    // Two that match both sides of one rule: neither may silence the other, or nobody would speak.
    let mut policy = policy();
    policy.inhibit_rules = vec![InhibitRule {
        source_matchers: matchers("severity=~\"page|warning\""),
        target_matchers: matchers("severity=~\"page|warning\""),
        equal: vec!["agency".to_owned()],
    }];
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Page", shift(1)), broken("Warn", shift(1))]);
    assert!(stage.book.alerts().all(|alert| !stage.book.is_inhibited(alert)));
}

#[test]
fn the_book_finds_what_is_in_it() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), broken("Page", shift(2)), broken("Slow", shift(1))]);
    let (page, slow) = (stage.key("Page", shift(1)).rule, stage.key("Slow", shift(1)).rule);
    let counts: Vec<_> = stage.book.counts().iter().map(|((rule, state), n)| (rule.to_string(), *state, *n)).collect();
    assert_eq!(counts, [("Page".to_owned(), "firing", 2), ("Slow".to_owned(), "pending", 1)]);
    assert_eq!(stage.book.about(&shift(1)).count(), 2);
    let fingerprint = crate::alerts::fingerprint::fingerprint(&stage.alert("Page", shift(2)).unwrap().labels);
    let found: Vec<_> = stage.book.by_fingerprint(&fingerprint).map(|alert| name(alert)).collect();
    assert_eq!(found, ["Page/0002"]);
    assert!(stage.book.is_open(&slow, &shift(1)) && !stage.book.is_open(&slow, &shift(2)));

    stage.until(100);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert!(stage.alert("Page", shift(1)).is_some(), "its closing by mail is still to come");
    assert!(!stage.book.is_open(&page, &shift(1)), "but it is not open");
    let counts: Vec<_> = stage.book.counts().iter().map(|((rule, state), n)| (rule.to_string(), *state, *n)).collect();
    assert_eq!(
        counts,
        [("Page".to_owned(), "firing", 1), ("Page".to_owned(), "resolved", 1), ("Slow".to_owned(), "pending", 1),]
    );
}

#[test]
fn one_more_read_is_asked_for_by_kind() {
    let kinds = [
        (Tells::Uncovered, "shifts"),
        (Tells::NoCheckIn, "visits shifts"),
        (Tells::NoShow, "visits shifts"),
        (Tells::NoCheckOut, "visits"),
        (Tells::Runaway, "visits"),
        (Tells::Summary, ""),
    ];
    for (tells, want) in kinds {
        let mut stage = Stage::new(policy());
        let mut finding = to_confirm("Page", shift(1), 0);
        if let Verdict::Broken(broken) = &mut finding.verdict {
            broken.tells = tells.clone();
        }
        let made = stage.pass(vec![finding]);
        let starts_at = noon() + TimeDelta::hours(4);
        let kind = |read: &Read| match read {
            Read::Shifts { span, confirming: true, .. } if span.contains(starts_at - TimeDelta::hours(24)) => "shifts",
            Read::Visits { span, confirming: true, .. } if span.contains(starts_at) => "visits",
            _ => "something else",
        };
        let reads: Vec<_> = made.reads_wanted.iter().map(kind).collect();
        assert_eq!(reads.join(" "), want, "{tells:?}");
        let confirm = stage.alert("Page", shift(1)).unwrap().confirm;
        assert_eq!(confirm == Confirm::NotNeeded, want.is_empty(), "{tells:?}");
    }
}

#[test]
fn an_alert_that_comes_back_elsewhere_is_told_there() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 400).said();
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    let mut elsewhere = broken("Warn", shift(1));
    if let Verdict::Broken(broken) = &mut elsewhere.verdict {
        broken.location = "south".to_owned();
    }
    at(&mut stage, 500).pass(vec![elsewhere]);
    stage.until(10_000);
    assert_eq!(stage.said(), ["+800 email/0/0 office first_firing: Warn/0001"], "the group of the other location");
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    stage.until(20_000);
    assert_eq!(stage.said(), ["+10000 email/0/0 office over: Warn/0001"]);
    assert_eq!((stage.book.alerts().count(), stage.book.groups().count()), (0, 0));
}

/// The shift `n` hours later than [`shift`], of the same id.
fn moved(hours: i64) -> Subject {
    let Subject::Shift(mut key) = shift(1) else { unreachable!("a shift") };
    key.start += TimeDelta::hours(hours);
    Subject::Shift(key)
}

/// An uncovered shift at its new time, on evidence read `secs` after noon.
fn broken_at(hours: i64, secs: i64) -> Finding {
    let mut finding = to_confirm("Page", moved(hours), secs);
    if let Verdict::Broken(broken) = &mut finding.verdict {
        broken.starts_at = Some(noon() + TimeDelta::hours(4 + hours));
    }
    finding
}

#[test]
fn a_shift_that_moved_closes_before_it_is_told_at_its_new_time() {
    const OVER: &str = "sms/0/0 on-call over: Page/0001";
    const CLOSED: &str = "email/0/0 on-call over: Page/0001";
    const TEXT: &str = "sms/0/0 on-call first_firing: Page/0001";
    const MAIL: &str = "email/0/0 on-call first_firing: Page/0001";
    // When the second miss is seen, what is said, what the row shows.
    for (gone_at, want, why) in [
        (
            112,
            [(112, OVER), (112, CLOSED), (113, TEXT), (113, MAIL)],
            "seen together with the second look at the new time",
        ),
        (114, [(114, OVER), (114, CLOSED), (115, TEXT), (115, MAIL)], "a little later: the page waits for it"),
        (300, [(122, TEXT), (122, MAIL), (300, OVER), (300, CLOSED)], "much later: the page waits ten seconds at most"),
    ] {
        let mut policy = policy();
        policy.route.routes[1].group_interval = std::time::Duration::from_secs(5);
        let mut stage = Stage::new(policy);
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 100).said();
        stage.pass(vec![unjudged("Page", shift(1)), broken_at(1, 100)]);
        stage.until(112);
        let mut found = vec![broken_at(1, 112)];
        let to = noon() + TimeDelta::hours(5);
        let gone = fine("Page", shift(1), Closing::Moved { to });
        if gone_at == 112 {
            found.push(gone.clone());
        }
        stage.pass(found);
        if gone_at > 112 {
            at(&mut stage, gone_at).pass(vec![gone]);
        }
        stage.until(1_000);
        let want = want.map(|(at, line)| format!("+{at} {line}"));
        assert_eq!(stage.said(), want, "{why}");
    }
}

#[test]
fn another_occurrence_of_the_same_id_holds_nothing_up() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    stage.pass(vec![broken_at(24, 100)]);
    at(&mut stage, 105).pass(vec![broken_at(24, 101)]);
    stage.until(200);
    assert_eq!(stage.said()[0], "+110 sms/0/0 on-call first_firing: Page/0001");
}
