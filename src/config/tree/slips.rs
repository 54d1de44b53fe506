//! What to make of a text that is not YAML: plain words for what is wrong, and the sections that can still be read.

use super::{Built, Key, Node, Place, UNKNOWN_ALIAS, Value, build};
use crate::config::fault::Fault;

/// Why the text could not be read to its end.
pub(super) struct Stop {
    pub(super) at: Place,
    pub(super) says: String,
    /// The innermost collection that was not closed yet.
    pub(super) opened: Option<Place>,
}

impl Stop {
    pub(super) fn into_fault(self, file: &str, text: &str) -> Fault {
        if let Some((at, what)) = strange_indent(text, self.at.line) {
            return Fault::error(file, at, what, "indent with spaces");
        }
        if let Some(at) = shell_variable(text, self.at) {
            return Fault::error(file, at, "${…} is a shell's way to name a variable", "write { env: NAME }");
        }
        let line_of = |at: Place| text.lines().nth((at.line as usize).saturating_sub(1)).unwrap_or_default();
        if let Some(opened) = self.opened.filter(|_| self.says.contains("flow") || self.says.contains("',' or"))
            && let Some(bracket @ ('[' | '{')) = line_of(opened).chars().nth((opened.column as usize).saturating_sub(1))
        {
            let closing = if bracket == '[' { ']' } else { '}' };
            let what = format!("the {bracket} opened here is not closed (noticed in line {})", self.at.line);
            return Fault::error(
                file,
                opened,
                what,
                format!("write {closing} where it ends, and commas between entries"),
            );
        }
        if self.says.contains("expect ':'")
            && let Some(at) = line_without_colon(text, self.at)
        {
            return Fault::error(file, at, "this line has no colon with a space after it", "write it as key: value");
        }
        // What the parser says, in words that lead somewhere; the first that fits.
        let plainly = [
            (
                "mapping values are not allowed",
                "a second \": \" stands in this line",
                "quote a text that holds \": \", and check the indentation",
            ),
            (
                "trailing content after",
                "the text goes on after its closing quotation mark",
                "write '' for a ' inside single quotation marks, \\\" for a \" inside double ones",
            ),
            ("quoted scalar", "the quotation mark opened here is not closed", "close it"),
            ("misplaced bracket", "this bracket closes nothing", "remove it, or open it before"),
            ("did not find expected '-'", "this line fits no line above it", "align it with the lines it belongs to"),
            ("block mapping", "this line fits no line above it", "align it with the lines it belongs to"),
            ("unexpected character", "a text cannot begin with this character", "put the text in quotation marks"),
            ("directive", "a line cannot begin with %", "put the text in quotation marks, or remove the line"),
        ];
        if let Some((_, what, instead)) = plainly.iter().find(|(says, ..)| self.says.contains(says)) {
            return Fault::error(file, self.at, *what, *instead);
        }
        let what = format!("this is not YAML: {}", self.says);
        Fault::error(file, self.at, what, "check the indentation, brackets and quotation marks here and just above")
    }
}

/// The line indented with what only looks like spaces, near where the parser stopped: a plain text goes on over lines
/// so indented, so that the stop may be said of the line before or after.
fn strange_indent(text: &str, stopped_in: u32) -> Option<(Place, &'static str)> {
    let near = [Some(stopped_in), stopped_in.checked_add(1), stopped_in.checked_sub(1)];
    near.into_iter().flatten().find_map(|n| {
        let line = text.lines().nth((n as usize).checked_sub(1)?)?;
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            return None;
        }
        let indent = &line[..line.len() - content.len()];
        let (column, c) = indent.chars().enumerate().find(|(_, c)| *c != ' ')?;
        let what = match c {
            '\t' => "this line is indented with a tab",
            '\u{a0}' => "this line is indented with no-break spaces (U+00A0)",
            _ => "this line is indented with characters that only look like spaces",
        };
        Some((Place { line: n, column: u32::try_from(column).ok()? + 1 }, what))
    })
}

/// A `${` between braces of YAML's own, in the line where the parser stopped or the one above.
fn shell_variable(text: &str, at: Place) -> Option<Place> {
    let near = [Some(at.line), at.line.checked_sub(1)];
    near.into_iter().flatten().find_map(|n| {
        let line = text.lines().nth((n as usize).checked_sub(1)?)?;
        let before = line.split_once("${").map(|(before, _)| before).filter(|before| !before.contains('#'))?;
        (before.contains('{')).then_some(Place { line: n, column: u32::try_from(before.chars().count()).ok()? + 1 })
    })
}

/// The nearest line at or above a place that is neither `key: value`, nor a list's entry, nor a comment.
fn line_without_colon(text: &str, at: Place) -> Option<Place> {
    let lines: Vec<&str> = text.lines().take(at.line as usize).collect();
    let (n, line) = lines.iter().enumerate().rev().take(3).find(|(_, line)| {
        let content = line.trim().trim_start_matches("- ");
        !content.is_empty() && !content.starts_with('#') && !content.contains(": ") && !content.ends_with(':')
    })?;
    let column = line.len() - line.trim_start().len() + 1;
    Some(Place { line: u32::try_from(n).ok()? + 1, column: u32::try_from(column).ok()? })
}

/// Puts `~` where an alias stands and answers its name.
pub(super) fn blank_alias(text: &mut String, at: Place) -> Option<String> {
    let line_at = at.line.checked_sub(1)? as usize;
    let line_start: usize = text.split_inclusive('\n').take(line_at).map(str::len).sum();
    let line = text.get(line_start..)?;
    let offset: usize = line.chars().take(at.column.checked_sub(1)? as usize).map(char::len_utf8).sum();
    let alias = line.get(offset..)?.strip_prefix('*')?;
    let name_len = alias.find(|c: char| c.is_whitespace() || ",[]{}".contains(c)).unwrap_or(alias.len());
    let name = alias[..name_len].to_owned();
    let start = line_start + offset;
    text.replace_range(start..=start + name_len, &format!("~{}", " ".repeat(name.chars().count())));
    Some(name)
}

/// After a fault of syntax: reads each top-level section alone, keeps what can be read, and names what cannot.
pub(super) fn by_sections(file: &str, text: &str, whole: Stop, spoiled: &[Place], faults: &mut Vec<Fault>) -> Node {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let starts: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| top_level_key(line).is_some()).map(|(at, _)| at).collect();
    let mut entries: Vec<(Key, Node)> = Vec::new();
    let mut n_faults = 0;
    for (place, &start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).copied().unwrap_or(lines.len());
        let alone: String = std::iter::repeat_n("\n", start).chain(lines[start..end].iter().copied()).collect();
        match build(file, &alone, spoiled) {
            Ok(Built { root: Some(Node { value: Value::Map(read), .. }), faults: found }) => {
                faults.extend(found);
                for (key, node) in read {
                    if entries.iter().all(|(known, _)| known.text != key.text) {
                        entries.push((key, node));
                    }
                }
            }
            Ok(_) => {}
            Err(stop) => {
                // An anchor of another section is no fault of this one.
                if stop.says != UNKNOWN_ALIAS {
                    n_faults += 1;
                    faults.push(stop.into_fault(file, text));
                }
                let at = Place { line: u32::try_from(start).unwrap_or(0) + 1, column: 1 };
                let text = top_level_key(lines[start]).unwrap_or_default().to_owned();
                entries.push((Key { at, text }, Node { at, value: Value::Spoiled }));
            }
        }
    }
    if n_faults == 0 {
        faults.push(whole.into_fault(file, text));
        return Node { at: Place { line: 1, column: 1 }, value: Value::Spoiled };
    }
    Node { at: Place { line: 1, column: 1 }, value: Value::Map(entries) }
}

fn top_level_key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_key && rest.chars().next().is_none_or(char::is_whitespace)).then_some(key)
}
