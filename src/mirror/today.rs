//! Today's shifts one by one, as the coverage counts them: what a timeline is drawn from.
//!
//! Given: what [`super::coverage`] found out about each shift as it counted it.
//! Gives: plain values in the order of their starts, with ids only.
//! Does not: look at a clock, or hold anything about a person but ids.

use chrono_tz::Tz;

use crate::model::{CaregiverId, Instant, Shift, ShiftKey};

/// The shifts that start today by the agency's clock, and those of other days that run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Today {
    /// The agency's zone.
    pub zone: Tz,
    /// The first instant of the agency's day; included.
    pub from: Instant,
    /// The first of the next; excluded.
    pub until: Instant,
    /// The locations that are named by [`TodayShift::location`], in the order they were met.
    pub locations: Vec<TodayLocation>,
    /// By start.
    pub shifts: Vec<TodayShift>,
}

/// A location and its wall clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodayLocation {
    /// The `location` label; may be empty.
    pub label: String,
    /// Where its wall clocks hang.
    pub zone: Tz,
}

/// One shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodayShift {
    /// Identity, with start and client.
    pub key: ShiftKey,
    /// The planned end.
    pub end: Instant,
    /// The usable caregiver.
    pub caregiver: Option<CaregiverId>,
    /// An index into [`Today::locations`].
    pub location: usize,
    /// Where it stands, by what was read last.
    pub standing: Standing,
    /// The first check-in, when one was read and the meaning of its time is known.
    pub came_at: Option<Instant>,
    /// The last check-out, when nobody is there any more.
    pub left_at: Option<Instant>,
    /// True while its client's last read is older than twice what the plan asks: the standing is as of then.
    pub stale: bool,
    /// When its client's shifts were last read; `None` when they never were in this form.
    pub read_at: Option<Instant>,
}

/// Where a shift stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Ahead, somebody is on it.
    Covered,
    /// Not over, nobody is on it and nobody came.
    Uncovered,
    /// Checked in to, and not over or not left.
    Running,
    /// Running by the clock, and a reading of the visits shows nobody.
    Late,
    /// Over, somebody came and left.
    Done,
    /// Over, and a reading of the visits shows that nobody came.
    Missed,
    /// Begun, and nobody has read its visits since.
    Unseen,
    /// Cancelled.
    Cancelled,
}

impl Today {
    /// A day without shifts.
    #[must_use]
    pub const fn new(zone: Tz, from: Instant, until: Instant) -> Self {
        Self { zone, from, until, locations: Vec::new(), shifts: Vec::new() }
    }

    /// Adds a shift of the location with this label; its zone is only asked for when the label is new.
    pub(super) fn push(&mut self, label: &str, zone: impl FnOnce() -> Tz, shift: TodayShift) {
        let known = self.locations.iter().position(|location| location.label == label);
        let location = known.unwrap_or_else(|| {
            self.locations.push(TodayLocation { label: label.to_owned(), zone: zone() });
            self.locations.len() - 1
        });
        self.shifts.push(TodayShift { location, ..shift });
    }
}

impl TodayShift {
    /// A shift before anything was found out about its visits: cancelled, or unseen.
    pub(super) fn of(shift: &Shift) -> Self {
        Self {
            key: shift.key.clone(),
            end: shift.end,
            caregiver: shift.caregiver.clone(),
            location: 0,
            standing: if shift.is_cancelled() { Standing::Cancelled } else { Standing::Unseen },
            came_at: None,
            left_at: None,
            stale: false,
            read_at: None,
        }
    }
}
