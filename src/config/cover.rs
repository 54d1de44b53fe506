//! `agencies[].cover`: what is asked of whoever takes a shift, and the sheet with what the API does not give.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;

use super::{
    Hours,
    reading::{Fields, Reading},
    tree::{Node, Place},
};
use crate::{
    model::TagId,
    report::cover::{Terms, Weights, sheet},
};

/// A sheet of an agency with ten thousand people is some megabytes.
const BYTES_MAX: u64 = 16 << 20;

/// What counts when nobody says; the week is the agency's.
pub fn usual(hours: &Hours) -> Arc<Terms> {
    let overtime_after = TimeDelta::from_std(hours.overtime_after).unwrap_or(TimeDelta::hours(40));
    Arc::new(Terms { overtime_after, week_starts: hours.week_starts, ..Terms::default() })
}

/// Reads `cover:`; what is not said is as shipped.
pub fn read(node: &Node, path: &str, tags: &[(String, TagId)], hours: &Hours, cx: &mut Reading<'_>) -> Arc<Terms> {
    let mut terms = Terms::clone(&usual(hours));
    let Some(mut fields) = Fields::of(node, path, cx) else { return Arc::new(terms) };
    let length = |fields: &mut Fields<'_>, key: &'static str, most: u64, cx: &mut Reading<'_>| {
        let path = fields.path(key);
        let node = fields.get(key)?;
        let read = cx.duration(node, &path, Duration::ZERO, Duration::from_hours(most))?;
        TimeDelta::from_std(read).ok()
    };
    if let Some(buffer) = length(&mut fields, "travel_buffer", 24, cx) {
        terms.travel_buffer = buffer;
    }
    if let Some(max) = length(&mut fields, "max_day", 24, cx) {
        terms.max_day = (!max.is_zero()).then_some(max);
    }
    if let Some(max) = length(&mut fields, "max_week", 168, cx) {
        terms.max_week = (!max.is_zero()).then_some(max);
    }
    let radius_path = fields.path("radius_miles");
    terms.radius_miles = fields.get("radius_miles").and_then(|node| {
        cx.number(node, &radius_path, "a number of miles above 0", |miles: &f64| *miles > 0.0 && miles.is_finite())
    });
    let requires_path = fields.path("requires");
    if let Some(node) = fields.get("requires") {
        terms.requires = read_requires(node, &requires_path, tags, cx);
    }
    let weights_path = fields.path("weights");
    if let Some(node) = fields.get("weights") {
        terms.weights = read_weights(node, &weights_path, cx);
    }
    let file_path = fields.path("file");
    if let Some(node) = fields.get("file")
        && let Some(written) = cx.word(node, &file_path)
    {
        terms.sheet = read_sheet(&written, node.at, &file_path, cx);
    }
    fields.finish(&[], cx);
    Arc::new(terms)
}

/// `requires: {dementia: [dementia-trained]}`.
fn read_requires(
    node: &Node,
    path: &str,
    tags: &[(String, TagId)],
    cx: &mut Reading<'_>,
) -> Vec<(String, Vec<String>)> {
    let Some(fields) = Fields::of(node, path, cx) else { return Vec::new() };
    let mut requires = Vec::new();
    for (key, node) in fields.entries() {
        let path = format!("{path}.{}", key.text);
        if !key.text.chars().all(|c| c.is_ascii_digit()) && !tags.iter().any(|(name, _)| *name == key.text) {
            cx.warn(node.at, format!("{path}: no tag is called {}", key.text), "name it in tags: of this agency");
        }
        let needed = cx.words(node, &path).unwrap_or_default();
        requires.push((key.text.clone(), needed.into_iter().map(|(text, _)| text).collect()));
    }
    requires
}

fn read_weights(node: &Node, path: &str, cx: &mut Reading<'_>) -> Weights {
    let mut weights = Weights::default();
    let Some(mut fields) = Fields::of(node, path, cx) else { return weights };
    for (key, weight) in [
        ("worked_before", &mut weights.worked_before),
        ("asked_for", &mut weights.asked_for),
        ("distance", &mut weights.distance),
        ("overtime", &mut weights.overtime),
        ("reliability", &mut weights.reliability),
        ("answers_texts", &mut weights.answers_texts),
        ("wants_hours", &mut weights.wants_hours),
        ("recency", &mut weights.recency),
    ] {
        let path = fields.path(key);
        let Some(node) = fields.get(key) else { continue };
        let read = cx.number(node, &path, "a whole number from 0 to 1000", |points: &u32| *points <= 1000);
        *weight = read.unwrap_or(*weight);
    }
    fields.finish(&[], cx);
    weights
}

/// A sheet with a fault is no sheet: half of it could send somebody who must not be sent.
fn read_sheet(written: &str, at: Place, path: &str, cx: &mut Reading<'_>) -> sheet::Sheet {
    let file = cx.path(written);
    cx.reads(&file);
    let is_small = std::fs::metadata(&file).is_ok_and(|about| about.is_file() && about.len() <= BYTES_MAX);
    let text = match std::fs::read(&file) {
        Ok(bytes) if is_small => String::from_utf8(bytes),
        Ok(_) => {
            cx.error(at, format!("{path}: {written} is no file of at most 16 MiB"), "write a CSV file");
            return sheet::Sheet::default();
        }
        Err(fault) => {
            let what = format!("{path}: {written} cannot be read ({})", fault.kind());
            cx.error(at, what, "write a file that exists and that this user may read, or leave the line out");
            return sheet::Sheet::default();
        }
    };
    let Ok(text) = text else {
        cx.error(at, format!("{path}: {written} is not written in UTF-8"), "save it as CSV in UTF-8");
        return sheet::Sheet::default();
    };
    let (sheet, bad) = sheet::read(&text);
    let dir = file.parent().map(std::path::Path::to_owned).unwrap_or_default();
    let mut beside = cx.beside(&file, &dir);
    for cell in bad {
        beside.error(Place { line: cell.line, column: cell.column }, cell.what, cell.instead);
    }
    cx.faults.append(&mut beside.faults);
    sheet
}
