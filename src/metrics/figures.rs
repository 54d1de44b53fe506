//! The office's key figures, as they were counted last; of an agency whose schedule was not read yet there are none.

use super::{family as f, page::Page};
use crate::report::{
    kpi::{AgencyKpis, Figures, Kpis},
    times::Times,
};

const HOUR: f64 = 3_600.0;

/// A figure for each of two spans of time.
type Within = [(&'static str, fn(&Figures) -> Option<f64>); 2];

/// Writes every family of theirs; what is not known is left out.
pub(super) fn write(page: &mut Page, kpis: &Kpis) {
    let known = || kpis.agencies.iter().filter(|agency| agency.is_current);
    let placed = || {
        let each = |agency: &'_ AgencyKpis| -> Vec<(String, String, Figures)> {
            let of =
                |(location, figures): (&String, &Figures)| (agency.agency.clone(), location.clone(), figures.clone());
            agency.locations.iter().map(of).collect()
        };
        known().flat_map(each).collect::<Vec<_>>()
    };
    let placed = placed();
    let mut simple = |family: &'static f::Family, value: fn(&Figures) -> Option<f64>| {
        let mut out = page.family(family);
        for (agency, location, figures) in &placed {
            out.maybe(&[agency, location], value(figures));
        }
    };
    simple(&f::FILL_RATIO, |one| one.fill_ratio);
    simple(&f::MISSED_RATIO, |one| one.missed_ratio);
    simple(&f::PLANNED_CARE, |one| one.scheduled_hours.map(|hours| hours * HOUR));
    simple(&f::GIVEN_CARE, |one| one.worked_hours.map(|hours| hours * HOUR));
    simple(&f::CONTINUITY, |one| one.caregivers_per_client);
    let mut within = |family: &'static f::Family, values: Within| {
        let mut out = page.family(family);
        for (agency, location, figures) in &placed {
            for (within, value) in values {
                out.maybe(&[agency, location, within], value(figures));
            }
        }
    };
    within(&f::ON_TIME, [("7m", |one| one.on_time_7m_ratio), ("15m", |one| one.on_time_15m_ratio)]);
    within(&f::OPEN_RATIO, [("24h", |one| one.open_24h_ratio), ("72h", |one| one.open_72h_ratio)]);
    within(
        &f::AT_RISK,
        [
            ("24h", |one| one.at_risk_24h_hours.map(|hours| hours * HOUR)),
            ("72h", |one| one.at_risk_72h_hours.map(|hours| hours * HOUR)),
        ],
    );
    let mut whole = |family: &'static f::Family, value: fn(&AgencyKpis) -> Option<f64>| {
        let mut out = page.family(family);
        for agency in known() {
            out.maybe(&[&agency.agency], value(agency));
        }
    };
    whole(&f::OVERTIME, |one| one.overtime_hours.map(|hours| hours * HOUR));
    whole(&f::FILL_MEDIAN, |one| one.time_to_fill.p50_seconds);
    whole(&f::FILL_P90, |one| one.time_to_fill.p90_seconds);
    whole(&f::FILLED_LATE, |one| one.filled_late_ratio);
    whole(&f::MANUAL_EDITS, |one| one.manual_edit_ratio);
    let mut precision = page.family(&f::PRECISION);
    for rule in &kpis.rules {
        precision.maybe(&[&rule.alertname], rule.precision_ratio);
    }
    let mut out = page.family(&f::RULE_TIMES);
    for rule in &kpis.rules {
        for (what, times) in [("detect", &rule.detect), ("acknowledge", &rule.acknowledge), ("resolve", &rule.resolve)]
        {
            for (percentile, value) in percentiles(times) {
                out.maybe(&[&rule.alertname, what, percentile], value);
            }
        }
    }
    let mut out = page.family(&f::PERSON_TIMES);
    for one in &kpis.people {
        for (what, times) in [("acknowledge", &one.acknowledge), ("resolve", &one.resolve)] {
            for (percentile, value) in percentiles(times) {
                out.maybe(&[&one.person, what, percentile], value);
            }
        }
    }
    let mut waiting = page.family(&f::EXCEPTIONS);
    for agency in known() {
        for (kind, n) in &agency.exceptions_waiting {
            waiting.count(&[&agency.agency, kind], *n);
        }
    }
}

const fn percentiles(times: &Times) -> [(&'static str, Option<f64>); 2] {
    [("50", times.p50_seconds), ("90", times.p90_seconds)]
}
