//! What can happen to an answer on its way, and the log of requests.

use std::time::Duration;

use serde_json::json;

use super::{Bench, PATIENCE, at, take};
use crate::sim::{Endpoint, Fault, FaultAnswer, Latency, Sim, SimConfig, request_log as log, switches::PerEndpoint};

async fn patients(bench: &Bench) -> Result<super::Got, reqwest::Error> {
    take(bench.request("GET", "/v1/patients/")).await
}

#[tokio::test]
async fn answers_come_late_in_drips_broken_or_not_at_all() {
    let bench = Bench::small().await;
    let whole = patients(&bench).await.expect("an answer").text;
    let timed = async |latency| {
        bench.set(|it| it.latency = PerEndpoint::all(latency));
        let began = std::time::Instant::now();
        let got = patients(&bench).await.expect("an answer");
        (began.elapsed(), got.text == whole)
    };
    let (took, same) = timed(Latency::FixedMs(60)).await;
    assert!(same && took >= Duration::from_millis(60), "{took:?}");
    let (took, same) = timed(Latency::RandomMs(40, 50)).await;
    assert!(same && took >= Duration::from_millis(40), "{took:?}");
    let n_drips = u32::try_from(whole.len().div_ceil(16)).expect("few");
    let (took, same) = timed(Latency::DripMs(1)).await;
    assert!(same && took >= Duration::from_millis(1) * n_drips, "{took:?} for {n_drips} drips");

    bench.set(|it| it.latency = PerEndpoint::all(Latency::Truncated));
    let got = patients(&bench).await.expect("an answer");
    assert_eq!((got.status, got.text.len()), (200, whole.len() / 2), "well-formed HTTP, half a JSON");
    for latency in [Latency::Cut, Latency::CutMidway] {
        bench.set(|it| it.latency = PerEndpoint::all(latency));
        let error = patients(&bench).await.err().expect("a broken connection");
        assert!(!error.is_timeout(), "{latency:?}: {error:?}");
    }
    bench.set(|it| it.latency = PerEndpoint::all(Latency::Hang));
    let hung = tokio::time::timeout(Duration::from_millis(150), patients(&bench)).await;
    assert!(hung.is_err(), "no answer at all");
    bench.set(|it| it.latency = PerEndpoint::all(Latency::None));
    assert_eq!(patients(&bench).await.expect("an answer").text, whole, "and all is well again");
}

#[tokio::test]
async fn one_endpoint_hangs_and_the_others_answer() {
    let bench = Bench::small().await;
    bench.set(|it| it.latency.set(Endpoint::Appointment, Latency::Hang));
    assert!(tokio::time::timeout(Duration::from_millis(100), bench.shifts()).await.is_err());
    assert_eq!(patients(&bench).await.expect("an answer").status, 200);
    bench.set(|it| {
        it.latency = PerEndpoint::default();
        it.faults = vec![Fault::new("appointment", FaultAnswer::Wire(Latency::Cut)).times(1)];
    });
    assert!(take(bench.request("POST", "/v1/appointment/_search/").json(&json!({}))).await.is_err());
    assert_eq!(bench.shifts().await.status, 200, "the connection was broken once");
}

#[tokio::test]
async fn a_closed_door_refuses_and_opens_on_the_same_port() {
    let bench = Bench::small().await;
    let before = bench.sim.base_url();
    assert_eq!(patients(&bench).await.expect("an answer").status, 200);
    bench.sim.wellsky_down();
    // The listener closes in its own task: what is refused at last stays refused.
    let mut refused = false;
    for _ in 0..200 {
        if patients(&bench).await.is_err_and(|it| it.is_connect()) {
            refused = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused);
    bench.sim.wellsky_up();
    let mut back = false;
    for _ in 0..2_000 {
        if patients(&bench).await.is_ok() {
            back = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(back);
    assert_eq!(bench.sim.base_url(), before);
}

#[tokio::test]
async fn the_log_has_every_request_and_no_secret() {
    let bench = Bench::small().await;
    bench.shifts().await;
    patients(&bench).await.expect("an answer");
    let entries = bench.sim.log();
    assert_eq!(entries.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(
        (entries[1].method.as_str(), entries[1].path.as_str(), entries[1].query.as_str()),
        ("POST", "/v1/appointment/_search/", "_count=100")
    );
    assert_eq!(entries[1].filter("clientId").as_deref(), Some("7000101"));
    assert_eq!((entries[1].status, entries[1].endpoint, entries[1].at), (200, Endpoint::Appointment, at(super::NOW)));
    let authorization = entries[1].headers.iter().find(|(name, _)| name == "authorization");
    assert_eq!(authorization.map(|(_, value)| value.as_str()), Some("Bearer"));
    let text = serde_json::to_string(&entries).expect("json");
    assert!(!text.contains(&bench.token) && !text.contains("client_secret"));
    assert!(log::outside_read_set(&entries).is_empty() && log::wrong_slashes(&entries).is_empty());
    bench.sim.clear_log();
    assert!(bench.sim.log().is_empty());
}

#[tokio::test]
async fn until_waits_for_a_state() {
    let bench = Bench::small().await;
    let n = bench.sim.log().len();
    let (seen, _) = tokio::join!(bench.sim.until(PATIENCE, |sim| sim.log().len() > n), patients(&bench));
    assert!(seen);
    assert!(!bench.sim.until(Duration::from_millis(1), |_| false).await, "and gives up");
}

#[tokio::test]
async fn a_dropped_simulator_is_gone() {
    let bench = Bench::small().await;
    let url = format!("{}/v1/patients/", bench.sim.base_url());
    let hung = {
        bench.set(|it| it.latency = PerEndpoint::all(Latency::Hang));
        let request = bench.request("GET", "/v1/patients/");
        tokio::spawn(take(request))
    };
    let n = bench.sim.log().len();
    assert!(bench.sim.until(PATIENCE, |sim| sim.log().len() > n).await, "the request has arrived");
    let http = bench.http.clone();
    drop(bench);
    assert!(hung.await.expect("the task").is_err(), "its connections break");
    let mut refused = false;
    for _ in 0..500 {
        if http.get(&url).send().await.is_err() {
            refused = true;
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(refused);
}

#[tokio::test]
async fn a_taken_port_is_said() {
    let bench = Bench::new().await;
    let port = bench.sim.smtp_addr().port();
    let mut config = SimConfig::quiet(chrono_tz::America::Denver, bench.clock.clone());
    config.ports.wellsky = port;
    let error = Sim::start(config).await.err().expect("refused");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port} for the vendor")), "{error}");
}

#[tokio::test]
async fn a_seeded_agency_is_served_whole() {
    let clock = crate::clock::Clock::manual(at("2026-11-24T18:00:00Z"));
    let config = SimConfig::seeded(chrono_tz::America::Denver, clock, 7);
    let sim = Sim::start(config).await.expect("starts");
    let (patients, client) = sim.world(|world| {
        let busiest = world.patients().max_by_key(|it| world.shifts_of(&it.id).count()).expect("somebody");
        (world.patients().count(), busiest.id.clone())
    });
    let bench = Bench { clock: sim.clock(), sim, http: reqwest::Client::new(), token: String::new() };
    let bench = Bench { token: bench.new_token().await, ..bench };
    let mut seen = std::collections::HashSet::new();
    for page in 0.. {
        let ids = bench.get(&format!("/v1/patients/?_count=100&_page={page}")).await.ids();
        if ids.is_empty() {
            break;
        }
        seen.extend(ids);
    }
    assert_eq!(seen.len(), patients, "all pages together are everybody");
    let body = json!({ "clientId": client, "startDate": "20261123", "additionalDays": "6" });
    let week = bench.post("/v1/appointment/_search/?_count=100", &body).await;
    assert_eq!(week.ids().len(), 21, "three shifts a day, seven days");
}
