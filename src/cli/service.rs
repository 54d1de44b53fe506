//! `service`: its words and what it takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

pub(super) const HELP: &str = "\
Examples:
  sudo shiftwatch service install                   the machine's service, with /etc/shiftwatch/shiftwatch.yml
  shiftwatch service install --dry-run              what would be written and run
  shiftwatch service install --user --config f.yml  a service of your own account; no root needed
  shiftwatch service status
  sudo shiftwatch service uninstall                 the store, the configuration and the program stay

systemd on Linux, launchd on macOS. The configuration is checked first, as the service will read it: without this
shell's environment, so secrets come from secrets.env beside it. Taking a step twice does no harm.";

/// `service`.
#[derive(Debug, Args)]
pub struct Service {
    /// What to do.
    #[command(subcommand)]
    pub action: ServiceAction,
}

/// What `service` can do.
#[derive(Debug, Subcommand)]
pub enum ServiceAction {
    /// Install the service and start it; again: bring it up to date
    Install {
        /// Where
        #[command(flatten)]
        place: ServicePlace,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Stop the service and take it away; the store, the configuration and the program stay
    Uninstall {
        /// Where
        #[command(flatten)]
        place: ServicePlace,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Ask the service manager how it stands
    Status {
        /// Where
        #[command(flatten)]
        place: ServicePlace,
    },
}

/// Whose service, and on which files.
#[derive(Debug, Clone, Args)]
pub struct ServicePlace {
    /// A service of your own account instead of the machine's
    #[arg(long)]
    pub user: bool,
    /// Lay the files under this folder (an image, a container) and start nothing
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
}
