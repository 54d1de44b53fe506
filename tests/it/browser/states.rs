//! Every page in every state: nothing for axe to find, dark and light, narrow and wide; nothing beside the screen;
//! nothing that the browser complains of.

use std::sync::Arc;

use serde_json::json;
use shiftwatch::{http::routes::ROUTES, view::View};

use super::{driver::Browser, hand_made, stage::Stage};

const FIRING: &str = "/alerts/000000000000a000";
const HELD: &str = "/alerts/000000000000a001";
const OWNED: &str = "/alerts/000000000000a002";
const CLOSED: &str = "/alerts/000000000000a003";

/// The board's pages, by the addresses that the router knows.
const PAGES: [(&str, &str); 11] = [
    ("now", "/"),
    ("alerts", "/alerts"),
    ("silences", "/silences"),
    ("silence", "/silences/new"),
    ("api", "/api-health"),
    ("history", "/history"),
    ("on-call", "/on-call"),
    ("briefing", "/briefing"),
    ("hours", "/hours"),
    ("exceptions", "/exceptions"),
    ("kpis", "/kpis"),
];

/// Pages whose addresses hold more than a path.
const PERSON: (&str, &str) = ("person", "/clients/70010001");
const CHECK: (&str, &str) = ("briefing-tomorrow", "/briefing?kind=tomorrow");

/// How a page is looked at: the device's scheme, and whether it is a desk's.
const ALL: [(&str, bool); 4] = [("light", false), ("dark", false), ("dark", true), ("light", true)];
/// Each of them once, where a page is so long that looking takes seconds.
const CROSSED: [(&str, bool); 2] = [("light", false), ("dark", true)];

/// Pages that are made of the same parts as others.
const OFFICE: [&str; 6] = ["briefing", "briefing-tomorrow", "hours", "exceptions", "kpis", "person"];

/// Looks at a page in both schemes and both widths; gives what is wrong with it.
async fn look(browser: &Browser, what: &str, url: &str, ways: &[(&str, bool)]) -> Vec<String> {
    let mut wrong = Vec::new();
    browser.narrow().await;
    browser.scheme("light").await;
    browser.go(url).await;
    for (scheme, wide) in ways.iter().copied() {
        if wide {
            browser.desk().await;
        } else {
            browser.narrow().await;
        }
        browser.scheme(scheme).await;
        let width = if wide { 1280 } else { 360 };
        browser.fits(&format!("{what} at {width}")).await;
        wrong.extend(browser.faults().await.into_iter().map(|fault| format!("{what}, {scheme}, {width}: {fault}")));
        if CROSSED.contains(&(scheme, wide)) || what.starts_with("trouble") {
            browser.shot(&format!("{what}-{scheme}-{width}")).await;
        }
    }
    wrong
}

/// A state of things, what *Now* says in it, and the pages to look at.
struct State {
    name: &'static str,
    says: &'static str,
    view: View,
    pages: Vec<(&'static str, &'static str)>,
}

async fn look_at_all(states: Vec<State>, ways: &[(&str, bool)]) {
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for State { name: state, says, view, pages } in states {
        // Loops that went round long ago would be a state of their own.
        let stage = Stage::open(hand_made::healthy()).await;
        stage.show(view);
        for (name, path) in pages {
            let what = format!("{state}-{name}");
            let ways = if OFFICE.contains(&name) { &CROSSED } else { ways };
            wrong.extend(look(&browser, &what, &format!("{}{path}", stage.url), ways).await);
            let text = browser.text().await;
            if name == "now" && !text.contains(says) {
                wrong.push(format!("{what} does not say {says:?}: {text}"));
            }
            // A page that is not there is answered as such, and the browser writes that down.
            let complaints = browser.complaints().await;
            wrong.extend(complaints.into_iter().filter(|line| !line.contains("status of 404")));
        }
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_on_any_page_in_any_state() {
    let pages =
        || PAGES.into_iter().filter(|(_, path)| ROUTES.iter().any(|route| route.path == *path)).collect::<Vec<_>>();
    let alert_pages = vec![
        ("firing", FIRING),
        ("held", HELD),
        ("owned", OWNED),
        ("closed", CLOSED),
        ("past", "/alerts/000000000000b000"),
        ("silence-it", "/silences/new?fingerprint=000000000000a000"),
        ("none", "/alerts/0"),
        ("link", "/a/Ab3dE9xQr2Lm5TzW"),
        ("link-nowhere", "/a/0000000000000000"),
    ];
    let mut stale = hand_made::trouble();
    stale.at -= chrono::TimeDelta::seconds(40);
    let state = |name, says, view| State { name, says, view, pages: pages() };
    let trouble = State {
        pages: [pages(), alert_pages, vec![PERSON, CHECK]].concat(),
        ..state("trouble", "Needs you", hand_made::trouble())
    };
    let no_shifts =
        State { pages: vec![("now", "/")], ..state("no-shifts", "No shifts today.", hand_made::no_shifts()) };
    let states = vec![
        state("healthy", "All quiet", hand_made::healthy()),
        trouble,
        state("stale", "This picture stands still since", stale),
        State { pages: [pages(), vec![PERSON]].concat(), ..state("blind", "Can't see", hand_made::blind()) },
        State { pages: [pages(), vec![PERSON]].concat(), ..state("empty", "Starting", hand_made::nothing_yet()) },
        no_shifts,
    ];
    look_at_all(states, &ALL).await;
}

/// For a person to look at: whether every state can be told from the others where no colour is seen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_colours_the_states_have_marks_and_words() {
    let stage = Stage::open(hand_made::trouble()).await;
    let browser = Browser::open().await;
    for (scheme, kind) in [("light", "achromatopsia"), ("dark", "achromatopsia"), ("light", "deuteranopia")] {
        browser.scheme(scheme).await;
        browser.cdp("Emulation.setEmulatedVisionDeficiency", json!({ "type": kind })).await;
        browser.go(&stage.url).await;
        browser.shot(&format!("{kind}-now-{scheme}")).await;
    }
    // Covered is the one state without a mark: it is the ordinary one.
    let marks = browser.js("return [...document.querySelectorAll('.legend li')].map(li => [li.innerText.trim(), li.querySelector('text')?.textContent ?? ''])").await;
    let marks = marks.as_array().expect("a legend");
    let distinct: std::collections::BTreeSet<String> = marks.iter().map(|one| one[1].to_string()).collect();
    assert_eq!((marks.len(), distinct.len()), (8, 8), "{marks:?}");
    browser.close().await;
}

/// The checker itself: a page made worse on purpose is not let pass.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_what_is_wrong() {
    let stage = Stage::open(hand_made::trouble()).await;
    let browser = Browser::open().await;
    browser.go(&stage.url).await;
    let worse = "document.querySelector('main').insertAdjacentHTML('beforeend',
        '<img src=\"/static/icon.svg\"><input><p class=worse>nobody can read this</p>');
        document.querySelector('.worse').style = 'color: #999; background: #aaa';
        document.querySelector('main').style.width = '2000px';";
    browser.js(worse).await;
    let found = browser.faults().await.join("\n");
    for rule in ["image-alt", "label", "color-contrast"] {
        assert!(found.contains(&format!("\"{rule}\": ")), "{rule} was not found: {found}");
    }
    let widths = browser.js("return document.scrollingElement.scrollWidth > innerWidth").await;
    assert_eq!(widths, json!(true), "a page that is too wide is measured as such");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_every_script_and_length_stay_names() {
    let stage = Stage::open(hand_made::trouble()).await;
    let url = stage.signed_in().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    for (name, path) in
        [("now", "/"), ("alerts", "/alerts"), ("alert", FIRING), ("alert-long", "/alerts/000000000000a004")]
    {
        wrong.extend(look(&browser, &format!("names-{name}"), &format!("{url}{path}"), &ALL).await);
        let text = browser.js("return document.body.textContent").await;
        assert!(
            text.as_str().is_some_and(|text| text.contains("Sample") || text.contains("<script>")),
            "{name}: {text}"
        );
        let made = browser
            .js("return [document.title.includes('broken'), document.querySelectorAll('body script, body img').length]")
            .await;
        assert_eq!(made, json!([false, 0]), "{name}: a name became part of the page");
        wrong.extend(browser.complaints().await);
    }
    browser.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_alerts_are_a_page_that_can_be_used() {
    let mut view = hand_made::trouble();
    view.alerts = (0..500).map(|n| Arc::new(hand_made::uncovered(n, i64::try_from(n).expect("small")))).collect();
    let pages = vec![("now", "/"), ("alerts", "/alerts")];
    look_at_all(vec![State { name: "crowd", says: "500 alerts need you", view, pages }], &CROSSED).await;
}
