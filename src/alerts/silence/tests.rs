//! What silences do to telling, and what becomes of wishes.

use chrono::TimeDelta;

use super::*;
use crate::{
    alerts::{
        stage::{Stage, broken, fine, noon, policy, shift},
        step::Quiet,
    },
    rules::finding::Closing,
};

fn at(secs: i64) -> Instant {
    noon() + TimeDelta::seconds(secs)
}

const PAGE: &[(&str, &str)] = &[("alertname", "Page")];

#[test]
fn what_is_silenced_is_told_when_the_silence_ends() {
    let mut stage = Stage::new(policy());
    stage.silence("1", PAGE, -5, 300);
    let made = stage.pass(vec![broken("Page", shift(1)), broken("Critical", shift(2))]);
    assert!(Stage::quiet(&made).contains(&("Page/0001".to_owned(), Quiet::Silenced)), "{:?}", made.quiet);
    stage.until(299);
    let critical =
        ["+10 sms/0/0 on-call first_firing: Critical/0002", "+10 email/0/0 on-call first_firing: Critical/0002"];
    assert_eq!(stage.said(), critical, "the other one is no concern of it");
    stage.until(300);
    let told = ["+300 sms/0/0 on-call silence_ended: Page/0001", "+300 email/0/0 on-call silence_ended: Page/0001"];
    assert_eq!(stage.said(), told, "at once, and why");
    stage.until(1_000);
    assert!(stage.said().is_empty(), "once");
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+1000 sms/0/0 on-call over: Page/0001"]);
}

#[test]
fn what_is_over_before_its_silence_is_never_told() {
    let mut stage = Stage::new(policy());
    stage.silence("1", PAGE, -5, 300);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(200);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(100_000);
    assert!(stage.said().is_empty());
    assert_eq!((stage.book.alerts().count(), stage.book.groups().count()), (0, 0), "and nothing is left of it");
}

#[test]
fn who_was_told_before_is_told_that_it_is_over() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(20);
    assert_eq!(stage.said().len(), 2);
    stage.silence("1", PAGE, 20, 200_000);
    let made = stage.pass(vec![]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Silenced)]);
    stage.until(100_000);
    assert!(stage.said().is_empty(), "no repeat after a day");
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(200_100);
    let over = ["+100000 sms/0/0 on-call over: Page/0001", "+100000 email/0/0 on-call over: Page/0001"];
    let said = stage.said();
    assert!(over.iter().all(|line| said.contains(&(*line).to_owned())) && said.len() == 2, "{said:?}");
}

#[test]
fn a_repeat_that_fell_into_a_silence_comes_at_its_end() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(20);
    stage.said();
    stage.silence("1", PAGE, 20, 90_000);
    stage.pass(vec![]);
    stage.until(89_999);
    assert!(stage.said().is_empty());
    stage.until(90_001);
    let told = ["+90000 sms/0/0 on-call repeated: Page/0001", "+90000 email/0/0 on-call repeated: Page/0001"];
    assert_eq!(stage.said(), told);
}

#[test]
fn two_silences_hold_as_long_as_the_longer_one_and_a_restart_changes_nothing() {
    let mut stage = Stage::new(policy());
    stage.silence("1", PAGE, -5, 300);
    stage.silence("2", &[("severity", "page")], 100, 600);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(400);
    stage.restart();
    stage.until(599);
    assert!(stage.said().is_empty());
    stage.until(601);
    assert_eq!(stage.said().len(), 2);
}

#[test]
fn one_that_is_ended_early_lets_go_at_once() {
    let mut stage = Stage::new(policy());
    stage.silence("1", PAGE, -5, 3_000);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(50);
    let ended = stage.silences.get("1").unwrap().expired(stage.now).unwrap();
    stage.silences = stage.silences.with(vec![ended], &[]);
    stage.pass(vec![]);
    let told = ["+50 sms/0/0 on-call silence_ended: Page/0001", "+50 email/0/0 on-call silence_ended: Page/0001"];
    assert_eq!(stage.said(), told);
}

#[test]
fn one_that_ends_within_the_groups_wait_shortens_nothing() {
    let mut stage = Stage::new(policy());
    stage.silence("1", PAGE, -5, 4);
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(9);
    assert!(stage.said().is_empty());
    stage.until(11);
    assert_eq!(stage.said().len(), 2);
}

fn wish(name: &str, from: i64, until: i64) -> Wish {
    let matcher =
        SilenceMatcher { name: "alertname".to_owned(), value: name.to_owned(), is_regex: false, is_equal: true };
    Wish {
        id: None,
        matchers: vec![matcher],
        starts_at: at(from),
        ends_at: at(until),
        created_by: "night-1".to_owned(),
        comment: "planned".to_owned(),
        until_resolved: None,
    }
}

#[test]
fn an_edit_changes_what_is_to_come_and_never_what_was() {
    let granted = Silences::default().grant(wish("A", 0, 100), "1".to_owned(), at(0)).unwrap();
    let active = Silences::default().with(granted.changed, &[]);
    let later = Silences::default()
        .with(Silences::default().grant(wish("A", 50, 100), "1".to_owned(), at(0)).unwrap().changed, &[]);
    let edit = |wish: Wish| Wish { id: Some("1".to_owned()), ..wish };
    for (silences, wish, now, want, why) in [
        (&active, edit(wish("A", 0, 200)), 10, "1 0..200", "an active one may last longer"),
        (&active, edit(wish("A", 0, 20)), 10, "1 0..20", "or shorter"),
        (&active, edit(wish("B", 0, 100)), 10, "1 0..10, new 10..100", "other matchers are another silence"),
        (&active, edit(wish("A", 5, 100)), 10, "1 0..10, new 10..100", "and so is another beginning"),
        (&active, edit(wish("A", 0, 200)), 100, "new 100..200", "one that is over stays over"),
        (&later, edit(wish("A", 60, 90)), 10, "1 60..90", "one that has not begun may change its times"),
        (&later, edit(wish("A", 5, 90)), 10, "1 10..10, new 10..90", "but not begin in the past"),
    ] {
        let granted = silences.grant(wish, "new".to_owned(), at(now)).unwrap();
        let secs = |at: Instant| (at - noon()).num_seconds();
        let form = |one: &Silence| format!("{} {}..{}", one.id, secs(one.starts_at), secs(one.ends_at));
        assert_eq!(granted.changed.iter().map(form).collect::<Vec<_>>().join(", "), want, "{why}");
        assert_eq!(granted.id, granted.changed.last().unwrap().id, "{why}");
    }
    let unknown = Wish { id: Some("2".to_owned()), ..wish("A", 0, 100) };
    assert_eq!(active.grant(unknown, "new".to_owned(), at(0)), Err(WishFault::NotFound));
}

#[test]
fn one_that_ends_by_itself_ends_within_a_week() {
    let forever = Wish { until_resolved: Some(true), ..wish("A", 0, 100 * 86_400) };
    let granted = Silences::default().grant(forever, "1".to_owned(), at(0)).unwrap();
    assert_eq!(granted.changed[0].ends_at, at(0) + UNTIL_RESOLVED_MAX);
    let silences = Silences::default().with(granted.changed, &[]);
    let edit = Wish { id: Some("1".to_owned()), ..wish("A", 0, 200) };
    assert!(
        silences.grant(edit, "2".to_owned(), at(10)).unwrap().changed[0].until_resolved,
        "an edit that says nothing"
    );
}

#[test]
fn a_reminder_comes_an_hour_or_a_quarter_before_the_end() {
    for (hours, before) in [(1, 15), (2, 30), (4, 60), (48, 60)] {
        let granted = Silences::default().grant(wish("A", 0, hours * 3600), "1".to_owned(), at(0)).unwrap();
        let one = &granted.changed[0];
        assert_eq!(one.ends_at - one.remind_at(), TimeDelta::minutes(before), "{hours} h");
    }
}

#[test]
fn states_end_with_the_instant_and_lists_are_in_alertmanagers_order() {
    let mut silences = Silences::default();
    for (id, from, until) in [("a", 0, 100), ("b", 0, 50), ("c", 70, 90), ("d", 60, 95), ("e", 0, 10), ("f", 0, 20)] {
        let granted = silences.grant(wish(id, from, until), id.to_owned(), at(0)).unwrap();
        silences = silences.with(granted.changed, &[]);
    }
    let listed = |now| silences.listed(at(now)).into_iter().map(|one| one.id.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(listed(30), "b a d c f e");
    assert_eq!(silences.counts(at(30)), [2, 2, 2]);
    assert_eq!(silences.get("e").unwrap().state(at(10)), SilenceState::Expired, "the end is no part of it");
    assert_eq!(silences.next_change(at(30)), Some(at(50)));
    assert_eq!(silences.next_change(at(100)), None);
    assert_eq!(silences.forgotten(at(20) + KEPT), ["e", "f"]);
}

#[test]
fn whoever_made_a_silence_is_told_that_it_ends_by_a_way_that_wakes_nobody() {
    use crate::alerts::{
        notice::Says,
        orders::Ask,
        stage::{paging, person},
    };
    let ask = |name: &str| Ask::SilenceEnds {
        id: "1".to_owned(),
        created_by: crate::model::PersonName::new(name),
        ends_at: at(600),
        n_muted: 2,
    };
    let mut stage = Stage::new(paging());
    let made = stage.order(ask("night-1"));
    let [notice] = &made.notices[..] else { panic!("one notice: {:?}", made.notices) };
    assert_eq!((&notice.to, notice.via), (&person("night-1", 1).name, crate::on_call::Via::Sms));
    assert_eq!(notice.says, Says::SilenceEnds { id: "1".to_owned(), ends_at: at(600), n_muted: 2 });
    assert!(stage.order(ask("somebody else")).notices.is_empty(), "not one of the people");
}

#[test]
fn a_page_takes_no_step_while_all_it_tells_of_is_silenced() {
    let mut stage = Stage::new(crate::alerts::stage::paging());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(100);
    let first = stage.said();
    assert!(first.iter().any(|line| line.contains("sms night-1 page")), "{first:?}");
    stage.silence("1", PAGE, 100, 2_000);
    stage.pass(vec![]);
    stage.until(1_999);
    let said = stage.said();
    assert!(said.is_empty(), "nobody is escalated to: {said:?}");
    stage.until(3_000);
    let said = stage.said();
    assert!(said.iter().any(|line| line.contains("night-2")), "it goes on: {said:?}");
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(4_000);
    assert!(stage.said().iter().any(|line| line.contains("night-1")), "and who was told hears of the end");
}
