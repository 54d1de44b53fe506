//! The real binary against the simulated vendor, gateways and inbox.
//!
//! A [`House`] is a quiet agency of two clients, the configuration of a small office, and a running agent as a child
//! process. Both live by a drill clock that runs [`SPEED`] times as fast as the machine's. A test waits for states and
//! for instants of that clock, and closes with [`House::close`], which holds everything that was asked of the vendor
//! against the contract and everything that was told against what the test saw.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use chrono_tz::{America::Denver, Tz};
use serde_json::Value;
use shiftwatch::{
    clock::Clock,
    model::Instant,
    sim::{Appointment, Conduct, Mail, Sim, SimConfig, Switches, Text, World, request_log},
};

/// How many of the agent's seconds pass in one real second.
pub const SPEED: u32 = 20;
/// Real time after which a state that should have come is not coming.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Requests in any one second that the configuration allows.
const PER_SECOND: usize = 10;

pub const AVERY: &str = "7000101";
pub const BLAKE: &str = "7000102";
pub const CASEY: &str = "8000201";
/// Avery's shift, in three hours, with Casey.
pub const SHIFT: &str = "90010001";
/// Blake's shift, in three hours, with Casey; it stays as it is, so that an empty answer for Avery alone is believed.
pub const ANCHOR: &str = "90010002";
pub const LEAD: &str = "lead@example.com";
pub const TECH: &str = "tech@example.com";

/// An instant as written.
pub fn at(text: &str) -> Instant {
    text.parse().expect("an instant")
}

pub const fn seconds(n: i64) -> TimeDelta {
    TimeDelta::seconds(n)
}

/// What differs from the usual house.
pub struct Plan {
    /// Where the clock begins.
    pub begins_at: Instant,
    pub switches: Switches,
    /// More rules, in place of the usual ones.
    pub rules: &'static str,
    /// Lines of the agency's `wellsky:`.
    pub wellsky: &'static str,
    /// The longest wait between two notices of a group that did not change.
    pub repeat: &'static str,
    /// People, policies, route and receivers, in place of the usual ones.
    pub telling: &'static str,
    /// Where phones and gateways find us; empty = nowhere.
    pub external_url: &'static str,
    /// Changes the world before anybody looks.
    pub world: fn(&mut World, Instant),
    /// How many of the agent's seconds pass in one real second.
    pub speed: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            begins_at: at("2026-11-24T17:00:00Z"),
            switches: Switches::default(),
            rules: RULES,
            wellsky: "",
            repeat: "4h",
            telling: "",
            external_url: "",
            world: |_, _| {},
            speed: SPEED,
        }
    }
}

pub const RULES: &str = r"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 4h }, labels: { severity: page } }
      - { alert: MissedCheckIn, missed_check_in: { after: 20s }, labels: { severity: page } }
      - { alert: MissedCheckOut, missed_check_out: { after: 20s }, labels: { severity: page } }
      - { alert: Blind, blind: { after: 20s, idle: 2m }, labels: { severity: page } }
      - { alert: SourceAnomaly, source_anomaly: {}, labels: { severity: warning, team: tech } }
";

pub struct House {
    pub sim: Sim,
    agent: Option<Child>,
    folder: tempfile::TempDir,
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
    http: reqwest::Client,
    pub detect_within_s: i64,
    texts_seen: usize,
    mails_seen: usize,
    speed: u32,
}

impl House {
    /// Starts everything and waits until the agent has seen everything once.
    pub async fn open(plan: Plan) -> Self {
        let mut house = Self::unwatched(plan).await;
        house.start().await;
        house.settled().await;
        house
    }

    /// Everything but the agent.
    pub async fn unwatched(plan: Plan) -> Self {
        let zone: Tz = Denver;
        let clock = Clock::drill(plan.begins_at, plan.speed);
        let config = SimConfig { switches: plan.switches.clone(), ..SimConfig::quiet(zone, clock) };
        let sim = Sim::start(config).await.expect("a simulator");
        sim.world(|world| {
            for client in [AVERY, BLAKE] {
                world.add_client(client);
            }
            for caregiver in [CASEY, "8000202"] {
                world.add_caregiver(caregiver);
            }
            let start = plan.begins_at + TimeDelta::hours(3);
            world.add_shift(Appointment::hours(SHIFT, AVERY, start, 4).with(CASEY).who(Conduct::punctual()));
            world.add_shift(Appointment::hours(ANCHOR, BLAKE, start, 4).with("8000202").who(Conduct::punctual()));
            (plan.world)(world, plan.begins_at);
        });
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("rules.yml"), plan.rules).expect("rules are written");
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client");
        let house = Self {
            sim,
            agent: None,
            folder,
            url: String::new(),
            log: Arc::default(),
            http,
            detect_within_s: 20,
            texts_seen: 0,
            mails_seen: 0,
            speed: plan.speed,
        };
        std::fs::write(house.config_file(), house.configuration(&plan)).expect("a configuration is written");
        house
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("shiftwatch.yml")
    }

    fn configuration(&self, plan: &Plan) -> String {
        let usual = format!(
            r#"route:
  receiver: on-call
  group_by: [agency, shift]
  group_wait: 2s
  group_interval: 5s
  repeat_interval: {repeat}
  routes:
    - {{ matchers: ['team="tech"'], receiver: tech, group_by: [agency] }}
receivers:
  - {{ name: tech, email_configs: [ {{ to: {TECH} }} ] }}
  - {{ name: on-call, sms_configs: [ {{ to: "+12025550111" }} ], email_configs: [ {{ to: {LEAD} }} ] }}
"#,
            repeat = plan.repeat,
        );
        let telling = if plan.telling.is_empty() { &usual } else { plan.telling };
        let external = match plan.external_url {
            "" => String::new(),
            url => format!(", external_url: {url}"),
        };
        let (sid, token) = self.sim.twilio(|gateway| (gateway.account_sid.clone(), gateway.auth_token.clone()));
        format!(
            r#"agencies:
  - name: main
    title: CCA
    timezone: America/Denver
    hours: {{ reread_days: 0 }}
    wellsky:
      base_url: {base_url}
      agency_id: "9999"
      client_id: example-client
      client_secret: example-secret
      detect_within: {detect}s
      requests_per_second: {PER_SECOND}
      confirm_timeout: 60s
{wellsky}
rule_files: [rules.yml]
store: sqlite:shiftwatch.db
web: {{ listen: "127.0.0.1:0"{external} }}
global: {{ smtp_smarthost: "{smtp}", smtp_from: watch@example.com, smtp_require_tls: false, resolve_timeout: 1m }}
sms_gateways:
  - {{ name: twilio, twilio: {{ base_url: "{twilio}", account_sid: {sid}, auth_token: {token}, from: "+12025550100" }} }}
{telling}"#,
            base_url = self.sim.base_url(),
            detect = self.detect_within_s,
            wellsky = plan.wellsky,
            smtp = self.sim.smtp_addr(),
            twilio = self.sim.twilio_url(),
            telling = telling,
            external = external,
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command
            .arg("--config")
            .arg(self.config_file())
            .args(["--log-format", "json", "run"])
            .env("SHIFTWATCH_CLOCK", format!("{},speed={}", self.now().to_rfc3339(), self.speed))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    /// Starts the agent on the store there is, and learns its address from its log.
    pub async fn start(&mut self) {
        let mut child = self.command().spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("its log");
        let log = Arc::new(Mutex::new(Vec::new()));
        self.log = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                log.lock().expect("the log").push(line);
            }
        });
        self.agent = Some(child);
        let log = Arc::clone(&self.log);
        let address = move || {
            let log = log.lock().expect("the log");
            log.iter().find_map(|line| serde_json::from_str::<Value>(line).ok()?["address"].as_str().map(str::to_owned))
        };
        let listens = self.sim.until(PATIENCE, |_| address().is_some()).await;
        assert!(listens, "the agent does not listen: {}", self.log());
        self.url = format!("http://{}", address().expect("just seen"));
    }

    /// Waits until the agent has judged everything once and the vendor's answers are known.
    pub async fn settled(&self) {
        for _ in 0..600 {
            let metrics = self.metrics().await;
            let known = metrics.lines().any(|line| line.starts_with("shiftwatch_uncovered_shifts{"));
            if known && value(&metrics, "shiftwatch_catching_up").is_none_or(|n| n < 0.5) {
                return;
            }
            self.moment().await;
        }
        panic!("the agent did not finish its first look: {}", self.log());
    }

    /// A short while on the agent's clock.
    async fn moment(&self) {
        self.pass(seconds(1)).await;
    }

    /// Waits until the agent's clock is so much further.
    pub async fn pass(&self, span: TimeDelta) {
        let until = self.now() + span;
        assert!(self.sim.until(PATIENCE, |sim| sim.clock().now() >= until).await, "the clock stands");
    }

    /// Waits long enough for anything wrong to show: two reading intervals, the confirming read, and the waits of a group.
    pub async fn long_enough(&self) {
        self.pass(seconds(2 * self.detect_within_s + 20)).await;
    }

    pub fn now(&self) -> Instant {
        self.sim.clock().now()
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("the log").join("\n")
    }

    /// Waits for a line of the agent's log.
    pub async fn logged(&self, what: &str) {
        let log = Arc::clone(&self.log);
        let seen = self.sim.until(PATIENCE, |_| log.lock().expect("the log").iter().any(|line| line.contains(what)));
        assert!(seen.await, "nothing was logged about {what:?}: {}", self.log());
    }

    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.1
    }

    /// Waits until a family's samples add up to this.
    pub async fn shows(&self, family: &str, wanted: f64) {
        let mut shown = None;
        for _ in 0..600 {
            shown = value(&self.metrics().await, family);
            if shown.is_some_and(|shown| (shown - wanted).abs() < f64::EPSILON) {
                return;
            }
            self.moment().await;
        }
        panic!("{family} is {shown:?}, not {wanted}: {}", self.log());
    }

    /// Waits until the family is above zero.
    pub async fn counts(&self, family: &str) {
        let mut shown = None;
        for _ in 0..600 {
            shown = value(&self.metrics().await, family);
            if shown.is_some_and(|shown| shown > 0.0) {
                return;
            }
            self.moment().await;
        }
        panic!("{family} is {shown:?}, not above zero: {}", self.log());
    }

    /// Waits until the family is not there: unknown.
    pub async fn hides(&self, family: &str) {
        let mut shown = None;
        for _ in 0..600 {
            shown = value(&self.metrics().await, family);
            if shown.is_none() {
                return;
            }
            self.moment().await;
        }
        panic!("{family} is {shown:?}, and nobody can know that: {}", self.log());
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let answer = self.http.post(format!("{}{path}", self.url)).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// Sends a form, and follows where the answer leads.
    pub async fn post_form(&self, path: &str, form: &[(String, String)], headers: &[(&str, &str)]) -> (u16, String) {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    /// The mails to the same people as the texts.
    fn lead_mails(&self) -> Vec<Mail> {
        self.sim.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to == LEAD)).collect()
    }

    /// Mails to the technical contact.
    pub fn tech_mails(&self) -> Vec<Mail> {
        self.sim.mails().into_iter().filter(|mail| mail.to.iter().any(|to| to == TECH)).collect()
    }

    /// Waits for the next text and the mail beside it; gives the text's words.
    pub async fn told(&mut self) -> String {
        let (texts, mails) = (self.texts_seen + 1, self.mails_seen + 1);
        let came = self.sim.until(PATIENCE, |sim| {
            let lead = sim.mails().iter().filter(|mail| mail.to.iter().any(|to| to == LEAD)).count();
            sim.texts().len() >= texts && lead >= mails
        });
        assert!(came.await, "nobody was told; so far {:?}\n{}", self.bodies(), self.log());
        (self.texts_seen, self.mails_seen) = (texts, mails);
        let said: Vec<Text> = self.sim.texts();
        let body = said[texts - 1].body.clone();
        assert!(body.len() <= 160, "{body:?} is longer than one text");
        body
    }

    /// As [`Self::told`], with these words in it.
    pub async fn told_of(&mut self, words: &[&str]) -> String {
        let said = self.told().await;
        for word in words {
            assert!(said.contains(word), "{said:?} lacks {word:?}");
        }
        said
    }

    fn bodies(&self) -> Vec<String> {
        self.sim.texts().into_iter().map(|text| text.body).collect()
    }

    /// Nobody was told anything but what the test has seen.
    pub fn nobody_else_was_told(&self) {
        let mails: Vec<String> = self.lead_mails().iter().map(Mail::subject).collect();
        assert_eq!(self.sim.texts().len(), self.texts_seen, "stray texts: {:?}\n{}", self.bodies(), self.log());
        assert_eq!(mails.len(), self.mails_seen, "stray mails: {mails:?}\n{}", self.log());
    }

    /// What was asked of the vendor keeps the contract.
    pub fn vendor_was_asked_rightly(&self) {
        self.sim.read_log(|log| {
            assert!(request_log::outside_read_set(log).is_empty(), "{:?}", request_log::outside_read_set(log));
            assert!(
                request_log::first_reads_with_page(log).is_empty(),
                "{:?}",
                request_log::first_reads_with_page(log)
            );
            assert!(request_log::wrong_slashes(log).is_empty(), "{:?}", request_log::wrong_slashes(log));
            assert!(request_log::queries_on_id_reads(log).is_empty(), "{:?}", request_log::queries_on_id_reads(log));
            assert!(request_log::caregiver_fan_out(log).is_empty(), "{:?}", request_log::caregiver_fan_out(log));
            let most = request_log::most_within(log, Duration::from_secs(1));
            assert!(most <= PER_SECOND, "{most} requests within a second");
        });
    }

    /// Ends the agent as a power failure would.
    pub fn kill(&mut self) {
        let mut agent = self.agent.take().expect("a running agent");
        agent.kill().expect("kill");
        agent.wait().expect("its end");
    }

    /// Asks the agent to end and waits until it has; gives its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        let mut agent = self.agent.take().expect("a running agent");
        let sent = Command::new("kill").args(["-TERM", &agent.id().to_string()]).status().expect("kill");
        assert!(sent.success(), "the agent was gone already: {}", self.log());
        for _ in 0..1000 {
            if let Some(status) = agent.try_wait().expect("its status") {
                return status.code();
            }
            self.moment().await;
        }
        self.agent = Some(agent);
        panic!("the agent does not stop: {}", self.log());
    }

    /// The end of a test: nothing stray, nothing outside the contract, and a clean exit.
    pub async fn close(mut self) {
        self.long_enough().await;
        self.nobody_else_was_told();
        self.vendor_was_asked_rightly();
        assert_eq!(self.stop().await, Some(0), "{}", self.log());
        assert!(!self.log().contains("panicked"), "{}", self.log());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }
}

/// The sum of a family's samples; `None` when there is none.
pub fn value(metrics: &str, family: &str) -> Option<f64> {
    let samples = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(family)?;
        (rest.starts_with('{') || rest.starts_with(' ')).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    let samples: Vec<f64> = samples.collect();
    (!samples.is_empty()).then(|| samples.iter().sum())
}
