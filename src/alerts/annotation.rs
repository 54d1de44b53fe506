//! The annotations an alert carries: the rule's, its kind's, and the agent's own. No PHI.

use chrono::SecondsFormat;

use super::{
    alert::{Alert, AlertState, Confirm, Labels},
    decide::Rules,
};
use crate::{model::Instant, rules::rule::Rule};

/// The rule's annotations, the kind's own, and the agent's.
pub(super) fn annotate(
    alert: &mut Alert,
    rule: &Rule,
    said: Vec<(String, String)>,
    past_bad_rows: bool,
    rules: &dyn Rules,
) {
    let mut annotations: Labels = said.into_iter().collect();
    annotations.extend(rules.annotations(rule, &alert.key, &alert.labels, &alert.facts));
    let utc = |at: Instant| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    for (name, at) in [("starts_at", alert.facts.starts_at), ("deadline", alert.facts.deadline)] {
        if let Some(at) = at {
            annotations.insert(name.to_owned(), utc(at));
        }
    }
    if past_bad_rows {
        annotations.insert("unconfirmed".to_owned(), "a row it rests on could not be read".to_owned());
    }
    alert.annotations = annotations;
    stamp_state(alert);
}

/// The text of the `unconfirmed` annotation when the second look did not come.
const NO_SECOND_LOOK: &str = "the second look did not come in time";

/// Brings the annotations that follow from the state up to date.
pub(super) fn stamp_state(alert: &mut Alert) {
    let annotations = &mut alert.annotations;
    if alert.confirm == Confirm::TimedOut {
        annotations.entry("unconfirmed".to_owned()).or_insert_with(|| NO_SECOND_LOOK.to_owned());
    } else if annotations.get("unconfirmed").is_some_and(|text| text == NO_SECOND_LOOK) {
        annotations.remove("unconfirmed");
    }
    match &alert.state {
        AlertState::Acknowledged { ack, .. } => {
            annotations.insert("acknowledged_by".to_owned(), ack.by.clone());
            let until = ack.until.to_rfc3339_opts(SecondsFormat::Secs, true);
            annotations.insert("acknowledged_until".to_owned(), until);
        }
        AlertState::Resolved { closing, .. } => {
            annotations.insert("reason".to_owned(), closing.as_str().to_owned());
        }
        AlertState::Pending { .. } | AlertState::Firing { .. } => {
            for name in ["acknowledged_by", "acknowledged_until", "reason"] {
                // A posted alert may carry such words of its own.
                if alert.posted.is_none() {
                    annotations.remove(name);
                }
            }
        }
    }
}
