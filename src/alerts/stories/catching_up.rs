//! A first start and a blindness: everything is looked at before anything is told.

use super::*;

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
