//! The real binary and its gateways: reports and replies come in by signed hooks, and by asking.

use std::time::Duration;

use shiftwatch::sim::twilio_signature;

use crate::harness::{House, PATIENCE, Plan, SHIFT};

const TEXTS: &str = "shiftwatch_inbound_texts_total{gateway=\"twilio\",outcome=\"unknown_sender\"}";

async fn until(house: &House, line: &str) {
    let began = std::time::Instant::now();
    loop {
        let metrics = house.metrics().await;
        if metrics.lines().any(|it| it == line) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "never {line}: {metrics}");
        house.pass(chrono::TimeDelta::seconds(5)).await;
    }
}

#[tokio::test]
async fn hooks_are_believed_when_signed_and_what_strangers_write_is_only_counted() {
    let mut house = House::unwatched(Plan::default()).await;
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let web = format!("web: {{ listen: \"127.0.0.1:{port}\", external_url: \"{url}\" }}");
    let text = text.replace("web: { listen: \"127.0.0.1:0\" }", &web);
    assert!(text.contains(&url), "{text}");
    std::fs::write(&file, text).unwrap();
    house.start().await;
    house.settled().await;

    // What became of a text is told at once: the gateway posts it, signed, to the address it was given.
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    assert!(house.sim.until(PATIENCE, |sim| !sim.texts().is_empty()).await, "{}", house.log());
    assert_eq!(house.sim.texts()[0].status_callback, format!("{url}/hooks/twilio/status"));
    until(&house, "shiftwatch_messages_total{channel=\"sms\",outcome=\"delivered\"} 1").await;

    // A stranger's text is heard, by the hook or by asking, and leaves nothing but a count.
    house.sim.twilio(|it| it.inbound_url = format!("{url}/hooks/twilio"));
    house.sim.receive_text("+12025550199", "+12025550100", "is Mum alone? zebra-crossing");
    until(&house, &format!("{TEXTS} 1")).await;
    house.sim.twilio(|it| it.inbound_url.clear());
    house.sim.receive_text("+12025550199", "+12025550100", "1 zebra-crossing");
    until(&house, &format!("{TEXTS} 2")).await;
    assert!(!house.log().contains("zebra") && !house.log().contains("2025550199"), "{}", house.log());

    // Forged ones are turned away.
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let params = [("MessageSid", "SM1"), ("From", "+12025550111"), ("To", "+12025550100"), ("Body", "1 K7")];
    let pairs: Vec<(String, String)> = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for (path, status) in [("/hooks/twilio", 403), ("/hooks/twilio/status", 403), ("/hooks/twilio/voice", 403)] {
        let signature = twilio_signature("not-the-token", &format!("{url}{path}"), &pairs);
        let posted = http.post(format!("{url}{path}")).header("x-twilio-signature", signature).form(&params);
        assert_eq!(posted.send().await.unwrap().status().as_u16(), status, "{path}");
    }
    let genuine =
        twilio_signature(&house.sim.twilio(|it| it.auth_token.clone()), &format!("{url}/hooks/twilio"), &pairs);
    let posted = http.post(format!("{url}/hooks/twilio")).header("x-twilio-signature", genuine).form(&params);
    let answer = posted.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert_eq!(answer.text().await.unwrap(), "<Response/>");
    until(&house, "shiftwatch_inbound_texts_total{gateway=\"unknown\",outcome=\"forged\"} 3").await;
}

/// One text, by RingCentral alone.
const RINGCENTRAL: &str = r#"route: { receiver: on-call, group_by: [agency, shift], group_wait: 2s, repeat_interval: 4h }
receivers: [ { name: on-call, sms_configs: [ { to: "+12025550111" } ] } ]
"#;

/// RingCentral in the place of the usual gateway.
fn ringcentral_alone(house: &House) {
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let gateway = house.sim.ringcentral(|it| {
        format!(
            "  - {{ name: rc, ringcentral: {{ base_url: \"{{url}}\", client_id: {}, client_secret: {}, jwt: {}, from: \"{}\" }} }}",
            it.client_id, it.client_secret, it.jwt, it.from
        )
    });
    let gateway = gateway.replace("{url}", &house.sim.ringcentral_url());
    let lines = text.lines().map(|line| if line.contains("name: twilio,") { gateway.as_str() } else { line });
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

/// The gateway counts by user, not by process: what an agent was told before it ended still holds for the next one.
#[tokio::test]
async fn a_restart_inside_ringcentrals_penalty_makes_no_call_and_asks_for_no_token() {
    let mut house = House::unwatched(Plan { telling: RINGCENTRAL, ..Plan::default() }).await;
    house.sim.ringcentral(|it| it.penalty_ms = 60_000);
    ringcentral_alone(&house);
    house.start().await;
    house.settled().await;
    let given = |house: &House| house.sim.ringcentral_tokens();
    assert!(house.sim.until(PATIENCE, |sim| sim.ringcentral_tokens() == 1).await, "{}", house.log());

    // The agent learns of the penalty, and stops calling.
    house.sim.punish_ringcentral();
    house.counts("shiftwatch_gateway_penalty_seconds").await;
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    let calls = house.sim.calls_in_penalty();
    assert!(calls >= 1);

    // The next one knows, though it was told nothing: a text that is due waits, and nobody calls.
    house.start().await;
    house.settled().await;
    house.counts("shiftwatch_gateway_penalty_seconds").await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    until(&house, "shiftwatch_messages_total{channel=\"sms\",outcome=\"retried\"} 1").await;
    assert_eq!((house.sim.calls_in_penalty(), given(&house)), (calls, 1), "{}", house.log());
    assert_eq!(house.sim.texts().len(), 0);
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
    assert_eq!((house.sim.calls_in_penalty(), given(&house)), (calls, 1));
}

/// Who tells us of texts shakes hands first, and gives up for good when we fail once; nothing is lost by it.
#[tokio::test]
async fn ringcentral_tells_of_texts_after_a_handshake_and_again_once_it_gave_up() {
    let mut house = House::unwatched(Plan { telling: RINGCENTRAL, ..Plan::default() }).await;
    ringcentral_alone(&house);
    let file = house.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let web = format!("web: {{ listen: \"127.0.0.1:{port}\", external_url: \"{url}\" }}");
    std::fs::write(&file, text.replace("web: { listen: \"127.0.0.1:0\" }", &web)).unwrap();
    house.start().await;
    house.settled().await;
    let hook = format!("{url}/hooks/ringcentral");
    let subscribed = |sim: &shiftwatch::sim::Sim| sim.subscribed() == [hook.clone()];
    assert!(house.sim.until(PATIENCE, subscribed).await, "{}", house.log());
    let stranger = |n: u32| format!("shiftwatch_inbound_texts_total{{gateway=\"rc\",outcome=\"unknown_sender\"}} {n}");
    house.sim.receive_text("+12025550199", "+12025550101", "hello");
    until(&house, &stranger(1)).await;

    // Nobody is there when it tells of one: it gives up. The next start asks anew, and hears what came meanwhile.
    assert_eq!(house.stop().await, Some(0));
    house.sim.receive_text("+12025550199", "+12025550101", "is anybody there");
    assert!(house.sim.until(PATIENCE, |sim| sim.subscribed().is_empty()).await);
    house.start().await;
    house.settled().await;
    assert!(house.sim.until(PATIENCE, subscribed).await, "{}", house.log());
    // The one of before is within what is asked for again; nothing of a stranger's is kept by which to know it.
    until(&house, &stranger(2)).await;
    house.sim.receive_text("+12025550199", "+12025550101", "hello again");
    until(&house, &stranger(3)).await;
}
