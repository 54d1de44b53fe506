//! What happened to an alert, for its page: each life with its turns and the way of every message.

use serde::Serialize;

use super::alert::Stamp;
use crate::{
    model::{AgencyName, Instant},
    report::alert_story::{AlertStory, LifeStory, MessageStory, PageStory, Told},
    view::View,
};

/// So many lives stand on the page; the JSON answer has more.
const LIVES_SHOWN: usize = 5;

/// The story, or why it cannot be told.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    /// Why it cannot be told at present.
    pub fault: Option<String>,
    /// The newest first.
    pub lives: Vec<Life>,
    /// How much more there is.
    pub left_out: Option<String>,
}

/// Once that it was true.
#[derive(Debug, Clone, Serialize)]
pub struct Life {
    /// When it began.
    pub began: Stamp,
    /// How it ended, in words.
    pub ended: Option<String>,
    /// What somebody said became of it, the latest first.
    pub said: Vec<Turn>,
    /// The pages that told of it, in sentences.
    pub pages: Vec<Turn>,
    /// What it went through.
    pub turns: Vec<Turn>,
    /// Who was told.
    pub messages: Vec<Message>,
}

/// It went from one state to another.
#[derive(Debug, Clone, Serialize)]
pub struct Turn {
    /// When.
    pub at: Stamp,
    /// In words.
    pub says: String,
    /// What whoever took it wrote.
    pub note: Option<String>,
}

/// One message to one recipient.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// When it was decided.
    pub at: Stamp,
    /// `fires` or `is over`.
    pub told: &'static str,
    /// The receiver and its recipient, by their names in the configuration.
    pub to: String,
    /// `sms`.
    pub channel: &'static str,
    /// Where it stands: `delivered`.
    pub says: String,
    /// `good`, `bad` or `waits`.
    pub tone: &'static str,
    /// What came of each try.
    pub steps: Vec<Turn>,
}

impl Story {
    /// The story as of `now`.
    #[must_use]
    pub fn of(view: &View, told: Result<Option<&AlertStory>, String>, now: Instant) -> Self {
        let story = match told {
            Ok(Some(story)) => story,
            Ok(None) => return Self { fault: None, lives: Vec::new(), left_out: None },
            Err(fault) => return Self { fault: Some(fault), lives: Vec::new(), left_out: None },
        };
        let more: u64 = story.n_lives_left_out + story.lives.len().saturating_sub(LIVES_SHOWN) as u64;
        let mut left_out: Vec<String> = Vec::new();
        if more > 0 {
            left_out.push(format!("it was true {more} times more, longer ago"));
        }
        if story.n_messages_left_out > 0 {
            left_out.push(format!("{} older messages", story.n_messages_left_out));
        }
        Self {
            fault: None,
            lives: story.lives.iter().take(LIVES_SHOWN).map(|life| Life::of(view, life, now)).collect(),
            left_out: (!left_out.is_empty()).then(|| left_out.join(", ")),
        }
    }
}

/// `paged by coverage: night-1, then night-2; night-2 took it after 4 min`.
fn page_says(page: &PageStory) -> String {
    let mut people: Vec<&str> = Vec::new();
    for told in page.told.iter().filter(|told| told.arrived != "withdrawn") {
        if people.last() != Some(&told.person.as_str()) {
            people.push(&told.person);
        }
    }
    people.truncate(PEOPLE_NAMED);
    let people = if people.is_empty() { "nobody yet".to_owned() } else { people.join(", then ") };
    let took = page.acknowledged_by.as_ref().map(|by| {
        let after = page.acknowledged_at.map(|at| (at - page.opened_at).num_minutes().max(0));
        let after = after.map_or_else(String::new, |minutes| format!(" after {minutes} min"));
        format!("; {by} took it{after}")
    });
    format!("paged by {}: {people}{}", page.policy, took.unwrap_or_else(|| "; nobody took it".to_owned()))
}

/// So many of those whom a page told are named.
const PEOPLE_NAMED: usize = 8;

impl Life {
    fn of(view: &View, life: &LifeStory, now: Instant) -> Self {
        let voice = view.telling.voice(&AgencyName::from(life.agency.as_str()));
        let zone = voice.zone_of(&life.location);
        let stamp = |at: Instant| Stamp::of(at, now, zone, voice.clock_12h);
        let message = |one: &MessageStory| Message {
            at: stamp(one.decided_at),
            told: match one.told {
                Told::Firing => "fires",
                Told::Closing => "is over",
            },
            to: format!("{} {}", one.receiver, one.recipient).trim().to_owned(),
            channel: one.channel.as_str(),
            says: one.words.clone(),
            tone: match one.state.as_str() {
                "sent" | "delivered" => "good",
                "undelivered" | "refused" | "expired" => "bad",
                _ => "waits",
            },
            steps: one
                .steps
                .iter()
                .map(|step| Turn { at: stamp(step.at), says: step.words.clone(), note: None })
                .collect(),
        };
        Self {
            began: stamp(life.active_at),
            ended: life.reason_words.clone(),
            said: life
                .dispositions
                .iter()
                .map(|said| Turn {
                    at: stamp(said.at),
                    says: format!("{}, said by {}", said.words, said.by),
                    note: Some(said.note.clone()).filter(|note| !note.is_empty()),
                })
                .collect(),
            pages: life
                .pages
                .iter()
                .map(|page| Turn { at: stamp(page.opened_at), says: page_says(page), note: None })
                .collect(),
            turns: life
                .turns
                .iter()
                .map(|turn| Turn { at: stamp(turn.at), says: turn.words.clone(), note: turn.note.clone() })
                .collect(),
            messages: life.messages.iter().map(message).collect(),
        }
    }
}
