//! A list of standing gaps as a page: when its steps are through, and how it ends.

use chrono::TimeDelta;

use super::{
    super::{alert::Alert, draft::Draft, standing},
    Page, PageState, Turn,
    look::closed_next,
    steps,
    tell::{ends_of, withdraw},
};
use crate::model::Instant;

/// How long the last step of a list is waited for where the policy never repeats.
const WAITED: TimeDelta = TimeDelta::minutes(15);

/// When nobody is expected to take it any more: as the policy would begin its steps again.
pub(in super::super) fn through_at(draft: &Draft<'_>, page: &Page) -> Instant {
    steps::round_ends_at(draft, page).unwrap_or(page.stepped_at.unwrap_or(page.round_at) + WAITED)
}

/// It is over. Gives when it is looked at again.
pub(in super::super) fn end(draft: &mut Draft<'_>, page: &mut Page, owner: Option<String>, open: &[Alert]) -> Instant {
    withdraw(draft, page);
    draft.turn(&page.key, Turn::Closed, owner.clone());
    page.state = PageState::Closed { at: draft.now, owner, alerts: ends_of(open) };
    // What slept for its sake is looked at anew, once it is written.
    let sleeping = page.list.as_ref().map(|list| standing::pages_of_list(draft, list)).unwrap_or_default();
    draft.pages_touched.extend(sleeping);
    closed_next(page).unwrap_or(draft.now)
}
