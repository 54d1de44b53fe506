//! Which texts were heard already, and until when each gateway was listened to.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    orders,
    sql::{execute, fetch, instant},
    writer::Memory,
};
use crate::{
    alerts::{notice::PEOPLE, orders::Ask},
    model::{AgencyName, Instant},
};

/// A text that was taken for a reply: where it was heard, under which id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardText {
    /// The gateway's name.
    pub gateway: String,
    /// Its id there; not empty.
    pub provider_id: String,
    /// When, agent clock.
    pub at: Instant,
}

/// Stores the orders of a reply, once: false when it was heard before, and nothing is stored.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    heard: HeardText,
    orders: Vec<(AgencyName, Vec<Ask>)>,
) -> Result<bool, StoreError> {
    let text = "INSERT INTO heard (gateway, provider_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING";
    let at = heard.at;
    let row = vec![heard.gateway.into(), heard.provider_id.into(), at.into()];
    if execute(connection, "storing a reply", text, row).await? == 0 {
        return Ok(false);
    }
    for (agency, asks) in orders {
        orders::put_one(connection, memory, &agency, at, &asks).await?;
    }
    Ok(true)
}

/// Until when a gateway was listened to, on the machine's clock; `None` = never.
pub(super) async fn listened(connection: &mut SqliteConnection, gateway: &str) -> Result<Option<Instant>, StoreError> {
    // A text has an id: the row without one is the listening itself.
    let text = "SELECT at FROM heard WHERE gateway = ? AND provider_id = ''";
    let rows = fetch(connection, "reading what was heard", text, vec![gateway.into()]).await?;
    rows.first().map(|row| instant(row, "heard", 0)).transpose()
}

/// Notes until when a gateway was listened to.
pub(super) async fn listening(
    connection: &mut SqliteConnection,
    gateway: &str,
    until: Instant,
) -> Result<(), StoreError> {
    let text = "INSERT INTO heard (gateway, provider_id, at) VALUES (?, '', ?)
        ON CONFLICT (gateway, provider_id) DO UPDATE SET at = excluded.at";
    execute(connection, "noting what was heard", text, vec![gateway.into(), until.into()]).await.map(drop)
}

/// Whether a text went to somebody in `people` since then.
pub(super) async fn awaits_reply(connection: &mut SqliteConnection, since: Instant) -> Result<bool, StoreError> {
    let text = "SELECT 1 FROM outbox WHERE created_at >= ? AND receiver = ? AND channel = 'sms' LIMIT 1";
    let rows = fetch(connection, "looking for who may reply", text, vec![since.into(), PEOPLE.into()]).await?;
    Ok(!rows.is_empty())
}
