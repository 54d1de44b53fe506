//! What a text that came back asks: `1 K7`, `2 K7 40`, `3 K7`, `4 K7`, `1 ALL`, or a bare digit.

use super::{
    super::orders::{Action, Reply},
    code::is_code,
};

/// The longest that an acknowledgement may last by a reply.
const MINUTES_MAX: u32 = 24 * 60;

/// What a reply asks; `None` when it is none. Case, spaces, quotes and a full stop do not matter, and `1K7` is `1 K7`.
#[must_use]
pub fn parse(text: &str) -> Option<Reply> {
    let words = words(text)?;
    let mut words = words.iter().map(String::as_str).peekable();
    let action = match words.next()? {
        "1" => Action::Mine { minutes: None },
        "2" => Action::Mine { minutes: Some(0) },
        "3" => Action::Handled,
        "4" => Action::Pass,
        _ => return None,
    };
    let mut reply = Reply { action, code: None, all: false };
    match words.peek() {
        Some(&"ALL") if action != Action::Pass => {
            reply.all = true;
            words.next();
        }
        Some(word) if is_code(word) => {
            reply.code = words.next().map(str::to_owned);
        }
        _ => {}
    }
    if let Action::Mine { minutes: Some(_) } = action {
        let minutes: Option<u32> = match words.next() {
            // "2 K7" alone: as long as the policy says.
            None => None,
            Some(number) => Some(number.parse().ok().filter(|n| (1..=MINUTES_MAX).contains(n))?),
        };
        if matches!(words.peek(), Some(&"M" | &"MIN" | &"MINS" | &"MINUTES")) {
            words.next();
        }
        reply.action = Action::Mine { minutes };
    }
    words.next().is_none().then_some(reply)
}

/// Upper case, without what telephones put around words; a digit and a code written together are two words.
fn words(text: &str) -> Option<Vec<String>> {
    const LONGEST: usize = 40;
    let text = text.trim();
    if text.is_empty() || text.chars().count() > LONGEST {
        return None;
    }
    let plain: String = text
        .chars()
        .map(|letter| match letter {
            '"' | '\'' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' | '`' | '.' | ',' | ';' | ':' | '!'
            | '(' | ')' => ' ',
            // Pictures say nothing.
            other if !other.is_ascii() && !other.is_alphanumeric() => ' ',
            other => other,
        })
        .collect();
    let mut upper = plain.to_uppercase();
    // "1-K7" is "1 K7"; "2-3" is nothing.
    if let [b'1'..=b'4', b'-', b'A'..=b'Z', ..] = upper.trim_start().as_bytes() {
        upper = upper.replacen('-', " ", 1);
    }
    let mut words: Vec<String> = Vec::new();
    for word in upper.split_whitespace() {
        let split = words.is_empty()
            && word.len() > 1
            && word.is_char_boundary(1)
            && matches!(word.as_bytes()[0], b'1'..=b'4')
            && word.as_bytes()[1].is_ascii_alphabetic();
        if split {
            let (digit, rest) = word.split_at(1);
            words.extend([digit.to_owned(), rest.to_owned()]);
        } else if words.len() == 1 && word.len() == 1 && word.as_bytes()[0].is_ascii_uppercase() {
            // "1 K 7"
            words.push(word.to_owned());
        } else if words.len() == 2
            && words[1].len() == 1
            && word.len() <= 3
            && word.bytes().all(|byte| byte.is_ascii_digit())
        {
            words[1].push_str(word);
        } else {
            words.push(word.to_owned());
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match parse(text) {
            None => "none".to_owned(),
            Some(Reply { action, code, all }) => {
                let what = match action {
                    Action::Mine { minutes: None } => "mine".to_owned(),
                    Action::Mine { minutes: Some(n) } => format!("mine {n}"),
                    Action::Handled => "handled".to_owned(),
                    Action::Pass => "pass".to_owned(),
                };
                let code = if all { "all".to_owned() } else { code.unwrap_or_default() };
                format!("{what} {code}").trim().to_owned()
            }
        }
    }

    #[test]
    fn replies_as_people_write_them() {
        let rows = [
            ("1 K7", "mine K7"),
            ("  1   k7 ", "mine K7"),
            ("1k7", "mine K7"),
            ("1 K 7", "mine K7"),
            ("\"1 K7\"", "mine K7"),
            ("\u{201c}1 K7\u{201d}.", "mine K7"),
            ("2 K7 40", "mine 40 K7"),
            ("2 k7 40 min", "mine 40 K7"),
            ("2 K7", "mine K7"),
            ("2 40", "mine 40"),
            ("3 K7", "handled K7"),
            ("4 K7", "pass K7"),
            ("1", "mine"),
            ("3!", "handled"),
            ("4", "pass"),
            ("1 all", "mine all"),
            ("1ALL", "mine all"),
            ("3 ALL", "handled all"),
            ("4 ALL", "none"),
            ("1 K77", "mine K77"),
            ("5 K7", "none"),
            ("K7", "none"),
            ("", "none"),
            ("2 K7 0", "none"),
            ("2 K7 99999", "none"),
            ("1 K7 please", "none"),
            ("1 of my clients fell", "none"),
            ("3 pm is fine", "none"),
            ("Is anyone coming? I have waited since 7", "none"),
            ("1-K7", "mine K7"),
            ("1 K7 \u{1f44d}", "mine K7"),
            ("2-3", "none"),
            ("1 \u{212a}7", "none"),
            ("\u{e9}", "none"),
            ("12", "none"),
        ];
        for (text, expected) in rows {
            assert_eq!(said(text), expected, "{text:?}");
        }
    }
}
