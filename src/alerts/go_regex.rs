//! Regular expressions as Go's `regexp` reads them, which is what Alertmanager's files are written in.
//!
//! Given: an expression in Go's syntax (RE2 with Perl's classes). Gives: the same in the syntax of the crate that runs
//! it. The two agree on most; where one text means two things it is rewritten: `\d`, `\w`, `\s` and `\b` are ASCII, inside
//! brackets `[`, `&&`, `~~` and `--` are plain characters, a `{` that counts nothing is a brace, `\Q…\E` quotes, `\12` is
//! octal.
//! Does not: run anything. What differs still: an expression whose program would be larger than ten megabytes is
//! refused, `a)|(b` (which Alertmanager takes because it puts its anchors around the text) is refused, and `\p{…}` knows
//! more names of Unicode than Go does.

use std::{iter::Peekable, str::Chars};

/// The most that a counted repetition may count, as in Go.
const REPEATS_MAX: u32 = 1000;

const NAMED_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Rewrites an expression.
///
/// # Errors
/// A few words on what Go would not read either; what both refuse is left to the crate to say.
pub(super) fn translate(expression: &str) -> Result<String, String> {
    let mut reader = Reader { rest: expression.chars().peekable(), out: String::new() };
    let (mut repeated, mut n_open) = (false, 0_usize);
    while let Some(c) = reader.rest.next() {
        let repeats = match c {
            '*' | '+' | '?' => {
                reader.out.push(c);
                true
            }
            '{' => reader.count()?,
            _ => false,
        };
        if repeats {
            if repeated {
                return Err("a repetition of a repetition".into());
            }
            if reader.rest.next_if_eq(&'?').is_some() {
                reader.out.push('?');
            }
        }
        repeated = repeats;
        match c {
            '*' | '+' | '?' | '{' => {}
            '\\' => reader.escape()?,
            '[' => reader.class()?,
            '(' => {
                n_open += 1;
                reader.group()?;
            }
            ')' => {
                // Said here, because `a)|(b` would be well-formed inside anchors.
                n_open = n_open.checked_sub(1).ok_or("unopened group")?;
                reader.out.push(c);
            }
            '}' | ']' => reader.literal(c),
            _ => reader.out.push(c),
        }
    }
    if n_open > 0 { Err("unclosed group".into()) } else { Ok(reader.out) }
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
    out: String,
}

impl Reader<'_> {
    fn literal(&mut self, c: char) {
        if c.is_alphanumeric() {
            self.out.push(c);
        } else {
            self.out.extend(["\\x{", &format!("{:X}", u32::from(c)), "}"]);
        }
    }

    /// After `{`: a count, or a brace like any other character.
    fn count(&mut self) -> Result<bool, String> {
        let text: String = self.rest.clone().take_while(|c| *c != '}').take(16).collect();
        let closed = self.rest.clone().nth(text.chars().count()) == Some('}');
        let (from, to) = text.split_once(',').map_or((text.as_str(), None), |(from, to)| (from, Some(to)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || !is_number(from) || !to.is_none_or(|to| to.is_empty() || is_number(to)) {
            self.literal('{');
            return Ok(false);
        }
        let most = [Some(from), to].into_iter().flatten().filter(|text| !text.is_empty());
        if most.map(|text| text.parse::<u32>().unwrap_or(u32::MAX)).any(|n| n > REPEATS_MAX) {
            return Err(format!("more than {REPEATS_MAX} repetitions"));
        }
        self.out.extend(["{", &text, "}"]);
        for _ in 0..=text.chars().count() {
            self.rest.next();
        }
        Ok(true)
    }

    /// After `(`: `(?i)`, `(?i:`, `(?P<name>`, or a plain group.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('?') {
            return Ok(());
        }
        if matches!(ahead.peek(), Some('P' | '<')) {
            return Ok(());
        }
        match ahead.find(|c| !matches!(c, 'i' | 'm' | 's' | 'U' | '-')) {
            Some(')' | ':') => Ok(()),
            _ => Err("a group of an unknown kind after (?".into()),
        }
    }

    /// After `\`, outside brackets.
    fn escape(&mut self) -> Result<(), String> {
        match self.rest.peek() {
            Some('Q') => {
                self.rest.next();
                while let Some(c) = self.rest.next() {
                    if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                        return Ok(());
                    }
                    self.literal(c);
                }
            }
            Some('A' | 'z') => {
                self.out.push('\\');
                self.out.extend(self.rest.next());
            }
            Some('b') => {
                self.rest.next();
                self.out.push_str(r"(?-u:\b)");
            }
            Some('B') => {
                self.rest.next();
                self.out.push_str(r"(?-u:\B)");
            }
            _ => {
                if !self.perl_class(false) && !self.unicode_class()? {
                    let c = self.character()?;
                    self.literal(c);
                }
            }
        }
        Ok(())
    }

    /// `\d` and its like, if that is what comes after the backslash.
    fn perl_class(&mut self, inside: bool) -> bool {
        let (positive, negative) = match self.rest.peek() {
            Some('d' | 'D') => ("0-9", 'D'),
            Some('w' | 'W') => ("0-9A-Za-z_", 'W'),
            Some('s' | 'S') => (r"\t\n\x0C\r\x20", 'S'),
            _ => return false,
        };
        let negated = self.rest.next() == Some(negative);
        match (negated, inside) {
            (false, true) => self.out.push_str(positive),
            (false, false) => self.out.extend(["[", positive, "]"]),
            (true, _) => self.out.extend(["[^", positive, "]"]),
        }
        true
    }

    /// `\pL`, `\p{Greek}`, `\P…`, `\p{^Greek}`, if that is what comes after the backslash.
    fn unicode_class(&mut self) -> Result<bool, String> {
        let Some(p) = self.rest.next_if(|c| matches!(c, 'p' | 'P')) else { return Ok(false) };
        let name: String = match self.rest.next() {
            Some('{') => {
                let name: String = self.rest.clone().take_while(|c| *c != '}').collect();
                if self.rest.nth(name.chars().count()) != Some('}') {
                    return Err(r"a \p{ without its end".into());
                }
                name
            }
            Some(letter) => letter.to_string(),
            None => return Err(r"a \p at the end".into()),
        };
        let (negated, name) = name.strip_prefix('^').map_or((false, &*name), |name| (true, name));
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("no class of characters \\{p}{{{name}}}"));
        }
        let open = if negated == (p == 'p') { r"\P{" } else { r"\p{" };
        self.out.extend([open, name, "}"]);
        Ok(true)
    }

    /// The one character that follows the backslash stands for.
    fn character(&mut self) -> Result<char, String> {
        let end = || "a backslash at the end".to_owned();
        let c = self.rest.next().ok_or_else(end)?;
        let octal = |c: &char| matches!(c, '0'..='7');
        match c {
            'a' => Ok('\x07'),
            'f' => Ok('\x0C'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0B'),
            'x' => self.hexadecimal(),
            '0'..='7' if c == '0' || self.rest.peek().is_some_and(octal) => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(next) = self.rest.next_if(octal) else { break };
                    code = code * 8 + next.to_digit(8).unwrap_or(0);
                }
                char::from_u32(code).ok_or_else(|| format!("no character \\{code:o}"))
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            c => Err(format!("no such escape: \\{c}")),
        }
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let digits: String = if self.rest.next_if_eq(&'{').is_some() {
            let digits: String = self.rest.clone().take_while(|c| *c != '}').take(9).collect();
            if self.rest.nth(digits.chars().count()) != Some('}') {
                return Err(r"a \x{ without its end".into());
            }
            digits
        } else {
            self.rest.by_ref().take(2).collect()
        };
        let least = if digits.len() == 2 || digits.len() == 1 { digits.len() } else { 1 };
        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() >= least);
        code.and_then(char::from_u32).ok_or_else(|| format!("no character \\x{digits}"))
    }

    /// After `[`.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.rest.next() else { return Err("a [ without its ]".into()) };
            match c {
                ']' if !first => break,
                '[' if self.rest.peek() == Some(&':') && self.named_class()? => {}
                '\\' if self.perl_class(true) || self.unicode_class()? => {}
                _ => {
                    let low = if c == '\\' { self.character()? } else { c };
                    self.literal(low);
                    let mut ahead = self.rest.clone();
                    if ahead.next() == Some('-') && ahead.peek().is_some_and(|c| *c != ']') {
                        self.rest.next();
                        let c = self.rest.next().unwrap_or_default();
                        let high = if c == '\\' { self.character()? } else { c };
                        if high < low {
                            return Err(format!("the range {low}-{high} in brackets goes backwards"));
                        }
                        self.out.push('-');
                        self.literal(high);
                    }
                }
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]`, if that is what comes. A `[:` that ends nowhere is two characters.
    fn named_class(&mut self) -> Result<bool, String> {
        let text: String = self.rest.clone().collect();
        let Some((name, _)) = text[1..].split_once(":]") else { return Ok(false) };
        let (negated, known) = name.strip_prefix('^').map_or(("", name), |name| ("^", name));
        if !NAMED_CLASSES.contains(&known) {
            return Err(format!("no class of characters [:{name}:]"));
        }
        self.out.extend(["[:", negated, known, ":]"]);
        for _ in 0..name.chars().count() + 3 {
            self.rest.next();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn matches(expression: &str, value: &str) -> bool {
        let translated = translate(expression).unwrap_or_else(|what| panic!("{expression}: {what}"));
        Regex::new(&format!("^(?:{translated})$")).unwrap_or_else(|what| panic!("{expression}: {what}")).is_match(value)
    }

    /// Each row as Go's `regexp` has it.
    #[test]
    fn a_text_means_what_it_means_in_go() {
        let rows = [
            (r"\d+", "123", true, "digits"),
            (r"\d+", "١٢٣", false, "of ASCII only"),
            (r"\w+", "é", false, "word characters of ASCII only"),
            (r"[^\W]+", "ab_1", true, "a negated class in brackets"),
            (r"[\d.]+", "1.2", true, "a class among others"),
            (r".*\bnorth\b.*", "the north office", true, "the edge of a word"),
            (r"a{", "a{", true, "a brace that counts nothing"),
            (r"a{,3}", "a{,3}", true, "nor does this one"),
            (r"a{2,3}", "aaa", true, "a count"),
            (r"a{2}?", "aa", true, "a lazy one"),
            (r"[[]", "[", true, "a bracket in brackets"),
            (r"[[a]b", "ab", true, "is a character"),
            (r"[a&&b]+", "a&b", true, "so is an ampersand"),
            (r"[a~~b]+", "a~b", true, "and a tilde"),
            (r"[+--]+", "+,-", true, "a range up to the hyphen"),
            (r"[a-]+", "a-", true, "a hyphen at the end"),
            (r"[]a]+", "]a", true, "a closing bracket at the start"),
            (r"[^]a]+", "bc", true, "also after the hat"),
            (r"[[:alpha:]_]+", "ab_", true, "a named class"),
            (r"[[:^digit:]]+", "ab", true, "a negated one"),
            (r"\Qa.b*\E+", "a.b**", true, "quoted, then repeated"),
            (r"\101\x42\x{43}", "ABC", true, "octal, hexadecimal"),
            (r"\-\_\<\/", "-_</", true, "punctuation may be escaped"),
            (r"(?i)page|CRITICAL", "Critical", true, "a flag"),
            (r"(?P<band>4h|24h)", "24h", true, "a named group"),
            (r"a.b", "a\nb", false, "a dot is no line end"),
            (r"(?s)a.b", "a\nb", true, "unless told so"),
            (r"\p{Greek}+", "αβ", true, "a script"),
            (r"\pL\P{L}\p{^L}", "a12", true, "and categories"),
            (r"#x", "#x", true, "no comment"),
            (r"", "", true, "nothing"),
        ];
        for (expression, value, want, why) in rows {
            assert_eq!(matches(expression, value), want, "{expression} on {value:?}: {why}");
        }
    }

    #[test]
    fn what_go_does_not_read_is_refused() {
        for expression in [
            "a**",
            "a+*",
            "a{2}{3}",
            "a{1001}",
            r"\8",
            r"\1",
            r"\y",
            r"\é",
            r"\x{110000}",
            r"\xg",
            "(?x)a",
            "(?=a)",
            "[b-a]",
            "[a",
            "[[:nope:]]",
            r"\p",
            r"\p{L",
            r"\",
        ] {
            assert!(translate(expression).is_err(), "{expression}: {:?}", translate(expression));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "([a-z0-9]|[\\\\\\[\\](){}*+?^$|.:&~<,-]|\\PC){0,24}") {
            let _ = translate(&text);
        }

        /// What needs no rewriting is not changed in meaning.
        #[test]
        fn a_plain_text_matches_itself(text in "[a-zA-Z0-9 _/-]{0,16}") {
            prop_assert!(matches(&text, &text));
        }
    }
}
