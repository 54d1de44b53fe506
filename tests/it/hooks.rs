//! Hooks end to end: the command makes the subscriptions, the vendor tells, the agent reads; and lies cost nothing.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use shiftwatch::sim::{
    Fault, FaultAnswer,
    request_log::{self, Entry},
    switches::WebhookManner,
};

use crate::harness::{BLAKE, CASEY, House, PATIENCE, Plan, SHIFT, value};

const SECRET: &str = "example-secret-of-the-hooks";

/// A house that the vendor can reach, and where.
async fn reachable() -> (House, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let plan = Plan { wellsky: "      hook_secret: example-secret-of-the-hooks\n", ..Plan::default() };
    let mut house = House::unwatched(plan).await;
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let web = format!("web: {{ listen: \"127.0.0.1:{port}\", external_url: \"{url}\" }}");
    let text = text.replace("web: { listen: \"127.0.0.1:0\" }", &web);
    assert!(text.contains(&url), "{text}");
    std::fs::write(&file, text).unwrap();
    house.start().await;
    house.settled().await;
    (house, url)
}

/// Runs `shiftwatch hooks …` on the house's configuration; its lines.
async fn hooks(house: &House, args: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
    command.arg("--config").arg(house.config_file()).arg("hooks").args(args).args(["--output", "json"]);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_str(&said).unwrap_or_else(|fault| panic!("{fault}: {said}"))
}

/// How often these requests were made.
fn n_asked(house: &House, method: &str, path: &str) -> usize {
    house.sim.read_log(|log| log.iter().filter(|it| it.method == method && it.path.starts_with(path)).count())
}

async fn hook(url: &str, secret: &str, body: String) -> u16 {
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let posted = http.post(format!("{url}/hooks/wellsky")).header("authorization", format!("Bearer {secret}"));
    posted.body(body).send().await.unwrap().status().as_u16()
}

fn outcome(metrics: &str, outcome: &str) -> f64 {
    value(metrics, &format!("shiftwatch_hooks_total{{outcome=\"{outcome}\"}}")).unwrap_or_else(|| {
        let line = format!("shiftwatch_hooks_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|it| it.strip_prefix(&line)?.parse().ok()).unwrap_or(-1.0)
    })
}

async fn until_outcome(house: &House, which: &str, n: f64) {
    let began = std::time::Instant::now();
    while outcome(&house.metrics().await, which) < n {
        assert!(began.elapsed() < PATIENCE, "{which} never came to {n}: {}", house.metrics().await);
        house.pass(chrono::TimeDelta::seconds(2)).await;
    }
}

#[tokio::test]
async fn subscriptions_are_made_told_by_and_taken_away() {
    let (house, url) = reachable().await;
    // Somebody else's subscription, and one that has to be asked alone, are there before.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let vendor = house.sim.base_url();
    let token: Value = http
        .post(format!("{vendor}/oauth/accesstoken"))
        .json(&json!({ "grant_type": "client_credentials", "client_id": "example-client", "client_secret": "example-secret" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let foreign = json!({ "resourceType": "Subscription", "status": "active", "criteria": "admintask.created", "reason": "billing",
        "channel": { "type": "rest-hook", "endpoint": "http://127.0.0.1:9/crm", "header": ["Authorization: Bearer other"] },
        "meta": { "tag": [ { "code": "agencyId", "display": "9999" } ] } });
    let made = http
        .post(format!("{vendor}/v1/subscriptions/"))
        .bearer_auth(token["access_token"].as_str().unwrap())
        .json(&foreign)
        .send();
    assert_eq!(made.await.unwrap().status().as_u16(), 200);

    let would = hooks(&house, &["ensure", "--dry-run"]).await;
    assert_eq!(would.len(), 12, "{would:?}");
    assert_eq!(n_asked(&house, "POST", "/v1/subscriptions/"), 1, "a dry run makes nothing");
    assert!(hooks(&house, &["ensure"]).await.iter().all(|line| line["outcome"] == "done"));
    assert_eq!(hooks(&house, &["ensure"]).await, Vec::<Value>::new(), "the second time there is nothing to do");
    assert_eq!(n_asked(&house, "POST", "/v1/subscriptions/"), 13);
    let listed = hooks(&house, &["list"]).await;
    assert_eq!(listed.iter().filter(|line| line["whose"] == "ours").count(), 12, "{listed:?}");
    assert_eq!(listed.iter().filter(|line| line["whose"] == "somebody else's").count(), 1, "{listed:?}");

    // What the vendor tells is read by id, at once, and twice the same is once.
    house.sim.switches(|it| it.webhook.manner = WebhookManner::Duplicate);
    house.sim.world(|world| world.deactivate_caregiver(CASEY)).unwrap();
    until_outcome(&house, "read", 1.0).await;
    until_outcome(&house, "repeat", 1.0).await;
    let path = format!("/v1/practitioners/{CASEY}/");
    let read = |log: &[Entry]| log.iter().filter(|it| it.path == path).count();
    assert!(house.sim.until(PATIENCE, |sim| sim.read_log(read) == 1).await, "{}", house.log());
    // Out of order is as good, and a wrong secret is nobody's.
    house.sim.switches(|it| it.webhook.manner = WebhookManner::Reorder);
    house.sim.world(|world| world.deactivate_client(BLAKE)).unwrap();
    house.sim.world(|world| world.add_client("7000199"));
    until_outcome(&house, "read", 3.0).await;
    house.sim.switches(|it| it.webhook.manner = WebhookManner::WrongSecret);
    house.sim.world(|world| world.add_client("7000198"));
    until_outcome(&house, "forged", 1.0).await;

    let removed = hooks(&house, &["remove"]).await;
    assert!(removed.len() == 12 && removed.iter().all(|line| line["outcome"] == "done"), "{removed:?}");
    let left = hooks(&house, &["list"]).await;
    assert_eq!(left.len(), 1, "only ours are taken away: {left:?}");
    assert!(!house.log().contains(SECRET) && !house.log().contains(&url), "{}", house.log());
}

/// Two agencies on one credential: each has its own, and none takes the other's.
#[tokio::test]
async fn agencies_on_one_credential_have_their_hooks_side_by_side() {
    let (house, _) = reachable().await;
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let (one, rest) = text.split_once("rule_files:").expect("one agency, then the rest");
    let (_, agency) = one.split_once("  - name: main").expect("an agency");
    let two = agency.replace("\"9999\"", "\"8888\"").replace(SECRET, "another-secret-of-the-hooks");
    std::fs::write(&file, format!("{one}  - name: two{two}rule_files:{rest}")).unwrap();
    let of = |lines: &[Value], agency: &str, change: &str| {
        lines.iter().filter(|line| line["agency"] == agency && line["change"] == change).count()
    };
    let made = hooks(&house, &["ensure"]).await;
    let n = made.len() / 2;
    assert!(n > 0 && of(&made, "main", "create") == n && of(&made, "two", "create") == n, "{made:?}");
    assert_eq!(hooks(&house, &["ensure"]).await, Vec::<Value>::new(), "the second time there is nothing to do");
    let removed = hooks(&house, &["remove", "--agency", "two"]).await;
    assert_eq!(of(&removed, "two", "remove"), n, "{removed:?}");
    let listed = hooks(&house, &["list", "--agency", "main"]).await;
    assert!(listed.len() == n && listed.iter().all(|line| line["whose"] == "ours"), "{listed:?}");
}

/// Where nobody can see what is there, nothing is made and nothing taken away, and a person is told what to do.
#[tokio::test]
async fn without_a_list_that_shows_everything_nothing_is_changed() {
    let (mut house, _) = reachable().await;
    let refused = async |house: &House, args: &'static [&'static str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.arg("--config").arg(house.config_file()).arg("hooks").args(args);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(!done.status.success(), "{args:?}");
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    for (answer, status) in [(FaultAnswer::Status(404), "HTTP 404"), (FaultAnswer::Agency403, "HTTP 403")] {
        house.sim.switches(|it| it.faults = vec![Fault::new("GET /v1/subscriptions/", answer)]);
        for args in [&["ensure"][..], &["remove"], &["list"]] {
            let says = refused(&house, args).await;
            assert!(
                says.contains(status) && says.contains("nothing was changed") && says.contains("Ask WellSky"),
                "{says}"
            );
        }
    }
    house.sim.switches(|it| it.faults.clear());
    hooks(&house, &["ensure"]).await;
    let made = n_asked(&house, "POST", "/v1/subscriptions/");
    house.sim.switches(|it| it.subscriptions_terse = true);
    let says = refused(&house, &["ensure"]).await;
    assert!(says.contains("does not show where its subscriptions point to"), "{says}");
    assert_eq!(n_asked(&house, "POST", "/v1/subscriptions/"), made);
    assert_eq!(n_asked(&house, "DELETE", "/v1/subscriptions/"), 0);
    // The watch has not suffered.
    house.sim.world(|world| world.unassign(SHIFT)).unwrap();
    house.told_of(&["NO CAREGIVER"]).await;
}

#[tokio::test]
async fn a_flood_of_lies_costs_neither_the_watch_nor_the_budget() {
    let (mut house, url) = reachable().await;
    let before = n_asked(&house, "GET", "/v1/patients/");
    for n in 0..300 {
        let body = json!({ "resourceType": "Patient", "id": 9_000_000 + n }).to_string();
        assert_eq!(hook(&url, SECRET, body).await, 200, "answered whatever becomes of it");
    }
    for n in 0..50 {
        let body = json!({ "resourceType": "Patient", "id": 9_100_000 + n }).to_string();
        assert_eq!(hook(&url, "not-the-secret-of-the-hooks", body).await, 403);
    }
    for body in [String::new(), "{".to_owned(), json!({ "resourceType": "Patient", "id": "../7" }).to_string()] {
        assert_eq!(hook(&url, SECRET, body).await, 200);
    }
    assert_eq!(hook(&url, SECRET, "x".repeat(20_000)).await, 413);
    until_outcome(&house, "too_many", 280.0).await;
    let metrics = house.metrics().await;
    assert!(outcome(&metrics, "forged") > 49.0 && outcome(&metrics, "ignored") > 2.0, "{metrics}");

    // The watch sees what happens as soon as ever.
    house.sim.world(|world| world.unassign(SHIFT)).unwrap();
    house.told_of(&["NO CAREGIVER"]).await;
    house.sim.world(|world| world.assign(SHIFT, CASEY)).unwrap();
    house.told_of(&["covered"]).await;
    let by_id = n_asked(&house, "GET", "/v1/patients/") - before;
    assert!((1..=25).contains(&by_id), "{by_id} of 300 lies were read");
    house.nobody_else_was_told();
    house.sim.read_log(|log| assert!(request_log::outside_read_set(log).is_empty()));
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
