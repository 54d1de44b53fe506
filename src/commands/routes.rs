//! `routes`: who would hear of an alert, and the whole tree, as `amtool config routes` prints them.
//!
//! Given: the routing of a configuration of ours or of an Alertmanager's own file. Gives: text and an exit code.
//! Does not: ask a running agent, or look at time intervals, silences and inhibition: they say when, not who.

use std::io::{self, Write};

use super::Exit;
use crate::alerts::{
    alert::Labels,
    matcher::{MatchOp, Matcher, written},
    route::Route,
};

/// What `routes test` is asked.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The alert's labels.
    pub labels: Labels,
    /// Who should hear of it, between commas.
    pub verify: Option<String>,
    /// Prints the way through the tree first.
    pub tree: bool,
}

/// One `label=value` of the command line, in Alertmanager's syntax for a matcher.
///
/// # Errors
/// Words on what to write.
pub fn label(text: &str) -> Result<(String, String), String> {
    match Matcher::parse_single(text) {
        Ok(Matcher { name, op: MatchOp::Equal(value) }) => Ok((name, value)),
        Ok(_) => Err("write label=value, for example severity=page".into()),
        Err(error) => Err(format!("{error}; write label=value, for example severity=page")),
    }
}

/// Prints the receivers of an alert with these labels, in the order of the tree.
///
/// # Errors
/// The output cannot be written.
pub fn test(route: &Route, wish: &Wish, out: &mut impl Write) -> io::Result<Exit> {
    if wish.tree {
        writeln!(out, "Matching routes:\n.\n{}\n", drawn(&[matching(route, &wish.labels)], ""))?;
    }
    let receivers: Vec<&str> = route.matches(&wish.labels).iter().map(|route| route.receiver.as_str()).collect();
    let receivers = receivers.join(",");
    writeln!(out, "{receivers}")?;
    if wish.verify.as_ref().is_some_and(|wanted| !wanted.is_empty() && *wanted != receivers) {
        writeln!(out, "WARNING: Expected receivers did not match resolved receivers.")?;
        return Ok(Exit::Failed);
    }
    Ok(Exit::Done)
}

/// Prints the whole tree.
///
/// # Errors
/// The output cannot be written.
pub fn show(route: &Route, out: &mut impl Write) -> io::Result<Exit> {
    writeln!(out, "Routing tree:\n.\n{}", drawn(&[whole(route)], ""))?;
    Ok(Exit::Done)
}

/// A node as it is drawn, and what hangs from it.
struct Branch {
    text: String,
    below: Vec<Branch>,
}

fn named(route: &Route) -> String {
    if route.matchers.is_empty() { "default-route".into() } else { written(&route.matchers) }
}

fn whole(route: &Route) -> Branch {
    let continues = if route.continue_ { "  continue: true" } else { "" };
    let text = format!("{}{continues}  receiver: {}", named(route), route.receiver);
    Branch { text, below: route.routes.iter().map(whole).collect() }
}

/// The nodes that an alert passes; those that it stops at have their receiver.
fn matching(route: &Route, labels: &Labels) -> Branch {
    let mut below = Vec::new();
    for child in &route.routes {
        if child.matchers.iter().all(|matcher| matcher.matches(labels)) {
            below.push(matching(child, labels));
            if !child.continue_ {
                break;
            }
        }
    }
    let receiver = if below.is_empty() { format!("  receiver: {}", route.receiver) } else { String::new() };
    Branch { text: format!("{}{receiver}", named(route)), below }
}

/// The lines of these branches and all below, with amtool's edges (no-break spaces among them).
fn drawn(branches: &[Branch], indent: &str) -> String {
    let mut lines = String::new();
    for (n, branch) in branches.iter().enumerate() {
        let last = n + 1 == branches.len();
        lines.extend([indent, if last { "└── " } else { "├── " }, &branch.text, "\n"]);
        let below = format!("{indent}{}", if last { "    " } else { "│\u{a0}\u{a0} " });
        lines.push_str(&drawn(&branch.below, &below));
    }
    lines
}
