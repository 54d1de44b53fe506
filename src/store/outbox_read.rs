//! What others may know about the outbox: how full it is, what became of messages, which ways out fail.

use chrono::TimeDelta;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    error::StoreError,
    orders::channel_of,
    outbox::fate_of,
    settle::MessageFate,
    sql::{Many, fetch, get, instant, maybe_instant, unjson},
};
use crate::{
    alerts::{notice::PEOPLE, step::Why},
    model::{AgencyName, Instant, Phi},
    notify::{
        message::{Channel, Content, MessageId},
        record_note::RecordNote,
    },
    store::NoteRow,
};

const TABLE: &str = "outbox";
/// How long a way that failed and is not tried any more counts as failing while nothing waits for it. What waits is
/// tried at least each hour, so after that nobody wants it.
const FAILURE_HOLDS: TimeDelta = TimeDelta::hours(1);
/// The same for who refused a message, and for texts that did not arrive: only the next message could show that it is
/// mended, and there may be none for long.
const REFUSAL_HOLDS: TimeDelta = TimeDelta::hours(24);

/// How full the outbox is. Only what is still open is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxStats {
    /// How many messages wait, by way and state. A pair that is not listed is a known zero.
    pub open: Vec<(Channel, MessageFate, u64)>,
    /// When the oldest of them was decided.
    pub oldest_at: Option<Instant>,
    /// When something in it changes next by time alone.
    pub next_at: Option<Instant>,
}

/// A message's life so far, for a page or a command. No address, no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageState {
    /// Which.
    pub id: MessageId,
    /// The receiver's name.
    pub receiver: String,
    /// What the recipient may be called.
    pub recipient: String,
    /// By which way.
    pub channel: Channel,
    /// Why it was decided.
    pub why: Why,
    /// Where it is.
    pub fate: MessageFate,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was decided.
    pub created_at: Instant,
    /// When its state became final; `None` while open.
    pub ended_at: Option<Instant>,
    /// The provider's id, by which the provider finds it.
    pub provider_id: Option<String>,
    /// What the last attempt that failed said; no PHI.
    pub last_why: Option<String>,
}

/// A text or a call whose delivery is asked for.
#[derive(Debug, Clone)]
pub struct Poll {
    /// Which message.
    pub id: MessageId,
    /// A text or a call.
    pub channel: Channel,
    /// Which gateway took it.
    pub gateway: String,
    /// Its id there.
    pub provider_id: String,
    /// When it was taken.
    pub sent_at: Instant,
    /// After this it helped nobody.
    pub useful_until: Instant,
    /// How often it was asked for already.
    pub polls: u32,
    /// How often it was sent.
    pub attempts: u32,
    /// How many gateways it may go through.
    pub n_gateways: usize,
    /// The number it went to, which the provider's answer is held against.
    pub address: Phi<String>,
}

/// One way out and since when it has been failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayHealth {
    /// `email`, `sms/<gateway>`, `webhook`; or who refuses: `sms/<receiver>/0/1`.
    pub gateway: String,
    /// `None` while its last attempt went well.
    pub failing_since: Option<Instant>,
}

pub(super) async fn stats(connection: &mut SqliteConnection) -> Result<OutboxStats, StoreError> {
    let what = "counting the outbox";
    let rows = fetch(
        connection,
        what,
        "SELECT channel, state, count(*), min(created_at) FROM outbox
         WHERE state IN ('queued', 'held', 'uncertain') GROUP BY channel, state
         UNION ALL
         SELECT channel, state, count(*), min(created_at) FROM outbox WHERE state = 'claimed' GROUP BY channel, state",
        Vec::new(),
    )
    .await?;
    let mut stats = OutboxStats::default();
    for row in &rows {
        let n = u64::try_from(get::<i64>(row, TABLE, 2)?).unwrap_or(0);
        stats.open.push((channel_of(get(row, TABLE, 0)?)?, fate_of(get(row, TABLE, 1)?)?, n));
        let oldest_at = instant(row, TABLE, 3)?;
        stats.oldest_at = Some(stats.oldest_at.map_or(oldest_at, |known| known.min(oldest_at)));
    }
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
    if let Some(row) = next.first() {
        stats.next_at = maybe_instant(row, TABLE, 0)?;
    }
    Ok(stats)
}

pub(super) async fn messages(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    ids: &[MessageId],
) -> Result<Vec<MessageState>, StoreError> {
    const GET: Many = Many {
        head: "SELECT id, receiver, recipient, channel, why, state, attempt, created_at, ended_at, provider_id,
               (SELECT a.why FROM attempts a WHERE a.message = outbox.id AND a.why <> '' ORDER BY a.at DESC LIMIT 1)
               FROM outbox WHERE (agency, id) IN (SELECT * FROM (VALUES ",
        tail: ")) ORDER BY created_at, id",
    };
    let keys = ids.iter().map(|id| vec![agency.as_str().into(), id.as_str().into()]).collect();
    let rows = GET.fetch(connection, "reading messages", keys).await?;
    rows.iter()
        .map(|row| {
            Ok(MessageState {
                id: MessageId::from_stored(get(row, TABLE, 0)?),
                receiver: get(row, TABLE, 1)?,
                recipient: get(row, TABLE, 2)?,
                channel: channel_of(get(row, TABLE, 3)?)?,
                why: unjson(TABLE, get::<&str>(row, TABLE, 4)?)?,
                fate: fate_of(get(row, TABLE, 5)?)?,
                attempts: get(row, TABLE, 6)?,
                created_at: instant(row, TABLE, 7)?,
                ended_at: maybe_instant(row, TABLE, 8)?,
                provider_id: get(row, TABLE, 9)?,
                last_why: get(row, TABLE, 10)?,
            })
        })
        .collect()
}

/// The notes on records, the newest first.
pub(super) async fn notes(connection: &mut SqliteConnection, limit: u32) -> Result<Vec<NoteRow>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Body {
        content: Content,
    }
    let text = "SELECT o.agency, o.id, o.state, o.created_at, o.provider_id, o.gateways, b.body,
        (SELECT a.why FROM attempts a WHERE a.message = o.id AND a.why <> '' ORDER BY a.at DESC LIMIT 1)
        FROM outbox o JOIN blobs b ON b.agency = o.agency AND b.n = o.blob
        WHERE o.channel = 'record' ORDER BY o.created_at DESC, o.id LIMIT ?";
    let rows = fetch(connection, "reading notes", text, vec![i64::from(limit).into()]).await?;
    let mut notes = Vec::new();
    for row in &rows {
        let body: Body = unjson("blobs", get::<&str>(row, TABLE, 6)?)?;
        let Content::Record(note) = body.content else { continue };
        let ways: Vec<String> = unjson(TABLE, get::<&str>(row, TABLE, 5)?)?;
        notes.push(NoteRow {
            id: MessageId::from_stored(get(row, TABLE, 1)?),
            agency: AgencyName::new(get::<&str>(row, TABLE, 0)?),
            note,
            way: ways.into_iter().next().unwrap_or_default(),
            fate: fate_of(get(row, TABLE, 2)?)?,
            created_at: instant(row, TABLE, 3)?,
            provider_id: get(row, TABLE, 4)?,
            last_why: get(row, TABLE, 7)?,
        });
    }
    Ok(notes)
}

/// The first note that tells of this life of an alert.
pub(super) async fn note_of(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    fingerprint: &str,
    active_at: Instant,
) -> Result<Option<RecordNote>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Body {
        content: Content,
    }
    let text = "SELECT b.body FROM mentions m JOIN outbox o ON o.id = m.message AND o.agency = m.agency
        JOIN blobs b ON b.agency = o.agency AND b.n = o.blob
        WHERE m.fingerprint = ? AND m.active_at = ? AND m.agency = ? AND o.channel = 'record'
        ORDER BY o.created_at, o.id LIMIT 1";
    let values = vec![fingerprint.into(), active_at.into(), agency.as_str().into()];
    let rows = fetch(connection, "looking for an alert's note", text, values).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let body: Body = unjson("blobs", get::<&str>(row, TABLE, 0)?)?;
    Ok(match body.content {
        Content::Record(note) => Some(note),
        _ => None,
    })
}

/// The columns of [`Poll`].
macro_rules! poll_query {
    ($rest:literal) => {
        concat!(
            "SELECT o.id, o.gateway, o.provider_id, o.ended_at, o.useful_until, o.polls, o.attempt, b.body, o.gateways, ",
            "o.channel FROM outbox o JOIN blobs b ON b.agency = o.agency AND b.n = o.blob ",
            $rest
        )
    };
}

/// The part of a message's blob that is needed here.
#[derive(serde::Deserialize)]
struct Body {
    address: String,
}

pub(super) async fn polls(
    connection: &mut SqliteConnection,
    now: Instant,
    limit: u32,
) -> Result<(Vec<Poll>, Option<Instant>), StoreError> {
    let what = "looking for texts to ask for";
    let rows = fetch(
        connection,
        what,
        poll_query!("WHERE o.poll_at IS NOT NULL AND o.poll_at <= ? ORDER BY o.poll_at LIMIT ?"),
        vec![now.into(), i64::from(limit).into()],
    )
    .await?;
    let polls = rows.iter().map(read_poll).collect::<Result<Vec<_>, StoreError>>()?;
    let next = fetch(
        connection,
        what,
        "SELECT min(poll_at) FROM outbox WHERE poll_at IS NOT NULL AND poll_at > ?",
        vec![now.into()],
    )
    .await?;
    let next_at = match next.first() {
        Some(row) => maybe_instant(row, TABLE, 0)?,
        None => None,
    };
    Ok((polls, next_at))
}

/// The message that a gateway took under this id, while what became of it is not known.
pub(super) async fn poll_of(connection: &mut SqliteConnection, provider_id: &str) -> Result<Option<Poll>, StoreError> {
    let text = poll_query!("WHERE o.provider_id = ? AND o.state = 'sent' LIMIT 1");
    let rows = fetch(connection, "looking for what was reported", text, vec![provider_id.into()]).await?;
    rows.first().map(read_poll).transpose()
}

fn read_poll(row: &SqliteRow) -> Result<Poll, StoreError> {
    let sent_at = maybe_instant(row, TABLE, 3)?;
    let useful_until = instant(row, TABLE, 4)?;
    Ok(Poll {
        id: MessageId::from_stored(get(row, TABLE, 0)?),
        channel: channel_of(get(row, TABLE, 9)?)?,
        gateway: get::<Option<String>>(row, TABLE, 1)?.unwrap_or_default(),
        provider_id: get(row, TABLE, 2)?,
        sent_at: sent_at.unwrap_or(useful_until),
        useful_until,
        polls: get(row, TABLE, 5)?,
        attempts: get(row, TABLE, 6)?,
        n_gateways: unjson::<Vec<String>>(TABLE, get::<&str>(row, TABLE, 8)?)?.len(),
        address: Phi::new(unjson::<Body>("blobs", get::<&str>(row, TABLE, 7)?)?.address),
    })
}

/// Those of the provider's ids that belong to no stored message yet, in the order given.
pub(super) async fn unbound(
    connection: &mut SqliteConnection,
    provider_ids: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    const GET: Many = Many {
        head: "SELECT provider_id FROM outbox WHERE provider_id IS NOT NULL AND provider_id IN (VALUES ",
        tail: ")",
    };
    let keys = provider_ids.iter().map(|id| vec![id.as_str().into()]).collect();
    let rows = GET.fetch(connection, "comparing the provider's ids", keys).await?;
    let bound = rows.iter().map(|row| get(row, TABLE, 0)).collect::<Result<Vec<String>, StoreError>>()?;
    Ok(provider_ids.into_iter().filter(|id| !bound.contains(id)).collect())
}

/// The ways out by their public names; one that has several servers fails as soon as one of them does.
pub(super) async fn health(connection: &mut SqliteConnection, now: Instant) -> Result<Vec<GatewayHealth>, StoreError> {
    let what = "reading the ways' health";
    let rows =
        fetch(connection, what, "SELECT gateway, failing_since, tried_at FROM gateways ORDER BY gateway", Vec::new())
            .await?;
    let mut ways: Vec<GatewayHealth> = Vec::new();
    for row in &rows {
        let way: &str = get(row, "gateways", 0)?;
        let mut failing_since = maybe_instant(row, "gateways", 1)?;
        let untried_for = if is_told_of(way) { REFUSAL_HOLDS } else { FAILURE_HOLDS };
        if failing_since.is_some()
            && now - instant(row, "gateways", 2)? >= untried_for
            && !waits(connection, way.split('/').next().unwrap_or(way)).await?
        {
            failing_since = None;
        }
        let gateway = public_name(way);
        match ways.iter_mut().find(|known| known.gateway == gateway) {
            Some(known) => known.failing_since = [known.failing_since, failing_since].into_iter().flatten().min(),
            None => ways.push(GatewayHealth { gateway, failing_since }),
        }
    }
    Ok(ways)
}

/// Whether anything of this channel is still to be sent.
async fn waits(connection: &mut SqliteConnection, channel: &str) -> Result<bool, StoreError> {
    let text = "SELECT 1 FROM outbox WHERE channel = ? AND state IN ('queued', 'held', 'uncertain') LIMIT 1";
    Ok(!fetch(connection, "counting the outbox", text, vec![channel.into()]).await?.is_empty())
}

/// Whether this is not tried by itself, but only heard of: a refusal, or a report.
fn is_told_of(way: &str) -> bool {
    way.starts_with("to/") || way.starts_with("folder/") || way.ends_with("/delivery")
}

/// `email/mail.example.com:587` is told as `email`, `sms/a/delivery` as `sms/a`, `to/on-call/sms/0/1` as
/// `sms/on-call/0/1`.
fn public_name(way: &str) -> String {
    let mut parts = way.split('/');
    match (parts.next(), parts.next()) {
        (Some("to"), Some(_)) => {
            let mut ends = way.trim_start_matches("to/").rsplitn(4, '/');
            match (ends.next(), ends.next(), ends.next(), ends.next()) {
                (Some(channel), Some(person), Some(PEOPLE), None) => format!("{channel}/{PEOPLE}/{person}"),
                (Some(recipient), Some(integration), Some(channel), Some(receiver)) => {
                    format!("{channel}/{receiver}/{integration}/{recipient}")
                }
                _ => way.to_owned(),
            }
        }
        (Some(channel @ ("sms" | "call" | "folder")), Some(gateway)) => format!("{channel}/{gateway}"),
        (Some(channel), _) => channel.to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_and_never_where() {
        for (way, name) in [
            ("email/mail.example.com:587", "email"),
            ("webhook/1a2b3c4d", "webhook"),
            ("sms/a", "sms/a"),
            ("sms/a/delivery", "sms/a"),
            ("to/on-call/sms/0/1", "sms/on-call/0/1"),
            ("to/a/b/email/2/0", "email/a/b/2/0"),
            ("to/people/night-1/call", "call/people/night-1"),
            ("call/a", "call/a"),
            ("folder/weekly", "folder/weekly"),
            ("call/a/delivery", "call/a"),
        ] {
            assert_eq!(public_name(way), name);
        }
    }
}
