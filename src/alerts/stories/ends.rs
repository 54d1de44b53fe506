//! Who hears that it is over, and who does not.

use super::*;
use crate::alerts::route::Route;

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
fn a_webhook_hears_the_end_in_each_group_that_told_it() {
    let mut policy = policy();
    let hook = policy.receivers.get_mut("on-call").unwrap();
    (hook.sms, hook.email, hook.webhook) = (vec![], vec![], vec![webhook()]);
    let by_agency = Route { continue_: true, ..route("on-call", "severity=page", &["agency"], [0, 60, 86_400]) };
    policy.route.routes = vec![by_agency, route("on-call", "severity=page", &["agency", "shift"], [0, 60, 86_400])];
    policy.route.routes[1].id = "second".to_owned();
    let mut stage = Stage::new(policy.clone());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 10).said();
    stage.restart();
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(200);
    let hook = "webhook/0/0 on-call over: Page/0001";
    let said = stage.said();
    assert_eq!(said.iter().filter(|line| line.ends_with(hook)).count(), 2, "{said:?}");

    // A reload takes one of the groups away: its end is told in the other.
    let mut stage = Stage::new(policy.clone());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 10).said();
    policy.route.routes.remove(0);
    stage.reload(policy);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(200);
    let said = stage.said();
    assert_eq!(said.len(), 1, "one message, whichever groups told it: {said:?}");
    assert_eq!(stage.book.alerts().count(), 0, "nothing is left that nobody would tell");
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
            |policy| policy.route.routes[1].group_by = crate::alerts::route::GroupBy::Labels(vec!["agency".to_owned()]),
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
