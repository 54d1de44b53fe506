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
