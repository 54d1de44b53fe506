//! The book: one step stored whole, and everything of an agency read back at a start.

use std::collections::BTreeSet;

use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    Commit, Loaded,
    error::StoreError,
    lives, mirror_rows, on_call_log, orders, outbox, pages,
    sql::{Many, execute, fetch, get, instant, json, unjson},
    writer::{Memory, Values},
};
use crate::{
    alerts::{
        alert::Alert,
        step::{CatchUp, Delta, Transition},
    },
    model::{AgencyName, Instant},
    notify::message::MessageId,
};

/// What was said of alerts that are in the book is among the last so many.
const SAID_MAX: u32 = 1_000;

/// Stores one step: the book's changes, the messages, the withdrawals and the cursors.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    commit: Commit,
) -> Result<(), StoreError> {
    let Commit { agency, fence, n, at, delta, messages, cancels, mentions, reminders, edges_from } = commit;
    let (stored_n, stored_fence) = position(connection, &agency).await?;
    if fence < stored_fence {
        return Err(StoreError::Fenced { agency, stored: stored_fence, given: fence });
    }
    if n != stored_n + 1 {
        return Err(StoreError::OutOfOrder { agency, stored: stored_n, given: n });
    }
    execute(
        connection,
        "a commit",
        "INSERT INTO agencies (agency, fence, n, at, orders_done, receipts_done, catch_up) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (agency) DO UPDATE SET fence = excluded.fence, n = excluded.n, at = excluded.at,
             orders_done = max(orders_done, excluded.orders_done),
             receipts_done = max(receipts_done, excluded.receipts_done),
             catch_up = coalesce(excluded.catch_up, catch_up)",
        vec![
            agency.as_str().into(),
            fence.into(),
            n.into(),
            at.into(),
            delta.orders_done.unwrap_or(0).into(),
            delta.receipts_done.unwrap_or(0).into(),
            delta.catch_up.map(|state| json("agencies", &state)).transpose()?.into(),
        ],
    )
    .await?;
    store_delta(connection, &agency, n, &delta).await?;
    pages::store(connection, &agency, &delta).await?;
    on_call_log::store(connection, &agency, &delta).await?;
    lives::store(connection, &agency, &delta, at, edges_from).await?;
    lives::mention(connection, &agency, mentions).await?;
    super::reminders::put(connection, &agency, reminders, at).await?;
    // A message may follow one that the same step withdraws, so withdrawals come first.
    outbox::withdraw(connection, memory, &agency, cancels, at).await?;
    outbox::insert(connection, memory, messages, at).await
}

/// Every agency that ever had a commit.
pub(super) async fn agencies(connection: &mut SqliteConnection) -> Result<Vec<AgencyName>, StoreError> {
    let text = "SELECT agency FROM agencies ORDER BY agency";
    let rows = fetch(connection, "looking for agencies", text, Vec::new()).await?;
    rows.iter().map(|row| Ok(AgencyName::new(get::<&str>(row, "agencies", 0)?))).collect()
}

/// The number and the fence of an agency's last commit; zeros before the first.
pub(super) async fn position(connection: &mut SqliteConnection, agency: &AgencyName) -> Result<(i64, i64), StoreError> {
    let text = "SELECT n, fence FROM agencies WHERE agency = ?";
    let rows = fetch(connection, "reading the last commit", text, vec![agency.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok((0, 0)) };
    Ok((get(row, "agencies", 0)?, get(row, "agencies", 1)?))
}

async fn store_delta(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    n: i64,
    delta: &Delta,
) -> Result<(), StoreError> {
    const ALERTS: Many = Many {
        head: "INSERT INTO alerts (agency, key, state, updated_at, key_id, body) VALUES ",
        tail: " ON CONFLICT (agency, key) DO UPDATE SET state = excluded.state, updated_at = excluded.updated_at,
                key_id = excluded.key_id, body = excluded.body",
    };
    const ALERTS_GONE: Many =
        Many { head: "DELETE FROM alerts WHERE (agency, key) IN (SELECT * FROM (VALUES ", tail: "))" };
    const GROUPS: Many = Many {
        head: "INSERT INTO groups (agency, key, body) VALUES ",
        tail: " ON CONFLICT (agency, key) DO UPDATE SET body = excluded.body",
    };
    const GROUPS_GONE: Many =
        Many { head: "DELETE FROM groups WHERE (agency, key) IN (SELECT * FROM (VALUES ", tail: "))" };
    const TRANSITIONS: Many = Many {
        head: "INSERT INTO transitions (agency, n, i, at, alert, from_state, to_state, reason, note) VALUES ",
        tail: "",
    };
    let what = "storing the book";
    let mut rows: Vec<Values> = Vec::with_capacity(delta.alerts.len());
    for alert in &delta.alerts {
        rows.push(vec![
            agency.as_str().into(),
            json("alerts", &alert.key)?.into(),
            alert.state_name().into(),
            alert.updated_at.into(),
            0.into(),
            json("alerts", alert)?.into(),
        ]);
    }
    ALERTS.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::new();
    for key in &delta.alerts_gone {
        rows.push(vec![agency.as_str().into(), json("alerts", key)?.into()]);
    }
    ALERTS_GONE.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::with_capacity(delta.groups.len());
    for group in &delta.groups {
        rows.push(vec![agency.as_str().into(), json("groups", &group.key)?.into(), json("groups", group)?.into()]);
    }
    GROUPS.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::new();
    for key in &delta.groups_gone {
        rows.push(vec![agency.as_str().into(), json("groups", key)?.into()]);
    }
    GROUPS_GONE.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::with_capacity(delta.transitions.len());
    for (i, transition) in (0_i64..).zip(&delta.transitions) {
        rows.push(vec![
            agency.as_str().into(),
            n.into(),
            i.into(),
            transition.at.into(),
            json("transitions", &transition.key)?.into(),
            transition.from.clone().into(),
            transition.to.as_str().into(),
            transition.reason.as_str().into(),
            transition.note.clone().into(),
        ]);
    }
    TRANSITIONS.execute(connection, what, rows).await.map(drop)
}

/// Everything of one agency.
pub(super) async fn load(connection: &mut SqliteConnection, agency: &AgencyName) -> Result<Loaded, StoreError> {
    let what = "loading an agency";
    let key = || vec![agency.as_str().into()];
    let rows = fetch(connection, what, "SELECT n, catch_up FROM agencies WHERE agency = ?", key()).await?;
    let (n, catch_up) = match rows.first() {
        None => (0, None),
        Some(row) => {
            // A commit without a catch-up of its own ran in ordinary times.
            let state = get::<Option<&str>>(row, "agencies", 1)?.map(|text| unjson("agencies", text)).transpose()?;
            (get(row, "agencies", 0)?, Some(state.unwrap_or(CatchUp::Done)))
        }
    };
    let alerts: Vec<Alert> =
        bodies(connection, "alerts", "SELECT body FROM alerts WHERE agency = ? ORDER BY key", key()).await?;
    let groups = bodies(connection, "groups", "SELECT body FROM groups WHERE agency = ? ORDER BY key", key()).await?;
    let pages = pages::load(connection, agency).await?;
    let of_alerts = alerts.iter().flat_map(|alert| &alert.told).map(|told| &told.message);
    let of_pages = pages.iter().flat_map(|page| &page.told).map(|told| &told.message);
    let told: BTreeSet<&MessageId> = of_alerts.chain(of_pages).collect();
    let addresses = outbox::addresses(connection, agency, told).await?;
    let mirror = mirror_rows::load(connection, agency).await?;
    let inputs = orders::pending(connection, agency).await?;
    let said = on_call_log::said_lately(connection, agency, SAID_MAX).await?;
    let (reminders, reminder_counts) = super::reminders::load(connection, agency).await?;
    Ok(Loaded {
        said,
        reminders,
        reminder_counts,
        n,
        alerts,
        groups,
        pages,
        addresses,
        catch_up,
        mirror,
        orders: inputs.orders,
        receipts: inputs.receipts,
    })
}

pub(super) async fn bodies<T: serde::de::DeserializeOwned>(
    connection: &mut SqliteConnection,
    table: &'static str,
    text: &'static str,
    values: Values,
) -> Result<Vec<T>, StoreError> {
    let rows = fetch(connection, "loading an agency", text, values).await?;
    rows.iter().map(|row| unjson(table, get::<&str>(row, table, 0)?)).collect()
}

/// The latest transitions, newest first; those before `before` when given.
pub(super) async fn transitions(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    before: Option<Instant>,
    limit: u32,
) -> Result<Vec<Transition>, StoreError> {
    let table = "transitions";
    let rows = fetch(
        connection,
        "reading the history",
        "SELECT at, alert, from_state, to_state, reason, note FROM transitions
         WHERE agency = ? AND at < ? ORDER BY n DESC, i DESC LIMIT ?",
        vec![agency.as_str().into(), before.map_or_else(|| i64::MAX.into(), Into::into), i64::from(limit).into()],
    )
    .await?;
    rows.iter().map(|row| read_transition(row, table)).collect()
}

/// A transition from `at, alert, from_state, to_state, reason, note`, in this order.
pub(super) fn read_transition(row: &SqliteRow, table: &'static str) -> Result<Transition, StoreError> {
    Ok(Transition {
        at: instant(row, table, 0)?,
        key: unjson(table, get::<&str>(row, table, 1)?)?,
        from: get(row, table, 2)?,
        to: get(row, table, 3)?,
        reason: get(row, table, 4)?,
        note: get(row, table, 5)?,
    })
}
