//! The names of ways out and of whom they lead to: where a message is kept, and what is known of it.

use sha2::{Digest as _, Sha256};

use crate::{
    alerts::notice::{PEOPLE, REMINDERS},
    model::{Phi, PhiGrant},
    notify::{
        message::{Channel, Content, Message, SmtpTarget},
        record_note::RECORD,
    },
};

/// What a message had to share with others when it was decided: a server, an order of gateways, a receiver's URL. No
/// PHI: a URL is hashed.
#[must_use]
pub fn lane_of(message: &Message) -> String {
    match (message.channel, message.content.reveal(PhiGrant::SEND)) {
        (Channel::Email, Content::Email { smarthost, .. }) => mail_lane(smarthost),
        (Channel::Record, _) => format!("record/{}", message.agency),
        (Channel::Sms | Channel::Call, _) => format!("{}/{}", message.channel, message.gateways.join(">")),
        _ => webhook_lane(&message.address),
    }
}

/// A mail server's lane, which is also its way's name.
#[must_use]
pub fn mail_lane(target: &SmtpTarget) -> String {
    format!("email/{}:{}", target.host, target.port)
}

/// A URL's lane, which is also its way's name.
#[must_use]
pub fn webhook_lane(url: &Phi<String>) -> String {
    let digest = Sha256::digest(url.reveal(PhiGrant::SEND).as_bytes());
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("webhook/{short}")
}

/// The name under which it is kept whether texts (or calls) that a gateway took arrive.
#[must_use]
pub fn delivery_way(channel: Channel, gateway: &str) -> String {
    format!("{channel}/{gateway}/delivery")
}

/// The name under which it is kept whether somebody can be reached: a receiver's name and `email/0/1`; for a person,
/// `people` and `night-1/sms`.
#[must_use]
pub fn recipient_way(receiver: &str, recipient: &str) -> String {
    format!("to/{receiver}/{recipient}")
}

/// The same of a message.
#[must_use]
pub fn way_to(message: &Message) -> String {
    way_of(&message.receiver, &message.recipient, message.channel)
}

pub(super) fn way_of(receiver: &str, recipient: &str, channel: Channel) -> String {
    if receiver == RECORD || receiver == REMINDERS {
        // Neither is anybody whom alerts have to reach.
        String::new()
    } else if receiver == PEOPLE {
        recipient_way(PEOPLE, &format!("{recipient}/{channel}"))
    } else {
        recipient_way(receiver, recipient)
    }
}
