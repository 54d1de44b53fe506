//! Connections: how many at a time, how long each may wait, and how they end.
//!
//! A file is open for each connection, and the agent needs files too: for the vendor, the gateways and the store. So a
//! client that connects and says nothing must neither stay nor have many like it.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    extract::Request,
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{access::Access, answer, connection::Connection, waiting::Peer};

/// A request may take so long in all, its body included. A reload, which may run commands, is the longest.
pub(super) const REQUEST_MAX: Duration = Duration::from_mins(2);
/// A connection is closed after the request at hand once it is so old: whoever does not read its answer ends here.
pub(super) const CONNECTION_MAX: Duration = Duration::from_mins(10);
/// After a failed accept (no file left), so long until the next.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What connections may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// So many at a time; those beyond wait in the system's queue. Half of the files a process usually may open; an
    /// open page of the board holds one of them.
    pub connections: usize,
    /// How long a request's head may take to arrive, which is also how long a connection may idle between two.
    pub head: Duration,
    /// How long a TLS handshake may take. It holds up nobody else, and takes a place meanwhile.
    pub handshake: Duration,
    /// How long requests in flight may take to end once the server stops: a stop ends within 10 s in all.
    pub linger: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 512,
            head: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            linger: Duration::from_secs(3),
        }
    }
}

/// Serves until `stop` resolves, then takes no more connections and gives the requests in flight 3 s. Each connection
/// speaks TLS or not as `access` says when it comes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    access: Arc<Access>,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    serve_within(listener, router, access, stop, Bounds::default()).await;
}

pub(super) async fn serve_within(
    listener: TcpListener,
    router: Router,
    access: Arc<Access>,
    stop: impl Future<Output = ()>,
    bounds: Bounds,
) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let (close, closing) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &room) => accepted,
        };
        let peer = stream.peer_addr().ok().map(|address| Extension(Peer(address.ip())));
        let router = peer.map_or_else(|| router.clone(), |peer| router.clone().layer(peer));
        let (tls, closing) = (access.tls(), closing.clone());
        connections.spawn(async move {
            Connection { stream, router, tls, closing, bounds }.converse().await;
            drop(place);
        });
    }
    drop(listener);
    let _ = close.send(true);
    // A client that sent half a request and waits must not hold up the stop.
    let _ = timeout(bounds.linger, async { while connections.join_next().await.is_some() {} }).await;
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // Gone before it was taken.
            Err(fault) if matches!(fault.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {
            }
            Err(fault) => {
                tracing::error!(error = %fault, "http: no connection can be taken; trying again in a second");
                sleep_until(Instant::now() + ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Ends a request whose body does not come.
pub(super) async fn in_time(request: Request, next: Next) -> Response {
    timeout(REQUEST_MAX, next.run(request)).await.unwrap_or_else(|_| {
        let why = "the request took too long; send it again";
        answer::problem(StatusCode::REQUEST_TIMEOUT, why).into_response()
    })
}
