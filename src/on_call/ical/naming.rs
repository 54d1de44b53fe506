//! Whom a title or an attendee names.
//!
//! A person is named where their name stands as a whole word, in any case: not inside a longer run of letters, digits
//! and `_`, and not joined to one by `-`, `.` or `@`. "Night: NIGHT-1" and "night-1 on call" name night-1; "night-10",
//! "pre-night-1" and "overnight-1" do not. Their mail address, written whole, names them too; with that in it, the part
//! before its `@` is not looked at again. So does whatever else they are known as; where "Jane" and "Jane D." are two people,
//! the longer one counts.

use crate::{
    model::{PersonName, PhiGrant},
    on_call::{Roster, Via},
};

/// What names each person, in small letters.
pub(super) struct Naming {
    people: Vec<(PersonName, Vec<String>)>,
}

impl Naming {
    /// Of everybody in the roster.
    pub(super) fn of(roster: &Roster) -> Self {
        let people = roster.people().map(|person| {
            let mails = person.contacts.iter().filter(|contact| contact.via == Via::Email);
            let mails = mails.map(|contact| bare(contact.address.reveal(PhiGrant::COMPARE)));
            let others = person.also_known_as.iter().map(|alias| plain(alias.reveal(PhiGrant::COMPARE)));
            let words = std::iter::once(plain(person.name.as_str())).chain(mails).chain(others);
            (person.name.clone(), words.filter(|word| !word.is_empty()).collect())
        });
        Self { people: people.collect() }
    }

    /// Everybody whom a text names, by name.
    pub(super) fn in_text(&self, text: &str) -> Vec<PersonName> {
        let text = plain(text);
        let mut found: Vec<(usize, usize, &PersonName)> = Vec::new();
        for (name, words) in &self.people {
            found.extend(words.iter().flat_map(|word| places_of(word, &text)).map(|(from, to)| (from, to, name)));
        }
        let is_part_of_a_longer = |(from, to): (usize, usize)| {
            found.iter().any(|other| other.0 <= from && to <= other.1 && other.1 - other.0 > to - from)
        };
        let mut named: Vec<PersonName> = Vec::new();
        for (from, to, name) in &found {
            if !is_part_of_a_longer((*from, *to)) && !named.contains(name) {
                named.push((*name).clone());
            }
        }
        named
    }
}

/// In small letters, with one space between words.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// `lead@example.com` of `Lead <lead@example.com>`.
fn bare(address: &str) -> String {
    let inside = address.rsplit_once('<').map_or(address, |(_, rest)| rest);
    inside.trim_end_matches('>').trim().to_lowercase()
}

/// Where a word stands as a whole: from and to.
fn places_of<'t>(word: &'t str, text: &'t str) -> impl Iterator<Item = (usize, usize)> + 't {
    text.match_indices(word)
        .map(|(at, _)| (at, at + word.len()))
        .filter(move |(from, to)| !goes_on(text[..*from].chars().rev()) && !goes_on(text[*to..].chars()))
}

/// Whether what stands next to a word belongs to it.
fn goes_on(mut beside: impl Iterator<Item = char>) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    match beside.next() {
        Some('-' | '.' | '@') => beside.next().is_some_and(in_word),
        Some(c) => in_word(c),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Phi,
        on_call::{Contact, Person},
    };

    #[test]
    fn a_name_counts_as_a_whole_word() {
        let person = |name: &str, mail: &str| Person {
            name: name.into(),
            contacts: vec![Contact::new(Via::Email, Phi::new(mail.to_owned()))],
            quiet_hours: None,
            also_known_as: Vec::new(),
        };
        let naming = Naming::of(&Roster::new([
            person("night-1", "n1@example.com"),
            person("maria", "Maria L. <maria.l@example.com>"),
            person("lead", "lead@example.com"),
        ]));
        for (text, who) in [
            ("night-1", "night-1"),
            ("NIGHT-1 on call", "night-1"),
            ("Night: night-1", "night-1"),
            ("(night-1)", "night-1"),
            ("on call: night-1.", "night-1"),
            ("night-1/maria", "maria night-1"),
            ("night-1, then Maria", "maria night-1"),
            ("On Call - maria - Schedule 2", "maria"),
            ("maria's week", "maria"),
            ("night-10", ""),
            ("pre-night-1", ""),
            ("overnight-1", ""),
            ("night_1", ""),
            ("mariana", ""),
            ("office-lead", ""),
            ("lead.backup", ""),
            ("mailto:maria.l@example.com", "maria"),
            ("MAILTO:N1@EXAMPLE.COM", "night-1"),
            ("lead@elsewhere.example", ""),
            ("mailto:n1@example.com.evil.example", ""),
            ("\u{1f319} maria \u{1f319}", "maria"),
            ("", ""),
        ] {
            let names: Vec<String> = naming.in_text(text).iter().map(ToString::to_string).collect();
            let mut said = names;
            said.sort();
            assert_eq!(said.join(" "), who, "{text}");
        }
    }

    #[test]
    fn what_people_are_known_as_names_them_and_the_longer_name_counts() {
        let person = |name: &str, known: &[&str]| Person {
            name: name.into(),
            contacts: Vec::new(),
            quiet_hours: None,
            also_known_as: known.iter().map(|alias| Phi::new((*alias).to_owned())).collect(),
        };
        let naming = Naming::of(&Roster::new([
            person("night-1", &["Jane D.", "jane@example.com"]),
            person("night-2", &["Jane"]),
            person("night-3", &["J\u{f6}rg  M\u{fc}ller"]),
        ]));
        for (text, who) in [
            ("Jane D.", "night-1"),
            ("On call: JANE D. (nights)", "night-1"),
            ("Jane", "night-2"),
            ("Jane D. and Jane", "night-1 night-2"),
            ("Jane Doe", "night-2"),
            ("mailto:Jane@example.com", "night-1"),
            ("J\u{d6}RG M\u{dc}LLER", "night-3"),
            ("Janet", ""),
            ("M\u{fc}ller", ""),
        ] {
            let mut said: Vec<String> = naming.in_text(text).iter().map(ToString::to_string).collect();
            said.sort();
            assert_eq!(said.join(" "), who, "{text}");
        }
    }
}
