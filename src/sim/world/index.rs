//! The world's rows, found by id, client or caregiver without a walk over all of them.

use std::collections::{BTreeSet, HashMap};

use super::{Appointment, Encounter};
use crate::model::Instant;

/// Rows with a unique id, in the order they came.
pub(super) struct Table<T> {
    rows: Vec<T>,
    at: HashMap<String, usize>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { rows: Vec::new(), at: HashMap::new() }
    }
}

impl<T> Table<T> {
    /// Adds or replaces; true when the id is new.
    pub(super) fn put(&mut self, id: String, row: T) -> bool {
        if let Some(known) = self.at.get(&id).and_then(|n| self.rows.get_mut(*n)) {
            *known = row;
            return false;
        }
        self.at.insert(id, self.rows.len());
        self.rows.push(row);
        true
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.at.get(id).and_then(|n| self.rows.get(*n))
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.at.get(id).and_then(|n| self.rows.get_mut(*n))
    }

    pub(super) fn all(&self) -> std::slice::Iter<'_, T> {
        self.rows.iter()
    }
}

/// A start and a row number: what the sets below sort by.
type Slot = (Instant, usize);

/// Shifts. Row numbers never change; a deleted row stays as a mark.
#[derive(Default)]
pub(super) struct Shifts {
    rows: Vec<Appointment>,
    by_id: HashMap<String, Vec<usize>>,
    by_client: HashMap<String, BTreeSet<Slot>>,
    by_caregiver: HashMap<String, BTreeSet<Slot>>,
}

impl Shifts {
    pub(super) fn push(&mut self, shift: Appointment) -> usize {
        let n = self.rows.len();
        self.by_id.entry(shift.id.clone()).or_default().push(n);
        self.by_client.entry(shift.client.clone()).or_default().insert((shift.start, n));
        if let Some(caregiver) = &shift.caregiver {
            self.by_caregiver.entry(caregiver.clone()).or_default().insert((shift.start, n));
        }
        self.rows.push(shift);
        n
    }

    pub(super) fn get(&self, n: usize) -> Option<&Appointment> {
        self.rows.get(n)
    }

    pub(super) fn all(&self) -> std::slice::Iter<'_, Appointment> {
        self.rows.iter()
    }

    /// Changes what no index is sorted by.
    pub(super) fn edit(&mut self, n: usize, edit: impl FnOnce(&mut Appointment)) {
        if let Some(shift) = self.rows.get_mut(n) {
            edit(shift);
        }
    }

    pub(super) fn assign(&mut self, n: usize, caregiver: Option<String>) {
        let Some(shift) = self.rows.get_mut(n) else { return };
        if let Some(before) = shift.caregiver.take()
            && let Some(slots) = self.by_caregiver.get_mut(&before)
        {
            slots.remove(&(shift.start, n));
        }
        if let Some(after) = &caregiver {
            self.by_caregiver.entry(after.clone()).or_default().insert((shift.start, n));
        }
        shift.caregiver = caregiver;
    }

    pub(super) fn reschedule(&mut self, n: usize, start: Instant, end: Instant) {
        let Some(shift) = self.rows.get_mut(n) else { return };
        let sets = [
            self.by_client.get_mut(&shift.client),
            shift.caregiver.as_ref().and_then(|caregiver| self.by_caregiver.get_mut(caregiver)),
        ];
        for slots in sets.into_iter().flatten() {
            slots.remove(&(shift.start, n));
            slots.insert((start, n));
        }
        shift.start = start;
        shift.end = end;
    }

    /// The occurrence that starts at `start`, or without one the occurrence nearest to `now`; deleted ones don't count.
    pub(super) fn find(&self, id: &str, start: Option<Instant>, now: Instant) -> Option<usize> {
        let live = self.by_id.get(id)?.iter().copied().filter_map(|n| {
            let shift = self.rows.get(n)?;
            (!shift.deleted).then_some((n, shift))
        });
        match start {
            Some(start) => live.into_iter().find(|(_, shift)| shift.start == start).map(|(n, _)| n),
            None => live
                .min_by_key(|(_, shift)| {
                    if shift.start <= now && now < shift.end { 0 } else { (shift.start - now).num_seconds().abs() }
                })
                .map(|(n, _)| n),
        }
    }

    pub(super) fn of_client(&self, client: &str) -> impl Iterator<Item = &Appointment> {
        self.in_set(self.by_client.get(client))
    }

    pub(super) fn of_caregiver(&self, caregiver: &str) -> impl Iterator<Item = &Appointment> {
        self.in_set(self.by_caregiver.get(caregiver))
    }

    fn in_set<'a>(&'a self, slots: Option<&'a BTreeSet<Slot>>) -> impl Iterator<Item = &'a Appointment> {
        slots.into_iter().flatten().filter_map(|(_, n)| self.rows.get(*n))
    }
}

/// Visits, in the order they were recorded.
#[derive(Default)]
pub(super) struct Visits {
    rows: Vec<Encounter>,
    at: HashMap<String, usize>,
    by_client: HashMap<String, Vec<usize>>,
}

impl Visits {
    pub(super) fn push(&mut self, visit: Encounter) -> usize {
        let n = self.rows.len();
        self.at.insert(visit.id.clone(), n);
        self.by_client.entry(visit.client.clone()).or_default().push(n);
        self.rows.push(visit);
        n
    }

    pub(super) fn get(&self, n: usize) -> Option<&Encounter> {
        self.rows.get(n)
    }

    pub(super) fn all(&self) -> std::slice::Iter<'_, Encounter> {
        self.rows.iter()
    }

    pub(super) fn edit(&mut self, n: usize, edit: impl FnOnce(&mut Encounter)) {
        if let Some(visit) = self.rows.get_mut(n) {
            edit(visit);
        }
    }

    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.at.get(id).copied()
    }

    pub(super) fn of_client(&self, client: &str) -> impl Iterator<Item = &Encounter> {
        self.by_client.get(client).into_iter().flatten().filter_map(|n| self.rows.get(*n))
    }

    /// The open visit of a shift's occurrence.
    pub(super) fn open_of(&self, shift: &Appointment) -> Option<usize> {
        self.of_shift(shift).find(|n| self.rows.get(*n).is_some_and(|visit| visit.end.is_none() && !visit.deleted))
    }

    /// Whether anybody ever checked in to a shift's occurrence.
    pub(super) fn any_of(&self, shift: &Appointment) -> bool {
        self.of_shift(shift).any(|n| self.rows.get(n).is_some_and(|visit| !visit.deleted))
    }

    fn of_shift(&self, shift: &Appointment) -> impl Iterator<Item = usize> {
        self.by_client.get(&shift.client).into_iter().flatten().copied().filter(|n| {
            self.rows.get(*n).is_some_and(|visit| {
                visit.shift.as_deref() == Some(shift.id.as_str()) && visit.shift_start == Some(shift.start)
            })
        })
    }
}
