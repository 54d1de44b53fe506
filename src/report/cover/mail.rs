//! Who could take a shift, as a mail says it.

use super::{FoundCover, Reason};
use crate::{
    mirror::Mirror,
    model::{CaregiverId, Instant, Phi, ShiftKey},
    notify::cover_list::{CoverList, Found, Taker},
};

/// So many stand in a mail, and on an alert's page.
pub const BEST: usize = 5;

impl FoundCover {
    /// The best five with a line each, and how many are forbidden by what. Names stay under protection.
    #[must_use]
    pub fn for_mail(self, mirror: &Mirror) -> CoverList {
        let phones = |id: &CaregiverId| mirror.caregiver(id).map_or_else(Phi::default, |one| one.person.phones.clone());
        let taker = |(one, name): (super::RankedAnswer, Phi<String>)| Taker {
            phones: phones(&one.caregiver),
            why: one_line(&one.reasons),
            caregiver: one.caregiver,
            name,
        };
        let barred = self.barred.iter().map(|one| format!("{} {}", one.n, one.says));
        CoverList {
            n: self.n_ranked,
            best: self.ranked.into_iter().take(BEST).map(taker).collect(),
            n_others: self.n_forbidden,
            others: barred.collect::<Vec<_>>().join(", "),
            doubtful: !self.shifts.complete || !self.roster.complete,
        }
    }
}

/// What a message says of a shift; `None` = it is not on the schedule any more.
#[must_use]
pub fn found(mirror: &Mirror, terms: &super::Terms, past: &super::Past, key: &ShiftKey, now: Instant) -> Option<Found> {
    let entry = mirror.shift(key)?;
    if mirror.caregivers().next().is_none() {
        return Some(Found::Unknown("not known: no list of caregivers was read yet."));
    }
    Some(Found::List(super::cover(mirror, terms, past, entry, now).for_mail(mirror)))
}

/// What speaks for somebody first; then what gives no points; then what nobody knows, in few words.
#[must_use]
pub fn one_line(reasons: &[Reason]) -> String {
    let mut unknown = Vec::new();
    let (mut first, mut then) = (Vec::new(), Vec::new());
    for Reason { says, points } in reasons {
        match says.strip_suffix(" not known") {
            Some(what) => unknown.push(what.trim_end_matches(" is")),
            None if *points > 0 => first.push(says.as_str()),
            None => then.push(says.as_str()),
        }
    }
    first.extend(then);
    let mut line = first.join("; ");
    if !unknown.is_empty() {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str("not known: ");
        line.push_str(&unknown.join(", "));
    }
    line
}
