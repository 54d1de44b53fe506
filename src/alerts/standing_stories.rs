//! Stories of standing gaps: the list in the evening, who takes it, and what pages when. Times are seconds after noon; the
//! agency's zone is UTC, so that the lists come at +16200 (16:30) and +30600 (20:30).

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;

use super::{
    notice::Says,
    orders::News,
    page::PageState,
    policy::Policy,
    stage::*,
    standing::{LATE, list_due, looks_until, next_list_at},
    step::Quiet,
};
use crate::{
    model::{AgencyName, ClientId, Instant, ShiftId, ShiftKey, ShiftRef, Subject, local_time::instant_of},
    rules::finding::{Closing, Finding, Opened, Verdict},
};

const HOUR: i64 = 3_600;
const FIRST_LIST: i64 = 16_200;
const SECOND_LIST: i64 = 30_600;
const NOTHING: [&str; 0] = [];

fn policy() -> Policy {
    let mut policy = paging();
    policy.paging.zones = [(AgencyName::new("main"), Tz::UTC)].into();
    policy
}

/// A shift that starts so many hours after noon.
fn starting(n: u32, hours: i64) -> Subject {
    let id = ShiftId::new(format!("9001{n:04}"));
    let start = noon() + TimeDelta::hours(hours);
    Subject::Shift(ShiftKey { start, client: ClientId::new("7001"), id: ShiftRef::Vendor(id) })
}

fn gap(rule: &str, n: u32, hours: i64, opened: Opened) -> Finding {
    let mut finding = broken(rule, starting(n, hours));
    if let Verdict::Broken(broken) = &mut finding.verdict {
        let start = noon() + TimeDelta::hours(hours);
        (broken.starts_at, broken.ends_at) = (Some(start), Some(start + TimeDelta::hours(4)));
        broken.window.closes_at = broken.ends_at;
        broken.opened = Some(opened);
    }
    finding
}

fn standing(n: u32, hours: i64) -> Finding {
    gap("Page", n, hours, Opened::Standing)
}

/// A gap at 06:00, and one at 09:30; it is 14:00.
fn afternoon() -> Stage {
    let mut stage = Stage::new(policy());
    let made = at(&mut stage, 2 * HOUR).pass(vec![standing(1, 18), gap("Page", 2, 21, Opened::Standing)]);
    assert_eq!(Stage::quiet(&made).len(), 2);
    stage
}

#[test]
fn nobody_is_woken_and_the_evening_has_one_list() {
    let mut stage = afternoon();
    let made = at(&mut stage, 2 * HOUR + 60).pass(vec![standing(1, 18)]);
    assert_eq!(Stage::quiet(&made), [("Page/0001".to_owned(), Quiet::Standing)]);
    stage.until(FIRST_LIST + 10);
    assert_eq!(stage.said(), ["+16200 sms night-1 list: Page/0001 Page/0002"]);
    stage.news("night-1", News::Delivered);
    // Who takes the list owns no alert of it.
    stage.reply("night-1", "1 K7");
    assert_eq!(stage.said(), ["+16210 sms night-1 answer: yours x1 until 79200"]);
    assert!(stage.book.alerts().all(|alert| alert.state_name() == "firing"));
    // The second list names what is still open; taken, each gap pages two hours before it starts.
    stage.until(SECOND_LIST + 10);
    assert_eq!(stage.said(), ["+30600 sms night-1 list: Page/0001 Page/0002"]);
    stage.news("night-1", News::Delivered);
    let code = stage.code("night-1", 1);
    stage.reply("night-1", &format!("1 {code}"));
    stage.said();
    stage.until(16 * HOUR + 60);
    assert_eq!(stage.said(), ["+57600 sms night-1 page: Page/0001"]);
    at(&mut stage, 17 * HOUR).pass(vec![fine("Page", starting(2, 21), Closing::Covered)]);
    stage.until(24 * HOUR);
    let said = stage.said();
    assert!(said.iter().all(|line| !line.contains("0002")), "covered in time: nobody hears of it: {said:?}");
}

#[test]
fn a_list_escalates_and_what_nobody_took_pages() {
    let mut stage = afternoon();
    stage.until(FIRST_LIST + 5);
    stage.news("night-1", News::Delivered);
    stage.until(FIRST_LIST + 605);
    stage.news("night-2", News::Delivered);
    stage.until(FIRST_LIST + 899);
    assert_eq!(
        stage.said(),
        ["+16200 sms night-1 list: Page/0001 Page/0002", "+16800 sms night-2 list: Page/0001 Page/0002"]
    );
    stage.until(FIRST_LIST + 901);
    assert_eq!(stage.said(), ["+17100 sms night-1 bundle: open Page/0001 Page/0002"]);
}

#[test]
fn the_second_takes_the_list_and_the_first_hears_it() {
    let mut stage = afternoon();
    stage.until(FIRST_LIST + 5);
    stage.news("night-1", News::Delivered);
    stage.until(FIRST_LIST + 605);
    stage.said();
    stage.reply("night-2", "1 K7");
    assert_eq!(
        stage.said(),
        ["+16805 sms night-1 night-2 has it until 79200: Page/0001", "+16805 sms night-2 answer: yours x1 until 79200"]
    );
    stage.reply("night-1", "1 K7");
    assert_eq!(stage.said(), ["+16805 sms night-1 answer: night-2 has it"]);
    stage.until(SECOND_LIST - 1);
    assert_eq!(stage.said(), NOTHING);
}

#[test]
fn a_gap_that_no_list_named_pages_two_hours_before_it_starts() {
    let mut stage = Stage::new(policy());
    at(&mut stage, 9 * HOUR).pass(vec![standing(1, 18)]);
    stage.until(16 * HOUR + 300);
    assert_eq!(
        stage.said(),
        ["+57600 sms night-1 page: Page/0001", "+57720 sms night-2 escalated after night-1 57600: Page/0001"]
    );
}

#[test]
fn a_call_out_pages_at_once_and_so_does_what_is_critical() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![gap("Page", 1, 18, Opened::Callout), gap("Critical", 2, 18, Opened::Standing)]);
    stage.until(60);
    assert_eq!(stage.said(), ["+10 sms night-1 bundle: open Critical/0002 Page/0001"]);
    // One that stands, and then loses its caregiver anew.
    let mut stage = Stage::new(policy());
    stage.pass(vec![standing(1, 18)]);
    stage.until(HOUR);
    assert_eq!(stage.said(), NOTHING);
    stage.pass(vec![gap("Page", 1, 18, Opened::Callout)]);
    assert_eq!(stage.said(), ["+3600 sms night-1 page: Page/0001"]);
    let opened = stage.alert("Page", starting(1, 18)).unwrap().labels["opened"].clone();
    assert_eq!(opened, "callout");
}

#[test]
fn a_worse_alert_wakes_the_page_of_a_standing_gap() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![standing(1, 3)]);
    stage.until(HOUR + 5);
    assert_eq!(stage.said(), ["+3600 sms night-1 page: Page/0001"]);
    let mut stage = Stage::new(policy());
    stage.pass(vec![standing(1, 6)]);
    at(&mut stage, HOUR).pass(vec![gap("Critical", 1, 6, Opened::Standing)]);
    stage.until(HOUR + 60);
    assert_eq!(stage.said(), ["+3610 sms night-1 page: Critical/0001"]);
}

#[test]
fn what_is_owned_told_covered_or_far_is_on_no_list() {
    let mut stage = Stage::new(policy());
    stage.pass(vec![
        standing(1, 18),
        standing(2, 18),
        standing(3, 23),
        gap("Page", 4, 18, Opened::Callout),
        standing(5, 18),
        standing(6, 22),
    ]);
    at(&mut stage, 4 * HOUR).ack("Page", starting(1, 18), 2 * HOUR);
    stage.pass(vec![fine("Page", starting(2, 18), Closing::Covered)]);
    stage.silence("s1", &[("shift", &shift_label(5, 18))], 3 * HOUR, 20 * HOUR);
    stage.until(FIRST_LIST - 1);
    stage.said();
    stage.until(FIRST_LIST);
    let lists: Vec<String> = stage.said().into_iter().filter(|line| line.contains("list:")).collect();
    assert_eq!(lists, NOTHING, "06 starts at 10:00, which is not before");
    stage.pass(vec![standing(7, 20)]);
    stage.until(SECOND_LIST);
    let lists: Vec<String> = stage.said().into_iter().filter(|line| line.contains("list:")).collect();
    assert_eq!(lists, ["+30600 sms night-1 list: Page/0007"], "the first is paged since its owner fell silent");
}

fn shift_label(n: u32, hours: i64) -> String {
    match starting(n, hours) {
        Subject::Shift(shift) => shift.label(false),
        _ => String::new(),
    }
}

#[test]
fn a_restart_neither_loses_nor_doubles_the_list() {
    let mut stage = afternoon();
    // Down at 16:30, back five minutes later.
    stage.now = noon() + TimeDelta::seconds(FIRST_LIST + 300);
    stage.restart();
    stage.until(FIRST_LIST + 300);
    stage.pass(vec![]);
    assert_eq!(stage.said(), ["+16500 sms night-1 list: Page/0001 Page/0002"]);
    stage.news("night-1", News::Delivered);
    stage.restart();
    stage.until(FIRST_LIST + 400);
    assert_eq!(stage.said(), NOTHING);
    stage.reply("night-1", "1 K7");
    stage.said();
    stage.restart();
    stage.until(FIRST_LIST + 3_000);
    assert_eq!(stage.said(), NOTHING);
    assert!(stage.book.pages().any(|page| matches!(page.state, PageState::Closed { owner: Some(_), .. })));
}

#[test]
fn receivers_that_are_no_people_hear_of_it_as_ever() {
    let mut policy = policy();
    policy.receivers.get_mut("on-call").unwrap().email = vec![email()];
    let mut stage = Stage::new(policy);
    stage.pass(vec![standing(1, 18)]);
    stage.until(60);
    assert_eq!(stage.said(), ["+10 email/0/0 on-call first_firing: Page/0001"]);
}

#[test]
fn an_agency_without_a_zone_lets_nothing_sleep() {
    let mut stage = Stage::new(paging());
    stage.pass(vec![standing(1, 18)]);
    stage.until(60);
    assert_eq!(stage.said(), ["+10 sms night-1 page: Page/0001"]);
}

#[test]
fn lists_keep_their_time_of_day_over_both_nights() {
    let zone = Tz::America__Denver;
    let local = |day: u32, month: u32, hour: u32, minute: u32| -> Instant {
        instant_of(zone, NaiveDate::from_ymd_opt(2026, month, day).unwrap().and_hms_opt(hour, minute, 0).unwrap())
    };
    // The clocks go forward on 8 March 2026 and back on 1 November 2026, at two in the morning.
    for (month, day, utc) in [(3, 7, [23, 3, 16]), (3, 8, [22, 2, 16]), (10, 31, [22, 2, 17]), (11, 1, [23, 3, 17])] {
        let first = next_list_at(zone, local(day, month, 12, 0)).unwrap();
        assert_eq!(first, local(day, month, 16, 30));
        let second = next_list_at(zone, first).unwrap();
        assert_eq!(second, local(day, month, 20, 30));
        let until = looks_until(zone, second);
        let hours = [first, second, until].map(|at| chrono::Timelike::hour(&at));
        assert_eq!(hours, utc, "{month}-{day}");
        assert_eq!(looks_until(zone, first), until);
        assert_eq!(list_due(zone, first), Some(first));
        assert_eq!(list_due(zone, first - TimeDelta::seconds(1)), None);
        assert_eq!(list_due(zone, second + LATE), None);
        assert_eq!(list_due(zone, second + LATE - TimeDelta::seconds(1)), Some(second));
        let morning = next_list_at(zone, second).unwrap();
        assert!((morning - second).num_hours() <= 21, "{morning}");
    }
}

#[test]
fn the_text_of_a_list_has_its_code() {
    let mut stage = afternoon();
    stage.until(FIRST_LIST);
    let code = stage.code("night-1", 0);
    let named =
        stage.notices.iter().any(|notice| matches!(&notice.says, Says::Standing { code: told, .. } if *told == code));
    assert!(named);
}
