//! The queries of `GET /api/v2/alerts`, `/alerts/groups` and `/silences`.

use regex::Regex;

use crate::{
    alerts::{
        alert::Labels,
        matcher::{MatchOp, Matcher},
        silence::{Silence, SilenceMatcher},
    },
    view::AlertView,
};

/// Which alerts are asked for.
#[derive(Debug)]
pub(super) struct Filter {
    active: bool,
    silenced: bool,
    inhibited: bool,
    conditions: Conditions,
    /// Which receivers; `None` = all.
    pub(super) receiver: Option<Regex>,
    receiver_conditions: Conditions,
}

/// The conditions of a `filter`, as they are written and ready to match. All must hold.
#[derive(Debug, Default)]
pub(super) struct Conditions(Vec<(SilenceMatcher, Matcher)>);

impl Filter {
    /// Reads the query; `Err` says what is wrong in Alertmanager's words. Unknown parameters are left alone.
    pub(super) fn parse(query: &str) -> Result<Self, String> {
        let mut filter = Self {
            active: true,
            silenced: true,
            inhibited: true,
            conditions: Conditions::default(),
            receiver: None,
            receiver_conditions: Conditions::default(),
        };
        let mut receiver = None;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "active" => filter.active = flag(&value),
                "silenced" => filter.silenced = flag(&value),
                "inhibited" => filter.inhibited = flag(&value),
                "filter" => filter.conditions.add(&value)?,
                "receiver_matchers" => filter.receiver_conditions.add(&value)?,
                "receiver" => receiver = Some(value.into_owned()).filter(|text| !text.is_empty()),
                // `unprocessed` and `muted` pick the same alerts either way: nothing here waits, and what a time interval
                // holds is still active.
                _ => {}
            }
        }
        if let Some(text) = receiver {
            let regex = regex(&text).map_err(|why| format!("failed to parse receiver param: {why}"))?;
            filter.receiver = Some(regex);
        }
        Ok(filter)
    }

    /// Whether an alert is among them whatever its receivers: it fires, and every condition holds. `silenced`: a silence
    /// mutes it now.
    pub(super) fn picks(&self, view: &AlertView, silenced: bool) -> bool {
        let inhibited = !view.inhibited_by.is_empty();
        view.alert.is_firing()
            && (self.active || silenced || inhibited)
            && (self.silenced || !silenced)
            && (self.inhibited || !inhibited)
            && self.conditions.hold(&view.alert.labels)
            // Receivers carry no labels here.
            && self.receiver_conditions.hold(&Labels::new())
    }

    /// Whether somebody with this name is asked for.
    pub(super) fn picks_receiver(&self, name: &str) -> bool {
        self.receiver.as_ref().is_none_or(|regex| regex.is_match(name))
    }
}

impl Conditions {
    /// Those of a query's `filter`.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let mut conditions = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if name == "filter" {
                conditions.add(&value)?;
            }
        }
        Ok(conditions)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let written = matcher(text)?;
        if written.is_regex {
            // What is wrong with it is said in the words of a filter, not of a silence.
            regex(&written.value)?;
        }
        let ready = written.ready();
        self.0.push((written, ready?));
        Ok(())
    }

    fn hold(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(_, matcher)| matcher.matches(labels))
    }

    /// Whether a silence has each of these among its own matchers, letter by letter.
    pub(super) fn are_among(&self, silence: &Silence) -> bool {
        self.0.iter().all(|(written, _)| silence.matchers.contains(written))
    }
}

/// One matcher as it is written, in the words of Alertmanager where it cannot be read.
pub(in crate::http) fn matcher(text: &str) -> Result<SilenceMatcher, String> {
    match classic(text) {
        // Quoted names came later than the syntax that everybody writes.
        Err(bad) if text.trim_start().starts_with('"') => quoted(text).map_err(|why| format!("{bad}: {why}")),
        read => read,
    }
}

/// One matcher as Alertmanager has always read it: a name, an operator, and the rest as the value, quoted or not.
pub(super) fn classic(text: &str) -> Result<SilenceMatcher, String> {
    let bad = || format!("bad matcher format: {text}");
    let trimmed = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let end = trimmed.find(|c| !is_name(c)).ok_or_else(bad)?;
    let (name, rest) = trimmed.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad());
    }
    let rest = rest.trim_start();
    let operators = [("=~", true, true), ("!~", true, false), ("!=", false, false), ("=", false, true)];
    let (value, is_regex, is_equal) = operators
        .into_iter()
        .find_map(|(operator, is_regex, is_equal)| Some((rest.strip_prefix(operator)?.trim(), is_regex, is_equal)))
        .ok_or_else(bad)?;
    Ok(SilenceMatcher { name: name.to_owned(), value: unquoted(value)?, is_regex, is_equal })
}

/// A value without its quotes. `\"`, `\\` and `\n` are read, other escapes stand for themselves.
fn unquoted(value: &str) -> Result<String, String> {
    let stray = || format!("matcher value contains unescaped double quote: {value}");
    let (inner, must_close) = match value.strip_prefix('"') {
        Some(inner) => (inner, true),
        None => (value, false),
    };
    let (mut read, mut escaped, mut closed) = (String::new(), false, false);
    let last = inner.chars().count();
    for (n, c) in inner.chars().enumerate() {
        match c {
            _ if escaped => {
                escaped = false;
                match c {
                    'n' => read.push('\n'),
                    '"' | '\\' => read.push(c),
                    _ => read.extend(['\\', c]),
                }
            }
            '\\' if n + 1 < last => escaped = true,
            '"' if must_close && n + 1 == last => closed = true,
            '"' => return Err(stray()),
            _ => read.push(c),
        }
    }
    if must_close && !closed { Err(stray()) } else { Ok(read) }
}

/// A matcher whose name stands in quotes.
fn quoted(text: &str) -> Result<SilenceMatcher, String> {
    let matchers = Matcher::parse(text).map_err(|why| why.to_string())?;
    let [matcher] = &matchers[..] else { return Err("write one at a time".to_owned()) };
    let (value, is_regex, is_equal) = match &matcher.op {
        MatchOp::Equal(value) => (value.clone(), false, true),
        MatchOp::NotEqual(value) => (value.clone(), false, false),
        MatchOp::Regex(pattern) => (pattern.as_str().to_owned(), true, true),
        MatchOp::NotRegex(pattern) => (pattern.as_str().to_owned(), true, false),
    };
    Ok(SilenceMatcher { name: matcher.name.clone(), value, is_regex, is_equal })
}

/// The expression for a whole value, or what is wrong with it in Go's form.
fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$"))).map_err(|error| {
        let what = error.to_string();
        let what = what.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("error parsing regexp: {what}: `^(?:{text})$`")
    })
}

/// What counts as true in a query. An empty value is the default, everything else is false.
fn flag(value: &str) -> bool {
    let yes = ["", "true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
    yes.contains(&value.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_they_always_were() {
        for (text, want) in [
            ("a=b", "a=\"b\""),
            (" a =~ \"b|c\" ", "a=~\"b|c\""),
            ("a!=", "a!=\"\""),
            ("a!~\"x\\\"y\\d\"", "a!~\"x\\\"y\\\\d\""),
            ("a=1,b=2", "a=\"1,b=2\""),
            ("a:b=c", "a:b=\"c\""),
            ("a=\\", "a=\"\\\\\""),
            ("a=é", "a=\"é\""),
        ] {
            assert_eq!(classic(text).map(|read| read.to_string()), Ok(want.to_owned()), "{text}");
        }
        for (text, want) in [
            ("bad", "bad matcher format: bad"),
            ("", "bad matcher format: "),
            ("1a=b", "bad matcher format: 1a=b"),
            ("{a=\"b\"}", "bad matcher format: {a=\"b\"}"),
            ("a=\"b", "matcher value contains unescaped double quote: \"b"),
            ("a=b\"c", "matcher value contains unescaped double quote: b\"c"),
            ("a=\"b\"c\"", "matcher value contains unescaped double quote: \"b\"c\""),
            ("a=\"", "matcher value contains unescaped double quote: \""),
        ] {
            assert_eq!(classic(text).unwrap_err(), want);
        }
    }

    #[test]
    fn what_is_true_in_a_query() {
        for (value, want) in [("", true), ("true", true), ("T", true), ("1", true), ("maybe", false), ("0", false)] {
            assert_eq!(flag(value), want, "{value}");
        }
    }
}
