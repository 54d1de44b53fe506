//! Samples: the labels of the alerts that the loaded rules can make, to hold a silence against that would mute them all.
//!
//! Given: the rules and where there are locations. Gives: for each agency one set of labels a rule and location.
//! Does not: know what is true. A sample stands for every shift, visit and endpoint there could be, so its value is one
//! that nobody would write; only a condition that all values meet matches it.

use std::collections::BTreeMap;

use super::rule::{Kind, Rule};
use crate::alerts::{alert::Labels, severity::rank};

/// What stands for any shift, visit or endpoint.
const ANY: &str = "any-0f5e";

/// The alerts that wake somebody, of each agency: those of severity `page` and worse, or all where no rule is that
/// severe. `agencies` are their names with the labels of their locations.
#[must_use]
pub fn samples(rules: &[Rule], agencies: &[(String, Vec<String>)]) -> BTreeMap<String, Vec<Labels>> {
    let own = rules.iter().filter(|rule| !rule.kind.is_of_installation());
    let severest = own.clone().map(|rule| rank(&rule.labels)).min().unwrap_or(u8::MAX);
    let page = rank(&Labels::from([("severity".to_owned(), "page".to_owned())]));
    let limit = if severest <= page { page } else { u8::MAX };
    let counted: Vec<&Rule> = own.filter(|rule| rank(&rule.labels) <= limit).collect();
    agencies
        .iter()
        .map(|(agency, locations)| {
            let of_rule = |rule: &&Rule| labels_of(rule, agency, locations);
            (agency.clone(), counted.iter().flat_map(of_rule).collect())
        })
        .collect()
}

fn labels_of(rule: &Rule, agency: &str, locations: &[String]) -> Vec<Labels> {
    let mut labels = rule.labels.clone();
    let (subject, has_location) = match rule.kind {
        Kind::UncoveredShift { .. }
        | Kind::MissedCheckIn { .. }
        | Kind::NoShow { .. }
        | Kind::MissedCheckOut { .. }
        | Kind::LateCheckIn { .. }
        | Kind::ShortVisit { .. }
        | Kind::Overrun { .. }
        | Kind::InactiveCaregiverAssigned
        | Kind::LateChange { .. } => (Some("shift"), true),
        Kind::DoubleBooked { .. } | Kind::TightTurnaround { .. } => {
            labels.insert("other_shift".to_owned(), ANY.to_owned());
            (Some("shift"), true)
        }
        Kind::OvertimeAhead { .. } => {
            labels.insert("week".to_owned(), ANY.to_owned());
            (Some("caregiver"), true)
        }
        Kind::ClientWithoutShifts { .. } => (Some("client"), true),
        Kind::RunawayVisit { .. } | Kind::UnscheduledVisit | Kind::CaregiverMismatch => (Some("visit"), true),
        Kind::ApiLatency { .. } | Kind::ApiErrors { .. } | Kind::ApiDown { .. } => (Some("endpoint"), false),
        Kind::DeliveryFailing { .. } => (Some("gateway"), false),
        Kind::Blind { .. }
        | Kind::SourceAnomaly
        | Kind::NobodyOnCall { .. }
        | Kind::OnCallFault
        | Kind::UnverifiedNumber
        | Kind::Watchdog => (None, false),
    };
    labels.insert("alertname".to_owned(), rule.alert.clone());
    labels.insert("agency".to_owned(), agency.to_owned());
    if let Some(subject) = subject {
        labels.insert(subject.to_owned(), ANY.to_owned());
    }
    let locations = if has_location { locations } else { &[] };
    let placed = locations.iter().map(|location| {
        let mut labels = labels.clone();
        labels.insert("location".to_owned(), location.clone());
        labels
    });
    // A shift whose place nobody named carries the vendor's id, or none.
    placed.chain([labels.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{
        silence::{SilenceMatcher, cover_everything, ready},
        stage::rule,
    };

    #[test]
    fn a_silence_of_everything_is_told_from_one_of_much() {
        let mut uncovered = rule("ShiftUncovered", "page", 0);
        uncovered.kind = Kind::NoShow { after: std::time::Duration::ZERO };
        let mut blind = rule("Blind", "page", 0);
        blind.kind = Kind::SourceAnomaly;
        let rules = [uncovered, blind, rule("Warn", "warning", 0)];
        let agencies = [("main".to_owned(), vec!["north".to_owned()]), ("other".to_owned(), vec![])];
        let samples = samples(&rules, &agencies);
        let one = |name: &str, value: &str, is_regex, is_equal| SilenceMatcher {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex,
            is_equal,
        };
        for (matchers, want, why) in [
            (vec![one("alertname", ".+", true, true)], Some("main"), "any name"),
            (vec![one("alertname", "", false, false)], Some("main"), "a name that is not empty"),
            (vec![one("agency", "main", false, true)], Some("main"), "one agency's all"),
            (vec![one("agency", "other", false, true)], Some("other"), "the other's"),
            (vec![one("severity", "page|critical", true, true)], Some("main"), "every page"),
            (vec![one("alertname", "Nothing", false, false)], Some("main"), "all but what there is not"),
            (vec![one("alertname", "ShiftUncovered|Blind", true, true)], Some("main"), "each by name"),
            (vec![one("alertname", "ShiftUncovered", false, true)], None, "one rule"),
            (vec![one("alertname", "ShiftUncovered", false, false)], None, "all but one rule that pages"),
            (vec![one("location", "north", false, true)], None, "one location"),
            (vec![one("severity", "warning", false, true)], None, "what wakes nobody"),
            (vec![one("shift", "90010001@2026-12-01T10:00:00Z", false, true)], None, "one shift"),
            (vec![one("shift", ".+", true, true)], None, "every shift, but not the blindness"),
            (vec![one("alertname", ".+", true, true), one("location", "north", false, true)], None, "narrowed"),
        ] {
            assert_eq!(cover_everything(&ready(&matchers).unwrap(), &samples), want, "{why}");
        }
    }
}
