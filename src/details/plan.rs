//! What to read next beside the watch. Pure: visits, stamps and `now` in; a list of reads out.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::{DetailSection, Sections, rows::DetailRow};
use crate::model::{Instant, VisitId};

/// A visit's log is read so long after its check-out: whoever checks out writes their notes then.
const AFTER_CHECK_OUT: TimeDelta = TimeDelta::minutes(10);
/// What failed in passing is tried again after so long.
pub const AFTER_FAILURE: TimeDelta = TimeDelta::minutes(15);

/// One read beside the watch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DetailRead {
    /// The activities of one kind (`ADL`, `IADL`).
    Activities(&'static str),
    /// The task log of a visit.
    TaskLog(VisitId),
}

/// The kinds of activities there are. Contract §3.6.
pub const ACTIVITY_KINDS: [&str; 2] = ["ADL", "IADL"];

impl DetailRead {
    /// Whose row it brings.
    #[must_use]
    pub const fn section(&self) -> DetailSection {
        match self {
            Self::Activities(_) => DetailSection::Activities,
            Self::TaskLog(_) => DetailSection::TaskLogs,
        }
    }

    /// The key of the row it brings.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Activities(kind) => (*kind).to_owned(),
            Self::TaskLog(visit) => visit.to_string(),
        }
    }
}

/// A visit as the plan needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverVisit {
    /// Which.
    pub id: VisitId,
    /// When it was first seen to be over, or its check-out where that is certain; whichever is later.
    pub over_at: Instant,
}

/// What was read, when, and what failed since.
#[derive(Debug, Clone, Default)]
pub struct DetailBook {
    read_at: HashMap<(DetailSection, String), Instant>,
    failed_at: HashMap<(DetailSection, String), Instant>,
    /// What each shift's tasks were, as a number: unchanged ones are not stored again.
    seen: HashMap<String, u64>,
    latest: HashMap<DetailSection, Instant>,
    faults: HashMap<DetailSection, String>,
}

impl DetailBook {
    /// What was stored: section, key, and when it was read.
    #[must_use]
    pub fn restore(stamps: impl IntoIterator<Item = (DetailSection, String, Instant)>) -> Self {
        let mut book = Self::default();
        for (section, key, read_at) in stamps {
            book.note_at(section, key, read_at);
        }
        book
    }

    fn note_at(&mut self, section: DetailSection, key: String, read_at: Instant) {
        let latest = self.latest.entry(section).or_insert(read_at);
        *latest = (*latest).max(read_at);
        if !matches!(section, DetailSection::ShiftTasks | DetailSection::Charges) {
            self.failed_at.remove(&(section, key.clone()));
            self.read_at.insert((section, key), read_at);
        }
    }

    /// A row came in and is stored.
    pub fn note(&mut self, row: &DetailRow) {
        self.faults.remove(&row.section);
        self.note_at(row.section, row.key.clone(), row.read_at);
    }

    /// A read failed in passing; it is tried again later.
    pub fn failed(&mut self, read: &DetailRead, at: Instant, fault: String) {
        self.faults.insert(read.section(), fault);
        self.failed_at.insert((read.section(), read.key()), at);
    }

    /// Charges were read and stored at `at`, or were not, and why.
    pub fn charged(&mut self, outcome: Result<Instant, String>) {
        match outcome {
            Ok(at) => {
                self.faults.remove(&DetailSection::Charges);
                self.note_at(DetailSection::Charges, String::new(), at);
            }
            Err(fault) => drop(self.faults.insert(DetailSection::Charges, fault)),
        }
    }

    /// Shifts were read at `at`: their tasks are as fresh as that. Gives true when the tasks of this one are others than
    /// those that are stored.
    pub fn sees(&mut self, key: &str, mark: u64, at: Instant) -> bool {
        self.note_at(DetailSection::ShiftTasks, String::new(), at);
        self.seen.insert(key.to_owned(), mark) != Some(mark)
    }

    /// What could not be stored counts as not seen.
    pub fn unsee(&mut self, key: &str) {
        self.seen.remove(key);
    }

    /// When a row of the section was read last; `None` before the first.
    #[must_use]
    pub fn as_of(&self, section: DetailSection) -> Option<Instant> {
        self.latest.get(&section).copied()
    }

    /// Why the section's last read failed, if it did.
    #[must_use]
    pub fn fault(&self, section: DetailSection) -> Option<&str> {
        self.faults.get(&section).map(String::as_str)
    }

    /// Forgets what is too old to be asked for again.
    pub fn forget(&mut self, before: Instant) {
        self.read_at.retain(|(section, _), at| *section == DetailSection::Activities || *at >= before);
        self.failed_at.retain(|_, at| *at >= before);
        if self.seen.len() > 200_000 {
            self.seen.clear();
        }
    }
}

/// What is due at `now`, the longest overdue first.
#[must_use]
pub fn due(sections: &Sections, visits: &[OverVisit], book: &DetailBook, now: Instant) -> Vec<DetailRead> {
    let mut due: Vec<(Instant, DetailRead)> = Vec::new();
    let mut offer = |at: Instant, read: DetailRead| {
        let failed_at = book.failed_at.get(&(read.section(), read.key()));
        let at = failed_at.map_or(at, |failed_at| at.max(*failed_at + AFTER_FAILURE));
        if at <= now {
            due.push((at, read));
        }
    };
    if let Some(pace) = sections.activities {
        for kind in ACTIVITY_KINDS {
            let read_at = book.read_at.get(&(DetailSection::Activities, kind.to_owned()));
            offer(read_at.map_or(Instant::MIN_UTC, |at| *at + span(pace.every)), DetailRead::Activities(kind));
        }
    }
    if let Some(pace) = sections.task_logs {
        let oldest = now - TimeDelta::days(i64::from(pace.days));
        for visit in visits.iter().filter(|visit| visit.over_at >= oldest) {
            let read_at = book.read_at.get(&(DetailSection::TaskLogs, visit.id.to_string())).copied();
            let first = visit.over_at + AFTER_CHECK_OUT;
            let last = visit.over_at + span(pace.again);
            // Read before its end, it was read too early; read since, only the late look is left.
            let at = match read_at.filter(|at| *at >= visit.over_at) {
                None => first,
                Some(read_at) if read_at < last => last,
                Some(_) => continue,
            };
            offer(at, DetailRead::TaskLog(visit.id.clone()));
        }
    }
    due.sort();
    due.into_iter().map(|(_, read)| read).collect()
}

fn span(length: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or(TimeDelta::days(36_500)).min(TimeDelta::days(36_500))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        details::{Activities, TaskLogs},
        model::local_time::from_micros,
    };

    fn at(minutes: i64) -> Instant {
        from_micros((1_790_000_000 + minutes * 60) * 1_000_000)
    }

    fn sections() -> Sections {
        Sections {
            task_logs: Some(TaskLogs { again: Duration::from_hours(12), days: 3 }),
            activities: Some(Activities { every: Duration::from_hours(24) }),
            ..Sections::default()
        }
    }

    fn visit(over_at: i64) -> OverVisit {
        OverVisit { id: VisitId::new("55000001"), over_at: at(over_at) }
    }

    fn log() -> DetailRead {
        DetailRead::TaskLog(VisitId::new("55000001"))
    }

    fn read(book: &mut DetailBook, read: &DetailRead, minutes: i64) {
        book.note(&DetailRow::of(read.section(), read.key(), at(minutes), &Vec::<u8>::new()));
    }

    fn logs_due(book: &DetailBook, minutes: i64) -> bool {
        due(&sections(), &[visit(0)], book, at(minutes)).contains(&log())
    }

    #[test]
    fn a_log_is_read_after_the_visit_once_and_once_more_late() {
        let mut book = DetailBook::default();
        assert!(!logs_due(&book, 9), "whoever checks out is still writing");
        assert!(logs_due(&book, 10));
        read(&mut book, &log(), 12);
        assert!(!logs_due(&book, 13), "read");
        assert!(!logs_due(&book, 719));
        assert!(logs_due(&book, 720), "twelve hours after the visit, for late notes");
        read(&mut book, &log(), 721);
        assert!(!logs_due(&book, 722));
        assert!(!logs_due(&book, 3 * 24 * 60 + 1), "too old to be asked for");
    }

    #[test]
    fn a_visit_that_ended_again_later_is_read_again() {
        let mut book = DetailBook::default();
        read(&mut book, &log(), 12);
        // The check-out was taken back, and came at 60.
        assert!(!due(&sections(), &[visit(60)], &book, at(69)).contains(&log()));
        assert!(due(&sections(), &[visit(60)], &book, at(70)).contains(&log()));
    }

    #[test]
    fn what_failed_waits_and_is_not_forgotten() {
        let mut book = DetailBook::default();
        book.failed(&log(), at(10), "timeout".to_owned());
        assert_eq!(book.fault(DetailSection::TaskLogs), Some("timeout"));
        assert!(!logs_due(&book, 24));
        assert!(logs_due(&book, 25));
        read(&mut book, &log(), 25);
        assert_eq!(book.fault(DetailSection::TaskLogs), None);
    }

    #[test]
    fn activities_are_read_at_their_pace_and_a_restart_remembers() {
        let mut book = DetailBook::default();
        let adl = DetailRead::Activities("ADL");
        assert_eq!(due(&sections(), &[], &book, at(0)), [adl.clone(), DetailRead::Activities("IADL")]);
        read(&mut book, &adl, 0);
        let again = DetailBook::restore([(DetailSection::Activities, "ADL".to_owned(), at(0))]);
        for book in [book, again] {
            assert_eq!(due(&sections(), &[], &book, at(24 * 60 - 1)), [DetailRead::Activities("IADL")]);
            assert!(due(&sections(), &[], &book, at(24 * 60)).contains(&adl));
            assert_eq!(book.as_of(DetailSection::Activities), Some(at(0)));
            assert_eq!(book.as_of(DetailSection::TaskLogs), None, "unknown, not new");
        }
    }

    #[test]
    fn nothing_is_due_where_nothing_is_wanted() {
        assert!(due(&Sections::default(), &[visit(0)], &DetailBook::default(), at(600)).is_empty());
    }

    #[test]
    fn only_tasks_that_changed_are_stored_again() {
        let mut book = DetailBook::default();
        assert!(book.sees("a", 1, at(0)));
        assert!(!book.sees("a", 1, at(5)));
        assert_eq!(book.as_of(DetailSection::ShiftTasks), Some(at(5)), "as fresh as the shifts");
        assert!(book.sees("a", 2, at(6)));
        book.unsee("a");
        assert!(book.sees("a", 2, at(7)), "it was not stored");
    }
}
