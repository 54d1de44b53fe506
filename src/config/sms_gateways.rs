//! `sms_gateways`: who carries texts and calls.

mod http;
mod ringcentral;

use secrecy::SecretString;

use super::{
    address::{e164_advice, is_e164, parse_url, url_is_loopback},
    names::Names,
    reading::{Fields, Reading},
    secret,
    tree::{Node, Value},
};
use crate::notify::receiver::{SmsGateway, SmsGatewayKind, TwilioAccount};

/// Twilio's host.
pub const TWILIO_BASE_URL: &str = "https://api.twilio.com";

/// Reads `sms_gateways:`.
pub fn read_list(node: &Node, names: &mut Names, cx: &mut Reading<'_>) -> Vec<SmsGateway> {
    let Some(items) = cx.list(node, "sms_gateways") else {
        names.doubt();
        return Vec::new();
    };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("sms_gateways[{n}]"), names, cx)).collect()
}

fn read(node: &Node, path: &str, names: &mut Names, cx: &mut Reading<'_>) -> Option<SmsGateway> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_node = fields.need("name", "write a short name for it", cx);
    let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
    match (&name, name_node) {
        (Some(name), Some(node)) => names.add(name, node.at, &format!("{path}.name"), cx),
        _ => names.doubt(),
    }
    let kinds = [fields.get("twilio"), fields.get("ringcentral"), fields.get("http")];
    let kind = match kinds {
        [Some(node), None, None] => read_twilio(node, &format!("{path}.twilio"), cx).map(SmsGatewayKind::Twilio),
        [None, Some(node), None] => {
            ringcentral::read(node, &format!("{path}.ringcentral"), cx).map(SmsGatewayKind::RingCentral)
        }
        [None, None, Some(node)] => http::read(node, &format!("{path}.http"), cx).map(SmsGatewayKind::Http),
        [None, None, None] => {
            let instead = "write twilio: {account_sid: …, auth_token: {env: …}, from: …}, ringcentral: or http:";
            cx.error(fields.at, format!("{path} has no provider"), instead);
            None
        }
        _ => {
            let second = kinds.into_iter().flatten().nth(1).map_or(fields.at, |node| node.at);
            cx.error(second, format!("{path} has more than one provider"), "give each its own entry and name");
            None
        }
    };
    fields.finish(&[], cx);
    Some(SmsGateway { name: name?, kind: kind? })
}

/// A gateway's host root without its trailing slash: https, or http to this machine.
fn read_root(node: &Node, path: &str, example: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = secret::setting(node, path, cx)?;
    let url = match parse_url(&text) {
        Ok(url) => url,
        Err(says) => {
            cx.error(node.at, format!("{path} {says}"), format!("write the host root, as {example}"));
            return None;
        }
    };
    if url.scheme() == "http" && !url_is_loopback(&url) {
        let instead = "write https://; plain http only goes to this machine";
        cx.error(node.at, format!("{path} is http:// to another machine"), instead);
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        let instead = format!("write the host root, as {example}");
        cx.error(node.at, format!("{path} holds more than a host and a path"), instead);
        return None;
    }
    Some(text.trim().trim_end_matches('/').to_owned())
}

/// A number of ours.
fn read_number(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let number = secret::value(node, path, cx)?;
    if !is_e164(&number) {
        cx.error(node.at, format!("{path} is not a phone number"), e164_advice(&number));
        return None;
    }
    Some(number)
}

fn read_twilio(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<TwilioAccount> {
    let mut fields = Fields::of(node, path, cx)?;
    let base_url = match fields.get("base_url") {
        Some(node) => read_root(node, &format!("{path}.base_url"), TWILIO_BASE_URL, cx),
        None => Some(TWILIO_BASE_URL.to_owned()),
    };
    let sid_node = fields.need("account_sid", "write the account's SID: AC and 32 letters and digits", cx);
    let account_sid = sid_node.and_then(|node| secret::setting(node, &format!("{path}.account_sid"), cx));
    if let (Some(sid), Some(node)) = (&account_sid, sid_node)
        && !(sid.starts_with("AC") && sid.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
    {
        cx.error(
            node.at,
            format!("{path}.account_sid is not an account's SID"),
            "write AC and what follows, from the Twilio console",
        );
    }
    let tokens = fields.need("auth_token", "write {env: TWILIO_AUTH_TOKEN} or {file: /path}", cx);
    let mut tokens = tokens.map_or_else(Vec::new, |node| read_tokens(node, &format!("{path}.auth_token"), cx));
    if let Some(node) = fields.get("auth_token_previous") {
        tokens.extend(secret::secret(node, &format!("{path}.auth_token_previous"), cx));
    }
    let from_node = fields.get("from");
    let from = from_node.and_then(|node| read_number(node, &format!("{path}.from"), cx));
    let service_node = fields.get("messaging_service_sid");
    let service = service_node.and_then(|node| secret::setting(node, &format!("{path}.messaging_service_sid"), cx));
    if let (Some(sid), Some(node)) = (&service, service_node)
        && !sid.starts_with("MG")
    {
        cx.error(
            node.at,
            format!("{path}.messaging_service_sid does not begin with MG"),
            "write the service's SID from the Twilio console",
        );
    }
    if from_node.is_none() && service_node.is_none() {
        let what = format!("{path}.from is not set");
        cx.error(fields.at, what, "write the number to send from, or messaging_service_sid");
    }
    fields.finish(&[], cx);
    let mut tokens = tokens.into_iter();
    Some(TwilioAccount {
        base_url: base_url?,
        account_sid: account_sid?,
        auth_token: tokens.next()?,
        previous_auth_tokens: tokens.collect(),
        from,
        messaging_service_sid: service,
    })
}

/// One token, or several while they are being changed: the first one is in force.
fn read_tokens(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<SecretString> {
    let Value::List(items) = &node.value else { return secret::secret(node, path, cx).into_iter().collect() };
    if items.is_empty() {
        cx.error(node.at, format!("{path} is empty"), "write {env: TWILIO_AUTH_TOKEN} or {file: /path}");
    }
    let tokens: Vec<Option<SecretString>> =
        items.iter().enumerate().map(|(n, item)| secret::secret(item, &format!("{path}[{n}]"), cx)).collect();
    // One that is missing must not let the next one take its place.
    tokens.into_iter().collect::<Option<Vec<_>>>().unwrap_or_default()
}
