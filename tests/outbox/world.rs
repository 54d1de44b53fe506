//! A store, channels and a manual clock, wired as the program wires them.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use shiftwatch::{
    alerts::{
        orders::News,
        step::{Delta, Why},
    },
    clock::Clock,
    model::{AgencyName, Instant, Phi, local_time::from_micros},
    notify::{
        channel::{ChannelSettings, Channels},
        deliver::{Deliverer, DelivererParts, PassReport},
        message::{Channel, Content, Message, MessageId, SmtpTarget},
        receiver::{Receiver, SmsGateway, SmsGatewayKind, TwilioAccount, WebhookConfig},
        telling::Telling,
    },
    pulse::Pulses,
    store::{Commit, MessageFate, Store},
};
use tokio::sync::{Notify, watch};

use crate::gateway::{Gateway, MailServer};

/// The instant at which stories begin.
pub fn t(seconds: i64) -> Instant {
    from_micros((1_800_000_000 + seconds) * 1_000_000)
}

pub fn agency() -> AgencyName {
    AgencyName::new("main")
}

pub fn id(text: &str) -> MessageId {
    MessageId::from_stored(text.to_owned())
}

pub struct World {
    pub store: Store,
    pub clock: Clock,
    pub telling: Arc<Telling>,
    pub deliverer: Deliverer,
    pub parts: DelivererParts,
    n: i64,
    _channels: watch::Sender<Arc<Channels>>,
}

/// The settings of Twilio accounts by name, with short time-outs.
pub fn settings(accounts: &[(&str, &Gateway)], hooks: &[&Gateway]) -> ChannelSettings {
    let sms_gateways = accounts
        .iter()
        .map(|(name, gateway)| SmsGateway {
            name: (*name).to_owned(),
            kind: SmsGatewayKind::Twilio(TwilioAccount {
                base_url: gateway.url(),
                account_sid: format!("AC{name}"),
                auth_token: "secret".into(),
                previous_auth_tokens: Vec::new(),
                from: Some("+12025550100".into()),
                messaging_service_sid: None,
            }),
        })
        .collect();
    let webhook = hooks
        .iter()
        .map(|gateway| WebhookConfig {
            url: Phi::new(format!("{}/hook", gateway.url())),
            authorization: Some("Bearer token".into()),
            send_resolved: true,
            max_alerts: 0,
            timeout: Duration::from_millis(300),
        })
        .collect();
    ChannelSettings {
        receivers: vec![Receiver { name: "on-call".into(), webhook, ..Receiver::default() }],
        smtp_auth: Vec::new(),
        sms_gateways,
        shadow: None,
        answer_timeout: Some(Duration::from_millis(300)),
        ..ChannelSettings::default()
    }
}

impl World {
    pub async fn new(settings: ChannelSettings) -> Self {
        Self::on(Store::in_memory().await.unwrap(), settings, Clock::manual(t(0)))
    }

    pub fn on(store: Store, settings: ChannelSettings, clock: Clock) -> Self {
        let (sender, channels) = watch::channel(Arc::new(Channels::new(settings).unwrap()));
        let telling = Arc::new(Telling::default());
        let parts = DelivererParts {
            store: store.clone(),
            channels,
            clock: clock.clone(),
            telling: Arc::clone(&telling),
            nudge: Arc::new(Notify::new()),
            texts_sent: Arc::new(Notify::new()),
            pulses: Arc::new(Pulses::new(clock.now())),
            seed: 7,
        };
        Self { store, clock, telling, deliverer: Deliverer::new(parts.clone()), parts, n: 0, _channels: sender }
    }

    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Moves the clock to so many seconds after the beginning.
    pub fn at(&self, seconds: i64) {
        let Clock::Manual(at) = &self.clock else { panic!("not a manual clock") };
        *at.lock().unwrap() = t(seconds);
    }

    pub async fn decide(&mut self, messages: Vec<Message>) {
        self.n += 1;
        let at = self.now();
        let commit = Commit {
            agency: agency(),
            fence: 0,
            n: self.n,
            at,
            delta: Delta::default(),
            messages,
            cancels: Vec::new(),
            mentions: Vec::new(),
            reminders: Vec::new(),
            edges_from: None,
        };
        self.store.commit(commit).await.unwrap();
    }

    pub async fn pass(&mut self) -> PassReport {
        self.deliverer.pass().await.unwrap()
    }

    /// Passes at each moment at which something is due, until `seconds` after the beginning.
    pub async fn until(&mut self, seconds: i64) {
        loop {
            self.pass().await;
            match self.deliverer.next_at().filter(|at| *at <= t(seconds)) {
                Some(at) => {
                    let Clock::Manual(clock) = &self.clock else { panic!("not a manual clock") };
                    let mut clock = clock.lock().unwrap();
                    *clock = at.max(*clock + TimeDelta::microseconds(1));
                }
                None => break self.at(seconds),
            }
        }
    }

    pub async fn fate(&self, text: &str) -> MessageFate {
        self.store.messages(&agency(), &[id(text)]).await.unwrap()[0].fate
    }

    pub async fn why(&self, text: &str) -> String {
        self.store.messages(&agency(), &[id(text)]).await.unwrap()[0].last_why.clone().unwrap_or_default()
    }

    pub async fn news(&self) -> Vec<(String, News)> {
        let inputs = self.store.pending_inputs(&agency()).await.unwrap();
        inputs.receipts.into_iter().map(|receipt| (receipt.message.as_str().to_owned(), receipt.news)).collect()
    }
}

pub fn text(name: &str, gateways: &[&str]) -> Message {
    Message {
        id: id(name),
        agency: agency(),
        receiver: "on-call".into(),
        recipient: "sms/0/0".into(),
        channel: Channel::Sms,
        gateways: gateways.iter().map(|&name| name.to_owned()).collect(),
        address: Phi::new("+12025550111".into()),
        content: Phi::new(Content::Sms { text: format!("CCA: NO CHECK-IN {name}") }),
        why: Why::FirstFiring,
        urgency: 1,
        created_at: t(0),
        useful_until: t(900),
        fired_at: t(0),
        follows: Vec::new(),
    }
}

pub fn hook(name: &str, gateway: &Gateway) -> Message {
    Message {
        channel: Channel::Webhook,
        recipient: "webhook/0/0".into(),
        address: Phi::new(format!("{}/hook", gateway.url())),
        content: Phi::new(Content::Webhook { body: format!(r#"{{"name":"{name}"}}"#) }),
        ..text(name, &[])
    }
}

pub fn mail(name: &str, server: &MailServer) -> Message {
    let smarthost = SmtpTarget {
        host: server.address.ip().to_string(),
        port: server.address.port(),
        require_tls: false,
        hello: Some("agent.example.com".into()),
    };
    Message {
        channel: Channel::Email,
        recipient: "email/0/0".into(),
        address: Phi::new("night@example.com".into()),
        content: Phi::new(Content::Email {
            subject: format!("[FIRING] {name}"),
            text: "plain words".into(),
            html: "<p>rich words</p>".into(),
            in_reply_to: Some("<first@example.com>".into()),
            message_id: format!("<{name}@example.com>"),
            from: "shiftwatch <watch@example.com>".into(),
            smarthost,
            enclosed: Vec::new(),
        }),
        ..text(name, &[])
    }
}
