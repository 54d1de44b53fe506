//! What goes wrong at the second text gateway, and its other switches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RcCall {
    /// Giving a token.
    Token,
    /// Taking a text.
    #[default]
    Sms,
    /// Listing texts.
    List,
    /// Reading one.
    Read,
    /// Subscriptions.
    Subscription,
    /// The log of calls.
    CallLog,
    /// Any of them.
    Any,
}

/// What a faulty gateway does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RcFaultAnswer {
    /// Takes the text, then never answers.
    AcceptThenHang,
    /// Takes the text, then breaks the connection.
    AcceptThenDrop,
    /// Never answers, and takes nothing.
    Hang,
    /// Breaks the connection, and takes nothing.
    Reset,
    /// A status with an error code: `(403, "CMN-408")`.
    Error(u16, String),
    /// A status with an HTML body.
    Html(u16),
    /// Answers with the fields that its description requires, and no others.
    Bare,
}

/// A scripted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RcFault {
    /// Which calls.
    #[serde(default)]
    pub on: RcCall,
    /// How often; absent = for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What instead.
    pub answer: RcFaultAnswer,
}

impl RcFault {
    /// For every text.
    pub const fn new(answer: RcFaultAnswer) -> Self {
        Self { on: RcCall::Sms, times: None, answer }
    }

    /// The next `times` calls only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// On these calls.
    #[must_use]
    pub const fn on(mut self, on: RcCall) -> Self {
        self.on = on;
        self
    }
}

/// The gateway's switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RingCentralSwitches {
    /// The app's id.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// The credential that is taken.
    pub jwt: String,
    /// The extension's number.
    pub from: String,
    /// How long a token lives, real seconds.
    pub token_lives_s: u64,
    /// Texts taken in a minute of real time before a penalty begins.
    pub texts_per_minute: u32,
    /// How long a penalty lasts, real milliseconds; a call inside it begins it anew. `Retry-After` rounds it up.
    pub penalty_ms: u64,
    /// Requests for the log of calls in a minute of real time before a penalty begins.
    pub heavy_per_minute: u32,
    /// Rows on a page of that log at most, whatever is asked for.
    pub log_page_max: usize,
    /// Whether `Retry-After` says so.
    pub says_retry_after: bool,
    /// Milliseconds of the simulator's clock until a text is sent.
    pub sent_after_ms: i64,
    /// Milliseconds of the simulator's clock until a text has ended (is delivered).
    pub ends_after_ms: i64,
    /// Numbers that end otherwise: (`DeliveryFailed` or `SendingFailed`, error code); an empty code is left out.
    pub ends: BTreeMap<String, (String, String)>,
    /// Scripted faults; the first that matches answers.
    pub faults: Vec<RcFault>,
    /// Subscriptions are given up for good after the first request that fails.
    pub blacklists: bool,
    /// An address has to repeat a token before a subscription to it stands.
    pub shakes_hands: bool,
}

impl Default for RingCentralSwitches {
    fn default() -> Self {
        Self {
            client_id: "sim-app".into(),
            client_secret: "sim-app-secret".into(),
            jwt: "sim.jwt.credential".into(),
            from: "+12025550101".into(),
            token_lives_s: 3_600,
            texts_per_minute: 40,
            penalty_ms: 30_000,
            heavy_per_minute: 10,
            log_page_max: 1_000,
            says_retry_after: true,
            sent_after_ms: 500,
            ends_after_ms: 2_000,
            ends: BTreeMap::new(),
            faults: Vec::new(),
            blacklists: true,
            shakes_hands: true,
        }
    }
}
