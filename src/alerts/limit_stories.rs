//! Stories of many pages on few phones: what is said at once, what waits, what comes together. Times are seconds after
//! noon.

use std::time::Duration;

use super::{
    page::{PageState, PageTold},
    stage::*,
};
use crate::{
    alerts::{notice::Says, policy::Policy},
    on_call::Via,
    rules::finding::Closing,
};

/// The first step tells night-1, the second after ten minutes night-2, both by text; the gateway says nothing.
fn stage(mut policy: Policy) -> Stage {
    policy.paging.escalation.get_mut("coverage").unwrap().unconfirmed_after = Duration::from_hours(1);
    Stage::new(policy)
}

/// What one of them heard, without the names of alerts.
fn heard(stage: &Stage, person: &str) -> usize {
    stage.notices.iter().filter(|notice| notice.to.as_str() == person && notice.via == Via::Sms).count()
}

#[test]
fn the_second_page_waits_for_two_minutes_and_comes_as_itself() {
    let mut stage = stage(paging());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 40).pass(vec![broken("Page", shift(2))]);
    stage.until(200);
    assert_eq!(stage.said(), ["+10 sms night-1 page: Page/0001", "+130 sms night-1 page: Page/0002"]);
    let told: Vec<i64> =
        stage.book.pages().flat_map(|page| page.told.iter().map(|told| (told.at - noon()).num_seconds())).collect();
    assert!(told.contains(&10) && told.contains(&130), "it counts as told when it went: {told:?}");
}

#[test]
fn what_waited_comes_together_the_most_severe_first() {
    let mut stage = stage(paging());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 20).pass(vec![broken("Page", shift(2)), broken("Page", shift(3))]);
    stage.restart();
    at(&mut stage, 50).pass(vec![broken("Page", shift(4))]);
    stage.until(200);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001", "+130 sms night-1 bundle: open Page/0002 Page/0003 Page/0004"]
    );
    // `1 ALL` takes what came in the last one.
    stage.reply("night-1", "1 ALL");
    assert_eq!(stage.said(), ["+200 sms night-1 answer: yours x3 until 3800"]);
    let owned = stage.book.pages().filter(|page| matches!(page.state, PageState::Owned(_))).count();
    assert_eq!((owned, stage.book.pages().count()), (3, 4));
}

#[test]
fn what_is_critical_does_not_wait_and_takes_the_others_along() {
    let mut stage = stage(paging());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 20).pass(vec![broken("Page", shift(2))]);
    at(&mut stage, 40).pass(vec![broken("Critical", shift(3))]);
    stage.until(200);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001", "+50 sms night-1 bundle: open Critical/0003 Page/0002"]
    );
}

#[test]
fn a_page_that_somebody_took_meanwhile_is_not_told_any_more() {
    let mut stage = stage(paging());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 20).pass(vec![broken("Page", shift(2)), broken("Page", shift(3))]);
    at(&mut stage, 60).ack("Page", shift(2), 3_000);
    at(&mut stage, 90).pass(vec![fine("Page", shift(3), Closing::Covered)]);
    stage.until(300);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001"],
        "nobody reads of what they never heard of and need not"
    );
}

#[test]
fn an_end_is_told_at_once_beside_a_page_that_waits() {
    let mut stage = stage(paging());
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 20).pass(vec![broken("Page", shift(2))]);
    at(&mut stage, 60).pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(300);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001", "+60 sms night-1 closed: Page/0001", "+180 sms night-1 page: Page/0002",]
    );
}

#[test]
fn a_phone_gets_ten_texts_in_an_hour_and_loses_nothing() {
    let mut policy = paging();
    policy.paging.escalation.get_mut("coverage").unwrap().steps.truncate(1);
    policy.paging.escalation.get_mut("coverage").unwrap().repeat = Duration::from_hours(9);
    let mut stage = stage(policy);
    for n in 1..=20 {
        at(&mut stage, i64::from(n) * 130 - 130).pass(vec![broken("Page", shift(n))]);
    }
    stage.until(3_600);
    assert_eq!(stage.said().len(), 10);
    stage.until(3_700);
    let said = stage.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("+3610 sms night-1 bundle: open Page/0011 Page/0012 and 8 more"), "{said:?}");
}

/// Two thousand alerts in a minute, on three phones, with one that is worse among them.
#[test]
fn two_thousand_alerts_in_a_minute() {
    let mut policy = paging();
    let calls = [Via::Sms, Via::Call];
    policy.paging.escalation.get_mut("coverage").unwrap().steps =
        vec![escalation_step(&["night-1"], &calls, 0), escalation_step(&["night-2", "lead"], &calls, 600)];
    let mut stage = Stage::new(policy);
    stage.twice = false;
    for second in 0..60_u32 {
        let first = second * 2_000 / 60;
        let last = (second + 1) * 2_000 / 60;
        let mut found: Vec<_> = (first..last).map(|n| broken("Page", shift(n))).collect();
        if second == 30 {
            found.push(broken("Critical", shift(5_000)));
        }
        at(&mut stage, i64::from(second)).pass(found);
    }
    stage.until(240);
    let said = stage.said();
    let texts: Vec<&String> = said.iter().filter(|line| line.contains(" sms ")).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].starts_with("+10 sms night-1 bundle: open Page/0000"), "within seconds: {texts:?}");
    assert!(texts[1].starts_with("+40 sms night-1 bundle: open Critical/5000"), "the second: {texts:?}");
    assert!(texts[2].starts_with("+160 sms night-1 bundle: open Page/"), "{texts:?}");
    assert!(said.len() <= 5, "calls come together too: {said:?}");
    stage.until(900);
    for person in ["night-1", "night-2", "lead"] {
        assert!(heard(&stage, person) <= 8, "{person}: {}", heard(&stage, person));
    }
    let told = stage.book.pages().filter(|page| page.told.iter().any(PageTold::may_know)).count();
    assert_eq!(told, 2_001, "everything was told, named or counted");
    // Somebody takes all of it, and the others hear it in one text.
    stage.said();
    stage.reply("night-2", "1 ALL");
    let said = stage.said();
    assert_eq!(said.iter().filter(|line| line.contains("answer: yours x")).count(), 1, "{said:?}");
    assert!(said.len() <= 3, "{said:?}");
    // All of it ends within a minute.
    for second in 0..60_u32 {
        let (first, last) = (second * 2_000 / 60, (second + 1) * 2_000 / 60);
        let fine: Vec<_> = (first..last).map(|n| fine("Page", shift(n), Closing::Covered)).collect();
        at(&mut stage, 960 + i64::from(second)).pass(fine);
    }
    stage.pass(vec![fine("Critical", shift(5_000), Closing::Covered)]);
    stage.until(7_200);
    let said = stage.said();
    for person in ["night-1", "night-2", "lead"] {
        let n = said.iter().filter(|line| line.contains(&format!(" sms {person} "))).count();
        assert!((1..=4).contains(&n), "{person}: {said:?}");
    }
    let closed: usize = stage
        .notices
        .iter()
        .filter(|notice| notice.to.as_str() == "night-1")
        .map(|notice| match &notice.says {
            Says::Bundle(all) => all.closed.len(),
            Says::Closed { .. } => 1,
            _ => 0,
        })
        .sum();
    assert!(closed >= 500, "{closed}");
}
