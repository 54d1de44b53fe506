//! A new configuration for a running agent: who asks for it, when its files changed, whether it can be had.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{signal::unix::Signal, sync::oneshot};

use super::LoadConfig;
use crate::{
    config::{Config, origins::Origins},
    lifecycle,
};

/// How often the configuration's files are looked at for a change.
const FILES_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Asked of the running agent by its own web side and signals; who waits for the answer, if anybody.
pub(super) struct ReloadAsked(pub(super) Option<oneshot::Sender<Result<String, Vec<String>>>>);

/// Why a new configuration cannot be had.
pub(super) struct Refused {
    /// Every fault, for a person.
    pub(super) faults: Vec<String>,
    /// The files at fault: a change of one of them is worth another look.
    pub(super) files: Vec<PathBuf>,
}

impl From<String> for Refused {
    fn from(fault: String) -> Self {
        Self { faults: vec![fault], files: Vec::new() }
    }
}

/// The new configuration, or every fault of it. The old one stays in use until the caller takes the new one.
pub(super) async fn reload(load: &LoadConfig, old: &Config) -> Result<Config, Refused> {
    let load = Arc::clone(load);
    // A thread of its own, and not one of the runtime's: a command that hangs must not hold up the end of the run.
    let (done, loaded) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = done.send(load());
    });
    let loaded = loaded.await.map_err(|_| "the configuration could not be read: a mistake in shiftwatch".to_owned())?;
    let (config, warnings) = loaded.map_err(|faults| Refused {
        faults: faults.iter().map(ToString::to_string).collect(),
        files: faults.into_iter().map(|fault| PathBuf::from(fault.file)).collect(),
    })?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if config.store != old.store || config.web.listen != old.web.listen {
        return Err("store and web.listen cannot change while running; restart shiftwatch for that".to_owned().into());
    }
    Ok(config)
}

/// Returns on SIGHUP. Never, when it is not listened for.
pub(super) async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => {
            hangup.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Returns when something that the configuration was read from changed. Never, when it came from the environment alone.
pub(super) async fn files_change(origins: &Origins) {
    loop {
        lifecycle::wait(FILES_LOOKED_AT_EVERY).await;
        if origins.changed() {
            return;
        }
    }
}
