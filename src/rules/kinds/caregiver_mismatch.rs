//! `caregiver_mismatch`: the visit is to this shift, and somebody else made it than was planned.
//!
//! The shift's row must have been read since, or shortly before: the substitute may have been entered meanwhile. A shift
//! that nobody was on is no mismatch.

use super::{LISTED, shift::row_evidence, visit};
use crate::{
    mirror::{Mirror, visits::VisitEntry},
    model::{Section, VisitId},
    rules::{
        exception::Exception,
        finding::{Closing, Tells, Window},
        look::{Look, Particulars, State},
    },
};

/// The window of a visit.
#[must_use]
pub fn look(id: &VisitId, mirror: &Mirror) -> Look {
    let Some(entry) = mirror.visit(id) else { return Look::never(Closing::Removed) };
    let Some(shift) = entry.shift.as_ref().and_then(|key| mirror.shift(key)) else {
        return Look::never(Closing::Recovered);
    };
    if shift.shift.is_cancelled() {
        return Look::never(Closing::Cancelled);
    }
    let differs = shift.shift.caregiver.as_ref().zip(entry.visit.caregiver.as_ref()).is_some_and(|(a, b)| a != b);
    let Some(check_in) = entry.visit.check_in.filter(|_| differs) else { return Look::never(Closing::Recovered) };
    let Some(at) = mirror.visit_instant(entry, check_in) else { return Look::unsettled(Section::Visits) };
    let row = row_evidence(shift);
    Look {
        window: Some(Window { opens_at: at, closes_at: Some(at.max(shift.shift.end) + LISTED) }),
        state: State::Bad,
        evidence_at: row.at,
        evidence: [Some(row), None],
        edge: None,
    }
}

/// What its alert tells: with who was planned.
#[must_use]
pub fn particulars(entry: &VisitEntry, mirror: &Mirror) -> Particulars {
    let mut particulars = visit::particulars(entry, mirror, Tells::Exception(Exception::CaregiverMismatch));
    let planned =
        entry.shift.as_ref().and_then(|key| mirror.shift(key)).and_then(|shift| shift.shift.caregiver.clone());
    if let Some(planned) = planned {
        particulars.annotations.push(("planned_caregiver".to_owned(), planned.to_string()));
    }
    particulars
}
