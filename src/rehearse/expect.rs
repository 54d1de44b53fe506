//! What a test expects, and whether it came so.
//!
//! An expectation holds over a stretch of time: that of `Tue 07:15` is the minute that begins then. What should be is met
//! when it is so at some moment of the stretch, what should not be when it is so at none.

use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{
    alert_pick::AlertPick,
    names::Names,
    record::{LifeLine, Record, Told},
    sentence::{fit, quoted},
    when::{Calendar, Wrong, halves, written},
};
use crate::{config::tree::Place, model::Instant, notify::message::Channel};

/// One expectation.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Where it stands in the file.
    pub place: Place,
    /// As it was written, with its time.
    pub text: String,
    /// Included.
    pub from: Instant,
    /// Excluded.
    pub until: Instant,
    /// What.
    pub what: Expected,
}

/// What can be expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Of an alert.
    Alert(AlertPick, Is),
    /// No alert is pending, firing or owned.
    NoAlerts,
    /// Somebody is told something.
    Told(Telling),
    /// This receiver or person is told nothing.
    ToldNothing(String),
    /// Nobody is told anything.
    NobodyTold,
    /// Nobody is told anything but what other expectations say.
    NobodyElseTold,
}

/// What is to be true of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Is {
    /// It waits for its `for`.
    Pending,
    /// It fires, whether somebody owns it or not.
    Firing,
    /// The same all the time.
    FiringThroughout,
    /// Somebody owns it.
    Acknowledged,
    /// It is over, perhaps for this reason.
    Closed(Option<String>),
    /// It does not fire, nor wait for it.
    NotFiring,
}

/// A message that is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telling {
    /// The receiver or person.
    pub to: String,
    /// By which way; `None` = any.
    pub by: Option<Channel>,
    /// Words it contains.
    pub says: Vec<String>,
    /// Words it does not contain.
    pub not_says: Vec<String>,
    /// All of its words.
    pub text: Option<String>,
    /// How often exactly; `None` = at least once.
    pub times: Option<usize>,
}

/// Every sentence that is known, as an error shows them.
const KNOWN: &str = "ALERT of SHIFT fires; … does not fire; … keeps firing; … is pending; … is acknowledged; … is closed, \
                     covered; no alerts; RECEIVER is told by sms \"WORDS\"; … is told nothing; nobody is told; nobody else \
                     is told";
const REASONS: [&str; 10] = [
    "covered",
    "arrived",
    "checked_out",
    "cancelled",
    "moved",
    "removed",
    "client_inactive",
    "recovered",
    "rule_removed",
    "expired",
];

/// Reads a stretch of time: `Tue 07:15`, `Tue 07:15 to 07:30`, `until Tue 07:15`, `by Tue 07:15`, `after Tue 07:15`.
/// `bounds` are the test's own; `None` for an end that is not known yet.
pub fn stretch(text: &str, calendar: Calendar, begins: Instant) -> Result<(Instant, Option<Instant>), Wrong> {
    if let Some(text) = text.strip_prefix("until ") {
        return Ok((begins, Some(calendar.moment(text)?.at)));
    }
    if let Some(text) = text.strip_prefix("by ") {
        let moment = calendar.moment(text)?;
        return Ok((begins, Some(moment.at + moment.lasts)));
    }
    if let Some(text) = text.strip_prefix("after ") {
        return Ok((calendar.moment(text)?.at, None));
    }
    if text == "always" {
        return Ok((begins, None));
    }
    if halves(text).is_some() {
        let (from, until) = calendar.span(text)?;
        return Ok((from.at, Some(until.at + until.lasts)));
    }
    let moment = calendar.moment(text)?;
    Ok((moment.at, Some(moment.at + moment.lasts)))
}

/// Reads one sentence.
pub fn read(text: &str, names: &Names) -> Result<Expected, Wrong> {
    let alert = |head: &str, is: Is| Ok(Expected::Alert(AlertPick::read(head, names)?, is));
    match text.trim() {
        "no alerts" => return Ok(Expected::NoAlerts),
        "nobody is told" => return Ok(Expected::NobodyTold),
        "nobody else is told" => return Ok(Expected::NobodyElseTold),
        _ => {}
    }
    if let Some([to]) = fit("{} is told nothing", text) {
        return Ok(Expected::ToldNothing(names.told(to)?));
    }
    if let Some([to, rest]) = fit("{} is told {}", text) {
        let says = quoted(rest);
        let by = rest.split('"').next().unwrap_or_default().trim();
        let by = match by.strip_prefix("by ") {
            Some(way) => Some(channel(way.trim())?),
            None if by.is_empty() => None,
            None => return Err((format!("\"{by}\" is not understood"), "write: is told by sms \"WORDS\"".to_owned())),
        };
        return Ok(Expected::Told(Telling { to: names.told(to)?, by, says, ..Telling::default() }));
    }
    if let Some([head]) = fit("{} does not fire", text) {
        return alert(head, Is::NotFiring);
    }
    if let Some([head]) = fit("{} keeps firing", text) {
        return alert(head, Is::FiringThroughout);
    }
    if let Some([head]) = fit("{} fires", text) {
        return alert(head, Is::Firing);
    }
    if let Some([head, why]) = fit("{} is closed, {}", text) {
        return alert(head, Is::Closed(Some(reason(why)?)));
    }
    if let Some([head, state]) = fit("{} is {}", text) {
        return alert(head, state_of(state)?);
    }
    Err((format!("\"{text}\" is nothing that can be expected"), format!("write one of: {KNOWN}")))
}

/// A state by its name.
pub fn state_of(state: &str) -> Result<Is, Wrong> {
    Ok(match state {
        "pending" => Is::Pending,
        "firing" => Is::Firing,
        "acknowledged" => Is::Acknowledged,
        "closed" => Is::Closed(None),
        "not firing" => Is::NotFiring,
        other => {
            let instead = "write firing, pending, acknowledged, closed or not firing";
            return Err((format!("no alert is \"{other}\""), instead.to_owned()));
        }
    })
}

/// Why an alert closes, in words or as its annotation has it.
pub fn reason(text: &str) -> Result<String, Wrong> {
    let word = text.trim().replace(' ', "_");
    if REASONS.contains(&word.as_str()) {
        return Ok(word);
    }
    Err((format!("no alert is closed as \"{text}\""), format!("write one of: {}", REASONS.join(", "))))
}

/// A way by its name.
pub fn channel(text: &str) -> Result<Channel, Wrong> {
    Channel::ALL.into_iter().find(|channel| channel.as_str() == text).ok_or_else(|| {
        (format!("nobody is told by \"{text}\""), "write sms, call, email, webhook or record".to_owned())
    })
}

impl Expectation {
    /// Whether it came so; else what came instead. `all` are the test's expectations.
    pub fn check(&self, record: &Record, all: &[Self], zone: Tz) -> Result<(), String> {
        let told: Vec<&Told> = record.told.iter().filter(|told| self.from <= told.at && told.at < self.until).collect();
        let none_of = |told: Vec<&Told>| if told.is_empty() { Ok(()) } else { Err(list(&told, zone)) };
        match &self.what {
            Expected::Alert(pick, is) => self.check_alert(pick, is, record, zone),
            Expected::NoAlerts => {
                let open: Vec<String> = record
                    .lives
                    .iter()
                    .filter(|life| life.during(self.from, self.until).any(|turn| turn.state != "resolved"))
                    .map(|life| life.story(zone))
                    .collect();
                if open.is_empty() { Ok(()) } else { Err(open.join("; ")) }
            }
            Expected::NobodyTold => none_of(told),
            Expected::ToldNothing(to) => none_of(told.into_iter().filter(|told| is_to(told, to)).collect()),
            Expected::NobodyElseTold => {
                none_of(told.into_iter().filter(|told| !all.iter().any(|other| other.expects(told))).collect())
            }
            Expected::Told(telling) => {
                let n = told.iter().filter(|told| telling.fits(told)).count();
                if telling.times.map_or(n > 0, |times| n == times) {
                    return Ok(());
                }
                let near: Vec<&Told> = told.iter().copied().filter(|told| is_to(told, &telling.to)).collect();
                Err(match (near.is_empty(), told.is_empty()) {
                    (false, _) => list(&near, zone),
                    (true, false) => format!("{} was told nothing then, but: {}", telling.to, list(&told, zone)),
                    (true, true) => "nobody was told anything then".to_owned(),
                })
            }
        }
    }

    /// Whether this expectation speaks of that message.
    fn expects(&self, told: &Told) -> bool {
        let Expected::Told(telling) = &self.what else { return false };
        self.from <= told.at && told.at < self.until && telling.fits(told)
    }

    fn check_alert(&self, pick: &AlertPick, is: &Is, record: &Record, zone: Tz) -> Result<(), String> {
        let picked: Vec<&LifeLine> = record.lives.iter().filter(|life| pick.picks(life)).collect();
        let fires = |state: &str| matches!(state, "firing" | "acknowledged");
        let some = |fits: &dyn Fn(&str, &str) -> bool| {
            picked.iter().any(|life| life.during(self.from, self.until).any(|turn| fits(&turn.state, &turn.reason)))
        };
        let came = match is {
            Is::Pending => some(&|state, _| state == "pending"),
            Is::Firing => some(&|state, _| fires(state)),
            Is::Acknowledged => some(&|state, _| state == "acknowledged"),
            Is::Closed(why) => {
                some(&|state, reason| state == "resolved" && why.as_ref().is_none_or(|why| why == reason))
            }
            Is::NotFiring => !some(&|state, _| state != "resolved"),
            Is::FiringThroughout => picked.iter().any(|life| {
                let fired = |turn: &&super::record::Turn| fires(&turn.state);
                let mut during = life.during(self.from, self.until).peekable();
                during.peek().is_some_and(|first| first.at <= self.from) && during.all(|turn| fired(&turn))
            }),
        };
        if came {
            return Ok(());
        }
        let mut seen = picked;
        if seen.is_empty() {
            seen = record.lives.iter().filter(|life| life.name() == pick.name).collect();
        }
        if seen.is_empty() {
            return Err(format!("{} never opened", pick.name));
        }
        Err(seen.iter().map(|life| life.story(zone)).collect::<Vec<_>>().join("; "))
    }
}

impl Telling {
    fn fits(&self, told: &Told) -> bool {
        is_to(told, &self.to)
            && self.by.is_none_or(|by| by == told.channel)
            && self.says.iter().all(|words| told.text.contains(words.as_str()))
            && !self.not_says.iter().any(|words| told.text.contains(words.as_str()))
            && self.text.as_ref().is_none_or(|text| text.trim() == told.text.trim())
    }
}

fn is_to(told: &Told, to: &str) -> bool {
    told.receiver == to || told.recipient == to
}

fn list(told: &[&Told], zone: Tz) -> String {
    told.iter().map(|told| format!("{} {}", written(told.at, zone), told.words())).collect::<Vec<_>>().join("; ")
}

/// How long after the last thing a test mentions it goes on.
pub const GOES_ON: TimeDelta = TimeDelta::minutes(1);
