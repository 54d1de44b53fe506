//! Talking to the running agent over its own HTTP API.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Where an agent listens when neither a flag nor a configuration says.
const LISTEN_DEFAULT: &str = "127.0.0.1:9847";
/// It answers from memory; an order waits for the disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);

/// A running agent, as seen from a command.
#[derive(Debug)]
pub struct Agent {
    base: String,
    http: Client,
}

/// Why the agent did not do it.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The address cannot be one.
    #[error("{0:?} is no address of an agent; write it like http://127.0.0.1:9847")]
    Address(String),
    /// Nobody answers.
    #[error("no agent answers at {0}; start one with `shiftwatch run`, or say with --url where it is")]
    NotRunning(String),
    /// It said no, and why.
    #[error("{0}")]
    Refused(String),
    /// Something else answers there.
    #[error("what answers at {base} is no shiftwatch of this version (status {status}); say with --url where it is")]
    Stranger {
        /// Where.
        base: String,
        /// What it answered.
        status: u16,
    },
}

impl Agent {
    /// The agent at `url`, else where the configuration listens, else where one listens by default.
    pub fn find(url: Option<&str>, listen: Option<SocketAddr>) -> Result<Self, AgentError> {
        let base = match url {
            Some(url) if url.contains("://") => url.trim_end_matches('/').to_owned(),
            Some(url) => format!("http://{}", url.trim_end_matches('/')),
            None => format!("http://{}", listen.map_or_else(|| LISTEN_DEFAULT.to_owned(), reachable)),
        };
        let parsed = url::Url::parse(&base).ok();
        if !parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            return Err(AgentError::Address(base));
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A proxy of the environment is for the outside; the agent is ours.
        let http = Client::builder().no_proxy().timeout(ANSWER_TIMEOUT).build();
        Ok(Self { http: http.map_err(|_| AgentError::Address(base.clone()))?, base })
    }

    /// Its address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Asks.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AgentError> {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// Orders.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, AgentError> {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, AgentError> {
        let response = request.send().await.map_err(|_| AgentError::NotRunning(self.base.clone()))?;
        let status = response.status();
        let stranger = || AgentError::Stranger { base: self.base.clone(), status: status.as_u16() };
        if status == StatusCode::OK {
            return response.json().await.map_err(|_| stranger());
        }
        let body: Value = response.json().await.map_err(|_| stranger())?;
        Err(body["error"].as_str().map_or_else(stranger, |error| AgentError::Refused(error.to_owned())))
    }
}

/// An address to connect to: one that listens everywhere is reached on loopback.
fn reachable(listen: SocketAddr) -> String {
    let (ip, port) = (listen.ip(), listen.port());
    match (ip.is_unspecified(), listen.is_ipv4()) {
        (true, true) => format!("127.0.0.1:{port}"),
        (true, false) => format!("[::1]:{port}"),
        _ => listen.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_comes_from_the_flag_then_the_configuration_then_the_default() {
        for (url, listen, want) in [
            (Some("http://a.example.com:1/"), Some("127.0.0.1:2"), "http://a.example.com:1"),
            (Some("a.example.com:1"), None, "http://a.example.com:1"),
            (None, Some("10.0.0.1:9"), "http://10.0.0.1:9"),
            (None, Some("0.0.0.0:9"), "http://127.0.0.1:9"),
            (None, Some("[::]:9"), "http://[::1]:9"),
            (None, None, "http://127.0.0.1:9847"),
        ] {
            let agent = Agent::find(url, listen.map(|listen| listen.parse().unwrap())).unwrap();
            assert_eq!(agent.base(), want);
        }
        for url in ["ftp://x", "http://", "://", "not an address"] {
            assert!(matches!(Agent::find(Some(url), None), Err(AgentError::Address(_))), "{url}");
        }
    }
}
