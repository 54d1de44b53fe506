use std::{collections::BTreeMap, time::Duration};

use super::{
    MirrorRow,
    facts::ClientTier,
    fixture::{DAY, HOUR, Reading, at, caregiver, client, key, mirror, shift, visit, wide},
    row::MirrorDelta,
    shifts::Gone,
};
use crate::{
    mirror::{Mirror, changes::Applied},
    model::{PhiGrant, Section, ShiftStatus, Subject, VisitTime, local_time::from_micros},
    source::fetched::{Read, ReadFault},
};

/// A mirror with one shift of `c1` (07:00 to 11:00, covered) and another client that vouches for reads.
fn with_shift() -> Mirror {
    let mut mirror = mirror();
    Reading::shifts("c9", 0, vec![shift("9", "c9", HOUR, 4, Some("g9"))]).into(&mut mirror);
    Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", DAY, 4, None)])
        .into(&mut mirror);
    mirror
}

fn history(applied: &Applied) -> Vec<&'static str> {
    applied.delta.history.iter().map(|line| line.what).collect()
}

#[test]
fn a_row_counts_both_ways_even_in_an_incomplete_read() {
    let mut mirror = with_shift();
    let applied = Reading::shifts("c1", 60, vec![shift("1", "c1", 0, 4, None)]).incomplete().into(&mut mirror);
    let entry = mirror.shift(&key("1", "c1", 0)).unwrap();
    assert!(entry.shift.is_uncovered());
    assert_eq!((entry.seen_at, entry.changed().caregiver, entry.changed().status), (at(60), at(60), at(0)));
    assert_eq!(history(&applied), ["uncovered"]);
    assert!(applied.changes.changed.contains(&Subject::Shift(key("1", "c1", 0))));
    let other = mirror.shift(&key("2", "c1", DAY)).unwrap();
    assert_eq!((other.seen_at, other.missed_at), (at(0), None), "the missing row proves nothing");
}

#[test]
fn removed_takes_two_complete_reads_a_second_apart() {
    let rows = || vec![shift("2", "c1", DAY, 4, None)];
    let cases: [(&str, Vec<Reading>, bool); 6] = [
        ("one complete read", vec![Reading::shifts("c1", 60, rows())], false),
        ("two", vec![Reading::shifts("c1", 60, rows()), Reading::shifts("c1", 61, rows())], true),
        ("two in one second", vec![Reading::shifts("c1", 60, rows()), Reading::shifts("c1", 60, rows())], false),
        (
            "the second incomplete",
            vec![Reading::shifts("c1", 60, rows()), Reading::shifts("c1", 90, rows()).incomplete()],
            false,
        ),
        (
            "the second failed",
            vec![Reading::shifts("c1", 60, rows()), Reading::shifts("c1", 90, rows()).failing()],
            false,
        ),
        (
            "the second looks elsewhere",
            vec![Reading::shifts("c1", 60, rows()), Reading::shifts("c1", 90, rows()).within(HOUR, 2 * DAY)],
            false,
        ),
    ];
    for (what, reads, removed) in cases {
        let mut mirror = with_shift();
        let mut last = Applied::default();
        for read in reads {
            last = read.into(&mut mirror);
        }
        assert_eq!(mirror.shift(&key("1", "c1", 0)).is_none(), removed, "{what}");
        assert_eq!(mirror.gone(&key("1", "c1", 0)).is_some(), removed, "{what}");
        assert_eq!(history(&last).contains(&"removed"), removed, "{what}");
    }
}

#[test]
fn a_first_miss_asks_for_a_second_look_and_a_row_that_returns_ends_it() {
    let mut mirror = with_shift();
    let applied = Reading::shifts("c1", 60, vec![shift("2", "c1", DAY, 4, None)]).into(&mut mirror);
    assert_eq!(applied.reads_wanted.len(), 1);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().missed_at, Some(at(60)));
    Reading::shifts("c1", 90, vec![shift("1", "c1", 0, 4, Some("g1"))]).incomplete().into(&mut mirror);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().missed_at, None);
    Reading::shifts("c1", 120, vec![shift("2", "c1", DAY, 4, None)]).into(&mut mirror);
    assert!(mirror.shift(&key("1", "c1", 0)).is_some(), "the count began again");
}

#[test]
fn a_second_look_that_came_too_soon_is_asked_for_again() {
    let mut mirror = with_shift();
    let lacks = || vec![shift("2", "c1", DAY, 4, None)];
    Reading::shifts("c1", 60, lacks()).into(&mut mirror);
    let applied = Reading::shifts("c1", 60, lacks()).into(&mut mirror);
    assert_eq!(applied.reads_wanted.len(), 1, "it counted for nothing");
    assert!(mirror.shift(&key("1", "c1", 0)).is_some());
    let applied = Reading::shifts("c1", 61, lacks()).into(&mut mirror);
    assert!(applied.reads_wanted.is_empty() && mirror.shift(&key("1", "c1", 0)).is_none(), "a second apart it counts");
}

#[test]
fn an_older_read_that_comes_late_changes_nothing() {
    let mut mirror = with_shift();
    Reading::shifts("c1", 60, vec![shift("1", "c1", 0, 4, None), shift("2", "c1", DAY, 4, None)]).into(&mut mirror);
    Reading::shifts("c1", 30, vec![shift("1", "c1", 0, 4, Some("g1"))]).into(&mut mirror);
    assert!(mirror.shift(&key("1", "c1", 0)).unwrap().shift.is_uncovered());
    assert_eq!(mirror.shift(&key("2", "c1", DAY)).unwrap().missed_at, None, "it was seen since");
}

#[test]
fn a_move_is_told_from_a_removal() {
    let moved = |start: i64| vec![shift("1", "c1", start, 4, Some("g1")), shift("2", "c1", DAY, 4, None)];
    let cases = [
        ("two hours later", 2 * HOUR, Gone::Moved(at(2 * HOUR))),
        ("24 h earlier", -DAY, Gone::Moved(at(-DAY))),
        ("more than 24 h away", DAY + 1, Gone::Removed),
    ];
    for (what, start, gone) in cases {
        let mut mirror = with_shift();
        Reading::shifts("c1", 60, moved(start)).into(&mut mirror);
        assert!(mirror.gone(&key("1", "c1", 0)).is_none(), "{what}: one look is not enough");
        Reading::shifts("c1", 62, moved(start)).into(&mut mirror);
        assert_eq!(mirror.gone(&key("1", "c1", 0)).map(|(_, gone)| gone.clone()), Some(gone), "{what}");
    }
}

#[test]
fn an_occurrence_that_only_came_into_view_is_no_move() {
    let mut mirror = mirror();
    Reading::shifts("c9", 0, vec![shift("9", "c9", HOUR, 4, None)]).into(&mut mirror);
    Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, None)]).within(-HOUR, HOUR).into(&mut mirror);
    // The far read shows tomorrow's occurrence for the first time, and the near one lacks today's.
    for when in [60, 62] {
        Reading::shifts("c1", when, vec![shift("1", "c1", DAY - HOUR, 4, None)]).into(&mut mirror);
    }
    assert_eq!(mirror.gone(&key("1", "c1", 0)).map(|(_, gone)| gone), Some(&Gone::Removed));
}

#[test]
fn a_small_agency_hears_of_a_deletion_within_two_reads() {
    let mut mirror = mirror();
    Reading::shifts("c9", 0, vec![shift("9", "c9", 70 * HOUR, 4, Some("g9"))]).into(&mut mirror);
    Reading::shifts("c1", 0, vec![shift("1", "c1", HOUR, 4, Some("g1"))]).into(&mut mirror);
    let applied = Reading::shifts("c1", 60, Vec::new()).into(&mut mirror);
    let wanted: Vec<&Read> = applied.reads_wanted.iter().collect();
    let [Read::Shifts { client, span, .. }] = wanted.as_slice() else { panic!("{wanted:?}") };
    assert!(client.as_str() == "c9" && span.contains(at(70 * HOUR)), "whoever has shifts is asked where they are");
    let one = key("1", "c1", HOUR);
    assert_eq!(mirror.shift(&one).unwrap().missed_at, None);
    let rows = || vec![shift("9", "c9", 70 * HOUR, 4, Some("g9"))];
    let early = Reading::shifts("c9", 59, rows()).into(&mut mirror);
    assert_eq!(early.reads_wanted.len(), 0, "rows from before it vouch for nothing");
    let applied = Reading::shifts("c9", 61, rows()).into(&mut mirror);
    assert_eq!(mirror.shift(&one).unwrap().missed_at, Some(at(60)), "the source answers: it was a miss");
    assert!(
        applied.reads_wanted.iter().any(|read| matches!(read, Read::Shifts { client, .. } if client == &"c1".into()))
    );
    Reading::shifts("c1", 62, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.gone(&one).map(|(at, gone)| (*at, gone.clone())), Some((at(62), Gone::Removed)));
}

#[test]
fn two_of_six_may_lose_their_only_shift_together() {
    let mut mirror = mirror();
    for n in 1..=6 {
        let id = format!("c{n}");
        Reading::shifts(&id, 0, vec![shift(&n.to_string(), &id, n * HOUR, 4, None)]).into(&mut mirror);
    }
    for when in [60, 70] {
        Reading::shifts("c1", when, Vec::new()).into(&mut mirror);
        Reading::shifts("c2", when, Vec::new()).into(&mut mirror);
        Reading::shifts("c3", when + 1, vec![shift("3", "c3", 3 * HOUR, 4, None)]).into(&mut mirror);
    }
    assert!(!mirror.is_frozen());
    assert!(mirror.gone(&key("1", "c1", HOUR)).is_some() && mirror.gone(&key("2", "c2", 2 * HOUR)).is_some());
}

#[test]
fn two_that_vanish_and_one_that_is_new_is_no_move() {
    let mut mirror = mirror();
    let daily = |starts: &[i64]| starts.iter().map(|start| shift("1", "c1", *start, 2, None)).collect::<Vec<_>>();
    Reading::shifts("c1", 0, daily(&[0, 6 * HOUR, 2 * DAY])).into(&mut mirror);
    for when in [60, 62] {
        Reading::shifts("c1", when, daily(&[3 * HOUR, 2 * DAY])).into(&mut mirror);
    }
    assert_eq!(mirror.gone(&key("1", "c1", 0)).map(|(_, gone)| gone), Some(&Gone::Removed));
    assert_eq!(mirror.gone(&key("1", "c1", 6 * HOUR)).map(|(_, gone)| gone), Some(&Gone::Removed));
}

#[test]
fn a_cancelled_row_that_then_vanishes_was_cancelled() {
    let mut mirror = with_shift();
    let mut cancelled = shift("1", "c1", 0, 4, Some("g1"));
    cancelled.status = ShiftStatus::Cancelled;
    let applied = Reading::shifts("c1", 60, vec![cancelled, shift("2", "c1", DAY, 4, None)]).into(&mut mirror);
    assert_eq!(history(&applied), ["cancelled"]);
    for when in [70, 80] {
        Reading::shifts("c1", when, vec![shift("2", "c1", DAY, 4, None)]).into(&mut mirror);
    }
    assert_eq!(mirror.gone(&key("1", "c1", 0)).map(|(_, gone)| gone), Some(&Gone::Cancelled));
}

#[test]
fn all_empty_removes_nothing_and_is_an_anomaly() {
    let mut mirror = mirror();
    let clients: Vec<String> = (0..6).map(|i| format!("c{i}")).collect();
    for id in &clients {
        Reading::shifts(id, 0, vec![shift("1", id, HOUR, 4, None)]).into(&mut mirror);
    }
    for when in [60, 120, 180] {
        for id in &clients {
            Reading::shifts(id, when, Vec::new()).into(&mut mirror);
        }
    }
    assert_eq!(mirror.shifts().len(), 6, "nothing is taken for removed");
    assert!(mirror.is_frozen());
    assert_eq!(mirror.anomalies().len(), 1);
    assert_eq!(mirror.last_ok_at(), Some(at(0)), "such reads are no success");
    assert_eq!(mirror.plan(&"c0".into(), at(200)).read_at, Some(at(0)), "and do not make data look fresh");
    assert!(!mirror.coverage(&[], at(200)).known);
    for id in &clients {
        Reading::shifts(id, 240, vec![shift("1", id, HOUR, 4, None)]).into(&mut mirror);
    }
    assert!(!mirror.is_frozen());
    assert_eq!(mirror.anomalies(), []);
    assert!(mirror.shifts().iter().all(|entry| entry.missed_at.is_none()), "no miss was counted");
}

#[test]
fn one_clients_last_shift_can_be_removed_while_others_have_some() {
    let mut mirror = mirror();
    for id in ["c1", "c2", "c3"] {
        Reading::shifts(id, 0, vec![shift("1", id, HOUR, 4, None)]).into(&mut mirror);
    }
    for when in [60, 120, 180, 240] {
        Reading::shifts("c1", when, Vec::new()).into(&mut mirror);
        Reading::shifts("c2", when + 1, vec![shift("1", "c2", HOUR, 4, None)]).into(&mut mirror);
        Reading::shifts("c3", when + 2, vec![shift("1", "c3", HOUR, 4, None)]).into(&mut mirror);
    }
    assert!(mirror.shift(&key("1", "c1", HOUR)).is_none());
    assert_eq!(mirror.anomalies(), []);
}

#[test]
fn a_first_start_without_a_single_shift_is_not_believed() {
    let mut mirror = mirror();
    for id in ["c1", "c2", "c3"] {
        Reading::shifts(id, 0, Vec::new()).into(&mut mirror);
    }
    assert_eq!(mirror.anomalies().len(), 1);
    assert!(!mirror.coverage(&[], at(1)).known);
    Reading::shifts("c4", 1, vec![shift("1", "c4", HOUR, 4, None)]).into(&mut mirror);
    assert_eq!(mirror.anomalies(), []);
}

#[test]
fn a_bad_row_spoils_its_client_until_it_is_set_aside() {
    let mut mirror = with_shift();
    let lacking = |when: i64| Reading::shifts("c1", when, vec![shift("2", "c1", DAY, 4, None)]).rejecting("77", None);
    for when in [60, 70] {
        lacking(when).into(&mut mirror);
        assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().missed_at, None, "the bad row could be this one");
    }
    lacking(80).into(&mut mirror);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().missed_at, Some(at(80)), "the third time it is set aside");
    assert!(mirror.past_bad_rows(Section::Shifts, &"c1".into()));
    let anomalies = mirror.anomalies();
    assert_eq!(anomalies.len(), 1);
    assert!(anomalies[0].what.contains("77"), "{}", anomalies[0].what);
    lacking(90).into(&mut mirror);
    assert!(mirror.shift(&key("1", "c1", 0)).is_none());
}

#[test]
fn visits_belong_to_shifts_in_whatever_order_they_are_read() {
    let mut mirror = mirror();
    let v1 = || visit("v1", Some("1"), "c1", 300, None);
    let applied = Reading::visits(None, 400, vec![v1()]).into(&mut mirror);
    assert!(applied.delta.upserts.iter().any(|row| row.section == Some(Section::Visits)));
    Reading::shifts("c1", 500, vec![shift("1", "c1", 0, 4, Some("g1"))]).into(&mut mirror);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().visits, ["v1".into()], "found once the shift is there");
    // A split visit is two of one shift.
    let applied = Reading::visits(
        None,
        9_000,
        vec![visit("v1", Some("1"), "c1", 300, Some(7_000)), visit("v2", Some("1"), "c1", 8_000, None)],
    )
    .into(&mut mirror);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().visits.len(), 2);
    assert_eq!(history(&applied), ["checked_out", "checked_in"]);
    // The shift moves by three hours: the visits follow it.
    for when in [9_010, 9_020] {
        Reading::shifts("c1", when, vec![shift("1", "c1", 3 * HOUR, 4, Some("g1"))]).into(&mut mirror);
    }
    assert_eq!(mirror.shift(&key("1", "c1", 3 * HOUR)).unwrap().visits.len(), 2);
}

#[test]
fn a_deleted_visit_goes_after_two_complete_reads() {
    let mut mirror = with_shift();
    Reading::visits(None, 400, vec![visit("v1", Some("1"), "c1", 300, None)]).into(&mut mirror);
    Reading::visits(Some("c1"), 500, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().visits.len(), 1);
    Reading::visits(None, 600, Vec::new()).into(&mut mirror);
    assert!(mirror.shift(&key("1", "c1", 0)).unwrap().visits.is_empty(), "of one client or of all: both are complete");
    assert!(mirror.visit(&"v1".into()).is_none());
}

#[test]
fn check_ins_are_known_only_where_they_were_read() {
    let mut mirror = with_shift();
    let read_at = |mirror: &Mirror| mirror.check_ins_read_at(mirror.shift(&key("1", "c1", 0)).unwrap());
    assert_eq!(read_at(&mirror), None);
    Reading::visits(Some("c9"), 100, Vec::new()).into(&mut mirror);
    assert_eq!(read_at(&mirror), None, "another client's read");
    Reading::visits(None, 200, Vec::new()).incomplete().into(&mut mirror);
    assert_eq!(read_at(&mirror), None, "an incomplete one");
    Reading::visits(None, 300, Vec::new()).rejecting("77", Some("c1")).into(&mut mirror);
    assert_eq!(read_at(&mirror), None, "a bad row that could be this client's");
    assert!(mirror.check_ins_read_at(mirror.shift(&key("9", "c9", HOUR)).unwrap()) == Some(at(300)), "others are fine");
    Reading::visits(Some("c1"), 400, Vec::new()).into(&mut mirror);
    assert_eq!(read_at(&mirror), Some(at(400)));
    Reading::visits(None, 500, Vec::new()).into(&mut mirror);
    assert_eq!(read_at(&mirror), Some(at(500)));
    Reading::visits(None, 600, Vec::new()).rejecting("78", Some("c1")).into(&mut mirror);
    assert_eq!(read_at(&mirror), Some(at(500)), "what was known before the bad row stays known");
}

#[test]
fn naive_times_say_arrived_without_a_time_until_they_are_settled() {
    let mut mirror = mirror();
    let denver = chrono_tz::America::Denver;
    for day in 0..20 {
        let id = format!("s{day}");
        let client = format!("c{day}");
        let start = -day * HOUR;
        Reading::shifts(&client, 10, vec![shift(&id, &client, start, 1, Some("g1"))]).into(&mut mirror);
        let mut visit = visit(&format!("v{day}"), Some(&id), &client, start, None);
        visit.check_in = Some(VisitTime::Naive((at(start + 180)).with_timezone(&denver).naive_local()));
        let entry_id = visit.id.clone();
        Reading::visits(Some(&client), 20 + day, vec![visit]).into(&mut mirror);
        let entry = mirror.visit(&entry_id).unwrap();
        assert!(entry.shift.is_some(), "it matches under one of the readings");
        let known = mirror.visit_instant(entry, entry.visit.check_in.unwrap());
        assert_eq!(known.is_some(), day == 19, "visit {day}");
    }
    assert_eq!(mirror.naive_reading(), Some(super::Reading::Local));
    let entry = mirror.visit(&"v0".into()).unwrap();
    assert_eq!(mirror.visit_instant(entry, entry.visit.check_in.unwrap()), Some(at(180)));
}

#[test]
fn who_is_a_client_is_never_one_flags_word() {
    let cases = [
        ("marked", Some(true), Some(true), ClientTier::Normal),
        ("marked and inactive", Some(true), Some(false), ClientTier::Slow),
        ("not marked, active", None, Some(true), ClientTier::Normal),
        ("marked as none, active", Some(false), Some(true), ClientTier::Slow),
        ("nothing is said", None, None, ClientTier::Slow),
        ("gone inactive just now", Some(false), Some(false), ClientTier::Slow),
    ];
    for (what, is_client, active, tier) in cases {
        let mut mirror = mirror();
        Reading::clients(0, vec![client("c1", is_client, active)]).into(&mut mirror);
        assert_eq!(mirror.tier(&"c1".into(), at(0)), tier, "{what}");
    }
    let mut mirror = mirror();
    Reading::clients(0, vec![client("c1", Some(false), Some(false))]).into(&mut mirror);
    assert_eq!(mirror.tier(&"c1".into(), at(31 * DAY)), ClientTier::Dropped, "inactive for a month");
    assert!(mirror.is_inactive(&"c1".into()));
    Reading::shifts("c1", 10, vec![shift("1", "c1", 29 * DAY, 4, None)]).into(&mut mirror);
    assert_eq!(mirror.tier(&"c1".into(), at(31 * DAY)), ClientTier::Normal, "the first shift makes a client");
}

#[test]
fn a_client_leaves_the_roster_after_two_full_reads_and_comes_back_with_a_row() {
    let mut mirror = mirror();
    Reading::clients(0, vec![client("c1", Some(true), Some(true)), client("c2", Some(true), Some(true))])
        .into(&mut mirror);
    let without = |when| Reading::clients(when, vec![client("c2", Some(true), Some(true))]);
    without(60).into(&mut mirror);
    assert_eq!(mirror.tier(&"c1".into(), at(60)), ClientTier::Normal);
    Reading::clients(90, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.tier(&"c2".into(), at(90)), ClientTier::Normal, "an empty roster is no roster");
    without(120).into(&mut mirror);
    assert_eq!(mirror.tier(&"c1".into(), at(120)), ClientTier::Dropped);
    Reading::clients(150, vec![client("c1", Some(true), Some(true))]).incomplete().into(&mut mirror);
    assert_eq!(mirror.tier(&"c1".into(), at(150)), ClientTier::Normal);
}

fn store(rows: &mut BTreeMap<(Option<Section>, String), MirrorRow>, delta: MirrorDelta) {
    for (section, key) in delta.removes {
        rows.remove(&(section, key));
    }
    for row in delta.upserts {
        rows.insert((row.section, row.key.clone()), row);
    }
}

#[test]
fn a_restart_between_two_misses_changes_nothing() {
    let mut mirror = mirror();
    let mut rows = BTreeMap::new();
    let reads = [
        Reading::clients(0, vec![client("c1", Some(true), Some(true))]),
        Reading::caregivers(0, vec![caregiver("g1")]),
        Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", DAY, 4, None)]),
        Reading::visits(None, 20, vec![visit("v1", Some("1"), "c1", 5, None)]),
        Reading::shifts("c1", 60, vec![shift("2", "c1", DAY, 4, None)]),
    ];
    for read in reads {
        let delta = read.into(&mut mirror).delta;
        for row in &delta.upserts {
            assert!(!row.body.contains("Avery") && !row.key.contains("Avery"), "names stay in the protected part");
        }
        store(&mut rows, delta);
    }
    let mut back = Mirror::restore(mirror.settings().clone(), rows.values().cloned().collect(), at(70));
    let one = key("1", "c1", 0);
    assert_eq!(back.shift(&one), mirror.shift(&one), "the miss, the visit and every stamp are there");
    assert_eq!(back.shift(&key("2", "c1", DAY)).unwrap().seen_at, at(60), "seen when the last complete read showed it");
    assert_eq!(back.client(&"c1".into()), mirror.client(&"c1".into()));
    assert_eq!(back.client(&"c1".into()).unwrap().person.name.reveal(PhiGrant::COMPARE), "Avery Sample");
    assert_eq!(back.caregiver(&"g1".into()), mirror.caregiver(&"g1".into()));
    assert_eq!(back.check_ins_read_at(back.shift(&one).unwrap()), Some(at(20)));
    assert_eq!(back.section(Section::Clients), mirror.section(Section::Clients));
    let delta = Reading::shifts("c1", 80, vec![shift("2", "c1", DAY, 4, None)]).into(&mut back).delta;
    store(&mut rows, delta);
    assert!(back.shift(&one).is_none(), "the second miss, after the restart");
    let again = Mirror::restore(mirror.settings().clone(), rows.values().cloned().collect(), at(90));
    assert_eq!(again.gone(&one), back.gone(&one), "why it went survives too");
    assert_eq!(again.shifts().len(), 1);
}

#[test]
fn rows_that_cannot_be_read_back_are_left_out() {
    let rows = Section::ALL.into_iter().map(Some).chain([None]).flat_map(|section| {
        ["state", "rejects", "reads/c1", "gone/x", "1/2/3"].map(|key| MirrorRow {
            section,
            key: key.to_owned(),
            body: "{\"half\": ".to_owned(),
            phi: None,
        })
    });
    let mirror = Mirror::restore(mirror().settings().clone(), rows.collect(), at(0));
    assert_eq!((mirror.shifts().len(), mirror.visits().len()), (0, 0));
}

#[test]
fn memory_ends_eight_days_back_and_visits_go_to_the_archive() {
    let mut mirror = mirror();
    Reading::shifts("c1", 0, vec![shift("1", "c1", 0, 4, Some("g1"))]).into(&mut mirror);
    Reading::visits(None, 20, vec![visit("v1", Some("1"), "c1", 5, Some(9))]).into(&mut mirror);
    let applied = Reading::clients(8 * DAY + 4 * HOUR, Vec::new()).into(&mut mirror);
    assert!(applied.delta.archived.is_empty(), "ended exactly eight days ago");
    let applied = Reading::clients(8 * DAY + 5 * HOUR, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.shifts().len(), 0);
    let archived: Vec<_> = applied.delta.archived.iter().map(|row| row.key.starts_with("shift/")).collect();
    assert_eq!(archived, [true, false], "the shift and its visit");
    let rows = applied.delta.archived.into_iter().map(|row| MirrorRow::from_archive(row.key, row.body)).collect();
    let past = Mirror::restore(mirror.settings().clone(), rows, at(9 * DAY));
    let entry = past.shift(&key("1", "c1", 0)).expect("it comes back from the archive");
    assert_eq!((entry.shift.end, past.visits_of(entry).count()), (at(4 * HOUR), 1));
    assert_eq!(applied.delta.removes.iter().filter(|(section, _)| section.is_some()).count(), 2);
    assert!(applied.changes.changed.contains(&Subject::Shift(key("1", "c1", 0))));
}

#[test]
fn coverage_counts_nest_and_unknown_is_not_zero() {
    let mut mirror = mirror();
    let bands = [72, 24, 4, 0].map(Duration::from_hours);
    assert!(!mirror.coverage(&bands, at(0)).known, "nothing was read");
    Reading::clients(0, vec![client("c1", Some(true), Some(true))]).into(&mut mirror);
    let mut cancelled = shift("5", "c1", HOUR, 1, None);
    cancelled.status = ShiftStatus::Cancelled;
    let rows = vec![
        shift("1", "c1", -HOUR, 2, None),
        shift("2", "c1", 4 * HOUR, 2, None),
        shift("3", "c1", 24 * HOUR + 1, 2, None),
        shift("4", "c1", HOUR, 2, Some("g1")),
        cancelled,
        shift("6", "c1", -3 * HOUR, 2, Some("g1")),
        shift("7", "c1", -30, 2, Some("g1")),
    ];
    Reading::shifts("c1", 0, rows).into(&mut mirror);
    let unseen = &mirror.coverage(&bands, at(0)).locations["north"];
    assert_eq!((unseen.done, unseen.missed), (0, 0), "nobody has looked who came");
    Reading::visits(None, 0, Vec::new()).into(&mut mirror);
    let coverage = mirror.coverage(&bands, at(0));
    assert!(coverage.known);
    let north = &coverage.locations["north"];
    assert_eq!(north.uncovered_within, [3, 2, 2, 1]);
    assert_eq!(
        (north.covered, north.uncovered, north.running, north.done, north.missed, north.cancelled),
        (1, 2, 0, 0, 2, 1),
        "today's: tomorrow's uncovered one is in its band alone, and whoever should be there counts as missed"
    );
    Reading::visits(None, 30, vec![visit("v7", Some("7"), "c1", 0, None)]).into(&mut mirror);
    let north = &mirror.coverage(&bands, at(30)).locations["north"];
    assert_eq!((north.running, north.missed, north.open_visits), (1, 1, 1), "and then came");
    assert_eq!(north.worked, Duration::from_hours(2), "a running visit counts at its planned length");
    assert!(mirror.coverage(&bands, at(599)).known, "younger than twice five minutes");
    assert!(!mirror.coverage(&bands, at(600)).known, "no longer");
}

#[test]
fn a_client_whose_reads_fail_is_known_since_the_first() {
    let mut mirror = with_shift();
    for when in [60, 90] {
        Reading::shifts("c1", when, Vec::new()).failing().into(&mut mirror);
    }
    let failing: Vec<_> =
        mirror.failing().map(|(client, section, f)| (client.to_string(), section, f.since, f.n)).collect();
    assert_eq!(failing, [("c1".to_owned(), Section::Shifts, at(60), 2)]);
    assert!(mirror.section(Section::Shifts).fault.is_some());
    Reading::shifts("c1", 120, vec![shift("1", "c1", 0, 4, None)]).into(&mut mirror);
    assert_eq!(mirror.failing().count(), 0);
    assert_eq!(mirror.section(Section::Shifts).fault, None);
}

#[test]
fn an_id_the_vendor_forgot_is_an_answer() {
    let mut mirror = with_shift();
    Reading::clients(0, vec![client("c5", Some(true), Some(true))]).into(&mut mirror);
    for when in [60, 70] {
        let mut read = Reading::clients(when, Vec::new());
        read.0.read = Read::Client("c5".into());
        read.0.outcome = Err(ReadFault::Gone);
        read.into(&mut mirror);
    }
    assert_eq!(mirror.tier(&"c5".into(), at(70)), ClientTier::Dropped);
    assert_eq!(mirror.failing().count(), 0);
    assert_eq!(mirror.last_ok_at(), Some(at(70)));
}

#[test]
fn what_a_clock_ahead_has_stamped_counts_as_never_read_and_is_read_again() {
    let known = key("1", "c1", 0);
    let fresh = |mirror: &Mirror| {
        let entry = mirror.shift(&known).unwrap();
        (entry.seen_at, mirror.check_ins_read_at(entry), mirror.all_read_since(at(0)))
    };
    let ahead = || {
        let mut mirror = mirror();
        let mut rows = BTreeMap::new();
        let reads = [
            Reading::clients(1800, vec![client("c1", Some(true), Some(true)), client("c9", Some(true), Some(true))]),
            Reading::caregivers(1800, vec![caregiver("g1")]),
            Reading::visits(Some("c1"), 1800, vec![visit("v1", Some("1"), "c1", -60, None)]),
            Reading::shifts("c1", 1800, vec![shift("1", "c1", 0, 4, Some("g1")), shift("2", "c1", DAY, 4, None)]),
            Reading::shifts("c9", 1801, vec![shift("9", "c9", HOUR, 4, None)]),
        ];
        for read in reads {
            store(&mut rows, read.into(&mut mirror).delta);
        }
        (mirror, rows)
    };
    let (mut stepped, rows) = ahead();
    stepped.disbelieve_after(at(0));
    let restored = Mirror::restore(stepped.settings().clone(), rows.into_values().collect(), at(0));
    for (how, mut mirror) in [("the clock stepped back", stepped), ("a store written by a clock ahead", restored)] {
        let never = from_micros(0);
        assert_eq!(fresh(&mirror), (never, None, None), "{how}");
        assert_eq!(mirror.section(Section::Shifts).read_at, None, "{how}");
        assert_eq!(mirror.last_ok_at(), None, "{how}");
        assert!(!mirror.coverage(&[], at(0)).known, "{how}: zero is no knowledge");
        Reading::clients(5, vec![client("c1", Some(true), Some(true)), client("c9", Some(false), Some(false))])
            .into(&mut mirror);
        assert_eq!(mirror.client(&"c9".into()).unwrap().active, Some(false), "{how}: newer rows count");
        Reading::shifts("c9", 6, vec![shift("9", "c9", HOUR, 4, None)]).into(&mut mirror);
        Reading::shifts("c1", 6, vec![shift("1", "c1", 0, 4, None)]).into(&mut mirror);
        Reading::visits(Some("c1"), 7, vec![visit("v1", Some("1"), "c1", -60, Some(5))]).into(&mut mirror);
        assert_eq!(fresh(&mirror), (at(6), Some(at(7)), Some(at(6))), "{how}");
        assert!(mirror.shift(&known).unwrap().shift.is_uncovered(), "{how}");
        assert!(mirror.visit(&"v1".into()).unwrap().visit.check_out.is_some(), "{how}");
    }
}

#[test]
fn a_read_under_way_while_the_clock_stepped_back_is_dated_by_the_new_one() {
    let mut mirror = with_shift();
    let mut read = Reading::shifts("c1", 1800, vec![shift("1", "c1", 0, 4, None)]);
    read.0.finished_at = at(1803);
    mirror.disbelieve_after(at(60));
    let _ = mirror.apply(&read.0, at(61));
    assert_eq!(mirror.shift(&key("1", "c1", 0)).unwrap().seen_at, at(58));
}

#[test]
fn wanted_days_are_whole_days_also_when_the_clock_changes() {
    let mirror = mirror();
    let span = mirror.days_around(&"c1".into(), at(0));
    assert_eq!((span.until - span.from).num_hours(), 72);
    assert!(span.contains(at(0)) && wide().contains(span.from));
    // 2026-03-08 in Denver has 23 hours, 2026-11-01 has 25.
    let spring = mirror.days_around(&"c1".into(), from_micros(1_772_960_400 * 1_000_000));
    assert_eq!((spring.until - spring.from).num_hours(), 71);
    let autumn = mirror.days_around(&"c1".into(), from_micros(1_793_520_000 * 1_000_000));
    assert_eq!((autumn.until - autumn.from).num_hours(), 73);
}

#[test]
fn one_bad_row_and_one_client_who_never_answers_hold_nobody_up() {
    let mut mirror = mirror();
    let rows = ["c1", "c2", "c3"].map(|id| client(id, Some(true), Some(true)));
    Reading::clients(0, rows.to_vec()).rejecting("4", None).into(&mut mirror);
    assert_eq!(mirror.section(Section::Clients).full_at, None, "who is missing from it is not known");
    Reading::shifts("c1", 10, Vec::new()).into(&mut mirror);
    Reading::shifts("c2", 11, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.all_read_since(at(12)), None, "the third was not tried yet");
    Reading::shifts("c3", 12, Vec::new()).failing().into(&mut mirror);
    assert_eq!(mirror.all_read_since(at(13)), Some(at(10)));
}

#[test]
fn a_client_list_that_never_adds_up_is_an_anomaly_and_its_counts_no_knowledge() {
    let mut mirror = mirror();
    let rows = || vec![client("c1", Some(true), Some(true))];
    let shifts = || vec![shift("1", "c1", HOUR, 4, None)];
    for (n, when) in [(1, 0), (2, 30)] {
        Reading::clients(when, rows()).incomplete().into(&mut mirror);
        Reading::shifts("c1", when + 1, shifts()).into(&mut mirror);
        assert!(mirror.anomalies().is_empty(), "{n} may be an accident");
    }
    Reading::clients(60, rows()).incomplete().into(&mut mirror);
    let anomalies = mirror.anomalies();
    assert_eq!((anomalies.len(), anomalies[0].since, anomalies[0].section), (1, at(0), Section::Clients));
    assert!(!mirror.coverage(&[], at(61)).known, "who is missing from it is not known");
    Reading::clients(90, rows()).into(&mut mirror);
    assert!(mirror.anomalies().is_empty() && mirror.coverage(&[], at(91)).known);
    Reading::clients(120, rows()).incomplete().into(&mut mirror);
    assert!(mirror.coverage(&[], at(121)).known, "one that was whole still counts");
}

#[test]
fn prospects_do_not_hold_up_the_first_look() {
    let mut mirror = mirror();
    let rows = vec![
        client("c1", Some(true), Some(true)),
        client("prospect", Some(false), Some(true)),
        client("former", Some(true), Some(false)),
    ];
    Reading::clients(0, rows).into(&mut mirror);
    assert_eq!(mirror.watched_clients(at(0)).map(ToString::to_string).collect::<Vec<_>>(), ["c1"]);
    assert_eq!(mirror.all_read_since(at(5)), None, "a client was never read");
    Reading::shifts("c1", 5, Vec::new()).failing().into(&mut mirror);
    assert_eq!(mirror.all_read_since(at(5)), None, "where all reads fail nothing was seen");
    Reading::shifts("c1", 10, Vec::new()).into(&mut mirror);
    assert_eq!(mirror.all_read_since(at(11)), Some(at(10)), "nobody waits for the other two");
    Reading::shifts("former", 20, vec![shift("1", "former", DAY, 4, None)]).into(&mut mirror);
    assert_eq!(mirror.watched_clients(at(20)).count(), 2, "who has a shift is a client");
}
