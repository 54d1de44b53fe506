//! The archive: shifts and visits that left memory, by time; what changed in them afterwards, and which days were wholly read.
//!
//! A range is read in slices of a day, each on a reading connection of its own, so that nobody waits for a long one.

use std::{collections::HashMap, sync::Arc};

use chrono::NaiveDate;
use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{Many, Value, execute, fetch, get, maybe_instant},
    writer::Values,
};
use crate::{
    mirror::{
        past_line::{PastLine, PastState},
        row::{ArchiveDelta, MirrorRow, VisitEdit},
    },
    model::{AgencyName, CaregiverId, ClientId, Instant, ShiftId, VisitId, local_time},
};

/// Between the columns of a packed row, and between rows: control characters, which no id holds.
const COLUMN: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// A day of one section, and of which clients it was not wholly read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDay {
    /// `shifts` or `visits`.
    pub section: String,
    /// The agency's own day.
    pub day: NaiveDate,
    /// When it was read.
    pub at: Instant,
    /// Whose rows may be missing.
    pub missing: Vec<ClientId>,
}

/// The columns of a row of the archive.
pub(super) fn columns(agency: &AgencyName, row: &MirrorRow, left: bool, at: Instant, blob: Value) -> Values {
    let line = PastLine::of(row, left);
    let state = line.as_ref().map_or(0, |line| match line.state {
        PastState::Stands => 0,
        PastState::Cancelled => 1,
        PastState::Left => 2,
    });
    vec![
        agency.as_str().into(),
        row.key.as_str().into(),
        at.into(),
        row.body.as_str().into(),
        blob,
        line.as_ref().and_then(|line| line.start).into(),
        state.into(),
        line.as_ref().and_then(|line| line.client.as_ref().map(ToString::to_string)).into(),
        line.as_ref().and_then(|line| line.caregiver.as_ref().map(ToString::to_string)).into(),
        line.as_ref().map(|line| pack(line, state)).into(),
    ]
}

fn pack(line: &PastLine, state: i64) -> String {
    let instant = |at: Option<Instant>| at.map(|at| local_time::to_micros(at).to_string()).unwrap_or_default();
    let naive = u8::from(line.naive_start) + 2 * u8::from(line.naive_ends);
    let columns = [
        line.key.clone(),
        instant(line.start),
        instant(line.ends),
        naive.to_string(),
        line.client.as_ref().map(ToString::to_string).unwrap_or_default(),
        line.caregiver.as_ref().map(ToString::to_string).unwrap_or_default(),
        line.shift.as_ref().map(ToString::to_string).unwrap_or_default(),
        state.to_string(),
    ];
    columns.join("\u{1f}")
}

/// Puts rows into the archive; one that is there already is replaced.
pub(super) const ARCHIVE: Many = Many {
    head: "INSERT INTO visit_archive (agency, key, archived_at, body, blob, start, state, client, caregiver, line) VALUES ",
    tail: " ON CONFLICT (agency, key) DO UPDATE SET archived_at = excluded.archived_at, body = excluded.body,
            blob = excluded.blob, start = excluded.start, state = excluded.state, client = excluded.client,
            caregiver = excluded.caregiver, line = excluded.line",
};

/// Stores what was seen to change in visits that were complete.
pub(super) async fn put_edits(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    edits: Vec<VisitEdit>,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO visit_edits (agency, visit, at, was_start, was_ends, is_start) VALUES ",
        tail: " ON CONFLICT DO NOTHING",
    };
    let rows = edits.into_iter().map(|edit| {
        vec![
            agency.as_str().into(),
            edit.visit.as_str().into(),
            edit.at.into(),
            edit.was_start.into(),
            edit.was_ends.into(),
            edit.is_start.into(),
        ]
    });
    PUT.execute(connection, "storing what changed in visits", rows.collect()).await.map(drop)
}

/// Stores what a read of the past brought, and which days it was.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    delta: ArchiveDelta,
    days: Vec<PastDay>,
    at: Instant,
) -> Result<(), StoreError> {
    const LEFT: Many =
        Many { head: "UPDATE visit_archive SET state = 2 WHERE (agency, key) IN (SELECT * FROM (VALUES ", tail: "))" };
    const DAYS: Many = Many {
        head: "INSERT INTO past_days (agency, section, day, at, missing) VALUES ",
        tail: " ON CONFLICT (agency, section, day) DO UPDATE SET at = excluded.at, missing = excluded.missing",
    };
    let ArchiveDelta { rows, left, edits } = delta;
    let what = "storing the past";
    let rows = rows.iter().map(|row| columns(agency, row, false, at, Value::Null)).collect();
    ARCHIVE.execute(connection, what, rows).await?;
    let left = left.into_iter().map(|key| vec![agency.as_str().into(), key.into()]).collect();
    LEFT.execute(connection, what, left).await?;
    put_edits(connection, agency, edits).await?;
    let days = days.into_iter().map(|day| {
        let missing: Vec<&str> = day.missing.iter().map(ClientId::as_str).collect();
        let missing = serde_json::to_string(&missing).unwrap_or_else(|_| "[]".to_owned());
        vec![agency.as_str().into(), day.section.into(), day.day.to_string().into(), day.at.into(), missing.into()]
    });
    DAYS.execute(connection, what, days.collect()).await.map(drop)
}

/// The rows of the archive that start in `[from, until)` and did not leave the schedule, whole.
pub(super) async fn range(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
    until: Instant,
) -> Result<Vec<MirrorRow>, StoreError> {
    let text = "SELECT key, body FROM visit_archive WHERE agency = ? AND start >= ? AND start < ? AND state < 2
                ORDER BY start, key";
    let rows = fetch(connection, "reading the past", text, vec![agency.as_str().into(), from.into(), until.into()]);
    rows.await?
        .iter()
        .map(|row| Ok(MirrorRow::from_archive(get(row, "visit_archive", 0)?, get(row, "visit_archive", 1)?)))
        .collect()
}

/// The same in a few columns, joined into one text by the database: rows that cross one by one cost more than all else.
pub(super) async fn packed(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
    until: Instant,
) -> Result<String, StoreError> {
    let text = "SELECT group_concat(line, char(30))
                FROM visit_archive INDEXED BY visit_archive_start
                WHERE agency = ? AND start >= ? AND start < ? AND state < 2";
    let rows =
        fetch(connection, "reading the past", text, vec![agency.as_str().into(), from.into(), until.into()]).await?;
    let packed: Option<String> = rows.first().map(|row| get(row, "visit_archive", 0)).transpose()?.flatten();
    Ok(packed.unwrap_or_default())
}

/// Whose past.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// A client's.
    Client(&'a ClientId),
    /// A caregiver's.
    Caregiver(&'a CaregiverId),
}

/// The same of one client or caregiver alone.
pub(super) async fn packed_of(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    whose: Whose<'_>,
    from: Instant,
    until: Instant,
) -> Result<String, StoreError> {
    let (text, id) = match whose {
        Whose::Client(id) => (
            "SELECT group_concat(line, char(30)) FROM visit_archive INDEXED BY visit_archive_client
             WHERE agency = ? AND client = ? AND start >= ? AND start < ? AND state < 2",
            id.as_str(),
        ),
        Whose::Caregiver(id) => (
            "SELECT group_concat(line, char(30)) FROM visit_archive INDEXED BY visit_archive_caregiver
             WHERE agency = ? AND caregiver = ? AND start >= ? AND start < ? AND state < 2",
            id.as_str(),
        ),
    };
    let values = vec![agency.as_str().into(), id.into(), from.into(), until.into()];
    let rows = fetch(connection, "reading the past", text, values).await?;
    let packed: Option<String> = rows.first().map(|row| get(row, "visit_archive", 0)).transpose()?.flatten();
    Ok(packed.unwrap_or_default())
}

/// Unpacks rows; each id is one text however often it comes.
#[derive(Debug, Default)]
pub(super) struct Unpacking {
    ids: HashMap<String, Arc<str>>,
}

impl Unpacking {
    fn id(&mut self, text: &str) -> Option<Arc<str>> {
        if text.is_empty() {
            return None;
        }
        if let Some(id) = self.ids.get(text) {
            return Some(Arc::clone(id));
        }
        let id: Arc<str> = text.into();
        self.ids.insert(text.to_owned(), Arc::clone(&id));
        Some(id)
    }

    /// The lines of one slice; what cannot be read is left out.
    pub(super) fn lines(&mut self, packed: &str, into: &mut Vec<PastLine>) {
        let instant = |text: &str| text.parse().ok().map(local_time::from_micros);
        for row in packed.split(ROW).filter(|row| !row.is_empty()) {
            let mut columns = row.split(COLUMN);
            let mut next = || columns.next().unwrap_or_default();
            let (key, start, ends) = (next().to_owned(), instant(next()), instant(next()));
            let naive: i64 = next().parse().unwrap_or(0);
            let (client, caregiver, shift) = (self.id(next()), self.id(next()), self.id(next()));
            let state = match next() {
                "0" => PastState::Stands,
                "1" => PastState::Cancelled,
                _ => continue,
            };
            into.push(PastLine {
                key,
                start,
                ends,
                naive_start: naive & 1 == 1,
                naive_ends: naive & 2 == 2,
                client: client.map(ClientId::new),
                caregiver: caregiver.map(CaregiverId::new),
                shift: shift.map(ShiftId::new),
                state,
            });
        }
    }
}

/// What changed in visits that begin in `[from, until)` after they were complete, the newest change last.
pub(super) async fn edits(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
    until: Instant,
) -> Result<Vec<VisitEdit>, StoreError> {
    let text = "SELECT visit, at, was_start, was_ends, is_start FROM visit_edits
                WHERE agency = ? AND is_start >= ? AND is_start < ? ORDER BY at";
    let table = "visit_edits";
    fetch(connection, "reading what changed in visits", text, vec![agency.as_str().into(), from.into(), until.into()])
        .await?
        .iter()
        .map(|row| {
            Ok(VisitEdit {
                visit: VisitId::new(get::<&str>(row, table, 0)?),
                at: super::sql::instant(row, table, 1)?,
                was_start: maybe_instant(row, table, 2)?,
                was_ends: maybe_instant(row, table, 3)?,
                is_start: maybe_instant(row, table, 4)?,
            })
        })
        .collect()
}

/// Which days of `[from, to]` were read after they were over.
pub(super) async fn days(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<PastDay>, StoreError> {
    let text = "SELECT section, day, at, missing FROM past_days WHERE agency = ? AND day >= ? AND day <= ?";
    let table = "past_days";
    let values = vec![agency.as_str().into(), from.to_string().into(), to.to_string().into()];
    fetch(connection, "reading which days were read", text, values)
        .await?
        .iter()
        .map(|row| {
            let day = get::<&str>(row, table, 1)?;
            let day = day.parse().map_err(|_| StoreError::Row { table, why: "an unreadable day".into() })?;
            let missing: Vec<String> = super::sql::unjson(table, get(row, table, 3)?)?;
            Ok(PastDay {
                section: get(row, table, 0)?,
                day,
                at: super::sql::instant(row, table, 2)?,
                missing: missing.into_iter().map(ClientId::new).collect(),
            })
        })
        .collect()
}

/// Closes a period. False when a closed one has a day in common with it.
pub(super) async fn close(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    closing: super::Closing,
) -> Result<bool, StoreError> {
    let what = "closing a period";
    let text = "INSERT INTO hours_closed (agency, from_day, to_day, at, head, body)
                SELECT ?1, ?2, ?3, ?4, ?5, ?6
                WHERE NOT EXISTS (SELECT 1 FROM hours_closed WHERE agency = ?1 AND from_day <= ?3 AND to_day >= ?2)";
    let values = vec![
        agency.as_str().into(),
        closing.from.to_string().into(),
        closing.to.to_string().into(),
        closing.at.into(),
        closing.head.into(),
        closing.body.into(),
    ];
    Ok(execute(connection, what, text, values).await? > 0)
}

/// The closed periods that have a day in common with `[from, to]`, oldest first: what each froze.
pub(super) async fn closed(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<String>, StoreError> {
    let text = "SELECT body FROM hours_closed WHERE agency = ? AND from_day <= ? AND to_day >= ? ORDER BY from_day";
    let values = vec![agency.as_str().into(), to.to_string().into(), from.to_string().into()];
    let rows = fetch(connection, "reading closed periods", text, values).await?;
    rows.iter().map(|row| get(row, "hours_closed", 0)).collect()
}

/// Which periods are closed, oldest first.
pub(super) async fn closed_heads(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
) -> Result<Vec<String>, StoreError> {
    let text = "SELECT head FROM hours_closed WHERE agency = ? ORDER BY from_day";
    let rows = fetch(connection, "reading closed periods", text, vec![agency.as_str().into()]).await?;
    rows.iter().map(|row| get(row, "hours_closed", 0)).collect()
}
