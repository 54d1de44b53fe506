//! The HTTP side: metrics, health, Alertmanager's API v2 for alerts, the JSON API, the board.
//!
//! Given: the latest [`View`], the metrics, something that takes [`Orders`], and something that reads the [`Records`].
//! Gives: answers. Reads come from the view, or from what was kept, and never wait for a pass; an order is answered once
//! it is stored.
//! Does not: decide, touch the store, or show PHI. Every path is in one table ([`routes::ROUTES`]), which builds the
//! router and the access test.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, StatusCode, Uri, header, uri::Authority},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};

use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;

use crate::{
    clock::Clock,
    metrics::Metrics,
    notify::inbound::hooks::Hooks,
    pulse::Pulses,
    view::{View, ViewReader},
};

pub mod access;
pub mod answer;
pub mod audit;
pub mod briefing;
mod connection;
pub mod details;
mod drill;
mod exception_pages;
mod health;
mod hooks;
pub mod hours;
mod link;
mod live;
pub mod local_key;
pub mod lookup;
mod on_call;
mod on_call_log;
pub mod openapi;
pub mod orders;
mod own_host;
mod pages;
mod past;
pub mod people;
mod people_pages;
pub mod records;
pub mod reports;
pub mod routes;
mod serving;
mod sign_in;
mod silence_pages;
pub mod silencing;
mod v1;
mod v1_dispositions;
mod v1_office;
pub mod v1_silences;
mod v2;
pub mod vendor;
pub mod viewer;
mod waiting;

pub use {
    access::{Access, SignedIn},
    audit::Audit,
    briefing::Briefings,
    details::Details,
    drill::{DrillAnswer, DrillBody, DrillState, DrillTold},
    hours::HoursBook,
    live::Open,
    lookup::Lookup,
    orders::Orders,
    pages::Gallery,
    people::People,
    records::Records,
    serving::serve,
    silencing::Silencing,
    v1::{AckAnswer, AckBody},
    v1_dispositions::{DispositionAnswer, DispositionBody},
    vendor::VendorSide,
    viewer::Viewer,
    waiting::Peer,
};

/// The largest body taken. Prometheus sends 64 alerts a request; ten thousand at once are about 5 MB.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What every answer needs.
#[derive(Clone)]
pub struct Web {
    /// The latest picture.
    pub view: ViewReader,
    /// When the loops last passed.
    pub pulses: Arc<Pulses>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Takes orders.
    pub orders: Arc<dyn Orders>,
    /// Takes orders about silences.
    pub silencing: Arc<dyn Silencing>,
    /// Knows names, for pages that may show them.
    pub people: Arc<dyn People>,
    /// Pages drawn of the latest picture.
    pub gallery: Arc<Gallery>,
    /// How many pages are kept up to date.
    pub open: Arc<Open>,
    /// True once the agent stops; open streams end then.
    pub closing: watch::Receiver<bool>,
    /// Looks up what is read beside the watch.
    pub details: Arc<dyn Details>,
    /// Reads what happened.
    pub records: Arc<dyn Records>,
    /// Sums up hours.
    pub hours: Arc<dyn HoursBook>,
    /// Makes briefings and reports.
    pub briefings: Arc<dyn Briefings>,
    /// The agent's clock.
    pub clock: Clock,
    /// Who comes in.
    pub access: Arc<Access>,
    /// Writes down who sees whose name.
    pub audit: Arc<dyn Audit>,
    /// Looks people and shifts up.
    pub lookup: Arc<dyn Lookup>,
    /// Takes what gateways tell; `None` = there is nobody who would.
    pub hooks: Option<Arc<Hooks>>,
    /// Takes what the vendor tells.
    pub vendor: Arc<dyn VendorSide>,
}

impl Web {
    fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }
}

/// The router over the table of routes.
pub fn router(web: Web) -> Router {
    let access = &web.access;
    let sign_in = middleware::from_fn_with_state(Arc::clone(access), sign_in::only_known);
    let rate_limit = middleware::from_fn_with_state(Arc::clone(access), sign_in::not_too_many);
    let headers = middleware::from_fn_with_state(Arc::clone(access), set_headers);
    let mut router = Router::new();
    for route in routes::ROUTES {
        router = router.route(route.path, (route.serve)());
        if route.path.starts_with("/api/v2/") {
            // Alertmanager serves each of its paths with a slash at the end, too.
            router = router.route(&format!("{}/", route.path), (route.serve)());
        }
    }
    let web = Arc::new(web);
    let router = router
        .fallback(answer::no_such_path)
        .method_not_allowed_fallback(answer::wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(sign_in)
        .layer(middleware::from_fn(serving::in_time))
        .layer(middleware::from_fn_with_state(Arc::clone(&web), refuse_foreign_pages))
        .layer(rate_limit)
        .layer(headers)
        .with_state(Arc::clone(&web));
    // A proxy may hand on the path of `external_url` or take it away: both are answered.
    Router::new().fallback(move |mut request: Request| {
        let router = TowerToHyperService::new(router.clone());
        if let Some(uri) = without_base(request.uri(), web.view().telling.base_path()) {
            *request.uri_mut() = uri;
        }
        async move { router.call(request).await }
    })
}

/// The address without the path of `external_url`; `None` where it has none, and where that path is one of ours.
fn without_base(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    let first = base.split('/').nth(1).filter(|first| !first.is_empty())?;
    if routes::ROUTES.iter().any(|route| route.path.split('/').nth(1) == Some(first)) {
        return None;
    }
    let rest = match rest.as_bytes().first() {
        Some(b'/') => rest.to_owned(),
        None | Some(b'?') => format!("/{rest}"),
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// A page of another site, open in a browser on this machine, must not be able to acknowledge or reload.
///
/// Programs send neither header; a browser sends both and no page can change them. Where nobody signs in, a page must also have come
/// by a name that is ours: any other may lead here by its owner's will, and makes a foreign page one of our own site.
async fn refuse_foreign_pages(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let foreign_site = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    // HTTP/2 has the address in the request's own line.
    let own = text("host").or_else(|| request.uri().authority().map(Authority::as_str));
    let foreign_origin =
        text("origin").is_some_and(|origin| origin.split_once("://").map(|(_, authority)| authority) != own);
    // A link's page says nowhere where it comes from, and its token is a secret that no other site has.
    let is_link = request.uri().path().starts_with("/a/");
    if !request.method().is_safe() && !is_link && (foreign_site || foreign_origin) {
        let why = "a page of another site may not give orders; open shiftwatch's own address";
        return answer::problem(StatusCode::FORBIDDEN, why).into_response();
    }
    let is_page = ["origin", "sec-fetch-site"].iter().any(|name| headers.contains_key(*name));
    if !request.method().is_safe()
        && !is_link
        && is_page
        && !web.access.sign_in_is_on()
        && !own_host::is_ours(own, web.view().telling.external_url.as_deref())
    {
        let why = "nobody signs in here, and a page under a name that shiftwatch does not know as its own may not give orders; open it \
                   by its IP address, or set web.external_url to the address that you use";
        return answer::problem(StatusCode::FORBIDDEN, why).into_response();
    }
    next.run(request).await
}

/// What a browser may do with an answer: nothing from elsewhere, no style or script but the board's own files, in no
/// frame. `same-origin`: a form of ours must say where it comes from, and no other site may learn it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a page may do; the web file may say otherwise.
async fn set_headers(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    access.set_headers(headers);
    response
}

#[cfg(test)]
pub(crate) mod tests;
