//! How many shifts are in which state, per location, for the metrics and the status line; and today's shifts one by one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::TimeDelta;

use super::{
    Mirror,
    facts::ClientTier,
    shifts::ShiftEntry,
    today::{Standing, Today, TodayShift},
};
use crate::model::{
    ClientId, Instant, Section, VisitTime,
    local_time::{local_date, start_of_day},
};

/// The counts, and whether they are worth anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// False while fewer than half the clients have a read younger than twice their tier, while nothing was read,
    /// while the source's empty answers are not believed, and while the client list was only ever read in part: then the counts are no knowledge and must not be shown.
    pub known: bool,
    /// By `location` label; a location that is configured or that a client names stands here even with zeros.
    pub locations: BTreeMap<String, LocationCoverage>,
    /// Clients that are watched.
    pub n_clients: usize,
    /// Of them, those with a read younger than twice their tier.
    pub n_clients_fresh: usize,
    /// The shifts that are counted, one by one; also while the counts are no knowledge.
    pub today: Today,
}

/// One location's counts. But for the bands they are about today, by the agency's clock, with what runs from
/// yesterday or into tomorrow; each shift is in one state, but for one that began and whose visits nobody has read
/// since: it is in none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocationCoverage {
    /// Ahead, somebody is on it.
    pub covered: u64,
    /// Not over, nobody is on it and nobody came.
    pub uncovered: u64,
    /// Checked in to, and not over or not left.
    pub running: u64,
    /// Over, somebody came and left.
    pub done: u64,
    /// Started or over, and a reading of the visits shows nobody.
    pub missed: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Uncovered shifts inside each band, in the order the bands were given. Bands nest.
    pub uncovered_within: Vec<u64>,
    /// Shifts with a visit that was not checked out of.
    pub open_visits: u64,
    /// Care planned, of shifts that are not cancelled.
    pub scheduled: Duration,
    /// Care given; a running visit, and one whose times are not understood, counts at its planned length.
    pub worked: Duration,
    /// Planned care of shifts that are over, had a caregiver, and of which no complete visit tells.
    pub unbillable: Duration,
}

/// What is looked up once for a client, however many shifts they have.
struct Met {
    label: String,
    stale: bool,
    read_at: Option<Instant>,
}

impl Mirror {
    /// Counts. `bands` are the `within` values of the uncovered rules. Costs one look at each shift of these days.
    #[must_use]
    pub fn coverage(&self, bands: &[Duration], now: Instant) -> Coverage {
        let blank = || LocationCoverage { uncovered_within: vec![0; bands.len()], ..LocationCoverage::default() };
        let mut locations: BTreeMap<String, LocationCoverage> =
            self.settings.locations.iter().map(|location| (location.name.clone(), blank())).collect();
        let (n_clients, stale) = self.stale_clients(now);
        let n_clients_fresh = n_clients - stale.len();
        let bands: Vec<TimeDelta> =
            bands.iter().map(|band| TimeDelta::from_std(*band).unwrap_or(TimeDelta::days(31))).collect();
        let zone = self.settings.timezone;
        let today = local_date(zone, now);
        let tomorrow = today.succ_opt().unwrap_or(today);
        let (morning, midnight) = (start_of_day(zone, today), start_of_day(zone, tomorrow));
        let ahead = bands.iter().copied().max().unwrap_or_default();
        let mut met: HashMap<&ClientId, Met> = HashMap::new();
        let mut listed = Today::new(zone, morning, midnight);
        for entry in self.shifts.running(morning, midnight.max(now + ahead + TimeDelta::microseconds(1))) {
            let client = &entry.shift.key.client;
            let Met { label, stale, read_at } = met.entry(client).or_insert_with(|| Met {
                label: self.location_of(client),
                stale: stale.contains(client),
                read_at: self.clients.get(client).and_then(|client| client.read_at),
            });
            let count = match locations.get_mut(label.as_str()) {
                Some(count) => count,
                None => locations.entry(label.clone()).or_insert_with(blank),
            };
            let (start, end) = (entry.shift.start(), entry.shift.end);
            if entry.shift.is_uncovered() && end > now {
                for (n, band) in count.uncovered_within.iter_mut().zip(&bands) {
                    *n += u64::from(start - *band <= now);
                }
            }
            if (morning <= start && start < midnight) || (start <= now && now < end) {
                let came = self.count_today(entry, now, count);
                listed.push(label, || self.zone_of(client), TodayShift { stale: *stale, read_at: *read_at, ..came });
            }
        }
        // Of a list that was never read whole nobody knows how many clients it lacks.
        let whole = self.half_roster.is_none() || self.section(Section::Clients).full_at.is_some();
        let believed = !self.is_frozen() && !self.shifts.is_empty() && whole;
        let known = believed && n_clients > 0 && n_clients_fresh * 2 >= n_clients;
        Coverage { known, locations, n_clients, n_clients_fresh, today: listed }
    }

    /// Where one shift stands, by what was read last.
    #[must_use]
    pub fn standing(&self, entry: &ShiftEntry, now: Instant) -> TodayShift {
        let read_at = self.clients.get(&entry.shift.key.client).and_then(|client| client.read_at);
        TodayShift { read_at, ..self.count_today(entry, now, &mut LocationCoverage::default()) }
    }

    fn count_today(&self, entry: &ShiftEntry, now: Instant, count: &mut LocationCoverage) -> TodayShift {
        let (start, end) = (entry.shift.start(), entry.shift.end);
        let mut listed = TodayShift::of(&entry.shift);
        if entry.shift.is_cancelled() {
            count.cancelled += 1;
            return listed;
        }
        let planned = (end - start).to_std().unwrap_or_default();
        count.scheduled += planned;
        let mut came = false;
        let mut open = false;
        for visit in self.visits_of(entry) {
            came = true;
            open |= visit.visit.check_out.is_none();
            let at = |time: Option<VisitTime>| self.visit_instant(visit, time?);
            let (check_in, check_out) = (at(visit.visit.check_in), at(visit.visit.check_out));
            listed.came_at = [listed.came_at, check_in].into_iter().flatten().min();
            listed.left_at = listed.left_at.max(check_out);
            let length = check_in.zip(check_out);
            count.worked += length.and_then(|(from, until)| (until - from).to_std().ok()).unwrap_or(planned);
        }
        if open {
            listed.left_at = None;
        }
        count.open_visits += u64::from(open);
        if !came && start <= now && self.carried_into(entry).is_some() {
            came = true;
            count.worked += planned;
        }
        let (standing, state) = if came && (open || now < end) {
            (Standing::Running, &mut count.running)
        } else if came {
            (Standing::Done, &mut count.done)
        } else if entry.shift.is_uncovered() && now < end {
            (Standing::Uncovered, &mut count.uncovered)
        } else if now < start {
            (Standing::Covered, &mut count.covered)
        } else if self.check_ins_read_at(entry).is_some_and(|at| at >= start) {
            (if now < end { Standing::Late } else { Standing::Missed }, &mut count.missed)
        } else {
            // Nobody has looked who came: neither visited nor missed.
            listed.standing = Standing::Unseen;
            return listed;
        };
        *state += 1;
        if now >= end && entry.shift.caregiver.is_some() && (open || standing == Standing::Missed) {
            count.unbillable += planned;
        }
        listed.standing = standing;
        listed
    }

    /// How many clients are watched, and those among them without a read younger than twice their tier.
    fn stale_clients(&self, now: Instant) -> (usize, HashSet<&ClientId>) {
        let mut n = 0;
        let mut stale = HashSet::new();
        for (id, entry) in &self.clients {
            let plan = self.plan(id, now);
            if plan.tier != ClientTier::Normal {
                continue;
            }
            n += 1;
            let period = plan.period(self.settings.detect_within, now);
            let limit = TimeDelta::from_std(period * 2).unwrap_or(TimeDelta::hours(12));
            if entry.read_at.is_none_or(|read_at| now - read_at >= limit) || self.canary.is_zeroed(id) {
                stale.insert(id);
            }
        }
        (n, stale)
    }

    /// Whether everything that was overdue when this process began to watch has been read since. Clients whose reads
    /// fail are not waited for: they are known to be out of sight.
    #[must_use]
    pub fn has_caught_up(&self) -> bool {
        let began_at = self.began_at();
        let is_overdue = |id: &ClientId, read_at: Instant| {
            let period = self.plan(id, began_at).period(self.settings.detect_within, began_at);
            read_at < began_at && read_at + TimeDelta::from_std(period * 2).unwrap_or(TimeDelta::hours(12)) < began_at
        };
        self.last_ok_at.is_some_and(|at| at >= began_at)
            && self.watched_clients(began_at).all(|id| {
                let read_at = self.clients.get(id).and_then(|entry| entry.read_at);
                !read_at.is_some_and(|read_at| is_overdue(id, read_at))
                    || self.failing.contains_key(&(id.clone(), Section::Shifts))
            })
    }

    /// How old a section's data is: since the newest read for lists; for shifts, of the client in the first three
    /// tiers that was longest unread. `None` when it was never read.
    #[must_use]
    pub fn data_age(&self, section: Section, now: Instant) -> Option<Duration> {
        let newest = self.section(section).read_at?;
        let at = if section == Section::Shifts {
            self.clients
                .iter()
                .filter(|(id, _)| self.shifts.n_of_client(id) > 0)
                .filter_map(|(_, entry)| entry.read_at)
                .min()
                .unwrap_or(newest)
        } else {
            newest
        };
        Some((now - at).to_std().unwrap_or_default())
    }
}
