//! What became of an alert, at the desk: which of its lives is meant, then an order for the agency's next step.

use std::sync::atomic::Ordering;

use super::desk::Desk;
use crate::{
    alerts::{disposition::Said, orders::Ask},
    http::orders::{Dispose, DisposeError, Disposed, StoreFault},
    model::{AgencyName, Instant},
};

impl Desk {
    pub(super) async fn take_disposition(&self, order: Dispose) -> Result<Disposed, DisposeError> {
        let (agency, active_at) = self.life_meant(&order.fingerprint, order.active_at).await?;
        if !self.posts().iter().any(|post| post.name == agency) {
            return Err(DisposeError::NotWatched);
        }
        let Dispose { fingerprint, by, disposition, approver, covered_by, note, .. } = order;
        let at = self.clock.now();
        let said = Said { fingerprint, active_at, at, by, disposition, approver, covered_by, note };
        let note = self.store.note_of(&agency, &said.fingerprint, active_at).await;
        let ask = match note.map_err(|fault| StoreFault { why: fault.to_string() })? {
            Some(note) => Ask::DisposeNoted { said: Box::new(said), note: Box::new(note) },
            None => Ask::Dispose(Box::new(said)),
        };
        self.order([(agency, vec![ask])]).await?;
        self.n_said.fetch_add(1, Ordering::AcqRel);
        Ok(Disposed { active_at })
    }

    /// The life with that beginning, else the latest that fired: as the books have it, then as it was kept.
    async fn life_meant(
        &self,
        fingerprint: &str,
        active_at: Option<Instant>,
    ) -> Result<(AgencyName, Instant), DisposeError> {
        for post in self.posts().iter() {
            let watch = post.watch.lock().await;
            let mut found: Vec<_> = watch.book.by_fingerprint(fingerprint).cloned().collect();
            found.retain(|alert| alert.fired_at().is_some() && active_at.is_none_or(|at| at == alert.active_at));
            found.sort_by_key(|alert| (alert.posted.is_some(), std::cmp::Reverse(alert.active_at)));
            if let Some(alert) = found.first() {
                return Ok((alert.key.agency.clone(), alert.active_at));
            }
        }
        let rows = self.store.alert_rows(fingerprint).await;
        let lives = rows.map_err(|fault| StoreFault { why: fault.to_string() })?.lives;
        let mut fired = lives.into_iter().filter(|life| life.fired_at.is_some()).peekable();
        if fired.peek().is_none() {
            return Err(DisposeError::Unknown);
        }
        let mut meant = fired.filter(|life| active_at.is_none_or(|at| at == life.active_at));
        meant.next().map(|life| (life.agency, life.active_at)).ok_or(DisposeError::NoSuchLife)
    }
}
