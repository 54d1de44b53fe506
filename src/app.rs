//! Builds every part once, in a straight line, and runs it until it is told to stop.
//!
//! A reload builds everything anew but the store, the web server and the clock.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex as PlainMutex, RwLock},
    time::Duration,
};

use anyhow::Context as _;
use chrono::TimeDelta;
use futures::future::BoxFuture;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Notify, mpsc, oneshot, watch as channel},
    task::JoinSet,
};

use crate::{
    alerts::{
        alert::{AlertKey, AlertState},
        orders::Ask,
    },
    clock::{self, Clock},
    config::{self, Config, fault::Fault},
    http::{
        self, Orders,
        orders::{AckError, Acked, Acknowledge, PostableAlert, StoreFault},
    },
    lifecycle::{self, Floor, Nudges, Post},
    metrics::{MessageOutcome, Metrics},
    model::{AgencyName, Instant, Section, local_time::start_of_day},
    notify::{
        channel::Channels,
        deliver::{Deliverer, DelivererParts},
        heartbeat::Heartbeat,
        poll, shadow,
        telling::Telling as SendCounts,
        voice::{Telling, Voice},
    },
    picture,
    rules::{finding::Tells, ruleset::Ruleset},
    source::{
        client::Source,
        exchange::Access,
        planner::{PlanSettings, Planner},
    },
    store::Store,
    view::{self, ConfigView, Loop, Pulses, ViewWriter},
    watch::Watch,
};

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

/// Asked of the running agent by its own web side and signals.
struct ReloadAsked(Option<oneshot::Sender<Result<String, Vec<String>>>>);

/// How often the configuration's files are looked at for a change.
const FILES_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);
/// The picture is taken anew so often when nothing changed, real time.
const PICTURE_EVERY: TimeDelta = TimeDelta::seconds(2);
/// Messages and history older than this leave the store.
const MESSAGES_KEPT: TimeDelta = TimeDelta::days(90);
const HISTORY_KEPT: TimeDelta = TimeDelta::days(400);

/// Runs the agent until `stop` comes; then ends after the present passes and the sends in flight.
pub async fn run(launch: Launch, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let Launch { config, load, clock, seed, listening, hangups } = launch;
    // Another part of the process may have been first; both mean the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let started_at = clock.now();
    let store = Store::open(&config.store, started_at).await.context("opening the store")?;
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

async fn reload(load: &LoadConfig, old: &Config) -> Result<Config, Vec<String>> {
    let load = Arc::clone(load);
    let loaded = tokio::task::spawn_blocking(move || load())
        .await
        .map_err(|fault| vec![format!("reading the configuration: {fault}")])?;
    let (config, warnings) = loaded.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if config.store != old.store || config.web.listen != old.web.listen {
        return Err(vec!["store and web.listen cannot change while running; restart shiftwatch for that".into()]);
    }
    Ok(config)
}

/// Returns on SIGHUP. Never, when it is not listened for.
async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Returns when a file of the configuration changed. Never, when it came from the environment alone.
async fn files_change(config: &Config) {
    let Some(file) = &config.file else { return std::future::pending().await };
    let before = stamps(file);
    loop {
        lifecycle::wait(FILES_LOOKED_AT_EVERY).await;
        if stamps(file) != before {
            return;
        }
    }
}

/// When the configuration and what lies beside it (`*.yml`, `*.yaml`, `*.env`, one folder deep) last changed.
fn stamps(file: &Path) -> BTreeMap<PathBuf, Option<std::time::SystemTime>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let modified = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let mut stamps = BTreeMap::from([(file.to_owned(), modified(file))]);
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let here = list(folder);
    let below: Vec<PathBuf> = here.iter().filter(|path| path.is_dir()).flat_map(|path| list(path)).collect();
    for path in here.iter().chain(&below) {
        if path.extension().is_some_and(|extension| ["yml", "yaml", "env"].iter().any(|known| extension == *known)) {
            stamps.insert(path.clone(), modified(path));
        }
    }
    stamps
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

/// The loops of one configuration.
struct Crew {
    stop: channel::Sender<bool>,
    deliver_stop: channel::Sender<bool>,
    tasks: JoinSet<()>,
    senders: JoinSet<()>,
}

impl Crew {
    async fn start(
        kept: &Kept,
        config: &Arc<Config>,
        view_of_config: &ConfigView,
        desk: &Arc<Desk>,
        refused_at: Arc<PlainMutex<Option<Instant>>>,
    ) -> anyhow::Result<Self> {
        let now = kept.clock.now();
        let telling = Arc::new(telling(config));
        let accesses = Access::for_all(config.agencies.iter().map(|agency| &agency.wellsky), kept.seed)
            .context("preparing the way to WellSky")?;
        let mut posts = Vec::new();
        for (agency, access) in config.agencies.iter().zip(accesses) {
            let source = Arc::new(Source::new(agency, access));
            posts.push(Arc::new(post(kept, config, agency, Some(source), now).await?));
        }
        let installation = installation(config);
        posts.push(Arc::new(post(kept, config, &installation, None, now).await?));
        let posts = Arc::new(posts);
        if let Ok(mut held) = desk.posts.write() {
            *held = Arc::clone(&posts);
        }

        let (stop, stopped) = channel::channel(false);
        let (deliver_stop, deliver_stopped) = channel::channel(false);
        let floor = Floor {
            clock: kept.clock.clone(),
            store: kept.store.clone(),
            posts: Arc::clone(&posts),
            telling,
            nudges: kept.nudges.clone(),
            stop: stopped,
            pulses: Arc::clone(&kept.pulses),
            metrics: Arc::clone(&kept.metrics),
            refused: Arc::default(),
        };
        kept.nudges.inputs.store(true, std::sync::atomic::Ordering::Release);

        let counts = Arc::new(SendCounts::default());
        let (channels_in, channels) =
            channel::channel(Arc::new(Channels::from_config(config).context("preparing the ways out")?));
        let parts = DelivererParts {
            store: kept.store.clone(),
            channels,
            clock: kept.clock.clone(),
            telling: Arc::clone(&counts),
            nudge: Arc::clone(&kept.nudges.send),
            texts_sent: Arc::new(Notify::new()),
            seed: kept.seed,
        };
        let mut senders = JoinSet::new();
        let deliverer = Deliverer::new(parts.clone());
        let running = deliver_stopped.clone();
        senders.spawn(async move {
            // The sending end stays with the loop: a closed channel would read as "no ways out".
            let _channels = channels_in;
            deliverer.run(running).await;
        });
        senders.spawn(poll::run(parts, deliver_stopped));

        let mut tasks = JoinSet::new();
        for post in posts.iter().filter(|post| post.source.is_some()) {
            let task = lifecycle::poll_loop(floor.clone(), Arc::clone(post));
            tasks.spawn(task);
        }
        if let Some(settings) = &config.heartbeat {
            let heartbeat = Heartbeat::new(settings.clone()).context("preparing the heartbeat")?;
            tasks.spawn(heartbeat_loop(floor.clone(), heartbeat));
        }
        let publisher = Publisher {
            config: Arc::clone(config),
            view_of_config: view_of_config.clone(),
            refused_at,
            writer: Arc::clone(&kept.writer),
            counts,
            counted: Vec::new(),
            doubled: Vec::new(),
            started_at: kept.started_at,
            taken_at: None,
            pruned_at: None,
        };
        let publisher = Arc::new(Mutex::new(publisher));
        tasks.spawn(lifecycle::tick_loop(floor, async move |floor: &Floor, changed: bool| {
            publisher.lock().await.publish(floor, changed).await;
        }));
        Ok(Self { stop, deliver_stop, tasks, senders })
    }

    /// Stops after the present passes; then the sends in flight.
    async fn stop(mut self) {
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(crate::limits::STOP_WITHIN / 2, async {
            while self.tasks.join_next().await.is_some() {}
        })
        .await;
        let _ = self.deliver_stop.send(true);
        let _ = tokio::time::timeout(crate::limits::STOP_WITHIN, async {
            while self.senders.join_next().await.is_some() {}
        })
        .await;
    }
}

async fn post(
    kept: &Kept,
    config: &Config,
    agency: &config::Agency,
    source: Option<Arc<Source>>,
    now: Instant,
) -> anyhow::Result<Post> {
    let loaded = kept.store.load(&agency.name).await.with_context(|| format!("loading agency {}", agency.name))?;
    let ruleset = Arc::new(Ruleset::of_agency(&config.rules, source.is_none()));
    let mut policy = (*config.policy).clone();
    policy.confirm_timeout = agency.wellsky.confirm_timeout;
    let mut loaded = loaded;
    if source.is_none() && loaded.catch_up.is_none() {
        // There is no schedule to catch up with.
        loaded.catch_up = Some(crate::alerts::step::CatchUp::Done);
    }
    let watch = Watch::restore(agency, loaded, ruleset, Arc::new(policy), now);
    let speed = f64::from(kept.clock.speed());
    let settings = PlanSettings::new(
        agency.wellsky.detect_within,
        agency.wellsky.requests_per_second / speed,
        agency.timezone,
        kept.seed,
    );
    let mut planner = Planner::new(settings, now);
    if let Some(full_at) = watch.mirror.section(Section::Clients).full_at {
        planner.clients_read_at(full_at);
    }
    let clients = watch.mirror.client_ids().cloned().collect();
    for (client, plan) in watch.plans(&clients, now) {
        if let Some(plan) = plan {
            planner.update_client(&client, plan, now);
        }
    }
    Ok(Post {
        name: agency.name.clone(),
        watch: Mutex::new(watch),
        planner: Mutex::new(planner),
        poll: Notify::new(),
        source,
    })
}

/// The pseudo-agency: alerts of no agency, and the agent's own.
fn installation(config: &Config) -> config::Agency {
    let mut agency = config.agencies[0].clone();
    agency.name = AgencyName::installation();
    agency.title = "shiftwatch".into();
    agency.locations = Vec::new();
    agency
}

fn telling(config: &Config) -> Telling {
    let voice = |agency: &config::Agency| Voice {
        title: agency.title.clone(),
        zone: agency.timezone,
        location_zones: agency
            .locations
            .iter()
            .filter_map(|location| Some((location.name.clone(), location.timezone?)))
            .collect(),
        clock_12h: agency.clock_12h,
    };
    let shadow = config.telling.as_ref().zip(config.mail.as_ref()).map(|(shadow, mail)| shadow::Shadow {
        until: start_of_day(config.agencies[0].timezone, shadow.until),
        to: shadow.to.clone(),
        from: mail.from.clone(),
        smarthost: mail.smarthost.clone(),
    });
    Telling {
        voices: config.agencies.iter().map(|agency| (agency.name.clone(), voice(agency))).collect(),
        installation: voice(&installation(config)),
        external_url: config.web.external_url.clone(),
        shadow,
    }
}

/// A beat after each complete cycle: something was read, the tick passed, the outbox is drained.
async fn heartbeat_loop(floor: Floor, mut heartbeat: Heartbeat) {
    let mut stop = floor.stop.clone();
    let mut beaten_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = lifecycle::wait(Duration::from_secs(1)) => {}
            () = lifecycle::told_to(&mut stop) => return,
        }
        let now = floor.clock.now();
        if !heartbeat.is_due(now) || floor.readiness().is_err() || floor.pulses.last(Loop::Tick).is_none() {
            continue;
        }
        let mut all_read = true;
        for post in floor.posts.iter().filter(|post| post.source.is_some()) {
            let read_at = post.watch.lock().await.mirror.last_ok_at();
            all_read &= read_at.is_some_and(|read_at| beaten_at.is_none_or(|beaten| read_at > beaten));
        }
        let drained = floor
            .store
            .outbox_stats()
            .await
            .is_ok_and(|stats| stats.oldest_at.is_none_or(|oldest| now - oldest < TimeDelta::minutes(1)));
        if all_read && drained {
            beaten_at = Some(now);
            heartbeat.beat(now).await;
        }
    }
}

/// Publishes the picture, moves the counts of the send loop into the metrics, and keeps the store small.
struct Publisher {
    config: Arc<Config>,
    view_of_config: ConfigView,
    refused_at: Arc<PlainMutex<Option<Instant>>>,
    writer: Arc<ViewWriter>,
    counts: Arc<SendCounts>,
    counted: Vec<(crate::notify::message::Channel, &'static str, u64)>,
    doubled: Vec<(crate::notify::message::Channel, u64)>,
    started_at: Instant,
    taken_at: Option<Instant>,
    pruned_at: Option<Instant>,
}

impl Publisher {
    async fn publish(&mut self, floor: &Floor, changed: bool) {
        let real_now = clock::real_now();
        if !changed && self.taken_at.is_some_and(|taken| (real_now - taken).abs() < PICTURE_EVERY) {
            return;
        }
        self.taken_at = Some(real_now);
        self.count(floor);
        let now = floor.clock.now();
        let mut view_of_config = self.view_of_config.clone();
        view_of_config.refused_at = *self.refused_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outbox = floor.store.outbox_stats().await.ok();
        let frame = frame(&self.config, &view_of_config, self.started_at, outbox, floor.readiness(), now);
        let view = picture::take(&floor.posts, frame).await;
        self.writer.send_replace(Arc::new(view));
        if self.pruned_at.is_none_or(|pruned| now - pruned > TimeDelta::hours(6)) {
            self.pruned_at = Some(now);
            if let Err(fault) = floor.store.prune(now - MESSAGES_KEPT, now - HISTORY_KEPT).await {
                tracing::warn!(error = %fault, "store: old rows could not be removed; trying again in six hours");
            }
        }
        floor.pulses.beat(Loop::Send, real_now);
    }

    fn count(&mut self, floor: &Floor) {
        let counted = self.counts.messages();
        for (channel, outcome, n) in &counted {
            let before = self.counted.iter().find(|(c, o, _)| c == channel && o == outcome).map_or(0, |(.., n)| *n);
            for _ in before..*n {
                if let Some(outcome) = MessageOutcome::named(outcome) {
                    floor.metrics.message(*channel, outcome);
                }
            }
        }
        self.counted = counted;
        let doubled = self.counts.doubled();
        for (channel, n) in &doubled {
            let before = self.doubled.iter().find(|(c, _)| c == channel).map_or(0, |(_, n)| *n);
            for _ in before..*n {
                floor.metrics.duplicate(*channel);
            }
        }
        self.doubled = doubled;
        for (channel, took) in self.counts.take_latencies() {
            floor.metrics.delivered_after(channel, took);
        }
    }
}

/// Takes orders from the web side and stores them.
struct Desk {
    store: Store,
    clock: Clock,
    nudges: Nudges,
    posts: RwLock<Arc<Vec<Arc<Post>>>>,
    reload: mpsc::Sender<ReloadAsked>,
}

impl Desk {
    fn posts(&self) -> Arc<Vec<Arc<Post>>> {
        self.posts.read().map(|posts| Arc::clone(&posts)).unwrap_or_default()
    }

    async fn find(
        &self,
        fingerprint: &str,
    ) -> Option<(AlertKey, AlertState, Tells, Option<Instant>, crate::alerts::policy::Policy)> {
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            let mut found: Vec<_> = watch.book.by_fingerprint(fingerprint).cloned().collect();
            found.sort_by_key(|alert| !alert.is_firing());
            if let Some(alert) = found.first() {
                let policy = watch.book.policy().clone();
                return Some((
                    alert.key.clone(),
                    alert.state.clone(),
                    alert.facts.tells.clone(),
                    alert.facts.starts_at,
                    policy,
                ));
            }
        }
        None
    }

    async fn store(&self, agency: &AgencyName, asks: Vec<Ask>) -> Result<(), StoreFault> {
        let stored = self.store.put_orders(agency, self.clock.now(), asks).await;
        stored.map_err(|fault| StoreFault { why: fault.to_string() })?;
        self.nudges.inputs_stored();
        Ok(())
    }
}

impl Orders for Desk {
    fn acknowledge(&self, order: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>> {
        Box::pin(async move {
            let Some((key, state, tells, starts_at, policy)) = self.find(&order.fingerprint).await else {
                return Err(AckError::Unknown);
            };
            match state {
                AlertState::Resolved { .. } => return Err(AckError::Over),
                AlertState::Pending { .. } => return Err(AckError::Pending),
                AlertState::Firing { .. } | AlertState::Acknowledged { .. } => {}
            }
            let now = self.clock.now();
            let uncovered = tells == Tells::Uncovered;
            let usual = if uncovered { policy.ack_expires_uncovered } else { policy.ack_expires };
            let mut until = now + TimeDelta::from_std(order.for_.unwrap_or(usual)).unwrap_or(TimeDelta::hours(24));
            // An uncovered shift is asked about again an hour before it starts, whoever owns it.
            if let Some(hour_before) = starts_at
                .map(|start| start - TimeDelta::hours(1))
                .filter(|at| uncovered && order.for_.is_none() && *at > now)
            {
                until = until.min(hour_before);
            }
            let agency = key.agency.clone();
            self.store(&agency, vec![Ask::Acknowledge { key, by: order.by, note: order.note, until }]).await?;
            Ok(Acked { until })
        })
    }

    fn post_alerts(&self, alerts: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            let posts = self.posts();
            let mut by_agency: BTreeMap<AgencyName, Vec<Ask>> = BTreeMap::new();
            for alert in alerts {
                let named = alert.labels.get("agency").map(|name| AgencyName::new(name.as_str()));
                let agency = named
                    .filter(|name| posts.iter().any(|post| post.name == *name))
                    .unwrap_or_else(AgencyName::installation);
                let PostableAlert { labels, annotations, starts_at, ends_at, generator_url } = alert;
                by_agency.entry(agency).or_default().push(Ask::Post {
                    labels,
                    annotations,
                    starts_at,
                    ends_at,
                    generator_url,
                });
            }
            for (agency, asks) in by_agency {
                self.store(&agency, asks).await?;
            }
            Ok(())
        })
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>> {
        Box::pin(async move {
            let (reply, replied) = oneshot::channel();
            let gone = || vec!["the agent is stopping".to_owned()];
            self.reload.send(ReloadAsked(Some(reply))).await.map_err(|_| gone())?;
            replied.await.map_err(|_| gone())?
        })
    }
}
