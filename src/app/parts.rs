//! The parts that are made anew at each reload, from a configuration and what is known already.

use std::sync::Arc;

use chrono::TimeDelta;
use tokio::sync::{Mutex, Notify};

use super::Kept;
use crate::{
    alerts::{policy::Policy, step::CatchUp},
    config::{self, Config},
    details::plan::DetailBook,
    lifecycle::Post,
    model::{AgencyName, Instant, Section, local_time::start_of_day},
    notify::{
        shadow,
        voice::{Telling, Voice},
    },
    rules::ruleset::Ruleset,
    source::{
        client::Source,
        planner::{PlanSettings, Planner},
    },
    store::Loaded,
    watch::Watch,
};

/// Where an agency's present state comes from.
#[derive(Debug)]
pub(super) enum Known {
    /// It was watched until now. Its loops stand.
    Held(Arc<Post>),
    /// It was not; this is how it was stored.
    Stored(Box<Loaded>),
}

/// One agency with its rules and its plan. `source: None` is the pseudo-agency.
pub(super) async fn post(
    kept: &Kept,
    config: &Config,
    agency: &config::Agency,
    source: Option<Arc<Source>>,
    known: Known,
    now: Instant,
) -> Post {
    let ruleset = Arc::new(Ruleset::of_agency(&config.rules, source.is_none()));
    let mut policy = Policy::clone(&config.policy);
    policy.confirm_timeout = agency.wellsky.confirm_timeout;
    let policy = Arc::new(policy);
    let speed = f64::from(kept.clock.speed());
    let settings = PlanSettings::new(
        agency.wellsky.detect_within,
        agency.wellsky.requests_per_second / speed,
        agency.timezone,
        kept.seed,
    );
    let (mut past, mut charges) = (Arc::default(), Arc::default());
    let settings = PlanSettings { locations_every: agency.wellsky.sections.locations, ..settings };
    let details = match &known {
        Known::Held(held) => Arc::clone(&held.details),
        Known::Stored(_) => {
            let stamps = kept.store.detail_stamps(&agency.name, now - TimeDelta::days(10)).await;
            let stamps = stamps.unwrap_or_else(|fault| {
                tracing::warn!(agency = %agency.name, error = %fault, "store: what was read beside the watch could not be looked up; it is read again");
                Vec::new()
            });
            Arc::new(std::sync::Mutex::new(DetailBook::restore(stamps)))
        }
    };
    let (watch, planner) = match known {
        Known::Held(held) => {
            charges = Arc::clone(&held.charges);
            past = Arc::clone(&held.past);
            past.lock().unwrap_or_else(std::sync::PoisonError::into_inner).cut_short();
            renew(kept, &held, agency, ruleset, policy, now).await;
            let same_source = match (&held.source, &source) {
                (Some(before), Some(source)) => Arc::ptr_eq(before, source),
                (before, source) => before.is_none() && source.is_none(),
            };
            let same_plan = same_source && *held.planner.lock().await.settings() == settings;
            (Arc::clone(&held.watch), same_plan.then(|| Arc::clone(&held.planner)))
        }
        Known::Stored(mut loaded) => {
            if source.is_none() && loaded.catch_up.is_none() {
                // There is no schedule to catch up with.
                loaded.catch_up = Some(CatchUp::Done);
            }
            let mut watch = Watch::restore(agency, *loaded, ruleset, policy, now);
            watch.share(&kept.reach);
            watch.standstill = watch.standstill * i32::try_from(kept.clock.speed()).unwrap_or(i32::MAX);
            (Arc::new(Mutex::new(watch)), None)
        }
    };
    let planner = planner.unwrap_or_else(|| Arc::new(Mutex::new(Planner::new(settings, now))));
    tell_planner(&mut *planner.lock().await, &*watch.lock().await, now);
    Post {
        name: agency.name.clone(),
        watch,
        planner,
        poll: Notify::new(),
        source,
        complaints: std::sync::Mutex::default(),
        past,
        charges,
        details,
    }
}

/// Takes the new configuration into a watch whose loops stand. Who was told until now may be named no more: their
/// addresses are looked up, so that they hear of the end.
async fn renew(
    kept: &Kept,
    held: &Post,
    agency: &config::Agency,
    ruleset: Arc<Ruleset>,
    policy: Arc<Policy>,
    now: Instant,
) {
    let mut watch = held.watch.lock().await;
    let of_alerts = watch.book.alerts().flat_map(|alert| alert.told.iter().map(|told| told.message.clone()));
    let of_pages = watch.book.pages().flat_map(|page| page.told.iter().map(|told| told.message.clone()));
    let told = of_alerts.chain(of_pages).collect();
    let told = kept.store.addresses(&agency.name, told).await.unwrap_or_else(|fault| {
        tracing::error!(agency = %agency.name, error = %fault, "store: who was told of what fires could not be read; whoever left the configuration is not told of its end");
        Vec::new()
    });
    watch.renew(agency, ruleset, policy, told, now);
}

/// Brings the plan to what the rules need now.
fn tell_planner(planner: &mut Planner, watch: &Watch, now: Instant) {
    planner.cut_short(now);
    if let Some(full_at) = watch.mirror.section(Section::Clients).full_at {
        planner.clients_read_at(full_at);
    }
    let clients = watch.mirror.client_ids().cloned().collect();
    for (client, plan) in watch.plans(&clients, now) {
        match plan {
            Some(plan) => planner.update_client(&client, plan, now),
            None => planner.remove_client(&client),
        }
    }
}

/// The pseudo-agency: alerts of no agency, and the agent's own.
pub(crate) fn installation(config: &Config) -> config::Agency {
    let mut agency = stand_in(config, AgencyName::installation());
    agency.title = "shiftwatch".into();
    agency
}

/// Settings for a name that the configuration has none for.
pub(super) fn stand_in(config: &Config, name: AgencyName) -> config::Agency {
    let mut agency = config.agencies[0].clone();
    agency.name = name;
    agency.locations = Vec::new();
    agency
}

/// Titles, zones, links and shadow.
pub(crate) fn telling(config: &Config) -> Telling {
    let voice = |agency: &config::Agency| Voice {
        title: agency.title.clone(),
        zone: agency.timezone,
        location_zones: agency
            .locations
            .iter()
            .filter_map(|location| Some((location.name.clone(), location.timezone?)))
            .collect(),
        clock_12h: agency.clock_12h,
    };
    let shadow = config.telling.as_ref().zip(config.mail.as_ref()).map(|(shadow, mail)| shadow::Shadow {
        until: start_of_day(config.agencies[0].timezone, shadow.until),
        to: shadow.to.clone(),
        from: mail.from.clone(),
        smarthost: mail.smarthost.clone(),
    });
    Telling {
        voices: config.agencies.iter().map(|agency| (agency.name.clone(), voice(agency))).collect(),
        installation: voice(&installation(config)),
        external_url: config.web.external_url.clone(),
        shadow,
    }
}
