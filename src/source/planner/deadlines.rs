//! Known moments: when a rule will ask whether somebody checked in. The read is made shortly before, not after.
//!
//! Half of all deadlines fall on one minute of the hour, so the reads are spread over the time before it in which
//! they still count as evidence; a client whose check-in was seen leaves before its turn. What could not be read
//! in time stays, the earliest deadline first.

use std::collections::BTreeSet;

use crate::model::Instant;

/// Deadlines by client, at most one each.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// (when its read may be made, client)
    ahead: BTreeSet<(Instant, Instant, u32)>,
    /// (deadline, client), readable now
    ready: BTreeSet<(Instant, u32)>,
}

impl Deadlines {
    /// Enters a client's earliest open deadline; its read may be made from `from`.
    pub fn put(&mut self, client: u32, from: Instant, deadline: Instant) {
        self.ahead.insert((from, deadline, client));
    }

    /// Takes it back.
    pub fn take(&mut self, client: u32, from: Instant, deadline: Instant) {
        self.ahead.remove(&(from, deadline, client));
        self.ready.remove(&(deadline, client));
    }

    /// Moves what has become readable.
    pub fn turn(&mut self, now: Instant) {
        while let Some(&(from, deadline, client)) = self.ahead.first() {
            if from > now {
                return;
            }
            self.ahead.pop_first();
            self.ready.insert((deadline, client));
        }
    }

    /// The client to read first.
    pub fn first(&self) -> Option<(Instant, u32)> {
        self.ready.first().copied()
    }

    /// When the next one becomes readable.
    pub fn next_from(&self) -> Option<Instant> {
        self.ahead.first().map(|(from, _, _)| *from)
    }

    /// How many wait, readable or not.
    pub fn len(&self) -> usize {
        self.ahead.len() + self.ready.len()
    }

    /// The earliest deadline after `after`, for the agency-wide read that is made just before it.
    pub fn earliest_after(&self, after: Instant) -> Option<Instant> {
        let ready = self.ready.iter().map(|(deadline, _)| *deadline).find(|deadline| *deadline > after);
        let ahead = self.ahead.iter().map(|(_, deadline, _)| *deadline).find(|deadline| *deadline > after);
        ready.into_iter().chain(ahead).min()
    }
}
