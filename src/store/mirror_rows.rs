//! The mirror's rows as the mirror writes them: the store keeps them and does not understand them.
//!
//! What identifies a person stands in `blobs`, apart.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use super::{
    archive,
    error::StoreError,
    sql::{Many, fetch, get, instant},
    writer::{Counted, Memory, Values},
};
use crate::{
    mirror::row::{MirrorDelta, MirrorRow, StoredLine},
    model::{AgencyName, Instant, Phi, PhiGrant, Section},
};

/// Stores what one read changed.
pub(super) async fn save(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    agency: &AgencyName,
    delta: MirrorDelta,
    at: Instant,
) -> Result<(), StoreError> {
    const FORGET: Many = Many {
        head: "DELETE FROM blobs WHERE (agency, n) IN (SELECT agency, blob FROM mirror
               WHERE blob IS NOT NULL AND (agency, section, key) IN (SELECT * FROM (VALUES ",
        tail: ")))",
    };
    const PUT: Many = Many {
        head: "INSERT INTO mirror (agency, section, key, body, blob) VALUES ",
        tail: " ON CONFLICT (agency, section, key) DO UPDATE SET body = excluded.body, blob = excluded.blob",
    };
    const REMOVE: Many =
        Many { head: "DELETE FROM mirror WHERE (agency, section, key) IN (SELECT * FROM (VALUES ", tail: "))" };
    const HISTORY: Many = Many {
        head: "INSERT INTO shift_history (agency, shift, at, what, detail) VALUES ",
        tail: " ON CONFLICT DO NOTHING",
    };
    const FORGET_ARCHIVED: Many = Many {
        head: "DELETE FROM blobs WHERE (agency, n) IN (SELECT agency, blob FROM visit_archive
               WHERE blob IS NOT NULL AND (agency, key) IN (SELECT * FROM (VALUES ",
        tail: ")))",
    };
    let what = "storing the mirror";
    let MirrorDelta { upserts, removes, history, archived, left, edits } = delta;
    let left: HashSet<String> = left.into_iter().collect();
    let touched = upserts
        .iter()
        .map(|row| (row.section, &row.key))
        .chain(removes.iter().map(|(section, key)| (*section, key)))
        // Only people have protected text; shifts and visits, which are many, have none.
        .filter(|(section, _)| !matches!(section, Some(Section::Shifts)))
        .map(|(section, key)| vec![agency.as_str().into(), section_word(section).into(), key.as_str().into()])
        .collect();
    FORGET.execute(connection, what, touched).await?;
    let removed = removes
        .into_iter()
        .map(|(section, key)| vec![agency.as_str().into(), section_word(section).into(), key.into()])
        .collect();
    REMOVE.execute(connection, what, removed).await?;

    let mut blobs = Vec::new();
    let rows: Vec<Values> = upserts
        .into_iter()
        .map(|row| {
            let blob = keep_phi(memory, agency, row.phi, &mut blobs);
            vec![agency.as_str().into(), section_word(row.section).into(), row.key.into(), row.body.into(), blob.into()]
        })
        .collect();
    PUT.execute(connection, what, rows).await?;
    let history = history
        .into_iter()
        .map(|line| {
            vec![agency.as_str().into(), line.shift.into(), line.at.into(), line.what.into(), line.detail.into()]
        })
        .collect();
    HISTORY.execute(connection, what, history).await?;
    let keys = archived.iter().map(|row| vec![agency.as_str().into(), row.key.as_str().into()]).collect();
    FORGET_ARCHIVED.execute(connection, what, keys).await?;
    let archived: Vec<Values> = archived
        .into_iter()
        .map(|mut row| {
            let blob = keep_phi(memory, agency, row.phi.take(), &mut blobs);
            archive::columns(agency, &row, left.contains(&row.key), at, blob.into())
        })
        .collect();
    archive::put_edits(connection, agency, edits).await?;
    archive::ARCHIVE.execute(connection, what, archived).await?;
    put_blobs(connection, blobs).await
}

/// Numbers protected text; the row refers to it by that number.
fn keep_phi(
    memory: &mut Memory,
    agency: &AgencyName,
    phi: Option<Phi<String>>,
    blobs: &mut Vec<Values>,
) -> Option<i64> {
    phi.map(|phi| {
        let n = memory.next(agency, Counted::Blobs);
        blobs.push(blob_row(agency, n, phi.reveal(PhiGrant::STORE).clone()));
        n
    })
}

/// A row of `blobs`, not sealed.
pub(super) fn blob_row(agency: &AgencyName, n: i64, body: String) -> Values {
    vec![agency.as_str().into(), n.into(), 0.into(), body.into()]
}

/// Stores protected text.
pub(super) async fn put_blobs(connection: &mut SqliteConnection, rows: Vec<Values>) -> Result<(), StoreError> {
    const PUT: Many = Many { head: "INSERT INTO blobs (agency, n, key_id, body) VALUES ", tail: "" };
    PUT.execute(connection, "storing protected text", rows).await.map(drop)
}

/// Every row of an agency's mirror.
pub(super) async fn load(connection: &mut SqliteConnection, agency: &AgencyName) -> Result<Vec<MirrorRow>, StoreError> {
    let rows = fetch(
        connection,
        "loading the mirror",
        "SELECT m.section, m.key, m.body, b.body FROM mirror m
         LEFT JOIN blobs b ON b.agency = m.agency AND b.n = m.blob WHERE m.agency = ?",
        vec![agency.as_str().into()],
    )
    .await?;
    rows.iter()
        .map(|row| {
            Ok(MirrorRow {
                section: section_of(get(row, "mirror", 0)?)?,
                key: get(row, "mirror", 1)?,
                body: get(row, "mirror", 2)?,
                phi: get::<Option<String>>(row, "mirror", 3)?.map(Phi::new),
            })
        })
        .collect()
}

/// Everything that is kept of an agency's past: shifts and visits of the mirror and of the archive, and the history of its
/// shifts, oldest first.
pub(super) async fn past(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
) -> Result<(Vec<MirrorRow>, Vec<StoredLine>), StoreError> {
    let what = "reading the past";
    let text = "SELECT key, body FROM visit_archive WHERE agency = ? ORDER BY key";
    let mut rows = fetch(connection, what, text, vec![agency.as_str().into()])
        .await?
        .iter()
        .map(|row| Ok(MirrorRow::from_archive(get(row, "visit_archive", 0)?, get(row, "visit_archive", 1)?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    // Of what left and came back, the row that stands comes last and counts.
    rows.extend(load(connection, agency).await?);
    let text = "SELECT at, shift, what, detail FROM shift_history WHERE agency = ? ORDER BY at, shift, what, detail";
    let table = "shift_history";
    let lines = fetch(connection, what, text, vec![agency.as_str().into()])
        .await?
        .iter()
        .map(|row| {
            let (at, shift) = (instant(row, table, 0)?, get(row, table, 1)?);
            Ok(StoredLine { at, shift, what: get(row, table, 2)?, detail: get(row, table, 3)? })
        })
        .collect::<Result<_, StoreError>>()?;
    Ok((rows, lines))
}

/// What happened to an agency's shifts since `from`, by shift and oldest first.
pub(super) async fn history_since(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    from: Instant,
) -> Result<Vec<StoredLine>, StoreError> {
    let text = "SELECT at, shift, what, detail FROM shift_history WHERE agency = ? AND at >= ? ORDER BY at, shift";
    let table = "shift_history";
    let rows = fetch(connection, "reading what happened to shifts", text, vec![agency.as_str().into(), from.into()]);
    let lines = rows.await?;
    let lines = lines.iter().map(|row| {
        let (at, shift) = (instant(row, table, 0)?, get(row, table, 1)?);
        Ok(StoredLine { at, shift, what: get(row, table, 2)?, detail: get(row, table, 3)? })
    });
    lines.collect()
}

fn section_word(section: Option<Section>) -> &'static str {
    section.map_or("", Section::as_str)
}

fn section_of(word: &str) -> Result<Option<Section>, StoreError> {
    if word.is_empty() {
        return Ok(None);
    }
    Section::ALL
        .into_iter()
        .find(|section| section.as_str() == word)
        .map(Some)
        .ok_or_else(|| StoreError::Row { table: "mirror", why: "an unknown section".into() })
}
