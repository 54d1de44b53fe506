use std::sync::Arc;

use chrono::{TimeDelta, Weekday};
use chrono_tz::America::Denver;

use super::{
    given::{Came, Care, Given, Machinery, Watcher},
    *,
};
use crate::{
    model::{ShiftKey, ShiftRef},
    report::{on_call_log::LoggedPage, past_shifts::Edits},
};

/// Tue 2026-11-24, 07:00 in Denver.
fn seven() -> Instant {
    "2026-11-24T14:00:00Z".parse().unwrap()
}

fn h(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

/// A shift that starts so many hours from seven and lasts four.
fn care(id: &str, client: &str, start: i64, caregiver: Option<&str>) -> Care {
    let at = seven() + h(start);
    Care {
        key: Arc::new(ShiftKey { start: at, client: client.into(), id: ShiftRef::Vendor(id.into()) }),
        end: at + h(4),
        caregiver: caregiver.map(Into::into),
        cancelled: false,
        location: "north".into(),
        critical: false,
        came: Came::Unseen,
        came_at: None,
        left_at: None,
    }
}

/// The same, with a visit that began so many minutes after its start and ended at the end of the plan.
fn visited(id: &str, client: &str, start: i64, caregiver: &str, late: i64) -> Care {
    let care = care(id, client, start, Some(caregiver));
    let (came_at, left_at) = (Some(care.key.start + TimeDelta::minutes(late)), Some(care.end));
    Care { came: Came::Left, came_at, left_at, ..care }
}

fn given(kind: Kind, mut care: Vec<Care>) -> Given {
    care.sort_by(|a, b| a.key.cmp(&b.key));
    Given {
        kind,
        agency: "main".into(),
        title: "CCA".into(),
        zone: Denver,
        zones: [].into(),
        clock_12h: false,
        week_starts: Weekday::Mon,
        hourly_rate: None,
        now: seven(),
        blind_since: None,
        is_known: true,
        as_of: Some(seven() - TimeDelta::minutes(2)),
        complete: true,
        care,
        reaches_from: Some(seven() - h(15 * 24)),
        edits: None,
        pages: Ok(Vec::new()),
        pages_from: None,
        watchers: vec![Watcher {
            schedule: "on-call".into(),
            now: Some(vec!["night-1".into()]),
            until: Some(seven() + h(1)),
            next: vec!["office-lead".into()],
            gap: None,
            n_gaps: 0,
        }],
        machinery: Machinery { last_read_at: Some(seven()), n_unsent: Some(0), ..Machinery::default() },
    }
}

fn page(opened: i64, by: Option<(&str, i64)>) -> LoggedPage {
    let opened_at = seven() + h(opened);
    LoggedPage {
        id: "00000000000000aa".into(),
        agency: "main".into(),
        policy: "coverage".into(),
        drill: false,
        opened_at,
        closed_at: by.map(|(_, minutes)| opened_at + TimeDelta::minutes(minutes + 5)),
        acknowledged_by: by.map(|(who, _)| who.to_owned()),
        acknowledged_at: by.map(|(_, minutes)| opened_at + TimeDelta::minutes(minutes)),
        acknowledged_after_minutes: by.map(|(_, minutes)| minutes),
        told: Vec::new(),
        alerts: Vec::new(),
        n_alerts: 0,
    }
}

#[test]
fn a_quiet_day_says_so_in_a_word_and_fits_into_twelve_lines() {
    let briefing = make(&given(Kind::Morning, vec![visited("1", "c1", -23, "g1", 0), care("2", "c1", 2, Some("g1"))]));
    let lines = text::lines(&briefing);
    assert_eq!(
        lines,
        [
            "CCA: morning briefing Tue 2026-11-24 07:00, as of Tue 06:58.",
            "Uncovered: none in 72 h.",
            "Overnight: nobody was paged.",
            "Yesterday: 1 of 1 shift made, 0 late, 0 short, none missed, no check-out missing.",
            "Watch today: nothing.",
            "Overtime this week: nobody over 38 h.",
            "Edited visits: not known, no visit was read again yet; credentials: not known (nothing says when one ends).",
            "On call: night-1 until Tue 08:00, then office-lead, no gap in 14 days.",
            "System: last read 0 min ago, the API answers, all messages sent, no silence ends today.",
            "Mon (and the middle of 7 days, the 7 before, 28): made 100 % (100 %, ?, 100 %), on time 100 % (100 %, ?, 100 %), missed 0 (0, ?, 0), pages 0 (0, 0, 0), min to take ? (?, ?, ?).",
        ]
    );
    assert_eq!(text::subject(&briefing), "Morning briefing Tue 24 Nov: covered for 24 h");
}

#[test]
fn the_first_line_says_that_nothing_can_be_seen_and_unknown_is_never_nought() {
    let mut blind = given(Kind::Morning, vec![care("1", "c1", 2, None)]);
    blind.blind_since = Some(seven() - h(4));
    blind.is_known = false;
    let briefing = make(&blind);
    let lines = text::lines(&briefing);
    assert!(lines[0].starts_with("CAN'T SEE WellSky since Tue 03:00; what follows is as of Tue 06:58."), "{lines:?}");
    assert!(lines[1].starts_with("Uncovered: 1 today"), "what was read last is said: {lines:?}");
    assert!(html::page(&[briefing], None, false, "").contains("CAN&#39;T SEE") || !lines.is_empty());

    let mut nothing = given(Kind::Morning, Vec::new());
    (nothing.as_of, nothing.is_known, nothing.reaches_from) = (None, false, None);
    nothing.pages = Err("the disk".into());
    let briefing = make(&nothing);
    assert!(briefing.coverage.is_none() && briefing.visits.is_none() && briefing.pages.is_none());
    let lines = text::lines(&briefing);
    for (n, says) in
        [(0, "Nothing was read"), (1, "Uncovered: not known."), (2, "Overnight: not known."), (9, "not known yet")]
    {
        assert!(lines[n].contains(says), "{says}: {lines:?}");
    }
    let json = serde_json::to_value(&briefing).unwrap();
    assert!(json["coverage"].is_null() && json["edited_share"].is_null() && json["trend"][0]["n_shifts"].is_null());
}

#[test]
fn cover_is_counted_by_place_with_the_hours_that_are_missing() {
    let mut south = care("4", "c4", 71, None);
    south.location = "south".into();
    let cancelled = Care { cancelled: true, ..care("5", "c5", 2, None) };
    // Since an hour, so that three of its four hours are missing still.
    let running = care("6", "c6", -1, None);
    let over = care("7", "c7", -5, None);
    let beyond = care("8", "c8", 72, None);
    let care = vec![
        care("1", "c1", 2, None),
        care("2", "c2", 23, None),
        care("3", "c3", 2, Some("g")),
        south,
        cancelled,
        running,
        over,
        beyond,
    ];
    let briefing = make(&Given { hourly_rate: Some(32.5), ..given(Kind::Morning, care) });
    let part = briefing.coverage.as_ref().unwrap();
    let Uncovered { today, within_24h, within_72h, hours, money, .. } = part.all.clone();
    assert_eq!((today, within_24h, within_72h), (2, 3, 4));
    assert_eq!((hours, money), (4.0 + 4.0 + 4.0 + 3.0, Some(488.0)));
    let places: Vec<(&str, u64)> = part.locations.iter().map(|one| (one.location.as_str(), one.within_72h)).collect();
    assert_eq!(places, [("north", 3), ("south", 1)]);
    assert_eq!(part.first[0].shift, "6", "the first to start");
    let line = &text::lines(&briefing)[1];
    assert_eq!(
        line,
        "Uncovered: 2 today, 3 in 24 h, 4 in 72 h (15 h, $488); north 3, south 1; first Tue 06:00-10:00 north, shift 6, client c6; Tue 09:00-13:00 north, shift 1, client c1, and 2 more."
    );
}

#[test]
fn yesterday_counts_who_came_late_left_early_never_came_and_did_not_check_out() {
    let short = Care { left_at: Some(seven() - h(20) + TimeDelta::minutes(191)), ..visited("2", "c2", -20, "g2", 0) };
    let missed = Care { came: Came::Nobody, ..care("3", "c3", -18, Some("g3")) };
    let open = Care { came: Came::Open, came_at: Some(seven() - h(17)), ..care("4", "c4", -17, Some("g4")) };
    let long_open = Care { came: Came::Open, came_at: Some(seven() - h(90)), ..care("5", "c5", -90, Some("g4")) };
    let unseen = care("6", "c6", -16, Some("g5"));
    let late = visited("1", "c1", -22, "g1", 16);
    let on_time = visited("7", "c7", -22, "g6", 15);
    let day_before = Care { came: Came::Nobody, ..care("8", "c8", -40, Some("g7")) };
    let part = make(&given(Kind::Morning, vec![late, on_time, short, missed, open, long_open, unseen, day_before]));
    let part = part.visits.unwrap();
    assert_eq!((part.n_shifts, part.n_made, part.n_missed, part.n_unseen), (6, 4, 1, 1));
    assert_eq!((part.n_late, part.n_short, part.n_without_check_out), (1, 1, 2), "192 of 240 minutes would be enough");
    assert_eq!(part.missed[0].shift, "3");
}

#[test]
fn what_to_watch_is_named_with_its_reason() {
    let late = |id: &str, days: i64| visited(id, "c1", -24 * days, "g1", 20);
    let critical = Care { critical: true, ..care("10", "c1", 1, Some("g2")) };
    let care = vec![
        late("1", 3),
        late("2", 5),
        visited("3", "c1", -48, "g2", 0),
        critical,
        care("11", "new", 2, Some("g1")),
        care("12", "c1", 6, Some("g1")),
        care("13", "c1", 7, Some("hired")),
        // Tomorrow is not today's.
        care("14", "other", 24, Some("g9")),
    ];
    let briefing = make(&given(Kind::Morning, care.clone()));
    let part = briefing.risks.as_ref().unwrap();
    let found: Vec<(&str, RiskWhy)> = part.first.iter().map(|one| (one.shift.as_str(), one.why)).collect();
    assert_eq!(
        found,
        [
            ("10", RiskWhy::CriticalClient),
            ("11", RiskWhy::NewClient),
            ("11", RiskWhy::OftenLate),
            ("12", RiskWhy::OftenLate),
            ("12", RiskWhy::NoTravelTime),
            ("13", RiskWhy::NewCaregiver),
        ]
    );
    assert_eq!(part.first[4].detail, "0 min after shift 11");
    // Of a past of three days nobody can say who is new.
    let short = Given { reaches_from: Some(seven() - h(72)), ..given(Kind::Morning, care) };
    let part = make(&short).risks.unwrap();
    assert!(part.first.iter().all(|one| !matches!(one.why, RiskWhy::NewClient | RiskWhy::NewCaregiver)));
    assert_eq!(part.new_since, None);
}

#[test]
fn overtime_is_what_was_worked_and_what_is_planned_until_the_week_ends() {
    // Monday: 9 h worked instead of 4. Then eight shifts of four hours until Sunday: 41 h. g2 has 36 h, and 2 h more.
    let mut worked = visited("1", "c1", -23, "g1", 0);
    worked.left_at = worked.came_at.map(|at| at + h(9));
    let mut all = vec![worked];
    for n in 0..8 {
        all.push(care(&format!("a{n}"), "c1", 12 * n + 3, Some("g1")));
        all.push(care(&format!("b{n}"), "c2", 12 * n + 3, Some("g2")));
    }
    all.push(care("b8", "c2", 99, Some("g2")));
    all.push(Care { end: seven() + h(109), ..care("b9", "c2", 106, Some("g2")) });
    // Next Monday is another week.
    all.push(care("b10", "c2", 6 * 24, Some("g2")));
    let part = make(&given(Kind::Morning, all)).overtime.unwrap();
    assert_eq!((part.n_over_40, part.n_over_38), (1, 1));
    assert_eq!(part.week.to_string(), "2026-11-23");
    let weeks: Vec<(&str, f64, f64)> =
        part.first.iter().map(|one| (one.caregiver.id.as_str(), one.worked, one.projected)).collect();
    assert_eq!(weeks, [("g1", 9.0, 41.0), ("g2", 0.0, 39.0)]);
}

#[test]
fn the_night_tells_who_took_its_pages_and_a_handoff_tells_of_the_day() {
    let drill = LoggedPage { drill: true, ..page(-3, None) };
    let pages = vec![
        page(-1, None),
        page(-2, Some(("night-1", 4))),
        drill,
        page(-8, Some(("night-1", 9))),
        page(-20, Some(("x", 1))),
    ];
    let morning = make(&Given { pages: Ok(pages.clone()), ..given(Kind::Morning, Vec::new()) });
    let line = text::lines(&morning)[2].clone();
    assert_eq!(line, "Overnight: 3 pages, 2 taken (night-1 2, half within 4 min), 1 OPEN that nobody has.");
    // At 16:30 only what opened since 07:00.
    let evening =
        Given { pages: Ok(pages), now: seven() + TimeDelta::minutes(570), ..given(Kind::Handoff, Vec::new()) };
    let lines = text::lines(&make(&evening));
    assert!(lines[0].contains("evening handoff Tue 2026-11-24 16:30"), "{lines:?}");
    assert_eq!(lines[2], "Pages today: nobody was paged.");
    assert!(lines[3].starts_with("Today: no shifts") && lines[4].starts_with("Watch tonight"), "{lines:?}");
    // Early in a day nothing is over; that is not a day without shifts.
    let early = given(Kind::Handoff, vec![care("1", "c1", 2, Some("g")), care("2", "c2", 3, None)]);
    assert!(text::lines(&make(&early))[3].starts_with("Today: none over yet, 2 under way or to come, "));
}

#[test]
fn the_checks_say_of_whole_days_whether_all_is_covered_also_when_it_is() {
    let saturday = 4 * 24 + 3;
    let sunday_night = 5 * 24 + 16;
    let shifts = vec![
        care("1", "c1", 25, Some("g")),
        care("2", "c2", 26, None),
        care("3", "c3", saturday, None),
        care("4", "c4", sunday_night, Some("g")),
        care("5", "c5", 6 * 24, None),
    ];
    let lines = |kind, care: Vec<Care>| text::lines(&make(&given(kind, care)));
    let tomorrow = lines(Kind::Tomorrow, shifts.clone());
    assert_eq!(tomorrow[1], "Wed 25 Nov: 1 of 2 shifts uncovered (4 h).");
    assert_eq!(tomorrow[2], "  Wed 09:00-13:00 north, shift 2, client c2");
    let weekend = lines(Kind::Weekend, shifts.clone());
    assert_eq!(weekend[1], "Sat 28 and Sun 29 Nov: 1 of 2 shifts uncovered (4 h).");
    let quiet = make(&given(Kind::Weekend, shifts[3..4].to_vec()));
    assert_eq!(text::lines(&quiet)[1], "Sat 28 and Sun 29 Nov: all covered, 1 shift.");
    assert_eq!(text::subject(&quiet), "The weekend, Sat 28 and Sun 29 Nov: all covered");
    let next = make(&given(Kind::Tomorrow, shifts.clone()));
    assert_eq!(text::subject(&next), "Tomorrow, Wed 25 Nov: 1 of 2 shifts uncovered", "the day that it speaks of");
    assert!(tomorrow[0].starts_with("CCA: Tomorrow, Wed 25 Nov. Written Tue 2026-11-24 07:00, as of "), "{tomorrow:?}");
    // Where there are no shifts, nothing is covered.
    let none = make(&given(Kind::Weekend, Vec::new()));
    assert_eq!(text::lines(&none)[1], "Sat 28 and Sun 29 Nov: no shifts.");
    assert_eq!(text::subject(&none), "The weekend, Sat 28 and Sun 29 Nov: no shifts");
    let none = make(&given(Kind::Morning, Vec::new()));
    assert_eq!(text::lines(&none)[1], "Uncovered: there are no shifts in 72 h.");
    assert_eq!(text::subject(&none), "Morning briefing Tue 24 Nov: no shifts in 72 h");
    for kind in [Kind::Morning, Kind::Weekend] {
        let page = html::page(&[make(&given(kind, Vec::new()))], None, false, "");
        assert!(!page.contains("covered in") && page.contains("o shifts"), "{page}");
    }
    assert!(tomorrow.len() <= 12 && weekend.len() <= 12);
}

#[test]
fn a_shift_is_told_by_the_clocks_of_its_location() {
    let chicago = Care { location: "south".into(), critical: true, ..care("1", "c1", 2, None) };
    let zones = [("south".to_owned(), chrono_tz::America::Chicago), ("north".to_owned(), Denver)].into();
    let all = vec![chicago, Care { critical: true, ..care("2", "c2", 3, None) }];
    let briefing = make(&Given { zones, ..given(Kind::Morning, all) });
    let lines = text::lines(&briefing);
    assert!(
        lines[1].contains("Tue 10:00-14:00 south, shift 1") && lines[1].contains("Tue 10:00-14:00 north"),
        "{lines:?}"
    );
    assert!(lines[4].contains("Tue 10:00 south, shift 1"), "{lines:?}");
    let first = &briefing.coverage.as_ref().unwrap().first;
    assert_eq!(first[0].timezone.as_deref(), Some("America/Chicago"));
    assert_eq!(first[1].timezone, None);
    assert!(html::page(&[briefing], None, false, "").contains("Tue 10:00-14:00 south, shift 1"));
}

#[test]
fn names_stand_beside_ids_only_when_they_are_written_in() {
    struct All;
    impl Naming for All {
        fn client(&self, _: &ClientId) -> Option<String> {
            initials("Avery Sample")
        }
        fn caregiver(&self, _: &CaregiverId) -> Option<String> {
            Some("B.C.".into())
        }
    }
    let mut briefing = make(&given(Kind::Morning, vec![care("1", "c1", 2, None), visited("0", "c1", -300, "g", 0)]));
    assert!(!text::lines(&briefing)[1].contains("A.S."));
    assert_eq!(briefing.people().0.len(), 1);
    briefing.name_with(&All);
    assert!(text::lines(&briefing)[1].contains("client c1 A.S."), "{:?}", text::lines(&briefing));
    for (name, is) in [("Sample, Avery", Some("S.A.")), ("", None), ("  ", None), ("Åsa-Li öst", Some("Å.L.Ö."))] {
        assert_eq!(initials(name).as_deref(), is);
    }
}

#[test]
fn a_mail_is_one_column_with_bars_a_picture_and_no_markup_from_outside() {
    let mut south = care("4", "<b>c4</b>", 20, None);
    south.location = "<i>south".into();
    let mut all = vec![care("1", "c1", 2, None), south];
    for day in 1..10 {
        all.push(visited(&format!("v{day}"), "c1", -24 * day, "g", day));
    }
    let briefing = make(&given(Kind::Morning, all));
    let html = html::page(std::slice::from_ref(&briefing), Some("https://watch.example.com/briefing"), true, "Sent");
    assert!(
        html.contains("cid:trend") && html.contains("alt=\"The last 28 days") && html.contains("width:100%"),
        "{html}"
    );
    assert!(!html.contains("<b>c4") && !html.contains("<i>south") && html.contains("&lt;b&gt;c4"), "{html}");
    let png = chart::png(&briefing.trend).unwrap();
    assert!(png.len() < 40_000 && png.starts_with(b"\x89PNG"), "{}", png.len());
    assert_eq!(chart::png(&make(&given(Kind::Morning, Vec::new())).trend), None, "nothing known, nothing drawn");
    let two = html::page(&[briefing.clone(), briefing], None, false, "");
    assert!(two.contains("<th scope=\"row\"") && two.matches("Uncovered: 1 today").count() == 2, "{two}");
}

#[test]
fn days_that_are_not_known_are_holes_in_the_trend() {
    let mut all = Vec::new();
    for day in 1..14 {
        all.push(visited(&format!("v{day}"), "c1", -24 * day, "g", if day < 3 { 30 } else { 0 }));
    }
    let eight = seven() - h(8 * 24);
    let part = make(&Given { reaches_from: Some(eight), ..given(Kind::Morning, all) }).trend;
    assert_eq!(part.len(), 28);
    assert_eq!(part[0].n_shifts, None);
    let known: Vec<_> = part.iter().filter(|day| day.n_shifts.is_some()).collect();
    assert_eq!(known.len(), 7, "whole days since then");
    assert_eq!((part[27].on_time, part[27].made, part[25].on_time), (Some(0.0), Some(1.0), Some(1.0)));
}

#[test]
fn the_trend_holds_its_week_against_the_one_before_and_four_weeks() {
    // A visit a day; late in the last week, and missed on every day of the week before.
    let all = (1..=28).map(|day| match day {
        1..=7 => visited(&format!("v{day}"), "c1", -24 * day, "g", 30),
        8..=14 => Care { came: Came::Nobody, ..care(&format!("v{day}"), "c1", -24 * day, Some("g")) },
        _ => visited(&format!("v{day}"), "c1", -24 * day, "g", 0),
    });
    let four_weeks = Given { reaches_from: Some(seven() - h(29 * 24)), ..given(Kind::Morning, all.collect()) };
    let briefing = make(&four_weeks);
    let kpis = text::kpis(&briefing.trend);
    let one = |name: &str| {
        let kpi = kpis.iter().find(|kpi| kpi.name == name).unwrap();
        (kpi.last, kpi.week, kpi.week_before, kpi.middle)
    };
    assert_eq!(one("made"), (Some(1.0), Some(1.0), Some(0.0), Some(1.0)));
    assert_eq!(one("on time"), (Some(0.0), Some(0.0), None, Some(1.0)));
    assert_eq!(one("missed"), (Some(0.0), Some(0.0), Some(1.0), Some(0.0)));
    let trend = text::lines(&briefing).pop().unwrap();
    assert!(trend.contains("made 100 % (100 %, 0 %, 100 %), on time 0 % (0 %, ?, 100 %)"), "{trend}");
    // A day of which nobody has looked at every shift has no count of missed ones, and no page is counted that was left out.
    let unseen = Given {
        care: four_weeks.care.iter().cloned().chain([care("u", "c2", -24, Some("g"))]).collect(),
        pages_from: Some(seven() - h(10 * 24)),
        ..four_weeks
    };
    let days = make(&unseen).trend;
    assert_eq!((days[27].n_missed, days[27].n_shifts, days[27].made), (None, Some(2), Some(1.0)));
    assert_eq!((days[17].n_pages, days[20].n_pages), (None, Some(0)));
}

#[test]
fn edited_visits_are_said_with_since_when_they_are_known() {
    let edits = Edits { since: seven() - h(20 * 24), n_visits: 400, n_edited: 10 };
    let briefing = make(&Given { edits: Some(edits), ..given(Kind::Morning, Vec::new()) });
    assert_eq!((briefing.edited_share, briefing.edited_since), (Some(0.025), Some(seven() - h(480))));
    let lines = text::lines(&briefing);
    assert!(
        lines.contains(
            &"Edited visits: 2.5 % since Wed 2026-11-04; credentials: not known (nothing says when one ends)."
                .to_owned()
        ),
        "{lines:?}"
    );
}
