//! Matchers in a query: the classic syntax, `name="value"`, `name=~"regex"`, quotes optional, braces around a list.

use regex::Regex;

use crate::alerts::matcher::{MatchOp, Matcher};

/// One matcher or a list of them; `Err` says what is wrong.
pub(super) fn parse(text: &str) -> Result<Vec<Matcher>, String> {
    let mut rest = text.trim();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.strip_suffix('}').ok_or("a closing } is missing")?.trim();
    }
    let mut matchers = Vec::new();
    while !rest.is_empty() {
        let (matcher, after) = one(rest)?;
        matchers.push(matcher);
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if rest.is_empty() => break,
            None => return Err("matchers are separated by commas".to_owned()),
        }
    }
    if matchers.is_empty() { Err("write name=\"value\"".to_owned()) } else { Ok(matchers) }
}

fn one(text: &str) -> Result<(Matcher, &str), String> {
    let (name, rest) = if text.starts_with('"') {
        quoted(text)?
    } else {
        let end = text.find(['=', '!']).ok_or("an operator (=, !=, =~, !~) is missing")?;
        (text[..end].trim().to_owned(), &text[end..])
    };
    if name.is_empty() {
        return Err("a label name is missing".to_owned());
    }
    let rest = rest.trim_start();
    let (operator, rest) = ["=~", "!~", "!=", "="]
        .into_iter()
        .find_map(|operator| Some((operator, rest.strip_prefix(operator)?)))
        .ok_or("the operator must be =, !=, =~ or !~")?;
    let rest = rest.trim_start();
    let (value, rest) = if rest.starts_with('"') {
        quoted(rest)?
    } else {
        let end = rest.find(',').unwrap_or(rest.len());
        let value = rest[..end].trim();
        if value.contains('"') {
            return Err("a value with quotes in it must be quoted whole".to_owned());
        }
        (value.to_owned(), &rest[end..])
    };
    let regex = |value: &str| Regex::new(&format!("^(?:{value})$")).map_err(|why| why.to_string());
    let op = match operator {
        "=" => MatchOp::Equal(value),
        "!=" => MatchOp::NotEqual(value),
        "=~" => MatchOp::Regex(regex(&value)?),
        _ => MatchOp::NotRegex(regex(&value)?),
    };
    Ok((Matcher { name, op }, rest))
}

/// The text between quotes, with `\"`, `\\` and `\n` resolved, and what follows.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a closing quote is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(matcher: &str, value: &str) -> bool {
        let labels = [("a".to_owned(), value.to_owned())].into_iter().collect();
        parse(matcher).unwrap().iter().all(|one| one.matches(&labels))
    }

    #[test]
    fn the_classic_syntax() {
        for (matcher, value, want) in [
            (r#"a="x""#, "x", true),
            ("a=x", "x", true),
            (r#"a = "x" "#, "x", true),
            (r#"a!="x""#, "x", false),
            (r#"a=~"x|y""#, "y", true),
            (r#"a=~"x|y""#, "xy", false),
            (r#"a!~"x.*""#, "xy", false),
            (r#"{a="x",b=""}"#, "x", true),
            (r#"{a="x",b="y"}"#, "x", false),
            (r#"a="q\"\\""#, "q\"\\", true),
            (r#""a"="x""#, "x", true),
            (r#"a=~"\\d+""#, "12", true),
            (r#"a=~"\d+""#, "12", true),
        ] {
            assert_eq!(picks(matcher, value), want, "{matcher} on {value}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said_and_never_panics() {
        for text in ["", "a", "=x", "{a=\"x\"", "a=\"x", "a=~\"(\"", "a=\"x\" b=\"y\"", "\"", "{}", "a=b\"c", "é", "\\"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
