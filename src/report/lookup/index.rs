//! Finds people by what somebody remembers of them: an id, the end of a telephone number, a name nearly as it is written.
//!
//! Given: an agency's clients and caregivers. Gives: who fits, the best first, in well under a millisecond for thousands
//! of people: each different word is looked at once, and what differs in too many letters is passed over by one comparison.
//! Does not: show a name, a number or a word of one; what comes out is an id, how well it fits, and by what.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use super::{
    Kind,
    distance::{allowed, letters, within},
    fold::{Word, words},
    phone::{Fit, Number},
};
use crate::model::{Caregiver, Client, LocationId, Person, Phi, PhiGrant};

/// Of a query so many words count.
const WORDS_MAX: usize = 6;
/// What fits less well is nobody who was meant.
const SCORE_MIN: f32 = 0.55;

/// An agency's people, to be asked for.
#[derive(Default)]
pub struct Index {
    people: Vec<Known>,
    words: Vec<Entry>,
    phones: Vec<(Number, u32)>,
    ids: HashMap<String, Vec<u32>>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index of {} people", self.people.len())
    }
}

struct Known {
    kind: Kind,
    id: String,
    name: Phi<String>,
    location: Option<LocationId>,
    current: bool,
    n_words: usize,
    /// The words of the name, see [`to_the_letter`].
    sorted: Word,
    /// The whole name without spaces.
    joined: Word,
    letters: u64,
}

/// Somebody who fits, by their place.
struct Raw {
    n: u32,
    score: f32,
    by: By,
    exact: bool,
}

/// A word and those who have it in their name.
struct Entry {
    word: Word,
    letters: u64,
    people: Vec<u32>,
}

/// Somebody who fits.
#[derive(Debug, Clone)]
pub struct Hit {
    /// A client or a caregiver.
    pub kind: Kind,
    /// Their id at the vendor.
    pub id: String,
    /// What they are called.
    pub name: Phi<String>,
    /// Their location at the vendor.
    pub location: Option<LocationId>,
    /// Whether nothing says that they left.
    pub current: bool,
    /// How well, from 0 to 1.
    pub score: f32,
    /// By what.
    pub by: By,
    /// Just as it is written: the id, the whole number, every word of the name.
    pub exact: bool,
}

/// By what somebody was found.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[schema(as = lookup::By)]
pub enum By {
    /// The vendor's id.
    Id,
    /// A telephone number.
    Phone,
    /// The name.
    Name,
}

impl Index {
    /// Of these people. Someone who is not current is found as well, after the others.
    #[must_use]
    pub fn of<'a>(
        clients: impl IntoIterator<Item = &'a Client>,
        caregivers: impl IntoIterator<Item = &'a Caregiver>,
    ) -> Self {
        let mut index = Self::default();
        let mut by_word: BTreeMap<Word, Vec<u32>> = BTreeMap::new();
        for client in clients {
            let current = client.active != Some(false) && client.is_client != Some(false);
            let of = (Kind::Client, client.id.as_str(), client.location.as_ref(), current);
            index.add(of, &client.person, &mut by_word);
        }
        for caregiver in caregivers {
            let current = caregiver.active != Some(false) && caregiver.hired != Some(false);
            let of = (Kind::Caregiver, caregiver.id.as_str(), caregiver.location.as_ref(), current);
            index.add(of, &caregiver.person, &mut by_word);
        }
        index.words =
            by_word.into_iter().map(|(word, people)| Entry { letters: letters(&word), word, people }).collect();
        index
    }

    /// How many people it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.people.len()
    }

    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    fn add(
        &mut self,
        (kind, id, location, current): (Kind, &str, Option<&LocationId>, bool),
        person: &Person,
        by_word: &mut BTreeMap<Word, Vec<u32>>,
    ) {
        let Ok(n) = u32::try_from(self.people.len()) else { return };
        let mut name = words(person.name.reveal(PhiGrant::INDEX));
        let joined: Word = name.iter().flatten().copied().collect();
        let n_words = name.len();
        let sorted = to_the_letter(&name);
        // Anne-Marie is asked for as Annemarie, Abd Allah as Abdallah. The whole name is compared without spaces anyway.
        let parts: Vec<Word> = [2, 3]
            .into_iter()
            .filter(|n| *n < name.len())
            .flat_map(|n| {
                name.windows(n).map(|part| part.iter().flatten().copied().collect::<Word>()).collect::<Vec<_>>()
            })
            .filter(|word| word.len() > 3)
            .collect();
        name.extend(parts);
        name.sort_unstable();
        name.dedup();
        for word in name {
            by_word.entry(word).or_default().push(n);
        }
        let numbers = person.phones.reveal(PhiGrant::INDEX).iter().filter_map(|text| Number::read(text));
        self.phones.extend(numbers.map(|number| (number, n)));
        self.ids.entry(id.to_owned()).or_default().push(n);
        let (name, location) = (person.name.clone(), location.cloned());
        let letters = letters(&joined);
        self.people.push(Known { kind, id: id.to_owned(), name, location, current, n_words, sorted, letters, joined });
    }

    /// Whoever has this id: a client, a caregiver, or one of each.
    #[must_use]
    pub fn by_id(&self, asked: &str) -> Vec<Hit> {
        self.raw_by_id(asked).iter().map(|raw| self.hit(raw)).collect()
    }

    fn raw_by_id(&self, asked: &str) -> Vec<Raw> {
        let id = asked.trim().trim_start_matches('#');
        let found = self.ids.get(id).into_iter().flatten();
        found.map(|n| Raw { n: *n, score: 1.0, by: By::Id, exact: true }).collect()
    }

    /// Whoever fits what was asked for, the best first, at most `limit`; and how many fit in all.
    #[must_use]
    pub fn find(&self, asked: &str, limit: usize) -> (Vec<Hit>, usize) {
        let mut hits = self.raw_by_id(asked);
        match Number::read(asked) {
            Some(number) => self.add_by_phone(&number, &mut hits),
            None if hits.is_empty() => self.add_by_name(asked, &mut hits),
            None => {}
        }
        let n = hits.len();
        hits.sort_by(|a, b| {
            let rest = |raw: &Raw| {
                let Known { kind, id, current, .. } = &self.people[raw.n as usize];
                (Reverse(*current), raw.by, *kind, id.len(), id.as_str())
            };
            b.score.total_cmp(&a.score).then_with(|| rest(a).cmp(&rest(b)))
        });
        hits.truncate(limit);
        (hits.iter().map(|raw| self.hit(raw)).collect(), n)
    }

    fn hit(&self, raw: &Raw) -> Hit {
        let Known { kind, id, name, location, current, .. } = &self.people[raw.n as usize];
        let Raw { score, by, exact, .. } = *raw;
        let (id, name, location) = (id.clone(), name.clone(), location.clone());
        Hit { kind: *kind, id, name, location, current: *current, score, by, exact }
    }

    fn add_by_phone(&self, asked: &Number, hits: &mut Vec<Raw>) {
        let mut best: BTreeMap<u32, Fit> = BTreeMap::new();
        for (number, n) in &self.phones {
            if let Some(fit) = asked.fit(number) {
                best.entry(*n).and_modify(|best| *best = fit.max(*best)).or_insert(fit);
            }
        }
        for (n, fit) in best {
            let score = match fit {
                Fit::Exact => 1.0,
                Fit::Number => 0.9,
                Fit::End => 0.8,
            };
            if !hits.iter().any(|hit| hit.n == n) {
                hits.push(Raw { n, score, by: By::Phone, exact: fit == Fit::Exact });
            }
        }
    }

    fn add_by_name(&self, asked: &str, hits: &mut Vec<Raw>) {
        let asked = words(asked);
        self.add_by_words(&asked, hits);
        if !hits.is_empty() {
            return;
        }
        // Annemarie may have been asked for as Anne Marie.
        for n in 0..asked.len().min(WORDS_MAX).saturating_sub(1) {
            let pair: Word = asked[n].iter().chain(&asked[n + 1]).copied().collect();
            let as_one: Vec<Word> =
                asked[..n].iter().cloned().chain([pair]).chain(asked[n + 2..].iter().cloned()).collect();
            self.add_by_words(&as_one, hits);
            if !hits.is_empty() {
                return;
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "two slips at most")]
    fn add_by_words(&self, asked: &[Word], hits: &mut Vec<Raw>) {
        let joined: Word = asked.iter().flatten().copied().collect();
        let sorted = to_the_letter(asked);
        let asked = &asked[..asked.len().min(WORDS_MAX)];
        let n_asked = asked.len();
        if n_asked == 0 {
            return;
        }
        // A word asked for twice is still one word of a name.
        let n_different = asked.iter().collect::<BTreeSet<_>>().len();
        // How well each person's best word fits each word that was asked for.
        let mut fits = vec![0.0_f32; self.people.len() * n_asked];
        let mut met = vec![false; self.people.len()];
        for (i, word) in asked.iter().enumerate() {
            let bits = letters(word);
            for entry in &self.words {
                let fit = word_fit(word, bits, entry, n_asked > 1);
                if fit <= 0.0 {
                    continue;
                }
                for n in &entry.people {
                    let n = *n as usize;
                    met[n] = true;
                    let cell = &mut fits[n * n_asked + i];
                    *cell = cell.max(fit);
                }
            }
        }
        let (bits, most) = (letters(&joined), if joined.len() < 4 { 0 } else { allowed(joined.len()) });
        for (n, person) in self.people.iter().enumerate() {
            let of_words = if !met[n] {
                (0.0, false)
            } else if person.sorted == sorted {
                (1.0, true)
            } else {
                (name_fit(&fits[n * n_asked..][..n_asked], n_different, person.n_words), false)
            };
            // A name that fits by its words needs no second look.
            let near = of_words.0 < 0.9 && (person.letters ^ bits).count_ones() as usize <= 2 * most;
            let slips = near.then(|| within(&joined, &person.joined, most)).flatten();
            let (score, exact) = match slips {
                Some(0) if !of_words.1 => (0.99, true),
                Some(slips) if 0.9 - 0.08 * slips as f32 > of_words.0 => (0.9 - 0.08 * slips as f32, false),
                _ => of_words,
            };
            if score >= SCORE_MIN
                && let Ok(n) = u32::try_from(n)
            {
                hits.push(Raw { n, score, by: By::Name, exact });
            }
        }
    }
}

/// Words in whatever order and each as often as it is there: alike for those who have the same name, and for nobody else.
fn to_the_letter(words: &[Word]) -> Word {
    let mut words: Vec<&Word> = words.iter().collect();
    words.sort_unstable();
    words.into_iter().flat_map(|word| word.iter().copied().chain([' '])).collect()
}

/// How well one word fits one that was asked for: itself, its beginning, or nearly; 0 = not.
#[expect(clippy::cast_precision_loss, reason = "a few words of a few letters")]
fn word_fit(asked: &[char], bits: u64, entry: &Entry, among_others: bool) -> f32 {
    if entry.letters == bits && *entry.word == *asked {
        return 1.0;
    }
    // A word asked for has no letter that a word beginning with it lacks.
    if bits & !entry.letters == 0 && asked.len() < entry.word.len() && entry.word.starts_with(asked) {
        return match asked.len() {
            1 if among_others => 0.75,
            1 => 0.6,
            n => 0.85 + 0.1 * n as f32 / entry.word.len() as f32,
        };
    }
    let most = allowed(asked.len().min(entry.word.len()));
    if most == 0 || (entry.letters ^ bits).count_ones() as usize > 2 * most {
        return 0.0;
    }
    match within(asked, &entry.word, most) {
        Some(1) => 0.8,
        Some(_) => 0.7,
        None => 0.0,
    }
}

/// How well a name fits: the mean over the words asked for, a little less for words that nobody asked for. One word in
/// three or more may be unknown.
#[expect(clippy::cast_precision_loss, reason = "a few words of a few letters")]
fn name_fit(fits: &[f32], n_different: usize, n_words: usize) -> f32 {
    let n_missing = fits.iter().filter(|fit| **fit <= 0.0).count();
    if n_missing > usize::from(fits.len() >= 3) {
        return 0.0;
    }
    let mean = fits.iter().sum::<f32>() / fits.len() as f32;
    let covered = (n_different as f32 / n_words.max(1) as f32).min(1.0);
    // Nothing is beyond doubt by its words alone.
    (mean * (0.9 + 0.1 * covered)).min(0.99)
}

#[cfg(test)]
mod tests;
