//! The ways out: given a claimed message, what the provider's answer means.
//!
//! Given: a [`Claim`], the gateway to use, the present moment.
//! Gives: a [`Verdict`]: taken, not taken, perhaps taken, or never.
//! Does not: decide when to try again, write to the store, log, or put an address or a text into a reason.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use secrecy::SecretString;

use super::{
    call,
    calls::{PhoneRecord, Wanted},
    inbound::{RINGCENTRAL_HOOK, Text, hooks::own_token},
    message::{BadAddress, Channel, Content, Message, MessageId, recipient_path},
    receiver::{Receiver, SmsGateway, SmsGatewayKind, SmtpAuth},
    record::RecordBook,
    record_note::{AMBIGUOUS, DRY_RUN},
    scheduled,
    shadow::Shadow,
    sms::{Gateway, Silence},
    smtp::Smtp,
    webhook::Webhooks,
};
use crate::{
    alerts::{
        notice::{self, PEOPLE},
        step::Why,
    },
    clock::{Clock, real_now},
    config::{Config, ReportTo},
    model::{AgencyName, Instant, Phi, PhiGrant, local_time::to_micros},
    on_call::Roster,
    store::{Claim, Poll, Store, delivery_way, lane_of, mail_lane, recipient_way, webhook_lane},
};

/// How long connecting may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an HTTP provider may take to answer. Beyond it nobody knows whether the message left, and asking begins;
/// a provider that hangs and comes back is noticed within this plus the longest back-off.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// The present on both clocks: the agent's, by which messages are useful, and the machine's, by which providers live.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The agent's clock.
    pub now: Instant,
    /// The machine's clock.
    pub real: Instant,
    /// Seconds of the agent's clock in one real second.
    pub speed: u32,
}

impl Moment {
    /// Reads both clocks.
    #[must_use]
    pub fn of(clock: &Clock) -> Self {
        let now = clock.now();
        let real = if matches!(clock, Clock::Manual(_)) { now } else { real_now() };
        Self { now, real, speed: clock.speed() }
    }

    /// The agent's instant after a real duration.
    #[must_use]
    pub fn after(&self, real: Duration) -> Instant {
        self.now + TimeDelta::from_std(real.saturating_mul(self.speed)).unwrap_or(TimeDelta::MAX / 4)
    }

    /// The real duration between two of the agent's instants; zero when `to` is not later.
    #[must_use]
    pub fn real_between(&self, from: Instant, to: Instant) -> Duration {
        (to - from).to_std().unwrap_or(Duration::ZERO) / self.speed.max(1)
    }

    /// The machine's instant at one of the agent's.
    #[must_use]
    pub fn real_at(&self, at: Instant) -> Instant {
        let ahead = (to_micros(at) - to_micros(self.now)) / i64::from(self.speed.max(1));
        self.real + TimeDelta::microseconds(ahead)
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The provider has it.
    Sent {
        /// Its id there.
        provider_id: Option<String>,
    },
    /// It surely did not leave.
    NotSent {
        /// What happened: codes only.
        why: String,
        /// What it says about others on the same way.
        scope: Scope,
        /// When the provider wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It may have left.
    MayHaveLeft {
        /// What happened: codes only.
        why: String,
    },
    /// The provider will never take this message to this address.
    Refused {
        /// What happened: codes only.
        why: String,
        /// What it says of the address itself, for the next message too.
        bad: Option<BadAddress>,
    },
}

/// How far a failure reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This message only (greylisting).
    Message,
    /// Everything on this way: it is down, overloaded, or refused the connection.
    Way,
    /// Our account there: credentials, sender number, registration. A person has to act.
    Account,
}

/// The answer to "do you have it?".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// These match, as (gateway, its id there), in the order they were taken; the caller picks one nobody has bound.
    Matches(Vec<(String, String)>),
    /// The provider did not answer.
    NoAnswer {
        /// What happened: codes only.
        why: String,
    },
    /// This way has no such question.
    CannotTell,
}

/// What a provider says of a text it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// On its way.
    Pending,
    /// It arrived.
    Delivered,
    /// It did not.
    Undelivered {
        /// The provider's code; empty when it gave none.
        code: String,
        /// Whether sending once more can help.
        again: Again,
        /// What it says of the number itself.
        bad: Option<BadAddress>,
    },
    /// The provider did not answer.
    NoAnswer,
    /// The provider does not know it any more.
    Unknown,
}

/// Whether an undelivered text is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No.
    Never,
    /// Yes, once.
    Once,
    /// Yes, as long as it is useful.
    WhileUseful,
    /// Only through another gateway: it is our sender there that failed, and a person has to act.
    Elsewhere,
}

/// Why the channels could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The HTTP client could not be made.
    #[error("notify: the HTTP client cannot be made; are the system's root certificates readable?")]
    Http(#[source] reqwest::Error),
    /// Authorities, certificate and key of a `tls_config` do not fit.
    #[error("notify: the tls_config of an Alertmanager does not fit; look at its ca_file, cert_file and key_file")]
    Tls(#[source] rustls::Error),
}

/// Every way out of one configuration.
#[derive(Debug)]
pub struct Channels {
    smtp: Smtp,
    webhooks: Webhooks,
    sms: HashMap<String, Gateway>,
    /// By gateway that tells us of texts by itself: where, and what it proves itself with.
    subscriptions: HashMap<String, (String, String)>,
    listened_to: Vec<String>,
    names: BTreeSet<String>,
    /// The records that may be written to.
    records: HashMap<AgencyName, Arc<dyn RecordBook>>,
}

/// The settings the channels are made of.
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    /// Receivers, for what their webhooks need besides the URL.
    pub receivers: Vec<Receiver>,
    /// SMTP logins by host and port.
    pub smtp_auth: Vec<(String, u16, SmtpAuth)>,
    /// SMS gateways.
    pub sms_gateways: Vec<SmsGateway>,
    /// Where mail goes instead while nothing is real.
    pub shadow: Option<Shadow>,
    /// How long an SMS gateway may take to answer; `None` = 8 s.
    pub answer_timeout: Option<Duration>,
    /// How gateways reach us, no trailing slash; `None` = they do not.
    pub external_url: Option<String>,
    /// Everybody who may be told.
    pub roster: Arc<Roster>,
}

impl Channels {
    /// Of a whole configuration, and what it says about the shadow.
    pub fn from_config(config: &Config, shadow: Option<Shadow>) -> Result<Self, ChannelError> {
        let mut channels = Self::new(ChannelSettings {
            shadow,
            receivers: config.receivers.iter().cloned().chain(scheduled::receivers(config)).collect(),
            smtp_auth: config.smtp_auth.clone(),
            sms_gateways: config.sms_gateways.clone(),
            answer_timeout: None,
            external_url: config.web.external_url.clone(),
            roster: Arc::clone(&config.policy.paging.roster),
        })?;
        let folders = config.reports.iter().filter(|plan| matches!(plan.to, Some(ReportTo::Folder(_))));
        channels.names.extend(folders.map(|plan| scheduled::folder_way(&plan.name)));
        Ok(channels)
    }

    /// Of its parts.
    pub fn new(settings: ChannelSettings) -> Result<Self, ChannelError> {
        // The first one wins; a second install only says that there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Http::new().map_err(ChannelError::Http)?;
        let timeout = settings.answer_timeout.unwrap_or(ANSWER_TIMEOUT);
        let smtp = Smtp::new(&settings.receivers, settings.smtp_auth, settings.shadow);
        let names = names_of(&settings.receivers, &settings.sms_gateways, &settings.roster, &smtp);
        let hooks = settings.external_url.as_deref();
        let subscriptions = hooks.map_or_else(HashMap::new, |hooks| subscriptions_of(&settings.sms_gateways, hooks));
        let listened_to = listened_to(&settings.sms_gateways);
        let sms = settings
            .sms_gateways
            .into_iter()
            .map(|gateway| (gateway.name.clone(), Gateway::new(&http, gateway, hooks, timeout)))
            .collect();
        let webhooks = Webhooks::new(http, &settings.receivers);
        let records = HashMap::new();
        Ok(Self { smtp, webhooks, sms, subscriptions, listened_to, names, records })
    }

    /// The same with a record to write to, of an agency that has that switched on.
    pub fn write_to(&mut self, agency: AgencyName, record: Arc<dyn RecordBook>) {
        self.records.insert(agency, record);
    }

    /// Keeps there what gateways lend us, so that a restart neither asks for a token anew nor calls inside a penalty.
    pub fn keep_in(&self, store: &Store) {
        for gateway in self.sms.values() {
            if let Gateway::RingCentral(extension) = gateway {
                extension.keep_in(store);
            }
        }
    }

    /// Every name under which the health of something in this configuration is kept: its ways out, and those they lead
    /// to. What is not among them cannot be failing.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// The way a message takes now, as its health is kept: `email/mail.example.com:587`, `sms/twilio`,
    /// `webhook/1a2b3c4d`. No PHI: a receiver's URL is hashed.
    #[must_use]
    pub fn way(&self, message: &Message, gateway: Option<&str>) -> String {
        match message.channel {
            Channel::Sms => format!("sms/{}", gateway.unwrap_or_default()),
            Channel::Call => format!("call/{}", gateway.unwrap_or_default()),
            Channel::Email => self.smtp.target(message).map_or_else(|| lane_of(message), mail_lane),
            Channel::Webhook | Channel::Record => lane_of(message),
        }
    }

    /// Sends a claimed message; for a text through `gateway`.
    pub async fn send(&self, claim: &Claim, gateway: Option<&str>, moment: Moment) -> Verdict {
        let message = &claim.message;
        match message.content.reveal(PhiGrant::SEND) {
            Content::Email { .. } => self.smtp.send(message, moment).await,
            Content::Webhook { body } => self.webhooks.send(message, body).await,
            Content::Record(note) => match self.records.get(&message.agency) {
                _ if gateway == Some(DRY_RUN) => {
                    Verdict::Refused { why: "a dry run: nothing is written".into(), bad: None }
                }
                _ if gateway == Some(AMBIGUOUS) => Verdict::Refused {
                    why: "several clients have this number: written to none of them".into(),
                    bad: None,
                },
                Some(record) => record.write(note, gateway.unwrap_or_default()).await,
                None => Verdict::Refused { why: "writing is not switched on".into(), bad: None },
            },
            Content::Call { text, code } => match gateway.and_then(|name| self.sms.get(name)) {
                Some(Gateway::Twilio(twilio)) => {
                    call::twilio::place(twilio, message, text, code.as_deref(), moment).await
                }
                _ => no_gateway(),
            },
            Content::Sms { text } => match gateway.and_then(|name| self.sms.get(name)) {
                Some(gateway) => gateway.send(message, text, moment).await,
                None => no_gateway(),
            },
        }
    }

    /// Sends one text that belongs to nothing, for a command. Useful for a quarter of an hour.
    pub async fn text(&self, gateway: &str, to: &Phi<String>, text: &str, clock: &Clock) -> Verdict {
        let moment = Moment::of(clock);
        let message = Message {
            id: MessageId::from_stored(format!("{:032x}", moment.real.timestamp_micros())),
            agency: AgencyName::installation(),
            receiver: String::new(),
            recipient: String::new(),
            channel: Channel::Sms,
            gateways: vec![gateway.to_owned()],
            address: to.clone(),
            content: Phi::new(Content::Sms { text: text.to_owned() }),
            why: Why::FirstFiring,
            urgency: 1,
            created_at: moment.now,
            useful_until: moment.after(Duration::from_mins(15)),
            fired_at: moment.now,
            follows: Vec::new(),
        };
        match self.sms.get(gateway) {
            Some(gateway) => gateway.send(&message, text, moment).await,
            None => no_gateway(),
        }
    }

    /// Whether a gateway's number may send texts, where it can be asked without sending one.
    pub async fn may_send(&self, gateway: &str) -> Option<Result<bool, String>> {
        match self.sms.get(gateway)? {
            Gateway::RingCentral(extension) => Some(extension.may_send().await.map_err(|silence| silence.why)),
            _ => None,
        }
    }

    /// Asks a gateway whether a message that may have left through it did.
    pub async fn ask(&self, claim: &Claim, name: &str, moment: Moment) -> Asked {
        let message = &claim.message;
        let content = message.content.reveal(PhiGrant::SEND);
        if let Content::Record(note) = content {
            return match self.records.get(&message.agency) {
                Some(record) => record.ask(note, name).await,
                None => Asked::NoAnswer { why: "writing is not switched on".into() },
            };
        }
        let (Content::Sms { .. } | Content::Call { .. }, Some(since)) = (content, claim.uncertain_since) else {
            return Asked::CannotTell;
        };
        let Some(gateway) = self.sms.get(name) else {
            return Asked::NoAnswer { why: "no such gateway in the configuration".into() };
        };
        let since = since.min(moment.real_at(since));
        let asked = match (content, gateway) {
            (Content::Sms { text }, gateway) => gateway.ask(message, text, since).await,
            (_, Gateway::Twilio(twilio)) => Some(call::twilio::ask(twilio, message, since).await),
            _ => None,
        };
        match asked {
            Some(Ok(sids)) => Asked::Matches(sids.into_iter().map(|sid| (name.to_owned(), sid)).collect()),
            Some(Err(why)) => Asked::NoAnswer { why },
            None => Asked::CannotTell,
        }
    }

    /// Asks what became of a text or a call.
    pub async fn delivery(&self, poll: &Poll) -> Delivery {
        match (self.sms.get(&poll.gateway), poll.channel) {
            (Some(Gateway::Twilio(twilio)), Channel::Call) => call::twilio::delivery(twilio, &poll.provider_id).await,
            (Some(gateway), _) => gateway.delivery(&poll.provider_id, &poll.address).await,
            (None, _) => Delivery::Unknown,
        }
    }

    /// Asks what became of a text that belongs to nothing, for a command.
    pub async fn became(&self, gateway: &str, provider_id: &str, to: &Phi<String>) -> Delivery {
        match self.sms.get(gateway) {
            Some(gateway) => gateway.delivery(provider_id, to).await,
            None => Delivery::Unknown,
        }
    }

    /// Asks once what became of all texts that a gateway took since then, by its ids; `None` when it has no such list, or
    /// did not answer.
    pub async fn deliveries(&self, gateway: &str, since: Instant) -> Option<BTreeMap<String, Delivery>> {
        self.sms.get(gateway)?.deliveries(since).await?.ok()
    }

    /// The gateways that are asked what people texted.
    #[must_use]
    pub fn listened_to(&self) -> Vec<String> {
        self.listened_to.clone()
    }

    /// The texts that a gateway heard since then, oldest first; `None` when it cannot be asked.
    pub async fn heard(&self, gateway: &str, since: Instant) -> Option<Result<Vec<Text>, Silence>> {
        self.sms.get(gateway)?.heard(since).await
    }

    /// The calls and texts of a stretch of time, as far as a gateway lists them; `None` when it has no such list. Of more than
    /// one reading takes, `Ok(None)`.
    pub async fn calls(&self, gateway: &str, wanted: Wanted) -> Option<Result<Option<Vec<PhoneRecord>>, Silence>> {
        match self.sms.get(gateway)? {
            Gateway::RingCentral(extension) => Some(extension.calls(wanted).await),
            _ => None,
        }
    }

    /// Sees to it that a gateway tells us of texts, where it has to be asked to. Gives when to look again; `None` = as
    /// usual.
    pub async fn subscribe(&self, gateway: &str) -> Option<Duration> {
        let (address, token) = self.subscriptions.get(gateway)?;
        let Some(Gateway::RingCentral(extension)) = self.sms.get(gateway) else { return None };
        match extension.subscribe(address, token).await {
            Ok(()) => None,
            Err(silence) => {
                tracing::warn!(
                    gateway,
                    why = silence.why,
                    "inbound: the gateway cannot be asked to tell of replies; they are asked for"
                );
                // It may only have been too early: the gateway asks us back.
                Some(silence.ask_after.unwrap_or(SUBSCRIBE_AGAIN))
            }
        }
    }

    /// How much longer a gateway takes nothing from us, by gateway.
    #[must_use]
    pub fn penalties(&self) -> Vec<(&str, Duration)> {
        let penalty = |gateway: &Gateway| match gateway {
            Gateway::RingCentral(extension) => Some(extension.penalty().unwrap_or_default()),
            _ => None,
        };
        self.sms.iter().filter_map(|(name, gateway)| Some((name.as_str(), penalty(gateway)?))).collect()
    }

    /// True when the gateway is still in the configuration.
    #[must_use]
    pub fn has_gateway(&self, name: &str) -> bool {
        self.sms.contains_key(name)
    }
}

/// Those that hear: of several entries on one Twilio account, one that is not bound to a number hears for all.
fn listened_to(gateways: &[SmsGateway]) -> Vec<String> {
    let unbound = |sid: &str| {
        gateways.iter().find(
            |other| matches!(&other.kind, SmsGatewayKind::Twilio(it) if it.account_sid == sid && it.bound_to().is_none()),
        )
    };
    let hears = |gateway: &&SmsGateway| match &gateway.kind {
        SmsGatewayKind::Twilio(account) => unbound(&account.account_sid).is_none_or(|other| other.name == gateway.name),
        SmsGatewayKind::RingCentral(_) => true,
        SmsGatewayKind::Http(_) => false,
    };
    gateways.iter().filter(hears).map(|gateway| gateway.name.clone()).collect()
}

/// Where each RingCentral extension tells us of texts: several numbers of one extension share one subscription.
fn subscriptions_of(gateways: &[SmsGateway], hooks: &str) -> HashMap<String, (String, String)> {
    let mut told = BTreeSet::new();
    let mut subscriptions = HashMap::new();
    for gateway in gateways {
        let SmsGatewayKind::RingCentral(extension) = &gateway.kind else { continue };
        let token = own_token(extension);
        // RingCentral takes nothing but https.
        if (hooks.starts_with("https://") || is_loopback(hooks)) && told.insert(token.clone()) {
            subscriptions.insert(gateway.name.clone(), (format!("{hooks}{RINGCENTRAL_HOOK}"), token));
        }
    }
    subscriptions
}

fn no_gateway() -> Verdict {
    Verdict::NotSent { why: "no such gateway in the configuration".into(), scope: Scope::Message, retry_after: None }
}

fn names_of(receivers: &[Receiver], gateways: &[SmsGateway], roster: &Roster, smtp: &Smtp) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = smtp.targets().map(mail_lane).collect();
    for gateway in gateways {
        for channel in [Channel::Sms, Channel::Call] {
            names.insert(format!("{channel}/{}", gateway.name));
            names.insert(delivery_way(channel, &gateway.name));
        }
    }
    for person in roster.people() {
        let ways = person.contacts.iter().map(|contact| notice::channel_of(contact.via));
        names.extend(ways.map(|channel| recipient_way(PEOPLE, &format!("{}/{channel}", person.name))));
    }
    for receiver in receivers {
        let mut reaches = |channel, integration, n_recipients| {
            for recipient in 0..n_recipients {
                names.insert(recipient_way(&receiver.name, &recipient_path(channel, integration, recipient)));
            }
        };
        for (i, config) in receiver.email.iter().enumerate() {
            reaches(Channel::Email, i, config.to.len());
        }
        for (i, config) in receiver.sms.iter().enumerate() {
            reaches(Channel::Sms, i, config.to.len());
        }
        for i in 0..receiver.webhook.len() {
            reaches(Channel::Webhook, i, 1);
        }
        names.extend(receiver.webhook.iter().map(|config| webhook_lane(&config.url)));
    }
    names
}

/// After a subscription that came to nothing.
const SUBSCRIBE_AGAIN: Duration = Duration::from_mins(2);

/// The HTTP clients: one that honours the system's proxies, one for loopback that does not.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    outside: reqwest::Client,
    loopback: reqwest::Client,
}

impl Http {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        Ok(Self { outside: Self::builder().build()?, loopback: Self::builder().no_proxy().build()? })
    }

    /// A client for one address, with its own TLS.
    pub(super) fn of(url: &str, tls: Option<rustls::ClientConfig>) -> Result<reqwest::Client, reqwest::Error> {
        let mut builder = if is_loopback(url) { Self::builder().no_proxy() } else { Self::builder() };
        if let Some(tls) = tls {
            builder = builder.tls_backend_preconfigured(tls);
        }
        builder.build()
    }

    fn builder() -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            // A redirected POST would take the text somewhere nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            // Shorter than servers keep idle connections, so that a send seldom meets one that just closed.
            .pool_idle_timeout(Duration::from_secs(20))
            .tcp_nodelay(true)
            .user_agent(concat!("shiftwatch/", env!("CARGO_PKG_VERSION")))
    }

    pub(crate) fn client(&self, url: &str) -> &reqwest::Client {
        if is_loopback(url) { &self.loopback } else { &self.outside }
    }
}

fn is_loopback(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What a failed HTTP exchange means. The text never holds the URL.
pub(super) fn http_failure(error: &reqwest::Error) -> Verdict {
    if error.is_connect() {
        Verdict::NotSent { why: "no connection".into(), scope: Scope::Way, retry_after: None }
    } else if error.is_builder() {
        Verdict::Refused { why: "the address is not a usable URL".into(), bad: None }
    } else if error.is_timeout() {
        Verdict::MayHaveLeft { why: "no answer in time".into() }
    } else {
        Verdict::MayHaveLeft { why: "the connection broke before the answer".into() }
    }
}

/// A gate in front of the provider gave up waiting for it, or lost its answer: the message may well have been taken.
pub(super) fn is_a_gates(status: reqwest::StatusCode) -> bool {
    matches!(status.as_u16(), 502 | 504)
}

/// `Retry-After` in seconds or as a date; at most an hour, which is longer than any page is useful.
pub(super) fn retry_after(headers: &reqwest::header::HeaderMap, real: Instant) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_hours(1);
    let text = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        Err(_) => (DateTime::parse_from_rfc2822(text).ok()?.to_utc() - real).to_std().unwrap_or(Duration::ZERO),
    };
    Some(wait.min(LONGEST))
}

/// A secret as a Basic header's value.
pub(super) fn basic(user: &str, password: &SecretString) -> SecretString {
    use base64::Engine as _;
    use secrecy::ExposeSecret as _;
    let pair = format!("{user}:{}", password.expose_secret());
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};

    use super::*;
    use crate::model::local_time::from_micros;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let real = from_micros(1_800_000_000_000_000); // 2027-01-15T08:00:00Z
        let cases = [
            ("whole seconds", "7", Some(7)),
            ("zero is at once", "0", Some(0)),
            ("a date", "Fri, 15 Jan 2027 08:00:09 GMT", Some(9)),
            ("a date that is past", "Fri, 15 Jan 2027 07:00:00 GMT", Some(0)),
            ("longer than anything is useful", "86400", Some(3_600)),
            ("negative", "-1", None),
            ("nonsense", "soon", None),
        ];
        for (shows, text, seconds) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(retry_after(&headers, real), seconds.map(Duration::from_secs), "{shows}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), real), None, "absent");
    }

    #[test]
    fn a_fast_clock_lengthens_what_is_real() {
        let now = from_micros(1_800_000_000_000_000);
        let moment = Moment { now, real: now + TimeDelta::days(9), speed: 60 };
        assert_eq!(moment.after(Duration::from_secs(2)), now + TimeDelta::minutes(2));
        assert_eq!(moment.real_between(now, now + TimeDelta::minutes(15)), Duration::from_secs(15));
        assert_eq!(moment.real_between(now, now - TimeDelta::minutes(15)), Duration::ZERO);
        assert_eq!(moment.real_at(now - TimeDelta::minutes(1)), moment.real - TimeDelta::seconds(1));
    }
}
