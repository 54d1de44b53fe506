//! The roster: everybody, every schedule, and who is on call at an instant.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    calendar::Calendar,
    person::Person,
    schedule::{Rota, Schedule, Span},
};
use crate::model::{AddressMark, Instant, PersonName};

/// Everybody who can be told, and the schedules that say who is. [`Roster::default`] is nobody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    people: BTreeMap<PersonName, Person>,
    schedules: BTreeMap<String, Schedule>,
}

/// Who is on call at an instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnCall {
    /// Each once. Empty: nobody, or there is no such schedule, or its calendar was never read.
    pub people: Vec<PersonName>,
    /// When that changes next; `None` when no change is in sight (400 days).
    pub until: Option<Instant>,
}

/// One schedule handing over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// Which.
    pub schedule: String,
    /// Who is on call from now on and was not before.
    pub coming: Vec<PersonName>,
    /// Who was and is no longer.
    pub going: Vec<PersonName>,
    /// When it hands over again.
    pub until: Option<Instant>,
}

impl Roster {
    /// Of these people, without a schedule; of two with the same name the later counts.
    #[must_use]
    pub fn new(people: impl IntoIterator<Item = Person>) -> Self {
        let people = people.into_iter().map(|person| (person.name.clone(), person)).collect();
        Self { people, schedules: BTreeMap::new() }
    }

    /// With these schedules; of two with the same name the later counts.
    #[must_use]
    pub fn with_schedules(mut self, schedules: impl IntoIterator<Item = Schedule>) -> Self {
        self.schedules.extend(schedules.into_iter().map(|schedule| (schedule.name.clone(), schedule)));
        self
    }

    /// The person with this name.
    #[must_use]
    pub fn person(&self, name: &PersonName) -> Option<&Person> {
        self.people.get(name)
    }

    /// Everybody, by name.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// Everybody who has this address.
    #[must_use]
    pub fn people_with(&self, mark: &AddressMark) -> Vec<&Person> {
        let has = |person: &&Person| person.contacts.iter().any(|contact| contact.mark == *mark);
        self.people.values().filter(has).collect()
    }

    /// The schedule with this name.
    #[must_use]
    pub fn schedule(&self, name: &str) -> Option<&Schedule> {
        self.schedules.get(name)
    }

    /// Every schedule, by name.
    pub fn schedules(&self) -> impl Iterator<Item = &Schedule> {
        self.schedules.values()
    }

    /// Who a schedule has on call at an instant, and until when.
    #[must_use]
    pub fn on_call(&self, schedule: &str, at: Instant) -> OnCall {
        self.schedules.get(schedule).map_or_else(OnCall::default, |schedule| OnCall {
            people: schedule.people_at(at),
            until: schedule.next_change(at),
        })
    }

    /// A schedule's time from `from` to `until` as stretches without a hole between them (see [`Schedule::spans`]).
    #[must_use]
    pub fn shifts(&self, schedule: &str, from: Instant, until: Instant) -> Vec<Span> {
        self.schedules.get(schedule).map_or_else(Vec::new, |schedule| schedule.spans(from, until))
    }

    /// Every stretch between `from` and `until` in which a schedule has nobody.
    #[must_use]
    pub fn gaps(&self, schedule: &str, from: Instant, until: Instant) -> Vec<Span> {
        self.schedules.get(schedule).map_or_else(Vec::new, |schedule| schedule.gaps(from, until))
    }

    /// The first instant after `after` at which any schedule hands over, and which do; `None` when none is in sight.
    #[must_use]
    pub fn next_handoff(&self, after: Instant) -> Option<(Instant, Vec<Handoff>)> {
        let changes: Vec<(Instant, &Schedule)> =
            self.schedules.values().filter_map(|schedule| Some((schedule.next_change(after)?, schedule))).collect();
        let at = changes.iter().map(|(at, _)| *at).min()?;
        let handoffs = changes.into_iter().filter(|(other, _)| *other == at).map(|(_, schedule)| {
            let (before, then) = (schedule.people_at(after), schedule.people_at(at));
            Handoff {
                schedule: schedule.name.clone(),
                coming: then.iter().filter(|name| !before.contains(name)).cloned().collect(),
                going: before.iter().filter(|name| !then.contains(name)).cloned().collect(),
                until: schedule.next_change(at),
            }
        });
        Some((at, handoffs.collect()))
    }

    /// Everybody a schedule names, on call or not, each once.
    #[must_use]
    pub fn people_of(&self, schedule: &str) -> Vec<PersonName> {
        let Some(schedule) = self.schedules.get(schedule) else { return Vec::new() };
        let mut people: Vec<PersonName> = schedule.overrides.iter().map(|over| over.person.clone()).collect();
        match &schedule.rota {
            Rota::Rotations(rotations) => {
                people.extend(rotations.iter().flat_map(|rotation| &rotation.people).cloned());
            }
            Rota::Calendar(calendar) => people.extend(calendar.iter().flat_map(|calendar| calendar.people()).cloned()),
        }
        let mut met = BTreeSet::new();
        people.retain(|name| met.insert(name.clone()));
        people
    }

    /// The same roster with another copy of a schedule's calendar. Nothing happens where the schedule has none.
    #[must_use]
    pub fn with_calendar(mut self, schedule: &str, copy: Arc<Calendar>) -> Self {
        if let Some(Schedule { rota: Rota::Calendar(held), .. }) = self.schedules.get_mut(schedule) {
            *held = Some(copy);
        }
        self
    }
}
