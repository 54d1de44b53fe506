//! `demo`: a simulated agency, gateways and inbox around the real pipeline, told as it happens.
//!
//! The agent runs from a configuration file that the demo writes, reads the simulator over HTTP, sends by SMTP and HTTP
//! to the simulator's inbox, and cannot tell the difference. The demo only watches both and says what it sees.

use std::{
    collections::BTreeSet, fmt::Write as _, future::Future, io::Write, path::PathBuf, sync::Arc, time::Duration,
};

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::sync::oneshot;

use super::{Exit, agent::Agent, dispatch::either};
use crate::{
    app::{self, Launch, LoadConfig},
    cli::Demo,
    clock::{self, Clock},
    config::Config,
    lifecycle::wait,
    model::Instant,
    sim::{self, Sim, SimConfig, story::BEATS},
    view::report::AlertReport,
};

/// The agency's zone.
const ZONE: chrono_tz::Tz = chrono_tz::America::Denver;
/// Where the demo's texts go; invented.
const NIGHT_PHONE: &str = "+12025550111";
/// How long one answer of the simulated API takes, so that it feels like the real one and yet reads quickly.
const LATENCY_MS: u64 = 60;

/// The shipped rules, as files of the demo's folder.
const RULES: [(&str, &str); 3] = [
    ("coverage.yml", include_str!("../../rules/coverage.yml")),
    ("visits.yml", include_str!("../../rules/visits.yml")),
    ("api.yml", include_str!("../../rules/api.yml")),
];
const BLIND_AS_SHIPPED: &str = "blind: { after: 10m, idle: 1h }";
/// An outage of the demo is over before the shipped rule would wake anybody.
const BLIND: &str = "blind: { after: 15s, idle: 1h }";

/// Runs until `stop`, or for `--duration`.
pub async fn run(args: &Demo, out: &mut impl Write, stop: impl Future<Output = ()>) -> anyhow::Result<Exit> {
    let begins_at = sim::story::begins_at(clock::real_now());
    let clock = Clock::drill(begins_at, 1);
    let tale = sim::story::story(begins_at);
    let mut config =
        SimConfig::seeded(ZONE, clock.clone(), args.seed).with_habits(sim::Habits::flawless()).following(tale.script);
    config.switches.latency = sim::switches::PerEndpoint::all(sim::switches::Latency::FixedMs(LATENCY_MS));
    let sim = Sim::start(config).await.context("starting the simulated agency")?;

    let folder = Folder::make()?;
    let file = folder.0.join("shiftwatch.yml");
    for (name, text) in RULES {
        let path = folder.0.join(name);
        std::fs::write(&path, text.replace(BLIND_AS_SHIPPED, BLIND))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let listen = args.listen.map_or_else(|| "127.0.0.1:0".to_owned(), |listen| listen.to_string());
    std::fs::write(&file, configuration(&sim, &listen)).with_context(|| format!("writing {}", file.display()))?;

    let load: LoadConfig = {
        let file = file.clone();
        Arc::new(move || Config::load(Some(&file), &|_| None))
    };
    let (config, _) = load().map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the demo's own configuration does not load: {}", lines.join("; "))
    })?;
    let (listening, listens) = oneshot::channel();
    let (end, ended) = oneshot::channel::<()>();
    let launch =
        Launch { config, load, clock: clock.clone(), seed: args.seed, listening: Some(listening), hangups: false };
    let mut agent = std::pin::pin!(app::run(launch, async {
        let _ = ended.await;
    }));
    let address = tokio::select! {
        ended = &mut agent => return ended.context("the agent ended at once").map(|()| Exit::Failed),
        address = listens => address.context("the agent did not say where it listens")?,
    };

    let seeded = sim::Seeding::default();
    writeln!(
        out,
        "shiftwatch demo: {} clients, {} caregivers, all invented.",
        seeded.clients + sim::story::CLIENTS,
        seeded.caregivers + sim::story::CAREGIVERS
    )?;
    writeln!(out, "The agency's clock says {} ({}).\n", local(begins_at), ZONE.name())?;
    writeln!(out, "The board    http://{address}/")?;
    writeln!(out, "Metrics      http://{address}/metrics")?;
    writeln!(out, "Ask it       shiftwatch status --url http://{address}")?;
    writeln!(out, "             shiftwatch alerts --url http://{address}")?;
    writeln!(out, "Its folder   {} (removed at the end)\n", folder.0.display())?;

    let length = args.duration;
    let deadline = async {
        match length {
            Some(length) => wait(length).await,
            None => std::future::pending().await,
        }
    };
    let due = tale.no_show.start.map_or_else(String::new, |due| due.with_timezone(&ZONE).format("%H:%M").to_string());
    let mut teller = Teller::new(begins_at, due);
    let mut done = std::pin::pin!(either(stop, deadline));
    loop {
        tokio::select! {
            () = &mut done => break,
            ended = &mut agent => return ended.context("the agent ended by itself").map(|()| Exit::Failed),
            () = wait(Duration::from_millis(200)) => teller.tell(&sim, clock.now(), out)?,
        }
    }
    // What is still open only the running agent knows; it goes on meanwhile.
    let asked = Agent::find(Some(&address.to_string()), None)?;
    let open = tokio::select! {
        open = asked.get::<Vec<AlertReport>>("/api/v1/alerts") => open.unwrap_or_default(),
        ended = &mut agent => return ended.context("the agent ended by itself").map(|()| Exit::Failed),
    };
    let _ = end.send(());
    agent.await.context("the agent failed")?;
    teller.tell(&sim, clock.now(), out)?;
    writeln!(out, "\n{}", teller.summary(&sim, &open))?;
    sim.shutdown();
    Ok(Exit::Done)
}

/// The demo's folder: gone when the demo is, however it ends.
struct Folder(PathBuf);

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("shiftwatch-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("making the demo's folder {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in a folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn local(at: Instant) -> String {
    at.with_timezone(&ZONE).format("%a %H:%M:%S").to_string()
}

/// A configuration as a small agency would write it, with everything on loopback and short waits.
fn configuration(sim: &Sim, listen: &str) -> String {
    let mut text = String::new();
    let (sid, token) = sim.twilio(|gateway| (gateway.account_sid.clone(), gateway.auth_token.clone()));
    let _ = write!(
        text,
        r#"agencies:
  - name: main
    title: CCA
    timezone: {zone}
    locations: [ {{ id: "501", name: north }}, {{ id: "502", name: south }} ]
    wellsky:
      base_url: {base_url}
      agency_id: "9999"
      client_id: example-client
      client_secret: example-secret
      detect_within: 15s
      requests_per_second: 10
      confirm_timeout: 10s
rule_files: [ coverage.yml, visits.yml, api.yml ]
store: sqlite:shiftwatch.db
web: {{ listen: "{listen}" }}
global: {{ smtp_smarthost: "{smtp}", smtp_from: watch@example.com, smtp_require_tls: false }}
sms_gateways:
  - name: twilio
    twilio: {{ base_url: "{twilio}", account_sid: {sid}, auth_token: {token}, from: "+12025550100" }}
route:
  receiver: office
  group_by: [agency, location]
  group_wait: 5s
  group_interval: 10s
  repeat_interval: 4h
  routes:
    - {{ matchers: ['severity=~"page|critical"'], receiver: on-call, group_by: [agency, shift], group_wait: 2s, group_interval: 5s }}
    - {{ matchers: ['team="tech"'], receiver: tech }}
    - {{ matchers: ['severity="info"'], receiver: nobody }}
receivers:
  - {{ name: nobody }}
  - {{ name: office, email_configs: [ {{ to: office@example.com }} ] }}
  - {{ name: tech, email_configs: [ {{ to: tech@example.com }} ] }}
  - {{ name: on-call, sms_configs: [ {{ to: "{NIGHT_PHONE}" }} ], email_configs: [ {{ to: lead@example.com }} ] }}
"#,
        zone = ZONE.name(),
        base_url = sim.base_url(),
        smtp = sim.smtp_addr(),
        twilio = sim.twilio_url(),
    );
    text
}

/// The action that a mail asks for, from its plain part.
fn action(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("  Do: ")).map(str::trim)
}

/// Says what happened, each thing once.
struct Teller {
    due: String,
    began_at: Instant,
    really_began_at: Instant,
    beats: BTreeSet<String>,
    n_texts: usize,
    n_mails: usize,
}

impl Teller {
    fn new(began_at: Instant, due: String) -> Self {
        Self { due, began_at, really_began_at: clock::real_now(), beats: BTreeSet::new(), n_texts: 0, n_mails: 0 }
    }

    fn tell(&mut self, sim: &Sim, now: Instant, out: &mut impl Write) -> std::io::Result<()> {
        for beat in BEATS {
            if self.began_at + TimeDelta::seconds(beat.at_s) <= now && self.beats.insert(beat.name.to_owned()) {
                let says = beat.says.replace("{due}", &self.due);
                writeln!(out, "{}  {says}", local(self.began_at + TimeDelta::seconds(beat.at_s)))?;
            }
        }
        let inbox = sim.inbox();
        for text in inbox.texts.iter().skip(self.n_texts) {
            writeln!(out, "{}    SMS to night-1:  {}", local(now), text.body)?;
        }
        self.n_texts = inbox.texts.len();
        for mail in inbox.mails.iter().skip(self.n_mails) {
            let to = mail.to.join(", ");
            writeln!(out, "{}    mail to {to}:  {}", local(now), mail.subject())?;
            if let Some(action) = action(&mail.text()) {
                writeln!(out, "                  {action}")?;
            }
        }
        self.n_mails = inbox.mails.len();
        out.flush()
    }

    fn summary(&self, sim: &Sim, open: &[AlertReport]) -> String {
        let log = sim.log();
        let ran = (clock::real_now() - self.really_began_at).to_std().unwrap_or_default();
        let texts = sim.inbox().texts;
        let shifts = |closed: bool| {
            let bodies = texts.iter().map(|text| text.body.as_str()).filter(|body| body.contains("CLOSED:") == closed);
            let ids = bodies.filter_map(|body| body.split("Shift ").nth(1)?.split(['.', ' ']).next());
            ids.collect::<BTreeSet<_>>().len()
        };
        let outages = texts.iter().filter(|text| text.body.contains("CAN'T SEE WellSky since")).count();
        let names: BTreeSet<&str> = open
            .iter()
            .filter(|alert| alert.state == "firing" && alert.inhibited_by.is_empty() && alert.severity != "info")
            .map(|alert| alert.alertname.as_str())
            .collect();
        let still_open = match names.len() {
            0 => "nothing still open".to_owned(),
            n => format!("{} still open ({})", count(n, "alert"), Vec::from_iter(names).join(", ")),
        };
        let written = match sim::request_log::outside_read_set(&log).len() {
            0 => "nothing written to WellSky".to_owned(),
            n => format!("{n} of them outside the read set"),
        };
        format!(
            "Ran {}: {} in trouble and {} told, {} closed, {still_open}.\n{}, {}; {}, {written}.",
            crate::config::duration::format(Duration::from_secs(ran.as_secs())),
            count(shifts(false), "shift"),
            count(outages, "outage"),
            count(shifts(true), "shift"),
            count(self.n_texts, "text"),
            count(self.n_mails, "mail"),
            count(log.len(), "read"),
        )
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_blind_within_its_two_minutes_and_nothing_else_is_changed() {
        let changed: Vec<&str> =
            RULES.iter().filter(|(_, text)| text.contains(BLIND_AS_SHIPPED)).map(|(name, _)| *name).collect();
        assert_eq!(changed, ["api.yml"]);
    }
}
