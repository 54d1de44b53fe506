//! The calls that steer a running simulator from outside, on a port of their own under `/_sim/`.
//!
//! | call | does |
//! |---|---|
//! | `GET /_sim/` | lists these calls and the addresses |
//! | `GET`, `PUT`, `PATCH /_sim/switches` | the vendor's switches: read, replace (what is left out is the default), patch |
//! | `GET`, `PUT`, `PATCH /_sim/twilio` | the text gateway's switches |
//! | `GET`, `PUT`, `PATCH /_sim/ringcentral` | the second text gateway's switches |
//! | `PUT /_sim/smtp` | a list of mail faults |
//! | `PUT /_sim/sink` | a list of what the sink answers next |
//! | `POST /_sim/incident` | one incident, now; with `"at"`, then |
//! | `POST /_sim/script` | a script, counted from now |
//! | `POST /_sim/text` | `{"from", "to", "body"}`: a person texts the agency |
//! | `POST /_sim/press` | `{"to", "digits"}`: whoever was called last presses a key |
//! | `POST /_sim/door` | `{"server": "wellsky", "open": false}`: refuse connections (`wellsky`, `twilio`, `ringcentral`, `smtp`, `sink`) |
//! | `POST /_sim/tokens/revoke` | ends the life of every token |
//! | `GET`, `DELETE /_sim/log` | the requests so far; `?after=12` those after number 12 |
//! | `GET /_sim/inbox` | mails (with subject, text, html), texts (with status), calls, webhooks and heartbeats |
//! | `GET /_sim/world` | numbers, and the open shifts of the next 24 h; nobody's name |

use std::net::SocketAddr;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    edge::{Call, Door, Reply, lock},
    ringcentral::RingCentralSwitches,
    script::{Incident, Script, Step},
    shared::{Shared, summary},
    sink::SinkAnswer,
    smtp::SmtpFault,
    switches::Switches,
    twilio::TwilioSwitches,
};

/// The servers and what opens and closes them.
pub(super) struct Doors {
    pub(super) wellsky: (SocketAddr, Door),
    pub(super) twilio: (SocketAddr, Door),
    pub(super) ringcentral: (SocketAddr, Door),
    pub(super) smtp: (SocketAddr, Door),
    pub(super) sink: (SocketAddr, Door),
}

impl Doors {
    fn named(&self, name: &str) -> Option<&Door> {
        match name {
            "wellsky" => Some(&self.wellsky.1),
            "twilio" => Some(&self.twilio.1),
            "ringcentral" => Some(&self.ringcentral.1),
            "smtp" => Some(&self.smtp.1),
            "sink" => Some(&self.sink.1),
            _ => None,
        }
    }
}

const CALLS: [&str; 21] = [
    "GET /_sim/switches",
    "PUT /_sim/switches",
    "PATCH /_sim/switches",
    "GET /_sim/twilio",
    "PUT /_sim/twilio",
    "PATCH /_sim/twilio",
    "GET /_sim/ringcentral",
    "PUT /_sim/ringcentral",
    "PATCH /_sim/ringcentral",
    "PUT /_sim/smtp",
    "PUT /_sim/sink",
    "POST /_sim/incident",
    "POST /_sim/script",
    "POST /_sim/text",
    "POST /_sim/press",
    "POST /_sim/door",
    "POST /_sim/tokens/revoke",
    "GET /_sim/log",
    "DELETE /_sim/log",
    "GET /_sim/inbox",
    "GET /_sim/world",
];

/// Answers a control call.
pub(super) fn answer(shared: &Shared, doors: &Doors, call: &Call) -> Reply {
    carry_out(shared, doors, call).unwrap_or_else(|refused| Reply::json(400, &json!({ "error": refused })))
}

fn carry_out(shared: &Shared, doors: &Doors, call: &Call) -> Result<Reply, String> {
    let ok = |value: &Value| Ok(Reply::json(200, value));
    let done = || Ok(Reply::json(200, &json!({ "ok": true })));
    let mut guard = lock(&shared.state);
    let state = &mut *guard;
    shared.advance(state);
    let now = shared.clock.now();
    match (call.method.as_str(), call.path.trim_end_matches('/')) {
        ("GET", "/_sim") => ok(&json!({
            "calls": CALLS,
            "wellsky": format!("http://{}", doors.wellsky.0),
            "twilio": format!("http://{}", doors.twilio.0),
            "ringcentral": format!("http://{}", doors.ringcentral.0),
            "smtp": doors.smtp.0,
            "sink": format!("http://{}", doors.sink.0),
        })),
        ("GET", "/_sim/switches") => ok(&shown(&state.vendor.switches)?),
        ("PUT", "/_sim/switches") => {
            state.vendor.set_switches(body::<Switches>(call)?);
            ok(&shown(&state.vendor.switches)?)
        }
        ("PATCH", "/_sim/switches") => {
            let switches = state.vendor.switches.patched(&body::<Value>(call)?).map_err(|it| it.to_string())?;
            state.vendor.set_switches(switches);
            ok(&shown(&state.vendor.switches)?)
        }
        ("GET", "/_sim/twilio") => ok(&shown(state.twilio.switches())?),
        ("PUT", "/_sim/twilio") => {
            state.twilio.set_switches(body::<TwilioSwitches>(call)?);
            done()
        }
        ("PATCH", "/_sim/twilio") => {
            let mut value = shown(state.twilio.switches())?;
            if let (Value::Object(map), Value::Object(patch)) = (&mut value, body::<Value>(call)?) {
                map.extend(patch);
            }
            let switches = serde_json::from_value(value).map_err(|it| it.to_string())?;
            state.twilio.set_switches(switches);
            done()
        }
        ("GET", "/_sim/ringcentral") => ok(&shown(state.ringcentral.switches())?),
        ("PUT", "/_sim/ringcentral") => {
            state.ringcentral.set_switches(body::<RingCentralSwitches>(call)?);
            done()
        }
        ("PATCH", "/_sim/ringcentral") => {
            let mut value = shown(state.ringcentral.switches())?;
            if let (Value::Object(map), Value::Object(patch)) = (&mut value, body::<Value>(call)?) {
                map.extend(patch);
            }
            let switches = serde_json::from_value(value).map_err(|it| it.to_string())?;
            state.ringcentral.set_switches(switches);
            done()
        }
        ("PUT", "/_sim/smtp") => {
            lock(&shared.smtp).set_faults(body::<Vec<SmtpFault>>(call)?);
            done()
        }
        ("PUT", "/_sim/sink") => {
            state.sink.next = body::<Vec<SinkAnswer>>(call)?.into();
            done()
        }
        ("POST", "/_sim/incident") => {
            let value = body::<Value>(call)?;
            if value.get("at").is_some() {
                let step: Step = serde_json::from_value(value).map_err(|it| it.to_string())?;
                check_switches(&state.vendor.switches, &step.incident)?;
                state.world.follow(&Script { steps: vec![step] }, now);
                shared.advance(state);
            } else {
                let incident: Incident = serde_json::from_value(value).map_err(|it| it.to_string())?;
                check_switches(&state.vendor.switches, &incident)?;
                state.world.incident(&incident, now).map_err(|it| it.to_string())?;
                shared.settle(state, now);
            }
            done()
        }
        ("POST", "/_sim/script") => {
            let script = body::<Script>(call)?;
            for step in &script.steps {
                check_switches(&state.vendor.switches, &step.incident)?;
            }
            state.world.follow(&script, now);
            shared.advance(state);
            done()
        }
        ("POST", "/_sim/text") => {
            let value = body::<Value>(call)?;
            let field = |name: &str| value.get(name).and_then(Value::as_str).ok_or(format!("{name} is missing"));
            shared.receive(state, (field("from")?, field("to")?, field("body")?), now);
            done()
        }
        ("POST", "/_sim/press") => {
            let value = body::<Value>(call)?;
            let field = |name: &str| value.get(name).and_then(Value::as_str).ok_or(format!("{name} is missing"));
            if shared.press(state, field("to")?, field("digits")?) {
                done()
            } else {
                Err("no call to that number asked for a key".into())
            }
        }
        ("POST", "/_sim/door") => {
            let value = body::<Value>(call)?;
            let name = value.get("server").and_then(Value::as_str).unwrap_or_default();
            let door = doors.named(name).ok_or("server is one of wellsky, twilio, ringcentral, smtp, sink")?;
            match value.get("open").and_then(Value::as_bool) {
                Some(true) => door.open(),
                Some(false) => door.close(),
                None => return Err("open is true or false".into()),
            }
            done()
        }
        ("POST", "/_sim/tokens/revoke") => {
            state.vendor.revoke_tokens();
            done()
        }
        ("GET", "/_sim/log") => {
            let after = call.query().into_iter().find(|(key, _)| key == "after").and_then(|(_, it)| it.parse().ok());
            let entries: Vec<_> =
                state.log.iter().filter(|it| after.is_none_or(|after: u64| it.number > after)).collect();
            ok(&shown(&entries)?)
        }
        ("DELETE", "/_sim/log") => {
            state.log.clear();
            done()
        }
        ("GET", "/_sim/inbox") => {
            let inbox = shared.inbox(state);
            let mails: Vec<Value> = inbox
                .mails
                .iter()
                .map(|it| {
                    json!({ "at": it.at, "from": it.from, "to": it.to, "subject": it.subject(), "text": it.text(),
                            "html": it.html(), "message_id": it.message_id(), "raw": it.raw })
                })
                .collect();
            let texts: Vec<Value> = inbox
                .texts
                .iter()
                .map(|it| {
                    json!({ "sid": it.sid, "at": it.at, "from": it.from, "to": it.to, "body": it.body,
                            "inbound": it.inbound, "status": it.status(now) })
                })
                .collect();
            ok(&json!({ "mails": mails, "texts": texts, "calls": inbox.calls, "posts": inbox.posts }))
        }
        ("GET", "/_sim/world") => ok(&summary(state, now)),
        _ => Ok(Reply::json(404, &json!({ "error": "no such control call", "calls": CALLS }))),
    }
}

fn shown<T: serde::Serialize>(value: &T) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|it| it.to_string())
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|it| it.to_string())
}

fn check_switches(switches: &Switches, incident: &Incident) -> Result<(), String> {
    match incident {
        Incident::Switches { set } => switches.patched(set).map(drop).map_err(|it| it.to_string()),
        _ => Ok(()),
    }
}
