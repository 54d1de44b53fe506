//! The demo on a phone: one run, every point of its story.

use chrono::DateTime;
use chrono_tz::America::Denver;

use super::{demo::Demo, driver::Browser};

/// The demo's shift that loses its caregiver, and gets another.
const OPEN: &str = "90910001";
/// The demo's caregiver who does not come.
const NO_SHOW: &str = "90910002";

/// A card of a list, by its heading's id and a shift.
fn card(list: &str, shift: &str) -> String {
    format!(
        "[...document.querySelectorAll('section[aria-labelledby={list}] .card')].some(c => c.innerText.includes('{shift}'))"
    )
}

/// Whether a shift's bar stands as said.
fn bar(shift: &str, state: &str) -> String {
    format!("!!document.querySelector('rect.bar.{state}[data-shift=\"{shift}\"]')")
}

/// Whether the shift that loses its caregiver is one of the agency's present day: in the late evening it begins after
/// midnight, and today's bars do not hold it.
async fn is_today_s(url: &str) -> bool {
    let alerts: serde_json::Value = reqwest::get(format!("{url}/api/v2/alerts")).await.unwrap().json().await.unwrap();
    let of = |alert: &serde_json::Value| {
        let (id, start) = alert["labels"]["shift"].as_str()?.split_once('@')?;
        let day = |at: &str| DateTime::parse_from_rfc3339(at).unwrap().with_timezone(&Denver).date_naive();
        (id == OPEN).then(|| day(start) == day(alert["startsAt"].as_str().unwrap()))
    };
    alerts.as_array().unwrap().iter().find_map(of).expect("the alert is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_s_story_is_seen_and_acted_on_from_a_phone_without_a_reload() {
    let browser = Browser::open().await;
    let mut demo = Demo::new();
    demo.start().await;
    let url = demo.url();

    // The uncovered shift appears, without a reload.
    browser.go(&url).await;
    browser.mark().await;
    browser.until("the shift without a caregiver is on Now", &card("needs", OPEN)).await;
    let has_a_bar = is_today_s(&url).await;
    if has_a_bar {
        browser.until("its bar is uncovered", &bar(OPEN, "uncovered")).await;
    }
    browser.is_the_same_page("an alert came").await;
    browser.fits("Now").await;
    // The demo's backup takes that page by a text back, sooner or later.
    let told_of = format!("{} || {}", card("needs", NO_SHOW), card("owned", NO_SHOW));
    browser.until("the caregiver who has not checked in", &told_of).await;
    browser.shot("demo-now-phone").await;

    // It is opened and owned, from the phone.
    let open =
        format!("[...document.querySelectorAll('.card')].find(c => c.innerText.includes('{OPEN}')).querySelector('a')");
    browser.tap(&open).await;
    browser.until("the alert's page", "!!document.querySelector('form.acknowledge')").await;
    browser.fits("the alert").await;
    browser.shot("demo-alert-phone").await;
    browser.fill("#by", "night-1").await;
    browser.fill("#note", "calling around").await;
    browser.choose("#for", "40m").await;
    browser.tap("document.querySelector('form.acknowledge button')").await;
    browser.until("who has it", "document.querySelector('dl')?.innerText.includes('night-1')").await;
    let text = browser.text().await;
    assert!(text.contains("calling around") && text.contains("Take it over"), "{text}");
    browser.shot("demo-alert-owned-phone").await;

    // Now shows it as owned.
    browser.tap("document.querySelector('nav a[href=\"/\"]')").await;
    browser.until("somebody has it", &card("owned", OPEN)).await;
    browser.mark().await;
    browser
        .until(
            "a no-show",
            "document.body.innerText.includes('NO-SHOW') || document.body.innerText.includes('NO SHOW')",
        )
        .await;
    // The pictures of the front page; see scripts/pictures.
    browser.shot_of("board-phone", 844).await;
    browser.desk().await;
    browser.shot_of("board", 1260).await;
    browser.phone().await;
    let now = browser.window().await;
    let api = browser.another_window().await;
    browser.phone().await;
    browser.go(&format!("{url}/api-health")).await;
    browser.mark().await;
    browser.until("everything answers", "!!document.querySelector('section.api.up')").await;
    browser.fits("API").await;

    // Cover is found: the bar turns.
    browser.look_at(&now).await;
    if has_a_bar {
        browser.until("its bar is covered", &bar(OPEN, "covered")).await;
    }
    browser.until("it needs nobody any more", &format!("!({})", card("owned", OPEN))).await;
    browser.is_the_same_page("the shift was covered").await;

    // The outage: the API page goes red and says since when; Now says that it cannot see.
    browser.look_at(&api).await;
    browser.until("the API is down", "!!document.querySelector('section.api.down .endpoint.down')").await;
    browser
        .until("since when", r"/since (\w{3} )?\d{2}:\d{2}/.test(document.querySelector('section.api.down').innerText)")
        .await;
    browser.is_the_same_page("the API went down").await;
    browser.until("the title says so", "document.title.startsWith('API down')").await;
    browser.shot("demo-api-down-phone").await;
    browser.look_at(&now).await;
    browser
        .until("Now cannot see", "document.querySelector('.headline.blind h1')?.innerText.includes(\"Can't see\")")
        .await;
    browser.is_the_same_page("the API went down").await;
    browser.fits("Now, blind").await;
    browser.shot("demo-now-blind-phone").await;

    // It is back.
    browser.until("Now sees again", "!document.querySelector('.headline.blind')").await;
    browser.is_the_same_page("the API is back").await;
    browser.look_at(&api).await;
    browser.until("everything answers again", "!!document.querySelector('section.api.up')").await;
    browser.is_the_same_page("the API is back").await;
    browser.shot("demo-api-up-phone").await;
    browser.look_at(&now).await;
    browser.is_content("Now, all through").await;

    browser.close().await;
    demo.stop();
}
