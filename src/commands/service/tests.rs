//! Plans as tables, and the command on a folder that stands for a machine.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::{
    plan::{LABEL, Refusal, UNIT, install, uninstall, usual_config},
    *,
};

fn situation(manager: Manager, scope: Scope) -> Situation {
    Situation {
        manager,
        scope,
        is_root: scope == Scope::Machine,
        live: true,
        program: "/home/ann/target/release/shiftwatch".into(),
        config: usual_config(manager, scope, Some(Path::new("/home/ann"))),
        store: "/var/lib/shiftwatch/shiftwatch.db".into(),
        folder_is_private: false,
        private: Vec::new(),
        home: Some("/home/ann".into()),
        account: Some("ann".into()),
        uid: 501,
    }
}

fn words(steps: &[Step]) -> Vec<String> {
    steps.iter().filter(|step| !matches!(step, Step::Note(_))).map(|step| step.words(None)).collect()
}

fn text_of<'s>(steps: &'s [Step], end: &str) -> &'s str {
    let text = steps.iter().find_map(|step| match step {
        Step::Write { path, text } if path.ends_with(end) => Some(text),
        _ => None,
    });
    text.expect("a file that is written")
}

#[test]
fn the_machines_service_is_installed_in_this_order() {
    let mut now = situation(Manager::Systemd, Scope::Machine);
    now.private = vec!["/etc/shiftwatch/secrets.env".into(), "/srv/token".into()];
    let steps = install(&now).expect("a plan");
    assert_eq!(
        words(&steps),
        [
            "copy /home/ann/target/release/shiftwatch to /usr/local/bin/shiftwatch",
            "write /etc/sysusers.d/shiftwatch.conf",
            "run systemd-sysusers ",
            "give /etc/shiftwatch/secrets.env to the user shiftwatch",
            "write /etc/systemd/system/shiftwatch.service",
            "run systemctl daemon-reload",
            "run systemctl enable shiftwatch.service",
            "run systemctl restart shiftwatch.service",
        ]
    );
    assert_eq!(text_of(&steps, UNIT), unit::SYSTEMD, "the usual places are the shipped file's");
    let notes: Vec<String> =
        steps.iter().filter(|it| matches!(it, Step::Note(_))).map(|step| step.words(None)).collect();
    assert!(notes[0].contains("only its owner may read /srv/token"), "files elsewhere are not touched: {notes:?}");
}

#[test]
fn a_program_in_a_lasting_place_is_run_from_there() {
    for (program, runs) in [
        ("/usr/bin/shiftwatch", "/usr/bin/shiftwatch"),
        ("/opt/shiftwatch/bin/shiftwatch", "/opt/shiftwatch/bin/shiftwatch"),
        ("/tmp/x/shiftwatch", "/usr/local/bin/shiftwatch"),
    ] {
        let mut now = situation(Manager::Systemd, Scope::Machine);
        now.program = program.into();
        now.config = "/srv/sw/agency.yml".into();
        let steps = install(&now).expect("a plan");
        let line = format!("ExecStart={runs} run --config /srv/sw/agency.yml --log-format json\n");
        assert!(text_of(&steps, UNIT).contains(&line), "{program}");
        assert_eq!(words(&steps)[0].starts_with("copy "), program != runs, "{program}");
    }
}

#[test]
fn what_the_service_could_not_do_is_refused_before_anything_is_done() {
    type Change = fn(&mut Situation);
    let cases: [(&str, Change, Option<&str>); 6] = [
        ("as it should be", |_| {}, None),
        ("not root", |now| now.is_root = false, Some("sudo")),
        (
            "not root, but into a folder",
            |now| {
                now.is_root = false;
                now.live = false;
            },
            None,
        ),
        (
            "in a home",
            |now| now.config = "/home/ann/shiftwatch.yml".into(),
            Some("shiftwatch init --dir /etc/shiftwatch"),
        ),
        ("in /tmp", |now| now.config = "/tmp/shiftwatch.yml".into(), Some("/tmp")),
        (
            "a store beside the configuration",
            |now| now.store = "/etc/shiftwatch/shiftwatch.db".into(),
            Some("sqlite:///var/lib/shiftwatch/shiftwatch.db"),
        ),
    ];
    for (what, change, refusal) in cases {
        let mut now = situation(Manager::Systemd, Scope::Machine);
        change(&mut now);
        match (install(&now), refusal) {
            (Ok(_), None) => {}
            (Err(says), Some(part)) => assert!(says.to_string().contains(part), "{what}: {says}"),
            (plan, _) => panic!("{what}: {plan:?}"),
        }
    }
}

#[test]
fn an_accounts_service_asks_nothing_of_root() {
    let mut now = situation(Manager::Systemd, Scope::Account);
    now.store = "/home/ann/.config/shiftwatch/shiftwatch.db".into();
    let steps = install(&now).expect("a plan");
    assert_eq!(
        words(&steps),
        [
            "write /home/ann/.config/systemd/user/shiftwatch.service",
            "run systemctl --user daemon-reload",
            "run systemctl --user enable shiftwatch.service",
            "run systemctl --user restart shiftwatch.service",
        ]
    );
    let unit = text_of(&steps, UNIT);
    assert!(unit.contains("ExecStart=/home/ann/target/release/shiftwatch run --config /home/ann/.config/shiftwatch/"));
    assert!(!unit.contains("\nUser="), "{unit}");
}

#[test]
fn on_a_mac_it_runs_as_whoever_used_sudo() {
    let steps = install(&situation(Manager::Launchd, Scope::Machine)).expect("a plan");
    assert_eq!(
        words(&steps)[1..],
        [
            "make the folder /usr/local/var/log/shiftwatch",
            "run chown ann /usr/local/var/log/shiftwatch",
            "write /Library/LaunchDaemons/com.example.shiftwatch.plist",
            "run launchctl bootout system/com.example.shiftwatch",
            "run launchctl bootstrap system /Library/LaunchDaemons/com.example.shiftwatch.plist",
        ]
    );
    let list = text_of(&steps, "com.example.shiftwatch.plist");
    assert!(list.contains("<string>ann</string>") && !list.contains("_shiftwatch"), "{list}");
    let mut root_shell = situation(Manager::Launchd, Scope::Machine);
    root_shell.account = None;
    assert_eq!(install(&root_shell), Err(Refusal::NoAccount));

    let steps = install(&situation(Manager::Launchd, Scope::Account)).expect("a plan");
    assert_eq!(words(&steps)[0], "write /home/ann/Library/LaunchAgents/com.example.shiftwatch.plist");
    assert!(words(&steps)[2].starts_with("run launchctl bootstrap gui/501 "), "{steps:?}");
    assert!(!text_of(&steps, "com.example.shiftwatch.plist").contains("UserName"));
}

#[test]
fn nothing_that_is_taken_away_is_the_store() {
    for manager in [Manager::Systemd, Manager::Launchd] {
        for scope in [Scope::Machine, Scope::Account] {
            for live in [true, false] {
                let steps = uninstall(manager, scope, Some(Path::new("/home/ann")), 501, live);
                let removed: Vec<&PathBuf> = steps
                    .iter()
                    .filter_map(|step| match step {
                        Step::Remove { path } => Some(path),
                        _ => None,
                    })
                    .collect();
                assert!(!removed.is_empty());
                for path in removed {
                    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                    let ours = [UNIT, "shiftwatch.conf", &format!("{LABEL}.plist")].contains(&name);
                    assert!(ours, "{}", path.display());
                }
                assert!(matches!(steps.last(), Some(Step::Note(kept)) if kept.starts_with("kept: the store")));
            }
        }
    }
}

/// A folder that stands for a machine, with this configuration and `secrets.env`.
fn machine(config: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    let etc = root.path().join("etc/shiftwatch");
    fs::create_dir_all(&etc).expect("a folder");
    fs::write(etc.join("shiftwatch.yml"), config).expect("written");
    let secrets = etc.join("secrets.env");
    fs::write(&secrets, "WELLSKY_CLIENT_ID=example\nWELLSKY_CLIENT_SECRET=example\n").expect("written");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("private");
    root
}

fn ask(root: &Path, dry_run: bool) -> (anyhow::Result<Exit>, String, String) {
    let place = ServicePlace { user: false, root: Some(root.to_owned()) };
    let args = Service { action: ServiceAction::Install { place, dry_run } };
    let machine = Machine {
        manager: Manager::Systemd,
        program: "/bin/true".into(),
        is_root: false,
        uid: 1000,
        env: &|name| (name == "WELLSKY_CLIENT_SECRET").then(|| "of this shell".into()),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = run(&args, None, &machine, &mut out, &mut err);
    (exit, String::from_utf8(out).expect("text"), String::from_utf8(err).expect("text"))
}

const CONFIG: &str = "agencies:
  - { name: main, timezone: America/Denver, wellsky: { client_id: { env: WELLSKY_CLIENT_ID }, client_secret: { env: WELLSKY_CLIENT_SECRET } } }
store: sqlite:///var/lib/shiftwatch/shiftwatch.db
";

#[test]
fn a_dry_run_shows_the_unit_and_writes_nothing() {
    let root = machine(CONFIG);
    let (exit, out, err) = ask(root.path(), true);
    assert_eq!(exit.expect("a plan"), Exit::Done, "{err}");
    let unit = format!("write {}\n", root.path().join("etc/systemd/system/shiftwatch.service").display());
    for part in [&*unit, "    NoNewPrivileges=yes\n", "Nothing was done"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("example\n") && !out.contains("of this shell"), "no secret is shown: {out}");
    assert!(!root.path().join("etc/systemd").exists() && !root.path().join("usr").exists());
}

#[test]
fn a_broken_configuration_is_said_and_nothing_is_installed() {
    let root =
        machine(&CONFIG.replace("env: WELLSKY_CLIENT_SECRET", "env: ONLY_IN_A_SHELL").replace("Denver", "Denvr"));
    let (exit, out, err) = ask(root.path(), false);
    assert_eq!(exit.expect("said"), Exit::Failed);
    assert!(err.contains("ONLY_IN_A_SHELL is not set") && err.contains("Denvr"), "every fault: {err}");
    assert!(err.contains("a line in secrets.env"), "{err}");
    assert!(out.is_empty() && !root.path().join("usr").exists(), "{out}");
}

#[test]
fn a_store_beside_the_configuration_says_what_to_write() {
    let root = machine(&CONFIG.replace("sqlite:///var/lib/shiftwatch/shiftwatch.db", "sqlite:shiftwatch.db"));
    let (exit, _, _) = ask(root.path(), false);
    let says = exit.expect_err("refused").to_string();
    assert!(says.contains("its store in /etc/shiftwatch/shiftwatch.db"), "{says}");
}
