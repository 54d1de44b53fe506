//! Who will have worked too long when the week ends.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::{
    LISTED, Named, Overtime, Week,
    given::{Came, Care, Given},
    make::hours,
};
use crate::model::{
    CaregiverId, Instant,
    week::{bounds, week_of},
};

/// More than this is overtime.
const OVER: TimeDelta = TimeDelta::hours(40);
/// More than this is near it.
const NEAR: TimeDelta = TimeDelta::hours(38);

pub(super) fn overtime(given: &Given) -> Overtime {
    let week = week_of(given.zone, given.week_starts, given.now);
    let (from, until) = bounds(given.zone, week);
    let mut weeks: BTreeMap<&CaregiverId, (TimeDelta, TimeDelta)> = BTreeMap::new();
    for care in given.care.iter().filter(|care| !care.cancelled && from <= care.key.start && care.key.start < until) {
        let Some(caregiver) = &care.caregiver else { continue };
        let (worked, ahead) = lengths(care, given.now);
        let sum = weeks.entry(caregiver).or_default();
        sum.0 += worked;
        sum.1 += worked + ahead;
    }
    let mut long: Vec<_> = weeks.into_iter().filter(|(_, (_, projected))| *projected > NEAR).collect();
    long.sort_by(|a, b| b.1.1.cmp(&a.1.1).then_with(|| a.0.cmp(b.0)));
    let n_over_40 = long.iter().filter(|(_, (_, projected))| *projected > OVER).count() as u64;
    Overtime {
        week,
        n_over_40,
        n_over_38: long.len() as u64 - n_over_40,
        first: long
            .into_iter()
            .take(LISTED)
            .map(|(caregiver, (worked, projected))| Week {
                caregiver: Named::of(caregiver.clone()),
                worked: hours(worked),
                projected: hours(projected),
            })
            .collect(),
    }
}

/// How long somebody worked on a shift so far, and how long they are still planned to. Where the times are not known, the
/// plan counts.
fn lengths(care: &Care, now: Instant) -> (TimeDelta, TimeDelta) {
    let zero = TimeDelta::zero();
    let planned = care.end - care.key.start;
    match (care.came, care.came_at, care.left_at) {
        (Came::Left, Some(from), Some(until)) => ((until - from).max(zero), zero),
        (Came::Open, Some(from), _) if now < care.end => ((now - from).max(zero), care.end - now),
        (Came::Nobody, ..) if now >= care.end => (zero, zero),
        _ if now >= care.end => (planned, zero),
        _ => {
            let worked = (now - care.key.start).max(zero).min(planned);
            (worked, planned - worked)
        }
    }
}
