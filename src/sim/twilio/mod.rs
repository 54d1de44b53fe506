//! A text gateway that speaks Twilio's Messages API: create, list, read, cancel, erase.
//!
//! Given: requests, the simulator's clock, scripted faults. Gives: answers in Twilio's shapes; texts in an inbox.
//! A text goes queued, sent, delivered as the clock passes, unless its number is set to end otherwise.
//! Does not: charge anybody, or know what a text means.

mod calls;
mod faults;
mod text;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use ring::hmac;
use serde_json::{Value, json};

use super::{
    dice::Dice,
    edge::{Call, Manner, Reply},
};
use crate::model::Instant;

pub use self::{
    calls::VoiceCall,
    faults::{TextCall, TextFault, TextFaultAnswer, TwilioSwitches},
    text::{Text, TextStatus, segments},
};

/// A request the gateway makes: a status callback or a text that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) url: String,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) signature: String,
}

/// The gateway.
pub(crate) struct Twilio {
    switches: TwilioSwitches,
    fault_hits: Vec<u32>,
    /// Erased ones stay as marks, so that numbers into the list hold.
    texts: Vec<Text>,
    calls: Vec<VoiceCall>,
    /// Texts whose end has not been told to their callback.
    untold: Vec<usize>,
    dice: Dice,
}

impl Twilio {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            switches: TwilioSwitches::default(),
            fault_hits: Vec::new(),
            texts: Vec::new(),
            calls: Vec::new(),
            untold: Vec::new(),
            dice: Dice::keyed(seed, &[0x534d]),
        }
    }

    pub(crate) const fn switches(&self) -> &TwilioSwitches {
        &self.switches
    }

    pub(crate) fn set_switches(&mut self, switches: TwilioSwitches) {
        if switches.faults != self.switches.faults {
            self.fault_hits.clear();
        }
        self.switches = switches;
    }

    pub(crate) fn texts(&self) -> &[Text] {
        &self.texts
    }

    pub(crate) fn calls(&self) -> &[VoiceCall] {
        &self.calls
    }

    pub(crate) fn answer(&mut self, call: &Call, now: Instant) -> Reply {
        let mut reply = self.respond(call, now);
        if reply.wait.is_zero() {
            reply.wait = Duration::from_millis(self.switches.latency_ms);
        }
        reply
    }

    fn respond(&mut self, call: &Call, now: Instant) -> Reply {
        let account = format!("/2010-04-01/Accounts/{}", self.switches.account_sid);
        if !self.is_authentic(call) {
            return error(401, 20003, "Authenticate");
        }
        if call.path == format!("{account}.json") && call.method == "GET" {
            return Reply::json(
                200,
                &json!({ "sid": self.switches.account_sid, "friendly_name": "Simulated", "status": "active", "type": "Full" }),
            );
        }
        if let Some(rest) = call.path.strip_prefix(&format!("{account}/Calls")) {
            let rest = rest.to_owned();
            return self.calls_call(&rest, call, now);
        }
        let Some(rest) = call.path.strip_prefix(&format!("{account}/Messages")) else {
            return error(404, 20404, "The requested resource was not found");
        };
        let rest = rest.to_owned();
        let one = rest.strip_prefix('/').and_then(|it| it.strip_suffix(".json"));
        match (call.method.as_str(), rest.as_str(), one) {
            ("POST", ".json", _) => self.create(call, now),
            ("GET", ".json", _) => self.list(call, now),
            (method, _, Some(sid)) => self.one(method, sid, call, now),
            _ => error(404, 20404, "The requested resource was not found"),
        }
    }

    fn is_authentic(&self, call: &Call) -> bool {
        let wanted = format!("{}:{}", self.switches.account_sid, self.switches.auth_token);
        call.header("authorization")
            .and_then(|it| it.strip_prefix("Basic "))
            .and_then(|it| BASE64_STANDARD.decode(it.trim()).ok())
            .is_some_and(|given| given == wanted.as_bytes())
    }

    fn create(&mut self, call: &Call, now: Instant) -> Reply {
        let form = call.form();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
        let (to, from, body) = (field("To"), field("From"), field("Body"));
        let fault = self.fault(TextCall::Create, to);
        if let Some(reply) = fault.as_ref().and_then(refusal) {
            return reply;
        }
        if call.content_type() != "application/x-www-form-urlencoded" || to.is_empty() {
            return error(400, 21604, "A 'To' phone number is required.");
        }
        if from.is_empty() && field("MessagingServiceSid").is_empty() {
            return error(400, 21603, "A 'From' phone number is required.");
        }
        if body.is_empty() {
            return error(400, 21602, "Message body is required.");
        }
        if body.chars().count() > 1_600 {
            return error(400, 21617, "The concatenated message body exceeds the 1600 character limit");
        }
        if !is_e164(to) {
            return error(400, 21211, "Invalid 'To' Phone Number");
        }
        if !self.switches.from.is_empty() && from != self.switches.from {
            return error(400, 21606, "The 'From' phone number is not a valid message-capable Twilio phone number");
        }
        if let Some(code) = self.switches.refused.get(to) {
            return error(400, *code, "The message can't be sent to this number");
        }
        let ends =
            self.switches.ends.get(to).map_or((TextStatus::Delivered, None), |(status, code)| (*status, Some(*code)));
        let in_ms = |ms: i64| TimeDelta::try_milliseconds(ms).and_then(|by| now.checked_add_signed(by)).unwrap_or(now);
        let validity_s: Option<i64> = field("ValidityPeriod").parse().ok();
        let (mut sent_at, mut ended_at, mut ends) =
            (in_ms(self.switches.sent_after_ms), in_ms(self.switches.ends_after_ms), ends);
        if let Some(expires) = validity_s.map(|s| in_ms(s.saturating_mul(1_000)))
            && sent_at > expires
        {
            // It was still queued when its time was up.
            (sent_at, ended_at, ends) = (expires, expires, (TextStatus::Failed, Some(30036)));
        }
        let text = Text {
            sid: format!("SM{:016x}{:016x}", self.dice.throw(), self.dice.throw()),
            to: to.to_owned(),
            from: from.to_owned(),
            body: body.to_owned(),
            at: now,
            inbound: false,
            validity_s,
            status_callback: field("StatusCallback").to_owned(),
            ends,
            sent_at,
            ended_at,
            canceled: false,
            erased: false,
            told: None,
        };
        let mut reply = Reply::json(201, &self.show(&text, TextStatus::Queued, now));
        if !text.status_callback.is_empty() {
            self.untold.push(self.texts.len());
        }
        self.texts.push(text);
        match fault {
            Some(TextFaultAnswer::AcceptThenHang) => reply.manner = Manner::Hang,
            Some(TextFaultAnswer::AcceptThenDrop) => reply.manner = Manner::Cut,
            Some(TextFaultAnswer::AcceptThen500) => return error(500, 20500, "Internal Server Error"),
            Some(TextFaultAnswer::Truncated) => reply.manner = Manner::Truncated,
            Some(TextFaultAnswer::SlowMs(ms)) => reply.wait = Duration::from_millis(ms),
            _ => {}
        }
        reply
    }

    fn list(&mut self, call: &Call, now: Instant) -> Reply {
        let query = call.query();
        let field = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let slow = match self.fault(TextCall::List, field("To").unwrap_or_default()) {
            Some(TextFaultAnswer::SlowMs(ms)) => ms,
            Some(answer) => {
                if let Some(reply) = refusal(&answer) {
                    return reply;
                }
                0
            }
            None => 0,
        };
        let size = field("PageSize").and_then(|it| it.parse::<usize>().ok()).unwrap_or(50).clamp(1, 1000);
        let nth = field("Page").and_then(|it| it.parse::<usize>().ok()).unwrap_or(0);
        let lag = TimeDelta::try_milliseconds(self.switches.list_lag_ms).unwrap_or_default();
        // A stamp that is still null satisfies no filter on the day it was sent.
        let sent_on = |text: &Text| {
            (text.inbound || text.status(now) >= TextStatus::Sent).then(|| text.sent_at.format("%Y-%m-%d").to_string())
        };
        let day = |name: &str, keep: fn(&str, &str) -> bool, text: &Text| {
            field(name)
                .is_none_or(|bound| sent_on(text).is_some_and(|sent| keep(&sent, bound.get(..10).unwrap_or(bound))))
        };
        let rows: Vec<&Text> = self
            .texts
            .iter()
            .rev()
            .filter(|text| !text.erased && text.at + lag <= now)
            .filter(|text| field("To").is_none_or(|to| text.to == to))
            .filter(|text| field("From").is_none_or(|from| text.from == from))
            .filter(|text| day("DateSent", |sent, bound| sent == bound, text))
            .filter(|text| day("DateSent>", |sent, bound| sent >= bound, text))
            .filter(|text| day("DateSent<", |sent, bound| sent <= bound, text))
            .collect();
        let first = nth.saturating_mul(size).min(rows.len());
        let last = first.saturating_add(size).min(rows.len());
        let messages: Vec<Value> = rows
            .get(first..last)
            .unwrap_or_default()
            .iter()
            .map(|text| self.show(text, text.status(now), now))
            .collect();
        let uri = |nth: usize| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            pairs.extend_pairs(query.iter().filter(|(key, _)| key != "Page" && key != "PageSize"));
            pairs.append_pair("PageSize", &size.to_string()).append_pair("Page", &nth.to_string());
            format!("{}?{}", call.path, pairs.finish())
        };
        let mut reply = Reply::json(
            200,
            &json!({
                "first_page_uri": uri(0),
                "end": last.saturating_sub(1),
                "next_page_uri": (last < rows.len()).then(|| uri(nth + 1)),
                "page": nth,
                "page_size": size,
                "previous_page_uri": (nth > 0).then(|| uri(nth - 1)),
                "start": first,
                "uri": uri(nth),
                "messages": messages,
            }),
        );
        reply.wait = Duration::from_millis(slow);
        reply
    }

    fn one(&mut self, method: &str, sid: &str, call: &Call, now: Instant) -> Reply {
        let to = self.texts.iter().find(|it| it.sid == sid).map(|it| it.to.clone()).unwrap_or_default();
        if let Some(reply) = self.fault(TextCall::Read, &to).as_ref().and_then(refusal) {
            return reply;
        }
        let Some(n) = self.texts.iter().rposition(|it| it.sid == sid && !it.erased) else {
            return error(404, 20404, &format!("The requested resource {} was not found", call.path));
        };
        match method {
            "DELETE" => {
                if let Some(text) = self.texts.get_mut(n) {
                    text.erased = true;
                }
                Reply::text(204, "application/json", Vec::new())
            }
            "POST" if call.form().iter().any(|(key, value)| key == "Status" && value == "canceled") => {
                if let Some(text) = self.texts.get_mut(n) {
                    text.canceled = text.status(now) <= TextStatus::Queued;
                }
                self.show_nth(n, now)
            }
            "GET" => self.show_nth(n, now),
            _ => error(405, 20004, "Method not allowed"),
        }
    }

    fn show_nth(&self, n: usize, now: Instant) -> Reply {
        let shown = self.texts.get(n).map(|text| self.show(text, text.status(now), now));
        Reply::json(200, &shown.unwrap_or_default())
    }

    fn show(&self, text: &Text, status: TextStatus, now: Instant) -> Value {
        let sid = &self.switches.account_sid;
        let code = text.error_code(now);
        json!({
            "account_sid": sid,
            "api_version": "2010-04-01",
            "body": text.body,
            "date_created": rfc2822(text.at),
            "date_sent": (status > TextStatus::Queued).then(|| rfc2822(text.sent_at)),
            "date_updated": rfc2822(if now >= text.ended_at { text.ended_at } else { text.at }),
            "direction": if text.inbound { "inbound" } else { "outbound-api" },
            "error_code": code,
            "error_message": code.map(|code| format!("Simulated failure {code}")),
            "from": text.from,
            "messaging_service_sid": null,
            "num_media": "0",
            "num_segments": segments(&text.body).to_string(),
            "price": null,
            "price_unit": "USD",
            "sid": text.sid,
            "status": status.name(),
            "subresource_uris": { "media": format!("/2010-04-01/Accounts/{sid}/Messages/{}/Media.json", text.sid) },
            "to": text.to,
            "uri": format!("/2010-04-01/Accounts/{sid}/Messages/{}.json", text.sid),
        })
    }

    fn fault(&mut self, on: TextCall, to: &str) -> Option<TextFaultAnswer> {
        self.fault_hits.resize(self.switches.faults.len(), 0);
        for (fault, hits) in self.switches.faults.iter().zip(&mut self.fault_hits) {
            let meant = (fault.on == on || fault.on == TextCall::Any) && (fault.to.is_empty() || fault.to == to);
            if meant && fault.times.is_none_or(|times| *hits < times) {
                *hits += 1;
                return Some(fault.answer.clone());
            }
        }
        None
    }

    /// A person texts `to` from their phone. Gives what is posted, when `inbound_url` is set.
    pub(crate) fn receive(&mut self, from: &str, to: &str, body: &str, now: Instant) -> Option<Callback> {
        let sid = format!("SM{:016x}{:016x}", self.dice.throw(), self.dice.throw());
        let text = Text::received(sid, (to, from, body), now);
        // The carrier's words work before anybody else reads them.
        let opt_out = match body.trim().to_ascii_uppercase().as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" => "STOP",
            "START" | "UNSTOP" => "START",
            _ => "",
        };
        match opt_out {
            "STOP" => {
                self.switches.refused.insert(from.to_owned(), 21610);
            }
            "START" => {
                self.switches.refused.remove(from);
            }
            _ => {}
        }
        let mut params = vec![
            ("MessageSid", text.sid.as_str()),
            ("SmsSid", &text.sid),
            ("AccountSid", &self.switches.account_sid),
            ("From", from),
            ("To", to),
            ("Body", body),
            ("NumMedia", "0"),
            ("NumSegments", "1"),
            ("SmsStatus", "received"),
            ("ApiVersion", "2010-04-01"),
        ];
        if !opt_out.is_empty() {
            params.push(("OptOutType", opt_out));
        }
        let callback = (!self.switches.inbound_url.is_empty()).then(|| self.sign(&self.switches.inbound_url, &params));
        self.texts.push(text);
        callback
    }

    /// The status callbacks due by `now`. None is sent for the first status.
    pub(crate) fn due_callbacks(&mut self, now: Instant) -> Vec<Callback> {
        let mut due = self.due_call_callbacks(now);
        for n in std::mem::take(&mut self.untold) {
            let Some(text) = self.texts.get(n) else { continue };
            let status = text.status(now);
            let told = text.told;
            let mut steps = Vec::new();
            if told.is_none() && status >= TextStatus::Sent {
                steps.push(TextStatus::Sent);
            }
            if status > TextStatus::Sent && told.is_none_or(|told| told < status) {
                steps.push(status);
            }
            if self.switches.callbacks_reordered {
                steps.reverse();
            }
            for status in &steps {
                let code = if *status == TextStatus::Sent { None } else { text.error_code(now) };
                let code = code.map(|code| code.to_string()).unwrap_or_default();
                let mut params = vec![
                    ("MessageSid", text.sid.as_str()),
                    ("SmsSid", text.sid.as_str()),
                    ("AccountSid", self.switches.account_sid.as_str()),
                    ("MessageStatus", status.name()),
                    ("SmsStatus", status.name()),
                    ("To", text.to.as_str()),
                    ("From", text.from.as_str()),
                    ("ApiVersion", "2010-04-01"),
                ];
                if !code.is_empty() {
                    params.push(("ErrorCode", &code));
                }
                let callback = self.sign(&text.status_callback, &params);
                due.extend(std::iter::repeat_n(callback, usize::try_from(self.switches.callbacks).unwrap_or(1)));
            }
            if status <= TextStatus::Sent {
                self.untold.push(n);
            }
            if let (Some(last), Some(text)) = (steps.iter().max().copied(), self.texts.get_mut(n)) {
                text.told = Some(last);
            }
        }
        due
    }

    fn sign(&self, url: &str, params: &[(&str, &str)]) -> Callback {
        let params: Vec<(String, String)> =
            params.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Callback { url: url.to_owned(), signature: signature(&self.switches.auth_token, url, &params), params }
    }
}

/// What Twilio puts into `X-Twilio-Signature`: HMAC-SHA1 of the URL and the parameters sorted by name, in base64.
pub fn signature(auth_token: &str, url: &str, params: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> = params.iter().collect();
    sorted.sort();
    let mut text = url.to_owned();
    for (key, value) in sorted {
        text.push_str(key);
        text.push_str(value);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, text.as_bytes()))
}

fn refusal(answer: &TextFaultAnswer) -> Option<Reply> {
    match answer {
        TextFaultAnswer::Hang => Some(Reply::json(200, &json!({})).travelling(Manner::Hang)),
        TextFaultAnswer::Reset => Some(Reply::json(200, &json!({})).travelling(Manner::Cut)),
        TextFaultAnswer::TooMany(retry_after_s) => {
            let reply = error(429, 20429, "Too Many Requests");
            Some(match retry_after_s {
                Some(s) => reply.with_header("retry-after", s.to_string()),
                None => reply,
            })
        }
        TextFaultAnswer::Error(status, code) => Some(error(*status, *code, "Scripted failure")),
        TextFaultAnswer::Html(status) => Some(Reply::html(*status)),
        TextFaultAnswer::AcceptThenHang
        | TextFaultAnswer::AcceptThenDrop
        | TextFaultAnswer::AcceptThen500
        | TextFaultAnswer::Truncated
        | TextFaultAnswer::SlowMs(_) => None,
    }
}

fn error(status: u16, code: u32, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "code": code, "message": message, "more_info": format!("https://www.twilio.com/docs/errors/{code}"), "status": status }),
    )
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0')
    })
}

fn rfc2822(at: Instant) -> String {
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::{segments, signature};

    #[test]
    fn the_signature_is_the_one_in_twilios_own_example() {
        // The worked example of Twilio's page "Webhooks security", with its invented account.
        let params = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let signed = signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", &params);
        assert_eq!(signed, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }

    #[test]
    fn segments_are_counted_as_carriers_do() {
        for (body, n) in [
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
        ] {
            assert_eq!(segments(&body), n, "{} characters", body.chars().count());
        }
    }
}
