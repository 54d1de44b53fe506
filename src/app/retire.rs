//! Agencies that left the configuration: what still fires there is closed, and whoever was told is told so.
//!
//! Without this their people would go on believing, and their queued pages would still leave.

use std::{sync::Arc, time::Duration};

use super::{Kept, parts::stand_in};
use crate::{
    alerts::route::Route,
    config::Config,
    model::{AgencyName, Instant},
    notify::voice::Telling,
    pipeline,
    rules::ruleset::Ruleset,
    watch::Watch,
};

/// More steps than any book needs: each takes thousands of alerts.
const STEPS_MAX: usize = 1_000;

/// Closes everything of the agencies that the store knows and the configuration does not. A store that refuses costs
/// the closings until the next start or reload, not the watch over the others.
pub(super) async fn retire(kept: &Kept, config: &Config, telling: &Telling, now: Instant) {
    if !config.offices_lost.is_empty() {
        // One of them may be in a file that cannot be read at present.
        return;
    }
    let known = match kept.store.agencies().await {
        Ok(known) => known,
        Err(fault) => {
            tracing::error!(error = %fault, "store: which agencies there were could not be read; those that left the configuration are not closed");
            return;
        }
    };
    let is_watched = |name: &AgencyName| {
        *name == AgencyName::installation() || config.agencies.iter().any(|agency| agency.name == *name)
    };
    for name in known.into_iter().filter(|name| !is_watched(name)) {
        match close(kept, config, telling, &name, now).await {
            Ok(0) => {}
            Ok(n_closed) => {
                tracing::warn!(agency = %name, n_closed, "config: this agency is not watched any more; its alerts are closed, and whoever was told of them is told so");
            }
            Err(fault) => {
                tracing::error!(agency = %name, error = %fault, "config: this agency is not watched any more; its alerts could not be closed, trying again at the next start or reload");
            }
        }
    }
}

/// Closes everything of one agency. Gives how many alerts that were.
async fn close(
    kept: &Kept,
    config: &Config,
    telling: &Telling,
    name: &AgencyName,
    now: Instant,
) -> anyhow::Result<usize> {
    let loaded = kept.store.load(name).await?;
    let n_alerts = loaded.alerts.len();
    let mut policy = (*config.policy).clone();
    at_once(&mut policy.route);
    let nothing = Arc::new(Ruleset::default());
    let mut watch = Watch::restore(&stand_in(config, name.clone()), loaded, nothing, Arc::new(policy), now);
    watch.share(&kept.reach);
    watch.later = watch.book.unwatched();
    watch.silences = kept.silences.get();
    for _ in 0..STEPS_MAX {
        let inputs = kept.store.pending_inputs(name).await?;
        let ticked = pipeline::tick(&mut watch, &kept.store, telling, &inputs, &[], now).await?;
        if ticked.is_idle() {
            break;
        }
    }
    Ok(n_alerts)
}

/// Nobody is there to wait for a group's interval.
fn at_once(route: &mut Route) {
    route.group_interval = Duration::ZERO;
    route.routes.iter_mut().for_each(at_once);
}
