//! Mail, stage by stage, so that it is known at which stage a send failed.
//!
//! Given: a claimed mail. Gives: a verdict: a failure before the content is written means that it did not leave; one
//! after it means that it may have, and it is then sent again with the same `Message-ID`.
//! Does not: send to several addresses at once (one refused recipient must not cost another), speak in the clear to
//! anything but loopback, or keep a mail.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lettre::{
    Address,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use secrecy::ExposeSecret as _;
use tokio::{net::TcpStream, time};

use super::{
    channel::{Moment, Scope, Verdict},
    message::{Content, Enclosed, Message, SmtpTarget},
    receiver::{EmailConfig, Receiver, SmtpAuth},
    shadow::Shadow,
};
use crate::model::PhiGrant;

/// How long one stage may take. Servers that look up the sender's name take some seconds at the greeting.
const STAGE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the answer to a whole mail may take: scanners read it first.
const CONTENT_TIMEOUT: Duration = Duration::from_secs(20);
/// Idle connections kept for each server, and for how long; servers close theirs after a minute or more.
const IDLE: usize = 16;
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Mails over one connection; many servers stop at a hundred.
const MAILS: usize = 90;
/// Implicit TLS.
const SMTPS: u16 = 465;

/// Every mail server.
#[derive(Debug)]
pub struct Smtp {
    /// By receiver, host and port; an empty receiver is for those that have none of their own.
    auth: HashMap<(String, String, u16), SmtpAuth>,
    /// The mail integrations of each receiver, as they are configured now.
    receivers: HashMap<String, Vec<EmailConfig>>,
    /// Where mail goes instead while nothing is real.
    shadow: Option<Shadow>,
    /// What we call ourselves when the configuration does not say.
    hello: ClientId,
    /// By server and user: a connection belongs to who logged in on it.
    servers: Mutex<Servers>,
}

type Servers = HashMap<(SmtpTarget, Option<String>), Arc<Server>>;

#[derive(Default)]
struct Server {
    idle: Mutex<Vec<Open>>,
    tls: Mutex<Option<TlsParameters>>,
}

struct Open {
    connection: AsyncSmtpConnection,
    n_mails: usize,
    used_at: time::Instant,
}

/// What a mail goes through.
struct Route<'a> {
    from: &'a str,
    target: &'a SmtpTarget,
    auth: Option<&'a SmtpAuth>,
}

/// A mail ready to be sent.
struct Prepared {
    from: Address,
    to: Address,
    bytes: Vec<u8>,
}

/// Where in the conversation something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    Tls,
    Login,
    Mail,
    Rcpt,
    Data,
    Content,
}

/// A failure: the server's code when it gave one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    stage: Stage,
    code: Option<u16>,
    timeout: bool,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Smtp {
    pub(super) fn new(receivers: &[Receiver], auth: Vec<(String, u16, SmtpAuth)>, shadow: Option<Shadow>) -> Self {
        let common = auth.into_iter().map(|(host, port, auth)| ((String::new(), host, port), auth));
        let own = receivers.iter().flat_map(|receiver| {
            receiver.email.iter().filter_map(|config| {
                let target = &config.smarthost;
                Some(((receiver.name.clone(), target.host.clone(), target.port), config.auth.clone()?))
            })
        });
        Self {
            auth: common.chain(own).collect(),
            receivers: receivers.iter().map(|receiver| (receiver.name.clone(), receiver.email.clone())).collect(),
            shadow,
            hello: ClientId::default(),
            servers: Mutex::default(),
        }
    }

    /// Every server of the present configuration.
    pub(super) fn targets(&self) -> impl Iterator<Item = &SmtpTarget> {
        let configured = self.receivers.values().flatten().map(|config| &config.smarthost);
        configured.chain(self.shadow.iter().map(|shadow| &shadow.smarthost))
    }

    /// The server this mail goes through; `None` when it is no mail.
    pub(super) fn target<'a>(&'a self, message: &'a Message) -> Option<&'a SmtpTarget> {
        self.route(message).map(|route| route.target)
    }

    /// The server, sender and login that the configuration names now for this address: a mail that waits for a server
    /// which does not exist goes out once its name is put right. What was true when the mail was decided serves where
    /// the configuration does not know the address any more.
    fn route<'a>(&'a self, message: &'a Message) -> Option<Route<'a>> {
        let Content::Email { from, smarthost, .. } = message.content.reveal(PhiGrant::SEND) else { return None };
        let address = message.address.reveal(PhiGrant::SEND);
        let tells = |config: &&EmailConfig| config.to.iter().any(|to| to.reveal(PhiGrant::SEND) == address);
        let configs = self.receivers.get(&message.receiver).map_or(&[][..], Vec::as_slice);
        let place = message.recipient.split('/').nth(1).and_then(|integration| integration.parse::<usize>().ok());
        let own = place.and_then(|integration| configs.get(integration)).filter(tells);
        let (from, target, auth) = match own.or_else(|| configs.iter().find(tells)) {
            Some(config) => (&config.from, &config.smarthost, config.auth.as_ref()),
            None => match self.shadow.as_ref().filter(|shadow| shadow.to.reveal(PhiGrant::SEND) == address) {
                Some(shadow) => (&shadow.from, &shadow.smarthost, None),
                None => (from, smarthost, None),
            },
        };
        let login = |receiver: &str| self.auth.get(&(receiver.to_owned(), target.host.clone(), target.port));
        Some(Route { from, target, auth: auth.or_else(|| login(&message.receiver)).or_else(|| login("")) })
    }

    pub(super) async fn send(&self, message: &Message, moment: Moment) -> Verdict {
        let Some(Route { from, target, auth }) = self.route(message) else {
            return Verdict::Refused { why: "not a mail".into(), bad: None };
        };
        let mail = match prepare(message, from, moment) {
            Ok(mail) => mail,
            Err(why) => return Verdict::Refused { why: why.into(), bad: None },
        };
        let server = {
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            let user = auth.map(|auth| auth.username.clone());
            Arc::clone(servers.entry((target.clone(), user)).or_default())
        };
        // An idle connection may have died meanwhile, or had enough mails: that says nothing about the server.
        while let Some(mut open) = server.take() {
            match deliver(&mut open.connection, &mail).await {
                Ok(()) => return server.keep(open),
                Err(fault) if fault.stage == Stage::Mail && fault.code.is_none_or(|code| code < 500) => {}
                Err(fault) => return judge(fault),
            }
        }
        let mut open = match self.connect(&server, target, auth).await {
            Ok(connection) => Open { connection, n_mails: 0, used_at: time::Instant::now() },
            Err(fault) => return judge(fault),
        };
        match deliver(&mut open.connection, &mail).await {
            Ok(()) => server.keep(open),
            Err(fault) => judge(fault),
        }
    }

    async fn connect(
        &self,
        server: &Server,
        target: &SmtpTarget,
        auth: Option<&SmtpAuth>,
    ) -> Result<AsyncSmtpConnection, Fault> {
        let hello = target.hello.clone().map_or_else(|| self.hello.clone(), ClientId::Domain);
        let address = (target.host.as_str(), target.port);
        let implicit = target.port == SMTPS && (target.require_tls || !is_loopback(&target.host));
        let mut connection = if implicit {
            let tls = server.tls(&target.host)?;
            let connecting = AsyncSmtpConnection::connect_tokio1(address, Some(STAGE_TIMEOUT), &hello, Some(tls), None);
            stage(Stage::Connect, STAGE_TIMEOUT, connecting).await?
        } else {
            let socket = time::timeout(STAGE_TIMEOUT, TcpStream::connect(address)).await;
            let socket = match socket {
                Ok(Ok(socket)) => socket,
                Ok(Err(_)) => return Err(Fault { stage: Stage::Connect, code: None, timeout: false }),
                Err(_) => return Err(Fault { stage: Stage::Connect, code: None, timeout: true }),
            };
            // A mail ends in a small packet of its own, which must not wait for the one before to be acknowledged.
            let _ = socket.set_nodelay(true);
            let connecting = AsyncSmtpConnection::connect_with_transport(Box::new(socket), &hello);
            stage(Stage::Connect, STAGE_TIMEOUT, connecting).await?
        };
        if !implicit && (target.require_tls || !is_loopback(&target.host)) {
            let tls = server.tls(&target.host)?;
            stage(Stage::Tls, STAGE_TIMEOUT, connection.starttls(tls, &hello)).await?;
        }
        if let Some(auth) = auth {
            let credentials = Credentials::new(auth.username.clone(), auth.password.expose_secret().to_owned());
            stage(Stage::Login, STAGE_TIMEOUT, connection.auth(DEFAULT_MECHANISMS, &credentials)).await?;
        }
        Ok(connection)
    }
}

impl Server {
    fn take(&self) -> Option<Open> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|open| open.used_at.elapsed() < IDLE_FOR);
        idle.pop()
    }

    fn keep(&self, mut open: Open) -> Verdict {
        open.n_mails += 1;
        open.used_at = time::Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if open.n_mails < MAILS && idle.len() < IDLE {
            idle.push(open);
        }
        Verdict::Sent { provider_id: None }
    }

    /// The server's TLS settings, made once: reading the system's certificates takes a while.
    fn tls(&self, host: &str) -> Result<TlsParameters, Fault> {
        let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &*tls {
            return Ok(tls.clone());
        }
        let made =
            TlsParameters::new(host.to_owned()).map_err(|_| Fault { stage: Stage::Tls, code: None, timeout: false })?;
        Ok(tls.insert(made).clone())
    }
}

async fn stage<T>(
    stage: Stage,
    limit: Duration,
    doing: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Fault> {
    match time::timeout(limit, doing).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let code = error.status().map(u16::from);
            Err(Fault { stage, code, timeout: error.is_timeout() })
        }
        Err(_) => Err(Fault { stage, code: None, timeout: true }),
    }
}

/// One mail over an open connection. After a fault the connection is not used again.
async fn deliver(connection: &mut AsyncSmtpConnection, mail: &Prepared) -> Result<(), Fault> {
    let mut parameters = Vec::new();
    let ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    if !ascii(&mail.to) || !ascii(&mail.from) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Fault { stage: Stage::Rcpt, code: Some(553), timeout: false });
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let from = connection.command(Mail::new(Some(mail.from.clone()), parameters));
    stage(Stage::Mail, STAGE_TIMEOUT, from).await?;
    stage(Stage::Rcpt, STAGE_TIMEOUT, connection.command(Rcpt::new(mail.to.clone(), Vec::new()))).await?;
    stage(Stage::Data, STAGE_TIMEOUT, connection.command(Data)).await?;
    stage(Stage::Content, CONTENT_TIMEOUT, connection.message(&mail.bytes)).await.map(drop)
}

/// What a failure means for the mail.
fn judge(fault: Fault) -> Verdict {
    let Fault { stage, code, timeout } = fault;
    let place = match stage {
        // lettre speaks EHLO only; a server that wants HELO cannot be used, and whoever reads this should know why.
        Stage::Connect if matches!(code, Some(500 | 502 | 504)) => "the greeting; the server has to know EHLO",
        Stage::Connect if code.is_some() => "the greeting",
        Stage::Connect => "connecting",
        Stage::Tls => "TLS, which is required",
        Stage::Login => "the login",
        Stage::Mail => "the sender",
        Stage::Rcpt => "the recipient",
        Stage::Data => "the start of the mail",
        Stage::Content => "the mail",
    };
    let why = match (code, timeout) {
        (Some(code), _) => format!("SMTP {code} to {place}"),
        (None, true) => format!("no SMTP answer in time to {place}"),
        (None, false) => format!("SMTP failed at {place}"),
    };
    let scope = match (stage, code) {
        (Stage::Content, None) => return Verdict::MayHaveLeft { why },
        (Stage::Rcpt | Stage::Data | Stage::Content, Some(code)) if code >= 500 && !wants_login(code) => {
            return Verdict::Refused { why, bad: None };
        }
        (_, Some(421)) => Scope::Way,
        // Greylisting, wherever the server says it: this recipient's, and nobody else's.
        (Stage::Rcpt | Stage::Data | Stage::Content, Some(400..500)) => Scope::Message,
        // Nothing of ours helps here: certificate, login or sender address have to be put right by a person.
        (Stage::Tls, None) if timeout => Scope::Way,
        (Stage::Tls, _) | (Stage::Login, None) => Scope::Account,
        (_, Some(code)) if code >= 500 => Scope::Account,
        _ => Scope::Way,
    };
    Verdict::NotSent { why, scope, retry_after: None }
}

/// Codes that speak of us, whatever command they answer.
const fn wants_login(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538)
}

fn prepare(message: &Message, from: &str, moment: Moment) -> Result<Prepared, &'static str> {
    let Content::Email { subject, text, html, in_reply_to, message_id, enclosed, .. } =
        message.content.reveal(PhiGrant::SEND)
    else {
        return Err("not a mail");
    };
    let to: Mailbox =
        message.address.reveal(PhiGrant::SEND).parse().map_err(|_| "the recipient is not a mail address")?;
    let from: Mailbox = from.parse().map_err(|_| "the sender is not a mail address")?;
    let one_line: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(one_line)
        .date(SystemTime::from(moment.real))
        .message_id(Some(in_angles(message_id)))
        .header(AutoSubmitted);
    if let Some(first) = in_reply_to {
        builder = builder.in_reply_to(in_angles(first)).references(in_angles(first));
    }
    let built = if enclosed.is_empty() && html.is_empty() {
        builder.singlepart(SinglePart::plain(text.clone()))
    } else if enclosed.is_empty() {
        builder.multipart(MultiPart::alternative_plain_html(text.clone(), html.clone()))
    } else {
        builder.multipart(with_files(text, html, enclosed)?)
    };
    let bytes = built.map_err(|_| "the mail cannot be put together")?.formatted();
    Ok(Prepared { from: from.email, to: to.email, bytes })
}

/// The text, the HTML with the pictures it shows, and the attachments.
fn with_files(text: &str, html: &str, enclosed: &[Enclosed]) -> Result<MultiPart, &'static str> {
    let (shown, attached): (Vec<&Enclosed>, Vec<&Enclosed>) =
        enclosed.iter().partition(|one| one.inline.is_some() && !html.is_empty());
    let alternative = MultiPart::alternative().singlepart(SinglePart::plain(text.to_owned()));
    let read = if html.is_empty() {
        alternative
    } else if shown.is_empty() {
        alternative.singlepart(SinglePart::html(html.to_owned()))
    } else {
        let mut related = MultiPart::related().singlepart(SinglePart::html(html.to_owned()));
        for one in shown {
            let id = one.inline.clone().unwrap_or_default();
            related = related.singlepart(file(one, Attachment::new_inline(id))?);
        }
        alternative.multipart(related)
    };
    if attached.is_empty() {
        return Ok(read);
    }
    let mut whole = MultiPart::mixed().multipart(read);
    for one in attached {
        whole = whole.singlepart(file(one, Attachment::new(one.name.clone()))?);
    }
    Ok(whole)
}

fn file(one: &Enclosed, attachment: Attachment) -> Result<SinglePart, &'static str> {
    let bytes = BASE64_STANDARD.decode(&one.body).map_err(|_| "an enclosed file is damaged")?;
    let kind = one.media_type.parse().map_err(|_| "an enclosed file has no kind")?;
    Ok(attachment.body(bytes, kind))
}

fn in_angles(id: &str) -> String {
    let bare: String = id.chars().filter(|c| !matches!(c, '<' | '>') && !c.is_whitespace()).collect();
    format!("<{bare}>")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// RFC 3834: no out-of-office answers, please.
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        alerts::step::Why,
        model::{AgencyName, Phi, local_time::from_micros},
        notify::message::{Channel, MessageId},
    };

    fn server(host: &str) -> SmtpTarget {
        SmtpTarget { host: host.to_owned(), port: 587, require_tls: true, hello: None }
    }

    fn integration(to: &[&str], host: &str) -> EmailConfig {
        EmailConfig {
            to: to.iter().map(|&to| Phi::new(to.to_owned())).collect(),
            from: format!("watch@{host}"),
            smarthost: server(host),
            auth: None,
            subject: None,
            text: None,
            html: None,
            send_resolved: true,
            phi: false,
        }
    }

    fn mail(receiver: &str, recipient: &str, to: &str) -> Message {
        let at = from_micros(1_800_000_000_000_000);
        Message {
            id: MessageId::from_stored("m".into()),
            agency: AgencyName::new("main"),
            receiver: receiver.into(),
            recipient: recipient.into(),
            channel: Channel::Email,
            gateways: Vec::new(),
            address: Phi::new(to.into()),
            content: Phi::new(Content::Email {
                subject: String::new(),
                text: String::new(),
                html: String::new(),
                in_reply_to: None,
                message_id: "m@example.com".into(),
                from: "old@example.com".into(),
                smarthost: server("stored.example.com"),
                enclosed: Vec::new(),
            }),
            why: Why::FirstFiring,
            urgency: 1,
            created_at: at,
            useful_until: at,
            fired_at: at,
            follows: Vec::new(),
        }
    }

    #[test]
    fn a_mail_goes_by_the_present_configuration_of_its_address() {
        let receiver = Receiver {
            name: "office".into(),
            email: vec![
                integration(&["a@example.com", "b@example.com"], "one.example.com"),
                integration(&["b@example.com"], "two.example.com"),
            ],
            ..Receiver::default()
        };
        let shadow = Shadow {
            until: from_micros(0),
            to: Phi::new("trial@example.com".into()),
            from: "watch@shadow.example.com".into(),
            smarthost: server("shadow.example.com"),
        };
        let smtp = Smtp::new(&[receiver], Vec::new(), Some(shadow));
        let cases = [
            ("office", "email/0/1", "b@example.com", "one.example.com", "its own place"),
            ("office", "email/1/0", "b@example.com", "two.example.com", "its own place"),
            ("office", "email/1/0", "a@example.com", "one.example.com", "it moved"),
            ("office", "email/9/0", "a@example.com", "one.example.com", "its place is gone"),
            ("office", "email/0/0", "c@example.com", "stored.example.com", "the address is gone"),
            ("nobody", "email/0/0", "a@example.com", "stored.example.com", "the receiver is gone"),
            ("office", "sms/0/0", "trial@example.com", "shadow.example.com", "a text that became a mail"),
        ];
        for (receiver, recipient, to, host, shows) in cases {
            let message = mail(receiver, recipient, to);
            let route = smtp.route(&message).unwrap();
            assert_eq!(route.target.host, host, "{shows}");
            assert_eq!(route.from.contains("old"), host.starts_with("stored"), "{shows}");
        }
        assert_eq!(smtp.targets().count(), 3);
    }

    #[test]
    fn a_fault_is_judged_by_its_stage() {
        let kind = |stage, code| match judge(Fault { stage, code, timeout: false }) {
            Verdict::Sent { .. } => "sent",
            Verdict::NotSent { scope: Scope::Message, .. } => "message",
            Verdict::NotSent { scope: Scope::Way, .. } => "way",
            Verdict::NotSent { scope: Scope::Account, .. } => "account",
            Verdict::MayHaveLeft { .. } => "uncertain",
            Verdict::Refused { .. } => "refused",
        };
        let cases = [
            ("nobody there", Stage::Connect, None, "way"),
            ("not now", Stage::Connect, Some(421), "way"),
            ("not you", Stage::Connect, Some(554), "account"),
            ("no TLS on offer: never in the clear", Stage::Tls, None, "account"),
            ("wrong password", Stage::Login, Some(535), "account"),
            ("login busy", Stage::Login, Some(454), "way"),
            ("broke after the greeting", Stage::Mail, None, "way"),
            ("not that sender", Stage::Mail, Some(550), "account"),
            ("no such user", Stage::Rcpt, Some(550), "refused"),
            ("greylisted", Stage::Rcpt, Some(450), "message"),
            ("mailbox server going down", Stage::Rcpt, Some(421), "way"),
            ("log in first", Stage::Rcpt, Some(530), "account"),
            ("broke before the content", Stage::Data, None, "way"),
            ("greylisted at the start of the mail", Stage::Data, Some(451), "message"),
            ("content refused", Stage::Content, Some(554), "refused"),
            ("content refused for now", Stage::Content, Some(451), "message"),
            ("content written, no answer", Stage::Content, None, "uncertain"),
        ];
        for (shows, stage, code, expected) in cases {
            assert_eq!(kind(stage, code), expected, "{shows}");
        }
    }

    #[test]
    fn a_server_that_knows_no_ehlo_is_named_as_such() {
        let why = |code| match judge(Fault { stage: Stage::Connect, code, timeout: false }) {
            Verdict::NotSent { why, .. } => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(Some(502)), "SMTP 502 to the greeting; the server has to know EHLO");
        assert_eq!(why(Some(554)), "SMTP 554 to the greeting");
        assert_eq!(why(None), "SMTP failed at connecting");
    }

    #[test]
    fn ids_stand_in_angles_once() {
        for id in ["ab@example.com", "<ab@example.com>", " <ab@example.com>\r\n"] {
            assert_eq!(in_angles(id), "<ab@example.com>");
        }
    }
}
