//! Mail over real TLS: a certificate authority of our own, servers that upgrade and servers that begin encrypted.
//!
//! Which authorities are trusted is read from the system, and `SSL_CERT_FILE` names another file for it. The
//! environment belongs to a process, so the cases run in a child of this test.

use std::{
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use shiftwatch::{
    model::{Phi, PhiGrant},
    notify::{
        message::{Content, Message, SmtpTarget},
        receiver::{EmailConfig, SmtpAuth},
    },
    store::MessageFate,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    gateway::MailServer,
    world::{World, mail, settings, t},
};

const CHILD: &str = "OUTBOX_TLS_CHILD";
/// Loopback is a whole network, and so the port that means TLS from the start is free somewhere in it.
const SMTPS: &str = "127.0.46.5:465";

/// An authority, and a way to have names certified by it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    /// Certificate and key for these names, as a server presents them.
    fn certify(&self, names: &[&str]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

#[test]
fn mail_goes_over_tls_to_whom_it_trusts_and_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new(), Authority::new());
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("ca.pem", &ours.issuer.pem());
    let right = &["localhost", "127.0.46.5"][..];
    for (name, (certificate, key)) in [
        ("right", ours.certify(right)),
        ("stranger", other.certify(right)),
        ("elsewhere", ours.certify(&["other.example.com"])),
    ] {
        write(&format!("{name}.pem"), &certificate);
        write(&format!("{name}.key"), &key);
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tls::child", "--nocapture"])
        .env(CHILD, folder.path())
        .env("SSL_CERT_FILE", folder.path().join("ca.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && said.contains("every case was tried"), "{said}");
}

/// The cases. Does nothing unless the parent started it.
#[test]
fn child() {
    #[expect(clippy::disallowed_methods, reason = "how the parent tells this test from an ordinary run")]
    let Ok(folder) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cases(Path::new(&folder)));
    println!("every case was tried");
}

async fn cases(folder: &Path) {
    let upgrading = TlsServer::start(folder, "right", "127.0.0.1:0", Manner::Upgrades).await.unwrap();
    sent(&upgrading, "localhost", "upgraded, then logged in").await;

    match TlsServer::start(folder, "right", SMTPS, Manner::Begins).await {
        Ok(beginning) => sent(&beginning, "127.0.46.5", "encrypted from the start").await,
        // Ports below 1024 may be root's alone.
        Err(error) => println!("{SMTPS} cannot be had here ({error}): TLS from the start was not tried"),
    }

    for (certificate, shows) in
        [("stranger", "an authority nobody knows"), ("elsewhere", "another server's certificate")]
    {
        let server = TlsServer::start(folder, certificate, "127.0.0.1:0", Manner::Upgrades).await.unwrap();
        let world = refused(server.port, shows).await;
        assert!(world.why("m").await.contains("TLS"), "{shows}: {}", world.why("m").await);
        let said = server.said();
        assert!(said.iter().all(|line| !line.encrypted && !line.text.starts_with("AUTH")), "{shows}: {said:?}");
    }

    let plain = MailServer::start().await;
    let world = refused(plain.address.port(), "no TLS on offer").await;
    assert_eq!(world.why("m").await, "SMTP failed at TLS, which is required");
    let said = plain.state.lock().unwrap().commands.clone();
    assert!(said.iter().all(|line| line.starts_with("EHLO") || line.starts_with("QUIT")), "no login: {said:?}");
}

/// A world that mails through this server, where TLS and a login are required.
async fn world(host: &str, port: u16) -> World {
    let smarthost = SmtpTarget { host: host.into(), port, require_tls: true, hello: Some("agent.example.com".into()) };
    let mut settings = settings(&[], &[]);
    settings.receivers[0].email.push(EmailConfig {
        to: vec![Phi::new("night@example.com".into())],
        from: "watch@example.com".into(),
        smarthost: smarthost.clone(),
        auth: Some(SmtpAuth { username: "watch".into(), password: "secret".into() }),
        subject: None,
        text: None,
        html: None,
        send_resolved: true,
        phi: false,
    });
    let mut world = World::new(settings).await;
    let stand_in = MailServer::start().await;
    let message = mail("m", &stand_in);
    let mut content = message.content.reveal(PhiGrant::SEND).clone();
    if let Content::Email { smarthost: stored, .. } = &mut content {
        *stored = smarthost;
    }
    world.decide(vec![Message { content: Phi::new(content), ..message }]).await;
    world
}

async fn sent(server: &TlsServer, host: &str, shows: &str) {
    let mut world = world(host, server.port).await;
    assert_eq!(world.pass().await.n_sent, 1, "{shows}: {}", world.why("m").await);
    let said = server.said();
    // "\0watch\0secret"
    let login = said.iter().find(|line| line.text == "AUTH PLAIN AHdhdGNoAHNlY3JldA==");
    assert_eq!(login.map(|line| line.encrypted), Some(true), "{shows}: {said:?}");
    let mut rest = said.iter().filter(|line| !line.text.starts_with("EHLO") && line.text != "STARTTLS");
    assert!(rest.all(|line| line.encrypted), "{shows}: {said:?}");
    assert_eq!(*server.n_mails.lock().unwrap(), 1, "{shows}");
}

async fn refused(port: u16, shows: &str) -> World {
    let mut world = world("localhost", port).await;
    world.until(20).await;
    assert_eq!(world.fate("m").await, MessageFate::Queued, "{shows}: it waits for a person");
    let health = world.store.gateway_health(world.now()).await.unwrap();
    assert_eq!((health[0].gateway.as_str(), health[0].failing_since), ("email", Some(t(0))), "{shows}");
    world
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// In the clear until STARTTLS.
    Upgrades,
    /// Encrypted from the start.
    Begins,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    encrypted: bool,
}

struct TlsServer {
    port: u16,
    said: Arc<Mutex<Vec<Line>>>,
    n_mails: Arc<Mutex<usize>>,
}

impl TlsServer {
    async fn start(folder: &Path, certificate: &str, address: &str, manner: Manner) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let server = Self { port: listener.local_addr()?.port(), said: Arc::default(), n_mails: Arc::default() };
        let acceptor = acceptor(folder, certificate);
        let (said, n_mails) = (Arc::clone(&server.said), Arc::clone(&server.n_mails));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let talk = Talk { said: Arc::clone(&said), n_mails: Arc::clone(&n_mails) };
                tokio::spawn(talk.serve(socket, acceptor.clone(), manner));
            }
        });
        Ok(server)
    }

    fn said(&self) -> Vec<Line> {
        self.said.lock().unwrap().clone()
    }
}

fn acceptor(folder: &Path, name: &str) -> TlsAcceptor {
    let read = |ending: &str| std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
    let chain = rustls::pki_types::CertificateDer::pem_slice_iter(&read("pem")).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(&read("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}

struct Talk {
    said: Arc<Mutex<Vec<Line>>>,
    n_mails: Arc<Mutex<usize>>,
}

impl Talk {
    async fn serve(self, mut socket: TcpStream, acceptor: TlsAcceptor, manner: Manner) -> Option<()> {
        if manner == Manner::Upgrades {
            socket.write_all(b"220 mail.example.com ready\r\n").await.ok()?;
            let mut plain = BufReader::new(socket);
            if !self.converse(&mut plain, false).await? {
                return None;
            }
            socket = plain.into_inner();
        }
        let mut encrypted = BufReader::new(acceptor.accept(socket).await.ok()?);
        if manner == Manner::Begins {
            encrypted.get_mut().write_all(b"220 mail.example.com ready\r\n").await.ok()?;
        }
        self.converse(&mut encrypted, true).await.map(drop)
    }

    /// True when the client wants TLS now.
    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        encrypted: bool,
    ) -> Option<bool> {
        let mut in_mail = false;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let text = line.trim_end().to_owned();
            if in_mail && text != "." {
                continue;
            }
            let verb = text.get(..4).unwrap_or("").to_ascii_uppercase();
            if in_mail {
                *self.n_mails.lock().unwrap() += 1;
            } else {
                self.said.lock().unwrap().push(Line { text: text.clone(), encrypted });
            }
            let answer = match verb.as_str() {
                "EHLO" if encrypted => "250-mail.example.com\r\n250 AUTH PLAIN",
                "EHLO" => "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 STARTTLS",
                "STAR" => "220 go ahead",
                "AUTH" => "235 welcome",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            };
            stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
            stream.get_mut().flush().await.ok()?;
            in_mail = verb == "DATA";
            match verb.as_str() {
                "STAR" => return Some(true),
                "QUIT" => return None,
                _ => {}
            }
        }
    }
}
