//! The visits in memory, and which shift each belongs to.
//!
//! A visit belongs to the occurrence it refers to whose start is nearest within ±12 h, of the same client; else to
//! the overlapping shift of its client and caregiver; else to none (contract §8 no. 18). Occurrences that share an
//! id never shadow one another, a split visit is several visits of one shift, and a substitute who refers to the
//! shift has come.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{naive_time::NaiveClock, shifts::Shifts};
use crate::model::{ClientId, Instant, ShiftKey, Visit, VisitId};

/// How far from the planned start a visit that refers to a shift may begin. Contract §8 no. 18.
const REFERENCE_REACH: TimeDelta = TimeDelta::hours(12);
/// How long an open visit without a reference is taken to last when it is laid over shifts.
const OPEN_LASTS: TimeDelta = TimeDelta::hours(12);

/// One visit and how sure we are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitEntry {
    /// As last read.
    pub visit: Visit,
    /// When the newest read that held its row began.
    pub seen_at: Instant,
    /// When the first read that held its row began.
    pub first_seen_at: Instant,
    /// When a complete read first lacked its row; `None` while the newest read held it.
    pub missed_at: Option<Instant>,
    /// The shift it belongs to.
    pub shift: Option<ShiftKey>,
    /// Whether it was counted towards the meaning of naive times.
    pub sampled: bool,
}

/// Every visit.
#[derive(Debug, Clone, Default)]
pub struct Visits {
    all: BTreeMap<VisitId, VisitEntry>,
    by_client: BTreeMap<ClientId, BTreeSet<VisitId>>,
}

impl Visits {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// True without any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One visit.
    #[must_use]
    pub fn get(&self, id: &VisitId) -> Option<&VisitEntry> {
        self.all.get(id)
    }

    /// One visit, to note evidence or its shift.
    pub fn get_mut(&mut self, id: &VisitId) -> Option<&mut VisitEntry> {
        self.all.get_mut(id)
    }

    /// Every visit by id.
    pub fn iter(&self) -> impl Iterator<Item = &VisitEntry> {
        self.all.values()
    }

    /// One client's visits by id.
    pub fn of_client(&self, client: &ClientId) -> impl Iterator<Item = &VisitEntry> {
        self.by_client.get(client).into_iter().flatten().filter_map(|id| self.all.get(id))
    }

    /// Adds or replaces a visit.
    pub fn put(&mut self, entry: VisitEntry) {
        if let Some(old) = self.all.get(&entry.visit.id)
            && old.visit.client != entry.visit.client
        {
            let id = entry.visit.id.clone();
            self.remove(&id);
        }
        if let Some(client) = &entry.visit.client {
            self.by_client.entry(client.clone()).or_default().insert(entry.visit.id.clone());
        }
        self.all.insert(entry.visit.id.clone(), entry);
    }

    /// Takes a visit out.
    pub fn remove(&mut self, id: &VisitId) -> Option<VisitEntry> {
        let entry = self.all.remove(id)?;
        if let Some(client) = &entry.visit.client
            && let Some(ids) = self.by_client.get_mut(client)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.by_client.remove(client);
            }
        }
        Some(entry)
    }
}

/// The shift a visit belongs to.
#[must_use]
pub fn match_shift(visit: &Visit, shifts: &Shifts, clock: &NaiveClock, zone: Tz) -> Option<ShiftKey> {
    let check_in = clock.guesses(visit.check_in?, zone);
    if let Some(id) = &visit.shift {
        let nearest = shifts
            .of_id(id)
            .filter(|entry| visit.client.as_ref().is_none_or(|client| *client == entry.shift.key.client))
            .map(|entry| {
                (check_in.iter().map(|at| (*at - entry.shift.start()).abs()).min().unwrap_or(TimeDelta::MAX), entry)
            })
            .filter(|(distance, _)| *distance <= REFERENCE_REACH)
            .min_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.shift.key.cmp(&b.1.shift.key)));
        if let Some((_, entry)) = nearest {
            return Some(entry.shift.key.clone());
        }
    }
    let client = visit.client.as_ref()?;
    let caregiver = visit.caregiver.as_ref()?;
    let [first, second] = check_in;
    let spans = [first, second].map(|from| {
        let until = visit.check_out.map_or(from + OPEN_LASTS, |out| {
            let [utc, local] = clock.guesses(out, zone);
            if from == second && first != second { local } else { utc }
        });
        (from, until)
    });
    shifts
        .of_client(client)
        .filter(|entry| entry.shift.caregiver.as_ref() == Some(caregiver) && !entry.shift.is_cancelled())
        .filter(|entry| spans.iter().any(|(from, until)| *from < entry.shift.end && entry.shift.start() < *until))
        .min_by_key(|entry| {
            let distance = check_in.iter().map(|at| (*at - entry.shift.start()).abs()).min();
            (distance.unwrap_or(TimeDelta::MAX), entry.shift.key.clone())
        })
        .map(|entry| entry.shift.key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::{settings::NaiveReading, shifts::ShiftEntry},
        model::{CaregiverId, Shift, ShiftId, ShiftRef, ShiftStatus, VisitTime, local_time::from_micros},
    };

    fn at(h: i64, m: i64) -> Instant {
        from_micros((1_790_000_000 / 86_400 * 86_400 + h * 3_600 + m * 60) * 1_000_000)
    }

    fn shift(id: &str, client: &str, caregiver: &str, start: Instant, hours: i64) -> ShiftEntry {
        ShiftEntry {
            shift: Shift {
                key: ShiftKey { start, client: client.into(), id: ShiftRef::Vendor(ShiftId::from(id)) },
                end: start + TimeDelta::hours(hours),
                caregiver: Some(CaregiverId::from(caregiver)),
                status: ShiftStatus::Active(None),
            },
            seen_at: start,
            first_seen_at: start,
            appeared: false,
            missed_at: None,
            changed_at: None,
            visits: Vec::new(),
        }
    }

    fn visit(
        shift: Option<&str>,
        client: Option<&str>,
        caregiver: &str,
        check_in: Instant,
        out: Option<Instant>,
    ) -> Visit {
        Visit {
            id: "v".into(),
            client: client.map(Into::into),
            caregiver: Some(caregiver.into()),
            shift: shift.map(Into::into),
            check_in: Some(VisitTime::Instant(check_in)),
            check_out: out.map(VisitTime::Instant),
            status: None,
        }
    }

    #[test]
    fn a_visit_finds_its_shift_and_no_other() {
        let mut shifts = Shifts::default();
        for day in 0..4 {
            shifts.put(shift("r", "c1", "g1", at(7 + 24 * day, 0), 4));
        }
        shifts.put(shift("r", "c2", "g1", at(7, 0), 4));
        shifts.put(shift("x", "c1", "g2", at(12, 0), 4));
        let cases = [
            (
                "the nearest occurrence of a shared id",
                visit(Some("r"), Some("c1"), "g1", at(31, 5), None),
                Some((31, "c1")),
            ),
            ("the other client's", visit(Some("r"), Some("c2"), "g1", at(7, 5), None), Some((7, "c2"))),
            ("a substitute who refers to it", visit(Some("r"), Some("c1"), "g9", at(7, 5), None), Some((7, "c1"))),
            ("exactly 12 h before the first", visit(Some("r"), Some("c1"), "g9", at(-5, 0), None), Some((7, "c1"))),
            ("further than 12 h from any", visit(Some("r"), Some("c1"), "g9", at(-5, -1), None), None),
            (
                "no reference: client, caregiver, overlap",
                visit(None, Some("c1"), "g2", at(11, 50), None),
                Some((12, "c1")),
            ),
            ("no reference and another caregiver", visit(None, Some("c1"), "g7", at(12, 0), None), None),
            ("over before it began", visit(None, Some("c1"), "g2", at(11, 0), Some(at(12, 0))), None),
            ("an unknown reference falls back", visit(Some("zz"), Some("c1"), "g2", at(12, 5), None), Some((12, "c1"))),
            ("no client and no reference", visit(None, None, "g2", at(12, 5), None), None),
        ];
        let clock = NaiveClock::new(NaiveReading::Auto, None);
        for (what, visit, expected) in cases {
            let found = match_shift(&visit, &shifts, &clock, chrono_tz::America::Denver);
            let found = found.map(|key| (key.start, key.client.to_string()));
            assert_eq!(found, expected.map(|(h, c)| (at(h, 0), c.to_owned())), "{what}");
        }
    }

    #[test]
    fn an_unsettled_naive_time_matches_under_either_reading() {
        let mut shifts = Shifts::default();
        shifts.put(shift("r", "c1", "g1", at(14, 0), 4));
        let zone = chrono_tz::America::Denver;
        let mut visit = visit(Some("r"), Some("c1"), "g1", at(14, 0), None);
        visit.check_in = Some(VisitTime::Naive(at(14, 3).with_timezone(&zone).naive_local()));
        let clock = NaiveClock::new(NaiveReading::Auto, None);
        assert!(match_shift(&visit, &shifts, &clock, zone).is_some());
        visit.check_in = None;
        assert_eq!(match_shift(&visit, &shifts, &clock, zone), None, "without a check-in nobody has come");
    }
}
