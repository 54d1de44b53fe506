//! Reply codes: a letter and a digit, short enough to be typed half asleep.
//!
//! Unique on one phone among the pages that are open or were within a day. No letter that looks or sounds like a digit
//! or like another, no 0 and no 1, so that no code is a word and none is misread.

#[cfg(test)]
use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use crate::model::AddressMark;

/// The letters of codes.
pub const LETTERS: &[u8] = b"ACEFHJKMNPRTUVWXY";
const DIGITS: &[u8] = b"23456789";

/// Whether a text has the shape of a code, in capital letters.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let mut bytes = text.bytes();
    let letter = bytes.next().is_some_and(|byte| byte.is_ascii_uppercase());
    let rest: Vec<u8> = bytes.collect();
    letter && (1..=3).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit)
}

/// The code of a page on a phone: always the same for the same two, but for codes that are taken.
///
/// When every pair is taken, a digit more is used.
pub(super) fn pick(page: &str, phone: &AddressMark, is_taken: impl Fn(&str) -> bool) -> String {
    let digest = Sha256::new().chain_update(page).chain_update(phone.as_str()).finalize();
    let seed = usize::from(digest[0]) << 16 | usize::from(digest[1]) << 8 | usize::from(digest[2]);
    for n_digits in 1_u32.. {
        let n_codes = LETTERS.len() * DIGITS.len().pow(n_digits);
        let codes = (0..n_codes).map(|n| nth((seed + n) % n_codes, n_digits));
        if let Some(code) = codes.into_iter().find(|code| !is_taken(code)) {
            return code;
        }
    }
    String::new()
}

fn nth(n: usize, n_digits: u32) -> String {
    let mut code = String::from(char::from(LETTERS[n % LETTERS.len()]));
    let mut rest = n / LETTERS.len();
    for _ in 0..n_digits {
        code.push(char::from(DIGITS[rest % DIGITS.len()]));
        rest /= DIGITS.len();
    }
    code
}

/// Every pair there is.
#[cfg(test)]
pub(super) fn all() -> BTreeSet<String> {
    (0..LETTERS.len() * DIGITS.len()).map(|n| nth(n, 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_again_and_never_one_that_is_taken() {
        let phone = AddressMark::from_stored("00ff".to_owned());
        let first = pick("page/1", &phone, |_| false);
        assert_eq!(first, pick("page/1", &phone, |_| false));
        assert!(is_code(&first), "{first}");
        let mut taken = BTreeSet::new();
        for page in 0..all().len() + 5 {
            let code = pick(&format!("page/{page}"), &phone, |code| taken.contains(code));
            assert!(is_code(&code) && taken.insert(code.clone()), "{code} was given twice");
        }
        assert!(all().is_subset(&taken), "the short ones are used up first");
    }

    #[test]
    fn no_code_is_a_word_or_misread() {
        for code in all() {
            assert!(!code.contains(['I', 'O', 'L', 'S', 'B', 'Z', 'Q', 'G', 'D', '0', '1']), "{code}");
        }
    }
}
