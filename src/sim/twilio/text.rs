//! A text, sent or received, and where it stands.

use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextStatus {
    /// Accepted for later.
    Scheduled,
    /// Accepted.
    Queued,
    /// With the carrier.
    Sent,
    /// On the phone.
    Delivered,
    /// The carrier gave it up.
    Undelivered,
    /// The gateway gave it up.
    Failed,
    /// Called back before it left.
    Canceled,
    /// One that came in.
    Received,
}

impl TextStatus {
    /// As Twilio writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Received => "received",
        }
    }
}

/// A text, sent or received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// `SM…`
    pub sid: String,
    /// To whom.
    pub to: String,
    /// From whom.
    pub from: String,
    /// What it says.
    pub body: String,
    /// When the gateway took it, on its clock.
    pub at: Instant,
    /// It came in, from a person's phone.
    pub inbound: bool,
    /// The seconds it is good for, when the sender said so.
    pub validity_s: Option<i64>,
    /// Where status changes are posted; empty = nowhere.
    pub status_callback: String,
    /// How it ends, and when: (status, error code).
    #[serde(skip)]
    pub(super) ends: (TextStatus, Option<u32>),
    #[serde(skip)]
    pub(crate) sent_at: Instant,
    #[serde(skip)]
    pub(crate) ended_at: Instant,
    #[serde(skip)]
    pub(super) canceled: bool,
    #[serde(skip)]
    pub(super) erased: bool,
    /// The status the last callback told, so that each is told once.
    #[serde(skip)]
    pub(super) told: Option<TextStatus>,
}

impl Text {
    /// One that was sent, to end as delivered: `(to, from, body)`, taken at `at`; when it is sent, and when it ends.
    pub(crate) fn sent(
        sid: String,
        (to, from, body): (&str, &str, &str),
        at: Instant,
        then: (Instant, Instant),
    ) -> Self {
        Self {
            sid,
            to: to.to_owned(),
            from: from.to_owned(),
            body: body.to_owned(),
            at,
            inbound: false,
            validity_s: None,
            status_callback: String::new(),
            ends: (TextStatus::Delivered, None),
            sent_at: then.0,
            ended_at: then.1,
            canceled: false,
            erased: false,
            told: None,
        }
    }

    /// One that came in: `(to, from, body)`.
    pub(crate) fn received(sid: String, words: (&str, &str, &str), at: Instant) -> Self {
        Self {
            inbound: true,
            ends: (TextStatus::Received, None),
            told: Some(TextStatus::Received),
            ..Self::sent(sid, words, at, (at, at))
        }
    }

    /// Where it stands at `now`.
    pub fn status(&self, now: Instant) -> TextStatus {
        if self.inbound {
            TextStatus::Received
        } else if self.canceled {
            TextStatus::Canceled
        } else if now >= self.ended_at {
            self.ends.0
        } else if now >= self.sent_at {
            TextStatus::Sent
        } else {
            TextStatus::Queued
        }
    }

    pub(super) fn error_code(&self, now: Instant) -> Option<u32> {
        (now >= self.ended_at && !self.canceled).then_some(self.ends.1).flatten()
    }
}

/// How many parts a text goes out in: 160 (153 each when split) of the basic alphabet, else 70 (67).
pub fn segments(body: &str) -> usize {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const DOUBLE: &str = "^{}\\[~]|€\u{c}";
    let units = body.chars().try_fold(0_usize, |sum, c| match c {
        c if BASIC.contains(c) => Some(sum + 1),
        c if DOUBLE.contains(c) => Some(sum + 2),
        _ => None,
    });
    match units {
        Some(units) if units <= 160 => 1,
        Some(units) => units.div_ceil(153),
        None => {
            let units = body.encode_utf16().count();
            if units <= 70 { 1 } else { units.div_ceil(67) }
        }
    }
}
