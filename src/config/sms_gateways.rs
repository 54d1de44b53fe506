//! `sms_gateways`: who carries text messages.

use super::{
    address::{e164_advice, is_e164},
    agencies::read_base_url,
    names::Names,
    reading::{Fields, Reading},
    secret,
    tree::Node,
};
use crate::notify::receiver::{SmsGateway, SmsGatewayKind};

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
    let twilio = fields.need("twilio", "write twilio: {account_sid: …, auth_token: {env: …}, from: …}", cx);
    let kind = twilio.and_then(|node| read_twilio(node, &format!("{path}.twilio"), cx));
    fields.finish(&[("ringcentral", "RingCentral is not spoken yet: use twilio")], cx);
    Some(SmsGateway { name: name?, kind: kind? })
}

fn read_twilio(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<SmsGatewayKind> {
    let mut fields = Fields::of(node, path, cx)?;
    let base_url = match fields.get("base_url") {
        Some(node) => read_base_url(node, &format!("{path}.base_url"), cx),
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
    let auth_token = fields
        .need("auth_token", "write {env: TWILIO_AUTH_TOKEN} or {file: /path}", cx)
        .and_then(|node| secret::secret(node, &format!("{path}.auth_token"), cx));
    let from_node = fields.get("from");
    let from = from_node.and_then(|node| secret::value(node, &format!("{path}.from"), cx));
    if let (Some(from), Some(node)) = (&from, from_node)
        && !is_e164(from)
    {
        cx.error(node.at, format!("{path}.from is not a phone number"), e164_advice(from));
    }
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
    match (from_node, service_node) {
        (None, None) => {
            let what = format!("{path}.from is not set");
            cx.error(fields.at, what, "write the number to send from, or messaging_service_sid");
        }
        (Some(_), Some(node)) => {
            let what = format!("{path} has both from and messaging_service_sid");
            cx.error(node.at, what, "keep one of the two");
        }
        _ => {}
    }
    fields.finish(&[], cx);
    Some(SmsGatewayKind::Twilio {
        base_url: base_url?,
        account_sid: account_sid?,
        auth_token: auth_token?,
        from,
        messaging_service_sid: service,
    })
}
