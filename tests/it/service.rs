//! The service files with the service manager's own tools, and `service install` on a folder that stands for a machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use chrono_tz::America::Denver;
use shiftwatch::{
    clock::Clock,
    sim::{Sim, SimConfig},
};

use crate::{
    agent::{Agent, configure, pause},
    compose::root,
};

const UNIT: &str = "etc/systemd/system/shiftwatch.service";

/// systemd's own number for how much a unit leaves open, times ten: 100 is everything, under 20 is what it calls OK.
const EXPOSURE_MAX: &str = "15";

fn systemd_analyze(arguments: &[&str], unit: &Path) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        // An account that is not logged in has none, and nothing is written there.
        .env("XDG_RUNTIME_DIR", unit.parent().unwrap())
        .output()
        .expect("systemd-analyze (Debian's package systemd)")
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].iter().map(|bytes| String::from_utf8_lossy(bytes)).collect()
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for (from, scope) in [("shiftwatch.service", "--system"), ("user/shiftwatch.service", "--user")] {
        let text = fs::read_to_string(root().join("deploy/systemd").join(from)).unwrap();
        // The program is looked for, and is not installed on the machine that tests.
        let unit = folder.path().join("shiftwatch.service");
        let program = env!("CARGO_BIN_EXE_shiftwatch");
        fs::write(&unit, text.replace("ExecStart=/usr/local/bin/shiftwatch", &format!("ExecStart={program}"))).unwrap();
        let output = systemd_analyze(&[scope, "--man=no", "verify"], &unit);
        assert!(output.status.success(), "{from}: {}", said(&output));
        assert!(!said(&output).contains("shiftwatch"), "{from}: {}", said(&output));

        // The same tool does see what is wrong.
        fs::write(&unit, text.replace("NoNewPrivileges=yes", "NoNewPrivilege=yes")).unwrap();
        assert!(said(&systemd_analyze(&[scope, "--man=no", "verify"], &unit)).contains("NoNewPrivilege"), "{from}");
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit_that_starts_compose() {
    let folder = tempfile::tempdir().unwrap();
    // Docker is not installed on the machine that tests.
    fs::write(folder.path().join("docker.service"), "[Service]\nExecStart=/bin/true\n").unwrap();
    let text = fs::read_to_string(root().join("deploy/compose/shiftwatch-compose.service")).unwrap();
    let unit = folder.path().join("shiftwatch-compose.service");
    fs::write(&unit, &text).unwrap();
    let output = systemd_analyze(&["--system", "--man=no", "verify"], &unit);
    assert!(output.status.success() && !said(&output).contains("shiftwatch"), "{}", said(&output));
    fs::write(&unit, text.replace("RemainAfterExit=", "RemainsAfterExit=")).unwrap();
    assert!(said(&systemd_analyze(&["--system", "--man=no", "verify"], &unit)).contains("RemainsAfterExit"));
}

#[test]
fn the_machines_unit_leaves_little_open() {
    let unit = root().join("deploy/systemd/shiftwatch.service");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let output = systemd_analyze(&["security", "--offline=true", "--no-pager", &threshold], &unit);
    assert!(output.status.success(), "{}", said(&output));
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("shiftwatch.service");
    let text = fs::read_to_string(&unit).unwrap();
    fs::write(&open, text.replace("SystemCallFilter", "# SystemCallFilter").replace("ProtectSystem", "#")).unwrap();
    let output = systemd_analyze(&["security", "--offline=true", "--no-pager", &threshold], &open);
    assert!(!output.status.success(), "the threshold holds something: {}", said(&output));
}

/// The system calls of a set of systemd's, with the sets inside it.
fn calls_of(set: &str, found: &mut BTreeSet<String>) {
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", set]).output().unwrap();
    assert!(output.status.success(), "{set}: {}", said(&output));
    for line in said(&output).lines().filter_map(|line| line.strip_prefix("    ")) {
        match line.trim() {
            comment if comment.starts_with('#') => {}
            inner if inner.starts_with('@') => calls_of(inner, found),
            call => _ = found.insert(call.to_owned()),
        }
    }
}

/// What the unit's `SystemCallFilter=` lines leave.
fn allowed() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("deploy/systemd/shiftwatch.service")).unwrap();
    let mut allowed = BTreeSet::new();
    for sets in text.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let mut found = BTreeSet::new();
        sets.trim_start_matches('~').split_whitespace().for_each(|set| calls_of(set, &mut found));
        if sets.starts_with('~') {
            allowed.retain(|call| !found.contains(call));
        } else {
            allowed.extend(found);
        }
    }
    allowed
}

/// The process below these ones, once it is there.
async fn grandchild(pid: u32) -> String {
    let mut pid = pid.to_string();
    for _ in 0..2 {
        pid = until("a child", async || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            children.split_whitespace().next().map(str::to_owned)
        })
        .await;
    }
    pid
}

async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_mins(1) {
        if let Some(answer) = ask().await {
            return answer;
        }
        pause(Duration::from_millis(20)).await;
    }
    panic!("{what} is not coming");
}

#[tokio::test]
async fn the_units_filter_lets_every_system_call_of_a_run_through() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = SimConfig::seeded(Denver, Clock::System, 1);
    world.script = shiftwatch::sim::story::story(Clock::System.now()).script.anchored(Clock::System.now());
    let sim = Sim::start(world).await.unwrap();
    let rest = "route: { receiver: all, group_wait: 1s, group_by: [agency, shift] }
receivers:
  - { name: all, email_configs: [ { to: office@example.com } ], sms_configs: [ { to: '+12025550111' } ] }
";
    let config = configure(&sim, folder.path(), rest);
    let counted = folder.path().join("calls");
    // Not as root: SQLite gives files away then, which a service never does.
    let mut run = Command::new("bwrap")
        .args(["--dev-bind", "/", "/", "--unshare-user", "--uid", "65532", "--gid", "65532", "--die-with-parent", "--"])
        .args(["strace", "-f", "-c", "-o"])
        .arg(&counted)
        .args([env!("CARGO_BIN_EXE_shiftwatch"), "run", "--log-level", "error", "--config"])
        .arg(&config)
        .stderr(Stdio::null())
        .spawn()
        .expect("bwrap");
    until("a mail and a text", async || (!sim.mails().is_empty() && !sim.texts().is_empty()).then_some(())).await;
    let pid = grandchild(run.id()).await;
    for signal in ["-HUP", "-TERM"] {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }
    let status = until("its end", async || run.try_wait().unwrap()).await;
    assert!(status.success(), "{status}");

    let text = fs::read_to_string(&counted).unwrap();
    // A row begins with its share, as 12.34; a line that begins with a whole number is a thread that ended inside a call.
    let share =
        |line: &&str| line.split_whitespace().next().is_some_and(|it| it.contains('.') && it.parse::<f64>().is_ok());
    let rows = text.lines().filter(share);
    let used: BTreeSet<String> = rows
        .filter_map(|line| line.split_whitespace().last())
        .filter(|call| *call != "total")
        .map(str::to_owned)
        .collect();
    assert!(used.len() > 30 && used.contains("fsync") && used.contains("connect"), "{used:?}");
    let allowed = allowed();
    let forbidden: Vec<&String> = used.difference(&allowed).collect();
    assert!(forbidden.is_empty(), "the unit forbids {forbidden:?}");
}

#[test]
fn no_service_file_holds_a_secret() {
    for file in [
        "deploy/systemd/shiftwatch.service",
        "deploy/systemd/user/shiftwatch.service",
        "deploy/launchd/com.example.shiftwatch.plist",
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let settings = text.lines().filter(|line| !line.starts_with('#'));
        for line in settings {
            assert!(!line.starts_with("Environment=") && !line.contains("EnvironmentVariables"), "{file}: {line}");
        }
    }
}

#[test]
fn the_property_list_is_read_as_launchd_reads_it() {
    // Python brings a reader of property lists; it came with docker-compose.
    let output = Command::new("python3")
        .args(["-c", "import json, plistlib, sys; json.dump(plistlib.load(open(sys.argv[1], 'rb')), sys.stdout)"])
        .arg(root().join("deploy/launchd/com.example.shiftwatch.plist"))
        .output()
        .expect("python3");
    assert!(output.status.success(), "{}", said(&output));
    let list: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list["Label"], "com.example.shiftwatch", "as the file is called");
    let arguments: Vec<&str> =
        list["ProgramArguments"].as_array().unwrap().iter().filter_map(|it| it.as_str()).collect();
    let program = ["/usr/local/bin/shiftwatch", "run", "--config", "/usr/local/etc/shiftwatch/shiftwatch.yml"];
    assert_eq!(arguments[..4], program);
    // The program takes these words.
    let folder = tempfile::tempdir().unwrap();
    let help: Vec<&str> = arguments[1..].iter().copied().chain(["--help"]).collect();
    assert!(Agent::start(&help, folder.path()).end().0.success(), "{help:?}");
    assert_eq!((&list["RunAtLoad"], &list["KeepAlive"]), (&true.into(), &true.into()));
    assert_eq!((&list["Umask"], &list["ExitTimeOut"]), (&0o077.into(), &15.into()));
}

/// A machine's files: a configuration, its secrets, and nothing else.
fn machine() -> tempfile::TempDir {
    let machine = tempfile::tempdir().unwrap();
    let etc = machine.path().join("etc/shiftwatch");
    fs::create_dir_all(&etc).unwrap();
    let text = fs::read_to_string(root().join("examples/minimal.yml")).unwrap();
    fs::write(etc.join("shiftwatch.yml"), text + "\nstore: sqlite:///var/lib/shiftwatch/shiftwatch.db\n").unwrap();
    let secrets = etc.join("secrets.env");
    fs::write(&secrets, "WELLSKY_CLIENT_ID=example\nWELLSKY_CLIENT_SECRET=example\nSMTP_PASSWORD=example\n").unwrap();
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).unwrap();
    machine
}

fn service(action: &str, machine: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
        .args(["service", action, "--root"])
        .arg(machine)
        .output()
        .unwrap();
    (output.status.success(), said(&output))
}

#[test]
fn a_machine_gets_the_service_twice_the_same_and_loses_only_it() {
    let machine = machine();
    let at = |path: &str| machine.path().join(path);
    let link = at("etc/systemd/system/multi-user.target.wants/shiftwatch.service");
    for time in ["first", "second"] {
        let (done, said) = service("install", machine.path());
        assert!(done, "{time}: {said}");
        let unit = fs::read_to_string(at(UNIT)).unwrap();
        let shipped = fs::read_to_string(root().join("deploy/systemd/shiftwatch.service")).unwrap();
        assert_eq!(unit, shipped, "{time}: the shipped unit is the installed one");
        assert!(fs::symlink_metadata(&link).is_ok(), "{time}: it starts with the machine: {said}");
        let program = fs::metadata(at("usr/local/bin/shiftwatch")).unwrap();
        assert_eq!(program.permissions().mode() & 0o777, 0o755);
        assert_eq!(program.len(), fs::metadata(env!("CARGO_BIN_EXE_shiftwatch")).unwrap().len());
        let users = fs::read_to_string(at("etc/passwd")).unwrap();
        let user = users.lines().find(|line| line.starts_with("shiftwatch:")).expect("a user of its own");
        let uid: u32 = user.split(':').nth(2).unwrap().parse().unwrap();
        let secrets = fs::metadata(at("etc/shiftwatch/secrets.env")).unwrap();
        assert_eq!(secrets.permissions().mode() & 0o777, 0o600, "{time}: nobody else may read the secrets");
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            assert_eq!(secrets.uid(), uid, "{time}: the service may: {said}");
        } else {
            assert!(said.contains("only root can do that"), "{said}");
        }
        assert!(!said.contains("=example"), "no secret is said: {said}");
        let there = format!("write {}", at(UNIT).display());
        assert!(said.contains(&there) && !said.contains("{root}"), "{time}: where it is put is said: {said}");
    }
    fs::create_dir_all(at("var/lib/shiftwatch")).unwrap();
    fs::write(at("var/lib/shiftwatch/shiftwatch.db"), "what was told").unwrap();

    let (done, said) = service("uninstall", machine.path());
    assert!(done && said.contains("kept: the store"), "{said}");
    assert!(!at(UNIT).exists() && fs::symlink_metadata(&link).is_err(), "{said}");
    for kept in ["var/lib/shiftwatch/shiftwatch.db", "etc/shiftwatch/shiftwatch.yml", "etc/shiftwatch/secrets.env"] {
        assert!(at(kept).exists(), "{kept} is gone: {said}");
    }
    let (done, said) = service("uninstall", machine.path());
    assert!(done && said.contains("it was not there"), "taking away what is gone does no harm: {said}");
}
