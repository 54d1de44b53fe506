//! How the mirror hands itself to the store and comes back: rows of text that only the mirror can read.
//!
//! The store keeps them without understanding them, so neither bends the other.

use super::{past_line::as_utc, restore::shift_key_text};
use crate::model::{Instant, Phi, Section, ShiftKey, Visit, VisitId};

/// One stored row of the mirror. `(section, key)` is unique within an agency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRow {
    /// `Some` for rows of a section; `None` for the mirror's own memory (section stamps, page bases, anomalies).
    pub section: Option<Section>,
    /// The row's key as text; may hold ids, never PHI.
    pub key: String,
    /// JSON without PHI.
    pub body: String,
    /// JSON with PHI, kept apart; `None` where there is none.
    pub phi: Option<Phi<String>>,
}

/// Before the key of a shift in the archive, where visits have keys of their own.
pub const ARCHIVED_SHIFT: &str = "shift/";

impl MirrorRow {
    /// A row of the archive as the mirror would hold it.
    #[must_use]
    pub fn from_archive(key: String, body: String) -> Self {
        match key.strip_prefix(ARCHIVED_SHIFT) {
            Some(shift) => Self { section: Some(Section::Shifts), key: shift.to_owned(), body, phi: None },
            None => Self { section: Some(Section::Visits), key, body, phi: None },
        }
    }

    /// The key that the row of a shift has.
    #[must_use]
    pub fn key_of(shift: &ShiftKey) -> String {
        shift_key_text(shift)
    }
}

/// A line of a shift's history as it was stored; see [`ShiftHistory`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLine {
    /// When it was seen.
    pub at: Instant,
    /// The shift's label with its client.
    pub shift: String,
    /// What.
    pub what: String,
    /// Ids only.
    pub detail: String,
}

/// What a read changed in the mirror's stored form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MirrorDelta {
    /// New or changed rows.
    pub upserts: Vec<MirrorRow>,
    /// Rows that left the mirror: section and key.
    pub removes: Vec<(Option<Section>, String)>,
    /// What happened to shifts, for the history table.
    pub history: Vec<ShiftHistory>,
    /// Shifts and visits that grew too old for memory, and shifts that left the schedule: they go to the archive table.
    pub archived: Vec<MirrorRow>,
    /// The keys of those among them that left the schedule.
    pub left: Vec<String>,
    /// Visits that were complete and now say otherwise.
    pub edits: Vec<VisitEdit>,
}

/// What a read of the past changes in the archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchiveDelta {
    /// New or changed rows, as the archive keeps them.
    pub rows: Vec<MirrorRow>,
    /// The keys of rows that are not at the vendor any more.
    pub left: Vec<String>,
    /// Visits that were complete and now say otherwise.
    pub edits: Vec<VisitEdit>,
}

/// A visit that was complete and now says otherwise. A time without an offset stands as though it were UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitEdit {
    /// Which.
    pub visit: VisitId,
    /// When it was seen.
    pub at: Instant,
    /// The check-in before.
    pub was_start: Option<Instant>,
    /// The check-out before.
    pub was_ends: Option<Instant>,
    /// The check-in now.
    pub is_start: Option<Instant>,
}

impl VisitEdit {
    /// What changed from one row of a visit to the next; `None` when it was not complete, or its times are the same.
    #[must_use]
    pub fn between(was: &Visit, is: &Visit, at: Instant) -> Option<Self> {
        let changed = was.check_out.is_some() && (was.check_in != is.check_in || was.check_out != is.check_out);
        changed.then(|| Self {
            visit: is.id.clone(),
            at,
            was_start: was.check_in.map(as_utc),
            was_ends: was.check_out.map(as_utc),
            is_start: is.check_in.or(was.check_in).map(as_utc),
        })
    }
}

/// One line of a shift's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftHistory {
    /// When we saw it (the read's `started_at`).
    pub at: Instant,
    /// [`crate::model::ShiftKey::label`] with the client.
    pub shift: String,
    /// `appeared`, `covered`, `uncovered`, `reassigned`, `moved`, `cancelled`, `removed`, `checked_in`, `checked_out`.
    pub what: &'static str,
    /// Ids only, e.g. the caregiver's.
    pub detail: String,
}
