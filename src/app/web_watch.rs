//! The web file and what it names, watched by themselves: a renewed certificate or a removed user counts within seconds,
//! also while the rest of the configuration is being mended.

use std::{path::PathBuf, time::Duration};

use tokio::task::spawn_blocking;

use crate::{
    config::{Config, Seen, WebFile, fault::Fault},
    lifecycle,
};

/// How often it is looked at. A change counts once it looks the same twice: a certificate and its key come one by one.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// The web file in use.
#[derive(Debug)]
pub(super) struct WebWatch {
    path: Option<PathBuf>,
    seen: Seen,
}

impl WebWatch {
    /// As a configuration read it.
    pub(super) fn of(config: &Config) -> Self {
        let file = config.web.file.as_ref();
        Self { path: file.map(|file| file.path.clone()), seen: file.map(|file| file.seen.clone()).unwrap_or_default() }
    }

    /// Returns when it holds something else than at the last reading. Never, when there is none.
    pub(super) async fn changes(&self) {
        let mut before = self.seen.clone();
        loop {
            lifecycle::wait(LOOKED_AT_EVERY).await;
            if self.path.is_none() {
                continue;
            }
            let seen = self.seen.clone();
            let Ok(now) = spawn_blocking(move || seen.again()).await else { continue };
            if now != self.seen && now == before {
                return;
            }
            before = now;
        }
    }

    /// Reads it again. Refused or not, only a further change is worth another look.
    ///
    /// # Errors
    /// Every fault, as a person reads it.
    pub(super) async fn read_again(&mut self) -> Result<WebFile, Vec<String>> {
        let path = self.path.clone().unwrap_or_default();
        let read = spawn_blocking(move || WebFile::load(&path)).await;
        let lines = |faults: Vec<Fault>| faults.iter().map(ToString::to_string).collect();
        match read {
            Ok(Ok((file, warnings))) => {
                self.seen = file.seen.clone();
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                Ok(file)
            }
            Ok(Err(refused)) => {
                self.seen = refused.seen;
                Err(lines(refused.faults))
            }
            Err(_) => Err(vec!["the web file could not be read: a mistake in shiftwatch".to_owned()]),
        }
    }
}
