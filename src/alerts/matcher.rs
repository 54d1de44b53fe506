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
    },
    /// A regular expression that is none.
    #[error("the regular expression in `{text}` is not valid: {what}")]
    Regex {
        /// The part in question.
        text: String,
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
            Self::Quotes { .. } => r#"end the value with " and write \" for a quote inside"#,
            Self::Regex { .. } => r#"write a regular expression, as in severity=~"page|critical""#,
        }
    }
}

impl Matcher {
    /// A matcher whose whole value must match a regular expression.
    ///
    /// # Errors
    /// The expression does not read.
    pub fn regex(name: &str, expression: &str) -> Result<Self, MatcherError> {
        Ok(Self { name: name.to_owned(), op: MatchOp::Regex(anchored(expression, expression)?) })
    }

    /// Reads one or more matchers, separated by commas, with or without braces: Alertmanager's syntax.
    ///
    /// `severity="page"`, `severity=~"page|critical"`, `team=tech` (unquoted), `"any name"="x"` (quoted names), and
    /// `{a="b", c!="d"}`. An error names the part that is wrong and what to write instead.
    pub fn parse(text: &str) -> Result<Vec<Self>, MatcherError> {
        let trimmed = text.trim();
        let inner = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(trimmed);
        if inner.trim().is_empty() {
            // `{}` matches everything, as in Alertmanager; nothing at all is a mistake.
            return if trimmed.is_empty() { Err(MatcherError::Empty) } else { Ok(Vec::new()) };
        }
        let mut parts = split_at_commas(inner);
        if parts.len() > 1 && parts.last().is_some_and(|last| last.trim().is_empty()) {
            parts.pop();
        }
        parts.into_iter().map(|part| parse_one(part.trim())).collect()
    }
}

/// Cuts at commas outside double quotes.
fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

fn parse_one(text: &str) -> Result<Matcher, MatcherError> {
    if text.is_empty() {
        return Err(MatcherError::Empty);
    }
    let (name, rest) = if text.starts_with('"') {
        let (name, rest) = unquote(text, text)?;
        (name, rest.trim_start())
    } else {
        let end = text.find(['=', '!', '~']).ok_or_else(|| MatcherError::NoOperator { text: text.to_owned() })?;
        (text[..end].trim().to_owned(), &text[end..])
    };
    if name.is_empty() {
        return Err(MatcherError::NoName { text: text.to_owned() });
    }
    if !text.starts_with('"') && !is_plain_name(&name) {
        return Err(MatcherError::BadName { name });
    }
    let (operator, value) = ["=~", "!~", "!=", "="]
        .iter()
        .find_map(|operator| rest.strip_prefix(operator).map(|value| (*operator, value.trim())))
        .ok_or_else(|| MatcherError::NoOperator { text: text.to_owned() })?;
    let value = if value.starts_with('"') {
        let (value, rest) = unquote(value, text)?;
        if !rest.trim().is_empty() {
            return Err(MatcherError::Quotes { text: text.to_owned() });
        }
        value
    } else if value.contains('"') {
        return Err(MatcherError::Quotes { text: text.to_owned() });
    } else {
        value.to_owned()
    };
    let op = match operator {
        "=~" => MatchOp::Regex(anchored(&value, text)?),
        "!~" => MatchOp::NotRegex(anchored(&value, text)?),
        "!=" => MatchOp::NotEqual(value),
        _ => MatchOp::Equal(value),
    };
    Ok(Matcher { name, op })
}

/// The expression for the whole value; `text` is what an error quotes.
fn anchored(expression: &str, text: &str) -> Result<Regex, MatcherError> {
    // Read alone first: `a)|(b` would become well-formed inside the anchors.
    let read = Regex::new(expression).and_then(|_| Regex::new(&format!("^(?s:{expression})$")));
    read.map_err(|error| MatcherError::Regex {
        text: text.to_owned(),
        what: error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

fn is_plain_name(name: &str) -> bool {
    name.chars()
        .enumerate()
        .all(|(n, c)| c == '_' || c.is_alphabetic() || (n > 0 && c.is_ascii_digit()) || (n > 0 && c == '.'))
}

/// The text inside the quotes that `text` begins with, and what follows them. `\"`, `\\` and `\n` are read.
fn unquote<'a>(text: &'a str, whole: &str) -> Result<(String, &'a str), MatcherError> {
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in text.char_indices().skip(1) {
        match (c, escaped) {
            ('n', true) => value.push('\n'),
            ('"' | '\\', true) => value.push(c),
            // Alertmanager's classic reader keeps an unknown escape as it stands, and `\d` in a regex needs that.
            (_, true) => value.extend(['\\', c]),
            ('\\', false) => {
                escaped = true;
                continue;
            }
            ('"', false) => return Ok((value, &text[at + 1..])),
            (_, false) => value.push(c),
        }
        escaped = false;
    }
    Err(MatcherError::Quotes { text: whole.to_owned() })
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bare = |regex: &Regex| {
            let text = regex.as_str();
            let anchored = text.strip_prefix("^(?s:").or_else(|| text.strip_prefix("^(?:"));
            anchored.and_then(|rest| rest.strip_suffix(")$")).unwrap_or(text).to_owned()
        };
        let (operator, value) = match &self.op {
            MatchOp::Equal(value) => ("=", value.clone()),
            MatchOp::NotEqual(value) => ("!=", value.clone()),
            MatchOp::Regex(regex) => ("=~", bare(regex)),
            MatchOp::NotRegex(regex) => ("!~", bare(regex)),
        };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        if is_plain_name(&self.name) {
            write!(f, "{}{operator}\"{value}\"", self.name)
        } else {
            write!(f, "\"{}\"{operator}\"{value}\"", self.name)
        }
    }
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
            (r#"1st="x""#, "`1st` is no label name"),
            (r#"a="b"#, "do not close"),
            (r#"a="b"c"#, "do not close"),
            (r#"a=b"c"#, "do not close"),
            (r#"a=~"(""#, "the regular expression"),
            (r#"a=~"x)|(y""#, "the regular expression"),
            (r#"a="b",,c="d""#, "an empty matcher"),
            (r#"a!"b""#, "has no operator"),
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
