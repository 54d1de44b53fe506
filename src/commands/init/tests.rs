//! `init`, answered by a script.

use std::{fs, path::Path};

use super::{Given, InitError, file::store_line, init, questions::phone};
use crate::config::{Config, SECRETS_FILE};

fn run(dir: &Path, force: bool, given: &Given, typed: &str) -> (Result<(), InitError>, String) {
    run_in(dir, force, given, typed, &|_| None, false)
}

fn run_in(
    dir: &Path,
    force: bool,
    given: &Given,
    typed: &str,
    env: &dyn Fn(&str) -> Option<String>,
    at_terminal: bool,
) -> (Result<(), InitError>, String) {
    let mut said = Vec::new();
    let result = init(&dir.join("c.yml"), force, given, env, at_terminal, &mut typed.as_bytes(), &mut said);
    (result, String::from_utf8(said).expect("text"))
}

const EVERYTHING: &str = "CCA\nAmerica/Denver\nid-1 secret-1 42\noffice@example.com, lead@example.com\nmail.example.com:587\nwatch@example.com it's a pass\nnight-1 (202) 555-0111, office-lead +12025550112\nAC00000000000000000000000000000001 token-1 202.555.0100\n";

#[test]
fn eight_answers_make_a_configuration_that_checks() {
    let dir = tempfile::tempdir().expect("a folder");
    let (result, said) = run(dir.path(), false, &Given::default(), EVERYTHING);
    result.expect("written");
    assert_eq!((1..=8).filter(|n| said.contains(&format!("{n}/8 "))).count(), 8, "{said}");
    let text = fs::read_to_string(dir.path().join("c.yml")).expect("the file");
    assert!(text.lines().count() <= 25, "{} lines", text.lines().count());
    let secrets = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("the secrets");
    for secret in ["secret-1", "it's a pass", "token-1"] {
        assert!(secrets.contains(secret) && !text.contains(secret) && !said.contains(secret), "{secret}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.path().join(SECRETS_FILE)).expect("the secrets").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // Nothing but the two files is needed, and nothing is said but that nobody watches the watcher.
    let (config, warnings) = Config::load(Some(&dir.path().join("c.yml")), &|_| None).expect("it loads");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(config.agencies[0].title, "CCA");
    let people: Vec<&str> = config.policy.paging.roster.people().map(|person| person.name.as_str()).collect();
    assert_eq!(people, ["night-1", "office-lead"]);
    assert_eq!(config.receivers[2].page[0].policy, "coverage");
    let policy = &config.policy.paging.escalation["coverage"];
    assert_eq!(policy.steps.len(), 2);
    let auth = config.receivers[1].email[0].auth.as_ref().expect("a login");
    assert_eq!(secrecy::ExposeSecret::expose_secret(&auth.password), "it's a pass");
}

/// Off unless somebody is named; the file says how.
#[test]
fn reminders_are_offered_and_off_by_default() {
    for (more, on) in [("", false), ("\n", false), ("8000201, 8000202\n", true), ("Casey\n8000201 8000202\n", true)] {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(dir.path(), false, &Given::default(), &format!("{EVERYTHING}{more}"));
        result.expect("written");
        assert!(said.contains("Reminders by text to caregivers who asked") && said.contains("empty = none"), "{said}");
        assert_eq!(said.contains("Casey is no WellSky id"), more.starts_with("Casey"), "{said}");
        let path = dir.path().join("c.yml");
        let text = fs::read_to_string(&path).expect("the file");
        assert!(text.lines().count() <= 25, "{text}");
        let (config, _) = Config::load(Some(&path), &|_| None).expect("it loads");
        let people = config.agencies[0].reminders.as_ref().map(|it| it.people.len());
        assert_eq!(people, on.then_some(2), "{text}");
        if !on {
            // What the comment shows is what has to be written.
            fs::write(&path, text.replace("    # reminders:", "    reminders:")).expect("a file");
            let (config, _) = Config::load(Some(&path), &|_| None).expect("it loads");
            let reminders = config.agencies[0].reminders.as_ref().expect("they are on");
            assert_eq!((reminders.people.len(), reminders.check_in), (1, Some(chrono::TimeDelta::minutes(5))));
        }
    }
    let dir = tempfile::tempdir().expect("a folder");
    let (_, said) = run(dir.path(), false, &Given::default(), "CCA\nAmerica/Denver\na b c\n\n\n");
    assert!(!said.contains("Reminders"), "nothing could text them: {said}");
}

#[test]
fn a_blank_answer_leaves_the_channel_out() {
    for (typed, n_questions) in [
        ("CCA\nAmerica/Denver\na b c\n\n\n", 5),
        ("CCA\nAmerica/Denver\na b c\n\n2025550111\nAC00000000000000000000000000000001 t +12025550100\n", 6),
        ("CCA\nAmerica/Denver\na b c\no@example.com\nlocalhost:25\nw@example.com\n\n", 7),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(dir.path(), false, &Given::default(), typed);
        result.expect(typed);
        assert_eq!(said.matches("/8 ").count(), n_questions, "{said}");
    }
}

#[test]
fn a_wrong_answer_is_asked_again_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (result, said) =
        run(dir.path(), false, &Given::default(), "Comfort Care\n\n\n\nCCA\nDenver\nAmerica/Denver\na b c\n\n\n");
    result.expect("written");
    assert!(said.contains("that has 12 characters") && said.contains("did you mean America/Denver?"), "{said}");
    let dir = tempfile::tempdir().expect("a folder");
    let (result, _) = run(dir.path(), false, &Given::default(), "CCA\n");
    assert!(matches!(result, Err(InitError::Ended { question }) if question.starts_with("2/8")));
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0, "nothing was written");
}

#[test]
fn files_that_are_there_stay_unless_forced() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join(SECRETS_FILE), "MINE=1\n").expect("a file");
    let (result, said) = run(dir.path(), false, &Given::default(), EVERYTHING);
    assert!(matches!(result, Err(InitError::Exists { .. })) && said.is_empty(), "{said}");
    assert!(!dir.path().join("c.yml").exists());
    let (result, _) = run(dir.path(), true, &Given::default(), EVERYTHING);
    result.expect("forced");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.path().join(SECRETS_FILE)).expect("the secrets").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "a file with wider permissions is narrowed");
    }
}

#[test]
fn flags_answer_without_a_question() {
    let given = Given {
        title: Some("CCA".into()),
        timezone: Some("America/Denver".into()),
        wellsky: Some("a b c".into()),
        mail_to: Some(String::new()),
        people: Some(String::new()),
        ..Given::default()
    };
    let dir = tempfile::tempdir().expect("a folder");
    let (result, said) = run(dir.path(), false, &given, "");
    result.expect("written");
    assert!(!said.contains("/8"), "{said}");
    let dir = tempfile::tempdir().expect("a folder");
    let (result, _) = run(dir.path(), false, &Given { timezone: Some("Denver".into()), ..given }, "");
    assert!(matches!(result, Err(InitError::Answer { .. })));
}

#[test]
fn what_the_environment_says_is_written_down() {
    let env = |name: &str| match name {
        "WELLSKY_CLIENT_ID" | "WELLSKY_CLIENT_SECRET" | "WELLSKY_AGENCY_ID" => Some(format!("of-{name}")),
        "WELLSKY_BASE_URL" => Some("http://127.0.0.1:9850".to_owned()),
        _ => None,
    };
    let dir = tempfile::tempdir().expect("a folder");
    let typed = "CCA\nAmerica/Denver\n\n\n\n";
    let (result, said) = run_in(dir.path(), false, &Given::default(), typed, &env, false);
    result.expect("written");
    assert!(said.contains("note: WELLSKY_BASE_URL is set") && !said.contains("unset"), "{said}");
    let (config, _) = Config::load(Some(&dir.path().join("c.yml")), &|_| None).expect("it loads in a new shell");
    assert_eq!(config.agencies[0].wellsky.base_url, "http://127.0.0.1:9850");
    let id = &config.agencies[0].wellsky.client_id;
    assert_eq!(secrecy::ExposeSecret::expose_secret(id), "of-WELLSKY_CLIENT_ID");
    // What is typed and differs would lose silently.
    let typed = "CCA\nAmerica/Denver\nof-WELLSKY_CLIENT_ID typed 42\n\n\n";
    let (result, said) = run_in(dir.path(), true, &Given::default(), typed, &env, false);
    result.expect("written");
    assert!(said.contains("unset WELLSKY_CLIENT_SECRET") && !said.contains("unset WELLSKY_CLIENT_ID"), "{said}");
}

#[test]
fn at_a_terminal_secrets_are_asked_for_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let typed = "CCA\nAmerica/Denver\nid-1\nsecret-1\n42\no@example.com\nlocalhost:25\nw@example.com\na pass\n\
                 '+12025550111'\nAC00000000000000000000000000000001\ntoken-1\nnobody\n12025550100\n";
    let (result, said) = run_in(dir.path(), false, &Given::default(), typed, &|_| None, true);
    result.expect("written");
    assert_eq!(said.matches("(not shown)").count(), 3, "{said}");
    let secrets = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("the secrets");
    for line in [
        "WELLSKY_CLIENT_ID=id-1",
        "WELLSKY_CLIENT_SECRET=secret-1",
        "WELLSKY_AGENCY_ID=42",
        "SMTP_PASSWORD='a pass'",
        "TWILIO_AUTH_TOKEN=token-1",
    ] {
        assert!(secrets.lines().any(|it| it == line), "{line}: {secrets}");
    }
    let text = fs::read_to_string(dir.path().join("c.yml")).expect("the file");
    assert!(text.contains("+12025550100") && text.contains("+12025550111"), "{text}");
}

#[test]
fn phones_are_read_as_people_write_them() {
    for text in ["+12025550111", "\"+12025550111\"", "12025550111", "(202) 555-0111", "202.555.0111", "1 202 555 0111"]
    {
        assert_eq!(phone(text).as_deref(), Ok("+12025550111"), "{text}");
    }
    for text in ["", "0111", "nobody", "442071838750", "+1"] {
        assert!(phone(text).is_err_and(|why| why.starts_with("write it as +12025550111:")), "{text}");
    }
}

#[test]
fn a_services_store_is_where_the_service_may_write() {
    assert_eq!(
        store_line(Path::new("/etc/shiftwatch/shiftwatch.yml")),
        "store: sqlite:///var/lib/shiftwatch/shiftwatch.db\n"
    );
    for path in ["shiftwatch.yml", "/home/ann/etc/shiftwatch.yml", "/usr/local/etc/shiftwatch/shiftwatch.yml"] {
        assert_eq!(store_line(Path::new(path)), "", "{path}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_said_before_anything_is_asked() {
    let dir = tempfile::tempdir().expect("a folder");
    let (result, said) = run(&dir.path().join("etc"), false, &Given::default(), EVERYTHING);
    assert!(matches!(result, Err(InitError::NoFolder { .. })) && said.is_empty(), "{said}");
}

#[test]
fn a_number_that_is_no_account_of_twilios_is_asked_for_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let typed = EVERYTHING.replace("AC00000000000000000000000000000001", "AC123")
        + "AC00000000000000000000000000000001 token-1 202.555.0100\n";
    let (result, said) = run(dir.path(), false, &Given::default(), &typed);
    result.expect("written");
    assert!(said.contains("AC and 32 digits and letters"), "{said}");
}
