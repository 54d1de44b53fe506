//! The end of a catch-up: what is still true is told, in one summary where it would be many.
//!
//! Given: a draft in which everything has been judged. Gives: intents with [`Why::CaughtUp`].
//! A catch-up runs at a first start, after a standstill, and after a blindness ended. While it runs nothing new is told
//! but a blindness and what was posted; closings are.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    alert::{Alert, AlertKey, AlertState, Confirm, Labels},
    draft::Draft,
    flush::{Audience, flush, touch, urgency},
    group::GroupKey,
    page,
    recipient::Half,
    step::{CatchUp, Intent, Why},
    time_interval::mute_verdict,
};
use crate::model::{Instant, local_time::to_micros};

/// Whether the catch-up has done its work: everything was read since it began and no second look is awaited, or its
/// time is up.
pub(super) fn is_over(draft: &Draft<'_>, all_read_since: Option<Instant>) -> bool {
    let CatchUp::Running { since, until } = draft.catch_up() else { return false };
    if until <= draft.now {
        return true;
    }
    all_read_since.is_some_and(|read| read >= since)
        && draft.later.is_empty()
        && draft.every_alert().iter().filter_map(|key| draft.alert(key)).all(|alert| !is_waiting(alert))
}

fn is_waiting(alert: &Alert) -> bool {
    matches!(alert.state, AlertState::Firing { .. })
        && matches!(alert.confirm, Confirm::Awaited { .. })
        && alert.told.is_empty()
}

/// Ends it and tells what is still true.
pub(super) fn end(draft: &mut Draft<'_>) {
    draft.catch_up = Some(CatchUp::Done);
    let mut untold: BTreeMap<String, BTreeMap<GroupKey, BTreeSet<AlertKey>>> = BTreeMap::new();
    for key in draft.every_alert() {
        let Some(alert) = draft.alert(&key).filter(|alert| matches!(alert.state, AlertState::Firing { .. })).cloned()
        else {
            continue;
        };
        touch(draft, &key);
        if matches!(alert.confirm, Confirm::Awaited { .. }) || draft.is_inhibited(&alert) || draft.is_silenced(&alert) {
            continue;
        }
        for (route, group) in draft.told_routes(&alert.labels) {
            let told = draft.group(&group).is_some_and(|group| group.has_told(&key));
            if !told && !mute_verdict(route, draft.policy, draft.now).0 {
                untold.entry(group.receiver.clone()).or_default().entry(group).or_default().insert(key.clone());
            }
        }
    }
    for (receiver, groups) in untold {
        let alerts: BTreeSet<&AlertKey> = groups.values().flatten().collect();
        if alerts.len() > draft.policy.catch_up_limit {
            summarise(draft, &receiver, &groups);
        } else {
            for group in groups.keys() {
                flush(draft, group, true);
            }
        }
    }
}

/// One intent for all groups of a receiver. The groups count as told and go on from there by themselves.
fn summarise(draft: &mut Draft<'_>, receiver: &str, groups: &BTreeMap<GroupKey, BTreeSet<AlertKey>>) {
    let agency = draft.book.agency().clone();
    let labels = Labels::from([("agency".to_owned(), agency.as_str().to_owned())]);
    let summary = GroupKey { agency, route: "catch-up".to_owned(), receiver: receiver.to_owned(), labels };
    let generation = u64::try_from(to_micros(draft.now)).unwrap_or(0);
    let told = Audience::of(draft, receiver, None, |to| to.message(&summary, generation, 0, Half::Firing));

    let keys: BTreeSet<&AlertKey> = groups.values().flatten().collect();
    for (group, alerts) in groups {
        let alerts: Vec<Alert> = alerts.iter().filter_map(|key| draft.alert(key)).cloned().collect();
        page::open(draft, group, &alerts);
    }
    let mut firing = Vec::with_capacity(keys.len());
    for key in keys {
        let Some(mut alert) = draft.alert(key).cloned() else { continue };
        told.remember(draft, &mut alert);
        firing.push(alert.clone());
        draft.put(alert);
    }
    firing.sort_by_cached_key(urgency);
    let now = draft.now;
    for (key, alerts) in groups {
        let Some(route) = draft.policy.route.find(&key.route) else { continue };
        let group = draft.group_mut(key);
        group.add_told(alerts.iter().cloned());
        group.notified_at = Some(now);
        group.flush_at = Some(now + route.repeat_interval);
    }
    if draft.tells_by_pages_only(receiver) {
        return;
    }
    let why = Why::CaughtUp;
    draft.intents.push(Intent {
        group: summary,
        generation,
        flush: 0,
        why,
        firing,
        resolved: Vec::new(),
        still: Vec::new(),
        summary: true,
    });
}
