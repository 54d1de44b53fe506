//! The audit: before names leave, a row says who sees whom, when, and from where.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta};
use futures::future::BoxFuture;

use super::{Web, answer, orders::StoreFault, records::RecordsFault, viewer::Viewer, waiting::Peer};
use crate::{
    model::{AgencyName, Instant, PhiGrant},
    report::audit::{AuditLog, AuditRow, COMMAND_LINE},
};

pub use crate::report::audit::NamesShown;

/// So many rows in one answer.
pub const ROWS_MAX: u32 = 10_000;
/// The log of so many days, when nobody says.
const DAYS: i64 = 7;

/// Writes and reads the audit.
pub trait Audit: Send + Sync + 'static {
    /// Stores rows; they are on the disk when this answers.
    fn write(&self, rows: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>>;

    /// The rows of a time, the newest first.
    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>>;

    /// The agent's clock.
    fn now(&self) -> Instant;

    /// Asks to see names: writes who sees what (`what`: a path or a command), about whom (`about`: ids, never names), when
    /// and from where, and gives the permission. Without sign-in, and when the row cannot be stored, there is none: the
    /// answer goes out with ids alone and says so.
    fn view<'a>(
        &'a self,
        viewer: &'a Viewer,
        peer: Option<Peer>,
        agency: &'a AgencyName,
        what: &'a str,
        about: &'a str,
    ) -> BoxFuture<'a, Sight> {
        Box::pin(async move {
            let (Some(grant), Some(who)) = (viewer.grant(), viewer.who()) else {
                return Sight { grant: None, names: NamesShown::SignIn };
            };
            let row = AuditRow {
                at: self.now(),
                agency: agency.to_string(),
                who,
                what: what.to_owned(),
                about: about.to_owned(),
                from_where: match (peer, viewer) {
                    (Some(Peer(ip)), _) => Some(ip.to_canonical().to_string()),
                    (None, Viewer::Local { .. }) => Some(COMMAND_LINE.to_owned()),
                    (None, _) => None,
                },
            };
            match self.write(vec![row]).await {
                Ok(()) => Sight { grant: Some(grant), names: NamesShown::Shown },
                Err(fault) => {
                    tracing::error!(error = %fault, what, "audit: the row could not be stored; the answer holds no names");
                    Sight { grant: None, names: NamesShown::NoAudit }
                }
            }
        })
    }
}

/// What may be seen.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Permission to show names; `None` = ids only.
    pub grant: Option<PhiGrant>,
    /// The same for the answer, which says why there are none.
    pub names: NamesShown,
}

/// Who saw what: `?from=2026-12-01T00:00:00Z&until=…`, the last 7 days without. For whoever signed in.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "audit",
    params(("from" = Option<String>, Query, description = "The first instant; seven days before until without"), ("until" = Option<String>, Query, description = "The instant after the last; now without")),
    responses(
        (status = 200, description = "As asked", body = AuditLog),
        answer::Refused
    )
)]
pub(super) async fn log(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    peer: Option<axum::Extension<Peer>>,
    asked: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    if viewer == Viewer::Nobody {
        let why = "the audit is for those who signed in; with the command line: shiftwatch audit --config FILE";
        return answer::problem(StatusCode::FORBIDDEN, why).into_response();
    }
    let now = web.clock.now();
    let instant = |name: &str, otherwise: Instant| match asked.as_ref().ok().and_then(|asked| asked.get(name)) {
        None => Some(otherwise),
        Some(text) => DateTime::parse_from_rfc3339(text.trim()).ok().map(|at| at.to_utc()),
    };
    // Without an end everything counts, also what was written in this very moment, or by a clock that was ahead.
    let until = instant("until", now + TimeDelta::days(3_650));
    let from = instant("from", now - TimeDelta::days(DAYS));
    let (Some(from), Some(until)) = (from, until) else {
        let why = "`from` and `until` are instants: /api/v1/audit?from=2026-12-01T00:00:00Z&until=2026-12-02T00:00:00Z";
        return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
    };
    let log = match web.audit.log(from, until).await {
        Ok(log) => log,
        Err(fault) => return answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    };
    let peer = peer.map(|axum::Extension(peer)| peer);
    let about = format!("{} to {}", from.to_rfc3339(), until.to_rfc3339());
    let sight = web.audit.view(&viewer, peer, &AgencyName::installation(), "/api/v1/audit", &about).await;
    match sight.names {
        NamesShown::Shown => answer::json(log),
        not => answer::problem(StatusCode::SERVICE_UNAVAILABLE, not.words()).into_response(),
    }
}
