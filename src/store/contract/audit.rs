//! The audit.

use super::*;
use crate::report::audit::AuditRow;

fn row(at: i64, agency: &str, about: &str) -> AuditRow {
    AuditRow {
        at: t(at),
        agency: agency.to_owned(),
        who: "alice".to_owned(),
        what: "/clients/1".to_owned(),
        about: about.to_owned(),
        from_where: Some("127.0.0.1".to_owned()),
    }
}

pub(super) async fn who_saw_what_is_kept_in_order_and_read_by_time(store: Store) {
    store.audit(Vec::new()).await.unwrap();
    store.audit(vec![row(1, "main", "a"), row(2, "other", "b")]).await.unwrap();
    store.audit(vec![row(2, "main", "c"), row(9, "main", "d")]).await.unwrap();
    let about = async |from, until, limit| {
        let rows = store.audit_log(t(from), t(until), limit).await.unwrap();
        rows.into_iter().map(|row| row.about).collect::<Vec<_>>()
    };
    assert_eq!(about(0, 100, 10).await, ["d", "c", "b", "a"], "the newest first");
    assert_eq!(about(1, 9, 10).await, ["c", "b", "a"], "the end is not included");
    assert_eq!(about(2, 9, 1).await, ["c"]);
    assert_eq!(store.audit_log(t(9), t(10), 1).await.unwrap(), [row(9, "main", "d")]);
    store.prune(Old { inputs: Some(t(1_000)), messages: Some(t(1_000)), history: Some(t(1_000)) }).await.unwrap();
    assert_eq!(about(0, 100, 10).await.len(), 4, "and never forgotten");
}
