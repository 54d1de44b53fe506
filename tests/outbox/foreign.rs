//! Servers of another hand, written from the vendors' published descriptions and nothing else: each answers with the
//! required fields only, or with the examples of its description, and refuses what its description refuses.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::Request, http::StatusCode, response::IntoResponse};
use shiftwatch::{
    clock::Clock,
    notify::{
        channel::{Asked, ChannelSettings, Channels, Delivery, Verdict},
        message::Channel,
        receiver::{
            HttpBody, HttpGateway, HttpStatus, RingCentralExtension, SmsGateway, SmsGatewayKind, TwilioAccount,
        },
    },
    store::{Claim, Poll},
};

use crate::world::{id, t, text};

type Seen = Arc<Mutex<Vec<(String, String, String, Vec<u8>)>>>;

/// Answers `(method, path, content type, body)` with a status and JSON.
async fn open(answer: fn(&str, &str, &str, &[u8]) -> (u16, serde_json::Value)) -> (String, Seen) {
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    let router = Router::new().fallback(move |request: Request| {
        let noted = Arc::clone(&noted);
        async move {
            let (parts, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let kind = parts.headers.get("content-type").map_or("", |it| it.to_str().unwrap()).to_owned();
            let authorized = parts.headers.contains_key("authorization");
            let (path, method) = (parts.uri.path().to_owned(), parts.method.to_string());
            let query = parts.uri.query().unwrap_or_default().to_owned();
            noted.lock().unwrap().push((method.clone(), path.clone(), query, body.to_vec()));
            let (status, answer) =
                if authorized { answer(&method, &path, &kind, &body) } else { (401, serde_json::json!({})) };
            (StatusCode::from_u16(status).unwrap(), axum::Json(answer)).into_response()
        }
    });
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), seen)
}

fn channels(kind: SmsGatewayKind) -> Channels {
    let sms_gateways = vec![SmsGateway { name: "g".into(), kind }];
    let answer_timeout = Some(Duration::from_secs(2));
    Channels::new(ChannelSettings { sms_gateways, answer_timeout, ..ChannelSettings::default() }).unwrap()
}

fn poll(provider_id: &str, channel: Channel) -> Poll {
    Poll {
        id: id("m"),
        channel,
        gateway: "g".into(),
        provider_id: provider_id.into(),
        sent_at: t(0),
        useful_until: t(900),
        polls: 0,
        attempts: 1,
        n_gateways: 1,
        address: text("m", &["g"]).address,
    }
}

fn uncertain() -> Claim {
    Claim {
        message: text("m", &["g"]),
        attempt: 2,
        gateway: Some("g".into()),
        uncertain_since: Some(t(0)),
        n_copies: 1,
        not_there_at: None,
        unsure: vec!["g".into()],
        unsure_which: false,
        refused_by: Vec::new(),
    }
}

async fn sends(channels: &Channels) -> Verdict {
    channels.text("g", &text("m", &["g"]).address, "CCA: a test", &Clock::System).await
}

/// The description requires no field of a message: an answer may be as short as its id. A list's example is one row.
#[tokio::test]
async fn twilio_as_its_description_has_it() {
    let (base_url, seen) = open(|method, path, kind, body| {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        let has = |name: &str| form.iter().any(|(key, value)| key == name && !value.is_empty());
        let account = "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef";
        let Some(rest) = path.strip_prefix(account) else { return (404, serde_json::json!({ "code": 20404 })) };
        match (method, rest) {
            ("POST", "/Messages.json") if kind == "application/x-www-form-urlencoded" && has("To") && has("From") && has("Body") => {
                (201, serde_json::json!({ "sid": "SMaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "status": null, "unheard_of": {} }))
            }
            ("GET", "/Messages.json") => (
                200,
                serde_json::json!({ "messages": [{ "sid": null, "body": null, "to": null, "from": null, "direction": "inbound",
                    "date_created": null }, { "direction": "outbound-api", "body": "testing", "to": "+123456789",
                    "date_created": "Thu, 24 Aug 2023 05:01:45 +0000", "num_media": "0" }] }),
            ),
            ("GET", _) => (200, serde_json::json!({ "status": "delivered", "price": null })),
            _ => (400, serde_json::json!({ "code": 21602, "message": "m", "more_info": "u", "status": 400 })),
        }
    })
    .await;
    let channels = channels(SmsGatewayKind::Twilio(TwilioAccount {
        base_url,
        account_sid: "AC0123456789abcdef0123456789abcdef".into(),
        auth_token: "secret".into(),
        previous_auth_tokens: Vec::new(),
        from: Some("+12025550100".into()),
        messaging_service_sid: None,
    }));
    let Verdict::Sent { provider_id: Some(sid) } = sends(&channels).await else { panic!("{:?}", seen.lock().unwrap()) };
    assert_eq!(channels.delivery(&poll(&sid, Channel::Sms)).await, Delivery::Delivered);
    assert_eq!(channels.heard("g", t(0)).await.unwrap().unwrap(), []);
    let moment = shiftwatch::notify::channel::Moment::of(&Clock::manual(t(60)));
    assert_eq!(channels.ask(&uncertain(), "g", moment).await, Asked::Matches(Vec::new()));
}

/// A message requires `id` alone; a list `records`; the token its own three.
#[tokio::test]
async fn ringcentral_as_its_description_has_it() {
    let (base_url, seen) = open(|method, path, kind, body| {
        let extension = "/restapi/v1.0/account/~/extension/~";
        match (method, path.strip_prefix(extension).unwrap_or(path)) {
            ("POST", "/restapi/oauth/token") if kind == "application/x-www-form-urlencoded" => {
                (200, serde_json::json!({ "access_token": "string", "token_type": "bearer", "expires_in": "3600" }))
            }
            ("POST", "/sms") => {
                let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                let keys: Vec<&String> = body.as_object().map(|it| it.keys().collect()).unwrap_or_default();
                let fits = kind == "application/json"
                    && keys == ["from", "text", "to"]
                    && body["from"]["phoneNumber"].is_string()
                    && body["to"].as_array().is_some_and(|to| to.len() == 1 && to[0]["phoneNumber"].is_string());
                if fits {
                    (200, serde_json::json!({ "id": 17 }))
                } else {
                    (400, serde_json::json!({ "errorCode": "CMN-101" }))
                }
            }
            ("GET", "/message-store") => {
                (200, serde_json::json!({ "records": [{ "id": 18 }], "navigation": {}, "paging": {} }))
            }
            ("GET", "/message-store/17") => (200, serde_json::json!({ "id": 17, "messageStatus": "Delivered" })),
            _ => (404, serde_json::json!({ "errorCode": "CMN-102", "message": "string" })),
        }
    })
    .await;
    let channels = channels(SmsGatewayKind::RingCentral(RingCentralExtension {
        base_url,
        client_id: "a".into(),
        client_secret: "b".into(),
        jwt: "c".into(),
        from: "+12025550101".into(),
    }));
    let sent = sends(&channels).await;
    assert_eq!(sent, Verdict::Sent { provider_id: Some("17".into()) }, "{:?}", seen.lock().unwrap());
    assert_eq!(channels.delivery(&poll("17", Channel::Sms)).await, Delivery::Delivered);
    assert_eq!(channels.delivery(&poll("99", Channel::Sms)).await, Delivery::Unknown);
    assert_eq!(channels.heard("g", t(0)).await.unwrap().unwrap(), [], "a row that says nothing is nobody's reply");
    let moment = shiftwatch::notify::channel::Moment::of(&Clock::manual(t(60)));
    assert_eq!(channels.ask(&uncertain(), "g", moment).await, Asked::Matches(Vec::new()));
    let seen = seen.lock().unwrap();
    let list = seen.iter().find(|(_, path, ..)| path.ends_with("/message-store")).unwrap();
    assert!(list.2.contains("dateFrom=2027-01-15T08%3A00%3A00.000Z"), "{}", list.2);
}

/// A provider that nobody here has heard of.
#[tokio::test]
async fn any_provider_that_takes_one_request() {
    let (base_url, seen) = open(|method, path, _, body| match (method, path) {
        ("POST", "/v2/messages/+12025550100") => {
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            assert_eq!(body, serde_json::json!({ "to": ["12025550111"], "content": "CCA: a test", "flash": false }));
            (202, serde_json::json!({ "messages": [{ "id": 4711 }] }))
        }
        ("GET", "/v2/messages/4711") => (200, serde_json::json!({ "state": "FAILED" })),
        ("GET", "/v2/messages/4712") => (200, serde_json::json!({ "state": "delivered" })),
        _ => (404, serde_json::json!({})),
    })
    .await;
    let gateway = HttpGateway {
        url: format!("{base_url}/v2/messages/+12025550100"),
        method: "POST".into(),
        headers: vec![("X-Account".into(), "7".into())],
        authorization: Some("Bearer key".into()),
        body: HttpBody::Json(serde_json::json!({ "to": ["{{ to[1:] }}"], "content": "{{ text }}", "flash": false })),
        ok: vec![202],
        id: Some("/messages/0/id".into()),
        status: Some(HttpStatus {
            url: format!("{base_url}/v2/messages/{{{{ id }}}}"),
            state: "/state".into(),
            delivered: vec!["delivered".into()],
            undelivered: vec!["failed".into()],
        }),
    };
    let channels = channels(SmsGatewayKind::Http(gateway));
    let sent = sends(&channels).await;
    assert_eq!(sent, Verdict::Sent { provider_id: Some("4711".into()) }, "{:?}", seen.lock().unwrap());
    assert!(matches!(channels.delivery(&poll("4711", Channel::Sms)).await, Delivery::Undelivered { .. }));
    assert_eq!(channels.delivery(&poll("4712", Channel::Sms)).await, Delivery::Delivered);
    assert_eq!(channels.heard("g", t(0)).await, None, "it cannot hear");
    let moment = shiftwatch::notify::channel::Moment::of(&Clock::manual(t(60)));
    assert_eq!(channels.ask(&uncertain(), "g", moment).await, Asked::CannotTell);
}
