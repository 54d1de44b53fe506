//! Standing gaps: shifts that have had nobody for long wake nobody by themselves. They come as a list, twice a day, and
//! page two hours before they start.
//!
//! Given: the alerts as they are after this step, the lists that went out. Gives: new lists (each a page with a marker),
//! and until when a page about a standing gap sleeps. Does not: tell; a list is told by its page.
//!
//! A gap is never lost: whatever became of lists, its page speaks two hours before the start, and at once when nobody
//! took the list that named it, when somebody called out of it, and when it is critical.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::{
    alert::{Alert, AlertKey, AlertState, Labels},
    decide::Rules,
    draft::Draft,
    flush::urgency,
    group::GroupKey,
    page::{self, List, Page, PageKey, Turn},
    severity::rank,
};
use crate::{
    model::{
        Instant, Subject,
        local_time::{instant_of, local_date, to_micros},
    },
    rules::finding::{Opened, Tells},
};

/// A standing gap pages so long before it starts.
pub const BEFORE_THE_START: TimeDelta = TimeDelta::hours(2);
/// A list that could not be made at its time is made so much later at most.
pub const LATE: TimeDelta = TimeDelta::hours(1);
/// The route and receiver of lists.
const STANDING: &str = "standing";

/// When lists are made, on the agency's clock.
const TIMES: [NaiveTime; 2] =
    [NaiveTime::from_hms_opt(16, 30, 0).unwrap(), NaiveTime::from_hms_opt(20, 30, 0).unwrap()];
/// Up to when on the next day they look.
const UP_TO: NaiveTime = NaiveTime::from_hms_opt(10, 0, 0).unwrap();

/// The list times around an instant, in order.
fn times(zone: Tz, around: Instant) -> impl DoubleEndedIterator<Item = Instant> {
    let today = local_date(zone, around);
    let days = [today - TimeDelta::days(1), today, today + TimeDelta::days(1)];
    days.into_iter().flat_map(move |day| TIMES.map(|time| instant_of(zone, day.and_time(time))))
}

/// The first list time after an instant.
#[must_use]
pub fn next_list_at(zone: Tz, after: Instant) -> Option<Instant> {
    times(zone, after).find(|at| *at > after)
}

/// The list time whose list is to be made now, if it was not.
#[must_use]
pub fn list_due(zone: Tz, now: Instant) -> Option<Instant> {
    times(zone, now).rev().find(|at| *at <= now).filter(|at| now - *at < LATE)
}

/// Up to when the list of that time looks: shifts that start before are on it.
#[must_use]
pub fn looks_until(zone: Tz, list_at: Instant) -> Instant {
    instant_of(zone, (local_date(zone, list_at) + TimeDelta::days(1)).and_time(UP_TO))
}

/// Whether an alert is about a gap that may wait: it stands for long, is not critical, and has more than two hours left.
/// Gives when it waits no more.
fn waits_until(alert: &Alert, now: Instant) -> Option<Instant> {
    let stands = alert.labels.get(Opened::LABEL).is_some_and(|opened| opened == Opened::Standing.as_str());
    let mild = alert.facts.tells == Tells::Uncovered && rank(&alert.labels) > 0;
    let last = alert.facts.starts_at? - BEFORE_THE_START;
    (stands && mild && now < last).then_some(last)
}

/// Until when nobody is woken for a firing alert; `None` = its page speaks as any other.
fn asleep_until(draft: &Draft<'_>, alert: &Alert) -> Option<Instant> {
    draft.zone()?;
    let last = waits_until(alert, draft.now)?;
    let named = draft.lists().filter_map(|page| page.list.as_ref().map(|list| (page.opened_at, list)));
    let latest = named.filter(|(_, list)| list.names(&alert.key.subject)).max_by_key(|(at, _)| *at);
    match latest {
        // Nobody took the list.
        Some((_, list)) if list.is_through => None,
        _ => Some(last),
    }
}

/// Until when a page that told nobody yet may sleep: all that it would tell of are standing gaps.
pub(super) fn page_sleeps_until<'a>(
    draft: &Draft<'_>,
    page: &Page,
    telling: impl Iterator<Item = &'a Alert>,
) -> Option<Instant> {
    if !page.told.is_empty() {
        return None;
    }
    let all: Option<Vec<Instant>> = telling.map(|alert| asleep_until(draft, alert)).collect();
    all?.into_iter().min()
}

/// Whether what pages tell of an alert sleeps.
pub(super) fn sleeps(draft: &Draft<'_>, alert: &Alert) -> bool {
    let mut pages = draft.pages_telling(&BTreeSet::from([alert.key.clone()])).into_iter();
    asleep_until(draft, alert).is_some() && pages.all(|key| draft.page(&key).is_some_and(|page| page.told.is_empty()))
}

/// When the lists are looked at next.
pub(super) fn next_look(draft: &Draft<'_>) -> Option<Instant> {
    let zone = draft.zone()?;
    if draft.is_catching_up() && list_due(zone, draft.now).is_some() {
        return Some(draft.now + TimeDelta::seconds(1));
    }
    next_list_at(zone, draft.now)
}

/// Makes the lists that are due: one for each policy that would page some of the gaps.
pub(super) fn make_lists(draft: &mut Draft<'_>, rules: &dyn Rules) {
    let Some(zone) = draft.zone() else { return };
    let Some(at) = list_due(zone, draft.now).filter(|_| !draft.is_catching_up()) else { return };
    let until = looks_until(zone, at);
    let mut by_policy: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
    for alert in open_gaps(draft, until) {
        let Some(labels) = rules.paging_labels(&alert) else { continue };
        for policy in policies(draft, &labels, &alert) {
            by_policy.entry(policy).or_default().push(alert.clone());
        }
    }
    for (policy, mut gaps) in by_policy {
        let labels = Labels::from([("list".to_owned(), at.to_rfc3339())]);
        let (agency, name) = (draft.book.agency().clone(), STANDING.to_owned());
        let group = GroupKey { agency, route: name.clone(), receiver: name, labels };
        let key = PageKey { group, generation: u64::try_from(to_micros(at)).unwrap_or(0), policy };
        if draft.page(&key).is_some() {
            // It went out before a restart.
            continue;
        }
        gaps.sort_by_key(|alert| (alert.facts.starts_at, urgency(alert)));
        let alerts = gaps.into_iter().map(|alert| alert.key).collect();
        let mut page = Page::new(key, BTreeSet::new(), draft.now);
        page.list = Some(List { until, alerts, is_through: false });
        draft.turn(&page.key, Turn::Listed, []);
        draft.put_page(page);
    }
}

/// The gaps of which nobody has heard by a page, that nobody owns and that start before `until`: one alert of each, its
/// most urgent.
fn open_gaps(draft: &Draft<'_>, until: Instant) -> Vec<Alert> {
    let now = draft.now;
    let mut gaps: BTreeMap<Subject, Alert> = BTreeMap::new();
    for key in draft.every_alert() {
        let Some(alert) = draft.alert(&key) else { continue };
        let near = |at: Instant| now < at - BEFORE_THE_START && at < until;
        let is_gap = alert.facts.tells == Tells::Uncovered && matches!(alert.state, AlertState::Firing { .. });
        if !is_gap || !alert.facts.starts_at.is_some_and(near) || draft.is_silenced(alert) {
            continue;
        }
        let worse = |other: &Alert| urgency(alert) < urgency(other);
        if gaps.get(&key.subject).is_none_or(worse) {
            gaps.insert(key.subject, alert.clone());
        }
    }
    gaps.into_iter().filter(|(subject, _)| is_untold(draft, subject)).map(|(_, alert)| alert).collect()
}

/// Whether nobody has a shift, and no page about it was told or will be at once.
fn is_untold(draft: &Draft<'_>, subject: &Subject) -> bool {
    draft.about(subject).filter(|alert| alert.is_firing()).all(|alert| {
        let owned = matches!(alert.state, AlertState::Acknowledged { .. });
        let wakes = rank(&alert.labels) <= 1 && waits_until(alert, draft.now).is_none();
        let pages = draft.pages_telling(&BTreeSet::from([alert.key.clone()]));
        let told = pages.iter().filter_map(|key| draft.page(key)).any(|page| !page.told.is_empty());
        !owned && !wakes && !told
    })
}

/// The policies that page an alert with these labels.
fn policies(draft: &Draft<'_>, labels: &Labels, alert: &Alert) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, group) in draft.told_routes(labels) {
        let configs = draft.policy.receivers.get(&group.receiver).map(|to| &to.page[..]).unwrap_or_default();
        found.extend(configs.iter().map(|config| page::policy_for(draft, config, alert).to_owned()));
    }
    found
}

/// Looks at a list: it escalates until somebody takes it, and ends when it is empty, taken, or through with its steps.
pub(super) fn look_at_list(draft: &mut Draft<'_>, page: &mut Page) -> Option<Instant> {
    let firing = page::firing_of(draft, page);
    let owner = page.ownership().map(|owned| owned.ack.by.clone());
    if firing.is_empty() || owner.is_some() {
        return Some(page::end_list(draft, page, owner, &firing));
    }
    let next = page::advance(draft, page, &firing);
    let through_at = page::list_through_at(draft, page);
    if through_at > draft.now {
        return [next, Some(through_at)].into_iter().flatten().min();
    }
    // Nobody took it: what it names pages as anything else, at once.
    if let Some(list) = &mut page.list {
        list.is_through = true;
    }
    Some(page::end_list(draft, page, None, &firing))
}

/// The pages that slept while a list was open.
pub(super) fn pages_of_list(draft: &Draft<'_>, list: &List) -> BTreeSet<PageKey> {
    let about = list.alerts.iter().flat_map(|key| draft.about(&key.subject)).map(|alert| alert.key.clone());
    let alerts: BTreeSet<AlertKey> = about.collect();
    draft.pages_telling(&alerts)
}
