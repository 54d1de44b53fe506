//! The picture for readers, put together from what the loops hold. Counts what is known; what is unknown stays `None`.

use std::{
    cell::OnceCell,
    sync::{Arc, PoisonError},
    time::Duration,
};

use crate::{
    alerts::{
        alert::Alert, fingerprint::fingerprint, inhibit::Speakers, page::Arrived, silence::Silences, step::CatchUp,
    },
    config::{Config, Reminders},
    details::{DetailSection, plan::DetailBook},
    lifecycle::Post,
    mirror::{coverage::Coverage, today::Today},
    model::{
        Endpoint, Instant, Section,
        local_time::{local_date, start_of_day},
    },
    notify::voice::Telling,
    on_call::picture::OnCallPicture,
    rules::{finding::Tells, samples::samples},
    source::{
        planner::Promise,
        status::{BreakerStatus, SourceStatus},
    },
    store::{MessageFate, OutboxStats},
    view::{
        AgencyView, AlertView, Band, ConfigView, DetailView, EndpointView, LocationCoverage, OutboxCount, OutboxView,
        Paged, RemindersView, RoutingView, RuleView, SectionView, ShiftCounts, View,
    },
    watch::Watch,
};

/// What a picture is made of besides the agencies.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The configuration in use.
    pub config: &'a Config,
    /// When it was loaded, and since when a newer one is refused.
    pub config_view: ConfigView,
    /// When the process started.
    pub started_at: Instant,
    /// How each agency speaks.
    pub telling: Arc<Telling>,
    /// The installation's silences.
    pub silences: Arc<Silences>,
    /// The outbox, if the store could be asked.
    pub outbox: Option<OutboxStats>,
    /// Who is on call.
    pub on_call: Arc<OnCallPicture>,
    /// Whether the agent is ready.
    pub ready: Result<(), String>,
    /// Now.
    pub now: Instant,
}

/// The picture of everything.
pub async fn take(posts: &[Arc<Post>], frame: Frame<'_>) -> View {
    let now = frame.now;
    let mut agencies = Vec::new();
    let mut alerts = Vec::new();
    for post in posts {
        let plan = {
            let planner = post.planner.lock().await;
            (planner.promise(), planner.tiers().map(|(tier, n)| (tier, n)))
        };
        let watch = post.watch.lock().await;
        let speakers = OnceCell::new();
        alerts.extend(watch.book.alerts().map(|alert| Arc::new(alert_view(&watch, alert, &speakers))));
        drop(speakers);
        if let Some(source) = &post.source {
            let mut agency = agency_view(&watch, &plan.0, &source.status(&crate::clock::Clock::manual(now)), now);
            agency.details = details(&watch, &post.details.lock().unwrap_or_else(PoisonError::into_inner));
            agencies.push(agency);
        }
    }
    let mut rules: Vec<RuleView> = frame
        .config
        .rules
        .iter()
        .map(|rule| RuleView {
            alert: rule.alert.clone(),
            severity: rule.labels.get("severity").cloned().unwrap_or_default(),
        })
        .collect();
    let places: Vec<(String, Vec<String>)> = frame
        .config
        .agencies
        .iter()
        .map(|agency| {
            (agency.name.to_string(), agency.locations.iter().map(|location| location.name.clone()).collect())
        })
        .collect();
    rules.sort();
    rules.dedup();
    let reaches = |receiver: &&crate::notify::receiver::Receiver| !receiver.is_nobody();
    View {
        at: now,
        started_at: frame.started_at,
        agencies,
        alerts,
        rules,
        told: frame.config.receivers.iter().filter(reaches).map(|receiver| receiver.name.clone()).collect(),
        routing: RoutingView {
            receivers: frame.config.receivers.iter().map(|receiver| receiver.name.clone()).collect(),
            policy: Some(Arc::clone(&frame.config.policy)),
            silences: frame.silences,
            samples: Arc::new(samples(&frame.config.rules, &places)),
        },
        shadow_until: frame.config.telling.as_ref().map(|shadow| shadow.until),
        telling: frame.telling,
        outbox: frame.outbox.as_ref().map(outbox_view),
        config: frame.config_view,
        on_call: frame.on_call,
        ready: frame.ready,
    }
}

fn outbox_view(stats: &OutboxStats) -> OutboxView {
    let state = |fate: MessageFate| match fate {
        MessageFate::Claimed => "claimed",
        MessageFate::Uncertain => "uncertain",
        MessageFate::Held => "held",
        _ => "queued",
    };
    let waiting = stats
        .open
        .iter()
        .map(|(channel, fate, n)| OutboxCount { channel: *channel, state: state(*fate), n: *n })
        .collect();
    OutboxView { waiting, oldest_at: stats.oldest_at }
}

fn alert_view<'a>(watch: &'a Watch, alert: &Arc<Alert>, speakers: &OnceCell<Speakers<'a>>) -> AlertView {
    let routes = watch.book.policy().route.matches(&alert.labels);
    let inhibited_by = if watch.book.is_inhibited(alert) {
        let speakers = speakers.get_or_init(|| watch.book.speakers());
        watch.book.who_speaks_for(alert, speakers).map(|other| fingerprint(&other.labels)).into_iter().collect()
    } else {
        Vec::new()
    };
    let zone = watch
        .settings
        .locations
        .iter()
        .find(|location| location.name == alert.facts.location)
        .and_then(|location| location.timezone);
    AlertView {
        alert: Arc::clone(alert),
        fingerprint: fingerprint(&alert.labels),
        receivers: routes.iter().map(|route| route.receiver.clone()).collect(),
        paged: paged(watch, alert),
        next_step_at: next_step_at(watch, alert),
        inhibited_by,
        quiet: watch.quiet.get(&alert.key).copied(),
        timezone: zone.unwrap_or(watch.settings.timezone),
        clock_12h: watch.settings.clock_12h,
    }
}

/// Who was told of an alert by pages that are not over.
fn paged(watch: &Watch, alert: &Alert) -> Vec<Paged> {
    let pages = watch.book.pages_of(&alert.key).filter_map(|key| watch.book.page(key));
    let told = pages.flat_map(|page| page.told.iter().map(move |told| (page, told)));
    let mut paged: Vec<Paged> = told
        .filter(|(_, told)| told.arrived != Arrived::Withdrawn)
        .map(|(page, told)| Paged {
            person: told.person.to_string(),
            via: told.via.as_str(),
            code: page.codes.get(&told.mark).cloned().unwrap_or_default(),
            step: told.step + 1,
            at: told.at,
            arrived: told.arrived,
        })
        .collect();
    paged.sort_by_key(|told| told.at);
    paged
}

/// When somebody else is told, unless somebody owns it first.
fn next_step_at(watch: &Watch, alert: &Alert) -> Option<Instant> {
    let pages = watch.book.pages_of(&alert.key).filter_map(|key| watch.book.page(key));
    pages.filter(|page| page.ownership().is_none()).filter_map(|page| page.next_at).min()
}

fn reminders(watch: &Watch, settings: &Reminders) -> RemindersView {
    let summary = watch.reminders.summary(settings);
    RemindersView {
        n_people: summary.n_people,
        n_waiting: summary.n_waiting,
        n_sent: summary.counts.sent,
        n_cleared: summary.counts.cleared,
        n_not_cleared: summary.counts.not_cleared,
    }
}

fn agency_view(watch: &Watch, promise: &Promise, status: &SourceStatus, now: Instant) -> AgencyView {
    let mirror = &watch.mirror;
    let settings = &watch.settings;
    let roster_known = mirror.section(Section::Clients).full_at.is_some();
    let today = local_date(settings.timezone, now);
    let midnight = start_of_day(settings.timezone, today.succ_opt().unwrap_or(today));
    let left_today = mirror.shifts().running(now, midnight).filter(|entry| !entry.shift.is_cancelled()).count() as u64;
    let blind = watch.book.alerts().filter(|alert| alert.is_firing()).find_map(|alert| match alert.facts.tells {
        Tells::Blind { since, n_shifts, .. } => Some((since, n_shifts)),
        _ => None,
    });
    let bands = watch.ruleset.bands();
    let spans: Vec<Duration> = bands.iter().map(|(_, span)| *span).collect();
    let mut counted = mirror.coverage(&spans, now);
    let known = counted.known;
    let today = std::mem::replace(&mut counted.today, Today::new(settings.timezone, now, now));
    AgencyView {
        name: settings.name.clone(),
        title: settings.title.clone(),
        timezone: settings.timezone,
        clock_12h: settings.clock_12h,
        n_clients: roster_known.then(|| mirror.watched_clients(now).count() as u64),
        n_shifts_left_today: known.then_some(left_today),
        last_read_at: mirror.last_ok_at(),
        reminders: watch.settings.reminders.as_ref().map(|settings| reminders(watch, settings)),
        details: Vec::new(),
        sections: Section::ALL
            .into_iter()
            .map(|section| {
                let state = mirror.section(section);
                SectionView {
                    section,
                    as_of: state.read_at,
                    complete: state.complete_at.is_some() && state.complete_at >= state.read_at,
                }
            })
            .collect(),
        n_unjudged: watch.ledger.n_unjudged() as u64,
        blind_since: blind.map(|(since, _)| since),
        n_blind_shifts: blind.map_or(0, |(_, n_shifts)| u64::from(n_shifts)),
        catching_up_since: match watch.book.catch_up() {
            CatchUp::Running { since, .. } => Some(since),
            CatchUp::Done => None,
        },
        coverage: known.then(|| coverage(watch, &bands, counted)),
        today: Arc::new(today),
        detect_within: settings.wellsky.detect_within,
        requests_per_second: settings.wellsky.requests_per_second,
        promise: roster_known.then_some(promise.within),
        sweep: roster_known.then_some(promise.sweep),
        endpoints: endpoints(watch, status),
    }
}

/// What is read beside the watch, as far as the configuration wants it.
fn details(watch: &Watch, book: &DetailBook) -> Vec<DetailView> {
    let wanted = DetailSection::ALL.into_iter().filter(|section| watch.settings.wellsky.sections.has(*section));
    let view = |section| DetailView {
        section,
        as_of: match section {
            DetailSection::Locations => watch.mirror.locations_read_at(),
            _ => book.as_of(section),
        },
        fault: book.fault(section).map(str::to_owned),
    };
    wanted.map(view).collect()
}

fn endpoints(watch: &Watch, status: &SourceStatus) -> Vec<EndpointView> {
    Endpoint::ALL
        .into_iter()
        .filter_map(|endpoint| {
            let stats = watch.mirror.api(endpoint);
            stats.last_ok_at().or(stats.failing_since())?;
            let breaker = status.endpoints.iter().find(|one| one.endpoint == endpoint).map(|one| one.breaker);
            let paused_until = match breaker {
                Some(BreakerStatus::Open { until, .. }) => Some(until),
                _ => status.throttled_until,
            };
            let up = stats.failing_since().is_none() && !matches!(breaker, Some(BreakerStatus::Open { .. }));
            Some(EndpointView {
                endpoint,
                up,
                last_success_at: stats.last_ok_at(),
                failing_since: stats.failing_since(),
                paused_until,
            })
        })
        .collect()
}

fn coverage(watch: &Watch, bands: &[(String, Duration)], counted: Coverage) -> Vec<LocationCoverage> {
    let visits_known = watch.mirror.section(Section::Visits).read_at.is_some();
    // In the order of the labels, as they were counted.
    counted
        .locations
        .into_iter()
        .map(|(location, counts)| LocationCoverage {
            location,
            shifts: ShiftCounts {
                covered: counts.covered,
                uncovered: counts.uncovered,
                running: counts.running,
                done: counts.done,
                missed: counts.missed,
                cancelled: counts.cancelled,
            },
            uncovered: bands
                .iter()
                .zip(&counts.uncovered_within)
                .map(|((within, _), n)| Band { within: within.clone(), n: *n })
                .collect(),
            missed_check_ins: visits_known.then_some(counts.missed),
            open_visits: visits_known.then_some(counts.open_visits),
            scheduled: counts.scheduled,
            worked: visits_known.then_some(counts.worked),
            unbillable: visits_known.then_some(counts.unbillable),
        })
        .collect()
}
