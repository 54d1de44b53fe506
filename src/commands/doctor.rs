//! `shiftwatch doctor`: tries everything outside, before a night depends on it.
//!
//! Given: a checked configuration. Gives: a line for each thing tried, `ok`, `warn` or `FAIL`, with what it means and
//! what to do, as it goes; it settles what the vendor's contract leaves open (page base, shape of an open shift, time
//! zone of visits, …) for this agency.
//! Does not: write anything at the vendor, send a message (unless asked to, to one address), print a name, phone or
//! address, or share code with the source: it is a second opinion.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use super::Exit;
use crate::{
    config::Config,
    notify::{message::SmtpTarget, receiver::Receiver},
};

mod mail;
mod phone;
mod probe;
mod settle;
mod shapes;
mod texts;
mod wellsky;

/// What to try besides the usual.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Send one test message there: a mail address or an E.164 number.
    pub send_to: Option<String>,
    /// Text this person of `people`, and wait for their answer.
    pub text: Option<String>,
    /// How many clients' shifts to look at; at least 1.
    pub n_clients: usize,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but somebody should know.
    Warn,
    /// Does not work.
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// How it stands.
    pub level: Level,
    /// What was tried, a word or two.
    pub what: &'static str,
    /// What was found, what it means, what to do. No PHI.
    pub says: String,
}

impl Line {
    fn ok(what: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Ok, what, says: says.into() }
    }

    fn warn(what: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Warn, what, says: says.into() }
    }

    fn fail(what: &'static str, says: impl Into<String>) -> Self {
        Self { level: Level::Fail, what, says: says.into() }
    }
}

/// Writes lines as they come and counts them.
struct Notes<'out, W> {
    out: &'out mut W,
    n_warn: usize,
    n_fail: usize,
}

impl<W: Write> Notes<'_, W> {
    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{text}")?;
        self.out.flush()
    }

    /// Something that takes a while begins.
    fn begun(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "  …   {text}")?;
        self.out.flush()
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let level = match line.level {
            Level::Ok => "ok",
            Level::Warn => {
                self.n_warn += 1;
                "warn"
            }
            Level::Fail => {
                self.n_fail += 1;
                "FAIL"
            }
        };
        writeln!(self.out, "{level:<4}  {:<18}  {}", line.what, line.says)?;
        self.out.flush()
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = Line>) -> io::Result<()> {
        lines.into_iter().try_for_each(|line| self.line(&line))
    }
}

/// Tries everything; [`Exit::Failed`] when any line is FAIL.
pub async fn run(config: &Config, wish: &Wish, out: &mut impl Write) -> io::Result<Exit> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut notes = Notes { out, n_warn: 0, n_fail: 0 };
    for agency in &config.agencies {
        notes.heading(&format!("{}: the vendor at {}", agency.name, agency.wellsky.base_url))?;
        wellsky::examine(agency, wish.n_clients.max(1), &mut notes).await?;
    }
    let servers = smtp_servers(config);
    if !servers.is_empty() {
        notes.heading("Mail: connecting and logging in, sending nothing")?;
    }
    for (target, auth) in &servers {
        notes.line(&mail::examine(target, auth.as_ref()).await)?;
    }
    if !config.sms_gateways.is_empty() {
        notes.heading("Text messages: logging in, sending nothing")?;
    }
    for gateway in &config.sms_gateways {
        notes.lines(texts::examine(gateway).await)?;
    }
    if let Some(to) = &wish.send_to {
        notes.heading("One test message, as asked")?;
        notes.line(&send(config, &servers, to).await)?;
    }
    if let Some(person) = &wish.text {
        notes.heading("One text to a person, and their answer, as asked")?;
        phone::examine(config, person, phone::Patience::default(), &mut notes).await?;
    }
    let tells =
        |it: &Receiver| !(it.email.is_empty() && it.sms.is_empty() && it.webhook.is_empty() && it.page.is_empty());
    if !config.receivers.iter().any(tells) {
        notes.line(&Line::warn("telling", "no receiver has an address: everything is watched and nobody is told"))?;
    }
    let (n_warn, n_fail) = (notes.n_warn, notes.n_fail);
    let verdict = match (n_fail, n_warn) {
        (0, 0) => "All is well.".to_owned(),
        (0, n) => format!("Nothing fails; {n} to know about."),
        (n, _) => format!("{n} FAIL: shiftwatch cannot keep its promise until that is solved."),
    };
    writeln!(notes.out, "\n{verdict}")?;
    Ok(if n_fail == 0 { Exit::Done } else { Exit::Failed })
}

type Login = Option<crate::notify::receiver::SmtpAuth>;

/// Every SMTP server of the receivers, each with its login, once.
fn smtp_servers(config: &Config) -> Vec<(SmtpTarget, Login)> {
    let mut seen = BTreeSet::new();
    config
        .receivers
        .iter()
        .flat_map(|receiver| &receiver.email)
        .filter(|email| {
            let user = email.auth.as_ref().map(|auth| auth.username.clone());
            seen.insert((email.smarthost.host.clone(), email.smarthost.port, email.smarthost.require_tls, user))
        })
        .map(|email| (email.smarthost.clone(), email.auth.clone()))
        .collect()
}

async fn send(config: &Config, servers: &[(SmtpTarget, Login)], to: &str) -> Line {
    const NO_WAY: &str = "the configuration has no way to send there; add an email_configs or an sms_configs";
    let title = config.agencies.first().map_or("shiftwatch", |agency| agency.title.as_str());
    if to.contains('@') {
        let from = config.receivers.iter().flat_map(|receiver| &receiver.email).map(|email| email.from.clone()).next();
        match (servers.first(), from) {
            (Some((target, auth)), Some(from)) => mail::send(target, auth.as_ref(), &from, to, title).await,
            _ => Line::fail("test mail", NO_WAY),
        }
    } else if config.sms_gateways.is_empty() {
        Line::fail("test text", NO_WAY)
    } else {
        texts::send(&config.sms_gateways, to, title).await
    }
}

#[cfg(test)]
mod tests;
