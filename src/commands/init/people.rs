//! Who is paged, as it is answered in one line: `night-1 +12025550111, office-lead +12025550112`.
//!
//! Given: the line. Gives: ids and numbers, the person on call first. Does not: know anybody's name: an id stands in texts
//! and logs.

use super::questions::phone;

/// More would not be read in one line.
const PEOPLE_MAX: usize = 6;
/// Longer ids leave a text without room for what matters.
const ID_CHARS_MAX: usize = 32;

/// Somebody who is paged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paged {
    /// Stands in texts and logs.
    pub(super) id: String,
    /// E.164.
    pub(super) phone: String,
}

/// Reads the line; a number without an id gets one. `Err` says what to write instead.
pub(super) fn read(text: &str) -> Result<Vec<Paged>, String> {
    let mut people: Vec<Paged> = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let (id, number) = match entry.split_once(char::is_whitespace) {
            Some((id, number)) if id.contains(|c: char| c.is_alphabetic()) => (id.to_owned(), number),
            _ if entry.contains(|c: char| c.is_alphabetic()) => {
                return Err("write an id and then a number, as night-1 +12025550111".to_owned());
            }
            _ if people.is_empty() => ("on-call-1".to_owned(), entry),
            _ => (format!("backup-{}", people.len()), entry),
        };
        if id.chars().count() > ID_CHARS_MAX || !id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            return Err("an id has letters, digits and - only, as night-1: it stands in texts and logs".to_owned());
        }
        let phone = phone(number)?;
        if people.iter().any(|known| known.id == id) {
            return Err(format!("{id} stands there twice; give each person an id of their own"));
        }
        if people.iter().any(|known| known.phone == phone) {
            return Err("one number stands there twice; the backup needs a phone of their own".to_owned());
        }
        people.push(Paged { id, phone });
    }
    if people.len() > PEOPLE_MAX {
        return Err(format!("write at most {PEOPLE_MAX}; more can be added to the file"));
    }
    Ok(people)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_read_with_and_without_ids() {
        let read = |text: &str| {
            read(text).map(|people| people.into_iter().map(|it| format!("{} {}", it.id, it.phone)).collect::<Vec<_>>())
        };
        let (one, two) = ("night-1 +12025550111".to_owned(), "office-lead +12025550112".to_owned());
        assert_eq!(read("night-1 (202) 555-0111, office-lead 12025550112"), Ok(vec![one, two]));
        let ids = vec!["on-call-1 +12025550111".to_owned(), "backup-1 +12025550112".to_owned()];
        assert_eq!(read("202 555 0111,+12025550112,"), Ok(ids));
        assert_eq!(read(" "), Ok(Vec::new()));
        for (text, says) in [
            ("night-1", "write an id and then a number"),
            ("night-1 0111", "write it as +12025550111"),
            ("Zoë +12025550111", "letters, digits and - only"),
            ("a +12025550111, a +12025550112", "a stands there twice"),
            ("a +12025550111, b 2025550111", "one number stands there twice"),
        ] {
            assert!(read(text).is_err_and(|why| why.contains(says)), "{text}");
        }
        let many: Vec<String> = (0..7).map(|n| format!("202555011{n}")).collect();
        assert!(read(&many.join(",")).is_err_and(|why| why.contains("at most 6")));
    }
}
