//! Clients and caregivers: the vendor's Patient and Practitioner.

use serde_json::Value;

use super::{
    reject, time,
    value::{id, list, tag, text, truth, usable_id},
};
use crate::{
    model::{Caregiver, CaregiverId, Client, ClientId, Endpoint, LocationId, Person, Phi, TagId},
    source::fetched::RejectedRow,
};

/// A row of the client list.
pub fn client(row: &Value) -> Result<Client, RejectedRow> {
    Ok(Client {
        id: ClientId::new(own_id(Endpoint::Patients, row)?),
        active: truth(row.get("active")),
        is_client: truth(tag(row, "isClient")),
        status: text(tag(row, "status")),
        location: location(row),
        tags: tags(row),
        vendor_agency: text(tag(row, "agencyId")),
        person: person(row),
    })
}

/// A row of the caregiver list.
pub fn caregiver(row: &Value) -> Result<Caregiver, RejectedRow> {
    Ok(Caregiver {
        id: CaregiverId::new(own_id(Endpoint::Practitioners, row)?),
        active: truth(row.get("active")),
        hired: truth(tag(row, "isHired")),
        status: text(tag(row, "status")),
        location: location(row),
        tags: tags(row),
        person: person(row),
    })
}

fn own_id(endpoint: Endpoint, row: &Value) -> Result<String, RejectedRow> {
    if !row.is_object() {
        return Err(reject(endpoint, row, None, "the row is no object"));
    }
    usable_id(row.get("id")).ok_or_else(|| reject(endpoint, row, None, "the row has no readable id"))
}

fn location(row: &Value) -> Option<LocationId> {
    usable_id(tag(row, "locationId")).map(|id| LocationId::new(id.as_str()))
}

/// The ids in the `profileTags` tag: one text with commas, or a list.
fn tags(row: &Value) -> Vec<TagId> {
    list(tag(row, "profileTags"))
        .filter_map(|display| id(Some(display)))
        .flat_map(|ids| ids.split(',').map(|id| id.trim().to_owned()).collect::<Vec<_>>())
        .filter(|id| !id.is_empty() && !id.eq_ignore_ascii_case("none"))
        .map(|id| TagId::new(id.as_str()))
        .collect()
}

fn person(row: &Value) -> Person {
    Person {
        name: Phi::new(name(row)),
        phones: Phi::new(phones(row)),
        address: Phi::new(address(row)),
        city: Phi::new(of_address(row, "city")),
        postal_code: Phi::new(of_address(row, "postalCode")),
        birth_date: Phi::new(row.get("birthDate").and_then(Value::as_str).and_then(time::parse_date)),
    }
}

/// `name[0].text` where it is there, else the given names and the family name.
fn name(row: &Value) -> String {
    let Some(name) = list(row.get("name")).next() else { return String::new() };
    if let Some(whole) = text(Some(name)).or_else(|| text(name.get("text"))) {
        return whole;
    }
    let given = list(name.get("given")).filter_map(|part| text(Some(part)));
    given.chain(text(name.get("family"))).collect::<Vec<_>>().join(" ")
}

/// Every phone, mobile ones first, in the order they came.
fn phones(row: &Value) -> Vec<String> {
    let mut phones: Vec<(bool, String)> = list(row.get("telecom"))
        .filter(|telecom| match telecom.get("system").and_then(Value::as_str) {
            Some(system) => system.eq_ignore_ascii_case("phone"),
            None => !text(telecom.get("value")).is_some_and(|value| value.contains('@')),
        })
        .filter_map(|telecom| {
            let mobile =
                telecom.get("use").and_then(Value::as_str).is_some_and(|slot| slot.eq_ignore_ascii_case("mobile"));
            text(telecom.get("value")).map(|value| (!mobile, value))
        })
        .collect();
    phones.sort_by_key(|(later, _)| *later);
    phones.into_iter().map(|(_, value)| value).collect()
}

/// A part of the first address.
fn of_address(row: &Value, part: &str) -> String {
    list(row.get("address")).next().and_then(|address| text(address.get(part))).unwrap_or_default()
}

/// The first address on one line.
fn address(row: &Value) -> String {
    let Some(address) = list(row.get("address")).next() else { return String::new() };
    let street = list(address.get("line")).filter_map(|line| text(Some(line)));
    let town = ["city", "state", "postalCode"].into_iter().filter_map(|part| text(address.get(part)));
    street.chain(town).collect::<Vec<_>>().join(", ")
}
