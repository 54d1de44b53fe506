//! A text gateway: the account, and whether messages can be looked up (which is how a doubt is settled before anything
//! is sent twice).

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Line;
use crate::notify::receiver::{SmsGateway, SmsGatewayKind};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Logs in and looks up, sending nothing.
pub(super) async fn examine(gateway: &SmsGateway) -> Vec<Line> {
    let SmsGatewayKind::Twilio { base_url, account_sid, auth_token, .. } = &gateway.kind;
    let Some(http) = client() else { return vec![Line::fail("text gateway", NO_TLS)] };
    let account = format!("{base_url}/2010-04-01/Accounts/{account_sid}");
    let list = http.get(format!("{account}/Messages.json?PageSize=1"));
    let listed = ask(list, account_sid, auth_token).await;
    let name = &gateway.name;
    let mut lines = vec![match &listed {
        Ok((200, Some(body))) if body.get("messages").is_some_and(Value::is_array) => {
            Line::ok("text gateway", format!("{name}: login works, messages can be looked up"))
        }
        Ok((200, _)) => Line::fail("text gateway", format!("{name}: what answers is not Twilio; check base_url")),
        other => Line::fail("text gateway", format!("{name}: {}", meaning(other))),
    }];
    if !matches!(listed, Ok((200, _))) {
        return lines;
    }
    if let Ok((200, Some(body))) = ask(http.get(format!("{account}.json")), account_sid, auth_token).await {
        let is = |field: &str, value: &str| {
            body.get(field).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(value))
        };
        lines.push(if body.get("status").is_some() && !is("status", "active") {
            Line::fail("text account", format!("{name}: the account is not active; nothing will be sent"))
        } else if is("type", "trial") {
            let says = "a trial account: texts go to verified numbers only, and carry Twilio's banner; upgrade it";
            Line::warn("text account", format!("{name}: {says}"))
        } else {
            Line::ok("text account", format!("{name}: active"))
        });
    }
    lines
}

/// Sends one test text.
pub(super) async fn send(gateway: &SmsGateway, to: &str, title: &str) -> Line {
    let what = "test text";
    let SmsGatewayKind::Twilio { base_url, account_sid, auth_token, from, messaging_service_sid } = &gateway.kind;
    let digits = to.strip_prefix('+').unwrap_or_default();
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Line::fail(what, "--send-to takes a mail address, or a number like +12025550110");
    }
    let Some(http) = client() else { return Line::fail(what, NO_TLS) };
    let mut form = vec![
        ("To", to.to_owned()),
        ("Body", format!("{title}: this is a test of shiftwatch. Nothing to do.")),
        ("ValidityPeriod", "900".to_owned()),
    ];
    if let Some(service) = messaging_service_sid {
        form.push(("MessagingServiceSid", service.clone()));
    } else if let Some(from) = from {
        form.push(("From", from.clone()));
    }
    let request = http.post(format!("{base_url}/2010-04-01/Accounts/{account_sid}/Messages.json")).form(&form);
    match ask(request, account_sid, auth_token).await {
        Ok((200..=299, _)) => Line::ok(what, "taken by the gateway; look whether it arrives"),
        other => Line::fail(what, meaning(&other)),
    }
}

const NO_TLS: &str = "this machine's certificates cannot be loaded; install ca-certificates";

fn client() -> Option<Client> {
    Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build().ok()
}

type Answer = Result<(u16, Option<Value>), &'static str>;

async fn ask(request: RequestBuilder, user: &str, password: &SecretString) -> Answer {
    let sent = request.basic_auth(user, Some(password.expose_secret())).send().await;
    let response = sent.map_err(|error| if error.is_timeout() { "no answer in time" } else { "no connection" })?;
    let status = response.status().as_u16();
    Ok((status, response.json().await.ok()))
}

/// What went wrong, from status and Twilio's error number; its words may hold the recipient's number.
fn meaning(answer: &Answer) -> String {
    match answer {
        Err(why) => format!("{why}; check base_url, the network and its firewall"),
        Ok((status, body)) => {
            let code = body.as_ref().and_then(|body| body.get("code")).and_then(Value::as_u64);
            let text = match (status, code) {
                (401 | 403, _) | (_, Some(20003)) => "login refused; check account_sid and auth_token",
                (404, _) => "no such account; check account_sid and base_url",
                (429, _) => "too many requests; try again in a minute",
                (_, Some(21211 | 21214)) => "the recipient is no phone number",
                (_, Some(21608)) => "a trial account sends to verified numbers only",
                (_, Some(21610)) => "the recipient has opted out (sent STOP)",
                (_, Some(21606 | 21612 | 21659)) => "this account may not send from the configured number; check from",
                (500.., _) => "the gateway fails; try again later",
                _ => "refused; look the number up in Twilio's error list",
            };
            match code {
                Some(code) => format!("{status} (error {code}): {text}"),
                None => format!("{status}: {text}"),
            }
        }
    }
}
