//! `/metrics`, `/-/healthy`, `/-/ready`, `/-/reload`, with the meanings they have in Prometheus' world.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::Web;
use crate::{clock, metrics::CONTENT_TYPE, view::readiness};

/// What Prometheus scrapes.
pub(super) async fn metrics(State(web): State<Arc<Web>>) -> Response {
    let text = web.metrics.encode(&web.view(), &web.pulses, web.clock.now());
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// The process answers.
pub(super) async fn healthy() -> &'static str {
    "shiftwatch is alive.\n"
}

/// Configuration read, store writable, loops running; 503 with the reason otherwise. Blind is still ready.
pub(super) async fn ready(State(web): State<Arc<Web>>) -> Response {
    match readiness(&web.view(), &web.pulses, clock::real_now()) {
        Ok(()) => "shiftwatch is ready.\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("shiftwatch is not ready: {why}\n")).into_response(),
    }
}

/// As SIGHUP. 500 with every fault when the new configuration is refused; the old one stays in use.
pub(super) async fn reload(State(web): State<Arc<Web>>) -> Response {
    match web.orders.reload().await {
        Ok(said) => format!("{said}\n").into_response(),
        Err(faults) => {
            let text =
                format!("the configuration was refused, the last good one stays in use:\n{}\n", faults.join("\n"));
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}
