//! What a person does with the board besides looking: by keyboard alone, without JavaScript, with five hundred alerts.

use std::time::Duration;

use serde_json::{Value, json};

use super::{demo::Demo, driver::Browser};
use crate::harness::{House, Plan, SHIFT};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// A house with a shift that lost its caregiver, and its alert's fingerprint.
async fn house_in_trouble() -> (House, String) {
    let mut house = House::open(Plan::default()).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    let (_, alerts) = house.get("/api/v1/alerts").await;
    let alerts: Value = serde_json::from_str(&alerts).expect("json");
    let fingerprint = alerts[0]["fingerprint"].as_str().expect("an alert").to_owned();
    (house, fingerprint)
}

/// Presses Tab until what has the focus is what is looked for; everything on the way can be seen to have it.
async fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..40 {
        browser.press(TAB).await;
        let seen = browser
            .js_with(
                "const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it);
                 return { there: it.matches(arguments[0]), what: it.outerHTML.slice(0, 80), outline: style.outlineStyle,
                          width: parseFloat(style.outlineWidth), left: box.left, size: box.width * box.height };",
                vec![json!(selector)],
            )
            .await;
        let visible = seen["outline"] != "none" && seen["width"].as_f64() >= Some(2.0);
        let on_screen = seen["left"].as_f64() >= Some(0.0) && seen["size"].as_f64() > Some(0.0);
        assert!(visible && on_screen, "the focus cannot be seen: {seen}");
        if seen["there"] == true {
            return;
        }
    }
    panic!("{selector} cannot be reached by Tab");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_owned_by_keyboard_alone() {
    let (house, _) = house_in_trouble().await;
    let browser = Browser::open().await;
    browser.desk().await;
    browser.go(&house.url).await;
    // The first stop leads past the navigation.
    browser.press(TAB).await;
    let first = browser
        .js("return [document.activeElement.className, document.activeElement.getBoundingClientRect().left >= 0]")
        .await;
    assert_eq!(first, json!(["skip", true]));
    browser.shot("keyboard-skip").await;
    browser.press(ENTER).await;
    browser.until("the content has the focus", "document.activeElement.id === 'main'").await;
    tab_to(&browser, ".card h3 a").await;
    browser.press(ENTER).await;
    browser.until("the alert's page", "!!document.querySelector('form.acknowledge')").await;
    tab_to(&browser, "a.act").await;
    browser.press(ENTER).await;
    browser.until("the name's field", "document.activeElement.id === 'by'").await;
    browser.press("night-1").await;
    tab_to(&browser, "#note").await;
    browser.press("by keyboard").await;
    tab_to(&browser, "#for").await;
    browser.press("4").await;
    browser.until("forty minutes", "document.getElementById('for').value === '40m'").await;
    tab_to(&browser, "form.acknowledge button").await;
    browser.press(ENTER).await;
    browser.until("who has it", "document.querySelector('dl')?.innerText.includes('by keyboard')").await;
    browser.is_content("by keyboard").await;
    browser.close().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_javascript_the_pages_say_the_same_and_the_form_works() {
    let (house, fingerprint) = house_in_trouble().await;
    let browser = Browser::open().await;
    browser.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    browser.go(&house.url).await;
    let refresh = browser.js("return document.querySelector('meta[http-equiv=refresh]')?.content").await;
    assert_eq!(refresh, "30", "a page without its script loads itself again");
    let text = browser.text().await;
    assert!(text.contains("Needs you") && text.contains(SHIFT), "{text}");
    browser.fits("Now without JavaScript").await;
    browser.shot("no-javascript-now").await;
    browser.go(&format!("{}/alerts/{fingerprint}", house.url)).await;
    browser.fill("#by", "night-1").await;
    browser.fill("#note", "no script").await;
    browser.tap("document.querySelector('form.acknowledge button')").await;
    browser.until("who has it", "document.querySelector('dl')?.innerText.includes('no script')").await;
    browser.go(&house.url).await;
    let text = browser.text().await;
    assert!(text.contains("Somebody has it") && text.contains("night-1 has it until"), "{text}");
    browser.go(&format!("{}/api-health", house.url)).await;
    assert!(browser.text().await.contains("Everything that was asked answers."));
    browser.close().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_clicks_about_waits_for_no_page() {
    let (house, fingerprint) = house_in_trouble().await;
    let browser = Browser::open().await;
    let alert = format!("/alerts/{fingerprint}");
    // More pages than a browser opens connections; each of them has a stream of its own.
    for path in ["/", "/alerts", &alert, "/api-health"].repeat(3) {
        let url = format!("{}{path}", house.url);
        let loads = tokio::time::timeout(Duration::from_secs(20), browser.go(&url));
        loads.await.unwrap_or_else(|_| panic!("{path} waits for the pages before it"));
    }
    // And as many tabs, which stay open behind one another.
    for _ in 0..8 {
        browser.another_window().await;
        let loads = tokio::time::timeout(Duration::from_secs(20), browser.go(&house.url));
        loads.await.expect("a tab waits for the tabs before it");
    }
    browser.until("the page is kept up to date", "document.querySelector('.as-of time')?.innerText === 'now'").await;
    browser.close().await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_posted_alerts_come_to_an_open_page() {
    let house = House::open(Plan::default()).await;
    let browser = Browser::open().await;
    browser.narrow().await;
    browser.go(&house.url).await;
    browser.mark().await;
    let ends_at = (house.now() + chrono::TimeDelta::hours(4)).to_rfc3339();
    let one = |n: usize| {
        let labels =
            json!({ "alertname": format!("Sample{n}"), "severity": "warning", "team": "tech", "n": n.to_string() });
        json!({ "labels": labels, "endsAt": ends_at })
    };
    let alerts: Vec<Value> = (0..500).map(one).collect();
    let (status, answer) = house.post("/api/v2/alerts", &json!(alerts)).await;
    assert_eq!(status, 200, "{answer}");
    browser.until("as many as a page holds", "document.querySelectorAll('.card').length >= 20").await;
    browser.until("how many more there are", r"/4\d\d more/.test(document.body.innerText)").await;
    browser.is_the_same_page("500 alerts came").await;
    browser.fits("Now with 500 alerts").await;
    let faults = browser.faults().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    browser.shot("posted-500-now-360").await;
    browser.is_content("500 alerts").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_program_died_says_so_and_finds_back_by_itself() {
    let browser = Browser::open().await;
    let mut demo = Demo::new();
    demo.start().await;
    browser.narrow().await;
    browser.go(&demo.url()).await;
    browser.mark().await;
    browser.until("the page is kept up to date", "document.querySelector('rect.bar') !== null").await;
    demo.kill();
    browser.until("it has lost touch", "!document.getElementById('lost').hidden").await;
    let lost = browser.js("return document.getElementById('lost').innerText").await;
    assert!(lost.as_str().is_some_and(|text| text.contains("out of date")), "{lost}");
    browser.is_the_same_page("the program died").await;
    browser.fits("a page that has lost touch").await;
    for scheme in ["light", "dark"] {
        browser.scheme(scheme).await;
        let faults = browser.faults().await;
        assert!(faults.is_empty(), "lost touch, {scheme}: {}", faults.join("\n"));
        browser.shot(&format!("lost-touch-{scheme}-360")).await;
    }
    demo.start().await;
    browser.until("it has found back", "document.getElementById('lost').hidden").await;
    browser.is_the_same_page("the program is back").await;
    assert_eq!(browser.js("return document.body.classList.contains('lost-touch')").await, json!(false));
    browser.close().await;
    demo.stop();
}
