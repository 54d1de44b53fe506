//! The archive by time, and closed periods.

use super::*;
use crate::{
    mirror::{
        past_line::PastLine,
        row::{ArchiveDelta, VisitEdit},
    },
    store::{Closing, PastDay, Whose},
};

fn shift(start: i64, client: &str) -> MirrorRow {
    let at = t(start).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let end = t(start + 3_600).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let micros = crate::model::local_time::to_micros(t(start));
    let body = format!(
        r#"{{"shift":{{"key":{{"start":"{at}","client":"{client}","id":{{"Vendor":"9"}}}},"end":"{end}","caregiver":"g1","status":{{"Active":null}}}},"seen_at":0,"first_seen_at":0,"appeared":false,"missed_at":null,"changed_at":null}}"#
    );
    MirrorRow { section: Some(Section::Shifts), key: format!("shift/{micros}/{client}/9"), body, phi: None }
}

fn visit(id: &str, start: i64, naive: bool) -> MirrorRow {
    let at = t(start).format("%Y-%m-%dT%H:%M:%S");
    let at = if naive { format!(r#"{{"Naive":"{at}"}}"#) } else { format!(r#"{{"Instant":"{at}Z"}}"#) };
    let body = format!(
        r#"{{"visit":{{"id":"{id}","client":"c1","caregiver":null,"shift":"9","check_in":{at},"check_out":null,"status":null}},"seen_at":0,"first_seen_at":0,"missed_at":null}}"#
    );
    MirrorRow { section: Some(Section::Visits), key: id.into(), body, phi: None }
}

pub(super) async fn the_past_is_read_by_time(store: Store) {
    let day = 86_400;
    let left = shift(20, "c3");
    let delta = MirrorDelta {
        archived: vec![
            shift(10, "c1"),
            visit("v1", 20, false),
            visit("v2", 30, true),
            shift(40 * day, "c1"),
            left.clone(),
        ],
        left: vec![left.key],
        ..MirrorDelta::default()
    };
    store.save_mirror(&main(), delta.clone(), t(0)).await.unwrap();
    let rows = store.past_range(&main(), t(0), t(2 * day)).await.unwrap();
    let keys: Vec<_> = rows.iter().map(|row| (row.section, row.key.as_str())).collect();
    assert_eq!(keys.len(), 3, "what left is not there, nor what lies elsewhere: {keys:?}");
    assert!(matches!(keys[0].0, Some(Section::Shifts)) && keys[1].1 == "v1" && keys[2].1 == "v2", "{keys:?}");
    let lines = store.past_lines(&main(), t(0), t(50 * day)).await.unwrap();
    let expected: Vec<PastLine> = delta.archived[..4].iter().filter_map(|row| PastLine::of(row, false)).collect();
    assert_eq!(lines, expected, "each column is what the row says");
    assert!(lines[2].naive_start && !lines[1].naive_start);
    let of_client = store.past_lines_of(&main(), Whose::Client(&"c1".into()), t(0), t(50 * day)).await.unwrap();
    assert_eq!(of_client, expected);
    let of_caregiver = store.past_lines_of(&main(), Whose::Caregiver(&"g1".into()), t(0), t(50 * day)).await.unwrap();
    assert_eq!(of_caregiver, [expected[0].clone(), expected[3].clone()], "visits that name nobody are nobody's");
    assert!(store.past_lines(&AgencyName::new("other"), t(0), t(50 * day)).await.unwrap().is_empty());

    let edit = VisitEdit {
        visit: "v1".into(),
        at: t(90),
        was_start: Some(t(20)),
        was_ends: Some(t(50)),
        is_start: Some(t(25)),
    };
    let put = ArchiveDelta { rows: vec![visit("v1", 25, false)], left: vec!["v2".into()], edits: vec![edit.clone()] };
    let first: chrono::NaiveDate = "2026-11-01".parse().unwrap();
    let whole = PastDay { section: "visits".into(), day: first, at: t(90), missing: vec!["c2".into()] };
    store.save_past(&main(), put, vec![whole.clone()], t(90)).await.unwrap();
    let lines = store.past_lines(&main(), t(0), t(day)).await.unwrap();
    assert_eq!(
        lines.iter().map(|line| (line.key.len() > 5, line.start)).collect::<Vec<_>>(),
        [(true, Some(t(10))), (false, Some(t(25)))]
    );
    assert_eq!(store.visit_edits(&main(), t(0), t(day)).await.unwrap(), [edit]);
    assert_eq!(store.past_days(&main(), first, first).await.unwrap(), [whole]);
}

pub(super) async fn a_period_is_closed_once(store: Store) {
    let closing = |from: &str, to: &str| Closing {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        at: t(0),
        head: format!("\"{from}\""),
        body: format!("\"{from} body\""),
    };
    let close = async |from, to| store.close_hours(&main(), closing(from, to)).await.unwrap();
    assert!(close("2026-11-01", "2026-11-14").await);
    for (from, to) in [
        ("2026-11-01", "2026-11-14"),
        ("2026-11-14", "2026-11-20"),
        ("2026-10-20", "2026-11-01"),
        ("2026-10-01", "2026-12-01"),
    ] {
        assert!(!close(from, to).await, "{from} to {to} has a day in common with it");
    }
    assert!(close("2026-11-15", "2026-11-28").await, "the day after has none");
    assert_eq!(store.closed_periods(&main()).await.unwrap(), ["\"2026-11-01\"", "\"2026-11-15\""]);
    let day = |text: &str| text.parse().unwrap();
    let bodies = store.closed_hours(&main(), day("2026-11-14"), day("2026-11-14")).await.unwrap();
    assert_eq!(bodies, ["\"2026-11-01 body\""]);
}
