//! Silences: what nobody is told of for a while, with Alertmanager's meaning. They belong to the installation.
//!
//! Given: the silences as they are stored, a wish, and an instant. Gives: whether one mutes an alert, when that can
//! next change, and what a wish changes, to be stored before anybody acts by it.
//! Does not: touch an alert. Silence is a verdict about telling; who was told that something fires is told that it is
//! over whatever is silenced.

use std::{collections::BTreeMap, sync::Arc};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{
    alert::Labels,
    matcher::{MatchOp, Matcher, MatcherError, write_condition},
};
use crate::model::Instant;

/// So long after its end a silence is still listed, as in Alertmanager.
pub const KEPT: TimeDelta = TimeDelta::hours(120);
/// A silence that ends when what it mutes is over ends after this in any case: what is broken for a week is forgotten.
pub const UNTIL_RESOLVED_MAX: TimeDelta = TimeDelta::days(7);
/// Its creator is reminded so long before its end, or a quarter of its length, whichever is less.
pub const REMIND_BEFORE_MAX: TimeDelta = TimeDelta::hours(1);

/// One condition of a silence, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceMatcher {
    /// The label.
    pub name: String,
    /// What it is held against.
    pub value: String,
    /// Whether `value` is a regular expression for the whole label.
    pub is_regex: bool,
    /// False turns the condition round.
    pub is_equal: bool,
}

/// Nobody is told of what its matchers match while it is active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// A version 4 UUID.
    pub id: String,
    /// All must match; at least one.
    pub matchers: Vec<SilenceMatcher>,
    /// When it begins.
    pub starts_at: Instant,
    /// When it ends; the end itself is no part of it.
    pub ends_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
    /// Who made it. No PHI.
    pub created_by: String,
    /// Why. No PHI.
    pub comment: String,
    /// It ends by itself once nothing that it matches fires any more, after something did.
    #[serde(default)]
    pub until_resolved: bool,
    /// Something that it matches has fired while it was active.
    #[serde(default)]
    pub has_matched: bool,
    /// Its creator was reminded of its end.
    #[serde(default)]
    pub reminded: bool,
}

/// Where a silence stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// It mutes.
    Active,
    /// It has not begun.
    Pending,
    /// It has ended.
    Expired,
}

impl SilenceState {
    /// Every state, in the order of lists.
    pub const ALL: [Self; 3] = [Self::Active, Self::Pending, Self::Expired];

    /// As Alertmanager writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

/// What somebody wants: a new silence, or another form of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which one is edited; `None` = a new one.
    pub id: Option<String>,
    /// What it matches.
    pub matchers: Vec<SilenceMatcher>,
    /// From when; what is past counts as now.
    pub starts_at: Instant,
    /// Until when.
    pub ends_at: Instant,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Whether it ends by itself; `None` = as the edited one, else no.
    pub until_resolved: Option<bool>,
}

/// Why a wish is not granted. The words are Alertmanager's, because its clients show them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishFault {
    /// It makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// There is no silence with its id.
    #[error("silence not found")]
    NotFound,
}

/// What a wish changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The silence that the wish became.
    pub id: String,
    /// What is to be stored.
    pub changed: Vec<Silence>,
}

/// A silence with its matchers ready to match.
#[derive(Debug)]
struct Ready {
    silence: Silence,
    matchers: Vec<Matcher>,
}

impl Ready {
    fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels))
    }
}

/// All silences of the installation: one value, shared by every agency's step and replaced as a whole.
#[derive(Debug, Default)]
pub struct Silences {
    all: BTreeMap<String, Arc<Ready>>,
    version: u64,
}

/// The silences that are active at one instant, by id.
#[derive(Debug)]
pub struct Active<'a>(Vec<&'a Ready>);

impl<'a> Active<'a> {
    /// The ids of those that mute an alert with these labels.
    #[must_use]
    pub fn muting(&self, labels: &Labels) -> Vec<&'a str> {
        self.0.iter().filter(|one| one.matches(labels)).map(|one| one.silence.id.as_str()).collect()
    }
}

impl SilenceMatcher {
    /// The condition, ready to match. `Err` says what is wrong in Alertmanager's words.
    pub fn ready(&self) -> Result<Matcher, String> {
        let name = self.name.as_str();
        if name.is_empty() {
            return Err(format!("invalid label name {name:?}"));
        }
        let op = match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal(self.value.clone()),
            (false, false) => MatchOp::NotEqual(self.value.clone()),
            (true, _) => match (Matcher::regex(name, &self.value), self.is_equal) {
                (Ok(Matcher { op: MatchOp::Regex(regex), .. }), false) => MatchOp::NotRegex(regex),
                (Ok(matcher), _) => matcher.op,
                (Err(fault), _) => {
                    let what = if let MatcherError::Regex { what, .. } = fault { what } else { fault.to_string() };
                    let value = &self.value;
                    return Err(format!(
                        "invalid regular expression {value:?}: error parsing regexp: {what}: `{value}`"
                    ));
                }
            },
        };
        Ok(Matcher { name: name.to_owned(), op })
    }
}

impl std::fmt::Display for SilenceMatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (true, true) => "=~",
            (false, false) => "!=",
            (false, true) => "!~",
        };
        write_condition(f, &self.name, sign, &self.value)
    }
}

impl From<&Matcher> for SilenceMatcher {
    fn from(matcher: &Matcher) -> Self {
        let (is_regex, is_equal) = match &matcher.op {
            MatchOp::Equal(_) => (false, true),
            MatchOp::NotEqual(_) => (false, false),
            MatchOp::Regex(_) => (true, true),
            MatchOp::NotRegex(_) => (true, false),
        };
        Self { name: matcher.name.clone(), value: matcher.op.value().to_owned(), is_regex, is_equal }
    }
}

impl Silence {
    /// Where it stands at `now`.
    #[must_use]
    pub fn state(&self, now: Instant) -> SilenceState {
        if now >= self.ends_at {
            SilenceState::Expired
        } else if now < self.starts_at {
            SilenceState::Pending
        } else {
            SilenceState::Active
        }
    }

    /// When its creator is reminded that it ends.
    #[must_use]
    pub fn remind_at(&self) -> Instant {
        self.ends_at - ((self.ends_at - self.starts_at) / 4).min(REMIND_BEFORE_MAX)
    }

    /// Its matchers as a person writes them.
    #[must_use]
    pub fn written(&self) -> String {
        self.matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    /// It as it is once it was ended at `now`; `None` when it is over already.
    #[must_use]
    pub fn expired(&self, now: Instant) -> Option<Self> {
        let ended = Self { ends_at: now, updated_at: now, ..self.clone() };
        match self.state(now) {
            SilenceState::Expired => None,
            SilenceState::Active => Some(ended),
            SilenceState::Pending => Some(Self { starts_at: now, ..ended }),
        }
    }

    /// Whether it can become `wish` without changing what it was in the past.
    fn can_become(&self, wish: &Wish, now: Instant) -> bool {
        self.matchers == wish.matchers
            && match self.state(now) {
                // Clients hand back the whole second or millisecond that they were shown.
                SilenceState::Active => wish.starts_at.timestamp() == self.starts_at.timestamp() && wish.ends_at >= now,
                SilenceState::Pending => wish.starts_at >= now,
                SilenceState::Expired => false,
            }
    }
}

/// The matchers, ready to match; `Err` says in Alertmanager's words why no silence can have them.
pub fn ready(matchers: &[SilenceMatcher]) -> Result<Vec<Matcher>, String> {
    if matchers.is_empty() {
        return Err("silence invalid: at least one matcher required".to_owned());
    }
    let nothing = Labels::new();
    let mut found = Vec::with_capacity(matchers.len());
    let mut all_match_empty = true;
    for (n, one) in matchers.iter().enumerate() {
        let matcher = one.ready().map_err(|why| format!("silence invalid: invalid label matcher {n}: {why}"))?;
        all_match_empty &= one.is_equal && matcher.matches(&nothing);
        found.push(matcher);
    }
    if all_match_empty {
        return Err("silence invalid: at least one matcher must not match the empty string".to_owned());
    }
    Ok(found)
}

impl Silences {
    /// The stored ones. One that cannot be read any more mutes nothing; gives the ids of those.
    #[must_use]
    pub fn restore(stored: Vec<Silence>) -> (Self, Vec<String>) {
        let mut unreadable = Vec::new();
        let mut all = BTreeMap::new();
        for silence in stored {
            match ready(&silence.matchers) {
                Ok(matchers) => drop(all.insert(silence.id.clone(), Arc::new(Ready { silence, matchers }))),
                Err(_) => unreadable.push(silence.id),
            }
        }
        (Self { all, version: 1 }, unreadable)
    }

    /// These silences with stored changes.
    #[must_use]
    pub fn with(&self, changed: Vec<Silence>, gone: &[String]) -> Self {
        let mut all = self.all.clone();
        for id in gone {
            all.remove(id);
        }
        let (new, _) = Self::restore(changed);
        all.extend(new.all);
        Self { all, version: self.version + 1 }
    }

    /// Grows with every change: whoever has seen a version has seen everything up to it.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Every silence, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.all.values().map(|one| &one.silence)
    }

    /// True when there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// One silence.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Silence> {
        self.all.get(id).map(|one| &one.silence)
    }

    /// Those that are active at `now`: for one look at many alerts.
    #[must_use]
    pub fn active(&self, now: Instant) -> Active<'_> {
        let active = self.all.values().filter(|one| one.silence.state(now) == SilenceState::Active);
        Active(active.map(AsRef::as_ref).collect())
    }

    /// Every silence that mutes an alert with these labels at `now`, by id.
    pub fn muting<'a>(&'a self, labels: &'a Labels, now: Instant) -> impl Iterator<Item = &'a Silence> {
        let active = self.all.values().filter(move |one| one.silence.state(now) == SilenceState::Active);
        active.filter(|one| one.matches(labels)).map(|one| &one.silence)
    }

    /// A silence that mutes an alert with these labels at `now`.
    #[must_use]
    pub fn mutes<'a>(&'a self, labels: &'a Labels, now: Instant) -> Option<&'a Silence> {
        self.muting(labels, now).next()
    }

    /// Whether the silence with this id matches these labels, whenever.
    #[must_use]
    pub fn matches(&self, id: &str, labels: &Labels) -> bool {
        self.all.get(id).is_some_and(|one| one.matches(labels))
    }

    /// When the last silence ended that muted an alert with these labels after `since`; `None` while one still does, and
    /// when none did.
    #[must_use]
    pub fn ended(&self, labels: &Labels, since: Instant, now: Instant) -> Option<Instant> {
        let mut last = None;
        for one in self.all.values() {
            let Silence { starts_at, ends_at, .. } = one.silence;
            if starts_at >= ends_at || starts_at > now || ends_at <= since || !one.matches(labels) {
                continue;
            }
            if ends_at > now {
                return None;
            }
            last = last.max(Some(ends_at));
        }
        last
    }

    /// The next instant after `now` at which a silence begins or ends.
    #[must_use]
    pub fn next_change(&self, now: Instant) -> Option<Instant> {
        self.iter().flat_map(|one| [one.starts_at, one.ends_at]).filter(|at| *at > now).min()
    }

    /// Silences that ended so long ago that nobody asks for them.
    #[must_use]
    pub fn forgotten(&self, now: Instant) -> Vec<String> {
        self.iter().filter(|one| one.ends_at + KEPT <= now).map(|one| one.id.clone()).collect()
    }

    /// Silences as lists show them: active ones by their end, pending ones by their beginning, then the expired ones,
    /// the latest first.
    #[must_use]
    pub fn listed(&self, now: Instant) -> Vec<&Silence> {
        let mut found: Vec<&Silence> = self.iter().collect();
        found.sort_by_cached_key(|one| {
            let state = one.state(now);
            let at = match state {
                SilenceState::Active => one.ends_at.timestamp_micros(),
                SilenceState::Pending => one.starts_at.timestamp_micros(),
                SilenceState::Expired => -one.ends_at.timestamp_micros(),
            };
            (state, at, one.id.clone())
        });
        found
    }

    /// How many stand in each state, in the order of [`SilenceState::ALL`].
    #[must_use]
    pub fn counts(&self, now: Instant) -> [u64; 3] {
        let mut counts = [0; 3];
        for one in self.iter() {
            counts[one.state(now) as usize] += 1;
        }
        counts
    }

    /// What a wish changes. `fresh` is the id of a silence that does not exist yet, should one be needed.
    ///
    /// # Errors
    /// The wish makes no sense, or edits a silence that is not there.
    pub fn grant(&self, wish: Wish, fresh: String, now: Instant) -> Result<Granted, WishFault> {
        if wish.starts_at >= wish.ends_at {
            let why = "Failed to create silence: start time must be before end time";
            return Err(WishFault::Invalid(why.to_owned()));
        }
        if wish.ends_at < now {
            let why = "Failed to create silence: end time can't be in the past";
            return Err(WishFault::Invalid(why.to_owned()));
        }
        let before = match &wish.id {
            Some(id) => Some(self.get(id).ok_or(WishFault::NotFound)?),
            None => None,
        };
        ready(&wish.matchers).map_err(WishFault::Invalid)?;
        let until_resolved = wish.until_resolved.unwrap_or_else(|| before.is_some_and(|before| before.until_resolved));
        let same = before.filter(|before| before.can_become(&wish, now));
        let starts_at = if same.is_some() { wish.starts_at } else { wish.starts_at.max(now) };
        let latest = if until_resolved { starts_at + UNTIL_RESOLVED_MAX } else { wish.ends_at };
        let silence = Silence {
            id: same.map_or(fresh, |same| same.id.clone()),
            starts_at: same
                .filter(|same| same.state(now) == SilenceState::Active)
                .map_or(starts_at, |same| same.starts_at),
            ends_at: wish.ends_at.min(latest),
            updated_at: now,
            created_by: wish.created_by,
            comment: wish.comment,
            until_resolved,
            has_matched: same.is_some_and(|same| same.has_matched),
            reminded: false,
            matchers: wish.matchers,
        };
        let replaced = before.filter(|_| same.is_none()).and_then(|before| before.expired(now));
        let id = silence.id.clone();
        Ok(Granted { id, changed: replaced.into_iter().chain([silence]).collect() })
    }
}

/// Whether these matchers leave nobody who could be paged: whether there is an agency all of whose samples they match.
///
/// A sample is the labels of an alert that a loaded rule can make. Which of them count is the caller's choice; see
/// [`crate::rules::samples`].
#[must_use]
pub fn cover_everything<'a>(matchers: &[Matcher], samples: &'a BTreeMap<String, Vec<Labels>>) -> Option<&'a str> {
    let covers = |labels: &Labels| matchers.iter().all(|matcher| matcher.matches(labels));
    let covered = samples.iter().find(|(_, samples)| !samples.is_empty() && samples.iter().all(covers));
    covered.map(|(agency, _)| agency.as_str())
}

#[cfg(test)]
mod tests;
