//! Silences, kept for the installation as a whole.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{Many, Value, execute, fetch, get, json, unjson},
    writer::Values,
};
use crate::{alerts::silence::Silence, model::AgencyName};

/// Stores new forms of silences, and forgets others.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    changed: &[Silence],
    gone: Vec<String>,
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
    let rows = changed.iter().map(row).collect::<Result<_, _>>()?;
    PUT.execute(connection, "storing silences", rows).await?;
    for id in gone {
        let values: Vec<Value> = vec![agency.as_str().into(), id.into()];
        execute(connection, "forgetting silences", "DELETE FROM silences WHERE agency = ? AND id = ?", values).await?;
    }
    Ok(())
}

/// Every silence.
pub(super) async fn read(connection: &mut SqliteConnection) -> Result<Vec<Silence>, StoreError> {
    let text = "SELECT body FROM silences WHERE agency = ? ORDER BY id";
    let rows = fetch(connection, "reading silences", text, vec![AgencyName::installation().as_str().into()]).await?;
    rows.iter().map(|row| unjson("silences", get::<&str>(row, "silences", 0)?)).collect()
}
