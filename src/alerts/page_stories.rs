//! Stories of pages: who is told at which step, who has it, and who hears that it is over. Times are seconds after noon.

use chrono::TimeDelta;

use super::{
    alert::AlertState,
    orders::News,
    page::{PageState, Turn},
    policy::Policy,
    stage::*,
    step::Quiet,
};
use crate::{
    on_call::{QuietHours, Via},
    rules::finding::Closing,
};

const NOTHING: [&str; 0] = [];

/// Broken at noon, paged at ten seconds past.
fn paged(policy: Policy) -> Stage {
    let mut stage = Stage::new(policy);
    stage.pass(vec![broken("Page", shift(1))]);
    stage
}

fn with_steps(steps: Vec<crate::on_call::EscalationStep>) -> Policy {
    let mut policy = paging();
    policy.paging.escalation.get_mut("coverage").unwrap().steps = steps;
    policy
}

#[test]
fn the_story_of_a_night() {
    let mut stage = paged(paging());
    at(&mut stage, 12).news("night-1", News::Delivered);
    at(&mut stage, 612).news("night-2", News::Delivered);
    at(&mut stage, 700).reply("night-2", "1 K7");
    at(&mut stage, 840).pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.until(60 * 60 * 40);
    assert_eq!(
        stage.said(),
        [
            "+10 sms night-1 page: Page/0001",
            "+610 sms night-2 escalated after night-1 10: Page/0001",
            "+700 sms night-1 night-2 has it until 4300: Page/0001",
            "+700 sms night-2 answer: yours x1 until 4300",
            "+840 sms night-1 closed (night-2 had it): Page/0001",
            "+840 sms night-2 closed (night-2 had it): Page/0001",
        ]
    );
    let left = (stage.book.alerts().count(), stage.book.groups().count(), stage.book.pages().count());
    assert_eq!((left, stage.agenda.len()), ((0, 0, 0), 0), "a day later all is forgotten");
}

#[test]
fn steps_repeat_until_somebody_owns_it() {
    let mut stage = paged(paging());
    for _ in 0..2 {
        let now = (stage.now - noon()).num_seconds();
        at(&mut stage, now + 15).news("night-1", News::Delivered);
        stage.until(now + 615);
        stage.news("night-2", News::Delivered);
        stage.until(now + 900);
    }
    assert_eq!(
        stage.said(),
        [
            "+10 sms night-1 page: Page/0001",
            "+610 sms night-2 escalated after night-1 10: Page/0001",
            "+910 sms night-1 again after night-2 610: Page/0001",
            "+1510 sms night-2 escalated after night-1 10: Page/0001",
        ]
    );
    let made = stage.pass(vec![broken("Page", shift(1))]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Paged)]);
    assert!(made.is_empty(), "{made:?}");
}

#[test]
fn the_next_way_comes_when_one_fails_or_is_not_confirmed() {
    type Row<'a> = (Option<(i64, News)>, &'a [&'a str], &'a str);
    let rows: [Row<'_>; 6] = [
        (None, &["+10 sms", "+130 call"], "no word in two minutes"),
        (Some((20, News::Sent)), &["+10 sms", "+140 call"], "counted from when it left"),
        (Some((20, News::Delivered)), &["+10 sms"], "it is there"),
        (Some((20, News::Undelivered)), &["+10 sms", "+20 call", "+140 sms"], "at once, and then the next person"),
        (Some((20, News::OptedOut)), &["+10 sms", "+20 call", "+140 sms"], "at once"),
        (Some((20, News::Expired)), &["+10 sms", "+20 call", "+140 sms"], "at once"),
    ];
    for (news, expected, why) in rows {
        let mut stage = paged(with_steps(vec![
            escalation_step(&["night-1"], &[Via::Sms, Via::Call], 0),
            escalation_step(&["night-2"], &[Via::Sms], 600),
        ]));
        if let Some((secs, news)) = news {
            at(&mut stage, secs).news("night-1", news);
        }
        stage.until(200);
        let said: Vec<String> =
            stage.said().iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(said, expected, "{why}");
    }
}

#[test]
fn a_mail_is_not_waited_for_when_another_way_follows() {
    let mut stage = paged(with_steps(vec![
        escalation_step(&["night-1"], &[Via::Email, Via::Sms], 0),
        escalation_step(&["night-2"], &[Via::Email], 600),
    ]));
    at(&mut stage, 20).news("night-1", News::Delivered);
    stage.until(650);
    assert_eq!(
        stage.said(),
        [
            "+10 email night-1 page: Page/0001",
            "+10 sms night-1 page: Page/0001",
            "+610 email night-2 escalated after night-1 10: Page/0001",
        ],
        "and as the last way it is all that can be done"
    );
}

#[test]
fn when_everybody_of_a_step_is_out_of_ways_the_next_step_comes_now() {
    let mut stage = paged(paging());
    at(&mut stage, 30).news("night-1", News::Undelivered);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001", "+30 sms night-2 escalated: Page/0001"],
        "and says of nobody that they were told who was not"
    );
    let mut stage = paged(paging());
    stage.until(200);
    assert_eq!(stage.said()[1], "+130 sms night-2 escalated after night-1 10: Page/0001", "nor is it waited for word");
}

#[test]
fn a_step_without_anybody_is_skipped_at_once_and_the_last_is_never_silent() {
    let mut stage = paged(with_steps(vec![
        escalation_step(&["nobody"], &[Via::Sms], 0),
        escalation_step(&["night-2"], &[Via::Sms], 600),
    ]));
    stage.until(20);
    assert_eq!(stage.said(), ["+10 sms night-2 page: Page/0001"]);

    let mut stage = paged(with_steps(vec![
        escalation_step(&["night-1"], &[Via::Sms], 0),
        escalation_step(&["nobody"], &[Via::Sms], 600),
    ]));
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.until(620);
    assert_eq!(stage.said(), ["+10 sms night-1 page: Page/0001"], "everybody in the policy was told in this round");

    let mut stage = Stage::new(with_steps(vec![escalation_step(&["nobody"], &[Via::Sms], 0)]));
    stage.pass(vec![broken("Page", shift(1))]);
    stage.now = noon() + TimeDelta::seconds(10);
    let made = stage.pass(vec![]);
    assert_eq!(
        stage.said(),
        ["+10 sms lead page: Page/0001", "+10 sms night-1 page: Page/0001", "+10 sms night-2 page: Page/0001"],
        "nobody in it at all: everybody there is"
    );
    assert_eq!(made.page_turns.last().unwrap().what, Turn::Everybody);
}

#[test]
fn a_policy_whose_people_all_opted_out_tells_whoever_is_left() {
    let mut stage = Stage::new(paging());
    let bad = ["night-1", "night-2"].map(|name| (stage.phone(name), Via::Sms)).into_iter();
    let calls = bad.clone().map(|(mark, _)| (mark, Via::Call));
    stage.phones.set_bad(bad.chain(calls).collect());
    stage.pass(vec![broken("Page", shift(1))]);
    stage.until(20);
    assert_eq!(
        stage.said(),
        ["+10 email night-1 page: Page/0001", "+10 email night-2 page: Page/0001"],
        "by the ways that are left to them"
    );
}

#[test]
fn an_owner_is_asked_and_then_it_escalates_again() {
    let mut stage = paged(paging());
    at(&mut stage, 20).news("night-1", News::Delivered);
    stage.reply("night-1", "2 K7 10");
    stage.until(1_000);
    assert_eq!(
        stage.said(),
        [
            "+10 sms night-1 page: Page/0001",
            "+20 sms night-1 answer: yours x1 until 620",
            "+620 sms night-1 still yours? until 920: Page/0001",
            "+920 sms night-1 expired: Page/0001",
        ]
    );
    assert!(matches!(stage.alert("Page", shift(1)).unwrap().state, AlertState::Firing { .. }));

    let mut stage = paged(paging());
    at(&mut stage, 20).reply("night-1", "2 K7 10");
    at(&mut stage, 700).reply("night-1", "1 K7");
    stage.until(1_500);
    assert_eq!(stage.said().last().unwrap(), "+700 sms night-1 answer: yours x1 until 4300", "an answer keeps it");
}

#[test]
fn what_falls_due_on_an_owned_page_is_told_to_the_owner_only() {
    let mut stage = paged(paging());
    at(&mut stage, 612).news("night-2", News::Delivered);
    stage.reply("night-2", "2 K7 30");
    stage.said();
    at(&mut stage, 900).pass(vec![broken("Critical", shift(1))]);
    stage.until(1_200);
    assert_eq!(stage.said(), ["+910 sms night-2 more after night-1 10: Critical/0001"]);
    assert!(matches!(stage.alert("Critical", shift(1)).unwrap().state, AlertState::Acknowledged { .. }));
    assert_eq!(stage.book.pages().count(), 1, "no second page");
}

#[test]
fn more_on_a_page_that_nobody_owns_is_told_when_it_is_worse() {
    let mut stage = paged(paging());
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.said();
    at(&mut stage, 100).pass(vec![broken("Critical", shift(1))]);
    stage.until(120);
    assert_eq!(stage.said(), ["+110 sms night-1 more: Critical/0001"]);
    stage.until(620);
    assert_eq!(stage.said(), ["+610 sms night-2 escalated after night-1 10: Critical/0001"]);
}

#[test]
fn what_was_written_before_a_page_was_told_takes_it_only_by_its_code() {
    let mut stage = paged(paging());
    at(&mut stage, 20).said();
    stage.reply_written("night-1", "1", Some(4));
    stage.reply_written("night-1", "1 ALL", Some(4));
    assert!(stage.book.pages().all(|page| page.ownership().is_none()));
    assert_eq!(stage.said(), ["+20 sms night-1 answer: which one of 1", "+20 sms night-1 answer: which one of 1"]);
    stage.reply_written("night-1", "1", Some(15));
    assert!(stage.book.pages().all(|page| page.ownership().is_some()), "told at 10, answered at 15");

    let mut stage = paged(paging());
    at(&mut stage, 20).reply_written("night-1", "1 K7", Some(0));
    assert!(stage.book.pages().all(|page| page.ownership().is_some()), "whose clock is wrong names it by its code");
}

#[test]
fn replies_are_answered_with_what_happened() {
    let mut stage = paged(paging());
    stage.pass(vec![broken("Page", shift(2))]);
    at(&mut stage, 20).said();
    stage.reply("night-1", "1");
    stage.reply("night-1", "1 X99");
    stage.reply("night-1", "4 K7");
    stage.reply("night-2", "1");
    stage.reply("night-1", "4 K7");
    stage.reply("night-1", "1 K7");
    stage.reply("night-1", "1 ALL");
    assert_eq!(
        stage.said(),
        [
            "+20 sms night-1 answer: which one of 2",
            "+20 sms night-1 answer: no such code, 2 open",
            "+20 sms night-2 escalated after night-1 10: Page/0001",
            "+20 sms night-1 answer: passed to night-2",
            "+20 sms night-1 night-2 has it until 3620: Page/0001",
            "+20 sms night-2 answer: yours x1 until 3620",
            "+20 sms night-1 answer: night-2 has it",
            "+20 sms night-2 night-1 has it until 3620: Page/0001",
            "+20 sms night-1 answer: taken from night-2 until 3620",
            "+20 sms night-1 answer: yours x2 until 3620",
        ]
    );
    at(&mut stage, 100).pass(vec![fine("Page", shift(1), Closing::Covered), fine("Page", shift(2), Closing::Covered)]);
    stage.said();
    at(&mut stage, 200).reply("night-1", "1 K7");
    stage.reply("night-1", "1");
    assert_eq!(stage.said(), ["+200 sms night-1 answer: over: Page/0001", "+200 sms night-1 answer: nothing open"]);
}

#[test]
fn handled_is_theirs_until_the_shift_ends() {
    let mut stage = paged(paging());
    at(&mut stage, 20).reply("night-1", "3 K7");
    stage.until(28_799);
    assert_eq!(stage.said(), ["+10 sms night-1 page: Page/0001", "+20 sms night-1 answer: handled x1"]);
}

#[test]
fn a_shift_that_ends_unowned_is_asked_about_once() {
    let mut stage = paged(paging());
    stage.until(28_799);
    stage.said();
    stage.until(40_000);
    assert_eq!(stage.said(), ["+28800 sms night-2 went unstaffed? after night-1 10: Page/0001"]);
}

#[test]
fn an_order_on_an_alert_owns_its_page() {
    let mut stage = paged(paging());
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.said();
    stage.ack("Page", shift(1), 600);
    assert_eq!(stage.said(), NOTHING, "the one who was told is the one who has it");
    let page = stage.book.pages().next().unwrap();
    assert!(matches!(&page.state, PageState::Owned(owned) if owned.ack.by == "night-1"), "{page:?}");
    at(&mut stage, 300).pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+300 sms night-1 closed (night-1 had it): Page/0001"]);
}

#[test]
fn who_sleeps_hears_of_the_end_in_the_morning() {
    let mut policy = paging();
    let quiet = QuietHours {
        from: chrono::NaiveTime::from_hms_opt(10, 0, 0).unwrap(),
        to: chrono::NaiveTime::from_hms_opt(18, 0, 0).unwrap(),
        zone: chrono_tz::UTC,
    };
    let people = [person("night-1", 1), person("night-2", 2)]
        .map(|person| crate::on_call::Person { quiet_hours: Some(quiet), ..person });
    policy.paging.roster = std::sync::Arc::new(crate::on_call::Roster::new(people));
    let mut stage = paged(policy);
    at(&mut stage, 15).news("night-1", News::Delivered);
    at(&mut stage, 611).news("night-2", News::Delivered);
    at(&mut stage, 620).reply("night-2", "3 K7");
    stage.said();
    at(&mut stage, 5_000).pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.restart();
    stage.until(30_000);
    assert_eq!(
        stage.said(),
        [
            "+5000 sms night-2 closed (night-2 had it): Page/0001",
            "+21600 sms night-1 closed (night-2 had it): Page/0001",
        ],
        "the owner at once, the other when it is 18:00"
    );
}

#[test]
fn a_page_goes_on_while_nobody_can_look_but_none_begins() {
    let mut stage = paged(paging());
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.said();
    at(&mut stage, 595).pass(vec![unjudged("Page", shift(1)), unjudged("Page", shift(2))]);
    stage.until(800);
    assert_eq!(
        stage.said(),
        ["+655 sms night-2 escalated after night-1 10: Page/0001"],
        "a minute later than the step, for a look that does not come"
    );
    stage.restart();
    at(&mut stage, 820).pass(vec![broken("Page", shift(2))]);
    stage.until(840);
    assert_eq!(stage.said(), ["+830 sms night-1 page: Page/0002"], "what nobody was told of waits for a look");
}

#[test]
fn what_was_read_again_in_time_escalates_in_time() {
    let mut stage = paged(paging());
    at(&mut stage, 15).news("night-1", News::Delivered);
    at(&mut stage, 590).pass(vec![unjudged("Page", shift(1))]);
    at(&mut stage, 605).pass(vec![broken("Page", shift(1))]);
    stage.until(700);
    assert_eq!(
        stage.said(),
        ["+10 sms night-1 page: Page/0001", "+610 sms night-2 escalated after night-1 10: Page/0001"]
    );
}

#[test]
fn a_page_survives_the_policy_and_the_receiver() {
    let mut stage = paged(paging());
    at(&mut stage, 15).news("night-1", News::Delivered);
    stage.said();
    let mut without = policy();
    without.receivers.get_mut("on-call").unwrap().sms.clear();
    without.receivers.get_mut("on-call").unwrap().email.clear();
    stage.reload(without);
    stage.until(1_000);
    assert_eq!(stage.said(), NOTHING);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    assert_eq!(stage.said(), ["+1000 sms night-1 closed: Page/0001"]);
}

#[test]
fn what_is_over_before_it_left_is_withdrawn() {
    let mut stage = paged(paging());
    stage.until(12);
    let made = stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    let first = stage.notices[0].message(stage.book.agency());
    assert_eq!(made.cancels, std::slice::from_ref(&first));
    assert_eq!(made.notices[0].follows, [first], "and its closing goes only if it left after all");
}

#[test]
fn handled_ends_when_somebody_else_is_to_come() {
    use crate::{model::CaregiverId, rules::finding::Verdict};
    let with = |caregiver: &str| {
        let mut finding = broken("Page", shift(1));
        if let Verdict::Broken(broken) = &mut finding.verdict {
            broken.caregiver = Some(CaregiverId::new(caregiver));
        }
        finding
    };
    let mut stage = Stage::new(paging());
    stage.pass(vec![with("8000201")]);
    at(&mut stage, 20).reply("night-1", "3 K7");
    stage.said();
    at(&mut stage, 300).pass(vec![with("8000201")]);
    assert_eq!(stage.said(), NOTHING);
    at(&mut stage, 400).pass(vec![with("8000202")]);
    assert_eq!(stage.said(), ["+400 sms night-1 expired: Page/0001"]);
    assert!(matches!(stage.alert("Page", shift(1)).unwrap().state, AlertState::Firing { .. }));
}

#[test]
fn a_link_does_each_thing_once() {
    use super::{
        orders::{Action, Ask},
        page::{LinkKey, link_hash},
    };
    let mut stage = Stage::new(paging());
    stage.link_key = Some(LinkKey::new(&[7; 32]));
    stage.pass(vec![broken("Page", shift(1))]);
    at(&mut stage, 20).said();
    let page = stage.book.pages().next().unwrap().clone();
    let super::notice::Says::Page { link: Some(token), .. } = &stage.notices[0].says else { panic!("a link") };
    let proof = link_hash(token);
    assert_eq!(page.links[0].hash, proof);
    let press = |action: Action, proof: &str| Ask::Press {
        page: page.key.topic(),
        person: crate::model::PersonName::new("night-1"),
        action,
        proof: proof.to_owned(),
    };
    assert!(stage.order(press(Action::Mine { minutes: None }, "forged")).delta.pages.is_empty(), "a forged link");
    stage.order(press(Action::Mine { minutes: None }, &proof));
    let until = |stage: &Stage| stage.book.pages().next().unwrap().ownership().map(|owned| owned.ack.until);
    let first = until(&stage);
    assert!(first.is_some());
    at(&mut stage, 100).order(press(Action::Mine { minutes: None }, &proof));
    assert_eq!(until(&stage), first, "a link that was used does nothing more");
    stage.order(press(Action::Mine { minutes: Some(40) }, &proof));
    assert_eq!(until(&stage), Some(noon() + TimeDelta::seconds(100 + 40 * 60)), "another button is another thing");
    assert_eq!(stage.said(), NOTHING, "the page that opened says it, no text does");
}

#[test]
fn two_routes_page_one_alert_and_one_reply_owns_both_and_others_hear_it_once() {
    let mut policy = paging();
    let mut first = route("on-call", "", &["agency", "shift"], [10, 300, 14_400]);
    (first.id, first.continue_) = ("first".to_owned(), true);
    let mut second = route("on-call", "", &["agency", "alertname"], [10, 300, 14_400]);
    second.id = "second".to_owned();
    policy.route.routes = vec![first, second];
    let mut stage = paged(policy);
    stage.pass(vec![broken("Page", shift(2))]);
    stage.until(140);
    let open = |stage: &Stage| {
        let mut pages: Vec<(String, usize, &str)> = stage
            .book
            .pages()
            .map(|page| (page.key.group.route.clone(), page.alerts.len(), page.state_name()))
            .collect();
        pages.sort_unstable();
        pages
    };
    let (by_shift, by_name) = ("first".to_owned(), "second".to_owned());
    assert_eq!(
        open(&stage),
        [(by_shift.clone(), 1, "open"), (by_shift.clone(), 1, "open"), (by_name.clone(), 2, "open")],
        "a page a shift by one route, one for both by the other"
    );
    stage.said();
    let code = stage.code("night-1", 0);
    stage.reply("night-1", &format!("1 {code}"));
    // Ownership is a page's; what it tells of is the owner's too, and a page of which all is somebody's is theirs.
    let owned: Vec<(String, usize, &str)> = open(&stage).into_iter().filter(|(.., state)| *state == "owned").collect();
    // The others hear it when their phone has had its pause.
    stage.until(300);
    let said = stage.said();
    assert_eq!(owned, [(by_shift, 1, "owned")], "{said:?}");
    let heard = said.iter().filter(|text| text.contains("night-2") && text.contains("owned x1")).count();
    assert_eq!(heard, 1, "{said:?}");
}

#[test]
fn what_somebody_says_is_kept_and_a_morning_is_asked_by_a_way_that_wakes_nobody() {
    use crate::alerts::{
        disposition::{Disposition, MorningList, Said},
        notice::Says,
        orders::Ask,
    };
    let mut stage = Stage::new(paging());
    let said = Said {
        fingerprint: "0123456789abcdef".to_owned(),
        active_at: noon(),
        at: noon(),
        by: "office".to_owned(),
        disposition: Disposition::Unstaffed,
        approver: Some("director".to_owned()),
        covered_by: None,
        note: String::new(),
    };
    let made = stage.order(Ask::Dispose(Box::new(said.clone())));
    let kept: Vec<Disposition> = made.delta.said.iter().map(|said| said.disposition).collect();
    assert_eq!(kept, [Disposition::Unstaffed]);
    let people = ["night-1", "night-2", "who-left"].map(crate::model::PersonName::new).to_vec();
    let list = MorningList { n_shifts: 3, n_open: 2, open: Vec::new(), people };
    // night-2 takes no texts any more.
    let bad = stage.phone("night-2");
    stage.phones.set_bad([(bad.clone(), Via::Sms), (bad, Via::Call)].into());
    let day = "2026-12-01".parse().unwrap();
    let made = stage.order(Ask::Morning { day, list: list.clone() });
    let told: Vec<(&str, Via)> = made.notices.iter().map(|notice| (notice.to.as_str(), notice.via)).collect();
    assert_eq!(told, [("night-1", Via::Sms), ("night-2", Via::Email)], "nobody is called, whoever left is left alone");
    assert_eq!(made.notices[0].says, Says::Morning { n_shifts: 3, n_open: 2, open: Vec::new() });
    let again = stage.order(Ask::Morning { day, list });
    let agency = &stage.book.agency().clone();
    let ids = |step: &crate::alerts::step::Step| -> Vec<String> {
        step.notices.iter().map(|notice| notice.message(agency).as_str().to_owned()).collect()
    };
    assert_eq!(ids(&made), ids(&again), "twice the same order is once the same text: the store takes an id once");
}
