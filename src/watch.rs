//! One agency under watch: everything a pass needs, in memory, and how it comes back from the store.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::TimeDelta;

use crate::{
    agenda::Agenda,
    alerts::{
        alert::{Alert, AlertKey, Facts, Labels},
        book::Book,
        decide,
        disposition::Said,
        policy::Policy,
        severity::rank,
        silence::Silences,
        step::{CatchUp, Quiet},
    },
    config,
    limits::CLOCK_SLACK,
    mirror::{
        Mirror,
        changes::Changes,
        facts::ClientTier,
        settings::{LocationName, NaiveReading, Settings},
    },
    model::{ClientId, Instant, LocationId, Phi, Section},
    notify::{
        former::Addresses,
        render,
        template::{self},
        voice::Telling,
    },
    reach::Reach,
    remind::{self, Moment, Outcome},
    report::cover::Past,
    rules::{
        finding::{Finding, Opened, RuleId},
        ledger::Ledger,
        on_call_health::OnCallHealth,
        plan,
        rule::{Kind, Rule},
        ruleset::Ruleset,
    },
    source::planner::ClientPlan,
    store::{Loaded, ReminderRow},
};

pub mod care;
pub mod rota;
pub mod takers;

/// One agency under watch.
#[derive(Debug)]
pub struct Watch {
    /// Its settings.
    pub settings: config::Agency,
    /// What it looks like now.
    pub mirror: Mirror,
    /// What changed since the last committed tick.
    pub changes: Changes,
    /// Its rules.
    pub ruleset: Arc<Ruleset>,
    /// What cannot be judged, since when.
    pub ledger: Ledger,
    /// When anything can change by itself.
    pub agenda: Agenda,
    /// Every live alert.
    pub book: Book,
    /// Every phone, over all agencies, and what links are made with.
    pub reach: Reach,
    /// Where to reach those who were told under an earlier configuration.
    pub former: Addresses,
    /// Findings that did not fit into the last step; they come first in the next.
    pub later: Vec<Finding>,
    /// Why each alert that could be told was not, when it was last looked at.
    pub quiet: HashMap<AlertKey, Quiet>,
    /// The installation's silences, as of the pass.
    pub silences: Arc<Silences>,
    /// Which version of the silences the last committed tick saw; `None` = it has to look.
    pub silences_seen: Option<u64>,
    /// How it stands with who is on call; of the installation alone.
    pub on_call: Vec<OnCallHealth>,
    /// Which caregivers were reminded of what.
    pub reminders: remind::Memory,
    /// Who was with whom before memory begins; empty until it was read.
    pub past: Arc<Past>,
    /// What somebody said became of alerts that are still in the book, by fingerprint and beginning.
    pub said: BTreeMap<(String, Instant), Said>,
    /// The number of its last commit.
    pub n: i64,
    /// Nothing was judged yet since the start or the reload: the next tick judges everything.
    pub unseen: bool,
    /// The instant of the last tick, to notice a clock that stepped and a machine that slept.
    pub ticked_at: Option<Instant>,
    /// So long without a tick is a standstill.
    pub standstill: TimeDelta,
}

/// So many seconds without a tick are a standstill: a suspended machine, a paused process, a clock set forward. A
/// slow store is not meant. Of a clock that runs faster, as many of its own.
pub const STANDSTILL_S: i64 = 60;

impl Watch {
    /// The agency as it was stored. The agenda and the ledger are derived: the first tick makes them.
    #[must_use]
    pub fn restore(
        settings: &config::Agency,
        loaded: Loaded,
        ruleset: Arc<Ruleset>,
        policy: Arc<Policy>,
        now: Instant,
    ) -> Self {
        let mirror = Mirror::restore(mirror_settings(settings, &ruleset), loaded.mirror, now);
        let name = settings.name.clone();
        let book =
            Book::restore(name, policy, loaded.alerts, loaded.groups, loaded.catch_up, now).with_pages(loaded.pages);
        let reach = Reach::default();
        reach.join(book.agency(), book.pages());
        let later = book.without_rule(|id| ruleset.get(id).is_some());
        let mut agenda = Agenda::new();
        for wake in book.wakes() {
            agenda.set(wake);
        }
        Self {
            settings: settings.clone(),
            mirror,
            changes: Changes::default(),
            ruleset,
            ledger: Ledger::default(),
            agenda,
            book,
            reach,
            former: loaded.addresses.into_iter().collect(),
            later,
            quiet: HashMap::new(),
            silences: Arc::default(),
            silences_seen: None,
            on_call: Vec::new(),
            past: Arc::default(),
            reminders: reminders_of(&loaded.reminders, &loaded.reminder_counts),
            said: loaded.said.into_iter().map(|said| ((said.fingerprint.clone(), said.active_at), said)).collect(),
            n: loaded.n,
            unseen: true,
            ticked_at: None,
            standstill: TimeDelta::seconds(STANDSTILL_S),
        }
    }

    /// An agency of which nothing was stored, with nothing to catch up with: for rehearsals, which have no store. However
    /// far apart its passes are, nobody slept between them.
    #[must_use]
    pub fn fresh(
        settings: &config::Agency,
        ruleset: Arc<Ruleset>,
        policy: Arc<Policy>,
        reach: Reach,
        now: Instant,
    ) -> Self {
        let loaded = Loaded {
            n: 0,
            alerts: Vec::new(),
            groups: Vec::new(),
            pages: Vec::new(),
            addresses: Vec::new(),
            catch_up: Some(CatchUp::Done),
            mirror: Vec::new(),
            orders: Vec::new(),
            receipts: Vec::new(),
            said: Vec::new(),
            reminders: Vec::new(),
            reminder_counts: Vec::new(),
        };
        Self { standstill: TimeDelta::MAX, reach, ..Self::restore(settings, loaded, ruleset, policy, now) }
    }

    /// Notices that the clock stepped back or that nobody looked for a while, and has everything judged again then.
    ///
    /// Edges that passed during a standstill were not watched by anybody, and nobody is blind for that: they are being
    /// caught up with, as at a start.
    pub fn pass_time(&mut self, now: Instant) {
        let Some(before) = self.ticked_at.replace(now) else { return };
        if now + CLOCK_SLACK < before {
            tracing::warn!(agency = %self.settings.name, back_s = (before - now).num_seconds(), "clock: it stepped back; what was read later than now is read again");
            self.mirror.disbelieve_after(now);
        } else if now - before > self.standstill {
            tracing::warn!(agency = %self.settings.name, gap_s = (now - before).num_seconds(), "clock: nothing was judged for a while; looking again before anybody is told");
            self.mirror.begin_again(now);
            // Without a schedule there is nothing to catch up with.
            if self.mirror.section(Section::Clients).read_at.is_some() {
                self.book.recover(now);
            }
        }
        self.unseen |= now < before || now - before > self.standstill;
    }

    /// Reaches people together with the other agencies: no code stands for two pages on one phone.
    pub fn share(&mut self, reach: &Reach) {
        self.reach = reach.clone();
        self.reach.join(self.book.agency(), self.book.pages());
    }

    /// Takes the alerts as they are stored in the place of those in memory; the mirror, which is read from the vendor,
    /// stays. The next tick judges everything.
    pub fn read_again(&mut self, loaded: Loaded, now: Instant) {
        let policy = Arc::new(self.book.policy().clone());
        let name = self.settings.name.clone();
        self.book =
            Book::restore(name, policy, loaded.alerts, loaded.groups, loaded.catch_up, now).with_pages(loaded.pages);
        self.reach.join(self.book.agency(), self.book.pages());
        self.former = loaded.addresses.into_iter().collect();
        self.later = self.book.without_rule(|id| self.ruleset.get(id).is_some());
        self.n = loaded.n;
        self.begin_judging_anew();
    }

    /// The same agency under another configuration. What was seen, what waits for evidence and since when, and every
    /// alert stay: a reload is no evidence. Everything is judged again by the new rules. `told` are the addresses of those
    /// who were told of what still fires.
    pub fn renew(
        &mut self,
        settings: &config::Agency,
        ruleset: Arc<Ruleset>,
        policy: Arc<Policy>,
        told: Vec<Phi<String>>,
        now: Instant,
    ) {
        self.former = told.into_iter().collect();
        self.mirror.reconfigure(mirror_settings(settings, &ruleset));
        self.ledger = std::mem::take(&mut self.ledger).under(&ruleset);
        self.book = self.book.with_policy(policy, now);
        self.later = self.book.without_rule(|id| ruleset.get(id).is_some());
        self.settings = settings.clone();
        self.ruleset = ruleset;
        self.begin_judging_anew();
    }

    /// The agenda holds what the book waits for; the next tick judges everything and fills in the rest.
    fn begin_judging_anew(&mut self) {
        self.agenda = Agenda::new();
        for wake in self.book.wakes() {
            self.agenda.set(wake);
        }
        self.quiet.clear();
        self.silences_seen = None;
        self.unseen = true;
    }

    /// What the planner should know of these clients; `None` for one that is watched no more.
    #[must_use]
    pub fn plans(&self, clients: &BTreeSet<ClientId>, now: Instant) -> Vec<(ClientId, Option<ClientPlan>)> {
        clients.iter().map(|client| (client.clone(), self.plan(client, now))).collect()
    }

    fn plan(&self, client: &ClientId, now: Instant) -> Option<ClientPlan> {
        let tier = self.mirror.tier(client, now);
        if tier == ClientTier::Dropped {
            return None;
        }
        let needs = plan::needs(&self.ruleset, &self.mirror, client, now);
        let (shifts_read_at, far_read_at) = self.mirror.reads_of(client, now);
        Some(ClientPlan {
            shifts: needs.shifts,
            edges: needs.edges,
            shifts_within_30_days: needs.shifts_within_30_days,
            deadlines: needs.deadlines,
            awaiting_visit: needs.awaiting_visit,
            shifts_read_at: match shifts_read_at {
                // Their turn comes six hours after the start: the clients are looked at first.
                None if tier == ClientTier::Slow => Some(self.mirror.began_at()),
                read_at => read_at,
            },
            far_read_at,
            visits_read_at: self.mirror.visits_read_at(client),
        })
    }
}

/// What was stored of reminders. A word that this version does not know is left out.
fn reminders_of(rows: &[ReminderRow], counts: &[(String, String, u64)]) -> remind::Memory {
    let moment = |word: &str| Moment::ALL.into_iter().find(|one| one.as_str() == word);
    let left = rows.iter().filter_map(|row| {
        Some(remind::Settled {
            id: row.message.clone(),
            caregiver: row.caregiver.as_str().into(),
            shift: row.shift.clone(),
            moment: moment(&row.moment)?,
            at: row.at,
            outcome: Outcome::of(&row.outcome)?,
        })
    });
    remind::Memory::restored(left.collect(), remind::Counts::of(counts))
}

/// What the mirror must know of the configuration.
pub(crate) fn mirror_settings(agency: &config::Agency, ruleset: &Ruleset) -> Settings {
    Settings {
        agency: agency.name.clone(),
        timezone: agency.timezone,
        locations: agency
            .locations
            .iter()
            .map(|location| LocationName {
                id: LocationId::new(location.id.as_str()),
                name: location.name.clone(),
                timezone: location.timezone,
            })
            .collect(),
        tags: agency.tags.clone(),
        detect_within: agency.wellsky.detect_within,
        naive: match agency.wellsky.encounter_naive_tz {
            config::NaiveTz::Auto => NaiveReading::Auto,
            config::NaiveTz::Utc => NaiveReading::Utc,
            config::NaiveTz::Local => NaiveReading::Local,
        },
        week_starts: agency.hours.week_starts,
        api_span: ruleset.api_span(),
    }
}

/// The loaded rules, with their annotations in the agency's voice. Lives for one step.
#[derive(Debug)]
pub struct Spoken<'a> {
    ruleset: &'a Ruleset,
    telling: &'a Telling,
    n_template_faults: Cell<u64>,
}

impl<'a> Spoken<'a> {
    /// For one step.
    #[must_use]
    pub const fn new(ruleset: &'a Ruleset, telling: &'a Telling) -> Self {
        Self { ruleset, telling, n_template_faults: Cell::new(0) }
    }

    /// How many annotations failed so far and were left out.
    #[must_use]
    pub const fn n_template_faults(&self) -> u64 {
        self.n_template_faults.get()
    }
}

impl decide::Rules for Spoken<'_> {
    fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.ruleset.get(id)
    }

    fn annotations(&self, rule: &Rule, key: &AlertKey, labels: &Labels, facts: &Facts) -> Labels {
        let shift = render::facts_for_template(&key.subject, labels, facts);
        let (annotations, n_faults) =
            template::annotations(&rule.annotations, &shift, labels, self.telling.voice(&key.agency));
        self.n_template_faults.set(self.n_template_faults.get() + n_faults);
        annotations
    }

    fn paging_labels(&self, alert: &Alert) -> Option<Labels> {
        if rank(&alert.labels) <= 1 {
            return Some(alert.labels.clone());
        }
        let pages = |rule: &&Rule| matches!(rule.kind, Kind::UncoveredShift { .. }) && rank(&rule.labels) <= 1;
        let rule = self.ruleset.rules().iter().filter(pages).max_by_key(|rule| rank(&rule.labels))?;
        let mut labels = rule.labels.clone();
        labels.insert("alertname".to_owned(), rule.alert.clone());
        for name in ["agency", "location", "shift", Opened::LABEL] {
            labels.extend(alert.labels.get(name).map(|value| (name.to_owned(), value.clone())));
        }
        Some(labels)
    }
}
