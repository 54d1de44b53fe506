//! The real program as a child process, against a simulated agency in this one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use shiftwatch::sim::Sim;

/// A running program. Dropping it kills it.
pub struct Agent {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<std::thread::JoinHandle<()>>,
    began: Instant,
}

impl Agent {
    /// Starts `shiftwatch <args>` with nothing in its environment.
    pub fn start(args: &[&str], folder: &Path) -> Self {
        Self::start_with(args, &[], folder)
    }

    /// The same, with more in its environment.
    pub fn start_with(args: &[&str], environment: &[(&str, &str)], folder: &Path) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
            .args(args)
            .env_clear()
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let out: Box<dyn std::io::Read + Send> = Box::new(child.stdout.take().unwrap());
        let err: Box<dyn std::io::Read + Send> = Box::new(child.stderr.take().unwrap());
        let readers = [out, err]
            .into_iter()
            .map(|pipe| {
                let lines = Arc::clone(&lines);
                std::thread::spawn(move || {
                    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                        lines.lock().unwrap().push(line);
                    }
                })
            })
            .collect();
        Self { child, lines, readers, began }
    }

    /// `run` with this configuration, logging JSON at this level.
    pub fn run(config: &Path, level: &str) -> Self {
        Self::run_with(config, level, &[])
    }

    /// The same on another clock, as `SHIFTWATCH_CLOCK` says it.
    pub fn drill(config: &Path, level: &str, clock: &str) -> Self {
        Self::run_with(config, level, &[("SHIFTWATCH_CLOCK", clock)])
    }

    fn run_with(config: &Path, level: &str, environment: &[(&str, &str)]) -> Self {
        let file = config.display().to_string();
        let args = ["run", "--config", &file, "--log-format", "json", "--log-level", level];
        Self::start_with(&args, environment, config.parent().unwrap())
    }

    /// Where it listens, once it does; `None` when it did not within `at_most`.
    pub async fn address(&self, at_most: Duration) -> Option<String> {
        while self.began.elapsed() < at_most {
            if let Some(line) = self.lines().iter().find(|line| line.contains("shiftwatch: listening")) {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                return Some(line["address"].as_str().unwrap().to_owned());
            }
            pause(Duration::from_millis(1)).await;
        }
        None
    }

    /// How long ago it was started.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What it printed so far, on both pipes.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// `kill -9`; gives what it printed.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.said()
    }

    /// `kill -TERM`; gives how it ended and what it printed.
    pub fn stop(mut self) -> (ExitStatus, Vec<String>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        (self.child.wait().unwrap(), self.said())
    }

    /// Waits for it to end by itself.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        (self.child.wait().unwrap(), self.said())
    }

    fn said(&mut self) -> Vec<String> {
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        self.lines()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _gone_already = self.child.wait();
    }
}

/// Waits in real time.
pub async fn pause(length: Duration) {
    tokio::time::sleep_until(tokio::time::Instant::now() + length).await;
}

/// Writes `shiftwatch.yml` for the simulated agency: `rest` is everything from `route` on. `{sink}` in it is the sink.
pub fn configure(sim: &Sim, folder: &Path, rest: &str) -> PathBuf {
    let (sid, token) = sim.twilio(|gateway| (gateway.account_sid.clone(), gateway.auth_token.clone()));
    let text = format!(
        r#"agencies:
  - name: main
    title: CCA
    timezone: America/Denver
    locations: [ {{ id: "501", name: north }}, {{ id: "502", name: south }} ]
    wellsky:
      base_url: {base}
      agency_id: "9999"
      client_id: example-client
      client_secret: example-secret
      detect_within: 2s
      requests_per_second: 10
      confirm_timeout: 5s
store: sqlite:shiftwatch.db
web: {{ listen: "127.0.0.1:0" }}
global: {{ smtp_smarthost: "{smtp}", smtp_from: watch@example.com, smtp_require_tls: false, resolve_timeout: 10s }}
sms_gateways:
  - name: twilio
    twilio: {{ base_url: "{twilio}", account_sid: {sid}, auth_token: {token}, from: "+12025550100" }}
{rest}"#,
        base = sim.base_url(),
        smtp = sim.smtp_addr(),
        twilio = sim.twilio_url(),
        rest = rest.replace("{sink}", &sim.sink_url()),
    );
    let file = folder.join("shiftwatch.yml");
    std::fs::write(&file, text).unwrap();
    file
}
