//! What was seen of the vendor's API: slices of time are added to what is stored, outages open and close.

use chrono::TimeDelta;
use sqlx::{SqliteConnection, sqlite::SqliteRow};

use super::{
    error::StoreError,
    sql::{execute, fetch, get, instant, json, maybe_instant, unjson},
};
use crate::{
    model::{AgencyName, Endpoint, Instant},
    report::{
        api_log::{OutageNews, Unkept},
        api_record::{ApiRows, LONGEST, OutageRow, reads_from},
        api_slice::{ApiSlice, CLASSES, Latencies, Length, SliceRow},
    },
};

const SLICES: &str = "api_slices";
const OUTAGES: &str = "api_outages";
/// Slices of five minutes are needed for an hour; the rest of this is for a clock that jumps.
const SHORT_KEPT: TimeDelta = TimeDelta::hours(3);

/// Adds what is new, and forgets the short slices nobody reads any more.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    unkept: &Unkept,
) -> Result<(), StoreError> {
    let what = "storing what was seen of the API";
    let mut newest = None;
    for mut row in unkept.rows() {
        newest = newest.max(Some(row.from));
        let place = || vec![agency.as_str().into(), row.length.minutes().into(), row.from.into()];
        let mut at = place();
        at.push(row.endpoint.as_str().into());
        let text = "SELECT observed, up, requests, errors, took FROM api_slices
                    WHERE agency = ? AND minutes = ? AND begins = ? AND endpoint = ?";
        if let Some(stored) = fetch(connection, what, text, at.clone()).await?.first() {
            row.slice.add(&read_slice(stored, 0)?);
        }
        at.extend([
            micros(row.slice.observed).into(),
            micros(row.slice.up).into(),
            int(row.slice.n_requests).into(),
            json(SLICES, &row.slice.errors)?.into(),
            json(SLICES, &row.slice.took.0.as_slice())?.into(),
        ]);
        let text = "INSERT INTO api_slices (agency, minutes, begins, endpoint, observed, up, requests, errors, took)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (agency, minutes, begins, endpoint) DO UPDATE SET observed = excluded.observed,
                        up = excluded.up, requests = excluded.requests, errors = excluded.errors, took = excluded.took";
        execute(connection, what, text, at).await?;
    }
    if let Some(newest) = newest {
        let text = "DELETE FROM api_slices WHERE agency = ? AND minutes = 5 AND begins < ?";
        execute(connection, what, text, vec![agency.as_str().into(), (newest - SHORT_KEPT).into()]).await?;
    }
    for news in &unkept.outages {
        let (text, values) = match news {
            OutageNews::Began { endpoint, since, code } => (
                "INSERT INTO api_outages (agency, endpoint, since, until, code) SELECT ?1, ?2, ?3, NULL, ?4
                 WHERE NOT EXISTS (SELECT 1 FROM api_outages WHERE agency = ?1 AND endpoint = ?2 AND until IS NULL)
                 ON CONFLICT DO NOTHING",
                vec![agency.as_str().into(), endpoint.as_str().into(), (*since).into(), code.as_str().into()],
            ),
            OutageNews::Ended { endpoint, until } => (
                "UPDATE api_outages SET until = max(since, ?3) WHERE agency = ?1 AND endpoint = ?2 AND until IS NULL",
                vec![agency.as_str().into(), endpoint.as_str().into(), (*until).into()],
            ),
        };
        execute(connection, what, text, values).await?;
    }
    Ok(())
}

/// When the first slice that is kept of an agency was over: by then it had been asked for.
pub(super) async fn earliest(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
) -> Result<Option<Instant>, StoreError> {
    let text = "SELECT min(at) FROM (
                  SELECT * FROM (SELECT begins + 300000000 AS at FROM api_slices
                                 WHERE agency = ?1 AND minutes = 5 ORDER BY begins LIMIT 1)
                  UNION ALL
                  SELECT * FROM (SELECT begins + 3600000000 AS at FROM api_slices
                                 WHERE agency = ?1 AND minutes = 60 ORDER BY begins LIMIT 1))";
    let rows = fetch(connection, "reading since when the API is watched", text, vec![agency.as_str().into()]).await?;
    Ok(rows.first().map(|row| maybe_instant(row, "api_slices", 0)).transpose()?.flatten())
}

/// What a record at `now` needs.
pub(super) async fn read(
    connection: &mut SqliteConnection,
    agency: &AgencyName,
    now: Instant,
) -> Result<ApiRows, StoreError> {
    let what = "reading what was seen of the API";
    let mut rows = ApiRows::default();
    for length in [Length::FiveMinutes, Length::Hour] {
        let text = "SELECT endpoint, begins, observed, up, requests, errors, took FROM api_slices
                    WHERE agency = ? AND minutes = ? AND begins >= ? AND begins <= ?";
        let from = reads_from(length, now);
        let values = vec![agency.as_str().into(), length.minutes().into(), from.into(), now.into()];
        for row in &fetch(connection, what, text, values).await? {
            let (endpoint, from) = (endpoint_of(SLICES, get(row, SLICES, 0)?)?, instant(row, SLICES, 1)?);
            rows.slices.push(SliceRow { endpoint, length, from, slice: read_slice(row, 2)? });
        }
    }
    let text = "SELECT endpoint, since, until, code FROM api_outages
                WHERE agency = ? AND (until IS NULL OR until >= ?) ORDER BY since DESC LIMIT 10000";
    let values = vec![agency.as_str().into(), (now - LONGEST).into()];
    for row in &fetch(connection, what, text, values).await? {
        rows.outages.push(OutageRow {
            endpoint: endpoint_of(OUTAGES, get(row, OUTAGES, 0)?)?,
            since: instant(row, OUTAGES, 1)?,
            until: maybe_instant(row, OUTAGES, 2)?,
            code: get(row, OUTAGES, 3)?,
        });
    }
    Ok(rows)
}

/// Five columns from `first` on.
fn read_slice(row: &SqliteRow, first: usize) -> Result<ApiSlice, StoreError> {
    let length = |column| Ok::<_, StoreError>(std::time::Duration::from_micros(count(row, column)?));
    let took: Vec<u64> = unjson(SLICES, get::<&str>(row, SLICES, first + 4)?)?;
    Ok(ApiSlice {
        observed: length(first)?,
        up: length(first + 1)?,
        n_requests: count(row, first + 2)?,
        errors: unjson(SLICES, get::<&str>(row, SLICES, first + 3)?)?,
        // Written with other classes: how long they took is not known any more.
        took: <[u64; CLASSES]>::try_from(took).map_or_else(|_| Latencies::default(), Latencies),
    })
}

fn count(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    Ok(u64::try_from(get::<i64>(row, SLICES, column)?).unwrap_or(0))
}

fn endpoint_of(table: &'static str, word: &str) -> Result<Endpoint, StoreError> {
    Endpoint::ALL
        .into_iter()
        .find(|endpoint| endpoint.as_str() == word)
        .ok_or_else(|| StoreError::Row { table, why: "an unknown endpoint".into() })
}

fn micros(length: std::time::Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
