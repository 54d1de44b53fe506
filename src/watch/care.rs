//! Shifts and who came to them as a briefing looks at them, taken out of the mirror in one go: whoever reckons with them
//! holds no lock.

use std::{collections::HashMap, sync::Arc};

use super::Watch;
use crate::{
    mirror::{Mirror, shifts::ShiftEntry},
    model::{ClientId, Instant, TagId, VisitTime},
    report::briefing::given::{Came, Care},
};

/// The name that `agencies[].tags` gives the tag of clients for whom nothing can be missed.
pub const CRITICAL: &str = "critical";

impl Watch {
    /// The shifts that run at some time of `[from, until)`, by start; of one location where it is named.
    #[must_use]
    pub fn care(&self, from: Instant, until: Instant, location: Option<&str>, now: Instant) -> Vec<Care> {
        let critical = self.settings.tags.iter().find(|(name, _)| name == CRITICAL).map(|(_, tag)| tag);
        care(&self.mirror, critical, (from, until), location, now)
    }
}

/// The same of a mirror; `critical` is the tag of clients for whom nothing can be missed.
#[must_use]
pub fn care(
    mirror: &Mirror,
    critical: Option<&TagId>,
    (from, until): (Instant, Instant),
    location: Option<&str>,
    now: Instant,
) -> Vec<Care> {
    let mut met: HashMap<&ClientId, (Arc<str>, bool)> = HashMap::new();
    let mut labels: HashMap<String, Arc<str>> = HashMap::new();
    let mut care = Vec::new();
    for entry in mirror.shifts().running(from, until) {
        let client = &entry.shift.key.client;
        let (label, is_critical) = met.entry(client).or_insert_with(|| {
            let label = mirror.location_of(client);
            let label = labels.entry(label).or_insert_with_key(|label| label.as_str().into());
            let carries = |tag| mirror.client(client).is_some_and(|client| client.tags.contains(tag));
            (Arc::clone(label), critical.is_some_and(carries))
        });
        if location.is_none_or(|location| location == &**label) {
            care.push(one(mirror, entry, Arc::clone(label), *is_critical, now));
        }
    }
    care
}

fn one(mirror: &Mirror, entry: &ShiftEntry, location: Arc<str>, critical: bool, now: Instant) -> Care {
    let shift = &entry.shift;
    let start = shift.start();
    let (mut n, mut is_open, mut came_at, mut left_at) = (0, false, None::<Instant>, None::<Instant>);
    for visit in mirror.visits_of(entry) {
        n += 1;
        is_open |= visit.visit.check_out.is_none();
        let at = |time: Option<VisitTime>| mirror.visit_instant(visit, time?);
        came_at = [came_at, at(visit.visit.check_in)].into_iter().flatten().min();
        left_at = left_at.max(at(visit.visit.check_out));
    }
    let came = if n > 0 && is_open {
        // Whoever stays for the next shift as well checks out once, after it.
        if now < mirror.stays_until(entry) && now >= shift.end { Came::StayedOn } else { Came::Open }
    } else if n > 0 {
        Came::Left
    } else if start > now || shift.is_cancelled() {
        Came::Unseen
    } else if mirror.carried_into(entry).is_some() {
        Came::StayedOn
    } else if mirror.check_ins_read_at(entry).is_some_and(|at| at >= start) {
        Came::Nobody
    } else {
        Came::Unseen
    };
    Care {
        key: Arc::new(shift.key.clone()),
        end: shift.end,
        caregiver: shift.caregiver.clone(),
        cancelled: shift.is_cancelled(),
        location,
        critical,
        came,
        came_at,
        left_at: left_at.filter(|_| !is_open),
    }
}
