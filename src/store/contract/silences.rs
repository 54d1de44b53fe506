//! Silences, and the orders that are stored with them.

use super::*;
use crate::{
    alerts::silence::{Silence, SilenceMatcher},
    model::PersonName,
    store::SilenceChange,
};

fn silence(id: &str, reminded: bool, comment: String) -> Silence {
    let matcher = SilenceMatcher { name: "alertname".into(), value: "NoShow".into(), is_regex: false, is_equal: true };
    Silence {
        id: id.into(),
        matchers: vec![matcher],
        starts_at: t(0),
        ends_at: t(3_600),
        updated_at: t(0),
        created_by: "night-1".into(),
        comment,
        until_resolved: false,
        has_matched: true,
        reminded,
    }
}

fn ends(id: &str) -> Ask {
    Ask::SilenceEnds { id: id.into(), created_by: PersonName::new("night-1"), ends_at: t(3_600), n_muted: 2 }
}

fn change(changed: Vec<Silence>, asks: Vec<Ask>) -> SilenceChange {
    SilenceChange { changed, gone: Vec::new(), at: t(2_700), asks }
}

async fn ordered(store: &Store) -> Vec<Ask> {
    let inputs = store.pending_inputs(&AgencyName::installation()).await.unwrap();
    inputs.orders.into_iter().map(|order| order.ask).collect()
}

pub(super) async fn a_silence_is_kept_with_what_is_ordered_because_of_it(store: Store) {
    let (first, second) = (silence("a", false, "planned".into()), silence("b", false, "planned".into()));
    store.put_silences(change(vec![first, second], Vec::new())).await.unwrap();
    assert!(ordered(&store).await.is_empty(), "nothing is ordered");
    let reminded = silence("a", true, "planned".into());
    let forgets = SilenceChange { gone: vec!["b".into()], ..change(vec![reminded.clone()], vec![ends("a")]) };
    store.put_silences(forgets).await.unwrap();
    assert_eq!(store.silences().await.unwrap(), [reminded]);
    assert_eq!(ordered(&store).await, [ends("a")]);
}

#[tokio::test]
async fn a_disk_that_is_full_keeps_neither_the_reminder_nor_the_note_that_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let fresh = silence("a", false, "planned".into());
    store.put_silences(change(vec![fresh.clone()], Vec::new())).await.unwrap();
    store.pragma("PRAGMA max_page_count = 1").await;
    let long = silence("b", false, "x".repeat(1 << 20));
    let refused = store
        .put_silences(change(vec![silence("a", true, "planned".into()), long], vec![ends("a")]))
        .await
        .unwrap_err();
    assert!(refused.is_full(), "{refused:?}");
    assert_eq!((store.silences().await.unwrap(), ordered(&store).await), (vec![fresh], Vec::new()));
    store.pragma("PRAGMA max_page_count = 4294967294").await;
    store.put_silences(change(vec![silence("a", true, "planned".into())], vec![ends("a")])).await.unwrap();
    assert_eq!((store.silences().await.unwrap()[0].reminded, ordered(&store).await), (true, vec![ends("a")]));
}
