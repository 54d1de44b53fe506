//! A closed period: its numbers as they were, kept for good, and what changed since.
//!
//! Given: the rows of a period when it was closed, and as they are now.
//! Gives: one line a visit that is another than then. The frozen numbers are never computed again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    answer::{Exception, ExceptionKind, Hours, Sums},
    rows::VisitRow,
    terms::{Minute, Period, Terms, minute_of},
};
use crate::model::Instant;

/// One visit as a closed period keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::KeptVisit)]
pub struct KeptVisit {
    /// Whom it was for.
    pub client: Option<String>,
    /// Who went.
    pub caregiver: Option<String>,
    /// When they came.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub check_in: Option<Instant>,
    /// When they left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub check_out: Option<Instant>,
    /// Its minutes in the period; `None` = it was open, or its times were not known.
    pub minutes: Option<Minute>,
}

/// A period that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::ClosedPeriod)]
pub struct ClosedPeriod {
    /// The first day.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// The last day, included.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Instant,
    /// By whom.
    pub by: String,
    /// Its sums then.
    pub total: Sums,
    /// SHA-256 over its visits, in hexadecimal: two closings with one digest froze the same.
    pub digest: String,
}

/// What a closed period froze.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frozen {
    /// Which, when, by whom.
    pub period: ClosedPeriod,
    /// The report as it was.
    pub hours: Hours,
    /// Its visits by id.
    pub visits: BTreeMap<String, KeptVisit>,
}

/// A visit that is another than when its period was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = hours::Adjustment)]
pub struct Adjustment {
    /// The closed period.
    #[schema(value_type = String, format = Date)]
    pub from: NaiveDate,
    /// Its last day.
    #[schema(value_type = String, format = Date)]
    pub to: NaiveDate,
    /// The vendor's id of the visit.
    pub visit: String,
    /// As it was; `null` = it was not there.
    pub was: Option<KeptVisit>,
    /// As it is; `null` = it is gone.
    pub is: Option<KeptVisit>,
    /// Minutes now − minutes then, what counts nothing taken for 0.
    pub difference_minutes: Minute,
}

/// Why a period cannot be closed yet, and what to do; `None` = it can.
#[must_use]
pub fn too_early(hours: &Hours) -> Option<String> {
    let (from, to) = (hours.from, hours.to);
    if !hours.complete {
        let days: BTreeSet<String> = hours.missing.iter().map(|missing| missing.day.to_string()).collect();
        let days = days.into_iter().take(7).collect::<Vec<_>>().join(", ");
        return Some(format!(
            "not everything of it was read ({days}): read it first with shiftwatch hours --from {from} --to {to} --read"
        ));
    }
    // When they began is known, and not what the vendor means by it: that settles itself.
    let is_unsettled = |one: &&Exception| one.kind == ExceptionKind::TimeUnknown && one.at.is_some();
    let n_unsettled = hours.exceptions.iter().filter(is_unsettled).count();
    if n_unsettled > 0 {
        return Some(format!(
            "{n_unsettled} of its visits have times without an offset, and what these mean is not measured yet; close it once it is, \
             or say it by encounter_naive_tz: utc (or local)"
        ));
    }
    // What counts up to now would be frozen as if it were known.
    (hours.total.n_running > 0).then(|| {
        format!(
            "{} of its visits still run, and what they come to is not known; close it once they are checked out, or count as left \
             open (4 h after their shift)",
            hours.total.n_running
        )
    })
}

/// The visits of a period as they are to be kept: those that have a minute in it or begin in it.
#[must_use]
pub fn keep(visits: &[VisitRow], period: &Period, terms: &Terms) -> BTreeMap<String, KeptVisit> {
    let (from, until) = period.minutes(terms.zone);
    let kept = visits.iter().filter_map(|row| {
        let check_in = minute_of(row.check_in?);
        let known = row.unsettled.is_none();
        let stretch =
            row.check_out.filter(|out| known && Some(*out) >= row.check_in).map(|out| (check_in, minute_of(out)));
        let minutes = stretch.map(|(start, end)| (end.min(until) - start.max(from)).max(0));
        let inside = (from <= check_in && check_in < until) || minutes.is_some_and(|minutes| minutes > 0);
        inside.then(|| {
            let kept = KeptVisit {
                client: row.client.as_ref().map(ToString::to_string),
                caregiver: row.caregiver.as_ref().map(ToString::to_string),
                check_in: row.check_in,
                check_out: row.check_out,
                minutes,
            };
            (row.id.to_string(), kept)
        })
    });
    kept.collect()
}

/// What tells one set of visits from another.
#[must_use]
pub fn digest(visits: &BTreeMap<String, KeptVisit>) -> String {
    let mut sha = Sha256::new();
    for (id, visit) in visits {
        let stamp = |at: Option<Instant>| at.map(|at| at.timestamp().to_string()).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let line =
            [id.clone(), text(&visit.client), text(&visit.caregiver), stamp(visit.check_in), stamp(visit.check_out)];
        sha.update(line.join("\t"));
        sha.update("\n");
    }
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether the visit of an adjustment lies in these days, as it was or as it is.
#[must_use]
pub fn meets(adjustment: &Adjustment, period: &Period, terms: &Terms) -> bool {
    let (from, until) = period.minutes(terms.zone);
    [&adjustment.was, &adjustment.is].into_iter().flatten().any(|visit| {
        let Some(begins) = visit.check_in.map(minute_of) else { return false };
        let ends = visit.check_out.map_or(begins, minute_of);
        begins < until && from < ends.max(begins + 1)
    })
}

/// What changed since a period was closed, by visit.
#[must_use]
pub fn adjustments(frozen: &Frozen, now: &BTreeMap<String, KeptVisit>) -> Vec<Adjustment> {
    let minutes = |visit: Option<&KeptVisit>| visit.and_then(|visit| visit.minutes).unwrap_or(0);
    let ids: BTreeSet<&String> = frozen.visits.keys().chain(now.keys()).collect();
    ids.into_iter()
        .filter_map(|id| {
            let (was, is) = (frozen.visits.get(id), now.get(id));
            (was != is).then(|| Adjustment {
                from: frozen.period.from,
                to: frozen.period.to,
                visit: id.clone(),
                was: was.cloned(),
                is: is.cloned(),
                difference_minutes: minutes(is) - minutes(was),
            })
        })
        .collect()
}
