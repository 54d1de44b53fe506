//! What opens and closes over and over: it is told once more for all of it, then rarely, and its end when it has been
//! quiet for a while.
//!
//! Given: the pages of a group that are over and not yet forgotten. Gives: whether a new one is one too many, until when it
//! keeps quiet, and when ends are told. Nothing is stored beside the pages themselves, so that a restart decides the same.

use chrono::TimeDelta;

use super::{
    super::{alert::Alert, draft::Draft, group::GroupKey, severity::rank},
    Flap, Page, PageKey, PageState, Word,
};
use crate::model::{Instant, PersonName};

/// So often within [`WITHIN`] is a flutter.
const TIMES: usize = 3;
const WITHIN: TimeDelta = TimeDelta::hours(1);
/// Between two pages of what flutters, and after its last end until that is told.
const PAUSE: TimeDelta = TimeDelta::minutes(30);

/// What a page that opens now is to know of those before it; `None` = there were few.
pub(super) fn of(draft: &Draft<'_>, group: &GroupKey, policy: &str, firing: &[Alert]) -> Option<Flap> {
    let now = draft.now;
    let keys = draft.closed_pages_of(group);
    let about = |page: &&Page| firing.iter().any(|alert| page.alerts.contains(&alert.key));
    let earlier: Vec<&Page> = keys
        .iter()
        .filter(|key| key.policy == policy)
        .filter_map(|key| draft.page(key))
        .filter(|page| now - page.opened_at <= WITHIN)
        .filter(about)
        .collect();
    if earlier.len() < TIMES {
        return None;
    }
    let since = earlier.iter().map(|page| page.opened_at).min()?;
    let told = earlier.iter().filter(|page| page.flap.is_some()).flat_map(|page| &page.told);
    let last = told.filter(|told| told.is_step()).map(|told| told.at).max();
    let worst = |page: &&&Page| match &page.state {
        PageState::Closed { alerts, .. } if page.has_told() => alerts.iter().map(|alert| rank(&alert.labels)).min(),
        _ => None,
    };
    let worst = earlier.iter().filter_map(|page| worst(&page)).min().unwrap_or(u8::MAX);
    let quiet_until = last.map(|last| last + PAUSE).filter(|at| *at > now);
    Some(Flap { n: u32::try_from(earlier.len() + 1).unwrap_or(u32::MAX), since, quiet_until, worst })
}

/// Until when a page that told nobody yet keeps quiet: no longer once something worse is in it.
pub(in super::super) fn quiet_until<'a>(
    page: &Page,
    telling: impl Iterator<Item = &'a Alert>,
    now: Instant,
) -> Option<Instant> {
    let flap = page.flap.as_ref().filter(|_| page.told.is_empty())?;
    let is_worse = telling.map(|alert| rank(&alert.labels)).min().is_some_and(|rank| rank < flap.worst);
    flap.quiet_until.filter(|at| *at > now && !is_worse)
}

/// When the end of something that flutters is told.
pub(super) fn told_at(page: &Page, now: Instant) -> Option<Instant> {
    page.flap.as_ref().map(|_| now + PAUSE)
}

/// A page closed that flutters: whoever hears of it hears of the earlier ones by it, and the others when it has been quiet.
pub(super) fn put_off(draft: &mut Draft<'_>, page: &Page) {
    if page.flap.is_none() {
        return;
    }
    let at = draft.now + PAUSE;
    let hears = |person: &PersonName| page.held.iter().any(|held| held.person == *person);
    let others: Vec<PageKey> = draft.closed_pages_of(&page.key.group).into_iter().collect();
    for key in others.into_iter().filter(|key| *key != page.key) {
        let waits = draft.page(&key).is_some_and(|other| other.flap.is_some() && !other.held.is_empty());
        if waits {
            draft.change_page(&key, |other| {
                other.held.retain(|held| held.word != Word::Closed || !hears(&held.person));
                other.held.iter_mut().for_each(|held| held.at = held.at.max(at));
            });
        }
    }
}

/// Whether ends that are due wait on: it fires again.
pub(super) fn goes_on(draft: &Draft<'_>, page: &Page) -> Option<Instant> {
    let again = page.flap.is_some() && !draft.open_pages_of(&page.key.group).is_empty();
    again.then(|| draft.now + PAUSE)
}
