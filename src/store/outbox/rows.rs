//! Rows of the outbox as they are read, and as they are written once something is settled.

use std::collections::{HashMap, HashSet};

use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{Body, PRUNED, TABLE, states_of};
use crate::{
    alerts::step::Why,
    model::{AgencyName, Instant, Phi},
    notify::message::{Content, Message, MessageId},
    store::{
        Claim,
        error::StoreError,
        orders::{NewReceipt, channel_of, put_receipts},
        settle::{self, Followers, MessageFate, Ready, Row, Settled},
        sql::{Many, fetch, get, instant, maybe_instant, unjson},
        writer::Memory,
    },
};

/// Writes settled rows, their receipts, and what follows for the messages that waited for them.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    mut settled: Vec<Settled>,
    at: Instant,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "WITH next (agency, id, state, ready, due_at, gateway, uncertain_since, not_there_at, provider_id,
               ended_at, poll_at, withdrawn, copies) AS (VALUES ",
        tail: ") UPDATE outbox SET state = next.state, ready = next.ready, due_at = next.due_at,
               gateway = next.gateway, uncertain_since = next.uncertain_since, not_there_at = next.not_there_at,
               provider_id = next.provider_id, ended_at = next.ended_at, poll_at = next.poll_at,
               withdrawn = next.withdrawn, copies = next.copies,
               lease_until = CASE WHEN next.state = 'claimed' THEN outbox.lease_until ELSE NULL END
               FROM next WHERE outbox.id = next.id AND outbox.agency = next.agency",
    };
    let leaders: HashMap<String, Followers> = settled
        .iter()
        .filter(|one| one.followers != Followers::Wait)
        .map(|one| (one.row.id.as_str().to_owned(), one.followers))
        .collect();
    if !leaders.is_empty() && any_held(connection, memory).await? {
        // A closing that expires together with what it follows stays expired.
        let gone: HashSet<MessageId> = settled.iter().map(|one| one.row.id.clone()).collect();
        for (row, followers) in followers_of(connection, &leaders).await? {
            if !gone.contains(&row.id) {
                settled.extend(settle::after_followed(row, at, followers));
            }
        }
    }
    let (mut rows, mut receipts) = (Vec::with_capacity(settled.len()), Vec::with_capacity(settled.len()));
    for Settled { row, news, .. } in settled {
        let (ready, due_at) = match row.ready {
            Ready::No => (0, None),
            Ready::Now => (1, None),
            Ready::At(due_at) => (2, Some(due_at)),
        };
        if let Some(due_at) = due_at {
            memory.wake(due_at);
        }
        if row.fate.is_open() {
            memory.wake(row.useful_until);
        }
        if let Some(news) = news {
            receipts.push(NewReceipt {
                agency: AgencyName::new(row.agency.as_str()),
                message: row.id.clone(),
                channel: row.channel,
                at,
                news,
            });
        }
        rows.push(vec![
            row.agency.into(),
            row.id.as_str().into(),
            row.fate.as_str().into(),
            ready.into(),
            due_at.into(),
            row.gateway.into(),
            row.uncertain_since.into(),
            row.not_there_at.into(),
            row.provider_id.into(),
            row.ended_at.into(),
            row.poll_at.into(),
            i64::from(row.withdrawn).into(),
            i64::from(row.copies).into(),
        ]);
    }
    PUT.execute(connection, "settling messages", rows).await?;
    put_receipts(connection, memory, receipts).await
}

/// The held messages that follow any of these, each with what all that it follows mean for it together. What was
/// settled is not waited for again: its row in `follows` goes.
pub(super) async fn followers_of(
    connection: &mut SqliteConnection,
    leaders: &HashMap<String, Followers>,
) -> Result<Vec<(Row, Followers)>, StoreError> {
    const FOLLOWERS: Many = Many { head: "SELECT DISTINCT follower FROM follows WHERE leader IN (VALUES ", tail: ")" };
    const DONE: Many = Many { head: "DELETE FROM follows WHERE leader IN (VALUES ", tail: ")" };
    const FOLLOWED: Many =
        Many { head: "SELECT id, follows FROM outbox WHERE state = 'held' AND id IN (VALUES ", tail: ")" };
    const HELD: Many = Many { head: row_query!("WHERE state = 'held' AND id IN (VALUES "), tail: ")" };
    let what = "looking for followers";
    let keys = || leaders.keys().map(|id| vec![id.as_str().into()]).collect();
    let followers = FOLLOWERS.fetch(connection, what, keys()).await?;
    if followers.is_empty() {
        return Ok(Vec::new());
    }
    let followers = followers.iter().map(|row| get(row, TABLE, 0)).collect::<Result<Vec<String>, StoreError>>()?;
    DONE.execute(connection, what, keys()).await?;
    let keys = || followers.iter().map(|id| vec![id.as_str().into()]).collect();
    let mut followed: HashMap<String, Vec<String>> = HashMap::new();
    for row in FOLLOWED.fetch(connection, what, keys()).await? {
        followed.insert(get(&row, TABLE, 0)?, unjson(TABLE, get::<&str>(&row, TABLE, 1)?)?);
    }
    // What is settled now is not written yet: its word comes before the stored one.
    let others: HashSet<String> =
        followed.values().flatten().filter(|id| !leaders.contains_key(*id)).cloned().collect();
    let stored = states_of(connection, others).await?;
    let mut found = Vec::new();
    for row in read_rows(&HELD.fetch(connection, what, keys()).await?)? {
        let Some(ids) = followed.get(row.id.as_str()) else { continue };
        let word = |id: &String| leaders.get(id).or_else(|| stored.get(id)).copied().unwrap_or(PRUNED);
        let followers = settle::after_all(ids.iter().map(word));
        found.push((row, followers));
    }
    Ok(found)
}

pub(super) async fn any_held(connection: &mut SqliteConnection, memory: &mut Memory) -> Result<bool, StoreError> {
    if !memory.none_held {
        let text = "SELECT 1 FROM outbox WHERE state = 'held' LIMIT 1";
        memory.none_held = fetch(connection, "looking for followers", text, Vec::new()).await?.is_empty();
    }
    Ok(!memory.none_held)
}

pub(super) fn read_rows(rows: &[SqliteRow]) -> Result<Vec<Row>, StoreError> {
    rows.iter().map(read_row).collect()
}

pub(super) fn read_row(row: &SqliteRow) -> Result<Row, StoreError> {
    let due_at = maybe_instant(row, TABLE, 5)?;
    Ok(Row {
        agency: get(row, TABLE, 0)?,
        id: MessageId::from_stored(get(row, TABLE, 1)?),
        channel: channel_of(get(row, TABLE, 2)?)?,
        fate: fate_of(get(row, TABLE, 3)?)?,
        ready: match (get::<i64>(row, TABLE, 4)?, due_at) {
            (1, _) => Ready::Now,
            (2, Some(at)) => Ready::At(at),
            _ => Ready::No,
        },
        attempt: get(row, TABLE, 6)?,
        gateways: unjson(TABLE, get::<&str>(row, TABLE, 7)?)?,
        gateway: get(row, TABLE, 8)?,
        useful_until: instant(row, TABLE, 9)?,
        claimed_at: maybe_instant(row, TABLE, 10)?,
        uncertain_since: maybe_instant(row, TABLE, 11)?,
        not_there_at: maybe_instant(row, TABLE, 12)?,
        provider_id: get(row, TABLE, 13)?,
        ended_at: maybe_instant(row, TABLE, 14)?,
        poll_at: maybe_instant(row, TABLE, 15)?,
        withdrawn: get::<i64>(row, TABLE, 16)? != 0,
        copies: get(row, TABLE, 17)?,
    })
}

pub(in super::super) fn fate_of(word: &str) -> Result<MessageFate, StoreError> {
    MessageFate::parse(word).ok_or_else(|| StoreError::Row { table: TABLE, why: "an unknown state".into() })
}

pub(super) fn read_claim(row: &SqliteRow) -> Result<Claim, StoreError> {
    let body: Body<String, Content> = unjson("blobs", get::<&str>(row, TABLE, 16)?)?;
    let why: Why = unjson(TABLE, get::<&str>(row, TABLE, 6)?)?;
    Ok(Claim {
        message: Message {
            agency: AgencyName::new(get::<&str>(row, TABLE, 0)?),
            id: MessageId::from_stored(get(row, TABLE, 1)?),
            receiver: get(row, TABLE, 2)?,
            recipient: get(row, TABLE, 3)?,
            channel: channel_of(get(row, TABLE, 4)?)?,
            gateways: unjson(TABLE, get::<&str>(row, TABLE, 5)?)?,
            address: Phi::new(body.address),
            content: Phi::new(body.content),
            why,
            urgency: get(row, TABLE, 7)?,
            created_at: instant(row, TABLE, 8)?,
            useful_until: instant(row, TABLE, 9)?,
            fired_at: instant(row, TABLE, 10)?,
            follows: unjson(TABLE, get::<&str>(row, TABLE, 11)?)?,
        },
        attempt: get::<u32>(row, TABLE, 12)? + 1,
        gateway: get(row, TABLE, 13)?,
        uncertain_since: maybe_instant(row, TABLE, 14)?,
        not_there_at: maybe_instant(row, TABLE, 15)?,
        n_copies: get(row, TABLE, 17)?,
    })
}
