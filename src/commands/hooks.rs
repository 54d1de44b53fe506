//! `shiftwatch hooks`: the vendor's subscriptions to hooks, listed, made and removed.
//!
//! Given: a checked configuration. Gives: a row for each subscription, or for each change, and what became of it.
//! Does not: touch a subscription that is not this installation's, or change anything with `--dry-run`.

use std::io::{self, Write};

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{
    Exit,
    output::{Output, Table, json},
};
use crate::{
    cli::{HooksAction, HooksPlace},
    clock::Clock,
    config::{
        Agency, Config,
        address::{parse_url, url_is_loopback},
    },
    http::vendor::VENDOR_HOOK,
    source::{
        access::Access,
        write::{
            WriteFault, Writer,
            subscriptions::{Change, Here, Subscription, Whose, plan, removal},
        },
    },
};

/// A line of the answer.
#[derive(Debug, Serialize)]
struct Line {
    agency: String,
    id: Option<String>,
    criteria: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    whose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
}

/// Lists, ensures or removes; [`Exit::Failed`] when anything could not be done. Faults are said on `err`.
pub async fn run(
    config: &Config,
    action: &HooksAction,
    width: usize,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<Exit> {
    let (HooksAction::List(place) | HooksAction::Ensure { place, .. } | HooksAction::Remove { place, .. }) = action;
    let agencies: Vec<&Agency> = config
        .agencies
        .iter()
        .filter(|agency| place.agency.as_deref().is_none_or(|name| agency.name.as_str() == name))
        .collect();
    if agencies.is_empty() {
        let known: Vec<&str> = config.agencies.iter().map(|agency| agency.name.as_str()).collect();
        let named = place.agency.as_deref().unwrap_or_default();
        writeln!(err, "hooks: there is no agency \"{named}\"; name one of: {}", known.join(", "))?;
        return Ok(Exit::Failed);
    }
    let accesses = match Access::for_all(agencies.iter().map(|agency| &agency.wellsky), 0, &[]) {
        Ok(accesses) => accesses,
        Err(fault) => {
            writeln!(err, "hooks: {fault}")?;
            return Ok(Exit::Failed);
        }
    };
    let mut lines = Vec::new();
    let mut failed = false;
    for (agency, access) in agencies.into_iter().zip(accesses) {
        let writer = Writer::new(&agency.wellsky, access, Clock::System);
        match one(config, agency, action, &writer, &mut lines).await {
            Ok(all_done) => failed |= !all_done,
            Err(says) => {
                writeln!(err, "hooks: {}: {says}", agency.name)?;
                failed = true;
            }
        }
    }
    print(action, place, &lines, width, failed, out)?;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// One agency. False when a change failed; `Err` says why nothing could be begun.
async fn one(
    config: &Config,
    agency: &Agency,
    action: &HooksAction,
    writer: &Writer,
    lines: &mut Vec<Line>,
) -> Result<bool, String> {
    let here = config.web.external_url.as_ref().map(|url| format!("{url}{VENDOR_HOOK}"));
    let endpoint = match action {
        HooksAction::Remove { at: Some(at), .. } => at.clone(),
        HooksAction::List(_) => here.unwrap_or_default(),
        HooksAction::Ensure { .. } | HooksAction::Remove { .. } => {
            here.ok_or("web.external_url is not set, so WellSky has no address to tell; set it in the configuration")?
        }
    };
    let place =
        Here { endpoint: &endpoint, agency_id: agency.wellsky.agency_id.as_ref().map(ExposeSecret::expose_secret) };
    let nobody = SecretString::default();
    let secret = match action {
        HooksAction::Ensure { .. } => {
            let at_home = parse_url(&endpoint).is_ok_and(|url| url_is_loopback(&url));
            if !endpoint.starts_with("https://") && !at_home {
                return Err(
                    "web.external_url is not https, and a hook carries a secret; serve shiftwatch over https".into()
                );
            }
            if agency.wellsky.agency_id.is_none() {
                return Err("wellsky.agency_id is not set, and WellSky wants it with every subscription; set it".into());
            }
            let secret = agency.wellsky.hook_secret.as_ref();
            secret
                .ok_or("wellsky.hook_secret is not set, and a hook could not prove itself; set it to a random text")?
        }
        _ => &nobody,
    };
    let there = writer.subscriptions().await.map_err(|fault| match fault {
        WriteFault::Unreadable => {
            "the list of subscriptions does not read or does not add up; nothing was changed, try again".to_owned()
        }
        WriteFault::Refused { status, .. } if matches!(status, 403 | 404) => format!(
            "WellSky shows this credential no subscriptions (HTTP {status}), so nobody can know what is there; nothing was \
             changed. Ask WellSky for subscriptions to be switched on for it; the watch is complete without hooks"
        ),
        fault => format!("the subscriptions cannot be listed: {fault}; nothing was changed"),
    })?;
    let (changes, dry_run) = match action {
        HooksAction::List(_) => {
            lines.extend(there.iter().map(|it| listed(agency, it, place)));
            return Ok(true);
        }
        HooksAction::Ensure { dry_run, rewrite, .. } => {
            if there.iter().any(|it| it.whose(place) == Whose::Unknown) {
                return Err(
                    "WellSky does not show where its subscriptions point to, so nobody can know which are ours; \
                            nothing was changed. Make them in WellSky by hand, with the secret as their header"
                        .into(),
                );
            }
            unmixed(config, agency, &there, place)?;
            (plan(&there, place, secret, *rewrite), *dry_run)
        }
        HooksAction::Remove { dry_run, .. } => {
            unmixed(config, agency, &there, place)?;
            (removal(&there, place), *dry_run)
        }
    };
    let mut all_done = true;
    for change in changes {
        let outcome = if dry_run {
            "not done: a dry run".to_owned()
        } else {
            match writer.carry_out(&change, &endpoint, secret).await {
                Ok(()) => "done".to_owned(),
                Err(fault) => {
                    all_done = false;
                    fault.to_string()
                }
            }
        };
        let (word, id, criteria) = match change {
            Change::Create { criteria } => ("create", None, criteria.to_owned()),
            Change::Renew { id, criteria } => ("renew", Some(id), criteria),
            Change::Remove { id, criteria } => ("remove", Some(id), criteria),
        };
        lines.push(Line {
            agency: agency.name.to_string(),
            id,
            criteria,
            active: None,
            whose: None,
            endpoint: None,
            change: Some(word),
            outcome: Some(outcome),
        });
    }
    Ok(all_done)
}

/// `Err` where a subscription of ours may be that of another agency with the same credential.
fn unmixed(config: &Config, agency: &Agency, there: &[Subscription], place: Here<'_>) -> Result<(), String> {
    let id = |agency: &Agency| agency.wellsky.client_id.expose_secret().to_owned();
    let others = config.agencies.iter().filter(|other| other.name != agency.name && id(other) == id(agency));
    let is_mixed = |it: &Subscription| it.agency_id.is_none() && it.whose(place) == Whose::Ours;
    match others.map(|other| other.name.as_str()).next() {
        Some(other) if there.iter().any(is_mixed) => Err(format!(
            "WellSky does not show for which agency its subscriptions were made, and agency \"{other}\" has the same \
             credential, so nobody can know which are whose; nothing was changed. Make them in WellSky by hand, with each \
             agency's secret as their header"
        )),
        _ => Ok(()),
    }
}

fn listed(agency: &Agency, it: &Subscription, place: Here<'_>) -> Line {
    let another_agencys = it.whose(Here { agency_id: None, ..place }) == Whose::Ours;
    let whose = match it.whose(place) {
        Whose::Ours => "ours",
        Whose::Sibling if another_agencys => "another agency's",
        Whose::Sibling => "a shiftwatch's at another address",
        Whose::Foreign => "somebody else's",
        Whose::Unknown => "not known",
    };
    Line {
        agency: agency.name.to_string(),
        id: Some(it.id.clone()),
        criteria: it.criteria.clone(),
        active: Some(it.active),
        whose: Some(whose),
        endpoint: it.endpoint.clone(),
        change: None,
        outcome: None,
    }
}

fn print(
    action: &HooksAction,
    place: &HooksPlace,
    lines: &[Line],
    width: usize,
    failed: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if place.output == Output::Json {
        return out.write_all(json(&lines).as_bytes());
    }
    let text = |it: &Option<String>| it.clone().unwrap_or_default();
    let table = if matches!(action, HooksAction::List(_)) {
        let mut table = Table::new(&["AGENCY", "ID", "TELLS OF", "STATE", "WHOSE", "POINTS TO"]);
        for line in lines {
            let state = if line.active == Some(true) { "on" } else { "off" };
            let whose = line.whose.unwrap_or_default().to_owned();
            let at = text(&line.endpoint);
            table.row([line.agency.clone(), text(&line.id), line.criteria.clone(), state.to_owned(), whose, at]);
        }
        table
    } else {
        let mut table = Table::new(&["AGENCY", "CHANGE", "TELLS OF", "ID", "OUTCOME"]);
        for line in lines {
            let change = line.change.unwrap_or_default().to_owned();
            let (id, outcome) = (text(&line.id), text(&line.outcome));
            table.row([line.agency.clone(), change, line.criteria.clone(), id, outcome]);
        }
        table
    };
    if place.output == Output::Csv {
        return out.write_all(table.csv().as_bytes());
    }
    // Where something could not be looked at, nothing can be said of all.
    if table.is_empty() && failed {
        return Ok(());
    }
    if table.is_empty() {
        let nothing = match action {
            HooksAction::List(_) => "There is no subscription.",
            HooksAction::Ensure { .. } => "Everything is as it should be; nothing was changed.",
            HooksAction::Remove { .. } => "None of ours is there.",
        };
        return writeln!(out, "{nothing}");
    }
    out.write_all(table.text(width).as_bytes())
}
