//! The scheduling vendor's server: what it answers to one request.
//!
//! Given: a whole request, the world as it is now, the switches. Gives: an answer, and how it travels.
//! Does not: share a line with the client in `source`. It is written from the contract alone, and it is strict where
//! the contract is: a missing slash is 404, a wrong plural is the gateway's 403, a search without its filters is 422.
//!
//! Nothing here waits or speaks to a network; `edge` does.

mod charges;
mod details;
mod gate;
mod notes;
mod paging;
mod search;
mod shapes;
mod subscriptions;
mod token;

use std::{collections::VecDeque, time::Duration};

use serde_json::json;

use self::{shapes::Pen, subscriptions::Subscriptions};
use super::{
    dice::Dice,
    edge::{Call, Manner, Reply},
    switches::{Endpoint, FaultAnswer, Latency, Switches},
    world::World,
};
use crate::model::Instant;

pub use notes::Written;

/// Where tokens are asked for, under the host root.
pub(crate) const TOKEN_PATH: &str = "/oauth/accesstoken";

/// The vendor: its switches, and what it remembers from one request to the next.
pub(crate) struct Vendor {
    pub(crate) switches: Switches,
    pub(crate) subscriptions: Subscriptions,
    /// What was written on the record.
    pub(crate) written: Vec<Written>,
    tokens: Vec<token::Token>,
    dice: Dice,
    /// How often each scripted fault has matched, by its place in the list.
    fault_hits: Vec<u32>,
    /// Arrivals in the last second, real time.
    arrivals: VecDeque<Instant>,
    refuses_until: Option<Instant>,
}

/// What a request is, once its path is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Route {
    Search(Endpoint),
    List(Endpoint),
    One(Endpoint, String),
    ClockIn(String),
    ClockOut(String),
    TaskLog(String),
    Activities,
    Subscriptions(Option<u64>),
    AdminTasks,
    /// Right but for its trailing slash.
    NoSlash,
    /// The gateway has no such route.
    Unknown,
}

/// An answer, what the request was, and which token it carried.
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) endpoint: Endpoint,
    pub(crate) token: Option<u64>,
}

impl Vendor {
    /// A vendor with these switches; `seed` is for tokens and random latencies.
    pub(crate) fn new(switches: Switches, seed: u64) -> Self {
        Self {
            switches,
            subscriptions: Subscriptions::default(),
            written: Vec::new(),
            tokens: Vec::new(),
            dice: Dice::keyed(seed, &[0x70, 0x6b]),
            fault_hits: Vec::new(),
            arrivals: VecDeque::new(),
            refuses_until: None,
        }
    }

    /// Takes new switches; scripted faults begin to count anew when their list changed.
    pub(crate) fn set_switches(&mut self, switches: Switches) {
        if switches.faults != self.switches.faults {
            self.fault_hits.clear();
        }
        if switches.throttle != self.switches.throttle {
            self.arrivals.clear();
            self.refuses_until = None;
        }
        self.switches = switches;
    }

    /// Ends the life of every token given out so far.
    pub(crate) fn revoke_tokens(&mut self) {
        for token in &mut self.tokens {
            token.dies_at = Instant::MIN_UTC;
        }
    }

    /// Answers a request that arrived at `real` (real time).
    pub(crate) fn answer(&mut self, world: &mut World, call: &Call, real: Instant) -> Answered {
        let endpoint = endpoint_of(&call.path);
        let token = self.token_number(call);
        let fault = self.fault(call, endpoint);
        let reply = match fault {
            Some(FaultAnswer::Wire(latency)) => {
                let mut reply = self.respond(world, call, endpoint, real);
                self.travel(&mut reply, latency);
                return Answered { reply, endpoint, token };
            }
            Some(answer) => gate::fault_reply(&answer, real),
            None => self.respond(world, call, endpoint, real),
        };
        let mut reply = reply;
        let latency = *self.switches.latency.of(endpoint);
        self.travel(&mut reply, latency);
        Answered { reply, endpoint, token }
    }

    fn travel(&mut self, reply: &mut Reply, latency: Latency) {
        match latency {
            Latency::None => {}
            Latency::FixedMs(ms) => reply.wait = Duration::from_millis(ms),
            Latency::RandomMs(low, high) => {
                let span = high.saturating_sub(low).saturating_add(1);
                reply.wait = Duration::from_millis(low.saturating_add(self.dice.throw() % span));
            }
            Latency::Hang => reply.manner = Manner::Hang,
            Latency::DripMs(ms) => reply.manner = Manner::Drip(Duration::from_millis(ms)),
            Latency::Truncated => reply.manner = Manner::Truncated,
            Latency::CutMidway => reply.manner = Manner::CutMidway,
            Latency::Cut => reply.manner = Manner::Cut,
        }
    }

    fn respond(&mut self, world: &mut World, call: &Call, endpoint: Endpoint, real: Instant) -> Reply {
        if let Some(reply) = self.listed_fault(call, endpoint) {
            return reply;
        }
        if endpoint == Endpoint::Token {
            return self.give_token(call, real);
        }
        if call.path == "/oauth/token" {
            return Reply::html(404);
        }
        if let Some(reply) = self.throttled(real) {
            return reply;
        }
        let route = self.route(&call.method, &call.path);
        match route {
            Route::Unknown => return gate::no_route(call),
            Route::NoSlash => {
                return Reply::json(self.switches.missing_slash, &json!({ "error": "Resource not found" }));
            }
            _ => {}
        }
        if let Some(reply) = self.refused(call, real) {
            return reply;
        }
        if let Some(reply) = self.wrong_content_type(call) {
            return reply;
        }
        let agency = call.query().into_iter().find(|(key, _)| key == "agencyId").map(|(_, value)| value);
        if agency.is_some_and(|id| id != world.agency()) {
            return gate::wrong_agency();
        }
        match route {
            Route::Search(endpoint) | Route::List(endpoint) => self.search(world, call, endpoint),
            Route::One(endpoint, id) => self.one(world, endpoint, &id),
            Route::ClockIn(shift) => clock_in(world, &shift),
            Route::ClockOut(visit) => clock_out(world, &visit),
            Route::TaskLog(visit) if call.method == "GET" => {
                notes::with_written(details::task_log(world, &visit), &self.written, &self.switches, &visit)
            }
            Route::TaskLog(visit) => notes::put_task_log(&mut self.written, &self.switches, world, call, &visit),
            Route::AdminTasks => notes::admin_task(&mut self.written, world, call),
            Route::Activities => details::activities(call),
            Route::Subscriptions(id) => self.subscriptions.answer(call, id, self.switches.subscriptions_terse),
            Route::NoSlash | Route::Unknown => gate::no_route(call),
        }
    }

    fn route(&self, method: &str, path: &str) -> Route {
        let Some(rest) = path.strip_prefix("/v1/") else { return Route::Unknown };
        let (bare, slash) = match rest.strip_suffix('/') {
            Some(bare) => (bare, true),
            None => (rest, false),
        };
        let segments: Vec<&str> = bare.split('/').collect();
        let resource = segments.first().copied().unwrap_or_default();
        let endpoint = match resource {
            "patients" => Endpoint::Patients,
            "practitioners" => Endpoint::Practitioners,
            "appointment" => Endpoint::Appointment,
            "encounter" => Endpoint::Encounter,
            "locations" => Endpoint::Locations,
            "chargeitem" => Endpoint::ChargeItem,
            "subscriptions" | "careplan" | "adminTasks" => Endpoint::Other,
            _ => return Route::Unknown,
        };
        let is_subscription = resource == "subscriptions";
        let route = match (method, segments.get(1..).unwrap_or_default()) {
            (_, []) if is_subscription && matches!(method, "GET" | "POST") => Route::Subscriptions(None),
            (_, [id]) if is_subscription && *id != "_search" && matches!(method, "GET" | "PUT" | "DELETE") => {
                match id.parse() {
                    Ok(id) => Route::Subscriptions(Some(id)),
                    Err(_not_a_number) => Route::Unknown,
                }
            }
            _ if is_subscription => Route::Unknown,
            ("POST", []) if resource == "adminTasks" => Route::AdminTasks,
            _ if resource == "adminTasks" => Route::Unknown,
            ("GET", ["activity-metadata"]) if resource == "careplan" => Route::Activities,
            _ if resource == "careplan" => Route::Unknown,
            ("GET" | "POST", [visit, "tasklog"]) if endpoint == Endpoint::Encounter => {
                Route::TaskLog((*visit).to_owned())
            }
            _ if resource == "chargeitem" && (method, segments.get(1..)) != ("POST", Some(&["_search"])) => {
                Route::Unknown
            }
            ("POST", ["_search"]) => Route::Search(endpoint),
            ("GET", []) => Route::List(endpoint),
            ("GET", [id]) if !id.starts_with('_') && !id.is_empty() && endpoint != Endpoint::Locations => {
                Route::One(endpoint, (*id).to_owned())
            }
            ("POST", [shift, "clockin"]) if endpoint == Endpoint::Encounter => Route::ClockIn((*shift).to_owned()),
            ("PUT", [visit, "clockout"]) if endpoint == Endpoint::Encounter => Route::ClockOut((*visit).to_owned()),
            _ => Route::Unknown,
        };
        let wants_slash =
            if route == Route::Search(Endpoint::Locations) { self.switches.locations_slash } else { true };
        match route {
            Route::Unknown => Route::Unknown,
            _ if self.switches.slash_required && slash != wants_slash => Route::NoSlash,
            route => route,
        }
    }

    fn one(&self, world: &World, endpoint: Endpoint, id: &str) -> Reply {
        let pen = Pen { switches: &self.switches, world };
        let row = match endpoint {
            Endpoint::Patients => world.patient(id).map(|row| pen.patient(row, 0)),
            Endpoint::Practitioners => world.practitioner(id).map(|row| pen.practitioner(row, 0)),
            // A recurring shift answers with the occurrence nearest to now.
            Endpoint::Appointment => world.shift(id).map(|row| pen.appointment(row, 0)),
            Endpoint::Encounter => world
                .visit(id)
                .filter(|row| search::visible(&self.switches, world, row))
                .map(|row| pen.encounter(row, 0)),
            Endpoint::Token | Endpoint::Locations | Endpoint::ChargeItem | Endpoint::Other => None,
        };
        match row {
            Some(row) => Reply::json(200, &row),
            None => Reply::json(404, &json!({ "error": "Resource not found" })),
        }
    }
}

/// What a path belongs to, whether or not it is right.
pub(crate) fn endpoint_of(path: &str) -> Endpoint {
    if path == TOKEN_PATH {
        return Endpoint::Token;
    }
    match path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()) {
        Some("patients") => Endpoint::Patients,
        Some("practitioners") => Endpoint::Practitioners,
        Some("appointment") => Endpoint::Appointment,
        Some("encounter") => Endpoint::Encounter,
        Some("locations") => Endpoint::Locations,
        Some("chargeitem") => Endpoint::ChargeItem,
        _ => Endpoint::Other,
    }
}

/// A write that no client of ours may make. It works, so that one who makes it is seen in the world as well.
fn clock_in(world: &mut World, shift: &str) -> Reply {
    let now = world.now();
    match world.check_in(shift, now) {
        Ok(id) => Reply::json(
            200,
            &json!({ "resourceType": "Encounter", "id": id.parse::<u64>().unwrap_or(0), "status": "IN_PROGRESS",
                     "clockedOut": false, "success": true, "period": { "start": now.naive_utc(), "end": null } }),
        ),
        Err(_) => Reply::json(404, &json!({ "error": "Resource not found" })),
    }
}

fn clock_out(world: &mut World, visit: &str) -> Reply {
    let now = world.now();
    match world.check_out_visit(visit, now) {
        Ok(()) => Reply::json(200, &json!({ "success": true })),
        Err(_) => Reply::json(404, &json!({ "error": "Resource not found" })),
    }
}
