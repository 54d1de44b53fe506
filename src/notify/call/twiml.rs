//! What a call says, in Twilio's markup: the words twice, and a key to press where we can be told of it.

use url::form_urlencoded;

/// Characters of the markup at most.
const MARKUP_MAX: usize = 4_000;

/// The markup of a call. `press` is where a key press is told, when there is such a place and a page to take.
#[must_use]
pub fn of(words: &str, press: Option<&str>) -> String {
    let words: String = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut n = words.chars().count();
    loop {
        let cut: String = words.chars().take(n).collect();
        let markup = write(&cut, press);
        if markup.chars().count() <= MARKUP_MAX || n == 0 {
            return markup;
        }
        n -= n.div_ceil(8);
    }
}

fn write(words: &str, press: Option<&str>) -> String {
    let say = format!("<Say>{}</Say>", escaped(words));
    match press {
        None => format!("<Response><Pause length=\"1\"/>{say}<Pause length=\"1\"/>{say}</Response>"),
        Some(url) => format!(
            "<Response><Gather numDigits=\"1\" timeout=\"8\" method=\"POST\" action=\"{}\"><Pause length=\"1\"/>{say}\
             <Say>Press 1 to take it.</Say><Pause length=\"1\"/>{say}<Say>Press 1 to take it.</Say></Gather></Response>",
            escaped(url)
        ),
    }
}

/// The answer to a key press.
#[must_use]
pub fn answer(words: &str) -> String {
    format!("<Response><Say>{}</Say></Response>", escaped(words))
}

/// Where a key press about this page is told.
#[must_use]
pub fn press_url(hook: &str, code: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    format!("{hook}?{query}")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_said_twice_and_nothing_in_them_is_markup() {
        let markup = of("C&A: no caregiver <now>", None);
        assert_eq!(markup.matches("<Say>C&amp;A: no caregiver &lt;now&gt;</Say>").count(), 2, "{markup}");
        assert!(!markup.contains("Gather"));
    }

    #[test]
    fn a_key_is_asked_for_only_where_it_can_be_told() {
        let url = press_url("https://watch.example.com/hooks/twilio/voice", "K7");
        let markup = of("CCA: no caregiver", Some(&url));
        assert!(markup.contains("action=\"https://watch.example.com/hooks/twilio/voice?code=K7\""), "{markup}");
        assert_eq!(markup.matches("CCA: no caregiver").count(), 2);
        assert!(markup.contains("Press 1"));
    }

    #[test]
    fn the_markup_always_fits() {
        for words in ["word ".repeat(3_000), "&".repeat(4_000), "<\"".repeat(2_000)] {
            let markup = of(&words, Some("https://watch.example.com/hooks/twilio/voice?code=K7"));
            assert!(markup.chars().count() <= MARKUP_MAX && markup.ends_with("</Response>"));
        }
    }
}
