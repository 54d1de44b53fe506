//! `service`: shiftwatch as a service of the machine or of one account, under systemd or launchd.
//!
//! Given: the command's arguments, the configuration and a look at the machine. Gives: files written, the service
//! manager told, each step in words before it is taken. Decides in [`plan`]; [`act`] takes the steps.
//! Does not: touch the store, put a secret anywhere, or start anything from a configuration with errors.

pub mod act;
pub mod plan;
pub mod unit;

use std::{
    io::Write,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use self::plan::{Manager, Scope, Situation, Step};
use super::Exit;
use crate::{
    cli::{Service, ServiceAction, ServicePlace},
    config::{Config, StoreUrl},
};

/// What the machine says, as far as `service` asks.
pub struct Machine<'m> {
    /// Which service manager it has.
    pub manager: Manager,
    /// This program, absolute.
    pub program: PathBuf,
    /// Whether this is root.
    pub is_root: bool,
    /// The number of this account.
    pub uid: u32,
    /// The environment.
    pub env: &'m dyn Fn(&str) -> Option<String>,
}

/// Does what was asked on this machine, with this program.
pub fn here(
    args: &Service,
    config: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let machine = Machine {
        manager: if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd },
        program: std::env::current_exe().context("finding this program's own file")?,
        is_root: rustix::process::geteuid().is_root(),
        uid: rustix::process::geteuid().as_raw(),
        env,
    };
    run(args, config, &machine, out, err)
}

/// Does what was asked and says each step on `out`; faults of the configuration go to `err`.
pub fn run(
    args: &Service,
    config: Option<&Path>,
    machine: &Machine<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<Exit> {
    match &args.action {
        ServiceAction::Install { place, dry_run } => {
            let Some(situation) = look(place, config, machine, err)? else { return Ok(Exit::Failed) };
            let steps = plan::install(&situation)?;
            take(&steps, place, *dry_run, machine, out)
        }
        ServiceAction::Uninstall { place, dry_run } => {
            let (scope, home) = scope(place, machine)?;
            let uid = machine.uid;
            let steps = plan::uninstall(machine.manager, scope, home.as_deref(), uid, place.root.is_none());
            take(&steps, place, *dry_run, machine, out)
        }
        ServiceAction::Status { place } => {
            let (scope, _) = scope(place, machine)?;
            let Step::Run { program, args, .. } = plan::status(machine.manager, scope, machine.uid) else {
                anyhow::bail!("there is nothing to ask here");
            };
            let status = std::process::Command::new(program)
                .args(args)
                .status()
                .with_context(|| format!("{program} cannot be started; is this machine run by it?"))?;
            Ok(if status.success() { Exit::Done } else { Exit::Failed })
        }
    }
}

fn scope(place: &ServicePlace, machine: &Machine<'_>) -> anyhow::Result<(Scope, Option<PathBuf>)> {
    let home = (machine.env)("HOME").filter(|home| home.starts_with('/')).map(PathBuf::from);
    if place.user && home.is_none() {
        anyhow::bail!(
            "HOME is not set, so there is no place for a service of this account; set it, or leave --user out"
        );
    }
    Ok((if place.user { Scope::Account } else { Scope::Machine }, home))
}

/// Reads the configuration as the service will (without this shell's environment) and looks around. `None`: it has
/// errors, which were said.
fn look(
    place: &ServicePlace,
    config: Option<&Path>,
    machine: &Machine<'_>,
    err: &mut dyn Write,
) -> anyhow::Result<Option<Situation>> {
    let (scope, home) = scope(place, machine)?;
    let named = match config {
        Some(path) if place.root.is_some() => path.to_owned(),
        Some(path) => std::path::absolute(path).with_context(|| format!("finding {}", path.display()))?,
        None => plan::usual_config(machine.manager, scope, home.as_deref()),
    };
    let on_disk = inside(place.root.as_deref(), &named);
    // The service manager knows nothing of this shell: what the configuration takes from the environment has to come
    // from secrets.env.
    let (config, faults) = match Config::load(Some(&on_disk), &|_| None) {
        Ok(loaded) => loaded,
        Err(faults) => {
            for fault in &faults {
                writeln!(err, "{fault}")?;
            }
            let advice = "nothing was installed: mend what is listed above. A service does not see this shell's \
                          environment: {env: …} needs a line in secrets.env beside the configuration";
            writeln!(err, "{advice}")?;
            return Ok(None);
        }
    };
    for fault in &faults {
        writeln!(err, "{fault}")?;
    }
    let StoreUrl::Sqlite(store) = &config.store;
    let private = config.origins.files().filter(|path| is_private(path)).map(|path| outside(place, path)).collect();
    Ok(Some(Situation {
        manager: machine.manager,
        scope,
        is_root: machine.is_root,
        live: place.root.is_none(),
        program: machine.program.clone(),
        store: outside(place, store),
        folder_is_private: on_disk.parent().is_some_and(is_private),
        config: named,
        private,
        home,
        account: (machine.env)("SUDO_USER").filter(|name| !name.is_empty() && name != "root"),
        uid: machine.uid,
    }))
}

/// Whether other accounts cannot read it. What is not there is nobody's secret.
fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| {
        let needed = if metadata.is_dir() { 0o001 } else { 0o004 };
        metadata.permissions().mode() & needed == 0
    })
}

/// A path of the system under `root`, as this machine sees it.
fn inside(root: Option<&Path>, path: &Path) -> PathBuf {
    root.map_or_else(|| path.to_owned(), |root| root.join(path.strip_prefix("/").unwrap_or(path)))
}

/// The other way round.
fn outside(place: &ServicePlace, path: &Path) -> PathBuf {
    let stripped = place.root.as_deref().and_then(|root| path.strip_prefix(root).ok());
    stripped.map_or_else(|| path.to_owned(), |path| Path::new("/").join(path))
}

fn take(
    steps: &[Step],
    place: &ServicePlace,
    dry_run: bool,
    machine: &Machine<'_>,
    out: &mut dyn Write,
) -> anyhow::Result<Exit> {
    for step in steps {
        writeln!(out, "{}", step.words(place.root.as_deref()))?;
        if !dry_run {
            act::take(step, place.root.as_deref(), machine.is_root, out)?;
        } else if let Step::Write { text, .. } = step {
            for line in text.lines() {
                writeln!(out, "    {line}")?;
            }
        }
    }
    if dry_run {
        writeln!(out, "Nothing was done: this was --dry-run.")?;
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests;
