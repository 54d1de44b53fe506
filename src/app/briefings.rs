//! Briefings of the running agent: what is needed is taken under each agency's lock, the rest is reckoned without it.
//!
//! Given: who asks, which kind, and the configuration's plans. Gives: briefings, with names for whoever may see them; the
//! mails of those that are due. Does not: decide when one is due.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    sync::{Arc, RwLock},
};

use chrono::TimeDelta;
use futures::future::BoxFuture;

use super::{desk::Desk, hours::Bookkeeper, past, records::Shelf};
use crate::{
    alerts::silence::SilenceState,
    clock::{self, Clock},
    config::{Agency, BriefingPlan, Config, MailDefaults, ReportPlan},
    http::briefing::{Asked, BriefingFault, Briefings, KEPT_S, SentBriefing, place_of},
    lifecycle::{
        Post,
        scheduled::{NotWritten, Planned, Writes, Written},
    },
    model::{
        AgencyName, CaregiverId, ClientId, Instant, PhiGrant, Section, Subject,
        local_time::{local_date, start_of_day},
    },
    notify::{
        scheduled::{Letter, Sending, briefing_receiver, enclose},
        voice::Telling,
    },
    on_call::report::{OnCallReport, ScheduleReport},
    report::{
        briefing::{
            self, Briefing, Kind, Naming, chart,
            given::{Given, Machinery, Watcher},
            html, initials, text,
        },
        on_call_log::{LoggedPage, OnCallLog, PAGES_MAX},
        schedule::Due,
    },
    store::Store,
    view::{AgencyView, View, ViewReader},
};

/// So many days back a briefing looks: four weeks of whole days, and the present one.
const BACK_DAYS: i64 = 29;
/// And so many ahead: the week to its end, a weekend from a Thursday, 72 hours.
const AHEAD_DAYS: i64 = 8;

/// So long after a start, or after it was due, a briefing waits until the schedule is known.
const KNOWN_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// What the configuration says of all this; replaced as a whole at a reload.
#[derive(Default)]
pub(super) struct Plans {
    pub(super) briefings: Vec<BriefingPlan>,
    pub(super) reports: Vec<ReportPlan>,
    pub(super) agencies: Vec<Agency>,
    pub(super) mail: Option<MailDefaults>,
    pub(super) telling: Option<Arc<Telling>>,
}

/// Writes briefings and reports.
pub(super) struct Briefer {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) desk: Arc<Desk>,
    pub(super) view: ViewReader,
    pub(super) shelf: Arc<Shelf>,
    pub(super) bookkeeper: Arc<Bookkeeper>,
    pub(super) plans: RwLock<Arc<Plans>>,
    pub(super) nudge: Arc<tokio::sync::Notify>,
    /// What open pages show; one is made at a time.
    pub(super) shown: tokio::sync::Mutex<HashMap<Asked, (Instant, Vec<Briefing>)>>,
}

/// Names as they were looked up for one briefing.
#[derive(Default)]
struct Looked {
    clients: HashMap<ClientId, String>,
    caregivers: HashMap<CaregiverId, String>,
    /// Say no more than initials.
    initials: bool,
}

impl Looked {
    fn says(&self, name: Option<&String>) -> Option<String> {
        let name = name.filter(|name| !name.trim().is_empty())?;
        if self.initials { initials(name) } else { Some(name.clone()) }
    }
}

impl Naming for Looked {
    fn client(&self, id: &ClientId) -> Option<String> {
        self.says(self.clients.get(id))
    }

    fn caregiver(&self, id: &CaregiverId) -> Option<String> {
        self.says(self.caregivers.get(id))
    }
}

impl Briefer {
    pub(super) fn plans(&self) -> Arc<Plans> {
        self.plans.read().map(|plans| Arc::clone(&plans)).unwrap_or_default()
    }

    /// Takes over a configuration.
    pub(super) fn renew(&self, config: &Config, telling: &Arc<Telling>) {
        let plans = Plans {
            briefings: config.briefings.clone(),
            reports: config.reports.clone(),
            agencies: config.agencies.clone(),
            mail: config.mail.clone(),
            telling: Some(Arc::clone(telling)),
        };
        if let Ok(mut held) = self.plans.write() {
            *held = Arc::new(plans);
        }
    }

    /// The briefings of these agencies (empty = all), by ids alone. An agency that does not have the location is left out: of
    /// what it does not have, nobody can say that it is covered.
    pub(super) async fn brief(
        &self,
        kind: Kind,
        agencies: &[AgencyName],
        location: Option<&str>,
        at: Option<Instant>,
    ) -> Vec<Briefing> {
        let now = self.clock.now();
        let at = at.unwrap_or(now);
        let view = Arc::clone(&self.view.borrow());
        let pages = self.pages(at).await;
        let watchers = watchers(&view.on_call.report(at));
        let rates: HashMap<AgencyName, Option<f64>> =
            self.plans().agencies.iter().map(|agency| (agency.name.clone(), agency.hourly_rate)).collect();
        let mut all = Vec::new();
        for post in self.desk.posts().iter() {
            let wanted = agencies.is_empty() || agencies.contains(&post.name);
            let Some(seen) = view.agencies.iter().find(|one| one.name == post.name).filter(|_| wanted) else {
                continue;
            };
            let places = if location.is_some() { places(post).await } else { Vec::new() };
            let place = location.map(|location| place_of(location, &places));
            if place == Some(None) {
                continue;
            }
            let pages_from = pages.as_ref().ok().and_then(|(_, from)| *from);
            let own = pages.clone().map(|(pages, _)| {
                pages.into_iter().filter(|page| page.agency == post.name.as_str()).collect::<Vec<LoggedPage>>()
            });
            let machinery = machinery(&view, seen, at);
            let hourly_rate = rates.get(&post.name).copied().flatten();
            let given = given(
                (post, &self.store),
                seen,
                (kind, at),
                place.flatten().map(String::as_str),
                Told { pages: own, pages_from, watchers: watchers.clone(), machinery, hourly_rate },
            );
            let given = given.await;
            // A large agency takes tens of milliseconds; whoever polls the vendor must not wait for it.
            if let Ok(briefing) = tokio::task::spawn_blocking(move || briefing::make(&given)).await {
                all.push(briefing);
            }
        }
        all
    }

    /// The pages, the newest first; and from when on, where there are too many to read them all.
    async fn pages(&self, at: Instant) -> Result<(Vec<LoggedPage>, Option<Instant>), String> {
        let from = at - TimeDelta::days(BACK_DAYS);
        let (rows, n_left_out) = self.store.page_log(from, PAGES_MAX).await.map_err(|fault| {
            tracing::warn!(error = %fault, "store: the pages of a briefing could not be read; it says that they are not known");
            fault.to_string()
        })?;
        let pages = OnCallLog::of(from, at, rows, n_left_out).pages;
        let all_from = pages.last().map(|page| page.opened_at).filter(|_| n_left_out > 0);
        Ok((pages, all_from))
    }

    /// Writes names in, for a holder of a grant.
    async fn name(&self, all: &mut [Briefing], grant: PhiGrant, with_initials: bool) {
        for briefing in all {
            let (clients, caregivers) = briefing.people();
            let mut looked = Looked { initials: with_initials, ..Looked::default() };
            let posts = self.desk.posts();
            let Some(post) = posts.iter().find(|post| post.name.as_str() == briefing.agency) else { continue };
            {
                let mirror = &post.watch.lock().await.mirror;
                for id in clients {
                    if let Some(client) = mirror.client(&id) {
                        looked.clients.insert(id, client.person.name.reveal(grant).clone());
                    }
                }
                for id in caregivers {
                    if let Some(caregiver) = mirror.caregiver(&id) {
                        looked.caregivers.insert(id, caregiver.person.name.reveal(grant).clone());
                    }
                }
            }
            briefing.name_with(&looked);
        }
    }

    /// Soon after a start nothing is known of the schedule: a briefing that is due waits a little for it.
    fn enough_is_known(&self, all: &[Briefing], due: Due, now: Instant) -> Result<(), NotWritten> {
        let since = due.fire_at.max(self.view.borrow().started_at);
        let knows = |one: &Briefing| one.coverage.is_some() || one.ahead.is_some() || one.blind_since.is_some();
        if now - since >= KNOWN_WITHIN || all.iter().all(knows) {
            return Ok(());
        }
        Err(NotWritten { why: "the schedule is not known yet".to_owned(), way: None, waits: true })
    }

    /// The mails of a plan; `fire_at` makes their ids.
    async fn mails(&self, plan: &BriefingPlan, due: Option<Due>, now: Instant) -> Result<Written, NotWritten> {
        let plans = self.plans();
        let (Some(mail), Some(telling)) = (&plans.mail, &plans.telling) else {
            return Err(NotWritten::failed("global says of no mail server".to_owned()));
        };
        let mut all = self.brief(plan.kind, &plan.agencies, plan.location.as_deref(), None).await;
        if all.is_empty() {
            let place = plan.location.as_ref().map_or_else(String::new, |name| format!(", or has the location {name}"));
            return Err(NotWritten::failed(format!("none of its agencies is watched yet{place}")));
        }
        if let Some(due) = due {
            self.enough_is_known(&all, due, now)?;
        }
        if let Some(due) = due.filter(|due| due.is_late) {
            for briefing in &mut all {
                briefing.due_at = Some(due.fire_at);
            }
        }
        if plan.phi {
            self.name(&mut all, PhiGrant::GRANTED_MAIL, true).await;
        }
        let letter = letter(&all, plan, telling);
        let owner = match &all[..] {
            [one] => AgencyName::new(one.agency.as_str()),
            _ => AgencyName::installation(),
        };
        let receiver = briefing_receiver(&plan.name);
        let fire_at = due.map_or(now, |due| due.fire_at);
        let sending = Sending { agency: &owner, receiver: &receiver, fire_at, now };
        Ok(Written { messages: sending.mails(&plan.to, &letter, mail, telling), way: None })
    }
}

/// The mail of these briefings.
fn letter(all: &[Briefing], plan: &BriefingPlan, telling: &Telling) -> Letter {
    let link = telling.external_url.as_ref().map(|url| format!("{url}/briefing?kind={}", plan.kind));
    let picture = match all {
        [one] if !plan.kind.is_check() => chart::png(&one.trend),
        _ => None,
    };
    let footer = format!("Sent by shiftwatch to {}: the {} briefing.", plan.name, plan.kind);
    let subject = match all {
        [one] => format!("[{}] {}", one.title, text::subject(one)),
        several => {
            let n: u64 = several.iter().filter_map(uncovered).sum();
            let day = several.first().map(text::subject).unwrap_or_default();
            let day = day.split(':').next().unwrap_or_default().to_owned();
            format!("{day}: {} agencies, {n} uncovered", several.len())
        }
    };
    let mut plain = String::new();
    if let [_, _, ..] = all {
        for [name, day, days, pages] in html::table(all) {
            if plan.kind.is_check() {
                let _ = writeln!(plain, "{name}: {day} of {days} uncovered");
            } else {
                let _ = writeln!(plain, "{name}: {day} uncovered in 24 h, {days} in 72 h, pages: {pages}");
            }
        }
        plain.push('\n');
    }
    let bodies: Vec<String> = all.iter().map(|one| text::lines(one).join("\n")).collect();
    plain.push_str(&bodies.join("\n\n"));
    plain.push('\n');
    if let Some(link) = &link {
        plain.push_str(link);
        plain.push('\n');
    }
    let html = html::page(all, link.as_deref(), picture.is_some(), &footer);
    let enclosed = picture
        .map(|bytes| enclose("trend.png".to_owned(), "image/png", Some(html::CHART), &bytes))
        .into_iter()
        .collect();
    Letter { subject, text: plain, html, enclosed }
}

fn uncovered(briefing: &Briefing) -> Option<u64> {
    let day = briefing.coverage.as_ref().map(|part| part.all.within_24h);
    day.or_else(|| briefing.ahead.as_ref().map(|part| part.n_uncovered))
}

/// What a briefing is told besides what its agency's mirror knows.
struct Told {
    pages: Result<Vec<LoggedPage>, String>,
    pages_from: Option<Instant>,
    watchers: Vec<Watcher>,
    machinery: Machinery,
    hourly_rate: Option<f64>,
}

/// The locations of an agency as its texts write them.
async fn places(post: &Post) -> Vec<String> {
    let mirror = &post.watch.lock().await.mirror;
    let configured = mirror.settings().locations.iter().map(|location| location.name.clone());
    let lived_in = mirror.client_ids().map(|id| mirror.location_of(id));
    let all: BTreeSet<String> = configured.chain(lived_in).filter(|name| !name.is_empty()).collect();
    all.into_iter().collect()
}

async fn given(
    (post, store): (&Post, &Store),
    seen: &AgencyView,
    (kind, at): (Kind, Instant),
    location: Option<&str>,
    told: Told,
) -> Given {
    let today = local_date(seen.timezone, at);
    let from = start_of_day(seen.timezone, today - TimeDelta::days(BACK_DAYS));
    let until = start_of_day(seen.timezone, today + TimeDelta::days(AHEAD_DAYS));
    let past = match past::before_memory(post, store, BACK_DAYS.unsigned_abs(), at).await {
        Ok(past) => Some(past),
        Err(fault) => {
            tracing::warn!(error = %fault, "store: the past of a briefing could not be read; it looks back as far as memory");
            None
        }
    };
    let seam = past.as_ref().map_or(from, |past| past.seam);
    let (mut care, week_starts, zones) = {
        let watch = post.watch.lock().await;
        let zones = watch.mirror.settings().locations.iter();
        let zones = zones.filter_map(|location| Some((location.name.clone(), location.timezone?))).collect();
        (watch.care(from, until, location, at), watch.settings.hours.week_starts, zones)
    };
    let mut edits = None;
    if let Some(mut past) = past {
        edits = past.edits.take();
        care.retain(|care| care.key.start >= seam);
        let before = std::mem::take(&mut past.shifts).into_iter().map(|shift| {
            let place = past.place(&shift.row.client);
            shift.care(place)
        });
        let mut all: Vec<_> =
            before.filter(|care| location.is_none_or(|location| location == &*care.location)).collect();
        all.append(&mut care);
        care = all;
    }
    let shifts = seen.sections.iter().find(|one| one.section == Section::Shifts);
    Given {
        kind,
        agency: post.name.clone(),
        title: seen.title.clone(),
        zone: seen.timezone,
        zones,
        clock_12h: seen.clock_12h,
        week_starts,
        hourly_rate: told.hourly_rate,
        now: at,
        blind_since: seen.blind_since,
        is_known: seen.coverage.is_some(),
        as_of: shifts.and_then(|one| one.as_of),
        complete: shifts.is_some_and(|one| one.complete),
        // What the archive has of a day it has of all of it.
        reaches_from: care.first().map(|care| match care.key.start {
            start if start < seam => start_of_day(seen.timezone, local_date(seen.timezone, start)),
            start => start.max(from),
        }),
        care,
        edits,
        pages: told.pages,
        pages_from: told.pages_from,
        watchers: told.watchers,
        machinery: told.machinery,
    }
}

fn watchers(report: &OnCallReport) -> Vec<Watcher> {
    let needed = report.schedules.iter().filter(|schedule| !schedule.needed_by.is_empty());
    needed.map(watcher).collect()
}

fn watcher(schedule: &ScheduleReport) -> Watcher {
    let is_known = schedule.calendar.as_ref().is_none_or(|calendar| calendar.fetched_at.is_some());
    let next = schedule.until.and_then(|until| schedule.shifts.iter().find(|span| span.from >= until));
    let mut gaps = schedule.shifts.iter().filter(|span| span.is_gap);
    let n_gaps = gaps.clone().count();
    Watcher {
        schedule: schedule.name.clone(),
        now: is_known.then(|| schedule.on_call.clone()),
        until: schedule.until,
        next: next.map(|span| span.people.clone()).unwrap_or_default(),
        gap: gaps.next().map(|span| (span.from, span.until)),
        n_gaps,
    }
}

fn machinery(view: &View, seen: &AgencyView, at: Instant) -> Machinery {
    let soon = at + TimeDelta::days(1);
    let silences = view
        .routing
        .silences
        .iter()
        .filter(|silence| silence.state(at) == SilenceState::Active && silence.ends_at <= soon);
    let unreached = |one: &&Arc<crate::view::AlertView>| {
        one.alert.is_firing() && matches!(one.alert.key.subject, Subject::Gateway(_))
    };
    let mut silences: Vec<(String, Instant)> = silences.map(|silence| (silence.written(), silence.ends_at)).collect();
    silences.sort_by_key(|(_, ends_at)| *ends_at);
    Machinery {
        last_read_at: seen.last_read_at,
        failing: seen
            .endpoints
            .iter()
            .filter(|one| !one.up)
            .map(|one| (one.endpoint.to_string(), one.failing_since))
            .collect(),
        n_unsent: view.outbox.as_ref().map(|outbox| outbox.waiting.iter().map(|one| one.n).sum()),
        unsent_since: view.outbox.as_ref().and_then(|outbox| outbox.oldest_at),
        n_unreached: view.alerts.iter().filter(unreached).count(),
        silences,
    }
}

impl Briefings for Briefer {
    fn briefing(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        Box::pin(async move {
            let agencies: Vec<AgencyName> = asked.agency.iter().map(|name| AgencyName::new(name.as_str())).collect();
            self.brief(asked.kind, &agencies, asked.location.as_deref(), asked.at).await
        })
    }

    fn kept(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        Box::pin(async move {
            let mut shown = self.shown.lock().await;
            let real_now = clock::real_now();
            shown.retain(|_, (made_at, _)| (real_now - *made_at).abs() < TimeDelta::seconds(KEPT_S));
            if let Some((_, all)) = shown.get(&asked) {
                return all.clone();
            }
            let all = self.briefing(asked.clone()).await;
            shown.insert(asked, (clock::real_now(), all.clone()));
            all
        })
    }

    fn locations<'a>(&'a self, agency: Option<&'a str>) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let mut all = BTreeSet::new();
            for post in self.desk.posts().iter() {
                if agency.is_none_or(|name| post.name.as_str() == name) {
                    all.extend(places(post).await);
                }
            }
            all.into_iter().collect()
        })
    }

    fn name<'a>(&'a self, all: &'a mut [Briefing], grant: PhiGrant) -> BoxFuture<'a, ()> {
        Box::pin(self.name(all, grant, false))
    }

    fn send<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SentBriefing, BriefingFault>> {
        Box::pin(async move {
            let plans = self.plans();
            let Some(plan) = plans.briefings.iter().find(|plan| plan.name == name) else {
                let known = plans.briefings.iter().map(|plan| plan.name.clone()).collect();
                return Err(BriefingFault::Unknown { name: name.to_owned(), known });
            };
            let now = self.clock.now();
            let written = self.mails(plan, None, now).await.map_err(|fault| BriefingFault::Not(fault.why))?;
            let sent = SentBriefing { name: name.to_owned(), n_messages: written.messages.len(), at: now };
            let row = crate::store::Scheduled {
                name: format!("asked/{name}"),
                timetable: String::new(),
                until: now,
                at: now,
                outcome: "sent".to_owned(),
            };
            let stored = self.store.put_scheduled(row, written.messages, None).await;
            stored.map_err(|fault| BriefingFault::Not(fault.to_string()))?;
            self.nudge.notify_one();
            Ok(sent)
        })
    }

    fn reports(&self) -> Vec<crate::http::reports::ReportListed> {
        super::reports::listed(&self.plans())
    }

    fn report<'a>(
        &'a self,
        name: &'a str,
        grant: Option<PhiGrant>,
    ) -> BoxFuture<'a, Result<crate::http::reports::Document, crate::http::reports::ReportFault>> {
        Box::pin(super::reports::asked(self, name, grant))
    }
}

impl Writes for Briefer {
    fn plans(&self) -> Vec<Planned> {
        let plans = self.plans();
        let briefings = plans
            .briefings
            .iter()
            .map(|plan| Planned { name: format!("briefing/{}", plan.name), table: plan.table.clone() });
        let reports = plans
            .reports
            .iter()
            .filter_map(|plan| Some(Planned { name: format!("report/{}", plan.name), table: plan.table.clone()? }));
        briefings.chain(reports).collect()
    }

    fn write<'a>(&'a self, name: &'a str, due: Due, now: Instant) -> BoxFuture<'a, Result<Written, NotWritten>> {
        Box::pin(async move {
            let plans = self.plans();
            let gone = || NotWritten::failed("it left the configuration".to_owned());
            match name.split_once('/') {
                Some(("briefing", name)) => {
                    let plan = plans.briefings.iter().find(|plan| plan.name == name).ok_or_else(gone)?;
                    self.mails(plan, Some(due), now).await
                }
                Some(("report", name)) => {
                    let plan = plans.reports.iter().find(|plan| plan.name == name).ok_or_else(gone)?;
                    super::reports::send(self, plan, &plans, due, now).await
                }
                _ => Err(gone()),
            }
        })
    }
}
