//! What is sent by the clock is decided once, with its messages.

use chrono::TimeDelta;

use super::*;
use crate::store::{Scheduled, WayWent};

fn decided(until: Instant, timetable: &str) -> Scheduled {
    Scheduled { name: "briefing/morning".into(), timetable: timetable.into(), until, at: until, outcome: "sent".into() }
}

pub(super) async fn a_decision_and_its_messages_are_one_and_stand_once(store: Store) {
    let seven = t(0);
    let put = |until, table: &str, id: &str| store.put_scheduled(decided(until, table), vec![text(id)], None);
    assert!(put(seven, "0 7 * * *", "aa").await.unwrap());
    assert!(!put(seven, "0 7 * * *", "bb").await.unwrap(), "decided before");
    assert!(!put(seven - TimeDelta::days(1), "0 7 * * *", "cc").await.unwrap(), "and what lies before it");
    let stats = store.outbox_stats().await.unwrap();
    assert_eq!(stats.open.iter().map(|(.., n)| n).sum::<u64>(), 1, "one message, of the first");
    assert!(put(seven + TimeDelta::days(1), "0 7 * * *", "dd").await.unwrap());
    assert!(put(seven, "0 9 * * *", "ee").await.unwrap(), "another timetable begins anew");
    let all = store.scheduled().await.unwrap();
    assert_eq!(all.get("briefing/morning"), Some(&decided(seven, "0 9 * * *")));
}

pub(super) async fn a_folder_that_cannot_be_written_to_fails_until_it_can(store: Store) {
    let way = |fails| Some(WayWent { name: "folder/weekly".into(), fails });
    store.mark_way(way(true).unwrap(), t(0)).await.unwrap();
    store.mark_way(way(true).unwrap(), t(60)).await.unwrap();
    let failing = |health: Vec<crate::store::GatewayHealth>| {
        health.into_iter().find(|one| one.gateway == "folder/weekly").and_then(|one| one.failing_since)
    };
    assert_eq!(failing(store.gateway_health(t(60)).await.unwrap()), Some(t(0)), "since the first time");
    assert!(store.put_scheduled(decided(t(90), "x"), Vec::new(), way(false)).await.unwrap());
    assert_eq!(failing(store.gateway_health(t(90)).await.unwrap()), None);
}
