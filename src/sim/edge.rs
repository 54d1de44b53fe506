//! Loopback HTTP with everything a network can do to an answer: late, in drips, cut off, never.
//!
//! Given: a function from a [`Call`] to a [`Reply`]. Gives: a server that can refuse connections for a while and
//! break those it has. Does not: know what is served; the function is called once for each whole request.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, Request, connect_info::Connected},
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
    serve::{IncomingStream, Listener},
};
use futures::{stream, task::AtomicWaker};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// No request of a client needs more.
const BODY_MAX_BYTES: usize = 1 << 20;
/// A hang ends some day, so that a forgotten one does not hold its connection for ever.
const HANG: Duration = Duration::from_mins(10);
const DRIP_BYTES: usize = 16;

/// Locks, whatever a panicking test left behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits real time.
#[expect(clippy::disallowed_methods, reason = "the simulator's wire is an edge on real time")]
pub(crate) async fn pause(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// A whole HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) raw_query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// The query's pairs, decoded, in order.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.raw_query.as_bytes()).into_owned().collect()
    }

    /// The body's pairs when it is a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// A header's value; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// The content type without parameters, in lower case; empty when there is none.
    pub(crate) fn content_type(&self) -> String {
        let text = self.header("content-type").unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// How an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Manner {
    /// Whole.
    #[default]
    Whole,
    /// Not at all, and the connection stays open.
    Hang,
    /// In pieces, this far apart.
    Drip(Duration),
    /// The first half of the body, as if that were all.
    Truncated,
    /// The first half of the body, then the connection breaks.
    CutMidway,
    /// The connection breaks before a byte.
    Cut,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) wait: Duration,
    pub(crate) manner: Manner,
    /// What has to go well before this is the answer.
    pub(crate) handshake: Option<Handshake>,
}

/// A request of the server's own, whose answer has to repeat the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    pub(crate) url: String,
    pub(crate) token: String,
    /// What it is about, for whoever decides what comes of it.
    pub(crate) about: String,
}

impl Reply {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", body.to_string())
    }

    /// An HTML page.
    pub(crate) fn html(status: u16) -> Self {
        let title = if status < 400 { "Sign in" } else { "Server Error" };
        let page = format!(
            "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title} ({status})</h1></body></html>"
        );
        Self::text(status, "text/html; charset=utf-8", page)
    }

    /// Any text.
    pub(crate) fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body: body.into(),
            wait: Duration::ZERO,
            manner: Manner::Whole,
            handshake: None,
        }
    }

    /// The same with a header.
    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same, travelling so.
    pub(crate) const fn travelling(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

/// Breaks one connection.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<LineState>);

#[derive(Default)]
struct LineState {
    cut: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Line {
    /// Breaks it: whatever is read or written next fails.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("cut", &self.is_cut()).finish()
    }
}

/// Opens and closes a listening port and knows its connections.
#[derive(Clone)]
pub(crate) struct Door {
    open: watch::Sender<bool>,
    lines: Arc<Mutex<Vec<Weak<LineState>>>>,
}

impl Door {
    fn new() -> Self {
        Self { open: watch::Sender::new(true), lines: Arc::default() }
    }

    /// Refuses new connections and breaks those there are.
    pub(crate) fn close(&self) {
        self.open.send_replace(false);
        self.cut_all();
    }

    /// Takes connections again, on the same port.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Breaks every connection there is.
    pub(crate) fn cut_all(&self) {
        for state in lock(&self.lines).drain(..).filter_map(|line| line.upgrade()) {
            Line(state).cut();
        }
    }

    fn admit(&self, line: &Line) {
        let mut lines = lock(&self.lines);
        lines.retain(|it| it.strong_count() > 0);
        lines.push(Arc::downgrade(&line.0));
    }
}

/// A listening socket behind a [`Door`].
pub(crate) struct DoorListener {
    addr: SocketAddr,
    socket: Option<TcpListener>,
    door: Door,
    open: watch::Receiver<bool>,
}

impl DoorListener {
    /// Listens at `addr`; port 0 = any.
    pub(crate) async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(addr).await?;
        let door = Door::new();
        Ok(Self { addr: socket.local_addr()?, socket: Some(socket), open: door.open.subscribe(), door })
    }

    /// Where it listens.
    pub(crate) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What opens and closes it.
    pub(crate) fn door(&self) -> Door {
        self.door.clone()
    }

    /// The next connection.
    pub(crate) async fn connection(&mut self) -> (Wire, Line) {
        loop {
            if !*self.open.borrow_and_update() {
                self.socket = None;
                if self.open.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            let Some(socket) = &self.socket else {
                match TcpListener::bind(self.addr).await {
                    Ok(socket) => self.socket = Some(socket),
                    Err(_still_taken) => pause(Duration::from_millis(5)).await,
                }
                continue;
            };
            tokio::select! {
                accepted = socket.accept() => match accepted {
                    // Closed while this one came in: it is broken off, never served.
                    Ok(_) if !*self.open.borrow() => {}
                    Ok((stream, _)) => {
                        let _slower_is_fine = stream.set_nodelay(true);
                        let line = Line::default();
                        self.door.admit(&line);
                        return (Wire { stream, line: line.clone() }, line);
                    }
                    Err(_too_many_files) => pause(Duration::from_millis(5)).await,
                },
                _ = self.open.changed() => {}
            }
        }
    }
}

impl Listener for DoorListener {
    type Io = Wire;
    type Addr = Line;

    async fn accept(&mut self) -> (Wire, Line) {
        self.connection().await
    }

    fn local_addr(&self) -> io::Result<Line> {
        Ok(Line::default())
    }
}

impl Connected<IncomingStream<'_, DoorListener>> for Line {
    fn connect_info(stream: IncomingStream<'_, DoorListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A connection that can be cut from outside.
pub(crate) struct Wire {
    stream: TcpStream,
    line: Line,
}

fn reset() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        wire.line.0.reader.register(cx.waker());
        if wire.line.is_cut() {
            let _best_effort = wire.stream.set_zero_linger();
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut wire.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        wire.line.0.writer.register(cx.waker());
        if wire.line.is_cut() {
            let _best_effort = wire.stream.set_zero_linger();
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut wire.stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.line.is_cut() {
            return Poll::Ready(Err(reset()));
        }
        Pin::new(&mut wire.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Listening {
    pub(crate) addr: SocketAddr,
    pub(crate) door: Door,
    task: JoinHandle<()>,
}

impl Listening {
    /// Runs `task` behind `door` until this is dropped.
    pub(crate) const fn new(addr: SocketAddr, door: Door, task: JoinHandle<()>) -> Self {
        Self { addr, door, task }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        self.door.close();
    }
}

/// Serves `answer` at `addr`.
pub(crate) async fn serve<F>(
    addr: SocketAddr,
    answer: impl Fn(Call) -> F + Send + Sync + 'static,
) -> io::Result<Listening>
where
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = DoorListener::bind(addr).await?;
    let (addr, door) = (listener.addr(), listener.door());
    let answer = Arc::new(answer);
    let router = Router::new().fallback(move |ConnectInfo(line): ConnectInfo<Line>, request: Request| {
        let answer = answer.clone();
        async move {
            match read(request).await {
                Some(call) => deliver(answer(call).await, &line).await,
                None => plain(StatusCode::PAYLOAD_TOO_LARGE),
            }
        }
    });
    let task = tokio::spawn(async move {
        let served = axum::serve(listener, router.into_make_service_with_connect_info::<Line>()).await;
        debug_assert!(served.is_ok(), "serving ends only when it is dropped");
    });
    Ok(Listening::new(addr, door, task))
}

async fn read(request: Request) -> Option<Call> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, BODY_MAX_BYTES).await.ok()?;
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    Some(Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.to_vec(),
    })
}

async fn deliver(reply: Reply, line: &Line) -> Response {
    pause(reply.wait).await;
    let half = reply.body.len() / 2;
    let body = match reply.manner {
        Manner::Whole => Body::from(reply.body),
        Manner::Hang => {
            pause(HANG).await;
            line.cut();
            Body::empty()
        }
        Manner::Cut => {
            line.cut();
            Body::empty()
        }
        Manner::Truncated => Body::from(reply.body[..half].to_vec()),
        Manner::CutMidway => {
            let first = Bytes::copy_from_slice(&reply.body[..half]);
            Body::from_stream(stream::iter([Ok(first), Err(reset())]))
        }
        Manner::Drip(apart) => {
            let pieces: Vec<Bytes> = reply.body.chunks(DRIP_BYTES).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::unfold(pieces.into_iter(), move |mut pieces| async move {
                let piece = pieces.next()?;
                pause(apart).await;
                Some((Ok::<_, io::Error>(piece), pieces))
            }))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(reply.content_type));
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    response
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
