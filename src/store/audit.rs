//! The audit: rows are added and read, never changed and never forgotten.

use sqlx::SqliteConnection;

use super::{
    error::StoreError,
    sql::{Value, execute, fetch, get, instant},
    writer::{Counted, Memory},
};
use crate::{
    model::{AgencyName, Instant},
    report::audit::AuditRow,
};

const AUDIT: &str = "audit";

pub(super) async fn put(
    connection: &mut SqliteConnection,
    memory: &mut Memory,
    rows: Vec<AuditRow>,
) -> Result<(), StoreError> {
    let text = "INSERT INTO audit (agency, n, at, who, what, about, from_where) VALUES (?, ?, ?, ?, ?, ?, ?)";
    for row in rows {
        let AuditRow { at, agency, who, what, about, from_where } = row;
        let n = memory.next(&AgencyName::new(agency.as_str()), Counted::Audit);
        let values: Vec<Value> =
            vec![agency.into(), n.into(), at.into(), who.into(), what.into(), about.into(), from_where.into()];
        execute(connection, "an audit row", text, values).await?;
    }
    Ok(())
}

pub(super) async fn log(
    connection: &mut SqliteConnection,
    from: Instant,
    until: Instant,
    limit: u32,
) -> Result<Vec<AuditRow>, StoreError> {
    let text = "SELECT at, agency, who, what, about, from_where FROM audit WHERE at >= ? AND at < ?
                ORDER BY at DESC, agency, n DESC LIMIT ?";
    let values = vec![from.into(), until.into(), i64::from(limit).into()];
    let rows = fetch(connection, "reading the audit", text, values).await?;
    rows.iter()
        .map(|row| {
            Ok(AuditRow {
                at: instant(row, AUDIT, 0)?,
                agency: get(row, AUDIT, 1)?,
                who: get(row, AUDIT, 2)?,
                what: get(row, AUDIT, 3)?,
                about: get(row, AUDIT, 4)?,
                from_where: get(row, AUDIT, 5)?,
            })
        })
        .collect()
}
