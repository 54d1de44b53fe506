//! Counts for people and metrics: how many shifts stand how, by location. Unknown is not zero.

use std::{collections::BTreeMap, time::Duration};

use chrono::TimeDelta;

use super::{Mirror, record::ShiftRecord};
use crate::model::Instant;

/// One location's day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Ahead, with a usable caregiver.
    pub covered: u64,
    /// Ahead or running, without one.
    pub uncovered: u64,
    /// Now, checked in.
    pub running: u64,
    /// Over, visited.
    pub done: u64,
    /// Started or over, nobody checked in.
    pub missed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Uncovered now and starting within each asked band, in the order asked.
    pub within: Vec<u64>,
    /// Visits open now.
    pub open_visits: u64,
    /// Care planned today.
    pub scheduled: Duration,
    /// Care given today; a running visit counts at its planned length.
    pub worked: Duration,
}

impl Mirror {
    /// The share of watched clients with shifts whose data is younger than `limit` is at least half. False while the
    /// roster was never read or no shift was ever seen: then nobody may say a number.
    #[must_use]
    pub fn is_coverage_known(&self, limit: impl Fn(&Self, &crate::model::ClientId) -> TimeDelta, now: Instant) -> bool {
        if self.shifts.is_empty() || self.anomalies.frozen_since.is_some() {
            return false;
        }
        let (mut n, mut n_fresh) = (0_u64, 0_u64);
        for id in self.watched_clients() {
            n += 1;
            let seen = self.clients.get(id).and_then(|record| record.shifts_seen_at);
            if seen.is_some_and(|at| now - at <= limit(self, id)) {
                n_fresh += 1;
            }
        }
        n > 0 && n_fresh * 2 >= n
    }

    /// Today's counts by location; every configured location is there, with zeros if it has nothing.
    #[must_use]
    pub fn counts(&self, bands: &[Duration], now: Instant) -> BTreeMap<String, Counts> {
        let mut by_location: BTreeMap<String, Counts> = BTreeMap::new();
        for (name, _) in self.locations.values() {
            by_location
                .entry(name.clone())
                .or_insert_with(|| Counts { within: vec![0; bands.len()], ..Counts::default() });
        }
        let today = crate::model::local_time::local_date(self.zone, now);
        for record in self.shifts.values().filter(|record| record.gone.is_none()) {
            let counts = by_location
                .entry(self.location_of(&record.shift.key.client))
                .or_insert_with(|| Counts { within: vec![0; bands.len()], ..Counts::default() });
            let (start, end) = (record.shift.start(), record.shift.end);
            if record.shift.is_uncovered() && end > now {
                for (n, band) in counts.within.iter_mut().zip(bands) {
                    let band = TimeDelta::from_std(*band).unwrap_or(TimeDelta::MAX);
                    if start - band <= now {
                        *n += 1;
                    }
                }
            }
            let is_today =
                crate::model::local_time::local_date(self.zone, start) == today || (start <= now && now < end);
            if is_today {
                self.count_today(record, now, counts);
            }
        }
        by_location
    }

    fn count_today(&self, record: &ShiftRecord, now: Instant, counts: &mut Counts) {
        let (start, end) = (record.shift.start(), record.shift.end);
        if record.shift.is_cancelled() {
            counts.cancelled += 1;
            return;
        }
        let planned = (end - start).to_std().unwrap_or_default();
        counts.scheduled += planned;
        let mut visited = false;
        let mut open = false;
        for visit in self.visits_of(&record.shift.key) {
            visited = true;
            match visit.visit.check_out {
                None => {
                    open = true;
                    counts.worked += planned;
                }
                Some(out) => {
                    let from = visit.visit.check_in.and_then(|time| self.instant(time));
                    let length = self.instant(out).zip(from).and_then(|(out, from)| (out - from).to_std().ok());
                    counts.worked += length.unwrap_or(planned);
                }
            }
        }
        counts.open_visits += u64::from(open);
        let slot = if visited && (open || now < end) {
            &mut counts.running
        } else if visited {
            &mut counts.done
        } else if record.shift.is_uncovered() && now < end {
            &mut counts.uncovered
        } else if now < start {
            &mut counts.covered
        } else {
            &mut counts.missed
        };
        *slot += 1;
    }
}
