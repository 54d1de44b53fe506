//! What the servers share: the world, the vendors' memory, the log; and what a request does to it.

use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::sync::{Notify, mpsc};

use super::{
    edge::{Call, Reply, lock},
    mail::Mail,
    outgoing::{self, Outgoing},
    request_log::{Entry, Server},
    ringcentral::RingCentral,
    sink::{Post, Sink},
    smtp::Smtp,
    switches::Endpoint,
    twilio::{Text, Twilio, VoiceCall},
    wellsky::{self, Vendor},
    world::{Outcome, World},
};
use crate::{
    clock::{Clock, real_now},
    model::Instant,
};

/// Requests kept in the log, and posts in the sink. When there are more, the older half goes.
const KEPT_MAX: usize = 200_000;

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
    /// Calls.
    pub calls: Vec<VoiceCall>,
    /// Webhooks and heartbeats.
    pub posts: Vec<Post>,
}

pub(super) struct State {
    pub(super) world: World,
    pub(super) vendor: Vendor,
    pub(super) twilio: Twilio,
    pub(super) ringcentral: RingCentral,
    pub(super) sink: Sink,
    pub(super) log: Vec<Entry>,
    pub(super) beats: Vec<BeatPassed>,
    pub(super) n_requests: u64,
}

/// What all servers share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) state: Mutex<State>,
    pub(super) smtp: Arc<Mutex<Smtp>>,
    pub(super) changed: Arc<Notify>,
    pub(super) outgoing: mpsc::UnboundedSender<Outgoing>,
    pub(super) began: std::time::Instant,
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

    /// A person texts from their phone: `(from, to, body)`. The gateway that has the number takes it.
    pub(super) fn receive(&self, state: &mut State, (from, to, body): (&str, &str, &str), now: Instant) {
        if state.ringcentral.switches().from == to {
            for notification in state.ringcentral.receive(from, to, body, now) {
                self.send(Outgoing::from(notification));
            }
        } else if let Some(callback) = state.twilio.receive(from, to, body, now) {
            self.send(Outgoing::from(callback));
        }
        self.changed.notify_waiters();
    }

    /// Whoever answered the last call to this number presses a key; false when none was asked for.
    pub(super) fn press(&self, state: &mut State, to: &str, digits: &str) -> bool {
        let Some(callback) = state.twilio.press(to, digits) else { return false };
        self.send(Outgoing::from(callback));
        true
    }

    /// Answers, after a handshake where one has to come first.
    pub(super) async fn answer(&self, server: Server, call: &Call, client: &reqwest::Client) -> Reply {
        let mut reply = self.serve(server, call);
        let Some(handshake) = reply.handshake.take() else { return reply };
        let went_well = outgoing::shake(client, &handshake).await;
        let refused = lock(&self.state).ringcentral.shaken(&handshake.about, went_well);
        self.changed.notify_waiters();
        refused.unwrap_or(reply)
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
            Server::Ringcentral => (state.ringcentral.answer(call, now), Endpoint::Other, None),
            Server::Sink => (state.sink.answer(call, now), Endpoint::Other, None),
        };
        state.n_requests += 1;
        let is_token = endpoint == Endpoint::Token && server == Server::Wellsky
            || call.path == "/restapi/oauth/token" && server == Server::Ringcentral;
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
            texts: state.twilio.texts().iter().chain(state.ringcentral.texts()).cloned().collect(),
            calls: state.twilio.calls().to_vec(),
            posts: state.sink.posts.clone(),
        }
    }
}

fn keep_the_newer<T>(rows: &mut Vec<T>) {
    if rows.len() > KEPT_MAX {
        rows.drain(..KEPT_MAX / 2);
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
