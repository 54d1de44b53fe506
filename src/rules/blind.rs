//! The kinds about the watch itself: blindness, a source that makes no sense, and the sign of life.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    finding::{Broken, Closing, Tells, Window},
    judge::Bench,
    word::Word,
};
use crate::{
    mirror::Mirror,
    model::{Instant, Subject, local_time::from_micros},
};

/// How far ahead the text counts the shifts that start unwatched.
const AHEAD: TimeDelta = TimeDelta::hours(8);

pub(super) fn word(bench: Bench<'_>, after: Duration, idle: Duration) -> Word {
    let (mirror, now) = (bench.mirror, bench.now);
    let delta = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
    let edge = bench.ledger.earliest();
    let by_edge = edge.map(|edge| edge + delta(after));
    let read_at = mirror.last_read_at().unwrap_or(mirror.began_at());
    let by_idle = read_at + delta(idle);
    let opens_at = by_edge.map_or(by_idle, |by_edge| by_edge.min(by_idle));
    if now < opens_at {
        return Word::fine(Closing::Recovered, Some(opens_at));
    }
    let blind_to = bench.ledger.subjects_before(now - delta(after));
    let starts: Vec<Instant> = mirror
        .shift_records()
        .filter(|record| record.stands() && now < record.shift.start() && record.shift.start() <= now + AHEAD)
        .filter(|record| {
            let unjudged = blind_to.contains(&Subject::Shift(record.shift.key.clone()));
            unjudged || now - record.read_at > delta(after)
        })
        .map(|record| record.shift.start())
        .collect();
    let n_judged = mirror
        .shift_records()
        .filter(|record| record.stands() && record.shift.end > now && record.shift.start() <= now + AHEAD)
        .count();
    let n_blind = blind_to.iter().filter(|subject| matches!(subject, Subject::Shift(_))).count().max(starts.len());
    // What is not known is not known since the last time something was read, or since the edge if that came first.
    let since = match edge {
        Some(edge) if by_edge.is_some_and(|by_edge| by_edge <= by_idle) => edge.min(now),
        _ => read_at,
    };
    let sections: Vec<&str> = bench.ledger.sections().into_iter().map(crate::model::Section::as_str).collect();
    let cause = mirror.last_fault().map_or_else(|| "the reads are behind their plan".to_owned(), ToOwned::to_owned);
    let broken = Broken {
        window: Window { opens_at, closes_at: None },
        evidence_at: now,
        deadline: starts.iter().min().copied(),
        starts_at: None,
        ends_at: None,
        location: String::new(),
        subject_label: None,
        client: None,
        tells: Tells::Blind {
            since,
            n_shifts: u32::try_from(starts.len()).unwrap_or(u32::MAX),
            until: starts.iter().max().copied().unwrap_or(now + AHEAD),
        },
        annotations: vec![
            ("cause".into(), cause),
            ("sections".into(), if sections.is_empty() { "all".into() } else { sections.join(", ") }),
            ("unjudged".into(), format!("{n_blind} of {} shifts", n_judged.max(n_blind))),
        ],
        past_bad_rows: false,
    };
    Word::broken(broken, None)
}

pub(super) fn anomaly(mirror: &Mirror) -> Word {
    let Some(since) = mirror.anomalies().since() else { return Word::fine(Closing::Recovered, None) };
    Word::broken(plain(since, since, vec![("cause".into(), mirror.anomalies().words())]), None)
}

pub(super) fn watchdog(mirror: &Mirror) -> Word {
    Word::broken(plain(from_micros(0), mirror.began_at(), Vec::new()), None)
}

fn plain(opens_at: Instant, evidence_at: Instant, annotations: Vec<(String, String)>) -> Broken {
    Broken {
        window: Window { opens_at, closes_at: None },
        evidence_at,
        deadline: None,
        starts_at: None,
        ends_at: None,
        location: String::new(),
        subject_label: None,
        client: None,
        tells: Tells::Summary,
        annotations,
        past_bad_rows: false,
    }
}
