//! What the rules found: the judge's output, the alerts' input.

use std::{fmt, sync::Arc};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::exception::Exception;
use crate::{
    model::{CaregiverId, ClientId, Instant, Section, Subject},
    source::fetched::Read,
};

/// A rule's identity: its group, alert name and labels. Stable over reloads and restarts; two rules with the same
/// id are a configuration error.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// From its text, `group/alert{label="value",…}` with labels in name order.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// When a rule is broken for a subject, as far as its present state tells: `[opens_at, closes_at)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    /// First instant at which the rule is broken.
    pub opens_at: Instant,
    /// First instant at which it is no longer; `None` = only evidence ends it.
    pub closes_at: Option<Instant>,
}

/// One rule's word on one subject, now.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whose word.
    pub rule: RuleId,
    /// About what.
    pub subject: Subject,
    /// The word.
    pub verdict: Verdict,
}

/// What a rule says of a subject at an instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Broken, on evidence that is good enough.
    Broken(Box<Broken>),
    /// Not broken, and we know it: a reason an open alert closes with. Given only where `judge` was told that an
    /// alert is open, so that a quiet schedule costs nothing.
    Fine(Closing),
    /// The data is not good enough to say. An open alert is held as it is; nothing new opens.
    Unjudged {
        /// Why, and what would end it.
        because: Unjudged,
    },
}

/// The particulars of a broken rule, everything an alert's labels, annotations and texts need, as plain values.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    /// The window `now` lies in.
    pub window: Window,
    /// When the evidence was read that the verdict stands on; the alert is confirmed by evidence newer than its
    /// `active_at`.
    pub evidence_at: Instant,
    /// By when somebody should have acted: the `deadline` annotation, and the order of lists. For an uncovered shift its
    /// start (its end once started), for a missed check-in the moment it was missed.
    pub deadline: Option<Instant>,
    /// When what the alert is about starts (`starts_at` annotation).
    pub starts_at: Option<Instant>,
    /// When it ends.
    pub ends_at: Option<Instant>,
    /// The client's location: the `location` label (name, else the vendor's id, else empty).
    pub location: String,
    /// The values of the `shift` / `visit` / `client` / `caregiver` / `endpoint` / `section` label, each with its name; two
    /// where the subject is a pair or a week.
    pub subject_labels: Vec<(&'static str, String)>,
    /// The client concerned, for confirming reads and for granted templates.
    pub client: Option<ClientId>,
    /// Who is to come, where that is known.
    pub caregiver: Option<CaregiverId>,
    /// The text kind for built-in texts.
    pub tells: Tells,
    /// Further annotations: name, value. No PHI, ever.
    pub annotations: Vec<(String, String)>,
    /// Some row this verdict rests on was set aside as malformed.
    pub past_bad_rows: bool,
    /// How the gap opened: only of shifts that nobody is on. The `opened` label.
    pub opened: Option<Opened>,
}

/// How it came that nobody is on a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// It lost its caregiver inside the window, or less than twelve hours before it: somebody called out.
    Callout,
    /// It has had none for longer: the office knows.
    Standing,
}

impl Opened {
    /// The label's name.
    pub const LABEL: &'static str = "opened";
    /// Who called out so long before the window or earlier has left a standing gap.
    const RECENT: TimeDelta = TimeDelta::hours(12);

    /// By when it lost its caregiver and when the rule's window opened. A shift that was without one when it was first
    /// seen counts as losing it then: nobody knows better, and so it rather wakes somebody.
    #[must_use]
    pub fn of(lost_at: Instant, opens_at: Instant) -> Self {
        if lost_at > opens_at - Self::RECENT { Self::Callout } else { Self::Standing }
    }

    /// The label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Callout => "callout",
            Self::Standing => "standing",
        }
    }
}

/// Which built-in text says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tells {
    /// "NO CAREGIVER …"
    Uncovered,
    /// "NO CHECK-IN …, 15 min late"
    NoCheckIn,
    /// "NO-SHOW …, 30 min late"
    NoShow,
    /// "NO CHECK-OUT …"
    NoCheckOut,
    /// A visit open far too long.
    Runaway,
    /// "CAN'T SEE WellSky since …"
    Blind {
        /// Since when.
        since: Instant,
        /// How many shifts start soon unwatched.
        n_shifts: u32,
        /// By when they start.
        until: Instant,
    },
    /// What is not as planned.
    Exception(Exception),
    /// Anything else: the rule's summary annotation.
    Summary,
}

/// Why a subject cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// The window edge that waits for evidence.
    pub edge: Instant,
    /// The section that is too old or incomplete.
    pub section: Section,
    /// The read that would settle it, asked for first.
    pub wants: Option<Read>,
}

/// Why an alert closed. The annotation `reason`, and the words of the closing text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// Somebody usable is on the shift.
    Covered,
    /// A matching check-in exists; its time when times are settled.
    Arrived {
        /// The check-in, when the meaning of the vendor's times is known.
        at: Option<Instant>,
        /// True when it was after the planned start.
        late: bool,
    },
    /// The visit ended.
    CheckedOut {
        /// The check-out, when the meaning of the vendor's times is known.
        at: Option<Instant>,
    },
    /// The vendor says cancelled.
    Cancelled,
    /// The occurrence now stands at another time.
    Moved {
        /// The new start.
        to: Instant,
    },
    /// Gone from two complete reads.
    Removed,
    /// The client is no longer one.
    ClientInactive,
    /// A measured condition is back to good.
    Recovered,
    /// The rule is no longer loaded, or no longer picks this subject.
    RuleRemoved,
    /// The window ended by the clock; nothing got better.
    Expired,
}

impl Closing {
    /// The word in the `reason` annotation.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Arrived { .. } => "arrived",
            Self::CheckedOut { .. } => "checked_out",
            Self::Cancelled => "cancelled",
            Self::Moved { .. } => "moved",
            Self::Removed => "removed",
            Self::ClientInactive => "client_inactive",
            Self::Recovered => "recovered",
            Self::RuleRemoved => "rule_removed",
            Self::Expired => "expired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    #[test]
    fn a_gap_is_a_callout_when_it_opened_inside_the_window_or_less_than_twelve_hours_before() {
        let opens_at = from_micros(1_800_000_000_000_000);
        let hours = |h: i64| opens_at - TimeDelta::hours(h);
        for (lost_at, want) in [
            (hours(72), Opened::Standing),
            (hours(12), Opened::Standing),
            (hours(12) + TimeDelta::seconds(1), Opened::Callout),
            (opens_at, Opened::Callout),
            (hours(-3), Opened::Callout),
        ] {
            assert_eq!(Opened::of(lost_at, opens_at), want, "{lost_at}");
        }
    }
}
