//! What is sent by the clock as messages: to whom each briefing and each report goes, and what its mail is.
//!
//! Given: plans of the configuration, what was written. Gives: receivers as the ways out know them, and messages whose ids
//! depend on the plan and the time it was due alone. Does not: write a briefing, or know when one is due.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::TimeDelta;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{
    email,
    message::{Channel, Content, Enclosed, Message, MessageId, recipient_path},
    receiver::{EmailConfig, Receiver, WebhookConfig},
    voice::Telling,
};
use crate::{
    alerts::step::Why,
    config::{Config, MailDefaults, ReportTo},
    model::{AgencyName, Instant, Phi},
};

/// A mail with more enclosed than this is not taken by many servers.
pub const ENCLOSED_MAX: usize = 5 * 1024 * 1024;
/// After so long a briefing helps nobody.
const BRIEFING_USEFUL: TimeDelta = TimeDelta::hours(12);
/// So long a report is tried.
const REPORT_USEFUL: TimeDelta = TimeDelta::days(3);

/// The receiver of a briefing.
#[must_use]
pub fn briefing_receiver(name: &str) -> String {
    format!("briefings/{name}")
}

/// The receiver of a report.
#[must_use]
pub fn report_receiver(name: &str) -> String {
    format!("reports/{name}")
}

/// The name under which it is kept whether a report's folder can be written to.
#[must_use]
pub fn folder_way(name: &str) -> String {
    format!("folder/{name}")
}

/// Everybody who is sent something by the clock, as receivers.
#[must_use]
pub fn receivers(config: &Config) -> Vec<Receiver> {
    let Some(mail) = &config.mail else { return webhooks(config) };
    let email = |to: &[Phi<String>]| EmailConfig {
        to: to.to_vec(),
        from: mail.from.clone(),
        smarthost: mail.smarthost.clone(),
        auth: mail.auth.clone(),
        subject: None,
        text: None,
        html: None,
        send_resolved: false,
        phi: false,
    };
    let briefings = config.briefings.iter().map(|plan| Receiver {
        name: briefing_receiver(&plan.name),
        email: vec![email(&plan.to)],
        ..Receiver::default()
    });
    let reports = config.reports.iter().filter_map(|plan| match &plan.to {
        Some(ReportTo::Email(to)) => {
            Some(Receiver { name: report_receiver(&plan.name), email: vec![email(to)], ..Receiver::default() })
        }
        _ => None,
    });
    briefings.chain(reports).chain(webhooks(config)).collect()
}

fn webhooks(config: &Config) -> Vec<Receiver> {
    let reports = config.reports.iter().filter_map(|plan| match &plan.to {
        Some(ReportTo::Webhook { url, authorization }) => Some(Receiver {
            name: report_receiver(&plan.name),
            webhook: vec![WebhookConfig {
                url: url.clone(),
                authorization: authorization.clone(),
                send_resolved: false,
                max_alerts: 0,
                timeout: std::time::Duration::from_secs(30),
            }],
            ..Receiver::default()
        }),
        _ => None,
    });
    reports.collect()
}

/// What a mail says and what comes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// One line, without the title.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The HTML part; empty = none.
    pub html: String,
    /// Files and pictures.
    pub enclosed: Vec<Enclosed>,
}

/// One thing that is sent by the clock, or because somebody said so.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// Whose, for the outbox: an agency, or the installation.
    pub agency: &'a AgencyName,
    /// [`briefing_receiver`] or [`report_receiver`].
    pub receiver: &'a str,
    /// The time it was due: the id is made from it.
    pub fire_at: Instant,
    /// The present.
    pub now: Instant,
}

impl Sending<'_> {
    fn id(&self, recipient: &str) -> MessageId {
        let mut hash = Sha256::new();
        for part in ["scheduled", self.receiver, recipient, &self.fire_at.timestamp_micros().to_string()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        MessageId::from_stored(hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    fn message(&self, channel: Channel, n: usize, address: &Phi<String>, content: Content) -> Message {
        let recipient = recipient_path(channel, 0, n);
        let useful = if self.receiver.starts_with("briefings/") { BRIEFING_USEFUL } else { REPORT_USEFUL };
        Message {
            id: self.id(&recipient),
            agency: self.agency.clone(),
            receiver: self.receiver.to_owned(),
            recipient,
            channel,
            gateways: Vec::new(),
            address: address.clone(),
            content: Phi::new(content),
            why: Why::Routine,
            urgency: 3,
            created_at: self.now,
            useful_until: self.now + useful,
            fired_at: self.now,
            follows: Vec::new(),
        }
    }

    /// A mail to each of these, or to the one address that reads everything meanwhile.
    #[must_use]
    pub fn mails(&self, to: &[Phi<String>], letter: &Letter, mail: &MailDefaults, telling: &Telling) -> Vec<Message> {
        let shadow = telling.shadow.as_ref().filter(|shadow| shadow.holds(self.now));
        let one = |(n, address): (usize, &Phi<String>)| {
            let id = self.id(&recipient_path(Channel::Email, 0, n));
            let content = Content::Email {
                subject: letter.subject.clone(),
                text: letter.text.clone(),
                html: letter.html.clone(),
                in_reply_to: None,
                message_id: email::message_id(id.as_str(), &mail.from),
                from: mail.from.clone(),
                smarthost: mail.smarthost.clone(),
                enclosed: letter.enclosed.clone(),
            };
            let message = self.message(Channel::Email, n, address, content);
            match shadow {
                Some(shadow) => shadow.divert(message),
                None => message,
            }
        };
        to.iter().enumerate().map(one).collect()
    }

    /// A report as one POST: `{"report", "file", "media_type", "due_at", "body"}`.
    #[must_use]
    pub fn post(&self, url: &Phi<String>, name: &str, file: &Enclosed) -> Message {
        let bytes = BASE64_STANDARD.decode(&file.body).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        // What is JSON already stays it.
        let body = if file.media_type.starts_with("application/json") {
            serde_json::from_str(&text).unwrap_or_else(|_| json!(text))
        } else {
            json!(text)
        };
        let payload = json!({
            "report": name,
            "file": file.name,
            "media_type": file.media_type,
            "due_at": self.fire_at,
            "body": body,
        });
        self.message(Channel::Webhook, 0, url, Content::Webhook { body: payload.to_string() })
    }
}

/// A file for a mail.
#[must_use]
pub fn enclose(name: String, media_type: &str, inline: Option<&str>, bytes: &[u8]) -> Enclosed {
    Enclosed {
        name,
        media_type: media_type.to_owned(),
        inline: inline.map(ToOwned::to_owned),
        body: BASE64_STANDARD.encode(bytes),
    }
}

/// Whether a mail can carry this.
#[must_use]
pub fn fits(bytes: usize) -> bool {
    bytes <= ENCLOSED_MAX
}
