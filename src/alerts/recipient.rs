//! Who a receiver tells, one by one: by their places in the configuration, never by address.

use super::{alert::Told, group::Group, group::GroupKey};
use crate::notify::{
    message::{Channel, MessageId, MessageIdentity},
    receiver::Receiver,
};

/// One address of one integration of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient {
    /// The way.
    pub channel: Channel,
    /// Which integration of that channel, from 0 in file order.
    pub integration: usize,
    /// Which address of the integration, from 0.
    pub recipient: usize,
}

/// Which half of a flush a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// What fires; for mails and webhooks also what closed meanwhile.
    Firing,
    /// What is over.
    Closing,
}

impl Recipient {
    /// `email/0/0`: what a log may call it, and its part of the message id.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}/{}/{}", self.channel, self.integration, self.recipient)
    }

    /// The id of the message that tells it about a flush of a group.
    #[must_use]
    pub fn message(self, group: &GroupKey, generation: u64, flush: u64, half: Half) -> MessageId {
        let half = match half {
            Half::Firing => "firing",
            Half::Closing => "closing",
        };
        MessageId::of(MessageIdentity { group, generation, flush, recipient: &self.name(), half })
    }

    /// Its id in the group's present flush.
    #[must_use]
    pub fn message_of(self, group: &Group, half: Half) -> MessageId {
        self.message(&group.key, group.generation, group.flush, half)
    }

    /// Whether this entry is about this recipient of `receiver`.
    #[must_use]
    pub fn is(self, receiver: &str, told: &Told) -> bool {
        told.receiver == receiver && Self::of(told) == self
    }

    /// The recipient of an entry.
    #[must_use]
    pub const fn of(told: &Told) -> Self {
        Self { channel: told.channel, integration: told.integration, recipient: told.recipient }
    }

    /// Whether this recipient still exists and wants closings.
    #[must_use]
    pub fn wants_closings(self, receiver: &Receiver) -> bool {
        let Self { integration, recipient, .. } = self;
        match self.channel {
            Channel::Email => {
                receiver.email.get(integration).is_some_and(|i| i.send_resolved && recipient < i.to.len())
            }
            Channel::Sms => receiver.sms.get(integration).is_some_and(|i| i.send_resolved && recipient < i.to.len()),
            Channel::Webhook => receiver.webhook.get(integration).is_some_and(|i| i.send_resolved && recipient == 0),
        }
    }
}

/// Every recipient of a receiver: texts first, since they wake people.
#[must_use]
pub fn recipients(receiver: &Receiver) -> Vec<Recipient> {
    let sms = receiver.sms.iter().map(|integration| (Channel::Sms, integration.to.len()));
    let email = receiver.email.iter().map(|integration| (Channel::Email, integration.to.len()));
    let webhook = receiver.webhook.iter().map(|_| (Channel::Webhook, 1));
    let numbered = sms.enumerate().chain(email.enumerate()).chain(webhook.enumerate());
    numbered
        .flat_map(|(integration, (channel, n))| {
            (0..n).map(move |recipient| Recipient { channel, integration, recipient })
        })
        .collect()
}
