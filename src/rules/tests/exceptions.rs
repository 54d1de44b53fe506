//! The kinds of `rules/office.yml`, at their edges.

use super::*;
use crate::{
    mirror::{
        fixture::caregiver,
        settings::{NaiveReading, Settings},
    },
    model::{Visit, VisitTime, week::week_of},
    rules::{
        exception::Exception,
        kinds::{double_booked::Of, short_visit::Below},
    },
};

/// What is broken after one read of a shift 07:00 to 11:00 and of its visits, at the end of the day.
fn of_visits(rules: Vec<Rule>, visits: Vec<Visit>) -> Vec<String> {
    let mut story = Story::new(rules);
    let when = 9 * HOUR;
    story.read(Reading::shifts("c1", when, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    story.read(Reading::visits(None, when, visits));
    names(&story.tick(at(when)))
}

fn names(judged: &Judged) -> Vec<String> {
    let broken = judged.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Broken(_)));
    broken.map(|finding| finding.rule.to_string()).collect()
}

fn all_of_visits() -> Vec<Rule> {
    vec![
        rule("late", Kind::LateCheckIn { by: minutes(10) }),
        rule("short", Kind::ShortVisit { below: Below::Share(0.75) }),
        rule("brief", Kind::ShortVisit { below: Below::Length(minutes(20)) }),
        rule("over", Kind::Overrun { by: minutes(30) }),
    ]
}

#[test]
fn a_visit_is_held_against_its_plan_at_each_edge() {
    let whole = 4 * HOUR;
    let cases = [
        ("on time and whole", 0, Some(whole), vec![]),
        ("one second less than late", 10 * MIN - 1, Some(whole), vec![]),
        ("late", 10 * MIN, Some(whole), vec!["late"]),
        ("three quarters", 0, Some(3 * HOUR), vec![]),
        ("one second less", 0, Some(3 * HOUR - 1), vec!["short"]),
        ("not even twenty minutes", 0, Some(20 * MIN - 1), vec!["short", "brief"]),
        ("one second less than over", 0, Some(whole + 30 * MIN - 1), vec![]),
        ("over", 0, Some(whole + 30 * MIN), vec!["over"]),
        ("still open", 0, None, vec!["over"]),
        ("late, and made up for", 40 * MIN, Some(whole + 30 * MIN), vec!["late", "over"]),
    ];
    for (what, came, left, expected) in cases {
        assert_eq!(of_visits(all_of_visits(), vec![visit("v", Some("1"), "c1", came, left)]), expected, "{what}");
    }
    let parts =
        vec![visit("v1", Some("1"), "c1", 0, Some(HOUR)), visit("v2", Some("1"), "c1", 2 * HOUR, Some(4 * HOUR))];
    assert_eq!(of_visits(all_of_visits(), parts), [""; 0], "the parts count together");
    let open = vec![visit("v1", Some("1"), "c1", 0, Some(HOUR)), visit("v2", Some("1"), "c1", 4 * HOUR, None)];
    assert_eq!(of_visits(all_of_visits(), open), ["over"], "with a part that is open nobody knows how short it is");
    assert_eq!(of_visits(all_of_visits(), Vec::new()), [""; 0], "who did not come is another rule's");
}

#[test]
fn what_happened_is_listed_for_a_day_and_goes_when_it_is_corrected() {
    let mut story = Story::new(vec![rule("late", Kind::LateCheckIn { by: minutes(10) })]);
    story.read(Reading::shifts("c1", HOUR, vec![shift("1", "c1", 0, 4, Some("g1"))]));
    story.read(Reading::visits(None, HOUR, vec![visit("v", Some("1"), "c1", 11 * MIN, None)]));
    let judged = story.tick(at(HOUR));
    let told = broken(&judged, "late").unwrap();
    assert_eq!(told.tells, Tells::Exception(Exception::LateCheckIn));
    assert_eq!((told.window.opens_at, told.window.closes_at), (at(11 * MIN), Some(at(28 * HOUR))));
    assert_eq!(story.run(28 * HOUR), [format!("{} late expired", 28 * 60)]);
    story.read(Reading::visits(None, 2 * HOUR, vec![visit("w", Some("1"), "c1", 12 * MIN, None)]));
    story.tick(at(2 * HOUR));
    story.read(Reading::visits(None, 2 * HOUR + 60, vec![visit("w", Some("1"), "c1", 0, None)]));
    assert_eq!(story.words(2 * HOUR + 60), ["121 late recovered"]);
}

#[test]
fn while_nobody_knows_what_the_vendors_times_mean_nobody_is_late() {
    let mut rules = all_of_visits();
    rules.push(rule("unscheduled", Kind::UnscheduledVisit));
    rules.push(rule("mismatch", Kind::CaregiverMismatch));
    let naive = |at: Instant| Some(VisitTime::Naive(at.naive_utc()));
    let run = |reading: NaiveReading| {
        let mut story = Story::new(rules.clone());
        let mut settings = Settings::new("main".into(), chrono_tz::America::Denver);
        settings.naive = reading;
        story.mirror = Mirror::new(settings, at(-HOUR));
        story.read(Reading::shifts("c1", 9 * HOUR, vec![shift("1", "c1", 0, 4, Some("g2"))]));
        let mut row = visit("v", Some("1"), "c1", 0, Some(0));
        (row.check_in, row.check_out) = (naive(at(HOUR)), naive(at(2 * HOUR)));
        let mut other = visit("w", None, "c1", 0, None);
        (other.check_in, other.caregiver) = (naive(at(0)), Some("g9".into()));
        story.read(Reading::visits(None, 9 * HOUR, vec![row, other]));
        (names(&story.tick(at(9 * HOUR))), story.ledger.n_unjudged())
    };
    assert_eq!(run(NaiveReading::Auto), (vec![], 0), "nothing is said, and nobody is blind for it");
    assert_eq!(run(NaiveReading::Utc).0, ["late", "short", "mismatch", "unscheduled"]);
}

#[test]
fn a_visit_without_a_shift_needs_a_schedule_that_was_read() {
    let mut story = Story::new(vec![rule("unscheduled", Kind::UnscheduledVisit)]);
    let rows = vec![visit("v", None, "c1", 0, None)];
    story.read(Reading::visits(None, 60, rows.clone()));
    assert_eq!(story.words(60), [""; 0], "the list of clients was not read: it may be anybody's");
    story.read(Reading::clients(120, vec![client("c1", Some(true), Some(true))]));
    let judged = story.tick(at(120));
    assert_eq!(names(&judged), [""; 0]);
    let wanted: Vec<_> = judged.reads_wanted.iter().collect();
    assert!(matches!(wanted[..], [Read::Shifts { client, .. }] if client.as_str() == "c1"), "{wanted:?}");
    story.read(Reading::shifts("c1", 180, vec![shift("1", "c1", HOUR, 4, Some("g2"))]));
    let judged = story.tick(at(180));
    let told = broken(&judged, "unscheduled").unwrap();
    assert_eq!(told.subject_labels, [("visit", "v".to_owned())]);
    let near = ("perhaps".to_owned(), "1@2026-07-06T14:00:00Z".to_owned());
    assert_eq!(told.annotations, [near, ("planned_caregiver".to_owned(), "g2".to_owned())]);
    story.read(Reading::shifts("c1", 240, vec![shift("1", "c1", HOUR, 4, Some("g1"))]));
    assert_eq!(story.words(240), ["4 unscheduled recovered"], "it is found to be the visit's");
    // Somebody whom the whole list does not name.
    story.read(Reading::visits(None, 300, vec![visit("x", None, "c9", 0, None)]));
    assert_eq!(story.words(300), ["5 unscheduled broken"]);
}

fn two(first: (&str, i64, Option<&str>), second: (&str, i64, Option<&str>)) -> Vec<(String, Vec<String>)> {
    let mut story = Story::new(vec![
        rule("caregiver", Kind::DoubleBooked { of: Of::Caregiver }),
        rule("client", Kind::DoubleBooked { of: Of::Client }),
        rule("tight", Kind::TightTurnaround { under: minutes(15) }),
    ]);
    for (id, (client, start, caregiver)) in [("1", first), ("2", second)] {
        let mut rows = vec![shift(id, client, start, 4, caregiver)];
        if first.0 == second.0 {
            rows = vec![shift("1", first.0, first.1, 4, first.2), shift("2", second.0, second.1, 4, second.2)];
        }
        story.read(Reading::shifts(client, -HOUR, rows));
    }
    let judged = story.tick(at(-HOUR));
    let labels = |rule: &String| broken(&judged, rule).unwrap().subject_labels.clone();
    let labels = |rule: &String| labels(rule).into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    names(&judged).iter().map(|rule| (rule.clone(), labels(rule))).collect()
}

#[test]
fn two_shifts_get_in_each_others_way_or_not() {
    let g = Some("g1");
    let rules = |found: &[(String, Vec<String>)]| found.iter().map(|(rule, _)| rule.clone()).collect::<Vec<_>>();
    let cases = [
        ("one second together", ("c1", 0, g), ("c2", 4 * HOUR - 1, g), vec!["caregiver"]),
        ("one after the other", ("c1", 0, g), ("c2", 4 * HOUR, g), vec!["tight"]),
        ("one second less than a quarter", ("c1", 0, g), ("c2", 4 * HOUR + 15 * MIN - 1, g), vec!["tight"]),
        ("a quarter of an hour", ("c1", 0, g), ("c2", 4 * HOUR + 15 * MIN, g), vec![]),
        ("whichever is read first", ("c1", 4 * HOUR, g), ("c2", 0, g), vec!["tight"]),
        ("two caregivers", ("c1", 0, g), ("c2", 0, Some("g2")), vec![]),
        ("nobody on both", ("c1", 0, None), ("c2", 0, None), vec![]),
        ("one client, two caregivers", ("c1", 0, g), ("c1", HOUR, Some("g2")), vec!["client"]),
        ("one client, one caregiver", ("c1", 0, g), ("c1", HOUR, g), vec!["caregiver", "client"]),
        ("no way to go", ("c1", 0, g), ("c1", 4 * HOUR, g), vec![]),
    ];
    for (what, first, second, expected) in cases {
        assert_eq!(rules(&two(first, second)), expected, "{what}");
    }
    let labels = &two(("c1", 4 * HOUR, g), ("c2", 0, g))[0].1;
    assert_eq!(labels, &["shift 1@2026-07-06T17:00:00Z", "other_shift 2@2026-07-06T13:00:00Z"], "the later one first");
}

#[test]
fn a_pair_ends_when_either_changes_or_goes_also_over_a_restart() {
    let mut story = Story::new(vec![rule("caregiver", Kind::DoubleBooked { of: Of::Caregiver })]);
    let row = |id: &str, client: &str, caregiver| vec![shift(id, client, DAY, 4, caregiver)];
    story.read(Reading::shifts("c1", 0, row("1", "c1", Some("g1"))));
    story.read(Reading::shifts("c2", 0, row("2", "c2", Some("g1"))));
    assert_eq!(story.words(0), ["0 caregiver broken"]);
    assert_eq!(words(&story.restart(at(60)), at(60)), ["1 caregiver broken"]);
    story.read(Reading::shifts("c1", 120, row("1", "c1", Some("g3"))));
    assert_eq!(story.words(120), ["2 caregiver recovered"]);
    story.read(Reading::shifts("c1", 180, row("1", "c1", Some("g1"))));
    assert_eq!(story.words(180), ["3 caregiver broken"]);
    story.read(Reading::shifts("c3", 240, row("3", "c3", Some("g4"))));
    story.read(Reading::shifts("c2", 240, Vec::new()));
    story.read(Reading::shifts("c3", 250, row("3", "c3", Some("g4"))));
    story.read(Reading::shifts("c2", 300, Vec::new()));
    story.read(Reading::shifts("c3", 301, row("3", "c3", Some("g4"))));
    assert_eq!(story.words(302), ["5 caregiver removed"]);
    assert_eq!(story.ledger.pairs().count(), 0, "nothing is remembered of it");
}

#[test]
fn a_week_counts_what_was_worked_and_what_is_planned() {
    let mut story = Story::new(vec![rule("overtime", Kind::OvertimeAhead { weekly_hours: 8.0 })]);
    // 2026-07-06 is a Monday.
    let rows = vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", DAY, 4, Some("g1"))];
    story.read(Reading::shifts("c1", 0, rows.clone()));
    assert_eq!(story.words(0), [""; 0], "eight hours are not more than eight");
    story.read(Reading::visits(None, HOUR, vec![visit("v", Some("1"), "c1", 0, None)]));
    assert_eq!(story.words(HOUR), [""; 0], "a visit that runs counts as planned");
    story.read(Reading::visits(None, 5 * HOUR, vec![visit("v", Some("1"), "c1", 0, Some(4 * HOUR + 60))]));
    let judged = story.tick(at(5 * HOUR));
    let told = broken(&judged, "overtime").unwrap();
    assert_eq!(told.subject_labels, [("caregiver", "g1".to_owned()), ("week", "2026-07-05".to_owned())]);
    assert_eq!(told.annotations, [("projected".to_owned(), "8h01".to_owned())]);
    assert_eq!(told.deadline, Some(at(DAY)), "from this shift on it is too much");
    let mut fewer = rows;
    fewer[1].caregiver = Some("g2".into());
    story.read(Reading::shifts("c1", 6 * HOUR, fewer));
    assert_eq!(story.words(6 * HOUR), ["360 overtime recovered"], "the one who lost the shift is looked at");
    assert_eq!(week_of(chrono_tz::America::Denver, chrono::Weekday::Sun, at(0)).to_string(), "2026-07-05");
}

#[test]
fn a_caregiver_who_left_and_one_of_whom_nothing_is_known() {
    let mut story = Story::new(vec![rule("inactive", Kind::InactiveCaregiverAssigned)]);
    story.read(Reading::shifts("c1", 0, vec![shift("1", "c1", DAY, 4, Some("g1"))]));
    assert_eq!(story.words(0), [""; 0], "no row of theirs was read");
    story.read(Reading::caregivers(60, vec![caregiver("g1")]));
    assert_eq!(story.words(60), [""; 0]);
    let mut left = caregiver("g1");
    left.hired = Some(false);
    story.read(Reading::caregivers(120, vec![left]));
    assert_eq!(story.words(120), ["2 inactive broken"]);
    story.read(Reading::caregivers(180, vec![caregiver("g1")]));
    assert_eq!(story.words(180), ["3 inactive recovered"]);
}

#[test]
fn a_change_is_late_inside_its_time_and_never_at_first_sight() {
    let run = |changed_at: i64, to: fn(&mut Vec<crate::model::Shift>)| {
        let mut story = Story::new(vec![rule("change", Kind::LateChange { within: Duration::from_hours(4) })]);
        let mut rows = vec![shift("1", "c1", 0, 4, Some("g1"))];
        story.read(Reading::shifts("c1", -5 * HOUR, rows.clone()));
        assert_eq!(story.words(-5 * HOUR), [""; 0], "what is seen for the first time may have been so for weeks");
        to(&mut rows);
        story.read(Reading::shifts("c1", changed_at, rows));
        let judged = story.tick(at(changed_at));
        broken(&judged, "change").map(|told| told.annotations[0].1.clone())
    };
    let reassign = |rows: &mut Vec<crate::model::Shift>| rows[0].caregiver = Some("g2".into());
    assert_eq!(run(-4 * HOUR, reassign), None, "four hours before are early enough");
    assert_eq!(run(-4 * HOUR + 1, reassign).as_deref(), Some("caregiver"));
    assert_eq!(run(HOUR, |rows| rows[0].status = ShiftStatus::Cancelled).as_deref(), Some("cancelled"));
    assert_eq!(run(HOUR, |rows| rows[0].end += TimeDelta::hours(1)).as_deref(), Some("end"));
    assert_eq!(run(4 * HOUR, reassign), None, "it is over");
    assert_eq!(run(-HOUR, |rows| rows.push(shift("2", "c1", 0, 4, None))).as_deref(), Some("added"));
}

#[test]
fn a_client_without_shifts_needs_reads_that_reach_so_far() {
    let for_ = Duration::from_hours(3 * 24);
    let mut story = Story::new(vec![rule("none", Kind::ClientWithoutShifts { for_ })]);
    story.read(Reading::clients(0, vec![client("c1", Some(true), Some(true)), client("c2", Some(false), Some(true))]));
    assert_eq!(story.words(0), [""; 0], "no schedule was read");
    let rows = vec![shift("1", "c1", 0, 4, Some("g1"))];
    story.read(Reading::shifts("c1", HOUR, rows.clone()).within(-DAY, 3 * DAY));
    assert_eq!(story.words(HOUR), [""; 0]);
    assert_eq!(story.run(5 * HOUR), [""; 0], "the read did not reach far enough");
    story.read(Reading::shifts("c1", 5 * HOUR, rows.clone()));
    let judged = story.tick(at(5 * HOUR));
    let told = broken(&judged, "none").unwrap();
    assert_eq!(told.subject_labels, [("client", "c1".to_owned())]);
    assert_eq!(told.location, "north");
    assert_eq!(told.window.opens_at, at(4 * HOUR), "since the last one ended");
    let mut more = rows;
    more.push(shift("2", "c1", 3 * DAY + 6 * HOUR, 4, None));
    story.read(Reading::shifts("c1", 6 * HOUR - 60, more.clone()));
    assert_eq!(broken(&story.tick(at(6 * HOUR - 60)), "none").unwrap().window.closes_at, Some(at(6 * HOUR)));
    assert_eq!(story.run(6 * HOUR), ["360 none recovered"], "it is near enough by then");
    more.truncate(1);
    story.read(Reading::clients(7 * HOUR, vec![client("c1", Some(false), Some(false))]));
    assert_eq!(story.words(7 * HOUR), [""; 0]);
}
