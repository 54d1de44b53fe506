//! `SHIFTWATCH_CLOCK=<RFC 3339 instant>[,speed=<n>]`: a shifted or faster clock, for drills and tests.

use chrono::DateTime;

use super::{Config, fault::Fault, reading::Env, tree::Place};
use crate::{clock::Clock, model::Instant};

/// The variable.
pub const VARIABLE: &str = "SHIFTWATCH_CLOCK";
/// A day passes in under a minute and a half; faster, and one tick skips what it should show.
const SPEED_MAX: u32 = 1000;

/// The instant a drill begins at and its speed.
pub fn parse(text: &str) -> Result<(Instant, u32), String> {
    let mut parts = text.split(',');
    let at = parts.next().unwrap_or_default().trim();
    let at = DateTime::parse_from_rfc3339(at)
        .map_err(|_| format!("\"{at}\" is not an instant; write it as 2026-11-23T06:50:00-07:00"))?
        .to_utc();
    let mut speed = 1;
    for part in parts {
        let number = part.trim().strip_prefix("speed=").and_then(|number| number.parse().ok());
        speed = number
            .filter(|speed| (1..=SPEED_MAX).contains(speed))
            .ok_or_else(|| format!("\"{part}\" is not speed=<n>; write a whole number from 1 to {SPEED_MAX}"))?;
    }
    Ok((at, speed))
}

/// The clock to run on: the machine's, unless the variable asks for another and nothing leads outside.
pub fn clock(config: &Config, env: Env<'_>) -> Result<Clock, Fault> {
    let Some(text) = env(VARIABLE) else { return Ok(Clock::System) };
    let fault = |what: String, instead: &str| Fault::error("environment", Place::NOWHERE, what, instead);
    let (at, speed) = parse(&text).map_err(|says| fault(format!("{VARIABLE}: {says}"), "or unset it"))?;
    let outside: Vec<String> = config
        .outside_addresses()
        .into_iter()
        .filter(|address| !address.is_loopback)
        .map(|address| address.what)
        .collect();
    if !outside.is_empty() {
        let what = format!("{VARIABLE} is set, and {} lead to other machines", outside.join(", "));
        return Err(fault(what, "unset it, or point every address of the configuration at this machine"));
    }
    Ok(Clock::drill(at, speed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_reads_as_written() {
        let at: Instant = "2026-11-23T13:50:00Z".parse().expect("an instant");
        assert_eq!(parse("2026-11-23T06:50:00-07:00"), Ok((at, 1)));
        assert_eq!(parse("2026-11-23T13:50:00Z,speed=60"), Ok((at, 60)));
        for text in [
            "",
            "now",
            "2026-11-23",
            "2026-11-23T13:50:00",
            "2026-11-23T13:50:00Z,speed=0",
            "2026-11-23T13:50:00Z,speed=1001",
            "2026-11-23T13:50:00Z,60",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
