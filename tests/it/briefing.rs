//! Briefings and reports by the clock: the real binary, a mail server, a folder, a webhook; a restart doubles none of them
//! and loses none.

use std::{os::unix::fs::PermissionsExt as _, process::Command};

use chrono::TimeDelta;
use serde_json::Value;
use shiftwatch::sim::{Appointment, Mail, Sim, SinkAnswer, SmtpFault, SmtpFaultAnswer, SmtpStage};
use sqlx::Connection as _;

use crate::harness::{BLAKE, House, PATIENCE, Plan, RULES, at};

const OFFICE: &str = "office@example.com";

fn mails(house: &House, subject: &str) -> Vec<Mail> {
    let to_office = |mail: &Mail| mail.to.iter().any(|to| to == OFFICE) && mail.subject().contains(subject);
    house.sim.mails().into_iter().filter(to_office).collect()
}

async fn mail(house: &House, subject: &str) -> Mail {
    let came = house.sim.until(PATIENCE, |_| !mails(house, subject).is_empty()).await;
    let all: Vec<String> = house.sim.mails().iter().map(Mail::subject).collect();
    assert!(came, "no mail says {subject:?}, only {all:?}\n{}", house.log());
    mails(house, subject).remove(0)
}

fn cli(house: &House, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
    let config = house.config_file();
    let done = command.arg("--config").arg(config).args(arguments).args(["--url", &house.url]).output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_morning_is_told_once_and_a_restart_neither_doubles_nor_loses_it() {
    let plan = Plan {
        // 06:50 in Denver; nobody is on a shift of 13:00.
        begins_at: at("2026-11-24T13:50:00Z"),
        rules: RULES,
        wellsky: "      encounter_naive_tz: utc",
        speed: 60,
        world: |world, now| {
            world.add_shift(Appointment::hours("90010005", BLAKE, now + TimeDelta::minutes(370), 4));
        },
        ..Plan::default()
    };
    let mut house = House::unwatched(plan).await;
    let folder = house.config_file().with_file_name("out");
    std::fs::create_dir(&folder).unwrap();
    let hook = format!("{}/reports", house.sim.sink_url());
    let more = format!(
        r#"briefings:
  - {{ name: morning, cron: "0 7 * * mon-sun", to: [{OFFICE}], phi: true }}
  - {{ name: tomorrow, kind: tomorrow, cron: "1 7 * * *", to: [{OFFICE}] }}
  - {{ name: handoff, kind: handoff, cron: "5 7 * * *", to: [{OFFICE}] }}
reports:
  - {{ name: calls, report: on-call-log, range: last_7_days, cron: "0 7 * * *", to: {{ folder: out }} }}
  - {{ name: alerts, report: history, format: json, cron: "0 7 * * *", to: {{ webhook: "{hook}" }} }}
  - {{ name: numbers, report: kpis, cron: "0 7 * * *", to: {{ email: {OFFICE} }} }}
  - {{ name: worked, report: hours, range: last_7_days }}
  - {{ name: unplanned, report: exceptions, range: last_7_days }}
"#
    );
    let config = std::fs::read_to_string(house.config_file()).unwrap();
    std::fs::write(house.config_file(), config + &more).unwrap();
    house.start().await;
    house.settled().await;

    let morning = mail(&house, "Morning briefing Tue 24 Nov").await;
    assert_eq!(morning.subject(), "[CCA] Morning briefing Tue 24 Nov: 1 uncovered in 24 h");
    let text = morning.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 12 && lines[0].starts_with("CCA: morning briefing Tue 2026-11-24 07:00"), "{text}");
    assert!(lines[1].starts_with("Uncovered: 1 today, 1 in 24 h, 1 in 72 h (4 h)"), "{text}");
    // Initials beside the id, because its configuration says so; never a name.
    let name = house.sim.world(|world| world.patient(BLAKE).map(|one| one.family.clone())).expect("a client");
    assert!(lines[1].contains(&format!("client {BLAKE} ")) && !text.contains(&name), "{text} {name}");
    assert!(morning.html().contains("Uncovered") || morning.html().contains("uncovered"), "{}", morning.raw);
    let tomorrow = mail(&house, "Tomorrow, Wed 25 Nov").await;
    assert!(tomorrow.subject().ends_with(": no shifts"), "sent on quiet days too: {}", tomorrow.subject());

    reports_come_where_they_belong(&house, &folder).await;
    everybody_who_looks_sees_the_same(&house).await;

    // Off while the next is due: it comes late, once, and says so. What was sent is not sent again.
    house.sim.until(PATIENCE, |_| house.now() >= at("2026-11-24T14:02:00Z")).await;
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.sim.until(PATIENCE, |_| house.now() >= at("2026-11-24T14:17:00Z")).await;
    house.start().await;
    house.settled().await;
    let handoff = mail(&house, "Evening handoff").await;
    assert!(handoff.text().contains(" late, as of "), "{}", handoff.text());
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    house.start().await;
    house.settled().await;
    house.pass(TimeDelta::minutes(2)).await;
    for subject in ["Morning briefing", "Tomorrow", "Evening handoff", "Report numbers"] {
        assert_eq!(mails(&house, subject).len(), 1, "{subject}: {}", house.log());
    }
    let log = house.log();
    assert!(!log.contains("example.com") && !log.contains(&name), "an address or a name in the log: {log}");
    // Because somebody says so.
    let said = cli(&house, &["briefing", "--send", "morning"]);
    assert_eq!(said, "morning: 1 mail is on the way.\n");
    assert!(house.sim.until(PATIENCE, |_| mails(&house, "Morning briefing").len() == 2).await, "{}", house.log());
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}

async fn reports_come_where_they_belong(house: &House, folder: &std::path::Path) {
    let file = folder.join("calls-2026-11-24T0700.csv");
    assert!(house.sim.until(PATIENCE, |_| file.exists()).await, "{}", house.log());
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("page,agency,policy,"), "{text}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "nothing half written is left");
    assert!(house.sim.until(PATIENCE, |sim| !sim.inbox().posts.is_empty()).await, "{}", house.log());
    let post = house.sim.inbox().posts.remove(0).json();
    assert_eq!((&post["report"], &post["file"]), (&"alerts".into(), &"alerts-2026-11-24T0700.json".into()), "{post}");
    assert!(post["body"]["rules"].is_array(), "{post}");
    let numbers = mail(house, "Report numbers").await;
    assert!(numbers.raw.contains("filename=\"numbers-2026-11-24T0700.csv\""), "{}", numbers.raw);
    let metrics = house.metrics().await;
    assert!(metrics.contains("shiftwatch_scheduled_total{outcome=\"sent\",what=\"report\"} 3"), "{metrics}");
}

async fn everybody_who_looks_sees_the_same(house: &House) {
    let (status, body) = house.get("/api/v1/briefing").await;
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &json["names"]), (200, &"sign_in".into()), "{body}");
    let first = &json["briefings"][0]["coverage"]["first"][0];
    assert!(first["client"]["id"] == BLAKE && first["client"]["name"].is_null(), "{body}");
    assert_eq!(house.get("/api/v1/briefing?kind=noon").await.0, 400);
    for path in
        ["briefing?agency=none", "briefing?location=nowhere", "shifts?agency=none", "exceptions?location=nowhere"]
    {
        assert_eq!(house.get(&format!("/api/v1/{path}")).await.0, 404, "{path}");
    }
    assert_eq!(house.get("/api/v1/exceptions?agency=none").await.0, 404);
    assert_eq!(house.get("/api/v1/exceptions").await.0, 200);
    let (status, page) = house.get("/briefing?kind=weekend").await;
    assert!(
        status == 200 && page.contains("no shifts") && !page.contains("all covered") && page.contains("Ids only"),
        "{page}"
    );
    // The machine's own user, who can read the store.
    let text = cli(house, &["briefing"]);
    assert!(text.contains(&format!("client {BLAKE} ")), "{text}");
    let pages = cli(house, &["on-call", "log", "--days", "7"]);
    assert!(pages.contains("Nobody was paged") || pages.contains("OPENED"), "{pages}");
    let weekend = cli(house, &["briefing", "--kind", "weekend", "--output", "json"]);
    let weekend: Value = serde_json::from_str(&weekend).unwrap();
    assert_eq!(weekend["briefings"][0]["ahead"]["n_uncovered"], 0, "{weekend}");
    let audit = cli(house, &["audit"]);
    assert!(audit.contains("/api/v1/briefing") && audit.contains(BLAKE), "{audit}");
    let (_, listed) = house.get("/api/v1/reports").await;
    assert!(listed.contains("\"name\":\"calls\"") && !listed.contains(OFFICE), "{listed}");
    let (status, api) = house.get("/api/v1/reports/numbers").await;
    assert!(status == 200 && api.starts_with("agency,day,shifts,"), "{status} {api}");
    let (status, worked) = house.get("/api/v1/reports/worked").await;
    assert!(status == 200 && worked.starts_with("agency,from,to,") && worked.contains("worked_minutes"), "{worked}");
    let (status, unplanned) = house.get("/api/v1/reports/unplanned").await;
    assert!(status == 200 && unplanned.starts_with("fingerprint,agency,kind,"), "{unplanned}");
    assert_eq!(house.get("/api/v1/reports/none").await.0, 404);
}

/// What the store says was decided: the names, and until when.
async fn sql(house: &House, text: &'static str) -> u64 {
    let file = house.config_file().with_file_name("shiftwatch.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).busy_timeout(PATIENCE);
    let mut store = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query(text).execute(&mut store).await.unwrap().rows_affected()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_refused_comes_later_and_a_kill_doubles_none() {
    let plan = Plan {
        begins_at: at("2026-11-24T13:58:00Z"),
        rules: RULES,
        wellsky: "      encounter_naive_tz: utc",
        speed: 20,
        ..Plan::default()
    };
    let mut house = House::unwatched(plan).await;
    let folder = house.config_file().with_file_name("out");
    std::fs::create_dir(&folder).unwrap();
    // Half a file of an earlier, killed try.
    std::fs::write(folder.join(".calls-2026-11-24T0700.csv.part"), "page,ag").unwrap();
    let hook = format!("{}/reports", house.sim.sink_url());
    let more = format!(
        r#"reports:
  - {{ name: calls, report: on-call-log, range: last_7_days, cron: "0 7 * * *", to: {{ folder: out }} }}
  - {{ name: alerts, report: history, format: json, cron: "0 7 * * *", to: {{ webhook: "{hook}", authorization: {{ credentials: open-sesame }} }} }}
  - {{ name: numbers, report: kpis, cron: "0 7 * * *", to: {{ email: {OFFICE} }} }}
"#
    );
    let config = std::fs::read_to_string(house.config_file()).unwrap();
    std::fs::write(house.config_file(), config + &more).unwrap();
    // The other program is out of order, then does not answer; the mail server is busy, then breaks off.
    house.sim.sink_answers([SinkAnswer::Status(503), SinkAnswer::Reset]);
    house.sim.smtp_faults([
        SmtpFault { times: Some(1), ..SmtpFault::new(SmtpStage::Mail, SmtpFaultAnswer::Code(451)) },
        SmtpFault { times: Some(1), ..SmtpFault::new(SmtpStage::Content, SmtpFaultAnswer::DropUntaken) },
    ]);
    house.start().await;
    house.settled().await;
    let file = folder.join("calls-2026-11-24T0700.csv");
    assert!(house.sim.until(PATIENCE, |_| file.exists()).await, "{}", house.log());
    // As the power fails: whatever was decided is stored, whatever was not is made again.
    house.kill();
    let whole = std::fs::read_to_string(&file).unwrap();
    assert!(whole.starts_with("page,agency,policy,"), "written whole or not at all: {whole}");
    house.start().await;
    house.settled().await;
    mail(&house, "Report numbers").await;
    let taken = |sim: &Sim| sim.inbox().posts.len() >= 3;
    assert!(house.sim.until(PATIENCE, taken).await, "{:?}\n{}", house.sim.inbox().posts, house.log());
    let posts = house.sim.inbox().posts;
    assert_eq!(posts.len(), 3, "refused, broken off, taken: {posts:#?}");
    for post in &posts {
        assert_eq!(post.header("authorization"), Some("Bearer open-sesame"));
        assert_eq!(post.body, posts[0].body, "the same report each time");
    }
    // Killed between the file and the decision: it is made again, under the same name.
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    let forgotten = "UPDATE scheduled SET until = until - 86400000000 WHERE name = 'report/calls'";
    assert_eq!(sql(&house, forgotten).await, 1);
    std::fs::remove_file(&file).unwrap();
    house.start().await;
    house.settled().await;
    assert!(house.sim.until(PATIENCE, |_| file.exists()).await, "{}", house.log());
    // The same of what leaves as a message: its id is the same, so the store knows it.
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    let forgotten =
        "UPDATE scheduled SET until = until - 86400000000 WHERE name IN ('report/alerts', 'report/numbers')";
    assert_eq!(sql(&house, forgotten).await, 2);
    house.start().await;
    house.settled().await;
    house.logged("a briefing or report was made").await;
    house.pass(TimeDelta::minutes(2)).await;
    assert_eq!((mails(&house, "Report numbers").len(), house.sim.inbox().posts.len()), (1, 3), "{}", house.log());
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["calls-2026-11-24T0700.csv"], "nothing half written is left");
    assert!(!house.log().contains("open-sesame"), "{}", house.log());
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
