//! `demo`: a simulated agency, gateways and inbox around the real pipeline, told as it happens.
//!
//! The agent runs from a configuration file that the demo writes, reads the simulator over HTTP, sends by SMTP and HTTP
//! to the simulator's inbox, and cannot tell the difference. The demo only watches both and says what it sees.

use std::{collections::BTreeSet, fmt::Write as _, future::Future, io::Write, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::sync::oneshot;

use super::{Exit, dispatch::either};
use crate::{
    app::{self, Launch, LoadConfig},
    cli::Demo,
    clock::{self, Clock},
    config::Config,
    lifecycle::wait,
    model::Instant,
    sim::{self, Sim, SimConfig, story::BEATS},
};

/// The agency's zone.
const ZONE: chrono_tz::Tz = chrono_tz::America::Denver;
/// Where the demo's texts go; invented.
const NIGHT_PHONE: &str = "+12025550111";
/// How long one answer of the simulated API takes, so that it feels like the real one and yet reads quickly.
const LATENCY_MS: u64 = 60;

/// Runs until `stop`, or for `--duration`.
pub async fn run(args: &Demo, out: &mut impl Write, stop: impl Future<Output = ()>) -> anyhow::Result<Exit> {
    let begins_at = sim::story::begins_at(clock::real_now());
    let clock = Clock::drill(begins_at, 1);
    let tale = sim::story::story(begins_at);
    let mut config =
        SimConfig::seeded(ZONE, clock.clone(), args.seed).with_habits(sim::Habits::flawless()).following(tale.script);
    config.switches.latency = sim::switches::PerEndpoint::all(sim::switches::Latency::FixedMs(LATENCY_MS));
    let sim = Sim::start(config).await.context("starting the simulated agency")?;

    let folder = std::env::temp_dir().join(format!("shiftwatch-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("making the demo's folder {}", folder.display()))?;
    let file = folder.join("shiftwatch.yml");
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

    writeln!(
        out,
        "shiftwatch demo: 200 clients, 90 caregivers, all invented. The agency's clock says {}.",
        local(begins_at)
    )?;
    writeln!(out, "Status page  http://{address}/        metrics  http://{address}/metrics")?;
    writeln!(out, "Ask it       shiftwatch status --url http://{address}    shiftwatch alerts --url http://{address}")?;
    writeln!(out, "Its configuration and store are in {}\n", folder.display())?;

    let length = args.duration;
    let deadline = async {
        match length {
            Some(length) => wait(length).await,
            None => std::future::pending().await,
        }
    };
    let mut teller = Teller::new(begins_at);
    let mut done = std::pin::pin!(either(stop, deadline));
    loop {
        tokio::select! {
            () = &mut done => break,
            ended = &mut agent => return ended.context("the agent ended by itself").map(|()| Exit::Failed),
            () = wait(Duration::from_millis(200)) => teller.tell(&sim, clock.now(), out)?,
        }
    }
    let _ = end.send(());
    agent.await.context("the agent failed")?;
    teller.tell(&sim, clock.now(), out)?;
    writeln!(out, "\n{}", teller.summary(&sim))?;
    sim.shutdown();
    if let Err(fault) = std::fs::remove_dir_all(&folder) {
        writeln!(out, "The demo's folder {} could not be removed: {fault}", folder.display())?;
    }
    Ok(Exit::Done)
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

/// Says what happened, each thing once.
struct Teller {
    began_at: Instant,
    really_began_at: Instant,
    beats: BTreeSet<String>,
    n_texts: usize,
    n_mails: usize,
}

impl Teller {
    fn new(began_at: Instant) -> Self {
        Self { began_at, really_began_at: clock::real_now(), beats: BTreeSet::new(), n_texts: 0, n_mails: 0 }
    }

    fn tell(&mut self, sim: &Sim, now: Instant, out: &mut impl Write) -> std::io::Result<()> {
        for beat in BEATS {
            if self.began_at + TimeDelta::seconds(beat.at_s) <= now && self.beats.insert(beat.name.to_owned()) {
                writeln!(out, "{}  {}", local(self.began_at + TimeDelta::seconds(beat.at_s)), beat.says)?;
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
        }
        self.n_mails = inbox.mails.len();
        out.flush()
    }

    fn summary(&self, sim: &Sim) -> String {
        let log = sim.log();
        let outside = sim::request_log::outside_read_set(&log).len();
        format!(
            "The demo ran {}: {} requests to the simulated API ({outside} of them outside the read set), {} texts, {} mails.",
            crate::config::duration::format(
                (clock::real_now() - self.really_began_at)
                    .to_std()
                    .map_or(Duration::ZERO, |ran| Duration::from_secs(ran.as_secs()))
            ),
            log.len(),
            self.n_texts,
            self.n_mails
        )
    }
}
