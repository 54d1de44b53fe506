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

mod book;
mod catching_up;
mod ends;

const NOTHING: [&str; 0] = [];

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
