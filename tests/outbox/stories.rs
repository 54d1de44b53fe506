//! One fault a story.

use chrono::TimeDelta;
use shiftwatch::{
    alerts::orders::News,
    model::{Phi, PhiGrant},
    notify::{
        channel::Moment,
        heartbeat::Heartbeat,
        message::{Content, Message},
        poll,
        receiver::{EmailConfig, SmtpAuth},
    },
    store::{MessageFate, Store},
};

use crate::{
    gateway::{Fault, Gateway, MailFault, MailServer},
    world::{World, agency, hook, id, mail, settings, t, text},
};

async fn twilio() -> (World, Gateway) {
    let gateway = Gateway::start().await;
    gateway.state.lock().unwrap().created = Some(t(0).to_rfc2822());
    (World::new(settings(&[("a", &gateway)], &[])).await, gateway)
}

#[tokio::test]
async fn a_text_goes_out_as_the_vendor_wants_it() {
    let (mut world, gateway) = twilio().await;
    world.decide(vec![text("m", &["a"])]).await;
    world.at(100);
    let report = world.pass().await;
    assert_eq!((report.n_claimed, report.n_sent), (1, 1));
    let taken = &gateway.taken()[0];
    assert_eq!((taken.to.as_str(), taken.body.as_str()), ("+12025550111", "CCA: NO CHECK-IN m"));
    assert_eq!(taken.fields["From"], "+12025550100");
    assert_eq!(taken.fields["ValidityPeriod"], "800", "what is left of its useful time");
    assert_eq!(gateway.state.lock().unwrap().paths, ["/2010-04-01/Accounts/ACa/Messages.json"]);
    assert_eq!(world.news().await, [("m".into(), News::Sent)]);
    let latencies = world.telling.take_latencies();
    assert_eq!(latencies[0].1.as_secs(), 100);
    assert_eq!(world.pass().await.n_claimed, 0);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_and_the_text_is_not_sent_twice() {
    for fault in [Fault::TakeThenHang, Fault::TakeThenClose] {
        let (mut world, gateway) = twilio().await;
        gateway.script([fault.clone()]);
        world.decide(vec![text("m", &["a"])]).await;
        world.pass().await;
        assert_eq!(world.fate("m").await, MessageFate::Uncertain, "{fault:?}");
        world.until(30).await;
        assert_eq!(world.fate("m").await, MessageFate::Sent, "{fault:?}");
        assert_eq!(gateway.n_taken(), 1, "{fault:?}");
        assert_eq!(world.news().await, [("m".into(), News::Uncertain), ("m".into(), News::Sent)]);
        assert_eq!(world.telling.doubled(), []);
    }
}

#[tokio::test]
async fn a_request_that_was_lost_is_sent_again_after_two_denials_ten_seconds_apart() {
    let (mut world, gateway) = twilio().await;
    gateway.script([Fault::Close]);
    world.decide(vec![text("m", &["a"])]).await;
    world.until(10).await;
    assert_eq!((gateway.n_taken(), gateway.state.lock().unwrap().n_lists), (0, 1), "denied once");
    world.until(30).await;
    assert_eq!((gateway.n_taken(), gateway.state.lock().unwrap().n_lists), (1, 2));
    assert_eq!(world.telling.doubled(), [], "it was known not to have left");
    assert_eq!(world.fate("m").await, MessageFate::Sent);
}

#[tokio::test]
async fn a_provider_that_stays_silent_gets_the_text_again_counted() {
    let (mut world, gateway) = twilio().await;
    gateway.script([Fault::TakeThenHang]);
    gateway.state.lock().unwrap().list_down = true;
    world.decide(vec![text("m", &["a"])]).await;
    world.until(59).await;
    assert_eq!(gateway.n_taken(), 1, "half its useful time is longer than a minute: wait the minute");
    world.until(75).await;
    assert_eq!(gateway.n_taken(), 2);
    assert_eq!(world.telling.doubled().iter().map(|(_, n)| n).sum::<u64>(), 1);
    assert_eq!(world.fate("m").await, MessageFate::Sent);
}

#[tokio::test]
async fn a_text_is_found_beyond_the_first_page_and_not_denied_when_the_list_is_too_long() {
    for (n_newer, n_taken) in [(150, 151), (600, 602)] {
        let (mut world, gateway) = twilio().await;
        gateway.script([Fault::TakeThenClose]);
        world.decide(vec![text("m", &["a"])]).await;
        world.pass().await;
        world.decide((0..n_newer).map(|n| text(&format!("n{n:03}"), &["a"])).collect()).await;
        world.until(90).await;
        assert_eq!(gateway.n_taken(), n_taken);
        let n_doubled = n_taken - n_newer - 1;
        assert_eq!(world.telling.doubled().iter().map(|(_, n)| n).sum::<u64>(), n_doubled as u64, "counted");
    }
}

#[tokio::test]
async fn an_equal_text_of_another_message_is_not_taken_for_ours() {
    let (mut world, gateway) = twilio().await;
    gateway.script([Fault::Take, Fault::Close]);
    let twin = Message { content: text("m", &["a"]).content, ..text("twin", &["a"]) };
    world.decide(vec![text("m", &["a"])]).await;
    world.pass().await;
    world.decide(vec![twin]).await;
    world.until(30).await;
    assert_eq!(gateway.n_taken(), 2, "the first one's id is bound, so the second did not leave");
}

#[tokio::test]
async fn an_equal_text_from_long_before_is_not_taken_for_ours() {
    for (before, n_taken) in [(61, 2), (59, 1)] {
        let (mut world, gateway) = twilio().await;
        gateway.state.lock().unwrap().created = Some(t(-before).to_rfc2822());
        gateway.script([Fault::TakeThenClose]);
        world.decide(vec![text("m", &["a"])]).await;
        world.until(30).await;
        assert_eq!(gateway.n_taken(), n_taken, "the clocks may differ by a minute: {before}");
    }
}

#[tokio::test]
async fn retry_after_is_kept_to_by_the_whole_gateway() {
    let (mut world, gateway) = twilio().await;
    gateway.script([Fault::TooMany(30)]);
    world.decide(vec![text("m", &["a"])]).await;
    world.pass().await;
    world.decide(vec![text("n", &["a"])]).await;
    world.until(29).await;
    assert_eq!(gateway.state.lock().unwrap().n_posts, 1, "the other text does not restart the penalty");
    world.until(31).await;
    assert_eq!(gateway.n_taken(), 2);
}

#[tokio::test]
async fn a_gateway_that_is_down_is_found_again_within_ten_seconds_and_its_failing_is_dated() {
    let (mut world, gateway) = twilio().await;
    gateway.state.lock().unwrap().always = Some(Fault::Status(503, ""));
    world.decide(vec![text("m", &["a"]), text("n", &["a"])]).await;
    world.until(300).await;
    let n_posts = gateway.state.lock().unwrap().n_posts;
    assert!((37..=130).contains(&n_posts), "probed, not hammered: {n_posts}");
    let health = world.store.gateway_health(world.now()).await.unwrap();
    assert_eq!((health[0].gateway.as_str(), health[0].failing_since), ("sms/a", Some(t(0))));
    gateway.state.lock().unwrap().always = None;
    world.until(310).await;
    assert_eq!(gateway.n_taken(), 2);
    assert_eq!(world.store.gateway_health(world.now()).await.unwrap()[0].failing_since, None);
}

#[tokio::test]
async fn the_next_gateway_takes_over_at_once() {
    let (one, two) = (Gateway::start().await, Gateway::start().await);
    one.state.lock().unwrap().always = Some(Fault::Status(
        401,
        r#"{"code":20003,"message":"Authenticate","more_info":"https://www.twilio.com/docs/errors/20003","status":401}"#,
    ));
    let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
    let texts = (0..50).map(|n| text(&format!("m{n:02}"), &["a", "b"])).collect();
    world.decide(texts).await;
    world.pass().await;
    world.pass().await;
    assert_eq!((one.n_taken(), two.n_taken()), (0, 50), "none waited for the first to come back");
    let n_posts = one.state.lock().unwrap().n_posts;
    assert!(n_posts <= 28, "what was on its way, and nothing after: {n_posts}");
    let polls = world.store.polls(t(60), 100).await.unwrap().0;
    assert!(polls.iter().all(|poll| poll.gateway == "b"), "delivery is asked where it was sent");
}

#[tokio::test]
async fn a_text_that_fails_again_and_again_keeps_nobody_elses_back() {
    for fault in [Fault::Status(500, ""), Fault::Status(429, ""), Fault::Status(400, r#"{"code":30034}"#)] {
        let (mut world, gateway) = twilio().await;
        gateway.state.lock().unwrap().of_texts = vec![("CHECK-IN+bad", fault.clone())];
        world.decide(vec![text("bad1", &["a"]), text("bad2", &["a"])]).await;
        world.until(60).await;
        let others = (0..12).map(|n| text(&format!("m{n:02}"), &["a"])).collect();
        world.decide(others).await;
        world.until(100).await;
        assert_eq!(gateway.n_taken(), 12, "{fault:?}");
        assert_eq!(world.fate("bad1").await, MessageFate::Queued, "{fault:?}: it is tried on");
    }
}

#[tokio::test]
async fn a_text_that_one_gateway_refuses_goes_by_the_next_and_each_is_tried_once() {
    let abroad = Fault::Status(400, r#"{"code":21408,"message":"Permission to send an SMS","status":400}"#);
    for (second, news, shows) in
        [(None, News::Sent, "the other one takes it"), (Some(abroad.clone()), News::Refused, "neither of them does")]
    {
        let (one, two) = (Gateway::start().await, Gateway::start().await);
        one.state.lock().unwrap().always = Some(abroad.clone());
        two.state.lock().unwrap().always.clone_from(&second);
        let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
        world.decide(vec![text("m", &["a", "b"])]).await;
        world.until(120).await;
        assert_eq!(world.news().await, [("m".into(), news)], "{shows}");
        let n_posts = |gateway: &Gateway| gateway.state.lock().unwrap().n_posts;
        assert_eq!((n_posts(&one), n_posts(&two)), (1, 1), "{shows}");
    }
}

#[tokio::test]
async fn a_refused_text_waits_for_the_next_gateway_and_does_not_go_round_meanwhile() {
    let (one, two) = (Gateway::start().await, Gateway::start().await);
    one.state.lock().unwrap().of_texts = vec![("CHECK-IN+bad", Fault::Status(400, r#"{"code":21408}"#))];
    two.script([Fault::TooMany(30)]);
    let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
    world.decide(vec![text("bad", &["a", "b"])]).await;
    world.until(29).await;
    let n_posts = |gateway: &Gateway| gateway.state.lock().unwrap().n_posts;
    assert_eq!((n_posts(&one), n_posts(&two)), (1, 1));
    world.decide(vec![text("m", &["a", "b"])]).await;
    world.until(31).await;
    assert_eq!((one.n_taken(), two.n_taken(), n_posts(&one)), (1, 1, 2), "the others go at once");
}

#[tokio::test]
async fn a_text_that_was_taken_and_failed_is_asked_for_and_not_sent_over_and_over() {
    let (mut world, gateway) = twilio().await;
    gateway.state.lock().unwrap().always =
        Some(Fault::Status(201, r#"{"sid":"SM1","status":"failed","error_code":30009}"#));
    gateway.state.lock().unwrap().statuses.insert("SM1".into(), "failed 30009".into());
    world.decide(vec![text("m", &["a"])]).await;
    world.until(6).await;
    poll::round(&world.parts, &mut rand::SeedableRng::seed_from_u64(1)).await.unwrap();
    world.until(800).await;
    assert_eq!(gateway.state.lock().unwrap().n_posts, 1);
    assert_eq!(world.news().await, [("m".into(), News::Sent), ("m".into(), News::Undelivered)]);
}

#[tokio::test]
async fn a_gate_that_lost_the_answer_is_no_word_of_the_gateway() {
    for status in [502, 504] {
        let (mut world, gateway) = twilio().await;
        gateway.script([Fault::TakeThenStatus(status)]);
        world.decide(vec![text("m", &["a"])]).await;
        world.until(60).await;
        assert_eq!((gateway.n_taken(), world.fate("m").await), (1, MessageFate::Sent), "{status}");
        assert_eq!(world.telling.doubled(), [], "{status}");
    }
}

#[tokio::test]
async fn a_gateway_that_never_had_a_text_is_not_asked_for_it() {
    let (one, two) = (Gateway::start().await, Gateway::start().await);
    one.state.lock().unwrap().always = Some(Fault::Status(503, ""));
    one.state.lock().unwrap().list_down = true;
    two.state.lock().unwrap().created = Some(t(0).to_rfc2822());
    two.script([Fault::TakeThenHang]);
    let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
    world.decide(vec![text("m", &["a", "b"])]).await;
    world.until(120).await;
    assert_eq!((two.n_taken(), world.fate("m").await), (1, MessageFate::Sent));
    assert_eq!(one.state.lock().unwrap().n_lists, 0);
    assert_eq!(world.telling.doubled(), []);

    // The other way round: the first has it, and the second, which never had it, is down.
    let (one, two) = (Gateway::start().await, Gateway::start().await);
    one.state.lock().unwrap().created = Some(t(0).to_rfc2822());
    one.script([Fault::TakeThenHang]);
    two.state.lock().unwrap().list_down = true;
    let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
    world.decide(vec![text("m", &["a", "b"])]).await;
    world.until(120).await;
    assert_eq!((one.n_taken(), two.n_taken()), (1, 0));
    assert_eq!((world.fate("m").await, two.state.lock().unwrap().n_lists), (MessageFate::Sent, 0));
}

#[tokio::test]
async fn a_number_that_can_never_be_reached_is_refused_once() {
    let (mut world, gateway) = twilio().await;
    gateway.script([Fault::Status(400, r#"{"code":21610,"message":"+12025550111 has opted out","status":400}"#)]);
    world.decide(vec![text("m", &["a"])]).await;
    world.until(800).await;
    assert_eq!(gateway.state.lock().unwrap().n_posts, 1);
    assert_eq!(world.news().await, [("m".into(), News::OptedOut)]);
    assert_eq!(world.why("m").await, "HTTP 400, error 21610", "and the number is nowhere in the reason");
    let health = world.store.gateway_health(world.now()).await.unwrap();
    let health: Vec<_> = health.iter().map(|one| (one.gateway.as_str(), one.failing_since)).collect();
    assert_eq!(health, [("sms/on-call/0/0", Some(t(0)))], "the gateway works; who is not reached is told of");
}

#[tokio::test]
async fn delivery_is_asked_for_until_it_is_known() {
    let (mut world, gateway) = twilio().await;
    world.decide(vec![text("m", &["a"]), text("n", &["a"])]).await;
    world.pass().await;
    let mut rng = rand::SeedableRng::seed_from_u64(1);
    world.at(5);
    let next_at = poll::round(&world.parts, &mut rng).await.unwrap();
    assert_eq!(next_at, Some(t(10)), "queued still: five seconds later");
    let sids: Vec<String> = gateway.taken().iter().map(|taken| taken.sid.clone()).collect();
    {
        let mut state = gateway.state.lock().unwrap();
        state.statuses.insert(sids[0].clone(), "delivered".into());
        state.statuses.insert(sids[1].clone(), "undelivered 30003".into());
    }
    world.at(10);
    assert_eq!(poll::round(&world.parts, &mut rng).await.unwrap(), None);
    let mut news = world.news().await;
    news.sort_by(|a, b| (&a.0, a.1 == News::Undelivered).cmp(&(&b.0, b.1 == News::Undelivered)));
    assert_eq!(news.iter().filter(|(_, news)| *news == News::Delivered).count(), 1);
    assert_eq!(news.iter().filter(|(_, news)| *news == News::Undelivered).count(), 1);
    world.until(71).await;
    assert_eq!(gateway.n_taken(), 3, "the phone was off: once more after a minute");
}

#[tokio::test]
async fn a_text_that_our_sender_could_not_bring_goes_out_by_the_next_gateway() {
    let (one, two) = (Gateway::start().await, Gateway::start().await);
    let mut world = World::new(settings(&[("a", &one), ("b", &two)], &[])).await;
    world.decide(vec![text("m", &["a", "b"])]).await;
    world.pass().await;
    let sid = one.taken()[0].sid.clone();
    one.state.lock().unwrap().statuses.insert(sid, "undelivered 30034".into());
    world.at(5);
    poll::round(&world.parts, &mut rand::SeedableRng::seed_from_u64(1)).await.unwrap();
    world.pass().await;
    assert_eq!((one.n_taken(), two.n_taken()), (1, 1), "not registered: nobody waits for the first one");
    let health = world.store.gateway_health(t(6)).await.unwrap();
    let failing = |name: &str| health.iter().find(|one| one.gateway == name).and_then(|one| one.failing_since);
    assert_eq!((failing("sms/a"), failing("sms/b")), (Some(t(5)), None), "and the first one's failing is told");
}

#[tokio::test]
async fn a_mail_that_waits_goes_by_the_server_that_is_configured_now() {
    let (gone, server) = (MailServer::start().await, MailServer::start().await);
    gone.state.lock().unwrap().script.extend(vec![MailFault { at: "MAIL", answer: "550 not you", takes: false }; 99]);
    let target = |message: &Message| match message.content.reveal(PhiGrant::SEND) {
        Content::Email { smarthost, .. } => smarthost.clone(),
        _ => panic!("a mail"),
    };
    let mut world = World::new(settings(&[], &[])).await;
    world.decide(vec![mail("m", &gone)]).await;
    world.until(60).await;
    let failing = |world: &World| {
        let (store, now) = (world.store.clone(), world.now());
        async move { store.gateway_health(now).await.unwrap()[0].failing_since }
    };
    assert_eq!(failing(&world).await, Some(t(0)));
    let mut settings = settings(&[], &[]);
    settings.receivers[0].email.push(EmailConfig {
        to: vec![Phi::new("night@example.com".into())],
        from: "watch@example.com".into(),
        smarthost: target(&mail("m", &server)),
        auth: None,
        subject: None,
        text: None,
        html: None,
        send_resolved: true,
        phi: false,
    });
    let mut world = World::on(world.store, settings, shiftwatch::clock::Clock::manual(t(60)));
    world.store.keep_ways(world.parts.channels.borrow().names().clone()).await.unwrap();
    assert_eq!(failing(&world).await, None, "the old one is not ours any more");
    world.until(120).await;
    assert_eq!((world.fate("m").await, server.state.lock().unwrap().taken.len()), (MessageFate::Sent, 1));
    assert_eq!(failing(&world).await, None);
}

#[tokio::test]
async fn mail_says_all_that_it_should() {
    let server = MailServer::start().await;
    let mut world = World::new(settings(&[], &[])).await;
    world.decide(vec![mail("m", &server), mail("n", &server)]).await;
    assert_eq!(world.pass().await.n_sent, 2);
    let taken = server.state.lock().unwrap().taken.join("\n");
    for line in [
        "From: shiftwatch <watch@example.com>",
        "To: night@example.com",
        "Subject: [FIRING] m",
        "Message-ID: <m@example.com>",
        "In-Reply-To: <first@example.com>",
        "References: <first@example.com>",
        "Auto-Submitted: auto-generated",
        "Date: Fri, 15 Jan 2027 08:00:00 +0000",
        "multipart/alternative",
    ] {
        assert!(taken.contains(line), "{line} is not in {taken}");
    }
    let (plain, html) = (taken.find("plain words").unwrap(), taken.find("<p>rich words</p>").unwrap());
    assert!(plain < html, "the plain part first");
    world.decide(vec![mail("o", &server)]).await;
    world.pass().await;
    assert!(server.state.lock().unwrap().n_connections <= 2, "connections are used again");
}

#[tokio::test]
async fn each_stage_of_mail_has_its_consequence() {
    let fault = |at, answer, takes| MailFault { at, answer, takes };
    // (what it shows, fault, fate after one pass, mails taken at the end, possible duplicates)
    let cases = [
        ("greylisted", fault("RCPT", "450 later", false), MessageFate::Queued, 1, 0),
        ("no such user", fault("RCPT", "550 no such user", false), MessageFate::Refused, 0, 0),
        (
            "sender refused: a person has to act, the mail waits",
            fault("MAIL", "550 not you", false),
            MessageFate::Queued,
            1,
            0,
        ),
        ("closed before the content", fault("DATA", "", false), MessageFate::Queued, 1, 0),
        ("content refused", fault(".", "554 spam", false), MessageFate::Refused, 0, 0),
        ("busy after the content", fault(".", "451 later", false), MessageFate::Queued, 1, 0),
        ("taken, answer lost: again with the same id", fault(".", "", true), MessageFate::Uncertain, 2, 1),
        ("not taken, answer lost", fault(".", "", false), MessageFate::Uncertain, 1, 1),
    ];
    for (shows, fault, fate, n_taken, n_doubled) in cases {
        let server = MailServer::start().await;
        server.state.lock().unwrap().script.push_back(fault);
        let mut world = World::new(settings(&[], &[])).await;
        world.decide(vec![mail("m", &server)]).await;
        world.pass().await;
        assert_eq!(world.fate("m").await, fate, "{shows}");
        world.until(120).await;
        let taken = server.state.lock().unwrap().taken.clone();
        assert_eq!(taken.len(), n_taken, "{shows}");
        assert!(taken.iter().all(|mail| mail.contains("Message-ID: <m@example.com>")), "{shows}");
        assert_eq!(world.telling.doubled().iter().map(|(_, n)| n).sum::<u64>(), n_doubled, "{shows}");
    }
}

#[tokio::test]
async fn a_provider_that_takes_and_never_answers_gets_five_copies_and_the_closing_goes() {
    let server = MailServer::start().await;
    let hooks = Gateway::start().await;
    let texts = Gateway::start().await;
    let never = MailFault { at: ".", answer: "", takes: true };
    server.state.lock().unwrap().script.extend(vec![never; 40]);
    for gateway in [&hooks, &texts] {
        gateway.state.lock().unwrap().always = Some(Fault::TakeThenClose);
        gateway.state.lock().unwrap().list_down = true;
    }
    let cases = [mail("m", &server), hook("m", &hooks), text("m", &["a"])];
    for message in cases {
        let channel = message.channel;
        let n_taken = || match channel {
            shiftwatch::notify::message::Channel::Email => server.state.lock().unwrap().taken.len(),
            shiftwatch::notify::message::Channel::Webhook => hooks.n_taken(),
            shiftwatch::notify::message::Channel::Sms | shiftwatch::notify::message::Channel::Call => texts.n_taken(),
            // Notes have their own story.
            shiftwatch::notify::message::Channel::Record => 0,
        };
        let mut world = World::new(settings(&[("a", &texts)], &[&hooks])).await;
        world.decide(vec![Message { useful_until: t(86_400), ..message.clone() }]).await;
        world.until(75).await;
        assert!((2..=3).contains(&n_taken()), "{channel}: {} in 75 s", n_taken());
        world.until(7_200).await;
        assert_eq!((n_taken(), world.fate("m").await), (5, MessageFate::Uncertain), "{channel}");
        assert_eq!(world.news().await, [("m".into(), News::Uncertain)], "{channel}");
        let health = world.store.gateway_health(world.now()).await.unwrap();
        assert_eq!(health[0].failing_since.map(|at| at < t(60)), Some(true), "{channel}: somebody hears of it");
        if channel != shiftwatch::notify::message::Channel::Sms {
            let closing = Message { id: id("c"), follows: vec![id("m")], useful_until: t(90_000), ..message };
            world.decide(vec![closing]).await;
            world.until(7_300).await;
            assert!(n_taken() > 5, "{channel}: the closing does not wait for the end of the first one's time");
        }
    }
}

#[tokio::test]
async fn a_gateway_that_answers_questions_and_takes_nothing_is_failing() {
    let (mut world, gateway) = twilio().await;
    gateway.state.lock().unwrap().always = Some(Fault::Status(200, "<html>welcome</html>"));
    world.decide(vec![text("m", &["a"])]).await;
    world.until(300).await;
    let health = world.store.gateway_health(world.now()).await.unwrap();
    assert_eq!((health[0].gateway.as_str(), health[0].failing_since), ("sms/a", Some(t(0))));
    gateway.state.lock().unwrap().always = None;
    world.until(330).await;
    assert_eq!((gateway.n_taken(), world.telling.doubled()), (1, Vec::new()), "it was known not to have left");
    assert_eq!(world.store.gateway_health(world.now()).await.unwrap()[0].failing_since, None);
}

#[tokio::test]
async fn an_idle_connection_that_died_costs_nothing() {
    let server = MailServer::start().await;
    let mut world = World::new(settings(&[], &[])).await;
    world.decide(vec![mail("m", &server)]).await;
    world.pass().await;
    server.state.lock().unwrap().script.push_back(MailFault { at: "MAIL", answer: "", takes: false });
    world.decide(vec![mail("n", &server)]).await;
    assert_eq!(world.pass().await.n_sent, 1, "a fresh connection, at once");
    assert_eq!(server.state.lock().unwrap().n_connections, 2);
    assert_eq!(world.store.gateway_health(world.now()).await.unwrap()[0].failing_since, None);
}

#[tokio::test]
async fn a_login_is_made_with_the_receivers_own_user() {
    let server = MailServer::start().await;
    let fault = |at, answer| MailFault { at, answer, takes: false };
    server.state.lock().unwrap().script.extend([
        fault("EHLO", "250-mail.example.com\r\n250 AUTH PLAIN"),
        // "\0watch\0secret"
        fault("AUTH", "235 welcome"),
    ]);
    let mut settings = settings(&[], &[]);
    let Content::Email { smarthost, .. } = mail("m", &server).content.reveal(PhiGrant::SEND).clone() else {
        panic!("a mail")
    };
    settings.receivers[0].email.push(EmailConfig {
        to: Vec::new(),
        from: "watch@example.com".into(),
        smarthost,
        auth: Some(SmtpAuth { username: "watch".into(), password: "secret".into() }),
        subject: None,
        text: None,
        html: None,
        send_resolved: true,
        phi: false,
    });
    let mut world = World::new(settings).await;
    world.decide(vec![mail("m", &server)]).await;
    assert_eq!(world.pass().await.n_sent, 1);
    let said = server.state.lock().unwrap().commands.clone();
    assert!(said.contains(&"AUTH PLAIN AHdhdGNoAHNlY3JldA==".to_owned()), "{said:?}");
}

#[tokio::test]
async fn the_heart_beats_once_in_its_time() {
    let gateway = Gateway::start().await;
    let url = Phi::new(format!("{}/ping/secret", gateway.url()));
    let mut heart =
        Heartbeat::new(shiftwatch::config::Heartbeat { url, every: std::time::Duration::from_mins(1) }).unwrap();
    assert!(heart.beat(t(0)).await);
    assert!(!heart.beat(t(59)).await);
    assert!(heart.beat(t(60)).await);
    gateway.state.lock().unwrap().list_down = true;
    assert!(!heart.beat(t(120)).await, "refused");
    assert_eq!(gateway.state.lock().unwrap().n_gets, 3);
}

#[tokio::test]
async fn mail_never_goes_in_the_clear_beyond_loopback_or_where_tls_is_required() {
    let server = MailServer::start().await;
    let mut world = World::new(settings(&[], &[])).await;
    let mut message = mail("m", &server);
    let mut content = message.content.reveal(PhiGrant::SEND).clone();
    let Content::Email { smarthost, .. } = &mut content else { panic!("a mail") };
    smarthost.require_tls = true;
    message.content = Phi::new(content);
    world.decide(vec![message]).await;
    world.pass().await;
    assert_eq!(world.fate("m").await, MessageFate::Queued);
    assert_eq!(world.why("m").await, "SMTP failed at TLS, which is required");
    assert_eq!(server.state.lock().unwrap().taken.len(), 0);
}

#[tokio::test]
async fn webhooks_are_posted_with_their_login_and_repeated_under_the_same_key() {
    let gateway = Gateway::start().await;
    gateway.script([Fault::Status(503, ""), Fault::TakeThenHang]);
    let mut world = World::new(settings(&[], &[&gateway])).await;
    world.decide(vec![hook("m", &gateway)]).await;
    world.until(60).await;
    let taken = gateway.taken();
    assert_eq!(taken.len(), 2, "at least once");
    for one in &taken {
        assert_eq!(one.fields["idempotency-key"], "m");
        assert_eq!(one.fields["authorization"], "Bearer token");
        assert_eq!((one.fields["content-type"].as_str(), one.body.as_str()), ("application/json", r#"{"name":"m"}"#));
    }
    assert_eq!(world.telling.doubled().iter().map(|(_, n)| n).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_hanging_receiver_does_not_hold_up_the_others() {
    let (hung, fine) = (Gateway::start().await, Gateway::start().await);
    hung.state.lock().unwrap().always = Some(Fault::Hang);
    let mut world = World::new(settings(&[("a", &fine)], &[&hung])).await;
    let mut messages: Vec<Message> = (0..200).map(|n| hook(&format!("h{n:03}"), &hung)).collect();
    messages.push(Message { urgency: 3, ..text("m", &["a"]) });
    world.decide(messages).await;
    world.until(2).await;
    assert_eq!(fine.n_taken(), 1);
    let n_posts = hung.state.lock().unwrap().n_posts;
    assert!(n_posts <= 40, "after the first time-outs it is only probed: {n_posts}");
}

#[tokio::test]
async fn expiry_is_told_and_the_closing_of_what_never_left_is_dropped() {
    let (mut world, gateway) = twilio().await;
    gateway.state.lock().unwrap().always = Some(Fault::Status(503, ""));
    let closing = Message { follows: vec![id("m")], useful_until: t(90_000), ..text("c", &["a"]) };
    world.decide(vec![text("m", &["a"]), closing]).await;
    world.until(901).await;
    assert_eq!(world.news().await, [("m".into(), News::Expired), ("c".into(), News::Cancelled)]);
    assert_eq!(gateway.n_taken(), 0);
}

#[tokio::test]
async fn stopping_lets_what_is_in_flight_end_and_loses_nothing() {
    let gateway = Gateway::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = shiftwatch::config::StoreUrl::Sqlite(folder.path().join("s.db"));
    let store = Store::open(&url, t(0)).await.unwrap();
    let mut world = World::on(store, settings(&[("a", &gateway)], &[]), shiftwatch::clock::Clock::System);
    let now = world.now();
    let texts = (0..500)
        .map(|n| Message {
            created_at: now,
            useful_until: now + TimeDelta::minutes(15),
            ..text(&format!("m{n:03}"), &["a"])
        })
        .collect();
    world.decide(texts).await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(shiftwatch::notify::deliver::Deliverer::new(world.parts.clone()).run(stopped));
    while gateway.n_taken() < 100 {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    let n_taken = gateway.n_taken();
    assert!(n_taken < 500, "it stopped midway: {n_taken}");
    world.store.close().await;

    let store = Store::open(&url, t(1)).await.unwrap();
    assert_eq!(store.recover(now).await.unwrap(), 0, "everything in flight was recorded");
    let mut world = World::on(store, settings(&[("a", &gateway)], &[]), shiftwatch::clock::Clock::System);
    world.pass().await;
    let mut bodies: Vec<String> = gateway.taken().into_iter().map(|taken| taken.body).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!((bodies.len(), gateway.n_taken()), (500, 500), "none lost, none twice");
    let receipts = world.store.pending_inputs(&agency()).await.unwrap().receipts;
    assert_eq!(receipts.iter().filter(|receipt| receipt.news == News::Sent).count(), 500);
}

#[tokio::test]
async fn a_drill_clock_keeps_the_wire_on_real_time() {
    let clock = shiftwatch::clock::Clock::drill(t(0), 60);
    let moment = Moment::of(&clock);
    assert_eq!(moment.speed, 60);
    assert!(moment.now < t(3_600), "the drill's time");
    assert!((moment.real - shiftwatch::clock::real_now()).num_seconds().abs() < 60, "the wire's");
}
