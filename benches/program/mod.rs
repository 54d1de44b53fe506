//! The real program as a child process, for benches that ask it over HTTP.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

/// A running agent; dropping it kills it.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// What asks it.
    pub http: reqwest::Client,
}

impl Program {
    /// `run` with this configuration, in its folder.
    #[expect(clippy::expect_used, reason = "a benchmark that cannot run says why and stops")]
    pub fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
            .args([Path::new("--config"), config])
            .args(["--log-format", "json", "run"])
            .current_dir(config.parent().expect("a folder"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .find_map(|line| line["address"].as_str().map(str::to_owned))
            .expect("it says where it listens");
        // Its log is read on, so that it never waits for a reader.
        std::thread::spawn(move || log.for_each(drop));
        // Also a client that never speaks TLS wants to know how it would.
        let _there_already = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child, url: format!("http://{address}"), http }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
