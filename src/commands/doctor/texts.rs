//! A text gateway: the account, and whether messages can be looked up (which is how a doubt is settled before anything
//! is sent twice).

use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Line;
use crate::{
    clock::Clock,
    model::Phi,
    notify::{
        channel::{ChannelSettings, Channels, Verdict},
        receiver::{SmsGateway, SmsGatewayKind, TwilioAccount},
    },
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Logs in and looks up, sending nothing.
pub(super) async fn examine(gateway: &SmsGateway) -> Vec<Line> {
    let name = &gateway.name;
    match &gateway.kind {
        SmsGatewayKind::Twilio(account) => examine_twilio(name, account).await,
        SmsGatewayKind::RingCentral(_) => vec![examine_ringcentral(gateway).await],
        SmsGatewayKind::Http(_) => {
            let says = "nothing can be tried without sending; send one: doctor --send-to +12025550110";
            vec![Line::warn("text gateway", format!("{name}: {says}"))]
        }
    }
}

async fn examine_ringcentral(gateway: &SmsGateway) -> Line {
    let (what, name) = ("text gateway", &gateway.name);
    let Some(channels) = channels_of(std::slice::from_ref(gateway)) else { return Line::fail(what, NO_TLS) };
    match channels.may_send(name).await {
        Some(Ok(true)) => Line::ok(what, format!("{name}: login works, and the number may send texts")),
        Some(Ok(false)) => {
            let says = "login works, but `from` is no number of this user that may send texts (feature SmsSender); \
                        give the user a registered number";
            Line::fail(what, format!("{name}: {says}"))
        }
        Some(Err(why)) => {
            let advice = if why.starts_with("login") {
                "check client_id, client_secret and jwt"
            } else if why.starts_with("HTTP 403") {
                "the app lacks a permission: it needs SMS, ReadMessages and ReadAccounts"
            } else {
                "check base_url, the network and its firewall"
            };
            Line::fail(what, format!("{name}: {why}; {advice}"))
        }
        None => Line::fail(what, format!("{name}: it cannot be asked")),
    }
}

fn channels_of(gateways: &[SmsGateway]) -> Option<Channels> {
    let settings = ChannelSettings {
        sms_gateways: gateways.to_vec(),
        answer_timeout: Some(TIMEOUT),
        ..ChannelSettings::default()
    };
    Channels::new(settings).ok()
}

async fn examine_twilio(name: &str, account: &TwilioAccount) -> Vec<Line> {
    let TwilioAccount { base_url, account_sid, auth_token, .. } = account;
    let Some(http) = client() else { return vec![Line::fail("text gateway", NO_TLS)] };
    let account = format!("{base_url}/2010-04-01/Accounts/{account_sid}");
    let list = http.get(format!("{account}/Messages.json?PageSize=1"));
    let listed = ask(list, account_sid, auth_token).await;
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

/// Sends one test text: through the first gateway in order that takes it.
pub(super) async fn send(gateways: &[SmsGateway], to: &str, title: &str) -> Line {
    let what = "test text";
    let digits = to.strip_prefix('+').unwrap_or_default();
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Line::fail(what, "--send-to takes a mail address, or a number like +12025550110");
    }
    let text = format!("{title}: this is a test of shiftwatch. Nothing to do.");
    let Some(channels) = channels_of(gateways) else { return Line::fail(what, NO_TLS) };
    let mut said = Vec::new();
    for gateway in gateways {
        let name = &gateway.name;
        match channels.text(name, &Phi::new(to.to_owned()), &text, &Clock::System).await {
            Verdict::Sent { .. } => {
                let before = if said.is_empty() { String::new() } else { format!(" ({})", said.join("; ")) };
                return Line::ok(what, format!("taken by the gateway {name}; look whether it arrives{before}"));
            }
            Verdict::MayHaveLeft { why } => {
                return Line::warn(what, format!("{name}: {why}; it may have left: look whether it arrives"));
            }
            Verdict::NotSent { why, .. } | Verdict::Refused { why, .. } => said.push(format!("{name}: {why}")),
        }
    }
    Line::fail(what, format!("{}; look the number up in the provider's error list", said.join("; ")))
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
