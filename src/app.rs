//! Builds every part once, in a straight line, and runs it until it is told to stop.
//!
//! A reload builds anew what the configuration says: rules, routes, ways out. What was seen, decided and learned of the
//! vendor stays, with the store, the web server and the clock.

use std::{
    future::Future,
    sync::{Arc, Mutex as PlainMutex, PoisonError, RwLock, atomic::AtomicU64},
};

use anyhow::Context as _;
use rand::{TryRng as _, rngs::SysRng};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{Mutex, mpsc, oneshot, watch as channel},
};

use crate::{
    alerts::page::LinkKey,
    clock::{self, Clock},
    config::{Config, fault::Fault, original},
    http::{
        self,
        local_key::{self, LocalKey},
    },
    lifecycle::{ApiBook, Nudges, Post, SilenceBook, StoreHealth},
    limits,
    metrics::Metrics,
    model::Instant,
    notify::inbound::{Ears, hooks::Hooks},
    on_call::picture::OnCallPicture,
    picture,
    pulse::Pulses,
    reach::Reach,
    store::Store,
    view::{self, ConfigView, ViewWriter},
};

mod audit;
mod briefings;
pub(crate) mod cover_past;
mod crew;
mod desk;
mod details;
mod dispositions;
mod drills;
mod heart;
mod hours;
mod links;
pub(crate) mod lookup;
mod office;
mod on_call;
mod parts;
mod past;
mod publisher;
mod record_book;
mod records;
mod reload;
mod replies;
mod reports;
mod retire;
mod send_on;
mod silence_desk;
mod vendor_desk;
mod vendor_pace;
mod web_watch;
mod would_note;

pub(crate) use on_call::{calendar_now, mark_of as calendar_mark};

use briefings::Briefer;
use crew::{Crew, Prepared};
use desk::Desk;
use hours::Bookkeeper;
use lookup::Library;
pub(crate) use parts::{installation, telling};
use records::Shelf;

use reload::{Refused, ReloadAsked, files_change, hung_up, reload};
use silence_desk::SilenceDesk;
use vendor_desk::VendorDesk;
use web_watch::WebWatch;

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
    let silences = Arc::new(SilenceBook::open(store.clone()).await.context("reading the silences")?);
    let listener = TcpListener::bind(config.web.listen).await.with_context(|| {
        format!(
            "listening on {}: is another shiftwatch running? Set web.listen to another address, or stop it",
            config.web.listen
        )
    })?;
    let address = listener.local_addr().context("reading the listening address")?;

    let metrics = Arc::new(Metrics::new());
    metrics.reloaded_at(started_at);
    let pulses = Arc::new(Pulses::new(clock::real_now()));
    let (reload_asked, mut reloads) = mpsc::channel::<ReloadAsked>(8);
    let nudges = Nudges::default();
    let view_of_config = config_view(&config, started_at);
    let first = picture::take(
        &[],
        frame(&config, &view_of_config, started_at, None, Arc::default(), Err("starting".into()), started_at),
    )
    .await;
    let (writer, reader) = view::publish(first);
    let store_health = Arc::new(StoreHealth::default());
    let desk = Arc::new(Desk {
        store: store.clone(),
        clock: clock.clone(),
        nudges: nudges.clone(),
        posts: RwLock::new(Arc::new(Vec::new())),
        store_health: Arc::clone(&store_health),
        reload: reload_asked,
        n_said: AtomicU64::default(),
    });
    let ears = Arc::new(Ears::default());
    let hooks = Arc::new(Hooks::new(store.clone(), clock.clone(), desk.clone(), Arc::clone(&ears), seed));
    let api_book = Arc::<ApiBook>::default();
    let shelf = Arc::new(Shelf {
        store: store.clone(),
        clock: clock.clone(),
        desk: Arc::clone(&desk),
        api_book: Arc::clone(&api_book),
        view: reader.clone(),
        histories: Mutex::default(),
        logs: Mutex::default(),
        api_records: Mutex::default(),
    });
    let bookkeeper = Arc::new(Bookkeeper {
        store: store.clone(),
        clock: clock.clone(),
        desk: Arc::clone(&desk),
        alone: Mutex::default(),
    });
    let briefer = Arc::new(Briefer {
        store: store.clone(),
        clock: clock.clone(),
        desk: Arc::clone(&desk),
        view: reader.clone(),
        shelf: Arc::clone(&shelf),
        bookkeeper: Arc::clone(&bookkeeper),
        plans: RwLock::default(),
        nudge: Arc::clone(&nudges.send),
        shown: Mutex::default(),
    });
    let vendor = Arc::new(VendorDesk::new(Arc::clone(&desk), Arc::clone(&metrics)));
    let kept = Kept {
        briefer: Arc::clone(&briefer),
        ears,
        vendor: Arc::clone(&vendor),
        hooks: Arc::clone(&hooks),
        store: store.clone(),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        pulses: Arc::clone(&pulses),
        nudges,
        writer: Arc::new(writer),
        refused_at: Arc::default(),
        store_health,
        silences: Arc::clone(&silences),
        api_book,
        reach: Reach::new(link_key(&store).await?),
        started_at,
        seed,
    };
    let mut origins = config.origins.clone();
    let mut config = Arc::new(config);
    let prepared = Prepared::make(&kept, Arc::clone(&config), view_of_config, &[]).await?;
    let mut crew = Crew::start(&kept, prepared, &desk).await;

    // Only now: an alert that is posted belongs to an agency, and these are known from here on.
    let (web_stop, mut web_stopped) = channel::channel(false);
    let local = LocalKey::new(&own_secret(&store, local_key::SECRET).await?);
    let access = Arc::new(http::Access::new(config.web.file.as_ref()).with_local_key(local));
    let mut web_watch = WebWatch::of(&config);
    let web = http::Web {
        view: reader,
        pulses,
        metrics,
        orders: desk.clone(),
        silencing: Arc::new(SilenceDesk::new(
            silences,
            clock.clone(),
            kept.nudges.clone(),
            Arc::clone(&kept.store_health),
            seed,
        )),
        briefings: briefer,
        records: shelf,
        hours: bookkeeper,
        people: desk.clone(),
        details: desk.clone(),
        gallery: Arc::default(),
        open: Arc::default(),
        closing: web_stop.subscribe(),
        clock: clock.clone(),
        access: Arc::clone(&access),
        audit: desk.clone(),
        lookup: Arc::new(Library {
            store: store.clone(),
            desk: Arc::clone(&desk),
            clock: clock.clone(),
            shelves: PlainMutex::default(),
        }),
        hooks: Some(hooks),
        vendor,
    };
    let serving = tokio::spawn(http::serve(listener, http::router(web), Arc::clone(&access), async move {
        let _ = web_stopped.wait_for(|stop| *stop).await;
    }));
    tracing::info!(address = %address, version = env!("CARGO_PKG_VERSION"), "shiftwatch: listening");
    if let Some(listening) = listening {
        let _ = listening.send(address);
    }

    let mut stop = std::pin::pin!(stop);
    let mut hangup = if hangups { signal(SignalKind::hangup()).ok() } else { None };
    // Whether the configuration as a whole was refused last: then a web file that is right again is worth a look at all of it.
    let mut whole_refused = false;
    let ended = loop {
        let reply = tokio::select! {
            () = &mut stop => break Ok(()),
            fault = crew.failed() => break Err(fault),
            () = files_change(&origins) => None,
            () = web_watch.changes() => {
                let taken = renew_web_file(&kept, &mut web_watch, &access).await;
                if !(taken && whole_refused) {
                    continue;
                }
                None
            }
            () = hung_up(&mut hangup) => None,
            Some(ReloadAsked(reply)) = reloads.recv() => reply,
        };
        // Before they are read: a change in the meantime is seen with the next look.
        origins.look_again();
        let prepared = tokio::select! {
            () = &mut stop => break Ok(()),
            prepared = prepare(&kept, &load, &config, &crew.posts) => prepared,
        };
        let said = match prepared {
            Ok((new, prepared)) => {
                let passed = tokio::select! {
                    () = &mut stop => break Ok(()),
                    passed = crew.stop(limits::RELOAD_WITHIN) => passed,
                };
                if !passed {
                    break Err(anyhow::anyhow!(
                        "a loop hangs and a reload cannot go on; start shiftwatch again, nothing is lost"
                    ));
                }
                crew = Crew::start(&kept, prepared, &desk).await;
                config = new;
                origins.clone_from(&config.origins);
                access.swap(config.web.file.as_ref());
                web_watch = WebWatch::of(&config);
                whole_refused = false;
                tracing::info!("config: reloaded");
                Ok(sentence(&config))
            }
            Err(Refused { faults, files }) => {
                for file in files {
                    origins.file(&file);
                }
                kept.refused(clock.now());
                whole_refused = true;
                for fault in &faults {
                    tracing::error!("{fault}");
                }
                tracing::error!(
                    n_faults = faults.len(),
                    "config: the new configuration was refused; the last good one stays in use"
                );
                Err(faults)
            }
        };
        if let Some(reply) = reply {
            let _ = reply.send(said);
        }
    };
    if let Err(fault) = &ended {
        tracing::error!(error = %fault, "shiftwatch: ends");
    }
    let _ = web_stop.send(true);
    let ending = async { tokio::join!(crew.stop(limits::PASSES_END_WITHIN), serving) };
    let _ = tokio::time::timeout(limits::STOP_WITHIN, ending).await;
    let _ = tokio::time::timeout(limits::CLOSE_WITHIN, async {
        if let Err(fault) = kept.api_book.keep(&store, clock.now()).await {
            tracing::warn!(error = %fault, "store: what was seen of the API last could not be kept");
        }
        store.close().await;
    })
    .await;
    if ended.is_ok() {
        tracing::info!("shiftwatch: stopped");
    }
    ended
}

/// Takes over a web file that changed, or says why not; then the last good one stays in force.
async fn renew_web_file(kept: &Kept, web_watch: &mut WebWatch, access: &http::Access) -> bool {
    let now = kept.clock.now();
    match web_watch.read_again().await {
        Ok(file) => {
            access.swap(Some(&file));
            kept.accepted(now);
            tracing::info!(file = %file.path.display(), "web: the web file and its certificate were read again");
            true
        }
        Err(faults) => {
            kept.refused(now);
            for fault in &faults {
                tracing::error!("{fault}");
            }
            tracing::error!(
                n_faults = faults.len(),
                "web: the new web file was refused; TLS and sign-in stay as they were"
            );
            false
        }
    }
}

/// The configuration as it is on disk now, and everything it needs; or why it cannot be had.
async fn prepare(
    kept: &Kept,
    load: &LoadConfig,
    old: &Config,
    posts: &[Arc<Post>],
) -> Result<(Arc<Config>, Prepared), Refused> {
    let config = Arc::new(reload(load, old).await?);
    let now = kept.clock.now();
    let prepared = Prepared::make(kept, Arc::clone(&config), config_view(&config, now), posts).await;
    let prepared = prepared.map_err(|fault| format!("{fault:#}"))?;
    kept.accepted(now);
    Ok((config, prepared))
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
        original: original::for_alertmanager(&config.original).into(),
        loaded_at,
        refused_at: None,
    }
}

fn frame<'a>(
    config: &'a Config,
    config_view: &ConfigView,
    started_at: Instant,
    outbox: Option<crate::store::OutboxStats>,
    on_call: Arc<OnCallPicture>,
    ready: Result<(), String>,
    now: Instant,
) -> picture::Frame<'a> {
    let telling = Arc::new(telling(config));
    picture::Frame {
        config,
        config_view: config_view.clone(),
        started_at,
        telling,
        silences: Arc::default(),
        outbox,
        on_call,
        ready,
        now,
    }
}

/// What outlives a reload.
struct Kept {
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    pulses: Arc<Pulses>,
    nudges: Nudges,
    writer: Arc<ViewWriter>,
    /// Since when a newer configuration is refused.
    refused_at: Arc<PlainMutex<Option<Instant>>>,
    store_health: Arc<StoreHealth>,
    silences: Arc<SilenceBook>,
    api_book: Arc<ApiBook>,
    /// Writes briefings and reports.
    briefer: Arc<Briefer>,
    /// Every phone, over all agencies, and what links are made with.
    reach: Reach,
    /// What was heard from gateways.
    ears: Arc<Ears>,
    /// Where gateways tell.
    hooks: Arc<Hooks>,
    /// Where the vendor tells.
    vendor: Arc<VendorDesk>,
    started_at: Instant,
    seed: u64,
}

/// The installation's secret for links, made once.
async fn link_key(store: &Store) -> anyhow::Result<LinkKey> {
    Ok(LinkKey::new(&own_secret(store, "links").await?))
}

/// A secret that the installation makes for itself, once.
pub(crate) async fn own_secret(store: &Store, name: &'static str) -> anyhow::Result<[u8; 32]> {
    let mut fresh = [0; 32];
    SysRng.try_fill_bytes(&mut fresh).context("asking the system for random bytes")?;
    store.secret(name, &fresh).await.with_context(|| format!("reading the installation's own secret ({name})"))
}

impl Kept {
    /// A new configuration was taken. The metric says so at once, the picture with the next tick.
    fn accepted(&self, now: Instant) {
        self.metrics.reloaded(true);
        self.metrics.reloaded_at(now);
        *self.refused_at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A new configuration was refused.
    fn refused(&self, now: Instant) {
        self.metrics.reloaded(false);
        self.refused_at.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
    }
}
