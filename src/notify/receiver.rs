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
#[derive(Clone)]
pub enum SmsGatewayKind {
    /// Twilio's Messages API.
    Twilio {
        /// Host root, no trailing slash.
        base_url: String,
        /// `AC…`
        account_sid: String,
        /// Basic auth password.
        auth_token: SecretString,
        /// The number texts come from, E.164, or `None` when a messaging service is used.
        from: Option<String>,
        /// `MG…`
        messaging_service_sid: Option<String>,
    },
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
impl fmt::Debug for SmsGatewayKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Twilio { base_url, .. } = self;
        f.debug_struct("Twilio").field("base_url", base_url).finish_non_exhaustive()
    }
}
