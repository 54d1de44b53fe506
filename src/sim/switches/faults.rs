//! Switches about what fails: latency, tokens, throttling, scripted faults, webhooks.

use serde::{Deserialize, Serialize};

use super::shapes::{ExpiredAnswer, TokenAnswer, TokenBody};

/// How long an answer takes, and whether it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// At once.
    #[default]
    None,
    /// After so many milliseconds.
    FixedMs(u64),
    /// After between so many milliseconds and so many.
    RandomMs(u64, u64),
    /// Never: the connection stays open without a byte.
    Hang,
    /// The body comes in pieces of 16 bytes, so many milliseconds apart.
    DripMs(u64),
    /// The JSON breaks off in the middle, in a well-formed HTTP answer.
    Truncated,
    /// The connection is cut in the middle of the body.
    CutMidway,
    /// The connection is cut before a byte is answered.
    Cut,
}

/// Tokens: how long they live and how they are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// What the token endpoint answers.
    pub token: TokenAnswer,
    /// Which bodies it reads.
    pub body: TokenBody,
    /// How long a token lives, real seconds.
    pub lives_s: u64,
    /// What `expires_in` says, when it is not the truth.
    pub says_lives_s: Option<u64>,
    /// `expires_in` as a number; as text when false.
    pub expires_in_number: bool,
    /// What an expired or revoked token is answered with.
    pub expired: ExpiredAnswer,
    /// Every token is refused while this is on.
    pub revoked: bool,
    /// A new token ends the life of the one before.
    pub new_kills_old: bool,
    /// `client_id` that is right; empty = any.
    pub client_id: String,
    /// `client_secret` that is right; empty = any.
    pub client_secret: String,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            token: TokenAnswer::Ok,
            body: TokenBody::Both,
            lives_s: 3599,
            says_lives_s: None,
            expires_in_number: false,
            expired: ExpiredAnswer::Unauthorized,
            revoked: false,
            new_kills_old: false,
            client_id: String::new(),
            client_secret: String::new(),
        }
    }
}

/// What a 429 carries in `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// No such header.
    #[default]
    Absent,
    /// So many seconds; everything before is refused as well.
    Seconds(u64),
    /// An HTTP date so many seconds ahead; everything before is refused as well.
    Date(u64),
}

/// A limit on requests, in real time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Throttle {
    /// Requests in any one second, tokens not counted; those above are answered 429.
    pub per_second: u32,
    /// What the 429 carries.
    pub retry_after: RetryAfter,
    /// A request inside the penalty starts it again.
    pub restarts: bool,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { per_second: 10, retry_after: RetryAfter::Absent, restarts: false }
    }
}

/// What a [`Fault`] answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultAnswer {
    /// 403, the gateway's "no such route" body.
    Route403,
    /// 403, `Access denied. Invalid agencyId.`
    Agency403,
    /// 401, an expired token.
    Expired401,
    /// A status with a JSON error body.
    Status(u16),
    /// A status with an HTML body; 200 is possible too.
    Html(u16),
    /// 429 with this `Retry-After`.
    Throttled(RetryAfter),
    /// 200 and a bundle without rows.
    Empty,
    /// 200 and JSON that is no bundle.
    NotABundle,
    /// What would have been answered, so.
    Wire(Latency),
}

/// A scripted fault: which requests, how often, what instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests: `METHOD /path`, `/path` (both match what begins so; one `*` in a path after a method stands for anything), an endpoint's name, or `*`.
    #[serde(default = "anything")]
    pub on: String,
    /// Only those that name this client or caregiver in a filter or path; empty = all.
    #[serde(default)]
    pub about: String,
    /// Only pages after the first.
    #[serde(default)]
    pub later_pages: bool,
    /// How often; absent = until the switch changes.
    #[serde(default)]
    pub times: Option<u32>,
    /// Lets so many matching requests through first.
    #[serde(default)]
    pub after: u32,
    /// What instead.
    pub answer: FaultAnswer,
}

fn anything() -> String {
    "*".into()
}

impl Fault {
    /// Every request that matches `on`.
    pub fn new(on: &str, answer: FaultAnswer) -> Self {
        Self { on: on.to_owned(), about: String::new(), later_pages: false, times: None, after: 0, answer }
    }

    /// The first `times` of them only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Only those that name this client or caregiver.
    #[must_use]
    pub fn about(mut self, id: &str) -> Self {
        id.clone_into(&mut self.about);
        self
    }
}

choice! {
    /// How webhooks go wrong.
    WebhookManner {
        /// They don't: each is sent once, in order.
        Send = "send",
        /// Each is sent twice.
        Duplicate = "duplicate",
        /// Two by two in the wrong order.
        Reorder = "reorder",
        /// None is sent.
        Drop = "drop",
        /// The secret header is wrong.
        WrongSecret = "wrong-secret",
    }
}

/// Where webhooks go. (A subscription made over the API sends to its own endpoint in the same manner.)
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The address; empty = nowhere.
    pub url: String,
    /// A header line sent along, `Authorization: Bearer example`.
    pub header: String,
    /// How they go wrong.
    pub manner: WebhookManner,
    /// Only these criteria; empty = all.
    pub criteria: Vec<String>,
}
