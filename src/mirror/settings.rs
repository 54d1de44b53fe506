//! What the mirror must be told about one agency; the configuration's values, in the mirror's own words.

use std::time::Duration;

use chrono::Weekday;
use chrono_tz::Tz;

use crate::model::{AgencyName, LocationId, TagId};

/// One agency, as the mirror and the rules need it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose mirror it is.
    pub agency: AgencyName,
    /// Where its wall clocks hang.
    pub timezone: Tz,
    /// Its locations with their names.
    pub locations: Vec<LocationName>,
    /// Names for tag ids, used in `where:`; a tag without a name shows as its id.
    pub tags: Vec<(String, TagId)>,
    /// The promise: call-out inside a rule's window to seen. Also half of what `max_data_age` defaults to.
    pub detect_within: Duration,
    /// How visit times without an offset are read.
    pub naive: NaiveReading,
    /// The day its weeks begin with.
    pub week_starts: Weekday,
    /// How far back API requests are remembered: the longest `over` of any rule, at least 10 minutes.
    pub api_span: Duration,
}

/// One configured location.
#[derive(Debug, Clone)]
pub struct LocationName {
    /// The vendor's id.
    pub id: LocationId,
    /// The `location` label.
    pub name: String,
    /// Its own zone, where it differs from the agency's.
    pub timezone: Option<Tz>,
}

/// How a visit time without an offset is read (`encounter_naive_tz`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NaiveReading {
    /// Measured; unsettled until it was.
    Auto,
    /// UTC.
    Utc,
    /// The client's wall clock.
    Local,
}

impl Settings {
    /// Settings with defaults: no locations, no tags, five minutes, naive times measured.
    #[must_use]
    pub fn new(agency: AgencyName, timezone: Tz) -> Self {
        Self {
            agency,
            timezone,
            locations: Vec::new(),
            tags: Vec::new(),
            detect_within: Duration::from_mins(5),
            naive: NaiveReading::Auto,
            week_starts: Weekday::Sun,
            api_span: Duration::from_mins(10),
        }
    }

    /// The `location` label of a vendor location: its name, else its id, else empty.
    #[must_use]
    pub fn location_label(&self, id: Option<&LocationId>) -> String {
        let Some(id) = id else { return String::new() };
        self.locations.iter().find(|l| l.id == *id).map_or_else(|| id.as_str().to_owned(), |l| l.name.clone())
    }

    /// The zone of a vendor location; the agency's where none is configured.
    #[must_use]
    pub fn zone(&self, id: Option<&LocationId>) -> Tz {
        id.and_then(|id| self.locations.iter().find(|l| l.id == *id)).and_then(|l| l.timezone).unwrap_or(self.timezone)
    }

    /// A tag's configured name, else its id.
    #[must_use]
    pub fn tag_name<'a>(&'a self, tag: &'a TagId) -> &'a str {
        self.tags.iter().find(|(_, id)| id == tag).map_or_else(|| tag.as_str(), |(name, _)| name.as_str())
    }
}
