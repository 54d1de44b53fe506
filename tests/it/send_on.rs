//! `alertmanagers`: what fires here stands in a real Alertmanager, and is gone from it when it is over.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    agent::pause,
    harness::{House, PATIENCE, Plan, SHIFT},
    web_config::{Authority, HASH, PASSWORD},
};

/// Debian's Alertmanager under a path of its own; dropping it kills it.
struct Alertmanager {
    child: Child,
    url: String,
    /// How amtool comes in, where not everybody does.
    more: Vec<String>,
}

impl Alertmanager {
    fn free_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    async fn start(port: u16, folder: &Path) -> Self {
        Self::start_with(port, folder, &[]).await
    }

    /// Behind TLS and a password: `http.yml` in its folder is how amtool comes in, `ca.pem` whom to trust.
    async fn start_behind_a_door(port: u16, folder: &Path) -> Self {
        let authority = Authority::new();
        let (certificate, key) = authority.server();
        let users = format!("basic_auth_users: {{ night-1: {HASH} }}\n");
        for (name, text) in [
            ("server.pem", certificate),
            ("server.key", key),
            ("ca.pem", authority.pem()),
            ("web.yml", format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key }}\n{users}")),
            (
                "http.yml",
                format!(
                    "basic_auth: {{ username: night-1, password: {PASSWORD} }}\ntls_config: {{ ca_file: {} }}\n",
                    folder.join("ca.pem").display()
                ),
            ),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        Self::start_with(port, folder, &["web.yml"]).await
    }

    async fn start_with(port: u16, folder: &Path, web: &[&str]) -> Self {
        let config = folder.join("alertmanager.yml");
        std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n").unwrap();
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--cluster.listen-address=", "--web.route-prefix=/watch", "--log.level=error"])
            .args(web.iter().map(|file| format!("--web.config.file={}", folder.join(file).display())))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("prometheus-alertmanager could not be started ({error}): apt-get install it")
            });
        let scheme = if web.is_empty() { "http" } else { "https" };
        let more = web.iter().map(|_| format!("--http.config.file={}", folder.join("http.yml").display())).collect();
        let started = Self { child, url: format!("{scheme}://127.0.0.1:{port}/watch"), more };
        let began = Instant::now();
        while started.asked().is_err() {
            assert!(began.elapsed() < PATIENCE, "the Alertmanager is not ready: {:?}", started.asked());
            pause(Duration::from_millis(50)).await;
        }
        started
    }

    /// What fires there, as Debian's amtool has it.
    fn alerts(&self) -> Vec<Value> {
        self.asked().unwrap_or_else(|error| panic!("{error}"))
    }

    fn asked(&self) -> Result<Vec<Value>, String> {
        let said = Command::new("amtool")
            .args(["--alertmanager.url", &self.url, "--output", "json"])
            .args(&self.more)
            .args(["alert", "query"])
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| {
                panic!("amtool could not be started ({error}): apt-get install prometheus-alertmanager")
            });
        if !said.status.success() {
            return Err(String::from_utf8_lossy(&said.stderr).into_owned());
        }
        Ok(serde_json::from_slice(&said.stdout).unwrap())
    }

    /// Waits until so many alerts fire there; gives them.
    async fn shows(&self, n: usize, house: &House) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let alerts = self.alerts();
            if alerts.len() == n {
                return alerts;
            }
            assert!(began.elapsed() < PATIENCE, "{alerts:?}, not {n} of them: {}", house.log());
            pause(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A house that sends its alerts on to this port, every second.
async fn house(port: u16) -> House {
    house_with(&format!(
        "alertmanagers: [ {{ url: 'http://127.0.0.1:{port}', path_prefix: /watch, send_interval: 1s, timeout: 2s }} ]\n"
    ))
    .await
}

async fn house_with(more: &str) -> House {
    let mut house = House::unwatched(Plan::default()).await;
    let text = std::fs::read_to_string(house.config_file()).unwrap();
    std::fs::write(house.config_file(), text + more).unwrap();
    house.start().await;
    house.settled().await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fires_stands_in_an_alertmanager_until_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let port = Alertmanager::free_port();
    let alertmanager = Alertmanager::start(port, folder.path()).await;
    let mut house = house(port).await;
    assert!(alertmanager.alerts().is_empty());

    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    let alerts = alertmanager.shows(1, &house).await;
    assert_eq!(alerts[0]["labels"]["alertname"], "ShiftUncovered");
    assert_eq!(alerts[0]["labels"]["agency"], "main");
    let (_, ours) = house.get("/api/v2/alerts").await;
    let ours: Value = serde_json::from_str(&ours).unwrap();
    assert_eq!(alerts[0]["labels"], ours[0]["labels"]);
    assert_eq!(alerts[0]["fingerprint"], ours[0]["fingerprint"]);

    // What others post to us is theirs to send.
    let posted = json!([{ "labels": { "alertname": "Theirs", "severity": "info", "team": "tech" } }]);
    assert_eq!(house.post("/api/v2/alerts", &posted).await.0, 200);
    let began = Instant::now();
    while house.tech_mails().is_empty() {
        assert!(began.elapsed() < PATIENCE, "nobody was told of the posted alert: {}", house.log());
        pause(Duration::from_millis(50)).await;
    }
    assert_eq!(alertmanager.alerts().len(), 1, "an alert that was posted to us is not sent on");

    house.sim.world(|world| world.assign(SHIFT, crate::harness::CASEY)).expect("a shift");
    house.told_of(&["CLOSED"]).await;
    alertmanager.shows(0, &house).await;
    house.counts("shiftwatch_alertmanager_notifications_total{outcome=\"sent\"}").await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_told_again_after_it_was_down_and_after_we_were() {
    let folder = tempfile::tempdir().unwrap();
    let port = Alertmanager::free_port();
    let mut house = house(port).await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.logged("alertmanagers: it does not take our alerts").await;
    house.counts("shiftwatch_alertmanager_notifications_total{outcome=\"failed\"}").await;
    assert_eq!(house.log().matches("it does not take our alerts").count(), 1, "one line a minute");

    let alertmanager = Alertmanager::start(port, folder.path()).await;
    let before = alertmanager.shows(1, &house).await;
    assert_eq!(house.stop().await, Some(0));
    house.start().await;
    let began = Instant::now();
    while alertmanager
        .alerts()
        .first()
        .is_none_or(|alert| alert["updatedAt"].as_str() <= before[0]["updatedAt"].as_str())
    {
        assert!(began.elapsed() < PATIENCE, "not sent again after a restart: {}", house.log());
        pause(Duration::from_millis(100)).await;
    }
    assert_eq!(
        alertmanager.alerts()[0]["startsAt"].as_str().map(|at| &at[..16]),
        before[0]["startsAt"].as_str().map(|at| &at[..16])
    );

    // Over while nobody looks: it ends there by itself.
    assert_eq!(house.stop().await, Some(0));
    house.sim.world(|world| world.assign(SHIFT, crate::harness::CASEY)).expect("a shift");
    alertmanager.shows(0, &house).await;
    house.start().await;
    house.told_of(&["CLOSED"]).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alertmanager_behind_tls_and_a_password_takes_ours_from_who_knows_both() {
    let folder = tempfile::tempdir().unwrap();
    let port = Alertmanager::free_port();
    let alertmanager = Alertmanager::start_behind_a_door(port, folder.path()).await;
    let of = |password: &str, trust: &str| {
        format!(
            "alertmanagers:\n  - url: 'https://127.0.0.1:{port}'\n    path_prefix: /watch\n    send_interval: 1s\n    \
             timeout: 2s\n    basic_auth: {{ username: night-1, password: {password} }}\n{trust}"
        )
    };
    let trust = format!("    tls_config: {{ ca_file: {} }}\n", folder.path().join("ca.pem").display());

    // A wrong password: refused, said once, and nobody else waits for it.
    let mut house = house_with(&of("wrong", &trust)).await;
    let text = std::fs::read_to_string(house.config_file()).unwrap();
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    house.told_of(&["NO CAREGIVER"]).await;
    house.logged("alertmanagers: it does not take our alerts").await;
    assert!(house.log().contains("401"), "{}", house.log());
    assert!(alertmanager.alerts().is_empty());

    // An authority that we do not know: the same.
    std::fs::write(
        house.config_file(),
        text.replace(&trust, "").replace("password: wrong", &format!("password: {PASSWORD}")),
    )
    .unwrap();
    assert_eq!(house.post("/-/reload", &json!(null)).await.0, 200, "{}", house.log());
    house.long_enough().await;
    assert!(alertmanager.alerts().is_empty());

    // Both right: it stands there, and is ended there.
    std::fs::write(house.config_file(), text.replace("password: wrong", &format!("password: {PASSWORD}"))).unwrap();
    assert_eq!(house.post("/-/reload", &json!(null)).await.0, 200, "{}", house.log());
    let alerts = alertmanager.shows(1, &house).await;
    assert_eq!(alerts[0]["labels"]["alertname"], "ShiftUncovered");
    house.sim.world(|world| world.assign(SHIFT, crate::harness::CASEY)).expect("a shift");
    house.told_of(&["CLOSED"]).await;
    alertmanager.shows(0, &house).await;
    assert!(!house.log().contains(PASSWORD), "a password in the log");
    house.close().await;
}
