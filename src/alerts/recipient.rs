//! Who a receiver tells, one by one: by their place in the configuration, and by a mark of the address that stands
//! there, so that after a change of the configuration the same person is known again. Never by the address itself.

use super::{
    alert::Told,
    group::{Group, GroupKey},
    policy::Policy,
};
use crate::notify::{
    message::{AddressMark, Channel, MessageId, MessageIdentity, recipient_path},
    receiver::Receiver,
};

/// One address of one integration of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    /// The way.
    pub channel: Channel,
    /// Which integration of that channel, from 0 in file order.
    pub integration: usize,
    /// Which address of the integration, from 0.
    pub recipient: usize,
    /// Whose address stands there.
    pub to: AddressMark,
}

/// Which half of a flush a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// What fires; for mails and webhooks also what closed meanwhile.
    Firing,
    /// What is over.
    Closing,
}

impl Half {
    /// Its part of the message id.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Closing => "closing",
        }
    }
}

impl Recipient {
    /// `email/0/0`: what a log may call it, and its part of the message id.
    #[must_use]
    pub fn name(&self) -> String {
        recipient_path(self.channel, self.integration, self.recipient)
    }

    /// The id of the message that tells it about a flush of a group.
    #[must_use]
    pub fn message(&self, group: &GroupKey, generation: u64, flush: u64, half: Half) -> MessageId {
        MessageId::of(MessageIdentity { group, generation, flush, recipient: &self.name(), half: half.as_str() })
    }

    /// Its id in the group's present flush.
    #[must_use]
    pub fn message_of(&self, group: &Group, half: Half) -> MessageId {
        self.message(&group.key, group.generation, group.flush, half)
    }

    /// The recipient of an entry, in the place where it stood when it was told.
    #[must_use]
    pub fn of(told: &Told) -> Self {
        let Told { channel, integration, recipient, .. } = *told;
        Self { channel, integration, recipient, to: told.to.clone() }
    }

    /// Whether it is the address of an entry, in whatever place.
    #[must_use]
    pub fn is_whom(&self, told: &Told) -> bool {
        self.channel == told.channel && self.to == told.to
    }
}

/// Every recipient of a receiver: texts first, since they wake people.
#[must_use]
pub fn recipients(receiver: &Receiver) -> Vec<Recipient> {
    let sms = receiver.sms.iter().map(|integration| (Channel::Sms, &integration.to[..]));
    let email = receiver.email.iter().map(|integration| (Channel::Email, &integration.to[..]));
    let webhook = receiver.webhook.iter().map(|integration| (Channel::Webhook, std::slice::from_ref(&integration.url)));
    let numbered = sms.enumerate().chain(email.enumerate()).chain(webhook.enumerate());
    numbered
        .flat_map(|(integration, (channel, to))| {
            to.iter().enumerate().map(move |(recipient, address)| Recipient {
                channel,
                integration,
                recipient,
                to: AddressMark::of(address),
            })
        })
        .collect()
}

/// Where the one who was told stands among a receiver's recipients now; `None` when that address is there no more.
///
/// An address that stands there twice is told twice, so its old place is preferred.
#[must_use]
pub fn place_of<'r>(recipients: &'r [Recipient], told: &Told) -> Option<&'r Recipient> {
    let here = |recipient: &&Recipient| recipient.is_whom(told);
    let same_place = |recipient: &&Recipient| {
        here(recipient) && recipient.integration == told.integration && recipient.recipient == told.recipient
    };
    recipients.iter().find(same_place).or_else(|| recipients.iter().find(here))
}

/// Whether the one who was told is to hear of the end: by what the configuration says of that address now, else by
/// what it said when they were told.
#[must_use]
pub fn wants_closing(policy: &Policy, told: &Told) -> bool {
    let Some(receiver) = policy.receivers.get(&told.receiver) else { return told.wants_closing };
    place_of(&recipients(receiver), told)
        .map_or(told.wants_closing, |place| sends_resolved(receiver, place.channel, place.integration))
}

/// `send_resolved` of an integration.
#[must_use]
pub fn sends_resolved(receiver: &Receiver, channel: Channel, integration: usize) -> bool {
    match channel {
        Channel::Email => receiver.email.get(integration).is_some_and(|config| config.send_resolved),
        Channel::Sms => receiver.sms.get(integration).is_some_and(|config| config.send_resolved),
        Channel::Webhook => receiver.webhook.get(integration).is_some_and(|config| config.send_resolved),
        // Receivers call nobody; people are called by their pages.
        Channel::Call | Channel::Record => false,
    }
}
