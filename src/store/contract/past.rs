//! What is kept for those who look back: the lives of alerts, what speaks of them, and the record of the API.

use std::time::Duration;

use super::*;
use crate::{
    alerts::{alert::Acknowledgement, fingerprint::fingerprint},
    model::Endpoint,
    notify::message::Mention,
    report::{
        alert_story::{AlertStory, Told as Says},
        api_log::ApiLog,
        api_record::ApiRecord,
        history::{LATEST_MAX, Span, Tally},
    },
    rules::finding::Closing,
    source::fetched::RequestRecord,
};

pub(super) fn shift_alert(name: &str, state: AlertState) -> Alert {
    let mut alert = alert(name);
    alert.labels.insert("shift".into(), name.into());
    alert.facts.tells = Tells::Uncovered;
    alert.facts.window.opens_at = t(-3);
    alert.state = state;
    alert
}

pub(super) fn turn(name: &str, at: i64, from: Option<&str>, to: &str, reason: &str) -> Transition {
    let (from, to, reason) = (from.map(str::to_owned), to.to_owned(), reason.to_owned());
    Transition { at: t(at), key: key(name), from, to, reason, note: Some("calling".to_owned()) }
}

fn mention(message: &str, alert: &Alert, fires: bool) -> Mention {
    let message = MessageId::from_stored(message.into());
    Mention { message, fingerprint: fingerprint(&alert.labels), active_at: alert.active_at, fires }
}

fn resolved(at: i64) -> AlertState {
    AlertState::Resolved { fired_at: Some(t(0)), resolved_at: t(at), closing: Closing::Covered, owner: None }
}

pub(super) fn at(n: i64, seconds: i64, delta: Delta) -> Commit {
    Commit { at: t(seconds), delta, ..step(n, Vec::new()) }
}

pub(super) async fn story(store: &Store, alert: &Alert) -> Option<AlertStory> {
    let fingerprint = fingerprint(&alert.labels);
    AlertStory::tell(&fingerprint, store.alert_rows(&fingerprint).await.unwrap())
}

pub(super) async fn an_alert_s_story_is_kept_beyond_its_end(store: Store) {
    let firing = shift_alert("one", AlertState::Firing { fired_at: t(0) });
    let ack = Acknowledgement { by: "night-1".into(), note: "calling".into(), at: t(60), until: t(600) };
    let owned = shift_alert("one", AlertState::Acknowledged { fired_at: t(0), ack });
    let over = shift_alert("one", resolved(100));
    let born = Delta { transitions: vec![turn("one", 0, None, "firing", "")], ..Delta::default() };
    let first = Delta { alerts: vec![firing.clone()], ..born.clone() };
    let mentions = vec![mention("m", &firing, true)];
    store.commit(Commit { messages: vec![text("m")], mentions, ..at(1, 0, first) }).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, sent("SM1"))]).await.unwrap();
    store.report(report("m", News::Delivered, 5, None)).await.unwrap();
    let taken = turn("one", 61, Some("firing"), "acknowledged", "acknowledged by night-1");
    store.commit(at(2, 61, Delta { alerts: vec![owned], transitions: vec![taken], ..Delta::default() })).await.unwrap();
    let ends = turn("one", 100, Some("acknowledged"), "resolved", "covered");
    let last = Delta { alerts: vec![over.clone()], transitions: vec![ends], ..Delta::default() };
    let closing = Message { follows: vec![MessageId::from_stored("m".into())], created_at: t(100), ..text("c") };
    let mentions = vec![mention("c", &over, false)];
    store.commit(Commit { messages: vec![closing], mentions, ..at(3, 100, last) }).await.unwrap();
    store.commit(at(4, 200, Delta { alerts_gone: vec![key("one")], ..Delta::default() })).await.unwrap();

    let told = story(&store, &firing).await.unwrap();
    let life = &told.lives[0];
    assert_eq!((told.lives.len(), life.edge_at, life.seen_at, life.fired_at), (1, Some(t(-3)), Some(t(0)), Some(t(0))));
    assert_eq!((life.acknowledged_at, life.acknowledged_by.as_deref()), (Some(t(60)), Some("night-1")));
    assert_eq!(
        (life.resolved_at, life.reason.as_deref(), life.state.as_str()),
        (Some(t(100)), Some("covered"), "resolved")
    );
    let turns: Vec<(&str, Option<&str>)> =
        life.turns.iter().map(|turn| (turn.to.as_str(), turn.note.as_deref())).collect();
    assert_eq!(turns, [("firing", Some("calling")), ("acknowledged", Some("calling")), ("resolved", Some("calling"))]);
    let messages: Vec<(&str, Says, &str, Vec<&str>)> = life
        .messages
        .iter()
        .map(|one| {
            let steps = one.steps.iter().map(|step| step.outcome.as_str()).collect();
            (one.id.as_str(), one.told, one.state.as_str(), steps)
        })
        .collect();
    assert_eq!(
        messages,
        [("m", Says::Firing, "delivered", vec!["sent", "delivered"]), ("c", Says::Closing, "queued", vec![])]
    );

    let (rows, _) = store.fired(t(-10), None, 10).await.unwrap();
    let row = &rows[0];
    assert_eq!((rows.len(), row.told, row.sent_at, row.delivered_at), (1, true, Some(t(2)), Some(t(5))));
    assert_eq!((row.acknowledged_at, row.resolved_at, row.edge_at), (Some(t(60)), Some(t(100)), Some(t(-3))));
    assert!(store.fired(t(1), None, 10).await.unwrap().0.is_empty(), "fired before the span");
    let (latest, n) = store.latest_fired(t(-10), 10).await.unwrap();
    assert_eq!((latest.len(), n, latest[0].labels.clone()), (1, 1, firing.labels.clone()));
    assert!(store.alert_rows("00000000deadbeef").await.unwrap().lives.is_empty());
}

/// Closed without anybody having been told: the step holds no body of it. And one that ends and comes back at once.
pub(super) async fn lives_end_without_a_body_and_begin_again(store: Store) {
    let firing = shift_alert("one", AlertState::Firing { fired_at: t(0) });
    let born = |seconds| vec![turn("one", seconds, None, "firing", "")];
    store
        .commit(at(1, 0, Delta { alerts: vec![firing.clone()], transitions: born(0), ..Delta::default() }))
        .await
        .unwrap();
    let ends = turn("one", 9, Some("firing"), "resolved", "moved");
    let gone = Delta { alerts_gone: vec![key("one")], transitions: vec![ends], ..Delta::default() };
    store.commit(at(2, 9, gone)).await.unwrap();
    let told = story(&store, &firing).await.unwrap();
    assert_eq!((told.lives[0].resolved_at, told.lives[0].reason.as_deref()), (Some(t(9)), Some("moved")));

    let again = Alert { active_at: t(20), ..shift_alert("one", AlertState::Firing { fired_at: t(20) }) };
    let first_look = Commit {
        edges_from: None,
        ..at(3, 20, Delta { alerts: vec![again.clone()], transitions: born(20), ..Delta::default() })
    };
    store.commit(first_look).await.unwrap();
    let third = Alert { active_at: t(30), ..shift_alert("one", AlertState::Firing { fired_at: t(30) }) };
    let transitions =
        vec![turn("one", 30, Some("firing"), "resolved", "cancelled"), turn("one", 30, Some("resolved"), "firing", "")];
    store.commit(at(4, 30, Delta { alerts: vec![third.clone()], transitions, ..Delta::default() })).await.unwrap();
    let told = story(&store, &firing).await.unwrap();
    let lives: Vec<_> =
        told.lives.iter().map(|life| (life.active_at, life.resolved_at, life.edge_at, life.turns.len())).collect();
    assert_eq!(
        lives,
        [(t(30), None, Some(t(-3)), 1), (t(20), Some(t(30)), None, 2), (t(0), Some(t(9)), Some(t(-3)), 2)],
        "a first look does not know how long it has been so"
    );
    let changed = Alert { updated_at: t(40), ..third };
    store.commit(at(5, 40, Delta { alerts: vec![changed], ..Delta::default() })).await.unwrap();
    assert_eq!(story(&store, &firing).await.unwrap().lives.len(), 3, "a change without a turn is no life");
}

pub(super) async fn an_alert_of_an_older_version_has_a_life_once_something_happens(store: Store) {
    let over = shift_alert("one", resolved(100));
    let ends = turn("one", 100, Some("firing"), "resolved", "covered");
    store
        .commit(at(1, 100, Delta { alerts: vec![over.clone()], transitions: vec![ends], ..Delta::default() }))
        .await
        .unwrap();
    let told = story(&store, &over).await.unwrap();
    let life = &told.lives[0];
    assert_eq!((life.seen_at, life.edge_at, life.fired_at, life.resolved_at), (None, None, Some(t(0)), Some(t(100))));
}

/// A long span is read slice by slice: nothing twice, nothing left out, also where many fired at one instant.
pub(super) async fn a_long_history_comes_in_slices(store: Store) {
    for n in 0..5_i64 {
        let fired_at = t(10 * (n / 2));
        let names: Vec<String> = (0..50).map(|i| format!("{n}-{i}")).collect();
        let alerts = names
            .iter()
            .map(|name| Alert { active_at: fired_at, ..shift_alert(name, AlertState::Firing { fired_at }) })
            .collect();
        let transitions = names.iter().map(|name| turn(name, 0, None, "firing", "")).collect();
        store.commit(at(n + 1, 0, Delta { alerts, transitions, ..Delta::default() })).await.unwrap();
    }
    let (mut tally, mut place, mut n_slices) = (Tally::default(), None, 0);
    loop {
        let (rows, next) = store.fired(t(0), place, 30).await.unwrap();
        for row in &rows {
            tally.take(row);
        }
        n_slices += 1;
        place = next;
        if place.is_none() {
            break;
        }
    }
    assert_eq!((tally.n(), n_slices), (250, 10), "nine with something, and the empty one that ends it");
    let (latest, n) = store.latest_fired(t(0), u32::try_from(LATEST_MAX).unwrap()).await.unwrap();
    assert!(latest.windows(2).all(|pair| pair[0].fired_at >= pair[1].fired_at), "newest first");
    let history = tally.sum_up(Span::Day, t(100), &latest, n);
    assert_eq!((history.rules[0].n_alerts, history.n_latest_left_out, history.n_not_summed), (250, 50, 0));
    assert_eq!((history.rules[0].n_told, history.rules[0].send.n), (0, 0));
}

fn request(seconds: i64, code: &str) -> RequestRecord {
    let (code, ok) = (code.to_owned(), code == "200");
    let took = Duration::from_millis(30);
    RequestRecord { endpoint: Endpoint::Appointment, code, at: t(seconds), took, ok, waited: Duration::ZERO }
}

pub(super) async fn the_record_of_the_api_adds_up_over_restarts(store: Store) {
    let record = async |now: i64| {
        let rows = store.api_rows(&main(), t(now)).await.unwrap();
        ApiRecord::of(&main(), &rows, t(now)).endpoints.into_iter().next()
    };
    assert_eq!(record(0).await, None);
    let run = async |requests: &[RequestRecord], until: i64| {
        let mut log = ApiLog::default();
        log.record(requests);
        log.pass_time(t(until));
        store.add_api(&main(), log.take()).await.unwrap();
    };
    run(&[request(0, "200"), request(10, "503"), request(20, "timeout")], 30).await;
    let first = record(30).await.unwrap();
    assert_eq!((first.outages[0].since, first.outages[0].until, first.outages[0].cause.as_str()), (t(10), None, "503"));
    // Started again while it still fails; nobody looked in between.
    run(&[request(100, "503"), request(110, "503"), request(120, "200")], 130).await;
    let second = record(130).await.unwrap();
    assert_eq!(second.outages.len(), 1, "a restart begins no other");
    assert_eq!((second.outages[0].since, second.outages[0].until), (t(10), Some(t(120))));
    let hour = second.span("1h").unwrap();
    assert_eq!((hour.observed_seconds, hour.requests), (60.0, 6), "the time between is unknown, not up and not down");
    assert_eq!(hour.uptime, Some(20.0 / 60.0));
    assert_eq!((hour.errors["5xx"], hour.errors["timeout"], hour.p50_seconds), (3, 1, Some(0.05)));
    // A third start: a good answer ends nothing that is over.
    run(&[request(200, "200")], 210).await;
    assert_eq!(record(210).await.unwrap().outages, second.outages);
    run(&[request(300, "500"), request(301, "500")], 302).await;
    assert_eq!(record(310).await.unwrap().outages.len(), 2, "another one");
    let other = store.api_rows(&AgencyName::new("other"), t(310)).await.unwrap();
    assert!(other.slices.is_empty() && other.outages.is_empty(), "agencies share nothing");

    let day = 86_400;
    run(&[request(5 * day, "200")], 5 * day + 60).await;
    let later = record(5 * day + 60).await.unwrap();
    assert_eq!(later.span("1h").map(|span| span.observed_seconds), Some(60.0));
    assert_eq!(later.span("30d").unwrap().requests, 10);
    let short = store.api_rows(&main(), t(310)).await.unwrap().slices;
    assert!(short.iter().all(|row| row.length.minutes() == 60), "short slices are kept for hours only");
}

pub(super) async fn what_is_old_is_forgotten_and_what_is_open_stays(store: Store) {
    let open = shift_alert("open", AlertState::Firing { fired_at: t(0) });
    let over = shift_alert("over", resolved(10));
    let transitions = vec![turn("open", 0, None, "firing", ""), turn("over", 0, None, "firing", "")];
    let first = Delta { alerts: vec![open.clone(), over.clone()], transitions, ..Delta::default() };
    let mentions = vec![mention("m", &open, true), mention("m", &over, true)];
    store.commit(Commit { messages: vec![text("m")], mentions, ..at(1, 0, first) }).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, sent("SM1"))]).await.unwrap();
    let mut log = ApiLog::default();
    log.record(&[request(0, "500"), request(1, "500"), request(2, "200"), request(3, "500"), request(4, "500")]);
    store.add_api(&main(), log.take()).await.unwrap();
    let old = Old { messages: Some(t(5_000)), history: Some(t(5_000)), ..Old::default() };
    // Blob, attempt, mentions, message; transitions; a life; two slices and an outage.
    assert_eq!(store.prune(old).await.unwrap(), 5 + 2 + 1 + 3);
    assert_eq!(store.prune(old).await.unwrap(), 0);
    let told = story(&store, &open).await.unwrap();
    assert_eq!((told.lives.len(), told.lives[0].messages.len()), (1, 0));
    assert!(story(&store, &over).await.is_none());
    let rows = store.api_rows(&main(), t(10)).await.unwrap();
    assert_eq!((rows.slices.len(), rows.outages.len()), (0, 1), "what is not over stays");
}
