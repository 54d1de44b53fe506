//! The lives of alerts and what speaks of them: written with each step, read back for the pages that look back.
//!
//! Does not: read more at once than its limits say. Whoever sums up a long span asks slice by slice.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    book::read_transition,
    error::StoreError,
    on_call_log,
    orders::channel_of,
    sql::{Many, fetch, get, instant, json, maybe_instant, unjson},
    writer::Values,
};
use crate::{
    alerts::{
        alert::{Alert, AlertKey},
        disposition::Said,
        step::{Delta, Transition},
    },
    model::{AgencyName, Instant},
    notify::message::Mention,
    report::{
        alert_story::{AlertRows, LIVES_MAX, MESSAGES_MAX, MessageRow, MessageStep, MessageStory, TURNS_MAX, Told},
        history::LifeRow,
        life::{Life, shift_of},
    },
};

const TABLE: &str = "lives";

/// The columns that [`read_life`] reads, in its order; more may follow.
macro_rules! life_query {
    ($rest:literal) => {
        concat!(
            "SELECT agency, fingerprint, labels, active_at, edge_at, seen_at, fired_at, acked_at, acked_by, resolved_at, ",
            "reason",
            $rest
        )
    };
}
pub(super) use life_query;
/// Tries of one message that are read; a message is tried every few minutes at most, and expires.
const STEPS_MAX: i64 = 200;
/// Pages and dispositions of one alert that are read.
const WORDS_MAX: u32 = 100;

/// Writes what a step's transitions make of the lives of its alerts. `at` is when the step was made; `edges_from` as in
/// [`crate::store::Commit`].
pub(super) async fn store(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    delta: &Delta,
    at: Instant,
    edges_from: Option<Instant>,
) -> Result<(), StoreError> {
    const END: Many = Many {
        head: "WITH over (agency, key, at, reason) AS (VALUES ",
        tail: ")
        UPDATE lives SET resolved_at = over.at, reason = over.reason FROM over
        WHERE lives.agency = over.agency AND lives.key = over.key AND lives.resolved_at IS NULL",
    };
    const PUT: Many = Many {
        head: "INSERT INTO lives (agency, key, active_at, fingerprint, alertname, shift, labels, edge_at, seen_at,
               fired_at, acked_at, acked_by, resolved_at, reason) VALUES ",
        tail: " ON CONFLICT (agency, key, active_at) DO UPDATE SET fired_at = coalesce(excluded.fired_at, fired_at),
                acked_at = coalesce(acked_at, excluded.acked_at), acked_by = coalesce(acked_by, excluded.acked_by),
                resolved_at = excluded.resolved_at, reason = excluded.reason",
    };
    let what = "storing the lives of alerts";
    // First the ends: an alert that ends and comes back in one step has one body, that of its new life; one that nobody
    // was told of has none.
    let mut rows: Vec<Values> = Vec::new();
    let mut changed: BTreeMap<&AlertKey, bool> = BTreeMap::new();
    for transition in &delta.transitions {
        let is_new = transition.from.as_deref().is_none_or(|from| from == "resolved");
        *changed.entry(&transition.key).or_default() |= is_new;
        if transition.to == "resolved" {
            let key = json(TABLE, &transition.key)?;
            let row = [agency.as_str().into(), key.into(), transition.at.into(), transition.reason.as_str().into()];
            rows.push(row.into());
        }
    }
    END.execute(connection, what, rows).await?;
    let mut rows: Vec<Values> = Vec::new();
    for alert in &delta.alerts {
        let Some(is_new) = changed.get(&alert.key) else { continue };
        rows.push(row_of(agency, alert, is_new.then_some(at), edges_from)?);
    }
    PUT.execute(connection, what, rows).await.map(drop)
}

fn row_of(
    agency: &AgencyName,
    alert: &Alert,
    seen_at: Option<Instant>,
    edges_from: Option<Instant>,
) -> Result<Values, StoreError> {
    let life = Life::of(alert, seen_at, edges_from.is_some_and(|from| alert.facts.window.opens_at >= from));
    Ok(vec![
        agency.as_str().into(),
        json(TABLE, &alert.key)?.into(),
        life.active_at.into(),
        life.fingerprint.as_str().into(),
        life.label("alertname").into(),
        shift_of(&alert.key).into(),
        json(TABLE, &life.labels)?.into(),
        life.edge_at.into(),
        life.seen_at.into(),
        life.fired_at.into(),
        life.acknowledged_at.into(),
        life.acknowledged_by.into(),
        life.resolved_at.into(),
        life.reason.into(),
    ])
}

/// Writes which messages speak of which alerts.
pub(super) async fn mention(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    mentions: Vec<Mention>,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT OR IGNORE INTO mentions (fingerprint, active_at, message, fires, agency) VALUES ",
        tail: "",
    };
    let rows = mentions.into_iter().map(|one| {
        vec![
            one.fingerprint.into(),
            one.active_at.into(),
            one.message.as_str().into(),
            i64::from(one.fires).into(),
            agency.as_str().into(),
        ]
    });
    PUT.execute(connection, "storing what messages speak of", rows.collect()).await.map(drop)
}

/// Everything about one alert, as far as its limits go.
pub(super) async fn alert(connection: &mut SqliteConnection, fingerprint: &str) -> Result<AlertRows, StoreError> {
    let what = "reading what happened to an alert";
    let rows = fetch(
        connection,
        what,
        life_query!(", key FROM lives WHERE fingerprint = ? ORDER BY active_at DESC LIMIT ?"),
        vec![fingerprint.into(), limit(LIVES_MAX)],
    )
    .await?;
    let lives = rows.iter().map(read_life).collect::<Result<Vec<_>, _>>()?;
    let text = "SELECT count(*) FROM lives WHERE fingerprint = ?";
    let n_lives = count(connection, what, text, vec![fingerprint.into()]).await?;
    // The same labels are always the same key, but for those whose rule changed its group.
    let keys: BTreeSet<(&str, &str)> = rows
        .iter()
        .map(|row| Ok((get::<&str>(row, TABLE, 0)?, get::<&str>(row, TABLE, 11)?)))
        .collect::<Result<_, StoreError>>()?;
    let (mut turns, mut n_turns, mut pages) = (Vec::new(), 0, Vec::new());
    for (agency, key) in keys {
        pages.extend(on_call_log::pages_of(connection, agency, key, WORDS_MAX).await?);
        let (found, n) = turns_of(connection, agency, key).await?;
        turns.extend(found);
        n_turns += n;
    }
    turns.sort_by_key(|turn: &Transition| std::cmp::Reverse(turn.at));
    turns.truncate(TURNS_MAX);
    pages.sort_by_key(|row| std::cmp::Reverse(row.page.opened_at));
    let said = on_call_log::said_of(connection, fingerprint, WORDS_MAX).await?;
    let (messages, n_messages) = messages_of(connection, fingerprint).await?;
    Ok(AlertRows {
        n_lives_left_out: n_lives.saturating_sub(lives.len() as u64),
        lives,
        n_turns_left_out: n_turns.saturating_sub(turns.len() as u64),
        turns,
        said,
        pages,
        n_messages_left_out: n_messages.saturating_sub(messages.len() as u64),
        messages,
    })
}

/// The lives of an agency's alerts that fired and ended at or after `from`, the latest end first, each with its key and the
/// last word on it.
pub(super) async fn ended(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
    limit: u32,
) -> Result<Vec<(AlertKey, Life)>, StoreError> {
    let text = life_query!(
        ", key FROM lives WHERE agency = ? AND fired_at IS NOT NULL AND resolved_at >= ? ORDER BY resolved_at DESC LIMIT ?"
    );
    let values = vec![agency.as_str().into(), from.into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading alerts that ended", text, values).await?;
    rows.iter().map(|row| Ok((unjson(TABLE, get::<&str>(row, TABLE, 11)?)?, read_life(row)?))).collect()
}

pub(super) fn read_life(row: &SqliteRow) -> Result<Life, StoreError> {
    Ok(Life {
        agency: AgencyName::new(get::<&str>(row, TABLE, 0)?),
        fingerprint: get(row, TABLE, 1)?,
        labels: unjson(TABLE, get::<&str>(row, TABLE, 2)?)?,
        active_at: instant(row, TABLE, 3)?,
        edge_at: maybe_instant(row, TABLE, 4)?,
        seen_at: maybe_instant(row, TABLE, 5)?,
        fired_at: maybe_instant(row, TABLE, 6)?,
        acknowledged_at: maybe_instant(row, TABLE, 7)?,
        acknowledged_by: get(row, TABLE, 8)?,
        resolved_at: maybe_instant(row, TABLE, 9)?,
        reason: get(row, TABLE, 10)?,
    })
}

/// An alert's turns, newest first, and how many there are.
async fn turns_of(
    connection: &mut SqliteConnection,
    agency: &str,
    key: &str,
) -> Result<(Vec<Transition>, u64), StoreError> {
    let (what, table) = ("reading what happened to an alert", "transitions");
    let text = "SELECT at, alert, from_state, to_state, reason, note FROM transitions
                WHERE alert = ? AND agency = ? ORDER BY n DESC, i DESC LIMIT ?";
    let rows = fetch(connection, what, text, vec![key.into(), agency.into(), limit(TURNS_MAX)]).await?;
    let turns = rows.iter().map(|row| read_transition(row, table)).collect::<Result<Vec<_>, StoreError>>()?;
    let text = "SELECT count(*) FROM transitions WHERE alert = ? AND agency = ?";
    Ok((turns, count(connection, what, text, vec![key.into(), agency.into()]).await?))
}

/// The messages about an alert, newest first, with what came of each; and how many there are.
async fn messages_of(
    connection: &mut SqliteConnection,
    fingerprint: &str,
) -> Result<(Vec<MessageRow>, u64), StoreError> {
    let (what, table) = ("reading the messages about an alert", "outbox");
    let text = "SELECT m.active_at, m.fires, o.id, o.created_at, o.why, o.receiver, o.recipient, o.channel, o.state,
                       o.ended_at, o.due_at, o.useful_until, o.agency, o.ready
                FROM mentions m JOIN outbox o ON o.id = m.message AND o.agency = m.agency
                WHERE m.fingerprint = ? ORDER BY o.created_at DESC, m.fires, o.id LIMIT ?";
    let rows = fetch(connection, what, text, vec![fingerprint.into(), limit(MESSAGES_MAX)]).await?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = get(row, table, 2)?;
        let waits_for_an_instant = get::<i64>(row, table, 13)? == 2;
        let steps = steps_of(connection, &id, get(row, table, 12)?).await?;
        let told = if get::<i64>(row, table, 1)? == 0 { Told::Closing } else { Told::Firing };
        let message = MessageStory {
            id,
            decided_at: instant(row, table, 3)?,
            told,
            why: unjson(table, get::<&str>(row, table, 4)?)?,
            receiver: get(row, table, 5)?,
            recipient: get(row, table, 6)?,
            channel: channel_of(get(row, table, 7)?)?,
            state: get(row, table, 8)?,
            ended_at: maybe_instant(row, table, 9)?,
            due_at: maybe_instant(row, table, 10)?.filter(|_| waits_for_an_instant),
            useful_until: instant(row, table, 11)?,
            steps,
            words: String::new(),
        };
        messages.push(MessageRow { active_at: instant(row, table, 0)?, message });
    }
    let text = "SELECT count(*) FROM mentions m JOIN outbox o ON o.id = m.message AND o.agency = m.agency
                WHERE m.fingerprint = ?";
    Ok((messages, count(connection, what, text, vec![fingerprint.into()]).await?))
}

async fn steps_of(
    connection: &mut SqliteConnection,
    message: &str,
    agency: &str,
) -> Result<Vec<MessageStep>, StoreError> {
    let (what, table) = ("reading what came of a message", "attempts");
    let text = "SELECT at, attempt, gateway, outcome, why, doubles FROM attempts WHERE message = ? AND agency = ?
                ORDER BY at, attempt LIMIT ?";
    let rows = fetch(connection, what, text, vec![message.into(), agency.into(), STEPS_MAX.into()]).await?;
    let steps = rows.iter().map(|row| {
        Ok(MessageStep {
            at: instant(row, table, 0)?,
            attempt: get(row, table, 1)?,
            gateway: Some(get::<String>(row, table, 2)?).filter(|gateway| !gateway.is_empty()),
            outcome: get(row, table, 3)?,
            why: get(row, table, 4)?,
            doubles: get::<i64>(row, table, 5)? != 0,
            words: String::new(),
        })
    });
    steps.collect()
}

/// The alerts of some names that fired at or after `from` or live still, newest first and `limit` of them, each with the
/// last word on it; and how many more there are.
pub(super) async fn named(
    connection: &mut SqliteConnection,
    names: &[String],
    from: Instant,
    limit: u32,
) -> Result<(Vec<(Life, Option<Said>)>, u64), StoreError> {
    let what = "reading the list of exceptions";
    let names = json(TABLE, &names)?;
    let text = life_query!(
        " FROM lives WHERE fired_at IS NOT NULL AND (fired_at >= ?1 OR resolved_at IS NULL)
         AND alertname IN (SELECT value FROM json_each(?2)) ORDER BY fired_at DESC, id DESC LIMIT ?3"
    );
    let rows = fetch(connection, what, text, vec![from.into(), names.clone().into(), i64::from(limit).into()]).await?;
    let lives = rows.iter().map(read_life).collect::<Result<Vec<_>, _>>()?;
    let text = "SELECT count(*) FROM lives WHERE fired_at IS NOT NULL AND (fired_at >= ?1 OR resolved_at IS NULL)
                AND alertname IN (SELECT value FROM json_each(?2))";
    let n = count(connection, what, text, vec![from.into(), names.into()]).await?;
    let since = lives.iter().map(|life| life.active_at).min().unwrap_or(from);
    let mut said = on_call_log::last_words(connection, since).await?;
    let n_left_out = n.saturating_sub(lives.len() as u64);
    let with_word = |life: Life| {
        let word = said.remove(&(life.fingerprint.clone(), life.active_at));
        (life, word)
    };
    Ok((lives.into_iter().map(with_word).collect(), n_left_out))
}

/// Where a slice of a long span ends and the next goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    fired_at: Instant,
    id: i64,
}

impl Place {
    /// Before everything that fired at this instant or later.
    #[must_use]
    pub const fn before(fired_at: Instant) -> Self {
        Self { fired_at, id: i64::MIN }
    }
}

/// The alerts that fired at or after `from` and before `place` (newest first when `None`), newest first, `limit` of them;
/// and the place of the last.
pub(super) async fn fired(
    connection: &mut SqliteConnection,
    from: Instant,
    place: Option<Place>,
    limit: u32,
) -> Result<(Vec<LifeRow>, Option<Place>), StoreError> {
    // An attempt's row stands under its message; a life's messages under its fingerprint: each look is a short one.
    let text = "SELECT l.id, l.fired_at, l.alertname, l.edge_at, l.seen_at, l.acked_at, l.resolved_at, l.reason,
          EXISTS (SELECT 1 FROM mentions m WHERE m.fingerprint = l.fingerprint AND m.active_at = l.active_at
                  AND m.fires = 1),
          (SELECT min(a.at) FROM mentions m JOIN attempts a ON a.message = m.message AND a.agency = m.agency
            WHERE m.fingerprint = l.fingerprint AND m.active_at = l.active_at AND m.fires = 1 AND a.outcome = 'sent'),
          (SELECT min(a.at) FROM mentions m JOIN attempts a ON a.message = m.message AND a.agency = m.agency
            WHERE m.fingerprint = l.fingerprint AND m.active_at = l.active_at AND m.fires = 1
              AND a.outcome = 'delivered'),
          (SELECT max(h.at) FROM shift_history h WHERE l.shift <> '' AND h.agency = l.agency AND h.shift = l.shift
            AND h.at <= l.seen_at AND h.what IN ('appeared', 'uncovered', 'moved')),
          l.agency, l.acked_by,
          EXISTS (SELECT 1 FROM dispositions d WHERE d.agency = l.agency AND d.fingerprint = l.fingerprint
                  AND d.active_at = l.active_at)
        FROM lives l WHERE l.fired_at >= ?1 AND l.fired_at <= ?2 AND (l.fired_at < ?2 OR l.id < ?3)
        ORDER BY l.fired_at DESC, l.id DESC LIMIT ?4";
    let before = place.unwrap_or(Place { fired_at: Instant::MAX_UTC, id: i64::MAX });
    let values = vec![from.into(), before.fired_at.into(), before.id.into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading the history of alerts", text, values).await?;
    let mut place = None;
    let found = rows.iter().map(|row| {
        let fired_at = instant(row, TABLE, 1)?;
        place = Some(Place { fired_at, id: get(row, TABLE, 0)? });
        Ok(LifeRow {
            alertname: get(row, TABLE, 2)?,
            fired_at,
            edge_at: maybe_instant(row, TABLE, 3)?,
            seen_at: maybe_instant(row, TABLE, 4)?,
            acknowledged_at: maybe_instant(row, TABLE, 5)?,
            resolved_at: maybe_instant(row, TABLE, 6)?,
            reason: get(row, TABLE, 7)?,
            told: get::<i64>(row, TABLE, 8)? != 0,
            sent_at: maybe_instant(row, TABLE, 9)?,
            delivered_at: maybe_instant(row, TABLE, 10)?,
            changed_at: maybe_instant(row, TABLE, 11)?,
            agency: get(row, TABLE, 12)?,
            acknowledged_by: get(row, TABLE, 13)?,
            said: get::<i64>(row, TABLE, 14)? != 0,
        })
    });
    let found = found.collect::<Result<Vec<_>, StoreError>>()?;
    Ok((found, place))
}

/// The newest of the alerts that fired at or after `from`, whole, and how many fired.
pub(super) async fn latest(
    connection: &mut SqliteConnection,
    from: Instant,
    limit: u32,
) -> Result<(Vec<Life>, u64), StoreError> {
    let what = "reading the latest alerts";
    let text = life_query!(" FROM lives WHERE fired_at >= ? ORDER BY fired_at DESC, id DESC LIMIT ?");
    let rows = fetch(connection, what, text, vec![from.into(), i64::from(limit).into()]).await?;
    let lives = rows.iter().map(read_life).collect::<Result<Vec<_>, _>>()?;
    let text = "SELECT count(*) FROM lives WHERE fired_at >= ?";
    Ok((lives, count(connection, what, text, vec![from.into()]).await?))
}

async fn count(
    connection: &mut SqliteConnection,
    what: &'static str,
    text: &'static str,
    values: Values,
) -> Result<u64, StoreError> {
    let rows = fetch(connection, what, text, values).await?;
    let Some(row) = rows.first() else { return Ok(0) };
    Ok(u64::try_from(get::<i64>(row, TABLE, 0)?).unwrap_or(0))
}

fn limit(n: usize) -> super::sql::Value {
    i64::try_from(n).unwrap_or(i64::MAX).into()
}
