//! The briefing over HTTP, made by a double that knows one agency.

use chrono::Weekday;

use super::*;
use crate::{
    http::{
        audit::NamesShown,
        briefing::{Asked, BriefingAnswer, BriefingFault, SentBriefing},
        reports::{Document, ReportFault},
    },
    model::{PhiGrant, ShiftKey, ShiftRef},
    report::briefing::{
        Briefing, Naming,
        given::{Came, Care, Given, Machinery},
        make,
    },
};

/// One agency with one uncovered shift, and a briefing and a report of one name.
pub(crate) struct OneMorning;

struct Avery;

impl Naming for Avery {
    fn client(&self, _: &crate::model::ClientId) -> Option<String> {
        Some("Avery Sample".to_owned())
    }

    fn caregiver(&self, _: &crate::model::CaregiverId) -> Option<String> {
        None
    }
}

impl Briefings for OneMorning {
    fn briefing(&self, asked: Asked) -> BoxFuture<'_, Vec<Briefing>> {
        let at = noon() + TimeDelta::hours(2);
        let care = Care {
            key: Arc::new(ShiftKey { start: at, client: "7000102".into(), id: ShiftRef::Vendor("90010001".into()) }),
            end: at + TimeDelta::hours(4),
            caregiver: None,
            cancelled: false,
            location: "north".into(),
            critical: false,
            came: Came::Unseen,
            came_at: None,
            left_at: None,
        };
        let briefing = make(&Given {
            kind: asked.kind,
            agency: "main".into(),
            title: "CCA".to_owned(),
            zone: chrono_tz::America::Denver,
            zones: [].into(),
            clock_12h: false,
            week_starts: Weekday::Sun,
            hourly_rate: None,
            now: asked.at.unwrap_or(noon()),
            blind_since: None,
            is_known: true,
            as_of: Some(noon()),
            complete: true,
            care: vec![care],
            reaches_from: Some(at),
            pages: Ok(Vec::new()),
            pages_from: None,
            edits: None,
            watchers: Vec::new(),
            machinery: Machinery::default(),
        });
        Box::pin(async move { vec![briefing] })
    }

    fn locations<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Vec<String>> {
        Box::pin(async { vec!["north".to_owned(), "south".to_owned()] })
    }

    fn name<'a>(&'a self, all: &'a mut [Briefing], _: PhiGrant) -> BoxFuture<'a, ()> {
        for briefing in all {
            briefing.name_with(&Avery);
        }
        Box::pin(async {})
    }

    fn send<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SentBriefing, BriefingFault>> {
        Box::pin(async move {
            match name {
                "morning" => Ok(SentBriefing { name: name.to_owned(), n_messages: 2, at: noon() }),
                _ => Err(BriefingFault::Unknown { name: name.to_owned(), known: vec!["morning".to_owned()] }),
            }
        })
    }

    fn report<'a>(&'a self, name: &'a str, _: Option<PhiGrant>) -> BoxFuture<'a, Result<Document, ReportFault>> {
        Box::pin(async move {
            match name {
                "morning" => Ok(Document {
                    name: "morning-2026-11-24T0700.csv".to_owned(),
                    media_type: "text/csv; charset=utf-8".to_owned(),
                    body: b"agency,day\r\n".to_vec(),
                }),
                _ => Err(ReportFault::Unknown { name: name.to_owned(), known: vec!["morning".to_owned()] }),
            }
        })
    }
}

#[tokio::test]
async fn a_briefing_is_answered_with_names_for_whoever_signed_in_and_ids_for_others() {
    let site = Site::open(Vec::new()).await;
    let (status, body) = site.get("/api/v1/briefing?kind=handoff").await;
    let answer_: BriefingAnswer = serde_json::from_str(&body).unwrap();
    assert_eq!((status, answer_.names), (200, NamesShown::SignIn), "{body}");
    let first = &answer_.briefings[0].coverage.as_ref().unwrap().first[0];
    assert_eq!((first.client.id.as_str(), &first.client.name), ("7000102", &None));
    let (_, body) = answer(audit::local(site.ask(Method::GET, "/api/v1/briefing"))).await;
    let shown: BriefingAnswer = serde_json::from_str(&body).unwrap();
    assert!(shown.names == NamesShown::Shown && body.contains("Avery Sample"), "{body}");
    assert!(lock(&site.orders.audit)[0].about.contains("client 7000102"));
    *lock(&site.orders.fail) = true;
    let (_, body) = answer(audit::local(site.ask(Method::GET, "/api/v1/briefing"))).await;
    assert!(body.contains("no_audit") && !body.contains("Avery"), "without a row there are no names: {body}");

    for (query, says) in [("kind=noon", "morning, handoff"), ("at=now", "an instant"), ("as=pdf", "json, text or html")]
    {
        let (status, body) = site.get(&format!("/api/v1/briefing?{query}")).await;
        assert!(status == 400 && body.contains(says), "{query}: {status} {body}");
    }
    assert_eq!(site.get("/api/v1/briefing?agency=nobody").await.0, 404);
    // Of a place that nobody has, nothing is said, least of all that it is covered.
    for path in ["/api/v1/briefing?location=nowhere", "/briefing?kind=tomorrow&location=nowhere"] {
        let (status, body) = site.get(path).await;
        assert!(status == 404 && body.contains("there are north, south"), "{path}: {status} {body}");
        assert!(!body.contains("covered"), "{path}: {body}");
    }
    assert_eq!(site.get("/api/v1/briefing?location=North").await.0, 200);
    let (_, text) = site.get("/api/v1/briefing?as=text&at=2026-11-24T07:00:00-07:00").await;
    assert!(text.lines().count() <= 12 && text.contains("Uncovered: "), "{text}");
    let (status, body) = answer(site.ask(Method::POST, "/api/v1/briefing/evening/send")).await;
    assert!(status == 404 && body.contains("there is morning"), "{status} {body}");
}
