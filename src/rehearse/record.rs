//! What a rehearsal came to: the lives of its alerts, what was told, and the line of time that shows both.

use chrono_tz::Tz;
use serde::Serialize;

use super::when::written;
use crate::{
    alerts::alert::{AlertKey, Labels},
    model::Instant,
    notify::message::Channel,
};

/// Everything that came of one test.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Alerts, in the order they began.
    pub lives: Vec<LifeLine>,
    /// Messages, as they were decided.
    pub told: Vec<Told>,
    /// All of it in order, for people.
    pub line: Vec<Entry>,
}

/// One life of an alert.
#[derive(Debug, Clone)]
pub struct LifeLine {
    /// Which alert.
    pub key: AlertKey,
    /// Its labels.
    pub labels: Labels,
    /// The test's own name of what it is about; empty for an agency.
    pub of: String,
    /// Its states, each since when.
    pub turns: Vec<Turn>,
}

/// A new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: Instant,
    /// `pending`, `firing`, `acknowledged`, `resolved`.
    pub state: String,
    /// Why; the closing's word for `resolved`.
    pub reason: String,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Told {
    /// When.
    pub at: Instant,
    /// The receiver's name; `people` for notices to people.
    pub receiver: String,
    /// The person's name, or the place in the receiver.
    pub recipient: String,
    /// By which way.
    pub channel: Channel,
    /// All of its words.
    pub text: String,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When.
    pub at: Instant,
    /// What kind of thing.
    pub kind: Kind,
    /// In words.
    pub text: String,
}

/// Kinds of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The test says that it happens.
    Happens,
    /// An alert's new state.
    Alert,
    /// A message.
    Told,
    /// Why nobody is told.
    Quiet,
}

impl LifeLine {
    /// The alert's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// Its states inside `[from, until)`.
    pub fn during(&self, from: Instant, until: Instant) -> impl Iterator<Item = &Turn> {
        let ends = self.turns.iter().skip(1).map(|turn| turn.at).chain([Instant::MAX_UTC]);
        self.turns
            .iter()
            .zip(ends)
            .filter(move |(turn, end)| turn.at < until && *end > from && turn.at < *end)
            .map(|(turn, _)| turn)
    }

    /// `MissedCheckIn (band 15m) of morning`.
    #[must_use]
    pub fn title(&self) -> String {
        let band = self.labels.get("band").map(|band| format!(" (band {band})")).unwrap_or_default();
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", self.of) };
        format!("{}{band}{of}", self.name())
    }

    /// `firing since Tue 07:15, resolved (arrived) Tue 07:31`.
    #[must_use]
    pub fn story(&self, zone: Tz) -> String {
        let turns: Vec<String> =
            self.turns.iter().map(|turn| format!("{} {}", turn.words(), written(turn.at, zone))).collect();
        format!("{}: {}", self.title(), turns.join(", "))
    }
}

impl Turn {
    /// `resolved (arrived)`.
    #[must_use]
    pub fn words(&self) -> String {
        if self.reason.is_empty() { self.state.clone() } else { format!("{} ({})", self.state, self.reason) }
    }
}

impl Told {
    /// `on-call by sms: CCA: …`; a long text is cut where a line ends.
    #[must_use]
    pub fn words(&self) -> String {
        let who = if self.receiver == crate::alerts::notice::PEOPLE { &self.recipient } else { &self.receiver };
        format!("{who} by {}: {}", self.channel, self.text.lines().next().unwrap_or_default())
    }
}

/// The line of time as text, one line an entry.
#[must_use]
pub fn line_text(line: &[Entry], zone: Tz) -> String {
    line.iter()
        .map(|entry| {
            let kind = match entry.kind {
                Kind::Happens => "happens",
                Kind::Alert => "alert  ",
                Kind::Told => "told   ",
                Kind::Quiet => "quiet  ",
            };
            format!("    {:<12} {kind}  {}\n", written(entry.at, zone), entry.text)
        })
        .collect()
}
