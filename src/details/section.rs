//! The optional sections, and how often each is read.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A kind of row that is read only where the configuration wants it; the `section` label beside those of the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailSection {
    /// What is to be done in a shift: the vendor's `tasks` and `scheduledItems`. They come with the shifts.
    ShiftTasks,
    /// What was done in a visit: the vendor's task logs. One request a visit.
    TaskLogs,
    /// The agency's list of care activities (`activity-metadata`). No client's care plan: no way to read one is known.
    Activities,
    /// What was billed of visits. A request a client and week, made for hours alone.
    #[serde(rename = "chargeitems")]
    Charges,
    /// The locations' names. Read unless the configuration says otherwise.
    Locations,
}

impl DetailSection {
    /// Every one, in label order.
    pub const ALL: [Self; 5] = [Self::Activities, Self::Charges, Self::Locations, Self::ShiftTasks, Self::TaskLogs];

    /// The label's value, and the key in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ShiftTasks => "shift_tasks",
            Self::TaskLogs => "task_logs",
            Self::Activities => "activities",
            Self::Charges => "chargeitems",
            Self::Locations => "locations",
        }
    }
}

impl fmt::Display for DetailSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an agency wants read beside the watch (`wellsky.sections`). `None` = that section is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sections {
    /// Tasks of shifts.
    pub shift_tasks: Option<ShiftTasks>,
    /// Task logs of visits.
    pub task_logs: Option<TaskLogs>,
    /// Care activities.
    pub activities: Option<Activities>,
    /// Charges.
    pub charges: Option<ChargeItems>,
    /// How often the locations are read; a day when nobody says.
    pub locations: Option<Duration>,
}

/// Tasks of shifts have no pace of their own: they are in the rows that the watch reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShiftTasks;

/// How task logs are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLogs {
    /// A visit is read once it is over, and once more so long after that: notes come late.
    pub again: Duration,
    /// Visits that ended longer ago are not read any more. At most eight days: those are in memory.
    pub days: u32,
}

/// How care activities are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activities {
    /// How often.
    pub every: Duration,
}

/// How charges are read: with `hours --read` and with the nightly re-reading of hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeItems {
    /// What was read so long ago is read again when somebody asks: bills are written late.
    pub again: Duration,
}

/// How often locations are read, when nobody says: they hardly change.
pub const LOCATIONS_EVERY: Duration = Duration::from_hours(24);

impl Default for Sections {
    fn default() -> Self {
        Self { shift_tasks: None, task_logs: None, activities: None, charges: None, locations: Some(LOCATIONS_EVERY) }
    }
}

impl Sections {
    /// Whether anything is to be asked for beside the watch's own reads.
    #[must_use]
    pub const fn asks(&self) -> bool {
        self.task_logs.is_some() || self.activities.is_some()
    }

    /// Whether a section is on.
    #[must_use]
    pub const fn has(&self, section: DetailSection) -> bool {
        match section {
            DetailSection::ShiftTasks => self.shift_tasks.is_some(),
            DetailSection::TaskLogs => self.task_logs.is_some(),
            DetailSection::Activities => self.activities.is_some(),
            DetailSection::Charges => self.charges.is_some(),
            DetailSection::Locations => self.locations.is_some(),
        }
    }
}
