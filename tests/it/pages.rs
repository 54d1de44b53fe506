//! People are reached: the story of a night, told by the real binary to phones on a fake gateway. Any text or mail that the
//! test does not expect fails it.

use chrono::TimeDelta;
use serde_json::Value;
use shiftwatch::sim::{Appointment, Conduct, Text, twilio_signature};

use crate::harness::{AVERY, BLAKE, CASEY, House, PATIENCE, Plan, at};

const NIGHT: &str = "+12025550111";
const BACKUP: &str = "+12025550112";
const OFFICE: &str = "+12025550100";
const ADDRESS: &str = "https://watch.example.com";

/// A shift without a caregiver and one without a check-in, both for somebody's phone.
pub const RULES: &str = r"groups:
  - name: e2e
    rules:
      - { alert: ShiftUncovered, uncovered_shift: { within: 4h }, labels: { severity: page } }
      - { alert: MissedCheckIn, missed_check_in: { after: 15m }, labels: { severity: page } }
";

/// Both of them know of it when a text has arrived; the fake gateway says so within seconds of the machine's clock, which
/// are minutes here.
const TELLING: &str = r#"people: [ { name: night-1, phone: "+12025550111" }, { name: night-2, phone: "+12025550112" } ]
escalation_policies:
  - name: coverage
    repeat: 15m
    unconfirmed_after: 9m
    steps:
      - { notify: [ { person: night-1 } ], via: [sms], after: 0m }
      - { notify: [ { person: night-2 } ], via: [sms], after: 10m }
route: { receiver: on-call, group_by: [agency, shift], group_wait: 2s, group_interval: 5m, repeat_interval: 4h }
receivers: [ { name: on-call, page_configs: [ { policy: coverage } ] } ]
"#;

/// A minute of the night in a second.
const SPEED: u32 = 60;

/// 07:52 in Denver; a shift at 07:55 whose caregiver does not come.
async fn night() -> House {
    let plan = Plan {
        begins_at: at("2026-11-24T14:52:00Z"),
        rules: RULES,
        wellsky: "      encounter_naive_tz: utc",
        telling: TELLING,
        external_url: ADDRESS,
        speed: SPEED,
        world: |world, now| {
            let start = now + TimeDelta::minutes(3);
            world.add_shift(Appointment::hours("90010003", AVERY, start, 4).with(CASEY));
            let punctual = Conduct::punctual();
            world.add_shift(Appointment::hours("90010004", BLAKE, start, 4).with("8000202").who(punctual));
        },
        ..Plan::default()
    };
    House::open(plan).await
}

/// Waits for the `n`th text to a phone.
async fn text(house: &House, phone: &str, n: usize) -> Text {
    let came = house.sim.until(PATIENCE, |sim| sim.phone(phone).len() > n).await;
    let said: Vec<String> = house.sim.phone(phone).into_iter().map(|text| text.body).collect();
    assert!(came, "{phone} got {said:?} and no more\n{}", house.log());
    let text = house.sim.phone(phone)[n].clone();
    assert!(text.body.len() <= 160, "{:?} is longer than one text", text.body);
    text
}

/// The code and the link's token in a page's text.
fn code_and_token(body: &str) -> (String, String) {
    let code = body.split("Reply 1 ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a code").to_owned();
    let token = body.split("/a/").nth(1).expect("a link").trim().to_owned();
    (code, token)
}

/// A person texts back; the gateway tells us at once.
pub async fn reply(house: &House, from: &str, sid: &str, body: &str) -> u16 {
    let token = house.sim.twilio(|gateway| gateway.auth_token.clone());
    let params: Vec<(String, String)> = [("Body", body), ("From", from), ("MessageSid", sid), ("To", OFFICE)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    let signature = twilio_signature(&token, &format!("{ADDRESS}/hooks/twilio"), &params);
    house.post_form("/hooks/twilio", &params, &[("x-twilio-signature", &signature)]).await.0
}

fn minute(house: &House, text: &Text, wanted: &str) {
    let since = text.at - at(wanted);
    assert!(
        (TimeDelta::zero()..TimeDelta::seconds(75)).contains(&since),
        "{:?} came {since} after {wanted}\n{}",
        text.body,
        house.log()
    );
}

/// Nobody was told anything but this.
fn only(house: &House, night: usize, backup: usize) {
    let said: Vec<(String, String)> = house.sim.texts().into_iter().map(|text| (text.to, text.body)).collect();
    assert_eq!(house.sim.phone(NIGHT).len(), night, "{said:#?}\n{}", house.log());
    assert_eq!(house.sim.phone(BACKUP).len(), backup, "{said:#?}\n{}", house.log());
    assert_eq!(said.len(), night + backup, "{said:#?}\n{}", house.log());
    assert!(house.sim.mails().is_empty(), "{:?}", house.sim.mails());
}

/// The alert that `/api/v1/alerts` has.
async fn alert(house: &House) -> Value {
    let (_, alerts) = house.get("/api/v1/alerts").await;
    let alerts: Value = serde_json::from_str(&alerts).expect("JSON");
    alerts[0].clone()
}

/// The API and the board say who was told by which page, at which step, and when it goes on.
async fn says_who_was_told(house: &House, first: &Text, second: &Text) {
    let alert = alert(house).await;
    let told = alert["told"].as_array().expect("a list");
    assert_eq!(told.len(), 2, "{alert}");
    for (i, (person, text)) in [("night-1", first), ("night-2", second)].into_iter().enumerate() {
        let (code, _) = code_and_token(&text.body);
        assert_eq!((&told[i]["receiver"], &told[i]["channel"]), (&person.into(), &"sms".into()), "{alert}");
        assert_eq!((&told[i]["page"]["step"], &told[i]["page"]["code"]), (&(i + 1).into(), &code.into()), "{alert}");
    }
    assert!(alert["next_step_at"].as_str().is_some_and(|at| at > "2026-11-24T15:20"), "{alert}");
    let (_, page) = house.get(&format!("/alerts/{}", alert["fingerprint"].as_str().expect("a fingerprint"))).await;
    for words in ["night-1", "at step 1", "night-2", "at step 2", "the next way or person is tried"] {
        assert!(page.contains(words), "{page} lacks {words}");
    }
    assert!(!page.contains("202555"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_night_from_the_missed_check_in_to_the_closing() {
    let mut house = night().await;
    let first = text(&house, NIGHT, 0).await;
    minute(&house, &first, "2026-11-24T15:10:00Z");
    for words in ["CCA: NO CHECK-IN Tue 07:55-11:55", "15 min late", "Call caregiver, then client.", ADDRESS] {
        assert!(first.body.contains(words), "{:?} lacks {words:?}", first.body);
    }
    only(&house, 1, 0);

    let second = text(&house, BACKUP, 0).await;
    minute(&house, &second, "2026-11-24T15:20:00Z");
    assert!(second.body.contains("night-1 was told at 08:10"), "{:?}", second.body);
    only(&house, 1, 1);

    says_who_was_told(&house, &first, &second).await;

    // A stranger, a chat, and a reply that is heard twice.
    let (code, _) = code_and_token(&second.body);
    assert_eq!(reply(&house, "+12025550199", "SM00000000000000000000000000000001", &format!("1 {code}")).await, 200);
    assert_eq!(reply(&house, BACKUP, "SM00000000000000000000000000000002", "on my way to the office").await, 200);
    for _ in 0..2 {
        let sid = "SM00000000000000000000000000000003";
        assert_eq!(reply(&house, BACKUP, sid, &format!("1 {}", code.to_lowercase())).await, 200);
    }
    let owned = text(&house, NIGHT, 1).await;
    assert!(owned.body.contains("night-2 has"), "{:?}", owned.body);
    let answer = text(&house, BACKUP, 1).await;
    assert!(answer.body.contains(&code), "{:?}", answer.body);

    let now = house.now();
    assert!(now < at("2026-11-24T15:24:00Z"), "it took too long: {now}");
    house.pass(at("2026-11-24T15:24:00Z") - now).await;
    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    for (phone, n) in [(NIGHT, 2), (BACKUP, 2)] {
        let closing = text(&house, phone, n).await;
        for words in ["CCA CLOSED", "Tue 07:55-11:55", "arrived late, 08:2", "night-2 had it"] {
            assert!(closing.body.contains(words), "{:?} lacks {words:?}", closing.body);
        }
    }
    house.long_enough().await;
    only(&house, 3, 3);

    // The log shows it all, by names that are ids and without a number.
    let log = house.log();
    let turns: Vec<String> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            let turn = line["turn"].as_str()?;
            Some(format!("{turn} {}", line["people"].as_str().unwrap_or_default()).trim().to_owned())
        })
        .collect();
    assert_eq!(turns, ["opened", "stepped night-1", "stepped night-2", "owned night-2", "closed night-2"], "{log}");
    assert!(!log.contains("2025550"), "a number in the log: {log}");
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_takes_a_page_once_and_nobody_learns_which_links_there_were() {
    let mut house = night().await;
    let first = text(&house, NIGHT, 0).await;
    let (_, token) = code_and_token(&first.body);
    let path = format!("/a/{token}");
    let (status, page) = house.get(&path).await;
    assert_eq!(status, 200, "{page}");
    for words in ["NO CHECK-IN", "night-1", "Nobody has it.", "90010003"] {
        assert!(page.contains(words), "{page} lacks {words}");
    }
    for private in ["7000101", "Avery", "202555"] {
        assert!(!page.contains(private), "{page} shows {private}");
    }
    only(&house, 1, 0);

    let nowhere = house.get("/a/0000000000000000").await;
    assert_eq!((nowhere.0, house.get("/a/x").await), (404, nowhere.clone()), "forged links are all answered alike");

    // Twice the same button: once.
    for _ in 0..2 {
        let (status, page) =
            house.post_form(&path, &[("do".to_owned(), "mine".to_owned())], &[("origin", "null")]).await;
        assert_eq!(status, 200, "{page}");
        assert!(page.contains("It is yours until"), "{page}");
        assert!(page.contains("Done by this link: Mine,") && !page.contains(">Mine</button>"), "{page}");
    }
    let (_, pages) = house.get("/api/v1/pages").await;
    let pages: Value = serde_json::from_str(&pages).expect("JSON");
    assert_eq!(pages[0]["state"], "owned", "{pages}");
    assert_eq!(pages[0]["owner"]["by"], "night-1", "{pages}");
    assert!(!pages.to_string().contains("2025550"), "{pages}");

    let now = house.now();
    house.sim.world(|world| world.check_in("90010003", now)).expect("a shift");
    let closing = text(&house, NIGHT, 1).await;
    assert!(closing.body.contains("CCA CLOSED"), "{:?}", closing.body);
    let (status, page) = house.get(&path).await;
    assert!(status == 200 && page.contains("Over since") && !page.contains("<button"), "{page}");
    house.long_enough().await;
    only(&house, 2, 0);
    assert_eq!(house.stop().await, Some(0), "{}", house.log());
}
