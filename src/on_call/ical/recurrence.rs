//! A recurrence rule spread out on a wall clock.

use calcard::{
    common::{PartialDateTime, timezone::Tz as Wire},
    icalendar::{
        ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarProperty,
        ICalendarRecurrenceRule, ICalendarValue,
    },
};
use chrono::{Datelike, NaiveDateTime, NaiveTime, Timelike};

use super::zone::{Zone, instant_of_value};

/// A rule that begins so long ago that it repeats more often is not about who is on call.
const REPEATS_MAX: usize = 20_000;

/// When a rule's occurrences begin, from `start` to `until` (both included), on the wall clock of `zone`. `None` when
/// the rule makes no sense.
pub(super) fn occurrences(
    rule: &ICalendarRecurrenceRule,
    start: NaiveDateTime,
    zone: &Zone,
    until: NaiveDateTime,
) -> Option<Vec<NaiveDateTime>> {
    let mut rule = rule.clone();
    let ends = match &rule.until {
        None => None,
        // A rule ends at an instant, or on a day, which is meant whole.
        Some(value) if value.hour.is_none() => {
            Some(value.to_date_time()?.date_time.date().and_time(NaiveTime::from_hms_opt(23, 59, 59)?))
        }
        Some(value) => Some(match instant_of_value(value) {
            Some(at) => zone.local_of(at),
            None => value.to_date_time()?.date_time,
        }),
    };
    // Not beyond what anybody looks at; a rule that counts ends by its count, and may not have both.
    rule.until = match (ends, rule.count) {
        (Some(ends), _) => Some(wall(ends.min(until))),
        (None, None) => Some(wall(until)),
        (None, Some(_)) => None,
    };
    if ends.is_some() {
        rule.count = None;
    }
    let event = ICalendarComponent {
        component_type: ICalendarComponentType::VEvent,
        entries: vec![
            entry(ICalendarProperty::Dtstart, ICalendarValue::PartialDateTime(Box::new(wall(start)))),
            entry(ICalendarProperty::Rrule, ICalendarValue::RecurrenceRule(Box::new(rule))),
        ],
        component_ids: Vec::new(),
    };
    let spread = ICalendar { components: vec![event] }.expand_dates(Wire::Floating, REPEATS_MAX);
    if !spread.errors.is_empty() || spread.events.len() >= REPEATS_MAX {
        return None;
    }
    Some(spread.events.iter().map(|event| event.start.naive_local()).filter(|at| *at <= until).collect())
}

fn entry(name: ICalendarProperty, value: ICalendarValue) -> ICalendarEntry {
    ICalendarEntry { name, params: Vec::new(), values: vec![value] }
}

/// A wall-clock time without a zone.
fn wall(local: NaiveDateTime) -> PartialDateTime {
    let small = |n: u32| u8::try_from(n).ok();
    PartialDateTime {
        year: u16::try_from(local.year()).ok(),
        month: small(local.month()),
        day: small(local.day()),
        hour: small(local.hour()),
        minute: small(local.minute()),
        second: small(local.second()),
        ..PartialDateTime::default()
    }
}
