//! The client against a scripted server of its own, over real HTTP on loopback.

use std::{collections::VecDeque, sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Instant as RealInstant};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Shared,
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use chrono::TimeDelta;
use serde_json::json;

use super::*;
use crate::{
    config::{NaiveTz, Wellsky},
    details::Sections,
    model::{ClientId, local_time::from_micros},
    source::{breaker::Why, request::hot_span},
};

/// One request as the server saw it.
#[derive(Debug, Clone)]
struct Seen {
    at: RealInstant,
    method: String,
    path: String,
    query: String,
    body: String,
    token: String,
    content_type: String,
}

/// What the server answers.
enum Reply {
    Json(u16, Value),
    Text(u16, &'static str, &'static str),
    RetryAfter(u16, &'static str),
    Hang,
    /// Announces more than it sends.
    Truncated,
    /// Sends a byte now and then, for ever.
    Drip,
}

type Script = Box<dyn FnMut(&Seen) -> Reply + Send>;

struct Server {
    address: String,
    log: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Clone)]
struct Stage {
    log: Arc<Mutex<Vec<Seen>>>,
    script: Arc<Mutex<Script>>,
}

impl Server {
    async fn start(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let stage = Stage { log: Arc::clone(&log), script: Arc::new(Mutex::new(Box::new(script))) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(stage);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, log }
    }

    fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    /// Method and path of everything but tokens.
    fn asked(&self) -> Vec<String> {
        self.seen()
            .iter()
            .filter(|seen| seen.path != "/oauth/accesstoken")
            .map(|seen| format!("{} {}", seen.method, seen.path))
            .collect()
    }

    fn n_tokens(&self) -> usize {
        self.seen().iter().filter(|seen| seen.path == "/oauth/accesstoken").count()
    }
}

async fn answer(
    Shared(stage): Shared<Stage>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let seen = Seen {
        at: RealInstant::now(),
        method: method.to_string(),
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        token: text("authorization"),
        content_type: text("content-type"),
    };
    stage.log.lock().unwrap().push(seen.clone());
    let reply = (stage.script.lock().unwrap())(&seen);
    let plain = |status: u16| Response::builder().status(StatusCode::from_u16(status).unwrap());
    match reply {
        Reply::Json(status, value) => plain(status).body(Body::from(value.to_string())).unwrap(),
        Reply::Text(status, kind, text) => plain(status).header("content-type", kind).body(Body::from(text)).unwrap(),
        Reply::RetryAfter(status, after) => plain(status).header("retry-after", after).body(Body::empty()).unwrap(),
        Reply::Hang => std::future::pending().await,
        Reply::Truncated => {
            let broken = futures::stream::unfold(0, |n| async move {
                // The head and the first bytes must be out before the connection breaks.
                tokio::time::timeout(Duration::from_millis(20 * n), std::future::pending::<()>()).await.ok();
                let part: Result<Bytes, std::io::Error> = match n {
                    0 => Ok(Bytes::from_static(b"{\"resourceType\":")),
                    _ => Err(std::io::ErrorKind::BrokenPipe.into()),
                };
                Some((part, n + 1))
            });
            plain(200).body(Body::from_stream(broken)).unwrap()
        }
        Reply::Drip => {
            let drip = futures::stream::unfold((), |()| async {
                tokio::task::yield_now().await;
                tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.ok();
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
            });
            plain(200).body(Body::from_stream(drip)).unwrap()
        }
    }
}

fn token(n: usize) -> Reply {
    Reply::Json(200, json!({"access_token": format!("token{n}"), "expires_in": "3599", "token_type": "BearerToken"}))
}

fn bundle_of(rows: &[Value]) -> Reply {
    let entries: Vec<Value> = rows.iter().map(|row| json!({"resource": row})).collect();
    Reply::Json(200, json!({"resourceType": "Bundle", "totalRecords": rows.len(), "entry": entries}))
}

fn shift(n: usize) -> Value {
    json!({"resourceType": "Appointment", "id": n.to_string(), "client": {"id": "7"}, "caregiver": {},
        "start": "2026-07-06T13:00:00+00:00", "end": "2026-07-06T17:00:00+00:00", "status": "SCHEDULED"})
}

fn route_403() -> Reply {
    Reply::Json(403, json!({"message": "Missing Authentication Token"}))
}

fn now() -> Instant {
    from_micros(1_783_339_200_000_000)
}

fn agency(address: &str, change: impl FnOnce(&mut Wellsky)) -> Agency {
    let mut wellsky = Wellsky {
        base_url: address.to_owned(),
        agency_id: None,
        client_id: "example-client".into(),
        client_secret: "example-secret".into(),
        detect_within: Duration::from_mins(5),
        requests_per_second: 10.0,
        content_type: "application/json".to_owned(),
        send_agency_id: false,
        encounter_naive_tz: NaiveTz::Auto,
        page_base: None,
        confirm_timeout: Duration::from_mins(1),
        hook_secret: None,
        write: crate::config::Write::default(),
        sections: Sections::default(),
    };
    change(&mut wellsky);
    Agency {
        name: "main".into(),
        title: "CCA".to_owned(),
        timezone: chrono_tz::America::Denver,
        locations: Vec::new(),
        tags: Vec::new(),
        clock_12h: false,
        morning_list: None,
        hours: crate::config::Hours::default(),
        cover: Arc::default(),
        hourly_rate: None,
        reminders: None,
        wellsky,
    }
}

fn source_with(address: &str, change: impl FnOnce(&mut Wellsky)) -> Source {
    let agency = agency(address, change);
    let mut access = Access::new(&agency.wellsky, 1).unwrap();
    access.timings.request = Duration::from_millis(300);
    access.timings.page = Duration::from_millis(300);
    access.timings.retry = Duration::from_millis(1);
    Source::new(&agency, Arc::new(access))
}

fn source(server: &Server) -> Source {
    source_with(&server.address, |_| {})
}

fn hot() -> Read {
    hot_of("7")
}

fn hot_of(client: &str) -> Read {
    Read::Shifts { client: client.into(), span: hot_span(now(), chrono_tz::America::Denver), confirming: false }
}

async fn fetch(source: &Source, read: &Read) -> Fetched {
    source.fetch(read, now(), &Clock::manual(now())).await
}

fn codes(fetched: &Fetched) -> Vec<String> {
    fetched.requests.iter().map(|request| format!("{} {} {}", request.endpoint, request.code, request.ok)).collect()
}

#[tokio::test]
async fn one_hot_read_is_one_token_and_one_search() {
    let server =
        Server::start(
            |seen| if seen.path.ends_with("accesstoken") { token(1) } else { bundle_of(&[shift(1), shift(2)]) },
        )
        .await;
    let source = source(&server);
    let fetched = fetch(&source, &hot()).await;
    let rows = fetched.outcome.clone().unwrap();
    assert!(rows.complete && rows.rejected.is_empty());
    let Batch::Shifts(shifts) = rows.batch else { panic!() };
    assert_eq!(shifts.len(), 2);
    assert_eq!(fetched.started_at, now());
    assert_eq!(codes(&fetched), ["token 200 true", "appointment 200 true"]);
    fetch(&source, &hot()).await;
    let seen = server.seen();
    assert_eq!(server.n_tokens(), 1, "the second read uses the same token");
    let search = &seen[1];
    assert_eq!((search.method.as_str(), search.path.as_str()), ("POST", "/v1/appointment/_search/"));
    assert_eq!(search.query, "_count=100", "no _page on a first request, no agencyId");
    assert_eq!(search.body, r#"{"additionalDays":"6","clientId":"7","startDate":"20260705"}"#);
    assert_eq!(search.token, "Bearer token1");
    assert_eq!(search.content_type, "application/json");
    assert_eq!(
        seen[0].body,
        r#"{"client_id":"example-client","client_secret":"example-secret","grant_type":"client_credentials"}"#
    );
}

#[tokio::test]
async fn every_path_and_method_is_of_the_read_set() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/oauth/accesstoken" => token(1),
        path if path.contains("_search") => bundle_of(&[]),
        _ => Reply::Json(200, json!({"subject": {"reference": "Patient/7"}})),
    })
    .await;
    let source = source(&server);
    let visits = |client: Option<&str>| Read::Visits {
        client: client.map(ClientId::from),
        span: Span { from: now(), until: now() + TimeDelta::hours(1) },
        confirming: false,
    };
    for read in [
        Read::Clients(Extent::Full),
        Read::Clients(Extent::UpdatedSince(now())),
        Read::Client("7".into()),
        Read::Caregivers(Extent::Full),
        Read::Caregiver("8 /x".into()),
        hot(),
        visits(Some("7")),
        visits(None),
        Read::Visit("5".into()),
        Read::Locations,
    ] {
        assert!(fetch(&source, &read).await.outcome.is_ok(), "{read:?}");
    }
    assert_eq!(
        server.asked(),
        [
            "POST /v1/patients/_search/",
            "POST /v1/patients/_search/",
            "GET /v1/patients/7/",
            "POST /v1/practitioners/_search/",
            "POST /v1/practitioners/_search/",
            "GET /v1/practitioners/8%20%2Fx/",
            "POST /v1/appointment/_search/",
            "POST /v1/encounter/_search/",
            "POST /v1/encounter/_search/",
            "GET /v1/encounter/5/",
            "POST /v1/locations/_search",
        ]
    );
    let bodies: Vec<String> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.path.contains("practitioners/_search"))
        .map(|seen| seen.body)
        .collect();
    assert_eq!(
        bodies,
        [r#"{"active":"true","is_hired":"true"}"#, "{}"],
        "no hired caregiver at all is not believed at once"
    );
}

#[tokio::test]
async fn the_token_body_that_works_is_found_and_remembered() {
    let server = Server::start(|seen| match (seen.path.as_str(), seen.content_type.as_str()) {
        ("/oauth/accesstoken", "application/json") => Reply::Json(415, json!({})),
        ("/oauth/accesstoken", _) => Reply::Json(200, json!({"access_token": "t", "expires_in": 1})),
        _ => bundle_of(&[]),
    })
    .await;
    let source = source(&server);
    let fetched = fetch(&source, &hot()).await;
    assert_eq!(codes(&fetched), ["token 415 false", "token 200 true", "appointment 200 true"]);
    assert_eq!(
        server.seen()[1].body,
        "grant_type=client_credentials&client_id=example-client&client_secret=example-secret"
    );
}

#[tokio::test]
async fn one_refresh_for_an_expired_token_whoever_notices() {
    let issued = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&issued);
    let expired = Arc::new(AtomicUsize::new(0));
    let dead = Arc::clone(&expired);
    let server = Server::start(move |seen| {
        if seen.path.ends_with("accesstoken") {
            return token(count.fetch_add(1, Ordering::SeqCst) + 1);
        }
        let bad = seen.token == "Bearer token1" && dead.load(Ordering::SeqCst) == 1;
        if bad { Reply::Json(401, json!({"fault": {"faultstring": "Access Token expired"}})) } else { bundle_of(&[]) }
    })
    .await;
    let source = source(&server);
    let reads = (hot(), hot(), hot(), hot());
    let (a, b, c, d) = tokio::join!(
        fetch(&source, &reads.0),
        fetch(&source, &reads.1),
        fetch(&source, &reads.2),
        fetch(&source, &reads.3)
    );
    assert!([a, b, c, d].iter().all(|fetched| fetched.outcome.is_ok()));
    assert_eq!(issued.load(Ordering::SeqCst), 1, "four at once, one token");
    expired.store(1, Ordering::SeqCst);
    let (a, b, c, d) = tokio::join!(
        fetch(&source, &reads.0),
        fetch(&source, &reads.1),
        fetch(&source, &reads.2),
        fetch(&source, &reads.3)
    );
    assert!([a, b, c, d].iter().all(|fetched| fetched.outcome.is_ok()));
    assert_eq!(issued.load(Ordering::SeqCst), 2, "one refresh for one expiry");
}

#[tokio::test]
async fn a_second_401_stops_calling() {
    let server =
        Server::start(|seen| if seen.path.ends_with("accesstoken") { token(1) } else { Reply::Json(401, json!({})) })
            .await;
    let source = source(&server);
    let fetched = fetch(&source, &hot()).await;
    assert_eq!(fetched.outcome.unwrap_err(), ReadFault::Credentials { code: "401".into() });
    assert_eq!(server.seen().len(), 4, "token, search, token, search");
    for _ in 0..5 {
        assert_eq!(fetch(&source, &hot()).await.outcome.unwrap_err(), ReadFault::Credentials { code: "401".into() });
    }
    assert_eq!(server.seen().len(), 4, "and then silence");
    assert!(matches!(source.status(&Clock::manual(now())).token, TokenStatus::Refused { .. }));
}

#[tokio::test]
async fn a_refused_credential_is_not_tried_in_a_loop() {
    for (status, n_first) in [(401, 1), (403, 1), (404, 1), (400, 2)] {
        let server = Server::start(move |_| Reply::Json(status, json!({"Error": "ClientId is Invalid"}))).await;
        let source = source(&server);
        for _ in 0..4 {
            let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
            assert_eq!(fault, ReadFault::Credentials { code: status.to_string() });
        }
        assert_eq!(server.seen().len(), n_first, "{status}");
    }
}

#[tokio::test]
async fn a_missing_route_tries_the_alternates_once_then_leaves_the_endpoint_alone() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/oauth/accesstoken" => token(1),
        path if path.contains("appointment") => route_403(),
        _ => bundle_of(&[]),
    })
    .await;
    let source = source(&server);
    let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
    assert_eq!(fault, ReadFault::Route { endpoint: Endpoint::Appointment, code: "403".into() });
    assert_eq!(
        server.asked(),
        ["POST /v1/appointment/_search/", "GET /v1/appointment/", "POST /v1/appointment/_search/"]
    );
    assert_eq!(server.seen()[3].content_type, "application/fhir+json");
    assert_eq!(server.seen()[2].query, "_count=100&clientId=7&startDate=20260705&additionalDays=6");
    assert_eq!(server.n_tokens(), 1, "no refresh: the token is not what is wrong");
    let fault = fetch(&source, &hot_of("8")).await.outcome.unwrap_err();
    assert_eq!(fault, ReadFault::Route { endpoint: Endpoint::Appointment, code: "403".into() }, "one alone may be odd");
    let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
    let ReadFault::BreakerOpen { endpoint: Endpoint::Appointment, until } = fault else { panic!("{fault:?}") };
    assert!((until - now() - TimeDelta::minutes(15)).abs() < TimeDelta::seconds(5), "{until}");
    assert_eq!(server.asked().len(), 6, "nothing was sent");
    assert!(fetch(&source, &Read::Clients(Extent::Full)).await.outcome.is_ok(), "the other endpoints go on");
    let status = source.status(&Clock::manual(now()));
    let appointment = status.endpoints.iter().find(|endpoint| endpoint.endpoint == Endpoint::Appointment).unwrap();
    assert!(matches!(appointment.breaker, BreakerStatus::Open { why: Why::Route, .. }));
}

#[tokio::test]
async fn the_way_that_works_is_remembered() {
    let server = Server::start(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        (_, "/oauth/accesstoken") => token(1),
        ("GET", "/v1/appointment/") => bundle_of(&[shift(1)]),
        _ => route_403(),
    })
    .await;
    let source = source(&server);
    for _ in 0..3 {
        assert!(fetch(&source, &hot()).await.outcome.is_ok());
    }
    assert_eq!(
        server.asked(),
        ["POST /v1/appointment/_search/", "GET /v1/appointment/", "GET /v1/appointment/", "GET /v1/appointment/"]
    );

    let server = Server::start(|seen| match (seen.path.as_str(), seen.content_type.as_str()) {
        ("/oauth/accesstoken", _) => token(1),
        (_, "application/fhir+json") => bundle_of(&[]),
        _ => Reply::Json(415, json!({})),
    })
    .await;
    let source = self::source(&server);
    let read = Read::Visits { client: Some("7".into()), span: Span { from: now(), until: now() }, confirming: false };
    assert!(fetch(&source, &read).await.outcome.is_ok());
    assert!(fetch(&source, &read).await.outcome.is_ok());
    assert_eq!(server.asked().len(), 3, "415 once, then the other content type at once");

    let server = Server::start(|seen| match seen.path.as_str() {
        "/oauth/accesstoken" => token(1),
        "/v1/locations/_search/" => bundle_of(&[json!({"id": 501, "name": " North "})]),
        _ => Reply::Json(404, json!({})),
    })
    .await;
    let source = self::source(&server);
    let rows = fetch(&source, &Read::Locations).await.outcome.unwrap();
    assert_eq!(rows.batch, Batch::Locations(vec![("501".into(), "North".into())]));
    assert_eq!(server.asked(), ["POST /v1/locations/_search", "POST /v1/locations/_search/"]);
}

#[tokio::test]
async fn a_server_without_locations_is_not_down() {
    for status in [403, 404, 405, 422] {
        let server = Server::start(move |seen| match seen.path.as_str() {
            "/oauth/accesstoken" => token(1),
            _ => Reply::Json(status, json!({"error": "Access denied."})),
        })
        .await;
        let source = source(&server);
        for _ in 0..2 {
            let fetched = fetch(&source, &Read::Locations).await;
            assert!(!matches!(fetched.outcome, Ok(_) | Err(ReadFault::BreakerOpen { .. })), "{status}");
            assert!(fetched.requests.iter().all(|request| request.ok), "{status}: {:?}", fetched.requests);
        }
        let status = source.status(&Clock::manual(now()));
        assert!(status.endpoints.iter().all(|one| one.breaker == BreakerStatus::Closed));
    }
}

#[tokio::test]
async fn permission_and_unexplained_403() {
    let server = Server::start(|seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else {
            Reply::Json(403, json!({"error": "Access denied. Invalid agencyId."}))
        }
    })
    .await;
    let source = source(&server);
    let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
    assert_eq!(fault, ReadFault::Permission { endpoint: Endpoint::Appointment, code: "403".into() });
    assert_eq!((server.asked().len(), server.n_tokens()), (1, 1), "no retry, no refresh");

    let server = Server::start(|seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else {
            Reply::Text(403, "text/html", "<h1>403 Forbidden</h1>")
        }
    })
    .await;
    let source = self::source(&server);
    let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
    assert_eq!(fault, ReadFault::Permission { endpoint: Endpoint::Appointment, code: "403".into() });
    assert_eq!((server.asked().len(), server.n_tokens()), (3, 2), "one refresh, one retry, one other content type");
    fetch(&source, &Read::Clients(Extent::Full)).await;
    assert_eq!(server.n_tokens(), 2, "no further refresh within ten minutes, whatever the endpoint");
}

#[tokio::test]
async fn passing_failures_are_tried_three_times_and_reported_with_their_code() {
    type Make = fn() -> Reply;
    let rows: &[(Make, &str)] = &[
        (|| Reply::Text(500, "text/html", "<html>oops</html>"), "500"),
        (|| Reply::Json(503, json!({})), "503"),
        (|| Reply::Text(200, "text/html", "<html>login</html>"), "protocol"),
        (|| Reply::Json(200, json!({"entry": []})), "protocol"),
        (|| Reply::Json(200, json!({"resourceType": "Bundle", "entry": {}})), "protocol"),
        (|| Reply::Text(200, "application/json", "{\"resourceType\":\"Bundle\",\"entry\":[{"), "protocol"),
        (|| Reply::Truncated, "protocol"),
        (|| Reply::Hang, "timeout"),
        (|| Reply::Drip, "timeout"),
    ];
    for (make, code) in rows {
        let make = *make;
        let server =
            Server::start(move |seen| if seen.path.ends_with("accesstoken") { token(1) } else { make() }).await;
        let source = source(&server);
        let fetched = fetch(&source, &hot()).await;
        assert_eq!(
            fetched.outcome.clone().unwrap_err(),
            ReadFault::Transient { endpoint: Endpoint::Appointment, code: (*code).into() }
        );
        assert_eq!(server.asked().len(), 3, "{code}");
        assert_eq!(codes(&fetched)[1..], vec![format!("appointment {code} false"); 3], "every request is on record");
    }
}

#[tokio::test]
async fn a_failure_that_passes_costs_one_more_request() {
    let mut replies = VecDeque::from([Reply::Json(500, json!({})), bundle_of(&[shift(1)])]);
    let server =
        Server::start(
            move |seen| if seen.path.ends_with("accesstoken") { token(1) } else { replies.pop_front().unwrap() },
        )
        .await;
    let source = source(&server);
    assert!(fetch(&source, &hot()).await.outcome.unwrap().complete);
}

#[tokio::test]
async fn nobody_at_the_address_is_a_connect_failure_of_the_token() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let source = source_with(&address, |_| {});
    let fetched = fetch(&source, &hot()).await;
    assert_eq!(
        fetched.outcome.clone().unwrap_err(),
        ReadFault::Transient { endpoint: Endpoint::Token, code: "connect".into() }
    );
    assert_eq!(codes(&fetched), ["token connect false"]);
    assert!(fetch(&source, &hot()).await.requests.is_empty(), "the address gets a pause");
}

#[tokio::test]
async fn our_own_mistakes_are_not_repeated_and_open_the_breaker_after_three() {
    for status in [400, 422] {
        let server = Server::start(move |seen| {
            if seen.path.ends_with("accesstoken") { token(1) } else { Reply::Json(status, json!({"error": "x"})) }
        })
        .await;
        let source = source(&server);
        for client in ["7", "8", "9"] {
            let fault = fetch(&source, &hot_of(client)).await.outcome.unwrap_err();
            assert_eq!(fault, ReadFault::Request { endpoint: Endpoint::Appointment, code: status.to_string() });
        }
        assert!(matches!(fetch(&source, &hot()).await.outcome, Err(ReadFault::BreakerOpen { .. })));
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_429_stops_the_whole_credential() {
    let server =
        Server::start(|seen| if seen.path.ends_with("accesstoken") { token(1) } else { Reply::RetryAfter(429, "60") })
            .await;
    let source = source(&server);
    let fault = fetch(&source, &hot()).await.outcome.unwrap_err();
    let ReadFault::Throttled { until } = fault else { panic!("{fault:?}") };
    assert!((until - now() - TimeDelta::seconds(60)).abs() < TimeDelta::seconds(2));
    for read in [hot(), Read::Clients(Extent::Full), Read::Locations] {
        assert!(matches!(fetch(&source, &read).await.outcome, Err(ReadFault::Throttled { .. })));
    }
    assert_eq!(server.asked().len(), 1, "not one request more");
    let status = source.status(&Clock::manual(now()));
    assert!(status.throttled_until.is_some());
    assert!((status.requests_per_second - 5.0).abs() < 1e-9, "half the rate afterwards");
}

#[tokio::test]
async fn an_id_that_is_gone_is_gone_and_no_failure_of_the_endpoint() {
    let server = Server::start(|seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else {
            Reply::Json(404, json!({"error": "Resource not found"}))
        }
    })
    .await;
    let source = source(&server);
    for _ in 0..6 {
        let fetched = fetch(&source, &Read::Client("7".into())).await;
        assert_eq!(fetched.outcome.unwrap_err(), ReadFault::Gone);
    }
    assert_eq!(server.asked().len(), 6, "no retries, no breaker");
}

/// A server with `n` shifts that pages as `base` says; `None` ignores `_page`.
fn paged(n: usize, base: Option<usize>, total: bool) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    move |seen| {
        if seen.path.ends_with("accesstoken") {
            return token(1);
        }
        let asked = seen
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix("_page="))
            .and_then(|page| page.parse::<usize>().ok());
        let page = match (base, asked) {
            (Some(base), Some(asked)) => asked.saturating_sub(base),
            _ => 0,
        };
        let rows: Vec<Value> = (page * 100..n.min(page * 100 + 100)).map(shift).collect();
        let mut bundle = json!({"resourceType": "Bundle", "entry": rows});
        if total {
            bundle["total"] = json!(n);
        }
        Reply::Json(200, bundle)
    }
}

#[tokio::test]
async fn all_pages_are_read_on_either_base_and_the_base_is_remembered() {
    for (base, first, second) in
        [(0, vec!["", "1", "2"], vec!["", "1", "2"]), (1, vec!["", "1", "2", "3"], vec!["", "2", "3"])]
    {
        let server = Server::start(paged(250, Some(base), true)).await;
        let source = source(&server);
        for expected in [first, second] {
            let before = server.seen().len();
            let rows = fetch(&source, &hot()).await.outcome.unwrap();
            let Batch::Shifts(shifts) = rows.batch else { panic!() };
            assert_eq!((shifts.len(), rows.complete), (250, true));
            let pages: Vec<String> = server.seen()[before..]
                .iter()
                .filter(|seen| seen.path.contains("appointment"))
                .map(|seen| seen.query.split("_page=").nth(1).unwrap_or("").to_owned())
                .collect();
            assert_eq!(pages, expected);
        }
    }
}

#[tokio::test]
async fn an_ignored_page_or_a_failing_one_leaves_rows_but_no_claim() {
    let server = Server::start(paged(250, None, true)).await;
    let rows = fetch(&source(&server), &hot()).await.outcome.unwrap();
    let Batch::Shifts(shifts) = rows.batch else { panic!() };
    assert_eq!((shifts.len(), rows.complete), (100, false), "the same page for ever");

    let mut pages = paged(250, Some(0), true);
    let server = Server::start(
        move |seen| if seen.query.contains("_page=2") { Reply::Json(500, json!({})) } else { pages(seen) },
    )
    .await;
    let rows = fetch(&source(&server), &hot()).await.outcome.unwrap();
    let Batch::Shifts(shifts) = rows.batch else { panic!() };
    assert_eq!((shifts.len(), rows.complete), (200, false), "the third page fails: what came is evidence");
}

#[tokio::test]
async fn numbers_that_do_not_add_up_are_read_once_more_but_not_every_time() {
    let lies = |seen: &Seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else if seen.query.contains("_page") {
            bundle_of(&[])
        } else {
            Reply::Json(200, json!({"resourceType": "Bundle", "totalRecords": 5, "entry": [shift(1)]}))
        }
    };
    let server = Server::start(lies).await;
    let source = source(&server);
    let rows = fetch(&source, &hot()).await.outcome.unwrap();
    assert!(!rows.complete);
    assert_eq!(server.asked().len(), 4, "twice two requests");
    assert!(!fetch(&source, &hot()).await.outcome.unwrap().complete);
    assert_eq!(server.asked().len(), 6, "the second time it is not repeated");
}

#[tokio::test]
async fn a_bad_row_costs_itself() {
    let server = Server::start(|seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else {
            bundle_of(&[shift(1), json!({"id": "2", "client": {"id": "7"}}), json!("x"), shift(3)])
        }
    })
    .await;
    let rows = fetch(&source(&server), &hot()).await.outcome.unwrap();
    let Batch::Shifts(shifts) = rows.batch else { panic!() };
    assert_eq!((shifts.len(), rows.rejected.len()), (2, 2));
}

#[tokio::test]
#[expect(clippy::cast_precision_loss, reason = "a few requests")]
async fn the_rate_is_never_above_the_cap() {
    let server = Server::start(|seen| if seen.path.ends_with("accesstoken") { token(1) } else { bundle_of(&[]) }).await;
    let source = source_with(&server.address, |wellsky| wellsky.requests_per_second = 8.0);
    let reads: Vec<Read> = (0..24).map(|_| hot()).collect();
    futures::future::join_all(reads.iter().map(|read| fetch(&source, read))).await;
    let times: Vec<RealInstant> = server.seen().iter().map(|seen| seen.at).collect();
    assert_eq!(times.len(), 25);
    for (i, from) in times.iter().enumerate() {
        for (j, until) in times.iter().enumerate().skip(i) {
            // 30 ms for what the network and the machine may compress.
            let allowed = 8.0 * ((*until - *from).as_secs_f64() + 0.03) + 8.0;
            assert!(((j - i + 1) as f64) <= allowed, "{} requests within {:?}", j - i + 1, *until - *from);
        }
    }
}

#[tokio::test]
async fn the_scope_of_visit_searches_is_probed_with_one_small_request() {
    type Make = fn(Value) -> Reply;
    let row = || json!({"id": "5", "subject": {"reference": "Patient/7"}, "period": {"start": "2026-07-06T10:00:00"}});
    let rows: &[(Make, EncounterScope, &str)] = &[
        (|row| bundle_of(&[row]), EncounterScope::AgencyWide, "rows come"),
        (|_| bundle_of(&[]), EncounterScope::PerClient, "nothing comes: unknown, so client by client"),
        (|_| bundle_of(&[json!({"id": 1})]), EncounterScope::PerClient, "rows that name nobody are not plausible"),
        (|_| Reply::Json(422, json!({"error": "x"})), EncounterScope::PerClient, "it needs an id"),
        (|_| Reply::Json(400, json!({})), EncounterScope::PerClient, "or says so otherwise"),
        (|_| route_403(), EncounterScope::PerClient, "or with the gateway's words"),
        (|_| Reply::Json(500, json!({})), EncounterScope::Unknown, "a failure says nothing"),
    ];
    for (make, scope, shows) in rows {
        let make = *make;
        let server = Server::start(move |seen| match seen.path.as_str() {
            "/oauth/accesstoken" => token(1),
            _ if seen.body.contains("clientId") => bundle_of(&[]),
            _ => make(row()),
        })
        .await;
        let source = source(&server);
        for _ in 0..4 {
            let probe = source.probe_encounter_scope(now(), &Clock::manual(now())).await;
            assert_eq!(probe.scope, *scope, "{shows}");
            assert!(!probe.requests.is_empty());
        }
        assert_eq!(source.status(&Clock::manual(now())).encounter_scope, *scope);
        let first = server.seen().into_iter().find(|seen| seen.path.contains("encounter")).unwrap();
        assert_eq!(
            (first.query.as_str(), first.body.as_str()),
            ("_count=1", r#"{"endDate":"20260707","startDate":"20260704"}"#)
        );
        let read =
            Read::Visits { client: Some("7".into()), span: Span { from: now(), until: now() }, confirming: false };
        assert!(fetch(&source, &read).await.outcome.is_ok(), "four refused probes do not open the breaker: {shows}");
    }
}

#[tokio::test]
async fn agency_wide_visits_stop_at_the_span_when_they_really_come_newest_first() {
    let visit = |n: usize, minutes_ago: i64| json!({"id": n.to_string(), "subject": {"reference": "Patient/7"}, "period": {"start": (now() - TimeDelta::minutes(minutes_ago)).to_rfc3339()}});
    for (sorted, n_pages) in [(true, 2), (false, 5)] {
        let server = Server::start(move |seen| {
            if seen.path.ends_with("accesstoken") {
                return token(1);
            }
            let page = seen
                .query
                .split("_page=")
                .nth(1)
                .and_then(|rest| rest.split('&').next())
                .map_or(0, |page| page.parse::<usize>().unwrap());
            let row = |n: usize| {
                let age = i64::try_from(n).unwrap();
                visit(n, if sorted { age } else { 499 - age })
            };
            let rows: Vec<Value> = (page * 100..(page * 100 + 100).min(500)).map(row).collect();
            Reply::Json(200, json!({"resourceType": "Bundle", "totalRecords": 500, "entry": rows}))
        })
        .await;
        let span = Span { from: now() - TimeDelta::minutes(90), until: now() + TimeDelta::hours(1) };
        let rows =
            fetch(&source(&server), &Read::Visits { client: None, span, confirming: false }).await.outcome.unwrap();
        let Batch::Visits(visits) = rows.batch else { panic!() };
        assert_eq!((visits.len(), rows.complete), (n_pages * 100, true), "what was read beside the span is kept");
        assert_eq!(server.asked().len(), n_pages, "sorted: {sorted}");
        assert!(server.seen()[1].query.contains("_sort=-startDate"));
    }
}

#[test]
fn a_page_of_naive_times_is_past_when_both_readings_are() {
    // Denver in July is six hours behind: the span begins at 12:00Z, on its walls 06:00.
    let from = Instant::from_naive_utc_and_offset(
        chrono::NaiveDate::from_ymd_opt(2026, 7, 6).unwrap().and_hms_opt(12, 0, 0).unwrap(),
        chrono::Utc,
    );
    let read = Read::Visits { client: None, span: Span { from, until: from + TimeDelta::days(1) }, confirming: false };
    let rows: &[(&[&str], bool, &str)] = &[
        (&["2026-07-06T05:59:59"], true, "a second before the later reading"),
        (&["2026-07-06T06:00:00"], false, "on its edge: agency-local it lies inside"),
        (&["2026-07-06T11:59:59"], false, "past as UTC only"),
        (&["2026-07-06T11:59:59Z"], true, "with an offset there is one reading"),
        (&["2026-07-06T12:00:00Z"], false, "on the edge"),
        (&["2026-07-06T04:00:00", "2026-07-06T05:00:00"], false, "not newest first: nothing is known of what follows"),
        (&["2026-07-06T05:00:00", "2026-07-06T04:00:00"], true, "newest first"),
        (&[], false, "an empty page"),
    ];
    for (times, past, shows) in rows {
        let rows: Vec<Value> = times.iter().map(|time| json!({"period": {"start": time}})).collect();
        let got = NewestFirst::default().is_past(&rows, &read, chrono_tz::America::Denver);
        assert_eq!(got, *past, "{shows}");
    }
}

#[tokio::test]
async fn a_refused_sort_is_left_out_and_not_asked_for_again() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/oauth/accesstoken" => token(1),
        _ if seen.query.contains("_sort") => Reply::Json(400, json!({"error": "unknown parameter _sort"})),
        _ => bundle_of(&[json!({"id": 1, "subject": {"reference": "Patient/7"},
            "period": {"start": now().to_rfc3339()}})]),
    })
    .await;
    let source = source(&server);
    let span = Span { from: now() - TimeDelta::hours(1), until: now() + TimeDelta::hours(1) };
    for _ in 0..4 {
        let rows = fetch(&source, &Read::Visits { client: None, span, confirming: false }).await.outcome.unwrap();
        let Batch::Visits(visits) = rows.batch else { panic!() };
        assert_eq!((visits.len(), rows.complete), (1, true));
    }
    assert_eq!(server.asked().len(), 5, "refused once, then always without");

    let server =
        Server::start(|seen| if seen.path.ends_with("accesstoken") { token(1) } else { Reply::Json(400, json!({})) })
            .await;
    let source = self::source(&server);
    let fault = fetch(&source, &Read::Visits { client: None, span, confirming: false }).await.outcome.unwrap_err();
    assert_eq!(fault, ReadFault::Request { endpoint: Endpoint::Encounter, code: "400".into() });
    assert_eq!(server.asked().len(), 2, "once without, and no more: the sort was not what is wrong");
}

#[tokio::test]
async fn rows_of_another_agency_are_left_out_once_ours_was_seen() {
    let client = |id: &str, agency: &str| json!({"id": id, "meta": {"tag": [{"code": "agencyId", "display": agency}]}});
    let server = Server::start(move |seen| {
        if seen.path.ends_with("accesstoken") {
            token(1)
        } else {
            bundle_of(&[client("1", "9999"), client("2", "8888"), json!({"id": "3"})])
        }
    })
    .await;
    let ids = |rows: Rows| match rows.batch {
        Batch::Clients(clients) => clients.iter().map(|client| client.id.to_string()).collect::<Vec<_>>(),
        _ => panic!(),
    };
    for (own, expected) in
        [(Some("9999"), vec!["1", "3"]), (Some("7777"), vec!["1", "2", "3"]), (None, vec!["1", "2", "3"])]
    {
        let source = source_with(&server.address, |wellsky| wellsky.agency_id = own.map(Into::into));
        assert_eq!(ids(fetch(&source, &Read::Clients(Extent::Full)).await.outcome.unwrap()), expected, "{own:?}");
    }
    let source = source_with(&server.address, |wellsky| {
        wellsky.agency_id = Some("9999".into());
        wellsky.send_agency_id = true;
    });
    fetch(&source, &Read::Clients(Extent::Full)).await;
    assert_eq!(server.seen().last().unwrap().query, "_count=100&agencyId=9999");
}

#[test]
fn plain_http_is_for_loopback_only() {
    for (address, fine) in [
        ("https://connect.example.com", true),
        ("http://127.0.0.1:1", true),
        ("http://localhost:1", true),
        ("http://[::1]:1", true),
        ("http://connect.example.com", false),
        ("http://10.0.0.1", false),
        ("http://localhost.example.com", false),
        ("ftp://127.0.0.1", false),
        ("connect.example.com", false),
        ("", false),
    ] {
        assert_eq!(Access::new(&agency(address, |_| {}).wellsky, 1).is_ok(), fine, "{address}");
    }
}

#[test]
fn agencies_on_one_credential_share_one_budget() {
    let one = agency("http://127.0.0.1:1", |_| {}).wellsky;
    let other = agency("http://127.0.0.1:1", |wellsky| wellsky.client_id = "another".into()).wellsky;
    let accesses = Access::for_all([&one, &other, &one], 1, &[]).unwrap();
    assert!(Arc::ptr_eq(&accesses[0], &accesses[2]) && !Arc::ptr_eq(&accesses[0], &accesses[1]));
    assert!(!format!("{accesses:?}").contains("example-secret"));
}

#[test]
fn what_the_vendor_said_to_a_credential_stands_over_a_reload() {
    let of = |change: fn(&mut Wellsky)| agency("http://127.0.0.1:1", change);
    let renewed = |held: &Source, agency: &Agency| {
        let held = [Arc::clone(held.access())];
        Access::for_all([&agency.wellsky], 1, &held).unwrap().remove(0)
    };
    let before = Arc::new(Source::new(&of(|_| {}), Arc::new(Access::new(&of(|_| {}).wellsky, 1).unwrap())));
    before.access().budget.throttled(Some(Duration::from_mins(1)), 0.0);

    let same = renewed(&before, &of(|_| {}));
    assert!(Arc::ptr_eq(before.access(), &same));
    assert!(Arc::ptr_eq(&before, &Source::renewed(Some(&before), &of(|_| {}), same)), "breakers and all");

    let slower = of(|wellsky| wellsky.requests_per_second = 0.5);
    let access = renewed(&before, &slower);
    assert!(Arc::ptr_eq(before.access(), &access), "the token is as good at another rate");
    assert!((access.budget.figures().0 - 0.5).abs() < f64::EPSILON);
    assert!(access.budget.paused().is_some());

    let secret = renewed(&before, &of(|wellsky| wellsky.client_secret = "rotated".into()));
    assert!(!Arc::ptr_eq(before.access(), &secret), "another secret asks for its own token");
    assert!(secret.budget.paused().is_some(), "and waits as long as the caller was told to");

    let paged = of(|wellsky| wellsky.page_base = Some(0));
    let access = renewed(&before, &paged);
    assert!(!Arc::ptr_eq(&before, &Source::renewed(Some(&before), &paged, access)), "other settings, other source");

    let other = renewed(&before, &of(|wellsky| wellsky.client_id = "another".into()));
    assert!(other.budget.paused().is_none(), "another caller was told nothing");
}
