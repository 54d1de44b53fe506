//! Silences, kept for the installation as a whole.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    orders,
    sql::{Many, Value, execute, fetch, get, json, unjson},
    writer::{Memory, Values},
};
use crate::{
    alerts::{orders::Ask, silence::Silence},
    model::{AgencyName, Instant},
};

/// What changes about silences at once.
#[derive(Debug, Default)]
pub struct SilenceChange {
    /// New forms, and new ones.
    pub changed: Vec<Silence>,
    /// The ids of those that are forgotten.
    pub gone: Vec<String>,
    /// When, agent clock.
    pub at: Instant,
    /// What is ordered of the installation's next step because of it.
    pub asks: Vec<Ask>,
}

/// Stores the change.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    change: SilenceChange,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO silences (agency, id, starts_at, ends_at, updated_at, key_id, body) VALUES ",
        tail: " ON CONFLICT (agency, id) DO UPDATE SET starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                updated_at = excluded.updated_at, key_id = excluded.key_id, body = excluded.body",
    };
    let agency = AgencyName::installation();
    let row = |silence: &Silence| -> Result<Values, StoreError> {
        let body = json("silences", silence)?;
        let (id, Silence { starts_at, ends_at, updated_at, .. }) = (silence.id.as_str(), silence);
        Ok(vec![
            agency.as_str().into(),
            id.into(),
            (*starts_at).into(),
            (*ends_at).into(),
            (*updated_at).into(),
            0.into(),
            body.into(),
        ])
    };
    let SilenceChange { changed, gone, at, asks } = change;
    let rows = changed.iter().map(row).collect::<Result<_, _>>()?;
    PUT.execute(connection, "storing silences", rows).await?;
    for id in gone {
        let values: Vec<Value> = vec![agency.as_str().into(), id.into()];
        execute(connection, "forgetting silences", "DELETE FROM silences WHERE agency = ? AND id = ?", values).await?;
    }
    if asks.is_empty() { Ok(()) } else { orders::put_one(connection, memory, &agency, at, &asks).await }
}

/// Every silence.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Silence>, StoreError> {
    let text = "SELECT body FROM silences WHERE agency = ? ORDER BY id";
    let rows = fetch(connection, "reading silences", text, vec![AgencyName::installation().as_str().into()]).await?;
    rows.iter().map(|row| unjson("silences", get::<&str>(row, "silences", 0)?)).collect()
}
