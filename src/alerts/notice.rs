//! A notice: one thing to say to one person by one way, beside what receivers are told.
//!
//! Given by whoever decides (pages, reminders, lists); rendered by `notify`, stored in the step's own commit.

use serde::{Deserialize, Serialize};

use super::{alert::Alert, disposition::Unsaid, step::Why};
use crate::{
    model::{AddressMark, AgencyName, Instant, PersonName},
    notify::message::{Channel, MessageId},
    on_call::Via,
};

/// The receiver's name under which messages to people are stored.
pub const PEOPLE: &str = "people";

/// The receiver's name under which reminders to caregivers are stored; no receiver of a configuration is called so.
pub const REMINDERS: &str = "reminders/";

/// One thing to say to one person by one way.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What it belongs to, unique within the agency: `page/<id>`, `watch-on/<schedule>`. Part of the message id.
    pub topic: String,
    /// Counts the notices of the topic; part of the message id.
    pub n: u64,
    /// Whom.
    pub to: PersonName,
    /// By which way.
    pub via: Via,
    /// Which of their addresses.
    pub mark: AddressMark,
    /// What.
    pub says: Says,
    /// Why now.
    pub why: Why,
    /// The severity's rank, 0 = critical.
    pub urgency: u8,
    /// After this it helps nobody.
    pub useful_until: Instant,
    /// The earliest moment anything it tells of was true.
    pub fired_at: Instant,
    /// The messages it answers: it goes once one of them went.
    pub follows: Vec<MessageId>,
}

/// What a notice says.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// A page.
    Page {
        /// Its code on this phone.
        code: String,
        /// The token of its link; `None` without an address that a phone can open.
        link: Option<String>,
        /// What fires, most urgent first.
        alerts: Vec<Alert>,
        /// Who was told before, and when.
        told_before: Vec<(PersonName, Instant)>,
        /// What is asked of the reader.
        ask: PageAsk,
        /// The receiver's own template of the text; `None` = the built-in.
        text: Option<String>,
    },
    /// Several matters in one text, most severe first.
    Bundle(Bundle),
    /// Somebody has it: for the others who were told.
    Owned {
        /// The page's code on this phone.
        code: String,
        /// What it is about.
        alert: Box<Alert>,
        /// Who has it.
        by: String,
        /// Until when.
        until: Instant,
    },
    /// It is over.
    Closed {
        /// The page's code on this phone.
        code: String,
        /// What is over.
        alerts: Vec<Alert>,
        /// Who had it.
        owner: Option<String>,
    },
    /// The answer to a reply.
    Answer(Answer),
    /// A watch begins: the daily trial of the whole way.
    WatchOn {
        /// By which schedule.
        schedule: String,
        /// Until when; `None` = not known.
        until: Option<Instant>,
        /// What is open, most urgent first.
        open: Vec<Alert>,
    },
    /// Whoever comes on call could not be told: for whoever goes off.
    Unreached {
        /// By which schedule.
        schedule: String,
        /// Who.
        who: PersonName,
    },
    /// Shifts that have had no caregiver for long, as one list.
    Standing {
        /// The code that acknowledges the list.
        code: String,
        /// The token of its link; `None` without an address that a phone can open.
        link: Option<String>,
        /// The shifts' alerts, the nearest start first.
        alerts: Vec<Alert>,
        /// Up to when the list looks.
        until: Instant,
    },
    /// What became of the night's pages is asked.
    Morning {
        /// How many shifts of the night somebody was told of.
        n_shifts: usize,
        /// Of how many nobody has said what became of them.
        n_open: usize,
        /// Those, the earliest first; of many only the first.
        open: Vec<Unsaid>,
    },
    /// A silence ends soon and still mutes something.
    SilenceEnds {
        /// Its id.
        id: String,
        /// When it ends.
        ends_at: Instant,
        /// How many alerts it mutes.
        n_muted: usize,
    },
}

/// What one text says of several pages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bundle {
    /// What waits for somebody, most severe first.
    pub open: Vec<BundledPage>,
    /// How many more there are.
    pub n_more: usize,
    /// Set when all of them are the reader's and are asked about: until when the answer is waited for.
    pub still_yours: Option<Instant>,
    /// What somebody has by now, and who.
    pub owned: Vec<(String, String)>,
    /// What is over.
    pub closed: Vec<BundledPage>,
}

/// One page of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct BundledPage {
    /// Its code on this phone.
    pub code: String,
    /// Its most urgent alert.
    pub alert: Alert,
}

/// What a page asks of its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageAsk {
    /// The first word of it.
    First,
    /// Those told before did not answer.
    Escalated,
    /// It was told before and nobody owns it.
    Repeated,
    /// Something more happened on a page that the reader owns.
    More,
    /// Ownership ended.
    Expired,
    /// Ownership ends soon: still theirs?
    StillYours {
        /// When it ends.
        until: Instant,
    },
    /// The shift ended and nobody owned it.
    WentUnstaffed,
    /// It opened and closed so often of late that it is told once for all of them.
    Changing {
        /// How often.
        n: u32,
        /// Since when.
        since: Instant,
    },
    /// A trial.
    Drill,
}

/// What a reply is answered with.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// It is theirs.
    Mine {
        /// Which; several after `1 ALL`.
        codes: Vec<String>,
        /// Until when.
        until: Instant,
    },
    /// A trial reached them.
    Tested {
        /// Which.
        code: String,
    },
    /// Handled: theirs until the shift ends or its caregiver changes.
    Handled {
        /// Which.
        codes: Vec<String>,
    },
    /// The next ones are told now.
    Passed {
        /// Which.
        code: String,
        /// Who.
        to: Vec<PersonName>,
    },
    /// There is nobody else: it stays with whom it was.
    NobodyElse {
        /// Which.
        code: String,
    },
    /// It is over already.
    Over {
        /// Which.
        code: String,
        /// How it ended; `None` for a trial.
        alert: Option<Box<Alert>>,
    },
    /// Somebody else has it; now the one who replied does.
    TakenFrom {
        /// Which.
        code: String,
        /// From whom.
        from: String,
        /// Until when.
        until: Instant,
    },
    /// Somebody else has it, and gives it on themselves.
    Theirs {
        /// Which.
        code: String,
        /// Who.
        by: String,
        /// Until when.
        until: Instant,
    },
    /// No page of this phone has this code.
    NoSuchCode {
        /// As written.
        code: String,
        /// The open ones.
        open: Vec<String>,
    },
    /// Several are open and none was named.
    WhichOne {
        /// The open ones.
        open: Vec<String>,
    },
    /// Nothing is open for this phone.
    NothingOpen,
}

impl Says {
    /// The alerts that it speaks of.
    #[must_use]
    pub fn alerts(&self) -> Vec<&Alert> {
        match self {
            Self::Page { alerts, .. } | Self::Closed { alerts, .. } | Self::Standing { alerts, .. } => {
                alerts.iter().collect()
            }
            Self::Bundle(all) => all.open.iter().chain(&all.closed).map(|page| &page.alert).collect(),
            Self::Owned { alert, .. } => vec![&**alert],
            Self::WatchOn { open, .. } => open.iter().collect(),
            Self::Answer(_) | Self::Morning { .. } | Self::SilenceEnds { .. } | Self::Unreached { .. } => Vec::new(),
        }
    }
}

impl Notice {
    /// The way out.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        channel_of(self.via)
    }

    /// The id of its message.
    #[must_use]
    pub fn message(&self, agency: &AgencyName) -> MessageId {
        MessageId::of_notice(agency, &self.topic, self.n, self.channel(), &self.mark)
    }
}

/// The way out that a way to a person takes.
#[must_use]
pub const fn channel_of(via: Via) -> Channel {
    match via {
        Via::Sms => Channel::Sms,
        Via::Call => Channel::Call,
        Via::Email => Channel::Email,
    }
}
