//! `check`: reads a configuration and says everything wrong with it, else what it will do.
//!
//! Faults go to the error stream, the summary to standard output. No address, number or secret is in either.
//! Does not: connect anywhere, but for calendars where it is told to ask for them. Whether `detect_within` can be kept depends on how many clients there are, which only
//! a running agent knows.

use std::{
    fmt::Write as _,
    io::{self, Write},
    path::Path,
};

use serde_json::json;

mod calendars;
mod on_call;

pub use self::calendars::{Calendars, at_hand};

use super::longest_text;
use crate::{
    alerts::route::{GroupBy, Route},
    config::{Config, StoreUrl, Web, duration, fault::Fault, written_matchers},
    notify::receiver::Receiver,
};

/// How to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// For a person.
    Human,
    /// One JSON object on standard output, faults included.
    Json,
}

/// Checks a configuration (`None`: what the environment alone says). Answers the exit code: 0, or 1 on any error, that
/// of an office's own file included.
///
/// # Errors
/// Only when a stream cannot be written to.
pub fn check(
    path: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
    calendars: &Calendars,
    output: Output,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> io::Result<u8> {
    let (config, faults) = match Config::load(path, env) {
        Ok((config, faults)) => (Some(config), faults),
        Err(faults) => (None, faults),
    };
    let mut faults = faults;
    // A clock asked for and refused stops `run`, so it is an error here too.
    if let Some(config) = &config
        && let Err(fault) = config.clock(env)
    {
        faults.push(fault);
    }
    faults.extend(config.iter().flat_map(longest_text::warnings));
    let lint = config.as_ref().map_or_else(Vec::new, |config| on_call::faults(config, env, calendars));
    // Nobody on call is no fault of the file, and the agent starts; whoever asks must not be told that all is well.
    let nobody = !lint.is_empty();
    faults.extend(lint);
    let n_errors = faults.iter().filter(|fault| fault.is_error()).count();
    match output {
        Output::Json => writeln!(stdout, "{}", as_json(config.as_ref(), &faults, n_errors == 0 && !nobody))?,
        Output::Human => {
            for fault in &faults {
                writeln!(stderr, "{fault}")?;
            }
            let name = path.map_or_else(|| "the environment".to_owned(), |path| path.display().to_string());
            match &config {
                Some(config) if n_errors == 0 && !nobody => {
                    write!(stdout, "{}", summary(&name, config, calendars, faults.len()))?;
                }
                _ => writeln!(
                    stderr,
                    "{name}: {}, {}",
                    count(n_errors, "error"),
                    count(faults.len() - n_errors, "warning")
                )?,
            }
        }
    }
    Ok(u8::from(n_errors > 0 || nobody))
}

fn count(n: usize, of: &str) -> String {
    match n {
        0 => format!("no {of}s"),
        1 => format!("1 {of}"),
        n => format!("{n} {of}s"),
    }
}

fn as_json(config: Option<&Config>, faults: &[Fault], ok: bool) -> serde_json::Value {
    let mut said = json!({ "ok": ok, "faults": faults });
    if let Some(config) = config {
        said["agencies"] = config
            .agencies
            .iter()
            .map(|agency| {
                json!({
                    "name": agency.name.as_str(),
                    "title": agency.title,
                    "timezone": agency.timezone.name(),
                    "detect_within": duration::format(agency.wellsky.detect_within),
                    "requests_per_second": agency.wellsky.requests_per_second,
                })
            })
            .collect();
        said["rules"] = config.rules.iter().map(|rule| rule.id.as_str()).collect();
        said["routes"] = told(config)
            .into_iter()
            .map(|told| {
                json!({
                    "matchers": told.matchers,
                    "receiver": told.receiver,
                    "by": told.by,
                    "repeat_interval": told.repeat_interval,
                })
            })
            .collect();
    }
    said
}

/// One line of who is told.
struct Told {
    matchers: String,
    receiver: String,
    by: String,
    group_by: String,
    repeat_interval: String,
}

/// The routing tree flattened, the most particular first, as an alert meets it.
fn told(config: &Config) -> Vec<Told> {
    fn walk(route: &Route, above: &str, config: &Config, into: &mut Vec<Told>) {
        let own = matchers(route);
        let all: Vec<&str> = [above, own.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
        let all = all.join(", ");
        for child in &route.routes {
            walk(child, &all, config, into);
        }
        into.push(Told {
            matchers: if all.is_empty() { "everything else".into() } else { all },
            receiver: route.receiver.clone(),
            by: config.policy.receivers.get(&route.receiver).map_or_else(String::new, ways),
            group_by: match &route.group_by {
                GroupBy::All => "each alert alone".into(),
                GroupBy::Labels(labels) if labels.is_empty() => "one notice an agency".into(),
                GroupBy::Labels(labels) => format!("one notice for each {}", labels.join(", ")),
            },
            repeat_interval: duration::format(route.repeat_interval),
        });
    }
    let mut all = Vec::new();
    walk(&config.policy.route, "", config, &mut all);
    all
}

/// A route's own matchers, without the braces.
fn matchers(route: &Route) -> String {
    let written = written_matchers(&route.matchers);
    written.trim_start_matches('{').trim_end_matches('}').to_owned()
}

/// By what a receiver is told, and how many: never where.
fn ways(receiver: &Receiver) -> String {
    let n_mails: usize = receiver.email.iter().map(|email| email.to.len()).sum();
    let n_phones: usize = receiver.sms.iter().map(|sms| sms.to.len()).sum();
    let mut gateways: Vec<&str> = receiver.sms.iter().flat_map(|sms| &sms.gateways).map(String::as_str).collect();
    gateways.dedup();
    let mut parts = Vec::new();
    if n_phones > 0 {
        parts.push(format!("text to {} ({})", count(n_phones, "phone"), gateways.join(", ")));
    }
    if n_mails > 0 {
        parts.push(format!(
            "mail to {}",
            if n_mails == 1 { "1 address".into() } else { format!("{n_mails} addresses") }
        ));
    }
    if !receiver.page.is_empty() {
        let mut policies: Vec<&str> = receiver
            .page
            .iter()
            .flat_map(|page| std::iter::once(&page.policy).chain(page.by_location.values()))
            .map(String::as_str)
            .collect();
        policies.sort_unstable();
        policies.dedup();
        parts.push(format!("pages by {}", policies.join(", ")));
    }
    if !receiver.webhook.is_empty() {
        parts.push(count(receiver.webhook.len(), "webhook"));
    }
    if parts.is_empty() { "nobody".into() } else { parts.join(", ") }
}

fn summary(name: &str, config: &Config, calendars: &Calendars, n_warnings: usize) -> String {
    let mut text = String::new();
    let mut line = |head: &str, rest: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{head:<9}{rest}");
    };
    line("sound", format!("{name}, {}", count(n_warnings, "warning")));
    for agency in &config.agencies {
        let wellsky = &agency.wellsky;
        line(
            "watches",
            format!(
                "{} ({}, {}): a call-out inside a rule's window is seen within {}, with at most {} requests a second",
                agency.name,
                agency.title,
                agency.timezone.name(),
                duration::format(wellsky.detect_within),
                wellsky.requests_per_second
            ),
        );
    }
    let mut alerts: Vec<(&str, usize)> = Vec::new();
    for rule in config.rules.iter() {
        match alerts.iter_mut().find(|(alert, _)| *alert == rule.alert) {
            Some((_, n)) => *n += 1,
            None => alerts.push((&rule.alert, 1)),
        }
    }
    let alerts: Vec<String> = alerts
        .into_iter()
        .map(|(alert, n)| if n == 1 { alert.to_owned() } else { format!("{alert} in {n} bands") })
        .collect();
    line("rules", if alerts.is_empty() { "none".into() } else { alerts.join(", ") });
    for told in told(config) {
        let again = if told.by == "nobody" {
            String::new()
        } else {
            format!("; {}, again every {}", told.group_by, told.repeat_interval)
        };
        line(
            "tells",
            if told.by == "nobody" {
                format!("{}: nobody (receiver {})", told.matchers, told.receiver)
            } else {
                format!("{}: {} by {}{again}", told.matchers, told.receiver, told.by)
            },
        );
    }
    on_call::summary(config, calendars, &mut line);
    if let Some(shadow) = &config.telling {
        line("trial", format!("until {} all of it goes to one address instead", shadow.until));
    }
    let StoreUrl::Sqlite(path) = &config.store;
    line("keeps", path.display().to_string());
    line("listens", listens(&config.web));
    text
}

/// Where, and who comes in.
fn listens(web: &Web) -> String {
    let file = web.file.as_ref();
    let scheme = if file.is_some_and(|file| file.tls.is_some()) { "https" } else { "http" };
    let doors = match file {
        Some(file) if file.users.len() == 1 => "sign-in for 1 user".to_owned(),
        Some(file) if !file.users.is_empty() => format!("sign-in for {} users", file.users.len()),
        Some(file) if file.clients_are_verified => "for clients with a certificate".to_owned(),
        _ => "no sign-in".to_owned(),
    };
    format!("{}, {scheme}, {doors}", web.listen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        [
            "WELLSKY_CLIENT_ID",
            "WELLSKY_CLIENT_SECRET",
            "WELLSKY_AGENCY_ID",
            "SMTP_PASSWORD",
            "TWILIO_AUTH_TOKEN",
            "HOOK",
        ]
        .contains(&name)
        .then(|| "planted-secret".to_owned())
    }

    fn run(path: &str, output: Output) -> (u8, String, String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = check(Some(&path), &env, &Calendars::default(), output, &mut out, &mut err).expect("written");
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).expect("text").replace(&format!("{}/", env!("CARGO_MANIFEST_DIR")), "")
        };
        (code, text(out), text(err))
    }

    #[test]
    fn a_sound_file_is_summed_up_without_addresses() {
        let (code, out, err) = run("examples/shiftwatch.yml", Output::Human);
        assert_eq!((code, err.as_str()), (0, ""));
        let tells: Vec<&str> = out.lines().filter(|line| line.starts_with("tells")).collect();
        assert_eq!(
            tells,
            [
                r#"tells    severity="info": nobody (receiver none)"#,
                r#"tells    severity=~"page|critical": on-call by text to 2 phones (twilio), mail to 1 address, pages by coverage; one notice for each agency, shift, again every 30m"#,
                r#"tells    team="tech": tech by mail to 1 address, 1 webhook; one notice for each agency, location, again every 1d"#,
                "tells    everything else: office by mail to 2 addresses; one notice for each agency, location, again every 1d",
            ]
        );
        assert!(
            out.contains("watches  main (CCA, America/Denver): a call-out inside a rule's window is seen within 5m"),
            "{out}"
        );
        assert!(out.contains("ShiftUncovered in "), "{out}");
        for secret in ["@example.com", "+1202", "planted-secret", "chat.example.com", "beat.example.com"] {
            assert!(!out.contains(secret), "{secret}: {out}");
        }
    }

    #[test]
    fn errors_go_to_the_error_stream_and_the_exit_code_is_one() {
        let (code, out, err) = run("tests/fixtures/broken/40-ten-faults.yml", Output::Human);
        assert_eq!((code, out.as_str()), (1, ""));
        assert!(err.lines().count() > 10, "{err}");
        assert!(err.lines().last().is_some_and(|last| last.ends_with("errors, no warnings")), "{err}");
        let (code, out, err) = run("tests/fixtures/broken/40-ten-faults.yml", Output::Json);
        assert_eq!((code, err.as_str()), (1, ""));
        let said: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(said["ok"], false);
        assert_eq!(said["faults"][0]["line"], 3);
        assert_eq!(said["faults"][0]["severity"], "error");
    }

    #[test]
    fn the_environment_alone_can_be_checked_and_a_clock_it_refuses_is_an_error() {
        let clock =
            |name: &str| if name == "SHIFTWATCH_CLOCK" { Some("2026-11-23T06:50:00Z".into()) } else { env(name) };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(check(None, &env, &Calendars::default(), Output::Human, &mut out, &mut err).expect("written"), 0);
        let out = String::from_utf8(out).expect("text");
        assert!(
            out.starts_with("sound    the environment, 2 warnings")
                && out.contains("everything else: nobody (receiver nobody)"),
            "{out}"
        );
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(check(None, &clock, &Calendars::default(), Output::Human, &mut out, &mut err).expect("written"), 1);
        let err = String::from_utf8(err).expect("text");
        assert!(err.contains("environment: error: SHIFTWATCH_CLOCK is set"), "{err}");
    }

    #[test]
    fn a_lost_office_fails_the_check() {
        let dir = tempfile::tempdir().expect("a folder");
        let good =
            "name: north\ntimezone: UTC\nwellsky: { client_id: a, client_secret: { env: WELLSKY_CLIENT_SECRET } }\n";
        std::fs::write(dir.path().join("c.yml"), "agency_files: ['office*.yml']\n").expect("a file");
        std::fs::write(dir.path().join("office1.yml"), good).expect("a file");
        std::fs::write(dir.path().join("office2.yml"), "name: south\n").expect("a file");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code =
            check(Some(&dir.path().join("c.yml")), &env, &Calendars::default(), Output::Json, &mut out, &mut err)
                .expect("written");
        let said: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!((code, &said["ok"], &said["agencies"][0]["name"]), (1, &json!(false), &json!("north")));
    }
}
