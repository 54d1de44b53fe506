//! How the world's rows are written on the wire, under the switches of the day.

use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::{
    model::Instant,
    sim::{
        switches::{
            AppointmentLink, AppointmentTime, CancelShape, ClientStatusTag, EncounterTime, Endpoint, IdType, Malformed,
            OpenShape, ParticipantShape, Switches, TotalField, Wrap,
        },
        world::{Appointment, Encounter, Patient, Phone, Practitioner, World, later},
    },
};

/// What every shape needs to know.
pub(super) struct Pen<'a> {
    pub(super) switches: &'a Switches,
    pub(super) world: &'a World,
}

impl Pen<'_> {
    /// An id, as the endpoint's switch says; the `nth` of a page for the mixed kinds.
    pub(super) fn id(&self, endpoint: Endpoint, id: &str, nth: usize) -> Value {
        let as_number = match self.switches.id_type.of(endpoint) {
            IdType::String => false,
            IdType::Number => true,
            IdType::Mixed => nth % 2 == 1,
        };
        match id.parse::<u64>() {
            Ok(number) if as_number => json!(number),
            _ => json!(id),
        }
    }

    fn reference(&self, kind: &str, id: &str) -> String {
        if self.switches.bare_references { id.to_owned() } else { format!("{kind}/{id}") }
    }

    pub(super) fn patient(&self, row: &Patient, nth: usize) -> Value {
        let mut tags = Vec::new();
        if let Some(is_client) = row.is_client {
            tags.push(tag("isClient", &is_client.to_string()));
        }
        tags.push(tag("agencyId", self.world.agency()));
        match self.switches.client_status_tag {
            ClientStatusTag::Number => tags.push(tag("status", &row.status.to_string())),
            ClientStatusTag::NoneText => tags.push(tag("status", "None")),
            ClientStatusTag::Absent => {}
        }
        common_tags(&mut tags, row.location.as_deref(), &row.tags, row.created_at);
        let mut resource = json!({
            "resourceType": "Patient",
            "id": self.id(Endpoint::Patients, &row.id, nth),
            "active": row.active,
            "name": [name(&row.given, &row.family, nth.is_multiple_of(3).then(|| row.full_name()))],
            "telecom": telecom(&row.phones, &row.email),
            "address": [{ "use": "home", "line": [row.street], "city": row.city, "state": "NY", "postalCode": "00000" }],
            "gender": row.gender,
            "birthDate": row.born,
            "communication": [{ "coding": [{ "code": "en-us", "display": "English" }] }],
            "meta": { "tag": tags },
        });
        self.extra(&mut resource);
        resource
    }

    pub(super) fn practitioner(&self, row: &Practitioner, nth: usize) -> Value {
        let mut tags = Vec::new();
        if let Some(is_hired) = row.is_hired {
            tags.push(tag("isHired", &is_hired.to_string()));
        }
        tags.push(tag("agencyId", self.world.agency()));
        tags.push(tag("status", &row.status.to_string()));
        common_tags(&mut tags, row.location.as_deref(), &row.tags, row.created_at);
        let mut resource = json!({
            "resourceType": "Practitioner",
            "id": self.id(Endpoint::Practitioners, &row.id, nth),
            "active": row.active,
            "name": [name(&row.given, &row.family, None)],
            "telecom": telecom(&row.phones, &row.email),
            "address": [{ "use": "home", "city": row.city, "state": "NY", "postalCode": "00000" }],
            "communication": [{ "coding": [{ "code": row.language, "display": row.language }] }],
            "meta": { "tag": tags },
        });
        self.extra(&mut resource);
        resource
    }

    pub(super) fn appointment(&self, row: &Appointment, nth: usize) -> Value {
        let mut status = row.status.clone().unwrap_or_else(|| "SCHEDULED".into());
        if row.status.is_none() && self.switches.appointment_follows_visit {
            let visit = self
                .world
                .visits_of(&row.client)
                .filter(|it| it.shift.as_deref() == Some(&row.id) && it.shift_start == Some(row.start))
                .last();
            match visit {
                Some(visit) if visit.end.is_some() => status = "COMPLETED".into(),
                Some(_) => status = "IN_PROGRESS".into(),
                None => {}
            }
        }
        if row.cancelled {
            status = match self.switches.cancel_shape {
                CancelShape::Canceled => "CANCELED".into(),
                CancelShape::Cancelled | CancelShape::Removed => "CANCELLED".into(),
            };
        }
        let caregiver = match &row.caregiver {
            Some(id) => Some(json!({ "id": self.id(Endpoint::Appointment, id, nth) })),
            None => self.nobody(nth, &mut status),
        };
        let marker = self.world.marker();
        let mut resource = json!({
            "resourceType": "Appointment",
            "id": self.id(Endpoint::Appointment, &row.id, nth),
            "client": { "id": self.id(Endpoint::Appointment, &row.client, nth) },
            "start": self.appointment_time(row.start),
            "end": self.appointment_time(row.end),
            "status": status,
            "position": { "latitude": 40.0, "longitude": -75.0 },
            "scheduledItems": [{ "id": "31", "name": format!("{marker}Meal Preparation") }],
            "tasks": [{ "id": "61", "description": format!("{marker}Prepare lunch"), "status": "NOT_COMPLETE" }],
        });
        if let (Some(caregiver), Value::Object(map)) = (caregiver, &mut resource) {
            map.insert("caregiver".into(), caregiver);
        }
        self.extra(&mut resource);
        resource
    }

    /// What stands where a caregiver would; `None` = nothing at all.
    fn nobody(&self, nth: usize, status: &mut String) -> Option<Value> {
        const ALL: [OpenShape; 7] = [
            OpenShape::EmptyObject,
            OpenShape::Null,
            OpenShape::Absent,
            OpenShape::IdNull,
            OpenShape::IdEmpty,
            OpenShape::IdZero,
            OpenShape::IdZeroText,
        ];
        let shape = match self.switches.open_shape {
            OpenShape::Mixed => ALL.get(nth % ALL.len()).copied().unwrap_or_default(),
            shape => shape,
        };
        match shape {
            OpenShape::EmptyObject | OpenShape::Mixed => Some(json!({})),
            OpenShape::Null => Some(Value::Null),
            OpenShape::Absent => None,
            OpenShape::IdNull => Some(json!({ "id": null })),
            OpenShape::IdEmpty => Some(json!({ "id": "" })),
            OpenShape::IdZero => Some(json!({ "id": 0 })),
            OpenShape::IdZeroText => Some(json!({ "id": "0" })),
            OpenShape::StatusOpen => {
                "OPEN".clone_into(status);
                Some(json!({}))
            }
        }
    }

    pub(super) fn encounter(&self, row: &Encounter, nth: usize) -> Value {
        let now = self.world.now();
        let delay_s = i64::try_from(self.switches.encounter_delay_s).unwrap_or(i64::MAX);
        let end = row.end.filter(|_| delay_s == 0 || row.closed_at.is_none_or(|closed| later(closed, delay_s) <= now));
        let mut status = if end.is_some() { "COMPLETE" } else { "IN_PROGRESS" }.to_owned();
        if self.switches.encounter_status_lower {
            status.make_ascii_lowercase();
        }
        let subject = self.world.patient(&row.client).map(Patient::full_name);
        let mut resource = json!({
            "resourceType": "Encounter",
            "id": self.id(Endpoint::Encounter, &row.id, nth),
            "status": status,
            "subject": { "reference": self.reference("Patient", &row.client), "display": subject },
            "period": { "start": self.encounter_time(row.start), "end": end.map(|at| self.encounter_time(at)) },
            "rates": {
                "payRate": [{ "id": "11", "amount": 18.5, "method": "Hourly" }],
                "billRate": [{ "id": "12", "amount": 30.0, "method": "Hourly" }],
            },
        });
        if let Value::Object(map) = &mut resource {
            if let Some(caregiver) = &row.caregiver {
                let display = self.world.practitioner(caregiver).map(Practitioner::full_name);
                let who = json!({ "reference": self.reference("Practitioner", caregiver), "display": display });
                match self.switches.participant_shape {
                    ParticipantShape::ObjectCapital => {
                        drop(map.insert("participant".into(), json!({ "Individual": [who] })));
                    }
                    ParticipantShape::ObjectLower => {
                        drop(map.insert("participant".into(), json!({ "individual": [who] })));
                    }
                    ParticipantShape::FhirArray => {
                        drop(map.insert("participant".into(), json!([{ "individual": who }])));
                    }
                    ParticipantShape::Absent => {}
                }
            }
            if let Some(shift) = &row.shift {
                let link = json!({ "reference": self.reference("Appointment", shift) });
                match self.switches.appointment_link {
                    AppointmentLink::Object => drop(map.insert("appointment".into(), link)),
                    AppointmentLink::List => drop(map.insert("appointment".into(), json!([link]))),
                    AppointmentLink::Bare => drop(map.insert("appointment".into(), json!({ "reference": shift }))),
                    AppointmentLink::Absent => {}
                }
            }
        }
        self.extra(&mut resource);
        resource
    }

    fn appointment_time(&self, at: Instant) -> String {
        match self.switches.appointment_time {
            AppointmentTime::OffsetZero => at.to_rfc3339_opts(SecondsFormat::Secs, false),
            AppointmentTime::Z => at.to_rfc3339_opts(SecondsFormat::Secs, true),
            AppointmentTime::Offset => local(at, self.world.zone()).to_rfc3339_opts(SecondsFormat::Secs, false),
            AppointmentTime::NaiveUtc => naive(&at),
        }
    }

    fn encounter_time(&self, at: Instant) -> String {
        self.time(self.switches.encounter_time, at)
    }

    pub(super) fn charge_time(&self, at: Instant) -> String {
        self.time(self.switches.charge_time, at)
    }

    fn time(&self, shape: EncounterTime, at: Instant) -> String {
        match shape {
            EncounterTime::NaiveUtc => naive(&at),
            EncounterTime::NaiveLocal => naive(&local(at, self.world.zone())),
            EncounterTime::Z => at.to_rfc3339_opts(SecondsFormat::Secs, true),
            EncounterTime::Offset => local(at, self.world.zone()).to_rfc3339_opts(SecondsFormat::Secs, false),
            EncounterTime::OffsetZero => at.to_rfc3339_opts(SecondsFormat::Secs, false),
        }
    }

    fn extra(&self, resource: &mut Value) {
        if let (true, Value::Object(map)) = (self.switches.extra_fields, resource) {
            map.insert("_unheardOf".into(), json!({ "nested": [1, { "deep": null }], "text": "\u{0000}\u{202e}" }));
            map.insert("tasks".into(), Value::Null);
            map.insert("rates".into(), Value::Null);
            map.insert("communication".into(), Value::Null);
        }
    }

    /// Spoils a row as the switch says: the first of a page, or those of `about`.
    pub(super) fn spoil(&self, endpoint: Endpoint, about: &str, nth: usize, row: Value) -> Value {
        let hit =
            if self.switches.malformed_about.is_empty() { nth == 0 } else { self.switches.malformed_about == about };
        let malformed = *self.switches.malformed.of(endpoint);
        if !hit || malformed == Malformed::No {
            return row;
        }
        let field = match endpoint {
            Endpoint::Appointment => "start",
            Endpoint::Encounter => "period",
            Endpoint::ChargeItem => "occurrencePeriod",
            _ => "id",
        };
        match (malformed, row) {
            (Malformed::NotAnObject, _) => json!("row could not be rendered"),
            (Malformed::Garbage, Value::Object(mut map)) => {
                let nonsense = if field == "id" { json!({ "weird": [] }) } else { json!("not-a-date") };
                map.insert(field.into(), nonsense);
                Value::Object(map)
            }
            (Malformed::Missing, Value::Object(mut map)) => {
                map.remove(field);
                Value::Object(map)
            }
            (_, row) => row,
        }
    }

    /// A bundle of rows.
    pub(super) fn bundle(&self, endpoint: Endpoint, rows: Vec<Value>, total: usize) -> Value {
        use crate::sim::switches::EmptyShape;
        let mut map = Map::new();
        map.insert("resourceType".into(), json!("Bundle"));
        if rows.is_empty() {
            match self.switches.empty_shape {
                EmptyShape::List => drop(map.insert("entry".into(), json!([]))),
                EmptyShape::Null => drop(map.insert("entry".into(), Value::Null)),
                EmptyShape::Absent => {}
            }
            return Value::Object(map);
        }
        map.insert("id".into(), json!("searchParams"));
        map.insert("type".into(), json!("searchset"));
        match self.switches.total_field.of(endpoint) {
            TotalField::TotalRecords => drop(map.insert("totalRecords".into(), json!(total))),
            TotalField::Total => drop(map.insert("total".into(), json!(total))),
            TotalField::None => {}
            TotalField::Wrong => drop(map.insert("totalRecords".into(), json!(total + 7))),
        }
        let id_missing = *self.switches.id_missing.of(endpoint);
        let wrap = *self.switches.wrap.of(endpoint);
        let entries = rows.into_iter().enumerate().map(|(nth, mut row)| {
            if let (true, Value::Object(fields)) = (id_missing, &mut row) {
                fields.remove("id");
            }
            let wrapped = match wrap {
                Wrap::Resource => true,
                Wrap::Bare => false,
                Wrap::Mixed => nth % 2 == 0,
            };
            if wrapped { json!({ "resource": row }) } else { row }
        });
        map.insert("entry".into(), Value::Array(entries.collect()));
        Value::Object(map)
    }
}

fn tag(code: &str, display: &str) -> Value {
    json!({ "code": code, "display": display })
}

fn common_tags(tags: &mut Vec<Value>, location: Option<&str>, profile: &[String], created_at: Option<Instant>) {
    if let Some(location) = location {
        tags.push(tag("locationId", location));
    }
    if !profile.is_empty() {
        tags.push(tag("profileTags", &profile.join(",")));
    }
    if let Some(at) = created_at {
        tags.push(tag("created", &naive(&at)));
    }
}

fn name(given: &str, family: &str, text: Option<String>) -> Value {
    let given: Vec<&str> = if given.is_empty() { Vec::new() } else { vec![given] };
    let mut name = json!({ "use": "official", "family": family, "given": given });
    if let (Some(text), Value::Object(map)) = (text, &mut name) {
        map.insert("text".into(), json!(text));
    }
    name
}

fn telecom(phones: &[Phone], email: &str) -> Vec<Value> {
    let mut rows: Vec<Value> = phones
        .iter()
        .map(|phone| {
            if phone.slot.is_empty() {
                json!({ "system": "phone", "value": phone.number })
            } else {
                json!({ "system": "phone", "value": phone.number, "use": phone.slot })
            }
        })
        .collect();
    if !email.is_empty() {
        rows.push(json!({ "system": "email", "value": email }));
    }
    rows
}

fn local(at: Instant, zone: Tz) -> DateTime<Tz> {
    at.with_timezone(&zone)
}

fn naive<Z: chrono::TimeZone>(at: &DateTime<Z>) -> String {
    at.naive_local().format("%Y-%m-%dT%H:%M:%S").to_string()
}
