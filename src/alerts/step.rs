//! The step: everything one pass decided about one agency's alerts, as plain values.
//!
//! A step can be printed, compared, stored and made again: nothing in it has happened until it is committed.

use serde::{Deserialize, Serialize};

use super::{
    alert::{Alert, AlertKey},
    disposition::Said,
    group::{Group, GroupKey},
    notice::Notice,
    page::{Page, PageKey, PageTurn},
};
use crate::{
    agenda::WakeAt, model::Instant, notify::message::MessageId, rules::finding::Finding, source::fetched::Read,
};

/// What one pass decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// What changes in the book.
    pub delta: Delta,
    /// Decisions to tell somebody, most urgent first.
    pub intents: Vec<Intent>,
    /// What people are told beside what receivers are told.
    pub notices: Vec<Notice>,
    /// What happened to pages, in order: for the log and the metrics.
    pub page_turns: Vec<PageTurn>,
    /// Messages to withdraw if they have not left.
    pub cancels: Vec<MessageId>,
    /// Reads to make before anything else: confirming reads and those an unjudged subject waits for.
    pub reads_wanted: Vec<Read>,
    /// Why each alert that could have been told was not, for the log, the metric and the page.
    pub quiet: Vec<(AlertKey, Quiet)>,
    /// New places in the agenda.
    pub wakes: Vec<WakeAt>,
    /// Findings that did not fit under the limit on transitions: hand them to the next step first.
    pub later: Vec<Finding>,
}

/// The change to the book that a commit stores and memory then absorbs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta {
    /// Alerts that are new or changed, whole.
    pub alerts: Vec<Alert>,
    /// Alerts that are over and fully told: forgotten.
    pub alerts_gone: Vec<AlertKey>,
    /// Groups that are new or changed, whole.
    pub groups: Vec<Group>,
    /// Groups that are empty and done.
    pub groups_gone: Vec<GroupKey>,
    /// Pages that are new or changed, whole.
    pub pages: Vec<Page>,
    /// Pages that are over for so long that no reply is expected any more.
    pub pages_gone: Vec<PageKey>,
    /// The history rows.
    pub transitions: Vec<Transition>,
    /// What somebody said became of alerts.
    pub said: Vec<Said>,
    /// The catch-up's new state, if it changed.
    pub catch_up: Option<CatchUp>,
    /// The last order this step consumed.
    pub orders_done: Option<i64>,
    /// The last receipt this step consumed.
    pub receipts_done: Option<i64>,
}

/// One alert went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// Which alert.
    pub key: AlertKey,
    /// From which state; `None` for a new alert.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// A `Closing` word, `acknowledged by night-1`, or why else. No PHI.
    pub reason: String,
    /// What whoever took it wrote; `None` when nothing was.
    #[serde(default)]
    pub note: Option<String>,
}

/// A decision to tell one receiver about one group.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The group.
    pub group: GroupKey,
    /// Its generation, part of the message id.
    pub generation: u64,
    /// Its flush number, part of the message id.
    pub flush: u64,
    /// Why now.
    pub why: Why,
    /// The alerts that fire, most urgent first, as they will be after this step; empty when only something closed.
    /// Every recipient of the receiver is told of them.
    pub firing: Vec<Alert>,
    /// The alerts that are over, each told to those in its `told` only: who is left out heard before, hears later, or
    /// was never told.
    pub resolved: Vec<Alert>,
    /// When only something closed: what those who hear of it were told before and goes on firing, most urgent first. No
    /// news, but whoever is shown the whole group must not read that all of it is over.
    pub still: Vec<Alert>,
    /// One summary per person instead of a text per group: catch-up found more than the limit.
    pub summary: bool,
}

/// Why somebody is told: a log field, a metric label, a sentence on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The group's first notice.
    FirstFiring,
    /// An alert joined a group that was told before.
    NewInGroup,
    /// `repeat_interval` passed.
    Repeated,
    /// An acknowledgement ran out.
    AcknowledgementExpired,
    /// Something closed.
    Resolved,
    /// What was still true after a catch-up.
    CaughtUp,
    /// Nobody owned the page in time.
    Escalated,
    /// Something came to a page that somebody owns.
    MoreOfIt,
    /// Somebody owns it now.
    Owned,
    /// A reply is answered.
    Answered,
    /// A silence ended.
    SilenceEnded,
    /// A list, a reminder, a trial: no alert's news.
    Routine,
}

/// Why nobody is told, this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quiet {
    /// Its `for` has not passed.
    Pending,
    /// A worse alert speaks for it.
    Inhibited,
    /// The group waits for `group_wait` or `group_interval`.
    Grouping,
    /// Told already; `repeat_interval` has not passed.
    TooSoon,
    /// Somebody owns it.
    Acknowledged,
    /// The data is not good enough to say.
    Unjudged,
    /// The second look is awaited.
    Confirming,
    /// A mute or active time interval holds it.
    Muted,
    /// First start or recovery: everything is judged before anything is told.
    CatchingUp,
    /// No integration at its receiver.
    NoReceiver,
    /// A silence mutes it.
    Silenced,
    /// A page tells of it, and waits for its next step.
    Paged,
    /// Nobody has been on the shift for long: it is listed in the evening, and pages two hours before it starts.
    Standing,
    /// It opened and closed so often of late that it is told rarely.
    Flapping,
}

/// First start and recovery from blindness: judge everything silently, then tell only what is still true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatchUp {
    /// Ordinary times.
    Done,
    /// Nothing is told until the sweep that began at `since` is through, or `until` has come.
    Running {
        /// When it began.
        since: Instant,
        /// The latest end.
        until: Instant,
    },
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::FirstFiring,
        Self::NewInGroup,
        Self::Repeated,
        Self::AcknowledgementExpired,
        Self::Resolved,
        Self::CaughtUp,
        Self::Escalated,
        Self::MoreOfIt,
        Self::Owned,
        Self::Answered,
        Self::SilenceEnded,
        Self::Routine,
    ];

    /// The metric label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstFiring => "first_firing",
            Self::NewInGroup => "new_in_group",
            Self::Repeated => "repeated",
            Self::AcknowledgementExpired => "acknowledgement_expired",
            Self::Resolved => "resolved",
            Self::CaughtUp => "caught_up",
            Self::Escalated => "escalated",
            Self::MoreOfIt => "more_of_it",
            Self::Owned => "owned",
            Self::Answered => "answered",
            Self::SilenceEnded => "silence_ended",
            Self::Routine => "routine",
        }
    }
}

impl Quiet {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Inhibited,
        Self::Grouping,
        Self::TooSoon,
        Self::Acknowledged,
        Self::Unjudged,
        Self::Confirming,
        Self::Muted,
        Self::CatchingUp,
        Self::NoReceiver,
        Self::Silenced,
        Self::Paged,
        Self::Standing,
        Self::Flapping,
    ];

    /// The metric label's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Inhibited => "inhibited",
            Self::Grouping => "grouping",
            Self::TooSoon => "too_soon",
            Self::Acknowledged => "acknowledged",
            Self::Unjudged => "unjudged",
            Self::Confirming => "confirming",
            Self::Muted => "muted",
            Self::CatchingUp => "catching_up",
            Self::NoReceiver => "no_receiver",
            Self::Silenced => "silenced",
            Self::Paged => "paged",
            Self::Standing => "standing",
            Self::Flapping => "flapping",
        }
    }
}

impl Step {
    /// True when there is nothing to commit. Wakes and quiet reasons alone are not worth a transaction.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.delta == Delta::default() && self.intents.is_empty() && self.notices.is_empty() && self.cancels.is_empty()
    }
}
