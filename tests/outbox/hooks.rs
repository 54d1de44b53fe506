//! What gateways tell us: signed, in any order, twice, forged.

use std::sync::Arc;

use shiftwatch::{
    alerts::orders::News,
    clock::Clock,
    model::{AddressMark, Phi, PhiGrant},
    notify::{
        channel::{ChannelSettings, Channels},
        inbound::{
            Ears, RINGCENTRAL_HOOK, STATUS_HOOK, TEXT_HOOK, VOICE_HOOK,
            hooks::{HookSettings, Hooked, Hooks, Posted},
        },
        message::{Channel, Content, Message},
        receiver::SmsGateway,
    },
    sim::{Sim, SimConfig, twilio_signature},
    store::MessageFate,
};

use crate::{
    ringcentral::{Secretary, settings},
    world::{World, t, text},
};

const URL: &str = "https://watch.example.com";
const TOKEN: &str = "sim-twilio-token";

struct Desk {
    world: World,
    sim: Sim,
    hooks: Hooks,
    secretary: Arc<Secretary>,
    ears: Arc<Ears>,
}

impl Desk {
    async fn open() -> Self {
        let clock = Clock::manual(t(0));
        let sim = Sim::start(SimConfig::quiet(chrono_tz::America::Denver, clock.clone())).await.unwrap();
        let settings = ChannelSettings { external_url: Some(URL.into()), ..settings(&sim) };
        let gateways = settings.sms_gateways.clone();
        let world = World::on(shiftwatch::store::Store::in_memory().await.unwrap(), settings, clock.clone());
        let (secretary, ears) = (Arc::new(Secretary::default()), Arc::new(Ears::default()));
        let hooks = Hooks::new(world.store.clone(), clock, secretary.clone(), Arc::clone(&ears), 1);
        let desk = Self { world, sim, hooks, secretary, ears };
        desk.renew(Some(URL), gateways);
        desk
    }

    fn renew(&self, external_url: Option<&str>, gateways: Vec<SmsGateway>) {
        let parts = self.world.parts.clone();
        self.hooks.renew(HookSettings { external_url: external_url.map(Into::into), gateways, parts });
    }
}

fn signed(path: &str, params: &[(&str, &str)], token: &str) -> Posted {
    let account = [("AccountSid", "AC00000000000000000000000000000001")];
    let params: Vec<(String, String)> =
        params.iter().chain(&account).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signature = twilio_signature(token, &format!("{URL}{path}"), &params);
    Posted { path_and_query: path.to_owned(), params, signature, body_sha256: None }
}

fn texted<'a>(sid: &'a str, body: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("MessageSid", sid), ("From", "+12025550111"), ("To", "+12025550100"), ("Body", body)]
}

#[tokio::test]
async fn a_text_is_heard_once_when_it_is_signed_and_not_at_all_when_it_is_not() {
    let desk = Desk::open().await;
    let genuine = signed(TEXT_HOOK, &texted("SM1", "1 K7"), TOKEN);
    assert_eq!(desk.hooks.twilio_text(&genuine).await, Hooked::Taken);
    assert_eq!(desk.hooks.twilio_text(&genuine).await, Hooked::Taken, "Twilio tries again");
    assert_eq!(desk.secretary.words(), ["1 K7"]);
    let heard = desk.secretary.heard.lock().unwrap()[0].clone();
    assert_eq!((heard.gateway.as_str(), heard.provider_id.as_str()), ("twilio", "SM1"));
    assert_eq!(heard.from.reveal(PhiGrant::COMPARE), "+12025550111");

    let forged = signed(TEXT_HOOK, &texted("SM2", "4 K7"), "another");
    assert_eq!(desk.hooks.twilio_text(&forged).await, Hooked::Forged);
    let mut changed = signed(TEXT_HOOK, &texted("SM3", "4 K7"), TOKEN);
    changed.params[3].1 = "1 K7".into();
    assert_eq!(desk.hooks.twilio_text(&changed).await, Hooked::Forged);
    let elsewhere = Posted { path_and_query: STATUS_HOOK.into(), ..signed(TEXT_HOOK, &texted("SM4", "x"), TOKEN) };
    assert_eq!(desk.hooks.twilio_text(&elsewhere).await, Hooked::Forged, "signed for another address");
    assert_eq!(desk.secretary.words(), ["1 K7"]);
    let counts = desk.ears.take_counts();
    assert_eq!(counts, [("twilio".into(), "reply", 1), ("unknown".into(), "forged", 3)]);

    *desk.secretary.full.lock().unwrap() = true;
    let late = signed(TEXT_HOOK, &texted("SM5", "3 K7"), TOKEN);
    assert_eq!(desk.hooks.twilio_text(&late).await, Hooked::Again);
    *desk.secretary.full.lock().unwrap() = false;
    assert_eq!(desk.hooks.twilio_text(&late).await, Hooked::Taken);
    assert_eq!(desk.secretary.words(), ["1 K7", "3 K7"]);

    let verified = desk.world.store.verified_contacts().await.unwrap();
    assert_eq!(verified.len(), 1, "whoever answers has a number that texts reach");

    // A body in JSON is signed by its hash, which stands in the address.
    let posted = |hash: &str, named: &str| {
        let path = format!("{TEXT_HOOK}?bodySHA256={named}");
        let signature = twilio_signature(TOKEN, &format!("{URL}{path}"), &[]);
        let Posted { params, .. } = signed(TEXT_HOOK, &texted("SM6", "2 K7 40"), TOKEN);
        Posted { path_and_query: path, params, signature, body_sha256: Some(hash.to_owned()) }
    };
    let (hash, other) = ("ab".repeat(32), "cd".repeat(32));
    assert_eq!(desk.hooks.twilio_text(&posted(&other, &hash)).await, Hooked::Forged, "another body");
    assert_eq!(desk.hooks.twilio_text(&posted(&hash, &hash)).await, Hooked::Taken);
    assert_eq!(desk.secretary.words().last().map(String::as_str), Some("2 K7 40"));
    desk.renew(None, settings(&desk.sim).sms_gateways);
    assert_eq!(desk.hooks.twilio_text(&genuine).await, Hooked::NotHere, "there is no public address");
    desk.renew(Some(URL), Vec::new());
    assert_eq!(desk.hooks.twilio_text(&genuine).await, Hooked::NotHere);
}

#[tokio::test]
async fn reports_may_come_out_of_order_twice_and_before_anybody_asks() {
    let mut desk = Desk::open().await;
    desk.world.decide(vec![text("m", &["twilio"])]).await;
    desk.world.pass().await;
    let sent = desk.sim.texts()[0].clone();
    assert_eq!(sent.status_callback, format!("{URL}{STATUS_HOOK}"));
    let report = |status: &'static str, code: &'static str| {
        let mut params = vec![("MessageSid", sent.sid.as_str()), ("MessageStatus", status)];
        if !code.is_empty() {
            params.push(("ErrorCode", code));
        }
        signed(STATUS_HOOK, &params, TOKEN)
    };
    for (status, fate) in [
        ("sent", MessageFate::Sent),
        ("delivered", MessageFate::Delivered),
        ("sent", MessageFate::Delivered),
        ("delivered", MessageFate::Delivered),
        ("undelivered", MessageFate::Delivered),
    ] {
        assert_eq!(desk.hooks.twilio_status(&report(status, "")).await, Hooked::Taken, "{status}");
        assert_eq!(desk.world.fate("m").await, fate, "{status}");
    }
    assert_eq!(desk.world.news().await, [("m".into(), News::Sent), ("m".into(), News::Delivered)]);
    let stranger = signed(STATUS_HOOK, &[("MessageSid", "SM99"), ("MessageStatus", "failed")], TOKEN);
    assert_eq!(desk.hooks.twilio_status(&stranger).await, Hooked::Taken, "not ours: nothing happens");

    desk.world.decide(vec![text("n", &["twilio"])]).await;
    desk.world.pass().await;
    let sid = desk.sim.texts()[1].sid.clone();
    let params = [("MessageSid", sid.as_str()), ("MessageStatus", "undelivered"), ("ErrorCode", "21610")];
    desk.hooks.twilio_status(&signed(STATUS_HOOK, &params, TOKEN)).await;
    assert_eq!(desk.world.news().await.last(), Some(&("n".into(), News::OptedOut)));
    let mark = AddressMark::of(&Phi::new("+12025550111".into()));
    assert_eq!(desk.world.store.bad_contacts().await.unwrap()[0].mark, mark);
    desk.hooks.twilio_text(&signed(TEXT_HOOK, &texted("SM6", " start "), TOKEN)).await;
    assert_eq!(desk.world.store.bad_contacts().await.unwrap(), [], "they want texts again");
}

fn call(name: &str, to: &str) -> Message {
    Message {
        channel: Channel::Call,
        receiver: "people".into(),
        recipient: "night-1".into(),
        address: Phi::new(to.into()),
        content: Phi::new(Content::Call { text: "CCA: no caregiver & no time".into(), code: Some("K7".into()) }),
        ..text(name, &["twilio"])
    }
}

#[tokio::test]
async fn a_call_says_its_words_twice_and_a_key_takes_the_page() {
    let mut desk = Desk::open().await;
    desk.sim.twilio(|it| drop(it.calls_end.insert("+12025550112".into(), "no-answer".into())));
    desk.world.decide(vec![call("m", "+12025550111"), call("n", "+12025550112")]).await;
    desk.world.pass().await;
    let calls = desk.sim.calls();
    let of = |to: &str| calls.iter().find(|call| call.to == to).unwrap();
    let answered = of("+12025550111");
    assert_eq!(answered.twiml.matches("CCA: no caregiver &amp; no time").count(), 2, "{}", answered.twiml);
    assert_eq!(answered.press_url().unwrap(), format!("{URL}{VOICE_HOOK}?code=K7"));

    let path = format!("{VOICE_HOOK}?code=K7");
    let pressed = |digits: &'static str| {
        let params = [("CallSid", answered.sid.as_str()), ("To", "+12025550111"), ("Digits", digits)];
        signed(&path, &params, TOKEN)
    };
    let Hooked::Say(words) = desk.hooks.twilio_voice(&pressed("5")).await else { panic!() };
    assert!(words.contains("Nobody has it"), "{words}");
    let Hooked::Say(words) = desk.hooks.twilio_voice(&pressed("1")).await else { panic!() };
    assert!(words.contains("Noted"), "{words}");
    assert_eq!(desk.secretary.words(), ["1 K7"]);
    let heard = desk.secretary.heard.lock().unwrap()[0].from.reveal(PhiGrant::COMPARE).clone();
    assert_eq!(heard, "+12025550111", "the one who was called");
    let other = Posted { path_and_query: format!("{VOICE_HOOK}?code=Z9"), ..pressed("1") };
    assert_eq!(desk.hooks.twilio_voice(&other).await, Hooked::Forged, "the code is signed too");

    // Answered is told by the callback, not answered by asking.
    let params = [("CallSid", answered.sid.as_str()), ("CallStatus", "completed")];
    desk.hooks.twilio_status(&signed(STATUS_HOOK, &params, TOKEN)).await;
    assert_eq!(desk.world.fate("m").await, MessageFate::Delivered);
    desk.world.at(6);
    let mut rng = rand::SeedableRng::seed_from_u64(1);
    shiftwatch::notify::poll::round(&desk.world.parts, &mut rng).await.unwrap();
    assert_eq!(desk.world.fate("n").await, MessageFate::Undelivered);
    let health = desk.world.store.gateway_health(desk.world.now()).await.unwrap();
    let failing: Vec<_> = health.iter().filter(|one| one.failing_since.is_some()).map(|one| &one.gateway).collect();
    assert_eq!(failing, ["call/people/night-1"]);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_looked_up_before_anybody_is_called_again() {
    let mut desk = Desk::open().await;
    let lost = shiftwatch::sim::TextFault::new(shiftwatch::sim::TextFaultAnswer::AcceptThenDrop).times(1);
    desk.sim.twilio(|it| it.faults = vec![lost.on(shiftwatch::sim::TextCall::Place)]);
    desk.world.decide(vec![call("m", "+12025550111")]).await;
    desk.world.pass().await;
    assert_eq!(desk.world.fate("m").await, MessageFate::Uncertain);
    desk.world.until(30).await;
    assert_eq!((desk.world.fate("m").await, desk.sim.calls().len()), (MessageFate::Sent, 1));
}

#[tokio::test]
async fn ringcentral_shakes_hands_and_is_believed_with_our_token_only() {
    let desk = Desk::open().await;
    assert_eq!(desk.hooks.ringcentral(Some("handshake-1"), b"").await, Hooked::Echo("handshake-1".into()));
    assert_eq!(desk.hooks.ringcentral(Some("a b"), b"").await, Hooked::Taken, "no token of theirs");
    // Nobody is at the address of this test; `tests/it` shakes hands with the real program.
    desk.sim.ringcentral(|it| it.shakes_hands = false);
    let channels = Channels::new(ChannelSettings { external_url: Some(URL.into()), ..settings(&desk.sim) }).unwrap();
    let hook = format!("{URL}{RINGCENTRAL_HOOK}");
    assert_eq!(channels.subscribe("rc").await, None);
    assert_eq!(channels.subscribe("rc").await, None);
    assert_eq!(desk.sim.subscribed(), std::slice::from_ref(&hook), "once");
    desk.sim.blacklist_subscriptions();
    channels.subscribe("rc").await;
    assert_eq!(desk.sim.subscribed(), [hook], "made anew");
    let made =
        desk.sim.log().into_iter().rev().find(|entry| entry.method == "POST" && entry.path.ends_with("/subscription"));
    let made: serde_json::Value = serde_json::from_str(&made.unwrap().body).unwrap();
    let token = made["deliveryMode"]["validationToken"].as_str().unwrap().to_owned();

    let body = serde_json::json!({
        "uuid": "1", "event": "/restapi/v1.0/account/1/extension/1/message-store/instant?type=SMS",
        "body": { "id": "400", "from": { "phoneNumber": "+12025550111" }, "to": [{ "phoneNumber": "+12025550101" }],
                  "type": "SMS", "direction": "Inbound", "subject": "1 K7" },
    });
    let body = body.to_string();
    assert_eq!(desk.hooks.ringcentral(Some("wrong"), body.as_bytes()).await, Hooked::Forged);
    assert_eq!(desk.hooks.ringcentral(None, body.as_bytes()).await, Hooked::Forged);
    assert_eq!(desk.secretary.words(), Vec::<String>::new());
    assert_eq!(desk.hooks.ringcentral(Some(&token), body.as_bytes()).await, Hooked::Taken);
    assert_eq!(desk.hooks.ringcentral(Some(&token), body.as_bytes()).await, Hooked::Taken);
    assert_eq!(desk.secretary.words(), ["1 K7"]);
    assert_eq!(desk.hooks.ringcentral(Some(&token), b"{ not json").await, Hooked::Echo(token));
}

/// STOP to one number means all of them: what waits is withdrawn, and a receipt of what went before brings nothing back.
#[tokio::test]
async fn stop_to_one_number_ends_reminders_by_every_gateway() {
    let mut desk = Desk::open().await;
    let reminder = |id: &str| Message { receiver: "reminders/".into(), ..text(id, &["twilio"]) };
    desk.world.decide(vec![reminder("before")]).await;
    desk.world.pass().await;
    desk.world.decide(vec![reminder("waits"), text("alert", &["twilio"])]).await;
    desk.world.at(5);
    desk.hooks.twilio_text(&signed(TEXT_HOOK, &texted("SM7", "Stop."), TOKEN)).await;
    assert_eq!(desk.world.fate("waits").await, MessageFate::Cancelled, "at once, whichever gateway would have sent it");
    assert_eq!(desk.world.fate("alert").await, MessageFate::Queued, "what is no reminder the gateway refuses");
    let n_bad = async |desk: &Desk| desk.world.store.bad_contacts().await.unwrap().len();
    assert_eq!(n_bad(&desk).await, 1, "though nobody here has this number");
    let sid = desk.sim.texts()[0].sid.clone();
    let params = [("MessageSid", sid.as_str()), ("MessageStatus", "delivered")];
    desk.hooks.twilio_status(&signed(STATUS_HOOK, &params, TOKEN)).await;
    assert_eq!(desk.world.fate("before").await, MessageFate::Delivered);
    assert_eq!(n_bad(&desk).await, 1, "it went before");
    desk.hooks.twilio_text(&signed(TEXT_HOOK, &texted("SM8", "Start"), TOKEN)).await;
    assert_eq!(n_bad(&desk).await, 0);
    desk.hooks.twilio_text(&signed(TEXT_HOOK, &texted("SM7", "Stop."), TOKEN)).await;
    assert_eq!(n_bad(&desk).await, 0, "the same text once more is no other word");
}

#[tokio::test]
async fn who_texts_stop_in_the_middle_of_it_takes_nothing_until_start() {
    let mut desk = Desk::open().await;
    for (n, (said, fate)) in
        [("", MessageFate::Sent), ("Stop", MessageFate::Refused), ("START", MessageFate::Sent)].into_iter().enumerate()
    {
        if !said.is_empty() {
            desk.sim.receive_text("+12025550111", "+12025550100", said);
            let sid = format!("SM{n}");
            let mut params = texted(&sid, said);
            params.push(("OptOutType", if said == "START" { "START" } else { "STOP" }));
            assert_eq!(desk.hooks.twilio_text(&signed(TEXT_HOOK, &params, TOKEN)).await, Hooked::Taken);
        }
        let id = format!("m{n}");
        desk.world.decide(vec![text(&id, &["twilio"])]).await;
        desk.world.pass().await;
        assert_eq!(desk.world.fate(&id).await, fate, "{said}");
        let bad = desk.world.store.bad_contacts().await.unwrap();
        assert_eq!(bad.len(), usize::from(said == "Stop"), "{said}: {bad:?}");
    }
}
