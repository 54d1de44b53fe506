//! What is kept of pages, what somebody said became of them, and which mornings' lists are decided.
//!
//! Written in the commit of the step that decided it; read back for those who look back. Does not: decide anything.

use std::collections::{BTreeSet, HashMap};

use chrono::{NaiveDate, TimeDelta};
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    error::StoreError,
    lives::{life_query, read_life},
    orders,
    sql::{Many, execute, fetch, get, instant, json, maybe_instant, unjson},
    writer::{Memory, Values},
};
use crate::{
    alerts::{
        alert::AlertKey,
        disposition::{Disposition, Said},
        orders::Ask,
        step::Delta,
    },
    model::{AgencyName, Instant, PersonName},
    report::{
        life::Life,
        on_call_log::{KeptPage, PAGES_MAX, PageRow},
    },
};

const TABLE: &str = "page_log";
/// A page that is open for longer than this is no page of the night any more.
const PAGE_LASTS: TimeDelta = TimeDelta::days(14);

/// Keeps a step's pages and what was said in it.
pub(super) async fn store(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    delta: &Delta,
) -> Result<(), StoreError> {
    const PAGES: Many = Many {
        head: "INSERT INTO page_log (agency, page, opened_at, closed_at, acked_at, acked_by, key_id, body) VALUES ",
        tail: " ON CONFLICT (agency, page) DO UPDATE SET closed_at = excluded.closed_at,
               acked_at = CASE WHEN acked_by IS NULL THEN excluded.acked_at ELSE acked_at END,
               acked_by = coalesce(acked_by, excluded.acked_by), key_id = excluded.key_id, body = excluded.body",
    };
    const SAID: Many = Many {
        head: "INSERT OR REPLACE INTO dispositions
               (agency, fingerprint, active_at, at, by, disposition, approver, covered_by, note) VALUES ",
        tail: "",
    };
    const ALERTS: Many = Many { head: "INSERT OR IGNORE INTO page_log_alerts (agency, key, page) VALUES ", tail: "" };
    let mut rows: Vec<Values> = Vec::with_capacity(delta.pages.len());
    let mut of_alerts: Vec<Values> = Vec::new();
    for page in &delta.pages {
        let kept = KeptPage::of(page);
        for key in &kept.alerts {
            of_alerts.push(vec![agency.as_str().into(), json(TABLE, key)?.into(), kept.id.as_str().into()]);
        }
        let (acked_at, acked_by) = KeptPage::owner_of(page);
        rows.push(vec![
            agency.as_str().into(),
            kept.id.as_str().into(),
            kept.opened_at.into(),
            kept.closed_at.into(),
            acked_at.into(),
            acked_by.into(),
            0.into(),
            json(TABLE, &kept)?.into(),
        ]);
    }
    PAGES.execute(connection, "storing the log of pages", rows).await?;
    ALERTS.execute(connection, "storing the log of pages", of_alerts).await?;
    let rows = delta.said.iter().map(|said| {
        vec![
            agency.as_str().into(),
            said.fingerprint.as_str().into(),
            said.active_at.into(),
            said.at.into(),
            said.by.as_str().into(),
            said.disposition.as_str().into(),
            said.approver.clone().into(),
            said.covered_by.clone().into(),
            said.note.as_str().into(),
        ]
    });
    SAID.execute(connection, "storing what became of alerts", rows.collect()).await.map(drop)
}

/// The columns that [`read_said`] reads.
macro_rules! said_query {
    ($rest:literal) => {
        concat!(
            "SELECT fingerprint, active_at, at, by, disposition, approver, covered_by, note FROM dispositions ",
            $rest
        )
    };
}

fn read_said(row: &SqliteRow) -> Result<Said, StoreError> {
    let table = "dispositions";
    let word: &str = get(row, table, 4)?;
    let unknown = || StoreError::Row { table, why: "an unknown disposition".into() };
    Ok(Said {
        fingerprint: get(row, table, 0)?,
        active_at: instant(row, table, 1)?,
        at: instant(row, table, 2)?,
        by: get(row, table, 3)?,
        disposition: Disposition::parse(word).ok_or_else(unknown)?,
        approver: get(row, table, 5)?,
        covered_by: get(row, table, 6)?,
        note: get(row, table, 7)?,
    })
}

/// What was said last of this agency's alerts, the earliest first, at most so many.
pub(super) async fn said_lately(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    limit: u32,
) -> Result<Vec<Said>, StoreError> {
    let text = said_query!("WHERE agency = ? ORDER BY at DESC LIMIT ?");
    let values = vec![agency.as_str().into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading what became of alerts", text, values).await?;
    rows.iter().rev().map(read_said).collect()
}

/// Everything that was said of an alert's lives, the latest first.
pub(super) async fn said_of(
    connection: &mut SqliteConnection,
    fingerprint: &str,
    limit: u32,
) -> Result<Vec<Said>, StoreError> {
    let text = said_query!("WHERE fingerprint = ? ORDER BY at DESC LIMIT ?");
    let values = vec![fingerprint.into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading what became of an alert", text, values).await?;
    rows.iter().map(read_said).collect()
}

/// The last word on every life that began at or after `since`, by its fingerprint and beginning.
pub(super) async fn last_words(
    connection: &mut SqliteConnection,
    since: Instant,
) -> Result<HashMap<(String, Instant), Said>, StoreError> {
    let text = said_query!("WHERE active_at >= ? ORDER BY at");
    let rows = fetch(connection, "reading what became of alerts", text, vec![since.into()]).await?;
    let said = rows.iter().map(|row| read_said(row).map(|said| ((said.fingerprint.clone(), said.active_at), said)));
    // The latest comes last, and stays.
    said.collect()
}

/// The last word on one life.
async fn last_word(connection: &mut SqliteConnection, life: &Life) -> Result<Option<Said>, StoreError> {
    let text = said_query!("WHERE agency = ? AND fingerprint = ? AND active_at = ? ORDER BY at DESC LIMIT 1");
    let values: Values = vec![life.agency.as_str().into(), life.fingerprint.as_str().into(), life.active_at.into()];
    let rows = fetch(connection, "reading what became of an alert", text, values).await?;
    rows.first().map(read_said).transpose()
}

/// Pages that opened at or after `from`, the newest first, and how many more there are.
pub(super) async fn pages(
    connection: &mut SqliteConnection,
    from: Instant,
    limit: u32,
) -> Result<(Vec<PageRow>, u64), StoreError> {
    let what = "reading the log of pages";
    let limit = limit.min(PAGES_MAX);
    let text = "SELECT agency, body, acked_at, acked_by FROM page_log WHERE opened_at >= ?
                ORDER BY opened_at DESC, page LIMIT ?";
    let rows = fetch(connection, what, text, vec![from.into(), i64::from(limit).into()]).await?;
    let mut pages = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut one = page_row(row, Vec::new())?;
        for key in &one.page.alerts {
            let Some(life) = life_of(connection, &one.agency, key, one.page.closed_at).await? else { continue };
            let said = last_word(connection, &life).await?;
            one.lives.push((life, said));
        }
        pages.push(one);
    }
    let rows = fetch(connection, what, "SELECT count(*) FROM page_log WHERE opened_at >= ?", vec![from.into()]).await?;
    let n = rows.first().map(|row| get::<i64>(row, TABLE, 0)).transpose()?.unwrap_or(0);
    Ok((pages, u64::try_from(n).unwrap_or(0).saturating_sub(u64::from(limit))))
}

/// The pages that told of an alert, the newest first, without their alerts.
pub(super) async fn pages_of(
    connection: &mut SqliteConnection,
    agency: &str,
    key: &str,
    limit: u32,
) -> Result<Vec<PageRow>, StoreError> {
    let text = "SELECT l.agency, l.body, l.acked_at, l.acked_by FROM page_log_alerts a
                JOIN page_log l ON l.agency = a.agency AND l.page = a.page
                WHERE a.agency = ? AND a.key = ? ORDER BY l.opened_at DESC LIMIT ?";
    let values = vec![agency.into(), key.into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading the pages of an alert", text, values).await?;
    rows.iter().map(|row| page_row(row, Vec::new())).collect()
}

fn page_row(row: &SqliteRow, lives: Vec<(Life, Option<Said>)>) -> Result<PageRow, StoreError> {
    Ok(PageRow {
        agency: get(row, TABLE, 0)?,
        page: unjson(TABLE, get::<&str>(row, TABLE, 1)?)?,
        acknowledged_at: maybe_instant(row, TABLE, 2)?,
        acknowledged_by: get(row, TABLE, 3)?,
        lives,
    })
}

/// The life of an alert that a page told of: the newest that had begun when the page was over.
async fn life_of(
    connection: &mut SqliteConnection,
    agency: &str,
    key: &AlertKey,
    closed_at: Option<Instant>,
) -> Result<Option<Life>, StoreError> {
    let text =
        life_query!(" FROM lives WHERE agency = ? AND key = ? AND active_at <= ? ORDER BY active_at DESC LIMIT 1");
    let until = closed_at.unwrap_or(Instant::MAX_UTC);
    let values = vec![agency.into(), json(TABLE, key)?.into(), until.into()];
    let rows = fetch(connection, "reading the log of pages", text, values).await?;
    rows.first().map(read_life).transpose()
}

/// What a morning's list is made from: the alerts about shifts that ended after `from` and until `until`, each with the
/// last word on it, and who was told by a page in that time, or had it.
pub(super) async fn night(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
    until: Instant,
) -> Result<(Vec<(Life, Option<Said>)>, Vec<PersonName>), StoreError> {
    let what = "reading what a night was";
    let text = life_query!(
        " FROM lives WHERE fired_at >= ? AND agency = ? AND shift <> '' AND resolved_at > ? AND resolved_at <= ?
          ORDER BY resolved_at"
    );
    let values = vec![(from - PAGE_LASTS).into(), agency.as_str().into(), from.into(), until.into()];
    let mut lives = Vec::new();
    for row in &fetch(connection, what, text, values).await? {
        let life = read_life(row)?;
        let said = last_word(connection, &life).await?;
        lives.push((life, said));
    }
    let text = "SELECT body, acked_by FROM page_log WHERE opened_at >= ? AND opened_at <= ? AND agency = ?
                AND (closed_at IS NULL OR closed_at > ?) ORDER BY opened_at";
    let values = vec![(from - PAGE_LASTS).into(), until.into(), agency.as_str().into(), from.into()];
    let mut people = BTreeSet::new();
    for row in &fetch(connection, what, text, values).await? {
        let page: KeptPage = unjson(TABLE, get::<&str>(row, TABLE, 0)?)?;
        if page.drill {
            continue;
        }
        let told =
            page.told.into_iter().filter(|told| matches!(told.arrived.as_str(), "waiting" | "sent" | "delivered"));
        people.extend(told.map(|told| told.person).chain(get::<Option<String>>(row, TABLE, 1)?));
    }
    Ok((lives, people.into_iter().map(PersonName::new).collect()))
}

/// How it stands with a day's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Morning {
    /// The last day before it whose list was decided.
    pub before: Option<NaiveDate>,
    /// Its own is decided, for whoever is in `told`.
    pub is_decided: bool,
    /// For whom.
    pub told: BTreeSet<PersonName>,
}

/// How it stands with a day's list.
pub(super) async fn morning(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    day: NaiveDate,
) -> Result<Morning, StoreError> {
    let (what, table) = ("reading the last morning", "morning_lists");
    let values = || vec![agency.as_str().into(), day.to_string().into()];
    let text = "SELECT max(day) FROM morning_lists WHERE agency = ? AND day < ?";
    let rows = fetch(connection, what, text, values()).await?;
    let before: Option<&str> = rows.first().map(|row| get(row, table, 0)).transpose()?.flatten();
    let damaged = |_| StoreError::Row { table, why: "no day".into() };
    let before = before.map(|day| day.parse().map_err(damaged)).transpose()?;
    let text = "SELECT person FROM morning_lists WHERE agency = ? AND day = ?";
    let rows = fetch(connection, what, text, values()).await?;
    let mut told = BTreeSet::new();
    for row in &rows {
        told.insert(PersonName::new(get::<&str>(row, table, 0)?));
    }
    // The row without a name: the day as a whole.
    let is_decided = told.remove(&PersonName::new(""));
    Ok(Morning { before, is_decided, told })
}

/// Stores that a day's list is decided for these people, with its orders. Whom it is decided for already is left out:
/// false when that is all of them.
pub(super) async fn put_morning(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    agency: &AgencyName,
    day: NaiveDate,
    at: Instant,
    people: &[PersonName],
    asks: &[Ask],
) -> Result<bool, StoreError> {
    let text = "INSERT INTO morning_lists (agency, day, person, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let mut n = 0;
    for person in [""].into_iter().chain(people.iter().map(PersonName::as_str)) {
        let row = vec![agency.as_str().into(), day.to_string().into(), person.into(), at.into()];
        n += execute(connection, "storing a morning's list", text, row).await?;
    }
    if n == 0 {
        return Ok(false);
    }
    // What is told has an id made from the day and the person, so that an order that comes twice tells nobody twice.
    orders::put_one(connection, memory, agency, at, asks).await?;
    Ok(true)
}
