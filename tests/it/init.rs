//! What `init` writes pages a person, as it stands.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use chrono::TimeDelta;

use crate::harness::{House, PATIENCE, Plan, SHIFT};

const ANSWERS: &str = "CCA\nAmerica/Denver\nexample-client example-secret 9999\n\nnight-1 +12025550111, office-lead \
                       (202) 555-0112\n{sid} {token} +12025550100\n";

/// A port that nobody listens at: what is tried there fails at once.
const NOBODY: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn the_configuration_that_init_writes_checks_without_a_hole_and_pages_until_somebody_answers() {
    let mut house = House::unwatched(Plan { speed: 60, ..Plan::default() }).await;
    let file = house.config_file();
    let folder = file.parent().unwrap();
    let (sid, token) = house.sim.twilio(|it| (it.account_sid.clone(), it.auth_token.clone()));
    let command = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shiftwatch"));
        command.args(args).env("WELLSKY_BASE_URL", NOBODY);
        // Nothing outside this machine is asked.
        command.env("HTTPS_PROXY", NOBODY).current_dir(folder).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    };
    let mut init = command(&["init", "--force"]);
    let answers = ANSWERS.replace("{sid}", &sid).replace("{token}", &token);
    init.stdin.take().expect("its input").write_all(answers.as_bytes()).expect("it listens");
    let said = init.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("doctor --config ./shiftwatch.yml --text night-1 sends a text"), "{said}");
    let written = std::fs::read_to_string(&file).unwrap();
    assert!(written.lines().count() <= 25 && !written.contains(&token), "{written}");

    let checked = command(&["check", "--config", "shiftwatch.yml"]).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && !said.contains("on-call:"), "{said}");

    // The gateway, the port and the pace are the test's; who is told, and how, is what was written.
    let with = |text: String, old: &str, new: String| {
        assert!(text.contains(old), "{old}: {text}");
        text.replace(old, &new)
    };
    let text = with(written, NOBODY, house.sim.base_url());
    let text = with(text, "wellsky: {", "wellsky: { detect_within: 20s, requests_per_second: 10,".to_owned());
    let text = with(text, "twilio: { account", format!("twilio: {{ base_url: \"{}\", account", house.sim.twilio_url()));
    std::fs::write(&file, text + "web: { listen: \"127.0.0.1:0\" }\n").unwrap();
    house.start().await;
    house.settled().await;
    house.sim.world(|world| world.unassign(SHIFT)).expect("a shift");
    assert!(house.sim.until(PATIENCE, |sim| !sim.texts().is_empty()).await, "{}", house.log());
    let first = house.sim.texts().remove(0);
    assert_eq!(first.to, "+12025550111");
    assert!(first.body.contains("NO CAREGIVER") && first.body.contains("Reply 1 "), "{}", first.body);

    // Nobody answers: ten minutes after the first, the backup hears of it, and of who was asked.
    house.pass(TimeDelta::minutes(10)).await;
    let to_backup = |sim: &shiftwatch::sim::Sim| sim.texts().into_iter().find(|text| text.to == "+12025550112");
    assert!(house.sim.until(PATIENCE, |sim| to_backup(sim).is_some()).await, "{}", house.log());
    let backup = to_backup(&house.sim).expect("just seen");
    assert!(backup.body.contains("night-1 was told at"), "{}", backup.body);
}
