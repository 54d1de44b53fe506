//! The router over real HTTP on loopback, with orders that are only written down.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use futures::future::BoxFuture;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    DrillAnswer,
    orders::{AckError, Acked, Acknowledge, Dispose, DisposeError, Disposed, DrillError, PostableAlert, StoreFault},
    records::RecordsFault,
    routes::{ROUTES, Role, Shows},
    serving::{Bounds, serve_within},
    silencing::SilenceFault,
    *,
};
use crate::alerts::{
    alert::Labels,
    group::GroupKey,
    orders::Action,
    page::{Page, PageKey, PageLink, Used},
    silence::{Silences, Wish, WishFault},
};
use crate::board::{
    link::Linked,
    people::{Names, Person, Who},
};
use crate::model::{Instant, PersonName};
use crate::report::{
    alert_story::{AlertRows, AlertStory},
    api_record::{ApiRecord, ApiRows},
    audit::{AuditLog, AuditRow},
    exceptions::Exceptions,
    history::{History, Span, Tally},
    kpi::Kpis,
    life::Life,
    on_call_log::{KeptPage, OnCallLog, PageRow},
};
use crate::view::{
    AlertView, ViewWriter,
    report::tests::{changed, owned, uncovered},
    tests::{noon, view},
};

mod alertmanager;
mod audit;
mod briefing;
mod kept;
mod lookup;
mod pages;
mod serving;

/// Orders written down. `fail` makes the store refuse.
#[derive(Default)]
pub(crate) struct Noted {
    pub(crate) acks: Mutex<Vec<Acknowledge>>,
    pub(crate) disposed: Mutex<Vec<Dispose>>,
    pub(crate) posts: Mutex<Vec<PostableAlert>>,
    pub(crate) reloads: Mutex<u32>,
    pub(crate) presses: Mutex<Vec<Action>>,
    pub(crate) fail: Mutex<bool>,
    pub(crate) audit: Mutex<Vec<AuditRow>>,
    /// What is silenced.
    pub(crate) silences: Mutex<Arc<Silences>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Noted {
    fn store(&self) -> Result<(), StoreFault> {
        if *lock(&self.fail) { Err(StoreFault { why: "the disk is full".to_owned() }) } else { Ok(()) }
    }
}

/// Knows one name for everybody, and how often it was asked.
#[derive(Default)]
pub(crate) struct Namesake {
    asked: Mutex<u32>,
}

impl Details for Namesake {}

impl People for Namesake {
    fn look_up(&self, wanted: Vec<Who>) -> BoxFuture<'_, Names> {
        *lock(&self.asked) += 1;
        let mut names = Names::default();
        for who in wanted {
            names.put(who, Person { name: "Avery <b>Sample</b>".to_owned(), ..Person::default() });
        }
        Box::pin(std::future::ready(names))
    }
}

/// A page about an uncovered shift that night-1 was texted of, and what was done by the link.
fn linked(presses: &[Action]) -> Linked {
    let alert = (*uncovered("90010001").alert).clone();
    let group = GroupKey {
        agency: alert.key.agency.clone(),
        route: String::new(),
        receiver: "on-call".to_owned(),
        labels: Labels::new(),
    };
    let person = PersonName::new("night-1");
    let key = PageKey { group, generation: 1, policy: "coverage".to_owned() };
    let mut page = Page::new(key, [alert.key.clone()].into(), noon());
    let used = presses.iter().map(|action| Used { action: *action, at: noon() }).collect();
    let link = PageLink { person, epoch: 0, hash: String::new(), at: noon(), used };
    page.links.push(link.clone());
    Linked { page, link, alerts: vec![alert] }
}

impl Orders for Noted {
    fn drill(&self, who: String) -> BoxFuture<'_, Result<DrillAnswer, DrillError>> {
        Box::pin(async move { Err(DrillError::Unknown { who, known: "night-1".to_owned() }) })
    }

    fn drill_stands(&self, id: String) -> BoxFuture<'_, Option<DrillAnswer>> {
        let state = DrillState::Waiting;
        let stands = DrillAnswer { id, state, opened_at: None, told: Vec::new(), owner: None, acknowledged_at: None };
        Box::pin(async move { Some(stands) })
    }

    fn linked(&self, token: String) -> BoxFuture<'_, Option<Linked>> {
        Box::pin(std::future::ready((token == TOKEN).then(|| linked(&lock(&self.presses)))))
    }

    fn press(&self, _: Linked, action: Action) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            self.store()?;
            lock(&self.presses).push(action);
            Ok(())
        })
    }

    fn acknowledge(&self, order: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>> {
        Box::pin(async move {
            self.store()?;
            match order.fingerprint.as_str() {
                "000000000000dead" => return Err(AckError::Unknown),
                "0000000000000bad" => return Err(AckError::Over),
                _ => {}
            }
            let until = noon() + TimeDelta::from_std(order.for_.unwrap_or_default()).unwrap();
            lock(&self.acks).push(order);
            Ok(Acked { until })
        })
    }

    fn dispose(&self, order: Dispose) -> BoxFuture<'_, Result<Disposed, DisposeError>> {
        Box::pin(async move {
            self.store()?;
            if order.fingerprint == "000000000000dead" {
                return Err(DisposeError::Unknown);
            }
            let active_at = order.active_at.unwrap_or_else(noon);
            lock(&self.disposed).push(order);
            Ok(Disposed { active_at })
        })
    }

    fn post_alerts(&self, alerts: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            self.store()?;
            lock(&self.posts).extend(alerts);
            Ok(())
        })
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>> {
        Box::pin(async move {
            *lock(&self.reloads) += 1;
            if *lock(&self.fail) {
                return Err(vec!["shiftwatch.yml:3:1: error: unknown key `agncies`; write `agencies`".to_owned()]);
            }
            Ok("watching 1 agency by 12 rules".to_owned())
        })
    }
}

impl Audit for Noted {
    fn write(&self, rows: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async move {
            self.store()?;
            lock(&self.audit).extend(rows);
            Ok(())
        })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        let rows = lock(&self.audit).iter().filter(|row| row.at >= from && row.at < until).cloned().collect();
        Box::pin(async move { Ok(AuditLog { from, until, rows, complete: true }) })
    }

    fn now(&self) -> Instant {
        noon()
    }
}

impl Silencing for Noted {
    fn silences(&self) -> Arc<Silences> {
        Arc::clone(&lock(&self.silences))
    }

    fn set(&self, wish: Wish) -> BoxFuture<'_, Result<String, SilenceFault>> {
        Box::pin(async move {
            self.store()?;
            let seen = self.silences();
            let fresh = format!("00000000-0000-4000-8000-{:012x}", seen.iter().count());
            let granted = seen.grant(wish, fresh, noon())?;
            *lock(&self.silences) = Arc::new(seen.with(granted.changed, &[]));
            Ok(granted.id)
        })
    }

    fn expire(&self, id: String) -> BoxFuture<'_, Result<(), SilenceFault>> {
        Box::pin(async move {
            self.store()?;
            let seen = self.silences();
            let expired = seen.get(&id).ok_or(WishFault::NotFound)?.expired(noon());
            *lock(&self.silences) = Arc::new(seen.with(expired.into_iter().collect(), &[]));
            Ok(())
        })
    }
}

/// Of what was kept: one alert that is over, and an agency that was never asked anything. `fail` makes the store refuse.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) fail: Mutex<bool>,
}

/// An alert that is over.
pub(crate) fn over() -> Life {
    let labels = [("alertname", "NoShow"), ("agency", "main"), ("shift", "90010001@2026-12-01T10:00:00Z")];
    Life {
        agency: "main".into(),
        fingerprint: "0000000000000001".to_owned(),
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        active_at: noon(),
        edge_at: Some(noon() - TimeDelta::seconds(2)),
        seen_at: Some(noon()),
        fired_at: Some(noon()),
        acknowledged_at: None,
        acknowledged_by: None,
        resolved_at: Some(noon() + TimeDelta::minutes(5)),
        reason: Some("arrived".to_owned()),
    }
}

fn logged() -> PageRow {
    let page = KeptPage {
        id: "00000000000000aa".to_owned(),
        policy: "coverage".to_owned(),
        opened_at: noon(),
        closed_at: Some(noon() + TimeDelta::minutes(5)),
        drill: false,
        told: Vec::new(),
        alerts: Vec::new(),
        n_alerts: 1,
    };
    let by = Some("night-1".to_owned());
    PageRow {
        agency: "main".to_owned(),
        page,
        acknowledged_at: Some(noon()),
        acknowledged_by: by,
        lives: vec![(over(), None)],
    }
}

impl Kept {
    fn read(&self) -> Result<(), RecordsFault> {
        if *lock(&self.fail) { Err(RecordsFault { why: "the disk is gone".to_owned() }) } else { Ok(()) }
    }
}

impl Records for Kept {
    fn alert_story<'a>(&'a self, fingerprint: &'a str) -> BoxFuture<'a, Result<Option<AlertStory>, RecordsFault>> {
        Box::pin(async move {
            self.read()?;
            let lives = if fingerprint == "0000000000000001" { vec![over()] } else { Vec::new() };
            Ok(AlertStory::tell(fingerprint, AlertRows { lives, ..AlertRows::default() }))
        })
    }

    fn history(&self, span: Span) -> BoxFuture<'_, Result<History, RecordsFault>> {
        Box::pin(async move {
            self.read()?;
            Ok(Tally::default().sum_up(span, noon(), &[over()], 1))
        })
    }

    fn exceptions(&self, _days: u32) -> BoxFuture<'_, Result<Exceptions, RecordsFault>> {
        Box::pin(async { Ok(Exceptions::of(noon(), noon(), &std::collections::BTreeMap::new(), Vec::new(), 0)) })
    }

    fn kpis(&self, days: u32) -> BoxFuture<'_, Result<Kpis, RecordsFault>> {
        Box::pin(async move {
            Ok(Kpis { as_of: noon(), days, agencies: Vec::new(), rules: Vec::new(), people: Vec::new() })
        })
    }

    fn on_call_log(&self, days: u32) -> BoxFuture<'_, Result<OnCallLog, RecordsFault>> {
        Box::pin(async move {
            self.read()?;
            let from = noon() - TimeDelta::days(i64::from(days));
            Ok(OnCallLog::of(from, noon(), vec![logged()], 0))
        })
    }

    fn api_record<'a>(&'a self, agency: &'a str) -> BoxFuture<'a, Result<Option<ApiRecord>, RecordsFault>> {
        Box::pin(async move {
            self.read()?;
            Ok((agency == "main").then(|| ApiRecord::of(&agency.into(), &ApiRows::default(), noon())))
        })
    }
}

/// An agent's HTTP side on a free port.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) view: ViewWriter,
    stop: watch::Sender<bool>,
    people: Arc<Namesake>,
    pub(crate) orders: Arc<Noted>,
    pub(crate) records: Arc<Kept>,
    pub(crate) access: Arc<Access>,
    client: Client,
}

impl Site {
    pub(crate) async fn open(alerts: Vec<AlertView>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut first = view();
        first.on_call = Arc::new(crate::on_call::fixture::picture());
        first.alerts = alerts.into_iter().map(Arc::new).collect();
        let (writer, reader) = crate::view::publish(first);
        let orders = Arc::new(Noted::default());
        let stop = watch::channel(false).0;
        let people = Arc::new(Namesake::default());
        let records = Arc::new(Kept::default());
        let web = Web {
            view: reader,
            pulses: Arc::new(Pulses::new(crate::clock::real_now())),
            metrics: Arc::new(Metrics::new()),
            orders: orders.clone(),
            silencing: orders.clone(),
            people: people.clone(),
            details: people.clone(),
            gallery: Arc::default(),
            open: Arc::default(),
            closing: stop.subscribe(),
            records: records.clone(),
            hours: Arc::new(hours::NoHours),
            briefings: Arc::new(briefing::OneMorning),
            clock: Clock::manual(noon()),
            access: Arc::new(Access::new(None).with_local_key(local_key::LocalKey::new(&KEY))),
            audit: orders.clone(),
            lookup: Arc::new(Noted::default()),
            hooks: None,
            vendor: Arc::new(vendor::NoVendor),
        };
        let access = Arc::clone(&web.access);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router(web), Arc::clone(&access), std::future::pending()));
        Self { address, view: writer, orders, records, access, client: Client::new(), stop, people }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn get(&self, path: &str) -> (u16, String) {
        answer(self.ask(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, String) {
        answer(self.ask(Method::POST, path).json(body)).await
    }

    /// Makes a silence, as Alertmanager's clients do.
    async fn silence(&self, name: &str, value: &str) -> (u16, String) {
        let matcher = json!({ "name": name, "value": value, "isRegex": false });
        let body = json!({
            "matchers": [matcher], "startsAt": "2026-12-01T10:00:00Z", "endsAt": "2026-12-01T12:00:00Z",
            "createdBy": "night-1", "comment": "planned <b>",
        });
        let made = self.post("/api/v2/silences", &body).await;
        let silences = self.orders.silences();
        self.change(|view| view.routing.silences = silences);
        made
    }

    fn change(&self, change: impl FnOnce(&mut View)) {
        let mut next = (**self.view.borrow()).clone();
        change(&mut next);
        self.view.send_replace(Arc::new(next));
    }
}

async fn answer(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

fn fingerprints(body: &str) -> Vec<String> {
    let found: Vec<Value> = serde_json::from_str(body).unwrap();
    found.iter().map(|one| one["fingerprint"].as_str().unwrap().trim_start_matches('0').to_owned()).collect()
}

/// The key of the store of a site.
const KEY: [u8; 32] = [7; 32];
/// A link that leads somewhere.
const TOKEN: &str = "Ab3dE9xQr2Lm5TzW";
const ACK: &str = "/api/v1/alerts/0000000000000001/ack";

/// The first silence of a site.
const SILENCE: &str = "00000000-0000-4000-8000-000000000000";

/// A path of the table, as somebody would ask for it.
fn address(path: &str) -> String {
    let name = if path.starts_with("/static/") { "board.css" } else { "morning" };
    let path = path.replace("{fingerprint}", "0000000000000001").replace("{name}", name);
    let path = path.replace("{token}", TOKEN);
    let path = path.replace("/clients/{id}", "/clients/7000101").replace("/caregivers/{id}", "/caregivers/8000201");
    let path = path.replace("{shift}", "90010002");
    let path = path.replace("{id}", SILENCE);
    let path = path.replace("{schedule}", "nights.ics").replace("{person}", "night-1.ics");
    if path == "/live" { "/live?page=now".to_owned() } else { path }
}

/// The access table: what each path answers to which method, and who may ask it.
#[tokio::test]
async fn every_path_of_the_table_answers_its_methods_and_no_others() {
    let site = Site::open(vec![uncovered("1")]).await;
    site.silence("alertname", "NoShow").await;
    let all = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
    for route in ROUTES {
        let path = address(route.path);
        for method in &all {
            if route.path == "/live" && *method == Method::GET {
                assert_eq!(site.ask(Method::GET, &path).send().await.unwrap().status(), 200, "its body does not end");
                continue;
            }
            let (status, body) = answer(site.ask(method.clone(), &path)).await;
            if route.methods.contains(&method.as_str()) {
                let leads_nowhere = route.path == "/a/{token}" && status == 404 && body.contains("<!doctype html>");
                assert!(leads_nowhere || !matches!(status, 404 | 405), "{method} {path} answers {status}: {body}");
            } else {
                assert_eq!(status, 405, "{method} {path}: {body}");
                let (says, with) = if path.starts_with("/api/v2/") { ("but", ",") } else { ("use", " or ") };
                let takes = route.methods.join(with);
                assert!(body.contains(says) && body.contains(&takes), "{body}");
            }
        }
    }
    let paths: BTreeSet<_> = ROUTES.iter().map(|route| route.path).collect();
    assert_eq!(paths.len(), ROUTES.len(), "a path is listed once");
}

#[test]
fn only_liveness_and_what_proves_itself_is_open_and_whatever_acts_needs_an_operator() {
    let open: Vec<_> = ROUTES.iter().filter(|route| route.role == Role::Open).map(|route| route.path).collect();
    let hooks =
        ["/hooks/twilio", "/hooks/twilio/status", "/hooks/twilio/voice", "/hooks/ringcentral", "/hooks/wellsky"];
    // A link carries its own proof.
    let link = "/a/{token}";
    assert_eq!(open, [&[link, "/-/healthy", "/-/ready"], &hooks[..]].concat());
    for route in ROUTES.iter().filter(|route| route.methods.contains(&"POST")) {
        let role = if route.path == link || hooks.contains(&route.path) { Role::Open } else { Role::Operator };
        assert_eq!(route.role, role, "{}", route.path);
    }
}

#[tokio::test]
async fn paths_that_show_counts_show_no_ids() {
    let site = Site::open(vec![uncovered("90010001"), uncovered("1")]).await;
    site.silence("alertname", "NoShow").await;
    for route in ROUTES.iter().filter(|route| route.methods.contains(&"GET") && route.path != "/live") {
        let (status, body) = site.get(&address(route.path)).await;
        let wanted = match route.path {
            "/api/v1/audit" => 403,
            // Asks whose.
            "/api/v1/tasks" => 400,
            _ => 200,
        };
        assert_eq!(status, wanted, "{}", route.path);
        let is_of_people = ["/clients/", "/caregivers/", "/shifts"].iter().any(|part| route.path.contains(part));
        assert!(is_of_people || !body.contains("7000101"), "no client anywhere: {}", route.path);
        if route.shows == Shows::Counts {
            assert!(!body.contains("90010001"), "{}: {body}", route.path);
        }
    }
}

#[tokio::test]
async fn a_link_shows_without_acting_and_acts_without_sign_in() {
    let site = Site::open(vec![uncovered("1")]).await;
    let path = format!("/a/{TOKEN}");
    let shown = site.ask(Method::GET, &path).send().await.unwrap();
    let header = |name: &str| shown.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("x-robots-tag").contains("noindex"));
    let policy = header("content-security-policy");
    let page = shown.text().await.unwrap();
    // The only style is the one that the policy names, to the byte.
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        <sha2::Sha256 as sha2::Digest>::digest(style),
    );
    assert!(policy.contains(&format!("style-src 'sha256-{hash}'")), "{policy}");
    assert!(page.contains("NO CAREGIVER") && page.contains("value=\"mine\"") && !page.contains("<script"), "{page}");
    assert_eq!(site.ask(Method::HEAD, &path).send().await.unwrap().status(), 200);
    assert!(lock(&site.orders.presses).is_empty(), "a look is no order");

    // A browser says neither where such a form comes from nor that it is ours.
    let press = |what: &'static str| {
        let form = site
            .ask(Method::POST, &path)
            .header("origin", "null")
            .header("content-type", "application/x-www-form-urlencoded");
        answer(form.body(what))
    };
    assert_eq!(press("do=dance").await.0, 400);
    let (status, page) = press("do=help").await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(*lock(&site.orders.presses), [Action::Mine { minutes: Some(40) }]);
    assert!(!page.contains("value=\"help\"") && page.contains("value=\"mine\""), "each once: {page}");
    assert_eq!(site.get("/a/Ab3dE9xQr2Lm5TzX").await, site.get("/a/short").await, "what leads nowhere is all alike");
}

#[tokio::test]
async fn a_link_works_under_the_path_of_the_outside_address() {
    let site = Site::open(vec![uncovered("1")]).await;
    let mut told = view();
    let mut telling = (*told.telling).clone();
    telling.external_url = Some("https://watch.example.com/watch".to_owned());
    told.telling = telling.into();
    site.view.send_replace(Arc::new(told));
    for path in [format!("/a/{TOKEN}"), format!("/watch/a/{TOKEN}")] {
        let (status, page) = site.get(&path).await;
        assert_eq!(status, 200, "{path}: with the proxy's path, and without");
        assert!(page.contains(&format!("action=\"&#x2f;watch&#x2f;a&#x2f;{TOKEN}\"")), "{page}");
    }
    let form = site.ask(Method::POST, &format!("/watch/a/{TOKEN}")).header("origin", "null");
    let (status, page) = answer(form.header("content-type", "application/x-www-form-urlencoded").body("do=mine")).await;
    assert_eq!(status, 200, "{page}");
    assert_eq!(*lock(&site.orders.presses), [Action::Mine { minutes: None }]);
    for path in ["/watch", "/watch/", "/watch?x=1", "/watch/-/healthy", "/-/healthy"] {
        assert_eq!(site.get(path).await.0, 200, "{path}");
    }
    for path in ["/watching", "/watch/nowhere"] {
        assert_eq!(site.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let site = Site::open(Vec::new()).await;
    for path in ["/nothing", "/api/v1/", "/alerts/", "/api/v1/alerts/", "/-/", "//", "/%00", "/api/v1/alerts/%ff/ack/x"]
    {
        let (status, body) = site.get(path).await;
        assert_eq!((status, body.contains("there is nothing at this path")), (404, true), "{path}: {body}");
    }
    let (status, body) = site.get("/api/v2/nothing").await;
    assert_eq!((status, body.as_str()), (404, r#"{"code":404,"message":"path /api/v2/nothing was not found"}"#));
}

#[tokio::test]
async fn ready_gives_its_reason_and_blind_is_ready() {
    let site = Site::open(Vec::new()).await;
    assert_eq!(site.get("/-/ready").await, (200, "shiftwatch is ready.\n".to_owned()));
    site.change(|view| view.agencies[0].blind_since = Some(noon()));
    assert_eq!(site.get("/-/ready").await.0, 200);
    site.change(|view| {
        view.ready = Err("the store has refused writes for 31 s (disk full); free some space".to_owned());
    });
    let (status, text) = site.get("/-/ready").await;
    assert_eq!(status, 503);
    assert_eq!(text, "shiftwatch is not ready: the store has refused writes for 31 s (disk full); free some space\n");
    assert_eq!(site.get("/-/healthy").await.0, 200, "alive all the same");
}

#[tokio::test]
async fn reload_says_what_is_in_use_or_every_fault() {
    let site = Site::open(Vec::new()).await;
    assert_eq!(answer(site.ask(Method::POST, "/-/reload")).await, (200, "watching 1 agency by 12 rules\n".to_owned()));
    *lock(&site.orders.fail) = true;
    let (status, text) = answer(site.ask(Method::POST, "/-/reload")).await;
    assert_eq!(status, 500);
    assert!(text.contains("the last good one stays in use:\nshiftwatch.yml:3:1: error:"), "{text}");
}

#[tokio::test]
async fn an_acknowledgement_is_stored_then_answered() {
    let site = Site::open(vec![uncovered("1")]).await;
    let (status, body) = site.post(ACK, &json!({"by": " night-1 ", "note": "calling around", "for": "20m"})).await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((body["by"].as_str(), body["until"].as_str()), (Some("night-1"), Some("2026-12-01T10:22:03.456789Z")));
    let acks = lock(&site.orders.acks);
    assert_eq!(acks.len(), 1);
    assert_eq!((acks[0].by.as_str(), acks[0].for_), ("night-1", Some(Duration::from_mins(20))));
}

#[tokio::test]
async fn what_became_of_an_alert_is_taken_whole_or_refused_with_what_to_do() {
    const PATH: &str = "/api/v1/alerts/0000000000000001/disposition";
    let site = Site::open(Vec::new()).await;
    for (path, body, status, says) in [
        (PATH, json!({"by": "office"}), 400, "missing field `disposition`"),
        (PATH, json!({"by": "", "disposition": "covered"}), 400, "`by` must name who says"),
        (PATH, json!({"by": "o", "disposition": "fine"}), 400, "one of covered, arrived, refused, unstaffed"),
        (PATH, json!({"by": "o", "disposition": "unstaffed"}), 400, "needs an `approver`"),
        (PATH, json!({"by": "o", "disposition": "unstaffed", "approver": " "}), 400, "`approver` must name"),
        (PATH, json!({"by": "o", "disposition": "arrived", "covered_by": "c"}), 400, "goes with `covered` alone"),
        (PATH, json!({"by": "o", "disposition": "arrived", "note": "x".repeat(501)}), 400, "500 characters"),
        (PATH, json!({"by": "o", "disposition": "arrived", "why": "x"}), 400, "unknown field `why`"),
        ("/api/v1/alerts/1/disposition", json!({"by": "o", "disposition": "arrived"}), 400, "16 hex digits"),
        (
            "/api/v1/alerts/000000000000dead/disposition",
            json!({"by": "o", "disposition": "arrived"}),
            404,
            "nothing is kept of an alert",
        ),
    ] {
        let (got, text) = site.post(path, &body).await;
        assert_eq!(got, status, "{body}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(error["error"].as_str().unwrap().contains(says), "{body}: {text}");
    }
    assert!(lock(&site.orders.disposed).is_empty());
    let body = json!({"by": " office ", "disposition": "unstaffed", "approver": "director", "note": "family stayed"});
    let (status, text) = site.post(PATH, &body).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("\"disposition\":\"unstaffed\"") && text.contains("\"by\":\"office\""), "{text}");
    assert_eq!(lock(&site.orders.disposed)[0].approver.as_deref(), Some("director"));
    *lock(&site.orders.fail) = true;
    let (status, text) = site.post(PATH, &body).await;
    assert!(status == 503 && text.contains("nothing was stored: the disk is full"), "{text}");
}

#[tokio::test]
async fn the_log_is_told_for_some_days_or_the_fault_is() {
    let site = Site::open(Vec::new()).await;
    let (status, text) = site.get("/api/v1/on-call/log").await;
    let log: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &log["pages"][0]["alerts"][0]["suggested"]), (200, &json!("arrived")), "{text}");
    let (_, page) = site.get("/on-call").await;
    assert!(page.contains("The last 3 days") && page.contains("<bdi>night-1</bdi> took it within a minute"), "{page}");
    for days in ["0", "401", "three", "-1", ""] {
        assert_eq!(site.get(&format!("/api/v1/on-call/log?days={days}")).await.0, 400, "{days}");
    }
    *lock(&site.records.fail) = true;
    assert_eq!(site.get("/api/v1/on-call/log").await.0, 503);
}

#[tokio::test]
async fn an_acknowledgement_that_makes_no_sense_is_refused_with_what_to_do() {
    let site = Site::open(Vec::new()).await;
    let long = "x".repeat(501);
    for (path, body, status, says) in [
        (ACK, json!({}), 400, "missing field `by`"),
        (ACK, json!({"by": "  "}), 400, "`by` must name who owns"),
        (ACK, json!({"by": "a\nb"}), 400, "`by` must name"),
        (ACK, json!({"by": "n", "for": "0s"}), 400, "`for` must be a duration like 20m"),
        (ACK, json!({"by": "n", "for": "25h"}), 400, "at most 24h"),
        (ACK, json!({"by": "n", "for": 20}), 400, "invalid type"),
        (ACK, json!({"by": "n", "note": long}), 400, "500 characters"),
        (ACK, json!({"by": "n", "until": "x"}), 400, "unknown field `until`"),
        (ACK, json!([]), 400, "not as expected"),
        ("/api/v1/alerts/1/ack", json!({"by": "n"}), 400, "16 hex digits"),
        ("/api/v1/alerts/zzzzzzzzzzzzzzzz/ack", json!({"by": "n"}), 400, "16 hex digits"),
        ("/api/v1/alerts/000000000000dead/ack", json!({"by": "n"}), 404, "no live alert"),
        ("/api/v1/alerts/0000000000000bad/ack", json!({"by": "n"}), 409, "is over"),
    ] {
        let (got, text) = site.post(path, &body).await;
        assert_eq!(got, status, "{body}: {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        assert!(error["error"].as_str().unwrap().contains(says), "{body}: {text}");
    }
    *lock(&site.orders.fail) = true;
    let (status, text) = site.post(ACK, &json!({"by": "n"})).await;
    assert_eq!(status, 503);
    assert!(text.contains("nothing was stored: the disk is full; send it again"), "{text}");
    assert!(lock(&site.orders.acks).is_empty());
}

#[tokio::test]
async fn a_page_of_another_site_gives_no_orders() {
    let site = Site::open(Vec::new()).await;
    let own = format!("http://{}", site.address);
    for (name, value, allowed) in [
        ("origin", "https://evil.example.com", false),
        ("origin", "null", false),
        ("origin", own.as_str(), true),
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-origin", true),
    ] {
        let (status, _) = answer(site.ask(Method::POST, "/-/reload").header(name, value)).await;
        assert_eq!(status == 200, allowed, "{name}: {value} got {status}");
    }
    assert_eq!(*lock(&site.orders.reloads), 2);
    let (status, _) = answer(site.ask(Method::GET, "/-/healthy").header("sec-fetch-site", "cross-site")).await;
    assert_eq!(status, 200, "looking is no order");
}

#[tokio::test]
async fn a_name_that_somebody_else_leads_here_gives_no_orders_while_nobody_signs_in() {
    let site = Site::open(Vec::new()).await;
    let post = |host: &'static str, headers: &[(&'static str, &'static str)]| {
        let request =
            site.ask(Method::POST, "/-/reload").header("host", host).basic_auth("alice", Some("example-password"));
        answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
    };
    let of_page = [("origin", "http://evil.example:9847"), ("sec-fetch-site", "same-origin")];
    for (headers, status, shows) in [
        (&of_page[..], 403, "a page of its own name"),
        (&of_page[..1], 403, "in a browser that says no site"),
        (&of_page[1..], 403, "in one that says no origin"),
        (&[], 200, "a program asks by whatever name it likes"),
    ] {
        let (got, text) = post("evil.example:9847", headers).await;
        assert_eq!((got, got == 403), (status, text.contains("web.external_url")), "{shows}: {text}");
    }
    let own = [("origin", "https://watch.example.com"), ("sec-fetch-site", "same-origin")];
    assert_eq!(post("watch.example.com", &own).await.0, 403, "nobody said that this is our name");
    let mut told = view();
    let mut telling = (*told.telling).clone();
    telling.external_url = Some("https://watch.example.com/watch".to_owned());
    told.telling = telling.into();
    site.view.send_replace(Arc::new(told));
    assert_eq!(post("watch.example.com", &own).await.0, 200);
    assert_eq!(post("localhost:9847", &[("origin", "http://localhost:9847")]).await.0, 200);
    assert_eq!(post("evil.example:9847", &of_page).await.0, 403);
    site.access.swap(Some(&access::tests::users()));
    assert_eq!(post("evil.example:9847", &of_page).await.0, 200, "a foreign name has nobody's password");
}

#[tokio::test]
async fn status_and_board_say_the_same() {
    let site = Site::open(vec![uncovered("90010001")]).await;
    let (_, body) = site.get("/api/v1/status").await;
    let status: Value = serde_json::from_str(&body).unwrap();
    let sentence = "Watching 118 clients, 34 shifts left today, read 3 min ago, night-2 on call (nights), night-1 on call (shared), 1 alert needs you.";
    assert_eq!(status["sentence"], sentence);
    assert_eq!(status["agencies"][0]["uncovered"][1]["shifts"], 2);
    let (_, page) = site.get("/").await;
    assert!(
        page.contains(sentence) && page.contains("<span class=\"concerns\">Tue 04:32-08:32, North</span>"),
        "{page}"
    );
    site.change(|view| {
        view.agencies[0].coverage = None;
        view.told = vec!["<script>".to_owned()];
    });
    let (_, body) = site.get("/api/v1/status").await;
    let status: Value = serde_json::from_str(&body).unwrap();
    assert!(status["agencies"][0]["uncovered"].is_null(), "unknown is null, not an empty list");
    let (_, page) = site.get("/").await;
    assert!(page.contains("Telling &lt;script&gt;."), "{page}");
}
