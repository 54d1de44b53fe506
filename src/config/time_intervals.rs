//! `time_intervals` (and the older `mute_time_intervals`): Alertmanager's stretches of the calendar.

use std::ops::RangeInclusive;

use super::{
    names::Names,
    reading::{Fields, Reading},
    suggest::nearest,
    tree::{Node, Place, Value},
    zone,
};
use crate::alerts::time_interval::{CalendarPart, TimeInterval};

const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads one of the two sections.
pub fn read_list(node: &Node, section: &str, names: &mut Names, cx: &mut Reading<'_>) -> Vec<TimeInterval> {
    let Some(items) = cx.list(node, section) else {
        names.doubt();
        return Vec::new();
    };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("{section}[{n}]"), names, cx)).collect()
}

fn read(node: &Node, path: &str, names: &mut Names, cx: &mut Reading<'_>) -> Option<TimeInterval> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_node = fields.need("name", "write the name that routes call it by", cx);
    let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
    match (&name, name_node) {
        (Some(name), Some(node)) => names.add(name, node.at, &format!("{path}.name"), cx),
        _ => names.doubt(),
    }
    let mut parts = Vec::new();
    if let Some(node) =
        fields.need("time_intervals", "write a list of parts, such as {weekdays: ['monday:friday']}", cx)
    {
        let path = format!("{path}.time_intervals");
        for (n, item) in cx.list(node, &path).unwrap_or_default().iter().enumerate() {
            parts.extend(read_part(item, &format!("{path}[{n}]"), cx));
        }
    }
    fields.finish(&[], cx);
    Some(TimeInterval { name: name?, parts })
}

fn read_part(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<CalendarPart> {
    let mut fields = Fields::of(node, path, cx)?;
    let (mut part, mut never) = (CalendarPart::default(), false);
    if let Some(node) = fields.get("times") {
        let path = format!("{path}.times");
        for (n, item) in cx.list(node, &path).unwrap_or_default().iter().enumerate() {
            part.times.extend(read_times(item, &format!("{path}[{n}]"), cx));
        }
    }
    let mut ranges = |key: &'static str, cx: &mut Reading<'_>| -> Vec<(String, Place)> {
        match fields.get(key) {
            Some(node) => cx.words(node, &format!("{path}.{key}")).unwrap_or_default(),
            None => Vec::new(),
        }
    };
    for (text, at) in ranges("weekdays", cx) {
        let read = read_range(&text, |word| named(word, &WEEKDAYS, 0));
        part.weekdays.extend(range_fault(read, &text, at, &format!("{path}.weekdays"), "monday:friday", &WEEKDAYS, cx));
    }
    for (text, at) in ranges("days_of_month", cx) {
        let read = read_range(&text, |word| word.parse().ok().filter(|day: &i8| *day != 0 && day.abs() <= 31));
        part.days_of_month.extend(days_fault(read, &text, at, &format!("{path}.days_of_month"), cx));
    }
    for (text, at) in ranges("months", cx) {
        let read = read_range(&text, |word| {
            named(word, &MONTHS, 1).or_else(|| word.parse().ok().filter(|month| (1..=12).contains(month)))
        });
        part.months.extend(range_fault(read, &text, at, &format!("{path}.months"), "june:august or 6:8", &MONTHS, cx));
    }
    for (text, at) in ranges("years", cx) {
        let read = read_range(&text, |word| word.parse().ok().filter(|year: &i32| (1970..=9999).contains(year)));
        part.years.extend(range_fault(read, &text, at, &format!("{path}.years"), "2026 or 2026:2027", &[], cx));
    }
    for key in ["times", "weekdays", "days_of_month", "months", "years"] {
        if let Some(node) = fields.get(key)
            && matches!(&node.value, Value::List(items) if items.is_empty())
        {
            let what = format!("{path}.{key} is an empty list: this part of the interval never holds");
            cx.warn(node.at, what, format!("remove {key} if any of them will do"));
            never = true;
        }
    }
    part.location = fields.get("location").and_then(|node| zone::read(node, &format!("{path}.location"), cx));
    fields.finish(&[], cx);
    // Alertmanager tells an empty list from none.
    (!never).then_some(part)
}

fn read_times(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<(u16, u16)> {
    let mut fields = Fields::of(node, path, cx)?;
    let mut minute = |key: &'static str, cx: &mut Reading<'_>| -> Option<u16> {
        let node = fields.need(key, "write it as \"17:00\"", cx)?;
        let text = cx.word(node, &format!("{path}.{key}"))?;
        let read = minute_of_day(&text);
        if read.is_none() {
            cx.error(
                node.at,
                format!("{path}.{key} \"{text}\" is not a time of day"),
                "write it as \"17:00\", in quotation marks, up to \"24:00\"",
            );
        }
        read
    };
    let (start, end) = (minute("start_time", cx), minute("end_time", cx));
    fields.finish(&[], cx);
    let (start, end) = (start?, end?);
    if start >= end {
        cx.error(
            node.at,
            format!("{path} ends before it starts"),
            "split a night in two: from its start to \"24:00\", and from \"00:00\" to its end",
        );
        return None;
    }
    Some((start, end))
}

/// `17:00`, up to `24:00`, as minutes of the day.
pub(super) fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 || !text.chars().all(|c| c.is_ascii_digit() || c == ':') {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 1440).then_some(hours * 60 + minutes)
}

fn named(word: &str, names: &[&str], first: u8) -> Option<u8> {
    let at = names.iter().position(|name| name.eq_ignore_ascii_case(word))?;
    Some(u8::try_from(at).ok()? + first)
}

/// `a` or `a:b`.
fn read_range<T: Copy>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    match text.split_once(':') {
        None => read(text.trim()).map(|only| (only, only)),
        Some((from, to)) => Some((read(from.trim())?, read(to.trim())?)),
    }
}

fn range_fault<T: PartialOrd>(
    read: Option<(T, T)>,
    text: &str,
    at: Place,
    path: &str,
    example: &str,
    names: &[&'static str],
    cx: &mut Reading<'_>,
) -> Option<RangeInclusive<T>> {
    match read {
        None => {
            let meant = text
                .split(':')
                .find_map(|word| nearest(word.trim(), names.iter().copied()).filter(|near| *near != word.trim()));
            let instead = meant.map_or_else(|| format!("write {example}"), |near| format!("did you mean {near}?"));
            cx.error(at, format!("{path}: \"{text}\" is not a range"), instead);
            None
        }
        Some((from, to)) if from > to => {
            cx.error(at, format!("{path}: \"{text}\" ends before it starts"), "write it as two ranges");
            None
        }
        Some((from, to)) => Some(from..=to),
    }
}

/// Days count from the month's start, or with a minus from its end; a range keeps to one way or goes from start to end.
fn days_fault(
    read: Option<(i8, i8)>,
    text: &str,
    at: Place,
    path: &str,
    cx: &mut Reading<'_>,
) -> Option<RangeInclusive<i8>> {
    match read {
        Some((from, to)) if from < 0 && to > 0 => {
            cx.error(
                at,
                format!("{path}: \"{text}\" begins at the month's end and ends at its start"),
                "write it as two ranges",
            );
            None
        }
        // Alertmanager's measure is a month of 28 days: "20:-10" would hold in no February.
        Some((from, to)) if from > 0 && to < 0 && from > 28 + to => {
            cx.error(at, format!("{path}: \"{text}\" ends before it starts"), "write it as two ranges");
            None
        }
        Some((from, to)) if from > 0 && to < 0 => Some(RangeInclusive::new(from, to)),
        other => range_fault(other, text, at, path, "1:7 or -3:-1", &[], cx),
    }
}
