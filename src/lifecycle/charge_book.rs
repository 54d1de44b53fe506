//! Whose charges are still to be read, and how far each read that was asked for is.
//!
//! Given: weeks of clients, for somebody who waits or for the night. Gives: one read after another, whoever waits first.
//! Does not: send, or outlive the process: what was asked for is asked for again, and the night looks at what is stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;

use crate::{model::ClientId, source::fetched::ReadFault};

/// A read that fails so often is given up: what it was about stays unread.
const TRIES_MAX: u8 = 3;
/// One that could not be sent at all (a pause, a breaker) is tried so often.
const UNSENT_MAX: u8 = 30;
/// So many asked reads that are over are remembered for whoever asks.
const OVER_KEPT: usize = 32;

/// One client's week.
pub type Week = (NaiveDate, ClientId);

/// How far a read that somebody asked for is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeJob {
    /// The first day.
    pub from: NaiveDate,
    /// The last, included.
    pub to: NaiveDate,
    /// Whether it is known what is to be read: not before the visits of these days are.
    pub planned: bool,
    /// How many weeks of clients it takes.
    pub n_reads: usize,
    /// How many are done, well or not.
    pub n_done: usize,
    /// How many of them failed.
    pub n_failed: usize,
    /// Why the latest failed one did.
    pub fault: Option<String>,
}

impl ChargeJob {
    /// Whether all of it was read, or given up.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.planned && self.n_done >= self.n_reads
    }
}

#[derive(Debug)]
struct Part {
    week: Week,
    jobs: BTreeSet<u64>,
    tries: u8,
    unsent: u8,
}

/// What came of a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// All of it.
    Whole,
    /// Not all, or it could not be kept.
    Short(String),
    /// Nothing.
    Nothing(ReadFault),
}

/// The book of one agency.
#[derive(Debug, Default)]
pub struct ChargeBook {
    queue: VecDeque<Part>,
    jobs: BTreeMap<u64, ChargeJob>,
}

impl ChargeBook {
    /// Somebody wants the charges of these days; `id` is that of the read of the past that goes before.
    pub fn ask(&mut self, id: u64, from: NaiveDate, to: NaiveDate) {
        let job = ChargeJob { from, to, planned: false, n_reads: 0, n_done: 0, n_failed: 0, fault: None };
        self.jobs.insert(id, job);
        while self.jobs.len() > OVER_KEPT {
            let Some(over) = self.jobs.iter().find(|(_, job)| job.is_over()).map(|(id, _)| *id) else { break };
            self.jobs.remove(&over);
        }
    }

    /// How far such a read is.
    #[must_use]
    pub fn job(&self, id: u64) -> Option<&ChargeJob> {
        self.jobs.get(&id)
    }

    /// The number of one for the same days that is not over.
    #[must_use]
    pub fn running(&self, from: NaiveDate, to: NaiveDate) -> Option<u64> {
        let same = |job: &ChargeJob| job.from == from && job.to == to && !job.is_over();
        self.jobs.iter().find(|(_, job)| same(job)).map(|(id, _)| *id)
    }

    /// Those of which it is not known yet what is to be read.
    #[must_use]
    pub fn unplanned(&self) -> Vec<(u64, NaiveDate, NaiveDate)> {
        self.jobs.iter().filter(|(_, job)| !job.planned).map(|(id, job)| (*id, job.from, job.to)).collect()
    }

    /// What is to be read for somebody who waits: before the night's.
    pub fn plan(&mut self, id: u64, weeks: Vec<Week>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.planned = true;
        job.n_reads = weeks.len();
        let mut first = Vec::new();
        for week in weeks {
            let place = self.queue.iter().position(|part| part.week == week);
            let known = place.and_then(|place| self.queue.remove(place));
            let mut part = known.unwrap_or(Part { week, jobs: BTreeSet::new(), tries: 0, unsent: 0 });
            part.jobs.insert(id);
            first.push(part);
        }
        let after = self.queue.iter().take_while(|part| !part.jobs.is_empty()).count();
        let later = self.queue.split_off(after);
        self.queue.extend(first);
        self.queue.extend(later);
    }

    /// What the night is to read; what waits already does once.
    pub fn plan_night(&mut self, weeks: Vec<Week>) {
        let waiting: BTreeSet<Week> = self.queue.iter().map(|part| part.week.clone()).collect();
        let new = weeks.into_iter().filter(|week| !waiting.contains(week));
        self.queue.extend(new.map(|week| Part { week, jobs: BTreeSet::new(), tries: 0, unsent: 0 }));
    }

    /// What to read next. It stays first until [`Self::done`] says what came of it: a reload between costs nothing.
    #[must_use]
    pub fn next(&self) -> Option<Week> {
        self.queue.front().map(|part| part.week.clone())
    }

    /// What came of the read of `week`.
    pub fn done(&mut self, week: &Week, came: Came) {
        let Some(place) = self.queue.iter().position(|part| part.week == *week) else { return };
        let Some(mut part) = self.queue.remove(place) else { return };
        let fault = match came {
            Came::Whole => None,
            Came::Short(why) => {
                part.tries += 1;
                Some(why)
            }
            Came::Nothing(fault) => {
                match fault {
                    ReadFault::Throttled { .. } | ReadFault::BreakerOpen { .. } | ReadFault::Credentials { .. } => {
                        part.unsent += 1;
                    }
                    _ => part.tries += 1,
                }
                Some(fault.to_string())
            }
        };
        if fault.is_some() && part.tries < TRIES_MAX && part.unsent < UNSENT_MAX {
            self.queue.push_back(part);
            return;
        }
        for job in &part.jobs {
            let Some(job) = self.jobs.get_mut(job) else { continue };
            job.n_done += 1;
            job.n_failed += usize::from(fault.is_some());
            job.fault = fault.clone().or(job.fault.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(client: &str) -> Week {
        ("2026-11-19".parse().unwrap(), client.into())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn whoever_waits_goes_before_the_night_and_nothing_is_read_twice() {
        let mut book = ChargeBook::default();
        book.plan_night(vec![week("1"), week("2"), week("3")]);
        book.ask(7, day("2026-11-20"), day("2026-11-21"));
        assert_eq!(book.unplanned().len(), 1);
        book.plan(7, vec![week("3"), week("4")]);
        book.plan_night(vec![week("1"), week("4")]);
        let mut read = Vec::new();
        while let Some(next) = book.next() {
            assert_eq!(book.next(), Some(next.clone()), "asking for it takes nothing away");
            book.done(&next, Came::Whole);
            read.push(next.1.to_string());
        }
        assert_eq!(read, ["3", "4", "1", "2"]);
        let job = book.job(7).unwrap();
        assert!(job.is_over() && (job.n_reads, job.n_done, job.n_failed) == (2, 2, 0), "{job:?}");
        assert_eq!(book.running(day("2026-11-20"), day("2026-11-21")), None);
    }

    #[test]
    fn what_fails_is_tried_again_and_given_up_by_name() {
        let mut book = ChargeBook::default();
        book.ask(7, day("2026-11-20"), day("2026-11-21"));
        assert_eq!(book.running(day("2026-11-20"), day("2026-11-21")), Some(7), "not over before it is planned");
        book.plan(7, vec![week("1"), week("2")]);
        book.done(&week("1"), Came::Short("the answer was not complete".into()));
        assert_eq!(book.next(), Some(week("2")), "the others first");
        book.done(&week("2"), Came::Whole);
        for _ in 1..TRIES_MAX {
            book.done(&week("1"), Came::Short("the answer was not complete".into()));
        }
        let job = book.job(7).unwrap();
        assert_eq!((job.is_over(), job.n_failed, job.fault.as_deref()), (true, 1, Some("the answer was not complete")));
    }
}
