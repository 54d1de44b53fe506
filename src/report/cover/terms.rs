//! What an agency asks of whoever takes a shift.

use chrono::{TimeDelta, Weekday};

use super::{bar::Bar, sheet::Sheet};

/// Filters and weights.
#[derive(Debug, Clone)]
pub struct Terms {
    /// So long between two shifts of different clients; back to back at one client needs none.
    pub travel_buffer: TimeDelta,
    /// Nobody works longer in a day of the agency's clock; `None` = any length.
    pub max_day: Option<TimeDelta>,
    /// Nobody works longer in a week; `None` = any length.
    pub max_week: Option<TimeDelta>,
    /// Longer in a week is overtime, which costs the points of [`Weights::overtime`].
    pub overtime_after: TimeDelta,
    /// The week's first day.
    pub week_starts: Weekday,
    /// Whoever is known to live further away does not go, in miles; `None` = any way.
    pub radius_miles: Option<f64>,
    /// Of a client's tag (by name, else id): every tag or credential that whoever comes must have.
    pub requires: Vec<(String, Vec<String>)>,
    /// How much each thing counts.
    pub weights: Weights,
    /// What the vendor's API does not give.
    pub sheet: Sheet,
}

/// Points at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Was with this client lately, or will be.
    pub worked_before: u32,
    /// The client asked for them.
    pub asked_for: u32,
    /// Lives near.
    pub distance: u32,
    /// Is far from overtime.
    pub overtime: u32,
    /// Comes on time.
    pub reliability: u32,
    /// Answers texts, where the sheet says so.
    pub answers_texts: u32,
    /// Wants more hours than they have.
    pub wants_hours: u32,
    /// The client saw them a short while ago.
    pub recency: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            worked_before: 30,
            asked_for: 20,
            distance: 15,
            overtime: 10,
            reliability: 10,
            answers_texts: 10,
            wants_hours: 10,
            recency: 5,
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            travel_buffer: TimeDelta::minutes(30),
            max_day: Some(TimeDelta::hours(16)),
            max_week: Some(TimeDelta::hours(60)),
            overtime_after: TimeDelta::hours(40),
            week_starts: Weekday::Sun,
            radius_miles: None,
            requires: Vec::new(),
            weights: Weights::default(),
            sheet: Sheet::default(),
        }
    }
}

impl Terms {
    /// What forbids it in words that follow a number: `12 overlap`, `3 over 60 h that week`.
    #[must_use]
    pub fn bar_words(&self, bar: Bar) -> String {
        let over = |max: Option<TimeDelta>, when: &str| {
            let max = max.unwrap_or_default();
            match (max.num_hours(), max.num_minutes() % 60) {
                (hours, 0) => format!("over {hours} h that {when}"),
                (hours, minutes) => format!("over {hours} h {minutes:02} that {when}"),
            }
        };
        let words = match bar {
            Bar::LongDay => return over(self.max_day, "day"),
            Bar::LongWeek => return over(self.max_week, "week"),
            Bar::NotCurrent => "not active or not hired",
            Bar::OnIt => "on it already",
            Bar::Overlap => "overlap",
            Bar::Travel => "without time to travel",
            Bar::Lacks => "lack what the client needs",
            Bar::DoNotSend => "not to be sent to this client",
            Bar::TimeOff => "with time off",
            Bar::NotAvailable => "not available then",
            Bar::TooFar => "too far away",
            Bar::Gender => "not of the gender asked for",
            Bar::Language => "without the language asked for",
            Bar::Payer => "not for this payer",
            Bar::Branch => "of other branches",
        };
        words.to_owned()
    }
}
