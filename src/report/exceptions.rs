//! The office's list of exceptions: what was not as planned, and what will not be; who said what became of each.
//!
//! Given: the lives of alerts of these kinds, with the last word on each, newest first. Gives: [`Exceptions`], a row for
//! each matter: the bands of one rule about one shift are one row. Does not: hold a name; ids only.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    life::Life,
    on_call_log::{DispositionReport, shift_of},
    words,
};
use crate::{
    alerts::{disposition::Said, severity::rank},
    model::Instant,
};

/// So many alerts are looked at.
pub const READ_MAX: u32 = 5_000;
/// The longest span that is asked for, days.
pub const DAYS_MAX: u32 = 400;

/// The answer of `GET /api/v1/exceptions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = exceptions::Exceptions)]
pub struct Exceptions {
    /// Since when they are listed; what is still so may be older.
    #[schema(value_type = String, format = DateTime)]
    pub from: Instant,
    /// Until when: this is how fresh the list is.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Instant,
    /// False when there are more than are looked at.
    pub complete: bool,
    /// How many of the older ones are left out.
    pub n_left_out: u64,
    /// Of how many somebody should look or say what became.
    pub n_waiting: usize,
    /// Each, newest first.
    pub exceptions: Vec<ExceptionRow>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = exceptions::ExceptionRow)]
pub struct ExceptionRow {
    /// The alert's id in every API.
    pub fingerprint: String,
    /// Which of its lives: since when it was so.
    #[schema(value_type = String, format = DateTime)]
    pub active_at: Instant,
    /// Whose.
    pub agency: String,
    /// What it is, by the key that its rule has in a rule file: `late_check_in`, `no_show`, …
    pub kind: String,
    /// The rule's name.
    pub alertname: String,
    /// How bad: `info`, `warning`, `page` or `critical`; may be empty.
    pub severity: String,
    /// Where; may be empty.
    pub location: String,
    /// The vendor's id of the shift, where it is about one; of two, the later one.
    pub shift: Option<String>,
    /// When that shift starts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Instant>,
    /// The vendor's id of the other shift, where it is about two.
    pub other_shift: Option<String>,
    /// The vendor's id of the visit, where it is about one.
    pub visit: Option<String>,
    /// The vendor's id of the client, where it is about nothing else of theirs.
    pub client: Option<String>,
    /// The vendor's id of the caregiver, where it is about their week.
    pub caregiver: Option<String>,
    /// The first day of that week.
    pub week: Option<String>,
    /// When it was told of first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fired_at: Option<Instant>,
    /// Who took it, if somebody did.
    pub acknowledged_by: Option<String>,
    /// When it was over; `null` while it is so.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Instant>,
    /// Why it was over, one word.
    pub reason: Option<String>,
    /// That, as a person says it.
    pub reason_words: Option<String>,
    /// What became of it: the last word.
    pub disposition: Option<DispositionReport>,
    /// Whether somebody should look: nobody said what became of it, and it was not put right by itself.
    pub waits: bool,
}

impl Exceptions {
    /// The list. `kinds` gives for the name of a rule the key of its kind; a life of another name is passed over.
    #[must_use]
    pub fn of(
        from: Instant,
        as_of: Instant,
        kinds: &BTreeMap<String, &'static str>,
        lives: Vec<(Life, Option<Said>)>,
        n_left_out: u64,
    ) -> Self {
        let mut rows: Vec<ExceptionRow> = Vec::new();
        let mut ranks: Vec<u8> = Vec::new();
        let mut known: HashMap<(String, &str, String), usize> = HashMap::new();
        for (life, said) in lives {
            let Some(kind) = kinds.get(life.label("alertname")) else { continue };
            let severity = rank(&life.labels);
            let subject: Vec<&str> = SUBJECTS.iter().map(|name| life.label(name)).collect();
            let matter = (life.agency.to_string(), *kind, subject.join("/"));
            let row = ExceptionRow::of(life, kind, said);
            if let Some(i) = known.get(&matter).copied().filter(|i| rows[*i].is_one_with(&row)) {
                // Another band of the same: what is worse is shown, and whatever was said of either counts.
                let (worse, other) = if severity < ranks[i] { (row, rows[i].clone()) } else { (rows[i].clone(), row) };
                ranks[i] = ranks[i].min(severity);
                rows[i] = worse.with(&other);
            } else {
                known.insert(matter, rows.len());
                rows.push(row);
                ranks.push(severity);
            }
        }
        let n_waiting = rows.iter().filter(|row| row.waits).count();
        Self { from, as_of, complete: n_left_out == 0, n_left_out, n_waiting, exceptions: rows }
    }
}

/// The labels that say what an alert is about.
const SUBJECTS: [&str; 6] = ["shift", "other_shift", "visit", "client", "caregiver", "week"];

impl ExceptionRow {
    fn of(life: Life, kind: &str, said: Option<Said>) -> Self {
        let label = |name: &str| life.labels.get(name).cloned();
        let shift = label("shift");
        let whole = shift.as_deref().and_then(shift_of);
        let other = label("other_shift").map(|text| shift_of(&text).map_or(text, |(id, _)| id));
        let put_right = life.resolved_at.is_some() && life.reason.as_deref().is_none_or(is_put_right);
        Self {
            active_at: life.active_at,
            agency: life.agency.to_string(),
            kind: kind.to_owned(),
            alertname: life.label("alertname").to_owned(),
            severity: life.label("severity").to_owned(),
            location: life.label("location").to_owned(),
            starts_at: whole.as_ref().map(|(_, at)| *at),
            shift: whole.map(|(id, _)| id).or(shift),
            other_shift: other,
            visit: label("visit"),
            client: label("client"),
            caregiver: label("caregiver"),
            week: label("week"),
            fired_at: life.fired_at,
            acknowledged_by: life.acknowledged_by.clone(),
            resolved_at: life.resolved_at,
            reason_words: life.reason.as_deref().map(words::reason),
            reason: life.reason.clone(),
            waits: said.is_none() && !put_right,
            disposition: said.map(DispositionReport::of),
            fingerprint: life.fingerprint,
        }
    }

    /// Whether two lives were so at one time.
    fn is_one_with(&self, other: &Self) -> bool {
        let until = |row: &Self| row.resolved_at.unwrap_or(Instant::MAX_UTC);
        self.active_at <= until(other) && other.active_at <= until(self)
    }

    fn with(mut self, other: &Self) -> Self {
        self.waits = (self.waits || other.waits) && self.disposition.is_none() && other.disposition.is_none();
        self.disposition = self.disposition.or_else(|| other.disposition.clone());
        self.acknowledged_by = self.acknowledged_by.or_else(|| other.acknowledged_by.clone());
        self
    }
}

/// Whether an end says by itself that nothing is left to do.
fn is_put_right(reason: &str) -> bool {
    !matches!(reason, "expired" | "rule_removed")
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::{alerts::disposition::Disposition, model::local_time::from_micros};

    fn at(minutes: i64) -> Instant {
        from_micros(1_783_342_800_000_000) + TimeDelta::minutes(minutes)
    }

    fn life(alertname: &str, severity: &str, labels: &[(&str, &str)], from: i64, end: Option<(i64, &str)>) -> Life {
        let fixed = [("alertname", alertname), ("severity", severity), ("location", "north")];
        let labels = fixed.iter().chain(labels).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Life {
            agency: "main".into(),
            fingerprint: format!("{alertname}-{severity}"),
            labels: labels.collect(),
            active_at: at(from),
            edge_at: None,
            seen_at: Some(at(from)),
            fired_at: Some(at(from)),
            acknowledged_at: None,
            acknowledged_by: None,
            resolved_at: end.map(|(at_min, _)| at(at_min)),
            reason: end.map(|(_, reason)| reason.to_owned()),
        }
    }

    fn listed(lives: Vec<(Life, Option<Said>)>) -> Exceptions {
        let kinds =
            [("MissedCheckIn", "missed_check_in"), ("LateCheckIn", "late_check_in"), ("Other", "caregiver_mismatch")];
        let kinds = kinds.map(|(name, kind)| (name.to_owned(), kind)).into();
        Exceptions::of(at(-100), at(1_000), &kinds, lives, 0)
    }

    #[test]
    fn the_bands_of_one_matter_are_one_row_and_the_worst_is_shown() {
        let shift = [("shift", "1@2026-07-06T13:00:00Z")];
        let list = listed(vec![
            (life("MissedCheckIn", "page", &shift, 15, Some((31, "arrived"))), None),
            (life("MissedCheckIn", "warning", &shift, 10, Some((31, "arrived"))), None),
            (life("Unknown", "page", &shift, 10, None), None),
            (life("MissedCheckIn", "warning", &shift, -60, Some((-50, "expired"))), None),
        ]);
        let rows: Vec<_> =
            list.exceptions.iter().map(|row| (row.severity.as_str(), row.active_at, row.waits)).collect();
        assert_eq!(rows, [("page", at(15), false), ("warning", at(-60), true)], "an earlier life is another matter");
        assert_eq!(list.exceptions[0].shift.as_deref(), Some("1"));
        assert_eq!(list.exceptions[0].starts_at, Some(at(0)));
        assert_eq!(list.n_waiting, 1);
        assert!(list.complete);
    }

    #[test]
    fn what_was_put_right_or_spoken_of_waits_for_nobody() {
        let said = Said {
            fingerprint: "x".to_owned(),
            active_at: at(0),
            at: at(5),
            by: "office-lead".to_owned(),
            disposition: Disposition::Linked,
            approver: None,
            covered_by: None,
            note: String::new(),
        };
        let visit = [("visit", "55000001")];
        for (end, said, waits) in [
            (None, None, true),
            (None, Some(said.clone()), false),
            (Some((60, "recovered")), None, false),
            (Some((60, "expired")), None, true),
            (Some((60, "expired")), Some(said), false),
            (Some((60, "rule_removed")), None, true),
        ] {
            let list = listed(vec![(life("Other", "info", &visit, 0, end), said.clone())]);
            assert_eq!(list.exceptions[0].waits, waits, "{end:?} {said:?}");
            assert_eq!(list.exceptions[0].visit.as_deref(), Some("55000001"));
        }
    }
}
