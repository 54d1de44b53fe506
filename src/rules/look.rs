//! One kind's view of one subject, without the time of day; and the verdict at an instant, which is the same for
//! every kind.

use chrono::TimeDelta;

use super::finding::{Closing, Tells, Window};
use crate::{
    mirror::Mirror,
    model::{CaregiverId, ClientId, Instant, Section, ShiftKey, Subject},
    source::fetched::Read,
};

/// What a kind says of a subject's present state.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// When the rule would be broken if the condition holds; `None` = never, as things stand.
    pub window: Option<Window>,
    /// Whether the condition holds.
    pub state: State,
    /// What the state rests on, two readings at most; none when it is final and needs no newer one.
    pub evidence: [Option<Evidence>; 2],
    /// When the evidence that the condition holds was read; see [`super::finding::Broken::evidence_at`].
    pub evidence_at: Option<Instant>,
    /// A further instant at which the particulars change: the deadline at a shift's start.
    pub edge: Option<Instant>,
}

/// Whether the condition holds.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// It does: inside its window the rule is broken.
    Bad,
    /// It does not, for this reason.
    Good(Closing),
    /// Nothing was read since this process began to watch that would tell, of this section. Outside the window nothing
    /// opens, and an alert that is open stays: it would be an all-clear from somebody who has not looked yet.
    Unsettled(Section),
}

/// A reading that a state rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// When it was read; `None` = never, or a newer reading contradicts it.
    pub at: Option<Instant>,
    /// Of what.
    pub section: Section,
    /// What would renew it.
    pub wants: Wants,
}

/// What would renew a reading about a subject. Which days of which client that are is worked out only when it is
/// wanted: see [`Wants::of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// The row of the shift, or of the one that a visit should belong to.
    Row,
    /// The visits around the shift.
    Visits,
    /// The visit's own row.
    Visit,
}

impl Wants {
    /// The read that brings it.
    #[must_use]
    pub fn of(self, subject: &Subject, mirror: &Mirror) -> Option<Read> {
        let span = |key: &ShiftKey| mirror.days_around(&key.client, key.start);
        let visits = |key: &ShiftKey| {
            let client = Some(key.client.clone());
            Read::Visits { client, span: span(key), confirming: false }
        };
        match (self, subject) {
            (Self::Row, Subject::Shift(key)) => {
                Some(Read::Shifts { client: key.client.clone(), span: span(key), confirming: false })
            }
            (Self::Visits | Self::Visit, Subject::Shift(key)) => Some(visits(key)),
            (Self::Row, Subject::Visit(id)) => {
                let entry = mirror.visit(id)?;
                let (client, at) = match &entry.shift {
                    Some(key) => (&key.client, key.start),
                    None => (entry.visit.client.as_ref()?, mirror.visit_instant(entry, entry.visit.check_in?)?),
                };
                let span = mirror.days_around(client, at);
                Some(Read::Shifts { client: client.clone(), span, confirming: false })
            }
            (_, Subject::Visit(id)) => {
                let shift = mirror.visit(id).and_then(|entry| entry.shift.as_ref());
                Some(shift.map_or_else(|| Read::Visit(id.clone()), visits))
            }
            _ => None,
        }
    }
}

/// The verdict at an instant, and the next instant at which it can be another.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The verdict.
    pub says: Says,
    /// `None` = not by time alone.
    pub next: Option<Instant>,
}

/// The verdict at an instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Says {
    /// Broken.
    Broken(Window),
    /// Not broken; what an open alert closes with.
    Fine(Closing),
    /// Not broken as far as is known, which is not far enough to close an alert.
    Held(Section),
    /// Inside the window, on evidence that is too old.
    Unjudged {
        /// The window's edge.
        edge: Instant,
        /// What is too old.
        section: Section,
        /// What would renew it.
        wants: Wants,
    },
}

impl Look {
    /// Never broken: what an open alert closes with.
    #[must_use]
    pub const fn never(closing: Closing) -> Self {
        Self { window: None, state: State::Good(closing), evidence: [None; 2], evidence_at: None, edge: None }
    }

    /// Never broken as things stand, but an open alert stays until something of `section` was read.
    #[must_use]
    pub const fn unsettled(section: Section) -> Self {
        Self { window: None, state: State::Unsettled(section), evidence: [None; 2], evidence_at: None, edge: None }
    }

    /// Broken inside `window` whatever is read next.
    #[must_use]
    pub const fn certain(window: Window, at: Instant) -> Self {
        Self { window: Some(window), state: State::Bad, evidence: [None; 2], evidence_at: Some(at), edge: None }
    }

    /// The verdict at `now`, when evidence may be `max_data_age` old.
    #[must_use]
    pub fn word(&self, max_data_age: TimeDelta, now: Instant) -> Word {
        let outside = |otherwise: Closing| match &self.state {
            State::Good(closing) => Says::Fine(closing.clone()),
            State::Bad => Says::Fine(otherwise),
            State::Unsettled(section) => Says::Held(*section),
        };
        let Some(window) = self.window else {
            return Word { says: outside(Closing::Recovered), next: None };
        };
        if now < window.opens_at {
            return Word { says: outside(Closing::Recovered), next: Some(window.opens_at) };
        }
        if window.closes_at.is_some_and(|at| at <= now) {
            return Word { says: outside(Closing::Expired), next: None };
        }
        let mut next = window.closes_at;
        let mut wake = |at: Instant| {
            if at > now {
                next = Some(next.map_or(at, |other: Instant| other.min(at)));
            }
        };
        let mut stale = None;
        for evidence in self.evidence.iter().flatten() {
            match evidence.at {
                Some(at) if at >= window.opens_at => {}
                // Read before the window opened: good until it is `max_data_age` old, and no instant longer.
                Some(at) if now < at + max_data_age => wake(at + max_data_age),
                _ => stale = stale.or(Some(evidence)),
            }
        }
        if let Some(evidence) = stale {
            let Evidence { section, wants, .. } = *evidence;
            return Word { says: Says::Unjudged { edge: window.opens_at, section, wants }, next };
        }
        if let Some(edge) = self.edge {
            wake(edge);
        }
        let says = match &self.state {
            State::Bad | State::Unsettled(_) => Says::Broken(window),
            State::Good(closing) => Says::Fine(closing.clone()),
        };
        Word { says, next }
    }
}

/// What an alert tells beside its window; asked for only when the rule is broken.
#[derive(Debug, Clone, PartialEq)]
pub struct Particulars {
    /// See [`super::finding::Broken`].
    pub deadline: Option<Instant>,
    /// See [`super::finding::Broken`].
    pub starts_at: Option<Instant>,
    /// See [`super::finding::Broken`].
    pub ends_at: Option<Instant>,
    /// See [`super::finding::Broken`].
    pub location: String,
    /// See [`super::finding::Broken`].
    pub subject_labels: Vec<(&'static str, String)>,
    /// See [`super::finding::Broken`].
    pub client: Option<ClientId>,
    /// See [`super::finding::Broken`].
    pub caregiver: Option<CaregiverId>,
    /// See [`super::finding::Broken`].
    pub tells: Tells,
    /// See [`super::finding::Broken`].
    pub annotations: Vec<(String, String)>,
    /// See [`super::finding::Broken`].
    pub past_bad_rows: bool,
    /// When the shift lost its caregiver, as far as anybody saw; only of shifts that nobody is on.
    pub lost_at: Option<Instant>,
}

impl Particulars {
    /// Of something that is neither a shift nor a visit.
    #[must_use]
    pub fn of(subject: &Subject, tells: Tells) -> Self {
        let subject_labels = match subject {
            Subject::Endpoint(endpoint) => vec![("endpoint", endpoint.to_string())],
            Subject::Section(section) => vec![("section", section.to_string())],
            Subject::Gateway(name) => vec![("gateway", name.clone())],
            Subject::Schedule(name) => vec![("schedule", name.clone())],
            Subject::Policy(name) => vec![("policy", name.clone())],
            Subject::Person(name) => vec![("person", name.to_string())],
            Subject::Client(id) => vec![("client", id.to_string())],
            Subject::Caregiver(id) => vec![("caregiver", id.to_string())],
            Subject::CaregiverWeek(id, week) => vec![("caregiver", id.to_string()), ("week", week.to_string())],
            Subject::Visit(id) => vec![("visit", id.to_string())],
            Subject::Shift(key) => vec![("shift", key.label(false))],
            Subject::ShiftPair(pair) => {
                vec![("shift", pair.1.label(false)), ("other_shift", pair.0.label(false))]
            }
            Subject::Agency | Subject::Posted(_) => Vec::new(),
        };
        Self {
            deadline: None,
            starts_at: None,
            ends_at: None,
            location: String::new(),
            subject_labels,
            client: None,
            caregiver: None,
            tells,
            annotations: Vec::new(),
            past_bad_rows: false,
            lost_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::local_time::from_micros;

    fn at(s: i64) -> Instant {
        from_micros(s * 1_000_000)
    }

    fn look(evidence_at: Option<i64>, state: State) -> Look {
        Look {
            window: Some(Window { opens_at: at(100), closes_at: Some(at(200)) }),
            state,
            evidence: [Some(Evidence { at: evidence_at.map(at), section: Section::Shifts, wants: Wants::Row }), None],
            evidence_at: evidence_at.map(at),
            edge: Some(at(150)),
        }
    }

    #[test]
    fn boundaries_and_both_neighbours() {
        use State::{Bad, Good};
        let covered = || Good(Closing::Covered);
        let cases = [
            ("one before it opens", Some(120), Bad, 99, "fine recovered", Some(100)),
            ("as it opens", Some(100), Bad, 100, "broken", Some(150)),
            ("one after", Some(100), Bad, 101, "broken", Some(150)),
            ("past the inner edge", Some(100), Bad, 150, "broken", Some(200)),
            ("one before it closes", Some(100), Bad, 199, "broken", Some(200)),
            ("as it closes", Some(100), Bad, 200, "fine expired", None),
            ("closed, and it was well", Some(100), covered(), 200, "fine covered", None),
            ("evidence from before, young enough", Some(95), Bad, 100, "broken", Some(105)),
            ("evidence from before, one before its age", Some(95), Bad, 104, "broken", Some(105)),
            ("evidence from before, at its age", Some(95), Bad, 105, "unjudged", Some(200)),
            ("the same when it showed no trouble", Some(95), covered(), 105, "unjudged", Some(200)),
            ("evidence from the opening never ages", Some(100), covered(), 190, "fine covered", Some(200)),
            ("unsettled, not yet open", Some(100), State::Unsettled(Section::Shifts), 99, "held", Some(100)),
            ("unsettled, but open", Some(100), State::Unsettled(Section::Shifts), 100, "broken", Some(150)),
            ("never read", None, covered(), 100, "unjudged", Some(200)),
            ("never read, not yet open", None, Bad, 50, "fine recovered", Some(100)),
            ("never read, already over", None, Bad, 250, "fine expired", None),
        ];
        for (what, evidence_at, state, now, expected, next) in cases {
            let word = look(evidence_at, state).word(TimeDelta::seconds(10), at(now));
            let says = match &word.says {
                Says::Broken(_) => "broken".to_owned(),
                Says::Fine(closing) => format!("fine {}", closing.as_str()),
                Says::Unjudged { .. } => "unjudged".to_owned(),
                Says::Held(_) => "held".to_owned(),
            };
            assert_eq!(says, expected, "{what}");
            assert_eq!(word.next, next.map(at), "{what}");
        }
    }
}
