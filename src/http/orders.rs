//! What the HTTP side asks of the rest of the program. It comes back when the order is stored, not before.

use std::time::Duration;

use futures::future::BoxFuture;

use super::drill::DrillAnswer;
use crate::{
    alerts::{alert::Labels, disposition::Disposition, orders::Action},
    board::link::Linked,
    model::Instant,
    report::page_report::PageReport,
};

/// Takes orders from outside.
pub trait Orders: Send + Sync + 'static {
    /// Stores that somebody owns an alert. The tick that follows shows it.
    fn acknowledge(&self, order: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>>;

    /// Stores what somebody says became of an alert, live or over.
    fn dispose(&self, order: Dispose) -> BoxFuture<'_, Result<Disposed, DisposeError>> {
        let _ = order;
        Box::pin(std::future::ready(Err(DisposeError::Unknown)))
    }

    /// Stores alerts from outside. When this returns `Ok`, no crash loses them.
    fn post_alerts(&self, alerts: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>>;

    /// Stores a trial for a person or by a policy, by its name.
    fn drill(&self, who: String) -> BoxFuture<'_, Result<DrillAnswer, DrillError>>;

    /// How a trial stands; `None` when none has this id.
    fn drill_stands(&self, id: String) -> BoxFuture<'_, Option<DrillAnswer>>;
    /// Every page that is open or was within a day, the oldest first.
    fn pages(&self) -> BoxFuture<'_, Vec<PageReport>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// The page behind a link's token; `None` when it leads nowhere, whether it never did or does no more.
    fn linked(&self, token: String) -> BoxFuture<'_, Option<Linked>> {
        let _ = token;
        Box::pin(std::future::ready(None))
    }

    /// Stores what somebody does by a link; each thing once.
    fn press(&self, linked: Linked, action: Action) -> BoxFuture<'_, Result<(), StoreFault>> {
        let _ = (linked, action);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Reads the configuration again. `Ok` is a sentence on what is in use now; `Err` every fault as
    /// `file:line:column: error: …`, and the last good configuration stays.
    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>>;
}

/// Somebody owns an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledge {
    /// Which, 16 hex digits.
    pub fingerprint: String,
    /// Who; one line, at most 64 characters.
    pub by: String,
    /// Why; at most 500 characters, may be empty.
    pub note: String,
    /// For how long; `None` = as the configuration says for this kind of alert.
    pub for_: Option<Duration>,
}

/// It was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    /// When the ownership ends; may be sooner than asked (an uncovered shift is asked about again before it starts).
    pub until: Instant,
}

/// Why an acknowledgement was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// No live alert has that fingerprint.
    #[error("no live alert has this fingerprint; it may be over: list them with `shiftwatch alerts`")]
    Unknown,
    /// It is over.
    #[error("this alert is over; there is nothing to own")]
    Over,
    /// It has not fired.
    #[error("this alert has not fired yet; nobody has been told, so there is nothing to own")]
    Pending,
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Somebody says what became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispose {
    /// Which, 16 hex digits.
    pub fingerprint: String,
    /// Which of its lives; `None` = the latest that fired.
    pub active_at: Option<Instant>,
    /// Who says so; one line, at most 64 characters.
    pub by: String,
    /// What.
    pub disposition: Disposition,
    /// Who approved of it; there when it must be.
    pub approver: Option<String>,
    /// By whom the shift was covered.
    pub covered_by: Option<String>,
    /// What else they write; at most 500 characters, may be empty.
    pub note: String,
}

/// It was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposed {
    /// Of which life.
    pub active_at: Instant,
}

/// Why what somebody said of an alert was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisposeError {
    /// Nothing is kept of it.
    #[error(
        "nothing is kept of an alert with this fingerprint that fired; `shiftwatch on-call log` lists those that were paged"
    )]
    Unknown,
    /// Another life was named.
    #[error(
        "the alert did not begin at that instant; leave `active_at` out for its latest time, or take one of its `lives`"
    )]
    NoSuchLife,
    /// Its agency left the configuration.
    #[error("the alert's agency is no longer watched, so nothing more is kept of it")]
    NotWatched,
    /// It could not be stored, or what is stored could not be read.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// Why a trial was not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DrillError {
    /// Neither a person nor a policy.
    #[error("nobody in `people` and no escalation policy is called \"{who}\"; known: {known}")]
    Unknown {
        /// As it was asked.
        who: String,
        /// Every name there is.
        known: String,
    },
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// The store did not take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing was stored: {why}; send it again")]
pub struct StoreFault {
    /// Why, for a person; no PHI.
    pub why: String,
}

/// An alert from outside, checked as Alertmanager checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostableAlert {
    /// At least one; none of them empty.
    pub labels: Labels,
    /// None of them empty.
    pub annotations: Labels,
    /// When it began; the moment it came when the sender left it out.
    pub starts_at: Instant,
    /// When it ends; `None` = `resolve_timeout` after each post.
    pub ends_at: Option<Instant>,
    /// The sender's link; may be empty.
    pub generator_url: String,
}
