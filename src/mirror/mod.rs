//! What the agency looks like now, and how sure we are.
//!
//! Given: [`Fetched`] reads, in any order, complete or not.
//! Gives: clients, caregivers, shifts and visits as last read, each with when it was read; which reads were complete
//! for what; which visit belongs to which shift; how the API behaves; what makes no sense.
//! Does not: read a clock, fetch, judge, or forget a row because a read failed. A row that was read counts both ways;
//! a row that is missing counts only in complete reads, and is gone only after two of them.

pub mod anomaly;
pub mod api;
mod apply;
pub mod coverage;
mod matching;
pub mod record;
pub mod row;
mod stored;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::TimeDelta;
use chrono_tz::Tz;

pub use self::apply::Applied;
use self::{
    anomaly::Anomalies,
    api::EndpointStats,
    matching::NaiveReading,
    record::{CaregiverRecord, ClientRecord, CompleteRead, ShiftRecord, VisitRecord},
};
use crate::{
    config::{Agency, NaiveTz},
    model::People,
    model::{
        AgencyName, Caregiver, CaregiverId, Client, ClientId, Endpoint, Instant, LocationId, Section, Shift, ShiftKey,
        Subject, VisitId, VisitTime, local_time::instant_of,
    },
    source::fetched::Fetched,
};

/// Shifts that ended longer ago leave memory. Design §4.
pub const HORIZON_PAST: TimeDelta = TimeDelta::days(8);

/// Two misses of a row prove its removal only when they are this far apart.
pub const MISSES_APART: TimeDelta = TimeDelta::seconds(1);

/// One agency's mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    agency: AgencyName,
    zone: Tz,
    locations: HashMap<String, (String, Option<Tz>)>,
    tags: Vec<(String, crate::model::TagId)>,
    clients: HashMap<ClientId, ClientRecord>,
    caregivers: HashMap<CaregiverId, CaregiverRecord>,
    shifts: BTreeMap<ShiftKey, ShiftRecord>,
    visits: HashMap<VisitId, VisitRecord>,
    visits_of: HashMap<ShiftKey, Vec<VisitId>>,
    visits_of_client: HashMap<ClientId, Vec<VisitId>>,
    /// Complete agency-wide reads of visits, newest first.
    visit_reads: Vec<CompleteRead>,
    sections: BTreeMap<Section, SectionState>,
    endpoints: BTreeMap<Endpoint, EndpointStats>,
    naive: NaiveReading,
    anomalies: Anomalies,
    /// The last read that brought anything.
    last_read_at: Option<Instant>,
    /// When watching began with this mirror: what `idle` counts from before the first read.
    began_at: Instant,
    /// The last failure, in words without values, with its instant; `None` after a success.
    last_fault: Option<(Instant, String)>,
}

/// How a section stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionState {
    /// When the last successful read of it began.
    pub as_of: Instant,
    /// Whether that was complete.
    pub complete: bool,
    /// The last full and complete read, for the rosters.
    pub full_at: Option<Instant>,
}

/// What a read touched: the subjects whose verdicts may differ now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Each once.
    pub subjects: BTreeSet<Subject>,
    /// Clients whose plan may differ.
    pub clients: BTreeSet<ClientId>,
}

impl Changes {
    /// Adds another read's changes.
    pub fn merge(&mut self, other: Self) {
        self.subjects.extend(other.subjects);
        self.clients.extend(other.clients);
    }
}

impl Mirror {
    /// An empty mirror: nothing is known, which is not the same as nothing being there.
    #[must_use]
    pub fn new(settings: &Agency, now: Instant) -> Self {
        let locations = settings
            .locations
            .iter()
            .map(|location| (location.id.clone(), (location.name.clone(), location.timezone)))
            .collect();
        Self {
            agency: settings.name.clone(),
            zone: settings.timezone,
            locations,
            tags: settings.tags.clone(),
            clients: HashMap::new(),
            caregivers: HashMap::new(),
            shifts: BTreeMap::new(),
            visits: HashMap::new(),
            visits_of: HashMap::new(),
            visits_of_client: HashMap::new(),
            visit_reads: Vec::new(),
            sections: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            naive: NaiveReading::new(settings.wellsky.encounter_naive_tz),
            anomalies: Anomalies::default(),
            last_read_at: None,
            began_at: now,
            last_fault: None,
        }
    }

    /// Whose mirror it is.
    #[must_use]
    pub const fn agency(&self) -> &AgencyName {
        &self.agency
    }

    /// The agency's zone.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// Names for tag ids, as configured.
    #[must_use]
    pub fn tag_names(&self) -> &[(String, crate::model::TagId)] {
        &self.tags
    }

    /// A shift's record, also of one that is gone.
    #[must_use]
    pub fn shift_record(&self, key: &ShiftKey) -> Option<&ShiftRecord> {
        self.shifts.get(key)
    }

    /// Every shift record, by start.
    pub fn shift_records(&self) -> impl Iterator<Item = &ShiftRecord> {
        self.shifts.values()
    }

    /// Every client record.
    pub fn client_records(&self) -> impl Iterator<Item = (&ClientId, &ClientRecord)> {
        self.clients.iter()
    }

    /// One client's record.
    #[must_use]
    pub fn client_record(&self, id: &ClientId) -> Option<&ClientRecord> {
        self.clients.get(id)
    }

    /// The occurrences of one client, in time order.
    pub fn shifts_of<'a>(&'a self, client: &ClientId) -> impl Iterator<Item = &'a ShiftRecord> {
        self.clients.get(client).into_iter().flat_map(|record| &record.shifts).filter_map(|key| self.shifts.get(key))
    }

    /// A caregiver's record.
    #[must_use]
    pub fn caregiver_record(&self, id: &CaregiverId) -> Option<&CaregiverRecord> {
        self.caregivers.get(id)
    }

    /// A visit's record.
    #[must_use]
    pub fn visit_record(&self, id: &VisitId) -> Option<&VisitRecord> {
        self.visits.get(id)
    }

    /// Every visit record, in no order.
    pub fn visit_records(&self) -> impl Iterator<Item = &VisitRecord> {
        self.visits.values()
    }

    /// The visits matched to a shift, by check-in.
    pub fn visits_of<'a>(&'a self, key: &ShiftKey) -> impl Iterator<Item = &'a VisitRecord> {
        self.visits_of.get(key).into_iter().flatten().filter_map(|id| self.visits.get(id))
    }

    /// How an endpoint behaves; `None` before its first request.
    #[must_use]
    pub fn endpoint(&self, endpoint: Endpoint) -> Option<&EndpointStats> {
        self.endpoints.get(&endpoint)
    }

    /// How a section stands; `None` before its first successful read.
    #[must_use]
    pub fn section(&self, section: Section) -> Option<SectionState> {
        self.sections.get(&section).copied()
    }

    /// What makes no sense at present.
    #[must_use]
    pub const fn anomalies(&self) -> &Anomalies {
        &self.anomalies
    }

    /// The last read that brought anything.
    #[must_use]
    pub const fn last_read_at(&self) -> Option<Instant> {
        self.last_read_at
    }

    /// When watching began.
    #[must_use]
    pub const fn began_at(&self) -> Instant {
        self.began_at
    }

    /// Why the last read failed, without values; `None` after a success.
    #[must_use]
    pub fn last_fault(&self) -> Option<&str> {
        self.last_fault.as_ref().map(|(_, fault)| fault.as_str())
    }

    /// The `location` label of a client: configured name, else the vendor's id, else empty.
    #[must_use]
    pub fn location_of(&self, client: &ClientId) -> String {
        let id = self
            .clients
            .get(client)
            .and_then(|record| record.client.as_ref())
            .and_then(|client| client.location.as_ref());
        id.map_or_else(String::new, |id| self.location_name(id))
    }

    /// The name of a location id.
    #[must_use]
    pub fn location_name(&self, id: &LocationId) -> String {
        self.locations.get(id.as_str()).map_or_else(|| id.to_string(), |(name, _)| name.clone())
    }

    /// When evidence about visits for something at `at` of this client was last complete.
    #[must_use]
    pub fn visits_evidence(&self, client: &ClientId, at: Instant) -> Option<Instant> {
        let own = self.clients.get(client).and_then(|record| ClientRecord::covered_at(&record.visit_reads, at));
        own.max(ClientRecord::covered_at(&self.visit_reads, at))
    }

    /// The instant a visit's time means; `None` for a naive one while nobody knows how to read it.
    #[must_use]
    pub fn instant(&self, time: VisitTime) -> Option<Instant> {
        match time {
            VisitTime::Instant(at) => Some(at),
            VisitTime::Naive(naive) => match self.naive.settled() {
                Some(NaiveTz::Utc) => Some(naive.and_utc()),
                Some(NaiveTz::Local) => Some(instant_of(self.zone, naive)),
                Some(NaiveTz::Auto) | None => None,
            },
        }
    }

    /// How naive times are read, once that is known.
    #[must_use]
    pub const fn naive_reading(&self) -> Option<NaiveTz> {
        self.naive.settled()
    }

    /// Whether two clients share this shift's id and start.
    #[must_use]
    pub fn is_shared(&self, key: &ShiftKey) -> bool {
        let from = ShiftKey { start: key.start, client: ClientId::new(""), id: key.id.clone() };
        self.shifts
            .range(from..)
            .take_while(|(other, _)| other.start == key.start)
            .any(|(other, record)| other.id == key.id && other.client != key.client && record.gone.is_none())
    }

    /// The clients: see [`standing`].
    pub fn watched_clients(&self) -> impl Iterator<Item = &ClientId> {
        self.clients.iter().filter(|(_, record)| standing(record) == Standing::Client).map(|(id, _)| id)
    }

    /// The earliest of all watched clients' last complete reads; `None` while one was never read, or while the
    /// roster was not.
    #[must_use]
    pub fn all_read_since(&self) -> Option<Instant> {
        self.section(Section::Clients)?.full_at?;
        let mut earliest = None;
        for id in self.watched_clients() {
            let record = self.clients.get(id)?;
            let at = record.shifts_seen_at?;
            earliest = Some(earliest.map_or(at, |earliest: Instant| earliest.min(at)));
        }
        earliest.or_else(|| self.section(Section::Clients).and_then(|section| section.full_at))
    }

    /// Brings a read in.
    pub fn apply(&mut self, fetched: &Fetched, now: Instant) -> Applied {
        apply::apply(self, fetched, now)
    }
}

/// How much somebody on the vendor's list is a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Somebody else, by every flag.
    Nobody,
    /// Perhaps: read slowly, and nobody waits for it.
    Perhaps,
    /// A client.
    Client,
}

/// How much this is a client. No single flag excludes (contract, "who is a current client?").
#[must_use]
pub fn standing(record: &ClientRecord) -> Standing {
    if !record.shifts.is_empty() {
        return Standing::Client;
    }
    let Some(client) = &record.client else { return Standing::Perhaps };
    match (client.is_client, client.active) {
        (Some(true), None | Some(true)) | (None, Some(true)) => Standing::Client,
        (Some(true), Some(false)) | (Some(false), Some(true)) | (None, None) => Standing::Perhaps,
        (Some(false), None | Some(false)) | (None, Some(false)) => Standing::Nobody,
    }
}

impl People for Mirror {
    fn client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.get(id)?.client.as_ref()
    }

    fn caregiver(&self, id: &CaregiverId) -> Option<&Caregiver> {
        self.caregivers.get(id).map(|record| &record.caregiver)
    }

    fn shift(&self, key: &ShiftKey) -> Option<&Shift> {
        self.shifts.get(key).map(|record| &record.shift)
    }
}
