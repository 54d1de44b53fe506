//! `runaway_visit {after, longest}`: a visit open far too long, `after` past the planned end or `longest` in all.
//!
//! The second needs the check-in's time: while the vendor's times are not understood only the first counts. So it does
//! where as long a shift was planned.

use std::time::Duration;

use super::{delta, shift::visit_evidence};
use crate::{
    mirror::Mirror,
    model::VisitId,
    rules::{
        finding::{Closing, Window},
        look::{Look, State},
    },
};

/// The window of an open visit.
#[must_use]
pub fn look(after: Duration, longest: Duration, id: &VisitId, mirror: &Mirror) -> Look {
    let Some(entry) = mirror.visit(id) else { return Look::never(Closing::Removed) };
    if let Some(check_out) = entry.visit.check_out {
        return Look::never(Closing::CheckedOut { at: mirror.visit_instant(entry, check_out) });
    }
    let shift = entry.shift.as_ref().and_then(|key| mirror.shift(key));
    if shift.is_some_and(|shift| shift.shift.is_cancelled()) {
        return Look::never(Closing::Cancelled);
    }
    let stays_until = shift.map(|shift| mirror.stays_until(shift));
    let past_end = stays_until.map(|end| end + delta(after));
    let planned = shift.zip(stays_until).map(|(shift, end)| end - shift.shift.start());
    let in_all = entry
        .visit
        .check_in
        .filter(|_| planned.is_none_or(|planned| planned < delta(longest)))
        .and_then(|at| mirror.visit_instant(entry, at))
        .map(|at| at + delta(longest));
    let opens_at = match (past_end, in_all) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let Some(opens_at) = opens_at else { return Look::never(Closing::Recovered) };
    let evidence = visit_evidence(entry);
    Look {
        window: Some(Window { opens_at, closes_at: None }),
        state: State::Bad,
        evidence_at: evidence.at,
        evidence: [Some(evidence), None],
        edge: None,
    }
}
