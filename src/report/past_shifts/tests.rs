use chrono_tz::America::Denver;

use super::*;
use crate::{model::local_time::from_micros, report::hours::rows::Edited};

/// Mon 2026-07-06, 07:00 in Denver.
fn at(minutes: i64) -> Instant {
    from_micros(1_783_342_800_000_000) + TimeDelta::minutes(minutes)
}

fn planned(id: &str, client: &str, start: i64, minutes: i64, caregiver: Option<&str>) -> PlannedRow {
    PlannedRow {
        client: client.into(),
        id: Some(id.into()),
        start: at(start),
        end: at(start + minutes),
        caregiver: caregiver.map(Into::into),
        cancelled: false,
    }
}

fn visit(id: &str, shift: &str, client: &str, who: &str, came: i64, left: Option<i64>) -> VisitRow {
    VisitRow {
        id: id.into(),
        client: Some(client.into()),
        caregiver: Some(who.into()),
        shift: Some(shift.into()),
        check_in: Some(at(came)),
        check_out: left.map(at),
        unsettled: None,
        edited: None,
    }
}

fn seen_all_but(missing: &[&str]) -> Seen {
    let mut seen = Seen::new(Denver);
    for day in ["2026-07-06", "2026-07-07"] {
        seen.day(day.parse().unwrap(), missing.iter().map(|id| ClientId::from(*id)));
    }
    seen
}

fn found(shifts: Vec<PlannedRow>, visits: &[VisitRow], seen: &Seen) -> Vec<PastShift> {
    find(shifts, visits, seen, (at(-600), at(2_000)))
}

#[test]
fn a_shift_is_made_open_missed_or_unseen() {
    let plan = |client: &str| vec![planned("s", client, 0, 240, Some("g1"))];
    let came = |visits: &[VisitRow], seen: &Seen| found(plan("c1"), visits, seen).remove(0);
    let none: [VisitRow; 0] = [];
    let whole = came(&[visit("v", "s", "c1", "g1", 5, Some(235))], &seen_all_but(&[]));
    assert_eq!((whole.came, whole.came_at, whole.left_at), (Came::Left, Some(at(5)), Some(at(235))));
    assert_eq!(whole.worked, Some(TimeDelta::minutes(230)));
    let open = came(&[visit("v", "s", "c1", "g1", 5, None)], &seen_all_but(&[]));
    assert_eq!((open.came, open.came_at, open.left_at, open.worked), (Came::Open, Some(at(5)), None, None));
    assert_eq!(came(&none, &seen_all_but(&[])).came, Came::Nobody);
    assert_eq!(came(&none, &seen_all_but(&["c1"])).came, Came::Unseen, "this client's read failed");
    assert_eq!(came(&none, &Seen::new(Denver)).came, Came::Unseen, "nobody has looked");
    let mut one = Seen::new(Denver);
    one.client("2026-07-06".parse().unwrap(), "c1".into());
    assert_eq!(came(&none, &one).came, Came::Nobody, "the client was read alone");
    let night = vec![planned("s", "c1", 900, 480, Some("g1"))];
    assert_eq!(found(night, &none, &one)[0].came, Came::Unseen, "its second day was not looked at");
    let vague = VisitRow { unsettled: Some(at(-300)), ..visit("v", "s", "c1", "g1", 5, Some(235)) };
    let vague = came(&[vague], &seen_all_but(&[]));
    assert_eq!((vague.came, vague.came_at, vague.worked), (Came::Left, None, None), "somebody came, when nobody knows");
}

#[test]
fn whoever_stays_on_made_both_shifts_and_how_long_on_each_nobody_knows() {
    let shifts = vec![planned("a", "c1", 0, 240, Some("g1")), planned("b", "c1", 240, 240, Some("g1"))];
    let both = found(shifts.clone(), &[visit("v", "a", "c1", "g1", 0, Some(480))], &seen_all_but(&[]));
    assert_eq!(both.iter().map(|one| one.came).collect::<Vec<_>>(), [Came::Left, Came::StayedOn]);
    assert!(both.iter().all(|one| one.worked.is_none()));
    let one = found(shifts, &[visit("v", "a", "c1", "g1", 0, Some(240))], &seen_all_but(&[]));
    assert_eq!(one.iter().map(|one| one.came).collect::<Vec<_>>(), [Came::Left, Came::Nobody]);
    assert_eq!(one[0].worked, Some(TimeDelta::hours(4)));
}

#[test]
fn an_edit_counts_where_it_would_have_been_seen() {
    let edited = |id: &str, client: &str, came: i64| VisitRow {
        edited: Some(Edited { at: at(3_000), was_minutes: Some(200) }),
        ..visit(id, id, client, "g1", came, Some(came + 230))
    };
    let visits = [
        visit("1", "1", "c1", "g1", 0, Some(240)),
        edited("2", "c1", 300),
        edited("3", "c2", 300),
        visit("4", "4", "c1", "g1", 600, None),
        edited("5", "c1", -500),
        visit("6", "6", "c1", "g1", 700, Some(900)),
    ];
    let seen = seen_all_but(&["c2"]);
    let edits = Edits::of(&visits, &seen, at(0), at(2_000)).unwrap();
    assert_eq!((edits.n_visits, edits.n_edited), (3, 1), "not of c2, not the open one, not from before");
    assert!((edits.ratio() - 1.0 / 3.0).abs() < 1e-9);
    assert_eq!(Edits::of(&visits, &Seen::new(Denver), at(0), at(2_000)), None, "unknown is not nought");
    let mut alone = Seen::new(Denver);
    alone.client("2026-07-06".parse().unwrap(), "c1".into());
    assert_eq!(Edits::of(&visits, &alone, at(0), at(2_000)), None, "the day was not read again");
}

#[test]
fn only_what_starts_in_the_stretch_is_given_and_by_start() {
    let shifts = vec![
        planned("c", "c2", 60, 60, Some("g2")),
        planned("a", "c1", -10, 60, Some("g1")),
        planned("b", "c1", 120, 60, None),
        planned("z", "c1", 200, 60, None),
    ];
    let ids: Vec<_> = find(shifts, &[], &seen_all_but(&[]), (at(0), at(200)))
        .into_iter()
        .map(|one| one.row.id.unwrap().to_string())
        .collect();
    assert_eq!(ids, ["c", "b"]);
}
