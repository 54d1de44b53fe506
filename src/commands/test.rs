//! `test`: reads test files, has them played, prints what came of it.
//!
//! Faults of the files go to the second writer, as those of a configuration do; the outcome to the first.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use serde::Serialize;

use super::{
    Exit,
    output::{Output, Table, json},
};
use crate::{
    app,
    cli::Test as Args,
    config::{
        Config,
        fault::Fault,
        reading::{Env, Reading},
        suggest::nearest,
        tree::{self, Place},
    },
    rehearse::{
        STANDARD,
        file::{self, Head, Setting, Test},
        play::{Failure, Played, play},
        record::{Entry, line_text},
        theatre::Cast,
    },
    rules::rule::Rule,
};

/// What stands in the place of secrets that the environment lacks: nothing of a rehearsal leaves.
const NO_SECRET: &str = "unset";

/// Everything that came of the files.
#[derive(Serialize)]
struct Outcome {
    tests: Vec<Shown>,
    n_tests: usize,
    n_failed: usize,
}

/// One test as it is printed.
#[derive(Serialize)]
struct Shown {
    file: String,
    line: u32,
    name: String,
    ok: bool,
    failures: Vec<ShownFailure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    timeline: Vec<Entry>,
    #[serde(skip)]
    line_text: String,
}

#[derive(Serialize)]
struct ShownFailure {
    line: u32,
    column: u32,
    expected: String,
    got: String,
}

/// Plays every test of the files.
///
/// # Errors
/// Nobody reads the output any more.
pub fn run(
    args: &Args,
    config: Option<&Path>,
    env: Env<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let mut shown = Vec::new();
    let mut faulty = false;
    for path in &args.files {
        match read_file(path, config, env) {
            Ok((cast, tests)) => {
                shown.extend(tests.iter().map(|test| show(path, test, play(test, &cast), args.verbose)));
            }
            Err(faults) => {
                faulty = true;
                for fault in faults {
                    writeln!(err, "{fault}")?;
                }
            }
        }
    }
    let n_failed = shown.iter().filter(|one| !one.ok).count();
    let outcome = Outcome { n_tests: shown.len(), n_failed, tests: shown };
    match args.output {
        Output::Table => print(&outcome, args.verbose, out)?,
        Output::Json => write!(out, "{}", json(&outcome))?,
        Output::Csv => {
            let mut table = Table::new(&["file", "line", "name", "ok"]);
            for one in &outcome.tests {
                table.row([one.file.clone(), one.line.to_string(), one.name.clone(), one.ok.to_string()]);
            }
            write!(out, "{}", table.csv())?;
        }
    }
    Ok(if faulty || n_failed > 0 { Exit::Failed } else { Exit::Done })
}

fn print(outcome: &Outcome, verbose: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut file = "";
    for one in &outcome.tests {
        if one.file != file {
            file = &one.file;
            writeln!(out, "{file}")?;
        }
        writeln!(out, "  {}  {}", if one.ok { "ok  " } else { "FAIL" }, one.name)?;
        for failure in &one.failures {
            writeln!(out, "    {file}:{}:{}: expected  {}", failure.line, failure.column, failure.expected)?;
            writeln!(out, "      got  {}", failure.got)?;
        }
        if verbose || !one.ok {
            write!(out, "{}", one.line_text)?;
        }
    }
    let n = outcome.n_tests;
    let tests = if n == 1 { "test" } else { "tests" };
    match outcome.n_failed {
        0 => writeln!(out, "{n} {tests}, all as expected"),
        failed => writeln!(out, "{n} {tests}, {failed} not as expected"),
    }
}

fn show(path: &Path, test: &Test, played: Played, verbose: bool) -> Shown {
    let Played { record, failures } = played;
    let ok = failures.is_empty();
    Shown {
        file: path.display().to_string(),
        line: test.place.line,
        name: test.name.clone(),
        ok,
        failures: failures
            .into_iter()
            .map(|Failure { place, expected, got }| ShownFailure {
                line: place.line,
                column: place.column,
                expected,
                got,
            })
            .collect(),
        line_text: line_text(&record.line, test.zone),
        timeline: if verbose || !ok { record.line } else { Vec::new() },
    }
}

/// Reads one test file with the configuration it plays with.
///
/// # Errors
/// Every fault found in either.
pub fn read_file(path: &Path, config: Option<&Path>, env: Env<'_>) -> Result<(Cast, Vec<Test>), Vec<Fault>> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| {
        let what = format!("the test file cannot be read ({})", error.kind());
        vec![Fault::error(&name, Place::NOWHERE, what, "name a file that exists and that this user may read")]
    })?;
    let env = |variable: &str| env(variable).or_else(|| Some(NO_SECRET.to_owned()));
    let mut cx = Reading::new(name.clone(), path.parent().unwrap_or(Path::new("")), &env);
    let mut faults = Vec::new();
    let root = tree::read(&name, &bytes, &mut faults);
    cx.faults = faults;
    let mut elsewhere = Vec::new();
    let mut load = |head: &Head<'_>, cx: &mut Reading<'_>| cast(head, config, cx, &mut elsewhere);
    let read = root.and_then(|root| file::read(&root, &mut cx, &mut load));
    let mut faults: Vec<Fault> = cx.faults.into_iter().chain(elsewhere).filter(Fault::is_error).collect();
    faults.sort_by_key(|fault| (fault.file != name, fault.line, fault.column));
    match read {
        Some(read) if faults.is_empty() => Ok(read),
        _ => Err(faults),
    }
}

/// The cast that a file's head asks for. Faults of other files go to `elsewhere`.
fn cast(head: &Head<'_>, given: Option<&Path>, cx: &mut Reading<'_>, elsewhere: &mut Vec<Fault>) -> Option<Cast> {
    let env = cx.env;
    let mut file = |path: &Path| match Config::load(Some(path), env) {
        Ok((config, _)) => Some(config),
        Err(mut faults) => {
            elsewhere.append(&mut faults);
            None
        }
    };
    let mut config = match (&head.config, given) {
        (Setting::File(path, _), _) => file(path),
        (Setting::Unsaid, Some(path)) => file(path),
        (Setting::Sections(over), _) => Config::read_over(STANDARD, Some(over), cx),
        (Setting::Unsaid | Setting::Standard, _) => {
            Config::read_over(STANDARD, None, &mut Reading::new("standard", Path::new(""), env))
        }
    }?;
    let rules = match head.rules {
        Some(node) => Config::read_rules(node, cx),
        None => config.rules.to_vec(),
    };
    let place = match &head.agency {
        None => 0,
        Some((name, at)) => {
            let found = config.agencies.iter().position(|agency| agency.name.as_str() == name);
            if found.is_none() {
                let known: Vec<&str> = config.agencies.iter().map(|agency| agency.name.as_str()).collect();
                let instead = nearest(name, known.iter().copied())
                    .map_or_else(|| format!("known: {}", known.join(", ")), |near| format!("did you mean {near}?"));
                cx.error(*at, format!("no agency is called \"{name}\""), instead);
            }
            found?
        }
    };
    if let Some(zone) = head.timezone {
        config.agencies[place].timezone = zone;
    }
    Some(cast_of(&config, place, rules))
}

/// Everybody and everything of a configuration that a rehearsal of one agency needs.
pub(super) fn cast_of(config: &Config, place: usize, rules: Vec<Rule>) -> Cast {
    let mut telling = app::telling(config);
    // What is rehearsed is what will be said once the trial is over.
    telling.shadow = None;
    Cast {
        agency: config.agencies[place].clone(),
        installation: app::installation(config),
        rules,
        policy: Arc::clone(&config.policy),
        telling: Arc::new(telling),
    }
}
