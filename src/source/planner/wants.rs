//! Reads that somebody asked for: the confirming ones, then those that would settle what cannot be judged.
//!
//! The rules ask again on every pass until they are served, so one wish counts once, and a wish that was just
//! served is not granted again at once: the answer may be on its way through the mirror.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use chrono::TimeDelta;

use crate::{
    model::{CaregiverId, ClientId, Endpoint, Instant, VisitId},
    source::fetched::Read,
};

/// Names that could not be found are not asked for again so soon.
const BY_ID_PAUSE: Duration = Duration::from_mins(15);
/// Memory of served wishes; when it is full the oldest half goes.
const SERVED_MAX: usize = 20_000;

/// What makes two wishes one. Not the span: it moves with the clock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Wish {
    Shifts(ClientId, bool),
    Visits(Option<ClientId>, bool),
    Client(ClientId),
    Caregiver(CaregiverId),
    Visit(VisitId),
    Other(Read),
}

/// The wishes.
#[derive(Debug)]
pub(super) struct Wants {
    confirming: VecDeque<Read>,
    other: VecDeque<(Instant, Read)>,
    asked: HashSet<Wish>,
    served: HashMap<Wish, Instant>,
    pause: Duration,
}

impl Wants {
    pub fn new(pause: Duration) -> Self {
        Self {
            confirming: VecDeque::new(),
            other: VecDeque::new(),
            asked: HashSet::new(),
            served: HashMap::new(),
            pause,
        }
    }

    /// Adds a wish. A confirming one is always granted, unless it waits already.
    pub fn put(&mut self, read: Read, now: Instant) {
        self.put_for(read, now, now);
    }

    /// Adds a wish that is not to be granted before `not_before`: a second look right after the first shows nothing.
    pub fn put_for(&mut self, read: Read, not_before: Instant, now: Instant) {
        let wish = wish(&read);
        if self.asked.contains(&wish) {
            return;
        }
        let confirming = is_confirming(&read);
        let pause = match wish {
            Wish::Client(_) | Wish::Caregiver(_) | Wish::Visit(_) => BY_ID_PAUSE,
            _ => self.pause,
        };
        let too_soon = self.served.get(&wish).is_some_and(|at| now < *at + span(pause));
        if too_soon && !confirming {
            return;
        }
        self.asked.insert(wish);
        if confirming {
            self.confirming.push_back(read);
        } else {
            self.other.push_back((not_before, read));
        }
    }

    /// Puts back what could not be read.
    pub fn put_back(&mut self, read: Read, now: Instant) {
        self.served.remove(&wish(&read));
        self.put(read, now);
    }

    /// The next confirming read that `may` go.
    pub fn take_confirming(&mut self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Read> {
        let place = self.confirming.iter().position(may)?;
        let read = self.confirming.remove(place)?;
        self.serve(&read, now);
        Some(read)
    }

    /// Since when the first other wish that `may` go at `now` waits.
    pub fn first(&self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Instant> {
        self.other.iter().find(|(at, read)| *at <= now && may(read)).map(|(at, _)| *at)
    }

    /// When a wish that must not be granted yet may be.
    pub fn next_from(&self, now: Instant) -> Option<Instant> {
        self.other.iter().map(|(at, _)| *at).filter(|at| *at > now).min()
    }

    /// Takes that wish.
    pub fn take(&mut self, now: Instant, may: impl Fn(&Read) -> bool) -> Option<Read> {
        let place = self.other.iter().position(|(at, read)| *at <= now && may(read))?;
        let (_, read) = self.other.remove(place)?;
        self.serve(&read, now);
        Some(read)
    }

    /// The clock stepped back to `now`: nothing was uttered or served later.
    pub fn step_back(&mut self, now: Instant) {
        self.served.retain(|_, at| *at <= now);
        for (at, _) in &mut self.other {
            *at = (*at).min(now);
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.confirming.len() + self.other.len()
    }

    fn serve(&mut self, read: &Read, now: Instant) {
        let wish = wish(read);
        self.asked.remove(&wish);
        if self.served.len() >= SERVED_MAX {
            let mut ages: Vec<Instant> = self.served.values().copied().collect();
            ages.sort_unstable();
            let middle = ages[ages.len() / 2];
            self.served.retain(|_, at| *at > middle);
        }
        self.served.insert(wish, now);
    }
}

/// Whether a read is the one between a verdict and its first message.
pub(super) const fn is_confirming(read: &Read) -> bool {
    matches!(read, Read::Shifts { confirming: true, .. } | Read::Visits { confirming: true, .. })
}

/// Where a read is asked.
pub(super) const fn endpoint(read: &Read) -> Endpoint {
    match read {
        Read::Clients(_) | Read::Client(_) => Endpoint::Patients,
        Read::Caregivers(_) | Read::Caregiver(_) => Endpoint::Practitioners,
        Read::Shifts { .. } => Endpoint::Appointment,
        Read::Visits { .. } | Read::Visit(_) => Endpoint::Encounter,
        Read::Locations => Endpoint::Locations,
    }
}

/// A duration as chrono counts; one beyond its range becomes a century.
pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).ok().filter(|span| *span < TimeDelta::days(36_500)).unwrap_or(TimeDelta::days(36_500))
}

fn wish(read: &Read) -> Wish {
    match read {
        Read::Shifts { client, confirming, .. } => Wish::Shifts(client.clone(), *confirming),
        Read::Visits { client, confirming, .. } => Wish::Visits(client.clone(), *confirming),
        Read::Client(id) => Wish::Client(id.clone()),
        Read::Caregiver(id) => Wish::Caregiver(id.clone()),
        Read::Visit(id) => Wish::Visit(id.clone()),
        other => Wish::Other(other.clone()),
    }
}
