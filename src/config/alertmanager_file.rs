//! What a file says of routing, read alone: for `routes`, which looks at a configuration of ours or at an
//! Alertmanager's own file.
//!
//! Given: a path. Gives: the routing tree, or every fault there is. A file without `agencies` is an Alertmanager's own:
//! its receivers may have any integration (they are names here), its `global` any key of Alertmanager's, and what YAML
//! leaves empty says nothing, as Go's reader has it.
//! Does not: resolve a secret, read a template, or look into an integration that is not ours.

use std::path::Path;

use super::{
    fault::Fault,
    inhibit_rules, load,
    names::Names,
    reading::{Env, Fields, Reading},
    receivers, routes, time_intervals,
    tree::{Key, Node, Value},
};
use crate::alerts::route::Route;

/// What a file says of routing.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The tree's root.
    pub route: Route,
    /// True for an Alertmanager's own file.
    pub alertmanagers_own: bool,
}

/// Keys of Alertmanager's `global`, besides those that begin with the name of an integration.
const GLOBAL_KEYS: [&str; 2] = ["resolve_timeout", "http_config"];
/// The integrations that have keys in Alertmanager's `global`.
const GLOBAL_PREFIXES: [&str; 13] = [
    "smtp_",
    "slack_",
    "pagerduty_",
    "opsgenie_",
    "wechat_",
    "victorops_",
    "telegram_",
    "webex_",
    "jira_",
    "rocketchat_",
    "hipchat_",
    "mattermost_",
    "discord_",
];

/// See [`super::Config::routing`].
pub fn routing(path: &Path, env: Env<'_>) -> Result<(Routing, Vec<Fault>), Vec<Fault>> {
    let mut warnings = Vec::new();
    let read = load::with_file(path, env, |root, cx| {
        let read = read(root, cx);
        if cx.faults.iter().any(Fault::is_error) {
            cx.faults.sort_by_key(|fault| (fault.line, fault.column));
            return None;
        }
        warnings.append(&mut cx.faults);
        read
    })?;
    Ok((read, warnings))
}

fn read(root: &Node, cx: &mut Reading<'_>) -> Option<Routing> {
    let is_ours = |(key, _): &(Key, Node)| matches!(key.text.as_str(), "agencies" | "agency_files");
    let alertmanagers_own = !matches!(&root.value, Value::Map(entries) if entries.iter().any(is_ours));
    let blanked;
    let root = if alertmanagers_own {
        blanked = without_blanks(root);
        &blanked
    } else {
        root
    };
    let mut fields = Fields::of(root, "", cx)?;
    let mut intervals = Names::default();
    for section in ["time_intervals", "mute_time_intervals"] {
        if let Some(node) = fields.get(section) {
            time_intervals::read_list(node, section, &mut intervals, cx);
        }
    }
    let mut names = Names::default();
    if let Some(node) = fields.get("receivers") {
        receivers::read_names(node, alertmanagers_own, &mut names, cx);
    }
    if let Some(node) = fields.get("inhibit_rules") {
        inhibit_rules::read_list(node, cx);
    }
    let known = routes::Known { receivers: &names, intervals: &intervals };
    let route = match fields.get("route") {
        Some(node) => routes::read_root(node, &known, cx),
        None if alertmanagers_own => {
            cx.error(fields.at, "route is not set", "write route: {receiver: …}");
            None
        }
        None => Some(routes::nobody()),
    };
    if alertmanagers_own {
        if let Some(node) = fields.get("global") {
            read_global(node, cx);
        }
        if let Some(node) = fields.get("templates") {
            cx.warn(node.at, "templates: their files are not read", "nothing to do: they decide nothing about routes");
        }
        fields.knows(["tracing"]);
        fields.finish(
            &[("alertmanagers", "a configuration of shiftwatch has agencies, too: see examples/minimal.yml")],
            cx,
        );
    }
    Some(Routing { route: route?, alertmanagers_own })
}

/// Only whether the keys are Alertmanager's.
fn read_global(node: &Node, cx: &mut Reading<'_>) {
    let Some(mut fields) = Fields::of(node, "global", cx) else { return };
    fields.knows(GLOBAL_KEYS);
    for (key, _) in fields.entries() {
        if GLOBAL_PREFIXES.iter().any(|prefix| key.text.starts_with(prefix)) {
            fields.said(&key.text);
        }
    }
    fields.finish(&[], cx);
}

/// The tree as Go's reader takes it: a key without a value is not there, an empty text among texts or as a receiver says
/// nothing, and `yes` is true. Inside `match` and its like an empty value is one.
fn without_blanks(node: &Node) -> Node {
    let value = match &node.value {
        Value::Map(entries) => {
            let said = |(_, node): &&(Key, Node)| !matches!(node.value, Value::Null);
            Value::Map(entries.iter().filter(said).filter_map(|(key, node)| entry(key, node)).collect())
        }
        Value::List(items) => Value::List(items.iter().map(without_blanks).collect()),
        other => other.clone(),
    };
    Node { at: node.at, value }
}

fn entry(key: &Key, node: &Node) -> Option<(Key, Node)> {
    let is_empty = |node: &Node| matches!(&node.value, Value::Scalar { text, .. } if text.trim().is_empty());
    let node = match (key.text.as_str(), &node.value) {
        (name, Value::Map(_)) if name.ends_with("match") || name.ends_with("match_re") => node.clone(),
        ("receiver", _) if is_empty(node) => return None,
        (name, Value::List(items)) if name.ends_with("matchers") => {
            let kept = items.iter().filter(|item| !is_empty(item) && !matches!(item.value, Value::Null));
            Node { at: node.at, value: Value::List(kept.cloned().collect()) }
        }
        ("continue", Value::Scalar { text, quoted: false }) => {
            let text = match text.to_lowercase().as_str() {
                "y" | "yes" | "on" => "true".to_owned(),
                "n" | "no" | "off" => "false".to_owned(),
                _ => text.clone(),
            };
            Node { at: node.at, value: Value::Scalar { text, quoted: false } }
        }
        _ => without_blanks(node),
    };
    Some((key.clone(), node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routing_of(text: &str) -> Result<(Routing, String), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("am.yml");
        std::fs::write(&path, text).unwrap();
        let said = |faults: Vec<Fault>| {
            let dir = format!("{}/", folder.path().display());
            faults.iter().map(|fault| fault.to_string().replace(&dir, "") + "\n").collect::<String>()
        };
        routing(&path, &|_| None).map(|(routing, warnings)| (routing, said(warnings))).map_err(said)
    }

    #[test]
    fn an_alertmanagers_own_file_needs_no_agency_and_may_have_any_integration() {
        let (routing, warnings) = routing_of(
            "global: { slack_api_url: 'https://hooks.example.com/x', resolve_timeout: 5m, opsgenie_api_key: invented }
templates: ['*.tmpl']
route:
  receiver: a
  group_by:
  routes:
  - receiver: ''
    continue: yes
    match: { team: , env: '' }
    matchers: ['', 'x=\"\"']
  - matchers: 'y=z'
    receiver: b
receivers:
- { name: a, slack_configs: [ { channel: '#x' } ], sns_configs: [] }
- { name: b, someday_configs: [ {} ] }
",
        )
        .unwrap();
        assert!(routing.alertmanagers_own);
        assert_eq!(routing.route.routes[0].receiver, "a", "an empty receiver is the parent's");
        assert!(routing.route.routes[0].continue_);
        assert_eq!(routing.route.routes[0].matchers.len(), 3);
        assert_eq!(routing.route.routes[1].receiver, "b");
        assert!(warnings.contains("am.yml:2:12: warning: templates: their files are not read"), "{warnings}");
    }

    #[test]
    fn every_fault_of_it_is_told_at_once() {
        let said = routing_of(
            "global: { nonsense: 1 }
agents: []
route: { receiver: nobody, routes: [ { matchers: ['a'] } ] }
receivers: [ { name: a, slack: [] }, { name: a } ]
",
        )
        .unwrap_err();
        for want in [
            "am.yml:1:11: error: unknown key \"nonsense\" in global",
            "am.yml:2:1: error: unknown key \"agents\"",
            "am.yml:3:20: error: route.receiver names \"nobody\", which receivers does not have",
            "am.yml:3:51: error: route.routes[0].matchers: matcher `a` has no operator",
            "am.yml:4:25: error: unknown key \"slack\" in receivers[0]",
            "am.yml:4:46: error: receivers[1].name \"a\" stands here a second time",
        ] {
            assert!(said.contains(want), "{want} in {said}");
        }
        assert!(routing_of("receivers: []\n").unwrap_err().contains("route is not set"));
    }

    #[test]
    fn in_a_file_of_ours_an_integration_we_do_not_have_stays_an_error_and_no_secret_is_needed() {
        let ours =
            "agencies: [ { name: main, wellsky: { client_secret: { env: NOT_SET } } } ]\nroute: { receiver: a }\n";
        let (routing, _) = routing_of(&format!("{ours}receivers: [ {{ name: a, email_configs: [] }} ]\n")).unwrap();
        assert!(!routing.alertmanagers_own);
        let said = routing_of(&format!("{ours}receivers: [ {{ name: a, slack_configs: [] }} ]\n")).unwrap_err();
        assert!(said.contains("unknown key \"slack_configs\" in receivers[0]; use webhook_configs"), "{said}");
    }
}
