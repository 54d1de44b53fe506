//! The access table: every route by whoever asks.

use axum::{Extension, Router, routing::get};
use reqwest::{Method, RequestBuilder};

use super::*;
use crate::http::{
    SignedIn,
    access::tests::{file, users},
    routes::Shows,
    tests::Site,
};

/// How somebody asks.
#[derive(Debug, Clone, Copy)]
enum As {
    Nobody,
    Wrong,
    Alice,
}

fn by(who: As, request: RequestBuilder) -> RequestBuilder {
    match who {
        As::Nobody => request,
        As::Wrong => request.basic_auth("alice", Some("another-example")),
        As::Alice => request.basic_auth("alice", Some("example-password")),
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_its_role_says() {
    let site = Site::open(Vec::new()).await;
    for sign_in in [false, true] {
        site.access.swap(sign_in.then(users).as_ref());
        for route in ROUTES {
            let path = route.path.replace("{fingerprint}", "0000000000000001");
            for method in route.methods {
                for who in [As::Nobody, As::Wrong, As::Alice] {
                    let request = by(who, site.ask(Method::from_bytes(method.as_bytes()).unwrap(), &path));
                    let response = request.send().await.unwrap();
                    let comes_in = !sign_in || route.role == Role::Open || matches!(who, As::Alice);
                    let shows = format!("{method} {path}, sign-in {sign_in}, {who:?}");
                    assert_eq!(response.status() != StatusCode::UNAUTHORIZED, comes_in, "{shows}");
                    let asks =
                        response.headers().get(header::WWW_AUTHENTICATE).map(|ask| ask.to_str().unwrap().to_owned());
                    assert_eq!(asks.is_some_and(|ask| ask.starts_with("Basic ")), !comes_in, "{shows}");
                    if !comes_in {
                        let body = response.text().await.unwrap();
                        let words = if matches!(who, As::Wrong) { WRONG } else { UNASKED };
                        assert!(body.contains(words), "{shows}: {body}");
                    }
                }
            }
        }
    }
    // Nothing of what was refused was done.
    assert_eq!(*site.orders.reloads.lock().unwrap(), 4, "three without sign-in, one by whoever signed in");
}

#[tokio::test]
async fn paths_that_are_not_there_are_not_open() {
    let site = Site::open(Vec::new()).await;
    site.access.swap(Some(&users()));
    for path in [
        "/nothing",
        "/-/healthy/",
        "/-/HEALTHY",
        "//-/healthy",
        "/-/healthy/../../metrics",
        "/-/%68ealthy",
        "/api/v2/silences",
    ] {
        let status = site.ask(Method::GET, path).send().await.unwrap().status();
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let status = site.ask(Method::POST, "/-/healthy").send().await.unwrap().status();
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "an open path says what it takes");
}

#[tokio::test]
async fn handlers_are_told_who_signed_in() {
    async fn who(who: Option<Extension<SignedIn>>) -> String {
        who.map_or_else(|| "nobody".to_owned(), |who| who.user.clone())
    }
    for (file, want) in [(Some(users()), "alice"), (None, "nobody")] {
        let access = Arc::new(Access::new(file.as_ref()));
        let layer = axum::middleware::from_fn_with_state(Arc::clone(&access), only_known);
        let router = Router::new().route("/who", get(who)).layer(layer);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/who", listener.local_addr().unwrap());
        tokio::spawn(crate::http::serve(listener, router, access, std::future::pending()));
        let response = by(As::Alice, reqwest::Client::new().get(url)).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), want);
    }
}

#[tokio::test]
async fn headers_of_the_web_file_go_before_ours() {
    let site = Site::open(Vec::new()).await;
    let header = async |name: &str| {
        let response = site.ask(Method::GET, "/-/healthy").send().await.unwrap();
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert!(header("content-security-policy").await.unwrap().contains("default-src 'none'"));
    assert_eq!(header("strict-transport-security").await, None);
    site.access.swap(Some(&file(
        "http_server_config:\n  headers:\n    Content-Security-Policy: default-src 'self'\n    Strict-Transport-Security: max-age=60\n    X-Frame-Options: deny\n",
    )));
    assert_eq!(header("content-security-policy").await.as_deref(), Some("default-src 'self'"));
    assert_eq!(header("strict-transport-security").await.as_deref(), Some("max-age=60"));
    assert_eq!(header("x-frame-options").await.as_deref(), Some("deny"));
    assert_eq!(header("x-content-type-options").await.as_deref(), Some("nosniff"), "what it does not name stays");
    assert_eq!(header("cache-control").await.as_deref(), Some("no-store"));
    site.access.swap(Some(&file("http_server_config: { headers: { Content-Security-Policy: '' } }")));
    assert_eq!(header("content-security-policy").await, None, "blank means unset");
}

#[tokio::test]
async fn the_rate_limit_spares_open_paths() {
    let site = Site::open(Vec::new()).await;
    site.access.swap(Some(&file("rate_limit: { interval: 1h, burst: 2 }")));
    let mut answers = Vec::new();
    for _ in 0..3 {
        let response = site.ask(Method::GET, "/api/v2/status").send().await.unwrap();
        answers.push((response.status().as_u16(), response.headers().contains_key(header::RETRY_AFTER)));
    }
    assert_eq!(answers, [(200, false), (200, false), (429, true)]);
    let open = ROUTES
        .iter()
        .filter(|route| route.role == Role::Open && route.shows == Shows::Counts && route.methods == ["GET"]);
    for route in open {
        assert_eq!(site.ask(Method::GET, route.path).send().await.unwrap().status(), StatusCode::OK, "{}", route.path);
    }
}
