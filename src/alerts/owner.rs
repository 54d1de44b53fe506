//! Ownership: an acknowledgement keeps an alert quiet until it ends, and on a shift every alert of that shift.

use std::collections::BTreeSet;

use super::{
    alert::{Acknowledgement, Alert, AlertKey, AlertState},
    annotation::stamp_state,
    draft::Draft,
    life::change,
    page,
};
use crate::model::Subject;

/// Somebody owns an alert; on a shift, every alert of that shift, and every page that tells of one of them. An order for
/// what does not fire is dropped.
pub(super) fn acknowledge(draft: &mut Draft<'_>, key: &AlertKey, ack: &Acknowledgement) {
    if ack.until <= draft.now || !draft.alert(key).is_some_and(Alert::is_firing) {
        return;
    }
    cover(draft, &BTreeSet::from([key.clone()]), ack, false);
    for key in draft.pages_telling(&covered(draft, [key])) {
        let Some(mut page) = draft.page(&key).filter(|page| page.is_open()).cloned() else { continue };
        page::own_with(draft, &mut page, ack.clone(), false, None);
        draft.put_page(page);
    }
}

/// The alerts that fire of these, and of the shifts they are about.
fn covered<'k>(draft: &Draft<'_>, keys: impl IntoIterator<Item = &'k AlertKey>) -> BTreeSet<AlertKey> {
    let mut covered = BTreeSet::new();
    for key in keys {
        if matches!(key.subject, Subject::Shift(_)) {
            let firing = draft.about(&key.subject).filter(|alert| alert.is_firing());
            covered.extend(firing.map(|alert| alert.key.clone()));
        } else if draft.alert(key).is_some_and(Alert::is_firing) {
            covered.insert(key.clone());
        }
    }
    covered
}

/// Writes an acknowledgement on alerts and on the shifts they are about; with `only_unowned`, on those that nobody owns.
/// What carries it already is left as it is.
pub(super) fn cover(draft: &mut Draft<'_>, keys: &BTreeSet<AlertKey>, ack: &Acknowledgement, only_unowned: bool) {
    for key in covered(draft, keys) {
        let Some(mut alert) = draft.alert(&key).cloned() else { continue };
        match &alert.state {
            AlertState::Acknowledged { ack: before, .. } if only_unowned || before == ack => continue,
            _ => {}
        }
        let from = alert.state_name();
        let fired_at = alert.fired_at().unwrap_or(draft.now);
        alert.state = AlertState::Acknowledged { fired_at, ack: ack.clone() };
        alert.updated_at = draft.now;
        stamp_state(&mut alert);
        draft.transition(&key, Some(from), "acknowledged", format!("acknowledged by {}", ack.by));
        draft.annotate_transition(&ack.note);
        change(draft, alert);
    }
}

/// The owner has it a little longer, without having said so: no change of state, and no new transition.
pub(super) fn prolong(draft: &mut Draft<'_>, keys: &BTreeSet<AlertKey>, ack: &Acknowledgement) {
    for key in covered(draft, keys) {
        let Some(mut alert) = draft.alert(&key).cloned() else { continue };
        if let AlertState::Acknowledged { ack: before, .. } = &mut alert.state
            && before.until < ack.until
        {
            before.until = ack.until;
            stamp_state(&mut alert);
            change(draft, alert);
        }
    }
}

/// Nobody owns these now, for a reason.
pub(super) fn release(draft: &mut Draft<'_>, keys: &BTreeSet<AlertKey>, reason: &str) {
    for key in covered(draft, keys) {
        let Some(mut alert) = draft.alert(&key).cloned() else { continue };
        let AlertState::Acknowledged { fired_at, .. } = alert.state else { continue };
        alert.state = AlertState::Firing { fired_at };
        alert.updated_at = draft.now;
        stamp_state(&mut alert);
        draft.transition(&key, Some("acknowledged"), "firing", reason);
        change(draft, alert);
    }
}

/// The acknowledgement that covers a shift's later alerts. One whose alert closes in this very step still covers
/// the alert that takes its place.
pub(super) fn ownership_of(draft: &Draft<'_>, subject: &Subject) -> Option<Acknowledgement> {
    if !matches!(subject, Subject::Shift(_)) {
        return None;
    }
    let acks =
        draft.about(subject).chain(draft.book.about(subject).map(AsRef::as_ref)).filter_map(|alert| {
            match &alert.state {
                AlertState::Acknowledged { ack, .. } if ack.until > draft.now => Some(ack),
                _ => None,
            }
        });
    acks.max_by_key(|ack| ack.until).cloned()
}
