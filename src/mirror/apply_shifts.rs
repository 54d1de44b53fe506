//! One client's shifts go in: rows are evidence, missing rows are evidence only in complete reads, and only two of
//! them remove a shift.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::{
    Mirror, SECOND_LOOK,
    canary::{Vouched, Word},
    changes::Applied,
    rejects::Scope,
    restore,
    row::ShiftHistory,
    shifts::{Gone, ShiftEntry},
    visits::match_shift,
};
use crate::{
    model::{ClientId, Instant, Section, Shift, ShiftKey, ShiftRef, Subject},
    source::fetched::{Read, Rows, Span},
};

/// How far an occurrence can move and still be the same one. Contract §4.3.
const MOVE_REACH: TimeDelta = TimeDelta::hours(24);
/// How long ago a shift may have ended for its vanishing to deserve a second look at once.
const LOOK_AGAIN_PAST: TimeDelta = TimeDelta::hours(1);
/// How far ahead a shift may start for its vanishing to deserve a second look at once: the widest shipped band.
const LOOK_AGAIN_AHEAD: TimeDelta = TimeDelta::hours(73);

/// How many other clients are asked about when one has lost everything, and whose shifts they may be.
const VOUCHERS: usize = 2;
const VOUCHER_PAST: TimeDelta = TimeDelta::hours(12);
const VOUCHER_AHEAD: TimeDelta = TimeDelta::days(31);

impl Mirror {
    /// Applies one read of one client's shifts. False when the read must not count as evidence (see [`super::canary`]).
    pub(super) fn apply_shifts(
        &mut self,
        client: &ClientId,
        span: Span,
        batch: &[Shift],
        rows: &Rows,
        as_of: Instant,
        out: &mut Applied,
    ) -> bool {
        let scope = Scope { section: Section::Shifts, client: Some(client.clone()) };
        let spoilt = self.weigh_rejected(&scope, rows, as_of, out);
        let complete = rows.complete && !spoilt.section && spoilt.clients.is_empty();
        if batch.is_empty() && rows.rejected.is_empty() && complete {
            let held = self.shifts.of_client(client).any(|entry| span.contains(entry.shift.start()));
            if held {
                let word = self.canary.zero(client, as_of, self.shifts.counts());
                if word == Word::Suspect {
                    self.canary.keep(client, span, as_of);
                    self.forget_zero_misses(out);
                    self.want_vouchers(client, as_of, out);
                    return false;
                }
            } else if self.shifts.is_empty() {
                self.canary.empty_start(client);
            }
        } else if !batch.is_empty() {
            let recovered = self.canary.rows(client, as_of);
            if recovered || self.canary.frozen_since().is_some() {
                self.canary.weigh(as_of, self.shifts.counts());
            }
        }

        let mut keys_changed = false;
        let mut present: BTreeSet<ShiftKey> = BTreeSet::new();
        for shift in batch {
            // A row twice in one read is one shift: the first counts.
            if shift.key.client == *client && present.insert(shift.key.clone()) {
                keys_changed |= self.see_shift(shift, as_of, out);
            }
        }
        if complete {
            keys_changed |= self.miss_shifts(client, span, &present, as_of, out);
            let entry = self.clients.entry(client.clone()).or_default();
            entry.shift_reads.note(span, as_of);
        }
        let entry = self.clients.entry(client.clone()).or_default();
        entry.read_at = entry.read_at.max(Some(as_of));
        out.delta.upserts.push(restore::reads_row(client, entry));
        out.changes.clients.insert(client.clone());
        if keys_changed {
            self.match_visits_of(client, out);
        }
        if !batch.is_empty() {
            for Vouched { client, span, as_of } in self.canary.vouch(client, as_of) {
                if self.miss_shifts(&client, span, &BTreeSet::new(), as_of, out) {
                    self.match_visits_of(&client, out);
                    self.see_odd_visits(&client, out);
                }
            }
        }
        self.see_odd_visits(client, out);
        true
    }

    /// What is said of a visit that fits no shift, or another's shift, rests on the reading of the schedule.
    fn see_odd_visits(&self, client: &ClientId, out: &mut Applied) {
        for visit in self.visits.of_client(client) {
            let shift = visit.shift.as_ref().and_then(|key| self.shifts.get(key));
            if shift.is_none_or(|shift| shift.shift.caregiver != visit.visit.caregiver) {
                out.changes.see(Subject::Visit(visit.visit.id.clone()));
            }
        }
    }

    /// Asks for the schedules of others, whose rows would show that the source answers: of whoever's are next.
    fn want_vouchers(&self, client: &ClientId, as_of: Instant, out: &mut Applied) {
        let mut asked: Vec<&ClientId> = Vec::with_capacity(VOUCHERS);
        for entry in self.shifts.starting(as_of - VOUCHER_PAST, as_of + VOUCHER_AHEAD) {
            let other = &entry.shift.key.client;
            if other == client || asked.contains(&other) || self.canary.is_zeroed(other) {
                continue;
            }
            let span = self.days_around(other, entry.shift.start());
            out.reads_wanted.insert(Read::Shifts { client: other.clone(), span, confirming: false });
            asked.push(other);
            if asked.len() == VOUCHERS {
                return;
            }
        }
    }

    /// One row. True when it is a shift that was not there.
    fn see_shift(&mut self, shift: &Shift, as_of: Instant, out: &mut Applied) -> bool {
        let key = &shift.key;
        let subject = Subject::Shift(key.clone());
        if self.gone.get(key).is_some_and(|(at, _)| *at >= as_of) {
            return false; // An older read that came late.
        }
        let Some(old) = self.shifts.get(key) else {
            let covered = self.clients.get(&key.client).and_then(|entry| entry.shift_reads.covering(key.start));
            let entry = ShiftEntry {
                shift: shift.clone(),
                seen_at: as_of,
                first_seen_at: as_of,
                appeared: covered.is_some(),
                missed_at: None,
                changed_at: None,
                visits: Vec::new(),
            };
            out.delta.upserts.push(restore::shift_row(&entry));
            history(out, as_of, key, "appeared", shift.caregiver.as_ref().map(ToString::to_string).unwrap_or_default());
            self.shifts.put(entry);
            self.touch_sharers(key, out);
            if self.gone.remove(key).is_some() {
                out.delta.removes.push((None, restore::gone_key_text(key)));
            }
            out.changes.change(subject);
            return true;
        };
        if old.seen_at > as_of {
            return false;
        }
        let mut entry = old.clone();
        entry.seen_at = as_of;
        let came_back = entry.missed_at.take().is_some();
        let same = entry.shift.caregiver == shift.caregiver
            && entry.shift.status == shift.status
            && entry.shift.end == shift.end;
        if same {
            if came_back {
                out.delta.upserts.push(restore::shift_row(&entry));
                self.shifts.put(entry);
            } else if let Some(old) = self.shifts.get_mut(key) {
                old.seen_at = as_of;
            }
            out.changes.see(subject);
            return false;
        }
        if entry.shift.caregiver != shift.caregiver {
            entry.changed_at_mut().caregiver = as_of;
            // Their week is another without it, and nothing else would say so.
            out.changes.changed.extend(entry.shift.caregiver.clone().map(Subject::Caregiver));
            let what = match (&entry.shift.caregiver, &shift.caregiver) {
                (_, None) => "uncovered",
                (None, Some(_)) => "covered",
                (Some(_), Some(_)) => "reassigned",
            };
            history(out, as_of, key, what, shift.caregiver.as_ref().map(ToString::to_string).unwrap_or_default());
        }
        if entry.shift.status != shift.status {
            entry.changed_at_mut().status = as_of;
            if shift.is_cancelled() {
                history(out, as_of, key, "cancelled", String::new());
            }
        }
        let end_changed = entry.shift.end != shift.end;
        if end_changed {
            entry.changed_at_mut().end = as_of;
        }
        let caregiver_changed = entry.shift.caregiver != shift.caregiver;
        entry.shift = shift.clone();
        out.delta.upserts.push(restore::shift_row(&entry));
        for visit in &entry.visits {
            out.changes.change(Subject::Visit(visit.clone()));
        }
        self.shifts.put(entry);
        out.changes.change(subject);
        // A visit without a reference finds its shift by caregiver and overlap: either may be different now.
        end_changed || caregiver_changed
    }

    /// Rows that a complete read lacks. True when a shift went.
    fn miss_shifts(
        &mut self,
        client: &ClientId,
        span: Span,
        present: &BTreeSet<ShiftKey>,
        as_of: Instant,
        out: &mut Applied,
    ) -> bool {
        let scope = Scope { section: Section::Shifts, client: Some(client.clone()) };
        let missing: Vec<(ShiftKey, Option<Instant>, Instant)> = self
            .shifts
            .of_client(client)
            .filter(|entry| !self.rejects.may_hide(&scope, &entry.shift.key.id.to_string()))
            .filter(|entry| span.contains(entry.shift.start()) && !present.contains(&entry.shift.key))
            .filter(|entry| entry.seen_at < as_of)
            .map(|entry| (entry.shift.key.clone(), entry.missed_at, entry.shift.end))
            .collect();
        let mut removed = Vec::new();
        for (key, missed_at, end) in missing {
            if missed_at.is_none_or(|at| as_of - at < SECOND_LOOK)
                && end > as_of - LOOK_AGAIN_PAST
                && key.start < as_of + LOOK_AGAIN_AHEAD
            {
                out.reads_wanted.insert(Read::Shifts { client: client.clone(), span, confirming: false });
            }
            match missed_at {
                Some(at) if as_of - at >= SECOND_LOOK => removed.push((key, at)),
                // The second look came too soon to count as one.
                Some(_) => {}
                None => {
                    if let Some(entry) = self.shifts.get_mut(&key) {
                        entry.missed_at = Some(as_of);
                        out.delta.upserts.push(restore::shift_row(entry));
                    }
                    out.changes.change(Subject::Shift(key));
                }
            }
        }
        let gone = self.why_gone(&removed);
        let any = !removed.is_empty();
        for (key, _) in removed {
            let why = gone.get(&key).cloned().unwrap_or(Gone::Removed);
            let Some(entry) = self.shifts.remove(&key) else { continue };
            out.changes.changed.extend(entry.shift.caregiver.clone().map(Subject::Caregiver));
            let archived = restore::archived_shift_row(&entry);
            out.delta.left.push(archived.key.clone());
            out.delta.archived.push(archived);
            out.delta.removes.push((Some(Section::Shifts), restore::shift_key_text(&key)));
            out.delta.upserts.push(restore::gone_row(&key, as_of, &why));
            let (what, detail) = match &why {
                Gone::Moved(to) => ("moved", to.to_rfc3339()),
                Gone::Removed | Gone::Cancelled => ("removed", String::new()),
            };
            history(out, as_of, &key, what, detail);
            for visit in entry.visits {
                out.changes.change(Subject::Visit(visit.clone()));
                if let Some(visit) = self.visits.get_mut(&visit) {
                    visit.shift = None;
                }
            }
            self.touch_sharers(&key, out);
            self.gone.insert(key.clone(), (as_of, why));
            out.changes.change(Subject::Shift(key));
        }
        any
    }

    /// Another client's shift with this id and start: its label names the client only while both are there.
    fn touch_sharers(&self, key: &ShiftKey, out: &mut Applied) {
        let ShiftRef::Vendor(id) = &key.id else { return };
        for other in self.shifts.of_id(id).filter(|other| other.shift.start() == key.start) {
            if other.shift.key != *key {
                out.changes.change(Subject::Shift(other.shift.key.clone()));
            }
        }
    }

    /// Tells moved from removed: same id and client, exactly one vanished and one new within ±24 h, the new start
    /// inside a read that was complete before it appeared.
    fn why_gone(&self, removed: &[(ShiftKey, Instant)]) -> BTreeMap<ShiftKey, Gone> {
        let mut why = BTreeMap::new();
        for (key, missed_at) in removed {
            if self.shifts.get(key).is_some_and(|entry| entry.shift.is_cancelled()) {
                why.insert(key.clone(), Gone::Cancelled);
                continue;
            }
            let ShiftRef::Vendor(id) = &key.id else { continue };
            let near = |start: Instant| (start - key.start).abs() <= MOVE_REACH;
            let n_vanished = removed.iter().filter(|(other, _)| other.id == key.id && near(other.start)).count();
            let mut new = self.shifts.of_id(id).filter(|entry| {
                entry.shift.key.client == key.client
                    && entry.shift.key != *key
                    && entry.appeared
                    && entry.first_seen_at >= *missed_at
                    && near(entry.shift.start())
            });
            if let (1, Some(entry), None) = (n_vanished, new.next(), new.next()) {
                why.insert(key.clone(), Gone::Moved(entry.shift.start()));
            }
        }
        why
    }

    /// Misses that rest on empty reads which do not count after all.
    fn forget_zero_misses(&mut self, out: &mut Applied) {
        if self.canary.frozen_since().is_none() {
            return;
        }
        let clients: Vec<ClientId> = self.canary.zeroed().cloned().collect();
        for client in clients {
            let missed: Vec<ShiftKey> = self
                .shifts
                .of_client(&client)
                .filter(|entry| entry.missed_at.is_some())
                .map(|entry| entry.shift.key.clone())
                .collect();
            for key in missed {
                if let Some(entry) = self.shifts.get_mut(&key) {
                    entry.missed_at = None;
                    out.delta.upserts.push(restore::shift_row(entry));
                    out.changes.change(Subject::Shift(key));
                }
            }
        }
    }

    /// Finds every visit of a client its shift again.
    pub(super) fn match_visits_of(&mut self, client: &ClientId, out: &mut Applied) {
        let ids: Vec<_> = self.visits.of_client(client).map(|entry| entry.visit.id.clone()).collect();
        for id in ids {
            self.match_visit(&id, out);
        }
    }

    /// Finds one visit its shift again.
    pub(super) fn match_visit(&mut self, id: &crate::model::VisitId, out: &mut Applied) {
        let Some(entry) = self.visits.get(id) else { return };
        let zone = entry.visit.client.as_ref().map_or(self.settings.timezone, |client| self.zone_of(client));
        let found = match_shift(&entry.visit, &self.shifts, &self.clock, zone);
        if found == entry.shift {
            return;
        }
        let old = entry.shift.clone();
        if let Some(shift) = old.as_ref().and_then(|key| self.shifts.get_mut(key)) {
            shift.visits.retain(|visit| visit != id);
        }
        if let Some(shift) = found.as_ref().and_then(|key| self.shifts.get_mut(key))
            && let Err(place) = shift.visits.binary_search(id)
        {
            shift.visits.reserve_exact(1);
            shift.visits.insert(place, id.clone());
        }
        for key in [old, found.clone()].into_iter().flatten() {
            out.changes.change(Subject::Shift(key));
        }
        out.changes.change(Subject::Visit(id.clone()));
        if let Some(entry) = self.visits.get_mut(id) {
            entry.shift = found;
        }
    }
}

pub(super) fn history(out: &mut Applied, at: Instant, key: &ShiftKey, what: &'static str, detail: String) {
    out.delta.history.push(ShiftHistory { at, shift: key.label(true), what, detail });
}
