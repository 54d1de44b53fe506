//! Stores that an older version wrote: what a migration fills in of old rows is what this version would have written.

use std::borrow::Cow;

use sqlx::{Connection as _, SqliteConnection, migrate::Migrator, sqlite::SqliteConnectOptions};

use super::{Store, sqlite::MIGRATIONS};
use crate::{
    config::StoreUrl,
    mirror::{past_line::PastLine, row::MirrorRow},
    model::{AgencyName, Instant, Section, local_time::to_micros},
};

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn shift(start: &str, end: &str, client: &str, caregiver: &str, status: &str) -> MirrorRow {
    let body = format!(
        r#"{{"shift":{{"key":{{"start":"{start}","client":"{client}","id":{{"Vendor":"9001"}}}},"end":"{end}","caregiver":{caregiver},"status":{status}}},"seen_at":0,"first_seen_at":0,"appeared":false,"missed_at":null,"changed_at":null}}"#
    );
    let key = format!("shift/{}/{client}/9001", to_micros(at(start)));
    MirrorRow { section: Some(Section::Shifts), key, body, phi: None }
}

fn visit(id: &str, client: &str, check_in: &str, check_out: &str) -> MirrorRow {
    let body = format!(
        r#"{{"visit":{{"id":"{id}","client":{client},"caregiver":"8001","shift":"9001","check_in":{check_in},"check_out":{check_out},"status":"COMPLETE"}},"seen_at":0,"first_seen_at":0,"missed_at":null}}"#
    );
    MirrorRow { section: Some(Section::Visits), key: id.into(), body, phi: None }
}

#[tokio::test]
async fn old_rows_of_the_archive_get_their_time_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let active = r#"{"Active":"SCHEDULED"}"#;
    let left = shift("2026-11-10T20:00:00Z", "2026-11-10T22:00:00Z", "7003", "null", active);
    let rows = [
        shift("2026-11-10T16:00:00Z", "2026-11-11T00:00:00Z", "7001", "\"8001\"", active),
        shift("2026-11-10T17:00:00Z", "2026-11-10T18:00:00Z", "7002", "null", "\"Cancelled\""),
        // Over the hour that Denver's clocks show twice.
        shift("2026-11-01T06:30:00Z", "2026-11-01T09:30:00Z", "7001", "\"8001\"", active),
        visit("55001", "\"7001\"", r#"{"Instant":"2026-11-10T16:03:00Z"}"#, r#"{"Instant":"2026-11-11T00:01:30Z"}"#),
        visit("55002", "\"7001\"", r#"{"Naive":"2026-11-10T16:04:00"}"#, r#"{"Naive":"2026-11-10T18:04:00"}"#),
        visit("55003", "\"7001\"", r#"{"Naive":"2026-11-10T16:05:00"}"#, "null"),
        visit("55004", "null", r#"{"Instant":"2026-11-10T16:06:00Z"}"#, r#"{"Naive":"2026-11-10T18:00:00"}"#),
        left.clone(),
        // Nothing says when it was; nothing is lost of it.
        visit("55005", "\"7001\"", "null", "null"),
        MirrorRow { section: Some(Section::Visits), key: "55006".into(), body: "{cut off".into(), phi: None },
    ];
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let before: Vec<_> = MIGRATIONS.iter().filter(|one| one.version < 7).cloned().collect();
    assert!(!before.is_empty());
    Migrator { migrations: Cow::Owned(before), ..Migrator::DEFAULT }.run(&mut connection).await.unwrap();
    for row in &rows {
        let text = "INSERT INTO visit_archive (agency, key, archived_at, body) VALUES ('main', ?, 0, ?)";
        sqlx::query(text).bind(&row.key).bind(&row.body).execute(&mut connection).await.unwrap();
    }
    for (moment, what) in [(1, "appeared"), (2, "removed")] {
        let text = "INSERT INTO shift_history (agency, shift, at, what, detail) VALUES ('main', ?, ?, ?, '')";
        let shift = "9001@2026-11-10T20:00:00Z/7003";
        sqlx::query(text).bind(shift).bind(moment).bind(what).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();

    let store = Store::open(&StoreUrl::Sqlite(path), at("2026-11-20T00:00:00Z")).await.unwrap();
    let main = AgencyName::new("main");
    let (from, until) = (at("2026-10-01T00:00:00Z"), at("2026-12-01T00:00:00Z"));
    let mut lines = store.past_lines(&main, from, until).await.unwrap();
    lines.sort_by(|a, b| a.key.cmp(&b.key));
    let mut expected: Vec<PastLine> = rows[..7].iter().filter_map(|row| PastLine::of(row, false)).collect();
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(expected.len(), 7);
    assert_eq!(lines, expected, "what left the schedule is not there, all else as it would be written now");
    let range = store.past_range(&main, at("2026-11-10T16:03:00Z"), at("2026-11-10T16:06:00Z")).await.unwrap();
    let keys: Vec<&str> = range.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["55001", "55002", "55003"], "found by its instant, to the second");
    store.close().await;
}
