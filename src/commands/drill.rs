//! `drill`: pages a person, or by a policy, with a page marked as a trial, and says how long it took until somebody had it.

use std::{
    io::{self, Write},
    time::{Duration, Instant as Stopwatch},
};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json},
};
use crate::{
    http::{DrillAnswer, DrillBody, DrillState},
    lifecycle::wait,
    notify::voice::length,
};

/// How often the agent is asked how it stands.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Begins a trial and waits for an answer, `timeout` at most.
pub async fn run(
    agent: &Agent,
    who: &str,
    timeout: Duration,
    output: Output,
    out: &mut impl Write,
) -> io::Result<Exit> {
    let body = DrillBody { who: who.to_owned() };
    let mut stands: DrillAnswer = match agent.post("/api/v1/drill", &body).await {
        Ok(stands) => stands,
        Err(error) => {
            writeln!(io::stderr(), "drill: {error}")?;
            return Ok(Exit::Failed);
        }
    };
    let talks = output == Output::Table;
    let began = Stopwatch::now();
    let mut n_said = 0;
    loop {
        for told in stands.told.iter().skip(n_said).filter(|_| talks) {
            writeln!(out, "told {} by {}", told.person, told.by)?;
            out.flush()?;
        }
        n_said = n_said.max(stands.told.len());
        if stands.state != DrillState::Waiting || began.elapsed() >= timeout {
            break;
        }
        wait(ASK_EVERY).await;
        match agent.get(&format!("/api/v1/drill/{}", stands.id)).await {
            Ok(now) => stands = now,
            // It may be restarting; the trial is stored.
            Err(error) if began.elapsed() + ASK_EVERY >= timeout => {
                writeln!(io::stderr(), "drill: {error}")?;
                return Ok(Exit::Failed);
            }
            Err(_) => {}
        }
    }
    let took = stands.acknowledged_at.zip(stands.opened_at).map(|(acknowledged, opened)| acknowledged - opened);
    match output {
        Output::Json => write!(out, "{}", json(&stands))?,
        Output::Csv => {
            let mut table = Table::new(&["id", "owner", "seconds"]);
            let seconds = took.map(|took| took.num_seconds().to_string()).unwrap_or_default();
            table.row([stands.id.clone(), stands.owner.clone().unwrap_or_default(), seconds]);
            write!(out, "{}", table.csv())?;
        }
        Output::Table => match (&stands.owner, took) {
            (Some(owner), Some(took)) if took.num_minutes() < 1 => {
                writeln!(out, "{owner} has it, after {} s", took.num_seconds())?;
            }
            (Some(owner), Some(took)) => writeln!(out, "{owner} has it, after {}", length(took))?,
            _ => {
                writeln!(out, "nobody has answered; tried:")?;
                for told in &stands.told {
                    writeln!(out, "  {} by {}: {}", told.person, told.by, told.arrived)?;
                }
                if stands.told.is_empty() {
                    writeln!(out, "  nobody: the agent found nobody to tell; see shiftwatch on-call")?;
                }
                writeln!(out, "look at a number with shiftwatch doctor --text PERSON")?;
            }
        },
    }
    Ok(if stands.state == DrillState::Acknowledged { Exit::Done } else { Exit::Failed })
}
