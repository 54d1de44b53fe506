//! The store: what must survive. It offers what the program needs ("commit this step", "claim what is due"), not
//! tables, and decides nothing.

use crate::{
    alerts::{
        alert::Alert,
        group::Group,
        orders::{News, Order, Receipt},
        step::{CatchUp, Delta},
    },
    mirror::row::MirrorRow,
    model::{AgencyName, Instant},
    notify::message::{Message, MessageId},
};

/// Everything of one agency that a start needs, read once.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The number of its last commit; 0 before the first.
    pub n: i64,
    /// Live alerts.
    pub alerts: Vec<Alert>,
    /// Groups.
    pub groups: Vec<Group>,
    /// `None` before the first commit: a first start.
    pub catch_up: Option<CatchUp>,
    /// The mirror's rows.
    pub mirror: Vec<MirrorRow>,
    /// Orders not yet consumed.
    pub orders: Vec<Order>,
    /// Receipts not yet consumed.
    pub receipts: Vec<Receipt>,
}

/// One step, to be stored whole or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Whose.
    pub agency: AgencyName,
    /// The lease's fencing token; 0 on SQLite. A commit with an older fence than the stored one is refused.
    pub fence: i64,
    /// This commit's number: the last one + 1. Any other number is refused.
    pub n: i64,
    /// Agent clock.
    pub at: Instant,
    /// Changes to the book.
    pub delta: Delta,
    /// New messages. One whose id is stored already is left as it is.
    pub messages: Vec<Message>,
    /// Messages to withdraw if still queued.
    pub cancels: Vec<MessageId>,
}

/// A message that this process alone may send now.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The message.
    pub message: Message,
    /// This attempt's number, from 1.
    pub attempt: u32,
    /// The gateway to try (name), for SMS.
    pub gateway: Option<String>,
    /// Set when an earlier attempt may have left: the provider is asked first.
    pub uncertain_since: Option<Instant>,
}

/// What came of one attempt.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// Which message.
    pub id: MessageId,
    /// Which attempt.
    pub attempt: u32,
    /// Which gateway, for SMS.
    pub gateway: Option<String>,
    /// When it ended, agent clock.
    pub at: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

/// The verdict on one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider has it.
    Sent {
        /// Its id there, when it gave one.
        provider_id: Option<String>,
    },
    /// It did not leave; try again at `at`, or with the next gateway at once when `next_gateway`.
    Retry {
        /// When.
        at: Instant,
        /// Whether the next gateway in order takes over.
        next_gateway: bool,
        /// What happened, no PHI.
        why: String,
    },
    /// It may have left: ask the provider at `ask_at` before anything is sent again.
    Uncertain {
        /// When to ask.
        ask_at: Instant,
        /// What happened, no PHI.
        why: String,
    },
    /// It never will.
    Refused {
        /// What the provider said, no PHI.
        why: String,
    },
    /// A delivery report came.
    Reported {
        /// [`News::Delivered`] or [`News::Undelivered`].
        news: News,
    },
}
