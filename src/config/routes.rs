//! `route`: the routing tree, with Alertmanager's names, defaults and inheritance filled in.

use std::{collections::HashMap, time::Duration};

use super::{
    names::Names,
    reading::{Fields, Reading},
    tree::{Node, Place, Value},
};
use crate::alerts::{
    matcher::{MatchOp, Matcher, MatcherError, written},
    route::{GroupBy, Route},
};

/// Alertmanager's defaults.
const GROUP_WAIT: Duration = Duration::from_secs(30);
const GROUP_INTERVAL: Duration = Duration::from_mins(5);
const REPEAT_INTERVAL: Duration = Duration::from_hours(4);

/// The receiver nobody stands behind, when there is no `route`.
pub const NOBODY: &str = "nobody";

/// What routes may refer to.
pub struct Known<'a> {
    /// Receivers.
    pub receivers: &'a Names,
    /// Time intervals.
    pub intervals: &'a Names,
}

/// Everything goes to [`NOBODY`].
#[must_use]
pub fn nobody() -> Route {
    Route {
        id: "{}".into(),
        receiver: NOBODY.into(),
        group_by: GroupBy::Labels(Vec::new()),
        group_wait: GROUP_WAIT,
        group_interval: GROUP_INTERVAL,
        repeat_interval: REPEAT_INTERVAL,
        matchers: Vec::new(),
        mute_time_intervals: Vec::new(),
        active_time_intervals: Vec::new(),
        continue_: false,
        routes: Vec::new(),
    }
}

/// Reads `route:`, the root.
pub fn read_root(node: &Node, known: &Known<'_>, cx: &mut Reading<'_>) -> Option<Route> {
    let mut fields = Fields::of(node, "route", cx)?;
    for key in ["matchers", "match", "match_re"] {
        if let Some(node) = fields.get(key).filter(|node| !is_blank(node)) {
            cx.error(
                node.at,
                format!("route.{key}: the first route takes every alert"),
                "move it to a route under routes",
            );
        }
    }
    for key in ["mute_time_intervals", "active_time_intervals"] {
        if let Some(node) = fields.get(key).filter(|node| !is_blank(node)) {
            cx.error(
                node.at,
                format!("route.{key}: the first route cannot be muted"),
                "move it to a route under routes",
            );
        }
    }
    if let Some(node) = fields.get("continue")
        && !matches!(&node.value, Value::Scalar { text, .. } if text.eq_ignore_ascii_case("false"))
    {
        cx.error(node.at, "route.continue: nothing follows the first route", "remove it");
    }
    fields.need("receiver", "write the receiver of whatever no other route takes", cx)?;
    let parent = nobody();
    read(node, "route", &parent, "{}".into(), known, cx)
}

/// Reads a node that inherits from `parent`. Its matchers were read by its parent, into its id.
fn read(node: &Node, path: &str, parent: &Route, id: String, known: &Known<'_>, cx: &mut Reading<'_>) -> Option<Route> {
    let mut fields = Fields::of(node, path, cx)?;
    let mut route = Route { id, matchers: Vec::new(), continue_: false, routes: Vec::new(), ..parent.clone() };
    route.mute_time_intervals.clear();
    route.active_time_intervals.clear();
    if let Some(node) = fields.get("receiver")
        && let Some(name) = cx.word(node, &format!("{path}.receiver"))
    {
        known.receivers.check(&name, node.at, &format!("{path}.receiver"), "receivers", cx);
        route.receiver = name;
    }
    // An empty list says nothing, as in Alertmanager: the parent's labels stay.
    if let Some(node) = fields.get("group_by").filter(|node| !is_blank(node))
        && let Some(group_by) = read_group_by(node, &format!("{path}.group_by"), cx)
    {
        route.group_by = group_by;
    }
    if let Some(node) = fields.get("group_wait")
        && let Some(wait) = cx.duration(node, &format!("{path}.group_wait"), Duration::ZERO, Duration::MAX)
    {
        route.group_wait = wait;
    }
    route.group_interval = fields.positive("group_interval", cx).unwrap_or(route.group_interval);
    let repeat = fields.positive("repeat_interval", cx);
    route.repeat_interval = repeat.unwrap_or(route.repeat_interval);
    if let (Some(_), Some(node)) = (repeat, fields.get("repeat_interval"))
        && route.repeat_interval < route.group_interval
    {
        let what = format!("{path}.repeat_interval is shorter than its group_interval");
        cx.warn(node.at, what, "a group is looked at only every group_interval: make that one shorter too");
    }
    for (key, into) in [
        ("mute_time_intervals", &mut route.mute_time_intervals),
        ("active_time_intervals", &mut route.active_time_intervals),
    ] {
        let Some(node) = fields.get(key) else { continue };
        let key_path = format!("{path}.{key}");
        for (name, at) in cx.words(node, &key_path).unwrap_or_default() {
            known.intervals.check(&name, at, &key_path, "time_intervals", cx);
            into.push(name);
        }
    }
    route.continue_ = fields.flag("continue", cx).unwrap_or(false);
    // The root's own were complained about, and are known words.
    fields.knows(["matchers", "match", "match_re"]);
    if let Some(node) = fields.get("routes") {
        route.routes = read_children(node, &format!("{path}.routes"), &route, known, cx);
    }
    fields.finish(&[("policy", "escalation policies are not offered yet: name a receiver")], cx);
    Some(route)
}

fn read_children(node: &Node, path: &str, parent: &Route, known: &Known<'_>, cx: &mut Reading<'_>) -> Vec<Route> {
    let Some(items) = cx.list(node, path) else { return Vec::new() };
    let mut n_same: HashMap<String, u32> = HashMap::new();
    let mut children = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("{path}[{n}]");
        let Some(mut fields) = Fields::of(item, &path, cx) else { continue };
        let matchers = read_matchers(&mut fields, &["matchers", "match", "match_re"], cx);
        let mut id = format!("{}/{}", parent.id, written(&matchers));
        let same = n_same.entry(id.clone()).or_default();
        if *same > 0 {
            id = format!("{id}/{same}");
        }
        *same += 1;
        if let Some(mut child) = read(item, &path, parent, id, known, cx) {
            child.matchers = matchers;
            children.push(child);
        }
    }
    children
}

/// Reads `group_by`: label names, or `...` alone.
fn read_group_by(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<GroupBy> {
    let words = cx.words(node, path)?;
    let mut labels: Vec<String> = Vec::new();
    for (word, at) in &words {
        if word == "..." {
            if words.iter().any(|(other, _)| other != "...") {
                cx.error(*at, format!("{path} has ... beside other labels"), "keep ... alone, or remove it");
            }
            return Some(GroupBy::All);
        }
        if labels.contains(word) {
            cx.error(*at, format!("{path} has \"{word}\" twice"), "keep one");
        } else {
            labels.push(word.clone());
        }
    }
    Some(GroupBy::Labels(labels))
}

/// An empty list or mapping.
fn is_blank(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        Value::Null | Value::Scalar { .. } | Value::Spoiled => false,
    }
}

/// A classic label name: letters, digits and `_`, not beginning with a digit. `match` and its like know no others.
#[must_use]
pub fn is_label_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Reads matchers by three keys: the list (or one text), and the older mappings for equality and for regular
/// expressions. An empty value in a mapping is what a missing label equals.
pub fn read_matchers(fields: &mut Fields<'_>, keys: &[&'static str; 3], cx: &mut Reading<'_>) -> Vec<Matcher> {
    let [list, equal, regex] = *keys;
    let mut matchers = Vec::new();
    if let Some(node) = fields.get(list) {
        let path = fields.path(list);
        let texts = match &node.value {
            Value::Scalar { .. } => cx.word(node, &path).map(|text| vec![(text, node.at)]),
            _ => cx.words(node, &path),
        };
        for (text, at) in texts.unwrap_or_default() {
            match Matcher::parse(&text) {
                Ok(read) => matchers.extend(read),
                Err(error) => matcher_fault(&path, at, &error, cx),
            }
        }
    }
    for key in [equal, regex] {
        let Some(node) = fields.get(key) else { continue };
        let path = fields.path(key);
        let Some(older) = Fields::of(node, &path, cx) else { continue };
        for (name, node) in older.entries() {
            let value = match &node.value {
                Value::Null => String::new(),
                Value::Scalar { text, .. } => text.clone(),
                _ => {
                    let _: Option<()> = cx.wrong_shape(node, &format!("{path}.{}", name.text), "text");
                    continue;
                }
            };
            if !is_label_name(&name.text) {
                matcher_fault(&path, name.at, &MatcherError::BadName { name: name.text.clone() }, cx);
            } else if key == equal {
                matchers.push(Matcher { name: name.text.clone(), op: MatchOp::Equal(value) });
            } else {
                // With its anchors, as Alertmanager names such a route.
                match Matcher::regex_in_anchors(&name.text, &value) {
                    Ok(matcher) => matchers.push(matcher),
                    Err(error) => matcher_fault(&path, node.at, &error, cx),
                }
            }
        }
    }
    matchers
}

fn matcher_fault(path: &str, at: Place, error: &MatcherError, cx: &mut Reading<'_>) {
    cx.error(at, format!("{path}: {error}"), error.instead());
}
