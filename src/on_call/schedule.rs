//! A schedule: who is on call when, by rotations laid over each other or by a calendar, with overrides on top.

use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{calendar::Calendar, rotation::Rotation};
use crate::model::{Instant, PersonName};

/// One entry of `schedules`.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// What policies call it.
    pub name: String,
    /// The zone of its times of day.
    pub timezone: Tz,
    /// Where its people come from.
    pub rota: Rota,
    /// Who stands in; a later one lies over an earlier one, and all lie over the rota.
    pub overrides: Vec<Override>,
    /// Nobody on call by it is no trouble: it is meant.
    pub may_be_empty: bool,
    /// Whether whoever comes on is told that their watch begins; `None` = as it is for a schedule that a policy names.
    pub watch_on: Option<bool>,
}

/// Where a schedule's people come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Rota {
    /// Rotations; where several hold, the last of them in file order is meant.
    Rotations(Vec<Rotation>),
    /// A calendar; `None` until a copy of it was read: who is on call is unknown then, and nobody is taken for it.
    Calendar(Option<Arc<Calendar>>),
}

/// One entry of `overrides`: this person and nobody else in `[start, end)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Who.
    pub person: PersonName,
    /// From, included.
    pub start: Instant,
    /// To, excluded.
    pub end: Instant,
}

/// A stretch of time in which the same people are on call: `[from, until)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its first instant.
    pub from: Instant,
    /// The first instant that is no longer in it.
    pub until: Instant,
    /// Who is on call, each once; nobody = a gap.
    pub people: Vec<PersonName>,
}

/// How far ahead a change is looked for. A schedule that stays the same for longer is said to stay so.
const LOOK_AHEAD: TimeDelta = TimeDelta::days(400);

impl Schedule {
    /// Who is on call at an instant, each once.
    #[must_use]
    pub fn people_at(&self, at: Instant) -> Vec<PersonName> {
        let holds = |over: &&Override| over.start <= at && at < over.end;
        if let Some(over) = self.overrides.iter().rev().find(holds) {
            return vec![over.person.clone()];
        }
        match &self.rota {
            Rota::Rotations(rotations) => {
                let person = rotations.iter().rev().find_map(|rotation| rotation.person_at(self.timezone, at));
                person.cloned().into_iter().collect()
            }
            Rota::Calendar(calendar) => calendar.as_ref().map_or_else(Vec::new, |calendar| calendar.people_at(at)),
        }
    }

    /// The time from `from` to `until` as stretches without a hole between them, neighbours with the same people
    /// made one. Empty when `until` is not after `from`.
    #[must_use]
    pub fn spans(&self, from: Instant, until: Instant) -> Vec<Span> {
        if until <= from {
            return Vec::new();
        }
        let mut borders = vec![from];
        for over in &self.overrides {
            borders.extend([over.start, over.end].into_iter().filter(|at| from <= *at && *at < until));
        }
        match &self.rota {
            Rota::Rotations(rotations) => {
                for rotation in rotations {
                    rotation.borders(self.timezone, from, until, &mut borders);
                }
            }
            Rota::Calendar(calendar) => {
                if let Some(calendar) = calendar {
                    calendar.borders(from, until, &mut borders);
                }
            }
        }
        borders.sort_unstable();
        borders.dedup();
        let mut spans: Vec<Span> = Vec::new();
        for at in borders {
            let people = self.people_at(at);
            match spans.last_mut() {
                Some(last) if last.people == people => {}
                last => {
                    if let Some(last) = last {
                        last.until = at;
                    }
                    spans.push(Span { from: at, until, people });
                }
            }
        }
        spans
    }

    /// Every stretch between `from` and `until` in which nobody is on call.
    #[must_use]
    pub fn gaps(&self, from: Instant, until: Instant) -> Vec<Span> {
        let mut spans = self.spans(from, until);
        spans.retain(|span| span.people.is_empty());
        spans
    }

    /// The first instant after `at` at which other people are on call; `None` when none is in sight.
    #[must_use]
    pub fn next_change(&self, at: Instant) -> Option<Instant> {
        // Most change within a week or so, and a short look is cheap.
        [TimeDelta::days(8), TimeDelta::days(64), LOOK_AHEAD].into_iter().find_map(|ahead| {
            let until = at.checked_add_signed(ahead)?;
            let spans = self.spans(at, until);
            (spans.len() > 1).then(|| spans[0].until)
        })
    }

    /// Since when the people of an instant have been on call; `None` when that began too long ago to matter.
    #[must_use]
    pub fn since(&self, at: Instant) -> Option<Instant> {
        [TimeDelta::days(8), TimeDelta::days(64)].into_iter().find_map(|back| {
            let from = at.checked_sub_signed(back)?;
            let spans = self.spans(from, at.checked_add_signed(TimeDelta::seconds(1))?);
            (spans.len() > 1).then(|| spans.last().map(|span| span.from))?
        })
    }
}
