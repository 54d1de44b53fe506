//! `init`: eight questions become a configuration of at most 25 lines and a `secrets.env` that only its owner reads.
//!
//! `secrets.env` stands beside the configuration, where every command finds it by itself; it also serves as a service
//! manager's environment file. Does not: connect anywhere; `doctor` tries what was answered.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use super::terminal::Unseen;
use crate::config::{
    Config, SECRETS_FILE,
    address::{host_and_port, is_e164, is_mail, split_mails},
    fault::Fault,
    zone,
};

/// The variables of the vendor's credentials, in the order in which they are asked for.
const WELLSKY: [&str; 3] = ["WELLSKY_CLIENT_ID", "WELLSKY_CLIENT_SECRET", "WELLSKY_AGENCY_ID"];
/// The variable that names another host of the vendor's.
const BASE_URL: &str = "WELLSKY_BASE_URL";
/// `AC` and 32 digits and letters.
const SID_CHARS: usize = 34;

/// Answers given beforehand (flags), each in the words the question asks for; `None` = ask.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Opens every text.
    pub title: Option<String>,
    /// IANA name.
    pub timezone: Option<String>,
    /// Client id, client secret and agency id, between spaces; empty = from the environment.
    pub wellsky: Option<String>,
    /// Mail addresses between commas; empty = nobody by mail.
    pub mail_to: Option<String>,
    /// `host:port`.
    pub mail_server: Option<String>,
    /// Sender's address and, where the server wants one, the password after a space.
    pub mail_from: Option<String>,
    /// Phone numbers between commas; empty = no texts.
    pub phones: Option<String>,
    /// Twilio's account SID, auth token and number, between spaces.
    pub twilio: Option<String>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The folder to write to is not there.
    #[error("{} is no folder; make it first (mkdir -p), or name another with --dir. Nothing was asked or written", path.display())]
    NoFolder {
        /// Which.
        path: PathBuf,
    },
    /// A file is there already.
    #[error("{} is there already; nothing was written. Name another folder with --dir, or write over it with --force", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// An answer cannot be used, and there is nobody to ask again.
    #[error("{question}: {why}. Nothing was written")]
    Answer {
        /// The question, shortened.
        question: &'static str,
        /// What is wrong and what to write.
        why: String,
    },
    /// The input ended.
    #[error("the input ended before the question \"{question}\". Nothing was written")]
    Ended {
        /// The question, shortened.
        question: &'static str,
    },
    /// The input cannot be read or the output not written.
    #[error("cannot talk to whoever answers")]
    Talk(#[from] io::Error),
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was written does not read: our mistake, shown with the faults.
    #[error("what was written to {} does not check: {}", path.display(), faults.first().map(ToString::to_string).unwrap_or_default())]
    Unsound {
        /// The configuration.
        path: PathBuf,
        /// Every fault.
        faults: Vec<Fault>,
    },
}

/// The answers, checked.
struct Answers {
    title: String,
    timezone: String,
    wellsky: [String; 3],
    base_url: Option<String>,
    mail_to: Vec<String>,
    mail_server: String,
    mail_from: String,
    mail_password: Option<String>,
    phones: Vec<String>,
    twilio: Option<[String; 3]>,
}

/// Asks, writes both files and checks what was written. `at_terminal`: a person types, and secrets are asked for one by
/// one, unseen; else each answer is a line as it comes.
pub fn init(
    path: &Path,
    force: bool,
    given: &Given,
    env: &dyn Fn(&str) -> Option<String>,
    at_terminal: bool,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<(), InitError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(InitError::NoFolder { path: folder.to_owned() });
    }
    let secrets_path = path.parent().unwrap_or(Path::new("")).join(SECRETS_FILE);
    for path in [path, &secrets_path] {
        if !force && path.exists() {
            return Err(InitError::Exists { path: path.to_owned() });
        }
    }
    let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let answers = ask(given, &env, &mut Talk { input, output, at_terminal })?;
    let secrets = secrets(&answers);
    write_secrets(&secrets_path, &written(&secrets))?;
    let source = |source| InitError::Write { path: path.to_owned(), source };
    fs::write(path, configuration(&answers) + store_line(path)).map_err(source)?;
    Config::load(Some(path), &env).map_err(|faults| InitError::Unsound { path: path.to_owned(), faults })?;
    let shown = path.display();
    writeln!(output, "\nWrote {shown} and {} (secrets; only you can read it).", secrets_path.display())?;
    writeln!(output, "Secrets are read from {SECRETS_FILE} beside the configuration; the environment goes before it.")?;
    for (name, value) in &secrets {
        if env(name).is_some_and(|set| set != *value) {
            writeln!(
                output,
                "note: {name} is set to something else in this shell, and that goes before what you wrote: unset {name}"
            )?;
        }
    }
    if answers.base_url.is_some() {
        writeln!(
            output,
            "note: {BASE_URL} is set, so the configuration names that host (base_url), not WellSky's own"
        )?;
    }
    Ok(())
}

/// Whoever answers.
struct Talk<'t> {
    input: &'t mut dyn BufRead,
    output: &'t mut dyn Write,
    at_terminal: bool,
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

fn ask(given: &Given, env: &dyn Fn(&str) -> Option<String>, talk: &mut Talk<'_>) -> Result<Answers, InitError> {
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
    let phones =
        talk.ask("7/8 Who gets texts", "(numbers between commas; empty = nobody)", given.phones.as_ref(), |text| {
            text.split(',').map(str::trim).filter(|number| !number.is_empty()).map(phone).collect::<Result<Vec<_>, _>>()
        })?;
    let mut twilio = None;
    if !phones.is_empty() {
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
    let base_url = env(BASE_URL);
    Ok(Answers { title, timezone, wellsky, base_url, mail_to, mail_server, mail_from, mail_password, phones, twilio })
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Whether a zone is that of a place, not UTC by one of its names.
fn is_a_place(zone: &str) -> bool {
    zone.contains('/') && !zone.starts_with("Etc/")
}

/// A number as E.164: people write spaces, dots, brackets and quotes, and a number in the US without its `+1`.
fn phone(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !"-.()\"'".contains(*c)).collect();
    let number = match bare.as_bytes() {
        digits @ [_, ..] if !digits.iter().all(u8::is_ascii_digit) => bare,
        digits if digits.len() == 10 => format!("+1{bare}"),
        [b'1', ..] if bare.len() == 11 => format!("+{bare}"),
        _ => bare,
    };
    if is_e164(&number) { Ok(number) } else { Err("write it as +12025550111: + and the country code first".to_owned()) }
}

/// The configuration's text.
fn configuration(answers: &Answers) -> String {
    let quote = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    let mut lines = vec![
        "# Secrets are in secrets.env beside this file. examples/shiftwatch.yml explains every key.".to_owned(),
        "agencies:".into(),
        "  - name: main".into(),
        format!("    title: {}", quote(&answers.title)),
        format!("    timezone: {}", answers.timezone),
        format!(
            "    wellsky: {{ {}agency_id: {{ env: WELLSKY_AGENCY_ID }}, client_id: {{ env: WELLSKY_CLIENT_ID }}, client_secret: {{ env: WELLSKY_CLIENT_SECRET }} }}",
            answers.base_url.as_ref().map_or_else(String::new, |url| format!("base_url: {}, ", quote(url)))
        ),
    ];
    let by_mail = !answers.mail_to.is_empty();
    if by_mail {
        let login = if answers.mail_password.is_some() {
            format!(", smtp_auth_username: {}, smtp_auth_password: {{ env: SMTP_PASSWORD }}", quote(&answers.mail_from))
        } else {
            String::new()
        };
        lines.push(format!(
            "global: {{ smtp_smarthost: {}, smtp_from: {}{login} }}",
            quote(&answers.mail_server),
            quote(&answers.mail_from)
        ));
    }
    if let Some([sid, _, from]) = &answers.twilio {
        lines.push(format!(
            "sms_gateways: [ {{ name: twilio, twilio: {{ account_sid: {sid}, auth_token: {{ env: TWILIO_AUTH_TOKEN }}, from: {} }} }} ]",
            quote(from)
        ));
    }
    let mail = format!("email_configs: [ {{ to: {} }} ]", quote(&answers.mail_to.join(", ")));
    let phones: Vec<String> = answers.phones.iter().map(|number| quote(number)).collect();
    let texts = format!("sms_configs: [ {{ to: [{}] }} ]", phones.join(", "));
    let urgent = match (by_mail, answers.phones.is_empty()) {
        (true, true) => format!(", {mail}"),
        (true, false) => format!(", {texts}, {mail}"),
        (false, false) => format!(", {texts}"),
        (false, true) => String::new(),
    };
    lines.extend([
        "route:".into(),
        "  receiver: office".into(),
        "  group_by: [agency, location]".into(),
        "  group_wait: 5m".into(),
        "  group_interval: 1h".into(),
        "  repeat_interval: 24h".into(),
        "  routes:".into(),
        "    - { matchers: ['severity=\"info\"'], receiver: none }".into(),
        "    - { matchers: ['severity=~\"page|critical\"'], receiver: on-call, group_by: [agency, shift], group_wait: 10s, group_interval: 30s, repeat_interval: 30m }".into(),
        "receivers:".into(),
        "  - { name: none }".into(),
        format!("  - {{ name: office{} }}", if by_mail { format!(", {mail}") } else { String::new() }),
        format!("  - {{ name: on-call{urgent} }}"),
    ]);
    lines.join("\n") + "\n"
}

/// A configuration in /etc is a service's, which may not write beside it.
fn store_line(path: &Path) -> &'static str {
    if path.starts_with("/etc") { "store: sqlite:///var/lib/shiftwatch/shiftwatch.db\n" } else { "" }
}

/// The variables that the configuration names, and their values.
fn secrets(answers: &Answers) -> Vec<(&'static str, String)> {
    let mut secrets: Vec<_> = WELLSKY.into_iter().zip(answers.wellsky.clone()).collect();
    secrets.extend(answers.mail_password.iter().map(|password| ("SMTP_PASSWORD", password.clone())));
    secrets.extend(answers.twilio.iter().map(|[_, token, _]| ("TWILIO_AUTH_TOKEN", token.clone())));
    secrets
}

/// `NAME=value` lines.
fn written(secrets: &[(&'static str, String)]) -> String {
    secrets.iter().map(|(name, value)| format!("{name}={}\n", quoted_value(value))).collect()
}

/// In quotation marks only where a shell or a service manager would else read something else.
fn quoted_value(value: &str) -> String {
    if value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c)) {
        value.to_owned()
    } else if value.contains('\'') {
        format!("\"{value}\"")
    } else {
        format!("'{value}'")
    }
}

/// Written so that at no moment anybody else may read it.
fn write_secrets(path: &Path, text: &str) -> Result<(), InitError> {
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        // A file that was there before keeps its old permissions unless told.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    };
    write().map_err(|source| InitError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(dir: &Path, force: bool, given: &Given, typed: &str) -> (Result<(), InitError>, String) {
        run_in(dir, force, given, typed, &|_| None, false)
    }

    fn run_in(
        dir: &Path,
        force: bool,
        given: &Given,
        typed: &str,
        env: &dyn Fn(&str) -> Option<String>,
        at_terminal: bool,
    ) -> (Result<(), InitError>, String) {
        let mut said = Vec::new();
        let result = init(&dir.join("c.yml"), force, given, env, at_terminal, &mut typed.as_bytes(), &mut said);
        (result, String::from_utf8(said).expect("text"))
    }

    const EVERYTHING: &str = "CCA\nAmerica/Denver\nid-1 secret-1 42\noffice@example.com, lead@example.com\nmail.example.com:587\nwatch@example.com it's a pass\n(202) 555-0111, +12025550112\nAC00000000000000000000000000000001 token-1 202.555.0100\n";

    #[test]
    fn eight_answers_make_a_configuration_that_checks() {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(dir.path(), false, &Given::default(), EVERYTHING);
        result.expect("written");
        assert_eq!((1..=8).filter(|n| said.contains(&format!("{n}/8 "))).count(), 8, "{said}");
        let text = fs::read_to_string(dir.path().join("c.yml")).expect("the file");
        assert!(text.lines().count() <= 25, "{} lines", text.lines().count());
        let secrets = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("the secrets");
        for secret in ["secret-1", "it's a pass", "token-1"] {
            assert!(secrets.contains(secret) && !text.contains(secret) && !said.contains(secret), "{secret}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(SECRETS_FILE)).expect("the secrets").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // Nothing but the two files is needed, and nothing is said but that nobody watches the watcher.
        let (config, warnings) = Config::load(Some(&dir.path().join("c.yml")), &|_| None).expect("it loads");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert_eq!(config.agencies[0].title, "CCA");
        assert_eq!(config.receivers[2].sms[0].to.len(), 2);
        let auth = config.receivers[1].email[0].auth.as_ref().expect("a login");
        assert_eq!(secrecy::ExposeSecret::expose_secret(&auth.password), "it's a pass");
    }

    #[test]
    fn a_blank_answer_leaves_the_channel_out() {
        for (typed, n_questions) in [
            ("CCA\nAmerica/Denver\na b c\n\n\n", 5),
            ("CCA\nAmerica/Denver\na b c\n\n2025550111\nAC00000000000000000000000000000001 t +12025550100\n", 6),
            ("CCA\nAmerica/Denver\na b c\no@example.com\nlocalhost:25\nw@example.com\n\n", 7),
        ] {
            let dir = tempfile::tempdir().expect("a folder");
            let (result, said) = run(dir.path(), false, &Given::default(), typed);
            result.expect(typed);
            assert_eq!(said.matches("/8 ").count(), n_questions, "{said}");
        }
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_loses_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) =
            run(dir.path(), false, &Given::default(), "Comfort Care\n\n\n\nCCA\nDenver\nAmerica/Denver\na b c\n\n\n");
        result.expect("written");
        assert!(said.contains("that has 12 characters") && said.contains("did you mean America/Denver?"), "{said}");
        let dir = tempfile::tempdir().expect("a folder");
        let (result, _) = run(dir.path(), false, &Given::default(), "CCA\n");
        assert!(matches!(result, Err(InitError::Ended { question }) if question.starts_with("2/8")));
        assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0, "nothing was written");
    }

    #[test]
    fn files_that_are_there_stay_unless_forced() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join(SECRETS_FILE), "MINE=1\n").expect("a file");
        let (result, said) = run(dir.path(), false, &Given::default(), EVERYTHING);
        assert!(matches!(result, Err(InitError::Exists { .. })) && said.is_empty(), "{said}");
        assert!(!dir.path().join("c.yml").exists());
        let (result, _) = run(dir.path(), true, &Given::default(), EVERYTHING);
        result.expect("forced");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(dir.path().join(SECRETS_FILE)).expect("the secrets").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "a file with wider permissions is narrowed");
        }
    }

    #[test]
    fn flags_answer_without_a_question() {
        let given = Given {
            title: Some("CCA".into()),
            timezone: Some("America/Denver".into()),
            wellsky: Some("a b c".into()),
            mail_to: Some(String::new()),
            phones: Some(String::new()),
            ..Given::default()
        };
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(dir.path(), false, &given, "");
        result.expect("written");
        assert!(!said.contains("/8"), "{said}");
        let dir = tempfile::tempdir().expect("a folder");
        let (result, _) = run(dir.path(), false, &Given { timezone: Some("Denver".into()), ..given }, "");
        assert!(matches!(result, Err(InitError::Answer { .. })));
    }

    #[test]
    fn what_the_environment_says_is_written_down() {
        let env = |name: &str| match name {
            "WELLSKY_CLIENT_ID" | "WELLSKY_CLIENT_SECRET" | "WELLSKY_AGENCY_ID" => Some(format!("of-{name}")),
            "WELLSKY_BASE_URL" => Some("http://127.0.0.1:9850".to_owned()),
            _ => None,
        };
        let dir = tempfile::tempdir().expect("a folder");
        let typed = "CCA\nAmerica/Denver\n\n\n\n";
        let (result, said) = run_in(dir.path(), false, &Given::default(), typed, &env, false);
        result.expect("written");
        assert!(said.contains("note: WELLSKY_BASE_URL is set") && !said.contains("unset"), "{said}");
        let (config, _) = Config::load(Some(&dir.path().join("c.yml")), &|_| None).expect("it loads in a new shell");
        assert_eq!(config.agencies[0].wellsky.base_url, "http://127.0.0.1:9850");
        let id = &config.agencies[0].wellsky.client_id;
        assert_eq!(secrecy::ExposeSecret::expose_secret(id), "of-WELLSKY_CLIENT_ID");
        // What is typed and differs would lose silently.
        let typed = "CCA\nAmerica/Denver\nof-WELLSKY_CLIENT_ID typed 42\n\n\n";
        let (result, said) = run_in(dir.path(), true, &Given::default(), typed, &env, false);
        result.expect("written");
        assert!(said.contains("unset WELLSKY_CLIENT_SECRET") && !said.contains("unset WELLSKY_CLIENT_ID"), "{said}");
    }

    #[test]
    fn at_a_terminal_secrets_are_asked_for_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let typed = "CCA\nAmerica/Denver\nid-1\nsecret-1\n42\no@example.com\nlocalhost:25\nw@example.com\na pass\n\
                     '+12025550111'\nAC00000000000000000000000000000001\ntoken-1\nnobody\n12025550100\n";
        let (result, said) = run_in(dir.path(), false, &Given::default(), typed, &|_| None, true);
        result.expect("written");
        assert_eq!(said.matches("(not shown)").count(), 3, "{said}");
        let secrets = fs::read_to_string(dir.path().join(SECRETS_FILE)).expect("the secrets");
        for line in [
            "WELLSKY_CLIENT_ID=id-1",
            "WELLSKY_CLIENT_SECRET=secret-1",
            "WELLSKY_AGENCY_ID=42",
            "SMTP_PASSWORD='a pass'",
            "TWILIO_AUTH_TOKEN=token-1",
        ] {
            assert!(secrets.lines().any(|it| it == line), "{line}: {secrets}");
        }
        let text = fs::read_to_string(dir.path().join("c.yml")).expect("the file");
        assert!(text.contains("+12025550100") && text.contains("+12025550111"), "{text}");
    }

    #[test]
    fn phones_are_read_as_people_write_them() {
        for text in
            ["+12025550111", "\"+12025550111\"", "12025550111", "(202) 555-0111", "202.555.0111", "1 202 555 0111"]
        {
            assert_eq!(phone(text).as_deref(), Ok("+12025550111"), "{text}");
        }
        for text in ["", "0111", "nobody", "442071838750", "+1"] {
            assert!(phone(text).is_err_and(|why| why.starts_with("write it as +12025550111:")), "{text}");
        }
    }

    #[test]
    fn a_services_store_is_where_the_service_may_write() {
        assert_eq!(
            store_line(Path::new("/etc/shiftwatch/shiftwatch.yml")),
            "store: sqlite:///var/lib/shiftwatch/shiftwatch.db\n"
        );
        for path in ["shiftwatch.yml", "/home/ann/etc/shiftwatch.yml", "/usr/local/etc/shiftwatch/shiftwatch.yml"] {
            assert_eq!(store_line(Path::new(path)), "", "{path}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_said_before_anything_is_asked() {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(&dir.path().join("etc"), false, &Given::default(), EVERYTHING);
        assert!(matches!(result, Err(InitError::NoFolder { .. })) && said.is_empty(), "{said}");
    }

    #[test]
    fn a_number_that_is_no_account_of_twilios_is_asked_for_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let typed = EVERYTHING.replace("AC00000000000000000000000000000001", "AC123")
            + "AC00000000000000000000000000000001 token-1 202.555.0100\n";
        let (result, said) = run(dir.path(), false, &Given::default(), &typed);
        result.expect("written");
        assert!(said.contains("AC and 32 digits and letters"), "{said}");
    }
}
