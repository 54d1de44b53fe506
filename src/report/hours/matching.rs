//! Which shift each visit belongs to, as the mirror decides it (`mirror::visits::match_shift`): the occurrence it refers to whose
//! start is nearest within ±12 h, of the same client; else the overlapping shift of its client and caregiver; else none.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::rows::{PlannedRow, VisitRow};
use crate::model::{ClientId, Instant, ShiftId};

/// How far from the planned start a visit that refers to a shift may begin.
const REFERENCE_REACH: TimeDelta = TimeDelta::hours(12);
/// How long an open visit without a reference is taken to last when it is laid over shifts.
const OPEN_LASTS: TimeDelta = TimeDelta::hours(12);

/// Shifts, by client and by id.
pub struct Places<'a> {
    shifts: &'a [PlannedRow],
    by_client: HashMap<&'a ClientId, std::ops::Range<usize>>,
    by_id: HashMap<&'a ShiftId, Vec<usize>>,
    longest: TimeDelta,
}

impl<'a> Places<'a> {
    /// Over shifts sorted by client, then start.
    #[must_use]
    pub fn of(shifts: &'a [PlannedRow]) -> Self {
        let mut by_client: HashMap<&ClientId, std::ops::Range<usize>> = HashMap::new();
        let mut by_id: HashMap<&ShiftId, Vec<usize>> = HashMap::with_capacity(shifts.len());
        let mut longest = TimeDelta::zero();
        for (index, shift) in shifts.iter().enumerate() {
            by_client.entry(&shift.client).or_insert(index..index).end = index + 1;
            if let Some(id) = &shift.id {
                by_id.entry(id).or_default().push(index);
            }
            longest = longest.max(shift.end - shift.start);
        }
        Self { shifts, by_client, by_id, longest }
    }

    /// The places of the shifts of this id that may be meant: a client's that begin near, for a recurring one has as many as the
    /// period has days.
    fn named(&self, id: &ShiftId, client: Option<&ClientId>, guesses: [Instant; 2]) -> &[usize] {
        let Some(all) = self.by_id.get(id) else { return &[] };
        let Some(client) = client else { return all };
        let first = guesses[0].min(guesses[1]) - REFERENCE_REACH;
        let last = guesses[0].max(guesses[1]) + REFERENCE_REACH;
        // Sorted by client, then start, as the shifts are.
        let from = all.partition_point(|index| self.key(*index) < (client, first));
        let until = all.partition_point(|index| self.key(*index) <= (client, last));
        all.get(from..until).unwrap_or_default()
    }

    fn key(&self, index: usize) -> (&ClientId, Instant) {
        let shift = &self.shifts[index];
        (&shift.client, shift.start)
    }

    /// The place of the shift that a visit belongs to.
    #[must_use]
    pub fn of_visit(&self, visit: &VisitRow) -> Option<usize> {
        let check_in = visit.check_in?;
        let guesses = [check_in, visit.unsettled.unwrap_or(check_in)];
        let away = |start: Instant| guesses.iter().map(|at| (*at - start).abs()).min().unwrap_or(TimeDelta::MAX);
        if let Some(id) = &visit.shift {
            let nearest = self
                .named(id, visit.client.as_ref(), guesses)
                .iter()
                .map(|index| (away(self.shifts[*index].start), *index))
                .filter(|(_, index)| visit.client.as_ref().is_none_or(|client| *client == self.shifts[*index].client))
                .filter(|(distance, _)| *distance <= REFERENCE_REACH)
                .min_by_key(|(distance, index)| (*distance, self.shifts[*index].start, *index));
            if let Some((_, index)) = nearest {
                return Some(index);
            }
        }
        let caregiver = visit.caregiver.as_ref()?;
        let range = self.by_client.get(visit.client.as_ref()?)?.clone();
        let lasts = visit.check_out.map_or(OPEN_LASTS, |out| out - check_in);
        let spans = guesses.map(|from| (from, from + lasts));
        let earliest = guesses.iter().min().copied()? - self.longest;
        let latest = guesses.iter().max().copied()? + lasts;
        let of_client = &self.shifts[range.clone()];
        let first = range.start + of_client.partition_point(|shift| shift.start < earliest);
        self.shifts[first..range.end]
            .iter()
            .enumerate()
            .take_while(|(_, shift)| shift.start <= latest)
            .filter(|(_, shift)| shift.caregiver.as_ref() == Some(caregiver) && !shift.cancelled)
            .filter(|(_, shift)| spans.iter().any(|(from, until)| *from < shift.end && shift.start < *until))
            .min_by_key(|(place, shift)| (away(shift.start), shift.start, *place))
            .map(|(place, _)| first + place)
    }
}
