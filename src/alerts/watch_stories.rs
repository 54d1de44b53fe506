//! Stories of hand-overs and of quiet hours. Times are seconds after noon.

use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{orders::News, policy::Policy, stage::*};
use crate::{
    model::{AgencyName, Instant},
    on_call::{QuietHours, Roster, Rota, Rotation, Schedule, Via},
    rules::finding::Closing,
};

const NOTHING: [&str; 0] = [];
const HOUR: i64 = 3_600;
/// The next hand-overs: at 17:00, and 17:00 of the next day.
const HANDS_OVER: i64 = 5 * HOUR;
const DAY: i64 = 24 * HOUR;

/// night-1 and night-2 in turn, from 17:00 to 17:00; noon of the first day is night-2's.
fn policy() -> Policy {
    let mut policy = paging();
    let rotation = Rotation {
        people: vec!["night-1".into(), "night-2".into()],
        every: TimeDelta::days(1),
        start: "2026-11-24T17:00:00".parse().unwrap(),
        only: Vec::new(),
    };
    let before = Rotation { start: "2026-11-01T17:00:00".parse().unwrap(), ..rotation.clone() };
    let before = Rotation { people: vec!["night-2".into()], ..before };
    let schedule = Schedule {
        name: "nights".to_owned(),
        timezone: Tz::UTC,
        rota: Rota::Rotations(vec![before, rotation]),
        overrides: Vec::new(),
        may_be_empty: false,
        watch_on: None,
    };
    let roster = Roster::clone(&policy.paging.roster).with_schedules([schedule]);
    policy.paging.roster = Arc::new(roster);
    policy.paging.watch_on = [("nights".to_owned(), AgencyName::new("main"))].into();
    policy
}

fn quiet(policy: &mut Policy, name: &str, from: &str, to: &str) {
    let hours = QuietHours { from: from.parse().unwrap(), to: to.parse().unwrap(), zone: Tz::UTC };
    let schedules: Vec<Schedule> = policy.paging.roster.schedules().cloned().collect();
    let people = policy.paging.roster.people().cloned().map(|mut person| {
        if person.name.as_str() == name {
            person.quiet_hours = Some(hours);
        }
        person
    });
    policy.paging.roster = Arc::new(Roster::new(people).with_schedules(schedules));
}

#[test]
fn whoever_comes_on_is_told_once_with_what_is_open() {
    let mut stage = Stage::new(policy());
    at(&mut stage, HANDS_OVER - 60).pass(vec![broken("Page", shift(1))]);
    stage.until(HANDS_OVER - 1);
    stage.said();
    stage.until(HANDS_OVER + 1);
    let until = HANDS_OVER + DAY;
    assert_eq!(stage.said(), [format!("+18000 sms night-1 watch on nights until {until}: Page/0001")]);
    stage.pass(vec![fine("Page", shift(1), Closing::Covered)]);
    stage.said();
    stage.restart();
    stage.until(HANDS_OVER + 2 * HOUR);
    stage.restart();
    stage.until(HANDS_OVER + DAY - 1);
    assert_eq!(stage.said(), NOTHING);
    stage.until(HANDS_OVER + DAY + 1);
    let until = until + DAY;
    assert_eq!(stage.said(), [format!("+{} sms night-2 watch on nights until {until}: ", HANDS_OVER + DAY)]);
}

#[test]
fn a_hand_over_during_which_nobody_ran_is_told_within_the_hour() {
    for (late, n) in [(30, 1), (59 * 60, 1), (61 * 60, 0)] {
        let mut stage = Stage::new(policy());
        stage.until(HANDS_OVER - 600);
        stage.now = noon() + TimeDelta::seconds(HANDS_OVER + late);
        stage.restart();
        stage.until(HANDS_OVER + late);
        stage.until(HANDS_OVER + late + 600);
        assert_eq!(stage.said().len(), n, "{late} s late");
    }
}

#[test]
fn a_text_that_does_not_arrive_is_followed_by_the_next_way_and_then_by_a_word_to_whoever_goes() {
    let mut stage = Stage::new(policy());
    stage.until(HANDS_OVER + 5);
    stage.news("night-1", News::Undelivered);
    stage.until(HANDS_OVER + 10);
    stage.news("night-1", News::Undelivered);
    stage.until(HANDS_OVER + 15);
    stage.news("night-1", News::Refused);
    stage.until(HANDS_OVER + 2 * HOUR);
    let until = HANDS_OVER + DAY;
    assert_eq!(
        stage.said(),
        [
            format!("+18000 sms night-1 watch on nights until {until}: "),
            format!("+18005 call night-1 watch on nights until {until}: "),
            format!("+18010 email night-1 watch on nights until {until}: "),
            "+18015 sms night-2 night-1 is not reached (nights)".to_owned(),
        ]
    );
    let mut stage = Stage::new(policy());
    stage.until(HANDS_OVER + 5);
    stage.news("night-1", News::Delivered);
    stage.until(HANDS_OVER + 2 * HOUR);
    assert_eq!(stage.said().len(), 1, "it arrived");
}

#[test]
fn the_same_person_going_on_is_told_nothing_and_quiet_hours_hold_nothing() {
    let mut alone = policy();
    alone.paging.watch_on.clear();
    let mut stage = Stage::new(alone);
    stage.until(3 * DAY);
    assert_eq!(stage.said(), NOTHING, "switched off");
    let mut asleep = policy();
    quiet(&mut asleep, "night-1", "16:00:00", "20:00:00");
    let mut stage = Stage::new(asleep);
    stage.until(HANDS_OVER + 1);
    assert_eq!(stage.said().len(), 1, "who comes on is on call");
}

#[test]
fn who_has_it_waits_for_the_end_of_quiet_hours_of_those_who_were_not_told_lately() {
    let steps = vec![escalation_step(&["lead"], &[Via::Sms], 0), escalation_step(&["night-2"], &[Via::Sms], 2 * 3_600)];
    let mut policy = policy();
    policy.paging.watch_on.clear();
    let escalation = policy.paging.escalation.get_mut("coverage").unwrap();
    (escalation.steps, escalation.repeat) = (steps, std::time::Duration::from_hours(9));
    quiet(&mut policy, "lead", "13:00:00", "16:00:00");
    let asleep = |covered: bool| {
        let mut stage = Stage::new(policy.clone());
        stage.pass(vec![broken("Page", shift(1))]);
        at(&mut stage, 12).news("lead", News::Delivered);
        stage.until(2 * HOUR + 20);
        stage.news("night-2", News::Delivered);
        stage.said();
        stage.reply("night-2", "2 K7 240");
        let said = stage.said();
        assert_eq!(said.len(), 1, "the answer alone: {said:?}");
        stage.restart();
        if covered {
            at(&mut stage, 3 * HOUR).pass(vec![fine("Page", shift(1), Closing::Covered)]);
            stage.said();
        }
        stage.until(4 * HOUR + 60);
        stage.said()
    };
    let has_it = asleep(false);
    assert_eq!(has_it, [format!("+14400 sms lead night-2 has it until {}: Page/0001", 2 * HOUR + 20 + 240 * 60)]);
    assert_eq!(asleep(true), ["+14400 sms lead closed (night-2 had it): Page/0001"], "the end alone");
}

#[test]
fn a_list_goes_to_others_when_their_quiet_hours_are_over() {
    let mut policy = policy();
    policy.paging.watch_on.clear();
    policy.paging.zones = [(AgencyName::new("main"), Tz::UTC)].into();
    quiet(&mut policy, "night-2", "16:00:00", "21:00:00");
    // At 20:30 it is night-1's turn; night-2 is the second step.
    let mut stage = Stage::new(policy);
    let mut gap = broken("Page", shift(1));
    if let crate::rules::finding::Verdict::Broken(broken) = &mut gap.verdict {
        let start: Instant = noon() + TimeDelta::hours(20);
        (broken.starts_at, broken.ends_at) = (Some(start), Some(start + TimeDelta::hours(2)));
        broken.window.closes_at = broken.ends_at;
        broken.opened = Some(crate::rules::finding::Opened::Standing);
    }
    at(&mut stage, 8 * HOUR).pass(vec![gap]);
    stage.until(30_605);
    stage.news("night-1", News::Delivered);
    at(&mut stage, 31_260).reply("night-1", "1 K7");
    stage.until(9 * HOUR + 60);
    assert_eq!(
        stage.said(),
        [
            "+30600 sms night-1 list: Page/0001",
            "+31260 sms night-1 answer: yours x1 until 79200",
            "+32400 sms night-2 list: Page/0001"
        ]
    );
}
