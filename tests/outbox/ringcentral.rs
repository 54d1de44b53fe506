//! RingCentral, with each of its faults: a token that ends, a penalty that begins anew, an answer that is lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono_tz::America::Denver;
use futures::future::BoxFuture;
use shiftwatch::{
    alerts::orders::News,
    clock::Clock,
    model::{AddressMark, Phi, PhiGrant},
    notify::{
        channel::{ChannelSettings, Channels},
        inbound::{
            Ears, Heard, HeardWas, Replies,
            listen::{Ear, Listening},
        },
        message::{BadAddress, Message},
        poll,
        receiver::{RingCentralExtension, SmsGateway, SmsGatewayKind},
    },
    sim::{RcCall, RcFault, RcFaultAnswer, Sim, SimConfig},
    store::{MessageFate, Store},
};
use tokio::sync::watch;

use crate::world::{World, t, text};

const FROM: &str = "+12025550101";
const PHONE: &str = "+12025550111";

/// The simulated gateway, a fast one, and the gateway beside it.
async fn sim(clock: &Clock) -> Sim {
    let sim = Sim::start(SimConfig::quiet(Denver, clock.clone())).await.unwrap();
    sim.ringcentral(|it| it.penalty_ms = 1_000);
    sim
}

pub fn settings(sim: &Sim) -> ChannelSettings {
    let (client_id, secret, jwt) =
        sim.ringcentral(|it| (it.client_id.clone(), it.client_secret.clone(), it.jwt.clone()));
    let (account_sid, auth_token) = sim.twilio(|it| (it.account_sid.clone(), it.auth_token.clone()));
    ChannelSettings {
        sms_gateways: vec![
            SmsGateway {
                name: "rc".into(),
                kind: SmsGatewayKind::RingCentral(RingCentralExtension {
                    base_url: sim.ringcentral_url(),
                    client_id,
                    client_secret: secret.into(),
                    jwt: jwt.into(),
                    from: FROM.into(),
                }),
            },
            SmsGateway {
                name: "twilio".into(),
                kind: SmsGatewayKind::Twilio(shiftwatch::notify::receiver::TwilioAccount {
                    base_url: sim.twilio_url(),
                    account_sid,
                    auth_token: auth_token.into(),
                    previous_auth_tokens: Vec::new(),
                    from: Some("+12025550100".into()),
                    messaging_service_sid: None,
                }),
            },
        ],
        answer_timeout: Some(Duration::from_millis(400)),
        ..ChannelSettings::default()
    }
}

async fn world() -> (World, Sim) {
    let clock = Clock::manual(t(0));
    let sim = sim(&clock).await;
    let world = World::on(Store::in_memory().await.unwrap(), settings(&sim), clock);
    (world, sim)
}

async fn round(world: &World) {
    let mut rng = rand::SeedableRng::seed_from_u64(1);
    poll::round(&world.parts, &mut rng).await.unwrap();
}

#[tokio::test]
async fn a_text_goes_out_as_the_vendor_wants_it_and_is_asked_for() {
    let (mut world, sim) = world().await;
    world.decide(vec![text("m", &["rc"])]).await;
    world.pass().await;
    let log = sim.log();
    let [token, sent] = log.as_slice() else { panic!("{log:?}") };
    assert_eq!((token.method.as_str(), token.path.as_str()), ("POST", "/restapi/oauth/token"));
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/restapi/v1.0/account/~/extension/~/sms"));
    let body: serde_json::Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "from": { "phoneNumber": FROM }, "to": [{ "phoneNumber": PHONE }], "text": "CCA: NO CHECK-IN m"
        })
    );
    world.at(6);
    round(&world).await;
    assert_eq!(world.fate("m").await, MessageFate::Delivered);
    assert_eq!(world.news().await, [("m".into(), News::Sent), ("m".into(), News::Delivered)]);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_the_text_is_not_sent_twice() {
    for answer in [RcFaultAnswer::AcceptThenHang, RcFaultAnswer::AcceptThenDrop] {
        let (mut world, sim) = world().await;
        sim.ringcentral(|it| it.faults = vec![RcFault::new(answer.clone()).times(1)]);
        world.decide(vec![text("m", &["rc"])]).await;
        world.pass().await;
        assert_eq!(world.fate("m").await, MessageFate::Uncertain, "{answer:?}");
        world.until(30).await;
        assert_eq!(world.fate("m").await, MessageFate::Sent, "{answer:?}");
        assert_eq!(sim.texts().len(), 1, "{answer:?}");
        assert_eq!(world.telling.doubled(), []);
    }
}

#[tokio::test]
async fn one_token_serves_all_and_one_that_ended_is_renewed_once() {
    let (mut world, sim) = world().await;
    world.decide((0..20).map(|n| text(&format!("m{n}"), &["rc"])).collect()).await;
    world.pass().await;
    assert_eq!((sim.texts().len(), sim.ringcentral_tokens()), (20, 1));
    sim.revoke_ringcentral_tokens();
    world.decide((0..10).map(|n| text(&format!("n{n}"), &["rc"])).collect()).await;
    world.pass().await;
    assert_eq!((sim.texts().len(), sim.ringcentral_tokens()), (30, 2));
}

#[tokio::test]
async fn a_login_that_is_refused_is_not_tried_again_and_again_and_the_next_gateway_takes_over() {
    let (mut world, sim) = world().await;
    sim.ringcentral(|it| it.jwt = "another".into());
    world.decide((0..5).map(|n| text(&format!("m{n}"), &["rc", "twilio"])).collect()).await;
    world.until(50).await;
    let logins = sim.log().iter().filter(|entry| entry.path.ends_with("/oauth/token")).count();
    assert_eq!((logins, sim.texts().len()), (1, 5));
    assert!(world.why("m0").await.contains("OAU-142"), "{}", world.why("m0").await);
}

#[tokio::test]
async fn nothing_is_asked_inside_a_penalty_and_the_next_gateway_takes_over() {
    let clock = Clock::System;
    let sim = sim(&clock).await;
    let mut world = World::on(Store::in_memory().await.unwrap(), settings(&sim), clock);
    sim.ringcentral(|it| it.texts_per_minute = 3);
    let now = world.now();
    let fresh = |name: &str, gateways: &[&str]| Message {
        created_at: now,
        fired_at: now,
        useful_until: now + chrono::TimeDelta::minutes(15),
        ..text(name, gateways)
    };
    // The first ones show what may be sent in a minute; then one too many, whose answer says how long.
    world.decide((0..3).map(|n| fresh(&format!("a{n}"), &["rc"])).collect()).await;
    world.pass().await;
    assert_eq!(sim.texts().len(), 3);
    sim.punish_ringcentral();
    world.decide((0..8).map(|n| fresh(&format!("b{n}"), &["rc", "twilio"])).collect()).await;
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(sim.texts().len(), 11, "the other gateway took them");
    assert_eq!(sim.calls_in_penalty(), 0, "the minute was known to be used up");

    let other = self::sim(&Clock::System).await;
    let mut world = World::on(Store::in_memory().await.unwrap(), settings(&other), Clock::System);
    // Nobody knows of the penalty until one call meets it.
    other.punish_ringcentral();
    world.decide((0..12).map(|n| fresh(&format!("c{n}"), &["rc", "twilio"])).collect()).await;
    for _ in 0..5 {
        world.pass().await;
    }
    assert_eq!(other.texts().len(), 12);
    assert_eq!(other.calls_in_penalty(), 1, "the one that learned of it: they wait for each other's token");
    // It is over in a second, and then the first gateway is used again.
    world.decide(vec![fresh("d", &["rc"])]).await;
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(world.deliverer.run(stopped));
    assert!(other.until(Duration::from_secs(10), |sim| sim.texts().len() == 13).await);
    assert_eq!(other.calls_in_penalty(), 1, "not one more call inside it");
    stop.send(true).unwrap();
    running.await.unwrap();
}

/// What became of two hundred texts costs pages of a list, not a request each.
#[tokio::test]
async fn many_open_texts_are_asked_for_by_the_list() {
    let (mut world, sim) = world().await;
    sim.ringcentral(|it| it.texts_per_minute = 1_000);
    for half in ["a", "b"] {
        world
            .decide(
                (0..60).map(|n| text(&format!("{half}{n}"), &[["rc"], ["twilio"]][usize::from(half == "b")])).collect(),
            )
            .await;
    }
    for _ in 0..40 {
        world.pass().await;
    }
    assert_eq!(sim.texts().len(), 120);
    world.at(30);
    sim.clear_log();
    round(&world).await;
    for id in ["a0", "a59", "b0", "b59"] {
        assert_eq!(world.fate(id).await, MessageFate::Delivered, "{id}");
    }
    let asked = sim.log().len();
    assert!(asked <= 8, "{asked} requests for 120 texts");
}

#[tokio::test]
async fn a_number_that_opted_out_is_known_until_something_arrives_again() {
    let (mut world, sim) = world().await;
    let failed = || ("DeliveryFailed".to_owned(), "SMS-CAR-413".to_owned());
    sim.ringcentral(|it| drop(it.ends.insert(PHONE.into(), failed())));
    world.decide(vec![text("m", &["rc"])]).await;
    world.pass().await;
    world.at(6);
    round(&world).await;
    assert_eq!(world.news().await.last(), Some(&("m".into(), News::OptedOut)));
    let bad = world.store.bad_contacts().await.unwrap();
    let mark = AddressMark::of(&Phi::new(PHONE.into()));
    assert!(bad.len() == 1 && bad[0].mark == mark && bad[0].why == BadAddress::OptedOut && bad[0].since == t(6));
    sim.ringcentral(|it| it.ends.clear());
    world.decide(vec![text("n", &["rc"])]).await;
    world.pass().await;
    world.at(60);
    round(&world).await;
    assert_eq!(world.fate("n").await, MessageFate::Delivered);
    assert_eq!(world.store.bad_contacts().await.unwrap(), []);
}

#[tokio::test]
async fn an_account_that_may_not_send_is_left_for_the_next_gateway() {
    let (mut world, sim) = world().await;
    let refused = RcFaultAnswer::Error(403, "CMN-408".into());
    sim.ringcentral(|it| it.faults = vec![RcFault::new(refused)]);
    world.decide(vec![text("m", &["rc", "twilio"])]).await;
    world.until(5).await;
    assert_eq!((world.fate("m").await, sim.texts().len()), (MessageFate::Sent, 1));
    assert!(sim.texts()[0].sid.starts_with("SM"));
}

/// Remembers what it was told.
#[derive(Default)]
pub struct Secretary {
    pub heard: Mutex<Vec<Heard>>,
    pub full: Mutex<bool>,
}

impl Replies for Secretary {
    fn hear(&self, heard: Heard) -> BoxFuture<'_, HeardWas> {
        Box::pin(async move {
            if *self.full.lock().unwrap() {
                return HeardWas::StoreFault;
            }
            self.heard.lock().unwrap().push(heard);
            HeardWas::Reply
        })
    }
}

impl Secretary {
    pub fn words(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|heard| heard.text.reveal(PhiGrant::COMPARE).clone()).collect()
    }
}

#[tokio::test]
async fn replies_are_heard_once_by_either_gateway_and_none_from_before_the_first_start() {
    for (gateway, number) in [("rc", FROM), ("twilio", "+12025550100")] {
        let clock = Clock::manual(t(0));
        let sim = sim(&clock).await;
        let move_to = |seconds| {
            let Clock::Manual(at) = &clock else { unreachable!() };
            *at.lock().unwrap() = t(seconds);
        };
        let store = Store::in_memory().await.unwrap();
        let (_sender, channels) = watch::channel(Arc::new(Channels::new(settings(&sim)).unwrap()));
        let secretary = Arc::new(Secretary::default());
        let listening = || Listening {
            store: store.clone(),
            channels: channels.clone(),
            clock: clock.clone(),
            replies: secretary.clone(),
            ears: Arc::new(Ears::default()),
        };
        sim.receive_text(PHONE, number, "1 from last week");
        move_to(10);
        let run = listening();
        let mut ear = Ear::open(&store, &clock, gateway.into()).await.unwrap();
        assert_eq!(ear.ask(&run).await.unwrap(), None);
        assert_eq!(secretary.words(), Vec::<String>::new(), "{gateway}: from before");
        move_to(20);
        sim.receive_text(PHONE, number, "1 K7");
        sim.receive_text("+12025550199", number, "my caregiver is not here");
        ear.ask(&run).await.unwrap();
        ear.ask(&run).await.unwrap();
        assert_eq!(secretary.words(), ["1 K7", "my caregiver is not here"], "{gateway}: each once, in order");
        // What cannot be stored is handed on again.
        *secretary.full.lock().unwrap() = true;
        move_to(30);
        sim.receive_text(PHONE, number, "3 K7");
        ear.ask(&run).await.unwrap();
        *secretary.full.lock().unwrap() = false;
        ear.ask(&run).await.unwrap();
        assert_eq!(secretary.words().last().unwrap(), "3 K7", "{gateway}");
        // A restart takes up where the last run ended; what comes again is known by its id.
        move_to(100);
        ear.ask(&run).await.unwrap();
        move_to(200);
        sim.receive_text(PHONE, number, "4 K7");
        move_to(3_000);
        let run = listening();
        let mut ear = Ear::open(&store, &clock, gateway.into()).await.unwrap();
        ear.ask(&run).await.unwrap();
        assert_eq!(secretary.words().last().unwrap(), "4 K7", "{gateway}: texted while nobody listened");
        let heard = secretary.heard.lock().unwrap();
        let ids: std::collections::BTreeSet<_> = heard.iter().map(|heard| &heard.provider_id).collect();
        assert_eq!(ids.len(), 4, "{gateway}");
    }
}

#[tokio::test]
async fn the_list_is_read_past_its_first_page() {
    let clock = Clock::manual(t(0));
    let sim = sim(&clock).await;
    let channels = Channels::new(settings(&sim)).unwrap();
    for n in 0..250 {
        sim.receive_text(PHONE, FROM, &format!("1 K{n}"));
    }
    let texts = channels.heard("rc", t(0)).await.unwrap().unwrap();
    assert_eq!(texts.len(), 250);
    sim.ringcentral(|it| it.faults = vec![RcFault::new(RcFaultAnswer::Error(500, "CMN-500".into())).on(RcCall::List)]);
    assert!(channels.heard("rc", t(0)).await.unwrap().is_err());
}
