//! An alert of the past, as far as what was kept of it says again what a note on the record would tell. Pure.
//!
//! Given: one life of an alert with its key, and how its rule tells. Gives: the alert as it was closed. Does not: know what is
//! not kept: until when a shift was planned, and its visit, are known while memory holds them.

use crate::{
    alerts::{
        alert::{Alert, AlertKey, AlertState, Confirm, Facts, Labels},
        closed::closing,
    },
    mirror::Mirror,
    model::{Subject, VisitId},
    report::life::Life,
    rules::{
        finding::{Tells, Window},
        rule::Kind,
    },
};

/// How alerts of a kind are told, as far as notes need it.
#[must_use]
pub const fn tells(kind: &Kind) -> Tells {
    match kind {
        Kind::UncoveredShift { .. } => Tells::Uncovered,
        Kind::MissedCheckIn { .. } => Tells::NoCheckIn,
        Kind::NoShow { .. } => Tells::NoShow,
        Kind::MissedCheckOut { .. } => Tells::NoCheckOut,
        Kind::RunawayVisit { .. } => Tells::Runaway,
        _ => Tells::Summary,
    }
}

/// The alert as it was closed; `None` when it has not fired, is not over, or ended by a move.
#[must_use]
pub fn alert_of(key: AlertKey, life: &Life, tells: Tells, mirror: &Mirror) -> Option<Alert> {
    let (fired_at, resolved_at) = (life.fired_at?, life.resolved_at?);
    let closing = closing(life.reason.as_deref()?)?;
    let shift = match &key.subject {
        Subject::Shift(key) => mirror.shift(key),
        _ => None,
    };
    let (starts_at, client, caregiver) = match &key.subject {
        Subject::Shift(of) => {
            let caregiver = shift.and_then(|entry| entry.shift.caregiver.clone());
            (Some(of.start), Some(of.client.clone()), caregiver)
        }
        Subject::Client(id) => (None, Some(id.clone()), None),
        Subject::Visit(id) => {
            let visit = mirror.visit(id).map(|entry| &entry.visit);
            (None, visit.and_then(|visit| visit.client.clone()), visit.and_then(|visit| visit.caregiver.clone()))
        }
        _ => return None,
    };
    let facts = Facts {
        window: Window { opens_at: life.edge_at.unwrap_or(fired_at), closes_at: None },
        starts_at,
        ends_at: shift.map(|entry| entry.shift.end),
        deadline: None,
        location: life.label("location").to_owned(),
        client,
        caregiver,
        tells,
    };
    Some(Alert {
        key,
        labels: life.labels.clone(),
        annotations: Labels::new(),
        state: AlertState::Resolved { fired_at: Some(fired_at), resolved_at, closing, owner: None },
        active_at: life.active_at,
        updated_at: resolved_at,
        facts,
        confirm: Confirm::NotNeeded,
        unjudged_since: None,
        told: Vec::new(),
        posted: None,
    })
}

/// The visit of a subject, while memory holds it.
#[must_use]
pub fn visit_of(subject: &Subject, mirror: &Mirror) -> Option<VisitId> {
    let Subject::Shift(key) = subject else { return None };
    mirror.visits_of(mirror.shift(key)?).map(|entry| entry.visit.id.clone()).last()
}
