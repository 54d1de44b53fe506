//! One VEVENT as we need it.

use calcard::{
    common::PartialDateTime,
    icalendar::{
        ICalendarComponent, ICalendarEntry, ICalendarParameterName, ICalendarPeriod, ICalendarProperty,
        ICalendarRecurrenceRule, ICalendarStatus, ICalendarValue, Uri,
    },
};
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::{
    naming::Naming,
    recurrence::{Budget, Reach, occurrences},
    zone::{Zone, Zones},
};
use crate::model::{Instant, PersonName};

/// A day, when an all-day event says no end.
const ALL_DAY: TimeDelta = TimeDelta::days(1);
/// A turn that is longer is no turn.
const LENGTH_MAX: TimeDelta = TimeDelta::days(400);

/// One VEVENT.
pub(super) struct Event<'c> {
    /// Shared by a recurring event and what is said anew of its occurrences.
    pub(super) uid: Option<&'c str>,
    /// Its version.
    pub(super) sequence: i64,
    /// On the wall clock of `zone`.
    pub(super) start: NaiveDateTime,
    /// Of its start.
    pub(super) zone: Zone,
    /// Whether it begins on days.
    is_all_day: bool,
    /// On the wall clock.
    pub(super) length: TimeDelta,
    /// STATUS:CANCELLED.
    pub(super) is_cancelled: bool,
    /// RECURRENCE-ID: which occurrence it stands for.
    pub(super) instead_of: Option<Instant>,
    /// RANGE=THISANDFUTURE.
    pub(super) and_later: bool,
    /// EXDATE.
    pub(super) except: Vec<Except>,
    /// Whom it names.
    pub(super) people: Vec<PersonName>,
    rules: Vec<&'c ICalendarRecurrenceRule>,
    more: Vec<(NaiveDateTime, Option<TimeDelta>)>,
}

/// An occurrence that does not take place.
pub(super) enum Except {
    /// The one that begins then.
    At(Instant),
    /// Whichever begins on that day.
    Day(NaiveDate),
}

impl<'c> Event<'c> {
    /// `None` when it has no start, or neither an end nor a length.
    pub(super) fn read(component: &'c ICalendarComponent, zones: &Zones, naming: &Naming) -> Option<Self> {
        let start_entry = entry(component, &ICalendarProperty::Dtstart)?;
        let start_value = moment(start_entry)?;
        let (start, zone) = zones.local(start_value, start_entry.tz_id())?;
        let is_all_day = start_value.hour.is_none();
        let ends = entry(component, &ICalendarProperty::Dtend).and_then(|entry| {
            let (end, end_zone) = zones.local(moment(entry)?, entry.tz_id().or(start_entry.tz_id()))?;
            // An end in another zone is read on the start's wall clock, where the event recurs.
            Some(if end_zone == zone { end } else { zone.local_of(end_zone.instant_of(end)) })
        });
        let lasts = entry(component, &ICalendarProperty::Duration).and_then(|entry| match entry.values.first() {
            Some(ICalendarValue::Duration(duration)) => duration.to_time_delta(),
            _ => None,
        });
        let length = match (ends, lasts) {
            (Some(end), _) => end - start,
            (None, Some(length)) => length,
            (None, None) if is_all_day => ALL_DAY,
            (None, None) => return None,
        };
        // An all-day event that ends on the day it begins is that day.
        let length = if is_all_day && length.is_zero() { ALL_DAY } else { length };
        if length <= TimeDelta::zero() || length > LENGTH_MAX {
            return None;
        }
        let (mut rules, mut more, mut except) = (Vec::new(), Vec::new(), Vec::new());
        let (mut instead_of, mut and_later) = (None, false);
        for entry in &component.entries {
            let tz_id = entry.tz_id().or(start_entry.tz_id());
            match entry.name {
                ICalendarProperty::Rrule => rules.extend(entry.values.iter().filter_map(|value| match value {
                    ICalendarValue::RecurrenceRule(rule) => Some(&**rule),
                    _ => None,
                })),
                ICalendarProperty::Exdate => except.extend(entry.values.iter().filter_map(|value| {
                    let ICalendarValue::PartialDateTime(value) = value else { return None };
                    let (local, zone) = zones.local(value, tz_id)?;
                    Some(if is_all_day {
                        // The day that is written, whatever zone it is said in.
                        Except::Day(value.to_date_time()?.date_time.date())
                    } else if value.hour.is_none() {
                        Except::Day(local.date())
                    } else {
                        Except::At(zone.instant_of(local))
                    })
                })),
                ICalendarProperty::Rdate => more.extend(entry.values.iter().filter_map(|value| {
                    let here = |value: &PartialDateTime| {
                        let (local, of) = zones.local(value, tz_id)?;
                        Some(zone.local_of(of.instant_of(local)))
                    };
                    match value {
                        ICalendarValue::PartialDateTime(value) => Some((here(value)?, None)),
                        ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
                            let start = here(start)?;
                            Some((start, Some(here(end)? - start)))
                        }
                        ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
                            Some((here(start)?, duration.to_time_delta()))
                        }
                        _ => None,
                    }
                })),
                ICalendarProperty::RecurrenceId => {
                    instead_of = moment(entry).and_then(|value| {
                        let (local, zone) = zones.local(value, tz_id)?;
                        Some(zone.instant_of(local))
                    });
                    and_later = entry.params.iter().any(|param| param.name == ICalendarParameterName::Range);
                }
                _ => {}
            }
        }
        let is_cancelled = entry(component, &ICalendarProperty::Status).is_some_and(|entry| {
            matches!(entry.values.first(), Some(ICalendarValue::Status(ICalendarStatus::Cancelled)))
        });
        let sequence = entry(component, &ICalendarProperty::Sequence).map_or(0, |entry| match entry.values.first() {
            Some(ICalendarValue::Integer(sequence)) => *sequence,
            _ => 0,
        });
        Some(Self {
            uid: entry(component, &ICalendarProperty::Uid).and_then(text),
            sequence,
            start,
            zone,
            is_all_day,
            length,
            is_cancelled,
            instead_of,
            and_later,
            except,
            people: named(component, naming),
            rules,
            more,
        })
    }

    /// When its occurrences begin up to `until`, on its wall clock and in order, and how long those last that say so
    /// themselves. From `not_after` on something else is said of them. `None` when a rule of it makes no sense, or is
    /// one too many for the budget.
    pub(super) fn starts(
        &self,
        until: Instant,
        not_after: Option<Instant>,
        budget: &mut Budget,
    ) -> Option<Vec<(NaiveDateTime, Option<TimeDelta>)>> {
        let reach = Reach {
            until: self.zone.local_of(until),
            not_after: not_after.map(|at| self.zone.local_of(at)),
            all_day: self.is_all_day,
        };
        let mut starts = vec![(self.start, None)];
        for rule in &self.rules {
            let of_rule = occurrences(rule, self.start, &self.zone, reach, budget)?;
            starts.extend(of_rule.into_iter().map(|start| (start, None)));
        }
        starts.extend(self.more.iter().copied());
        starts.sort_unstable();
        starts.dedup_by_key(|(start, _)| *start);
        Some(starts)
    }
}

/// By its title; where that names nobody, by its attendees who did not decline.
fn named(component: &ICalendarComponent, naming: &Naming) -> Vec<PersonName> {
    let title = entry(component, &ICalendarProperty::Summary).and_then(text).unwrap_or_default();
    let by_title = naming.in_text(title);
    if !by_title.is_empty() {
        return by_title;
    }
    let mut people = Vec::new();
    for attendee in component.entries.iter().filter(|entry| entry.name == ICalendarProperty::Attendee) {
        let parameter = |name: &ICalendarParameterName| {
            attendee.params.iter().find(|param| param.name == *name).and_then(|param| param.value.as_text())
        };
        if parameter(&ICalendarParameterName::Partstat).is_some_and(|said| said.eq_ignore_ascii_case("DECLINED")) {
            continue;
        }
        let address = match attendee.values.first() {
            Some(ICalendarValue::Uri(Uri::Location(address)) | ICalendarValue::Text(address)) => address.as_str(),
            _ => "",
        };
        let called = parameter(&ICalendarParameterName::Cn).unwrap_or_default();
        for person in naming.in_text(called).into_iter().chain(naming.in_text(address)) {
            if !people.contains(&person) {
                people.push(person);
            }
        }
    }
    people
}

fn entry<'c>(component: &'c ICalendarComponent, name: &ICalendarProperty) -> Option<&'c ICalendarEntry> {
    component.entries.iter().find(|entry| entry.name == *name)
}

fn moment(entry: &ICalendarEntry) -> Option<&PartialDateTime> {
    match entry.values.first() {
        Some(ICalendarValue::PartialDateTime(value)) => Some(value),
        _ => None,
    }
}

fn text(entry: &ICalendarEntry) -> Option<&str> {
    match entry.values.first() {
        Some(ICalendarValue::Text(text)) => Some(text),
        _ => None,
    }
}
