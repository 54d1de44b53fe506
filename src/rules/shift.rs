//! The kinds about shifts: no caregiver, no check-in, no check-out.
//!
//! Each is a window over the shift's present state and the evidence it needs. A window that opens on an absence needs
//! a read begun after it opened, or at most `max_data_age` before now; otherwise the pair is unjudged.

use chrono::TimeDelta;

use super::{
    finding::{Broken, Closing, Tells, Unjudged, Window},
    judge::Bench,
    rule::{Kind, Rule},
    where_clause::State,
    word::Word,
};
use crate::{
    mirror::{
        Mirror,
        record::{Gone, ShiftRecord},
    },
    model::{Instant, Section, ShiftKey},
    source::fetched::{Read, Span},
};

/// How far around a shift a read that is to settle it looks.
const AROUND: TimeDelta = TimeDelta::hours(25);
/// How long after the planned end a missing check-out is still looked for.
const CHECK_OUT_LOOKED_FOR: TimeDelta = TimeDelta::hours(48);

/// The window in which this rule can be broken for a shift at all, whatever its state: edges for the planner and for
/// freshness.
#[must_use]
pub fn window(kind: &Kind, start: Instant, end: Instant) -> Option<Window> {
    let delta = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
    Some(match kind {
        Kind::UncoveredShift { within, .. } => Window { opens_at: start - delta(*within), closes_at: Some(end) },
        Kind::MissedCheckIn { after } | Kind::NoShow { after } => {
            Window { opens_at: start + delta(*after), closes_at: Some(end) }
        }
        Kind::MissedCheckOut { after } => {
            Window { opens_at: end + delta(*after), closes_at: Some(end + delta(*after) + CHECK_OUT_LOOKED_FOR) }
        }
        _ => return None,
    })
}

pub(super) fn word(bench: Bench<'_>, rule: &Rule, key: &ShiftKey, open: bool) -> Word {
    let mirror = bench.mirror;
    let Some(record) = mirror.shift_record(key) else { return Word::fine(Closing::Expired, None) };
    match record.gone {
        Some(Gone::Moved { to }) => return Word::fine(Closing::Moved { to }, None),
        Some(Gone::Removed) => return Word::fine(Closing::Removed, None),
        None => {}
    }
    if record.shift.is_cancelled() {
        return Word::fine(Closing::Cancelled, None);
    }
    let Some(window) = window(&rule.kind, record.shift.start(), record.shift.end) else { return Word::default() };
    let now = bench.now;
    if now < window.opens_at {
        // An alert that is open before its window opens: the shift's times were changed in place.
        return Word::fine(Closing::Recovered, Some(window.opens_at));
    }
    let answer = answer(mirror, rule, record);
    if window.closes_at.is_some_and(|closes_at| closes_at <= now)
        || window.closes_at.is_some_and(|closes_at| closes_at <= window.opens_at)
    {
        return match answer {
            Answer::Fine(closing) => Word::fine(closing, None),
            Answer::Broken | Answer::NotOurs => Word::fine(Closing::Expired, None),
        };
    }
    if rule.where_.as_ref().is_some_and(|clause| !clause.picks(&State::of_shift(mirror, &record.shift))) {
        return Word::fine(Closing::RuleRemoved, window.closes_at);
    }
    let evidence = evidence(mirror, rule, record);
    let max_age = bench.ruleset.max_data_age(rule);
    let fresh = evidence.at.is_some_and(|at| at >= window.opens_at || now - at <= max_age);
    // Evidence from before the window opened is good until it is too old.
    let stale_at = evidence.at.filter(|at| *at < window.opens_at).map(|at| at + max_age + TimeDelta::microseconds(1));
    let wake_at = window.closes_at.into_iter().chain(stale_at.filter(|at| *at > now)).min();
    match answer {
        // What was read counts, however old the rest is: an open alert closes on it.
        Answer::Fine(closing) if open || fresh => Word::fine(closing, wake_at),
        Answer::NotOurs if fresh || open => Word::fine(Closing::RuleRemoved, wake_at),
        _ if !fresh => {
            // Nobody could look before the watch began or before the row was there.
            let edge = window.opens_at.max(mirror.began_at()).max(record.first_seen_at);
            let because = Unjudged { edge, section: evidence.section, wants: Some(evidence.wants) };
            Word::unjudged(because, window.closes_at)
        }
        Answer::Broken => {
            Word::broken(broken(mirror, rule, record, window, evidence.at.unwrap_or(window.opens_at)), wake_at)
        }
        Answer::Fine(_) | Answer::NotOurs => Word { verdict: None, wake_at },
    }
}

/// What the rows say, leaving aside how old they are.
enum Answer {
    Broken,
    Fine(Closing),
    /// Another kind speaks for this shift.
    NotOurs,
}

fn answer(mirror: &Mirror, rule: &Rule, record: &ShiftRecord) -> Answer {
    let shift = &record.shift;
    let key = &shift.key;
    match &rule.kind {
        Kind::UncoveredShift { .. } if shift.caregiver.is_some() => Answer::Fine(Closing::Covered),
        Kind::UncoveredShift { .. } => {
            // Nobody was assigned, and somebody went all the same.
            if mirror.visits_of(key).next().is_some() { Answer::Fine(arrived(mirror, record)) } else { Answer::Broken }
        }
        Kind::MissedCheckIn { .. } | Kind::NoShow { .. } => {
            if mirror.visits_of(key).next().is_some() {
                Answer::Fine(arrived(mirror, record))
            } else if shift.caregiver.is_none() {
                Answer::NotOurs
            } else {
                Answer::Broken
            }
        }
        Kind::MissedCheckOut { .. } => {
            if mirror.visits_of(key).next().is_none() {
                return Answer::NotOurs;
            }
            if mirror.visits_of(key).any(|visit| visit.visit.check_out.is_none()) {
                return Answer::Broken;
            }
            let at = mirror
                .visits_of(key)
                .filter_map(|visit| visit.visit.check_out)
                .filter_map(|time| mirror.instant(time))
                .max();
            Answer::Fine(Closing::CheckedOut { at })
        }
        _ => Answer::NotOurs,
    }
}

fn arrived(mirror: &Mirror, record: &ShiftRecord) -> Closing {
    let times = mirror.visits_of(&record.shift.key).filter_map(|visit| visit.visit.check_in);
    let at = times.filter_map(|time| mirror.instant(time)).min();
    Closing::Arrived { at, late: at.is_some_and(|at| at > record.shift.start()) }
}

struct Evidence {
    at: Option<Instant>,
    section: Section,
    wants: Read,
}

/// When the rows this rule stands on were read, and the read that would renew the oldest of them.
fn evidence(mirror: &Mirror, rule: &Rule, record: &ShiftRecord) -> Evidence {
    let key = &record.shift.key;
    let span = Span { from: key.start - AROUND, until: record.shift.end + AROUND };
    let shifts = || Evidence {
        at: Some(record.read_at),
        section: Section::Shifts,
        wants: Read::Shifts { client: key.client.clone(), span, confirming: false },
    };
    match rule.kind {
        Kind::MissedCheckIn { .. } | Kind::NoShow { .. } | Kind::MissedCheckOut { .. } => {
            let at = mirror.visits_evidence(&key.client, key.start);
            let visits = || Evidence {
                at,
                section: Section::Visits,
                wants: Read::Visits { client: Some(key.client.clone()), span, confirming: false },
            };
            if at.is_none_or(|at| at <= record.read_at) { visits() } else { shifts() }
        }
        _ => shifts(),
    }
}

fn broken(mirror: &Mirror, rule: &Rule, record: &ShiftRecord, window: Window, evidence_at: Instant) -> Broken {
    let shift = &record.shift;
    let key = &shift.key;
    let tells = match rule.kind {
        Kind::UncoveredShift { .. } => Tells::Uncovered,
        Kind::MissedCheckOut { .. } => Tells::NoCheckOut,
        _ => Tells::NoCheckIn,
    };
    let deadline = match rule.kind {
        Kind::UncoveredShift { .. } if window.opens_at < shift.start() => Some(shift.start()),
        _ => window.closes_at,
    };
    let scopes = [format!("shifts of client {}", key.client), format!("visits of client {}", key.client)];
    Broken {
        window,
        evidence_at,
        deadline,
        starts_at: Some(shift.start()),
        ends_at: Some(shift.end),
        location: mirror.location_of(&key.client),
        subject_label: Some(("shift", key.label(mirror.is_shared(key)))),
        client: Some(key.client.clone()),
        tells,
        annotations: Vec::new(),
        past_bad_rows: scopes.iter().any(|scope| mirror.anomalies().has_set_aside(scope)),
    }
}
