//! The demo of docker-compose.yml without Docker: the same commands and the same files, at the same places, in a network
//! of their own. Each process has a root that holds the program, its C libraries, the certificates and what the composition mounts;
//! all of it read-only but the state; no user, no capability, no new privileges.
//!
//! bubblewrap (Debian's package) makes the network and the roots. What it cannot show: that the images exist.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use shiftwatch::{
    clock::Clock,
    sim::{Sim, SimConfig},
};

use crate::{
    agent::pause,
    compose::{compose, root},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_shiftwatch");
/// Set inside the network that the test made for itself.
const INSIDE: &str = "SHIFTWATCH_TEST_INSIDE";
const PATIENCE: Duration = Duration::from_mins(2);

#[allow(clippy::disallowed_methods, reason = "how a test finds itself inside its own network")]
fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs this very test again where the composition's ports are free and nobody else is.
fn again_inside(test: &str) {
    let output = Command::new("bwrap")
        .args(["--unshare-net", "--dev-bind", "/", "/", "--die-with-parent", "--setenv", INSIDE, "1", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .output()
        .expect("bwrap (Debian's package bubblewrap)");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "inside its own network:\n{}", String::from_utf8_lossy(&said));
}

/// A process of the composition. Dropping it kills it.
struct Service {
    child: Child,
    log: std::path::PathBuf,
}

impl Service {
    fn start(mut command: Command, log: &Path) -> Self {
        let file = fs::File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().expect("bwrap"), log: log.to_owned() }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The program's own number; bwrap only waits for it.
    fn pid(&self) -> String {
        let bwrap = self.child.id();
        let children = fs::read_to_string(format!("/proc/{bwrap}/task/{bwrap}/children")).unwrap();
        children.split_whitespace().next().expect("a program that runs").to_owned()
    }

    /// A file of its `/proc`.
    fn proc(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid())).unwrap()
    }

    /// As `docker stop`: SIGTERM, and the exit code.
    fn stop(&mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-TERM", &self.pid()]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// The final stage of the Dockerfile for one service: its libraries, its mounts and its secrets, and nothing else.
fn container(composition: &Value, name: &str, folder: &Path) -> Command {
    let service = &composition["services"][name];
    let mut command = Command::new("bwrap");
    command.args(["--unshare-user", "--uid", "65532", "--gid", "65532", "--unshare-ipc", "--unshare-uts"]);
    command.args(["--die-with-parent", "--new-session", "--clearenv", "--proc", "/proc", "--dev", "/dev"]);
    command.args(["--setenv", "SHIFTWATCH_CONFIG", "/etc/shiftwatch/shiftwatch.yml"]);
    command.args(["--ro-bind", PROGRAM, "/usr/local/bin/shiftwatch"]);
    let certificates = "/etc/ssl/certs/ca-certificates.crt";
    command.args(["--ro-bind", certificates, certificates]);
    let libraries = Command::new("ldd").arg(PROGRAM).output().expect("ldd").stdout;
    let libraries = String::from_utf8(libraries).unwrap();
    let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths {
        let known = ["libc.so", "libm.so", "libgcc_s.so", "ld-linux", "libdl.so", "libpthread.so"];
        assert!(known.iter().any(|part| path.contains(part)), "{path} is not in the image");
        command.args(["--ro-bind", path, path]);
    }
    for volume in service["volumes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let parts: Vec<&str> = volume.split(':').collect();
        match parts[..] {
            [from, to, "ro"] if from.starts_with('/') => command.args(["--ro-bind", from, to]),
            [volume, to, ..] => {
                let state = folder.join(volume);
                fs::create_dir_all(&state).unwrap();
                command.arg("--bind").arg(state).arg(to)
            }
            _ => panic!("{volume}"),
        };
    }
    for secret in service["secrets"].as_array().into_iter().flatten() {
        let secret = secret["source"].as_str().unwrap();
        let file = composition["secrets"][secret]["file"].as_str().unwrap();
        command.args(["--ro-bind", file, &format!("/run/secrets/{secret}")]);
    }
    for path in service["tmpfs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        command.args(["--tmpfs", path]);
    }
    command.args(["--remount-ro", "/", "--", "/usr/local/bin/shiftwatch"]);
    command.args(service["command"].as_array().unwrap().iter().filter_map(Value::as_str));
    command
}

/// Asks until the answer will do.
async fn until<T>(what: &str, services: &[&Service], mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(answer) = ask().await {
            return answer;
        }
        pause(Duration::from_millis(100)).await;
    }
    let logs: Vec<String> = services.iter().map(|service| service.log()).collect();
    panic!("{what} is not coming\n{}", logs.join("\n----\n"));
}

async fn get(http: &reqwest::Client, url: &str) -> Option<String> {
    let answer = http.get(url).send().await.ok()?;
    if answer.status().is_success() { answer.text().await.ok() } else { None }
}

fn client() -> reqwest::Client {
    let _another_may_be_installed_already = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap()
}

/// The sum of a family's lines in the metrics, once there are some.
fn total(metrics: &str, family: &str) -> Option<f64> {
    let values =
        metrics.lines().filter(|line| line.starts_with(family)).map(|line| line.rsplit(' ').next()?.parse().ok());
    values.collect::<Option<Vec<f64>>>().filter(|values| !values.is_empty()).map(|values| values.iter().sum())
}

#[tokio::test]
async fn the_demo_of_the_composition_watches_and_tells_without_a_writable_root() {
    if !is_inside() {
        return again_inside("confined::the_demo_of_the_composition_watches_and_tells_without_a_writable_root");
    }
    let composition = compose(&["--profile", "demo"]);
    let folder = tempfile::tempdir().unwrap();
    let http = client();
    // In place of the mail catcher, which Debian does not have: a mail server on the same port.
    let mut mail = SimConfig::quiet(chrono_tz::America::Denver, Clock::System);
    mail.ports.smtp = 1025;
    let mail = Sim::start(mail).await.expect("a mail server");

    // The agent comes first, as depends_on has it, and finds nobody yet.
    let mut agent = Service::start(container(&composition, "shiftwatch", folder.path()), &folder.path().join("agent"));
    until("the agent", &[&agent], async || get(&http, "http://127.0.0.1:9847/-/healthy").await).await;
    let simulator = Service::start(container(&composition, "simulator", folder.path()), &folder.path().join("sim"));
    let both = [&agent, &simulator];

    let status = agent.proc("status");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    for set in ["CapEff:", "CapPrm:", "CapInh:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(field(set), 16), Ok(0), "{set} {}", field(set));
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    let mounts = agent.proc("mountinfo");
    for line in mounts.lines() {
        let mut words = line.split(' ').skip(4);
        let (at, how) = (words.next().unwrap(), words.next().unwrap());
        let may_write = ["/var/lib/shiftwatch", "/tmp", "/proc", "/dev"].iter().any(|path| at.starts_with(path));
        assert!(may_write || how.split(',').any(|option| option == "ro"), "{at} can be written: {how}");
    }

    let metrics = until("the schedule", &both, async || {
        let text = get(&http, "http://127.0.0.1:9847/metrics").await?;
        // Late in the day most states are at 0, whatever the schedule holds.
        total(&text, "shiftwatch_shifts{").filter(|shifts| *shifts > 0.0).map(|_| text)
    });
    let metrics = metrics.await;
    assert!(metrics.contains("shiftwatch_api_up"), "{metrics}");
    until("a mail", &both, async || mail.mails().into_iter().next()).await;
    until("a text at the gateway", &both, async || {
        let inbox = get(&http, "http://127.0.0.1:9851/_sim/inbox").await?;
        let inbox: Value = serde_json::from_str(&inbox).ok()?;
        inbox["texts"].as_array().filter(|texts| !texts.is_empty()).map(|_| ())
    })
    .await;
    assert!(!agent.log().contains("panicked"), "{}", agent.log());

    // It ends as a container is stopped, and what it knows outlives it.
    assert_eq!(agent.stop(), Some(0), "{}", agent.log());
    let store = folder.path().join("state/shiftwatch.db");
    assert!(fs::metadata(&store).unwrap().len() > 0);
    let written: Vec<String> = fs::read_dir(folder.path().join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("shiftwatch.db"))
        .collect();
    assert!(written.is_empty(), "only the store is written: {written:?}");
}

#[tokio::test]
async fn the_prometheus_of_the_composition_scrapes_the_agent() {
    if !is_inside() {
        return again_inside("confined::the_prometheus_of_the_composition_scrapes_the_agent");
    }
    let composition = compose(&["--profile", "demo"]);
    let folder = tempfile::tempdir().unwrap();
    let http = client();
    let agent = Service::start(container(&composition, "shiftwatch", folder.path()), &folder.path().join("agent"));
    // Debian's Prometheus with the composition's mounts and flags, over this machine's programs.
    let service = &composition["services"]["prometheus"];
    let mut command = Command::new("bwrap");
    command.args(["--unshare-user", "--uid", "65534", "--gid", "65534", "--die-with-parent", "--new-session"]);
    command.args(["--tmpfs", "/", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib"]);
    command.args(["--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"]);
    // Docker puts one into every container; without it `localhost` is nobody.
    command.args(["--ro-bind", "/etc/hosts", "/etc/hosts"]);
    for volume in service["volumes"].as_array().unwrap().iter().filter_map(Value::as_str) {
        let parts: Vec<&str> = volume.split(':').collect();
        if let [from, to, "ro"] = parts[..] {
            assert!(Path::new(from).exists(), "{from} is not there: {}", root().display());
            command.args(["--ro-bind", from, to]);
        } else {
            let samples = folder.path().join(parts[0]);
            fs::create_dir_all(&samples).unwrap();
            command.arg("--bind").arg(samples).arg(parts[1]);
        }
    }
    command.args(["--remount-ro", "/", "--", "/usr/bin/prometheus"]);
    command.args(service["command"].as_array().unwrap().iter().filter_map(Value::as_str));
    let prometheus = Service::start(command, &folder.path().join("prometheus"));
    let both = [&agent, &prometheus];

    until("Prometheus", &both, async || get(&http, "http://127.0.0.1:9090/-/ready").await).await;
    until("a sample", &both, async || {
        let url = "http://127.0.0.1:9090/api/v1/query?query=shiftwatch_build_info";
        let answer: Value = serde_json::from_str(&get(&http, url).await?).ok()?;
        answer["data"]["result"].as_array().filter(|series| !series.is_empty()).map(|_| ())
    })
    .await;
    let rules = get(&http, "http://127.0.0.1:9090/api/v1/rules").await.expect("the rules");
    let rules: Value = serde_json::from_str(&rules).unwrap();
    assert!(rules["data"]["groups"].as_array().is_some_and(|groups| !groups.is_empty()), "no rule was found: {rules}");
}
