//! Starts everything, and lets a test look inside.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{
    config::{Agency, SimConfig, SimError},
    control,
    edge::{self, Listening, lock, pause},
    mail::Mail,
    outgoing,
    request_log::{Entry, Server},
    ringcentral::{LoggedCall, RingCentral, RingCentralSwitches},
    script::Script,
    shared::{BeatPassed, Inbox, Shared, State},
    sink::{Post, Sink, SinkAnswer},
    smtp::{self, SmtpFault},
    switches::Switches,
    twilio::{Text, TextStatus, Twilio, TwilioSwitches, VoiceCall},
    wellsky::{Vendor, Written},
    world::{World, seeded::Seeding},
};
use crate::clock::Clock;

/// A running simulator: vendor, text gateway, mail server, sink, control port. Dropping it stops all of it.
pub struct Sim {
    shared: Arc<Shared>,
    servers: Servers,
    tasks: Vec<JoinHandle<()>>,
}

struct Servers {
    wellsky: Listening,
    twilio: Listening,
    ringcentral: Listening,
    smtp: Listening,
    sink: Listening,
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
        let client = outgoing::client().map_err(SimError::Outgoing)?;
        let changed = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            clock: config.clock.clone(),
            state: Mutex::new(State {
                world,
                vendor: Vendor::new(config.switches.clone(), config.seed),
                twilio: Twilio::new(config.seed),
                ringcentral: RingCentral::new(config.seed),
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
            let (shared, client) = (shared.clone(), client.clone());
            async move {
                let answer = move |call| {
                    let (shared, client) = (shared.clone(), client.clone());
                    async move { shared.answer(server, &call, &client).await }
                };
                edge::serve(at(port), answer).await.map_err(|source| SimError::Listen { what, addr: at(port), source })
            }
        };
        let wellsky = http("the vendor", config.ports.wellsky, Server::Wellsky).await?;
        let twilio = http("the text gateway", config.ports.twilio, Server::Twilio).await?;
        let ringcentral = http("the second text gateway", config.ports.ringcentral, Server::Ringcentral).await?;
        let sink = http("the sink", config.ports.sink, Server::Sink).await?;
        let smtp = smtp::serve(at(config.ports.smtp), shared.smtp.clone(), config.clock.clone(), changed)
            .await
            .map_err(|source| SimError::Listen { what: "the mail server", addr: at(config.ports.smtp), source })?;
        let doors = control::Doors {
            wellsky: (wellsky.addr, wellsky.door.clone()),
            twilio: (twilio.addr, twilio.door.clone()),
            ringcentral: (ringcentral.addr, ringcentral.door.clone()),
            smtp: (smtp.addr, smtp.door.clone()),
            sink: (sink.addr, sink.door.clone()),
        };
        let control = {
            let shared = shared.clone();
            let answer = move |call| std::future::ready(control::answer(&shared, &doors, &call));
            edge::serve(at(config.ports.control), answer).await
        };
        let control = control.map_err(|source| SimError::Listen {
            what: "the control calls",
            addr: at(config.ports.control),
            source,
        })?;
        let failed = {
            let shared = shared.clone();
            move |subscription: &str| {
                lock(&shared.state).ringcentral.failed(subscription);
                shared.changed.notify_waiters();
            }
        };
        let mut tasks = vec![tokio::spawn(outgoing::run(client, receiver, failed))];
        if !matches!(config.clock, Clock::Manual(_)) {
            let shared = shared.clone();
            tasks.push(tokio::spawn(async move {
                loop {
                    pause(Duration::from_millis(100)).await;
                    shared.advance(&mut lock(&shared.state));
                }
            }));
        }
        Ok(Self { shared, servers: Servers { wellsky, twilio, ringcentral, smtp, sink, control }, tasks })
    }

    /// The vendor's host root, `http://127.0.0.1:1234`; `/oauth/accesstoken` and `/v1` are under it.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.servers.wellsky.addr)
    }

    /// The text gateway's host root; `/2010-04-01/…` is under it.
    pub fn twilio_url(&self) -> String {
        format!("http://{}", self.servers.twilio.addr)
    }

    /// The second text gateway's host root; `/restapi/…` is under it.
    pub fn ringcentral_url(&self) -> String {
        format!("http://{}", self.servers.ringcentral.addr)
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

    /// What was written on the vendor's record, in order.
    pub fn written(&self) -> Vec<Written> {
        lock(&self.shared.state).vendor.written.clone()
    }

    /// Looks at the text gateway's switches or changes them.
    pub fn twilio<R>(&self, change: impl FnOnce(&mut TwilioSwitches) -> R) -> R {
        let mut state = lock(&self.shared.state);
        let mut switches = state.twilio.switches().clone();
        let result = change(&mut switches);
        state.twilio.set_switches(switches);
        result
    }

    /// Looks at the second text gateway's switches or changes them.
    pub fn ringcentral<R>(&self, change: impl FnOnce(&mut RingCentralSwitches) -> R) -> R {
        let mut state = lock(&self.shared.state);
        let mut switches = state.ringcentral.switches().clone();
        let result = change(&mut switches);
        state.ringcentral.set_switches(switches);
        result
    }

    /// A call is in the second text gateway's log from now on.
    pub fn log_call(&self, call: LoggedCall) {
        lock(&self.shared.state).ringcentral.log_call(call);
    }

    /// Ends the life of the second text gateway's tokens.
    pub fn revoke_ringcentral_tokens(&self) {
        lock(&self.shared.state).ringcentral.revoke_tokens();
    }

    /// How many tokens the second text gateway gave.
    pub fn ringcentral_tokens(&self) -> u64 {
        lock(&self.shared.state).ringcentral.n_tokens()
    }

    /// Begins a penalty at the second text gateway.
    pub fn punish_ringcentral(&self) {
        lock(&self.shared.state).ringcentral.punish();
    }

    /// How many calls came inside a penalty.
    pub fn calls_in_penalty(&self) -> u32 {
        lock(&self.shared.state).ringcentral.n_in_penalty()
    }

    /// The second text gateway gives up every subscription for good.
    pub fn blacklist_subscriptions(&self) {
        lock(&self.shared.state).ringcentral.blacklist();
    }

    /// Where the second text gateway tells of texts.
    pub fn subscribed(&self) -> Vec<String> {
        lock(&self.shared.state).ringcentral.subscribed()
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
        self.shared.receive(&mut lock(&self.shared.state), (from, to, body), now);
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

    /// The texts the agency sent so far, by either gateway, without those that came in.
    pub fn texts(&self) -> Vec<Text> {
        self.inbox().texts.into_iter().filter(|text| !text.inbound).collect()
    }

    /// The calls that were placed so far.
    pub fn calls(&self) -> Vec<VoiceCall> {
        lock(&self.shared.state).twilio.calls().to_vec()
    }

    /// Whoever answered the last call to this number presses a key; false when none was asked for.
    pub fn press(&self, to: &str, digits: &str) -> bool {
        self.shared.press(&mut lock(&self.shared.state), to, digits)
    }

    /// What a number got so far, in the order it came.
    pub fn phone(&self, number: &str) -> Vec<Text> {
        self.texts().into_iter().filter(|text| text.to == number).collect()
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
