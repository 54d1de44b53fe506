//! Details as rows of text: what the store keeps without understanding it, and what an answer shows.
//!
//! Of a task's text nobody knows whom it names, so the whole body of a row is protected.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DetailSection;
use crate::model::{Instant, Phi, PhiGrant};

/// One row: everything that is known of one shift, one visit or one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailRow {
    /// Which section.
    pub section: DetailSection,
    /// A shift's stored key, a visit's id, or the list's name. Ids only.
    pub key: String,
    /// When the read that brought it began.
    pub read_at: Instant,
    /// What it holds, as JSON; `None` when the vendor does not know this id, or refuses it.
    pub body: Option<Phi<String>>,
}

/// What is to be done in one shift.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShiftTasksBody {
    /// The vendor's `scheduledItems`.
    pub items: Vec<Task>,
    /// The vendor's `tasks`.
    pub tasks: Vec<Task>,
}

/// One thing to do.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Task {
    /// The vendor's id; `None` without one.
    pub id: Option<String>,
    /// What is to be done, in the vendor's words.
    pub what: String,
    /// `COMPLETE`, `NOT_COMPLETE` or whatever the vendor says; `None` when it says nothing.
    pub status: Option<String>,
}

/// One entry of a visit's task log.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskLog {
    /// The vendor's id; `None` without one.
    pub id: Option<String>,
    /// What was to be done.
    pub title: String,
    /// More of it.
    pub description: String,
    /// `COMPLETE`, `NOT_COMPLETE` or whatever the vendor says.
    pub status: Option<String>,
    /// What the caregiver wrote.
    pub comment: String,
    /// When it was written down, as the vendor writes it; without an offset nobody knows the zone.
    pub recorded: Option<String>,
}

/// One care activity that the agency offers.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// The vendor's id or code; `None` without one.
    pub id: Option<String>,
    /// What it is called.
    pub name: String,
}

/// What staff wrote is in none of these: counts and ids are enough for a log.
macro_rules! redacted_debug {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

redacted_debug!(ShiftTasksBody, Task, TaskLog, Activity);

impl DetailRow {
    /// A row that holds `body`.
    #[must_use]
    pub fn of<T: Serialize>(section: DetailSection, key: String, read_at: Instant, body: &T) -> Self {
        let body = serde_json::to_string(body).unwrap_or_default();
        Self { section, key, read_at, body: Some(Phi::new(body)) }
    }

    /// A row that says that there is nothing to be had under this key.
    #[must_use]
    pub const fn refused(section: DetailSection, key: String, read_at: Instant) -> Self {
        Self { section, key, read_at, body: None }
    }

    /// What it holds; `None` when it holds nothing, or something that this version does not read.
    #[must_use]
    pub fn read<T: for<'a> Deserialize<'a>>(&self, grant: PhiGrant) -> Option<T> {
        serde_json::from_str(self.body.as_ref()?.reveal(grant)).ok()
    }
}
