//! `shiftwatch silence`: make silences, list, change and end them, on the running agent.

use std::io::{self, Write};

use serde_json::json as object;

use super::{
    Exit,
    agent::{Agent, AgentError},
    alerts::{self, Pick},
    output::{Output, Table, json, stamp},
};
use crate::{
    alerts::silence::SilenceState,
    cli::{Silence, SilenceAdd, SilenceCommand, SilenceLength, SilenceQuery, SilenceUpdate},
    http::v1_silences::{SilenceBody, SilencePreview},
    view::{report::silence::SilenceReport, words},
};

/// So many digits of an id are enough where a person writes one.
const ID_SHORT: usize = 4;

/// Does it and says what came of it.
pub async fn run(agent: &Agent, asked: &Silence, width: usize, out: &mut impl Write) -> io::Result<Exit> {
    let output = asked.asking.output;
    let said = match &asked.command {
        SilenceCommand::Add(add) => self::add(agent, add, output, width).await,
        SilenceCommand::Query(query) => self::query(agent, query, output, width).await,
        SilenceCommand::Update(update) => self::update(agent, update, output, width).await,
        SilenceCommand::Expire { ids } => expire(agent, ids, output, width).await,
    };
    match said {
        Ok(text) => {
            out.write_all(text.as_bytes())?;
            Ok(Exit::Done)
        }
        Err(error) => {
            writeln!(io::stderr(), "silence: {error}")?;
            Ok(Exit::Failed)
        }
    }
}

fn words_of(error: &AgentError) -> String {
    error.to_string()
}

/// A first word that is no matcher is an alert's name, as `amtool` has it.
fn matchers(written: &[String]) -> Vec<String> {
    let named = |(n, text): (usize, &String)| {
        if n == 0 && !text.contains(['=', '~']) { format!("alertname=\"{text}\"") } else { text.clone() }
    };
    written.iter().enumerate().map(named).collect()
}

/// A body that says when, and nothing else.
fn lasting(length: &SilenceLength) -> SilenceBody {
    SilenceBody {
        starts_at: length.start,
        ends_at: length.end,
        duration: length.duration.map(|length| format!("{}ms", length.as_millis())),
        until_resolved: length.until_resolved.then_some(true),
        cover_everything: length.everything,
        ..SilenceBody::default()
    }
}

async fn add(agent: &Agent, add: &SilenceAdd, output: Output, width: usize) -> Result<String, String> {
    let body = SilenceBody {
        matchers: matchers(&add.matchers),
        created_by: add.author.clone(),
        comment: add.comment.clone(),
        ..lasting(&add.length)
    };
    let wanted = SilenceBody { matchers: body.matchers.clone(), ..SilenceBody::default() };
    let preview: SilencePreview =
        agent.post("/api/v1/silences/preview", &wanted).await.map_err(|error| words_of(&error))?;
    if add.dry_run {
        return Ok(previewed(&preview, output, width));
    }
    let made: SilenceReport = agent.post("/api/v1/silences", &body).await.map_err(|error| words_of(&error))?;
    Ok(made_words(&made, output, width))
}

fn made_words(made: &SilenceReport, output: Output, width: usize) -> String {
    match output {
        Output::Table => {
            let until = match (made.until_resolved, made.n_muted) {
                (true, 0) => "until what it mutes is over, once something is".to_owned(),
                (true, _) => "until what it mutes is over".to_owned(),
                (false, _) => made.ends_in.clone(),
            };
            let n = words::count(made.n_muted as u64, "firing alert", "firing alerts");
            let until = if made.until_resolved { until } else { format!("ends {until}") };
            format!("{}\nIt mutes {n} now and {until}; who was told before is told when it is over.\n", made.id)
        }
        _ => listed(std::slice::from_ref(made), output, width),
    }
}

fn previewed(preview: &SilencePreview, output: Output, width: usize) -> String {
    if output == Output::Json {
        return json(preview);
    }
    let mut text = String::new();
    if output == Output::Table {
        let n = words::count(preview.alerts.len() as u64, "firing alert", "firing alerts");
        text = format!("It would mute {n} now. Nothing was changed.\n");
        if let Some(agency) = &preview.covers_agency {
            text.push_str(&words::printable(&format!(
                "It would leave nobody who could be paged for agency {agency}: that takes --everything.\n"
            )));
        }
    }
    if !preview.alerts.is_empty() {
        text.push_str(&alerts::list(&preview.alerts, &Pick { all: true, ..Pick::default() }, output, width));
    }
    text
}

async fn query(agent: &Agent, query: &SilenceQuery, output: Output, width: usize) -> Result<String, String> {
    let all = all(agent).await?;
    let wanted = matchers(&query.matchers);
    let picked = all.into_iter().filter(|one| {
        let state = if query.expired { one.state == SilenceState::Expired } else { one.state != SilenceState::Expired };
        state
            && query.author.as_ref().is_none_or(|author| one.created_by == *author)
            && wanted.iter().all(|text| one.matchers.iter().any(|matcher| plain(matcher) == plain(text)))
    });
    Ok(listed(&picked.collect::<Vec<_>>(), output, width))
}

/// A matcher without quotes and spaces: how it is compared with what somebody typed.
fn plain(matcher: &str) -> String {
    matcher.chars().filter(|c| !matches!(c, '"' | ' ')).collect()
}

async fn update(agent: &Agent, update: &SilenceUpdate, output: Output, width: usize) -> Result<String, String> {
    let known = all(agent).await?;
    let mut changed = Vec::new();
    for id in &update.ids {
        let found = find(&known, id)?;
        let body = SilenceBody {
            id: Some(found.id.clone()),
            comment: update.comment.clone().unwrap_or_default(),
            ..lasting(&update.length)
        };
        let report: SilenceReport = agent.post("/api/v1/silences", &body).await.map_err(|error| words_of(&error))?;
        changed.push(report);
    }
    Ok(listed(&changed, output, width))
}

async fn expire(agent: &Agent, ids: &[String], output: Output, width: usize) -> Result<String, String> {
    let known = all(agent).await?;
    let mut ended: Vec<SilenceReport> = Vec::new();
    for id in ids {
        let path = format!("/api/v1/silences/{}/expire", find(&known, id)?.id);
        ended.push(agent.post(&path, &object!({})).await.map_err(|error| words_of(&error))?);
    }
    Ok(listed(&ended, output, width))
}

async fn all(agent: &Agent) -> Result<Vec<SilenceReport>, String> {
    agent.get("/api/v1/silences").await.map_err(|error| words_of(&error))
}

/// The silence meant, by its id or the beginning of it.
fn find<'a>(all: &'a [SilenceReport], wanted: &str) -> Result<&'a SilenceReport, String> {
    let wanted = wanted.to_ascii_lowercase();
    if wanted.len() < ID_SHORT {
        return Err(format!(
            "give at least {ID_SHORT} digits of the silence's id; `shiftwatch silence query` lists them"
        ));
    }
    let mut found = all.iter().filter(|one| one.id.starts_with(&wanted));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(format!("several silences begin with {wanted}; give more of the id")),
        (None, _) => Err(format!("no silence begins with {wanted}; `shiftwatch silence query` lists them")),
    }
}

fn listed(silences: &[SilenceReport], output: Output, width: usize) -> String {
    if output == Output::Json {
        return json(&silences);
    }
    let id = |one: &SilenceReport| {
        if output == Output::Table { one.id[..8.min(one.id.len())].to_owned() } else { one.id.clone() }
    };
    let mut table = Table::new(&["id", "state", "mutes", "ends", "by", "matchers", "comment"]);
    for one in silences {
        let ends = match output {
            Output::Table if one.until_resolved && one.state == SilenceState::Active => "when it is over".to_owned(),
            Output::Table => one.ends_in.clone(),
            _ => stamp(one.ends_at),
        };
        table.row([
            id(one),
            one.state.as_str().to_owned(),
            one.n_muted.to_string(),
            ends,
            one.created_by.clone(),
            one.matchers.join(", "),
            one.comment.clone(),
        ]);
    }
    match output {
        Output::Csv => table.csv(),
        _ if silences.is_empty() => "No silences.\n".to_owned(),
        _ => table.text(width),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_word_is_an_alerts_name() {
        let words = |written: &[&str]| matchers(&written.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["NoShow", "location=north"]), ["alertname=\"NoShow\"", "location=north"]);
        assert_eq!(words(&["a=~b", "c"]), ["a=~b", "c"], "the agent says what is wrong with it");
        assert_eq!(plain("a = \"b\""), "a=b");
    }
}
