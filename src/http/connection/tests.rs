use std::net::SocketAddr;

use axum::routing::get;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use tokio::{net::TcpListener, sync::Notify};
use tokio_rustls::TlsConnector;

use super::*;
use crate::{
    config::WebFile,
    http::{Access, serving::serve_within},
    tls::client::{self, Trust},
};

/// Serves a router over TLS with short limits; gives its address.
async fn serving(router: Router, bounds: Bounds) -> SocketAddr {
    serving_with("", router, bounds).await
}

/// The same with more in `tls_server_config`.
async fn serving_with(more: &str, router: Router, bounds: Bounds) -> SocketAddr {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    let web = folder.path().join("web.yml");
    std::fs::write(&web, format!("tls_server_config: {{ cert_file: cert.pem, key_file: key.pem{more} }}\n")).unwrap();
    let access = Access::new(Some(&WebFile::load(&web).unwrap().0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_within(listener, router, Arc::new(access), std::future::pending(), bounds));
    address
}

/// A connection that has shaken hands.
async fn connect(address: SocketAddr, alpn: &[u8]) -> tokio_rustls::client::TlsStream<TcpStream> {
    let mut config = client::build(Trust::Anybody, None).unwrap();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

const SHORT: Duration = Duration::from_millis(100);
/// Far longer than [`SHORT`], and far shorter than every other limit.
const SOON: Duration = Duration::from_secs(8);

#[tokio::test]
async fn handshakes_and_heads_that_do_not_come_end_the_connection() {
    let bounds = Bounds { connections: 1, head: SHORT, handshake: SHORT, ..Bounds::default() };
    let address = serving(Router::new().route("/", get(|| async { "here" })), bounds).await;
    for first in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00", b"GET / HT"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(first).await.unwrap();
        let mut answer = Vec::new();
        // The answer to plain HTTP, or nothing; an end in any case, and so the next one gets the only place.
        let _reset_counts_too = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("an end");
    }
    for alpn in [&b"http/1.1"[..], b"h2"] {
        let mut stream = connect(address, alpn).await;
        let _ended = timeout(SOON, stream.read_to_end(&mut Vec::new())).await.expect("an end");
    }
}

#[tokio::test]
async fn whoever_is_turned_away_in_the_handshake_hears_why() {
    let clients = ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: cert.pem";
    let bounds = Bounds { connections: 1, ..Bounds::default() };
    let address = serving_with(clients, Router::new(), bounds).await;
    for _ in 0..20 {
        // A client believes the handshake done before the server has read its half of it, and asks.
        let mut stream = connect(address, b"http/1.1").await;
        stream.get_ref().0.readable().await.unwrap();
        for part in ["GET / HTTP/1.1\r\n", "Host: a\r\n", "Accept: */*\r\n", "\r\n"] {
            stream.write_all(part.as_bytes()).await.expect("the server reads on");
            stream.flush().await.expect("the server reads on");
        }
        let fault = timeout(SOON, stream.read_to_end(&mut Vec::new())).await.expect("an end").unwrap_err();
        assert!(fault.to_string().contains("CertificateRequired"), "{fault}");
    }
}

/// The frames with which a client of HTTP/2 begins, and a request for `/`: HPACK's static entries 2, 7, 4 and `:authority: a`.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const REQUEST: &[u8] = b"\0\0\x06\x01\x05\0\0\0\x01\x82\x87\x84\x41\x01a";

#[tokio::test]
async fn an_answer_under_way_keeps_a_connection_and_an_idle_one_is_closed() {
    let release = Arc::new(Notify::new());
    let (held, asked) = (Arc::clone(&release), Arc::new(Notify::new()));
    let seen = Arc::clone(&asked);
    let answer = move || {
        let (held, seen) = (Arc::clone(&held), Arc::clone(&seen));
        async move {
            seen.notify_one();
            // A stream whose one piece comes when the test says so.
            Body::from_stream(futures::stream::once(async move {
                held.notified().await;
                Ok::<_, Infallible>("done")
            }))
        }
    };
    let bounds = Bounds { head: SHORT, ..Bounds::default() };
    let address = serving(Router::new().route("/", get(answer)), bounds).await;
    let mut stream = connect(address, b"h2").await;
    stream.write_all(PREFACE).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    timeout(SOON, asked.notified()).await.expect("the request arrives");
    // While the answer is under way nothing ends, however long the silence: several times the limit.
    let mut got = Vec::new();
    let early = timeout(5 * SHORT, stream.read_to_end(&mut got)).await;
    assert!(early.is_err(), "closed under a running answer: {got:?}");
    release.notify_one();
    let _ended = timeout(SOON, stream.read_to_end(&mut got)).await.expect("closed once it is idle");
    assert!(got.windows(4).any(|piece| piece == b"done"), "{got:?}");
}
