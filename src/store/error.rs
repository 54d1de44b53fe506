//! What can go wrong with the store, and whether anything was stored.

use std::path::PathBuf;

use crate::model::AgencyName;

/// A failure of the store outside of a commit.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the file.
    #[error(
        "store: {path} is in use by {holder}; one process may have it. Stop that one, or point `store:` at another file"
    )]
    Locked {
        /// The database file.
        path: PathBuf,
        /// `process 4711, since 2026-11-30T04:00:00Z`, as the other one wrote it.
        holder: String,
    },
    /// The file could not be made or opened.
    #[error("store: {path} cannot be opened; check that its folder exists and belongs to this user")]
    Open {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is something else, or damaged.
    #[error("store: {path} is damaged, or no database of shiftwatch; move it away, or restore a backup")]
    Foreign {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tables could not be brought up to date.
    #[error(
        "store: the tables of {path} cannot be brought up to date; was it written by a newer shiftwatch, or by another program? Move it away, or restore a backup"
    )]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A read or write failed; nothing of it was stored.
    #[error("store: {what} failed; nothing of it was stored")]
    Failed {
        /// Which operation.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A write was given to the disk, which then failed: it may or may not be there after a crash.
    #[error("store: whether {what} was stored is not known: the disk failed at the last moment")]
    Unknown {
        /// Which operation.
        what: &'static str,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A stored row cannot be read back.
    #[error("store: a row of {table} cannot be read back; was it written by another version?")]
    Row {
        /// Which table.
        table: &'static str,
        /// Why; positions only, no values.
        why: String,
    },
    /// A value cannot be written as JSON.
    #[error("store: a value for {table} cannot be written: {why}")]
    Write {
        /// Which table.
        table: &'static str,
        /// Why; no values.
        why: String,
    },
    /// The writer has stopped.
    #[error("store: it is closed; nothing more is stored by this process")]
    Closed,
    /// A commit in the batch was not in order; see [`CommitError`].
    #[error("store: commit {given} of {agency} does not follow {stored}")]
    OutOfOrder {
        /// Whose.
        agency: AgencyName,
        /// The last one stored.
        stored: i64,
        /// The one given.
        given: i64,
    },
    /// Someone with a newer fence owns the agency.
    #[error("store: {agency} belongs to a newer owner (fence {stored}, ours {given})")]
    Fenced {
        /// Whose.
        agency: AgencyName,
        /// The stored fence.
        stored: i64,
        /// Ours.
        given: i64,
    },
}

/// What became of a commit that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Surely not stored: make the same step again later.
    #[error("store: the step of {agency} was not stored; it is made again")]
    Refused {
        /// Whose.
        agency: AgencyName,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Perhaps stored: read [`super::Store::last_commit`] before anything else.
    #[error("store: whether the step of {agency} was stored is not known; reading back its number")]
    Unknown {
        /// Whose.
        agency: AgencyName,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// The number does not follow the stored one: this memory is not the stored book. Load again.
    #[error("store: commit {given} of {agency} does not follow {stored}; load the agency again")]
    OutOfOrder {
        /// Whose.
        agency: AgencyName,
        /// The last one stored.
        stored: i64,
        /// The one given.
        given: i64,
    },
    /// Someone with a newer fence owns the agency: stop working on it.
    #[error("store: {agency} belongs to a newer owner (fence {stored}, ours {given}); stop working on it")]
    Fenced {
        /// Whose.
        agency: AgencyName,
        /// The stored fence.
        stored: i64,
        /// Ours.
        given: i64,
    },
}

impl CommitError {
    pub(super) fn from_store(agency: AgencyName, error: StoreError) -> Self {
        match error {
            StoreError::OutOfOrder { agency, stored, given } => Self::OutOfOrder { agency, stored, given },
            StoreError::Fenced { agency, stored, given } => Self::Fenced { agency, stored, given },
            StoreError::Unknown { .. } | StoreError::Closed => Self::Unknown { agency, source: error },
            other => Self::Refused { agency, source: other },
        }
    }
}

impl StoreError {
    /// True when the file system had no room: the one refusal that passes by itself.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Failed { source, .. } | Self::Unknown { source, .. } => primary_code(source) == Some(FULL),
            _ => false,
        }
    }

    /// One more of the same failure, for every write that shared a transaction. The text is kept, the source is not
    /// shared (database errors cannot be copied).
    pub(super) fn again(&self) -> Self {
        match self {
            Self::Failed { what, source } => Self::Failed { what, source: copy(source) },
            Self::Unknown { what, source } => Self::Unknown { what, source: copy(source) },
            other => Self::Failed { what: "a write", source: sqlx::Error::Protocol(other.to_string()) },
        }
    }

    pub(super) fn row(table: &'static str, error: &serde_json::Error) -> Self {
        Self::Row { table, why: place(error) }
    }

    pub(super) fn unwritable(table: &'static str, error: &serde_json::Error) -> Self {
        Self::Write { table, why: place(error) }
    }
}

/// serde's own text may quote a value; the place and the class say enough.
fn place(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

fn copy(error: &sqlx::Error) -> sqlx::Error {
    sqlx::Error::Protocol(match error {
        sqlx::Error::Database(database) => {
            format!("(code {}) {}", database.code().unwrap_or_default(), database.message())
        }
        other => other.to_string(),
    })
}

/// `SQLITE_FULL`.
const FULL: i32 = 13;
/// `SQLITE_BUSY`.
const BUSY: i32 = 5;

/// SQLite's primary result code, if the database itself answered.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// Whether a failed COMMIT surely stored nothing. A full disk and a busy file are found before the commit record is
/// written; any other failure may have come after it.
pub(super) fn commit_surely_failed(error: &sqlx::Error) -> bool {
    matches!(primary_code(error), Some(FULL | BUSY))
}
