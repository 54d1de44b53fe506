//! The alphabet of text messages: what fits in one, and how other writing is brought into it.
//!
//! One text holds 160 septets. A character of the extension table costs two. One character outside the alphabet
//! would turn the whole text to UCS-2 with 70 per text, so everything is transliterated first.

/// Septets in one unsplit text. Source: 3GPP TS 23.038.
pub const SEPTETS_MAX: usize = 160;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "€[]{}\\^~|";

/// What the text costs in septets; `None` when a character is in neither table.
#[must_use]
pub fn septets(text: &str) -> Option<usize> {
    text.chars().try_fold(0, |sum, c| {
        if BASIC.contains(c) {
            Some(sum + 1)
        } else if EXTENSION.contains(c) {
            Some(sum + 2)
        } else {
            None
        }
    })
}

/// The text in the alphabet: letters lose their accents, typographic marks become plain ones, what has no
/// counterpart becomes `?`. Line breaks and control characters become spaces.
#[must_use]
pub fn transliterate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() => {}
            // An accent written after its letter goes as one written with it does, and what has no width says nothing.
            '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{feff}' => {}
            c if BASIC.contains(c) || EXTENSION.contains(c) => out.push(c),
            c => match plain(c) {
                Some(replacement) => out.push_str(replacement),
                None => out.push('?'),
            },
        }
    }
    out
}

/// The longest beginning that fits in `max` septets, with `…` said as `..` where something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    let text = transliterate(text);
    if septets(&text).is_some_and(|cost| cost <= max) {
        return text;
    }
    let room = max.saturating_sub(2);
    let mut cost = 0;
    let mut kept = String::new();
    for c in text.chars() {
        cost += if EXTENSION.contains(c) { 2 } else { 1 };
        if cost > room {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    kept.push_str("..");
    kept
}

const fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'á' | 'â' | 'ã' | 'ā' | 'ă' | 'ą' => "a",
        'Á' | 'Â' | 'Ã' | 'À' | 'Ā' | 'Ă' | 'Ą' => "A",
        'ç' | 'ć' | 'č' => "c",
        'Ć' | 'Č' => "C",
        'ď' | 'đ' => "d",
        'Ď' | 'Đ' => "D",
        'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'È' | 'Ê' | 'Ë' | 'Ē' | 'Ę' | 'Ě' => "E",
        'ğ' => "g",
        'Ğ' => "G",
        'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'Í' | 'Î' | 'Ï' | 'Ì' | 'Ī' | 'İ' => "I",
        'ł' => "l",
        'Ł' => "L",
        'ń' | 'ň' => "n",
        'Ń' | 'Ň' => "N",
        'ó' | 'ô' | 'õ' | 'ō' | 'ő' => "o",
        'Ó' | 'Ô' | 'Õ' | 'Ò' | 'Ō' | 'Ő' => "O",
        'ř' => "r",
        'Ř' => "R",
        'ś' | 'š' | 'ş' => "s",
        'Ś' | 'Š' | 'Ş' => "S",
        'ť' | 'ţ' => "t",
        'Ť' | 'Ţ' => "T",
        'ú' | 'û' | 'ū' | 'ů' | 'ű' => "u",
        'Ú' | 'Û' | 'Ù' | 'Ū' | 'Ů' | 'Ű' => "U",
        'ý' | 'ÿ' => "y",
        'Ý' | 'Ÿ' => "Y",
        'ź' | 'ż' | 'ž' => "z",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ẞ' => "SS",
        'œ' => "oe",
        'Œ' => "OE",
        'þ' => "th",
        '‘' | '’' | '‚' | '`' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '–' | '—' | '−' | '‐' | '‑' => "-",
        '…' => "...",
        '•' | '·' => "*",
        '\u{a0}' | '\u{202f}' | '\u{2009}' => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_as_the_network_does() {
        for (text, cost, shows) in [
            ("", Some(0), "nothing costs nothing"),
            ("CCA: NO", Some(7), "plain letters cost one"),
            ("[K7]", Some(6), "brackets cost two"),
            ("€", Some(2), "the euro costs two"),
            ("Zürich", Some(6), "some accents are in the alphabet"),
            ("Łódź", None, "others are not"),
            ("🙂", None, "an emoji is not"),
        ] {
            assert_eq!(septets(text), cost, "{shows}");
        }
    }

    #[test]
    fn everything_ends_up_in_the_alphabet() {
        for text in ["Łódź – “north”…", "東京 office", "a\u{0}b\nc", "naïve\u{a0}café"] {
            assert!(septets(&transliterate(text)).is_some(), "{text}");
        }
        assert_eq!(transliterate("Łódź – “north”…"), "Lodz - \"north\"...");
        assert_eq!(transliterate("Jose\u{301} Mu\u{308}ller"), "Jose Muller", "accents written after their letters");
        assert_eq!(transliterate("a\u{200b}b\u{200d}c GROẞ"), "abc GROSS");
    }

    #[test]
    fn cuts_at_the_limit_and_not_before() {
        let exact = "x".repeat(160);
        assert_eq!(cut(&exact, 160), exact);
        let cut_text = cut(&"x".repeat(161), 160);
        assert_eq!(cut_text.len(), 160);
        assert!(cut_text.ends_with(".."));
        assert_eq!(septets(&cut(&"[".repeat(100), 160)), Some(160));
    }
}
