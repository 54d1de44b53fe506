//! `hours`: what was scheduled and worked, and periods that are closed.

use chrono::NaiveDate;
use clap::{Args, Subcommand, ValueEnum};

use super::Asking;

/// `hours`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shiftwatch hours                                                this week, per client and per caregiver
  shiftwatch hours --week last --by caregiver                     for the pay
  shiftwatch hours --month 2026-11 --by client --output csv       for the bill
  shiftwatch hours --from 2026-11-01 --to 2026-11-14 --exceptions
  shiftwatch hours --month 2026-10 --read --charges               what was not billed, or otherwise than worked
  shiftwatch hours --month 2026-06 --read                         reads first what is missing of it, with what the watch leaves over
  shiftwatch hours close 2026-11-01..2026-11-14 --by office       freezes it; what is edited later shows as an adjustment
  shiftwatch hours closed                                         what is frozen

Minutes are exact. Days and weeks are the agency's own (agencies[].timezone and week). What was not wholly read is listed below
the table: minutes may be missing there.")]
pub struct Hours {
    /// What to do; the report when nothing is said.
    #[command(subcommand)]
    pub command: Option<HoursCommand>,
    /// Which days
    #[command(flatten)]
    pub days: HoursDays,
    /// Which list; both without
    #[arg(long, value_enum, value_name = "WHOM")]
    pub by: Option<By>,
    /// List what is not as planned, too
    #[arg(long)]
    pub exceptions: bool,
    /// List hours without a charge, charges without hours, and where they differ (needs wellsky.sections.chargeitems)
    #[arg(long, conflicts_with = "exceptions")]
    pub charges: bool,
    /// First read from WellSky what is missing; the watch goes before it
    #[arg(long)]
    pub read: bool,
    /// Which agency [default: the first of the configuration]
    #[arg(long, global = true, value_name = "NAME")]
    pub agency: Option<String>,
    /// Where and how
    #[command(flatten)]
    pub asking: Asking,
}

/// Which days.
#[derive(Debug, Args)]
pub struct HoursDays {
    /// The first day, as 2026-11-01
    #[arg(long, value_name = "DAY", requires = "to", conflicts_with_all = ["month", "week"])]
    pub from: Option<NaiveDate>,
    /// The last day, included
    #[arg(long, value_name = "DAY", requires = "from")]
    pub to: Option<NaiveDate>,
    /// A month, as 2026-11, or this or last
    #[arg(long, value_name = "MONTH", conflicts_with = "week")]
    pub month: Option<String>,
    /// The week that holds a day, or this or last
    #[arg(long, value_name = "DAY")]
    pub week: Option<String>,
}

impl HoursDays {
    /// As the agent is asked.
    #[must_use]
    pub fn query(&self) -> String {
        // None of these can hold what an address must not: the agent says what is wrong with a month that is none.
        let word = |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect::<String>();
        match (self.from, self.to, &self.month, &self.week) {
            (Some(from), Some(to), ..) => format!("from={from}&to={to}"),
            (_, _, Some(month), _) => format!("month={}", word(month)),
            (.., Some(week)) => format!("week={}", word(week)),
            _ => "week=this".to_owned(),
        }
    }
}

/// Whose hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// For the bill.
    Client,
    /// For the pay.
    Caregiver,
}

/// What else `hours` does.
#[derive(Debug, Subcommand)]
pub enum HoursCommand {
    /// Freeze a period that is over: its numbers never change again
    Close {
        /// The first and the last day
        #[arg(value_name = "FROM..TO", value_parser = days)]
        days: (NaiveDate, NaiveDate),
        /// Who closes it: a name, shown for good
        #[arg(long, value_name = "NAME")]
        by: String,
    },
    /// List the closed periods
    Closed,
}

fn days(text: &str) -> Result<(NaiveDate, NaiveDate), String> {
    let wrong = || format!("\"{text}\" is not FROM..TO; write it as 2026-11-01..2026-11-14");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    Ok((from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?))
}
