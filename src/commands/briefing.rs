//! `shiftwatch briefing`: how things stand, as the mail of a morning says it; or the mail itself, now.

use std::io::{self, Write};

use super::{Exit, agent::Agent, output::json};
use crate::{
    cli::{Briefing as Args, BriefingOutput},
    http::briefing::{BriefingAnswer, SentBriefing},
    report::briefing::{html, text},
};

/// Asks a running agent for a briefing and prints it; or has it send one.
pub async fn run(agent: &Agent, args: &Args, out: &mut impl Write) -> io::Result<Exit> {
    if let Some(name) = &args.send {
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        return match agent.post::<SentBriefing>(&format!("/api/v1/briefing/{name}/send"), &()).await {
            Ok(sent) => {
                writeln!(out, "{}: {} on the way.", sent.name, mails(sent.n_messages))?;
                Ok(Exit::Done)
            }
            Err(error) => {
                writeln!(io::stderr(), "briefing: {error}")?;
                Ok(Exit::Failed)
            }
        };
    }
    match agent.get::<BriefingAnswer>(&path(args)).await {
        Ok(answer) => {
            out.write_all(shown(&answer, args.output).as_bytes())?;
            if args.output == BriefingOutput::Text && !answer.names.words().is_empty() {
                writeln!(io::stderr(), "Ids only: {}.", answer.names.words())?;
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "briefing: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

fn mails(n: usize) -> String {
    format!("{n} {}", if n == 1 { "mail is" } else { "mails are" })
}

fn path(args: &Args) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("kind", args.kind.as_str());
    for (name, value) in [("at", &args.at), ("agency", &args.agency), ("location", &args.location)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("/api/v1/briefing?{}", query.finish())
}

/// The answer as it is printed.
#[must_use]
pub fn shown(answer: &BriefingAnswer, output: BriefingOutput) -> String {
    match output {
        BriefingOutput::Json => json(answer),
        BriefingOutput::Html => html::page(&answer.briefings, None, false, "shiftwatch briefing") + "\n",
        BriefingOutput::Text if answer.briefings.is_empty() => "No agency is watched yet.\n".to_owned(),
        BriefingOutput::Text => {
            let all: Vec<String> = answer.briefings.iter().map(|one| text::lines(one).join("\n") + "\n").collect();
            all.join("\n")
        }
    }
}
