//! The commands of the office's day: look-up, shifts, cover, the briefing, exceptions, key figures, notes, and what is read beside the
//! watch.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Asking, instant};
use crate::commands::output::Output;

/// `lookup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch lookup avery sampel --config shiftwatch.yml     a name, nearly, in any order
  shiftwatch lookup '(202) 555-0110 x12'                     a telephone number in any form
  shiftwatch lookup 0110                                     or how it ends
  shiftwatch lookup 70001234 --output json                   the vendor's id
  shiftwatch lookup avery sample --since 2026-03-01          with shifts and visits since then

Whoever is meant beyond doubt is shown with shifts, visits and alerts; else those who fit are listed. Names are shown to who
can read the agent's store on this machine (--config), or signs in with --http-config; each look is written down
(shiftwatch audit). While no agent runs, the store answers, and says how old it is. Exit code 1 when nobody fits.")]
pub struct Lookup {
    /// What is remembered: a name, a telephone number or its last digits, an id
    #[arg(value_name = "WORDS", required = true)]
    pub words: Vec<String>,
    /// With shifts and visits since this day, at most 400 days ago [default: those of the last week]
    #[arg(long, value_name = "DATE")]
    pub since: Option<chrono::NaiveDate>,
    /// In this agency [default: in all]
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `shifts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch shifts --config shiftwatch.yml                     today's
  shiftwatch shifts --day tomorrow --state uncovered
  shiftwatch shifts --client 'avery sample'                     from a week ago to a fortnight ahead
  shiftwatch shifts --caregiver 8000202 --day 2026-12-01 --output csv
  shiftwatch shifts --client 7000101 --from 2026-01-01 --to 2026-06-30    the past, as far as it was kept or read

States: covered, uncovered, running, done, missed, cancelled, and unseen: begun, and nobody has read its visits since.")]
pub struct Shifts {
    /// This client's: an id, or words as for `lookup`
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// This caregiver's: an id, or words as for `lookup`
    #[arg(long, value_name = "CAREGIVER")]
    pub caregiver: Option<String>,
    /// On this day by the agency's clock: today, tomorrow, yesterday, or a date
    #[arg(long, value_name = "DAY")]
    pub day: Option<String>,
    /// From this date on, in place of a day; also long ago
    #[arg(long, value_name = "DATE", conflicts_with = "day")]
    pub from: Option<chrono::NaiveDate>,
    /// To this date, it included
    #[arg(long, value_name = "DATE", conflicts_with = "day")]
    pub to: Option<chrono::NaiveDate>,
    /// In these states, between commas
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// In this agency [default: in all]
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `cover`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch cover 90010001 --config shiftwatch.yml              the occurrence that runs or begins next
  shiftwatch cover 90010001@2026-12-01T14:00:00Z --forbidden     that one; and who must not take it, and why

What counts is set under cover: of the agency. Availability, hours wanted, do-not-send lists, credentials and coordinates come
from the sheet that cover.file names; without it they read \"not known\" and forbid nothing. Nobody is assigned.")]
pub struct Cover {
    /// The shift: its id in WellSky, or with its start as `shifts --output json` and alerts have it
    #[arg(value_name = "SHIFT")]
    pub shift: String,
    /// So many of those who could
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub best: usize,
    /// Also list who must not, and what forbids it
    #[arg(long)]
    pub forbidden: bool,
    /// In this agency [default: in all]
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `briefing`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch briefing --config shiftwatch.yml              the morning's, as of now
  shiftwatch briefing --kind tomorrow                      whether tomorrow is covered; weekend: Saturday and Sunday
  shiftwatch briefing --at 2026-12-01T07:00:00-07:00       by what is known now, as of another instant
  shiftwatch briefing --send morning                       send the one of this name under `briefings` now

Names stand beside ids for whoever can read the agent's store on this machine, or signs in with --http-config.")]
pub struct Briefing {
    /// Which
    #[arg(long, value_name = "KIND", value_parser = kind, default_value = "morning")]
    pub kind: crate::report::briefing::Kind,
    /// As of another instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub at: Option<String>,
    /// Of one agency
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// Of one location
    #[arg(long, value_name = "NAME")]
    pub location: Option<String>,
    /// Send the briefing of this name now, to those whom the configuration names
    #[arg(long, value_name = "NAME", conflicts_with_all = ["at", "agency", "location", "kind"])]
    pub send: Option<String>,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = BriefingOutput::Text)]
    pub output: BriefingOutput,
    /// The running agent's address [default: web.listen of the configuration, else http://127.0.0.1:9847]
    #[arg(long, value_name = "URL", env = "SHIFTWATCH_URL")]
    pub url: Option<String>,
    /// A file with basic_auth and tls_config, as amtool reads it, for an agent with sign-in [env: SHIFTWATCH_HTTP_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub http_config: Option<PathBuf>,
}

impl Briefing {
    /// Where the agent is.
    #[must_use]
    pub fn asking(&self) -> Asking {
        Asking { url: self.url.clone(), http_config: self.http_config.clone(), output: Output::Table }
    }
}

/// How a briefing is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BriefingOutput {
    /// Twelve lines.
    Text,
    /// As its mail has it.
    Html,
    /// JSON.
    Json,
}

fn kind(text: &str) -> Result<crate::report::briefing::Kind, String> {
    use crate::report::briefing::Kind;
    let all: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    Kind::parse(text).ok_or_else(|| format!("write one of: {}", all.join(", ")))
}

/// `sections`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch sections                               clients, caregivers, shifts, visits, and what is read beside the watch

What is read beside the watch stands in the configuration: agencies[].wellsky.sections.")]
pub struct Sections {
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `tasks`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch tasks 55000001                         a visit, by WellSky's id: its planned tasks and its task log
  shiftwatch tasks 90010001@2026-12-01T14:00:00Z    a shift, as its alerts name it: its planned tasks

Needs wellsky.sections with shift_tasks and task_logs in the configuration.")]
pub struct Tasks {
    /// The visit's id, or the shift as the label `shift` of its alerts names it
    #[arg(value_name = "VISIT|SHIFT")]
    pub what: String,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `exceptions`.
#[derive(Debug, Args)]
pub struct ExceptionsArgs {
    /// How many days back; what is still so is always listed
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub days: u32,
    /// Only those that wait for somebody
    #[arg(long)]
    pub open: bool,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `kpis`.
#[derive(Debug, Args)]
pub struct KpisArgs {
    /// How many days back
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=92))]
    pub days: u32,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `notes`.
#[derive(Debug, Args)]
pub struct Notes {
    /// Only what would be written: notes that a dry run kept, and what the past days' alerts would have made, though nothing is switched on
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: so many days back, 90 at most
    #[arg(long, value_name = "DAYS", default_value_t = 7, requires = "dry_run", value_parser = clap::value_parser!(u32).range(1..=90))]
    pub days: u32,
    /// Whom to ask, and how to answer
    #[command(flatten)]
    pub asking: Asking,
}
