use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::error::ErrorKind> {
    Cli::try_parse_from(line.split(' ')).map_err(|error| error.kind())
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn global_options_go_before_or_after_the_command() {
    for line in ["shiftwatch --config a.yml check", "shiftwatch check --config a.yml"] {
        assert_eq!(parse(line).unwrap().common.config, Some(PathBuf::from("a.yml")), "{line}");
    }
}

#[test]
fn a_width_that_makes_no_sense_is_left_alone() {
    for (columns, width) in [("80", 80), ("", 120), ("0", 120), ("wide", 120), ("-1", 120)] {
        let cli = Cli::try_parse_from(["shiftwatch", &format!("--columns={columns}"), "status"]).unwrap();
        assert_eq!(cli.common.width(Some(120)), width, "{columns}");
        assert_eq!(cli.common.width(None), usize::MAX, "a pipe is never cut");
    }
}

#[test]
fn wrong_use_is_exit_code_2() {
    for line in [
        "shiftwatch nonsense",
        "shiftwatch ack",
        "shiftwatch ack 3f2a",
        "shiftwatch ack 3f2a --by n --for soon",
        "shiftwatch routes test severity",
        "shiftwatch routes test severity=~page",
        "shiftwatch alerts --match north",
        "shiftwatch alerts --state sleeping",
        "shiftwatch status --output xml",
        "shiftwatch run --log-level hyper=trace",
        "shiftwatch on-call --at tonight",
        "shiftwatch service",
        "shiftwatch service install --root",
    ] {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
    }
}

#[test]
fn durations_and_labels_are_read() {
    let Command::Ack(ack) = parse("shiftwatch ack 3f2a --by night-1 --for 1h30m").unwrap().command else {
        panic!("an ack")
    };
    assert_eq!(ack.for_, Some(std::time::Duration::from_mins(90)));
    let Command::Alerts(alerts) = parse("shiftwatch alerts --match location=north --match a=").unwrap().command else {
        panic!("alerts")
    };
    assert_eq!(alerts.labels, [("location".to_owned(), "north".to_owned()), ("a".to_owned(), String::new())]);
}

/// Each command that does something, with the words that lead to it.
fn leaves(command: &clap::Command, words: &[String], all: &mut Vec<(Vec<String>, clap::Command)>) {
    let mut n = 0;
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        n += 1;
        leaves(child, &[words, &[child.get_name().to_owned()]].concat(), all);
    }
    if n == 0 || !command.is_subcommand_required_set() {
        all.push((words.to_vec(), command.clone()));
    }
}

/// What arguments take, each at least one of these.
const VALUES: [&str; 14] = [
    "2026-11-01..2026-11-14",
    "127.0.0.1",
    "America/Denver",
    "0.5",
    "a1b2c3",
    "2",
    "20m",
    "2026-12-01",
    "2026-12-01T07:00:00-07:00",
    "2026-11",
    "a=b",
    "127.0.0.1:0",
    "http://127.0.0.1:9847",
    "morning",
];

/// The words with an argument behind them, in each form it may have.
fn with(words: &[String], arg: &clap::Arg) -> Vec<Vec<String>> {
    let behind = |word: String| [words, &[word]].concat();
    let takes = matches!(arg.get_action(), clap::ArgAction::Set | clap::ArgAction::Append);
    let possible: Vec<String> = arg.get_possible_values().iter().map(|one| one.get_name().to_owned()).collect();
    let values = if possible.is_empty() { VALUES.map(str::to_owned).to_vec() } else { possible };
    match (arg.get_long(), takes) {
        (Some(long), true) => values.iter().map(|value| behind(format!("--{long}={value}"))).collect(),
        (Some(long), false) => vec![behind(format!("--{long}"))],
        (None, _) => values.into_iter().map(behind).collect(),
    }
}

#[test]
fn every_command_reads_every_argument_that_its_help_names() {
    use clap::error::ErrorKind::{ArgumentConflict, MissingRequiredArgument};
    let mut cli = Cli::command();
    cli.build();
    let mut all = Vec::new();
    leaves(&cli, &["shiftwatch".to_owned()], &mut all);
    let reads = |line: &Vec<String>| Cli::try_parse_from(line).map(|_| ()).map_err(|error| error.kind());
    let mut n_read = 0;
    for (words, command) in all.iter().filter(|(words, _)| words.len() > 1) {
        let is_ours = |arg: &&clap::Arg| !matches!(arg.get_id().as_str(), "help" | "version");
        let (needed, free): (Vec<_>, Vec<_>) =
            command.get_arguments().filter(is_ours).partition(|arg| arg.is_required_set());
        let mut words = words.clone();
        for arg in needed {
            let lines = with(&words, arg);
            let fits = lines.iter().find(|line| matches!(reads(line), Ok(()) | Err(MissingRequiredArgument)));
            words = fits.unwrap_or_else(|| panic!("{}: nothing fits {}", words.join(" "), arg.get_id())).clone();
        }
        // A definition that gives one name to two types panics where it is read.
        let is_whole = reads(&words);
        assert!(matches!(is_whole, Ok(()) | Err(MissingRequiredArgument)), "{}: {is_whole:?}", words.join(" "));
        for arg in free {
            let found: Vec<_> = with(&words, arg).iter().map(reads).collect();
            let may = |one: &Result<(), _>| matches!(one, Ok(()) | Err(ArgumentConflict | MissingRequiredArgument));
            assert!(found.iter().any(may), "{} with {}: {found:?}", words.join(" "), arg.get_id());
            n_read += usize::from(found.contains(&Ok(())));
        }
    }
    assert!(all.len() > 30 && n_read > 200, "{} commands, {n_read} arguments", all.len());
}

/// The words of a command as a shell has them, up to what is a comment, a pipe or a file; `None` where a placeholder stands.
fn shell(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut spaces) = (Vec::new(), String::new(), None, 0);
    for c in line.chars() {
        spaces = if c == ' ' && quote.is_none() { spaces + 1 } else { 0 };
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('\'' | '"', None) => quote = Some(c),
            ('>' | '|' | '#', None) if word.is_empty() => break,
            (' ', None) if spaces > 1 => break,
            (' ', None) => words.push(std::mem::take(&mut word)),
            ('…' | '[' | '<', _) => return None,
            (c, _) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    let stands_for_another =
        |word: &String| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || "./|-".contains(c));
    if words.iter().any(|word| !word.starts_with('-') && stands_for_another(word)) { None } else { Some(words) }
}

#[test]
fn every_example_of_the_help_and_the_readme_is_understood() {
    let mut cli = Cli::command();
    cli.build();
    let mut all = Vec::new();
    leaves(&cli, &["shiftwatch".to_owned()], &mut all);
    let helps = all
        .iter()
        .filter_map(|(_, command)| command.get_after_help())
        .chain(cli.get_subcommands().filter_map(clap::Command::get_after_help));
    let mut lines: Vec<String> =
        helps.flat_map(|help| help.to_string().lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.retain(|line| line.starts_with("  shiftwatch "));
    let n_help = lines.len();
    let readme = include_str!("../../README.md");
    lines.extend(
        readme.split('`').filter(|text| text.starts_with("shiftwatch ") && !text.contains('\n')).map(str::to_owned),
    );
    let mut n_read = 0;
    for line in &lines {
        let Some(words) = shell(line.trim()) else { continue };
        match Cli::try_parse_from(&words) {
            Ok(_) => n_read += 1,
            Err(error) => {
                use clap::error::ErrorKind::{
                    DisplayHelpOnMissingArgumentOrSubcommand, MissingRequiredArgument, MissingSubcommand,
                };
                // The text says of a command what it does, and not with what.
                let named = matches!(
                    error.kind(),
                    DisplayHelpOnMissingArgumentOrSubcommand | MissingRequiredArgument | MissingSubcommand
                );
                assert!(named, "{line}: {error}");
            }
        }
    }
    assert!(n_help > 60 && n_read > 80, "{n_help} lines of help, {n_read} understood of {}", lines.len());
}
