//! What to do, as a list of steps: no file is touched and nobody is asked here.
//!
//! Given: how things stand ([`Situation`]). Gives: steps in order, or why there are none and what to do about it.

use std::path::{Path, PathBuf};

use super::{inside, unit};

/// The unit's name.
pub const UNIT: &str = "shiftwatch.service";
/// The job's label.
pub const LABEL: &str = "com.example.shiftwatch";
/// The user that the machine's unit runs as.
pub const USER: &str = "shiftwatch";
/// Where the machine's unit lets the store be.
const STATE: &str = "/var/lib/shiftwatch";
/// Where the program is put when it stands in no lasting place.
const PROGRAM: &str = "/usr/local/bin/shiftwatch";
/// Folders from which a program is run as it stands.
const LASTING: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/opt", "/nix"];
/// Folders that the machine's unit hides from the program (`ProtectHome`, `PrivateTmp`).
const HIDDEN: [&str; 5] = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/// Who starts services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Linux.
    Systemd,
    /// macOS.
    Launchd,
}

/// Whose service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The machine's: runs whoever is logged in.
    Machine,
    /// One account's.
    Account,
}

/// How things stand. Paths are as the service sees them.
#[derive(Debug, Clone)]
pub struct Situation {
    /// Who starts services.
    pub manager: Manager,
    /// Whose service it is to be.
    pub scope: Scope,
    /// Whether this is root.
    pub is_root: bool,
    /// False when files are laid into a folder and no service manager runs there.
    pub live: bool,
    /// This program.
    pub program: PathBuf,
    /// The configuration, which has no errors.
    pub config: PathBuf,
    /// Where it keeps its store.
    pub store: PathBuf,
    /// Whether others cannot enter the configuration's folder.
    pub folder_is_private: bool,
    /// Files it was read from that others cannot read.
    pub private: Vec<PathBuf>,
    /// The account's home, when there is one.
    pub home: Option<PathBuf>,
    /// macOS: the account that became root, as which the machine's service runs.
    pub account: Option<String>,
    /// The number of this account.
    pub uid: u32,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A folder and those above it.
    Folder {
        /// Which.
        path: PathBuf,
    },
    /// The program is copied to where it can stay; what is there is replaced in one go.
    Copy {
        /// From where.
        from: PathBuf,
        /// To where.
        to: PathBuf,
    },
    /// A file is written, readable by all: it holds no secret.
    Write {
        /// Where.
        path: PathBuf,
        /// What.
        text: String,
    },
    /// A file or folder becomes the service's; who else may read it stays as it is.
    Give {
        /// Which.
        path: PathBuf,
        /// To whom.
        user: String,
    },
    /// A file is removed, if it is there.
    Remove {
        /// Which.
        path: PathBuf,
    },
    /// A program is run.
    Run {
        /// Which.
        program: &'static str,
        /// With what; `{root}` stands for the folder under which files are laid.
        args: Vec<String>,
        /// Whether it may fail: what it undoes was perhaps not there.
        may_fail: bool,
    },
    /// Something a person should know.
    Note(String),
}

impl Step {
    /// What is about to happen, and where when the files are laid under `root`.
    #[must_use]
    pub fn words(&self, root: Option<&Path>) -> String {
        let at = |path: &Path| inside(root, path).display().to_string();
        match self {
            Self::Folder { path } => format!("make the folder {}", at(path)),
            Self::Copy { from, to } => format!("copy {} to {}", from.display(), at(to)),
            Self::Write { path, .. } => format!("write {}", at(path)),
            Self::Give { path, user } => format!("give {} to the user {user}", at(path)),
            Self::Remove { path } => format!("remove {}", at(path)),
            Self::Run { program, args, .. } => format!("run {program} {}", under(args, root).join(" ")),
            Self::Note(text) => format!("note: {text}"),
        }
    }
}

/// The arguments, with `{root}` filled in.
pub(super) fn under(args: &[String], root: Option<&Path>) -> Vec<String> {
    let root = root.map(|root| root.display().to_string()).unwrap_or_default();
    args.iter().map(|arg| arg.replace("{root}", &root)).collect()
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The machine's service needs root.
    #[error(
        "a service of the machine can only be installed by root: run it again with sudo, or with --user for a service \
         of your own account. Nothing was done"
    )]
    NotRoot,
    /// The configuration lies where the service cannot look.
    #[error(
        "{} lies where the service cannot look ({}); put it and secrets.env into /etc/shiftwatch \
         (shiftwatch init --dir /etc/shiftwatch), or use --user. Nothing was done", path.display(), folder
    )]
    OutOfSight {
        /// The configuration.
        path: PathBuf,
        /// The folder that is hidden.
        folder: &'static str,
    },
    /// The store lies where the service cannot write.
    #[error(
        "the configuration keeps its store in {}, and the service can only write to /var/lib/shiftwatch; write \
         `store: sqlite:///var/lib/shiftwatch/shiftwatch.db` into it (and move a store that is there already, with the \
         program stopped). Nothing was done", path.display()
    )]
    StoreOutside {
        /// The store.
        path: PathBuf,
    },
    /// macOS: nobody to run as.
    #[error(
        "it is not said as which account the service is to run: use sudo from that account, not a root shell, or --user. \
         Nothing was done"
    )]
    NoAccount,
}

/// Where a configuration is when nobody names one.
#[must_use]
pub fn usual_config(manager: Manager, scope: Scope, home: Option<&Path>) -> PathBuf {
    match (manager, scope) {
        (Manager::Systemd, Scope::Machine) => "/etc/shiftwatch/shiftwatch.yml".into(),
        (Manager::Launchd, Scope::Machine) => "/usr/local/etc/shiftwatch/shiftwatch.yml".into(),
        (_, Scope::Account) => home.unwrap_or(Path::new("/")).join(".config/shiftwatch/shiftwatch.yml"),
    }
}

/// Installs, or brings what is installed up to date: every step can be taken twice.
pub fn install(now: &Situation) -> Result<Vec<Step>, Refusal> {
    if now.scope == Scope::Machine && now.live && !now.is_root {
        return Err(Refusal::NotRoot);
    }
    match (now.manager, now.scope) {
        (Manager::Systemd, Scope::Machine) => install_on_machine(now),
        (Manager::Systemd, Scope::Account) => Ok(install_for_account(now)),
        (Manager::Launchd, _) => install_on_mac(now),
    }
}

fn install_on_machine(now: &Situation) -> Result<Vec<Step>, Refusal> {
    if let Some(folder) = HIDDEN.into_iter().find(|folder| now.config.starts_with(folder)) {
        return Err(Refusal::OutOfSight { path: now.config.clone(), folder });
    }
    if !now.store.starts_with(STATE) {
        return Err(Refusal::StoreOutside { path: now.store.clone() });
    }
    let (program, mut steps) = lasting_program(now);
    steps.push(Step::Write { path: "/etc/sysusers.d/shiftwatch.conf".into(), text: unit::SYSUSERS.to_owned() });
    steps.push(run("systemd-sysusers", if now.live { &[] } else { &["--root={root}"] }));
    let folder = now.config.parent().unwrap_or(Path::new("/"));
    let give = |path: &Path| Step::Give { path: path.to_owned(), user: USER.to_owned() };
    if now.folder_is_private {
        steps.push(give(folder));
    }
    for path in &now.private {
        steps.push(if path.starts_with(folder) {
            give(path)
        } else {
            Step::Note(format!("only its owner may read {}; let the user {USER} read it", path.display()))
        });
    }
    let text = unit::systemd(unit::SYSTEMD, &program, &now.config);
    steps.push(Step::Write { path: Path::new("/etc/systemd/system").join(UNIT), text });
    if now.live {
        steps.push(run("systemctl", &["daemon-reload"]));
        steps.push(run("systemctl", &["enable", UNIT]));
        // Starts it, or replaces what runs by what was just installed.
        steps.push(run("systemctl", &["restart", UNIT]));
        steps.push(Step::Note(format!("it runs; its log: journalctl -u {UNIT} -f; how it stands: shiftwatch status")));
    } else {
        steps.push(run("systemctl", &["--root={root}", "enable", UNIT]));
        steps.push(Step::Note("it starts with the machine whose files these are".into()));
    }
    Ok(steps)
}

fn install_for_account(now: &Situation) -> Vec<Step> {
    let path = account_unit(now.home.as_deref());
    let text = unit::systemd(unit::SYSTEMD_USER, &now.program, &now.config);
    let mut steps = vec![Step::Write { path, text }];
    if now.live {
        steps.push(run("systemctl", &["--user", "daemon-reload"]));
        steps.push(run("systemctl", &["--user", "enable", UNIT]));
        steps.push(run("systemctl", &["--user", "restart", UNIT]));
    }
    steps.push(Step::Note("to let it run while you are logged out: loginctl enable-linger".into()));
    steps
}

fn install_on_mac(now: &Situation) -> Result<Vec<Step>, Refusal> {
    let home = now.home.as_deref().unwrap_or(Path::new("/"));
    let (program, mut steps, log, account) = match (now.scope, &now.account) {
        (Scope::Machine, None) => return Err(Refusal::NoAccount),
        (Scope::Machine, Some(account)) => {
            let (program, mut steps) = lasting_program(now);
            let folder = Path::new("/usr/local/var/log/shiftwatch");
            steps.push(Step::Folder { path: folder.to_owned() });
            steps.push(Step::Run {
                program: "chown",
                args: vec![account.clone(), folder.display().to_string()],
                may_fail: false,
            });
            (program, steps, folder.join("shiftwatch.log"), Some(account.as_str()))
        }
        (Scope::Account, _) => (now.program.clone(), Vec::new(), home.join("Library/Logs/shiftwatch.log"), None),
    };
    let path = property_list(now.scope, now.home.as_deref());
    let text = unit::launchd(&program, &now.config, &log, account);
    let shown = path.display().to_string();
    steps.push(Step::Write { path, text });
    if now.live {
        let domain = domain(now.scope, now.uid);
        steps.push(bootout(&domain));
        steps.push(run("launchctl", &["bootstrap", &domain, &shown]));
        steps.push(Step::Note(format!("it runs; its log: {}", log.display())));
    }
    Ok(steps)
}

/// Takes the service away. The store, the configuration, the program and the user stay, and that is said.
#[must_use]
pub fn uninstall(manager: Manager, scope: Scope, home: Option<&Path>, uid: u32, live: bool) -> Vec<Step> {
    let mut steps = Vec::new();
    match (manager, scope) {
        (Manager::Systemd, Scope::Machine) => {
            let (disable, rest): (&[&str], _) =
                if live { (&["disable", "--now", UNIT], true) } else { (&["--root={root}", "disable", UNIT], false) };
            steps.push(may_fail(run("systemctl", disable)));
            steps.push(Step::Remove { path: Path::new("/etc/systemd/system").join(UNIT) });
            steps.push(Step::Remove { path: "/etc/sysusers.d/shiftwatch.conf".into() });
            if rest {
                steps.push(run("systemctl", &["daemon-reload"]));
            }
            steps.push(Step::Note(format!(
                "kept: the store in {STATE}, the configuration, {PROGRAM}, and the user {USER} who owns the store"
            )));
        }
        (Manager::Systemd, Scope::Account) => {
            if live {
                steps.push(may_fail(run("systemctl", &["--user", "disable", "--now", UNIT])));
            }
            steps.push(Step::Remove { path: account_unit(home) });
            if live {
                steps.push(run("systemctl", &["--user", "daemon-reload"]));
            }
            steps.push(Step::Note("kept: the store, the configuration and the program".into()));
        }
        (Manager::Launchd, _) => {
            if live {
                steps.push(bootout(&domain(scope, uid)));
            }
            steps.push(Step::Remove { path: property_list(scope, home) });
            steps.push(Step::Note("kept: the store, the configuration, the log and the program".into()));
        }
    }
    steps
}

/// Asks how it stands.
#[must_use]
pub fn status(manager: Manager, scope: Scope, uid: u32) -> Step {
    match (manager, scope) {
        (Manager::Systemd, Scope::Machine) => run("systemctl", &["status", "--no-pager", UNIT]),
        (Manager::Systemd, Scope::Account) => run("systemctl", &["--user", "status", "--no-pager", UNIT]),
        (Manager::Launchd, _) => run("launchctl", &["print", &format!("{}/{LABEL}", domain(scope, uid))]),
    }
}

/// Where the program is run from, and the steps that bring it there.
fn lasting_program(now: &Situation) -> (PathBuf, Vec<Step>) {
    if now.live && LASTING.iter().any(|folder| now.program.starts_with(folder)) {
        return (now.program.clone(), Vec::new());
    }
    (PROGRAM.into(), vec![Step::Copy { from: now.program.clone(), to: PROGRAM.into() }])
}

fn account_unit(home: Option<&Path>) -> PathBuf {
    home.unwrap_or(Path::new("/")).join(".config/systemd/user").join(UNIT)
}

fn property_list(scope: Scope, home: Option<&Path>) -> PathBuf {
    let folder = match scope {
        Scope::Machine => PathBuf::from("/Library/LaunchDaemons"),
        Scope::Account => home.unwrap_or(Path::new("/")).join("Library/LaunchAgents"),
    };
    folder.join(format!("{LABEL}.plist"))
}

fn domain(scope: Scope, uid: u32) -> String {
    match scope {
        Scope::Machine => "system".to_owned(),
        Scope::Account => format!("gui/{uid}"),
    }
}

fn bootout(domain: &str) -> Step {
    may_fail(run("launchctl", &["bootout", &format!("{domain}/{LABEL}")]))
}

fn run(program: &'static str, args: &[&str]) -> Step {
    Step::Run { program, args: args.iter().map(|&arg| arg.to_owned()).collect(), may_fail: false }
}

fn may_fail(step: Step) -> Step {
    match step {
        Step::Run { program, args, .. } => Step::Run { program, args, may_fail: true },
        other => other,
    }
}
