//! What of the past is still to be read, and how far each read that was asked for is.
//!
//! Given: days that were not wholly read, by section and client. Gives: one read after another, for when the watch leaves
//! something over; and each day once all of its reads are done.
//! Does not: send, or outlive the process: a read that was under way when the agent ended is asked for again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use chrono::{Datelike as _, Days, NaiveDate};
use chrono_tz::Tz;

use crate::{
    model::{
        ClientId, Instant,
        local_time::{local_date, start_of_day},
    },
    source::{
        fetched::{Read, ReadFault, Span},
        status::EncounterScope,
    },
    store::PastDay,
};

/// A read that fails so often is given up: what it was about stays missing.
const TRIES_MAX: u8 = 3;
/// One that could not be sent at all (a pause, a breaker) is tried so often.
const UNSENT_MAX: u8 = 60;
/// Days of one read of visits. Contract §3.1 and §8 no. 24.
const VISIT_DAYS: usize = 7;
/// So many reads that are over are remembered for whoever asks.
const OVER_KEPT: usize = 32;

/// The first day whose rows memory holds for sure; earlier ones are the archive's.
#[must_use]
pub fn memory_from(now: Instant, zone: Tz) -> NaiveDate {
    local_date(zone, now) - Days::new(6)
}

/// A day of a section that is to be read, of these clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishedDay {
    /// `shifts` or `visits`.
    pub section: &'static str,
    /// Which day.
    pub day: NaiveDate,
    /// Whose.
    pub clients: Vec<ClientId>,
}

/// One read with what it settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What is asked.
    pub read: Read,
    section: &'static str,
    days: Vec<NaiveDate>,
    clients: Vec<ClientId>,
    tries: u8,
    unsent: u8,
    job: u64,
}

/// How far a read of the past is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastJob {
    /// Its number.
    pub id: u64,
    /// The first day.
    pub from: NaiveDate,
    /// The last, included.
    pub to: NaiveDate,
    /// How many reads it takes.
    pub n_reads: usize,
    /// How many of them are done, well or not.
    pub n_done: usize,
    /// How many of them failed.
    pub n_failed: usize,
    /// Why the latest failed one did.
    pub fault: Option<String>,
    /// Days of shifts that it reads, and whose: also theirs who turned up on the way.
    shift_days: BTreeSet<NaiveDate>,
    known: BTreeSet<ClientId>,
}

#[derive(Debug, Default)]
struct DayState {
    n_left: usize,
    missing: BTreeSet<ClientId>,
}

/// The book of one agency.
#[derive(Debug, Default)]
pub struct PastBook {
    queue: VecDeque<Part>,
    in_flight: Option<Part>,
    jobs: BTreeMap<u64, PastJob>,
    days: HashMap<(&'static str, NaiveDate), DayState>,
    last_id: u64,
}

impl PastBook {
    /// Takes days on. `memory_from`: the first day that memory holds; no read goes over it.
    pub fn begin(
        &mut self,
        (from, to): (NaiveDate, NaiveDate),
        wished: Vec<WishedDay>,
        scope: EncounterScope,
        zone: Tz,
        memory_from: NaiveDate,
    ) -> PastJob {
        self.last_id += 1;
        let id = self.last_id;
        let shift_days = wished.iter().filter(|one| one.section == "shifts").map(|one| one.day).collect();
        let known = wished.iter().flat_map(|one| one.clients.iter().cloned()).collect();
        // What an earlier read found missing is looked for anew.
        let again: HashSet<_> = wished.iter().map(|one| (one.section, one.day)).collect();
        self.days.retain(|day, state| state.n_left > 0 || !again.contains(day));
        let parts = plan(wished, scope, zone, memory_from, id);
        for part in &parts {
            for day in &part.days {
                self.days.entry((part.section, *day)).or_default().n_left += 1;
            }
        }
        let job =
            PastJob { id, from, to, n_reads: parts.len(), n_done: 0, n_failed: 0, fault: None, shift_days, known };
        self.jobs.insert(id, job.clone());
        while self.jobs.len() > OVER_KEPT {
            let Some(over) = self.jobs.values().find(|job| job.n_done == job.n_reads).map(|job| job.id) else { break };
            self.jobs.remove(&over);
        }
        self.queue.extend(parts);
        job
    }

    /// How far a read is.
    #[must_use]
    pub fn job(&self, id: u64) -> Option<&PastJob> {
        self.jobs.get(&id)
    }

    /// A read of the same days that is not over.
    #[must_use]
    pub fn running(&self, from: NaiveDate, to: NaiveDate) -> Option<&PastJob> {
        self.jobs.values().find(|job| job.from == from && job.to == to && job.n_done < job.n_reads)
    }

    /// What to read next, one at a time.
    #[must_use]
    pub fn next(&self) -> Option<&Read> {
        self.in_flight.is_none().then(|| self.queue.front().map(|part| &part.read)).flatten()
    }

    /// The read is under way.
    pub fn take(&mut self) -> Option<Read> {
        if self.in_flight.is_none() {
            self.in_flight = self.queue.pop_front();
        }
        self.in_flight.as_ref().map(|part| part.read.clone())
    }

    /// The read under way was cut short by a reload.
    pub fn cut_short(&mut self) {
        self.queue.extend(self.in_flight.take());
        self.queue.rotate_right(1.min(self.queue.len()));
    }

    /// Visits that came with the read under way are of these clients. Of those whom nobody had thought of (they are no clients any
    /// more) the shifts of the same days are read, too.
    pub fn met<'a>(&mut self, clients: impl Iterator<Item = &'a ClientId>, zone: Tz, memory_from: NaiveDate) {
        let Some(id) = self.in_flight.as_ref().map(|part| part.job) else { return };
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let new: BTreeSet<ClientId> = clients.filter(|client| !job.known.contains(*client)).cloned().collect();
        if new.is_empty() || job.shift_days.is_empty() {
            return;
        }
        job.known.extend(new.iter().cloned());
        let clients: Vec<ClientId> = new.into_iter().collect();
        let wished = |day: &NaiveDate| WishedDay { section: "shifts", day: *day, clients: clients.clone() };
        let wished = job.shift_days.iter().map(wished).collect();
        let parts = plan(wished, EncounterScope::PerClient, zone, memory_from, id);
        job.n_reads += parts.len();
        for part in &parts {
            for day in &part.days {
                self.days.entry((part.section, *day)).or_default().n_left += 1;
            }
        }
        self.queue.extend(parts);
    }

    /// What came of the read under way: nothing is missing of it, or why something is. Gives the days that are settled.
    pub fn done(&mut self, outcome: Result<(), PastFault>, at: Instant) -> Vec<PastDay> {
        let Some(mut part) = self.in_flight.take() else { return Vec::new() };
        let fault = match outcome {
            Ok(()) => None,
            Err(PastFault { unsent, why }) => {
                if unsent {
                    part.unsent += 1;
                } else {
                    part.tries += 1;
                }
                if part.tries < TRIES_MAX && part.unsent < UNSENT_MAX {
                    self.queue.push_back(part);
                    return Vec::new();
                }
                Some(why)
            }
        };
        if let Some(job) = self.jobs.get_mut(&part.job) {
            job.n_done += 1;
            job.n_failed += usize::from(fault.is_some());
            job.fault = fault.clone().or(job.fault.take());
        }
        let mut settled = Vec::new();
        for day in part.days {
            let state = self.days.entry((part.section, day)).or_default();
            state.n_left = state.n_left.saturating_sub(1);
            if fault.is_some() {
                state.missing.extend(part.clients.iter().cloned());
            }
            if state.n_left == 0 {
                // It stays, should somebody of whom nobody had thought turn up later.
                let missing = state.missing.clone();
                settled.push(PastDay {
                    section: part.section.to_owned(),
                    day,
                    at,
                    missing: missing.into_iter().collect(),
                });
            }
        }
        settled
    }
}

/// Why a read of the past did not bring everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastFault {
    unsent: bool,
    why: String,
}

impl PastFault {
    /// It brought nothing.
    #[must_use]
    pub fn of(fault: &ReadFault) -> Self {
        let unsent = matches!(
            fault,
            ReadFault::Throttled { .. } | ReadFault::BreakerOpen { .. } | ReadFault::Credentials { .. }
        );
        Self { unsent, why: fault.to_string() }
    }

    /// It brought something, but not all; or it could not be kept.
    #[must_use]
    pub fn because(why: impl Into<String>) -> Self {
        Self { unsent: false, why: why.into() }
    }
}

/// The fewest reads that cover the days: visits by day for all where the vendor allows it, else by client and week; shifts by
/// client and month.
fn plan(wished: Vec<WishedDay>, scope: EncounterScope, zone: Tz, memory_from: NaiveDate, job: u64) -> Vec<Part> {
    let span = |first: NaiveDate, last: NaiveDate| Span {
        from: start_of_day(zone, first),
        until: start_of_day(zone, last + Days::new(1)),
    };
    let mut parts = Vec::new();
    let mut of_client: BTreeMap<(&'static str, ClientId), BTreeSet<NaiveDate>> = BTreeMap::new();
    for WishedDay { section, day, clients } in wished {
        if section == "visits" && scope == EncounterScope::AgencyWide {
            let read = Read::Visits { client: None, span: span(day, day), confirming: false };
            parts.push(Part { read, section, days: vec![day], clients, tries: 0, unsent: 0, job });
            continue;
        }
        for client in clients {
            of_client.entry((section, client)).or_default().insert(day);
        }
    }
    for ((section, client), days) in of_client {
        let mut run: Vec<NaiveDate> = Vec::new();
        let mut runs: Vec<Vec<NaiveDate>> = Vec::new();
        for day in days {
            let breaks = run.last().is_some_and(|last| {
                let full = if section == "visits" { run.len() >= VISIT_DAYS } else { last.month() != day.month() };
                full || last.succ_opt() != Some(day) || day == memory_from
            });
            if breaks {
                runs.push(std::mem::take(&mut run));
            }
            run.push(day);
        }
        runs.extend((!run.is_empty()).then_some(run));
        for days in runs {
            let (Some(first), Some(last)) = (days.first(), days.last()) else { continue };
            let span = span(*first, *last);
            let read = if section == "visits" {
                Read::Visits { client: Some(client.clone()), span, confirming: false }
            } else {
                Read::Shifts { client: client.clone(), span, confirming: false }
            };
            parts.push(Part { read, section, days, clients: vec![client.clone()], tries: 0, unsent: 0, job });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 10, 1).unwrap() + Days::new(u64::from(n))
    }

    fn wished(section: &'static str, n_days: u32, clients: &[&str]) -> Vec<WishedDay> {
        let clients: Vec<ClientId> = clients.iter().map(|id| ClientId::from(*id)).collect();
        (0..n_days).map(|n| WishedDay { section, day: day(n), clients: clients.clone() }).collect()
    }

    fn begin(book: &mut PastBook, wished: Vec<WishedDay>, scope: EncounterScope) -> PastJob {
        book.begin((day(0), day(40)), wished, scope, chrono_tz::America::Denver, day(35))
    }

    #[test]
    fn days_become_the_fewest_reads() {
        for (section, n_days, clients, scope, n_reads, why) in [
            ("visits", 10, &["1", "2"][..], EncounterScope::AgencyWide, 10, "a day each, for all"),
            ("visits", 10, &["1", "2"], EncounterScope::PerClient, 4, "two weeks each of two clients"),
            ("shifts", 31, &["1", "2"], EncounterScope::AgencyWide, 2, "a month each"),
            ("shifts", 34, &["1"], EncounterScope::PerClient, 2, "over the end of a month"),
            ("shifts", 38, &["1"], EncounterScope::PerClient, 3, "and none goes over the edge of memory"),
        ] {
            let mut book = PastBook::default();
            assert_eq!(begin(&mut book, wished(section, n_days, clients), scope).n_reads, n_reads, "{why}");
        }
    }

    #[test]
    fn a_day_is_settled_with_its_last_read_and_says_whose_failed() {
        let now = start_of_day(chrono_tz::UTC, day(60));
        let mut book = PastBook::default();
        let job = begin(&mut book, wished("shifts", 1, &["1", "2"]), EncounterScope::PerClient);
        assert!(book.take().is_some() && book.next().is_none(), "one at a time");
        assert_eq!(book.done(Ok(()), now), [], "the other client's read is still to come");
        for n in 1..=TRIES_MAX {
            assert!(book.take().is_some());
            let settled = book.done(Err(PastFault::because("no")), now);
            assert_eq!(settled.len(), usize::from(n == TRIES_MAX), "tried three times");
            if let [settled] = &settled[..] {
                assert_eq!(settled.missing, [ClientId::from("2")]);
            }
        }
        let job = book.job(job.id).unwrap();
        assert_eq!((job.n_done, job.n_failed, job.fault.as_deref()), (2, 1, Some("no")));
        assert_eq!(book.running(day(0), day(40)), None);
    }

    #[test]
    fn a_reload_takes_nothing_away() {
        let mut book = PastBook::default();
        begin(&mut book, wished("shifts", 1, &["1", "2"]), EncounterScope::PerClient);
        let first = book.take();
        book.cut_short();
        assert_eq!(book.take(), first, "it is asked for again, first");
    }

    #[test]
    fn who_turns_up_on_the_way_is_read_too_and_loses_nobody() {
        let now = start_of_day(chrono_tz::UTC, day(60));
        let zone = chrono_tz::America::Denver;
        let mut book = PastBook::default();
        let both = [wished("visits", 2, &["1"]), wished("shifts", 2, &["1"])].concat();
        let job = begin(&mut book, both, EncounterScope::AgencyWide);
        assert_eq!(job.n_reads, 3, "two days of visits for all, one client's shifts");
        assert!(matches!(book.take(), Some(Read::Visits { client: None, .. })));
        let came: [ClientId; 2] = ["1".into(), "9".into()];
        book.met(came.iter(), zone, day(35));
        assert_eq!(book.job(job.id).unwrap().n_reads, 4, "and the other one's shifts, of both days at once");
        assert_eq!(book.done(Ok(()), now).len(), 1);
        assert!(book.take().is_some());
        book.met(came.iter(), zone, day(35));
        book.done(Ok(()), now);
        assert_eq!(book.job(job.id).unwrap().n_reads, 4, "once is enough");
        for n in 1..=TRIES_MAX {
            assert!(matches!(book.take(), Some(Read::Shifts { client, .. }) if client == "1".into()), "{n}");
            assert_eq!(book.done(Err(PastFault::because("no")), now), [], "the other one is still to come");
            if n < TRIES_MAX {
                // The one that failed went to the end.
                let other = book.take();
                book.cut_short();
                assert!(matches!(other, Some(Read::Shifts { client, .. }) if client == "9".into()));
                book.queue.rotate_left(1);
            }
        }
        assert!(matches!(book.take(), Some(Read::Shifts { client, .. }) if client == "9".into()));
        let settled = book.done(Ok(()), now);
        assert_eq!(settled.len(), 2);
        assert!(settled.iter().all(|day| day.missing == ["1".into()]), "{settled:?}");
    }
}
