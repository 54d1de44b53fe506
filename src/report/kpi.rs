//! The key figures of an office: how much of what was planned took place, how much is open, how soon gaps were filled.
//!
//! Given: shifts with their visits as plain values, what happened to shifts, how alerts went. Gives: [`AgencyKpis`], in all
//! and for each location. What nobody can know is `None`, never 0: a share of nothing, a time that is not understood, a
//! shift whose visits were not read since it ended. Does not: hold a name or an id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::{history::RuleHistory, on_call_log::shift_of, past_shifts::Edits, times::Times};
use crate::model::{CaregiverId, ClientId, Instant};

/// The longest span, days; what has left memory is read from the archive.
pub const DAYS_MAX: u32 = 92;
/// Over so many days continuity is counted, however short the span.
pub const CONTINUITY_DAYS: u32 = 30;
/// As it is usually asked.
pub const DAYS: u32 = 7;
/// Hours of a week beyond which they are overtime.
const WEEKLY_HOURS: TimeDelta = TimeDelta::hours(40);
/// A gap that was filled later than so long before the start was filled late.
const LATE_FILL: TimeDelta = TimeDelta::hours(4);
/// How far a check-in may lie from the start and still be on time.
const ON_TIME: [TimeDelta; 2] = [TimeDelta::minutes(7), TimeDelta::minutes(15)];
/// How far ahead open shifts are counted.
const AHEAD: [TimeDelta; 2] = [TimeDelta::hours(24), TimeDelta::hours(72)];

/// The answer of `GET /api/v1/kpis`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::Kpis)]
pub struct Kpis {
    /// When they were counted.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// How many days back.
    pub days: u32,
    /// Each agency.
    pub agencies: Vec<AgencyKpis>,
    /// How alerts went in that time, all agencies together, by rule.
    pub rules: Vec<RuleKpis>,
    /// How alerts went that somebody took, by who that was.
    #[serde(default)]
    pub people: Vec<PersonKpis>,
}

/// One agency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::AgencyKpis)]
pub struct AgencyKpis {
    /// Its name.
    pub agency: String,
    /// False while part of the schedule was not read: shares are of what is known.
    pub complete: bool,
    /// Whether the schedule as it stands was read lately: metrics show figures of no other. Not said outside.
    #[serde(skip)]
    pub is_current: bool,
    /// The start of the earliest shift of which it is known whether somebody came: figures reach no farther back.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub known_from: Option<Instant>,
    /// All locations together.
    pub all: Figures,
    /// By the `location` label.
    pub locations: BTreeMap<String, Figures>,
    /// Hours beyond forty of the present week, worked and planned, summed over caregivers.
    pub overtime_hours: Option<f64>,
    /// From a call-out to somebody else on the shift.
    pub time_to_fill: Times,
    /// The share of those filled that was filled less than four hours before the start.
    pub filled_late_ratio: Option<f64>,
    /// The share of visits whose times were seen to change after they were complete; `null` while no visit was read again.
    pub manual_edit_ratio: Option<f64>,
    /// What that share is of, and since when.
    #[serde(default)]
    pub manual_edits: Option<Edits>,
    /// How many exceptions wait for somebody, by kind.
    pub exceptions_waiting: BTreeMap<String, u64>,
    /// What became of reminders to caregivers; `null` while they are off and none was sent in the span.
    #[serde(default)]
    pub reminders: Option<Reminded>,
}

/// Reminders to caregivers. They are kept for 90 days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::Reminded)]
pub struct Reminded {
    /// Texts that were sent.
    pub n_sent: u64,
    /// Missed check-ins that came within ten minutes of the text about them.
    pub n_cleared: u64,
    /// Those that did not.
    pub n_not_cleared: u64,
    /// The share of missed check-ins that came so; `null` while of none it is known.
    pub cleared_ratio: Option<f64>,
}

impl Reminded {
    /// From the counts of a span.
    #[must_use]
    pub fn of(n_sent: u64, n_cleared: u64, n_not_cleared: u64) -> Self {
        let cleared_ratio = share(n_cleared, n_cleared + n_not_cleared);
        Self { n_sent, n_cleared, n_not_cleared, cleared_ratio }
    }
}

/// The figures of a place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::Figures)]
pub struct Figures {
    /// Shifts that ended in the span and were not cancelled.
    pub n_shifts: u64,
    /// Of how many of them nobody knows whether somebody came.
    pub n_unknown: u64,
    /// Of those of which it is known, the share to which somebody came; read `n_unknown` beside it.
    pub fill_ratio: Option<f64>,
    /// Of those of which it is known, the share to which nobody came; read `n_unknown` beside it.
    pub missed_ratio: Option<f64>,
    /// The share of known check-ins within 7 minutes of the start.
    pub on_time_7m_ratio: Option<f64>,
    /// The share of known check-ins within 15 minutes of the start.
    pub on_time_15m_ratio: Option<f64>,
    /// Hours planned of the shifts whose visits are known from beginning to end.
    pub scheduled_hours: Option<f64>,
    /// Hours worked on them.
    pub worked_hours: Option<f64>,
    /// Worked less planned.
    pub variance_hours: Option<f64>,
    /// Worked divided by planned.
    pub utilisation_ratio: Option<f64>,
    /// How many different caregivers a client had, on average over the clients; of the last 30 days, as far as is known.
    pub caregivers_per_client: Option<f64>,
    /// The share of the shifts of the next 24 hours that nobody is on.
    pub open_24h_ratio: Option<f64>,
    /// The share of the shifts of the next 72 hours that nobody is on.
    pub open_72h_ratio: Option<f64>,
    /// How many hours of care they are.
    pub at_risk_24h_hours: Option<f64>,
    /// How many hours of care they are.
    pub at_risk_72h_hours: Option<f64>,
}

/// How alerts went that one person took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::PersonKpis)]
pub struct PersonKpis {
    /// Who, as `people` names them or as they signed.
    pub person: String,
    /// How many they took.
    pub n_taken: u64,
    /// From firing to their taking it.
    pub acknowledge: Times,
    /// From firing to the end.
    pub resolve: Times,
}

/// How alerts of one name went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = kpi::RuleKpis)]
pub struct RuleKpis {
    /// The name.
    pub alertname: String,
    /// How many fired.
    pub n_alerts: u64,
    /// From the edge to the agent's sight.
    pub detect: Times,
    /// From firing to somebody owning it.
    pub acknowledge: Times,
    /// From firing to the end.
    pub resolve: Times,
    /// The share of those told of that somebody took, or said what became of.
    pub precision_ratio: Option<f64>,
    /// The share that ended by itself as a visit or a caregiver became known.
    pub retro_resolved_ratio: Option<f64>,
}

/// A shift as it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShiftFact {
    /// The `location` label.
    pub location: Arc<str>,
    /// For whom.
    pub client: ClientId,
    /// Who is on it.
    pub caregiver: Option<CaregiverId>,
    /// The planned start.
    pub start: Instant,
    /// The planned end.
    pub end: Instant,
    /// Whether it is not to take place.
    pub cancelled: bool,
    /// Whether somebody came; `None` = nobody has looked since it was over.
    pub came: Option<bool>,
    /// Who came.
    pub who: Vec<CaregiverId>,
    /// The first check-in, where its time is understood.
    pub came_at: Option<Instant>,
    /// How long somebody was there, where it is known from beginning to end.
    pub worked: Option<TimeDelta>,
}

/// Something that happened to a shift.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// When it was seen.
    pub at: Instant,
    /// The shift's label with its client.
    pub shift: String,
    /// `uncovered`, `covered`, `cancelled`, …
    pub what: String,
}

/// What one agency's figures are made from.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Its name.
    pub agency: &'a str,
    /// Whether all its schedule was read.
    pub complete: bool,
    /// Its shifts, of the span and of the next days.
    pub shifts: &'a [ShiftFact],
    /// The present week.
    pub week: (Instant, Instant),
    /// What happened to its shifts in the span and a week before, oldest first.
    pub history: &'a [Happened],
    /// How many exceptions wait, by kind.
    pub exceptions_waiting: BTreeMap<String, u64>,
    /// What is known of edited visits.
    pub edits: Option<Edits>,
    /// What became of reminders to caregivers, where there are any.
    pub reminders: Option<Reminded>,
}

impl AgencyKpis {
    /// Counts an agency.
    #[must_use]
    pub fn of(facts: Facts<'_>, days: u32, now: Instant) -> Self {
        let from = now - TimeDelta::days(i64::from(days));
        let mut by_location: BTreeMap<&str, Vec<&ShiftFact>> = BTreeMap::new();
        for shift in facts.shifts {
            by_location.entry(&shift.location).or_default().push(shift);
        }
        let all: Vec<&ShiftFact> = facts.shifts.iter().collect();
        let fills = fills(facts.history, from);
        let late = fills.iter().filter(|fill| fill.start - fill.filled_at < LATE_FILL).count();
        Self {
            agency: facts.agency.to_owned(),
            complete: facts.complete,
            is_current: facts.complete,
            known_from: facts.shifts.iter().filter(|shift| shift.came.is_some()).map(|shift| shift.start).min(),
            all: Figures::of(&all, from, now),
            locations: by_location
                .into_iter()
                .map(|(location, shifts)| (location.to_owned(), Figures::of(&shifts, from, now)))
                .collect(),
            overtime_hours: overtime(facts.shifts, facts.week),
            filled_late_ratio: ratio(late, fills.len()),
            time_to_fill: Times::of(fills.iter().map(|fill| fill.filled_at - fill.opened_at).collect()),
            manual_edit_ratio: facts.edits.as_ref().map(Edits::ratio),
            manual_edits: facts.edits,
            exceptions_waiting: facts.exceptions_waiting,
            reminders: facts.reminders,
        }
    }
}

impl Figures {
    /// A share of visits as a person may be told it: `None` while it is known of fewer than half of the shifts whether somebody
    /// came, because a few visits say nothing of many shifts.
    #[must_use]
    pub fn told(&self, share: Option<f64>) -> Option<f64> {
        let known = self.n_shifts.saturating_sub(self.n_unknown);
        share.filter(|_| known * 2 >= self.n_shifts)
    }

    fn of(shifts: &[&ShiftFact], from: Instant, now: Instant) -> Self {
        let standing = || shifts.iter().filter(|shift| !shift.cancelled);
        let over: Vec<_> = standing().filter(|shift| from <= shift.end && shift.end <= now).collect();
        let known = over.iter().filter(|shift| shift.came.is_some()).count();
        let came = over.iter().filter(|shift| shift.came == Some(true)).count();
        let late: Vec<TimeDelta> =
            over.iter().filter_map(|shift| shift.came_at.map(|at| (at - shift.start).abs())).collect();
        let on_time = |within: TimeDelta| ratio(late.iter().filter(|late| **late <= within).count(), late.len());
        let whole: Vec<(TimeDelta, TimeDelta)> =
            over.iter().filter_map(|shift| Some((shift.end - shift.start, shift.worked?))).collect();
        let planned = (!whole.is_empty()).then(|| hours(whole.iter().map(|(planned, _)| *planned).sum()));
        let worked = (!whole.is_empty()).then(|| hours(whole.iter().map(|(_, worked)| *worked).sum()));
        let ahead = |within: TimeDelta| {
            let coming: Vec<_> = standing().filter(|shift| now < shift.start && shift.start <= now + within).collect();
            let open: Vec<_> = coming.iter().filter(|shift| shift.caregiver.is_none()).collect();
            let at_risk = (!coming.is_empty()).then(|| hours(open.iter().map(|shift| shift.end - shift.start).sum()));
            (ratio(open.len(), coming.len()), at_risk)
        };
        let ((open_24h_ratio, at_risk_24h_hours), (open_72h_ratio, at_risk_72h_hours)) =
            (ahead(AHEAD[0]), ahead(AHEAD[1]));
        let mut who: BTreeMap<&ClientId, BTreeSet<&CaregiverId>> = BTreeMap::new();
        let since = now - TimeDelta::days(i64::from(CONTINUITY_DAYS));
        let lately = |shift: &&&ShiftFact| since <= shift.end && shift.end <= now && !shift.who.is_empty();
        for shift in standing().filter(lately) {
            who.entry(&shift.client).or_default().extend(&shift.who);
        }
        let n_people: usize = who.values().map(BTreeSet::len).sum();
        Self {
            n_shifts: over.len() as u64,
            n_unknown: (over.len() - known) as u64,
            fill_ratio: ratio(came, known),
            missed_ratio: ratio(known - came, known),
            on_time_7m_ratio: on_time(ON_TIME[0]),
            on_time_15m_ratio: on_time(ON_TIME[1]),
            scheduled_hours: planned,
            worked_hours: worked,
            variance_hours: planned.zip(worked).map(|(planned, worked)| worked - planned),
            utilisation_ratio: planned.zip(worked).filter(|(planned, _)| *planned > 0.0).map(|(p, w)| w / p),
            caregivers_per_client: ratio(n_people, who.len()),
            open_24h_ratio,
            open_72h_ratio,
            at_risk_24h_hours,
            at_risk_72h_hours,
        }
    }
}

impl RuleKpis {
    /// Of the history of one rule.
    #[must_use]
    pub fn of(rule: RuleHistory) -> Self {
        let over: u64 = rule.closed.values().sum();
        let by_itself =
            ["arrived", "covered", "checked_out"].iter().filter_map(|word| rule.closed.get(*word)).sum::<u64>();
        Self {
            precision_ratio: share(rule.n_acted_on, rule.n_told),
            retro_resolved_ratio: share(by_itself, over),
            alertname: rule.alertname,
            n_alerts: rule.n_alerts,
            detect: rule.detect,
            acknowledge: rule.acknowledge,
            resolve: rule.resolve,
        }
    }
}

/// A gap that was filled.
struct Fill {
    opened_at: Instant,
    filled_at: Instant,
    start: Instant,
}

/// Gaps that a call-out left and that somebody filled since `from`. When a shift came into view without anybody, nobody
/// knows since when it had been so: it is not counted.
fn fills(history: &[Happened], from: Instant) -> Vec<Fill> {
    let mut opened: BTreeMap<&str, Instant> = BTreeMap::new();
    let mut fills = Vec::new();
    for line in history {
        match line.what.as_str() {
            "uncovered" => {
                opened.entry(&line.shift).or_insert(line.at);
            }
            "covered" => {
                if let Some((opened_at, (_, start))) = opened.remove(line.shift.as_str()).zip(shift_of(&line.shift))
                    && line.at >= from
                {
                    fills.push(Fill { opened_at, filled_at: line.at, start });
                }
            }
            "cancelled" | "moved" | "removed" => {
                opened.remove(line.shift.as_str());
            }
            _ => {}
        }
    }
    fills
}

/// Hours beyond forty, of what was worked and, where that is not known, of what is planned.
fn overtime(shifts: &[ShiftFact], (from, until): (Instant, Instant)) -> Option<f64> {
    let mut weeks: BTreeMap<&CaregiverId, TimeDelta> = BTreeMap::new();
    for shift in shifts.iter().filter(|shift| !shift.cancelled && shift.came != Some(false)) {
        let Some(caregiver) = &shift.caregiver else { continue };
        let inside = (shift.end.min(until) - shift.start.max(from)).max(TimeDelta::zero());
        // Of a shift across the week's edge nobody knows how much was worked on which side.
        let took = match shift.worked {
            Some(worked) if from <= shift.start && shift.end <= until => worked,
            _ => inside,
        };
        *weeks.entry(caregiver).or_default() += took;
    }
    let over = |took: &TimeDelta| (*took - WEEKLY_HOURS).max(TimeDelta::zero());
    (!weeks.is_empty()).then(|| hours(weeks.values().map(over).sum()))
}

fn hours(length: TimeDelta) -> f64 {
    length.as_seconds_f64() / 3_600.0
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    share(part as u64, whole as u64)
}

#[expect(clippy::cast_precision_loss, reason = "counts of shifts and alerts stay far below 2^52")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests;
