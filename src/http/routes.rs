//! The table of routes: path, methods, how much it may show, who may ask.

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};

use super::{
    Web, audit, briefing, details, drill, exception_pages, health, hooks, hours, link, live, lookup, on_call,
    on_call_log, openapi, pages, past, people_pages, reports, silence_pages, v1, v1_dispositions, v1_office,
    v1_silences, v2, vendor,
};
use crate::notify::inbound::{RINGCENTRAL_HOOK, STATUS_HOOK, TEXT_HOOK, VOICE_HOOK};

/// One path.
#[derive(Debug)]
pub struct Route {
    /// As the router writes it.
    pub path: &'static str,
    /// Every method it answers, besides `HEAD` where there is `GET`.
    pub methods: &'static [&'static str],
    /// How much it may show.
    pub shows: Shows,
    /// Who may ask once sign-in is on.
    pub role: Role,
    /// What answers.
    pub serve: fn() -> MethodRouter<Arc<Web>>,
}

/// How much of a person an answer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Nothing: counts, names from the configuration, our own state.
    Counts,
    /// The vendor's ids of shifts and visits, locations, times, and what staff wrote in a note.
    Refs,
    /// Those, and names and telephone numbers once whoever asks has signed in.
    Names,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Anybody, also when sign-in is on.
    Open,
    /// Whoever may look.
    Reader,
    /// Whoever may act.
    Operator,
}

/// Every path there is.
pub const ROUTES: &[Route] = &[
    Route { path: "/", methods: &["GET"], shows: Shows::Names, role: Role::Reader, serve: || get(pages::now) },
    Route { path: "/alerts", methods: &["GET"], shows: Shows::Names, role: Role::Reader, serve: || get(pages::alerts) },
    Route {
        path: "/alerts/{fingerprint}",
        methods: &["GET", "POST"],
        shows: Shows::Names,
        role: Role::Operator,
        serve: || get(pages::alert).post(pages::acknowledge),
    },
    Route {
        path: "/alerts/{fingerprint}/disposition",
        methods: &["POST"],
        shows: Shows::Names,
        role: Role::Operator,
        serve: || post(v1_dispositions::post_form),
    },
    Route {
        path: "/people",
        methods: &["GET", "POST"],
        shows: Shows::Names,
        role: Role::Operator,
        serve: || get(people_pages::search).post(people_pages::found),
    },
    Route {
        path: "/clients/{id}",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(people_pages::client),
    },
    Route {
        path: "/caregivers/{id}",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(people_pages::caregiver),
    },
    Route {
        path: "/shifts/{shift}/cover",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(people_pages::cover),
    },
    Route {
        path: "/on-call",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(pages::on_call),
    },
    Route {
        path: "/briefing",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(briefing::page),
    },
    Route {
        path: "/api/v1/briefing",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(briefing::get),
    },
    Route {
        path: "/api/v1/briefing/{name}/send",
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Operator,
        serve: || post(briefing::send),
    },
    Route {
        path: "/api/v1/reports",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(reports::list),
    },
    Route {
        path: "/api/v1/reports/{name}",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(reports::get),
    },
    Route {
        path: "/api-health",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(pages::api),
    },
    Route {
        path: "/history",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(pages::history),
    },
    Route {
        path: "/exceptions",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(exception_pages::list),
    },
    Route {
        path: "/exceptions/{fingerprint}",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(exception_pages::post),
    },
    Route {
        path: "/api/v1/exceptions",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(v1_office::exceptions),
    },
    Route {
        path: "/api/v1/kpis",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(v1_office::kpis),
    },
    Route {
        path: "/silences",
        methods: &["GET", "POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(silence_pages::list).post(silence_pages::post),
    },
    Route {
        path: "/silences/new",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(silence_pages::new),
    },
    Route {
        path: "/silences/{id}/expire",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(silence_pages::expire),
    },
    Route {
        path: "/a/{token}",
        methods: &["GET", "POST"],
        shows: Shows::Refs,
        role: Role::Open,
        serve: || get(link::show).post(link::act),
    },
    Route { path: "/live", methods: &["GET"], shows: Shows::Names, role: Role::Reader, serve: || get(live::changes) },
    Route {
        path: "/static/{name}",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(pages::asset),
    },
    Route {
        path: "/metrics",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(health::metrics),
    },
    Route {
        path: "/-/healthy",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || get(health::healthy),
    },
    Route { path: "/-/ready", methods: &["GET"], shows: Shows::Counts, role: Role::Open, serve: || get(health::ready) },
    Route {
        path: "/-/reload",
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Operator,
        serve: || post(health::reload),
    },
    Route {
        path: "/api/v1/status",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(v1::status),
    },
    Route {
        path: "/api/v1/lookup",
        methods: &["POST"],
        shows: Shows::Names,
        role: Role::Operator,
        serve: || post(lookup::post_find),
    },
    Route {
        path: "/api/v1/clients/{id}",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(lookup::get_client),
    },
    Route {
        path: "/api/v1/caregivers/{id}",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(lookup::get_caregiver),
    },
    Route {
        path: "/api/v1/shifts",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(lookup::get_shifts),
    },
    Route {
        path: "/api/v1/shifts/{shift}/cover",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(lookup::get_cover),
    },
    Route {
        path: "/api/v1/audit",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(audit::log),
    },
    Route {
        path: "/api/v1/openapi.json",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(openapi::document),
    },
    Route {
        path: "/api/v1/sections",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(details::sections),
    },
    Route {
        path: "/api/v1/tasks",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(details::tasks),
    },
    Route {
        path: "/api/v1/activities",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(details::activities),
    },
    Route {
        path: "/api/v1/on-call",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(on_call::report),
    },
    Route {
        path: "/api/v1/on-call/log",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(on_call_log::log),
    },
    Route {
        path: "/api/v1/on-call/{schedule}",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(on_call::schedule),
    },
    Route {
        path: "/api/v1/on-call/people/{person}",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(on_call::person),
    },
    Route {
        path: "/api/v1/alerts",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(v1::alerts),
    },
    Route {
        path: "/api/v1/pages",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(v1::pages),
    },
    Route {
        path: "/api/v1/alerts/{fingerprint}",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(past::alert),
    },
    Route {
        path: "/api/v1/history",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(past::history),
    },
    Route { path: "/hours", methods: &["GET"], shows: Shows::Names, role: Role::Reader, serve: || get(hours::page) },
    Route {
        path: "/api/v1/hours",
        methods: &["GET"],
        shows: Shows::Names,
        role: Role::Reader,
        serve: || get(hours::report),
    },
    Route {
        path: "/api/v1/hours/closed",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(hours::closed),
    },
    Route {
        path: "/api/v1/hours/close",
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Operator,
        serve: || post(hours::close),
    },
    Route {
        path: "/api/v1/hours/reads",
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Operator,
        serve: || post(hours::begin_read),
    },
    Route {
        path: "/api/v1/hours/reads/{id}",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(hours::read_state),
    },
    Route {
        path: "/api/v1/api",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(past::api),
    },
    Route {
        path: "/api/v1/alerts/{fingerprint}/ack",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(v1::acknowledge),
    },
    Route {
        path: "/api/v1/alerts/{fingerprint}/disposition",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(v1_dispositions::post),
    },
    Route {
        path: "/api/v1/silences",
        methods: &["GET", "POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(v1_silences::list).post(v1_silences::post),
    },
    Route {
        path: "/api/v1/silences/preview",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(v1_silences::preview),
    },
    Route {
        path: "/api/v1/silences/{id}/expire",
        methods: &["POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || post(v1_silences::expire),
    },
    Route {
        path: "/api/v1/drill",
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Operator,
        serve: || post(drill::begin),
    },
    Route {
        path: "/api/v1/drill/{id}",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(drill::look),
    },
    Route {
        path: "/api/v2/status",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(v2::status),
    },
    Route {
        path: "/api/v2/alerts",
        methods: &["GET", "POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(v2::alerts).post(v2::post_alerts),
    },
    Route {
        path: "/api/v2/alerts/groups",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(v2::groups::groups),
    },
    Route {
        path: "/api/v2/receivers",
        methods: &["GET"],
        shows: Shows::Counts,
        role: Role::Reader,
        serve: || get(v2::receivers),
    },
    Route {
        path: "/api/v2/silences",
        methods: &["GET", "POST"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(v2::silences::list).post(v2::silences::post),
    },
    Route {
        path: "/api/v2/silence/{id}",
        methods: &["DELETE", "GET"],
        shows: Shows::Refs,
        role: Role::Operator,
        serve: || get(v2::silences::get).delete(v2::silences::expire),
    },
    Route {
        path: TEXT_HOOK,
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || post(hooks::twilio_text),
    },
    Route {
        path: STATUS_HOOK,
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || post(hooks::twilio_status),
    },
    Route {
        path: VOICE_HOOK,
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || post(hooks::twilio_voice),
    },
    Route {
        path: RINGCENTRAL_HOOK,
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || post(hooks::ringcentral),
    },
    Route {
        path: "/api/v1/notes",
        methods: &["GET"],
        shows: Shows::Refs,
        role: Role::Reader,
        serve: || get(vendor::notes),
    },
    Route {
        path: vendor::VENDOR_HOOK,
        methods: &["POST"],
        shows: Shows::Counts,
        role: Role::Open,
        serve: || post(vendor::hook),
    },
];
