//! The last good copy of each calendar that is fetched.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{execute, fetch, get, instant},
};
use crate::model::{Instant, Phi};

const CALENDARS: &str = "calendars";

/// The last good copy of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarCopy {
    /// Of which schedule.
    pub schedule: String,
    /// Where it came from, as a hash: a copy from elsewhere is of no use.
    pub source: String,
    /// When it was last known to be what the calendar says.
    pub fetched_at: Instant,
    /// What the server called this version.
    pub etag: Option<String>,
    /// When the server says it was changed, in the server's words.
    pub modified: Option<String>,
    /// The text: it may hold names and addresses of people whom we do not know.
    pub body: Phi<String>,
}

pub(super) async fn put(connection: &mut SqliteConnection, copy: CalendarCopy) -> Result<(), StoreError> {
    let text = "INSERT INTO calendars (schedule, url_hash, fetched_at, etag, modified, key_id, body)
                VALUES (?, ?, ?, ?, ?, 0, ?)
                ON CONFLICT (schedule) DO UPDATE SET url_hash = excluded.url_hash, fetched_at = excluded.fetched_at,
                    etag = excluded.etag, modified = excluded.modified, key_id = excluded.key_id, body = excluded.body";
    let maybe = |text: Option<String>| text.map_or(super::sql::Value::Null, Into::into);
    let values = vec![
        copy.schedule.into(),
        copy.source.into(),
        copy.fetched_at.into(),
        maybe(copy.etag),
        maybe(copy.modified),
        copy.body.reveal(crate::model::PhiGrant::STORE).clone().into(),
    ];
    execute(connection, "storing a calendar", text, values).await.map(drop)
}

pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<CalendarCopy>, StoreError> {
    let text = "SELECT schedule, url_hash, fetched_at, etag, modified, body FROM calendars WHERE key_id = 0";
    let rows = fetch(connection, "reading the calendars", text, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            Ok(CalendarCopy {
                schedule: get(row, CALENDARS, 0)?,
                source: get(row, CALENDARS, 1)?,
                fetched_at: instant(row, CALENDARS, 2)?,
                etag: get(row, CALENDARS, 3)?,
                modified: get(row, CALENDARS, 4)?,
                body: Phi::new(get(row, CALENDARS, 5)?),
            })
        })
        .collect()
}
