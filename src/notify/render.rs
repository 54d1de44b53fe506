//! Intents become messages: one text to one address each. Pure; the ids depend on nothing but the decision.

use std::{cell::Cell, collections::BTreeSet};

use chrono::TimeDelta;
use minijinja::{Value, context};

use super::{
    email::{self, Frame, Mail},
    message::{Channel, Content, Message, MessageId, MessageIdentity, recipient_path},
    receiver::{EmailConfig, Receiver, SmsConfig, WebhookConfig},
    template::{self, ShiftFacts, stamp},
    texts,
    voice::{Telling, Voice},
    webhook_payload,
};
use crate::{
    alerts::{
        alert::{Alert, AlertState, Facts, Labels, Told},
        fingerprint::fingerprint,
        policy::Policy,
        step::Intent,
    },
    model::{Instant, People, Phi, PhiGrant, Subject},
    rules::finding::Closing,
};

/// How long a closing, or a notice about something without an end, is worth sending.
const USEFUL_OTHERWISE: TimeDelta = TimeDelta::hours(24);

/// What a step's intents became.
#[derive(Debug, Default)]
pub struct Rendered {
    /// One text to one address each.
    pub messages: Vec<Message>,
    /// Templates that failed; the built-in text went instead.
    pub n_template_faults: u64,
}

/// The messages of these intents. A receiver that is not configured any more gets none.
#[must_use]
pub fn render(intents: &[Intent], policy: &Policy, telling: &Telling, people: &dyn People, now: Instant) -> Rendered {
    let mut messages = Vec::new();
    let faults = Cell::new(0);
    let shadow = telling.shadow.as_ref().filter(|shadow| shadow.holds(now));
    for intent in intents {
        let Some(receiver) = policy.receivers.get(&intent.group.receiver) else { continue };
        let is_real = shadow.is_none();
        Notice { intent, receiver, telling, people, is_real, now, faults: &faults }.write(&mut messages);
    }
    if let Some(shadow) = shadow {
        messages = messages.into_iter().map(|message| shadow.divert(message)).collect();
    }
    Rendered { messages, n_template_faults: faults.get() }
}

/// The severity's rank: 0 critical, 1 page, 2 warning, 3 anything else.
#[must_use]
pub fn urgency(alert: &Alert) -> u8 {
    match alert.labels.get("severity").map(String::as_str) {
        Some("critical") => 0,
        Some("page") => 1,
        Some("warning") => 2,
        _ => 3,
    }
}

/// One intent, while its messages are written.
#[derive(Clone, Copy)]
struct Notice<'a> {
    intent: &'a Intent,
    receiver: &'a Receiver,
    telling: &'a Telling,
    people: &'a dyn People,
    /// False while everything goes to the shadow's address, to which nobody granted names.
    is_real: bool,
    now: Instant,
    faults: &'a Cell<u64>,
}

/// One recipient's place and what they are told.
struct Part<'a> {
    channel: Channel,
    integration: usize,
    recipient: usize,
    address: &'a Phi<String>,
    half: &'static str,
    firing: Vec<&'a Alert>,
    over: Vec<&'a Alert>,
    gateways: Vec<String>,
}

impl<'a> Notice<'a> {
    fn write(self, messages: &mut Vec<Message>) {
        for (i, config) in self.receiver.email.iter().enumerate() {
            for (j, to) in config.to.iter().enumerate() {
                for part in self.parts(Channel::Email, (i, j), to, config.send_resolved) {
                    let content = self.email(config, &part);
                    messages.push(self.message(part, content));
                }
            }
        }
        for (i, config) in self.receiver.sms.iter().enumerate() {
            for (j, to) in config.to.iter().enumerate() {
                for mut part in self.parts(Channel::Sms, (i, j), to, config.send_resolved) {
                    part.gateways.clone_from(&config.gateways);
                    let content = self.sms(config, &part);
                    messages.push(self.message(part, content));
                }
            }
        }
        for (i, config) in self.receiver.webhook.iter().enumerate() {
            for part in self.parts(Channel::Webhook, (i, 0), &config.url, config.send_resolved) {
                let content = self.webhook(config, &part);
                messages.push(self.message(part, content));
            }
        }
    }

    /// Those of the closed alerts that this recipient was told of.
    fn over_for(&self, channel: Channel, integration: usize, recipient: usize, send_resolved: bool) -> Vec<&'a Alert> {
        let receiver = self.receiver.name.as_str();
        self.intent
            .resolved
            .iter()
            .filter(|alert| send_resolved && told(alert, receiver, channel, integration, recipient).is_some())
            .collect()
    }

    /// What one recipient is told: firing and closed in one message, as Alertmanager tells mail and webhooks, or in
    /// two, since a text has no room for both.
    fn parts(
        self,
        channel: Channel,
        to: (usize, usize),
        address: &'a Phi<String>,
        send_resolved: bool,
    ) -> Vec<Part<'a>> {
        let (integration, recipient) = to;
        let firing: Vec<&Alert> = self.intent.firing.iter().collect();
        let over = self.over_for(channel, integration, recipient, send_resolved);
        let part = |half, firing, over| Part {
            channel,
            integration,
            recipient,
            address,
            half,
            firing,
            over,
            gateways: Vec::new(),
        };
        match (firing.is_empty(), over.is_empty()) {
            (true, true) => Vec::new(),
            (true, false) => vec![part("closing", firing, over)],
            (false, false) if channel == Channel::Sms => {
                vec![part("firing", firing, Vec::new()), part("closing", Vec::new(), over)]
            }
            (false, _) => vec![part("firing", firing, over)],
        }
    }

    fn id(&self, part: &Part<'_>, flush: u64, half: &'static str) -> MessageId {
        MessageId::of(MessageIdentity {
            group: &self.intent.group,
            generation: self.intent.generation,
            flush,
            recipient: &recipient_path(part.channel, part.integration, part.recipient),
            half,
        })
    }

    fn message(&self, part: Part<'_>, content: Content) -> Message {
        let id = self.id(&part, self.intent.flush, part.half);
        let all = || part.firing.iter().chain(&part.over);
        let useful_until = if part.firing.is_empty() {
            self.now + USEFUL_OTHERWISE
        } else {
            let ends =
                part.firing.iter().map(|alert| alert.facts.window.closes_at.unwrap_or(self.now + USEFUL_OTHERWISE));
            ends.max().unwrap_or(self.now + USEFUL_OTHERWISE)
        };
        let all_expired =
            part.over.iter().all(|alert| matches!(alert.state, AlertState::Resolved { closing: Closing::Expired, .. }));
        // What ended by the clock is news even to somebody whom the first text never reached.
        let follows: BTreeSet<MessageId> = part
            .over
            .iter()
            .filter(|_| part.firing.is_empty() && !all_expired)
            .filter_map(|alert| told(alert, &self.receiver.name, part.channel, part.integration, part.recipient))
            .map(|told| told.message.clone())
            .collect();
        Message {
            id,
            agency: self.intent.group.agency.clone(),
            receiver: self.receiver.name.clone(),
            recipient: recipient_path(part.channel, part.integration, part.recipient),
            channel: part.channel,
            urgency: all().map(|alert| urgency(alert)).min().unwrap_or(3),
            fired_at: all().map(|alert| alert.fired_at().unwrap_or(alert.active_at)).min().unwrap_or(self.now),
            gateways: part.gateways,
            address: part.address.clone(),
            content: Phi::new(content),
            why: self.intent.why,
            created_at: self.now,
            useful_until,
            follows: follows.into_iter().collect(),
        }
    }

    fn voice(&self) -> &'a Voice {
        self.telling.voice(&self.intent.group.agency)
    }

    fn sms(&self, config: &SmsConfig, part: &Part<'_>) -> Content {
        let custom = config.text.as_ref().and_then(|source| self.fill(source, part, false, false));
        let text = match custom {
            Some(text) => super::gsm7::cut(text.trim(), super::gsm7::SEPTETS_MAX),
            None if part.firing.is_empty() => texts::closing(&part.over, self.telling),
            None if self.intent.summary && part.firing.len() > 1 => {
                texts::summary(&part.firing, self.telling, self.now)
            }
            None => texts::firing(&part.firing, self.telling, self.now),
        };
        Content::Sms { text }
    }

    fn email(&self, config: &EmailConfig, part: &Part<'_>) -> Content {
        let granted = config.phi && self.is_real;
        let frame = Frame {
            telling: self.telling,
            people: granted.then_some(self.people),
            receiver: &self.receiver.name,
            summary: self.intent.summary,
            now: self.now,
        };
        let Mail { subject, text, html } = email::write(&part.firing, &part.over, frame);
        let fill = |source: &Option<String>, html: bool, granted: bool| {
            let source = source.as_ref()?;
            self.fill(source, part, html, granted)
        };
        let first = self.id(part, 1, "firing");
        let own = self.id(part, self.intent.flush, part.half);
        Content::Email {
            subject: fill(&config.subject, false, false)
                .map_or(subject, |text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
            text: fill(&config.text, false, granted).unwrap_or(text),
            html: fill(&config.html, true, granted).unwrap_or(html),
            in_reply_to: (own != first).then(|| email::message_id(first.as_str(), &config.from)),
            message_id: email::message_id(own.as_str(), &config.from),
            from: config.from.clone(),
            smarthost: config.smarthost.clone(),
        }
    }

    /// A receiver's own template; `None` when it fails, which is counted: the built-in text goes instead.
    fn fill(&self, source: &str, part: &Part<'_>, html: bool, granted: bool) -> Option<String> {
        let filled = template::message(source, &self.context(part, granted), self.voice(), self.zone(part), html);
        if filled.is_none() {
            self.faults.set(self.faults.get() + 1);
        }
        filled
    }

    fn webhook(&self, config: &WebhookConfig, part: &Part<'_>) -> Content {
        let alerts: Vec<&Alert> = part.firing.iter().chain(&part.over).copied().collect();
        Content::Webhook { body: webhook_payload::payload(self.intent, &alerts, config.max_alerts, self.telling) }
    }

    fn zone(&self, part: &Part<'_>) -> chrono_tz::Tz {
        let first = part.firing.first().or_else(|| part.over.first());
        first.map_or(self.voice().zone, |alert| self.voice().zone_of(&alert.facts.location))
    }

    fn context(&self, part: &Part<'_>, granted: bool) -> Value {
        let alerts: Vec<&Alert> = part.firing.iter().chain(&part.over).copied().collect();
        let first = alerts.first();
        context! {
            status => if part.firing.is_empty() { "resolved" } else { "firing" },
            receiver => self.receiver.name.clone(),
            group_labels => template::pairs(self.intent.group.labels.clone()),
            common_labels => template::pairs(webhook_payload::common(alerts.iter().map(|alert| &alert.labels))),
            common_annotations => template::pairs(webhook_payload::common(alerts.iter().map(|alert| &alert.annotations))),
            external_url => self.telling.external_url.as_deref().unwrap_or_default(),
            alerts => alerts.iter().map(|alert| self.alert_context(alert, granted)).collect::<Vec<_>>(),
            shift => first.map(|alert| shift_facts(alert).value()),
            client => first.map(|alert| self.client_context(alert, granted)),
            caregiver => first.map(|alert| self.caregiver_context(alert, granted)),
        }
    }

    fn alert_context(&self, alert: &Alert, granted: bool) -> Value {
        let ends_at = match &alert.state {
            AlertState::Resolved { resolved_at, .. } => stamp(*resolved_at),
            _ => String::new(),
        };
        context! {
            status => if alert.is_firing() { "firing" } else { "resolved" },
            labels => template::pairs(alert.labels.clone()),
            annotations => template::pairs(alert.annotations.clone()),
            starts_at => stamp(alert.active_at),
            ends_at => ends_at,
            fingerprint => fingerprint(&alert.labels),
            shift => shift_facts(alert).value(),
            client => self.client_context(alert, granted),
            caregiver => self.caregiver_context(alert, granted),
        }
    }

    /// Every name is there; what is not known or not granted is empty, so that a template never fails for want of it.
    fn client_context(&self, alert: &Alert, granted: bool) -> Value {
        let id = alert.facts.client.as_ref();
        let grant = PhiGrant::GRANTED_MAIL;
        let person = id.and_then(|id| self.people.client(id)).filter(|_| granted).map(|client| &client.person);
        context! {
            id => id.map_or("", |id| id.as_str()),
            name => person.map_or("", |person| person.name.reveal(grant).as_str()),
            phones => person.map_or_else(Vec::new, |person| person.phones.reveal(grant).clone()),
            address => person.map_or("", |person| person.address.reveal(grant).as_str()),
            birth_date => person.and_then(|person| *person.birth_date.reveal(grant)).map_or_else(String::new, |date| date.to_string()),
        }
    }

    /// As for clients.
    fn caregiver_context(&self, alert: &Alert, granted: bool) -> Value {
        let shift = match &alert.key.subject {
            Subject::Shift(key) => self.people.shift(key),
            _ => None,
        };
        let id = shift.and_then(|shift| shift.caregiver.as_ref());
        let grant = PhiGrant::GRANTED_MAIL;
        let person = id.and_then(|id| self.people.caregiver(id)).filter(|_| granted).map(|caregiver| &caregiver.person);
        context! {
            id => id.map_or("", |id| id.as_str()),
            name => person.map_or("", |person| person.name.reveal(grant).as_str()),
            phones => person.map_or_else(Vec::new, |person| person.phones.reveal(grant).clone()),
        }
    }
}

/// What templates see as `shift`.
#[must_use]
pub fn shift_facts(alert: &Alert) -> ShiftFacts {
    facts_for_template(&alert.key.subject, &alert.labels, &alert.facts)
}

/// The same for an alert that is still being made.
#[must_use]
pub fn facts_for_template(subject: &Subject, labels: &Labels, facts: &Facts) -> ShiftFacts {
    let Subject::Shift(key) = subject else {
        return ShiftFacts { location: facts.location.clone(), ..ShiftFacts::default() };
    };
    let seconds = |at: Instant| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    ShiftFacts {
        id: labels.get("shift").cloned().unwrap_or_default(),
        reference: key.id.to_string(),
        start: facts.starts_at.map(seconds).unwrap_or_default(),
        end: facts.ends_at.map(seconds).unwrap_or_default(),
        minutes: facts.starts_at.zip(facts.ends_at).map_or(0, |(start, end)| (end - start).num_minutes()),
        location: facts.location.clone(),
    }
}

fn told<'a>(
    alert: &'a Alert,
    receiver: &str,
    channel: Channel,
    integration: usize,
    recipient: usize,
) -> Option<&'a Told> {
    alert.told.iter().find(|told| {
        told.receiver == receiver
            && told.channel == channel
            && told.integration == integration
            && told.recipient == recipient
    })
}
