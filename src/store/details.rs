//! Rows that are read beside the watch. The store keeps their text and does not understand it.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{Many, fetch, get, instant},
};
use crate::{
    details::{DetailSection, rows::DetailRow},
    model::{AgencyName, Instant, Phi, PhiGrant},
};

const DETAILS: &str = "details";

/// When a row was read: section, key, instant.
pub type DetailStamp = (DetailSection, String, Instant);

pub(super) async fn put(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    rows: Vec<DetailRow>,
) -> Result<(), StoreError> {
    const PUT: Many = Many {
        head: "INSERT INTO details (agency, section, key, read_at, key_id, body) VALUES ",
        tail: " ON CONFLICT (agency, section, key) DO UPDATE SET read_at = excluded.read_at, key_id = excluded.key_id,
                body = excluded.body",
    };
    let rows = rows
        .into_iter()
        .map(|row| {
            let body = row.body.map(|body| body.reveal(PhiGrant::STORE).clone());
            let section = row.section.as_str();
            vec![agency.as_str().into(), section.into(), row.key.into(), row.read_at.into(), 0.into(), body.into()]
        })
        .collect();
    PUT.execute(connection, "storing details", rows).await.map(drop)
}

/// When the rows that are asked for one by one were read, since `from`; lists always.
pub(super) async fn stamps(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
) -> Result<Vec<DetailStamp>, StoreError> {
    let text = "SELECT section, key, read_at FROM details WHERE agency = ? AND section <> 'shift_tasks'
                AND (read_at >= ? OR section = 'activities')";
    let rows =
        fetch(connection, "reading the stamps of details", text, vec![agency.as_str().into(), from.into()]).await?;
    rows.iter()
        .map(|row| {
            let section = section_of(get(row, DETAILS, 0)?)?;
            Ok((section, get(row, DETAILS, 1)?, instant(row, DETAILS, 2)?))
        })
        .collect()
}

/// The rows of a section whose keys lie in `[from, until)`, by key.
pub(super) async fn between(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    section: DetailSection,
    from: &str,
    until: &str,
) -> Result<Vec<DetailRow>, StoreError> {
    let text = "SELECT key, read_at, body FROM details
                WHERE agency = ? AND section = ? AND key >= ? AND key < ? AND key_id = 0 ORDER BY key";
    let values = vec![agency.as_str().into(), section.as_str().into(), from.into(), until.into()];
    let rows = fetch(connection, "reading details", text, values).await?;
    rows.iter()
        .map(|row| {
            Ok(DetailRow {
                section,
                key: get(row, DETAILS, 0)?,
                read_at: instant(row, DETAILS, 1)?,
                body: get::<Option<String>>(row, DETAILS, 2)?.map(Phi::new),
            })
        })
        .collect()
}

/// One row; `None` when it was never read.
pub(super) async fn one(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    section: DetailSection,
    key: &str,
) -> Result<Option<DetailRow>, StoreError> {
    let text = "SELECT read_at, body FROM details WHERE agency = ? AND section = ? AND key = ? AND key_id = 0";
    let values = vec![agency.as_str().into(), section.as_str().into(), key.into()];
    let rows = fetch(connection, "reading details", text, values).await?;
    rows.first()
        .map(|row| {
            Ok(DetailRow {
                section,
                key: key.to_owned(),
                read_at: instant(row, DETAILS, 0)?,
                body: get::<Option<String>>(row, DETAILS, 1)?.map(Phi::new),
            })
        })
        .transpose()
}

fn section_of(word: &str) -> Result<DetailSection, StoreError> {
    DetailSection::ALL
        .into_iter()
        .find(|section| section.as_str() == word)
        .ok_or_else(|| StoreError::Row { table: DETAILS, why: "an unknown section".into() })
}
