use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::*;

mod paging;

/// The variables that fixtures and examples name.
fn env(name: &str) -> Option<String> {
    let value = match name {
        "WELLSKY_CLIENT_ID"
        | "WELLSKY_CLIENT_SECRET"
        | "WELLSKY_AGENCY_ID"
        | "TWILIO_AUTH_TOKEN"
        | "SMTP_PASSWORD"
        | "HOOK" => "planted-secret",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

const AGENCY: &str = "agencies:\n  - name: main\n    timezone: America/Denver\n    wellsky: { client_id: { env: WELLSKY_CLIENT_ID }, client_secret: { env: WELLSKY_CLIENT_SECRET } }\n";

/// A folder with files, the first of which is the configuration.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn load(&self) -> Result<(Config, Vec<String>), Vec<String>> {
        let said = |faults: Vec<Fault>| {
            let dir = format!("{}/", self.0.path().display());
            faults.iter().map(|fault| fault.to_string().replace(&dir, "")).collect::<Vec<_>>()
        };
        match Config::load(Some(&self.0.path().join("c.yml")), &env) {
            Ok((config, faults)) => Ok((config, said(faults))),
            Err(faults) => Err(said(faults)),
        }
    }
}

fn load(text: &str) -> Result<(Config, Vec<String>), Vec<String>> {
    Folder::with(&[("c.yml", text)]).load()
}

/// Every broken fixture says exactly what the file beside it says: place, severity, what is wrong, what to write.
/// `SHIFTWATCH_UPDATE=1` rewrites those files; read the difference before keeping it.
#[test]
#[expect(clippy::disallowed_methods, reason = "asks whoever runs the test, not the agent's environment")]
fn broken_files_say_where_and_what_to_write_instead() {
    let dir = root("tests/fixtures/broken");
    let mut names: Vec<String> = fs::read_dir(&dir)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.strip_suffix(".yml").map(ToOwned::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 30, "only {} fixtures", names.len());
    let folder = Folder::with(&[]);
    let update = std::env::var("SHIFTWATCH_UPDATE").is_ok();
    let mut differ = String::new();
    for name in &names {
        let text = fs::read(dir.join(format!("{name}.yml"))).expect("a fixture");
        // A file of rules, or a web file, is read through a configuration that names it.
        let tested = if name.starts_with("rules-") {
            folder.write("c.yml", &format!("{AGENCY}rule_files: [fixture.yml]\n"));
            "fixture.yml"
        } else if name.starts_with("web-") {
            folder.write("c.yml", &format!("{AGENCY}web: {{ config_file: fixture.yml }}\n"));
            "fixture.yml"
        } else {
            "c.yml"
        };
        fs::write(folder.0.path().join(tested), text).expect("a file");
        let faults = folder.load().map(|(config, said)| format!("{config:?} {said:?}")).expect_err(name);
        let said: String = faults.iter().map(|line| line.replacen(tested, &format!("{name}.yml"), 1) + "\n").collect();
        assert!(said.contains(": error: "), "{name}");
        assert!(!said.contains("planted-secret"), "{name} shows a secret");
        let expected_at = dir.join(format!("{name}.faults"));
        if update {
            fs::write(&expected_at, &said).expect("written");
        }
        let expected = fs::read_to_string(&expected_at).unwrap_or_default();
        if said != expected {
            write!(differ, "\n{name} says\n{said}instead of\n{expected}").expect("text");
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

#[test]
fn a_sheet_of_cover_is_read_and_its_faults_say_where_they_are() {
    let agency =
        AGENCY.replace("    wellsky:", "    cover: { file: sheet.csv, weights: { distance: 3 } }\n    wellsky:");
    assert!(agency.contains("sheet.csv"), "{agency}");
    let folder = Folder::with(&[("c.yml", &agency), ("sheet.csv", "kind,id,hours_wanted\ncaregiver,8000201,20\n")]);
    let (config, _) = folder.load().expect("it loads");
    let cover = &config.agencies[0].cover;
    assert_eq!((cover.weights.distance, cover.sheet.caregivers.len()), (3, 1));
    folder.write("sheet.csv", "kind,id,hours_wanted\ncaregiver,8000201,many\nghost,1,\n");
    let faults = folder.load().map(|_| ()).expect_err("faults");
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("sheet.csv:2:19: error: hours_wanted is no such number"), "{faults:?}");
    assert!(faults[1].contains("sheet.csv:3:1: error: kind is neither"), "{faults:?}");
}

/// Everything that works today, as far as one file can hold it.
fn full() -> String {
    fs::read_to_string(root("examples/shiftwatch.yml")).expect("the example")
}

#[test]
fn every_example_loads_without_an_error() {
    let mut n_examples = 0;
    for entry in fs::read_dir(root("examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        // A web file is read by its own test.
        let is_web_file = path.file_name().is_some_and(|name| name == "web.yml");
        if path.extension().is_some_and(|extension| extension == "yml") && !is_web_file {
            n_examples += 1;
            let (config, warnings) =
                Config::load(Some(&path), &env).map_err(|faults| format!("{faults:#?}")).expect("it loads");
            let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            assert!(!said.iter().any(|said| said.contains("error")), "{said:?}");
            assert!(config.rules.len() >= 10, "{} with {} rules", path.display(), config.rules.len());
        }
    }
    assert!(n_examples >= 2, "only {n_examples} examples");
}

/// The shipped bands: what stands in dashboards, routes and people's heads.
#[test]
fn the_shipped_rules_are_the_bands_that_were_promised() {
    let said: Vec<String> = shipped()
        .iter()
        .map(|rule| {
            let label = |name: &str| rule.labels.get(name).map_or("", String::as_str);
            format!("{}/{} {:?} {} {}", rule.group, rule.alert, rule.kind, label("severity"), label("team"))
        })
        .collect();
    assert_eq!(
        said,
        [
            r#"coverage/ShiftUncovered UncoveredShift { within: 259200s, written: "72h" } info "#,
            r#"coverage/ShiftUncovered UncoveredShift { within: 86400s, written: "24h" } warning "#,
            r#"coverage/ShiftUncovered UncoveredShift { within: 14400s, written: "4h" } page "#,
            r#"coverage/ShiftUncovered UncoveredShift { within: 0ns, written: "0s" } critical "#,
            "visits/MissedCheckIn MissedCheckIn { after: 600s } warning ",
            "visits/MissedCheckIn MissedCheckIn { after: 900s } page ",
            "visits/NoShow NoShow { after: 1800s } critical ",
            "visits/MissedCheckOut MissedCheckOut { after: 1800s } warning ",
            "visits/RunawayVisit RunawayVisit { after: 14400s, longest: 57600s } warning ",
            "office/LateCheckIn LateCheckIn { by: 600s } info ",
            "office/ShortVisit ShortVisit { below: Share(0.75) } info ",
            "office/Overrun Overrun { by: 1800s } info ",
            "office/UnscheduledVisit UnscheduledVisit info ",
            "office/OtherCaregiver CaregiverMismatch info ",
            "office/CaregiverDoubleBooked DoubleBooked { of: Caregiver } warning ",
            "office/ClientDoubleBooked DoubleBooked { of: Client } info ",
            "office/TightTurnaround TightTurnaround { under: 900s } info ",
            "office/OvertimeAhead OvertimeAhead { weekly_hours: 40.0 } warning ",
            "office/InactiveCaregiverAssigned InactiveCaregiverAssigned warning ",
            "office/LateChange LateChange { within: 14400s } info ",
            "office/ClientWithoutShifts ClientWithoutShifts { for_: 1209600s } info ",
            "api/ApiLatency ApiLatency { quantile: 0.95, above: 5s, over: 600s } warning tech",
            "api/ApiErrors ApiErrors { ratio: 0.1, over: 600s } warning tech",
            "api/ApiDown ApiDown { after: 180s } warning tech",
            "api/Blind Blind { after: 600s, idle: 3600s } page ",
            "api/SourceAnomaly SourceAnomaly warning tech",
            "api/DeliveryFailing DeliveryFailing { after: 300s } critical ",
            "on_call/NobodyOnCall NobodyOnCall { within: 0ns } page ",
            "on_call/OnCallGap NobodyOnCall { within: 1209600s } warning ",
            "on_call/OnCallFault OnCallFault warning ",
            "on_call/NumberUnverified UnverifiedNumber info ",
        ]
    );
}

/// Whoever is woken reads what it is and what to do; a summary fits into a text.
#[test]
fn every_shipped_rule_says_what_to_do() {
    for rule in shipped() {
        let (summary, description) = (&rule.annotations["summary"], &rule.annotations["description"]);
        assert!(summary.len() <= 100, "{}: {summary}", rule.id);
        assert!(description.len() > summary.len() / 2 && description.ends_with('.'), "{}: {description}", rule.id);
    }
}

fn shipped() -> Vec<Rule> {
    let (config, warnings) = load(AGENCY).expect("it loads");
    assert!(!warnings.iter().any(|said| said.contains("rules/")), "{warnings:?}");
    config.rules.to_vec()
}

/// Worse news of a shift whose first page just went out is not kept back: half a minute is the most.
#[test]
fn pages_of_examples_do_not_wait() {
    for example in ["examples/minimal.yml", "examples/shiftwatch.yml"] {
        let (config, _) =
            Config::load(Some(&root(example)), &env).map_err(|faults| format!("{faults:#?}")).expect(example);
        for severity in ["page", "critical"] {
            for alert in ["MissedCheckIn", "NoShow"] {
                let labels = [("alertname", alert), ("severity", severity), ("shift", "1@x"), ("agency", "main")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()));
                let routes = config.policy.route.matches(&labels.into());
                assert_eq!(routes.len(), 1, "{example}");
                assert!(routes[0].group_wait <= Duration::from_secs(10), "{example}: {severity}");
                assert!(routes[0].group_interval <= Duration::from_secs(30), "{example}: {severity}");
            }
        }
    }
}

#[test]
fn a_tree_of_routes_inherits_as_alertmanager_does() {
    let text = format!(
        "{AGENCY}global: {{ smtp_smarthost: localhost:25, smtp_from: w@example.com }}
time_intervals: [ {{ name: nights, time_intervals: [ {{ times: [ {{ start_time: '00:00', end_time: '06:00' }} ] }} ] }} ]
receivers: [ {{ name: a }}, {{ name: b, email_configs: [ {{ to: b@example.com }} ] }} ]
route:
  receiver: a
  group_by: [agency, location]
  repeat_interval: 1d
  routes:
    - matchers: ['severity=\"page\"']
      receiver: b
      group_wait: 0s
      continue: true
      mute_time_intervals: [nights]
      routes: [ {{ match: {{ team: tech }} }} ]
    - match: {{ severity: page }}
      group_by: ['...']
    - {{}}
"
    );
    let (config, _) = load(&text).expect("it loads");
    let route = &config.policy.route;
    let seconds = Duration::from_secs;
    assert_eq!((route.id.as_str(), route.receiver.as_str()), ("{}", "a"));
    assert_eq!(
        (route.group_wait, route.group_interval, route.repeat_interval),
        (seconds(30), seconds(300), seconds(86_400))
    );
    let first = &route.routes[0];
    assert_eq!((first.id.as_str(), first.receiver.as_str()), (r#"{}/{severity="page"}"#, "b"));
    assert_eq!((first.group_wait, first.repeat_interval, first.continue_), (seconds(0), seconds(86_400), true));
    assert_eq!(first.mute_time_intervals, ["nights"]);
    let inner = &first.routes[0];
    assert_eq!(inner.id, r#"{}/{severity="page"}/{team="tech"}"#);
    assert_eq!((inner.receiver.as_str(), inner.group_wait, inner.continue_), ("b", seconds(0), false));
    assert!(inner.mute_time_intervals.is_empty(), "a route's mute times are its own");
    assert_eq!(inner.matchers.len(), 1);
    assert_eq!(route.routes[1].id, r#"{}/{severity="page"}/1"#, "an equal sibling has its own name");
    assert_eq!(route.routes[1].group_by, crate::alerts::route::GroupBy::All);
    assert_eq!(route.routes[2].id, "{}/{}");
    assert_eq!(
        route.routes[2].group_by,
        crate::alerts::route::GroupBy::Labels(vec!["agency".into(), "location".into()])
    );
}

#[test]
fn mail_inherits_and_a_password_stays_with_its_server() {
    use secrecy::ExposeSecret;
    let text = format!(
        "{AGENCY}global: {{ smtp_smarthost: mail.example.com:587, smtp_from: w@example.com, smtp_auth_username: w, smtp_auth_password: {{ env: SMTP_PASSWORD }} }}
route: {{ receiver: r }}
receivers:
  - name: r
    email_configs:
      - {{ to: 'a@example.com, b@example.com' }}
      - {{ to: c@example.com, smarthost: '127.0.0.1:2525', from: d@example.com, send_resolved: false }}
"
    );
    let (config, _) = load(&text).expect("it loads");
    let [inherited, own] = &config.receivers[0].email[..] else { panic!("two") };
    assert_eq!(inherited.to.len(), 2);
    assert!(inherited.send_resolved && !inherited.phi && inherited.smarthost.require_tls);
    assert_eq!(inherited.auth.as_ref().expect("a login").password.expose_secret(), "planted-secret");
    assert!(own.auth.is_none(), "another server never sees global's password");
    assert!(!own.smarthost.require_tls, "loopback");
    assert!(!own.send_resolved);
    assert_eq!(config.smtp_auth.len(), 1);
    let outside: Vec<_> =
        config.outside_addresses().into_iter().filter(|address| !address.is_loopback).map(|a| a.what).collect();
    assert_eq!(outside, ["WellSky of main", "the mail server of r", "global.smtp_smarthost"]);
}

#[test]
fn port_465_begins_with_tls_unless_told_otherwise() {
    for (entry, require_tls, shows) in [
        ("smarthost: '127.0.0.1:465'", true, "also on this machine"),
        ("smarthost: '127.0.0.1:465', require_tls: false", false, "somebody wrote so"),
        ("smarthost: '127.0.0.1:587'", false, "loopback"),
        ("smarthost: 'mail.example.com:465'", true, "elsewhere"),
    ] {
        let text = format!(
            "{AGENCY}route: {{ receiver: r }}
receivers:
  - {{ name: r, email_configs: [ {{ to: c@example.com, from: d@example.com, {entry} }} ] }}
"
        );
        let (config, _) = load(&text).expect("it loads");
        assert_eq!(config.receivers[0].email[0].smarthost.require_tls, require_tls, "{shows}");
    }
}

#[test]
fn without_a_word_the_shipped_rules_and_inhibitions_hold_and_an_empty_list_is_none() {
    let (config, _) = load(AGENCY).expect("it loads");
    assert!(config.rules.len() >= 10);
    assert!(!config.policy.inhibit_rules.is_empty());
    assert_eq!(config.policy.route.receiver, "nobody");
    let (config, _) = load(&format!("{AGENCY}rule_files: []\ninhibit_rules: []\n")).expect("it loads");
    assert!(config.rules.is_empty() && config.policy.inhibit_rules.is_empty());
    let watchdog = fs::read_to_string(root("rules/watchdog.yml")).expect("the watchdog's rules");
    let folder = Folder::with(&[
        ("c.yml", &format!("{AGENCY}rule_files: [rules/*.yml, rules/a.yml]\n")),
        ("rules/a.yml", &watchdog),
        ("rules/a.test.yml", "tests: []\n"),
    ]);
    let (config, _) = folder.load().expect("it loads");
    assert_eq!(config.rules.len(), 1, "once, and tests are no rules");
    assert_eq!(
        (config.rules[0].alert.as_str(), &config.rules[0].kind),
        ("Watchdog", &crate::rules::rule::Kind::Watchdog)
    );
}

#[test]
fn a_bad_office_costs_that_office_only() {
    let office = |name: &str, zone: &str| {
        format!(
            "name: {name}\ntimezone: {zone}\nwellsky: {{ client_id: {{ env: WELLSKY_CLIENT_ID }}, client_secret: {{ env: WELLSKY_CLIENT_SECRET }} }}\n"
        )
    };
    let folder = Folder::with(&[
        ("c.yml", "agency_files: [offices/*.yml]\n"),
        ("offices/1.yml", &office("north", "America/Denver")),
        ("offices/2.yml", &office("south", "America/Nowhere_At_All")),
        ("offices/3.yml", &office("north", "America/Denver")),
        ("offices/4.yml", &format!("agencies:\n  - {}", office("west", "UTC").trim_end().replace('\n', "\n    "))),
    ]);
    let (config, said) = folder.load().expect("the others go on");
    assert_eq!(config.agencies.iter().map(|agency| agency.name.as_str()).collect::<Vec<_>>(), ["north", "west"]);
    assert_eq!(config.offices_lost.len(), 2);
    assert!(
        said.iter().any(|said| said.starts_with("offices/2.yml:2:11: error: timezone \"America/Nowhere_At_All\"")),
        "{said:?}"
    );
    assert!(
        said.iter().any(|said| said.contains("offices/3.yml:1:7: error: name \"north\"")
            && said.contains("first in offices/1.yml:1")
            || said.contains("/offices/1.yml:1)")),
        "{said:?}"
    );
    // Nothing left to watch is no configuration.
    let folder = Folder::with(&[("c.yml", "agency_files: [o.yml]\n"), ("o.yml", &office("south", "Nowhere"))]);
    assert_eq!(folder.load().expect_err("nothing to watch").len(), 1);
}

#[test]
fn a_plain_secret_works_with_a_warning_and_is_never_shown() {
    let text = "# client_secret: commented-secret
agencies:
  - name: main
    timezone: America/Denver
    wellsky: { client_id: plain-id, client_secret: plain-secret }
sms_gateways: [ { name: t, twilio: { account_sid: AC1, auth_token: plain-token, from: '+12025550100' } } ]
global: { smtp_smarthost: localhost:25, smtp_from: sender@example.com }
heartbeat: { url: http://beat.example.com/plain-path }
telling: { shadow_until: 2026-12-01, to: trial@example.com }
route: { receiver: r }
receivers:
  - name: r
    email_configs: [ { to: person@example.com } ]
    sms_configs: [ { to: ['+12025550111'] } ]
    webhook_configs: [ { url: 'https://hook.example.com/plain-hook' } ]
";
    let (config, said) = load(text).expect("it loads");
    for place in [
        "c.yml:5:52: warning: agencies[0].wellsky.client_secret",
        "c.yml:6:68: warning: sms_gateways[0].twilio.auth_token",
    ] {
        assert!(
            said.iter().any(|said| said.starts_with(place) && said.contains("safer: {env: NAME}")),
            "{place}: {said:?}"
        );
    }
    assert!(said.iter().any(|said| said.contains("heartbeat.url is plain http")), "{said:?}");
    let shown = format!(
        "{config:?} {:?} {:?} {:?} {:?} {said:?} {}",
        config.agencies, config.receivers, config.sms_gateways, config.mail, config.original
    );
    for secret in ["commented-secret", "plain-", "+1202", "@example.com"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(config.original.contains("timezone: America/Denver"), "{}", config.original);
}

#[test]
fn secrets_come_from_variables_files_and_commands() {
    use secrecy::ExposeSecret;
    let text = "agencies:
  - name: main
    timezone: America/Denver
    wellsky: { client_id: { env: FROM_FILE }, client_secret: { file: s/secret }, agency_id: { command: [printf, '%s\\n', '42'] } }
";
    let folder = Folder::with(&[
        ("c.yml", text),
        ("s/secret", "from a file\n"),
        ("secrets.env", "# ours\n\nexport FROM_FILE=\"an id\"\nWELLSKY_CLIENT_ID=not this one\n"),
    ]);
    let (config, said) = folder.load().expect("it loads");
    let wellsky = &config.agencies[0].wellsky;
    assert_eq!(wellsky.client_id.expose_secret(), "an id");
    assert_eq!(wellsky.client_secret.expose_secret(), "from a file");
    assert_eq!(wellsky.agency_id.as_ref().map(ExposeSecret::expose_secret), Some("42"));
    #[cfg(unix)]
    assert!(said.iter().any(|said| said.contains("secrets.env: warning: other users")), "{said:?}");
    folder.write("c.yml", AGENCY);
    let (config, _) = folder.load().expect("it loads");
    assert_eq!(config.agencies[0].wellsky.client_id.expose_secret(), "planted-secret", "the environment goes first");
}

#[test]
fn a_change_of_any_file_that_was_read_is_seen() {
    let text = "rule_files: [rules/deep/*.yml]
agency_files: [offices/*.yml]
";
    let office =
        "name: main\ntimezone: America/Denver\nwellsky: { client_id: { file: ../s/id }, client_secret: { env: ID } }\n";
    let rules = "groups: [{ name: g, rules: [{ alert: A, uncovered_shift: { within: 4h } }] }]\n";
    let files = [
        ("c.yml", text),
        ("offices/a.yml", office),
        ("rules/deep/a.yml", rules),
        ("s/id", "id"),
        ("secrets.env", "ID=x"),
    ];
    for (name, text) in files {
        let folder = Folder::with(&files);
        let (config, _) = folder.load().expect("it loads");
        folder.write("shiftwatch.db", "not read, and often written to");
        assert!(!config.origins.changed(), "{name}");
        folder.write(name, &format!("{text} "));
        assert!(config.origins.changed(), "{name}");
    }
    let folder = Folder::with(&files);
    let (config, _) = folder.load().expect("it loads");
    folder.write("offices/b.yml", office);
    assert!(config.origins.changed(), "another office");
}

#[test]
fn commands_have_a_time_together() {
    let folder = Folder::with(&[("c.yml", AGENCY)]);
    let mut cx = reading::Reading::new("c.yml", folder.0.path(), &env);
    cx.shared.command_time.set(Duration::ZERO);
    let mut faults = Vec::new();
    let node = tree::read("c.yml", b"{ command: [printf, x] }", &mut faults).expect("a tree");
    assert!(secret::secret(&node, "client_secret", &mut cx).is_none());
    assert!(cx.faults[0].what.contains("printf was not run: the commands before it took 15 s"), "{:?}", cx.faults);
}

#[test]
fn the_environment_alone_is_enough_to_watch() {
    let (config, warnings) = Config::load(None, &|name| match name {
        "SHIFTWATCH_TIMEZONE" => Some("America/Chicago".into()),
        "WELLSKY_BASE_URL" => Some("http://127.0.0.1:9000/".into()),
        "WELLSKY_ENVIRONMENT" => Some("production".into()),
        "WELLSKY_API_MODE" => Some("connect".into()),
        "HOME" => Some("/home/watch".into()),
        _ => env(name),
    })
    .expect("it starts");
    assert_eq!(config.agencies[0].name.as_str(), "main");
    assert_eq!(config.agencies[0].timezone, Tz::America__Chicago);
    assert_eq!(config.agencies[0].wellsky.base_url, "http://127.0.0.1:9000");
    assert_eq!(config.store, StoreUrl::Sqlite("/home/watch/.local/state/shiftwatch/shiftwatch.db".into()));
    assert!(config.rules.len() >= 10);
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|said| said.contains("nobody is told")), "{said:?}");

    let (_, warnings) = Config::load(None, &env).expect("it starts");
    assert!(warnings.iter().any(|said| said.what.starts_with("schedules are read in ")), "the zone is said aloud");

    let faults = Config::load(None, &|name| match name {
        "WELLSKY_ENVIRONMENT" => Some("sandbox".into()),
        "WELLSKY_API_MODE" => Some("classic".into()),
        "WELLSKY_BASE_URL" => Some("http://connect.example.com".into()),
        "SHIFTWATCH_TIMEZONE" => Some("Denver".into()),
        "WELLSKY_CLIENT_SECRET" => None,
        _ => env(name),
    })
    .expect_err("five faults");
    let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for part in [
        "WELLSKY_CLIENT_SECRET is not set",
        "WELLSKY_ENVIRONMENT is \"sandbox\"",
        "WELLSKY_API_MODE is \"classic\"",
        "WELLSKY_BASE_URL is http:// to another machine",
        "did you mean America/Denver?",
    ] {
        assert!(
            said.iter().any(|said| said.starts_with("environment: error: ") && said.contains(part)),
            "{part}: {said:?}"
        );
    }
    assert_eq!(said.len(), 5, "{said:?}");
}

#[test]
fn the_environment_names_the_host_where_the_file_does_not() {
    let there = |value: &'static str, text: &str| {
        let folder = Folder::with(&[("c.yml", text)]);
        let look = |name: &str| if name == "WELLSKY_BASE_URL" { Some(value.to_owned()) } else { env(name) };
        Config::load(Some(&folder.0.path().join("c.yml")), &look)
    };
    let (config, said) = there("http://127.0.0.1:9850/", AGENCY).expect("it loads");
    assert_eq!(config.agencies[0].wellsky.base_url, "http://127.0.0.1:9850");
    assert!(said.iter().any(|said| said.what.contains("as WELLSKY_BASE_URL says")), "{said:?}");
    let own = AGENCY.replace("wellsky: { ", "wellsky: { base_url: 'https://api.example.com', ");
    let (config, said) = there("http://127.0.0.1:9850", &own).expect("it loads");
    assert_eq!(config.agencies[0].wellsky.base_url, "https://api.example.com", "the file goes first");
    assert!(!said.iter().any(|said| said.what.contains("WELLSKY_BASE_URL")), "{said:?}");
    let (config, _) = there("", AGENCY).expect("it loads");
    assert_eq!(config.agencies[0].wellsky.base_url, "https://connect.clearcareonline.com");
    let faults = there("http://api.example.com", AGENCY).expect_err("plain http");
    assert!(faults[0].what.starts_with("WELLSKY_BASE_URL is http:// to another machine"), "{faults:?}");
}

#[test]
fn a_drill_clock_only_runs_where_nothing_leads_outside() {
    let drill = |name: &str| (name == "SHIFTWATCH_CLOCK").then(|| "2026-11-01T01:30:00-06:00,speed=60".to_owned());
    let (outside, _) = load(AGENCY).expect("it loads");
    let fault = outside.clock(&drill).expect_err("refused").to_string();
    assert!(fault.contains("WellSky of main"), "{fault}");
    assert!(matches!(outside.clock(&|_| None), Ok(Clock::System)));
    let here = AGENCY.replace("wellsky: { ", "wellsky: { base_url: 'http://localhost:9000', ");
    let (here, _) = load(&here).expect("it loads");
    assert!(matches!(here.clock(&drill), Ok(Clock::Drill { speed: 60, .. })));
    let bad = here.clock(&|_| Some("noon".into())).expect_err("refused").to_string();
    assert!(bad.starts_with("environment: error: SHIFTWATCH_CLOCK"), "{bad}");
}

#[test]
fn a_file_read_twice_says_the_same() {
    let said = |config: &Config| {
        let mut intervals: Vec<_> =
            config.policy.time_intervals.values().map(|interval| format!("{interval:?}")).collect();
        intervals.sort();
        format!(
            "{:?} {:?} {:?} {:?} {intervals:?} {:?} {:?} {}",
            config.agencies,
            config.rules,
            config.policy.route,
            config.policy.inhibit_rules,
            config.receivers,
            config,
            config.original
        )
    };
    let path = root("examples/shiftwatch.yml");
    let (first, _) = Config::load(Some(&path), &env).expect("it loads");
    let (second, _) = Config::load(Some(&path), &env).expect("it loads");
    assert_eq!(said(&first), said(&second));
    // What is shown reads back as the same tree, so nothing but secrets was lost on the way.
    let mut faults = Vec::new();
    let shown = tree::read("f", first.original.as_bytes(), &mut faults).expect("a tree");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(original::write(&shown, &std::collections::HashSet::new()), first.original);
}

#[test]
fn where_an_agent_listens_is_read_without_its_secrets() {
    let asked = |text: &str| {
        let folder = Folder::with(&[("c.yml", text)]);
        let path = folder.0.path().join("c.yml");
        Config::listens(&path, &|_| None).map(|listens| listens.at.to_string()).map_err(|faults| faults[0].to_string())
    };
    for (text, is) in [
        (AGENCY.to_owned(), "127.0.0.1:9847"),
        (format!("{AGENCY}web: {{ listen: '127.0.0.1:9999' }}\n"), "127.0.0.1:9999"),
        (format!("{AGENCY}route: {{ receiver: nobody-there\nweb: {{ listen: ':9999' }}\n"), "0.0.0.0:9999"),
    ] {
        assert_eq!(asked(&text).as_deref(), Ok(is), "{text}");
    }
    for (text, says) in [
        (format!("{AGENCY}web: {{ listen: '9999' }}\n"), "web.listen \"9999\" is not address:port"),
        (format!("{AGENCY}web: {{ listen: {{ env: LISTEN }} }}\n"), "the environment variable LISTEN is not set"),
        (format!("{AGENCY}web: {{ listen: '9999'\n"), "the { opened here is not closed"),
        ("- just a list\n".to_owned(), "the file is a list"),
    ] {
        let said = asked(&text).expect_err(&text);
        assert!(said.contains(says), "{text}: {said}");
    }
    let gone = Config::listens(Path::new("/no/such/file.yml"), &|_| None).expect_err("no file");
    assert!(gone[0].to_string().contains("the configuration cannot be read"), "{gone:?}");
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let faults = Config::load(Some(Path::new("/no/such/file.yml")), &env).expect_err("no file");
    assert!(
        faults[0].to_string().starts_with("/no/such/file.yml: error: the configuration cannot be read"),
        "{faults:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Lines of the full example taken out, doubled, cut and moved: never a panic, and never silence about a fault.
    #[test]
    fn a_damaged_file_is_read_without_a_panic(
        damage in proptest::collection::vec((0..300_usize, 0..60_usize, 0..6_u8), 1..6)
    ) {
        let mut lines: Vec<String> = full().lines().map(ToOwned::to_owned).collect();
        for (line, column, kind) in damage {
            let line = line % lines.len();
            let text = &mut lines[line];
            let column = text.char_indices().map(|(at, _)| at).nth(column).unwrap_or(text.len());
            match kind {
                0 => text.truncate(column),
                1 => text.insert(column, '\t'),
                2 => text.insert(column, '{'),
                3 => text.insert_str(column, "*x "),
                4 => { let copy = text.clone(); lines.insert(line, copy); }
                _ => { let moved = lines.remove(line); lines.push(moved); }
            }
        }
        // Only what is on the tree is of interest here: no files, no commands.
        let text = lines.join("\n").replace("command", "commend").replace("_files", "_fails");
        if let Err(faults) = load(&text) {
            prop_assert!(faults.iter().any(|fault| fault.contains("error: ")), "{faults:?}");
        }
    }
}

#[test]
fn what_works_and_is_hardly_meant_is_a_warning() {
    let named = AGENCY.replace("name: main", "name: comfort-care-north");
    let (config, said) = load(&named).expect("it loads");
    assert_eq!(config.agencies[0].title, "comfort-ca");
    assert!(said.iter().any(|said| said.contains("open with \"comfort-ca:\"; write a title")), "{said:?}");

    let rules = "groups: [ { name: g, rules: [ { alert: A, uncovered_shift: { within: 4h }, labels: { severity: page }, where: 'client.tags.exists(t, t == \"respite\")' } ] } ]\n";
    let folder = Folder::with(&[("c.yml", &format!("{AGENCY}rule_files: [r.yml]\n")), ("r.yml", rules)]);
    let (_, said) = folder.load().expect("it loads");
    assert!(said.iter().any(|said| said.starts_with("r.yml:1:") && said.contains("the tag \"respite\"")), "{said:?}");
    folder.write(
        "c.yml",
        &format!("{}rule_files: [r.yml]\n", AGENCY.replace("    wellsky", "    tags: { respite: '41' }\n    wellsky")),
    );
    let (_, said) = folder.load().expect("it loads");
    assert!(!said.iter().any(|said| said.contains("the tag")), "{said:?}");
}

#[test]
fn what_alertmanager_and_yaml_allow_is_read() {
    let text = format!(
        "{AGENCY}global: {{ smtp_smarthost: localhost:25, smtp_from: watch@example.com, smtp_require_tls: False }}
rule_files: []
route: {{ receiver: r }}
receivers: [ {{ name: r, email_configs: [ {{ to: office@example.com, html: '', send_resolved: TRUE }} ] }} ]
"
    );
    let (config, _) = load(&text).expect("it loads");
    assert!(config.rules.is_empty(), "[] says that nothing is watched");
    let mail = &config.receivers[0].email[0];
    assert_eq!((mail.html.as_deref(), mail.text.as_deref(), mail.send_resolved), (Some(""), None, true));
}
