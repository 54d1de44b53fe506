//! What is read beside the watch, as an answer: how old each section is, and the tasks of one visit or shift.
//!
//! What staff wrote about a client is shown to whoever signed in; counts and ids to everybody.

use serde::{Deserialize, Serialize};

use crate::{
    details::rows::{Activity, DetailRow, ShiftTasksBody, TaskLog},
    model::{Instant, PhiGrant},
};

/// How a section stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionReport {
    /// Whose.
    pub agency: String,
    /// Which: `clients`, `caregivers`, `shifts`, `visits`, or one that is read beside the watch.
    pub section: String,
    /// Whether the watch does without it.
    pub optional: bool,
    /// When it was read last; `null` before the first time.
    pub as_of: Option<Instant>,
    /// Why its last read failed; `null` when it did not. Of the sections that the watch needs, see the alerts.
    pub fault: Option<String>,
}

/// The tasks of one visit, or of one shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TasksReport {
    /// Whose.
    pub agency: String,
    /// The visit's id; `null` when a shift was asked for.
    pub visit: Option<String>,
    /// The shift, as alerts name it; `null` when the visit belongs to none that is known.
    pub shift: Option<String>,
    /// What was planned; `null` when it was never read.
    pub planned: Option<Planned>,
    /// What was done; `null` when it was never read, or the vendor has no log of this visit.
    pub done: Option<Done>,
}

/// What was planned for a shift.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// When it was seen to change last.
    pub as_of: Instant,
    /// How many items and tasks.
    pub n: usize,
    /// What they are; `null` for whoever did not sign in.
    pub what: Option<ShiftTasksBody>,
}

/// What was done in a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When it was read.
    pub as_of: Instant,
    /// How many entries.
    pub n: usize,
    /// How many of them say `COMPLETE`.
    pub n_complete: usize,
    /// What they say; `null` for whoever did not sign in.
    pub what: Option<Vec<TaskLog>>,
}

/// The agency's list of care activities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivitiesReport {
    /// Whose.
    pub agency: String,
    /// `ADL` or `IADL`.
    pub kind: String,
    /// When it was read; `null` before the first time.
    pub as_of: Option<Instant>,
    /// What there is; `null` when it was never read, or the vendor gives none.
    pub activities: Option<Vec<Activity>>,
}

impl Planned {
    /// As stored; `None` when nothing can be read of it.
    #[must_use]
    pub fn of(row: &DetailRow, grant: Option<PhiGrant>) -> Option<Self> {
        let body: ShiftTasksBody = row.read(grant.unwrap_or(PhiGrant::COMPARE))?;
        let n = body.items.len() + body.tasks.len();
        Some(Self { as_of: row.read_at, n, what: grant.map(|_| body) })
    }
}

impl Done {
    /// As stored; `None` when nothing can be read of it.
    #[must_use]
    pub fn of(row: &DetailRow, grant: Option<PhiGrant>) -> Option<Self> {
        let logs: Vec<TaskLog> = row.read(grant.unwrap_or(PhiGrant::COMPARE))?;
        let complete = |log: &&TaskLog| log.status.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("complete"));
        let n_complete = logs.iter().filter(complete).count();
        Some(Self { as_of: row.read_at, n: logs.len(), n_complete, what: grant.map(|_| logs) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{details::DetailSection, model::local_time::from_micros};

    #[test]
    fn counts_are_for_everybody_and_words_for_whoever_signed_in() {
        let log = |status: &str| TaskLog {
            title: "Bathing".to_owned(),
            status: Some(status.to_owned()),
            comment: "refused".to_owned(),
            ..TaskLog::default()
        };
        let logs = [log("COMPLETE"), log("complete"), log("NOT_COMPLETE")];
        let at = from_micros(1_790_000_000_000_000);
        let row = DetailRow::of(DetailSection::TaskLogs, "55".to_owned(), at, &logs);
        let counted = Done::of(&row, None).unwrap();
        assert_eq!((counted.n, counted.n_complete, counted.what), (3, 2, None));
        assert_eq!(Done::of(&row, Some(PhiGrant::SIGNED_IN_PAGE)).unwrap().what.unwrap()[2].comment, "refused");
        assert!(!format!("{row:?}").contains("refused"), "no log holds it");
        let refused = DetailRow::refused(DetailSection::TaskLogs, "55".to_owned(), at);
        assert_eq!(Done::of(&refused, None), None, "nothing is not zero");
    }
}
