//! Alerts from outside, as `POST /api/v2/alerts` takes them: Prometheus, scripts, other watchers.
//!
//! Given: an order to post. Gives: an alert that fires at once, refreshes, or is over. They need no second look, and
//! one that nobody renews ends by itself.

use super::{
    alert::{Alert, AlertKey, AlertState, Confirm, Facts, Labels, Posted},
    annotation::stamp_state,
    draft::Draft,
    fingerprint::fingerprint,
    life::{change, close},
};
use crate::{
    model::{AgencyName, Subject},
    rules::finding::{Closing, RuleId, Tells, Window},
};

/// The identity of an alert posted with these labels.
#[must_use]
pub fn posted_key(labels: &Labels) -> AlertKey {
    let alertname = labels.get("alertname").map_or("", String::as_str);
    AlertKey {
        agency: labels.get("agency").map_or_else(AgencyName::installation, |name| AgencyName::new(name.as_str())),
        rule: RuleId::new(format!("posted/{alertname}")),
        subject: Subject::Posted(fingerprint(labels)),
    }
}

/// An alert from outside: new, refreshed or, with an end that has come, over.
pub(super) fn post(draft: &mut Draft<'_>, labels: &Labels, annotations: &Labels, posted: Posted) {
    let now = draft.now;
    let key = AlertKey { agency: draft.book.agency().clone(), ..posted_key(labels) };
    let open = draft.alert(&key).filter(|alert| alert.is_firing()).cloned();
    if posted.ends_at <= now {
        if open.is_some() {
            close(draft, &key, Closing::Recovered);
        }
        return;
    }
    if let Some(mut alert) = open {
        let before = alert.clone();
        alert.annotations.clone_from(annotations);
        stamp_state(&mut alert);
        let starts_at = alert.posted.as_ref().map_or(posted.starts_at, |old| old.starts_at.min(posted.starts_at));
        alert.posted = Some(Posted { starts_at, ..posted });
        if alert != before {
            if alert.annotations != before.annotations {
                alert.updated_at = now;
            }
            change(draft, alert);
        }
        draft.looked_at.insert(key);
        return;
    }
    let starts_at = posted.starts_at.min(now);
    let told = draft.alert(&key).map(|alert| alert.told.clone()).unwrap_or_default();
    let from = draft.alert(&key).map(Alert::state_name);
    let alert = Alert {
        key: key.clone(),
        labels: labels.clone(),
        annotations: annotations.clone(),
        state: AlertState::Firing { fired_at: starts_at },
        active_at: starts_at,
        updated_at: now,
        facts: Facts {
            window: Window { opens_at: starts_at, closes_at: None },
            starts_at: None,
            ends_at: None,
            deadline: None,
            location: labels.get("location").cloned().unwrap_or_default(),
            client: None,
            caregiver: None,
            tells: Tells::Summary,
        },
        confirm: Confirm::NotNeeded,
        unjudged_since: None,
        told,
        posted: Some(posted),
    };
    draft.transition(&key, from, "firing", "posted");
    change(draft, alert);
}
