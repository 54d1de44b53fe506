//! The zones that a calendar's times are in.
//!
//! A zone that the catalogue knows by its name (also by Windows' names, and behind the prefixes of other programs) is
//! taken from there, whatever the file says of it. One that only the file defines is taken as the file has it. A name
//! that neither knows means the schedule's zone.

use std::{collections::HashMap, str::FromStr};

use calcard::{
    common::{PartialDateTime, timezone::Tz as Wire},
    icalendar::{ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarValue},
};
use chrono::{FixedOffset, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;

use super::recurrence::{Budget, Reach, occurrences};
use crate::model::{Instant, local_time};

/// One zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Zone {
    /// From the catalogue.
    Named(Tz),
    /// Always so far from UTC.
    Fixed(FixedOffset),
    /// As a file defines it, its changes in order; at least one.
    Defined(Vec<Change>),
}

/// The clock goes from one offset to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    /// What the clock shows when it changes, before it does.
    local: NaiveDateTime,
    /// Seconds east of UTC before it.
    from: i64,
    /// And after it.
    to: i64,
}

/// The zones of one file.
pub(super) struct Zones {
    defined: HashMap<String, Zone>,
    default: Tz,
}

impl Zone {
    /// The instant its wall clock shows `local`: of two the first, and of none the one without the jump.
    pub(super) fn instant_of(&self, local: NaiveDateTime) -> Instant {
        match self {
            Self::Named(zone) => local_time::instant_of(*zone, local),
            Self::Fixed(offset) => (local - *offset).and_utc(),
            Self::Defined(changes) => {
                // In the hour that never comes the clock is taken as if it had not jumped yet.
                let is_past = |change: &&Change| {
                    let jump = TimeDelta::seconds((change.to - change.from).max(0));
                    change.local + jump <= local
                };
                (local - TimeDelta::seconds(offset_after(changes, is_past))).and_utc()
            }
        }
    }

    /// What its wall clock shows at an instant.
    pub(super) fn local_of(&self, at: Instant) -> NaiveDateTime {
        match self {
            Self::Named(zone) => at.with_timezone(zone).naive_local(),
            Self::Fixed(offset) => at.with_timezone(offset).naive_local(),
            Self::Defined(changes) => {
                let utc = at.naive_utc();
                let is_past = |change: &&Change| change.local - TimeDelta::seconds(change.from) <= utc;
                utc + TimeDelta::seconds(offset_after(changes, is_past))
            }
        }
    }
}

/// The offset after the last change that is past; before all of them the first one's.
fn offset_after(changes: &[Change], is_past: impl Fn(&&Change) -> bool) -> i64 {
    let last = changes.iter().take_while(|change| is_past(change)).last();
    last.map(|change| change.to).or_else(|| changes.first().map(|change| change.from)).unwrap_or(0)
}

impl Zones {
    /// Those that a file defines, up to an instant; `default` where it says none.
    pub(super) fn of(calendar: &ICalendar, default: Tz, until: Instant, budget: &mut Budget) -> Self {
        let mut defined = HashMap::new();
        for component in calendar.timezones() {
            let name = component.entries.iter().find(|entry| entry.name == ICalendarProperty::Tzid);
            let Some(ICalendarValue::Text(name)) = name.and_then(|entry| entry.values.first()) else { continue };
            // Beside its name a file may say which of the catalogue is meant.
            let zone = match component.timezone() {
                Some((_, known)) => of_catalogue(known),
                None => changes_of(calendar, component, until, budget).map(Zone::Defined),
            };
            defined.extend(zone.map(|zone| (name.clone(), zone)));
        }
        Self { defined, default }
    }

    fn named(&self, name: Option<&str>) -> Zone {
        let Some(name) = name else { return Zone::Named(self.default) };
        let known = Wire::from_str(name).ok().and_then(of_catalogue);
        known.or_else(|| self.defined.get(name).cloned()).unwrap_or(Zone::Named(self.default))
    }

    /// A value on the wall clock of its zone; `None` when there is no such day. A day alone is its first instant.
    pub(super) fn local(&self, value: &PartialDateTime, name: Option<&str>) -> Option<(NaiveDateTime, Zone)> {
        let read = value.to_date_time()?;
        match read.offset {
            Some(offset) => Some((read.date_time, Zone::Fixed(offset))),
            None if value.hour.is_none() => Some((read.date_time, Zone::Named(self.default))),
            None => Some((read.date_time, self.named(name))),
        }
    }
}

fn of_catalogue(zone: Wire) -> Option<Zone> {
    match zone {
        Wire::Tz(zone) => Some(Zone::Named(zone)),
        Wire::Fixed(offset) => Some(Zone::Fixed(offset)),
        Wire::Floating => None,
    }
}

/// The instant of a value that says its own offset.
pub(super) fn instant_of_value(value: &PartialDateTime) -> Option<Instant> {
    let read = value.to_date_time()?;
    Some((read.date_time - read.offset?).and_utc())
}

/// The changes of a VTIMEZONE. `None` when it has none that make sense.
fn changes_of(
    calendar: &ICalendar,
    zone: &ICalendarComponent,
    until: Instant,
    budget: &mut Budget,
) -> Option<Vec<Change>> {
    let parts = zone.component_ids.iter().filter_map(|id| calendar.components.get(usize::try_from(*id).ok()?));
    let parts = parts.filter(|part| {
        matches!(part.component_type, ICalendarComponentType::Standard | ICalendarComponentType::Daylight)
    });
    let mut changes: Vec<Change> =
        parts.flat_map(|part| changes_of_part(part, until, budget).unwrap_or_default()).collect();
    changes.sort_unstable();
    (!changes.is_empty()).then_some(changes)
}

fn changes_of_part(part: &ICalendarComponent, until: Instant, budget: &mut Budget) -> Option<Vec<Change>> {
    let value = |name: ICalendarProperty| {
        part.entries.iter().find(|entry| entry.name == name).and_then(|entry| entry.values.first())
    };
    let offset = |name: ICalendarProperty| match value(name)? {
        ICalendarValue::PartialDateTime(value) => {
            let seconds = 3600 * i64::from(value.tz_hour?) + 60 * i64::from(value.tz_minute.unwrap_or(0));
            Some(if value.tz_minus { -seconds } else { seconds })
        }
        _ => None,
    };
    let (from, to) = (offset(ICalendarProperty::Tzoffsetfrom)?, offset(ICalendarProperty::Tzoffsetto)?);
    let ICalendarValue::PartialDateTime(start) = value(ICalendarProperty::Dtstart)? else { return None };
    let start = start.to_date_time()?.date_time;
    // Its own times are on the clock as it was before the change.
    let before = Zone::Fixed(FixedOffset::east_opt(i32::try_from(from).ok()?)?);
    let mut at = vec![start];
    for entry in &part.entries {
        for value in &entry.values {
            match (&entry.name, value) {
                (ICalendarProperty::Rrule, ICalendarValue::RecurrenceRule(rule)) => {
                    let reach = Reach { until: before.local_of(until), not_after: None, all_day: false };
                    at.extend(occurrences(rule, start, &before, reach, budget)?);
                }
                (ICalendarProperty::Rdate, ICalendarValue::PartialDateTime(value)) => {
                    at.extend(value.to_date_time().map(|read| read.date_time));
                }
                _ => {}
            }
        }
    }
    at.sort_unstable();
    at.dedup();
    Some(at.into_iter().map(|local| Change { local, from, to }).collect())
}
