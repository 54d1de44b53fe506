//! What is kept of pages when they are gone: the on-call log, what somebody said became of them, the lists of mornings.

use super::{
    past::{at, shift_alert, story, turn},
    *,
};
use crate::{
    alerts::{
        alert::Acknowledgement,
        disposition::{Disposition, Said},
        fingerprint::fingerprint,
        notice::PageAsk,
        page::{Arrived, Ownership, Page, PageKey, PageState, PageTold},
    },
    model::{ClientId, PersonName, ShiftId, ShiftKey, ShiftRef},
    on_call::Via,
    report::on_call_log::{OnCallLog, morning},
    rules::finding::Closing,
};

fn page() -> Page {
    let key = PageKey { group: group().key, generation: 1, policy: "coverage".to_owned() };
    let mut page = Page::new(key, [shift_key()].into(), t(0));
    page.told.push(PageTold {
        person: PersonName::new("night-1"),
        via: Via::Sms,
        mark: AddressMark::of(&Phi::new("+12025550111".to_owned())),
        message: MessageId::from_stored("m".to_owned()),
        at: t(0),
        round: 0,
        step: 0,
        ask: PageAsk::First,
        arrived: Arrived::Delivered { at: t(5) },
        bundle: None,
    });
    page
}

fn shift_key() -> AlertKey {
    let (client, id) = (ClientId::new("7000101"), ShiftRef::Vendor(ShiftId::new("90010001")));
    AlertKey { subject: Subject::Shift(ShiftKey { start: t(0), client, id }), ..key("x") }
}

fn owned(page: &Page, by: &str, since: i64) -> Page {
    let ack = Acknowledgement { by: by.to_owned(), note: String::new(), at: t(since), until: t(9_000) };
    let ownership = Ownership { ack, person: None, handled: false, asked_at: None, coming: Vec::new() };
    Page { state: PageState::Owned(ownership), ..page.clone() }
}

fn said(alert: &Alert, seconds: i64, disposition: Disposition) -> Said {
    Said {
        fingerprint: fingerprint(&alert.labels),
        active_at: alert.active_at,
        at: t(seconds),
        by: "office".to_owned(),
        disposition,
        approver: Some("director".to_owned()),
        covered_by: None,
        note: "family stayed".to_owned(),
    }
}

pub(super) async fn a_page_and_what_became_of_it_are_kept_when_it_is_gone(store: Store) {
    let name = "90010001@2027-01-15T08:00:00Z";
    let turn = |at, from, to, reason| Transition { key: shift_key(), ..turn(name, at, from, to, reason) };
    let firing = Alert { key: shift_key(), ..shift_alert(name, AlertState::Firing { fired_at: t(0) }) };
    let closing = Closing::Expired;
    let ended = AlertState::Resolved { fired_at: Some(t(0)), resolved_at: t(600), closing, owner: None };
    let mut over = Alert { key: shift_key(), ..shift_alert(name, ended) };
    over.labels.insert("severity".to_owned(), "page".to_owned());
    let firing = Alert { labels: over.labels.clone(), ..firing };
    let open = page();
    let transitions = vec![turn(0, None, "firing", "")];
    let first = Delta { alerts: vec![firing.clone()], pages: vec![open.clone()], transitions, ..Delta::default() };
    store.commit(at(1, 0, first)).await.unwrap();
    for (n, by, since) in [(2, "night-1", 130), (3, "night-2", 300)] {
        let pages = vec![owned(&open, by, since)];
        store.commit(at(n, since, Delta { pages, ..Delta::default() })).await.unwrap();
    }
    let closed = PageState::Closed { at: t(600), owner: Some("night-2".to_owned()), alerts: vec![over.clone()] };
    let pages = vec![Page { state: closed, ..open.clone() }];
    let transitions = vec![turn(600, Some("acknowledged"), "resolved", "expired")];
    let last = Delta { alerts: vec![over.clone()], pages, transitions, ..Delta::default() };
    store.commit(at(4, 600, last)).await.unwrap();
    let gone = Delta { alerts_gone: vec![over.key.clone()], pages_gone: vec![open.key.clone()], ..Delta::default() };
    store.commit(at(5, 700, gone)).await.unwrap();
    assert!(store.load(&main()).await.unwrap().pages.is_empty());

    let log = |rows, n| OnCallLog::of(t(-100), t(9_000), rows, n);
    let (rows, n) = store.page_log(t(-100), 10).await.unwrap();
    let told = log(rows, n);
    let one = &told.pages[0];
    assert_eq!(
        (one.acknowledged_by.as_deref(), one.acknowledged_after_minutes),
        (Some("night-1"), Some(2)),
        "the first"
    );
    assert_eq!((one.closed_at, one.told[0].arrived.as_str()), (Some(t(600)), "delivered"));
    assert_eq!(one.alerts[0].reason.as_deref(), Some("expired"));
    assert!(one.alerts[0].needs_a_word());
    assert_eq!(store.page_log(t(1), 10).await.unwrap(), (Vec::new(), 0), "by when it opened");

    let (lives, people) = store.night(&main(), t(0), t(600)).await.unwrap();
    let list = morning(lives, people);
    assert_eq!((list.n_open, list.people), (1, vec![PersonName::new("night-1")]));
    assert!(store.night(&main(), t(600), t(900)).await.unwrap().0.is_empty(), "it belongs to one night alone");

    for (n, seconds, word) in [(6, 800, Disposition::Unstaffed), (7, 900, Disposition::Refused)] {
        let words = vec![said(&over, seconds, word)];
        store.commit(at(n, seconds, Delta { said: words, ..Delta::default() })).await.unwrap();
    }
    let (rows, n) = store.page_log(t(-100), 10).await.unwrap();
    let told = log(rows, n);
    let word = told.pages[0].alerts[0].disposition.as_ref().unwrap();
    assert_eq!((word.disposition, word.approver.as_deref()), (Disposition::Refused, Some("director")), "the latest");
    let told = story(&store, &over).await.unwrap();
    assert_eq!((told.lives[0].dispositions.len(), told.lives[0].pages.len()), (2, 1), "all are kept");
    let (lives, people) = store.night(&main(), t(0), t(600)).await.unwrap();
    assert_eq!(morning(lives, people).n_open, 0);

    let old = Old { history: Some(t(5_000)), ..Old::default() };
    // Transitions, the life, the page and its alert, two words.
    assert_eq!(store.prune(old).await.unwrap(), 2 + 1 + 2 + 2);
    assert_eq!(store.page_log(t(-100), 10).await.unwrap(), (Vec::new(), 0));
}

pub(super) async fn the_list_of_a_morning_is_decided_once_for_each(store: Store) {
    let day = |text: &str| text.parse::<chrono::NaiveDate>().unwrap();
    let people = |names: &[&str]| names.iter().map(|name| PersonName::new(*name)).collect::<Vec<_>>();
    let drill = || vec![Ask::Drill { policy: None, person: None, id: "1".to_owned() }];
    let orders = async || store.load(&main()).await.unwrap().orders.len();
    let (first, second) = (day("2027-01-15"), day("2027-01-16"));
    assert_eq!(store.last_morning(&main(), first).await.unwrap(), super::super::Morning::default());
    assert!(store.put_morning(&main(), first, t(0), people(&["night-1"]), drill()).await.unwrap());
    assert_eq!(orders().await, 1);
    assert!(!store.put_morning(&main(), first, t(1), people(&["night-1"]), drill()).await.unwrap(), "once");
    assert_eq!(orders().await, 1);
    let stands = store.last_morning(&main(), first).await.unwrap();
    assert_eq!((stands.is_decided, stands.before, stands.told.len()), (true, None, 1));
    assert!(store.put_morning(&main(), first, t(2), people(&["night-2"]), drill()).await.unwrap(), "another person");
    assert_eq!(orders().await, 2);
    let stands = store.last_morning(&main(), second).await.unwrap();
    assert_eq!((stands.is_decided, stands.before, stands.told.len()), (false, Some(first), 0));
    let other = store.last_morning(&AgencyName::new("other"), second).await.unwrap();
    assert_eq!(other.before, None, "agencies share nothing");
}
