//! A recurrence rule spread out on a wall clock.

use calcard::{
    common::{PartialDateTime, timezone::Tz as Wire},
    icalendar::{
        ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarEntry, ICalendarFrequency, ICalendarProperty,
        ICalendarRecurrenceRule, ICalendarValue,
    },
};
use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use super::zone::{Zone, instant_of_value};

/// A rule that repeats more often is not about who is on call.
const REPEATS_MAX: usize = 20_000;
/// What lies further back is not spread out where it can be left out without being counted.
const SPREAD_BACK: TimeDelta = TimeDelta::days(800);

/// The library tries a rule no longer than that.
const PERIODS_MAX: u64 = 100_000;

/// How much spreading out one calendar may cost: a file with thousands of endless rules is a mistake or worse, and what
/// it costs must not keep the other calendars waiting.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) const fn of_one_calendar() -> Self {
        Self(1_000_000)
    }

    /// True when there was enough left.
    fn spend(&mut self, n: u64) -> bool {
        let is_enough = n <= self.0;
        self.0 = self.0.saturating_sub(n);
        is_enough
    }
}

/// How rules are spread out.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Up to when, on the wall clock of the event's zone.
    pub(super) until: NaiveDateTime,
    /// The first occurrence from which on something else is said, which must not be left out.
    pub(super) not_after: Option<NaiveDateTime>,
    /// The event begins on days, and a rule's end is the day that is written, whole, whatever zone it is said in.
    pub(super) all_day: bool,
}

/// When a rule's occurrences begin, from `start` to `reach.until` (both included), on the wall clock of `zone`. `None`
/// when the rule makes no sense, as one that repeats by the minute, or when the budget is spent. Daily and weekly rules
/// that began long ago may leave out what is more than two years before `reach.until`.
pub(super) fn occurrences(
    rule: &ICalendarRecurrenceRule,
    start: NaiveDateTime,
    zone: &Zone,
    reach: Reach,
    budget: &mut Budget,
) -> Option<Vec<NaiveDateTime>> {
    let Reach { until, not_after, all_day } = reach;
    let mut rule = rule.clone();
    if matches!(rule.freq, ICalendarFrequency::Secondly | ICalendarFrequency::Minutely) {
        return None;
    }
    let ends = match &rule.until {
        None => None,
        // A rule ends at an instant, or on a day, which is meant whole.
        Some(value) if value.hour.is_none() || all_day => {
            Some(value.to_date_time()?.date_time.date().and_time(NaiveTime::from_hms_opt(23, 59, 59)?))
        }
        Some(value) => Some(match instant_of_value(value) {
            Some(at) => zone.local_of(at),
            None => value.to_date_time()?.date_time,
        }),
    };
    let start = nearer(&rule, start, not_after.unwrap_or(until).min(until - SPREAD_BACK));
    if ends.is_some_and(|ends| ends < start) {
        // A series that was ended before it began, or long ago: what is left of it is no fault.
        return Some(Vec::new());
    }
    if !budget.spend(n_periods(&rule, start, ends.map_or(until, |ends| ends.min(until)))) {
        return None;
    }
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
    let is_paid = budget.spend(u64::try_from(spread.events.len()).unwrap_or(u64::MAX));
    if !spread.errors.is_empty() || spread.events.len() >= REPEATS_MAX || !is_paid {
        return None;
    }
    Some(spread.events.iter().map(|event| event.start.naive_local()).filter(|at| *at <= until).collect())
}

/// How many hours, days, weeks ... a rule is tried on from `start` to `ends`, whether it brings anything forth or not.
fn n_periods(rule: &ICalendarRecurrenceRule, start: NaiveDateTime, ends: NaiveDateTime) -> u64 {
    let hours = match rule.freq {
        ICalendarFrequency::Daily => 24,
        ICalendarFrequency::Weekly => 7 * 24,
        ICalendarFrequency::Monthly => 28 * 24,
        ICalendarFrequency::Yearly => 365 * 24,
        _ => 1,
    };
    let all =
        u64::try_from((ends - start).num_hours()).unwrap_or(0) / hours / u64::from(rule.interval.unwrap_or(1).max(1));
    all.min(PERIODS_MAX)
}

/// A start from which the rule goes on just as from its own, nearer to what is looked at, and not after `latest`.
fn nearer(rule: &ICalendarRecurrenceRule, start: NaiveDateTime, latest: NaiveDateTime) -> NaiveDateTime {
    let days = match rule.freq {
        ICalendarFrequency::Daily => 1,
        ICalendarFrequency::Weekly => 7,
        _ => return start,
    };
    let step = days * i64::from(rule.interval.unwrap_or(1).max(1));
    let ahead = latest - start;
    if rule.count.is_some() || ahead <= TimeDelta::zero() {
        return start;
    }
    start.checked_add_signed(TimeDelta::days(ahead.num_days() / step * step)).unwrap_or(start)
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
