//! What is known of one client or caregiver.
//!
//! Given: an agency's mirror and an id. Gives: who it is, under protection, with shifts and visits around now, each with
//! how fresh it is. Does not: know alerts, which stand in the picture.

use std::collections::HashSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    Freshness, Kind,
    past::{FoundPast, REMEMBERED},
    shifts::{self, FoundShift, ShiftAnswer, Wish, named},
};
use crate::{
    mirror::{Mirror, visits::VisitEntry},
    model::{CaregiverId, ClientId, Instant, LocationId, Person, Phi, PhiGrant, Section, TagId, VisitTime},
};

/// Shifts and visits from so long ago are shown, when nobody says.
pub const BACK: TimeDelta = TimeDelta::days(7);
/// And shifts until so far ahead.
pub const AHEAD: TimeDelta = TimeDelta::days(14);

/// Somebody's profile as an answer holds it; protected fields are `null` without a grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::ProfileAnswer)]
pub struct ProfileAnswer {
    /// A client or a caregiver.
    pub kind: Kind,
    /// The vendor's id.
    pub id: String,
    /// The `agency` label.
    pub agency: String,
    /// What they are called.
    pub name: Option<String>,
    /// Every telephone number on file, mobile ones first.
    pub phones: Option<Vec<String>>,
    /// The address in one line; `null` when there is none.
    pub address: Option<String>,
    /// The `location` label; may be empty.
    pub location: String,
    /// The zone their wall clock hangs in.
    pub timezone: String,
    /// Tags by the names that the configuration gives them, else by id.
    pub tags: Vec<String>,
    /// The vendor's `active`; `null` when it sent none.
    pub active: Option<bool>,
    /// Of a client: whether the vendor calls them one; `null` when it does not say.
    pub is_client: Option<bool>,
    /// Of a caregiver: whether they are hired; `null` when the vendor does not say.
    pub hired: Option<bool>,
    /// The vendor's status as it came.
    pub status: Option<String>,
    /// How fresh all that is.
    pub roster: Freshness,
    /// Shifts and visits are shown from here on: a week ago, unless more was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub since: Instant,
    /// Shifts from then to a fortnight ahead, by start.
    pub shifts: Vec<ShiftAnswer>,
    /// How fresh they are.
    pub shifts_freshness: Freshness,
    /// Visits since then, by check-in.
    pub visits: Vec<VisitAnswer>,
    /// How fresh they are.
    pub visits_freshness: Freshness,
}

/// One visit as an answer holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::VisitAnswer)]
pub struct VisitAnswer {
    /// The vendor's id.
    pub id: String,
    /// The shift it belongs to, as alerts label it; `null` = none.
    pub shift: Option<String>,
    /// Whom it was for.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// Who went.
    #[schema(value_type = Option<String>)]
    pub caregiver: Option<CaregiverId>,
    /// The check-in; `null` while the meaning of its time is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub check_in: Option<Instant>,
    /// The check-out; `null` while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub check_out: Option<Instant>,
    /// Whether nobody has checked out.
    pub open: bool,
    /// The vendor's status as it came.
    pub status: Option<String>,
}

/// A profile that was found; what is protected stays so.
#[derive(Debug, Clone)]
pub struct FoundProfile {
    answer: ProfileAnswer,
    person: Person,
    shifts: Vec<FoundShift>,
}

impl FoundProfile {
    /// A client or a caregiver of a mirror; `None` when nobody has this id.
    #[must_use]
    pub fn of(mirror: &Mirror, kind: Kind, id: &str, now: Instant) -> Option<Self> {
        Self::since(mirror, kind, id, now - BACK, now)
    }

    /// The `agency` label.
    #[must_use]
    pub fn agency(&self) -> &str {
        &self.answer.agency
    }

    /// The same with shifts and visits since then, as far as memory reaches.
    #[must_use]
    pub fn since(mirror: &Mirror, kind: Kind, id: &str, since: Instant, now: Instant) -> Option<Self> {
        let blank = |location: Option<&LocationId>, tags: &[TagId], person: &Person| {
            let settings = mirror.settings();
            let section = if kind == Kind::Client { Section::Clients } else { Section::Caregivers };
            let answer = ProfileAnswer {
                kind,
                id: id.to_owned(),
                agency: settings.agency.to_string(),
                name: None,
                phones: None,
                address: None,
                location: settings.location_label(location),
                timezone: settings.zone(location).name().to_owned(),
                tags: tags.iter().map(|tag| settings.tag_name(tag).to_owned()).collect(),
                active: None,
                is_client: None,
                hired: None,
                status: None,
                roster: roster(mirror, section),
                since: now - BACK,
                shifts: Vec::new(),
                shifts_freshness: Freshness { as_of: None, complete: false },
                visits: Vec::new(),
                visits_freshness: Freshness { as_of: None, complete: false },
            };
            Self { answer, person: person.clone(), shifts: Vec::new() }
        };
        let (from, until) = (since.max(now - REMEMBERED), now + AHEAD);
        let mut wish = Wish { client: None, caregiver: None, from, until, states: Vec::new() };
        let mut found = match kind {
            Kind::Client => {
                let id = ClientId::new(id);
                let client = mirror.client(&id)?;
                let mut found = blank(client.location.as_ref(), &client.tags, &client.person);
                found.answer.active = client.active;
                found.answer.is_client = client.is_client;
                found.answer.status.clone_from(&client.status);
                found.answer.visits = visits(mirror, mirror.visits().of_client(&id), from);
                let as_of = mirror.visits_read_at(&id).max(mirror.section(Section::Visits).complete_at);
                found.answer.visits_freshness = Freshness { as_of, complete: as_of.is_some() };
                wish.client = Some(id);
                found
            }
            Kind::Caregiver => {
                let id = CaregiverId::new(id);
                let caregiver = mirror.caregiver(&id)?;
                let mut found = blank(caregiver.location.as_ref(), &caregiver.tags, &caregiver.person);
                found.answer.active = caregiver.active;
                found.answer.hired = caregiver.hired;
                found.answer.status.clone_from(&caregiver.status);
                let theirs = mirror.visits().iter().filter(|entry| entry.visit.caregiver.as_ref() == Some(&id));
                found.answer.visits = visits(mirror, theirs, from);
                let as_of = mirror.section(Section::Visits).complete_at;
                found.answer.visits_freshness = Freshness { as_of, complete: as_of.is_some() };
                wish.caregiver = Some(id);
                found
            }
        };
        let shifts = shifts::find(mirror, &wish, now);
        found.shifts = shifts.shifts;
        found.answer.shifts_freshness = shifts.freshness;
        Some(found)
    }

    /// With what lies before memory begins, and what memory holds since `since`: an answer of the mirror that reaches
    /// further back.
    #[must_use]
    pub fn with_past(mut self, since: Instant, past: FoundPast) -> Self {
        let oldest = |a: Freshness, b: Freshness| Freshness {
            as_of: [a.as_of, b.as_of].into_iter().flatten().min(),
            complete: a.complete && b.complete,
        };
        self.answer.since = since;
        self.shifts.extend(past.shifts);
        self.shifts.sort_by(|a, b| a.key.cmp(&b.key));
        let known: HashSet<String> = self.answer.visits.iter().map(|visit| visit.id.clone()).collect();
        self.answer.visits.extend(past.visits.into_iter().filter(|visit| !known.contains(&visit.id)));
        self.answer.visits.sort_by(|a, b| (a.check_in, &a.id).cmp(&(b.check_in, &b.id)));
        self.answer.shifts_freshness = oldest(self.answer.shifts_freshness, past.shifts_freshness);
        self.answer.visits_freshness = oldest(self.answer.visits_freshness, past.visits_freshness);
        self
    }

    /// Whom it names.
    pub fn ids(&self) -> impl Iterator<Item = (Kind, String)> {
        let own = (self.answer.kind, self.answer.id.clone());
        std::iter::once(own).chain(self.shifts.iter().flat_map(FoundShift::ids))
    }

    /// With what is protected for whoever has a grant.
    #[must_use]
    pub fn shown(self, grant: Option<PhiGrant>) -> ProfileAnswer {
        let Self { mut answer, person, shifts } = self;
        answer.name = named(&person.name, grant);
        answer.phones = grant.map(|grant| person.phones.reveal(grant).clone());
        answer.address = named(&person.address, grant);
        answer.shifts = shifts.into_iter().map(|shift| shift.shown(grant)).collect();
        answer
    }
}

/// How fresh the list of clients or caregivers is.
#[must_use]
pub fn roster(mirror: &Mirror, section: Section) -> Freshness {
    let stamps = mirror.section(section);
    Freshness { as_of: stamps.full_at.or(stamps.read_at), complete: stamps.full_at.is_some() }
}

/// Somebody's name under protection; empty when nobody has this id.
#[must_use]
pub fn name_of(mirror: &Mirror, kind: Kind, id: &str) -> Phi<String> {
    let person = match kind {
        Kind::Client => mirror.client(&ClientId::new(id)).map(|client| &client.person),
        Kind::Caregiver => mirror.caregiver(&CaregiverId::new(id)).map(|caregiver| &caregiver.person),
    };
    person.map(|person| person.name.clone()).unwrap_or_default()
}

fn visits<'m>(mirror: &Mirror, all: impl Iterator<Item = &'m VisitEntry>, from: Instant) -> Vec<VisitAnswer> {
    let at = |entry: &VisitEntry, time: Option<VisitTime>| mirror.visit_instant(entry, time?);
    let mut visits: Vec<VisitAnswer> = all
        .map(|entry| VisitAnswer {
            id: entry.visit.id.to_string(),
            shift: entry.shift.as_ref().map(|key| shifts::label(mirror, key)),
            client: entry.visit.client.clone(),
            caregiver: entry.visit.caregiver.clone(),
            check_in: at(entry, entry.visit.check_in),
            check_out: at(entry, entry.visit.check_out),
            open: entry.visit.check_out.is_none(),
            status: entry.visit.status.clone(),
        })
        .filter(|visit| visit.open || visit.check_out.or(visit.check_in).is_none_or(|at| at >= from))
        .collect();
    visits.sort_by(|a, b| (a.check_in, &a.id).cmp(&(b.check_in, &b.id)));
    visits
}
