//! What to watch today.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;

use super::{
    Kind, LISTED, Named, Risk, RiskWhy, Risks,
    given::{Care, Given},
    make::{day_start, is_late, zone_of},
};
use crate::model::{CaregiverId, ClientId, Instant};

/// Whoever came late so often is watched.
const LATE_MIN: usize = 2;
/// How far back lateness counts.
const LATE_REACH: TimeDelta = TimeDelta::days(14);
/// Less than this between two clients is no time to travel.
const TRAVEL: TimeDelta = TimeDelta::minutes(15);
/// Of a past shorter than this nobody can say who is new.
const PAST_MIN: TimeDelta = TimeDelta::days(7);

pub(super) fn risks(given: &Given) -> Risks {
    let now = given.now;
    let until = match given.kind {
        Kind::Handoff => day_start(given.zone, now, 1) + TimeDelta::hours(12),
        _ => day_start(given.zone, now, 1),
    };
    let new_since = given.reaches_from.filter(|from| now - *from >= PAST_MIN);
    let mut late: HashMap<&CaregiverId, usize> = HashMap::new();
    let (mut clients, mut caregivers): (HashSet<&ClientId>, HashSet<&CaregiverId>) = (HashSet::new(), HashSet::new());
    let mut last: HashMap<&CaregiverId, &Care> = HashMap::new();
    let mut found: BTreeMap<(Instant, String, RiskWhy), Risk> = BTreeMap::new();
    for care in given.care.iter().filter(|care| !care.cancelled) {
        let caregiver = care.caregiver.as_ref();
        let is_ahead = care.end > now && care.key.start < until;
        let mut add = |why: RiskWhy, detail: String| {
            let risk = Risk {
                why,
                shift: care.key.id.to_string(),
                starts_at: care.key.start,
                location: care.location.to_string(),
                timezone: zone_of(&care.location, given),
                client: Named::of(care.key.client.clone()),
                caregiver: caregiver.cloned().map(Named::of),
                detail,
            };
            found.insert((care.key.start, risk.shift.clone(), why), risk);
        };
        if is_ahead {
            if care.critical {
                add(RiskWhy::CriticalClient, String::new());
            }
            if new_since.is_some() && !clients.contains(&care.key.client) {
                add(RiskWhy::NewClient, String::new());
            }
            if let Some(caregiver) = caregiver {
                if new_since.is_some() && !caregivers.contains(caregiver) {
                    add(RiskWhy::NewCaregiver, String::new());
                }
                if let Some(n) = late.get(caregiver).filter(|n| **n >= LATE_MIN) {
                    add(RiskWhy::OftenLate, format!("late {n} times in 14 days"));
                }
                if let Some(before) = last.get(caregiver).filter(|before| before.key.client != care.key.client) {
                    let between = care.key.start - before.end;
                    if between < TimeDelta::zero() {
                        add(RiskWhy::NoTravelTime, format!("overlaps shift {}", before.key.id));
                    } else if between < TRAVEL {
                        add(
                            RiskWhy::NoTravelTime,
                            format!("{} min after shift {}", between.num_minutes(), before.key.id),
                        );
                    }
                }
            }
        }
        clients.insert(&care.key.client);
        if let Some(caregiver) = caregiver {
            caregivers.insert(caregiver);
            if is_late(care) && care.key.start >= now - LATE_REACH {
                *late.entry(caregiver).or_default() += 1;
            }
            if last.get(caregiver).is_none_or(|before| before.end < care.end) {
                last.insert(caregiver, care);
            }
        }
    }
    Risks { n: found.len() as u64, first: found.into_values().take(LISTED).collect(), new_since }
}
