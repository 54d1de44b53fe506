//! The parts that are made anew at each reload, from a configuration and the store.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Mutex, Notify};

use super::Kept;
use crate::{
    alerts::step::CatchUp,
    config::{self, Config},
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
    watch::Watch,
};

/// One agency as it was stored, with its rules and its plan. `source: None` is the pseudo-agency.
pub(super) async fn post(
    kept: &Kept,
    config: &Config,
    agency: &config::Agency,
    source: Option<Arc<Source>>,
    now: Instant,
) -> anyhow::Result<Post> {
    let loaded = kept.store.load(&agency.name).await.with_context(|| format!("loading agency {}", agency.name))?;
    let ruleset = Arc::new(Ruleset::of_agency(&config.rules, source.is_none()));
    let mut policy = (*config.policy).clone();
    policy.confirm_timeout = agency.wellsky.confirm_timeout;
    let mut loaded = loaded;
    if source.is_none() && loaded.catch_up.is_none() {
        // There is no schedule to catch up with.
        loaded.catch_up = Some(CatchUp::Done);
    }
    let mut watch = Watch::restore(agency, loaded, ruleset, Arc::new(policy), now);
    watch.standstill = watch.standstill * i32::try_from(kept.clock.speed()).unwrap_or(i32::MAX);
    let speed = f64::from(kept.clock.speed());
    let settings = PlanSettings::new(
        agency.wellsky.detect_within,
        agency.wellsky.requests_per_second / speed,
        agency.timezone,
        kept.seed,
    );
    let mut planner = Planner::new(settings, now);
    if let Some(full_at) = watch.mirror.section(Section::Clients).full_at {
        planner.clients_read_at(full_at);
    }
    let clients = watch.mirror.client_ids().cloned().collect();
    for (client, plan) in watch.plans(&clients, now) {
        if let Some(plan) = plan {
            planner.update_client(&client, plan, now);
        }
    }
    Ok(Post {
        name: agency.name.clone(),
        watch: Mutex::new(watch),
        planner: Mutex::new(planner),
        poll: Notify::new(),
        source,
        complaints: std::sync::Mutex::default(),
    })
}

/// The pseudo-agency: alerts of no agency, and the agent's own.
pub(super) fn installation(config: &Config) -> config::Agency {
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
pub(super) fn telling(config: &Config) -> Telling {
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
