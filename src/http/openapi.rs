//! The JSON API described for programs: OpenAPI 3.1, generated from the types that answer.
//!
//! A test holds it against the table of routes, and what the API answers against it.

use axum::response::Response;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Document,
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    answer, audit, briefing, details, drill, hours, lookup, on_call, on_call_log, past, reports, v1, v1_dispositions,
    v1_office, v1_silences, vendor,
};

/// Who may ask stands in the web file; without one there is no sign-in.
struct SignIn;

impl Modify for SignIn {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        document.components.get_or_insert_default().add_security_scheme("basic", scheme);
        let either = [SecurityRequirement::default(), SecurityRequirement::new("basic", Vec::<String>::new())];
        document.security = Some(either.into());
    }
}

/// Everything under `/api/v1`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "shiftwatch",
        description = "Watches a home-care agency's schedule. Instants are UTC, RFC 3339. What is not known is null, never 0. \
                       Names of people are null for whoever did not sign in; each view with names is written down. \
                       Alertmanager's API v2 is served beside this one, under /api/v2."
    ),
    paths(
        v1::status,
        v1::alerts,
        past::alert,
        v1::acknowledge,
        v1_dispositions::post,
        v1::pages,
        past::history,
        past::api,
        on_call::report,
        on_call::schedule,
        on_call::person,
        on_call_log::log,
        v1_silences::list,
        v1_silences::post,
        v1_silences::preview,
        v1_silences::expire,
        drill::begin,
        drill::look,
        audit::log,
        details::sections,
        details::tasks,
        details::activities,
        lookup::post_find,
        lookup::get_client,
        lookup::get_caregiver,
        lookup::get_shifts,
        lookup::get_cover,
        v1_office::exceptions,
        v1_office::kpis,
        hours::report,
        hours::closed,
        hours::close,
        hours::begin_read,
        hours::read_state,
        briefing::get,
        briefing::send,
        reports::list,
        reports::get,
        vendor::notes,
        vendor::would_note,
        document
    ),
    components(schemas(answer::Problem)),
    modifiers(&SignIn)
)]
struct Api;

/// The document.
#[must_use]
pub fn api() -> Document {
    Api::openapi()
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    tag = "status",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
pub(super) async fn document() -> Response {
    answer::json(api())
}
