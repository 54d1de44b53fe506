//! `replay`: gets hold of an agency's past, has it replayed, prints what it would have come to.
//!
//! The store is opened to read, beside the agent that runs on it. From the vendor, everything is read once, at the
//! configured rate; a client that cannot be read is left out and counted.

use std::{
    io::{self, IsTerminal as _, Write},
    sync::Arc,
};

use anyhow::Context as _;
use chrono::TimeDelta;
use serde::Serialize;

use super::{
    Exit,
    output::{Output, Table, json},
    test::cast_of,
};
use crate::{
    cli::Replay as Args,
    clock::Clock,
    config::{Agency, Config},
    mirror::Mirror,
    model::{ClientId, Instant},
    rehearse::{
        past::{Past, days_before},
        replay::{Replayed, replay},
        theatre::Cast,
    },
    rules::{rule::Rule, ruleset::Ruleset},
    source::{
        access::Access,
        client::Source,
        fetched::{Extent, Fetched, Read, Span},
        status::EncounterScope,
    },
    store::Store,
    watch::mirror_settings,
};

/// The vendor is asked for no longer stretch.
const VENDOR_DAYS_MAX: u32 = 60;
/// A shift that began before the first day may end in it.
const BEFORE: TimeDelta = TimeDelta::days(2);

/// One agency's replay, as it is printed.
#[derive(Serialize)]
struct Shown {
    agency: String,
    source: &'static str,
    #[serde(flatten)]
    replayed: Replayed,
}

/// Replays the agencies that were asked for.
///
/// # Errors
/// Nobody reads the output any more, the store cannot be read, or the way to the vendor cannot be prepared.
pub async fn run(
    args: &Args,
    config: &Config,
    width: usize,
    clock: &Clock,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<Exit> {
    let rules = if args.rules.is_empty() {
        config.rules.to_vec()
    } else {
        match Config::rules_of(&args.rules) {
            Ok(rules) => rules,
            Err(faults) => {
                for fault in faults {
                    writeln!(err, "{fault}")?;
                }
                return Ok(Exit::Failed);
            }
        }
    };
    if args.from_vendor && args.days > VENDOR_DAYS_MAX {
        writeln!(
            err,
            "at most {VENDOR_DAYS_MAX} days are read from WellSky: leave --from-vendor out, or ask for fewer"
        )?;
        return Ok(Exit::Failed);
    }
    let places: Vec<usize> = (0..config.agencies.len())
        .filter(|place| args.agency.as_ref().is_none_or(|name| config.agencies[*place].name.as_str() == name))
        .collect();
    if places.is_empty() {
        let known: Vec<&str> = config.agencies.iter().map(|agency| agency.name.as_str()).collect();
        writeln!(
            err,
            "no agency is called {}; known: {}",
            args.agency.as_deref().unwrap_or_default(),
            known.join(", ")
        )?;
        return Ok(Exit::Failed);
    }
    let mut all = Vec::new();
    for place in places {
        let cast = cast_of(config, place, rules.clone());
        let now = clock.now();
        let from = days_before(args.days, now, cast.agency.timezone);
        let past = if args.from_vendor {
            let Some(past) = from_vendor(&cast, from, now, clock, err).await? else { return Ok(Exit::Failed) };
            past
        } else {
            from_store(config, &cast.agency, &rules, now).await?
        };
        // What is still under way is not yet the past.
        let until = if args.from_vendor { now } else { past.until.unwrap_or(now).min(now) };
        if past.shifts.is_empty() {
            writeln!(
                err,
                "{}: nothing is known of its past{}",
                cast.agency.name,
                if args.from_vendor {
                    ": WellSky shows no shift of these days"
                } else {
                    "; let the agent run for some days, or read it with --from-vendor"
                }
            )?;
            return Ok(Exit::Failed);
        }
        let shows = io::stderr().is_terminal();
        let mut on_day = |day: i64, days: i64| {
            if shows {
                let _ = write!(
                    io::stderr(),
                    "\rreplaying day {day} of {days}   {}",
                    if day == days { "\r\x1b[K" } else { "" }
                );
            }
        };
        let replayed = replay(&past, &cast, from, until, &mut on_day);
        let source = if args.from_vendor { "vendor" } else { "store" };
        all.push((Shown { agency: cast.agency.name.to_string(), source, replayed }, cast.agency.timezone));
    }
    match args.output {
        Output::Table => {
            for (shown, zone) in &all {
                print(shown, *zone, args.verbose, width, out)?;
            }
        }
        Output::Json => write!(out, "{}", json(&all.iter().map(|(shown, _)| shown).collect::<Vec<_>>()))?,
        Output::Csv => write!(out, "{}", csv(&all.iter().map(|(shown, _)| shown).collect::<Vec<_>>()))?,
    }
    Ok(Exit::Done)
}

async fn from_store(config: &Config, agency: &Agency, rules: &[Rule], now: Instant) -> anyhow::Result<Past> {
    let store = Store::open_read_only(&config.store).await.context("opening the store to read")?;
    let (rows, lines) = store.past(&agency.name).await.context("reading the past")?;
    store.close().await;
    let settings = mirror_settings(agency, &Ruleset::of_agency(rules, false));
    Ok(Past::stored(&settings, rows, &lines, now))
}

/// Everything of these days, read once. `None` when the client list cannot be read; that was said.
async fn from_vendor(
    cast: &Cast,
    from: Instant,
    now: Instant,
    clock: &Clock,
    err: &mut dyn Write,
) -> anyhow::Result<Option<Past>> {
    let agency = &cast.agency;
    let access = Access::new(&agency.wellsky, u64::from(std::process::id())).context("preparing the way to WellSky")?;
    let source = Source::new(agency, Arc::new(access));
    let began = from - BEFORE;
    let mut mirror = Mirror::new(mirror_settings(agency, &Ruleset::of_agency(&cast.rules, false)), began);
    let shows = io::stderr().is_terminal();
    let mut unread = Vec::new();
    for read in [Read::Clients(Extent::Full), Read::Caregivers(Extent::Full)] {
        let fetched = source.fetch(&read, now, clock).await;
        if let Err(fault) = &fetched.outcome {
            writeln!(err, "{}: {fault}; run shiftwatch doctor", agency.name)?;
            return Ok(None);
        }
        take(&mut mirror, fetched, began);
    }
    let span = Span { from: began, until: now };
    let clients: Vec<ClientId> = mirror.client_ids().filter(|id| !mirror.is_inactive(id)).cloned().collect();
    let by_all = source.probe_encounter_scope(now, clock).await.scope == EncounterScope::AgencyWide;
    if by_all {
        let fetched = source.fetch(&Read::Visits { client: None, span, confirming: false }, now, clock).await;
        if let Err(fault) = &fetched.outcome {
            unread.push(format!("visits: {fault}"));
        }
        take(&mut mirror, fetched, began);
    }
    for (n, client) in clients.iter().enumerate() {
        if shows {
            let _ = write!(io::stderr(), "\rreading client {} of {}   ", n + 1, clients.len());
        }
        let mut reads = vec![Read::Shifts { client: client.clone(), span, confirming: false }];
        if !by_all {
            reads.push(Read::Visits { client: Some(client.clone()), span, confirming: false });
        }
        for read in reads {
            let fetched = source.fetch(&read, now, clock).await;
            match &fetched.outcome {
                Ok(rows) if rows.complete => {}
                Ok(_) => unread.push(format!("client {client}: not all pages came")),
                Err(fault) => unread.push(format!("client {client}: {fault}")),
            }
            take(&mut mirror, fetched, began);
        }
    }
    if shows {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    let mut past = Past::read(&mirror);
    if let Some(first) = unread.first() {
        past.unknown.push(format!("{} reads failed and what they hold is left out; the first: {first}", unread.len()));
    }
    Ok(Some(past))
}

/// Applies a read as if it had been made when the days began: nothing of it is too old to be kept.
fn take(mirror: &mut Mirror, mut fetched: Fetched, began: Instant) {
    (fetched.started_at, fetched.finished_at) = (began, began);
    fetched.requests.clear();
    let _ = mirror.apply(&fetched, began);
}

fn print(shown: &Shown, zone: chrono_tz::Tz, verbose: bool, width: usize, out: &mut dyn Write) -> io::Result<()> {
    let Shown { agency, source, replayed } = shown;
    let local = |at: Instant| at.with_timezone(&zone).format("%a %F %H:%M").to_string();
    writeln!(
        out,
        "{agency}: {} to {} ({:.1} days), {} shifts, from the {source}\n",
        local(replayed.from),
        local(replayed.until),
        replayed.n_days,
        replayed.n_shifts
    )?;
    let mut table = Table::new(&["day", "would have fired", "times"]);
    for (day, alerts) in &replayed.fired {
        for (alert, n) in alerts {
            table.row([day.format("%a %F").to_string(), alert.clone(), n.to_string()]);
        }
    }
    write_or(&table, "Nothing would have fired.", width, out)?;
    let mut table = Table::new(&["day", "would have been told", "by", "messages"]);
    for (day, told) in &replayed.told {
        for ((receiver, channel), n) in told {
            table.row([day.format("%a %F").to_string(), receiver.clone(), channel.to_string(), n.to_string()]);
        }
    }
    write_or(&table, "Nobody would have been told anything.", width, out)?;
    if verbose {
        let mut table = Table::new(&["at", "to", "by", "what"]);
        for (at, receiver, channel, text) in &replayed.said {
            table.row([local(*at), receiver.clone(), channel.to_string(), text.clone()]);
        }
        write_or(&table, "", width, out)?;
    }
    writeln!(out, "Shifts without a check-in so long after their start:")?;
    let mut table = Table::new(&["after", "came later", "never seen", "a day"]);
    for delay in &replayed.delays {
        table.row([
            format!("{} min", delay.minutes),
            delay.later.to_string(),
            delay.never.to_string(),
            format!("{:.1}", delay.a_day),
        ]);
    }
    write_or(&table, "", width, out)?;
    writeln!(out, "Nobody owns an alert in a replay: repeats count in full. What it cannot tell:")?;
    for line in &replayed.unknown {
        writeln!(out, "- {line}")?;
    }
    writeln!(out)
}

fn write_or(table: &Table, otherwise: &str, width: usize, out: &mut dyn Write) -> io::Result<()> {
    if table.is_empty() { writeln!(out, "{otherwise}\n") } else { writeln!(out, "{}", table.text(width)) }
}

fn csv(all: &[&Shown]) -> String {
    let mut table = Table::new(&["agency", "kind", "day", "name", "n"]);
    for Shown { agency, replayed, .. } in all {
        let mut row = |kind: &str, day: String, name: String, n: String| {
            table.row([agency.clone(), kind.to_owned(), day, name, n]);
        };
        for (day, alerts) in &replayed.fired {
            for (alert, n) in alerts {
                row("fired", day.to_string(), alert.clone(), n.to_string());
            }
        }
        for (day, told) in &replayed.told {
            for ((receiver, channel), n) in told {
                row("told", day.to_string(), format!("{receiver} by {channel}"), n.to_string());
            }
        }
        for delay in &replayed.delays {
            row("delay", String::new(), format!("{}m later", delay.minutes), delay.later.to_string());
            row("delay", String::new(), format!("{}m never", delay.minutes), delay.never.to_string());
        }
    }
    table.csv()
}
