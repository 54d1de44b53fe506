//! The doctor against small vendors of its own, over real HTTP and SMTP on loopback.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{NaiveDate, TimeDelta};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::{
    alerts::{
        policy::{Paging, Policy},
        route::{GroupBy, Route},
    },
    clock::real_now,
    config::{Agency, Location, MailDefaults, NaiveTz, StoreUrl, Web, Wellsky},
    details::Sections,
    model::{AddressMark, AgencyName, Instant, Phi},
    notify::receiver::{EmailConfig, Receiver, SmsGateway, SmsGatewayKind, SmtpAuth, TwilioAccount},
    on_call::{Contact, Roster, fixture},
};

const TOKEN: &str = "00112233445566778899aabbccddeeff";
const NAME: &str = "Avery Sample";

/// What a vendor does differently.
#[derive(Debug, Clone, Default)]
struct Vendor {
    token_status: Option<u16>,
    page_base: usize,
    no_search_for_shifts: bool,
    all_empty: bool,
    html: bool,
    naive_local: bool,
    agency_wide_visits: bool,
    form_only: bool,
}

/// A request as the vendor saw it.
type Seen = Arc<Mutex<Vec<String>>>;

async fn open(
    answer: impl Fn(&str, &str, &HashMap<String, String>, &HeaderMap, &Value) -> Response + Clone + Send + Sync + 'static,
) -> (String, Seen) {
    let seen: Seen = Arc::default();
    let noted = seen.clone();
    let app = Router::new().fallback(move |request: Request| {
        let (answer, noted) = (answer.clone(), noted.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let query: HashMap<String, String> =
                url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
            let body = serde_json::from_slice(&body).unwrap_or_else(|_| {
                let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
                json!(form)
            });
            noted.lock().unwrap().push(format!("{} {}", parts.method, parts.uri.path()));
            answer(parts.method.as_str(), parts.uri.path(), &query, &parts.headers, &body)
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), seen)
}

fn reply(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body.clone())).into_response()
}

fn bundle(rows: &[Value]) -> Value {
    let entry: Vec<Value> = rows.iter().map(|row| json!({ "resource": row })).collect();
    json!({ "resourceType": "Bundle", "entry": entry, "totalRecords": rows.len() })
}

fn client_row(id: &str, is_client: bool) -> Value {
    json!({
        "resourceType": "Patient", "id": id, "active": true, "name": [{ "text": NAME }],
        "meta": { "tag": [{ "code": "isClient", "display": is_client.to_string() }] },
    })
}

/// Two occurrences of one id, one of them open; all day long around now, so that one has always begun.
fn shift_rows(client: &str, now: Instant) -> Vec<Value> {
    let hour = |hours: i64| (now + TimeDelta::hours(hours)).format("%Y-%m-%dT%H:00:00+00:00").to_string();
    let row = |id: &str, from: i64, caregiver: Value| {
        json!({
            "resourceType": "Appointment", "id": id, "client": { "id": client }, "caregiver": caregiver,
            "start": hour(from), "end": hour(from + 4), "status": "SCHEDULED",
        })
    };
    vec![
        row("90010001", -2, json!({ "id": "8000201" })),
        row("90010001", 166, json!({ "id": "8000201" })),
        row("90010002", 20, json!({})),
        row("90010003", 6, json!({ "id": "8000201" })),
        row("90010004", 12, json!({ "id": "8000201" })),
        row("90010005", 18, json!({ "id": "8000201" })),
    ]
}

fn visit_row(naive_local: bool, now: Instant) -> Value {
    let began = now - TimeDelta::hours(2);
    let began = began.format("%Y-%m-%dT%H").to_string() + ":03:00";
    let at = chrono::NaiveDateTime::parse_from_str(&began, "%Y-%m-%dT%H:%M:%S").unwrap();
    let at = if naive_local { at - TimeDelta::hours(10) } else { at }; // Honolulu, no summer time
    json!({
        "resourceType": "Encounter", "id": 55_000_001, "status": "IN_PROGRESS",
        "subject": { "reference": "Patient/7000101", "display": NAME },
        "participant": { "Individual": [{ "reference": "Practitioner/8000201" }] },
        "appointment": { "reference": "Appointment/90010001" },
        "period": { "start": at.format("%Y-%m-%dT%H:%M:%S").to_string(), "end": null },
    })
}

fn days(from: &str, more: i64) -> std::ops::RangeInclusive<NaiveDate> {
    let first = NaiveDate::parse_from_str(from, "%Y%m%d").unwrap();
    first..=first + TimeDelta::days(more)
}

async fn vendor(with: Vendor) -> (String, Seen) {
    let now = real_now();
    open(move |method, path, query, headers, body| {
        if path == "/oauth/accesstoken" {
            if let Some(status) = with.token_status {
                return reply(status, &json!({ "ErrorCode": "invalid_client" }));
            }
            let json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
            if with.form_only && json {
                return reply(415, &json!({}));
            }
            assert_eq!(body["client_secret"], "example-secret");
            return reply(200, &json!({ "access_token": TOKEN, "expires_in": "3599", "token_type": "BearerToken" }));
        }
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if token != format!("Bearer {TOKEN}") {
            return reply(401, &json!({ "fault": {} }));
        }
        if with.html {
            return (StatusCode::OK, "<html>a proxy</html>").into_response();
        }
        let asked =
            |name: &str| body[name].as_str().or(query.get(name).map(String::as_str)).unwrap_or_default().to_owned();
        let first = query.get("_page").is_none_or(|page| *page == with.page_base.to_string());
        match (method, path) {
            ("POST", "/v1/patients/_search/") => {
                reply(200, &bundle(&[client_row("7000101", true), client_row("7000102", false)]))
            }
            ("POST", "/v1/practitioners/_search/") => {
                reply(200, &bundle(&[json!({ "resourceType": "Practitioner", "id": "8000201" })]))
            }
            ("POST", "/v1/appointment/_search/") if with.no_search_for_shifts => {
                reply(403, &json!({ "message": "Missing Authentication Token" }))
            }
            ("POST", "/v1/appointment/_search/") | ("GET", "/v1/appointment/") => {
                let days = days(&asked("startDate"), asked("additionalDays").parse().unwrap_or(0));
                let mut rows = shift_rows(&asked("clientId"), now);
                rows.retain(|row| {
                    let start: Instant = row["start"].as_str().unwrap().parse().unwrap();
                    days.contains(&start.date_naive())
                });
                let some = first && !with.all_empty && asked("clientId") == "7000101";
                reply(200, &bundle(if some { &rows } else { &[] }))
            }
            ("POST", "/v1/encounter/_search/") => match asked("clientId").as_str() {
                "" if !with.agency_wide_visits => reply(422, &json!({ "error": "clientId is required" })),
                _ => reply(200, &bundle(&[visit_row(with.naive_local, now)])),
            },
            _ => reply(403, &json!({ "message": "Missing Authentication Token" })),
        }
    })
    .await
}

pub(super) fn config(base_url: &str) -> Config {
    let secret = |text: &str| SecretString::from(text.to_owned());
    let minutes = Duration::from_mins;
    Config {
        alertmanagers: Vec::new(),
        mail: None,
        offices_lost: Vec::new(),
        calendars: Vec::new(),
        briefings: Vec::new(),
        reports: Vec::new(),
        file: None,
        origins: crate::config::origins::Origins::default(),
        original: String::new(),
        agencies: vec![Agency {
            name: AgencyName::from("main"),
            title: "CCA".to_owned(),
            timezone: chrono_tz::Pacific::Honolulu,
            locations: vec![Location { id: "501".to_owned(), name: "north".to_owned(), timezone: None, policy: None }],
            tags: Vec::new(),
            clock_12h: false,
            morning_list: None,
            hours: crate::config::Hours::default(),
            cover: Arc::default(),
            hourly_rate: None,
            reminders: None,
            wellsky: Wellsky {
                base_url: base_url.to_owned(),
                agency_id: None,
                client_id: secret("example-client"),
                client_secret: secret("example-secret"),
                detect_within: minutes(5),
                requests_per_second: 1000.0,
                content_type: "application/json".to_owned(),
                send_agency_id: false,
                encounter_naive_tz: NaiveTz::Auto,
                page_base: None,
                confirm_timeout: minutes(1),
                hook_secret: None,
                write: crate::config::Write::default(),
                sections: Sections::default(),
            },
        }],
        rules: Arc::default(),
        store: StoreUrl::Sqlite("shiftwatch.db".into()),
        web: Web { listen: "127.0.0.1:0".parse().unwrap(), external_url: None, file: None },
        policy: Arc::new(Policy {
            route: Route {
                id: "{}".to_owned(),
                receiver: "office".to_owned(),
                group_by: GroupBy::All,
                group_wait: minutes(1),
                group_interval: minutes(1),
                repeat_interval: minutes(1),
                matchers: Vec::new(),
                mute_time_intervals: Vec::new(),
                active_time_intervals: Vec::new(),
                continue_: false,
                routes: Vec::new(),
            },
            inhibit_rules: Vec::new(),
            time_intervals: HashMap::new(),
            resolve_timeout: minutes(5),
            confirm_timeout: minutes(1),
            ack_expires: minutes(20),
            ack_expires_uncovered: minutes(60),
            catch_up_limit: 5,
            paging: Paging::default(),
            receivers: HashMap::new(),
        }),
        receivers: Vec::new(),
        smtp_auth: Vec::new(),
        sms_gateways: Vec::new(),
        telling: None,
        heartbeat: None,
    }
}

async fn examined(config: &Config, send_to: Option<&str>) -> (Exit, String) {
    let wish = Wish { send_to: send_to.map(str::to_owned), n_clients: 20, ..Wish::default() };
    let mut out = Vec::new();
    let exit = run(config, &wish, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    for secret in [NAME, TOKEN, "example-secret", "7000101", "2025550111", "lead@example.com"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    (exit, text)
}

async fn against(with: Vendor) -> (Exit, String, Vec<String>) {
    let (url, seen) = vendor(with).await;
    let (exit, text) = examined(&config(&url), None).await;
    let seen = seen.lock().unwrap().clone();
    (exit, text, seen)
}

/// Whether a line of that level about that thing says that.
fn says(text: &str, level: &str, what: &str, part: &str) -> bool {
    text.lines().any(|line| line.starts_with(&format!("{level:<4}  {what:<18}")) && line.contains(part))
}

#[tokio::test]
async fn a_good_account_settles_the_checklist_and_is_only_read() {
    let (exit, text, seen) = against(Vendor::default()).await;
    for (level, what, part) in [
        ("ok", "clock", "s from this machine's"),
        ("ok", "token", "a JSON body; its life: 3599 s, as text"),
        ("ok", "client list", "entries wrapped, totalRecords 2"),
        ("ok", "clients", "2 records, 2 active, 1 tagged isClient; 1 are watched closely"),
        ("ok", "caregivers", "1 on the first page"),
        ("ok", "locations", "cannot be listed here"),
        ("ok", "shift search", "entries wrapped"),
        ("ok", "open shifts", "1, written as caregiver: {} 1"),
        ("ok", "shift statuses", "SCHEDULED"),
        ("ok", "page base", "pages count from 0"),
        ("ok", "recurring shifts", "1 ids stand for several shifts"),
        ("ok", "day rule", "startDate is the UTC day"),
        ("ok", "visit statuses", "IN_PROGRESS 1"),
        ("ok", "visit caregivers", "object with Individual 1"),
        ("warn", "visit times", "UTC by 1 visit (median"),
        ("ok", "visits of all", "is refused"),
        ("ok", "wrong token", "is answered 401"),
        ("warn", "telling", "nobody is told"),
    ] {
        assert!(says(&text, level, what, part), "{level} {what} {part} in\n{text}");
    }
    assert_eq!(exit, Exit::Done, "{text}");
    for call in &seen {
        let allowed = call == "POST /oauth/accesstoken"
            || call.ends_with("/_search/")
            || call.ends_with("/_search")
            || call.ends_with("GET /v1/appointment/");
        assert!(allowed, "{call} is not among the contract's smallest reads");
    }
    assert_eq!(seen.iter().filter(|call| call.ends_with("accesstoken")).count(), 1, "one token");
}

#[tokio::test]
async fn what_differs_is_settled_or_said() {
    for (with, exit, level, what, part) in [
        (Vendor { page_base: 1, ..Vendor::default() }, Exit::Done, "ok", "page base", "pages count from 1"),
        (Vendor { form_only: true, ..Vendor::default() }, Exit::Done, "ok", "token", "a form (JSON was refused)"),
        (
            Vendor { no_search_for_shifts: true, ..Vendor::default() },
            Exit::Done,
            "warn",
            "shift search",
            "GET with the same filters works",
        ),
        (
            Vendor { all_empty: true, ..Vendor::default() },
            Exit::Done,
            "warn",
            "shifts",
            "none of 2 clients has a shift",
        ),
        (
            Vendor { naive_local: true, ..Vendor::default() },
            Exit::Done,
            "warn",
            "visit times",
            "the agency's zone by 1 visit (median",
        ),
        (
            Vendor { agency_wide_visits: true, ..Vendor::default() },
            Exit::Done,
            "ok",
            "visits of all",
            "works: check-ins of the whole agency",
        ),
        (Vendor { html: true, ..Vendor::default() }, Exit::Failed, "FAIL", "clients", "not with JSON"),
    ] {
        let (got, text, _) = against(with.clone()).await;
        assert!(says(&text, level, what, part), "{with:?}:\n{text}");
        assert_eq!(got, exit, "{with:?}:\n{text}");
    }
}

#[tokio::test]
async fn refused_credentials_are_tried_once_and_nothing_is_read() {
    for (status, calls) in [(401, 1), (403, 1), (400, 2), (500, 1)] {
        let (exit, text, seen) = against(Vendor { token_status: Some(status), ..Vendor::default() }).await;
        assert_eq!(exit, Exit::Failed);
        assert!(says(&text, "FAIL", "token", "nothing can be read without a token"), "{text}");
        assert_eq!(seen.len(), calls, "{status}: {seen:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_said() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let (exit, text) = examined(&config(&url), None).await;
    assert_eq!(exit, Exit::Failed);
    assert!(says(&text, "FAIL", "token", "no connection; check the address"), "{text}");
}

/// A mail server that knows one password; returns its port and what it was told.
async fn mail_server() -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Seen = Arc::default();
    let noted = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let noted = noted.clone();
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let mut in_data = false;
                let _ = write.write_all(b"220 mail.example.com ESMTP\r\n").await;
                while let Ok(Some(line)) = lines.next_line().await {
                    noted.lock().unwrap().push(line.clone());
                    let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                    let answer = match word.as_str() {
                        _ if in_data && line == "." => {
                            in_data = false;
                            "250 taken"
                        }
                        _ if in_data => continue,
                        "EHLO" => "250-mail.example.com\r\n250 AUTH PLAIN",
                        // \0watch\0right
                        "AUTH" if line.ends_with("AHdhdGNoAHJpZ2h0") => "235 in",
                        "AUTH" => "535 5.7.8 no, lead@example.com",
                        "DATA" => {
                            in_data = true;
                            "354 go on"
                        }
                        "QUIT" => "221 bye",
                        _ => "250 fine",
                    };
                    let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
                }
            });
        }
    });
    (port, seen)
}

fn mailing(config: &mut Config, port: u16, password: &str, require_tls: bool) {
    let email = EmailConfig {
        to: vec![Phi::new("lead@example.com".to_owned())],
        from: "watch@example.com".to_owned(),
        smarthost: SmtpTarget { host: "127.0.0.1".to_owned(), port, require_tls, hello: None },
        auth: Some(SmtpAuth { username: "watch".to_owned(), password: SecretString::from(password.to_owned()) }),
        subject: None,
        text: None,
        html: None,
        send_resolved: true,
        phi: false,
    };
    config.receivers.push(Receiver {
        name: "office".to_owned(),
        email: vec![email.clone(), email],
        ..Receiver::default()
    });
}

#[tokio::test]
async fn mail_is_tried_without_sending_and_sent_only_when_asked() {
    let (vendor, _) = vendor(Vendor::default()).await;
    let (port, seen) = mail_server().await;
    let mut with = config(&vendor);
    mailing(&mut with, port, "right", false);
    let (exit, text) = examined(&with, None).await;
    assert!(says(&text, "ok", "mail server", "login works, without TLS"), "{text}");
    assert_eq!(text.matches("mail server").count(), 1, "one server, one line");
    assert_eq!(exit, Exit::Done);
    let mails = || seen.lock().unwrap().iter().filter(|line| line.starts_with("MAIL FROM")).count();
    assert_eq!(mails(), 0, "nothing is sent");
    let (_, text) = examined(&with, Some("lead@example.com")).await;
    assert!(says(&text, "ok", "test mail", "taken by the mail server"), "{text}");
    assert_eq!(mails(), 1);
}

#[tokio::test]
async fn a_mail_server_that_refuses_is_a_fail_in_our_words() {
    let (vendor, _) = vendor(Vendor::default()).await;
    let (port, seen) = mail_server().await;
    for (password, require_tls, part) in [
        ("wrong", false, "535: login refused; check smtp_auth_username"),
        ("right", true, "the server does not offer what is needed"),
    ] {
        let mut with = config(&vendor);
        mailing(&mut with, port, password, require_tls);
        let (exit, text) = examined(&with, None).await;
        assert!(says(&text, "FAIL", "mail server", part), "{text}");
        assert_eq!(exit, Exit::Failed);
    }
    let logins = seen.lock().unwrap().iter().filter(|line| line.starts_with("AUTH")).count();
    assert_eq!(logins, 1, "no password without the TLS that is asked for");
}

#[tokio::test]
async fn a_text_gateway_is_tried_without_sending_and_sent_only_when_asked() {
    let (vendor, _) = vendor(Vendor::default()).await;
    for (status, body, kind, level, what, part) in [
        (200, json!({ "messages": [] }), "Full", "ok", "text account", "active"),
        (200, json!({ "messages": [] }), "Trial", "warn", "text account", "verified numbers only"),
        (401, json!({ "code": 20003, "message": "2025550111" }), "Full", "FAIL", "text gateway", "check account_sid"),
        (404, json!({ "code": 20404 }), "Full", "FAIL", "text gateway", "no such account"),
        (200, json!({ "hello": 1 }), "Full", "FAIL", "text gateway", "is not Twilio"),
    ] {
        let (base_url, seen) = open(move |method, path, _, headers, _| {
            assert!(headers.contains_key(header::AUTHORIZATION));
            match (method, path.ends_with("/Messages.json")) {
                ("POST", true) => reply(201, &json!({ "sid": "SM1", "status": "queued" })),
                (_, true) => reply(status, &body),
                _ => reply(200, &json!({ "status": "active", "type": kind })),
            }
        })
        .await;
        let mut with = config(&vendor);
        with.sms_gateways = vec![SmsGateway {
            name: "twilio".to_owned(),
            kind: SmsGatewayKind::Twilio(TwilioAccount {
                base_url,
                account_sid: "AC00".to_owned(),
                auth_token: SecretString::from("example-secret".to_owned()),
                previous_auth_tokens: Vec::new(),
                from: Some("+12025550100".to_owned()),
                messaging_service_sid: None,
            }),
        }];
        let (_, text) = examined(&with, None).await;
        assert!(says(&text, level, what, part), "{text}");
        assert!(seen.lock().unwrap().iter().all(|call| call.starts_with("GET")), "nothing is sent");
        let (_, text) = examined(&with, Some("+12025550111")).await;
        assert!(says(&text, "ok", "test text", "taken by the gateway"), "{text}");
        let (_, text) = examined(&with, Some("12025550111")).await;
        assert!(says(&text, "FAIL", "test text", "--send-to takes"), "{text}");
        assert_eq!(seen.lock().unwrap().iter().filter(|call| call.starts_with("POST")).count(), 1);
    }
}

#[test]
fn the_server_by_which_people_are_mailed_is_tried_too() {
    let mut config = config("http://127.0.0.1:1");
    config.receivers.clear();
    let smarthost = SmtpTarget { host: "mail.example.com".into(), port: 587, require_tls: true, hello: None };
    config.mail = Some(MailDefaults { from: "watch@example.com".into(), smarthost: smarthost.clone(), auth: None });
    assert!(smtp_servers(&config).is_empty(), "nobody is mailed");
    let address = Phi::new("night-1@example.com".to_owned());
    let contact = Contact { via: Via::Email, mark: AddressMark::of(&address), address };
    let mut person = fixture::picture().roster.person(&"night-1".into()).unwrap().clone();
    person.contacts = vec![contact];
    let mut policy = (*config.policy).clone();
    policy.paging.roster = Arc::new(Roster::new([person]));
    config.policy = Arc::new(policy);
    let servers = smtp_servers(&config);
    assert_eq!(servers.len(), 1);
    assert_eq!((&servers[0].0, servers[0].2.as_str()), (&smarthost, "watch@example.com"));
}
