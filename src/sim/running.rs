//! Starts everything, and lets a test look inside.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono_tz::Tz;
use serde::Serialize;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{
    control,
    edge::{self, Call, Listening, Reply, lock, pause},
    mail::Mail,
    outgoing::{self, Outgoing},
    request_log::{Entry, Server},
    script::Script,
    sink::{Post, Sink, SinkAnswer},
    smtp::{self, Smtp, SmtpFault},
    switches::{Endpoint, Switches},
    twilio::{Text, TextStatus, Twilio, TwilioSwitches},
    wellsky::{self, Vendor},
    world::{
        Outcome, World,
        seeded::{Habits, Seeding},
    },
};
use crate::{
    clock::{Clock, real_now},
    model::Instant,
};

/// Requests kept in the log, and posts in the sink. When there are more, the older half goes.
const KEPT_MAX: usize = 200_000;

/// Why the simulator can't start or read what it was given.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port can't be listened on.
    #[error("sim: can't listen on {addr} for {what}; stop what uses the port, or give another (0 = any free one)")]
    Listen {
        /// Which server.
        what: &'static str,
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file with a script or switches can't be read.
    #[error("sim: can't read {what} from {path}; write JSON as the module documentation of `sim` shows")]
    File {
        /// `a script` or `switches`.
        what: &'static str,
        /// Which file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What was to be printed can't be.
    #[error("sim: can't write to the terminal")]
    Print(#[from] io::Error),
    /// Nothing to send webhooks with.
    #[error("sim: can't set up outgoing requests")]
    Outgoing(#[source] reqwest::Error),
}

/// Ports to listen on; 0 = any free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    /// The scheduling vendor.
    pub wellsky: u16,
    /// The control calls under `/_sim/`.
    pub control: u16,
    /// The text gateway.
    pub twilio: u16,
    /// The mail server.
    pub smtp: u16,
    /// Webhooks and heartbeats.
    pub sink: u16,
}

/// How the simulated agency comes to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agency {
    /// Empty, and nothing happens but what it is told.
    Quiet,
    /// Grown from a seed, with people who act by themselves.
    Seeded(Seeding),
}

/// What to start.
#[derive(Debug, Clone)]
pub struct SimConfig {
    /// The clock the agency lives by, and the gateway's texts. Tokens, throttling and latency are real time.
    pub clock: Clock,
    /// The agency's zone.
    pub zone: Tz,
    /// Its people and schedule.
    pub agency: Agency,
    /// Planted in front of every text about a person; empty = nothing.
    pub marker: String,
    /// The vendor's switches at the start.
    pub switches: Switches,
    /// What happens, counted from the start.
    pub script: Script,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The ports.
    pub ports: Ports,
    /// For tokens, sids and random latencies, and for the agency if it is seeded.
    pub seed: u64,
}

impl SimConfig {
    /// An empty agency on loopback, any ports, answers at once: for tests that state what they want.
    pub fn quiet(zone: Tz, clock: Clock) -> Self {
        Self {
            clock,
            zone,
            agency: Agency::Quiet,
            marker: String::new(),
            switches: Switches::default(),
            script: Script::default(),
            listen: Ipv4Addr::LOCALHOST.into(),
            ports: Ports::default(),
            seed: 1,
        }
    }

    /// 200 clients and 90 caregivers out of a seed, on loopback, any ports, answers at once.
    pub fn seeded(zone: Tz, clock: Clock, seed: u64) -> Self {
        let agency = Agency::Seeded(Seeding { seed, ..Seeding::default() });
        Self { agency, seed, ..Self::quiet(zone, clock) }
    }

    /// The same with so many people.
    #[must_use]
    pub fn sized(mut self, clients: usize, caregivers: usize) -> Self {
        if let Agency::Seeded(seeding) = &mut self.agency {
            seeding.clients = clients;
            seeding.caregivers = caregivers;
        }
        self
    }

    /// The same with people of these habits.
    #[must_use]
    pub fn with_habits(mut self, habits: Habits) -> Self {
        if let Agency::Seeded(seeding) = &mut self.agency {
            seeding.habits = habits;
        }
        self
    }

    /// The same with this planted in front of every text about a person.
    #[must_use]
    pub fn marked(mut self, marker: &str) -> Self {
        marker.clone_into(&mut self.marker);
        self
    }

    /// The same with this script.
    #[must_use]
    pub fn following(mut self, script: Script) -> Self {
        self.script = script;
        self
    }
}

/// A named moment of a script that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BeatPassed {
    /// Its name.
    pub name: String,
    /// When, on the simulator's clock.
    pub at: Instant,
}

/// Everything anybody was told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Inbox {
    /// Mails, in the order they came.
    pub mails: Vec<Mail>,
    /// Texts sent and received, in the order they came.
    pub texts: Vec<Text>,
    /// Webhooks and heartbeats.
    pub posts: Vec<Post>,
}

pub(super) struct State {
    pub(super) world: World,
    pub(super) vendor: Vendor,
    pub(super) twilio: Twilio,
    pub(super) sink: Sink,
    pub(super) log: Vec<Entry>,
    pub(super) beats: Vec<BeatPassed>,
    n_requests: u64,
}

/// What all servers share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    pub(super) smtp: Arc<Mutex<Smtp>>,
    pub(super) changed: Arc<Notify>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    began: std::time::Instant,
}

impl Shared {
    /// Brings the world to the present and sends what that sets off.
    pub(super) fn advance(&self, state: &mut State) {
        let now = self.clock.now();
        state.world.advance(now);
        self.settle(state, now);
    }

    /// Carries out what the world asks of others: switch changes, webhooks, beats; and the gateway's callbacks.
    pub(super) fn settle(&self, state: &mut State, now: Instant) {
        for outcome in state.world.take_outcomes() {
            match outcome {
                Outcome::Switches(patch) => {
                    // A script with a switch that does not exist changes nothing; the control port says so at once.
                    if let Ok(switches) = state.vendor.switches.patched(&patch) {
                        state.vendor.set_switches(switches);
                    }
                }
                Outcome::Hook { criteria, resource, id } => {
                    for hook in outgoing::hooks(&state.vendor, criteria, resource, &id) {
                        let _when_the_sender_is_gone_so_is_the_sim = self.outgoing.send(hook);
                    }
                }
                Outcome::Beat { name, at } => state.beats.push(BeatPassed { name, at }),
            }
        }
        for callback in state.twilio.due_callbacks(now) {
            let _when_the_sender_is_gone_so_is_the_sim = self.outgoing.send(Outgoing::from(callback));
        }
        self.changed.notify_waiters();
    }

    pub(super) fn send(&self, outgoing: Outgoing) {
        let _when_the_sender_is_gone_so_is_the_sim = self.outgoing.send(outgoing);
    }

    fn serve(&self, server: Server, call: &Call) -> Reply {
        let mut state = lock(&self.state);
        let state = &mut *state;
        self.advance(state);
        let now = self.clock.now();
        let (reply, endpoint, token) = match server {
            Server::Wellsky => {
                let answered = state.vendor.answer(&mut state.world, call, real_now());
                (answered.reply, answered.endpoint, answered.token)
            }
            Server::Twilio => (state.twilio.answer(call, now), Endpoint::Other, None),
            Server::Sink => (state.sink.answer(call, now), Endpoint::Other, None),
        };
        state.n_requests += 1;
        let is_token = endpoint == Endpoint::Token && server == Server::Wellsky;
        let headers = call.headers.iter().map(|(name, value)| match name.as_str() {
            "authorization" => (name.clone(), value.split(' ').next().unwrap_or_default().to_owned()),
            _ => (name.clone(), value.clone()),
        });
        state.log.push(Entry {
            number: state.n_requests,
            server,
            at: now,
            real: self.began.elapsed(),
            method: call.method.clone(),
            path: call.path.clone(),
            query: call.raw_query.clone(),
            body: if is_token { String::new() } else { String::from_utf8_lossy(&call.body).into_owned() },
            headers: headers.collect(),
            token,
            endpoint,
            status: reply.status,
        });
        keep_the_newer(&mut state.log);
        keep_the_newer(&mut state.sink.posts);
        self.changed.notify_waiters();
        reply
    }

    pub(super) fn inbox(&self, state: &State) -> Inbox {
        Inbox {
            mails: lock(&self.smtp).mails.clone(),
            texts: state.twilio.texts().to_vec(),
            posts: state.sink.posts.clone(),
        }
    }
}

fn keep_the_newer<T>(rows: &mut Vec<T>) {
    if rows.len() > KEPT_MAX {
        rows.drain(..KEPT_MAX / 2);
    }
}

/// A running simulator: vendor, text gateway, mail server, sink, control port. Dropping it stops all of it.
pub struct Sim {
    shared: Arc<Shared>,
    servers: Servers,
    tasks: Vec<JoinHandle<()>>,
}

pub(super) struct Servers {
    pub(super) wellsky: Listening,
    pub(super) twilio: Listening,
    pub(super) smtp: Listening,
    pub(super) sink: Listening,
    control: Listening,
}

impl Sim {
    /// Starts everything.
    pub async fn start(config: SimConfig) -> Result<Self, SimError> {
        // Without a provider a client can't be built at all, even one that never speaks TLS.
        let _another_may_be_installed_already = rustls::crypto::ring::default_provider().install_default();
        let now = config.clock.now();
        let mut world = match &config.agency {
            Agency::Quiet => World::empty(config.zone).marked(&config.marker),
            Agency::Seeded(seeding) => {
                let seeding = Seeding { marker: config.marker.clone(), ..seeding.clone() };
                World::seeded(config.zone, now, &seeding)
            }
        };
        world.advance(now);
        world.follow(&config.script, now);
        let (sender, receiver) = mpsc::unbounded_channel();
        let changed = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            clock: config.clock.clone(),
            state: Mutex::new(State {
                world,
                vendor: Vendor::new(config.switches.clone(), config.seed),
                twilio: Twilio::new(config.seed),
                sink: Sink::default(),
                log: Vec::new(),
                beats: Vec::new(),
                n_requests: 0,
            }),
            smtp: Arc::default(),
            changed: changed.clone(),
            outgoing: sender,
            began: std::time::Instant::now(),
        });
        let at = |port| SocketAddr::new(config.listen, port);
        let http = |what, port, server| {
            let shared = shared.clone();
            async move {
                edge::serve(at(port), move |call| shared.serve(server, &call))
                    .await
                    .map_err(|source| SimError::Listen { what, addr: at(port), source })
            }
        };
        let wellsky = http("the vendor", config.ports.wellsky, Server::Wellsky).await?;
        let twilio = http("the text gateway", config.ports.twilio, Server::Twilio).await?;
        let sink = http("the sink", config.ports.sink, Server::Sink).await?;
        let smtp = smtp::serve(at(config.ports.smtp), shared.smtp.clone(), config.clock.clone(), changed)
            .await
            .map_err(|source| SimError::Listen { what: "the mail server", addr: at(config.ports.smtp), source })?;
        let doors = control::Doors {
            wellsky: (wellsky.addr, wellsky.door.clone()),
            twilio: (twilio.addr, twilio.door.clone()),
            smtp: (smtp.addr, smtp.door.clone()),
            sink: (sink.addr, sink.door.clone()),
        };
        let control = {
            let shared = shared.clone();
            edge::serve(at(config.ports.control), move |call| control::answer(&shared, &doors, &call)).await
        };
        let control = control.map_err(|source| SimError::Listen {
            what: "the control calls",
            addr: at(config.ports.control),
            source,
        })?;
        let client = outgoing::client().map_err(SimError::Outgoing)?;
        let mut tasks = vec![tokio::spawn(outgoing::run(client, receiver))];
        if !matches!(config.clock, Clock::Manual(_)) {
            let shared = shared.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    pause(Duration::from_millis(100)).await;
                    shared.advance(&mut lock(&shared.state));
                }
            }));
        }
        Ok(Self { shared, servers: Servers { wellsky, twilio, smtp, sink, control }, tasks })
    }

    /// The vendor's host root, `http://127.0.0.1:1234`; `/oauth/accesstoken` and `/v1` are under it.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.servers.wellsky.addr)
    }

    /// The text gateway's host root; `/2010-04-01/…` is under it.
    pub fn twilio_url(&self) -> String {
        format!("http://{}", self.servers.twilio.addr)
    }

    /// Where the mail server listens.
    pub const fn smtp_addr(&self) -> SocketAddr {
        self.servers.smtp.addr
    }

    /// The sink's host root; it takes any path.
    pub fn sink_url(&self) -> String {
        format!("http://{}", self.servers.sink.addr)
    }

    /// The control port's host root; `/_sim/` is under it.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.servers.control.addr)
    }

    /// The clock everything lives by.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// Looks at the vendor's switches or changes them; the next request sees it.
    pub fn switches<R>(&self, change: impl FnOnce(&mut Switches) -> R) -> R {
        let mut state = lock(&self.shared.state);
        let mut switches = state.vendor.switches.clone();
        let result = change(&mut switches);
        state.vendor.set_switches(switches);
        result
    }

    /// Looks at the world or changes it, brought to the present first.
    pub fn world<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let mut state = lock(&self.shared.state);
        self.shared.advance(&mut state);
        let result = change(&mut state.world);
        let now = self.shared.clock.now();
        self.shared.settle(&mut state, now);
        result
    }

    /// Looks at the text gateway's switches or changes them.
    pub fn twilio<R>(&self, change: impl FnOnce(&mut TwilioSwitches) -> R) -> R {
        let mut state = lock(&self.shared.state);
        let mut switches = state.twilio.switches().clone();
        let result = change(&mut switches);
        state.twilio.set_switches(switches);
        result
    }

    /// Sets the mail server's faults; they take the place of those before.
    pub fn smtp_faults(&self, faults: impl IntoIterator<Item = SmtpFault>) {
        lock(&self.shared.smtp).set_faults(faults.into_iter().collect());
    }

    /// Sets what the sink answers to the next requests; after those it answers 200 again.
    pub fn sink_answers(&self, answers: impl IntoIterator<Item = SinkAnswer>) {
        lock(&self.shared.state).sink.next = answers.into_iter().collect::<VecDeque<_>>();
    }

    /// Sets what the sink answers from now on; `None` = 200.
    pub fn sink_always(&self, answer: Option<SinkAnswer>) {
        lock(&self.shared.state).sink.always = answer;
    }

    /// Plays a script whose relative instants count from now.
    pub fn follow(&self, script: &Script) {
        let now = self.shared.clock.now();
        self.world(|world| world.follow(script, now));
        self.advance();
    }

    /// Brings everything to the present: needed with a manual clock, when nobody asks for a while.
    pub fn advance(&self) {
        self.shared.advance(&mut lock(&self.shared.state));
    }

    /// Ends the life of every token given out so far.
    pub fn revoke_tokens(&self) {
        lock(&self.shared.state).vendor.revoke_tokens();
    }

    /// Refuses connections to the vendor and breaks those there are, until [`Self::wellsky_up`].
    pub fn wellsky_down(&self) {
        self.servers.wellsky.door.close();
    }

    /// Takes connections to the vendor again.
    pub fn wellsky_up(&self) {
        self.servers.wellsky.door.open();
    }

    /// Refuses connections to the text gateway and breaks those there are, until [`Self::twilio_up`].
    pub fn twilio_down(&self) {
        self.servers.twilio.door.close();
    }

    /// Takes connections to the text gateway again.
    pub fn twilio_up(&self) {
        self.servers.twilio.door.open();
    }

    /// Refuses connections to the mail server and breaks those there are, until [`Self::smtp_up`].
    pub fn smtp_down(&self) {
        self.servers.smtp.door.close();
    }

    /// Takes connections to the mail server again.
    pub fn smtp_up(&self) {
        self.servers.smtp.door.open();
    }

    /// Refuses connections to the sink and breaks those there are, until [`Self::sink_up`].
    pub fn sink_down(&self) {
        self.servers.sink.door.close();
    }

    /// Takes connections to the sink again.
    pub fn sink_up(&self) {
        self.servers.sink.door.open();
    }

    /// A person texts `to` (the agency's number) from their phone.
    pub fn receive_text(&self, from: &str, to: &str, body: &str) {
        let now = self.shared.clock.now();
        let callback = lock(&self.shared.state).twilio.receive(from, to, body, now);
        if let Some(callback) = callback {
            self.shared.send(Outgoing::from(callback));
        }
        self.shared.changed.notify_waiters();
    }

    /// Every request so far, to vendor, text gateway and sink.
    pub fn log(&self) -> Vec<Entry> {
        lock(&self.shared.state).log.clone()
    }

    /// Looks at the requests so far without copying them.
    pub fn read_log<R>(&self, read: impl FnOnce(&[Entry]) -> R) -> R {
        read(&lock(&self.shared.state).log)
    }

    /// Forgets the requests so far.
    pub fn clear_log(&self) {
        lock(&self.shared.state).log.clear();
    }

    /// Everything anybody was told.
    pub fn inbox(&self) -> Inbox {
        self.shared.inbox(&lock(&self.shared.state))
    }

    /// The mails so far.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.shared.smtp).mails.clone()
    }

    /// The texts the agency sent so far, without those that came in.
    pub fn texts(&self) -> Vec<Text> {
        lock(&self.shared.state).twilio.texts().iter().filter(|text| !text.inbound).cloned().collect()
    }

    /// Where a text stands now; `None` when there is no such text.
    pub fn text_status(&self, sid: &str) -> Option<TextStatus> {
        let now = self.shared.clock.now();
        lock(&self.shared.state).twilio.texts().iter().find(|text| text.sid == sid).map(|text| text.status(now))
    }

    /// The webhooks and heartbeats so far.
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.shared.state).sink.posts.clone()
    }

    /// The named moments that have passed.
    pub fn beats(&self) -> Vec<BeatPassed> {
        lock(&self.shared.state).beats.clone()
    }

    /// Waits in real time until `so`; false when it was not so within `at_most`. Looked at again after every request
    /// and mail, and every 20 ms besides.
    pub async fn until(&self, at_most: Duration, so: impl Fn(&Self) -> bool) -> bool {
        let began = std::time::Instant::now();
        loop {
            let changed = self.shared.changed.notified();
            if so(self) {
                return true;
            }
            if began.elapsed() >= at_most {
                return false;
            }
            tokio::select! {
                () = changed => {}
                () = pause(Duration::from_millis(20)) => {}
            }
        }
    }

    /// Stops everything. Dropping does the same.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What `_sim/world` tells: numbers and ids, nobody's name.
pub(super) fn summary(state: &State, now: Instant) -> serde_json::Value {
    let world = &state.world;
    let ahead = |hours: i64| {
        world
            .shifts()
            .filter(|it| !it.cancelled && it.start > now && it.start <= now + chrono::TimeDelta::hours(hours))
            .collect::<Vec<_>>()
    };
    let open: Vec<_> = ahead(24)
        .into_iter()
        .filter(|it| it.caregiver.is_none())
        .map(|it| serde_json::json!({ "id": it.id, "client": it.client, "start": it.start, "end": it.end }))
        .collect();
    serde_json::json!({
        "now": now,
        "zone": world.zone().name(),
        "agency": world.agency(),
        "patients": world.patients().count(),
        "current_clients": world.patients().filter(|it| it.active && it.is_client != Some(false)).count(),
        "practitioners": world.practitioners().count(),
        "hired": world.practitioners().filter(|it| it.active && it.is_hired == Some(true)).count(),
        "shifts": world.shifts().count(),
        "running_visits": world.visits().filter(|it| it.end.is_none()).count(),
        "starting_in_4h": ahead(4).len(),
        "open_in_24h": open,
        "beats": state.beats,
        "requests": state.n_requests,
        "token_endpoint": wellsky::TOKEN_PATH,
    })
}
