//! `shiftwatch notes`: the notes on records that the running agent keeps.

use std::io::{self, Write};

use super::{
    Exit,
    agent::{Agent, AgentError},
    output::{Output, Table, json, stamp},
};
use crate::{http::vendor::NoteReport, notify::record_note::DRY_RUN};

/// Prints the notes of a running agent; with `dry_run` those alone that were not to be written, and what the alerts of so many
/// days would have made by the present configuration.
pub async fn run(
    agent: &Agent,
    dry_run: Option<u32>,
    output: Output,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    let asked = async {
        let mut notes = agent.get::<Vec<NoteReport>>("/api/v1/notes").await?;
        if let Some(days) = dry_run {
            notes.retain(|note| note.way == DRY_RUN);
            notes.extend(agent.get::<Vec<NoteReport>>(&format!("/api/v1/notes/would?days={days}")).await?);
            notes.sort_by_key(|note| std::cmp::Reverse(note.at));
        }
        Ok::<_, AgentError>(notes)
    };
    match asked.await {
        Ok(notes) => {
            out.write_all(list(&notes, output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "notes: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

fn list(notes: &[NoteReport], output: Output, width: usize) -> String {
    if output == Output::Json {
        return json(&notes);
    }
    let mut table = Table::new(&["at", "agency", "as", "about", "state", "text"]);
    for note in notes {
        let about = match (&note.visit, &note.client) {
            (Some(visit), _) => format!("visit {visit}"),
            (None, Some(client)) => format!("client {client}"),
            (None, None) => String::new(),
        };
        table.row([
            stamp(note.at),
            note.agency.clone(),
            note.way.replace('_', " "),
            about,
            state(note),
            note.text.clone(),
        ]);
    }
    match output {
        Output::Csv => table.csv(),
        _ if table.is_empty() => "No notes.\n".to_owned(),
        _ => table.text(width),
    }
}

/// `written, task_log/4102`, `not written: WellSky refuses it (404)`.
fn state(note: &NoteReport) -> String {
    let why = note.why.as_deref().map_or_else(String::new, |why| format!(": {why}"));
    match note.state.as_str() {
        "sent" => format!("written{}", note.vendor_id.as_deref().map_or_else(String::new, |id| format!(", {id}"))),
        "refused" if note.way == DRY_RUN => "would be written".to_owned(),
        "would" => "would be written".to_owned(),
        "refused" | "expired" | "cancelled" => format!("not written{why}"),
        "uncertain" => format!("nobody knows whether it is written{why}"),
        _ => format!("waits{why}"),
    }
}
