//! `/`: what this is, how things stand, where the rest is. Holds no names and no ids.

use std::{fmt::Write, sync::Arc};

use axum::{extract::State, response::Html};

use super::Web;
use crate::{
    clock,
    view::report::{AlertReport, StatusReport},
};

const LINKS: [(&str, &str); 6] = [
    ("/api/v1/status", "status as JSON"),
    ("/api/v1/alerts", "alerts as JSON"),
    ("/metrics", "metrics for Prometheus"),
    ("/api/v2/alerts", "alerts as Alertmanager shows them"),
    ("/-/ready", "readiness"),
    ("/-/healthy", "liveness"),
];

/// The page.
pub(super) async fn page(State(web): State<Arc<Web>>) -> Html<String> {
    let (view, now) = (web.view(), web.clock.now());
    let status = StatusReport::of(&view, &web.pulses, now, clock::real_now());
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>shiftwatch</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta http-equiv=\"refresh\" content=\"30\"><style>:root{color-scheme:light dark}\
         body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}\
         .now{font-size:1.25rem}li{margin:.25rem 0}</style></head><body><h1>shiftwatch</h1>\
         <p>Watches a home-care agency's schedule so that nobody waits for a caregiver who is not coming.</p>",
    );
    let _ = write!(html, "<p class=\"now\">{}</p>", escape(&status.sentence));
    for remark in &status.remarks {
        let _ = write!(html, "<p>{}</p>", escape(remark));
    }
    let needs: Vec<_> = AlertReport::all(&view, now).into_iter().filter(|one| one.needs_you).take(50).collect();
    if !needs.is_empty() {
        html.push_str("<ul>");
        for one in &needs {
            let parts = [Some(one.alertname.as_str()), Some(one.location.as_str()), one.when.as_deref()];
            let text = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
            let _ = write!(html, "<li>{}</li>", escape(&text));
        }
        html.push_str("</ul>");
    }
    html.push_str("<ul>");
    for (path, what) in LINKS {
        let _ = write!(html, "<li><a href=\"{path}\">{what}</a></li>");
    }
    let _ = write!(html, "</ul><p><small>shiftwatch {}</small></p></body></html>", escape(&status.version));
    Html(html)
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
