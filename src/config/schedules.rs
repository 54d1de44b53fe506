//! `schedules`: who is on call when, by rotations or by a calendar.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::{
    CalendarAt, CalendarSource,
    address::{parse_url, url_is_loopback},
    duration,
    names::Names,
    reading::{Fields, Reading},
    secret,
    suggest::nearest,
    time_intervals::minute_of_day,
    tree::{Node, Place, Value},
    zone,
};
use crate::{
    model::{Instant, PersonName, Phi, local_time::instant_of},
    on_call::{Only, Override, Rota, Rotation, Schedule},
};

/// How often a calendar is read again, when nobody says.
const REFRESH: Duration = Duration::from_mins(15);
/// A calendar counts as stale after four of these, and after a day at the latest.
const REFRESH_MAX: Duration = Duration::from_hours(6);
/// Calendars belong to somebody who counts the requests.
const REFRESH_MIN: Duration = Duration::from_secs(1);
/// A shorter turn is a slip; whoever is on call must sleep.
const EVERY_MIN: Duration = Duration::from_hours(1);
const EVERY_MAX: Duration = Duration::from_hours(366 * 24);

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const DAYS_SHORT: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads `schedules:`. A schedule without a zone has `zone`, when all agencies share one.
pub fn read_list(
    node: &Node,
    zone: Option<Tz>,
    people: &Names,
    names: &mut Names,
    calendars: &mut Vec<CalendarSource>,
    cx: &mut Reading<'_>,
) -> Vec<Schedule> {
    let Some(items) = cx.list(node, "schedules") else {
        names.doubt();
        return Vec::new();
    };
    let mut schedules = Vec::new();
    for (n, item) in items.iter().enumerate() {
        let path = format!("schedules[{n}]");
        schedules.extend(read(item, &path, zone, people, names, calendars, cx));
    }
    schedules
}

fn read(
    node: &Node,
    path: &str,
    zone: Option<Tz>,
    people: &Names,
    names: &mut Names,
    calendars: &mut Vec<CalendarSource>,
    cx: &mut Reading<'_>,
) -> Option<Schedule> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_node = fields.need("name", "write the name that policies call it by", cx);
    let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
    match (&name, name_node) {
        (Some(name), Some(node)) => names.add(name, node.at, &format!("{path}.name"), cx),
        _ => names.doubt(),
    }
    let timezone = match (fields.get("timezone"), zone) {
        (Some(node), _) => zone::read(node, &format!("{path}.timezone"), cx),
        (None, Some(zone)) => Some(zone),
        (None, None) => {
            let what = format!("{path}.timezone is not set, and the agencies are in several");
            cx.error(fields.at, what, "write an IANA name such as America/Denver");
            None
        }
    };
    // Whatever else is wrong with it is to be found in the same run.
    let zone = timezone.unwrap_or(Tz::UTC);
    let (rotations, ical) = (fields.get("rotations"), fields.get("ical"));
    let rota = match (rotations, ical) {
        (Some(node), None) => {
            let path = format!("{path}.rotations");
            let items = cx.list(node, &path).unwrap_or_default();
            if matches!(&node.value, Value::List(items) if items.is_empty()) {
                cx.error(node.at, format!("{path} is empty"), "write at least one, or ical: {url: …}");
            }
            let read = items.iter().enumerate();
            Some(Rota::Rotations(
                read.filter_map(|(n, item)| read_rotation(item, &format!("{path}[{n}]"), people, cx)).collect(),
            ))
        }
        (None, Some(node)) => {
            let source = read_ical(node, &format!("{path}.ical"), cx);
            if let (Some((at, refresh)), Some(name)) = (source, &name) {
                calendars.push(CalendarSource { schedule: name.clone(), at, refresh });
            }
            Some(Rota::Calendar(None))
        }
        (Some(_), Some(node)) => {
            let what = format!("{path} has both rotations and ical");
            cx.error(node.at, what, "keep one of the two; overrides lie over either");
            None
        }
        (None, None) => {
            let what = format!("{path} has neither rotations nor ical, so nobody is ever on call by it");
            cx.error(fields.at, what, "write rotations: [{people: […], every: weekly, start: …}]");
            None
        }
    };
    let mut overrides = Vec::new();
    if let Some(node) = fields.get("overrides") {
        let path = format!("{path}.overrides");
        for (n, item) in cx.list(node, &path).unwrap_or_default().iter().enumerate() {
            overrides.extend(read_override(item, &format!("{path}[{n}]"), zone, people, cx));
        }
    }
    let may_be_empty = fields.flag("may_be_empty", cx).unwrap_or(false);
    let watch_on = fields.flag("watch_on", cx);
    let elsewhere = [
        ("people", "write it in an entry of rotations"),
        ("rotation", "write rotations: […]"),
        ("layers", "write rotations: later ones lie over earlier ones"),
        ("url", "write ical: {url: …}"),
        ("file", "write ical: {file: …}"),
    ];
    fields.finish(&elsewhere, cx);
    timezone?;
    Some(Schedule { name: name?, timezone: zone, rota: rota?, overrides, may_be_empty, watch_on })
}

fn read_rotation(node: &Node, path: &str, people: &Names, cx: &mut Reading<'_>) -> Option<Rotation> {
    let mut fields = Fields::of(node, path, cx)?;
    let people_path = format!("{path}.people");
    let people_node = fields.need("people", "write who takes turns, in their order: [night-1, night-2]", cx);
    let named = people_node.and_then(|node| Some((cx.words(node, &people_path)?, node.at)));
    if let Some((named, at)) = &named {
        for (n, (name, at)) in named.iter().enumerate() {
            people.check(name, *at, &format!("{people_path}[{n}]"), "people", cx);
        }
        if named.is_empty() {
            cx.error(*at, format!("{people_path} is empty"), "write at least one person");
        }
    }
    let every_node = fields.need("every", "write weekly, daily or a duration such as 12h", cx);
    let every = every_node.and_then(|node| read_every(node, &format!("{path}.every"), cx));
    let start_node = fields.need("start", "write when the first turn begins, as 2026-11-30T17:00", cx);
    let start = start_node.and_then(|node| read_local(node, &format!("{path}.start"), cx));
    let mut only = Vec::new();
    if let Some(node) = fields.get("only") {
        let path = format!("{path}.only");
        for (n, item) in cx.list(node, &path).unwrap_or_default().iter().enumerate() {
            only.extend(read_only(item, &format!("{path}[{n}]"), cx));
        }
    }
    let elsewhere = [
        ("handoff", "hand-overs are at the time of day of start"),
        ("handoff_time", "hand-overs are at the time of day of start"),
        ("timezone", "write it in the schedule"),
        ("users", "write people"),
        ("restrictions", "write only: [{days: […], from: …, to: …}]"),
    ];
    fields.finish(&elsewhere, cx);
    let people: Vec<PersonName> = named?.0.into_iter().map(|(name, _)| PersonName::new(name)).collect();
    Some(Rotation { people, every: every?, start: start?, only })
}

/// `weekly`, `daily`, or a duration.
fn read_every(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<TimeDelta> {
    let text = cx.word(node, path)?;
    match text.to_ascii_lowercase().as_str() {
        "weekly" => return Some(TimeDelta::weeks(1)),
        "daily" => return Some(TimeDelta::days(1)),
        "monthly" => {
            cx.error(node.at, format!("{path} is \"{text}\", and months differ"), "write weekly, or 4w");
            return None;
        }
        _ => {}
    }
    match duration::parse(&text) {
        Ok(every) if (EVERY_MIN..=EVERY_MAX).contains(&every) && every.as_secs().is_multiple_of(60) => {
            TimeDelta::from_std(every).ok()
        }
        Ok(_) => {
            cx.error(node.at, format!("{path} is {text}"), "write whole minutes, at least 1h and at most a year");
            None
        }
        Err(_) => {
            let instead = match nearest(&text, ["weekly", "daily"]) {
                Some(near) => format!("did you mean {near}?"),
                None => "write weekly, daily or a duration such as 12h".to_owned(),
            };
            cx.error(node.at, format!("{path} is \"{text}\""), instead);
            None
        }
    }
}

fn read_only(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Only> {
    let mut fields = Fields::of(node, path, cx)?;
    let mut days = [true; 7];
    if let Some(node) = fields.get("days") {
        let path = format!("{path}.days");
        let named = cx.words(node, &path)?;
        if named.is_empty() {
            cx.error(
                node.at,
                format!("{path} is empty"),
                "write days, as [mon, tue], or leave the key out for every day",
            );
        }
        days = [false; 7];
        for (n, (text, at)) in named.iter().enumerate() {
            mark_days(text, *at, &format!("{path}[{n}]"), &mut days, cx);
        }
    }
    let mut minute = |key: &'static str, cx: &mut Reading<'_>| {
        let node = fields.get(key)?;
        let text = cx.word(node, &format!("{path}.{key}"))?;
        let read = minute_of_day(&text);
        if read.is_none() {
            let what = format!("{path}.{key} \"{text}\" is not a time of day");
            cx.error(node.at, what, "write it as \"17:00\", in quotation marks, up to \"24:00\"");
        }
        Some(read)
    };
    let (from, to) = (minute("from", cx), minute("to", cx));
    let at = fields.at;
    fields.finish(&[("start_time", "write from"), ("end_time", "write to"), ("weekdays", "write days")], cx);
    match (from, to) {
        (None, None) => Some(Only { days, from: 0, to: 1440 }),
        (Some(from), Some(to)) => {
            let (from, to) = (from?, to?);
            if from == 1440 {
                cx.error(at, format!("{path}.from is \"24:00\""), "write \"00:00\" and the next day");
                return None;
            }
            Some(Only { days, from, to })
        }
        (from, _) => {
            let missing = if from.is_none() { "from" } else { "to" };
            cx.error(at, format!("{path}.{missing} is not set"), "write both, or neither for the whole day");
            None
        }
    }
}

/// `mon`, `monday`, `mon-fri`.
fn mark_days(text: &str, at: Place, path: &str, days: &mut [bool; 7], cx: &mut Reading<'_>) {
    let number = |word: &str| {
        let word = word.trim().to_ascii_lowercase();
        DAYS.iter().position(|day| *day == word).or_else(|| DAYS_SHORT.iter().position(|day| *day == word))
    };
    let range = match text.split_once(['-', ':']) {
        None => number(text).map(|day| (day, day)),
        Some((from, to)) => number(from).zip(number(to)),
    };
    let Some((from, to)) = range else {
        let instead = match nearest(text, DAYS).or_else(|| nearest(text, DAYS_SHORT)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("write {}", DAYS_SHORT.join(", ")),
        };
        cx.error(at, format!("{path} \"{text}\" is not a day"), instead);
        return;
    };
    let n_days = (to + 7 - from) % 7;
    (from..=from + n_days).for_each(|day| days[day % 7] = true);
}

fn read_override(node: &Node, path: &str, zone: Tz, people: &Names, cx: &mut Reading<'_>) -> Option<Override> {
    let mut fields = Fields::of(node, path, cx)?;
    let person_node = fields.need("person", "write who stands in", cx);
    let person = person_node.and_then(|node| Some((cx.word(node, &format!("{path}.person"))?, node.at)));
    if let Some((person, at)) = &person {
        people.check(person, *at, &format!("{path}.person"), "people", cx);
    }
    let mut instant = |key: &'static str, cx: &mut Reading<'_>| {
        let node = fields.need(key, "write it as 2026-12-24T17:00", cx)?;
        read_instant(node, &format!("{path}.{key}"), zone, cx)
    };
    let (start, end) = (instant("start", cx), instant("end", cx));
    let at = fields.at;
    fields.finish(
        &[("people", "write person: one stands in at a time"), ("from", "write start"), ("to", "write end")],
        cx,
    );
    let (start, end) = (start?, end?);
    if start >= end {
        cx.error(at, format!("{path} ends before it starts"), "write an end that is later than its start");
        return None;
    }
    Some(Override { person: PersonName::new(person?.0), start, end })
}

/// A wall-clock time in the schedule's zone; with an offset, an instant anywhere.
fn read_instant(node: &Node, path: &str, zone: Tz, cx: &mut Reading<'_>) -> Option<Instant> {
    let text = cx.word(node, path)?;
    if let Some(at) = with_offset(text.trim()) {
        return Some(at);
    }
    read_local(node, path, cx).map(|local| instant_of(zone, local))
}

fn with_offset(text: &str) -> Option<Instant> {
    let with_seconds = DateTime::parse_from_rfc3339(text).ok();
    let read =
        with_seconds.or_else(|| DateTime::parse_from_str(&text.replace('Z', "+00:00"), "%Y-%m-%dT%H:%M%:z").ok());
    read.map(|at| at.to_utc())
}

fn read_local(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<NaiveDateTime> {
    let text = cx.word(node, path)?;
    let trimmed = text.trim();
    let read = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(trimmed, format).ok())
        .or_else(|| Some(NaiveDate::parse_from_str(trimmed, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN)));
    let read = read.filter(|local| (2000..=2100).contains(&local.year()));
    if read.is_none() {
        let instead = if with_offset(trimmed).is_some() {
            "write it without the offset, as 2026-11-30T17:00: it is read in the schedule's zone"
        } else {
            "write it as 2026-11-30T17:00, between the years 2000 and 2100"
        };
        cx.error(node.at, format!("{path} \"{text}\" is not a date and time"), instead);
    }
    read
}

fn read_ical(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<(CalendarAt, Duration)> {
    let mut fields = Fields::of(node, path, cx)?;
    let (file, url) = (fields.get("file"), fields.get("url"));
    let refresh = match fields.get("refresh") {
        Some(node) => cx.duration(node, &format!("{path}.refresh"), REFRESH_MIN, REFRESH_MAX),
        None => Some(REFRESH),
    };
    let at = fields.at;
    fields.finish(&[("path", "write file"), ("every", "write refresh"), ("timezone", "write it in the schedule")], cx);
    let source = match (file, url) {
        (Some(node), None) => cx.word(node, &format!("{path}.file")).map(|name| CalendarAt::File(cx.path(&name))),
        (None, Some(node)) => {
            let text = secret::value(node, &format!("{path}.url"), cx)?;
            read_calendar_url(&text, &format!("{path}.url"), node.at, cx).map(|url| CalendarAt::Url(Phi::new(url)))
        }
        (Some(_), Some(node)) => {
            cx.error(node.at, format!("{path} has both file and url"), "keep one of the two");
            None
        }
        (None, None) => {
            cx.error(at, format!("{path} has neither file nor url"), "write where the calendar is");
            None
        }
    };
    Some((source?, refresh?))
}

/// The address is a key to the calendar: it is shown nowhere.
fn read_calendar_url(text: &str, path: &str, at: Place, cx: &mut Reading<'_>) -> Option<String> {
    let text = text.trim();
    let as_https = match text.get(..9) {
        Some(scheme) if scheme.eq_ignore_ascii_case("webcal://") => format!("https://{}", &text[9..]),
        _ => text.to_owned(),
    };
    match parse_url(&as_https) {
        Err(says) => {
            cx.error(at, format!("{path} {says}"), "write it as https://host/path.ics or webcal://host/path.ics");
            None
        }
        Ok(url) if url.scheme() == "http" && !url_is_loopback(&url) => {
            let what = format!("{path} is plain http to another machine");
            cx.error(at, what, "write https://: whoever changes the calendar on its way decides who is woken");
            None
        }
        Ok(_) => Some(as_https),
    }
}
