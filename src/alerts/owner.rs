//! Ownership: an acknowledgement keeps an alert quiet until it ends, and on a shift every alert of that shift.

use std::collections::BTreeSet;

use super::{
    alert::{Acknowledgement, Alert, AlertKey, AlertState},
    annotation::stamp_state,
    draft::Draft,
    life::change,
};
use crate::model::Subject;

/// Somebody owns an alert; on a shift, every alert of that shift. An order for what does not fire is dropped.
pub(super) fn acknowledge(draft: &mut Draft<'_>, key: &AlertKey, ack: &Acknowledgement) {
    if ack.until <= draft.now || !draft.alert(key).is_some_and(Alert::is_firing) {
        return;
    }
    let covered: BTreeSet<AlertKey> = if matches!(key.subject, Subject::Shift(_)) {
        draft.about(&key.subject).filter(|alert| alert.is_firing()).map(|alert| alert.key.clone()).collect()
    } else {
        BTreeSet::from([key.clone()])
    };
    for key in covered {
        let Some(mut alert) = draft.alert(&key).cloned() else { continue };
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
