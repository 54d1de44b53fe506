//! The tests that come with the rules: they pass, they leave no rule out, and a rule changed for the worse fails them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use shiftwatch::{
    cli,
    commands::{
        Exit,
        output::Output,
        test::{self, read_file},
    },
    config::Config,
    rehearse::{
        expect::{Expected, Is},
        play::play,
    },
    rules::rule::Rule,
};
use tempfile::TempDir;

const RULE_FILES: [&str; 6] = ["coverage.yml", "visits.yml", "office.yml", "api.yml", "on_call.yml", "watchdog.yml"];

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rules")
}

fn test_files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".test.yml"))
        .collect();
    files.sort();
    files
}

/// What `shiftwatch test` does with these files: its exit, what it prints, what it says on the error side.
fn played(files: &[PathBuf], verbose: bool, output: Output) -> (Exit, String, String) {
    let args = cli::Test { files: files.to_vec(), verbose, output };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = test::run(&args, None, &|_| None, &mut out, &mut err).unwrap();
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

/// A test file of its own, with the shipped rules beside it.
fn alone(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for file in RULE_FILES {
        fs::copy(shipped().join(file), dir.path().join(file)).unwrap();
    }
    let path = dir.path().join("my.test.yml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

#[test]
fn the_shipped_tests_pass() {
    let (exit, out, err) = played(&test_files(&shipped()), false, Output::Table);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
    assert!(out.contains("all as expected"), "{out}");
}

#[test]
fn every_shipped_rule_is_seen_to_fire_to_keep_quiet_and_to_close() {
    let mut seen: Vec<(Rule, [bool; 3])> = Config::rules_of(&RULE_FILES.map(|file| shipped().join(file)))
        .unwrap()
        .into_iter()
        .map(|rule| (rule, [false; 3]))
        .collect();
    assert_eq!(seen.len(), 32, "the shipped rules were found");
    let n_of: Vec<usize> =
        seen.iter().map(|(rule, _)| seen.iter().filter(|(other, _)| other.alert == rule.alert).count()).collect();
    for file in test_files(&shipped()) {
        let (cast, tests) = read_file(&file, None, &|_| None).unwrap();
        for expectation in tests.iter().flat_map(|test| &test.expected) {
            let Expected::Alert(pick, is) = &expectation.what else { continue };
            for ((rule, seen), n) in seen.iter_mut().zip(&n_of) {
                // One of several of a name is meant only where its label is.
                let meant = pick.name == rule.alert
                    && cast.rules.iter().any(|loaded| loaded.id == rule.id)
                    && pick.labels.iter().all(|(label, value)| rule.labels.get(label) == Some(value))
                    && (*n == 1 || !pick.labels.is_empty());
                let place = match is {
                    Is::Firing | Is::FiringThroughout => 0,
                    Is::NotFiring => 1,
                    Is::Closed(_) => 2,
                    Is::Pending | Is::Acknowledged => continue,
                };
                seen[place] |= meant;
            }
        }
    }
    for (rule, [fires, quiet, closes]) in seen {
        // What always fires neither keeps quiet nor closes.
        let always = rule.alert == "Watchdog";
        assert!(fires, "no test sees {} fire", rule.id);
        assert!(quiet || always, "no test sees {} keep quiet", rule.id);
        assert!(closes || always, "no test sees {} close", rule.id);
    }
}

#[test]
fn a_rule_changed_for_the_worse_fails_its_test() {
    let bands = "The bands open";
    let nobody = "Nobody checks in, then";
    let fails = "WellSky fails for a quarter";
    let mutants = [
        ("coverage.yml", "within: 72h", "within: 71h", bands),
        ("coverage.yml", "within: 24h", "within: 25h", bands),
        ("coverage.yml", "within: 4h", "within: 3h", bands),
        ("coverage.yml", "within: 0s", "within: 5m", bands),
        ("coverage.yml", "severity: page, band: 4h", "severity: warning, band: 4h", "A call-out two hours"),
        ("coverage.yml", "severity: critical, band: started", "severity: info, band: started", bands),
        ("visits.yml", "missed_check_in: { after: 10m }", "missed_check_in: { after: 9m }", nobody),
        ("visits.yml", "missed_check_in: { after: 15m }", "missed_check_in: { after: 20m }", nobody),
        ("visits.yml", "no_show: { after: 30m }", "no_show: { after: 45m }", nobody),
        ("visits.yml", "missed_check_out: { after: 30m }", "missed_check_out: { after: 1h }", "Nobody checks out"),
        ("visits.yml", "after: 4h, longest: 16h", "after: 5h, longest: 16h", "A visit left open"),
        ("visits.yml", "after: 4h, longest: 16h", "after: 4h, longest: 18h", "Sixteen hours"),
        ("visits.yml", "severity: page, band: 15m", "severity: info, band: 15m", nobody),
        ("office.yml", "late_check_in: { by: 10m }", "late_check_in: { by: 9m }", "Nine minutes"),
        ("office.yml", "late_check_in: { by: 10m }", "late_check_in: { by: 11m }", "ten minutes late"),
        ("office.yml", "below: 75%", "below: 50%", "A short visit"),
        ("office.yml", "overrun: { by: 30m }", "overrun: { by: 1h }", "past its plan"),
        ("office.yml", "unscheduled_visit: {}", "caregiver_mismatch: {}", "fits no shift"),
        ("office.yml", "caregiver_mismatch: {}", "unscheduled_visit: {}", "Another caregiver"),
        ("office.yml", "double_booked: { of: caregiver }", "double_booked: { of: client }", "two places at once"),
        ("office.yml", "double_booked: { of: client }", "double_booked: { of: caregiver }", "two shifts at one time"),
        ("office.yml", "under: 15m", "under: 30m", "One shift after the other"),
        ("office.yml", "weekly_hours: 40", "weekly_hours: 42", "A fourth long day"),
        ("office.yml", "weekly_hours: 40", "weekly_hours: 30", "Forty hours"),
        ("office.yml", "within: 4h", "within: 5h", "A change four hours"),
        ("office.yml", "for: 14d", "for: 4d", "Nothing is planned"),
        ("api.yml", "above: 5s", "above: 8s", "answers slowly"),
        ("api.yml", "above: 5s", "above: 3s", "One failed request"),
        ("api.yml", "ratio: 0.1", "ratio: 0.9", fails),
        ("api.yml", "api_down: { after: 3m }", "api_down: { after: 6m }", fails),
        ("api.yml", "after: 10m, idle: 1h", "after: 20m, idle: 1h", "a check-in falls due unseen"),
        ("api.yml", "after: 10m, idle: 1h", "after: 10m, idle: 2h", "Nothing at all is read"),
        ("api.yml", "delivery_failing: { after: 5m }", "delivery_failing: { after: 10m }", "Texts do not leave"),
        ("on_call.yml", "within: 14d", "within: 1h", "A hole is seen in time"),
        ("on_call.yml", "nobody_on_call: {}", "nobody_on_call: { within: 14d }", "A hole is seen in time"),
        ("on_call.yml", "for: 10m", "for: 1m", "refuses texts"),
        ("on_call.yml", "unverified_number: {}", "on_call_fault: {}", "no answer ever came"),
        ("watchdog.yml", "watchdog: {}", "source_anomaly: {}", "from the first moment"),
    ];
    for (file, from, to, name) in mutants {
        let dir = tempfile::tempdir().unwrap();
        for one in fs::read_dir(shipped()).unwrap() {
            let one = one.unwrap().path();
            if one.is_file() {
                fs::copy(&one, dir.path().join(one.file_name().unwrap())).unwrap();
            }
        }
        let text = fs::read_to_string(dir.path().join(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{file} says {from} once");
        fs::write(dir.path().join(file), text.replace(from, to)).unwrap();
        let tests = dir.path().join(file.replace(".yml", ".test.yml"));
        let (cast, tests) = read_file(&tests, None, &|_| None).unwrap();
        let test = tests.iter().find(|test| test.name.contains(name)).unwrap_or_else(|| panic!("a test {name}"));
        let failures = play(test, &cast).failures;
        assert!(!failures.is_empty(), "{file}: {from} became {to} and \"{name}\" did not notice");
    }
}

#[test]
fn a_failing_expectation_says_where_what_came_instead_and_what_happened_when() {
    let (_dir, path) = alone(
        "config: standard\nrules: [visits.yml]\nclients: [Avery]\ncaregivers: [Blake]\nshifts:\n  morning: Tue 07:00-11:00, Avery with Blake\ntests:\n  - name: late\n    begins: 2026-03-10 06:00\n    expect:\n      - Tue 07:12: MissedCheckIn (band 15m) of morning fires\n      - Tue 07:15: on-call is told by sms \"NOBODY\"\n",
    );
    let (exit, out, err) = played(std::slice::from_ref(&path), false, Output::Table);
    assert_eq!((exit, err.as_str()), (Exit::Failed, ""));
    for says in [
        "FAIL  late",
        "my.test.yml:11:20: expected  Tue 07:12: MissedCheckIn (band 15m) of morning fires",
        "got  MissedCheckIn (band 15m) of morning: firing Tue 07:15",
        "my.test.yml:12:20: expected  Tue 07:15: on-call is told by sms \"NOBODY\"",
        "got  Tue 07:15:10 on-call by sms: CCA: NO CHECK-IN Tue 07:00-11:00",
        "    Tue 07:15    alert    MissedCheckIn (band 15m) of morning: firing\n",
        "    Tue 07:15    quiet    MissedCheckIn (band 15m) of morning: a second look is awaited\n",
        "1 test, 1 not as expected",
    ] {
        assert!(out.contains(says), "{says}\n{out}");
    }
    let (_, out, _) = played(&[path], false, Output::Json);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["n_tests"].as_u64(), json["n_failed"].as_u64()), (Some(1), Some(1)));
    assert_eq!(json["tests"][0]["failures"][0]["line"], 11);
    assert!(json["tests"][0]["timeline"].as_array().unwrap().iter().any(|entry| entry["kind"] == "told"));
}

#[test]
fn faults_of_a_test_file_are_all_named_with_their_places() {
    let (_dir, path) = alone(
        "rules: [visits.yml]\nclients: [Avery]\ncaregivers: [Blake]\nshift: {}\nshifts:\n  morning: Tue 07:00-11:00, Avery with Blake\n  broken: Tue 07:00-11:00, Avery\n  other: Tue 07:00-11:00, Avrey with nobody\ntests:\n  - name: many faults\n    begins: 2026-03-10 06:00\n    happens:\n      - Tue 07:12: Blake calls out of mornin\n      - 07:12: Blake calls out of morning\n      - Tue 07:12: Blake walks into morning\n      - Mon 01:00: Blake calls out of morning\n    expect:\n      - Tue 07:15: MissedChekIn of morning fires\n      - Tue 07:15: on-cal is told by sms \"x\"\n      - Tue 07:15: on-call is told by pigeon \"x\"\n      - Tue 07:15: MissedCheckIn of morning is closed, somehow\n      - Tue 07:15: { alert: MissedCheckIn, of: morning, state: firing }\n",
    );
    let (exit, out, err) = played(std::slice::from_ref(&path), false, Output::Table);
    assert_eq!(exit, Exit::Failed);
    assert!(out.contains("0 tests"), "{out}");
    let prefix = format!("{}:", path.display());
    let found: Vec<String> = err.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect();
    for says in [
        "4:1: error: unknown key \"shift\"; did you mean shifts?",
        "7:11: error: tests[0].shifts.broken is \"Tue 07:00-11:00, Avery\"; write it as: Tue 07:00-11:00, CLIENT with CAREGIVER (or with nobody)",
        "8:10: error: no client is called \"Avrey\"; did you mean Avery?",
        "13:20: error: no shift is called \"mornin\"; did you mean morning?",
        "14:9: error: \"07:12\" says no day; write the weekday before the time: Tue 07:00",
        "16:20: error: this lies before the test begins; begin earlier, or name the day by its date",
        "18:20: error: no alert is called \"MissedChekIn\"; did you mean MissedCheckIn?",
        "19:20: error: no receiver or person is called \"on-cal\"; did you mean on-call?",
        "20:20: error: nobody is told by \"pigeon\"; write sms, call, email, webhook or record",
        "22:20: error: { alert",
    ] {
        if says.ends_with("alert") {
            assert!(found.iter().any(|line| line.starts_with("22:")), "{err}");
        } else {
            assert!(found.iter().any(|line| line == says), "{says}\n{err}");
        }
    }
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("15:20: error: \"Blake walks into morning\" is nothing that can happen"))
    );
    assert!(found.iter().any(|line| line.starts_with("21:20: error: no alert is closed as \"somehow\"")));
}

/// The example of the page that explains rule tests is a rule test, and passes.
#[test]
fn the_worked_example_of_the_docs_plays() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rule-tests.md")).unwrap();
    let (_, rest) = page.split_once("<!-- example: begin -->\n```yaml\n").expect("the example begins");
    let (example, _) = rest.split_once("```\n<!-- example: end -->").expect("and ends");
    let (dir, path) = alone(example);
    let (exit, out, err) = played(std::slice::from_ref(&path), false, Output::Table);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
    // And fails as the page shows it, with the rule changed as the page says.
    let rules = dir.path().join("visits.yml");
    let text = fs::read_to_string(&rules).unwrap();
    fs::write(&rules, text.replace("after: 15m", "after: 20m")).unwrap();
    let (exit, out, _) = played(&[path], false, Output::Table);
    assert_eq!(exit, Exit::Failed);
    let (_, shown) = page.split_once("```text\n  FAIL").expect("the page shows a failure");
    let (shown, _) = shown.split_once("```").unwrap();
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "…") {
        let line = line.strip_prefix("rules/my.test.yml").unwrap_or(line);
        assert!(out.contains(line), "the page shows {line:?}\n{out}");
    }
}
