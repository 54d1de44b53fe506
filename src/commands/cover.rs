//! `shiftwatch cover`: who could take a shift, ranked with reasons, and what forbids the others. Assigns nobody.

use std::{fmt::Write as _, io::Write};

use chrono_tz::Tz;

use super::{
    Exit,
    lookup::{Asked, How, age},
    output::{Output, Table, json},
};
use crate::{cli::Cover as Args, report::lookup::answer::ShownCover, view::words};

/// Prints who could take a shift.
///
/// # Errors
/// The agent does not answer, or knows no such shift.
pub async fn run(asked: &Asked<'_>, args: &Args, how: How, out: &mut impl Write) -> anyhow::Result<Exit> {
    let found = asked.cover(args.agency.as_deref(), &args.shift).await?;
    out.write_all(text(&found, args, how.by(found.at)).as_bytes())?;
    Ok(Exit::Done)
}

/// Who could take a shift, as text.
#[must_use]
pub fn text(found: &ShownCover, args: &Args, how: How) -> String {
    let cover = &found.cover;
    let mut table = match how.output {
        Output::Json => return json(found),
        Output::Csv => Table::new(&["verdict", "caregiver", "name", "score", "why"]),
        Output::Table => Table::new(&["#", "CAREGIVER", "NAME", "POINTS", "WHY"]),
    };
    let is_csv = how.output == Output::Csv;
    let n_shown = if is_csv { usize::MAX } else { args.best };
    for (n, one) in cover.ranked.iter().take(n_shown).enumerate() {
        let why = one.reasons.iter().map(|reason| match reason.points {
            0 => reason.says.clone(),
            points => format!("{} (+{points})", reason.says),
        });
        let first = if is_csv { "could".to_owned() } else { (n + 1).to_string() };
        let why = why.collect::<Vec<_>>().join("; ");
        let name = one.name.clone().unwrap_or_default();
        table.row([first, one.caregiver.to_string(), name, one.score.to_string(), why]);
    }
    if is_csv || args.forbidden {
        for one in &cover.forbidden {
            let first = if is_csv { "must not" } else { "no" }.to_owned();
            let name = one.name.clone().unwrap_or_default();
            table.row([first, one.caregiver.to_string(), name, String::new(), one.why.join("; ")]);
        }
    }
    if is_csv {
        return table.csv();
    }
    let shift = &cover.shift;
    let zone: Tz = shift.timezone.parse().unwrap_or(chrono_tz::UTC);
    let when = words::stretch(shift.start, Some(shift.end), how.real_now, zone, false);
    let mut text = format!("Shift {} ({when}), client {}", shift.shift, shift.client);
    if let Some(name) = &shift.client_name {
        let _ = write!(text, " {}", words::printable(name));
    }
    let _ = writeln!(text, ", {}\n", shift.state.as_str());
    if cover.ranked.is_empty() {
        text.push_str("Nobody could take it by what is known.\n");
    }
    if !table.is_empty() {
        text.push_str(&table.text(how.width));
    }
    if cover.ranked.len() > n_shown {
        let _ = writeln!(text, "{} more could, too: --best {}.", cover.ranked.len() - n_shown, cover.ranked.len());
    }
    if !args.forbidden && cover.n_forbidden > 0 {
        let must_not = words::count(cover.n_forbidden as u64, "caregiver", "caregivers");
        let _ = writeln!(text, "{must_not} must not: --forbidden says why.");
    }
    let (roster, shifts) = (age(cover.roster, how.real_now), age(cover.shifts, how.real_now));
    let _ = writeln!(text, "Caregivers: {roster}. Their shifts: {shifts}. Nobody was assigned.");
    if !found.names.words().is_empty() {
        let _ = writeln!(text, "There are no names here: {}.", found.names.words());
    }
    text
}
