//! The world by itself: what happens, when, and that the way there does not matter.

use chrono::{DateTime, Datelike, TimeDelta};
use chrono_tz::America::Denver;

use super::{
    Appointment, Conduct, Outcome, Patient, Practitioner, World, WorldError,
    seeded::{Habits, Seeding},
};
use crate::{
    model::Instant,
    sim::script::{Incident, Script, When},
};

fn at(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
}

/// One client, one caregiver, one shift 13:00–17:00Z; it is noon.
fn quiet() -> World {
    let mut world = World::empty(Denver);
    world.add_client("7000101");
    world.add_caregiver("8000201");
    world.add_shift(Appointment::hours("90010001", "7000101", at("2026-11-24T13:00:00Z"), 4).with("8000201"));
    world.advance(at("2026-11-24T12:00:00Z"));
    world
}

fn fingerprint(world: &World) -> (Vec<Appointment>, Vec<super::Encounter>) {
    (world.shifts().cloned().collect(), world.visits().cloned().collect())
}

#[test]
fn nothing_happens_in_a_quiet_world() {
    let mut world = quiet();
    world.advance(at("2026-12-24T12:00:00Z"));
    assert_eq!(world.visits().count(), 0);
    assert_eq!(world.shift("90010001").and_then(|it| it.caregiver.as_deref()), Some("8000201"));
}

#[test]
fn one_long_step_and_many_short_ones_end_in_the_same_world() {
    let start = at("2026-10-30T18:00:00Z"); // the autumn clock change is on the way
    let seeding = Seeding { seed: 42, clients: 40, caregivers: 20, ..Seeding::default() };
    let mut long = World::seeded(Denver, start, &seeding);
    let mut short = World::seeded(Denver, start, &seeding);
    let end = start + TimeDelta::days(4);
    long.advance(end);
    let mut now = start;
    while now < end {
        now += TimeDelta::seconds(997);
        short.advance(now.min(end));
    }
    assert!(fingerprint(&long) == fingerprint(&short), "the way the clock went must not matter");
    let other = World::seeded(Denver, start, &Seeding { seed: 43, ..seeding });
    assert!(fingerprint(&long).0 != fingerprint(&other).0, "another seed is another world");
}

#[test]
fn the_default_agency_has_a_believable_week() {
    let now = at("2026-11-24T18:00:00Z");
    let world = World::seeded(Denver, now, &Seeding::default());
    let current = world.patients().filter(|it| it.active && it.is_client != Some(false)).count();
    assert_eq!(current, 200);
    assert!(world.patients().count() > 300, "the list takes several pages");
    assert_eq!(world.practitioners().filter(|it| it.is_hired == Some(true)).count(), 90);

    let days: Vec<usize> = (-7..30)
        .map(|day| {
            let date = (now + TimeDelta::days(day)).with_timezone(&Denver).date_naive();
            world.shifts().filter(|it| it.start.with_timezone(&Denver).date_naive() == date).count()
        })
        .collect();
    assert!(days.iter().all(|n| (60..350).contains(n)), "shifts a day: {days:?}");

    let local_hour = |it: &Appointment| chrono::Timelike::hour(&it.start.with_timezone(&Denver));
    assert!(world.shifts().any(|it| local_hour(it) >= 21), "nights");
    assert!(world.shifts().any(|it| (17..20).contains(&local_hour(it))), "evenings");
    let with_shifts = world.patients().filter(|it| world.shifts_of(&it.id).next().is_some()).count();
    assert!((150..195).contains(&with_shifts), "{with_shifts} clients have shifts");
    let around_the_clock = world
        .patients()
        .any(|it| world.shifts_of(&it.id).map(|s| (s.end - s.start).num_hours()).sum::<i64>() >= 41 * 24);
    assert!(around_the_clock, "somebody needs care day and night");

    let week: Vec<&Appointment> =
        world.shifts().filter(|it| it.start > now && it.start < now + TimeDelta::days(7)).collect();
    let mut ids: Vec<&str> = week.iter().map(|it| it.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() < week.len(), "occurrences within a week share ids");
    let open = week.iter().filter(|it| it.caregiver.is_none()).count();
    assert!(open > 0 && open * 20 < week.len(), "{open} of {} shifts are open", week.len());

    let yesterday: Vec<&Appointment> =
        world.shifts().filter(|it| it.end < now && it.start > now - TimeDelta::days(5) && !it.cancelled).collect();
    let visited = yesterday.iter().filter(|it| world.visits.any_of(it)).count();
    assert!(visited * 100 > yesterday.len() * 93, "{visited} of {} past shifts were visited", yesterday.len());
    assert!(visited < yesterday.len(), "but not all");
    let late = world
        .visits()
        .filter(|it| it.shift_start.is_some_and(|start| it.start - start > TimeDelta::minutes(15)))
        .count();
    assert!(late > 0, "somebody came late");
    assert!(world.visits().any(|it| it.end.is_none()), "somebody is at work");
}

#[test]
fn flawless_people_leave_nothing_open() {
    let now = at("2026-11-24T18:00:00Z");
    let seeding = Seeding { clients: 30, caregivers: 20, habits: Habits::flawless(), ..Seeding::default() };
    let world = World::seeded(Denver, now, &seeding);
    let past = world.shifts().filter(|it| it.end < now - TimeDelta::minutes(15));
    for shift in past {
        assert!(
            world.visits.any_of(shift) && world.visits.open_of(shift).is_none(),
            "shift {} {}",
            shift.id,
            shift.start
        );
    }
    assert!(world.shifts().all(|it| it.caregiver.is_some()));
}

#[test]
fn the_schedule_grows_with_the_days() {
    let now = at("2026-11-24T18:00:00Z");
    let mut world = World::seeded(Denver, now, &Seeding { clients: 10, caregivers: 5, ..Seeding::default() });
    let last = |world: &World| world.shifts().map(|it| it.start).max().expect("shifts");
    let before = last(&world);
    world.advance(now + TimeDelta::days(10));
    assert!(last(&world) - before >= TimeDelta::days(9));
}

#[test]
fn wall_clock_times_hold_through_both_clock_changes() {
    // A pattern at 08:15 starts at 08:15 on the wall before and after either change.
    for now in ["2026-10-28T18:00:00Z", "2027-03-10T18:00:00Z"] {
        let world =
            World::seeded(Denver, at(now), &Seeding { clients: 60, habits: Habits::flawless(), ..Seeding::default() });
        let mut by_id: std::collections::HashMap<&str, Vec<chrono::NaiveTime>> = std::collections::HashMap::new();
        for shift in world.shifts() {
            by_id.entry(&shift.id).or_default().push(shift.start.with_timezone(&Denver).time());
        }
        assert!(by_id.values().all(|times| times.iter().all(|time| *time == times[0])));
    }
}

#[test]
fn people_do_what_their_conduct_says() {
    let noon = at("2026-11-24T12:00:00Z");
    let start = at("2026-11-24T13:00:00Z");
    let end = at("2026-11-24T17:00:00Z");
    let min = TimeDelta::minutes;
    // (what, conduct, visits as (start, end) and caregiver)
    let table = [
        ("nothing by default", Conduct::default(), vec![]),
        ("punctual", Conduct::punctual(), vec![(start, Some(end), "8000201")]),
        (
            "late, never out",
            Conduct { arrive_s: Some(20 * 60), ..Conduct::default() },
            vec![(start + min(20), None, "8000201")],
        ),
        (
            "a substitute",
            Conduct { by: Some("8000202".into()), ..Conduct::punctual() },
            vec![(start, Some(end), "8000202")],
        ),
        (
            "split",
            Conduct { away_s: Some((3600, 7200)), ..Conduct::punctual() },
            vec![(start, Some(start + min(60)), "8000201"), (start + min(120), Some(end), "8000201")],
        ),
        ("checks out only", Conduct { leave_s: Some(0), ..Conduct::default() }, vec![]),
    ];
    for (what, conduct, expected) in table {
        let mut world = World::empty(Denver);
        world.advance(noon);
        world.add_shift(Appointment::hours("1", "7", start, 4).with("8000201").who(conduct));
        world.advance(end + min(60));
        let visits: Vec<_> =
            world.visits().map(|it| (it.start, it.end, it.caregiver.as_deref().unwrap_or_default())).collect();
        assert_eq!(visits, expected, "{what}");
    }
}

#[test]
fn an_arrival_planned_for_a_shift_that_changed_follows_the_change() {
    let start = at("2026-11-24T13:00:00Z");
    let later = at("2026-11-24T15:00:00Z");
    let mut world = World::empty(Denver);
    world.advance(at("2026-11-24T12:00:00Z"));
    for id in ["moved", "cancelled", "deleted", "open"] {
        world.add_shift(Appointment::hours(id, "7", start, 1).with("8000201").who(Conduct::punctual()));
    }
    world.move_to("moved", later, later + TimeDelta::hours(1)).expect("moved");
    world.cancel("cancelled").expect("cancelled");
    world.delete("deleted").expect("deleted");
    world.unassign("open").expect("open");
    world.advance(at("2026-11-24T20:00:00Z"));
    let visits: Vec<_> = world.visits().map(|it| (it.shift.clone(), it.start)).collect();
    assert_eq!(visits, [(Some("moved".to_owned()), later)]);
}

#[test]
fn calls_by_hand_change_exactly_what_they_say() {
    let mut world = quiet();
    let start = at("2026-11-24T13:00:00Z");
    world.unassign("90010001").expect("unassigned");
    assert_eq!(world.shift("90010001").and_then(|it| it.caregiver.clone()), None);
    assert_eq!(world.shifts_by("8000201").count(), 0, "the index by caregiver follows");
    assert_eq!(world.check_in("90010001", start), Err(WorldError::NobodyAssigned("90010001".into())));
    assert_eq!(world.check_out("90010001", start), Err(WorldError::NoVisit("90010001".into())));
    world.assign("90010001", "8000201").expect("assigned");
    let visit = world.check_in("90010001", start).expect("a visit");
    world.check_out("90010001", start + TimeDelta::hours(4)).expect("out");
    assert_eq!(world.visit(&visit).and_then(|it| it.end), Some(start + TimeDelta::hours(4)));
    assert_eq!(world.unassign("none"), Err(WorldError::NoShift("none".into())));
    assert_eq!(world.unassign(("90010001", start + TimeDelta::hours(1))), Err(WorldError::NoShift("90010001".into())));
}

#[test]
fn without_a_start_the_nearest_occurrence_is_meant() {
    let mut world = World::empty(Denver);
    for day in [24, 25, 26] {
        world.add_shift(Appointment::hours("1", "7", at(&format!("2026-11-{day}T13:00:00Z")), 4));
    }
    let day = |world: &World| world.shift("1").map(|it| it.start.day());
    for (now, expected) in [
        ("2026-11-24T00:00:00Z", 24),
        ("2026-11-24T16:59:00Z", 24), // running
        ("2026-11-25T04:00:00Z", 25), // nearer to the next start
        ("2026-12-25T04:00:00Z", 26),
    ] {
        world.advance(at(now));
        assert_eq!(day(&world), Some(expected), "at {now}");
    }
    world.delete("1").expect("deleted");
    assert_eq!(day(&world), Some(25), "a deleted occurrence is not meant");
}

#[test]
fn a_script_happens_at_its_instants() {
    let began_at = at("2026-11-24T12:00:00Z");
    let mut world = quiet();
    let script = Script::new()
        .at_s(60, Incident::Unassign { shift: "90010001".into() })
        .beat("call-out")
        .switch_s(90, serde_json::json!({ "all_empty": true }))
        .at_s(100, Incident::Delete { shift: "no such shift".into() })
        .at_s(120, Incident::Reassign { shift: "90010001".into(), caregiver: "8000201".into() })
        .at(at("2026-11-24T12:03:00Z"), Incident::Move { shift: "90010001".into(), to: When::After(3600), until: None })
        .at_s(240, Incident::DeactivateCaregiver { id: "8000201".into() });
    world.follow(&script, began_at);
    let caregiver = |world: &World| world.shift("90010001").and_then(|it| it.caregiver.clone());
    let _ = world.take_outcomes();
    for (s, assigned) in [(59, true), (60, false), (119, false), (120, true)] {
        world.advance(began_at + TimeDelta::seconds(s));
        assert_eq!(caregiver(&world).is_some(), assigned, "{s} s in");
    }
    world.advance(began_at + TimeDelta::seconds(300));
    assert_eq!(
        world.shift("90010001").map(|it| (it.start, it.end)),
        Some((at("2026-11-24T13:03:00Z"), at("2026-11-24T17:03:00Z")))
    );
    let outcomes = world.take_outcomes();
    assert!(outcomes.contains(&Outcome::Beat { name: "call-out".into(), at: began_at + TimeDelta::seconds(60) }));
    assert!(outcomes.contains(&Outcome::Switches(serde_json::json!({ "all_empty": true }))));
    assert!(outcomes.iter().any(|it| matches!(it, Outcome::Hook { criteria: "practitioner.deactivated.changed", .. })));
}

#[test]
fn a_marker_is_planted_everywhere_text_about_people_stands() {
    let mut world = World::empty(Denver).marked("ZQXPHI");
    world.add_client(Patient::new("1").named("Avery", "Sample"));
    world.add_caregiver(Practitioner::new("2"));
    let patient = world.patient("1").expect("there");
    for text in [&patient.given, &patient.family, &patient.email, &patient.street, &patient.city] {
        assert!(text.starts_with("ZQXPHI") && !text.starts_with("ZQXPHIZQXPHI"), "{text}");
    }
    assert!(!format!("{patient:?}").contains("ZQXPHI"), "and Debug does not print it");
    let practitioner = world.practitioner("2").expect("there");
    assert!(practitioner.family.starts_with("ZQXPHI") && !format!("{practitioner:?}").contains("ZQXPHI"));
}

#[test]
fn a_client_is_found_among_thousands_without_a_walk() {
    let now = at("2026-11-24T18:00:00Z");
    let mut world = World::empty(Denver);
    for n in 0..2_000 {
        for k in 0..3 {
            world.add_shift(Appointment::hours(format!("{n}-{k}"), format!("c{n}"), now + TimeDelta::hours(k * 6), 4));
        }
    }
    assert_eq!(world.shifts_of("c1234").count(), 3);
    let starts: Vec<_> = world.shifts_of("c1234").map(|it| it.start).collect();
    assert!(starts.is_sorted());
}
