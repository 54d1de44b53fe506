//! `init`: eight questions and an offer become a configuration of at most 25 lines and a `secrets.env` that only its owner reads.
//!
//! `secrets.env` stands beside the configuration, where every command finds it by itself; it also serves as a service
//! manager's environment file. Does not: connect anywhere; `doctor` tries what was answered.

mod file;
mod people;
mod questions;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use self::{
    file::{configuration, secrets, store_line, written},
    questions::{Talk, ask},
};
use crate::config::{Config, SECRETS_FILE, fault::Fault};

/// The variables of the vendor's credentials, in the order in which they are asked for.
const WELLSKY: [&str; 3] = ["WELLSKY_CLIENT_ID", "WELLSKY_CLIENT_SECRET", "WELLSKY_AGENCY_ID"];
/// The variable that names another host of the vendor's.
const BASE_URL: &str = "WELLSKY_BASE_URL";

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
    /// An id and a phone each, between commas, the person on call first; empty = nobody by phone.
    pub people: Option<String>,
    /// Twilio's account SID, auth token and number, between spaces.
    pub twilio: Option<String>,
    /// WellSky ids of the caregivers who asked for reminders, between spaces or commas; empty = no reminders.
    pub reminders: Option<String>,
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
    if let Some(first) = answers.people.first() {
        writeln!(
            output,
            "Try a phone: shiftwatch doctor --config {shown} --text {} sends a text and waits for the answer.",
            first.id
        )?;
    }
    if answers.base_url.is_some() {
        writeln!(
            output,
            "note: {BASE_URL} is set, so the configuration names that host (base_url), not WellSky's own"
        )?;
    }
    Ok(())
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
