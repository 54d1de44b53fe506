//! What is shipped for Prometheus, held by Prometheus' own programs: the files are right, each rule does what its tests say,
//! and a real Prometheus scrapes a running agent and tells people through it.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::Value;
use shiftwatch::{clock, sim::Mail};

use crate::{
    agent::pause,
    amtool::Amtool,
    harness::{House, PATIENCE, Plan, seconds},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == "yml")).collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// `promtool <arguments> <files>` is content and has nothing to add.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let said = Command::new("promtool")
        .args(arguments)
        .args(files)
        .output()
        .unwrap_or_else(|error| panic!("promtool could not be started ({error}): apt-get install prometheus"));
    let words = String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "promtool {arguments:?}: {words}");
    for bad in ["WARNING", "FAILED", "error", "lint"] {
        assert!(!words.contains(bad), "promtool {arguments:?}: {words}");
    }
}

#[test]
fn the_configuration_and_the_rules_are_right() {
    promtool(&["check", "config", "--lint=all"], &[root().join("deploy/prometheus/prometheus.yml")]);
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &yml_files("rules/prometheus"));
}

#[test]
fn each_rule_does_what_its_tests_say() {
    promtool(&["test", "rules"], &yml_files("rules/prometheus/tests"));
}

/// What a rule file says of its alerts, line by line: the files are ours, and written evenly.
struct Alert {
    name: String,
    text: String,
}

fn alerts() -> Vec<Alert> {
    let mut found = Vec::new();
    for file in yml_files("rules/prometheus") {
        let text = fs::read_to_string(&file).unwrap();
        for part in text.split("      - ").filter_map(|part| part.strip_prefix("alert: ")) {
            let name = part.lines().next().unwrap().trim().to_owned();
            found.push(Alert { name, text: part.to_owned() });
        }
    }
    found
}

/// The anchor that a heading of a page gets where pages are shown.
fn anchor(heading: &str) -> String {
    let words = heading.trim().to_lowercase();
    words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).collect::<String>().replace(' ', "-")
}

#[test]
fn each_alert_says_how_bad_it_is_and_where_to_read_what_to_do() {
    let page = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let anchors: BTreeSet<String> =
        page.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect();
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let repository = manifest.lines().find_map(|line| line.strip_prefix("repository = ")).unwrap().trim_matches('"');
    let alerts = alerts();
    assert!(alerts.len() >= 20, "{} alerts", alerts.len());
    for Alert { name, text } in &alerts {
        let severity = text.lines().find_map(|line| line.trim().strip_prefix("labels: { severity: ")).unwrap_or("");
        let severity = severity.split([',', ' ']).next().unwrap();
        assert!(["info", "warning", "page", "critical"].contains(&severity), "{name}: severity {severity:?}");
        for needed in ["summary: \"", "description: \""] {
            assert!(text.contains(needed), "{name} has no {needed}");
        }
        let link = format!("runbook_url: {repository}/blob/main/docs/runbook.md#");
        let (_, to) = text.split_once(&link).unwrap_or_else(|| panic!("{name} has no {link}…"));
        let to = to.lines().next().unwrap().trim();
        assert!(anchors.contains(to), "{name}: docs/runbook.md has no section #{to}");
        assert_eq!(to, name.to_lowercase(), "{name} leads to another alert's section");
    }
    let names: BTreeSet<String> = alerts.iter().map(|alert| alert.name.to_lowercase()).collect();
    let shipped =
        ["coverage", "visits", "office", "api", "on_call", "watchdog"].map(|name| format!("rules/{name}.yml"));
    for rules in shipped {
        for line in fs::read_to_string(root().join(rules)).unwrap().lines() {
            let own = line.trim().strip_prefix("- alert: ").map(str::to_lowercase);
            assert!(own.is_none_or(|own| !names.contains(&own)), "{line} is told by the agent itself, too");
        }
    }
}

/// The names of metrics in a text: ours and those of a process, without the suffix of a histogram's parts.
fn metric_names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':')));
    let ours =
        words.filter(|word| !word.contains(':') && (word.starts_with("shiftwatch_") || word.starts_with("process_")));
    ours.map(|word| word.trim_end_matches("_bucket").trim_end_matches("_count").to_owned()).collect()
}

/// A rule on a name that nobody exports never fires, and nobody would know.
#[test]
fn the_rules_speak_of_metrics_that_there_are() {
    let there: BTreeSet<&str> = shiftwatch::metrics::family::ALL.iter().map(|family| family.name).collect();
    let mut seen = BTreeSet::new();
    for file in yml_files("rules/prometheus") {
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        for name in metric_names(&code.join("\n")) {
            assert!(there.contains(&*name), "{}: {name} is exported by nobody", file.display());
            seen.insert(name);
        }
    }
    assert!(seen.len() > 15, "{seen:?}");
}

/// A client for plain HTTP on this machine.
pub fn asking() -> reqwest::Client {
    // Also a client that never speaks TLS wants to know how it would.
    let _there_already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

/// A real Prometheus on what is shipped, faster, looking at one agent.
pub struct Prometheus {
    child: Child,
    url: String,
    http: reqwest::Client,
    log: Arc<Mutex<Vec<String>>>,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it for the agent at `agent` (`127.0.0.1:…`). The shipped files are taken as they are, but for the agent's
    /// address and the intervals: scrapes and judgements come each second, so that a test need not wait for minutes.
    /// `rules` changes the text of the rules; `more` are further rules.
    pub async fn start(agent: &str, rules: impl Fn(String) -> String, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let replaced = |text: String, from: &str, to: &str| {
            assert!(text.contains(from), "{from:?} is not in the shipped file any more");
            text.replace(from, to)
        };
        let mut config = fs::read_to_string(root().join("deploy/prometheus/prometheus.yml")).unwrap();
        config = replaced(config, "\"localhost:9847\"", &format!("\"{agent}\""));
        config = replaced(config, "scrape_interval: 15s", "scrape_interval: 1s");
        config = replaced(config, "evaluation_interval: 15s", "evaluation_interval: 1s");
        config = replaced(config, "../../rules/prometheus/*.yml", "rules/*.yml");
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        for file in yml_files("rules/prometheus") {
            let text = fs::read_to_string(&file).unwrap();
            let text: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("interval:")).collect();
            let text = rules(text.join("\n"));
            fs::write(folder.path().join("rules").join(file.file_name().unwrap()), text).unwrap();
        }
        if !more.is_empty() {
            fs::write(folder.path().join("rules/more.yml"), more).unwrap();
        }
        let mut child = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.format=json", "--rules.alert.resend-delay=1s"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus could not be started ({error}): apt-get install prometheus"));
        let stderr = child.stderr.take().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let http = asking();
        let mut prometheus = Self { child, url: String::new(), http, log, _folder: folder };
        let began = Instant::now();
        while prometheus.url.is_empty() {
            assert!(began.elapsed() < PATIENCE, "Prometheus does not listen: {}", prometheus.log());
            let lines = prometheus.log.lock().unwrap().clone();
            let mut said = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let listening = said.find(|line| line["msg"] == "Listening on");
            if let Some(address) = listening.as_ref().and_then(|line| line["address"].as_str()) {
                prometheus.url = format!("http://{address}");
            }
            pause(Duration::from_millis(20)).await;
        }
        // It listens before it has opened its store, and answers 503 in words until then.
        let ready = format!("{}/-/ready", prometheus.url);
        while !prometheus.http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(began.elapsed() < PATIENCE, "Prometheus is not ready: {}", prometheus.log());
            pause(Duration::from_millis(20)).await;
        }
        prometheus
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// `data` of an answer of its API; panics with its words when it refuses the question.
    pub async fn ask(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let form = self.http.post(format!("{}/api/v1/{path}", self.url)).form(parameters);
        let answer = form.send().await.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        Self::data(path, parameters, answer.json().await.expect("JSON"))
    }

    /// As [`Self::ask`], for paths that are only read.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = url::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).unwrap();
        let answer = self.http.get(url).send().await.unwrap_or_else(|error| panic!("{error}: {}", self.log()));
        Self::data(path, parameters, answer.json().await.expect("JSON"))
    }

    fn data(path: &str, parameters: &[(&str, &str)], mut answer: Value) -> Value {
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].take()
    }

    /// The series of an instant query, now.
    pub async fn now(&self, expr: &str) -> Vec<Value> {
        self.ask("query", &[("query", expr)]).await["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until the query gives something.
    pub async fn until(&self, expr: &str, at_most: Duration) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let found = self.now(expr).await;
            if !found.is_empty() {
                return found;
            }
            assert!(began.elapsed() < at_most, "{expr} gives nothing: {}", self.log());
            pause(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// What ShiftwatchReloadFailed says in a subject.
const REFUSED: &str = "newest configuration was refused";
/// Somebody is woken by it.
const DRILL: &str = r#"groups:
  - name: drill
    rules:
      - alert: DrillPage
        expr: shiftwatch_config_last_reload_successful == 0
        labels: { severity: page, agency: main }
        annotations: { summary: "A drill: somebody wakes up" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_prometheus_finds_is_told_by_the_agent_and_closed_by_it() {
    let mut house = House::open(Plan { begins_at: clock::real_now(), speed: 1, ..Plan::default() }).await;
    let agent = house.url.strip_prefix("http://").unwrap().to_owned();
    let quick = |text: String| match text.split_once("- alert: ShiftwatchReloadFailed") {
        Some((before, after)) => {
            format!("{before}- alert: ShiftwatchReloadFailed{}", after.replacen("for: 5m", "for: 0s", 1))
        }
        None => text,
    };
    let prometheus = Prometheus::start(&agent, quick, DRILL).await;
    prometheus.until("up{job=\"shiftwatch\"} == 1", PATIENCE).await;
    let raised = prometheus.now("ALERTS{alertstate=\"firing\"}").await;
    assert!(raised.is_empty(), "a healthy agent raises nothing: {raised:?}");
    let managers = prometheus.get("alertmanagers", &[]).await;
    assert_eq!(managers["activeAlertmanagers"][0]["url"], format!("http://{agent}/api/v2/alerts"), "{managers}");

    let amtool = Amtool::new(&house.url, house.config_file().parent().unwrap());
    let silence =
        amtool.says(&["silence", "add", "DrillPage", "--duration=1h", "--author=night-1", "--comment=a drill"]);
    let good = fs::read_to_string(house.config_file()).unwrap();
    fs::write(house.config_file(), good.replace("group_wait:", "group_wiat:")).unwrap();
    assert_ne!(house.post("/-/reload", &Value::Null).await.0, 200);
    let listed = async |house: &House, name: &str| -> Value {
        let (status, listed) = house.get(&format!("/api/v2/alerts?filter=alertname%3D%22{name}%22")).await;
        assert_eq!(status, 200, "{listed}");
        serde_json::from_str(&listed).unwrap()
    };
    let began = Instant::now();
    while listed(&house, "DrillPage").await[0]["status"]["silencedBy"][0] != silence.trim() {
        assert!(began.elapsed() < PATIENCE, "Prometheus' alert did not come, or is not silenced: {}", house.log());
        pause(Duration::from_millis(100)).await;
    }
    assert_eq!(listed(&house, "DrillPage").await[0]["status"]["state"], "suppressed");
    house.nobody_else_was_told();
    amtool.says(&["silence", "expire", silence.trim()]);
    let text = house.told_of(&["DrillPage"]).await;
    let told = house.sim.until(PATIENCE, |_| house.tech_mails().iter().any(|mail| mail.subject().contains(REFUSED)));
    assert!(told.await, "the technical contact was not told: {:?}", subjects(&house));
    let (status, listed) = house.get("/api/v2/alerts?filter=alertname%3D%22ShiftwatchReloadFailed%22").await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((status, listed.as_array().map(Vec::len)), (200, Some(1)), "{listed}");
    assert_eq!(listed[0]["labels"]["team"], "tech");
    assert_eq!(listed[0]["receivers"][0]["name"], "tech");
    assert!(listed[0]["annotations"]["runbook_url"].as_str().unwrap().ends_with("#shiftwatchreloadfailed"), "{listed}");
    assert!(listed[0]["generatorURL"].as_str().unwrap().contains("/graph?"), "{listed}");
    house.shows("shiftwatch_config_last_reload_successful", 0.0).await;

    fs::write(house.config_file(), good).unwrap();
    assert_eq!(house.post("/-/reload", &Value::Null).await.0, 200);
    let closing = house.told_of(&["CLOSED", "DrillPage"]).await;
    assert_ne!(text, closing);
    let closed = house.sim.until(PATIENCE, |_| {
        let mails = house.tech_mails();
        mails.iter().any(|mail| mail.subject().contains("Closed") && mail.subject().contains(REFUSED))
    });
    assert!(closed.await, "the technical contact does not hear the end: {:?}", subjects(&house));
    let (_, listed) = house.get("/api/v2/alerts?filter=alertname%3D~%22DrillPage%7CShiftwatchReloadFailed%22").await;
    assert_eq!(listed.trim(), "[]");
    assert!(!prometheus.log().contains("\"level\":\"error\""), "{}", prometheus.log());
    drop(prometheus);
    // This house lives in real time, as Prometheus does: what is stray shows within two intervals of the group.
    house.pass(seconds(10)).await;
    house.nobody_else_was_told();
    house.vendor_was_asked_rightly();
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}

fn subjects(house: &House) -> Vec<String> {
    house.tech_mails().iter().map(Mail::subject).collect()
}
