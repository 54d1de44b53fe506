//! Searches and lists: which rows, which page of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};
use serde_json::Value;

use super::{
    Vendor, charges, gate,
    paging::{COUNT_MAX, page},
    shapes::Pen,
};
use crate::{
    model::Instant,
    sim::{
        edge::{Call, Reply},
        switches::{ActiveFilter, CancelShape, DateDay, EncounterScope, Endpoint, Switches},
        world::{Appointment, Encounter, Patient, Phone, Practitioner, World, later, wall},
    },
};

/// Filters by name. A number in a JSON body counts as its text.
pub(super) type Filters = BTreeMap<String, String>;

impl Vendor {
    pub(super) fn search(&self, world: &World, call: &Call, endpoint: Endpoint) -> Reply {
        let query = call.query();
        let mut filters: Filters = query.iter().filter(|(key, _)| !key.starts_with('_')).cloned().collect();
        if call.method == "POST" {
            match serde_json::from_slice::<Value>(&call.body) {
                Ok(Value::Object(map)) => filters.extend(map.into_iter().filter_map(|(key, value)| match value {
                    Value::String(text) => Some((key, text)),
                    Value::Null => None,
                    other => Some((key, other.to_string())),
                })),
                _ if call.body.is_empty() => {}
                _ => return Reply::json(400, &serde_json::json!({ "error": "Malformed JSON" })),
            }
        }
        let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.parse::<usize>());
        let count = match asked("_count") {
            _ if *self.switches.count_ignored.of(endpoint) => default_count(endpoint),
            None => default_count(endpoint),
            Some(Ok(count)) if (1..=COUNT_MAX).contains(&count) => count,
            Some(Ok(count)) if count > COUNT_MAX && !self.switches.count_strict => COUNT_MAX,
            Some(_) => return gate::invalid("Validation failed: _count must be between 1 and 100"),
        };
        let nth = match asked("_page") {
            None => None,
            Some(Ok(nth)) => Some(nth),
            Some(Err(_)) => return gate::invalid("Validation failed: _page must be a number"),
        };
        let sort = query.iter().find(|(key, _)| key == "_sort").map(|(_, value)| value.as_str());
        let base = *self.switches.page_base.of(endpoint);
        let pen = Pen { switches: &self.switches, world };
        match endpoint {
            Endpoint::Patients => {
                let shrinks = self.switches.agency_query_shrinks && filters.contains_key("agencyId");
                let active_kills =
                    self.switches.patients_active_filter == ActiveFilter::ReturnsZero && filters.contains_key("active");
                let rows: Vec<&Patient> = if active_kills {
                    Vec::new()
                } else {
                    let step = if shrinks { 10 } else { 1 };
                    world.patients().filter(|row| patient_matches(row, &filters, world)).step_by(step).collect()
                };
                let (range, total) = page(base, nth, count, rows.len());
                let rows = rows.get(range).unwrap_or_default().iter().enumerate();
                let rows = rows.map(|(n, row)| pen.spoil(endpoint, &row.id, n, pen.patient(row, n))).collect();
                Reply::json(200, &pen.bundle(endpoint, rows, total))
            }
            Endpoint::Practitioners => {
                let step = if self.switches.agency_query_shrinks && filters.contains_key("agencyId") { 10 } else { 1 };
                let rows: Vec<&Practitioner> = world
                    .practitioners()
                    .filter(|row| practitioner_matches(row, &filters, world))
                    .step_by(step)
                    .collect();
                let (range, total) = page(base, nth, count, rows.len());
                let rows = rows.get(range).unwrap_or_default().iter().enumerate();
                let rows = rows.map(|(n, row)| pen.spoil(endpoint, &row.id, n, pen.practitioner(row, n))).collect();
                Reply::json(200, &pen.bundle(endpoint, rows, total))
            }
            Endpoint::Appointment => match shifts(&self.switches, world, &filters) {
                Err(why) => gate::invalid(why),
                Ok(rows) => {
                    let (range, total) = page(base, nth, count, rows.len());
                    let rows = rows.get(range).unwrap_or_default().iter().enumerate();
                    let rows =
                        rows.map(|(n, row)| pen.spoil(endpoint, &row.client, n, pen.appointment(row, n))).collect();
                    Reply::json(200, &pen.bundle(endpoint, rows, total))
                }
            },
            Endpoint::Encounter => match visits(&self.switches, world, &filters, sort) {
                Err(why) => gate::invalid(why),
                Ok(rows) => {
                    let (range, total) = page(base, nth, count, rows.len());
                    let rows = rows.get(range).unwrap_or_default().iter().enumerate();
                    let rows =
                        rows.map(|(n, row)| pen.spoil(endpoint, &row.client, n, pen.encounter(row, n))).collect();
                    Reply::json(200, &pen.bundle(endpoint, rows, total))
                }
            },
            Endpoint::Locations => {
                let rows = world.locations();
                let (range, total) = page(base, nth, count, rows.len());
                let rows = rows.get(range).unwrap_or_default().iter().enumerate().map(|(n, row)| {
                    serde_json::json!({ "resourceType": "Location", "id": pen.id(endpoint, &row.id, n), "name": format!(" {} ", row.name) })
                });
                Reply::json(200, &pen.bundle(endpoint, rows.collect(), total))
            }
            Endpoint::ChargeItem => match charges::found(&self.switches, world, call, &filters) {
                Err(why) => gate::invalid(why),
                Ok(rows) => {
                    let (range, total) = page(base, nth, count, rows.len());
                    let rows = rows.get(range).unwrap_or_default().iter().enumerate();
                    let rows =
                        rows.map(|(n, row)| pen.spoil(endpoint, &row.id, n, charges::written(&pen, row, n))).collect();
                    Reply::json(200, &pen.bundle(endpoint, rows, total))
                }
            },
            Endpoint::Token | Endpoint::Other => gate::no_route(call),
        }
    }
}

const fn default_count(endpoint: Endpoint) -> usize {
    if matches!(endpoint, Endpoint::Encounter) { 30 } else { 20 }
}

/// Whether the vendor shows a visit yet.
pub(super) fn visible(switches: &Switches, world: &World, visit: &Encounter) -> bool {
    let delay_s = i64::try_from(switches.encounter_delay_s).unwrap_or(i64::MAX);
    delay_s == 0 || later(visit.recorded_at, delay_s) <= world.now()
}

/// The half-open span of instants that days of the calendar cover.
pub(super) fn days_span(switches: &Switches, world: &World, first: NaiveDate, n_days: u64) -> (Instant, Instant) {
    let after = first.checked_add_days(Days::new(n_days)).unwrap_or(first);
    let at = |date: NaiveDate| match switches.date_day {
        DateDay::Local => wall(world.zone(), date.and_time(NaiveTime::MIN)),
        DateDay::Utc => date.and_time(NaiveTime::MIN).and_utc(),
    };
    (at(first), at(after))
}

pub(super) fn date(text: &str) -> Option<NaiveDate> {
    let eight_digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
    if eight_digits { NaiveDate::parse_from_str(text, "%Y%m%d").ok() } else { None }
}

fn shifts<'a>(switches: &Switches, world: &'a World, filters: &Filters) -> Result<Vec<&'a Appointment>, &'static str> {
    let client = filters.get("clientId").filter(|it| !it.is_empty());
    let caregiver = filters.get("caregiverId").filter(|it| !it.is_empty());
    if client.is_none() && caregiver.is_none() {
        return Err("Validation failed: clientId or caregiverId is required");
    }
    let (from, to) = if let Some(first) = filters.get("startDate") {
        let first = date(first).ok_or("Validation failed: startDate must be YYYYMMDD")?;
        let more = match filters.get("additionalDays").map(|it| it.parse::<u64>()) {
            None => 0,
            Some(Ok(days)) if days <= 6 => days,
            Some(Ok(_)) if !switches.additional_days_strict => 6,
            Some(_) => return Err("Validation failed: additionalDays must be between 0 and 6"),
        };
        days_span(switches, world, first, more + 1)
    } else if filters.contains_key("additionalDays") {
        return Err("Validation failed: additionalDays needs startDate");
    } else if let Some(month) = filters.get("monthNo") {
        let first = Some(month).filter(|it| it.len() == 6).and_then(|it| date(&format!("{it}01")));
        let first = first.ok_or("Validation failed: monthNo must be YYYYMM")?;
        let n_days = first.checked_add_months(chrono::Months::new(1)).map_or(31, |next| (next - first).num_days());
        days_span(switches, world, first, n_days.unsigned_abs())
    } else if let Some(week) = filters.get("weekNo") {
        let first = Some(week)
            .filter(|it| it.len() == 6 && it.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|it| Some((it.get(..4)?.parse().ok()?, it.get(4..)?.parse().ok()?)))
            .and_then(|(year, week)| NaiveDate::from_isoywd_opt(year, week, chrono::Weekday::Mon));
        days_span(switches, world, first.ok_or("Validation failed: weekNo must be YYYYWW")?, 7)
    } else {
        return Err("Validation failed: one of startDate, weekNo or monthNo is required");
    };
    if switches.all_empty {
        return Ok(Vec::new());
    }
    let inside = |row: &Appointment| {
        let begins = if switches.day_by_overlap { row.end > from } else { row.start >= from };
        begins && row.start < to && !(row.cancelled && switches.cancel_shape == CancelShape::Removed)
    };
    let rows = match (client, caregiver) {
        (Some(client), caregiver) => world
            .shifts_of(client)
            .filter(|row| inside(row))
            .filter(|row| caregiver.is_none_or(|id| row.caregiver.as_ref() == Some(id)))
            .collect(),
        (None, Some(caregiver)) => world.shifts_by(caregiver).filter(|row| inside(row)).collect(),
        (None, None) => Vec::new(),
    };
    Ok(rows)
}

fn visits<'a>(
    switches: &Switches,
    world: &'a World,
    filters: &Filters,
    sort: Option<&str>,
) -> Result<Vec<&'a Encounter>, &'static str> {
    let day = |name: &str| match filters.get(name) {
        None => Ok(None),
        Some(text) => date(text).map(Some).ok_or("Validation failed: startDate and endDate must be YYYYMMDD"),
    };
    let (first, last) = (day("startDate")?, day("endDate")?);
    let client = filters.get("clientId").filter(|it| !it.is_empty());
    let caregiver = filters.get("caregiverId").filter(|it| !it.is_empty());
    if client.is_none() && caregiver.is_none() {
        match switches.encounter_scope {
            EncounterScope::NeedsId => return Err("Validation failed: clientId or caregiverId is required"),
            EncounterScope::Empty => return Ok(Vec::new()),
            EncounterScope::AgencyWide => {}
        }
    }
    let from = first.map(|first| days_span(switches, world, first, 1).0);
    let to = last.map(|last| days_span(switches, world, last, 1).1);
    let inside = |row: &&Encounter| {
        from.is_none_or(|from| row.start >= from)
            && to.is_none_or(|to| row.start < to)
            && caregiver.is_none_or(|id| row.caregiver.as_ref() == Some(id))
            && visible(switches, world, row)
    };
    let mut rows: Vec<&Encounter> = match client {
        Some(client) => world.visits_of(client).filter(inside).collect(),
        None => world.visits().filter(inside).collect(),
    };
    match sort {
        Some("-startDate") => rows.sort_by_key(|row| std::cmp::Reverse(row.start)),
        Some("-endDate") => rows.sort_by_key(|row| std::cmp::Reverse(row.end)),
        Some("endDate") => rows.sort_by_key(|row| row.end),
        _ => rows.sort_by_key(|row| row.start),
    }
    Ok(rows)
}

/// Whether `at` satisfies `ge2026-07-01`, `lt2026-07-01T00:00:00` and the like. A stamp nobody has satisfies nothing.
fn stamp_matches(at: Option<Instant>, filter: &str) -> bool {
    let (prefix, text) = match filter.get(..2) {
        Some(prefix @ ("lt" | "gt" | "le" | "ge" | "eq")) => (prefix, filter.get(2..).unwrap_or_default()),
        _ => ("eq", filter),
    };
    let bound = DateTime::parse_from_rfc3339(text)
        .map(|at| at.to_utc())
        .ok()
        .or_else(|| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok().map(|at| at.and_utc()))
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|date| date.and_time(NaiveTime::MIN).and_utc())
        });
    let (Some(at), Some(bound)) = (at, bound) else { return false };
    match prefix {
        "lt" => at < bound,
        "le" => at <= bound,
        "gt" => at > bound,
        "ge" => at >= bound,
        _ => at == bound,
    }
}

fn phone_matches(phones: &[Phone], slot: &str, number: &str) -> bool {
    phones.iter().any(|phone| phone.slot == slot && phone.number == number)
}

/// A filter nobody knows lets every row pass, as the vendor is believed to do.
fn patient_matches(row: &Patient, filters: &Filters, world: &World) -> bool {
    filters.iter().all(|(name, value)| match name.as_str() {
        "first_name" => row.given.eq_ignore_ascii_case(value),
        "last_name" | "family" => row.family.eq_ignore_ascii_case(value),
        "last_name:contains" => row.family.to_lowercase().contains(&value.to_lowercase()),
        "city" => row.city.eq_ignore_ascii_case(value),
        "gender" => row.gender == *value,
        "active" => row.active.to_string() == *value,
        "agency_id" => world.agency() == value,
        "home_phone" => phone_matches(&row.phones, "home", value),
        "mobile_phone" => phone_matches(&row.phones, "mobile", value),
        "work_phone" => phone_matches(&row.phones, "work", value),
        "tags" => value.split(',').all(|tag| row.tags.iter().any(|it| it == tag)),
        "created" => stamp_matches(row.created_at, value),
        "updated" => stamp_matches(row.updated_at, value),
        _ => true,
    })
}

fn practitioner_matches(row: &Practitioner, filters: &Filters, world: &World) -> bool {
    filters.iter().all(|(name, value)| match name.as_str() {
        "first_name" => row.given.eq_ignore_ascii_case(value),
        "last_name" | "family" => row.family.eq_ignore_ascii_case(value),
        "last_name:contains" => row.family.to_lowercase().contains(&value.to_lowercase()),
        "city" => row.city.eq_ignore_ascii_case(value),
        "active" => row.active.to_string() == *value,
        "is_hired" => row.is_hired.is_some_and(|hired| hired.to_string() == *value),
        "agency_id" => world.agency() == value,
        "mobile_phone" => phone_matches(&row.phones, "mobile", value),
        "tags" => value.split(',').all(|tag| row.tags.iter().any(|it| it == tag)),
        "created" => stamp_matches(row.created_at, value),
        "updated" => stamp_matches(row.updated_at, value),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::stamp_matches;

    #[test]
    fn stamps_are_compared_as_their_prefix_says() {
        let at = DateTime::parse_from_rfc3339("2026-07-01T12:00:00Z").expect("an instant").to_utc();
        // (filter, a second before, at, a second after)
        let table = [
            ("ge2026-07-01T12:00:00", false, true, true),
            ("gt2026-07-01T12:00:00", false, false, true),
            ("le2026-07-01T12:00:00Z", true, true, false),
            ("lt2026-07-01T12:00:00", true, false, false),
            ("eq2026-07-01T12:00:00", false, true, false),
            ("2026-07-01T12:00:00", false, true, false),
            ("ge2026-07-02", false, false, false),
            ("ge2026-07-01", true, true, true),
            ("ge-nonsense", false, false, false),
            ("é", false, false, false),
        ];
        for (filter, before, exactly, after) in table {
            let s = TimeDelta::seconds(1);
            let got = [at - s, at, at + s].map(|at| stamp_matches(Some(at), filter));
            assert_eq!(got, [before, exactly, after], "{filter}");
        }
        assert!(!stamp_matches(None, "ge2026-07-01"), "no stamp satisfies nothing");
    }
}
