//! The loaded rules, sorted by what they are about.

use std::time::Duration;

use chrono::TimeDelta;

use super::{
    finding::RuleId,
    kinds::{
        delta, double_booked::Of, inactive_caregiver_assigned, late_change, late_check_in, missed_check_in,
        missed_check_out, no_show, overrun, pair::Reach, shift::Scene, short_visit, uncovered_shift,
    },
    look::Look,
    rule::{Kind, Rule},
};
use crate::{mirror::Mirror, model::Subject};

/// What is added to `detect_within` for evidence's default age. Outside.md, "Rules".
const DATA_AGE_MARGIN: Duration = Duration::from_mins(1);
/// How many expressions are remembered per subject; the rules beyond are evaluated each time.
pub(super) const PICKS_MAX: usize = 64;

/// The rules in file order, with their places by subject.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    rules: Vec<Rule>,
    shift: Vec<usize>,
    visit: Vec<usize>,
    endpoint: Vec<usize>,
    gateway: Vec<usize>,
    agency: Vec<usize>,
    on_call: Vec<usize>,
    pair: Vec<usize>,
    week: Vec<usize>,
    client: Vec<usize>,
    reach: Reach,
    /// For each rule its bit among those with a `where`.
    pick_bit: Vec<Option<u32>>,
    n_where: usize,
}

impl Kind {
    /// True for kinds that belong to the installation as a whole, not to an agency.
    #[must_use]
    pub const fn is_of_installation(&self) -> bool {
        matches!(
            self,
            Self::DeliveryFailing { .. }
                | Self::NobodyOnCall { .. }
                | Self::OnCallFault
                | Self::UnverifiedNumber
                | Self::Watchdog
        )
    }
}

impl Ruleset {
    /// The rules of an agency; or, with `installation`, those of the installation as a whole.
    #[must_use]
    pub fn of_agency(rules: &[Rule], installation: bool) -> Self {
        Self::new(rules.iter().filter(|rule| rule.kind.is_of_installation() == installation).cloned().collect())
    }

    /// Sorts the rules.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut set = Self::default();
        for (i, rule) in rules.iter().enumerate() {
            match rule.kind {
                Kind::UncoveredShift { .. }
                | Kind::MissedCheckIn { .. }
                | Kind::NoShow { .. }
                | Kind::MissedCheckOut { .. }
                | Kind::LateCheckIn { .. }
                | Kind::ShortVisit { .. }
                | Kind::Overrun { .. }
                | Kind::InactiveCaregiverAssigned
                | Kind::LateChange { .. } => {
                    set.shift.push(i);
                }
                Kind::RunawayVisit { .. } | Kind::UnscheduledVisit | Kind::CaregiverMismatch => set.visit.push(i),
                Kind::DoubleBooked { of } => {
                    set.pair.push(i);
                    match of {
                        Of::Caregiver => set.reach.caregiver = set.reach.caregiver.max(Some(TimeDelta::zero())),
                        Of::Client => set.reach.client = true,
                    }
                }
                Kind::TightTurnaround { under } => {
                    set.pair.push(i);
                    set.reach.caregiver = set.reach.caregiver.max(Some(delta(under)));
                }
                Kind::OvertimeAhead { .. } => set.week.push(i),
                Kind::ClientWithoutShifts { .. } => set.client.push(i),
                Kind::ApiLatency { .. } | Kind::ApiErrors { .. } | Kind::ApiDown { .. } => set.endpoint.push(i),
                Kind::DeliveryFailing { .. } => set.gateway.push(i),
                Kind::NobodyOnCall { .. } | Kind::OnCallFault | Kind::UnverifiedNumber => set.on_call.push(i),
                Kind::Blind { .. } | Kind::SourceAnomaly | Kind::Watchdog => set.agency.push(i),
            }
            let bit = rule.where_.is_some().then(|| {
                set.n_where += 1;
                u32::try_from(set.n_where - 1).unwrap_or(u32::MAX)
            });
            set.pick_bit.push(bit);
        }
        set.rules = rules;
        set
    }

    /// Every rule in file order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule with this id.
    #[must_use]
    pub fn get(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }

    /// The `within` of the uncovered rules as written, with its length, each once, longest first; for the metrics.
    #[must_use]
    pub fn bands(&self) -> Vec<(String, Duration)> {
        let mut bands: Vec<(String, Duration)> = Vec::new();
        for rule in &self.rules {
            if let Kind::UncoveredShift { within, written } = &rule.kind
                && !bands.iter().any(|(text, _)| text == written)
            {
                bands.push((written.clone(), *within));
            }
        }
        bands.sort_by_key(|band| std::cmp::Reverse(band.1));
        bands
    }

    /// How far back API requests must be remembered: the longest `over`, at least ten minutes.
    #[must_use]
    pub fn api_span(&self) -> Duration {
        let over = self.rules.iter().filter_map(|rule| match rule.kind {
            Kind::ApiLatency { over, .. } | Kind::ApiErrors { over, .. } => Some(over),
            _ => None,
        });
        over.max().unwrap_or_default().max(Duration::from_mins(10))
    }

    pub(super) fn of(&self, subject: &Subject) -> &[usize] {
        match subject {
            Subject::Shift(_) => &self.shift,
            Subject::Visit(_) => &self.visit,
            Subject::Endpoint(_) => &self.endpoint,
            Subject::Gateway(_) => &self.gateway,
            Subject::Schedule(_) | Subject::Policy(_) | Subject::Person(_) => &self.on_call,
            Subject::Agency => &self.agency,
            Subject::ShiftPair(_) => &self.pair,
            Subject::CaregiverWeek(..) => &self.week,
            Subject::Client(_) => &self.client,
            Subject::Caregiver(_) | Subject::Section(_) | Subject::Posted(_) => &[],
        }
    }

    pub(super) fn shift_rules(&self) -> impl Iterator<Item = &Rule> {
        self.shift.iter().map(|i| &self.rules[*i])
    }

    /// Which pairs of shifts have to be looked at; `None` when no rule is about pairs.
    pub(super) fn reach(&self) -> Option<Reach> {
        (!self.pair.is_empty()).then_some(self.reach)
    }

    /// Whether any rule is about caregivers' weeks.
    pub(super) fn has_weeks(&self) -> bool {
        !self.week.is_empty()
    }

    /// Whether any rule is about clients.
    pub(super) fn has_clients(&self) -> bool {
        !self.client.is_empty()
    }

    pub(super) fn rule(&self, i: usize) -> &Rule {
        &self.rules[i]
    }

    pub(super) fn pick_bit(&self, i: usize) -> Option<u32> {
        self.pick_bit[i]
    }

    pub(super) fn has_where(&self, subject: &Subject) -> bool {
        self.n_where > 0 && self.of(subject).iter().any(|i| self.pick_bit[*i].is_some())
    }
}

/// How old evidence from before a window's opening may be.
pub(super) fn max_data_age(rule: &Rule, mirror: &Mirror) -> TimeDelta {
    delta(rule.max_data_age.unwrap_or(mirror.settings().detect_within + DATA_AGE_MARGIN))
}

/// A shift rule's look at a shift; `None` for kinds about something else.
pub(super) fn shift_look(kind: &Kind, scene: &Scene<'_>) -> Option<Look> {
    match kind {
        Kind::UncoveredShift { within, .. } => Some(uncovered_shift::look(*within, scene)),
        Kind::MissedCheckIn { after } => Some(missed_check_in::look(*after, scene)),
        Kind::NoShow { after } => Some(no_show::look(*after, scene)),
        Kind::MissedCheckOut { after } => Some(missed_check_out::look(*after, scene)),
        Kind::LateCheckIn { by } => Some(late_check_in::look(*by, scene)),
        Kind::ShortVisit { below } => Some(short_visit::look(*below, scene)),
        Kind::Overrun { by } => Some(overrun::look(*by, scene)),
        Kind::InactiveCaregiverAssigned => Some(inactive_caregiver_assigned::look(scene)),
        Kind::LateChange { within } => Some(late_change::look(*within, scene)),
        _ => None,
    }
}
