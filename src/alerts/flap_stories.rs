//! Stories of what opens and closes over and over. Times are seconds after noon.

use std::time::Duration;

use super::{stage::*, step::Quiet};
use crate::{
    on_call::Via,
    rules::finding::{Closing, Finding},
};

const NOTHING: [&str; 0] = [];
/// It opens every five minutes, and closes a hundred seconds later.
const EVERY: i64 = 300;
const LASTS: i64 = 100;

fn opens() -> Finding {
    broken("Page", shift(1))
}

fn closes() -> Finding {
    fine("Page", shift(1), Closing::Covered)
}

/// It opened and closed so often, the first time at noon.
fn fluttered(n: i64) -> Stage {
    let mut policy = paging();
    let escalation = policy.paging.escalation.get_mut("coverage").unwrap();
    escalation.unconfirmed_after = Duration::from_hours(1);
    escalation.steps = vec![escalation_step(&["night-1"], &[Via::Sms], 0)];
    escalation.repeat = Duration::from_hours(9);
    let mut stage = Stage::new(policy);
    for n in 0..n {
        at(&mut stage, n * EVERY).pass(vec![opens()]);
        at(&mut stage, n * EVERY + LASTS).pass(vec![closes()]);
    }
    stage
}

#[test]
fn the_fourth_time_says_that_it_keeps_changing_and_the_end_waits_for_half_an_hour_of_quiet() {
    let mut stage = fluttered(4);
    assert_eq!(
        stage.said(),
        [
            "+10 sms night-1 page: Page/0001",
            "+100 sms night-1 closed: Page/0001",
            "+310 sms night-1 page: Page/0001",
            "+400 sms night-1 closed: Page/0001",
            "+610 sms night-1 page: Page/0001",
            "+700 sms night-1 closed: Page/0001",
            "+910 sms night-1 changing 4 since 10: Page/0001",
        ]
    );
    stage.restart();
    at(&mut stage, 1_200).pass(vec![opens()]);
    stage.until(1_220);
    let made = stage.pass(vec![opens()]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Flapping)]);
    stage.restart();
    at(&mut stage, 1_300).pass(vec![closes()]);
    stage.until(1_300 + 1_799);
    assert_eq!(stage.said(), NOTHING);
    stage.restart();
    stage.until(1_300 + 1_801);
    assert_eq!(stage.said(), ["+3100 sms night-1 closed: Page/0001"]);
    stage.until(40 * 3_600);
    assert_eq!(stage.said(), NOTHING);
    let left = (stage.book.alerts().count(), stage.book.groups().count(), stage.book.pages().count());
    assert_eq!(left, (0, 0, 0), "a day later all is forgotten");
}

#[test]
fn what_stays_is_told_again_after_half_an_hour() {
    let mut stage = fluttered(4);
    stage.said();
    at(&mut stage, 1_200).pass(vec![opens()]);
    stage.until(910 + 1_800 + 5);
    assert_eq!(stage.said(), ["+2710 sms night-1 changing 5 since 10: Page/0001"]);
    at(&mut stage, 3_000).pass(vec![closes()]);
    stage.until(3_000 + 1_805);
    assert_eq!(stage.said(), ["+4800 sms night-1 closed: Page/0001"], "one end for all of it");
}

#[test]
fn a_worse_one_is_told_at_once() {
    let mut stage = fluttered(4);
    stage.said();
    at(&mut stage, 1_200).pass(vec![opens()]);
    at(&mut stage, 1_250).pass(vec![broken("Critical", shift(1))]);
    stage.until(1_300);
    assert_eq!(stage.said(), ["+1260 sms night-1 changing 5 since 10: Critical/0001"]);
}

#[test]
fn three_times_in_more_than_an_hour_are_no_flutter() {
    let mut stage = fluttered(3);
    stage.said();
    at(&mut stage, 4_000).pass(vec![opens()]);
    stage.until(4_020);
    assert_eq!(stage.said(), ["+4010 sms night-1 page: Page/0001"]);
    at(&mut stage, 4_100).pass(vec![closes()]);
    assert_eq!(stage.said(), ["+4100 sms night-1 closed: Page/0001"]);
}
