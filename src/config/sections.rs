//! `agencies[].wellsky.sections`: what is read beside the watch, and how often.

use std::time::Duration;

use super::{
    reading::{Fields, Reading},
    tree::{Node, Value},
};
use crate::details::{Activities, ChargeItems, Sections, ShiftTasks, TaskLogs};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// Visits are in memory for eight days.
const DAYS_MAX: u32 = 8;

/// Reads `sections:`. A section is on when its key is there; `off` says that it is not.
pub fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Sections {
    let mut sections = Sections::default();
    let Some(mut fields) = Fields::of(node, path, cx) else { return sections };
    if let Some(fields) = open(&mut fields, "shift_tasks", path, cx) {
        fields.finish(&[("every", "tasks come with the shifts, at the watch's own pace: write shift_tasks: {}")], cx);
        sections.shift_tasks = Some(ShiftTasks);
    }
    if let Some(mut inner) = open(&mut fields, "task_logs", path, cx) {
        let again_path = inner.path("again");
        let again = inner.get("again").map(|node| cx.duration(node, &again_path, HOUR, 7 * DAY));
        let days_path = inner.path("days");
        let days = inner.get("days").map(|node| {
            cx.number(node, &days_path, "a whole number from 1 to 8", |days: &u32| (1..=DAYS_MAX).contains(days))
        });
        inner.finish(&[], cx);
        if let (Some(again), Some(days)) = (again.unwrap_or(Some(12 * HOUR)), days.unwrap_or(Some(3))) {
            sections.task_logs = Some(TaskLogs { again, days });
        }
    }
    if let Some(mut inner) = open(&mut fields, "activities", path, cx) {
        let every = every(&mut inner, HOUR, cx);
        inner.finish(&[], cx);
        sections.activities = every.map(|every| Activities { every });
    }
    if let Some(mut inner) = open(&mut fields, "chargeitems", path, cx) {
        let again_path = inner.path("again");
        let again = inner.get("again").map(|node| cx.duration(node, &again_path, HOUR, 7 * DAY));
        inner.finish(
            &[("every", "charges are read when hours are asked for with --read, and each night (hours.reread_at)")],
            cx,
        );
        sections.charges = again.unwrap_or(Some(12 * HOUR)).map(|again| ChargeItems { again });
    }
    if fields.get("locations").is_some() {
        sections.locations = None;
        if let Some(mut inner) = open(&mut fields, "locations", path, cx) {
            sections.locations = every(&mut inner, 10 * MINUTE, cx);
            inner.finish(&[], cx);
        }
    }
    fields.finish(&[("care_plans", "no way to read one client's care plan is known: remove it")], cx);
    sections
}

/// What stands under a section's key; `None` where the section is off.
fn open<'n>(fields: &mut Fields<'n>, key: &'static str, path: &str, cx: &mut Reading<'_>) -> Option<Fields<'n>> {
    let node = fields.get(key)?;
    match &node.value {
        Value::Scalar { text, .. } if text == "off" => None,
        Value::Null => {
            cx.error(node.at, format!("{path}.{key} is empty"), format!("write {key}: {{}} to read it, or {key}: off"));
            None
        }
        _ => Fields::of(node, format!("{path}.{key}"), cx),
    }
}

/// `every`, a day when nobody says.
fn every(fields: &mut Fields<'_>, least: Duration, cx: &mut Reading<'_>) -> Option<Duration> {
    let path = fields.path("every");
    fields.get("every").map_or(Some(DAY), |node| cx.duration(node, &path, least, 30 * DAY))
}
