//! The loops of one configuration, from start to stop.

use std::sync::{Arc, Mutex as PlainMutex};

use anyhow::Context as _;
use tokio::{
    sync::{Mutex, Notify, watch as channel},
    task::JoinSet,
};

use super::{
    Kept,
    desk::Desk,
    heart::heartbeat_loop,
    parts::{installation, post, telling},
    publisher::Publisher,
    retire::retire,
};
use crate::{
    config::Config,
    lifecycle::{self, Floor},
    model::Instant,
    notify::{
        channel::Channels,
        deliver::{Deliverer, DelivererParts},
        heartbeat::Heartbeat,
        poll,
        telling::Telling as SendCounts,
    },
    source::{client::Source, exchange::Access},
    view::ConfigView,
};

/// The loops of one configuration.
pub(super) struct Crew {
    stop: channel::Sender<bool>,
    deliver_stop: channel::Sender<bool>,
    tasks: JoinSet<()>,
    senders: JoinSet<()>,
}

impl Crew {
    pub(super) async fn start(
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
        retire(kept, config, &telling, now).await;
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
        let (channels_in, channels) = channel::channel(Arc::new(
            Channels::from_config(config, floor.telling.shadow.clone()).context("preparing the ways out")?,
        ));
        let parts = DelivererParts {
            store: kept.store.clone(),
            channels,
            clock: kept.clock.clone(),
            telling: Arc::clone(&counts),
            nudge: Arc::clone(&kept.nudges.send),
            texts_sent: Arc::new(Notify::new()),
            pulses: Arc::clone(&kept.pulses),
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
            history_at: None,
            forgetting: None,
        };
        let publisher = Arc::new(Mutex::new(publisher));
        tasks.spawn(lifecycle::tick_loop(floor, async move |floor: &Floor, changed: bool| {
            publisher.lock().await.publish(floor, changed).await;
        }));
        Ok(Self { stop, deliver_stop, tasks, senders })
    }

    /// Stops after the present passes; then the sends in flight.
    pub(super) async fn stop(mut self) {
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
