//! Shifts by whom, when and how they stand.
//!
//! Given: an agency's mirror. Gives: its shifts as they were last read, with ids, and names under protection.
//! Does not: reach further back or ahead than the mirror does, which [`super::past`] does; an answer that would says that it is
//! not complete.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{Freshness, Kind};
use crate::{
    mirror::{Mirror, shifts::ShiftEntry, today::Standing},
    model::{CaregiverId, ClientId, Instant, Phi, PhiGrant, ShiftKey, ShiftStatus},
};

/// So many shifts in one answer.
pub const ROWS_MAX: usize = 2_000;
/// The mirror holds shifts from so long ago …
const BACK: TimeDelta = TimeDelta::days(8);
/// … until so far ahead.
const AHEAD: TimeDelta = TimeDelta::days(31);

/// Where a shift stands; the metrics' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = lookup::State)]
pub enum State {
    /// Ahead, somebody is on it.
    Covered,
    /// Not over, nobody is on it and nobody came.
    Uncovered,
    /// Checked in to, and not over or not left.
    Running,
    /// Over, somebody came and left.
    Done,
    /// Begun or over, and a reading of the visits shows nobody.
    Missed,
    /// Cancelled.
    Cancelled,
    /// Begun, and nobody has read its visits since: not known.
    Unseen,
}

impl State {
    /// All, in the order they are explained.
    pub const ALL: [Self; 7] =
        [Self::Covered, Self::Uncovered, Self::Running, Self::Done, Self::Missed, Self::Cancelled, Self::Unseen];

    /// The state's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Uncovered => "uncovered",
            Self::Running => "running",
            Self::Done => "done",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
            Self::Unseen => "unseen",
        }
    }

    /// The state of a word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str().eq_ignore_ascii_case(text.trim()))
    }
}

impl From<Standing> for State {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Covered => Self::Covered,
            Standing::Uncovered => Self::Uncovered,
            Standing::Running => Self::Running,
            Standing::Done => Self::Done,
            Standing::Late | Standing::Missed => Self::Missed,
            Standing::Cancelled => Self::Cancelled,
            Standing::Unseen => Self::Unseen,
        }
    }
}

/// Which shifts.
#[derive(Debug, Clone)]
pub struct Wish {
    /// This client's.
    pub client: Option<ClientId>,
    /// This caregiver's.
    pub caregiver: Option<CaregiverId>,
    /// Those that run at some instant from here …
    pub from: Instant,
    /// … until here, not included.
    pub until: Instant,
    /// In one of these states; empty = in any.
    pub states: Vec<State>,
}

/// A shift as an answer holds it; ids beside names, `null` names without a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = lookup::ShiftAnswer)]
pub struct ShiftAnswer {
    /// The vendor's id, as a scheduler finds it; occurrences of a recurring shift share it.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The one occurrence, as alerts label it: `<id>@<start>`. `cover` takes it.
    pub shift: String,
    /// The `agency` label.
    pub agency: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// The zone its wall clock hangs in.
    pub timezone: String,
    /// Whom it is for.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// What they are called.
    pub client_name: Option<String>,
    /// Who is to come; `null` = nobody.
    #[schema(value_type = Option<String>)]
    pub caregiver: Option<CaregiverId>,
    /// What they are called.
    pub caregiver_name: Option<String>,
    /// The planned start.
    #[schema(value_type = String, format = DateTime)]
    pub start: Instant,
    /// The planned end.
    #[schema(value_type = String, format = DateTime)]
    pub end: Instant,
    /// Planned minutes.
    pub minutes: i64,
    /// Where it stands.
    pub state: State,
    /// The vendor's status as it came; `null` when it sent none.
    pub status: Option<String>,
    /// The first check-in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub came_at: Option<Instant>,
    /// The last check-out, when nobody is there any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub left_at: Option<Instant>,
    /// The visits that belong to it, by the vendor's ids.
    pub visits: Vec<String>,
    /// When its client's shifts were last read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<Instant>,
}

/// A shift that was found; its names are protected.
#[derive(Debug, Clone)]
pub struct FoundShift {
    /// Without names.
    pub answer: ShiftAnswer,
    /// Its identity.
    pub key: ShiftKey,
    client_name: Phi<String>,
    caregiver_name: Phi<String>,
}

impl FoundShift {
    /// One shift of a mirror.
    #[must_use]
    pub fn of(mirror: &Mirror, entry: &ShiftEntry, now: Instant) -> Self {
        let (shift, standing) = (&entry.shift, mirror.standing(entry, now));
        let client = mirror.client(&shift.key.client);
        let caregiver = shift.caregiver.as_ref().and_then(|id| mirror.caregiver(id));
        let answer = ShiftAnswer {
            reference: shift.key.id.to_string(),
            shift: label(mirror, &shift.key),
            agency: mirror.settings().agency.to_string(),
            location: mirror.location_of(&shift.key.client),
            timezone: mirror.zone_of(&shift.key.client).name().to_owned(),
            client: shift.key.client.clone(),
            client_name: None,
            caregiver: shift.caregiver.clone(),
            caregiver_name: None,
            start: shift.start(),
            end: shift.end,
            minutes: (shift.end - shift.start()).num_minutes(),
            state: standing.standing.into(),
            status: match &shift.status {
                ShiftStatus::Active(text) => text.as_deref().map(str::to_owned),
                ShiftStatus::Cancelled => Some("CANCELLED".to_owned()),
            },
            came_at: standing.came_at,
            left_at: standing.left_at,
            visits: entry.visits.iter().map(ToString::to_string).collect(),
            as_of: standing.read_at,
        };
        Self {
            answer,
            key: shift.key.clone(),
            client_name: client.map(|client| client.person.name.clone()).unwrap_or_default(),
            caregiver_name: caregiver.map(|caregiver| caregiver.person.name.clone()).unwrap_or_default(),
        }
    }

    /// One that memory does not hold; with its client's and its caregiver's name.
    #[must_use]
    pub fn new(answer: ShiftAnswer, key: ShiftKey, (client_name, caregiver_name): (Phi<String>, Phi<String>)) -> Self {
        Self { answer, key, client_name, caregiver_name }
    }

    /// Whom it names.
    pub fn ids(&self) -> impl Iterator<Item = (Kind, String)> {
        let caregiver = self.answer.caregiver.as_ref().map(|id| (Kind::Caregiver, id.to_string()));
        std::iter::once((Kind::Client, self.answer.client.to_string())).chain(caregiver)
    }

    /// With names for whoever has a grant.
    #[must_use]
    pub fn shown(self, grant: Option<PhiGrant>) -> ShiftAnswer {
        let Self { mut answer, client_name, caregiver_name, .. } = self;
        answer.client_name = named(&client_name, grant);
        answer.caregiver_name = named(&caregiver_name, grant);
        answer
    }
}

/// A name for whoever has a grant; nothing for an empty one.
#[must_use]
pub fn named(name: &Phi<String>, grant: Option<PhiGrant>) -> Option<String> {
    grant.map(|grant| name.reveal(grant).clone()).filter(|name| !name.trim().is_empty())
}

/// Shifts that were found.
#[derive(Debug, Clone)]
pub struct FoundShifts {
    /// By start.
    pub shifts: Vec<FoundShift>,
    /// How many there are in all; more than `shifts` holds are not listed.
    pub n: usize,
    /// How fresh they are, all together.
    pub freshness: Freshness,
}

/// The shifts of a mirror that were asked for.
#[must_use]
pub fn find(mirror: &Mirror, wish: &Wish, now: Instant) -> FoundShifts {
    let Wish { client, caregiver, from, until, states } = wish;
    let fits = |entry: &&ShiftEntry| {
        entry.shift.start() < *until
            && entry.shift.end > *from
            && client.as_ref().is_none_or(|id| entry.shift.key.client == *id)
            && caregiver.as_ref().is_none_or(|id| entry.shift.caregiver.as_ref() == Some(id))
    };
    let all: Vec<&ShiftEntry> = match (client, caregiver) {
        (Some(client), _) => mirror.shifts().of_client(client).filter(fits).collect(),
        (None, Some(caregiver)) => mirror.shifts().of_caregiver(caregiver).filter(fits).collect(),
        (None, None) => mirror.shifts().running(*from, *until).filter(fits).collect(),
    };
    let mut n = 0;
    let mut shifts = Vec::new();
    for entry in all {
        if !states.is_empty() && !states.contains(&mirror.standing(entry, now).standing.into()) {
            continue;
        }
        n += 1;
        if shifts.len() < ROWS_MAX {
            shifts.push(FoundShift::of(mirror, entry, now));
        }
    }
    FoundShifts { shifts, n, freshness: freshness(mirror, client.as_ref(), (*from, *until), now) }
}

/// How fresh the shifts of a client, or of all, are from one instant to another.
#[must_use]
pub fn freshness(
    mirror: &Mirror,
    client: Option<&ClientId>,
    (from, until): (Instant, Instant),
    now: Instant,
) -> Freshness {
    let in_memory = from >= now - BACK && until <= now + AHEAD;
    if let Some(client) = client {
        let last = until - TimeDelta::seconds(1);
        let reads = [mirror.shifts_read_at(client, from.max(now - BACK)), mirror.shifts_read_at(client, last)];
        let complete = in_memory && reads.iter().all(Option::is_some);
        let as_of = reads.into_iter().flatten().min().or_else(|| mirror.read_at(client));
        Freshness { as_of, complete }
    } else {
        let as_of = mirror.all_read_since(now);
        Freshness { as_of, complete: in_memory && as_of.is_some() }
    }
}

/// The one shift that a person means: its label (`id@start`, perhaps with `/client`), or the vendor's id, of which the
/// occurrence that runs or begins next is taken, else the last one.
#[must_use]
pub fn one<'m>(mirror: &'m Mirror, asked: &str, now: Instant) -> Option<&'m ShiftEntry> {
    let asked = asked.trim().trim_start_matches('#');
    let id = asked.split('@').next().unwrap_or_default();
    let mut all: Vec<&ShiftEntry> =
        mirror.shifts().iter().filter(|entry| entry.shift.key.id.to_string() == id).collect();
    if asked.contains('@') {
        all.retain(|entry| entry.shift.key.label(true) == asked || entry.shift.key.label(false) == asked);
        return all.first().copied();
    }
    all.iter().find(|entry| entry.shift.end > now).or(all.last()).copied()
}

/// The people that rows name, each once, as the audit names them.
#[must_use]
pub fn about(ids: impl IntoIterator<Item = (Kind, String)>) -> String {
    const MAX: usize = 500;
    let all: BTreeSet<(Kind, String)> = ids.into_iter().collect();
    let n = all.len();
    let mut words: Vec<String> =
        all.into_iter().take(MAX).map(|(kind, id)| format!("{} {id}", kind.as_str())).collect();
    if n > MAX {
        words.push(format!("and {} more", n - MAX));
    }
    words.join(", ")
}

/// A shift as alerts label it.
#[must_use]
pub fn label(mirror: &Mirror, key: &ShiftKey) -> String {
    key.label(mirror.shifts().is_shared(key))
}
