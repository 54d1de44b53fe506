//! docker-compose.yml and the Dockerfile, as far as a machine without images can hold them to their word: Debian's own
//! docker-compose reads the file, and everything it names is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::agent::Agent;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

/// What docker-compose makes of the file: everything filled in.
pub fn compose(arguments: &[&str]) -> Value {
    let output = Command::new("docker-compose")
        .args(["--file", "docker-compose.yml"])
        .args(arguments)
        .arg("config")
        .current_dir(root())
        // Whoever runs the tests may have a .env of their own.
        .env("SHIFTWATCH_DIR", "./deploy/compose/demo")
        .output()
        .expect("docker-compose (Debian's package docker-compose)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // docker-compose is written in Python, whose YAML came with it.
    let mut python = Command::new("python3")
        .args(["-c", "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    python.stdin.take().unwrap().write_all(&output.stdout).unwrap();
    serde_json::from_slice(&python.wait_with_output().unwrap().stdout).expect("the composition as JSON")
}

fn names(map: &Value) -> BTreeSet<&str> {
    map.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn the_simulator_and_the_mail_catcher_stand_behind_the_demo_profile() {
    for arguments in [&[][..], &["--profile", "demo"]] {
        let composition = compose(arguments);
        let services = composition["services"].as_object().unwrap();
        let behind = |profiles: &[&str]| -> BTreeSet<&str> {
            let those = services.iter().filter(|(_, service)| strings(&service["profiles"]) == profiles);
            those.map(|(name, _)| name.as_str()).collect()
        };
        assert_eq!(behind(&[]), BTreeSet::from(["network", "shiftwatch", "prometheus", "grafana"]));
        assert_eq!(behind(&["demo"]), BTreeSet::from(["simulator", "mail"]));
        assert_eq!(services.len(), 6);
    }
}

#[test]
fn every_service_is_confined() {
    let composition = compose(&["--profile", "demo"]);
    for (name, service) in composition["services"].as_object().unwrap() {
        assert_eq!(service["read_only"], true, "{name}: the root can be written");
        let user = service["user"].as_str().unwrap_or_else(|| panic!("{name} has no user"));
        let uid: u32 =
            user.split(':').next().unwrap().parse().unwrap_or_else(|_| panic!("{name}: {user} is no number"));
        assert_ne!(uid, 0, "{name} runs as root");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert_eq!(service["stop_grace_period"], "15s", "{name}: a run ends within 10 s");
        assert!(service.get("privileged").is_none() && service.get("cap_add").is_none(), "{name}");
        assert!(!service["healthcheck"].is_null(), "{name}: nobody asks whether it is well");
        let image = service["image"].as_str().unwrap();
        let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
        let ours = image == "shiftwatch:local";
        assert!(ours || tag.chars().filter(|c| *c == '.').count() == 2, "{name}: {image} is not one certain version");
    }
}

#[test]
fn ports_are_published_on_this_machine_only_and_all_share_one_network() {
    let composition = compose(&["--profile", "demo"]);
    for (name, service) in composition["services"].as_object().unwrap() {
        let ports = strings(&service["ports"]);
        if name == "network" {
            // Nothing of its own: were it ever started again, everybody would have to be.
            assert!(service.get("volumes").is_none() && service.get("network_mode").is_none());
            assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{ports:?}");
            let published: Vec<&str> = ports.iter().filter_map(|port| port.split(':').nth(1)).collect();
            assert_eq!(published, ["9847", "9090", "3000", "8025"]);
        } else {
            assert!(ports.is_empty(), "{name}: {ports:?}");
            assert_eq!(service["network_mode"], "service:network", "{name}");
            assert!(service["depends_on"].as_object().is_some_and(|those| !those.is_empty()), "{name}");
        }
    }
}

#[test]
fn every_path_that_is_mounted_is_there() {
    let composition = compose(&["--profile", "demo"]);
    let mut n_binds = 0;
    for (name, service) in composition["services"].as_object().unwrap() {
        for volume in strings(&service["volumes"]) {
            let mut parts = volume.split(':');
            let (from, _to, how) = (parts.next().unwrap(), parts.next(), parts.next());
            if from.starts_with('/') {
                assert!(Path::new(from).exists(), "{name} mounts {from}, which is not there");
                assert_eq!(how, Some("ro"), "{name}: {volume} could be written");
                n_binds += 1;
            } else {
                assert!(names(&composition["volumes"]).contains(from), "{name}: {from}");
            }
        }
    }
    assert!(n_binds >= 5, "{n_binds}");
    for (name, secret) in composition["secrets"].as_object().unwrap() {
        let file = secret["file"].as_str().unwrap();
        assert!(Path::new(file).is_file(), "{name}: {file}");
    }
}

#[test]
fn what_grafanas_provisioning_asks_the_environment_for_is_set() {
    let composition = compose(&[]);
    let set = names(&composition["services"]["grafana"]["environment"]);
    let mut n_asked = 0;
    for folder in ["deploy/grafana/provisioning/datasources", "deploy/grafana/provisioning/dashboards"] {
        for entry in fs::read_dir(root().join(folder)).unwrap_or_else(|fault| panic!("{folder}: {fault}")) {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            for rest in text.split("${").skip(1) {
                let name = rest.split('}').next().unwrap();
                assert!(set.contains(name), "{folder} asks for {name}");
                n_asked += 1;
            }
        }
    }
    assert!(n_asked > 0, "where Prometheus is stands nowhere");
}

#[test]
fn secrets_come_as_files_and_the_demos_are_invented() {
    let demo: Vec<(String, String)> = fs::read_dir(root().join("deploy/compose/demo/secrets"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .collect();
    let invented = ["sim", "9999", "caught-anyway", "sim-twilio-token", "demo"];
    assert!(demo.iter().all(|(_, value)| invented.contains(&value.trim())), "only words that anybody may know");
    let composition = compose(&["--profile", "demo"]);
    let known: BTreeSet<&str> = demo.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names(&composition["secrets"]), known);
    for (name, service) in composition["services"].as_object().unwrap() {
        for variable in names(&service["environment"]) {
            let open = ["PASSWORD", "SECRET", "TOKEN", "CLIENT_ID"].iter().any(|word| variable.contains(word));
            assert!(!open || variable.ends_with("__FILE"), "{name}: {variable} is a secret in the environment");
        }
    }
    // What a person's own start writes stays out of the repository and out of the image.
    for (file, lines) in [(".gitignore", ["/local/", "/.env"]), (".dockerignore", ["**/secrets", ".env"])] {
        let text = read(file);
        for line in lines {
            assert!(text.lines().any(|it| it == line), "{file} lacks {line}");
        }
    }
}

/// A configuration of deploy/compose as `check` sees it, with the demo's secrets where it looks for them.
fn check(file: &str) -> (bool, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let secrets = root().join("deploy/compose/demo/secrets");
    let text = read(file).replace("/run/secrets/", &format!("{}/", secrets.display()));
    fs::write(folder.path().join("shiftwatch.yml"), text).unwrap();
    let (status, lines) = Agent::start(&["check", "--config", "shiftwatch.yml"], folder.path()).end();
    (status.success(), lines)
}

#[test]
fn both_configurations_check() {
    for file in ["deploy/compose/demo/etc/shiftwatch.yml", "deploy/compose/live/etc/shiftwatch.yml"] {
        let (sound, lines) = check(file);
        assert!(sound, "{file}: {lines:?}");
        let warnings: Vec<&String> = lines.iter().filter(|line| line.contains("warning:")).collect();
        assert!(
            warnings.iter().all(|line| line.contains("reachable from other machines") || line.contains("heartbeat")),
            "{file}: {warnings:?}"
        );
        assert!(read(file).contains("store: sqlite:///var/lib/shiftwatch/"), "{file}: the volume is elsewhere");
    }
}

#[test]
fn setup_asks_once_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("deploy/compose/live/etc");
    fs::create_dir_all(&copy).unwrap();
    fs::copy(root().join("deploy/compose/live/etc/shiftwatch.yml"), copy.join("shiftwatch.yml")).unwrap();
    let setup = folder.path().join("deploy/compose/setup");
    fs::copy(root().join("deploy/compose/setup"), &setup).unwrap();
    let answer = |typed: &str| {
        // A careful shell: what it makes, the containers' users could not read.
        let mut child = Command::new("sh")
            .args(["-c", "umask 077; exec sh \"$0\""])
            .arg(&setup)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && output.stdout.is_empty(), "{said}");
        said
    };
    let secret = |name: &str| fs::read_to_string(folder.path().join("local/secrets").join(name)).unwrap();

    let said = answer("an-id\na secret with $signs\\n\n42\n\n\n");
    assert!(said.contains("docker compose up -d") && !said.contains("a secret"), "{said}");
    assert_eq!(secret("wellsky_client_secret"), "a secret with $signs\\n\n");
    assert_eq!((secret("wellsky_agency_id").trim(), secret("smtp_password").trim()), ("42", ""));
    let password = secret("grafana_admin_password");
    assert!(password.len() == 36 && password.chars().all(|c| c.is_ascii_hexdigit()), "made at random");
    let mode = fs::metadata(folder.path().join("local/secrets")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "on this machine the folder keeps others out");
    let mode = fs::metadata(folder.path().join("local/secrets/smtp_password")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o644, "the container's user reads the file");
    for (name, wanted) in [("local", 0o755), ("local/etc", 0o755), ("local/etc/shiftwatch.yml", 0o644)] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, wanted, "{name}: the container's user reads it");
    }
    // A project of its own: with the demo's volumes the real agency would begin with the simulated one's store.
    assert_eq!(
        fs::read_to_string(folder.path().join(".env")).unwrap(),
        "SHIFTWATCH_DIR=./local\nCOMPOSE_PROJECT_NAME=shiftwatch-live\n"
    );

    let edited = folder.path().join("local/etc/shiftwatch.yml");
    fs::write(&edited, "mine").unwrap();
    answer("\n\n\na-mail-password\n\n");
    assert_eq!((secret("wellsky_client_id").trim(), secret("smtp_password").trim()), ("an-id", "a-mail-password"));
    assert_eq!(secret("grafana_admin_password"), password);
    assert_eq!(fs::read_to_string(edited).unwrap(), "mine");
    assert_eq!(fs::read_to_string(folder.path().join(".env")).unwrap().lines().count(), 2);

    // The folder has everything that the composition mounts.
    let demo = compose(&[]);
    for name in names(&demo["secrets"]) {
        assert!(folder.path().join("local/secrets").join(name).is_file(), "{name}");
    }
}

/// The instructions of the Dockerfile, with continued lines joined.
fn dockerfile() -> Vec<(String, String)> {
    let text = read("Dockerfile").replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, rest)| (name.into(), rest.trim().into())).collect()
}

fn last(name: &str) -> String {
    let found = dockerfile().into_iter().rev().find(|(instruction, _)| instruction == name);
    found.unwrap_or_else(|| panic!("the Dockerfile has no {name}")).1
}

#[test]
fn the_image_is_small_runs_as_nobody_and_names_what_is_there() {
    let lines = dockerfile();
    let stages: Vec<&String> = lines.iter().filter(|(name, _)| name == "FROM").map(|(_, rest)| rest).collect();
    assert_eq!(stages, ["rust:1.95.0-slim-bookworm AS build", "gcr.io/distroless/cc-debian12:nonroot"]);
    let rust = read("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    assert_eq!(rust.as_deref(), Some("\"1.95\""), "the image builds with the Rust that the crate asks for");
    assert_eq!(last("USER"), "65532:65532");
    assert_eq!(last("VOLUME"), "/var/lib/shiftwatch");
    assert_eq!(last("STOPSIGNAL"), "SIGTERM");
    let program = "/usr/local/bin/shiftwatch";
    assert_eq!(last("ENTRYPOINT"), format!("[\"{program}\"]"), "no shell");
    assert!(last("HEALTHCHECK").contains(&format!("CMD [\"{program}\", \"healthcheck\",")), "{}", last("HEALTHCHECK"));
    let copies: Vec<&String> = lines.iter().filter(|(name, _)| name == "COPY").map(|(_, rest)| rest).collect();
    assert!(copies.iter().any(|copy| copy.starts_with("--from=build") && copy.ends_with(program)), "{copies:?}");
    for copy in copies.iter().filter(|copy| !copy.starts_with("--from")) {
        let mut sources: Vec<&str> = copy.split_whitespace().collect();
        sources.pop();
        assert!(sources.iter().all(|source| root().join(source).exists()), "COPY {copy}");
    }
}

#[test]
fn the_health_check_is_a_command_of_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let (status, lines) = Agent::start(&["healthcheck", "--help"], folder.path()).end();
    assert!(status.success(), "the image and the composition ask `shiftwatch healthcheck`: {lines:?}");
}

/// Rust files below a folder.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn what_the_program_embeds_reaches_the_image() {
    let ignored: BTreeSet<String> = read(".dockerignore").lines().map(str::to_owned).collect();
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    let mut n_embedded = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for rest in text.split("include_str!(\"").chain(text.split("include_bytes!(\"")).skip(1) {
            let Some((name, _)) = rest.split_once("\")") else { continue };
            let Ok(path) = file.parent().unwrap().join(name).canonicalize() else { continue };
            let Ok(path) = path.strip_prefix(root().canonicalize().unwrap()).map(Path::to_owned) else { continue };
            for part in path.iter().filter_map(|part| part.to_str()) {
                assert!(!ignored.contains(&format!("**/{part}")), "{} stays out of the image", path.display());
            }
            let top = path.iter().next().unwrap().to_str().unwrap();
            assert!(!ignored.contains(top), "{} stays out of the image", path.display());
            n_embedded += 1;
        }
    }
    assert!(n_embedded > 5, "{n_embedded}");
}
