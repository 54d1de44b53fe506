//! The program's own pages over a picture made by hand.
//!
//! Given: a picture. Gives: the real router on a free port; and the same pages as somebody sees them who signed in,
//! names and all, under the same headers.
//! Does not: judge, read, store or tell anything.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use futures::future::BoxFuture;
use shiftwatch::{
    alerts::silence::{Silences, Wish, WishFault},
    board::{
        Drawn, Frame, alert, assets,
        link::Linked,
        now::{self, Asked},
        people::{Names, Who},
    },
    clock::{Clock, real_now},
    http::{
        Access, Audit, Details, DrillAnswer, Lookup, Orders, People, Records, Silencing, Web,
        lookup::{FoundPeople, ShiftsWish},
        orders::{AckError, Acked, Acknowledge, DrillError, PostableAlert, StoreFault},
        records::RecordsFault,
        router, serve,
        silencing::SilenceFault,
    },
    metrics::Metrics,
    model::Instant,
    pulse::{Loop, Pulses},
    report::{
        alert_story::AlertStory,
        api_record::ApiRecord,
        audit::{AuditLog, AuditRow},
        exceptions::Exceptions,
        history::{History, Span},
        kpi::Kpis,
        lookup::{Freshness, Kind, profile::FoundProfile, shifts::FoundShifts},
        on_call_log::OnCallLog,
    },
    view::{View, ViewWriter, publish},
};
use tokio::{net::TcpListener, sync::watch};

use super::{hand_made, office::Office, past};

/// Nobody acts on a picture.
struct Nobody;

impl Orders for Nobody {
    fn drill(&self, who: String) -> BoxFuture<'_, Result<DrillAnswer, DrillError>> {
        Box::pin(async move { Err(DrillError::Unknown { who, known: "night-1".to_owned() }) })
    }

    fn drill_stands(&self, _: String) -> BoxFuture<'_, Option<DrillAnswer>> {
        Box::pin(async { None })
    }

    fn acknowledge(&self, _: Acknowledge) -> BoxFuture<'_, Result<Acked, AckError>> {
        Box::pin(async { Err(AckError::Unknown) })
    }

    fn post_alerts(&self, _: Vec<PostableAlert>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }

    fn linked(&self, token: String) -> BoxFuture<'_, Option<Linked>> {
        Box::pin(async move { (token == hand_made::TOKEN).then(hand_made::linked) })
    }

    fn reload(&self) -> BoxFuture<'_, Result<String, Vec<String>>> {
        Box::pin(async { Ok(String::new()) })
    }
}

impl Silencing for Nobody {
    fn silences(&self) -> Arc<Silences> {
        Arc::default()
    }

    fn set(&self, _: Wish) -> BoxFuture<'_, Result<String, SilenceFault>> {
        Box::pin(async { Err(WishFault::NotFound.into()) })
    }

    fn expire(&self, _: String) -> BoxFuture<'_, Result<(), SilenceFault>> {
        Box::pin(async { Err(WishFault::NotFound.into()) })
    }
}

impl Details for Nobody {}

impl People for Nobody {
    fn look_up(&self, _: Vec<Who>) -> BoxFuture<'_, Names> {
        Box::pin(async { hand_made::names() })
    }
}

impl Audit for Nobody {
    fn write(&self, _: Vec<AuditRow>) -> BoxFuture<'_, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, from: Instant, until: Instant) -> BoxFuture<'_, Result<AuditLog, RecordsFault>> {
        Box::pin(async move { Ok(AuditLog { from, until, rows: Vec::new(), complete: true }) })
    }

    fn now(&self) -> Instant {
        hand_made::now()
    }
}

impl Lookup for Office {
    fn find<'a>(&'a self, _: Option<&'a str>, _: &'a str, _: bool) -> BoxFuture<'a, FoundPeople> {
        Box::pin(async { FoundPeople::default() })
    }

    fn profile<'a>(&'a self, _: Option<&'a str>, kind: Kind, id: &'a str) -> BoxFuture<'a, Option<FoundProfile>> {
        let found = self.profile(kind, id);
        Box::pin(async move { found })
    }

    fn shifts(&self, _: ShiftsWish) -> BoxFuture<'_, FoundShifts> {
        let freshness = Freshness { as_of: None, complete: false };
        Box::pin(async move { FoundShifts { shifts: Vec::new(), n: 0, freshness } })
    }
}

impl Records for Office {
    fn exceptions(&self, _: u32) -> BoxFuture<'_, Result<Exceptions, RecordsFault>> {
        let list = self.exceptions();
        Box::pin(async move { Ok(list) })
    }

    fn kpis(&self, days: u32) -> BoxFuture<'_, Result<Kpis, RecordsFault>> {
        let kpis = self.kpis(days);
        Box::pin(async move { Ok(kpis) })
    }

    fn alert_story<'a>(&'a self, fingerprint: &'a str) -> BoxFuture<'a, Result<Option<AlertStory>, RecordsFault>> {
        Box::pin(async move { Ok(past::story(fingerprint)) })
    }

    fn history(&self, span: Span) -> BoxFuture<'_, Result<History, RecordsFault>> {
        Box::pin(async move { Ok(past::history(span)) })
    }

    fn on_call_log(&self, days: u32) -> BoxFuture<'_, Result<OnCallLog, RecordsFault>> {
        Box::pin(async move { Ok(past::on_call_log(days)) })
    }

    fn api_record<'a>(&'a self, agency: &'a str) -> BoxFuture<'a, Result<Option<ApiRecord>, RecordsFault>> {
        Box::pin(async move { Ok(Some(past::api_record(agency))) })
    }
}

/// A picture on show.
pub struct Stage {
    pub url: String,
    view: ViewWriter,
    pulses: Arc<Pulses>,
    _closing: watch::Sender<bool>,
}

impl Stage {
    /// The router over a first picture.
    pub async fn open(first: View) -> Self {
        let (writer, reader) = publish(first);
        let pulses = Arc::new(Pulses::new(real_now()));
        let closing = watch::channel(false).0;
        let office = Arc::new(Office { view: reader.clone() });
        let web = Web {
            hooks: None,
            vendor: Arc::new(shiftwatch::http::vendor::NoVendor),
            view: reader,
            pulses: Arc::clone(&pulses),
            metrics: Arc::new(Metrics::new()),
            orders: Arc::new(Nobody),
            silencing: Arc::new(Nobody),
            people: Arc::new(Nobody),
            details: Arc::new(Nobody),
            gallery: Arc::default(),
            open: Arc::default(),
            closing: closing.subscribe(),
            clock: Clock::manual(hand_made::now()),
            records: Arc::<Office>::clone(&office),
            hours: Arc::<Office>::clone(&office),
            briefings: Arc::<Office>::clone(&office),
            access: Arc::default(),
            audit: Arc::new(Nobody),
            lookup: office,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        tokio::spawn(serve(listener, router(web), Arc::new(Access::default()), std::future::pending()));
        Self { url, view: writer, pulses, _closing: closing }
    }

    /// Shows another picture, made by loops that went round when it was made.
    pub fn show(&self, view: View) {
        for which in Loop::ALL {
            self.pulses.beat(which, real_now() - (hand_made::now() - view.at));
        }
        self.view.send_replace(Arc::new(view));
    }

    /// The pages of the present picture with names on them, at an address of their own.
    pub async fn signed_in(&self) -> String {
        let asset = reqwest::get(format!("{}/static/board.css", self.url)).await.expect("an answer");
        let policy = asset.headers()[header::CONTENT_SECURITY_POLICY].clone();
        let view = self.view.borrow().clone();
        let pulses = Arc::clone(&self.pulses);
        let page = move |draw: &dyn Fn(&View, &Pulses, &Names) -> Option<Drawn>| -> Response {
            let Some(drawn) = draw(&view, &pulses, &hand_made::names()) else {
                return StatusCode::NOT_FOUND.into_response();
            };
            let frame = Frame { live: "", user: Some("night-1"), names: true, speed: 1 };
            let headers = HeaderMap::from_iter([(header::CONTENT_SECURITY_POLICY, policy.clone())]);
            (headers, Html(drawn.page(&frame))).into_response()
        };
        let page = Arc::new(page);
        let at = hand_made::now();
        let (of_now, of_alerts, of_alert) = (Arc::clone(&page), Arc::clone(&page), page);
        let pages = Router::new()
            .route(
                "/",
                get(move || async move {
                    of_now(&|view, pulses, names| {
                        Some(now::draw(view, pulses, &Asked::default(), names, true, at, real_now()))
                    })
                }),
            )
            .route(
                "/alerts",
                get(move || async move {
                    of_alerts(&|view, pulses, names| Some(alert::draw_all(view, pulses, names, at, real_now())))
                }),
            )
            .route(
                "/alerts/{fingerprint}",
                get(move |Path(fingerprint): Path<String>| async move {
                    of_alert(&|view, pulses, names| {
                        Some(alert::draw(
                            view,
                            pulses,
                            alert::find(view, &fingerprint)?,
                            Ok(None),
                            names,
                            at,
                            real_now(),
                        ))
                    })
                }),
            )
            .route("/static/{name}", get(file));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("its address");
        tokio::spawn(serve(listener, pages, Arc::new(Access::default()), std::future::pending()));
        format!("http://{address}")
    }
}

async fn file(Path(name): Path<String>) -> Response {
    let found = assets::all().into_iter().find(|asset| asset.name == name);
    found.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |asset| ([(header::CONTENT_TYPE, asset.kind)], asset.text).into_response(),
    )
}
