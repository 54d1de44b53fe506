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
