use chrono::TimeZone;
use chrono_tz::America::Denver;

use super::*;
use crate::{
    mirror::today::TodayLocation,
    model::{ShiftId, ShiftKey, ShiftRef},
    view::tests::agency,
};

/// Mon 2026-11-30 in Denver begins here.
fn morning() -> Instant {
    chrono::Utc.with_ymd_and_hms(2026, 11, 30, 7, 0, 0).single().unwrap()
}

fn shift(id: usize, from_h: i64, hours: i64, standing: Standing) -> TodayShift {
    let start = morning() + TimeDelta::hours(from_h);
    TodayShift {
        key: ShiftKey {
            start,
            client: ClientId::new(format!("c{id}")),
            id: ShiftRef::Vendor(ShiftId::new(id.to_string())),
        },
        end: start + TimeDelta::hours(hours),
        caregiver: None,
        location: 0,
        standing,
        came_at: None,
        left_at: None,
        stale: false,
        read_at: Some(morning()),
    }
}

fn day(shifts: Vec<TodayShift>) -> AgencyView {
    let mut agency = agency("main");
    let mut today = Today::new(Denver, morning(), morning() + TimeDelta::hours(24));
    today.locations = ["north", ""].map(|label| TodayLocation { label: label.to_owned(), zone: Denver }).into();
    today.shifts = shifts;
    agency.today = std::sync::Arc::new(today);
    agency
}

fn drawn(shifts: Vec<TodayShift>, now: Instant) -> Timeline {
    draw(&day(shifts), now, &mut bars_of_a_page())
}

#[test]
fn a_shift_lies_where_its_hours_are_and_says_how_it_stands() {
    let now = morning() + TimeDelta::hours(9);
    let came = Some(morning() + TimeDelta::minutes(8 * 60 + 2));
    let left = Some(morning() + TimeDelta::hours(10));
    let stale = |standing| TodayShift { stale: true, ..shift(1, 6, 6, standing) };
    for (shift, state, says, why) in [
        (shift(1, 6, 6, Standing::Covered), BarState::Covered, "covered", "ahead"),
        (shift(1, 6, 6, Standing::Uncovered), BarState::Uncovered, "uncovered: no caregiver", "nobody on it"),
        (shift(1, 6, 6, Standing::Running), BarState::Running, "running", "somebody is there, times not settled"),
        (
            TodayShift { came_at: came, ..shift(1, 6, 6, Standing::Running) },
            BarState::Running,
            "running, checked in 08:02",
            "with its time",
        ),
        (
            TodayShift { came_at: came, left_at: left, ..shift(1, 6, 6, Standing::Done) },
            BarState::Done,
            "done, 08:02-10:00",
            "both times",
        ),
        (shift(1, 6, 6, Standing::Late), BarState::Late, "late: nobody has checked in", "running by the clock alone"),
        (shift(1, 6, 6, Standing::Missed), BarState::Missed, "missed: over, nobody checked in", "over"),
        (shift(1, 6, 6, Standing::Unseen), BarState::Unknown, "unknown: nobody has read who came", "begun unseen"),
        (stale(Standing::Covered), BarState::Unknown, "unknown: covered when last read, 00:00", "no longer fresh"),
        (
            stale(Standing::Uncovered),
            BarState::Unknown,
            "unknown: uncovered when last read, 00:00",
            "perhaps filled since",
        ),
        (stale(Standing::Cancelled), BarState::Cancelled, "cancelled", "a cancellation stands"),
        (
            TodayShift { stale: true, ..shift(1, 1, 2, Standing::Done) },
            BarState::Done,
            "done",
            "what is over stays what it was",
        ),
    ] {
        let timeline = drawn(vec![shift], now);
        let bar = &timeline.rows[0].bars[0];
        assert_eq!((bar.state, bar.says.as_str()), (state, says), "{why}");
    }
    let timeline = drawn(vec![shift(1, 6, 6, Standing::Covered)], now);
    let bar = &timeline.rows[0].bars[0];
    assert_eq!((bar.x.as_str(), bar.width.as_str(), bar.when.as_str()), ("25.00", "25.00", "Mon 06:00-12:00"));
    assert_eq!(timeline.now.as_deref(), Some("37.50"));
}

#[test]
fn what_begins_yesterday_or_ends_tomorrow_is_cut_at_the_edge_of_the_day() {
    let timeline = drawn(vec![shift(1, -4, 6, Standing::Running), shift(2, 22, 9, Standing::Covered)], morning());
    let edges: Vec<_> = timeline.rows[0].bars.iter().map(|bar| (bar.x.as_str(), bar.width.as_str())).collect();
    assert_eq!(edges, [("0.00", "8.33"), ("91.66", "8.33")]);
    assert_eq!(drawn(Vec::new(), morning() - TimeDelta::seconds(1)).now, None, "a picture of another day");
}

#[test]
fn shifts_of_no_length_of_days_and_of_a_place_half_an_hour_off_are_drawn() {
    let mut agency = day(vec![
        shift(1, 6, 0, Standing::Uncovered),
        shift(2, -20, 72, Standing::Running),
        shift(3, -30, 30, Standing::Missed),
        shift(4, 24, 0, Standing::Covered),
    ]);
    let mut today = (*agency.today).clone();
    today.locations[0].zone = chrono_tz::Asia::Kolkata;
    agency.today = std::sync::Arc::new(today);
    let timeline = draw(&agency, morning(), &mut bars_of_a_page());
    let row = &timeline.rows[0];
    let edges: Vec<_> = row.bars.iter().map(|bar| (bar.x.as_str(), bar.width.as_str())).collect();
    assert_eq!(edges, [("25.00", "0.83"), ("0.00", "100.00"), ("0.00", "0.83"), ("100.00", "0.00")]);
    let ticks: Vec<_> = row.ticks.iter().map(|tick| (tick.x.as_str(), tick.label.as_str())).collect();
    assert_eq!(ticks, [("22.91", "18:00"), ("47.91", "00:00"), ("72.91", "06:00"), ("97.91", "12:00")]);
    assert_eq!(timeline.hours.iter().map(|hour| hour.n_well).collect::<Vec<_>>(), [1; 24], "the one of three days");
}

#[test]
fn shifts_at_once_lie_in_lanes_of_their_own_and_places_in_trouble_come_first() {
    let calm = TodayShift { location: 1, ..shift(3, 5, 2, Standing::Covered) };
    let mut shifts = vec![shift(1, 6, 2, Standing::Covered), shift(2, 7, 2, Standing::Late), calm.clone()];
    shifts[1].location = 0;
    let timeline = drawn(shifts, morning());
    let rows: Vec<_> = timeline.rows.iter().map(|row| (row.label.as_str(), row.bars.len(), row.height)).collect();
    assert_eq!(rows, [("North", 2, 32), ("No location", 1, 16)]);
    assert_eq!(timeline.rows[0].counts, "2 shifts: 1 late, 1 covered");
    assert_eq!(drawn(vec![calm], morning()).rows[0].label, "All shifts", "a single place needs no name");
}

#[test]
fn a_day_too_full_to_draw_shows_what_is_in_trouble_and_counts_the_rest() {
    let mut shifts: Vec<TodayShift> = (0..1000).map(|n| shift(n, 6, 2, Standing::Covered)).collect();
    shifts.push(shift(5000, 7, 1, Standing::Uncovered));
    let timeline = drawn(shifts, morning());
    let row = &timeline.rows[0];
    assert_eq!((row.bars.len(), row.n_calm_left_out, row.n_trouble_left_out), (1, 1000, 0));
    let hour = &timeline.hours[7];
    assert_eq!((hour.label.as_str(), hour.n_well, hour.n_open), ("07:00", 1000, 1));
    let all_open: Vec<TodayShift> = (0..1000).map(|n| shift(n, 6, 2, Standing::Uncovered)).collect();
    let row = &drawn(all_open, morning()).rows[0];
    assert_eq!(row.bars.len() + row.n_trouble_left_out, 1000, "none is lost");
}

#[test]
fn an_hour_counts_what_runs_in_it() {
    let timeline = drawn(
        vec![shift(1, 6, 2, Standing::Covered), shift(2, 7, 1, Standing::Unseen), shift(3, 7, 1, Standing::Cancelled)],
        morning(),
    );
    let counted: Vec<_> = timeline.hours[5..9].iter().map(|hour| (hour.n_well, hour.n_open, hour.n_unknown)).collect();
    assert_eq!(
        counted,
        [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 0)],
        "the hour in which one ends sharp is not its own"
    );
}

#[test]
fn the_nights_on_which_the_clocks_change_have_23_and_25_hours() {
    for (from, hours, labels) in [
        (chrono::Utc.with_ymd_and_hms(2026, 3, 8, 7, 0, 0), 23, ["01:00", "03:00"]),
        (chrono::Utc.with_ymd_and_hms(2026, 11, 1, 6, 0, 0), 25, ["01:00", "01:00"]),
    ] {
        let from = from.single().unwrap();
        let mut agency = agency("main");
        agency.today = std::sync::Arc::new(Today::new(Denver, from, from + TimeDelta::hours(hours)));
        let timeline = draw(&agency, from, &mut bars_of_a_page());
        assert_eq!(timeline.hours.len(), usize::try_from(hours).unwrap());
        assert_eq!([timeline.hours[1].label.as_str(), timeline.hours[2].label.as_str()], labels);
    }
}
