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
    door: Door,
}

/// What keeps strangers out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Door {
    sign_in: bool,
    tls: bool,
}

impl Door {
    fn of(file: &WebFile) -> Self {
        Self { sign_in: !file.users.is_empty(), tls: file.tls.is_some() }
    }

    /// What an edit took away. It reads well and counts; but nobody should learn of it from a stranger.
    fn opened_since(self, before: Self) -> Vec<&'static str> {
        let no_sign_in = "web: the web file has no basic_auth_users any more: whoever reaches the web side may look and \
                          give orders now, and pages show no names; write basic_auth_users if that was not meant";
        let no_tls = "web: the web file has no tls_server_config any more: the web side speaks plain HTTP now; write \
                      tls_server_config if that was not meant";
        let gone = [(before.sign_in && !self.sign_in, no_sign_in), (before.tls && !self.tls, no_tls)];
        gone.into_iter().filter(|(is_gone, _)| *is_gone).map(|(_, says)| says).collect()
    }
}

impl WebWatch {
    /// As a configuration read it.
    pub(super) fn of(config: &Config) -> Self {
        let file = config.web.file.as_ref();
        Self {
            path: file.map(|file| file.path.clone()),
            seen: file.map(|file| file.seen.clone()).unwrap_or_default(),
            door: file.map(Door::of).unwrap_or_default(),
        }
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
                let door = Door::of(&file);
                for says in door.opened_since(self.door) {
                    tracing::warn!("{says}");
                }
                self.door = door;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_opens_a_door_is_said_aloud_and_no_other() {
        let door = |sign_in, tls| Door { sign_in, tls };
        for (before, after, n_said) in [
            (door(true, true), door(true, true), 0),
            (door(false, false), door(true, true), 0),
            (door(true, true), door(false, true), 1),
            (door(true, true), door(true, false), 1),
            (door(true, true), door(false, false), 2),
            (door(false, false), door(false, false), 0),
        ] {
            assert_eq!(after.opened_since(before).len(), n_said, "{before:?} to {after:?}");
        }
    }
}
