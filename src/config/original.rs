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
