//! The routing tree: which receiver hears of an alert, grouped how, after which waits.

use std::time::Duration;

use super::{alert::Labels, group::GroupKey, matcher::Matcher};
use crate::model::AgencyName;

/// A node of the tree with everything inherited already filled in.
#[derive(Debug, Clone)]
pub struct Route {
    /// The node's stable name: its matchers from the root, as `{}/{severity="page"}`, with `/<n>` for equal siblings.
    pub id: String,
    /// Receiver name.
    pub receiver: String,
    /// Labels to group by.
    pub group_by: GroupBy,
    /// How long a new group waits for company.
    pub group_wait: Duration,
    /// How long after a notice news of the same group waits.
    pub group_interval: Duration,
    /// How long until an unchanged notice is said again.
    pub repeat_interval: Duration,
    /// All must match; empty matches everything.
    pub matchers: Vec<Matcher>,
    /// Names of time intervals in which firing notices are held.
    pub mute_time_intervals: Vec<String>,
    /// Names of time intervals outside of which firing notices are held.
    pub active_time_intervals: Vec<String>,
    /// Whether siblings after a match are tried too.
    pub continue_: bool,
    /// Children, in file order.
    pub routes: Vec<Route>,
}

/// What `group_by` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// These labels (and always `agency`).
    Labels(Vec<String>),
    /// `...`: every alert alone.
    All,
}

impl Route {
    /// Every node that hears of an alert with these labels, as Alertmanager's tree finds them: depth first, the
    /// first matching child unless it says `continue`, the node itself when no child matches.
    ///
    /// Empty only when this node's own matchers do not match (the root of a checked configuration has none).
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> Vec<&Self> {
        if !self.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for child in &self.routes {
            let below = child.matches(labels);
            let stop = !below.is_empty() && !child.continue_;
            found.extend(below);
            if stop {
                break;
            }
        }
        if found.is_empty() {
            found.push(self);
        }
        found
    }

    /// The node with this id, here or below.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Self> {
        if self.id == id {
            return Some(self);
        }
        self.routes.iter().find_map(|child| child.find(id))
    }

    /// The group an alert of `agency` falls into at this node.
    #[must_use]
    pub fn group_of(&self, agency: &AgencyName, labels: &Labels) -> GroupKey {
        let labels = match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => names
                .iter()
                .map(String::as_str)
                .chain(["agency"])
                .filter_map(|name| labels.get_key_value(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        };
        GroupKey { agency: agency.clone(), route: self.id.clone(), receiver: self.receiver.clone(), labels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn node(receiver: &str, matchers: &str, continue_: bool, routes: Vec<Route>) -> Route {
        Route {
            id: format!("{{{matchers}}}/{receiver}"),
            receiver: receiver.to_owned(),
            group_by: GroupBy::Labels(vec!["location".to_owned()]),
            group_wait: Duration::ZERO,
            group_interval: Duration::ZERO,
            repeat_interval: Duration::ZERO,
            matchers: if matchers.is_empty() { Vec::new() } else { Matcher::parse(matchers).unwrap() },
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            continue_,
            routes,
        }
    }

    /// Labels, receivers, what the row shows.
    type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);

    /// The shape of the tree that Alertmanager tests its own routing with.
    #[test]
    fn routes_as_alertmanager_does() {
        let tree = node(
            "notify-def",
            "",
            false,
            vec![
                node(
                    "notify-A",
                    "owner=\"team-A\"",
                    false,
                    vec![
                        node("notify-testing", "env=\"testing\"", false, vec![]),
                        node("notify-productionA", "env=\"production\"", true, vec![]),
                        node("notify-productionB", "env=~\"produ.*\",job=~\".*\"", false, vec![]),
                        node("notify-productionC", "job=~\".*\"", false, vec![]),
                    ],
                ),
                node("notify-BC", "owner=~\"team-(B|C)\"", false, vec![]),
            ],
        );
        let rows: [Row<'_>; 7] = [
            (&[("owner", "team-A")], &["notify-productionC"], "a regex that matches a missing label"),
            (&[("owner", "team-A"), ("env", "unset")], &["notify-productionC"], "falls to the last child"),
            (&[("owner", "team-C")], &["notify-BC"], "a regex"),
            (&[("owner", "team-A"), ("env", "testing")], &["notify-testing"], "the first child that matches"),
            (&[("owner", "team-A"), ("env", "production")], &["notify-productionA", "notify-productionB"], "continue"),
            (&[("owner", "other")], &["notify-def"], "no child matches: the node itself"),
            (&[], &["notify-def"], "no labels at all"),
        ];
        for (pairs, want, why) in rows {
            let got: Vec<_> = tree.matches(&labels(pairs)).iter().map(|route| route.receiver.as_str()).collect();
            assert_eq!(got, want, "{why}");
        }
    }

    #[test]
    fn agency_is_always_in_the_group() {
        let agency = AgencyName::new("main");
        let alert = labels(&[("agency", "main"), ("location", "north"), ("shift", "1")]);
        let mut route = node("office", "", false, vec![]);
        assert_eq!(route.group_of(&agency, &alert).labels, labels(&[("agency", "main"), ("location", "north")]));
        route.group_by = GroupBy::All;
        assert_eq!(route.group_of(&agency, &alert).labels, alert);
    }
}
