//! One read into the mirror. Rows first, as evidence both ways; what is missing afterwards, and only where the read
//! was complete.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    Changes, HORIZON_PAST, MISSES_APART, Mirror, SectionState,
    record::{CaregiverRecord, ClientRecord, CompleteRead, Gone, Missed, ShiftRecord, VisitRecord},
    row::{MirrorDelta, ShiftHistory},
    stored,
};
use crate::{
    model::{Caregiver, CaregiverId, Client, ClientId, Instant, Section, Shift, ShiftKey, Subject, Visit},
    source::fetched::{Batch, Extent, Fetched, Read, Rows, Span},
};

/// How far a moved occurrence may go and still be the same one. Contract §4.3.
const MOVED_WITHIN: TimeDelta = TimeDelta::hours(24);
/// Around the present, so much of a client's schedule is looked at again after each read of it.
const LOOK_BACK: TimeDelta = TimeDelta::hours(72);
const LOOK_AHEAD: TimeDelta = TimeDelta::hours(24 * 8);
/// A client missing from so many complete full rosters in a row is off it.
const ROSTER_MISSES: u32 = 2;

/// What a read changed.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// Which verdicts may differ.
    pub changes: Changes,
    /// What the store should keep.
    pub delta: MirrorDelta,
}

pub(super) fn apply(mirror: &mut Mirror, fetched: &Fetched, now: Instant) -> Applied {
    let mut made = Applied::default();
    for request in &fetched.requests {
        mirror.endpoints.entry(request.endpoint).or_default().add(request);
        made.changes.subjects.insert(Subject::Endpoint(request.endpoint));
    }
    made.changes.subjects.insert(Subject::Agency);
    match &fetched.outcome {
        Err(fault) => mirror.last_fault = Some((fetched.finished_at, fault.to_string())),
        Ok(rows) => {
            mirror.last_fault = None;
            mirror.last_read_at = mirror.last_read_at.max(Some(fetched.started_at));
            take_rows(mirror, fetched, rows, now, &mut made);
            stored::memory(mirror, &mut made.delta);
        }
    }
    made
}

fn take_rows(mirror: &mut Mirror, fetched: &Fetched, rows: &Rows, now: Instant, made: &mut Applied) {
    let at = fetched.started_at;
    let scope = scope_of(&fetched.read);
    let was = mirror.anomalies.since().is_some();
    let counting = mirror.anomalies.malformed(&scope, &rows.rejected, at);
    let spoils =
        |client: &ClientId| counting.iter().any(|row| row.client.as_ref().is_none_or(|spoiled| spoiled == client));
    let complete = rows.complete;
    match (&fetched.read, &rows.batch) {
        (Read::Clients(extent), Batch::Clients(list)) => {
            let full = *extent == Extent::Full && complete && counting.is_empty();
            take_clients(mirror, list, full, at, made);
        }
        (Read::Client(_), Batch::Clients(list)) => take_clients(mirror, list, false, at, made),
        (Read::Caregivers(_) | Read::Caregiver(_), Batch::Caregivers(list)) => take_caregivers(mirror, list, at, made),
        (Read::Shifts { client, span, .. }, Batch::Shifts(list)) => {
            let complete = complete && !spoils(client);
            take_shifts(mirror, client, *span, list, complete, at, now, made);
        }
        (Read::Visits { client, span, .. }, Batch::Visits(list)) => {
            let spoiled = client.as_ref().map_or_else(|| !counting.is_empty(), spoils);
            take_visits(mirror, client.as_ref(), Some(*span), list, complete && !spoiled, at, now, made);
        }
        (Read::Visit(_), Batch::Visits(list)) => take_visits(mirror, None, None, list, false, at, now, made),
        (Read::Locations, Batch::Locations(list)) => {
            for (id, name) in list {
                mirror.locations.entry(id.clone()).or_insert_with(|| (name.clone(), None));
            }
        }
        _ => {}
    }
    if let Some(section) = fetched.read.section() {
        let full = matches!(fetched.read, Read::Clients(Extent::Full) | Read::Caregivers(Extent::Full)) && complete;
        let before = mirror.sections.get(&section).copied();
        let state = SectionState {
            as_of: before.map_or(at, |before| before.as_of.max(at)),
            complete: complete && counting.is_empty(),
            full_at: if full { Some(at) } else { before.and_then(|before| before.full_at) },
        };
        mirror.sections.insert(section, state);
        made.changes.subjects.insert(Subject::Section(section));
    }
    if was != mirror.anomalies.since().is_some() {
        made.changes.subjects.insert(Subject::Agency);
    }
}

fn scope_of(read: &Read) -> String {
    match read {
        Read::Shifts { client, .. } => format!("shifts of client {client}"),
        Read::Visits { client: Some(client), .. } => format!("visits of client {client}"),
        Read::Visits { client: None, .. } => "visits".into(),
        Read::Clients(_) | Read::Client(_) => "clients".into(),
        Read::Caregivers(_) | Read::Caregiver(_) => "caregivers".into(),
        Read::Visit(id) => format!("visit {id}"),
        Read::Locations => "locations".into(),
    }
}

fn take_clients(mirror: &mut Mirror, list: &[Client], full: bool, at: Instant, made: &mut Applied) {
    let mut seen = BTreeSet::new();
    for client in list {
        seen.insert(client.id.clone());
        let record = mirror.clients.entry(client.id.clone()).or_default();
        record.n_missed = 0;
        record.read_at = record.read_at.max(Some(at));
        if record.client.as_ref() != Some(client) {
            record.client = Some(client.clone());
            made.changes.clients.insert(client.id.clone());
            made.changes.subjects.insert(Subject::Client(client.id.clone()));
            made.changes.subjects.extend(record.shifts.iter().cloned().map(Subject::Shift));
            made.delta.upserts.push(stored::client_row(client));
        }
    }
    if full {
        let missing: Vec<ClientId> = mirror
            .clients
            .iter()
            .filter(|(id, record)| record.client.is_some() && !seen.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in missing {
            let Some(record) = mirror.clients.get_mut(&id) else { continue };
            record.n_missed += 1;
            if record.n_missed >= ROSTER_MISSES && record.shifts.is_empty() {
                mirror.clients.remove(&id);
                mirror.anomalies.forget(&id);
                made.changes.clients.insert(id.clone());
                made.delta.removes.push((Some(Section::Clients), id.to_string()));
            }
        }
    }
}

fn take_caregivers(mirror: &mut Mirror, list: &[Caregiver], at: Instant, made: &mut Applied) {
    let mut changed: BTreeSet<CaregiverId> = BTreeSet::new();
    for caregiver in list {
        let same = mirror.caregivers.get(&caregiver.id).is_some_and(|record| record.caregiver == *caregiver);
        mirror.caregivers.insert(caregiver.id.clone(), CaregiverRecord { caregiver: caregiver.clone(), read_at: at });
        if !same {
            changed.insert(caregiver.id.clone());
            made.changes.subjects.insert(Subject::Caregiver(caregiver.id.clone()));
            made.delta.upserts.push(stored::caregiver_row(caregiver));
        }
    }
    if !changed.is_empty() {
        let theirs = mirror
            .shifts
            .iter()
            .filter(|(_, record)| record.shift.caregiver.as_ref().is_some_and(|id| changed.contains(id)));
        made.changes.subjects.extend(theirs.map(|(key, _)| Subject::Shift(key.clone())));
    }
}

#[expect(clippy::too_many_arguments, reason = "one read's parts, used once")]
fn take_shifts(
    mirror: &mut Mirror,
    client: &ClientId,
    span: Span,
    list: &[Shift],
    complete: bool,
    at: Instant,
    now: Instant,
    made: &mut Applied,
) {
    let seen: BTreeSet<ShiftKey> = list.iter().map(|shift| shift.key.clone()).collect();
    mirror.clients.entry(client.clone()).or_default();
    let before = live_in(mirror, client, span);
    for shift in list {
        take_shift(mirror, shift, at, made);
    }
    let n_with_shifts = n_with_shifts(mirror);
    let emptied = complete && !before.is_empty() && seen.is_empty();
    if emptied {
        mirror.anomalies.dropped(client, at);
    } else if !list.is_empty() {
        mirror.anomalies.showed(client, at);
    }
    mirror.anomalies.weigh(n_with_shifts, now);
    // A schedule that vanished as a whole is believed once somebody else's was still there to be read.
    let believed = !emptied
        || (mirror.anomalies.frozen_since.is_none()
            && mirror.anomalies.is_corroborated(client, at_first_miss(mirror, &before).unwrap_or(at)));
    if complete {
        let missing: Vec<ShiftKey> = before.into_iter().filter(|key| !seen.contains(key)).collect();
        miss(mirror, client, &missing, &seen, span, believed, at, made);
        if believed {
            let record = mirror.clients.entry(client.clone()).or_default();
            ClientRecord::note_read(&mut record.shift_reads, CompleteRead { span, at });
            record.shifts_seen_at = record.shifts_seen_at.max(Some(at));
        }
    } else {
        let record = mirror.clients.entry(client.clone()).or_default();
        if !list.is_empty() {
            record.shifts_seen_at = record.shifts_seen_at.max(Some(at));
        }
    }
    forget_old(mirror, client, now, made);
    mirror.rematch(client, made);
    touch(mirror, client, now, &mut made.changes);
    made.delta.upserts.extend(stored::reads_row(mirror, client));
}

fn take_shift(mirror: &mut Mirror, shift: &Shift, at: Instant, made: &mut Applied) {
    let key = &shift.key;
    let note = |what: &'static str, detail: String| ShiftHistory { at, shift: key.label(true), what, detail };
    let caregiver = || shift.caregiver.as_ref().map_or_else(String::new, ToString::to_string);
    match mirror.shifts.get_mut(key) {
        None => {
            let record = ShiftRecord {
                shift: shift.clone(),
                read_at: at,
                first_seen_at: at,
                caregiver_changed_at: at,
                missed: None,
                gone: None,
            };
            made.delta.upserts.push(stored::shift_row(&record));
            made.delta.history.push(note("appeared", caregiver()));
            mirror.shifts.insert(key.clone(), record);
            let shifts = &mut mirror.clients.entry(key.client.clone()).or_default().shifts;
            if let Err(place) = shifts.binary_search(key) {
                shifts.insert(place, key.clone());
            }
        }
        // An answer that was overtaken by a later one says nothing new.
        Some(record) if record.read_at > at => {}
        Some(record) => {
            let old = &record.shift;
            let changed = *old != *shift || record.missed.is_some() || record.gone.is_some();
            if old.caregiver != shift.caregiver {
                let what = match (&old.caregiver, &shift.caregiver) {
                    (_, None) => "uncovered",
                    (None, Some(_)) => "covered",
                    (Some(_), Some(_)) => "reassigned",
                };
                made.delta.history.push(note(what, caregiver()));
                record.caregiver_changed_at = at;
            }
            if !old.is_cancelled() && shift.is_cancelled() {
                made.delta.history.push(note("cancelled", String::new()));
            }
            record.shift = shift.clone();
            record.read_at = at;
            record.missed = None;
            record.gone = None;
            if changed {
                made.delta.upserts.push(stored::shift_row(record));
            }
        }
    }
    made.changes.subjects.insert(Subject::Shift(key.clone()));
}

/// The occurrences a complete read did not show.
#[expect(clippy::too_many_arguments, reason = "one read's parts, used once")]
fn miss(
    mirror: &mut Mirror,
    client: &ClientId,
    missing: &[ShiftKey],
    seen: &BTreeSet<ShiftKey>,
    span: Span,
    believed: bool,
    at: Instant,
    made: &mut Applied,
) {
    // A row with the vendor's id that newly stands elsewhere within a day, one of each: that one moved there.
    let moved_to = |key: &ShiftKey| {
        let same = |other: &&ShiftKey| other.id == key.id && other.client == key.client;
        let near = |other: &&ShiftKey| (other.start - key.start).abs() <= MOVED_WITHIN;
        let new = |other: &&ShiftKey| {
            mirror.shifts.get(*other).is_some_and(|record| record.first_seen_at >= missed_since(mirror, key, at))
        };
        let mut candidates = seen.iter().filter(same).filter(near).filter(new);
        let only = candidates.next().filter(|_| candidates.next().is_none())?;
        let rivals = missing.iter().filter(same).filter(near).count();
        (rivals <= 1 && span.contains(key.start)).then_some(only.start)
    };
    let moves: Vec<Option<Instant>> = missing.iter().map(moved_to).collect();
    for (key, moved) in missing.iter().zip(moves) {
        let Some(record) = mirror.shifts.get_mut(key) else { continue };
        if record.read_at >= at {
            continue;
        }
        let missed = match record.missed {
            None => Missed { first_at: at, last_at: at },
            Some(missed) => Missed { first_at: missed.first_at, last_at: missed.last_at.max(at) },
        };
        record.missed = Some(missed);
        if believed && missed.last_at - missed.first_at >= MISSES_APART && record.gone.is_none() {
            let (gone, what, detail) = match moved {
                Some(to) => (Gone::Moved { to }, "moved", to.to_rfc3339()),
                None => (Gone::Removed, "removed", String::new()),
            };
            record.gone = Some(gone);
            made.delta.history.push(ShiftHistory { at, shift: key.label(true), what, detail });
            mirror.anomalies.forget(client);
        }
        made.delta.upserts.push(stored::shift_row(record));
        made.changes.subjects.insert(Subject::Shift(key.clone()));
    }
}

fn missed_since(mirror: &Mirror, key: &ShiftKey, at: Instant) -> Instant {
    mirror.shifts.get(key).and_then(|record| record.missed).map_or(at, |missed| missed.first_at)
}

fn at_first_miss(mirror: &Mirror, keys: &[ShiftKey]) -> Option<Instant> {
    keys.iter().filter_map(|key| mirror.shifts.get(key)?.missed).map(|missed| missed.first_at).min()
}

/// The client's occurrences that should be in a read of `span`.
fn live_in(mirror: &Mirror, client: &ClientId, span: Span) -> Vec<ShiftKey> {
    let record = mirror.clients.get(client);
    let keys = record.into_iter().flat_map(|record| &record.shifts);
    keys.filter(|key| span.contains(key.start))
        .filter(|key| mirror.shifts.get(*key).is_some_and(|record| record.gone.is_none()))
        .cloned()
        .collect()
}

fn n_with_shifts(mirror: &Mirror) -> usize {
    mirror.clients.values().filter(|record| !record.shifts.is_empty()).count()
}

fn forget_old(mirror: &mut Mirror, client: &ClientId, now: Instant, made: &mut Applied) {
    let Some(record) = mirror.clients.get_mut(client) else { return };
    let old: Vec<ShiftKey> = record
        .shifts
        .iter()
        .filter(|key| mirror.shifts.get(*key).is_none_or(|record| record.shift.end < now - HORIZON_PAST))
        .cloned()
        .collect();
    record.shifts.retain(|key| old.binary_search(key).is_err());
    for key in old {
        made.delta.removes.push((Some(Section::Shifts), stored::shift_key(&key)));
        mirror.shifts.remove(&key);
        mirror.visits_of.remove(&key);
        made.changes.subjects.insert(Subject::Shift(key));
    }
}

#[expect(clippy::too_many_arguments, reason = "one read's parts, used once")]
fn take_visits(
    mirror: &mut Mirror,
    client: Option<&ClientId>,
    span: Option<Span>,
    list: &[Visit],
    complete: bool,
    at: Instant,
    now: Instant,
    made: &mut Applied,
) {
    let mut touched: BTreeSet<ClientId> = client.cloned().into_iter().collect();
    for visit in list {
        // A row without its client, in a read of one client, is that client's.
        let mut visit = visit.clone();
        if visit.client.is_none() {
            visit.client = client.cloned();
        }
        touched.extend(visit.client.clone());
        match mirror.visits.get_mut(&visit.id) {
            Some(record) if record.read_at > at => {}
            Some(record) => {
                record.read_at = at;
                if record.visit != visit {
                    record.visit = visit;
                    made.delta.upserts.push(stored::visit_row(record));
                    made.changes.subjects.insert(Subject::Visit(record.visit.id.clone()));
                }
            }
            None => {
                let id = visit.id.clone();
                if let Some(client) = &visit.client {
                    mirror.visits_of_client.entry(client.clone()).or_default().push(id.clone());
                }
                let record = VisitRecord { visit, read_at: at, first_seen_at: at, shift: None };
                made.delta.upserts.push(stored::visit_row(&record));
                mirror.visits.insert(id.clone(), record);
                made.changes.subjects.insert(Subject::Visit(id));
            }
        }
    }
    if let (true, Some(span)) = (complete, span) {
        let read = CompleteRead { span, at };
        match client {
            Some(client) => {
                let record = mirror.clients.entry(client.clone()).or_default();
                ClientRecord::note_read(&mut record.visit_reads, read);
            }
            None => {
                ClientRecord::note_read(&mut mirror.visit_reads, read);
                // Whoever has a shift in the span is known better now, visit or not.
                let from = ShiftKey {
                    start: span.from,
                    client: ClientId::new(""),
                    id: crate::model::ShiftRef::Vendor("".into()),
                };
                touched.extend(
                    mirror
                        .shifts
                        .range(from..)
                        .take_while(|(key, _)| key.start < span.until)
                        .map(|(key, _)| key.client.clone()),
                );
            }
        }
    }
    for client in &touched {
        archive_old(mirror, client, now, made);
        mirror.rematch(client, made);
        touch(mirror, client, now, &mut made.changes);
        made.delta.upserts.extend(stored::reads_row(mirror, client));
    }
}

fn archive_old(mirror: &mut Mirror, client: &ClientId, now: Instant, made: &mut Applied) {
    let Some(ids) = mirror.visits_of_client.get_mut(client) else { return };
    let visits = &mut mirror.visits;
    let mut old = Vec::new();
    ids.retain(|id| {
        let keep = visits.get(id).is_some_and(|record| {
            let last = record.visit.check_out.or(record.visit.check_in);
            let at = last.map(|time| match time {
                crate::model::VisitTime::Instant(at) => at,
                crate::model::VisitTime::Naive(naive) => naive.and_utc(),
            });
            record.visit.check_out.is_none() || at.is_none_or(|at| at >= now - HORIZON_PAST - TimeDelta::days(1))
        });
        if !keep {
            old.push(id.clone());
        }
        keep
    });
    for id in old {
        if let Some(record) = visits.remove(&id) {
            made.delta.archived.push(stored::visit_row(&record));
        }
        made.delta.removes.push((Some(Section::Visits), id.to_string()));
        made.changes.subjects.insert(Subject::Visit(id));
    }
}

/// Everything about this client's present is looked at again: how fresh the evidence is counts in every verdict.
fn touch(mirror: &Mirror, client: &ClientId, now: Instant, changes: &mut Changes) {
    changes.clients.insert(client.clone());
    let Some(record) = mirror.clients.get(client) else { return };
    let near = record.shifts.iter().filter(|key| now - LOOK_BACK <= key.start && key.start <= now + LOOK_AHEAD);
    changes.subjects.extend(near.cloned().map(Subject::Shift));
    for id in mirror.visits_of_client.get(client).into_iter().flatten() {
        if mirror.visits.get(id).is_some_and(|record| record.visit.check_out.is_none()) {
            changes.subjects.insert(Subject::Visit(id.clone()));
        }
    }
}
