//! Builds every part once, in a straight line, and runs it until it is told to stop.
//!
//! A reload builds everything anew but the store, the web server and the clock.

use std::{
    future::Future,
    sync::{Arc, Mutex as PlainMutex, RwLock},
};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, oneshot, watch as channel},
};

use crate::{
    clock::{self, Clock},
    config::{Config, fault::Fault},
    http,
    lifecycle::Nudges,
    metrics::Metrics,
    model::Instant,
    picture,
    pulse::Pulses,
    store::Store,
    view::{self, ConfigView, ViewWriter},
};

mod crew;
mod desk;
mod heart;
mod parts;
mod publisher;
mod reload;
mod retire;

use crew::Crew;
use desk::Desk;
use reload::{ReloadAsked, files_change, hung_up, reload};

/// Where the configuration comes from; asked again on reload.
pub type LoadConfig = Arc<dyn Fn() -> Result<(Config, Vec<Fault>), Vec<Fault>> + Send + Sync>;

/// What `run` is made of.
pub struct Launch {
    /// The configuration, loaded and checked.
    pub config: Config,
    /// How to load it again.
    pub load: LoadConfig,
    /// The agent's clock.
    pub clock: Clock,
    /// Feeds every jitter.
    pub seed: u64,
    /// Whether SIGHUP means reload; false inside another command.
    pub hangups: bool,
    /// Told the address once the web side listens.
    pub listening: Option<oneshot::Sender<std::net::SocketAddr>>,
}

/// Runs the agent until `stop` comes; then ends after the present passes and the sends in flight.
pub async fn run(launch: Launch, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Launch { config, load, clock, seed, listening, hangups } = launch;
    // Another part of the process may have been first; both mean the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let started_at = clock.now();
    let store = Store::open(&config.store, started_at).await?;
    let unsettled = store.recover(started_at).await.context("looking through the outbox")?;
    if unsettled > 0 {
        tracing::warn!(
            unsettled,
            "store: sends were under way when the last run ended; the providers are asked before anything is sent again"
        );
    }
    let listener = TcpListener::bind(config.web.listen).await.with_context(|| {
        format!(
            "listening on {}: is another shiftwatch running? Set web.listen to another address, or stop it",
            config.web.listen
        )
    })?;
    let address = listener.local_addr().context("reading the listening address")?;

    let metrics = Arc::new(Metrics::new());
    let pulses = Arc::new(Pulses::new(clock::real_now()));
    let (reload_asked, mut reloads) = mpsc::channel::<ReloadAsked>(8);
    let nudges = Nudges::default();
    let first = picture::take(
        &[],
        frame(&config, &config_view(&config, started_at), started_at, None, Err("starting".into()), started_at),
    )
    .await;
    let (writer, reader) = view::publish(first);
    let writer = Arc::new(writer);
    let desk = Arc::new(Desk {
        store: store.clone(),
        clock: clock.clone(),
        nudges: nudges.clone(),
        posts: RwLock::new(Arc::new(Vec::new())),
        reload: reload_asked.clone(),
    });
    let (web_stop, mut web_stopped) = channel::channel(false);
    let web = http::Web {
        view: reader,
        pulses: Arc::clone(&pulses),
        metrics: Arc::clone(&metrics),
        orders: desk.clone(),
        clock: clock.clone(),
    };
    let serving = tokio::spawn(http::serve(listener, http::router(web), async move {
        let _ = web_stopped.wait_for(|stop| *stop).await;
    }));
    tracing::info!(address = %address, version = env!("CARGO_PKG_VERSION"), "shiftwatch: listening");
    if let Some(listening) = listening {
        let _ = listening.send(address);
    }

    let mut config = Arc::new(config);
    let mut view_of_config = config_view(&config, started_at);
    let mut answer: Option<oneshot::Sender<Result<String, Vec<String>>>> = None;
    let mut stop = std::pin::pin!(stop);
    let mut hangup = if hangups { signal(SignalKind::hangup()).ok() } else { None };
    let kept = Kept { store: store.clone(), clock: clock.clone(), metrics, pulses, nudges, writer, started_at, seed };
    loop {
        let refused_at = Arc::new(PlainMutex::new(None));
        let crew = Crew::start(&kept, &config, &view_of_config, &desk, Arc::clone(&refused_at)).await?;
        if let Some(answer) = answer.take() {
            let _ = answer.send(Ok(sentence(&config)));
        }
        let next = loop {
            tokio::select! {
                () = &mut stop => break None,
                () = files_change(&config) => {
                    let _ = reload_asked.send(ReloadAsked(None)).await;
                }
                () = hung_up(&mut hangup) => {
                    let _ = reload_asked.send(ReloadAsked(None)).await;
                }
                Some(ReloadAsked(reply)) = reloads.recv() => match reload(&load, &config).await {
                    Ok(new) => {
                        kept.metrics.reloaded(true);
                        answer = reply;
                        break Some(new);
                    }
                    Err(faults) => {
                        kept.metrics.reloaded(false);
                        refused_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert(clock.now());
                        for fault in &faults {
                            tracing::error!("{fault}");
                        }
                        tracing::error!(n_faults = faults.len(), "config: the new configuration was refused; the last good one stays in use");
                        if let Some(reply) = reply {
                            let _ = reply.send(Err(faults));
                        }
                    }
                },
            }
        };
        crew.stop().await;
        match next {
            None => break,
            Some(new) => {
                tracing::info!("config: reloaded");
                config = Arc::new(new);
                view_of_config = config_view(&config, clock.now());
            }
        }
    }
    let _ = web_stop.send(true);
    let _ = tokio::time::timeout(crate::limits::STOP_WITHIN, serving).await;
    store.close().await;
    tracing::info!("shiftwatch: stopped");
    Ok(())
}

fn sentence(config: &Config) -> String {
    format!(
        "{} agencies, {} rules, {} receivers in use",
        config.agencies.len(),
        config.rules.len(),
        config.receivers.len()
    )
}

fn config_view(config: &Config, loaded_at: Instant) -> ConfigView {
    ConfigView {
        file: config.file.as_ref().map(|file| file.display().to_string()),
        original: config.original.as_str().into(),
        loaded_at,
        refused_at: None,
    }
}

fn frame<'a>(
    config: &'a Config,
    config_view: &ConfigView,
    started_at: Instant,
    outbox: Option<crate::store::OutboxStats>,
    ready: Result<(), String>,
    now: Instant,
) -> picture::Frame<'a> {
    picture::Frame { config, config_view: config_view.clone(), started_at, outbox, ready, now }
}

/// What outlives a reload.
struct Kept {
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    pulses: Arc<Pulses>,
    nudges: Nudges,
    writer: Arc<ViewWriter>,
    started_at: Instant,
    seed: u64,
}
