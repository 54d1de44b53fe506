//! The kind about visits: one that stays open far too long.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    finding::{Broken, Closing, Tells, Unjudged, Window},
    judge::Bench,
    rule::Rule,
    where_clause::State,
    word::Word,
};
use crate::{
    model::{Section, VisitId},
    source::fetched::{Read, Span},
};

/// How far around a check-in a read that is to settle it looks.
const AROUND: TimeDelta = TimeDelta::hours(25);

pub(super) fn word(bench: Bench<'_>, rule: &Rule, id: &VisitId, after: Duration, longest: Duration) -> Word {
    let mirror = bench.mirror;
    let Some(record) = mirror.visit_record(id) else { return Word::fine(Closing::Expired, None) };
    let visit = &record.visit;
    if let Some(check_out) = visit.check_out {
        return Word::fine(Closing::CheckedOut { at: mirror.instant(check_out) }, None);
    }
    let delta = |span| TimeDelta::from_std(span).unwrap_or(TimeDelta::MAX);
    let shift = record.shift.as_ref().and_then(|key| mirror.shift_record(key)).map(|record| &record.shift);
    let check_in = visit.check_in.and_then(|time| mirror.instant(time));
    let by_shift = shift.map(|shift| shift.end + delta(after));
    let by_length = check_in.map(|at| at + delta(longest));
    let Some(opens_at) = by_shift.into_iter().chain(by_length).min() else { return Word::default() };
    if bench.now < opens_at {
        return Word::fine(Closing::Recovered, Some(opens_at));
    }
    if let (Some(clause), Some(shift)) = (&rule.where_, shift)
        && !clause.picks(&State::of_shift(mirror, shift))
    {
        return Word::fine(Closing::RuleRemoved, None);
    }
    let max_age = bench.ruleset.max_data_age(rule);
    let at = record.read_at;
    if at < opens_at && bench.now - at > max_age {
        let from = check_in.or(shift.map(|shift| shift.key.start)).unwrap_or(opens_at);
        let wants = visit.client.clone().map(|client| Read::Visits {
            client: Some(client),
            span: Span { from: from - AROUND, until: from + AROUND },
            confirming: false,
        });
        return Word::unjudged(
            Unjudged {
                edge: opens_at.max(mirror.began_at()).max(record.first_seen_at),
                section: Section::Visits,
                wants,
            },
            None,
        );
    }
    let wake_at = (at < opens_at).then(|| at + max_age + TimeDelta::microseconds(1)).filter(|wake| *wake > bench.now);
    let location = visit.client.as_ref().map_or_else(String::new, |client| mirror.location_of(client));
    let broken = Broken {
        window: Window { opens_at, closes_at: None },
        evidence_at: at,
        deadline: None,
        starts_at: shift.map(|shift| shift.key.start).or(check_in),
        ends_at: shift.map(|shift| shift.end),
        location,
        subject_label: Some(("visit", id.to_string())),
        client: visit.client.clone(),
        tells: Tells::Runaway,
        annotations: Vec::new(),
        past_bad_rows: false,
    };
    Word::broken(broken, wake_at)
}
