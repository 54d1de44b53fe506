//! Which visit belongs to which shift, and what a naive time means.
//!
//! By reference, and of the occurrences that share the id the one whose start is nearest, within twelve hours, of the
//! same client; else by client, caregiver and overlap; else to none. Contract §8 no. 18.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{Mirror, apply::Applied, stored};
use crate::{
    config::NaiveTz,
    model::{ClientId, Instant, ShiftKey, ShiftRef, Subject, Visit, VisitId, VisitTime, local_time::instant_of},
};

/// A visit may begin so far from the planned start and still be that shift's.
const NEAR: TimeDelta = TimeDelta::hours(12);
/// So many visits that name their shift settle what naive times mean. Contract §8 no. 7.
const SETTLED_AFTER: usize = 20;
/// A median this close to zero, or to the zone's offset, decides.
const CLOSE: TimeDelta = TimeDelta::minutes(90);

/// What naive visit times mean, and how far that is known.
#[derive(Debug, Clone)]
pub(super) struct NaiveReading {
    configured: NaiveTz,
    measured: Option<NaiveTz>,
    /// Visit, minutes read as UTC minus planned start, zone offset in minutes.
    seen: Vec<(VisitId, i64, i64)>,
}

impl NaiveReading {
    pub(super) const fn new(configured: NaiveTz) -> Self {
        Self { configured, measured: None, seen: Vec::new() }
    }

    pub(super) const fn settled(&self) -> Option<NaiveTz> {
        match self.configured {
            NaiveTz::Auto => self.measured,
            fixed => Some(fixed),
        }
    }

    pub(super) const fn measured(&self) -> Option<NaiveTz> {
        self.measured
    }

    pub(super) fn restore(&mut self, measured: Option<NaiveTz>) {
        self.measured = measured;
    }

    /// Takes one more visit into the measure. True when that settled it.
    fn measure(&mut self, visit: &VisitId, read_as_utc: Instant, planned: Instant, offset: TimeDelta) -> bool {
        if self.measured.is_some() || self.seen.iter().any(|(id, ..)| id == visit) {
            return false;
        }
        self.seen.push((visit.clone(), (read_as_utc - planned).num_minutes(), offset.num_minutes()));
        if self.seen.len() < SETTLED_AFTER {
            return false;
        }
        let median = |mut values: Vec<i64>| {
            values.sort_unstable();
            values[values.len() / 2]
        };
        let as_utc = median(self.seen.iter().map(|(_, minutes, _)| *minutes).collect()).abs();
        let as_local = median(self.seen.iter().map(|(_, minutes, offset)| minutes - offset).collect()).abs();
        let close = CLOSE.num_minutes();
        self.measured = match (as_utc <= close, as_local <= close) {
            (true, false) => Some(NaiveTz::Utc),
            (false, true) => Some(NaiveTz::Local),
            // In a zone near UTC both readings agree, and either will do.
            (true, true) => Some(NaiveTz::Utc),
            (false, false) => {
                self.seen.drain(..SETTLED_AFTER / 2);
                None
            }
        };
        self.measured.is_some()
    }
}

impl Mirror {
    /// Matches one client's visits anew.
    pub(super) fn rematch(&mut self, client: &ClientId, made: &mut Applied) {
        let ids = self.visits_of_client.get(client).cloned().unwrap_or_default();
        let mut touched: BTreeSet<ShiftKey> = BTreeSet::new();
        for id in ids {
            let Some(record) = self.visits.get(&id) else { continue };
            let matched = self.shift_for(client, &record.visit);
            let before = record.shift.clone();
            if before == matched {
                continue;
            }
            if let Some(old) = before {
                if let Some(list) = self.visits_of.get_mut(&old) {
                    list.retain(|other| *other != id);
                }
                touched.insert(old);
            }
            if let Some(new) = &matched {
                self.visits_of.entry(new.clone()).or_default().push(id.clone());
                touched.insert(new.clone());
            }
            if let Some(record) = self.visits.get_mut(&id) {
                record.shift = matched;
                made.delta.upserts.push(stored::visit_row(record));
            }
            self.measure(&id);
        }
        made.changes.subjects.extend(touched.into_iter().map(Subject::Shift));
    }

    fn measure(&mut self, id: &VisitId) {
        let Some(record) = self.visits.get(id) else { return };
        let (Some(VisitTime::Naive(naive)), Some(key), Some(_)) =
            (record.visit.check_in, &record.shift, &record.visit.shift)
        else {
            return;
        };
        let planned = key.start;
        let offset = naive.and_utc() - instant_of(self.zone, naive);
        self.naive.measure(id, naive.and_utc(), planned, offset);
    }

    fn shift_for(&self, client: &ClientId, visit: &Visit) -> Option<ShiftKey> {
        let record = self.clients.get(client)?;
        // Both readings of a naive time are tried; the nearest planned start tells which shift is meant.
        let times: Vec<Instant> = match visit.check_in {
            None => Vec::new(),
            Some(VisitTime::Instant(at)) => vec![at],
            Some(time @ VisitTime::Naive(naive)) => match self.instant(time) {
                Some(at) => vec![at],
                None => vec![naive.and_utc(), instant_of(self.zone, naive)],
            },
        };
        let away = |key: &ShiftKey| times.iter().map(|at| (*at - key.start).abs()).min();
        let standing =
            || record.shifts.iter().filter(|key| self.shifts.get(*key).is_some_and(|record| record.gone.is_none()));
        if let Some(id) = &visit.shift {
            let named = standing().filter(|key| matches!(&key.id, ShiftRef::Vendor(other) if other == id));
            let near = named.filter_map(|key| Some((away(key)?, key))).filter(|(away, _)| *away <= NEAR);
            if let Some((_, key)) = near.min_by_key(|(away, key)| (*away, (*key).clone())) {
                return Some(key.clone());
            }
            return None;
        }
        let caregiver = visit.caregiver.as_ref()?;
        let end = visit.check_out.and_then(|time| self.instant(time));
        let overlapping = standing().filter(|key| {
            self.shifts.get(*key).is_some_and(|record| {
                record.shift.caregiver.as_ref() == Some(caregiver)
                    && times.iter().any(|at| {
                        *at < record.shift.end && end.unwrap_or(*at) >= record.shift.start() - TimeDelta::hours(1)
                    })
            })
        });
        overlapping
            .filter_map(|key| Some((away(key)?, key)))
            .min_by_key(|(away, key)| (*away, (*key).clone()))
            .map(|(_, key)| key.clone())
    }
}
