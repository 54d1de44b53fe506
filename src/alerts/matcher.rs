//! Label matchers with Alertmanager's meaning: a missing label equals the empty value; regular expressions are
//! anchored at both ends.

use regex::Regex;

use super::alert::Labels;

/// One condition on one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// The operator and its right side.
    pub op: MatchOp,
}

/// `=`, `!=`, `=~`, `!~`.
#[derive(Debug, Clone)]
pub enum MatchOp {
    /// Equal.
    Equal(String),
    /// Not equal.
    NotEqual(String),
    /// The whole value matches.
    Regex(Regex),
    /// The whole value does not match.
    NotRegex(Regex),
}

impl Matcher {
    /// Whether the labels meet the condition.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.name).map_or("", String::as_str);
        match &self.op {
            MatchOp::Equal(want) => value == want,
            MatchOp::NotEqual(want) => value != want,
            MatchOp::Regex(regex) => regex.is_match(value),
            MatchOp::NotRegex(regex) => !regex.is_match(value),
        }
    }
}
