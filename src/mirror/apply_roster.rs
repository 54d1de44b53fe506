//! Clients and caregivers go in.

use super::{CaregiverEntry, Mirror, SECOND_LOOK, changes::Applied, rejects::Scope, restore};
use crate::{
    model::{Caregiver, Client, ClientId, Instant, Section, ShiftKey, Subject},
    source::fetched::Rows,
};

impl Mirror {
    pub(super) fn apply_clients(
        &mut self,
        full: bool,
        batch: &[Client],
        rows: &Rows,
        as_of: Instant,
        out: &mut Applied,
    ) {
        for client in batch {
            self.see_client(client, as_of, out);
        }
        if !full {
            return;
        }
        let scope = Scope { section: Section::Clients, client: None };
        let spoilt = self.weigh_rejected(&scope, rows, as_of, out);
        self.half_roster = match self.half_roster {
            _ if rows.complete => None,
            None => Some((as_of, 1)),
            Some((since, n)) => Some((since, n.saturating_add(1))),
        };
        // A roster without a single row is no roster: nobody is dropped on it.
        if !rows.complete || spoilt.section || batch.is_empty() {
            return;
        }
        let stamps = &mut self.sections[Section::Clients as usize];
        stamps.full_at = stamps.full_at.max(Some(as_of));
        let missing: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(id, entry)| entry.seen_at.is_some_and(|at| at < as_of) && !spoilt.clients.contains(*id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in missing {
            self.miss_client(&id, as_of, out);
        }
    }

    fn see_client(&mut self, client: &Client, as_of: Instant, out: &mut Applied) {
        let entry = self.clients.entry(client.id.clone()).or_default();
        if entry.seen_at.is_some_and(|at| at > as_of) {
            return;
        }
        entry.seen_at = Some(as_of);
        let back = entry.missed_at.take().is_some() | entry.gone_at.take().is_some();
        if entry.client.as_ref() == Some(client) && !back {
            return;
        }
        if client.active == Some(false) {
            entry.inactive_at.get_or_insert(as_of);
        } else {
            entry.inactive_at = None;
        }
        let zone_changed = entry.client.as_ref().map(|old| &old.location) != Some(&client.location);
        entry.client = Some(client.clone());
        self.people_version += 1;
        out.delta.upserts.push(restore::client_row(&client.id, entry));
        self.touch_client(&client.id, out);
        if zone_changed {
            self.match_visits_of(&client.id, out);
        }
    }

    /// A client was not where it should have been; the second time it is gone from the roster. Its shifts stay.
    pub(super) fn miss_client(&mut self, id: &ClientId, as_of: Instant, out: &mut Applied) {
        let Some(entry) = self.clients.get_mut(id) else { return };
        match (entry.gone_at, entry.missed_at) {
            (None, None) => entry.missed_at = Some(as_of),
            (None, Some(at)) if as_of - at >= SECOND_LOOK => entry.gone_at = Some(as_of),
            (Some(_), _) | (None, Some(_)) => return,
        }
        out.delta.upserts.push(restore::client_row(id, entry));
        self.touch_client(id, out);
    }

    fn touch_client(&self, id: &ClientId, out: &mut Applied) {
        out.changes.change(Subject::Client(id.clone()));
        for shift in self.shifts.of_client(id) {
            out.changes.change(Subject::Shift(shift.shift.key.clone()));
        }
        for visit in self.visits.of_client(id) {
            out.changes.change(Subject::Visit(visit.visit.id.clone()));
        }
    }

    pub(super) fn apply_caregivers(
        &mut self,
        full: bool,
        batch: &[Caregiver],
        rows: &Rows,
        as_of: Instant,
        out: &mut Applied,
    ) {
        if full {
            let scope = Scope { section: Section::Caregivers, client: None };
            let spoilt = self.weigh_rejected(&scope, rows, as_of, out);
            if rows.complete && !spoilt.section {
                let stamps = &mut self.sections[Section::Caregivers as usize];
                stamps.full_at = stamps.full_at.max(Some(as_of));
            }
        }
        for caregiver in batch {
            let old = self.caregivers.get(&caregiver.id);
            if old.is_some_and(|old| old.seen_at > as_of) {
                continue;
            }
            let same = old.is_some_and(|old| old.caregiver == *caregiver);
            let entry = CaregiverEntry { caregiver: caregiver.clone(), seen_at: as_of };
            if !same {
                out.delta.upserts.push(restore::caregiver_row(&entry));
                out.changes.change(Subject::Caregiver(caregiver.id.clone()));
                let keys: Vec<ShiftKey> =
                    self.shifts.of_caregiver(&caregiver.id).map(|entry| entry.shift.key.clone()).collect();
                for key in keys {
                    out.changes.change(Subject::Shift(key));
                }
            }
            self.people_version += u64::from(!same);
            self.caregivers.insert(caregiver.id.clone(), entry);
        }
        // Caregivers who left the list stay known: the list is asked for hired ones only, and names who is gone.
    }
}
