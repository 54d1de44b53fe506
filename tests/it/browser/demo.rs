//! The demo command as a child process, at an address that stays its own.

use std::{net::TcpListener, time::Duration};

use super::driver::PATIENCE;
use crate::agent::{Agent, pause};

/// A demo that can be killed and started again.
pub struct Demo {
    folder: tempfile::TempDir,
    address: String,
    agent: Option<Agent>,
}

impl Demo {
    /// A free address, and nobody there yet.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        Self { folder: tempfile::tempdir().expect("a folder"), address, agent: None }
    }

    /// Where its board is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it and waits until it answers.
    pub async fn start(&mut self) {
        let args = ["demo", "--listen", &self.address, "--duration", "5m", "--log-level", "error"];
        let temporary = self.folder.path().display().to_string();
        self.agent = Some(Agent::start_with(&args, &[("TMPDIR", &temporary)], self.folder.path()));
        let url = format!("{}/-/healthy", self.url());
        let answers = async {
            while reqwest::get(&url).await.is_err() {
                pause(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, answers).await.expect("the demo answers");
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.agent.take().expect("a running demo").kill();
    }

    /// Ends it as Ctrl-C would; gives what it printed.
    pub fn stop(&mut self) -> Vec<String> {
        let (status, lines) = self.agent.take().expect("a running demo").stop();
        assert!(status.success(), "the demo ends with {status}: {lines:?}");
        lines
    }
}
