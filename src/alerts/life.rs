//! One alert's life: what a finding, an order, a receipt or the passing of time does to it.
//!
//! Given: a draft and one piece of news. Gives: the alert as it is after it, its transitions, and the reads it wants.
//! Does not: decide who is told; that comes after every alert is as it will be.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, TimeDelta};

use super::{
    alert::{Acknowledgement, Alert, AlertKey, AlertState, Confirm, Facts, Labels, Posted},
    book::RECOVERY_CATCH_UP_MAX,
    decide::{Rules, TRANSITIONS_MAX},
    draft::Draft,
    fingerprint::fingerprint,
    flush,
    orders::{Ask, Inputs, News, Order, Receipt},
    recipient::Recipient,
    step::{CatchUp, Quiet},
};
use crate::{
    model::{AgencyName, Instant, Subject},
    rules::{
        finding::{Broken, Closing, Finding, RuleId, Tells, Unjudged, Verdict, Window},
        rule::Rule,
    },
    source::fetched::{Read, Span},
};

/// How far around a shift a confirming read looks: far enough to see where it moved to (within a day either way).
const CONFIRM_AROUND: TimeDelta = TimeDelta::hours(25);

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

/// Takes orders in the order they came, as many as the step holds.
pub(super) fn take_orders(draft: &mut Draft<'_>, inputs: &Inputs) {
    for Order { n, at, ask } in &inputs.orders {
        if draft.transitions.len() >= TRANSITIONS_MAX {
            return;
        }
        match ask {
            Ask::Acknowledge { key, by, note, until } => {
                let ack = Acknowledgement { by: by.clone(), note: note.clone(), at: *at, until: *until };
                acknowledge(draft, key, &ack);
            }
            Ask::Post { labels, annotations, starts_at, ends_at, generator_url } => {
                let posted = Posted {
                    generator_url: generator_url.clone(),
                    starts_at: *starts_at,
                    ends_at: ends_at.unwrap_or(*at + draft.policy.resolve_timeout),
                };
                post(draft, labels, annotations, posted);
            }
        }
        draft.orders_done = Some(*n);
    }
}

/// Takes note of messages that never left: who was not reached was not told, and gets no closing.
pub(super) fn take_receipts(draft: &mut Draft<'_>, receipts: &[Receipt]) {
    draft.receipts_done = receipts.last().map(|receipt| receipt.n);
    let never_left = |receipt: &&Receipt| matches!(receipt.news, News::Refused | News::Expired | News::Cancelled);
    let lost: BTreeSet<_> = receipts.iter().filter(never_left).map(|receipt| &receipt.message).collect();
    if lost.is_empty() {
        return;
    }
    let book = draft.book;
    let concerned: BTreeSet<&AlertKey> = lost.iter().flat_map(|message| book.told_by(message)).collect();
    for key in concerned {
        let Some(mut alert) = draft.alert(key).cloned() else { continue };
        alert.told.retain(|told| !lost.contains(&told.message));
        if alert.told.is_empty() && matches!(alert.state, AlertState::Resolved { .. }) {
            draft.forget(key);
        } else {
            draft.put(alert);
        }
    }
}

/// Somebody owns an alert; on a shift, every alert of that shift. An order for what does not fire is dropped.
fn acknowledge(draft: &mut Draft<'_>, key: &AlertKey, ack: &Acknowledgement) {
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
        change(draft, alert);
    }
}

/// An alert from outside: new, refreshed or, with an end that has come, over.
fn post(draft: &mut Draft<'_>, labels: &Labels, annotations: &Labels, posted: Posted) {
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

/// Takes one rule's word on one subject.
pub(super) fn take_finding(draft: &mut Draft<'_>, finding: Finding, rules: &dyn Rules) {
    let key = AlertKey { agency: draft.book.agency().clone(), rule: finding.rule, subject: finding.subject };
    match finding.verdict {
        Verdict::Broken(broken) => {
            let open = draft.alert(&key).is_some_and(|alert| !matches!(alert.state, AlertState::Resolved { .. }));
            let Some(rule) = rules.rule(&key.rule) else { return };
            if open {
                refresh(draft, rule, &key, *broken, rules)
            } else {
                open_alert(draft, rule, &key, *broken, rules)
            }
        }
        Verdict::Fine(closing) => close(draft, &key, closing),
        Verdict::Unjudged { because } => hold(draft, &key, because),
    }
}

fn open_alert(draft: &mut Draft<'_>, rule: &Rule, key: &AlertKey, broken: Broken, rules: &dyn Rules) {
    let now = draft.now;
    let mut labels = rule.labels.clone();
    labels.insert("alertname".to_owned(), rule.alert.clone());
    labels.insert("agency".to_owned(), key.agency.as_str().to_owned());
    labels.insert("location".to_owned(), broken.location.clone());
    if let Some((name, value)) = &broken.subject_label {
        labels.insert((*name).to_owned(), value.clone());
    }
    // An empty value is no label, as everywhere in this ecosystem.
    labels.retain(|_, value| !value.is_empty());
    let (facts, said, past_bad_rows) = split(broken);
    let confirm =
        if reads_to_confirm(&facts, now).is_empty() { Confirm::NotNeeded } else { Confirm::Awaited { since: now } };
    let before = draft.alert(key);
    let (from, told) = (before.map(Alert::state_name), before.map(|alert| alert.told.clone()).unwrap_or_default());
    let mut alert = Alert {
        key: key.clone(),
        annotations: Labels::new(),
        state: AlertState::Pending { fires_at: now + rule.for_ },
        active_at: now,
        updated_at: now,
        facts,
        confirm,
        unjudged_since: None,
        // Whoever was told it fires and not yet that it was over goes on believing it fires, which is true again.
        told,
        posted: None,
        labels,
    };
    annotate(&mut alert, rule, said, past_bad_rows, rules);
    if rule.for_.is_zero() {
        fire(draft, alert, from);
    } else {
        draft.transition(key, from, "pending", "");
        change(draft, alert);
    }
}

/// Pending becomes firing, or at once acknowledged when somebody owns the shift already.
fn fire(draft: &mut Draft<'_>, mut alert: Alert, from: Option<&'static str>) {
    let now = draft.now;
    if matches!(alert.confirm, Confirm::Awaited { .. }) {
        alert.confirm = Confirm::Awaited { since: now };
        for read in reads_to_confirm(&alert.facts, now) {
            draft.want_read(read);
        }
    }
    let owner = ownership_of(draft, &alert.key.subject);
    alert.updated_at = now;
    if let Some(ack) = owner {
        draft.transition(&alert.key, from, "acknowledged", format!("{} owns the shift", ack.by));
        alert.state = AlertState::Acknowledged { fired_at: now, ack };
    } else {
        draft.transition(&alert.key, from, "firing", "");
        alert.state = AlertState::Firing { fired_at: now };
    }
    stamp_state(&mut alert);
    change(draft, alert);
}

/// The acknowledgement that covers a shift's later alerts. One whose alert closes in this very step still covers
/// the alert that takes its place.
fn ownership_of(draft: &Draft<'_>, subject: &Subject) -> Option<Acknowledgement> {
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

fn refresh(draft: &mut Draft<'_>, rule: &Rule, key: &AlertKey, broken: Broken, rules: &dyn Rules) {
    let now = draft.now;
    let Some(before) = draft.alert(key).cloned() else { return };
    let mut alert = before.clone();
    let evidence_at = broken.evidence_at;
    alert.unjudged_since = None;
    match alert.confirm {
        Confirm::Awaited { since } if evidence_at >= since => alert.confirm = Confirm::Confirmed { at: evidence_at },
        Confirm::TimedOut if alert.fired_at().is_none_or(|fired_at| evidence_at > fired_at) => {
            alert.confirm = Confirm::Confirmed { at: evidence_at };
        }
        _ => {}
    }
    let (facts, said, past_bad_rows) = split(broken);
    alert.facts = facts;
    annotate(&mut alert, rule, said, past_bad_rows, rules);
    draft.looked_at.insert(key.clone());
    if let AlertState::Pending { fires_at } = alert.state
        && fires_at <= now
    {
        fire(draft, alert, Some("pending"));
    } else if alert != before {
        if alert.facts != before.facts || alert.annotations != before.annotations {
            alert.updated_at = now;
        }
        change(draft, alert);
    }
}

/// Nobody can tell: whatever it is, it stays.
fn hold(draft: &mut Draft<'_>, key: &AlertKey, because: Unjudged) {
    if let Some(read) = because.wants {
        draft.want_read(read);
    }
    match draft.alert(key) {
        Some(alert) if alert.unjudged_since.is_none() && !matches!(alert.state, AlertState::Resolved { .. }) => {
            let alert = Alert { unjudged_since: Some(draft.now), ..alert.clone() };
            change(draft, alert);
        }
        Some(_) => {
            draft.looked_at.insert(key.clone());
        }
        None => {
            draft.quiet.insert(key.clone(), Quiet::Unjudged);
        }
    }
}

/// An alert is over. Nobody was told: it is forgotten. Else it stays until everybody told knows.
pub(super) fn close(draft: &mut Draft<'_>, key: &AlertKey, closing: Closing) {
    let now = draft.now;
    let Some(mut alert) = draft.alert(key).filter(|alert| !matches!(alert.state, AlertState::Resolved { .. })).cloned()
    else {
        return;
    };
    let owner = match &alert.state {
        AlertState::Acknowledged { ack, .. } => Some(ack.by.clone()),
        _ => None,
    };
    draft.transition(key, Some(alert.state_name()), "resolved", closing.as_str());
    if matches!((&alert.facts.tells, &closing), (Tells::Blind { .. }, Closing::Recovered)) && !draft.is_catching_up() {
        draft.catch_up = Some(CatchUp::Running { since: now, until: now + RECOVERY_CATCH_UP_MAX });
    }
    let receivers = &draft.policy.receivers;
    alert.told.retain(|told| {
        receivers.get(&told.receiver).is_some_and(|receiver| Recipient::of(told).wants_closings(receiver))
    });
    alert.state = AlertState::Resolved { fired_at: alert.fired_at(), resolved_at: now, closing, owner };
    alert.unjudged_since = None;
    alert.updated_at = now;
    stamp_state(&mut alert);
    // A milder alert of the same shift may have waited for this one to close.
    let waiting: Vec<AlertKey> = draft
        .about(&key.subject)
        .filter(|other| other.key != *key && matches!(other.state, AlertState::Resolved { .. }))
        .map(|other| other.key.clone())
        .collect();
    let untold = alert.told.is_empty();
    change(draft, alert);
    if untold {
        draft.forget(key);
    } else {
        draft.closed.insert(key.clone());
    }
    for key in waiting {
        flush::touch(draft, &key);
        draft.closed.insert(key);
    }
}

/// What time alone does: a `for` that passed, an acknowledgement that ran out, a second look that did not come,
/// a posted alert that nobody renews.
pub(super) fn pass_time(draft: &mut Draft<'_>, key: &AlertKey) {
    let now = draft.now;
    draft.looked_at.insert(key.clone());
    let Some(alert) = draft.alert(key).cloned() else { return };
    if alert.is_firing() && alert.posted.as_ref().is_some_and(|posted| posted.ends_at <= now) {
        return close(draft, key, Closing::Expired);
    }
    if let AlertState::Pending { fires_at } = alert.state {
        if fires_at <= now && alert.unjudged_since.is_none() {
            fire(draft, alert, Some("pending"));
        }
        return;
    }
    let mut changed = alert;
    let mut is_changed = false;
    if let AlertState::Acknowledged { fired_at, ack } = &changed.state
        && ack.until <= now
    {
        changed.state = AlertState::Firing { fired_at: *fired_at };
        draft.transition(key, Some("acknowledged"), "firing", "acknowledgement expired");
        draft.ack_expired.insert(key.clone());
        for (_, group) in draft.told_routes(&changed.labels) {
            let group = draft.group_mut(&group);
            group.drop_told(key);
            group.flush_at = Some(now);
        }
        is_changed = true;
    }
    if let Confirm::Awaited { since } = changed.confirm
        && changed.is_firing()
        && since + draft.policy.confirm_timeout <= now
    {
        changed.confirm = Confirm::TimedOut;
        is_changed = true;
    }
    if is_changed {
        changed.updated_at = now;
        stamp_state(&mut changed);
        change(draft, changed);
    }
}

/// Writes the alert and tells its groups.
fn change(draft: &mut Draft<'_>, alert: Alert) {
    let key = alert.key.clone();
    draft.looked_at.insert(key.clone());
    draft.put(alert);
    flush::touch(draft, &key);
}

fn split(broken: Broken) -> (Facts, Vec<(String, String)>, bool) {
    let Broken { window, deadline, starts_at, ends_at, location, client, tells, annotations, past_bad_rows, .. } =
        broken;
    (Facts { window, starts_at, ends_at, deadline, location, client, tells }, annotations, past_bad_rows)
}

/// The rule's annotations, the kind's own, and the agent's.
fn annotate(alert: &mut Alert, rule: &Rule, said: Vec<(String, String)>, past_bad_rows: bool, rules: &dyn Rules) {
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
fn stamp_state(alert: &mut Alert) {
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

/// The reads that make the second look at what an alert says; none for what is not read from the schedule.
fn reads_to_confirm(facts: &Facts, now: Instant) -> Vec<Read> {
    let Some(client) = &facts.client else { return Vec::new() };
    let (starts_at, ends_at) = (facts.starts_at.unwrap_or(now), facts.ends_at.or(facts.starts_at).unwrap_or(now));
    let span = Span { from: starts_at - CONFIRM_AROUND, until: ends_at.max(starts_at) + CONFIRM_AROUND };
    let shifts = Read::Shifts { client: client.clone(), span, confirming: true };
    let visits = Read::Visits { client: Some(client.clone()), span, confirming: true };
    match facts.tells {
        Tells::Uncovered => vec![shifts],
        // The vendor may say either way that nobody is missed: a check-in, or a shift that is gone.
        Tells::NoCheckIn => vec![visits, shifts],
        Tells::NoCheckOut | Tells::Runaway => vec![visits],
        Tells::Blind { .. } | Tells::Summary => Vec::new(),
    }
}
