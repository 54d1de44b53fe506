//! Who is on call, brought to a watch: the latest roster for each agency's book, and what the rules judge by.
//!
//! Given: the picture of who is on call, and an instant. Gives: the same to every watch, and since when what is wrong has
//! been so. Does not: read a calendar.

use std::sync::Arc;

use super::Watch;
use crate::{
    model::{Instant, Subject},
    on_call::{lint::About, picture::OnCallPicture},
    rules::on_call_health::OnCallHealth,
};

/// What was last known of who is on call.
#[derive(Debug, Default)]
pub struct Rota {
    of: Option<Arc<OnCallPicture>>,
    until: Option<Instant>,
    began_at: Option<Instant>,
    health: Vec<OnCallHealth>,
}

impl Rota {
    /// Takes the latest picture; looked at anew when it is another, or when time alone may have changed it.
    pub fn look(&mut self, picture: &Arc<OnCallPicture>, now: Instant) {
        let began_at = *self.began_at.get_or_insert(now);
        let same = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, picture));
        if same && self.until.is_some_and(|until| now < until) {
            return;
        }
        let (health, until) = picture.health(now);
        self.until = Some(until);
        self.of = Some(Arc::clone(picture));
        let before = std::mem::take(&mut self.health);
        self.health = health
            .into_iter()
            .map(|health| OnCallHealth {
                subject: match health.about {
                    About::Schedule(name) => Subject::Schedule(name),
                    About::Policy(name) => Subject::Policy(name),
                    About::Person(name) => Subject::Person(name),
                },
                gap: health.gap,
                since: health.since.unwrap_or(began_at),
                faults: health.faults,
                unverified: health.unverified,
            })
            .collect();
        // What nothing is wrong with any more is said once more, and from then on: an alert may be open on it.
        for old in before {
            if !self.health.iter().any(|health| health.subject == old.subject) {
                self.health.push(OnCallHealth { gap: None, faults: Vec::new(), unverified: false, ..old });
            }
        }
    }

    /// Until when nothing of it changes by itself; `None` = nobody has looked.
    #[must_use]
    pub const fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Tells an agency's watch; what is wrong with it is the installation's alone.
    pub fn tell(&self, watch: &mut Watch, is_installation: bool) {
        if let Some(picture) = &self.of {
            watch.book.set_roster(&picture.roster);
        }
        if is_installation && watch.on_call != self.health {
            watch.on_call.clone_from(&self.health);
        }
    }
}
