//! Rows that were there and made no sense: what they spoil, and when they are set aside.
//!
//! A malformed row spoils the evidence about *missing* rows of the client it names, or of its whole section. Met
//! in three reads running it is set aside: named in an anomaly, it spoils nothing more, and verdicts past it say
//! that they are unconfirmed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    model::{ClientId, Instant, Section},
    source::fetched::RejectedRow,
};

/// In how many reads running a row must be met before it is set aside. Design §4.
const RUNS_UNTIL_ASIDE: u8 = 3;
/// What stands for the id of a row that has none; ids of the vendor are digits.
const WITHOUT_ID: &str = "without id, ";
/// How many bad rows are followed; past it further ones keep spoiling, which errs towards "unknown".
const ROWS_MAX: usize = 1_000;

/// Whose read it was: rows are only compared between reads of the same list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The kind of row.
    pub section: Section,
    /// `Some` for one client's read, `None` for the whole list.
    pub client: Option<ClientId>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct RowName {
    scope: Scope,
    /// The row's id, or what was wrong with it where it had none.
    name: String,
    /// The client the row names.
    client: Option<ClientId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sighting {
    runs: u8,
    since: Instant,
    reason: String,
}

/// The bad rows that are being followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejects {
    rows: BTreeMap<RowName, Sighting>,
}

/// What the bad rows of one read spoil.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spoilt {
    /// Missing rows prove nothing in the whole section.
    pub section: bool,
    /// Missing rows prove nothing for these clients.
    pub clients: BTreeSet<ClientId>,
    /// Whether what is followed changed, and must be stored.
    pub changed: bool,
    /// Clients for whom a row was set aside or came back (`None` = everybody): what their alerts say is different.
    pub aside_changed: BTreeSet<Option<ClientId>>,
}

/// One row that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Where.
    pub scope: Scope,
    /// The row's id, or what was wrong where it had none.
    pub name: String,
    /// The client it names.
    pub client: Option<ClientId>,
    /// When it was first met.
    pub since: Instant,
    /// What is wrong with it.
    pub reason: String,
}

impl Rejects {
    /// Weighs the bad rows of one read of `scope` that began at `as_of`.
    pub fn weigh(&mut self, scope: &Scope, rejected: &[RejectedRow], as_of: Instant) -> Spoilt {
        let mut spoilt = Spoilt::default();
        let met: BTreeMap<RowName, &RejectedRow> = rejected
            .iter()
            .map(|row| {
                let client = row.client.clone().or_else(|| scope.client.clone());
                let name = row.id.clone().unwrap_or_else(|| format!("{WITHOUT_ID}{}", row.reason));
                (RowName { scope: scope.clone(), name, client }, row)
            })
            .collect();
        let aside_before = self.aside_of(scope);
        let before = self.rows.len();
        self.rows.retain(|name, _| name.scope != *scope || met.contains_key(name));
        spoilt.changed = self.rows.len() != before;
        for (name, row) in met {
            let known = self.rows.contains_key(&name);
            let mut aside = false;
            if known || self.rows.len() < ROWS_MAX {
                let sighting = self.rows.entry(name.clone()).or_insert_with(|| Sighting {
                    runs: 0,
                    since: as_of,
                    reason: row.reason.to_owned(),
                });
                if sighting.runs < RUNS_UNTIL_ASIDE {
                    sighting.runs += 1;
                    spoilt.changed = true;
                }
                aside = sighting.runs >= RUNS_UNTIL_ASIDE;
            }
            if !aside {
                match name.client {
                    Some(client) => {
                        spoilt.clients.insert(client);
                    }
                    None => spoilt.section = true,
                }
            }
        }
        let aside_after = self.aside_of(scope);
        spoilt.aside_changed = aside_before.symmetric_difference(&aside_after).cloned().collect();
        spoilt
    }

    fn aside_of(&self, scope: &Scope) -> BTreeSet<Option<ClientId>> {
        if self.rows.is_empty() {
            return BTreeSet::new();
        }
        self.aside().filter(|row| row.scope == *scope).map(|row| row.client).collect()
    }

    /// Rows that were set aside.
    pub fn aside(&self) -> impl Iterator<Item = SetAside> + '_ {
        self.rows.iter().filter(|(_, sighting)| sighting.runs >= RUNS_UNTIL_ASIDE).map(|(name, sighting)| SetAside {
            scope: name.scope.clone(),
            name: name.name.clone(),
            client: name.client.clone(),
            since: sighting.since,
            reason: sighting.reason.clone(),
        })
    }

    /// Whether verdicts about this client's rows of `section` rest on a list with a row set aside.
    #[must_use]
    pub fn past_bad_rows(&self, section: Section, client: &ClientId) -> bool {
        !self.rows.is_empty()
            && self.rows.iter().any(|(name, sighting)| {
                sighting.runs >= RUNS_UNTIL_ASIDE
                    && name.scope.section == section
                    && name.client.as_ref().is_none_or(|named| named == client)
            })
    }

    /// Whether a row set aside in `scope` could be the row of `id`: it has that id, or none that can be read. Such a
    /// row is not missing, whatever else its read lacks.
    #[must_use]
    pub fn may_hide(&self, scope: &Scope, id: &str) -> bool {
        self.rows.keys().any(|name| name.scope == *scope && (name.name == id || name.name.starts_with(WITHOUT_ID)))
    }

    /// The clock stepped back to `now`: nothing was met later.
    pub fn seen_by(&mut self, now: Instant) {
        for sighting in self.rows.values_mut() {
            sighting.since = sighting.since.min(now);
        }
    }

    /// As text for the store.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(&self.rows.iter().collect::<Vec<_>>()).unwrap_or_default()
    }

    /// From the store's text; what cannot be read is forgotten, and the rows are met again.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let rows: Vec<(RowName, Sighting)> = serde_json::from_str(text).unwrap_or_default();
        Self { rows: rows.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Endpoint, local_time::from_micros};

    fn scope() -> Scope {
        Scope { section: Section::Visits, client: None }
    }

    fn bad(id: Option<&str>, client: Option<&str>) -> RejectedRow {
        RejectedRow {
            endpoint: Endpoint::Encounter,
            id: id.map(str::to_owned),
            client: client.map(ClientId::from),
            caregiver: None,
            reason: "no period",
        }
    }

    #[test]
    fn a_row_spoils_its_client_twice_and_is_then_set_aside() {
        let mut rejects = Rejects::default();
        let now = from_micros(0);
        for run in 1..=2 {
            let spoilt = rejects.weigh(&scope(), &[bad(Some("5"), Some("c1"))], now);
            assert!(!spoilt.section, "run {run}");
            assert_eq!(spoilt.clients, BTreeSet::from([ClientId::from("c1")]), "run {run}");
            assert_eq!(rejects.aside().count(), 0, "run {run}");
        }
        let spoilt = rejects.weigh(&scope(), &[bad(Some("5"), Some("c1"))], now);
        assert!(spoilt.clients.is_empty() && !spoilt.section, "the third time it is set aside");
        assert_eq!(rejects.aside().count(), 1);
        assert!(rejects.past_bad_rows(Section::Visits, &"c1".into()));
        assert!(!rejects.past_bad_rows(Section::Visits, &"c2".into()), "others are not touched");
        assert!(!rejects.past_bad_rows(Section::Shifts, &"c1".into()), "nor other sections");
    }

    #[test]
    fn a_row_without_a_client_spoils_its_section() {
        let mut rejects = Rejects::default();
        assert!(rejects.weigh(&scope(), &[bad(None, None)], from_micros(0)).section);
    }

    #[test]
    fn a_read_without_it_starts_the_count_again() {
        let mut rejects = Rejects::default();
        let now = from_micros(0);
        rejects.weigh(&scope(), &[bad(Some("5"), None)], now);
        rejects.weigh(&scope(), &[bad(Some("5"), None)], now);
        let other = Scope { section: Section::Visits, client: Some("c9".into()) };
        rejects.weigh(&other, &[], now);
        rejects.weigh(&scope(), &[], now);
        assert!(rejects.weigh(&scope(), &[bad(Some("5"), None)], now).section, "not three running");
    }

    #[test]
    fn a_restart_keeps_the_count() {
        let mut rejects = Rejects::default();
        let now = from_micros(0);
        rejects.weigh(&scope(), &[bad(Some("5"), None)], now);
        rejects.weigh(&scope(), &[bad(Some("5"), None)], now);
        let mut back = Rejects::from_text(&rejects.to_text());
        assert_eq!(back, rejects);
        assert!(!back.weigh(&scope(), &[bad(Some("5"), None)], now).section);
    }
}
