//! What is known of addresses without keeping them: which take nothing, from which a test was answered.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    orders::channel_of,
    sql::{execute, fetch, get, instant},
    writer::Memory,
};
use crate::{
    model::{AddressMark, Instant},
    notify::message::{BadAddress, Channel},
    on_call::Marks,
};

/// An address that takes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadContact {
    /// Which.
    pub mark: AddressMark,
    /// By which way.
    pub via: Channel,
    /// Why.
    pub why: BadAddress,
    /// Since when.
    pub since: Instant,
}

/// An address from which a test was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedContact {
    /// Which.
    pub mark: AddressMark,
    /// By which way.
    pub via: Channel,
    /// When last.
    pub at: Instant,
}

/// Every address that takes nothing.
pub(super) async fn bad(connection: &mut SqliteConnection) -> Result<Vec<BadContact>, StoreError> {
    let text = "SELECT mark, via, why, since FROM opted_out ORDER BY since, mark, via";
    let rows = fetch(connection, "reading who takes nothing", text, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            let why = match get::<&str>(row, "opted_out", 2)? {
                "opted_out" => BadAddress::OptedOut,
                _ => BadAddress::Unusable,
            };
            Ok(BadContact {
                mark: AddressMark::from_stored(get(row, "opted_out", 0)?),
                via: channel_of(get(row, "opted_out", 1)?)?,
                why,
                since: instant(row, "opted_out", 3)?,
            })
        })
        .collect()
}

/// An address refused for good. The first refusal dates it.
pub(super) async fn put_bad(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    mark: &AddressMark,
    via: Channel,
    why: BadAddress,
    at: Instant,
) -> Result<(), StoreError> {
    let text = "INSERT INTO opted_out (mark, via, since, why) VALUES (?, ?, ?, ?)
        ON CONFLICT (mark, via) DO UPDATE SET why = excluded.why";
    let row = vec![mark.as_str().into(), via.as_str().into(), at.into(), why.as_str().into()];
    memory.none_bad = false;
    execute(connection, "recording who takes nothing", text, row).await.map(drop)
}

/// Its owner says that an address takes nothing any more. What was sent before says nothing against it.
pub(super) async fn stops(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    mark: &AddressMark,
    via: Channel,
    at: Instant,
) -> Result<(), StoreError> {
    takes_again(connection, memory, mark, via).await?;
    put_bad(connection, memory, mark, via, BadAddress::OptedOut, at).await
}

/// A message that was sent at `sent_at` arrived: what was known against its address before then is over.
pub(super) async fn arrived(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    mark: &AddressMark,
    via: Channel,
    sent_at: Instant,
) -> Result<(), StoreError> {
    let text = "SELECT 1 FROM opted_out WHERE mark = ? AND via = ? AND since > ?";
    let row = vec![mark.as_str().into(), via.as_str().into(), sent_at.into()];
    if fetch(connection, "looking who takes nothing", text, row).await?.is_empty() {
        takes_again(connection, memory, mark, via).await?;
    }
    Ok(())
}

/// An address takes messages again.
pub(super) async fn takes_again(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    mark: &AddressMark,
    via: Channel,
) -> Result<(), StoreError> {
    if memory.none_bad {
        return Ok(());
    }
    let what = "recording who takes messages again";
    let row = vec![mark.as_str().into(), via.as_str().into()];
    execute(connection, what, "DELETE FROM opted_out WHERE mark = ? AND via = ?", row).await?;
    memory.none_bad = fetch(connection, what, "SELECT 1 FROM opted_out LIMIT 1", Vec::new()).await?.is_empty();
    Ok(())
}

/// Every address from which a test was answered.
pub(super) async fn verified(connection: &mut SqliteConnection) -> Result<Vec<VerifiedContact>, StoreError> {
    let text = "SELECT mark, via, at FROM verified ORDER BY at, mark, via";
    let rows = fetch(connection, "reading who answered a test", text, Vec::new()).await?;
    rows.iter()
        .map(|row| {
            Ok(VerifiedContact {
                mark: AddressMark::from_stored(get(row, "verified", 0)?),
                via: channel_of(get(row, "verified", 1)?)?,
                at: instant(row, "verified", 2)?,
            })
        })
        .collect()
}

/// What the linter asks of addresses, whatever the way. An address that refuses two ways does so since the first.
pub(super) async fn marks(connection: &mut SqliteConnection) -> Result<Marks, StoreError> {
    let verified = verified(connection).await?.into_iter().map(|one| one.mark).collect();
    let mut opted_out = BTreeMap::new();
    // The oldest come first.
    for one in bad(connection).await? {
        opted_out.entry(one.mark).or_insert(one.since);
    }
    Ok(Marks { verified, opted_out })
}

/// A test was answered from this address.
pub(super) async fn put_verified(
    connection: &mut SqliteConnection,
    mark: &AddressMark,
    via: Channel,
    at: Instant,
) -> Result<(), StoreError> {
    let text = "INSERT INTO verified (mark, via, at) VALUES (?, ?, ?)
        ON CONFLICT (mark, via) DO UPDATE SET at = excluded.at";
    let row = vec![mark.as_str().into(), via.as_str().into(), at.into()];
    execute(connection, "recording that a test was answered", text, row).await.map(drop)
}
