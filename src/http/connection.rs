//! One connection, from the first byte to the last: the TLS handshake where there is TLS, then HTTP/1 or HTTP/2.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    response::Response,
};
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
    server::conn::{http1, http2},
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::serving::{Bounds, CONNECTION_MAX, REQUEST_MAX};

/// The first byte of every TLS connection: the record of a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// So much of a request that nobody answers is read and dropped, so that the refusal arrives before the connection ends.
const UNREAD_BYTES_MAX: u64 = 64 * 1024;
const MISDIRECTED: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n\
    shiftwatch speaks TLS here: write https:// instead of http://\n";
/// Requests that one connection may have under way. A browser with a board open has a handful.
const STREAMS_MAX: u32 = 32;
/// How often a peer of HTTP/2 is asked whether it is still there, and how long it may take to say so.
const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(10);

/// A connection that was taken.
pub(super) struct Connection {
    pub stream: TcpStream,
    pub router: Router,
    /// TLS as it was when the connection came; `None` = plain.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Turns true when the server stops.
    pub closing: watch::Receiver<bool>,
    pub bounds: Bounds,
}

impl Connection {
    /// To its end. Faults of the other side are its own affair.
    pub(super) async fn converse(self) {
        let Self { stream, router, tls, mut closing, bounds } = self;
        let Some(tls) = tls else { return speak_http1(stream, router, closing, bounds).await };
        let secured = tokio::select! {
            secured = timeout(bounds.handshake, shake_hands(stream, tls)) => secured.ok().flatten(),
            _ = closing.wait_for(|closing| *closing) => None,
        };
        let Some(stream) = secured else { return };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            speak_http2(stream, router, closing, bounds).await;
        } else {
            speak_http1(stream, router, closing, bounds).await;
        }
    }
}

/// `None`: it came to nothing. Who asks in plain HTTP is told so in plain HTTP.
async fn shake_hands(mut stream: TcpStream, tls: Arc<rustls::ServerConfig>) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? == 0 {
        return None;
    }
    if first[0] == TLS_HANDSHAKE {
        match TlsAcceptor::from(tls).accept(stream).into_fallible().await {
            Ok(secured) => return Some(secured),
            Err((_, refused)) => stream = refused,
        }
    } else {
        stream.write_all(MISDIRECTED).await.ok()?;
    }
    say_no_more(stream).await;
    None
}

/// Ends what we say and reads on until the other side has ended too. A connection that is closed over unread bytes is reset,
/// and with it goes what was said last: why the handshake failed, or where to ask instead.
async fn say_no_more(mut stream: TcpStream) {
    if stream.shutdown().await.is_ok() {
        let _ = tokio::io::copy(&mut stream.take(UNREAD_BYTES_MAX), &mut tokio::io::sink()).await;
    }
}

async fn speak_http1<S>(stream: S, router: Router, mut closing: watch::Receiver<bool>, bounds: Bounds)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.head);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    tokio::select! {
        _ = connection.as_mut() => {}
        () = until_closing(&mut closing) => {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(REQUEST_MAX, connection).await;
        }
    }
}

/// HTTP/2 has no time limit for a request's head of its own: a connection on which nothing is asked ends as an idle one of
/// HTTP/1 does.
async fn speak_http2<S>(stream: S, router: Router, mut closing: watch::Receiver<bool>, bounds: Bounds)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (under_way, mut n_under_way) = watch::channel(0_usize);
    let under_way = Arc::new(under_way);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |request: Request<Incoming>| {
        let one = UnderWay::begin(&under_way);
        let answer = router.call(request);
        async move {
            let response: Response = answer.await?;
            Ok::<_, Infallible>(response.map(|body| Counted { body, _one: one }))
        }
    });
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        () = until_closing(&mut closing) => {}
        () = until_idle(&mut n_under_way, bounds.head) => {}
    }
    connection.as_mut().graceful_shutdown();
    // Whoever does not say goodbye is not waited for; a request that was just sent is.
    tokio::select! {
        _ = timeout(REQUEST_MAX, connection) => {}
        () = until_idle(&mut n_under_way, bounds.head) => {}
    }
}

async fn until_closing(closing: &mut watch::Receiver<bool>) {
    let _ = timeout(CONNECTION_MAX, closing.wait_for(|closing| *closing)).await;
}

/// Returns once nothing has been under way for so long.
async fn until_idle(n_under_way: &mut watch::Receiver<usize>, idle: Duration) {
    while n_under_way.wait_for(|n| *n == 0).await.is_ok() {
        match timeout(idle, n_under_way.changed()).await {
            Err(_) => return,
            Ok(Ok(())) => {}
            Ok(Err(_)) => break,
        }
    }
    std::future::pending::<()>().await;
}

/// One request under way, from its head to the last byte of its answer.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn begin(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|n| *n += 1);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}

/// An answer's body that counts as under way until it is sent or given up.
struct Counted {
    body: Body,
    _one: UnderWay,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
