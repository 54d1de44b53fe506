//! `shiftwatch sim`: the simulator alone, until it is told to stop.

use std::{future::Future, io::Write, net::IpAddr, path::PathBuf};

use chrono::TimeDelta;
use chrono_tz::Tz;
use clap::Args;
use serde::de::DeserializeOwned;

use super::{
    config::{Agency, Ports, SimConfig, SimError},
    running::Sim,
    script::Script,
    story::story,
    switches::Switches,
    world::seeded::{Habits, Seeding},
};
use crate::clock::Clock;

/// An agent that was started with the simulator has read everything once by then, and sees the story happen.
const STORY_AFTER_S: i64 = 30;

/// What `shiftwatch sim` is told.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  shiftwatch sim                                   a week of an agency; prints where it is and what to type
  shiftwatch sim --fast --flawless --seed 7        answers at once, and nobody calls out or comes late
  shiftwatch sim --story                           with a call-out, a no-show and an outage in the first two minutes
  shiftwatch sim --quiet --port 0                  an empty agency on free ports, for scripts")]
pub struct SimArgs {
    /// The seed: the same one gives the same people, week and mishaps
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many current clients
    #[arg(long, default_value_t = 200)]
    pub clients: usize,
    /// How many hired caregivers
    #[arg(long, default_value_t = 90)]
    pub caregivers: usize,
    /// The agency's zone
    #[arg(long, default_value = "America/Denver")]
    pub timezone: Tz,
    /// Start with an empty agency in which nothing happens but what it is told
    #[arg(long)]
    pub quiet: bool,
    /// Nobody calls out, comes late or forgets
    #[arg(long)]
    pub flawless: bool,
    /// Answer at once instead of after 0.5 to 0.9 s
    #[arg(long)]
    pub fast: bool,
    /// Plant this in front of every name, street, town and mail address
    #[arg(long, default_value = "")]
    pub marker: String,
    /// A JSON file with a script of incidents
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Play the demo's story beside everything else, from half a minute after the start
    #[arg(long, conflicts_with = "script")]
    pub story: bool,
    /// A JSON file with switches; what it leaves out keeps its default
    #[arg(long, value_name = "FILE")]
    pub switches: Option<PathBuf>,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub listen: IpAddr,
    /// The vendor's port; control, texts, mail, sink and RingCentral take the next five. 0 = any free ones
    #[arg(long, default_value_t = 9850)]
    pub port: u16,
}

/// Runs the simulator and prints where it is, until `stop` is done.
pub async fn run(
    args: &SimArgs,
    clock: Clock,
    out: &mut (impl Write + Send),
    stop: impl Future<Output = ()>,
) -> Result<(), SimError> {
    let sim = Sim::start(config(args, clock)?).await?;
    print(&sim, args, out)?;
    stop.await;
    writeln!(out, "\nStopped after {} requests.", sim.log().len())?;
    sim.shutdown();
    Ok(())
}

fn config(args: &SimArgs, clock: Clock) -> Result<SimConfig, SimError> {
    let mut switches = match &args.switches {
        Some(path) => {
            let patch: serde_json::Value = read("switches", path)?;
            Switches::vendor().patched(&patch).map_err(|source| SimError::File {
                what: "switches",
                path: path.display().to_string(),
                source: source.into(),
            })?
        }
        None => Switches::vendor(),
    };
    if args.fast {
        switches.latency = Switches::default().latency;
    }
    let script = match &args.script {
        Some(path) => read::<Script>("a script", path)?,
        None if args.story => {
            let now = clock.now();
            let begins_at = now + TimeDelta::seconds(STORY_AFTER_S);
            let mut script = story(begins_at).script.anchored(begins_at);
            // Its people and shifts are there from the start: a client list is not read every minute.
            for step in script.steps.iter_mut().filter(|step| step.beat.is_none()) {
                step.at = now.into();
            }
            script
        }
        None => Script::new(),
    };
    let agency = if args.quiet {
        Agency::Quiet
    } else {
        Agency::Seeded(Seeding {
            seed: args.seed,
            clients: args.clients,
            caregivers: args.caregivers,
            habits: if args.flawless { Habits::flawless() } else { Habits::default() },
            ..Seeding::default()
        })
    };
    let port = |n: u16| if args.port == 0 { 0 } else { args.port.saturating_add(n) };
    Ok(SimConfig {
        agency,
        marker: args.marker.clone(),
        switches,
        script,
        listen: args.listen,
        ports: Ports {
            wellsky: port(0),
            control: port(1),
            twilio: port(2),
            smtp: port(3),
            sink: port(4),
            ringcentral: port(5),
        },
        seed: args.seed,
        ..SimConfig::quiet(args.timezone, clock)
    })
}

fn read<T: DeserializeOwned>(what: &'static str, path: &PathBuf) -> Result<T, SimError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| SimError::File {
        what,
        path: path.display().to_string(),
        source,
    };
    let text = std::fs::read_to_string(path).map_err(|it| failed(it.into()))?;
    serde_json::from_str(&text).map_err(|it| failed(it.into()))
}

fn print(sim: &Sim, args: &SimArgs, out: &mut impl Write) -> Result<(), SimError> {
    let (account, token) = sim.twilio(|it| (it.account_sid.clone(), it.auth_token.clone()));
    let (people, agency) = sim.world(|it| (it.patients().count(), it.agency().to_owned()));
    let (base, control, smtp) = (sim.base_url(), sim.control_url(), sim.smtp_addr());
    writeln!(out, "A simulated agency (seed {}, {people} records, {}).", args.seed, args.timezone)?;
    writeln!(out)?;
    writeln!(out, "  WellSky   {base}")?;
    writeln!(out, "  texts     {}   (Twilio account {account}, token {token})", sim.twilio_url())?;
    writeln!(out, "  mail      {smtp}   (no TLS)")?;
    writeln!(out, "  sink      {}   (webhooks, heartbeats)", sim.sink_url())?;
    writeln!(out, "  control   {control}/_sim/")?;
    writeln!(out)?;
    writeln!(out, "To watch it:")?;
    writeln!(out)?;
    writeln!(out, "  export WELLSKY_BASE_URL={base}")?;
    writeln!(out, "  export WELLSKY_CLIENT_ID=sim WELLSKY_CLIENT_SECRET=sim WELLSKY_AGENCY_ID={agency}")?;
    writeln!(out, "  export SHIFTWATCH_TIMEZONE={}", args.timezone)?;
    writeln!(out, "  shiftwatch run")?;
    writeln!(out)?;
    writeln!(out, "To make trouble:")?;
    writeln!(out)?;
    writeln!(
        out,
        "  curl -X PATCH {control}/_sim/switches -d '{{\"500_html\": [\"*\"]}}'      # an outage; [] ends it"
    )?;
    writeln!(out, "  curl -X PATCH {control}/_sim/switches -d '{{\"all_empty\": true}}'")?;
    writeln!(out, "  curl {control}/_sim/world                                         # ids of open shifts")?;
    writeln!(
        out,
        "  curl -X POST {control}/_sim/incident -d '{{\"do\": \"unassign\", \"shift\": {{\"id\": \"90010001\"}}}}'"
    )?;
    writeln!(out, "  curl {control}/_sim/inbox                                         # what people were sent")?;
    out.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::sim::{Incident, script::When};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SimArgs,
    }

    #[test]
    fn the_storys_people_are_there_at_once_and_its_trouble_comes_later() {
        let now: crate::model::Instant = "2026-11-24T17:00:00Z".parse().expect("an instant");
        let line = Line::try_parse_from(["sim", "--story", "--clients", "3"]).expect("arguments");
        let steps = config(&line.args, Clock::manual(now)).expect("a configuration").script.steps;
        let at = |wanted: fn(&Incident) -> bool| -> Vec<When> {
            steps.iter().filter(|step| wanted(&step.incident)).map(|step| step.at).collect()
        };
        assert_eq!(at(|it| matches!(it, Incident::AddShift { .. })), [When::At(now), When::At(now)]);
        let call_out = at(|it| matches!(it, Incident::Unassign { .. }));
        assert_eq!(call_out, [When::At(now + TimeDelta::seconds(STORY_AFTER_S + 5))]);
        assert!(Line::try_parse_from(["sim", "--story", "--script", "a.json"]).is_err(), "one or the other");
    }
}
