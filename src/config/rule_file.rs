//! Rule files: `groups:` of `rules:`, each an `alert` with exactly one typed condition.
//!
//! Prometheus' shape, with a kind in the place of `expr`. Gives [`Rule`]s with every text in them checked: templates,
//! `where:`, labels, parameters.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use super::{
    Agency,
    fault::Fault,
    glob,
    names::Names,
    reading::{Fields, Reading},
    receivers::check_template,
    routes::is_label_name,
    rule_kinds, seams, tree,
    tree::{Node, Place},
};
use crate::{
    alerts::alert::Labels,
    notify::template,
    rules::{finding::RuleId, rule::Rule},
};

/// The rules that come with the program, by the names their faults would carry.
const SHIPPED: [(&str, &str); 5] = [
    ("shipped:rules/coverage.yml", include_str!("../../rules/coverage.yml")),
    ("shipped:rules/visits.yml", include_str!("../../rules/visits.yml")),
    ("shipped:rules/office.yml", include_str!("../../rules/office.yml")),
    ("shipped:rules/api.yml", include_str!("../../rules/api.yml")),
    ("shipped:rules/on_call.yml", include_str!("../../rules/on_call.yml")),
];

/// From the mildest to the worst; `page` and `critical` page.
pub const SEVERITIES: [&str; 4] = ["info", "warning", "page", "critical"];

/// Labels and annotations that the agent sets itself.
const AGENT_LABELS: [&str; 12] = [
    "alertname",
    "agency",
    "location",
    "shift",
    "other_shift",
    "visit",
    "client",
    "caregiver",
    "week",
    "endpoint",
    "section",
    "gateway",
];
const AGENT_ANNOTATIONS: [&str; 6] =
    ["starts_at", "deadline", "unconfirmed", "acknowledged_by", "acknowledged_until", "reason"];

/// Every rule read so far, and where each stands.
#[derive(Default)]
pub struct Rules {
    rules: Vec<Rule>,
    places: BTreeMap<RuleId, (String, Place)>,
}

impl Rules {
    /// In file order.
    #[must_use]
    pub fn into_vec(self) -> Vec<Rule> {
        self.rules
    }

    /// Adds the shipped rules.
    pub fn add_shipped(&mut self, faults: &mut Vec<Fault>) {
        for (file, text) in SHIPPED {
            let mut cx = Reading::new(file, Path::new(""), &|_| None);
            self.add_text(text.as_bytes(), &mut cx);
            faults.append(&mut cx.faults);
        }
    }

    /// Reads `rule_files:` and every file it names. `*.test.yml` are tests of rules, not rules: a pattern passes over them.
    pub fn add_files(&mut self, node: &Node, cx: &mut Reading<'_>) {
        let mut seen = Vec::new();
        let mut rule_faults = Vec::new();
        let n_errors = |faults: &[Fault]| faults.iter().filter(|fault| fault.is_error()).count();
        let before = n_errors(&cx.faults);
        let patterns = cx.words(node, "rule_files").unwrap_or_default();
        let asks_for_some = !patterns.is_empty();
        for (pattern, at) in patterns {
            let mut files = cx.glob(&pattern);
            if glob::is_pattern(&pattern) {
                files.retain(|file| !file.to_string_lossy().ends_with(".test.yml"));
            }
            if files.is_empty() {
                let what = format!("rule_files: no file fits \"{pattern}\"");
                if glob::is_pattern(&pattern) {
                    cx.warn(at, what, "no rules come from it; leave rule_files out for the shipped ones");
                } else {
                    cx.error(at, what, "write a file that exists");
                }
            }
            files.retain(|file| !seen.contains(file));
            for file in &files {
                let mut inner = cx.beside(file, file.parent().unwrap_or(Path::new("")));
                inner.reads(file);
                match std::fs::read(file) {
                    Ok(bytes) => self.add_text(&bytes, &mut inner),
                    Err(error) => {
                        let what = format!("the file cannot be read ({})", error.kind());
                        inner.error(Place::NOWHERE, what, "let this user read it");
                    }
                }
                rule_faults.append(&mut inner.faults);
            }
            seen.append(&mut files);
        }
        // An agent without a rule watches nothing and looks like one that has nothing to say.
        if asks_for_some && self.rules.is_empty() && n_errors(&cx.faults) == before && n_errors(&rule_faults) == 0 {
            cx.error(
                node.at,
                "rule_files: no rule comes from any of these",
                "leave rule_files out for the shipped rules, or write [] if nothing is to be watched",
            );
        }
        cx.faults.append(&mut rule_faults);
    }

    /// Warns of tags in a `where:` that no agency names: the rule would never pick, or never pass over, anybody.
    pub fn warn_of_tags(&self, agencies: &[Agency], cx: &mut Reading<'_>) {
        for rule in &self.rules {
            let (Some(where_), Some((file, at))) = (&rule.where_, self.places.get(&rule.id)) else { continue };
            for tag in tags_of(&where_.source) {
                if agencies.iter().any(|agency| agency.tags.iter().any(|(name, _)| name == tag)) {
                    continue;
                }
                let what = format!("{}: where asks for the tag \"{tag}\", which no agency's tags name", rule.alert);
                let instead = format!("write tags: {{ {tag}: <the vendor's id> }} in the agency");
                cx.faults.push(Fault::warning(file, *at, what, instead));
            }
        }
    }

    /// Reads one rule file's text.
    pub fn add_text(&mut self, bytes: &[u8], cx: &mut Reading<'_>) {
        let file = cx.file.clone();
        let Some(root) = tree::read(&file, bytes, &mut cx.faults) else { return };
        let Some(mut fields) = Fields::of(&root, "", cx) else { return };
        if let Some(node) = fields.need("groups", "write groups: [{name: …, rules: […]}]", cx) {
            let mut names = Names::default();
            for (n, item) in cx.list(node, "groups").unwrap_or_default().iter().enumerate() {
                self.read_group(item, &format!("groups[{n}]"), &mut names, cx);
            }
        }
        fields.finish(&[], cx);
    }

    fn read_group(&mut self, node: &Node, path: &str, names: &mut Names, cx: &mut Reading<'_>) {
        let Some(mut fields) = Fields::of(node, path, cx) else { return };
        let name_node = fields.need("name", "write a name for the group", cx);
        let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
        if let (Some(name), Some(node)) = (&name, name_node) {
            names.add(name, node.at, &format!("{path}.name"), cx);
        }
        let name = name.unwrap_or_default();
        if let Some(node) = fields.need("rules", "write rules: [{alert: …}]", cx) {
            let path = format!("{path}.rules");
            for (n, item) in cx.list(node, &path).unwrap_or_default().iter().enumerate() {
                if let Some(rule) = read_rule(item, &format!("{path}[{n}]"), &name, cx) {
                    self.add(rule, item.at, cx);
                }
            }
        }
        let elsewhere = [
            ("interval", "rules are judged when something changes: remove it"),
            ("limit", "remove it"),
            ("labels", "write them at each rule"),
        ];
        fields.finish(&elsewhere, cx);
    }

    fn add(&mut self, rule: Rule, at: Place, cx: &mut Reading<'_>) {
        if let Some((file, first)) = self.places.get(&rule.id) {
            let what = format!(
                "the rule {} stands here a second time (first in {file}:{}:{})",
                rule.id, first.line, first.column
            );
            cx.error(at, what, "remove one, or tell them apart by a label such as band: 4h");
        } else {
            self.places.insert(rule.id.clone(), (cx.file.clone(), at));
            self.rules.push(rule);
        }
    }
}

fn read_rule(node: &Node, path: &str, group: &str, cx: &mut Reading<'_>) -> Option<Rule> {
    let mut fields = Fields::of(node, path, cx)?;
    let alert = fields.need_word("alert", "write the alert's name", cx);
    let kind = rule_kinds::read(&mut fields, path, cx);
    let where_ = fields.get("where").and_then(|node| {
        let source = cx.word(node, &format!("{path}.where"))?;
        match seams::where_clause(&source) {
            Ok(where_) => Some(Arc::new(where_)),
            Err((what, instead)) => {
                cx.error(node.at, format!("{path}.where: {what}"), instead);
                None
            }
        }
    });
    let for_ = fields
        .get("for")
        .and_then(|node| cx.duration(node, &format!("{path}.for"), Duration::ZERO, Duration::from_hours(7 * 24)));
    let max_data_age = fields.positive("max_data_age", cx);
    let labels = fields.get("labels").map(|node| read_labels(node, &format!("{path}.labels"), cx)).unwrap_or_default();
    if !labels.contains_key("severity") {
        let at = fields.get("labels").map_or(fields.at, |node| node.at);
        if !fields.get("labels").is_some_and(|node| has_key(node, "severity")) {
            cx.warn(
                at,
                format!("{path} has no severity"),
                format!("write labels: {{severity: {}}}", SEVERITIES.join("|")),
            );
        }
    }
    let annotations = fields
        .get("annotations")
        .map(|node| read_annotations(node, &format!("{path}.annotations"), cx))
        .unwrap_or_default();
    let elsewhere = [
        ("expr", "conditions are not PromQL: write a kind, such as uncovered_shift: {within: 4h}"),
        ("record", "there are no recording rules: remove it"),
        ("keep_firing_for", "an alert closes on evidence: remove it"),
    ];
    fields.finish(&elsewhere, cx);

    let (alert, kind) = (alert?, kind?);
    Some(Rule {
        id: rule_id(group, &alert, &labels),
        group: group.to_owned(),
        alert,
        kind,
        for_: for_.unwrap_or_default(),
        labels,
        annotations,
        where_,
        max_data_age,
    })
}

/// The names that a `where:` compares tags with. The vendor's own ids, which are numbers, need no name.
fn tags_of(source: &str) -> Vec<&str> {
    let within = |(at, _): (usize, &str)| {
        let call = &source[at..];
        // `tags.exists(t, t == "respite")`: to the bracket that closes it.
        let mut depth = 0_usize;
        let end = call.char_indices().find_map(|(i, c)| match c {
            '(' => {
                depth += 1;
                None
            }
            ')' => {
                depth = depth.saturating_sub(1);
                (depth == 0).then_some(i)
            }
            _ => None,
        });
        literals(&call[..end.unwrap_or(call.len())])
    };
    let inside =
        [".tags.exists(", ".tags.all("].into_iter().flat_map(|call| source.match_indices(call)).flat_map(within);
    // `"respite" in client.tags`: the text just before.
    let before = [" in client.tags", " in caregiver.tags"]
        .into_iter()
        .flat_map(|word| source.match_indices(word))
        .filter_map(|(at, _)| literals(&source[..at]).pop());
    let mut tags: Vec<&str> = inside.chain(before).filter(|tag| tag.chars().any(char::is_alphabetic)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// What stands in quotation marks.
fn literals(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'']) {
        let quote = if rest[at..].starts_with('"') { '"' } else { '\'' };
        let inside = &rest[at + 1..];
        let Some(end) = inside.find(quote) else { break };
        found.push(&inside[..end]);
        rest = &inside[end + 1..];
    }
    found
}

fn has_key(node: &Node, key: &str) -> bool {
    matches!(&node.value, tree::Value::Map(entries) if entries.iter().any(|(known, _)| known.text == key))
}

fn rule_id(group: &str, alert: &str, labels: &Labels) -> RuleId {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    RuleId::new(format!("{group}/{alert}{{{}}}", labels.join(",")))
}

fn read_labels(node: &Node, path: &str, cx: &mut Reading<'_>) -> Labels {
    let Some(fields) = Fields::of(node, path, cx) else { return Labels::new() };
    let mut labels = Labels::new();
    for (key, node) in fields.entries() {
        let name = &key.text;
        if AGENT_LABELS.contains(&name.as_str()) {
            cx.error(key.at, format!("{path}: \"{name}\" is set by shiftwatch itself"), "choose another name");
        } else if !is_label_name(name) || name.starts_with("__") {
            cx.error(key.at, format!("{path}: \"{name}\" is not a label name"), "write letters, digits and _");
        } else if name == "severity" {
            if let Some(severity) = cx.one_of(node, &format!("{path}.severity"), &SEVERITIES) {
                labels.insert(name.clone(), severity.to_owned());
            }
        } else if let Some(value) = cx.word(node, &format!("{path}.{name}")) {
            if value.contains("{{") {
                cx.error(
                    node.at,
                    format!("{path}.{name} is a template"),
                    "labels are fixed; put templates into annotations",
                );
            }
            labels.insert(name.clone(), value);
        }
    }
    labels
}

fn read_annotations(node: &Node, path: &str, cx: &mut Reading<'_>) -> Labels {
    let Some(fields) = Fields::of(node, path, cx) else { return Labels::new() };
    let mut annotations = Labels::new();
    for (key, node) in fields.entries() {
        let name = &key.text;
        if AGENT_ANNOTATIONS.contains(&name.as_str()) {
            cx.error(key.at, format!("{path}: \"{name}\" is set by shiftwatch itself"), "choose another name");
        } else if !is_label_name(name) {
            cx.error(key.at, format!("{path}: \"{name}\" is not an annotation name"), "write letters, digits and _");
        } else if let Some(template) = check_template(node, &format!("{path}.{name}"), template::Place::Annotation, cx)
        {
            annotations.insert(name.clone(), template);
        }
    }
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_where_they_are_compared() {
        for (source, tags) in [
            (r#"!client.tags.exists(t, t == "respite")"#, vec!["respite"]),
            (r#"'live-in' in client.tags && shift.location == "north""#, vec!["live-in"]),
            (r#"client.tags.exists(t, t == "41") && "a" in caregiver.tags"#, vec!["a"]),
            (r#"shift.location == "north""#, vec![]),
            (r#"client.tags.exists(t, (t == "b") || t == "a") && client.id != "x""#, vec!["a", "b"]),
            ("client.tags.exists(t, t == \"a", vec![]),
        ] {
            assert_eq!(tags_of(source), tags, "{source}");
        }
    }
}
