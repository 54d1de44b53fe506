//! Stories of bad nights: a policy or a person leaves the configuration, a shift ends with nobody, one trouble has two
//! names. Times are seconds after noon; shifts start at 14400.

use std::collections::BTreeMap;

use super::{orders::News, page::Turn, policy::Policy, stage::*};
use crate::{alerts::inhibit::InhibitRule, rules::finding::Closing};

/// Broken at noon, night-1 has the text.
fn paged(policy: Policy) -> Stage {
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.said();
    stage
}

#[test]
fn a_page_whose_policy_was_renamed_goes_on_with_what_its_receiver_names() {
    let mut stage = paged(paging());
    let mut renamed = paging();
    let mut policy = renamed.paging.escalation.remove("coverage").unwrap();
    policy.name = "cov2".to_owned();
    renamed.paging.escalation = BTreeMap::from([("cov2".to_owned(), policy)]);
    renamed.receivers.get_mut("on-call").unwrap().page[0].policy = "cov2".to_owned();
    stage.reload(renamed);
    stage.restart();
    at(&mut stage, 615).news("night-2", News::Delivered);
    stage.until(920);
    assert_eq!(
        stage.said(),
        [
            "+610 sms night-2 escalated after night-1 10: Page/0001",
            "+910 sms night-1 again after night-2 610: Page/0001"
        ]
    );
    assert_eq!(stage.book.pages().count(), 1, "it is one page still");
}

#[test]
fn a_page_whose_policy_is_gone_tells_everybody() {
    let mut stage = paged(paging());
    let mut gone = paging();
    gone.paging.escalation.clear();
    gone.receivers.get_mut("on-call").unwrap().page.clear();
    stage.reload(gone);
    stage.until(920);
    let said = stage.said();
    for person in ["lead", "night-1", "night-2"] {
        assert!(said.iter().any(|line| line.contains(&format!("sms {person} again"))), "{said:?}");
    }
}

#[test]
fn mine_inside_the_last_hour_never_runs_past_the_start() {
    for (replied_at, until) in [(20, 3_620), (9_000, 10_800), (10_900, 12_100), (14_000, 14_400)] {
        let mut stage = paged(paging());
        at(&mut stage, replied_at).said();
        stage.reply("night-1", "1 K7");
        let said = stage.said();
        let answer = format!("+{replied_at} sms night-1 answer: yours x1 until {until}");
        assert!(said.contains(&answer), "{answer}: {said:?}");
    }
}

#[test]
fn a_shift_whose_alert_ends_with_it_is_asked_about_by_whoever_was_told_last() {
    let mut stage = paged(paging());
    at(&mut stage, 615).news("night-2", News::Delivered);
    stage.said();
    at(&mut stage, 800);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Expired)]);
    stage.until(40_000);
    assert_eq!(
        stage.said(),
        ["+800 sms night-2 went unstaffed? after night-1 10: Page/0001", "+800 sms night-1 closed: Page/0001",]
    );
    assert!(made.page_turns.iter().any(|turn| turn.what == Turn::WentUnstaffed));

    let mut stage = paged(paging());
    stage.reply("night-1", "1 K7");
    stage.said();
    at(&mut stage, 800).pass(vec![fine("Page", shift(1), Closing::Expired)]);
    assert_eq!(stage.said(), ["+800 sms night-1 closed (night-1 had it): Page/0001"], "somebody had it");
}

#[test]
fn a_question_that_waits_for_a_phones_limit_is_asked_after_the_end() {
    let mut stage = paged(paging());
    at(&mut stage, 20).pass(vec![broken("Page", shift(2))]);
    at(&mut stage, 60).pass(vec![fine("Page", shift(1), Closing::Expired)]);
    stage.until(400);
    let said = stage.said().join("\n");
    assert!(said.contains("night-1") && said.contains("Page/0001"), "{said}");
}

#[test]
fn what_a_worse_one_of_the_same_shift_mutes_is_no_second_trouble() {
    let mut policy = paging();
    policy.inhibit_rules = vec![InhibitRule {
        source_matchers: matchers("alertname=\"Critical\""),
        target_matchers: matchers("alertname=\"Page\""),
        equal: vec!["shift".to_owned()],
    }];
    let mut stage = paged(policy);
    stage.reply("night-1", "2 K7 60");
    stage.said();
    at(&mut stage, 600).pass(vec![broken("Critical", shift(1))]);
    stage.until(700);
    assert_eq!(stage.said(), ["+610 sms night-1 more: Critical/0001"]);
    stage.pass(vec![fine("Critical", shift(1), Closing::Cancelled), fine("Page", shift(1), Closing::Cancelled)]);
    let said = stage.said();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].ends_with("/0001") && said[0].matches("/0001").count() == 1, "{said:?}");
}

#[test]
fn an_owner_who_is_no_longer_there_is_neither_asked_nor_waited_for() {
    let mut stage = paged(paging());
    stage.reply("night-1", "2 K7 10");
    stage.said();
    let mut without = paging();
    let people = [person("night-2", 2), person("lead", 3)];
    without.paging.roster = std::sync::Arc::new(crate::on_call::Roster::new(people));
    stage.reload(without);
    stage.until(700);
    assert_eq!(stage.said(), ["+615 sms night-2 expired after night-1 10: Page/0001"]);
}

#[test]
fn a_single_page_after_many_in_one_text_is_told_as_itself() {
    let mut stage = Stage::new(paging());
    stage.pass((1..=4).map(|n| broken("Page", shift(n))).collect());
    at(&mut stage, 15).news("night-1", News::Delivered);
    let first = stage.said();
    assert!(first[0].contains("bundle"), "{first:?}");
    at(&mut stage, 300).pass(vec![broken("Page", shift(5))]);
    stage.until(500);
    let said = stage.said();
    assert!(said.iter().any(|line| line.ends_with("sms night-1 page: Page/0005")), "{said:?}");
}
