//! People who were told under an earlier configuration that has lost their address since: how they hear of the end.
//!
//! Given: who was told, the receivers as they are now, the addresses that stored messages went to.
//! Gives: an address and the settings to reach it with, or nothing when no way of that kind is left.
//! Does not: show an address, or use a receiver's own templates for somebody who is not in it any more.

use std::collections::{BTreeMap, HashMap};

use super::{
    message::{AddressMark, Channel},
    receiver::{EmailConfig, Receiver, SmsConfig, WebhookConfig},
};
use crate::{
    alerts::{alert::Told, policy::Policy},
    model::Phi,
};

/// The addresses that messages went to, by their marks.
#[derive(Debug, Clone, Default)]
pub struct Addresses(HashMap<AddressMark, Phi<String>>);

impl FromIterator<Phi<String>> for Addresses {
    fn from_iter<I: IntoIterator<Item = Phi<String>>>(addresses: I) -> Self {
        Self(addresses.into_iter().map(|address| (AddressMark::of(&address), address)).collect())
    }
}

impl Addresses {
    /// The address with this mark, if a message went to it.
    #[must_use]
    pub fn get(&self, mark: &AddressMark) -> Option<&Phi<String>> {
        self.0.get(mark)
    }
}

/// How somebody is reached: whose settings, and the settings, with the one address in them.
#[derive(Debug)]
pub struct Reach {
    /// The receiver whose settings they are; a login is looked up by it.
    pub receiver: String,
    /// The way, with its settings.
    pub by: By,
}

/// A way with its settings, for one address.
#[derive(Debug)]
pub enum By {
    /// By mail.
    Email(EmailConfig),
    /// By text.
    Sms(SmsConfig),
    /// By webhook.
    Webhook(WebhookConfig),
}

/// How the one who was told is reached now that their receiver has lost their address.
///
/// A receiver that has the address under another name comes first, with everything it says. Else the address is the
/// one the message went to, and the settings are those of the receiver they were told by, or of the first by name that
/// has such a way.
#[must_use]
pub fn reach(told: &Told, policy: &Policy, addresses: &Addresses) -> Option<Reach> {
    let receivers = &policy.receivers;
    let by_name: BTreeMap<&String, &Receiver> = receivers.iter().collect();
    let candidates = || receivers.get(&told.receiver).into_iter().chain(by_name.values().copied());
    if let Some(found) = candidates().find_map(|receiver| by_mark(receiver, told)) {
        return Some(found);
    }
    let address = addresses.0.get(&told.to)?;
    candidates().find_map(|receiver| by_settings(receiver, told.channel, address)).or_else(|| bare(told, address))
}

/// With the receiver's own entry for this very address.
fn by_mark(receiver: &Receiver, told: &Told) -> Option<Reach> {
    let same = |address: &&Phi<String>| AddressMark::of(address) == told.to;
    let by = match told.channel {
        Channel::Email => receiver.email.iter().find_map(|config| {
            let to = vec![config.to.iter().find(same)?.clone()];
            Some(By::Email(EmailConfig { to, ..config.clone() }))
        }),
        Channel::Sms => receiver.sms.iter().find_map(|config| {
            let to = vec![config.to.iter().find(same)?.clone()];
            Some(By::Sms(SmsConfig { to, ..config.clone() }))
        }),
        Channel::Webhook => receiver.webhook.iter().find(|config| same(&&config.url)).cloned().map(By::Webhook),
        Channel::Call | Channel::Record => None,
    };
    by.map(|by| Reach { receiver: receiver.name.clone(), by })
}

/// With another's settings: the built-in text, and no grant to see who the people are.
fn by_settings(receiver: &Receiver, channel: Channel, address: &Phi<String>) -> Option<Reach> {
    let to = vec![address.clone()];
    let by = match channel {
        Channel::Email => receiver.email.first().map(|config| {
            By::Email(EmailConfig { to, subject: None, text: None, html: None, phi: false, ..config.clone() })
        }),
        Channel::Sms => receiver.sms.first().map(|config| By::Sms(SmsConfig { to, text: None, ..config.clone() })),
        Channel::Webhook | Channel::Call | Channel::Record => None,
    };
    by.map(|by| Reach { receiver: receiver.name.clone(), by })
}

/// A webhook needs nothing but its URL.
fn bare(told: &Told, address: &Phi<String>) -> Option<Reach> {
    (told.channel == Channel::Webhook).then(|| Reach {
        receiver: told.receiver.clone(),
        by: By::Webhook(WebhookConfig {
            url: address.clone(),
            authorization: None,
            send_resolved: true,
            max_alerts: 0,
            timeout: std::time::Duration::ZERO,
        }),
    })
}
