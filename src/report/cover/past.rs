//! Who was with whom in the last year, and who comes on time: a small sum of the archive.
//!
//! Given: lines of the archive, a stretch at a time. Gives: how often each caregiver was with each client, when last, and how
//! often they came on time.
//! Does not: read anything, or count what memory still holds; whoever asks adds that.

use std::collections::HashMap;

use chrono::TimeDelta;

use crate::{
    mirror::past_line::{PastLine, PastState},
    model::{CaregiverId, ClientId, Instant, ShiftId, VisitTime},
};

/// Checked in so long after the start is on time.
pub const ON_TIME: TimeDelta = TimeDelta::minutes(7);
/// A visit that names its shift belongs to the occurrence that begins nearest, within this.
const OCCURRENCE: TimeDelta = TimeDelta::hours(12);
/// One that names none belongs to the same two people's shift that begins within this.
const NEAR: TimeDelta = TimeDelta::hours(2);

/// Visits of one caregiver with one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct With {
    /// How many.
    pub n: u32,
    /// When the last one began.
    pub last: Instant,
}

/// Visits that found their shift, and how many of them began on time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OnTime {
    /// How many.
    pub n: u32,
    /// So many of them on time.
    pub on_time: u32,
}

/// The sum of a past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    since: Option<Instant>,
    until: Option<Instant>,
    clients: HashMap<ClientId, HashMap<CaregiverId, With>>,
    caregivers: HashMap<CaregiverId, OnTime>,
}

/// What a written time means, at a client's place; `None` while nobody knows.
pub type Reading<'a> = &'a dyn Fn(VisitTime, Option<&ClientId>) -> Option<Instant>;

impl Past {
    /// The first visit that it counts; `None` = it knows of none.
    #[must_use]
    pub const fn since(&self) -> Option<Instant> {
        self.since
    }

    /// It counts what began before this.
    #[must_use]
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Who was with a client.
    #[must_use]
    pub fn with(&self, client: &ClientId) -> HashMap<CaregiverId, With> {
        self.clients.get(client).cloned().unwrap_or_default()
    }

    /// How often a caregiver came on time.
    #[must_use]
    pub fn on_time(&self, caregiver: &CaregiverId) -> OnTime {
        self.caregivers.get(caregiver).copied().unwrap_or_default()
    }

    /// Counts the visits that began in `[from, until)`. Stretches may come in any order, each once.
    pub fn absorb(&mut self, (from, until): (Instant, Instant), lines: &[PastLine], at: Reading<'_>) {
        self.until = self.until.max(Some(until));
        let shifts = Shifts::of(lines);
        for line in lines.iter().filter(|line| !line.is_shift() && line.state == PastState::Stands) {
            let Some(came) = line.times().0.and_then(|time| at(time, line.client.as_ref())) else { continue };
            if came < from || came >= until {
                continue;
            }
            let planned = shifts.of_visit(line, came);
            let client = line.client.as_ref().or_else(|| planned.and_then(|shift| shift.client.as_ref()));
            let caregiver = line.caregiver.as_ref().or_else(|| planned.and_then(|shift| shift.caregiver.as_ref()));
            let Some(caregiver) = caregiver else { continue };
            self.since = Some(self.since.map_or(came, |since| since.min(came)));
            if let Some(client) = client {
                count(self.clients.entry(client.clone()).or_default(), caregiver, came);
            }
            if let Some(start) = planned.and_then(|shift| shift.start) {
                self.caregivers.entry(caregiver.clone()).or_default().add(came, start);
            }
        }
    }
}

impl OnTime {
    /// One more: came then, was to come then.
    pub fn add(&mut self, came: Instant, start: Instant) {
        self.n += 1;
        self.on_time += u32::from(came <= start + ON_TIME);
    }
}

/// One more visit of a caregiver.
pub(super) fn count(all: &mut HashMap<CaregiverId, With>, caregiver: &CaregiverId, came: Instant) {
    let with = all.entry(caregiver.clone()).or_insert(With { n: 0, last: came });
    with.n += 1;
    with.last = with.last.max(came);
}

/// The shifts of a stretch, by what visits find them by.
#[derive(Debug)]
pub struct Shifts<'a> {
    by_id: HashMap<&'a ShiftId, Vec<&'a PastLine>>,
    by_people: HashMap<(&'a ClientId, &'a CaregiverId), Vec<&'a PastLine>>,
}

impl<'a> Shifts<'a> {
    /// Those of these lines that stand.
    #[must_use]
    pub fn of(lines: &'a [PastLine]) -> Self {
        let (mut by_id, mut by_people) = (HashMap::<_, Vec<_>>::new(), HashMap::<_, Vec<_>>::new());
        for line in lines.iter().filter(|line| line.is_shift() && line.state == PastState::Stands) {
            if let Some(id) = &line.shift {
                by_id.entry(id).or_default().push(line);
            }
            if let (Some(client), Some(caregiver)) = (&line.client, &line.caregiver) {
                by_people.entry((client, caregiver)).or_default().push(line);
            }
        }
        Self { by_id, by_people }
    }

    /// The one that a visit belongs to which began then.
    #[must_use]
    pub fn of_visit(&self, visit: &PastLine, came: Instant) -> Option<&'a PastLine> {
        let nearest = |shifts: Option<&Vec<&'a PastLine>>, within: TimeDelta| {
            let off = |shift: &&&'a PastLine| shift.start.map_or(TimeDelta::MAX, |start| (came - start).abs());
            shifts?.iter().min_by_key(off).filter(|shift| off(shift) <= within).copied()
        };
        match (&visit.shift, &visit.client, &visit.caregiver) {
            (Some(id), ..) => nearest(self.by_id.get(id), OCCURRENCE),
            (None, Some(client), Some(caregiver)) => nearest(self.by_people.get(&(client, caregiver)), NEAR),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::fixture::{DAY, HOUR, at},
        mirror::row::ARCHIVED_SHIFT,
    };

    fn line(key: &str, start: i64, shift: Option<&str>, who: Option<&str>) -> PastLine {
        PastLine {
            key: key.to_owned(),
            start: Some(at(start)),
            ends: Some(at(start + HOUR)),
            naive_start: false,
            naive_ends: false,
            client: Some("c1".into()),
            caregiver: who.map(Into::into),
            shift: shift.map(Into::into),
            state: PastState::Stands,
        }
    }

    fn shift(n: i64, start: i64, id: &str, who: Option<&str>) -> PastLine {
        line(&format!("{ARCHIVED_SHIFT}{n}"), start, Some(id), who)
    }

    #[test]
    fn visits_are_counted_once_and_held_against_the_occurrence_that_is_nearest() {
        let read = |time: VisitTime, _: Option<&ClientId>| match time {
            VisitTime::Instant(at) => Some(at),
            VisitTime::Naive(_) => None,
        };
        let mut cancelled = shift(4, 2 * DAY + HOUR, "s2", Some("g1"));
        cancelled.state = PastState::Cancelled;
        let mut unread = line("v6", 3 * DAY, None, Some("g1"));
        unread.naive_start = true;
        let lines = [
            shift(1, 0, "s1", Some("g1")),
            shift(2, DAY, "s1", Some("g1")),
            shift(3, 2 * DAY, "s3", Some("g2")),
            cancelled,
            line("v1", 7 * 60, Some("s1"), Some("g1")),
            line("v2", DAY + 8 * 60, Some("s1"), Some("g1")),
            // Nobody wrote down who went: whoever was to.
            line("v3", 2 * DAY - 60, Some("s3"), None),
            // It names no shift, and lies near none of these two people.
            line("v4", 2 * DAY + HOUR, None, Some("g1")),
            // Another stretch's.
            line("v5", 9 * DAY, None, Some("g1")),
            unread,
        ];
        let mut past = Past::default();
        past.absorb((at(0), at(4 * DAY)), &lines, &read);
        let with = past.with(&"c1".into());
        assert_eq!(with[&"g1".into()], With { n: 3, last: at(2 * DAY + HOUR) });
        assert_eq!(with[&"g2".into()], With { n: 1, last: at(2 * DAY - 60) });
        assert_eq!(past.on_time(&"g1".into()), OnTime { n: 2, on_time: 1 });
        assert_eq!(past.on_time(&"g2".into()), OnTime { n: 1, on_time: 1 });
        assert_eq!((past.since(), past.until()), (Some(at(7 * 60)), Some(at(4 * DAY))));
        let mut in_two = Past::default();
        in_two.absorb((at(DAY), at(4 * DAY)), &lines, &read);
        in_two.absorb((at(0), at(DAY)), &lines, &read);
        assert_eq!(in_two, past, "in any order");
    }
}
