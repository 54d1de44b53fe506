//! Intents become messages: one text to one address each. Pure; the ids depend on nothing but the decision.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use chrono::TimeDelta;
use minijinja::{Value, context};

use super::{
    cover_list::Covers,
    email::{self, Frame, Mail},
    former::{self, Addresses, By, Reach},
    message::{AddressMark, Channel, Content, Mention, Message, MessageId, MessageIdentity},
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
        recipient::{Half, Recipient, place_of, recipients, sends_resolved},
        step::Intent,
    },
    model::{Instant, People, Phi, PhiGrant, Subject},
    rules::finding::Closing,
};

/// How long a closing, or a notice about something without an end, is worth sending.
const USEFUL_OTHERWISE: TimeDelta = TimeDelta::hours(24);

/// Of a message about more alerts, only the most urgent are kept as mentioned: a repeat of thousands would write thousands
/// of rows each time.
pub(super) const MENTIONS_MAX: usize = 500;

/// What a step's intents became.
#[derive(Debug, Default)]
pub struct Rendered {
    /// One text to one address each.
    pub messages: Vec<Message>,
    /// Which of them speak of which alerts, at most 500 of each half for one message, the most urgent.
    pub mentions: Vec<Mention>,
    /// Templates that failed; the built-in text went instead.
    pub n_template_faults: u64,
    /// People who were told that something fires and cannot be told that it is over: their address left the
    /// configuration, and so did every way to reach it.
    pub n_out_of_reach: u64,
}

/// Everything that messages are made from besides the intents.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The receivers as they are now.
    pub policy: &'a Policy,
    /// The addresses of those who were told under an earlier configuration.
    pub former: &'a Addresses,
    /// Titles, zones, links, shadow.
    pub telling: &'a Telling,
    /// Who the people are.
    pub people: &'a dyn People,
    /// Who could take a shift.
    pub covers: &'a dyn Covers,
    /// The instant of the decision.
    pub now: Instant,
}

/// The messages of these intents. A receiver that is not configured any more gets none but closings for those whom it
/// told.
#[must_use]
pub fn render(intents: &[Intent], given: Given<'_>) -> Rendered {
    let mut messages = Vec::new();
    let faults = Cell::new(0);
    let mentions = RefCell::new(Vec::new());
    let mut n_out_of_reach = 0;
    let shadow = given.telling.shadow.as_ref().filter(|shadow| shadow.holds(given.now));
    let is_real = shadow.is_none();
    for intent in intents {
        let receiver = given.policy.receivers.get(&intent.group.receiver);
        let recipients = receiver.map(recipients).unwrap_or_default();
        let notice = Notice { intent, recipients: &recipients, given, is_real, faults: &faults, mentions: &mentions };
        if let Some(receiver) = receiver {
            notice.write(receiver, &mut messages);
        }
        n_out_of_reach += notice.write_to_former(&mut messages);
    }
    if let Some(shadow) = shadow {
        messages = messages.into_iter().map(|message| shadow.divert(message)).collect();
    }
    let mentions = mentions.into_inner();
    Rendered { messages, mentions, n_template_faults: faults.get(), n_out_of_reach }
}

impl Rendered {
    /// Takes in what else was rendered.
    pub fn absorb(&mut self, other: Self) {
        self.messages.extend(other.messages);
        self.mentions.extend(other.mentions);
        self.n_template_faults += other.n_template_faults;
        self.n_out_of_reach += other.n_out_of_reach;
    }
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
    /// Whom its receiver tells now.
    recipients: &'a [Recipient],
    given: Given<'a>,
    /// False while everything goes to the shadow's address, to which nobody granted names.
    is_real: bool,
    faults: &'a Cell<u64>,
    mentions: &'a RefCell<Vec<Mention>>,
}

/// One recipient and what they are told.
#[derive(Clone)]
struct Part<'a> {
    channel: Channel,
    /// `email/0/1`; `email/<mark>` in the id and `email/former` elsewhere for an address that left the configuration.
    path: String,
    name: String,
    /// The receiver whose settings are used.
    receiver: String,
    address: Phi<String>,
    half: Half,
    firing: Vec<&'a Alert>,
    over: Vec<&'a Alert>,
    /// What they were told of before and goes on firing, beside a closing; for templates and payloads, which show the
    /// group. Not for texts, nor the built-in mail: they are about what is over.
    still: Vec<&'a Alert>,
    /// What this recipient was told before of these alerts, or is told now for the first time; the alert that fired
    /// first comes first.
    told: Vec<&'a Told>,
    gateways: Vec<String>,
}

impl<'a> Part<'a> {
    /// Everything that a template or a payload shows, the news first.
    fn shown(&self) -> Vec<&'a Alert> {
        self.firing.iter().chain(&self.over).chain(&self.still).copied().collect()
    }
}

impl<'a> Notice<'a> {
    fn write(self, receiver: &Receiver, messages: &mut Vec<Message>) {
        for to in self.recipients {
            let is_they = |told: &Told| told.receiver == receiver.name && place_of(self.recipients, told) == Some(to);
            let address = |of: &[Phi<String>]| of.get(to.recipient).cloned();
            let (address, gateways) = match to.channel {
                Channel::Email => (receiver.email.get(to.integration).and_then(|config| address(&config.to)), vec![]),
                Channel::Sms => receiver
                    .sms
                    .get(to.integration)
                    .map_or((None, vec![]), |config| (address(&config.to), config.gateways.clone())),
                Channel::Webhook => (receiver.webhook.get(to.integration).map(|config| config.url.clone()), vec![]),
                Channel::Call | Channel::Record => (None, vec![]),
            };
            let Some(address) = address else { continue };
            let blank = Part {
                channel: to.channel,
                path: to.name(),
                name: to.name(),
                receiver: receiver.name.clone(),
                address,
                half: Half::Firing,
                firing: self.intent.firing.iter().collect(),
                over: Vec::new(),
                still: Vec::new(),
                told: Vec::new(),
                gateways,
            };
            let wants_closing = sends_resolved(receiver, to.channel, to.integration);
            for part in self.parts(&blank, &is_they, wants_closing) {
                let content = match to.channel {
                    Channel::Email => receiver.email.get(to.integration).map(|config| self.email(config, &part)),
                    Channel::Sms => receiver.sms.get(to.integration).map(|config| self.sms(config, &part)),
                    Channel::Webhook => receiver.webhook.get(to.integration).map(|config| self.webhook(config, &part)),
                    Channel::Call | Channel::Record => None,
                };
                messages.extend(content.map(|content| self.message(part, content)));
            }
        }
    }

    /// Tells the end to those whom the group's receiver told and has no more. Gives how many cannot be reached.
    fn write_to_former(self, messages: &mut Vec<Message>) -> u64 {
        let Given { policy, former, .. } = self.given;
        let receiver = &self.intent.group.receiver;
        let mut gone: BTreeMap<(Channel, &AddressMark), &Told> = BTreeMap::new();
        for told in self.intent.resolved.iter().flat_map(|alert| &alert.told) {
            if told.receiver == *receiver && place_of(self.recipients, told).is_none() {
                gone.insert((told.channel, &told.to), told);
            }
        }
        let mut n_out_of_reach = 0;
        for ((channel, mark), told) in gone {
            let Some(Reach { receiver: by_whose, by }) = former::reach(told, policy, former) else {
                n_out_of_reach += 1;
                continue;
            };
            let is_they = |told: &Told| told.receiver == *receiver && told.channel == channel && told.to == *mark;
            let (address, gateways) = match &by {
                By::Email(config) => (config.to.first().cloned(), vec![]),
                By::Sms(config) => (config.to.first().cloned(), config.gateways.clone()),
                By::Webhook(config) => (Some(config.url.clone()), vec![]),
            };
            let blank = Part {
                channel,
                path: format!("{channel}/{}", mark.as_str()),
                name: format!("{channel}/former"),
                receiver: by_whose,
                address: address.unwrap_or_default(),
                half: Half::Closing,
                firing: Vec::new(),
                over: Vec::new(),
                still: Vec::new(),
                told: Vec::new(),
                gateways,
            };
            for part in self.parts(&blank, &is_they, true) {
                let content = match &by {
                    By::Email(config) => self.email(config, &part),
                    By::Sms(config) => self.sms(config, &part),
                    By::Webhook(config) => self.webhook(config, &part),
                };
                messages.push(self.message(part, content));
            }
        }
        n_out_of_reach
    }

    /// What one recipient is told: firing and closed in one message, as Alertmanager tells mail and webhooks, or in
    /// two, since a text has no room for both. Of the closed alerts, those that they were told of.
    fn parts(self, blank: &Part<'a>, is_they: &dyn Fn(&Told) -> bool, wants_closing: bool) -> Vec<Part<'a>> {
        let told_of = |alert: &'a Alert| alert.told.iter().find(|told| is_they(told));
        let over: Vec<&Alert> =
            self.intent.resolved.iter().filter(|alert| wants_closing && told_of(alert).is_some()).collect();
        let part = |half: Half, firing: Vec<&'a Alert>, over: Vec<&'a Alert>| {
            let mut about: Vec<&Alert> = firing.iter().chain(&over).copied().collect();
            about.sort_by_key(|alert| (alert.fired_at(), &alert.key));
            let told = about.into_iter().filter_map(told_of).collect();
            let shows_group = half == Half::Closing && blank.channel != Channel::Sms;
            let still = self.intent.still.iter().filter(|alert| shows_group && told_of(alert).is_some()).collect();
            Part { half, firing, over, still, told, ..blank.clone() }
        };
        let firing = blank.firing.clone();
        match (firing.is_empty(), over.is_empty()) {
            (true, true) => Vec::new(),
            (true, false) => vec![part(Half::Closing, firing, over)],
            (false, false) if blank.channel == Channel::Sms => {
                vec![part(Half::Firing, firing, Vec::new()), part(Half::Closing, Vec::new(), over)]
            }
            (false, _) => vec![part(Half::Firing, firing, over)],
        }
    }

    fn id(&self, part: &Part<'_>) -> MessageId {
        MessageId::of(MessageIdentity {
            group: &self.intent.group,
            generation: self.intent.generation,
            flush: self.intent.flush,
            recipient: &part.path,
            half: part.half.as_str(),
        })
    }

    fn message(&self, part: Part<'_>, content: Content) -> Message {
        let id = self.id(&part);
        let now = self.given.now;
        let all = || part.firing.iter().chain(&part.over);
        let mention = |fires: bool| {
            let id = id.clone();
            move |alert: &&Alert| Mention {
                message: id.clone(),
                fingerprint: fingerprint(&alert.labels),
                active_at: alert.active_at,
                fires,
            }
        };
        let mut mentions = self.mentions.borrow_mut();
        mentions.extend(part.firing.iter().take(MENTIONS_MAX).map(mention(true)));
        mentions.extend(part.over.iter().take(MENTIONS_MAX).map(mention(false)));
        let useful_until = if part.firing.is_empty() {
            now + USEFUL_OTHERWISE
        } else {
            let ends = part.firing.iter().map(|alert| alert.facts.window.closes_at.unwrap_or(now + USEFUL_OTHERWISE));
            ends.max().unwrap_or(now + USEFUL_OTHERWISE)
        };
        let all_expired =
            part.over.iter().all(|alert| matches!(alert.state, AlertState::Resolved { closing: Closing::Expired, .. }));
        // What ended by the clock is news even to somebody whom the first text never reached.
        let answers = part.firing.is_empty() && !all_expired;
        let follows: BTreeSet<MessageId> =
            part.told.iter().filter(|_| answers).map(|told| told.message.clone()).collect();
        Message {
            id,
            agency: self.intent.group.agency.clone(),
            channel: part.channel,
            urgency: all().map(|alert| urgency(alert)).min().unwrap_or(3),
            fired_at: all().map(|alert| alert.fired_at().unwrap_or(alert.active_at)).min().unwrap_or(now),
            receiver: part.receiver,
            recipient: part.name,
            gateways: part.gateways,
            address: part.address,
            content: Phi::new(content),
            why: self.intent.why,
            created_at: now,
            useful_until,
            follows: follows.into_iter().collect(),
        }
    }

    fn voice(&self) -> &'a Voice {
        self.given.telling.voice(&self.intent.group.agency)
    }

    fn sms(&self, config: &SmsConfig, part: &Part<'_>) -> Content {
        let Given { telling, now, .. } = self.given;
        let custom = config.text.as_ref().and_then(|source| self.fill(source, part, false, false));
        let text = match custom {
            Some(text) => super::gsm7::cut(text.trim(), super::gsm7::SEPTETS_MAX),
            None if part.firing.is_empty() => texts::closing(&by_shift(&part.over), telling),
            None if self.intent.summary && part.firing.len() > 1 => texts::summary(&part.firing, telling, now),
            None => texts::firing(&part.firing, telling, now),
        };
        Content::Sms { text }
    }

    fn email(&self, config: &EmailConfig, part: &Part<'_>) -> Content {
        let Given { telling, people, covers, now, .. } = self.given;
        let granted = config.phi && self.is_real;
        let frame = Frame {
            telling,
            people: granted.then_some(people),
            covers,
            receiver: &part.receiver,
            summary: self.intent.summary,
            now,
        };
        let Mail { subject, text, html } = email::write(&part.firing, &by_shift(&part.over), frame);
        let fill = |source: &Option<String>, html: bool, granted: bool| {
            let source = source.as_ref()?;
            self.fill(source, part, html, granted)
        };
        let own = self.id(part);
        let first = part.told.iter().map(|told| &told.message).find(|message| **message != own);
        Content::Email {
            subject: fill(&config.subject, false, false)
                .map_or(subject, |text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
            text: fill(&config.text, false, granted).unwrap_or(text),
            html: fill(&config.html, true, granted).unwrap_or(html),
            in_reply_to: first.map(|first| email::message_id(first.as_str(), &config.from)),
            message_id: email::message_id(own.as_str(), &config.from),
            from: config.from.clone(),
            smarthost: config.smarthost.clone(),
            enclosed: Vec::new(),
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
        let alerts = part.shown();
        Content::Webhook { body: webhook_payload::payload(self.intent, &alerts, config.max_alerts, self.given.telling) }
    }

    fn zone(&self, part: &Part<'_>) -> chrono_tz::Tz {
        let first = part.firing.first().or_else(|| part.over.first());
        first.map_or(self.voice().zone, |alert| self.voice().zone_of(&alert.facts.location))
    }

    fn context(&self, part: &Part<'_>, granted: bool) -> Value {
        let seen = Seen {
            receiver: &part.receiver,
            group_labels: self.intent.group.labels.clone(),
            external_url: self.given.telling.external_url.as_deref().unwrap_or_default(),
            people: self.given.people,
            granted,
        };
        context(&part.shown(), &seen)
    }
}

/// What a template sees besides its alerts.
pub(super) struct Seen<'a> {
    pub receiver: &'a str,
    pub group_labels: Labels,
    pub external_url: &'a str,
    pub people: &'a dyn People,
    /// Whether names, phones and addresses may be shown.
    pub granted: bool,
}

/// Everything a template of a receiver may name.
pub(super) fn context(alerts: &[&Alert], seen: &Seen<'_>) -> Value {
    let first = alerts.first();
    context! {
        status => if alerts.iter().any(|alert| alert.is_firing()) { "firing" } else { "resolved" },
        receiver => seen.receiver,
        group_labels => template::pairs(seen.group_labels.clone()),
        common_labels => template::pairs(webhook_payload::common(alerts.iter().map(|alert| &alert.labels))),
        common_annotations => template::pairs(webhook_payload::common(alerts.iter().map(|alert| &alert.annotations))),
        external_url => seen.external_url,
        alerts => alerts.iter().map(|alert| alert_context(alert, seen)).collect::<Vec<_>>(),
        shift => first.map(|alert| shift_facts(alert).value()),
        client => first.map(|alert| client_context(alert, seen)),
        caregiver => first.map(|alert| caregiver_context(alert, seen)),
    }
}

fn alert_context(alert: &Alert, seen: &Seen<'_>) -> Value {
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
        client => client_context(alert, seen),
        caregiver => caregiver_context(alert, seen),
    }
}

/// Every name is there; what is not known or not granted is empty, so that a template never fails for want of it.
fn client_context(alert: &Alert, seen: &Seen<'_>) -> Value {
    let id = alert.facts.client.as_ref();
    let grant = PhiGrant::GRANTED_MAIL;
    let person = id.and_then(|id| seen.people.client(id)).filter(|_| seen.granted).map(|client| &client.person);
    context! {
        id => id.map_or("", |id| id.as_str()),
        name => person.map_or("", |person| person.name.reveal(grant).as_str()),
        phones => person.map_or_else(Vec::new, |person| person.phones.reveal(grant).clone()),
        address => person.map_or("", |person| person.address.reveal(grant).as_str()),
        birth_date => person.and_then(|person| *person.birth_date.reveal(grant)).map_or_else(String::new, |date| date.to_string()),
    }
}

/// As for clients.
fn caregiver_context(alert: &Alert, seen: &Seen<'_>) -> Value {
    let shift = match &alert.key.subject {
        Subject::Shift(key) => seen.people.shift(key),
        _ => None,
    };
    let id = shift.and_then(|shift| shift.caregiver.as_ref());
    let grant = PhiGrant::GRANTED_MAIL;
    let person =
        id.and_then(|id| seen.people.caregiver(id)).filter(|_| seen.granted).map(|caregiver| &caregiver.person);
    context! {
        id => id.map_or("", |id| id.as_str()),
        name => person.map_or("", |person| person.name.reveal(grant).as_str()),
        phones => person.map_or_else(Vec::new, |person| person.phones.reveal(grant).clone()),
    }
}

/// One closing a shift, whatever number of rules told of it: the most severe alert of each, which comes first. Other
/// subjects have several matters of their own: an agency that can be seen again is not one whose API answers again.
fn by_shift<'a>(over: &[&'a Alert]) -> Vec<&'a Alert> {
    let mut seen = BTreeSet::new();
    let mut kept = over.to_vec();
    kept.retain(|alert| !matches!(alert.key.subject, Subject::Shift(_)) || seen.insert(&alert.key.subject));
    kept
}

/// What templates see as `shift`.
#[must_use]
pub fn shift_facts(alert: &Alert) -> ShiftFacts {
    facts_for_template(&alert.key.subject, &alert.labels, &alert.facts)
}

/// The same for an alert that is still being made.
#[must_use]
pub fn facts_for_template(subject: &Subject, labels: &Labels, facts: &Facts) -> ShiftFacts {
    let key = match subject {
        Subject::Shift(key) => key,
        // Of two shifts that get in each other's way the later one is spoken of.
        Subject::ShiftPair(pair) => &pair.1,
        _ => return ShiftFacts { location: facts.location.clone(), ..ShiftFacts::default() },
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

#[cfg(test)]
mod tests;
