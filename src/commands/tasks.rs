//! `shiftwatch sections` and `shiftwatch tasks`: how old each section is, and what was planned and done in one visit.

use std::io::{self, Write};

use super::{
    Exit,
    agent::Agent,
    output::{Output, Table, json, stamp},
};
use crate::{
    cli::Tasks as Args,
    http::details::TasksAnswer,
    model::Instant,
    report::tasks::SectionAge,
    view::{report::StatusReport, words},
};

/// Prints how old each section is.
pub async fn sections(
    agent: &Agent,
    output: Output,
    now: Instant,
    width: usize,
    out: &mut impl Write,
) -> io::Result<Exit> {
    match agent.get::<Vec<SectionAge>>("/api/v1/sections").await {
        Ok(reports) => {
            // Ages count by the clock that the stamps are of.
            let now = agent.get::<StatusReport>("/api/v1/status").await.map_or(now, |status| status.now);
            out.write_all(sections_text(&reports, output, now, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "sections: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

/// Prints the tasks of one visit or shift.
pub async fn tasks(agent: &Agent, args: &Args, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if args.what.contains('@') {
        query.append_pair("shift", &args.what);
    } else {
        query.append_pair("visit", &args.what);
    }
    match agent.get::<TasksAnswer>(&format!("/api/v1/tasks?{}", query.finish())).await {
        Ok(answer) => {
            out.write_all(tasks_text(&answer, args.asking.output, width).as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "tasks: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

fn sections_text(reports: &[SectionAge], output: Output, now: Instant, width: usize) -> String {
    let mut table = match output {
        Output::Json => return json(&reports),
        Output::Csv => Table::new(&["agency", "section", "optional", "as_of", "fault"]),
        Output::Table => Table::new(&["AGENCY", "SECTION", "READ", "FAULT"]),
    };
    for SectionAge { agency, section, optional, as_of, fault } in reports {
        let fault = fault.clone().unwrap_or_default();
        let read = match (output, as_of) {
            (Output::Csv, at) => at.map_or_else(String::new, stamp),
            (_, None) => "not yet".to_owned(),
            (_, Some(at)) => format!("{} ago", words::span(now - *at)),
        };
        if output == Output::Csv {
            table.row([agency.clone(), section.clone(), optional.to_string(), read, fault]);
        } else {
            table.row([agency.clone(), section.clone(), read, fault]);
        }
    }
    if output == Output::Csv { table.csv() } else { table.text(width) }
}

fn tasks_text(answer: &TasksAnswer, output: Output, width: usize) -> String {
    let mut table = match output {
        Output::Json => return json(answer),
        Output::Csv => Table::new(&["kind", "id", "what", "status", "comment", "recorded"]),
        Output::Table => Table::new(&["KIND", "ID", "WHAT", "STATUS", "COMMENT", "RECORDED"]),
    };
    let tasks = &answer.tasks;
    let planned = tasks.planned.iter().filter_map(|planned| planned.what.as_ref());
    let rows = planned.flat_map(|body| {
        let items = body.items.iter().map(|task| ("item", task));
        items.chain(body.tasks.iter().map(|task| ("task", task)))
    });
    for (kind, task) in rows {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let none = String::new;
        table.row([kind.to_owned(), text(&task.id), task.what.clone(), text(&task.status), none(), none()]);
    }
    for log in tasks.done.iter().filter_map(|done| done.what.as_ref()).flatten() {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let what = [log.title.as_str(), log.description.as_str()].into_iter().filter(|part| !part.is_empty());
        table.row([
            "log".to_owned(),
            text(&log.id),
            what.collect::<Vec<_>>().join(": "),
            text(&log.status),
            log.comment.clone(),
            text(&log.recorded),
        ]);
    }
    if output == Output::Csv {
        return table.csv();
    }
    let planned = tasks.planned.as_ref().map_or_else(
        || "planned tasks are not known".to_owned(),
        |planned| format!("{} planned (as of {})", planned.n, stamp(planned.as_of)),
    );
    let done = match (&tasks.visit, &tasks.done) {
        (None, _) => String::new(),
        (Some(_), None) => "; no task log is known".to_owned(),
        (Some(_), Some(done)) => {
            format!("; {} of {} logged as complete (as of {})", done.n_complete, done.n, stamp(done.as_of))
        }
    };
    let shift = tasks.shift.as_deref().map_or_else(String::new, |shift| format!("Shift {shift}: "));
    let shown = match answer.names.words() {
        "" => String::new(),
        why => format!("What was written is not shown: {why}.\n"),
    };
    let table = if table.is_empty() { String::new() } else { table.text(width) };
    format!("{shift}{planned}{done}.\n{shown}{table}")
}
