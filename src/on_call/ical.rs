//! The text of an iCalendar file becomes a [`Calendar`]: who is on call from when to when.
//!
//! Given: the text, the roster whose people it may name, the schedule's zone, an instant.
//! Gives: every occurrence from five weeks before that instant to four hundred days after it, recurring events spread
//! out, with those whom its title or else its attendees name; and how much of it made no sense. A text that is no
//! calendar, or ends in its middle, is refused as a whole.
//! Does not: fetch anything, or keep a title: what stands in an event that names nobody is never repeated.
//!
//! Recurring events are spread out on the wall clock of their zone, and end at their time of day: a night from 17:00 to
//! 08:00 is that on both sides of a clock change, an hour longer or shorter in the night itself. All-day and zoneless
//! times are read in the schedule's zone.

mod event;
mod naming;
mod recurrence;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use calcard::{
    Entry, Parser,
    icalendar::{ICalendarComponent, ICalendarComponentType},
};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

use self::{
    event::{Event, Except},
    naming::Naming,
    recurrence::Budget,
    zone::Zones,
};
use super::{Calendar, Roster, calendar::CalendarEvent};
use crate::model::{Instant, PersonName};

/// How far back a calendar is spread out: the board shows what was.
const BACK: TimeDelta = TimeDelta::days(35);
/// How far ahead.
const AHEAD: TimeDelta = TimeDelta::days(400);
/// A calendar with more occurrences in that time is not about who is on call.
const OCCURRENCES_MAX: usize = 20_000;

/// Why a text is not taken for a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarFault {
    /// A sign-in page, an error in JSON, nothing at all.
    #[error("what came is no calendar")]
    NotOne,
    /// It does not end as calendars end: the rest was lost on its way.
    #[error("the calendar breaks off in its middle")]
    CutShort,
}

/// What a calendar is read by.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Whom it may name.
    pub roster: &'a Roster,
    /// The schedule's zone.
    pub zone: Tz,
    /// Around when it is spread out, and when it was fetched.
    pub now: Instant,
    /// So old a copy is not to be trusted any more.
    pub stale_after: TimeDelta,
}

/// Reads a calendar.
///
/// # Errors
/// See [`CalendarFault`]; whoever has an earlier copy keeps it.
pub fn read(text: &str, given: &Given<'_>) -> Result<Calendar, CalendarFault> {
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut calendars = Vec::new();
    let mut parser = Parser::new(text);
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                let is_one = |one: &ICalendarComponent| one.component_type == ICalendarComponentType::VCalendar;
                if calendar.components.first().is_some_and(is_one) {
                    calendars.push(calendar);
                }
            }
            Entry::UnterminatedComponent(_) => return Err(CalendarFault::CutShort),
            Entry::Eof | Entry::TooManyComponents => break,
            _ => {}
        }
    }
    if calendars.is_empty() {
        return Err(CalendarFault::NotOne);
    }
    if !last.eq_ignore_ascii_case("END:VCALENDAR") {
        return Err(CalendarFault::CutShort);
    }
    let naming = Naming::of(given.roster);
    let mut spread = Spread {
        from: given.now.checked_sub_signed(BACK).unwrap_or(given.now),
        until: given.now.checked_add_signed(AHEAD).unwrap_or(given.now),
        events: Vec::new(),
        nameless: BTreeSet::new(),
        n_unread: 0,
        budget: Budget::of_one_calendar(),
    };
    for calendar in &calendars {
        let zones = Zones::of(calendar, given.zone, spread.until, &mut spread.budget);
        let mut by_uid: BTreeMap<String, Vec<Event<'_>>> = BTreeMap::new();
        for (n, component) in calendar.components.iter().enumerate() {
            if component.component_type != ICalendarComponentType::VEvent {
                continue;
            }
            match Event::read(component, &zones, &naming) {
                // Without a UID it is an event of its own.
                Some(event) => by_uid
                    .entry(event.uid.map_or_else(|| format!("#{n}"), |uid| format!("={uid}")))
                    .or_default()
                    .push(event),
                None => spread.n_unread += 1,
            }
        }
        for events in by_uid.into_values() {
            spread.of_one_uid(events);
        }
    }
    let Spread { mut events, nameless, n_unread, .. } = spread;
    events.sort_unstable();
    events.dedup();
    let nameless = nameless.into_iter().collect();
    Ok(Calendar { fetched_at: given.now, stale_after: given.stale_after, events, nameless, n_unread })
}

/// Occurrences being collected.
struct Spread {
    from: Instant,
    until: Instant,
    events: Vec<CalendarEvent>,
    nameless: BTreeSet<Instant>,
    n_unread: usize,
    budget: Budget,
}

/// What an event says of one occurrence.
#[derive(Clone)]
struct Says<'e> {
    shifted: TimeDelta,
    length: TimeDelta,
    people: &'e [PersonName],
}

impl Spread {
    /// The events that share a UID: recurring ones, and what was said anew of single occurrences.
    fn of_one_uid(&mut self, events: Vec<Event<'_>>) {
        let (mut anew, mut whole): (Vec<Event<'_>>, Vec<Event<'_>>) =
            events.into_iter().partition(|event| event.instead_of.is_some());
        // An older version of the same event, left in by a careless export, is not meant.
        if let Some(latest) = whole.iter().map(|event| event.sequence).max() {
            whole.retain(|event| event.sequence == latest);
        }
        anew.sort_by_key(|event| event.sequence);
        // The latest version of each.
        let said_anew: BTreeMap<Instant, &Event<'_>> =
            anew.iter().filter_map(|event| Some((event.instead_of?, event))).collect();
        // What holds from an occurrence on holds however long ago that was.
        let said_on = said_anew.iter().find(|(_, event)| event.and_later).map(|(at, _)| *at);
        let mut met: BTreeSet<Instant> = BTreeSet::new();
        for event in &whole {
            if event.is_cancelled {
                met.extend(anew.iter().filter_map(|event| event.instead_of));
                continue;
            }
            let Some(starts) = event.starts(self.until, said_on, &mut self.budget) else {
                self.n_unread += 1;
                continue;
            };
            let except = Excepted::of(&event.except);
            let mut says = Says { shifted: TimeDelta::zero(), length: event.length, people: &event.people };
            for (start, own_length) in starts {
                let at = event.zone.instant_of(start);
                if except.holds(at, start) {
                    continue;
                }
                let Some(anew) = said_anew.get(&at).copied() else {
                    self.add(event, start + says.shifted, own_length.unwrap_or(says.length), says.people);
                    continue;
                };
                met.insert(at);
                if anew.and_later && anew.is_cancelled {
                    // Called off from here on.
                    break;
                }
                if anew.and_later {
                    let shifted = event.zone.local_of(anew.zone.instant_of(anew.start)) - start;
                    says = Says { shifted, length: anew.length, people: &anew.people };
                }
                if !anew.is_cancelled {
                    self.add(anew, anew.start, anew.length, &anew.people);
                }
            }
        }
        // What is said of an occurrence that no rule brings forth stands for itself.
        for anew in anew.iter().filter(|anew| anew.instead_of.is_none_or(|at| !met.contains(&at)) && !anew.is_cancelled)
        {
            self.add(anew, anew.start, anew.length, &anew.people);
        }
    }

    fn add(&mut self, event: &Event<'_>, start: NaiveDateTime, length: TimeDelta, people: &[PersonName]) {
        let Some(end) = start.checked_add_signed(length) else { return };
        let (from, until) = (event.zone.instant_of(start), event.zone.instant_of(end));
        if until <= from || until <= self.from || from >= self.until {
            return;
        }
        if self.events.len() + self.nameless.len() >= OCCURRENCES_MAX {
            self.n_unread += 1;
        } else if people.is_empty() {
            self.nameless.insert(from);
        } else {
            self.events.push(CalendarEvent { from, until, people: people.to_vec() });
        }
    }
}

/// An event's exceptions, to be looked up: a file may hold very many.
struct Excepted {
    at: BTreeSet<Instant>,
    days: BTreeSet<NaiveDate>,
}

impl Excepted {
    fn of(all: &[Except]) -> Self {
        let (mut at, mut days) = (BTreeSet::new(), BTreeSet::new());
        for except in all {
            match except {
                Except::At(instant) => drop(at.insert(*instant)),
                Except::Day(day) => drop(days.insert(*day)),
            }
        }
        Self { at, days }
    }

    fn holds(&self, at: Instant, start: NaiveDateTime) -> bool {
        self.at.contains(&at) || self.days.contains(&start.date())
    }
}

#[cfg(test)]
mod tests;
