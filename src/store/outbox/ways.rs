//! Since when each way out fails, and who is not reached.

use std::collections::{BTreeSet, HashMap};

use sqlx::SqliteConnection;

use crate::{
    model::{AgencyName, Instant},
    store::{
        Attempted,
        error::StoreError,
        sql::{Many, execute, fetch, get},
        writer::Memory,
    },
};

/// Remembers since when each way out has been failing. The last word of the batch counts, the first failure dates it.
pub(super) async fn put_ways(
    connection: &mut SqliteConnection,
    attempted: &[Attempted],
    ways: HashMap<&str, (Instant, Option<Instant>)>,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO gateways (agency, gateway, failing_since, tried_at) VALUES ",
        tail: " ON CONFLICT (agency, gateway) DO UPDATE SET tried_at = excluded.tried_at,
                failing_since = CASE WHEN excluded.failing_since IS NULL THEN NULL
                                     ELSE coalesce(failing_since, excluded.failing_since) END",
    };
    let had_success = |way: &str| attempted.iter().any(|one| one.way == way && one.way_ok == Some(true));
    let (after_success, others): (Vec<_>, Vec<_>) =
        ways.into_iter().partition(|(way, (_, failing))| failing.is_some() && had_success(way));
    // A way that worked and then failed within one batch begins its failing anew.
    for (way, _) in &after_success {
        let text = "UPDATE gateways SET failing_since = NULL WHERE gateway = ?";
        execute(connection, "recording a way's health", text, vec![(*way).into()]).await?;
    }
    let rows = after_success
        .into_iter()
        .chain(others)
        .map(|(way, (at, failing))| {
            vec![AgencyName::installation().as_str().into(), way.into(), failing.into(), at.into()]
        })
        .collect();
    PUT.execute(connection, "recording the ways' health", rows).await.map(drop)
}

/// Notes that somebody cannot be reached, or that what a gateway takes does not arrive; or that it does again. The
/// first failure dates it.
pub(in super::super) async fn mark(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    name: &str,
    fails: bool,
    at: Instant,
) -> Result<(), StoreError> {
    let what = "recording who is not reached";
    if name.is_empty() {
        return Ok(());
    }
    if fails {
        let row = vec![AgencyName::installation().as_str().into(), name.into(), at.into(), at.into()];
        let text = "INSERT INTO gateways (agency, gateway, failing_since, tried_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (agency, gateway) DO UPDATE SET tried_at = excluded.tried_at,
                failing_since = coalesce(failing_since, excluded.failing_since)";
        execute(connection, what, text, row).await?;
        memory.none_marked = false;
        return Ok(());
    }
    if memory.none_marked {
        return Ok(());
    }
    let text = "UPDATE gateways SET failing_since = NULL, tried_at = ? WHERE gateway = ? AND failing_since IS NOT NULL";
    execute(connection, what, text, vec![at.into(), name.into()]).await?;
    let text = "SELECT 1 FROM gateways WHERE failing_since IS NOT NULL
        AND (gateway LIKE 'to/%' OR gateway LIKE '%/delivery') LIMIT 1";
    memory.none_marked = fetch(connection, what, text, Vec::new()).await?.is_empty();
    Ok(())
}

/// What is not in the present configuration cannot be failing.
pub(in super::super) async fn keep_ways(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    names: &BTreeSet<String>,
) -> Result<(), StoreError> {
    let what = "forgetting ways that are gone";
    let rows =
        fetch(connection, what, "SELECT gateway FROM gateways WHERE failing_since IS NOT NULL", Vec::new()).await?;
    for row in &rows {
        let name: String = get(row, "gateways", 0)?;
        if !names.contains(&name) {
            let text = "UPDATE gateways SET failing_since = NULL WHERE gateway = ?";
            execute(connection, what, text, vec![name.as_str().into()]).await?;
            memory.ways.remove(&name);
        }
    }
    Ok(())
}
