//! Secrets: those that the installation makes for itself, and those that others lend it for a while.
//!
//! Given: a name. Gives: what is kept under it. Does not: know what it opens.

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{execute, fetch, get},
};

/// A secret that the installation makes for itself: the one that is stored, else this one from now on.
pub(super) async fn made_once(
    connection: &mut SqliteConnection,
    name: &str,
    fresh: [u8; 32],
) -> Result<[u8; 32], StoreError> {
    let what = "keeping a secret";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let put = "INSERT INTO secrets (name, key_id, body) VALUES (?, 0, ?) ON CONFLICT (name) DO NOTHING";
    execute(connection, what, put, vec![name.into(), hex(&fresh).into()]).await?;
    let rows = fetch(connection, what, "SELECT body FROM secrets WHERE name = ?", vec![name.into()]).await?;
    let damaged = || StoreError::Row { table: "secrets", why: "not 32 bytes in hexadecimal".into() };
    let stored: &str = get(rows.first().ok_or_else(damaged)?, "secrets", 0)?;
    let mut secret = [0; 32];
    if stored.len() != 64 || !stored.is_ascii() {
        return Err(damaged());
    }
    for (byte, digits) in secret.iter_mut().zip(stored.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| damaged())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| damaged())?;
    }
    Ok(secret)
}

/// Keeps a secret in the place of the one before.
pub(super) async fn put(
    connection: &mut SqliteConnection,
    name: String,
    body: &SecretString,
) -> Result<(), StoreError> {
    let put = "INSERT INTO secrets (name, key_id, body) VALUES (?, 0, ?)
               ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, body = excluded.body";
    let values = vec![name.into(), body.expose_secret().to_owned().into()];
    execute(connection, "keeping a secret", put, values).await.map(drop)
}

/// What is kept under a name.
pub(super) async fn kept(connection: &mut SqliteConnection, name: &str) -> Result<Option<SecretString>, StoreError> {
    let text = "SELECT body FROM secrets WHERE name = ? AND key_id = 0";
    let rows = fetch(connection, "reading a secret", text, vec![name.into()]).await?;
    rows.first().map(|row| get::<String>(row, "secrets", 0).map(SecretString::from)).transpose()
}
