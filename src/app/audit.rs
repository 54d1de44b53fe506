//! The audit of the running agent: rows go into the store before names go out.

use futures::future::BoxFuture;

use super::desk::Desk;
use crate::{
    clock,
    http::{Audit, audit::ROWS_MAX, orders::StoreFault, records::RecordsFault},
    model::Instant,
    report::audit::{AuditLog, AuditRow},
};

impl Audit for Desk {
    fn write(&self, rows: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            self.store.audit(rows).await.map_err(|fault| {
                self.store_health.refused(&fault, clock::real_now());
                StoreFault { why: fault.to_string() }
            })
        })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        Box::pin(async move {
            let rows = self.store.audit_log(from, until, ROWS_MAX + 1).await;
            let mut rows = rows.map_err(|fault| RecordsFault { why: fault.to_string() })?;
            let complete = rows.len() <= ROWS_MAX as usize;
            rows.truncate(ROWS_MAX as usize);
            Ok(AuditLog { from, until, rows, complete })
        })
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }
}
