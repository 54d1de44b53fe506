//! A trial: a page about nothing, through the real steps and the real outbox.

use std::collections::BTreeSet;

use super::{
    super::{alert::Labels, draft::Draft, group::GroupKey},
    Drill, Page, PageKey, Turn,
};
use crate::model::{PersonName, local_time::to_micros};

/// The receiver and route of trials. A route of the tree is never called so: it begins with a brace.
pub(super) const DRILL: &str = "drill";

/// Opens it. One that is open already is not opened twice.
pub(in super::super) fn begin(draft: &mut Draft<'_>, policy: Option<&str>, person: Option<&PersonName>, id: &str) {
    let labels = Labels::from([("drill".to_owned(), id.to_owned())]);
    let group =
        GroupKey { agency: draft.book.agency().clone(), route: DRILL.to_owned(), receiver: DRILL.to_owned(), labels };
    if !draft.open_pages_of(&group).is_empty() {
        return;
    }
    let generation = u64::try_from(to_micros(draft.now)).unwrap_or(0);
    let key = PageKey { group, generation, policy: policy.unwrap_or(DRILL).to_owned() };
    let mut page = Page::new(key, BTreeSet::new(), draft.now);
    page.drill = Some(Drill { id: id.to_owned(), person: person.cloned() });
    draft.turn(&page.key, Turn::Opened, []);
    draft.put_page(page);
}
