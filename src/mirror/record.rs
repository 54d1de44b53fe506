//! What the mirror holds of each thing: the last row, and what we know about when and how it was read.

use serde::{Deserialize, Serialize};

use crate::{
    model::{Caregiver, Client, Instant, Shift, ShiftKey, Visit},
    source::fetched::Span,
};

/// A shift, with its past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShiftRecord {
    /// The last row.
    pub shift: Shift,
    /// When the read began that last showed this row: evidence both ways.
    pub read_at: Instant,
    /// When it was seen first.
    pub first_seen_at: Instant,
    /// When its caregiver last changed; `first_seen_at` at first.
    pub caregiver_changed_at: Instant,
    /// The complete reads that did not show it: the first and the latest. A row seen again clears them.
    pub missed: Option<Missed>,
    /// Set once it is over with this row: it stays a while so that its alerts close with the right word.
    pub gone: Option<Gone>,
}

/// Complete reads without the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// The first of them.
    pub first_at: Instant,
    /// The latest.
    pub last_at: Instant,
}

/// Why a shift is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gone {
    /// Two complete reads did not show it.
    Removed,
    /// The same occurrence now starts at another time.
    Moved {
        /// The new start.
        to: Instant,
    },
}

/// A client, and how well we know their schedule.
#[derive(Debug, Clone, Default)]
pub struct ClientRecord {
    /// The roster's row; `None` while only shifts speak of this client.
    pub client: Option<Client>,
    /// When the roster last showed them.
    pub read_at: Option<Instant>,
    /// Complete full rosters without them, running.
    pub n_missed: u32,
    /// The last complete reads of their shifts, newest first, at most [`READS_KEPT`].
    pub shift_reads: Vec<CompleteRead>,
    /// The last successful read of their shifts, complete or not.
    pub shifts_seen_at: Option<Instant>,
    /// The last complete reads of their visits, newest first.
    pub visit_reads: Vec<CompleteRead>,
    /// Every occurrence we know of, in time order.
    pub shifts: Vec<ShiftKey>,
}

/// How many complete reads are remembered per client: the hot one, the far ones, a confirming one.
pub const READS_KEPT: usize = 4;

/// A read that was complete for its span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteRead {
    /// For what.
    pub span: Span,
    /// When it began.
    pub at: Instant,
}

/// A caregiver, with when the roster showed them.
#[derive(Debug, Clone)]
pub struct CaregiverRecord {
    /// The row.
    pub caregiver: Caregiver,
    /// When.
    pub read_at: Instant,
}

/// A visit, with the shift it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitRecord {
    /// The last row.
    pub visit: Visit,
    /// When it was last read.
    pub read_at: Instant,
    /// When it was seen first.
    pub first_seen_at: Instant,
    /// The matched occurrence.
    pub shift: Option<ShiftKey>,
}

impl ShiftRecord {
    /// Still on the schedule: not gone and not cancelled.
    #[must_use]
    pub const fn stands(&self) -> bool {
        self.gone.is_none() && !self.shift.is_cancelled()
    }
}

impl ClientRecord {
    /// Remembers a complete read, newest first; one whose span an older or equal one covers replaces it.
    pub fn note_read(reads: &mut Vec<CompleteRead>, read: CompleteRead) {
        reads
            .retain(|old| !(read.span.from <= old.span.from && old.span.until <= read.span.until && old.at <= read.at));
        reads.insert(0, read);
        reads.truncate(READS_KEPT);
    }

    /// When the latest complete read that covers `at` began.
    #[must_use]
    pub fn covered_at(reads: &[CompleteRead], at: Instant) -> Option<Instant> {
        reads.iter().filter(|read| read.span.contains(at)).map(|read| read.at).max()
    }
}
