//! Texts become matchers, as Alertmanager reads them since 0.27: two syntaxes, and a rule for which one counts.
//!
//! Given: `severity="page"`, `{severity=~"page|critical", team!=tech}`, `"any name"="x"`, `büro=nord`.
//! Gives: matchers in the order written; none for an empty text or `{}`.
//! Does not: guess. The UTF-8 syntax quotes like Go (`"\u00fc"`) and leaves unquoted whatever has no reserved
//! character; the classic one knows ASCII names only, takes almost anything as an unquoted value (also none), keeps an
//! escape it does not know as it stands, and does not mind a brace that is missing. A text that both read, and read
//! differently, means what it always meant: the classic one counts.

use std::{iter::Peekable, str::CharIndices};

use super::{MatchOp, Matcher, MatcherError, Pattern, is_reserved};

/// Reads any number of matchers.
///
/// # Errors
/// Neither syntax reads the text.
pub fn matchers(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    match (utf8(text), classic(text)) {
        (Err(_), Err(quotes @ MatcherError::Quotes { .. })) => Err(quotes),
        (Err(error), Err(_)) => Err(error),
        (_, Ok(classic)) => Ok(classic),
        (Ok(read), Err(_)) => Ok(read),
    }
}

/// Reads exactly one matcher: in the classic syntax all that stands behind the operator is its value, commas and braces
/// too; in the UTF-8 syntax nothing may follow, and no brace stand around it. Where both read it the classic one counts.
///
/// # Errors
/// Neither syntax reads the text: what is wrong by the classic one, as Alertmanager says it.
pub fn one(text: &str) -> Result<Matcher, MatcherError> {
    let bad = match classic_one(text) {
        Ok(read) => return Ok(read),
        Err(bad) => bad,
    };
    if text.starts_with('{') || text.ends_with('}') {
        return Err(bad);
    }
    match utf8(text).map(|mut read| (read.pop(), read.len())) {
        Ok((Some(only), 0)) => Ok(only),
        _ => Err(bad),
    }
}

fn matcher(name: String, sign: &str, value: String, text: &str) -> Result<Matcher, MatcherError> {
    let pattern = |value: &str| {
        Pattern::new(value).map_err(|what| MatcherError::Regex {
            text: text.trim().to_owned(),
            expression: value.to_owned(),
            what,
        })
    };
    let op = match sign {
        "=~" => MatchOp::Regex(pattern(&value)?),
        "!~" => MatchOp::NotRegex(pattern(&value)?),
        "!=" => MatchOp::NotEqual(value),
        _ => MatchOp::Equal(value),
    };
    Ok(Matcher { name, op })
}

/// The classic syntax.
fn classic(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let inner = text.strip_prefix('{').unwrap_or(text);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in inner.char_indices() {
        match c {
            ',' if !quoted => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            ',' => {}
            '"' if escaped => escaped = false,
            '"' => quoted = !quoted,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    if !inner[from..].trim().is_empty() {
        parts.push(inner[from..].trim());
    }
    parts.into_iter().map(classic_one).collect()
}

fn classic_one(text: &str) -> Result<Matcher, MatcherError> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0C');
    let part = text.trim_matches(is_space);
    if part.is_empty() {
        return Err(MatcherError::Empty);
    }
    let end = part.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))).unwrap_or(part.len());
    let (name, rest) = part.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(MatcherError::BadName { name: name.to_owned() });
    }
    let rest = rest.trim_start_matches(is_space);
    let (sign, raw) = ["=~", "!~", "!=", "="]
        .into_iter()
        .find_map(|sign| rest.strip_prefix(sign).map(|raw| (sign, raw.trim_start_matches(is_space))))
        .ok_or_else(|| MatcherError::NoOperator { text: part.to_owned() })?;
    let quotes = || MatcherError::Quotes { text: part.to_owned(), value: raw.to_owned() };
    let (mut open, raw) = raw.strip_prefix('"').map_or((false, raw), |rest| (true, rest));
    let (mut value, mut escaped) = (String::new(), false);
    for (at, c) in raw.char_indices() {
        let is_last = at + 1 == raw.len();
        match c {
            'n' if escaped => value.push('\n'),
            '"' | '\\' if escaped => value.push(c),
            _ if escaped => value.extend(['\\', c]),
            '\\' if !is_last => {
                escaped = true;
                continue;
            }
            '"' if open && is_last => open = false,
            '"' => return Err(quotes()),
            _ => value.push(c),
        }
        escaped = false;
    }
    if open {
        return Err(quotes());
    }
    matcher(name.to_owned(), sign, value, part)
}

/// A piece of the UTF-8 syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Comma,
    Sign(&'static str),
    Word(String),
}

/// The UTF-8 syntax.
fn utf8(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let tokens = tokens(text)?;
    let whole = || text.trim().to_owned();
    let mut rest = tokens.into_iter().peekable();
    let open = rest.next_if_eq(&Token::Open).is_some();
    let mut found = Vec::new();
    if !open && rest.peek().is_none() {
        return Ok(found);
    }
    while rest.peek().is_some_and(|token| *token != Token::Close) {
        let name = match rest.next() {
            Some(Token::Word(name)) => name,
            Some(Token::Comma) => return Err(MatcherError::Empty),
            Some(Token::Open) => return Err(MatcherError::Braces { text: whole() }),
            _ => return Err(MatcherError::NoName { text: whole() }),
        };
        let Some(Token::Sign(sign)) = rest.next() else { return Err(MatcherError::NoOperator { text: whole() }) };
        let Some(Token::Word(value)) = rest.next() else { return Err(MatcherError::NoValue { text: whole() }) };
        found.push(matcher(name, sign, value, text)?);
        match rest.peek() {
            None | Some(Token::Close) => break,
            Some(Token::Comma) => {
                rest.next();
            }
            Some(_) => return Err(MatcherError::GoesOn { text: whole() }),
        }
    }
    let closed = rest.next_if_eq(&Token::Close).is_some();
    if open != closed {
        return Err(MatcherError::Braces { text: whole() });
    }
    if rest.next().is_some() { Err(MatcherError::GoesOn { text: whole() }) } else { Ok(found) }
}

fn tokens(text: &str) -> Result<Vec<Token>, MatcherError> {
    let whole = || text.trim().to_owned();
    let mut found = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        let token = match c {
            '{' => Token::Open,
            '}' => Token::Close,
            ',' => Token::Comma,
            '=' if next == Some('~') => Token::Sign("=~"),
            '=' => Token::Sign("="),
            '!' if next == Some('=') => Token::Sign("!="),
            '!' if next == Some('~') => Token::Sign("!~"),
            '!' => return Err(MatcherError::NoOperator { text: whole() }),
            '"' => {
                Token::Word(quoted(&mut rest).ok_or_else(|| MatcherError::Quotes { text: whole(), value: whole() })?)
            }
            c if c.is_whitespace() => continue,
            c if is_reserved(c) => return Err(MatcherError::GoesOn { text: whole() }),
            _ => {
                let mut end = text.len();
                while let Some((at, c)) = rest.peek() {
                    if is_reserved(*c) {
                        end = *at;
                        break;
                    }
                    rest.next();
                }
                Token::Word(text[at..end].to_owned())
            }
        };
        if let Token::Sign("=~" | "!=" | "!~") = token {
            rest.next();
        }
        found.push(token);
    }
    Ok(found)
}

/// The text inside the quotes that were just opened, with Go's escapes read. `None`: they do not close, an escape is
/// unknown, or what they make is not UTF-8.
fn quoted(rest: &mut Peekable<CharIndices<'_>>) -> Option<String> {
    let mut bytes = Vec::new();
    let code = |rest: &mut Peekable<CharIndices<'_>>, n: usize, radix: u32, first: u32| {
        (0..n).try_fold(first, |code, _| Some(code * radix + rest.next()?.1.to_digit(radix)?))
    };
    loop {
        let c = match rest.next()?.1 {
            '"' => return String::from_utf8(bytes).ok(),
            '\n' => return None,
            '\\' => match rest.next()?.1 {
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0C',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0B',
                '\\' => '\\',
                '"' => '"',
                'x' => {
                    bytes.push(u8::try_from(code(rest, 2, 16, 0)?).ok()?);
                    continue;
                }
                c @ '0'..='7' => {
                    bytes.push(u8::try_from(code(rest, 2, 8, c.to_digit(8)?)?).ok()?);
                    continue;
                }
                'u' => char::from_u32(code(rest, 4, 16, 0)?)?,
                'U' => char::from_u32(code(rest, 8, 16, 0).filter(|code| *code <= 0x0010_FFFF)?)?,
                _ => return None,
            },
            c => c,
        };
        bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, &'static str, String)>> {
        let found = matchers(text).ok()?;
        Some(found.into_iter().map(|m| (m.name.clone(), m.op.sign(), m.op.value().to_owned())).collect())
    }

    /// The cases by which Alertmanager tests its two readers and the choice between them.
    #[test]
    fn reads_both_syntaxes_and_chooses_as_alertmanager_does() {
        type Row<'a> = (&'a str, Option<&'a [(&'a str, &'a str, &'a str)]>);
        let bar = |value| [("foo", "=", value)];
        let rows: &[Row<'_>] = &[
            // Both read them alike.
            ("", Some(&[])),
            ("{}", Some(&[])),
            ("foo=bar", Some(&bar("bar"))),
            ("{foo=bar}", Some(&bar("bar"))),
            ("{foo=bar,}", Some(&bar("bar"))),
            ("foo=bar,", Some(&bar("bar"))),
            (r#"{foo="bar"}"#, Some(&bar("bar"))),
            ("{foo!=bar}", Some(&[("foo", "!=", "bar")])),
            ("{foo=~[a-z]+}", Some(&[("foo", "=~", "[a-z]+")])),
            ("{foo!~[a-z]+}", Some(&[("foo", "!~", "[a-z]+")])),
            ("{foo=🙂bar}", Some(&bar("🙂bar"))),
            (r#"{foo = "bar", dings != "bums", }"#, Some(&[("foo", "=", "bar"), ("dings", "!=", "bums")])),
            (r#"{foo="bar,quux", job="job1"}"#, Some(&[("foo", "=", "bar,quux"), ("job", "=", "job1")])),
            (r#"{foo=""}"#, Some(&bar(""))),
            (r#"{quote="She said: \"Hi, ladies!\""}"#, Some(&[("quote", "=", r#"She said: "Hi, ladies!""#)])),
            (
                r#"contains_quote != "\"" , contains_comma !~ "foo,bar" , "#,
                Some(&[("contains_quote", "!=", "\""), ("contains_comma", "!~", "foo,bar")]),
            ),
            (r#"statuscode=~"5..""#, Some(&[("statuscode", "=~", "5..")])),
            // Only the UTF-8 syntax reads them.
            ("foo🙂=bar", Some(&[("foo🙂", "=", "bar")])),
            ("{foo🙂=bar,bar=baz🙂}", Some(&[("foo🙂", "=", "bar"), ("bar", "=", "baz🙂")])),
            (r#""foo"="bar""#, Some(&bar("bar"))),
            (r#"{"foo"="bar",}"#, Some(&bar("bar"))),
            (r#"{"foo"="\xf0\x9f\x99\x82"}"#, Some(&bar("🙂"))),
            (r#"{"foo"="\U0001f642"}"#, Some(&bar("🙂"))),
            (r#"{"foo"="bar\t"}"#, Some(&bar("bar\t"))),
            (r#"{"foo"="bar\\"}"#, Some(&bar("bar\\"))),
            (r#"{"foo bar,}"!~"x"}"#, Some(&[("foo bar,}", "!~", "x")])),
            (r#"{name-with-dashes = "bar"}"#, Some(&[("name-with-dashes", "=", "bar")])),
            (r#"1st="x""#, Some(&[("1st", "=", "x")])),
            (r#"""="x""#, Some(&[("", "=", "x")])),
            // Only the classic one does.
            (r"foo=!bar\n", Some(&bar("!bar\n"))),
            (r"{foo=!bar,bar=$baz\n}", Some(&[("foo", "=", "!bar"), ("bar", "=", "$baz\n")])),
            ("{foo='}", Some(&bar("'"))),
            ("{foo=`}", Some(&bar("`"))),
            (r"{foo=\t}", Some(&bar(r"\t"))),
            (r"{foo=bar\}", Some(&bar(r"bar\"))),
            (r"{foo=bar\\}", Some(&bar(r"bar\"))),
            (r#"{foo=bar\"}"#, Some(&bar("bar\""))),
            ("job=", Some(&[("job", "=", "")])),
            ("{foo=,bar=}}", Some(&[("foo", "=", ""), ("bar", "=", "}")])),
            ("{foo=bar}}", Some(&bar("bar}"))),
            ("{foo=bar}},}", Some(&bar("bar}}"))),
            ("{foo=}b", Some(&bar("}b"))),
            ("foo=bar}", Some(&bar("bar"))),
            ("{foo=bar", Some(&bar("bar"))),
            ("{foo=", Some(&bar(""))),
            ("tricky=~~~", Some(&[("tricky", "=~", "~~")])),
            (r#"trickier==\\=\=\""#, Some(&[("trickier", "=", r#"=\=\=""#)])),
            (r#"{foo=:"bar"}"#, None),
            // Both read them, differently: the classic one counts.
            (r#"foo="\xf0\x9f\x99\x82""#, Some(&bar(r"\xf0\x9f\x99\x82"))),
            (r#"foo="bar\t""#, Some(&bar(r"bar\t"))),
            (r#"foo="bar\w""#, Some(&bar(r"bar\w"))),
            // Neither does.
            ("foo!bar", None),
            ("{foo!bar}", None),
            (",", None),
            ("{,}", None),
            (r#"job="value"#, None),
            (r#"job=value""#, None),
            (r#"trickier==\\=\=\"""#, None),
            (r#"contains_unescaped_quote = foo"bar"#, None),
            (r#"{foo=~"invalid[regexp"}"#, None),
            (r#""{foo=\"bar"}"#, None),
            (r#""foo=\"bar""#, None),
            (r#""foo=\"bar\"""#, None),
            (r#""foo="bar"""#, None),
            ("{{foo=", None),
            (r#""foo"="\xf0\x9f""#, None),
            (r#""foo"="\ud800""#, None),
        ];
        for (text, want) in rows {
            let want = want.map(|want| want.iter().map(|(n, s, v)| ((*n).to_owned(), *s, (*v).to_owned())).collect());
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn one_matcher_takes_the_whole_text() {
        for (text, want) in [
            ("foo=bar", "foo=\"bar\""),
            (" a =~ \"b|c\" ", "a=~\"b|c\""),
            ("a!=", "a!=\"\""),
            ("a!~\"x\\\"y\\d\"", "a!~\"x\\\"y\\\\d\""),
            ("a=1,b=2", "a=\"1,b=2\""),
            ("a=b,", "a=\"b,\""),
            ("a=b}", "a=\"b}\""),
            ("a:b=c", "a:b=\"c\""),
            ("a=\\", "a=\"\\\\\""),
            ("a=é", "a=\"é\""),
            // The names that the classic syntax does not know.
            (r#""foo bar"=x"#, "\"foo bar\"=\"x\""),
            ("büro=nord", "büro=\"nord\""),
            ("name-with-dashes=~\"a|b\"", "name-with-dashes=~\"a|b\""),
            ("1st=\"x\\t\"", "1st=\"x\t\""),
        ] {
            assert_eq!(one(text).map(|read| read.to_string()), Ok(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_matcher_is_named_as_alertmanager_does() {
        for (text, want) in [
            ("bad", "bad matcher format: bad"),
            ("", "bad matcher format: "),
            (" ", "bad matcher format:  "),
            ("=b", "bad matcher format: =b"),
            ("1a", "bad matcher format: 1a"),
            ("{a=\"b\"}", "bad matcher format: {a=\"b\"}"),
            ("\"a\"=b,\"c\"=d", "bad matcher format: \"a\"=b,\"c\"=d"),
            ("\"a\"=b}", "bad matcher format: \"a\"=b}"),
            ("a=\"b", "matcher value contains unescaped double quote: \"b"),
            ("a=b\"c", "matcher value contains unescaped double quote: b\"c"),
            ("a=\"b\"c\" ", "matcher value contains unescaped double quote: \"b\"c\""),
            ("a=\"", "matcher value contains unescaped double quote: \""),
        ] {
            assert_eq!(one(text).unwrap_err().in_alertmanagers_words(text), want);
        }
        let said = one("a=~\"(b\"").unwrap_err().in_alertmanagers_words("a=~\"(b\"");
        assert!(said.starts_with("error parsing regexp: ") && said.ends_with(": `^(?:(b)$`"), "{said}");
    }
}
