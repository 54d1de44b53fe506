//! The query of `GET /api/v2/alerts`.

use regex::Regex;

use crate::{
    alerts::{alert::Labels, matcher::Matcher},
    view::AlertView,
};

/// Which alerts are asked for.
#[derive(Debug)]
pub(super) struct Filter {
    active: bool,
    inhibited: bool,
    matchers: Vec<Matcher>,
    receiver: Option<Regex>,
    receiver_matchers: Vec<Matcher>,
}

impl Filter {
    /// Reads the query; `Err` says what is wrong with which parameter. Unknown parameters are left alone.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut filter =
            Self { active: true, inhibited: true, matchers: Vec::new(), receiver: None, receiver_matchers: Vec::new() };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "active" => filter.active = flag(&name, &value)?,
                "inhibited" => filter.inhibited = flag(&name, &value)?,
                // Nothing here is silenced yet or waits unprocessed, so these pick the same alerts either way.
                "silenced" | "unprocessed" => drop(flag(&name, &value)?),
                "filter" => filter.matchers.extend(matchers(&name, &value)?),
                "receiver_matchers" => filter.receiver_matchers.extend(matchers(&name, &value)?),
                "receiver" => {
                    let regex = Regex::new(&format!("^(?:{value})$"));
                    filter.receiver = Some(regex.map_err(|why| format!("failed to parse receiver param: {why}"))?);
                }
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Whether an alert is among them: it fires, and every condition holds.
    pub(super) fn picks(&self, view: &AlertView) -> bool {
        let muted = !view.inhibited_by.is_empty();
        view.alert.is_firing()
            && if muted { self.inhibited } else { self.active }
            && self.matchers.iter().all(|one| one.matches(&view.alert.labels))
            && self.receiver.as_ref().is_none_or(|regex| view.receivers.iter().any(|name| regex.is_match(name)))
            // Receivers carry no labels here.
            && self.receiver_matchers.iter().all(|one| one.matches(&Labels::new()))
    }
}

fn matchers(name: &str, value: &str) -> Result<Vec<Matcher>, String> {
    Matcher::parse(value).map_err(|why| format!("bad matcher format in {name}: {why}; {}", why.instead()))
}

fn flag(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("parameter {name} must be true or false")),
    }
}
