//! A second text gateway, that speaks RingCentral's REST API: token, texts, message store, subscriptions.
//!
//! Given: requests, the simulator's clock for texts, real time for tokens and limits, scripted faults. Gives: answers in
//! RingCentral's shapes; texts in the same inbox as the other gateway's.
//! Does not: forgive: each call inside a penalty begins it anew, and an address that fails is given up for good.

mod calls;
mod faults;

use std::{
    collections::VecDeque,
    time::{Duration, Instant as Real},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    dice::Dice,
    edge::{Call, Handshake, Manner, Reply},
    twilio::Text,
};
use crate::model::Instant;

pub use self::calls::LoggedCall;
pub use self::faults::{RcCall, RcFault, RcFaultAnswer, RingCentralSwitches};

const ROOT: &str = "/restapi/v1.0";
const EXTENSION: &str = "/restapi/v1.0/account/~/extension/~";
const MINUTE: Duration = Duration::from_mins(1);

/// A subscription.
#[derive(Debug, Clone)]
struct Subscription {
    id: String,
    address: String,
    validation_token: String,
    status: &'static str,
    expires_at: Instant,
}

/// A request the gateway makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) url: String,
    pub(crate) token: String,
    pub(crate) body: String,
    /// Whose it is.
    pub(crate) subscription: String,
}

/// The gateway.
pub(crate) struct RingCentral {
    switches: RingCentralSwitches,
    fault_hits: Vec<u32>,
    texts: Vec<Text>,
    calls: Vec<LoggedCall>,
    /// When the log of calls was asked for.
    looked: VecDeque<Real>,
    tokens: Vec<(String, Real)>,
    n_tokens: u64,
    left: VecDeque<Real>,
    penalty_until: Option<Real>,
    n_in_penalty: u32,
    subscriptions: Vec<Subscription>,
    /// Those whose address has not repeated its token yet.
    unshaken: Vec<Subscription>,
    dice: Dice,
}

impl RingCentral {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            switches: RingCentralSwitches::default(),
            fault_hits: Vec::new(),
            texts: Vec::new(),
            calls: Vec::new(),
            looked: VecDeque::new(),
            tokens: Vec::new(),
            n_tokens: 0,
            left: VecDeque::new(),
            penalty_until: None,
            n_in_penalty: 0,
            subscriptions: Vec::new(),
            unshaken: Vec::new(),
            dice: Dice::keyed(seed, &[0x5243]),
        }
    }

    pub(crate) const fn switches(&self) -> &RingCentralSwitches {
        &self.switches
    }

    pub(crate) fn set_switches(&mut self, switches: RingCentralSwitches) {
        if switches.faults != self.switches.faults {
            self.fault_hits.clear();
        }
        self.switches = switches;
    }

    pub(crate) fn texts(&self) -> &[Text] {
        &self.texts
    }

    /// A call is in the log from now on.
    pub(crate) fn log_call(&mut self, call: LoggedCall) {
        self.calls.push(call);
    }

    /// How many calls came inside a penalty.
    pub(crate) const fn n_in_penalty(&self) -> u32 {
        self.n_in_penalty
    }

    /// How many tokens were given.
    pub(crate) const fn n_tokens(&self) -> u64 {
        self.n_tokens
    }

    /// Ends the life of every token.
    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Begins a penalty.
    pub(crate) fn punish(&mut self) {
        self.penalty_until = Some(Real::now() + Duration::from_millis(self.switches.penalty_ms));
    }

    /// Gives every subscription up.
    pub(crate) fn blacklist(&mut self) {
        for subscription in &mut self.subscriptions {
            subscription.status = "Blacklisted";
        }
    }

    /// The addresses that are told of texts.
    pub(crate) fn subscribed(&self) -> Vec<String> {
        let active = self.subscriptions.iter().filter(|it| it.status == "Active");
        active.map(|it| it.address.clone()).collect()
    }

    pub(crate) fn answer(&mut self, call: &Call, now: Instant) -> Reply {
        let real = Real::now();
        if self.penalty_until.is_some_and(|until| real < until) {
            self.n_in_penalty += 1;
            return self.too_many(real);
        }
        self.penalty_until = None;
        if call.path == "/restapi/oauth/token" {
            return self.token(call, real);
        }
        if !self.is_authentic(call, real) {
            return error(401, "OAU-213", "Token not found");
        }
        if call.method == "GET"
            && ["/restapi/v1.0/account/~/call-log", &format!("{EXTENSION}/call-log")].contains(&call.path.as_str())
        {
            return self.call_log(call, real);
        }
        if let Some(rest) = call.path.strip_prefix(EXTENSION) {
            let rest = rest.to_owned();
            return match (call.method.as_str(), rest.as_str()) {
                ("POST", "/sms") => self.create(call, now, real),
                ("GET", "/message-store") => self.list(call, now),
                ("GET", "/phone-number") => Reply::json(
                    200,
                    &json!({
                        "uri": call.path,
                        "records": [{ "id": 1, "phoneNumber": self.switches.from, "usageType": "DirectNumber",
                                      "type": "VoiceFax", "features": ["CallerId", "SmsSender"] }],
                    }),
                ),
                ("GET", one) => match one.strip_prefix("/message-store/") {
                    Some(id) => self.one(id, now),
                    None => error(404, "CMN-102", "Resource is not found"),
                },
                _ => error(404, "CMN-102", "Resource is not found"),
            };
        }
        match call.path.strip_prefix(&format!("{ROOT}/subscription")) {
            Some(rest) => self.subscription(rest, call, now),
            None => error(404, "CMN-102", "Resource is not found"),
        }
    }

    fn call_log(&mut self, call: &Call, real: Real) -> Reply {
        while self.looked.front().is_some_and(|at| real.duration_since(*at) >= MINUTE) {
            self.looked.pop_front();
        }
        if self.looked.len() >= self.switches.heavy_per_minute as usize {
            return self.too_many(real);
        }
        self.looked.push_back(real);
        if let Some(reply) = self.fault(RcCall::CallLog).as_ref().and_then(refusal) {
            return reply;
        }
        let left = self.switches.heavy_per_minute as usize - self.looked.len();
        calls::list(&self.calls, &self.switches.from, call, self.switches.log_page_max)
            .with_header("x-rate-limit-group", "heavy")
            .with_header("x-rate-limit-limit", self.switches.heavy_per_minute.to_string())
            .with_header("x-rate-limit-remaining", left.to_string())
            .with_header("x-rate-limit-window", "60")
    }

    fn too_many(&mut self, real: Real) -> Reply {
        let penalty = Duration::from_millis(self.switches.penalty_ms);
        self.penalty_until = Some(real + penalty);
        let reply = error(429, "CMN-301", "Request rate exceeded");
        if self.switches.says_retry_after {
            reply.with_header("retry-after", penalty.as_secs_f64().ceil().to_string())
        } else {
            reply
        }
    }

    fn token(&mut self, call: &Call, real: Real) -> Reply {
        if let Some(reply) = self.fault(RcCall::Token).as_ref().and_then(refusal) {
            return reply;
        }
        let form = call.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let wanted = format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{}:{}", self.switches.client_id, self.switches.client_secret))
        );
        if call.header("authorization") != Some(&wanted) {
            return oauth_error("invalid_client", "OAU-153");
        }
        if field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return oauth_error("unsupported_grant_type", "OAU-250");
        }
        if field("assertion") != self.switches.jwt {
            return oauth_error("invalid_grant", "OAU-142");
        }
        let token = format!("U0pDMDFQ{:016x}{:016x}", self.dice.throw(), self.dice.throw());
        self.tokens.push((token.clone(), real + Duration::from_secs(self.switches.token_lives_s)));
        self.n_tokens += 1;
        Reply::json(
            200,
            &json!({
                "access_token": token, "token_type": "bearer", "expires_in": self.switches.token_lives_s,
                "refresh_token": "not-used", "refresh_token_expires_in": 604_800, "scope": "SMS ReadMessages",
                "owner_id": "1000", "endpoint_id": "sim",
            }),
        )
    }

    fn is_authentic(&self, call: &Call, real: Real) -> bool {
        let given = call.header("authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
        self.tokens.iter().any(|(token, until)| token == given && real < *until)
    }

    fn create(&mut self, call: &Call, now: Instant, real: Real) -> Reply {
        while self.left.front().is_some_and(|at| real.duration_since(*at) >= MINUTE) {
            self.left.pop_front();
        }
        if self.left.len() >= self.switches.texts_per_minute as usize {
            return self.too_many(real);
        }
        self.left.push_back(real);
        let fault = self.fault(RcCall::Sms);
        if let Some(reply) = fault.as_ref().and_then(refusal) {
            return reply;
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let number = |value: Option<&Value>| {
            value.and_then(|it| it.get("phoneNumber")).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let to = body.get("to").and_then(Value::as_array).cloned().unwrap_or_default();
        let (from, words) = (number(body.get("from")), body.get("text").and_then(Value::as_str).unwrap_or_default());
        if call.content_type() != "application/json" || to.len() != 1 || words.is_empty() {
            return error(400, "CMN-101", "Parameter [to] value is invalid");
        }
        if words.encode_utf16().count() > 1_000 {
            return error(400, "MSG-305", "The text is too long");
        }
        if from != self.switches.from {
            return error(403, "MSG-304", "Phone number doesn't belong to extension");
        }
        let to = number(to.first());
        if !to.strip_prefix('+').is_some_and(|it| it.len() >= 8 && it.bytes().all(|b| b.is_ascii_digit())) {
            return error(400, "MSG-246", "Sending SMS to this number is not supported");
        }
        let in_ms = |ms: i64| now + TimeDelta::try_milliseconds(ms).unwrap_or_default();
        let id = 400_000_000_000 + self.texts.len() as u64;
        let text = Text::sent(
            id.to_string(),
            (&to, &from, words),
            now,
            (in_ms(self.switches.sent_after_ms), in_ms(self.switches.ends_after_ms)),
        );
        let mut reply = Reply::json(200, &self.show(&text, now));
        self.texts.push(text);
        match fault {
            Some(RcFaultAnswer::AcceptThenHang) => reply.manner = Manner::Hang,
            Some(RcFaultAnswer::AcceptThenDrop) => reply.manner = Manner::Cut,
            Some(RcFaultAnswer::Bare) => reply = Reply::json(200, &json!({ "id": id })),
            _ => {}
        }
        let left = self.switches.texts_per_minute as usize - self.left.len();
        reply
            .with_header("x-rate-limit-group", "medium")
            .with_header("x-rate-limit-limit", self.switches.texts_per_minute.to_string())
            .with_header("x-rate-limit-remaining", left.to_string())
            .with_header("x-rate-limit-window", "60")
    }

    fn list(&mut self, call: &Call, now: Instant) -> Reply {
        if let Some(reply) = self.fault(RcCall::List).as_ref().and_then(refusal) {
            return reply;
        }
        let query = call.query();
        let field = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let from = field("dateFrom").and_then(|it| chrono::DateTime::parse_from_rfc3339(it).ok());
        let from = from.map_or(now - TimeDelta::hours(24), |at| at.to_utc());
        let until = field("dateTo").and_then(|it| chrono::DateTime::parse_from_rfc3339(it).ok()).map(|at| at.to_utc());
        let size = field("perPage").and_then(|it| it.parse::<usize>().ok()).unwrap_or(100).clamp(1, 1000);
        let page = field("page").and_then(|it| it.parse::<usize>().ok()).unwrap_or(1).max(1);
        let rows: Vec<&Text> = self
            .texts
            .iter()
            .rev()
            .filter(|text| text.at >= from && until.is_none_or(|until| text.at < until))
            .filter(|text| field("direction").is_none_or(|it| (it == "Inbound") == text.inbound))
            .filter(|_| field("messageType").is_none_or(|it| it == "SMS"))
            .filter(|text| field("phoneNumber").is_none_or(|it| text.to == it || text.from == it))
            .collect();
        let shown: Vec<Value> = rows.iter().skip((page - 1) * size).take(size).map(|it| self.show(it, now)).collect();
        let mut navigation = json!({ "firstPage": { "uri": call.path } });
        if rows.len() > page * size {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs
                .extend_pairs(query.iter().filter(|(key, _)| key != "page"))
                .append_pair("page", &(page + 1).to_string());
            let uri = format!("https://platform.ringcentral.com{}?{}", call.path, pairs.finish());
            navigation["nextPage"] = json!({ "uri": uri });
        }
        Reply::json(
            200,
            &json!({ "uri": call.path, "records": shown, "paging": { "page": page, "perPage": size }, "navigation": navigation }),
        )
    }

    fn one(&mut self, id: &str, now: Instant) -> Reply {
        if let Some(reply) = self.fault(RcCall::Read).as_ref().and_then(refusal) {
            return reply;
        }
        match self.texts.iter().find(|text| text.sid == id) {
            Some(text) => Reply::json(200, &self.show(text, now)),
            None => error(404, "CMN-102", "Resource is not found"),
        }
    }

    fn show(&self, text: &Text, now: Instant) -> Value {
        let id: u64 = text.sid.parse().unwrap_or_default();
        let (status, code) = if text.inbound {
            ("Received".to_owned(), String::new())
        } else if now < text.sent_at {
            ("Queued".to_owned(), String::new())
        } else if now < text.ended_at {
            ("Sent".to_owned(), String::new())
        } else {
            self.switches.ends.get(&text.to).cloned().unwrap_or_else(|| ("Delivered".to_owned(), String::new()))
        };
        let mut shown = json!({
            "uri": format!("https://platform.ringcentral.com{EXTENSION}/message-store/{id}"),
            "id": id,
            "to": [{ "phoneNumber": text.to, "name": "" }],
            "from": { "phoneNumber": text.from },
            "type": "SMS",
            "creationTime": text.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "readStatus": if text.inbound { "Unread" } else { "Read" },
            "priority": "Normal",
            "attachments": [{ "id": id, "type": "Text", "contentType": "text/plain" }],
            "direction": if text.inbound { "Inbound" } else { "Outbound" },
            "availability": "Alive",
            "subject": text.body,
            "messageStatus": status,
            "smsSendingAttemptsCount": 1,
            "conversationId": 1,
            "conversation": { "id": "1", "uri": "https://platform.ringcentral.com/restapi/v1.0/conversation/1" },
            "lastModifiedTime": now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        });
        if !code.is_empty() {
            shown["deliveryErrorCode"] = json!(code);
        }
        shown
    }

    fn subscription(&mut self, rest: &str, call: &Call, now: Instant) -> Reply {
        if let Some(reply) = self.fault(RcCall::Subscription).as_ref().and_then(refusal) {
            return reply;
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let life = body.get("expiresIn").and_then(Value::as_i64).unwrap_or(900);
        let expires_at = now + TimeDelta::try_seconds(life).unwrap_or_default();
        let id = rest.trim_start_matches('/').to_owned();
        match (call.method.as_str(), id.as_str()) {
            ("GET", "") => {
                let records: Vec<Value> = self.subscriptions.iter().map(show_subscription).collect();
                Reply::json(200, &json!({ "uri": call.path, "records": records }))
            }
            ("POST", "") => {
                let mode = body.get("deliveryMode").cloned().unwrap_or_default();
                let field = |name: &str| mode.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                if field("transportType") != "WebHook" || field("address").is_empty() {
                    return error(400, "SUB-525", "Webhook address is not valid");
                }
                let subscription = Subscription {
                    id: format!("{:016x}", self.dice.throw()),
                    address: field("address"),
                    validation_token: field("validationToken"),
                    status: "Active",
                    expires_at,
                };
                let mut reply = Reply::json(200, &show_subscription(&subscription));
                if self.switches.shakes_hands {
                    reply.handshake = Some(Handshake {
                        url: subscription.address.clone(),
                        token: format!("{:016x}", self.dice.throw()),
                        about: subscription.id.clone(),
                    });
                    self.unshaken.push(subscription);
                } else {
                    self.subscriptions.push(subscription);
                }
                reply
            }
            ("DELETE", id) => {
                self.subscriptions.retain(|it| it.id != id);
                Reply::text(204, "application/json", Vec::new())
            }
            ("PUT", id) => match self.subscriptions.iter_mut().find(|it| it.id == id) {
                Some(subscription) => {
                    subscription.expires_at = expires_at;
                    Reply::json(200, &show_subscription(subscription))
                }
                None => error(404, "CMN-102", "Resource is not found"),
            },
            _ => error(405, "CMN-405", "Method not allowed"),
        }
    }

    /// What came of a handshake: the subscription stands, or this is answered instead.
    pub(crate) fn shaken(&mut self, id: &str, went_well: bool) -> Option<Reply> {
        let at = self.unshaken.iter().position(|it| it.id == id)?;
        let subscription = self.unshaken.swap_remove(at);
        if !went_well {
            return Some(error(400, "SUB-521", "WebHook is not reachable"));
        }
        self.subscriptions.push(subscription);
        None
    }

    /// A request for this subscription failed: its address is not tried again.
    pub(crate) fn failed(&mut self, id: &str) {
        if self.switches.blacklists {
            for subscription in self.subscriptions.iter_mut().filter(|it| it.id == id) {
                subscription.status = "Blacklisted";
            }
        }
    }

    /// A person texts the extension's number from their phone. Gives what is posted.
    pub(crate) fn receive(&mut self, from: &str, to: &str, body: &str, now: Instant) -> Vec<Notification> {
        let id = 400_000_000_000 + self.texts.len() as u64;
        let text = Text::received(id.to_string(), (to, from, body), now);
        let shown = self.show(&text, now);
        self.texts.push(text);
        match body.trim().to_ascii_uppercase().as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" => {
                self.switches.ends.insert(from.to_owned(), ("SendingFailed".into(), "SMS-CAR-413".into()));
            }
            "START" | "UNSTOP" => {
                self.switches.ends.remove(from);
            }
            _ => {}
        }
        let uuid = format!("{:016x}", self.dice.throw());
        let active = self.subscriptions.iter().filter(|it| it.status == "Active" && now < it.expires_at);
        active
            .map(|it| Notification {
                subscription: it.id.clone(),
                url: it.address.clone(),
                token: it.validation_token.clone(),
                body: json!({
                    "uuid": uuid, "event": format!("{EXTENSION}/message-store/instant?type=SMS"), "timestamp": now,
                    "subscriptionId": it.id, "ownerId": "1000", "body": shown,
                })
                .to_string(),
            })
            .collect()
    }

    fn fault(&mut self, on: RcCall) -> Option<RcFaultAnswer> {
        self.fault_hits.resize(self.switches.faults.len(), 0);
        for (fault, hits) in self.switches.faults.iter().zip(&mut self.fault_hits) {
            let meant = fault.on == on || fault.on == RcCall::Any;
            if meant && fault.times.is_none_or(|times| *hits < times) {
                *hits += 1;
                return Some(fault.answer.clone());
            }
        }
        None
    }
}

fn show_subscription(subscription: &Subscription) -> Value {
    json!({
        "uri": format!("https://platform.ringcentral.com{ROOT}/subscription/{}", subscription.id),
        "id": subscription.id,
        "status": subscription.status,
        "expirationTime": subscription.expires_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "eventFilters": [format!("{EXTENSION}/message-store/instant?type=SMS")],
        "deliveryMode": { "transportType": "WebHook", "encryption": false, "address": subscription.address },
    })
}

fn refusal(answer: &RcFaultAnswer) -> Option<Reply> {
    match answer {
        RcFaultAnswer::Hang => Some(Reply::json(200, &json!({})).travelling(Manner::Hang)),
        RcFaultAnswer::Reset => Some(Reply::json(200, &json!({})).travelling(Manner::Cut)),
        RcFaultAnswer::Error(status, code) => Some(error(*status, code, "Scripted failure")),
        RcFaultAnswer::Html(status) => Some(Reply::html(*status)),
        RcFaultAnswer::AcceptThenHang | RcFaultAnswer::AcceptThenDrop | RcFaultAnswer::Bare => None,
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let one = json!({ "errorCode": code, "message": message });
    Reply::json(status, &json!({ "errorCode": code, "message": message, "errors": [one] }))
}

fn oauth_error(error: &str, code: &str) -> Reply {
    Reply::json(
        400,
        &json!({ "error": error, "error_description": "Refused", "errors": [{ "errorCode": code, "message": "Refused" }] }),
    )
}
