//! Talking to the running agent over its own HTTP API.

use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode, header::AUTHORIZATION};
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;

use crate::{
    clock,
    config::{HttpClient, Listens},
    http::local_key::LocalKey,
    tls::client::{self, Trust},
};

/// Where an agent listens when neither a flag nor a configuration says.
const LISTEN_DEFAULT: &str = "127.0.0.1:9847";
/// It answers from memory; an order waits for the disk.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// A handshake is answered at once or not at all.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// A running agent, as seen from a command.
#[derive(Debug)]
pub struct Agent {
    base: String,
    http: Client,
    sign_in: Option<(String, SecretString)>,
    local: Option<(LocalKey, String)>,
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
    /// Somebody answers there whose certificate is not taken.
    #[error(
        "the certificate at {0} is not one that is trusted; name who signed it: tls_config: {{ca_file: …}} in a file, and that \
         file with --http-config or SHIFTWATCH_HTTP_CONFIG"
    )]
    Certificate(String),
    /// It wants a certificate of ours.
    #[error(
        "the agent at {0} lets nobody in without a certificate; write tls_config: {{ca_file: …, cert_file: …, key_file: …}} into \
         a file, and name that file with --http-config or SHIFTWATCH_HTTP_CONFIG"
    )]
    CertificateWanted(String),
    /// What we would speak TLS with does not fit together.
    #[error("the certificate and the key of tls_config cannot be used: {0}")]
    Identity(rustls::Error),
    /// It wants to know who asks.
    #[error(
        "the agent at {0} asks who you are; write basic_auth: {{username: …, password_file: …}} into a file, and name that file \
         with --http-config or SHIFTWATCH_HTTP_CONFIG"
    )]
    SignIn(String),
    /// It does not know who asks, or not by this password.
    #[error(
        "the agent at {base} does not take the user {user:?} with this password; see basic_auth_users in its web file"
    )]
    SignInRefused {
        /// Where.
        base: String,
        /// Who.
        user: String,
    },
    /// It is not the agent of our store.
    #[error(
        "the agent at {0} does not take the key of this configuration's store: it keeps another one; name its own configuration \
         with --config"
    )]
    KeyRefused(String),
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
    /// The agent at `url`, else at `listen`, else where one listens by default; asked in plain HTTP unless `url` says https.
    pub fn find(url: Option<&str>, listen: Option<SocketAddr>) -> Result<Self, AgentError> {
        let listens = listen.map(|at| Listens { at, tls: false, certificate: None });
        Self::find_with(url, listens.as_ref(), HttpClient::default())
    }

    /// The agent at `url`, else where the configuration listens, else where one listens by default. The certificate that
    /// our own configuration names is taken whatever stands in it: no name is `127.0.0.1`.
    pub fn find_with(url: Option<&str>, listens: Option<&Listens>, how: HttpClient) -> Result<Self, AgentError> {
        let trust = match (how.insecure_skip_verify, how.authorities) {
            (true, _) => Some(Trust::Anybody),
            (false, Some(authorities)) => Some(Trust::Authorities(authorities)),
            (false, None) => {
                listens.filter(|_| url.is_none()).and_then(|listens| listens.certificate.clone()).map(Trust::Exactly)
            }
        };
        let base = base_of(url, listens)?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A proxy of the environment is for the outside; the agent is ours.
        let mut http = Client::builder().no_proxy().timeout(ANSWER_TIMEOUT);
        if let Some(trust) = trust {
            http = http.tls_backend_preconfigured(client::build(trust, how.identity).map_err(AgentError::Identity)?);
        }
        let http = http.build().map_err(|_| AgentError::Address(base.clone()))?;
        Ok(Self { base, http, sign_in: how.basic_auth, local: None })
    }

    /// The agent itself, to be asked whether it is well: any certificate will do, and no password is sent to it.
    pub fn ourselves(url: Option<&str>, listens: Option<&Listens>, mut how: HttpClient) -> Result<Self, AgentError> {
        let base = base_of(url, listens)?;
        let host = url::Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        how.insecure_skip_verify |= url.is_none() || is_loopback(&host);
        how.basic_auth = None;
        Self::find_with(url, listens, how)
    }

    /// Asks as a user of this machine who can read the agent's store. The proof goes to this machine only, and a user and
    /// a password go before it.
    #[must_use]
    pub fn with_local_key(mut self, key: LocalKey, user: String) -> Self {
        let host = url::Url::parse(&self.base).ok().and_then(|url| url.host_str().map(str::to_owned));
        if self.sign_in.is_none() && host.is_some_and(|host| is_loopback(&host)) {
            self.local = Some((key, user));
        }
        self
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

    /// Asks for words. Gives the status, whatever it is.
    pub async fn text(&self, path: &str) -> Result<(u16, String), AgentError> {
        let response = self.answer(self.http.get(format!("{}{path}", self.base))).await?;
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|_| AgentError::Stranger { base: self.base.clone(), status })?;
        Ok((status, text))
    }

    async fn answer(&self, mut request: RequestBuilder) -> Result<reqwest::Response, AgentError> {
        if let Some((user, password)) = &self.sign_in {
            request = request.basic_auth(user, Some(password.expose_secret()));
        } else if let Some((key, user)) = &self.local {
            request = request.header(AUTHORIZATION, key.prove(user, clock::real_now()));
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(fault) => match self.unreached(&fault) {
                AgentError::NotRunning(base) if self.wants_a_certificate().await => {
                    return Err(AgentError::CertificateWanted(base));
                }
                fault => return Err(fault),
            },
        };
        match (response.status(), &self.sign_in) {
            (StatusCode::UNAUTHORIZED, None) if self.local.is_some() => Err(AgentError::KeyRefused(self.base.clone())),
            (StatusCode::UNAUTHORIZED, None) => Err(AgentError::SignIn(self.base.clone())),
            (StatusCode::UNAUTHORIZED, Some((user, _))) => {
                Err(AgentError::SignInRefused { base: self.base.clone(), user: user.clone() })
            }
            _ => Ok(response),
        }
    }

    /// Whether the handshake there ends for want of a certificate of ours. A client of HTTP that learns it before its
    /// request has left only says that the connection is closed; so it is asked once more without one.
    async fn wants_a_certificate(&self) -> bool {
        let Some(url) = url::Url::parse(&self.base).ok().filter(|url| url.scheme() == "https") else { return false };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (Ok(name), Ok(config)) = (ServerName::try_from(host.clone()), client::build(Trust::Anybody, None)) else {
            return false;
        };
        let asking = async move {
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
            stream.read(&mut [0]).await
        };
        let heard = tokio::time::timeout(HANDSHAKE_TIMEOUT, asking).await;
        matches!(heard, Ok(Err(fault)) if fault.to_string().contains("CertificateRequired"))
    }

    /// Why no answer came. What TLS says stands deep inside.
    fn unreached(&self, fault: &reqwest::Error) -> AgentError {
        let mut causes = String::new();
        let mut cause = fault.source();
        while let Some(fault) = cause {
            causes.push_str(&fault.to_string());
            cause = fault.source();
        }
        if causes.contains("CertificateRequired") {
            AgentError::CertificateWanted(self.base.clone())
        } else if causes.contains("invalid peer certificate") {
            AgentError::Certificate(self.base.clone())
        } else {
            AgentError::NotRunning(self.base.clone())
        }
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, AgentError> {
        let response = self.answer(request).await?;
        let status = response.status();
        let stranger = || AgentError::Stranger { base: self.base.clone(), status: status.as_u16() };
        if status == StatusCode::OK {
            return response.json().await.map_err(|_| stranger());
        }
        let body: Value = response.json().await.map_err(|_| stranger())?;
        Err(body["error"].as_str().map_or_else(stranger, |error| AgentError::Refused(error.to_owned())))
    }
}

fn base_of(url: Option<&str>, listens: Option<&Listens>) -> Result<String, AgentError> {
    let scheme = if listens.is_some_and(|listens| listens.tls) { "https" } else { "http" };
    let base = match url {
        Some(url) if url.contains("://") => url.trim_end_matches('/').to_owned(),
        Some(url) => format!("http://{}", url.trim_end_matches('/')),
        None => {
            let at = listens.map_or_else(|| LISTEN_DEFAULT.to_owned(), |listens| reachable(listens.at));
            format!("{scheme}://{at}")
        }
    };
    let parsed = url::Url::parse(&base).ok();
    if parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        Ok(base)
    } else {
        Err(AgentError::Address(base))
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
