//! Alertmanager's own clients against the agent, and the agent beside a real Alertmanager: the same requests to both, the
//! same answers from both, but for what the tables below name with a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use shiftwatch::{
    clock,
    sim::{Sim, SimConfig},
};

use crate::{
    agent::{Agent, configure, pause},
    harness::PATIENCE,
    prometheus::asking,
};

/// What both are configured with.
const ROUTING: &str = r#"route:
  receiver: office
  group_by: [alertname]
  group_wait: 1s
  routes:
    - { matchers: ['team="tech"'], receiver: tech }
receivers: [ { name: office }, { name: tech } ]
inhibit_rules:
  - { source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname] }
"#;

/// The agent's rules: they find nothing, for the simulated agency is empty. Two kinds page, so that a silence of one is not
/// one of everything.
const RULES: &str = r"groups:
  - name: few
    rules:
      - { alert: NoShow, no_show: { after: 30m }, labels: { severity: page } }
      - { alert: MissedCheckOut, missed_check_out: { after: 30m }, labels: { severity: page } }
";

/// A real Alertmanager of its own, on a free port.
struct Alertmanager {
    child: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Alertmanager {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, ROUTING).unwrap();
        let mut child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address=", "--log.format=json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "prometheus-alertmanager could not be started ({error}): apt-get install prometheus-alertmanager"
                )
            });
        let stderr = child.stderr.take().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        let mut started = Self { child, url: String::new(), _folder: folder };
        let began = Instant::now();
        while started.url.is_empty() {
            let said = log.lock().unwrap().clone();
            assert!(began.elapsed() < PATIENCE, "Alertmanager does not listen: {}", said.join("\n"));
            let mut lines = said.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.find(|line| line["msg"] == "Listening on") {
                started.url = format!("http://{}", line["address"].as_str().unwrap());
            }
            pause(Duration::from_millis(20)).await;
        }
        started
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// The agent, of an agency without clients.
pub struct Ours {
    agent: Agent,
    pub url: String,
    pub folder: tempfile::TempDir,
    _sim: Sim,
}

impl Ours {
    async fn start() -> Self {
        Self::start_behind(&[]).await
    }

    /// With these files in its folder; the first of them is the web file.
    pub async fn start_behind(files: &[(&str, &str)]) -> Self {
        let sim = Sim::start(SimConfig::quiet(chrono_tz::America::Denver, clock::Clock::drill(clock::real_now(), 1)))
            .await
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rules.yml"), RULES).unwrap();
        let config = configure(&sim, folder.path(), &format!("rule_files: [rules.yml]\n{ROUTING}"));
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        if let Some((web, _)) = files.first() {
            let text = std::fs::read_to_string(&config).unwrap();
            let listen = "listen: \"127.0.0.1:0\"";
            assert!(text.contains(listen), "{text}");
            std::fs::write(&config, text.replace(listen, &format!("{listen}, config_file: {web}"))).unwrap();
        }
        let agent = Agent::run(&config, "info");
        let address = agent.address(PATIENCE).await;
        let Some(address) = address else { panic!("the agent does not listen: {}", agent.lines().join("\n")) };
        let scheme = if files.iter().any(|(_, text)| text.contains("tls_server_config")) { "https" } else { "http" };
        Self { agent, url: format!("{scheme}://{address}"), folder, _sim: sim }
    }
}

/// One answer, as far as two servers can agree on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    kind: String,
    body: String,
}

/// A request that both get.
struct Asked {
    method: &'static str,
    path: String,
    body: Option<String>,
    kind: &'static str,
}

async fn ask(http: &reqwest::Client, base: &str, asked: &Asked) -> Answer {
    let method = asked.method.parse().unwrap();
    let mut request = http.request(method, format!("{base}{}", asked.path));
    if let Some(body) = &asked.body {
        request = request.body(body.clone());
    }
    if !asked.kind.is_empty() {
        request = request.header("content-type", asked.kind);
    }
    let answer = request.send().await.unwrap();
    let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let status = answer.status().as_u16();
    Answer { status, kind, body: answer.text().await.unwrap() }
}

/// The answer with what differs from run to run taken out: ids that were given out, and instants that are not those of the
/// request. Fields are in the order of their names.
fn settled(answer: &Answer, ids: &[Made]) -> Answer {
    let mut body = answer.body.trim_end().to_owned();
    for Made { id, .. } in ids {
        body = body.replace(id.as_str(), "<silence>");
    }
    let Ok(mut value) = serde_json::from_str::<Value>(&body) else { return Answer { body, ..answer.clone() } };
    plain(&mut value);
    Answer { body: value.to_string(), ..answer.clone() }
}

fn plain(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // Newer than 0.25, and required by the specification since.
            fields.remove("mutedBy");
            for (name, field) in fields.iter_mut() {
                if ["updatedAt", "startsAt", "endsAt"].contains(&name.as_str()) {
                    // Both write instants alike; when that was is another matter.
                    let text = field.as_str().unwrap_or_default();
                    assert!(text.len() == 24 && text.ends_with('Z') && text.parse::<DateTime<Utc>>().is_ok(), "{text}");
                    *field = Value::from("<instant>");
                } else {
                    plain(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

/// A silence that a server made, and when it says that it began.
struct Made {
    id: String,
    begun: String,
}

/// What both are to agree on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agree {
    /// Everything.
    Wholly,
    /// The status and the words before the one given: what follows is Go's own.
    UpTo(&'static str),
    /// Nothing: ours answers this, for the reason given.
    Not(u16, &'static str, &'static str),
}
use Agree::{Not, UpTo, Wholly};

/// A body in which `{now+60}` is an instant in a minute, `{FIRST}` and `{LAST}` are silences that were made, and `{begun}` is
/// when the last one began.
fn filled(text: &str, now: DateTime<Utc>, ids: &[Made]) -> String {
    let mut text = text.to_owned();
    while let Some(at) = text.find("{now") {
        let end = at + text[at..].find('}').unwrap();
        let seconds: i64 = text[at + 4..end].parse().unwrap_or(0);
        let instant = (now + TimeDelta::seconds(seconds)).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        text.replace_range(at..=end, &instant);
    }
    if let (Some(first), Some(last)) = (ids.first(), ids.last()) {
        text = text.replace("{FIRST}", &first.id).replace("{LAST}", &last.id).replace("{begun}", &last.begun);
    }
    text
}

/// The row that posts the alerts.
const SPOKEN_FOR: &str = "three alerts, one of which speaks for another";
const ALERTNAME_A: &str = r#"{"name":"alertname","value":"A","isRegex":false}"#;

/// A silence with these matchers and fields.
fn silence(matchers: &str, more: &str) -> String {
    format!(
        r#"{{"matchers":[{matchers}],"startsAt":"{{now-5}}","endsAt":"{{now+3600}}","createdBy":"night-1","comment":"planned"{more}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_answers_as_alertmanager_does() {
    let (theirs, ours) = tokio::join!(Alertmanager::start(), Ours::start());
    let http = asking();
    let now = clock::real_now();
    let (mut their_ids, mut our_ids): (Vec<Made>, Vec<Made>) = (Vec::new(), Vec::new());
    let mut differ = Vec::new();
    let rows = rows();
    for (n, (method, path, body, agree, why)) in rows.iter().enumerate() {
        let kind = if body.is_some() { "application/json" } else { "" };
        let (kind, body) = match body.as_deref().and_then(|body| body.strip_prefix("as text: ")) {
            Some(body) => ("text/plain", Some(body.to_owned())),
            None => (kind, body.clone()),
        };
        let mut answers = Vec::new();
        for (base, ids) in [(&theirs.url, &mut their_ids), (&ours.url, &mut our_ids)] {
            let body = body.as_ref().map(|body| filled(body, now, ids));
            let asked = Asked { method, path: filled(path, now, ids), body, kind };
            let answer = ask(&http, base, &asked).await;
            let made = serde_json::from_str::<Value>(&answer.body)
                .ok()
                .and_then(|body| body["silenceID"].as_str().map(str::to_owned));
            if let Some(id) = made {
                let begun = Asked { method: "GET", path: format!("/api/v2/silence/{id}"), body: None, kind: "" };
                let begun = ask(&http, base, &begun).await.body;
                let begun = serde_json::from_str::<Value>(&begun).unwrap()["startsAt"].as_str().unwrap().to_owned();
                ids.retain(|known| known.id != id);
                ids.push(Made { id, begun });
            }
            answers.push(settled(&answer, ids));
        }
        if *why == SPOKEN_FOR {
            // Alertmanager learns of inhibition a moment later.
            for base in [&theirs.url, &ours.url] {
                let suppressed =
                    Asked { method: "GET", path: "/api/v2/alerts?active=false".to_owned(), body: None, kind: "" };
                let began = Instant::now();
                while ask(&http, base, &suppressed).await.body.trim() == "[]" {
                    assert!(began.elapsed() < PATIENCE, "nothing is inhibited at {base}");
                    pause(Duration::from_millis(20)).await;
                }
            }
        }
        let (their, our) = (&answers[0], &answers[1]);
        let same = match agree {
            Wholly => their == our,
            UpTo(word) => {
                let before = |answer: &Answer| answer.body.split_once(word).map(|(before, _)| before.to_owned());
                (their.status, &their.kind, before(their).as_ref()) == (our.status, &our.kind, before(our).as_ref())
                    && before(our).is_some()
            }
            Not(status, says, _) => our != their && our.status == *status && our.body.contains(says),
        };
        if !same {
            differ.push(format!(
                "{n} {method} {path} {}\n  {why}\n  theirs {their:?}\n  ours   {our:?}",
                body.unwrap_or_default()
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{} of {} rows differ:\n{}\n{}",
        differ.len(),
        rows.len(),
        differ.join("\n"),
        ours.agent.lines().join("\n")
    );
    let said = |status| {
        let of = |(method, _, _, agree, _): &&Row| *method == "POST" && matches!(agree, Not(is, ..) if *is == status);
        rows.iter().filter(of).count()
    };
    assert_eq!(their_ids.len() + said(200), our_ids.len() + said(400), "as many silences were made");
}

type Row = (&'static str, String, Option<String>, Agree, &'static str);

/// The requests, in this order.
fn rows() -> Vec<Row> {
    let get = |path: &str, why| ("GET", format!("/api/v2/{path}"), None, Wholly, why);
    let get_as = |path: &str, agree, why| ("GET", format!("/api/v2/{path}"), None, agree, why);
    let post = |path: &str, body: &str, why| ("POST", format!("/api/v2/{path}"), Some(body.to_owned()), Wholly, why);
    let post_as =
        |path: &str, body: &str, agree, why| ("POST", format!("/api/v2/{path}"), Some(body.to_owned()), agree, why);
    let delete = |path: &str, why| ("DELETE", format!("/api/v2/{path}"), None, Wholly, why);
    let made = |matchers: &str| silence(matchers, "");
    let go_json = UpTo("failed, because");
    let utf8 = "names in UTF-8 are taken, as by Alertmanager since 0.27";
    vec![
        get("receivers", "every receiver"),
        get("alerts", "no alert yet"),
        get("alerts/groups", "no group yet"),
        get("silences", "no silence yet"),
        post(
            "alerts",
            r#"[{"labels":{"alertname":"A","severity":"warning"},"annotations":{"summary":"x"},"generatorURL":"http://x.example.com/y"},
            {"labels":{"alertname":"A","severity":"critical"}},{"labels":{"alertname":"B","team":"tech","empty":""},"startsAt":"{now-60}","endsAt":"{now+600}"}]"#,
            SPOKEN_FOR,
        ),
        get("alerts", "all of them; one is spoken for by another"),
        get("alerts?filter=alertname=A", "unquoted"),
        get("alerts?filter=alertname%3D%22A%22&filter=severity%3Dwarning", "two filters add up"),
        get("alerts?filter=alertname%3D~%22A%7CB%22&filter=team%21%3D%22tech%22", "a regex, and not equal"),
        get("alerts?filter=team%3D", "a missing label equals the empty one"),
        get("alerts?filter=team%21%3D", "and there it is not missing"),
        get("alerts?filter=a%3D1%2Cb%3D2", "one matcher, its value with a comma"),
        get("alerts?active=false", "only what is suppressed"),
        get("alerts?inhibited=false", "not what is spoken for"),
        get("alerts?silenced=false&unprocessed=false", "nothing is silenced"),
        get("alerts?active=maybe", "not a word for true"),
        get("alerts?active=", "empty is the default"),
        get("alerts?active=t&active=f", "the last one counts"),
        get("alerts?receiver=tech", "by receiver"),
        get("alerts?receiver=te", "which is anchored"),
        get("alerts?receiver=", "any receiver"),
        get("alerts?unknown=1", "what is not known is left alone"),
        get("alerts?silenced&active&inhibited&filter=alertname%3D%22A%22", "as Grafana asks"),
        get("alerts/groups?active=true&inhibited=true&silenced=true", "as karma asks"),
        get("alerts?filter=bad", "no matcher"),
        get("alerts?filter=", "an empty one"),
        get("alerts?filter=alertname%3D%22A", "quotes that do not close"),
        get("alerts?filter=%7Balertname%3D%22A%22%7D", "a list is no matcher"),
        get("alerts?filter=alertname%3DA%7D", "a brace in a value"),
        get("alerts?filter=alertname%3DA%2C", "a comma in a value"),
        get("alerts?filter=%20alertname%20%3D~%20%22A%7CB%22%20", "spaces around all of it"),
        get("alerts?filter=alertname%3D%22A%5Ct%22", "an escape that is none"),
        get("alerts?filter=alertname!%3D%22%5C%22%22", "a quote that is one"),
        get("alerts?filter=alertname%3DA%22B", "a quote that is not"),
        get("alerts?filter=alertname%3D~%22%5C%5CQA%5C%5CE%22", "an expression in Go's dialect"),
        get("alerts?filter=alertname%3D~%22(%3Fi)a%22", "and one without regard to case"),
        get_as("alerts?filter=%22alertname%22%3DA", Not(200, "\"alertname\":\"A\"", utf8), "a quoted name"),
        get_as("alerts?filter=b%C3%BCro%21%3Dnord", Not(200, "\"alertname\":\"A\"", utf8), "a name in UTF-8"),
        get("alerts?filter=%22a%22%3Db%2C%22c%22%3Dd", "two at once"),
        get("silences?filter=alertname%3D%22A", "quotes that do not close"),
        get_as("alerts?filter=a%3D~%22(%22", UpTo("parsing regexp: "), "no regular expression"),
        get_as("alerts?receiver=(", UpTo("parsing regexp: "), "no regular expression"),
        get("alerts/groups", "by name, and by route"),
        get("alerts/groups?filter=alertname=B", "one of them"),
        get("alerts/groups?active=false", "only what is suppressed"),
        get("alerts/groups?inhibited=false&silenced=false", "not what is spoken for"),
        get("alerts/groups?receiver=tech", "by receiver"),
        get("alerts/groups?filter=bad", "no matcher"),
        post(
            "silences",
            &made(
                r#"{"name":"alertname","value":"A","isRegex":false},{"name":"severity","value":"warning|x","isRegex":true}"#,
            ),
            "a silence",
        ),
        get("silences", "it is listed"),
        get("silence/{FIRST}", "it is there"),
        get("alerts", "one is suppressed by both"),
        get("alerts?silenced=false", "it is left out"),
        get("alerts/groups?silenced=false", "there, too"),
        post("silences", &made(&ALERTNAME_A.replace("A\",", "Q\",\"isEqual\":true,")), "a second one"),
        get("silences?filter=alertname=Q", "by a matcher of its own"),
        get("silences?filter=alertname%3D~%22Q%22", "which must be the same kind"),
        get("silences?filter=severity%3D~%22warning%7Cx%22&filter=alertname%3DA", "by two"),
        get("silences?filter=bad", "no matcher"),
        post("silences", "", "nothing"),
        post_as("silences", "{", go_json, "broken"),
        post_as("silences", "[]", go_json, "a list"),
        post("silences", "null", "null"),
        post("silences", "{}", "an empty one"),
        post_as("silences", r#"{"matchers":3}"#, go_json, "a number for a list"),
        post_as("silences", r#"{"matchers":[{"name":1,"value":"b","isRegex":false}]}"#, go_json, "a number for a name"),
        post_as("silences", &made(ALERTNAME_A).replace("{now+3600}", "tomorrow"), go_json, "no time"),
        post("silences", &format!("as text: {}", made(ALERTNAME_A)), "not JSON by its own word"),
        post("silences", &made(""), "no matchers"),
        post("silences", &made(r#"{"name":"a","value":"b"}"#), "not said whether regex"),
        post("silences", &made(r#"{"value":"b","isRegex":false}"#), "no name"),
        post("silences", &made(r#"{"name":"b","isRegex":false}"#), "no value"),
        post("silences", &made(ALERTNAME_A).replace(r#","comment":"planned""#, ""), "no comment"),
        post("silences", &made(ALERTNAME_A).replace(r#""createdBy":"night-1","#, ""), "nobody"),
        post("silences", &made(ALERTNAME_A).replace(r#""endsAt":"{now+3600}","#, ""), "no end"),
        post("silences", &made(ALERTNAME_A).replace(r#""startsAt":"{now-5}","#, ""), "no beginning"),
        post_as(
            "silences",
            &made(&ALERTNAME_A.replace("\"A\"", "\"Z\"")).replace("planned", ""),
            Not(400, "comment must say why", "why is asked for"),
            "an empty comment",
        ),
        post_as(
            "silences",
            &made(&ALERTNAME_A.replace("\"A\"", "\"Z\"")).replace("night-1", ""),
            Not(400, "createdBy must say who", "who is asked for"),
            "an empty name",
        ),
        post("silences", &made(r#"{"name":"alertname","value":"","isRegex":false}"#), "matches what is not there"),
        post("silences", &made(r#"{"name":"alertname","value":".*","isRegex":true}"#), "so does a regex"),
        post_as(
            "silences",
            &made(r#"{"name":"alertname","value":"(","isRegex":true}"#),
            UpTo("parsing regexp: "),
            "no regular expression",
        ),
        post("silences", &made(r#"{"name":"","value":"x","isRegex":false}"#), "a label without a name"),
        post_as(
            "silences",
            &made(r#"{"name":"a b","value":"x","isRegex":false}"#),
            Not(200, "silenceID", utf8),
            "a name in UTF-8",
        ),
        post(
            "silences",
            &made(ALERTNAME_A).replace("{now-5}", "{now+100}").replace("{now+3600}", "{now+50}"),
            "ends before it begins",
        ),
        post(
            "silences",
            &made(ALERTNAME_A).replace("{now-5}", "{now+100}").replace("{now+3600}", "{now+100}"),
            "no length",
        ),
        post(
            "silences",
            &made(ALERTNAME_A).replace("{now-5}", "{now-100}").replace("{now+3600}", "{now-50}"),
            "it is over",
        ),
        post(
            "silences",
            &made(ALERTNAME_A).replace("{now+3600}", "0001-01-01T00:00:00.000Z"),
            "Go's zero time as an end",
        ),
        post("silences", &silence(ALERTNAME_A, r#","id":"00000000-0000-0000-0000-000000000000""#), "an edit of none"),
        post("silences", &silence(ALERTNAME_A, r#","id":"no-uuid""#), "an edit of what is no id"),
        get("silence/00000000-0000-0000-0000-000000000000", "there is none"),
        get("silence/no-uuid", "that is no id"),
        delete("silence/no-uuid", "that is no id either"),
        (
            "DELETE",
            "/api/v2/silence/00000000-0000-0000-0000-000000000000".to_owned(),
            None,
            Not(404, "", "0.25 answers 500; its successors and the specification say 404"),
            "none to end",
        ),
        ("PUT", "/api/v2/alerts".to_owned(), Some("[]".to_owned()), UpTo("but ["), "not this way"),
        ("POST", "/api/v2/receivers".to_owned(), Some("{}".to_owned()), Wholly, "only to be read"),
        ("PUT", "/api/v2/silence/{FIRST}".to_owned(), Some("{}".to_owned()), UpTo("but ["), "not this way"),
        get("nothing", "no such path"),
        post("alerts", "", "nothing"),
        post("alerts", "[]", "an empty list"),
        post("alerts", "null", "null"),
        post_as("alerts", "{", go_json, "broken"),
        post_as("alerts", "{}", go_json, "no list"),
        post("alerts", "[{}]", "no labels"),
        post("alerts", r#"[{"labels":{}}]"#, "an empty set"),
        post("alerts", r#"[{"labels":{"a":""}}]"#, "an empty value is no label"),
        post("alerts", r#"[{"labels":{"a":null}}]"#, "nor is null"),
        post_as("alerts", r#"[{"labels":{"a":1}}]"#, go_json, "a number"),
        post_as("alerts", r#"[{"labels":{"a":"x"},"startsAt":"bad"}]"#, Wholly, "no time"),
        post("alerts", r#"[{"labels":{"a":"x"},"startsAt":"{now+10}","endsAt":"{now+5}"}]"#, "ends before it begins"),
        post("alerts", r#"[{"labels":{"a":"x"},"generatorURL":"::no url"}]"#, "no address"),
        post("alerts", r#"[{"labels":{"alertname":"Good"}},{"labels":{}}]"#, "the good one is taken"),
        get("alerts?filter=alertname=Good", "it was"),
        post("alerts", r#"[{"labels":{"alertname":"Good"},"endsAt":"{now}"}]"#, "it is over"),
        get("alerts?filter=alertname=Good", "so it is gone"),
        post("alerts", "as text: []", "not JSON by its own word"),
        post(
            "silences",
            &made(ALERTNAME_A).replace("{now-5}", "{now+600}").replace("\"A\"", "\"E\""),
            "one that has not begun",
        ),
        get("silence/{LAST}", "it is pending"),
        post(
            "silences",
            &silence(ALERTNAME_A, r#","id":"{LAST}""#).replace("{now-5}", "{now+900}").replace("\"A\"", "\"E\""),
            "it begins later: the same one",
        ),
        get("silences?filter=alertname=E", "so there is one"),
        post(
            "silences",
            &silence(ALERTNAME_A, r#","id":"{LAST}""#).replace("\"A\"", "\"E\""),
            "it begins now: another one, for the past stays as it was",
        ),
        get("silences?filter=alertname=E", "the new one, and the old one that never began"),
        post(
            "silences",
            &silence(ALERTNAME_A, r#","id":"{LAST}""#)
                .replace("{now-5}", "{begun}")
                .replace("3600", "7200")
                .replace("\"A\"", "\"E\""),
            "it lasts longer: the same one",
        ),
        get("silence/{LAST}", "it is"),
        post(
            "silences",
            &silence(ALERTNAME_A, r#","id":"{LAST}""#).replace("{now-5}", "{begun}").replace("\"A\"", "\"F\""),
            "it matches something else: another one",
        ),
        get("silences?filter=alertname=E", "both are over"),
        get("silences?filter=alertname=F", "and this one is not"),
        delete("silence/{LAST}", "it is ended"),
        get("silence/{LAST}", "it is over"),
        delete("silence/{LAST}", "ending it again changes nothing"),
        post(
            "silences",
            &silence(ALERTNAME_A, r#","id":"{LAST}""#).replace("\"A\"", "\"F\""),
            "an edit of one that is over makes another one",
        ),
        get("silences?filter=alertname=F", "the new one first"),
        get("alerts?silenced=false", "what is not silenced"),
        post_as(
            "silences",
            &made(r#"{"name":"alertname","value":".+","isRegex":true}"#),
            Not(400, "cover_everything=true", "nobody could be paged"),
            "everything",
        ),
        post_as(
            "silences",
            &made(r#"{"name":"alertname","value":"","isRegex":false,"isEqual":false}"#),
            Not(400, "cover_everything=true", "nobody could be paged"),
            "everything, the other way",
        ),
    ]
}

/// `amtool`, asking one server.
pub struct Amtool {
    url: String,
    folder: std::path::PathBuf,
    more: Vec<String>,
}

impl Amtool {
    /// For the server at `url`; its files are in `folder`.
    pub fn new(url: &str, folder: &std::path::Path) -> Self {
        Self { url: url.to_owned(), folder: folder.to_owned(), more: Vec::new() }
    }

    /// The same with more arguments.
    pub fn with(mut self, args: &[&str]) -> Self {
        self.more.extend(args.iter().map(|one| (*one).to_owned()));
        self
    }

    /// Whether it is content, what it prints, and what it complains about.
    pub fn run(&self, args: &[&str]) -> (bool, String, String) {
        let said = Command::new("amtool")
            .args(args)
            .arg(format!("--alertmanager.url={}", self.url))
            .args(&self.more)
            .current_dir(&self.folder)
            .env("HOME", &self.folder)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| {
                panic!("amtool could not be started ({error}): apt-get install prometheus-alertmanager")
            });
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (said.status.success(), text(said.stdout), text(said.stderr))
    }

    /// What it prints when it is content.
    pub fn says(&self, args: &[&str]) -> String {
        let (done, out, err) = self.run(args);
        assert!(done, "amtool {args:?}: {out}{err}");
        out
    }

    /// The same as JSON.
    pub fn json(&self, args: &[&str]) -> Value {
        let said = self.says(&[args, &["-o", "json"]].concat());
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("amtool {args:?}: {error}: {said}"))
    }

    /// The names of the alerts that a query gives.
    fn alerts(&self, args: &[&str]) -> Vec<String> {
        let found = self.json(&[&["alert", "query"], args].concat());
        let name = |alert: &Value| alert["labels"]["alertname"].as_str().unwrap().to_owned();
        let mut names: Vec<String> = found.as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amtool_works_with_the_agent_unchanged() {
    let ours = Ours::start().await;
    let amtool = Amtool::new(&ours.url, ours.folder.path());

    amtool.says(&["alert", "add", "Disk", "severity=critical", "node=one", "--annotation=summary=full"]);
    amtool.says(&["alert", "add", "alertname=Disk", "severity=warning", "node=one"]);
    amtool.says(&["alert", "add", "Link", "team=tech", "node=two"]);
    assert_eq!(amtool.alerts(&[]), ["Disk", "Link"], "what a worse one speaks for is left out, as amtool asks");
    assert_eq!(amtool.alerts(&["--inhibited"]), ["Disk"], "unless it is asked for alone");
    assert_eq!(amtool.alerts(&["node=one", "severity=critical"]), ["Disk"]);
    assert_eq!(amtool.alerts(&["alertname=~\"L.*\"", "node!=one"]), ["Link"]);
    assert_eq!(amtool.alerts(&["Link"]), ["Link"], "a bare word is a name");
    assert_eq!(amtool.alerts(&["--receiver=tech"]), ["Link"]);
    let extended = amtool.says(&["alert", "query", "-o", "extended"]);
    assert!(extended.contains("node=\"two\"") && extended.contains("summary=\"full\""), "{extended}");

    let id = amtool.says(&[
        "silence",
        "add",
        "Link",
        "node=two",
        "--duration=2h",
        "--author=night-1",
        "--comment=the line is mended",
    ]);
    let id = id.trim();
    assert_eq!(amtool.alerts(&["node=two"]), Vec::<String>::new(), "it is silenced");
    assert_eq!(amtool.alerts(&["--silenced"]), ["Link"]);
    assert_eq!(amtool.says(&["silence", "query", "-q"]).trim(), id);
    let table = amtool.says(&["silence", "query", "-o", "extended"]);
    assert!(table.contains(id) && table.contains("night-1") && table.contains("the line is mended"), "{table}");
    assert_eq!(amtool.says(&["silence", "query", "-q", "node=one"]).trim(), "", "by a matcher that it has not");

    amtool.says(&["silence", "update", "--duration=5h", "--comment=it takes longer", id]);
    assert_eq!(amtool.says(&["silence", "query", "-q"]).trim(), id, "the same one");
    let listed = amtool.json(&["silence", "query"]);
    assert_eq!(listed[0]["comment"], "it takes longer");
    let ends: DateTime<Utc> = listed[0]["endsAt"].as_str().unwrap().parse().unwrap();
    let left = (ends - clock::real_now()).num_minutes();
    assert!((295..=301).contains(&left), "five hours: {left} min");

    std::fs::write(ours.folder.path().join("silences.json"), listed.to_string()).unwrap();
    amtool.says(&["silence", "expire", id]);
    assert_eq!(amtool.alerts(&["node=two"]), ["Link"], "it is told again");
    assert_eq!(amtool.says(&["silence", "query", "-q"]).trim(), "");
    assert_eq!(amtool.says(&["silence", "query", "-q", "--expired"]).trim(), id);
    amtool.says(&["silence", "import", "silences.json"]);
    let again = amtool.says(&["silence", "query", "-q"]);
    assert_ne!(again.trim(), id, "another one");
    assert_eq!(amtool.alerts(&["--silenced"]), ["Link"]);
    amtool.says(&["silence", "expire", again.trim()]);

    let (done, out, err) = amtool.run(&["silence", "add", "alertname=~.+", "--author=night-1", "--comment=peace"]);
    assert!(!done && err.contains("cover_everything"), "everything is not silenced by the way: {out}{err}");
    let (done, ..) = amtool.run(&["silence", "expire", "00000000-0000-4000-8000-000000000000"]);
    assert!(!done, "there is none");

    let shown = amtool.says(&["config", "show"]);
    assert!(shown.contains("receiver: office") && !shown.contains("example-secret"), "{shown}");
    let cluster = amtool.says(&["cluster", "show"]);
    assert!(cluster.contains("disabled"), "{cluster}");
    assert_eq!(amtool.says(&["config", "routes", "test", "team=tech"]).trim(), "tech");
    assert_eq!(amtool.says(&["config", "routes", "test", "team=other"]).trim(), "office");
    assert!(amtool.says(&["config", "routes", "show"]).contains("team=\"tech\""));
}
