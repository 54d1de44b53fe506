//! Connections: how they end, and how idle ones make room.

use super::*;

fn web() -> Web {
    let (_, reader) = crate::view::publish(view());
    Web {
        view: reader,
        pulses: Arc::new(Pulses::new(noon())),
        metrics: Arc::new(Metrics::new()),
        orders: Arc::new(Noted::default()),
        silencing: Arc::new(Noted::default()),
        people: Arc::new(Namesake::default()),
        details: Arc::new(Namesake::default()),
        gallery: Arc::default(),
        open: Arc::default(),
        closing: watch::channel(false).1,
        hours: Arc::new(hours::NoHours),
        briefings: Arc::new(briefing::OneMorning),
        records: Arc::new(Kept::default()),
        clock: Clock::manual(noon()),
        access: Arc::default(),
        audit: Arc::new(Noted::default()),
        lookup: Arc::new(Noted::default()),
        hooks: None,
        vendor: Arc::new(vendor::NoVendor),
    }
}

#[tokio::test]
async fn stopping_ends_the_server_whoever_is_still_connected() {
    for half_a_request in
        [&b""[..], b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n", b"POST /-/reload HTTP/1.1\r\ncontent-le"]
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut connection = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped = async move {
            let _ = stopped.await;
        };
        let bounds = Bounds { linger: Duration::ZERO, ..Bounds::default() };
        let served = tokio::spawn(serve_within(listener, router(web()), Arc::default(), stopped, bounds));
        tokio::io::AsyncWriteExt::write_all(&mut connection, half_a_request).await.unwrap();
        stop.send(()).unwrap();
        served.await.unwrap();
    }
}

#[tokio::test]
async fn idle_connections_make_room() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bounds = Bounds { connections: 2, head: Duration::from_millis(50), ..Bounds::default() };
    tokio::spawn(serve_within(listener, router(web()), Arc::default(), std::future::pending(), bounds));
    let mut idle = Vec::new();
    for said in [&b""[..], b"GET /-/healthy HTTP/1.1\r\n", b"GET /-/healthy HTTP/1.1\r\nhost: x\r\n\r\n"].repeat(3) {
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut connection, said).await.unwrap();
        idle.push(connection);
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().unwrap();
    let answered = client.get(format!("http://{address}/-/healthy")).send().await.unwrap();
    assert_eq!(answered.status(), 200, "after all of them");
    for connection in &mut idle {
        let mut rest = Vec::new();
        // Closed by us, whatever was sent before.
        let _ = tokio::io::AsyncReadExt::read_to_end(connection, &mut rest).await;
    }
}

proptest::proptest! {
    #[test]
    fn no_text_from_outside_panics(text in ".{0,60}", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
        let _ = v2::read_filter(&text);
        let _ = v2::read_filter(&format!("filter={text}&receiver={text}&active={text}"));
        let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect();
        v2::read_posting(&json, bytes.into());
        v2::read_posting(&json, format!(r#"[{{"labels":{{"a":{text:?}}},"startsAt":{text:?}}}]"#).into());
    }
}
