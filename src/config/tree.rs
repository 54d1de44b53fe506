//! YAML text becomes a tree in which every node knows its line and column.
//!
//! Given: a file's text. Gives: the tree and every fault of syntax found on the way. After a fault of syntax the
//! sections (top-level keys) that can be read alone still are; the others stand in the tree as [`Value::Spoiled`],
//! on which later checks stay silent, so that one slip does not hide or invent others.
//! Does not: know any key, or turn text into numbers. Scalars stay text, with a note whether they were quoted.

mod slips;

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use self::slips::{Stop, blank_alias, by_sections};
use super::fault::Fault;

/// Where something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// From 1; 0 = no one line.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl Place {
    /// No one line.
    pub const NOWHERE: Self = Self { line: 0, column: 0 };

    fn of(marker: Marker) -> Self {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { line: number(marker.line()), column: number(marker.col()).saturating_add(1) }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first character.
    pub at: Place,
    /// What is there.
    pub value: Value,
}

/// What can stand in YAML.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing after the key, or `~` or `null`.
    Null,
    /// Text that was not empty or was quoted.
    Scalar {
        /// As written, unescaped.
        text: String,
        /// True when quotes or a block say that it is text and nothing else.
        quoted: bool,
    },
    /// In order.
    List(Vec<Node>),
    /// In order, keys unique.
    Map(Vec<(Key, Node)>),
    /// A fault was said here already: readers pass over it silently.
    Spoiled,
}

/// A mapping's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its first character.
    pub at: Place,
    /// Its text.
    pub text: String,
}

/// Bigger files are refused: a configuration is written by hand.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Nodes in all, aliases counted as often as they are used: stops a file that multiplies itself.
const NODES_MAX: usize = 100_000;
/// Levels of nesting; the deepest sensible configuration has about twelve.
const DEPTH_MAX: usize = 48;
/// So many unknown aliases are named one by one.
const UNKNOWN_ALIASES_MAX: usize = 20;

/// Reads a file's bytes. `None` when nothing of it could be read, or it is empty: a fault says which.
pub fn read(file: &str, bytes: &[u8], faults: &mut Vec<Fault>) -> Option<Node> {
    if bytes.len() > TEXT_BYTES_MAX {
        faults.push(Fault::error(file, Place::NOWHERE, "the file is larger than 1 MiB", "split it"));
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            let at = Place::of(Marker::new(0, line, column - 1));
            faults.push(Fault::error(file, at, "the file is not UTF-8 from here on", "save it as UTF-8"));
            return None;
        }
    };
    let n_faults = faults.len();
    let root = read_text(file, text, faults);
    if root.is_none() && faults.len() == n_faults {
        let what = "the file is empty";
        faults.push(Fault::error(file, Place { line: 1, column: 1 }, what, "the files in examples show what to write"));
    }
    root
}

fn read_text(file: &str, text: &str, faults: &mut Vec<Fault>) -> Option<Node> {
    let mut text = text.to_owned();
    let mut spoiled = Vec::new();
    loop {
        match build(file, &text, &spoiled) {
            Ok(built) => {
                faults.extend(built.faults);
                return built.root;
            }
            Err(stop) if stop.says == UNKNOWN_ALIAS && spoiled.len() < UNKNOWN_ALIASES_MAX => {
                let Some(name) = blank_alias(&mut text, stop.at) else {
                    faults.push(stop.into_fault(file, &text));
                    return None;
                };
                let what = format!("the alias *{name} has no anchor &{name} above it");
                faults.push(Fault::error(
                    file,
                    stop.at,
                    what,
                    format!("write &{name} before what it stands for, or quote the text"),
                ));
                spoiled.push(stop.at);
            }
            Err(stop) => return Some(by_sections(file, &text, stop, &spoiled, faults)),
        }
    }
}

const UNKNOWN_ALIAS: &str = "while parsing node, found unknown anchor";

struct Built {
    root: Option<Node>,
    faults: Vec<Fault>,
}

/// A collection whose end has not come yet.
enum Open {
    List { at: Place, anchor: usize, items: Vec<Node> },
    Map { at: Place, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key>, merges: Vec<Node> },
}

/// Follows the parser's events with a stack of its own, so that depth is ours to bound.
fn build(file: &str, text: &str, spoiled: &[Place]) -> Result<Built, Stop> {
    let mut parser = Parser::new_from_str(text);
    let mut building =
        Building { file, open: Vec::new(), anchors: HashMap::new(), n_nodes: 0, root: None, faults: Vec::new() };
    let mut n_documents = 0;
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| Stop {
            at: Place::of(*error.marker()),
            says: error.info().to_owned(),
            opened: building.open.last().map(|open| match open {
                Open::List { at, .. } | Open::Map { at, .. } => *at,
            }),
        })?;
        let at = Place::of(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => break,
            Event::DocumentStart(_) => {
                n_documents += 1;
                if n_documents > 1 {
                    building.fault(
                        at,
                        "a second document begins here",
                        "keep one document a file: remove the line ---",
                    );
                    break;
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain;
                let value = if spoiled.contains(&at) {
                    Value::Spoiled
                } else if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
                    building.tag_fault(at);
                    Value::Spoiled
                } else if !quoted && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") {
                    Value::Null
                } else {
                    Value::Scalar { text: text.into_owned(), quoted }
                };
                building.put(Node { at, value }, anchor);
            }
            Event::Alias(id) => {
                let node = building.anchors.get(&id).cloned().unwrap_or_else(|| {
                    building.faults.push(Fault::error(
                        file,
                        at,
                        "this alias stands inside what it stands for",
                        "write the value out",
                    ));
                    Node { at, value: Value::Spoiled }
                });
                building.n_nodes += count(&node);
                building.put(node, 0);
            }
            Event::SequenceStart(anchor, tag) => {
                if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
                    building.tag_fault(at);
                }
                building.open.push(Open::List { at, anchor, items: Vec::new() });
            }
            Event::MappingStart(anchor, tag) => {
                if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
                    building.tag_fault(at);
                }
                building.open.push(Open::Map { at, anchor, entries: Vec::new(), key: None, merges: Vec::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => building.close(),
        }
        if building.open.len() > DEPTH_MAX {
            return Err(Stop { at, says: format!("nested more than {DEPTH_MAX} levels deep"), opened: None });
        }
        if building.n_nodes > NODES_MAX {
            return Err(Stop {
                at,
                says: format!("more than {NODES_MAX} values, aliases counted each time"),
                opened: None,
            });
        }
    }
    Ok(Built { root: building.root, faults: building.faults })
}

struct Building<'f> {
    file: &'f str,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    n_nodes: usize,
    root: Option<Node>,
    faults: Vec<Fault>,
}

impl Building<'_> {
    fn fault(&mut self, at: Place, what: &str, instead: &str) {
        self.faults.push(Fault::error(self.file, at, what, instead));
    }

    fn tag_fault(&mut self, at: Place) {
        self.fault(at, "a YAML tag (!) has no meaning here", "remove it, or quote the text");
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List { at, anchor, items }) => self.put(Node { at, value: Value::List(items) }, anchor),
            Some(Open::Map { at, anchor, mut entries, merges, .. }) => {
                for merged in merges {
                    self.merge(&mut entries, merged);
                }
                self.put(Node { at, value: Value::Map(entries) }, anchor);
            }
            None => {}
        }
    }

    /// `<<: *base`: what the mapping does not say itself comes from the base.
    fn merge(&mut self, entries: &mut Vec<(Key, Node)>, merged: Node) {
        match merged.value {
            Value::Map(base) => {
                for (key, node) in base {
                    if entries.iter().all(|(known, _)| known.text != key.text) {
                        entries.push((key, node));
                    }
                }
            }
            Value::List(bases) if bases.iter().all(|base| matches!(base.value, Value::Map(_))) => {
                for base in bases {
                    self.merge(entries, base);
                }
            }
            Value::Spoiled => {}
            _ => self.fault(
                merged.at,
                "<< needs a mapping to take entries from",
                "write << : *name of an anchored mapping",
            ),
        }
    }

    fn put(&mut self, node: Node, anchor: usize) {
        self.n_nodes += 1;
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => {
                self.root.get_or_insert(node);
            }
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, merges, .. }) => match key.take() {
                None => {
                    let text = match node.value {
                        Value::Scalar { text, .. } => text,
                        Value::Null => "null".into(),
                        _ => {
                            let what = "a key must be plain text";
                            self.faults.push(Fault::error(
                                self.file,
                                node.at,
                                what,
                                "quote it when it begins with [, {, * or &",
                            ));
                            String::new()
                        }
                    };
                    *key = Some(Key { at: node.at, text });
                }
                // The fault of such a key was said when it was read.
                Some(key) if key.text.is_empty() => {}
                Some(key) if key.text == "<<" => merges.push(node),
                Some(key) => {
                    if let Some((first, _)) = entries.iter().find(|(known, _)| known.text == key.text) {
                        let what =
                            format!("\"{}\" stands here a second time (first in line {})", key.text, first.at.line);
                        self.faults.push(Fault::error(self.file, key.at, what, "keep one of the two"));
                    } else {
                        entries.push((key, node));
                    }
                }
            },
        }
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|(_, node)| count(node)).sum(),
        Value::Null | Value::Scalar { .. } | Value::Spoiled => 0,
    }
}

#[cfg(test)]
mod tests;
