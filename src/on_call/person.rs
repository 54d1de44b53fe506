//! People and the ways to reach them.

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::model::{AddressMark, Instant, PersonName, Phi, local_time};

/// A way to reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// A text.
    Sms,
    /// A voice call.
    Call,
    /// A mail.
    Email,
}

impl Via {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Sms, Self::Call, Self::Email];

    /// As the configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Call => "call",
            Self::Email => "email",
        }
    }
}

/// One address of a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Contact {
    /// By which way.
    pub via: Via,
    /// E.164 for texts and calls, a mail address otherwise.
    pub address: Phi<String>,
    /// The address known again.
    pub mark: AddressMark,
}

/// Somebody who can be told, with their addresses in the order they are to be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Their name in the configuration.
    pub name: PersonName,
    /// Their addresses, the preferred first.
    pub contacts: Vec<Contact>,
    /// When what is not urgent is held back.
    pub quiet_hours: Option<QuietHours>,
    /// What calendars call them besides: names as people write them, so never shown or logged.
    pub also_known_as: Vec<Phi<String>>,
}

impl Contact {
    /// An address with its mark.
    #[must_use]
    pub fn new(via: Via, address: Phi<String>) -> Self {
        Self { via, mark: AddressMark::of(&address), address }
    }
}

impl Person {
    /// Whether they can be woken: by a text or a call.
    #[must_use]
    pub fn has_phone(&self) -> bool {
        self.contacts.iter().any(|contact| contact.via != Via::Email)
    }

    /// The first address of that kind.
    #[must_use]
    pub fn contact(&self, via: Via) -> Option<&Contact> {
        self.contacts.iter().find(|contact| contact.via == via)
    }
}

/// Hours of the day, in one zone, in which a person hears of nothing but pages. May run over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    /// When they begin, local.
    pub from: NaiveTime,
    /// When they end, local; equal to `from`: the whole day.
    pub to: NaiveTime,
    /// The zone.
    pub zone: Tz,
}

impl QuietHours {
    /// When the quiet that holds at `at` ends; `None` when it is not quiet then.
    #[must_use]
    pub fn until(&self, at: Instant) -> Option<Instant> {
        let local = at.with_timezone(&self.zone).naive_local();
        let over_midnight = self.to <= self.from;
        let time = local.time();
        let (quiet, ends_today) = if over_midnight {
            (time >= self.from || time < self.to, time < self.to)
        } else {
            (time >= self.from && time < self.to, true)
        };
        if !quiet {
            return None;
        }
        let day = if ends_today { local.date() } else { local.date() + TimeDelta::days(1) };
        Some(local_time::instant_of(self.zone, day.and_time(self.to)))
    }
}
