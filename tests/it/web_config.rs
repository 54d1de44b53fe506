//! `web.config_file` on the real binary: TLS, sign-in, client certificates, rotation, and the commands that ask through it;
//! and beside the real exporter-toolkit, which Debian's promtool has inside.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::Duration,
};

use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType};
use reqwest::{Client, StatusCode, Version, header};
use serde_json::{Value, json};
use shiftwatch::tls::{
    self,
    client::{Identity, Trust},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::agent::{Agent, pause};

/// `example-password`, by libxcrypt at the lowest cost there is.
pub const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y";
pub const PASSWORD: &str = "example-password";
const USERS: &str = "basic_auth_users: { night-1: $2b$04$abcdefghijklmnopqrstuuINEu0.fL6TmOr.GOngyVnjNLH3aX75y }\n";
const TLS: &str = "tls_server_config: { cert_file: server.pem, key_file: server.key }\n";
/// A handshake, a fork or a look at a file should take so long at most on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An authority, and certificates of it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, sans: Vec<SanType>, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans;
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for 127.0.0.1, and its key.
    pub fn server(&self) -> (String, String) {
        let address = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.issue(vec![address], ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn client(&self, name: &str) -> Identity {
        let (pem, key) =
            self.issue(vec![SanType::DnsName(name.try_into().unwrap())], ExtendedKeyUsagePurpose::ClientAuth);
        (tls::certificates(pem.as_bytes()).unwrap(), tls::private_key(key.as_bytes()).unwrap())
    }

    fn trust(&self) -> Trust {
        Trust::Authorities(vec![self.0.der().clone()])
    }
}

/// An agent's folder: a vendor that refuses every connection, nobody to tell, and a web file.
struct Place {
    folder: tempfile::TempDir,
    authority: Authority,
    port: u16,
}

impl Place {
    fn new(web: &str) -> Self {
        // The commands find the agent by the configuration, so its port must stand there.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new(), port };
        place.write(
            "shiftwatch.yml",
            &format!(
                "agencies:\n  - {{ name: main, timezone: UTC, wellsky: {{ base_url: 'http://127.0.0.1:1', client_id: a, client_secret: b }} }}\n\
                 store: 'sqlite:shiftwatch.db'\nweb: {{ listen: '127.0.0.1:{port}', config_file: web.yml }}\n"
            ),
        );
        place.write("ca.pem", &place.authority.pem());
        place.renew();
        place.write("web.yml", web);
        place
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// A new certificate of the same authority.
    fn renew(&self) {
        let (pem, key) = self.authority.server();
        self.write("server.pem", &pem);
        self.write("server.key", &key);
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("shiftwatch.yml")
    }

    async fn run(&self) -> Agent {
        let agent = Agent::run(&self.config(), "info");
        assert!(agent.address(PATIENCE).await.is_some(), "{:?}", agent.lines());
        agent
    }

    fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// A client that keeps no connection, so that each request shakes hands anew.
    fn client(&self, identity: Option<Identity>, alpn: &[&[u8]]) -> Client {
        let _first_wins = rustls::crypto::ring::default_provider().install_default();
        let mut config = tls::client::build(self.authority.trust(), identity).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        config.resumption = rustls::client::Resumption::disabled();
        let builder = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE);
        builder.tls_backend_preconfigured(config).build().unwrap()
    }

    /// Runs a command beside the agent.
    fn command(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
            .args(args)
            .arg("--config")
            .arg(self.config())
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

/// Waits until something is so.
async fn until(what: &str, agent: &Agent, mut is: impl AsyncFnMut() -> bool) {
    let began = std::time::Instant::now();
    while !is().await {
        assert!(began.elapsed() < PATIENCE, "{what} did not come: {:#?}", agent.lines());
        pause(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_sign_in_headers_and_http2() {
    let headers = "http_server_config: { headers: { Strict-Transport-Security: max-age=60 } }\n";
    let place = Place::new(&format!("{TLS}{USERS}{headers}"));
    let agent = place.run().await;
    let client = place.client(None, &[]);
    for (path, password, want) in [
        ("/-/healthy", None, 200),
        ("/metrics", None, 401),
        ("/metrics", Some("wrong"), 401),
        ("/metrics", Some(PASSWORD), 200),
        ("/", Some(PASSWORD), 200),
        ("/nothing", None, 401),
        ("/nothing", Some(PASSWORD), 404),
    ] {
        let mut request = client.get(place.url(path));
        if let Some(password) = password {
            request = request.basic_auth("night-1", Some(password));
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), want, "{path} {password:?}");
        assert_eq!(response.headers()[header::STRICT_TRANSPORT_SECURITY], "max-age=60");
        assert_eq!(response.version(), Version::HTTP_11);
    }

    // HTTP/2, also for an order from a page: its own address is in the request's line there, not in a header.
    let client = place.client(None, &[b"h2"]);
    let own = format!("https://127.0.0.1:{}", place.port);
    for (origin, want) in [(own.as_str(), StatusCode::OK), ("https://evil.example.com", StatusCode::FORBIDDEN)] {
        let request = client.post(place.url("/-/reload")).header(header::ORIGIN, origin);
        let response = request.basic_auth("night-1", Some(PASSWORD)).send().await.unwrap();
        assert_eq!((response.version(), response.status()), (Version::HTTP_2, want), "{origin}");
    }

    // Whoever forgets the s is told.
    let mut plain = TcpStream::connect(("127.0.0.1", place.port)).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("write https://"), "{answer}");

    let (ended, lines) = agent.stop();
    assert_eq!(ended.code(), Some(0), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains(PASSWORD) || line.contains(HASH) || line.contains("panicked")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_hang_hold_up_nobody() {
    let place = Place::new(TLS);
    let agent = place.run().await;
    let mut silent = Vec::new();
    for n in 0..40 {
        let mut stream = TcpStream::connect(("127.0.0.1", place.port)).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(&[0x16, 3, 1]).await.unwrap();
        }
        silent.push(stream);
    }
    let client = place.client(None, &[]);
    assert_eq!(client.get(place.url("/-/healthy")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(agent.stop().0.code(), Some(0), "nor the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_show_the_certificates_that_are_asked_for() {
    let place = Place::new(TLS);
    let agent = place.run().await;
    let stranger = Authority::new();
    let (nobody, ours, theirs, other) = ("nobody", "ours", "theirs", "another name");
    for (kind, more, let_in) in [
        ("NoClientCert", "", &[nobody, ours, theirs][..]),
        ("RequestClientCert", "", &[nobody, ours, theirs]),
        ("RequireAnyClientCert", "", &[ours, theirs]),
        ("VerifyClientCertIfGiven", ", client_ca_file: ca.pem", &[nobody, ours]),
        ("RequireAndVerifyClientCert", ", client_ca_file: ca.pem", &[ours, other]),
        ("RequireAndVerifyClientCert", ", client_ca_file: ca.pem, client_allowed_sans: [scrape.example.com]", &[ours]),
        ("RequireAnyClientCert", ", client_allowed_sans: [scrape.example.com]", &[ours, theirs]),
    ] {
        let section = format!("cert_file: server.pem, key_file: server.key, client_auth_type: {kind}{more}");
        let n_read = || agent.lines().iter().filter(|line| line.contains("were read again")).count();
        let n_before = n_read();
        place.write("web.yml", &format!("tls_server_config: {{ {section} }}\n# {kind}{more}\n"));
        until("the new web file", &agent, async || n_read() > n_before).await;
        for who in [nobody, ours, theirs, other] {
            // Which names the way lets in by is only asked where the row says so.
            if who == other && !section.contains("AndVerify") {
                continue;
            }
            let identity = match who {
                "ours" => Some(place.authority.client("scrape.example.com")),
                "theirs" => Some(stranger.client("scrape.example.com")),
                "another name" => Some(place.authority.client("someone.example.com")),
                _ => None,
            };
            let answer = place.client(identity, &[]).get(place.url("/-/healthy")).send().await;
            assert_eq!(answer.is_ok(), let_in.contains(&who), "{section}: {who}: {answer:?}");
        }
    }
}

/// The serial number of the certificate that is shown now.
async fn shown(place: &Place) -> Vec<u8> {
    let mut config = tls::client::build(place.authority.trust(), None).unwrap();
    config.resumption = rustls::client::Resumption::disabled();
    let stream = TcpStream::connect(("127.0.0.1", place.port)).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn reload_successful(place: &Place) -> String {
    let request = place.client(None, &[]).get(place.url("/metrics")).basic_auth("night-1", Some(PASSWORD));
    let metrics = request.send().await.unwrap().text().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with("shiftwatch_config_last_reload_successful "));
    line.unwrap_or_default().rsplit(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_and_a_bad_file_opens_no_door() {
    let place = Place::new(&format!("{TLS}{USERS}"));
    let agent = place.run().await;
    let n_refused = || agent.lines().iter().filter(|line| line.contains("the new web file was refused")).count();
    let first = shown(&place).await;
    place.renew();
    until("the new certificate", &agent, async || shown(&place).await != first).await;
    let second = shown(&place).await;

    // Each is refused once, and what was good stays: the certificate, and the users.
    let good = format!("{TLS}{USERS}");
    let bad = [
        ("web.yml", Some("basic_auth_user: {}\n".to_owned())),
        ("web.yml", Some(String::new())),
        ("web.yml", None),
        ("server.key", Some(place.authority.server().1)),
        ("server.pem", None),
    ];
    for (n, (name, text)) in bad.into_iter().enumerate() {
        let path = place.folder.path().join(name);
        let before = fs::read_to_string(&path).unwrap();
        match &text {
            Some(text) => place.write(name, text),
            None => fs::remove_file(&path).unwrap(),
        }
        until("the refusal", &agent, async || n_refused() == n + 1).await;
        assert_eq!(shown(&place).await, second, "{name} {text:?}");
        let answer = place.client(None, &[]).get(place.url("/metrics")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{name} {text:?}");
        assert_eq!(reload_successful(&place).await, "0", "{name} {text:?}");
        place.write(name, &before);
        until("what was good", &agent, async || reload_successful(&place).await == "1").await;
    }
    assert_eq!(n_refused(), 5, "each was said once: {:#?}", agent.lines());

    // A reload of everything reads it too, and says all faults at once.
    place.write("web.yml", "basic_auth_user: {}\nhttp_server_config: { http3: true }\n");
    let request = place.client(None, &[]).post(place.url("/-/reload")).basic_auth("night-1", Some(PASSWORD));
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = answer.text().await.unwrap();
    assert!(text.contains("web.yml:1:1: error:") && text.contains("web.yml:2:23: error:"), "{text}");
    place.write("web.yml", &good);
    until("what was good", &agent, async || reload_successful(&place).await == "1").await;

    // A user who is taken out is out, on connections that stand too.
    place.write("web.yml", &format!("{TLS}basic_auth_users: {{ night-2: {HASH} }}\n"));
    until("the new users", &agent, async || {
        let request = place.client(None, &[]).get(place.url("/metrics")).basic_auth("night-1", Some(PASSWORD));
        request.send().await.unwrap().status() == StatusCode::UNAUTHORIZED
    })
    .await;
    assert_eq!(agent.stop().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_ask_through_tls_and_sign_in() {
    let place = Place::new(&format!("{TLS}{USERS}"));
    let (code, text) = said(&place.command(&["healthcheck"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no agent answers at https://127.0.0.1"), "{text}");

    let agent = place.run().await;
    until("readiness", &agent, async || place.command(&["healthcheck"]).status.success()).await;
    let (code, text) = said(&place.command(&["healthcheck", "--alive"]));
    assert_eq!((code, text.as_str()), (Some(0), "shiftwatch is alive.\n"));

    let (code, text) = said(&place.command(&["status"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("asks who you are; write basic_auth:") && text.contains("--http-config"), "{text}");

    place.write("password", &format!("{PASSWORD}\n"));
    place.write("http.yml", "basic_auth: { username: night-1, password_file: password }\n");
    let (code, text) = said(&place.command(&["status", "--http-config", "http.yml"]));
    assert_eq!(code, Some(0), "{text}");
    place.write("wrong.yml", "basic_auth: { username: night-1, password: wrong }\n");
    let (code, text) = said(&place.command(&["status", "--http-config", "wrong.yml"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("does not take the user \"night-1\" with this password"), "{text}");

    // By an address that is not the configuration's own, a certificate must be known.
    let url = place.url("");
    let (code, text) = said(&place.command(&["alerts", "--url", &url, "--http-config", "http.yml"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("is not one that is trusted; name who signed it"), "{text}");
    place.write(
        "http.yml",
        "basic_auth: { username: night-1, password_file: password }\ntls_config: { ca_file: ca.pem }\n",
    );
    let (code, text) = said(&place.command(&["alerts", "--url", &url, "--http-config", "http.yml"]));
    assert_eq!(code, Some(0), "{text}");

    let alert =
        json!([{ "labels": { "alertname": "PhoneLineDown" }, "annotations": { "summary": "It does not ring" } }]);
    let client = place.client(None, &[]);
    let post = client.post(place.url("/api/v2/alerts")).json(&alert).basic_auth("night-1", Some(PASSWORD));
    assert_eq!(post.send().await.unwrap().status(), StatusCode::OK);
    let asked = ["alerts", "--output", "json", "--http-config", "http.yml"];
    let mut fingerprint = String::new();
    until("the alert", &agent, async || {
        let output = place.command(&asked);
        let alerts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        let found = alerts.iter().find(|alert| alert["alertname"] == "PhoneLineDown" && alert["state"] == "firing");
        fingerprint = found.and_then(|alert| alert["fingerprint"].as_str()).unwrap_or_default().to_owned();
        !fingerprint.is_empty()
    })
    .await;
    let ack = Command::new(env!("CARGO_BIN_EXE_shiftwatch"))
        .args(["ack", &fingerprint, "--by", "night-1", "--config"])
        .arg(place.config())
        .env_clear()
        .env("SHIFTWATCH_HTTP_CONFIG", place.folder.path().join("http.yml"))
        .output()
        .unwrap();
    let (code, text) = said(&ack);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("night-1 owns PhoneLineDown"), "{text}");

    // Without a certificate of the authority nobody comes in, the commands neither, unless they show one.
    let section = "cert_file: server.pem, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem";
    place.write("web.yml", &format!("tls_server_config: {{ {section} }}\n"));
    until("the new web file", &agent, async || client.get(place.url("/-/healthy")).send().await.is_err()).await;
    let (code, text) = said(&place.command(&["status"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("lets nobody in without a certificate"), "{text}");
    let (pem, key) = place.authority.issue(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth);
    place.write("client.pem", &pem);
    place.write("client.key", &key);
    place.write("http.yml", "tls_config: { ca_file: ca.pem, cert_file: client.pem, key_file: client.key }\n");
    for command in ["status", "healthcheck"] {
        let (code, text) = said(&place.command(&[command, "--http-config", "http.yml"]));
        assert_eq!(code, Some(0), "{command}: {text}");
    }
}

/// What the toolkit of Debian's Prometheus says about a file, what we say, and why where it is not the same.
enum Verdict {
    Good,
    Bad,
    /// We refuse it, the toolkit does not.
    OursStricter(&'static str),
    /// The toolkit in Debian 12 is older than this key.
    Newer(&'static str),
}

#[test]
fn the_real_toolkit_says_the_same() {
    use Verdict::{Bad, Good, Newer, OursStricter};
    let place = Place::new("");
    place.write("other.key", &place.authority.server().1);
    place.write("empty.pem", "");
    let tls = |more: &str| format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key{more} }}\n");
    let header = |line: &str| format!("http_server_config: {{ headers: {{ {line} }} }}\n");
    let table: Vec<(String, Verdict)> = vec![
        (tls(""), Good),
        ("tls_server_config:\n".into(), Good),
        ("tls_server_config: {}\n".into(), Good),
        ("basic_auth_users: {}\n".into(), Good),
        ("http_server_config: { http2: false }\n".into(), Good),
        ("http_server_config:\n  headers:\n".into(), Good),
        (USERS.into(), Good),
        (format!("{}{USERS}", tls("")), Good),
        (tls(", min_version: TLS12, max_version: TLS13"), Good),
        (tls(", min_version: TLS13"), Good),
        (tls(", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]"), Good),
        (tls(", curve_preferences: [X25519, CurveP256, CurveP384]"), Good),
        (tls(", prefer_server_cipher_suites: false"), Good),
        (tls(", client_auth_type: NoClientCert"), Good),
        (tls(", client_auth_type: RequestClientCert"), Good),
        (tls(", client_auth_type: RequireAnyClientCert"), Good),
        (tls(", client_auth_type: RequireClientCert"), Good),
        (tls(", client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.pem"), Good),
        (tls(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem"), Good),
        (tls(", client_auth_type: RequireAnyClientCert, client_ca_file: ca.pem"), Good),
        ("tls_server_config: { min_version: TLS13 }\n".into(), Good),
        (header("X-Frame-Options: deny"), Good),
        (header("X-Frame-Options: sameorigin"), Good),
        (header("X-Content-Type-Options: nosniff"), Good),
        (header("X-XSS-Protection: '1; mode=block'"), Good),
        (header("Content-Security-Policy: ''"), Good),
        (header("Strict-Transport-Security: max-age=60"), Good),
        ("nonsense: {}\n".into(), Bad),
        ("tls_server_config: [a]\n".into(), Bad),
        (tls(", nonsense: 1"), Bad),
        ("http_server_config: { http3: true }\n".into(), Bad),
        ("tls_server_config: { cert_file: server.pem }\n".into(), Bad),
        ("tls_server_config: { key_file: server.key }\n".into(), Bad),
        ("tls_server_config: { cert_file: nowhere.pem, key_file: server.key }\n".into(), Bad),
        ("tls_server_config: { cert_file: server.pem, key_file: nowhere.key }\n".into(), Bad),
        ("tls_server_config: { cert_file: server.pem, key_file: other.key }\n".into(), Bad),
        ("tls_server_config: { cert_file: server.key, key_file: server.key }\n".into(), Bad),
        ("tls_server_config: { cert_file: empty.pem, key_file: server.key }\n".into(), Bad),
        ("tls_server_config: { client_auth_type: RequireAnyClientCert }\n".into(), Bad),
        (tls(", client_auth_type: RequireAndVerify"), Bad),
        (tls(", client_ca_file: ca.pem"), Bad),
        (tls(", client_auth_type: NoClientCert, client_ca_file: ca.pem"), Bad),
        (tls(", client_auth_type: RequireAndVerifyClientCert, client_ca_file: nowhere.pem"), Bad),
        (tls(", min_version: TLS14"), Bad),
        (tls(", max_version: '1.2'"), Bad),
        (tls(", cipher_suites: [nonsense]"), Bad),
        (tls(", cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"), Bad),
        (tls(", curve_preferences: [P256]"), Bad),
        (tls(", prefer_server_cipher_suites: perhaps"), Bad),
        (header("x-frame-options: deny"), Bad),
        (header("X-Frame-Options: DENY"), Bad),
        (header("X-Frame-Options: ''"), Bad),
        (header("X-Content-Type-Options: sniff"), Bad),
        (header("Server: none"), Bad),
        ("basic_auth_users: { alice: example-password }\n".into(), Bad),
        ("basic_auth_users: { alice: }\n".into(), Bad),
        (format!("basic_auth_users: {{ alice: {} }}\n", HASH.replace("$04$", "$03$")), Bad),
        (format!("basic_auth_users: {{ alice: {} }}\n", HASH.replace("$04$", "$32$")), Bad),
        (format!("basic_auth_users: {{ alice: {} }}\n", HASH.replace("$2b$", "$3b$")), Bad),
        (format!("basic_auth_users: {{ alice: {} }}\n", &HASH[..58]), Bad),
        (format!("basic_auth_users: {{ alice: {HASH}, alice: {HASH} }}\n"), Bad),
        ("basic_auth_users: [alice]\n".into(), Bad),
        (String::new(), OursStricter("half-written files never open the door")),
        ("# nothing\n".into(), OursStricter("the same")),
        (tls(", min_version: TLS10"), OursStricter("rustls has no TLS 1.0")),
        (tls(", min_version: TLS13, max_version: TLS12"), OursStricter("fits no client")),
        (tls(", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]"), OursStricter("rustls has no CBC")),
        (tls(", curve_preferences: [CurveP521]"), OursStricter("ring has no P-521")),
        (tls(", client_auth_type: RequireAndVerifyClientCert"), OursStricter("any public authority would do")),
        (
            tls(", client_auth_type: VerifyClientCertIfGiven, client_ca_file: empty.pem"),
            OursStricter("no authority at all"),
        ),
        ("http_server_config: { http2: yes }\n".into(), OursStricter("true and false are written so here")),
        (tls(", client_auth_type: ''"), OursStricter("an empty value is a fault here")),
        (header("Content-Security-Policy: \"a\\nb\""), OursStricter("no header may hold it")),
        (format!("basic_auth_users: {{ 'a:b': {HASH} }}\n"), OursStricter("nobody can send that name")),
        (format!("basic_auth_users: {{ alice: '{}!' }}\n", &HASH[..59]), OursStricter("no password fits that hash")),
        (
            format!("basic_auth_users: {{ alice: {} }}\n", HASH.replace("$04$", "$31$")),
            OursStricter("a sign-in would take days"),
        ),
        (tls(", client_auth_type: RequireAnyClientCert, client_allowed_sans: [a]"), Newer("0.10")),
        ("rate_limit: { interval: 1s, burst: 5 }\n".into(), Newer("0.14")),
    ];
    let mut differ = Vec::new();
    for (text, verdict) in &table {
        place.write("web.yml", text);
        let toolkit = Command::new("promtool")
            .args(["check", "web-config"])
            .arg(place.folder.path().join("web.yml"))
            .output()
            .expect("promtool, of Debian's package prometheus");
        let ours = place.command(&["check"]);
        let (want, why) = match verdict {
            Good => ((true, true), "both take it"),
            Bad => ((false, false), "both refuse it"),
            OursStricter(why) => ((true, false), *why),
            Newer(since) => ((false, true), *since),
        };
        if (toolkit.status.success(), ours.status.success()) != want {
            differ.push(format!("{text}({why}) toolkit: {}ours: {}", said(&toolkit).1, said(&ours).1));
        }
        if !want.1 {
            let text = said(&ours).1;
            assert!(text.contains("web.yml:") && text.contains("error: "), "every fault has its place: {text}");
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
