//! Telephone numbers as they are compared: digits, and an extension.

/// So many digits at least: fewer are not asked for as the end of a number.
pub const DIGITS_MIN: usize = 4;
/// A whole number without its country.
const NATIONAL: usize = 10;
/// A number that another one ends with is the same with its country written out.
const WHOLE_MIN: usize = 7;

/// A number.
#[derive(Clone, PartialEq, Eq)]
pub struct Number {
    /// Without the country code of North America.
    pub digits: String,
    /// The extension.
    pub extension: Option<String>,
    /// With a country written: whether it is one outside of North America. `None` = no country was written.
    pub abroad: Option<bool>,
}

/// How well a number fits what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It ends as was asked.
    End,
    /// It is the number; of the extension or the country one of the two says nothing.
    Number,
    /// It is the number, and the extension where one was asked for.
    Exact,
}

impl Number {
    /// The number in a text: `+1 (202) 555-0110 x12`, `202.555.0110`, `tel:…`, digits of every script, words like
    /// "cell" before or behind it, marks that cannot be seen. `None` where there are other letters, or too few digits.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = without_labels(&text.trim().to_lowercase());
        let text = text.trim().trim_end_matches([',', ';', '.', ' ']);
        let mut abroad =
            text.trim_start_matches(|c: char| is_unseen(c) || "( ".contains(c)).starts_with('+').then_some(true);
        // A trunk zero that is written for those who call from inside the country is no part of the number.
        let text = text.replacen("(0)", "", 1);
        let (mut digits, mut extension) = (String::new(), None::<String>);
        let mut letters = String::new();
        for c in text.chars() {
            if let Some(digit) = digit(c) {
                if !letters.is_empty() {
                    if !is_extension(&letters) || digits.is_empty() || extension.is_some() {
                        return None;
                    }
                    letters.clear();
                    extension = Some(String::new());
                }
                extension.as_mut().unwrap_or(&mut digits).push(digit);
            } else if c == ',' && letters.is_empty() && digits.len() >= NATIONAL && extension.is_none() {
                // A pause, and then what is to be dialled.
                letters.push('x');
            } else if c.is_alphabetic() || c == '#' || (!letters.is_empty() && matches!(c, '.' | '=' | ':')) {
                letters.push(c);
            } else if !(c.is_whitespace() || "+()[]-./;,_·•‐‑‒–—―−﹘﹣－".contains(c) || is_unseen(c))
            {
                return None;
            }
        }
        if !letters.is_empty() || digits.len() < DIGITS_MIN {
            return None;
        }
        // As it is dialled out of a country.
        for prefix in ["011", "00"] {
            if let Some(n) = digits.strip_prefix(prefix).map(str::len).filter(|n| *n >= NATIONAL) {
                digits.drain(..digits.len() - n);
                abroad = Some(true);
                break;
            }
        }
        if digits.len() == NATIONAL + 1 && digits.starts_with('1') {
            digits.remove(0);
            abroad = Some(false);
        }
        // A few digits are the end of a number, whatever stands before them.
        let abroad = abroad.filter(|_| digits.len() > WHOLE_MIN);
        Some(Self { digits, extension: extension.filter(|digits| !digits.is_empty()), abroad })
    }

    /// How well `known`, a number on file, fits this one, which was asked for.
    #[must_use]
    pub fn fit(&self, known: &Self) -> Option<Fit> {
        let (asked, has) = (self.digits.as_str(), known.digits.as_str());
        let same_extension = match (&self.extension, &known.extension) {
            (Some(asked), Some(has)) if asked != has => return None,
            (Some(_), None) => false,
            _ => true,
        };
        if asked != has && self.abroad.zip(known.abroad).is_some_and(|(asked, has)| asked != has) {
            return None;
        }
        let longer_one = |longer: &str, shorter: &str| shorter.len() >= NATIONAL && longer.ends_with(shorter);
        let same = asked == has && asked.len() >= WHOLE_MIN;
        match (same, same_extension) {
            (true, true) => Some(Fit::Exact),
            (true, false) => Some(Fit::Number),
            // One of the two says a country, and the other may be of another.
            (false, _) if longer_one(asked, has) || longer_one(has, asked) => Some(Fit::Number),
            (false, _) => has.ends_with(asked).then_some(Fit::End),
        }
    }
}

fn is_extension(letters: &str) -> bool {
    matches!(letters.trim_end_matches(['.', '=', ':']), "x" | "#" | "ext" | "extn" | "extension" | "ext#")
}

/// What a contact is copied with and nobody sees: marks of direction, joiners, spaces without width.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Words that say what kind of number it is.
const LABELS: [&str; 17] = [
    "tel",
    "telephone",
    "phone",
    "ph",
    "mobile",
    "mob",
    "cell",
    "cellular",
    "home",
    "work",
    "office",
    "fax",
    "sms",
    "text",
    "call",
    "main",
    "number",
];

/// The text without such words at its beginning and end, and the colon or dot behind them.
fn without_labels(text: &str) -> String {
    let is_edge = |c: char| c.is_whitespace() || is_unseen(c) || "()[].:,;-–".contains(c);
    let mut rest = text;
    loop {
        let word_end = |text: &str| text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
        let inner = rest.trim_matches(is_edge);
        let first = word_end(inner);
        if LABELS.contains(&&inner[..first]) {
            rest = &inner[first..];
            continue;
        }
        let last = inner
            .rfind(|c: char| !c.is_alphabetic())
            .map_or(0, |at| at + inner[at..].chars().next().map_or(0, char::len_utf8));
        if LABELS.contains(&&inner[last..]) {
            rest = &inner[..last];
            continue;
        }
        return rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '.')).to_owned();
    }
}

/// The zeros of the scripts' decimal digits, each followed by its nine others.
const ZEROS: [u32; 20] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20,
    0x1040, 0x17e0, 0x1810, 0xff10,
];

fn digit(c: char) -> Option<char> {
    let c = u32::from(c);
    ZEROS.iter().find_map(|zero| c.checked_sub(*zero).filter(|n| *n < 10)).and_then(|n| char::from_digit(n, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for (text, digits, extension) in [
            ("2025550110", "2025550110", None),
            ("+1 (202) 555-0110", "2025550110", None),
            ("1.202.555.0110", "2025550110", None),
            ("202/555–0110", "2025550110", None),
            ("tel:+12025550110;ext=12", "2025550110", Some("12")),
            ("2025550144x12", "2025550144", Some("12")),
            ("202 555 0144 Ext. 12", "2025550144", Some("12")),
            ("202-555-0144 #7", "2025550144", Some("7")),
            ("٢٠٢٥٥٥٠١١٠", "2025550110", None),
            ("２０２５５５０１１０", "2025550110", None),
            ("+44 20 7946 0958", "442079460958", None),
            ("0110", "0110", None),
            ("(202) 555-0147 x12", "2025550147", Some("12")),
            ("+1.202.555.0147", "2025550147", None),
            ("001 202 555 0147", "2025550147", None),
            ("011 44 20 7946 0958", "442079460958", None),
            ("+44 (0)20 7946 0958", "442079460958", None),
            ("2025550147,,12", "2025550147", Some("12")),
            ("2025550147;", "2025550147", None),
            ("202\u{a0}555\u{2011}0147", "2025550147", None),
            ("२०२५५५०१४७", "2025550147", None),
            ("๒๐๒๕๕๕๐๑๔๗", "2025550147", None),
            ("\u{202d}2025550147\u{202c}", "2025550147", None),
            ("\u{2066}+1 202 555 0147\u{2069}", "2025550147", None),
            ("202\u{200b}555\u{2212}0147", "2025550147", None),
            ("Tel. 202 555 0147", "2025550147", None),
            ("Phone: (202) 555-0147 x12", "2025550147", Some("12")),
            ("202 555 0147 cell", "2025550147", None),
            ("202 555 0147 (home)", "2025550147", None),
            ("sms:+12025550147", "2025550147", None),
            ("[202] 555·0147", "2025550147", None),
            ("202_555_0147", "2025550147", None),
        ] {
            let number = Number::read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((number.digits.as_str(), number.extension.as_deref()), (digits, extension), "{text}");
        }
        for text in [
            "",
            "110",
            "Avery",
            "Avery 0110",
            "202555011x",
            "x12",
            "12 Test Way",
            "1@2.example",
            "2025550110 x1 x2",
            "home",
            "tel",
        ] {
            assert!(Number::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_number_finds_it_and_an_extension_tells_it_from_others() {
        for (asked, known, is) in [
            ("2025550110", "+12025550110", Some(Fit::Exact)),
            ("0110", "2025550110", Some(Fit::End)),
            ("5550110", "2025550110", Some(Fit::End)),
            ("5550110", "5550110", Some(Fit::Exact)),
            ("0111", "2025550110", None),
            ("2025", "2025550110", None),
            ("2025550144", "2025550144x12", Some(Fit::Exact)),
            ("2025550144 x12", "2025550144x12", Some(Fit::Exact)),
            ("2025550144 x13", "2025550144x12", None),
            ("2025550144 x12", "2025550144", Some(Fit::Number)),
            ("442079460958", "2079460958", Some(Fit::Number)),
            ("+44 20 2555 0110", "2025550110", Some(Fit::Number)),
            ("+44 20 2555 0110", "+1 202 555 0110", None),
            ("+1 202 555 0110", "+44 20 2555 0110", None),
            ("+44 20 2555 0110", "0044 20 2555 0110", Some(Fit::Exact)),
            ("2025550110", "+44 20 2555 0110", Some(Fit::Number)),
        ] {
            let number = |text| Number::read(text).unwrap();
            assert_eq!(number(asked).fit(&number(known)), is, "{asked} {known}");
        }
    }
}
