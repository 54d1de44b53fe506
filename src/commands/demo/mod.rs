//! `demo`: a simulated agency, gateways and inbox around the real pipeline, told as it happens.
//!
//! The agent runs from a configuration file that the demo writes, reads the simulator over HTTP, sends by SMTP and HTTP
//! to the simulator's inbox, and cannot tell the difference. The demo only watches both, says what it sees, and texts back
//! as its people would.

mod configuration;
mod people;
mod teller;

use std::{future::Future, io::Write, net::TcpListener, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::sync::oneshot;

use self::{configuration::configuration, people::People, teller::Teller};
use super::{Exit, agent::Agent, dispatch::either};
use crate::{
    app::{self, Launch, LoadConfig},
    cli::Demo,
    clock::{self, Clock},
    config::Config,
    lifecycle::wait,
    model::Instant,
    sim::{self, Sim, SimConfig},
    view::report::AlertReport,
};

/// The agency's zone.
const ZONE: chrono_tz::Tz = chrono_tz::America::Denver;
/// How long one answer of the simulated API takes, so that it feels like the real one and yet reads quickly.
const LATENCY_MS: u64 = 60;

/// The shipped rules, as files of the demo's folder.
const RULES: [(&str, &str); 3] = [
    ("coverage.yml", include_str!("../../../rules/coverage.yml")),
    ("visits.yml", include_str!("../../../rules/visits.yml")),
    ("api.yml", include_str!("../../../rules/api.yml")),
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
    // Texts have links and the gateway tells of replies, so where it listens is known before it does.
    let listen = match args.listen {
        Some(listen) => listen,
        None => {
            TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).context("looking for a free port")?
        }
    };
    sim.twilio(|gateway| gateway.inbound_url = format!("http://{listen}/hooks/twilio"));
    std::fs::write(&file, configuration(&sim, listen)).with_context(|| format!("writing {}", file.display()))?;

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
    let mut people = People::default();
    let mut done = std::pin::pin!(either(stop, deadline));
    loop {
        tokio::select! {
            () = &mut done => break,
            ended = &mut agent => return ended.context("the agent ended by itself").map(|()| Exit::Failed),
            () = wait(Duration::from_millis(200)) => {
                let now = clock.now();
                let said = people.hear(&sim.texts(), now);
                for reply in &said {
                    sim.receive_text(reply.phone, people::GATEWAY, &reply.text);
                }
                teller.tell(&sim, now, out)?;
            }
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
