//! One alert's life: what a finding, an order, a receipt or the passing of time does to it.
//!
//! Given: a draft and one piece of news. Gives: the alert as it is after it, its transitions, and the reads it wants.
//! Does not: decide who is told; that comes after every alert is as it will be.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};

use super::{
    alert::{Acknowledgement, Alert, AlertKey, AlertState, Confirm, Facts, Labels, Posted},
    annotation::{annotate, stamp_state},
    book::RECOVERY_CATCH_UP_MAX,
    decide::{Rules, TRANSITIONS_MAX},
    disposition::{MorningList, Said},
    draft::Draft,
    flush,
    notice::{Notice, Says},
    orders::{Ask, Inputs, News, Order, Receipt},
    owner::{acknowledge, ownership_of},
    page,
    posted::post,
    recipient::wants_closing,
    second_look::reads_to_confirm,
    severity::rank,
    step::{CatchUp, Quiet, Why},
};
use crate::{
    model::{Instant, PersonName, ShiftKey, Subject, local_time::to_micros},
    on_call::{Contact, Via},
    rules::{
        finding::{Broken, Closing, Finding, Opened, Tells, Unjudged, Verdict},
        rule::Rule,
    },
};

/// Looks at every alert of a book that was restored, for the policy may be another one: an alert may have come into a
/// group that nobody was told in yet, and a closing may be left without the group it waited in.
pub(super) fn look_again(draft: &mut Draft<'_>) {
    draft.touch_every_page();
    for key in draft.every_alert() {
        flush::touch(draft, &key);
        if draft.alert(&key).is_some_and(|alert| matches!(alert.state, AlertState::Resolved { .. })) {
            draft.closed.insert(key.clone());
        }
        draft.looked_at.insert(key);
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
            Ask::Reply { phone, speakers, reply, heard, written_at } => {
                page::reply(draft, phone, speakers, (reply, *written_at), heard, *at);
            }
            Ask::Press { page, person, action, proof } => page::press(draft, page, person, *action, proof, *at),
            Ask::SilenceEnds { id, created_by, ends_at, n_muted } => {
                draft.notices.extend(silence_ends(draft, id, created_by, *ends_at, *n_muted));
            }
            Ask::Dispose(said) | Ask::DisposeNoted { said, .. } => {
                draft.said.push(Said { at: *at, ..(**said).clone() });
            }
            Ask::Morning { day, list } => {
                let notices: Vec<Notice> =
                    list.people.iter().filter_map(|person| morning(draft, *day, list, person)).collect();
                draft.notices.extend(notices);
            }
            Ask::Drill { policy, person, id } => {
                page::begin_drill(draft, policy.as_deref(), person.as_ref(), id);
            }
        }
        draft.orders_done = Some(*n);
    }
}

/// The word to whoever made a silence that it ends; by the first way to them that is no call: nobody is woken for it.
fn silence_ends(
    draft: &Draft<'_>,
    id: &str,
    created_by: &PersonName,
    ends_at: Instant,
    n_muted: usize,
) -> Option<Notice> {
    let person = draft.policy.paging.roster.person(created_by)?;
    let contact = person.contacts.iter().find(|contact| contact.via != Via::Call)?;
    Some(Notice {
        topic: format!("silence/{id}"),
        // One that was made longer is spoken of again.
        n: u64::try_from(to_micros(ends_at)).unwrap_or(0),
        to: created_by.clone(),
        via: contact.via,
        mark: contact.mark.clone(),
        says: Says::SilenceEnds { id: id.to_owned(), ends_at, n_muted },
        why: Why::Routine,
        urgency: rank(&Labels::new()),
        useful_until: ends_at,
        fired_at: draft.now,
        follows: Vec::new(),
    })
}

/// A morning's list for one person, by the first way to them that is no call and takes something.
fn morning(draft: &Draft<'_>, day: NaiveDate, list: &MorningList, to: &PersonName) -> Option<Notice> {
    let person = draft.policy.paging.roster.person(to)?;
    let takes = |contact: &&Contact| contact.via != Via::Call && !draft.is_bad(&contact.mark, contact.via);
    let contact = person.contacts.iter().find(takes)?;
    Some(Notice {
        topic: format!("morning/{day}"),
        n: 0,
        to: to.clone(),
        via: contact.via,
        mark: contact.mark.clone(),
        says: Says::Morning { n_shifts: list.n_shifts, n_open: list.n_open, open: list.open.clone() },
        why: Why::Routine,
        urgency: rank(&Labels::new()),
        useful_until: draft.now + MORNING_LASTS,
        fired_at: draft.now,
        follows: Vec::new(),
    })
}

/// A morning's list that could not be sent for so long is not sent any more; the on-call log has it.
const MORNING_LASTS: TimeDelta = TimeDelta::hours(10);

/// Takes note of messages that never left: who was not reached was not told, and gets no closing. Where that was
/// everybody, it is told again.
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
            continue;
        }
        // A receiver of whom nobody was reached was not told: there it is news still, and goes out by the interval.
        for (_, group) in draft.told_routes(&alert.labels) {
            if !alert.told.iter().any(|told| told.receiver == group.receiver) {
                draft.untell(&group, key);
            }
        }
        draft.put(alert);
        flush::touch(draft, key);
    }
}

/// Takes one rule's word on one subject.
pub(super) fn take_finding(draft: &mut Draft<'_>, finding: Finding, rules: &dyn Rules) {
    let key = AlertKey { agency: draft.book.agency().clone(), rule: finding.rule, subject: finding.subject };
    match finding.verdict {
        Verdict::Broken(broken) => {
            let open = draft.alert(&key).is_some_and(|alert| !matches!(alert.state, AlertState::Resolved { .. }));
            let Some(rule) = rules.rule(&key.rule) else { return };
            let stood =
                |alert: &Alert| alert.labels.get(Opened::LABEL).is_some_and(|was| was == Opened::Standing.as_str());
            let lost_again = broken.opened == Some(Opened::Callout) && draft.alert(&key).is_some_and(stood);
            if open && lost_again {
                // Somebody was on it in between and is not any more: that is news of its own.
                close(draft, &key, Closing::Covered);
                open_alert(draft, rule, &key, *broken, rules);
            } else if open {
                refresh(draft, rule, &key, *broken, rules);
            } else {
                open_alert(draft, rule, &key, *broken, rules);
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
    labels.extend(broken.subject_labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if let Some(opened) = broken.opened {
        labels.insert(Opened::LABEL.to_owned(), opened.as_str().to_owned());
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
    let moved_here = match (&key.subject, &closing) {
        (Subject::Shift(shift), Closing::Moved { to }) => {
            Some(Subject::Shift(ShiftKey { start: *to, ..shift.clone() }))
        }
        _ => None,
    };
    if matches!((&alert.facts.tells, &closing), (Tells::Blind { .. }, Closing::Recovered)) && !draft.is_catching_up() {
        draft.catch_up = Some(CatchUp::Running { since: now, until: now + RECOVERY_CATCH_UP_MAX });
    }
    alert.told.retain(|told| wants_closing(draft.policy, told));
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
        draft.moved_here.extend(moved_here);
    }
    for key in waiting {
        flush::touch(draft, &key);
        draft.closed.insert(key);
    }
    // So may the first notice of the shift that this one has become.
    let others: Vec<AlertKey> = draft.book.about_other_times(&key.subject).cloned().collect();
    for key in others {
        flush::touch(draft, &key);
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
            group.drop_told([key]);
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
pub(super) fn change(draft: &mut Draft<'_>, alert: Alert) {
    let key = alert.key.clone();
    draft.looked_at.insert(key.clone());
    draft.put(alert);
    flush::touch(draft, &key);
}

fn split(broken: Broken) -> (Facts, Vec<(String, String)>, bool) {
    let Broken {
        window,
        deadline,
        starts_at,
        ends_at,
        location,
        client,
        caregiver,
        tells,
        annotations,
        past_bad_rows,
        ..
    } = broken;
    (Facts { window, starts_at, ends_at, deadline, location, client, caregiver, tells }, annotations, past_bad_rows)
}
