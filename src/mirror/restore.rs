//! How the mirror is written to rows and read back. What cannot be read back is left out: it will be read again
//! from the vendor, and until then it is unknown.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    CaregiverEntry, ClientEntry, Mirror, MirrorRow, Reading,
    coverage_spans::ReadSpans,
    naive_time::NaiveClock,
    rejects::Rejects,
    row::ARCHIVED_SHIFT,
    settings::Settings,
    shifts::{ChangedAt, Gone, ShiftEntry},
    visits::VisitEntry,
};
use crate::model::{
    Caregiver, CaregiverId, Client, ClientId, Instant, LocationId, Person, Phi, PhiGrant, Section, Shift, ShiftKey,
    ShiftRef, TagId, Visit,
    local_time::{from_micros, to_micros},
};

const STATE: &str = "state";
const REJECTS: &str = "rejects";
const READS: &str = "reads/";
const GONE: &str = "gone/";

#[derive(Serialize, Deserialize)]
pub(super) struct ShiftBody {
    pub(super) shift: Shift,
    seen_at: i64,
    first_seen_at: i64,
    appeared: bool,
    missed_at: Option<i64>,
    changed_at: Option<Box<ChangedAt>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct VisitBody {
    pub(super) visit: Visit,
    seen_at: i64,
    first_seen_at: i64,
    missed_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct ClientBody {
    active: Option<bool>,
    is_client: Option<bool>,
    status: Option<String>,
    location: Option<LocationId>,
    tags: Vec<TagId>,
    vendor_agency: Option<String>,
    seen_at: Option<i64>,
    missed_at: Option<i64>,
    gone_at: Option<i64>,
    inactive_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct CaregiverBody {
    active: Option<bool>,
    hired: Option<bool>,
    status: Option<String>,
    location: Option<LocationId>,
    tags: Vec<TagId>,
    seen_at: i64,
}

#[derive(Serialize, Deserialize, Default)]
struct PersonBody {
    name: String,
    phones: Vec<String>,
    address: String,
    #[serde(default)]
    city: String,
    #[serde(default)]
    postal_code: String,
    birth_date: Option<NaiveDate>,
}

#[derive(Serialize, Deserialize)]
struct ReadsBody {
    read_at: Option<i64>,
    shifts: ReadSpans,
    visits: ReadSpans,
    visits_spoilt_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct StateBody {
    last_ok_at: Option<i64>,
    read_at: [Option<i64>; 4],
    complete_at: [Option<i64>; 4],
    full_at: [Option<i64>; 4],
    visit_reads: ReadSpans,
    naive: Option<Reading>,
    locations: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct GoneBody {
    key: ShiftKey,
    at: i64,
    why: Gone,
}

impl Mirror {
    /// The mirror as it was stored. Evidence keeps its age: nothing counts as read by this process yet.
    #[must_use]
    pub fn restore(settings: Settings, rows: Vec<MirrorRow>, now: Instant) -> Self {
        let mut mirror = Self::new(settings, now);
        let mut visits = Vec::new();
        for row in rows {
            match row.section {
                Some(Section::Clients) => mirror.restore_client(&row),
                Some(Section::Caregivers) => mirror.restore_caregiver(&row),
                Some(Section::Shifts) => {
                    if let Ok(body) = serde_json::from_str::<ShiftBody>(&row.body) {
                        mirror.shifts.put(ShiftEntry {
                            shift: body.shift,
                            seen_at: from_micros(body.seen_at),
                            first_seen_at: from_micros(body.first_seen_at),
                            appeared: body.appeared,
                            missed_at: body.missed_at.map(from_micros),
                            changed_at: body.changed_at,
                            visits: Vec::new(),
                        });
                    }
                }
                Some(Section::Visits) => {
                    if let Ok(body) = serde_json::from_str::<VisitBody>(&row.body) {
                        visits.push(VisitEntry {
                            visit: body.visit,
                            seen_at: from_micros(body.seen_at),
                            first_seen_at: from_micros(body.first_seen_at),
                            missed_at: body.missed_at.map(from_micros),
                            shift: None,
                            sampled: false,
                        });
                    }
                }
                None => mirror.restore_memory(&row),
            }
        }
        let mut out = super::changes::Applied::default();
        for entry in visits {
            let id = entry.visit.id.clone();
            mirror.visits.put(entry);
            mirror.match_visit(&id, &mut out);
            mirror.sample_visit(&id);
        }
        // It may have been written by a clock that ran ahead.
        mirror.disbelieve_after(now);
        mirror.freshen_rows();
        mirror
    }

    fn restore_memory(&mut self, row: &MirrorRow) {
        if row.key == STATE {
            let Ok(body) = serde_json::from_str::<StateBody>(&row.body) else { return };
            self.last_ok_at = body.last_ok_at.map(from_micros);
            for section in Section::ALL {
                let stamps = &mut self.sections[section as usize];
                stamps.read_at = body.read_at[section as usize].map(from_micros);
                stamps.full_at = body.full_at[section as usize].map(from_micros);
                stamps.complete_at = body.complete_at[section as usize].map(from_micros);
            }
            self.visit_reads = body.visit_reads;
            self.clock = NaiveClock::new(self.settings.naive, body.naive);
            self.location_names = body.locations.into_iter().collect();
        } else if row.key == REJECTS {
            self.rejects = Rejects::from_text(&row.body);
        } else if let Some(client) = row.key.strip_prefix(READS) {
            let Ok(body) = serde_json::from_str::<ReadsBody>(&row.body) else { return };
            let entry = self.clients.entry(ClientId::new(client)).or_default();
            entry.read_at = body.read_at.map(from_micros);
            entry.shift_reads = body.shifts;
            entry.visit_reads = body.visits;
            entry.visits_spoilt_at = body.visits_spoilt_at.map(from_micros);
        } else if row.key.starts_with(GONE)
            && let Ok(body) = serde_json::from_str::<GoneBody>(&row.body)
        {
            self.gone.insert(body.key, (from_micros(body.at), body.why));
        }
    }

    /// A row that no complete read since has lacked was in that read: its stored stamp is only from its last change.
    fn freshen_rows(&mut self) {
        let keys: Vec<ShiftKey> = self.shifts.iter().map(|entry| entry.shift.key.clone()).collect();
        for key in keys {
            let read_at = self.clients.get(&key.client).and_then(|entry| entry.shift_reads.covering(key.start));
            if let (Some(read_at), Some(entry)) = (read_at, self.shifts.get_mut(&key))
                && entry.missed_at.is_none()
            {
                entry.seen_at = entry.seen_at.max(read_at);
            }
        }
    }

    fn restore_client(&mut self, row: &MirrorRow) {
        let Ok(body) = serde_json::from_str::<ClientBody>(&row.body) else { return };
        let id = ClientId::new(row.key.as_str());
        let entry = self.clients.entry(id.clone()).or_default();
        entry.client = Some(Client {
            id,
            active: body.active,
            is_client: body.is_client,
            status: body.status,
            location: body.location,
            tags: body.tags,
            vendor_agency: body.vendor_agency,
            person: person(row.phi.as_ref()),
        });
        entry.seen_at = body.seen_at.map(from_micros);
        entry.missed_at = body.missed_at.map(from_micros);
        entry.gone_at = body.gone_at.map(from_micros);
        entry.inactive_at = body.inactive_at.map(from_micros);
    }

    fn restore_caregiver(&mut self, row: &MirrorRow) {
        let Ok(body) = serde_json::from_str::<CaregiverBody>(&row.body) else { return };
        let id = CaregiverId::new(row.key.as_str());
        let caregiver = Caregiver {
            id: id.clone(),
            active: body.active,
            hired: body.hired,
            status: body.status,
            location: body.location,
            tags: body.tags,
            person: person(row.phi.as_ref()),
        };
        self.caregivers.insert(id, CaregiverEntry { caregiver, seen_at: from_micros(body.seen_at) });
    }
}

fn person(phi: Option<&Phi<String>>) -> Person {
    let body: PersonBody =
        phi.and_then(|phi| serde_json::from_str(phi.reveal(PhiGrant::STORE)).ok()).unwrap_or_default();
    Person {
        name: Phi::new(body.name),
        phones: Phi::new(body.phones),
        address: Phi::new(body.address),
        city: Phi::new(body.city),
        postal_code: Phi::new(body.postal_code),
        birth_date: Phi::new(body.birth_date),
    }
}

fn person_text(person: &Person) -> Phi<String> {
    let body = PersonBody {
        name: person.name.reveal(PhiGrant::STORE).clone(),
        phones: person.phones.reveal(PhiGrant::STORE).clone(),
        address: person.address.reveal(PhiGrant::STORE).clone(),
        city: person.city.reveal(PhiGrant::STORE).clone(),
        postal_code: person.postal_code.reveal(PhiGrant::STORE).clone(),
        birth_date: *person.birth_date.reveal(PhiGrant::STORE),
    };
    Phi::new(text(&body))
}

fn text(body: &impl Serialize) -> String {
    // These bodies hold strings, numbers and lists only: none of them can fail to be written.
    serde_json::to_string(body).unwrap_or_default()
}

fn row(section: Option<Section>, key: String, body: &impl Serialize) -> MirrorRow {
    MirrorRow { section, key, body: text(body), phi: None }
}

/// The stored key of a shift.
pub(super) fn shift_key_text(key: &ShiftKey) -> String {
    let start = to_micros(key.start);
    match &key.id {
        ShiftRef::Vendor(id) => format!("{start}/{}/{id}", key.client),
        ShiftRef::Ordinal { end, n } => format!("{start}/{}/~{}~{n}", key.client, to_micros(*end)),
    }
}

pub(super) fn gone_key_text(key: &ShiftKey) -> String {
    format!("{GONE}{}", shift_key_text(key))
}

pub(super) fn shift_row(entry: &ShiftEntry) -> MirrorRow {
    let body = ShiftBody {
        shift: entry.shift.clone(),
        seen_at: to_micros(entry.seen_at),
        first_seen_at: to_micros(entry.first_seen_at),
        appeared: entry.appeared,
        missed_at: entry.missed_at.map(to_micros),
        changed_at: entry.changed_at.clone(),
    };
    row(Some(Section::Shifts), shift_key_text(&entry.shift.key), &body)
}

/// A shift's row as the archive keeps it.
pub(super) fn archived_shift_row(entry: &ShiftEntry) -> MirrorRow {
    let mut row = shift_row(entry);
    row.key.insert_str(0, ARCHIVED_SHIFT);
    row
}

pub(super) fn visit_row(entry: &VisitEntry) -> MirrorRow {
    let body = VisitBody {
        visit: entry.visit.clone(),
        seen_at: to_micros(entry.seen_at),
        first_seen_at: to_micros(entry.first_seen_at),
        missed_at: entry.missed_at.map(to_micros),
    };
    row(Some(Section::Visits), entry.visit.id.as_str().to_owned(), &body)
}

pub(super) fn client_row(id: &ClientId, entry: &ClientEntry) -> MirrorRow {
    let client = entry.client.as_ref();
    let body = ClientBody {
        active: client.and_then(|client| client.active),
        is_client: client.and_then(|client| client.is_client),
        status: client.and_then(|client| client.status.clone()),
        location: client.and_then(|client| client.location.clone()),
        tags: client.map(|client| client.tags.clone()).unwrap_or_default(),
        vendor_agency: client.and_then(|client| client.vendor_agency.clone()),
        seen_at: entry.seen_at.map(to_micros),
        missed_at: entry.missed_at.map(to_micros),
        gone_at: entry.gone_at.map(to_micros),
        inactive_at: entry.inactive_at.map(to_micros),
    };
    let mut row = row(Some(Section::Clients), id.as_str().to_owned(), &body);
    row.phi = client.map(|client| person_text(&client.person));
    row
}

pub(super) fn caregiver_row(entry: &CaregiverEntry) -> MirrorRow {
    let caregiver = &entry.caregiver;
    let body = CaregiverBody {
        active: caregiver.active,
        hired: caregiver.hired,
        status: caregiver.status.clone(),
        location: caregiver.location.clone(),
        tags: caregiver.tags.clone(),
        seen_at: to_micros(entry.seen_at),
    };
    let mut row = row(Some(Section::Caregivers), caregiver.id.as_str().to_owned(), &body);
    row.phi = Some(person_text(&caregiver.person));
    row
}

pub(super) fn reads_row(client: &ClientId, entry: &ClientEntry) -> MirrorRow {
    let body = ReadsBody {
        read_at: entry.read_at.map(to_micros),
        shifts: entry.shift_reads.clone(),
        visits: entry.visit_reads.clone(),
        visits_spoilt_at: entry.visits_spoilt_at.map(to_micros),
    };
    row(None, format!("{READS}{client}"), &body)
}

pub(super) fn gone_row(key: &ShiftKey, at: Instant, why: &Gone) -> MirrorRow {
    row(None, gone_key_text(key), &GoneBody { key: key.clone(), at: to_micros(at), why: why.clone() })
}

pub(super) fn rejects_row(mirror: &Mirror) -> MirrorRow {
    MirrorRow { section: None, key: REJECTS.to_owned(), body: mirror.rejects.to_text(), phi: None }
}

pub(super) fn state_row(mirror: &Mirror) -> MirrorRow {
    let stamps = |of: fn(&super::SectionStamps) -> Option<Instant>| {
        Section::ALL.map(|section| of(&mirror.sections[section as usize]).map(to_micros))
    };
    let body = StateBody {
        last_ok_at: mirror.last_ok_at.map(to_micros),
        read_at: stamps(|s| s.read_at),
        complete_at: stamps(|s| s.complete_at),
        full_at: stamps(|s| s.full_at),
        visit_reads: mirror.visit_reads.clone(),
        naive: mirror.clock.settled(),
        locations: mirror.location_names.clone().into_iter().collect(),
    };
    row(None, STATE.to_owned(), &body)
}
