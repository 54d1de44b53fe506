//! A read of days that left memory: what it changes in the archive.
//!
//! Given: the archive's lines of the same days, and what was read. Gives: rows to put, keys that are not at the vendor any more,
//! and visits that were complete and now say otherwise. Pure.
//! Does not: touch the mirror. Nothing that is watched lies so far back.

use std::collections::{HashMap, HashSet};

use super::{
    past_line::{PastLine, PastState},
    restore,
    row::{ArchiveDelta, MirrorRow, VisitEdit},
    shifts::ShiftEntry,
    visits::VisitEntry,
};
use crate::{
    model::{Instant, VisitId},
    source::fetched::{Batch, Read, Rows, Span},
};

/// So many rows of one client may vanish in one read; more are taken for a fault of the source.
const VANISH_MAX: usize = 3;

/// What a read of the past comes to; `Err` = rows are missing that cannot all be gone, and nothing is taken for gone.
pub fn take_in(
    known: Vec<PastLine>,
    read: &Read,
    rows: &Rows,
    as_of: Instant,
) -> (ArchiveDelta, Result<(), &'static str>) {
    let mut delta = ArchiveDelta::default();
    let known: HashMap<String, PastLine> = known.into_iter().map(|line| (line.key.clone(), line)).collect();
    let mut present = HashSet::new();
    let new: Vec<MirrorRow> = match &rows.batch {
        Batch::Shifts(shifts) => shifts
            .iter()
            .map(|shift| {
                restore::archived_shift_row(&ShiftEntry {
                    shift: shift.clone(),
                    seen_at: as_of,
                    first_seen_at: as_of,
                    appeared: false,
                    missed_at: None,
                    changed_at: None,
                    visits: Vec::new(),
                })
            })
            .collect(),
        Batch::Visits(visits) => visits
            .iter()
            .map(|visit| {
                restore::visit_row(&VisitEntry {
                    visit: visit.clone(),
                    seen_at: as_of,
                    first_seen_at: as_of,
                    missed_at: None,
                    shift: None,
                    sampled: false,
                })
            })
            .collect(),
        _ => Vec::new(),
    };
    for row in new {
        if !present.insert(row.key.clone()) {
            continue;
        }
        let Some(line) = PastLine::of(&row, false) else { continue };
        if let Some(old) = known.get(&row.key) {
            if *old == line {
                continue;
            }
            if !line.is_shift() && old.ends.is_some() && (old.start, old.ends) != (line.start, line.ends) {
                delta.edits.push(VisitEdit {
                    visit: VisitId::new(row.key.as_str()),
                    at: as_of,
                    was_start: old.start,
                    was_ends: old.ends,
                    is_start: line.start.or(old.start),
                });
            }
        }
        delta.rows.push(row);
    }
    let (span, shifts) = match read {
        Read::Shifts { span, .. } => (*span, true),
        Read::Visits { span, .. } => (*span, false),
        _ => return (delta, Ok(())),
    };
    if !rows.complete || !rows.rejected.is_empty() {
        return (delta, Err("the answer was not complete"));
    }
    let inside =
        |line: &&PastLine| line.is_shift() == shifts && surely_in(line, span) && line.state == PastState::Stands;
    let gone: Vec<&PastLine> = known.values().filter(inside).filter(|line| !present.contains(&line.key)).collect();
    if present.is_empty() && gone.len() > VANISH_MAX {
        return (delta, Err("the answer held no rows where there were some; none is taken for gone"));
    }
    delta.left = gone.into_iter().map(|line| line.key.clone()).collect();
    delta.left.sort();
    (delta, Ok(()))
}

/// A time without an offset may mean another instant: such a row is in the span only where it is by any reading.
fn surely_in(line: &PastLine, span: Span) -> bool {
    let slack = chrono::TimeDelta::hours(if line.naive_start { 14 } else { 0 });
    line.start.is_some_and(|start| span.contains(start - slack) && span.contains(start + slack))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Visit, VisitTime};

    fn at(n: i64) -> Instant {
        crate::model::local_time::from_micros((1_790_000_000 + n * 60) * 1_000_000)
    }

    fn visit(id: &str, from: i64, until: Option<i64>) -> Visit {
        Visit {
            id: id.into(),
            client: Some("c1".into()),
            caregiver: Some("g1".into()),
            shift: None,
            check_in: Some(VisitTime::Instant(at(from))),
            check_out: until.map(|until| VisitTime::Instant(at(until))),
            status: None,
        }
    }

    fn rows(visits: Vec<Visit>) -> Rows {
        Rows { batch: Batch::Visits(visits), complete: true, rejected: Vec::new() }
    }

    fn read() -> Read {
        Read::Visits { client: None, span: Span { from: at(0), until: at(1_440) }, confirming: false }
    }

    fn lines(delta: &ArchiveDelta) -> Vec<PastLine> {
        delta.rows.iter().filter_map(|row| PastLine::of(row, false)).collect()
    }

    #[test]
    fn a_second_read_says_what_changed_and_what_is_gone() {
        let first = vec![visit("a", 10, Some(70)), visit("b", 100, None), visit("c", 200, Some(260))];
        let (stored, told) = take_in(Vec::new(), &read(), &rows(first.clone()), at(2_000));
        assert_eq!((stored.rows.len(), stored.edits.len(), told), (3, 0, Ok(())), "all new, nothing edited");
        let known = lines(&stored);
        assert_eq!(take_in(known.clone(), &read(), &rows(first), at(2_100)), (ArchiveDelta::default(), Ok(())));
        let second = vec![visit("a", 10, Some(75)), visit("b", 100, Some(160))];
        let (delta, told) = take_in(known.clone(), &read(), &rows(second), at(2_200));
        assert_eq!(told, Ok(()));
        assert_eq!(delta.left, ["c"]);
        let edited: Vec<_> = delta.edits.iter().map(|edit| (edit.visit.as_str(), edit.was_ends)).collect();
        assert_eq!(edited, [("a", Some(at(70)))], "b was open: closing it is no edit");
        let partly = Rows { complete: false, ..rows(Vec::new()) };
        let (delta, told) = take_in(known, &read(), &partly, at(2_300));
        assert!(delta.left.is_empty() && told.is_err(), "an incomplete read takes nothing for gone");
    }

    #[test]
    fn an_answer_without_rows_is_not_believed_where_there_were_many() {
        let many: Vec<Visit> = (0..5).map(|n| visit(&format!("v{n}"), n, Some(n + 60))).collect();
        let known = lines(&take_in(Vec::new(), &read(), &rows(many), at(2_000)).0);
        let (delta, told) = take_in(known, &read(), &rows(Vec::new()), at(2_100));
        assert!(delta.left.is_empty() && told.is_err());
    }
}
