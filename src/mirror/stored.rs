//! The mirror as rows of text, and back. Protected fields go apart.

use std::collections::HashMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Mirror, SectionState,
    record::{CaregiverRecord, ClientRecord, CompleteRead, ShiftRecord, VisitRecord},
    row::{MirrorDelta, MirrorRow},
};
use crate::{
    config::{Agency, NaiveTz},
    model::{
        Caregiver, CaregiverId, Client, ClientId, Instant, LocationId, Person, Phi, PhiGrant, Section, ShiftKey,
        ShiftRef, TagId,
    },
};

#[derive(Serialize, Deserialize)]
struct PersonRow {
    name: String,
    phones: Vec<String>,
    address: String,
    birth_date: Option<chrono::NaiveDate>,
}

#[derive(Serialize, Deserialize)]
struct RosterRow {
    active: Option<bool>,
    flag: Option<bool>,
    status: Option<String>,
    location: Option<LocationId>,
    tags: Vec<TagId>,
    vendor_agency: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ReadsRow {
    shift_reads: Vec<CompleteRead>,
    shifts_seen_at: Option<Instant>,
    visit_reads: Vec<CompleteRead>,
}

#[derive(Serialize, Deserialize, Default)]
struct MemoryRow {
    sections: Vec<(Section, Instant, bool, Option<Instant>)>,
    visit_reads: Vec<CompleteRead>,
    naive_is_local: Option<bool>,
    last_read_at: Option<Instant>,
}

/// The key of the mirror's own memory.
const MEMORY: &str = "memory";
/// Prefix of a client's reads.
const READS: &str = "reads/";

fn json<T: Serialize>(value: &T) -> String {
    // These are plain structs of strings and numbers: they always serialise.
    serde_json::to_string(value).unwrap_or_default()
}

fn phi(person: &Person) -> Phi<String> {
    let grant = PhiGrant::STORE;
    Phi::new(json(&PersonRow {
        name: person.name.reveal(grant).clone(),
        phones: person.phones.reveal(grant).clone(),
        address: person.address.reveal(grant).clone(),
        birth_date: *person.birth_date.reveal(grant),
    }))
}

fn person(row: Option<&Phi<String>>) -> Person {
    let Some(row) = row.and_then(|text| parse::<PersonRow>(text.reveal(PhiGrant::STORE))) else {
        return Person::default();
    };
    Person {
        name: Phi::new(row.name),
        phones: Phi::new(row.phones),
        address: Phi::new(row.address),
        birth_date: Phi::new(row.birth_date),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

pub(super) fn client_row(client: &Client) -> MirrorRow {
    let body = json(&RosterRow {
        active: client.active,
        flag: client.is_client,
        status: client.status.clone(),
        location: client.location.clone(),
        tags: client.tags.clone(),
        vendor_agency: client.vendor_agency.clone(),
    });
    MirrorRow { section: Some(Section::Clients), key: client.id.to_string(), body, phi: Some(phi(&client.person)) }
}

pub(super) fn caregiver_row(caregiver: &Caregiver) -> MirrorRow {
    let body = json(&RosterRow {
        active: caregiver.active,
        flag: caregiver.hired,
        status: caregiver.status.clone(),
        location: caregiver.location.clone(),
        tags: caregiver.tags.clone(),
        vendor_agency: None,
    });
    MirrorRow {
        section: Some(Section::Caregivers),
        key: caregiver.id.to_string(),
        body,
        phi: Some(phi(&caregiver.person)),
    }
}

pub(super) fn shift_key(key: &ShiftKey) -> String {
    match &key.id {
        ShiftRef::Vendor(id) => format!("{}|{}|{id}", key.client, key.start.timestamp_micros()),
        ShiftRef::Ordinal { end, n } => {
            format!("{}|{}|#{n}|{}", key.client, key.start.timestamp_micros(), end.timestamp_micros())
        }
    }
}

pub(super) fn shift_row(record: &ShiftRecord) -> MirrorRow {
    MirrorRow { section: Some(Section::Shifts), key: shift_key(&record.shift.key), body: json(record), phi: None }
}

pub(super) fn visit_row(record: &VisitRecord) -> MirrorRow {
    MirrorRow { section: Some(Section::Visits), key: record.visit.id.to_string(), body: json(record), phi: None }
}

/// When a client's shifts and visits were read: one row a read, instead of one a shift.
pub(super) fn reads_row(mirror: &Mirror, client: &ClientId) -> Option<MirrorRow> {
    let record = mirror.clients.get(client)?;
    let body = json(&ReadsRow {
        shift_reads: record.shift_reads.clone(),
        shifts_seen_at: record.shifts_seen_at,
        visit_reads: record.visit_reads.clone(),
    });
    Some(MirrorRow { section: None, key: format!("{READS}{client}"), body, phi: None })
}

/// The mirror's own memory, after every read.
pub(super) fn memory(mirror: &Mirror, delta: &mut MirrorDelta) {
    let body = json(&MemoryRow {
        sections: mirror
            .sections
            .iter()
            .map(|(section, state)| (*section, state.as_of, state.complete, state.full_at))
            .collect(),
        visit_reads: mirror.visit_reads.clone(),
        naive_is_local: mirror.naive.measured().map(|reading| reading == NaiveTz::Local),
        last_read_at: mirror.last_read_at,
    });
    delta.upserts.push(MirrorRow { section: None, key: MEMORY.into(), body, phi: None });
}

impl MirrorDelta {
    /// Nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.removes.is_empty() && self.history.is_empty() && self.archived.is_empty()
    }
}

impl Mirror {
    /// The mirror as it was stored. A row that cannot be read back is left out: the vendor still has it.
    #[must_use]
    pub fn restore(settings: &Agency, rows: &[MirrorRow], now: Instant) -> Self {
        let mut mirror = Self::new(settings, now);
        let mut reads: HashMap<ClientId, ReadsRow> = HashMap::new();
        for row in rows {
            match row.section {
                Some(Section::Clients) => mirror.restore_client(row),
                Some(Section::Caregivers) => mirror.restore_caregiver(row, now),
                Some(Section::Shifts) => {
                    if let Some(record) = parse::<ShiftRecord>(&row.body) {
                        mirror
                            .clients
                            .entry(record.shift.key.client.clone())
                            .or_default()
                            .shifts
                            .push(record.shift.key.clone());
                        mirror.shifts.insert(record.shift.key.clone(), record);
                    }
                }
                Some(Section::Visits) => {
                    if let Some(record) = parse::<VisitRecord>(&row.body) {
                        mirror.restore_visit(record);
                    }
                }
                None if row.key == MEMORY => mirror.restore_memory(&parse(&row.body).unwrap_or_default()),
                None => {
                    if let (Some(client), Some(body)) = (row.key.strip_prefix(READS), parse(&row.body)) {
                        reads.insert(ClientId::new(client), body);
                    }
                }
            }
        }
        for record in mirror.clients.values_mut() {
            record.shifts.sort();
        }
        for (client, reads) in reads {
            mirror.restore_reads(&client, reads);
        }
        mirror
    }

    fn restore_client(&mut self, row: &MirrorRow) {
        let Some(body) = parse::<RosterRow>(&row.body) else { return };
        let id = ClientId::new(row.key.as_str());
        let client = Client {
            id: id.clone(),
            active: body.active,
            is_client: body.flag,
            status: body.status,
            location: body.location,
            tags: body.tags,
            vendor_agency: body.vendor_agency,
            person: person(row.phi.as_ref()),
        };
        self.clients.entry(id).or_default().client = Some(client);
    }

    fn restore_caregiver(&mut self, row: &MirrorRow, now: Instant) {
        let Some(body) = parse::<RosterRow>(&row.body) else { return };
        let id = CaregiverId::new(row.key.as_str());
        let caregiver = Caregiver {
            id: id.clone(),
            active: body.active,
            hired: body.flag,
            status: body.status,
            location: body.location,
            tags: body.tags,
            person: person(row.phi.as_ref()),
        };
        self.caregivers.insert(id, CaregiverRecord { caregiver, read_at: now });
    }

    fn restore_visit(&mut self, record: VisitRecord) {
        let id = record.visit.id.clone();
        if let Some(client) = &record.visit.client {
            self.visits_of_client.entry(client.clone()).or_default().push(id.clone());
        }
        if let Some(key) = &record.shift {
            self.visits_of.entry(key.clone()).or_default().push(id.clone());
        }
        self.visits.insert(id, record);
    }

    fn restore_memory(&mut self, row: &MemoryRow) {
        for (section, as_of, complete, full_at) in &row.sections {
            self.sections.insert(*section, SectionState { as_of: *as_of, complete: *complete, full_at: *full_at });
        }
        self.visit_reads.clone_from(&row.visit_reads);
        self.naive.restore(row.naive_is_local.map(|local| if local { NaiveTz::Local } else { NaiveTz::Utc }));
        self.last_read_at = row.last_read_at;
    }

    fn restore_reads(&mut self, client: &ClientId, row: ReadsRow) {
        let record = self.clients.entry(client.clone()).or_default();
        record.shift_reads = row.shift_reads;
        record.shifts_seen_at = row.shifts_seen_at;
        record.visit_reads = row.visit_reads;
        // A shift's row is stored when it changes; that it stood unchanged in a later complete read is stored here.
        for key in &record.shifts {
            let read = ClientRecord::covered_at(&record.shift_reads, key.start);
            if let (Some(shift), Some(read)) = (self.shifts.get_mut(key), read)
                && shift.missed.is_none()
                && shift.gone.is_none()
            {
                shift.read_at = shift.read_at.max(read);
            }
        }
    }
}
