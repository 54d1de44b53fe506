//! What the agency looks like now, and how sure we are.
//!
//! Given: what each read brought ([`crate::source::fetched::Fetched`]), in any order.
//! Gives: clients, caregivers, shifts and visits with the age of the evidence for each; for every read what it
//! changed ([`changes::Applied`]) and the rows to store.
//! Does not: read, judge, store, look at a clock, or drop anything because it could not be read.

pub mod api_stats;
mod apply;
mod apply_roster;
mod apply_shifts;
mod apply_visits;
mod back_to_back;
mod canary;
pub mod changes;
mod clock_step;
pub mod coverage;
mod coverage_spans;
pub mod facts;
mod naive_time;
pub mod past;
pub mod past_line;
mod rejects;
mod restore;
pub mod row;
pub mod settings;
pub mod shifts;
pub mod today;
pub mod visits;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;

use self::{
    api_stats::{ApiStats, EndpointStats},
    canary::Canary,
    coverage_spans::ReadSpans,
    rejects::Rejects,
    settings::Settings,
    shifts::{Gone, ShiftEntry, Shifts},
    visits::{VisitEntry, Visits},
};
pub use self::{
    naive_time::{NaiveClock, Reading},
    row::MirrorRow,
};
use crate::{
    model::{
        Caregiver, CaregiverId, Client, ClientId, Endpoint, Instant, People, Section, Shift, ShiftKey, VisitId,
        VisitTime,
    },
    source::fetched::ReadFault,
};

/// How far apart the two reads must be that remove a row. Outside.md, "Source".
pub const SECOND_LOOK: TimeDelta = TimeDelta::seconds(1);

/// So many client lists running that do not add up are no accident: they are half a minute apart.
const HALF_ROSTERS_MAX: u32 = 3;

/// One agency's mirror.
#[derive(Debug, Clone)]
pub struct Mirror {
    settings: Settings,
    began_at: Instant,
    clients: BTreeMap<ClientId, ClientEntry>,
    caregivers: BTreeMap<CaregiverId, CaregiverEntry>,
    location_names: BTreeMap<String, String>,
    /// When they were read; forgotten by a restart, which reads them within minutes.
    locations_read_at: Option<Instant>,
    shifts: Shifts,
    gone: BTreeMap<ShiftKey, (Instant, Gone)>,
    visits: Visits,
    /// Agency-wide complete visit reads.
    visit_reads: ReadSpans,
    sections: [SectionStamps; Section::ALL.len()],
    last_ok_at: Option<Instant>,
    clock: NaiveClock,
    rejects: Rejects,
    canary: Canary,
    api: ApiStats,
    failing: BTreeMap<(ClientId, Section), Failing>,
    /// Reads of the whole client list that did not add up, running: since when, how many.
    half_roster: Option<(Instant, u32)>,
    pruned_at: Option<Instant>,
    /// How often a row of a person changed: what is made from all of them is made anew then.
    people_version: u64,
}

/// One client: its roster row and what was read of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientEntry {
    /// The roster row; `None` while only shifts name the client.
    client: Option<Client>,
    seen_at: Option<Instant>,
    /// When the roster first lacked it, and how often running.
    missed_at: Option<Instant>,
    gone_at: Option<Instant>,
    /// When it was first seen inactive.
    inactive_at: Option<Instant>,
    /// The newest shift read that counted.
    read_at: Option<Instant>,
    shift_reads: ReadSpans,
    visit_reads: ReadSpans,
    /// Agency-wide visit reads up to this one do not count for this client; what counted before is in `visit_reads`.
    visits_spoilt_at: Option<Instant>,
}

#[derive(Debug, Clone)]
pub(crate) struct CaregiverEntry {
    caregiver: Caregiver,
    seen_at: Instant,
}

/// How old a section is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SectionStamps {
    /// When the newest read that brought rows of this section began.
    pub read_at: Option<Instant>,
    /// When the newest complete read began (for shifts and visits: of any client and span).
    pub complete_at: Option<Instant>,
    /// When the newest complete read of the whole list began (clients and caregivers only).
    pub full_at: Option<Instant>,
    /// The newest failure since then.
    pub fault: Option<(Instant, ReadFault)>,
}

/// A client whose reads fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them began.
    pub since: Instant,
    /// When the newest of them began.
    pub at: Instant,
    /// How many, running.
    pub n: u32,
    /// The newest one's cause.
    pub fault: ReadFault,
}

/// A way in which the source contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// Since when.
    pub since: Instant,
    /// What, in words for the tech team; ids only.
    pub what: String,
    /// In which section.
    pub section: Section,
}

impl Mirror {
    /// An empty mirror that begins to watch at `now`.
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        let clock = NaiveClock::new(settings.naive, None);
        Self {
            settings,
            began_at: now,
            clients: BTreeMap::new(),
            caregivers: BTreeMap::new(),
            location_names: BTreeMap::new(),
            locations_read_at: None,
            shifts: Shifts::default(),
            gone: BTreeMap::new(),
            visits: Visits::default(),
            visit_reads: ReadSpans::default(),
            sections: Default::default(),
            last_ok_at: None,
            clock,
            rejects: Rejects::default(),
            canary: Canary::default(),
            api: ApiStats::default(),
            failing: BTreeMap::new(),
            half_roster: None,
            pruned_at: None,
            people_version: 0,
        }
    }

    /// What it was told about the agency.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Takes over reloaded settings; every subject must be judged again afterwards.
    pub fn reconfigure(&mut self, settings: Settings) {
        if settings.naive != self.settings.naive {
            self.clock = NaiveClock::new(settings.naive, self.clock.settled());
        }
        self.settings = settings;
        // Which shift a visit belongs to depends on the zone its times are read in.
        let visits: Vec<VisitId> = self.visits.iter().map(|entry| entry.visit.id.clone()).collect();
        for id in &visits {
            self.match_visit(id, &mut changes::Applied::default());
        }
    }

    /// When this process began to watch: no edge before it counts towards being blind.
    #[must_use]
    pub const fn began_at(&self) -> Instant {
        self.began_at
    }

    /// Begins to watch again after a standstill (a machine that slept): earlier edges count no more.
    pub const fn begin_again(&mut self, now: Instant) {
        self.began_at = now;
    }

    /// One shift.
    #[must_use]
    pub fn shift(&self, key: &ShiftKey) -> Option<&ShiftEntry> {
        self.shifts.get(key)
    }

    /// Why a shift is no longer there, and since when; `None` when nobody removed it.
    #[must_use]
    pub fn gone(&self, key: &ShiftKey) -> Option<&(Instant, Gone)> {
        self.gone.get(key)
    }

    /// All shifts, indexed.
    #[must_use]
    pub const fn shifts(&self) -> &Shifts {
        &self.shifts
    }

    /// All visits.
    #[must_use]
    pub const fn visits(&self) -> &Visits {
        &self.visits
    }

    /// One visit.
    #[must_use]
    pub fn visit(&self, id: &VisitId) -> Option<&VisitEntry> {
        self.visits.get(id)
    }

    /// The visits matched to a shift.
    pub fn visits_of(&self, shift: &ShiftEntry) -> impl Iterator<Item = &VisitEntry> {
        shift.visits.iter().filter_map(|id| self.visits.get(id))
    }

    /// One client's roster row.
    #[must_use]
    pub fn client(&self, id: &ClientId) -> Option<&Client> {
        self.clients.get(id)?.client.as_ref()
    }

    /// Every client that the roster or a shift names, in id order.
    pub fn client_ids(&self) -> impl Iterator<Item = &ClientId> {
        self.clients.keys()
    }

    /// One caregiver's roster row.
    #[must_use]
    pub fn caregiver(&self, id: &CaregiverId) -> Option<&Caregiver> {
        self.caregivers.get(id).map(|entry| &entry.caregiver)
    }

    /// The clients; whoever is only perhaps one is read as well, but is not here.
    pub fn watched_clients(&self, now: Instant) -> impl Iterator<Item = &ClientId> {
        self.clients.keys().filter(move |id| self.tier(id, now) == facts::ClientTier::Normal)
    }

    /// The earliest of all watched clients' newest shift reads; `None` while one was never read, or while the roster
    /// was not: for the end of a catch-up.
    ///
    /// Nobody waits for the few whose reads fail, nor for a roster that is not whole: the others' first pages would wait
    /// with them. Where most fail nothing was seen yet.
    #[must_use]
    pub fn all_read_since(&self, now: Instant) -> Option<Instant> {
        let roster_at = self.section(Section::Clients).read_at?;
        let mut earliest: Option<Instant> = None;
        let (mut n, mut n_failing) = (0_usize, 0_usize);
        for id in self.watched_clients(now) {
            n += 1;
            if self.failing.contains_key(&(id.clone(), Section::Shifts)) {
                n_failing += 1;
                continue;
            }
            let read_at = self.clients.get(id)?.read_at?;
            earliest = Some(earliest.map_or(read_at, |at| at.min(read_at)));
        }
        (n_failing * 2 <= n).then(|| earliest.unwrap_or(roster_at))
    }

    /// The newest read of a client's shifts that counted.
    #[must_use]
    pub fn read_at(&self, client: &ClientId) -> Option<Instant> {
        self.clients.get(client)?.read_at
    }

    /// The newest complete reads of a client's shifts: of a span that holds `now`, and of one that does not.
    #[must_use]
    pub fn reads_of(&self, client: &ClientId, now: Instant) -> (Option<Instant>, Option<Instant>) {
        self.clients
            .get(client)
            .map_or((None, None), |entry| (entry.shift_reads.covering(now), entry.shift_reads.newest_beside(now)))
    }

    /// The newest complete read of a client's own visits.
    #[must_use]
    pub fn visits_read_at(&self, client: &ClientId) -> Option<Instant> {
        self.clients.get(client)?.visit_reads.newest()
    }

    /// Every client's roster row, in id order; contacts and prospects too.
    pub fn roster(&self) -> impl Iterator<Item = &Client> {
        self.clients.values().filter_map(|entry| entry.client.as_ref())
    }

    /// Every caregiver in id order.
    pub fn caregivers(&self) -> impl Iterator<Item = &Caregiver> {
        self.caregivers.values().map(|entry| &entry.caregiver)
    }

    /// When the newest roster row of a caregiver was read.
    #[must_use]
    pub fn caregiver_seen_at(&self, id: &CaregiverId) -> Option<Instant> {
        self.caregivers.get(id).map(|entry| entry.seen_at)
    }

    /// How often a client's or caregiver's row changed since this mirror was made.
    #[must_use]
    pub const fn people_version(&self) -> u64 {
        self.people_version
    }

    /// A section's stamps.
    #[must_use]
    pub const fn section(&self, section: Section) -> &SectionStamps {
        &self.sections[section as usize]
    }

    /// When anything was last read successfully (an all-empty read that contradicts what is known is no success).
    #[must_use]
    pub const fn last_ok_at(&self) -> Option<Instant> {
        self.last_ok_at
    }

    /// One endpoint's recent answers.
    #[must_use]
    pub const fn api(&self, endpoint: Endpoint) -> &EndpointStats {
        self.api.endpoint(endpoint)
    }

    /// Clients whose reads fail, with the section.
    pub fn failing(&self) -> impl Iterator<Item = (&ClientId, Section, &Failing)> {
        self.failing.iter().map(|((client, section), failing)| (client, *section, failing))
    }

    /// The `location` label of a client: the configured name, else the vendor's id, else empty.
    #[must_use]
    pub fn location_of(&self, client: &ClientId) -> String {
        self.settings.location_label(self.client(client).and_then(|client| client.location.as_ref()))
    }

    /// The zone of a client's location.
    #[must_use]
    pub fn zone_of(&self, client: &ClientId) -> Tz {
        self.settings.zone(self.client(client).and_then(|client| client.location.as_ref()))
    }

    /// The vendor's own name of a location id, where it was read.
    #[must_use]
    pub fn location_name(&self, id: &str) -> Option<&str> {
        self.location_names.get(id).map(String::as_str)
    }

    /// When the locations were read last in this run.
    #[must_use]
    pub const fn locations_read_at(&self) -> Option<Instant> {
        self.locations_read_at
    }

    /// What naive visit times were settled to mean.
    #[must_use]
    pub const fn naive_reading(&self) -> Option<Reading> {
        self.clock.settled()
    }

    /// The instant of a visit's time; `None` while its meaning is not settled.
    #[must_use]
    pub fn visit_instant(&self, visit: &VisitEntry, time: VisitTime) -> Option<Instant> {
        let zone = visit.visit.client.as_ref().map_or(self.settings.timezone, |client| self.zone_of(client));
        self.clock.at(time, zone)
    }

    /// How times without an offset are read.
    #[must_use]
    pub const fn naive_clock(&self) -> &NaiveClock {
        &self.clock
    }

    /// Whether a client's shifts, and whether its visits, of `[from, until)` were read in whole after `until`.
    #[must_use]
    pub fn read_after(&self, client: &ClientId, from: Instant, until: Instant) -> (bool, bool) {
        let last = until - TimeDelta::seconds(1);
        let whole = |reads: &ReadSpans| {
            let read_at = reads.covering(from).min(reads.covering(last));
            read_at.is_some_and(|at| at >= until)
        };
        let entry = self.clients.get(client);
        let own = |reads: fn(&ClientEntry) -> &ReadSpans| entry.is_some_and(|entry| whole(reads(entry)));
        let spoilt = entry.is_some_and(|entry| entry.visits_spoilt_at.is_some_and(|at| at >= until));
        let visits = own(|entry| &entry.visit_reads) || (!spoilt && whole(&self.visit_reads));
        (own(|entry| &entry.shift_reads), visits)
    }

    /// When the newest read began that would have held any check-in on this shift so far; `None` when no read could.
    #[must_use]
    pub fn check_ins_read_at(&self, shift: &ShiftEntry) -> Option<Instant> {
        let (start, end) = (shift.shift.start(), shift.shift.end);
        let client = self.clients.get(&shift.shift.key.client);
        let spoilt_at = client.and_then(|client| client.visits_spoilt_at);
        let own = client.and_then(|client| client.visit_reads.covering_visit(start, end, None));
        self.visit_reads.covering_visit(start, end, spoilt_at).max(own)
    }

    /// When the newest complete read of this client's shifts that covers `at` began.
    #[must_use]
    pub fn shifts_read_at(&self, client: &ClientId, at: Instant) -> Option<Instant> {
        self.clients.get(client)?.shift_reads.covering(at)
    }

    /// Since when every instant of `[from, until]` is known of this client's schedule: the oldest of the complete reads it
    /// takes; `None` where a stretch was never read. Looked at day by day.
    #[must_use]
    pub fn schedule_read_at(&self, client: &ClientId, from: Instant, until: Instant) -> Option<Instant> {
        let reads = &self.clients.get(client)?.shift_reads;
        let (mut at, mut oldest) = (from, reads.covering(until)?);
        while at < until {
            oldest = oldest.min(reads.covering(at)?);
            at += TimeDelta::days(1);
        }
        Some(oldest)
    }

    /// The newest complete read of a client's shifts, of any stretch.
    #[must_use]
    pub fn newest_schedule_read(&self, client: &ClientId) -> Option<Instant> {
        self.clients.get(client)?.shift_reads.newest()
    }

    /// Whether verdicts about this client's rows of `section` rest on a list with a malformed row set aside.
    #[must_use]
    pub fn past_bad_rows(&self, section: Section, client: &ClientId) -> bool {
        self.rejects.past_bad_rows(section, client)
    }

    /// Whether removals are frozen because the source shows too many empty answers.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.canary.frozen_since().is_some()
    }

    /// Every way in which the source contradicts itself now, oldest first.
    #[must_use]
    pub fn anomalies(&self) -> Vec<Anomaly> {
        let mut all: Vec<Anomaly> = self
            .rejects
            .aside()
            .map(|row| Anomaly {
                since: row.since,
                section: row.scope.section,
                what: format!(
                    "a row of {} ({}) cannot be read: {}; it is left out, what rests on it says unconfirmed",
                    row.scope.section, row.name, row.reason
                ),
            })
            .collect();
        if let Some(since) = self.canary.frozen_since() {
            let n = self.canary.zeroed().count();
            let what =
                format!("the shifts of {n} clients vanished at once; nothing is taken for removed until they are back");
            all.push(Anomaly { since, section: Section::Shifts, what });
        } else if let Some((since, n)) = self.canary.suspect() {
            let what = format!(
                "the shifts of {n} clients vanished and no other client's read shows any; nothing is taken for removed"
            );
            all.push(Anomaly { since, section: Section::Shifts, what });
        }
        if let Some((since, _)) = self.half_roster.filter(|(_, n)| *n >= HALF_ROSTERS_MAX) {
            let what = "the client list does not add up, read after read: clients may be missing from it, and their \
                        shifts are not watched"
                .to_owned();
            all.push(Anomaly { since, section: Section::Clients, what });
        }
        if self.shifts.is_empty() && self.canary.nothing_at_start() {
            let what = "no client has a single shift; an answer without rows is taken for a fault".to_owned();
            all.push(Anomaly { since: self.began_at, section: Section::Shifts, what });
        }
        all.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.what.cmp(&b.what)));
        all
    }
}

impl People for Mirror {
    fn client(&self, id: &ClientId) -> Option<&Client> {
        Self::client(self, id)
    }

    fn caregiver(&self, id: &CaregiverId) -> Option<&Caregiver> {
        Self::caregiver(self, id)
    }

    fn shift(&self, key: &ShiftKey) -> Option<&Shift> {
        Self::shift(self, key).map(|entry| &entry.shift)
    }
}
