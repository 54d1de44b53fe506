//! The demo from its first minute to its end and beyond, on a phone: one run, every point of its story.

use std::net::TcpListener;

use serde_json::json;

use super::driver::{Browser, PATIENCE};
use crate::agent::Agent;

/// The demo's shift that loses its caregiver, and gets another.
const OPEN: &str = "90910001";
/// The demo's caregiver who does not come.
const NO_SHOW: &str = "90910002";

/// An address that nobody listens on.
pub(super) fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_s_story_is_seen_and_acted_on_from_a_phone_without_a_reload() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = free_address();
    let browser = Browser::open().await;
    let args = ["demo", "--listen", &address, "--duration", "4m", "--log-level", "error"];
    let temporary = folder.path().display().to_string();
    let agent = Agent::start_with(&args, &[("TMPDIR", &temporary)], folder.path());
    let url = format!("http://{address}");
    let listens = async {
        while reqwest::get(format!("{url}/-/healthy")).await.is_err() {
            crate::agent::pause(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listens).await.expect("the demo listens");

    // The uncovered shift appears, without a reload.
    browser.go(&url).await;
    browser.mark().await;
    browser.until("the shift without a caregiver is on Now", &card("needs", OPEN)).await;
    browser.until("its bar is uncovered", &bar(OPEN, "uncovered")).await;
    browser.is_the_same_page("an alert came").await;
    browser.fits("Now").await;
    browser.until("the caregiver who has not checked in", &card("needs", NO_SHOW)).await;
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
    let now = browser.window().await;
    let api = browser.another_window().await;
    browser.phone().await;
    browser.go(&format!("{url}/api-health")).await;
    browser.mark().await;
    browser.until("everything answers", "!!document.querySelector('section.api.up')").await;
    browser.fits("API").await;

    // Cover is found: the bar turns.
    browser.look_at(&now).await;
    browser.until("its bar is covered", &bar(OPEN, "covered")).await;
    browser.until("it needs nobody any more", &format!("!({})", card("owned", OPEN))).await;
    browser.is_the_same_page("the shift was covered").await;
    browser
        .until(
            "a no-show",
            "document.body.innerText.includes('NO-SHOW') || document.body.innerText.includes('NO SHOW')",
        )
        .await;

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

    // The program dies: the page says that it has lost touch.
    agent.kill();
    browser.until("it has lost touch", "!document.getElementById('lost').hidden").await;
    let lost = browser.js("return document.getElementById('lost').innerText").await;
    assert!(lost.as_str().is_some_and(|text| text.contains("out of date")), "{lost}");
    browser.is_the_same_page("the program died").await;
    browser.shot("demo-lost-touch-phone").await;

    // Another one at the same address: it finds back by itself.
    let again = Agent::start_with(&args, &[("TMPDIR", &temporary)], folder.path());
    browser.until("it has found back", "document.getElementById('lost').hidden").await;
    browser.is_the_same_page("the program is back").await;
    assert_eq!(browser.js("return document.body.classList.contains('lost-touch')").await, json!(false));
    browser.close().await;
    again.stop();
}
