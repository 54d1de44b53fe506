//! A new configuration for a running agent: who asks for it, when its files changed, whether it can be had.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{signal::unix::Signal, sync::oneshot};

use super::LoadConfig;
use crate::{config::Config, lifecycle};

/// How often the configuration's files are looked at for a change.
const FILES_LOOKED_AT_EVERY: Duration = Duration::from_secs(5);

/// Asked of the running agent by its own web side and signals; who waits for the answer, if anybody.
pub(super) struct ReloadAsked(pub(super) Option<oneshot::Sender<Result<String, Vec<String>>>>);

/// The new configuration, or every fault of it. The old one stays in use until the caller takes the new one.
pub(super) async fn reload(load: &LoadConfig, old: &Config) -> Result<Config, Vec<String>> {
    let load = Arc::clone(load);
    // A thread of its own, and not one of the runtime's: a command that hangs must not hold up the end of the run.
    let (done, loaded) = oneshot::channel();
    std::thread::spawn(move || {
        let _ = done.send(load());
    });
    let loaded =
        loaded.await.map_err(|_| vec!["the configuration could not be read: a mistake in shiftwatch".to_owned()])?;
    let (config, warnings) = loaded.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if config.store != old.store || config.web.listen != old.web.listen {
        return Err(vec!["store and web.listen cannot change while running; restart shiftwatch for that".into()]);
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

/// Returns when a file of the configuration changed. Never, when it came from the environment alone.
pub(super) async fn files_change(config: &Config) {
    let Some(file) = &config.file else { return std::future::pending().await };
    let before = stamps(file);
    loop {
        lifecycle::wait(FILES_LOOKED_AT_EVERY).await;
        if stamps(file) != before {
            return;
        }
    }
}

/// When the configuration and what lies beside it (`*.yml`, `*.yaml`, `*.env`, one folder deep) last changed.
fn stamps(file: &Path) -> BTreeMap<PathBuf, Option<std::time::SystemTime>> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let modified = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let mut stamps = BTreeMap::from([(file.to_owned(), modified(file))]);
    let list = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let here = list(folder);
    let below: Vec<PathBuf> = here.iter().filter(|path| path.is_dir()).flat_map(|path| list(path)).collect();
    for path in here.iter().chain(&below) {
        if path.extension().is_some_and(|extension| ["yml", "yaml", "env"].iter().any(|known| extension == *known)) {
            stamps.insert(path.clone(), modified(path));
        }
    }
    stamps
}
