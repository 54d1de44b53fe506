//! Stories: what is said to whom, when, and nothing else. Times are seconds after noon.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    alert::{AlertState, Confirm},
    inhibit::InhibitRule,
    orders::News,
    policy::Policy,
    stage::*,
    step::{CatchUp, Quiet, Why},
    time_interval::{CalendarPart, TimeInterval},
};
use crate::{
    agenda::Wake,
    model::{Endpoint, Phi, Subject},
    notify::receiver::{Receiver, SmsConfig},
    rules::finding::{Closing, Finding, Tells, Verdict},
    source::fetched::Read,
};

const NOTHING: [&str; 0] = [];

fn at(stage: &mut Stage, secs: i64) -> &mut Stage {
    stage.until(secs);
    stage
}

#[test]
fn a_page_is_told_once_and_its_end_to_the_same_people() {
    let mut stage = Stage::new(policy());
    let made = stage.pass(vec![broken("Page", shift(1))]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Grouping)]);
    stage.until(9);
    assert_eq!(stage.said(), NOTHING, "group_wait holds it");
    stage.until(4_000);
    assert_eq!(
        stage.said(),
        ["+10 sms/0/0 on-call first_firing: Page/0001", "+10 email/0/0 on-call first_firing: Page/0001"]
    );
    let made = stage.pass(vec![broken("Page", shift(1))]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::TooSoon)]);
    assert!(made.is_empty(), "nothing changed, nothing is stored");
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(stage.said(), ["+4000 sms/0/0 on-call over: Page/0001", "+4000 email/0/0 on-call over: Page/0001"]);
    assert_eq!(
        (stage.book.alerts().count(), stage.book.groups().count(), stage.agenda.len()),
        (0, 0, 0),
        "all forgotten"
    );
}

#[test]
fn a_phone_texted_lately_hears_of_the_end_at_once_and_a_mailbox_by_the_interval() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 600).said();
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+600 sms/0/0 on-call over: Page/0001"]);
    stage.until(10_000);
    assert_eq!(stage.said(), ["+3610 email/0/0 on-call over: Page/0001"]);
    assert_eq!(stage.book.alerts().count(), 0);
}

#[test]
fn an_hour_is_the_border_for_closings_at_once() {
    for (secs, at_once) in [(3_609, true), (3_610, true), (3_611, false)] {
        let mut policy = policy();
        policy.route.routes[1].group_interval = std::time::Duration::from_secs(20_000);
        let mut stage = Stage::new(policy);
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, secs).said();
        stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
        assert_eq!(!stage.said().is_empty(), at_once, "told at 10, closed at {secs}");
    }
}

#[test]
fn a_new_round_has_new_message_ids() {
    let mut stage = Stage::new(policy());
    let mut ids = Vec::new();
    for round in 0..2 {
        stage.pass(vec![broken("Page", shift(1))]);
        stage.until(round * 10_000 + 100);
        ids.push(stage.alert("Page", shift(1)).unwrap().told[0].message.clone());
        stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
        stage.until(round * 10_000 + 10_000);
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn the_second_look_comes_before_the_first_message() {
    let rows: [(Option<i64>, &[&str], &str); 4] = [
        (
            Some(3),
            &["+10 sms/0/0 on-call first_firing: Page/0001", "+10 email/0/0 on-call first_firing: Page/0001"],
            "within group_wait: no delay",
        ),
        (
            Some(30),
            &["+30 sms/0/0 on-call first_firing: Page/0001", "+30 email/0/0 on-call first_firing: Page/0001"],
            "after it: at once when it is in",
        ),
        (
            Some(-1),
            &["+60 sms/0/0 on-call first_firing: Page/0001", "+60 email/0/0 on-call first_firing: Page/0001"],
            "old evidence is no second look",
        ),
        (
            None,
            &["+60 sms/0/0 on-call first_firing: Page/0001", "+60 email/0/0 on-call first_firing: Page/0001"],
            "none in time",
        ),
    ];
    for (read_at, want, why) in rows {
        let mut stage = Stage::new(policy());
        let made = stage.pass(vec![to_confirm("Page", shift(1), -5)]);
        assert!(
            matches!(&made.reads_wanted[..], [Read::Shifts { confirming: true, .. }]),
            "{why}: {:?}",
            made.reads_wanted
        );
        assert_eq!(Stage::quiet(&made)[0].1, Quiet::Confirming, "{why}");
        if let Some(read_at) = read_at {
            stage.until(read_at.max(1));
            stage.pass(vec![to_confirm("Page", shift(1), read_at)]);
        }
        stage.until(1_000);
        assert_eq!(stage.said(), want, "{why}");
        let alert = stage.alert("Page", shift(1)).unwrap();
        let timed_out = alert.confirm == Confirm::TimedOut;
        assert_eq!(alert.annotations.contains_key("unconfirmed"), timed_out, "{why}");
        assert_eq!(timed_out, read_at.is_none_or(|at| at < 0), "{why}");
    }
}

#[test]
fn what_the_second_look_denies_is_never_told() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![to_confirm("Page", shift(1), 0)]);
    at(&mut stage, 5).pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(stage.said(), NOTHING);
    assert_eq!(stage.agenda.len(), 0);
}

#[test]
fn company_waits_for_second_looks_but_not_for_ever() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 299).pass(vec![to_confirm("Warn", shift(2), 290)]);
    stage.until(1_000);
    assert_eq!(
        stage.said(),
        ["+359 email/0/0 office first_firing: Warn/0001 Warn/0002"],
        "one mail, when the look ran out"
    );

    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    for secs in (0..400).step_by(20) {
        at(&mut stage, secs).pass(vec![to_confirm("Warn", shift(100 + u32::try_from(secs).unwrap()), secs)]);
    }
    let said = at(&mut stage, 1_000).said();
    assert!(
        said[0].starts_with("+360 email/0/0 office first_firing"),
        "a stream of newcomers holds it a minute at most: {said:?}"
    );
}

#[test]
fn for_must_pass_first() {
    let mut stage = Stage::new(policy());
    let made = stage.pass(vec![broken("Slow", shift(1))]);
    assert_eq!(Stage::quiet(&made), [("Slow/0001".to_owned(), Quiet::Pending)]);
    at(&mut stage, 119).pass(vec![broken("Slow", shift(1))]);
    assert!(matches!(stage.alert("Slow", shift(1)).unwrap().state, AlertState::Pending { .. }), "a second before");
    stage.until(120);
    assert!(stage.alert("Slow", shift(1)).unwrap().is_firing());
    stage.until(1_000);
    assert_eq!(stage.said(), ["+420 email/0/0 office first_firing: Slow/0001"], "group_wait counts from the firing");

    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Slow", shift(1))]);
    stage.now = noon() + TimeDelta::seconds(120);
    stage.pass(vec![fine("Slow", shift(1), Closing::Covered)]);
    assert_eq!(stage.book.alerts().count(), 0, "fine in the very second its `for` passes: it never fires");
}

#[test]
fn news_waits_for_the_interval_and_a_repeat_for_the_repeat() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 400).pass(vec![broken("Warn", shift(2))]);
    at(&mut stage, 10_000).pass(vec![broken("Warn", shift(3))]);
    stage.until(100_000);
    assert_eq!(
        stage.said(),
        [
            "+300 email/0/0 office first_firing: Warn/0001",
            "+3900 email/0/0 office new_in_group: Warn/0001 Warn/0002",
            "+10000 email/0/0 office new_in_group: Warn/0001 Warn/0002 Warn/0003",
            "+96400 email/0/0 office repeated: Warn/0001 Warn/0002 Warn/0003",
        ],
        "the interval is over at 10000: at once"
    );
}

#[test]
fn a_posted_alert_that_began_long_ago_is_told_at_once() {
    let mut stage = Stage::new(policy());
    let disk = [("alertname", "Disk"), ("agency", "main"), ("severity", "warning")];
    stage.order(post(&disk, noon() - TimeDelta::seconds(301), None));
    assert_eq!(stage.said(), ["+0 email/0/0 office first_firing: posted/Disk"]);
    at(&mut stage, 200).order(post(&disk, noon(), None));
    stage.until(499);
    assert_eq!(stage.book.alerts().filter(|alert| alert.is_firing()).count(), 1, "renewed");
    stage.until(100_000);
    assert_eq!(
        stage.said(),
        ["+3600 email/0/0 office over: posted/Disk"],
        "not renewed: over at 500, told by the interval"
    );

    stage.order(post(&disk, stage.now - TimeDelta::hours(1), Some(stage.now + TimeDelta::hours(1))));
    let made = stage.order(post(&disk, stage.now, Some(stage.now)));
    assert_eq!(made.delta.transitions[0].reason, "recovered", "an end that has come closes it");
    let made = stage.order(post(&[("alertname", "Unknown")], stage.now, Some(stage.now)));
    assert!(
        made.delta.transitions.is_empty() && made.delta.orders_done.is_some(),
        "an end of nothing is only taken note of"
    );
}

#[test]
fn the_worse_speaks_for_the_milder() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 400).said();
    let made = stage.pass(vec![broken("Page", shift(1)), broken("Warn", shift(1)), broken("Warn", shift(2))]);
    assert_eq!(
        Stage::quiet(&made),
        [
            ("Page/0001".to_owned(), Quiet::Grouping),
            ("Warn/0001".to_owned(), Quiet::Inhibited),
            ("Warn/0002".to_owned(), Quiet::Grouping),
        ]
    );
    at(&mut stage, 90_000).pass(vec![broken("Critical", shift(1))]);
    stage.until(91_000);
    assert_eq!(
        stage.said(),
        [
            "+410 sms/0/0 on-call first_firing: Page/0001",
            "+410 email/0/0 on-call first_firing: Page/0001",
            "+3900 email/0/0 office new_in_group: Warn/0002",
            "+86810 sms/0/0 on-call repeated: Page/0001",
            "+86810 email/0/0 on-call repeated: Page/0001",
            "+90300 email/0/0 office repeated: Warn/0002",
            "+90410 sms/0/0 on-call new_in_group: Critical/0001",
            "+90410 email/0/0 on-call new_in_group: Critical/0001",
        ],
        "the milder one is not repeated"
    );
    let over = ["Warn", "Page", "Critical"].map(|rule| fine(rule, shift(1), Closing::Covered));
    stage.pass(over.to_vec());
    stage.until(95_000);
    assert_eq!(
        stage.said(),
        [
            "+91000 sms/0/0 on-call over: Critical/0001 Page/0001",
            "+93900 email/0/0 office over: Warn/0001",
            "+94010 email/0/0 on-call over: Critical/0001 Page/0001",
        ],
        "whoever was told before hears the end, in one text"
    );
}

#[test]
fn the_milder_speaks_when_the_worse_is_over() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), broken("Warn", shift(1))]);
    at(&mut stage, 1_000).said();
    stage.pass(vec![fine("Page", shift(1), Closing::Recovered)]);
    assert_eq!(
        stage.said(),
        ["+1000 sms/0/0 on-call over: Page/0001", "+1000 email/0/0 office first_firing: Warn/0001",],
        "its own wait is long over"
    );
}

#[test]
fn no_closing_while_a_worse_alert_of_the_shift_fires() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    stage.pass(vec![broken("Critical", shift(1)), fine("Page", shift(1), Closing::Recovered)]);
    stage.until(200);
    assert_eq!(stage.said(), NOTHING, "no text says closed");
    stage.until(4_000);
    assert_eq!(
        stage.said(),
        ["+3610 sms/0/0 on-call new_in_group: Critical/0001", "+3610 email/0/0 on-call new_in_group: Critical/0001",]
    );
    stage.pass(vec![fine("Critical", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(
        stage.said(),
        [
            "+4000 sms/0/0 on-call over: Critical/0001 Page/0001",
            "+7210 email/0/0 on-call over: Critical/0001 Page/0001",
        ]
    );
    assert_eq!(stage.book.alerts().count(), 0);
}

#[test]
fn an_owner_is_left_in_peace_until_the_ack_ends() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    let made = stage.ack("Page", shift(1), 1_200);
    assert_eq!(made.delta.transitions[0].reason, "acknowledged by night-1");
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Acknowledged)]);
    let made = at(&mut stage, 500).pass(vec![broken("Critical", shift(1)), broken("Page", shift(2))]);
    assert_eq!(made.delta.transitions[0].to, "acknowledged", "a worse alert of an owned shift is owned");
    stage.until(1_299);
    assert_eq!(
        stage.said(),
        ["+510 sms/0/0 on-call first_firing: Page/0002", "+510 email/0/0 on-call first_firing: Page/0002",],
        "another shift is another matter"
    );
    stage.until(1_300);
    assert_eq!(
        stage.said(),
        [
            "+1300 sms/0/0 on-call acknowledgement_expired: Critical/0001",
            "+1300 email/0/0 on-call acknowledgement_expired: Critical/0001",
        ],
        "at once, not after the interval; the worse speaks for the milder"
    );
    stage.pass(vec![fine("Page", shift(1), Closing::Covered), fine("Critical", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+1300 sms/0/0 on-call over: Critical/0001 Page/0001"]);
}

#[test]
fn an_ack_covers_the_shifts_other_alerts_and_nothing_else() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![
        broken("Page", shift(1)),
        broken("Warn", shift(1)),
        broken("Slow", shift(1)),
        broken("Page", shift(2)),
    ]);
    stage.until(20);
    stage.ack("Page", shift(1), 600);
    let owned: Vec<_> =
        stage.book.alerts().filter(|alert| alert.state_name() == "acknowledged").map(|alert| name(alert)).collect();
    assert_eq!(owned.len(), 2, "{owned:?}");
    stage.until(121);
    assert_eq!(stage.alert("Slow", shift(1)).unwrap().state_name(), "acknowledged", "what fires later too");
    assert_eq!(stage.alert("Page", shift(2)).unwrap().state_name(), "firing");

    // The caregiver is taken off: one alert gives way to another in the same pass, and the owner stays.
    stage.pass(vec![fine("Page", shift(1), Closing::Recovered), broken("Critical", shift(1))]);
    assert_eq!(stage.alert("Critical", shift(1)).unwrap().state_name(), "acknowledged");
}

#[test]
fn an_ack_of_nothing_changes_nothing() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Slow", shift(1)), broken("Page", shift(2))]);
    for (made, why) in [
        (stage.ack("Page", shift(9), 600), "unknown"),
        (stage.ack("Slow", shift(1), 600), "pending"),
        (stage.ack("Page", shift(2), 0), "over before it began"),
    ] {
        assert!(made.delta.transitions.is_empty() && made.delta.alerts.is_empty(), "{why}");
        assert!(made.delta.orders_done.is_some(), "{why}: consumed all the same");
    }
}

#[test]
fn nobody_hears_the_end_of_what_nobody_was_told() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), broken("Info", shift(2))]);
    let made = at(&mut stage, 9)
        .pass(vec![fine("Page", shift(1), Closing::Covered), fine("Info", shift(2), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(stage.said(), NOTHING);
    assert_eq!(made.delta.transitions.len(), 2);
    assert_eq!(stage.book.alerts().count(), 0);
}

#[test]
fn send_resolved_false_is_obeyed() {
    let mut policy = policy();
    policy.receivers.get_mut("on-call").unwrap().sms[0].send_resolved = false;
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(stage.said(), ["+3610 email/0/0 on-call over: Page/0001"]);
}

#[test]
fn a_recipient_added_later_hears_no_closing_of_what_it_was_not_told() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    let mut policy = policy();
    policy.receivers.get_mut("on-call").unwrap().sms = vec![sms(2)];
    stage.book = stage.book.with_policy(Arc::new(policy), stage.now);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+100 sms/0/0 on-call over: Page/0001"]);
}

#[test]
fn the_end_goes_to_the_addresses_that_were_told() {
    // How the receiver changes while it fires, who is told that it is over, what the row shows.
    type Row = (fn(&mut Receiver), &'static [&'static str], &'static str);
    let rows: [Row; 5] = [
        (|_| {}, &["+600 sms/0/0 on-call over: Page/0001", "+600 sms/0/1 on-call over: Page/0001"], "nothing changes"),
        (
            |on_call| drop(on_call.sms[0].to.remove(0)),
            &["+600 sms/0/0 on-call over: Page/0001", "+600 former sms/0/0 on-call over: Page/0001"],
            "the second of two moves up, the first is gone",
        ),
        (
            |on_call| on_call.sms[0].to = vec![Phi::new("+12025550122".to_owned())],
            &["+600 former sms/0/0 on-call over: Page/0001", "+600 former sms/0/1 on-call over: Page/0001"],
            "another number in their place was told nothing and hears nothing",
        ),
        (
            |on_call| on_call.sms.insert(0, SmsConfig { to: vec![Phi::new("+12025550122".to_owned())], ..sms(0) }),
            &["+600 sms/1/0 on-call over: Page/0001", "+600 sms/1/1 on-call over: Page/0001"],
            "another integration before theirs",
        ),
        (|on_call| on_call.sms[0].send_resolved = false, &[], "they want no closings any more"),
    ];
    for (change, want, why) in rows {
        let mut old = policy();
        old.receivers.get_mut("on-call").unwrap().sms = vec![sms(2)];
        old.receivers.get_mut("on-call").unwrap().email.clear();
        let mut new = old.clone();
        let mut stage = Stage::new(old);
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 600).said();
        change(new.receivers.get_mut("on-call").unwrap());
        stage.reload(new);
        stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
        stage.until(5_000);
        assert_eq!(stage.said(), want, "{why}");
        assert_eq!(stage.book.alerts().count(), 0, "{why}");
    }
}

#[test]
fn who_is_told_again_under_another_name_hears_the_end_once() {
    for (closes_at, want) in [
        (500, &["+500 former email/0/0 on-call over: Page/0001", "+500 former sms/0/0 on-call over: Page/0001"][..]),
        (
            600,
            &[
                "+505 sms/0/0 night first_firing: Page/0001",
                "+505 email/0/0 night first_firing: Page/0001",
                "+600 sms/0/0 night over: Page/0001",
                "+4105 email/0/0 night over: Page/0001",
            ],
        ),
    ] {
        let mut stage = Stage::new(policy());
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 500).said();
        let mut renamed = policy();
        renamed.route.routes[1].receiver = "night".to_owned();
        renamed.route.routes[1].group_wait = std::time::Duration::from_secs(505);
        let on_call = renamed.receivers.remove("on-call").unwrap();
        renamed.receivers.insert("night".to_owned(), Receiver { name: "night".to_owned(), ..on_call });
        stage.reload(renamed);
        if closes_at > 500 {
            stage.pass(vec![]);
            stage.until(closes_at);
        }
        stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
        stage.until(10_000);
        assert_eq!(stage.said(), want);
    }
}

#[test]
fn who_was_told_by_a_route_that_is_gone_still_hears_the_end() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    let mut policy = policy();
    policy.route.routes.pop();
    stage.book = stage.book.with_policy(Arc::new(policy), stage.now);
    stage.restart();
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+100 sms/0/0 on-call over: Page/0001", "+100 email/0/0 on-call over: Page/0001"]);
    stage.until(1_000);
    assert_eq!((stage.book.alerts().count(), stage.book.groups().count()), (0, 0));
}

#[test]
fn a_receiver_that_a_reload_brings_in_is_told_what_fires() {
    // How the policy changes once the alert fires; what is said then; what the row shows.
    type Row = (fn(&mut Policy), fn(&mut Policy), &'static [&'static str], &'static str);
    let rows: [Row; 3] = [
        (
            |policy| policy.route.routes[1].receiver = "none".to_owned(),
            |_| {},
            &["+500 sms/0/0 on-call first_firing: Page/0001", "+500 email/0/0 on-call first_firing: Page/0001"],
            "nobody was to be told, now somebody is",
        ),
        (
            |_| {},
            |policy| policy.route.routes[1].receiver = "office".to_owned(),
            &["+500 email/0/0 office first_firing: Page/0001"],
            "another receiver",
        ),
        (
            |policy| {
                policy.inhibit_rules.push(InhibitRule {
                    source_matchers: matchers("severity=warning"),
                    target_matchers: matchers("severity=page"),
                    equal: vec!["agency".to_owned()],
                });
            },
            |_| {},
            &["+500 sms/0/0 on-call first_firing: Page/0001", "+500 email/0/0 on-call first_firing: Page/0001"],
            "nothing mutes it any more",
        ),
    ];
    for (before, after, want, why) in rows {
        let (mut old, mut new) = (policy(), policy());
        before(&mut old);
        after(&mut new);
        let mut stage = Stage::new(old);
        stage.pass(vec![broken("Page", shift(1)), broken("Warn", shift(2))]);
        at(&mut stage, 500).said();
        stage.reload(new);
        stage.until(600);
        assert_eq!(stage.said(), want, "{why}");
    }
}

#[test]
fn a_closing_that_waits_outlives_a_change_of_its_group() {
    type Row = (fn(&mut Policy), &'static str);
    let change: [Row; 2] = [
        (
            |policy| policy.route.routes[1].group_by = super::route::GroupBy::Labels(vec!["agency".to_owned()]),
            "grouping",
        ),
        (|policy| drop(policy.route.routes.pop()), "the route is gone"),
    ];
    for (change, why) in change {
        let mut stage = Stage::new(policy());
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 100).pass(vec![fine("Page", shift(1), Closing::Covered)]);
        stage.said();
        let mut new = policy();
        change(&mut new);
        stage.reload(new);
        stage.until(200);
        assert_eq!(stage.said(), ["+100 email/0/0 on-call over: Page/0001"], "{why}");
        assert_eq!((stage.book.alerts().count(), stage.book.groups().count()), (0, 0), "{why}");
    }
}

#[test]
fn what_cannot_be_judged_is_held() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1)), broken("Slow", shift(2))]);
    at(&mut stage, 100).said();
    let made = stage.pass(vec![unjudged("Page", shift(1)), unjudged("Slow", shift(2)), unjudged("Page", shift(3))]);
    assert_eq!(Stage::quiet(&made).iter().map(|(_, quiet)| *quiet).collect::<Vec<_>>(), [Quiet::Unjudged; 3]);
    stage.until(100_000);
    assert_eq!(stage.said(), NOTHING, "no closing, no repeat, nothing new");
    assert_eq!(stage.alert("Slow", shift(2)).unwrap().state_name(), "pending", "its `for` does not run out unseen");
    assert!(stage.alert("Page", shift(3)).is_none());
    stage.pass(vec![broken("Page", shift(1)), broken("Slow", shift(2))]);
    assert_eq!(
        stage.said(),
        ["+100000 sms/0/0 on-call repeated: Page/0001", "+100000 email/0/0 on-call repeated: Page/0001",],
        "seen again, the repeat is due"
    );
    assert_eq!(stage.alert("Slow", shift(2)).unwrap().state_name(), "firing");
}

#[test]
fn a_mute_time_holds_firing_notices_only() {
    let mut policy = policy();
    let part = CalendarPart { times: vec![(12 * 60, 13 * 60)], ..CalendarPart::default() };
    let lunch = TimeInterval { name: "lunch".to_owned(), parts: vec![part] };
    policy.time_intervals.insert("lunch".to_owned(), lunch);
    policy.route.routes[1].mute_time_intervals = vec!["lunch".to_owned()];
    let mut stage = Stage::new(policy);
    stage.now = noon() - TimeDelta::seconds(100);
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 60).said();
    stage.pass(vec![fine("Page", shift(1), Closing::Covered), broken("Page", shift(2))]);
    stage.until(3_599);
    assert_eq!(stage.said()[0], "+60 sms/0/0 on-call over: Page/0001", "the end passes");
    let made = stage.pass(vec![broken("Page", shift(2))]);
    assert_eq!(Stage::quiet(&made), [("Page/0002".to_owned(), Quiet::Muted)]);
    stage.until(3_600);
    assert_eq!(
        stage.said(),
        ["+3600 sms/0/0 on-call first_firing: Page/0002", "+3600 email/0/0 on-call first_firing: Page/0002"]
    );
}

#[test]
fn a_first_start_tells_what_is_still_true_when_all_is_read() {
    let rows = [(5, "caught_up", 10), (6, "summary", 2)];
    for (n, why, lines) in rows {
        let mut stage = Stage::starting(policy(), None);
        stage.pass((1..=n).map(|n| broken("Page", shift(n))).chain([broken("Page", shift(99))]).collect());
        at(&mut stage, 100).pass(vec![fine("Page", shift(99), Closing::Covered)]);
        assert_eq!(stage.said(), NOTHING, "silent while it looks around");
        let made = stage.pass(vec![broken("Page", shift(1))]);
        assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::CatchingUp)]);
        stage.all_read_since = Some(noon() - TimeDelta::seconds(1));
        stage.until(150);
        assert_eq!(stage.said(), NOTHING, "read, but before the start");
        stage.all_read_since = Some(noon());
        stage.until(160);
        let said = stage.said();
        assert_eq!(said.len(), lines, "{said:?}");
        assert!(said.iter().all(|line| line.contains(why)), "{said:?}");
        assert_eq!(stage.book.catch_up(), CatchUp::Done);
        stage.until(5_000);
        assert_eq!(stage.said(), NOTHING, "and once");
        stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
        stage.until(10_000);
        assert_eq!(stage.said().len(), 2, "who read the summary hears of the end");
    }
}

#[test]
fn a_catch_up_ends_by_itself() {
    let mut stage = Stage::starting(policy(), None);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(599);
    assert_eq!(stage.said(), NOTHING);
    stage.until(600);
    assert_eq!(stage.said().len(), 2);
}

#[test]
fn a_blindness_is_told_also_during_a_catch_up() {
    let mut stage = Stage::starting(policy(), None);
    stage.pass(vec![blind(), broken("Page", shift(1))]);
    stage.until(60);
    let said = stage.said();
    assert!(!said.is_empty() && said.iter().all(|line| line.contains("Agency")), "{said:?}");
    stage.until(599);
    assert_eq!(stage.said(), NOTHING);
    stage.until(600);
    let said = stage.said();
    assert!(!said.is_empty() && said.iter().all(|line| !line.contains("Agency")), "{said:?}");
}

#[test]
fn a_catch_up_waits_for_second_looks() {
    let mut stage = Stage::starting(policy(), None);
    stage.all_read_since = Some(noon());
    stage.now = noon() + TimeDelta::seconds(1);
    stage.pass(vec![to_confirm("Page", shift(1), 0), broken("Page", shift(2))]);
    stage.until(60);
    assert_eq!(stage.said(), NOTHING);
    stage.until(61);
    assert_eq!(stage.said().len(), 4, "both, when the look ran out");
}

#[test]
fn after_a_blindness_new_finds_are_told_together() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![blind(), broken("Page", shift(1))]);
    at(&mut stage, 3_000).said();
    let mut found: Vec<_> = (2..=9).map(|n| broken("Page", shift(n))).collect();
    found.push(fine("Page", Subject::Agency, Closing::Recovered));
    stage.pass(found);
    assert_eq!(stage.said(), ["+3000 sms/0/0 on-call over: Page/Agency"], "that we see again is said at once");
    assert!(matches!(stage.book.catch_up(), CatchUp::Running { .. }));
    stage.until(3_119);
    assert_eq!(stage.said(), NOTHING);
    stage.until(3_120);
    let said = stage.said();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("+3120 sms/0/0 on-call summary: Page/0002 Page/0003"),
        "what was told before is not in it"
    );
}

#[test]
fn what_nobody_heard_the_end_of_is_news_when_it_comes_back() {
    let mut policy = policy();
    policy.receivers.get_mut("office").unwrap().email[0].send_resolved = false;
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Warn", shift(1)), broken("Warn", shift(2))]);
    at(&mut stage, 400).said();
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    at(&mut stage, 500).pass(vec![broken("Warn", shift(1))]);
    stage.until(50_000);
    assert_eq!(stage.said(), ["+3900 email/0/0 office new_in_group: Warn/0001 Warn/0002"]);
}

#[test]
fn what_reached_nobody_is_told_again() {
    for news in [News::Refused, News::Expired] {
        let mut stage = Stage::new(policy());
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 100).said();
        let ids: Vec<_> = stage.alert("Page", shift(1)).unwrap().told.iter().map(|told| told.message.clone()).collect();
        stage.receipt(ids[0].clone(), news);
        at(&mut stage, 5_000);
        assert_eq!(stage.said(), NOTHING, "the other one may have been reached");
        stage.receipt(ids[1].clone(), news);
        let mut said = stage.said();
        stage.until(50_000);
        said.extend(stage.said());
        assert_eq!(
            said,
            ["+5000 sms/0/0 on-call new_in_group: Page/0001", "+5000 email/0/0 on-call new_in_group: Page/0001"],
            "nobody was: again, by the interval"
        );
        assert_eq!(stage.alert("Page", shift(1)).unwrap().told.len(), 2);
    }
}

#[test]
fn a_message_that_never_left_needs_no_closing() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 100).said();
    let text = stage
        .alert("Page", shift(1))
        .unwrap()
        .told
        .iter()
        .find(|told| told.channel.as_str() == "sms")
        .unwrap()
        .message
        .clone();
    let made = stage.receipt(text, News::Refused);
    assert!(made.delta.receipts_done.is_some());
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert_eq!(stage.said(), ["+3610 email/0/0 on-call over: Page/0001"]);
}

#[test]
fn a_firing_message_is_withdrawn_when_all_it_told_of_is_mended() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1)), broken("Warn", shift(2))]);
    stage.until(400);
    let message = stage.alert("Warn", shift(1)).unwrap().told[0].message.clone();
    stage.pass(vec![fine("Warn", shift(1), Closing::Covered)]);
    stage.until(4_000);
    stage.now = noon() + TimeDelta::seconds(10_000);
    let made = stage.pass(vec![fine("Warn", shift(2), Closing::Covered)]);
    assert_eq!(made.cancels, [message], "only when the last one is over");

    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Warn", shift(1))]);
    at(&mut stage, 400).pass(vec![broken("Warn", shift(2))]);
    stage.until(10_000);
    let messages = [1, 2].map(|n| stage.alert("Warn", shift(n)).unwrap().told[0].message.clone());
    let made = stage.pass(vec![1, 2].into_iter().map(|n| fine("Warn", shift(n), Closing::Covered)).collect());
    assert!(messages.iter().all(|message| made.cancels.contains(message)), "neither goes out after the end");

    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(100);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Expired)]);
    assert!(made.cancels.is_empty(), "nothing got better: the news stays news");
}

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
    let made = stage.pass_due(vec![], &super::orders::Inputs::default(), &stale);
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
    let fingerprint = super::fingerprint::fingerprint(&stage.alert("Page", shift(2)).unwrap().labels);
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
