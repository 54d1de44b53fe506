//! The configuration as it may be shown: written anew from the tree, without comments (people comment passwords out)
//! and with `<secret>` in the place of secrets, phone numbers and addresses.

use std::{collections::HashSet, fmt::Write};

use super::tree::{Node, Place, Value};

/// What stands for a hidden value.
pub const HIDDEN: &str = "<secret>";

/// Writes a tree as YAML.
#[must_use]
pub fn write(root: &Node, hidden: &HashSet<Place>) -> String {
    let mut text = String::new();
    put(root, 0, hidden, &mut text);
    text
}

/// The same text as a file that Alertmanager's own programs read: what they do not know stands in comments. `text` is what
/// [`write`] made.
#[must_use]
pub fn for_alertmanager(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut section = "";
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.split(':').next().unwrap_or_default();
        }
        let known = match section {
            "route" | "inhibit_rules" | "time_intervals" | "mute_time_intervals" => true,
            // Who there is, not how they are reached: many ways out are none of Alertmanager's.
            "receivers" => line == "receivers:" || line == "  -" || line.starts_with("    name:"),
            _ => false,
        };
        shown.push_str(if known { "" } else { "# " });
        shown.push_str(line);
        shown.push('\n');
    }
    shown
}

fn put(node: &Node, depth: usize, hidden: &HashSet<Place>, text: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let _ = write!(text, "{indent}{}:", scalar(&key.text, false));
                after(value, depth, hidden, text);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(text, "{indent}-");
                after(item, depth, hidden, text);
            }
        }
        _ => {
            let _ = writeln!(text, "{indent}{}", single(node, hidden));
        }
    }
}

/// What follows a key or a dash.
fn after(node: &Node, depth: usize, hidden: &HashSet<Place>, text: &mut String) {
    let is_block = match &node.value {
        Value::Map(entries) => !entries.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        put(node, depth + 1, hidden, text);
    } else {
        let _ = writeln!(text, " {}", single(node, hidden));
    }
}

fn single(node: &Node, hidden: &HashSet<Place>) -> String {
    match &node.value {
        Value::Scalar { .. } if hidden.contains(&node.at) => HIDDEN.into(),
        Value::Scalar { text, quoted } => scalar(text, *quoted),
        Value::Map(_) => "{}".into(),
        Value::List(_) => "[]".into(),
        Value::Null | Value::Spoiled => "null".into(),
    }
}

/// Plain where it reads back as the same, else in double quotes, which JSON shares with YAML.
fn scalar(text: &str, quoted: bool) -> String {
    let plain = !quoted
        && text.chars().all(|c| c.is_alphanumeric() || "_./@".contains(c) || c == '-')
        && text.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '/');
    if plain || text == HIDDEN { text.to_owned() } else { serde_json::Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree;

    #[test]
    fn alertmanager_reads_its_own_part() {
        let source = "store: a\nroute: {receiver: a, routes: [{receiver: b}]}\nreceivers: [{name: a, sms_configs: [{to: x}]}, {name: b}]\n";
        let root = tree::read("f", source.as_bytes(), &mut Vec::new()).expect("a tree");
        let text = for_alertmanager(&write(&root, &HashSet::new()));
        let want = "# store: a\nroute:\n  receiver: a\n  routes:\n    -\n      receiver: b\nreceivers:\n  -\n    name: a\n#     sms_configs:\n#       -\n#         to: x\n  -\n    name: b\n";
        assert_eq!(text, want);
    }

    #[test]
    fn what_is_written_reads_back_as_the_same_without_secrets_and_comments() {
        let source = "a: {b: [1, 'x: y', [], {}, ~], c: pass}\n# old: hunter2\nd: \"1\"\n- e: |\n    two\n    lines\n";
        let source = source.replace("- e", "e");
        let mut faults = Vec::new();
        let root = tree::read("f", source.as_bytes(), &mut faults).expect("a tree");
        assert!(faults.is_empty(), "{faults:?}");
        let column = u32::try_from(source.find("pass").expect("the secret")).expect("small") + 1;
        let hidden = HashSet::from([Place { line: 1, column }]);
        let text = write(&root, &hidden);
        assert!(text.contains("c: <secret>") && !text.contains("pass") && !text.contains("hunter2"), "{text}");
        let again = tree::read("f", text.as_bytes(), &mut faults).expect("a tree");
        assert!(faults.is_empty(), "{text} {faults:?}");
        assert_eq!(write(&again, &HashSet::new()), text);
    }
}
