//! `shiftwatch disposition`: say what became of an alert, live or over.

use std::io::{self, Write};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json},
};
use crate::{
    http::{DispositionAnswer, DispositionBody},
    report::on_call_log::{DAYS_MAX, OnCallLog},
    view::{report::AlertReport, words},
};

/// What is said.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The beginning of a fingerprint.
    pub alert: String,
    /// What is said of it.
    pub body: DispositionBody,
}

/// Says it, and what was taken.
pub async fn run(agent: &Agent, wish: &Wish, output: Output, out: &mut impl Write) -> io::Result<Exit> {
    match order(agent, wish).await {
        Ok(answer) => {
            out.write_all(said(&answer, output).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "disposition: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

async fn order(agent: &Agent, wish: &Wish) -> Result<DispositionAnswer, String> {
    let fingerprint = find(agent, &wish.alert.to_ascii_lowercase()).await?;
    let path = format!("/api/v1/alerts/{fingerprint}/disposition");
    agent.post(&path, &wish.body).await.map_err(|error| error.to_string())
}

/// The alert meant: a whole fingerprint, or the beginning of one that is live or in the on-call log.
async fn find(agent: &Agent, wanted: &str) -> Result<String, String> {
    if wanted.len() == 16 {
        return Ok(wanted.to_owned());
    }
    if wanted.len() < 4 {
        return Err("give at least 4 digits of the alert's id; it is a column of `shiftwatch on-call log`".to_owned());
    }
    let live: Vec<AlertReport> = agent.get("/api/v1/alerts").await.map_err(|error| error.to_string())?;
    let path = format!("/api/v1/on-call/log?days={DAYS_MAX}");
    let log: OnCallLog = agent.get(&path).await.map_err(|error| error.to_string())?;
    let live = live.into_iter().map(|alert| alert.fingerprint);
    let logged = log.pages.into_iter().flat_map(|page| page.alerts).map(|alert| alert.fingerprint);
    let mut found: Vec<String> = live.chain(logged).filter(|known| known.starts_with(wanted)).collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(format!(
            "no alert that is live or in the on-call log begins with {wanted}; give all 16 digits of another one"
        )),
        _ => Err(format!("several alerts begin with {wanted}; give more of the id")),
    }
}

fn said(answer: &DispositionAnswer, output: Output) -> String {
    match output {
        Output::Json => json(answer),
        Output::Csv => {
            let mut table = Table::new(&["fingerprint", "disposition", "by"]);
            let word = answer.disposition.as_str().to_owned();
            table.row([answer.fingerprint.clone(), word, answer.by.clone()]);
            table.csv()
        }
        Output::Table => {
            let line = format!("{}: {}, said by {}.", answer.fingerprint, answer.disposition.words(), answer.by);
            format!("{} The latest word counts; all are kept.\n", words::printable(&line))
        }
    }
}
