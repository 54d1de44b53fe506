//! What is known of an agency's past: its shifts, who was on them when, and who came.
//!
//! Given: a mirror that holds the past (restored from stored rows, or filled by one reading of the vendor), and the lines
//! that were stored of what changed.
//! Gives: each shift as it first was, what became of it since, and its visits, with when each could have been seen; and
//! in words what cannot be known.
//! Does not: guess. Of what left no trace nothing is said.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use crate::{
    mirror::{Mirror, MirrorRow, row::StoredLine, settings::Settings, shifts::ShiftEntry, visits::VisitEntry},
    model::{Caregiver, CaregiverId, Client, Instant, Section, Shift, ShiftStatus, Visit, VisitTime},
};

/// An agency's past.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Its clients.
    pub clients: Vec<Client>,
    /// Its caregivers.
    pub caregivers: Vec<CaregiverId>,
    /// Those of them who do not work any more, each as they are now.
    pub gone: Vec<Caregiver>,
    /// Its shifts, by start.
    pub shifts: Vec<PastShift>,
    /// Visits that belong to no shift.
    pub loose: Vec<PastVisit>,
    /// Whether what was planned ahead, and how it changed, is known as it was then.
    pub knows_plans: bool,
    /// From here on it is known.
    pub since: Option<Instant>,
    /// Until then it is known: the last good read. `None` where it is known until it was read.
    pub until: Option<Instant>,
    /// What it cannot tell, for people.
    pub unknown: Vec<String>,
}

/// One shift and what became of it.
#[derive(Debug, Clone)]
pub struct PastShift {
    /// As it first was.
    pub shift: Shift,
    /// When it came onto the schedule, as far as that was seen; `None` = before anybody looked.
    pub entered: Option<Instant>,
    /// What changed, in order.
    pub turns: Vec<(Instant, Turn)>,
    /// Who came.
    pub visits: Vec<PastVisit>,
    /// Whoever was there before stayed on for it.
    pub carried: bool,
}

/// What can become of a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Somebody else is on it, or nobody.
    Caregiver(Option<CaregiverId>),
    /// It was cancelled.
    Cancelled,
    /// It left the schedule, or went to another time.
    Gone,
}

/// One visit.
#[derive(Debug, Clone)]
pub struct PastVisit {
    /// With its times as instants.
    pub visit: Visit,
    /// When its beginning could be seen.
    pub seen_at: Instant,
    /// When its end could be seen.
    pub closed_at: Option<Instant>,
}

/// Where a past comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// What this agent stored.
    Store,
    /// One reading of the vendor.
    Vendor,
}

/// A caregiver of whom only that there was one is known.
const SOMEBODY: &str = "somebody";

impl Past {
    /// From what was stored.
    #[must_use]
    pub fn stored(settings: &Settings, rows: Vec<MirrorRow>, lines: &[StoredLine], now: Instant) -> Self {
        let by_shift = lines.iter().fold(BTreeMap::new(), |mut all: BTreeMap<&str, Vec<&StoredLine>>, line| {
            all.entry(line.shift.as_str()).or_default().push(line);
            all
        });
        let everything = Mirror::restore(settings.clone(), rows.clone(), now);
        // What left the schedule has no visits; it would take those of what stands in its place.
        let gone: BTreeSet<String> = everything
            .shifts()
            .iter()
            .map(|entry| &entry.shift.key)
            .filter(|key| by_shift.get(key.label(true).as_str()).is_some_and(|lines| left(lines)))
            .map(MirrorRow::key_of)
            .collect();
        let stands = |row: &MirrorRow| row.section != Some(Section::Shifts) || !gone.contains(&row.key);
        let standing = rows.into_iter().filter(stands).collect();
        let standing = Mirror::restore(settings.clone(), standing, now);
        let mut past = Self::of(&everything, &standing, &by_shift, Origin::Store);
        past.knows_plans = true;
        past.since = lines.first().map(|line| line.at);
        past.until = everything.last_ok_at();
        let known: BTreeSet<String> = past.shifts.iter().map(|one| one.shift.key.label(true)).collect();
        let n_lost = by_shift.keys().filter(|label| !known.contains(**label)).count();
        if n_lost > 0 {
            past.unknown.push(format!(
                "{n_lost} shifts left only traces: how long they were to last was not recorded then, so they are left out"
            ));
        }
        past.unknown.push("what changed between two reads, or before the agent ran, was not seen".to_owned());
        past
    }

    /// From one reading of the vendor.
    #[must_use]
    pub fn read(mirror: &Mirror) -> Self {
        let mut past = Self::of(mirror, mirror, &BTreeMap::new(), Origin::Vendor);
        past.unknown.push(
            "the vendor shows each shift as it stands now: call-outs that were covered, shifts that were moved or removed, and \
             who was on them before, are not known"
                .to_owned(),
        );
        past.unknown.push("a check-in that was entered afterwards looks like one made in time".to_owned());
        past
    }

    fn of(everything: &Mirror, standing: &Mirror, lines: &BTreeMap<&str, Vec<&StoredLine>>, origin: Origin) -> Self {
        let mut past = Self {
            clients: everything.client_ids().filter_map(|id| everything.client(id)).cloned().collect(),
            caregivers: everything.caregivers().map(|caregiver| caregiver.id.clone()).collect(),
            gone: everything.caregivers().filter(|one| !works(one)).cloned().collect(),
            ..Self::default()
        };
        let mut n_unclear = 0;
        for entry in everything.shifts().iter() {
            let none = Vec::new();
            let lines = lines.get(entry.shift.key.label(true).as_str()).unwrap_or(&none);
            let (shift, entered, turns) = first_state(entry, lines);
            let stands = standing.shift(&entry.shift.key);
            let mut visits = Vec::new();
            for visit in stands.into_iter().flat_map(|entry| standing.visits_of(entry)) {
                match past_visit(visit, standing, lines, origin) {
                    Some(visit) => visits.push(visit),
                    None => n_unclear += 1,
                }
            }
            let carried = stands.is_some_and(|entry| standing.carried_into(entry).is_some());
            past.shifts.push(PastShift { shift, entered, turns, visits, carried });
        }
        for visit in standing.visits().iter().filter(|visit| visit.shift.is_none()) {
            match past_visit(visit, standing, &[], origin) {
                Some(visit) => past.loose.push(visit),
                None => n_unclear += 1,
            }
        }
        if n_unclear > 0 {
            past.unknown.push(format!(
                "{n_unclear} visits have times whose zone is not known yet (set encounter_naive_tz): they are left out"
            ));
        }
        past
    }
}

impl PastShift {
    /// Who was on it at an instant; `None` when nobody was, or it was cancelled or gone.
    #[must_use]
    pub fn caregiver_at(&self, at: Instant) -> Option<&CaregiverId> {
        let mut caregiver = self.shift.caregiver.as_ref();
        let mut stands = !self.shift.is_cancelled();
        for (_, turn) in self.turns.iter().take_while(|(when, _)| *when <= at) {
            match turn {
                Turn::Caregiver(now) => caregiver = now.as_ref(),
                Turn::Cancelled | Turn::Gone => stands = false,
            }
        }
        caregiver.filter(|_| stands)
    }

    /// When the first of those who came was there; `None` when nobody was seen to come.
    #[must_use]
    pub fn came_at(&self) -> Option<Instant> {
        let visits = self.visits.iter().filter_map(|visit| match visit.visit.check_in {
            Some(VisitTime::Instant(at)) => Some(at),
            _ => None,
        });
        visits.min().or_else(|| self.carried.then_some(self.shift.start()))
    }
}

/// Whether somebody goes to shifts, as far as the vendor says.
fn works(caregiver: &Caregiver) -> bool {
    caregiver.active != Some(false) && caregiver.hired != Some(false)
}

/// Whether the last that was seen of a shift is that it left.
fn left(lines: &[&StoredLine]) -> bool {
    let last = lines.iter().rev().find(|line| matches!(line.what.as_str(), "appeared" | "removed" | "moved"));
    last.is_some_and(|line| line.what != "appeared")
}

/// A shift as it first was, and what changed since.
fn first_state(entry: &ShiftEntry, lines: &[&StoredLine]) -> (Shift, Option<Instant>, Vec<(Instant, Turn)>) {
    let caregiver = |detail: &str| (!detail.is_empty()).then(|| CaregiverId::new(detail));
    let mut shift = entry.shift.clone();
    let entered = lines.iter().find(|line| line.what == "appeared").map(|line| line.at);
    let mut turns = Vec::new();
    let mut first_change = None;
    let mut was_cancelled = false;
    for line in lines {
        let turn = match line.what.as_str() {
            "covered" | "uncovered" | "reassigned" => {
                first_change = first_change.or(Some(line.what.as_str()));
                Turn::Caregiver(caregiver(&line.detail))
            }
            "cancelled" => {
                was_cancelled = true;
                Turn::Cancelled
            }
            "removed" | "moved" => Turn::Gone,
            _ => continue,
        };
        turns.push((line.at, turn));
    }
    let appeared = lines.iter().find(|line| line.what == "appeared");
    shift.caregiver = match (appeared, first_change) {
        (Some(line), _) => caregiver(&line.detail),
        (None, Some("covered")) => None,
        (None, Some(_)) => Some(CaregiverId::from(SOMEBODY)),
        (None, None) => shift.caregiver,
    };
    if was_cancelled {
        shift.status = ShiftStatus::Active(None);
    }
    (shift, entered, turns)
}

fn past_visit(entry: &VisitEntry, mirror: &Mirror, lines: &[&StoredLine], origin: Origin) -> Option<PastVisit> {
    let at = |time: Option<VisitTime>| time.and_then(|time| mirror.visit_instant(entry, time));
    let (check_in, check_out) = (at(entry.visit.check_in)?, at(entry.visit.check_out));
    let seen = |what: &str| {
        let line = lines.iter().find(|line| line.what == what && line.detail == entry.visit.id.as_str());
        line.map(|line| line.at)
    };
    let visit = Visit {
        check_in: Some(VisitTime::Instant(check_in)),
        check_out: check_out.map(VisitTime::Instant),
        ..entry.visit.clone()
    };
    let (seen_at, closed_at) = match origin {
        Origin::Store => (entry.first_seen_at, check_out.map(|out| seen("checked_out").unwrap_or(out))),
        Origin::Vendor => (check_in, check_out),
    };
    Some(PastVisit { visit, seen_at: seen_at.max(check_in), closed_at })
}

/// The first instant of the day `n` days before `now`.
#[must_use]
pub fn days_before(n: u32, now: Instant, zone: Tz) -> Instant {
    let day = crate::model::local_time::local_date(zone, now);
    crate::model::local_time::start_of_day(zone, day - chrono::Days::new(u64::from(n)))
}
