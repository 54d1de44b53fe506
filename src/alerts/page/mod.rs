//! Pages: who is told of a group until somebody owns it, and who is told that it is over.
//!
//! Given: alerts as they are after this step, the escalation policies, who is on call, what came back.
//! Gives: notices to people, and the page's memory: which step is next, who was told by which way, who has it.
//! Does not: write texts, know addresses, or read a clock.
//!
//! A group's flush opens a page (`open`); from then on it lives by itself (`look`): steps, ways that fail, rounds,
//! ownership, its end. What people answer goes through `act`.

mod act;
mod code;
mod drill;
mod flap;
mod link;
mod list;
mod look;
mod open;
mod reply;
mod steps;
mod tell;
mod watch;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    alert::{Acknowledgement, Alert, AlertKey, AlertState},
    flush::urgency,
    group::GroupKey,
    notice::PageAsk,
    orders::Action,
};
use crate::{
    model::{AddressMark, CaregiverId, Instant, PersonName, Subject},
    notify::message::MessageId,
    on_call::Via,
};

pub(super) use self::{
    act::{own_with, press, reply},
    drill::begin as begin_drill,
    flap::quiet_until as flaps_until,
    list::{end as end_list, through_at as list_through_at},
    look::{ask_owners, firing_of, is_muted, look, take_news},
    open::{open, policy_for},
    steps::advance,
    tell::{Way, says_page},
    watch::{begin as begin_watches, next_look as next_handoff},
};
pub use self::{
    code::{LETTERS, is_code},
    link::{LINK_TOKEN_LENGTH, LinkKey, link_hash},
    reply::parse as parse_reply,
};

/// How long a page that is over is remembered, for replies that come late.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// How long the owner has to say that it is still theirs.
pub const STILL_YOURS: TimeDelta = TimeDelta::minutes(5);
/// Who was told within this time hears of the end at once: they may be on their way.
pub const TOLD_LATELY: TimeDelta = TimeDelta::minutes(60);

/// What makes a page: the group, when the page opened, and the policy it is told by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PageKey {
    /// The group.
    pub group: GroupKey,
    /// When it opened, microseconds since 1970: a group that is paged again has a new page.
    pub generation: u64,
    /// The escalation policy.
    pub policy: String,
}

impl PageKey {
    /// 16 hex digits: for logs, message ids and the API.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        let GroupKey { agency, route, receiver, labels } = &self.group;
        let labels = labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        for part in [agency.as_str(), route, receiver, &self.policy].into_iter().chain(labels) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.generation.to_be_bytes());
        hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it is a trial's.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.group.route == drill::DRILL
    }

    /// `page/<id>`: the topic of its notices.
    #[must_use]
    pub fn topic(&self) -> String {
        format!("page/{}", self.id())
    }
}

/// A page, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Identity.
    pub key: PageKey,
    /// When it opened.
    pub opened_at: Instant,
    /// The alerts it tells of, in order.
    pub alerts: BTreeSet<AlertKey>,
    /// Where in its life it is.
    pub state: PageState,
    /// Counts the rounds through the policy's steps, from 0.
    pub round: u32,
    /// When the round began: what the steps' `after` counts from.
    pub round_at: Instant,
    /// Why the round began.
    pub began: Began,
    /// The next step of the round, from 0.
    pub step: usize,
    /// When the last step was taken.
    pub stepped_at: Option<Instant>,
    /// Who was told, in the order they were told.
    pub told: Vec<PageTold>,
    /// Its code on each phone.
    pub codes: BTreeMap<AddressMark, String>,
    /// Its links.
    pub links: Vec<PageLink>,
    /// Counts how often ownership was asked about or ended; a new count gives new links.
    pub epoch: u32,
    /// Counts its notices; part of every message id.
    pub n_notices: u64,
    /// The shift ended and nobody owned it: that was asked, and no further step is taken.
    pub unstaffed: bool,
    /// Words that wait for the end of somebody's quiet hours.
    pub held: Vec<QuietWord>,
    /// What else was said of it within the last hour: who has it, and that it is over.
    #[serde(default)]
    pub words: Vec<SaidWord>,
    /// Words that wait for their phone: it has had many of late.
    #[serde(default)]
    pub waiting: Vec<HeldWord>,
    /// Set for a trial.
    #[serde(default)]
    pub drill: Option<Drill>,
    /// Set for a list of standing gaps.
    #[serde(default)]
    pub list: Option<List>,
    /// Set when it opened and closed many times of late.
    #[serde(default)]
    pub flap: Option<Flap>,
    /// Set for the word to whoever comes on call.
    #[serde(default)]
    pub watch: Option<WatchOn>,
    /// When it is looked at next; `None` when only news can change it.
    pub next_at: Option<Instant>,
}

/// Where in its life a page is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PageState {
    /// Nobody owns it: it escalates.
    Open,
    /// Somebody owns it.
    Owned(Ownership),
    /// Over.
    Closed {
        /// When.
        at: Instant,
        /// Who had it.
        owner: Option<String>,
        /// What it was about, as it ended, the most urgent first; not all of a big page.
        alerts: Vec<Alert>,
    },
}

/// Who owns a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// Who and until when.
    pub ack: Acknowledgement,
    /// The same as one of `people`, when they are.
    pub person: Option<PersonName>,
    /// They said that it is handled: theirs until the shift ends or its caregiver changes.
    pub handled: bool,
    /// When they were asked whether it is still theirs.
    pub asked_at: Option<Instant>,
    /// Who was to come when they called it handled, by alert.
    #[serde(default)]
    pub coming: Vec<(AlertKey, Option<CaregiverId>)>,
}

/// Why a round began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Began {
    /// The page opened.
    Opened,
    /// Nobody owned it through the round before.
    Repeated,
    /// An acknowledgement ran out.
    Expired,
}

/// One message that told somebody of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageTold {
    /// Whom.
    pub person: PersonName,
    /// By which way.
    pub via: Via,
    /// Which of their addresses.
    pub mark: AddressMark,
    /// By which message.
    pub message: MessageId,
    /// When that was decided.
    pub at: Instant,
    /// In which round.
    pub round: u32,
    /// At which step of it, from 0.
    pub step: usize,
    /// What they were asked.
    pub ask: PageAsk,
    /// What became of it.
    pub arrived: Arrived,
    /// The bundle it was told in: several pages in one text.
    #[serde(default)]
    pub bundle: Option<u64>,
}

/// What became of a message to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Arrived {
    /// It waits for the phone's limit.
    Held,
    /// Nothing is known yet.
    Waiting,
    /// It left.
    Sent {
        /// When.
        at: Instant,
    },
    /// It is there.
    Delivered {
        /// When.
        at: Instant,
    },
    /// It is not, and will not be.
    Failed {
        /// When.
        at: Instant,
    },
    /// It was withdrawn before it left.
    Withdrawn,
}

impl Arrived {
    /// `held`, `waiting`, `sent`, `delivered`, `failed` or `withdrawn`: sent is not yet confirmed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Sent { .. } => "sent",
            Self::Delivered { .. } => "delivered",
            Self::Failed { .. } => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl PageTold {
    /// Told by a step, and so part of the escalation.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        matches!(
            self.ask,
            PageAsk::First
                | PageAsk::Changing { .. }
                | PageAsk::Escalated
                | PageAsk::Repeated
                | PageAsk::Expired
                | PageAsk::Drill
        )
    }

    /// Whether they have it, or may have it by now.
    #[must_use]
    pub const fn may_know(&self) -> bool {
        matches!(self.arrived, Arrived::Waiting | Arrived::Sent { .. } | Arrived::Delivered { .. })
    }

    /// Whether it was handed over to be sent, whatever became of it.
    #[must_use]
    pub const fn has_gone_out(&self) -> bool {
        !matches!(self.arrived, Arrived::Held | Arrived::Withdrawn)
    }

    /// Whether it is known to have left.
    #[must_use]
    pub const fn has_left(&self) -> bool {
        matches!(self.arrived, Arrived::Sent { .. } | Arrived::Delivered { .. })
    }
}

/// A link that one person was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageLink {
    /// Who.
    pub person: PersonName,
    /// Which of the page's epochs.
    pub epoch: u32,
    /// The hash of its token.
    pub hash: String,
    /// When it was given.
    pub at: Instant,
    /// What was done by it, each once.
    pub used: Vec<Used>,
}

/// A link was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// For what.
    pub action: Action,
    /// When.
    pub at: Instant,
}

/// A word that waits for the end of somebody's quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuietWord {
    /// Whom.
    pub person: PersonName,
    /// By which way.
    pub via: Via,
    /// Which of their addresses.
    pub mark: AddressMark,
    /// When it goes.
    pub at: Instant,
    /// The messages it answers.
    pub follows: Vec<MessageId>,
    /// What it says.
    #[serde(default)]
    pub word: Word,
}

/// A word that waits until its phone may be texted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldWord {
    /// Whom.
    pub person: PersonName,
    /// By which way.
    pub via: Via,
    /// Which of their addresses.
    pub mark: AddressMark,
    /// What.
    pub word: Word,
    /// The messages it answers.
    pub follows: Vec<MessageId>,
}

/// A word that went out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaidWord {
    /// By which way.
    pub via: Via,
    /// To which address.
    pub mark: AddressMark,
    /// When.
    pub at: Instant,
}

/// What else is said of a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Somebody has it.
    Owned,
    /// It is over.
    #[default]
    Closed,
    /// What is on the list.
    Listed,
}

/// A trial: a page about nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Its name.
    pub id: String,
    /// Whom alone; `None` = by the policy.
    pub person: Option<PersonName>,
}

/// A list of standing gaps: a page whose alerts are not its own. Who takes it has them in mind, and owns none of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Up to when it looks.
    pub until: Instant,
    /// One alert of each shift, the nearest start first.
    pub alerts: Vec<AlertKey>,
    /// Its steps were taken and nobody took it: the gaps page by themselves.
    pub is_through: bool,
}

impl List {
    /// Whether a shift is on it.
    #[must_use]
    pub fn names(&self, subject: &Subject) -> bool {
        self.alerts.iter().any(|key| key.subject == *subject)
    }
}

/// What a page knows of those before it, when there were many within an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// How often it opened, with this one.
    pub n: u32,
    /// When the first of them opened.
    pub since: Instant,
    /// Until when nobody is told, unless it gets worse.
    pub quiet_until: Option<Instant>,
    /// The rank of the worst that was told.
    pub worst: u8,
}

/// A watch that began: who comes, who goes, who could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchOn {
    /// By which schedule.
    pub schedule: String,
    /// Until when; `None` = not known.
    pub until: Option<Instant>,
    /// Who is on call from now on.
    pub coming: Vec<PersonName>,
    /// Who was.
    pub going: Vec<PersonName>,
    /// Who is out of ways.
    pub unreached: Vec<PersonName>,
}

/// Something that happened to a page, for the log and the metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageTurn {
    /// The page's id.
    pub page: String,
    /// It is a trial: counted nowhere.
    pub is_drill: bool,
    /// What.
    pub what: Turn,
    /// Whom it concerns.
    pub people: Vec<String>,
}

/// What happened to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It opened.
    Opened,
    /// It opened, as a list of standing gaps.
    Listed,
    /// A watch began.
    WatchBegan,
    /// Who came on call could not be told by any way.
    Unreached,
    /// A step told somebody; its number, from 0.
    Stepped(usize),
    /// A step had nobody who can be told.
    Skipped(usize),
    /// The last step had nobody: everybody was told.
    Everybody,
    /// Not even that: there is nobody who can be told.
    Nobody,
    /// A new round began.
    Repeated,
    /// Somebody owns it.
    Owned,
    /// Its owner gave it on.
    Passed,
    /// An acknowledgement ran out.
    Expired,
    /// The shift ended and nobody owned it.
    WentUnstaffed,
    /// It is over.
    Closed,
}

impl Turn {
    /// The word of each, for the metric.
    pub const WORDS: [&'static str; 14] = [
        Self::Opened.as_str(),
        Self::Listed.as_str(),
        Self::WatchBegan.as_str(),
        Self::Unreached.as_str(),
        Self::Stepped(0).as_str(),
        Self::Skipped(0).as_str(),
        Self::Everybody.as_str(),
        Self::Nobody.as_str(),
        Self::Repeated.as_str(),
        Self::Owned.as_str(),
        Self::Passed.as_str(),
        Self::Expired.as_str(),
        Self::WentUnstaffed.as_str(),
        Self::Closed.as_str(),
    ];

    /// The word for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Listed => "listed",
            Self::WatchBegan => "watch_began",
            Self::Unreached => "unreached",
            Self::Stepped(_) => "stepped",
            Self::Skipped(_) => "skipped",
            Self::Everybody => "everybody",
            Self::Nobody => "nobody",
            Self::Repeated => "repeated",
            Self::Owned => "owned",
            Self::Passed => "passed",
            Self::Expired => "expired",
            Self::WentUnstaffed => "went_unstaffed",
            Self::Closed => "closed",
        }
    }
}

impl Page {
    /// A page of which nothing has been told.
    #[must_use]
    pub const fn new(key: PageKey, alerts: BTreeSet<AlertKey>, now: Instant) -> Self {
        Self {
            key,
            opened_at: now,
            alerts,
            state: PageState::Open,
            round: 0,
            round_at: now,
            began: Began::Opened,
            step: 0,
            stepped_at: None,
            told: Vec::new(),
            codes: BTreeMap::new(),
            links: Vec::new(),
            epoch: 0,
            n_notices: 0,
            unstaffed: false,
            held: Vec::new(),
            words: Vec::new(),
            waiting: Vec::new(),
            drill: None,
            list: None,
            watch: None,
            flap: None,
            next_at: None,
        }
    }

    /// Whether anybody was told of it.
    #[must_use]
    pub const fn has_told(&self) -> bool {
        !self.told.is_empty()
    }

    /// True until it is over.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self.state, PageState::Closed { .. })
    }

    /// The alerts of it that fire, somebody's or nobody's, the most urgent first.
    pub fn firing<'a>(&self, find: impl Fn(&AlertKey) -> Option<&'a Alert>) -> Vec<Alert> {
        if let Some(list) = &self.list {
            let open = |alert: &&Alert| matches!(alert.state, AlertState::Firing { .. });
            return list.alerts.iter().filter_map(find).filter(open).cloned().collect();
        }
        let alerts = self.alerts.iter().filter_map(find);
        let mut firing: Vec<Alert> = alerts.filter(|alert| alert.is_firing()).cloned().collect();
        firing.sort_by_cached_key(urgency);
        firing
    }

    /// What it speaks of: as it ended, once it is over; else what fires.
    pub fn shown<'a>(&self, find: impl Fn(&AlertKey) -> Option<&'a Alert>) -> Vec<Alert> {
        match &self.state {
            PageState::Closed { alerts, .. } => alerts.clone(),
            PageState::Open | PageState::Owned(_) => self.firing(find),
        }
    }

    /// Who owns it.
    #[must_use]
    pub const fn ownership(&self) -> Option<&Ownership> {
        match &self.state {
            PageState::Owned(ownership) => Some(ownership),
            PageState::Open | PageState::Closed { .. } => None,
        }
    }

    /// `open`, `owned` or `closed`.
    #[must_use]
    pub const fn state_name(&self) -> &'static str {
        match self.state {
            PageState::Open => "open",
            PageState::Owned(_) => "owned",
            PageState::Closed { .. } => "closed",
        }
    }

    /// Who may know of it, each once, in the order they were told, with when that was.
    #[must_use]
    pub fn people(&self) -> Vec<(PersonName, Instant)> {
        let mut people: Vec<(PersonName, Instant)> = Vec::new();
        for told in self.told.iter().filter(|told| told.may_know()) {
            if !people.iter().any(|(person, _)| *person == told.person) {
                people.push((told.person.clone(), told.at));
            }
        }
        people
    }

    /// The phones for which something of it waits.
    pub fn waits_for(&self) -> impl Iterator<Item = &AddressMark> {
        let held = self.told.iter().filter(|told| told.arrived == Arrived::Held).map(|told| &told.mark);
        held.chain(self.waiting.iter().map(|word| &word.mark))
    }

    /// The link with this hash.
    #[must_use]
    pub fn link(&self, hash: &str) -> Option<&PageLink> {
        self.links.iter().find(|link| link.hash == hash)
    }
}
