//! Receivers: who is told by which way, as the configuration names them.

use std::{collections::BTreeMap, fmt, time::Duration};

use secrecy::SecretString;

use super::message::SmtpTarget;
use crate::model::Phi;

/// A named receiver with its integrations in file order. All lists empty = nobody, on purpose.
#[derive(Debug, Clone, Default)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// `email_configs`.
    pub email: Vec<EmailConfig>,
    /// `sms_configs`.
    pub sms: Vec<SmsConfig>,
    /// `webhook_configs`.
    pub webhook: Vec<WebhookConfig>,
    /// `page_configs`.
    pub page: Vec<PageConfig>,
}

impl Receiver {
    /// True when it tells nobody.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.email.iter().all(|config| config.to.is_empty())
            && self.sms.iter().all(|config| config.to.is_empty())
            && self.webhook.is_empty()
            && self.page.is_empty()
    }
}

/// One entry of `email_configs`, with `global` already filled in.
#[derive(Clone)]
pub struct EmailConfig {
    /// Recipients (Alertmanager's comma list, split).
    pub to: Vec<Phi<String>>,
    /// Sender.
    pub from: String,
    /// Server.
    pub smarthost: SmtpTarget,
    /// Login, when the server wants one.
    pub auth: Option<SmtpAuth>,
    /// Template of the subject (`headers.Subject`), else the built-in.
    pub subject: Option<String>,
    /// Template of the plain part, else the built-in.
    pub text: Option<String>,
    /// Template of the HTML part, else the built-in.
    pub html: Option<String>,
    /// Whether closings are sent.
    pub send_resolved: bool,
    /// Whether the templates may show names, phones and addresses (`phi: true`; default false).
    pub phi: bool,
}

/// An SMTP login.
#[derive(Clone)]
pub struct SmtpAuth {
    /// User.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// One entry of `sms_configs`.
#[derive(Debug, Clone)]
pub struct SmsConfig {
    /// E.164 numbers.
    pub to: Vec<Phi<String>>,
    /// Gateway names in the order to try.
    pub gateways: Vec<String>,
    /// Template of the text, else the built-in.
    pub text: Option<String>,
    /// Whether closings are sent.
    pub send_resolved: bool,
}

/// One entry of `webhook_configs`.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// Where to.
    pub url: Phi<String>,
    /// `http_config.authorization` credentials or basic auth, ready as a header value.
    pub authorization: Option<SecretString>,
    /// Whether closings are sent.
    pub send_resolved: bool,
    /// At most so many alerts in one payload; 0 = all.
    pub max_alerts: u64,
    /// Time limit of one attempt.
    pub timeout: Duration,
}

/// One entry of `page_configs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageConfig {
    /// The escalation policy; `by_location.default` where policies go by location.
    pub policy: String,
    /// By the `location` label.
    pub by_location: BTreeMap<String, String>,
    /// Template of the text, else the built-in.
    pub text: Option<String>,
}

/// How people are mailed: `global`'s server and sender.
#[derive(Clone)]
pub struct PersonalMail {
    /// Sender.
    pub from: String,
    /// Server.
    pub smarthost: SmtpTarget,
    /// Login, when the server wants one.
    pub auth: Option<SmtpAuth>,
}

/// Without the sender's address.
impl fmt::Debug for PersonalMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonalMail").field("smarthost", &self.smarthost).finish_non_exhaustive()
    }
}

/// One SMS gateway.
#[derive(Debug, Clone)]
pub struct SmsGateway {
    /// Its name.
    pub name: String,
    /// Its kind and settings.
    pub kind: SmsGatewayKind,
}

/// The gateways we speak.
#[derive(Debug, Clone)]
pub enum SmsGatewayKind {
    /// Twilio: texts and calls.
    Twilio(TwilioAccount),
    /// RingCentral: texts of one user extension.
    RingCentral(RingCentralExtension),
    /// Any provider with an HTTP call for a text.
    Http(HttpGateway),
}

impl SmsGatewayKind {
    /// Where it is; a root, or a whole URL.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Twilio(account) => &account.base_url,
            Self::RingCentral(extension) => &extension.base_url,
            Self::Http(gateway) => &gateway.url,
        }
    }
}

impl SmsGateway {
    /// Whether it can call a telephone and speak: Twilio with a number of its own.
    #[must_use]
    pub const fn can_call(&self) -> bool {
        matches!(&self.kind, SmsGatewayKind::Twilio(account) if account.from.is_some())
    }

    /// Whether texts that people send to it can be heard.
    #[must_use]
    pub const fn can_hear(&self) -> bool {
        !matches!(&self.kind, SmsGatewayKind::Http(_))
    }
}

/// A Twilio account and whom its texts are from.
#[derive(Clone)]
pub struct TwilioAccount {
    /// Host root, no trailing slash.
    pub base_url: String,
    /// `AC…`
    pub account_sid: String,
    /// Basic auth password, and what signs the gateway's own requests.
    pub auth_token: SecretString,
    /// Tokens that still sign requests while the new one comes into force.
    pub previous_auth_tokens: Vec<SecretString>,
    /// The number that texts and calls come from, E.164. With a messaging service it is for calls only.
    pub from: Option<String>,
    /// `MG…`
    pub messaging_service_sid: Option<String>,
}

impl TwilioAccount {
    /// The one number that people's answers come to; `None` with a messaging service, whose texts go from any number of its
    /// pool.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        self.from.as_deref().filter(|_| self.messaging_service_sid.is_none())
    }
}

/// A RingCentral user extension and its number.
#[derive(Clone)]
pub struct RingCentralExtension {
    /// Host root, no trailing slash.
    pub base_url: String,
    /// The app's.
    pub client_id: String,
    /// The app's.
    pub client_secret: SecretString,
    /// The JWT credential; it acts as one user extension.
    pub jwt: SecretString,
    /// The extension's number that texts come from, E.164.
    pub from: String,
}

/// A provider that takes a text in one HTTP request.
#[derive(Clone)]
pub struct HttpGateway {
    /// Where to; a template that may hold `to`, `text` and `id`.
    pub url: String,
    /// `POST`, `PUT` or `GET`.
    pub method: String,
    /// Headers besides.
    pub headers: Vec<(String, SecretString)>,
    /// `Authorization`, ready as a header value.
    pub authorization: Option<SecretString>,
    /// What is sent.
    pub body: HttpBody,
    /// The statuses that mean it was taken; empty = any 2xx.
    pub ok: Vec<u16>,
    /// Where its id stands in the answer, a JSON pointer.
    pub id: Option<String>,
    /// How it is asked what became of a text.
    pub status: Option<HttpStatus>,
}

/// What an [`HttpGateway`] is sent. Every text in it is a template over `to`, `text` and `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpBody {
    /// JSON; each text in it is filled in, then written as JSON.
    Json(serde_json::Value),
    /// A form; of a `GET`, the query.
    Form(Vec<(String, String)>),
}

/// How an [`HttpGateway`] is asked what became of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpStatus {
    /// Where; a template that may hold `id`, the provider's.
    pub url: String,
    /// Where the state stands in the answer, a JSON pointer.
    pub state: String,
    /// The states that mean it arrived.
    pub delivered: Vec<String>,
    /// The states that mean it did not and never will.
    pub undelivered: Vec<String>,
}

/// Without the sender's address.
impl fmt::Debug for EmailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailConfig")
            .field("to", &self.to)
            .field("smarthost", &self.smarthost)
            .field("auth", &self.auth)
            .field("subject", &self.subject)
            .field("text", &self.text)
            .field("html", &self.html)
            .field("send_resolved", &self.send_resolved)
            .field("phi", &self.phi)
            .finish_non_exhaustive()
    }
}

/// Without the login's name, which is often an address.
impl fmt::Debug for SmtpAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpAuth")
    }
}

/// Without the number.
impl fmt::Debug for TwilioAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioAccount").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Without the number.
impl fmt::Debug for RingCentralExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RingCentralExtension").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Without the URL, which may hold a key.
impl fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpGateway").field("method", &self.method).field("ok", &self.ok).finish_non_exhaustive()
    }
}
