//! Shifts that left memory, each with who came: found in rows of the archive as hours are, for key figures and briefings.
//!
//! Given: planned rows and visits of a stretch, and what was read of which day. Gives: [`PastShift`]s by start, and how many
//! visits were seen edited. Where nobody looked, nobody knows whether somebody came. Does not: read a store, or hold a name.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{NaiveDate, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{
    briefing::given::{Came, Care},
    hours::{
        matching::Places,
        rows::{PlannedRow, VisitRow},
    },
    kpi::ShiftFact,
};
use crate::model::{CaregiverId, ClientId, Instant, ShiftKey, ShiftRef, local_time::local_date};

/// Which visits were read after their day was over.
#[derive(Debug, Clone)]
pub struct Seen {
    zone: Tz,
    days: HashMap<NaiveDate, SeenDay>,
}

#[derive(Debug, Clone, Default)]
struct SeenDay {
    /// A read of the whole day, but for these clients.
    all_but: Option<HashSet<ClientId>>,
    /// Clients that were read one by one.
    of: HashSet<ClientId>,
}

impl Seen {
    /// Nothing yet; days are those of this zone.
    #[must_use]
    pub fn new(zone: Tz) -> Self {
        Self { zone, days: HashMap::new() }
    }

    /// A whole day was read again, but for these clients.
    pub fn day(&mut self, day: NaiveDate, missing: impl IntoIterator<Item = ClientId>) {
        self.days.entry(day).or_default().all_but = Some(missing.into_iter().collect());
    }

    /// One client's day was read after it was over.
    pub fn client(&mut self, day: NaiveDate, client: ClientId) {
        self.days.entry(day).or_default().of.insert(client);
    }

    fn saw(&self, client: &ClientId, at: Instant) -> bool {
        self.days.get(&local_date(self.zone, at)).is_some_and(|day| {
            day.of.contains(client) || day.all_but.as_ref().is_some_and(|missing| !missing.contains(client))
        })
    }

    /// Whether the whole day of a client was read again, so that a change would have been seen.
    fn again(&self, client: &ClientId, at: Instant) -> bool {
        let day = self.days.get(&local_date(self.zone, at)).and_then(|day| day.all_but.as_ref());
        day.is_some_and(|missing| !missing.contains(client))
    }
}

/// One shift of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastShift {
    /// As it was planned.
    pub row: PlannedRow,
    /// Who came.
    pub came: Came,
    /// Each of those who did.
    pub who: Vec<CaregiverId>,
    /// The first check-in, where its time is understood.
    pub came_at: Option<Instant>,
    /// The last check-out, when nobody is there any more and its time is understood.
    pub left_at: Option<Instant>,
    /// How long somebody was there, where it is known from beginning to end.
    pub worked: Option<TimeDelta>,
}

impl PastShift {
    /// For the key figures.
    #[must_use]
    pub fn fact(self, location: Arc<str>) -> ShiftFact {
        ShiftFact {
            location,
            client: self.row.client,
            caregiver: self.row.caregiver,
            start: self.row.start,
            end: self.row.end,
            cancelled: self.row.cancelled,
            came: match self.came {
                Came::Left | Came::Open | Came::StayedOn => Some(true),
                Came::Nobody => Some(false),
                Came::Unseen => None,
            },
            who: self.who,
            came_at: self.came_at,
            worked: self.worked,
        }
    }

    /// For a briefing.
    #[must_use]
    pub fn care(self, location: Arc<str>) -> Care {
        let PlannedRow { client, id, start, end, caregiver, cancelled } = self.row;
        let id = id.map_or(ShiftRef::Ordinal { end, n: 0 }, ShiftRef::Vendor);
        Care {
            key: Arc::new(ShiftKey { start, client, id }),
            end,
            caregiver,
            cancelled,
            location,
            // Only of a shift to come is it asked.
            critical: false,
            came: self.came,
            came_at: self.came_at,
            left_at: self.left_at,
        }
    }
}

/// How many visits somebody changed after they were complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::Edits)]
pub struct Edits {
    /// Visits that began since here, after the agent had begun to watch; what was changed before is not known.
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// Complete visits whose day was read again after it was over: only of them a change would have been seen.
    pub n_visits: u64,
    /// Of them, those whose times were seen to change.
    pub n_edited: u64,
}

impl Edits {
    /// Counts them; `None` when there is no visit of which it is known. `since`: when the agent began to watch, or later.
    #[must_use]
    pub fn of(visits: &[VisitRow], seen: &Seen, since: Instant, until: Instant) -> Option<Self> {
        let known = visits.iter().filter(|visit| {
            let complete = visit.check_in.zip(visit.check_out).zip(visit.client.as_ref());
            complete.is_some_and(|((at, _), client)| since <= at && at < until && seen.again(client, at))
        });
        let (mut n_visits, mut n_edited) = (0, 0);
        for visit in known {
            n_visits += 1;
            n_edited += u64::from(visit.edited.is_some());
        }
        (n_visits > 0).then_some(Self { since, n_visits, n_edited })
    }

    /// Edited visits divided by all of them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts of visits stay far below 2^52")]
    pub fn ratio(&self) -> f64 {
        self.n_edited as f64 / self.n_visits as f64
    }
}

/// The shifts that start in `[from, until)`, by start, each with its visits.
#[must_use]
pub fn find(
    mut shifts: Vec<PlannedRow>,
    visits: &[VisitRow],
    seen: &Seen,
    (from, until): (Instant, Instant),
) -> Vec<PastShift> {
    shifts.sort_unstable_by(|a, b| (&a.client, a.start, &a.id).cmp(&(&b.client, b.start, &b.id)));
    let places = Places::of(&shifts);
    let mut of_shift: HashMap<usize, Vec<&VisitRow>> = HashMap::with_capacity(shifts.len());
    for visit in visits {
        if let Some(place) = places.of_visit(visit) {
            of_shift.entry(place).or_default().push(visit);
        }
    }
    let none = Vec::new();
    // One visit over two shifts: the later is one that nobody checked in to anew, and how much was worked on each nobody
    // entered. Shifts stand by client and start, so that the earlier lies close before.
    let mut stayed_on: HashMap<usize, (usize, Option<CaregiverId>)> = HashMap::new();
    for (place, shift) in shifts.iter().enumerate() {
        if of_shift.contains_key(&place) || shift.cancelled || shift.caregiver.is_none() {
            continue;
        }
        let near = shifts[..place].iter().enumerate().rev().take(4).take_while(|(_, one)| one.client == shift.client);
        let before = near.filter_map(|(place, _)| Some((place, of_shift.get(&place)?))).find(|(_, visits)| {
            visits.iter().any(|visit| {
                visit.caregiver == shift.caregiver
                    && visit.unsettled.is_none()
                    && visit.check_out.zip(visit.check_in).is_some_and(|(out, at)| stays(shift, at, out))
            })
        });
        if let Some((before, _)) = before {
            stayed_on.insert(place, (before, shift.caregiver.clone()));
        }
    }
    let shared: HashSet<usize> = stayed_on.values().map(|(before, _)| *before).collect();
    let mut found: Vec<PastShift> = Vec::with_capacity(shifts.len());
    for (place, row) in shifts.iter().enumerate().filter(|(_, row)| from <= row.start && row.start < until) {
        let visits = of_shift.get(&place).unwrap_or(&none);
        let mut shift = PastShift::of(row, visits, seen);
        if shared.contains(&place) {
            shift.worked = None;
        }
        if let Some((_, caregiver)) = stayed_on.get(&place) {
            shift.came = Came::StayedOn;
            shift.who.extend(caregiver.clone());
        }
        found.push(shift);
    }
    found.sort_by(|a, b| (a.row.start, &a.row.client, &a.row.id).cmp(&(b.row.start, &b.row.client, &b.row.id)));
    found
}

/// Whether somebody who was there from `at` to `out` was there for most of a shift.
fn stays(shift: &PlannedRow, at: Instant, out: Instant) -> bool {
    (out.min(shift.end) - at.max(shift.start)) * 2 > shift.end - shift.start
}

impl PastShift {
    fn of(row: &PlannedRow, visits: &[&VisitRow], seen: &Seen) -> Self {
        let settled = |visit: &&&VisitRow| visit.unsettled.is_none();
        let is_open = visits.iter().any(|visit| visit.check_out.is_none());
        let came = if !visits.is_empty() {
            if is_open { Came::Open } else { Came::Left }
        } else if seen.saw(&row.client, row.start) && seen.saw(&row.client, row.end) {
            Came::Nobody
        } else {
            Came::Unseen
        };
        let times = visits.iter().map(|visit| {
            let (at, out) = visit.check_in.zip(visit.check_out).filter(|_| visit.unsettled.is_none())?;
            Some((out - at).max(TimeDelta::zero()))
        });
        Self {
            row: row.clone(),
            came,
            who: visits.iter().filter_map(|visit| visit.caregiver.clone()).collect(),
            came_at: visits.iter().filter(settled).filter_map(|visit| visit.check_in).min(),
            left_at: visits.iter().filter(settled).filter_map(|visit| visit.check_out).max().filter(|_| !is_open),
            worked: if visits.is_empty() { None } else { times.sum() },
        }
    }
}

#[cfg(test)]
mod tests;
