//! `sms_gateways[].http`: any provider that takes a text in one HTTP request.

use serde_json::{Map, Number, Value as Json};

use super::super::{
    address::{parse_url, url_is_loopback},
    reading::{Fields, Reading},
    receivers::read_authorization,
    seams, secret,
    tree::{Node, Value},
};
use crate::notify::receiver::{HttpBody, HttpGateway, HttpStatus};

/// Deeper is no provider's request.
const DEPTH_MAX: usize = 8;

pub(super) fn read(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<HttpGateway> {
    let mut fields = Fields::of(node, path, cx)?;
    let url = fields
        .need("url", "write where the provider takes a text, as https://sms.example.com/messages", cx)
        .and_then(|node| read_url(node, &format!("{path}.url"), cx));
    let method = match fields.get("method") {
        Some(node) => cx.one_of(node, &format!("{path}.method"), &["POST", "PUT", "GET"]),
        None => Some("POST"),
    };
    let headers =
        fields.get("headers").map_or_else(Vec::new, |node| read_headers(node, &format!("{path}.headers"), cx));
    let authorization = read_authorization(&mut fields, cx);
    let (json, form) = (fields.get("json"), fields.get("form"));
    let body = match (json, form) {
        (Some(node), None) if method == Some("GET") => {
            cx.error(node.at, format!("{path}.json does not go with GET"), "write form: its fields become the query");
            None
        }
        (Some(node), None) => read_json(node, &format!("{path}.json"), DEPTH_MAX, cx).map(HttpBody::Json),
        (None, Some(node)) => read_form(node, &format!("{path}.form"), cx).map(HttpBody::Form),
        (Some(_), Some(node)) => {
            cx.error(node.at, format!("{path} has both json and form"), "keep one of the two");
            None
        }
        (None, None) => {
            let instead = "write json: { to: \"{{ to }}\", text: \"{{ text }}\" } with the provider's names, or form:";
            cx.error(fields.at, format!("{path} says nothing to send"), instead);
            None
        }
    };
    if let (Some(body), Some(node)) = (&body, json.or(form)) {
        let written = match body {
            HttpBody::Json(value) => value.to_string(),
            HttpBody::Form(fields) => fields.iter().map(|(_, value)| value.as_str()).collect(),
        };
        let written = format!("{written} {}", url.as_deref().unwrap_or_default());
        for name in ["to", "text"] {
            if !mentions(&written, name) {
                let what = format!("{path} never says {{{{ {name} }}}}");
                cx.error(node.at, what, "every text needs its number and its words");
            }
        }
    }
    let ok = fields.get("ok").map_or_else(Vec::new, |node| read_statuses(node, &format!("{path}.ok"), cx));
    let id = fields.get("id").and_then(|node| read_pointer(node, &format!("{path}.id"), cx));
    let status_node = fields.get("status");
    let status = status_node.and_then(|node| read_status(node, &format!("{path}.status"), cx));
    if let (Some(node), None) = (status_node, fields.get("id")) {
        cx.error(node.at, format!("{path}.status needs the text's id"), "write id: where it stands, as /message/id");
    }
    fields.finish(
        &[("body", "write json: or form:"), ("basic_auth_password", "write basic_auth: {username, password}")],
        cx,
    );
    Some(HttpGateway { url: url?, method: method?.to_owned(), headers, authorization, body: body?, ok, id, status })
}

fn mentions(written: &str, name: &str) -> bool {
    written.split("{{").skip(1).any(|part| {
        let inside = part.split("}}").next().unwrap_or_default();
        inside.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == name)
    })
}

/// An address, which may be a template: https, or http to this machine.
fn read_url(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = secret::value(node, path, cx)?;
    let plain = text.split_once("{{").map_or(text.as_str(), |(before, _)| before);
    match parse_url(plain) {
        Ok(url) if url.scheme() == "http" && !url_is_loopback(&url) => {
            let instead = "write https://; plain http only goes to this machine";
            cx.error(node.at, format!("{path} is http:// to another machine"), instead);
            None
        }
        // The host must not be a template: where texts go is no matter of the text.
        Ok(url) if text.len() > plain.len() && url.path() == "/" && !plain.ends_with('/') && url.query().is_none() => {
            cx.error(node.at, format!("{path} has a template for its host"), "write the host as it is");
            None
        }
        Ok(_) => template(&text, node, path, cx),
        Err(says) => {
            cx.error(node.at, format!("{path} {says}"), "write an address, as https://sms.example.com/messages");
            None
        }
    }
}

fn template(text: &str, node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    match seams::gateway_template(text) {
        Ok(()) => Some(text.to_owned()),
        Err((what, instead)) => {
            cx.error(node.at, format!("{path}: {what}"), instead);
            None
        }
    }
}

fn read_headers(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<(String, secrecy::SecretString)> {
    let Some(fields) = Fields::of(node, path, cx) else { return Vec::new() };
    let mut headers = Vec::new();
    for (key, value) in fields.entries() {
        let value_path = format!("{path}.{}", key.text);
        let named = reqwest::header::HeaderName::from_bytes(key.text.as_bytes()).is_ok();
        if !named || key.text.eq_ignore_ascii_case("authorization") {
            let instead = if named { "write authorization: or basic_auth:" } else { "write a header's name" };
            cx.error(key.at, format!("{value_path} is no header that can be set here"), instead);
            continue;
        }
        let Some(text) = secret::value(value, &value_path, cx) else { continue };
        if reqwest::header::HeaderValue::from_str(&text).is_err() {
            cx.error(
                value.at,
                format!("{value_path} is no header's value"),
                "write it in one line of plain characters",
            );
            continue;
        }
        headers.push((key.text.clone(), text.into()));
    }
    headers
}

fn read_json(node: &Node, path: &str, depth: usize, cx: &mut Reading<'_>) -> Option<Json> {
    if depth == 0 {
        cx.error(node.at, format!("{path} is too deep"), format!("write at most {DEPTH_MAX} levels"));
        return None;
    }
    match &node.value {
        Value::Null => Some(Json::Null),
        Value::Spoiled => None,
        Value::Scalar { text, quoted: false } if text == "true" || text == "false" => Some(Json::Bool(text == "true")),
        Value::Scalar { text, quoted: false } if text.parse::<Number>().is_ok() => text.parse().ok().map(Json::Number),
        Value::Scalar { text, .. } => template(text, node, path, cx).map(Json::String),
        Value::List(items) => {
            let read: Vec<Option<Json>> = items
                .iter()
                .enumerate()
                .map(|(n, item)| read_json(item, &format!("{path}[{n}]"), depth - 1, cx))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Value::Map(entries) => {
            let read: Vec<Option<(String, Json)>> = entries
                .iter()
                .map(|(key, value)| {
                    let path = format!("{path}.{}", key.text);
                    // A key may come from elsewhere, as any secret.
                    Some((key.text.clone(), read_json_value(value, &path, depth - 1, cx)?))
                })
                .collect();
            read.into_iter().collect::<Option<Map<_, _>>>().map(Json::Object)
        }
    }
}

/// A value of a mapping: `{env: NAME}` and its like are what they stand for.
fn read_json_value(node: &Node, path: &str, depth: usize, cx: &mut Reading<'_>) -> Option<Json> {
    if let Value::Map(entries) = &node.value
        && let [(key, Node { value: Value::Scalar { .. } | Value::List(_), .. })] = entries.as_slice()
        && matches!(key.text.as_str(), "env" | "file" | "command")
    {
        return secret::value(node, path, cx).map(|text| Json::String(literal(&text)));
    }
    read_json(node, path, depth, cx)
}

/// A text in which no template is seen.
fn literal(text: &str) -> String {
    if text.contains("{{") || text.contains("{%") || text.contains("{#") {
        format!("{{% raw %}}{}{{% endraw %}}", text.replace("{% endraw %}", ""))
    } else {
        text.to_owned()
    }
}

fn read_form(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<Vec<(String, String)>> {
    let fields = Fields::of(node, path, cx)?;
    let read: Vec<Option<(String, String)>> = fields
        .entries()
        .iter()
        .map(|(key, value)| {
            let path = format!("{path}.{}", key.text);
            if let Value::Map(_) = value.value {
                return Some((key.text.clone(), literal(&secret::value(value, &path, cx)?)));
            }
            let text = cx.word(value, &path)?;
            Some((key.text.clone(), template(&text, value, &path, cx)?))
        })
        .collect();
    read.into_iter().collect()
}

fn read_statuses(node: &Node, path: &str, cx: &mut Reading<'_>) -> Vec<u16> {
    let Some(items) = cx.list(node, path) else { return Vec::new() };
    items
        .iter()
        .enumerate()
        .filter_map(|(n, item)| {
            cx.number(item, &format!("{path}[{n}]"), "an HTTP status from 200 to 299", |status: &u16| {
                (200..300).contains(status)
            })
        })
        .collect()
}

fn read_pointer(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<String> {
    let text = cx.word(node, path)?;
    if !text.starts_with('/') {
        cx.error(node.at, format!("{path} is \"{text}\""), format!("write where it stands, as /{text}"));
        return None;
    }
    Some(text)
}

fn read_status(node: &Node, path: &str, cx: &mut Reading<'_>) -> Option<HttpStatus> {
    let mut fields = Fields::of(node, path, cx)?;
    let url = fields
        .need("url", "write where a text's state is read, as https://sms.example.com/messages/{{ id }}", cx)
        .and_then(|node| read_url(node, &format!("{path}.url"), cx));
    let state = fields
        .need("state", "write where the state stands in the answer, as /status", cx)
        .and_then(|node| read_pointer(node, &format!("{path}.state"), cx));
    let mut states = |key, instead, cx: &mut Reading<'_>| {
        let node = fields.need(key, instead, cx)?;
        let words = cx.words(node, &format!("{path}.{key}"))?;
        Some(words.into_iter().map(|(word, _)| word).collect())
    };
    let delivered = states("delivered", "write the states that mean it arrived, as [delivered]", cx);
    let undelivered = states("undelivered", "write the states that mean it never will, as [failed, expired]", cx);
    fields.finish(&[], cx);
    Some(HttpStatus { url: url?, state: state?, delivered: delivered?, undelivered: undelivered? })
}
