//! Who could take an uncovered shift, as a mail says it. Pure: the list comes in as a value.
//!
//! Given: who could take it, with names and telephone numbers under protection. Gives: the lines of a mail, with names and
//! numbers where its receiver was granted them, else with ids.
//! Does not: rank anybody, or say any of it in a text.

use crate::model::{CaregiverId, Phi, PhiGrant, ShiftKey};

/// Who could take a shift.
#[derive(Debug, Clone)]
pub struct CoverList {
    /// How many could.
    pub n: usize,
    /// The best of them, at most five.
    pub best: Vec<Taker>,
    /// How many must not.
    pub n_others: usize,
    /// What forbids it to how many: `12 overlap, 3 over 60 h that week`.
    pub others: String,
    /// Not everything that it rests on was read.
    pub doubtful: bool,
}

/// One who could.
#[derive(Debug, Clone)]
pub struct Taker {
    /// The vendor's id.
    pub caregiver: CaregiverId,
    /// What they are called.
    pub name: Phi<String>,
    /// Their telephone numbers.
    pub phones: Phi<Vec<String>>,
    /// What speaks for them, in a line; ids only.
    pub why: String,
}

/// What is known of who could take a shift.
#[derive(Debug, Clone)]
pub enum Found {
    /// This list.
    List(CoverList),
    /// Nothing, because of this; it follows "Cover: ".
    Unknown(&'static str),
}

/// Says who could take a shift; from memory, at once.
pub trait Covers {
    /// `None` = the shift is not on the schedule any more.
    fn could_take(&self, shift: &ShiftKey) -> Option<Found>;
}

/// Of no shift anything is known: for tests.
#[derive(Debug, Clone, Copy)]
pub struct NoCovers;

impl Covers for NoCovers {
    fn could_take(&self, _: &ShiftKey) -> Option<Found> {
        None
    }
}

/// What the best are called in a mail's table.
const PLACES: [&str; 5] = ["1st", "2nd", "3rd", "4th", "5th"];

impl Found {
    /// The lines of a mail.
    #[must_use]
    pub fn lines(&self, grant: Option<PhiGrant>) -> Vec<(&'static str, String)> {
        let list = match self {
            Self::List(list) => list,
            Self::Unknown(why) => return vec![("Cover", (*why).to_owned())],
        };
        let mut lines = Vec::new();
        let mut says = match (list.n, list.best.len()) {
            (0, _) => "nobody could take it by what is known.".to_owned(),
            (1, _) => "1 caregiver could take it.".to_owned(),
            (n, best) if n > best => format!("{n} caregivers could take it; the best {best}:"),
            (n, _) => format!("{n} caregivers could take it, the best first:"),
        };
        if list.doubtful {
            says.insert_str(0, "not everything was read lately, so look before you call; ");
        }
        lines.push(("Cover", says));
        lines.extend(list.best.iter().zip(PLACES).map(|(taker, place)| (place, taker.line(grant))));
        if list.n_others > 0 {
            let others = if list.n_others == 1 { "1 other".to_owned() } else { format!("{} others", list.n_others) };
            lines.push(("Not", format!("{others} may not: {}.", list.others)));
        }
        lines
    }
}

impl Taker {
    fn line(&self, grant: Option<PhiGrant>) -> String {
        let id = self.caregiver.as_str();
        let who = grant.map(|grant| {
            let mut parts = vec![self.name.reveal(grant).trim().to_owned()];
            parts.extend(self.phones.reveal(grant).first().cloned());
            parts.retain(|part| !part.is_empty());
            parts.join(", ")
        });
        match who.filter(|who| !who.is_empty()) {
            Some(who) => format!("{who} ({id}): {}", self.why),
            None => format!("caregiver {id}: {}", self.why),
        }
    }
}
