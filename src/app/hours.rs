//! Hours: gathers the rows of a period from memory and from the archive, has them summed up, freezes and compares.
//!
//! Does not: hold a watch for longer than it takes to copy its rows, or sum on a thread that the loops need. One report is made
//! at a time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use chrono::{Datelike as _, Days as DayCount, NaiveDate, TimeDelta};
use chrono_tz::Tz;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

use super::desk::Desk;
use crate::{
    clock::Clock,
    config,
    http::hours::{Days, HoursBook, HoursFault, PastRead},
    lifecycle::{
        self, ChargeJob, Post,
        past_book::{PastJob, WishedDay, memory_from},
    },
    mirror::{Mirror, NaiveClock, Reading, past_line::PastLine, row::VisitEdit},
    model::{ClientId, Instant, ShiftRef, VisitId, VisitTime, local_time},
    report::hours::{
        Given,
        answer::{Hours, Missing},
        charges::{self, ChargesRead},
        closing::{self, ClosedPeriod, Frozen, KeptVisit},
        rows::{Edited, PlannedRow, VisitRow},
        sum_up,
        terms::{Period, Rounding, Terms},
    },
    source::status::EncounterScope,
    store::{Closing, PastDay, Store, StoreError},
};

/// Whatever begins so long before a week may reach into it.
const REACH: TimeDelta = TimeDelta::days(3);
/// A time without an offset may mean another instant by this much.
const NAIVE_SLACK: TimeDelta = TimeDelta::days(1);
/// Longest name of who closes.
const BY_CHARS_MAX: usize = 64;

/// Makes reports.
pub(super) struct Bookkeeper {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) desk: Arc<Desk>,
    /// One at a time.
    pub(super) alone: Mutex<()>,
}

/// An agency's terms, as its configuration says.
pub(crate) fn terms(agency: &config::Agency) -> Terms {
    let minutes = |span: std::time::Duration| i64::try_from(span.as_secs() / 60).unwrap_or(i64::MAX);
    let hours = &agency.hours;
    Terms {
        zone: agency.timezone,
        week_starts: hours.week_starts,
        overtime_after: minutes(hours.overtime_after),
        daily_overtime_after: hours.daily_overtime_after.map(minutes),
        rounding: match hours.rounding_minutes {
            6 => Rounding::Six,
            15 => Rounding::Fifteen,
            _ => Rounding::None,
        },
        variance: minutes(hours.variance),
    }
}

/// What memory holds of a stretch.
pub(super) struct Remembered {
    pub(super) shifts: Vec<PlannedRow>,
    pub(super) visits: Vec<VisitRow>,
    clock: NaiveClock,
    /// Zones of clients whose clocks are not the agency's.
    zones: HashMap<ClientId, Tz>,
    pub(super) clients: Vec<ClientId>,
    /// Days of which memory holds a whole read, made after they were over: client, day, shifts, visits.
    pub(super) read: Vec<(NaiveDate, Vec<(bool, bool)>)>,
}

impl Remembered {
    /// What lies in `[from, until)`; and which of the days `asked` were read.
    pub(super) fn of(
        mirror: &Mirror,
        agency_zone: Tz,
        from: Instant,
        until: Instant,
        asked: Period,
        now: Instant,
    ) -> Self {
        let clients: Vec<ClientId> = mirror.watched_clients(now).cloned().collect();
        let zones = mirror.client_ids().map(|id| (id.clone(), mirror.zone_of(id)));
        let zones: HashMap<ClientId, Tz> = zones.filter(|(_, zone)| *zone != agency_zone).collect();
        let clock = mirror.naive_clock().clone();
        let shifts = mirror.shifts().running(from, until).map(|entry| PlannedRow {
            client: entry.shift.key.client.clone(),
            id: match &entry.shift.key.id {
                ShiftRef::Vendor(id) => Some(id.clone()),
                ShiftRef::Ordinal { .. } => None,
            },
            start: entry.shift.start(),
            end: entry.shift.end,
            caregiver: entry.shift.caregiver.clone(),
            cancelled: entry.shift.is_cancelled(),
        });
        let shifts = shifts.collect();
        let visits = mirror.visits().iter().map(|entry| {
            let visit = &entry.visit;
            let zone = visit.client.as_ref().and_then(|client| zones.get(client)).copied().unwrap_or(agency_zone);
            let (check_in, check_out, unsettled) = settled(&clock, visit.check_in, visit.check_out, zone);
            VisitRow {
                id: visit.id.clone(),
                client: visit.client.clone(),
                caregiver: visit.caregiver.clone(),
                shift: visit.shift.clone(),
                check_in,
                check_out,
                unsettled,
                edited: None,
            }
        });
        let visits = visits.filter(|visit| visit.check_in.is_none_or(|at| from <= at && at < until)).collect();
        let days = asked.days().map(|day| (day, stretch(agency_zone, day)));
        let read = days.filter(|(_, (_, ends))| *ends <= now).map(|(day, (begins, ends))| {
            (day, clients.iter().map(|client| mirror.read_after(client, begins, ends)).collect())
        });
        let read = read.collect();
        Self { shifts, visits, clock, zones, clients, read }
    }
}

/// The days that have to be read for a period: what began the evening before reaches in.
pub(super) fn with_evening(period: Period) -> Period {
    Period { from: period.from - DayCount::new(1), ..period }
}

/// The days whose visits have to be read for it: what was worked since its first week began counts towards the overtime.
fn with_week(period: Period, terms: &Terms) -> Period {
    with_evening(Period { from: terms.week_of(period.from), ..period })
}

fn stretch(zone: Tz, day: NaiveDate) -> (Instant, Instant) {
    (local_time::start_of_day(zone, day), local_time::start_of_day(zone, day + DayCount::new(1)))
}

/// A visit's times, and the other reading of the check-in while nobody knows what they mean.
fn settled(
    clock: &NaiveClock,
    check_in: Option<VisitTime>,
    check_out: Option<VisitTime>,
    zone: Tz,
) -> (Option<Instant>, Option<Instant>, Option<Instant>) {
    let Some(begins) = check_in else { return (None, check_out.and_then(|out| clock.at(out, zone)), None) };
    let [first, second] = clock.guesses(begins, zone);
    let ends = check_out.map(|out| clock.guesses(out, zone)[0]);
    let known = clock.at(begins, zone).is_some() && check_out.is_none_or(|out| clock.at(out, zone).is_some());
    (Some(first), ends, (!known).then_some(second))
}

/// Adds what the archive holds and memory does not.
pub(super) fn add_archive(remembered: &mut Remembered, lines: Vec<PastLine>, edits: Vec<VisitEdit>, agency_zone: Tz) {
    let shifts: HashSet<_> =
        remembered.shifts.iter().map(|row| (row.client.clone(), row.start, row.id.clone(), row.end)).collect();
    let visits: HashSet<VisitId> = remembered.visits.iter().map(|row| row.id.clone()).collect();
    for line in lines {
        if line.is_shift() {
            let (Some(client), Some(start), Some(end)) = (line.client.clone(), line.start, line.ends) else { continue };
            let key = (client, start, line.shift.clone(), end);
            if shifts.contains(&key) {
                continue;
            }
            let cancelled = line.state != crate::mirror::past_line::PastState::Stands;
            let (client, start, id, end) = key;
            remembered.shifts.push(PlannedRow { client, id, start, end, caregiver: line.caregiver, cancelled });
            continue;
        }
        let (check_in, check_out) = line.times();
        let id = VisitId::new(line.key);
        if visits.contains(&id) {
            continue;
        }
        let zone = line.client.as_ref().and_then(|client| remembered.zones.get(client)).copied().unwrap_or(agency_zone);
        let (check_in, check_out, unsettled) = settled(&remembered.clock, check_in, check_out, zone);
        let (client, caregiver, shift) = (line.client, line.caregiver, line.shift);
        remembered.visits.push(VisitRow { id, client, caregiver, shift, check_in, check_out, unsettled, edited: None });
    }
    if edits.is_empty() {
        return;
    }
    // The first change says what it was before anybody touched it.
    let mut first: HashMap<VisitId, Edited> = HashMap::new();
    for edit in edits {
        let was = edit.was_start.zip(edit.was_ends);
        let was_minutes = was.map(|(start, ends)| ends.timestamp().div_euclid(60) - start.timestamp().div_euclid(60));
        first.entry(edit.visit).or_insert(Edited { at: edit.at, was_minutes });
    }
    for visit in &mut remembered.visits {
        visit.edited = first.get(&visit.id).copied();
    }
}

/// What was not wholly read: not by memory's reads, and not by those of the past. Shifts before `shifts_from` are not wanted.
pub(super) fn missing(remembered: &Remembered, days: &[PastDay], shifts_from: NaiveDate) -> Vec<Missing> {
    let watched: HashSet<&ClientId> = remembered.clients.iter().collect();
    let mut missing = Vec::new();
    for (day, read) in &remembered.read {
        let sections = if *day < shifts_from { &["visits"][..] } else { &["shifts", "visits"] };
        for section in sections.iter().copied() {
            let past = days.iter().find(|one| one.day == *day && one.section == section);
            let lacking: Vec<&ClientId> = remembered
                .clients
                .iter()
                .zip(read)
                .filter(|(client, (shifts, visits))| {
                    let remembered = if section == "shifts" { *shifts } else { *visits };
                    !remembered && past.is_none_or(|past| past.missing.contains(client))
                })
                .map(|(client, _)| client)
                .collect();
            // Those who are no clients any more: their visits were seen, or they were asked for, and it failed.
            let gone = past.into_iter().flat_map(|past| &past.missing).filter(|id| !watched.contains(*id));
            let lacking: Vec<&ClientId> = lacking.into_iter().chain(gone).collect();
            if lacking.is_empty() {
                continue;
            }
            let all = lacking.len() == remembered.clients.len() && past.is_none();
            let clients = (!all).then(|| lacking.iter().map(ToString::to_string).collect());
            missing.push(Missing { day: *day, section: section.to_owned(), clients });
        }
    }
    missing
}

/// People on the vendor's list who are not watched, and of whom no shift or visit of the period is known.
async fn not_asked(post: &Post, hours: &Hours, now: Instant) -> Vec<String> {
    let known: HashSet<&str> = hours.clients.iter().filter_map(|one| one.client.as_deref()).collect();
    let watch = post.watch.lock().await;
    let watched: HashSet<&ClientId> = watch.mirror.watched_clients(now).collect();
    let others = watch.mirror.client_ids().filter(|id| !watched.contains(*id) && !known.contains(id.as_str()));
    let mut others: Vec<String> = others.map(ToString::to_string).collect();
    others.sort();
    others
}

impl Bookkeeper {
    fn post(&self, agency: Option<&str>) -> Result<Arc<Post>, HoursFault> {
        let posts = self.desk.posts();
        let read = || posts.iter().filter(|post| post.source.is_some());
        let found = match agency {
            Some(name) => read().find(|post| post.name.as_str() == name),
            None => read().next(),
        };
        found.cloned().ok_or_else(|| {
            HoursFault::NoAgency(read().map(|post| post.name.to_string()).collect::<Vec<_>>().join(", "))
        })
    }

    /// Which days are meant, on the agency's calendar.
    async fn period(&self, post: &Post, days: &Days) -> Result<(Terms, Period), HoursFault> {
        let terms = terms(&post.watch.lock().await.settings);
        let today = local_time::local_date(terms.zone, self.clock.now());
        let first = today.with_day(1).unwrap_or(today);
        let month_of = |day: NaiveDate| Period::month(&day.format("%Y-%m").to_string());
        let period = match days {
            Days::ThisWeek => Some(Period::week(&terms, today)),
            Days::LastWeek => Some(Period::week(&terms, today - DayCount::new(7))),
            Days::WeekOf(day) => Some(Period::week(&terms, *day)),
            Days::ThisMonth => month_of(today),
            Days::LastMonth => month_of(first - DayCount::new(1)),
            Days::Month(month) => Some(
                Period::month(month)
                    .ok_or_else(|| HoursFault::Wrong(format!("\"{month}\" is not a month; write it as 2026-11")))?,
            ),
            Days::Between(from, to) => Period::new(*from, *to),
        };
        let period = period.ok_or_else(|| {
            HoursFault::Wrong(
                "the last day must not lie before the first, and at most 366 days are summed up".to_owned(),
            )
        })?;
        // Years that no calendar of a store reaches would only break arithmetic.
        if !(1990..=2200).contains(&period.from.year()) || !(1990..=2200).contains(&period.to.year()) {
            return Err(HoursFault::Wrong("the days lie outside of 1990 to 2200".to_owned()));
        }
        Ok((terms, period))
    }

    async fn gather(&self, post: &Post, terms: Terms, period: Period) -> Result<Given, StoreError> {
        let now = self.clock.now();
        let weeks = period.whole_weeks(&terms);
        let from = local_time::start_of_day(terms.zone, weeks.from) - REACH;
        let until = local_time::start_of_day(terms.zone, weeks.to + DayCount::new(1)) + TimeDelta::days(1);
        let asked = with_week(period, &terms);
        let (mut remembered, wanted) = {
            let watch = post.watch.lock().await;
            let sheet = &watch.settings.cover.sheet;
            let wanted = sheet.caregivers.iter().filter_map(|(id, row)| Some((id.clone(), minutes(row.hours_wanted?))));
            (Remembered::of(&watch.mirror, terms.zone, from, until, asked, now), wanted.collect())
        };
        let (early, late) = (from - NAIVE_SLACK, until + NAIVE_SLACK);
        let lines = self.store.past_lines(&post.name, early, late).await?;
        let edits = self.store.visit_edits(&post.name, early, late).await?;
        let days = self.store.past_days(&post.name, asked.from, asked.to).await?;
        add_archive(&mut remembered, lines, edits, terms.zone);
        let missing = missing(&remembered, &days, with_evening(period).from);
        Ok(Given {
            agency: post.name.to_string(),
            terms,
            period,
            now,
            shifts: remembered.shifts,
            visits: remembered.visits,
            wanted,
            missing,
        })
    }

    /// What was read of charges around the period; `None` where they are not wanted.
    async fn charges(&self, post: &Post, period: Period) -> Result<Option<ChargesRead>, StoreError> {
        let (zones, local_rather) = {
            let watch = post.watch.lock().await;
            if watch.settings.wellsky.sections.charges.is_none() {
                return Ok(None);
            }
            let (mirror, zone) = (&watch.mirror, watch.settings.timezone);
            let zones = mirror.client_ids().map(|id| (id.clone(), mirror.zone_of(id)));
            let local = mirror.naive_clock().settled() == Some(Reading::Local);
            (zones.filter(|(_, one)| *one != zone).collect(), local)
        };
        let weeks = lifecycle::charges::read(&self.store, post, (period.from, period.to)).await?;
        Ok(Some(ChargesRead { weeks, zones, local_rather }))
    }

    async fn make(&self, post: &Post, terms: Terms, period: Period) -> Result<(Hours, Vec<VisitRow>), HoursFault> {
        let given = self.gather(post, terms, period).await.map_err(|fault| unreadable(&fault))?;
        let charges = self.charges(post, period).await.map_err(|fault| unreadable(&fault))?;
        let made = tokio::task::spawn_blocking(move || {
            let (visits, now) = (given.visits.clone(), given.now);
            let charges = charges
                .map(|read| charges::compare(&read, &given.shifts, &visits, &given.missing, &terms, period, now));
            let mut hours = sum_up(given);
            hours.charges = charges;
            (hours, visits)
        });
        let (mut hours, visits) =
            made.await.map_err(|_| HoursFault::Unreadable("the hours could not be summed up".to_owned()))?;
        let since = self.store.watched_since(&post.name).await.map_err(|fault| unreadable(&fault))?;
        hours.edits_known_since = since;
        let begins = local_time::start_of_day(terms.zone, period.from);
        let agency_wide = post.planner.lock().await.encounter_scope() == EncounterScope::AgencyWide;
        if !agency_wide && since.is_none_or(|since| begins < since) {
            hours.not_asked = not_asked(post, &hours, self.clock.now()).await;
        }
        Ok((hours, visits))
    }

    async fn frozen(&self, post: &Post, period: Period) -> Result<Vec<Frozen>, HoursFault> {
        let bodies = self.store.closed_hours(&post.name, period.from, period.to).await;
        let bodies = bodies.map_err(|fault| unreadable(&fault))?;
        let read = bodies.iter().map(|body| serde_json::from_str(body));
        read.collect::<Result<_, _>>().map_err(|_| HoursFault::Unreadable("a closed period is damaged".to_owned()))
    }
}

impl HoursBook for Bookkeeper {
    fn report(&self, agency: Option<String>, days: Days) -> BoxFuture<'_, Result<Hours, HoursFault>> {
        Box::pin(async move {
            let _alone = self.alone.lock().await;
            let post = self.post(agency.as_deref())?;
            let (terms, period) = self.period(&post, &days).await?;
            let frozen = self.frozen(&post, period).await?;
            if let Some(whole) = frozen.iter().find(|one| one.period.from == period.from && one.period.to == period.to)
            {
                // Its numbers never change; what was edited since stands beside them.
                let (now, visits) = self.make(&post, terms, period).await?;
                let mut hours = whole.hours.clone();
                // Bills are written after a period was closed, too.
                hours.charges = now.charges;
                hours.adjustments = closing::adjustments(whole, &closing::keep(&visits, &period, &terms));
                hours.closed = vec![whole.period.clone()];
                return Ok(hours);
            }
            let (mut hours, visits) = self.make(&post, terms, period).await?;
            for one in &frozen {
                let Some(closed) = Period::new(one.period.from, one.period.to) else { continue };
                hours.closed.push(one.period.clone());
                if period.from <= closed.from && closed.to <= period.to {
                    hours.adjustments.extend(closing::adjustments(one, &closing::keep(&visits, &closed, &terms)));
                } else {
                    // One that only reaches in has visits that were not read for this report; what changed in these days shows.
                    let given = self.gather(&post, terms, closed).await.map_err(|fault| unreadable(&fault))?;
                    let all = closing::adjustments(one, &closing::keep(&given.visits, &closed, &terms));
                    hours.adjustments.extend(all.into_iter().filter(|one| closing::meets(one, &period, &terms)));
                }
            }
            Ok(hours)
        })
    }

    fn close(
        &self,
        agency: Option<String>,
        from: NaiveDate,
        to: NaiveDate,
        by: String,
    ) -> BoxFuture<'_, Result<ClosedPeriod, HoursFault>> {
        Box::pin(async move {
            let _alone = self.alone.lock().await;
            let by = by.trim().to_owned();
            if by.is_empty() || by.chars().count() > BY_CHARS_MAX || by.chars().any(char::is_control) {
                return Err(HoursFault::Wrong("`by` must say who closes it, in at most 64 characters".to_owned()));
            }
            let post = self.post(agency.as_deref())?;
            let (terms, period) = self.period(&post, &Days::Between(from, to)).await?;
            let at = self.clock.now();
            if stretch(terms.zone, period.to).1 > at {
                return Err(HoursFault::Conflict(format!("{to} is not over yet; close a period once it has ended")));
            }
            let taken = || {
                let why = "a closed period has a day in common with it; shiftwatch hours closed lists them";
                HoursFault::Conflict(why.to_owned())
            };
            if !self.frozen(&post, period).await?.is_empty() {
                return Err(taken());
            }
            let (mut hours, visits) = self.make(&post, terms, period).await?;
            hours.charges = None;
            if let Some(why) = closing::too_early(&hours) {
                return Err(HoursFault::Conflict(why));
            }
            let visits: BTreeMap<String, KeptVisit> = closing::keep(&visits, &period, &terms);
            let digest = closing::digest(&visits);
            let closed = ClosedPeriod { from, to, at, by, total: hours.total, digest };
            let frozen = Frozen { period: closed.clone(), hours, visits };
            let write = |value: serde_json::Result<String>| {
                value.map_err(|_| HoursFault::Unreadable("the period could not be written down".to_owned()))
            };
            let head = write(serde_json::to_string(&closed))?;
            let body = write(serde_json::to_string(&frozen))?;
            let stored = self.store.close_hours(&post.name, Closing { from, to, at, head, body }).await;
            // Somebody else may have been quicker: the store has the last word.
            if !stored.map_err(|fault| unreadable(&fault))? {
                return Err(taken());
            }
            Ok(closed)
        })
    }

    fn closed(&self, agency: Option<String>) -> BoxFuture<'_, Result<Vec<ClosedPeriod>, HoursFault>> {
        Box::pin(async move {
            let post = self.post(agency.as_deref())?;
            let heads = self.store.closed_periods(&post.name).await.map_err(|fault| unreadable(&fault))?;
            let read = heads.iter().map(|head| serde_json::from_str(head));
            read.collect::<Result<_, _>>().map_err(|_| HoursFault::Unreadable("a closed period is damaged".to_owned()))
        })
    }

    fn read(&self, agency: Option<String>, days: Days) -> BoxFuture<'_, Result<Option<PastRead>, HoursFault>> {
        Box::pin(async move {
            let _alone = self.alone.lock().await;
            let post = self.post(agency.as_deref())?;
            let (terms, period) = self.period(&post, &days).await?;
            let running = {
                let of_charges =
                    post.charges.lock().unwrap_or_else(PoisonError::into_inner).running(period.from, period.to);
                let book = post.past.lock().unwrap_or_else(PoisonError::into_inner);
                book.running(period.from, period.to).or_else(|| book.job(of_charges?)).cloned()
            };
            if let Some(job) = running {
                return Ok(Some(past_read(&post, &job)));
            }
            let given = self.gather(&post, terms, period).await.map_err(|fault| unreadable(&fault))?;
            let now = self.clock.now();
            let pace = post.watch.lock().await.settings.wellsky.sections.charges;
            let charges_due = match pace {
                // While visits are missing, nobody knows whose charges are.
                Some(_) if !given.missing.is_empty() => true,
                Some(pace) => {
                    let since = now - TimeDelta::from_std(pace.again).unwrap_or(TimeDelta::days(1));
                    let due = lifecycle::charges::due(&self.store, &post, (period.from, period.to), since, now).await;
                    !due.map_err(|fault| unreadable(&fault))?.is_empty()
                }
                None => false,
            };
            if given.missing.is_empty() && !charges_due {
                return Ok(None);
            }
            // Also those who are no clients any more, and had a shift or a visit then.
            let mut everybody: BTreeSet<ClientId> = given.shifts.iter().map(|row| row.client.clone()).collect();
            everybody.extend(given.visits.iter().filter_map(|row| row.client.clone()));
            everybody.extend(post.watch.lock().await.mirror.watched_clients(now).cloned());
            let everybody: Vec<ClientId> = everybody.into_iter().collect();
            let wished = given.missing.into_iter().map(|missing| WishedDay {
                section: if missing.section == "shifts" { "shifts" } else { "visits" },
                day: missing.day,
                clients: match missing.clients {
                    Some(clients) => clients.into_iter().map(ClientId::new).collect(),
                    None => everybody.clone(),
                },
            });
            let wished = wished.collect();
            let scope = post.planner.lock().await.encounter_scope();
            let job = post.past.lock().unwrap_or_else(PoisonError::into_inner).begin(
                (period.from, period.to),
                wished,
                scope,
                terms.zone,
                memory_from(now, terms.zone),
            );
            if charges_due {
                let mut charges = post.charges.lock().unwrap_or_else(PoisonError::into_inner);
                charges.ask(job.id, period.from, period.to);
            }
            post.poll.notify_one();
            Ok(Some(past_read(&post, &job)))
        })
    }

    fn read_state<'a>(&'a self, agency: &'a str, id: &'a str) -> BoxFuture<'a, Option<PastRead>> {
        Box::pin(async move {
            let post = self.post(Some(agency).filter(|name| !name.is_empty())).ok()?;
            let book = post.past.lock().unwrap_or_else(PoisonError::into_inner);
            book.job(id.parse().ok()?).map(|job| past_read(&post, job))
        })
    }
}

fn past_read(post: &Post, job: &PastJob) -> PastRead {
    let charges = post.charges.lock().unwrap_or_else(PoisonError::into_inner);
    let charges = charges.job(job.id);
    let of_charges = |count: fn(&ChargeJob) -> usize| charges.map_or(0, count);
    PastRead {
        id: job.id.to_string(),
        agency: post.name.to_string(),
        from: job.from,
        to: job.to,
        n_reads: job.n_reads + of_charges(|job| job.n_reads),
        n_done: job.n_done + of_charges(|job| job.n_done),
        n_failed: job.n_failed + of_charges(|job| job.n_failed),
        over: job.n_done == job.n_reads && charges.is_none_or(ChargeJob::is_over),
        fault: charges.and_then(|job| job.fault.clone()).or_else(|| job.fault.clone()),
    }
}

fn unreadable(fault: &StoreError) -> HoursFault {
    tracing::warn!(error = %fault, "store: hours could not be read; whoever asked was told so");
    HoursFault::Unreadable(fault.to_string())
}

/// Hours of a sheet as whole minutes.
#[expect(clippy::cast_possible_truncation, reason = "at most the hours of a year")]
fn minutes(hours: f64) -> i64 {
    (hours.clamp(0.0, 9_000.0) * 60.0).round() as i64
}

#[cfg(test)]
mod tests;
