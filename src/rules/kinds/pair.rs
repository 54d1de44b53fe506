//! What the kinds about two shifts share: which pairs there are to look at, and what their alert tells.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::shift::absent;
use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{ClientId, ShiftKey, Subject},
    rules::{
        exception::Exception,
        finding::Tells,
        look::{Look, Particulars},
    },
};

/// Nobody looks back for a shift that lasted longer.
const LONGEST: TimeDelta = TimeDelta::hours(25);

/// Which pairs the loaded rules can be about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// Of one caregiver, up to so long apart; `None` = of no rule.
    pub caregiver: Option<TimeDelta>,
    /// Of one client, at one time.
    pub client: bool,
}

/// Two shifts that are both there.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The earlier one.
    pub first: &'a ShiftEntry,
    /// The other.
    pub second: &'a ShiftEntry,
}

impl<'a> Pair<'a> {
    /// The pair; or why an alert on it closes, when one of the two is gone.
    ///
    /// # Errors
    /// The look of a pair that is no more.
    pub fn of(keys: &(ShiftKey, ShiftKey), mirror: &'a Mirror) -> Result<Self, Look> {
        let entry = |key: &ShiftKey| mirror.shift(key).ok_or_else(|| absent(key, mirror));
        Ok(Self { first: entry(&keys.0)?, second: entry(&keys.1)? })
    }

    /// Whether both are to take place.
    #[must_use]
    pub fn stands(self, mirror: &Mirror) -> bool {
        let inactive = |client: &ClientId| mirror.is_inactive(client);
        !self.first.shift.is_cancelled()
            && !self.second.shift.is_cancelled()
            && !inactive(&self.first.shift.key.client)
            && !inactive(&self.second.shift.key.client)
    }

    /// Whether one caregiver is on both.
    #[must_use]
    pub fn one_caregiver(self) -> bool {
        self.first.shift.caregiver.is_some() && self.first.shift.caregiver == self.second.shift.caregiver
    }

    /// Whether they share some time.
    #[must_use]
    pub fn overlap(self) -> bool {
        self.second.shift.start() < self.first.shift.end && self.second.shift.start() < self.second.shift.end
    }
}

/// The pairs that a shift is in, as things stand.
#[must_use]
pub fn pairs_of(entry: &ShiftEntry, reach: Reach, mirror: &Mirror) -> BTreeSet<Subject> {
    let shift = &entry.shift;
    let mut pairs = BTreeSet::new();
    if shift.is_cancelled() {
        return pairs;
    }
    let mut add = |other: &ShiftEntry, apart: TimeDelta| {
        let near = other.shift.start() < shift.end + apart && shift.start() < other.shift.end + apart;
        if near && other.shift.key != shift.key && !other.shift.is_cancelled() {
            pairs.insert(Subject::pair(shift.key.clone(), other.shift.key.clone()));
        }
    };
    let from = |apart| shift.start() - LONGEST - apart;
    if let Some((apart, caregiver)) = reach.caregiver.zip(shift.caregiver.as_ref()) {
        for other in mirror.shifts().of_caregiver_starting(caregiver, from(apart), shift.end + apart) {
            add(other, apart);
        }
    }
    if reach.client {
        for other in mirror.shifts().beside(&shift.key, from(TimeDelta::zero()), shift.end) {
            add(other, TimeDelta::zero());
        }
    }
    pairs
}

/// What an alert about two shifts tells: it is about the later one, which is the one to move.
#[must_use]
pub fn particulars(pair: Pair<'_>, what: Exception, mirror: &Mirror) -> Particulars {
    let (first, second) = (&pair.first.shift, &pair.second.shift);
    let label = |key: &ShiftKey| key.label(mirror.shifts().is_shared(key));
    Particulars {
        deadline: Some(second.start()),
        starts_at: Some(second.start()),
        ends_at: Some(second.end),
        location: mirror.location_of(&second.key.client),
        subject_labels: vec![("shift", label(&second.key)), ("other_shift", label(&first.key))],
        client: Some(second.key.client.clone()),
        caregiver: second.caregiver.clone(),
        tells: Tells::Exception(what),
        annotations: Vec::new(),
        past_bad_rows: false,
        lost_at: None,
    }
}
