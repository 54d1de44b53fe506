//! What every kind about shifts shares: who is out of the question, what the row rests on, what its alert tells.

use crate::{
    mirror::{
        Mirror,
        shifts::{Gone, ShiftEntry},
        visits::VisitEntry,
    },
    model::{Instant, Section, ShiftKey},
    rules::{
        finding::{Closing, Tells},
        look::{Evidence, Look, Particulars, State},
    },
    source::fetched::Read,
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

/// Why no rule applies to this shift whatever its caregiver and visits: final until its row changes.
#[must_use]
pub fn out_of_question(entry: &ShiftEntry, mirror: &Mirror) -> Option<Closing> {
    if entry.shift.is_cancelled() {
        Some(Closing::Cancelled)
    } else if mirror.is_inactive(&entry.shift.key.client) {
        Some(Closing::ClientInactive)
    } else {
        None
    }
}

/// The reading of the shift's own row.
#[must_use]
pub fn row_evidence(entry: &ShiftEntry, mirror: &Mirror) -> Evidence {
    let key = &entry.shift.key;
    Evidence {
        at: entry.missed_at.is_none().then_some(entry.seen_at),
        section: Section::Shifts,
        wants: Some(Read::Shifts {
            client: key.client.clone(),
            span: mirror.days_around(&key.client, key.start),
            confirming: false,
        }),
    }
}

/// The reading that would have shown a check-in.
#[must_use]
pub fn check_in_evidence(entry: &ShiftEntry, mirror: &Mirror) -> Evidence {
    let key = &entry.shift.key;
    Evidence { at: mirror.check_ins_read_at(entry), section: Section::Visits, wants: Some(visits_read(key, mirror)) }
}

/// The reading of a visit's own row.
#[must_use]
pub fn visit_evidence(visit: &VisitEntry, mirror: &Mirror) -> Evidence {
    Evidence {
        at: visit.missed_at.is_none().then_some(visit.seen_at),
        section: Section::Visits,
        wants: Some(match &visit.shift {
            Some(key) => visits_read(key, mirror),
            None => Read::Visit(visit.visit.id.clone()),
        }),
    }
}

fn visits_read(key: &ShiftKey, mirror: &Mirror) -> Read {
    Read::Visits {
        client: Some(key.client.clone()),
        span: mirror.days_around(&key.client, key.start),
        confirming: false,
    }
}

/// How a check-in closes an alert: its time only where the vendor's times are understood.
#[must_use]
pub fn arrived(entry: &ShiftEntry, mirror: &Mirror) -> Option<Closing> {
    if entry.visits.is_empty() {
        return None;
    }
    let at: Option<Instant> =
        mirror.visits_of(entry).filter_map(|visit| mirror.visit_instant(visit, visit.visit.check_in?)).min();
    Some(Closing::Arrived { at, late: at.is_some_and(|at| at > entry.shift.start()) })
}

/// A look whose state rests on the shift's row alone.
#[must_use]
pub fn final_look(closing: Closing) -> Look {
    Look { state: State::Good(closing.clone()), ..Look::never(closing) }
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
        subject_label: Some(("shift", key.label(mirror.shifts().is_shared(key)))),
        client: Some(key.client.clone()),
        tells,
        annotations: Vec::new(),
        past_bad_rows: mirror.past_bad_rows(section, &key.client) || mirror.past_bad_rows(Section::Shifts, &key.client),
    }
}
