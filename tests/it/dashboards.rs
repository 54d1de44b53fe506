//! The dashboards of Grafana, without Grafana: their shape against the published one, and every query of theirs asked of a
//! real Prometheus that scrapes a running demo.
//!
//! No query may be left out, and none may be empty: what is a known zero has to be a 0, what is not known has to be
//! missing, and nothing may be padded so that it looks well.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    agent::{Agent, pause},
    prometheus::{Prometheus, asking},
};

/// What nobody can know of a demo: no night passes in it, so no visit's day is read again, and nothing is known of edits; and
/// its call-out comes seconds after the start, mostly before the shift was read once, so that nobody knows since when it was open.
const UNKNOWN_IN_A_DEMO: [&str; 3] =
    ["shiftwatch_manual_edit_ratio", "shiftwatch_time_to_fill_", "shiftwatch_filled_late_ratio"];
/// How Grafana would ask: the time shown, the step of a graph, and four scrapes as the least window of a rate.
const SHOWN_S: i64 = 300;
const STEP: &str = "15s";
const RATE_INTERVAL: &str = "60s";
/// Real time by which the demo has told its whole story, on a busy machine.
const STORY: Duration = Duration::from_mins(4);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

struct Dashboard {
    file: &'static str,
    json: Value,
}

fn dashboards() -> Vec<Dashboard> {
    let files = ["ops.json", "on-call.json", "api.json", "office.json"];
    let there = fs::read_dir(root().join("dashboards")).unwrap().count();
    assert_eq!(there, files.len(), "a dashboard that no test looks at");
    let read = |file| serde_json::from_str(&fs::read_to_string(root().join("dashboards").join(file)).unwrap()).unwrap();
    files.map(|file| Dashboard { file, json: read(file) }).into()
}

fn list<'a>(value: &'a Value, what: &str) -> &'a [Value] {
    value.as_array().map_or_else(|| panic!("{what} is no list: {value}"), Vec::as_slice)
}

fn text<'a>(value: &'a Value, what: &str) -> &'a str {
    value.as_str().unwrap_or_else(|| panic!("{what} is no text: {value}"))
}

impl Dashboard {
    fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["panels"], "panels").iter().filter(|panel| panel["type"] != "row")
    }

    fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"], "variables")
    }

    fn annotations(&self) -> &[Value] {
        list(&self.json["annotations"]["list"], "annotations")
    }
}

#[test]
fn they_are_dashboards_of_grafana_11() {
    let schema = root().join("tests/fixtures/grafana/dashboard.schema.json");
    for Dashboard { file, .. } in dashboards() {
        let mut command = Command::new("jsonschema");
        let said = command.arg("-i").arg(root().join("dashboards").join(file)).arg(&schema).output();
        let said = said.unwrap_or_else(|error| {
            panic!("jsonschema could not be started ({error}): apt-get install python3-jsonschema")
        });
        let words = String::from_utf8_lossy(&said.stderr) + String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "{file}: {words}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = dashboards().remove(0).json;
    wrong["panels"][1]["options"]["colourMode"] = json!("value");
    let file = folder.path().join("wrong.json");
    fs::write(&file, wrong.to_string()).unwrap();
    let said = Command::new("jsonschema").arg("-i").arg(&file).arg(&schema).output().unwrap();
    assert!(!said.status.success(), "a misspelt option is found");
}

#[test]
fn each_says_what_it_shows_and_where_to_go_on() {
    let mut uids = BTreeSet::new();
    for dashboard in &dashboards() {
        let (file, json) = (dashboard.file, &dashboard.json);
        let uid = text(&json["uid"], "uid");
        assert!(uid.starts_with("shiftwatch-") && uids.insert(uid.to_owned()), "{file}: uid {uid}");
        assert!(json["schemaVersion"].as_i64() >= Some(39), "{file}: Grafana 11 begins at 39");
        assert!(json.get("id").is_none(), "{file}: an id belongs to one Grafana");
        for words in ["title", "description"] {
            assert!(!text(&json[words], words).is_empty(), "{file}: {words}");
        }
        let links = list(&json["links"], "links");
        assert!(links.iter().any(|link| link["url"] == "${board}/"), "{file} does not lead to the board");
        let page = match file {
            "api.json" => "${board}/api-health",
            "on-call.json" => "${board}/history",
            "office.json" => "${board}/exceptions",
            _ => "${board}/alerts",
        };
        assert!(links.iter().any(|link| link["url"] == page), "{file} does not lead to {page}");
        assert!(
            links.iter().any(|link| link["type"] == "dashboards" && link["tags"] == json["tags"]),
            "{file} does not lead to the others"
        );
        let whole = json.to_string();
        let mut names = BTreeSet::new();
        for variable in dashboard.variables() {
            let name = text(&variable["name"], "a variable's name");
            names.insert(name);
            let used = whole.contains(&format!("${name}")) || whole.contains(&format!("${{{name}}}"));
            assert!(used, "{file}: ${name} is not used");
            if variable["type"] == "query" {
                assert_eq!(
                    (&variable["multi"], &variable["includeAll"]),
                    (&json!(true), &json!(true)),
                    "{file}: {name}"
                );
                assert_eq!(variable["allValue"], ".*", "{file}: all of {name}, also where it is empty");
            }
        }
        for needed in ["datasource", "agency", "board"] {
            assert!(names.contains(needed), "{file} has no ${needed}");
        }
        assert!(!dashboard.annotations().is_empty(), "{file} has no annotations");
    }
    let boards = dashboards();
    assert!(boards.iter().any(|one| one.variables().iter().any(|variable| variable["name"] == "location")));
}

#[test]
fn panels_stand_beside_each_other_and_say_what_they_are() {
    for dashboard in &dashboards() {
        let mut ids = BTreeSet::new();
        let mut taken = BTreeMap::new();
        for panel in list(&dashboard.json["panels"], "panels") {
            let title = text(&panel["title"], "a title");
            let at = format!("{}: {title}", dashboard.file);
            assert!(ids.insert(panel["id"].as_i64().expect("an id")), "{at}: its id is another panel's");
            let grid = |side: &str| panel["gridPos"][side].as_u64().unwrap_or_else(|| panic!("{at}: {side}"));
            assert!(grid("x") + grid("w") <= 24 && grid("w") > 0 && grid("h") > 0, "{at} is off the grid");
            for (x, y) in
                (grid("x")..grid("x") + grid("w")).flat_map(|x| (grid("y")..grid("y") + grid("h")).map(move |y| (x, y)))
            {
                if let Some(other) = taken.insert((x, y), title) {
                    panic!("{at} lies over {other}");
                }
            }
        }
        for panel in dashboard.panels() {
            let at = format!("{}: {}", dashboard.file, text(&panel["title"], "a title"));
            assert!(text(&panel["description"], &at).len() > 10, "{at} has no description");
            assert_eq!(panel["datasource"], json!({"type": "prometheus", "uid": "${datasource}"}), "{at}");
            let defaults = &panel["fieldConfig"]["defaults"];
            let unit = text(&defaults["unit"], &at);
            assert!(!unit.is_empty(), "{at} has no unit");
            // Grafana writes 100 of its hours as four days: hours of care are hours.
            assert_ne!(unit, "h", "{at}");
            let counts = list(&panel["targets"], &at).iter().any(|target| {
                let expr = text(&target["expr"], &at);
                expr.contains("increase(") && !expr.contains("histogram_quantile(")
            });
            assert!(!counts || defaults["decimals"] == 0, "{at}: {unit} of a message is nothing to see");
            // What is not known: a word, and a colour that calms nobody. Grafana takes the first threshold's colour for it,
            // unless a mapping has another.
            assert_eq!(defaults["noValue"], "UNKNOWN", "{at}");
            let steps = list(&defaults["thresholds"]["steps"], &at);
            assert!(steps.len() >= 2, "{at} has no thresholds");
            assert_eq!((&steps[0]["value"], &steps[0]["color"]), (&Value::Null, &json!("purple")), "{at}");
            let unknown = list(&defaults["mappings"], &at).iter().find(|mapping| {
                mapping["type"] == "special" && ["null", "null+nan"].iter().any(|it| mapping["options"]["match"] == *it)
            });
            let unknown = unknown.unwrap_or_else(|| panic!("{at} does not say what no value means"));
            assert_eq!(unknown["options"]["result"]["text"], "UNKNOWN", "{at}");
            assert_eq!(unknown["options"]["result"]["color"], "purple", "{at}");
            for over in list(&panel["fieldConfig"]["overrides"], &at) {
                for property in list(&over["properties"], &at).iter().filter(|one| one["id"] == "thresholds") {
                    assert_eq!(property["value"]["steps"][0]["color"], "purple", "{at}");
                }
            }
            // A line over a gap, or the last value of a series that is gone, would be a guess.
            if panel["type"] == "timeseries" {
                assert_eq!(defaults["custom"]["spanNulls"], false, "{at}");
            }
            for target in list(&panel["targets"], &at) {
                let graph = matches!(text(&panel["type"], &at), "timeseries" | "state-timeline");
                assert_eq!((&target["range"], &target["instant"]), (&json!(graph), &json!(!graph)), "{at}");
            }
        }
    }
}

#[test]
fn no_query_is_padded() {
    for query in queries() {
        let expr: String = query.expr.split_whitespace().collect();
        for padding in ["vector(", "oron(", "or0", "absent("] {
            assert!(!expr.contains(padding), "{}: {}", query.at, query.expr);
        }
    }
}

/// One question of a dashboard.
struct Query {
    at: String,
    expr: String,
    instant: bool,
    /// What it hangs on: an annotation may have nothing to tell while all is well, a panel may not.
    annotation: bool,
}

fn queries() -> Vec<Query> {
    let mut all = Vec::new();
    for dashboard in &dashboards() {
        for panel in dashboard.panels() {
            let at = format!("{}: {}", dashboard.file, text(&panel["title"], "a title"));
            let targets = list(&panel["targets"], &at);
            assert!(!targets.is_empty(), "{at} asks nothing");
            for target in targets {
                assert!(target.get("hide").is_none(), "{at} hides a query");
                let expr = text(&target["expr"], &at).to_owned();
                all.push(Query { at: at.clone(), expr, instant: target["instant"] == true, annotation: false });
            }
        }
        for annotation in dashboard.annotations() {
            let at = format!("{}: annotation {}", dashboard.file, text(&annotation["name"], "a name"));
            let expr = text(&annotation["expr"], &at).to_owned();
            all.push(Query { at, expr, instant: false, annotation: true });
        }
    }
    all
}

/// The variables put in as Grafana puts them in, for all agencies and locations or for chosen ones.
fn interpolated(expr: &str, agency: &str, location: &str) -> String {
    let expr = expr
        .replace("$__rate_interval", RATE_INTERVAL)
        .replace("$__range", &format!("{SHOWN_S}s"))
        .replace("$agency", agency)
        .replace("$location", location);
    assert!(!expr.contains('$'), "{expr} has a variable that nobody knows");
    expr
}

/// What each selection of the variables becomes.
const SELECTIONS: [(&str, &str); 2] = [(".*", ".*"), ("main", "(north|south)")];

/// Every finite sample of an answer.
fn samples(data: &Value) -> Vec<f64> {
    let number = |pair: &Value| pair[1].as_str().and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite());
    let mut found = Vec::new();
    for series in list(&data["result"], "a result") {
        match series.get("values") {
            Some(values) => found.extend(list(values, "values").iter().filter_map(number)),
            None => found.extend(number(&series["value"])),
        }
    }
    found
}

/// What the dashboard would show at this time (Unix seconds).
async fn shown(prometheus: &Prometheus, query: &Query, (agency, location): (&str, &str), at: f64) -> Vec<f64> {
    let expr = interpolated(&query.expr, agency, location);
    let end = at.to_string();
    if query.instant {
        return samples(&prometheus.ask("query", &[("query", &expr), ("time", &end)]).await);
    }
    #[expect(clippy::cast_precision_loss, reason = "five minutes")]
    let start = (at - SHOWN_S as f64).to_string();
    // The last step lies at the end, as in a graph that ends now.
    samples(&prometheus.ask("query_range", &[("query", &expr), ("start", &start), ("end", &end), ("step", STEP)]).await)
}

/// Prometheus' clock: the time of its latest scrape.
async fn latest(prometheus: &Prometheus) -> f64 {
    let found = prometheus.until("timestamp(up{job=\"shiftwatch\"})", Duration::from_secs(30)).await;
    found[0]["value"][1].as_str().unwrap().parse().unwrap()
}

/// What is shown of shifts and visits, and nothing else.
fn is_coverage(expr: &str) -> bool {
    let families =
        ["shifts", "uncovered_shifts", "missed_check_ins", "open_visits", "scheduled_seconds", "worked_seconds"];
    families.iter().any(|family| expr.contains(&format!("shiftwatch_{family}{{")))
}

/// Somebody on call takes the first alert that fires.
async fn acknowledge(http: &reqwest::Client, url: &str) {
    let began = Instant::now();
    loop {
        let alerts: Value =
            http.get(format!("{url}/api/v1/alerts")).send().await.unwrap().json().await.expect("alerts");
        let firing = list(&alerts, "alerts").iter().find(|alert| alert["state"] == "firing");
        if let Some(fingerprint) = firing.and_then(|alert| alert["fingerprint"].as_str()) {
            let body = json!({"by": "night-1", "note": "on it"});
            let order = http.post(format!("{url}/api/v1/alerts/{fingerprint}/ack")).json(&body);
            let status = order.send().await.unwrap().status().as_u16();
            if status == 200 {
                return;
            }
        }
        assert!(began.elapsed() < STORY, "nothing fires: {alerts}");
        pause(Duration::from_millis(500)).await;
    }
}

async fn said(demo: &Agent, words: &str) {
    while !demo.lines().iter().any(|line| line.contains(words)) {
        assert!(demo.age() < STORY, "the demo does not say {words:?}: {:#?}", demo.lines());
        pause(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_every_dashboard_gives_data() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Agent::start(&["demo"], folder.path());
    said(&demo, "Metrics ").await;
    let lines = demo.lines();
    let url = lines.iter().find_map(|line| line.strip_prefix("Metrics ")).unwrap().trim();
    let url = url.strip_suffix("/metrics").unwrap().to_owned();
    // What counts only once it was watched for half an hour would say nothing of a demo.
    let sooner = |rules: String| rules.replace("[30m] offset 30m", "[30m] offset 5s");
    let prometheus = Prometheus::start(url.strip_prefix("http://").unwrap(), sooner, "").await;
    let queries = queries();
    let coverage: Vec<&Query> = queries.iter().filter(|query| is_coverage(&query.expr)).collect();
    assert!(queries.len() > 100 && coverage.len() >= 20, "{} queries, {}", queries.len(), coverage.len());

    // Before the first look is over nothing is known: no panel may show a number then, least of all a 0.
    let early = prometheus.until("shiftwatch_coverage_known == 0", Duration::from_secs(30)).await;
    let before: f64 = early[0]["value"][0].as_f64().unwrap();
    for query in &coverage {
        let found = shown(&prometheus, query, SELECTIONS[0], before).await;
        assert!(found.is_empty(), "{} shows {found:?} when nothing is known yet", query.at);
    }

    acknowledge(&asking(), &url).await;
    said(&demo, "begins to answer 500").await;
    let healthy = latest(&prometheus).await - 1.0;
    let mut waiting = Vec::new();
    for query in queries.iter().filter(|query| !UNKNOWN_IN_A_DEMO.iter().any(|family| query.expr.contains(family))) {
        for selection in SELECTIONS {
            if shown(&prometheus, query, selection, healthy).await.is_empty() {
                waiting.push((query, selection));
            }
        }
    }
    // Key figures are counted some seconds after what they count: on a busy machine the outage may come between, and they
    // are waited for with what tells of it.
    let now_wanted = |query: &Query| !query.annotation && !query.at.starts_with("office.json");
    let empty: Vec<&str> = waiting.iter().filter(|(query, _)| now_wanted(query)).map(|(query, _)| &*query.at).collect();
    assert!(empty.is_empty(), "panels that are empty while all is well: {empty:#?}");
    variables_have_values(&prometheus).await;
    rules_give_data(&prometheus).await;

    // The outage: what had nothing to tell has something now, and what is down is seen to be down.
    while !waiting.is_empty() {
        let now = latest(&prometheus).await;
        let mut still = Vec::new();
        for (query, selection) in waiting {
            if shown(&prometheus, query, selection, now).await.is_empty() {
                still.push((query, selection));
            }
        }
        waiting = still;
        let names: Vec<&str> = waiting.iter().map(|(query, _)| &*query.at).collect();
        assert!(demo.age() < STORY, "nothing to be seen of the outage in {names:#?}");
        pause(Duration::from_millis(500)).await;
    }
    let up = queries.iter().find(|query| query.at == "api.json: Up, by endpoint" && !query.instant).unwrap();
    let down = shown(&prometheus, up, SELECTIONS[0], latest(&prometheus).await).await;
    assert!(down.contains(&0.0) && down.contains(&1.0), "the outage and the time before it: {down:?}");
}

/// Each rule can be evaluated, and each recording rule records something.
async fn rules_give_data(prometheus: &Prometheus) {
    let rules = prometheus.get("rules", &[]).await;
    let rules: Vec<&Value> =
        list(&rules["groups"], "groups").iter().flat_map(|group| list(&group["rules"], "rules")).collect();
    assert!(rules.len() > 40, "{} rules", rules.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "recording" {
            let name = text(&rule["name"], "a name");
            let found = samples(&prometheus.ask("query", &[("query", name)]).await);
            assert!(!found.is_empty(), "{name} records nothing");
        }
    }
}

/// Each variable that is asked for has something to choose.
async fn variables_have_values(prometheus: &Prometheus) {
    for dashboard in &dashboards() {
        for variable in dashboard.variables().iter().filter(|variable| variable["type"] == "query") {
            let at = format!("{}: ${}", dashboard.file, text(&variable["name"], "a name"));
            let query = text(&variable["query"]["query"], &at);
            let (metric, label) = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'))
                .unwrap()
                .rsplit_once(", ")
                .unwrap();
            let metric = interpolated(metric, ".*", ".*");
            let found = prometheus.get(&format!("label/{label}/values"), &[("match[]", &metric)]).await;
            let found: Vec<&str> = list(&found, &at).iter().filter_map(Value::as_str).collect();
            let wanted: &[&str] = if label == "agency" { &["main"] } else { &["north", "south"] };
            for one in wanted {
                assert!(found.contains(one), "{at}: {found:?}");
            }
        }
    }
}

#[test]
fn grafana_is_provisioned_by_files() {
    let read = |file: &str| fs::read_to_string(root().join("deploy/grafana/provisioning").join(file)).unwrap();
    let datasources = read("datasources/prometheus.yml");
    for line in ["    uid: prometheus", "    type: prometheus", "    isDefault: true"] {
        assert!(datasources.lines().any(|it| it == line), "{line:?} is not in {datasources}");
    }
    let interval = format!("timeInterval: {STEP}");
    assert!(datasources.contains(&interval), "the least step of a graph is the scrape's: {interval}");
    let scrape = fs::read_to_string(root().join("deploy/prometheus/prometheus.yml")).unwrap();
    assert!(scrape.contains(&format!("scrape_interval: {STEP}")));
    let providers = read("dashboards/shiftwatch.yml");
    assert!(providers.contains("path: /var/lib/grafana/dashboards"), "{providers}");
    for dashboard in &dashboards() {
        let chosen = dashboard.variables().iter().find(|variable| variable["name"] == "datasource").unwrap();
        assert_eq!(chosen["current"]["value"], "prometheus", "{}: the data source by its uid", dashboard.file);
    }
    let files: Vec<PathBuf> = ["datasources", "dashboards"]
        .iter()
        .flat_map(|folder| fs::read_dir(root().join("deploy/grafana/provisioning").join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
}
