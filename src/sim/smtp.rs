//! A mail server on loopback that keeps what it is given, and fails at the stage it is told to.
//!
//! Given: SMTP sessions. Gives: [`Mail`]s. EHLO, HELO, AUTH PLAIN and LOGIN (anything is accepted), MAIL, RCPT, DATA,
//! RSET, NOOP, VRFY, QUIT; dots are unstuffed. Does not: speak TLS, relay, or check addresses.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::Notify,
};

use super::{
    edge::{DoorListener, Line, Listening, Wire, lock, pause},
    mail::Mail,
};
use crate::clock::Clock;

const CONTENT_MAX_BYTES: usize = 4 << 20;
const HANG: Duration = Duration::from_mins(10);

/// A moment of an SMTP session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpStage {
    /// The greeting.
    Connect,
    /// EHLO or HELO.
    Hello,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, before any content.
    Data,
    /// After the content: whether it was taken is for the fault to say.
    Content,
}

/// What goes wrong there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpFaultAnswer {
    /// This reply code with some text; the mail is not taken.
    Code(u16),
    /// No reply, for ever; after the content the mail *is* taken.
    Hang,
    /// The connection breaks; after the content the mail *is* taken.
    Drop,
    /// The connection breaks; after the content the mail is *not* taken.
    DropUntaken,
    /// The right reply after so many milliseconds.
    SlowMs(u64),
}

/// A scripted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpFault {
    /// Where.
    pub at: SmtpStage,
    /// Only for this recipient (at `rcpt` and later); empty = all.
    #[serde(default)]
    pub to: String,
    /// How often; absent = for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What.
    pub answer: SmtpFaultAnswer,
}

impl SmtpFault {
    /// Every time at this stage.
    pub const fn new(at: SmtpStage, answer: SmtpFaultAnswer) -> Self {
        Self { at, to: String::new(), times: None, answer }
    }

    /// The next `times` only.
    #[must_use]
    pub const fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// For this recipient only.
    #[must_use]
    pub fn to(mut self, to: &str) -> Self {
        to.clone_into(&mut self.to);
        self
    }
}

/// The mail server: its inbox and its faults.
#[derive(Default)]
pub(crate) struct Smtp {
    pub(crate) mails: Vec<Mail>,
    faults: Vec<(SmtpFault, u32)>,
    /// How many sessions reached each verb, for tests of what a client sends.
    pub(crate) verbs: BTreeMap<String, u32>,
}

impl Smtp {
    pub(crate) fn set_faults(&mut self, faults: Vec<SmtpFault>) {
        self.faults = faults.into_iter().map(|fault| (fault, 0)).collect();
    }

    fn fault(&mut self, at: SmtpStage, to: &[String]) -> Option<SmtpFaultAnswer> {
        let meant = |fault: &SmtpFault| fault.to.is_empty() || to.contains(&fault.to);
        let (fault, hits) = self
            .faults
            .iter_mut()
            .find(|(fault, hits)| fault.at == at && meant(fault) && fault.times.is_none_or(|times| *hits < times))?;
        *hits += 1;
        Some(fault.answer.clone())
    }
}

/// Serves mail at `addr`.
pub(crate) async fn serve(
    addr: SocketAddr,
    smtp: Arc<Mutex<Smtp>>,
    clock: Clock,
    changed: Arc<Notify>,
) -> io::Result<Listening> {
    let mut listener = DoorListener::bind(addr).await?;
    let (addr, door) = (listener.addr(), listener.door());
    let task = tokio::spawn(async move {
        loop {
            let (wire, line) = listener.connection().await;
            let session = Session {
                wire: BufReader::new(wire),
                line,
                smtp: smtp.clone(),
                clock: clock.clone(),
                changed: changed.clone(),
                user: String::new(),
                from: None,
                to: Vec::new(),
            };
            tokio::spawn(async move {
                // A connection that breaks ends its session; what was taken by then is in the inbox.
                let _ended = session.run().await;
            });
        }
    });
    Ok(Listening::new(addr, door, task))
}

struct Session {
    wire: BufReader<Wire>,
    line: Line,
    smtp: Arc<Mutex<Smtp>>,
    clock: Clock,
    changed: Arc<Notify>,
    user: String,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        self.reply_at(SmtpStage::Connect, "220 sim.example.com ESMTP").await?;
        loop {
            let Some(line) = self.read_line().await? else { return Ok(()) };
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            let verb = verb.to_ascii_uppercase();
            *lock(&self.smtp).verbs.entry(verb.clone()).or_default() += 1;
            match verb.as_str() {
                "EHLO" => {
                    self.forget();
                    let words = "250-sim.example.com\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN LOGIN";
                    self.reply_at(SmtpStage::Hello, words).await?;
                }
                "HELO" => {
                    self.forget();
                    self.reply_at(SmtpStage::Hello, "250 sim.example.com").await?;
                }
                "AUTH" => self.authenticate(rest.to_owned()).await?,
                "MAIL" => {
                    self.forget();
                    let from = address(rest);
                    if self.reply_at(SmtpStage::Mail, "250 2.1.0 Ok").await? {
                        self.from = Some(from);
                    }
                }
                "RCPT" if self.from.is_none() => self.say("503 5.5.1 Need MAIL first").await?,
                "RCPT" => {
                    let to = address(rest);
                    self.to.push(to);
                    if !self.reply_at(SmtpStage::Rcpt, "250 2.1.5 Ok").await? {
                        self.to.pop();
                    }
                }
                "DATA" if self.to.is_empty() => self.say("503 5.5.1 Need RCPT first").await?,
                "DATA" => {
                    if self.reply_at(SmtpStage::Data, "354 End data with <CR><LF>.<CR><LF>").await? {
                        self.take_content().await?;
                    }
                }
                "RSET" => {
                    self.forget();
                    self.say("250 2.0.0 Ok").await?;
                }
                "NOOP" => self.say("250 2.0.0 Ok").await?,
                "VRFY" => self.say("252 2.0.0 Maybe").await?,
                "QUIT" => {
                    self.say("221 2.0.0 Bye").await?;
                    return self.wire.get_mut().shutdown().await;
                }
                "STARTTLS" => self.say("454 4.7.0 TLS not available").await?,
                _ => self.say("502 5.5.2 Command not recognized").await?,
            }
        }
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn authenticate(&mut self, rest: String) -> io::Result<()> {
        let (kind, first) = rest.split_once(' ').unwrap_or((rest.as_str(), ""));
        let decoded = |text: &str| {
            BASE64_STANDARD.decode(text.trim()).map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default()
        };
        if kind.eq_ignore_ascii_case("LOGIN") {
            let mut user = decoded(first);
            if first.is_empty() {
                self.say("334 VXNlcm5hbWU6").await?;
                user = decoded(&self.read_line().await?.unwrap_or_default());
            }
            self.say("334 UGFzc3dvcmQ6").await?;
            let _password = self.read_line().await?;
            self.user = user;
        } else {
            let mut text = first.to_owned();
            if text.is_empty() {
                self.say("334 ").await?;
                text = self.read_line().await?.unwrap_or_default();
            }
            decoded(&text).split('\0').nth(1).unwrap_or_default().clone_into(&mut self.user);
        }
        self.reply_at(SmtpStage::Auth, "235 2.7.0 Authentication successful").await?;
        Ok(())
    }

    async fn take_content(&mut self) -> io::Result<()> {
        let mut raw = String::new();
        loop {
            let Some(line) = self.read_line().await? else { return Ok(()) };
            if line == "." {
                break;
            }
            if raw.len() < CONTENT_MAX_BYTES {
                raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                raw.push_str("\r\n");
            }
        }
        let mail = Mail {
            at: self.clock.now(),
            from: self.from.clone().unwrap_or_default(),
            to: self.to.clone(),
            user: self.user.clone(),
            raw,
        };
        let fault = lock(&self.smtp).fault(SmtpStage::Content, &self.to);
        if !matches!(fault, Some(SmtpFaultAnswer::Code(_) | SmtpFaultAnswer::DropUntaken)) {
            lock(&self.smtp).mails.push(mail);
            self.changed.notify_waiters();
        }
        self.forget();
        self.carry_out(fault, "250 2.0.0 Ok: queued").await?;
        Ok(())
    }

    /// Says `words` unless a fault stands at this stage; false when the client was refused.
    async fn reply_at(&mut self, stage: SmtpStage, words: &str) -> io::Result<bool> {
        let fault = lock(&self.smtp).fault(stage, &self.to);
        self.carry_out(fault, words).await
    }

    async fn carry_out(&mut self, fault: Option<SmtpFaultAnswer>, words: &str) -> io::Result<bool> {
        match fault {
            None => {
                self.say(words).await?;
                Ok(true)
            }
            Some(SmtpFaultAnswer::SlowMs(ms)) => {
                pause(Duration::from_millis(ms)).await;
                self.say(words).await?;
                Ok(true)
            }
            Some(SmtpFaultAnswer::Code(code)) => {
                self.say(&format!("{code} Scripted failure")).await?;
                Ok(false)
            }
            Some(SmtpFaultAnswer::Hang) => {
                pause(HANG).await;
                Err(io::ErrorKind::TimedOut.into())
            }
            Some(SmtpFaultAnswer::Drop | SmtpFaultAnswer::DropUntaken) => {
                self.line.cut();
                Err(io::ErrorKind::ConnectionReset.into())
            }
        }
    }

    async fn say(&mut self, words: &str) -> io::Result<()> {
        let wire = self.wire.get_mut();
        wire.write_all(words.as_bytes()).await?;
        wire.write_all(b"\r\n").await?;
        wire.flush().await
    }

    /// A line without its end; `None` when the client has gone.
    async fn read_line(&mut self) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        if self.wire.read_until(b'\n', &mut bytes).await? == 0 {
            return Ok(None);
        }
        while bytes.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            bytes.pop();
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// The address of `FROM:<a@b> SIZE=1`.
fn address(rest: &str) -> String {
    let inner = rest.split_once('<').and_then(|(_, it)| it.split_once('>')).map(|(it, _)| it);
    inner.unwrap_or_else(|| rest.split_once(':').map_or(rest, |(_, it)| it)).trim().to_owned()
}
