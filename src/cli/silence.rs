//! `silence`: its words and what it takes.

use clap::{Args, Subcommand};

use super::{Asking, duration};

/// `silence`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch silence add NoShow location=north --duration 2h --author night-1 --comment \"phones are down\"
  shiftwatch silence add location=north --until-resolved --author night-1 --comment \"the office covers them\"
  shiftwatch silence query
  shiftwatch silence update 3f2a9c1b --duration 4h
  shiftwatch silence expire 3f2a9c1b

A silence keeps firing news from everybody. Who was told before is told when it is over; what still fires when a silence
ends is told then.")]
pub struct Silence {
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
    /// What to do
    #[command(subcommand)]
    pub command: SilenceCommand,
}

/// What can be done about silences.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Make one
    Add(SilenceAdd),
    /// List those that are active or have not begun
    Query(SilenceQuery),
    /// Change how long one lasts, or why
    Update(SilenceUpdate),
    /// End one now
    Expire {
        /// Its id, or the beginning of it
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

/// `silence add`.
#[derive(Debug, Args)]
pub struct SilenceAdd {
    /// What it matches, as label=value, label!=value, label=~regex or label!~regex; all must match. A first word without
    /// any of these is an alert's name
    #[arg(value_name = "MATCHER", required = true)]
    pub matchers: Vec<String>,
    /// When
    #[command(flatten)]
    pub length: SilenceLength,
    /// Who makes it
    #[arg(long, short, value_name = "NAME", env = "SHIFTWATCH_USER")]
    pub author: String,
    /// Why; others can read it, so no client's name
    #[arg(long, short, value_name = "TEXT")]
    pub comment: String,
    /// Only say what it would mute now
    #[arg(long)]
    pub dry_run: bool,
}

/// When a silence holds.
#[derive(Debug, Args)]
pub struct SilenceLength {
    /// From when, as 2026-12-01T07:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    pub start: Option<crate::model::Instant>,
    /// For how long from then on; a new one lasts an hour when nobody says
    #[arg(long, short, value_name = "DURATION", value_parser = duration, conflicts_with = "end")]
    pub duration: Option<std::time::Duration>,
    /// Until when
    #[arg(long, value_name = "TIME")]
    pub end: Option<crate::model::Instant>,
    /// Ends by itself once nothing that it mutes fires any more, after 7 days in any case
    #[arg(long)]
    pub until_resolved: bool,
    /// It may leave an agency without anybody who could be paged
    #[arg(long)]
    pub everything: bool,
}

/// `silence query`.
#[derive(Debug, Args)]
pub struct SilenceQuery {
    /// Only those that have these matchers
    #[arg(value_name = "MATCHER")]
    pub matchers: Vec<String>,
    /// Only those that this person made
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
    /// Those that are over, for up to five days, in place of the others
    #[arg(long)]
    pub expired: bool,
}

/// `silence update`.
#[derive(Debug, Args)]
pub struct SilenceUpdate {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<String>,
    /// When
    #[command(flatten)]
    pub length: SilenceLength,
    /// Why
    #[arg(long, short, value_name = "TEXT")]
    pub comment: Option<String>,
}
