//! Any provider that takes a text in one HTTP request, as the configuration describes it.
//!
//! Given: a text and a number. Gives: whether the provider took it, and what became of it where that can be asked.
//! Does not: hear replies, or settle a doubt: there is no list to ask, so what may have left is sent again and counted.
//! Without a way to ask, a text stays unconfirmed.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, header::AUTHORIZATION};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::{
    model::{Phi, PhiGrant},
    notify::{
        channel::{Again, Delivery, Http, Moment, Scope, Verdict, http_failure, is_a_gates, retry_after},
        fill::{Filling, fill},
        message::Message,
        receiver::{HttpBody, HttpGateway},
    },
};

/// Longer ids are none.
const ID_MAX: usize = 200;

/// One provider.
#[derive(Debug)]
pub struct HttpSms {
    http: Http,
    settings: HttpGateway,
    timeout: Duration,
}

impl HttpSms {
    pub(in crate::notify) const fn new(http: Http, settings: HttpGateway, timeout: Duration) -> Self {
        Self { http, settings, timeout }
    }

    pub(in crate::notify) async fn send(&self, message: &Message, text: &str, moment: Moment) -> Verdict {
        let to = message.address.reveal(PhiGrant::SEND);
        let filling = Filling { to, text, id: message.id.as_str() };
        let request = match self.request(filling) {
            Ok(request) => request,
            Err(why) => return Verdict::NotSent { why, scope: Scope::Account, retry_after: None },
        };
        let response = match request.timeout(self.timeout).send().await {
            Ok(response) => response,
            Err(error) => return http_failure(&error),
        };
        let status = response.status();
        let wait = retry_after(response.headers(), moment.real);
        let body = response.bytes().await;
        if self.is_taken(status) {
            let answer = body.ok().and_then(|body| serde_json::from_slice::<Value>(&body).ok());
            let id = self.settings.id.as_ref().zip(answer.as_ref()).and_then(|(place, answer)| id_at(answer, place));
            return Verdict::Sent { provider_id: id };
        }
        refused(status, wait)
    }

    fn is_taken(&self, status: StatusCode) -> bool {
        if self.settings.ok.is_empty() { status.is_success() } else { self.settings.ok.contains(&status.as_u16()) }
    }

    fn request(&self, filling: Filling<'_>) -> Result<RequestBuilder, String> {
        let in_url = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        let (to, text, id) = (in_url(filling.to), in_url(filling.text), in_url(filling.id));
        let url = fill(&self.settings.url, Filling { to: &to, text: &text, id: &id })?;
        let method = Method::from_bytes(self.settings.method.as_bytes()).map_err(|_| "no such method".to_owned())?;
        let is_get = method == Method::GET;
        let request = self.with_headers(self.http.client(&url).request(method, &url));
        Ok(match &self.settings.body {
            HttpBody::Json(value) => request.json(&filled(value, filling)?),
            HttpBody::Form(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| Ok((name.as_str(), fill(value, filling)?)))
                    .collect::<Result<Vec<_>, String>>()?;
                if is_get { request.query(&fields) } else { request.form(&fields) }
            }
        })
    }

    fn with_headers(&self, mut request: RequestBuilder) -> RequestBuilder {
        for (name, value) in &self.settings.headers {
            request = request.header(name, value.expose_secret());
        }
        match &self.settings.authorization {
            Some(authorization) => request.header(AUTHORIZATION, authorization.expose_secret()),
            None => request,
        }
    }

    pub(in crate::notify) async fn delivery(&self, id: &str, to: &Phi<String>) -> Delivery {
        let Some(asking) = &self.settings.status else { return Delivery::Unknown };
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        let to: String = url::form_urlencoded::byte_serialize(to.reveal(PhiGrant::SEND).as_bytes()).collect();
        let Ok(url) = fill(&asking.url, Filling { to: &to, text: "", id: &id }) else { return Delivery::NoAnswer };
        let request = self.with_headers(self.http.client(&url).get(&url)).timeout(self.timeout);
        let Ok(response) = request.send().await else { return Delivery::NoAnswer };
        if response.status() == StatusCode::NOT_FOUND {
            return Delivery::Unknown;
        }
        if !response.status().is_success() {
            return Delivery::NoAnswer;
        }
        let Ok(answer) = response.json::<Value>().await else { return Delivery::NoAnswer };
        let Some(state) = word_at(&answer, &asking.state) else { return Delivery::Pending };
        let among = |states: &[String]| states.iter().any(|known| known.eq_ignore_ascii_case(&state));
        if among(&asking.delivered) {
            Delivery::Delivered
        } else if among(&asking.undelivered) {
            Delivery::Undelivered { code: String::new(), again: Again::Never, bad: None }
        } else {
            Delivery::Pending
        }
    }
}

/// A value in which every text is filled in.
fn filled(value: &Value, filling: Filling<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(fill(text, filling)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| filled(item, filling)).collect::<Result<_, _>>()?),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| Ok((name.clone(), filled(value, filling)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn word_at(answer: &Value, place: &str) -> Option<String> {
    match answer.pointer(place)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

fn id_at(answer: &Value, place: &str) -> Option<String> {
    word_at(answer, place).filter(|id| !id.is_empty() && id.len() <= ID_MAX && !id.chars().any(char::is_control))
}

/// What a status that means no means. Nobody knows the provider's own codes.
fn refused(status: StatusCode, retry_after: Option<Duration>) -> Verdict {
    let why = format!("HTTP {}", status.as_u16());
    match status.as_u16() {
        _ if is_a_gates(status) => Verdict::MayHaveLeft { why },
        400 | 409..=417 | 422 => Verdict::Refused { why, bad: None },
        408 | 425 | 429 | 500.. => Verdict::NotSent { why, scope: Scope::Way, retry_after },
        _ => Verdict::NotSent { why, scope: Scope::Account, retry_after },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_written_as_json_whatever_is_in_them() {
        let template = json!({ "message": { "to": ["{{ to }}"], "body": "{{ text }}", "ref": "{{ id }}" }, "n": 1 });
        let filling = Filling { to: "+12025550111", text: "a \"b\" \\ \n {{ c }}", id: "m1" };
        let filled = filled(&template, filling).unwrap();
        let written = serde_json::to_string(&filled).unwrap();
        let read: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(read["message"]["body"], "a \"b\" \\ \n {{ c }}");
        assert_eq!(read["message"]["to"][0], "+12025550111");
        assert_eq!(read["n"], 1);
    }

    #[test]
    fn statuses_are_judged() {
        let scope = |status: u16| match refused(StatusCode::from_u16(status).unwrap(), None) {
            Verdict::Refused { .. } => "refused",
            Verdict::NotSent { scope: Scope::Way, .. } => "way",
            Verdict::NotSent { scope: Scope::Account, .. } => "account",
            Verdict::MayHaveLeft { .. } => "uncertain",
            _ => "other",
        };
        for (status, expected) in [
            (400, "refused"),
            (401, "account"),
            (402, "account"),
            (502, "uncertain"),
            (504, "uncertain"),
            (403, "account"),
            (404, "account"),
            (429, "way"),
            (503, "way"),
            (302, "account"),
        ] {
            assert_eq!(scope(status), expected, "{status}");
        }
    }

    #[test]
    fn an_id_is_a_short_word_or_a_number() {
        let answer = json!({ "a": { "id": 17, "long": "x".repeat(300) }, "list": [{ "id": "m-1" }], "empty": "" });
        assert_eq!(id_at(&answer, "/a/id").as_deref(), Some("17"));
        assert_eq!(id_at(&answer, "/list/0/id").as_deref(), Some("m-1"));
        for nowhere in ["/a/long", "/empty", "/a", "/b"] {
            assert_eq!(id_at(&answer, nowhere), None, "{nowhere}");
        }
    }
}
