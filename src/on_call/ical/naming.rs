//! Whom a title or an attendee names.
//!
//! A person is named where their name stands as a whole word, in any case: not inside a longer run of letters, digits
//! and `_`, and not joined to one by `-`, `.` or `@`. "Night: NIGHT-1" and "night-1 on call" name night-1; "night-10",
//! "pre-night-1" and "overnight-1" do not. Their mail address, written whole, names them too; with that in it, the part
//! before its `@` is not looked at again.

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
            (person.name.clone(), std::iter::once(person.name.as_str().to_lowercase()).chain(mails).collect())
        });
        Self { people: people.collect() }
    }

    /// Everybody whom a text names, by name.
    pub(super) fn in_text(&self, text: &str) -> Vec<PersonName> {
        let text = text.to_lowercase();
        let is_named = |words: &[String]| words.iter().any(|word| stands_in(&text, word));
        self.people.iter().filter(|(_, words)| is_named(words)).map(|(name, _)| name.clone()).collect()
    }
}

/// `lead@example.com` of `Lead <lead@example.com>`.
fn bare(address: &str) -> String {
    let inside = address.rsplit_once('<').map_or(address, |(_, rest)| rest);
    inside.trim_end_matches('>').trim().to_lowercase()
}

fn stands_in(text: &str, word: &str) -> bool {
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !goes_on(before.chars().rev()) && !goes_on(after.chars())
        })
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
}
