//! `init`: eight questions become a configuration of at most 25 lines and a `secrets.env` that only its owner reads.
//!
//! `secrets.env` stands beside the configuration, where every command finds it by itself; it also serves as a service
//! manager's environment file. Does not: connect anywhere; `doctor` tries what was answered.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use crate::config::{
    Config, SECRETS_FILE,
    address::{e164_advice, host_and_port, is_e164, is_mail, split_mails},
    fault::Fault,
    zone,
};

/// So many wrong answers to one question end it.
const TRIES: usize = 3;

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
    /// A file is there already.
    #[error("{} is there already; nothing was written. Name another with --config, or write over it with --force", path.display())]
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
    wellsky: Option<[String; 3]>,
    mail_to: Vec<String>,
    mail_server: String,
    mail_from: String,
    mail_password: Option<String>,
    phones: Vec<String>,
    twilio: Option<[String; 3]>,
}

/// Asks, writes both files, checks what was written, and says what to do next.
pub fn init(
    path: &Path,
    force: bool,
    given: &Given,
    env: &dyn Fn(&str) -> Option<String>,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
) -> Result<(), InitError> {
    let secrets_path = path.parent().unwrap_or(Path::new("")).join(SECRETS_FILE);
    for path in [path, &secrets_path] {
        if !force && path.exists() {
            return Err(InitError::Exists { path: path.to_owned() });
        }
    }
    let answers = ask(given, env, &mut Talk { input, output })?;
    write_secrets(&secrets_path, &secrets(&answers))?;
    let source = |source| InitError::Write { path: path.to_owned(), source };
    fs::write(path, configuration(&answers)).map_err(source)?;
    Config::load(Some(path), env).map_err(|faults| InitError::Unsound { path: path.to_owned(), faults })?;
    let shown = path.display();
    writeln!(output, "\nWrote {shown} and {} (secrets; only you can read it).", secrets_path.display())?;
    writeln!(output, "Secrets are read from {SECRETS_FILE} beside the configuration; the environment goes before it.")?;
    writeln!(output, "Next:  shiftwatch doctor --config {shown}    tries the credentials and the ways out")?;
    writeln!(output, "       shiftwatch run --config {shown}       watches")?;
    Ok(())
}

/// Whoever answers.
struct Talk<'t> {
    input: &'t mut dyn BufRead,
    output: &'t mut dyn Write,
}

impl Talk<'_> {
    /// Asks until an answer can be used. An answer given beforehand is not asked again.
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
        let mut last = String::new();
        for _ in 0..TRIES {
            write!(self.output, "{question} {hint}: ")?;
            self.output.flush()?;
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                return Err(InitError::Ended { question });
            }
            match read(line.trim()) {
                Ok(answer) => return Ok(answer),
                Err(why) => {
                    writeln!(self.output, "  {why}")?;
                    last = why;
                }
            }
        }
        Err(InitError::Answer { question, why: last })
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
    let here = iana_time_zone::get_timezone().ok().filter(|name| zone::parse(name).is_ok());
    let hint = here.as_ref().map_or_else(|| "(such as America/Denver)".to_owned(), |zone| format!("[{zone}]"));
    let timezone =
        talk.ask("2/8 Time zone of the agency", &hint, given.timezone.as_ref(), |text| match (text, &here) {
            ("", Some(here)) => Ok(here.clone()),
            _ => {
                zone::parse(text).map(|zone| zone.name().to_owned()).map_err(|says| format!("not a time zone; {says}"))
            }
        })?;
    let in_environment =
        ["WELLSKY_CLIENT_ID", "WELLSKY_CLIENT_SECRET", "WELLSKY_AGENCY_ID"].iter().all(|name| env(name).is_some());
    let hint = if in_environment { "[those in the environment]" } else { "(three words)" };
    let wellsky =
        talk.ask("3/8 WellSky client id, client secret and agency id", hint, given.wellsky.as_ref(), |text| {
            if text.is_empty() && in_environment {
                return Ok(None);
            }
            three(text).map(Some).ok_or_else(|| "write the three of them with spaces between".to_owned())
        })?;
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
        (mail_from, mail_password) = talk.ask(
            "6/8 Sender's address, and the password if the server wants one",
            "(one or two words)",
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
    let phones =
        talk.ask("7/8 Who gets texts", "(numbers between commas; empty = nobody)", given.phones.as_ref(), |text| {
            text.split(',').map(str::trim).filter(|number| !number.is_empty()).map(phone).collect::<Result<Vec<_>, _>>()
        })?;
    let mut twilio = None;
    if !phones.is_empty() {
        let read = |text: &str| {
            let [sid, token, from] = three(text).ok_or("write the three of them with spaces between")?;
            if !sid.starts_with("AC") || !sid.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
                return Err("the first is the account's SID and begins with AC".to_owned());
            }
            Ok(Some([sid, token, phone(&from)?]))
        };
        twilio = talk.ask(
            "8/8 Twilio account SID, auth token and number to send from",
            "(three words)",
            given.twilio.as_ref(),
            read,
        )?;
    }
    Ok(Answers { title, timezone, wellsky, mail_to, mail_server, mail_from, mail_password, phones, twilio })
}

fn three(text: &str) -> Option<[String; 3]> {
    let words: Vec<String> = text.split_whitespace().map(ToOwned::to_owned).collect();
    words.try_into().ok()
}

/// A number as E.164: people write spaces, dots and brackets, and ten digits for a number in the US.
fn phone(text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && !"-.()".contains(*c)).collect();
    let number = match bare.len() {
        10 if bare.chars().all(|c| c.is_ascii_digit()) => format!("+1{bare}"),
        _ => bare,
    };
    if is_e164(&number) { Ok(number) } else { Err(e164_advice(text).to_owned()) }
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
        "    wellsky: { agency_id: { env: WELLSKY_AGENCY_ID }, client_id: { env: WELLSKY_CLIENT_ID }, client_secret: { env: WELLSKY_CLIENT_SECRET } }".into(),
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

/// `NAME=value` lines.
fn secrets(answers: &Answers) -> String {
    let mut lines = Vec::new();
    if let Some([client_id, client_secret, agency_id]) = &answers.wellsky {
        lines.extend([
            ("WELLSKY_CLIENT_ID", client_id),
            ("WELLSKY_CLIENT_SECRET", client_secret),
            ("WELLSKY_AGENCY_ID", agency_id),
        ]);
    }
    lines.extend(answers.mail_password.iter().map(|password| ("SMTP_PASSWORD", password)));
    lines.extend(answers.twilio.iter().map(|[_, token, _]| ("TWILIO_AUTH_TOKEN", token)));
    lines.into_iter().map(|(name, value)| format!("{name}={}\n", quoted_value(value))).collect()
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
        let mut said = Vec::new();
        let result = init(&dir.join("c.yml"), force, given, &|_| None, &mut typed.as_bytes(), &mut said);
        (result, String::from_utf8(said).expect("text"))
    }

    const EVERYTHING: &str = "CCA\nAmerica/Denver\nid-1 secret-1 42\noffice@example.com, lead@example.com\nmail.example.com:587\nwatch@example.com it's a pass\n(202) 555-0111, +12025550112\nAC00 token-1 202.555.0100\n";

    #[test]
    fn eight_answers_make_a_configuration_that_checks() {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) = run(dir.path(), false, &Given::default(), EVERYTHING);
        result.expect("written");
        assert_eq!((1..=8).filter(|n| said.contains(&format!("{n}/8 "))).count(), 8, "{said}");
        assert!(said.contains("shiftwatch doctor --config"), "{said}");
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
            ("CCA\nAmerica/Denver\na b c\n\n2025550111\nAC0 t +12025550100\n", 6),
            ("CCA\nAmerica/Denver\na b c\no@example.com\nlocalhost:25\nw@example.com\n\n", 7),
        ] {
            let dir = tempfile::tempdir().expect("a folder");
            let (result, said) = run(dir.path(), false, &Given::default(), typed);
            result.expect(typed);
            assert_eq!(said.matches("/8 ").count(), n_questions, "{said}");
        }
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_the_third_ends_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let (result, said) =
            run(dir.path(), false, &Given::default(), "Comfort Care\nCCA\nDenver\nAmerica/Denver\na b c\n\n\n");
        result.expect("written");
        assert!(said.contains("that has 12 characters") && said.contains("did you mean America/Denver?"), "{said}");
        let dir = tempfile::tempdir().expect("a folder");
        let (result, _) = run(dir.path(), false, &Given::default(), "\n\n\nCCA\n");
        assert!(matches!(result, Err(InitError::Answer { .. })), "{result:?}");
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
}
