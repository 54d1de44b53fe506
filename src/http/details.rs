//! What is read beside the watch, as JSON: how old each section is, tasks, care activities.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Web, answer, audit::NamesShown, records::RecordsFault, viewer::Viewer, waiting::Peer};
use crate::{
    model::{AgencyName, PhiGrant},
    report::tasks::{ActivitiesReport, SectionAge, TasksReport},
};

/// Whose tasks are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TasksOf {
    /// Of the visit with this id.
    Visit(String),
    /// Of a shift, by the value of its alerts' label `shift`.
    Shift(String),
}

/// Looks up what was read beside the watch.
pub trait Details: Send + Sync + 'static {
    /// The tasks of a visit or a shift; `None` when no agency knows it. Without a grant: counts.
    fn tasks<'a>(
        &'a self,
        _of: &'a TasksOf,
        _grant: Option<PhiGrant>,
    ) -> BoxFuture<'a, Result<Option<TasksReport>, RecordsFault>> {
        Box::pin(async { Ok(None) })
    }

    /// The care activities of every agency that reads them.
    fn activities(&self) -> BoxFuture<'_, Result<Vec<ActivitiesReport>, RecordsFault>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// What an answer about tasks is.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TasksAnswer {
    /// The tasks.
    #[serde(flatten)]
    pub tasks: TasksReport,
    /// Whether what staff wrote is in it, and why not.
    pub names: NamesShown,
}

/// How old every section is, those that the watch needs first.
#[utoipa::path(
    get,
    path = "/api/v1/sections",
    tag = "status",
    responses(
        (status = 200, description = "As asked", body = Vec<SectionAge>),
        answer::NotNow
    )
)]
pub(super) async fn sections(State(web): State<Arc<Web>>) -> Response {
    let view = web.view();
    let mut reports = Vec::new();
    for agency in &view.agencies {
        let report = |section: &str, optional, as_of, fault| SectionAge {
            agency: agency.name.to_string(),
            section: section.to_owned(),
            optional,
            as_of,
            fault,
        };
        reports.extend(agency.sections.iter().map(|one| report(one.section.as_str(), false, one.as_of, None)));
        let details = agency.details.iter();
        reports.extend(details.map(|one| report(one.section.as_str(), true, one.as_of, one.fault.clone())));
    }
    answer::json(reports)
}

/// The tasks of `?visit=ID` or `?shift=LABEL`.
#[utoipa::path(
    get,
    path = "/api/v1/tasks",
    tag = "visits",
    params(("visit" = Option<String>, Query, description = "The vendor's id of a visit"), ("shift" = Option<String>, Query, description = "A shift as the label shift of its alerts names it")),
    responses(
        (status = 200, description = "As asked", body = TasksAnswer),
        answer::Refused
    )
)]
pub(super) async fn tasks(
    State(web): State<Arc<Web>>,
    viewer: Viewer,
    peer: Option<Extension<Peer>>,
    asked: Result<Query<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let of = match (asked.get("visit"), asked.get("shift")) {
        (Some(visit), None) if !visit.is_empty() => TasksOf::Visit(visit.clone()),
        (None, Some(shift)) if !shift.is_empty() => TasksOf::Shift(shift.clone()),
        _ => {
            let why =
                "name one of both: /api/v1/tasks?visit=55000001 or /api/v1/tasks?shift=90010001@2026-12-01T14:00:00Z";
            return answer::problem(StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let unknown = || {
        let why =
            "no visit or shift of this name is known; a shift is named as the label `shift` of its alerts names it";
        answer::problem(StatusCode::NOT_FOUND, why).into_response()
    };
    // First without its words: whose audit it goes into is known only then.
    let counted = match web.details.tasks(&of, None).await {
        Ok(Some(counted)) => counted,
        Ok(None) => return unknown(),
        Err(fault) => return answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    };
    let agency = AgencyName::new(counted.agency.as_str());
    let about = match &of {
        TasksOf::Visit(id) => format!("visit {id}"),
        TasksOf::Shift(label) => format!("shift {label}"),
    };
    let peer = peer.map(|Extension(peer)| peer);
    let sight = web.audit.view(&viewer, peer, &agency, "/api/v1/tasks", &about).await;
    let tasks = match sight.grant {
        None => Ok(Some(counted)),
        Some(_) => web.details.tasks(&of, sight.grant).await,
    };
    match tasks {
        Ok(Some(tasks)) => answer::json(TasksAnswer { tasks, names: sight.names }),
        Ok(None) => unknown(),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}

/// The agencies' lists of care activities.
#[utoipa::path(
    get,
    path = "/api/v1/activities",
    tag = "visits",
    responses(
        (status = 200, description = "As asked", body = Vec<ActivitiesReport>),
        answer::NotNow
    )
)]
pub(super) async fn activities(State(web): State<Arc<Web>>) -> Response {
    match web.details.activities().await {
        Ok(activities) => answer::json(activities),
        Err(fault) => answer::problem(StatusCode::SERVICE_UNAVAILABLE, fault.to_string()).into_response(),
    }
}
