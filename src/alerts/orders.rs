//! What people and gateways said since the last step. All of it is stored before a step sees it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    alert::{AlertKey, Labels},
    disposition::{MorningList, Said},
};
use crate::{
    model::{AddressMark, Instant, PersonName},
    notify::{
        message::{Channel, MessageId},
        record_note::RecordNote,
    },
};

/// An order as stored: `n` counts them, a step consumes them in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Its number, growing.
    pub n: i64,
    /// When it came, agent clock.
    pub at: Instant,
    /// What it asks.
    pub ask: Ask,
}

/// What a person or program asked of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Somebody owns an alert.
    Acknowledge {
        /// Which.
        key: AlertKey,
        /// Who.
        by: String,
        /// Why; may be empty.
        note: String,
        /// When ownership ends.
        until: Instant,
    },
    /// An alert from outside, as `POST /api/v2/alerts` takes it.
    Post {
        /// Labels without empty values.
        labels: Labels,
        /// Annotations.
        annotations: Labels,
        /// When it began; the order's `at` when the sender left it out.
        starts_at: Instant,
        /// When it ends; `None` = now + `resolve_timeout`, renewed by each post.
        ends_at: Option<Instant>,
        /// The sender's link; may be empty.
        generator_url: String,
    },
    /// A text came back from the phone of somebody in `people`.
    Reply {
        /// Which phone.
        phone: AddressMark,
        /// Whose it is: more than one when it is shared.
        speakers: Vec<PersonName>,
        /// What it says.
        reply: Reply,
        /// Where it was heard, `<gateway>/<the provider's id>`.
        heard: String,
        /// When it was written, as far as its gateway says: it names no page that was not told of by then.
        #[serde(default)]
        written_at: Option<Instant>,
    },
    /// A link was used, or a key was pressed in a call.
    Press {
        /// The page that was told of, as `page/<id>` names it.
        page: String,
        /// Who was told.
        person: PersonName,
        /// What they do.
        action: Action,
        /// What proved it: the hash of the link's token, or the call's message id.
        proof: String,
    },
    /// A silence ends soon and still mutes something: its creator is told, when that is one of `people`.
    SilenceEnds {
        /// Its id.
        id: String,
        /// Who made it.
        created_by: PersonName,
        /// When it ends.
        ends_at: Instant,
        /// How many firing alerts it mutes.
        n_muted: usize,
    },
    /// Somebody says what became of an alert.
    Dispose(Box<Said>),
    /// The same of an alert of which a note on the record tells already: what is said is added where that stands.
    DisposeNoted {
        /// What is said.
        said: Box<Said>,
        /// The note.
        note: Box<RecordNote>,
    },
    /// A morning's list of what nobody has said yet.
    Morning {
        /// Of which day, by the agency's clock.
        day: NaiveDate,
        /// What it says, and whom it concerns.
        list: MorningList,
    },
    /// A page marked as a trial.
    Drill {
        /// By which policy; `None` when `person` says whom.
        policy: Option<String>,
        /// Whom alone.
        person: Option<PersonName>,
        /// Names the trial.
        id: String,
    },
}

/// What somebody does about a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `1`: mine. `2 K7 40`: mine, help in 40 minutes.
    Mine {
        /// For how many minutes; `None` = as the policy says.
        minutes: Option<u32>,
    },
    /// `3`: handled.
    Handled,
    /// `4`: the next step now.
    Pass,
}

/// A reply that was understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// What it asks.
    pub action: Action,
    /// About which page of this phone; `None` = the one that is open.
    pub code: Option<String>,
    /// `1 ALL`: every page of the last bundle.
    pub all: bool,
}

/// News about a message, from the send loop or a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its number, growing.
    pub n: i64,
    /// About which message.
    pub message: MessageId,
    /// By which way.
    pub channel: Channel,
    /// When.
    pub at: Instant,
    /// What.
    pub news: News,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The gateway took it.
    Sent,
    /// The gateway says it arrived.
    Delivered,
    /// The gateway says it did not.
    Undelivered,
    /// The gateway refused it for good.
    Refused,
    /// Nobody knows whether it left.
    Uncertain,
    /// Its useful time passed before it left.
    Expired,
    /// It was withdrawn before it left.
    Cancelled,
    /// The address takes none for good: opted out, a landline, no such number.
    OptedOut,
}

/// Everything a step is told besides findings.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Orders not yet consumed, oldest first.
    pub orders: Vec<Order>,
    /// Receipts not yet consumed, oldest first.
    pub receipts: Vec<Receipt>,
}
