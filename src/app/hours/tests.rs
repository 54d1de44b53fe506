use super::*;
use crate::mirror::settings::NaiveReading;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Which days of shifts and of visits are missing while memory read `read` of one client, and the past `past` of all.
fn lacking(period: Period, read: &[&str], past: &[&str]) -> (Vec<String>, Vec<String>) {
    // Weeks begin on Sundays: the 22nd of November 2026 is one.
    let asked = with_week(period, &Terms::new(chrono_tz::America::Denver));
    let remembered = Remembered {
        shifts: Vec::new(),
        visits: Vec::new(),
        clock: NaiveClock::new(NaiveReading::Utc, None),
        zones: HashMap::new(),
        clients: vec![ClientId::new("1")],
        read: asked
            .days()
            .map(|one| (one, read.contains(&one.to_string().as_str())))
            .map(|(one, read)| (one, vec![(read, read)]))
            .collect(),
    };
    let of_past = |text: &&str| {
        ["shifts", "visits"].map(|section| PastDay {
            section: section.to_owned(),
            day: day(text),
            at: local_time::start_of_day(chrono_tz::UTC, day("2026-11-28")),
            missing: Vec::new(),
        })
    };
    let past: Vec<PastDay> = past.iter().flat_map(of_past).collect();
    let missing = missing(&remembered, &past, with_evening(period).from);
    let of = |section: &str| -> Vec<String> {
        let days = missing.iter().filter(|one| one.section == section);
        days.map(|one| one.day.format("%d").to_string()).collect()
    };
    (of("shifts"), of("visits"))
}

#[test]
fn visits_since_the_week_began_are_wanted_for_the_overtime() {
    let midweek = Period { from: day("2026-11-25"), to: day("2026-11-26") };
    let week = Period { from: day("2026-11-22"), to: day("2026-11-22") };
    let own = ["2026-11-24", "2026-11-25", "2026-11-26"];
    for (period, read, past, shifts, visits, shows) in [
        (midweek, &[][..], &[][..], &["24", "25", "26"][..], &["21", "22", "23", "24", "25", "26"][..], "nothing"),
        (midweek, &own, &[], &[], &["21", "22", "23"], "its days and the evening are not all"),
        (midweek, &[], &own, &[], &["21", "22", "23"], "not in the past either"),
        (midweek, &own, &["2026-11-21", "2026-11-22", "2026-11-23"], &[], &[], "all of the week so far"),
        (week, &["2026-11-22"], &[], &["21"], &["21"], "a week of its own wants the evening alone"),
    ] {
        let (of_shifts, of_visits) = lacking(period, read, past);
        assert_eq!((of_shifts, of_visits), (texts(shifts), texts(visits)), "{shows}");
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
