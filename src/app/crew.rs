//! The loops of one configuration, from start to stop.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    sync::{Mutex, Notify, watch as channel},
    task::{Id, JoinError, JoinSet},
    time::timeout,
};

use super::{
    Kept,
    cover_past::cover_past_loop,
    desk::Desk,
    heart::heartbeat_loop,
    office::figures_loop,
    on_call::OnCall,
    parts::{Known, installation, post, telling},
    publisher::Publisher,
    record_book::VendorRecord,
    retire::retire,
    send_on::send_on_loop,
    vendor_pace,
};
use crate::{
    config::{self, Config},
    lifecycle::{self, Floor, Post, scheduled::scheduled_loop},
    notify::{
        alertmanager::Alertmanager,
        channel::Channels,
        deliver::{Deliverer, DelivererParts},
        heartbeat::Heartbeat,
        inbound::{
            hooks::HookSettings,
            listen::{self, Listening},
        },
        poll,
        telling::Telling as SendCounts,
        voice::Telling,
    },
    source::{access::Access, client::Source, write::Writer},
    view::ConfigView,
};

/// Everything of a configuration that can fail to be made. It is made while the loops of the one before still run,
/// so that a failure costs nothing.
pub(super) struct Prepared {
    config: Arc<Config>,
    view_of_config: ConfigView,
    agencies: Vec<(config::Agency, Option<Arc<Source>>, Known)>,
    telling: Arc<Telling>,
    channels: Channels,
    heartbeat: Option<Heartbeat>,
    on_call: OnCall,
    alertmanagers: Vec<Alertmanager>,
}

impl Prepared {
    /// For a configuration, with what those that are watched already know.
    pub(super) async fn make(
        kept: &Kept,
        config: Arc<Config>,
        view_of_config: ConfigView,
        held: &[Arc<Post>],
    ) -> anyhow::Result<Self> {
        let mut known = Vec::new();
        let installation = installation(&config);
        for agency in config.agencies.iter().chain([&installation]) {
            let name = &agency.name;
            known.push(if let Some(post) = held.iter().find(|post| post.name == *name) {
                Known::Held(Arc::clone(post))
            } else {
                let loaded = kept.store.load(name).await.with_context(|| format!("loading agency {name}"))?;
                Known::Stored(Box::new(loaded))
            });
        }
        let telling = Arc::new(telling(&config));
        let mut channels = Channels::from_config(&config, telling.shadow.clone()).context("preparing the ways out")?;
        channels.keep_in(&kept.store);
        let heartbeat = config.heartbeat.clone().map(Heartbeat::new).transpose().context("preparing the heartbeat")?;
        let on_call = OnCall::make(&config, &kept.store, &kept.clock, &kept.nudges.tick);
        let on_call = on_call.await.context("preparing the calendars")?;
        let alertmanagers = config.alertmanagers.iter().cloned().map(Alertmanager::new).collect::<Result<_, _>>();
        let alertmanagers = alertmanagers.context("preparing the way to the Alertmanagers")?;
        // Last, because it takes effect at once: a rate that is allowed now holds for the credential as it is.
        let accesses: Vec<Arc<Access>> =
            held.iter().filter_map(|post| post.source.as_ref()).map(|source| Arc::clone(source.access())).collect();
        let accesses = Access::for_all(config.agencies.iter().map(|agency| &agency.wellsky), kept.seed, &accesses)
            .context("preparing the way to WellSky")?;
        vendor_pace::keep(&kept.store, &accesses).await;
        for (agency, access) in config.agencies.iter().zip(&accesses) {
            // Without a write that is switched on by name there is nothing that could write.
            if agency.wellsky.write.is_on() && !agency.wellsky.write.dry_run {
                let writer = Writer::new(&agency.wellsky, Arc::clone(access), kept.clock.clone());
                channels.write_to(agency.name.clone(), Arc::new(VendorRecord(writer)));
            }
        }
        let sources = config.agencies.iter().zip(accesses).map(|(agency, access)| {
            let before = held.iter().find(|post| post.name == agency.name).and_then(|post| post.source.as_ref());
            Some(Source::renewed(before, agency, access))
        });
        let agencies = config.agencies.iter().cloned().zip(sources).chain([(installation, None)]);
        let agencies = agencies.zip(known).map(|((agency, source), known)| (agency, source, known)).collect();
        Ok(Self { config, view_of_config, agencies, telling, channels, heartbeat, on_call, alertmanagers })
    }
}

/// The loops of one configuration.
pub(super) struct Crew {
    /// What they watch.
    pub(super) posts: Arc<Vec<Arc<Post>>>,
    stop: channel::Sender<bool>,
    deliver_stop: channel::Sender<bool>,
    tasks: Tasks,
    senders: Tasks,
}

impl Crew {
    /// Takes over from the crew before, which stands.
    pub(super) async fn start(kept: &Kept, prepared: Prepared, desk: &Arc<Desk>) -> Self {
        let Prepared { config, view_of_config, agencies, telling, channels, heartbeat, on_call, alertmanagers } =
            prepared;
        let now = kept.clock.now();
        retire(kept, &config, &telling, now).await;
        let mut posts = Vec::new();
        for (agency, source, known) in agencies {
            posts.push(Arc::new(post(kept, &config, &agency, source, known, now).await));
        }
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
            store_health: Arc::clone(&kept.store_health),
            silences: Arc::clone(&kept.silences),
            reach: kept.reach.clone(),
            api_book: Arc::clone(&kept.api_book),
            on_call: on_call.picture(),
        };
        kept.briefer.renew(&config, &floor.telling);
        let read = posts.iter().filter(|post| post.source.is_some()).map(|post| post.name.clone());
        kept.pulses.watch(read.clone(), crate::clock::real_now());
        for agency in read {
            kept.metrics.watch(&agency);
        }
        kept.nudges.inputs.store(true, std::sync::atomic::Ordering::Release);

        let counts = Arc::new(SendCounts::default());
        let (channels_in, channels) = channel::channel(Arc::new(channels));
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
        let mut senders = Tasks::default();
        let deliverer = Deliverer::new(parts.clone());
        let running = deliver_stopped.clone();
        senders.spawn("send", async move {
            // The sending end stays with the loop: a closed channel would read as "no ways out".
            let _channels = channels_in;
            deliverer.run(running).await;
        });
        let listening = Listening {
            store: kept.store.clone(),
            channels: parts.channels.clone(),
            clock: kept.clock.clone(),
            replies: desk.clone(),
            ears: Arc::clone(&kept.ears),
        };
        kept.vendor.renew(&config);
        kept.hooks.renew(HookSettings {
            external_url: config.web.external_url.clone(),
            gateways: config.sms_gateways.clone(),
            parts: parts.clone(),
        });
        let listened = parts.channels.clone();
        senders.spawn("delivery report", poll::run(parts, deliver_stopped.clone()));
        senders.spawn("reply", listen::run(listening, deliver_stopped));

        let mut tasks = Tasks::default();
        for post in posts.iter().filter(|post| post.source.is_some()) {
            tasks.spawn("poll", lifecycle::poll_loop(floor.clone(), Arc::clone(post)));
            tasks.spawn("reread", lifecycle::reread_loop(floor.clone(), Arc::clone(post)));
            tasks.spawn("charges", lifecycle::charges_loop(floor.clone(), Arc::clone(post)));
            tasks.spawn("details", lifecycle::details_loop(floor.clone(), Arc::clone(post)));
            tasks.spawn("calls", lifecycle::calls_loop(floor.clone(), Arc::clone(post), listened.clone()));
        }
        tasks.spawn("key figures", figures_loop(floor.clone()));
        tasks.spawn("cover", cover_past_loop(floor.clone()));
        tasks.spawn("on-call", on_call.run(floor.stop.clone()));
        tasks.spawn("scheduled", scheduled_loop(floor.clone(), kept.briefer.clone()));
        if let Some(heartbeat) = heartbeat {
            tasks.spawn("heartbeat", heartbeat_loop(floor.clone(), heartbeat));
        }
        for (n, to) in alertmanagers.into_iter().enumerate() {
            tasks.spawn("alertmanagers", send_on_loop(floor.clone(), kept.writer.subscribe(), to, n));
        }
        let publisher = Publisher {
            config,
            view_of_config,
            refused_at: Arc::clone(&kept.refused_at),
            writer: Arc::clone(&kept.writer),
            counts,
            ears: Arc::clone(&kept.ears),
            channels: listened,
            counted: Vec::new(),
            doubled: Vec::new(),
            started_at: kept.started_at,
            taken_at: None,
            pruned_at: None,
            history_at: None,
            forgetting: None,
        };
        let publisher = Arc::new(Mutex::new(publisher));
        tasks.spawn(
            "tick",
            lifecycle::tick_loop(floor, async move |floor: &Floor, changed: bool| {
                publisher.lock().await.publish(floor, changed).await;
            }),
        );
        Self { posts, stop, deliver_stop, tasks, senders }
    }

    /// Returns once a loop ended that nobody told to end; says which. That is a mistake in the program, and the agent
    /// is worth nothing without the loop.
    pub(super) async fn failed(&mut self) -> anyhow::Error {
        let which = tokio::select! {
            which = self.tasks.ended() => which,
            which = self.senders.ended() => which,
        };
        anyhow::anyhow!("the {which} loop ended by a mistake in the program; start shiftwatch again, nothing is lost")
    }

    /// Stops after the present passes; then the sends in flight. False when a pass did not end in time. May be
    /// dropped and called again.
    pub(super) async fn stop(&mut self, passes_within: Duration) -> bool {
        let _ = self.stop.send(true);
        let passed = timeout(passes_within, self.tasks.all_ended()).await.is_ok();
        let _ = self.deliver_stop.send(true);
        // The send loop itself gives the sends in flight their time.
        let _ = timeout(crate::limits::STOP_WITHIN, self.senders.all_ended()).await;
        passed
    }
}

/// Tasks by name.
#[derive(Default)]
struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.running.spawn(task).id();
        self.names.insert(id, name);
    }

    /// The name of the next one to end; never, when none is left.
    async fn ended(&mut self) -> &'static str {
        let Some(ended) = self.running.join_next_with_id().await else { return std::future::pending().await };
        let id = ended.map_or_else(|fault: JoinError| fault.id(), |(id, ())| id);
        self.names.get(&id).copied().unwrap_or_default()
    }

    async fn all_ended(&mut self) {
        while self.running.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_is_named() {
        let mut tasks = Tasks::default();
        tasks.spawn("poll", std::future::pending());
        tasks.spawn("tick", async { panic!("a mistake") });
        assert_eq!(tasks.ended().await, "tick");
    }
}
