//! Visits go in, of one client or of all.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    Mirror, SECOND_LOOK, apply_shifts::history, changes::Applied, rejects::Scope, restore, row::VisitEdit,
    visits::VisitEntry,
};
use crate::{
    model::{ClientId, Instant, Section, Subject, Visit, VisitId},
    source::fetched::{Rows, Span},
};

impl Mirror {
    /// Applies a read of visits; `span` is `None` for one visit by id, which proves nothing about others.
    pub(super) fn apply_visits(
        &mut self,
        client: Option<&ClientId>,
        span: Option<Span>,
        batch: &[Visit],
        rows: &Rows,
        as_of: Instant,
        out: &mut Applied,
    ) {
        let mut spoilt_section = false;
        let mut spoilt_clients = BTreeSet::new();
        if span.is_some() {
            let scope = Scope { section: Section::Visits, client: client.cloned() };
            let spoilt = self.weigh_rejected(&scope, rows, as_of, out);
            spoilt_section = spoilt.section;
            spoilt_clients = spoilt.clients;
        }
        let settled_before = self.clock.settled();
        let mut present = BTreeSet::new();
        for visit in batch {
            if present.insert(visit.id.clone()) {
                self.see_visit(visit, as_of, out);
            }
        }
        if self.clock.settled() != settled_before {
            self.match_all_visits(out);
        }
        let Some(span) = span else { return };
        if !rows.complete || spoilt_section {
            return;
        }
        self.miss_visits(client, span, &present, &spoilt_clients, as_of, out);
        match client {
            Some(client) if spoilt_clients.is_empty() => {
                let entry = self.clients.entry(client.clone()).or_default();
                entry.visit_reads.note(span, as_of);
                out.delta.upserts.push(restore::reads_row(client, entry));
            }
            Some(_) => {}
            None => {
                for spoilt in spoilt_clients {
                    let entry = self.clients.entry(spoilt.clone()).or_default();
                    entry.visit_reads.absorb(&self.visit_reads, entry.visits_spoilt_at);
                    entry.visits_spoilt_at = entry.visits_spoilt_at.max(Some(as_of));
                    out.delta.upserts.push(restore::reads_row(&spoilt, entry));
                }
                self.visit_reads.note(span, as_of);
                // Whoever's own visits could not be read before was read along with everybody.
                self.failing.retain(|(_, section), failing| *section != Section::Visits || failing.at > as_of);
            }
        }
        // Newer evidence for every shift that has begun; of all clients only for those that still run, because the
        // check-in windows of the others are closed.
        let seen: Vec<_> = match client {
            Some(client) => self
                .shifts
                .of_client(client)
                .filter(|entry| entry.shift.start() <= as_of)
                .map(|entry| entry.shift.key.clone())
                .collect(),
            None => {
                self.shifts.running(as_of, as_of + TimeDelta::seconds(1)).map(|entry| entry.shift.key.clone()).collect()
            }
        };
        for key in seen {
            out.changes.see(Subject::Shift(key));
        }
    }

    fn see_visit(&mut self, visit: &Visit, as_of: Instant, out: &mut Applied) {
        let id = &visit.id;
        let old = self.visits.get(id);
        if old.is_some_and(|old| old.seen_at > as_of) {
            return;
        }
        let same = old.is_some_and(|old| old.visit == *visit && old.missed_at.is_none());
        let mut entry = old.cloned().unwrap_or_else(|| VisitEntry {
            visit: visit.clone(),
            seen_at: as_of,
            first_seen_at: as_of,
            missed_at: None,
            shift: None,
            sampled: false,
        });
        if same {
            let shift = entry.shift.clone();
            if let Some(old) = self.visits.get_mut(id) {
                old.seen_at = as_of;
            }
            // An open visit is evidence that nobody checked out; a closed one can prove nothing new.
            if visit.check_out.is_none() {
                out.changes.see(Subject::Visit(id.clone()));
                if let Some(key) = shift {
                    out.changes.see(Subject::Shift(key));
                }
            }
            return;
        }
        let was_new = self.visits.get(id).is_none();
        let closed_now = visit.check_out.is_some() && (was_new || entry.visit.check_out.is_none());
        // The old shift loses it before a changed client or reference finds another.
        if entry.visit.client != visit.client
            && let Some(key) = entry.shift.take()
            && let Some(shift) = self.shifts.get_mut(&key)
        {
            shift.visits.retain(|other| other != id);
            out.changes.change(Subject::Shift(key));
        }
        if !was_new {
            out.delta.edits.extend(VisitEdit::between(&entry.visit, visit, as_of));
        }
        entry.visit = visit.clone();
        entry.seen_at = as_of;
        entry.missed_at = None;
        self.visits.put(entry);
        self.match_visit(id, out);
        self.sample_visit(id);
        let Some(entry) = self.visits.get(id) else { return };
        out.delta.upserts.push(restore::visit_row(entry));
        out.changes.change(Subject::Visit(id.clone()));
        if let Some(key) = &entry.shift {
            out.changes.change(Subject::Shift(key.clone()));
            if was_new {
                history(out, as_of, key, "checked_in", id.to_string());
            }
            if closed_now {
                history(out, as_of, key, "checked_out", id.to_string());
            }
        }
    }

    /// Counts a visit that refers to its shift towards the meaning of naive times, once.
    pub(super) fn sample_visit(&mut self, id: &VisitId) {
        let Some(entry) = self.visits.get(id) else { return };
        if entry.sampled || entry.visit.shift.is_none() {
            return;
        }
        let (Some(key), Some(check_in)) = (&entry.shift, entry.visit.check_in) else { return };
        let (planned, zone) = (key.start, self.zone_of(&key.client));
        self.clock.sample(check_in, planned, zone);
        if let Some(entry) = self.visits.get_mut(id) {
            entry.sampled = true;
        }
    }

    /// The meaning of naive times changed: every match may be another, and texts may say times.
    fn match_all_visits(&mut self, out: &mut Applied) {
        let ids: Vec<VisitId> = self.visits.iter().map(|entry| entry.visit.id.clone()).collect();
        for id in ids {
            self.match_visit(&id, out);
            if let Some(key) = self.visits.get(&id).and_then(|entry| entry.shift.clone()) {
                out.changes.change(Subject::Shift(key));
            }
            out.changes.change(Subject::Visit(id));
        }
    }

    fn miss_visits(
        &mut self,
        client: Option<&ClientId>,
        span: Span,
        present: &BTreeSet<VisitId>,
        spoilt: &BTreeSet<ClientId>,
        as_of: Instant,
        out: &mut Applied,
    ) {
        let inside = |entry: &&VisitEntry| {
            let zone = entry.visit.client.as_ref().map_or(self.settings.timezone, |client| self.zone_of(client));
            !present.contains(&entry.visit.id)
                && entry.seen_at < as_of
                && entry.visit.client.as_ref().is_none_or(|client| !spoilt.contains(client))
                && entry
                    .visit
                    .check_in
                    .is_some_and(|time| self.clock.guesses(time, zone).iter().all(|at| span.contains(*at)))
        };
        let missing: Vec<VisitId> = match client {
            Some(client) => self.visits.of_client(client).filter(inside).map(|entry| entry.visit.id.clone()).collect(),
            None => self.visits.iter().filter(inside).map(|entry| entry.visit.id.clone()).collect(),
        };
        for id in missing {
            self.miss_visit(&id, as_of, out);
        }
    }

    /// A visit was not where it should have been; the second time, it goes.
    pub(super) fn miss_visit(&mut self, id: &VisitId, as_of: Instant, out: &mut Applied) {
        let Some(entry) = self.visits.get_mut(id) else { return };
        let shift = entry.shift.clone();
        match entry.missed_at {
            None => {
                entry.missed_at = Some(as_of);
                out.delta.upserts.push(restore::visit_row(entry));
            }
            Some(at) if as_of - at >= SECOND_LOOK => {
                self.visits.remove(id);
                out.delta.removes.push((Some(Section::Visits), id.as_str().to_owned()));
                if let Some(shift) = shift.as_ref().and_then(|key| self.shifts.get_mut(key)) {
                    shift.visits.retain(|other| other != id);
                }
            }
            Some(_) => return,
        }
        out.changes.change(Subject::Visit(id.clone()));
        if let Some(key) = shift {
            out.changes.change(Subject::Shift(key));
        }
    }
}
