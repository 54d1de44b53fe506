//! The alerts that a step closes, each as it was closed: also those that nobody was told of, which the book forgets with
//! the same step.

use super::{
    alert::{Alert, AlertState},
    book::Book,
    step::{Delta, Transition},
};
use crate::rules::finding::Closing;

/// Every alert that `delta` closes, in the order of its transitions. `book` is as it was before.
#[must_use]
pub fn closed(book: &Book, delta: &Delta) -> Vec<Alert> {
    delta
        .transitions
        .iter()
        .filter(|turn| turn.to == "resolved")
        .filter_map(|turn| as_closed(book, delta, turn))
        .collect()
}

fn as_closed(book: &Book, delta: &Delta, turn: &Transition) -> Option<Alert> {
    let kept = delta.alerts.iter().find(|alert| alert.key == turn.key);
    if let Some(kept) = kept.filter(|alert| matches!(alert.state, AlertState::Resolved { .. })) {
        return Some(kept.clone());
    }
    let mut alert = book.alert(&turn.key)?.as_ref().clone();
    let closing = closing(&turn.reason)?;
    alert.state = AlertState::Resolved { fired_at: alert.fired_at(), resolved_at: turn.at, closing, owner: None };
    Some(alert)
}

/// The closing of a word, without its particulars. One that moved is none: where to is not known any more.
#[must_use]
pub fn closing(word: &str) -> Option<Closing> {
    let all = [
        Closing::Covered,
        Closing::Arrived { at: None, late: false },
        Closing::CheckedOut { at: None },
        Closing::Cancelled,
        Closing::Removed,
        Closing::ClientInactive,
        Closing::Recovered,
        Closing::RuleRemoved,
        Closing::Expired,
    ];
    all.into_iter().find(|closing| closing.as_str() == word)
}
