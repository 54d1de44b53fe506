//! `hooks`: the words of its command line.

use clap::{Args, Subcommand};

use crate::commands::output::Output;

pub const HELP: &str = "\
Examples:
  shiftwatch hooks list                  the subscriptions there are at WellSky, and whose
  shiftwatch hooks ensure --dry-run      what would be changed
  shiftwatch hooks ensure                makes what is missing, mends what differs, touches nothing else
  shiftwatch hooks remove                takes ours away

Hooks bring news of people and check-outs sooner; WellSky has none about shifts, and everything is watched without them.
They need web.external_url (https) and wellsky.hook_secret and wellsky.agency_id of the agency. After a change of the secret:
hooks ensure --rewrite.";

/// `hooks`.
#[derive(Debug, Args)]
pub struct Hooks {
    /// What to do
    #[command(subcommand)]
    pub action: HooksAction,
}

/// What to do with hooks.
#[derive(Debug, Subcommand)]
pub enum HooksAction {
    /// List the subscriptions at WellSky, and whose they are
    List(HooksPlace),
    /// Make what is missing, mend what differs
    Ensure {
        /// Where
        #[command(flatten)]
        place: HooksPlace,
        /// Say what would be changed, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Write all of ours again: WellSky may not show which secret one sends
        #[arg(long)]
        rewrite: bool,
    },
    /// Take ours away
    Remove {
        /// Where
        #[command(flatten)]
        place: HooksPlace,
        /// Say what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
        /// The address they point to, where it is no more that of the configuration
        #[arg(long, value_name = "URL")]
        at: Option<String>,
    },
}

/// Whose hooks.
#[derive(Debug, Clone, Args)]
pub struct HooksPlace {
    /// This agency alone
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub output: Output,
}
