//! `shiftwatch ack`: own an alert.

use std::{
    io::{self, Write},
    time::Duration,
};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json, stamp},
};
use crate::{
    http::{AckAnswer, AckBody},
    view::{report::AlertReport, words},
};

/// What to own.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The beginning of a fingerprint.
    pub alert: String,
    /// Who.
    pub by: String,
    /// Why; may be empty.
    pub note: String,
    /// For how long.
    pub for_: Option<Duration>,
}

/// Owns an alert and says which and until when.
pub async fn run(agent: &Agent, wish: &Wish, output: Output, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    match order(agent, wish).await {
        Ok((alert, answer)) => {
            out.write_all(said(&alert, &answer, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "ack: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

async fn order(agent: &Agent, wish: &Wish) -> Result<(AlertReport, AckAnswer), String> {
    let all: Vec<AlertReport> = agent.get("/api/v1/alerts").await.map_err(|error| error.to_string())?;
    let alert = find(&all, &wish.alert)?;
    let body = AckBody {
        by: wish.by.clone(),
        note: wish.note.clone(),
        for_: wish.for_.map(|length| format!("{}ms", length.as_millis())),
    };
    let path = format!("/api/v1/alerts/{}/ack", alert.fingerprint);
    let answer = agent.post(&path, &body).await.map_err(|error| error.to_string())?;
    Ok((alert.clone(), answer))
}

/// The alert meant, by the beginning of its fingerprint. Never by its place in the list: that is another's a second
/// later.
pub fn find<'all>(all: &'all [AlertReport], wanted: &str) -> Result<&'all AlertReport, String> {
    if wanted.len() < 4 {
        return Err(
            "give at least 4 digits of the alert's id; it is the first column of `shiftwatch alerts`".to_owned()
        );
    }
    let wanted = wanted.to_ascii_lowercase();
    let mut found = all.iter().filter(|alert| alert.fingerprint.starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(alert), None) => Ok(alert),
        (Some(_), Some(_)) => Err(format!("several alerts begin with {wanted}; give more of the id")),
        (None, _) => Err(format!("no live alert begins with {wanted}; it may be over: see `shiftwatch alerts`")),
    }
}

fn said(alert: &AlertReport, answer: &AckAnswer, output: Output, width: usize) -> String {
    let until = stamp(answer.until);
    match output {
        Output::Json => json(answer),
        Output::Csv => {
            let mut table = Table::new(&["fingerprint", "alertname", "by", "until"]);
            table.row([answer.fingerprint.clone(), alert.alertname.clone(), answer.by.clone(), until]);
            table.csv()
        }
        Output::Table => {
            let what: Vec<&str> = [Some(alert.location.as_str()), alert.when.as_deref()]
                .into_iter()
                .flatten()
                .filter(|part| !part.is_empty())
                .collect();
            let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
            let until = answer.until_local.as_ref().unwrap_or(&until);
            let line = format!("{} owns {}{what} until {until}.", answer.by, alert.alertname);
            let rest = "It closes when the schedule shows it is solved; if not, everybody is told again then.";
            let gap = if line.chars().count() + rest.len() < width { ' ' } else { '\n' };
            format!("{}{gap}{rest}\n", words::printable(&line))
        }
    }
}
