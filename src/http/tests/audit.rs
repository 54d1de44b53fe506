//! Names leave for whoever signed in, and only with a row in the audit.

use super::*;
use crate::http::{access::tests::users, local_key::LocalKey, waiting::Peer};

/// As the machine's own command line asks.
pub(crate) fn local(request: RequestBuilder) -> RequestBuilder {
    request.header("authorization", LocalKey::new(&KEY).prove("ana", crate::clock::real_now()))
}

fn named(text: &str) -> bool {
    text.contains("Avery")
}

#[tokio::test]
async fn whatever_shows_names_shows_none_without_a_grant_and_writes_a_row_with_one() {
    let site = Site::open(vec![uncovered("1")]).await;
    let views: Vec<String> = ROUTES
        .iter()
        .filter(|route| route.shows == Shows::Names && route.methods.contains(&"GET"))
        .filter(|route| !["/live", "/api/v1/tasks"].contains(&route.path))
        .map(|route| address(route.path))
        .collect();
    for path in &views {
        assert!(!named(&site.get(path).await.1), "{path}");
    }
    assert!(lock(&site.orders.audit).is_empty(), "nobody saw a name");
    for sign_in in [false, true] {
        site.access.swap(sign_in.then(users).as_ref());
        for path in &views {
            lock(&site.orders.audit).clear();
            let (status, page) = answer(local(site.ask(Method::GET, path))).await;
            assert_eq!(status, 200, "{path}: {page}");
            let rows = lock(&site.orders.audit).clone();
            assert_eq!(named(&page), !rows.is_empty(), "{path}: names and a row go together: {rows:?}");
            for row in rows {
                assert_eq!((row.who.as_str(), row.from_where.as_deref()), ("local:ana", Some("127.0.0.1")), "{path}");
                assert!(path.starts_with(&row.what) && !named(&row.about), "{path}: {row:?}");
            }
        }
    }
    let alice = site.ask(Method::GET, "/alerts").basic_auth("alice", Some("example-password"));
    assert!(named(&answer(alice).await.1));
    let last = lock(&site.orders.audit).last().cloned().unwrap();
    assert_eq!((last.who.as_str(), last.what.as_str()), ("alice", "/alerts"));
    assert!(last.about.contains("client 7000101 of main"), "{last:?}");
}

#[tokio::test]
async fn without_a_row_there_are_no_names() {
    let site = Site::open(vec![uncovered("1")]).await;
    *lock(&site.orders.fail) = true;
    let (status, page) = answer(local(site.ask(Method::GET, "/alerts"))).await;
    assert_eq!(status, 200, "the page is there all the same");
    assert!(!named(&page) && page.contains("Names are shown after sign-in only"), "{page}");
}

#[tokio::test]
async fn a_stream_writes_down_whoever_is_new_on_it() {
    let site = Site::open(vec![uncovered("1")]).await;
    let mut stream = local(site.ask(Method::GET, "/live?page=alerts")).send().await.unwrap();
    while lock(&site.orders.audit).is_empty() {
        stream.chunk().await.unwrap();
    }
    let n = lock(&site.orders.audit).len();
    site.change(|view| view.told = vec!["somebody else".to_owned()]);
    stream.chunk().await.unwrap();
    assert_eq!(lock(&site.orders.audit).len(), n, "the same people again");
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_refused_as_a_password_is() {
    let site = Site::open(Vec::new()).await;
    let wrong = LocalKey::new(&[8; 32]).prove("ana", crate::clock::real_now());
    let old = LocalKey::new(&KEY).prove("ana", crate::clock::real_now() - TimeDelta::minutes(5));
    for value in [wrong.as_str(), old.as_str(), "Local", "Local x", "local 1.2.3"] {
        let (status, body) = answer(site.ask(Method::GET, "/alerts").header("authorization", value)).await;
        assert_eq!((status, body.contains("not the key of this agent's store")), (401, true), "{value}: {body}");
    }
    assert_eq!(site.get("/-/ready").await.0, 200);
    let key = LocalKey::new(&KEY).prove("ana", crate::clock::real_now());
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("authorization", key.parse().unwrap());
    for (from, comes_in) in [(Some("127.0.0.1"), true), (Some("::1"), true), (Some("192.0.2.9"), false), (None, false)]
    {
        let peer = from.map(|ip: &str| Peer(ip.parse().unwrap()));
        let who = site.access.who(&headers, peer).await;
        assert_eq!(who.is_ok_and(|who| who.is_some_and(|who| who.is_local)), comes_in, "{from:?}");
    }
}

#[tokio::test]
async fn the_audit_is_for_whoever_signed_in_and_tells_of_itself() {
    let site = Site::open(vec![uncovered("1")]).await;
    let (status, body) = site.get("/api/v1/audit").await;
    assert!(status == 403 && body.contains("shiftwatch audit --config"), "{body}");
    answer(local(site.ask(Method::GET, "/alerts"))).await;
    let log = |query: &str| answer(local(site.ask(Method::GET, &format!("/api/v1/audit{query}"))));
    let (status, body) = log("").await;
    let log_: AuditLog = serde_json::from_str(&body).unwrap();
    assert_eq!((status, log_.rows.len(), log_.rows[0].what.as_str()), (200, 1, "/alerts"), "{body}");
    assert_eq!(lock(&site.orders.audit).last().unwrap().what, "/api/v1/audit");
    let none: AuditLog =
        serde_json::from_str(&log("?from=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z").await.1).unwrap();
    assert!(none.rows.is_empty() && none.complete);
    for query in ["?from=yesterday", "?until=1", "?from="] {
        assert_eq!(log(query).await.0, 400, "{query}");
    }
    *lock(&site.orders.fail) = true;
    assert_eq!(log("").await.0, 503, "who reads it is written down, too");
}
