//! The outbox: messages stored with the decision that made them, claimed before they leave, settled when their
//! outcome is known.
//!
//! Given: messages, claims, outcomes, instants.
//! Gives: rows in `outbox`, `attempts` and `receipts` that agree with each other at the end of every transaction.
//! Does not: decide what an outcome means (see [`super::settle`]) or when to try again (the send loop says).

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    Attempted, Claim, Claimed, Old, Outcome, Report, Room, contacts,
    error::StoreError,
    mirror_rows::{blob_row, put_blobs},
    orders::{NewReceipt, channel_of, put_receipts},
    settle::{self, Followers, MessageFate, Ready, Row, Settled},
    sql::{Many, Value, execute, fetch, get, instant, json, maybe_instant, unjson},
    writer::{Counted, Memory, Values},
};
use crate::{
    alerts::notice::REMINDERS,
    alerts::orders::News,
    model::{AddressMark, AgencyName, Instant, Phi, PhiGrant},
    notify::message::{Channel, Message, MessageId},
};

const TABLE: &str = "outbox";
/// What a message that is not stored any more means for one that follows it: it was pruned long ago, so it went.
const PRUNED: Followers = Followers::Go;
/// How often it is written down that a way still works.
const WORKS_NOTED: TimeDelta = TimeDelta::seconds(10);

/// The columns of [`Row`], from `outbox`.
macro_rules! row_query {
    ($rest:literal) => {
        concat!(
            "SELECT agency, id, channel, state, ready, due_at, attempt, gateways, gateway, useful_until, claimed_at, ",
            "uncertain_since, not_there_at, provider_id, ended_at, poll_at, withdrawn, copies FROM outbox ",
            $rest
        )
    };
}

/// What [`read_claim`] reads of what is due on a lane.
macro_rules! due_query {
    ($rest:literal) => {
        concat!(
            "SELECT o.agency, o.id, o.receiver, o.recipient, o.channel, o.gateways, o.why, o.urgency, o.created_at, ",
            "o.useful_until, o.fired_at, o.follows, o.attempt, o.gateway, o.uncertain_since, o.not_there_at, b.body, ",
            "o.copies FROM outbox o JOIN blobs b ON b.agency = o.agency AND b.n = o.blob ",
            "WHERE o.ready = 1 AND o.lane = ?",
            $rest
        )
    };
}

mod lanes;
mod rows;
mod tried;
mod ways;

use lanes::way_of;
pub use lanes::{delivery_way, lane_of, mail_lane, recipient_way, way_to, webhook_lane};
pub(super) use rows::fate_of;
use rows::{read_claim, read_rows, write};
pub(super) use ways::keep_ways;
pub(super) use ways::mark;
use ways::put_ways;

/// What stands in a message's blob.
#[derive(Serialize, Deserialize)]
struct Body<A, C> {
    address: A,
    content: C,
}

/// Stores new messages; one whose id is stored already is left as it is.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    messages: Vec<Message>,
    at: Instant,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO outbox (agency, id, blob, receiver, recipient, channel, lane, gateways, why, urgency,
               created_at, useful_until, fired_at, follows, state, ready, attempt, gateway, ended_at, polls, withdrawn,
               copies) VALUES ",
        tail: "",
    };
    const WAITS: Many = Many { head: "INSERT OR IGNORE INTO follows (leader, follower, agency) VALUES ", tail: "" };
    if messages.is_empty() {
        return Ok(());
    }
    let mut ids: HashSet<String> = HashSet::with_capacity(messages.len());
    for message in &messages {
        ids.insert(message.id.as_str().to_owned());
        ids.extend(message.follows.iter().map(|id| id.as_str().to_owned()));
    }
    let mut known = states_of(connection, ids).await?;
    // The step may name a closing before the message it follows.
    let together: HashSet<String> = messages.iter().map(|message| message.id.as_str().to_owned()).collect();
    let (mut rows, mut blobs, mut receipts, mut waits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for message in messages {
        if known.contains_key(message.id.as_str()) {
            continue;
        }
        let followed = message.follows.iter().map(|id| {
            let waits = together.contains(id.as_str()).then_some(Followers::Wait);
            known.get(id.as_str()).copied().or(waits).unwrap_or(PRUNED)
        });
        let (fate, ready) = match settle::after_all(followed) {
            Followers::Wait => (MessageFate::Held, 0),
            Followers::Drop => (MessageFate::Cancelled, 0),
            Followers::Go => (MessageFate::Queued, 1),
        };
        if fate == MessageFate::Held {
            waits.extend(message.follows.iter().map(|leader| -> Values {
                vec![leader.as_str().into(), message.id.as_str().into(), message.agency.as_str().into()]
            }));
        }
        if fate == MessageFate::Cancelled {
            receipts.push(NewReceipt {
                agency: message.agency.clone(),
                message: message.id.clone(),
                channel: message.channel,
                at,
                news: News::Cancelled,
            });
        } else {
            memory.wake(message.useful_until);
        }
        let dropped = if fate == MessageFate::Cancelled { Followers::Drop } else { Followers::Wait };
        memory.none_held &= fate != MessageFate::Held;
        known.insert(message.id.as_str().to_owned(), dropped);
        let blob = memory.next(&message.agency, Counted::Blobs);
        let lane = lane_of(&message);
        let body =
            Body { address: message.address.reveal(PhiGrant::STORE), content: message.content.reveal(PhiGrant::STORE) };
        blobs.push(blob_row(&message.agency, blob, json("blobs", &body)?));
        rows.push(vec![
            message.agency.as_str().into(),
            message.id.as_str().into(),
            blob.into(),
            message.receiver.into(),
            message.recipient.into(),
            message.channel.as_str().into(),
            lane.into(),
            json(TABLE, &message.gateways)?.into(),
            json(TABLE, &message.why)?.into(),
            i64::from(message.urgency).into(),
            message.created_at.into(),
            message.useful_until.into(),
            message.fired_at.into(),
            json(TABLE, &message.follows)?.into(),
            fate.as_str().into(),
            ready.into(),
            0.into(),
            message.gateways.into_iter().next().into(),
            (fate == MessageFate::Cancelled).then_some(at).into(),
            0.into(),
            0.into(),
            0.into(),
        ]);
    }
    put_blobs(connection, blobs).await?;
    PUT.execute(connection, "storing messages", rows).await?;
    WAITS.execute(connection, "storing what closings wait for", waits).await?;
    put_receipts(connection, memory, receipts).await
}

/// The addresses that the stored ones among these messages go to, each once, in no order.
pub(super) async fn addresses(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    messages: impl IntoIterator<Item = &MessageId>,
) -> Result<Vec<Phi<String>>, StoreError> {
    const GET: Many = Many {
        head: "SELECT b.body FROM outbox o JOIN blobs b ON b.agency = o.agency AND b.n = o.blob
               WHERE (o.agency, o.id) IN (SELECT * FROM (VALUES ",
        tail: "))",
    };
    let keys = messages.into_iter().map(|id| vec![agency.as_str().into(), id.as_str().into()]).collect();
    let rows = GET.fetch(connection, "reading who was told", keys).await?;
    let address = |row: &SqliteRow| {
        let body: Body<String, serde::de::IgnoredAny> = unjson("blobs", get::<&str>(row, TABLE, 0)?)?;
        Ok(body.address)
    };
    let found: HashSet<String> = rows.iter().map(address).collect::<Result<_, StoreError>>()?;
    Ok(found.into_iter().map(Phi::new).collect())
}

/// The address that a stored message goes to, known again, and by which way.
async fn address_of(
    connection: &mut SqliteConnection,
    id: &MessageId,
) -> Result<Option<(AddressMark, Channel)>, StoreError> {
    let text = "SELECT b.body, o.channel FROM outbox o JOIN blobs b ON b.agency = o.agency AND b.n = o.blob
        WHERE o.id = ?";
    let rows = fetch(connection, "reading whom a message is for", text, vec![id.as_str().into()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let body: Body<String, serde::de::IgnoredAny> = unjson("blobs", get::<&str>(row, TABLE, 0)?)?;
    Ok(Some((AddressMark::of(&Phi::new(body.address)), channel_of(get(row, TABLE, 1)?)?)))
}

/// What the stored ones among these messages mean for their followers.
async fn states_of(
    connection: &mut SqliteConnection,
    ids: HashSet<String>,
) -> Result<HashMap<String, Followers>, StoreError> {
    const GET: Many =
        Many { head: "SELECT id, state, uncertain_since, ready FROM outbox WHERE id IN (VALUES ", tail: ")" };
    let rows =
        GET.fetch(connection, "looking for messages", ids.into_iter().map(|id| vec![id.into()]).collect()).await?;
    rows.iter()
        .map(|row| {
            let may_have_left = get::<Option<i64>>(row, TABLE, 2)?.is_some();
            let repeated = get::<i64>(row, TABLE, 3)? != 0;
            let followers = match fate_of(get(row, TABLE, 1)?)? {
                MessageFate::Uncertain if !repeated => Followers::Go,
                fate if fate.is_open() => Followers::Wait,
                MessageFate::Sent | MessageFate::Delivered | MessageFate::Undelivered => Followers::Go,
                _ if may_have_left => Followers::Go,
                _ => Followers::Drop,
            };
            Ok((get(row, TABLE, 0)?, followers))
        })
        .collect()
}

/// Withdraws what has not left.
pub(super) async fn withdraw(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    agency: &AgencyName,
    ids: Vec<MessageId>,
    at: Instant,
) -> Result<(), StoreError> {
    const GET: Many = Many { head: row_query!("WHERE (agency, id) IN (SELECT * FROM (VALUES "), tail: "))" };
    let keys = ids.iter().map(|id| vec![agency.as_str().into(), id.as_str().into()]).collect();
    let rows = read_rows(&GET.fetch(connection, "withdrawing messages", keys).await?)?;
    let settled = rows.into_iter().filter_map(|row| settle::after_withdrawal(row, at)).collect();
    write(connection, memory, settled, at).await
}

/// Its owner wants no more texts on a phone: it takes none, and reminders to it that have not left are withdrawn.
pub(super) async fn stops(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    phone: &AddressMark,
    at: Instant,
) -> Result<(), StoreError> {
    contacts::stops(connection, memory, phone, Channel::Sms, at).await?;
    let text = "SELECT agency, id FROM outbox WHERE receiver = ? AND ended_at IS NULL";
    let mut cancels: BTreeMap<AgencyName, Vec<MessageId>> = BTreeMap::new();
    for row in &fetch(connection, "looking for reminders", text, vec![REMINDERS.into()]).await? {
        let id = MessageId::from_stored(get(row, TABLE, 1)?);
        if address_of(connection, &id).await?.is_some_and(|(address, _)| address == *phone) {
            cancels.entry(AgencyName::new(get::<String>(row, TABLE, 0)?)).or_default().push(id);
        }
    }
    for (agency, ids) in cancels {
        withdraw(connection, memory, &agency, ids, at).await?;
    }
    Ok(())
}

/// When a message was taken last.
async fn sent_at(connection: &mut SqliteConnection, id: &MessageId) -> Result<Option<Instant>, StoreError> {
    let text = "SELECT at FROM attempts WHERE message = ? AND outcome = 'sent' ORDER BY at DESC LIMIT 1";
    let rows = fetch(connection, "looking when a message was sent", text, vec![id.as_str().into()]).await?;
    rows.first().map(|row| instant(row, "attempts", 0)).transpose()
}

/// Claims what is due. Everything that time alone changes (retries due, expiry, lapsed leases) is settled first.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    now: Instant,
    room: &Room,
    lease_until: Instant,
) -> Result<Claimed, StoreError> {
    const LANES: &str = "WITH RECURSIVE lanes (lane) AS (
            SELECT min(lane) FROM outbox WHERE ready = 1
            UNION ALL
            SELECT (SELECT min(o.lane) FROM outbox o WHERE o.ready = 1 AND o.lane > lanes.lane)
            FROM lanes WHERE lanes.lane IS NOT NULL)
        SELECT lane FROM lanes WHERE lane IS NOT NULL";
    const MARK: Many = Many {
        head: "WITH due (agency, id, claimed_at, lease_until) AS (VALUES ",
        tail: ")
        UPDATE outbox SET state = 'claimed', ready = 0, due_at = NULL, attempt = attempt + 1,
            claimed_at = due.claimed_at, lease_until = due.lease_until
        FROM due WHERE outbox.id = due.id AND outbox.agency = due.agency",
    };
    let expired = pass_time(connection, memory, now).await?;
    let mut claims = Vec::new();
    if room.total > 0 {
        for row in fetch(connection, "looking for lanes", LANES, Vec::new()).await? {
            let lane: String = get(&row, TABLE, 0)?;
            let limit = room.lanes.iter().find(|(name, _)| *name == lane).map_or(room.per_lane, |(_, limit)| *limit);
            let limit = i64::try_from(limit.min(room.total)).unwrap_or(i64::MAX);
            if limit > 0 {
                let careful = room.careful.contains(&lane);
                claims.extend(due(connection, lane, limit, careful).await?);
            }
        }
        claims.sort_by(|a, b| {
            let order = |claim: &Claim| (claim.message.urgency, claim.message.created_at);
            order(a).cmp(&order(b)).then_with(|| a.message.id.cmp(&b.message.id))
        });
        claims.truncate(room.total);
        tried::read(connection, &mut claims).await?;
    }
    if !claims.is_empty() {
        let mark = |claim: &Claim| -> Values {
            let message = &claim.message;
            vec![message.agency.as_str().into(), message.id.as_str().into(), now.into(), lease_until.into()]
        };
        MARK.execute(connection, "claiming messages", claims.iter().map(mark).collect()).await?;
        memory.wake(lease_until);
    }
    let next_at = memory.next_at.filter(|at| *at < Instant::MAX_UTC);
    Ok(Claimed { claims, next_at, expired })
}

/// What is due on a lane: the most urgent first, then the oldest. Where care is taken, half of it at least is what was
/// never tried, and of the rest whatever waited longest since it was.
async fn due(
    connection: &mut SqliteConnection,
    lane: String,
    limit: i64,
    careful: bool,
) -> Result<Vec<Claim>, StoreError> {
    const ALL: &str = due_query!(" ORDER BY o.urgency, o.created_at, o.id LIMIT ?");
    const UNTRIED: &str = due_query!(" AND o.attempt = 0 ORDER BY o.urgency, o.created_at, o.id LIMIT ?");
    const TRIED: &str = due_query!(" AND o.attempt > 0 ORDER BY o.claimed_at, o.urgency, o.created_at, o.id LIMIT ?");
    let what = "claiming messages";
    if !careful {
        let rows = fetch(connection, what, ALL, vec![lane.into(), limit.into()]).await?;
        return rows.iter().map(read_claim).collect();
    }
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut untried = fetch(connection, what, UNTRIED, vec![lane.clone().into(), limit.into()]).await?;
    let mut tried = fetch(connection, what, TRIED, vec![lane.into(), limit.into()]).await?;
    tried.truncate(most - untried.len().min(most.div_ceil(2)));
    untried.truncate(most - tried.len());
    untried.iter().chain(&tried).map(read_claim).collect()
}

/// Settles what is due by time alone, if anything can be. Gives how many expired, by way.
async fn pass_time(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    now: Instant,
) -> Result<Vec<(Channel, u64)>, StoreError> {
    if memory.next_at.is_some_and(|next_at| now < next_at) {
        return Ok(Vec::new());
    }
    let what = "looking at the time";
    execute(
        connection,
        what,
        "UPDATE outbox SET ready = 1, due_at = NULL WHERE ready = 2 AND due_at <= ?",
        vec![now.into()],
    )
    .await?;
    let expired = fetch(
        connection,
        what,
        row_query!("WHERE state IN ('queued', 'held', 'uncertain') AND useful_until <= ? LIMIT 5000"),
        vec![now.into()],
    )
    .await?;
    let lapsed = fetch(
        connection,
        what,
        row_query!("WHERE state = 'claimed' AND lease_until <= ? LIMIT 5000"),
        vec![now.into()],
    )
    .await?;
    let expired = read_rows(&expired)?.into_iter().filter_map(|row| settle::after_expiry(row, now));
    let lapsed = read_rows(&lapsed)?.into_iter().filter_map(|row| settle::after_lapse(row, now));
    let settled: Vec<Settled> = expired.chain(lapsed).collect();
    let mut n_expired: Vec<(Channel, u64)> = Vec::new();
    for one in settled.iter().filter(|one| one.row.fate == MessageFate::Expired) {
        match n_expired.iter_mut().find(|(channel, _)| *channel == one.row.channel) {
            Some((_, n)) => *n += 1,
            None => n_expired.push((one.row.channel, 1)),
        }
    }
    write(connection, memory, settled, now).await?;
    let next = fetch(
        connection,
        what,
        "SELECT min(at) FROM (
            SELECT min(due_at) AS at FROM outbox WHERE ready = 2
            UNION ALL SELECT min(useful_until) FROM outbox WHERE state IN ('queued', 'held', 'uncertain')
            UNION ALL SELECT min(lease_until) FROM outbox WHERE state = 'claimed')",
        Vec::new(),
    )
    .await?;
    let next_at = match next.first() {
        Some(row) => maybe_instant(row, TABLE, 0)?,
        None => None,
    };
    memory.next_at = Some(next_at.unwrap_or(Instant::MAX_UTC));
    Ok(n_expired)
}

/// Records what came of attempts.
pub(super) async fn finish(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    attempted: Vec<Attempted>,
) -> Result<(), StoreError> {
    const GET: Many = Many { head: row_query!("WHERE id IN (VALUES "), tail: ")" };
    let ids: HashSet<&str> = attempted.iter().map(|one| one.id.as_str()).collect();
    let found =
        GET.fetch(connection, "recording outcomes", ids.into_iter().map(|id| vec![id.into()]).collect()).await?;
    let mut rows: HashMap<MessageId, Row> = read_rows(&found)?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut settled = Vec::with_capacity(attempted.len());
    let mut tried = Vec::with_capacity(attempted.len());
    let mut ways: HashMap<&str, (Instant, Option<Instant>)> = HashMap::new();
    let mut last_at = None;
    for one in &attempted {
        last_at = last_at.max(Some(one.at));
        if let Some(ok) = one.way_ok {
            let way = ways.entry(&one.way).or_insert((one.at, None));
            *way = (one.at, if ok { None } else { way.1.or(Some(one.at)) });
        }
        let Some(mut row) = rows.get(&one.id).cloned() else { continue };
        // The send loop may have taken another than the one the claim named.
        row.gateway = one.gateway.clone().or(row.gateway);
        if let Some(next) = settle::after_attempt(row, one.attempt, one.doubles, one.at, &one.outcome) {
            rows.insert(one.id.clone(), next.row.clone());
            tried.push(attempt_row(one, &next.row));
            settled.push(next);
        }
    }
    put_attempts(connection, tried).await?;
    // A way that keeps working is written down now and then, not each time.
    ways.retain(|way, (at, failing)| {
        let known = memory.ways.insert((*way).to_owned(), (failing.is_none(), *at));
        let (worked, known_at) = known.unwrap_or((false, *at));
        let still_works = worked && failing.is_none() && (*at - known_at).abs() < WORKS_NOTED;
        if still_works {
            memory.ways.insert((*way).to_owned(), (true, known_at));
        }
        !still_works
    });
    put_ways(connection, &attempted, ways).await?;
    for one in &attempted {
        if let Outcome::Refused { bad: Some(bad), .. } = &one.outcome
            && let Some((address, channel)) = address_of(connection, &one.id).await?
        {
            contacts::put_bad(connection, memory, &address, channel, *bad, one.at).await?;
        }
        match &one.outcome {
            Outcome::Refused { .. } => mark(connection, memory, &one.to, true, one.at).await?,
            // A text that was taken has not arrived yet; its report says.
            Outcome::Sent { provider_id: None } => mark(connection, memory, &one.to, false, one.at).await?,
            _ => {}
        }
    }
    match last_at {
        Some(at) => write(connection, memory, settled, at).await,
        None => Ok(()),
    }
}

fn attempt_row(one: &Attempted, row: &Row) -> Values {
    let (outcome, why) = match &one.outcome {
        Outcome::Sent { .. } => ("sent", ""),
        Outcome::Retry { why, .. } => ("retried", why.as_str()),
        Outcome::Uncertain { why, .. } => ("uncertain", why.as_str()),
        Outcome::NotThere { .. } => ("not_there", ""),
        Outcome::Refused { why, .. } | Outcome::RefusedHere { why, .. } => ("refused", why.as_str()),
        Outcome::Reported { news: News::Delivered } => ("delivered", ""),
        Outcome::Reported { .. } => ("undelivered", ""),
    };
    vec![
        row.agency.as_str().into(),
        one.id.as_str().into(),
        i64::from(one.attempt).into(),
        one.gateway.clone().unwrap_or_default().into(),
        one.at.into(),
        outcome.into(),
        why.into(),
        row.provider_id.clone().into(),
        i64::from(one.doubles).into(),
    ]
}

async fn put_attempts(connection: &mut SqliteConnection, rows: Vec<Values>) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO attempts (agency, message, attempt, gateway, at, outcome, why, provider_id, doubles) VALUES ",
        tail: " ON CONFLICT (message, attempt, outcome, agency) DO UPDATE SET at = excluded.at, why = excluded.why",
    };
    PUT.execute(connection, "recording attempts", rows).await.map(drop)
}

/// At a start: every send without an outcome may have left. Gives how many there were.
pub(super) async fn recover(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    now: Instant,
) -> Result<usize, StoreError> {
    let rows =
        fetch(connection, "looking for unrecorded sends", row_query!("WHERE state = 'claimed'"), Vec::new()).await?;
    let rows = read_rows(&rows)?;
    let n_claimed = rows.len();
    let tried = rows
        .iter()
        .map(|row| {
            vec![
                row.agency.as_str().into(),
                row.id.as_str().into(),
                i64::from(row.attempt).into(),
                row.gateway.clone().unwrap_or_default().into(),
                now.into(),
                "uncertain".into(),
                tried::NOBODY_KNOWS.into(),
                Value::Null,
                0.into(),
            ]
        })
        .collect();
    put_attempts(connection, tried).await?;
    let settled = rows.into_iter().filter_map(|row| settle::after_lapse(row, now)).collect();
    write(connection, memory, settled, now).await?;
    memory.next_at = None;
    Ok(n_claimed)
}

/// Records a delivery report, and what it says about the number or the gateway. An undelivered text that may be tried
/// once more is put back. False when the report changes nothing.
pub(super) async fn report(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    report: Report,
) -> Result<bool, StoreError> {
    let Report { id, news, at, again_at, senders_fault, bad } = report;
    let news = if bad.is_some() && news == News::Undelivered { News::OptedOut } else { news };
    let found = fetch(connection, "recording a report", row_query!("WHERE id = ?"), vec![id.as_str().into()]).await?;
    let Some(row) = read_rows(&found)?.into_iter().next() else { return Ok(false) };
    let (attempt, useful_until, tried, channel) = (row.attempt, row.useful_until, row.gateway.clone(), row.channel);
    let Some(mut settled) = settle::after_attempt(row, attempt, false, at, &Outcome::Reported { news }) else {
        return Ok(false);
    };
    let outcome = if news == News::Delivered { "delivered" } else { "undelivered" };
    put_attempts(
        connection,
        vec![vec![
            settled.row.agency.as_str().into(),
            id.as_str().into(),
            i64::from(attempt).into(),
            settled.row.gateway.clone().unwrap_or_default().into(),
            at.into(),
            outcome.into(),
            "".into(),
            settled.row.provider_id.clone().into(),
            0.into(),
        ]],
    )
    .await?;
    if let Some(again_at) = again_at.filter(|again_at| *again_at < useful_until && news != News::Delivered) {
        settled.row.fate = MessageFate::Queued;
        settled.row.ready = if again_at <= at { Ready::Now } else { Ready::At(again_at) };
        settled.row.provider_id = None;
        settled.row.ended_at = None;
        if senders_fault {
            settled.row.gateway = settled.row.next_gateway().or(settled.row.gateway);
        }
    }
    let delivery = delivery_way(channel, &tried.unwrap_or_default());
    if news == News::Delivered || senders_fault {
        mark(connection, memory, &delivery, senders_fault, at).await?;
    }
    if !senders_fault && (news == News::Delivered || again_at.is_none()) {
        let text = "SELECT receiver, recipient FROM outbox WHERE id = ?";
        for row in fetch(connection, "recording a report", text, vec![id.as_str().into()]).await? {
            let to = way_of(get(&row, TABLE, 0)?, get(&row, TABLE, 1)?, channel);
            mark(connection, memory, &to, news != News::Delivered, at).await?;
        }
    }
    if (bad.is_some() || news == News::Delivered && !memory.none_bad)
        && let Some((address, channel)) = address_of(connection, &id).await?
    {
        if let Some(bad) = bad {
            contacts::put_bad(connection, memory, &address, channel, bad, at).await?;
        } else {
            let sent_at = sent_at(connection, &id).await?.unwrap_or(at);
            contacts::arrived(connection, memory, &address, channel, sent_at).await?;
        }
    }
    write(connection, memory, vec![settled], at).await?;
    Ok(true)
}

/// Sets when each text's delivery is asked for next; `None` = no more.
pub(super) async fn poll_later(
    connection: &mut SqliteConnection,
    polls: Vec<(MessageId, Option<Instant>)>,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "WITH later (id, at) AS (VALUES ",
        tail: ")
        UPDATE outbox SET poll_at = later.at, polls = polls + 1 FROM later
        WHERE outbox.id = later.id AND outbox.state = 'sent'",
    };
    let rows = polls.into_iter().map(|(id, at)| vec![id.as_str().into(), at.into()]).collect();
    PUT.execute(connection, "planning the next question", rows).await.map(drop)
}

/// Forgets what is older than `old` says: consumed inputs, settled messages, history; at most a few thousand rows, so
/// that nobody waits. Gives how many; 0 = done.
pub(super) async fn prune(connection: &mut SqliteConnection, old: Old) -> Result<u64, StoreError> {
    let steps: [(&'static str, Option<Instant>); 18] = [
        ("DELETE FROM blobs WHERE (agency, n) IN (SELECT agency, blob FROM outbox WHERE created_at < ?
            AND state IN ('sent', 'delivered', 'undelivered', 'refused', 'expired', 'cancelled')
            ORDER BY created_at, id LIMIT 2000)", old.messages),
        ("DELETE FROM attempts WHERE (message, agency) IN (SELECT id, agency FROM outbox WHERE created_at < ?
            AND state IN ('sent', 'delivered', 'undelivered', 'refused', 'expired', 'cancelled')
            ORDER BY created_at, id LIMIT 2000)", old.messages),
        ("DELETE FROM mentions WHERE (message, agency) IN (SELECT id, agency FROM outbox WHERE created_at < ?
            AND state IN ('sent', 'delivered', 'undelivered', 'refused', 'expired', 'cancelled')
            ORDER BY created_at, id LIMIT 2000)", old.messages),
        ("DELETE FROM outbox WHERE (agency, id) IN (SELECT agency, id FROM outbox WHERE created_at < ?
            AND state IN ('sent', 'delivered', 'undelivered', 'refused', 'expired', 'cancelled')
            ORDER BY created_at, id LIMIT 2000)", old.messages),
        ("DELETE FROM orders WHERE (agency, n) IN (SELECT o.agency, o.n FROM orders o JOIN agencies a
            ON a.agency = o.agency AND o.n <= a.orders_done WHERE o.at < ? LIMIT 2000)", old.inputs),
        ("DELETE FROM receipts WHERE (agency, n) IN (SELECT r.agency, r.n FROM receipts r JOIN agencies a
            ON a.agency = r.agency AND r.n <= a.receipts_done WHERE r.at < ? LIMIT 2000)", old.inputs),
        // The row without an id is until when a gateway was listened to.
        ("DELETE FROM heard WHERE (gateway, provider_id) IN (SELECT gateway, provider_id FROM heard WHERE at < ?
            AND provider_id <> '' LIMIT 2000)", old.messages),
        ("DELETE FROM transitions WHERE (agency, n, i) IN (SELECT agency, n, i FROM transitions WHERE at < ?
            LIMIT 2000)", old.history),
        ("DELETE FROM shift_history WHERE (agency, shift, at, what, detail) IN (SELECT agency, shift, at, what, detail
            FROM shift_history WHERE at < ? LIMIT 2000)", old.history),
        ("DELETE FROM visit_archive WHERE (agency, key) IN (SELECT agency, key FROM visit_archive
            WHERE archived_at < ? AND key LIKE 'shift/%' LIMIT 2000)", old.history),
        ("DELETE FROM details WHERE (agency, section, key) IN (SELECT agency, section, key FROM details WHERE read_at < ?
            AND section <> 'activities' LIMIT 2000)", old.history),
        ("DELETE FROM lives WHERE id IN (SELECT id FROM lives WHERE active_at < ? AND resolved_at IS NOT NULL
            LIMIT 2000)", old.history),
        ("DELETE FROM api_slices WHERE (agency, minutes, begins, endpoint) IN (SELECT agency, minutes, begins, endpoint
            FROM api_slices WHERE begins < ? LIMIT 2000)", old.history),
        ("DELETE FROM api_outages WHERE (agency, endpoint, since) IN (SELECT agency, endpoint, since FROM api_outages
            WHERE until < ? LIMIT 2000)", old.history),
        ("DELETE FROM page_log_alerts WHERE (agency, page) IN (SELECT agency, page FROM page_log WHERE opened_at < ?
            AND closed_at IS NOT NULL LIMIT 2000)", old.history),
        ("DELETE FROM page_log WHERE (agency, page) IN (SELECT agency, page FROM page_log WHERE opened_at < ?
            AND closed_at IS NOT NULL LIMIT 2000)", old.history),
        ("DELETE FROM dispositions WHERE (agency, fingerprint, active_at, at) IN (SELECT agency, fingerprint, active_at,
            at FROM dispositions WHERE at < ? LIMIT 2000)", old.history),
        ("DELETE FROM morning_lists WHERE (agency, day, person) IN (SELECT agency, day, person FROM morning_lists
            WHERE at < ? LIMIT 2000)", old.history),
    ];
    let mut n_gone = 0;
    for (text, before) in steps {
        if let Some(before) = before {
            n_gone += execute(connection, "forgetting old rows", text, vec![before.into()]).await?;
        }
    }
    Ok(n_gone)
}
