//! Calls: placed, ringing, answered or not; what was said, and which key was pressed.

use chrono::TimeDelta;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Callback, TextCall, Twilio, error, is_e164, refusal, rfc2822};
use crate::{
    model::Instant,
    sim::edge::{Call, Manner, Reply},
    sim::twilio::TextFaultAnswer,
};

/// A call that was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VoiceCall {
    /// `CA…`
    pub sid: String,
    /// To whom.
    pub to: String,
    /// From which number.
    pub from: String,
    /// The markup that says what is said.
    pub twiml: String,
    /// When it was placed.
    pub at: Instant,
    /// How it ends: `completed`, `busy`, `no-answer`, `failed`.
    pub ends: String,
    #[serde(skip)]
    answered_at: Instant,
    #[serde(skip)]
    ended_at: Instant,
    #[serde(skip)]
    status_callback: String,
    #[serde(skip)]
    told: bool,
}

impl VoiceCall {
    /// Where it stands at `now`.
    pub fn status(&self, now: Instant) -> &str {
        let answered = self.ends == "completed" && now >= self.answered_at;
        match (now >= self.ended_at, answered) {
            (true, _) => &self.ends,
            (false, true) => "in-progress",
            (false, false) if now > self.at => "ringing",
            (false, false) => "queued",
        }
    }

    /// Where a key press is posted, when one is asked for.
    pub fn press_url(&self) -> Option<String> {
        let (_, rest) = self.twiml.split_once("action=\"")?;
        let (url, _) = rest.split_once('"')?;
        Some(url.replace("&amp;", "&"))
    }
}

impl Twilio {
    pub(super) fn calls_call(&mut self, rest: &str, call: &Call, now: Instant) -> Reply {
        let one = rest.strip_prefix('/').and_then(|it| it.strip_suffix(".json"));
        match (call.method.as_str(), rest, one) {
            ("POST", ".json", _) => self.place(call, now),
            ("GET", ".json", _) => {
                let query = call.query();
                let field = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                let calls: Vec<Value> = self
                    .calls
                    .iter()
                    .rev()
                    .filter(|it| field("To").is_none_or(|to| it.to == to))
                    .filter(|it| field("From").is_none_or(|from| it.from == from))
                    .map(|it| self.show_call(it, now))
                    .collect();
                Reply::json(200, &json!({ "calls": calls, "next_page_uri": null, "page": 0, "page_size": 50 }))
            }
            ("GET", _, Some(sid)) => match self.calls.iter().find(|it| it.sid == sid) {
                Some(found) => Reply::json(200, &self.show_call(found, now)),
                None => error(404, 20404, "The requested resource was not found"),
            },
            _ => error(404, 20404, "The requested resource was not found"),
        }
    }

    fn place(&mut self, call: &Call, now: Instant) -> Reply {
        let form = call.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let (to, from, twiml) = (field("To"), field("From"), field("Twiml"));
        let fault = self.fault(TextCall::Place, to);
        if let Some(reply) = fault.as_ref().and_then(refusal) {
            return reply;
        }
        if !is_e164(to) {
            return error(400, 21211, "Invalid 'To' Phone Number");
        }
        if from.is_empty() || !self.switches.from.is_empty() && from != self.switches.from {
            return error(400, 21210, "'From' phone number not verified");
        }
        if !twiml.starts_with("<Response>") || !twiml.ends_with("</Response>") || twiml.chars().count() > 4_000 {
            return error(400, 21205, "Invalid Twiml");
        }
        if let Some(code) = self.switches.refused.get(to).filter(|code| **code == 21_211) {
            return error(400, *code, "The number is not valid");
        }
        let ends = self.switches.calls_end.get(to).cloned().unwrap_or_else(|| "completed".to_owned());
        let in_ms = |ms: i64| now + TimeDelta::try_milliseconds(ms).unwrap_or_default();
        let placed = VoiceCall {
            sid: format!("CA{:016x}{:016x}", self.dice.throw(), self.dice.throw()),
            to: to.to_owned(),
            from: from.to_owned(),
            twiml: twiml.to_owned(),
            at: now,
            ends,
            answered_at: in_ms(self.switches.sent_after_ms),
            ended_at: in_ms(self.switches.ends_after_ms),
            status_callback: field("StatusCallback").to_owned(),
            told: false,
        };
        let mut reply = Reply::json(201, &self.show_call(&placed, now));
        self.calls.push(placed);
        match fault {
            Some(TextFaultAnswer::AcceptThenHang) => reply.manner = Manner::Hang,
            Some(TextFaultAnswer::AcceptThenDrop) => reply.manner = Manner::Cut,
            _ => {}
        }
        reply
    }

    fn show_call(&self, call: &VoiceCall, now: Instant) -> Value {
        let sid = &self.switches.account_sid;
        json!({
            "sid": call.sid, "account_sid": sid, "to": call.to, "from": call.from, "status": call.status(now),
            "direction": "outbound-api", "date_created": rfc2822(call.at), "date_updated": rfc2822(call.at),
            "duration": null, "answered_by": null, "price": null, "api_version": "2010-04-01",
            "uri": format!("/2010-04-01/Accounts/{sid}/Calls/{}.json", call.sid),
        })
    }

    /// The calls whose end is to be told now.
    pub(super) fn due_call_callbacks(&mut self, now: Instant) -> Vec<Callback> {
        let mut due = Vec::new();
        for n in 0..self.calls.len() {
            let Some(call) = self.calls.get(n) else { continue };
            if call.told || call.status_callback.is_empty() || now < call.ended_at || self.switches.callbacks == 0 {
                continue;
            }
            let params = [
                ("CallSid", call.sid.as_str()),
                ("AccountSid", self.switches.account_sid.as_str()),
                ("From", call.from.as_str()),
                ("To", call.to.as_str()),
                ("CallStatus", call.status(now)),
                ("ApiVersion", "2010-04-01"),
                ("Direction", "outbound-api"),
            ];
            due.push(self.sign(&call.status_callback, &params));
            if let Some(call) = self.calls.get_mut(n) {
                call.told = true;
            }
        }
        due
    }

    /// Whoever answered the last call to this number presses a key. Gives what is posted, when a key was asked for.
    pub(crate) fn press(&mut self, to: &str, digits: &str) -> Option<Callback> {
        let call = self.calls.iter().rev().find(|call| call.to == to)?;
        let url = call.press_url()?;
        let params = [
            ("CallSid", call.sid.as_str()),
            ("AccountSid", self.switches.account_sid.as_str()),
            ("From", call.from.as_str()),
            ("To", call.to.as_str()),
            ("CallStatus", "in-progress"),
            ("Digits", digits),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "outbound-api"),
        ];
        Some(self.sign(&url, &params))
    }
}
