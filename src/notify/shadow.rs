//! `telling.shadow_until`: until a day, every text and mail goes as one mail to one address instead.

use super::message::{Channel, Content, Message, SmtpTarget};
use crate::model::{Instant, Phi, PhiGrant};

/// Where everything goes, and until when.
#[derive(Debug, Clone)]
pub struct Shadow {
    /// From this instant on, telling is real.
    pub until: Instant,
    /// The one address.
    pub to: Phi<String>,
    /// Sender.
    pub from: String,
    /// Server.
    pub smarthost: SmtpTarget,
}

impl Shadow {
    /// True while it holds.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        now < self.until
    }

    /// The message as the one address gets it. Webhooks go where they went: a program is not woken at night.
    #[must_use]
    pub fn divert(&self, message: Message) -> Message {
        let (verb, subject, text) = match message.content.reveal(PhiGrant::SEND) {
            Content::Webhook { .. } => return message,
            Content::Sms { text } => ("texted", text.clone(), text.clone()),
            Content::Email { subject, text, .. } => ("mailed", subject.clone(), text.clone()),
        };
        let banner =
            format!("SHADOW: would have {verb} {} ({}). Nobody else was told.", message.recipient, message.receiver);
        let body = format!("{banner}\n\n{text}\n");
        let html = format!("<p><strong>{}</strong></p><pre>{}</pre>", escape(&banner), escape(&text));
        Message {
            channel: Channel::Email,
            gateways: Vec::new(),
            address: self.to.clone(),
            content: Phi::new(Content::Email {
                subject: format!("[shadow] {subject}"),
                text: body,
                html,
                in_reply_to: None,
                message_id: super::email::message_id(message.id.as_str()),
                from: self.from.clone(),
                smarthost: self.smarthost.clone(),
            }),
            ..message
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
