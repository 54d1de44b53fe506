//! One read goes in: the part every kind of read shares, and growing old.

use chrono::TimeDelta;

use super::{
    Failing, Mirror,
    changes::Applied,
    clock_step,
    rejects::{Scope, Spoilt},
    restore,
};
use crate::{
    model::{ClientId, Instant, Section, Subject},
    source::fetched::{Batch, Extent, Fetched, Read, ReadFault, Rows},
};

/// How long shifts stay in memory after their start. Design §4.
pub(super) const KEEP_PAST: TimeDelta = TimeDelta::days(8);
/// How long it is remembered why a shift went, so that an alert that closes late still has its reason.
const KEEP_GONE: TimeDelta = TimeDelta::days(2);
/// How often what is old is looked for.
const PRUNE_EVERY: TimeDelta = TimeDelta::minutes(10);

impl Mirror {
    /// Applies one read. `now` is the agent's clock; evidence is dated by the read's start.
    #[must_use]
    pub fn apply(&mut self, fetched: &Fetched, now: Instant) -> Applied {
        let mut out = Applied::default();
        let as_of = clock_step::began_at(fetched, now);
        // Of a read that was under way while the clock stepped back nobody knows when its requests left.
        if as_of == fetched.started_at {
            self.api.record(&fetched.requests, self.settings.api_span);
        }
        for request in &fetched.requests {
            out.changes.change(Subject::Endpoint(request.endpoint));
        }
        // Being blind, and every anomaly, is about the agency: each read can begin or end it.
        out.changes.change(Subject::Agency);
        match &fetched.outcome {
            Ok(rows) => {
                let section = fetched.read.section();
                let mut counts = true;
                match (&fetched.read, &rows.batch) {
                    (Read::Shifts { client, span, .. }, Batch::Shifts(batch)) => {
                        counts = self.apply_shifts(client, *span, batch, rows, as_of, &mut out);
                    }
                    (Read::Visits { client, span, .. }, Batch::Visits(batch)) => {
                        self.apply_visits(client.as_ref(), Some(*span), batch, rows, as_of, &mut out);
                    }
                    (Read::Visit(_), Batch::Visits(batch)) => {
                        self.apply_visits(None, None, batch, rows, as_of, &mut out);
                    }
                    (Read::Clients(extent), Batch::Clients(batch)) => {
                        self.apply_clients(*extent == Extent::Full, batch, rows, as_of, &mut out);
                    }
                    (Read::Client(_), Batch::Clients(batch)) => {
                        self.apply_clients(false, batch, rows, as_of, &mut out);
                    }
                    (Read::Caregivers(extent), Batch::Caregivers(batch)) => {
                        self.apply_caregivers(*extent == Extent::Full, batch, rows, as_of, &mut out);
                    }
                    (Read::Caregiver(_), Batch::Caregivers(batch)) => {
                        self.apply_caregivers(false, batch, rows, as_of, &mut out);
                    }
                    (Read::Locations, Batch::Locations(batch)) => {
                        self.location_names = batch.iter().cloned().collect();
                        self.locations_read_at = Some(as_of);
                    }
                    // A batch of another kind than was asked for proves nothing about anything.
                    _ => counts = false,
                }
                if counts {
                    self.note_success(section, rows.complete, as_of);
                    if let (Some(section), Some(client)) = (section, client_of(&fetched.read)) {
                        self.failing.remove(&(client.clone(), section));
                    }
                }
            }
            Err(fault) => self.note_fault(&fetched.read, fault, as_of, &mut out),
        }
        if self.pruned_at.is_none_or(|at| now - at >= PRUNE_EVERY) {
            self.prune(now, &mut out);
        }
        self.see_neighbours(&mut out);
        out.delta.upserts.push(restore::state_row(self));
        out
    }

    /// Weighs a read's bad rows, and touches everybody whose alerts now say something else about them.
    pub(super) fn weigh_rejected(&mut self, scope: &Scope, rows: &Rows, as_of: Instant, out: &mut Applied) -> Spoilt {
        let spoilt = self.rejects.weigh(scope, &rows.rejected, as_of);
        if spoilt.changed {
            out.delta.upserts.push(restore::rejects_row(self));
        }
        for client in &spoilt.aside_changed {
            let all = client.is_none();
            let of_client = client.as_ref().into_iter().flat_map(|client| self.shifts.of_client(client));
            for entry in of_client.chain(self.shifts.iter().filter(|_| all)) {
                out.changes.see(Subject::Shift(entry.shift.key.clone()));
            }
            let of_client = client.as_ref().into_iter().flat_map(|client| self.visits.of_client(client));
            for entry in of_client.chain(self.visits.iter().filter(|_| all)) {
                out.changes.see(Subject::Visit(entry.visit.id.clone()));
            }
        }
        spoilt
    }

    fn note_success(&mut self, section: Option<Section>, complete: bool, as_of: Instant) {
        self.last_ok_at = self.last_ok_at.max(Some(as_of));
        let Some(section) = section else { return };
        let stamps = &mut self.sections[section as usize];
        stamps.read_at = stamps.read_at.max(Some(as_of));
        if complete {
            stamps.complete_at = stamps.complete_at.max(Some(as_of));
        }
        if stamps.fault.as_ref().is_some_and(|(at, _)| *at <= as_of) {
            stamps.fault = None;
        }
    }

    fn note_fault(&mut self, read: &Read, fault: &ReadFault, as_of: Instant, out: &mut Applied) {
        if *fault == ReadFault::Gone {
            // An answer, not a failure: the vendor does not know that id.
            self.last_ok_at = self.last_ok_at.max(Some(as_of));
            match read {
                Read::Client(client) => self.miss_client(&client.clone(), as_of, out),
                Read::Visit(visit) => self.miss_visit(&visit.clone(), as_of, out),
                _ => {}
            }
            return;
        }
        let Some(section) = read.section() else { return };
        let stamps = &mut self.sections[section as usize];
        if stamps.read_at.is_none_or(|at| at <= as_of) {
            stamps.fault = Some((as_of, fault.clone()));
        }
        if let Some(client) = client_of(read) {
            let newest_ok = self.clients.get(client).and_then(|entry| entry.read_at);
            if section != Section::Shifts || newest_ok.is_none_or(|at| at <= as_of) {
                let failing = self.failing.entry((client.clone(), section)).or_insert_with(|| Failing {
                    since: as_of,
                    at: as_of,
                    n: 0,
                    fault: fault.clone(),
                });
                failing.fault = fault.clone();
                failing.at = failing.at.max(as_of);
                failing.n = failing.n.saturating_add(1);
            }
        }
    }

    /// Lets go of what is too old for memory: shifts and visits that ended more than eight days ago.
    fn prune(&mut self, now: Instant, out: &mut Applied) {
        self.pruned_at = Some(now);
        let horizon = now - KEEP_PAST;
        let old: Vec<_> = self
            .shifts
            .starting(Instant::MIN_UTC + TimeDelta::days(400), horizon)
            .filter(|entry| entry.shift.end < horizon)
            .map(|entry| entry.shift.key.clone())
            .collect();
        for key in old {
            out.delta.archived.extend(self.shifts.remove(&key).map(|entry| restore::archived_shift_row(&entry)));
            out.delta.removes.push((Some(Section::Shifts), restore::shift_key_text(&key)));
            out.changes.change(Subject::Shift(key));
        }
        let old: Vec<_> = self
            .visits
            .iter()
            .filter(|entry| match &entry.shift {
                Some(key) => self.shifts.get(key).is_none() && key.start < horizon,
                None => entry.seen_at < horizon,
            })
            .map(|entry| entry.visit.id.clone())
            .collect();
        for id in old {
            if let Some(entry) = self.visits.remove(&id) {
                out.delta.archived.push(restore::visit_row(&entry));
                out.delta.removes.push((Some(Section::Visits), id.as_str().to_owned()));
                out.changes.change(Subject::Visit(id));
            }
        }
        let forgotten: Vec<_> = self
            .gone
            .iter()
            .filter(|(key, (at, _))| now - *at > KEEP_GONE && key.start < now - KEEP_GONE)
            .map(|(key, _)| key.clone())
            .collect();
        for key in forgotten {
            self.gone.remove(&key);
            out.delta.removes.push((None, restore::gone_key_text(&key)));
        }
        for entry in self.clients.values_mut() {
            entry.shift_reads.forget(horizon);
            entry.visit_reads.forget(horizon);
        }
        self.visit_reads.forget(horizon);
        let shifts = &self.shifts;
        self.canary.forget(now, |client| shifts.n_of_client(client) > 0);
    }
}

fn client_of(read: &Read) -> Option<&ClientId> {
    match read {
        Read::Shifts { client, .. } | Read::Client(client) => Some(client),
        Read::Visits { client, .. } => client.as_ref(),
        _ => None,
    }
}
