//! How an agency speaks: its title, its clocks, its way of writing the time.

use std::collections::HashMap;

use chrono::{Datelike, TimeDelta, Timelike};
use chrono_tz::Tz;

use crate::model::{AgencyName, Instant};

/// Everything rendering needs to know about agencies, links and the shadow.
#[derive(Debug, Clone)]
pub struct Telling {
    /// By agency.
    pub voices: HashMap<AgencyName, Voice>,
    /// For alerts of no agency, and for agencies that are gone.
    pub installation: Voice,
    /// How people reach the board; no trailing slash.
    pub external_url: Option<String>,
    /// Everything goes to one address instead.
    pub shadow: Option<super::shadow::Shadow>,
}

/// One agency's way of speaking.
#[derive(Debug, Clone)]
pub struct Voice {
    /// Opens every text; at most ten characters.
    pub title: String,
    /// The agency's zone.
    pub zone: Tz,
    /// Zones of locations (by `location` label) that differ.
    pub location_zones: HashMap<String, Tz>,
    /// True for `clock: 12h`.
    pub clock_12h: bool,
}

impl Telling {
    /// The voice that speaks for `agency`.
    #[must_use]
    pub fn voice(&self, agency: &AgencyName) -> &Voice {
        self.voices.get(agency).unwrap_or(&self.installation)
    }

    /// The path of the address by which people reach us: `/watch`, or nothing.
    #[must_use]
    pub fn base_path(&self) -> &str {
        let after_scheme = self.external_url.as_deref().and_then(|url| url.split_once("://"));
        let Some((_, rest)) = after_scheme else { return "" };
        rest.find('/').map_or("", |at| rest[at..].trim_end_matches('/'))
    }
}

impl Voice {
    /// The zone of a location, by its label.
    #[must_use]
    pub fn zone_of(&self, location: &str) -> Tz {
        self.location_zones.get(location).copied().unwrap_or(self.zone)
    }

    /// `07:00` or `7:00am`, on the wall clock of `zone`.
    #[must_use]
    pub fn time(&self, at: Instant, zone: Tz) -> String {
        let local = at.with_timezone(&zone);
        if self.clock_12h {
            let (pm, hour) = local.hour12();
            format!("{hour}:{:02}{}", local.minute(), if pm { "pm" } else { "am" })
        } else {
            format!("{:02}:{:02}", local.hour(), local.minute())
        }
    }

    /// `Tue 07:00`.
    #[must_use]
    pub fn day_time(&self, at: Instant, zone: Tz) -> String {
        format!("{} {}", at.with_timezone(&zone).weekday(), self.time(at, zone))
    }

    /// `Tue 07:00-11:00`; the end's weekday is said when it is more than 24 h away. Without an end, the start alone.
    #[must_use]
    pub fn span(&self, from: Instant, until: Option<Instant>, zone: Tz) -> String {
        let start = self.day_time(from, zone);
        match until {
            None => start,
            Some(until) if until - from >= TimeDelta::hours(24) => format!("{start}-{}", self.day_time(until, zone)),
            Some(until) => format!("{start}-{}", self.time(until, zone)),
        }
    }
}

/// `45 min`, `3h55`, `3h`, `2 d 20 h`: for people. Cut to whole minutes, never negative.
#[must_use]
pub fn length(span: TimeDelta) -> String {
    let minutes = span.num_minutes().max(0);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours @ 24.., _) => match (hours / 24, hours % 24) {
            (days, 0) => format!("{days} d"),
            (days, hours) => format!("{days} d {hours} h"),
        },
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes:02}"),
    }
}

/// A location's name as a text shows it: first letter large, at most twelve characters.
#[must_use]
pub fn place(location: &str) -> String {
    let mut chars = location.chars();
    match chars.next() {
        None => String::new(),
        Some(first) => first.to_uppercase().chain(chars).take(12).collect::<String>().trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone, Utc};

    use super::*;

    fn voice(clock_12h: bool) -> Voice {
        Voice {
            title: "CCA".into(),
            zone: chrono_tz::America::Denver,
            location_zones: HashMap::from([("south".into(), chrono_tz::America::Chicago)]),
            clock_12h,
        }
    }

    #[test]
    fn says_the_weekday_and_the_wall_clock() {
        let at = |d, h, m| Utc.with_ymd_and_hms(2026, 11, d, h, m, 0).unwrap();
        let v = voice(false);
        assert_eq!(v.span(at(24, 14, 0), Some(at(24, 18, 0)), v.zone), "Tue 07:00-11:00");
        assert_eq!(v.span(at(24, 14, 0), None, v.zone_of("south")), "Tue 08:00");
        assert_eq!(v.span(at(25, 5, 0), Some(at(25, 13, 0)), v.zone), "Tue 22:00-06:00");
        assert_eq!(v.span(at(24, 14, 0), Some(at(25, 14, 0)), v.zone), "Tue 07:00-Wed 07:00");
        assert_eq!(voice(true).span(at(24, 14, 0), Some(at(24, 19, 30)), v.zone), "Tue 7:00am-12:30pm");
        // The night the clocks go back: 01:30 comes twice, half an hour of work still reads as it hung on the wall.
        let before = Utc.with_ymd_and_hms(2026, 11, 1, 7, 30, 0).unwrap();
        let after = Utc.with_ymd_and_hms(2026, 11, 1, 8, 30, 0).unwrap();
        assert_eq!(v.span(before, Some(after), v.zone), "Sun 01:30-01:30");
    }

    #[test]
    fn lengths_read_aloud() {
        for (minutes, want) in [
            (-5, "0 min"),
            (0, "0 min"),
            (59, "59 min"),
            (60, "1h"),
            (235, "3h55"),
            (1439, "23h59"),
            (1440, "1 d"),
            (4270, "2 d 23 h"),
        ] {
            assert_eq!(length(TimeDelta::minutes(minutes)), want);
        }
        assert_eq!(place("north"), "North");
        assert_eq!(place("a very long location"), "A very long");
        assert_eq!(place(""), "");
    }
}
