//! One text to one address: what the step's intents become, what the outbox keeps, what a channel sends.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    alerts::{group::GroupKey, step::Why},
    model::{AgencyName, Instant, Phi},
};

use super::record_note::RecordNote;
pub use crate::model::AddressMark;

/// A way out; the `channel` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// SMTP.
    Email,
    /// An SMS gateway.
    Sms,
    /// HTTP POST.
    Webhook,
    /// A voice call.
    Call,
    /// A note on the client's record at the vendor.
    Record,
}

/// A message's identity: the same decision made twice gives the same id, so it is stored and sent once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(String);

/// What goes into a message id.
#[derive(Debug, Clone, Copy)]
pub struct MessageIdentity<'a> {
    /// The group, with agency and receiver.
    pub group: &'a GroupKey,
    /// The group's generation.
    pub generation: u64,
    /// The group's flush.
    pub flush: u64,
    /// The integration and recipient within the receiver, as `email/0/0`; `email/<mark>` for an address that the
    /// receiver has no more.
    pub recipient: &'a str,
    /// `firing` or `closing`: one flush may tell both.
    pub half: &'static str,
}

/// One text to one address.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Identity.
    pub id: MessageId,
    /// Whose alerts it is about.
    pub agency: AgencyName,
    /// The receiver's name.
    pub receiver: String,
    /// What a log may call the recipient: a person's name in the configuration, or `email/0/0`. Never an address.
    pub recipient: String,
    /// By which way.
    pub channel: Channel,
    /// Gateway names in the order to try; empty for mail and webhooks.
    pub gateways: Vec<String>,
    /// Where to: a mail address, an E.164 number, a URL.
    pub address: Phi<String>,
    /// What it says.
    pub content: Phi<Content>,
    /// Why it was decided.
    pub why: Why,
    /// 0 = critical, 1 = page, 2 = warning, 3 = info or none: the outbox sends low numbers first.
    pub urgency: u8,
    /// When it was decided.
    pub created_at: Instant,
    /// After this it helps nobody and is not sent.
    pub useful_until: Instant,
    /// The earliest moment anything it tells about was true: the start of the `deliver` latency.
    pub fired_at: Instant,
    /// The firing messages a closing answers: it goes once one of them went, and is dropped when none ever left.
    /// Empty: it waits for nothing.
    pub follows: Vec<MessageId>,
}

/// A message speaks of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// Which message.
    pub message: MessageId,
    /// The alert's fingerprint.
    pub fingerprint: String,
    /// Which of its lives: its `active_at`.
    pub active_at: Instant,
    /// Whether the message says that it fires; else that it is over.
    pub fires: bool,
}

/// What a channel puts on its wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// A text message, GSM-7, counted.
    Sms {
        /// The whole text.
        text: String,
    },
    /// A mail.
    Email {
        /// No PHI, whatever was granted.
        subject: String,
        /// The plain part.
        text: String,
        /// The HTML part.
        html: String,
        /// The `Message-ID` of the first mail that told this recipient of what this one is about, if there was one.
        in_reply_to: Option<String>,
        /// This mail's own `Message-ID`, derived from the message id: a repeat after an uncertain send carries the
        /// same one.
        message_id: String,
        /// From the receiver or `global`.
        from: String,
        /// The SMTP settings to use, by their place: the receiver's own or `global`.
        smarthost: SmtpTarget,
        /// What comes with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        enclosed: Vec<Enclosed>,
    },
    /// Alertmanager's webhook payload, version 4.
    Webhook {
        /// The JSON body.
        body: String,
    },
    /// A voice call: public words. The gateway says them twice.
    Call {
        /// What is said, once.
        text: String,
        /// The page's code, when a key press may take it.
        code: Option<String>,
    },
    /// A note on a record.
    Record(RecordNote),
}

/// A file that comes with a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosed {
    /// Its file name; no name of a person.
    pub name: String,
    /// `text/csv; charset=utf-8`.
    pub media_type: String,
    /// What the HTML part calls it, as `cid:trend`; `None` = an attachment.
    pub inline: Option<String>,
    /// Its bytes, base64.
    pub body: String,
}

/// Why an address takes nothing, until it does again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadAddress {
    /// Whoever has it asked not to be sent any (STOP).
    OptedOut,
    /// It is no telephone that takes texts: a landline, not in use, not a number.
    Unusable,
}

impl BadAddress {
    /// The stored word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OptedOut => "opted_out",
            Self::Unusable => "unusable",
        }
    }
}

/// Which SMTP server a mail goes through. Credentials are looked up in the configuration at sending.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SmtpTarget {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// False only for loopback.
    pub require_tls: bool,
    /// HELO name; `None` = the machine's.
    pub hello: Option<String>,
}

/// A recipient's place within its receiver: `email/0/1` is the second address of the first `email_configs` entry.
#[must_use]
pub fn recipient_path(channel: Channel, integration: usize, recipient: usize) -> String {
    format!("{channel}/{integration}/{recipient}")
}

impl MessageId {
    /// The id of the message these particulars make.
    #[must_use]
    pub fn of(identity: MessageIdentity<'_>) -> Self {
        let mut hash = Sha256::new();
        let group = identity.group;
        for part in [group.agency.as_str(), &group.route, &group.receiver, identity.recipient, identity.half] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        for (name, value) in &group.labels {
            for part in [name, value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.update(identity.generation.to_be_bytes());
        hash.update(identity.flush.to_be_bytes());
        let digest = hash.finalize();
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The id of a notice to a person: the `n`th of its topic in this agency, by this way to this address.
    #[must_use]
    pub fn of_notice(agency: &AgencyName, topic: &str, n: u64, channel: Channel, to: &AddressMark) -> Self {
        let mut hash = Sha256::new();
        for part in ["notice", agency.as_str(), topic, channel.as_str(), to.as_str()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(n.to_be_bytes());
        let digest = hash.finalize();
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The id of a note on a record: one for each key of an agency.
    #[must_use]
    pub fn of_note(agency: &AgencyName, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in ["record", agency.as_str(), key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        Self(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// From stored text.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// 32 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Channel {
    /// Every way out.
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Webhook, Self::Call, Self::Record];

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Webhook => "webhook",
            Self::Call => "call",
            Self::Record => "record",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
