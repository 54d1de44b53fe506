//! What became of reminders to caregivers, written with the step that knows it. No phone, no text.

use chrono::TimeDelta;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    error::StoreError,
    sql::{Many, execute, fetch, get, instant},
};
use crate::{
    model::{AgencyName, Instant},
    notify::message::MessageId,
};

const TABLE: &str = "reminders";
/// So long is counted back.
const KEPT: TimeDelta = TimeDelta::days(90);
/// What was sent earlier is over.
const OPEN: TimeDelta = TimeDelta::days(2);

/// One reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderRow {
    /// Its message.
    pub message: MessageId,
    /// The vendor's id of whom it went to.
    pub caregiver: String,
    /// The shift's whole label.
    pub shift: String,
    /// `before`, `check_in`, `check_out`.
    pub moment: String,
    /// When it was decided.
    pub at: Instant,
    /// What became of it.
    pub outcome: String,
}

/// Stores what is known now.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    rows: Vec<ReminderRow>,
    now: Instant,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO reminders (agency, message, caregiver, shift, moment, at, outcome) VALUES ",
        tail: " ON CONFLICT (agency, message) DO UPDATE SET outcome = excluded.outcome",
    };
    if rows.is_empty() {
        return Ok(());
    }
    for row in rows {
        // One by one: the same may be told and settled in one step.
        let ReminderRow { message, caregiver, shift, moment, at, outcome } = row;
        let values = vec![
            agency.as_str().into(),
            message.as_str().into(),
            caregiver.into(),
            shift.into(),
            moment.into(),
            at.into(),
            outcome.into(),
        ];
        PUT.execute(connection, "storing reminders", vec![values]).await?;
    }
    let old = vec![agency.as_str().into(), (now - KEPT).into()];
    execute(connection, "forgetting reminders", "DELETE FROM reminders WHERE agency = ? AND at < ?", old)
        .await
        .map(drop)
}

/// How many were decided since `from`, by moment and outcome.
pub(super) async fn counts_since(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
) -> Result<Vec<(String, String, u64)>, StoreError> {
    let text = "SELECT moment, outcome, count(*) FROM reminders WHERE agency = ? AND at >= ? GROUP BY moment, outcome";
    let counts = fetch(connection, "counting reminders", text, vec![agency.as_str().into(), from.into()]).await?;
    counts.iter().map(count).collect()
}

fn count(row: &SqliteRow) -> Result<(String, String, u64), StoreError> {
    Ok((get(row, TABLE, 0)?, get(row, TABLE, 1)?, get::<i64>(row, TABLE, 2)?.unsigned_abs()))
}

/// Those of the last days, as of the latest of them; and how many there were, by moment and outcome.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
) -> Result<(Vec<ReminderRow>, Vec<(String, String, u64)>), StoreError> {
    let what = "reading reminders";
    let key = || vec![agency.as_str().into()];
    let text = "SELECT message, caregiver, shift, moment, at, outcome FROM reminders WHERE agency = ?
        ORDER BY at DESC LIMIT 10000";
    let mut rows = Vec::new();
    for row in &fetch(connection, what, text, key()).await? {
        rows.push(ReminderRow {
            message: MessageId::from_stored(get(row, TABLE, 0)?),
            caregiver: get(row, TABLE, 1)?,
            shift: get(row, TABLE, 2)?,
            moment: get(row, TABLE, 3)?,
            at: instant(row, TABLE, 4)?,
            outcome: get(row, TABLE, 5)?,
        });
    }
    let latest = rows.first().map(|row| row.at);
    rows.retain(|row| latest.is_some_and(|latest| latest - row.at <= OPEN));
    let text = "SELECT moment, outcome, count(*) FROM reminders WHERE agency = ? GROUP BY moment, outcome";
    let counts = fetch(connection, what, text, key()).await?;
    Ok((rows, counts.iter().map(count).collect::<Result<_, _>>()?))
}
