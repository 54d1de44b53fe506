//! Durations as Prometheus writes them: `1h30m`, `5m`, `0s`, `1d`.

use std::{fmt::Write, time::Duration};

/// Unit, milliseconds in one, and whether it is printed only when nothing smaller follows.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 86_400_000, true),
    ("w", 7 * 86_400_000, true),
    ("d", 86_400_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1000, false),
    ("ms", 1, false),
];

/// The longest that is read; anything longer is a slip, and sums of two stay far from overflow.
const LONGEST_MS: u64 = 100 * 365 * 86_400_000;

/// Reads a duration: numbers with units from years to milliseconds, the greatest first, each at most once; or `0`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("is empty".into());
    }
    if text.chars().all(|c| c.is_ascii_digit()) {
        return Err(format!("\"{text}\" has no unit"));
    }
    let not_one = || format!("\"{text}\" is not a duration");
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: u64 = rest[..digits].parse().map_err(|_| not_one())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = &rest[..letters];
        rest = &rest[letters..];
        // The same iterator goes on, so a unit out of order or written twice is not found.
        let (_, unit_ms, _) = units.find(|(name, ..)| *name == unit).ok_or_else(not_one)?;
        total_ms = count.checked_mul(*unit_ms).and_then(|ms| ms.checked_add(total_ms)).unwrap_or(u64::MAX);
    }
    if total_ms > LONGEST_MS {
        return Err(format!("\"{text}\" is more than a hundred years"));
    }
    Ok(Duration::from_millis(total_ms))
}

/// Writes a duration as Prometheus prints it; what is finer than a millisecond is cut.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if left == 0 {
        return "0s".into();
    }
    let mut text = String::new();
    for (unit, unit_ms, only_exact) in UNITS {
        if only_exact && !left.is_multiple_of(unit_ms) {
            continue;
        }
        let count = left / unit_ms;
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{count}{unit}");
            left %= unit_ms;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_and_print_as_prometheus_does() {
        for (text, ms, printed) in [
            ("5m", 300_000, "5m"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("0s", 0, "0s"),
            ("0", 0, "0s"),
            ("72h", 259_200_000, "3d"),
            ("1w", 604_800_000, "1w"),
            ("8d", 691_200_000, "8d"),
            ("1y", 31_536_000_000, "1y"),
            ("250ms", 250, "250ms"),
            ("1d2h3m4s5ms", 93_784_005, "1d2h3m4s5ms"),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(format(Duration::from_millis(ms)), printed, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_said_so() {
        for (text, says) in [
            ("", "is empty"),
            ("5", "has no unit"),
            ("5 m", "is not a duration"),
            ("m5", "is not a duration"),
            ("5m1h", "is not a duration"),
            ("5m5m", "is not a duration"),
            ("1.5h", "is not a duration"),
            ("-5m", "is not a duration"),
            ("5min", "is not a duration"),
            ("99999999999999999999h", "is not a duration"),
            ("999999999999y", "more than a hundred years"),
            ("5µ", "is not a duration"),
        ] {
            let said = parse(text).expect_err(text);
            assert!(said.contains(says), "{text}: {said}");
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_again_changes_nothing(ms in 0..LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,12}") {
            let _ = parse(&text);
        }
    }
}
