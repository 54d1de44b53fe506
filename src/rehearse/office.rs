//! The agency of a rehearsal: its people, its schedule and who came, as the vendor would show them to a read.

use std::collections::BTreeMap;

use crate::{
    model::{
        Caregiver, CaregiverId, Client, ClientId, LocationId, Person, Shift, ShiftKey, TagId, Visit, VisitId, VisitTime,
    },
    source::fetched::Span,
};

/// What the vendor would show.
#[derive(Debug, Clone, Default)]
pub struct Office {
    clients: BTreeMap<ClientId, Client>,
    caregivers: BTreeMap<CaregiverId, Caregiver>,
    shifts: BTreeMap<ClientId, BTreeMap<ShiftKey, Shift>>,
    visits: BTreeMap<ClientId, BTreeMap<VisitId, Visit>>,
}

impl Office {
    /// Adds or replaces a client.
    pub fn put_client(&mut self, client: Client) {
        self.clients.insert(client.id.clone(), client);
    }

    /// Adds a caregiver who is hired and active.
    pub fn add_caregiver(&mut self, id: CaregiverId) {
        let caregiver = Caregiver {
            id: id.clone(),
            active: Some(true),
            hired: Some(true),
            status: None,
            location: None,
            tags: Vec::new(),
            person: Person::default(),
        };
        self.caregivers.insert(id, caregiver);
    }

    /// Adds or replaces a shift.
    pub fn put_shift(&mut self, shift: Shift) {
        self.shifts.entry(shift.key.client.clone()).or_default().insert(shift.key.clone(), shift);
    }

    /// One shift.
    #[must_use]
    pub fn shift(&self, key: &ShiftKey) -> Option<&Shift> {
        self.shifts.get(&key.client)?.get(key)
    }

    /// One shift, to change all but its key.
    pub fn shift_mut(&mut self, key: &ShiftKey) -> Option<&mut Shift> {
        self.shifts.get_mut(&key.client)?.get_mut(key)
    }

    /// Takes a shift out.
    pub fn remove_shift(&mut self, key: &ShiftKey) -> Option<Shift> {
        self.shifts.get_mut(&key.client)?.remove(key)
    }

    /// Adds or replaces a visit; one that names no client is nobody's and not shown.
    pub fn put_visit(&mut self, visit: Visit) {
        if let Some(client) = visit.client.clone() {
            self.visits.entry(client).or_default().insert(visit.id.clone(), visit);
        }
    }

    /// One visit of a client, to change it.
    pub fn visit_mut(&mut self, client: &ClientId, id: &VisitId) -> Option<&mut Visit> {
        self.visits.get_mut(client)?.get_mut(id)
    }

    /// Every client, by id.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.values()
    }

    /// One client, to change it.
    pub fn client_mut(&mut self, id: &ClientId) -> Option<&mut Client> {
        self.clients.get_mut(id)
    }

    /// One caregiver, to change.
    pub fn caregiver_mut(&mut self, id: &CaregiverId) -> Option<&mut Caregiver> {
        self.caregivers.get_mut(id)
    }

    /// Every caregiver, by id.
    pub fn caregivers(&self) -> impl Iterator<Item = &Caregiver> {
        self.caregivers.values()
    }

    /// A client's shifts that start inside the span.
    #[must_use]
    pub fn shifts_of(&self, client: &ClientId, span: Span) -> Vec<Shift> {
        let all = self.shifts.get(client).into_iter().flatten();
        all.map(|(_, shift)| shift).filter(|shift| span.contains(shift.start())).cloned().collect()
    }

    /// The visits of a client, or of all, with a check-in inside the span.
    #[must_use]
    pub fn visits_of(&self, client: Option<&ClientId>, span: Span) -> Vec<Visit> {
        let begun = |visit: &&Visit| match visit.check_in {
            Some(VisitTime::Instant(at)) => span.contains(at),
            _ => true,
        };
        let of = |visits: &BTreeMap<VisitId, Visit>| visits.values().filter(begun).cloned().collect::<Vec<_>>();
        match client {
            Some(client) => self.visits.get(client).map(of).unwrap_or_default(),
            None => self.visits.values().flat_map(of).collect(),
        }
    }
}

/// A current client.
#[must_use]
pub fn client(id: ClientId, location: Option<LocationId>, tags: Vec<TagId>) -> Client {
    let (active, is_client) = (Some(true), Some(true));
    Client { id, active, is_client, status: None, location, tags, vendor_agency: None, person: Person::default() }
}
