//! What makes no sense: schedules that vanish all at once, and rows that stay malformed.
//!
//! An agency-wide "all empty" is a fault of the source, not an empty schedule. A single client whose schedule becomes
//! empty is believed only when some other client's read, begun since, still showed shifts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    model::{ClientId, Instant},
    source::fetched::RejectedRow,
};

/// Reads running in which a malformed row must be met before it is set aside.
const SET_ASIDE_AFTER: u32 = 3;
/// More clients than this share of those with shifts, empty at once, is a fault. Contract §9.3 no. 7.
const DROPPED_SHARE_PERCENT: usize = 30;
/// Fewer than so many empty clients are never a share.
const DROPPED_MIN: usize = 3;

/// The present contradictions.
#[derive(Debug, Clone, Default)]
pub struct Anomalies {
    /// Clients whose shifts all vanished in their last complete read, uncorroborated; since when.
    dropped: HashMap<ClientId, Instant>,
    /// The latest reads that showed shifts, of two different clients.
    shown: [Option<(ClientId, Instant)>; 2],
    /// Malformed rows met: how many reads running, and since when.
    malformed: BTreeMap<(String, String), (u32, Instant)>,
    /// Since when clearing is frozen.
    pub frozen_since: Option<Instant>,
}

impl Anomalies {
    /// A complete read showed shifts of this client.
    pub fn showed(&mut self, client: &ClientId, at: Instant) {
        self.dropped.remove(client);
        let [latest, other] = &mut self.shown;
        match latest {
            Some((same, since)) if same == client => *since = at.max(*since),
            _ => {
                *other = latest.take();
                *latest = Some((client.clone(), at));
            }
        }
    }

    /// A complete read showed nothing where there were shifts.
    pub fn dropped(&mut self, client: &ClientId, at: Instant) {
        self.dropped.entry(client.clone()).or_insert(at);
    }

    /// The client has nothing that could be missed any more.
    pub fn forget(&mut self, client: &ClientId) {
        self.dropped.remove(client);
    }

    /// Whether another client's read, begun at or after `since`, still showed shifts.
    #[must_use]
    pub fn is_corroborated(&self, client: &ClientId, since: Instant) -> bool {
        self.shown.iter().flatten().any(|(other, at)| other != client && *at >= since)
    }

    /// Freezes or thaws clearing, given how many clients have shifts. Returns whether that changed.
    pub fn weigh(&mut self, n_with_shifts: usize, now: Instant) -> bool {
        let since = self.dropped.values().min().copied();
        let n = self.dropped.len();
        let many = n >= DROPPED_MIN && n * 100 > n_with_shifts.max(1) * DROPPED_SHARE_PERCENT;
        let nobody_else = since.is_some_and(|since| !self.shown.iter().flatten().any(|(_, at)| *at >= since));
        let frozen = many || (n > 0 && n >= n_with_shifts && nobody_else);
        let was = self.frozen_since;
        self.frozen_since = if frozen { was.or(since).or(Some(now)) } else { None };
        was.is_some() != self.frozen_since.is_some()
    }

    /// Notes the malformed rows of a read; gives those that count against it: not yet met in three reads running.
    pub fn malformed<'a>(&mut self, scope: &str, rows: &'a [RejectedRow], at: Instant) -> Vec<&'a RejectedRow> {
        let mut seen = BTreeSet::new();
        let mut counting = Vec::new();
        for row in rows {
            let name = row
                .id
                .clone()
                .unwrap_or_else(|| format!("{}/{}", row.client.as_ref().map_or("", |id| id.as_str()), row.reason));
            let key = (scope.to_owned(), name);
            let entry = self.malformed.entry(key.clone()).or_insert((0, at));
            if seen.insert(key) {
                entry.0 += 1;
            }
            if entry.0 < SET_ASIDE_AFTER {
                counting.push(row);
            }
        }
        self.malformed.retain(|key, _| key.0 != scope || seen.contains(key));
        counting
    }

    /// Rows set aside, by scope and id, with when they were met first.
    pub fn set_aside(&self) -> impl Iterator<Item = (&str, &str, Instant)> {
        self.malformed
            .iter()
            .filter(|(_, (n, _))| *n >= SET_ASIDE_AFTER)
            .map(|((scope, id), (_, since))| (scope.as_str(), id.as_str(), *since))
    }

    /// Whether a row of this scope was set aside.
    #[must_use]
    pub fn has_set_aside(&self, scope: &str) -> bool {
        self.set_aside().any(|(other, ..)| other == scope)
    }

    /// Since when anything makes no sense; `None` while all is well.
    #[must_use]
    pub fn since(&self) -> Option<Instant> {
        self.frozen_since.into_iter().chain(self.set_aside().map(|(.., since)| since)).min()
    }

    /// What makes no sense, in words without values.
    #[must_use]
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        if self.frozen_since.is_some() {
            parts.push(format!(
                "the schedules of {} clients came back empty all at once; nothing is closed until they are back",
                self.dropped.len()
            ));
        }
        let set_aside: Vec<_> = self.set_aside().collect();
        if let Some((scope, id, _)) = set_aside.first() {
            parts.push(format!("{} malformed rows are set aside, the first in {scope}, row {id}", set_aside.len()));
        }
        parts.join("; ")
    }
}
