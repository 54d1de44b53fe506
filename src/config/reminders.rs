//! `agencies[].reminders`: texts to caregivers who asked for them. None without it.

use std::{collections::BTreeSet, time::Duration};

use chrono::{NaiveTime, TimeDelta};

use super::{
    reading::{Fields, Reading},
    time_intervals::minute_of_day,
    tree::{Node, Value},
};
use crate::model::CaregiverId;

/// Longer ahead, or later, is no reminder.
const LONGEST: Duration = Duration::from_hours(24);

/// Who is reminded of what, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminders {
    /// So long before the start; `None` = not.
    pub before: Option<TimeDelta>,
    /// So long after the start without a check-in; `None` = not.
    pub check_in: Option<TimeDelta>,
    /// So long after the end without a check-out; `None` = not.
    pub check_out: Option<TimeDelta>,
    /// From when on, on the client's wall clock, texts that can wait are sent.
    pub from: NaiveTime,
    /// Until when.
    pub to: NaiveTime,
    /// Who asked for reminders, by the vendor's ids. Nobody else gets any.
    pub people: BTreeSet<CaregiverId>,
}

/// Reads `reminders:`.
pub fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Reminders> {
    let mut fields = Fields::of(node, path, cx)?;
    let mut after = |key: &'static str, usual: i64, cx: &mut Reading<'_>| {
        let key_path = fields.path(key);
        let Some(node) = fields.get(key) else { return Some(TimeDelta::minutes(usual)) };
        if matches!(&node.value, Value::Scalar { text, .. } if text == "off") {
            return None;
        }
        let span = cx.duration(node, &key_path, Duration::from_secs(1), LONGEST)?;
        TimeDelta::from_std(span).ok()
    };
    let (before, check_in, check_out) = (after("before", 60, cx), after("check_in", 5, cx), after("check_out", 15, cx));
    let hours_path = fields.path("hours");
    let usual = (NaiveTime::from_hms_opt(8, 0, 0)?, NaiveTime::from_hms_opt(21, 0, 0)?);
    let (from, to) = match fields.get("hours") {
        None => usual,
        Some(node) => read_hours(node, &hours_path, cx).unwrap_or(usual),
    };
    let people_path = fields.path("people");
    let people = fields
        .need(
            "people",
            "list the WellSky ids of the caregivers who asked for reminders, or {file: …} with one a line",
            cx,
        )
        .map(|node| read_people(node, &people_path, cx));
    fields.finish(&[], cx);
    Some(Reminders { before, check_in, check_out, from, to, people: people? })
}

/// `"08:00-21:00"`.
fn read_hours(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<(NaiveTime, NaiveTime)> {
    let text = cx.word(node, path)?;
    let time = |text: &str| {
        let minute = u32::from(minute_of_day(text.trim())?);
        NaiveTime::from_num_seconds_from_midnight_opt(minute * 60 % 86_400, 0)
    };
    let hours = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
    if hours.is_none() {
        let what = format!("{path} \"{text}\" is no stretch of the day");
        cx.error(node.at, what, "write it as \"08:00-21:00\", in quotation marks");
    }
    hours
}

fn read_people(node: &Node, path: &str, cx: &mut Reading<'_>) -> BTreeSet<CaregiverId> {
    if let Value::Map(_) = node.value {
        return read_file(node, path, cx).unwrap_or_default();
    }
    let ids = cx.words(node, path).unwrap_or_default();
    ids.into_iter().map(|(id, _)| CaregiverId::new(id)).collect()
}

/// One id a line; what follows a `#` or a comma is for people.
fn read_file(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<BTreeSet<CaregiverId>> {
    let mut fields = Fields::of(node, path, cx)?;
    let file_node = fields.need("file", "write {file: reminders.txt}", cx);
    fields.finish(&[], cx);
    let file_node = file_node?;
    let name = cx.word(file_node, &format!("{path}.file"))?;
    let file = cx.path(&name);
    cx.reads(&file);
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let ids = text.lines().map(|line| line.split(['#', ',']).next().unwrap_or_default().trim());
            Some(ids.filter(|id| !id.is_empty()).map(CaregiverId::new).collect())
        }
        Err(error) => {
            let what = format!("{path}.file {} cannot be read ({})", file.display(), error.kind());
            cx.error(file_node.at, what, "write a file that exists and that this user may read");
            None
        }
    }
}
