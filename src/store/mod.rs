//! The store: what must survive. It offers what the program needs ("commit this step", "claim what is due"), not
//! tables, and decides nothing.
//!
//! Given: commits, orders, mirror rows and the outcomes of attempts.
//! Gives: what a start needs ([`Loaded`]), what a step needs, and [`Claim`]s: messages this process alone may send.
//! Does not: read a clock, judge anything, retry on its own, or print a stored value.
//!
//! Everything that writes goes through one task, which merges whatever waits into one transaction
//! (`writer`); an answer means that its transaction is on the disk.

mod api_rows;
mod archive;
mod audit;
mod book;
mod calendars;
mod contacts;
#[cfg(test)]
mod contract;
mod details;
pub mod error;
mod heard;
mod lives;
mod lock;
mod mirror_rows;
mod on_call_log;
mod orders;
mod outbox;
mod outbox_read;
mod pages;
mod phone_log;
mod reminders;
mod scheduled;
mod secrets;
mod settle;
mod silences;
mod sql;
pub mod sqlite;
#[cfg(test)]
mod upgrade;
mod writer;

pub use archive::{PastDay, Whose};
pub use calendars::CalendarCopy;
pub use contacts::{BadContact, VerifiedContact};
pub use error::{CommitError, StoreError};
pub use heard::HeardText;
pub use lives::Place;
pub use on_call_log::Morning;
pub use outbox::{delivery_way, lane_of, mail_lane, recipient_way, way_to, webhook_lane};
pub use outbox_read::{GatewayHealth, MessageState, OutboxStats, Poll};
pub use reminders::ReminderRow;
pub use scheduled::{Scheduled, WayWent};
pub use settle::MessageFate;
pub use silences::SilenceChange;
pub use sqlite::Store;

use crate::{
    alerts::{
        alert::Alert,
        disposition::Said,
        group::Group,
        orders::{News, Order, Receipt},
        page::Page,
        step::{CatchUp, Delta},
    },
    mirror::row::MirrorRow,
    model::{AgencyName, Instant, Phi},
    notify::{
        message::{BadAddress, Channel, Mention, Message, MessageId},
        record_note::RecordNote,
    },
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
    /// Pages: those that are open, and those that are over and may still be answered.
    pub pages: Vec<Page>,
    /// The addresses of those who were told of the live alerts, as far as their messages are still kept: a closing goes
    /// there also when the configuration has lost them.
    pub addresses: Vec<Phi<String>>,
    /// `None` before the first commit: a first start.
    pub catch_up: Option<CatchUp>,
    /// The mirror's rows.
    pub mirror: Vec<MirrorRow>,
    /// Orders not yet consumed.
    pub orders: Vec<Order>,
    /// Receipts not yet consumed.
    pub receipts: Vec<Receipt>,
    /// The reminders of the last two days, the latest first.
    pub reminders: Vec<ReminderRow>,
    /// How many reminders there were in all, by moment and outcome.
    pub reminder_counts: Vec<(String, String, u64)>,
    /// What somebody said last became of its alerts, the earliest first.
    pub said: Vec<Said>,
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
    /// Which of the messages speak of which alerts.
    pub mentions: Vec<Mention>,
    /// What is known of reminders to caregivers now.
    pub reminders: Vec<ReminderRow>,
    /// An edge from here on was waited for, so how soon it was seen is known; `None` in a first look, or one that catches
    /// up: how long what it found has been true is not.
    pub edges_from: Option<Instant>,
}

/// A period to close.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The first day.
    pub from: chrono::NaiveDate,
    /// The last, included.
    pub to: chrono::NaiveDate,
    /// When.
    pub at: Instant,
    /// Which, when, by whom, as JSON.
    pub head: String,
    /// Everything that is frozen, as JSON; no PHI.
    pub body: String,
}

/// A note on a record, as it is kept here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    /// Its message.
    pub id: MessageId,
    /// Whose.
    pub agency: AgencyName,
    /// What it says, and where.
    pub note: RecordNote,
    /// How it is to be written.
    pub way: String,
    /// Where it is.
    pub fate: MessageFate,
    /// When it was decided.
    pub created_at: Instant,
    /// Its id at the vendor.
    pub provider_id: Option<String>,
    /// What came of the last attempt that came to nothing.
    pub last_why: Option<String>,
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
    /// Set when an earlier attempt may have left: the provider is asked first. When the first such attempt began.
    pub uncertain_since: Option<Instant>,
    /// How many requests of this message had no outcome: possible copies at the recipient.
    pub n_copies: u32,
    /// When the provider, asked, first said that it does not have it; `None` before.
    pub not_there_at: Option<Instant>,
    /// The gateways through which it may have left, the latest first.
    pub unsure: Vec<String>,
    /// Whether it may have left through any other gateway too: nobody noted which one it was.
    pub unsure_which: bool,
    /// The gateways that refuse it for good.
    pub refused_by: Vec<String>,
}

impl Claim {
    /// Who may have it after an attempt whose outcome nobody knows, in the order in which they are asked; for mail and
    /// webhooks nobody.
    pub fn may_have_it(&self) -> impl Iterator<Item = &String> {
        let others = self.message.gateways.iter().filter(|name| self.unsure_which && !self.unsure.contains(name));
        self.unsure.iter().chain(others)
    }
}

/// How many more messages each lane can take now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// In all.
    pub total: usize,
    /// A lane that is not listed takes up to this many.
    pub per_lane: usize,
    /// Lanes with another limit; 0 = nothing now.
    pub lanes: Vec<(String, usize)>,
    /// Lanes that are tried carefully after a failure: what was never tried goes before what failed, so that a message
    /// which fails again and again keeps nobody else's back.
    pub careful: Vec<String>,
}

/// The answer to a claim.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// Most urgent first, then oldest first. The claim is on the disk.
    pub claims: Vec<Claim>,
    /// The next instant at which something waiting becomes due, expires or loses its lease.
    pub next_at: Option<Instant>,
    /// How many messages expired meanwhile, by way.
    pub expired: Vec<(Channel, u64)>,
}

/// What may be forgotten: everything from before these instants that nobody needs any more; `None` = leave it be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Old {
    /// Orders and receipts that a step has consumed.
    pub inputs: Option<Instant>,
    /// Settled messages, with their texts and attempts.
    pub messages: Option<Instant>,
    /// What became of alerts and shifts.
    pub history: Option<Instant>,
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
    /// True when it was sent although an earlier attempt may have left and nobody could say.
    pub doubles: bool,
    /// Which way out it used, for its health: `email/mail.example.com:587`, `sms/twilio`, `webhook/1a2b3c4d`.
    pub way: String,
    /// What it says about that way.
    pub way_ok: Option<bool>,
    /// Whom it was for, as [`recipient_way`] names them: a refusal speaks of them and not of the way.
    pub to: String,
}

/// What a provider reported of a text that it took.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which message.
    pub id: MessageId,
    /// [`News::Delivered`] or [`News::Undelivered`].
    pub news: News,
    /// When, agent clock.
    pub at: Instant,
    /// When an undelivered text is tried once more, if it is still useful then.
    pub again_at: Option<Instant>,
    /// What an undelivered text says of the number itself.
    pub bad: Option<BadAddress>,
    /// True when it was the sender that failed (filtered, not registered) and not the number: the gateway counts as
    /// failing, and the next one in order takes over.
    pub senders_fault: bool,
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
    /// This gateway will never take it; the next one may, from `at` on.
    RefusedHere {
        /// When the next gateway takes messages.
        at: Instant,
        /// What the provider said, no PHI.
        why: String,
    },
    /// It may have left: the provider is asked at `ask_at` before anything is sent again.
    Uncertain {
        /// When to ask, or to send once more where nobody can be asked; `None` = never: it stays as it is until its
        /// time is over, and what follows it goes.
        ask_at: Option<Instant>,
        /// Whether a request left this time; false when the provider was only asked, or not even that.
        sent: bool,
        /// What happened, no PHI.
        why: String,
    },
    /// The provider was asked and does not have it: ask once more at `ask_at` before it counts as not sent.
    NotThere {
        /// When to ask again.
        ask_at: Instant,
    },
    /// It never will.
    Refused {
        /// What the provider said, no PHI.
        why: String,
        /// What it says of the address itself.
        bad: Option<BadAddress>,
    },
    /// A delivery report came.
    Reported {
        /// [`News::Delivered`] or [`News::Undelivered`].
        news: News,
    },
}
