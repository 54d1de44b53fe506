//! Names as they are compared: without case, marks and punctuation, in words.
//!
//! Given: a name as somebody wrote it, in any script. Gives: its words, each as the characters that tell it from others.
//! Does not: transliterate; a name in Cyrillic letters is found by Cyrillic letters.

use icu_normalizer::{DecomposingNormalizerBorrowed, properties::CanonicalCombiningClassMapBorrowed};

/// A word, folded.
pub type Word = Box<[char]>;

/// The words of a text, in its order. A Chinese character is a word of its own: nobody writes spaces between them.
#[must_use]
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    for c in characters(text) {
        match c {
            ' ' => close(&mut word, &mut words),
            c if is_han(c) => {
                close(&mut word, &mut words);
                words.push(Box::from([c]));
            }
            c => word.push(c),
        }
    }
    close(&mut word, &mut words);
    words
}

fn close(word: &mut Vec<char>, words: &mut Vec<Word>) {
    if !word.is_empty() {
        words.push(std::mem::take(word).into());
    }
}

/// The characters that count, and a space for whatever stands between words.
fn characters(text: &str) -> Vec<char> {
    const DECOMPOSED: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();
    const CLASSES: CanonicalCombiningClassMapBorrowed<'static> = CanonicalCombiningClassMapBorrowed::new();
    let mut all = Vec::with_capacity(text.len());
    for c in DECOMPOSED.normalize(text).chars().flat_map(char::to_lowercase) {
        if CLASSES.get_u8(c) != 0 {
            continue;
        }
        match c {
            // Letters that the standard does not take apart, as they are typed without them.
            'ø' => all.push('o'),
            'ł' => all.push('l'),
            'đ' | 'ð' => all.push('d'),
            'ħ' => all.push('h'),
            'ı' => all.push('i'),
            'ß' => all.extend(['s', 's']),
            'æ' => all.extend(['a', 'e']),
            'œ' => all.extend(['o', 'e']),
            'þ' => all.extend(['t', 'h']),
            'ς' => all.push('σ'),
            // Arabic letters that are written one for the other.
            'ى' | 'ی' => all.push('ي'),
            'ة' => all.push('ه'),
            'ک' => all.push('ك'),
            // What stands inside a word and is no letter: O'Brien, ʿAli, Gal·la, geresh, tatweel, joiners.
            '\''
            | '\u{2b9}'..='\u{2bf}'
            | '\u{201b}'
            | '·'
            | '\u{5f3}'
            | '\u{5f4}'
            | '’'
            | '‘'
            | '`'
            | '´'
            | 'ـ'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2060}'
            | '\u{feff}' => {}
            c if c.is_alphanumeric() || is_vowel_sign(c) => all.push(c),
            _ => all.push(' '),
        }
    }
    all
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Signs of South and South-East Asian scripts that stand for vowels and are no marks to be left out.
fn is_vowel_sign(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{17d3}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        words(text).iter().map(|word| word.iter().collect::<String>()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn words_of_every_script() {
        for (text, is) in [
            ("Avery SAMPLE", "avery|sample"),
            ("Sample, Avery J.", "sample|avery|j"),
            ("José Núñez-Peña", "jose|nunez|pena"),
            ("Jose\u{301}", "jose"),
            ("O'Brien", "obrien"),
            ("O\u{2019}Brien", "obrien"),
            ("Łukasz Müßig", "lukasz|mussig"),
            ("Søren Ærø", "soren|aero"),
            ("İpek Işık", "ipek|isik"),
            ("ＡＶＥＲＹ", "avery"),
            ("Алёна Й", "алена|и"),
            ("Νίκος", "νικοσ"),
            ("أحمد", "احمد"),
            ("مُحَمَّد", "محمد"),
            ("فاطمة", "فاطمه"),
            ("王小明", "王|小|明"),
            ("王 小明", "王|小|明"),
            ("\u{202e}x\u{200b}y", "xy"),
            ("O`Neil-O‘Neil", "oneil|oneil"),
            ("ʿAlī", "ali"),
            ("Gal·la", "galla"),
            ("ג׳ורג׳", "גורג"),
            ("שָׁלוֹם", "שלום"),
            ("IŞIK ışık", "isik|isik"),
            ("STRAẞE straße", "strasse|strasse"),
            ("สมหญิง ใจดี", "สมหญิง|ใจดี"),
            ("ﾔﾏﾀﾞ", "ヤマタ"),
            ("Nguyễn Thị Đào", "nguyen|thi|dao"),
            ("e\u{301}\u{302}\u{303}", "e"),
            ("👩\u{200d}⚕\u{fe0f}", ""),
            ("  ", ""),
            ("--", ""),
            ("\u{301}", ""),
        ] {
            let want = if text.starts_with('\u{202e}') { "xy" } else { is };
            assert_eq!(folded(text), want, "{text:?}");
        }
        assert_eq!(folded("한국"), folded("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"), "composed or not");
        assert_eq!(folded("अनिल"), "अनिल", "a vowel sign is a letter");
    }
}
