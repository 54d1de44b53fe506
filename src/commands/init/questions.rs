//! The eight questions.
//!
//! Given: whoever answers, and what is answered already. Gives: answers that can be used. Does not: write a file.

use std::io::{BufRead, Write};

use super::{
    super::terminal::Unseen,
    BASE_URL, Given, InitError, WELLSKY,
    people::{self, Paged},
};
use crate::config::{
    address::{host_and_port, is_e164, is_mail, split_mails},
    zone,
};

/// `AC` and 32 digits and letters.
const SID_CHARS: usize = 34;

/// The answers, checked.
pub(super) struct Answers {
    pub(super) title: String,
    pub(super) timezone: String,
    pub(super) wellsky: [String; 3],
    pub(super) base_url: Option<String>,
    pub(super) mail_to: Vec<String>,
    pub(super) mail_server: String,
    pub(super) mail_from: String,
    pub(super) mail_password: Option<String>,
    pub(super) people: Vec<Paged>,
    pub(super) twilio: Option<[String; 3]>,
    /// Who asked for reminders.
    pub(super) reminders: Vec<String>,
}

/// Whoever answers.
pub(super) struct Talk<'t> {
    pub(super) input: &'t mut dyn BufRead,
    pub(super) output: &'t mut dyn Write,
    pub(super) at_terminal: bool,
}

impl Talk<'_> {
    /// Asks until an answer can be used, or there is none: a slip at the seventh question loses nothing of the first
    /// six. An answer given beforehand is not asked again.
    fn ask<T>(
        &mut self,
        question: &'static str,
        hint: &str,
        given: Option<&String>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, InitError> {
        if let Some(given) = given {
            return read(given.trim()).map_err(|why| InitError::Answer { question, why });
        }
        loop {
            let gap = if hint.is_empty() { "" } else { " " };
            write!(self.output, "{question}{gap}{hint}: ")?;
            match read(self.line(question)?.trim()) {
                Ok(answer) => return Ok(answer),
                Err(why) => writeln!(self.output, "  {why}")?,
            }
        }
    }

    /// The same for a secret, which the terminal does not show.
    fn ask_unseen(
        &mut self,
        question: &'static str,
        read: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, InitError> {
        let _unseen = Unseen::begin();
        self.ask(question, "(not shown)", None, read)
    }

    fn line(&mut self, question: &'static str) -> Result<String, InitError> {
        self.output.flush()?;
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            return Err(InitError::Ended { question });
        }
        Ok(line)
    }

    /// Three words with the secret in the middle; at a terminal each for itself, though all three in one line will do.
    /// `None`: nothing was written, and that is allowed.
    fn three(
        &mut self,
        question: &'static str,
        parts: [(&'static str, &'static str); 2],
        hint: &str,
        given: Option<&String>,
        read: impl Fn(&str) -> Result<Option<Vec<String>>, String>,
    ) -> Result<Option<[String; 3]>, InitError> {
        let at_terminal = self.at_terminal;
        let hint = match (hint, at_terminal) {
            ("", true) => "(the first alone; the others are asked for next)",
            ("", false) => "(three words)",
            (hint, _) => hint,
        };
        let first = self.ask(question, hint, given, |text| match (read(text)?, at_terminal) {
            (Some(words), true) if words.len() == 1 => Ok(Some(words)),
            (Some(words), _) if words.len() == 3 => Ok(Some(words)),
            (None, _) => Ok(None),
            (Some(_), true) => Err("write the first alone, or the three of them with spaces between".to_owned()),
            (Some(_), false) => Err("write the three of them with spaces between".to_owned()),
        })?;
        let Some(first) = first else { return Ok(None) };
        if let Ok(all) = <[String; 3]>::try_from(first.clone()) {
            return Ok(Some(all));
        }
        let one = |text: &str| match text.split_whitespace().collect::<Vec<_>>().as_slice() {
            [word] => Ok((*word).to_owned()),
            _ => Err("write one word".to_owned()),
        };
        let [(secret, _), (last, hint)] = parts;
        let secret = self.ask_unseen(secret, one)?;
        let last = self.ask(last, hint, None, one)?;
        Ok(Some([first.concat(), secret, last]))
    }
}

pub(super) fn ask(
    given: &Given,
    env: &dyn Fn(&str) -> Option<String>,
    talk: &mut Talk<'_>,
) -> Result<Answers, InitError> {
    let title = talk.ask(
        "1/8 A short name that opens every text",
        "(up to 10 characters, such as CCA)",
        given.title.as_ref(),
        |text| match text.chars().count() {
            0 => Err("write at least one character".into()),
            1..=10 => Ok(text.to_owned()),
            n => Err(format!("that has {n} characters; write at most 10")),
        },
    )?;
    // A server on UTC says nothing about where the agency is, and texts would be hours off.
    let here = iana_time_zone::get_timezone().ok().filter(|name| zone::parse(name).is_ok() && is_a_place(name));
    let hint = here.as_ref().map_or_else(|| "(such as America/Denver)".to_owned(), |zone| format!("[{zone}]"));
    let timezone =
        talk.ask("2/8 Time zone of the agency", &hint, given.timezone.as_ref(), |text| match (text, &here) {
            ("", Some(here)) => Ok(here.clone()),
            _ => {
                zone::parse(text).map(|zone| zone.name().to_owned()).map_err(|says| format!("not a time zone; {says}"))
            }
        })?;
    if !is_a_place(&timezone) {
        writeln!(talk.output, "  note: texts will say times in {timezone}; an agency's own zone is a place's")?;
    }
    let set: Option<Vec<String>> = WELLSKY.iter().map(|name| env(name)).collect();
    let set = set.and_then(|set| <[String; 3]>::try_from(set).ok());
    let wellsky = talk.three(
        "3/8 WellSky client id, client secret and agency id",
        [("    client secret", ""), ("    agency id", "")],
        if set.is_some() { "[those in the environment]" } else { "" },
        given.wellsky.as_ref(),
        |text| match (words(text), &set) {
            (words, Some(_)) if words.is_empty() => Ok(None),
            (words, _) => Ok(Some(words)),
        },
    )?;
    // What the environment says now is written down: the next shell, or the service manager, may not say it.
    let Some(wellsky) = wellsky.or(set) else {
        return Err(InitError::Ended { question: "3/8 WellSky client id, client secret and agency id" });
    };
    let mail_to =
        talk.ask("4/8 Who gets mail", "(addresses between commas; empty = nobody)", given.mail_to.as_ref(), |text| {
            let addresses = split_mails(text);
            if addresses.iter().all(|address| is_mail(address)) {
                Ok(addresses)
            } else {
                Err("write addresses as office@example.com, with commas between".into())
            }
        })?;
    let (mut mail_server, mut mail_from, mut mail_password) = (String::new(), String::new(), None);
    if !mail_to.is_empty() {
        mail_server = talk.ask(
            "5/8 Mail server",
            "(host:port, such as mail.example.com:587)",
            given.mail_server.as_ref(),
            |text| {
                host_and_port(text)
                    .map(|_| text.to_owned())
                    .ok_or_else(|| "write it as mail.example.com:587".to_owned())
            },
        )?;
        let hint =
            if talk.at_terminal { "(the address alone; the password is asked for next)" } else { "(one or two words)" };
        (mail_from, mail_password) = talk.ask(
            "6/8 Sender's address, and the password if the server wants one",
            hint,
            given.mail_from.as_ref(),
            |text| {
                let (from, password) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
                let password = password.trim();
                if is_mail(from) {
                    Ok((from.to_owned(), (!password.is_empty()).then(|| password.to_owned())))
                } else {
                    Err("write an address as watch@example.com, then a space and the password".into())
                }
            },
        )?;
    }
    if talk.at_terminal && !mail_to.is_empty() && mail_password.is_none() {
        let password =
            talk.ask_unseen("    password, or nothing if the server wants none", |text| Ok(text.to_owned()))?;
        mail_password = Some(password).filter(|password| !password.is_empty());
    }
    let people = talk.ask(
        "7/8 Who is paged by text and call: an id and a phone, first who is on call, then the backup",
        "(such as night-1 +12025550111, office-lead +12025550112; empty = nobody)",
        given.people.as_ref(),
        people::read,
    )?;
    if let [only] = people.as_slice() {
        writeln!(talk.output, "  note: when {} does not answer, nobody else is paged; name a backup, too", only.id)?;
    }
    let mut twilio = None;
    if !people.is_empty() {
        let question = "8/8 Twilio account SID, auth token and number to send from";
        let parts = [("    auth token", ""), ("    number to send from", "(such as +12025550100)")];
        let read = |text: &str| {
            let mut words = words(text);
            let sid = words.first().ok_or("write what Twilio's console shows for the account")?;
            if sid.len() != SID_CHARS || !sid.starts_with("AC") || !sid.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err("the first is the account's SID: AC and 32 digits and letters".to_owned());
            }
            if let [_, _, from] = words.as_mut_slice() {
                *from = phone(from)?;
            }
            Ok(Some(words))
        };
        twilio = talk.three(question, parts, "", given.twilio.as_ref(), read)?;
    }
    if let Some([_, _, from]) = &mut twilio {
        *from = match phone(from) {
            Ok(number) => number,
            Err(why) => {
                writeln!(talk.output, "  {why}")?;
                talk.ask("    number to send from", "(such as +12025550100)", None, phone)?
            }
        };
    }
    let reminders = if twilio.is_some() { reminders(given, talk)? } else { Vec::new() };
    let base_url = env(BASE_URL);
    Ok(Answers {
        title,
        timezone,
        wellsky,
        base_url,
        mail_to,
        mail_server,
        mail_from,
        mail_password,
        people,
        twilio,
        reminders,
    })
}

/// An offer, not a question that has to be answered: whoever says nothing more wants none.
fn reminders(given: &Given, talk: &mut Talk<'_>) -> Result<Vec<String>, InitError> {
    let asked = talk.ask(
        "Reminders by text to caregivers who asked for them, before a shift and when no check-in or check-out is seen: their WellSky ids",
        "(such as 8000201, 8000202; empty = none, the file says how to switch them on)",
        given.reminders.as_ref(),
        |text| {
            let ids: Vec<String> = text.split([',', ' ']).filter(|id| !id.is_empty()).map(ToOwned::to_owned).collect();
            match ids.iter().find(|id| !id.chars().all(|c| c.is_ascii_digit())) {
                Some(id) => Err(format!("{id} is no WellSky id of a caregiver: a whole number; an empty answer is none")),
                None => Ok(ids),
            }
        },
    );
    match asked {
        Err(InitError::Ended { .. }) => Ok(Vec::new()),
        asked => asked,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Whether a zone is that of a place, not UTC by one of its names.
fn is_a_place(zone: &str) -> bool {
    zone.contains('/') && !zone.starts_with("Etc/")
}

/// A number as E.164: people write spaces, dots, brackets and quotes, and a number in the US without its `+1`.
pub(super) fn phone(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !"-.()\"'".contains(*c)).collect();
    let number = match bare.as_bytes() {
        digits @ [_, ..] if !digits.iter().all(u8::is_ascii_digit) => bare,
        digits if digits.len() == 10 => format!("+1{bare}"),
        [b'1', ..] if bare.len() == 11 => format!("+{bare}"),
        _ => bare,
    };
    if is_e164(&number) { Ok(number) } else { Err("write it as +12025550111: + and the country code first".to_owned()) }
}
