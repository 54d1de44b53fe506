//! What every kind about shifts shares: who is out of the question, what the row rests on, what its alert tells.

use std::cell::OnceCell;

use crate::{
    mirror::{
        Mirror,
        shifts::{Gone, ShiftEntry},
        visits::VisitEntry,
    },
    model::{Instant, Section, ShiftKey},
    rules::{
        finding::{Closing, Tells},
        look::{Evidence, Look, Particulars, Wants},
    },
};

/// A shift that is not in the mirror: why an open alert on it closes, if that is known.
#[must_use]
pub fn absent(key: &ShiftKey, mirror: &Mirror) -> Look {
    match mirror.gone(key) {
        Some((_, Gone::Moved(to))) => Look::never(Closing::Moved { to: *to }),
        Some((_, Gone::Cancelled)) => Look::never(Closing::Cancelled),
        Some((_, Gone::Removed)) => Look::never(Closing::Removed),
        // Not removed and not there: it grew too old for memory, so its window ended by the clock.
        None => Look::never(Closing::Expired),
    }
}

/// One shift as every kind about shifts sees it; what more than one of them asks is worked out once.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The shift.
    pub entry: &'a ShiftEntry,
    /// Where it stands.
    pub mirror: &'a Mirror,
    /// Why no rule applies to it whatever its caregiver and visits: final until its row changes.
    pub out_of_question: Option<Closing>,
    check_ins_read_at: OnceCell<Option<Instant>>,
    arrived: OnceCell<Option<Closing>>,
}

impl<'a> Scene<'a> {
    /// Of this shift.
    #[must_use]
    pub fn of(entry: &'a ShiftEntry, mirror: &'a Mirror) -> Self {
        let out_of_question = if entry.shift.is_cancelled() {
            Some(Closing::Cancelled)
        } else if mirror.is_inactive(&entry.shift.key.client) {
            Some(Closing::ClientInactive)
        } else {
            None
        };
        Self { entry, mirror, out_of_question, check_ins_read_at: OnceCell::new(), arrived: OnceCell::new() }
    }

    /// The reading that would have shown a check-in.
    #[must_use]
    pub fn check_in_evidence(&self) -> Evidence {
        let at = *self.check_ins_read_at.get_or_init(|| self.mirror.check_ins_read_at(self.entry));
        Evidence { at, section: Section::Visits, wants: Wants::Visits }
    }

    /// How a check-in closes an alert: its time only where the vendor's times are understood.
    #[must_use]
    pub fn arrived(&self) -> Option<Closing> {
        self.arrived.get_or_init(|| self.look_who_came()).clone()
    }

    fn look_who_came(&self) -> Option<Closing> {
        let mirror = self.mirror;
        if self.entry.visits.is_empty() {
            // Whoever stayed on from the shift before is there, and was when this one began.
            return mirror.carried_into(self.entry).map(|_| Closing::Arrived { at: None, late: false });
        }
        let at: Option<Instant> =
            mirror.visits_of(self.entry).filter_map(|visit| mirror.visit_instant(visit, visit.visit.check_in?)).min();
        Some(Closing::Arrived { at, late: at.is_some_and(|at| at > self.entry.shift.start()) })
    }
}

/// The reading of the shift's own row.
#[must_use]
pub fn row_evidence(entry: &ShiftEntry) -> Evidence {
    Evidence { at: entry.missed_at.is_none().then_some(entry.seen_at), section: Section::Shifts, wants: Wants::Row }
}

/// The reading of a visit's own row.
#[must_use]
pub fn visit_evidence(visit: &VisitEntry) -> Evidence {
    Evidence { at: visit.missed_at.is_none().then_some(visit.seen_at), section: Section::Visits, wants: Wants::Visit }
}

/// What an alert about a shift tells.
#[must_use]
pub fn particulars(entry: &ShiftEntry, mirror: &Mirror, tells: Tells, deadline: Option<Instant>) -> Particulars {
    let key = &entry.shift.key;
    let section = match tells {
        Tells::Uncovered => Section::Shifts,
        _ => Section::Visits,
    };
    Particulars {
        deadline,
        starts_at: Some(key.start),
        ends_at: Some(entry.shift.end),
        location: mirror.location_of(&key.client),
        subject_labels: vec![("shift", key.label(mirror.shifts().is_shared(key)))],
        client: Some(key.client.clone()),
        caregiver: entry.shift.caregiver.clone(),
        lost_at: matches!(tells, Tells::Uncovered).then(|| entry.changed().caregiver),
        tells,
        annotations: Vec::new(),
        past_bad_rows: mirror.past_bad_rows(section, &key.client) || mirror.past_bad_rows(Section::Shifts, &key.client),
    }
}
