//! Pages over hand-made views: quiet, unknown, stale, crowded, and with names that were meant to break them.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{
    now::Asked,
    people::{Names, Person, Who},
    *,
};
use crate::{
    mirror::today::{Standing, TodayLocation, TodayShift},
    model::{AgencyName, CaregiverId, ClientId, ShiftId, ShiftKey, ShiftRef},
    pulse::Pulses,
    report::{
        alert_story::{AlertStory, LifeStory, Turn},
        history::{History, LifeRow, RuleHistory, Span, Tally},
    },
    view::{
        AlertView,
        report::tests::{changed, owned, uncovered},
        tests::{noon, view},
    },
};

/// Names that have broken pages elsewhere. Invented, all of them.
const NAMES: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{ 4242 * 2 }}{% raw %}",
    "ทดสอบ ตัวอย่าง",
    "اسم تجريبي",
    "例示 太郎",
    "A-Name-That-Has-No-Place-To-Break-And-Goes-On-And-On-And-On-And-On-And-On-And-On-And-On-And-On-And-On",
];

fn now_page(view: &View, names: &Names) -> String {
    let pulses = Pulses::new(noon());
    let drawn = now::draw(view, &pulses, &Asked::default(), names, true, noon(), noon());
    drawn.page(&Frame { live: "/live?page=now", user: None, names: true, speed: 1 })
}

fn with_alerts(alerts: Vec<AlertView>) -> View {
    let mut view = view();
    view.alerts = alerts.into_iter().map(Arc::new).collect();
    view
}

fn shift(n: usize, standing: Standing) -> TodayShift {
    let start = noon() + TimeDelta::minutes(i64::try_from(n % 1000).unwrap() - 300);
    TodayShift {
        key: ShiftKey {
            start,
            client: ClientId::new(format!("70{:05}", n / 3)),
            id: ShiftRef::Vendor(ShiftId::new(format!("9{n:07}"))),
        },
        end: start + TimeDelta::hours(4),
        caregiver: Some(CaregiverId::new(format!("80{:05}", n / 7))),
        location: n % 12,
        standing,
        came_at: None,
        left_at: None,
        stale: false,
        read_at: Some(noon()),
    }
}

fn with_day(mut view: View, mut shifts: Vec<TodayShift>) -> View {
    shifts.sort_by_key(|shift| shift.key.start);
    let mut today = crate::mirror::today::Today::clone(&view.agencies[0].today);
    today.locations =
        (0..12).map(|n| TodayLocation { label: format!("branch-{n}"), zone: chrono_tz::America::Denver }).collect();
    today.shifts = shifts;
    view.agencies[0].today = Arc::new(today);
    view
}

#[test]
fn every_template_parses() {
    for (name, _) in TEMPLATES {
        assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
    }
}

type Change = fn(&mut View);

#[test]
fn quiet_says_so_and_unknown_never_looks_quiet() {
    let quiet = now_page(&view(), &Names::default());
    assert!(quiet.contains("All quiet") && quiet.contains("nothing needs you"), "{quiet}");
    let cases: [(&str, Change); 6] = [
        ("never read", |view| view.agencies[0].last_read_at = None),
        ("blind", |view| view.agencies[0].blind_since = Some(noon() - TimeDelta::minutes(9))),
        ("counts unknown", |view| view.agencies[0].coverage = None),
        ("some not judged", |view| view.agencies[0].n_unjudged = 3),
        ("first look", |view| view.agencies[0].catching_up_since = Some(noon())),
        ("not ready", |view| view.ready = Err("the disk is full".to_owned())),
    ];
    for (why, change) in cases {
        let mut view = view();
        change(&mut view);
        let page = now_page(&view, &Names::default());
        assert!(!page.contains("All quiet") && page.contains("This is no all-clear"), "{why}: {page}");
    }
}

#[test]
fn a_picture_that_stands_still_says_since_when() {
    let page = |picture_s: i64, tick_s: i64| {
        let mut view = view();
        view.at = noon() - TimeDelta::seconds(picture_s);
        let pulses = Pulses::new(noon() - TimeDelta::seconds(tick_s));
        let drawn = now::draw(&view, &pulses, &Asked::default(), &Names::default(), true, noon(), noon());
        drawn.page(&Frame { live: "/live?page=now", user: None, names: true, speed: 1 })
    };
    let said = page(16, 16);
    assert!(said.contains("This picture stands still since") && said.contains("Not working"), "{said}");
    for (picture_s, tick_s, why) in
        [(15, 15, "a boundary"), (16, 15, "the agent's clock runs faster than the machine's"), (15, 16, "a slower one")]
    {
        assert!(!page(picture_s, tick_s).contains("stands still"), "{why}");
    }
}

#[test]
fn no_data_yet_is_no_empty_page() {
    let mut view = view();
    view.agencies[0].n_clients = None;
    view.agencies[0].last_read_at = None;
    view.agencies[0].coverage = None;
    for section in &mut view.agencies[0].sections {
        section.as_of = None;
    }
    let page = now_page(&view, &Names::default());
    for says in ["Starting", "No shift has been read yet.", "clients never read"] {
        assert!(page.contains(says), "{says}: {page}");
    }
}

#[test]
fn a_name_is_text_whatever_it_holds() {
    for name in NAMES {
        let agency = AgencyName::from("main");
        let mut names = Names::default();
        let person =
            Person { name: name.to_owned(), phones: vec!["+1 202 555 0142".to_owned()], address: name.to_owned() };
        names.put(Who::Client(agency.clone(), ClientId::from("7000101")), person.clone());
        names.put(Who::Client(agency.clone(), ClientId::from("7000000")), person);
        let view = with_day(with_alerts(vec![uncovered("90010001")]), vec![shift(1, Standing::Late)]);
        let page = now_page(&view, &names);
        let one = alert::find(&view, &view.alerts[0].fingerprint).unwrap();
        let drawn = alert::draw(&view, &Pulses::new(noon()), one, Ok(None), &names, noon(), noon());
        let alone = drawn.page(&Frame { live: "", user: Some(name), names: true, speed: 1 });
        for html in [&page, &alone] {
            for broken in ["<script>alert", "<img", "8484", "onerror=alert(1)>"] {
                assert!(!html.contains(broken), "{name}: {broken}");
            }
            let escaped = minijinja::HtmlEscape(name).to_string();
            assert!(html.contains(&escaped), "{name} is shown as it is");
        }
        assert!(alone.contains("href=\"tel:+12025550142\""), "{alone}");
    }
}

#[test]
fn without_sign_in_nobody_is_named() {
    let view = with_day(with_alerts(vec![uncovered("90010001")]), vec![shift(1, Standing::Late)]);
    let pulses = Pulses::new(noon());
    let page = now::draw(&view, &pulses, &Asked::default(), &Names::default(), false, noon(), noon()).page(&Frame {
        live: "",
        user: None,
        names: false,
        speed: 1,
    });
    assert!(page.contains("Shift 90010001") && page.contains("Names are shown after sign-in only"), "{page}");
    assert!(!page.contains("Client, caregiver"), "{page}");
}

#[test]
fn the_alert_page_says_who_was_told_why_it_is_quiet_and_takes_an_owner_while_it_is_open() {
    let draw = |one: AlertView| {
        let view = with_alerts(vec![one]);
        let one = &view.alerts[0];
        let drawn = alert::draw(&view, &Pulses::new(noon()), one, Ok(None), &Names::default(), noon(), noon());
        drawn.page(&Frame { live: "", user: None, names: false, speed: 1 })
    };
    let page = draw(uncovered("90010001"));
    for says in [
        "NO CAREGIVER",
        "starts in 1h30",
        "Find cover.",
        "<bdi>on-call</bdi> by sms",
        "is repeated when the repeat",
        "I have it",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let page = draw(owned(uncovered("90010001")));
    assert!(page.contains("Take it over") && page.contains("night-1"), "{page}");
    let page = draw(changed(uncovered("90010001"), |alert| {
        alert.state = crate::alerts::alert::AlertState::Resolved {
            fired_at: alert.fired_at(),
            resolved_at: noon(),
            closing: crate::rules::finding::Closing::Covered,
            owner: None,
        };
    }));
    assert!(
        page.contains("Closed: covered") && !page.contains("<form class=\"acknowledge"),
        "nothing is kept, so nothing is asked: {page}"
    );
}

#[test]
fn five_hundred_alerts_are_all_to_be_found() {
    let alerts: Vec<AlertView> = (0..500).map(|n| uncovered(&format!("9001{n:04}"))).collect();
    let view = with_alerts(alerts);
    let page = now_page(&view, &Names::default());
    assert!(page.contains(">460 more</a>"), "the page says how many it leaves out");
    let drawn = alert::draw_all(&view, &Pulses::new(noon()), &Names::default(), noon(), noon());
    let page = drawn.page(&Frame { live: "", user: None, names: false, speed: 1 });
    assert_eq!(page.matches("<li class=\"card").count(), 500);
}

#[test]
fn the_largest_agency_is_one_page_under_300_kilobytes() {
    let shifts = (0..30_000).map(|n| {
        let standing = match n % 50 {
            0 => Standing::Uncovered,
            1 => Standing::Late,
            2 => Standing::Unseen,
            3..20 => Standing::Running,
            _ => Standing::Covered,
        };
        shift(n, standing)
    });
    let alerts: Vec<AlertView> = (0..500).map(|n| uncovered(&format!("9001{n:04}"))).collect();
    let view = with_day(with_alerts(alerts), shifts.collect());
    let mut names = Names::default();
    for who in now::wanted(&view, &Asked::default(), noon()) {
        let name = "Avery-Longest Placeholder-Umbrella-Stand".to_owned();
        names.put(who, Person { name, ..Person::default() });
    }
    let page = now_page(&view, &names);
    assert!(page.len() < 300_000, "{} bytes", page.len());
    assert!(page.contains("more that are not well are not drawn"), "and it says what it leaves out");
}

#[test]
fn what_a_sender_writes_at_length_makes_no_page_long() {
    let long = "W".repeat(100_000);
    let alerts = (0..50).map(|n| {
        let mut one = uncovered(&format!("9{n}"));
        let alert = Arc::make_mut(&mut one.alert);
        for name in ["alertname", "severity", "location", "anything"] {
            alert.labels.insert(name.to_owned(), long.clone());
        }
        alert.labels.insert(long.clone(), "x".to_owned());
        for name in ["summary", "description"] {
            alert.annotations.insert(name.to_owned(), long.clone());
        }
        alert.annotations.insert("runbook_url".to_owned(), format!("https://example.com/{long}"));
        alert.facts.location.clone_from(&long);
        alert.facts.tells = crate::rules::finding::Tells::Summary;
        one
    });
    let view = with_alerts(alerts.collect());
    let page = now_page(&view, &Names::default());
    assert!(page.len() < 300_000, "{}", page.len());
    let pulses = Pulses::new(noon());
    let drawn = alert::draw(&view, &pulses, &view.alerts[0], Ok(None), &Names::default(), noon(), noon());
    let page: usize = drawn.parts.iter().map(|part| part.html.len()).sum();
    assert!(page < 50_000, "{page}");
    assert!(drawn.title.len() < 1_000, "{}", drawn.title.len());
}

#[test]
fn a_sender_that_names_every_alert_anew_does_not_push_our_own_rules_off_the_history() {
    let mut view = view();
    view.rules = vec![crate::view::RuleView { alert: "ZOurs".to_owned(), severity: String::new() }];
    let named = |alertname: String| RuleHistory { alertname, n_alerts: 1, ..RuleHistory::default() };
    let mut rules: Vec<RuleHistory> = (0..5000).map(|n| named(format!("A{n:05}"))).collect();
    rules.push(named("ZOurs".to_owned()));
    rules[0].alertname = "A".repeat(100_000);
    let history = Tally::default().sum_up(Span::Week, noon(), &[], 0);
    let history = History { rules, ..history };
    let drawn = history::draw(&view, &Pulses::new(noon()), Span::Week, Ok(&history), noon(), noon());
    let html = &drawn.parts[0].html;
    assert!(html.contains("ZOurs") && html.contains("4941 more names are not shown"), "{html}");
    assert!(html.len() < 200_000, "{}", html.len());
}

#[test]
fn ages_alone_change_no_hash_and_anything_else_does() {
    let a = "<p>read <time datetime=\"2026-01-01T00:00:00Z\" data-ago>4 s ago</time>, 3 open</p>";
    assert_eq!(hash(a), hash(&a.replace("4 s ago", "6 s ago")));
    assert_ne!(hash(a), hash(&a.replace("3 open", "4 open")));
    assert_ne!(hash(a), hash(&a.replace("2026", "2027")));
    assert_eq!(hash("data-ago>unclosed"), hash("data-ago>other"), "whatever comes, no panic");
}

#[test]
fn many_agencies_are_a_list_and_the_troubled_ones_are_drawn() {
    let mut view = with_alerts(vec![changed(uncovered("90010001"), |alert| {
        alert.key.agency = AgencyName::from("office-7");
        alert.labels.insert("agency".to_owned(), "office-7".to_owned());
    })]);
    view.agencies = (0..300).map(|n| crate::view::tests::agency(&format!("office-{n}"))).collect();
    let page = now_page(&view, &Names::default());
    assert_eq!(page.matches("href=\"/?agency=").count(), 300);
    assert!(page.contains("id=\"day-office-7\"") && !page.contains("id=\"day-office-8\""), "{page}");
}

#[test]
fn the_api_page_is_red_and_says_since_when() {
    let pulses = Pulses::new(noon());
    let page = |view: &View| {
        let drawn = api::draw(view, &pulses, &Asked::default(), Ok(None), noon(), noon());
        drawn.page(&Frame { live: "", user: None, names: false, speed: 1 })
    };
    assert!(page(&view()).contains("Everything that was asked answers."));
    let mut view = view();
    view.agencies[0].endpoints[0].up = false;
    view.agencies[0].endpoints[0].failing_since = Some(noon() - TimeDelta::minutes(3));
    let down = page(&view);
    assert!(down.contains("endpoint down") && down.contains("No answer for shifts since Tue 02:59."), "{down}");
}

#[test]
fn history_says_unknown_where_nothing_was_measured_and_why_when_it_cannot_be_read() {
    let pulses = Pulses::new(noon());
    let page = |told: Result<&History, String>| {
        let drawn = history::draw(&view(), &pulses, Span::Week, told, noon(), noon());
        drawn.page(&Frame { live: "", user: None, names: false, speed: 1 })
    };
    let mut tally = Tally::default();
    tally.take(&LifeRow {
        agency: "main".to_owned(),
        alertname: "NoShow".to_owned(),
        fired_at: noon() - TimeDelta::minutes(30),
        edge_at: None,
        seen_at: None,
        changed_at: None,
        told: true,
        sent_at: Some(noon() - TimeDelta::minutes(29)),
        delivered_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        said: false,
        resolved_at: Some(noon()),
        reason: Some("arrived".to_owned()),
    });
    let found = page(Ok(&tally.sum_up(Span::Week, noon(), &[], 1)));
    for says in ["NoShow", "1 somebody arrived", ">60 s<", ">30 min<", "unknown"] {
        assert!(found.contains(says), "{says}: {found}");
    }
    let none = page(Ok(&Tally::default().sum_up(Span::Day, noon(), &[], 0)));
    assert!(none.contains("No alert has fired since"), "{none}");
    let broken = page(Err("the disk is gone".to_owned()));
    assert!(broken.contains("cannot be told at present: the disk is gone") && !broken.contains("No alert"), "{broken}");
}

#[test]
fn an_alert_that_is_over_is_told_from_what_was_kept() {
    let at = noon();
    let life = LifeStory {
        agency: "main".to_owned(),
        alertname: "NoShow".to_owned(),
        severity: "critical".to_owned(),
        location: "north".to_owned(),
        shift: Some("90010001@2026-12-01T14:00:00Z".to_owned()),
        labels: std::collections::BTreeMap::new(),
        state: "resolved".to_owned(),
        edge_at: None,
        seen_at: None,
        active_at: at - TimeDelta::minutes(40),
        fired_at: Some(at - TimeDelta::minutes(40)),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: Some(at),
        reason: Some("arrived".to_owned()),
        reason_words: Some("somebody arrived".to_owned()),
        dispositions: Vec::new(),
        pages: Vec::new(),
        turns: vec![Turn {
            at,
            from: Some("firing".to_owned()),
            to: "resolved".to_owned(),
            reason: "arrived".to_owned(),
            note: Some("<b>on my way</b>".to_owned()),
            words: "over: somebody arrived".to_owned(),
        }],
        messages: Vec::new(),
    };
    let story = AlertStory {
        fingerprint: "0000000000000001".to_owned(),
        lives: vec![life],
        n_lives_left_out: 3,
        n_messages_left_out: 0,
        n_turns_left_out: 0,
    };
    let page = alert::draw_past(&view(), &Pulses::new(at), &story, at, at).page(&Frame {
        live: "",
        user: None,
        names: false,
        speed: 1,
    });
    for says in ["NoShow", "Closed: somebody arrived", "over: somebody arrived", "&lt;b&gt;on my way", "3 times more"] {
        assert!(page.contains(says), "{says}: {page}");
    }
    assert!(!page.contains("class=\"acknowledge\""), "what is over can be owned no more");
    let asks =
        ["action=\"/alerts/0000000000000001/disposition\"", "<option value=\"arrived\" selected>", "Needed if it went"];
    assert!(asks.iter().all(|part| page.contains(part)), "what became of it can be said, as its end says it: {page}");
}
