//! The loaded rules of one agency, sorted by what they are about.

use std::{collections::HashMap, time::Duration};

use super::{
    finding::RuleId,
    rule::{Kind, Rule},
};

/// What a kind is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Shifts.
    Shift,
    /// Visits.
    Visit,
    /// Endpoints of the API.
    Endpoint,
    /// The agency as a whole.
    Agency,
    /// Ways out.
    Gateway,
}

/// The rules, ready to judge with.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    rules: Vec<Rule>,
    by_id: HashMap<RuleId, usize>,
    about: HashMap<About, Vec<usize>>,
    /// How old evidence may be when a rule says nothing: `detect_within` + 1 m.
    max_data_age: Duration,
}

impl Kind {
    /// What it is about.
    #[must_use]
    pub const fn about(&self) -> About {
        match self {
            Self::UncoveredShift { .. }
            | Self::MissedCheckIn { .. }
            | Self::NoShow { .. }
            | Self::MissedCheckOut { .. } => About::Shift,
            Self::RunawayVisit { .. } => About::Visit,
            Self::ApiLatency { .. } | Self::ApiErrors { .. } | Self::ApiDown { .. } => About::Endpoint,
            Self::Blind { .. } | Self::SourceAnomaly | Self::Watchdog => About::Agency,
            Self::DeliveryFailing { .. } => About::Gateway,
        }
    }

    /// True for kinds that belong to the installation, not to an agency.
    #[must_use]
    pub const fn is_of_installation(&self) -> bool {
        matches!(self, Self::DeliveryFailing { .. } | Self::Watchdog)
    }
}

impl Ruleset {
    /// The rules of an agency whose promise is `detect_within`; or, with `installation`, those of the installation.
    #[must_use]
    pub fn new(rules: &[Rule], detect_within: Duration, installation: bool) -> Self {
        let rules: Vec<Rule> =
            rules.iter().filter(|rule| rule.kind.is_of_installation() == installation).cloned().collect();
        let by_id = rules.iter().enumerate().map(|(index, rule)| (rule.id.clone(), index)).collect();
        let mut about: HashMap<About, Vec<usize>> = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            about.entry(rule.kind.about()).or_default().push(index);
        }
        Self { rules, by_id, about, max_data_age: detect_within + Duration::from_secs(60) }
    }

    /// Every rule, in file order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    #[must_use]
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.by_id.get(id).map(|index| &self.rules[*index])
    }

    /// The rules about something.
    pub fn about(&self, about: About) -> impl Iterator<Item = &Rule> {
        self.about.get(&about).into_iter().flatten().map(|index| &self.rules[*index])
    }

    /// How old evidence may be at a window's opening.
    #[must_use]
    pub fn max_data_age(&self, rule: &Rule) -> chrono::TimeDelta {
        chrono::TimeDelta::from_std(rule.max_data_age.unwrap_or(self.max_data_age)).unwrap_or(chrono::TimeDelta::MAX)
    }
}
