//! `receivers`: who is told by which way, with `global` filled in.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};

use super::{
    address::{e164_advice, is_e164, is_mail, parse_url, split_mails, url_is_loopback},
    global::{MAIL_KEYS_ELSEWHERE, MailSettings, RECEIVER_KEYS, read_mail},
    names::Names,
    reading::{Fields, Reading},
    seams, secret,
    suggest::nearest,
    tree::{Node, Value},
};
use crate::{
    model::Phi,
    notify::{
        receiver::{EmailConfig, PageConfig, Receiver, SmsConfig, WebhookConfig},
        template,
    },
};

/// One attempt's time limit, when nobody says.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Integrations of other programs, and of later work.
const ELSEWHERE: [(&str, &str); 7] = [
    ("slack_configs", "use webhook_configs"),
    ("pagerduty_configs", "use webhook_configs"),
    ("opsgenie_configs", "use webhook_configs"),
    ("victorops_configs", "use webhook_configs"),
    ("msteams_configs", "use webhook_configs"),
    ("telegram_configs", "use webhook_configs"),
    ("pushover_configs", "use webhook_configs"),
];

/// What receivers may refer to.
pub struct Ways<'a> {
    /// Mail settings of `global`.
    pub mail: &'a MailSettings,
    /// SMS gateways in file order.
    pub gateways: &'a Names,
    /// Escalation policies.
    pub policies: &'a Names,
    /// The labels that locations have, of every agency.
    pub locations: Vec<&'a str>,
}

/// Reads `receivers:`.
pub fn read_list(node: &Node, ways: &Ways<'_>, names: &mut Names, cx: &mut Reading<'_>) -> Vec<Receiver> {
    let Some(items) = cx.list(node, "receivers") else {
        names.doubt();
        return Vec::new();
    };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("receivers[{n}]"), ways, names, cx)).collect()
}

fn read(node: &Node, path: &str, ways: &Ways<'_>, names: &mut Names, cx: &mut Reading<'_>) -> Option<Receiver> {
    let Some(mut fields) = Fields::of(node, path, cx) else {
        names.doubt();
        return None;
    };
    let name_node = fields.need("name", "write the name that routes call it by", cx);
    let name = name_node.and_then(|node| cx.word(node, &format!("{path}.name")));
    match (&name, name_node) {
        (Some(name), Some(node)) => names.add(name, node.at, &format!("{path}.name"), cx),
        _ => names.doubt(),
    }
    let mut receiver = Receiver { name: name.unwrap_or_default(), ..Receiver::default() };
    if let Some(node) = fields.get("email_configs") {
        receiver.email =
            each(node, &format!("{path}.email_configs"), cx, |item, path, cx| read_email(item, path, ways, cx));
    }
    if let Some(node) = fields.get("sms_configs") {
        receiver.sms = each(node, &format!("{path}.sms_configs"), cx, |item, path, cx| read_sms(item, path, ways, cx));
    }
    if let Some(node) = fields.get("webhook_configs") {
        receiver.webhook = each(node, &format!("{path}.webhook_configs"), cx, read_webhook);
    }
    if let Some(node) = fields.get("page_configs") {
        receiver.page =
            each(node, &format!("{path}.page_configs"), cx, |item, path, cx| read_page(item, path, ways, cx));
    }
    fields.finish(&ELSEWHERE, cx);
    Some(receiver)
}

/// Reads the names of receivers alone. In an Alertmanager's own file every integration of its is known; in ours those of
/// ours, and the others are told as [`read_list`] tells them.
pub fn read_names(node: &Node, alertmanagers_own: bool, names: &mut Names, cx: &mut Reading<'_>) {
    let Some(items) = cx.list(node, "receivers") else { return names.doubt() };
    for (n, item) in items.iter().enumerate() {
        let path = format!("receivers[{n}]");
        let Some(mut fields) = Fields::of(item, &path, cx) else {
            names.doubt();
            continue;
        };
        let node = fields.need("name", "write the name that routes call it by", cx);
        match node.and_then(|node| Some((cx.word(node, &format!("{path}.name"))?, node.at))) {
            Some((name, at)) => names.add(&name, at, &format!("{path}.name"), cx),
            None => names.doubt(),
        }
        fields.knows(["email_configs", "sms_configs", "page_configs", "webhook_configs"]);
        if alertmanagers_own {
            for (key, _) in fields.entries().iter().filter(|(key, _)| key.text.ends_with("_configs")) {
                fields.said(&key.text);
            }
        }
        fields.finish(&ELSEWHERE, cx);
    }
}

fn each<T>(
    node: &Node,
    path: &str,
    cx: &mut Reading<'_>,
    mut read: impl FnMut(&Node, &str, &mut Reading<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(items) = cx.list(node, path) else { return Vec::new() };
    items.iter().enumerate().filter_map(|(n, item)| read(item, &format!("{path}[{n}]"), cx)).collect()
}

fn read_email(node: &Node, path: &str, ways: &Ways<'_>, cx: &mut Reading<'_>) -> Option<EmailConfig> {
    let mut fields = Fields::of(node, path, cx)?;
    let to_path = format!("{path}.to");
    let to = fields.need("to", "write one address, or several between commas", cx);
    let to = to.and_then(|node| Some((secret::value(node, &to_path, cx)?, node.at)));
    let to = to.map(|(text, at)| {
        let addresses = split_mails(&text);
        for (n, address) in addresses.iter().enumerate() {
            if !is_mail(address) {
                let which = if addresses.len() > 1 {
                    format!(" (address {} of {})", n + 1, addresses.len())
                } else {
                    String::new()
                };
                cx.error(at, format!("{to_path} is not a mail address{which}"), "write it as office@example.com");
            }
        }
        addresses
    });
    let mail = read_mail(&mut fields, &RECEIVER_KEYS, cx).or(ways.mail);
    let phi = fields.flag("phi", cx).unwrap_or(false);
    let subject = match fields.get("headers") {
        Some(node) => read_headers(node, &format!("{path}.headers"), cx),
        None => None,
    };
    let place = if phi { template::Place::GrantedMail } else { template::Place::Message };
    let text = read_part(&mut fields, "text", place, cx);
    let html = read_part(&mut fields, "html", place, cx);
    if let (Some(""), Some("")) = (text.as_deref(), html.as_deref()) {
        cx.error(fields.at, format!("{path}: text and html are both empty"), "remove one of the two lines");
    }
    let send_resolved = fields.flag("send_resolved", cx).unwrap_or(true);
    let at = fields.at;
    fields.finish(&MAIL_KEYS_ELSEWHERE, cx);
    let mail = match mail.complete() {
        Ok(complete) => complete,
        Err(missing) => {
            if !mail.in_doubt {
                let own = missing.trim_start_matches("smtp_");
                let what = format!("{path} has no {own}, and global.{missing} is not set");
                cx.error(at, what, format!("set global.{missing}"));
            }
            return None;
        }
    };
    Some(EmailConfig {
        to: to?.into_iter().map(Phi::new).collect(),
        from: mail.from,
        smarthost: mail.smarthost,
        auth: mail.auth,
        subject,
        text,
        html,
        send_resolved,
        phi,
    })
}

/// `headers:`; only the subject may be given, and it never shows who is in care.
fn read_headers(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let fields = Fields::of(node, path, cx)?;
    let mut subject = None;
    for (key, node) in fields.entries() {
        if key.text.eq_ignore_ascii_case("subject") {
            subject = check_template(node, &format!("{path}.{}", key.text), template::Place::Message, cx);
        } else {
            cx.error(
                key.at,
                format!("{path}: the header \"{}\" cannot be set", key.text),
                "only Subject can; remove it",
            );
        }
    }
    subject
}

fn read_template(
    fields: &mut Fields<'_>,
    key: &'static str,
    place: template::Place,
    cx: &mut Reading<'_>,
) -> Option<String> {
    let node = fields.get(key)?;
    check_template(node, &fields.path(key), place, cx)
}

/// A part of a mail. An empty one, in quotation marks, leaves the part out, as Alertmanager has it.
fn read_part(
    fields: &mut Fields<'_>,
    key: &'static str,
    place: template::Place,
    cx: &mut Reading<'_>,
) -> Option<String> {
    match &fields.get(key)?.value {
        Value::Scalar { text, quoted: true } if text.is_empty() => Some(String::new()),
        _ => read_template(fields, key, place, cx),
    }
}

/// Reads a template and says what is wrong with it.
pub fn check_template(node: &Node, path: &str, place: template::Place, cx: &mut Reading<'_>) -> Option<String> {
    let text = cx.word(node, path)?;
    if let Err((what, instead)) = seams::template(&text, place) {
        cx.error(node.at, format!("{path}: {what}"), instead);
    }
    Some(text)
}

fn read_sms(node: &Node, path: &str, ways: &Ways<'_>, cx: &mut Reading<'_>) -> Option<SmsConfig> {
    let mut fields = Fields::of(node, path, cx)?;
    let to_path = format!("{path}.to");
    let to = fields.need("to", "write a number as \"+12025550111\", or a list of them", cx);
    let numbers: Vec<&Node> = match to.map(|node| (node, &node.value)) {
        None => Vec::new(),
        Some((node, Value::List(items))) if items.is_empty() => {
            cx.error(node.at, format!("{to_path} is empty"), "write at least one number");
            Vec::new()
        }
        Some((_, Value::List(items))) => items.iter().collect(),
        Some((node, _)) => vec![node],
    };
    let mut to = Vec::new();
    for node in numbers {
        let Some(number) = secret::value(node, &to_path, cx) else { continue };
        if is_e164(&number) {
            to.push(Phi::new(number));
        } else {
            cx.error(node.at, format!("{to_path} is not a phone number"), e164_advice(&number));
        }
    }
    let gateway = fields.get("gateway");
    let chosen = match gateway.map(|node| (node, &node.value)) {
        None => None,
        Some((node, Value::List(_))) => cx.words(node, &format!("{path}.gateway")),
        Some((node, _)) => {
            Some(cx.word(node, &format!("{path}.gateway")).map(|name| (name, node.at)).into_iter().collect())
        }
    };
    let gateways = if let Some(chosen) = chosen {
        for (name, at) in &chosen {
            ways.gateways.check(name, *at, &format!("{path}.gateway"), "sms_gateways", cx);
        }
        chosen.into_iter().map(|(name, _)| name).collect()
    } else {
        let all: Vec<String> = ways.gateways.all().map(ToOwned::to_owned).collect();
        if all.is_empty() && !ways.gateways.has("") {
            cx.error(fields.at, format!("{path}: there is no gateway to send texts by"), "add one under sms_gateways");
        }
        all
    };
    let text = read_template(&mut fields, "text", template::Place::Message, cx);
    let send_resolved = fields.flag("send_resolved", cx).unwrap_or(true);
    fields.finish(&[("phi", "a text message never shows who is in care: remove it")], cx);
    Some(SmsConfig { to, gateways, text, send_resolved })
}

fn read_page(node: &Node, path: &str, ways: &Ways<'_>, cx: &mut Reading<'_>) -> Option<PageConfig> {
    let mut fields = Fields::of(node, path, cx)?;
    let named = |node: &Node, path: &str, cx: &mut Reading<'_>| {
        let name = cx.word(node, path)?;
        ways.policies.check(&name, node.at, path, "escalation_policies", cx);
        Some(name)
    };
    let (policy, by_location) = (fields.get("policy"), fields.get("by_location"));
    let mut map = BTreeMap::new();
    let policy = match (policy, by_location) {
        (Some(node), None) => named(node, &format!("{path}.policy"), cx),
        (None, Some(node)) => {
            let path = format!("{path}.by_location");
            let places = Fields::of(node, &path, cx)?;
            for (key, node) in places.entries() {
                let name = named(node, &format!("{path}.{}", key.text), cx);
                if key.text != "default" && !ways.locations.is_empty() && !ways.locations.contains(&key.text.as_str()) {
                    let instead = match nearest(&key.text, ways.locations.iter().copied()) {
                        Some(near) => format!("did you mean {near}?"),
                        None => "write the name that agencies[].locations gives it".to_owned(),
                    };
                    cx.warn(key.at, format!("{path}: no location is called \"{}\"", key.text), instead);
                }
                map.extend(name.map(|name| (key.text.clone(), name)));
            }
            let default = map.remove("default");
            if default.is_none() && !places.entries().iter().any(|(key, _)| key.text == "default") {
                let what = format!("{path}.default is not set");
                cx.error(node.at, what, "write the policy for every other location, and for alerts without one");
            }
            default
        }
        (Some(_), Some(node)) => {
            cx.error(
                node.at,
                format!("{path} has both policy and by_location"),
                "write the policy as by_location.default",
            );
            None
        }
        (None, None) => {
            cx.error(fields.at, format!("{path}.policy is not set"), "write the escalation policy, or by_location");
            None
        }
    };
    let text = read_template(&mut fields, "text", template::Place::Message, cx);
    let elsewhere = [
        ("send_resolved", "whoever was paged is told when it is over: remove it"),
        ("schedule", "write a policy with a step that names the schedule"),
        ("to", "people are named by escalation_policies"),
        ("via", "write it in the policy's steps"),
    ];
    fields.finish(&elsewhere, cx);
    Some(PageConfig { policy: policy?, by_location: map, text })
}

fn read_webhook(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<WebhookConfig> {
    let mut fields = Fields::of(node, path, cx)?;
    let (url, url_file) = (fields.get("url"), fields.get("url_file"));
    let url = match (url, url_file) {
        (Some(node), None) => secret::value(node, &format!("{path}.url"), cx).map(|url| (url, node.at)),
        (None, Some(node)) => {
            secret::file(node, &format!("{path}.url_file"), cx).map(|url| (url.expose_secret().to_owned(), node.at))
        }
        (Some(_), Some(node)) => {
            cx.error(node.at, format!("{path} has both url and url_file"), "keep one of the two");
            None
        }
        (None, None) => {
            cx.error(fields.at, format!("{path}.url is not set"), "write where to post to");
            None
        }
    };
    let url = url.and_then(|(url, at)| read_outside_url(&url, &format!("{path}.url"), at, cx));
    let authorization = match fields.get("http_config") {
        Some(node) => read_http_config(node, &format!("{path}.http_config"), cx),
        None => None,
    };
    let send_resolved = fields.flag("send_resolved", cx).unwrap_or(true);
    let max_alerts = fields
        .get("max_alerts")
        .and_then(|node| cx.number(node, &format!("{path}.max_alerts"), "a whole number; 0 = all", |_: &u64| true));
    let timeout = match fields.get("timeout") {
        // Alertmanager's 0s means "no limit of its own".
        Some(node) => cx
            .duration(node, &format!("{path}.timeout"), Duration::ZERO, Duration::from_mins(5))
            .filter(|timeout| !timeout.is_zero()),
        None => None,
    };
    fields.finish(&[], cx);
    Some(WebhookConfig {
        url: Phi::new(url?),
        authorization,
        send_resolved,
        max_alerts: max_alerts.unwrap_or(0),
        timeout: timeout.unwrap_or(WEBHOOK_TIMEOUT),
    })
}

/// A URL of somebody else's: http is allowed, with a warning.
pub fn read_outside_url(text: &str, path: &str, at: super::tree::Place, cx: &mut Reading<'_>) -> Option<String> {
    match parse_url(text) {
        Err(says) => {
            cx.error(at, format!("{path} {says}"), "write it as https://host/path");
            None
        }
        Ok(url) => {
            if url.scheme() == "http" && !url_is_loopback(&url) {
                cx.warn(at, format!("{path} is plain http to another machine"), "write https:// if it answers there");
            }
            Some(text.trim().to_owned())
        }
    }
}

fn read_http_config(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<SecretString> {
    let mut fields = Fields::of(node, path, cx)?;
    let authorization = read_authorization(&mut fields, cx);
    let elsewhere = [
        ("tls_config", "the system's certificates are used: remove it"),
        ("proxy_url", "proxies are not used: remove it"),
        ("follow_redirects", "redirects are never followed: remove it"),
        ("enable_http2", "it is chosen by itself: remove it"),
        ("oauth2", "it is not spoken: use authorization or basic_auth"),
        ("bearer_token", "write authorization: {credentials: …}"),
        ("bearer_token_file", "write authorization: {credentials_file: …}"),
    ];
    fields.finish(&elsewhere, cx);
    authorization
}

/// What `authorization` or `basic_auth` of a mapping say, as the header has it.
pub fn read_authorization(fields: &mut Fields<'_>, cx: &mut Reading<'_>) -> Option<SecretString> {
    let (authorization, basic) = (fields.get("authorization"), fields.get("basic_auth"));
    if let (Some(_), Some(node)) = (authorization, basic) {
        let both = fields.path("authorization");
        cx.error(node.at, format!("{both} and basic_auth are both set"), "keep one of the two");
    }
    if let Some(node) = authorization {
        let path = fields.path("authorization");
        let mut fields = Fields::of(node, &path, cx)?;
        let scheme = fields.word("type", cx).unwrap_or_else(|| "Bearer".into());
        let credentials = either(&mut fields, "credentials", "credentials_file", cx);
        fields.finish(&[], cx);
        return Some(format!("{scheme} {}", credentials?.expose_secret()).into());
    }
    let path = fields.path("basic_auth");
    let mut fields = Fields::of(basic?, &path, cx)?;
    let username = fields.need("username", "write the user's name", cx);
    let username = username.and_then(|node| secret::value(node, &format!("{path}.username"), cx));
    let password = either(&mut fields, "password", "password_file", cx);
    fields.finish(&[], cx);
    let login = format!("{}:{}", username?, password?.expose_secret());
    Some(format!("Basic {}", BASE64_STANDARD.encode(login)).into())
}

/// A secret by one of two keys, exactly one of which must be there.
fn either(
    fields: &mut Fields<'_>,
    plain: &'static str,
    file: &'static str,
    cx: &mut Reading<'_>,
) -> Option<SecretString> {
    match (fields.get(plain), fields.get(file)) {
        (Some(node), None) => secret::secret(node, &fields.path(plain), cx),
        (None, Some(node)) => secret::file(node, &fields.path(file), cx),
        (Some(_), Some(node)) => {
            cx.error(node.at, format!("{} and {file} are both set", fields.path(plain)), "keep one of the two");
            None
        }
        (None, None) => {
            cx.error(fields.at, format!("{} is not set", fields.path(plain)), format!("write it, or {file}"));
            None
        }
    }
}
