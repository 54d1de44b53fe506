//! The judge: every rule's word on the subjects that changed or are due, and on no others.
//!
//! It borrows everything. What comes out is committed first; only then does the caller set the wakes in the agenda
//! and let the ledger absorb its delta, so that a refused commit is simply judged again.

#[cfg(test)]
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use chrono::TimeDelta;

use super::{
    exception::Exception,
    finding::{Broken, Closing, Finding, Opened, RuleId, Tells, Unjudged, Verdict, Window},
    gateway_health::GatewayHealth,
    kinds::{
        api_down, api_errors, api_latency, blind, caregiver_mismatch, client_without_shifts, delivery_failing, delta,
        double_booked, late_change, on_call, overtime_ahead,
        pair::{self, Pair},
        runaway_visit,
        shift::{self, Scene},
        source_anomaly, tight_turnaround, uncovered_shift, unscheduled_visit, visit, watchdog,
    },
    ledger::{After, Ledger, LedgerDelta, Picks, Waiting},
    look::{Look, Particulars, Says, Word},
    on_call_health::OnCallHealth,
    rule::{Kind, Rule},
    ruleset::{PICKS_MAX, Ruleset, max_data_age, shift_look},
    where_clause::WhereFacts,
};
use crate::{
    agenda::{Wake, WakeAt},
    mirror::{Anomaly, Mirror, changes::Changes, shifts::ShiftEntry},
    model::{CaregiverId, ClientId, Endpoint, Instant, ShiftKey, Subject, VisitId, week::week_of},
    source::fetched::Read,
};

/// Everything a pass judges by.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The rules.
    pub ruleset: &'a Ruleset,
    /// What the agency looks like.
    pub mirror: &'a Mirror,
    /// What earlier passes remembered.
    pub ledger: &'a Ledger,
    /// Every way out that is configured.
    pub gateways: &'a [GatewayHealth],
    /// Every schedule, policy and person of whom something may be said; empty but for the installation.
    pub on_call: &'a [OnCallHealth],
    /// Whether an alert of this rule on this subject is open (pending, firing or acknowledged).
    pub open: &'a dyn Fn(&RuleId, &Subject) -> bool,
    /// The pass's instant.
    pub now: Instant,
}

/// What a pass found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Broken rules; and, of rules with an open alert, what is fine or cannot be judged.
    pub findings: Vec<Finding>,
    /// New places in the agenda for every subject that was looked at.
    pub wakes: Vec<WakeAt>,
    /// What the ledger must absorb after the commit.
    pub ledger: LedgerDelta,
    /// Reads that would settle what cannot be judged.
    pub reads_wanted: BTreeSet<Read>,
    /// How often a `where:` failed or gave no bool; each counted as true.
    pub n_where_faults: u64,
    /// How many subjects were looked at.
    pub n_judged: usize,
}

/// Judges what changed and what is due.
#[must_use]
pub fn judge<'d>(scope: &Scope<'_>, changes: &Changes, due: impl IntoIterator<Item = &'d Subject>) -> Judged {
    let mut pass = Pass::new(scope);
    let due: BTreeSet<&Subject> = due.into_iter().collect();
    let mut agency = due.contains(&Subject::Agency) || changes.changed.contains(&Subject::Agency);
    for subject in &changes.changed {
        pass.subject(subject, true);
    }
    for subject in &changes.seen {
        pass.subject(subject, false);
    }
    let touched = pass.touched(changes);
    for subject in touched.difference(&changes.changed) {
        pass.subject(subject, true);
    }
    for subject in due {
        if touched.contains(subject) {
            continue;
        }
        let is_gateway =
            scope.gateways.iter().any(|gateway| matches!(subject, Subject::Gateway(name) if *name == gateway.name));
        let is_on_call = matches!(subject, Subject::Schedule(_) | Subject::Policy(_) | Subject::Person(_));
        if !is_gateway && !is_on_call && !changes.changed.contains(subject) && !changes.seen.contains(subject) {
            pass.subject(subject, false);
        }
    }
    for gateway in scope.gateways {
        // A way out has no changes of its own to be told of: there are few, so each is looked at in every pass.
        pass.subject(&Subject::Gateway(gateway.name.clone()), false);
    }
    pass.on_call();
    agency |= !pass.out.ledger.waiting.is_empty();
    if agency {
        pass.agency();
    }
    pass.out
}

/// Judges everything: at start, after a reload, and when the clock stepped. `open_subjects` are the subjects of
/// open alerts, which may be gone from the mirror.
#[must_use]
pub fn judge_all(scope: &Scope<'_>, open_subjects: impl IntoIterator<Item = Subject>) -> Judged {
    let mut pass = Pass::new(scope);
    let mut done: BTreeSet<Subject> = BTreeSet::new();
    let any_rule = scope.ruleset.shift_rules().next().is_some();
    for entry in scope.mirror.shifts().iter().filter(|_| any_rule) {
        let key = &entry.shift.key;
        pass.shift(&Subject::Shift(key.clone()), key, Some(entry), true);
    }
    for entry in scope.mirror.visits().iter() {
        pass.subject(&Subject::Visit(entry.visit.id.clone()), true);
    }
    for subject in pass.derived() {
        pass.subject(&subject, true);
        done.insert(subject);
    }
    for endpoint in Endpoint::ALL {
        pass.subject(&Subject::Endpoint(endpoint), true);
    }
    for gateway in scope.gateways {
        done.insert(Subject::Gateway(gateway.name.clone()));
        pass.subject(&Subject::Gateway(gateway.name.clone()), true);
    }
    for health in scope.on_call {
        done.insert(health.subject.clone());
    }
    pass.on_call();
    // What is remembered of subjects that are no more is forgotten here.
    let left = scope.ledger.unjudged().map(|(subject, _)| subject).chain(scope.ledger.pairs());
    let left = left.cloned().chain(open_subjects);
    for subject in left {
        let known = match &subject {
            Subject::Shift(key) => scope.mirror.shift(key).is_some(),
            Subject::Visit(id) => scope.mirror.visit(id).is_some(),
            Subject::Endpoint(_) | Subject::Agency => true,
            _ => false,
        };
        if !known && done.insert(subject.clone()) {
            pass.subject(&subject, true);
        }
    }
    pass.agency();
    pass.out
}

struct Pass<'a, 's> {
    scope: &'s Scope<'a>,
    out: Judged,
}

/// What the rules say of one subject together.
#[derive(Default)]
struct Together {
    next: Option<Instant>,
    waiting: Option<Waiting>,
    /// Since when there was anything to ask: the row was first seen, somebody else was put on the shift, or a read
    /// lacked the row that the one before it had.
    asked_since: Option<Instant>,
}

impl<'a, 's> Pass<'a, 's> {
    fn new(scope: &'s Scope<'a>) -> Self {
        Self { scope, out: Judged::default() }
    }

    fn subject(&mut self, subject: &Subject, changed: bool) {
        let Scope { mirror, ruleset, .. } = *self.scope;
        if ruleset.of(subject).is_empty() {
            return;
        }
        match subject {
            Subject::Shift(key) => self.shift(subject, key, mirror.shift(key), changed),
            Subject::Visit(id) => self.visit(subject, id, changed),
            Subject::ShiftPair(keys) => self.pair(subject, keys, changed),
            Subject::CaregiverWeek(caregiver, week) => {
                let picks = self.picks(subject, changed, || Some(WhereFacts::of_caregiver(mirror, caregiver)));
                let mut together = Together::default();
                for i in ruleset.of(subject) {
                    let rule = ruleset.rule(*i);
                    let Kind::OvertimeAhead { weekly_hours } = rule.kind else { continue };
                    let look = if self.picked(*i, picks) {
                        overtime_ahead::look(weekly_hours, caregiver, *week, mirror)
                    } else {
                        Look::never(Closing::RuleRemoved)
                    };
                    self.say(rule, subject, &look, &mut together, || {
                        overtime_ahead::particulars(weekly_hours, caregiver, *week, mirror)
                    });
                }
                self.conclude(subject, &together);
            }
            Subject::Client(id) => self.client(subject, id, changed),
            Subject::Endpoint(endpoint) => self.endpoint(*endpoint, subject),
            Subject::Gateway(name) => {
                let health = self.scope.gateways.iter().find(|health| health.name == *name);
                let mut together = Together::default();
                for i in ruleset.of(subject) {
                    let rule = ruleset.rule(*i);
                    if let Kind::DeliveryFailing { after } = rule.kind {
                        let look = delivery_failing::look(after, health);
                        self.say(rule, subject, &look, &mut together, || Particulars::of(subject, Tells::Summary));
                    }
                }
                self.conclude(subject, &together);
            }
            Subject::Schedule(_) | Subject::Policy(_) | Subject::Person(_) => {
                let health = self.scope.on_call.iter().find(|health| health.subject == *subject);
                let mut together = Together::default();
                for i in ruleset.of(subject) {
                    let rule = ruleset.rule(*i);
                    let (look, of_the_hole) = match rule.kind {
                        Kind::NobodyOnCall { within } => (on_call::nobody(within, health), true),
                        Kind::OnCallFault => (on_call::fault(health), false),
                        Kind::UnverifiedNumber => (on_call::unverified(health), false),
                        _ => continue,
                    };
                    self.say(rule, subject, &look, &mut together, || {
                        on_call::particulars(subject, health, of_the_hole)
                    });
                }
                self.conclude(subject, &together);
            }
            // The agency is judged last, by `agency`, once it is known what waits. No kind is about the others.
            Subject::Agency | Subject::Caregiver(_) | Subject::Section(_) | Subject::Posted(_) => {}
        }
    }

    /// What stands on what changed without having changes of its own: pairs of shifts, weeks, clients.
    fn touched(&self, changes: &Changes) -> BTreeSet<Subject> {
        let Scope { mirror, ruleset, ledger, now, .. } = *self.scope;
        let mut touched = BTreeSet::new();
        let (reach, has_weeks) = (ruleset.reach(), ruleset.has_weeks());
        for subject in &changes.changed {
            match subject {
                Subject::Shift(key) => {
                    let entry = mirror.shift(key);
                    if let Some(reach) = reach {
                        touched.extend(ledger.pairs_of(key).cloned());
                        touched.extend(entry.into_iter().flat_map(|entry| pair::pairs_of(entry, reach, mirror)));
                    }
                    if has_weeks {
                        touched.extend(entry.into_iter().flat_map(|entry| weeks_of(entry, mirror)));
                    }
                }
                Subject::Caregiver(id) if has_weeks => touched.extend(weeks_around(id, mirror, now)),
                _ => {}
            }
        }
        if ruleset.has_clients() {
            touched.extend(changes.clients.iter().cloned().map(Subject::Client));
        }
        touched
    }

    /// All of these that there are.
    fn derived(&self) -> BTreeSet<Subject> {
        let Scope { mirror, ruleset, .. } = *self.scope;
        let mut all = BTreeSet::new();
        let reach = ruleset.reach();
        if reach.is_some() || ruleset.has_weeks() {
            for entry in mirror.shifts().iter() {
                if let Some(reach) = reach {
                    all.extend(pair::pairs_of(entry, reach, mirror));
                }
                if ruleset.has_weeks() {
                    all.extend(weeks_of(entry, mirror));
                }
            }
        }
        if ruleset.has_clients() {
            // Whom only a shift or a visit names is nobody's client.
            all.extend(mirror.client_ids().filter(|id| mirror.client(id).is_some()).cloned().map(Subject::Client));
        }
        all
    }

    fn visit(&mut self, subject: &Subject, id: &VisitId, changed: bool) {
        let Scope { mirror, ruleset, .. } = *self.scope;
        let entry = mirror.visit(id);
        let picks = self.picks(subject, changed, || entry.map(|entry| WhereFacts::of_visit(mirror, entry)));
        let asked_since = entry.and_then(|entry| entry.missed_at.max(Some(entry.first_seen_at)));
        let mut together = Together { asked_since, ..Together::default() };
        for i in ruleset.of(subject) {
            let rule = ruleset.rule(*i);
            let look = match rule.kind {
                _ if !self.picked(*i, picks) => Look::never(Closing::RuleRemoved),
                Kind::RunawayVisit { after, longest } => runaway_visit::look(after, longest, id, mirror),
                Kind::UnscheduledVisit => unscheduled_visit::look(id, mirror),
                Kind::CaregiverMismatch => caregiver_mismatch::look(id, mirror),
                _ => Look::never(Closing::RuleRemoved),
            };
            self.say(rule, subject, &look, &mut together, || match (entry, &rule.kind) {
                (Some(entry), Kind::UnscheduledVisit) => unscheduled_visit::particulars(entry, mirror),
                (Some(entry), Kind::CaregiverMismatch) => caregiver_mismatch::particulars(entry, mirror),
                (Some(entry), _) => visit::particulars(entry, mirror, Tells::Runaway),
                (None, _) => Particulars::of(subject, Tells::Runaway),
            });
        }
        self.conclude(subject, &together);
    }

    fn pair(&mut self, subject: &Subject, keys: &(ShiftKey, ShiftKey), changed: bool) {
        let Scope { mirror, ruleset, ledger, .. } = *self.scope;
        let pair = Pair::of(keys, mirror);
        let second = pair.as_ref().ok().map(|pair| pair.second);
        let picks = self.picks(subject, changed, || second.map(|entry| WhereFacts::of_shift(mirror, entry)));
        let mut together = Together::default();
        let mut any = false;
        for i in ruleset.of(subject) {
            let rule = ruleset.rule(*i);
            let look = match (&pair, &rule.kind) {
                _ if !self.picked(*i, picks) => Look::never(Closing::RuleRemoved),
                (Err(gone), _) => gone.clone(),
                (Ok(pair), Kind::DoubleBooked { of }) => double_booked::look(*of, *pair, mirror),
                (Ok(pair), Kind::TightTurnaround { under }) => tight_turnaround::look(*under, *pair, mirror),
                _ => continue,
            };
            any |= look.window.is_some();
            let what = rule.kind.exception().unwrap_or(Exception::DoubleBooked);
            self.say(rule, subject, &look, &mut together, || match &pair {
                Ok(pair) => pair::particulars(*pair, what, mirror),
                Err(_) => Particulars::of(subject, Tells::Exception(what)),
            });
        }
        if ledger.pairs_of(&keys.0).any(|known| known == subject) != any {
            self.out.ledger.pairs.push((subject.clone(), any));
        }
        self.conclude(subject, &together);
    }

    fn client(&mut self, subject: &Subject, id: &ClientId, changed: bool) {
        let Scope { mirror, ruleset, now, .. } = *self.scope;
        let picks = self.picks(subject, changed, || Some(WhereFacts::of_client(mirror, id)));
        let mut together = Together::default();
        for i in ruleset.of(subject) {
            let rule = ruleset.rule(*i);
            let Kind::ClientWithoutShifts { for_ } = rule.kind else { continue };
            let look = if self.picked(*i, picks) {
                client_without_shifts::look(for_, id, mirror, now)
            } else {
                Look::never(Closing::RuleRemoved)
            };
            self.say(rule, subject, &look, &mut together, || client_without_shifts::particulars(id, mirror));
        }
        self.conclude(subject, &together);
    }

    /// `entry` is the shift with this key, if the mirror has one.
    fn shift(&mut self, subject: &Subject, key: &ShiftKey, entry: Option<&ShiftEntry>, changed: bool) {
        let Scope { mirror, ruleset, now, .. } = *self.scope;
        let picks = self.picks(subject, changed, || entry.map(|entry| WhereFacts::of_shift(mirror, entry)));
        let asked_since = entry.map(|entry| entry.missed_at.max(Some(entry.changed().caregiver)));
        let asked_since = asked_since.flatten();
        let scene = entry.map(|entry| Scene::of(entry, mirror));
        let mut together = Together { asked_since, ..Together::default() };
        for i in ruleset.of(subject) {
            let rule = ruleset.rule(*i);
            let look = match &scene {
                _ if !self.picked(*i, picks) => Look::never(Closing::RuleRemoved),
                Some(scene) => shift_look(&rule.kind, scene).unwrap_or_else(|| Look::never(Closing::RuleRemoved)),
                None => shift::absent(key, mirror),
            };
            self.say(rule, subject, &look, &mut together, || match entry {
                Some(entry) => shift_particulars(rule, entry, mirror, now),
                None => Particulars::of(subject, Tells::Summary),
            });
        }
        self.conclude(subject, &together);
    }

    /// They have no changes of their own to be told of: they are few, so each is looked at in every pass, and so is
    /// what an alert is open on.
    fn on_call(&mut self) {
        for health in self.scope.on_call {
            self.subject(&health.subject, false);
        }
    }

    fn endpoint(&mut self, endpoint: Endpoint, subject: &Subject) {
        let Scope { mirror, ruleset, ledger, now, .. } = *self.scope;
        let stats = mirror.api(endpoint);
        let mut together = Together::default();
        for i in ruleset.of(subject) {
            let rule = ruleset.rule(*i);
            let ((holds, next), over) = match rule.kind {
                Kind::ApiLatency { quantile, above, over } => {
                    (api_latency::holds(quantile, above, over, stats, now), over)
                }
                Kind::ApiErrors { ratio, over } => (api_errors::holds(ratio, over, stats, now), over),
                // Read once a day at most, and not offered by every server: nobody is called for it.
                Kind::ApiDown { .. } if endpoint.is_optional() => {
                    let look = Look::never(Closing::Recovered);
                    self.say(rule, subject, &look, &mut together, || Particulars::of(subject, Tells::Summary));
                    continue;
                }
                Kind::ApiDown { after } => {
                    let look = api_down::look(after, endpoint.section(), stats);
                    self.say(rule, subject, &look, &mut together, || Particulars::of(subject, Tells::Summary));
                    continue;
                }
                _ => continue,
            };
            let since = ledger.holds_since(&rule.id, subject);
            let look = if holds {
                let opens_at = since.unwrap_or(now);
                if since.is_none() {
                    self.out.ledger.holds_since.push((rule.id.clone(), subject.clone(), Some(now)));
                }
                Look::certain(Window { opens_at, closes_at: None }, opens_at)
            } else {
                if since.is_some() {
                    self.out.ledger.holds_since.push((rule.id.clone(), subject.clone(), None));
                }
                let (settled, at) = api_latency::settled(over, mirror.began_at(), stats, now);
                together.next = earlier(together.next, at);
                if settled { Look::never(Closing::Recovered) } else { Look::unsettled(endpoint.section()) }
            };
            together.next = earlier(together.next, next);
            self.say(rule, subject, &look, &mut together, || Particulars::of(subject, Tells::Summary));
        }
        self.conclude(subject, &together);
    }

    fn agency(&mut self) {
        let Scope { mirror, ruleset, ledger, now, .. } = *self.scope;
        let subject = Subject::Agency;
        let is_open = |rule: &Rule| (self.scope.open)(&rule.id, &Subject::Agency);
        let delta = std::mem::take(&mut self.out.ledger);
        let mut together = Together::default();
        {
            let waiting = After { ledger, delta: &delta };
            let mut anomalies: Option<Vec<Anomaly>> = None;
            for i in ruleset.of(&subject) {
                let rule = ruleset.rule(*i);
                match rule.kind {
                    Kind::Blind { after, idle } => {
                        let look = blind::look(after, idle, &waiting, mirror, now, is_open(rule));
                        self.say(rule, &subject, &look, &mut together, || blind::particulars(&waiting, mirror, now));
                    }
                    Kind::SourceAnomaly => {
                        let anomalies = anomalies.get_or_insert_with(|| mirror.anomalies());
                        let look = source_anomaly::look(anomalies, mirror, is_open(rule));
                        self.say(rule, &subject, &look, &mut together, || source_anomaly::particulars(anomalies));
                    }
                    Kind::Watchdog => {
                        let look = watchdog::look(mirror);
                        self.say(rule, &subject, &look, &mut together, || Particulars::of(&subject, Tells::Summary));
                    }
                    _ => {}
                }
            }
        }
        self.out.ledger = delta;
        self.out.wakes.push((Wake::Subject(subject), together.next));
        self.out.n_judged += 1;
    }

    /// One rule's word, put where it belongs.
    fn say(
        &mut self,
        rule: &Rule,
        subject: &Subject,
        look: &Look,
        together: &mut Together,
        particulars: impl FnOnce() -> Particulars,
    ) {
        let Scope { mirror, open, now, .. } = *self.scope;
        let Word { says, next } = look.word(max_data_age(rule, mirror), now);
        together.next = earlier(together.next, next);
        let verdict = match says {
            Says::Broken(window) => {
                let Particulars {
                    deadline,
                    starts_at,
                    ends_at,
                    location,
                    subject_labels,
                    client,
                    caregiver,
                    tells,
                    annotations,
                    past_bad_rows,
                    lost_at,
                } = particulars();
                Verdict::Broken(Box::new(Broken {
                    window,
                    evidence_at: look.evidence_at.unwrap_or(window.opens_at),
                    deadline,
                    starts_at,
                    ends_at,
                    location,
                    subject_labels,
                    client,
                    caregiver,
                    tells,
                    annotations,
                    past_bad_rows,
                    opened: lost_at.map(|at| Opened::of(at, window.opens_at)),
                }))
            }
            Says::Fine(closing) if open(&rule.id, subject) => Verdict::Fine(closing),
            Says::Held(section) if open(&rule.id, subject) => {
                Verdict::Unjudged { because: Unjudged { edge: mirror.began_at(), section, wants: None } }
            }
            Says::Fine(_) | Says::Held(_) => return,
            Says::Unjudged { edge, section, wants } => {
                // What passed before this process began to watch, or before there was anything to ask, makes nobody
                // blind: it is being caught up with.
                let counts_from = Some(mirror.began_at()).max(together.asked_since);
                let waiting = Waiting { edge: counts_from.map_or(edge, |from| edge.max(from)), section };
                if together.waiting.is_none_or(|other| (waiting.edge, waiting.section) < (other.edge, other.section)) {
                    together.waiting = Some(waiting);
                }
                let wants = wants.of(subject, mirror);
                self.out.reads_wanted.extend(wants.clone());
                if !open(&rule.id, subject) {
                    return;
                }
                Verdict::Unjudged { because: Unjudged { edge, section, wants } }
            }
        };
        self.out.findings.push(Finding { rule: rule.id.clone(), subject: subject.clone(), verdict });
    }

    fn conclude(&mut self, subject: &Subject, together: &Together) {
        self.out.wakes.push((Wake::Subject(subject.clone()), together.next));
        self.out.n_judged += 1;
        if self.scope.ledger.waits(subject).copied() != together.waiting {
            self.out.ledger.waiting.insert(subject.clone(), together.waiting);
        }
    }

    /// Which expressions pick the subject: remembered, unless it changed.
    fn picks(&mut self, subject: &Subject, changed: bool, facts: impl FnOnce() -> Option<WhereFacts>) -> Option<Picks> {
        let Scope { ruleset, ledger, .. } = *self.scope;
        if !ruleset.has_where(subject) {
            return None;
        }
        let known = ledger.picks(subject);
        if !changed && known.is_some() {
            return known;
        }
        let Some(facts) = facts() else {
            if known.is_some() {
                self.out.ledger.picks.push((subject.clone(), None));
            }
            return None;
        };
        let mut picks: Picks = 0;
        for i in ruleset.of(subject) {
            if let (Some(bit), Some(expression)) = (ruleset.pick_bit(*i), &ruleset.rule(*i).where_) {
                let holds = expression.holds(&facts).unwrap_or_else(|_| {
                    self.out.n_where_faults += 1;
                    true
                });
                // Beyond the last bit a rule picks every subject: an alert too many, never one too few.
                if holds && usize::try_from(bit).is_ok_and(|bit| bit < PICKS_MAX) {
                    picks |= 1 << bit;
                }
            }
        }
        if known != Some(picks) {
            self.out.ledger.picks.push((subject.clone(), Some(picks)));
        }
        Some(picks)
    }

    fn picked(&self, rule: usize, picks: Option<Picks>) -> bool {
        match (self.scope.ruleset.pick_bit(rule), picks) {
            (Some(bit), Some(picks)) => {
                usize::try_from(bit).is_ok_and(|bit| bit >= PICKS_MAX) || picks & (1 << bit) != 0
            }
            _ => true,
        }
    }
}

fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// How far back and ahead the mirror holds shifts.
const WEEKS_BACK: i64 = 2;
const WEEKS_AHEAD: i64 = 5;

/// The weeks that a shift counts towards: two where it lies across the midnight between them.
fn weeks_of(entry: &ShiftEntry, mirror: &Mirror) -> BTreeSet<Subject> {
    let Some(caregiver) = &entry.shift.caregiver else { return BTreeSet::new() };
    let (zone, starts) = (mirror.settings().timezone, mirror.settings().week_starts);
    let last = (entry.shift.end - TimeDelta::microseconds(1)).max(entry.shift.start());
    [entry.shift.start(), last].map(|at| Subject::CaregiverWeek(caregiver.clone(), week_of(zone, starts, at))).into()
}

/// Every week of a caregiver that anything may be known of.
fn weeks_around(caregiver: &CaregiverId, mirror: &Mirror, now: Instant) -> BTreeSet<Subject> {
    let (zone, starts) = (mirror.settings().timezone, mirror.settings().week_starts);
    let at = |weeks: i64| week_of(zone, starts, now + TimeDelta::weeks(weeks));
    (-WEEKS_BACK..=WEEKS_AHEAD).map(|weeks| Subject::CaregiverWeek(caregiver.clone(), at(weeks))).collect()
}

fn shift_particulars(rule: &Rule, entry: &ShiftEntry, mirror: &Mirror, now: Instant) -> Particulars {
    let (tells, deadline) = match rule.kind {
        Kind::UncoveredShift { .. } => (Tells::Uncovered, Some(uncovered_shift::deadline(entry, now))),
        Kind::MissedCheckOut { .. } => (Tells::NoCheckOut, None),
        // The client waits since then: nothing that is yet to start is more urgent.
        Kind::MissedCheckIn { after } => (Tells::NoCheckIn, Some(entry.shift.start() + delta(after))),
        Kind::NoShow { after } => (Tells::NoShow, Some(entry.shift.start() + delta(after))),
        Kind::LateChange { .. } => {
            let what = late_change::last_change(entry).map(|(_, what)| ("changed".to_owned(), what.to_owned()));
            let tells = Tells::Exception(Exception::LateChange);
            let particulars = shift::particulars(entry, mirror, tells, Some(entry.shift.start()));
            return Particulars { annotations: what.into_iter().collect(), ..particulars };
        }
        Kind::InactiveCaregiverAssigned => (Tells::Exception(Exception::InactiveCaregiver), Some(entry.shift.start())),
        Kind::LateCheckIn { .. } | Kind::ShortVisit { .. } | Kind::Overrun { .. } => {
            (rule.kind.exception().map_or(Tells::Summary, Tells::Exception), None)
        }
        _ => (Tells::NoCheckIn, Some(entry.shift.end)),
    };
    shift::particulars(entry, mirror, tells, deadline)
}

/// Every verdict that holds now, for tests: judging everything, told that every alert is open.
#[cfg(test)]
pub(super) fn all_verdicts(scope: &Scope<'_>) -> BTreeMap<(RuleId, Subject), Verdict> {
    let judged = judge_all(&Scope { open: &|_, _| true, ..*scope }, []);
    judged.findings.into_iter().map(|finding| ((finding.rule, finding.subject), finding.verdict)).collect()
}
