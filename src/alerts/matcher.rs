//! Label matchers with Alertmanager's meaning: a missing label equals the empty value; regular expressions are
//! anchored at both ends, and mean what they mean in Go. How a text becomes matchers is in [`text`].

use std::fmt;

use regex::Regex;

use super::{alert::Labels, go_regex::translate};

pub mod text;

/// One condition on one label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// The operator and its right side.
    pub op: MatchOp,
}

/// `=`, `!=`, `=~`, `!~`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchOp {
    /// Equal.
    Equal(String),
    /// Not equal.
    NotEqual(String),
    /// The whole value matches.
    Regex(Pattern),
    /// The whole value does not match.
    NotRegex(Pattern),
}

/// A regular expression for a whole value.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    regex: Regex,
}

impl Pattern {
    /// Reads an expression in Go's syntax.
    ///
    /// # Errors
    /// It does not read: what is wrong with it, in one line.
    pub fn new(written: &str) -> Result<Self, String> {
        let translated = translate(written)?;
        let read = Regex::new(&format!("^(?:{translated})$"));
        let what = |error: regex::Error| {
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        };
        read.map(|regex| Self { written: written.to_owned(), regex }).map_err(what)
    }

    /// Whether the whole value matches.
    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// As written, without the anchors.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for Pattern {}

impl MatchOp {
    /// The operator, as written.
    #[must_use]
    pub const fn sign(&self) -> &'static str {
        match self {
            Self::Equal(_) => "=",
            Self::NotEqual(_) => "!=",
            Self::Regex(_) => "=~",
            Self::NotRegex(_) => "!~",
        }
    }

    /// The right side, as written.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Self::Equal(value) | Self::NotEqual(value) => value,
            Self::Regex(pattern) | Self::NotRegex(pattern) => pattern.as_str(),
        }
    }
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

/// Why a matcher could not be read; [`MatcherError::instead`] says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// Nothing there.
    #[error("an empty matcher")]
    Empty,
    /// No label name before the operator.
    #[error("matcher `{text}` has no label name")]
    NoName {
        /// The part in question.
        text: String,
    },
    /// A name that no label can have.
    #[error("`{name}` is no label name")]
    BadName {
        /// As written.
        name: String,
    },
    /// No operator.
    #[error("matcher `{text}` has no operator")]
    NoOperator {
        /// The part in question.
        text: String,
    },
    /// A quoted string without its end, or text after it.
    #[error("the quotes in matcher `{text}` do not close")]
    Quotes {
        /// The part in question.
        text: String,
        /// Its value, as written.
        value: String,
    },
    /// An operator without a value after it.
    #[error("matcher `{text}` has no value")]
    NoValue {
        /// The part in question.
        text: String,
    },
    /// Braces that do not pair, or stand around a matcher that takes none.
    #[error("the braces in matcher `{text}` are not a pair")]
    Braces {
        /// The part in question.
        text: String,
    },
    /// Something between two matchers that is no comma.
    #[error("matcher `{text}` goes on after its value")]
    GoesOn {
        /// The part in question.
        text: String,
    },
    /// A regular expression that is none.
    #[error("the regular expression in `{text}` is not valid: {what}")]
    Regex {
        /// The part in question.
        text: String,
        /// The expression.
        expression: String,
        /// What the regex reader says, in one line.
        what: String,
    },
}

impl MatcherError {
    /// What to write instead.
    #[must_use]
    pub const fn instead(&self) -> &'static str {
        match self {
            Self::Empty | Self::NoName { .. } => r#"write it as severity="page" or severity=~"page|critical""#,
            Self::BadName { .. } => "write letters, digits and _ (not a digit first), or put the name in double quotes",
            Self::NoOperator { .. } => r#"write one of = != =~ !~ after the label name, as in severity="page""#,
            Self::NoValue { .. } => r#"write a value, or "" for none"#,
            Self::Braces { .. } => r#"write none, or both: {severity="page"}"#,
            Self::GoesOn { .. } => "put the value in double quotes, and a comma before the next matcher",
            Self::Quotes { .. } => r#"end the value with " and write \" for a quote inside"#,
            Self::Regex { .. } => r#"write a regular expression, as in severity=~"page|critical""#,
        }
    }
}

/// Characters that a name must be quoted for, as in Alertmanager's UTF-8 syntax.
fn is_reserved(c: char) -> bool {
    c.is_whitespace() || "{}!=~,\\\"'`".contains(c)
}

impl Matcher {
    /// A matcher whose whole value must match a regular expression.
    ///
    /// # Errors
    /// The expression does not read.
    pub fn regex(name: &str, expression: &str) -> Result<Self, MatcherError> {
        let pattern = Pattern::new(expression).map_err(|what| MatcherError::Regex {
            text: format!("{name}=~{expression}"),
            expression: expression.to_owned(),
            what,
        })?;
        Ok(Self { name: name.to_owned(), op: MatchOp::Regex(pattern) })
    }

    /// The same, written with anchors of its own, as Alertmanager names what its older `match_re` says.
    ///
    /// # Errors
    /// The expression does not read.
    pub fn regex_in_anchors(name: &str, expression: &str) -> Result<Self, MatcherError> {
        let mut matcher = Self::regex(name, expression)?;
        if let MatchOp::Regex(pattern) = &mut matcher.op {
            pattern.written = format!("^(?:{expression})$");
        }
        Ok(matcher)
    }

    /// Reads one or more matchers, separated by commas, with or without braces: see [`text::matchers`].
    ///
    /// # Errors
    /// Names the part that is wrong; [`MatcherError::instead`] says what to write. Nothing at all is a mistake, `{}`
    /// matches everything.
    pub fn parse(text: &str) -> Result<Vec<Self>, MatcherError> {
        if text.trim().is_empty() { Err(MatcherError::Empty) } else { text::matchers(text) }
    }

    /// Reads exactly one matcher, as Alertmanager reads a filter of its API and amtool a label: see [`text::one`].
    ///
    /// # Errors
    /// What is wrong by the classic syntax; [`MatcherError::in_alertmanagers_words`] says it as Alertmanager does.
    pub fn parse_single(text: &str) -> Result<Self, MatcherError> {
        text::one(text)
    }
}

impl MatcherError {
    /// What Alertmanager answers where the matcher `text` stands in a request.
    #[must_use]
    pub fn in_alertmanagers_words(&self, text: &str) -> String {
        match self {
            Self::Quotes { value, .. } => format!("matcher value contains unescaped double quote: {value}"),
            Self::Regex { expression, what, .. } => format!("error parsing regexp: {what}: `^(?:{expression})$`"),
            _ => format!("bad matcher format: {text}"),
        }
    }
}

/// Escapes for a text between double quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A condition as Alertmanager writes it; the name stands in quotes only when it has to.
pub(super) fn write_condition(f: &mut fmt::Formatter<'_>, name: &str, sign: &str, value: &str) -> fmt::Result {
    let value = escaped(value);
    if name.is_empty() || name.chars().any(is_reserved) {
        write!(f, "\"{}\"{sign}\"{value}\"", escaped(name))
    } else {
        write!(f, "{name}{sign}\"{value}\"")
    }
}

/// As Alertmanager writes it; the name stands in quotes only when it has to.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_condition(f, &self.name, self.op.sign(), self.op.value())
    }
}

/// Matchers in Alertmanager's order (name, value, operator), in braces: `{severity="page",team="tech"}`.
#[must_use]
pub fn written(matchers: &[Matcher]) -> String {
    let order = |matcher: &&Matcher| {
        let rank = ["=", "!=", "=~", "!~"].iter().position(|sign| *sign == matcher.op.sign());
        (matcher.name.clone(), matcher.op.value().to_owned(), rank)
    };
    let mut sorted: Vec<&Matcher> = matchers.iter().collect();
    sorted.sort_by_cached_key(order);
    let parts: Vec<String> = sorted.into_iter().map(ToString::to_string).collect();
    format!("{{{}}}", parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn reads_what_alertmanager_reads() {
        let page = labels(&[("severity", "page"), ("team", "tech"), ("any name", "x,y")]);
        let rows = [
            (r#"severity="page""#, true, "quoted"),
            ("severity=page", true, "unquoted"),
            (r#"severity =~ "page|critical""#, true, "a regex, spaces around the operator"),
            (r#"severity=~"pag""#, false, "a regex is anchored at both ends"),
            (r#"severity=~"critical|p.*""#, true, "the anchors hold the whole alternative"),
            (r#"severity!="page""#, false, "not equal"),
            (r#"severity!~"info|warning""#, true, "not matching"),
            (r#"missing="""#, true, "a missing label equals the empty value"),
            ("missing=", true, "the same, unquoted"),
            (r#"missing!="""#, false, "and is not unequal to it"),
            (r#"{severity="page", team="tech"}"#, true, "several in braces"),
            (r#"severity="page",team="office""#, false, "several without braces: all must match"),
            (r#""any name"="x,y""#, true, "a quoted name, a comma inside the value"),
            (r#"severity="page","#, true, "a comma at the end"),
            ("{}", true, "empty braces match everything"),
        ];
        for (text, want, why) in rows {
            let matchers = Matcher::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(matchers.iter().all(|matcher| matcher.matches(&page)), want, "{text}: {why}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let rows = [
            ("", "an empty matcher"),
            ("severity", "has no operator"),
            (r#"="page""#, "has no label name"),
            (r#"a="b"#, "do not close"),
            (r#"a="b"c"#, "do not close"),
            (r#"a=b"c"#, "do not close"),
            (r#"a=~"(""#, "the regular expression"),
            (r#"a=~"x)|(y""#, "the regular expression"),
            (r#"a="b",,c="d""#, "an empty matcher"),
            (r#"a!"b""#, "has no operator"),
            (r#""a b"="c"}"#, "are not a pair"),
            (r#""a b"="#, "has no value"),
            (r#"a=~"x**""#, "a repetition of a repetition"),
            (r#"a="b" c="d""#, "do not close"),
            (r#""a"=b c=d"#, "goes on after its value"),
        ];
        for (text, want) in rows {
            let error = Matcher::parse(text).expect_err(text).to_string();
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn writes_itself_as_it_is_read() {
        for text in [r#"a="b""#, r#"a!="b\"c""#, r#"a=~"x|y""#, r#"a!~"\\d+""#, r#""a b"="c""#] {
            let matcher = &Matcher::parse(text).unwrap()[0];
            let again = &Matcher::parse(&matcher.to_string()).unwrap()[0];
            assert_eq!(matcher.to_string(), again.to_string(), "{text}");
        }
    }
}
