//! What every engine must do, written once over the API. Run here on SQLite, on a file and in memory.

use std::{collections::BTreeMap, path::Path};

use super::{Attempted, Claim, Commit, CommitError, MessageFate, Old, Outcome, Report, Room, Store, StoreError};
use crate::{
    alerts::{
        alert::{Alert, AlertKey, AlertState, Confirm, Facts, Told},
        group::{Group, GroupKey},
        orders::{Ask, News},
        step::{CatchUp, Delta, Transition, Why},
    },
    config::StoreUrl,
    mirror::row::{MirrorDelta, MirrorRow, ShiftHistory},
    model::{AgencyName, Instant, Phi, PhiGrant, Section, Subject, local_time::from_micros},
    notify::message::{AddressMark, Channel, Content, Message, MessageId},
    rules::finding::{RuleId, Tells, Window},
};

mod archive;
mod audit;
mod pages;
mod past;
mod scheduled;
mod silences;

use archive::{a_period_is_closed_once, the_past_is_read_by_time};
use audit::who_saw_what_is_kept_in_order_and_read_by_time;
use pages::{a_page_and_what_became_of_it_are_kept_when_it_is_gone, the_list_of_a_morning_is_decided_once_for_each};
use past::{
    a_long_history_comes_in_slices, an_alert_of_an_older_version_has_a_life_once_something_happens,
    an_alert_s_story_is_kept_beyond_its_end, lives_end_without_a_body_and_begin_again,
    the_record_of_the_api_adds_up_over_restarts, what_is_old_is_forgotten_and_what_is_open_stays,
};
use scheduled::{
    a_decision_and_its_messages_are_one_and_stand_once, a_folder_that_cannot_be_written_to_fails_until_it_can,
};
use silences::a_silence_is_kept_with_what_is_ordered_because_of_it;

fn t(seconds: i64) -> Instant {
    from_micros((1_800_000_000 + seconds) * 1_000_000)
}

fn main() -> AgencyName {
    AgencyName::new("main")
}

fn text(id: &str) -> Message {
    Message {
        id: MessageId::from_stored(id.to_owned()),
        agency: main(),
        receiver: "on-call".into(),
        recipient: "sms/0/0".into(),
        channel: Channel::Sms,
        gateways: vec!["a".into(), "b".into()],
        address: Phi::new("+12025550111".into()),
        content: Phi::new(Content::Sms { text: format!("CCA: {id}") }),
        why: Why::FirstFiring,
        urgency: 1,
        created_at: t(0),
        useful_until: t(900),
        fired_at: t(0),
        follows: Vec::new(),
    }
}

fn step(n: i64, messages: Vec<Message>) -> Commit {
    Commit {
        agency: main(),
        fence: 0,
        n,
        at: t(0),
        delta: Delta::default(),
        messages,
        cancels: Vec::new(),
        mentions: Vec::new(),
        reminders: Vec::new(),
        edges_from: Some(Instant::UNIX_EPOCH),
    }
}

fn room(total: usize) -> Room {
    Room { total, per_lane: total, ..Room::default() }
}

async fn claim(store: &Store, at: i64) -> Vec<Claim> {
    store.claim(t(at), room(100), t(at + 120)).await.unwrap().claims
}

fn ids(claims: &[Claim]) -> Vec<&str> {
    claims.iter().map(|claim| claim.message.id.as_str()).collect()
}

fn ended(claim: &Claim, at: i64, outcome: Outcome) -> Attempted {
    let way_ok = match &outcome {
        Outcome::Sent { .. } => Some(true),
        Outcome::Retry { .. } | Outcome::Uncertain { .. } => Some(false),
        _ => None,
    };
    Attempted {
        id: claim.message.id.clone(),
        attempt: claim.attempt,
        gateway: claim.gateway.clone(),
        at: t(at),
        outcome,
        doubles: false,
        way: "sms/a".into(),
        way_ok,
        to: "to/on-call/sms/0/0".into(),
    }
}

fn report(id: &str, news: News, at: i64, again_at: Option<i64>) -> Report {
    let id = MessageId::from_stored(id.into());
    Report { id, news, at: t(at), again_at: again_at.map(t), senders_fault: false, bad: None }
}

fn sent(provider_id: &str) -> Outcome {
    Outcome::Sent { provider_id: Some(provider_id.into()) }
}

fn retry(at: i64) -> Outcome {
    Outcome::Retry { at: t(at), next_gateway: false, why: "503".into() }
}

async fn news(store: &Store) -> Vec<(String, News)> {
    let inputs = store.pending_inputs(&main()).await.unwrap();
    inputs.receipts.into_iter().map(|receipt| (receipt.message.as_str().to_owned(), receipt.news)).collect()
}

async fn fate(store: &Store, id: &str) -> MessageFate {
    store.messages(&main(), &[MessageId::from_stored(id.into())]).await.unwrap()[0].fate
}

fn key(name: &str) -> AlertKey {
    AlertKey { agency: main(), rule: RuleId::new("coverage/ShiftUncovered"), subject: Subject::Posted(name.into()) }
}

fn alert(name: &str) -> Alert {
    Alert {
        key: key(name),
        labels: BTreeMap::from([("alertname".into(), "ShiftUncovered".into())]),
        annotations: BTreeMap::new(),
        state: AlertState::Firing { fired_at: t(0) },
        active_at: t(0),
        updated_at: t(0),
        facts: Facts {
            window: Window { opens_at: t(0), closes_at: None },
            starts_at: None,
            ends_at: None,
            deadline: None,
            location: String::new(),
            client: None,
            caregiver: None,
            tells: Tells::Summary,
        },
        confirm: Confirm::NotNeeded,
        unjudged_since: None,
        told: Vec::new(),
        posted: None,
    }
}

fn group() -> Group {
    Group {
        key: GroupKey { agency: main(), route: "{}".into(), receiver: "office".into(), labels: BTreeMap::new() },
        generation: 1,
        flush: 2,
        flush_at: Some(t(60)),
        notified_at: None,
        notified: vec![key("one")],
    }
}

/// Runs a story on a file and in memory.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Store::in_memory().await.unwrap()).await;
            })+
        }
        mod file {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::open(folder.path()).await).await;
            })+
        }
    };
}

on_both!(
    an_alert_s_story_is_kept_beyond_its_end,
    lives_end_without_a_body_and_begin_again,
    an_alert_of_an_older_version_has_a_life_once_something_happens,
    a_long_history_comes_in_slices,
    the_record_of_the_api_adds_up_over_restarts,
    what_is_old_is_forgotten_and_what_is_open_stays,
    a_page_and_what_became_of_it_are_kept_when_it_is_gone,
    the_list_of_a_morning_is_decided_once_for_each,
    a_step_is_read_back_whole,
    a_step_out_of_order_or_with_an_old_fence_stores_nothing,
    who_was_told_of_a_live_alert_is_known_again,
    a_message_is_stored_once,
    the_urgent_go_first_then_the_old,
    lanes_share_the_room,
    a_claim_is_exclusive_until_its_lease_passes,
    retries_wait_for_their_time,
    useful_time_ends_on_the_instant,
    a_closing_waits_for_what_it_follows,
    a_closing_of_several_messages_goes_with_the_first_that_went,
    a_closing_named_before_what_it_follows_waits_too,
    a_closing_goes_when_what_it_follows_may_have_left,
    withdrawal_takes_what_has_not_left,
    two_misses_end_uncertainty,
    delivery_is_asked_for_and_reported_once,
    an_undelivered_text_can_be_put_back,
    gateways_take_turns,
    ways_remember_since_when_they_fail,
    a_way_that_nobody_wants_any_more_is_not_failing,
    who_refuses_is_remembered_until_something_arrives,
    a_senders_failure_takes_the_next_gateway_and_marks_the_first,
    orders_are_numbered_and_consumed,
    the_mirror_keeps_people_apart,
    pruning_spares_what_is_open,
    stats_count_what_is_open,
    a_silence_is_kept_with_what_is_ordered_because_of_it,
    who_saw_what_is_kept_in_order_and_read_by_time,
    the_past_is_read_by_time,
    a_period_is_closed_once,
    a_decision_and_its_messages_are_one_and_stand_once,
    a_folder_that_cannot_be_written_to_fails_until_it_can,
);

async fn open(folder: &Path) -> Store {
    Store::open(&StoreUrl::Sqlite(folder.join("shiftwatch.db")), t(0)).await.unwrap()
}

async fn a_step_is_read_back_whole(store: Store) {
    let empty = store.load(&main()).await.unwrap();
    assert_eq!((empty.n, empty.catch_up), (0, None), "a first start");
    let running = CatchUp::Running { since: t(0), until: t(600) };
    let mut first = step(1, vec![text("m1")]);
    first.delta = Delta {
        alerts: vec![alert("one"), alert("two")],
        groups: vec![group()],
        catch_up: Some(running),
        transitions: vec![Transition {
            at: t(0),
            key: key("one"),
            from: None,
            to: "firing".into(),
            reason: "no caregiver".into(),
            note: None,
        }],
        ..Delta::default()
    };
    store.commit(first).await.unwrap();
    let loaded = store.load(&main()).await.unwrap();
    assert_eq!((loaded.n, loaded.catch_up), (1, Some(running)));
    assert_eq!(loaded.alerts, [alert("one"), alert("two")]);
    assert_eq!(loaded.groups, [group()]);
    let mut second = step(2, Vec::new());
    second.delta = Delta { alerts_gone: vec![key("one")], groups_gone: vec![group().key], ..Delta::default() };
    store.commit(second).await.unwrap();
    let loaded = store.load(&main()).await.unwrap();
    assert_eq!((loaded.n, loaded.catch_up), (2, Some(running)), "a step that is silent about it keeps it");
    assert_eq!((loaded.alerts, loaded.groups.len()), (vec![alert("two")], 0));
    let history = store.transitions(&main(), None, 10).await.unwrap();
    assert_eq!((history.len(), history[0].to.as_str()), (1, "firing"));
    let other = store.load(&AgencyName::new("other")).await.unwrap();
    assert_eq!((other.n, other.alerts.len()), (0, 0), "agencies share nothing");
    assert_eq!(store.agencies().await.unwrap(), [main()], "only those that ever had a commit");
}

async fn a_step_out_of_order_or_with_an_old_fence_stores_nothing(store: Store) {
    store.commit(Commit { fence: 5, ..step(1, Vec::new()) }).await.unwrap();
    for n in [0, 1, 3] {
        let refused = store.commit(Commit { fence: 5, ..step(n, vec![text("m")]) }).await.unwrap_err();
        assert!(matches!(refused, CommitError::OutOfOrder { stored: 1, .. }), "{n}: {refused}");
    }
    let refused = store.commit(Commit { fence: 4, ..step(2, vec![text("m")]) }).await.unwrap_err();
    assert!(matches!(refused, CommitError::Fenced { stored: 5, given: 4, .. }), "{refused}");
    assert_eq!(store.last_commit(&main()).await.unwrap(), 1);
    assert!(claim(&store, 1).await.is_empty(), "nothing that is not stored is sent");
}

async fn who_was_told_of_a_live_alert_is_known_again(store: Store) {
    let address = Phi::new("+12025550111".to_owned());
    let told = |message: &str| Told {
        receiver: "on-call".into(),
        integration: 0,
        channel: Channel::Sms,
        recipient: 0,
        to: AddressMark::of(&address),
        wants_closing: true,
        message: MessageId::from_stored(message.into()),
        at: t(0),
        group: None,
    };
    let mut first = step(1, vec![text("m"), Message { address: Phi::new("+12025550122".into()), ..text("other") }]);
    first.delta.alerts = vec![Alert { told: vec![told("m"), told("pruned")], ..alert("one") }];
    store.commit(first).await.unwrap();
    let loaded = store.load(&main()).await.unwrap();
    assert_eq!(
        loaded.addresses,
        std::slice::from_ref(&address),
        "what went elsewhere, or is not kept any more, is not among them"
    );
    assert_eq!(loaded.alerts[0].told, [told("m"), told("pruned")]);
}

async fn a_message_is_stored_once(store: Store) {
    store.commit(step(1, vec![text("m"), text("m")])).await.unwrap();
    let claims = claim(&store, 1).await;
    assert_eq!(ids(&claims), ["m"]);
    assert_eq!(claims[0].message, text("m"), "address, text and times come back as they went in");
    store.finish(vec![ended(&claims[0], 2, sent("SM1"))]).await.unwrap();
    store.commit(step(2, vec![text("m")])).await.unwrap();
    assert!(claim(&store, 3).await.is_empty(), "the same decision made again is not sent again");
    assert_eq!(fate(&store, "m").await, MessageFate::Sent);
}

async fn the_urgent_go_first_then_the_old(store: Store) {
    let with = |id, urgency, at| Message { urgency, created_at: t(at), ..text(id) };
    let messages = vec![with("late", 1, 5), with("info", 3, 0), with("critical", 0, 9), with("early", 1, 4)];
    store.commit(step(1, messages)).await.unwrap();
    let claims = store.claim(t(10), room(2), t(100)).await.unwrap().claims;
    assert_eq!(ids(&claims), ["critical", "early"]);
    assert_eq!(ids(&claim(&store, 11).await), ["late", "info"]);
}

async fn lanes_share_the_room(store: Store) {
    let hook = |id, url: &str| Message {
        channel: Channel::Webhook,
        gateways: Vec::new(),
        address: Phi::new(url.into()),
        content: Phi::new(Content::Webhook { body: "{}".into() }),
        ..text(id)
    };
    let (one, two) = ("https://one.example.com", "https://two.example.com");
    store.commit(step(1, vec![hook("a1", one), hook("a2", one), hook("a3", one), hook("b1", two)])).await.unwrap();
    let lane = super::outbox::lane_of(&hook("x", one));
    let full = Room { total: 10, per_lane: 2, lanes: vec![(lane.clone(), 0)], ..Room::default() };
    assert_eq!(ids(&store.claim(t(1), full, t(100)).await.unwrap().claims), ["b1"], "a full lane holds up no other");
    let some = Room { total: 10, per_lane: 2, ..Room::default() };
    assert_eq!(ids(&store.claim(t(1), some, t(100)).await.unwrap().claims), ["a1", "a2"]);
    assert!(!lane.contains("example"), "a lane names no address: {lane}");
}

async fn a_claim_is_exclusive_until_its_lease_passes(store: Store) {
    store.commit(step(1, vec![text("m")])).await.unwrap();
    let first = claim(&store, 1).await;
    assert_eq!((first[0].attempt, first[0].uncertain_since), (1, None));
    assert!(claim(&store, 120).await.is_empty(), "the lease ends at 121");
    assert_eq!(store.claim(t(120), room(1), t(300)).await.unwrap().next_at, Some(t(121)));
    let again = claim(&store, 121).await;
    assert_eq!((again[0].attempt, again[0].uncertain_since), (2, Some(t(1))), "it may have left at 1");
    store.finish(vec![ended(&first[0], 122, retry(130))]).await.unwrap();
    assert_eq!(fate(&store, "m").await, MessageFate::Claimed, "the first attempt's word comes too late");
    assert_eq!(news(&store).await, [("m".into(), News::Uncertain)]);
}

async fn retries_wait_for_their_time(store: Store) {
    store.commit(step(1, vec![text("m")])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, retry(10))]).await.unwrap();
    assert!(claim(&store, 9).await.is_empty());
    assert_eq!(store.outbox_stats().await.unwrap().next_at, Some(t(10)));
    let claims = claim(&store, 10).await;
    assert_eq!((claims[0].attempt, claims[0].uncertain_since), (2, None));
    store.finish(vec![ended(&claims[0], 11, retry(900))]).await.unwrap();
    assert_eq!(news(&store).await, [("m".into(), News::Expired)], "a retry past its useful time is its end");
}

async fn useful_time_ends_on_the_instant(store: Store) {
    store.commit(step(1, vec![Message { useful_until: t(10), ..text("m") }, text("n")])).await.unwrap();
    assert!(store.claim(t(9), room(0), t(100)).await.unwrap().claims.is_empty());
    assert_eq!(news(&store).await, []);
    assert_eq!(ids(&claim(&store, 10).await), ["n"]);
    assert_eq!(news(&store).await, [("m".into(), News::Expired)]);
}

async fn a_closing_waits_for_what_it_follows(store: Store) {
    let closing = |id, after: &str| Message { follows: vec![MessageId::from_stored(after.into())], ..text(id) };
    store
        .commit(step(
            1,
            vec![text("f1"), text("f2"), closing("c1", "f1"), closing("c2", "f2"), closing("c3", "pruned")],
        ))
        .await
        .unwrap();
    let claims = claim(&store, 1).await;
    assert_eq!(ids(&claims), ["c3", "f1", "f2"], "what it follows was pruned long ago: then it went");
    assert!(claim(&store, 2).await.is_empty());
    let refused = Outcome::Refused { why: "21211".into(), bad: None };
    store.finish(vec![ended(&claims[1], 3, sent("SM1")), ended(&claims[2], 3, refused)]).await.unwrap();
    assert_eq!(ids(&claim(&store, 4).await), ["c1"]);
    assert_eq!(fate(&store, "c2").await, MessageFate::Cancelled, "nobody was told, so nobody is told that it is over");
    store.commit(step(2, vec![closing("c4", "f1"), closing("c5", "f2")])).await.unwrap();
    assert_eq!(ids(&claim(&store, 5).await), ["c4"], "the same, decided after the fact");
    let told = news(&store).await;
    assert_eq!(told.iter().filter(|(_, news)| *news == News::Cancelled).count(), 2, "{told:?}");
}

async fn a_closing_of_several_messages_goes_with_the_first_that_went(store: Store) {
    let name = |id: &str| MessageId::from_stored(id.into());
    let closing = |id, after: [&str; 2]| Message { follows: after.map(name).to_vec(), ..text(id) };
    let firing = ["went", "open", "lost", "gone"].map(text).to_vec();
    store.commit(step(1, firing)).await.unwrap();
    let claims = claim(&store, 1).await;
    let of = |id: &str| claims.iter().find(|claim| claim.message.id.as_str() == id).unwrap();
    let refused = Outcome::Refused { why: "21211".into(), bad: None };
    store.finish(vec![ended(of("went"), 2, sent("SM1")), ended(of("lost"), 2, refused.clone())]).await.unwrap();
    let closings = vec![
        closing("c1", ["went", "open"]),
        closing("c2", ["lost", "went"]),
        closing("c3", ["lost", "open"]),
        closing("c4", ["lost", "lost"]),
        closing("c5", ["gone", "open"]),
        closing("c6", ["gone", "lost"]),
    ];
    store.commit(Commit { cancels: vec![name("open")], ..step(2, closings) }).await.unwrap();
    assert_eq!(ids(&claim(&store, 3).await), ["c1", "c2"], "who was told hears the end, whatever became of the rest");
    assert_eq!(fate(&store, "c4").await, MessageFate::Cancelled);
    store.finish(vec![ended(of("gone"), 4, refused)]).await.unwrap();
    for (id, expected) in [("c3", MessageFate::Held), ("c5", MessageFate::Held), ("c6", MessageFate::Cancelled)] {
        assert_eq!(fate(&store, id).await, expected, "{id}: one of the two is still on the wire, or none is");
    }
    store.finish(vec![ended(of("open"), 5, retry(6))]).await.unwrap();
    for id in ["c3", "c5"] {
        assert_eq!(fate(&store, id).await, MessageFate::Cancelled, "{id}: withdrawn, so none ever left");
    }
}

async fn a_closing_named_before_what_it_follows_waits_too(store: Store) {
    let closing = Message { follows: vec![MessageId::from_stored("f".into())], ..text("c") };
    store.commit(step(1, vec![closing, text("f")])).await.unwrap();
    assert_eq!(ids(&claim(&store, 1).await), ["f"]);
}

async fn a_closing_goes_when_what_it_follows_may_have_left(store: Store) {
    let closing = Message { follows: vec![MessageId::from_stored("f".into())], useful_until: t(90_000), ..text("c") };
    store.commit(step(1, vec![text("f"), closing])).await.unwrap();
    let claims = claim(&store, 1).await;
    let unknown = Outcome::Uncertain { ask_at: Some(t(2_000)), sent: true, why: "no answer".into() };
    store.finish(vec![ended(&claims[0], 2, unknown)]).await.unwrap();
    assert!(claim(&store, 899).await.is_empty());
    assert_eq!(ids(&claim(&store, 900).await), ["c"]);
    assert_eq!(fate(&store, "f").await, MessageFate::Expired);
}

async fn withdrawal_takes_what_has_not_left(store: Store) {
    store.commit(step(1, vec![text("queued"), Message { urgency: 0, ..text("claimed") }])).await.unwrap();
    let claims = store.claim(t(1), room(1), t(100)).await.unwrap().claims;
    let cancels = ["queued", "claimed", "unknown"].map(|id| MessageId::from_stored(id.into())).to_vec();
    store.commit(Commit { cancels, ..step(2, Vec::new()) }).await.unwrap();
    assert_eq!(fate(&store, "queued").await, MessageFate::Cancelled);
    assert_eq!(fate(&store, "claimed").await, MessageFate::Claimed, "it is on the wire");
    store.finish(vec![ended(&claims[0], 2, retry(3))]).await.unwrap();
    assert_eq!(fate(&store, "claimed").await, MessageFate::Cancelled, "and is not tried again");
    assert!(claim(&store, 4).await.is_empty());
}

async fn two_misses_end_uncertainty(store: Store) {
    store.commit(step(1, vec![text("m")])).await.unwrap();
    let claims = claim(&store, 1).await;
    let unknown = Outcome::Uncertain { ask_at: Some(t(17)), sent: true, why: "no answer".into() };
    store.finish(vec![ended(&claims[0], 16, unknown)]).await.unwrap();
    assert_eq!(fate(&store, "m").await, MessageFate::Uncertain);
    let claims = claim(&store, 17).await;
    assert_eq!((claims[0].uncertain_since, claims[0].not_there_at), (Some(t(1)), None));
    store.finish(vec![ended(&claims[0], 17, Outcome::NotThere { ask_at: t(27) })]).await.unwrap();
    let claims = claim(&store, 27).await;
    assert_eq!((claims[0].uncertain_since, claims[0].not_there_at), (Some(t(1)), Some(t(17))));
    store.finish(vec![ended(&claims[0], 27, retry(27))]).await.unwrap();
    let claims = claim(&store, 27).await;
    assert_eq!((claims[0].uncertain_since, claims[0].not_there_at, claims[0].attempt), (None, None, 4));
}

async fn delivery_is_asked_for_and_reported_once(store: Store) {
    store.commit(step(1, vec![text("m")])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, sent("SM1"))]).await.unwrap();
    let id = MessageId::from_stored("m".into());
    let (polls, next_at) = store.polls(t(6), 10).await.unwrap();
    assert_eq!((polls.len(), next_at), (0, Some(t(7))), "five seconds after it was taken");
    let (polls, _) = store.polls(t(7), 10).await.unwrap();
    assert_eq!((polls[0].provider_id.as_str(), polls[0].gateway.as_str(), polls[0].polls), ("SM1", "a", 0));
    store.poll_later(vec![(id.clone(), Some(t(20)))]).await.unwrap();
    assert_eq!(store.polls(t(20), 10).await.unwrap().0[0].polls, 1);
    assert_eq!(store.unbound(vec!["SM2".into(), "SM1".into()]).await.unwrap(), ["SM2"]);
    assert!(store.report(report("m", News::Delivered, 21, None)).await.unwrap());
    assert!(!store.report(report("m", News::Undelivered, 22, None)).await.unwrap(), "never back from delivered");
    assert_eq!(store.polls(t(99), 10).await.unwrap().0.len(), 0);
    assert_eq!(news(&store).await, [("m".into(), News::Sent), ("m".into(), News::Delivered)]);
}

async fn an_undelivered_text_can_be_put_back(store: Store) {
    store.commit(step(1, vec![text("m"), text("n")])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, sent("SM1")), ended(&claims[1], 2, sent("SM2"))]).await.unwrap();
    assert!(store.report(report("m", News::Undelivered, 10, Some(70))).await.unwrap());
    assert!(store.report(report("n", News::Undelivered, 10, Some(900))).await.unwrap());
    assert!(claim(&store, 69).await.is_empty());
    assert_eq!(ids(&claim(&store, 70).await), ["m"], "n would come too late");
    assert_eq!(fate(&store, "n").await, MessageFate::Undelivered);
}

async fn gateways_take_turns(store: Store) {
    store.commit(step(1, vec![text("m")])).await.unwrap();
    let claims = claim(&store, 1).await;
    assert_eq!(claims[0].gateway.as_deref(), Some("a"));
    let next = Outcome::Retry { at: t(1), next_gateway: true, why: "20003".into() };
    store.finish(vec![ended(&claims[0], 1, next)]).await.unwrap();
    assert_eq!(claim(&store, 1).await[0].gateway.as_deref(), Some("b"));
}

async fn ways_remember_since_when_they_fail(store: Store) {
    let since = async |store: &Store| store.gateway_health(t(60)).await.unwrap()[0].failing_since;
    store.commit(step(1, vec![text("m"), text("n")])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, retry(3))]).await.unwrap();
    assert_eq!(since(&store).await, Some(t(2)));
    let claims = claim(&store, 3).await;
    store.finish(vec![ended(&claims[0], 4, retry(5))]).await.unwrap();
    assert_eq!(since(&store).await, Some(t(2)), "the first failure dates it");
    let claims = claim(&store, 5).await;
    store.finish(vec![ended(&claims[0], 6, sent("SM1"))]).await.unwrap();
    assert_eq!(since(&store).await, None);
    assert_eq!(store.gateway_health(t(60)).await.unwrap()[0].gateway, "sms/a");
}

async fn a_way_that_nobody_wants_any_more_is_not_failing(store: Store) {
    let since = async |at: i64| store.gateway_health(t(at)).await.unwrap()[0].failing_since;
    store.commit(step(1, vec![Message { useful_until: t(7_200), ..text("m") }])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, retry(7_000))]).await.unwrap();
    assert_eq!(since(3_602).await, Some(t(2)), "a message waits for it");
    claim(&store, 7_200).await;
    assert_eq!((since(3_601).await, since(3_602).await), (Some(t(2)), None), "it expired, and an hour is over");
    store.finish(vec![]).await.unwrap();

    let names = ["sms/a", "sms/b"].map(str::to_owned);
    store.keep_ways(names.into()).await.unwrap();
    assert_eq!(since(60).await, Some(t(2)), "still configured");
    store.keep_ways(["sms/b".to_owned()].into()).await.unwrap();
    assert_eq!(since(60).await, None, "no longer configured");
}

async fn who_refuses_is_remembered_until_something_arrives(store: Store) {
    let failing = async |at: i64| {
        let health = store.gateway_health(t(at)).await.unwrap();
        let failing = health.into_iter().filter(|one| one.failing_since.is_some());
        failing.map(|one| (one.gateway, one.failing_since.unwrap())).collect::<Vec<_>>()
    };
    store.commit(step(1, ["m", "n", "o", "p"].map(text).to_vec())).await.unwrap();
    let claims = claim(&store, 1).await;
    let refused = || Outcome::Refused { why: "21610".into(), bad: None };
    store.finish(vec![ended(&claims[0], 2, refused()), ended(&claims[1], 3, refused())]).await.unwrap();
    let marked = [("sms/on-call/0/0".to_owned(), t(2))];
    assert_eq!(failing(60).await, marked, "the person, not the gateway");
    store.finish(vec![ended(&claims[2], 4, sent("SM1")), ended(&claims[3], 4, sent("SM2"))]).await.unwrap();
    assert_eq!(failing(60).await, marked, "taken is not arrived");
    store.report(report("o", News::Delivered, 9, None)).await.unwrap();
    assert_eq!(failing(60).await, []);
    store.report(report("p", News::Undelivered, 10, None)).await.unwrap();
    assert_eq!(failing(60).await, [("sms/on-call/0/0".to_owned(), t(10))], "a landline: it will not arrive");
    assert_eq!(failing(86_409).await.len(), 1);
    assert_eq!(failing(86_410).await, [], "nothing was sent there for a day");
}

async fn a_senders_failure_takes_the_next_gateway_and_marks_the_first(store: Store) {
    let since = async || store.gateway_health(t(60)).await.unwrap()[0].clone();
    store.commit(step(1, vec![text("m"), text("n")])).await.unwrap();
    let claims = claim(&store, 1).await;
    store.finish(vec![ended(&claims[0], 2, sent("SM1")), ended(&claims[1], 2, sent("SM2"))]).await.unwrap();
    let unregistered = Report { senders_fault: true, ..report("m", News::Undelivered, 10, Some(10)) };
    assert!(store.report(unregistered).await.unwrap());
    assert_eq!(claim(&store, 10).await[0].gateway.as_deref(), Some("b"), "at once");
    let health = since().await;
    assert_eq!((health.gateway.as_str(), health.failing_since), ("sms/a", Some(t(10))));
    store.report(report("n", News::Delivered, 11, None)).await.unwrap();
    assert_eq!(since().await.failing_since, None, "texts arrive again");
}

async fn orders_are_numbered_and_consumed(store: Store) {
    let ask = |by: &str| Ask::Acknowledge { key: key("one"), by: by.into(), note: String::new(), until: t(60) };
    let (ours, other) = (main(), AgencyName::new("other"));
    let (one, two, three) = tokio::join!(
        store.put_orders(&ours, t(1), vec![ask("a"), ask("b")]),
        store.put_orders(&other, t(1), vec![ask("x")]),
        store.put_orders(&ours, t(2), vec![ask("c")]),
    );
    assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (vec![1, 2], vec![1], vec![3]));
    let inputs = store.pending_inputs(&main()).await.unwrap();
    assert_eq!(inputs.orders.iter().map(|order| order.n).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((inputs.orders[2].at, &inputs.orders[2].ask), (t(2), &ask("c")));
    let mut consumed = step(1, Vec::new());
    consumed.delta.orders_done = Some(2);
    store.commit(consumed).await.unwrap();
    store.commit(step(2, Vec::new())).await.unwrap();
    let left = store.load(&main()).await.unwrap().orders;
    assert_eq!(left.iter().map(|order| order.n).collect::<Vec<_>>(), [3], "a silent step moves no cursor back");
}

async fn the_mirror_keeps_people_apart(store: Store) {
    let row = |section, key: &str, phi: Option<&str>| MirrorRow {
        section,
        key: key.into(),
        body: format!("{{\"of\":\"{key}\"}}"),
        phi: phi.map(|text| Phi::new(text.to_owned())),
    };
    let upserts = vec![
        row(Some(Section::Clients), "c1", Some("Avery Sample")),
        row(Some(Section::Shifts), "s1", None),
        row(None, "stamps", None),
    ];
    let history = vec![ShiftHistory { at: t(0), shift: "s1".into(), what: "appeared", detail: String::new() }];
    let archived = vec![row(Some(Section::Visits), "v1", Some("Avery Sample"))];
    let delta = MirrorDelta { upserts, history, archived, ..MirrorDelta::default() };
    store.save_mirror(&main(), delta.clone(), t(0)).await.unwrap();
    store.save_mirror(&main(), delta, t(1)).await.unwrap();
    let upserts = vec![row(Some(Section::Clients), "c1", Some("Avery Sample-Smith"))];
    let removes = vec![(Some(Section::Shifts), "s1".to_owned())];
    store.save_mirror(&main(), MirrorDelta { upserts, removes, ..MirrorDelta::default() }, t(2)).await.unwrap();
    let mut mirror = store.load(&main()).await.unwrap().mirror;
    mirror.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(mirror.len(), 2);
    let name = mirror[0].phi.as_ref().map(|phi| phi.reveal(PhiGrant::STORE).as_str());
    assert_eq!((name, mirror[1].section, mirror[1].key.as_str()), (Some("Avery Sample-Smith"), None, "stamps"));
    let mut reader = store.reader().await.unwrap();
    let text = "SELECT count(*) FROM blobs";
    let rows = super::sql::fetch(reader.connection(), "", text, Vec::new()).await.unwrap();
    let n_blobs: i64 = super::sql::get(&rows[0], "blobs", 0).unwrap();
    assert_eq!(n_blobs, 2, "an old name does not stay behind: one for the client, one for the archive");
}

async fn pruning_spares_what_is_open(store: Store) {
    store.commit(step(1, vec![text("open"), text("done")])).await.unwrap();
    let claims = claim(&store, 1).await;
    let done = claims.iter().find(|claim| claim.message.id.as_str() == "done").unwrap();
    store.finish(vec![ended(done, 2, sent("SM1"))]).await.unwrap();
    let mut consumed = step(2, Vec::new());
    consumed.delta.receipts_done = Some(1);
    store.commit(consumed).await.unwrap();
    let old = |at: i64| Old { inputs: Some(t(at)), messages: Some(t(at)), history: Some(t(at)) };
    assert_eq!(store.prune(old(0)).await.unwrap(), 0, "nothing is older than itself");
    assert_eq!(store.prune(Old::default()).await.unwrap(), 0, "nothing was asked for");
    let inputs = Old { inputs: Some(t(100)), ..Old::default() };
    assert_eq!(store.prune(inputs).await.unwrap(), 1, "the receipt that was consumed");
    assert_eq!(store.prune(old(100)).await.unwrap(), 3, "message, blob, attempt");
    assert_eq!(store.prune(old(100)).await.unwrap(), 0);
    let left = store.messages(&main(), &["open", "done"].map(|id| MessageId::from_stored(id.into()))).await.unwrap();
    assert_eq!(left.iter().map(|state| state.id.as_str()).collect::<Vec<_>>(), ["open"]);
    let retried = claims.iter().find(|claim| claim.message.id.as_str() == "open").unwrap();
    store.finish(vec![ended(retried, 3, retry(4))]).await.unwrap();
    assert_eq!(claim(&store, 4).await.len(), 1, "its text is still there");
}

async fn stats_count_what_is_open(store: Store) {
    let closing = Message { follows: vec![MessageId::from_stored("m".into())], ..text("c") };
    let early = Message { created_at: t(-5), ..text("m") };
    store.commit(step(1, vec![early, text("n"), closing])).await.unwrap();
    store.claim(t(1), room(1), t(50)).await.unwrap();
    let stats = store.outbox_stats().await.unwrap();
    let mut open = stats.open.clone();
    open.sort();
    let one = |fate| (Channel::Sms, fate, 1);
    assert_eq!(open, [one(MessageFate::Queued), one(MessageFate::Held), one(MessageFate::Claimed)]);
    assert_eq!((stats.oldest_at, stats.next_at), (Some(t(-5)), Some(t(50))));
}

#[tokio::test]
async fn a_second_process_is_refused_and_told_who_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::Sqlite(folder.path().join("shiftwatch.db"));
    let store = Store::open(&url, t(0)).await.unwrap();
    let refused = Store::open(&url, t(5)).await.unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, StoreError::Locked { .. }), "{said}");
    assert!(said.contains(&format!("process {}, since 2027-01-15T08:00:00Z", std::process::id())), "{said}");
    let reading = Store::open_read_only(&url).await.unwrap();
    store.commit(step(1, vec![text("m")])).await.unwrap();
    assert_eq!(reading.last_commit(&main()).await.unwrap(), 1, "looking is allowed beside it");
    let write = reading.commit(step(2, Vec::new())).await.unwrap_err();
    assert!(matches!(write, CommitError::Unknown { source: StoreError::Closed, .. }), "{write}");
    reading.close().await;
    store.close().await;
    let again = Store::open(&url, t(9)).await.unwrap();
    assert_eq!(again.last_commit(&main()).await.unwrap(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.commit(step(1, vec![text("m")])).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn a_restart_finds_unrecorded_sends_uncertain_and_numbers_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store
        .commit(step(1, vec![text("sent"), text("unknown"), Message { urgency: 3, ..text("waiting") }]))
        .await
        .unwrap();
    let claims = store.claim(t(1), room(2), t(500)).await.unwrap().claims;
    store.finish(vec![ended(&claims[0], 2, sent("SM1"))]).await.unwrap();
    store.close().await;

    let store = open(folder.path()).await;
    assert_eq!(store.recover(t(3)).await.unwrap(), 1);
    assert_eq!(store.recover(t(3)).await.unwrap(), 0, "once");
    assert_eq!(fate(&store, "unknown").await, MessageFate::Uncertain);
    let claims = claim(&store, 4).await;
    assert_eq!(ids(&claims), ["unknown", "waiting"]);
    assert_eq!((claims[0].uncertain_since, claims[1].uncertain_since), (Some(t(1)), None));
    let receipts = store.pending_inputs(&main()).await.unwrap().receipts;
    assert_eq!(receipts.iter().map(|receipt| receipt.n).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_full_disk_refuses_and_the_same_step_goes_through_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    store.commit(step(1, vec![text("m")])).await.unwrap();
    store.pragma("PRAGMA max_page_count = 1").await;
    let long = Message { content: Phi::new(Content::Sms { text: "x".repeat(1 << 20) }), ..text("big") };
    let refused = store.commit(step(2, vec![long.clone()])).await.unwrap_err();
    assert!(matches!(&refused, CommitError::Refused { source, .. } if source.is_full()), "{refused:?}");
    assert_eq!(store.last_commit(&main()).await.unwrap(), 1);
    store.pragma("PRAGMA max_page_count = 4294967294").await;
    store.commit(step(2, vec![long])).await.unwrap();
    assert_eq!(claim(&store, 1).await.len(), 2);
}

#[tokio::test]
async fn one_bad_write_takes_nothing_else_with_it() {
    let store = Store::in_memory().await.unwrap();
    let other = Commit { agency: AgencyName::new("other"), ..step(1, Vec::new()) };
    let ours = main();
    let (bad, good, order) = tokio::join!(
        store.commit(step(7, vec![text("m")])),
        store.commit(other),
        store.put_orders(&ours, t(0), vec![]),
    );
    assert!(matches!(bad, Err(CommitError::OutOfOrder { .. })));
    assert!(good.is_ok() && order.is_ok());
    assert_eq!(store.last_commit(&AgencyName::new("other")).await.unwrap(), 1);
    assert!(claim(&store, 1).await.is_empty());
}

#[tokio::test]
async fn a_burst_larger_than_a_statement_is_stored_whole() {
    let store = Store::in_memory().await.unwrap();
    let messages: Vec<Message> = (0..1_000).map(|n| text(&format!("m{n:04}"))).collect();
    store.commit(step(1, messages)).await.unwrap();
    let claims = store.claim(t(1), room(1_000), t(500)).await.unwrap().claims;
    assert_eq!(claims.len(), 1_000);
    let outcomes = claims.iter().map(|claim| ended(claim, 2, sent(claim.message.id.as_str()))).collect();
    store.finish(outcomes).await.unwrap();
    assert_eq!(store.outbox_stats().await.unwrap().open, []);
    assert_eq!(store.pending_inputs(&main()).await.unwrap().receipts.len(), 1_000);
}
