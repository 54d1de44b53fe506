//! A group's flush opens a page, or finds it open.

use std::collections::BTreeSet;

use super::{
    super::{alert::Alert, draft::Draft, flush::urgency, group::GroupKey},
    Page, PageKey, Turn, flap,
};
use crate::{model::local_time::to_micros, notify::receiver::PageConfig};

/// The policy that tells of an alert at a location: the receiver's own word on that location, else the location's own
/// policy, else the receiver's.
pub(in super::super) fn policy_for<'p>(draft: &'p Draft<'_>, config: &'p PageConfig, alert: &Alert) -> &'p str {
    let location = alert.labels.get("location").map_or("", String::as_str);
    if let Some(policy) = config.by_location.get(location) {
        return policy;
    }
    let own = draft.policy.paging.location_policies.get(&(alert.key.agency.clone(), location.to_owned()));
    own.map_or(&config.policy, |policy| policy)
}

/// Opens a page for each policy of the group's receiver that has none open. The first step is taken when every alert of
/// this pass is as it will be.
pub(in super::super) fn open(draft: &mut Draft<'_>, group: &GroupKey, firing: &[Alert]) {
    let Some(first) = firing.iter().min_by_key(|alert| urgency(alert)) else { return };
    let configs = draft.policy.receivers.get(&group.receiver).map(|receiver| &receiver.page[..]).unwrap_or_default();
    let policies: BTreeSet<String> = configs.iter().map(|config| policy_for(draft, config, first).to_owned()).collect();
    let open = draft.open_pages_of(group);
    let wanted: BTreeSet<&String> = policies.iter().collect();
    // A page that another policy tells by now goes on as it began.
    let strays = open.iter().filter(|key| !wanted.contains(&key.policy)).count();
    let mut missing: Vec<&String> =
        policies.iter().filter(|policy| !open.iter().any(|key| key.policy == **policy)).collect();
    missing.truncate(missing.len().saturating_sub(strays));
    let now = draft.now;
    for policy in missing {
        let key = PageKey {
            group: group.clone(),
            // Never below zero: the clock is past 1970.
            generation: u64::try_from(to_micros(now)).unwrap_or(0),
            policy: policy.clone(),
        };
        draft.turn(&key, Turn::Opened, []);
        let flap = flap::of(draft, group, policy, firing);
        let mut page = Page::new(key, firing.iter().map(|alert| alert.key.clone()).collect(), now);
        page.flap = flap;
        draft.put_page(page);
    }
    for key in open {
        draft.pages_touched.insert(key);
    }
}
