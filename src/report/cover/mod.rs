//! Cover: who could take a shift, ranked with reasons, and what forbids the others.
//!
//! Given: an agency's mirror, the [`Terms`] of its configuration with what its sheet says, and a shift. Gives: everybody on
//! the list of caregivers, each either ranked or forbidden, with words.
//! Does not: assign anybody, or guess: what nobody wrote down reads "not known" and forbids nothing.
//!
//! Filters and weights: home-care practice, continuity before coverage before convenience.

pub mod bar;
mod candidate;
mod mail;
pub mod past;
pub mod sheet;
pub mod terms;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{CaregiverId, Instant, Phi, PhiGrant, Section},
    report::lookup::{
        Freshness, Kind,
        profile::roster,
        shifts::{FoundShift, ShiftAnswer, named},
    },
};

pub use bar::{Bar, Barred};
pub use mail::{BEST, found, one_line};
pub use past::Past;
pub use terms::{Terms, Weights};

/// So many who are forbidden are listed with what forbids them.
const FORBIDDEN_MAX: usize = 500;

/// Who could take a shift, as an answer holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = cover::CoverAnswer)]
pub struct CoverAnswer {
    /// The shift.
    pub shift: ShiftAnswer,
    /// Who could take it, the best first.
    pub ranked: Vec<RankedAnswer>,
    /// How many could; more than `ranked` holds are not listed.
    pub n_ranked: usize,
    /// Who must not, with what forbids it; ordered by id.
    pub forbidden: Vec<ForbiddenAnswer>,
    /// How many of those there are; more than `forbidden` holds are not listed.
    pub n_forbidden: usize,
    /// How many are forbidden for which kind of reason, each counted once; the most first.
    pub barred: Vec<Barred>,
    /// How fresh the list of caregivers is.
    pub roster: Freshness,
    /// How fresh the shifts are, all together: what a caregiver has to do elsewhere is as of then.
    pub shifts: Freshness,
}

/// Somebody who could take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = cover::RankedAnswer)]
pub struct RankedAnswer {
    /// The vendor's id.
    #[schema(value_type = String)]
    pub caregiver: CaregiverId,
    /// What they are called.
    pub name: Option<String>,
    /// The sum of the points.
    pub score: u32,
    /// What speaks for them, and what is not known.
    pub reasons: Vec<Reason>,
}

/// One thing that speaks for somebody, or is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = cover::Reason)]
pub struct Reason {
    /// In words; ids only.
    pub says: String,
    /// The points it gives.
    pub points: u32,
}

/// Somebody who must not take it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = cover::ForbiddenAnswer)]
pub struct ForbiddenAnswer {
    /// The vendor's id.
    #[schema(value_type = String)]
    pub caregiver: CaregiverId,
    /// What they are called.
    pub name: Option<String>,
    /// Everything that forbids it, in words; ids only.
    pub why: Vec<String>,
}

/// Who could take a shift; names are protected.
#[derive(Debug, Clone)]
pub struct FoundCover {
    shift: FoundShift,
    ranked: Vec<(RankedAnswer, Phi<String>)>,
    forbidden: Vec<(ForbiddenAnswer, Phi<String>)>,
    n_ranked: usize,
    n_forbidden: usize,
    barred: Vec<Barred>,
    roster: Freshness,
    shifts: Freshness,
}

/// Who could take a shift of this mirror.
#[must_use]
pub fn cover(mirror: &Mirror, terms: &Terms, past: &Past, entry: &ShiftEntry, now: Instant) -> FoundCover {
    let open = candidate::Open::new(mirror, terms, past, entry, now);
    let mut ranked = Vec::new();
    let mut forbidden = Vec::new();
    let mut counts: BTreeMap<Bar, usize> = BTreeMap::new();
    for caregiver in mirror.caregivers() {
        let candidate = candidate::Candidate::new(&open, caregiver);
        let (id, name) = (caregiver.id.clone(), caregiver.person.name.clone());
        let why = candidate.forbidden_by();
        if let Some(first) = why.first() {
            *counts.entry(first.bar).or_default() += 1;
        }
        let why: Vec<String> = why.into_iter().map(|one| one.says).collect();
        if why.is_empty() {
            let reasons = candidate.reasons();
            let score = reasons.iter().map(|reason| reason.points).sum();
            ranked.push((RankedAnswer { caregiver: id, name: None, score, reasons }, name));
        } else {
            forbidden.push((ForbiddenAnswer { caregiver: id, name: None, why }, name));
        }
    }
    let order = |id: &CaregiverId| (id.as_str().len(), id.clone());
    ranked.sort_by(|(a, _), (b, _)| b.score.cmp(&a.score).then_with(|| order(&a.caregiver).cmp(&order(&b.caregiver))));
    forbidden.sort_by_key(|(one, _)| order(&one.caregiver));
    let n_forbidden = forbidden.len();
    forbidden.truncate(FORBIDDEN_MAX);
    let mut barred: Vec<Barred> =
        counts.into_iter().map(|(by, n)| Barred { by, n, says: terms.bar_words(by) }).collect();
    barred.sort_by_key(|one| std::cmp::Reverse(one.n));
    let as_of = mirror.all_read_since(now);
    FoundCover {
        shift: FoundShift::of(mirror, entry, now),
        n_ranked: ranked.len(),
        ranked,
        forbidden,
        n_forbidden,
        barred,
        roster: roster(mirror, Section::Caregivers),
        shifts: Freshness { as_of, complete: as_of.is_some() },
    }
}

impl FoundCover {
    /// Only the best so many, and nobody who is forbidden by id: for the page of an alert.
    #[must_use]
    pub fn best(mut self, n: usize) -> Self {
        self.ranked.truncate(n);
        self.forbidden.clear();
        self
    }

    /// Whom it names.
    #[must_use]
    pub fn ids(&self) -> Vec<(Kind, String)> {
        let ranked = self.ranked.iter().map(|(one, _)| &one.caregiver);
        let all = ranked.chain(self.forbidden.iter().map(|(one, _)| &one.caregiver));
        self.shift.ids().chain(all.map(|id| (Kind::Caregiver, id.to_string()))).collect()
    }

    /// With names for whoever has a grant.
    #[must_use]
    pub fn shown(self, grant: Option<PhiGrant>) -> CoverAnswer {
        let ranked = self.ranked.into_iter().map(|(one, name)| RankedAnswer { name: named(&name, grant), ..one });
        let forbidden =
            self.forbidden.into_iter().map(|(one, name)| ForbiddenAnswer { name: named(&name, grant), ..one });
        CoverAnswer {
            shift: self.shift.shown(grant),
            ranked: ranked.collect(),
            forbidden: forbidden.collect(),
            n_ranked: self.n_ranked,
            n_forbidden: self.n_forbidden,
            barred: self.barred,
            roster: self.roster,
            shifts: self.shifts,
        }
    }
}

#[cfg(test)]
mod tests;
