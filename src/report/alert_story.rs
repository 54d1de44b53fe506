//! One alert's story: each of its lives, what state it went through, who was told, and what became of every message.
//!
//! Given: its lives, transitions and messages as stored. Gives: [`AlertStory`], the newest life first, each life's turns
//! and messages oldest first, with a sentence for each. Does not: hold an address, a text that was sent, or a verdict.

use serde::{Deserialize, Serialize};

use super::{
    life::Life,
    on_call_log::{DispositionReport, KeptPage, PageRow},
    page_report::PageToldReport,
    words,
};
use crate::{
    alerts::{
        alert::Labels,
        disposition::Said,
        step::{Transition, Why},
    },
    model::Instant,
    notify::message::Channel,
};

/// At most so many lives of an alert are told.
pub const LIVES_MAX: usize = 20;
/// At most so many messages of all of them.
pub const MESSAGES_MAX: usize = 200;
/// At most so many turns of all of them.
pub const TURNS_MAX: usize = 500;

/// The answer of `GET /api/v1/alerts/{fingerprint}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlertStory {
    /// Its id in every API, 16 hex digits.
    pub fingerprint: String,
    /// Each time it was true, the newest first; at least one, at most [`LIVES_MAX`].
    pub lives: Vec<LifeStory>,
    /// How many older lives are stored and not told here.
    pub n_lives_left_out: u64,
    /// How many older messages are stored and not told here.
    pub n_messages_left_out: u64,
    /// How many older turns are stored and not told here.
    pub n_turns_left_out: u64,
}

/// One life of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LifeStory {
    /// The agency whose alert it is; `installation` for those that belong to none.
    pub agency: String,
    /// The `alertname` label.
    pub alertname: String,
    /// The `severity` label; may be empty.
    pub severity: String,
    /// The `location` label; may be empty.
    pub location: String,
    /// The `shift` label, where it is about a shift.
    pub shift: Option<String>,
    /// All labels.
    pub labels: Labels,
    /// `pending`, `firing`, `acknowledged` or `resolved`.
    pub state: String,
    /// The known edge that passed; `null` where nobody can know.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edge_at: Option<Instant>,
    /// When the agent saw it; `null` when that was not written down.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub seen_at: Option<Instant>,
    /// Since when its condition was true.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// When it fired.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fired_at: Option<Instant>,
    /// When somebody first took it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
    /// Who that was.
    pub acknowledged_by: Option<String>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Why it ended, one word.
    pub reason: Option<String>,
    /// That, as a person says it.
    pub reason_words: Option<String>,
    /// What somebody said became of it, the latest word first; that one counts.
    #[serde(default)]
    pub dispositions: Vec<DispositionReport>,
    /// The pages that told of it, oldest first; they are kept when the page itself is long forgotten.
    #[serde(default)]
    pub pages: Vec<PageStory>,
    /// What it went through, oldest first.
    pub turns: Vec<Turn>,
    /// Who was told of it, oldest first. A message about more than 500 alerts is kept with the 500 most urgent only, and
    /// messages are kept for 90 days.
    pub messages: Vec<MessageStory>,
}

/// One page that told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PageStory {
    /// 16 hex digits.
    pub id: String,
    /// By which escalation policy.
    pub policy: String,
    /// When it opened.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Instant,
    /// When it was over; `null` while it is open.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Instant>,
    /// Who took it first; `null` when nobody did.
    pub acknowledged_by: Option<String>,
    /// When that was; `null` where it is not known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub acknowledged_at: Option<Instant>,
    /// Who was told, oldest first.
    pub told: Vec<PageToldReport>,
}

/// It went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Turn {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// From which state; `null` for a new alert.
    pub from: Option<String>,
    /// To which.
    pub to: String,
    /// Why, as it was stored: a closing word, `acknowledged by night-1`; may be empty.
    pub reason: String,
    /// What whoever took it wrote; `null` when nothing was.
    pub note: Option<String>,
    /// As a person says it.
    pub words: String,
}

/// What a message told of the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// That it fires.
    Firing,
    /// That it is over.
    Closing,
}

/// One message to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageStory {
    /// Its id, 32 hex digits.
    pub id: String,
    /// When it was decided.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Instant,
    /// What it told of this alert.
    pub told: Told,
    /// Why it was decided, one word.
    pub why: Why,
    /// The receiver's name in the configuration.
    pub receiver: String,
    /// The recipient's place in the receiver (`sms/0/1`) or configured name. Never an address.
    pub recipient: String,
    /// By which way.
    pub channel: Channel,
    /// `queued`, `held`, `claimed`, `uncertain`, `sent`, `delivered`, `undelivered`, `refused`, `expired`, `cancelled`.
    pub state: String,
    /// When that became final; `null` while it may change by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Instant>,
    /// When it is tried next; `null` unless it waits for an instant.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Instant>,
    /// After this it helps nobody and is not sent.
    #[schema(value_type = String, format = DateTime)]
    pub useful_until: Instant,
    /// What came of each try, oldest first.
    pub steps: Vec<MessageStep>,
    /// Where it stands and, while it waits, why: as a person says it.
    pub words: String,
}

/// What came of one try, or a report on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageStep {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// Which try, from 1.
    pub attempt: u32,
    /// By which gateway; `null` for mail and webhooks.
    pub gateway: Option<String>,
    /// `sent`, `delivered`, `undelivered`, `retried`, `uncertain`, `not_there`, `refused`.
    pub outcome: String,
    /// What was said; may be empty.
    pub why: String,
    /// It went out while an earlier try may have left: the recipient may have it twice.
    pub doubles: bool,
    /// As a person says it.
    pub words: String,
}

/// A message as stored, and which life it speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// [`Life::active_at`] of the life it speaks of.
    pub active_at: Instant,
    /// The message. `words` is still empty, here and in its steps.
    pub message: MessageStory,
}

/// What is stored about one alert, each list newest first and bounded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertRows {
    /// Its lives.
    pub lives: Vec<Life>,
    /// Lives beyond those.
    pub n_lives_left_out: u64,
    /// Its turns in all of them.
    pub turns: Vec<Transition>,
    /// Turns beyond those.
    pub n_turns_left_out: u64,
    /// What was said became of it, in all of them.
    pub said: Vec<Said>,
    /// The pages that told of it, in all of them.
    pub pages: Vec<PageRow>,
    /// The messages about it.
    pub messages: Vec<MessageRow>,
    /// Messages beyond those.
    pub n_messages_left_out: u64,
}

impl AlertStory {
    /// The story of what is stored; `None` when there is no life of it.
    #[must_use]
    pub fn tell(fingerprint: &str, rows: AlertRows) -> Option<Self> {
        let AlertRows { lives, turns, messages, said, pages, n_lives_left_out, n_turns_left_out, n_messages_left_out } =
            rows;
        if lives.is_empty() {
            return None;
        }
        let begin: Vec<Instant> = lives.iter().map(Life::begins_at).collect();
        let mut stories: Vec<LifeStory> = lives.into_iter().map(LifeStory::of).collect();
        // Both come newest first and are told oldest first.
        for turn in turns.into_iter().rev() {
            if let Some(i) = life_of(&begin, &turn) {
                stories[i].turns.push(Turn::of(turn));
            }
        }
        for MessageRow { active_at, message } in messages.into_iter().rev() {
            if let Some(story) = stories.iter_mut().find(|story| story.active_at == active_at) {
                story.messages.push(message.in_words());
            }
        }
        for said in said {
            if let Some(story) = stories.iter_mut().find(|story| story.active_at == said.active_at) {
                story.dispositions.push(DispositionReport::of(said));
            }
        }
        for row in pages.into_iter().rev() {
            // The newest life that had begun when the page opened.
            if let Some(story) = stories.iter_mut().find(|story| story.active_at <= row.page.opened_at) {
                story.pages.push(PageStory::of(row));
            }
        }
        for story in &mut stories {
            if let Some(last) = story.turns.last() {
                story.state.clone_from(&last.to);
            }
        }
        let fingerprint = fingerprint.to_owned();
        Some(Self { fingerprint, lives: stories, n_lives_left_out, n_messages_left_out, n_turns_left_out })
    }
}

/// The life a turn belongs to: the newest that had begun. Where an alert ends and comes back in one instant, its end
/// belongs to the life before.
fn life_of(begin: &[Instant], turn: &Transition) -> Option<usize> {
    let i = begin.iter().position(|begins_at| *begins_at <= turn.at)?;
    let ends_the_one_before = begin[i] == turn.at && turn.to == "resolved" && i + 1 < begin.len();
    Some(if ends_the_one_before { i + 1 } else { i })
}

impl LifeStory {
    fn of(life: Life) -> Self {
        let label = |name: &str| life.label(name).to_owned();
        Self {
            agency: life.agency.to_string(),
            alertname: label("alertname"),
            severity: label("severity"),
            location: label("location"),
            shift: life.labels.get("shift").cloned(),
            state: life.state().to_owned(),
            edge_at: life.edge_at,
            seen_at: life.seen_at,
            active_at: life.active_at,
            fired_at: life.fired_at,
            acknowledged_at: life.acknowledged_at,
            acknowledged_by: life.acknowledged_by.clone(),
            resolved_at: life.resolved_at,
            reason_words: life.reason.as_deref().map(words::reason),
            reason: life.reason,
            labels: life.labels,
            dispositions: Vec::new(),
            pages: Vec::new(),
            turns: Vec::new(),
            messages: Vec::new(),
        }
    }
}

impl PageStory {
    fn of(row: PageRow) -> Self {
        let PageRow { page, acknowledged_at, acknowledged_by, .. } = row;
        let KeptPage { id, policy, opened_at, closed_at, told, .. } = page;
        Self { id, policy, opened_at, closed_at, acknowledged_by, acknowledged_at, told }
    }
}

impl Turn {
    fn of(transition: Transition) -> Self {
        let words = words::turn(&transition);
        let Transition { at, from, to, reason, note, .. } = transition;
        Self { at, from, to, reason, note, words }
    }
}

impl MessageStory {
    fn in_words(mut self) -> Self {
        for step in &mut self.steps {
            step.words = words::step(step);
        }
        self.words = words::message(&self);
        self
    }
}

#[cfg(test)]
mod tests;
