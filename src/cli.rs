//! The command line: what can be asked, and the words of `--help`.
//!
//! Exit codes: 0 done; 1 what was asked could not be done; 2 wrong use of the command line (clap's own).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands::output::Output,
    logging::{LogFormat, LogLevel},
    sim::command::SimArgs,
};

mod hooks;
mod hours;
mod office;
mod service;
mod silence;

pub use hooks::{Hooks, HooksAction, HooksPlace};
pub use hours::{By, Hours, HoursCommand, HoursDays};
pub use office::{Briefing, BriefingOutput, Cover, ExceptionsArgs, KpisArgs, Lookup, Notes, Sections, Shifts, Tasks};
pub use service::{Service, ServiceAction, ServicePlace};
pub use silence::{Silence, SilenceAdd, SilenceCommand, SilenceLength, SilenceQuery, SilenceUpdate};

/// Watches a home-care agency's schedule so that nobody waits for a caregiver who is not coming.
#[derive(Debug, Parser)]
#[command(
    name = "shiftwatch",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  shiftwatch demo                        see it work: a simulated agency, nothing outside is called
  shiftwatch init                        write a first configuration, by eight questions
  shiftwatch check                       find every fault in the configuration
  shiftwatch doctor                      try the credentials, mail and text messages; sends nothing
  shiftwatch run                         watch
  shiftwatch status                      how do things stand?
  shiftwatch service install             run for good, as a service of this machine

Without a configuration file, WELLSKY_CLIENT_ID, WELLSKY_CLIENT_SECRET and WELLSKY_AGENCY_ID in the environment are
enough to start watching; nobody is told then.

Exit codes: 0 done, 1 what was asked could not be done, 2 wrong use of the command line."
)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration file; paths inside it are relative to its folder [env: SHIFTWATCH_CONFIG]
    // Not read by clap, which takes a variable that is set to nothing for wrong use.
    #[arg(long, global = true, value_name = "FILE", alias = "config.file")]
    pub config: Option<PathBuf>,

    /// How log lines look [default: json, or text when stderr is a terminal]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// The least important log lines to write
    #[arg(long, global = true, value_enum, value_name = "LEVEL", default_value_t = LogLevel::Info)]
    pub log_level: LogLevel,

    /// How wide a table may be
    #[arg(long, global = true, hide = true, env = "COLUMNS", value_name = "N")]
    columns: Option<String>,
}

/// The variable that names the configuration file when `--config` does not.
pub const CONFIG_VARIABLE: &str = "SHIFTWATCH_CONFIG";
/// The variable that names the file of `--http-config` when that does not.
pub const HTTP_CONFIG_VARIABLE: &str = "SHIFTWATCH_HTTP_CONFIG";

impl Common {
    /// How wide a table may be on a terminal of so many columns (`None`: no terminal, whose reader wants all of it).
    /// What the shell says goes before; a shell that says nonsense is no wrong use.
    #[must_use]
    pub fn width(&self, terminal: Option<usize>) -> usize {
        let Some(terminal) = terminal else { return usize::MAX };
        let said = self.columns.as_deref().and_then(|text| text.trim().parse().ok());
        said.filter(|width| *width > 0).unwrap_or(terminal)
    }
}

const STATUS_HELP: &str = "\
Examples:
  shiftwatch status                                the agent of this machine
  shiftwatch status --config shiftwatch.yml        the one that listens where the file says
  shiftwatch status --output json                  for a script";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first configuration, by eight questions
    Init(Init),
    /// Watch, until told to stop
    Run(Run),
    /// Run for good: install, remove or look at the service of this machine
    #[command(after_help = service::HELP)]
    Service(Service),
    /// See it work: a simulated agency, gateways and inbox around the real program
    Demo(Demo),
    /// Run the simulated WellSky server alone
    Sim(SimArgs),
    /// Find every fault in the configuration, rules and templates
    Check(Check),
    /// Who would hear of an alert, by the routing tree; as `amtool config routes`
    Routes(Routes),
    /// Page somebody with a page marked as a trial, and say how long the answer took
    Drill(Drill),
    /// Play rule tests: an invented schedule, a clock, what is expected
    Test(Test),
    /// Say what rules would have told over the past days, and how many pages a later page would have spared
    Replay(Replay),
    /// Say in one line how things stand, then what needs a person
    #[command(after_help = STATUS_HELP)]
    Status(Asking),
    /// Try everything outside: credentials, clock, mail, text messages; sends nothing
    Doctor(Doctor),
    /// List, make or remove the hooks by which WellSky tells of changes
    #[command(after_help = hooks::HELP)]
    Hooks(Hooks),
    /// List the notes on clients' records at WellSky: written, not written, or what would be
    #[command(after_help = NOTES_HELP)]
    Notes(Notes),
    /// List the alerts
    Alerts(Alerts),
    /// Own an alert: repeats stop until that ends
    Ack(Ack),
    /// Say what became of an alert, live or over
    Disposition(Disposition),
    /// List what was not as planned, and what will not be, with what became of each
    Exceptions(ExceptionsArgs),
    /// Key figures: how much took place, on time, open, overtime, how soon gaps were filled
    Kpis(KpisArgs),
    /// Make, list, change and end silences
    Silence(Silence),
    /// Say who is on call, now and in the days ahead; and the log of who was
    OnCall(OnCall),
    /// Sum up what was scheduled and worked, per client and per caregiver; close a period
    Hours(Hours),
    /// Find a client or caregiver by name, phone or id, and show what is known of them
    Lookup(Lookup),
    /// List shifts by client, caregiver, day and state
    Shifts(Shifts),
    /// Say who could take a shift, ranked with reasons, and what forbids the others; assigns nobody
    Cover(Cover),
    /// Say in one screen how things stand: cover, the night, what to watch; or send that now
    Briefing(Briefing),
    /// Say who saw whose name, when and from where
    Audit(Audit),
    /// How old each section of what is read is
    Sections(Sections),
    /// What was planned and done in one visit or shift
    Tasks(Tasks),
    /// Ask the agent of this configuration whether it is well, for a container's health check
    Healthcheck(Healthcheck),
}

const NOTES_HELP: &str = "\
Examples:
  shiftwatch notes                       what was written on records, and what WellSky said of it
  shiftwatch notes --dry-run             only what would have been written, also while nothing is switched on
  shiftwatch notes --dry-run --days 30   the same of the last thirty days

Nothing is written unless wellsky.write of an agency names task_log, admin_task or ringcentral_digest. With wellsky.write.dry_run: true notes are
made and kept here, and none is written.";

/// `init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch init                        asks, then writes shiftwatch.yml and secrets.env (readable by you alone)
  shiftwatch init --dir /etc/shiftwatch  writes them there")]
pub struct Init {
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}

/// `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch run --config shiftwatch.yml
  WELLSKY_CLIENT_ID=… WELLSKY_CLIENT_SECRET=… WELLSKY_AGENCY_ID=… shiftwatch run

Stops cleanly within 10 s on Ctrl-C or SIGTERM, after the sends in flight. SIGHUP reads the configuration again.")]
pub struct Run {}

/// `demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch demo                        until Ctrl-C
  shiftwatch demo --duration 2m          ends by itself with a summary")]
pub struct Demo {
    /// End after so long, for example 2m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub duration: Option<std::time::Duration>,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where its web page listens [default: a free port on 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<std::net::SocketAddr>,
}

/// `check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch check --config shiftwatch.yml

Every fault is one line on stderr: file:line:column: error: what is wrong; what to write instead.
Exit code 1 when there is any error. Warnings alone are 0, but for those that begin with on-call: a schedule that a policy
needs has nobody at some time in the next 14 days, the last step of a policy finds nobody, a calendar file names strangers or
cannot be read. `run` starts in spite of them, and tells them as alerts. Of a calendar on the network the copy counts that the
agent stored last, if it did; --fetch asks for it now.")]
pub struct Check {
    /// Ask for the calendars on the network, too
    #[arg(long)]
    pub fetch: bool,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub output: Output,
}

/// `routes`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  shiftwatch routes --config shiftwatch.yml                        the whole tree
  shiftwatch routes test severity=page location=north              who hears of such an alert, in order
  shiftwatch routes test --verify.receivers=on-call severity=page  exit code 1 when it is not them
  shiftwatch routes test --config alertmanager.yml team=db         an Alertmanager's own file will do

Prints what amtool config routes prints. Labels are written as Alertmanager's matchers are: team=db, team=\"a b\"."
)]
pub struct Routes {
    /// What to print; the tree when nothing is said.
    #[command(subcommand)]
    pub action: Option<RoutesAction>,
}

/// What `routes` can print.
#[derive(Debug, Subcommand)]
pub enum RoutesAction {
    /// The whole tree
    Show,
    /// The receivers of an alert with the given labels, between commas
    Test {
        /// The alert's labels
        #[arg(value_name = "LABEL=VALUE", value_parser = crate::commands::routes::label)]
        labels: Vec<(String, String)>,
        /// Who should hear of it, between commas; exit code 1 when it is others
        #[arg(long = "verify.receivers", value_name = "RECEIVERS")]
        verify_receivers: Option<String>,
        /// Print the way through the tree first
        #[arg(long)]
        tree: bool,
    },
}

/// `test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch test rules/*.test.yml                        the tests that come with the rules
  shiftwatch test my.test.yml --config shiftwatch.yml     with the routes and receivers of a configuration
  shiftwatch test my.test.yml --verbose                   shows what happened when, also where all is well

Nothing is read, stored or sent. How such a file is written: docs/rule-tests.md.
Exit code 1 when a file has a fault or something does not come as expected.")]
pub struct Test {
    /// The test files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Show what happened when, also of tests that pass
    #[arg(long)]
    pub verbose: bool,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub output: Output,
}

/// `drill`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch drill night-1                          a text, marked as a trial, to one of `people`
  shiftwatch drill coverage --timeout 30m           by an escalation policy, step by step

The page goes through the real outbox and gateways of the running agent. Whoever gets it answers as always (1, or the link).
Exit code 0 when somebody has it, 1 when nobody answered in time.")]
pub struct Drill {
    /// The name of one of `people`, or of an escalation policy
    #[arg(value_name = "PERSON|POLICY")]
    pub who: String,
    /// How long to wait for an answer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "15m")]
    pub timeout: std::time::Duration,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch replay --config shiftwatch.yml --days 14                     what this agent's store remembers
  shiftwatch replay --config shiftwatch.yml --days 14 --rules new.yml     the same by other rules
  shiftwatch replay --config shiftwatch.yml --days 30 --from-vendor       past visits, read from WellSky now

Reads and tells nobody; the agent may run meanwhile. The last table says how many shifts a day would have paged at each
delay. With --from-vendor, call-outs and changes are not known: WellSky shows each shift as it stands now.")]
pub struct Replay {
    /// How many days back, today not counted
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub days: u32,
    /// Rule files, instead of those of the configuration
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub rules: Vec<PathBuf>,
    /// Which agency [default: each of the configuration]
    #[arg(long, value_name = "NAME")]
    pub agency: Option<String>,
    /// Read the past from WellSky (at the configured rate) instead of the store; at most 60 days
    #[arg(long)]
    pub from_vendor: bool,
    /// Also list every message that would have been sent
    #[arg(long)]
    pub verbose: bool,
    /// How to answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub output: Output,
}

/// Where the running agent is, and how to answer.
#[derive(Debug, Clone, Args)]
pub struct Asking {
    /// The running agent's address [default: web.listen of the configuration, else http://127.0.0.1:9847]
    #[arg(long, global = true, value_name = "URL", env = "SHIFTWATCH_URL")]
    pub url: Option<String>,
    /// A file with basic_auth and tls_config, as amtool reads it, for an agent with sign-in [env: SHIFTWATCH_HTTP_CONFIG]
    // Not read by clap, for the same reason as --config.
    #[arg(long, global = true, value_name = "FILE")]
    pub http_config: Option<PathBuf>,
    /// How to answer
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Output::Table)]
    pub output: Output,
}

/// `healthcheck`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch healthcheck --config shiftwatch.yml          ready: configuration read, store writable, loops running
  shiftwatch healthcheck --config shiftwatch.yml --alive  the process answers, ready or not

Exit code 0 when it is, 1 with the reason when it is not. Takes any certificate, because it asks ourselves, and sends no password.")]
pub struct Healthcheck {
    /// Whether the process answers at all is enough
    #[arg(long)]
    pub alive: bool,
    /// The agent's address [default: web.listen of the configuration, else http://127.0.0.1:9847]
    #[arg(long, value_name = "URL", env = "SHIFTWATCH_URL")]
    pub url: Option<String>,
    /// A file with tls_config, where the agent asks clients for a certificate [env: SHIFTWATCH_HTTP_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub http_config: Option<PathBuf>,
}

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch doctor                                 reads from WellSky, logs in to mail and text gateways, sends nothing
  shiftwatch doctor --send-to lead@example.com      also sends one test mail
  shiftwatch doctor --send-to +12025550110          also sends one test text
  shiftwatch doctor --text night-1                  texts night-1 and waits for the answer, at most 5 min

Each line is ok, warn or FAIL, what was found, and what to do. No names, phones or addresses are shown.
Exit code 1 on any FAIL.")]
pub struct Doctor {
    /// Send one test message to this mail address or phone number (E.164)
    #[arg(long, value_name = "ADDRESS")]
    pub send_to: Option<String>,
    /// Text this person of `people` once, and wait for their answer: it verifies the number
    #[arg(long, value_name = "PERSON")]
    pub text: Option<String>,
    /// How many clients' shifts to look at
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub clients: usize,
}

/// `alerts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch alerts                                 firing, owned and pending, the most pressing first
  shiftwatch alerts --state firing --severity page
  shiftwatch alerts --match location=north --output csv
  shiftwatch ack 3f2a9c --by night-1                own the one with this id")]
pub struct Alerts {
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
    /// Only alerts in these states
    #[arg(long, value_enum, value_name = "STATE")]
    pub state: Vec<StateFilter>,
    /// Only alerts of these severities
    #[arg(long, value_name = "SEVERITY")]
    pub severity: Vec<String>,
    /// In the table, also alerts for which a worse one speaks
    #[arg(long)]
    pub all: bool,
    /// Only alerts with this label; may be given several times
    #[arg(long = "match", value_name = "LABEL=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
}

/// The states that `alerts --state` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateFilter {
    /// Its `for` has not passed.
    Pending,
    /// Nobody owns it.
    Firing,
    /// Somebody owns it.
    Acknowledged,
    /// Over, not yet told everybody.
    Resolved,
}

impl StateFilter {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// `on-call`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch on-call                                    every schedule, a fortnight ahead, and what could go wrong
  shiftwatch on-call nights --at 2026-12-24T20:00:00-07:00
  shiftwatch on-call nights --output ics > nights.ics   sixty days, for another calendar
  shiftwatch on-call log --days 7                       every page, who took it, what became of it

The agent gives the same calendars to follow: /api/v1/on-call/SCHEDULE.ics and /api/v1/on-call/people/PERSON.ics.")]
#[command(args_conflicts_with_subcommands = true)]
pub struct OnCall {
    /// What was, instead of what is
    #[command(subcommand)]
    pub command: Option<OnCallCommand>,
    /// This schedule alone
    #[arg(value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// At another instant than now, for example 2026-12-24T20:00:00-07:00
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub at: Option<String>,
    /// How to answer
    // Under a name of its own: clap hands what `log` takes for `output` up to us under that one, and it is another type.
    #[arg(id = "on_call_output", long = "output", value_enum, value_name = "FORMAT", default_value_t = OnCallOutput::Table)]
    pub output: OnCallOutput,
    /// The running agent's address [default: web.listen of the configuration, else http://127.0.0.1:9847]
    #[arg(long, value_name = "URL", env = "SHIFTWATCH_URL")]
    pub url: Option<String>,
    /// A file with basic_auth and tls_config, as amtool reads it, for an agent with sign-in [env: SHIFTWATCH_HTTP_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub http_config: Option<PathBuf>,
}

/// What else `on-call` tells.
#[derive(Debug, Subcommand)]
pub enum OnCallCommand {
    /// Every page of the last days: who was told, who took it after how long, how it ended, what became of it
    Log(OnCallLog),
}

/// `on-call log`.
#[derive(Debug, Args)]
pub struct OnCallLog {
    /// How many days back
    #[arg(long, value_name = "DAYS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=400))]
    pub days: u32,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// How `on-call` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnCallOutput {
    /// For a person.
    Table,
    /// JSON.
    Json,
    /// An iCalendar file.
    Ics,
}

fn instant(text: &str) -> Result<String, String> {
    chrono::DateTime::parse_from_rfc3339(text.trim())
        .map(|at| at.to_rfc3339())
        .map_err(|_| "write an instant with its offset, like 2026-12-24T20:00:00-07:00".to_owned())
}

/// `audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch audit --config shiftwatch.yml                 the last 7 days
  shiftwatch audit --days 30 --output csv > audit.csv      for whoever has to show it

Ids, never names. For whoever can read the agent's store on this machine, or signs in with --http-config.")]
pub struct Audit {
    /// How many days back
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=4000))]
    pub days: u32,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `ack`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch ack 3f2a9c --by night-1                       the alert with this id in `shiftwatch alerts`
  shiftwatch ack 3f2a9c --by night-1 --for 40m --note \"backup is on the way\"

Only evidence closes an alert: when the ownership ends and it still fires, everybody is told again.")]
pub struct Ack {
    /// The alert: its id in `shiftwatch alerts`, or more or less of its fingerprint (at least 4 digits)
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// Who owns it now
    #[arg(long, value_name = "NAME", env = "SHIFTWATCH_USER")]
    pub by: String,
    /// What they do about it; others can read it, so no client's name
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// For how long, for example 20m [default: as configured]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub for_: Option<std::time::Duration>,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// `disposition`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch disposition 3f2a9c covered --by office --covered-by 8000202
  shiftwatch disposition 3f2a9c unstaffed --by office --approver director --note \"family stayed with them\"

It closes nothing: it is the last word of the on-call log. It may be said again; the latest word counts, all are kept.")]
pub struct Disposition {
    /// The alert: its id in `shiftwatch on-call log` or `shiftwatch alerts`, at least 4 digits of it
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// What became of it
    #[arg(value_name = "WHAT", value_parser = ["covered", "arrived", "refused", "unstaffed", "data-error", "rescheduled", "linked", "edited", "approved"])]
    pub what: String,
    /// Who says so
    #[arg(long, value_name = "NAME", env = "SHIFTWATCH_USER")]
    pub by: String,
    /// Who approved of it; needed when it went unstaffed
    #[arg(long, value_name = "NAME")]
    pub approver: Option<String>,
    /// Who covered the shift
    #[arg(long, value_name = "NAME")]
    pub covered_by: Option<String>,
    /// What else there is to say; others can read it, so no client's name
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    crate::config::duration::parse(text)
        .ok()
        .filter(|length| !length.is_zero())
        .ok_or_else(|| "write a duration like 90s, 20m or 1h30m".to_owned())
}

fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write label=value, for example location=north")?;
    Ok((name.to_owned(), value.trim_matches('"').to_owned()))
}

#[cfg(test)]
mod tests;
