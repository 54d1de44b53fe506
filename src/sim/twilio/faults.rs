//! What goes wrong with texts, and the gateway's other switches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::text::TextStatus;

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextCall {
    /// Making a text.
    #[default]
    Create,
    /// Listing texts.
    List,
    /// Reading one.
    Read,
    /// Placing a call.
    Place,
    /// Any of them.
    Any,
}

/// What a faulty gateway does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFaultAnswer {
    /// Takes the text, then never answers.
    AcceptThenHang,
    /// Takes the text, then breaks the connection.
    AcceptThenDrop,
    /// Takes the text, then answers 500.
    AcceptThen500,
    /// Never answers, and takes nothing.
    Hang,
    /// Breaks the connection, and takes nothing.
    Reset,
    /// 429 with code 20429 and, perhaps, `Retry-After` in seconds.
    TooMany(Option<u64>),
    /// A status with Twilio's error body: (status, code), `(400, 21211)`.
    Error(u16, u32),
    /// A status with an HTML body.
    Html(u16),
    /// 201 with a body that breaks off.
    Truncated,
    /// Answers as it should, after so many milliseconds.
    SlowMs(u64),
}

/// A scripted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFault {
    /// Which calls.
    #[serde(default)]
    pub on: TextCall,
    /// Only for this number; empty = all.
    #[serde(default)]
    pub to: String,
    /// How often; absent = for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What instead.
    pub answer: TextFaultAnswer,
}

impl TextFault {
    /// For every text that is made.
    pub fn new(answer: TextFaultAnswer) -> Self {
        Self { on: TextCall::Create, to: String::new(), times: None, answer }
    }

    /// The next `times` calls only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// On these calls.
    #[must_use]
    pub const fn on(mut self, on: TextCall) -> Self {
        self.on = on;
        self
    }

    /// For this number.
    #[must_use]
    pub fn to(mut self, to: &str) -> Self {
        to.clone_into(&mut self.to);
        self
    }
}

/// The gateway's switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwilioSwitches {
    /// The account whose path and user name are right.
    pub account_sid: String,
    /// Its token, the password.
    pub auth_token: String,
    /// The number texts come from; others are refused with 21606. Empty = any.
    pub from: String,
    /// Milliseconds before each answer.
    pub latency_ms: u64,
    /// Milliseconds of the simulator's clock until a text is sent.
    pub sent_after_ms: i64,
    /// Milliseconds of the simulator's clock until a text has ended (is delivered).
    pub ends_after_ms: i64,
    /// Numbers that end otherwise: (status, error code).
    pub ends: BTreeMap<String, (TextStatus, u32)>,
    /// Numbers refused at once with this code: 21211 invalid, 21610 opted out, 21614 not a mobile.
    pub refused: BTreeMap<String, u32>,
    /// How calls to these numbers end: `busy`, `no-answer`, `failed`; the others are answered.
    pub calls_end: BTreeMap<String, String>,
    /// A text can be listed only so many milliseconds after it was made.
    pub list_lag_ms: i64,
    /// Scripted faults; the first that matches answers.
    pub faults: Vec<TextFault>,
    /// Status callbacks are sent (twice when above 1; none = 0).
    pub callbacks: u32,
    /// Callbacks come in the wrong order.
    pub callbacks_reordered: bool,
    /// Where texts that come in are posted; empty = nowhere.
    pub inbound_url: String,
}

impl Default for TwilioSwitches {
    fn default() -> Self {
        Self {
            account_sid: "AC00000000000000000000000000000001".into(),
            auth_token: "sim-twilio-token".into(),
            from: String::new(),
            latency_ms: 0,
            sent_after_ms: 500,
            ends_after_ms: 2_000,
            ends: BTreeMap::new(),
            refused: BTreeMap::new(),
            calls_end: BTreeMap::new(),
            list_lag_ms: 0,
            faults: Vec::new(),
            callbacks: 1,
            callbacks_reordered: false,
            inbound_url: String::new(),
        }
    }
}
