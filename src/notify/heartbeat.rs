//! The heartbeat: a GET that says "a complete cycle just went well" to somebody who notices when it stops.
//!
//! Given: the end of each complete cycle. Gives: at most one request per `every`.
//! Does not: beat on its own, retry, or say anything but that. What watches it is not ours: that is its use.

use chrono::TimeDelta;

use super::channel::{ANSWER_TIMEOUT, ChannelError, Http};
use crate::{
    config::Heartbeat as Settings,
    model::{Instant, PhiGrant},
};

/// Beats when told to, not too often.
#[derive(Debug)]
pub struct Heartbeat {
    http: Http,
    settings: Settings,
    last_at: Option<Instant>,
}

impl Heartbeat {
    /// With the configured address and pace.
    pub fn new(settings: Settings) -> Result<Self, ChannelError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { http: Http::new().map_err(ChannelError::Http)?, settings, last_at: None })
    }

    /// True when the next beat may go.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        let every = TimeDelta::from_std(self.settings.every).unwrap_or(TimeDelta::MAX);
        // A clock that was set back must not silence it.
        self.last_at.is_none_or(|last_at| now < last_at || now - last_at >= every)
    }

    /// Beats if it is due, after a complete cycle. True when somebody heard it.
    pub async fn beat(&mut self, now: Instant) -> bool {
        if !self.is_due(now) {
            return false;
        }
        self.last_at = Some(now);
        let url = self.settings.url.reveal(PhiGrant::SEND);
        match self.http.client(url).get(url).timeout(ANSWER_TIMEOUT).send().await {
            Ok(response) if response.status().is_success() => true,
            Ok(response) => {
                tracing::warn!(
                    code = response.status().as_u16(),
                    "heartbeat: refused; the next one goes after the next complete cycle"
                );
                false
            }
            Err(error) => {
                tracing::warn!(
                    timeout = error.is_timeout(),
                    "heartbeat: not heard; the next one goes after the next complete cycle"
                );
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Phi, local_time::from_micros};

    #[test]
    fn it_beats_at_most_once_in_its_time() {
        let t = |seconds: i64| from_micros((1_800_000_000 + seconds) * 1_000_000);
        let url = Phi::new("http://127.0.0.1:9/".to_owned());
        let mut heart = Heartbeat::new(Settings { url, every: Duration::from_mins(1) }).unwrap();
        assert!(heart.is_due(t(0)), "the first");
        heart.last_at = Some(t(0));
        assert!(!heart.is_due(t(59)));
        assert!(heart.is_due(t(60)), "on its instant");
        assert!(heart.is_due(t(-1)), "the clock was set back");
    }
}
