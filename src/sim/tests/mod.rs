//! Over real HTTP and SMTP on loopback: every switch does what its line says.

mod control;
mod gateways;
mod mail;
mod vendor;
mod wire;

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::America::Denver;
use serde_json::{Value, json};

use super::{Appointment, Patient, Practitioner, Sim, SimConfig, Switches};
use crate::{clock::Clock, model::Instant};

/// Tuesday, 05:00 in Denver.
const NOW: &str = "2026-11-24T12:00:00Z";
/// Long enough for a loaded machine; no test waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

fn at(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
}

/// A quiet simulator and a client with a token.
struct Bench {
    sim: Sim,
    clock: Clock,
    http: reqwest::Client,
    token: String,
}

/// A client's search and what came of it.
struct Got {
    status: u16,
    text: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The rows of a bundle, out of their wraps.
    fn rows(&self) -> Vec<Value> {
        let entries = self.json().get("entry").and_then(Value::as_array).cloned().unwrap_or_default();
        entries.into_iter().map(|it| it.get("resource").cloned().unwrap_or(it)).collect()
    }

    /// The ids of a bundle's rows, as text.
    fn ids(&self) -> Vec<String> {
        self.rows()
            .iter()
            .map(|it| match &it["id"] {
                Value::String(id) => id.clone(),
                other => other.to_string(),
            })
            .collect()
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(|config| config).await
    }

    async fn with(change: impl FnOnce(SimConfig) -> SimConfig) -> Self {
        let clock = Clock::manual(at(NOW));
        let sim = Sim::start(change(SimConfig::quiet(Denver, clock.clone()))).await.expect("the simulator starts");
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let mut bench = Self { sim, clock, http, token: String::new() };
        bench.token = bench.new_token().await;
        bench
    }

    /// One client, one caregiver; shift 90010001 today 06:00 to 10:00 Denver with, 90010002 tomorrow without.
    async fn small() -> Self {
        let bench = Self::new().await;
        bench.sim.world(|world| {
            world.add_client("7000101");
            world.add_caregiver("8000201");
            world.add_shift(Appointment::hours("90010001", "7000101", at("2026-11-24T13:00:00Z"), 4).with("8000201"));
            world.add_shift(Appointment::hours("90010002", "7000101", at("2026-11-25T13:00:00Z"), 4));
        });
        bench
    }

    /// So many clients (ids from 7000101) and caregivers (from 8000201).
    async fn people(clients: usize, caregivers: usize) -> Self {
        let bench = Self::new().await;
        bench.sim.world(|world| {
            for n in 0..clients {
                world.add_client(Patient::new((7_000_101 + n).to_string()));
            }
            for n in 0..caregivers {
                world.add_caregiver(Practitioner::new((8_000_201 + n).to_string()));
            }
        });
        bench
    }

    fn pass(&self, by: TimeDelta) {
        let Clock::Manual(now) = &self.clock else { panic!("a manual clock") };
        *now.lock().expect("the clock") += by;
        self.sim.advance();
    }

    async fn new_token(&self) -> String {
        let got = self
            .ask_token(&json!({ "grant_type": "client_credentials", "client_id": "a", "client_secret": "b" }))
            .await;
        got.json()["access_token"].as_str().unwrap_or_default().to_owned()
    }

    async fn ask_token(&self, body: &Value) -> Got {
        let request = self.http.post(format!("{}/oauth/accesstoken", self.sim.base_url())).json(body);
        take(request).await.expect("an answer")
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        self.http.request(method, format!("{}{path}", self.sim.base_url())).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Got {
        take(self.request("GET", path)).await.expect("an answer")
    }

    async fn post(&self, path: &str, body: &Value) -> Got {
        take(self.request("POST", path).json(body)).await.expect("an answer")
    }

    async fn shifts(&self) -> Got {
        self.post(
            "/v1/appointment/_search/?_count=100",
            &json!({ "clientId": "7000101", "startDate": "20261123", "additionalDays": "6" }),
        )
        .await
    }

    async fn visits(&self) -> Got {
        self.post(
            "/v1/encounter/_search/?_count=100",
            &json!({ "clientId": "7000101", "startDate": "20261123", "endDate": "20261125" }),
        )
        .await
    }

    fn set(&self, change: impl FnOnce(&mut Switches)) {
        self.sim.switches(change);
    }
}

async fn take(request: reqwest::RequestBuilder) -> Result<Got, reqwest::Error> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok(Got { status, text: response.text().await? })
}
